/* Questions and cards as files: of a session, and /v1/questions/convert. They are made on a worker: a large collection takes a while. */
#include "api/exports.h"

#include "io/worker.h"

struct export_work {
    struct lt_arena *arena;
    const struct lt_session *session;  /* or NULL and: */
    struct lt_export_questions questions;
    enum lt_export_format format;
    struct lt_export export;
    enum lt_code code;
    struct lt_error err;
};

static void work(void *arg)
{
    struct export_work *w = arg;
    w->code = w->session ? lt_export_session(w->arena, w->session, (int)w->format, &w->export, &w->err)
                         : lt_export_questions(w->arena, &w->questions, w->format, &w->export, &w->err);
}

static void reply(struct lt_request *r, struct export_work *w)
{
    enum lt_code code = lt_work(work, w);
    if (code)
        lt_fail(&w->err, code, "the workers have too much to do");
    if (code || w->code)
        lt_reply_problem(r, &w->err, NULL);
    else if (w->format == LT_EXPORT_JSON)
        lt_reply(r, 200, w->export.media_type, NULL, NULL, 0, w->export.bytes);
    else
        lt_reply_file(r, w->export.media_type, w->export.name, "questions", w->export.extension, w->export.bytes);
}

void lt_reply_session_export(struct lt_request *r, const struct lt_session *session, enum lt_export_format format)
{
    struct export_work *w = LT_NEW(r->arena, struct export_work);
    w->arena = r->arena;
    w->session = session;
    w->format = format;
    reply(r, w);
}

void lt_post_question_convert(struct lt_request *r)
{
    struct export_work *w = LT_NEW(r->arena, struct export_work);
    w->arena = r->arena;
    w->format = (enum lt_export_format)lt_export_format_parse(lt_json_str(lt_json_get(r->body, "format")));
    w->questions = (struct lt_export_questions){.name = lt_str_trim(lt_json_str_or(lt_json_get(r->body, "name"), LT_STR(""))),
                                                .library_id = lt_str_trim(lt_json_str_or(lt_json_get(r->body, "library_id"), LT_STR(""))),
                                                .list = lt_json_get(r->body, "questions")};
    reply(r, w);
}
