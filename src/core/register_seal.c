/* Sealing: what is pending becomes entries. */
#include "core/register_seal.h"

#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/secret.h"
#include "core/register_page.h"
#include "core/sealed.h"

enum {
    BATCH = 500, TRIES = 5, LESS_BITS = 2 /* each try takes a quarter of the one before */, PLACE_MAX = 4096,
    BATCH_LEAST = 16, BATCH_MS = LT_SOLE_MS / 4, /* which a unit may take to be read, that the lease is not over before it is written */
    /* In SQLite's file a unit holds up who waits for the same writer: small ones first, and twice as large behind each so many of a round. */
    BATCH_FILE = 32, BATCHES_FILE = 32,
};

struct lt_register_sealer {
    struct lt_store *store;
    struct lt_sole *lease;         /* NULL: whoever seals beside us shows only in the heads */
    char *path;
    size_t batch;                   /* so many entries make a unit; of PostgreSQL: as many as are read in BATCH_MS */
    bool started;
    bool doubtful;                  /* the file that was there at the start cannot be trusted */
    struct lt_register_head *known; /* heads as the file has them, by site */
    size_t known_n;
    struct lt_keyring *ring;        /* of a round */
    struct lt_register_reader *reader;
    struct lt_register_page *page;
    struct lt_arena *arena;
};

struct item {
    struct lt_register_entry entry;
    bool begun; /* its call is in the chain */
    bool drop;  /* nothing to chain: it is there already, or its call was removed by age */
};

/* ---- does it fit what is known outside of the database? ---- */

static const struct lt_register_head *known_head(const struct lt_register_sealer *s, int64_t site_id)
{
    size_t from = 0, to = s->known_n;
    while (from < to) {
        size_t middle = (from + to) / 2;
        if (s->known[middle].site_id < site_id)
            from = middle + 1;
        else
            to = middle;
    }
    return from < s->known_n && s->known[from].site_id == site_id ? &s->known[from] : NULL;
}

/* Is what the file knows an entry of the chain? Heads move on before the file does, so it may be an earlier one. */
static enum lt_code has_entry(struct lt_register_sealer *s, const struct lt_register_head *known, bool *ret, struct lt_error *err)
{
    struct lt_rows r;
    struct lt_register_head *anchors;
    size_t n;
    if (lt_register_anchors(s->store, s->arena, known->site_id, &anchors, &n, err) ||
        LT_QUERY(s->store, s->arena, &r, err, "SELECT hash FROM register_seal WHERE site_id = $1 AND seq = $2", LT_INT(known->site_id),
                 LT_INT(known->seq)))
        return err->code;
    bool removed = n > 0 && anchors[0].seq >= known->seq && lt_register_signed(s->ring, LT_REGISTER_ANCHOR, &anchors[0], NULL);
    struct lt_str hash = {(const char *)known->hash, LT_REGISTER_HASH};
    *ret = known->seq == 0 || removed || (r.rows > 0 && lt_str_eq(lt_rows_str(&r, 0, 0), hash));
    return LT_OK;
}

static enum lt_code fits(struct lt_register_sealer *s, const struct lt_register_end *end, bool *ret, struct lt_error *err)
{
    const struct lt_register_head *known = known_head(s, end->head.site_id);
    *ret = false;
    if (!end->has_head) {
        *ret = end->seq == 0 && (!known || known->seq == 0);
        return LT_OK;
    }
    if (s->doubtful || end->seq != end->head.seq || !lt_register_signed(s->ring, LT_REGISTER_HEAD, &end->head, NULL))
        return LT_OK;
    if (!known) {
        *ret = true;
        return LT_OK;
    }
    if (end->head.seq == known->seq) {
        *ret = memcmp(end->hash, known->hash, LT_REGISTER_HASH) == 0;
        return LT_OK;
    }
    return end->head.seq < known->seq ? LT_OK : has_entry(s, known, ret, err);
}

