/*
 * Asking the instances. They are tried in order, those whose circuit is open left out; when all have failed and a fault may pass, the
 * round is repeated after a pause. Nothing is tried again once a byte was shown. Each try is an attempt of the record.
 */
#include "core/manager_private.h"

#include <stdio.h>

#include "base/secret.h"
#include "text/merge_patch.h"

enum {
    ATTEMPTS_MAX = 16,
    PAUSE_MS = 200,         /* before the second round; doubles, 50 to 100 % of it by chance */
    RETRY_AFTER_MAX_MS = 5000, /* a vendor that wants longer is not waited for */
};

/* An instance that may be asked, and how it went. */
struct candidate {
    const struct lt_provider_instance *instance;
    struct lt_breaker *breaker;
    enum lt_code rc;        /* of its last try; LT_EAGAIN: was not tried in this round */
    int retry_after_s;
};

static void user_hash(const struct lt_caller *caller, char out[65])
{
    uint8_t digest[32];
    lt_hmac_key_sign(&caller->site->user_key, caller->user_id.p, caller->user_id.n, digest);
    lt_hex(digest, sizeof(digest), out);
}

/* ---- the answer ---- */

/* "```json … ```" around the whole answer: many models cannot do without. */
static struct lt_str without_fence(struct lt_str text)
{
    struct lt_str fence = LT_STR("```"), s = lt_str_trim(text);
    if (s.n < 7 || !lt_str_starts(s, fence) || memcmp(s.p + s.n - 3, fence.p, 3) != 0)
        return text;
    struct lt_str rest = {s.p + 3, s.n - 6};
    struct lt_str word = lt_str_cut(&rest, '\n');
    return word.n <= 10 && rest.n > 0 ? lt_str_trim(rest) : text;
}

/* An answer that was to be JSON, or JSON of a schema, is. Otherwise it is kept, so that the model may be asked to mend it. */
static enum lt_code check_format(struct lt_process *c, const struct lt_neutral_call *call, struct lt_neutral_result *result, struct lt_error *err)
{
    struct lt_error why = {0};
    const struct lt_json *json = NULL;
    if (!c->hold || lt_json_len(result->tool_calls) > 0)
        return LT_OK;
    result->text = without_fence(result->text);
    enum lt_code rc = lt_json_parse(c->request->arena, result->text, LT_JSON_STRICT, &json, &why);
    if (rc == LT_OK && call->answer_schema)
        rc = lt_schema_check(call->answer_schema, json, &why);
    if (rc == LT_OK)
        return LT_OK;
    c->misfit = lt_str_copy(c->request->arena, result->text); /* it lies in the buffer of this try */
    snprintf(c->misfit_why, sizeof(c->misfit_why), "%s%s%s", why.field, why.field[0] ? " " : "", why.detail);
    return lt_fail(err, LT_EUPSTREAM_INVALID, "the answer is not as response_format asks: %s", c->misfit_why);
}

static enum lt_code write_response(struct lt_process *c, const struct lt_neutral_result *result, struct lt_error *err)
{
    struct lt_buf out;
    struct lt_jw w;
    lt_buf_init(&out, 3 * LT_ANSWER_MAX);
    lt_jw_init(&w, &out);
    enum lt_code rc = c->action->action->finish(&c->action_call, result, &w, err);
    if (rc == LT_OK && out.failed)
        rc = lt_fail(err, LT_EUPSTREAM_INVALID, "the answer is too long");
    if (rc == LT_OK)
        c->result->response = lt_str_copy(c->request->arena, lt_buf_str(&out));
    lt_buf_free(&out);
    return rc;
}

/* The answer as it was given, whole and checked; it lies in the call's buffers. */
static enum lt_code read_answer(struct lt_process *c, const struct lt_neutral_call *call, struct lt_neutral_result *result, struct lt_error *err)
{
    if (c->raw.n > 0)
        result->text = lt_buf_str(&c->raw);
    if (!lt_utf8_valid(result->text.p, result->text.n))
        return lt_fail(err, LT_EUPSTREAM_INVALID, "the answer is not UTF-8");
    result->text = lt_think_strip(c->request->arena, result->text);
    return check_format(c, call, result, err);
}

