/*
 * Lists with q, sort and format=csv. The rows come from the route's own handler, a page at a time, whose answer lt_reply() hands over instead of
 * sending it (r->captured). In the list's own order a page's `next` is the list's own cursor, so it goes on where it ended whatever came or went.
 * Sorted in memory it is the last row's key and id: every row is looked at, the best `limit` behind that are kept. So no page is slower than another.
 */
#include "api/list.h"

#include <stdio.h>
#include <stdlib.h>

#include "text/fold.h"

enum { STEP = 1000 /* rows asked of a handler at once */, CURSOR_MAX = 8 * 1024 };

struct list {
    struct lt_request *r;
    struct lt_list_spec *spec;
    const char *cursor;         /* "after" or "before"; NULL: a list without pages */
    int step;                   /* rows of a page of the handler */
    bool csv, down;
    struct lt_str q, sort;      /* folded; as asked */
    int column;                 /* sorted by it in memory; -1: in the list's own order */
    struct lt_list_row behind;  /* a page begins behind this row, when `goes_on` */
    bool goes_on;
    size_t limit;
    struct lt_list_row *rows;
    size_t n, cap, bytes, seen;
    struct lt_arena *texts;     /* of the rows that are kept, when they are sorted in memory */
    bool full, more;            /* no more are wanted; there are more */
    struct lt_str last;         /* JSON of the id of the row that was looked at last */
    struct lt_str around;       /* the handler's first answer, for its other members */
};

static int parameter_max(const char *query, const char *name)
{
    int64_t max;
    struct lt_str rest = lt_str(query);
    while (rest.n > 0) {
        struct lt_str range = lt_str_cut(&rest, ' ');
        if (lt_str_is(lt_str_cut(&range, ':'), name)) {
            lt_str_cut(&range, '.');
            lt_str_cut(&range, '.');
            return lt_str_to_int64(range, &max) ? (int)max : 1;
        }
    }
    return 0;
}

bool lt_list_asked(struct lt_request *r)
{
    struct lt_str value, query = r->http->head.query;
    return r->route->list && query.n > 0 &&
           (lt_query_get(r->arena, query, "q", &value) || lt_query_get(r->arena, query, "sort", &value) ||
            lt_query_get(r->arena, query, "format", &value));
}

/* ---- what is asked ---- */

static enum lt_code refuse_sort(const struct lt_list_spec *spec, struct lt_error *err)
{
    struct lt_buf names;
    lt_buf_init(&names, 512);
    for (size_t i = 0; i < spec->n; i++)
        if (spec->columns[i].sorts)
            lt_buf_printf(&names, "%s%.*s", names.n > 0 ? ", " : "", LT_FMT(spec->columns[i].name));
    if (names.n > 0)
        lt_fail_field(err, LT_EINVALID_INPUT, "/sort", "must be one of %.*s; - before it: downwards", LT_FMT(lt_buf_str(&names)));
    else
        lt_fail_field(err, LT_EINVALID_INPUT, "/sort", "this list keeps its order");
    lt_buf_free(&names);
    return err->code;
}

static enum lt_code read_sort(struct list *l, struct lt_error *err)
{
    l->sort = lt_query(l->r, "sort");
    l->down = lt_str_starts(l->sort, LT_STR("-"));
    l->column = -1;
    if (l->sort.n == 0)
        return LT_OK;
    struct lt_str name = {l->sort.p + l->down, l->sort.n - l->down};
    for (size_t i = 0; i < l->spec->n; i++)
        if (l->spec->columns[i].sorts && lt_str_eq(l->spec->columns[i].name, name)) {
            l->column = l->spec->columns[i].by_handler ? -1 : (int)i;
            return LT_OK;
        }
    return refuse_sort(l->spec, err);
}

static enum lt_code read_q(struct list *l, struct lt_error *err)
{
    struct lt_buf q;
    struct lt_str text = lt_query(l->r, "q");
    if (text.n > LT_LIST_Q_MAX || !lt_utf8_valid(text.p, text.n))
        return lt_fail_field(err, LT_EINVALID_INPUT, "/q", "must be at most %d bytes of UTF-8", LT_LIST_Q_MAX);
    lt_buf_init(&q, 4 * LT_LIST_Q_MAX);
    lt_fold(&q, text);
    l->q = lt_str_copy(l->r->arena, lt_buf_str(&q));
    lt_buf_free(&q);
    return LT_OK;
}

