/* The step that grades: asks for a verdict, and once more when nothing proves it, or when it may rest on what was said to the grader. */
#include "workflows/processors/grading.h"

#include "core/registry.h"
#include "core/rubric_ora2.h"
#include "guard/submission.h"
#include "text/json_schema.h"
#include "workflows/input.h"

enum { INPUT_MAX = 16 << 20 };

const struct lt_processor lt_grading_processor = {"GradingProcessor", "LLMProcessor"};

static const char *const modes[] = {"feedback_only", "advisory", "scoring"};

const char *lt_grading_mode_name(enum lt_grading_mode mode)
{
    return modes[mode];
}

enum lt_code lt_grading_mode(const struct lt_workflow_run *run, enum lt_grading_mode *ret, struct lt_error *err)
{
    const struct lt_json *v = lt_json_get(lt_run_settings(run, &lt_grading_processor), "mode");
    *ret = LT_GRADING_FEEDBACK_ONLY;
    if (!v || lt_json_is(v, LT_JSON_NULL))
        return LT_OK;
    for (size_t i = 0; i < LT_COUNT(modes); i++)
        if (lt_str_is(lt_json_str(v), modes[i])) {
            *ret = (enum lt_grading_mode)i;
            return LT_OK;
        }
    return lt_fail(err, LT_EPROFILE_INVALID, "processor_config.GradingProcessor.mode: must be feedback_only, advisory or scoring");
}

/* ---- the input ---- */

/* ORA2's criteria and options have no ids. */
static enum lt_code read_rubric(struct lt_arena *arena, const struct lt_json *request, const struct lt_json **ret, struct lt_error *err)
{
    struct lt_ora2_hashes hashes;
    *ret = lt_json_get(request, "rubric");
    const struct lt_json *first = lt_json_at_pointer(*ret, "/criteria/0");
    if (!lt_json_is(first, LT_JSON_OBJECT) || lt_json_get(first, "id"))
        return LT_OK;
    return lt_rubric_from_ora2(arena, *ret, ret, &hashes, err) ? lt_error_under(err, "/rubric") : LT_OK;
}

static enum lt_code check(struct lt_arena *arena, const struct lt_json *input, struct lt_error *err)
{
    const struct lt_entry *entry = lt_registry_find(LT_KIND_ACTION, LT_STR("grade_response"));
    const struct lt_action *action = entry ? entry->impl : NULL;
    const struct lt_schema *schema;
    if (!action)
        return lt_fail(err, LT_EUNKNOWN_ACTION, "there is no action grade_response");
    return lt_schema_compile_text(arena, action->input_schema, &schema, err) ? err->code : lt_schema_check(schema, input, err);
}

enum lt_code lt_grading_input(struct lt_arena *arena, const struct lt_json *request, struct lt_str prompt, const struct lt_json **ret,
                              struct lt_error *err)
{
    static const char *const members[] = {"task", "examples", "submission"};
    const struct lt_json *rubric, *max = lt_json_at_pointer(request, "/limits/max_feedback_chars");
    struct lt_buf out;
    struct lt_jw w;
    if (!lt_json_is(request, LT_JSON_OBJECT))
        return lt_fail_field(err, LT_EINVALID_INPUT, "/user_input", "must be an object, is %s", lt_json_type_name(request));
    if (read_rubric(arena, request, &rubric, err))
        return err->code;
    lt_buf_init(&out, INPUT_MAX);
    lt_jw_init(&w, &out);
    lt_jw_obj(&w);
    lt_jw_kjson(&w, "rubric", rubric);
    for (size_t i = 0; i < LT_COUNT(members); i++)
        if (lt_json_get(request, members[i]))
            lt_jw_kjson(&w, members[i], lt_json_get(request, members[i]));
    if (prompt.n > 0)
        lt_jw_kstr(&w, "prompt", prompt);
    if (max) {
        lt_jw_key(&w, "limits");
        lt_jw_obj(&w);
        lt_jw_kjson(&w, "max_feedback_chars", max);
        lt_jw_end(&w);
    }
    lt_jw_end(&w);
    return lt_input_tree(arena, &out, ret, err) ? err->code : check(arena, *ret, err);
}

/* ---- asking ---- */

struct deadline {
    struct lt_timer timer;
    struct lt_fiber *fiber;
    bool over;
};

static void deadline_over(void *arg)
{
    struct deadline *d = arg;
    if (d->over)
        return;
    d->over = true;
    lt_fiber_cancel_because(d->fiber, LT_CANCEL_TIME);
}

static enum lt_code ask(struct lt_workflow_run *run, const struct lt_json *input, struct lt_verdict *ret, struct lt_error *err)
{
    static const char *const functions[] = {"grade_response", NULL};
    struct lt_call_result *call = LT_NEW(run->request->arena, struct lt_call_result);
    struct lt_generation generation = {
        .processor = &lt_grading_processor, .functions = functions, .action = "grade_response", .input = input, .adds_prompt = true, .call = call};
    ret->call = call;
    return lt_generate(run, &generation, &ret->response, err);
}

