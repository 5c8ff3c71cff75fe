/*
 * What the chain of the register hashes, byte for byte (docs/register.md): values that say their type and length, so that no two lists of values are
 * the same bytes. Any thread.
 */
#pragma once
#include "base/buf.h"
#include "base/uuid.h"
#include "store/store.h"

enum lt_register_kind {
    LT_REGISTER_BEGIN = 1, /* ai_call */
    LT_REGISTER_END,       /* ai_call_end with attempts, checkpoints and the action's own row */
    LT_REGISTER_TOOLS,     /* tool_call */
    LT_REGISTER_ERASED,    /* register_erasure: user and content of a call are gone; through: bits of the kinds whose rest the content hash is of */
    LT_REGISTER_AGED,      /* the content of entries up to `through` was removed because of its age */
    LT_REGISTER_BREAK,     /* the head that was kept outside the database did not fit it; through: how far that one had come */
    LT_REGISTER_KINDS
};
/* "begin", "end", …; "unknown" otherwise. */
const char *lt_register_kind_name(int64_t kind);

enum { LT_REGISTER_HASH = 32 };

struct lt_register_entry {
    int64_t site_id, seq, kind;
    bool has_call;
    struct lt_uuid call_id;
    int64_t through; /* -1: none */
    uint8_t meta_hash[LT_REGISTER_HASH], content_hash[LT_REGISTER_HASH], hash[LT_REGISTER_HASH];
    bool salted;
    uint8_t salt[LT_REGISTER_HASH];
};

/* 'n' | 'i' and eight bytes, big-endian | 't' or 'b', eight bytes of length and the bytes. */
void lt_canon_value(struct lt_buf *out, const struct lt_value *v);
void lt_canon_text(struct lt_buf *out, struct lt_str text);
/* The table's name and for each column its name and value. */
void lt_canon_row(struct lt_buf *out, const char *table, const char *const *names, const struct lt_value *values, size_t n);

/* Of the rows' metadata, and of their content behind the entry's salt (NULL: without). */
void lt_register_meta_hash(struct lt_str rows, uint8_t out[LT_REGISTER_HASH]);
void lt_register_content_hash(const uint8_t *salt, struct lt_str rows, uint8_t out[LT_REGISTER_HASH]);
/* Of an entry behind the one whose hash is `previous` (32 zero bytes before the first). */
void lt_register_entry_hash(const struct lt_register_entry *entry, const uint8_t previous[LT_REGISTER_HASH], uint8_t out[LT_REGISTER_HASH]);
/* Milliseconds at which a call's id was made (RFC 9562 §5.7). */
int64_t lt_register_time(struct lt_uuid call_id);
