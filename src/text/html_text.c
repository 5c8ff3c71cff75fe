/* HTML to lines of text, and a line for each embedded object. Fuzzed by tests/fuzz/fuzz_html_text.c. */
#include "text/html_text.h"

#include <stdio.h>
#include <unicode/uchar.h>
#include <unicode/utf8.h>

#include "base/buf.h"

enum { VALUE_MAX = 500, SOURCES_MAX = 20 };

/* A video or audio whose sources are being read. */
struct media {
    size_t depth;  /* at which it is open; 0 = there is none */
    const char *kind;
    struct lt_str title, own; /* own: its src */
    struct lt_str sources[SOURCES_MAX];
    size_t sources_n;
};

struct extraction {
    struct lt_arena *arena;
    struct lt_buf lines;    /* the text */
    struct lt_buf embedded; /* the descriptions */
    size_t depth;           /* elements open */
    size_t hidden;          /* depth of the outermost open element whose text is not shown; 0 = none */
    struct media media;
};

/* ---- text ---- */

static bool ends_line(UChar32 c)
{
    return c == '\n' || c == '\r' || c == 0x85 || c == 0x2028 || c == 0x2029;
}

/* The next line of the text, without white space at its ends. */
static struct lt_str next_line(struct lt_str *rest)
{
    size_t begin = rest->n, end = 0, i = 0;
    while (i < rest->n) {
        size_t at = i;
        UChar32 c;
        U8_NEXT((const uint8_t *)rest->p, i, rest->n, c);
        if (ends_line(c))
            break;
        if (u_isUWhiteSpace(c))
            continue;
        begin = begin < at ? begin : at;
        end = i;
    }
    struct lt_str line = end > 0 ? (struct lt_str){rest->p + begin, end - begin} : LT_STR("");
    *rest = (struct lt_str){rest->p + i, rest->n - i};
    return line;
}

static void on_text(void *arg, struct lt_str text)
{
    struct extraction *e = arg;
    if (e->hidden > 0)
        return;
    while (text.n > 0) {
        struct lt_str line = next_line(&text);
        if (line.n == 0)
            continue;
        if (e->lines.n > 0)
            lt_buf_putc(&e->lines, '\n');
        lt_buf_put_str(&e->lines, line);
    }
}

/* ---- embedded objects ---- */

static bool is_data_address(struct lt_str s)
{
    return s.n > 5 && lt_str_eq_ci((struct lt_str){s.p, 5}, LT_STR("data:"));
}

/* The value on one line, runs of white space as one space, quotes as single ones, not longer than it may be. */
static struct lt_str tidy(struct extraction *e, struct lt_str s)
{
    char *out = lt_alloc(e->arena, (s.n < VALUE_MAX ? s.n : VALUE_MAX) + 1);
    size_t n = 0;
    bool data = is_data_address(s);
    for (size_t i = 0; i < s.n;) {
        size_t at = i;
        UChar32 c;
        U8_NEXT((const uint8_t *)s.p, i, s.n, c);
        if (data && (c == ';' || c == ','))
            break;
        if (i > VALUE_MAX)
            break;
        if (!u_isUWhiteSpace(c)) {
            memcpy(out + n, s.p + at, i - at);
            n += i - at;
            if (c == '"')
                out[n - 1] = '\'';
        } else if (n > 0 && out[n - 1] != ' ') {
            out[n++] = ' ';
        }
    }
    n -= n > 0 && out[n - 1] == ' ';
    return (struct lt_str){out, n};
}

static struct lt_str value_of(struct extraction *e, const char *const *attributes, const char *name, const char *otherwise)
{
    struct lt_str value = tidy(e, lt_html_attribute(attributes, name));
    return value.n > 0 ? value : lt_str(otherwise);
}

__attribute__((format(printf, 2, 3))) static void describe(struct extraction *e, const char *format, ...)
{
    va_list args;
    char line[4 * VALUE_MAX];
    va_start(args, format);
    int n = vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    if (e->embedded.n > 0)
        lt_buf_putc(&e->embedded, '\n');
    lt_buf_put(&e->embedded, line, (size_t)n < sizeof(line) ? (size_t)n : sizeof(line) - 1);
}

static void image(struct extraction *e, const char *name, const char *const *attributes)
{
    struct lt_str src = value_of(e, attributes, "src", ""), alt = value_of(e, attributes, "alt", "image");
    (void)name;
    if (src.n > 0)
        describe(e, "[Embedded image: alt=\"%.*s\", src=\"%.*s\"]", LT_FMT(alt), LT_FMT(src));
}

static void iframe(struct extraction *e, const char *name, const char *const *attributes)
{
    struct lt_str src = value_of(e, attributes, "src", ""), title = value_of(e, attributes, "title", "iframe");
    (void)name;
    if (src.n > 0)
        describe(e, "[Embedded iframe: title=\"%.*s\", src=\"%.*s\"]", LT_FMT(title), LT_FMT(src));
}

static void embed(struct extraction *e, const char *name, const char *const *attributes)
{
    struct lt_str src = value_of(e, attributes, "src", "");
    (void)name;
    if (src.n > 0)
        describe(e, "[Embedded content: tag=embed, src=\"%.*s\"]", LT_FMT(src));
}

