/* Reading Open edX's answers. Fuzzed by tests/fuzz/fuzz_openedx_read.c. */
#include "content/openedx_read.h"

#include "base/buf.h"
#include "content/block_olx.h"
#include "text/html_text.h"

static struct lt_str member(const struct lt_json *object, const char *key)
{
    return lt_json_str_or(lt_json_get(object, key), LT_STR(""));
}

static enum lt_code invalid(struct lt_error *err, const char *why)
{
    return lt_fail(err, LT_EUPSTREAM_INVALID, "%s", why);
}

/* Its own errors would quote the answer. */
static enum lt_code parse_object(struct lt_arena *arena, struct lt_str body, const struct lt_json **ret, struct lt_error *err)
{
    if (lt_json_parse(arena, body, LT_JSON_STRICT, ret, NULL))
        return invalid(err, "the answer is not JSON");
    return lt_json_is(*ret, LT_JSON_OBJECT) ? LT_OK : invalid(err, "the answer is not an object");
}

/* An HTML text of the course team's; "" when it is too large or too deep to be one. */
static struct lt_str html_text(struct lt_arena *arena, struct lt_str html, bool *ret_lost)
{
    struct lt_error err;
    struct lt_str text = LT_STR("");
    *ret_lost = lt_html_text(arena, html, &text, &err) != LT_OK;
    return *ret_lost ? LT_STR("") : text;
}

/* ---- the tree ---- */

enum lt_code lt_edx_tree_read(struct lt_arena *arena, struct lt_str body, struct lt_edx_tree *ret, struct lt_error *err)
{
    const struct lt_json *v;
    *ret = (struct lt_edx_tree){LT_STR(""), NULL};
    if (parse_object(arena, body, &v, err))
        return err->code;
    ret->root = member(v, "root");
    ret->blocks = lt_json_get(v, "blocks");
    if (ret->root.n == 0 || !lt_json_is(ret->blocks, LT_JSON_OBJECT))
        return invalid(err, "the answer has no `root`, or no object `blocks`");
    if (lt_json_len(ret->blocks) > LT_EDX_BLOCKS_MAX)
        return lt_fail(err, LT_ETOO_LARGE, "the answer has more than %d blocks", LT_EDX_BLOCKS_MAX);
    for (size_t i = 0; i < lt_json_len(ret->blocks); i++) {
        const struct lt_json *block = lt_json_at(ret->blocks, i), *children = lt_json_get(block, "children");
        if (!lt_json_is(block, LT_JSON_OBJECT) || member(block, "type").n == 0 || (children && !lt_json_is(children, LT_JSON_ARRAY)))
            return invalid(err, "a block of the answer has no `type`, or `children` that are no array");
    }
    return LT_OK;
}

static const struct lt_json *block_of(const struct lt_edx_tree *tree, struct lt_str id)
{
    return lt_json_get_str(tree->blocks, id);
}

/*
 * Goes through what lies below a block, parents first; `enter` says whether to go on below. A block is met once for each parent, and all walks over a
 * tree for one question together meet not many more than there are blocks, so that circles and blocks with many parents end.
 */
struct walk {
    const struct lt_edx_tree *tree;
    size_t *budget;
    bool (*enter)(struct walk *w, struct lt_str id, const struct lt_json *block, int depth);
    void *arg;
};

static void walk_below(struct walk *w, const struct lt_json *block, int depth)
{
    const struct lt_json *children = lt_json_get(block, "children");
    for (size_t i = 0; depth < LT_EDX_DEPTH_MAX && i < lt_json_len(children); i++) {
        struct lt_str id = lt_json_str(lt_json_at(children, i));
        const struct lt_json *child = block_of(w->tree, id);
        if (!child) /* the user may not see it */
            continue;
        if (*w->budget == 0)
            return;
        --*w->budget;
        if (w->enter(w, id, child, depth))
            walk_below(w, child, depth + 1);
    }
}

static void walk(const struct lt_edx_tree *tree, struct lt_str from, size_t *budget,
                 bool (*enter)(struct walk *, struct lt_str, const struct lt_json *, int), void *arg)
{
    struct walk w = {.tree = tree, .budget = budget, .enter = enter, .arg = arg};
    walk_below(&w, block_of(tree, from), 0);
}

/* ---- finding ---- */

struct search {
    struct lt_str location, sequence, found;
    bool seen;
};

