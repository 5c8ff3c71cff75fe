/* The manager with scripted providers over a real store: gates, fallback, records, policy. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "core/admin.h"
#include "core/placement.h"
#include "core/policy.h"
#include "core/policy_cache.h"
#include "core/register.h"
#include "io/worker.h"

/* ---- an action and a provider that do as they are told ---- */

static enum lt_code compile(const struct lt_action_call *call, struct lt_neutral_call *ret, struct lt_error *err)
{
    struct lt_message *m = LT_NEW(call->arena, struct lt_message);
    *m = (struct lt_message){LT_STR("user"), lt_json_str(lt_json_get(call->input, "prompt"))};
    *ret = (struct lt_neutral_call){.kind = LT_NEUTRAL_COMPLETION, .messages = m, .messages_n = 1};
    if (lt_str_is(m->content, "bad"))
        return lt_fail_field(err, LT_EINVALID_INPUT, "/prompt", "must be good");
    if (lt_json_get(call->input, "number")) { /* the answer is to be a JSON number */
        lt_json_parse(call->arena, LT_STR("{\"type\":\"json_schema\"}"), LT_JSON_STRICT, &ret->response_format, NULL);
        lt_schema_compile_text(call->arena, "{\"type\":\"number\"}", &ret->answer_schema, NULL);
    }
    return LT_OK;
}

static enum lt_code finish(const struct lt_action_call *call, const struct lt_neutral_result *result, struct lt_jw *w, struct lt_error *err)
{
    if (result->text.n == 0)
        return lt_fail(err, LT_EUPSTREAM_INVALID, "empty");
    lt_jw_obj(w);
    lt_jw_kstr(w, "generated_content", result->text);
    lt_jw_kstr(w, "finish_reason", result->finish_reason);
    lt_jw_end(w);
    return LT_OK;
}

static void store_values(const struct lt_action_call *call, const struct lt_neutral_result *result, struct lt_value *values)
{
    values[0] = LT_TEXT(lt_json_str(lt_json_get(call->input, "prompt")));
    values[1] = LT_TEXT(result->text.p ? result->text : LT_STR(""));
    values[2] = LT_TEXT(result->finish_reason.p ? result->finish_reason : LT_STR(""));
}

static const char *const columns[] = {"prompt", "generatedcontent", "finishreason", NULL};
static const struct lt_action generate_text = {
    .name = "generate_text",
    .kind = LT_NEUTRAL_COMPLETION,
    .input_schema = "{\"type\":\"object\",\"required\":[\"prompt\"],\"additionalProperties\":false,"
                    "\"properties\":{\"prompt\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":100},\"number\":{\"type\":\"boolean\"}}}",
    .response_schema = "{\"type\":\"object\"}",
    .instruction = "",
    .columns = columns,
    .compile = compile,
    .finish = finish,
    .store = store_values,
};

/*
 * The instance's config says what happens: {"say":["a","b"]} pieces, {"fail":"code"} afterwards, {"wait":ms} before;
 * {"until":n}: fails only up to the n-th call of all, {"retry_after":s}; {"answers":["a","b"]}: what the first call says, the second, …
 */
static int provider_calls;
static struct lt_str last_message; /* of the last neutral call */

static enum lt_code scripted(struct lt_provider_run *run, struct lt_error *err)
{
    provider_calls++;
    const struct lt_json *c = run->instance->config;
    if (lt_json_get(c, "wait") && lt_fiber_sleep((uint64_t)lt_json_int64_or(lt_json_get(c, "wait"), 0)))
        return lt_fail(err, LT_ECANCELLED, "cancelled while waiting");
    const struct lt_json *say = lt_json_get(c, "say");
    for (size_t i = 0; i < lt_json_len(say); i++)
        if (run->on_text(run, lt_json_str(lt_json_at(say, i)), err))
            return err->code;
    const struct lt_json *answers = lt_json_get(c, "answers");
    if (lt_json_len(answers) > 0 && run->on_text(run, lt_json_str(lt_json_at(answers, (size_t)(provider_calls - 1) % lt_json_len(answers))), err))
        return err->code;
    last_message = run->call->messages[run->call->messages_n - 1].content;
    struct lt_str fail = lt_json_str(lt_json_get(c, "fail"));
    if (provider_calls > lt_json_int64_or(lt_json_get(c, "until"), 1000))
        fail = LT_STR_NULL;
    for (int code = 1; fail.n > 0 && code < LT_CODE_COUNT; code++)
        if (lt_str_is(fail, lt_code_name((enum lt_code)code))) {
            lt_fail(err, (enum lt_code)code, "scripted");
            err->retry_after_s = (int)lt_json_int64_or(lt_json_get(c, "retry_after"), 0);
            return err->code;
        }
    run->result.model = LT_STR("scripted-1");
    run->result.finish_reason = LT_STR("stop");
    run->result.usage = (struct lt_usage){9, 12, -1, -1, -1};
    return LT_OK;
}

static bool configured(const struct lt_provider_instance *instance, char *why)
{
    snprintf(why, LT_PROVIDER_WHY_MAX, "it is told not to be");
    return !lt_json_bool_or(lt_json_get(instance->config, "unconfigured"), false);
}

static const struct lt_provider provider = {
    .name = "scripted",
    .settings_schema = "{\"type\":\"object\"}",
    .neutral = LT_NEUTRAL_COMPLETION,
    .configured = configured,
    .call = scripted,
};

static const struct lt_entry entries[] = {
    {LT_KIND_ACTION, "generate_text", "", "", "builtin", 1, 0, 100, &generate_text},
    {LT_KIND_PROVIDER, "scripted", "", "", "builtin", 1, 0, 100, &provider},
};

/* ---- a world of one site ---- */

static struct world {
    char dir[32];
    struct lt_store *store;
    struct lt_manager *manager;
    struct lt_loop *loop;
    struct lt_config *config;
    struct lt_arena *arena;
    struct lt_caller caller;
    struct lt_error err;
    void (*body)(struct world *w);
    /* what the listener saw */
    struct lt_buf shown;
    bool shown_before_begin;
    enum lt_code answer_with;
} world;

static const struct lt_json *parse(struct world *w, const char *text)
{
    const struct lt_json *v = NULL;
    if (lt_json_parse(w->arena, lt_str(text), LT_JSON_STRICT, &v, &w->err))
        fail_msg("%s: %s", text, w->err.detail);
    return v;
}

