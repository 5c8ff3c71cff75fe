/*
 * IMS Common Cartridge 1.1 to 1.3 (and Thin CC): imsmanifest.xml names an organization of items and the resources that they show. Element names are
 * the same in all versions, so namespaces are not looked at; the versions stand in the types of resources ("imsqti_xmlv1p2/imscc_xmlv1p3/assessment").
 * An item with a resource is a unit with a block; a folder of such is a sequence, one of folders a chapter.
 * Fuzzed by tests/fuzz/fuzz_common_cartridge.c.
 */
#include <stdlib.h>

#include "content/canvas.h"
#include "content/formats.h"
#include "content/qti.h"
#include "io/http1.h"

enum { SETTINGS_MAX = 8 /* files of Canvas's settings of one resource */ };
#define MODULES LT_STR("course_settings/module_meta.xml")

/* Elements with an identifier, in its order. */
struct index {
    const struct lt_xml_node **nodes;
    bool *shown; /* whether an item has shown it */
    size_t n;
};
struct cartridge {
    const struct lt_archive *archive;
    struct lt_str root;
    struct lt_course_tree *tree;
    const struct lt_xml_node *resources;
    struct index by_id;   /* the resources */
    struct index modules; /* Canvas's modules and items; empty when there are none */
    struct lt_error *err;
};

/* One resource and what shows it. */
struct shown {
    const struct lt_xml_node *resource;
    struct lt_str id, type, file;
    struct lt_course_node *unit;
};

static bool is_cartridge(const struct lt_archive *names, struct lt_str *ret_root)
{
    for (size_t i = 0; i < names->n; i++) {
        struct lt_str rest = names->files[i].name, folder = lt_str_cut(&rest, '/');
        if (lt_str_is(folder, "imsmanifest.xml") && rest.n == 0)
            folder.n = 0;
        else if (!lt_str_is(rest, "imsmanifest.xml"))
            continue;
        *ret_root = (struct lt_str){folder.p, folder.n ? folder.n + 1 : 0};
        return true;
    }
    return false;
}

static bool wants(struct lt_str name)
{
    static const char *const endings[] = {".xml", ".html", ".htm", ".xhtml", ".txt"};
    return lt_course_ends(name, endings, LT_COUNT(endings));
}

/* ---- resources ---- */

static int by_identifier(const void *a, const void *b)
{
    return lt_str_compare(lt_xml_value(*(const struct lt_xml_node *const *)a, "identifier"), lt_xml_value(*(const struct lt_xml_node *const *)b, "identifier"));
}

static size_t count(const struct lt_xml_node *parent, const char *name)
{
    size_t n = 0;
    for (const struct lt_xml_node *node = lt_xml_child(parent, name); node; node = lt_xml_next(node, name))
        n++;
    return n;
}

/* Children of that name that have an identifier; there is room for them. */
static void put_nodes(struct index *index, const struct lt_xml_node *parent, const char *name)
{
    for (const struct lt_xml_node *node = lt_xml_child(parent, name); node; node = lt_xml_next(node, name))
        if (lt_xml_value(node, "identifier").p)
            index->nodes[index->n++] = node;
}

static void make_index(struct index *index, struct lt_arena *arena, size_t room)
{
    *index = (struct index){.nodes = LT_NEW_ARRAY(arena, const struct lt_xml_node *, room), .shown = LT_NEW_ARRAY(arena, bool, room)};
}

static void sort_index(struct index *index)
{
    if (index->n > 0)
        qsort(index->nodes, index->n, sizeof(index->nodes[0]), by_identifier);
}

static void index_resources(struct cartridge *c, struct lt_arena *arena)
{
    make_index(&c->by_id, arena, count(c->resources, "resource"));
    put_nodes(&c->by_id, c->resources, "resource");
    sort_index(&c->by_id);
}

/* Canvas names its modules as the manifest names its items. */
static enum lt_code read_modules(struct cartridge *c, struct lt_arena *arena)
{
    struct lt_xml_node *modules;
    if (!lt_course_file(c->archive, c->root, MODULES))
        return LT_OK;
    if (lt_course_xml(arena, c->archive, c->root, MODULES, &modules, c->err))
        return c->err->code;
    size_t n = count(modules, "module");
    for (const struct lt_xml_node *m = lt_xml_child(modules, "module"); m; m = lt_xml_next(m, "module"))
        n += count(lt_xml_child(m, "items"), "item");
    make_index(&c->modules, arena, n);
    put_nodes(&c->modules, modules, "module");
    for (const struct lt_xml_node *m = lt_xml_child(modules, "module"); m; m = lt_xml_next(m, "module"))
        put_nodes(&c->modules, lt_xml_child(m, "items"), "item");
    sort_index(&c->modules);
    return LT_OK;
}

