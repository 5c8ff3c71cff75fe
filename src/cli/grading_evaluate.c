/*
 * lectern grading evaluate: a model grades what people have graded, and how far they agree is reported. The calls go through the manager and
 * are in the register; no grading is kept.
 */
#include <math.h>
#include <stdio.h>

#include "cli/on_loop.h"
#include "cli/text_file.h"
#include "core/agreement.h"
#include "core/rubric_ora2.h"
#include "text/json_schema.h"

enum { FILE_MAX = 64 << 20, INPUT_MAX = 8 << 20 };

static const char set_schema[] =
    "{\"type\":\"object\",\"required\":[\"rubric\",\"submissions\"],\"properties\":{\"task\":{\"type\":\"object\"},"
    "\"submissions\":{\"type\":\"array\",\"minItems\":1,\"maxItems\":10000,\"items\":{\"type\":\"object\",\"required\":[\"parts\",\"selected\"],"
    "\"properties\":{\"parts\":{\"type\":\"array\"},\"attachments\":{\"type\":\"array\"},\"selected\":{\"type\":\"object\"}}}}}}";

struct evaluation {
    struct lt_cli *cli;
    const struct lt_json *task, *rubric_json, *submissions;
    struct lt_rubric rubric;
    size_t **human, **model;           /* per criterion: ranks of those that both have graded */
    size_t graded, abstained, failed, calls;
    int64_t prompt_tokens, completion_tokens; /* -1: not known of all */
    double price_in, price_out;        /* of a million tokens; NAN: not told */
};

/* ---- the set ---- */

static enum lt_code check_selected(struct evaluation *e, size_t i, struct lt_error *err)
{
    const struct lt_json *selected = lt_json_get(lt_json_at(e->submissions, i), "selected");
    for (size_t k = 0; k < e->rubric.n; k++) {
        const struct lt_rubric_criterion *c = &e->rubric.criteria[k];
        if (c->options_n > 0 && !lt_rubric_option(c, lt_json_str(lt_json_get_str(selected, c->id))))
            return lt_fail_field(err, LT_EINVALID_INPUT, lt_printf(e->cli->arena, "/submissions/%zu/selected", i).p,
                                 "criterion '%.*s' needs one of its options", LT_FMT(c->id));
    }
    return LT_OK;
}

static enum lt_code read_rubric(struct evaluation *e, const struct lt_json *set, struct lt_error *err)
{
    struct lt_ora2_hashes hashes;
    e->rubric_json = lt_json_get(set, "rubric");
    const struct lt_json *first = lt_json_at_pointer(e->rubric_json, "/criteria/0");
    if (first && !lt_json_get(first, "id") && lt_rubric_from_ora2(e->cli->arena, e->rubric_json, &e->rubric_json, &hashes, err))
        return lt_error_under(err, "/rubric");
    const struct lt_schema *schema;
    if (lt_schema_compile_text(e->cli->arena, LT_RUBRIC_SCHEMA, &schema, err) || lt_schema_check(schema, e->rubric_json, err) ||
        lt_rubric_read(e->cli->arena, e->rubric_json, &e->rubric, err))
        return lt_error_under(err, "/rubric");
    return LT_OK;
}

static enum lt_code read_set(struct evaluation *e, struct lt_error *err)
{
    struct lt_arena *arena = e->cli->arena;
    const struct lt_schema *schema;
    const struct lt_json *set;
    struct lt_str text;
    if (lt_text_file(arena, lt_strz(arena, e->cli->operands[0]), FILE_MAX, &text, err) || lt_json_parse(arena, text, LT_JSON_JSON5, &set, err) ||
        lt_schema_compile_text(arena, set_schema, &schema, err) || lt_schema_check(schema, set, err) || read_rubric(e, set, err))
        return err->code;
    e->task = lt_json_get(set, "task");
    e->submissions = lt_json_get(set, "submissions");
    for (size_t i = 0; i < lt_json_len(e->submissions); i++)
        if (check_selected(e, i, err))
            return err->code;
    e->human = LT_NEW_ARRAY(arena, size_t *, e->rubric.n);
    e->model = LT_NEW_ARRAY(arena, size_t *, e->rubric.n);
    for (size_t k = 0; k < e->rubric.n; k++) {
        e->human[k] = LT_NEW_ARRAY(arena, size_t, lt_json_len(e->submissions));
        e->model[k] = LT_NEW_ARRAY(arena, size_t, lt_json_len(e->submissions));
    }
    return LT_OK;
}

