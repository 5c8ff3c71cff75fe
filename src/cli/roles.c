/* lectern role: who is what in which course. */
#include <stdio.h>

#include "cli/cli.h"
#include "cli/text_file.h"
#include "core/course_role.h"
#include "text/csv.h"

enum { FILE_MAX = 32 << 20, PROBLEMS_MAX = 1000 /* named one by one; the rest is counted */ };

/* The operator of the machine gives anything. */
static const struct lt_role_giver operator_of_cli = {.who = {"cli", 3}, .may_give = (2u << LT_ROLE_ADMIN) - 1};

static struct lt_str option(struct lt_cli *cli, const char *name)
{
    return lt_str(lt_cli_option(cli, name)); /* p NULL when absent */
}

/* ---- list, add, remove ---- */

static void put_role(struct lt_jw *w, const struct lt_course_role *r)
{
    lt_jw_obj(w);
    lt_jw_kint(w, "id", r->id);
    lt_jw_kstr(w, "user_id", r->user_id);
    lt_jw_kstr(w, "course_id", r->course_id);
    lt_jw_kstrz(w, "role", lt_role_name(r->role));
    lt_cli_put_time(w, "created_at", r->created_at);
    lt_jw_kstr(w, "created_by", r->created_by);
    lt_jw_end(w);
}

int lt_cmd_role_list(struct lt_cli *cli)
{
    struct lt_error err;
    struct lt_course_role *rows;
    size_t n;
    int64_t after, limit, next;
    const struct lt_site *site = lt_cli_site(cli);
    if (!site)
        return LT_EXIT_FAILED;
    if (!lt_cli_number(cli, "after", 0, INT64_MAX, 0, &after) || !lt_cli_number(cli, "limit", 1, LT_COURSE_ROLE_PAGE_MAX, 50, &limit))
        return LT_EXIT_USAGE;
    struct lt_course_role_filter filter = {
        .site_id = site->id, .user_id = option(cli, "user"), .course_id = option(cli, "course"), .after = after, .limit = (int)limit};
    if (lt_course_role_list(cli->store, cli->arena, &filter, &rows, &n, &next, &err))
        return lt_cli_fail(cli, &err);
    lt_jw_obj(&cli->w);
    lt_jw_key(&cli->w, "roles");
    lt_jw_arr(&cli->w);
    for (size_t i = 0; i < n; i++)
        put_role(&cli->w, &rows[i]);
    lt_jw_end(&cli->w);
    lt_jw_key(&cli->w, "next"); /* for --after */
    if (next)
        lt_jw_int(&cli->w, next);
    else
        lt_jw_null(&cli->w);
    lt_jw_end(&cli->w);
    return lt_cli_print(cli, "id,user_id,course_id,role,created_at,created_by");
}

static struct lt_course_role row_of(struct lt_str user, struct lt_str course, struct lt_str role)
{
    return (struct lt_course_role){.user_id = user, .course_id = course, .role = (enum lt_role)lt_role_parse(role)};
}

typedef enum lt_code (*change_fn)(struct lt_store *store, int64_t site_id, const struct lt_role_giver *giver, const struct lt_course_role *row,
                                  struct lt_error *err);

static int change(struct lt_cli *cli, change_fn fn)
{
    struct lt_error err;
    struct lt_course_role row = row_of(cli->operands[0], option(cli, "course"), cli->operands[1]);
    const struct lt_site *site = lt_cli_site(cli);
    if (!site)
        return LT_EXIT_FAILED;
    if (fn(cli->store, site->id, &operator_of_cli, &row, &err))
        return lt_cli_fail(cli, &err);
    return lt_cli_done(cli, NULL, NULL, "Done.");
}

int lt_cmd_role_add(struct lt_cli *cli)
{
    return change(cli, lt_course_role_add);
}

int lt_cmd_role_remove(struct lt_cli *cli)
{
    return change(cli, lt_course_role_remove);
}

/* ---- import ---- */

enum column { USER_ID, COURSE_ID, ROLE, COLUMNS };
static const char *const column_names[COLUMNS] = {"user_id", "course_id", "role"};

struct import {
    struct lt_cli *cli;
    struct lt_csv csv;
    struct lt_csv_record record;
    size_t place[COLUMNS];      /* of each column in a record */
    struct lt_course_role *rows;
    size_t rows_n;
    struct lt_buf lines_text;   /* array of {"line", "detail"} */
    struct lt_jw lines;
    size_t wrong;               /* lines */
};

static void complain(struct import *in, size_t line, const char *field, const char *detail)
{
    if (++in->wrong > PROBLEMS_MAX)
        return;
    struct lt_str text = lt_printf(in->cli->arena, "%s%s%s", field, *field ? ": " : "", detail);
    fprintf(stderr, "line %zu: %.*s\n", line, LT_FMT(text));
    lt_jw_obj(&in->lines);
    lt_jw_kint(&in->lines, "line", (int64_t)line);
    lt_jw_kstr(&in->lines, "detail", text);
    lt_jw_end(&in->lines);
}

/* The columns in any order, each once, and no others. */
static bool read_header(struct import *in)
{
    const struct lt_csv_record *r = &in->record;
    unsigned seen = 0;
    bool right = lt_csv_next(&in->csv, in->cli->arena, &in->record) && !r->wrong && r->n == COLUMNS;
    for (size_t i = 0; right && i < COLUMNS; i++)
        for (int c = 0; c < COLUMNS; c++)
            if (lt_str_is(r->fields[i], column_names[c])) {
                in->place[c] = i;
                seen |= 1u << c;
            }
    if (seen != (1u << COLUMNS) - 1)
        complain(in, 1, "", "the first line must name the columns user_id,course_id,role");
    return in->wrong == 0;
}

