/*
 * How many calls run at once: in the process, and for each site. One too many is refused at once instead of waiting for its turn: who
 * is told "busy" early can go elsewhere, who waits in a queue gives up and asks again. Any thread, without a lock.
 */
#pragma once
#include <stdatomic.h>

#include "core/site.h"

enum { LT_ADMISSION_BUCKETS = 256, LT_ADMISSION_DEFAULT = LT_FIBER_MAX / 5 * 4 };

/* Running calls of one site. Stays until the end of the process. */
struct lt_site_load {
    struct lt_site_load *next; /* in its bucket */
    int64_t site_id;
    atomic_int running;
};

struct lt_admission {
    int max;            /* of the process */
    atomic_int running;
    atomic_ulong shed;  /* refused, for the process or a site */
    struct lt_site_load *_Atomic sites[LT_ADMISSION_BUCKETS];
};

/* max 0: LT_ADMISSION_DEFAULT, which leaves a fifth of all fibers for other requests. */
void lt_admission_init(struct lt_admission *a, int max);
void lt_admission_destroy(struct lt_admission *a);
/* LT_EOVERLOADED when one more is too many: for refusing a request before its body is read; lt_admission_enter() decides. */
enum lt_code lt_admission_check(struct lt_admission *a, struct lt_error *err);
/* LT_EOVERLOADED, or LT_OK: lt_admission_leave() must follow. */
enum lt_code lt_admission_enter(struct lt_admission *a, struct lt_error *err);
void lt_admission_leave(struct lt_admission *a);
/* The same for the site, whose max_running_calls counts (0: no limit). LT_ESITE_BUSY, or LT_OK with *ret for leaving. */
enum lt_code lt_admission_enter_site(struct lt_admission *a, const struct lt_site *site, struct lt_site_load **ret, struct lt_error *err);
/* How many of the site run. */
int lt_admission_running_of(struct lt_admission *a, int64_t site_id);
void lt_admission_leave_site(struct lt_site_load *load);
