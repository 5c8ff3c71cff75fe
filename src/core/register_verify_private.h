/* Shared by register_verify*.c only. */
#pragma once
#include "core/register_page.h"
#include "core/register_verify.h"

enum { LT_VERIFY_BAD_MAX = 64 };

struct lt_verify {
    const struct lt_register_check *check;
    struct lt_register_verdict *verdict;
    struct lt_keyring *ring;                  /* NULL: there is none */
    struct lt_register_reader *reader;
    struct lt_register_page *page, *again;    /* of the entries that are walked; of one that is looked at once more */
    struct lt_error *err;
    /* of the site */
    int64_t site_id;
    struct lt_register_head anchor;           /* all zero: none */
    const struct lt_register_head *file_head; /* NULL: the file does not know the site */
    bool file_head_seen;
    int64_t seq;                              /* of the entry before */
    uint8_t hash[LT_REGISTER_HASH];
    bool hash_known;                          /* false behind a gap */
    int64_t aged_through, last_aged;          /* as entries say; the last one without salt that no erasure explains */
    struct {                                  /* entries whose hash is wrong, as they were met */
        struct lt_register_entry entry;
        uint8_t previous[LT_REGISTER_HASH];
    } bad[LT_VERIFY_BAD_MAX];
    size_t bad_n;
};

/* Tells a finding. call NULL: of none. */
void lt_verify_found(struct lt_verify *v, const char *what, int64_t seq, const struct lt_uuid *call, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
/* The signatures of head and anchor of v->site_id, and how they fit the chain as it was walked; *ret_more: the chain has grown meanwhile. */
enum lt_code lt_verify_anchor(struct lt_verify *v);
enum lt_code lt_verify_head(struct lt_verify *v, bool *ret_more);
/* Records that no entry knows. */
enum lt_code lt_verify_unknown(struct lt_verify *v);
