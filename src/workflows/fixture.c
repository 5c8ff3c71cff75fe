/* The form of fixtures: reading and writing. Rules of the objects themselves: fixture_import.c. Fuzzed by tests/fuzz/fuzz_fixture.c. */
#include "base/clock.h"
#include "workflows/fixture_private.h"

const char *const lt_fixture_models[LT_FIXTURE_KINDS] = {
    "openedx_ai_extensions.prompttemplate", "openedx_ai_extensions.aiworkflowprofile", "openedx_ai_extensions.aiworkflowscope"};

/* What a model has; others of its fields are ignored. */
static const char *const fields_of[LT_FIXTURE_KINDS][8] = {
    {"slug", "body", "created_at", "updated_at"},
    {"slug", "description", "base_filepath", "content_patch"},
    {"location_regex", "course_id", "service_variant", "profile", "enabled", "ui_slot_selector_id", "specificity_index"}};

struct reader {
    struct lt_arena *arena;
    struct lt_fixture_report *report;
    struct lt_fixture_object *object; /* that is being read */
    const struct lt_json *source, *fields;
    bool refused;                     /* this object */
};

/* ---- refusals and what is ignored ---- */

static void add_refusal(struct lt_arena *arena, struct lt_fixture_report *r, struct lt_fixture_refusal refusal)
{
    if (!r->refused)
        r->refused = LT_NEW_ARRAY(arena, struct lt_fixture_refusal, LT_FIXTURE_LISTED_MAX);
    if (r->refused_n < LT_FIXTURE_LISTED_MAX)
        r->refused[r->refused_n++] = refusal;
    r->refused_total++;
}

void lt_fixture_refuse(struct lt_arena *arena, struct lt_fixture_report *report, const struct lt_fixture_object *object, struct lt_str field,
                       struct lt_str reason)
{
    add_refusal(arena, report, (struct lt_fixture_refusal){object->at, lt_str(lt_fixture_models[object->kind]), object->pk,
                                                           lt_str_copy(arena, field), lt_str_copy(arena, reason)});
}

static struct lt_str shown(struct lt_arena *arena, const struct lt_json *v)
{
    struct lt_str s = lt_json_is(v, LT_JSON_STRING) ? lt_json_str(v) : lt_json_is(v, LT_JSON_NUMBER) ? lt_json_number_text(v) : LT_STR("");
    return s.n > 0 ? lt_str_copy(arena, (struct lt_str){s.p, lt_utf8_whole(s.p, s.n < 100 ? s.n : 100)}) : LT_STR("");
}

static void refuse(struct reader *r, const char *field, const char *reason)
{
    add_refusal(r->arena, r->report, (struct lt_fixture_refusal){r->object->at, shown(r->arena, lt_json_get(r->source, "model")),
                                                                 shown(r->arena, lt_json_get(r->source, "pk")), lt_str(field), lt_str(reason)});
    r->refused = true;
}

/* The last place is for all that have none of their own. */
static void ignore(struct lt_arena *arena, struct lt_fixture_report *r, struct lt_str name)
{
    size_t i = 0;
    while (i < r->ignored_n && i + 1 < LT_FIXTURE_IGNORED_MAX && !lt_str_eq(r->ignored[i].name, name))
        i++;
    if (i == r->ignored_n) {
        r->ignored[i].name = i + 1 == LT_FIXTURE_IGNORED_MAX ? LT_STR("others") : lt_str_copy(arena, name);
        r->ignored_n++;
    }
    r->ignored[i].count++;
}

/* ---- fields ---- */

enum { REQUIRED = 1, NULLABLE = 2 };

/* What is absent or null is `otherwise`. */
static struct lt_str text(struct reader *r, const char *name, int rules, struct lt_str otherwise)
{
    const struct lt_json *v = lt_json_get(r->fields, name);
    if (lt_json_is(v, LT_JSON_STRING))
        return lt_json_str(v).p ? lt_json_str(v) : LT_STR("");
    if (v && !lt_json_is(v, LT_JSON_NULL))
        refuse(r, name, lt_printf(r->arena, "must be text, is %s", lt_json_type_name(v)).p);
    else if (v && !(rules & NULLABLE))
        refuse(r, name, "must be text, is null");
    else if (!v && (rules & REQUIRED))
        refuse(r, name, "is missing");
    return otherwise;
}

/* Django writes a time without offset when it is set up without time zones. */
static int64_t time_of(struct reader *r, const char *name)
{
    int64_t ms = 0;
    struct lt_str s = text(r, name, NULLABLE, LT_STR(""));
    if (s.n > 0 && s.n < 64 && (lt_time_parse(s, &ms) || lt_time_parse(lt_printf(r->arena, "%.*sZ", LT_FMT(s)), &ms)))
        return ms;
    if (s.n > 0)
        refuse(r, name, "must be a time like 2026-01-31T12:00:00Z");
    return 0;
}

