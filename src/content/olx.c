/*
 * OLX, as Studio exports it (docs.openedx.org, "Open Learning XML"): course.xml names org, course and run, course/RUN.xml the chapters, and so on down.
 * An element without content points to the file CATEGORY/URL_NAME.xml; attributes of policies/RUN/policy.json go before those of the files.
 * Fuzzed by tests/fuzz/fuzz_olx.c.
 */
#include "base/buf.h"
#include "base/clock.h"
#include "content/formats.h"
#include "content/olx_problem.h"
#include "text/html_parse.h"
#include "text/json.h"

struct olx {
    const struct lt_archive *archive;
    struct lt_str root;
    struct lt_course_tree *tree;
    const struct lt_json *policy;
    struct lt_str key, run;       /* "Org+Course+Run" of block ids */
    struct lt_str showanswer;     /* of the course */
    struct lt_error *err;
};

/* One block: where it is named, what it is, what the policy says of it. */
struct element {
    const struct lt_xml_node *pointer, *own;
    const struct lt_json *policy;
    struct lt_str category, url_name, file;
};

/* ---- names ---- */

/* The shallowest course.xml at the top or in one folder. */
static bool is_olx(const struct lt_archive *names, struct lt_str *ret_root)
{
    for (size_t i = 0; i < names->n; i++) {
        struct lt_str rest = names->files[i].name, folder = lt_str_cut(&rest, '/');
        if (lt_str_is(folder, "course.xml") && rest.n == 0)
            folder.n = 0;
        else if (!lt_str_is(rest, "course.xml"))
            continue;
        *ret_root = (struct lt_str){folder.p, folder.n ? folder.n + 1 : 0};
        return true;
    }
    return false;
}

static bool wants(struct lt_str name)
{
    static const char *const endings[] = {".xml", ".html", ".srt", ".sjson"};
    if (lt_str_starts(name, LT_STR("drafts/")) || lt_str_starts(name, LT_STR("tabs/")) || lt_str_starts(name, LT_STR("info/")))
        return false;
    if (lt_str_starts(name, LT_STR("static/")))
        return lt_course_ends(name, endings + 2, 2);
    return lt_course_ends(name, endings, LT_COUNT(endings)) || (lt_str_starts(name, LT_STR("policies/")) && lt_str_ends(name, LT_STR("/policy.json")));
}

/* ---- attributes ---- */

static struct lt_str attribute(const struct olx *o, const struct element *e, const char *name)
{
    const struct lt_json *said = lt_json_get(e->policy, name);
    if (lt_json_is(said, LT_JSON_STRING))
        return lt_json_str(said);
    if (said && !lt_json_is(said, LT_JSON_NULL))
        return lt_json_text(o->tree->arena, said);
    struct lt_str value = lt_xml_value(e->own, name);
    if (!value.p)
        value = lt_xml_value(e->pointer, name);
    if (value.n >= 2 && value.p[0] == '"' && value.p[value.n - 1] == '"') /* as older exports wrote dates */
        value = (struct lt_str){value.p + 1, value.n - 2};
    return value.p ? value : LT_STR("");
}

static bool flag(const struct olx *o, const struct element *e, const char *name)
{
    return lt_str_eq_ci(attribute(o, e, name), LT_STR("true"));
}

/* -1: there is something that is no date; whoever it is about is then hidden. */
static int64_t date(const struct olx *o, const struct element *e, const char *name)
{
    int64_t ms = 0;
    struct lt_str text = attribute(o, e, name);
    if (text.n == 0 || lt_str_is(text, "null"))
        return 0;
    if (lt_time_parse(text, &ms) || lt_time_parse(lt_printf(o->tree->arena, "%.*sZ", LT_FMT(text)), &ms))
        return ms;
    lt_course_warn(o->tree, e->file, "its %s is no date, so learners do not see it: '%.*s'", name, LT_FMT(lt_content_first(text, 60)));
    return -1;
}