static void read_row(struct import *in)
{
    const struct lt_csv_record *r = &in->record;
    struct lt_error err;
    char detail[64];
    if (r->wrong) {
        complain(in, r->wrong_line, "", r->wrong);
        return;
    }
    if (r->n != COLUMNS) {
        snprintf(detail, sizeof(detail), "there are %zu fields instead of %d", r->n, COLUMNS);
        complain(in, r->line, "", detail);
        return;
    }
    struct lt_course_role row = row_of(r->fields[in->place[USER_ID]], r->fields[in->place[COURSE_ID]], r->fields[in->place[ROLE]]);
    if (lt_course_role_check(&operator_of_cli, &row, &err))
        complain(in, r->line, err.field + 1, err.detail);
    else if (in->rows_n < LT_COURSE_ROLE_IMPORT_MAX)
        in->rows[in->rows_n++] = row;
    else
        in->rows_n = LT_COURSE_ROLE_IMPORT_MAX + 1; /* too many, said once, at the end */
}

static int refuse(struct import *in)
{
    struct lt_cli *cli = in->cli;
    struct lt_str detail = lt_printf(cli->arena, "%zu line%s wrong; nothing was saved", in->wrong, in->wrong == 1 ? " is" : "s are");
    fprintf(stderr, "lectern: %.*s (%s)\n", LT_FMT(detail), lt_code_name(LT_EINVALID_INPUT));
    if (!cli->json)
        return LT_EXIT_FAILED;
    lt_jw_obj(&cli->w);
    lt_jw_key(&cli->w, "error");
    lt_jw_obj(&cli->w);
    lt_jw_kstrz(&cli->w, "code", lt_code_name(LT_EINVALID_INPUT));
    lt_jw_kstr(&cli->w, "detail", detail);
    lt_jw_key(&cli->w, "lines");
    lt_jw_end(&in->lines);
    lt_jw_raw(&cli->w, lt_buf_str(&in->lines_text));
    lt_jw_end(&cli->w);
    lt_jw_end(&cli->w);
    lt_cli_print(cli, NULL);
    return LT_EXIT_FAILED;
}

static int save(struct import *in, int64_t site_id)
{
    struct lt_cli *cli = in->cli;
    struct lt_error err;
    if (lt_course_role_import(cli->store, site_id, &operator_of_cli, in->rows, in->rows_n, lt_cli_option(cli, "replace") != NULL, &err))
        return lt_cli_fail(cli, &err);
    if (!cli->json)
        return lt_cli_done(cli, NULL, NULL, "The roles of %zu lines are there.", in->rows_n);
    lt_jw_obj(&cli->w);
    lt_jw_kbool(&cli->w, "ok", true);
    lt_jw_kint(&cli->w, "rows", (int64_t)in->rows_n);
    lt_jw_end(&cli->w);
    return lt_cli_print(cli, NULL);
}

int lt_cmd_role_import(struct lt_cli *cli)
{
    struct lt_error err;
    struct lt_str text;
    const struct lt_site *site = lt_cli_site(cli);
    if (!site)
        return LT_EXIT_FAILED;
    if (lt_text_file(cli->arena, lt_strz(cli->arena, cli->operands[0]), FILE_MAX, &text, &err))
        return lt_cli_fail(cli, &err);
    struct import *in = LT_NEW(cli->arena, struct import);
    in->cli = cli;
    in->rows = LT_NEW_ARRAY(cli->arena, struct lt_course_role, LT_COURSE_ROLE_IMPORT_MAX);
    lt_csv_open(&in->csv, text);
    lt_buf_init(&in->lines_text, 1 << 20);
    lt_jw_init(&in->lines, &in->lines_text);
    lt_jw_arr(&in->lines);
    if (read_header(in))
        while (lt_csv_next(&in->csv, cli->arena, &in->record))
            read_row(in);
    int rc = in->wrong > 0 ? refuse(in) : save(in, site->id);
    lt_buf_free(&in->lines_text);
    return rc;
}

/* ---- export ---- */

static void print_csv(const struct lt_course_role *r)
{
    struct lt_buf line;
    lt_buf_init(&line, 8 * LT_COURSE_ROLE_TEXT_MAX);
    lt_csv_put(&line, r->user_id);
    lt_buf_putc(&line, ',');
    lt_csv_put(&line, r->course_id);
    lt_buf_putc(&line, ',');
    lt_csv_put(&line, lt_str(lt_role_name(r->role)));
    lt_buf_putc(&line, '\n');
    fwrite(line.p, 1, line.n, stdout); /* main.c says when that failed */
    lt_buf_free(&line);
}

int lt_cmd_role_export(struct lt_cli *cli)
{
    struct lt_error err;
    const struct lt_site *site = lt_cli_site(cli);
    if (!site)
        return LT_EXIT_FAILED;
    struct lt_course_role_filter page = {.site_id = site->id, .limit = LT_COURSE_ROLE_PAGE_MAX};
    if (cli->json)
        lt_jw_arr(&cli->w);
    do {
        struct lt_arena *arena = lt_arena_new();
        struct lt_course_role *rows;
        size_t n;
        bool first = page.after == 0;
        if (lt_course_role_list(cli->store, arena, &page, &rows, &n, &page.after, &err)) {
            lt_arena_free(arena);
            return lt_cli_fail(cli, &err);
        }
        if (!cli->json && first)
            printf("user_id,course_id,role\n");
        for (size_t i = 0; i < n; i++)
            if (cli->json)
                put_role(&cli->w, &rows[i]);
            else
                print_csv(&rows[i]);
        lt_arena_free(arena);
    } while (page.after > 0);
    if (!cli->json)
        return LT_EXIT_OK;
    lt_jw_end(&cli->w);
    return lt_cli_print(cli, NULL);
}