static struct lt_str uuid_of(struct reader *r, const char *name, const struct lt_json *v)
{
    struct lt_uuid id;
    char out[37];
    if (!lt_json_is(v, LT_JSON_STRING) || !lt_uuid_parse_any(lt_json_str(v), &id)) {
        refuse(r, name, "must be a UUID");
        return LT_STR("");
    }
    lt_uuid_format(id, out);
    return lt_str_copy(r->arena, lt_str(out));
}

static void read_prompt(struct reader *r)
{
    struct lt_prompt_row *row = &r->object->prompt;
    *row = (struct lt_prompt_row){.uuid = r->object->pk, .slug = text(r, "slug", REQUIRED, LT_STR(""))};
    row->body = text(r, "body", REQUIRED, LT_STR(""));
    row->created_at = time_of(r, "created_at");
    row->updated_at = time_of(r, "updated_at");
}

static void read_profile(struct reader *r)
{
    struct lt_profile_row *row = &r->object->profile;
    *row = (struct lt_profile_row){.uuid = r->object->pk, .slug = text(r, "slug", REQUIRED, LT_STR(""))};
    row->description = text(r, "description", NULLABLE, LT_STR_NULL);
    row->base_filepath = text(r, "base_filepath", REQUIRED, LT_STR(""));
    row->content_patch = text(r, "content_patch", 0, LT_STR(""));
}

static void read_scope(struct reader *r)
{
    const struct lt_json *enabled = lt_json_get(r->fields, "enabled"), *profile = lt_json_get(r->fields, "profile");
    struct lt_str variant = text(r, "service_variant", 0, LT_STR("lms"));
    struct lt_scope *s = &r->object->scope.scope;
    *s = (struct lt_scope){.uuid = r->object->pk, .enabled = lt_json_bool_or(enabled, true)};
    s->course_id = text(r, "course_id", NULLABLE, LT_STR(""));
    s->location_regex = text(r, "location_regex", NULLABLE, LT_STR(""));
    s->ui_slot_selector_id = text(r, "ui_slot_selector_id", 0, LT_STR(""));
    if (lt_service_variant_parse(variant) < 0)
        refuse(r, "service_variant", "must be lms or cms");
    else
        s->service_variant = (enum lt_service_variant)lt_service_variant_parse(variant);
    if (enabled && !lt_json_is(enabled, LT_JSON_BOOL))
        refuse(r, "enabled", "must be true or false");
    r->object->scope.profile = uuid_of(r, "profile", profile);
}

static void read_fields(struct reader *r)
{
    static void (*const read[LT_FIXTURE_KINDS])(struct reader *) = {read_prompt, read_profile, read_scope};
    enum lt_fixture_kind kind = r->object->kind;
    for (size_t i = 0; i < lt_json_len(r->fields); i++) {
        bool known = false;
        for (const char *const *f = fields_of[kind]; *f; f++)
            known |= lt_str_is(lt_json_key_at(r->fields, i), *f);
        if (!known)
            ignore(r->arena, r->report, lt_printf(r->arena, "%s.%.*s", lt_fixture_models[kind], LT_FMT(lt_json_key_at(r->fields, i))));
    }
    r->object->pk = uuid_of(r, "pk", lt_json_get(r->source, "pk"));
    read[kind](r);
}

/* ---- the list ---- */

/* LT_FIXTURE_KINDS: none of ours. Django folds the case of models. */
static enum lt_fixture_kind kind_of(struct lt_str model)
{
    enum lt_fixture_kind kind = LT_FIXTURE_PROMPT;
    while (kind < LT_FIXTURE_KINDS && !lt_str_eq_ci(model, lt_str(lt_fixture_models[kind])))
        kind++;
    return kind;
}

/* True: r->object is one to be kept. */
static bool read_object(struct reader *r, unsigned kinds)
{
    const struct lt_json *model = lt_json_get(r->source, "model");
    if (!lt_json_is(model, LT_JSON_STRING)) {
        refuse(r, "model", "must be the name of a model: {\"model\", \"pk\", \"fields\"}");
        return false;
    }
    enum lt_fixture_kind kind = kind_of(lt_json_str(model));
    if (kind == LT_FIXTURE_KINDS || !(kinds & 1u << kind)) {
        ignore(r->arena, r->report, shown(r->arena, model));
        return false;
    }
    r->object->kind = kind;
    r->fields = lt_json_get(r->source, "fields");
    if (!lt_json_is(r->fields, LT_JSON_OBJECT))
        refuse(r, "fields", "must be an object");
    else
        read_fields(r);
    return !r->refused;
}

enum lt_code lt_fixture_read(struct lt_arena *arena, struct lt_str json, unsigned kinds, struct lt_fixture *ret, struct lt_fixture_report *report,
                             struct lt_error *err)
{
    const struct lt_json *list;
    *ret = (struct lt_fixture){0};
    if (json.n > LT_FIXTURE_TEXT_MAX)
        return lt_fail(err, LT_EINVALID_INPUT, "a fixture has at most %d bytes", LT_FIXTURE_TEXT_MAX);
    if (lt_json_parse(arena, json, LT_JSON_STRICT, &list, err))
        return err ? lt_error_wrap(err, "fixture") : LT_EINVALID_JSON;
    if (!lt_json_is(list, LT_JSON_ARRAY) || lt_json_len(list) > LT_FIXTURE_OBJECTS_MAX)
        return lt_fail(err, LT_EINVALID_INPUT, "a fixture is a list of at most %d objects", LT_FIXTURE_OBJECTS_MAX);
    ret->objects = LT_NEW_ARRAY(arena, struct lt_fixture_object, lt_json_len(list));
    for (size_t i = 0; i < lt_json_len(list); i++) {
        struct reader r = {.arena = arena, .report = report, .object = &ret->objects[ret->n], .source = lt_json_at(list, i)};
        r.object->at = i + 1;
        if (read_object(&r, kinds))
            ret->n++;
    }
    return LT_OK;
}