/* The chain itself keeps that it was broken: the file that shows it will be overwritten. */
static void append_break(struct lt_register_sealer *s, struct lt_tx *tx, struct lt_register_end *end)
{
    const struct lt_register_head *known = known_head(s, end->head.site_id);
    struct lt_register_entry e = {.kind = LT_REGISTER_BREAK, .through = known ? known->seq : 0};
    lt_log(LT_LOG_ERROR, "register.break", LT_I("site", end->head.site_id), LT_I("seq", end->seq), LT_I("known", e.through));
    lt_register_meta_hash(LT_STR(""), e.meta_hash);
    lt_register_content_hash(NULL, LT_STR(""), e.content_hash);
    lt_register_append(tx, end, &e);
}

/* ---- a batch ---- */

static void set_call(struct lt_register_entry *e, struct lt_str id)
{
    e->has_call = true;
    if (id.n == sizeof(e->call_id.b))
        memcpy(e->call_id.b, id.p, id.n);
}

static void hash_record(struct lt_register_sealer *s, struct item *item)
{
    struct lt_register_entry *e = &item->entry;
    struct lt_register_record record;
    if (e->kind == LT_REGISTER_ERASED) {
        struct lt_register_salts salts = lt_register_page_salts(s->page, e->call_id);
        e->through = salts.lost;
        item->drop = !salts.begun || salts.erased;
    }
    lt_register_page_record(s->page, e, &record);
    item->drop = item->drop || (!record.there && !item->begun && e->kind != LT_REGISTER_ERASED);
    e->site_id = record.site_id;
    lt_random(e->salt, LT_REGISTER_HASH);
    lt_register_meta_hash(record.meta, e->meta_hash);
    lt_register_content_hash(e->salt, record.content, e->content_hash);
}

static enum lt_code read_records(struct lt_register_sealer *s, struct item *items, size_t n, struct lt_error *err)
{
    struct lt_register_entry *entries = LT_NEW_ARRAY(s->arena, struct lt_register_entry, n);
    for (size_t i = 0; i < n; i++) {
        entries[i] = items[i].entry;
        entries[i].has_call = !items[i].drop;
    }
    for (size_t i = 0, end; i < n; i = end) {
        if (lt_register_page_read(s->page, entries + i, n - i, &end, err))
            return err->code;
        for (end += i; i < end; i++)
            if (!items[i].drop)
                hash_record(s, &items[i]);
    }
    return LT_OK;
}

static enum lt_code find_pending(struct lt_register_sealer *s, int64_t max, struct item *items, size_t *ret_n, struct lt_error *err)
{
    struct lt_rows r;
    if (LT_QUERY(s->store, s->arena, &r, err,
                 "SELECT p.call_id, p.kind, x.seq, b.seq FROM register_pending p"
                 " LEFT JOIN register_seal x ON x.call_id = p.call_id AND x.kind = p.kind"
                 " LEFT JOIN register_seal b ON b.call_id = p.call_id AND b.kind = 1 ORDER BY p.call_id, p.kind LIMIT $1", LT_INT(max)))
        return err->code;
    for (size_t i = 0; i < r.rows; i++) {
        items[i] = (struct item){.entry = {.kind = lt_rows_int(&r, i, 1), .through = -1, .salted = true},
                                 .drop = lt_rows_at(&r, i, 2)->type != LT_V_NULL, .begun = lt_rows_at(&r, i, 3)->type != LT_V_NULL};
        set_call(&items[i].entry, lt_rows_str(&r, i, 0));
    }
    *ret_n = r.rows;
    return LT_OK;
}

