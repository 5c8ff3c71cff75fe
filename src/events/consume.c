/*
 * Requests from the event bus: a consumer of the group that Open edX's own would be in. An entry is acknowledged when the task that runs it is durable, or
 * when it is in the list of what was given up; an entry that comes twice gives one task.
 */
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/secret.h"
#include "events/avro.h"
#include "events/entry.h"
#include "events/private.h"
#include "events/redis.h"
#include "io/loop.h"

enum { AT_ONCE = 10, BLOCK_MS = 1000, CLAIM_MS = 60000, CLAIM_EVERY_MS = 15000, ANSWER_MS = 10000, KEPT_MAX = 1 << 20 /* bytes of JSON of a message that is given up */ };

struct consumer {
    struct lt_events *events;
    struct lt_arena *arena;            /* of one connection; entries have their own */
    struct lt_config *config;
    const struct lt_site *site;
    const struct lt_event_destination *to;
    struct lt_redis *redis;
    struct lt_str topic, group, name;
};

/* ---- one entry ---- */

/* Once, however often the entry comes. */
static enum lt_code give_up(struct consumer *c, struct lt_arena *arena, const struct lt_stream_entry *e, const struct lt_bus_request *q, const struct lt_error *why,
                            struct lt_error *err)
{
    struct lt_buf out;
    struct lt_jw w;
    int64_t now = lt_now_ms();
    struct lt_str user = q->action.p ? lt_printf(arena, "%lld", (long long)q->user_id) : LT_STR("");
    lt_buf_init(&out, KEPT_MAX);
    lt_jw_init(&w, &out);
    lt_stream_entry_keep(&w, arena, e);
    struct lt_tx *tx = lt_tx_new();
    LT_TX(tx,
          "INSERT INTO event_outbox (destination_id, site_id, user_id, event_id, kind, subject, at_us, data, dead_at, reason) SELECT $1, $2, $3, $4, $5, $6, $7,"
          " $8, $9, $10 FROM meta WHERE name = 'generation' AND NOT EXISTS (SELECT 1 FROM event_outbox WHERE destination_id = $1 AND dead_at > 0 AND kind = $5"
          " AND subject = $6)",
          LT_INT(c->to->id), LT_INT(c->site->id), LT_TEXT(user), LT_TEXT(lt_stream_entry_get(e, "id")), LT_TEXTZ(LT_BUS_REQUEST_KIND), LT_TEXT(e->id), LT_INT(now * 1000),
          LT_TEXT(out.failed ? LT_STR("{}") : lt_buf_str(&out)), LT_INT(now), LT_TEXT(lt_str(why->detail)));
    lt_buf_free(&out);
    atomic_fetch_add(&c->events->stats.died, 1);
    lt_log(LT_LOG_WARN, "events.request_refused", LT_I("destination", c->to->id), LT_S("code", lt_code_name(why->code)));
    return lt_store_write(c->events->options.store, tx, err);
}

static enum lt_code acknowledge(struct consumer *c, const struct lt_stream_entry *e, struct lt_error *err)
{
    redisReply *reply;
    const struct lt_str argv[] = {LT_STR("XACK"), c->topic, c->group, e->id};
    if (lt_redis_ask(c->redis, argv, LT_COUNT(argv), lt_loop_now(lt_loop_self()) + ANSWER_MS, &reply, err))
        return err->code;
    freeReplyObject(reply);
    return LT_OK;
}

/* LT_OK: it may be acknowledged. Else it stays and comes again. */
static enum lt_code handle(struct consumer *c, struct lt_arena *arena, const struct lt_stream_entry *e, struct lt_error *err)
{
    struct lt_bus_request q = {0};
    struct lt_error why = {0};
    struct lt_uuid id;
    uint8_t hash[32];
    struct lt_str body = lt_stream_entry_get(e, "event_data");
    if (!lt_str_is(lt_stream_entry_get(e, "type"), LT_BUS_REQUEST_TYPE)) /* another event of the same topic, or an entry that was deleted */
        return LT_OK;
    enum lt_code rc = lt_stream_entry_check(e, &id, &why);
    if (rc == LT_OK)
        rc = lt_avro_read_request(arena, body, &q, &why);
    if (rc == LT_OK) {
        lt_sha256(body.p, body.n, hash);
        rc = c->events->options.request(c->events->options.ctx, arena, c->config, c->site, &q, id, hash, &why);
    }
    if (rc == LT_OK)
        return LT_OK;
    if (rc == LT_ECANCELLED || lt_code_retryable(rc)) {
        *err = why;
        return rc;
    }
    return give_up(c, arena, e, &q, &why, err);
}

static enum lt_code handle_all(struct consumer *c, const redisReply *list, size_t *ret_n, struct lt_error *err)
{
    struct lt_stream_entry e;
    *ret_n = 0;
    for (size_t i = 0; list && i < list->elements; i++) {
        if (!lt_stream_entry_read(list->element[i], &e))
            continue;
        struct lt_arena *arena = lt_arena_new();
        lt_fiber_shield(); /* what was stored is acknowledged, also when we are to end */
        enum lt_code rc = handle(c, arena, &e, err);
        if (rc == LT_OK)
            rc = acknowledge(c, &e, err);
        lt_fiber_unshield();
        lt_arena_free(arena);
        if (rc)
            return rc;
        ++*ret_n;
    }
    return LT_OK;
}

/* ---- reading ---- */

