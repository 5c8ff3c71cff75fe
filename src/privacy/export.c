/*
 * The export. Which columns a table has is asked of the database, so that one that is added later is in the export unless the inventory says it
 * is not to be.
 */
#include "base/clock.h"
#include "base/secret.h"
#include "privacy/private.h"

enum { PAGE = 20, KEYS_MAX = 4, COLUMNS_MAX = 64 };

struct export {
    struct lt_store *store;
    struct lt_arena *arena;      /* of the whole export: statements */
    struct lt_privacy_words words;
    lt_privacy_sink sink;
    void *ctx;
    struct lt_buf line;
    int64_t calls, records;
};

/* A statement whose columns are known; keys come last, the first `shown` are for the export. */
struct selection {
    struct lt_privacy_sql sql;
    struct lt_str names[COLUMNS_MAX];
    size_t shown, keys;
};

/* ---- columns ---- */

static bool is_word(const char *words, struct lt_str name)
{
    struct lt_str rest = lt_str(words);
    while (rest.n > 0)
        if (lt_str_eq(lt_str_cut(&rest, ' '), name))
            return true;
    return false;
}

static enum lt_code read_columns(struct export *x, const struct lt_privacy_table *t, struct lt_str table, struct selection *ret, struct lt_error *err)
{
    struct lt_rows r;
    if (lt_store_columns(x->store, x->arena, table, &r, err)) /* also those of tables whose names begin so */
        return err->code;
    *ret = (struct selection){0};
    int64_t places[COLUMNS_MAX];
    for (size_t i = 0; i < r.rows && ret->shown < COLUMNS_MAX; i++) {
        if (!lt_str_eq(lt_rows_str(&r, i, 0), table) || is_word(t->hidden, lt_rows_str(&r, i, 1)))
            continue;
        size_t at = ret->shown++;
        for (; at > 0 && places[at - 1] > lt_rows_int(&r, i, 2); at--) { /* as the table has them */
            places[at] = places[at - 1];
            ret->names[at] = ret->names[at - 1];
        }
        places[at] = lt_rows_int(&r, i, 2);
        ret->names[at] = lt_rows_str(&r, i, 1);
    }
    return LT_OK;
}

static struct lt_str column_list(struct lt_arena *arena, const struct selection *s)
{
    struct lt_str list = LT_STR("");
    for (size_t i = 0; i < s->shown; i++)
        list = lt_printf(arena, "%.*s\"%.*s\", ", LT_FMT(list), LT_FMT(s->names[i]));
    return list;
}

/* Whole: of a call, its rows in order. Else a page: the first, or the next behind a row whose keys are given behind the words. */
static enum lt_code select_table(struct export *x, const struct lt_privacy_table *t, struct lt_str table, const char *form, struct selection *ret,
                                 struct lt_error *err)
{
    if (read_columns(x, t, table, ret, err))
        return err->code;
    struct lt_str rest = lt_str(t->key);
    for (; rest.n > 0; ret->keys++)
        lt_str_cut(&rest, ',');
    if (ret->keys > KEYS_MAX)
        return lt_fail(err, LT_EINTERNAL, "%s has more than %d columns of keys", t->table, KEYS_MAX);
    struct lt_str columns = column_list(x->arena, ret);
    const char *text = lt_printf(x->arena, "SELECT %.*s%s FROM \"%.*s\" WHERE (%s)%s ORDER BY %s", LT_FMT(columns), t->key, LT_FMT(table),
                                 t->mine, form, t->key).p;
    ret->sql = lt_privacy_compile(x->arena, text);
    return LT_OK;
}

/* ---- lines ---- */

static void put_value(struct lt_jw *w, struct lt_arena *arena, const struct lt_value *v)
{
    struct lt_uuid id;
    char text[37];
    switch (v->type) {
    case LT_V_INT: lt_jw_int(w, v->i); return;
    case LT_V_DOUBLE: lt_jw_double(w, v->d); return;
    case LT_V_TEXT: lt_jw_str(w, v->s); return;
    case LT_V_NULL: lt_jw_null(w); return;
    case LT_V_BLOB: break;
    }
    if (v->s.n == sizeof(id.b)) {
        memcpy(id.b, v->s.p, sizeof(id.b));
        lt_uuid_format(id, text);
        lt_jw_strz(w, text);
    } else if (lt_utf8_valid(v->s.p, v->s.n)) {
        lt_jw_str(w, v->s);
    } else {
        lt_jw_str(w, lt_base64url(arena, v->s.p, v->s.n));
    }
}

