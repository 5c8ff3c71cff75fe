/* Events of HTML → a tree of what may stay → XHTML. Fuzzed by tests/fuzz/fuzz_html_fragment.c. */
#include "text/html_fragment.h"

#include "base/buf.h"
#include "text/xml_write.h"

enum {
    FORMULA_MAX = 4000,
    LEVELS_MAX = 40, /* of elements that stay; deeper ones become what is in them */
};

/* ---- what may stay, and where ---- */

/* What an element may hold. */
enum inside { NOTHING, PHRASES, FLOW, BLOCKS, ITEMS, GROUPS, ROWS, CELLS };
/* Where it may stand. */
enum role { PHRASE, BLOCK, ITEM, GROUP, ROW, CELL };

struct element {
    const char *name;
    const char *written; /* its name in the result */
    enum role role;
    enum inside inside;
};

static const struct element elements[] = {
    {"b", "b", PHRASE, PHRASES},      {"i", "i", PHRASE, PHRASES},     {"em", "em", PHRASE, PHRASES},     {"strong", "strong", PHRASE, PHRASES},
    {"u", "u", PHRASE, PHRASES},      {"sub", "sub", PHRASE, PHRASES}, {"sup", "sup", PHRASE, PHRASES},   {"code", "code", PHRASE, PHRASES},
    {"kbd", "code", PHRASE, PHRASES}, {"tt", "code", PHRASE, PHRASES}, {"samp", "code", PHRASE, PHRASES}, {"var", "i", PHRASE, PHRASES},
    {"cite", "i", PHRASE, PHRASES},   {"dfn", "i", PHRASE, PHRASES},   {"ins", "u", PHRASE, PHRASES},     {"span", "span", PHRASE, PHRASES},
    {"a", "a", PHRASE, PHRASES},      {"br", "br", PHRASE, NOTHING},   {"img", "img", PHRASE, NOTHING},
    {"p", "p", BLOCK, PHRASES},       {"pre", "pre", BLOCK, PHRASES},  {"h1", "h3", BLOCK, PHRASES},      {"h2", "h3", BLOCK, PHRASES},
    {"h3", "h3", BLOCK, PHRASES},     {"h4", "h4", BLOCK, PHRASES},    {"h5", "h5", BLOCK, PHRASES},      {"h6", "h6", BLOCK, PHRASES},
    {"div", "div", BLOCK, FLOW},      {"section", "div", BLOCK, FLOW}, {"article", "div", BLOCK, FLOW},   {"main", "div", BLOCK, FLOW},
    {"aside", "div", BLOCK, FLOW},    {"header", "div", BLOCK, FLOW},  {"footer", "div", BLOCK, FLOW},    {"figure", "div", BLOCK, FLOW},
    {"form", "div", BLOCK, FLOW},     {"center", "div", BLOCK, FLOW},  {"address", "div", BLOCK, FLOW},   {"figcaption", "div", BLOCK, FLOW},
    {"dl", "div", BLOCK, FLOW},       {"dt", "div", BLOCK, FLOW},      {"dd", "div", BLOCK, FLOW},        {"caption", "div", BLOCK, FLOW},
    {"blockquote", "blockquote", BLOCK, BLOCKS},
    {"ul", "ul", BLOCK, ITEMS},       {"ol", "ol", BLOCK, ITEMS},      {"li", "li", ITEM, FLOW},
    {"table", "table", BLOCK, GROUPS}, {"thead", "thead", GROUP, ROWS}, {"tbody", "tbody", GROUP, ROWS},   {"tfoot", "tbody", GROUP, ROWS},
    {"tr", "tr", ROW, CELLS},         {"th", "th", CELL, FLOW},        {"td", "td", CELL, FLOW},
};

static const struct element *element_named(const char *name)
{
    for (size_t i = 0; i < LT_COUNT(elements); i++)
        if (strcmp(elements[i].name, name) == 0)
            return &elements[i];
    return NULL;
}