/* Who sees it. Times count below the node too, so what a child says cannot widen them. */
static void put_visibility(struct olx *o, const struct element *e, struct lt_course_node *node)
{
    struct lt_str groups = attribute(o, e, "group_access");
    const struct lt_json *access;
    struct lt_str names[20];
    int64_t from = date(o, e, "start"), until = flag(o, e, "hide_after_due") ? date(o, e, "due") : 0;
    node->hidden = flag(o, e, "visible_to_staff_only") || from < 0 || until < 0;
    lt_course_limit_time(node, from, until);
    if (groups.n == 0)
        return;
    if (lt_json_parse(o->tree->arena, groups, LT_JSON_STRICT, &access, NULL) || !lt_json_is(access, LT_JSON_OBJECT)) {
        lt_course_warn(o->tree, e->file, "its group_access cannot be read, so learners do not see it");
        node->hidden = true;
        return;
    }
    for (size_t i = 0; i < lt_json_len(access); i++) { /* partition: [groups] */
        const struct lt_json *list = lt_json_at(access, i);
        size_t n = 0;
        for (; n < LT_COUNT(names) && n < lt_json_len(list); n++)
            names[n] = lt_printf(o->tree->arena, "%.*s:%.*s", LT_FMT(lt_json_key_at(access, i)), LT_FMT(lt_json_text(o->tree->arena, lt_json_at(list, n))));
        if (n > 0)
            lt_course_limit_groups(o->tree, node, names, n);
    }
}

/* ---- blocks ---- */

static void put_html(struct olx *o, const struct element *e, struct lt_course_node *block)
{
    struct lt_str name = attribute(o, e, "filename"), html;
    if (name.n == 0) {
        if (!lt_xml_html(o->tree->arena, e->own, NULL, LT_HTML_BYTES_MAX, &html))
            lt_course_warn(o->tree, e->file, "left out: it is larger than %d bytes", LT_HTML_BYTES_MAX);
        block->text = lt_course_html(o->tree, e->file, html);
        return;
    }
    name = lt_printf(o->tree->arena, "html/%.*s%s", LT_FMT(name), lt_str_ends(name, LT_STR(".html")) ? "" : ".html");
    const struct lt_archive_file *file = lt_course_file(o->archive, o->root, name);
    if (file)
        block->text = lt_course_html(o->tree, name, file->bytes);
    else
        lt_course_warn(o->tree, name, "left out: is not in the archive");
}

static bool all_digits(struct lt_str line)
{
    for (size_t i = 0; i < line.n; i++)
        if (line.p[i] < '0' || line.p[i] > '9')
            return false;
    return line.n > 0;
}

/* SubRip without numbers and times, or the texts of a .sjson. */
static struct lt_str spoken(struct olx *o, struct lt_str file, struct lt_str bytes)
{
    struct lt_buf out;
    const struct lt_json *json;
    lt_buf_init(&out, LT_COURSE_BLOCK_MAX);
    if (lt_str_ends(file, LT_STR(".sjson"))) {
        if (lt_json_parse(o->tree->arena, bytes, LT_JSON_STRICT, &json, NULL))
            lt_course_warn(o->tree, file, "left out: is not JSON");
        else
            for (size_t i = 0; i < lt_json_len(lt_json_get(json, "text")); i++)
                lt_buf_printf(&out, "%.*s\n", LT_FMT(lt_json_str_or(lt_json_at(lt_json_get(json, "text"), i), LT_STR(""))));
    } else {
        while (bytes.n > 0) {
            struct lt_str line = lt_str_trim(lt_str_cut(&bytes, '\n'));
            if (line.n > 0 && !all_digits(line) && !memmem(line.p, line.n, "-->", 3))
                lt_buf_printf(&out, "%.*s\n", LT_FMT(line));
        }
    }
    struct lt_str html = out.n > 0 ? lt_str_copy(o->tree->arena, lt_buf_str(&out)) : LT_STR("");
    if (out.failed)
        lt_course_warn(o->tree, file, "cut: its text is longer than %d bytes", LT_COURSE_BLOCK_MAX);
    lt_buf_free(&out);
    return lt_course_html(o->tree, file, html);
}

