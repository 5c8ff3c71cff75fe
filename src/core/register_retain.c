/* Retention: the oldest calls go with their entries, the oldest contents with their salts. */
#include "core/register_retain.h"

#include "base/clock.h"
#include "core/feedback.h"
#include "core/picture_file.h"
#include "core/period.h"
#include "core/register_record.h"
#include "core/register_seal.h"
#include "core/register_summary.h"
#include "core/sealed.h"
#include "text/json.h"

enum { STEP = 400 /* entries in one transaction */, SITES_MAX = 100000 };
static const int64_t day_ms = 24 * 3600 * 1000;

struct retention {
    struct lt_store *store;
    struct lt_arena *arena; /* of a step */
    struct lt_keyring *ring;
    struct lt_register_reader *reader;
    struct lt_register_retained *done;
    struct lt_error *err;
    int64_t site_id, now;
    int64_t calls_before, contents_before; /* by the times in the ids of calls, 0: never */
    struct lt_str zone;
};

static bool is_old(const struct lt_register_entry *e, int64_t before)
{
    return !e->has_call || lt_register_time(e->call_id) < before;
}

/* The entries behind seq, at most STEP of them. */
static enum lt_code read_entries(struct retention *t, int64_t seq, struct lt_register_entry *entries, size_t *ret_n)
{
    struct lt_rows r;
    if (LT_QUERY(t->store, t->arena, &r, t->err, LT_REGISTER_ENTRY "WHERE site_id = $1 AND seq > $2 ORDER BY seq LIMIT 400", LT_INT(t->site_id),
                 LT_INT(seq)))
        return t->err->code;
    *ret_n = r.rows < STEP ? r.rows : STEP;
    for (size_t i = 0; i < *ret_n; i++)
        lt_register_read_entry(&r, i, &entries[i]);
    return LT_OK;
}

/* ---- calls ---- */

static enum lt_code find_anchor(struct retention *t, struct lt_register_head *ret)
{
    struct lt_register_head *anchors;
    size_t n;
    if (lt_register_anchors(t->store, t->arena, t->site_id, &anchors, &n, t->err))
        return t->err->code;
    *ret = n > 0 ? anchors[0] : (struct lt_register_head){.site_id = t->site_id};
    if (n > 0 && !lt_register_signed(t->ring, LT_REGISTER_ANCHOR, ret, NULL))
        return lt_fail(t->err, LT_ECONFLICT, "the anchor of site %lld has a wrong signature: nothing is removed", (long long)t->site_id);
    return LT_OK;
}

/* How many of them can go: the oldest, up to a call, and only as far as the chain is whole; what was tampered with is not made to vanish. */
static enum lt_code count_old(struct retention *t, const struct lt_register_head *anchor, const struct lt_register_entry *entries, size_t n,
                              size_t *ret)
{
    const uint8_t *previous = anchor->hash;
    uint8_t hash[LT_REGISTER_HASH];
    *ret = 0;
    for (size_t i = 0; i < n && is_old(&entries[i], t->calls_before); i++) {
        lt_register_entry_hash(&entries[i], previous, hash);
        if (entries[i].seq != anchor->seq + 1 + (int64_t)i || memcmp(hash, entries[i].hash, sizeof(hash)) != 0)
            return lt_fail(t->err, LT_ECONFLICT, "the chain of site %lld is not whole at entry %lld: nothing is removed from there on",
                           (long long)t->site_id,
                           (long long)anchor->seq + 1 + (long long)i);
        previous = entries[i].hash;
        if (entries[i].has_call)
            *ret = i + 1;
    }
    return LT_OK;
}

