/* The response cache: keys, rows, and what a call makes of them. */
#include "core/answer_cache.h"

#include "base/clock.h"
#include "base/secret.h"
#include "core/manager_private.h"

enum scope { SCOPE_USER, SCOPE_COURSE, SCOPE_SITE, SCOPES };
static const char *const scope_names[SCOPES] = {"user", "course", "site"};

enum { KEY_TEXT_MAX = 16 << 20 };

/* SCOPES: none of them. */
static enum scope scope_of(const struct lt_json *rule)
{
    int i = 0;
    while (i < SCOPES && !lt_str_is(lt_json_str_or(lt_json_get(rule, "scope"), LT_STR("user")), scope_names[i]))
        i++;
    return (enum scope)i;
}

static bool member_known(struct lt_str name)
{
    return lt_str_is(name, "ttl_s") || lt_str_is(name, "scope");
}

const char *lt_answer_cache_rule_wrong(const struct lt_json *rule)
{
    int64_t ttl;
    const struct lt_json *scope = lt_json_get(rule, "scope");
    if (!rule || lt_json_is(rule, LT_JSON_NULL))
        return NULL;
    if (!lt_json_is(rule, LT_JSON_OBJECT))
        return "must be an object {ttl_s, scope}";
    for (size_t i = 0; i < lt_json_len(rule); i++)
        if (!member_known(lt_json_key_at(rule, i)))
            return "has a member that is neither ttl_s nor scope";
    if (!lt_json_int64(lt_json_get(rule, "ttl_s"), &ttl) || ttl < 1 || ttl > LT_ANSWER_CACHE_TTL_MAX_S)
        return "ttl_s must be a whole number of seconds from 1 to 604800";
    if ((scope && !lt_json_is(scope, LT_JSON_STRING)) || scope_of(rule) == SCOPES)
        return "scope must be user, course or site";
    return NULL;
}

/* ---- the key ---- */

/* Who is to get the same answer: p NULL where that is nobody. */
static struct lt_str shared_by(const struct lt_call_request *q, enum scope scope)
{
    struct lt_str of = scope == SCOPE_USER ? q->caller->user_id : scope == SCOPE_COURSE ? q->place.course_id : LT_STR("all");
    return of.n > 0 ? of : LT_STR_NULL;
}

static bool plain(const struct lt_neutral_call *call)
{
    if (call->kind != LT_NEUTRAL_COMPLETION || call->previous_response_id.n > 0 || call->store || lt_json_len(call->tools) > 0 || call->logprobs)
        return false;
    for (size_t i = 0; i < call->messages_n; i++)
        if (call->messages[i].images_n > 0 || call->messages[i].tool_calls || call->messages[i].tool_call_id.n > 0)
            return false;
    return true;
}

static void put_number(struct lt_jw *w, double v)
{
    lt_jw_double(w, v); /* NaN, which is "not set", becomes null */
}

static void put_call(struct lt_jw *w, const struct lt_neutral_call *call)
{
    lt_jw_arr(w);
    for (size_t i = 0; i < call->messages_n; i++) {
        lt_jw_str(w, call->messages[i].role);
        lt_jw_str(w, call->messages[i].content);
    }
    lt_jw_end(w);
    lt_jw_int(w, call->max_tokens);
    put_number(w, call->temperature);
    put_number(w, call->top_p);
    lt_jw_int(w, call->seed);
    lt_jw_json(w, call->parallel_tool_calls);
    lt_jw_json(w, call->frequency_penalty);
    lt_jw_json(w, call->presence_penalty);
    lt_jw_json(w, call->stop);
    lt_jw_json(w, call->response_format);
}

/* With the digest of the guards' settings that the answer has passed. */
static bool make_key(const struct lt_process *c, const struct lt_provider_run *run, enum scope scope, uint8_t key[32])
{
    const struct lt_call_request *q = c->request;
    struct lt_str of = shared_by(q, scope);
    struct lt_buf text;
    struct lt_jw w;
    char guards[65];
    if (!of.p || !plain(run->call))
        return false;
    lt_buf_init(&text, KEY_TEXT_MAX);
    lt_jw_init(&w, &text);
    lt_jw_arr(&w);
    lt_jw_int(&w, 1); /* of this form */
    lt_jw_int(&w, q->caller->site->id);
    lt_jw_strz(&w, scope_names[scope]);
    lt_jw_str(&w, of);
    lt_jw_strz(&w, c->action->action->name);
    lt_jw_int(&w, run->instance->id);
    lt_jw_str(&w, run->instance->plugin);
    lt_jw_json(&w, lt_json_get(run->instance->config, "endpoint"));
    lt_jw_json(&w, lt_json_get(run->instance->config, "model"));
    lt_jw_json(&w, run->settings); /* with the model of the action or the profile, and the profile with its version */
    put_call(&w, run->call);
    lt_hex(lt_guard_digest(q->caller->site), 32, guards);
    lt_jw_strz(&w, guards);
    lt_jw_end(&w);
    bool whole = !text.failed;
    if (whole)
        lt_sha256(text.p, text.n, key);
    lt_buf_free(&text);
    return whole;
}

/* ---- looking up ---- */

