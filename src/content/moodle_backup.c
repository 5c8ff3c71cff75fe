/*
 * Moodle's backups of courses (docs.moodle.org, "Backup 2.0"; backup/moodle2 in Moodle's source): moodle_backup.xml says what is in it, each section and
 * activity has a folder. A section is a sequence, an activity a unit named by its course module's id, what is in it are blocks. Nothing of users is read:
 * no attempts, submissions, posts, grades.
 * Fuzzed by tests/fuzz/fuzz_moodle_backup.c.
 */
#include <stdlib.h>

#include "base/buf.h"
#include "content/formats.h"
#include "content/moodle_availability.h"
#include "content/moodle_quiz.h"

enum { GROUPS_MAX = 5000 };

struct section {
    struct lt_str id, directory;
    int64_t number;
    const struct lt_xml_node *xml;
    bool inside, done;             /* stands in another one; was put */
    struct lt_str instance;        /* of the subsection that it belongs to, or "" */
};
struct activity {
    struct lt_str module_id, section_id, module, directory;
    struct lt_str title;
    bool done;
};
struct backup {
    const struct lt_archive *archive;
    struct lt_str root;
    struct lt_course_tree *tree;
    struct lt_arena *arena;        /* of what is needed to the end */
    struct lt_str site, course;    /* address and id of the course there */
    struct section *sections;
    size_t sections_n;
    struct activity *activities;   /* by module_id */
    size_t activities_n;
    struct lt_moodle_group *groups;
    size_t groups_n;
    struct lt_moodle_questions *questions;
    struct lt_error *err;
};

static bool is_backup(const struct lt_archive *names, struct lt_str *ret_root)
{
    *ret_root = LT_STR("");
    return lt_archive_find(names, LT_STR("moodle_backup.xml")) != NULL;
}

static bool wants(struct lt_str name)
{
    static const char *const own[] = {"moodle_backup.xml", "course/course.xml", "questions.xml", "groups.xml"};
    static const char *const not[] = {"/inforef.xml", "/roles.xml", "/grades.xml", "/comments.xml", "/completion.xml", "/calendar.xml", "/filters.xml",
                                      "/grade_history.xml", "/grading.xml", "/logs.xml", "/logstores.xml", "/competencies.xml", "/xapistate.xml", "/contentbank.xml"};
    for (size_t i = 0; i < LT_COUNT(own); i++)
        if (lt_str_is(name, own[i]))
            return true;
    if (lt_str_starts(name, LT_STR("sections/")))
        return lt_str_ends(name, LT_STR("/section.xml"));
    return lt_str_starts(name, LT_STR("activities/")) && lt_str_ends(name, LT_STR(".xml")) && !lt_course_ends(name, not, LT_COUNT(not));
}

static struct lt_str string(struct backup *b, const struct lt_xml_node *node, const char *path)
{
    return lt_moodle_string(b->tree, node, path);
}

static int64_t seconds(struct backup *b, const struct lt_xml_node *node, const char *path)
{
    int64_t v = 0;
    return lt_str_to_int64(string(b, node, path), &v) && v > 0 && v < INT64_MAX / 1000 ? v * 1000 : 0;
}

/* ---- what an activity says ---- */

static enum lt_code add_block(struct backup *b, struct lt_course_node *unit, struct lt_str id, const char *category, struct lt_str name,
                              struct lt_str text, struct lt_course_node **ret)
{
    struct lt_course_node *block = NULL;
    if (lt_course_add(b->tree, unit, LT_COURSE_BLOCK, id, lt_str(category), name, &block, b->err))
        return b->err->code;
    block->text = text;
    if (ret)
        *ret = block;
    return LT_OK;
}