static bool may_hold(enum inside inside, enum role role)
{
    static const bool table[][CELL + 1] = {
        [PHRASES] = {[PHRASE] = true}, [FLOW] = {[PHRASE] = true, [BLOCK] = true}, [BLOCKS] = {[BLOCK] = true}, [ITEMS] = {[ITEM] = true},
        [GROUPS] = {[GROUP] = true},   [ROWS] = {[ROW] = true},                    [CELLS] = {[CELL] = true},
    };
    return table[inside][role];
}

/* What is put around the things that may not stand bare there; NULL: nothing is. */
static const char *const put_around[] = {[NOTHING] = NULL, [BLOCKS] = "p", [ITEMS] = "li", [GROUPS] = "tbody", [ROWS] = "tr", [CELLS] = "td"};

/* ---- the tree ---- */

struct node {
    const struct element *kind; /* NULL: text */
    struct lt_str text;         /* of a text; address of a or img */
    struct lt_str alt;
    struct node *first, *last, *next;
    size_t level; /* elements around it */
};

struct tree {
    struct lt_arena *arena;
    struct node root;
    struct node *open[LT_HTML_DEPTH_MAX + 2]; /* to what is added while so many elements are open */
    size_t depth;
};

static struct node *add(struct tree *t, const struct element *kind)
{
    struct node *parent = t->open[t->depth], *n = LT_NEW(t->arena, struct node);
    n->kind = kind;
    n->level = parent->level + 1;
    *(parent->last ? &parent->last->next : &parent->first) = n;
    parent->last = n;
    return n;
}

static void on_text(void *arg, struct lt_str text)
{
    struct tree *t = arg;
    add(t, NULL)->text = lt_str_copy(t->arena, text);
}

static bool starts_ci(struct lt_str s, const char *prefix)
{
    size_t n = strlen(prefix);
    return s.n >= n && lt_str_eq_ci((struct lt_str){s.p, n}, (struct lt_str){prefix, n});
}

static bool is_web_address(struct lt_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] <= ' ')
            return false;
    return starts_ci(s, "http://") || starts_ci(s, "https://");
}

static bool is_picture(struct lt_str s)
{
    static const char *const kinds[] = {"data:image/png;base64,", "data:image/jpeg;base64,", "data:image/gif;base64,", "data:image/webp;base64,"};
    for (size_t i = 0; i < LT_COUNT(kinds); i++)
        if (starts_ci(s, kinds[i]))
            return true;
    return is_web_address(s);
}

static struct lt_str address(struct tree *t, const char *const *attributes, const char *name)
{
    return lt_str_copy(t->arena, lt_str_trim(lt_html_attribute(attributes, name)));
}

/* An image that may be shown, or its alt text. */
static void add_image(struct tree *t, const struct element *kind, const char *const *attributes)
{
    struct lt_str src = address(t, attributes, "src"), alt = lt_str_copy(t->arena, lt_html_attribute(attributes, "alt"));
    if (is_picture(src)) {
        struct node *n = add(t, kind);
        n->text = src;
        n->alt = alt;
    } else if (alt.n > 0) {
        add(t, NULL)->text = alt;
    }
}

static bool is_table_part(enum inside inside)
{
    return inside == GROUPS || inside == ROWS || inside == CELLS;
}

/* A part of a list or table that stands outside of one is a block of its own. */
static const struct element *in_its_place(const struct element *kind, const struct node *parent)
{
    enum inside around = parent->kind ? parent->kind->inside : BLOCKS;
    bool astray = (kind->role == ITEM && around != ITEMS) || (kind->role > ITEM && !is_table_part(around));
    return astray ? element_named("div") : kind;
}

static bool inside_link(const struct tree *t)
{
    for (size_t i = 1; i <= t->depth; i++)
        if (t->open[i]->kind && strcmp(t->open[i]->kind->name, "a") == 0)
            return true;
    return false;
}

