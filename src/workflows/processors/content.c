/*
 * The content that a question is about. Today it is what the placement sends along; connectors to an LMS will fetch it by course and
 * location.
 */
#include "workflows/orchestrator.h"

const struct lt_processor lt_content_processor = {"ContentProcessor", "OpenEdXProcessor"};

/* At most so many characters, whole ones. */
static struct lt_str first_characters(struct lt_str s, int64_t max)
{
    size_t i = 0;
    for (int64_t n = 0; i < s.n && n < max; n++)
        for (i++; i < s.n && ((unsigned char)s.p[i] & 0xC0) == 0x80; i++)
            ;
    return (struct lt_str){s.p, i};
}

static enum lt_code location_content(struct lt_workflow_run *run, const struct lt_json *settings, struct lt_str *ret, struct lt_error *err)
{
    int64_t limit = lt_json_int64_or(lt_json_get(settings, "char_limit"), INT64_MAX);
    if (run->request->content.n == 0)
        return lt_fail_field(err, LT_EINVALID_INPUT, "/context/content", "the workflow needs the text of the place, and none was sent along");
    *ret = first_characters(run->request->content, limit);
    return LT_OK;
}

static enum lt_code context(struct lt_workflow_run *run, const struct lt_json *settings, struct lt_str *ret, struct lt_error *err)
{
    const struct lt_workflow_request *q = run->request;
    (void)settings;
    (void)err;
    struct lt_buf out;
    struct lt_jw w;
    lt_buf_init(&out, 8192);
    lt_jw_init(&w, &out);
    lt_jw_obj(&w);
    lt_jw_kstr(&w, "course_id", q->course_id);
    lt_jw_kstr(&w, "location_id", q->location_id);
    lt_jw_kstr(&w, "ui_slot_selector_id", q->ui_slot_selector_id);
    lt_jw_end(&w);
    *ret = lt_str_copy(q->arena, lt_buf_str(&out));
    lt_buf_free(&out);
    return LT_OK;
}

static const struct {
    const char *name;
    enum lt_code (*get)(struct lt_workflow_run *run, const struct lt_json *settings, struct lt_str *ret, struct lt_error *err);
} functions[] = {{"get_location_content", location_content}, {"get_context", context}};

enum lt_code lt_content_process(struct lt_workflow_run *run, struct lt_str *ret, struct lt_error *err)
{
    const struct lt_json *settings = lt_run_settings(run, &lt_content_processor);
    struct lt_str name = lt_json_str_or(lt_json_get(settings, "function"), LT_STR("no_context"));
    *ret = LT_STR("");
    if (lt_str_is(name, "no_context"))
        return LT_OK;
    for (size_t i = 0; i < LT_COUNT(functions); i++)
        if (lt_str_is(name, functions[i].name))
            return functions[i].get(run, settings, ret, err);
    return lt_fail(err, LT_EPROFILE_INVALID, "processor_config.%s.function: '%.*s' is none of no_context, get_location_content, get_context",
                   lt_content_processor.class_name, LT_FMT(name));
}
