/* Content connectors of plugins. What they answer is read by a schema: a block more or less is the plugin's, a wrong form is nobody's text. */
#include "core/connector.h"

#include "core/site.h"
#include "plugin/plugin.h"

enum { REQUEST_MAX = 64 << 10, LINK_MAX = 4096 };

struct plugin_connector {
    struct lt_connector connector; /* first: what the registry has */
    const char *name;
    struct lt_plugin *plugin;
    const struct lt_json *courses; /* beginnings of the courses' ids; NULL: any */
    const struct lt_schema *content, *info;
};

#define TEXT "{\"type\":\"string\"}"
#define ITEM(required, members)                                                                                              \
    "{\"type\":\"object\",\"required\":[" required "],\"properties\":{\"id\":" TEXT ",\"category\":" TEXT ",\"display_name\":" TEXT members "}}"

static const char content_schema[] =
    "{\"type\":\"object\",\"required\":[\"units\"],\"properties\":{\"sequence_id\":" TEXT ",\"sequence_name\":" TEXT ","
    "\"units\":{\"type\":\"array\",\"minItems\":1,\"maxItems\":1000,\"items\":"
    ITEM("\"id\",\"blocks\"", ",\"blocks\":{\"type\":\"array\",\"maxItems\":1000,\"items\":"
         ITEM("\"id\",\"text\"", ",\"text\":" TEXT ",\"answers\":" TEXT ",\"showanswer\":" TEXT) "}") "}}}";

static const char info_schema[] =
    "{\"type\":\"object\",\"properties\":{\"title\":" TEXT ",\"subtitle\":" TEXT ",\"short_description\":" TEXT ",\"description\":" TEXT ","
    "\"overview\":" TEXT ",\"syllabus\":" TEXT ",\"duration\":" TEXT ",\"outline\":{\"type\":\"array\",\"maxItems\":10000,\"items\":"
    ITEM("\"id\"", ",\"depth\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":100}") "}}}";

/* ---- asking ---- */

static void put_caller(struct lt_jw *w, const struct lt_caller *caller)
{
    lt_jw_key(w, "user");
    lt_jw_obj(w);
    lt_jw_kstr(w, "id", caller->user_id);
    lt_jw_kstr(w, "locale", caller->locale);
    lt_jw_key(w, "roles");
    lt_jw_arr(w);
    for (int role = LT_ROLE_STUDENT; role <= LT_ROLE_SERVICE; role++)
        if (caller->roles & 1u << role)
            lt_jw_strz(w, lt_role_name((enum lt_role)role));
    lt_jw_end(w);
    lt_jw_end(w);
}

static void put_fields(struct lt_jw *w, unsigned fields)
{
    static const char *const names[] = {
#define X(symbol, name) name,
        LT_COURSE_FIELDS(X)
#undef X
    };
    lt_jw_key(w, "fields");
    lt_jw_arr(w);
    for (size_t i = 0; i < LT_COUNT(names); i++)
        if (fields & 1u << i)
            lt_jw_strz(w, names[i]);
    lt_jw_end(w);
}

static struct lt_str request_of(const struct lt_content_query *q, const char *method)
{
    struct lt_buf out;
    struct lt_jw w;
    lt_buf_init(&out, REQUEST_MAX);
    lt_jw_init(&w, &out);
    lt_jw_obj(&w);
    lt_jw_kstr(&w, "course_id", q->course_id);
    lt_jw_kstr(&w, "location_id", q->location_id);
    put_caller(&w, q->caller);
    if (strcmp(method, "location_content") == 0)
        lt_jw_kstrz(&w, "mode", lt_content_mode_name(q->mode));
    if (strcmp(method, "course_info") == 0)
        put_fields(&w, q->fields);
    lt_jw_end(&w);
    struct lt_str text = out.failed ? LT_STR_NULL : lt_str_copy(q->arena, lt_buf_str(&out));
    lt_buf_free(&out);
    return text;
}

static bool may_know(const struct plugin_connector *c, struct lt_str course_id)
{
    for (size_t i = 0; i < lt_json_len(c->courses); i++)
        if (lt_str_starts(course_id, lt_json_str(lt_json_at(c->courses, i))))
            return true;
    return !c->courses;
}

static enum lt_code ask(const struct plugin_connector *c, const struct lt_content_query *q, const char *method, const struct lt_schema *schema,
                        const struct lt_json **ret, struct lt_error *err)
{
    struct lt_error wrong;
    uint64_t now = lt_loop_now(lt_loop_self()), left = q->deadline_ms > now ? q->deadline_ms - now : 0;
    if (!may_know(c, q->course_id))
        return lt_fail(err, LT_ENOT_FOUND, "the connector has other courses");
    struct lt_plugin_call call = {.arena = q->arena, .kind = LT_KIND_CONNECTOR, .name = lt_str(c->name), .method = lt_str(method),
                                  .request = request_of(q, method), .deadline_ms = lt_mono_ms() + left};
    if (!call.request.p)
        return lt_fail(err, LT_ETOO_LARGE, "what connector '%s' is to be told is larger than %d bytes", c->name, REQUEST_MAX);
    enum lt_code rc = lt_plugin_invoke(c->plugin, &call, ret, err);
    if (rc == LT_EUNSUPPORTED)
        err->code = LT_ENOT_FOUND; /* the next one may be able to */
    if (rc)
        return err->code;
    if (schema && lt_schema_check(schema, *ret, &wrong))
        return lt_fail(err, LT_EUPSTREAM_INVALID, "the answer of %s() of connector '%s' is wrong: %s %s", method, c->name, wrong.field, wrong.detail);
    return LT_OK;
}

/* ---- what comes back ---- */