static bool find(struct lt_process *c, struct lt_provider_run *run)
{
    struct lt_answer_cache_use *use = &c->cache;
    struct lt_rows r;
    struct lt_error err;
    if (LT_QUERY(c->manager->store, run->arena, &r, &err,
                 "SELECT call_id, answer, model, cost FROM answer_cache WHERE cache_key = $1 AND site_id = $2 AND expires_at > $3",
                 LT_BLOB(use->key, 32), LT_INT(c->request->caller->site->id), LT_INT(lt_now_ms())) ||
        r.rows == 0 || lt_rows_str(&r, 0, 0).n != sizeof(use->source.b))
        return false;
    memcpy(use->source.b, lt_rows_str(&r, 0, 0).p, sizeof(use->source.b));
    use->saved_cost = lt_rows_int_or(&r, 0, 3, -1);
    run->result.text = lt_rows_str(&r, 0, 1);
    run->result.model = lt_rows_str(&r, 0, 2);
    run->result.finish_reason = LT_STR("stop");
    run->result.usage = (struct lt_usage){0, 0, 0, 0, 0};
    return true;
}

bool lt_process_cached(struct lt_process *c, struct lt_provider_run *run)
{
    const struct lt_call_request *q = c->request;
    const struct lt_json *rule = lt_json_get(q->profile->settings, "response_cache");
    c->cache = (struct lt_answer_cache_use){.ttl_s = lt_json_int64_or(lt_json_get(rule, "ttl_s"), 0)};
    enum scope scope = scope_of(rule);
    bool fit = run->call && scope < SCOPES && c->cache.ttl_s > 0 && q->caller->site->store_content && !q->test && !q->trace &&
               (!q->profile->thread || scope == SCOPE_USER);
    c->cache.on = fit && c->misfit_why[0] == '\0' && make_key(c, run, scope, c->cache.key);
    if (!c->cache.on)
        return false;
    c->cache.hit = find(c, run);
    atomic_fetch_add_explicit(c->cache.hit ? &c->manager->cache_hits : &c->manager->cache_misses, 1, memory_order_relaxed);
    return c->cache.hit;
}

/* ---- writing ---- */

static void keep(const struct lt_process *c, struct lt_tx *tx)
{
    const struct lt_call_result *r = c->result;
    int64_t site = c->request->caller->site->id;
    LT_TX(tx,
          "INSERT INTO answer_cache (cache_key, site_id, user_id, call_id, answer, model, cost, created_at, expires_at)"
          " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (cache_key) DO UPDATE SET user_id = excluded.user_id,"
          " call_id = excluded.call_id, answer = excluded.answer, model = excluded.model, cost = excluded.cost,"
          " created_at = excluded.created_at, expires_at = excluded.expires_at",
          LT_BLOB(c->cache.key, 32), LT_INT(site), lt_value_text(c->request->caller->user_id), LT_BLOB(r->id.b, 16), lt_value_text(c->answer->text),
          lt_value_text(r->model), lt_value_known_int(r->cost), LT_INT(r->completed_at), LT_INT(r->completed_at + c->cache.ttl_s * 1000));
    LT_TX(tx,
          "DELETE FROM answer_cache WHERE site_id = $1 AND (expires_at <= $2 OR created_at <"
          " (SELECT n.created_at FROM answer_cache n WHERE n.site_id = $1 ORDER BY n.created_at DESC LIMIT 1 OFFSET $3))",
          LT_INT(site), LT_INT(r->completed_at), LT_INT(LT_ANSWER_CACHE_ROWS_MAX - 1));
}

void lt_process_record_cache(const struct lt_process *c, struct lt_tx *tx)
{
    const struct lt_neutral_result *answer = c->answer;
    if (!c->cache.on || !c->result->success)
        return;
    if (c->cache.hit)
        LT_TX(tx, "INSERT INTO answer_cache_hit (call_id, site_id, source_call_id, saved_cost) VALUES ($1, $2, $3, $4)", LT_BLOB(c->result->id.b, 16),
              LT_INT(c->request->caller->site->id), LT_BLOB(c->cache.source.b, 16), lt_value_known_int(c->cache.saved_cost));
    else if (lt_str_is(answer->finish_reason, "stop") && answer->text.n > 0 && answer->text.n <= LT_ANSWER_CACHE_TEXT_MAX &&
             lt_json_len(answer->tool_calls) == 0)
        keep(c, tx);
}

bool lt_answer_cache_hit_of(struct lt_store *store, struct lt_arena *arena, struct lt_uuid call_id, struct lt_uuid *ret_source, int64_t *ret_saved)
{
    struct lt_rows r;
    struct lt_error err;
    if (LT_QUERY(store, arena, &r, &err, "SELECT source_call_id, saved_cost FROM answer_cache_hit WHERE call_id = $1", LT_BLOB(call_id.b, 16)) ||
        r.rows == 0 || lt_rows_str(&r, 0, 0).n != sizeof(ret_source->b))
        return false;
    memcpy(ret_source->b, lt_rows_str(&r, 0, 0).p, sizeof(ret_source->b));
    *ret_saved = lt_rows_int_or(&r, 0, 1, -1);
    return true;
}

void lt_answer_cache_counts(const struct lt_manager *manager, uint64_t *ret_hits, uint64_t *ret_misses)
{
    *ret_hits = atomic_load(&manager->cache_hits);
    *ret_misses = atomic_load(&manager->cache_misses);
}