/* Its introduction, and another text of it, as the unit's first block. */
static enum lt_code put_intro(struct backup *b, struct lt_str file, const struct lt_xml_node *own, const char *more, struct lt_course_node *unit)
{
    struct lt_str id = lt_printf(b->tree->arena, "%.*s#intro", LT_FMT(unit->id)), text = lt_moodle_html(b->tree, file, own, "intro");
    if (more)
        text = lt_course_join(b->tree->arena, text, lt_moodle_html(b->tree, file, own, more));
    if (text.n == 0 && !more)
        return LT_OK;
    return add_block(b, unit, id, lt_strz(b->arena, unit->category), unit->name, text, NULL);
}

static enum lt_code put_chapters(struct backup *b, struct lt_str file, const struct lt_xml_node *book, struct lt_course_node *unit)
{
    const struct lt_xml_node *c = lt_xml_find(book, "chapters/chapter");
    bool under_hidden = false;
    for (; c; c = lt_xml_next(c, "chapter")) { /* in the order of pages */
        struct lt_str id = lt_printf(b->tree->arena, "%.*s#chapter-%.*s", LT_FMT(unit->id), LT_FMT(lt_xml_value(c, "id")));
        struct lt_course_node *block = NULL;
        bool hidden = lt_str_is(string(b, c, "hidden"), "1"), sub = lt_str_is(string(b, c, "subchapter"), "1");
        if (add_block(b, unit, id, "chapter", string(b, c, "title"), lt_moodle_html(b->tree, file, c, "content"), &block))
            return b->err->code;
        block->hidden = hidden || (sub && under_hidden);
        under_hidden = sub ? under_hidden : hidden;
    }
    return LT_OK;
}

/* Frees them. */
static struct lt_str lines_of(struct backup *b, struct lt_str file, struct lt_buf *lines)
{
    struct lt_str text = lt_course_text(b->tree, file, lines->n > 0 ? lt_buf_str(lines) : LT_STR(""));
    if (lines->failed)
        lt_course_warn(b->tree, file, "cut: only the first %d bytes of a list were taken", LT_COURSE_BLOCK_MAX);
    lt_buf_free(lines);
    return text;
}

static enum lt_code put_pages(struct backup *b, struct lt_str file, const struct lt_xml_node *lesson, struct lt_course_node *unit)
{
    const struct lt_xml_node *page = lt_xml_find(lesson, "pages/page");
    bool locked = lt_str_is(string(b, lesson, "usepassword"), "1");
    int64_t from = seconds(b, lesson, "available"), until = seconds(b, lesson, "deadline");
    for (; page; page = lt_xml_next(page, "page")) {
        struct lt_str id = lt_printf(b->tree->arena, "%.*s#page-%.*s", LT_FMT(unit->id), LT_FMT(lt_xml_value(page, "id")));
        struct lt_course_node *block = NULL;
        struct lt_buf right;
        if (add_block(b, unit, id, "page", string(b, page, "title"), lt_moodle_html(b->tree, file, page, "contents"), &block))
            return b->err->code;
        lt_buf_init(&right, LT_COURSE_BLOCK_MAX);
        const struct lt_xml_node *a = lt_xml_find(page, "answers/answer");
        for (; a; a = lt_xml_next(a, "answer")) {
            double score = strtod(lt_strz(b->arena, string(b, a, "score")), NULL);
            struct lt_str text = score > 0 ? lt_moodle_html(b->tree, file, a, "answer_text") : LT_STR("");
            if (text.n > 0)
                lt_buf_printf(&right, "Correct: %.*s\n", LT_FMT(text));
        }
        block->answers = lines_of(b, file, &right);
        block->showanswer = block->answers.n > 0 ? LT_STR("attempted") : LT_STR("");
        block->hidden = locked;
        lt_course_limit_time(block, from, until);
    }
    return LT_OK;
}