static bool search_enter(struct walk *w, struct lt_str id, const struct lt_json *block, int depth)
{
    struct search *s = w->arg;
    (void)depth;
    if (s->seen)
        return false;
    if (lt_str_is(member(block, "type"), "sequential"))
        s->sequence = id;
    else if (lt_str_is(member(block, "type"), "chapter"))
        s->sequence = LT_STR("");
    s->seen = lt_str_eq(id, s->location);
    if (s->seen)
        s->found = s->sequence;
    return !s->seen;
}

struct lt_str lt_edx_sequence_of(const struct lt_edx_tree *tree, struct lt_str location)
{
    struct search s = {.location = location, .sequence = LT_STR(""), .found = LT_STR("")};
    size_t budget = lt_json_len(tree->blocks);
    walk(tree, tree->root, &budget, search_enter, &s);
    return s.found;
}

/* Does the location lie below this block, or is it the block? */
static bool holds(const struct lt_edx_tree *tree, struct lt_str id, struct lt_str location, size_t *budget)
{
    struct search s = {.location = location};
    if (lt_str_eq(id, location))
        return true;
    walk(tree, id, budget, search_enter, &s);
    return s.seen;
}

/* ---- texts ---- */

/* As html_text.h describes a video. */
static struct lt_str video_text(struct lt_arena *arena, struct lt_str title, const struct lt_json *data)
{
    const struct lt_json *sources = lt_json_get(data, "all_sources");
    struct lt_buf html;
    lt_buf_init(&html, 64 * 1024);
    lt_buf_put_str(&html, LT_STR("<video>"));
    for (size_t i = 0; i < lt_json_len(sources); i++) {
        struct lt_str source = lt_json_str(lt_json_at(sources, i));
        if (source.n > 0 && !memchr(source.p, '"', source.n))
            lt_buf_printf(&html, "<source src=\"%.*s\">", LT_FMT(source));
    }
    lt_buf_put_str(&html, LT_STR("</video>"));
    bool lost, any = lt_json_len(sources) > 0;
    struct lt_str text = html.failed || !any ? LT_STR("") : html_text(arena, lt_buf_str(&html), &lost);
    lt_buf_free(&html);
    return text.n > 0 ? text : lt_printf(arena, "[Embedded video: title=\"%.*s\"]", LT_FMT(title));
}

/* text.p == NULL: the answer does not have it. */
static void read_text(struct lt_arena *arena, const struct lt_json *block, struct lt_content_block *ret)
{
    const struct lt_json *data = lt_json_get(block, "student_view_data"), *html = lt_json_get(data, "html");
    ret->text = LT_STR_NULL;
    if (lt_str_is(ret->category, "video"))
        ret->text = video_text(arena, ret->display_name, data);
    else if (lt_json_is(html, LT_JSON_STRING) && lt_json_bool_or(lt_json_get(data, "enabled"), true))
        ret->text = html_text(arena, lt_json_str(html), &ret->cut);
}

/* When learners see the answers: not at all where the course hides whether they are right. */
static struct lt_str showanswer_of(const struct lt_json *block)
{
    struct lt_str correctness = lt_json_str_or(lt_json_get(block, "show_correctness"), LT_STR("always"));
    return lt_str_is(correctness, "always") ? member(block, "showanswer") : LT_STR("never");
}

/* ---- content ---- */

/* Made to hold others: without any that the user may see there is nothing to show of it. */
static bool is_container(struct lt_str type)
{
    static const char *const types[] = {"course", "chapter", "sequential", "vertical", "unit", "library_content", "split_test", "conditional", "wrapper"};
    for (size_t i = 0; i < LT_COUNT(types); i++)
        if (lt_str_is(type, types[i]))
            return true;
    return false;
}

struct gather {
    struct lt_arena *arena;
    const struct lt_edx_tree *tree;
    struct lt_content_unit *unit;
    size_t room;                 /* for its blocks */
    size_t counting, gathering, finding; /* budgets of walks over all units */
    size_t bytes;                /* of all texts */
};

static void put_block(struct gather *g, struct lt_str id, const struct lt_json *block)
{
    if (g->unit->blocks_n == g->room)
        return;
    struct lt_content_block *b = &g->unit->blocks[g->unit->blocks_n++];
    *b = (struct lt_content_block){
        .id = id, .category = member(block, "type"), .display_name = member(block, "display_name"), .showanswer = showanswer_of(block)};
    read_text(g->arena, block, b);
    g->bytes += b->text.n;
}

