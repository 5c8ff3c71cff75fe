/* Walking the chains. */
#include "core/register_verify.h"

#include <stdarg.h>
#include <stdio.h>

#include "core/register_verify_private.h"
#include "core/sealed.h"

enum { PAGE = 500, LOOKS = 3 };

void lt_verify_found(struct lt_verify *v, const char *what, int64_t seq, const struct lt_uuid *call, const char *format, ...)
{
    struct lt_register_finding f = {.what = what, .site_id = v->site_id, .seq = seq};
    va_list args;
    if (call)
        lt_uuid_format(*call, f.call_id);
    va_start(args, format);
    vsnprintf(f.detail, sizeof(f.detail), format, args);
    va_end(args);
    v->verdict->findings++;
    if (v->check->found)
        v->check->found(v->check->ctx, &f);
}

/* ---- reading entries ---- */

#define ENTRY LT_REGISTER_ENTRY "WHERE site_id = $1 AND "

/* Does the query have a row? */
static enum lt_code there(struct lt_verify *v, const char *sql, const struct lt_value *values, size_t n, bool *ret)
{
    struct lt_arena *arena = lt_arena_new();
    struct lt_rows r;
    enum lt_code rc = lt_store_query(v->check->store, arena, sql, values, n, 1, &r, v->err);
    *ret = !rc && r.rows > 0;
    lt_arena_free(arena);
    return rc;
}

static enum lt_code call_has(struct lt_verify *v, const char *sql, struct lt_uuid call, bool *ret)
{
    return there(v, sql, (const struct lt_value[]){LT_BLOB(call.b, 16)}, 1, ret);
}

/* ---- one record ---- */

enum outcome { RIGHT, GONE /* with its call, by age */, DELETED, META, CONTENT, NO_SALT, NOT_BLANK, BAD_KIND };

static enum outcome without_salt(const struct lt_register_page *page, const struct lt_register_entry *e, const struct lt_register_record *record,
                                 bool *ret_erased)
{
    *ret_erased = lt_register_page_erased(page, e->call_id, e->kind);
    if (*ret_erased)
        return e->kind == LT_REGISTER_ERASED ? NO_SALT : RIGHT; /* what is left of it stands under the entry of its erasure */
    if (e->kind != LT_REGISTER_END && e->kind != LT_REGISTER_TOOLS)
        return NO_SALT;
    return record->blank ? RIGHT : NOT_BLANK;
}

static enum lt_code compare(struct lt_verify *v, struct lt_register_page *page, const struct lt_register_entry *e, enum outcome *ret, bool *ret_erased)
{
    struct lt_register_record record;
    uint8_t hash[LT_REGISTER_HASH];
    bool begun;
    *ret_erased = false;
    lt_register_page_record(page, e, &record);
    if (!record.there) {
        if (call_has(v, "SELECT 1 FROM register_seal WHERE call_id = $1 AND kind = 1", e->call_id, &begun))
            return v->err->code;
        *ret = begun || v->anchor.seq == 0 ? DELETED : GONE;
        return LT_OK;
    }
    lt_register_meta_hash(record.meta, hash);
    if (memcmp(hash, e->meta_hash, sizeof(hash)) != 0) {
        *ret = META;
        return LT_OK;
    }
    if (!e->salted) {
        *ret = without_salt(page, e, &record, ret_erased);
        return LT_OK;
    }
    lt_register_content_hash(e->salt, record.content, hash);
    *ret = memcmp(hash, e->content_hash, sizeof(hash)) == 0 ? RIGHT : CONTENT;
    return LT_OK;
}

/* The entry as it is now, and its record, which is read behind it. *ret_gone: by age, with its call. */
static enum lt_code read_again(struct lt_verify *v, struct lt_register_entry *e, bool *ret_gone)
{
    struct lt_arena *arena = lt_arena_new();
    struct lt_rows r;
    size_t n;
    enum lt_code rc = LT_QUERY(v->check->store, arena, &r, v->err, ENTRY "seq = $2", LT_INT(e->site_id), LT_INT(e->seq));
    bool there = !rc && r.rows > 0;
    if (there)
        lt_register_read_entry(&r, 0, e);
    lt_arena_free(arena);
    if (!rc && !there)
        rc = lt_verify_anchor(v);
    *ret_gone = !rc && !there && e->seq <= v->anchor.seq;
    return rc || *ret_gone ? rc : lt_register_page_read(v->again, e, 1, &n, v->err);
}