static enum lt_code find_erasures(struct lt_register_sealer *s, int64_t max, struct item *items, size_t *ret_n, struct lt_error *err)
{
    struct lt_rows r;
    if (LT_QUERY(s->store, s->arena, &r, err, "SELECT call_id FROM register_erasure WHERE sealed = 0 ORDER BY call_id LIMIT $1", LT_INT(max)))
        return err->code;
    for (size_t i = 0; i < r.rows; i++) {
        items[i] = (struct item){.entry = {.kind = LT_REGISTER_ERASED, .through = -1, .salted = true}};
        set_call(&items[i].entry, lt_rows_str(&r, i, 0));
    }
    *ret_n = r.rows;
    return LT_OK;
}

static int by_site(const void *a, const void *b)
{
    const struct lt_register_entry *x = &((const struct item *)a)->entry, *y = &((const struct item *)b)->entry;
    int order = memcmp(x->call_id.b, y->call_id.b, 16);
    if (x->site_id != y->site_id)
        return x->site_id < y->site_id ? -1 : 1;
    return order ? order : (x->kind > y->kind) - (x->kind < y->kind);
}

/* The entries of one site, behind a break where there was one. */
static enum lt_code extend(struct lt_register_sealer *s, struct lt_tx *tx, struct lt_register_end *end, struct item *items, size_t n, size_t *ret_added,
                           struct lt_error *err)
{
    bool fit;
    if (fits(s, end, &fit, err))
        return err->code;
    int64_t before = end->seq;
    if (!fit)
        append_break(s, tx, end);
    for (size_t i = 0; i < n; i++)
        if (!items[i].drop)
            lt_register_append(tx, end, &items[i].entry);
    if (end->seq > before)
        lt_register_move_head(tx, s->ring, end, lt_now_ms());
    *ret_added += (size_t)(end->seq - before);
    return LT_OK;
}

/* How many of the items are of the first one's site. */
static size_t of_site(const struct item *items, size_t n)
{
    size_t i = 1;
    while (i < n && items[i].entry.site_id == items[0].entry.site_id)
        i++;
    return i;
}

/* Items by site. */
static enum lt_code extend_all(struct lt_register_sealer *s, struct lt_tx *tx, struct item *items, size_t n, size_t *ret_added, struct lt_error *err)
{
    struct lt_register_end *ends = LT_NEW_ARRAY(s->arena, struct lt_register_end, n);
    size_t sites = 0;
    for (size_t i = 0; i < n; i += of_site(items + i, n - i))
        ends[sites++].head.site_id = items[i].entry.site_id;
    if (lt_register_find_ends(s->store, s->arena, ends, sites, err))
        return err->code;
    for (size_t i = 0, of; i < n; i += of, ends++) {
        of = of_site(items + i, n - i);
        if (extend(s, tx, ends, items + i, of, ret_added, err))
            return err->code;
    }
    return LT_OK;
}

static void forget_pending(struct lt_tx *tx, const struct item *item)
{
    const struct lt_register_entry *e = &item->entry;
    if (e->kind == LT_REGISTER_ERASED)
        LT_TX(tx, "UPDATE register_erasure SET sealed = 1 WHERE call_id = $1", LT_BLOB(e->call_id.b, 16));
    else
        LT_TX(tx, "DELETE FROM register_pending WHERE call_id = $1 AND kind = $2", LT_BLOB(e->call_id.b, 16), LT_INT(e->kind));
}

/*
 * An erasure that came since the content was read would leave a hash of what is gone: then the unit fails, and all is read again. Only erasures of calls
 * that are read matter, which lie between the first and the last of the pending ones. Before they are read.
 */
