/* Errors in the form of Ollama's clients. What goes wrong before a handler runs passes here too (problem.c). */
#include "api/ollama.h"

/* Where Ollama's status is not that of the code: what a model or a request cannot do is a bad request there. */
int lt_ollama_status(enum lt_code code)
{
    switch (code) {
    case LT_EUNSUPPORTED:
    case LT_ECONTENT_REFUSED:
    case LT_EINPUT_BLOCKED:
    case LT_EANSWER_BLOCKED:
        return 400;
    default:
        return lt_code_status(code);
    }
}

/*
 * A key that names a user speaks for somebody who may be shown the text, as Moodle does: what a user reads is calm, except where it says
 * what to mend in the request, or why AI is stopped. A key alone belongs to who runs the platform.
 */
static struct lt_str message_of(struct lt_request *r, const struct lt_error *err)
{
    bool mend = err->code == LT_EINVALID_INPUT || err->code == LT_EINVALID_JSON || err->code == LT_EPERMISSION || err->code == LT_EUNAUTHENTICATED ||
                err->code == LT_ENOT_FOUND || err->code == LT_ESTOPPED || err->code == LT_EINPUT_BLOCKED || err->code == LT_EANSWER_BLOCKED;
    if (err->detail[0] == '\0' || (!mend && r->caller.user_id.n > 0))
        return lt_str(lt_code_text(err->code));
    const char *detail = lt_problem_detail(r, err);
    if (err->code == LT_EINVALID_INPUT && err->field[0])
        return lt_printf(r->arena, "%s: %s", err->field[0] == '/' ? err->field + 1 : err->field, detail);
    return lt_str(detail);
}

void lt_ollama_error_write(struct lt_request *r, struct lt_buf *out, const struct lt_error *err)
{
    struct lt_jw w;
    lt_jw_init(&w, out);
    lt_jw_obj(&w);
    lt_jw_kstr(&w, "error", message_of(r, err));
    lt_jw_end(&w);
}

void lt_ollama_reply_error(struct lt_request *r, const struct lt_error *err, const char *call_id)
{
    struct lt_http_field extra[LT_PROBLEM_FIELDS_MAX + 1];
    size_t n = lt_problem_fields(r, err->code, "Bearer", err->retry_after_s, extra);
    struct lt_buf body;
    if (call_id)
        extra[n++] = (struct lt_http_field){LT_STR("X-Lectern-Call"), lt_str(call_id)};
    lt_buf_init(&body, LT_REPLY_MAX);
    lt_ollama_error_write(r, &body, err);
    lt_reply(r, lt_ollama_status(err->code), "application/json", NULL, extra, n, lt_buf_str(&body));
    lt_buf_free(&body);
}
