/* Numbers of passages, and the markers of an answer. See sources.h. Fuzzed by tests/fuzz/fuzz_cite.c. */
#include "content/sources.h"

#include <stdio.h>
#include <stdlib.h>

enum { TEXT_MAX = 256 * 1024, ANSWER_MAX = 16 << 20, NUMBER_MAX = 999 /* "[2024]" is a year */ };

const char lt_sources_rule[] =
    "The numbered passages come from the course. Answer from them, and behind each statement that you take from one name its number in square brackets, "
    "like [1] or [1, 2]. Use no other numbers in brackets, and write no list of sources: readers are shown one. If the passages do not answer the "
    "question, say so.";

int lt_sources_add(struct lt_sources *s, struct lt_str course_id, const struct lt_search_hit *hit)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->list[i].hit.chunk == hit->chunk && lt_str_eq(s->list[i].course_id, course_id))
            return (int)i + 1;
    if (s->n == LT_SOURCES_MAX)
        return 0;
    s->list[s->n] = (struct lt_source){.course_id = course_id, .hit = *hit};
    return (int)++s->n;
}

/* "Unit, Block", or what there is of it. */
static struct lt_str place_name(struct lt_arena *arena, const struct lt_search_hit *hit)
{
    if (hit->unit_name.n == 0 || lt_str_eq(hit->unit_name, hit->block_name))
        return hit->block_name.n > 0 ? hit->block_name : hit->block_id;
    return hit->block_name.n > 0 ? lt_printf(arena, "%.*s, %.*s", LT_FMT(hit->unit_name), LT_FMT(hit->block_name)) : hit->unit_name;
}

static int64_t chars_of(struct lt_str s)
{
    int64_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        n += ((unsigned char)s.p[i] & 0xC0) != 0x80;
    return n;
}

struct lt_str lt_sources_text(struct lt_arena *arena, struct lt_sources *sources, struct lt_str course_id, const struct lt_search_result *found,
                              int64_t char_limit)
{
    struct lt_buf out;
    int64_t left = char_limit > 0 ? char_limit : INT64_MAX;
    lt_buf_init(&out, TEXT_MAX);
    if (found->n == 0)
        lt_buf_put_str(&out, LT_STR("No passage of the course fits the question."));
    for (size_t i = 0; i < found->n; i++) {
        const struct lt_search_hit *hit = &found->hits[i];
        struct lt_str text = i == 0 ? lt_content_first(hit->text, left) : hit->text;
        int64_t chars = chars_of(text);
        int number = chars <= left ? lt_sources_add(sources, course_id, hit) : 0;
        if (!number)
            continue;
        left -= chars;
        lt_buf_printf(&out, "%s[%d] %.*s\n", i ? "\n\n" : "", number, LT_FMT(place_name(arena, hit)));
        lt_buf_put_str(&out, text);
    }
    struct lt_str ret = lt_str_copy(arena, lt_buf_str(&out));
    lt_buf_free(&out);
    return ret;
}

void lt_sources_write(struct lt_jw *w, const struct lt_sources *s)
{
    lt_jw_arr(w);
    for (size_t i = 0; s && i < s->n; i++) {
        const struct lt_search_hit *hit = &s->list[i].hit;
        if (!s->list[i].cited)
            continue;
        lt_jw_obj(w);
        lt_jw_kint(w, "n", (int64_t)i + 1);
        lt_jw_kstr(w, "course_id", s->list[i].course_id);
        lt_jw_kstr(w, "unit_id", hit->unit_id);
        lt_jw_kstr(w, "unit_name", hit->unit_name);
        lt_jw_kstr(w, "block_id", hit->block_id);
        lt_jw_kstr(w, "block_name", hit->block_name);
        lt_jw_kstr(w, "url", hit->url);
        lt_jw_kstr(w, "quote", hit->quote);
        lt_jw_end(w);
    }
    lt_jw_end(w);
}

/* Names come from imported files: what Markdown would read is escaped. */
static void put_escaped(struct lt_buf *out, struct lt_str text)
{
    for (size_t i = 0; i < text.n; i++) {
        if (strchr("\\`*_{}[]()<>#!|", text.p[i]) && text.p[i])
            lt_buf_putc(out, '\\');
        lt_buf_putc(out, text.p[i] == '\n' || text.p[i] == '\r' ? ' ' : text.p[i]);
    }
}

static bool is_link(struct lt_str url)
{
    bool good = url.n > 0 && url.n < 2000 && (url.p[0] == '/' || lt_str_starts(url, LT_STR("https://")) || lt_str_starts(url, LT_STR("http://")));
    for (size_t i = 0; good && i < url.n; i++)
        good = (unsigned char)url.p[i] > ' ' && !strchr("()<>\\\"", url.p[i]);
    return good;
}

