/* Rows of lists: what describes them, what is found in them, their order, their cursor, their table. Fuzzed by tests/fuzz/fuzz_values.c. */
#include <stdlib.h>

#include "api/list.h"
#include "base/secret.h"
#include "text/csv.h"
#include "text/fold.h"

enum { KEY_MAX = 200 /* bytes of a text that count for the order; rows that are alike so far follow their ids */, CELL_MAX = LT_REPLY_MAX };
enum { RANK_NONE, RANK_BOOL, RANK_NUMBER, RANK_TEXT };

/* ---- the description ---- */

static struct lt_list_column column_of(struct lt_str word)
{
    struct lt_str type = word, name = lt_str_cut(&type, ':');
    struct lt_list_column c = {.time = lt_str_is(type, "time")};
    for (; name.n > 0 && memchr("+^!", name.p[0], 3); name = (struct lt_str){name.p + 1, name.n - 1}) {
        c.sorts |= name.p[0] != '!';
        c.by_handler |= name.p[0] == '^';
        c.hidden |= name.p[0] == '!';
    }
    c.name = name;
    return c;
}

bool lt_list_spec(const char *text, struct lt_list_spec *ret)
{
    struct lt_str rest = lt_str(text);
    *ret = (struct lt_list_spec){.array = lt_str_cut(&rest, ' ')};
    while (rest.n > 0 && ret->n < LT_LIST_COLUMNS_MAX) {
        ret->columns[ret->n] = column_of(lt_str_cut(&rest, ' '));
        if (ret->columns[ret->n++].name.n == 0)
            return false;
    }
    return rest.n == 0 && ret->n > 0 && ret->array.n > 0;
}

const struct lt_json *lt_list_cell(const struct lt_list_spec *spec, const struct lt_json *row, size_t column)
{
    if (lt_json_is(row, LT_JSON_OBJECT))
        return lt_json_get_str(row, spec->columns[column].name);
    return column == 0 ? row : NULL;
}

/* ---- searching ---- */

static bool contains(const struct lt_json *v, struct lt_str q)
{
    if (lt_json_is(v, LT_JSON_STRING))
        return lt_fold_contains(lt_json_str(v), q);
    if (!lt_json_is(v, LT_JSON_OBJECT) && !lt_json_is(v, LT_JSON_ARRAY))
        return false;
    for (size_t i = 0; i < lt_json_len(v); i++)
        if (contains(lt_json_at(v, i), q))
            return true;
    return false;
}

bool lt_list_row_matches(const struct lt_list_spec *spec, const struct lt_json *row, struct lt_str q)
{
    const struct lt_json *id = lt_list_cell(spec, row, 0);
    if (q.n == 0 || (lt_json_is(id, LT_JSON_NUMBER) && lt_str_eq(lt_json_number_text(id), q)))
        return true;
    for (size_t i = 0; i < spec->n; i++)
        if (!spec->columns[i].time && !spec->columns[i].hidden && contains(lt_list_cell(spec, row, i), q))
            return true;
    return false;
}

/* ---- order ---- */

static struct lt_str folded(struct lt_arena *arena, struct lt_str text)
{
    struct lt_buf out;
    lt_buf_init(&out, 4 * KEY_MAX);
    text.n = lt_utf8_whole(text.p, text.n < KEY_MAX ? text.n : KEY_MAX);
    lt_fold(&out, text);
    struct lt_str key = lt_str_copy(arena, lt_buf_str(&out));
    lt_buf_free(&out);
    return key;
}

struct lt_list_key lt_list_key(struct lt_arena *arena, const struct lt_json *v, bool exact)
{
    struct lt_list_key key = {.rank = RANK_NONE};
    if (lt_json_is(v, LT_JSON_BOOL)) {
        key = (struct lt_list_key){.rank = RANK_BOOL, .is_int = true, .i = lt_json_bool_or(v, false)};
    } else if (lt_json_is(v, LT_JSON_NUMBER)) {
        key = (struct lt_list_key){.rank = RANK_NUMBER, .d = lt_json_double_or(v, 0)};
        key.is_int = lt_json_int64(v, &key.i);
    } else if (lt_json_is(v, LT_JSON_STRING)) {
        key.rank = RANK_TEXT;
        key.text = exact ? lt_str_copy(arena, lt_json_str(v)) : folded(arena, lt_json_str(v));
    }
    return key;
}