/* The transcript in the course's language, or else in English, or any: its file's name. */
static struct lt_str transcript(struct olx *o, const struct element *e)
{
    struct lt_str found = LT_STR(""), sub = attribute(o, e, "sub"), language = o->tree->language.n ? o->tree->language : LT_STR("en");
    const struct lt_json *list = NULL;
    struct lt_str text = attribute(o, e, "transcripts");
    for (const struct lt_xml_node *t = lt_xml_child(e->own, "transcript"); t; t = lt_xml_next(t, "transcript"))
        if (found.n == 0 || lt_str_eq(lt_xml_value(t, "language"), language))
            found = lt_xml_value(t, "src");
    if (text.n > 0 && lt_json_parse(o->tree->arena, text, LT_JSON_STRICT, &list, NULL) == LT_OK)
        for (size_t i = 0; i < lt_json_len(list); i++)
            if (found.n == 0 || lt_str_eq(lt_json_key_at(list, i), language))
                found = lt_json_str_or(lt_json_at(list, i), found);
    if (found.n > 0 && (sub.n == 0 || lt_str_is(language, "en") == false))
        return found;
    return sub.n > 0 ? lt_printf(o->tree->arena, "subs_%.*s.srt.sjson", LT_FMT(sub)) : found;
}

static void put_video(struct olx *o, const struct element *e, struct lt_course_node *block)
{
    struct lt_str name = transcript(o, e), edx = attribute(o, e, "edx_video_id");
    const struct lt_archive_file *file = NULL;
    if (name.n > 0)
        file = lt_course_file(o->archive, o->root, name = lt_printf(o->tree->arena, "static/%.*s", LT_FMT(name)));
    else if (edx.n > 0)
        file = lt_course_file(o->archive, o->root, name = lt_printf(o->tree->arena, "static/%.*s-en.srt", LT_FMT(edx)));
    if (file)
        block->text = spoken(o, name, file->bytes);
    else if (name.n > 0)
        lt_course_warn(o->tree, e->file, "its transcript %.*s is not in the archive", LT_FMT(lt_content_first(name, 100)));
}

static void put_prompts(struct olx *o, const struct element *e, struct lt_course_node *block)
{
    const struct lt_xml_node *list = lt_xml_find(e->own, "assessment/prompts");
    if (!list)
        list = lt_xml_child(e->own, "prompts");
    struct lt_buf out;
    lt_buf_init(&out, LT_HTML_BYTES_MAX);
    for (const struct lt_xml_node *p = lt_xml_child(list, "prompt"); p; p = lt_xml_next(p, "prompt"))
        lt_buf_printf(&out, "%.*s\n", LT_FMT(lt_xml_string(o->tree->arena, p)));
    if (out.n > 0)
        block->text = lt_course_html(o->tree, e->file, lt_buf_str(&out));
    lt_buf_free(&out);
}

static void put_any(struct olx *o, const struct element *e, struct lt_course_node *block)
{
    struct lt_str html;
    if (lt_xml_html(o->tree->arena, e->own, NULL, LT_HTML_BYTES_MAX, &html))
        block->text = lt_course_html(o->tree, e->file, html);
    if (block->text.n == 0)
        lt_course_warn(o->tree, e->file, "only the name of this block was taken: its content is not known here (%.*s)", LT_FMT(e->category));
}

static bool holds_blocks(struct lt_str category)
{
    static const char *const names[] = {"chapter", "sequential", "vertical", "library_content", "itembank", "split_test", "conditional", "randomize",
                                        "wrapper", "problemset", "videosequence"};
    for (size_t i = 0; i < LT_COUNT(names); i++)
        if (lt_str_is(category, names[i]))
            return true;
    return false;
}