#define OK(call)                                                                                                             \
    do {                                                                                                                     \
        if ((call) != LT_OK)                                                                                                 \
            fail_msg("%s: %s: %s", #call, lt_code_name(w->err.code), w->err.detail);                                         \
    } while (0)

/* Reads the configuration anew, as a daemon does after a change. */
static void reload(struct world *w)
{
    struct lt_config *config;
    OK(lt_config_load(w->store, &config, &w->err));
    lt_config_publish(&w->loop, 1, config);
    while (lt_config_current() != config)
        lt_fiber_yield();
    if (w->config)
        lt_config_unref(w->config);
    w->config = config;
    w->caller.site = lt_config_site(config, LT_STR("s"));
    assert_non_null(w->caller.site);
}

static void add_instance(struct world *w, const char *name, bool enabled, const char *config)
{
    OK(lt_admin_provider_add(w->store, LT_STR("s"), lt_str(name), LT_STR("scripted"), enabled, parse(w, config), NULL, NULL, &w->err));
}

static void in_fiber(void *arg)
{
    struct world *w = arg;
    OK(lt_admin_site_add(w->store, LT_STR("s"), LT_STR("Site"), &w->err));
    reload(w);
    w->body(w);
    lt_loop_stop(w->loop);
}

static void run(void (*body)(struct world *w))
{
    struct world *w = &world;
    memset(w, 0, sizeof(*w));
    provider_calls = 0;
    w->body = body;
    snprintf(w->dir, sizeof(w->dir), "/tmp/lectern-core-XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    OK(lt_store_open(&(struct lt_store_options){.data_dir = w->dir}, &w->store, &w->err));
    w->manager = lt_manager_new(&(struct lt_manager_options){.store = w->store});
    OK(lt_manager_prepare(w->manager, true, &w->err));
    w->arena = lt_arena_new();
    lt_buf_init(&w->shown, 1 << 20);
    w->caller = (struct lt_caller){.user_id = LT_STR("u1"), .roles = 1u << LT_ROLE_TEACHER};
    w->loop = lt_loop_new(0, &w->err);
    assert_non_null(w->loop);
    lt_fiber_start(w->loop, in_fiber, w, NULL);
    lt_loop_run(w->loop);
    lt_loop_free(w->loop);
    lt_config_unref(w->config);
    lt_manager_free(w->manager);
    lt_store_close(w->store);
    lt_buf_free(&w->shown);
    lt_arena_free(w->arena);
    char command[128];
    snprintf(command, sizeof(command), "rm -rf %s", w->dir);
    assert_int_equal(system(command), 0);
}

static int64_t count(struct world *w, const char *sql)
{
    struct lt_rows r;
    OK(lt_store_query(w->store, w->arena, sql, NULL, 0, 0, &r, &w->err));
    return lt_rows_int(&r, 0, 0);
}

static enum lt_code hear(void *ctx, struct lt_str piece)
{
    struct world *w = ctx;
    if (count(w, "SELECT COUNT(*) FROM ai_call") == 0) /* durable rows are what another connection sees */
        w->shown_before_begin = true;
    lt_buf_put_str(&w->shown, piece);
    return w->answer_with;
}

static struct lt_call_request request(struct world *w, const char *input)
{
    return (struct lt_call_request){.arena = w->arena,
                                    .config = w->config,
                                    .caller = &w->caller,
                                    .action = LT_STR("generate_text"),
                                    .input = parse(w, input),
                                    .ctx = w};
}

static struct lt_call_result process(struct world *w, const char *input, bool stream)
{
    struct lt_call_request q = request(w, input);
    q.stream = stream;
    q.on_text = stream ? hear : NULL;
    struct lt_call_result r;
    lt_process_action(w->manager, &q, &r);
    return r;
}

static struct lt_register_call shown_in_register(struct world *w, struct lt_uuid id)
{
    struct lt_register_call call;
    struct lt_str attempts, content;
    OK(lt_register_show(w->store, w->arena, 0, id, &call, &attempts, &content, &w->err));
    return call;
}

/* ---- reference cases 17 to 21, restated ---- */

static void case_17(struct world *w)
{
    add_instance(w, "off", false, "{\"say\":[\"never\"]}");
    reload(w);
    struct lt_call_result r = process(w, "{\"prompt\":\"x\"}", false);
    assert_false(r.success);
    assert_int_equal(r.error.code, LT_ENO_PROVIDER);
    assert_int_equal(provider_calls, 0);
    assert_true(lt_str_is(shown_in_register(w, r.id).state, "failed"));
}
static void case_17_without_an_enabled_provider_the_call_fails(void **state)
{
    run(case_17);
}

static void case_18(struct world *w)
{
    add_instance(w, "first", true, "{\"say\":[\"from the first\"]}");
    add_instance(w, "second", true, "{\"say\":[\"from the second\"]}");
    reload(w);
    struct lt_call_result r = process(w, "{\"prompt\":\"x\"}", false);
    assert_true(r.success);
    assert_true(lt_str_is(r.response, "{\"generated_content\":\"from the first\",\"finish_reason\":\"stop\"}"));
    assert_true(lt_str_is(r.instance->name, "first"));
    assert_int_equal(provider_calls, 1);
    assert_int_equal(r.usage.total_tokens, 21);
}
static void case_18_of_two_instances_the_first_success_is_returned(void **state)
{
    run(case_18);
}

static void with_policy(struct world *w)
{
    OK(lt_admin_policy_set(w->store, LT_STR("s"), LT_STR("1"), LT_STR("Be kind."), &w->err));
    add_instance(w, "first", true, "{\"say\":[\"yes\"]}");
    reload(w);
}

static void case_19(struct world *w)
{
    with_policy(w);
    OK(lt_policy_accept(w->store, &w->caller, LT_STR("1"), LT_STR(""), LT_STR(""), &w->err));
    OK(lt_policy_accept(w->store, &w->caller, LT_STR("1"), LT_STR(""), LT_STR(""), &w->err)); /* a second time is no error */
    assert_int_equal(count(w, "SELECT COUNT(*) FROM policy_acceptance WHERE user_id = 'u1' AND accepted = 1"), 1);
    assert_int_equal(lt_policy_accept(w->store, &w->caller, LT_STR("2"), LT_STR(""), LT_STR(""), &w->err), LT_ECONFLICT);
}
static void case_19_accepting_the_policy_writes_one_row(void **state)
{
    run(case_19);
}

static void case_20(struct world *w)
{
    with_policy(w);
    struct lt_policy_status status;
    OK(lt_policy_get(w->store, w->arena, &w->caller, &status, &w->err));
    assert_false(status.accepted);
    assert_int_equal(process(w, "{\"prompt\":\"x\"}", false).error.code, LT_EPOLICY);
    assert_int_equal(provider_calls, 0);
    struct lt_tx *tx = lt_tx_new(); /* behind the policy module's back */
    LT_TX(tx, "INSERT INTO policy_acceptance (site_id, user_id, version, accepted, decided_at) VALUES ($1, 'u1', '1', 1, 5)",
          LT_INT(w->caller.site->id));
    OK(lt_store_write(w->store, tx, &w->err));
    OK(lt_policy_get(w->store, w->arena, &w->caller, &status, &w->err));
    assert_true(status.accepted);
    assert_int_equal(status.accepted_at, 5);
    assert_true(process(w, "{\"prompt\":\"x\"}", false).success);
}
static void case_20_a_negative_is_never_kept_as_truth(void **state)
{
    run(case_20);
}

static void case_21(struct world *w)
{
    with_policy(w);
    static const char *const users[] = {"u1", "u2", "u3"};
    static const bool expected[] = {true, true, false};
    for (int i = 0; i < 2; i++) {
        w->caller.user_id = lt_str(users[i]);
        OK(lt_policy_accept(w->store, &w->caller, LT_STR("1"), LT_STR(""), LT_STR(""), &w->err));
    }
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 3; i++) {
            struct lt_policy_status status;
            w->caller.user_id = lt_str(users[i]);
            OK(lt_policy_get(w->store, w->arena, &w->caller, &status, &w->err));
            assert_int_equal(status.accepted, expected[i]);
            assert_int_equal(lt_policy_known_accepted(&w->caller), expected[i]); /* positives are kept, the negative is not */
        }
        OK(lt_admin_site_set(w->store, LT_STR("s"), parse(w, "{\"name\":\"Changed\"}"), &w->err));
        reload(w); /* a new configuration empties the cache */
        w->caller.user_id = LT_STR("u1");
        assert_false(lt_policy_known_accepted(&w->caller));
    }
}
static void case_21_acceptances_are_cached_purged_and_read_again(void **state)
{
    run(case_21);
}