static enum lt_code put_entries(struct backup *b, struct lt_str file, const struct lt_xml_node *glossary, struct lt_course_node *unit)
{
    const struct lt_xml_node *e = lt_xml_find(glossary, "entries/entry");
    for (; e; e = lt_xml_next(e, "entry")) {
        struct lt_str id = lt_printf(b->tree->arena, "%.*s#entry-%.*s", LT_FMT(unit->id), LT_FMT(lt_xml_value(e, "id")));
        if (!lt_str_is(string(b, e, "approved"), "1"))
            continue;
        if (add_block(b, unit, id, "entry", string(b, e, "concept"), lt_moodle_html(b->tree, file, e, "definition"), NULL))
            return b->err->code;
    }
    return LT_OK;
}

static enum lt_code put_options(struct backup *b, struct lt_str file, const struct lt_xml_node *choice, struct lt_course_node *unit)
{
    struct lt_buf lines;
    lt_buf_init(&lines, LT_COURSE_BLOCK_MAX);
    const struct lt_xml_node *o = lt_xml_find(choice, "options/option");
    for (; o; o = lt_xml_next(o, "option"))
        lt_buf_printf(&lines, "%.*s\n", LT_FMT(string(b, o, "text")));
    struct lt_str text = lines_of(b, file, &lines);
    if (text.n == 0)
        return LT_OK;
    return add_block(b, unit, lt_printf(b->tree->arena, "%.*s#options", LT_FMT(unit->id)), "choice", unit->name, text, NULL);
}

static enum lt_code put_content(struct backup *b, struct lt_str file, struct lt_str module, const struct lt_xml_node *own, struct lt_course_node *unit)
{
    const char *more = lt_str_is(module, "page") ? "content" : lt_str_is(module, "assign") ? "activity" : NULL;
    if (put_intro(b, file, own, more, unit))
        return b->err->code;
    if (lt_str_is(module, "book"))
        return put_chapters(b, file, own, unit);
    if (lt_str_is(module, "lesson"))
        return put_pages(b, file, own, unit);
    if (lt_str_is(module, "glossary"))
        return put_entries(b, file, own, unit);
    if (lt_str_is(module, "choice"))
        return put_options(b, file, own, unit);
    if (lt_str_is(module, "quiz"))
        return lt_moodle_quiz(b->tree, file, own, b->questions, unit, b->err);
    if (lt_str_is(module, "url")) {
        struct lt_str url = string(b, own, "externalurl");
        if (!lt_course_is_web(url))
            lt_course_warn(b->tree, file, "its address was left out: it is none of the web");
        else
            return add_block(b, unit, lt_printf(b->tree->arena, "%.*s#url", LT_FMT(unit->id)), "weblink", unit->name,
                             lt_course_text(b->tree, file, url), NULL);
    }
    if (lt_str_is(module, "resource") || lt_str_is(module, "folder") || lt_str_is(module, "h5pactivity") || lt_str_is(module, "scorm") ||
        lt_str_is(module, "lti") || lt_str_is(module, "imscp"))
        lt_course_warn(b->tree, file, "only name and introduction were taken: files and packages are not read");
    return LT_OK;
}

/* ---- activities and sections ---- */

static int by_module(const void *x, const void *y)
{
    return lt_str_compare(((const struct activity *)x)->module_id, ((const struct activity *)y)->module_id);
}

static struct activity *find_activity(struct backup *b, struct lt_str module_id)
{
    struct activity key = {.module_id = module_id};
    return b->activities_n > 0 ? bsearch(&key, b->activities, b->activities_n, sizeof(key), by_module) : NULL;
}

static enum lt_code put_section(struct backup *b, struct section *s, struct lt_course_node *parent);

/* A subsection is an activity that shows a section (Moodle from 4.5 on). */
static enum lt_code put_subsection(struct backup *b, struct lt_str file, struct lt_str instance, struct lt_course_node *parent)
{
    for (size_t i = 0; i < b->sections_n; i++)
        if (lt_str_eq(b->sections[i].instance, instance) && instance.n > 0)
            return put_section(b, &b->sections[i], parent);
    lt_course_warn(b->tree, file, "left out: its section is not in the archive");
    return LT_OK;
}

