/* Changing limits and prices. As core/admin.h: each change is one unit and raises the generation of the configuration. */
#pragma once
#include "core/limit.h"
#include "core/price.h"
#include "core/site.h"

/* The members that a new limit and a new price may have, as JSON Schema; `minimum`s and lengths are checked with them. */
extern const char lt_limit_schema[], lt_price_schema[];

/*
 * Sets a limit by {subject, subject_id?, per_user?, action?, unit, amount, window, window_s?, when_spent?}. One that is the same but for amount
 * and when_spent gets these and keeps what is used of it. subject_id of a provider: its name or id. LT_EINVALID_INPUT with the field.
 */
enum lt_code lt_admin_limit_set(struct lt_store *store, const struct lt_site *site, const struct lt_json *form, int64_t *ret_id, bool *ret_new,
                                struct lt_error *err);
/* {amount?, when_spent?} of one. LT_ENOT_FOUND. */
enum lt_code lt_admin_limit_change(struct lt_store *store, const struct lt_site *site, int64_t id, const struct lt_json *patch,
                                   struct lt_error *err);
/* With what is used of it. LT_ENOT_FOUND. */
enum lt_code lt_admin_limit_remove(struct lt_store *store, const struct lt_site *site, int64_t id, struct lt_error *err);
enum { LT_LIMIT_NOTICES_PAGE_MAX = 1000 };
/* That so much of a budget was used, for the first time in one of its windows. */
struct lt_limit_notice {
    int64_t id, limit_id, percent, created_at; /* percent: 80 or 100; ms */
    struct lt_str of, user_id;                 /* whose, as far as the limit leaves it open: the course, or the number of the instance; the user */
};
/* Newest first. before: only ids below, 0 = all. limit: 1 to LT_LIMIT_NOTICES_PAGE_MAX. Rows lie in the arena. Fiber or outside loops. */
enum lt_code lt_limit_notices(struct lt_store *store, struct lt_arena *arena, int64_t site_id, int64_t before, int limit,
                              struct lt_limit_notice **ret, size_t *ret_n, struct lt_error *err);
/* The site's limit of this id, or NULL. */
const struct lt_limit *lt_site_limit(const struct lt_site *site, int64_t id);

/*
 * {provider?, model?, input, output, cached_input?, request?, image?, valid_from?, valid_to?}: times are RFC 3339, valid_from left out is now. One of the
 * same provider, model and valid_from is replaced. What was charged by it stays as it was.
 */
enum lt_code lt_admin_price_set(struct lt_store *store, const struct lt_site *site, const struct lt_json *form, int64_t *ret_id,
                                struct lt_error *err);
enum lt_code lt_admin_price_remove(struct lt_store *store, const struct lt_site *site, int64_t id, struct lt_error *err);
