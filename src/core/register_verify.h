/*
 * Verifying the register: everything is computed again from the tables, a page at a time, beside a daemon that goes on writing or without one.
 * Blocking: outside loops.
 */
#pragma once
#include "core/register_head.h"

struct lt_register_finding {
    const char *what;    /* one word for programs: record_changed, record_deleted, gap, … (docs/register.md has them all) */
    int64_t site_id, seq; /* -1: of none */
    char call_id[37];    /* "" = of none */
    char detail[300];    /* for people */
};
struct lt_register_check {
    struct lt_store *store;
    const char *head_file;
    int64_t site_id;     /* -1: all */
    void (*found)(void *ctx, const struct lt_register_finding *finding);
    void *ctx;
};
struct lt_register_verdict {
    int64_t sites, entries, calls;   /* that were checked */
    int64_t erased, aged;            /* records whose content is gone, by erasure and by age */
    int64_t removed, removed_calls;  /* entries and calls in front of the anchors */
    int64_t unsealed;                /* records that are not chained yet */
    int64_t findings;
};
/* LT_OK also when there are findings. LT_ESTORE, LT_ECONFIG (no master key: that is a finding, too, so it is only told). */
enum lt_code lt_register_verify(const struct lt_register_check *check, struct lt_register_verdict *ret, struct lt_error *err);
/* The oldest record that is not chained yet, as 16 bytes of its call and one of its kind; false when there is none. */
enum lt_code lt_register_oldest_pending(struct lt_store *store, bool *ret_any, uint8_t ret[17], int64_t *ret_n, struct lt_error *err);
