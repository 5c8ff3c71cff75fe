/*
 * What stands between a call and a model, as far as the core knows it: src/guard/ implements this. A site that guards nothing has no struct
 * lt_guard, and a call that nothing looks at has no watch; so what is off costs one load and one branch.
 *
 * Text that was replaced has placeholders such as [EMAIL_K7QD2M]: made with the site's key of the user and the value, so that the same value has
 * the same one in all calls of a user, and nobody can compute it elsewhere. All that is kept of a call has placeholders. What they stand for is
 * in the memory of the call or run (the talk) and, sealed with the master key, in the table guard_value.
 *
 * Everything here: the call's fiber, or outside loops.
 */
#pragma once
#include "base/seal.h"
#include "core/manager.h"

/* The call that is looked at. Lives as long as its watch. */
struct lt_guard_call {
    struct lt_manager *manager;
    struct lt_store *store;
    const struct lt_call_request *request;
    struct lt_uuid id;
};

/* What was replaced for one user, in one call or one run. The head; the rest is the guard's. */
struct lt_guard_talk {
    const struct lt_guard *guard;
    struct lt_arena *arena;
};

/* Of one call. The head; the rest is the guard's. */
struct lt_guard_watch {
    struct lt_guard_talk *talk;  /* NULL: nothing of the call is replaced */
    bool restores;               /* the call restores its answer by itself */
    bool holds;                  /* the answer is held until output() has seen it */
};

enum { LT_GUARD_HELD_MAX = 32 /* bytes of the longest placeholder, and more */ };

/* Restoring a text that comes in pieces: zeroed at first. */
struct lt_guard_stream {
    size_t n;
    char held[LT_GUARD_HELD_MAX]; /* what may be the beginning of a placeholder */
};

struct lt_guard_ops {
    /* What is looked at in this call; NULL: nothing. */
    struct lt_guard_watch *(*enter)(const struct lt_guard *guard, const struct lt_guard_call *call);
    /*
     * Looks at the input. *ret: the same, or a copy with placeholders, also when it fails: from now on the call knows no other.
     * LT_EINPUT_BLOCKED, LT_ECANCELLED.
     */
    enum lt_code (*input)(struct lt_guard_watch *watch, const struct lt_json *input, const struct lt_json **ret, struct lt_error *err);
    /* Looks at the whole answer, as it is without the model's thoughts. LT_EANSWER_BLOCKED, LT_ECANCELLED. */
    enum lt_code (*output)(struct lt_guard_watch *watch, struct lt_str answer, struct lt_error *err);
    /* Adds what was found to the unit of the call's end: never a text. */
    void (*record)(struct lt_guard_watch *watch, struct lt_tx *tx);

    /* Never NULL; only where `replaces` is set. */
    struct lt_guard_talk *(*talk)(const struct lt_guard *guard, struct lt_store *store, struct lt_arena *arena, const struct lt_caller *caller);
    const struct lt_json *(*veil)(struct lt_guard_talk *talk, const struct lt_json *value);
    struct lt_str (*veil_text)(struct lt_guard_talk *talk, struct lt_str text);
    struct lt_str (*restore)(struct lt_guard_talk *talk, struct lt_str text);
    bool (*restore_piece)(struct lt_guard_talk *talk, struct lt_guard_stream *stream, struct lt_str piece, bool last, struct lt_buf *out);
    enum lt_code (*blocked)(const struct lt_guard_talk *talk, struct lt_error *err);
};

/* What a site guards: a part of the snapshot. */
struct lt_guard {
    const struct lt_guard_ops *ops;
    uint8_t digest[32];      /* of all settings that count: two sites with the same one are guarded alike */
    bool replaces;           /* personal data are replaced or refused in some action */
    struct lt_keyring *ring; /* where it replaces, else NULL */
};

/* ---- the settings ---- */

/*
 * Reads what the settings of a site say. *ret: NULL when nothing is guarded. store NULL: they are only checked. LT_EINVALID_INPUT with the
 * setting's field.
 */
typedef enum lt_code (*lt_guard_compile_fn)(struct lt_store *store, struct lt_arena *arena, int64_t site_id, const struct lt_json *settings,
                                            const struct lt_guard **ret, struct lt_error *err);
/* At start, before there are threads; without it nothing is guarded. */
void lt_guard_set(lt_guard_compile_fn compile);
enum lt_code lt_guard_compile(struct lt_store *store, struct lt_arena *arena, int64_t site_id, const struct lt_json *settings,
                              const struct lt_guard **ret, struct lt_error *err);

/* 32 bytes that stand for the site's effective guard settings: zeros when nothing is guarded. For keys of caches. Any thread. */
const uint8_t *lt_guard_digest(const struct lt_site *site);

/* ---- for those who keep or show text outside of a call; a talk that is NULL changes nothing ---- */

/* NULL when the caller's site replaces nothing. */
struct lt_guard_talk *lt_guard_talk(struct lt_store *store, struct lt_arena *arena, const struct lt_caller *caller);
/* The same where only the manager is known. */
struct lt_guard_talk *lt_guard_talk_of(const struct lt_manager *manager, struct lt_arena *arena, const struct lt_caller *caller);
/* The same value with placeholders; in the talk's arena. NULL when it is larger than may be. */
const struct lt_json *lt_guard_veil(struct lt_guard_talk *talk, const struct lt_json *value);
struct lt_str lt_guard_veil_text(struct lt_guard_talk *talk, struct lt_str text);
/*
 * Text, or JSON as text, with what its placeholders stand for, as far as they are the user's; the others stay. In the talk's arena. What the talk has
 * not met is looked for in the store.
 */
struct lt_str lt_guard_restore(struct lt_guard_talk *talk, struct lt_str text);
/*
 * The same of a text in pieces: appends to *out what is known by now, holding back at most LT_GUARD_HELD_MAX bytes; last: nothing comes after it.
 * Whatever the pieces, the sum is what the whole gives. Does not look into the store. False: *out is full.
 */
bool lt_guard_restore_piece(struct lt_guard_talk *talk, struct lt_guard_stream *stream, struct lt_str piece, bool last, struct lt_buf *out);
/* LT_EINPUT_BLOCKED when the site takes no personal data and some were veiled; the detail names their kinds. */
enum lt_code lt_guard_blocked(const struct lt_guard_talk *talk, struct lt_error *err);
/* Sealed to its place when the site replaces personal data, else as it is. */
struct lt_str lt_guard_seal(const struct lt_site *site, struct lt_arena *arena, struct lt_str text, struct lt_str place);
/* Opens what is sealed, also when the site does not replace any more; LT_STR_NULL when it cannot be opened. What is not sealed stays. */
struct lt_str lt_guard_open(struct lt_store *store, struct lt_arena *arena, struct lt_str text, struct lt_str place);