/* Erasing and retention may go on beside us: what seems wrong is looked at again, from its entry on. */
static enum lt_code look(struct lt_verify *v, struct lt_register_entry *e, enum outcome *ret, bool *ret_erased)
{
    if (compare(v, v->page, e, ret, ret_erased))
        return v->err->code;
    for (int looks = 1; looks < LOOKS && *ret != RIGHT && *ret != GONE; looks++) {
        bool gone;
        if (read_again(v, e, &gone))
            return v->err->code;
        if (gone)
            *ret = GONE;
        else if (compare(v, v->again, e, ret, ret_erased))
            return v->err->code;
    }
    return LT_OK;
}

static void tell(struct lt_verify *v, const struct lt_register_entry *e, enum outcome outcome)
{
    static const char *const meta[] = {"", "ai_call", "ai_call_end or ai_call_attempt", "tool_call", "register_erasure"};
    static const char *const content[] = {"", "ai_call (user_id)", "ai_call_end, ai_call_attempt, ai_call_checkpoint or the table of its action",
        "tool_call",
                                          "what an erasure has left"};
    const char *kind = lt_register_kind_name(e->kind);
    switch (outcome) {
    case RIGHT:
    case GONE:
        return;
    case DELETED:
        lt_verify_found(v, "record_deleted", e->seq, &e->call_id, "the record '%s' is not there: %s", kind, meta[e->kind]);
        return;
    case META:
        lt_verify_found(v, "record_changed", e->seq, &e->call_id, "the record '%s' was changed: %s", kind, meta[e->kind]);
        return;
    case CONTENT:
        lt_verify_found(v, "record_changed", e->seq, &e->call_id, "the content of '%s' was changed: %s", kind, content[e->kind]);
        return;
    case NO_SALT:
        lt_verify_found(v, "salt_missing", e->seq, &e->call_id, "the salt of '%s' is gone, and no erasure says why", kind);
        return;
    case NOT_BLANK:
        lt_verify_found(v, "salt_missing", e->seq, &e->call_id, "the salt of '%s' is gone, its content is not", kind);
        return;
    case BAD_KIND:
        lt_verify_found(v, "seal_changed", e->seq, NULL, "it is of no known kind");
        return;
    }
}

static enum lt_code check_record(struct lt_verify *v, struct lt_register_entry *e)
{
    enum outcome outcome = RIGHT;
    bool erased = false;
    if (!e->has_call || e->kind < LT_REGISTER_BEGIN || e->kind > LT_REGISTER_ERASED)
        outcome = BAD_KIND;
    else if (look(v, e, &outcome, &erased))
        return v->err->code;
    tell(v, e, outcome);
    v->verdict->calls += e->kind == LT_REGISTER_BEGIN;
    if (outcome == RIGHT && !e->salted) {
        v->verdict->erased += erased;
        v->verdict->aged += !erased;
        if (!erased)
            v->last_aged = e->seq;
    }
    return LT_OK;
}

/* ---- one entry ---- */

static void note_bad(struct lt_verify *v, const struct lt_register_entry *e)
{
    lt_verify_found(v, "seal_changed", e->seq, e->has_call ? &e->call_id : NULL, "its hash is not the one of its parts and of the entry before it");
    if (v->bad_n == LT_VERIFY_BAD_MAX)
        return;
    v->bad[v->bad_n].entry = *e;
    memcpy(v->bad[v->bad_n++].previous, v->hash, LT_REGISTER_HASH);
}