/* ---- grading ---- */

static enum lt_code make_input(struct evaluation *e, struct lt_arena *arena, const struct lt_json *submission, const struct lt_json *again,
                               const struct lt_json **ret, struct lt_error *err)
{
    struct lt_buf out;
    struct lt_jw w;
    lt_buf_init(&out, INPUT_MAX);
    lt_jw_init(&w, &out);
    lt_jw_obj(&w);
    if (e->task)
        lt_jw_kjson(&w, "task", e->task);
    lt_jw_kjson(&w, "rubric", e->rubric_json);
    lt_jw_key(&w, "submission");
    lt_jw_obj(&w);
    lt_jw_kjson(&w, "parts", lt_json_get(submission, "parts"));
    if (lt_json_get(submission, "attachments"))
        lt_jw_kjson(&w, "attachments", lt_json_get(submission, "attachments"));
    lt_jw_end(&w);
    if (again)
        lt_jw_kjson(&w, "look_again", again);
    lt_jw_end(&w);
    enum lt_code rc = out.failed ? lt_fail(err, LT_ETOO_LARGE, "a submission takes more than %d bytes", INPUT_MAX)
                                 : lt_json_parse(arena, lt_str_copy(arena, lt_buf_str(&out)), LT_JSON_STRICT, ret, err);
    lt_buf_free(&out);
    return rc;
}

static void add_tokens(int64_t *sum, int64_t n)
{
    *sum = *sum < 0 || n < 0 ? -1 : *sum + n;
}

static enum lt_code ask(struct lt_cli_run *run, struct evaluation *e, struct lt_arena *arena, const struct lt_json *submission,
                        const struct lt_json *again, const struct lt_json **ret, struct lt_error *err)
{
    const struct lt_json *input;
    const char *provider = lt_cli_option(e->cli, "provider");
    struct lt_call_result *result = LT_NEW(arena, struct lt_call_result);
    if (make_input(e, arena, submission, again, &input, err))
        return err->code;
    struct lt_call_request request = {.arena = arena,
                                      .config = e->cli->config,
                                      .caller = &run->caller,
                                      .action = LT_STR("grade_response"),
                                      .input = input,
                                      .policy_by_lms = true,
                                      .provider = lt_str(provider ? provider : "")};
    enum lt_code rc = lt_process_action(run->engine.manager, &request, result);
    e->calls++;
    add_tokens(&e->prompt_tokens, result->usage.prompt_tokens);
    add_tokens(&e->completion_tokens, result->usage.completion_tokens);
    *err = result->error;
    return rc ? rc : lt_json_parse(arena, result->response, LT_JSON_STRICT, ret, err);
}

static size_t rank_of(const struct lt_rubric_criterion *c, struct lt_str id)
{
    const struct lt_rubric_option *o = lt_rubric_option(c, id);
    return o ? (size_t)(o - c->options) : 0;
}

static void take(struct evaluation *e, const struct lt_json *submission, const struct lt_json *response)
{
    const struct lt_json *list = lt_json_get(response, "criteria"), *selected = lt_json_get(submission, "selected");
    for (size_t i = 0; i < lt_json_len(list); i++) {
        const struct lt_json *said = lt_json_at(list, i);
        const struct lt_rubric_criterion *c = lt_rubric_criterion(&e->rubric, lt_json_str(lt_json_get(said, "id")));
        size_t k = (size_t)(c - e->rubric.criteria);
        e->human[k][e->graded] = rank_of(c, lt_json_str(lt_json_get_str(selected, c->id)));
        e->model[k][e->graded] = rank_of(c, lt_json_str(lt_json_get(said, "option_id")));
    }
    e->graded++;
}

/* As workflows do: what nothing proves is looked at once more. */
static enum lt_code grade(struct lt_cli_run *run, struct evaluation *e, struct lt_arena *arena, const struct lt_json *submission, struct lt_error *err)
{
    const struct lt_json *response;
    enum lt_code rc = ask(run, e, arena, submission, NULL, &response, err);
    if (rc == LT_OK && lt_str_is(lt_json_str(lt_json_get(response, "reason")), "no_evidence"))
        rc = ask(run, e, arena, submission, lt_json_get(response, "unsupported"), &response, err);
    if (rc == LT_EUPSTREAM_INVALID || rc == LT_ECONTENT_REFUSED)
        e->failed++;
    else if (rc)
        return rc;
    else if (lt_str_is(lt_json_str(lt_json_get(response, "status")), "ok"))
        take(e, submission, response);
    else
        e->abstained++;
    return LT_OK;
}