static bool gather_enter(struct walk *w, struct lt_str id, const struct lt_json *block, int depth)
{
    struct gather *g = w->arg;
    (void)depth;
    if (lt_json_len(lt_json_get(block, "children")) > 0 || is_container(member(block, "type")))
        return true;
    if (g->bytes <= LT_CONTENT_TEXT_MAX)
        put_block(g, id, block);
    return false;
}

static bool count_enter(struct walk *w, struct lt_str id, const struct lt_json *block, int depth)
{
    (void)id;
    (void)depth;
    ++*(size_t *)w->arg;
    return lt_json_len(lt_json_get(block, "children")) > 0;
}

/* A block without children that is not made to have them is its own unit. */
static void read_unit(struct gather *g, struct lt_str id, struct lt_content_unit *ret)
{
    const struct lt_json *block = block_of(g->tree, id);
    *ret = (struct lt_content_unit){.id = id, .category = member(block, "type"), .display_name = member(block, "display_name")};
    g->unit = ret;
    g->room = 1;
    walk(g->tree, id, &g->counting, count_enter, &g->room);
    ret->blocks = LT_NEW_ARRAY(g->arena, struct lt_content_block, g->room);
    if (lt_json_len(lt_json_get(block, "children")) > 0)
        walk(g->tree, id, &g->gathering, gather_enter, g);
    else if (!is_container(ret->category))
        put_block(g, id, block);
}

enum lt_code lt_edx_content(struct lt_arena *arena, const struct lt_edx_tree *tree, enum lt_content_mode mode, struct lt_str location,
                            struct lt_content *ret, struct lt_error *err)
{
    const struct lt_json *root = block_of(tree, tree->root), *children = lt_json_get(root, "children");
    bool unit = mode == LT_CONTENT_UNIT, found = false;
    size_t all = lt_json_len(tree->blocks), n = unit ? 1 : lt_json_len(children);
    struct gather g = {.arena = arena, .tree = tree, .counting = all, .gathering = all, .finding = all};
    if (!root)
        return lt_fail(err, LT_ENOT_FOUND, "the answer holds no block that the user may see");
    if (n > all)
        return invalid(err, "a sequence of the answer has more children than there are blocks");
    *ret = (struct lt_content){.mode = mode, .units = LT_NEW_ARRAY(arena, struct lt_content_unit, n + 1)};
    if (!unit) {
        ret->sequence_id = tree->root;
        ret->sequence_name = member(root, "display_name");
    }
    for (size_t i = 0; i < n && !(found && mode == LT_CONTENT_UP_TO_CURRENT_UNIT); i++) {
        struct lt_str id = unit ? tree->root : lt_json_str(lt_json_at(children, i));
        if (!block_of(tree, id))
            continue;
        read_unit(&g, id, &ret->units[ret->units_n++]);
        found = found || unit || holds(tree, id, location, &g.finding);
    }
    if (g.bytes > LT_CONTENT_TEXT_MAX)
        return lt_fail(err, LT_ETOO_LARGE, "the content is larger than %d bytes", LT_CONTENT_TEXT_MAX);
    return found || lt_str_eq(tree->root, location) ? LT_OK : lt_fail(err, LT_ENOT_FOUND, "the user may not see the place in its sequence");
}

/* ---- course ---- */

struct outline {
    struct lt_course_info *info;
    size_t room;
};

static bool outline_enter(struct walk *w, struct lt_str id, const struct lt_json *block, int depth)
{
    struct outline *o = w->arg;
    struct lt_str type = member(block, "type");
    if (depth > 2 || o->info->outline_n == o->room)
        return false;
    o->info->outline[o->info->outline_n++] =
        (struct lt_outline_item){.id = id, .category = type, .display_name = member(block, "display_name"), .depth = depth};
    return depth < 2;
}

void lt_edx_outline(struct lt_arena *arena, const struct lt_edx_tree *tree, struct lt_course_info *ret)
{
    size_t budget = lt_json_len(tree->blocks);
    struct outline o = {ret, budget};
    ret->outline = LT_NEW_ARRAY(arena, struct lt_outline_item, o.room + 1);
    ret->outline_n = 0;
    walk(tree, tree->root, &budget, outline_enter, &o);
}

struct lt_str lt_edx_link(const struct lt_edx_tree *tree, struct lt_str location)
{
    return member(block_of(tree, location), "lms_web_url");
}

