/* Asking the LMS about a course in the name of a user: what they are in it, and whom of it they may see. Fuzzed by tests/fuzz/fuzz_lms_roles.c. */
#include "core/lms_roles.h"

#include "io/fiber.h"
#include "io/http_client.h"
#include "io/url.h"
#include "text/json.h"

/* Escaped, so that '+' in a course's id stays one. */
static struct lt_str address(struct lt_arena *arena, struct lt_str url, struct lt_str course_id, const char *more)
{
    return lt_printf(arena, "%.*s%scourse_id=%.*s%s", LT_FMT(url), memchr(url.p, '?', url.n) ? "&" : "?", LT_FMT(lt_url_escape(arena, course_id)),
                     more);
}

static enum lt_code read_reply(struct lt_arena *arena, struct lt_http_reply *reply, struct lt_str *ret, struct lt_error *err)
{
    int status = lt_http_reply_head(reply)->status;
    if (status == 200)
        return lt_http_reply_read_all(reply, arena, ret, err);
    lt_fail(err, status == 401 || status == 403 ? LT_EUPSTREAM_UNAUTHORIZED : LT_EUPSTREAM_UNAVAILABLE, "it answered with status %d", status);
    err->vendor_status = status;
    return err->code;
}

enum lt_code lt_lms_ask(struct lt_lms_roles_stats *stats, struct lt_tls *tls, struct lt_arena *arena, const struct lt_caller *caller,
                        struct lt_str course_id, const char *more, uint64_t deadline_ms, struct lt_str *ret_body, struct lt_error *err)
{
    const struct lt_http_field fields[] = {
        {LT_STR("Accept"), LT_STR("application/json")},
        {LT_STR("Authorization"), lt_printf(arena, "JWT %.*s", LT_FMT(caller->token))},
    };
    struct lt_http_call call = {.method = "GET",
                                .url = address(arena, caller->site->lms_roles_url, course_id, more),
                                .fields = fields,
                                .fields_n = LT_COUNT(fields),
                                .tls = tls,
                                .connect_ms = LT_LMS_ROLES_MS,
                                .first_byte_ms = LT_LMS_ROLES_MS,
                                .idle_ms = LT_LMS_ROLES_MS,
                                .deadline_ms = deadline_ms,
                                .max_body = LT_LMS_ROLES_BODY_MAX};
    struct lt_http_reply *reply;
    atomic_fetch_add(&stats->asked, 1);
    if (lt_http_send(lt_loop_self(), &call, &reply, err))
        return err->code;
    enum lt_code rc = read_reply(arena, reply, ret_body, err);
    lt_http_reply_close(reply);
    return rc;
}

/* ---- whom a user may see ---- */

enum lt_code lt_lms_visible_read(struct lt_arena *arena, struct lt_str body, struct lt_lms_visible *ret, struct lt_error *err)
{
    const struct lt_json *v;
    *ret = (struct lt_lms_visible){.all = false};
    if (lt_json_parse(arena, body, LT_JSON_STRICT, &v, NULL)) /* its error would quote the body */
        return lt_fail(err, LT_EUPSTREAM_INVALID, "the answer is not JSON");
    if (!lt_json_is(v, LT_JSON_OBJECT))
        return lt_fail(err, LT_EUPSTREAM_INVALID, "the answer is not an object");
    return lt_lms_visible_of(arena, lt_json_get(v, "visible_users"), ret, err);
}

enum lt_code lt_lms_visible_of(struct lt_arena *arena, const struct lt_json *list, struct lt_lms_visible *ret, struct lt_error *err)
{
    int64_t number;
    *ret = (struct lt_lms_visible){.all = !list || lt_json_is(list, LT_JSON_NULL)};
    if (ret->all)
        return LT_OK;
    size_t n = lt_json_len(list);
    if (!lt_json_is(list, LT_JSON_ARRAY) || n > LT_LMS_VISIBLE_MAX)
        return lt_fail(err, LT_EUPSTREAM_INVALID, "`visible_users` is no array of at most %d users", LT_LMS_VISIBLE_MAX);
    struct lt_str *users = LT_NEW_ARRAY(arena, struct lt_str, n);
    for (size_t i = 0; i < n; i++) {
        const struct lt_json *user = lt_json_at(list, i);
        users[i] = lt_json_int64(user, &number) ? lt_json_number_text(user) : lt_json_str(user);
        if (users[i].n == 0)
            return lt_fail(err, LT_EUPSTREAM_INVALID, "`visible_users` holds what is neither a text nor a whole number");
    }
    ret->users = users;
    ret->n = n;
    return LT_OK;
}

enum lt_code lt_lms_visible(struct lt_lms_roles_stats *stats, struct lt_tls *tls, struct lt_arena *arena, const struct lt_caller *caller,
                            struct lt_str course_id, struct lt_lms_visible *ret, struct lt_error *err)
{
    struct lt_str body;
    *ret = (struct lt_lms_visible){.all = true};
    if (!lt_fiber_self() || caller->token.n == 0 || caller->site->lms_roles_url.n == 0 || course_id.n == 0)
        return LT_OK;
    uint64_t deadline = lt_loop_now(lt_loop_self()) + LT_LMS_ROLES_MS;
    if (lt_lms_ask(stats, tls, arena, caller, course_id, "&visible_users=1", deadline, &body, err) == LT_OK &&
        lt_lms_visible_read(arena, body, ret, err) == LT_OK)
        return LT_OK;
    ret->all = false;
    if (err->code != LT_ECANCELLED)
        atomic_fetch_add(&stats->failed, 1);
    return lt_error_wrap(err, "whom the caller may see in the course, by the LMS");
}