/* When learners see the answers: what the problem says, or else what it lies in, or the course. */
static struct lt_str showanswer(struct olx *o, const struct lt_course_node *node)
{
    for (; node; node = node->parent)
        if (node->showanswer.n > 0)
            return node->showanswer;
    return o->showanswer;
}

static void put_content(struct olx *o, const struct element *e, struct lt_course_node *block)
{
    if (lt_str_is(e->category, "html")) {
        put_html(o, e, block);
    } else if (lt_str_is(e->category, "problem")) {
        lt_olx_problem(o->tree, e->file, e->own, block);
        block->showanswer = showanswer(o, block);
    } else if (lt_str_is(e->category, "video")) {
        put_video(o, e, block);
    } else if (lt_str_is(e->category, "openassessment")) {
        put_prompts(o, e, block);
    } else {
        put_any(o, e, block);
    }
}

/* ---- the tree ---- */

static enum lt_code put_children(struct olx *o, const struct element *e, struct lt_course_node *node);

/* Only some learners get what lies in these, and the platform alone knows who. */
static void put_chosen(struct olx *o, const struct element *e, struct lt_course_node *node)
{
    if (lt_str_is(e->category, "split_test") || lt_str_is(e->category, "library_content") || lt_str_is(e->category, "itembank") ||
        lt_str_is(e->category, "randomize") || lt_str_is(e->category, "conditional")) {
        node->hidden = true;
        lt_course_warn(o->tree, e->file, "who sees what lies in this %.*s is known to the platform alone, so learners do not see it here",
                       LT_FMT(e->category));
    }
}

static enum lt_code put_element(struct olx *o, const struct element *e, struct lt_course_node *parent)
{
    struct lt_course_tree *tree = o->tree;
    struct lt_course_node *node;
    struct lt_str id = lt_printf(tree->arena, "block-v1:%.*s+type@%.*s+block@%.*s", LT_FMT(o->key), LT_FMT(e->category), LT_FMT(e->url_name));
    struct lt_str name = attribute(o, e, "display_name");
    bool holds = holds_blocks(e->category);
    enum lt_course_kind kind = lt_str_is(e->category, "chapter")      ? LT_COURSE_CHAPTER
                               : lt_str_is(e->category, "sequential") ? LT_COURSE_SEQUENCE
                               : lt_str_is(e->category, "vertical")   ? LT_COURSE_UNIT
                                                                      : LT_COURSE_BLOCK;
    if (lt_course_by_id(tree, id)) {
        lt_course_warn(tree, e->file, "left out: it stands in the course already, or in itself");
        return LT_OK;
    }
    if (kind == LT_COURSE_BLOCK && parent->kind != LT_COURSE_UNIT && parent->kind != LT_COURSE_BLOCK) {
        if (lt_course_add(tree, parent, LT_COURSE_UNIT, id, e->category, name, &parent, o->err)) /* a unit of its own */
            return o->err->code;
        put_visibility(o, e, parent);
    }
    if (parent->kind == LT_COURSE_BLOCK || (parent->kind == LT_COURSE_UNIT && kind != LT_COURSE_BLOCK))
        kind = LT_COURSE_BLOCK;
    if (lt_course_add(tree, parent, kind, id, e->category, name, &node, o->err))
        return o->err->code;
    put_visibility(o, e, node);
    put_chosen(o, e, node);
    node->showanswer = lt_str_copy(tree->arena, lt_content_first(attribute(o, e, "showanswer"), 60));
    if (holds)
        return put_children(o, e, node);
    put_content(o, e, node);
    return LT_OK;
}