static enum lt_code remove_call(struct retention *t, struct lt_tx *tx, struct lt_uuid id)
{
    static const char *const tables[] = {
        "DELETE FROM ai_call_attempt WHERE call_id = $1",  "DELETE FROM ai_call_checkpoint WHERE call_id = $1",
        "DELETE FROM ai_call_end WHERE call_id = $1",      "DELETE FROM tool_call WHERE call_id = $1",
        "DELETE FROM register_pending WHERE call_id = $1", "DELETE FROM register_erasure WHERE call_id = $1",
        "DELETE FROM ai_call_feedback WHERE call_id = $1",
        "DELETE FROM tool_approval WHERE call_id = $1",
        "DELETE FROM answer_cache WHERE call_id = $1",
        "DELETE FROM answer_cache_hit WHERE call_id = $1",    "DELETE FROM guard_verdict WHERE call_id = $1",
        LT_PICTURE_FORGET,
        "DELETE FROM ai_call WHERE id = $1",
    };
    size_t n;
    const struct lt_register_table *actions = lt_register_tables(t->reader, &n);
    if (lt_register_summarise(t->store, t->arena, tx, t->zone, id, t->err))
        return t->err->code;
    for (size_t i = 0; i < n; i++)
        LT_TX(tx, actions[i].remove, LT_BLOB(id.b, 16));
    for (size_t i = 0; i < LT_COUNT(tables); i++)
        LT_TX(tx, tables[i], LT_BLOB(id.b, 16));
    return LT_OK;
}

/* From here the chain begins. */
static void set_anchor(struct retention *t, struct lt_tx *tx, struct lt_register_head *anchor, const struct lt_register_entry *last, int64_t calls)
{
    anchor->seq = last->seq;
    anchor->calls += calls;
    anchor->at = t->now;
    memcpy(anchor->hash, last->hash, LT_REGISTER_HASH);
    lt_register_sign(t->ring, LT_REGISTER_ANCHOR, anchor);
    LT_TX(tx, "DELETE FROM register_seal WHERE site_id = $1 AND seq <= $2", LT_INT(t->site_id), LT_INT(anchor->seq));
    LT_TX(tx,
          "INSERT INTO register_anchor (site_id, seq, calls, hash, at, key_id, mac) VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (site_id) DO"
          " UPDATE SET"
          " seq = excluded.seq, calls = excluded.calls, hash = excluded.hash, at = excluded.at, key_id = excluded.key_id, mac = excluded.mac",
          LT_INT(t->site_id), LT_INT(anchor->seq), LT_INT(anchor->calls), LT_BLOB(anchor->hash, LT_REGISTER_HASH), LT_INT(anchor->at),
          LT_TEXTZ(anchor->key_id), LT_BLOB(anchor->mac, LT_MAC_SIZE));
}

static enum lt_code fill_calls(struct retention *t, struct lt_tx *tx, int64_t *ret_calls, size_t *ret_n)
{
    struct lt_register_entry *entries = LT_NEW_ARRAY(t->arena, struct lt_register_entry, STEP);
    struct lt_register_end end = {.head.site_id = t->site_id};
    struct lt_register_head anchor;
    size_t n;
    if (lt_register_find_ends(t->store, t->arena, &end, 1, t->err) || find_anchor(t, &anchor) || read_entries(t, anchor.seq, entries, &n) ||
        count_old(t, &anchor, entries, n, ret_n))
        return t->err->code;
    if (*ret_n == 0)
        return LT_OK;
    for (size_t i = 0; i < *ret_n; i++)
        if (entries[i].kind == LT_REGISTER_BEGIN) {
            ++*ret_calls;
            if (remove_call(t, tx, entries[i].call_id))
                return t->err->code;
        }
    set_anchor(t, tx, &anchor, &entries[*ret_n - 1], *ret_calls);
    lt_register_move_head(tx, t->ring, &end, lt_now_ms()); /* it stays where it is: nobody else may move it meanwhile */
    return LT_OK;
}

/* *ret_any: there may be others. */
static enum lt_code remove_calls(struct retention *t, bool *ret_any)
{
    int64_t calls = 0;
    size_t n = 0;
    struct lt_tx *tx = lt_tx_new();
    enum lt_code rc = fill_calls(t, tx, &calls, &n);
    if (rc || n == 0)
        lt_tx_discard(tx);
    else
        rc = lt_store_write(t->store, tx, t->err);
    *ret_any = !rc && n > 0;
    t->done->calls += rc ? 0 : calls;
    return rc;
}

/* ---- contents ---- */

/* Erased calls have none: what is left of them stands under their erasure. */
#define NOT_ERASED " AND NOT EXISTS (SELECT 1 FROM register_erasure x WHERE x.call_id = $1)"

