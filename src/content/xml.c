/*
 * libxml2's events, and the tree that they make.
 * Fuzzed by tests/fuzz/fuzz_olx.c, tests/fuzz/fuzz_common_cartridge.c and tests/fuzz/fuzz_moodle_backup.c.
 */
#include "content/xml.h"

#include <libxml/parser.h>
#include <libxml/parserInternals.h>

#include "base/buf.h"
#include "content/encoding.h"

struct reading {
    struct lt_arena *arena;
    xmlParserCtxtPtr ctxt;
    struct lt_xml_node *root, *at; /* the innermost element that is open */
    struct lt_buf text;
    size_t nodes, depth;
    enum lt_code rc;
    struct lt_error *err;
};

static void stop(struct reading *r, enum lt_code code, const char *why)
{
    if (r->rc == LT_OK)
        r->rc = lt_fail(r->err, code, "%s", why);
    xmlStopParser(r->ctxt);
}

static struct lt_str copy(struct reading *r, const void *p, size_t n)
{
    return lt_str_copy(r->arena, (struct lt_str){p, n});
}

/* An attribute's value, in which libxml2 leaves each "&" as "&#38;" when it expands no entities. */
static struct lt_str copy_value(struct reading *r, const xmlChar *p, size_t n)
{
    static const struct lt_str written = LT_STR("&#38;");
    char *out = lt_alloc(r->arena, n + 1);
    size_t used = 0;
    for (size_t i = 0; i < n; i++) {
        out[used++] = (char)p[i];
        if (n - i >= written.n && memcmp(p + i, written.p, written.n) == 0)
            i += written.n - 1;
    }
    return (struct lt_str){out, used};
}

static struct lt_xml_node *add(struct reading *r)
{
    struct lt_xml_node *node = LT_NEW(r->arena, struct lt_xml_node);
    if (++r->nodes > LT_XML_NODES_MAX)
        stop(r, LT_ETOO_LARGE, "has more than 500000 elements and texts");
    node->parent = r->at;
    if (r->at && r->at->last)
        r->at->last->next = node;
    else if (r->at)
        r->at->first = node;
    else
        r->root = node;
    if (r->at)
        r->at->last = node;
    return node;
}

/* Only lines and indents between elements. */
static bool is_layout(struct lt_str text)
{
    return lt_str_trim(text).n == 0 && memchr(text.p, '\n', text.n);
}

static void end_text(struct reading *r)
{
    if (r->at && r->text.n > 0 && !is_layout(lt_buf_str(&r->text)))
        add(r)->text = copy(r, r->text.p, r->text.n);
    lt_buf_reset(&r->text);
}

static void on_start(void *arg, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri, int namespaces_n, const xmlChar **namespaces, int n,
                     int defaulted, const xmlChar **attributes)
{
    struct reading *r = arg;
    (void)prefix, (void)uri, (void)namespaces_n, (void)namespaces, (void)defaulted;
    end_text(r);
    if (r->rc != LT_OK)
        return;
    if (++r->depth > LT_XML_DEPTH_MAX)
        return stop(r, LT_ETOO_LARGE, "has elements more than 200 deep");
    if (n > LT_XML_ATTRIBUTES_MAX)
        return stop(r, LT_ETOO_LARGE, "has an element with more than 500 attributes");
    struct lt_xml_node *node = add(r);
    node->name = copy(r, name, strlen((const char *)name));
    node->attributes = LT_NEW_ARRAY(r->arena, struct lt_xml_attribute, n);
    for (int i = 0; i < n; i++) {
        const xmlChar **a = &attributes[5 * i]; /* local name, prefix, address, value, its end */
        if (a[4] - a[3] > LT_XML_VALUE_MAX)
            return stop(r, LT_ETOO_LARGE, "has an attribute of more than 1048576 bytes");
        node->attributes[node->attributes_n++] = (struct lt_xml_attribute){copy(r, a[0], strlen((const char *)a[0])),
                                                                           copy_value(r, a[3], (size_t)(a[4] - a[3]))};
    }
    r->at = node;
}

static void on_end(void *arg, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri)
{
    struct reading *r = arg;
    (void)name, (void)prefix, (void)uri;
    end_text(r);
    if (r->at)
        r->at = r->at->parent;
    r->depth--;
}

static void on_text(void *arg, const xmlChar *text, int n)
{
    struct reading *r = arg;
    lt_buf_put(&r->text, text, (size_t)n);
}

static void on_entity(void *arg, const xmlChar *name, int type, const xmlChar *public_id, const xmlChar *system_id, xmlChar *content)
{
    (void)name, (void)type, (void)public_id, (void)system_id, (void)content;
    stop(arg, LT_EPERMISSION, "declares entities, which are not taken");
}

