/* The texts of the AI policy: a version has one in each of some languages. A text that was once given is never changed. Markdown. */
#pragma once
#include "core/caller.h"

enum { LT_POLICY_TEXT_MAX = 100000, LT_POLICY_LANGUAGE_MAX = 35, LT_POLICY_VERSION_MAX = 64 };

struct lt_policy_text {
    struct lt_str language, text;
};

/*
 * The text of the version in force that fits best: `wanted` is a list of languages as in Accept-Language (RFC 9110 §12.5.4; one alone, or none, will
 * do). Else that in the site's language, else the first that was given. NULL: there is no policy. Any thread.
 */
const struct lt_policy_text *lt_policy_text_for(const struct lt_site *site, struct lt_str wanted);
/* "DE-at" → "de-AT", in the arena; an empty string when it is no language (RFC 5646, roughly). */
struct lt_str lt_policy_language(struct lt_arena *arena, struct lt_str language);

/* ---- for administrators; fiber, or outside loops ---- */

struct lt_policy_form {
    struct lt_str version;  /* 1 to 64 bytes; "": the site has no policy any more */
    struct lt_str language; /* "" = the site's */
    struct lt_str text;     /* "" = a version that there is comes into force again */
    struct lt_str by;       /* who */
};
/*
 * From now on this version is in force; when it is already, the text is added in that language. The same twice changes nothing.
 * LT_EINVALID_INPUT; LT_ECONFLICT: the version has another text in that language.
 */
enum lt_code lt_policy_text_set(struct lt_store *store, struct lt_str site, const struct lt_policy_form *form, struct lt_error *err);

/* What setting it would bring: checked as lt_policy_text_set() does, and nothing is changed. */
struct lt_policy_effect {
    struct lt_str language;    /* in which the text is */
    struct lt_str text;        /* that is in that language then; "": there is none */
    bool asks_again;           /* the major version changes: what users have accepted does not hold any more */
    int64_t users;             /* whom that asks again: those whose acceptance holds now; else 0 */
};
enum lt_code lt_policy_text_try(struct lt_store *store, struct lt_arena *arena, const struct lt_site *site, const struct lt_policy_form *form,
                                struct lt_policy_effect *ret, struct lt_error *err);

struct lt_policy_version {
    int64_t id;                /* cursor */
    struct lt_str version, language, text, by;
    int64_t created_at; /* ms */
    bool in_force;
};
/* Newest first, at most `max` (10,000), from behind the id `before` on (0: from the newest). In the arena. */
enum lt_code lt_policy_text_list(struct lt_store *store, struct lt_arena *arena, const struct lt_site *site, int64_t before, size_t max,
                                 struct lt_policy_version **ret, size_t *ret_n, struct lt_error *err);
