/*
 * What was replaced for one user. A placeholder's tag is made by HMAC with a key of the site's master key from user, kind and value, so that no table is
 * needed to find the same again; what it stands for lies sealed in guard_value, for the user's later calls.
 */
#include <stdio.h>

#include "base/clock.h"
#include "base/seal.h"
#include "core/sealed_rows.h"
#include "guard/guard.h"
#include "guard/restore.h"

enum {
    VALUES_MAX = 20000,      /* of one talk; what is more is replaced by the word alone and not restored */
    LOOKUPS_MAX = 200,       /* placeholders of one talk that are asked of the store */
    TEXT_MAX = 64 << 20,
};

struct lt_talk_value {
    struct lt_str text;      /* p NULL: nobody knows */
    char placeholder[LT_PLACEHOLDER_MAX + 1];
};

struct lt_guard_talk *lt_talk_new(const struct lt_guard *guard, struct lt_store *store, struct lt_arena *arena, const struct lt_caller *caller)
{
    const struct lt_site_guard *g = (const struct lt_site_guard *)guard;
    struct lt_talk *t = LT_NEW(arena, struct lt_talk);
    t->head = (struct lt_guard_talk){guard, arena};
    t->store = store;
    t->caller = caller;
    t->options = (struct lt_pii_options){g->kinds, g->kinds & 1u << LT_PII_NAME ? lt_pii_names_new(arena, caller->name) : NULL};
    return &t->head;
}

/* ---- the table ---- */

static size_t slot_of(struct lt_str key, size_t slots)
{
    return (size_t)(lt_hash64(LT_HASH64_START, key.p, key.n) % slots);
}

static void link(uint32_t *table, size_t slots, struct lt_str key, size_t index)
{
    size_t at = slot_of(key, slots);
    while (table[at])
        at = (at + 1) % slots;
    table[at] = (uint32_t)index + 1;
}

static void grow(struct lt_talk *t)
{
    struct lt_arena *arena = t->head.arena;
    size_t cap = t->values_cap ? 4 * t->values_cap : 16;
    struct lt_talk_value *values = LT_NEW_ARRAY(arena, struct lt_talk_value, cap);
    if (t->values_n > 0)
        memcpy(values, t->values, t->values_n * sizeof(*values));
    t->values = values;
    t->values_cap = cap;
    t->by_text = LT_NEW_ARRAY(arena, uint32_t, 2 * cap);
    t->by_placeholder = LT_NEW_ARRAY(arena, uint32_t, 2 * cap);
    for (size_t i = 0; i < t->values_n; i++) {
        if (values[i].text.p)
            link(t->by_text, 2 * cap, values[i].text, i);
        link(t->by_placeholder, 2 * cap, lt_str(values[i].placeholder), i);
    }
}

static struct lt_talk_value *by_placeholder(const struct lt_talk *t, struct lt_str placeholder)
{
    size_t slots = 2 * t->values_cap;
    if (slots == 0)
        return NULL;
    for (size_t at = slot_of(placeholder, slots); t->by_placeholder[at]; at = (at + 1) % slots)
        if (lt_str_is(placeholder, t->values[t->by_placeholder[at] - 1].placeholder))
            return &t->values[t->by_placeholder[at] - 1];
    return NULL;
}

static struct lt_talk_value *by_text(const struct lt_talk *t, struct lt_str text)
{
    size_t slots = 2 * t->values_cap;
    if (slots == 0)
        return NULL;
    for (size_t at = slot_of(text, slots); t->by_text[at]; at = (at + 1) % slots)
        if (lt_str_eq(text, t->values[t->by_text[at] - 1].text))
            return &t->values[t->by_text[at] - 1];
    return NULL;
}

static struct lt_talk_value *add(struct lt_talk *t, struct lt_str placeholder, struct lt_str text)
{
    if (t->values_n == t->values_cap)
        grow(t);
    struct lt_talk_value *v = &t->values[t->values_n];
    *v = (struct lt_talk_value){.text = text.p ? lt_str_copy(t->head.arena, text) : LT_STR_NULL};
    memcpy(v->placeholder, placeholder.p, placeholder.n);
    if (text.p)
        link(t->by_text, 2 * t->values_cap, v->text, t->values_n);
    link(t->by_placeholder, 2 * t->values_cap, placeholder, t->values_n++);
    return v;
}

/* ---- making placeholders ---- */

static void make(const struct lt_talk *t, enum lt_pii_kind kind, struct lt_str text, unsigned try, char out[LT_PLACEHOLDER_MAX + 1])
{
    const struct lt_site_guard *g = (const struct lt_site_guard *)t->head.guard;
    uint8_t mac[LT_MAC_SIZE];
    char tag[LT_PLACEHOLDER_TAG + 1] = "";
    struct lt_str what = lt_printf(t->head.arena, "%lld %zu:%.*s %s %u %.*s", (long long)g->site_id, t->caller->user_id.n, LT_FMT(t->caller->user_id),
                                   lt_pii_name(kind), try, LT_FMT(text));
    lt_keyring_mac(g->head.ring, 0, "guard placeholder", what, mac);
    for (int i = 0; i < LT_PLACEHOLDER_TAG; i++)
        tag[i] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[mac[i] & 31];
    snprintf(out, LT_PLACEHOLDER_MAX + 1, "[%s_%s]", lt_pii_word(kind), tag);
}