static void check_hash(struct lt_verify *v, const struct lt_register_entry *e)
{
    uint8_t hash[LT_REGISTER_HASH];
    lt_register_entry_hash(e, v->hash, hash);
    if (v->hash_known && memcmp(hash, e->hash, sizeof(hash)) != 0)
        note_bad(v, e);
    v->hash_known = true;
    memcpy(v->hash, e->hash, LT_REGISTER_HASH);
    if (v->file_head && v->file_head->seq == e->seq) {
        v->file_head_seen = true;
        if (memcmp(v->file_head->hash, e->hash, LT_REGISTER_HASH) != 0)
            lt_verify_found(v, "head_file_wrong", e->seq, NULL, "the head file has another hash for this entry");
    }
}

/* Where a row is missing: removed by age meanwhile, or by somebody. */
static enum lt_code check_gap(struct lt_verify *v, const struct lt_register_entry *e)
{
    if (e->seq == v->seq + 1)
        return LT_OK;
    if (lt_verify_anchor(v))
        return v->err->code;
    if (e->seq == v->anchor.seq + 1) {
        memcpy(v->hash, v->anchor.hash, LT_REGISTER_HASH);
        v->hash_known = true;
        return LT_OK;
    }
    lt_verify_found(v, "gap", v->seq + 1, NULL, "entries %lld to %lld are not there", (long long)v->seq + 1, (long long)e->seq - 1);
    v->hash_known = false;
    return LT_OK;
}

static enum lt_code check_entry(struct lt_verify *v, struct lt_register_entry *e)
{
    if (check_gap(v, e))
        return v->err->code;
    check_hash(v, e);
    v->seq = e->seq;
    v->verdict->entries++;
    if (e->kind == LT_REGISTER_AGED) {
        if (e->through > v->aged_through)
            v->aged_through = e->through;
        return LT_OK;
    }
    if (e->kind == LT_REGISTER_BREAK) {
        lt_verify_found(v, "break", e->seq, NULL, "when the daemon came here, its head file did not fit the database: %s%lld entries were known",
                        e->through ? "" : "it was missing or forged, ", (long long)(e->through < 0 ? 0 : e->through));
        return LT_OK;
    }
    return check_record(v, e);
}

/* The entries, and what belongs to them, a page after the other. */
static enum lt_code check_entries(struct lt_verify *v, struct lt_register_entry *entries, size_t n)
{
    for (size_t i = 0, end; i < n; i = end) {
        if (lt_register_page_read(v->page, entries + i, n - i, &end, v->err))
            return v->err->code;
        for (end += i; i < end; i++)
            if (check_entry(v, &entries[i]))
                return v->err->code;
    }
    return LT_OK;
}

static enum lt_code walk_chain(struct lt_verify *v)
{
    for (bool more = true; more;) {
        struct lt_arena *arena = lt_arena_new();
        struct lt_rows r;
        enum lt_code rc = LT_QUERY(v->check->store, arena, &r, v->err, ENTRY "seq > $2 ORDER BY seq LIMIT 500", LT_INT(v->site_id), LT_INT(v->seq));
        struct lt_register_entry *entries = LT_NEW_ARRAY(arena, struct lt_register_entry, rc ? 0 : r.rows);
        for (size_t i = 0; !rc && i < r.rows; i++)
            lt_register_read_entry(&r, i, &entries[i]);
        if (!rc)
            rc = check_entries(v, entries, r.rows);
        more = !rc && r.rows == PAGE;
        lt_arena_free(arena);
        if (rc)
            return rc;
    }
    return LT_OK;
}

/* ---- what is known at the end of a chain ---- */

/* Two entries that were put in each other's place: the one belongs where the other lies. */
static void tell_swapped(struct lt_verify *v)
{
    for (size_t i = 0; i < v->bad_n; i++)
        for (size_t k = 0; k < v->bad_n; k++) {
            struct lt_register_entry moved = v->bad[k].entry;
            uint8_t hash[LT_REGISTER_HASH];
            if (i == k)
                continue;
            moved.seq = v->bad[i].entry.seq;
            lt_register_entry_hash(&moved, v->bad[i].previous, hash);
            if (memcmp(hash, moved.hash, sizeof(hash)) == 0)
                lt_verify_found(v, "swapped", v->bad[i].entry.seq, &moved.call_id, "the entry of this place lies at %lld",
                                (long long)v->bad[k].entry.seq);
        }
}