static void on_open(void *arg, const char *name, const char *const *attributes)
{
    struct tree *t = arg;
    struct node *parent = t->open[t->depth], *inner = parent;
    const struct element *kind = parent->level < LEVELS_MAX ? element_named(name) : NULL;
    bool link = kind && strcmp(kind->name, "a") == 0;
    struct lt_str href = link ? address(t, attributes, "href") : LT_STR("");
    if (kind && strcmp(kind->name, "img") == 0)
        add_image(t, kind, attributes);
    else if (kind && (!link || (is_web_address(href) && !inside_link(t)))) {
        inner = add(t, in_its_place(kind, parent));
        inner->text = href;
    }
    t->open[++t->depth] = inner;
}

static void on_close(void *arg)
{
    struct tree *t = arg;
    t->depth--;
}

/* ---- formulas ---- */

/* Where the formula that opens at p ends, behind its closing mark; NULL when it is none. */
static const char *formula_end(const char *p, const char *end)
{
    char closing = p[1] == '(' ? ')' : ']';
    const char *limit = end - p > FORMULA_MAX ? p + FORMULA_MAX : end;
    for (const char *q = p + 2; q + 1 < limit; q++) {
        if (q[0] == '<' && (q[1] == '/' || q[1] == '!'))
            return NULL;
        if (q[0] != '\\')
            continue;
        if (q[1] == closing)
            return q + 2;
        if (q[1] == p[1])
            return NULL;
        q++; /* \\ and commands: what stands behind the backslash opens and closes nothing */
    }
    return NULL;
}

static bool is_line_break(const char *p, const char *end)
{
    if (end - p < 4 || (p[1] | 0x20) != 'b' || (p[2] | 0x20) != 'r')
        return false;
    for (p += 3; p < end && (*p == ' ' || *p == '/'); p++)
        ;
    return p < end && *p == '>';
}

/* The HTML with each "<" of a formula written as it must be in HTML. */
static struct lt_str with_formulas_as_text(struct lt_arena *arena, struct lt_str html)
{
    struct lt_buf out;
    const char *p = html.p, *end = p + html.n, *formula = p; /* up to `formula` it is one */
    lt_buf_init(&out, 4 * html.n + 1);
    for (; p < end; p++) {
        if (p >= formula && *p == '\\' && end - p > 1) {
            const char *behind = p[1] == '(' || p[1] == '[' ? formula_end(p, end) : NULL;
            formula = behind ? behind : p;
            if (!behind) {
                lt_buf_put(&out, p++, 2); /* \\( is a line break of TeX and a bracket */
                continue;
            }
        }
        if (*p == '<' && p < formula && !is_line_break(p, end))
            lt_buf_put_str(&out, LT_STR("&lt;"));
        else
            lt_buf_putc(&out, *p);
    }
    struct lt_str ret = lt_str_copy(arena, lt_buf_str(&out));
    lt_buf_free(&out);
    return ret;
}

/* ---- writing ---- */

struct writing {
    struct lt_xml xml;
    enum lt_html_dialect dialect;
};

static bool is_blank(struct lt_str s)
{
    return lt_str_trim(s).n == 0;
}

/* Is there anything in it that can be seen? */
static bool shows(const struct node *n)
{
    if (!n->kind)
        return !is_blank(n->text);
    if (n->kind->inside == NOTHING)
        return true;
    for (const struct node *c = n->first; c; c = c->next)
        if (shows(c))
            return true;
    return false;
}

static enum role role_of(const struct node *n)
{
    return n->kind ? n->kind->role : PHRASE;
}

static void write_run(struct writing *w, const struct node *from, const struct node *to, enum inside inside);

static const char *written_name(const struct writing *w, const struct node *n)
{
    return w->dialect == LT_HTML_QTI && strcmp(n->kind->written, "u") == 0 ? "em" : n->kind->written;
}