/* Plain in most courses, HTML in some. */
static struct lt_str about(struct lt_arena *arena, const struct lt_json *v, const char *key)
{
    bool lost;
    struct lt_str text = lt_json_str(lt_json_get(v, key));
    if (!text.p || text.n == 0)
        return LT_STR_NULL;
    text = html_text(arena, text, &lost);
    return lost ? LT_STR_NULL : text;
}

enum lt_code lt_edx_course_read(struct lt_arena *arena, struct lt_str body, struct lt_course_info *ret, struct lt_error *err)
{
    const struct lt_json *v;
    if (parse_object(arena, body, &v, err))
        return err->code;
    struct lt_str name = lt_json_str(lt_json_get(v, "name"));
    if (!name.p)
        return invalid(err, "the answer has no `name`");
    ret->texts[LT_COURSE_TITLE] = name;
    ret->texts[LT_COURSE_SHORT_DESCRIPTION] = about(arena, v, "short_description");
    ret->texts[LT_COURSE_OVERVIEW] = about(arena, v, "overview");
    ret->texts[LT_COURSE_DURATION] = about(arena, v, "duration"); /* not in every release */
    return LT_OK;
}

/* ---- Studio ---- */

enum lt_code lt_edx_olx_read(struct lt_arena *arena, struct lt_str body, struct lt_str id, struct lt_content_block *block, struct lt_error *err)
{
    const struct lt_json *v;
    struct lt_error why;
    if (parse_object(arena, body, &v, err))
        return err->code;
    if (id.n > 0)
        v = lt_json_get_str(lt_json_get(v, "blocks"), id);
    struct lt_str olx = lt_json_str(lt_json_get(v, "olx")), shown = block->showanswer;
    if (!olx.p)
        return invalid(err, "the answer has no `olx` of the block");
    if (lt_block_olx(arena, olx, block, &why))
        return lt_fail(err, why.code == LT_ETOO_LARGE ? LT_ETOO_LARGE : LT_EUPSTREAM_INVALID, "%s", why.detail);
    if (shown.n > 0) /* what the LMS says of it counts more than what Studio has */
        block->showanswer = shown;
    return LT_OK;
}

enum lt_code lt_edx_library_read(struct lt_arena *arena, struct lt_str body, struct lt_course_info *ret, struct lt_error *err)
{
    const struct lt_json *v;
    if (parse_object(arena, body, &v, err))
        return err->code;
    struct lt_str title = lt_json_str(lt_json_get(v, "title"));
    if (!title.p)
        return invalid(err, "the answer has no `title`");
    ret->texts[LT_COURSE_TITLE] = title;
    ret->texts[LT_COURSE_DESCRIPTION] = about(arena, v, "description");
    return LT_OK;
}

enum lt_code lt_edx_library_blocks_read(struct lt_arena *arena, struct lt_str body, size_t max, struct lt_course_info *ret, bool *ret_more,
                                        struct lt_error *err)
{
    const struct lt_json *v;
    *ret_more = false;
    if (lt_json_parse(arena, body, LT_JSON_STRICT, &v, NULL))
        return invalid(err, "the answer is not JSON");
    const struct lt_json *list = lt_json_is(v, LT_JSON_ARRAY) ? v : lt_json_get(v, "results");
    if (!lt_json_is(list, LT_JSON_ARRAY))
        return invalid(err, "the answer is no array, and has no array `results`");
    *ret_more = lt_json_is(lt_json_get(v, "next"), LT_JSON_STRING) && lt_json_len(list) > 0;
    for (size_t i = 0; i < lt_json_len(list) && ret->outline_n < max; i++) {
        const struct lt_json *block = lt_json_at(list, i);
        struct lt_outline_item item = {.id = member(block, "id"), .category = member(block, "block_type"), .display_name = member(block, "display_name")};
        if (item.id.n == 0)
            return invalid(err, "a block of the library has no `id`");
        ret->outline[ret->outline_n++] = item;
    }
    return LT_OK;
}

enum lt_code lt_edx_library_block_read(struct lt_arena *arena, struct lt_str body, struct lt_content_block *ret, struct lt_error *err)
{
    const struct lt_json *v;
    if (parse_object(arena, body, &v, err))
        return err->code;
    *ret = (struct lt_content_block){.id = member(v, "id"), .category = member(v, "block_type"), .display_name = member(v, "display_name")};
    return ret->id.n > 0 ? LT_OK : invalid(err, "the answer has no `id`");
}