/* ---- more of the policy ---- */

static void withdrawn(struct world *w)
{
    with_policy(w);
    OK(lt_policy_accept(w->store, &w->caller, LT_STR("1"), LT_STR(""), LT_STR(""), &w->err));
    assert_true(process(w, "{\"prompt\":\"x\"}", false).success);
    OK(lt_policy_withdraw(w->store, &w->caller, &w->err));
    OK(lt_policy_withdraw(w->store, &w->caller, &w->err)); /* a second time changes nothing */
    assert_int_equal(count(w, "SELECT COUNT(*) FROM policy_acceptance"), 2);
    assert_int_equal(process(w, "{\"prompt\":\"x\"}", false).error.code, LT_EPOLICY);
    OK(lt_policy_accept(w->store, &w->caller, LT_STR("1"), LT_STR(""), LT_STR(""), &w->err));
    assert_true(process(w, "{\"prompt\":\"x\"}", false).success);
    OK(lt_admin_policy_set(w->store, LT_STR("s"), LT_STR("2"), LT_STR("Be kinder."), &w->err));
    reload(w);
    assert_int_equal(process(w, "{\"prompt\":\"x\"}", false).error.code, LT_EPOLICY); /* a new version asks again */
}
static void a_withdrawal_and_a_new_version_close_the_gate(void **state)
{
    run(withdrawn);
}

/* ---- fallback, streaming, records ---- */

static void fallback(struct world *w)
{
    add_instance(w, "down", true, "{\"fail\":\"upstream_unavailable\"}");
    add_instance(w, "nokey", true, "{\"unconfigured\":true}");
    add_instance(w, "empty", true, "{\"say\":[]}");
    add_instance(w, "good", true, "{\"say\":[\"<think>hm\",\"m</think> an\",\"swer\"]}");
    reload(w);
    struct lt_call_result r = process(w, "{\"prompt\":\"x\"}", true);
    assert_true(r.success);
    assert_int_equal(r.attempts_n, 3);
    assert_int_equal(r.attempts[0].code, LT_EUPSTREAM_UNAVAILABLE);
    assert_int_equal(r.attempts[1].code, LT_EUPSTREAM_INVALID);
    assert_true(r.attempts[2].success);
    assert_true(lt_str_is(lt_buf_str(&w->shown), "answer"));
    assert_false(w->shown_before_begin);
    assert_int_equal(count(w, "SELECT COUNT(*) FROM ai_call"), 1);
    assert_int_equal(count(w, "SELECT COUNT(*) FROM ai_call_attempt"), 3);
    assert_int_equal(count(w, "SELECT COUNT(*) FROM ai_call_end WHERE state = 'completed' AND prompt_tokens = 9 AND total_tokens = 21"), 1);
    assert_int_equal(count(w, "SELECT COUNT(*) FROM ai_action_generate_text WHERE prompt = 'x' AND generatedcontent = 'answer'"), 1);
}
static void a_failure_before_the_first_byte_goes_to_the_next_instance(void **state)
{
    run(fallback);
}

static void no_fallback(struct world *w)
{
    add_instance(w, "cut", true, "{\"say\":[\"half an \"],\"fail\":\"upstream_invalid\"}");
    add_instance(w, "good", true, "{\"say\":[\"whole\"]}");
    reload(w);
    struct lt_call_result r = process(w, "{\"prompt\":\"x\"}", true);
    assert_false(r.success);
    assert_int_equal(r.error.code, LT_EUPSTREAM_INVALID);
    assert_int_equal(r.attempts_n, 1);
    assert_int_equal(provider_calls, 1);
    assert_int_equal(count(w, "SELECT COUNT(*) FROM ai_action_generate_text WHERE generatedcontent LIKE 'half an%'"), 1);
    r = process(w, "{\"prompt\":\"x\"}", false); /* nothing was shown: the next one may answer */
    assert_true(r.success);
    assert_true(lt_str_is(r.response, "{\"generated_content\":\"whole\",\"finish_reason\":\"stop\"}"));
}
static void after_the_first_shown_byte_there_is_no_fallback(void **state)
{
    run(no_fallback);
}

