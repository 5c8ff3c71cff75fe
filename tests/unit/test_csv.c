/* CSV: RFC 4180 §2 statement by statement, what is refused and where reading goes on, and that what is written reads back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "text/csv.h"

/* The records of a text as one line: fields in <>, records by "|", what is wrong as "!LINE reason". */
static const char *seen(const char *text, size_t n)
{
    static char out[8192];
    size_t at = 0;
    struct lt_arena *arena = lt_arena_new();
    struct lt_csv csv;
    struct lt_csv_record *r = LT_NEW(arena, struct lt_csv_record);
    char *copy = malloc(n ? n : 1); /* of its own, so that a byte too far is seen */
    memcpy(copy, text, n);
    out[0] = 0;
    lt_csv_open(&csv, (struct lt_str){copy, n});
    for (size_t records = 0; lt_csv_next(&csv, arena, r); records++) {
        assert_true(records <= n);
        at += (size_t)snprintf(out + at, sizeof(out) - at, "%s%zu", at ? "|" : "", r->line);
        if (r->wrong)
            at += (size_t)snprintf(out + at, sizeof(out) - at, "!%zu %s", r->wrong_line, r->wrong);
        for (size_t i = 0; i < r->n; i++)
            at += (size_t)snprintf(out + at, sizeof(out) - at, "<%.*s>", LT_FMT(r->fields[i]));
        assert_true(at < sizeof(out));
    }
    free(copy);
    lt_arena_free(arena);
    return out;
}

static const struct {
    const char *statement, *text, *records;
} statements[] = {
    {"each record on a line of its own, ended by CRLF", "a,b\r\nc,d\r\n", "1<a><b>|2<c><d>"},
    {"or by LF alone", "a,b\nc,d\n", "1<a><b>|2<c><d>"},
    {"the last record may have no line end", "a,b\nc,d", "1<a><b>|2<c><d>"},
    {"spaces are part of a field", " a , b ", "1< a >< b >"},
    {"the last field has no comma behind it: one there makes an empty field", "a,\n", "1<a><>"},
    {"fields may be empty", ",,\n", "1<><><>"},
    {"fields may be in quotes", "\"a\",\"b\"\n", "1<a><b>"},
    {"quotes hold commas, quotes and line ends", "\"a,b\",\"c\"\"d\",\"e\r\nf\"\ng", "1<a,b><c\"d><e\r\nf>|3<g>"},
    {"a doubled quote is one", "\"\"\"\"\n", "1<\">"},
    {"nothing in quotes is empty", "\"\",\"\"", "1<><>"},
    {"empty lines are no records", "\n\r\na\n\n\nb\n", "3<a>|6<b>"},
    {"a byte order mark is skipped", "\xEF\xBB\xBFuser_id,role\n", "1<user_id><role>"},
    {"nothing is no record", "", ""},
    {"a lone CR ends no line", "a\rb\n", "1<a\rb>"},
    {"a quote inside a bare field is refused", "a\"b,c\nd\n", "1!1 there is a quote inside a field that does not begin with one|2<d>"},
    {"a space does not open for a quote", "a, \"b\"\nd", "1!1 there is a quote inside a field that does not begin with one|2<d>"},
    {"text behind a closing quote is refused", "\"a\"b\nd\n", "1!1 there is text behind a closing quote|2<d>"},
    {"where in a record of many lines", "x,\"a\nb\"c,d\ne\n", "1!2 there is text behind a closing quote|3<e>"},
    {"an open quote swallows nothing but its line", "a,\"b\nc,d\n", "1!1 a quote is not closed|2<c><d>"},
    {"bytes that are not UTF-8 are refused", "a\xFF,b\nc\n", "1!1 the text is not UTF-8|2<c>"},
    {"in quotes too", "\"\xC3\",b\nc\n", "1!1 the text is not UTF-8|2<c>"},
};

static void statements_of_rfc_4180(void **state)
{
    for (size_t i = 0; i < LT_COUNT(statements); i++) {
        const char *got = seen(statements[i].text, strlen(statements[i].text));
        if (strcmp(got, statements[i].records) != 0)
            fail_msg("%s: got %s, want %s", statements[i].statement, got, statements[i].records);
    }
}

static void a_record_has_at_most_64_fields(void **state)
{
    char commas[LT_CSV_FIELDS_MAX + 3];
    memset(commas, ',', sizeof(commas));
    commas[LT_CSV_FIELDS_MAX] = '\n';
    assert_string_equal(seen(commas, LT_CSV_FIELDS_MAX + 1), "1!1 there are too many fields");
    commas[LT_CSV_FIELDS_MAX - 1] = '\n';
    assert_int_equal(strlen(seen(commas, LT_CSV_FIELDS_MAX)), 1 + 2 * LT_CSV_FIELDS_MAX);
}