static void put_row(struct lt_jw *w, struct lt_arena *arena, const struct selection *s, const struct lt_rows *r, size_t row)
{
    lt_jw_obj(w);
    for (size_t i = 0; i < s->shown; i++) {
        lt_jw_key_str(w, s->names[i]);
        put_value(w, arena, lt_rows_at(r, row, i));
    }
    lt_jw_end(w);
}

static struct lt_jw begin_line(struct export *x, const char *kind)
{
    struct lt_jw w;
    lt_buf_reset(&x->line);
    lt_jw_init(&w, &x->line);
    lt_jw_obj(&w);
    lt_jw_kstrz(&w, "kind", kind);
    return w;
}

static enum lt_code end_line(struct export *x, struct lt_jw *w, struct lt_error *err)
{
    lt_jw_end(w);
    lt_buf_putc(&x->line, '\n');
    if (x->line.failed)
        return lt_fail(err, LT_ETOO_LARGE, "a record takes more than %d bytes", LT_PRIVACY_LINE_MAX);
    enum lt_code rc = x->sink(x->ctx, lt_buf_str(&x->line));
    return rc ? lt_fail(err, rc, "whoever asked for the export takes no more of it") : LT_OK;
}

static void put_time(struct lt_jw *w, const char *key, int64_t ms)
{
    char text[25] = "";
    if (ms > 0)
        lt_time_format(ms, text);
    lt_jw_kstr_nonempty(w, key, lt_str(text));
}

/* ---- calls ---- */

/* A table that belongs to calls, as one of its parts. */
struct part {
    const char *as;
    struct selection selection;
};

struct parts {
    struct part list[64];
    size_t n;
};

static enum lt_code find_parts(struct export *x, struct parts *ret, struct lt_error *err)
{
    for (size_t i = 0; i < lt_privacy_tables_n; i++) {
        const struct lt_privacy_table *t = &lt_privacy_tables[i];
        struct lt_str *names;
        size_t n;
        if (t->of != LT_OF_CALL || !t->as)
            continue;
        if (lt_privacy_names(x->store, x->arena, t, &names, &n, err))
            return err->code;
        for (size_t k = 0; k < n; k++) {
            if (ret->n == LT_COUNT(ret->list))
                return lt_fail(err, LT_EINTERNAL, "too many tables hold what is of calls");
            ret->list[ret->n].as = t->as;
            if (select_table(x, t, names[k], "", &ret->list[ret->n++].selection, err))
                return err->code;
        }
    }
    return LT_OK;
}

static void put_count(struct lt_jw *w, const char *key, const struct lt_rows *r, size_t column)
{
    lt_jw_key(w, key);
    if (lt_rows_at(r, 0, column)->type == LT_V_NULL)
        lt_jw_null(w);
    else
        lt_jw_int(w, lt_rows_int(r, 0, column));
}

/* What the LMS calls it and where it was; the register's parts follow as they are. */
static enum lt_code put_head(struct export *x, struct lt_arena *arena, struct lt_jw *w, struct lt_str id, struct lt_error *err)
{
    static const char *const place[] = {"course_id", "location_id", "placement"};
    static const char *const tokens[] = {"prompt_tokens", "completion_tokens", "total_tokens"};
    struct lt_rows r;
    if (LT_QUERY(x->store, arena, &r, err,
                 "SELECT b.action, b.created_at, e.state, e.completed_at, e.model, b.course_id, b.location_id, b.placement, e.prompt_tokens,"
                 " e.completion_tokens, e.total_tokens FROM ai_call b LEFT JOIN ai_call_end e ON e.call_id = b.id WHERE b.id = $1",
                 LT_BLOB(id.p, id.n)))
        return err->code;
    if (r.rows == 0)
        return lt_fail(err, LT_ENOT_FOUND, "the call was removed meanwhile");
    struct lt_str state = lt_rows_at(&r, 0, 2)->type == LT_V_NULL ? LT_STR("running") : lt_rows_str(&r, 0, 2);
    lt_jw_key(w, "id");
    put_value(w, arena, &LT_BLOB(id.p, id.n));
    lt_jw_kstr(w, "action", lt_rows_str(&r, 0, 0));
    lt_jw_key(w, "context");
    lt_jw_obj(w);
    for (size_t i = 0; i < LT_COUNT(place); i++)
        lt_jw_kstr(w, place[i], lt_rows_str(&r, 0, 5 + i));
    lt_jw_end(w);
    lt_jw_kbool(w, "success", lt_str_is(state, "completed"));
    lt_jw_kstr(w, "state", state);
    lt_jw_kstr_nonempty(w, "model", lt_rows_str(&r, 0, 4));
    lt_jw_key(w, "usage");
    lt_jw_obj(w);
    for (size_t i = 0; i < LT_COUNT(tokens); i++)
        put_count(w, tokens[i], &r, 8 + i);
    lt_jw_end(w);
    put_time(w, "created_at", lt_rows_int(&r, 0, 1));
    put_time(w, "completed_at", lt_rows_int(&r, 0, 3));
    return LT_OK;
}

