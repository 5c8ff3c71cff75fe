/* The events that a stream's log keeps, and their frames. An event: its type (one byte), the length of its data (LEB128), the data. */
#include "io/sse_text.h"

#include <assert.h>
#include <stdlib.h>

#include "base/memory.h"

enum {
    FIRST_CAP = 512,
    SLACK = 32 * 1024, /* forgotten bytes are moved out of the way in such amounts */
    HEADER_MAX = 5,
    LEAD_MAX = 96,     /* the lines before the data */
};

#define LEAD(type) LT_STR("event: " type "\nid: ")
static const struct lt_str leads[] = {
    [LT_SSE_START] = LEAD("start"), [LT_SSE_DELTA] = LEAD("delta"), [LT_SSE_STATUS] = LEAD("status"),
    [LT_SSE_TOOL] = LEAD("tool"),   [LT_SSE_DONE] = LEAD("done"),   [LT_SSE_ERROR] = LEAD("error"),
    [LT_SSE_APPROVAL] = LEAD("approval"), [LT_SSE_MESSAGE] = LEAD("message"),
};
#undef LEAD

struct kept {
    enum lt_sse_type type;
    struct lt_str data;
    size_t size; /* with its header */
};

void lt_sse_text_init(struct lt_sse_text *t)
{
    *t = (struct lt_sse_text){.first_id = 1, .next_id = 1};
}

void lt_sse_text_free(struct lt_sse_text *t)
{
    free(t->p);
    lt_sse_text_init(t);
}

static void set_cap(struct lt_sse_text *t, size_t cap)
{
    t->p = realloc(t->p, cap);
    if (!t->p)
        lt_out_of_memory(0);
    t->cap = cap;
}

/* Grows by a quarter: most answers are short, and thousands may run. */
static char *reserve(struct lt_sse_text *t, size_t n)
{
    if (n > t->cap - t->n) {
        size_t cap = t->cap < FIRST_CAP ? FIRST_CAP : t->cap + t->cap / 4;
        set_cap(t, cap < t->n + n ? t->n + n : cap);
    }
    return t->p + t->n;
}

static size_t write_header(unsigned char out[HEADER_MAX], enum lt_sse_type type, size_t n)
{
    size_t at = 0;
    out[at++] = (unsigned char)type;
    for (; n >= 0x80; n >>= 7)
        out[at++] = (unsigned char)(n | 0x80);
    out[at++] = (unsigned char)n;
    return at;
}

static struct kept event_at(const struct lt_sse_text *t, uint64_t offset)
{
    const unsigned char *p = (const unsigned char *)t->p + (offset - t->base), *at = p + 1;
    size_t n = 0;
    int shift = 0;
    for (; *at & 0x80; at++, shift += 7)
        n |= (size_t)(*at & 0x7F) << shift;
    n |= (size_t)*at++ << shift;
    return (struct kept){(enum lt_sse_type)p[0], {(const char *)at, n}, (size_t)(at - p) + n};
}

void lt_sse_text_add(struct lt_sse_text *t, enum lt_sse_type type, struct lt_str data)
{
    unsigned char header[HEADER_MAX];
    assert(data.n <= LT_SSE_EVENT_MAX);
    assert(data.n == 0 || (!memchr(data.p, '\n', data.n) && !memchr(data.p, '\r', data.n)));
    size_t n = write_header(header, type, data.n);
    char *p = reserve(t, n + data.n);
    memcpy(p, header, n);
    if (data.n > 0)
        memcpy(p + n, data.p, data.n);
    t->n += n + data.n;
    t->next_id++;
}

static void drop_slack(struct lt_sse_text *t)
{
    memmove(t->p, t->p + t->start, t->n - t->start);
    t->base += t->start;
    t->n -= t->start;
    t->start = 0;
}

void lt_sse_text_trim(struct lt_sse_text *t, size_t max, uint64_t needed)
{
    while (t->n - t->start > max && t->first_id + 1 < t->next_id) {
        size_t size = event_at(t, lt_sse_text_begin(t)).size;
        if (lt_sse_text_begin(t) + size > needed)
            break;
        t->start += size;
        t->first_id++;
    }
    if (t->start >= SLACK)
        drop_slack(t);
}

size_t lt_sse_text_packed_size(const struct lt_sse_text *t)
{
    return t->n - t->start;
}

void lt_sse_text_pack(const struct lt_sse_text *t, struct lt_sse_text *ret, char *memory)
{
    size_t n = lt_sse_text_packed_size(t);
    *ret = (struct lt_sse_text){
        .p = memory, .n = n, .cap = n, .base = lt_sse_text_begin(t), .first_id = t->first_id, .next_id = t->next_id, .name = t->name};
    if (n > 0)
        memcpy(memory, t->p + t->start, n);
}

bool lt_sse_text_find(const struct lt_sse_text *t, uint64_t after, struct lt_sse_place *ret)
{
    if (after + 1 < t->first_id || after >= t->next_id)
        return false;
    *ret = (struct lt_sse_place){.at = after + 1 == t->next_id ? lt_sse_text_end(t) : lt_sse_text_begin(t), .id = after + 1};
    if (after + 1 < t->next_id)
        for (uint64_t id = t->first_id; id <= after; id++)
            ret->at += event_at(t, ret->at).size;
    return true;
}

/* ---- frames ---- */

/* "event: T\nid: N\ndata: "; of a message "id: UUID:N", or no such line. */
static struct lt_str write_lead(char out[LEAD_MAX], const struct lt_uuid *name, enum lt_sse_type type, uint64_t id)
{
    static const struct lt_str data = LT_STR("\ndata: "), no_id = LT_STR("event: message\ndata: ");
    char digits[20];
    size_t first = sizeof(digits), n = leads[type].n;
    if (type == LT_SSE_MESSAGE && lt_uuid_is_null(*name))
        return no_id;
    do
        digits[--first] = (char)('0' + id % 10);
    while ((id /= 10) > 0);
    memcpy(out, leads[type].p, n);
    if (type == LT_SSE_MESSAGE) {
        lt_uuid_format(*name, out + n);
        out[n + 36] = ':';
        n += 37;
    }
    memcpy(out + n, digits + first, sizeof(digits) - first);
    n += sizeof(digits) - first;
    memcpy(out + n, data.p, data.n);
    return (struct lt_str){out, n + data.n};
}

/* What follows the first `skip` bytes of the parts, `room` bytes at most. */
static size_t put_parts(const struct lt_str *parts, size_t count, size_t skip, char *out, size_t room)
{
    size_t n = 0;
    for (size_t i = 0; i < count && n < room; i++) {
        if (skip >= parts[i].n) {
            skip -= parts[i].n;
            continue;
        }
        size_t take = parts[i].n - skip < room - n ? parts[i].n - skip : room - n;
        memcpy(out + n, parts[i].p + skip, take);
        n += take;
        skip = 0;
    }
    return n;
}

size_t lt_sse_text_frames(const struct lt_sse_text *t, struct lt_sse_place *place, char *out, size_t room)
{
    size_t n = 0;
    while (n < room && place->at < lt_sse_text_end(t)) {
        char lead[LEAD_MAX];
        struct kept e = event_at(t, place->at);
        struct lt_str parts[] = {write_lead(lead, &t->name, e.type, place->id), e.data, LT_STR("\n\n")};
        size_t put = put_parts(parts, LT_COUNT(parts), place->sent, out + n, room - n);
        n += put;
        place->sent += put;
        if (place->sent == parts[0].n + e.data.n + parts[2].n)
            *place = (struct lt_sse_place){.at = place->at + e.size, .id = place->id + 1};
    }
    return n;
}
