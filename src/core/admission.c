/* Running calls, counted. */
#include "core/admission.h"

#include <stdlib.h>

#include "base/memory.h"

enum { RETRY_AFTER_S = 1, SITE_RETRY_AFTER_S = 2 };

void lt_admission_init(struct lt_admission *a, int max)
{
    memset(a, 0, sizeof(*a));
    a->max = max > 0 ? max : LT_ADMISSION_DEFAULT;
}

void lt_admission_destroy(struct lt_admission *a)
{
    for (size_t i = 0; i < LT_ADMISSION_BUCKETS; i++)
        for (struct lt_site_load *l = a->sites[i], *next; l; l = next) {
            next = l->next;
            free(l);
        }
}

/* max 0: counts without a limit. */
static bool count_up(atomic_int *running, int max)
{
    int n = atomic_load(running);
    do {
        if (max > 0 && n >= max)
            return false;
    } while (!atomic_compare_exchange_weak(running, &n, n + 1));
    return true;
}

static enum lt_code shed(struct lt_admission *a, struct lt_error *err)
{
    atomic_fetch_add(&a->shed, 1);
    lt_fail(err, LT_EOVERLOADED, "%d calls are running, which is as many as this process takes", a->max);
    if (err)
        err->retry_after_s = RETRY_AFTER_S;
    return LT_EOVERLOADED;
}

enum lt_code lt_admission_check(struct lt_admission *a, struct lt_error *err)
{
    return atomic_load(&a->running) < a->max ? LT_OK : shed(a, err);
}

enum lt_code lt_admission_enter(struct lt_admission *a, struct lt_error *err)
{
    return count_up(&a->running, a->max) ? LT_OK : shed(a, err);
}

void lt_admission_leave(struct lt_admission *a)
{
    atomic_fetch_sub(&a->running, 1);
}

static struct lt_site_load *find(struct lt_site_load *l, int64_t site_id)
{
    while (l && l->site_id != site_id)
        l = l->next;
    return l;
}

/* Entries are put in front and never taken out, so that a reader needs no lock. */
static struct lt_site_load *load_of(struct lt_admission *a, int64_t site_id)
{
    struct lt_site_load *_Atomic *bucket = &a->sites[(uint64_t)site_id % LT_ADMISSION_BUCKETS];
    struct lt_site_load *first = atomic_load(bucket), *l = find(first, site_id), *made = NULL;
    while (!l) {
        if (!made && !(made = calloc(1, sizeof(*made))))
            lt_out_of_memory(0);
        made->site_id = site_id;
        made->next = first;
        if (atomic_compare_exchange_strong(bucket, &first, made))
            return made;
        l = find(first, site_id); /* another thread was faster */
    }
    free(made);
    return l;
}

enum lt_code lt_admission_enter_site(struct lt_admission *a, const struct lt_site *site, struct lt_site_load **ret, struct lt_error *err)
{
    struct lt_site_load *l = load_of(a, site->id);
    *ret = NULL;
    if (count_up(&l->running, site->max_running_calls)) {
        *ret = l;
        return LT_OK;
    }
    atomic_fetch_add(&a->shed, 1);
    lt_fail(err, LT_ESITE_BUSY, "%d calls of site '%.*s' are running, which is as many as it may have", site->max_running_calls,
            LT_FMT(site->slug));
    if (err)
        err->retry_after_s = SITE_RETRY_AFTER_S;
    return LT_ESITE_BUSY;
}

int lt_admission_running_of(struct lt_admission *a, int64_t site_id)
{
    struct lt_site_load *l = find(atomic_load(&a->sites[(uint64_t)site_id % LT_ADMISSION_BUCKETS]), site_id);
    return l ? atomic_load(&l->running) : 0;
}

void lt_admission_leave_site(struct lt_site_load *load)
{
    atomic_fetch_sub(&load->running, 1);
}