static enum lt_code read_form(struct list *l, struct lt_error *err)
{
    struct lt_str format = lt_query(l->r, "format");
    l->csv = lt_str_is(format, "csv");
    if (format.n > 0 && !l->csv && !lt_str_is(format, "json"))
        return lt_fail_field(err, LT_EINVALID_INPUT, "/format", "must be json or csv");
    return LT_OK;
}

/* Of a file: the whole, whatever the page. */
static enum lt_code read_page(struct list *l, struct lt_error *err)
{
    const char *query = l->r->route->query ? l->r->route->query : "";
    int max = parameter_max(query, "limit"), limit = LT_LIST_SCAN_MAX;
    l->cursor = max == 0 ? NULL : parameter_max(query, "after") ? "after" : "before";
    if (l->cursor && lt_query_limit(l->r, max < LT_LIST_LIMIT ? max : LT_LIST_LIMIT, max, &limit, err))
        return err->code;
    l->limit = l->csv ? LT_LIST_CSV_MAX : (size_t)limit;
    l->step = max < STEP ? max : STEP;
    if (l->q.n == 0 && l->column < 0 && limit < l->step && !l->csv)
        l->step = limit; /* all of them will be shown */
    struct lt_str cursor = l->cursor ? lt_query(l->r, l->cursor) : LT_STR("");
    l->goes_on = cursor.n > 0 && !l->csv;
    if (!l->goes_on || l->column < 0)
        return LT_OK;
    l->behind.sign = l->down ? -1 : 1;
    if (cursor.n <= CURSOR_MAX && lt_list_cursor_read(l->r->arena, cursor, l->sort, &l->behind))
        return LT_OK;
    char field[32];
    snprintf(field, sizeof(field), "/%s", l->cursor);
    return lt_fail_field(err, LT_EINVALID_INPUT, field, "must be `next` of the answer before, with the same `sort`");
}

static enum lt_code read_query(struct list *l, struct lt_error *err)
{
    if (!lt_list_spec(l->r->route->list, l->spec))
        return lt_fail(err, LT_EINTERNAL, "the list is not described");
    return read_sort(l, err) || read_q(l, err) || read_form(l, err) ? err->code : read_page(l, err);
}

/* ---- rows from the handler ---- */

/* Its answer to one page; {NULL, 0}: it has answered an error. */
static struct lt_str ask(struct list *l, struct lt_arena *arena, struct lt_str cursor)
{
    struct lt_buf query;
    struct lt_request read = *l->r;
    struct lt_str answer = LT_STR_NULL, kept = l->r->http->head.query;
    read.arena = arena;
    read.captured = &answer;
    lt_buf_init(&query, 256 * 1024);
    if (l->cursor) {
        lt_buf_printf(&query, "limit=%d&%s=", l->step, l->cursor);
        for (size_t i = 0; i < cursor.n; i++)
            lt_buf_printf(&query, "%%%02X", (unsigned char)cursor.p[i]);
    }
    lt_buf_printf(&query, "&%.*s", LT_FMT(kept)); /* the first of a name counts */
    l->r->http->head.query = lt_buf_str(&query);
    read.route->handle(&read);
    l->r->http->head.query = kept;
    lt_buf_free(&query);
    l->r->refused = read.refused;
    l->r->etag_of = read.etag_of.p ? lt_str_copy(l->r->arena, read.etag_of) : read.etag_of;
    return answer;
}

/* ---- keeping them ---- */

/* Only the first `limit` and one more, which says that there are more. */
static void drop_rest(struct list *l)
{
    struct lt_arena *texts = lt_arena_new();
    if (l->n > 0)
        qsort(l->rows, l->n, sizeof(*l->rows), lt_list_row_compare);
    l->more |= l->n > l->limit;
    l->n = l->n > l->limit ? l->limit : l->n;
    l->bytes = 0;
    for (size_t i = 0; i < l->n; i++) {
        struct lt_list_row *row = &l->rows[i];
        row->json = lt_str_copy(texts, row->json);
        row->key.text = lt_str_copy(texts, row->key.text);
        row->id.text = lt_str_copy(texts, row->id.text);
        l->bytes += row->json.n;
    }
    lt_arena_free(l->texts);
    l->texts = texts;
}