static bool is_pdf(struct lt_str type, struct lt_str file)
{
    struct lt_str pdf = LT_STR(".pdf"), end = {file.p + (file.n > pdf.n ? file.n - pdf.n : 0), file.n > pdf.n ? pdf.n : file.n};
    for (size_t i = 0; i + 3 <= type.n; i++)
        if (lt_str_eq_ci((struct lt_str){type.p + i, 3}, LT_STR("pdf")))
            return true;
    return lt_str_eq_ci(end, pdf);
}

static void object(struct extraction *e, const char *name, const char *const *attributes)
{
    struct lt_str file = value_of(e, attributes, "data", ""), type = value_of(e, attributes, "type", "");
    struct lt_str title = value_of(e, attributes, "title", "Object");
    (void)name;
    if (file.n > 0 && is_pdf(type, file))
        describe(e, "[Embedded PDF: title=\"%.*s\", file=\"%.*s\"]", LT_FMT(title), LT_FMT(file));
    else if (file.n > 0)
        describe(e, "[Embedded object: title=\"%.*s\", type=\"%.*s\", file=\"%.*s\"]", LT_FMT(title), LT_FMT(type), LT_FMT(file));
}

static void xblock(struct extraction *e, const char *name, const char *const *attributes)
{
    struct lt_str type = value_of(e, attributes, "data-type", ""), id = value_of(e, attributes, "data-block-id", "");
    (void)name;
    if (type.n > 0 && id.n > 0)
        describe(e, "[Embedded XBlock: type=\"%.*s\", id=\"%.*s\"]", LT_FMT(type), LT_FMT(id));
    else if (type.n > 0)
        describe(e, "[Embedded XBlock: type=\"%.*s\"]", LT_FMT(type));
    else if (id.n > 0)
        describe(e, "[Embedded XBlock: id=\"%.*s\"]", LT_FMT(id));
}

/* ---- video and audio: told when all their sources are read ---- */

static void media(struct extraction *e, const char *name, const char *const *attributes)
{
    if (e->media.depth > 0)
        return;
    const char *kind = strcmp(name, "video") == 0 ? "video" : "audio";
    e->media = (struct media){.depth = e->depth, .kind = kind, .title = value_of(e, attributes, "title", kind),
                              .own = value_of(e, attributes, "src", "")};
}

static void add_source(struct media *m, struct lt_str src)
{
    for (size_t i = 0; i < m->sources_n; i++)
        if (lt_str_eq(m->sources[i], src))
            return;
    if (src.n > 0 && m->sources_n < SOURCES_MAX)
        m->sources[m->sources_n++] = src;
}

static void source(struct extraction *e, const char *name, const char *const *attributes)
{
    (void)name;
    if (e->media.depth > 0)
        add_source(&e->media, value_of(e, attributes, "src", ""));
}

static void end_media(struct extraction *e)
{
    struct media *m = &e->media;
    add_source(m, m->own);
    if (m->sources_n > 0) {
        describe(e, "[Embedded %s: title=\"%.*s\", sources=\"", m->kind, LT_FMT(m->title));
        for (size_t i = 0; i < m->sources_n; i++)
            lt_buf_printf(&e->embedded, "%s%.*s", i > 0 ? ", " : "", LT_FMT(m->sources[i]));
        lt_buf_put_str(&e->embedded, LT_STR("\"]"));
    }
    *m = (struct media){0};
}

/* ---- elements ---- */

static const struct {
    const char *name;
    void (*tell)(struct extraction *e, const char *name, const char *const *attributes);
    bool hides; /* its text is there only where the object cannot be shown */
} elements[] = {
    {"img", image, false}, {"iframe", iframe, true}, {"embed", embed, false},   {"object", object, true},
    {"video", media, true}, {"audio", media, true},  {"source", source, false}, {"div", xblock, false},
};

static void on_open(void *arg, const char *name, const char *const *attributes)
{
    struct extraction *e = arg;
    e->depth++;
    for (size_t i = 0; i < LT_COUNT(elements); i++) {
        if (strcmp(elements[i].name, name) != 0)
            continue;
        elements[i].tell(e, name, attributes);
        if (elements[i].hides && e->hidden == 0)
            e->hidden = e->depth;
    }
}

static void on_close(void *arg)
{
    struct extraction *e = arg;
    if (e->media.depth == e->depth)
        end_media(e);
    if (e->hidden == e->depth)
        e->hidden = 0;
    e->depth--;
}

enum lt_code lt_html_text(struct lt_arena *arena, struct lt_str html, struct lt_str *ret, struct lt_error *err)
{
    struct extraction e = {.arena = arena};
    struct lt_html_sink sink = {on_open, on_close, on_text, &e};
    lt_buf_init(&e.lines, LT_HTML_TEXT_MAX);
    lt_buf_init(&e.embedded, LT_HTML_TEXT_MAX);
    enum lt_code code = lt_html_parse(arena, html, &sink, err);
    if (!code && e.lines.n > 0 && e.embedded.n > 0)
        lt_buf_put_str(&e.lines, LT_STR("\n\n"));
    lt_buf_put_str(&e.lines, lt_buf_str(&e.embedded));
    if (!code && (e.lines.failed || e.embedded.failed))
        code = lt_fail(err, LT_ETOO_LARGE, "the text of the HTML is longer than %d bytes", LT_HTML_TEXT_MAX);
    if (!code)
        *ret = lt_str_copy(arena, lt_buf_str(&e.lines));
    lt_buf_free(&e.lines);
    lt_buf_free(&e.embedded);
    return code;
}