static const struct lt_xml_node **find(const struct index *index, struct lt_str id)
{
    struct lt_xml_attribute name = {LT_STR("identifier"), id};
    struct lt_xml_node key = {.name = LT_STR("key"), .attributes = &name, .attributes_n = 1};
    const struct lt_xml_node *wanted = &key;
    return id.n > 0 && index->n > 0 ? bsearch(&wanted, index->nodes, index->n, sizeof(wanted), by_identifier) : NULL;
}

static const struct lt_xml_node *find_resource(const struct cartridge *c, struct lt_str id)
{
    const struct lt_xml_node **found = find(&c->by_id, id);
    return found ? *found : NULL;
}

/* ---- who sees it ---- */

/* A resource can be for roles (CC 1.3, "Roles"): only for teachers when no role is the learner's. */
static bool for_teachers(const struct cartridge *c, const struct lt_xml_node *resource)
{
    const struct lt_xml_node *educational = lt_xml_find(resource, "metadata/lom/educational");
    bool said = false;
    for (const struct lt_xml_node *role = lt_xml_child(educational, "intendedEndUserRole"); role; role = lt_xml_next(role, "intendedEndUserRole")) {
        said = true;
        if (lt_str_eq_ci(lt_xml_string_of(c->tree->arena, role, "value"), LT_STR("Learner")))
            return false;
    }
    return said || lt_str_is(lt_xml_value(resource, "intendeduse"), "lessonplan");
}

static bool is_hidden(const struct lt_xml_node *item)
{
    return lt_str_eq_ci(lt_xml_value(item, "isvisible"), LT_STR("false"));
}

/* ---- kinds of resources ---- */

static bool is_web_text(struct lt_str name)
{
    static const char *const endings[] = {".html", ".htm", ".xhtml"};
    return lt_course_ends(name, endings, LT_COUNT(endings));
}

static enum lt_code add_block(struct cartridge *c, const struct shown *s, const char *category, struct lt_course_node **ret)
{
    enum lt_code rc = lt_course_add(c->tree, s->unit, LT_COURSE_BLOCK, s->id, lt_str(category), s->unit->name, ret, c->err);
    if (rc == LT_OK)
        (*ret)->hidden = for_teachers(c, s->resource);
    return rc;
}

static enum lt_code put_file(struct cartridge *c, const struct shown *s)
{
    struct lt_course_node *block;
    const struct lt_archive_file *file = lt_course_file(c->archive, c->root, s->file);
    static const char *const plain[] = {".txt"};
    if (add_block(c, s, "webcontent", &block))
        return c->err->code;
    block->hidden |= file && lt_canvas_is_draft(file->bytes);
    if (file && (is_web_text(s->file) || lt_course_ends(s->file, plain, 1)))
        block->text = lt_course_html(c->tree, s->file, file->bytes);
    else if (is_web_text(s->file) || s->file.n == 0)
        lt_course_warn(c->tree, s->file.n > 0 ? s->file : s->id, "left out: is not in the archive");
    else
        lt_course_warn(c->tree, s->file, "only its name was taken: it is no HTML and no plain text");
    return LT_OK;
}

static enum lt_code put_link(struct cartridge *c, const struct shown *s, const struct lt_xml_node *link)
{
    struct lt_course_node *block;
    struct lt_str url = lt_str_trim(lt_xml_value(lt_xml_child(link, "url"), "href"));
    if (add_block(c, s, "weblink", &block))
        return c->err->code;
    struct lt_str title = lt_xml_string_of(c->tree->arena, link, "title");
    if (!lt_course_is_web(url)) {
        lt_course_warn(c->tree, s->file, "its address was left out: it is none of the web");
        url = LT_STR("");
    }
    block->text = lt_course_text(c->tree, s->file, lt_printf(c->tree->arena, "%.*s\n%.*s", LT_FMT(title), LT_FMT(url)));
    block->url = s->unit->url = lt_str_copy(c->tree->arena, url);
    return LT_OK;
}

/* A text whose texttype says what it is. */
static struct lt_str typed_text(struct cartridge *c, const struct shown *s, const struct lt_xml_node *text)
{
    struct lt_str type = lt_xml_value(text, "texttype"), string = lt_xml_string(c->tree->arena, text);
    return lt_str_eq_ci(type, LT_STR("text/plain")) ? lt_course_text(c->tree, s->file, string) : lt_course_html(c->tree, s->file, string);
}

