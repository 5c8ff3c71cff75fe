/* The one sink of all logs. */
#include "base/log.h"

#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"

static atomic_int threshold = LT_LOG_INFO;
static void (*sink)(void *ctx, struct lt_str line);
static void *sink_ctx;
static const char *const names[] = {"debug", "info", "warn", "error"};

void lt_log_set_level(enum lt_log_level level)
{
    threshold = level;
}

void lt_log_set_sink(void (*to)(void *ctx, struct lt_str line), void *ctx)
{
    sink = to;
    sink_ctx = ctx;
}

bool lt_log_level_parse(struct lt_str name, enum lt_log_level *ret)
{
    for (size_t i = 0; i < LT_COUNT(names); i++)
        if (lt_str_is(name, names[i])) {
            *ret = (enum lt_log_level)i;
            return true;
        }
    return false;
}

static bool token_char(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '-' || c == '.' ||
           c == '+' || c == '/' || c == '=' || c == '~';
}

static bool same_letters(const char *p, const char *mark, size_t n)
{
    return lt_str_eq_ci((struct lt_str){p, n}, (struct lt_str){mark, n});
}

/* Marks of secrets. Header schemes stand in any case (RFC 9110 §11.1); keys do not, but no harm is done. */
static const struct {
    const char *mark;
    size_t len, keep; /* keep: how many bytes of the secret stay readable, so that an operator can tell keys apart */
} marks[] = {{"lk_", 3, 6}, {"sk-", 3, 0}, {"Bearer ", 7, 0}, {"Basic ", 6, 0}, {"JWT ", 4, 0}, {"eyJ", 3, 0}};

/* Index of the mark that begins at s[i], or -1. */
static int mark_at(const char *s, size_t n, size_t i)
{
    if (i > 0 && token_char(s[i - 1]) && s[i - 1] != '/' && s[i - 1] != '=')
        return -1; /* in the middle of a word, as the end of "task-" */
    for (size_t m = 0; m < LT_COUNT(marks); m++)
        if (n - i >= marks[m].len && same_letters(s + i, marks[m].mark, marks[m].len))
            return (int)m;
    return -1;
}

void lt_log_redact(char *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int m = mark_at(s, n, i);
        if (m < 0)
            continue;
        size_t at = i + marks[m].len;
        while (at < n && s[at] == ' ')
            at++;
        size_t end = at;
        while (end < n && token_char(s[end]))
            end++;
        if (end - at < 8)
            continue;
        for (size_t k = at + marks[m].keep; k < end; k++)
            s[k] = '*';
        i = end - 1;
    }
}

enum { VALUE_MAX = 2000, LINE_MAX_BYTES = 8192, FIELDS_MAX = 24 };

/* Control characters are escaped, also on a terminal, where they would do harm; bytes of a value that is not UTF-8 become "?". */
static void put_escaped(struct lt_buf *b, struct lt_str s)
{
    bool utf8 = lt_utf8_valid(s.p ? s.p : "", s.n);
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c == '"' || c == '\\') {
            lt_buf_putc(b, '\\');
            lt_buf_putc(b, (char)c);
        } else if (c < 0x20 || c == 0x7F) {
            lt_buf_printf(b, "\\u%04x", c);
        } else {
            lt_buf_putc(b, c >= 0x80 && !utf8 ? '?' : (char)c);
        }
    }
}

/* Redacts before escaping: behind an escaped line end a secret would look like the middle of a word. */
static void put_value(struct lt_buf *b, struct lt_str s)
{
    char copy[VALUE_MAX];
    size_t n = s.n > sizeof(copy) ? lt_utf8_whole(s.p, sizeof(copy)) : s.n;
    if (n > 0)
        memcpy(copy, s.p, n);
    lt_log_redact(copy, n);
    put_escaped(b, (struct lt_str){copy, n});
}

static void put_field(struct lt_buf *line, const struct lt_log_field *f, bool json)
{
    lt_buf_printf(line, json ? ",\"%s\":" : " %s=", f->key);
    if (f->is_int) {
        lt_buf_put_int(line, f->i);
        return;
    }
    if (json)
        lt_buf_putc(line, '"');
    put_value(line, f->s);
    if (json)
        lt_buf_putc(line, '"');
}

/* The fields that fit; the line stays whole JSON when one does not. */
static void put_fields(struct lt_buf *line, const struct lt_log_field *f, bool json)
{
    static const struct lt_str cut[] = {{" cut=true", 9}, {",\"cut\":true", 11}};
    for (int i = 0; i < FIELDS_MAX && f[i].key; i++) {
        size_t before = line->n;
        put_field(line, &f[i], json);
        if (!line->failed)
            continue;
        line->n = before;
        line->failed = false;
        line->max = LINE_MAX_BYTES; /* the rest was kept for this */
        lt_buf_put_str(line, cut[json]);
        return;
    }
}

static void hand_on(struct lt_str line)
{
    if (sink) {
        sink(sink_ctx, (struct lt_str){line.p, line.n - 1});
        return;
    }
    ssize_t ignored = write(STDERR_FILENO, line.p, line.n);
    (void)ignored; /* nowhere to tell it */
}

void lt_log_fields(enum lt_log_level level, const char *event, const struct lt_log_field *f)
{
    if ((int)level < threshold)
        return;
    static atomic_int terminal = -1;
    if (terminal < 0)
        terminal = isatty(STDERR_FILENO);
    bool json = sink || !terminal;
    char stamp[25];
    lt_time_format(lt_now_ms(), stamp);
    struct lt_buf line;
    lt_buf_init(&line, LINE_MAX_BYTES - 16);
    if (json)
        lt_buf_printf(&line, "{\"ts\":\"%s\",\"level\":\"%s\",\"event\":\"%s\"", stamp, names[level], event);
    else
        lt_buf_printf(&line, "%.8s %-5s %s", stamp + 11, names[level], event);
    put_fields(&line, f, json);
    line.max = LINE_MAX_BYTES;
    lt_buf_put(&line, json ? "}\n" : "\n", json ? 2 : 1);
    hand_on(lt_buf_str(&line));
    lt_buf_free(&line);
}

void lt_log_error(const char *event, const struct lt_error *err)
{
    lt_log(LT_LOG_ERROR, event, LT_S("code", lt_code_name(err->code)), LT_S("detail", err->detail), LT_S("field", err->field),
           LT_I("vendor_status", err->vendor_status));
}
