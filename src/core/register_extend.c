/* Extending a chain: where it ends, an entry more, a new head. */
#include "core/register_seal.h"

enum { SITES = 64 /* in one statement */ };
#define ALL_SITES \
    "($1), ($2), ($3), ($4), ($5), ($6), ($7), ($8), ($9), ($10), ($11), ($12), ($13), ($14), ($15), ($16), ($17), ($18), ($19), ($20), " \
    "($21), ($22), ($23), ($24), ($25), ($26), ($27), ($28), ($29), ($30), ($31), ($32), ($33), ($34), ($35), ($36), ($37), ($38), ($39), ($40), " \
    "($41), ($42), ($43), ($44), ($45), ($46), ($47), ($48), ($49), ($50), ($51), ($52), ($53), ($54), ($55), ($56), ($57), ($58), ($59), ($60), " \
    "($61), ($62), ($63), ($64)"
/* Of each site its head, its anchor and its last entry, which is found by the key alone. */
#define ENDS(sites) \
    "SELECT t.column1, h.seq, h.calls, h.hash, h.at, h.key_id, h.mac, h.version, a.seq, a.hash, s.seq, s.hash FROM (VALUES " sites ") t" \
    " LEFT JOIN register_head h ON h.site_id = t.column1 LEFT JOIN register_anchor a ON a.site_id = t.column1" \
    " LEFT JOIN register_seal s ON s.site_id = t.column1 AND s.seq = (SELECT MAX(x.seq) FROM register_seal x WHERE x.site_id = t.column1)"

static void move_to(struct lt_register_end *end, const struct lt_rows *r, size_t i, size_t seq, size_t hash)
{
    struct lt_str bytes = lt_rows_str(r, i, hash);
    end->seq = lt_rows_int(r, i, seq);
    memset(end->hash, 0, LT_REGISTER_HASH);
    memcpy(end->hash, bytes.p, bytes.n < LT_REGISTER_HASH ? bytes.n : LT_REGISTER_HASH);
}

static void read_end(const struct lt_rows *r, size_t i, struct lt_register_end *ret)
{
    enum { HEAD = 1, HEAD_HASH = 3, ANCHOR = 8, LAST = 10 };
    *ret = (struct lt_register_end){.head.site_id = lt_rows_int(r, i, 0), .has_head = lt_rows_at(r, i, HEAD)->type != LT_V_NULL};
    if (ret->has_head) {
        lt_register_read_head(r, i, &ret->head);
        move_to(ret, r, i, HEAD, HEAD_HASH);
    } else if (lt_rows_at(r, i, ANCHOR)->type != LT_V_NULL) {
        move_to(ret, r, i, ANCHOR, ANCHOR + 1);
    }
    if (lt_rows_int(r, i, LAST) > ret->seq && lt_rows_str(r, i, LAST + 1).n == LT_REGISTER_HASH)
        move_to(ret, r, i, LAST, LAST + 1);
}

/* What is left of the statement's values is filled up with the last site. */
static enum lt_code find_some(struct lt_store *store, struct lt_arena *arena, struct lt_register_end *ends, size_t n, struct lt_error *err)
{
    struct lt_rows r;
    struct lt_value sites[SITES];
    for (size_t i = 0; i < SITES; i++)
        sites[i] = LT_INT(ends[i < n ? i : n - 1].head.site_id);
    if (lt_store_query(store, arena, n == 1 ? ENDS("($1)") : ENDS(ALL_SITES), sites, n == 1 ? 1 : SITES, 0, &r, err))
        return lt_error_wrap(err, "register");
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < r.rows; k++)
            if (lt_rows_int(&r, k, 0) == sites[i].i) {
                read_end(&r, k, &ends[i]);
                break;
            }
    return LT_OK;
}

enum lt_code lt_register_find_ends(struct lt_store *store, struct lt_arena *arena, struct lt_register_end *ends, size_t n, struct lt_error *err)
{
    for (size_t i = 0; i < n; i += SITES)
        if (find_some(store, arena, ends + i, n - i < SITES ? n - i : SITES, err))
            return err->code;
    return LT_OK;
}

void lt_register_append(struct lt_tx *tx, struct lt_register_end *end, struct lt_register_entry *e)
{
    e->site_id = end->head.site_id;
    e->seq = ++end->seq;
    lt_register_entry_hash(e, end->hash, e->hash);
    memcpy(end->hash, e->hash, LT_REGISTER_HASH);
    end->head.calls += e->kind == LT_REGISTER_BEGIN;
    LT_TX(tx,
          "INSERT INTO register_seal (site_id, seq, kind, call_id, through, meta_hash, content_hash, salt, hash)"
          " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
          LT_INT(e->site_id), LT_INT(e->seq), LT_INT(e->kind), e->has_call ? LT_BLOB(e->call_id.b, 16) : LT_NULL, lt_value_known_int(e->through),
          LT_BLOB(e->meta_hash, LT_REGISTER_HASH), LT_BLOB(e->content_hash, LT_REGISTER_HASH),
          e->salted ? LT_BLOB(e->salt, LT_REGISTER_HASH) : LT_NULL,
          LT_BLOB(e->hash, LT_REGISTER_HASH));
}

void lt_register_move_head(struct lt_tx *tx, const struct lt_keyring *ring, struct lt_register_end *end, int64_t now)
{
    struct lt_register_head *h = &end->head;
    h->seq = end->seq;
    h->at = now;
    memcpy(h->hash, end->hash, LT_REGISTER_HASH);
    lt_register_sign(ring, LT_REGISTER_HEAD, h);
    const struct lt_value values[] = {LT_INT(h->seq), LT_INT(h->calls), LT_BLOB(h->hash, LT_REGISTER_HASH), LT_INT(h->at), LT_TEXTZ(h->key_id),
                                      LT_BLOB(h->mac, LT_MAC_SIZE), LT_INT(h->version + 1), LT_INT(h->site_id), LT_INT(h->version)};
    if (end->has_head)
        lt_tx_add(tx, "UPDATE register_head SET seq = $1, calls = $2, hash = $3, at = $4, key_id = $5, mac = $6, version = $7"
                      " WHERE site_id = $8 AND version = $9", values, LT_COUNT(values));
    else
        lt_tx_add(tx, "INSERT INTO register_head (seq, calls, hash, at, key_id, mac, version, site_id) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
                  values, LT_COUNT(values) - 1);
    lt_tx_expect(tx, 1);
    h->version++;
    end->has_head = true;
}