static int compare(const struct lt_list_key *a, const struct lt_list_key *b)
{
    if (a->rank != b->rank)
        return a->rank - b->rank;
    if (a->rank == RANK_TEXT)
        return lt_str_compare(a->text, b->text);
    if (a->is_int && b->is_int)
        return (a->i > b->i) - (a->i < b->i);
    return (a->d > b->d) - (a->d < b->d);
}

int lt_list_row_compare(const void *a, const void *b)
{
    const struct lt_list_row *x = a, *y = b;
    int order = compare(&x->key, &y->key);
    return x->sign * (order ? order : compare(&x->id, &y->id));
}

/* ---- cursors: [sort, key, id] ---- */

static void put_key(struct lt_jw *w, const struct lt_list_key *key)
{
    if (key->rank == RANK_NONE)
        lt_jw_null(w);
    else if (key->rank == RANK_BOOL)
        lt_jw_bool(w, key->i != 0);
    else if (key->rank == RANK_TEXT)
        lt_jw_str(w, key->text);
    else if (key->is_int)
        lt_jw_int(w, key->i);
    else
        lt_jw_double(w, key->d);
}

struct lt_str lt_list_cursor(struct lt_arena *arena, struct lt_str sort, const struct lt_list_row *last)
{
    struct lt_buf out;
    struct lt_jw w;
    lt_buf_init(&out, 64 * 1024);
    lt_jw_init(&w, &out);
    lt_jw_arr(&w);
    lt_jw_str(&w, sort);
    put_key(&w, &last->key);
    put_key(&w, &last->id);
    lt_jw_end(&w);
    struct lt_str cursor = lt_base64url(arena, out.p, out.n);
    lt_buf_free(&out);
    return cursor;
}

bool lt_list_cursor_read(struct lt_arena *arena, struct lt_str cursor, struct lt_str sort, struct lt_list_row *ret)
{
    struct lt_str text;
    const struct lt_json *v;
    if (!lt_base64url_decode(arena, cursor, &text) || lt_json_parse(arena, text, LT_JSON_STRICT, &v, NULL) || !lt_json_is(v, LT_JSON_ARRAY) ||
        lt_json_len(v) != 3 || !lt_str_eq(lt_json_str_or(lt_json_at(v, 0), LT_STR("")), sort))
        return false;
    ret->key = lt_list_key(arena, lt_json_at(v, 1), true); /* it was folded before */
    ret->id = lt_list_key(arena, lt_json_at(v, 2), true);
    return true;
}

/* ---- as a table ---- */

static void put_cell(struct lt_csv_row *line, const struct lt_json *v)
{
    int64_t i;
    struct lt_buf text;
    if (lt_json_is(v, LT_JSON_STRING)) {
        lt_csv_text(line, lt_json_str(v));
    } else if (lt_json_is(v, LT_JSON_BOOL)) {
        lt_csv_text(line, lt_json_bool_or(v, false) ? LT_STR("yes") : LT_STR("no"));
    } else if (lt_json_int64(v, &i)) {
        lt_csv_int(line, i);
    } else {
        lt_buf_init(&text, CELL_MAX);
        if (v && lt_json_type(v) != LT_JSON_NULL)
            lt_json_write(&text, v);
        lt_csv_text(line, lt_buf_str(&text));
        lt_buf_free(&text);
    }
}

static void put_line(struct lt_buf *out, const struct lt_list_spec *spec, const struct lt_json *row)
{
    struct lt_csv_row line = lt_csv_row(out);
    for (size_t i = 0; i < spec->n; i++)
        if (!spec->columns[i].hidden)
            put_cell(&line, lt_list_cell(spec, row, i));
    lt_csv_row_end(&line);
}

size_t lt_list_write_csv(struct lt_buf *out, const struct lt_list_spec *spec, const struct lt_list_row *rows, size_t n)
{
    struct lt_csv_row head = lt_csv_row(out);
    for (size_t i = 0; i < spec->n; i++)
        if (!spec->columns[i].hidden)
            lt_csv_text(&head, spec->columns[i].name);
    lt_csv_row_end(&head);
    for (size_t i = 0; i < n; i++) {
        size_t before = out->n;
        struct lt_arena *arena = lt_arena_new();
        const struct lt_json *row = NULL;
        lt_json_parse(arena, rows[i].json, LT_JSON_STRICT, &row, NULL); /* we wrote it */
        put_line(out, spec, row);
        lt_arena_free(arena);
        if (out->failed) { /* half a row is none */
            out->n = before;
            out->failed = false;
            return i;
        }
    }
    return n;
}