/* Tables of the same name in the export stand behind each other. */
static enum lt_code put_parts(struct export *x, struct lt_arena *arena, const struct parts *parts, struct lt_jw *w, struct lt_error *err)
{
    struct lt_value values[LT_PRIVACY_VALUES_MAX];
    for (size_t i = 0; i < parts->n; i++) {
        const struct part *p = &parts->list[i];
        struct lt_rows r;
        lt_privacy_values(&p->selection.sql, &x->words, values);
        if (lt_store_query(x->store, arena, p->selection.sql.text, values, p->selection.sql.n, 0, &r, err))
            return err->code;
        if (i == 0 || strcmp(parts->list[i - 1].as, p->as) != 0) {
            lt_jw_key(w, p->as);
            lt_jw_arr(w);
        }
        for (size_t k = 0; k < r.rows; k++)
            put_row(w, arena, &p->selection, &r, k);
        if (i + 1 == parts->n || strcmp(parts->list[i + 1].as, p->as) != 0)
            lt_jw_end(w);
    }
    return LT_OK;
}

static enum lt_code export_call(struct export *x, const struct parts *parts, struct lt_str id, struct lt_error *err)
{
    struct lt_arena *arena = lt_arena_new();
    struct lt_jw w = begin_line(x, "call");
    x->words.call_id = id;
    enum lt_code rc = put_head(x, arena, &w, id, err);
    if (rc == LT_OK)
        rc = put_parts(x, arena, parts, &w, err);
    if (rc == LT_OK)
        rc = end_line(x, &w, err);
    lt_arena_free(arena);
    x->calls += rc == LT_OK;
    return rc == LT_ENOT_FOUND ? LT_OK : rc;
}

static enum lt_code export_calls(struct export *x, struct lt_error *err)
{
    struct parts *parts = LT_NEW(x->arena, struct parts);
    struct lt_uuid after = {{0}};
    bool end = false;
    enum lt_code rc = find_parts(x, parts, err);
    while (rc == LT_OK && !end) {
        struct lt_arena *arena = lt_arena_new();
        struct lt_str *ids;
        size_t n;
        rc = lt_privacy_calls(x->store, arena, &x->words, false, &after, &ids, &n, &end, err);
        for (size_t i = 0; rc == LT_OK && i < n; i++)
            rc = export_call(x, parts, ids[i], err);
        lt_arena_free(arena);
    }
    return rc;
}

/* ---- rows of the user's own ---- */

static enum lt_code export_page(struct export *x, const struct lt_privacy_table *t, const struct selection *s, struct lt_arena *arena,
                                struct lt_value keys[KEYS_MAX], bool first, size_t *ret_n, struct lt_error *err)
{
    struct lt_value values[LT_PRIVACY_VALUES_MAX + KEYS_MAX];
    struct lt_rows r;
    lt_privacy_values(&s->sql, &x->words, values);
    memcpy(values + s->sql.n, keys, s->keys * sizeof(*keys));
    if (lt_store_query(x->store, arena, s->sql.text, values, s->sql.n + (first ? 0 : s->keys), PAGE, &r, err))
        return err->code;
    for (size_t i = 0; i < r.rows; i++) {
        struct lt_jw w = begin_line(x, t->table);
        lt_jw_key(&w, "row");
        put_row(&w, arena, s, &r, i);
        if (end_line(x, &w, err))
            return err->code;
        x->records++;
    }
    for (size_t k = 0; r.rows > 0 && k < s->keys; k++)
        keys[k] = *lt_rows_at(&r, r.rows - 1, s->shown + k);
    *ret_n = r.rows;
    return LT_OK;
}