/* Two values with one tag are as likely as one in a thousand million; the second gets another. */
static const char *placeholder_of(struct lt_talk *t, enum lt_pii_kind kind, struct lt_str text)
{
    struct lt_talk_value *v = by_text(t, text);
    char placeholder[LT_PLACEHOLDER_MAX + 1];
    if (v)
        return v->placeholder;
    for (unsigned try = 0;; try++) {
        make(t, kind, text, try, placeholder);
        v = by_placeholder(t, lt_str(placeholder));
        if (!v)
            break;
        if (!v->text.p) { /* met in the history, and unknown until now */
            v->text = lt_str_copy(t->head.arena, text);
            link(t->by_text, 2 * t->values_cap, v->text, (size_t)(v - t->values));
            return v->placeholder;
        }
    }
    if (t->values_n >= VALUES_MAX)
        return lt_printf(t->head.arena, "[%s]", lt_pii_word(kind)).p;
    return add(t, lt_str(placeholder), text)->placeholder;
}

/* ---- the store ---- */

static struct lt_str place_of(const struct lt_talk *t, const char *placeholder)
{
    const struct lt_site_guard *g = (const struct lt_site_guard *)t->head.guard;
    return lt_sealed_place_value(t->head.arena, g->site_id, t->caller->user_id, lt_str(placeholder));
}

/* Without waiting: what is not there yet is in memory, and what gets lost leaves a placeholder that nobody can restore. */
static void write_values(struct lt_talk *t)
{
    const struct lt_site_guard *g = (const struct lt_site_guard *)t->head.guard;
    bool keep = t->store && t->caller->user_id.n > 0 && t->caller->site->store_content;
    if (t->written_n == t->values_n || !keep) {
        t->written_n = t->values_n;
        return;
    }
    struct lt_tx *tx = lt_tx_new();
    for (; t->written_n < t->values_n; t->written_n++) {
        const struct lt_talk_value *v = &t->values[t->written_n];
        if (v->text.p)
            LT_TX(tx,
                  "INSERT INTO guard_value (site_id, user_id, placeholder, sealed, used_at) VALUES ($1, $2, $3, $4, $5)"
                  " ON CONFLICT (site_id, user_id, placeholder) DO UPDATE SET used_at = excluded.used_at",
                  LT_INT(g->site_id), LT_TEXT(t->caller->user_id), LT_TEXTZ(v->placeholder),
                  LT_TEXT(lt_seal(g->head.ring, t->head.arena, v->text, place_of(t, v->placeholder))), LT_INT(lt_now_ms()));
    }
    lt_store_post(t->store, tx);
}

static void look_up(struct lt_talk *t, struct lt_str placeholder)
{
    const struct lt_site_guard *g = (const struct lt_site_guard *)t->head.guard;
    struct lt_arena *arena = t->head.arena;
    struct lt_str text = LT_STR_NULL;
    struct lt_rows rows;
    struct lt_error err;
    bool may = t->store && t->caller->user_id.n > 0 && t->lookups < LOOKUPS_MAX;
    if (by_placeholder(t, placeholder) || t->values_n >= VALUES_MAX)
        return;
    t->lookups += may;
    if (may && LT_QUERY(t->store, arena, &rows, &err, "SELECT sealed FROM guard_value WHERE site_id = $1 AND user_id = $2 AND placeholder = $3",
                        LT_INT(g->site_id), LT_TEXT(t->caller->user_id), LT_TEXT(placeholder)) == LT_OK &&
        rows.rows > 0)
        text = lt_guard_open(t->store, arena, lt_rows_str(&rows, 0, 0), place_of(t, lt_strz(arena, placeholder)));
    bool written = t->written_n == t->values_n;
    add(t, placeholder, text);
    if (written)
        t->written_n = t->values_n;
}

static struct lt_str learn_one(void *ctx, struct lt_str placeholder)
{
    look_up(ctx, placeholder);
    return LT_STR_NULL;
}

static struct lt_str learn_text(void *ctx, struct lt_str text)
{
    struct lt_buf nothing;
    if (!memchr(text.p ? text.p : "", '[', text.n))
        return text;
    lt_buf_init(&nothing, TEXT_MAX);
    lt_restore(text, learn_one, ctx, &nothing);
    lt_buf_free(&nothing);
    return text;
}

void lt_talk_learn(struct lt_talk *talk, const struct lt_json *value)
{
    lt_walk_texts(talk->head.arena, value, learn_text, talk);
}

