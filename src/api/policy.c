/* /v1/policy: what the user must accept first. */
#include "core/policy.h"

#include "api/request.h"

static void answer(struct lt_request *r)
{
    struct lt_error err;
    struct lt_policy_status status;
    if (lt_policy_get(r->api->options.store, r->arena, &r->caller, &status, &err)) {
        lt_reply_problem(r, &err, NULL);
        return;
    }
    struct lt_json_reply j;
    struct lt_jw *w = lt_json_begin(&j);
    lt_jw_obj(w);
    lt_jw_kbool(w, "accepted", status.accepted || !lt_policy_asked(r->caller.site)); /* clients ask for consent when false */
    lt_jw_kstr(w, "version", status.version);
    lt_jw_kstr(w, "text", status.text);
    if (status.accepted)
        lt_jw_ktime(w, "accepted_at", status.accepted_at);
    lt_jw_end(w);
    lt_json_end(r, 200, &j);
}

void lt_get_policy(struct lt_request *r)
{
    struct lt_error err;
    if (lt_auth_need_user(r, &err))
        lt_reply_problem(r, &err, NULL);
    else
        answer(r);
}

void lt_put_policy(struct lt_request *r)
{
    struct lt_error err;
    const struct lt_json *context = lt_json_get(r->body, "context");
    struct lt_str context_text = context ? lt_json_text(r->arena, context) : LT_STR("");
    if (lt_auth_need_user(r, &err) ||
        lt_policy_accept(r->api->options.store, &r->caller, lt_json_str(lt_json_get(r->body, "version")), context_text, &err))
        lt_reply_problem(r, &err, NULL);
    else
        answer(r);
}

void lt_delete_policy(struct lt_request *r)
{
    struct lt_error err;
    if (lt_auth_need_user(r, &err) || lt_policy_withdraw(r->api->options.store, &r->caller, &err))
        lt_reply_problem(r, &err, NULL);
    else
        answer(r);
}
