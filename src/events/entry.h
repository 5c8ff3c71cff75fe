/* Entries of a Redis Stream, as the answers to XREADGROUP and XAUTOCLAIM have them. Pure; strings point into the answer. Any thread. */
#pragma once
#include <hiredis/hiredis.h>

#include "base/error.h"
#include "base/uuid.h"
#include "text/json.h"

enum { LT_STREAM_FIELDS_MAX = 16, LT_STREAM_KEPT_MAX = 64 * 1024 /* bytes of a body that is kept */ };

struct lt_stream_entry {
    struct lt_str id;                  /* in the stream */
    struct lt_str names[LT_STREAM_FIELDS_MAX + 1], values[LT_STREAM_FIELDS_MAX + 1];
    size_t n;                          /* above LT_STREAM_FIELDS_MAX: it has more, which were not read */
};

/* [id, [name, value, …]]; false: it is something else. An entry that was deleted has no fields; a name or value that is no text is NULL. */
bool lt_stream_entry_read(const redisReply *reply, struct lt_stream_entry *ret);
/* The first of the name; "" when there is none. */
struct lt_str lt_stream_entry_get(const struct lt_stream_entry *entry, const char *name);
/* May it be a message of the event bus? Its fields can be kept, and it has an id. LT_EINVALID_INPUT. */
enum lt_code lt_stream_entry_check(const struct lt_stream_entry *entry, struct lt_uuid *ret_id, struct lt_error *err);
/*
 * {"entry", "headers": {name: value}, "event_data": base64}: what a person needs to judge it, and `retry` to put it back. The first of a name; a body
 * that is too large is left out. arena: of the base64.
 */
void lt_stream_entry_keep(struct lt_jw *w, struct lt_arena *arena, const struct lt_stream_entry *entry);
/* The entries of an answer to XREADGROUP of one stream: [[topic, [entry, …]]]. NULL: none, or it is something else. */
const redisReply *lt_stream_entries_read(const redisReply *reply);
/* The same of XAUTOCLAIM: [cursor, [entry, …], …]. */
const redisReply *lt_stream_entries_claimed(const redisReply *reply);
