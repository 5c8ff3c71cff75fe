/* Where a chain begins and ends. */
#include "core/register_verify_private.h"

static void check_signature(struct lt_verify *v, const char *purpose, const char *what, const struct lt_register_head *h)
{
    bool known;
    if (lt_register_signed(v->ring, purpose, h, &known))
        return;
    if (known || !v->ring)
        lt_verify_found(v, what, h->seq, NULL, "its signature is wrong%s", v->ring ? "" : ": there is no master key to check it with");
    else
        lt_verify_found(v, what, h->seq, NULL, "it was signed with master key %s, which is not there", h->key_id);
}

/* Also when retention has gone on while we walk. */
enum lt_code lt_verify_anchor(struct lt_verify *v)
{
    struct lt_arena *arena = lt_arena_new();
    struct lt_register_head *anchors;
    size_t n;
    enum lt_code rc = lt_register_anchors(v->check->store, arena, v->site_id, &anchors, &n, v->err);
    if (!rc) {
        struct lt_register_head before = v->anchor;
        v->anchor = n > 0 ? anchors[0] : (struct lt_register_head){.site_id = v->site_id};
        if (n > 0 && v->anchor.seq != before.seq)
            check_signature(v, LT_REGISTER_ANCHOR, "anchor_wrong", &v->anchor);
    }
    lt_arena_free(arena);
    return rc;
}

static void check_end(struct lt_verify *v, const struct lt_register_head *head)
{
    check_signature(v, LT_REGISTER_HEAD, "head_wrong", head);
    if (head->seq < v->seq)
        lt_verify_found(v, "head_wrong", head->seq, NULL, "the head says that entry %lld is the last, and there is entry %lld", (long long)head->seq,
                        (long long)v->seq);
    else if (head->seq > v->seq)
        lt_verify_found(v, "truncated", v->seq + 1, NULL, "entries %lld to %lld are not there", (long long)v->seq + 1, (long long)head->seq);
    else if (v->hash_known && memcmp(head->hash, v->hash, LT_REGISTER_HASH) != 0)
        lt_verify_found(v, "head_wrong", head->seq, NULL, "the head has another hash than the last entry");
}

/* The file may be behind, never before the database; and what it has must be in the chain. */
static void check_file(struct lt_verify *v, int64_t last)
{
    const struct lt_register_head *f = v->file_head;
    if (!f || f->seq == 0)
        return;
    if (f->seq > last)
        lt_verify_found(v, "truncated", last + 1, NULL, "the head file knows %lld entries, the database %lld: it was cut, or is an older copy",
                        (long long)f->seq, (long long)last);
    else if (f->seq > v->anchor.seq && !v->file_head_seen)
        lt_verify_found(v, "head_file_wrong", f->seq, NULL, "entry %lld, which the head file knows, is not there", (long long)f->seq);
}

enum lt_code lt_verify_head(struct lt_verify *v, bool *ret_more)
{
    struct lt_arena *arena = lt_arena_new();
    struct lt_register_head *heads;
    struct lt_rows r;
    size_t n;
    *ret_more = false;
    enum lt_code rc = lt_register_heads(v->check->store, arena, v->site_id, &heads, &n, v->err);
    if (!rc)
        rc = LT_QUERY(v->check->store, arena, &r, v->err, "SELECT 1 FROM register_seal WHERE site_id = $1 AND seq > $2 LIMIT 1", LT_INT(v->site_id),
                      LT_INT(v->seq));
    if (!rc && r.rows > 0) {
        *ret_more = true;
    } else if (!rc) {
        if (n > 0)
            check_end(v, &heads[0]);
        else if (v->seq > 0)
            lt_verify_found(v, "head_missing", v->seq, NULL, "the chain has entries and no head");
        check_file(v, n > 0 && heads[0].seq < v->seq ? heads[0].seq : v->seq);
    }
    lt_arena_free(arena);
    return rc;
}
