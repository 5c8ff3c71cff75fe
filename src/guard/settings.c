/* The settings `pii` and `guards` of a site, compiled. */
#include "base/log.h"
#include "base/secret.h"
#include "core/sealed.h"
#include "guard/guard.h"

static const struct lt_guard_ops ops = {
    .enter = lt_watch_enter,
    .input = lt_watch_input,
    .output = lt_watch_output,
    .record = lt_watch_record,
    .talk = lt_talk_new,
    .veil = lt_talk_veil,
    .veil_text = lt_talk_veil_text,
    .restore = lt_talk_restore,
    .restore_piece = lt_talk_restore_piece,
    .blocked = lt_talk_blocked,
};

static enum lt_pii_mode mode_of(struct lt_str name)
{
    static const char *const names[] = {"off", "annotate", "redact", "block"};
    for (int i = LT_PII_OFF; i <= LT_PII_BLOCK; i++)
        if (lt_str_is(name, names[i]))
            return i;
    return LT_PII_OFF;
}

static bool replaces(enum lt_pii_mode mode)
{
    return mode == LT_PII_REDACT || mode == LT_PII_BLOCK;
}

enum lt_pii_mode lt_pii_mode_of(const struct lt_site_guard *guard, struct lt_str action)
{
    for (size_t i = 0; i < guard->choices_n; i++)
        if (lt_str_eq(guard->choices[i].action, action))
            return guard->choices[i].mode;
    return guard->pii_mode;
}

static void read_pii(struct lt_arena *arena, const struct lt_json *v, struct lt_site_guard *g)
{
    const struct lt_json *actions = lt_json_get(v, "actions"), *kinds = lt_json_get(v, "kinds");
    g->pii_mode = mode_of(lt_json_str(lt_json_get(v, "mode")));
    g->head.replaces = replaces(g->pii_mode);
    g->choices = LT_NEW_ARRAY(arena, struct lt_pii_choice, lt_json_len(actions) + 1);
    for (size_t i = 0; i < lt_json_len(actions); i++) {
        g->choices[g->choices_n] = (struct lt_pii_choice){lt_json_key_at(actions, i), mode_of(lt_json_str(lt_json_at(actions, i)))};
        g->head.replaces |= replaces(g->choices[g->choices_n++].mode);
    }
    g->kinds = lt_json_len(kinds) > 0 ? 0 : LT_PII_ALL;
    for (size_t i = 0; i < lt_json_len(kinds); i++)
        for (int k = 0; k < LT_PII_COUNT; k++)
            g->kinds |= lt_str_is(lt_json_str(lt_json_at(kinds, i)), lt_pii_name(k)) ? 1u << k : 0;
}

static bool guards_anything(const struct lt_site_guard *g)
{
    bool some = g->pii_mode != LT_PII_OFF;
    for (size_t i = 0; i < g->choices_n; i++)
        some |= g->choices[i].mode != LT_PII_OFF;
    for (size_t i = 0; i < g->rules_n; i++)
        some |= g->rules[i].mode != LT_RULE_OFF;
    return some;
}

static void free_ring(void *ring)
{
    lt_keyring_free(ring);
}

/* What counts, in the order in which it was written: an order that means nothing costs a cache at most a few misses. */
static void digest(struct lt_arena *arena, const struct lt_json *pii, const struct lt_json *rules, uint8_t out[32])
{
    struct lt_str text = lt_printf(arena, "1 %.*s %.*s", LT_FMT(lt_json_text(arena, pii)), LT_FMT(lt_json_text(arena, rules)));
    lt_sha256(text.p, text.n, out);
}

enum lt_code lt_guard_compile_settings(struct lt_store *store, struct lt_arena *arena, int64_t site_id, const struct lt_json *settings,
                                       const struct lt_guard **ret, struct lt_error *err)
{
    const struct lt_json *pii = lt_json_get(settings, "pii"), *rules = lt_json_get(settings, "guards");
    *ret = NULL;
    if (!pii && !rules)
        return LT_OK;
    struct lt_site_guard *g = LT_NEW(arena, struct lt_site_guard);
    g->head.ops = &ops;
    g->site_id = site_id;
    read_pii(arena, pii, g);
    if (lt_rules_compile(arena, rules, &g->rules, &g->rules_n, err))
        return err->code;
    if (!guards_anything(g) || !store)
        return LT_OK;
    if (g->head.replaces) {
        if (lt_secrets_ring(store, true, &g->head.ring, err))
            return lt_error_wrap(err, "the setting `pii` needs the master key");
        lt_arena_on_free(arena, free_ring, g->head.ring);
    }
    digest(arena, pii, rules, g->head.digest);
    *ret = &g->head;
    return LT_OK;
}