static enum lt_code put_read_activity(struct backup *b, const struct activity *a, const struct lt_xml_node *module, const struct lt_xml_node *document,
                                      struct lt_str file, struct lt_course_node *parent)
{
    const struct lt_xml_node *own = lt_xml_child(document, lt_strz(b->arena, a->module));
    struct lt_course_node *unit;
    if (lt_str_is(a->module, "subsection"))
        return put_subsection(b, file, lt_xml_value(own, "id"), parent);
    struct lt_str name = string(b, own, "name");
    if (lt_course_add(b->tree, parent, LT_COURSE_UNIT, a->module_id, a->module, name.n > 0 ? name : a->title, &unit, b->err))
        return b->err->code;
    unit->hidden = lt_str_is(string(b, module, "visible"), "0");
    lt_moodle_availability(b->tree, file, string(b, module, "availability"), b->groups, b->groups_n, unit);
    if (b->site.n > 0 && !lt_str_is(a->module, "label"))
        unit->url = lt_printf(b->tree->arena, "%.*s/mod/%.*s/view.php?id=%.*s", LT_FMT(b->site), LT_FMT(a->module), LT_FMT(a->module_id));
    return put_content(b, file, a->module, own, unit);
}

static enum lt_code put_activity(struct backup *b, struct activity *a, struct lt_course_node *parent)
{
    struct lt_arena *arena = lt_arena_new();
    struct lt_xml_node *module, *document = NULL;
    struct lt_str about = lt_printf(b->arena, "%.*s/module.xml", LT_FMT(a->directory));
    struct lt_str file = lt_printf(b->arena, "%.*s/%.*s.xml", LT_FMT(a->directory), LT_FMT(a->module));
    a->done = true;
    enum lt_code rc = lt_course_leaf(b->tree, arena, b->archive, b->root, about, &module, b->err);
    if (rc == LT_OK && module)
        rc = lt_course_leaf(b->tree, arena, b->archive, b->root, file, &document, b->err);
    if (rc == LT_OK && document)
        rc = put_read_activity(b, a, module, document, file, parent);
    lt_arena_free(arena);
    return rc;
}

/* The section's own list of modules, and then whatever else says that it belongs there. */
static enum lt_code put_activities(struct backup *b, struct section *s, struct lt_course_node *node)
{
    for (struct lt_str rest = string(b, s->xml, "sequence"); rest.n > 0;) {
        struct activity *a = find_activity(b, lt_str_trim(lt_str_cut(&rest, ',')));
        if (a && !a->done && put_activity(b, a, node))
            return b->err->code;
    }
    for (size_t i = 0; i < b->activities_n; i++)
        if (!b->activities[i].done && lt_str_eq(b->activities[i].section_id, s->id) && put_activity(b, &b->activities[i], node))
            return b->err->code;
    return LT_OK;
}

static enum lt_code put_section(struct backup *b, struct section *s, struct lt_course_node *parent)
{
    struct lt_str file = lt_printf(b->arena, "%.*s/section.xml", LT_FMT(s->directory)), name = string(b, s->xml, "name");
    struct lt_course_node *node, *unit;
    if (s->done) {
        lt_course_warn(b->tree, file, "left out: the section stands in the course already, or in itself");
        return LT_OK;
    }
    s->done = true;
    if (name.n == 0)
        name = s->number == 0 ? LT_STR("General") : lt_printf(b->tree->arena, "Section %lld", (long long)s->number);
    if (lt_course_add(b->tree, parent, LT_COURSE_SEQUENCE, lt_printf(b->tree->arena, "section-%.*s", LT_FMT(s->id)), LT_STR("section"), name, &node, b->err))
        return b->err->code;
    node->hidden = lt_str_is(string(b, s->xml, "visible"), "0");
    lt_moodle_availability(b->tree, file, string(b, s->xml, "availabilityjson"), b->groups, b->groups_n, node);
    if (b->site.n > 0)
        node->url = lt_printf(b->tree->arena, "%.*s/course/section.php?id=%.*s", LT_FMT(b->site), LT_FMT(s->id));
    struct lt_str summary = lt_moodle_html(b->tree, file, s->xml, "summary");
    if (summary.n > 0) {
        struct lt_str id = lt_printf(b->tree->arena, "%.*s#summary", LT_FMT(node->id));
        if (lt_course_add(b->tree, node, LT_COURSE_UNIT, id, LT_STR("summary"), name, &unit, b->err) ||
            add_block(b, unit, lt_printf(b->tree->arena, "%.*s-text", LT_FMT(id)), "summary", name, summary, NULL))
            return b->err->code;
    }
    return put_activities(b, s, node);
}