static enum lt_code look_at_answer(struct lt_process *c, const struct lt_neutral_result *result, struct lt_error *err)
{
    if (c->request->on_status)
        c->request->on_status(c->request->ctx, LT_STR("The answer is being checked."));
    return c->request->caller->site->guard->ops->output(c->watch, result->text, err);
}

/* Rules that only say what they would have done: the answer is out. */
static void look_at_shown(struct lt_process *c, const struct lt_neutral_result *result)
{
    struct lt_error nobody;
    c->request->caller->site->guard->ops->output(c->watch, lt_process_shows(c) ? lt_buf_str(&c->shown) : result->text, &nobody);
}

/* The vendor has answered: strips, checks, shows what was held back, lets the action make the response. */
static enum lt_code take_answer(struct lt_process *c, struct lt_provider_run *run, struct lt_error *err)
{
    struct lt_neutral_result *result = &run->result;
    if (lt_process_shows(c) && result->text.n > 0 && lt_process_on_text(run, result->text, err)) /* given in one piece, at the end */
        return err->code;
    if (!lt_process_shows(c) && read_answer(c, run->call, result, err))
        return err->code;
    if (c->guarded && look_at_answer(c, result, err))
        return err->code;
    if (lt_process_show_rest(c, result->text, err))
        return err->code;
    if (c->watch && !c->guarded)
        look_at_shown(c, result);
    if (lt_process_shows(c)) /* what was shown is the stripped text (text/think.h) */
        result->text = lt_buf_str(&c->shown);
    if (c->action->action->kind == LT_NEUTRAL_IMAGE && lt_process_take_images(c, run, err))
        return err->code;
    return write_response(c, result, err);
}

/* ---- one try ---- */

/* The model is shown its answer and what is wrong with it. */
static void ask_to_mend(const struct lt_process *c, struct lt_neutral_call *call)
{
    struct lt_arena *arena = c->request->arena;
    struct lt_message *messages = LT_NEW_ARRAY(arena, struct lt_message, call->messages_n + 2);
    memcpy(messages, call->messages, call->messages_n * sizeof(*messages));
    messages[call->messages_n++] = (struct lt_message){.role = LT_STR("assistant"), .content = c->misfit};
    messages[call->messages_n++] = (struct lt_message){
        .role = LT_STR("user"),
        .content = lt_printf(arena, "Your answer does not have the form that was asked for: %s. Give the whole answer again in that form, "
                             "as JSON and nothing else.", c->misfit_why)};
    call->messages = messages;
}

static bool wants_json(const struct lt_neutral_call *call)
{
    struct lt_str type = lt_json_str(lt_json_get(call->response_format, "type"));
    return lt_str_is(type, "json_schema") || lt_str_is(type, "json_object");
}

static enum lt_code compile(struct lt_process *c, struct lt_provider_run *run, struct lt_error *err)
{
    const struct lt_action *action = c->action->action;
    bool native;
    lt_provider_serves(run->instance->provider, lt_str(action->name), action->kind, &native);
    c->hold = c->thread_sent = false;
    if (native)
        return LT_OK;
    struct lt_neutral_call *call = LT_NEW(c->request->arena, struct lt_neutral_call);
    *call = (struct lt_neutral_call){.kind = action->kind, .temperature = __builtin_nan(""), .top_p = __builtin_nan(""), .seed = -1};
    if (action->compile(&c->action_call, call, err))
        return lt_error_under(err, "/input");
    call->cache = c->request->profile ? c->request->profile->cache : LT_WISH_NONE;
    lt_process_use_thread(c, run, call);
    c->hold = wants_json(call);
    if (c->misfit.n > 0)
        ask_to_mend(c, call);
    lt_process_bound_answer(c, run, call);
    c->misfit = LT_STR_NULL;
    run->call = call;
    return LT_OK;
}