static enum lt_code put_text(struct cartridge *c, const struct shown *s, const struct lt_xml_node *topic, const char *category)
{
    struct lt_course_node *block;
    if (add_block(c, s, category, &block))
        return c->err->code;
    struct lt_str title = lt_course_text(c->tree, s->file, lt_xml_string_of(c->tree->arena, topic, "title"));
    const struct lt_xml_node *text = lt_xml_child(topic, "text");
    struct lt_str body = text ? typed_text(c, s, text) : LT_STR("");
    block->text = lt_course_join(c->tree->arena, lt_str_eq(title, s->unit->name) ? LT_STR("") : title, body);
    return LT_OK;
}

static enum lt_code put_tool(struct cartridge *c, const struct shown *s, const struct lt_xml_node *link)
{
    struct lt_course_node *block;
    if (add_block(c, s, "lti", &block))
        return c->err->code;
    struct lt_str title = lt_xml_string_of(c->tree->arena, link, "title"), about = lt_xml_string_of(c->tree->arena, link, "description");
    block->text = lt_course_text(c->tree, s->file, lt_course_join(c->tree->arena, title, about));
    lt_course_warn(c->tree, s->file, "only name and description of this external tool were taken");
    return LT_OK;
}

static bool has(struct lt_str type, const char *part)
{
    return memmem(type.p ? type.p : "", type.n, part, strlen(part)) != NULL;
}

static enum lt_code put_questions(struct cartridge *c, const struct shown *s, const struct lt_xml_node *document)
{
    bool bank = has(s->type, "question-bank");
    return lt_qti_add(c->tree, s->file, document, s->unit, s->id, bank || for_teachers(c, s->resource), c->err);
}

static enum lt_code put_document(struct cartridge *c, const struct shown *s)
{
    struct lt_arena *arena = lt_arena_new();
    struct lt_xml_node *document;
    enum lt_code rc = lt_course_leaf(c->tree, arena, c->archive, c->root, s->file, &document, c->err);
    if (rc == LT_OK && document) {
        if (has(s->type, "imswl_"))
            rc = put_link(c, s, document);
        else if (has(s->type, "imsdt_"))
            rc = put_text(c, s, document, "discussion");
        else if (has(s->type, "assignment_"))
            rc = put_text(c, s, document, "assignment");
        else if (has(s->type, "imsbasiclti_"))
            rc = put_tool(c, s, document);
        else
            rc = put_questions(c, s, document);
    }
    lt_arena_free(arena);
    return rc;
}

/* The file that a resource is: its href, or the first that it lists. */
static struct lt_str file_of(const struct cartridge *c, const struct lt_xml_node *resource)
{
    struct lt_str href = lt_xml_value(resource, "href"), name = href, base = lt_xml_value(resource, "base");
    if (href.n == 0)
        name = lt_xml_value(lt_xml_child(resource, "file"), "href");
    struct lt_str rest = name.p ? name : LT_STR("");
    name = lt_str_cut(&rest, '?'); /* what pages are asked with */
    rest = name;
    name = lt_str_cut(&rest, '#');
    if (base.n > 0)
        name = lt_printf(c->tree->arena, "%.*s/%.*s", LT_FMT(base), LT_FMT(name));
    if (lt_course_file(c->archive, c->root, name))
        return name;
    struct lt_str decoded; /* percent-encoded, as addresses are */
    return lt_percent_decode(c->tree->arena, name, false, &decoded) && lt_course_file(c->archive, c->root, decoded) ? decoded : name;
}

static bool is_document(struct lt_str type)
{
    return has(type, "imswl_") || has(type, "imsdt_") || has(type, "imsqti_") || has(type, "imsbasiclti_") || has(type, "assignment_");
}

/* One file of a resource, when it is Canvas's settings. */
static enum lt_code limit_by_file(struct cartridge *c, struct lt_str name, struct lt_course_node *unit)
{
    struct lt_arena *arena = lt_arena_new();
    struct lt_xml_node *root;
    enum lt_code rc = lt_course_leaf(c->tree, arena, c->archive, c->root, name, &root, c->err);
    if (rc == LT_OK && !root)
        unit->hidden = true; /* nobody knows what it would have said */
    else if (rc == LT_OK && lt_canvas_is_settings(root))
        lt_canvas_limit(c->tree, name, root, unit);
    lt_arena_free(arena);
    return rc;
}