/* ---- writing ---- */

struct writer {
    struct lt_buf *out;
    struct lt_jw w;
    bool more;
};

static void begin(struct writer *x, enum lt_fixture_kind kind, struct lt_str pk)
{
    lt_buf_put_str(x->out, x->more ? LT_STR(",\n") : LT_STR("\n"));
    x->more = true;
    lt_jw_init(&x->w, x->out);
    lt_jw_obj(&x->w);
    lt_jw_kstrz(&x->w, "model", lt_fixture_models[kind]);
    lt_jw_kstr(&x->w, "pk", pk);
    lt_jw_key(&x->w, "fields");
    lt_jw_obj(&x->w);
}

static void end(struct writer *x)
{
    lt_jw_end(&x->w);
    lt_jw_end(&x->w);
}

/* As Django writes it: without a fraction that is zero. */
static void write_time(struct lt_jw *w, const char *key, int64_t ms)
{
    char text[25];
    lt_time_format(ms, text);
    if (ms % 1000 == 0)
        memcpy(text + 19, "Z", 2);
    lt_jw_kstrz(w, key, text);
}

static void write_prompt(struct writer *x, const struct lt_prompt *p)
{
    char id[37];
    lt_uuid_format(p->uuid, id);
    begin(x, LT_FIXTURE_PROMPT, lt_str(id));
    lt_jw_kstr(&x->w, "slug", p->slug);
    lt_jw_kstr(&x->w, "body", p->body);
    write_time(&x->w, "created_at", p->created_at);
    write_time(&x->w, "updated_at", p->updated_at);
    end(x);
}

static void write_profile(struct writer *x, const struct lt_profile *p)
{
    char id[37];
    lt_uuid_format(p->uuid, id);
    begin(x, LT_FIXTURE_PROFILE, lt_str(id));
    lt_jw_kstr(&x->w, "slug", p->slug);
    lt_jw_kstr_or_null(&x->w, "description", p->description);
    lt_jw_kstr(&x->w, "base_filepath", p->base_filepath);
    lt_jw_kstr(&x->w, "content_patch", p->content_patch);
    end(x);
}

static void write_scope(struct writer *x, const struct lt_scope *s, struct lt_uuid profile)
{
    char id[37];
    lt_uuid_format(profile, id);
    begin(x, LT_FIXTURE_SCOPE, s->uuid);
    lt_jw_kstr_nonempty(&x->w, "location_regex", s->location_regex);
    lt_jw_kstr_nonempty(&x->w, "course_id", s->course_id);
    lt_jw_kstrz(&x->w, "service_variant", lt_service_variant_name(s->service_variant));
    lt_jw_kstrz(&x->w, "profile", id);
    lt_jw_kbool(&x->w, "enabled", s->enabled);
    lt_jw_kstr(&x->w, "ui_slot_selector_id", s->ui_slot_selector_id);
    lt_jw_kint(&x->w, "specificity_index", s->specificity_index);
    end(x);
}

void lt_fixture_export(const struct lt_workflow_set *set, const struct lt_scope_set *scopes, int64_t site_id, unsigned kinds, struct lt_buf *out)
{
    struct writer x = {.out = out};
    size_t prompts_n, profiles_n, scopes_n;
    const struct lt_prompt *prompts = lt_prompt_list(set, site_id, &prompts_n);
    const struct lt_profile *profiles = lt_profile_list(set, site_id, &profiles_n), *profile = NULL;
    const struct lt_scope *list = lt_scope_set_site(scopes, site_id, &scopes_n);
    lt_buf_putc(out, '[');
    for (size_t i = 0; kinds & 1u << LT_FIXTURE_PROMPT && i < prompts_n; i++)
        write_prompt(&x, &prompts[i]);
    for (size_t i = 0; kinds & 1u << LT_FIXTURE_PROFILE && i < profiles_n; i++)
        write_profile(&x, &profiles[i]);
    for (size_t i = 0; kinds & 1u << LT_FIXTURE_SCOPE && i < scopes_n; i++) {
        if (!profile || profile->id != list[i].profile_id) /* neighbours are often of one profile */
            profile = lt_profile_by_id(set, site_id, list[i].profile_id);
        if (profile) /* else it went between the two reads */
            write_scope(&x, &list[i], profile->uuid);
    }
    lt_buf_put_str(out, x.more ? LT_STR("\n]\n") : LT_STR("]\n"));
}
