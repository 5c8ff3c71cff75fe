/*
 * What a stream's log keeps of its events: type, length and data, one behind the other. An event takes two bytes (five at most) more
 * than its data; its lines and its number are made anew for each client. Places are offsets in all that was ever added, so they stay
 * good when old events are forgotten. No lock: sse_log.c has one.
 */
#pragma once
#include "base/uuid.h"
#include "io/sse.h"

struct lt_sse_text {
    char *p;
    size_t start, n, cap; /* events lie in [start, n) */
    uint64_t base;        /* offset of p[0] in all that was ever added */
    uint64_t first_id;    /* of the event at `start` */
    uint64_t next_id;     /* of the next one to be added */
    struct lt_uuid name;  /* stands before the number of a LT_SSE_MESSAGE; null: such a one has no id line */
};

/* What is to be sent next. */
struct lt_sse_place {
    uint64_t at;          /* the event's offset */
    uint64_t id;
    size_t sent;          /* bytes of its frame that were sent already */
};

void lt_sse_text_init(struct lt_sse_text *t);
void lt_sse_text_free(struct lt_sse_text *t);
/* Adds the next event. data.n <= LT_SSE_EVENT_MAX. */
void lt_sse_text_add(struct lt_sse_text *t, enum lt_sse_type type, struct lt_str data);
/* Forgets the oldest events while more than `max` bytes are kept, but nothing from offset `needed` on, and never the newest event. */
void lt_sse_text_trim(struct lt_sse_text *t, size_t max, uint64_t needed);
/* Its events without anything else, in memory of the caller's of packed_size bytes: *ret may be read, but neither added to nor freed. */
size_t lt_sse_text_packed_size(const struct lt_sse_text *t);
void lt_sse_text_pack(const struct lt_sse_text *t, struct lt_sse_text *ret, char *memory);
/* The place behind event `after` (0 = the beginning). False when what follows it is not there any more, or `after` never was. */
bool lt_sse_text_find(const struct lt_sse_text *t, uint64_t after, struct lt_sse_place *ret);
/* Writes frames from *place on, `room` bytes at most, and moves *place behind them; an event may be written in parts. Returns how many
 * bytes, 0 at the end. */
size_t lt_sse_text_frames(const struct lt_sse_text *t, struct lt_sse_place *place, char *out, size_t room);

static inline uint64_t lt_sse_text_begin(const struct lt_sse_text *t)
{
    return t->base + t->start;
}

static inline uint64_t lt_sse_text_end(const struct lt_sse_text *t)
{
    return t->base + t->n;
}