static bool is_settings_file(struct lt_str name)
{
    return lt_str_ends(name, LT_STR("/assignment_settings.xml")) || lt_str_ends(name, LT_STR("/assessment_meta.xml"));
}

/* Canvas's settings lie beside a resource, or in one that it depends on. */
static enum lt_code limit_by_settings(struct cartridge *c, const struct lt_xml_node *resource, struct lt_course_node *unit)
{
    int n = 0;
    for (const struct lt_xml_node *f = lt_xml_child(resource, "file"); f && n <= SETTINGS_MAX; f = lt_xml_next(f, "file"))
        if (is_settings_file(lt_xml_value(f, "href")) && ++n <= SETTINGS_MAX && limit_by_file(c, lt_xml_value(f, "href"), unit))
            return c->err->code;
    for (const struct lt_xml_node *d = lt_xml_child(resource, "dependency"); d && n <= SETTINGS_MAX; d = lt_xml_next(d, "dependency")) {
        const struct lt_xml_node *other = find_resource(c, lt_xml_value(d, "identifierref"));
        struct lt_str name = other && has(lt_xml_value(other, "type"), "learning-application-resource") ? lt_xml_value(other, "href") : LT_STR("");
        if (lt_str_ends(name, LT_STR(".xml")) && ++n <= SETTINGS_MAX && limit_by_file(c, name, unit))
            return c->err->code;
    }
    unit->hidden |= n > SETTINGS_MAX;
    return LT_OK;
}

static enum lt_code put_resource(struct cartridge *c, const struct lt_xml_node *resource, struct lt_course_node *unit)
{
    struct shown s = {.resource = resource, .id = lt_xml_value(resource, "identifier"), .type = lt_xml_value(resource, "type"), .unit = unit};
    s.file = file_of(c, resource);
    if (limit_by_settings(c, resource, unit))
        return c->err->code;
    if (is_document(s.type))
        return put_document(c, &s);
    if (has(s.type, "webcontent") || has(s.type, "associatedcontent") || has(s.type, "learning-application-resource"))
        return put_file(c, &s);
    lt_course_warn(c->tree, s.id, "only its name was taken: resources of type '%.*s' are not known here", LT_FMT(lt_content_first(s.type, 80)));
    return LT_OK;
}

/* ---- the organization ---- */

static bool holds_units(const struct lt_xml_node *item)
{
    for (const struct lt_xml_node *child = lt_xml_child(item, "item"); child; child = lt_xml_next(child, "item"))
        if (!lt_xml_child(child, "item"))
            return true;
    return false;
}

static enum lt_code put_item(struct cartridge *c, const struct lt_xml_node *item, struct lt_course_node *parent)
{
    struct lt_str id = lt_xml_value(item, "identifier"), ref = lt_xml_value(item, "identifierref"), title = lt_xml_string_of(c->tree->arena, item, "title");
    const struct lt_xml_node **found = find(&c->by_id, ref), **module = find(&c->modules, id);
    const struct lt_xml_node *resource = found ? *found : NULL, *first = lt_xml_child(item, "item");
    struct lt_course_node *node, *unit;
    enum lt_course_kind kind = !first ? LT_COURSE_UNIT : holds_units(item) ? LT_COURSE_SEQUENCE : LT_COURSE_CHAPTER;
    if (id.n == 0)
        id = lt_printf(c->tree->arena, "item_%zu", c->tree->n);
    if (lt_course_add(c->tree, parent, kind, id, lt_str(first ? "folder" : "item"), title, &node, c->err))
        return c->err->code;
    node->hidden = is_hidden(item);
    if (found)
        c->by_id.shown[found - c->by_id.nodes] = true;
    if (module)
        lt_canvas_limit(c->tree, MODULES, *module, node);
    unit = node;
    if (first && resource && lt_course_add(c->tree, node, LT_COURSE_UNIT, id, LT_STR("item"), title, &unit, c->err)) /* a folder with a page of its own */
        return c->err->code;
    if (ref.n > 0 && !resource)
        lt_course_warn(c->tree, id, "left out: there is no resource '%.*s'", LT_FMT(lt_content_first(ref, 80)));
    if (resource && put_resource(c, resource, unit))
        return c->err->code;
    for (; first; first = lt_xml_next(first, "item"))
        if (put_item(c, first, node))
            return c->err->code;
    return LT_OK;
}