static enum lt_code guard(struct lt_register_sealer *s, struct lt_tx *tx, const struct item *pending, size_t n, struct lt_error *err)
{
    struct lt_rows r;
    if (s->lease) /* its row is locked first: what is counted below is then what is there at the commit, as erasers shut the holder out */
        lt_sole_expect(s->lease, tx);
    if (n == 0)
        return LT_OK;
    const struct lt_value first = LT_BLOB(pending[0].entry.call_id.b, 16), last = LT_BLOB(pending[n - 1].entry.call_id.b, 16);
    if (LT_QUERY(s->store, s->arena, &r, err, "SELECT COUNT(*) FROM register_erasure WHERE sealed = 0 AND call_id >= $1 AND call_id <= $2", first, last))
        return err->code;
    LT_TX(tx,
          "UPDATE meta SET value = value WHERE name = 'generation' AND"
          " (SELECT COUNT(*) FROM register_erasure WHERE sealed = 0 AND call_id >= $1 AND call_id <= $2) = $3",
          first, last, LT_INT(lt_rows_int(&r, 0, 0)));
    lt_tx_expect(tx, 1);
    return LT_OK;
}

static enum lt_code fill_batch(struct lt_register_sealer *s, struct lt_tx *tx, int64_t max, size_t *ret_items, size_t *ret_added, struct lt_error *err)
{
    struct item *items = LT_NEW_ARRAY(s->arena, struct item, 2 * (size_t)max);
    size_t n = 0, erasures = 0;
    if (find_pending(s, max, items, &n, err) || guard(s, tx, items, n, err) || find_erasures(s, max, items + n, &erasures, err))
        return err->code;
    n += erasures;
    if (read_records(s, items, n, err))
        return err->code;
    qsort(items, n, sizeof(*items), by_site);
    if (extend_all(s, tx, items, n, ret_added, err))
        return err->code;
    for (size_t i = 0; i < n; i++)
        forget_pending(tx, &items[i]);
    *ret_items = n;
    return LT_OK;
}

/* Where the database is slow, large units would take longer than the lease lasts, and fail for ever. */
static void fit_batch(struct lt_register_sealer *s, uint64_t took_ms)
{
    if (took_ms > BATCH_MS)
        s->batch = s->batch / 2 > BATCH_LEAST ? s->batch / 2 : BATCH_LEAST;
    else if (took_ms < BATCH_MS / 4)
        s->batch = s->batch * 2 < BATCH ? s->batch * 2 : BATCH;
}

/* Of a round's unit in SQLite's file. */
static size_t file_batch(size_t units)
{
    size_t n = BATCH_FILE;
    for (; units >= BATCHES_FILE && n < BATCH; units -= BATCHES_FILE)
        n *= 2;
    return n < BATCH ? n : BATCH;
}

/* Of the try: less and less, at least one. */
static int64_t batch_at(const struct lt_register_sealer *s, int tries)
{
    int64_t n = (int64_t)s->batch >> LESS_BITS * tries;
    return n > 0 ? n : 1;
}

/* *ret_items: that were pending, 0 when all is done. */
static enum lt_code seal_batch(struct lt_register_sealer *s, int64_t max, size_t *ret_items, size_t *ret_added, struct lt_error *err)
{
    s->arena = lt_arena_new();
    struct lt_tx *tx = lt_tx_new();
    uint64_t began = lt_mono_ms();
    enum lt_code rc = fill_batch(s, tx, max, ret_items, ret_added, err);
    if (lt_store_is_postgres(s->store))
        fit_batch(s, lt_mono_ms() - began);
    if (rc || *ret_items == 0)
        lt_tx_discard(tx);
    else
        rc = lt_store_write(s->store, tx, err);
    lt_arena_free(s->arena);
    s->arena = NULL;
    return rc;
}

/* ---- the file ---- */

static void set_known(struct lt_register_sealer *s, const struct lt_register_head *heads, size_t n)
{
    free(s->known);
    s->known = n > 0 ? malloc(n * sizeof(*heads)) : NULL;
    if (n > 0 && !s->known)
        lt_out_of_memory(0);
    if (n > 0)
        memcpy(s->known, heads, n * sizeof(*heads));
    s->known_n = n;
}