/* XREADGROUP from `id` on: "0" is what this consumer was given and has not acknowledged, ">" what nobody was given. */
static enum lt_code read_some(struct consumer *c, const char *id, size_t *ret_n, struct lt_error *err)
{
    redisReply *reply;
    struct lt_str argv[12] = {LT_STR("XREADGROUP"), LT_STR("GROUP"), c->group, c->name, LT_STR("COUNT"), lt_printf(c->arena, "%d", AT_ONCE)};
    size_t n = 6;
    if (*id == '>') {
        argv[n++] = LT_STR("BLOCK");
        argv[n++] = lt_printf(c->arena, "%d", BLOCK_MS);
    }
    argv[n++] = LT_STR("STREAMS");
    argv[n++] = c->topic;
    argv[n++] = lt_str(id);
    *ret_n = 0;
    if (lt_redis_ask(c->redis, argv, n, lt_loop_now(lt_loop_self()) + BLOCK_MS + ANSWER_MS, &reply, err))
        return err->code;
    enum lt_code rc = handle_all(c, lt_stream_entries_read(reply), ret_n, err);
    freeReplyObject(reply);
    return rc;
}

/* What another consumer was given and has left lying. */
static enum lt_code claim(struct consumer *c, struct lt_error *err)
{
    redisReply *reply;
    size_t n;
    const struct lt_str argv[] = {LT_STR("XAUTOCLAIM"), c->topic, c->group, c->name, lt_printf(c->arena, "%lld", (long long)(CLAIM_MS / c->events->options.pace)),
                                  LT_STR("0-0"), LT_STR("COUNT"), lt_printf(c->arena, "%d", AT_ONCE)};
    if (lt_redis_ask(c->redis, argv, LT_COUNT(argv), lt_loop_now(lt_loop_self()) + ANSWER_MS, &reply, err))
        return err->code;
    enum lt_code rc = handle_all(c, lt_stream_entries_claimed(reply), &n, err);
    freeReplyObject(reply);
    return rc;
}

static enum lt_code join_group(struct consumer *c, struct lt_error *err)
{
    redisReply *reply;
    const struct lt_str argv[] = {LT_STR("XGROUP"), LT_STR("CREATE"), c->topic, c->group, LT_STR("$"), LT_STR("MKSTREAM")};
    enum lt_code rc = lt_redis_ask(c->redis, argv, LT_COUNT(argv), lt_loop_now(lt_loop_self()) + ANSWER_MS, &reply, err);
    if (rc == LT_EUPSTREAM_INVALID && strstr(err->detail, "BUSYGROUP"))
        return LT_OK;
    freeReplyObject(reply);
    return rc;
}

/* Until the connection breaks or the configuration is another one. */
static enum lt_code consume(struct consumer *c, struct lt_error *err)
{
    size_t n = 1;
    uint64_t claim_at = 0;
    if (join_group(c, err))
        return err->code;
    while (n > 0)
        if (read_some(c, "0", &n, err))
            return err->code;
    while (lt_config_current()->generation == c->config->generation) {
        if (lt_loop_now(lt_loop_self()) >= claim_at) {
            claim_at = lt_loop_now(lt_loop_self()) + CLAIM_EVERY_MS / (uint64_t)c->events->options.pace;
            if (claim(c, err))
                return err->code;
        }
        if (read_some(c, ">", &n, err))
            return err->code;
    }
    return LT_OK;
}

static enum lt_code connect_and_consume(struct consumer *c, struct lt_error *err)
{
    char host[256] = "";
    gethostname(host, sizeof(host) - 1);
    c->topic = lt_bus_topic(c->arena, c->to, "request_topic", LT_BUS_REQUEST_TOPIC);
    c->group = lt_json_str_or(lt_json_get(c->to->config, "group"), LT_STR(LT_BUS_GROUP));
    c->name = lt_printf(c->arena, "lectern-%s-%lld", host, (long long)c->to->id);
    if (lt_redis_open(c->to, c->events->options.tls, lt_loop_now(lt_loop_self()) + ANSWER_MS, &c->redis, err))
        return err->code;
    return consume(c, err);
}

bool lt_bus_consumes(const struct lt_event_destination *to)
{
    return to->enabled && to->kind == LT_DESTINATION_REDIS && lt_json_bool_or(lt_json_get(to->config, "consume"), false);
}

/* One connection; LT_OK: the configuration has changed. *ret_gone: the destination does not consume any more. */
static enum lt_code run_once(struct lt_events *e, int64_t id, bool *ret_gone, struct lt_error *err)
{
    struct consumer c = {.events = e, .config = lt_config_ref(lt_config_current()), .arena = lt_arena_new()};
    c.to = lt_events_find(c.config, id, &c.site);
    *ret_gone = !c.to || !lt_bus_consumes(c.to);
    enum lt_code rc = *ret_gone ? LT_OK : connect_and_consume(&c, err);
    lt_redis_close(c.redis);
    lt_arena_free(c.arena);
    lt_config_unref(c.config);
    return rc;
}

void lt_bus_consume(void *arg)
{
    struct lt_events_job *job = arg;
    struct lt_events *e = job->events;
    struct lt_error err;
    int64_t failures = 0;
    bool gone = false;
    lt_fiber_set_name("requests from the event bus");
    while (!gone && !lt_fiber_cancelled()) {
        enum lt_code rc = run_once(e, job->destination_id, &gone, &err);
        if (rc == LT_OK) {
            failures = 0;
            continue;
        }
        if (rc != LT_ECANCELLED && failures++ == 0) /* once for a run of failures */
            lt_log_error("events.consume", &err);
        lt_fiber_sleep((uint64_t)(lt_events_pause(failures, 0) / e->options.pace));
    }
    job->fiber = NULL;
}