/* Pages and the like that stand in no module; files that pages show stand in none either, and are not counted. */
static void count_left_out(struct cartridge *c)
{
    size_t n = 0;
    for (size_t i = 0; i < c->by_id.n; i++) {
        struct lt_str type = lt_xml_value(c->by_id.nodes[i], "type");
        bool text = is_document(type) ? !has(type, "question-bank") : is_web_text(file_of(c, c->by_id.nodes[i]));
        n += text && !c->by_id.shown[i];
    }
    if (n > 0)
        lt_course_warn(c->tree, LT_STR("imsmanifest.xml"), "%zu pages, questions, topics or links were left out: no item of the organization shows them", n);
}

/* The one item of an organization is its root and no folder (CC 1.3, "Organization"). */
static enum lt_code put_organization(struct cartridge *c, const struct lt_xml_node *organization)
{
    const struct lt_xml_node *item = lt_xml_child(organization, "item");
    bool root = item && !lt_xml_next(item, "item") && !lt_xml_value(item, "identifierref").p && (lt_xml_child(item, "item") || !lt_xml_child(item, "title"));
    if (root)
        item = lt_xml_child(item, "item");
    for (; item; item = lt_xml_next(item, "item"))
        if (put_item(c, item, &c->tree->root))
            return c->err->code;
    return LT_OK;
}

/* Question banks stand in no organization: teachers see them, in a chapter of their own. */
static enum lt_code put_banks(struct cartridge *c)
{
    struct lt_course_node *chapter = NULL, *unit;
    for (const struct lt_xml_node *r = lt_xml_child(c->resources, "resource"); r; r = lt_xml_next(r, "resource")) {
        struct lt_str id = lt_xml_value(r, "identifier");
        if (!has(lt_xml_value(r, "type"), "question-bank"))
            continue;
        if (!chapter && lt_course_add(c->tree, &c->tree->root, LT_COURSE_SEQUENCE, LT_STR("question-banks"), LT_STR("folder"), LT_STR("Question banks"),
                                      &chapter, c->err))
            return c->err->code;
        chapter->hidden = true;
        if (lt_course_add(c->tree, chapter, LT_COURSE_UNIT, id, LT_STR("question-bank"), LT_STR("Question bank"), &unit, c->err) ||
            put_resource(c, r, unit))
            return c->err->code;
    }
    return LT_OK;
}

static void put_texts(struct cartridge *c, const struct lt_xml_node *manifest)
{
    const struct lt_xml_node *general = lt_xml_find(manifest, "metadata/lom/general");
    struct lt_arena *arena = c->tree->arena;
    c->tree->title = lt_str_copy(arena, lt_xml_string_of(arena, general, "title"));
    c->tree->language = lt_str_copy(arena, lt_xml_string_of(arena, general, "language"));
    struct lt_str description = lt_xml_string_of(arena, general, "description");
    if (description.n > 0)
        c->tree->about[LT_COURSE_DESCRIPTION] = lt_course_html(c->tree, LT_STR("imsmanifest.xml"), description);
}

static enum lt_code read_manifest(struct cartridge *c, struct lt_arena *arena, const struct lt_xml_node *manifest)
{
    struct lt_str schema = lt_xml_string_of(c->tree->arena, manifest, "metadata/schema");
    if (!lt_xml_is(manifest, "manifest") || !has(schema, "Common Cartridge"))
        return lt_fail(c->err, LT_EINVALID_INPUT, "imsmanifest.xml: is no Common Cartridge but '%.*s'", LT_FMT(lt_content_first(schema, 60)));
    c->resources = lt_xml_child(manifest, "resources");
    index_resources(c, arena);
    if (c->tree->course_id.n == 0)
        c->tree->course_id = lt_str_copy(c->tree->arena, lt_xml_value(manifest, "identifier"));
    put_texts(c, manifest);
    if (read_modules(c, arena) || put_organization(c, lt_xml_find(manifest, "organizations/organization")) || put_banks(c))
        return c->err->code;
    count_left_out(c);
    return LT_OK;
}

static enum lt_code read_cartridge(const struct lt_archive *archive, struct lt_str root, struct lt_course_tree *tree, struct lt_error *err)
{
    struct cartridge c = {.archive = archive, .root = root, .tree = tree, .err = err};
    struct lt_arena *arena = lt_arena_new();
    struct lt_xml_node *manifest;
    enum lt_code rc = lt_course_xml(arena, archive, root, LT_STR("imsmanifest.xml"), &manifest, err);
    if (rc == LT_OK)
        rc = read_manifest(&c, arena, manifest);
    lt_arena_free(arena);
    return rc;
}

const struct lt_course_format lt_common_cartridge = {.name = "common_cartridge", .is = is_cartridge, .wants = wants, .read = read_cartridge};