static void all_fail(struct world *w)
{
    add_instance(w, "a", true, "{\"fail\":\"upstream_rate_limited\",\"retries\":0}");
    add_instance(w, "b", true, "{\"fail\":\"upstream_timeout\"}");
    reload(w);
    struct lt_call_result r = process(w, "{\"prompt\":\"x\"}", false);
    assert_int_equal(r.error.code, LT_EUPSTREAM_TIMEOUT); /* the last failure is the answer */
    assert_int_equal(count(w, "SELECT COUNT(*) FROM ai_call_attempt WHERE success = 0"), 2);
    assert_int_equal(count(w, "SELECT COUNT(*) FROM ai_call_end WHERE state = 'failed' AND code = 'upstream_timeout'"), 1);
}
static void when_all_fail_the_last_failure_is_returned_and_all_are_recorded(void **state)
{
    run(all_fail);
}

/* ---- trying again, leaving alone ---- */

static void try_again(struct world *w)
{
    static const struct {
        const char *config;
        enum lt_code code;
        int calls;
    } cases[] = {
        {"{\"fail\":\"upstream_unavailable\",\"until\":1,\"say\":[]}", LT_EUPSTREAM_INVALID, 2}, /* the second answer is empty */
        {"{\"fail\":\"upstream_unavailable\",\"retries\":0}", LT_EUPSTREAM_UNAVAILABLE, 1},
        {"{\"fail\":\"upstream_unavailable\",\"retries\":2}", LT_EUPSTREAM_UNAVAILABLE, 3},
        {"{\"fail\":\"upstream_rate_limited\",\"retry_after\":9,\"breaker_faults\":0}", LT_EUPSTREAM_RATE_LIMITED, 1}, /* too long to wait */
        {"{\"fail\":\"upstream_timeout\"}", LT_EUPSTREAM_TIMEOUT, 1},
        {"{\"fail\":\"upstream_bad_request\"}", LT_EUPSTREAM_BAD_REQUEST, 1},
        {"{\"fail\":\"context_window_exceeded\"}", LT_ECONTEXT_WINDOW, 1},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        char name[16];
        snprintf(name, sizeof(name), "t%zu", i);
        add_instance(w, name, true, cases[i].config);
        reload(w);
        provider_calls = 0;
        w->caller.roles = 1u << LT_ROLE_ADMIN;
        struct lt_call_request q = request(w, "{\"prompt\":\"x\"}");
        q.provider = lt_str(name);
        struct lt_call_result r;
        assert_int_equal(lt_process_action(w->manager, &q, &r), cases[i].code);
        assert_int_equal(provider_calls, cases[i].calls);
        assert_int_equal(r.attempts_n, cases[i].calls);
    }
}
static void what_may_pass_is_tried_again_and_recorded(void **state)
{
    run(try_again);
}

static void round_of_two(struct world *w)
{
    add_instance(w, "a", true, "{\"fail\":\"upstream_unavailable\",\"until\":2,\"answers\":[\"\",\"\",\"fine\"]}");
    add_instance(w, "b", true, "{\"fail\":\"upstream_timeout\"}");
    reload(w);
    struct lt_call_result r = process(w, "{\"prompt\":\"x\"}", true);
    assert_true(r.success);
    assert_int_equal(r.attempts_n, 3); /* a, then at once b, and a again after a pause */
    assert_true(lt_str_is(r.attempts[1].instance->name, "b"));
    assert_true(lt_str_is(r.attempts[2].instance->name, "a"));
}
static void the_next_instance_is_asked_before_one_is_asked_again(void **state)
{
    run(round_of_two);
}

static void circuit(struct world *w)
{
    add_instance(w, "a", true, "{\"fail\":\"upstream_unavailable\",\"until\":3,\"say\":[],\"retries\":0,\"breaker_faults\":3,\"breaker_open_ms\":800,"
                               "\"answers\":[\"\",\"\",\"\",\"well\"]}");
    reload(w);
    const struct lt_provider_instance *a = w->caller.site->instances[0];
    for (int i = 0; i < 3; i++) {
        assert_int_equal(lt_provider_circuit(w->manager, a).state, LT_BREAKER_CLOSED);
        assert_int_equal(process(w, "{\"prompt\":\"x\"}", false).error.code, LT_EUPSTREAM_UNAVAILABLE);
    }
    assert_int_equal(lt_provider_circuit(w->manager, a).state, LT_BREAKER_OPEN);
    struct lt_call_result r = process(w, "{\"prompt\":\"x\"}", false);
    assert_int_equal(r.error.code, LT_EUPSTREAM_UNAVAILABLE);
    assert_int_equal(r.error.retry_after_s, 1);
    assert_int_equal(r.attempts_n, 0);
    assert_int_equal(provider_calls, 3); /* it was left alone */
    for (int i = 0; i < 600 && lt_provider_circuit(w->manager, a).state != LT_BREAKER_HALF_OPEN; i++)
        lt_fiber_sleep(100);
    assert_int_equal(lt_provider_circuit(w->manager, a).state, LT_BREAKER_HALF_OPEN);
    assert_true(process(w, "{\"prompt\":\"x\"}", false).success);
    assert_int_equal(lt_provider_circuit(w->manager, a).state, LT_BREAKER_CLOSED);
}
static void a_circuit_opens_after_faults_and_closes_after_a_success(void **state)
{
    run(circuit);
}

static void mended_config(struct world *w)
{
    add_instance(w, "a", true, "{\"fail\":\"upstream_unauthorized\",\"breaker_faults\":1}");
    reload(w);
    process(w, "{\"prompt\":\"x\"}", false);
    assert_int_equal(lt_provider_circuit(w->manager, w->caller.site->instances[0]).state, LT_BREAKER_OPEN);
    OK(lt_admin_provider_set(w->store, LT_STR("s"), LT_STR("a"), parse(w, "{\"config\":{\"fail\":\"\",\"say\":[\"well\"]}}"), &w->err));
    reload(w);
    assert_true(process(w, "{\"prompt\":\"x\"}", false).success); /* at once: an admin who mends a key does not wait */
}
static void a_changed_configuration_closes_the_circuit(void **state)
{
    run(mended_config);
}