/* The input with another member in place of, or besides, its own. */
static enum lt_code input_with(struct lt_arena *arena, const struct lt_json *input, const char *name, const struct lt_json *member,
                               const struct lt_json **ret, struct lt_error *err)
{
    struct lt_buf out;
    struct lt_jw w;
    lt_buf_init(&out, INPUT_MAX);
    lt_jw_init(&w, &out);
    lt_jw_obj(&w);
    for (size_t i = 0; i < lt_json_len(input); i++) {
        if (lt_str_is(lt_json_key_at(input, i), name))
            continue;
        lt_jw_key_str(&w, lt_json_key_at(input, i));
        lt_jw_json(&w, lt_json_at(input, i));
    }
    lt_jw_kjson(&w, name, member);
    lt_jw_end(&w);
    return lt_input_tree(arena, &out, ret, err);
}

static bool has_reason(const struct lt_verdict *verdict, const char *reason)
{
    return lt_str_is(lt_json_str(lt_json_get(verdict->response, "reason")), reason);
}

/* A second verdict that does not come leaves the first, which gives no points. */
static enum lt_code ask_twice(struct lt_workflow_run *run, const struct lt_json *input, struct lt_verdict *ret, struct lt_error *err)
{
    struct lt_verdict second = {0};
    const struct lt_json *again;
    if (ask(run, input, ret, err))
        return err->code;
    if (!has_reason(ret, "no_evidence"))
        return LT_OK;
    lt_run_progress(run, "Looking again.", 0.6);
    if (input_with(run->request->arena, input, "look_again", lt_json_get(ret->response, "unsupported"), &again, err))
        return err->code;
    enum lt_code rc = ask(run, again, &second, err);
    if (rc == LT_OK)
        *ret = second;
    return rc == LT_ECANCELLED ? rc : LT_OK;
}

/* ---- without what was said to the grader ---- */

static struct lt_stretch place_of(const struct lt_json *e)
{
    return (struct lt_stretch){(size_t)lt_json_int64_or(lt_json_get(e, "start"), 0), (size_t)lt_json_int64_or(lt_json_get(e, "end"), 0)};
}

/* Where the evidence `e` stands: kind and index. */
static struct lt_str kind_of(const struct lt_json *e, size_t *index)
{
    struct lt_str kind = lt_json_get(e, "part") ? LT_STR("part") : LT_STR("attachment");
    *index = (size_t)lt_json_int64_or(lt_json_get_str(e, kind), 0);
    return kind;
}

static bool quoted_in(const struct lt_json *criterion, struct lt_str kind, size_t index, struct lt_stretch sentence)
{
    const struct lt_json *list = lt_json_get(criterion, "evidence");
    for (size_t i = 0; i < lt_json_len(list); i++) {
        size_t other;
        struct lt_stretch place = place_of(lt_json_at(list, i));
        if (lt_str_eq(kind_of(lt_json_at(list, i), &other), kind) && other == index && place.start < sentence.end && sentence.start < place.end)
            return true;
    }
    return false;
}

/* The criteria that can be worth something; false when one of them has less than its most points. */
static bool full_marks(const struct lt_rubric *rubric, const struct lt_json *criteria, const struct lt_json **worth, size_t *n)
{
    for (size_t i = 0; i < lt_json_len(criteria); i++) {
        const struct lt_json *said = lt_json_at(criteria, i);
        const struct lt_rubric_criterion *c = lt_rubric_criterion(rubric, lt_json_str(lt_json_get(said, "id")));
        if (!c || c->points_max == c->points_min)
            continue;
        if (lt_json_int64_or(lt_json_get(said, "points"), 0) < c->points_max)
            return false;
        worth[(*n)++] = said;
    }
    return *n >= 2;
}

/* Sentences that are to prove everything, when each of two criteria and more has its full marks. */
static void set_shared_aside(struct lt_arena *arena, const struct lt_rubric *rubric, const struct lt_verdict *verdict,
                             struct lt_submission *submission)
{
    const struct lt_json *worth[LT_RUBRIC_CRITERIA_MAX];
    size_t n = 0, index;
    if (!full_marks(rubric, lt_json_get(verdict->response, "criteria"), worth, &n))
        return;
    const struct lt_json *evidence = lt_json_get(worth[0], "evidence");
    for (size_t i = 0; i < lt_json_len(evidence); i++) {
        struct lt_str kind = kind_of(lt_json_at(evidence, i), &index);
        struct lt_stretch place = lt_submission_sentences(arena, submission, kind, index, place_of(lt_json_at(evidence, i)));
        size_t others = 1;
        while (others < n && quoted_in(worth[others], kind, index, place))
            others++;
        if (others == n)
            lt_submission_set_aside(arena, submission, kind, index, place);
    }
}

