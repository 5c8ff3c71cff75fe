/* Turns as messages: pages of the talk, whole threads, and how sessions and messages are written. */
#include <inttypes.h>

#include "base/clock.h"
#include "workflows/session.h"
#include "workflows/workflow_private.h"

enum {
    BATCH = 12, /* turns of one query: its result has at most 64 MiB */
};

/* Messages that were read so far, the newest first. */
struct gather {
    struct lt_store *store;
    struct lt_arena *arena;
    const struct lt_session *session;
    bool everything;
    size_t wanted;              /* enough are there; reading ends */
    struct lt_stored_message *list;
    size_t n, cap;
    int64_t before;             /* position of the oldest turn that was read */
    size_t turns, bytes;
    bool ended;                 /* at the first turn, or at a limit */
    bool limited;
};

bool lt_message_is_talk(const struct lt_stored_message *m)
{
    return m->text.p && m->text.n > 0 && (lt_str_is(m->role, "user") || lt_str_is(m->role, "assistant"));
}

static void push(struct gather *g, const struct lt_stored_message *m)
{
    if (g->n == g->cap) {
        size_t cap = g->cap ? g->cap * 2 : 64;
        struct lt_stored_message *list = LT_NEW_ARRAY(g->arena, struct lt_stored_message, cap);
        if (g->n > 0)
            memcpy(list, g->list, g->n * sizeof(*list));
        g->list = list;
        g->cap = cap;
    }
    g->list[g->n++] = *m;
}

static void take_message(struct gather *g, const struct lt_json *v, const struct lt_rows *r, size_t i)
{
    const struct lt_json *content = lt_json_get(v, "content");
    struct lt_stored_message m = {.role = lt_json_str_or(lt_json_get(v, "role"), LT_STR("")),
                                  .content = content,
                                  .timestamp = lt_json_str_or(lt_json_get(v, "timestamp"), LT_STR("")),
                                  .submission_id = lt_rows_str(r, i, 1),
                                  .interrupted = lt_str_is(lt_rows_str(r, i, 2), "interrupted")};
    m.call_id = lt_str_is(m.role, "assistant") ? lt_rows_str(r, i, 4) : LT_STR("");
    if (lt_json_is(content, LT_JSON_STRING))
        m.text = lt_json_str_or(content, LT_STR(""));
    if (g->everything || lt_message_is_talk(&m))
        push(g, &m);
}

/* One turn, its last message first. False: a limit is reached. */
static bool take_turn(struct gather *g, const struct lt_rows *r, size_t i)
{
    const struct lt_json *messages = NULL;
    struct lt_str text = lt_rows_str(r, i, 3);
    if (g->turns == LT_THREAD_TURNS_MAX || g->bytes + text.n > LT_THREAD_BYTES_MAX)
        return false;
    g->turns++;
    g->bytes += text.n;
    g->before = lt_rows_int(r, i, 0);
    lt_json_parse(g->arena, text, LT_JSON_STRICT, &messages, NULL); /* we wrote it; what cannot be read has no messages */
    for (size_t k = lt_json_len(messages); k > 0; k--)
        take_message(g, lt_json_at(messages, k - 1), r, i);
    return true;
}

static enum lt_code read_batch(struct gather *g, struct lt_error *err)
{
    struct lt_rows r;
    if (LT_QUERY(g->store, g->arena, &r, err,
                 "SELECT position, uuid, state, messages, call_id FROM workflow_submission WHERE session_id = $1 AND thread = $2 AND position < $3"
                 " ORDER BY position DESC LIMIT $4",
                 LT_INT(g->session->id), LT_INT(g->session->thread), LT_INT(g->before), LT_INT(BATCH)))
        return lt_error_wrap(err, "turns of a session");
    for (size_t i = 0; i < r.rows && !g->limited; i++)
        g->limited = !take_turn(g, &r, i);
    g->ended = g->limited || r.rows < BATCH;
    return LT_OK;
}

static enum lt_code gather(struct gather *g, struct lt_error *err)
{
    g->before = INT64_MAX;
    while (!g->ended && g->n < g->wanted)
        if (read_batch(g, err))
            return err->code;
    return LT_OK;
}

/* list[from … from + n) of the newest-first list, oldest first. */
static void turn_round(const struct gather *g, size_t from, size_t n, struct lt_session_messages *ret)
{
    ret->list = LT_NEW_ARRAY(g->arena, struct lt_stored_message, n);
    ret->n = n;
    for (size_t i = 0; i < n; i++)
        ret->list[i] = g->list[from + n - 1 - i];
}

