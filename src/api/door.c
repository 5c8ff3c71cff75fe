/* The doors for existing clients: which there are, and who comes from where. */
#include "api/door.h"
#include "api/mcp.h"
#include "api/ollama.h"
#include "api/openai.h"
#include "api/openedx.h"

enum { COURSE_MAX = 255, PLACEMENT_MAX = 64 };

static const struct lt_door doors[] = {
    {"/openedx-ai-extensions/v1", "text/plain", "OpenEdxError", NULL, lt_openedx_reply_error},
    {"/ollama", "application/x-ndjson", "OllamaError", lt_ollama_user, lt_ollama_reply_error},
    {"/openai/v1", "text/event-stream", "OpenAIError", lt_openai_user, lt_openai_reply_error},
    {"/mcp", "text/event-stream", "JsonRpcError", lt_mcp_user, lt_mcp_reply_error},
};

const struct lt_door *lt_door_of(struct lt_str path)
{
    for (size_t i = 0; i < LT_COUNT(doors); i++) {
        struct lt_str prefix = lt_str(doors[i].prefix);
        if (lt_str_starts(path, prefix) && (path.n == prefix.n || path.p[prefix.n] == '/'))
            return &doors[i];
    }
    return NULL;
}

static enum lt_code read_field(struct lt_request *r, const char *name, size_t max, struct lt_str *ret, struct lt_error *err)
{
    bool twice = false;
    *ret = lt_str_trim(lt_http_field(&r->http->head, name, &twice));
    if (twice)
        return lt_fail_field(err, LT_EINVALID_INPUT, name, "must come once");
    if (ret->n > max)
        return lt_fail_field(err, LT_EINVALID_INPUT, name, "must have at most %zu bytes", max);
    for (size_t i = 0; i < ret->n; i++)
        if ((unsigned char)ret->p[i] < 0x20 || ret->p[i] == 0x7F)
            return lt_fail_field(err, LT_EINVALID_INPUT, name, "must hold no control characters");
    if (!lt_utf8_valid(ret->p, ret->n))
        return lt_fail_field(err, LT_EINVALID_INPUT, name, "must be UTF-8");
    return LT_OK;
}

static enum lt_code read_place(struct lt_request *r, struct lt_place *ret, struct lt_error *err)
{
    struct lt_str only = r->caller.only_course;
    if (read_field(r, "X-Lectern-Course", COURSE_MAX, &ret->course_id, err) ||
        read_field(r, "X-Lectern-Location", COURSE_MAX, &ret->location_id, err) ||
        read_field(r, "X-Lectern-Placement", PLACEMENT_MAX, &ret->placement, err))
        return err->code;
    if (ret->placement.n > 0 && !lt_registry_find(LT_KIND_PLACEMENT, ret->placement))
        return lt_fail_field(err, LT_EINVALID_INPUT, "X-Lectern-Placement", "there is no placement '%.*s'", LT_FMT(ret->placement));
    if (ret->course_id.n == 0)
        ret->course_id = only;
    if (only.n > 0 && !lt_str_eq(only, ret->course_id))
        return lt_fail_field(err, LT_EPERMISSION, "X-Lectern-Course", "the token is for course '%.*s'", LT_FMT(only));
    return LT_OK;
}

enum lt_code lt_door_enter(struct lt_request *r, struct lt_str user, struct lt_place *ret, struct lt_error *err)
{
    struct lt_str named;
    *ret = (struct lt_place){LT_STR(""), LT_STR(""), LT_STR("")};
    if (read_field(r, "X-Lectern-User", LT_USER_ID_MAX, &named, err) || read_place(r, ret, err))
        return err->code;
    if (r->caller.is_user) {
        if (named.n > 0 && !lt_str_eq(named, r->caller.user_id))
            return lt_fail_field(err, LT_EPERMISSION, "X-Lectern-User", "a user's token speaks for its own user only");
        return LT_OK;
    }
    if (named.n == 0 && user.n == 0)
        return LT_OK;
    if (named.n == 0 && !lt_user_id_ok(user))
        return lt_fail_field(err, LT_EINVALID_INPUT, "/user", LT_USER_ID_RULE);
    r->caller.user_id = named.n > 0 ? named : user;
    return LT_OK;
}

struct lt_str lt_door_user(struct lt_request *r)
{
    const struct lt_door *door = lt_door_of(r->http->head.path);
    if (!door || !door->user)
        return LT_STR("");
    struct lt_str user = lt_str_trim(lt_http_field(&r->http->head, "X-Lectern-User", NULL));
    if (user.n == 0)
        user = door->user(r);
    return lt_user_id_ok(user) ? user : LT_STR("");
}
