/* Extending a chain: where it ends, an entry more, a new head. */
#include "core/register_seal.h"

enum lt_code lt_register_find_end(struct lt_store *store, struct lt_arena *arena, int64_t site_id, struct lt_register_end *ret, struct lt_error *err)
{
    struct lt_register_head *heads, *anchors;
    size_t n, anchors_n;
    struct lt_rows r;
    *ret = (struct lt_register_end){.head.site_id = site_id};
    if (lt_register_heads(store, arena, site_id, &heads, &n, err) || lt_register_anchors(store, arena, site_id, &anchors, &anchors_n, err) ||
        LT_QUERY(store, arena, &r, err, "SELECT seq, hash FROM register_seal WHERE site_id = $1 ORDER BY seq DESC LIMIT 1", LT_INT(site_id)))
        return lt_error_wrap(err, "register");
    if (n > 0) {
        ret->head = heads[0];
        ret->has_head = true;
        ret->seq = heads[0].seq;
        memcpy(ret->hash, heads[0].hash, LT_REGISTER_HASH);
    } else if (anchors_n > 0) {
        ret->seq = anchors[0].seq;
        memcpy(ret->hash, anchors[0].hash, LT_REGISTER_HASH);
    }
    struct lt_str hash = r.rows > 0 ? lt_rows_str(&r, 0, 1) : LT_STR("");
    if (r.rows > 0 && lt_rows_int(&r, 0, 0) > ret->seq && hash.n == LT_REGISTER_HASH) {
        ret->seq = lt_rows_int(&r, 0, 0);
        memcpy(ret->hash, hash.p, LT_REGISTER_HASH);
    }
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