static void write_element(struct writing *w, const struct node *n, const char *name)
{
    lt_xml_open(&w->xml, name);
    if (strcmp(name, "a") == 0)
        lt_xml_attr(&w->xml, "href", n->text);
    if (strcmp(name, "img") == 0) {
        lt_xml_attr(&w->xml, "src", n->text);
        lt_xml_attr(&w->xml, "alt", n->alt);
    }
    if (n->kind->inside == NOTHING) {
        lt_xml_close(&w->xml);
        return;
    }
    write_run(w, n->first, NULL, n->kind->inside);
    lt_xml_close_tag(&w->xml);
}

/* A node where it may stand; thead only at the head. An empty cell keeps the others in their columns. */
static void write_fitting(struct writing *w, const struct node *n, bool first)
{
    if (!n->kind)
        lt_xml_text(&w->xml, n->text);
    else if (shows(n) || n->kind->role == CELL)
        write_element(w, n, n->kind->role == GROUP && !first ? "tbody" : written_name(w, n));
    else if (n->kind->role == PHRASE)
        write_run(w, n->first, NULL, PHRASES); /* white space */
}

/* A block among phrases: what is in it, set off by spaces. */
static void write_unwrapped(struct writing *w, const struct node *n)
{
    lt_xml_text(&w->xml, LT_STR(" "));
    write_run(w, n->first, NULL, PHRASES);
    lt_xml_text(&w->xml, LT_STR(" "));
}

static const struct node *end_of_misfits(const struct node *n, const struct node *to, enum inside inside, bool *ret_shown)
{
    for (*ret_shown = false; n != to && !may_hold(inside, role_of(n)); n = n->next)
        *ret_shown = *ret_shown || shows(n);
    return n;
}

static void write_run(struct writing *w, const struct node *from, const struct node *to, enum inside inside)
{
    bool first = true, shown;
    for (const struct node *n = from; n != to;) {
        if (may_hold(inside, role_of(n))) {
            write_fitting(w, n, first);
            first = first && !shows(n);
            n = n->next;
            continue;
        }
        const char *around = put_around[inside];
        if (!around) {
            write_unwrapped(w, n);
            n = n->next;
            continue;
        }
        const struct node *end = end_of_misfits(n, to, inside, &shown);
        if (shown) {
            lt_xml_open(&w->xml, around);
            write_run(w, n, end, element_named(around)->inside);
            lt_xml_close_tag(&w->xml);
            first = false;
        }
        n = end;
    }
}

/* The inside of the p that is all there is. */
static struct lt_str only_paragraph(struct lt_str blocks)
{
    struct lt_str begin = LT_STR("<p>"), end = LT_STR("</p>");
    if (!lt_str_starts(blocks, begin) || !lt_str_ends(blocks, end))
        return LT_STR_NULL;
    struct lt_str inside = {blocks.p + begin.n, blocks.n - begin.n - end.n};
    return memmem(inside.p, inside.n, "</p>", 4) ? LT_STR_NULL : inside;
}

enum lt_code lt_html_fragment(struct lt_arena *arena, struct lt_str html, enum lt_html_dialect dialect, struct lt_html_fragment *ret,
                              struct lt_error *err)
{
    if (html.n > LT_HTML_FRAGMENT_MAX)
        return lt_fail(err, LT_ETOO_LARGE, "the HTML is longer than %d bytes", LT_HTML_FRAGMENT_MAX);
    struct tree *t = LT_NEW(arena, struct tree);
    struct lt_html_sink sink = {on_open, on_close, on_text, t};
    t->arena = arena;
    t->open[0] = &t->root;
    if (lt_html_parse(arena, with_formulas_as_text(arena, html), &sink, err))
        return err ? err->code : LT_EINVALID_INPUT;
    struct writing w = {.dialect = dialect};
    lt_xml_begin(&w.xml, arena);
    write_run(&w, t->root.first, NULL, BLOCKS);
    enum lt_code code = lt_xml_end(&w.xml, &ret->blocks, err);
    if (!code)
        ret->paragraph = only_paragraph(ret->blocks);
    return code;
}
