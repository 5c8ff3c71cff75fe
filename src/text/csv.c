/* RFC 4180 §2, one record at a time. Fuzzed by tests/fuzz/fuzz_csv.c. */
#include "text/csv.h"

void lt_csv_open(struct lt_csv *csv, struct lt_str text)
{
    static const struct lt_str mark = {"\xEF\xBB\xBF", 3};
    *csv = (struct lt_csv){.rest = text, .line = 1};
    if (lt_str_starts(text, mark))
        csv->rest = (struct lt_str){text.p + mark.n, text.n - mark.n};
}

/* Length of the line end at p: 1, 2, or 0 when there is none. */
static size_t line_end(const char *p, const char *end)
{
    return p < end && *p == '\n' ? 1 : end - p >= 2 && p[0] == '\r' && p[1] == '\n' ? 2 : 0;
}

static void move_to(struct lt_csv *csv, const char *to)
{
    for (const char *p = csv->rest.p; p < to; p++)
        csv->line += *p == '\n';
    csv->rest = (struct lt_str){to, (size_t)(csv->rest.p + csv->rest.n - to)};
}

static const char *next_line(const char *p, const char *end)
{
    const char *lf = p < end ? memchr(p, '\n', (size_t)(end - p)) : NULL;
    return lf ? lf + 1 : end;
}

static bool skip_empty_lines(struct lt_csv *csv)
{
    size_t n;
    while ((n = line_end(csv->rest.p, csv->rest.p + csv->rest.n)) > 0)
        move_to(csv, csv->rest.p + n);
    return csv->rest.n > 0;
}

/* The field behind the quote at *p; *p moves behind its closing quote. False: it is not closed. */
static bool quoted(const char **p, const char *end, struct lt_arena *arena, struct lt_str *ret)
{
    const char *begin = ++*p;
    size_t doubled = 0;
    for (; *p < end; ++*p) {
        if (**p != '"')
            continue;
        if (end - *p < 2 || (*p)[1] != '"')
            break;
        doubled++;
        ++*p;
    }
    if (*p >= end)
        return false;
    *ret = (struct lt_str){begin, (size_t)(*p - begin)};
    if (doubled > 0) {
        char *copy = lt_alloc(arena, ret->n - doubled), *to = copy;
        for (const char *from = begin; from < *p; from++) {
            *to++ = *from;
            from += *from == '"';
        }
        *ret = (struct lt_str){copy, ret->n - doubled};
    }
    ++*p;
    return true;
}

/* *p moves to the byte behind the field. The return value says what is wrong, NULL = nothing. */
static const char *field(const char **p, const char *end, struct lt_arena *arena, struct lt_str *ret)
{
    if (*p < end && **p == '"') {
        if (!quoted(p, end, arena, ret))
            return "a quote is not closed";
        if (*p < end && **p != ',' && line_end(*p, end) == 0)
            return "there is text behind a closing quote";
    } else {
        const char *begin = *p;
        while (*p < end && **p != ',' && **p != '"' && line_end(*p, end) == 0)
            ++*p;
        if (*p < end && **p == '"')
            return "there is a quote inside a field that does not begin with one";
        *ret = (struct lt_str){begin, (size_t)(*p - begin)};
    }
    return lt_utf8_valid(ret->n ? ret->p : "", ret->n) ? NULL : "the text is not UTF-8";
}

/* Goes on in the line behind the one where it went wrong; an open quote would swallow the rest, so there it is the record's first. */
static bool refuse(struct lt_csv *csv, struct lt_csv_record *ret, const char *at, const char *end, const char *wrong)
{
    ret->n = 0;
    ret->wrong = wrong;
    if (at == end)
        at = csv->rest.p;
    const char *lf = next_line(at, end);
    move_to(csv, at);
    ret->wrong_line = csv->line;
    move_to(csv, lf);
    return true;
}

bool lt_csv_next(struct lt_csv *csv, struct lt_arena *arena, struct lt_csv_record *ret)
{
    if (csv->rest.n == 0 || !skip_empty_lines(csv))
        return false;
    const char *p = csv->rest.p, *end = p + csv->rest.n;
    ret->line = csv->line;
    ret->wrong = NULL;
    for (ret->n = 0;;) {
        if (ret->n == LT_CSV_FIELDS_MAX)
            return refuse(csv, ret, p, end, "there are too many fields");
        const char *wrong = field(&p, end, arena, &ret->fields[ret->n]);
        if (wrong)
            return refuse(csv, ret, p, end, wrong);
        ret->n++;
        if (p == end || *p != ',')
            break;
        p++;
    }
    move_to(csv, p + line_end(p, end));
    ret->wrong_line = ret->line;
    return true;
}

static void put_quoted(struct lt_buf *out, struct lt_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '"')
            lt_buf_putc(out, '"');
        lt_buf_putc(out, s.p[i]);
    }
}

void lt_csv_put(struct lt_buf *out, struct lt_str s)
{
    bool plain = s.n == 0 || s.p[0] != '#'; /* many readers take such a line for a comment */
    for (size_t i = 0; i < s.n; i++)
        plain = plain && s.p[i] != '"' && s.p[i] != ',' && s.p[i] != '\n' && s.p[i] != '\r';
    if (plain) {
        lt_buf_put_str(out, s);
        return;
    }
    lt_buf_putc(out, '"');
    put_quoted(out, s);
    lt_buf_putc(out, '"');
}

/* ---- tables for spreadsheets ---- */

/* Would a spreadsheet run it? */
static bool is_formula(struct lt_str s)
{
    static const char *const wide[] = {"\xEF\xBC\x9D", "\xEF\xBC\x8B", "\xEF\xBC\x8D", "\xEF\xBC\xA0"}; /* = + - @ of East Asian keyboards */
    while (s.n > 0 && s.p[0] == ' ')
        s = (struct lt_str){s.p + 1, s.n - 1};
    for (size_t i = 0; i < LT_COUNT(wide); i++)
        if (lt_str_starts(s, lt_str(wide[i])))
            return true;
    return s.n > 0 && memchr("=+-@\t\r\n", s.p[0], 7);
}

static void cell(struct lt_csv_row *row)
{
    if (row->begun)
        lt_buf_putc(row->out, ',');
    row->begun = true;
}

void lt_csv_text(struct lt_csv_row *row, struct lt_str text)
{
    cell(row);
    if (!is_formula(text)) {
        lt_csv_put(row->out, text);
        return;
    }
    lt_buf_put_str(row->out, LT_STR("\"'"));
    put_quoted(row->out, text);
    lt_buf_putc(row->out, '"');
}

void lt_csv_int(struct lt_csv_row *row, int64_t v)
{
    cell(row);
    lt_buf_put_int(row->out, v);
}

void lt_csv_known_int(struct lt_csv_row *row, int64_t v)
{
    if (v < 0)
        cell(row);
    else
        lt_csv_int(row, v);
}

void lt_csv_row_end(struct lt_csv_row *row)
{
    lt_buf_put_str(row->out, LT_STR("\r\n"));
    row->begun = false;
}