/* Salts that are gone behind what an entry says was removed by age. Rare, so the chain is walked for it once more. */
static enum lt_code tell_unexplained(struct lt_verify *v)
{
    for (int64_t from = v->aged_through + 1; from <= v->last_aged; from += PAGE) {
        struct lt_arena *arena = lt_arena_new();
        struct lt_rows r;
        enum lt_code rc = LT_QUERY(v->check->store, arena, &r, v->err,
                                   "SELECT s.seq, s.call_id FROM register_seal s WHERE s.site_id = $1 AND s.seq >= $2 AND s.seq < $3 AND s.salt"
                                   " IS NULL"
                                   " AND s.kind IN (2, 3) AND NOT EXISTS (SELECT 1 FROM register_erasure x WHERE x.call_id = s.call_id AND"
                                   " (x.sealed = 0 OR EXISTS (SELECT 1 FROM register_seal y WHERE y.call_id = x.call_id AND y.kind = 4"
                                   " AND (y.through & CASE s.kind WHEN 2 THEN 4 ELSE 8 END) <> 0)))", /* the kind's bit; no shift: PostgreSQL has none by a BIGINT */
                                   LT_INT(v->site_id), LT_INT(from), LT_INT(from + PAGE));
        for (size_t i = 0; !rc && i < r.rows; i++) {
            struct lt_uuid call = {{0}};
            struct lt_str id = lt_rows_str(&r, i, 1);
            memcpy(call.b, id.p, id.n < 16 ? id.n : 16);
            lt_verify_found(v, "salt_missing", lt_rows_int(&r, i, 0), &call, "its salt and content are gone, and no erasure says why");
        }
        lt_arena_free(arena);
        if (rc)
            return rc;
    }
    return LT_OK;
}

static enum lt_code check_site(struct lt_verify *v)
{
    v->anchor = (struct lt_register_head){0};
    v->file_head_seen = false;
    v->aged_through = v->last_aged = 0;
    v->bad_n = 0;
    if (lt_verify_anchor(v))
        return v->err->code;
    v->seq = v->anchor.seq;
    memcpy(v->hash, v->anchor.hash, LT_REGISTER_HASH);
    v->hash_known = true;
    v->verdict->sites++;
    if (__builtin_add_overflow(v->verdict->removed, v->anchor.seq, &v->verdict->removed)) /* what a changed anchor says may be anything */
        v->verdict->removed = INT64_MAX;
    if (__builtin_add_overflow(v->verdict->removed_calls, v->anchor.calls, &v->verdict->removed_calls))
        v->verdict->removed_calls = INT64_MAX;
    if (v->file_head && v->file_head->seq == v->anchor.seq && v->anchor.seq > 0 &&
        memcmp(v->file_head->hash, v->anchor.hash, LT_REGISTER_HASH) != 0)
        lt_verify_found(v, "head_file_wrong", v->anchor.seq, NULL, "the head file has another hash for the entry of the anchor");
    for (bool more = true; more;)
        if (walk_chain(v) || lt_verify_head(v, &more))
            return v->err->code;
    tell_swapped(v);
    return tell_unexplained(v);
}

/* ---- all of them ---- */

/* The next site above `after` that has a head, an anchor or an entry, or that the file knows; -1: none. */
static enum lt_code next_site(struct lt_verify *v, int64_t after, const struct lt_register_head *file, size_t file_n, int64_t *ret)
{
    struct lt_arena *arena = lt_arena_new();
    struct lt_rows r;
    enum lt_code rc = LT_QUERY(v->check->store, arena, &r, v->err,
                               "SELECT MIN(site_id) FROM (SELECT MIN(site_id) AS site_id FROM register_head WHERE site_id > $1"
                               " UNION ALL SELECT MIN(site_id) FROM register_seal WHERE site_id > $1"
                               " UNION ALL SELECT MIN(site_id) FROM register_anchor WHERE site_id > $1) x",
                               LT_INT(after));
    *ret = rc ? -1 : lt_rows_int_or(&r, 0, 0, -1);
    lt_arena_free(arena);
    v->file_head = NULL;
    for (size_t i = 0; !rc && i < file_n; i++)
        if (file[i].site_id > after && (*ret < 0 || file[i].site_id <= *ret)) {
            *ret = file[i].site_id;
            v->file_head = &file[i];
            break;
        }
    return rc;
}