/* ---- the backup ---- */

static int by_number(const void *x, const void *y)
{
    const struct section *a = x, *b = y;
    return (a->number > b->number) - (a->number < b->number);
}

static enum lt_code read_section(struct backup *b, const struct lt_xml_node *item, struct section *ret)
{
    struct lt_xml_node *xml;
    struct lt_str directory = string(b, item, "directory"), file = lt_printf(b->arena, "%.*s/section.xml", LT_FMT(directory));
    if (lt_course_leaf(b->tree, b->arena, b->archive, b->root, file, &xml, b->err))
        return b->err->code;
    *ret = (struct section){.id = string(b, item, "sectionid"), .directory = directory, .xml = xml, .instance = LT_STR("")};
    lt_str_to_int64(string(b, xml, "number"), &ret->number);
    if (lt_str_is(string(b, xml, "component"), "mod_subsection")) {
        ret->instance = string(b, xml, "itemid");
        ret->inside = true;
    }
    return LT_OK;
}

static enum lt_code read_contents(struct backup *b, const struct lt_xml_node *contents)
{
    const struct lt_xml_node *first = lt_xml_find(contents, "sections/section"), *a = lt_xml_find(contents, "activities/activity");
    size_t n = 0, activities = 0;
    for (const struct lt_xml_node *s = first; s; s = lt_xml_next(s, "section"))
        n++;
    for (const struct lt_xml_node *s = a; s; s = lt_xml_next(s, "activity"))
        activities++;
    if (n > LT_COURSE_NODES_MAX / 10 || activities > LT_COURSE_NODES_MAX)
        return lt_fail(b->err, LT_ETOO_LARGE, "moodle_backup.xml: lists more than %d sections or %d activities", LT_COURSE_NODES_MAX / 10, LT_COURSE_NODES_MAX);
    b->sections = LT_NEW_ARRAY(b->arena, struct section, n);
    b->activities = LT_NEW_ARRAY(b->arena, struct activity, activities);
    for (const struct lt_xml_node *s = first; s; s = lt_xml_next(s, "section")) {
        if (read_section(b, s, &b->sections[b->sections_n]))
            return b->err->code;
        b->sections_n += b->sections[b->sections_n].xml != NULL;
    }
    for (; a; a = lt_xml_next(a, "activity"))
        b->activities[b->activities_n++] = (struct activity){.module_id = string(b, a, "moduleid"), .section_id = string(b, a, "sectionid"),
                                                             .module = string(b, a, "modulename"), .directory = string(b, a, "directory"),
                                                             .title = string(b, a, "title")};
    if (b->sections_n > 0)
        qsort(b->sections, b->sections_n, sizeof(b->sections[0]), by_number);
    if (b->activities_n > 0)
        qsort(b->activities, b->activities_n, sizeof(b->activities[0]), by_module);
    return LT_OK;
}

