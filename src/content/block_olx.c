/* Text and answers of one block's OLX. Fuzzed by tests/fuzz/fuzz_openedx_read.c. */
#include "content/block_olx.h"

#include <libxml/parser.h>
#include <libxml/xmlsave.h>

#include "base/buf.h"
#include "text/html_text.h"

struct reading {
    struct lt_arena *arena;
    struct lt_buf answers;
    struct lt_error *err;
    enum lt_code rc;
};

static struct lt_str attribute(struct lt_arena *arena, xmlNode *node, const char *name)
{
    xmlChar *value = xmlGetNoNsProp(node, (const xmlChar *)name);
    struct lt_str text = value ? lt_str_copy(arena, lt_str((const char *)value)) : LT_STR("");
    xmlFree(value);
    return text;
}

static bool is_named(const xmlNode *node, const char *name)
{
    return node->type == XML_ELEMENT_NODE && lt_str_is(lt_str((const char *)node->name), name);
}

/* A node and what lies in it, as lines of text. */
static struct lt_str text_of(struct reading *r, xmlNode *node)
{
    struct lt_str text = LT_STR("");
    xmlBuffer *out = xmlBufferCreate();
    xmlSaveCtxt *save = out ? xmlSaveToBuffer(out, "UTF-8", XML_SAVE_NO_DECL | XML_SAVE_NO_EMPTY) : NULL;
    if (!save) {
        r->rc = lt_fail(r->err, LT_EINTERNAL, "no memory for a block's text");
    } else {
        xmlSaveTree(save, node);
        xmlSaveClose(save);
        struct lt_str html = {(const char *)xmlBufferContent(out), (size_t)xmlBufferLength(out)};
        if (r->rc == LT_OK && lt_html_text(r->arena, html, &text, r->err))
            r->rc = r->err->code;
    }
    if (out)
        xmlBufferFree(out);
    return r->rc ? LT_STR("") : text;
}

static void put_answer(struct reading *r, const char *what, struct lt_str text)
{
    text = lt_str_trim(text);
    if (text.n > 0)
        lt_buf_printf(&r->answers, "%s%s: %.*s", r->answers.n > 0 ? "\n" : "", what, LT_FMT(text));
}

static bool is_true(struct lt_str value)
{
    return lt_str_eq_ci(value, LT_STR("true"));
}

/* Notes what an element says of the right answer. */
static void note_answers(struct reading *r, xmlNode *node)
{
    struct lt_str name = lt_str((const char *)node->name), correct = attribute(r->arena, node, "correct");
    if (lt_str_is(name, "solution"))
        put_answer(r, "Explanation", text_of(r, node));
    else if ((lt_str_is(name, "choice") || lt_str_is(name, "option")) && is_true(correct))
        put_answer(r, "Correct", text_of(r, node));
    else if (lt_str_is(name, "optioninput"))
        put_answer(r, "Correct", correct);
    else if (lt_str_ends(name, LT_STR("response")) || lt_str_is(name, "additional_answer") || lt_str_is(name, "stringequalhint"))
        put_answer(r, "Correct", attribute(r->arena, node, "answer"));
}

/* Explanations, hints and programs are no part of what a learner is asked. */
static bool is_hidden(const xmlNode *node)
{
    static const char *const names[] = {"solution", "demandhint", "script", "style", "answer", "code", "grader_payload", "initial_display", "answer_display"};
    struct lt_str name = lt_str((const char *)node->name);
    for (size_t i = 0; i < LT_COUNT(names); i++)
        if (lt_str_is(name, names[i]) && !(lt_str_is(name, "code") && !is_named(node->parent, "answer")))
            return true;
    return lt_str_ends(name, LT_STR("hint")) || lt_str_ends(name, LT_STR("rubric"));
}

/* In the order of the document; takes out what is hidden, so that the rest can be written as it is. */
static void split(struct reading *r, xmlNode *node)
{
    for (xmlNode *child = node->children, *next; child && r->rc == LT_OK; child = next) {
        next = child->next;
        if (child->type == XML_COMMENT_NODE || child->type == XML_PI_NODE || child->type == XML_ENTITY_REF_NODE) {
            xmlUnlinkNode(child);
            xmlFreeNode(child);
            continue;
        }
        if (child->type != XML_ELEMENT_NODE)
            continue;
        note_answers(r, child);
        split(r, child);
        if (is_hidden(child)) {
            xmlUnlinkNode(child);
            xmlFreeNode(child);
        }
    }
}

/* The choices of an old <optioninput options="('a','b')"/>, which stand in an attribute. */
static void show_options(struct reading *r, xmlNode *node)
{
    for (xmlNode *child = node->children; child; child = child->next) {
        struct lt_str options = is_named(child, "optioninput") ? attribute(r->arena, child, "options") : LT_STR("");
        if (options.n > 0)
            xmlAddChild(child, xmlNewText((const xmlChar *)lt_strz(r->arena, options)));
        show_options(r, child);
    }
}

static enum lt_code read_problem(struct reading *r, xmlNode *root, struct lt_content_block *ret)
{
    lt_buf_init(&r->answers, LT_OLX_BLOCK_MAX);
    split(r, root);
    if (r->rc == LT_OK)
        show_options(r, root);
    if (r->rc == LT_OK)
        ret->text = text_of(r, root);
    if (r->rc == LT_OK) {
        ret->answers = lt_str_copy(r->arena, lt_buf_str(&r->answers));
        ret->showanswer = attribute(r->arena, root, "showanswer");
    }
    lt_buf_free(&r->answers);
    return r->rc;
}

/* The document is one string of HTML. */
static enum lt_code read_html(struct reading *r, xmlNode *root, struct lt_content_block *ret)
{
    xmlChar *html = xmlNodeGetContent(root);
    struct lt_str text = lt_str((const char *)html);
    enum lt_code rc = lt_html_text(r->arena, text.p ? text : LT_STR(""), &ret->text, r->err);
    xmlFree(html);
    return rc;
}

static enum lt_code read_root(struct reading *r, xmlDoc *doc, struct lt_content_block *ret)
{
    xmlNode *root = xmlDocGetRootElement(doc);
    if (!root || doc->intSubset)
        return lt_fail(r->err, LT_EINVALID_INPUT, "the OLX has no element, or a document type");
    if (ret->category.n == 0)
        ret->category = lt_str_copy(r->arena, lt_str((const char *)root->name));
    if (ret->display_name.n == 0)
        ret->display_name = attribute(r->arena, root, "display_name");
    if (is_named(root, "html"))
        return read_html(r, root, ret);
    return read_problem(r, root, ret);
}

enum lt_code lt_block_olx(struct lt_arena *arena, struct lt_str olx, struct lt_content_block *ret, struct lt_error *err)
{
    struct reading r = {.arena = arena, .err = err};
    if (olx.n > LT_OLX_BLOCK_MAX)
        return lt_fail(err, LT_ETOO_LARGE, "the OLX of a block is larger than %d bytes", LT_OLX_BLOCK_MAX);
    if (olx.n == 0 || memchr(olx.p, '\0', olx.n))
        return lt_fail(err, LT_EINVALID_INPUT, "the OLX of a block is empty or has a NUL");
    xmlDoc *doc = xmlReadMemory(olx.p, (int)olx.n, NULL, "UTF-8", XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
    if (!doc)
        return lt_fail(err, LT_EINVALID_INPUT, "the OLX of a block is not well-formed XML");
    enum lt_code rc = read_root(&r, doc, ret);
    xmlFreeDoc(doc);
    return rc;
}
