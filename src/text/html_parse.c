/*
 * libxml2's events for HTML, bounded and put together to whole text nodes.
 * Fuzzed by tests/fuzz/fuzz_html_text.c and tests/fuzz/fuzz_html_fragment.c.
 */
#include "text/html_parse.h"

#include <libxml/HTMLparser.h>
#include <libxml/parserInternals.h>

#include "base/buf.h"
#include "text/xml_write.h"

struct reading {
    const struct lt_html_sink *sink;
    htmlParserCtxtPtr ctxt;
    struct lt_buf text; /* of the node that is being read */
    size_t depth;       /* elements that the sink has open */
    bool too_deep;
};

/* ---- events ---- */

static void end_text(struct reading *r)
{
    if (r->text.n > 0)
        r->sink->text(r->sink->arg, lt_buf_str(&r->text));
    lt_buf_reset(&r->text);
}

/* Closes all but n elements: of a tag without ">" libxml2 tells no end. */
static void close_to(struct reading *r, size_t n)
{
    end_text(r);
    for (; r->depth > n; r->depth--)
        r->sink->close(r->sink->arg);
}

static void on_open(void *arg, const xmlChar *name, const xmlChar **attributes)
{
    struct reading *r = arg;
    size_t open = (size_t)r->ctxt->nameNr; /* this one counts already */
    close_to(r, open - 1);
    if (open > LT_HTML_DEPTH_MAX) {
        r->too_deep = true;
        xmlStopParser(r->ctxt);
        return;
    }
    r->depth++;
    r->sink->open(r->sink->arg, (const char *)name, (const char *const *)attributes);
}

static void on_close(void *arg, const xmlChar *name)
{
    struct reading *r = arg;
    (void)name;
    close_to(r, (size_t)r->ctxt->nameNr - 1); /* it is open still */
}

static void on_text(void *arg, const xmlChar *text, int n)
{
    struct reading *r = arg;
    if (r->depth > (size_t)r->ctxt->nameNr)
        close_to(r, (size_t)r->ctxt->nameNr);
    lt_buf_put(&r->text, text, (size_t)n);
}

static void on_comment(void *arg, const xmlChar *text)
{
    (void)text;
    end_text(arg);
}

static void on_instruction(void *arg, const xmlChar *target, const xmlChar *text)
{
    (void)target;
    (void)text;
    end_text(arg);
}

/* What stands in script and style. */
static void on_raw(void *arg, const xmlChar *text, int n)
{
    (void)arg;
    (void)text;
    (void)n;
}

/* ---- bounds ---- */

static bool begins_tag(const char *p, const char *end)
{
    return *p == '<' && end - p > 1 && ((p[1] | 0x20) >= 'a' && (p[1] | 0x20) <= 'z');
}

static int greater(int a, int b)
{
    return a > b ? a : b;
}

static bool parts_attributes(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '/' || c == '=' || c == '"' || c == '\'';
}

/*
 * libxml2 compares each attribute of a tag with all before it. So a tag is ended where it has too many parts. Whether a quote opens a value
 * is the parser's affair: both is followed up here, with the greater number of parts where two ways meet. -1: no tag can be open that way.
 */
static struct lt_str with_bounded_tags(struct lt_arena *arena, struct lt_str html)
{
    int tag = -1, in_double = -1, in_single = -1;
    char *copy = NULL;
    for (size_t i = 0; i < html.n; i++) {
        char c = html.p[i];
        int before = tag;
        if (begins_tag(html.p + i, html.p + html.n)) {
            tag = greater(tag, 0);
        } else if (c == '>') {
            tag = -1;
        } else if (c == '"') {
            tag = greater(tag, in_double);
            in_double = before;
        } else if (c == '\'') {
            tag = greater(tag, in_single);
            in_single = before;
        }
        if (tag < 0 || !parts_attributes(c) || ++tag <= LT_HTML_TAG_PARTS_MAX)
            continue;
        copy = copy ? copy : lt_strz(arena, html);
        copy[i] = '>';
        tag = -1;
    }
    return copy ? (struct lt_str){copy, html.n} : html;
}

static enum lt_code parse(struct reading *r, struct lt_str html, struct lt_error *err)
{
    static const htmlSAXHandler handler = {
        .startElement = on_open, .endElement = on_close, .characters = on_text, .ignorableWhitespace = on_text, .cdataBlock = on_raw,
        .comment = on_comment, .processingInstruction = on_instruction, .initialized = 1,
    };
    r->ctxt = htmlNewParserCtxt();
    if (!r->ctxt)
        return lt_fail(err, LT_EINTERNAL, "no parser for HTML");
    *r->ctxt->sax = handler;
    r->ctxt->userData = r;
    int options = HTML_PARSE_RECOVER | HTML_PARSE_NOERROR | HTML_PARSE_NOWARNING | HTML_PARSE_NONET | HTML_PARSE_NODEFDTD | HTML_PARSE_IGNORE_ENC;
    htmlDocPtr doc = htmlCtxtReadMemory(r->ctxt, html.p, (int)html.n, NULL, "UTF-8", options);
    close_to(r, 0);
    xmlFreeDoc(doc);
    htmlFreeParserCtxt(r->ctxt);
    if (r->too_deep)
        return lt_fail(err, LT_EINVALID_INPUT, "the HTML has more than %d elements inside each other", LT_HTML_DEPTH_MAX);
    if (r->text.failed)
        return lt_fail(err, LT_ETOO_LARGE, "a text in the HTML is too long");
    return LT_OK;
}

enum lt_code lt_html_parse(struct lt_arena *arena, struct lt_str html, const struct lt_html_sink *sink, struct lt_error *err)
{
    if (html.n > LT_HTML_BYTES_MAX)
        return lt_fail(err, LT_ETOO_LARGE, "the HTML is longer than %d bytes", LT_HTML_BYTES_MAX);
    html = with_bounded_tags(arena, lt_xml_clean(arena, html));
    if (html.n == 0)
        return LT_OK;
    struct reading r = {.sink = sink};
    lt_buf_init(&r.text, html.n + 16); /* no character is longer than what stands for it */
    enum lt_code code = parse(&r, html, err);
    lt_buf_free(&r.text);
    return code;
}

struct lt_str lt_html_attribute(const char *const *attributes, const char *name)
{
    for (; attributes && attributes[0]; attributes += 2)
        if (strcmp(attributes[0], name) == 0)
            return lt_str(attributes[1] ? attributes[1] : "");
    return LT_STR_NULL;
}