static enum lt_code write_file(struct lt_register_sealer *s, struct lt_error *err)
{
    struct lt_arena *arena = lt_arena_new();
    struct lt_register_head *heads;
    size_t n;
    enum lt_code rc = lt_register_heads(s->store, arena, -1, &heads, &n, err);
    if (!rc)
        rc = lt_register_file_write(s->path, s->ring, heads, n, err);
    if (!rc)
        set_known(s, heads, n);
    lt_arena_free(arena);
    return rc;
}

/* ---- the start ---- */

/* Sites whose chains do not fit what the file says get a break each, at once. */
static enum lt_code check_sites(struct lt_register_sealer *s, const struct lt_register_head *heads, size_t n, struct lt_error *err)
{
    size_t added = 0, sites = 0;
    struct lt_register_end *ends = LT_NEW_ARRAY(s->arena, struct lt_register_end, n + s->known_n);
    for (size_t i = 0; i < n; i++)
        ends[sites++].head.site_id = heads[i].site_id;
    for (size_t i = 0; i < s->known_n; i++) {
        bool there = false;
        for (size_t k = 0; k < n && !there; k++)
            there = heads[k].site_id == s->known[i].site_id;
        if (!there)
            ends[sites++].head.site_id = s->known[i].site_id;
    }
    if (lt_register_find_ends(s->store, s->arena, ends, sites, err))
        return err->code;
    struct lt_tx *tx = lt_tx_new();
    enum lt_code rc = LT_OK;
    if (s->lease)
        lt_sole_expect(s->lease, tx);
    for (size_t i = 0; !rc && i < sites; i++)
        rc = extend(s, tx, &ends[i], NULL, 0, &added, err);
    if (rc || added == 0) {
        lt_tx_discard(tx);
        return rc;
    }
    return lt_store_write(s->store, tx, err);
}

/*
 * Was there a file before? On SQLite whenever there is a chain. A PostgreSQL may be shared by a machine that has just come and cannot have one: there
 * the places are known that had it.
 */
static enum lt_code had_file(struct lt_register_sealer *s, bool chains, bool *ret, struct lt_error *err)
{
    char host[256] = "", folder[PATH_MAX] = "", place[PLACE_MAX];
    char *name = strdup(s->path), *slash = name ? strrchr(name, '/') : NULL;
    struct lt_rows r;
    *ret = chains;
    if (slash)
        *slash = '\0';
    bool known = lt_store_is_postgres(s->store) && slash && gethostname(host, sizeof(host) - 1) == 0 && realpath(name, folder);
    free(name);
    if (!known)
        return LT_OK;
    snprintf(place, sizeof(place), "%s:%s", host, folder);
    if (LT_QUERY(s->store, s->arena, &r, err, "SELECT 1 FROM register_place WHERE place = $1", LT_TEXTZ(place)))
        return err->code;
    *ret = chains && r.rows > 0;
    struct lt_tx *tx = lt_tx_new();
    LT_TX(tx, "INSERT INTO register_place (place, seen_at) VALUES ($1, $2) ON CONFLICT (place) DO UPDATE SET seen_at = excluded.seen_at",
          LT_TEXTZ(place), LT_INT(lt_now_ms()));
    return lt_store_write(s->store, tx, err);
}

/* The file is there before the first entry is: one that is missing later was removed. */
static enum lt_code start(struct lt_register_sealer *s, struct lt_error *err)
{
    struct lt_register_head *heads, *known;
    struct lt_error why = {0};
    size_t n, known_n;
    enum lt_register_file state = lt_register_file_read(s->path, s->arena, s->ring, &known, &known_n, &why);
    if (lt_register_heads(s->store, s->arena, -1, &heads, &n, err))
        return err->code;
    bool had;
    if (had_file(s, n > 0, &had, err))
        return err->code;
    set_known(s, known, known_n);
    s->doubtful = state == LT_REGISTER_FILE_WRONG || (state == LT_REGISTER_FILE_MISSING && had);
    if (state == LT_REGISTER_FILE_MISSING && n > 0 && !had)
        lt_log(LT_LOG_WARN, "register.head_file_new", LT_S("path", s->path));
    if (s->doubtful)
        lt_log(LT_LOG_ERROR, "register.head_file", LT_S("path", s->path),
               LT_S("why", state == LT_REGISTER_FILE_MISSING ? "it is missing" : why.detail));
    if (check_sites(s, heads, n, err) || write_file(s, err))
        return err->code;
    s->doubtful = false;
    return LT_OK;
}

