/*
 * HTML made safe: any bytes. What comes out is XML whose elements and addresses are on the list of html_fragment.h, and is left as it is when
 * it goes through again (but for what is very deep, and for formulas, which may come about when tags between their marks are gone).
 */
#include <stdlib.h>

#include <libxml/parser.h>

#include "text/html_fragment.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool right)
{
    if (!right)
        abort();
}

static bool is_one_of(const xmlChar *name, const char *list)
{
    char padded[32];
    snprintf(padded, sizeof(padded), " %s ", (const char *)name);
    return strstr(list, padded) != NULL;
}

static bool starts(const xmlChar *s, const char *prefix)
{
    return xmlStrncasecmp(s, (const xmlChar *)prefix, (int)strlen(prefix)) == 0;
}

static bool is_web_address(const xmlChar *s)
{
    return starts(s, "http://") || starts(s, "https://");
}

static void check_element(const xmlNode *n)
{
    check(is_one_of(n->name, " b i em strong u sub sup code pre p br ul ol li table thead tbody tr th td blockquote span div h3 h4 h5 h6 img a "));
    for (const xmlAttr *a = n->properties; a; a = a->next) {
        xmlChar *value = xmlNodeListGetString(n->doc, a->children, 1);
        if (xmlStrEqual(a->name, (const xmlChar *)"href"))
            check(xmlStrEqual(n->name, (const xmlChar *)"a") && is_web_address(value));
        else if (xmlStrEqual(a->name, (const xmlChar *)"src"))
            check(xmlStrEqual(n->name, (const xmlChar *)"img") && (is_web_address(value) || starts(value, "data:image/")));
        else
            check(xmlStrEqual(a->name, (const xmlChar *)"alt"));
        xmlFree(value);
    }
}

/* The greatest depth of what stands in it. */
static int check_nodes(const xmlNode *n)
{
    int deepest = 0;
    for (; n; n = n->next) {
        check(n->type == XML_ELEMENT_NODE || n->type == XML_TEXT_NODE);
        if (n->type == XML_ELEMENT_NODE)
            check_element(n);
        int depth = 1 + check_nodes(n->children);
        deepest = depth > deepest ? depth : deepest;
    }
    return deepest;
}

static int check_xml(struct lt_arena *arena, struct lt_str inside)
{
    struct lt_str xml = lt_printf(arena, "<div>%.*s</div>", LT_FMT(inside));
    xmlDocPtr doc = xmlReadMemory(xml.p, (int)xml.n, NULL, "UTF-8", XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
    check(doc != NULL);
    int depth = check_nodes(xmlDocGetRootElement(doc));
    xmlFreeDoc(doc);
    return depth;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *copy = malloc(size + 1); /* of its own, so that a byte too far is seen */
    if (!copy)
        abort();
    memcpy(copy, data, size);
    struct lt_arena *arena = lt_arena_new();
    struct lt_html_fragment plain, qti, again;
    struct lt_str html = {copy, size};
    if (lt_html_fragment(arena, html, LT_HTML_XHTML, &plain, NULL) == LT_OK) {
        check(lt_html_fragment(arena, html, LT_HTML_QTI, &qti, NULL) == LT_OK);
        int depth = check_xml(arena, plain.blocks);
        check_xml(arena, qti.blocks);
        check(!memmem(qti.blocks.p, qti.blocks.n, "<u>", 3));
        if (plain.paragraph.p)
            check_xml(arena, plain.paragraph);
        if (depth < 35 && !memchr(copy, '\\', size)) {
            check(lt_html_fragment(arena, plain.blocks, LT_HTML_XHTML, &again, NULL) == LT_OK);
            check(lt_str_eq(again.blocks, plain.blocks));
        }
    }
    lt_arena_free(arena);
    free(copy);
    return 0;
}
