/*
 * What an attempt may cost and has cost, in tokens and money. Before it the worst case: no token is shorter than a byte, and no answer longer than
 * the vendor is told. After it what the vendor counted, or a guess where it says nothing of a call that it has worked on.
 */
#include "core/manager_private.h"

#include "core/price.h"

enum {
    ANSWER_TOKENS = 4096,   /* that the vendor is told where nobody else has said how long the answer may be */
    MESSAGE_TOKENS = 8,     /* around each message */
    IMAGE_TOKENS = 4096,
    BYTES_OF_TOKEN = 4,     /* of a guess */
};

static int64_t setting(const struct lt_provider_run *run, const char *key)
{
    return lt_json_int64_or(lt_provider_setting(run->instance, run->settings, LT_STR_NULL, key), 0);
}

void lt_process_bound_answer(const struct lt_process *c, const struct lt_provider_run *run, struct lt_neutral_call *call)
{
    bool answers = call->kind == LT_NEUTRAL_COMPLETION && call->max_tokens <= 0;
    if (answers && setting(run, "max_tokens") <= 0 && lt_charge_counts(&c->charge, run->instance->id))
        call->max_tokens = ANSWER_TOKENS;
}

/* ---- before ---- */

static int64_t json_bytes(const struct lt_json *v)
{
    struct lt_buf b;
    if (!v)
        return 0;
    lt_buf_init(&b, 16 << 20);
    lt_json_write(&b, v);
    int64_t n = (int64_t)b.n;
    lt_buf_free(&b);
    return n;
}

static int64_t input_tokens(const struct lt_neutral_call *call)
{
    int64_t n = json_bytes(call->tools) + json_bytes(call->tool_choice) + json_bytes(call->response_format);
    for (size_t i = 0; i < call->messages_n; i++) {
        const struct lt_message *m = &call->messages[i];
        n += MESSAGE_TOKENS + (int64_t)(m->content.n + m->tool_call_id.n) + json_bytes(m->tool_calls) + IMAGE_TOKENS * (int64_t)m->images_n;
    }
    for (size_t i = 0; i < call->texts_n; i++)
        n += MESSAGE_TOKENS + (int64_t)call->texts[i].n;
    if (call->kind == LT_NEUTRAL_IMAGE)
        n += MESSAGE_TOKENS + (int64_t)call->image.prompt.n;
    return n;
}

/* As lt_provider_setting() takes it. Images have a model of their own. */
static struct lt_str model_asked(const struct lt_provider_run *run)
{
    const char *key = run->call && run->call->kind == LT_NEUTRAL_IMAGE ? "image_model" : "model";
    struct lt_str model = lt_str_trim(lt_json_str(lt_json_get(run->settings, "model")));
    return model.n > 0 ? model : lt_str_trim(lt_json_str_or(lt_json_get(run->instance->config, key), LT_STR("")));
}

static const struct lt_price *price_of(const struct lt_process *c, const struct lt_provider_run *run, struct lt_str model)
{
    const struct lt_site *site = c->request->caller->site;
    return lt_price_find(site->prices, site->prices_n, run->instance->name, run->instance->plugin, model, c->result->created_at);
}

/* So that it counts also when this process is killed before the call ends. Nobody waits for it: it goes with the begin or soon after. */
static enum lt_code write_down(struct lt_process *c)
{
    if (!lt_charge_unwritten(&c->charge))
        return LT_OK;
    struct lt_tx *tx = lt_tx_new();
    lt_charge_record(&c->charge, tx);
    lt_store_post(c->manager->store, tx);
    return LT_OK;
}

/* That may be made at most. */
static int64_t images_wanted(const struct lt_process *c)
{
    bool images = c->action->action->kind == LT_NEUTRAL_IMAGE;
    return images ? lt_json_int64_or(lt_json_get(c->input, "count"), 1) : 0;
}

enum lt_code lt_process_afford(struct lt_process *c, const struct lt_provider_run *run, struct lt_error *err)
{
    struct lt_expense *e = &c->expense;
    struct lt_estimate most = {.cost = 0};
    struct lt_str model = model_asked(run);
    *e = (struct lt_expense){.price = price_of(c, run, model)};
    if (!lt_charge_counts(&c->charge, run->instance->id))
        return lt_charge_try(&c->charge, run->instance->id, &most, err);
    struct lt_usage usage = {0, 0, 0, 0, 0}; /* an action that the provider serves itself has no tokens */
    if (run->call) {
        /* What the vendor keeps of the conversation counts too; it is in the input. */
        int64_t whole = run->call->previous_response_id.n > 0 ? json_bytes(c->input) : 0;
        e->input_tokens = input_tokens(run->call) + whole;
        usage.prompt_tokens = e->input_tokens;
        usage.completion_tokens = run->call->max_tokens > 0 ? run->call->max_tokens : setting(run, "max_tokens");
    }
    most.tokens = usage.prompt_tokens + usage.completion_tokens;
    most.cost = e->price ? lt_price_cost(e->price, &usage, images_wanted(c)) : run->call ? -1 : 0;
    most.model = model;
    most.instance = run->instance->name;
    return lt_charge_try(&c->charge, run->instance->id, &most, err) ? err->code : write_down(c);
}

/* ---- after ---- */

/* The vendor has refused to work, or could not be reached: nothing was made. */
static bool nothing_done(enum lt_code rc)
{
    return rc == LT_EUPSTREAM_BAD_REQUEST || rc == LT_EUPSTREAM_UNAUTHORIZED || rc == LT_EUPSTREAM_NOT_FOUND || rc == LT_EUPSTREAM_RATE_LIMITED ||
           rc == LT_EUPSTREAM_UNAVAILABLE || rc == LT_ECONTEXT_WINDOW || rc == LT_EUNSUPPORTED || rc == LT_EOUTBOUND_REFUSED || rc == LT_ENOT_FOUND;
}

static struct lt_usage guess(const struct lt_process *c, enum lt_code rc)
{
    int64_t received = (int64_t)(c->shown.n > c->raw.n ? c->shown.n : c->raw.n);
    int64_t prompt = received == 0 && nothing_done(rc) ? 0 : (c->expense.input_tokens + BYTES_OF_TOKEN - 1) / BYTES_OF_TOKEN;
    int64_t completion = (received + BYTES_OF_TOKEN - 1) / BYTES_OF_TOKEN;
    return (struct lt_usage){prompt, completion, prompt + completion, 0, 0};
}

int64_t lt_process_spent(struct lt_process *c, const struct lt_provider_run *run, bool asked, enum lt_code rc)
{
    const struct lt_price *price = run->result.model.n > 0 ? price_of(c, run, run->result.model) : NULL;
    struct lt_usage usage = run->result.usage;
    if (!asked) {
        lt_charge_tried(&c->charge, false, 0, 0);
        return 0;
    }
    if (!price || (price->model.n == 0 && c->expense.price)) /* vendors answer with longer names than they are asked by */
        price = c->expense.price;
    bool known = usage.total_tokens >= 0 && usage.prompt_tokens >= 0, native = !run->call;
    if (!known)
        usage = native ? (struct lt_usage){0, 0, 0, 0, 0} : guess(c, rc);
    int64_t cost = price ? lt_price_cost(price, &usage, (int64_t)run->result.images_n) : native ? 0 : -1;
    if (!known && !native && usage.total_tokens == 0)
        cost = 0;
    lt_charge_tried(&c->charge, true, usage.total_tokens, cost < 0 ? 0 : cost);
    return known || native || usage.total_tokens == 0 || (price && !lt_price_by_tokens(price)) ? cost : -1;
}