static struct lt_list_row *add_row(struct list *l)
{
    if (l->n == l->cap) {
        size_t cap = l->cap ? 2 * l->cap : 128;
        struct lt_list_row *rows = LT_NEW_ARRAY(l->r->arena, struct lt_list_row, cap);
        if (l->n > 0)
            memcpy(rows, l->rows, l->n * sizeof(*rows));
        l->rows = rows;
        l->cap = cap;
    }
    return &l->rows[l->n++];
}

static enum lt_code keep(struct list *l, const struct lt_json *json, struct lt_error *err)
{
    struct lt_list_row row = {.sign = l->down ? -1 : 1};
    if (l->column >= 0) {
        row.key = lt_list_key(l->texts, lt_list_cell(l->spec, json, (size_t)l->column), false);
        row.id = (struct lt_list_key){.is_int = true, .i = (int64_t)l->seen * row.sign}; /* without a cursor: as they came */
        if (l->cursor)
            row.id = lt_list_key(l->texts, lt_list_cell(l->spec, json, 0), true);
        if (l->goes_on && lt_list_row_compare(&row, &l->behind) <= 0)
            return LT_OK;
    }
    row.json = lt_json_text(l->texts, json);
    l->bytes += row.json.n;
    *add_row(l) = row;
    if (l->column < 0)
        l->full = l->n == l->limit || (l->csv && l->bytes > LT_LIST_KEEP_MAX);
    else if (l->n > 2 * l->limit || l->bytes > LT_LIST_KEEP_MAX)
        drop_rest(l);
    if (l->bytes <= LT_LIST_KEEP_MAX || l->full)
        return LT_OK;
    return lt_fail_field(err, LT_EINVALID_INPUT, l->csv ? "/sort" : "/limit", "the rows have more than %d bytes: ask for fewer", LT_LIST_KEEP_MAX);
}

static enum lt_code take(struct list *l, const struct lt_json *rows, bool last_page, struct lt_error *err)
{
    size_t n = lt_json_len(rows);
    for (size_t i = 0; i < n && !l->full; i++) {
        const struct lt_json *row = lt_json_at(rows, i);
        l->seen++;
        if (lt_list_row_matches(l->spec, row, l->q) && keep(l, row, err))
            return err->code;
        if (l->full || i + 1 == n)
            l->last = lt_json_text(l->r->arena, lt_list_cell(l->spec, row, 0));
        if (l->full)
            l->more = i + 1 < n || !last_page;
    }
    if (l->column >= 0 && l->seen > LT_LIST_SCAN_MAX)
        return lt_fail_field(err, LT_EINVALID_INPUT, "/sort", "more than %d rows are not sorted: choose fewer by the list's own parameters",
                             LT_LIST_SCAN_MAX);
    return LT_OK;
}

static struct lt_str cursor_text(struct lt_arena *arena, const struct lt_json *next)
{
    if (lt_json_is(next, LT_JSON_STRING))
        return lt_str_copy(arena, lt_json_str(next));
    return lt_json_is(next, LT_JSON_NUMBER) ? lt_str_copy(arena, lt_json_number_text(next)) : LT_STR("");
}

enum outcome { GOES_ON, ENDS, ANSWERED, FAILS };

/* One page of the handler; *cursor moves on. */
static enum outcome step(struct list *l, struct lt_str *cursor, struct lt_error *err)
{
    struct lt_arena *arena = lt_arena_new();
    const struct lt_json *answer = NULL;
    struct lt_str text = ask(l, arena, *cursor);
    enum outcome outcome = text.p ? GOES_ON : ANSWERED;
    if (text.p && (lt_json_parse(arena, text, LT_JSON_STRICT, &answer, err) ||
                   take(l, lt_json_get_str(answer, l->spec->array), cursor_text(arena, lt_json_get(answer, "next")).n == 0, err)))
        outcome = FAILS;
    if (outcome == GOES_ON) {
        *cursor = cursor_text(l->r->arena, l->cursor ? lt_json_get(answer, "next") : NULL);
        outcome = cursor->n == 0 || l->full ? ENDS : GOES_ON;
        if (!l->around.p)
            l->around = lt_str_copy(l->r->arena, text);
    }
    lt_arena_free(arena);
    return outcome;
}