static xmlEntityPtr on_reference(void *arg, const xmlChar *name)
{
    (void)arg;
    return xmlGetPredefinedEntity(name);
}

static void on_error(void *arg, const xmlError *error)
{
    (void)arg, (void)error; /* asked for at the end */
}

/* ---- bounds ---- */

/* The end of what begins with `open` at i, behind `close`; i itself when it does not begin so. */
static size_t past(struct lt_str s, size_t i, const char *open, const char *close)
{
    size_t n = strlen(open);
    if (s.n - i < n || memcmp(s.p + i, open, n) != 0)
        return i;
    const char *end = memmem(s.p + i + n, s.n - i - n, close, strlen(close));
    return end ? (size_t)(end - s.p) + strlen(close) : s.n;
}

/* libxml2 compares each attribute of an element with all before it, so their number is looked at first. */
static bool tags_are_bounded(struct lt_str s)
{
    char quote = 0;
    size_t parts = 0;
    bool tag = false;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (!tag) {
            const char *next = memchr(s.p + i, '<', s.n - i);
            if (!next)
                return true;
            i = (size_t)(next - s.p);
            size_t end = past(s, i, "<!--", "-->");
            end = end > i ? end : past(s, i, "<![CDATA[", "]]>");
            end = end > i ? end : past(s, i, "<?", "?>");
            tag = end == i;
            parts = 0;
            i = end > i ? end - 1 : i;
        } else if (quote) {
            quote = c == quote ? 0 : quote;
        } else if (c == '"' || c == '\'') {
            quote = c;
            if (++parts > LT_XML_ATTRIBUTES_MAX)
                return false;
        } else if (c == '>') {
            tag = false;
        }
    }
    return true;
}

/* ---- reading ---- */

static enum lt_code not_well_formed(const struct reading *r)
{
    const xmlError *e = &r->ctxt->lastError;
    struct lt_str why = lt_str_trim(lt_str(e->message ? e->message : "no element"));
    return lt_fail(r->err, LT_EINVALID_INPUT, "is not well-formed XML: line %d: %.*s", e->line, LT_FMT(((struct lt_str){why.p, why.n < 120 ? why.n : lt_utf8_whole(why.p, 120)})));
}

