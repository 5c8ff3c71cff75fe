/*
 * The guard: what a site's settings `pii` and `guards` ask for, done to the calls of core/guard.h. settings.c compiles them into the snapshot,
 * watch.c looks at one call, talk.c knows what was replaced, rule.c judges texts.
 */
#pragma once
#include "core/guard.h"
#include "guard/pii.h"
#include "guard/rule.h"

enum lt_pii_mode { LT_PII_OFF, LT_PII_ANNOTATE, LT_PII_REDACT, LT_PII_BLOCK };

struct lt_pii_choice {       /* another mode for an action */
    struct lt_str action;
    enum lt_pii_mode mode;
};

struct lt_site_guard {       /* of a site: a part of the snapshot */
    struct lt_guard head;
    int64_t site_id;
    enum lt_pii_mode pii_mode; /* of actions without a choice */
    struct lt_pii_choice *choices;
    size_t choices_n;
    unsigned kinds;
    struct lt_rule *rules;
    size_t rules_n;
};

/* For lt_guard_set(). */
enum lt_code lt_guard_compile_settings(struct lt_store *store, struct lt_arena *arena, int64_t site_id, const struct lt_json *settings,
                                       const struct lt_guard **ret, struct lt_error *err);
enum lt_pii_mode lt_pii_mode_of(const struct lt_site_guard *guard, struct lt_str action);

/* ---- talk.c ---- */

struct lt_talk {
    struct lt_guard_talk head;
    struct lt_store *store;
    const struct lt_caller *caller;
    struct lt_pii_options options;
    struct lt_talk_value *values;
    size_t values_n, values_cap;
    uint32_t *by_text, *by_placeholder; /* open hash tables of values_cap × 2 slots: index + 1, 0 free */
    size_t written_n;        /* values up to here are in the store, or need not be */
    size_t lookups;          /* placeholders that were asked of the store */
    uint32_t found[LT_PII_COUNT];
};

struct lt_guard_talk *lt_talk_new(const struct lt_guard *guard, struct lt_store *store, struct lt_arena *arena, const struct lt_caller *caller);
const struct lt_json *lt_talk_veil(struct lt_guard_talk *talk, const struct lt_json *value);
struct lt_str lt_talk_veil_text(struct lt_guard_talk *talk, struct lt_str text);
struct lt_str lt_talk_restore(struct lt_guard_talk *talk, struct lt_str text);
bool lt_talk_restore_piece(struct lt_guard_talk *talk, struct lt_guard_stream *stream, struct lt_str piece, bool last, struct lt_buf *out);
enum lt_code lt_talk_blocked(const struct lt_guard_talk *talk, struct lt_error *err);
/* Reads from the store what the placeholders of a value stand for, as far as the talk does not know them. */
void lt_talk_learn(struct lt_talk *talk, const struct lt_json *value);
/* How many were found since it began, by kind: {"email": 2}; words: "email, iban". */
struct lt_str lt_pii_counts(struct lt_arena *arena, const uint32_t found[LT_PII_COUNT]);
struct lt_str lt_pii_words(struct lt_arena *arena, const uint32_t found[LT_PII_COUNT]);
/* Counts without replacing. */
void lt_pii_count(const struct lt_pii_options *options, const struct lt_json *value, uint32_t found[LT_PII_COUNT]);

/*
 * Goes through the texts of an input: every string but those that are no text (pictures, names of parts of the form, declarations of tools).
 * text: what becomes of one. NULL where nothing was changed.
 */
typedef struct lt_str (*lt_walk_fn)(void *ctx, struct lt_str text);
const struct lt_json *lt_walk_texts(struct lt_arena *arena, const struct lt_json *value, lt_walk_fn text, void *ctx);

/* ---- watch.c ---- */

struct lt_guard_watch *lt_watch_enter(const struct lt_guard *guard, const struct lt_guard_call *call);
enum lt_code lt_watch_input(struct lt_guard_watch *watch, const struct lt_json *input, const struct lt_json **ret, struct lt_error *err);
enum lt_code lt_watch_output(struct lt_guard_watch *watch, struct lt_str answer, struct lt_error *err);
void lt_watch_record(struct lt_guard_watch *watch, struct lt_tx *tx);