/* ---- the report ---- */

static void put_part(struct lt_jw *w, const char *key, double v)
{
    lt_jw_key(w, key);
    lt_jw_double(w, round(v * 1e4) / 1e4);
}

static void put_criterion(struct evaluation *e, size_t k)
{
    const struct lt_rubric_criterion *c = &e->rubric.criteria[k];
    struct lt_agreement a = lt_agreement_of(e->human[k], e->model[k], e->graded, c->options_n);
    struct lt_jw *w = &e->cli->w;
    lt_jw_obj(w);
    lt_jw_kstr(w, "id", c->id);
    lt_jw_kstr(w, "name", lt_json_str_or(lt_json_get(c->json, "name"), LT_STR("")));
    put_part(w, "exact", a.exact);
    put_part(w, "adjacent", a.adjacent);
    put_part(w, "kappa", a.kappa);
    lt_jw_end(w);
}

static void put_count(struct lt_jw *w, const char *key, int64_t n)
{
    lt_jw_key(w, key);
    if (n < 0)
        lt_jw_null(w);
    else
        lt_jw_int(w, n);
}

static int report(struct evaluation *e)
{
    struct lt_jw *w = &e->cli->w;
    size_t n = lt_json_len(e->submissions);
    bool priced = e->prompt_tokens >= 0 && e->completion_tokens >= 0;
    lt_jw_obj(w);
    lt_jw_key(w, "criteria");
    lt_jw_arr(w);
    for (size_t k = 0; k < e->rubric.n; k++)
        if (e->rubric.criteria[k].options_n > 0)
            put_criterion(e, k);
    lt_jw_end(w);
    lt_jw_kint(w, "submissions", (int64_t)n);
    lt_jw_kint(w, "graded", (int64_t)e->graded);
    lt_jw_kint(w, "abstained", (int64_t)e->abstained);
    lt_jw_kint(w, "failed", (int64_t)e->failed);
    put_part(w, "abstention", (double)e->abstained / (double)n);
    lt_jw_kint(w, "calls", (int64_t)e->calls);
    put_count(w, "prompt_tokens", e->prompt_tokens);
    put_count(w, "completion_tokens", e->completion_tokens);
    put_part(w, "cost", priced ? ((double)e->prompt_tokens * e->price_in + (double)e->completion_tokens * e->price_out) / 1e6 : (double)NAN);
    lt_jw_end(w);
    e->cli->json = true;
    return lt_cli_print(e->cli, NULL);
}

static void body(struct lt_cli_run *run, void *arg)
{
    struct evaluation *e = arg;
    struct lt_error err = {0};
    enum lt_code rc = LT_OK;
    for (size_t i = 0; rc == LT_OK && i < lt_json_len(e->submissions); i++) {
        struct lt_arena *arena = lt_arena_new();
        rc = grade(run, e, arena, lt_json_at(e->submissions, i), &err);
        lt_arena_free(arena);
        if (!e->cli->json)
            fprintf(stderr, "%zu of %zu\n", i + 1, lt_json_len(e->submissions));
    }
    run->exit = rc ? lt_cli_fail(e->cli, &err) : report(e);
}

static int prepare(struct lt_cli_run *run, void *arg)
{
    struct lt_error err;
    return read_set(arg, &err) ? lt_cli_fail(run->cli, &err) : LT_EXIT_OK;
}

/* Prices of a million tokens; NAN when not told. */
static bool read_price(struct lt_cli *cli, const char *name, double *ret)
{
    struct lt_error err;
    const struct lt_json *v;
    const char *text = lt_cli_option(cli, name);
    *ret = (double)NAN;
    if (!text)
        return true;
    if (!lt_json_parse(cli->arena, lt_str(text), LT_JSON_STRICT, &v, &err) && lt_json_is(v, LT_JSON_NUMBER) && lt_json_double_or(v, -1) >= 0)
        *ret = lt_json_double_or(v, 0);
    else
        lt_cli_usage(cli, "--%s must be the price of a million tokens", name);
    return !isnan(*ret);
}

int lt_cmd_grading_evaluate(struct lt_cli *cli)
{
    struct evaluation e = {.cli = cli};
    if (!read_price(cli, "price-in", &e.price_in) || !read_price(cli, "price-out", &e.price_out))
        return LT_EXIT_USAGE;
    return lt_cli_on_loop(cli, prepare, body, &e);
}
