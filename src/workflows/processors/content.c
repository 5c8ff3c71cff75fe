/*
 * The content that a question is about: what the placement sends along goes first; what it does not send, the content connectors are asked for,
 * by the course and location of the request.
 */
#include "content/sources.h"
#include "core/connector.h"
#include "io/loop.h"
#include "workflows/orchestrator.h"

const struct lt_processor lt_content_processor = {"ContentProcessor", "OpenEdXProcessor"};

/* With the settings of the step; its mistakes are the profile's. */
static struct lt_content_query query_of(const struct lt_workflow_run *run)
{
    const struct lt_workflow_request *q = run->request;
    return (struct lt_content_query){.arena = q->arena,
                                     .manager = q->manager,
                                     .caller = q->caller,
                                     .course_id = q->course_id,
                                     .location_id = q->location_id,
                                     .deadline_ms = lt_loop_now(lt_loop_self()) + LT_CONTENT_TIME_MS};
}

static enum lt_code read_limit(const struct lt_json *settings, const char *name, int64_t *ret, struct lt_error *err)
{
    const struct lt_json *limit = lt_json_get(settings, name);
    *ret = lt_json_int64_or(limit, limit && !lt_json_is(limit, LT_JSON_NULL) ? -1 : 0);
    if (*ret >= 0)
        return LT_OK;
    return lt_fail(err, LT_EPROFILE_INVALID, "processor_config.%s.%s: must be a whole number, 0 for none", lt_content_processor.class_name, name);
}

static enum lt_code read_limits(const struct lt_json *settings, struct lt_content_query *ret, struct lt_error *err)
{
    const struct lt_json *mode = lt_json_get(settings, "retrieval_mode");
    int named = mode ? lt_content_mode_parse(lt_json_str(mode)) : LT_CONTENT_UNIT;
    if (read_limit(settings, "char_limit", &ret->char_limit, err) || read_limit(settings, "token_limit", &ret->token_limit, err))
        return err->code;
    if (named < 0)
        return lt_fail(err, LT_EPROFILE_INVALID, "processor_config.%s.retrieval_mode: must be unit, up_to_current_unit or sequence",
                       lt_content_processor.class_name);
    ret->mode = (enum lt_content_mode)named;
    return LT_OK;
}

/* What is not as it was asked for: in the answer, and at once to who watches. */
static void report(struct lt_workflow_run *run, const struct lt_content *content)
{
    struct lt_workflow_result *result = run->result;
    struct lt_arena *arena = run->request->arena;
    result->left_out_n = content->left_out_n;
    result->left_out = content->left_out;
    result->content_stale = content->stale;
    if (content->left_out_n > 0)
        lt_run_progress(run, lt_printf(arena, "%zu parts of the course text are left out: it is too long.", content->left_out_n).p, 0.2);
    if (content->stale)
        lt_run_progress(run, "The course does not answer just now; this is its text of a while ago.", 0.2);
}

/* Inline text has no blocks: its lines are what is left out whole. */
static struct lt_str fit_inline(struct lt_workflow_run *run, const struct lt_content_query *query)
{
    struct lt_str all = run->request->content, text = query->char_limit > 0 ? lt_content_first(all, query->char_limit) : all;
    if (query->token_limit > 0)
        text = lt_content_lines(text, query->token_limit);
    run->result->inline_cut = all.n - text.n;
    if (text.n < all.n)
        lt_run_progress(run, "The end of the text is left out: it is too long.", 0.2);
    return text;
}

static enum lt_code location_content(struct lt_workflow_run *run, const struct lt_json *settings, struct lt_str *ret, struct lt_error *err)
{
    struct lt_content_query query = query_of(run);
    struct lt_content content;
    if (read_limits(settings, &query, err))
        return err->code;
    if (run->request->content.n > 0) {
        *ret = run->plain_content = fit_inline(run, &query);
        return LT_OK;
    }
    enum lt_code rc = lt_content_location(&query, &content, err);
    if (rc == LT_ENOT_FOUND)
        return lt_fail_field(err, LT_EINVALID_INPUT, "/context/content",
                             "the workflow needs the text of the place: none was sent along, and no connector knows it");
    if (rc || lt_content_plain(query.arena, &content, &run->plain_content, err))
        return err->code;
    report(run, &content);
    return lt_content_json(query.arena, &content, ret, err);
}

static enum lt_code course_info(struct lt_workflow_run *run, const struct lt_json *settings, struct lt_str *ret, struct lt_error *err)
{
    struct lt_content_query query = query_of(run);
    struct lt_course_info info;
    if (lt_course_fields_parse(lt_json_get(settings, "fields"), &query.fields, err))
        return lt_fail(err, LT_EPROFILE_INVALID, "processor_config.%s.fields: must be names of title, subtitle, short_description, description, "
                       "overview, syllabus, duration, outline", lt_content_processor.class_name);
    if (lt_content_course(&query, &info, err))
        return err->code;
    return lt_course_info_json(query.arena, &info, query.fields, ret, err);
}

static enum lt_code number_of(const struct lt_json *settings, const char *key, int64_t least, int64_t most, int64_t otherwise, int64_t *ret, struct lt_error *err)
{
    const struct lt_json *v = lt_json_get(settings, key);
    *ret = lt_json_int64_or(v, v && !lt_json_is(v, LT_JSON_NULL) ? least - 1 : otherwise);
    if (*ret < least || *ret > most)
        return lt_fail(err, LT_EPROFILE_INVALID, "processor_config.%s.%s: must be a whole number from %lld to %lld", lt_content_processor.class_name, key,
                       (long long)least, (long long)most);
    return LT_OK;
}