static void reset_answer(struct lt_process *c)
{
    lt_buf_reset(&c->raw);
    lt_buf_reset(&c->clean);
    lt_think_free(&c->think);
    lt_think_init(&c->think, LT_ANSWER_MAX);
}

static struct lt_provider_run *run_new(struct lt_process *c, const struct lt_provider_instance *instance, uint64_t deadline)
{
    const struct lt_call_request *q = c->request;
    const char *action = c->action->action->name;
    struct lt_provider_run *run = LT_NEW(q->arena, struct lt_provider_run);
    run->arena = q->arena;
    run->loop = lt_loop_self();
    run->instance = instance;
    run->settings = lt_json_get(lt_provider_action_entry(instance, action), "settings");
    if (q->profile && q->profile->settings)
        run->settings = lt_merge_patch(q->arena, run->settings, q->profile->settings);
    run->action = lt_str(action);
    run->input = c->input;
    run->locale = q->caller->locale;
    run->stream = q->stream;
    run->deadline_ms = deadline;
    run->tls = c->manager->tls;
    run->recordings_dir = c->manager->recordings_dir;
    run->on_text = lt_process_on_text;
    run->ctx = c;
    run->result.usage = (struct lt_usage)LT_USAGE_UNKNOWN;
    run->trace = lt_trace_attempt(c->trace, run);
    memcpy(run->user_hash, c->user_hash, sizeof(run->user_hash));
    return run;
}

/* A vendor may claim any number. */
static void add_up(struct lt_usage *u)
{
    if (u->total_tokens < 0 && u->prompt_tokens >= 0 && u->completion_tokens >= 0 &&
        __builtin_add_overflow(u->prompt_tokens, u->completion_tokens, &u->total_tokens))
        u->total_tokens = -1;
}

static void note_attempt(struct lt_process *c, struct lt_provider_run *run, bool asked, enum lt_code rc, uint64_t began_us,
                         const struct lt_error *err)
{
    struct lt_call_result *r = c->result;
    add_up(&run->result.usage);
    int64_t cost = lt_process_spent(c, run, asked, rc);
    uint64_t took_us = lt_mono_us() - began_us;
    r->cost = cost < 0 || r->cost < 0 ? -1 : r->cost + cost;
    r->attempts[r->attempts_n++] = (struct lt_attempt){.instance = run->instance,
                                                       .success = rc == LT_OK,
                                                       .code = rc,
                                                       .vendor_status = err->vendor_status,
                                                       .duration_ms = (uint32_t)(took_us / 1000),
                                                       .model = run->result.model,
                                                       .detail = rc ? lt_str_copy(run->arena, lt_str(err->detail)) : LT_STR(""),
                                                       .usage = run->result.usage,
                                                       .cost = cost};
    lt_metrics_attempt(c->manager->metrics, c->request->caller->site, c->action->action->name, &r->attempts[r->attempts_n - 1], took_us);
    lt_trace_attempt_ended(run->trace, &r->attempts[r->attempts_n - 1]);
    c->answer = &run->result;
    r->usage = run->result.usage;
    r->refusal = rc == LT_ECONTENT_REFUSED ? run->result.refusal : LT_STR_NULL;
    if (rc == LT_OK) {
        r->instance = run->instance;
        r->model = run->result.model;
        r->fingerprint = run->result.fingerprint;
        r->response_id = run->call && run->call->store && run->result.response_id.p ? run->result.response_id : LT_STR("");
    }
}

/* Off, as it mostly is, it costs these looks at the call's profile. */
static bool has_cache(const struct lt_call_request *q)
{
    return q->profile && q->profile->settings && lt_json_get(q->profile->settings, "response_cache");
}

/* Nobody was asked: the call counts as a request, and has no attempt. */
static enum lt_code take_cached(struct lt_process *c, struct lt_provider_run *run, struct lt_error *err)
{
    struct lt_call_result *r = c->result;
    c->asked = true;
    if (take_answer(c, run, err))
        return err->code;
    c->answer = &run->result;
    r->usage = run->result.usage;
    r->instance = run->instance;
    r->model = run->result.model;
    return LT_OK;
}

