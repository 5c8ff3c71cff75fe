/* The views of a thread, and the local one. Fuzzed by tests/fuzz/fuzz_thread.c. */
#include "workflows/thread.h"

static const char *const names[LT_THREAD_VIEWS] = {"local", "remote", "combined"};

int lt_thread_view_parse(struct lt_str name)
{
    for (int i = 0; i < LT_THREAD_VIEWS; i++)
        if (lt_str_is(name, names[i]))
            return i;
    return -1;
}

const char *lt_thread_view_name(enum lt_thread_view view)
{
    return (unsigned)view < LT_THREAD_VIEWS ? names[view] : "unknown";
}

enum lt_code lt_thread_local(const struct lt_thread_request *q, struct lt_str *ret, bool *ret_complete, struct lt_error *err)
{
    struct lt_session_messages messages;
    *ret_complete = true;
    *ret = LT_STR("null");
    if (q->session->turns == 0)
        return LT_OK;
    if (lt_session_messages(q->store, q->arena, q->session, q->everything, &messages, err))
        return err->code;
    struct lt_buf out;
    struct lt_jw w;
    lt_buf_init(&out, LT_THREAD_TEXT_MAX);
    lt_jw_init(&w, &out);
    lt_session_write_messages(&w, &messages);
    *ret_complete = !messages.more;
    *ret = lt_str_copy(q->arena, lt_buf_str(&out));
    lt_buf_free(&out);
    return LT_OK;
}

static enum lt_code combined(const struct lt_thread_request *q, struct lt_jw *w, struct lt_error *err)
{
    struct lt_str local_text, remote_text;
    const struct lt_json *local, *remote;
    bool complete;
    if (lt_thread_local(q, &local_text, &complete, err) || lt_thread_remote(q, &remote_text, err) ||
        lt_json_parse(q->arena, local_text, LT_JSON_STRICT, &local, err) || lt_json_parse(q->arena, remote_text, LT_JSON_STRICT, &remote, err))
        return err->code;
    lt_jw_kbool(w, "complete", complete);
    lt_jw_key(w, "thread");
    lt_thread_combine(q->arena, local, remote, w);
    return LT_OK;
}

enum lt_code lt_thread_write(const struct lt_thread_request *q, enum lt_thread_view view, struct lt_jw *w, struct lt_error *err)
{
    struct lt_str text = LT_STR_NULL;
    bool complete = true;
    enum lt_code rc = LT_OK;
    lt_jw_obj(w);
    lt_jw_kstrz(w, "view", lt_thread_view_name(view));
    if (view == LT_THREAD_COMBINED) {
        rc = combined(q, w, err);
    } else {
        rc = view == LT_THREAD_LOCAL ? lt_thread_local(q, &text, &complete, err) : lt_thread_remote(q, &text, err);
        lt_jw_kbool(w, "complete", complete);
        lt_jw_key(w, "thread");
        lt_jw_raw(w, rc ? LT_STR("null") : text);
    }
    lt_jw_end(w);
    if (rc == LT_OK && w->out->failed)
        rc = lt_fail(err, LT_EUPSTREAM_INVALID, "local and remote thread together are longer than can be shown");
    return rc;
}
