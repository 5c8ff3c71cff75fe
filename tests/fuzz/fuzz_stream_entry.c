/*
 * What a Redis says of its streams: bytes of RESP as they come, in pieces. hiredis parses them or refuses; whatever it has parsed is read as entries of both
 * commands, and an entry that may be a message is kept as JSON from which it can be put back.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/secret.h"
#include "events/entry.h"
#include "events/redis_reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool right)
{
    if (!right)
        abort();
}

/* All of it can be read. */
static unsigned sum(struct lt_str s)
{
    unsigned all = 0;
    for (size_t i = 0; i < s.n; i++)
        all += (uint8_t)s.p[i];
    return all;
}

static void keep(struct lt_arena *arena, const struct lt_stream_entry *e)
{
    struct lt_buf out;
    struct lt_jw w;
    struct lt_str body = LT_STR("");
    const struct lt_json *json;
    struct lt_error err;
    lt_buf_init(&out, 8 << 20);
    lt_jw_init(&w, &out);
    lt_stream_entry_keep(&w, arena, e);
    must(!out.failed && lt_json_parse(arena, lt_buf_str(&out), LT_JSON_STRICT, &json, &err) == LT_OK);
    must(lt_json_is(lt_json_get(json, "headers"), LT_JSON_OBJECT) && lt_json_len(lt_json_get(json, "headers")) <= e->n);
    struct lt_str kept = lt_json_str_or(lt_json_get(json, "event_data"), LT_STR(""));
    must(lt_base64_decode(arena, kept, &body) || kept.n == 0);
    if (lt_stream_entry_get(e, "event_data").n <= LT_STREAM_KEPT_MAX)
        must(lt_str_eq(body, lt_stream_entry_get(e, "event_data")));
    lt_buf_free(&out);
}

static void look(struct lt_arena *arena, const redisReply *list)
{
    struct lt_stream_entry e;
    struct lt_uuid id;
    for (size_t i = 0; list && i < list->elements; i++) {
        struct lt_error err = {0};
        if (!lt_stream_entry_read(list->element[i], &e))
            continue;
        must(e.id.p && e.n <= LT_STREAM_FIELDS_MAX + 1);
        for (size_t k = 0; k < e.n; k++)
            sum(e.names[k]), sum(e.values[k]);
        must((lt_stream_entry_check(&e, &id, &err) == LT_OK) == (err.code == LT_OK));
        keep(arena, &e);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t half = size > 0 ? data[0] % size : 0;
    redisReader *reader = lt_redis_reader_new();
    void *reply = NULL;
    must(reader != NULL);
    redisReaderFeed(reader, (const char *)data, half);
    redisReaderFeed(reader, (const char *)data + half, size - half);
    while (redisReaderGetReply(reader, &reply) == REDIS_OK && reply) {
        struct lt_arena *arena = lt_arena_new();
        look(arena, lt_stream_entries_read(reply));
        look(arena, lt_stream_entries_claimed(reply));
        lt_arena_free(arena);
        freeReplyObject(reply);
        reply = NULL;
    }
    redisReaderFree(reader);
    return 0;
}