/* Files that are there only when they are needed. */
static enum lt_code read_beside(struct backup *b)
{
    struct lt_xml_node *groups = NULL, *questions = NULL;
    if (lt_course_file(b->archive, b->root, LT_STR("groups.xml")) &&
        lt_course_xml(b->arena, b->archive, b->root, LT_STR("groups.xml"), &groups, b->err))
        return b->err->code;
    if (lt_course_file(b->archive, b->root, LT_STR("questions.xml")) &&
        lt_course_xml(b->arena, b->archive, b->root, LT_STR("questions.xml"), &questions, b->err))
        return b->err->code;
    b->questions = lt_moodle_questions_new(b->arena, questions);
    b->groups = LT_NEW_ARRAY(b->arena, struct lt_moodle_group, GROUPS_MAX);
    for (const struct lt_xml_node *g = lt_xml_child(groups, "group"); g && b->groups_n < GROUPS_MAX; g = lt_xml_next(g, "group"))
        b->groups[b->groups_n++] = (struct lt_moodle_group){lt_xml_value(g, "id"), string(b, g, "name")};
    return LT_OK;
}

static enum lt_code read_course(struct backup *b, const struct lt_xml_node *information)
{
    struct lt_xml_node *course = NULL;
    struct lt_course_tree *tree = b->tree;
    if (lt_course_xml(b->arena, b->archive, b->root, LT_STR("course/course.xml"), &course, b->err))
        return b->err->code;
    tree->title = string(b, course, "fullname");
    if (tree->title.n == 0)
        tree->title = string(b, information, "original_course_fullname");
    tree->title = lt_str_copy(tree->arena, tree->title);
    tree->language = lt_str_copy(tree->arena, string(b, course, "lang"));
    struct lt_str summary = lt_moodle_html(tree, LT_STR("course/course.xml"), course, "summary");
    if (summary.n > 0)
        tree->about[LT_COURSE_DESCRIPTION] = summary;
    for (size_t i = 0; i < b->sections_n; i++)
        if (!b->sections[i].inside && put_section(b, &b->sections[i], &tree->root))
            return b->err->code;
    for (size_t i = 0; i < b->sections_n; i++)
        if (!b->sections[i].done)
            lt_course_warn(tree, b->sections[i].directory, "left out: no activity shows this section, or it stands in itself");
    for (struct lt_course_node *n = tree->root.first; n; n = n->next)
        n->hidden |= lt_str_is(string(b, course, "visible"), "0");
    return LT_OK;
}

static enum lt_code read_information(struct backup *b, const struct lt_xml_node *document)
{
    const struct lt_xml_node *information = lt_xml_child(document, "information");
    struct lt_str type = string(b, information, "details/detail/type");
    if (!lt_xml_is(document, "moodle_backup") || !information)
        return lt_fail(b->err, LT_EINVALID_INPUT, "moodle_backup.xml: is no <moodle_backup>");
    if (type.n > 0 && !lt_str_is(type, "course"))
        return lt_fail(b->err, LT_EINVALID_INPUT, "moodle_backup.xml: is the backup of one %.*s and not of a course", LT_FMT(lt_content_first(type, 40)));
    b->course = string(b, information, "original_course_id");
    if (b->tree->course_id.n == 0)
        b->tree->course_id = lt_str_copy(b->tree->arena, b->course);
    b->site = string(b, information, "original_wwwroot");
    if (!lt_course_is_web(b->site))
        b->site = LT_STR("");
    if (read_beside(b) || read_contents(b, lt_xml_child(information, "contents")) || read_course(b, information))
        return b->err->code;
    return LT_OK;
}

static enum lt_code read_backup(const struct lt_archive *archive, struct lt_str root, struct lt_course_tree *tree, struct lt_error *err)
{
    struct backup b = {.archive = archive, .root = root, .tree = tree, .arena = lt_arena_new(), .err = err};
    struct lt_xml_node *document;
    enum lt_code rc = lt_course_xml(b.arena, archive, root, LT_STR("moodle_backup.xml"), &document, err);
    if (rc == LT_OK)
        rc = read_information(&b, document);
    lt_arena_free(b.arena);
    return rc;
}

const struct lt_course_format lt_moodle_backup = {.name = "moodle_backup", .is = is_backup, .wants = wants, .read = read_backup};