static void callers_faults(struct world *w)
{
    add_instance(w, "a", true, "{\"fail\":\"content_refused\",\"breaker_faults\":1}");
    reload(w);
    for (int i = 0; i < 3; i++)
        assert_int_equal(process(w, "{\"prompt\":\"x\"}", false).error.code, LT_ECONTENT_REFUSED);
    assert_int_equal(provider_calls, 3);
    struct lt_call_result r = process(w, "{\"prompt\":\"bad\"}", false);
    assert_int_equal(r.error.code, LT_EINVALID_INPUT);
    assert_string_equal(r.error.field, "/input/prompt");
    assert_int_equal(lt_provider_circuit(w->manager, w->caller.site->instances[0]).state, LT_BREAKER_CLOSED);
}
static void the_callers_own_faults_open_no_circuit(void **state)
{
    run(callers_faults);
}

static void vendor_says_when(struct world *w)
{
    add_instance(w, "a", true, "{\"fail\":\"upstream_rate_limited\",\"retry_after\":30}");
    add_instance(w, "b", true, "{\"say\":[\"b\"]}");
    reload(w);
    assert_int_equal(process(w, "{\"prompt\":\"x\"}", false).attempts_n, 2);
    assert_int_equal(process(w, "{\"prompt\":\"x\"}", false).attempts_n, 1); /* a wants to be left alone for 30 s */
    struct lt_breaker_view view = lt_provider_circuit(w->manager, w->caller.site->instances[0]);
    assert_int_equal(view.state, LT_BREAKER_OPEN);
    assert_in_range(view.wait_ms, 25000, 30000);
}
static void a_vendor_that_says_how_long_is_left_alone_so_long(void **state)
{
    run(vendor_says_when);
}

/* ---- answers that are to have a form ---- */

static void mend(struct world *w)
{
    static const struct {
        const char *answers;
        bool success;
        int calls;
    } cases[] = {
        {"[\"7\"]", true, 1},
        {"[\"<think>hm</think>7\"]", true, 1},
        {"[\"```json\\n7\\n```\"]", true, 1},
        {"[\"seven\",\"7\"]", true, 2},
        {"[\"\\\"7\\\"\",\"7\"]", true, 2},
        {"[\"seven\",\"SEVEN\"]", false, 2},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        char name[16], config[200];
        snprintf(name, sizeof(name), "m%zu", i);
        snprintf(config, sizeof(config), "{\"answers\":%s}", cases[i].answers);
        add_instance(w, name, true, config);
        reload(w);
        w->caller.roles = 1u << LT_ROLE_ADMIN;
        for (int stream = 0; stream < 2; stream++) {
            provider_calls = 0;
            lt_buf_reset(&w->shown);
            struct lt_call_request q = request(w, "{\"prompt\":\"x\",\"number\":true}");
            q.provider = lt_str(name);
            q.stream = stream;
            q.on_text = stream ? hear : NULL;
            struct lt_call_result r;
            lt_process_action(w->manager, &q, &r);
            assert_int_equal(r.success, cases[i].success);
            assert_int_equal(provider_calls, cases[i].calls);
            assert_int_equal(r.attempts_n, cases[i].calls);
            if (cases[i].calls == 2)
                assert_non_null(memmem(last_message.p, last_message.n, "as JSON and nothing else", 24));
            if (stream) /* held until it was checked */
                assert_true(lt_str_is(lt_buf_str(&w->shown), cases[i].success ? "7" : ""));
            if (r.success)
                assert_true(lt_str_is(r.response, "{\"generated_content\":\"7\",\"finish_reason\":\"stop\"}"));
        }
    }
    assert_int_equal(lt_provider_circuit(w->manager, w->caller.site->instances[5]).faults, 0); /* a clumsy model is not a sick vendor */
}
static void an_answer_of_the_wrong_form_is_mended_once_and_never_shown(void **state)
{
    run(mend);
}

static void chosen(struct world *w)
{
    add_instance(w, "a", true, "{\"say\":[\"a\"]}");
    add_instance(w, "b", true, "{\"say\":[\"b\"]}");
    reload(w);
    struct lt_call_request q = request(w, "{\"prompt\":\"x\"}");
    q.provider = LT_STR("b");
    struct lt_call_result r;
    assert_int_equal(lt_process_action(w->manager, &q, &r), LT_EPERMISSION); /* a teacher may not choose */
    w->caller.roles = 1u << LT_ROLE_ADMIN;
    assert_int_equal(lt_process_action(w->manager, &q, &r), LT_OK);
    assert_true(lt_str_is(r.instance->name, "b"));
    q.provider = LT_STR("c");
    assert_int_equal(lt_process_action(w->manager, &q, &r), LT_ENO_PROVIDER);
}
static void a_provider_is_chosen_only_with_permission(void **state)
{
    run(chosen);
}

