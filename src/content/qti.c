/* item: presentation asks, resprocessing says what scores, itemfeedback explains. Fuzzed by tests/fuzz/fuzz_common_cartridge.c. */
#include "content/qti.h"

#include <stdlib.h>

#include "base/buf.h"

enum { LINES_MAX = 256 * 1024, RIGHT_MAX = 500 /* right answers of an item */ };

struct item {
    struct lt_course_tree *tree;
    struct lt_str file;
    const struct lt_xml_node *node;
    struct lt_str asked, right, solution;
    int right_n;
};

/* ---- material ---- */

static struct lt_str mattext(struct item *it, const struct lt_xml_node *node)
{
    struct lt_str type = lt_xml_value(node, "texttype"), text = lt_xml_string(it->tree->arena, node);
    if (lt_str_eq_ci(type, LT_STR("text/html")))
        return lt_course_html(it->tree, it->file, text);
    return lt_course_text(it->tree, it->file, text);
}

static void put_material(struct item *it, struct lt_buf *out, const struct lt_xml_node *node)
{
    for (const struct lt_xml_node *n = node ? node->first : NULL; n && !out->failed; n = n->next) { /* as deep as LT_XML_DEPTH_MAX */
        struct lt_str text = lt_xml_is(n, "mattext") || lt_xml_is(n, "matemtext") ? mattext(it, n) : LT_STR("");
        if (text.n > 0)
            lt_buf_printf(out, "%.*s\n", LT_FMT(text));
        else if (n->name.p)
            put_material(it, out, n);
    }
}

/* All texts below the node, each on its line. */
static struct lt_str material(struct item *it, const struct lt_xml_node *node)
{
    struct lt_buf out;
    lt_buf_init(&out, LT_COURSE_BLOCK_MAX);
    put_material(it, &out, node);
    struct lt_str text = out.n > 0 ? lt_str_copy(it->tree->arena, lt_str_trim(lt_buf_str(&out))) : LT_STR("");
    if (out.failed)
        lt_course_warn(it->tree, it->file, "cut: only the first %d bytes of an item were taken", LT_COURSE_BLOCK_MAX);
    lt_buf_free(&out);
    return text;
}

/* ---- what is right ---- */

static const struct lt_xml_node *find_label(const struct lt_xml_node *node, struct lt_str ident)
{
    for (const struct lt_xml_node *n = node ? node->first : NULL, *in; n; n = n->next) {
        if (lt_xml_is(n, "response_label") && lt_str_eq(lt_xml_value(n, "ident"), ident))
            return n;
        if ((in = find_label(n, ident)))
            return in;
    }
    return NULL;
}

static void put_right(struct item *it, struct lt_buf *out, const struct lt_xml_node *varequal)
{
    if (it->right_n++ >= RIGHT_MAX)
        return;
    struct lt_str value = lt_xml_string(it->tree->arena, varequal);
    const struct lt_xml_node *label = find_label(lt_xml_child(it->node, "presentation"), value);
    struct lt_str text = label ? material(it, label) : value;
    if (text.n > 0)
        lt_buf_printf(out, "Correct: %.*s\n", LT_FMT(text));
}

static void put_conditions(struct item *it, struct lt_buf *out, const struct lt_xml_node *node)
{
    for (const struct lt_xml_node *n = node ? node->first : NULL; n; n = n->next) {
        if (lt_xml_is(n, "varequal") || lt_xml_is(n, "varsubstring"))
            put_right(it, out, n);
        else if (n->name.p && !lt_xml_is(n, "not"))
            put_conditions(it, out, n);
    }
}

/* A condition counts that gives points. */
static bool scores(struct item *it, const struct lt_xml_node *condition)
{
    for (const struct lt_xml_node *set = lt_xml_child(condition, "setvar"); set; set = lt_xml_next(set, "setvar")) {
        struct lt_str value = lt_xml_string(it->tree->arena, set), action = lt_xml_value(set, "action");
        bool adds = action.n == 0 || lt_str_eq_ci(action, LT_STR("set")) || lt_str_eq_ci(action, LT_STR("add"));
        if (adds && strtod(lt_strz(it->tree->arena, value), NULL) > 0)
            return true;
    }
    return false;
}

static void read_answers(struct item *it)
{
    struct lt_buf out;
    lt_buf_init(&out, LINES_MAX);
    const struct lt_xml_node *c = lt_xml_find(it->node, "resprocessing/respcondition");
    for (; c; c = lt_xml_next(c, "respcondition"))
        if (scores(it, c))
            put_conditions(it, &out, lt_xml_child(c, "conditionvar"));
    it->right = lt_course_text(it->tree, it->file, out.n > 0 ? lt_buf_str(&out) : LT_STR(""));
    if (out.failed || it->right_n > RIGHT_MAX)
        lt_course_warn(it->tree, it->file, "cut: an item has more than %d right answers, or %d bytes of them", RIGHT_MAX, LINES_MAX);
    lt_buf_free(&out);
    for (const struct lt_xml_node *f = lt_xml_child(it->node, "itemfeedback"); f; f = lt_xml_next(f, "itemfeedback"))
        if (lt_xml_child(f, "solution") || (it->solution.n == 0 && lt_str_is(lt_xml_value(f, "ident"), "general_fb")))
            it->solution = material(it, f);
}

/* ---- items ---- */

static enum lt_code add_item(struct lt_course_tree *tree, struct lt_str file, const struct lt_xml_node *node, struct lt_course_node *unit, struct lt_str id,
                             bool hidden, struct lt_error *err)
{
    struct item it = {.tree = tree, .file = file, .node = node, .solution = LT_STR("")};
    struct lt_course_node *block;
    struct lt_str name = lt_xml_value(node, "title"), ident = lt_xml_value(node, "ident");
    if (lt_course_add(tree, unit, LT_COURSE_BLOCK, lt_printf(tree->arena, "%.*s#%.*s", LT_FMT(id), LT_FMT(ident)), LT_STR("problem"), name, &block, err))
        return err->code;
    it.asked = material(&it, lt_xml_child(node, "presentation"));
    read_answers(&it);
    block->text = it.asked;
    block->answers = lt_course_join(tree->arena, it.right, it.solution);
    block->hidden = hidden;
    if (block->text.n == 0)
        lt_course_warn(tree, file, "the item '%.*s' asks nothing that could be read", LT_FMT(lt_content_first(ident, 60)));
    return LT_OK;
}

enum lt_code lt_qti_add(struct lt_course_tree *tree, struct lt_str file, const struct lt_xml_node *document, struct lt_course_node *unit, struct lt_str id,
                        bool hidden, struct lt_error *err)
{
    for (const struct lt_xml_node *n = document ? document->first : NULL; n; n = n->next) { /* assessment, objectbank, section; as deep as LT_XML_DEPTH_MAX */
        if (lt_xml_is(n, "item") ? add_item(tree, file, n, unit, id, hidden, err) : lt_qti_add(tree, file, n, unit, id, hidden, err))
            return err->code;
    }
    return LT_OK;
}
