/* /v1/actions/calls/{id}/feedback: what whoever made a call thinks of its answer. */
#include "core/feedback.h"

#include "api/request.h"

static void reply(struct lt_request *r, struct lt_uuid id)
{
    struct lt_error err;
    struct lt_feedback f;
    char text[37];
    struct lt_json_reply j;
    if (lt_feedback_get(r->api->options.store, r->arena, &r->caller, id, &f, &err)) {
        lt_reply_problem(r, &err, NULL);
        return;
    }
    struct lt_jw *w = lt_json_begin(&j);
    lt_uuid_format(id, text);
    lt_jw_obj(w);
    lt_jw_kstrz(w, "id", text);
    lt_feedback_write(w, &f);
    lt_jw_kbool(w, "comments", f.comments);
    lt_jw_end(w);
    lt_json_end(r, 200, &j);
}

void lt_get_feedback(struct lt_request *r)
{
    struct lt_error err;
    struct lt_uuid id;
    if (lt_param_uuid(r, &id, &err))
        lt_reply_problem(r, &err, NULL);
    else
        reply(r, id);
}

void lt_put_feedback(struct lt_request *r)
{
    struct lt_error err;
    struct lt_uuid id;
    struct lt_feedback f = {.rating = lt_json_str(lt_json_get(r->body, "rating")),
                            .reason = lt_json_str_or(lt_json_get(r->body, "reason"), LT_STR("")),
                            .comment = lt_str_trim(lt_json_str_or(lt_json_get(r->body, "comment"), LT_STR("")))};
    if (lt_param_uuid(r, &id, &err) || lt_feedback_put(r->api->options.store, r->arena, &r->caller, id, &f, &err))
        lt_reply_problem(r, &err, NULL);
    else
        reply(r, id);
}

void lt_delete_feedback(struct lt_request *r)
{
    struct lt_error err;
    struct lt_uuid id;
    if (lt_param_uuid(r, &id, &err) || lt_feedback_remove(r->api->options.store, r->arena, &r->caller, id, &err))
        lt_reply_problem(r, &err, NULL);
    else
        reply(r, id);
}