/* url_names with ":" lie in folders. */
static struct lt_str file_of(struct olx *o, struct lt_str category, struct lt_str url_name)
{
    struct lt_str name = lt_printf(o->tree->arena, "%.*s/%.*s.xml", LT_FMT(category), LT_FMT(url_name));
    char *p = lt_strz(o->tree->arena, name);
    for (size_t i = 0; i < name.n; i++)
        if (p[i] == ':')
            p[i] = '/';
    return (struct lt_str){p, name.n};
}

static enum lt_code put_child(struct olx *o, struct lt_str from, const struct lt_xml_node *child, struct lt_course_node *parent)
{
    struct element e = {.pointer = child, .own = child, .category = child->name, .url_name = lt_xml_value(child, "url_name"), .file = from};
    struct lt_arena *arena = lt_arena_new();
    struct lt_xml_node *own;
    enum lt_code rc = LT_OK;
    if (e.url_name.n == 0)
        e.url_name = lt_xml_value(child, "slug");
    if (e.url_name.n == 0)
        e.url_name = lt_printf(o->tree->arena, "%.*s_%zu", LT_FMT(e.category), o->tree->n);
    else if (!child->first && !lt_xml_value(child, "filename").p) {
        struct lt_str file = file_of(o, e.category, e.url_name);
        if (lt_course_file(o->archive, o->root, file) || holds_blocks(e.category) || child->attributes_n == 1) {
            e.file = file;
            rc = lt_course_leaf(o->tree, arena, o->archive, o->root, e.file, &own, o->err);
            e.own = own;
        }
    }
    e.policy = lt_json_get_str(o->policy, lt_printf(o->tree->arena, "%.*s/%.*s", LT_FMT(e.category), LT_FMT(e.url_name)));
    if (rc == LT_OK && e.own)
        rc = put_element(o, &e, parent);
    lt_arena_free(arena);
    return rc;
}

static enum lt_code put_children(struct olx *o, const struct element *e, struct lt_course_node *node)
{
    for (const struct lt_xml_node *child = e->own->first; child; child = child->next) {
        if (!child->name.p || lt_str_is(child->name, "wiki") || lt_str_is(child->name, "textbook") || lt_str_is(child->name, "show") ||
            lt_str_is(child->name, "source_library_id"))
            continue;
        if (put_child(o, e->file, child, node))
            return o->err->code;
    }
    return LT_OK;
}

/* ---- the course ---- */

static enum lt_code read_policy(struct olx *o)
{
    const struct lt_archive_file *file =
        lt_course_file(o->archive, o->root, lt_printf(o->tree->arena, "policies/%.*s/policy.json", LT_FMT(o->run)));
    if (file && lt_json_parse(o->tree->arena, file->bytes, LT_JSON_STRICT, &o->policy, o->err)) {
        lt_error_wrap(o->err, "%.*s", LT_FMT(file->name));
        o->err->code = LT_EINVALID_INPUT;
        return o->err->code;
    }
    return LT_OK;
}

static void put_about(struct olx *o)
{
    static const struct {
        enum lt_course_field field;
        const char *file;
    } texts[] = {{LT_COURSE_TITLE, "title"}, {LT_COURSE_SUBTITLE, "subtitle"}, {LT_COURSE_SHORT_DESCRIPTION, "short_description"},
                 {LT_COURSE_DESCRIPTION, "description"}, {LT_COURSE_OVERVIEW, "overview"}, {LT_COURSE_SYLLABUS, "syllabus"},
                 {LT_COURSE_DURATION, "effort"}, {LT_COURSE_DURATION, "duration"}};
    for (size_t i = 0; i < LT_COUNT(texts); i++) {
        struct lt_str name = lt_printf(o->tree->arena, "about/%s.html", texts[i].file);
        const struct lt_archive_file *file = lt_course_file(o->archive, o->root, name);
        struct lt_str text = file ? lt_course_html(o->tree, name, file->bytes) : LT_STR("");
        if (text.n > 0)
            o->tree->about[texts[i].field] = text;
    }
}