/* ---- veiling ---- */

/* What stands inside of JSON text, where it is restored, must need no escape there. */
static bool harmless(struct lt_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < ' ' || s.p[i] == '"' || s.p[i] == '\\')
            return false;
    return true;
}

static struct lt_str veil_text(void *ctx, struct lt_str text)
{
    struct lt_talk *t = ctx;
    struct lt_pii_find find;
    struct lt_buf out;
    size_t done = 0;
    if (!lt_pii_next(&t->options, text, 0, &find))
        return text;
    lt_buf_init(&out, TEXT_MAX);
    do {
        struct lt_str is = {text.p + find.at, find.n};
        t->found[find.kind]++;
        lt_buf_put(&out, text.p + done, find.at - done);
        lt_buf_put_str(&out, harmless(is) ? lt_str(placeholder_of(t, find.kind, is)) : lt_printf(t->head.arena, "[%s]", lt_pii_word(find.kind)));
        done = find.at + find.n;
    } while (lt_pii_next(&t->options, text, done, &find));
    lt_buf_put(&out, text.p + done, text.n - done);
    struct lt_str made = lt_str_copy(t->head.arena, out.failed ? LT_STR("") : lt_buf_str(&out));
    lt_buf_free(&out);
    return made;
}

const struct lt_json *lt_talk_veil(struct lt_guard_talk *talk, const struct lt_json *value)
{
    struct lt_talk *t = (struct lt_talk *)talk;
    const struct lt_json *made = lt_walk_texts(talk->arena, value, veil_text, t);
    write_values(t);
    return made;
}

struct lt_str lt_talk_veil_text(struct lt_guard_talk *talk, struct lt_str text)
{
    struct lt_str made = veil_text(talk, text);
    write_values((struct lt_talk *)talk);
    return made;
}

static struct lt_str known(void *ctx, struct lt_str placeholder)
{
    const struct lt_talk_value *v = by_placeholder(ctx, placeholder);
    return v ? v->text : LT_STR_NULL;
}

struct lt_str lt_talk_restore(struct lt_guard_talk *talk, struct lt_str text)
{
    struct lt_buf out;
    if (!text.p || !memchr(text.p, '[', text.n))
        return text;
    learn_text(talk, text);
    lt_buf_init(&out, TEXT_MAX);
    struct lt_str made = lt_restore(text, known, talk, &out) ? lt_str_copy(talk->arena, lt_buf_str(&out)) : text;
    lt_buf_free(&out);
    return made;
}

bool lt_talk_restore_piece(struct lt_guard_talk *talk, struct lt_guard_stream *stream, struct lt_str piece, bool last, struct lt_buf *out)
{
    return lt_restore_piece(stream, piece, last, known, talk, out);
}

/* ---- counting ---- */

struct lt_str lt_pii_counts(struct lt_arena *arena, const uint32_t found[LT_PII_COUNT])
{
    struct lt_str list = LT_STR("");
    for (int i = 0; i < LT_PII_COUNT; i++)
        if (found[i])
            list = lt_printf(arena, "%.*s%s\"%s\":%u", LT_FMT(list), list.n ? "," : "", lt_pii_name(i), found[i]);
    return lt_printf(arena, "{%.*s}", LT_FMT(list));
}

struct lt_str lt_pii_words(struct lt_arena *arena, const uint32_t found[LT_PII_COUNT])
{
    struct lt_str list = LT_STR("");
    for (int i = 0; i < LT_PII_COUNT; i++)
        if (found[i])
            list = lt_printf(arena, "%.*s%s%s", LT_FMT(list), list.n ? ", " : "", lt_pii_name(i));
    return list;
}

struct count {
    const struct lt_pii_options *options;
    uint32_t *found;
};

static struct lt_str count_text(void *ctx, struct lt_str text)
{
    const struct count *c = ctx;
    struct lt_pii_find find;
    for (size_t at = 0; lt_pii_next(c->options, text, at, &find); at = find.at + find.n)
        c->found[find.kind]++;
    return text;
}

void lt_pii_count(const struct lt_pii_options *options, const struct lt_json *value, uint32_t found[LT_PII_COUNT])
{
    struct lt_arena *arena = lt_arena_new();
    lt_walk_texts(arena, value, count_text, &(struct count){options, found});
    lt_arena_free(arena);
}

enum lt_code lt_talk_blocked(const struct lt_guard_talk *talk, struct lt_error *err)
{
    const struct lt_talk *t = (const struct lt_talk *)talk;
    const struct lt_site_guard *g = (const struct lt_site_guard *)talk->guard;
    struct lt_str kinds = lt_pii_words(talk->arena, t->found);
    if (g->pii_mode != LT_PII_BLOCK || kinds.n == 0)
        return LT_OK;
    return lt_fail(err, LT_EINPUT_BLOCKED, "personal data are not sent to AI services from here: %.*s", LT_FMT(kinds));
}
