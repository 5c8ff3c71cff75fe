/* Asking the instances: which, in what order, what each try came to. */
#include "core/manager_private.h"

#include "base/secret.h"

enum { ATTEMPTS_MAX = 16 };

/* Did the caller ask for another one? By name or by id. */
static bool is_chosen(const struct lt_provider_instance *p, struct lt_str wanted)
{
    int64_t id;
    return wanted.n == 0 || lt_str_eq(p->name, wanted) || (lt_str_to_int64(wanted, &id) && id == p->id);
}

static void user_hash(const struct lt_caller *caller, char out[65])
{
    uint8_t digest[32];
    lt_hmac_sha256(caller->site->secret, sizeof(caller->site->secret), caller->user_id.p, caller->user_id.n, digest);
    lt_hex(digest, sizeof(digest), out);
}

/* The vendor has answered: strips, lets the action check it, keeps the response. */
static enum lt_code take_answer(struct lt_process *c, struct lt_provider_run *run, struct lt_error *err)
{
    if (lt_process_show_rest(c, err))
        return err->code;
    struct lt_str text = c->raw.n > 0 ? lt_str_copy(c->request->arena, lt_buf_str(&c->raw)) : run->result.text;
    if (!lt_utf8_valid(text.p, text.n))
        return lt_fail(err, LT_EUPSTREAM_INVALID, "the answer is not UTF-8");
    run->result.text = lt_think_strip(c->request->arena, text);
    struct lt_buf out;
    lt_buf_init(&out, 3 * LT_ANSWER_MAX);
    struct lt_jw w;
    lt_jw_init(&w, &out);
    enum lt_code rc = c->action->action->finish(&c->action_call, &run->result, &w, err);
    if (rc == LT_OK && out.failed)
        rc = lt_fail(err, LT_EUPSTREAM_INVALID, "the answer is too long");
    if (rc == LT_OK)
        c->result->response = lt_str_copy(c->request->arena, lt_buf_str(&out));
    lt_buf_free(&out);
    return rc;
}

static enum lt_code ask(struct lt_process *c, struct lt_provider_run *run, struct lt_error *err)
{
    const struct lt_action *action = c->action->action;
    bool native;
    lt_provider_serves(run->instance->provider, lt_str(action->name), LT_NEUTRAL_COMPLETION, &native);
    struct lt_neutral_call neutral = {.temperature = __builtin_nan(""), .top_p = __builtin_nan(""), .seed = -1};
    if (!native) {
        if (action->compile(&c->action_call, &neutral, err))
            return err->code;
        run->call = &neutral;
    }
    if (run->instance->provider->call(run, err))
        return err->code;
    return take_answer(c, run, err);
}

static void reset_answer(struct lt_process *c)
{
    lt_buf_reset(&c->raw);
    lt_buf_reset(&c->clean);
    lt_think_free(&c->think);
    lt_think_init(&c->think, LT_ANSWER_MAX);
}

static enum lt_code attempt(struct lt_process *c, const struct lt_provider_instance *instance, uint64_t deadline, struct lt_error *err)
{
    const struct lt_call_request *q = c->request;
    struct lt_provider_run *run = LT_NEW(q->arena, struct lt_provider_run);
    run->arena = q->arena;
    run->loop = lt_loop_self();
    run->instance = instance;
    run->settings = lt_json_get(lt_provider_action_entry(instance, c->action->action->name), "settings");
    run->action = lt_str(c->action->action->name);
    run->input = q->input;
    run->locale = q->caller->locale;
    run->stream = q->stream;
    run->deadline_ms = deadline;
    run->tls = c->manager->tls;
    run->on_text = lt_process_on_text;
    run->ctx = c;
    run->result.usage = (struct lt_usage)LT_USAGE_UNKNOWN;
    user_hash(q->caller, run->user_hash);
    c->action_call.instruction = lt_json_str_or(lt_json_get(run->settings, "instruction"), lt_str(c->action->action->instruction));
    reset_answer(c);
    *err = (struct lt_error){0};
    uint64_t began = lt_mono_us();
    enum lt_code rc = ask(c, run, err);
    struct lt_usage *u = &run->result.usage;
    if (u->total_tokens < 0 && u->prompt_tokens >= 0 && u->completion_tokens >= 0 &&
        __builtin_add_overflow(u->prompt_tokens, u->completion_tokens, &u->total_tokens))
        u->total_tokens = -1; /* a vendor may claim any number */
    c->result->attempts[c->result->attempts_n++] =
        (struct lt_attempt){.instance = instance,
                            .success = rc == LT_OK,
                            .code = rc,
                            .vendor_status = err->vendor_status,
                            .duration_ms = (uint32_t)((lt_mono_us() - began) / 1000),
                            .model = run->result.model,
                            .detail = rc ? lt_str_copy(q->arena, lt_str(err->detail)) : LT_STR(""),
                            .usage = *u};
    c->answer = &run->result;
    if (rc == LT_OK) {
        c->result->instance = instance;
        c->result->model = run->result.model;
    }
    c->result->usage = *u;
    return rc;
}

/* Whose fault ends the whole call rather than this attempt? */
static bool is_final(const struct lt_process *c, enum lt_code rc)
{
    return rc == LT_ECANCELLED || rc == LT_ESTORE || rc == LT_EOVERLOADED || rc == LT_EINVALID_INPUT || c->shown.n > 0;
}

enum lt_code lt_process_ask(struct lt_process *c, struct lt_error *err)
{
    const struct lt_call_request *q = c->request;
    const struct lt_site *site = q->caller->site;
    uint64_t deadline = lt_loop_now(lt_loop_self()) + site->call_timeout_ms;
    struct lt_candidate *list;
    size_t n = lt_provider_candidates(q->arena, site, c->action->action, &list);
    c->result->attempts = LT_NEW_ARRAY(q->arena, struct lt_attempt, n < ATTEMPTS_MAX ? n : ATTEMPTS_MAX);
    enum lt_code rc = lt_fail(err, LT_ENO_PROVIDER, "no enabled and configured instance serves '%s'%s%.*s", c->action->action->name,
                              q->provider.n ? " under the name " : "", LT_FMT(q->provider));
    for (size_t i = 0; i < n && c->result->attempts_n < ATTEMPTS_MAX; i++) {
        if (list[i].reason || !is_chosen(list[i].instance, q->provider))
            continue;
        c->result->reached_provider = true;
        rc = attempt(c, list[i].instance, deadline, err);
        if (rc == LT_OK || is_final(c, rc) || lt_loop_now(lt_loop_self()) >= deadline) /* no time is left to ask another */
            break;
    }
    return rc;
}