/* https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/: the names that it has for vendors; others go by their own. */
static struct lt_str vendor_name(struct lt_str plugin)
{
    static const char *const names[][2] = {{"awsbedrock", "aws.bedrock"}, {"azureai", "azure.ai.openai"}, {"gemini", "gcp.gemini"}, {"mistral", "mistral_ai"}};
    for (size_t i = 0; i < LT_COUNT(names); i++)
        if (lt_str_is(plugin, names[i][0]))
            return lt_str(names[i][1]);
    return plugin;
}

static struct lt_str operation_name(const struct lt_process *c, const struct lt_provider_run *run)
{
    if (!run->call) /* no model is asked: the provider does it itself */
        return lt_str(c->action->action->name);
    return run->call->kind == LT_NEUTRAL_EMBEDDING ? LT_STR("embeddings") : run->call->kind == LT_NEUTRAL_IMAGE ? LT_STR("generate_content") : LT_STR("chat");
}

static struct lt_str requested_model(const struct lt_provider_run *run)
{
    struct lt_str own = lt_json_str(lt_json_get(run->settings, "model"));
    return own.n > 0 ? own : lt_json_str(lt_json_get(run->instance->config, "model"));
}

/* No prompt and no answer: lengths, names and figures. */
static void end_span(struct lt_span *span, const struct lt_process *c, const struct lt_provider_run *run, const struct lt_attempt *a)
{
    if (!span)
        return;
    struct lt_str operation = operation_name(c, run), model = requested_model(run), vendor = vendor_name(run->instance->plugin);
    lt_span_name(span, lt_printf(run->arena, "%.*s%s%.*s", LT_FMT(operation), model.n > 0 ? " " : "", LT_FMT(model)));
    lt_span_text(span, "gen_ai.operation.name", operation);
    lt_span_text(span, "gen_ai.provider.name", vendor);
    lt_span_text(span, "gen_ai.system", vendor); /* as it was called before */
    lt_span_text(span, "gen_ai.request.model", model);
    if (run->call && run->call->max_tokens > 0)
        lt_span_int(span, "gen_ai.request.max_tokens", run->call->max_tokens);
    lt_span_text(span, "gen_ai.response.model", a->model);
    lt_span_text(span, "gen_ai.response.id", run->result.response_id);
    lt_span_texts(span, "gen_ai.response.finish_reasons", run->result.finish_reason);
    lt_span_known(span, "gen_ai.usage.input_tokens", a->usage.prompt_tokens);
    lt_span_known(span, "gen_ai.usage.output_tokens", a->usage.completion_tokens);
    lt_span_text(span, "lectern.provider", run->instance->name);
    lt_span_int(span, "lectern.attempt", (int64_t)c->result->attempts_n);
    if (a->vendor_status > 0)
        lt_span_int(span, "http.response.status_code", a->vendor_status);
    lt_span_end(span, a->code);
}

static enum lt_code attempt(struct lt_process *c, struct candidate *to, uint64_t deadline, struct lt_error *err)
{
    const struct lt_provider_instance *instance = to->instance;
    uint64_t began = lt_mono_us(), now = lt_loop_now(lt_loop_self());
    if (instance->total_ms > 0 && now + instance->total_ms < deadline)
        deadline = now + instance->total_ms;
    struct lt_provider_run *run = run_new(c, instance, deadline);
    struct lt_span *span = lt_span_begin(run->arena, LT_SPAN_CLIENT);
    const struct lt_call_profile *profile = c->request->profile;
    struct lt_str instruction = profile && !profile->own_form ? LT_STR("") : lt_str(c->action->action->instruction);
    c->action_call.instruction = lt_json_str_or(lt_provider_setting(instance, run->settings, LT_STR_NULL, "instruction"), instruction);
    reset_answer(c);
    *err = (struct lt_error){0};
    enum lt_code rc = compile(c, run, err), vendor = rc;
    if (rc == LT_OK && has_cache(c->request) && lt_process_cached(c, run)) {
        lt_breaker_report(to->breaker, instance, LT_ECANCELLED, 0, lt_mono_ms()); /* it says nothing of the vendor */
        return to->rc = take_cached(c, run, err);
    }
    if (rc == LT_OK)
        rc = vendor = lt_process_afford(c, run, err);
    bool asked = rc == LT_OK;
    if (asked) {
        c->asked = true;
        rc = vendor = instance->provider->call(run, err);
        if (rc == LT_OK)
            rc = take_answer(c, run, err);
    }
    lt_breaker_report(to->breaker, instance, vendor, err->retry_after_s, lt_mono_ms());
    note_attempt(c, run, asked, rc, began, err);
    end_span(span, c, run, &c->result->attempts[c->result->attempts_n - 1]);
    to->rc = rc;
    to->retry_after_s = err->retry_after_s;
    return rc;
}

