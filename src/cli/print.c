/* What commands print: JSON for programs, tables and lines for people, from the same JSON text. */
#include <stdio.h>

#include "base/clock.h"
#include "cli/cli.h"

enum { COLUMNS_MAX = 16, CELL_MAX = 60 };

/* Terminal columns: code points, near enough for names and numbers. */
static size_t width(struct lt_str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        n += ((unsigned char)s.p[i] & 0xC0) != 0x80;
    return n;
}

struct lt_str lt_cli_plain(struct lt_cli *cli, struct lt_str text, bool keep_lines)
{
    char *copy = lt_strz(cli->arena, text);
    for (size_t i = 0; i < text.n; i++)
        if (((unsigned char)copy[i] < 0x20 && !(keep_lines && copy[i] == '\n')) || copy[i] == 0x7F)
            copy[i] = ' ';
    return (struct lt_str){copy, text.n};
}

/* A value as a person reads it. */
static struct lt_str cell(struct lt_cli *cli, const struct lt_json *v, bool keep_lines)
{
    struct lt_str text = lt_json_is(v, LT_JSON_STRING) ? lt_json_str(v)
                         : !v || lt_json_is(v, LT_JSON_NULL) ? LT_STR("-")
                         : lt_json_is(v, LT_JSON_BOOL) ? lt_str(lt_json_bool_or(v, false) ? "yes" : "no")
                                                       : lt_json_text(cli->arena, v);
    return lt_cli_plain(cli, text, keep_lines);
}

static struct lt_str cut(struct lt_cli *cli, struct lt_str s)
{
    size_t n = 0, i = 0;
    while (i < s.n && n < CELL_MAX) {
        i++;
        while (i < s.n && ((unsigned char)s.p[i] & 0xC0) == 0x80)
            i++;
        n++;
    }
    return i < s.n ? lt_printf(cli->arena, "%.*s…", (int)i, s.p) : s;
}

static void print_cell(struct lt_str s, size_t to, bool last)
{
    printf("%.*s", LT_FMT(s));
    if (!last)
        printf("%*s", (int)(to - width(s)) + 2, "");
}

static void print_table(struct lt_cli *cli, const struct lt_json *rows, const char *columns)
{
    struct lt_str names[COLUMNS_MAX], rest = lt_str(columns);
    size_t n = 0, widths[COLUMNS_MAX];
    while (rest.n > 0 && n < COLUMNS_MAX) {
        names[n] = lt_str_cut(&rest, ',');
        widths[n] = width(names[n]);
        n++;
    }
    for (size_t r = 0; r < lt_json_len(rows); r++)
        for (size_t c = 0; c < n; c++) {
            size_t w = width(cut(cli, cell(cli, lt_json_get_str(lt_json_at(rows, r), names[c]), false)));
            widths[c] = w > widths[c] ? w : widths[c];
        }
    for (size_t c = 0; c < n; c++)
        print_cell(names[c], widths[c], c + 1 == n);
    printf("\n");
    for (size_t r = 0; r < lt_json_len(rows); r++) {
        for (size_t c = 0; c < n; c++)
            print_cell(cut(cli, cell(cli, lt_json_get_str(lt_json_at(rows, r), names[c]), false)), widths[c], c + 1 == n);
        printf("\n");
    }
    if (lt_json_len(rows) == 0)
        printf("(none)\n");
}

static void print_lines(struct lt_cli *cli, const struct lt_json *object)
{
    size_t widest = 0;
    for (size_t i = 0; i < lt_json_len(object); i++) {
        size_t w = width(lt_json_key_at(object, i));
        widest = w > widest ? w : widest;
    }
    for (size_t i = 0; i < lt_json_len(object); i++) {
        struct lt_str key = lt_json_key_at(object, i), value = cell(cli, lt_json_at(object, i), true);
        bool lines = value.n > 0 && memchr(value.p, '\n', value.n);
        printf("%.*s:%*s%s%.*s\n", LT_FMT(key), (int)(widest - width(key)) + 1, "", lines ? "\n" : "", LT_FMT(value));
    }
}

void lt_cli_put_time(struct lt_jw *w, const char *key, int64_t ms)
{
    char text[25] = "";
    if (ms != 0)
        lt_time_format(ms, text);
    lt_jw_kstrz(w, key, text);
}

/* An array, or an object with it: as `rows`, or its first array. */
static const struct lt_json *rows_of(const struct lt_json *v)
{
    const struct lt_json *rows = lt_json_is(v, LT_JSON_ARRAY) ? v : lt_json_get(v, "rows");
    for (size_t i = 0; !rows && i < lt_json_len(v); i++)
        if (lt_json_is(lt_json_at(v, i), LT_JSON_ARRAY))
            rows = lt_json_at(v, i);
    return rows;
}

int lt_cli_print(struct lt_cli *cli, const char *columns)
{
    const struct lt_json *v;
    struct lt_error err;
    if (cli->json && !cli->out.failed) {
        printf("%.*s\n", LT_FMT(lt_buf_str(&cli->out)));
        return LT_EXIT_OK;
    }
    if (cli->out.failed || lt_json_parse(cli->arena, lt_buf_str(&cli->out), LT_JSON_STRICT, &v, &err)) {
        lt_fail(&err, LT_EINTERNAL, "there is too much to print");
        return lt_cli_fail(cli, &err);
    }
    if (columns)
        print_table(cli, rows_of(v), columns);
    else
        print_lines(cli, v);
    return LT_EXIT_OK;
}

int lt_cli_done(struct lt_cli *cli, const char *key, const char *value, const char *format, ...)
{
    va_list args;
    if (cli->json) {
        lt_jw_obj(&cli->w);
        lt_jw_kbool(&cli->w, "ok", true);
        if (key)
            lt_jw_kstrz(&cli->w, key, value);
        lt_jw_end(&cli->w);
        return lt_cli_print(cli, NULL);
    }
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    printf("\n");
    return LT_EXIT_OK;
}

int lt_cli_fail(struct lt_cli *cli, const struct lt_error *err)
{
    fprintf(stderr, "lectern: %s%s%s (%s)\n", err->field, err->field[0] ? ": " : "", err->detail[0] ? err->detail : lt_code_text(err->code),
            lt_code_name(err->code));
    if (cli->json) {
        lt_buf_reset(&cli->out);
        lt_jw_init(&cli->w, &cli->out);
        lt_jw_obj(&cli->w);
        lt_jw_key(&cli->w, "error");
        lt_jw_obj(&cli->w);
        lt_jw_kstrz(&cli->w, "code", lt_code_name(err->code));
        lt_jw_kstrz(&cli->w, "detail", err->detail);
        if (err->field[0])
            lt_jw_kstrz(&cli->w, "field", err->field);
        lt_jw_end(&cli->w);
        lt_jw_end(&cli->w);
        lt_cli_print(cli, NULL);
    }
    return LT_EXIT_FAILED;
}