/* Every gate with its own code, in the order of the table: a caller that fails several hears the first. */
static void gates(struct world *w)
{
    with_policy(w);
    w->caller.roles = 1u << LT_ROLE_STUDENT;
    struct lt_call_request q = request(w, "{\"prompt\":7}");
    q.action = LT_STR("no_such");
    q.place = (struct lt_place){LT_STR("c1"), LT_STR("b1"), LT_STR("editor")};
    struct lt_call_result r;
    OK(lt_admin_site_set(w->store, LT_STR("s"), parse(w, "{\"enabled\":false}"), &w->err));
    OK(lt_admin_place_switch(w->store, LT_STR("s"), LT_STR("c1"), LT_STR(""), LT_STR(""), 0, 0, &w->err));
    OK(lt_admin_place_switch(w->store, LT_STR("s"), LT_STR("c2"), LT_STR("b1"), LT_STR("generate_text"), 0, 0, &w->err));
    OK(lt_admin_placement_switch(w->store, LT_STR("s"), LT_STR("editor"), LT_STR("generate_text"), 0, 0, &w->err));
    reload(w);
    assert_int_equal(lt_process_action(w->manager, &q, &r), LT_ESITE_DISABLED);
    OK(lt_admin_site_set(w->store, LT_STR("s"), parse(w, "{\"enabled\":true}"), &w->err));
    reload(w);
    assert_int_equal(lt_process_action(w->manager, &q, &r), LT_EUNKNOWN_ACTION);
    q.action = LT_STR("generate_text");
    assert_int_equal(lt_process_action(w->manager, &q, &r), LT_EINVALID_INPUT);
    assert_string_equal(r.error.field, "/input/prompt");
    q.input = parse(w, "{\"prompt\":\"x\"}");
    assert_int_equal(lt_process_action(w->manager, &q, &r), LT_EPERMISSION);
    w->caller.roles = 1u << LT_ROLE_EDITINGTEACHER;
    assert_int_equal(lt_process_action(w->manager, &q, &r), LT_ECOURSE_DISABLED);
    q.place.course_id = LT_STR("c2");
    assert_int_equal(lt_process_action(w->manager, &q, &r), LT_ECOURSE_DISABLED);
    q.place.location_id = LT_STR("b2");
    assert_int_equal(lt_process_action(w->manager, &q, &r), LT_EPLACEMENT_DISABLED);
    q.place.placement = LT_STR("chat"); /* does not offer it */
    w->caller.roles |= 1u << LT_ROLE_ADMIN;
    assert_int_equal(lt_process_action(w->manager, &q, &r), LT_EPLACEMENT_DISABLED);
    q.place.placement = LT_STR("author");
    assert_int_equal(lt_process_action(w->manager, &q, &r), LT_EPOLICY);
    struct lt_error why;
    assert_false(lt_action_available(w->manager, w->config, &w->caller, &q.place, LT_STR("generate_text"), &why));
    assert_int_equal(why.code, LT_EPOLICY);
    OK(lt_admin_provider_set(w->store, LT_STR("s"), LT_STR("first"), parse(w, "{\"enabled\":false}"), &w->err));
    reload(w);
    q.config = w->config;
    assert_false(lt_action_available(w->manager, w->config, &w->caller, &q.place, LT_STR("generate_text"), &why));
    assert_int_equal(why.code, LT_ENO_PROVIDER); /* what nobody serves is not offered, policy or not */
    OK(lt_admin_provider_set(w->store, LT_STR("s"), LT_STR("first"), parse(w, "{\"enabled\":true}"), &w->err));
    reload(w);
    q.config = w->config;
    OK(lt_policy_accept(w->store, &w->caller, LT_STR("1"), LT_STR(""), LT_STR(""), &w->err));
    assert_true(lt_action_available(w->manager, w->config, &w->caller, &q.place, LT_STR("generate_text"), &why));
    assert_int_equal(lt_process_action(w->manager, &q, &r), LT_OK);
    assert_int_equal(provider_calls, 1);
    q.place.placement = LT_STR("nowhere");
    assert_int_equal(lt_process_action(w->manager, &q, &r), LT_EINVALID_INPUT);
    assert_string_equal(r.error.field, "/context/placement");
}
static void each_gate_refuses_with_its_own_code_in_order(void **state)
{
    run(gates);
}

static void refusals(struct world *w)
{
    OK(lt_admin_site_set(w->store, LT_STR("s"), parse(w, "{\"refusals_per_second\":3}"), &w->err));
    reload(w);
    lt_clock_freeze(1700000000000);
    for (int i = 0; i < 20; i++)
        assert_int_equal(process(w, "{}", false).error.code, LT_EINVALID_INPUT);
    lt_clock_freeze(0);
    struct lt_tx *tx = lt_tx_new(); /* a unit that is waited for comes behind the posted ones */
    LT_TX(tx, "UPDATE site SET name = $1", LT_TEXT(LT_STR("x")));
    OK(lt_store_write(w->store, tx, &w->err));
    assert_int_equal(count(w, "SELECT COUNT(*) FROM ai_call_end WHERE state = 'refused' AND code = 'invalid_input'"), 3);
}
static void refusals_are_recorded_up_to_the_rate(void **state)
{
    run(refusals);
}

/* ---- leaving, restarting ---- */

struct canceller {
    struct world *w;
    struct lt_uuid id;
};

static void note_id(void *ctx, struct lt_uuid id)
{
    ((struct canceller *)ctx)->id = id;
}

static void cancel_soon(void *arg)
{
    struct canceller *c = arg;
    struct world *w = c->w;
    assert_true(lt_call_running(w->manager, c->id));
    struct lt_caller other = w->caller;
    other.is_user = true;
    other.user_id = LT_STR("somebody else");
    assert_int_equal(lt_call_cancel(w->manager, c->id, &other, &w->err), LT_ENOT_FOUND);
    OK(lt_call_cancel(w->manager, c->id, &w->caller, &w->err));
}

static void cancelled(struct world *w)
{
    add_instance(w, "slow", true, "{\"wait\":60000,\"say\":[\"late\"]}");
    add_instance(w, "next", true, "{\"say\":[\"must not be asked\"]}");
    reload(w);
    struct canceller c = {.w = w};
    struct lt_call_request q = request(w, "{\"prompt\":\"x\"}");
    q.on_start = note_id;
    q.ctx = &c;
    lt_fiber_start(w->loop, cancel_soon, &c, NULL);
    struct lt_call_result r;
    assert_int_equal(lt_process_action(w->manager, &q, &r), LT_ECANCELLED);
    lt_fiber_cancel_reset();
    assert_int_equal(provider_calls, 1);
    assert_false(lt_call_running(w->manager, c.id));
    assert_true(lt_str_is(shown_in_register(w, r.id).state, "cancelled"));
}
static void a_cancelled_call_ends_at_once_and_is_recorded(void **state)
{
    run(cancelled);
}

static void interrupted(struct world *w)
{
    struct lt_uuid id = lt_uuid_new();
    struct lt_tx *tx = lt_tx_new(); /* what a process that was killed leaves behind */
    LT_TX(tx, "INSERT INTO ai_call (id, site_id, user_id, action, course_id, location_id, placement, created_at) VALUES ($1, 1, 'u', 'generate_text', '', '', '', 1)",
          LT_BLOB(id.b, 16));
    LT_TX(tx, "INSERT INTO ai_call_checkpoint (call_id, n, text, created_at) VALUES ($1, 1, 'what was ', 1)", LT_BLOB(id.b, 16));
    LT_TX(tx, "INSERT INTO ai_call_checkpoint (call_id, n, text, created_at) VALUES ($1, 2, 'shown', 1)", LT_BLOB(id.b, 16));
    OK(lt_store_write(w->store, tx, &w->err));
    assert_true(lt_str_is(shown_in_register(w, id).state, "running"));
    lt_manager_mark(w->manager); /* what is recent is looked through all the same */
    struct lt_manager *next = lt_manager_new(&(struct lt_manager_options){.store = w->store});
    OK(lt_manager_prepare(next, true, &w->err));
    lt_manager_free(next);
    struct lt_register_call call = shown_in_register(w, id);
    assert_true(lt_str_is(call.state, "interrupted"));
    assert_true(lt_str_is(call.partial, "what was shown"));
    assert_int_equal(count(w, "SELECT COUNT(*) FROM ai_call b LEFT JOIN ai_call_end e ON e.call_id = b.id WHERE e.call_id IS NULL"), 0);
}
static void an_unfinished_call_becomes_interrupted_with_its_checkpoints(void **state)
{
    run(interrupted);
}