/* ---- a round ---- */

static enum lt_code seal_all(struct lt_register_sealer *s, uint64_t deadline_ms, size_t *ret_n, struct lt_error *err)
{
    size_t units = 0;
    for (int tries = 0; lt_mono_ms() < deadline_ms;) {
        size_t items = 0, added = 0;
        if (!lt_store_is_postgres(s->store))
            s->batch = file_batch(units++);
        enum lt_code rc = seal_batch(s, batch_at(s, tries), &items, &added, err);
        if (rc == LT_ECONFLICT && ++tries < TRIES)
            continue; /* somebody else has moved a chain, or erased something: look again, at less */
        if (rc)
            return lt_error_wrap(err, "sealing the register");
        if (items == 0)
            break;
        tries = 0;
        *ret_n += added;
    }
    return LT_OK;
}

static enum lt_code seal_round(struct lt_register_sealer *s, uint64_t deadline_ms, size_t *ret_n, struct lt_error *err)
{
    if (!s->started) {
        s->arena = lt_arena_new();
        enum lt_code rc = start(s, err);
        lt_arena_free(s->arena);
        s->arena = NULL;
        if (rc)
            return rc;
        s->started = true;
    }
    enum lt_code rc = seal_all(s, deadline_ms, ret_n, err);
    struct lt_error file_err;
    if (*ret_n > 0 && write_file(s, &file_err) && !rc) {
        *err = file_err;
        rc = file_err.code;
    }
    return rc;
}

static enum lt_code anything(struct lt_register_sealer *s, bool *ret, struct lt_error *err)
{
    struct lt_arena *arena = lt_arena_new();
    struct lt_rows r;
    enum lt_code rc = LT_QUERY(s->store, arena, &r, err,
                               "SELECT 1 WHERE EXISTS (SELECT 1 FROM register_pending) OR EXISTS (SELECT 1 FROM register_erasure WHERE sealed = 0)");
    *ret = !rc && r.rows > 0;
    lt_arena_free(arena);
    return rc;
}

enum lt_code lt_register_seal(struct lt_register_sealer *s, uint64_t deadline_ms, size_t *ret_n, struct lt_error *err)
{
    bool work;
    *ret_n = 0;
    enum lt_code rc = anything(s, &work, err);
    if (rc || (s->started && !work))
        return rc;
    if (lt_secrets_ring(s->store, true, &s->ring, err))
        return err->code;
    rc = lt_register_reader_new(s->store, &s->reader, err); /* anew: actions may have come */
    if (!rc) {
        s->page = lt_register_page_new(s->reader);
        rc = seal_round(s, deadline_ms, ret_n, err);
    }
    lt_register_page_free(s->page);
    lt_register_reader_free(s->reader);
    lt_keyring_free(s->ring);
    s->page = NULL;
    s->reader = NULL;
    s->ring = NULL;
    return rc;
}

struct lt_register_sealer *lt_register_sealer_new(struct lt_store *store, const char *head_file)
{
    struct lt_register_sealer *s = calloc(1, sizeof(*s));
    if (!s || !(s->path = strdup(head_file)))
        lt_out_of_memory(0);
    s->store = store;
    s->batch = BATCH;
    return s;
}

void lt_register_sealer_use(struct lt_register_sealer *s, struct lt_sole *lease)
{
    s->lease = lease;
}

void lt_register_sealer_free(struct lt_register_sealer *s)
{
    if (!s)
        return;
    free(s->known);
    free(s->path);
    free(s);
}