static enum lt_code check_sites(struct lt_verify *v, const struct lt_register_head *file, size_t file_n)
{
    for (int64_t after = -1, site;; after = site) {
        if (next_site(v, after, file, file_n, &site))
            return v->err->code;
        if (site < 0)
            return LT_OK;
        v->site_id = site;
        if ((v->check->site_id < 0 || v->check->site_id == site) && check_site(v))
            return v->err->code;
    }
}

static void tell_file(struct lt_verify *v, enum lt_register_file state, const struct lt_error *why, bool chained)
{
    v->site_id = -1;
    if (state == LT_REGISTER_FILE_WRONG)
        lt_verify_found(v, "head_file_wrong", -1, NULL, "%s: %.200s", v->check->head_file, why->detail);
    else if (state == LT_REGISTER_FILE_MISSING && chained)
        lt_verify_found(v, "head_file_missing", -1, NULL, "%s is not there, and the database has chains", v->check->head_file);
}

/* The file is read first: the database can only be further than it. */
static enum lt_code verify(struct lt_verify *v, struct lt_arena *arena)
{
    struct lt_register_head *file;
    struct lt_error why = {0};
    size_t file_n;
    bool chained;
    uint8_t oldest[17];
    enum lt_register_file state = lt_register_file_read(v->check->head_file, arena, v->ring, &file, &file_n, &why);
    if (there(v, "SELECT 1 FROM register_head", NULL, 0, &chained))
        return v->err->code;
    tell_file(v, state, &why, chained);
    if (check_sites(v, file, file_n) || lt_verify_unknown(v))
        return v->err->code;
    return lt_register_oldest_pending(v->check->store, &chained, oldest, &v->verdict->unsealed, v->err);
}

enum lt_code lt_register_verify(const struct lt_register_check *check, struct lt_register_verdict *ret, struct lt_error *err)
{
    struct lt_arena *arena = lt_arena_new();
    struct lt_verify *v = LT_NEW(arena, struct lt_verify);
    struct lt_error no_ring;
    *ret = (struct lt_register_verdict){0};
    *v = (struct lt_verify){.check = check, .verdict = ret, .err = err};
    lt_secrets_ring(check->store, false, &v->ring, &no_ring);
    enum lt_code rc = lt_register_reader_new(check->store, &v->reader, err);
    if (!rc) {
        v->page = lt_register_page_new(v->reader);
        v->again = lt_register_page_new(v->reader);
        rc = verify(v, arena);
    }
    lt_register_page_free(v->page);
    lt_register_page_free(v->again);
    lt_register_reader_free(v->reader);
    lt_keyring_free(v->ring);
    lt_arena_free(arena);
    return rc ? lt_error_wrap(err, "verifying the register") : LT_OK;
}

enum lt_code lt_register_oldest_pending(struct lt_store *store, bool *ret_any, uint8_t ret[17], int64_t *ret_n, struct lt_error *err)
{
    struct lt_arena *arena = lt_arena_new();
    struct lt_rows r, count;
    enum lt_code rc = LT_QUERY(store, arena, &r, err, "SELECT call_id, kind FROM register_pending ORDER BY call_id, kind LIMIT 1");
    if (!rc)
        rc = LT_QUERY(store, arena, &count, err, "SELECT COUNT(*) FROM register_pending");
    *ret_any = !rc && r.rows > 0;
    *ret_n = rc ? 0 : lt_rows_int(&count, 0, 0);
    memset(ret, 0, 17);
    if (*ret_any) {
        struct lt_str id = lt_rows_str(&r, 0, 0);
        memcpy(ret, id.p, id.n < 16 ? id.n : 16);
        ret[16] = (uint8_t)lt_rows_int(&r, 0, 1);
    }
    lt_arena_free(arena);
    return rc;
}
