/* The core's side of the guard: who compiles it, and what to do where there is none. */
#include "base/log.h"
#include "core/manager_private.h"
#include "core/sealed.h"

static lt_guard_compile_fn compiles;

void lt_guard_set(lt_guard_compile_fn compile)
{
    compiles = compile;
}

enum lt_code lt_guard_compile(struct lt_store *store, struct lt_arena *arena, int64_t site_id, const struct lt_json *settings,
                              const struct lt_guard **ret, struct lt_error *err)
{
    *ret = NULL;
    return compiles ? compiles(store, arena, site_id, settings, ret, err) : LT_OK;
}

const uint8_t *lt_guard_digest(const struct lt_site *site)
{
    static const uint8_t nothing[32];
    return site->guard ? site->guard->digest : nothing;
}

struct lt_guard_talk *lt_guard_talk(struct lt_store *store, struct lt_arena *arena, const struct lt_caller *caller)
{
    const struct lt_guard *guard = caller->site->guard;
    return guard && guard->replaces ? guard->ops->talk(guard, store, arena, caller) : NULL;
}

const struct lt_json *lt_guard_veil(struct lt_guard_talk *talk, const struct lt_json *value)
{
    return talk && value ? talk->guard->ops->veil(talk, value) : value;
}

struct lt_guard_talk *lt_guard_talk_of(const struct lt_manager *manager, struct lt_arena *arena, const struct lt_caller *caller)
{
    return lt_guard_talk(manager->store, arena, caller);
}

struct lt_str lt_guard_veil_text(struct lt_guard_talk *talk, struct lt_str text)
{
    return talk ? talk->guard->ops->veil_text(talk, text) : text;
}

struct lt_str lt_guard_restore(struct lt_guard_talk *talk, struct lt_str text)
{
    return talk ? talk->guard->ops->restore(talk, text) : text;
}

bool lt_guard_restore_piece(struct lt_guard_talk *talk, struct lt_guard_stream *stream, struct lt_str piece, bool last, struct lt_buf *out)
{
    return talk ? talk->guard->ops->restore_piece(talk, stream, piece, last, out) : lt_buf_put_str(out, piece);
}

enum lt_code lt_guard_blocked(const struct lt_guard_talk *talk, struct lt_error *err)
{
    return talk ? talk->guard->ops->blocked(talk, err) : LT_OK;
}

struct lt_str lt_guard_seal(const struct lt_site *site, struct lt_arena *arena, struct lt_str text, struct lt_str place)
{
    const struct lt_guard *guard = site ? site->guard : NULL;
    return guard && guard->replaces && text.n > 0 ? lt_seal(guard->ring, arena, text, place) : text;
}

struct lt_str lt_guard_open(struct lt_store *store, struct lt_arena *arena, struct lt_str text, struct lt_str place)
{
    struct lt_keyring *ring;
    struct lt_str plain = LT_STR_NULL;
    struct lt_error err;
    if (!lt_is_sealed(text))
        return text;
    enum lt_code rc = lt_secrets_ring(store, false, &ring, &err);
    if (rc == LT_OK) {
        rc = lt_unseal(ring, arena, text, place, &plain, &err);
        lt_keyring_free(ring);
    }
    if (rc)
        lt_log_error("guard.open", &err);
    return rc ? LT_STR_NULL : plain;
}