static struct lt_str member(const struct lt_json *object, const char *key)
{
    return lt_json_str_or(lt_json_get(object, key), LT_STR(""));
}

static void take_unit(struct lt_arena *arena, const struct lt_json *v, struct lt_content_unit *ret)
{
    const struct lt_json *blocks = lt_json_get(v, "blocks");
    *ret = (struct lt_content_unit){.id = member(v, "id"), .category = member(v, "category"), .display_name = member(v, "display_name")};
    ret->blocks = LT_NEW_ARRAY(arena, struct lt_content_block, lt_json_len(blocks));
    for (; ret->blocks_n < lt_json_len(blocks); ret->blocks_n++) {
        const struct lt_json *b = lt_json_at(blocks, ret->blocks_n);
        ret->blocks[ret->blocks_n] = (struct lt_content_block){.id = member(b, "id"),
                                                               .category = member(b, "category"),
                                                               .display_name = member(b, "display_name"),
                                                               .text = member(b, "text"),
                                                               .answers = member(b, "answers"),
                                                               .showanswer = member(b, "showanswer")};
    }
}

static enum lt_code location_content(const struct lt_connector *self, const struct lt_content_query *q, struct lt_content *ret,
                                     struct lt_error *err)
{
    const struct plugin_connector *c = (const struct plugin_connector *)self;
    const struct lt_json *v, *units;
    if (ask(c, q, "location_content", c->content, &v, err))
        return err->code;
    units = lt_json_get(v, "units");
    if (q->mode == LT_CONTENT_UNIT && lt_json_len(units) != 1)
        return lt_fail(err, LT_EUPSTREAM_INVALID, "connector '%s' gives %zu units for one", c->name, lt_json_len(units));
    *ret = (struct lt_content){.mode = q->mode, .sequence_id = LT_STR(""), .sequence_name = LT_STR("")};
    if (q->mode != LT_CONTENT_UNIT) {
        ret->sequence_id = member(v, "sequence_id");
        ret->sequence_name = member(v, "sequence_name");
    }
    ret->units = LT_NEW_ARRAY(q->arena, struct lt_content_unit, lt_json_len(units));
    for (; ret->units_n < lt_json_len(units); ret->units_n++)
        take_unit(q->arena, lt_json_at(units, ret->units_n), &ret->units[ret->units_n]);
    return LT_OK;
}

static void take_outline(struct lt_arena *arena, const struct lt_json *list, struct lt_course_info *ret)
{
    ret->outline = LT_NEW_ARRAY(arena, struct lt_outline_item, lt_json_len(list));
    for (; ret->outline_n < lt_json_len(list); ret->outline_n++) {
        const struct lt_json *v = lt_json_at(list, ret->outline_n);
        ret->outline[ret->outline_n] = (struct lt_outline_item){.id = member(v, "id"),
                                                                .category = member(v, "category"),
                                                                .display_name = member(v, "display_name"),
                                                                .depth = (int)lt_json_int64_or(lt_json_get(v, "depth"), 0)};
    }
}

static enum lt_code course_info(const struct lt_connector *self, const struct lt_content_query *q, struct lt_course_info *ret, struct lt_error *err)
{
    static const char *const names[] = {
#define X(symbol, name) name,
        LT_COURSE_FIELDS(X)
#undef X
    };
    const struct plugin_connector *c = (const struct plugin_connector *)self;
    const struct lt_json *v;
    if (ask(c, q, "course_info", c->info, &v, err))
        return err->code;
    *ret = (struct lt_course_info){0};
    for (size_t i = 0; i < LT_COURSE_TEXTS; i++)
        ret->texts[i] = lt_json_str_or(lt_json_get(v, names[i]), LT_STR_NULL);
    if (q->fields & 1u << LT_COURSE_OUTLINE)
        take_outline(q->arena, lt_json_get(v, "outline"), ret);
    return LT_OK;
}

/* Browsers open it: no other scheme, no other host in the guise of a path. */
static bool is_link(struct lt_str s)
{
    bool path = lt_str_starts(s, LT_STR("/")) && !lt_str_starts(s, LT_STR("//")) && !lt_str_starts(s, LT_STR("/\\"));
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] <= ' ' || s.p[i] == 0x7f)
            return false;
    return s.n <= LINK_MAX && (path || lt_str_starts(s, LT_STR("https://")) || lt_str_starts(s, LT_STR("http://")));
}

static enum lt_code location_link(const struct lt_connector *self, const struct lt_content_query *q, struct lt_str *ret, struct lt_error *err)
{
    const struct plugin_connector *c = (const struct plugin_connector *)self;
    const struct lt_json *v;
    if (ask(c, q, "location_link", NULL, &v, err))
        return err->code;
    *ret = lt_json_str(v);
    if (!lt_json_is(v, LT_JSON_STRING) || !is_link(*ret))
        return lt_fail(err, LT_EUPSTREAM_INVALID, "connector '%s' gives no http address and no path", c->name);
    return LT_OK;
}

enum lt_code lt_plugin_add_connector(struct lt_arena *arena, struct lt_plugin *plugin, const struct lt_json *v, struct lt_error *err)
{
    struct lt_entry *e = lt_plugin_entry(arena, plugin, LT_KIND_CONNECTOR, v);
    struct plugin_connector *c = LT_NEW(arena, struct plugin_connector);
    c->name = e->name;
    c->plugin = plugin;
    c->courses = lt_json_get(v, "courses");
    c->connector = (struct lt_connector){.location_content = location_content, .course_info = course_info, .location_link = location_link};
    if (lt_schema_compile_text(arena, content_schema, &c->content, err) || lt_schema_compile_text(arena, info_schema, &c->info, err))
        return err->code;
    e->impl = &c->connector;
    return lt_registry_add(e, err);
}
