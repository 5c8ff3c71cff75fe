/* GET and PATCH prompts/ID/ of the Open edX door: staff read a prompt template and change its text, nothing else. */
#include "api/openedx.h"

static void answer_prompt(struct lt_request *r, const struct lt_prompt *p)
{
    char id[37];
    struct lt_json_reply j;
    struct lt_jw *w = lt_json_begin(&j);
    lt_uuid_format(p->uuid, id);
    lt_jw_obj(w);
    lt_jw_kstrz(w, "id", id);
    lt_jw_kstr(w, "slug", p->slug);
    lt_jw_kstr(w, "body", p->body);
    lt_jw_ktime(w, "created_at", p->created_at);
    lt_jw_ktime(w, "updated_at", p->updated_at);
    lt_jw_key(w, "usage");
    lt_jw_obj(w);
    lt_jw_kint(w, "profile_count", (int64_t)lt_prompt_count_profiles(lt_workflows(r->config), p));
    lt_jw_end(w);
    lt_jw_end(w);
    lt_json_end(r, 200, &j);
}

static void answer_not_found(struct lt_request *r)
{
    struct lt_json_reply j;
    struct lt_jw *w = lt_json_begin(&j);
    lt_jw_obj(w);
    lt_jw_kstrz(w, "error", "There is no such prompt template.");
    lt_jw_kstrz(w, "status", "not_found");
    lt_openedx_timestamp(w);
    lt_jw_end(w);
    lt_json_end(r, 404, &j);
}

static void refuse(struct lt_request *r, const struct lt_error *err)
{
    if (err->code == LT_ENOT_FOUND)
        answer_not_found(r);
    else
        lt_reply_problem(r, err, NULL);
}

/* Staff of the context's course, or of the site; and the prompt, when it is there. */
static enum lt_code find(struct lt_request *r, const struct lt_prompt **ret, struct lt_error *err)
{
    struct lt_scope_context context;
    if (lt_openedx_context(r, &context, err) || lt_openedx_check_staff(r, context.course_id, err))
        return err->code;
    return lt_prompt_find(lt_workflows(r->config), lt_request_site(r)->id, r->params[0], ret, err);
}

void lt_openedx_get_prompt(struct lt_request *r)
{
    struct lt_error err;
    const struct lt_prompt *p;
    if (find(r, &p, &err))
        refuse(r, &err);
    else
        answer_prompt(r, p);
}

/* ---- PATCH ---- */

/* The members that may be there: a site key names its user in one. */
static bool is_known(struct lt_request *r, struct lt_str key)
{
    return lt_str_is(key, "body") || (lt_str_is(key, "user") && r->caller.key);
}

static const char *fault_of_body(const struct lt_json *body)
{
    if (!body)
        return "Nothing else can be changed, and this is missing.";
    if (!lt_json_is(body, LT_JSON_STRING))
        return "This must be text.";
    return lt_str_trim(lt_json_str(body)).n == 0 ? "This must not be blank." : NULL;
}

/* {field: what is wrong with it, …} as 400. False: nothing is wrong, and nothing was sent. */
static bool refuse_fields(struct lt_request *r)
{
    struct lt_json_reply j;
    struct lt_jw *w = lt_json_begin(&j);
    size_t wrong = 0;
    lt_jw_obj(w);
    for (size_t i = 0; i < lt_json_len(r->body); i++) {
        struct lt_str key = lt_json_key_at(r->body, i);
        if (is_known(r, key))
            continue;
        lt_jw_key_str(w, key);
        lt_jw_strz(w, "This field cannot be changed.");
        wrong++;
    }
    const struct lt_json *body = lt_json_get(r->body, "body");
    const char *fault = body || wrong == 0 ? fault_of_body(body) : NULL;
    if (fault)
        lt_jw_kstrz(w, "body", fault);
    lt_jw_end(w);
    if (wrong > 0 || fault)
        lt_json_end(r, 400, &j);
    else
        lt_buf_free(&j.buf);
    return wrong > 0 || fault;
}

/* {"body": …} alone, whoever is named beside it. */
static const struct lt_json *patch_of(struct lt_request *r)
{
    struct lt_json_reply j;
    const struct lt_json *patch = NULL;
    struct lt_jw *w = lt_json_begin(&j);
    lt_jw_obj(w);
    lt_jw_kjson(w, "body", lt_json_get(r->body, "body"));
    lt_jw_end(w);
    lt_json_parse(r->arena, lt_str_copy(r->arena, lt_buf_str(&j.buf)), LT_JSON_STRICT, &patch, NULL);
    lt_buf_free(&j.buf);
    return patch;
}

/* A text that cannot be saved is the field's fault. */
static void refuse_save(struct lt_request *r, const struct lt_error *err)
{
    if (err->code != LT_EINVALID_INPUT) {
        refuse(r, err);
        return;
    }
    struct lt_json_reply j;
    struct lt_jw *w = lt_json_begin(&j);
    lt_jw_obj(w);
    lt_jw_kstrz(w, "body", err->detail);
    lt_jw_end(w);
    lt_json_end(r, 400, &j);
}

void lt_openedx_patch_prompt(struct lt_request *r)
{
    struct lt_error err;
    const struct lt_prompt *p;
    char id[37];
    if (find(r, &p, &err)) {
        refuse(r, &err);
        return;
    }
    if (refuse_fields(r))
        return;
    lt_uuid_format(p->uuid, id);
    if (lt_prompt_change(r->api->options.store, r->caller.site->slug, lt_str(id), patch_of(r), lt_request_who(r), &err) ||
        lt_request_reload(r, &err) || lt_prompt_find(lt_workflows(r->config), lt_request_site(r)->id, lt_str(id), &p, &err))
        refuse_save(r, &err);
    else
        answer_prompt(r, p);
}