/* ---- the round ---- */

static bool room(const struct lt_process *c)
{
    return c->result->attempts_n < ATTEMPTS_MAX;
}

/* Its circuit is open: that is told only when nobody could be asked. */
static enum lt_code left_alone(struct lt_process *c, struct candidate *to, uint64_t wait_ms, enum lt_code cause, struct lt_error *err)
{
    to->rc = LT_EAGAIN;
    if (c->result->attempts_n > 0)
        return err->code;
    lt_fail(err, cause == LT_EUPSTREAM_RATE_LIMITED ? cause : LT_EUPSTREAM_UNAVAILABLE,
            "%.*s is left alone after faults (%s); it is tried again in %llu ms", LT_FMT(to->instance->name), lt_code_name(cause),
            (unsigned long long)wait_ms);
    err->retry_after_s = (int)(wait_ms / 1000) + 1;
    return err->code;
}

static enum lt_code ask_one(struct lt_process *c, struct candidate *to, uint64_t deadline, struct lt_error *err)
{
    uint64_t wait_ms;
    enum lt_code cause;
    if (!lt_breaker_admit(to->breaker, lt_mono_ms(), &wait_ms, &cause) && !c->request->test)
        return left_alone(c, to, wait_ms, cause, err);
    c->result->reached_provider = true;
    enum lt_code rc = attempt(c, to, deadline, err);
    /* The vendor has forgotten the thread: it gets all that is known here. */
    if (rc == LT_ENOT_FOUND && c->thread_sent && room(c) && lt_breaker_admit(to->breaker, lt_mono_ms(), &wait_ms, &cause)) {
        c->thread_lost = true;
        rc = attempt(c, to, deadline, err);
    }
    /* A form that was not kept is asked for once more, by the one that can see what it wrote. */
    if (rc == LT_EUPSTREAM_INVALID && c->misfit.n > 0 && room(c) && lt_breaker_admit(to->breaker, lt_mono_ms(), &wait_ms, &cause))
        rc = attempt(c, to, deadline, err);
    c->misfit = LT_STR_NULL;
    return rc;
}

/* Whose fault ends the whole call rather than this attempt? */
static bool is_final(const struct lt_process *c, enum lt_code rc)
{
    return rc == LT_OK || rc == LT_ECANCELLED || rc == LT_ESTORE || rc == LT_EOVERLOADED || rc == LT_EINVALID_INPUT || c->shown.n > 0 ||
           c->charge.final || c->ours || rc == LT_EANSWER_BLOCKED;
}

/* May the same request to the same vendor end better in a moment? */
static bool may_pass(const struct candidate *of, int round)
{
    return (of->rc == LT_EUPSTREAM_UNAVAILABLE || of->rc == LT_EUPSTREAM_RATE_LIMITED) && round <= of->instance->retries &&
           of->retry_after_s * 1000 <= RETRY_AFTER_MAX_MS;
}