struct lt_str lt_sources_markdown(struct lt_arena *arena, const struct lt_sources *s)
{
    struct lt_buf out;
    lt_buf_init(&out, TEXT_MAX);
    for (size_t i = 0; s && i < s->n; i++) {
        const struct lt_search_hit *hit = &s->list[i].hit;
        bool link = is_link(hit->url);
        if (!s->list[i].cited)
            continue;
        lt_buf_printf(&out, "%s\\[%zu\\] %s", out.n == 0 ? "\n\n" : "  \n", i + 1, link ? "[" : "");
        put_escaped(&out, place_name(arena, hit));
        if (link)
            lt_buf_printf(&out, "](%.*s)", LT_FMT(hit->url));
    }
    struct lt_str ret = lt_str_copy(arena, lt_buf_str(&out));
    lt_buf_free(&out);
    return ret;
}

/* ---- markers ---- */

/* ``` begins code that ends at the next run of as many; ` alone holds no longer than its paragraph. */
static void show_byte(struct lt_cite *c, char b, struct lt_buf *out)
{
    if (b == '`')
        c->ticks++;
    else if (c->ticks > 0) {
        if (c->open_ticks == 0)
            c->open_ticks = c->ticks;
        else if (c->open_ticks == c->ticks)
            c->open_ticks = 0;
        c->ticks = 0;
    }
    if (b == '\n' && c->line_empty && c->open_ticks < 3)
        c->open_ticks = 0;
    if (b == '\n')
        c->line_empty = true;
    else if (b != ' ' && b != '\t' && b != '\r')
        c->line_empty = false;
    lt_buf_putc(out, b);
}

static void show(struct lt_cite *c, const char *p, size_t n, struct lt_buf *out)
{
    for (size_t i = 0; i < n; i++)
        show_byte(c, p[i], out);
}

static void give_up(struct lt_cite *c, struct lt_buf *out)
{
    size_t n = c->pending_n;
    c->pending_n = 0;
    show(c, c->pending, n, out);
}

/* The marker is whole: what names a passage stays. */
static void resolve(struct lt_cite *c, struct lt_buf *out)
{
    char kept[LT_CITE_PENDING_MAX * 2];
    size_t n = 0, count = 0;
    bool space = c->pending[0] == ' ', number = false;
    for (size_t i = 0; i < c->pending_n;) {
        if (c->pending[i] < '0' || c->pending[i] > '9') {
            i++;
            continue;
        }
        unsigned long v = strtoul(c->pending + i, NULL, 10);
        while (i < c->pending_n && c->pending[i] >= '0' && c->pending[i] <= '9')
            i++;
        number |= v > NUMBER_MAX;
        if (v == 0 || v > c->sources->n)
            continue;
        c->sources->list[v - 1].cited = true;
        n += (size_t)snprintf(kept + n, sizeof(kept) - n, "%s%lu", count++ ? ", " : space ? " [" : "[", v);
    }
    if (number) {
        show(c, c->pending, c->pending_n, out);
        show(c, "]", 1, out);
    } else if (count > 0) {
        show(c, kept, n, out);
        show(c, "]", 1, out);
    }
    c->pending_n = 0;
}

static bool in_code(const struct lt_cite *c)
{
    return c->ticks > 0 ? c->open_ticks == 0 || c->ticks != c->open_ticks : c->open_ticks > 0;
}

static bool has_digit(const struct lt_cite *c)
{
    for (size_t i = 0; i < c->pending_n; i++)
        if (c->pending[i] >= '0' && c->pending[i] <= '9')
            return true;
    return false;
}

static void take(struct lt_cite *c, char b, struct lt_buf *out)
{
    bool opened = c->pending_n > 0 && !(c->pending_n == 1 && c->pending[0] == ' ');
    if (opened && b == ']' && has_digit(c)) {
        c->pending[c->pending_n] = '\0';
        resolve(c, out);
        return;
    }
    if (opened && ((b >= '0' && b <= '9') || b == ',' || b == ' ') && c->pending_n + 2 < LT_CITE_PENDING_MAX) {
        c->pending[c->pending_n++] = b;
        return;
    }
    if (c->pending_n > 0 && (opened || b != '['))
        give_up(c, out);
    if (!in_code(c) && (b == ' ' || b == '['))
        c->pending[c->pending_n++] = b;
    else
        show_byte(c, b, out);
}

void lt_cite_feed(struct lt_cite *c, struct lt_str piece, struct lt_buf *out)
{
    for (size_t i = 0; i < piece.n; i++)
        take(c, piece.p[i], out);
}

void lt_cite_end(struct lt_cite *c, struct lt_buf *out)
{
    give_up(c, out);
}

struct lt_str lt_cite_text(struct lt_arena *arena, struct lt_sources *sources, struct lt_str text)
{
    struct lt_cite c = {.sources = sources};
    struct lt_buf out;
    lt_buf_init(&out, ANSWER_MAX);
    lt_cite_feed(&c, text, &out);
    lt_cite_end(&c, &out);
    struct lt_str ret = out.failed ? text : lt_str_copy(arena, lt_buf_str(&out));
    lt_buf_free(&out);
    return ret;
}
