/* /v1/policy: what the user must accept first, in the language that they read. */
#include "core/policy.h"

#include <stdio.h>

#include "api/policies.h"
#include "core/policy_text.h"
#include "io/worker.h"
#include "text/markdown.h"

/* ---- the text ---- */

struct render {
    struct lt_arena *arena;
    struct lt_str markdown, html;
    enum lt_code rc;
    struct lt_error err;
};

static void render(void *arg)
{
    struct render *r = arg;
    r->rc = lt_markdown_html(r->arena, r->markdown, &r->html, &r->err);
}

enum lt_code lt_policy_html(struct lt_request *r, struct lt_str markdown, struct lt_str *ret, struct lt_error *err)
{
    struct render job = {.arena = r->arena, .markdown = markdown};
    if (lt_work(render, &job))
        return lt_fail(err, LT_EOVERLOADED, "too much is waiting to be computed");
    *err = job.err;
    *ret = job.html;
    return job.rc;
}

/* ?lang, what the client prefers, what the LMS knows of the user: the first that is said. */
static const struct lt_policy_text *text_for(struct lt_request *r)
{
    bool twice;
    struct lt_str wanted = lt_query(r, "lang");
    if (wanted.n == 0)
        wanted = lt_http_field(&r->http->head, "Accept-Language", &twice);
    if (wanted.n == 0)
        wanted = r->caller.locale;
    return lt_policy_text_for(r->caller.site, wanted);
}

static void put_languages(struct lt_jw *w, const struct lt_site *site)
{
    lt_jw_key(w, "languages");
    lt_jw_arr(w);
    for (size_t i = 0; i < site->policy_texts_n; i++)
        lt_jw_str(w, site->policy_texts[i].language);
    lt_jw_end(w);
}

static void put_acceptance(struct lt_jw *w, const struct lt_policy_status *status)
{
    if (!status->accepted)
        return;
    lt_jw_ktime(w, "accepted_at", status->accepted_at);
    lt_jw_kstr(w, "accepted_version", status->accepted_version);
    lt_jw_kstr(w, "accepted_language", status->accepted_language);
}

static void answer(struct lt_request *r)
{
    struct lt_error err;
    struct lt_policy_status status;
    const struct lt_policy_text *text = text_for(r);
    struct lt_str html = LT_STR("");
    if (lt_policy_get(r->api->options.store, r->arena, &r->caller, &status, &err) || (text && lt_policy_html(r, text->text, &html, &err))) {
        lt_reply_problem(r, &err, NULL);
        return;
    }
    struct lt_json_reply j;
    struct lt_jw *w = lt_json_begin(&j);
    lt_jw_obj(w);
    lt_jw_kbool(w, "accepted", status.accepted || !lt_policy_asked(r->caller.site)); /* clients ask for consent when false */
    lt_jw_kstr(w, "version", status.version);
    lt_jw_kstr(w, "language", text ? text->language : LT_STR(""));
    put_languages(w, r->caller.site);
    lt_jw_kstr(w, "text", text ? text->text : LT_STR(""));
    lt_jw_kstr(w, "html", html);
    put_acceptance(w, &status);
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

/* ---- accepting ---- */

/* What the user has read: as the body says, else what GET would have given. */
static enum lt_code language_of(struct lt_request *r, struct lt_str *ret, struct lt_error *err)
{
    const struct lt_site *site = r->caller.site;
    const struct lt_json *named = lt_json_get(r->body, "language");
    const struct lt_policy_text *text = text_for(r);
    *ret = text ? text->language : LT_STR("");
    if (!named)
        return LT_OK;
    *ret = lt_policy_language(r->arena, lt_json_str(named));
    for (size_t i = 0; i < site->policy_texts_n; i++)
        if (lt_str_eq(site->policy_texts[i].language, *ret))
            return LT_OK;
    return lt_fail_field(err, LT_EINVALID_INPUT, "/language", "the policy has no text in '%.*s'", LT_FMT(lt_json_str(named)));
}

static enum lt_code accept_policy(struct lt_request *r, struct lt_error *err)
{
    const struct lt_json *context = lt_json_get(r->body, "context");
    struct lt_str context_text = context ? lt_json_text(r->arena, context) : LT_STR(""), language;
    if (lt_auth_need_user(r, err) || language_of(r, &language, err))
        return err->code;
    return lt_policy_accept(r->api->options.store, &r->caller, lt_json_str(lt_json_get(r->body, "version")), language, context_text, err);
}

void lt_put_policy(struct lt_request *r)
{
    struct lt_error err;
    if (accept_policy(r, &err))
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

/* ---- many users at once ---- */

static enum lt_code read_users(struct lt_request *r, struct lt_str **ret, size_t *ret_n, struct lt_error *err)
{
    const struct lt_json *list = lt_json_get(r->body, "user_ids");
    *ret_n = lt_json_len(list);
    *ret = LT_NEW_ARRAY(r->arena, struct lt_str, *ret_n);
    for (size_t i = 0; i < *ret_n; i++) {
        (*ret)[i] = lt_json_str(lt_json_at(list, i));
        if (!lt_user_id_ok((*ret)[i])) {
            char field[32];
            snprintf(field, sizeof(field), "/user_ids/%zu", i);
            return lt_fail_field(err, LT_EINVALID_INPUT, field, LT_USER_ID_RULE);
        }
    }
    return LT_OK;
}

static enum lt_code read_status(struct lt_request *r, struct lt_str **ret_users, size_t *ret_n, struct lt_policy_status **ret, struct lt_error *err)
{
    if (r->caller.is_user)
        return lt_fail(err, LT_EPERMISSION, "only the LMS may ask about other users");
    if (read_users(r, ret_users, ret_n, err))
        return err->code;
    *ret = LT_NEW_ARRAY(r->arena, struct lt_policy_status, *ret_n);
    return lt_policy_get_many(r->api->options.store, r->arena, r->caller.site, *ret_users, *ret_n, *ret, err);
}

void lt_post_policy_status(struct lt_request *r)
{
    struct lt_error err;
    struct lt_policy_status *status = NULL;
    struct lt_str *users = NULL;
    size_t n = 0;
    if (read_status(r, &users, &n, &status, &err)) {
        lt_reply_problem(r, &err, NULL);
        return;
    }
    struct lt_json_reply j;
    struct lt_jw *w = lt_json_begin(&j);
    lt_jw_obj(w);
    lt_jw_kstr(w, "version", r->caller.site->policy_version);
    lt_jw_key(w, "users");
    lt_jw_arr(w);
    for (size_t i = 0; i < n; i++) {
        lt_jw_obj(w);
        lt_jw_kstr(w, "user_id", users[i]);
        lt_jw_kbool(w, "accepted", status[i].accepted || !lt_policy_asked(r->caller.site));
        put_acceptance(w, &status[i]);
        lt_jw_end(w);
    }
    lt_jw_end(w);
    lt_jw_end(w);
    lt_json_end(r, 200, &j);
}
