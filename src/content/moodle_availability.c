/* {"op": "&", "c": [{"type": "date", "d": ">=", "t": 1…}, {"type": "group", "id": 5}, …]} */
#include "content/moodle_availability.h"

#include "text/json.h"

enum { DEPTH_MAX = 20, BYTES_MAX = 64 * 1024 };

struct reading {
    struct lt_course_tree *tree;
    const struct lt_moodle_group *groups;
    size_t groups_n;
    struct lt_course_node *node;
    struct lt_str undecided; /* the kind of condition that cannot be decided, or "" */
};

static struct lt_str group_name(const struct reading *r, const struct lt_json *id)
{
    struct lt_str text = lt_json_is(id, LT_JSON_NUMBER) ? lt_json_number_text(id) : lt_json_str_or(id, LT_STR(""));
    for (size_t i = 0; i < r->groups_n; i++)
        if (lt_str_eq(r->groups[i].id, text))
            return r->groups[i].name;
    return text;
}

static void limit_groups(struct reading *r, const struct lt_json *condition)
{
    struct lt_str names[100];
    size_t n = 0;
    if (lt_json_get(condition, "id"))
        names[n++] = group_name(r, lt_json_get(condition, "id"));
    for (; !lt_json_get(condition, "id") && n < r->groups_n && n < LT_COUNT(names); n++) /* any group */
        names[n] = r->groups[n].name;
    lt_course_limit_groups(r->tree, r->node, names, n);
}

static void limit_date(struct reading *r, const struct lt_json *condition)
{
    struct lt_str direction = lt_json_str_or(lt_json_get(condition, "d"), LT_STR(""));
    int64_t t = 0;
    bool right = lt_json_int64(lt_json_get(condition, "t"), &t) && t > 0 && t < INT64_MAX / 1000;
    if (right && lt_str_is(direction, ">="))
        lt_course_limit_time(r->node, t * 1000, 0);
    else if (right && lt_str_is(direction, "<"))
        lt_course_limit_time(r->node, 0, t * 1000);
    else
        r->undecided = LT_STR("date");
}

static void apply(struct reading *r, const struct lt_json *condition, int depth)
{
    struct lt_str type = lt_json_str(lt_json_get(condition, "type")), op = lt_json_str_or(lt_json_get(condition, "op"), LT_STR(""));
    const struct lt_json *list = lt_json_get(condition, "c");
    size_t n = lt_json_len(list);
    if (lt_json_is(list, LT_JSON_ARRAY) && (n == 0 || lt_str_is(op, "&") || (n == 1 && lt_str_is(op, "|"))) && depth < DEPTH_MAX) {
        for (size_t i = 0; i < n; i++)
            apply(r, lt_json_at(list, i), depth + 1);
    } else if (lt_str_is(type, "date")) {
        limit_date(r, condition);
    } else if (lt_str_is(type, "group")) {
        limit_groups(r, condition);
    } else {
        r->undecided = type.n > 0 ? lt_content_first(type, 40) : LT_STR("a choice of conditions");
    }
}

void lt_moodle_availability(struct lt_course_tree *tree, struct lt_str file, struct lt_str json, const struct lt_moodle_group *groups, size_t groups_n,
                            struct lt_course_node *node)
{
    struct reading r = {.tree = tree, .groups = groups, .groups_n = groups_n, .node = node, .undecided = LT_STR("")};
    const struct lt_json *root;
    if (json.n == 0)
        return;
    if (json.n > BYTES_MAX || lt_json_parse(tree->arena, json, LT_JSON_STRICT, &root, NULL) || !lt_json_is(root, LT_JSON_OBJECT))
        r.undecided = LT_STR("it cannot be read");
    else
        apply(&r, root, 0);
    if (r.undecided.n == 0)
        return;
    node->hidden = true;
    lt_course_warn(tree, file, "learners do not see it here: its condition of access cannot be decided (%.*s)", LT_FMT(r.undecided));
}
