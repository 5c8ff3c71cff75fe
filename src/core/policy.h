/*
 * The AI policy: what a user must accept first. Per user and version; a negative is never cached as truth.
 *
 * Versions that are numbers, MAJOR or MAJOR.MINOR and so on (a "v" may stand in front), ask again only when MAJOR changes. Every other version, such as
 * "2026-11-21" or "autumn", is a major version of its own. A version has a text in one language or more; texts are never changed (policy_text.h).
 */
#pragma once
#include "core/caller.h"

struct lt_policy_status {
    bool accepted;               /* the version in force, or one with the same major version */
    struct lt_str version, text; /* the site's present policy, the text in the site's language */
    int64_t accepted_at;         /* ms, 0 when not */
    struct lt_str accepted_version, accepted_language; /* "" when not */
};
/* What has to be the same for an acceptance to hold: "2" of "v2.10", all of what is no number. A part of `version`. */
struct lt_str lt_policy_major(struct lt_str version);
/* Does the site ask its users here at all? Not without a policy, nor when the LMS asks them. */
bool lt_policy_asked(const struct lt_site *site);
/* Fiber. A positive answer may come from memory; a negative was read from the store just now. */
enum lt_code lt_policy_get(struct lt_store *store, struct lt_arena *arena, const struct lt_caller *caller, struct lt_policy_status *ret, struct lt_error *err);
/* What users have accepted is read anew: rows have gone. Any thread; other processes see a new generation of the configuration. */
void lt_policy_forget(void);
/* The same for many users at once: ret[i] for users[i], all of the site. Fiber. */
enum lt_code lt_policy_get_many(struct lt_store *store, struct lt_arena *arena, const struct lt_site *site, const struct lt_str *users, size_t n,
                                struct lt_policy_status *ret, struct lt_error *err);
/*
 * Durable when it returns; a second time changes nothing. version must be the present one (LT_ECONFLICT). language: that of the text that the user
 * has read ("" = not told). context: JSON text or empty.
 */
enum lt_code lt_policy_accept(struct lt_store *store, const struct lt_caller *caller, struct lt_str version, struct lt_str language, struct lt_str context,
                              struct lt_error *err);
/* Takes back what the user accepted last; nothing happens when there is nothing. The gates of this process know it when it returns. */
enum lt_code lt_policy_withdraw(struct lt_store *store, const struct lt_caller *caller, struct lt_error *err);