/* ---- configuration ---- */

static void order(struct world *w)
{
    add_instance(w, "a", true, "{}");
    add_instance(w, "b", true, "{}");
    add_instance(w, "c", true, "{}");
    struct lt_str wanted[] = {LT_STR("c"), LT_STR("a")};
    OK(lt_admin_provider_order(w->store, LT_STR("s"), wanted, 2, &w->err));
    reload(w);
    const char *expected[] = {"c", "a", "b"};
    for (int i = 0; i < 3; i++)
        assert_true(lt_str_is(w->caller.site->instances[i]->name, expected[i]));
    OK(lt_admin_provider_remove(w->store, LT_STR("s"), LT_STR("a"), &w->err));
    add_instance(w, "d", true, "{}");
    reload(w);
    const char *after[] = {"c", "b", "d"};
    for (int i = 0; i < 3; i++)
        assert_true(lt_str_is(w->caller.site->instances[i]->name, after[i]));
    struct lt_str twice[] = {LT_STR("c"), LT_STR("c")};
    assert_int_equal(lt_admin_provider_order(w->store, LT_STR("s"), twice, 2, &w->err), LT_EINVALID_INPUT);
    reload(w);
    assert_true(lt_str_is(w->caller.site->instances[0]->name, "c")); /* nothing was half saved */
    assert_int_equal(lt_admin_provider_add(w->store, LT_STR("s"), LT_STR("b"), LT_STR("scripted"), true, NULL, NULL, NULL, &w->err), LT_ECONFLICT);
    assert_int_equal(lt_admin_provider_add(w->store, LT_STR("s"), LT_STR("x"), LT_STR("nothing"), true, NULL, NULL, NULL, &w->err), LT_EINVALID_INPUT);
    assert_int_equal(lt_admin_provider_add(w->store, LT_STR("s"), LT_STR("x"), LT_STR("scripted"), true, NULL, parse(w, "{\"no_such\":{}}"), NULL, &w->err), LT_EINVALID_INPUT);
}
static void the_order_of_instances_survives_changes(void **state)
{
    run(order);
}

static struct lt_issuer_form shared(const char *aud, const char *secret)
{
    return (struct lt_issuer_form){.iss = LT_STR("lms"), .aud = lt_str(aud), .secret = lt_str(secret)};
}

static enum lt_code set_issuer(struct world *w, const char *site, struct lt_issuer_form form)
{
    w->err = (struct lt_error){0};
    return lt_admin_issuer_set(w->store, lt_str(site), &form, &w->err);
}

static void issuers(struct world *w)
{
    OK(lt_admin_site_add(w->store, LT_STR("other"), LT_STR("Other"), &w->err));
    OK(set_issuer(w, "s", shared("ai", "0123456789abcdef")));
    OK(set_issuer(w, "s", shared("ai", "another secret, longer")));
    assert_int_equal(set_issuer(w, "other", shared("ai", "0123456789abcdef")), LT_ECONFLICT);
    assert_int_equal(set_issuer(w, "s", shared("x", "too short")), LT_EINVALID_INPUT);
    reload(w);
    const struct lt_jwt_issuer *i = lt_config_issuer(w->config, LT_STR("lms"), LT_STR("ai"));
    assert_non_null(i);
    assert_ptr_equal(i->site, w->caller.site);
    assert_true(lt_str_is(i->secret, "another secret, longer") && lt_str_is(i->user_claim, "sub"));
}
static void an_issuer_belongs_to_one_site(void **state)
{
    run(issuers);
}

/* A P-256 key that nobody has the other half of. */
#define PEM_BODY "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE542V9Lmi0UHyiFG8ufQG40Re/d1fgpa2taaj+U/CBpnmxaJEzpJH7RmPKKne3p//v3E2IKw0I9Ytxfk1uWSq3w=="

/* What is saved of each form, or which field is refused. */
static void issuer_forms(struct world *w)
{
    struct lt_str pem = LT_STR("-----BEGIN PUBLIC KEY-----\n" PEM_BODY "\n-----END PUBLIC KEY-----\n"), secret = LT_STR("0123456789abcdef");
    static const struct lt_str rs = LT_STR("RS256"), es = LT_STR("ES256"), url = LT_STR("https://lms.example/jwks"), jwks = LT_STR("{\"keys\":[]}");
    const struct {
        struct lt_issuer_form form;
        const char *field; /* NULL: saved */
    } cases[] = {
        {{.secret = secret}, NULL},
        {{.secret = secret, .alg = LT_STR("HS256"), .user_claim = LT_STR("preferred_username")}, NULL},
        {{.alg = es, .public_key = pem}, NULL},
        {{.alg = rs, .jwks_url = url}, NULL},
        {{.alg = LT_STR("RS512"), .jwks_url = url}, NULL},
        {{.alg = LT_STR_NULL}, "/secret"},
        {{.secret = secret, .jwks_url = url}, "/secret"},
        {{.alg = rs}, "/jwks"},
        {{.alg = rs, .secret = secret}, "/jwks"},
        {{.alg = rs, .jwks_url = url, .public_key = pem}, "/jwks"},
        {{.alg = rs, .jwks_url = url, .secret = secret}, "/jwks"},
        {{.alg = rs, .public_key = pem}, "/public_key"},
        {{.alg = es, .public_key = secret}, "/public_key"},
        {{.alg = es, .jwks = jwks}, "/jwks"},
        {{.alg = es, .jwks_url = LT_STR("ftp://lms.example/jwks")}, "/jwks_url"},
        {{.alg = es, .jwks_url = LT_STR("https://user@lms.example/jwks")}, "/jwks_url"},
        {{.alg = LT_STR("none"), .secret = secret}, "/alg"},
        {{.alg = LT_STR("HS512"), .secret = secret}, "/alg"},
        {{.secret = secret, .user_claim = LT_STR("\xff")}, "/user_claim"},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        struct lt_issuer_form form = cases[i].form;
        form.iss = LT_STR("lms");
        form.aud = LT_STR("ai");
        print_message("case %zu\n", i);
        assert_int_equal(set_issuer(w, "s", form), cases[i].field ? LT_EINVALID_INPUT : LT_OK);
        assert_string_equal(w->err.field, cases[i].field ? cases[i].field : "");
        if (cases[i].field)
            continue;
        reload(w);
        const struct lt_jwt_issuer *issuer = lt_config_issuer(w->config, LT_STR("lms"), LT_STR("ai"));
        assert_string_equal(issuer->alg, form.alg.n ? form.alg.p : "HS256");
        assert_true(lt_str_eq(issuer->secret, form.secret.n ? form.secret : LT_STR("")));
        assert_true(lt_str_eq(issuer->jwks_url, form.jwks_url.n ? form.jwks_url : LT_STR("")));
        assert_true(lt_str_eq(issuer->user_claim, form.user_claim.n ? form.user_claim : LT_STR("sub")));
        assert_int_equal(issuer->keys != NULL, form.public_key.n > 0);
    }
}
static void an_issuer_has_the_key_that_its_algorithm_needs(void **state)
{
    run(issuer_forms);
}