enum lt_code lt_session_page(struct lt_store *store, struct lt_arena *arena, const struct lt_session *session, int64_t shown, int max,
                             struct lt_session_messages *ret, struct lt_error *err)
{
    size_t from = shown < 0 ? 0 : shown > INT32_MAX ? INT32_MAX : (size_t)shown;
    size_t n = max < 1 ? 1 : max > LT_SESSION_PAGE_MAX ? LT_SESSION_PAGE_MAX : (size_t)max;
    struct gather g = {.store = store, .arena = arena, .session = session, .wanted = from + n + 1};
    *ret = (struct lt_session_messages){0};
    if (gather(&g, err))
        return err->code;
    if (g.n <= from)
        return LT_OK;
    turn_round(&g, from, g.n - from < n ? g.n - from : n, ret);
    ret->more = g.n > from + n;
    return LT_OK;
}

enum lt_code lt_session_messages(struct lt_store *store, struct lt_arena *arena, const struct lt_session *session, bool everything,
                                 struct lt_session_messages *ret, struct lt_error *err)
{
    struct gather g = {.store = store, .arena = arena, .session = session, .everything = everything, .wanted = SIZE_MAX};
    *ret = (struct lt_session_messages){0};
    if (gather(&g, err))
        return err->code;
    turn_round(&g, 0, g.n, ret);
    ret->more = g.limited;
    return LT_OK;
}

int lt_session_page_size(const struct lt_json *processor_config, int64_t site_default)
{
    const struct lt_json *set = lt_json_get(lt_json_get(processor_config, "SubmissionProcessor"), "max_context_messages");
    int64_t n = site_default ? site_default : LT_SESSION_PAGE_DEFAULT;
    if (set && !lt_json_int64(set, &n))
        n = 0;
    if (n < 1)
        return LT_SESSION_PAGE_FALLBACK;
    return n > LT_SESSION_PAGE_MAX ? LT_SESSION_PAGE_MAX : (int)n;
}

/* ---- writing ---- */

static void put_number(struct lt_jw *w, const char *key, int64_t n)
{
    lt_jw_key(w, key);
    if (n > 0)
        lt_jw_int(w, n);
    else
        lt_jw_null(w);
}

void lt_session_write(struct lt_jw *w, const struct lt_session *s, bool everything)
{
    lt_jw_obj(w);
    lt_jw_kstr(w, "id", s->uuid_text);
    lt_jw_kint(w, "number", s->id);
    lt_jw_kstr(w, "user_id", s->key.user_id);
    lt_jw_kint(w, "profile_id", s->key.profile_id);
    put_number(w, "scope_id", s->key.scope_id);
    lt_jw_kstr_nonempty(w, "course_id", s->key.course_id);
    lt_jw_kstr_nonempty(w, "location_id", s->key.location_id);
    lt_jw_kint(w, "turns", s->turns);
    lt_jw_kint(w, "turns_cleared", s->turns_cleared);
    if (everything) {
        lt_jw_kstr_nonempty(w, "remote_response_id", s->remote_response_id);
        put_number(w, "remote_instance_id", s->remote_instance_id);
        lt_jw_key(w, "metadata");
        lt_jw_raw(w, s->metadata);
    }
    lt_jw_ktime(w, "created_at", s->created_at);
    lt_jw_ktime(w, "updated_at", s->updated_at);
    lt_jw_end(w);
}

void lt_session_write_messages(struct lt_jw *w, const struct lt_session_messages *messages)
{
    lt_jw_arr(w);
    for (size_t i = 0; i < messages->n; i++) {
        const struct lt_stored_message *m = &messages->list[i];
        lt_jw_obj(w);
        lt_jw_kstr(w, "role", m->role);
        lt_jw_kjson(w, "content", m->content);
        lt_jw_kstr(w, "timestamp", m->timestamp);
        lt_jw_kstr(w, "submission_id", m->submission_id);
        if (m->call_id.n > 0)
            lt_jw_kstr(w, "call_id", m->call_id);
        if (m->rating.n > 0)
            lt_jw_kstr(w, "rating", m->rating);
        if (m->interrupted)
            lt_jw_kbool(w, "interrupted", true);
        lt_jw_end(w);
    }
    lt_jw_end(w);
}

void lt_session_write_page(struct lt_jw *w, const struct lt_session_messages *messages, int64_t shown)
{
    lt_jw_obj(w);
    lt_jw_key(w, "messages");
    lt_session_write_messages(w, messages);
    lt_jw_key(w, "metadata");
    lt_jw_obj(w);
    lt_jw_kbool(w, "has_more", messages->more);
    lt_jw_kint(w, shown > 0 ? "new_count" : "current_count", (int64_t)messages->n);
    lt_jw_end(w);
    lt_jw_end(w);
}
