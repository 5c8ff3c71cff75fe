/* Who sees what Canvas has exported. See canvas.h. */
#include "content/canvas.h"

#include "base/clock.h"

static struct lt_str string(struct lt_course_tree *tree, const struct lt_xml_node *node, const char *name)
{
    return lt_xml_string_of(tree->arena, node, name);
}

static bool is_published(struct lt_str state)
{
    return state.n == 0 || lt_str_is(state, "active") || lt_str_is(state, "published") || lt_str_is(state, "available");
}

/* In UTC, without saying so. 0: there is none; -1: it is no date. */
static int64_t date(struct lt_course_tree *tree, struct lt_str file, const struct lt_xml_node *node, const char *name)
{
    int64_t ms = 0;
    struct lt_str text = string(tree, node, name);
    if (text.n == 0 || lt_time_parse(text, &ms) || lt_time_parse(lt_printf(tree->arena, "%.*sZ", LT_FMT(text)), &ms))
        return ms;
    lt_course_warn(tree, file, "its %s is no date, so learners do not see it: '%.*s'", name, LT_FMT(lt_content_first(text, 60)));
    return -1;
}

/* Until when: a quiz alone closes, what is asked elsewhere stays to be read. */
static void limit_times(struct lt_course_tree *tree, struct lt_str file, const struct lt_xml_node *element, bool closes, struct lt_course_node *node)
{
    int64_t from = date(tree, file, element, "unlock_at"), posted = date(tree, file, element, "delayed_post_at");
    int64_t until = closes ? date(tree, file, element, "lock_at") : 0;
    node->hidden |= from < 0 || posted < 0 || until < 0;
    lt_course_limit_time(node, from, until);
    lt_course_limit_time(node, posted, 0);
}

void lt_canvas_limit(struct lt_course_tree *tree, struct lt_str file, const struct lt_xml_node *element, struct lt_course_node *node)
{
    const struct lt_xml_node *assignment = lt_xml_child(element, "assignment"); /* that a quiz or discussion is graded by */
    bool quiz = lt_xml_is(element, "quiz");
    node->hidden |= !is_published(string(tree, element, "workflow_state")) || lt_str_is(string(tree, element, "only_visible_to_overrides"), "true");
    node->hidden |= quiz && (lt_str_is(string(tree, element, "available"), "false") || string(tree, element, "access_code").n > 0 ||
                             string(tree, element, "ip_filter").n > 0);
    limit_times(tree, file, element, quiz, node);
    if (assignment) {
        node->hidden |= !is_published(string(tree, assignment, "workflow_state")) ||
                        lt_str_is(string(tree, assignment, "only_visible_to_overrides"), "true");
        limit_times(tree, file, assignment, quiz, node);
    }
}

bool lt_canvas_is_settings(const struct lt_xml_node *root)
{
    return lt_xml_is(root, "assignment") || lt_xml_is(root, "quiz") || lt_xml_is(root, "topicMeta");
}

bool lt_canvas_is_draft(struct lt_str html)
{
    static const struct lt_str mark = LT_STR("<meta name=\"workflow_state\" content=\"");
    const char *end = html.p ? memmem(html.p, html.n, "</head>", 7) : NULL;
    const char *at = end ? memmem(html.p, (size_t)(end - html.p), mark.p, mark.n) : NULL;
    if (!at)
        return false;
    struct lt_str rest = {at + mark.n, (size_t)(end - at) - mark.n};
    return !is_published(lt_str_cut(&rest, '"'));
}