static void count_left_out(struct olx *o, const char *folder, const char *what)
{
    size_t n = 0;
    struct lt_str prefix = lt_printf(o->tree->arena, "%.*s%s/", LT_FMT(o->root), folder);
    for (size_t i = 0; i < o->archive->n; i++)
        n += lt_str_starts(o->archive->files[i].name, prefix);
    if (n > 0)
        lt_course_warn(o->tree, lt_str(folder), "%zu files were left out: %s", n, what);
}

/* The ids of blocks follow the course's when the operator has given another one of the same form. */
static void set_key(struct olx *o, const struct lt_xml_node *top)
{
    struct lt_str prefix = LT_STR("course-v1:");
    o->key = lt_printf(o->tree->arena, "%.*s+%.*s+%.*s", LT_FMT(lt_xml_value(top, "org")), LT_FMT(lt_xml_value(top, "course")), LT_FMT(o->run));
    if (o->tree->course_id.n == 0)
        o->tree->course_id = lt_printf(o->tree->arena, "course-v1:%.*s", LT_FMT(o->key));
    else if (lt_str_starts(o->tree->course_id, prefix))
        o->key = (struct lt_str){o->tree->course_id.p + prefix.n, o->tree->course_id.n - prefix.n};
}

static enum lt_code read_course(struct olx *o, struct lt_arena *arena)
{
    struct lt_xml_node *top, *own;
    struct element e = {.category = LT_STR("course"), .file = LT_STR("course.xml")};
    if (lt_course_xml(arena, o->archive, o->root, e.file, &top, o->err))
        return o->err->code;
    o->run = e.url_name = lt_xml_value(top, "url_name");
    if (!lt_xml_is(top, "course") || e.url_name.n == 0 || lt_xml_value(top, "org").n == 0 || lt_xml_value(top, "course").n == 0)
        return lt_fail(o->err, LT_EINVALID_INPUT, "course.xml: must be <course org=… course=… url_name=…>");
    e.pointer = e.own = top;
    if (!top->first) {
        e.file = file_of(o, e.category, e.url_name);
        if (lt_course_xml(arena, o->archive, o->root, e.file, &own, o->err))
            return o->err->code;
        e.own = own;
    }
    set_key(o, top);
    if (read_policy(o))
        return o->err->code;
    e.policy = lt_json_get_str(o->policy, lt_printf(arena, "course/%.*s", LT_FMT(e.url_name)));
    o->tree->title = attribute(o, &e, "display_name");
    o->tree->language = lt_str_copy(o->tree->arena, attribute(o, &e, "language"));
    struct lt_str shown = attribute(o, &e, "showanswer");
    o->showanswer = shown.n > 0 ? lt_str_copy(o->tree->arena, shown) : LT_STR("finished"); /* what Open edX does when nothing is said */
    put_about(o);
    if (put_children(o, &e, &o->tree->root))
        return o->err->code;
    o->tree->title = lt_str_copy(o->tree->arena, o->tree->title);
    int64_t start = date(o, &e, "start");
    for (struct lt_course_node *n = o->tree->root.first; n; n = n->next) {
        lt_course_limit_time(n, start, 0);
        n->hidden |= start < 0;
    }
    count_left_out(o, "drafts", "they are not published");
    count_left_out(o, "tabs", "pages beside the course are not taken");
    return LT_OK;
}

static enum lt_code read_olx(const struct lt_archive *archive, struct lt_str root, struct lt_course_tree *tree, struct lt_error *err)
{
    struct olx o = {.archive = archive, .root = root, .tree = tree, .err = err};
    struct lt_arena *arena = lt_arena_new();
    tree->root.kind = LT_COURSE_CHAPTER;
    enum lt_code rc = read_course(&o, arena);
    lt_arena_free(arena);
    return rc;
}

const struct lt_course_format lt_olx = {.name = "olx", .is = is_olx, .wants = wants, .read = read_olx};
