/*
 * The elements of capa problems (Open edX documentation, "Problem Types and Tools"). Hints are left out: learners ask for them one by one.
 * Fuzzed by tests/fuzz/fuzz_olx.c.
 */
#include "content/olx_problem.h"

#include "base/buf.h"
#include "text/html_parse.h"

enum { LINES_MAX = 256 * 1024 /* bytes of answers without the solutions */ };

struct reading {
    struct lt_course_tree *tree;
    struct lt_str file;
    struct lt_arena *arena; /* scratch */
    struct lt_buf asked, right, solutions;
};

static bool is_aside(struct lt_str name)
{
    static const char *const names[] = {"solution", "hintgroup", "script", "style", "responseparam", "additional_answer", "answer",
                                        "answer_display", "initial_display", "grader_payload"};
    for (size_t i = 0; i < LT_COUNT(names); i++)
        if (lt_str_is(name, names[i]))
            return true;
    return lt_str_ends(name, LT_STR("hint")) || lt_str_ends(name, LT_STR("rubric"));
}

static struct lt_str html_of(struct reading *r, const struct lt_xml_node *node, bool (*skip)(struct lt_str name))
{
    struct lt_str html;
    if (!lt_xml_html(r->arena, node, skip, LT_HTML_BYTES_MAX, &html))
        lt_course_warn(r->tree, r->file, "left out: it is larger than %d bytes", LT_HTML_BYTES_MAX);
    return lt_course_html(r->tree, r->file, html);
}

static bool says_true(struct lt_str value)
{
    return lt_str_eq_ci(value, LT_STR("true"));
}

static void put_right(struct reading *r, struct lt_str text)
{
    text = lt_str_trim(text);
    if (text.n > 0)
        lt_buf_printf(&r->right, "Correct: %.*s\n", LT_FMT(text));
}

/* "('a','b')" and the like: the list that learners choose from. */
static void put_options(struct reading *r, struct lt_str list)
{
    for (size_t i = 0; i < list.n; i++) {
        char quote = list.p[i];
        size_t begin = i + 1;
        if (quote != '\'' && quote != '"')
            continue;
        for (i = begin; i < list.n && list.p[i] != quote; i++)
            ;
        lt_buf_printf(&r->asked, "%.*s\n", (int)(i - begin), list.p + begin);
    }
}

static void take(struct reading *r, const struct lt_xml_node *node)
{
    if (lt_xml_is(node, "choice") || lt_xml_is(node, "option")) {
        if (says_true(lt_xml_value(node, "correct")))
            put_right(r, html_of(r, node, is_aside));
    } else if (lt_xml_is(node, "optioninput")) {
        put_options(r, lt_xml_value(node, "options"));
        put_right(r, lt_xml_value(node, "correct"));
    } else if (lt_xml_is(node, "responseparam")) {
        if (lt_str_is(lt_xml_value(node, "type"), "tolerance"))
            lt_buf_printf(&r->right, "Tolerance: %.*s\n", LT_FMT(lt_xml_value(node, "default")));
    } else if (lt_xml_is(node, "solution")) {
        lt_buf_printf(&r->solutions, "%.*s\n", LT_FMT(html_of(r, node, NULL)));
    } else if (lt_xml_is(node, "textline")) {
        put_right(r, lt_xml_value(node, "correct_answer"));
    } else if (node->name.p) { /* numericalresponse, stringresponse, formularesponse, customresponse, additional_answer, … */
        put_right(r, lt_xml_value(node, "answer"));
        put_right(r, lt_xml_value(node, "expect"));
    }
}

static void walk(struct reading *r, const struct lt_xml_node *node)
{
    for (; node; node = node->next) { /* as deep as LT_XML_DEPTH_MAX */
        take(r, node);
        walk(r, node->first);
    }
}

static struct lt_str taken(struct reading *r, struct lt_buf *lines)
{
    struct lt_str text = lt_course_text(r->tree, r->file, lines->n > 0 ? lt_buf_str(lines) : LT_STR(""));
    lt_buf_free(lines);
    return text;
}

void lt_olx_problem(struct lt_course_tree *tree, struct lt_str file, const struct lt_xml_node *problem, struct lt_course_node *block)
{
    struct reading r = {.tree = tree, .file = file, .arena = lt_arena_new()};
    lt_buf_init(&r.asked, LINES_MAX);
    lt_buf_init(&r.right, LINES_MAX);
    lt_buf_init(&r.solutions, LT_COURSE_BLOCK_MAX);
    struct lt_str text = html_of(&r, problem, is_aside);
    walk(&r, problem->first);
    if (r.asked.failed || r.right.failed || r.solutions.failed)
        lt_course_warn(tree, file, "cut: its choices, answers or solutions are too long");
    block->text = lt_course_join(tree->arena, text, taken(&r, &r.asked));
    block->answers = taken(&r, &r.right);
    block->answers = lt_course_join(tree->arena, block->answers, taken(&r, &r.solutions));
    lt_arena_free(r.arena);
}