/* " AND (a, b) > ($5, $6)": behind the words' own values. */
static const char *behind(struct lt_arena *arena, const struct lt_privacy_table *t, const struct selection *s)
{
    struct lt_str list = LT_STR("");
    for (size_t k = 0; k < s->keys; k++)
        list = lt_printf(arena, "%.*s%s$%zu", LT_FMT(list), k > 0 ? ", " : "", s->sql.n + 1 + k);
    return lt_printf(arena, " AND (%s) > (%.*s)", t->key, LT_FMT(list)).p;
}

static enum lt_code export_table(struct export *x, const struct lt_privacy_table *t, struct lt_error *err)
{
    struct selection first, next;
    struct lt_value keys[KEYS_MAX] = {0};
    struct lt_arena *pages[2] = {lt_arena_new(), lt_arena_new()}; /* where a page ended outlives it */
    size_t n = PAGE;
    enum lt_code rc = select_table(x, t, lt_str(t->table), "", &first, err);
    if (rc == LT_OK)
        rc = select_table(x, t, lt_str(t->table), behind(x->arena, t, &first), &next, err);
    for (int page = 0; rc == LT_OK && n == PAGE; page++) {
        lt_arena_free(pages[page % 2]);
        pages[page % 2] = lt_arena_new();
        rc = export_page(x, t, page == 0 ? &first : &next, pages[page % 2], keys, page == 0, &n, err);
    }
    lt_arena_free(pages[0]);
    lt_arena_free(pages[1]);
    return rc;
}

static enum lt_code export_tables(struct export *x, struct lt_error *err)
{
    for (size_t i = 0; i < lt_privacy_tables_n; i++) {
        const struct lt_privacy_table *t = &lt_privacy_tables[i];
        struct lt_str *names;
        size_t n;
        if (t->of != LT_OF_USER || t->only_erased)
            continue;
        if (lt_privacy_names(x->store, x->arena, t, &names, &n, err) || (n > 0 && export_table(x, t, err)))
            return lt_error_wrap(err, "%s", t->table);
    }
    return LT_OK;
}

/* ---- all of it ---- */

static enum lt_code export_all(struct export *x, const struct lt_site *site, const char *uuid, struct lt_error *err)
{
    struct lt_jw w = begin_line(x, "export");
    lt_jw_kstrz(&w, "id", uuid);
    lt_jw_kstr(&w, "site", site->slug);
    lt_jw_kstr(&w, "user_id", x->words.user_id);
    put_time(&w, "created_at", lt_now_ms());
    if (end_line(x, &w, err) || export_calls(x, err) || export_tables(x, err))
        return err->code;
    w = begin_line(x, "end");
    lt_jw_kint(&w, "calls", x->calls);
    lt_jw_kint(&w, "records", x->records);
    return end_line(x, &w, err);
}

static enum lt_code record(struct export *x, const char *uuid, const struct lt_error *why, struct lt_error *err)
{
    struct lt_tx *tx = lt_tx_new();
    LT_TX(tx, "UPDATE privacy_job SET state = $1, code = $2, calls = $3, records = $4, completed_at = $5 WHERE uuid = $6",
          LT_TEXTZ(why->code ? "failed" : "done"), LT_TEXTZ(why->code ? lt_code_name(why->code) : ""), LT_INT(x->calls), LT_INT(x->records),
          LT_INT(lt_now_ms()), LT_TEXTZ(uuid));
    return lt_store_write(x->store, tx, err); /* also when whoever asked has left */
}

enum lt_code lt_privacy_export(struct lt_store *store, const struct lt_site *site, struct lt_str user_id, struct lt_str asked_by,
                               lt_privacy_sink sink, void *ctx, struct lt_error *err)
{
    char uuid[37];
    if (lt_privacy_check_user(user_id, err))
        return err->code;
    struct export x = {.store = store, .arena = lt_arena_new(), .sink = sink, .ctx = ctx};
    x.words = (struct lt_privacy_words){.site_id = site->id, .user_id = user_id, .cut = INT64_MAX};
    lt_buf_init(&x.line, LT_PRIVACY_LINE_MAX);
    struct lt_tx *tx = lt_tx_new();
    lt_privacy_job_add(tx, site, "export", user_id, asked_by, uuid);
    enum lt_code rc = lt_store_write(store, tx, err);
    if (rc == LT_OK) {
        struct lt_error why = {0}, own;
        rc = export_all(&x, site, uuid, &why);
        record(&x, uuid, &why, &own);
        if (rc)
            *err = why;
    }
    lt_buf_free(&x.line);
    lt_arena_free(x.arena);
    return rc;
}