static int64_t fewest_points(const struct lt_rubric *rubric)
{
    int64_t points = 0;
    for (size_t i = 0; i < rubric->n; i++)
        points += rubric->criteria[i].points_min;
    return points;
}

/* Nobody's verdict: it needs what was set aside. */
static enum lt_code abstain(struct lt_arena *arena, const char *reason, struct lt_verdict *ret, struct lt_error *err)
{
    struct lt_buf out;
    struct lt_jw w;
    lt_buf_init(&out, INPUT_MAX);
    lt_jw_init(&w, &out);
    lt_jw_obj(&w);
    lt_jw_kstrz(&w, "status", "abstained");
    lt_jw_kstrz(&w, "reason", reason);
    lt_jw_kjson(&w, "points_possible", lt_json_get(ret->response, "points_possible"));
    lt_jw_kjson(&w, "schema_hash", lt_json_get(ret->response, "schema_hash"));
    lt_jw_end(&w);
    return lt_input_tree(arena, &out, &ret->response, err);
}

static enum lt_code rest_of(struct lt_arena *arena, const struct lt_json *input, const struct lt_submission *submission, struct lt_verdict *verdict,
                            const struct lt_json **ret, struct lt_error *err)
{
    struct lt_buf out, aside;
    struct lt_jw w;
    const struct lt_json *rest, *places;
    lt_buf_init(&out, INPUT_MAX);
    lt_jw_init(&w, &out);
    lt_submission_write_rest(&w, arena, lt_json_get(input, "submission"), submission);
    lt_buf_init(&aside, INPUT_MAX);
    lt_jw_init(&w, &aside);
    lt_submission_write_aside(&w, submission);
    enum lt_code rc = lt_input_tree(arena, &out, &rest, err), other = lt_input_tree(arena, &aside, &places, err);
    if (rc || other)
        return err->code;
    verdict->set_aside = lt_json_text(arena, places);
    return input_with(arena, input, "submission", rest, ret, err);
}

/*
 * A verdict that gives points, for a submission of which places are set aside: is it the same without these? Who gains by them is given to a person,
 * not marked down: the places are found by words, and may have been about the subject after all.
 */
static enum lt_code ask_without(struct lt_workflow_run *run, const struct lt_json *input, struct lt_verdict *ret, struct lt_error *err)
{
    struct lt_arena *arena = run->request->arena;
    struct lt_submission submission;
    struct lt_rubric rubric;
    struct lt_verdict second = {0};
    const struct lt_json *rest = NULL, *earned = lt_json_get(ret->response, has_reason(ret, "none") ? "points_earned" : "claimed_points");
    int64_t points = lt_json_int64_or(earned, -1);
    if (lt_rubric_read(arena, lt_json_get(input, "rubric"), &rubric, err))
        return err->code;
    if (points <= fewest_points(&rubric))
        return LT_OK;
    lt_submission_read(arena, input, &submission);
    bool by_words = lt_submission_has_aside(&submission);
    if (has_reason(ret, "none"))
        set_shared_aside(arena, &rubric, ret, &submission);
    if (!lt_submission_has_aside(&submission))
        return LT_OK;
    if (rest_of(arena, input, &submission, &second, &rest, err))
        return err->code;
    bool blank = lt_guard_submission_blank(arena, lt_json_get(rest, "submission"));
    if (blank && !by_words) /* it is one sentence, and what it proves it proves alone */
        return LT_OK;
    ret->set_aside = second.set_aside;
    if (blank)
        return abstain(arena, "addresses_grader", ret, err);
    lt_run_progress(run, "Looking again.", 0.8);
    if (ask(run, rest, &second, err))
        return err->code;
    ret->call = second.call;
    if (lt_json_int64_or(lt_json_get(second.response, "points_earned"), -1) < points)
        return abstain(arena, by_words ? "addresses_grader" : "one_sentence", ret, err);
    ret->response = second.response;
    return LT_OK;
}

static enum lt_code ask_all(struct lt_workflow_run *run, const struct lt_json *input, struct lt_verdict *ret, struct lt_error *err)
{
    return ask_twice(run, input, ret, err) ? err->code : ask_without(run, input, ret, err);
}

enum lt_code lt_grading_ask(struct lt_workflow_run *run, const struct lt_json *input, int64_t deadline_ms, struct lt_verdict *ret, struct lt_error *err)
{
    struct deadline d = {.fiber = lt_fiber_self()};
    lt_run_progress(run, "Reading the submission.", 0.2);
    if (deadline_ms <= 0)
        return ask_all(run, input, ret, err);
    lt_timer_init(&d.timer, lt_loop_self(), deadline_over, &d);
    lt_timer_set(&d.timer, (uint64_t)deadline_ms);
    enum lt_code rc = ask_all(run, input, ret, err);
    lt_timer_cancel(&d.timer);
    if (!d.over)
        return rc;
    lt_fiber_cancel_reset();
    return rc ? lt_fail(err, LT_ETIMEOUT, "the verdict did not come within %lld ms", (long long)deadline_ms) : LT_OK;
}