static void remove_content(struct retention *t, struct lt_tx *tx, const struct lt_register_entry *e)
{
    static const char *const end[] = {
        "UPDATE ai_call_end SET detail = '', partial = '' WHERE call_id = $1" NOT_ERASED,
        "UPDATE ai_call_attempt SET detail = '' WHERE call_id = $1" NOT_ERASED,
        "DELETE FROM ai_call_checkpoint WHERE call_id = $1" NOT_ERASED,
        "UPDATE tool_approval SET arguments = '' WHERE call_id = $1" NOT_ERASED,
        "DELETE FROM answer_cache WHERE call_id = $1" NOT_ERASED,
        LT_PICTURE_FORGET,
        "UPDATE register_seal SET salt = NULL WHERE call_id = $1 AND kind = 2" NOT_ERASED,
    };
    static const char *const tools[] = {
        "UPDATE tool_call SET arguments = '' WHERE call_id = $1" NOT_ERASED,
        "UPDATE register_seal SET salt = NULL WHERE call_id = $1 AND kind = 3" NOT_ERASED,
    };
    size_t n;
    const struct lt_register_table *actions = lt_register_tables(t->reader, &n);
    const char *const *statements = e->kind == LT_REGISTER_END ? end : tools;
    for (size_t i = 0; i < (e->kind == LT_REGISTER_END ? LT_COUNT(end) : LT_COUNT(tools)); i++)
        LT_TX(tx, statements[i], LT_BLOB(e->call_id.b, 16));
    for (size_t i = 0; e->kind == LT_REGISTER_END && i < n; i++)
        lt_tx_add(tx, lt_printf(t->arena, "%s" NOT_ERASED, actions[i].remove).p, (const struct lt_value[]){LT_BLOB(e->call_id.b, 16)}, 1);
}

/* How far contents were removed: only where to go on, so it is not signed. */
static struct lt_str cursor_name(struct retention *t)
{
    return lt_printf(t->arena, "register_aged_%lld", (long long)t->site_id);
}

static enum lt_code fill_contents(struct retention *t, struct lt_tx *tx, int64_t *ret_contents, size_t *ret_n)
{
    struct lt_register_entry *entries = LT_NEW_ARRAY(t->arena, struct lt_register_entry, STEP);
    struct lt_register_entry aged = {.kind = LT_REGISTER_AGED};
    struct lt_register_end end = {.head.site_id = t->site_id};
    struct lt_rows r;
    size_t n;
    if (lt_register_find_ends(t->store, t->arena, &end, 1, t->err) ||
        LT_QUERY(t->store, t->arena, &r, t->err, "SELECT value FROM meta WHERE name = $1", LT_TEXT(cursor_name(t))) ||
        read_entries(t, r.rows > 0 ? lt_rows_int(&r, 0, 0) : 0, entries, &n))
        return t->err->code;
    for (*ret_n = 0; *ret_n < n && is_old(&entries[*ret_n], t->contents_before); ++*ret_n) {
        const struct lt_register_entry *e = &entries[*ret_n];
        if (!e->salted || (e->kind != LT_REGISTER_END && e->kind != LT_REGISTER_TOOLS))
            continue;
        remove_content(t, tx, e);
        ++*ret_contents;
    }
    while (*ret_n > 0 && !entries[*ret_n - 1].has_call)
        --*ret_n; /* else the entry of this step would be the next one's work */
    if (*ret_n == 0)
        return LT_OK;
    aged.through = entries[*ret_n - 1].seq;
    LT_TX(tx, "INSERT INTO meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value", LT_TEXT(cursor_name(t)),
          LT_INT(aged.through));
    if (*ret_contents == 0)
        return LT_OK;
    lt_register_meta_hash(LT_STR(""), aged.meta_hash);
    lt_register_content_hash(NULL, LT_STR(""), aged.content_hash);
    lt_register_append(tx, &end, &aged);
    lt_register_move_head(tx, t->ring, &end, lt_now_ms());
    return LT_OK;
}

