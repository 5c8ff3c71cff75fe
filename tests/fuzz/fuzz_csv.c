/* CSV: any bytes. Reading ends, lines grow, fields are UTF-8, and what was read is read again from what is written of it. */
#include <stdlib.h>

#include "text/csv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool right)
{
    if (!right)
        abort();
}

static void read_again(const struct lt_csv_record *r)
{
    struct lt_arena *arena = lt_arena_new();
    struct lt_buf text;
    struct lt_csv csv;
    struct lt_csv_record *again = LT_NEW(arena, struct lt_csv_record);
    lt_buf_init(&text, 1 << 20);
    for (size_t i = 0; i < r->n; i++) {
        if (i > 0)
            lt_buf_putc(&text, ',');
        lt_csv_put(&text, r->fields[i]);
    }
    lt_buf_putc(&text, '\n');
    lt_csv_open(&csv, lt_buf_str(&text));
    bool none = r->n == 1 && r->fields[0].n == 0; /* an empty line */
    bool mark = r->n > 0 && lt_str_starts(r->fields[0], LT_STR("\xEF\xBB\xBF"));
    if (!none && !mark) {
        check(lt_csv_next(&csv, arena, again) && !again->wrong && again->n == r->n);
        for (size_t i = 0; i < r->n; i++)
            check(lt_str_eq(again->fields[i], r->fields[i]));
    }
    lt_buf_free(&text);
    lt_arena_free(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *copy = malloc(size + 1); /* of its own, so that a byte too far is seen */
    if (!copy)
        abort();
    memcpy(copy, data, size);
    struct lt_arena *arena = lt_arena_new();
    struct lt_csv csv;
    struct lt_csv_record *r = LT_NEW(arena, struct lt_csv_record);
    size_t line = 0;
    lt_csv_open(&csv, (struct lt_str){copy, size});
    while (lt_csv_next(&csv, arena, r)) {
        check(r->line > line && r->wrong_line >= r->line && csv.line >= r->line);
        check((r->wrong != NULL) == (r->n == 0));
        line = r->line;
        for (size_t i = 0; i < r->n; i++)
            check(lt_utf8_valid(r->fields[i].n ? r->fields[i].p : "", r->fields[i].n));
        if (!r->wrong)
            read_again(r);
    }
    check(csv.rest.n == 0);
    lt_arena_free(arena);
    free(copy);
    return 0;
}