static enum lt_code parse(struct reading *r, struct lt_str text)
{
    r->ctxt = xmlCreateMemoryParserCtxt(text.p, (int)text.n);
    if (!r->ctxt)
        return lt_fail(r->err, LT_EINVALID_INPUT, "is empty");
    memset(r->ctxt->sax, 0, sizeof(*r->ctxt->sax));
    r->ctxt->sax->initialized = XML_SAX2_MAGIC;
    r->ctxt->sax->startElementNs = on_start;
    r->ctxt->sax->endElementNs = on_end;
    r->ctxt->sax->characters = on_text;
    r->ctxt->sax->cdataBlock = on_text;
    r->ctxt->sax->ignorableWhitespace = on_text;
    r->ctxt->sax->entityDecl = on_entity;
    r->ctxt->sax->getEntity = on_reference;
    r->ctxt->sax->serror = (xmlStructuredErrorFunc)(void (*)(void))on_error;
    r->ctxt->userData = r;
    xmlCtxtUseOptions(r->ctxt, XML_PARSE_NONET | XML_PARSE_IGNORE_ENC | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
    r->ctxt->sax2 = 1;
    xmlParseDocument(r->ctxt);
    if (r->rc == LT_OK && (!r->ctxt->wellFormed || !r->root || r->text.failed))
        r->rc = not_well_formed(r);
    xmlFreeDoc(r->ctxt->myDoc); /* libxml2 makes one for declarations, whoever listens */
    xmlFreeParserCtxt(r->ctxt);
    return r->rc;
}

enum lt_code lt_xml_read(struct lt_arena *arena, struct lt_str bytes, struct lt_xml_node **ret, struct lt_error *err)
{
    struct reading r = {.arena = arena, .err = err};
    struct lt_str text;
    *ret = NULL;
    if (bytes.n > LT_XML_BYTES_MAX)
        return lt_fail(err, LT_ETOO_LARGE, "is larger than %d bytes", LT_XML_BYTES_MAX);
    if (lt_xml_utf8(arena, bytes, &text, err))
        return err->code;
    if (lt_str_trim(text).n == 0)
        return lt_fail(err, LT_EINVALID_INPUT, "is empty");
    if (!tags_are_bounded(text))
        return lt_fail(err, LT_ETOO_LARGE, "has an element with more than %d attributes", LT_XML_ATTRIBUTES_MAX);
    lt_buf_init(&r.text, LT_XML_BYTES_MAX * 3);
    enum lt_code rc = parse(&r, text);
    lt_buf_free(&r.text);
    *ret = r.root;
    return rc;
}

/* ---- looking ---- */

bool lt_xml_is(const struct lt_xml_node *node, const char *name)
{
    return node && node->name.p && lt_str_is(node->name, name);
}

static const struct lt_xml_node *from(const struct lt_xml_node *node, struct lt_str name)
{
    while (node && !(node->name.p && lt_str_eq(node->name, name)))
        node = node->next;
    return node;
}

const struct lt_xml_node *lt_xml_child(const struct lt_xml_node *node, const char *name)
{
    return node ? from(node->first, lt_str(name)) : NULL;
}

const struct lt_xml_node *lt_xml_next(const struct lt_xml_node *node, const char *name)
{
    return node ? from(node->next, lt_str(name)) : NULL;
}

const struct lt_xml_node *lt_xml_find(const struct lt_xml_node *node, const char *path)
{
    for (struct lt_str rest = lt_str(path); node && rest.n > 0;)
        node = from(node->first, lt_str_cut(&rest, '/'));
    return node;
}

struct lt_str lt_xml_value(const struct lt_xml_node *node, const char *attribute)
{
    for (size_t i = 0; node && i < node->attributes_n; i++)
        if (lt_str_is(node->attributes[i].name, attribute))
            return node->attributes[i].value;
    return LT_STR_NULL;
}

/* The node behind this one in the order of the text, below `top`. */
static const struct lt_xml_node *following(const struct lt_xml_node *node, const struct lt_xml_node *top)
{
    if (node->first)
        return node->first;
    while (node != top && !node->next)
        node = node->parent;
    return node == top ? NULL : node->next;
}

struct lt_str lt_xml_string(struct lt_arena *arena, const struct lt_xml_node *node)
{
    if (!node || !node->first)
        return LT_STR("");
    if (!node->first->name.p && !node->first->next)
        return lt_str_trim(node->first->text);
    struct lt_buf out;
    lt_buf_init(&out, LT_XML_BYTES_MAX * 3);
    for (const struct lt_xml_node *n = node; n; n = following(n, node))
        if (!n->name.p)
            lt_buf_put_str(&out, n->text);
    struct lt_str all = out.n > 0 ? lt_str_copy(arena, lt_str_trim(lt_buf_str(&out))) : LT_STR("");
    lt_buf_free(&out);
    return all;
}

struct lt_str lt_xml_string_of(struct lt_arena *arena, const struct lt_xml_node *node, const char *path)
{
    return lt_xml_string(arena, lt_xml_find(node, path));
}

/* ---- as HTML ---- */

static void put_escaped(struct lt_buf *out, struct lt_str text)
{
    for (size_t i = 0; i < text.n; i++)
        switch (text.p[i]) {
        case '<': lt_buf_put_str(out, LT_STR("&lt;")); break;
        case '>': lt_buf_put_str(out, LT_STR("&gt;")); break;
        case '&': lt_buf_put_str(out, LT_STR("&amp;")); break;
        case '"': lt_buf_put_str(out, LT_STR("&quot;")); break;
        default: lt_buf_putc(out, text.p[i]);
        }
}

static void put_nodes(struct lt_buf *out, const struct lt_xml_node *node, bool (*skip)(struct lt_str name))
{
    for (; node; node = node->next) { /* as deep as LT_XML_DEPTH_MAX */
        if (!node->name.p) {
            put_escaped(out, node->text);
            continue;
        }
        if (skip && skip(node->name))
            continue;
        lt_buf_printf(out, "<%.*s", LT_FMT(node->name));
        for (size_t i = 0; i < node->attributes_n; i++) {
            lt_buf_printf(out, " %.*s=\"", LT_FMT(node->attributes[i].name));
            put_escaped(out, node->attributes[i].value);
            lt_buf_putc(out, '"');
        }
        lt_buf_putc(out, '>');
        put_nodes(out, node->first, skip);
        lt_buf_printf(out, "</%.*s>", LT_FMT(node->name));
    }
}

bool lt_xml_html(struct lt_arena *arena, const struct lt_xml_node *node, bool (*skip)(struct lt_str name), size_t max, struct lt_str *ret)
{
    struct lt_buf out;
    lt_buf_init(&out, max);
    put_nodes(&out, node ? node->first : NULL, skip);
    bool whole = !out.failed;
    *ret = whole && out.n > 0 ? lt_str_copy(arena, lt_buf_str(&out)) : LT_STR("");
    lt_buf_free(&out);
    return whole;
}