/* Of those that take part in the next round the longest wish; else chance. 0: nobody takes part. */
static uint64_t pause_before(const struct candidate *list, size_t n, int round)
{
    uint16_t chance;
    uint64_t ms = 0;
    lt_random(&chance, sizeof(chance));
    for (size_t i = 0; i < n; i++) {
        if (!may_pass(&list[i], round))
            continue;
        uint64_t own = (uint64_t)PAUSE_MS << (round - 1), wish = (uint64_t)list[i].retry_after_s * 1000;
        own = own / 2 + own / 2 * chance / UINT16_MAX;
        own = own > wish ? own : wish;
        ms = ms > own ? ms : own;
    }
    return ms;
}

/* Is it one of those that the caller or the profile asks for? */
static bool is_wanted(const struct lt_call_request *q, const struct lt_provider_instance *instance)
{
    const struct lt_call_profile *p = q->profile;
    if (p && p->provider.n > 0 && !lt_instance_is(instance, p->provider))
        return false;
    if (p && p->vendor.n > 0 && !lt_str_eq(p->vendor, instance->plugin) && !lt_str_eq(p->vendor, instance->name))
        return false;
    return q->provider.n == 0 || lt_instance_is(instance, q->provider);
}

/* The one that keeps the thread comes first, the others behind it in their order. */
static void put_keeper_first(const struct lt_process *c, struct candidate *list, size_t n)
{
    for (size_t i = 1; i < n; i++)
        if (lt_process_keeps_thread(c, list[i].instance)) {
            struct candidate keeper = list[i];
            memmove(&list[1], &list[0], i * sizeof(*list));
            list[0] = keeper;
            return;
        }
}

/* Those of the list that may be asked now. */
static size_t eligible(struct lt_process *c, struct candidate **ret)
{
    const struct lt_call_request *q = c->request;
    struct lt_candidate *list;
    size_t all = lt_provider_candidates(q->arena, q->caller->site, c->action->action, &list), n = 0;
    *ret = LT_NEW_ARRAY(q->arena, struct candidate, all);
    for (size_t i = 0; i < all; i++)
        if ((!list[i].reason || (q->test && list[i].only_off)) && is_wanted(q, list[i].instance))
            (*ret)[n++] = (struct candidate){.instance = list[i].instance,
                                             .breaker = lt_breakers_of(&c->manager->breakers, list[i].instance)};
    put_keeper_first(c, *ret, n);
    return n;
}

static enum lt_code ask_round(struct lt_process *c, struct candidate *list, size_t n, int round, uint64_t deadline, struct lt_error *err)
{
    enum lt_code rc = err->code;
    for (size_t i = 0; i < n && room(c); i++) {
        if (round > 0 && !may_pass(&list[i], round))
            continue;
        rc = ask_one(c, &list[i], deadline, err);
        if (is_final(c, rc) || lt_loop_now(lt_loop_self()) >= deadline) /* no time is left to ask another */
            break;
    }
    return rc;
}

enum lt_code lt_process_ask(struct lt_process *c, struct lt_error *err)
{
    const struct lt_call_request *q = c->request;
    uint64_t deadline = lt_loop_now(lt_loop_self()) + q->caller->site->call_timeout_ms;
    struct candidate *list;
    size_t n = eligible(c, &list);
    if (n == 0) {
        struct lt_str of = q->provider.n > 0 || !q->profile ? q->provider : q->profile->provider.n > 0 ? q->profile->provider : q->profile->vendor;
        return lt_fail(err, LT_ENO_PROVIDER, "no enabled and configured instance serves '%s'%s%.*s", c->action->action->name,
                       of.n > 0 ? " under the name " : "", LT_FMT(of));
    }
    c->result->attempts = LT_NEW_ARRAY(q->arena, struct lt_attempt, ATTEMPTS_MAX);
    user_hash(q->caller, c->user_hash);
    enum lt_code rc = LT_OK;
    for (int round = 0;; round++) {
        rc = ask_round(c, list, n, round, deadline, err);
        if (is_final(c, rc) || !room(c))
            return rc;
        uint64_t pause = pause_before(list, n, round + 1);
        if (pause == 0 || lt_loop_now(lt_loop_self()) + pause >= deadline)
            return rc;
        if (lt_fiber_sleep(pause))
            return lt_fail(err, LT_ECANCELLED, "the caller left");
    }
}