static void site_lists(struct world *w)
{
    static const struct {
        const char *patch, *field; /* NULL: saved */
    } cases[] = {
        {"{\"cors_origins\":[\"https://apps.lms.example\",\"http://localhost:2000\",\"https://[::1]:8443\"]}", NULL},
        {"{\"cors_origins\":[\"*\"]}", "/cors_origins/0"},
        {"{\"cors_origins\":[\"null\"]}", "/cors_origins/0"},
        {"{\"cors_origins\":[\"https://a.example/\"]}", "/cors_origins/0"},
        {"{\"cors_origins\":[\"https://a.example\",\"https://*.example\"]}", "/cors_origins/1"},
        {"{\"cors_origins\":[\"file://\"]}", "/cors_origins/0"},
        {"{\"lms_hosts\":[\"lms.example\",\"lms.example:8000\"],\"cms_hosts\":[\"studio.lms.example\"]}", NULL},
        {"{\"cms_hosts\":[\"https://studio.lms.example\"]}", "/cms_hosts/0"},
        {"{\"lms_hosts\":[\"\"]}", "/lms_hosts/0"},
        {"{\"openedx_policy\":\"lectern\"}", NULL},
        {"{\"openedx_policy\":\"nobody\"}", "/openedx_policy"},
        {"{\"door_policy\":\"lectern\"}", NULL},
        {"{\"door_policy\":\"\"}", "/door_policy"},
    };
    assert_false(w->caller.site->openedx_policy_by_lectern || w->caller.site->door_policy_by_lectern);
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        w->err = (struct lt_error){0};
        print_message("%s\n", cases[i].patch);
        assert_int_equal(lt_admin_site_set(w->store, LT_STR("s"), parse(w, cases[i].patch), &w->err), cases[i].field ? LT_EINVALID_INPUT : LT_OK);
        assert_string_equal(w->err.field, cases[i].field ? cases[i].field : "");
    }
    reload(w);
    const struct lt_site *s = w->caller.site;
    assert_true(s->cors_origins_n == 3 && s->lms_hosts_n == 2 && s->cms_hosts_n == 1 && s->openedx_policy_by_lectern && s->door_policy_by_lectern);
    assert_true(lt_str_is(s->lms_hosts[1], "lms.example:8000"));
}
static void a_site_lists_its_hosts_and_the_origins_of_its_pages(void **state)
{
    run(site_lists);
}

static int start(void **state)
{
    struct lt_error err;
    assert_int_equal(lt_placements_register(&err), LT_OK);
    for (size_t i = 0; i < LT_COUNT(entries); i++)
        assert_int_equal(lt_registry_add(&entries[i], &err), LT_OK);
    lt_registry_seal();
    return lt_workers_start(2, &err);
}

static int stop(void **state)
{
    lt_workers_stop();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(case_17_without_an_enabled_provider_the_call_fails),
        cmocka_unit_test(case_18_of_two_instances_the_first_success_is_returned),
        cmocka_unit_test(case_19_accepting_the_policy_writes_one_row),
        cmocka_unit_test(case_20_a_negative_is_never_kept_as_truth),
        cmocka_unit_test(case_21_acceptances_are_cached_purged_and_read_again),
        cmocka_unit_test(a_withdrawal_and_a_new_version_close_the_gate),
        cmocka_unit_test(a_failure_before_the_first_byte_goes_to_the_next_instance),
        cmocka_unit_test(after_the_first_shown_byte_there_is_no_fallback),
        cmocka_unit_test(when_all_fail_the_last_failure_is_returned_and_all_are_recorded),
        cmocka_unit_test(what_may_pass_is_tried_again_and_recorded),
        cmocka_unit_test(the_next_instance_is_asked_before_one_is_asked_again),
        cmocka_unit_test(a_circuit_opens_after_faults_and_closes_after_a_success),
        cmocka_unit_test(a_changed_configuration_closes_the_circuit),
        cmocka_unit_test(the_callers_own_faults_open_no_circuit),
        cmocka_unit_test(a_vendor_that_says_how_long_is_left_alone_so_long),
        cmocka_unit_test(an_answer_of_the_wrong_form_is_mended_once_and_never_shown),
        cmocka_unit_test(a_provider_is_chosen_only_with_permission),
        cmocka_unit_test(each_gate_refuses_with_its_own_code_in_order),
        cmocka_unit_test(refusals_are_recorded_up_to_the_rate),
        cmocka_unit_test(a_cancelled_call_ends_at_once_and_is_recorded),
        cmocka_unit_test(an_unfinished_call_becomes_interrupted_with_its_checkpoints),
        cmocka_unit_test(the_order_of_instances_survives_changes),
        cmocka_unit_test(an_issuer_belongs_to_one_site),
        cmocka_unit_test(an_issuer_has_the_key_that_its_algorithm_needs),
        cmocka_unit_test(a_site_lists_its_hosts_and_the_origins_of_its_pages),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