/* Fills l->rows. In the list's own order it ends when that takes too long: what is behind is behind `last`. */
static enum outcome scan(struct list *l, struct lt_error *err)
{
    uint64_t until = lt_mono_ms() + (l->csv ? LT_LIST_LOOK_CSV_MS : LT_LIST_LOOK_MS);
    struct lt_str cursor = l->goes_on && l->column < 0 ? lt_query(l->r, l->cursor) : LT_STR("");
    for (;;) {
        enum outcome outcome = step(l, &cursor, err);
        if (outcome != GOES_ON)
            return outcome;
        if (lt_mono_ms() >= until && l->column < 0) {
            l->more = true;
            return ENDS;
        }
        if (lt_fiber_sleep(0) == LT_ECANCELLED) {
            lt_fail(err, LT_ECANCELLED, "nobody waits for the list");
            return FAILS;
        }
    }
}

/* ---- answering ---- */

static void put_next(struct list *l, struct lt_jw *w)
{
    lt_jw_key(w, "next");
    if (!l->more || (l->column >= 0 && l->n == 0))
        lt_jw_null(w);
    else if (l->column >= 0)
        lt_jw_str(w, lt_list_cursor(l->r->arena, l->sort, &l->rows[l->n - 1]));
    else
        lt_jw_raw(w, l->last);
}

/* As the handler answers, with these rows. */
static void reply_json(struct list *l)
{
    struct lt_json_reply j;
    const struct lt_json *around = NULL;
    struct lt_jw *w = lt_json_begin(&j);
    lt_json_parse(l->r->arena, l->around, LT_JSON_STRICT, &around, NULL);
    lt_jw_obj(w);
    for (size_t i = 0; i < lt_json_len(around); i++) {
        struct lt_str key = lt_json_key_at(around, i);
        if (lt_str_eq(key, l->spec->array) || lt_str_is(key, "next") || lt_str_is(key, "count"))
            continue;
        lt_jw_key_str(w, key);
        lt_jw_json(w, lt_json_at(around, i));
    }
    lt_jw_key_str(w, l->spec->array);
    lt_jw_arr(w);
    for (size_t i = 0; i < l->n; i++)
        lt_jw_raw(w, l->rows[i].json);
    lt_jw_end(w);
    if (lt_json_get(around, "count"))
        lt_jw_kint(w, "count", (int64_t)l->n);
    if (l->cursor)
        put_next(l, w);
    lt_jw_end(w);
    lt_json_end(l->r, 200, &j);
}

/* One that holds not all of it says so in its name, and in a field of the head. */
static void reply_csv(struct list *l)
{
    struct lt_buf out;
    lt_buf_init(&out, LT_REPLY_MAX);
    size_t n = lt_list_write_csv(&out, l->spec, l->rows, l->n);
    struct lt_str name = l->spec->array;
    if (l->more || n < l->n) {
        struct lt_http_field *cut = LT_NEW(l->r->arena, struct lt_http_field);
        *cut = (struct lt_http_field){LT_STR("X-Lectern-Cut"), lt_printf(l->r->arena, "%zu", n)};
        lt_request_always(l->r, cut, 1);
        name = lt_printf(l->r->arena, "%.*s-first-%zu", LT_FMT(name), n);
    }
    lt_reply_file(l->r, "text/csv; charset=utf-8; header=present", name, "list", ".csv", lt_buf_str(&out));
    lt_buf_free(&out);
}

void lt_list_answer(struct lt_request *r)
{
    struct lt_error err;
    struct list *l = LT_NEW(r->arena, struct list);
    l->r = r;
    l->spec = LT_NEW(r->arena, struct lt_list_spec);
    if (read_query(l, &err)) {
        lt_reply_problem(r, &err, NULL);
        return;
    }
    l->texts = lt_arena_new();
    enum outcome outcome = scan(l, &err);
    if (outcome == ENDS && l->column >= 0)
        drop_rest(l);
    if (outcome == FAILS)
        lt_reply_problem(r, &err, NULL);
    else if (outcome == ENDS && l->csv)
        reply_csv(l);
    else if (outcome == ENDS)
        reply_json(l);
    lt_arena_free(l->texts);
}