/* In the whole course, or only where the user is: `search_in`. */
static enum lt_code read_place(const struct lt_workflow_run *run, const struct lt_json *settings, struct lt_str *ret, struct lt_error *err)
{
    struct lt_str in = lt_json_str_or(lt_json_get(settings, "search_in"), LT_STR("course"));
    *ret = lt_str_is(in, "location") ? run->request->location_id : LT_STR("");
    if (!lt_str_is(in, "location") && !lt_str_is(in, "course"))
        return lt_fail(err, LT_EPROFILE_INVALID, "processor_config.%s.search_in: must be course or location", lt_content_processor.class_name);
    return LT_OK;
}

/* Passages that fit what the user wrote, numbered, for an answer that cites them. Without a question there is nothing to look for. */
static enum lt_code search_content(struct lt_workflow_run *run, const struct lt_json *settings, struct lt_str *ret, struct lt_error *err)
{
    const struct lt_workflow_request *q = run->request;
    struct lt_search_result found;
    int64_t top_k, char_limit;
    struct lt_search search = {.arena = q->arena, .store = q->store, .manager = q->manager, .config = q->config, .caller = q->caller,
                               .course_id = q->course_id, .placement = q->placement, .policy_by_lms = q->policy_by_lms, .text = lt_llm_user_text(run)};
    if (number_of(settings, "top_k", 1, LT_SEARCH_HITS_MAX, LT_SEARCH_HITS, &top_k, err) ||
        number_of(settings, "char_limit", 0, LT_WORKFLOW_CONTENT_MAX, 0, &char_limit, err) || read_place(run, settings, &search.location_id, err))
        return err->code;
    if (search.text.n == 0)
        return LT_OK;
    search.limit = (int)top_k;
    lt_run_search(run);
    enum lt_code rc = lt_search_course(&search, &found, err);
    if (rc == LT_ENOT_FOUND)
        return lt_fail_field(err, LT_EINVALID_INPUT, "/context/course_id", "the workflow searches the course: it is not imported, or has no such place");
    if (rc)
        return rc;
    *ret = run->plain_content = lt_sources_text(q->arena, run->sources, q->course_id, &found, char_limit);
    return LT_OK;
}

static enum lt_code location_link(struct lt_workflow_run *run, const struct lt_json *settings, struct lt_str *ret, struct lt_error *err)
{
    struct lt_content_query query = query_of(run);
    (void)settings;
    return lt_content_link(&query, ret, err);
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

static enum lt_code none(struct lt_workflow_run *run, const struct lt_json *settings, struct lt_str *ret, struct lt_error *err)
{
    (void)run;
    (void)settings;
    (void)ret;
    (void)err;
    return LT_OK;
}

static const struct {
    const char *name;
    enum lt_code (*get)(struct lt_workflow_run *run, const struct lt_json *settings, struct lt_str *ret, struct lt_error *err);
    const char *progress;              /* what the user is told meanwhile; NULL: it takes no time */
} functions[] = {{"no_context", none, NULL},
                 {"get_location_content", location_content, "Reading the course text."},
                 {"get_course_info", course_info, "Reading about the course."},
                 {"get_context", context, NULL},
                 {"get_location_link", location_link, NULL},
                 {"search_course_content", search_content, "Searching the course."}};

static enum lt_code get_content(struct lt_workflow_run *run, struct lt_str *ret, struct lt_error *err)
{
    const struct lt_json *settings = lt_run_settings(run, &lt_content_processor);
    struct lt_str name = lt_str_trim(lt_json_str(lt_json_get(settings, "function")));
    *ret = LT_STR("");
    if (name.n == 0)
        return LT_OK;
    for (size_t i = 0; i < LT_COUNT(functions); i++)
        if (lt_str_is(name, functions[i].name)) {
            if (functions[i].progress)
                lt_run_progress(run, functions[i].progress, 0.1);
            return functions[i].get(run, settings, ret, err);
        }
    return lt_fail(err, LT_EPROFILE_INVALID,
                   "processor_config.%s.function: '%.*s' is none of no_context, get_location_content, get_course_info, get_context, "
                   "get_location_link, search_course_content",
                   lt_content_processor.class_name, LT_FMT(name));
}

/* Other processors of the profile work over the prose, where there is any, else what was found. */
static enum lt_code work_over(struct lt_workflow_run *run, struct lt_str *content, struct lt_error *err)
{
    for (size_t i = 0; i < lt_json_len(run->processors); i++) {
        const struct lt_processor *p = lt_processor_find(lt_json_key_at(run->processors, i));
        if (!p || !p->process)
            continue;
        struct lt_str text = run->plain_content.n > 0 ? run->plain_content : *content, worked;
        if (p->process(p, run, lt_json_at(run->processors, i), text, &worked, err))
            return err->code;
        *content = run->plain_content = worked;
    }
    return LT_OK;
}

enum lt_code lt_content_process(struct lt_workflow_run *run, struct lt_str *ret, struct lt_error *err)
{
    return get_content(run, ret, err) ? err->code : work_over(run, ret, err);
}
