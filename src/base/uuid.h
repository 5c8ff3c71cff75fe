/* UUIDs, version 7 (RFC 9562 §5.7): ids that sort by the time they were made. Any thread. */
#pragma once
#include "base/str.h"

struct lt_uuid {
    uint8_t b[16];
};

/* A new id; within one process later ids sort after earlier ones of the same thread. */
struct lt_uuid lt_uuid_new(void);
/* The least id that can have been made at or after a time (ms): an id begins with its milliseconds. */
struct lt_uuid lt_uuid_first_at(int64_t ms);
/* 36 characters and a NUL. */
void lt_uuid_format(struct lt_uuid id, char out[37]);
/* The 36-character form, any case; false otherwise. */
bool lt_uuid_parse(struct lt_str s, struct lt_uuid *ret);
static inline bool lt_uuid_eq(struct lt_uuid a, struct lt_uuid b)
{
    return memcmp(a.b, b.b, 16) == 0;
}
static inline bool lt_uuid_is_null(struct lt_uuid a)
{
    static const struct lt_uuid zero;
    return lt_uuid_eq(a, zero);
}