static enum lt_code remove_contents(struct retention *t, bool *ret_any)
{
    int64_t contents = 0;
    size_t n = 0;
    struct lt_tx *tx = lt_tx_new();
    enum lt_code rc = fill_contents(t, tx, &contents, &n);
    if (rc || n == 0)
        lt_tx_discard(tx);
    else
        rc = lt_store_write(t->store, tx, t->err);
    *ret_any = !rc && n > 0;
    t->done->contents += rc ? 0 : contents;
    return rc;
}

/* A comment may be written long after its call was passed here, so all are looked at; what stands behind placeholders belongs to no one call. */
static enum lt_code remove_comments(struct retention *t)
{
    struct lt_tx *tx = lt_tx_new();
    lt_feedback_tx_age(tx, t->site_id, t->contents_before);
    LT_TX(tx, "DELETE FROM guard_value WHERE site_id = $1 AND used_at < $2", LT_INT(t->site_id), LT_INT(t->contents_before)); /* guard/talk.c */
    return lt_store_write(t->store, tx, t->err);
}

/* ---- sites ---- */

/* Calls first: of one that is removed whole no content needs to be. */
static enum lt_code retain_site(struct retention *t, uint64_t deadline_ms)
{
    enum lt_code (*const steps[])(struct retention *, bool *) = {remove_calls, remove_contents};
    const bool wanted[] = {t->calls_before > 0, t->contents_before > 0};
    if (t->contents_before > 0 && remove_comments(t))
        return t->err->code;
    for (size_t i = 0; i < LT_COUNT(steps); i++)
        for (bool any = wanted[i]; any;) {
            if (lt_mono_ms() >= deadline_ms) {
                t->done->more = true;
                return LT_OK;
            }
            t->arena = lt_arena_new();
            enum lt_code rc = steps[i](t, &any);
            lt_arena_free(t->arena);
            if (rc)
                return rc;
        }
    return LT_OK;
}

static enum lt_code retain_sites(struct retention *t, struct lt_arena *arena, const struct lt_rows *sites, uint64_t deadline_ms)
{
    enum lt_code rc = LT_OK;
    struct lt_error first;
    for (size_t i = 0; i < sites->rows; i++) {
        const struct lt_json *v = NULL;
        lt_json_parse(arena, lt_rows_str(sites, i, 1), LT_JSON_STRICT, &v, NULL);
        int64_t calls = lt_json_int64_or(lt_json_get(v, "register_keep_days"), 0), contents = lt_json_int64_or(lt_json_get(v, "content_keep_days"),
            0);
        t->site_id = lt_rows_int(sites, i, 0);
        t->calls_before = calls > 0 ? t->now - calls * day_ms : 0;
        t->contents_before = contents > 0 ? t->now - contents * day_ms : 0;
        t->zone = lt_json_str_or(lt_json_get(v, "time_zone"), LT_STR("UTC"));
        if (retain_site(t, deadline_ms) && !rc) { /* the others all the same */
            first = *t->err;
            rc = first.code;
        }
    }
    if (rc)
        *t->err = first;
    return rc;
}

enum lt_code lt_register_retain(struct lt_store *store, int64_t site_id, int64_t now, uint64_t deadline_ms, struct lt_register_retained *ret,
                                struct lt_error *err)
{
    struct retention t = {.store = store, .done = ret, .err = err, .now = now};
    struct lt_arena *arena = lt_arena_new();
    struct lt_rows sites;
    *ret = (struct lt_register_retained){0};
    enum lt_code rc = lt_store_query(store, arena, "SELECT id, settings FROM site WHERE $1 < 0 OR id = $1 ORDER BY id",
                                     (const struct lt_value[]){LT_INT(site_id)}, 1, SITES_MAX, &sites, err);
    bool any = !rc && sites.rows > 0; /* before the first site there need be no master key */
    if (any)
        rc = lt_secrets_ring(store, false, &t.ring, err);
    if (any && !rc)
        rc = lt_register_reader_new(store, &t.reader, err);
    if (any && !rc)
        rc = retain_sites(&t, arena, &sites, deadline_ms);
    lt_register_reader_free(t.reader);
    lt_keyring_free(t.ring);
    lt_arena_free(arena);
    return rc ? lt_error_wrap(err, "retention of the register") : LT_OK;
}
