/* Telling over the event bus: entries as Open edX's own producer writes them (event-bus-redis), so that its consumer reads them. */
#include <unistd.h>

#include "events/avro.h"
#include "events/entry.h"
#include "events/private.h"
#include "events/redis.h"
#include "events/xapi.h"
#include "io/loop.h"

enum { MAX_LENGTH = 10000 /* entries that a stream keeps, about, when nothing is set: as Open edX's */, ENTRY_MAX = 2 << 20 };

static struct lt_str member(const struct lt_json *object, const char *key)
{
    return lt_json_str_or(lt_json_get(object, key), LT_STR(""));
}

struct lt_str lt_bus_topic(struct lt_arena *arena, const struct lt_event_destination *to, const char *key, const char *otherwise)
{
    struct lt_str prefix = member(to->config, "topic_prefix"), topic = member(to->config, key);
    if (topic.n == 0)
        topic = lt_str(otherwise);
    return prefix.n > 0 ? lt_printf(arena, "%.*s-%.*s", LT_FMT(prefix), LT_FMT(topic)) : topic;
}

/* XADD topic MAXLEN ~ n *: six words, then the fields. */
static size_t begin_entry(const struct lt_event_sender *s, struct lt_str topic, struct lt_str *argv)
{
    int64_t max = lt_json_int64_or(lt_json_get(s->to->config, "max_length"), MAX_LENGTH);
    const struct lt_str words[] = {LT_STR("XADD"), topic, LT_STR("MAXLEN"), LT_STR("~"), lt_printf(s->arena, "%lld", (long long)max), LT_STR("*")};
    memcpy(argv, words, sizeof(words));
    return LT_COUNT(words);
}

/* A request that was given up goes back to where it came from, with its own headers. */
static size_t write_again(const struct lt_event_sender *s, const struct lt_json *data, struct lt_str *argv)
{
    const struct lt_json *headers = lt_json_get(data, "headers");
    struct lt_str body = LT_STR("");
    size_t n = begin_entry(s, lt_bus_topic(s->arena, s->to, "request_topic", LT_BUS_REQUEST_TOPIC), argv);
    for (size_t i = 0; i < lt_json_len(headers) && i < LT_STREAM_FIELDS_MAX; i++) {
        argv[n++] = lt_json_key_at(headers, i);
        argv[n++] = lt_json_str(lt_json_at(headers, i));
    }
    lt_base64_decode(s->arena, member(data, "event_data"), &body);
    argv[n++] = LT_STR("event_data");
    argv[n++] = body;
    return n;
}

static size_t write_event(const struct lt_event_sender *s, const struct lt_event_row *row, const struct lt_json *data, struct lt_str *argv)
{
    char host[256] = "", time[33];
    struct lt_buf body;
    size_t n = begin_entry(s, lt_bus_topic(s->arena, s->to, "topic", LT_BUS_TOPIC), argv);
    gethostname(host, sizeof(host) - 1);
    lt_xapi_time(row->at_us, time);
    lt_buf_init(&body, ENTRY_MAX);
    lt_avro_write_event(&body, &(struct lt_bus_event){.site = s->site->slug, .user_id = row->user_id, .actor = row->actor, .data = data});
    const struct lt_str fields[] = {LT_STR("type"), lt_printf(s->arena, "org.lectern.%.*s.v1", LT_FMT(row->kind)),
                                    LT_STR("id"), row->event_id,
                                    LT_STR("source"), lt_printf(s->arena, "lectern/%.*s", LT_FMT(s->site->slug)),
                                    LT_STR("time"), lt_str_copy(s->arena, lt_str(time)),
                                    LT_STR("minorversion"), LT_STR("0"),
                                    LT_STR("sourcehost"), lt_str_copy(s->arena, lt_str(host)),
                                    LT_STR("sourcelib"), LT_STR(LECTERN_VERSION),
                                    LT_STR("event_data"), lt_str_copy(s->arena, lt_buf_str(&body))};
    lt_buf_free(&body);
    memcpy(argv + n, fields, sizeof(fields));
    return n + LT_COUNT(fields);
}

static enum lt_code write_row(const struct lt_event_sender *s, struct lt_redis *redis, const struct lt_event_row *row, struct lt_error *err)
{
    struct lt_str argv[6 + 2 * LT_STREAM_FIELDS_MAX + 2];
    const struct lt_json *data = NULL;
    lt_json_parse(s->arena, row->data, LT_JSON_STRICT, &data, NULL);
    bool again = lt_str_is(row->kind, LT_BUS_REQUEST_KIND);
    size_t n = again ? write_again(s, data, argv) : write_event(s, row, data, argv);
    return lt_redis_send(redis, argv, n, err);
}

/* All are written, then all answers read: one way there and back for a batch. */
static enum lt_code send_all(const struct lt_event_sender *s, struct lt_redis *redis, const struct lt_event_row *rows, size_t n, struct lt_event_sent *ret)
{
    uint64_t until = lt_loop_now(lt_loop_self()) + LT_EVENTS_SEND_MS;
    redisReply *reply;
    for (size_t i = 0; i < n; i++)
        if (write_row(s, redis, &rows[i], &ret->error))
            return ret->error.code;
    for (size_t i = 0; i < n; i++) {
        if (lt_redis_read(redis, until, &reply, &ret->error))
            return ret->error.code;
        freeReplyObject(reply);
        ret->fates[i] = LT_EVENT_DELIVERED;
    }
    return LT_OK;
}

void lt_bus_send(const struct lt_event_sender *s, const struct lt_event_row *rows, size_t n, struct lt_event_sent *ret)
{
    struct lt_redis *redis;
    enum lt_code rc = lt_redis_open(s->to, s->tls, lt_loop_now(lt_loop_self()) + LT_EVENTS_SEND_MS, &redis, &ret->error);
    if (rc == LT_OK)
        rc = send_all(s, redis, rows, n, ret);
    lt_redis_close(redis);
    ret->trouble = rc != LT_OK;
}