static void what_is_written_reads_back(void **state)
{
    static const char *const pieces[] = {"a", ",", "\"", "\n", "\r\n", " ", "é", "\r", "#"};
    unsigned seed = (unsigned)time(NULL);
    print_message("seed %u\n", seed);
    srand(seed);
    for (int round = 0; round < 2000; round++) {
        struct lt_arena *arena = lt_arena_new();
        struct lt_buf text;
        struct lt_str fields[8];
        size_t n = 2 + (size_t)rand() % 6;
        lt_buf_init(&text, 1 << 16);
        for (size_t i = 0; i < n; i++) {
            char field[64] = "";
            for (int k = rand() % 6; k > 0; k--)
                strcat(field, pieces[(size_t)rand() % LT_COUNT(pieces)]);
            fields[i] = lt_str_copy(arena, lt_str(field));
            if (i > 0)
                lt_buf_putc(&text, ',');
            lt_csv_put(&text, fields[i]);
        }
        lt_buf_put_str(&text, round % 2 ? LT_STR("\n") : LT_STR("\r\n"));
        struct lt_csv csv;
        struct lt_csv_record *r = LT_NEW(arena, struct lt_csv_record);
        lt_csv_open(&csv, lt_buf_str(&text));
        assert_true(lt_csv_next(&csv, arena, r));
        assert_null(r->wrong);
        assert_int_equal(r->n, n);
        for (size_t i = 0; i < n; i++)
            assert_true(lt_str_eq(r->fields[i], fields[i]));
        assert_false(lt_csv_next(&csv, arena, r));
        lt_buf_free(&text);
        lt_arena_free(arena);
    }
}

static const struct {
    const char *text, *cell;
} cells[] = {
    {"Why does it rain?", "Why does it rain?"}, {"", ""}, {" plain ", " plain "}, {"a=b", "a=b"}, {"1-2", "1-2"}, {"a,b", "\"a,b\""},
    {"say \"so\"", "\"say \"\"so\"\"\""}, {"#", "\"#\""}, {"=1+1", "\"'=1+1\""}, {"+1", "\"'+1\""}, {"-1", "\"'-1\""}, {"@SUM(A1)", "\"'@SUM(A1)\""},
    {"=HYPERLINK(\"x\")", "\"'=HYPERLINK(\"\"x\"\")\""}, {"\t=1", "\"'\t=1\""}, {"\r=1", "\"'\r=1\""}, {"\n=1", "\"'\n=1\""}, {"  =1", "\"'  =1\""},
    {"\xEF\xBC\x9D" "1", "\"'\xEF\xBC\x9D" "1\""}, {"\xEF\xBC\xA0", "\"'\xEF\xBC\xA0\""}, {"'=1", "'=1"},
};

static void no_text_of_a_table_is_a_formula(void **state)
{
    struct lt_buf out;
    lt_buf_init(&out, 4096);
    for (size_t i = 0; i < LT_COUNT(cells); i++) {
        struct lt_csv_row row = lt_csv_row(&out);
        lt_buf_reset(&out);
        lt_csv_text(&row, lt_str(cells[i].text));
        assert_true(lt_str_is(lt_buf_str(&out), cells[i].cell));
    }
    lt_buf_free(&out);
}

static void a_row_has_cells_with_commas_between_and_ends_in_crlf(void **state)
{
    struct lt_buf out;
    lt_buf_init(&out, 4096);
    struct lt_csv_row row = lt_csv_row(&out);
    lt_csv_text(&row, LT_STR(""));
    lt_csv_int(&row, -5);
    lt_csv_known_int(&row, -1);
    lt_csv_known_int(&row, 0);
    lt_csv_text(&row, LT_STR("x"));
    lt_csv_row_end(&row);
    lt_csv_int(&row, 7);
    lt_csv_row_end(&row);
    assert_true(lt_str_is(lt_buf_str(&out), ",-5,,0,x\r\n7\r\n"));
    lt_buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(statements_of_rfc_4180),
        cmocka_unit_test(a_record_has_at_most_64_fields),
        cmocka_unit_test(what_is_written_reads_back),
        cmocka_unit_test(no_text_of_a_table_is_a_formula),
        cmocka_unit_test(a_row_has_cells_with_commas_between_and_ends_in_crlf),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
