/* Importing a fixture: every object is checked against what the site will then have, before one unit writes them all. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "core/admin.h"
#include "text/merge_patch.h"
#include "workflows/fixture_private.h"

/* Something by a text: a UUID or a slug. */
struct key {
    struct lt_str text;
    const void *row;
};
struct keys {
    struct key *items; /* by text */
    size_t n;
};

struct import {
    struct lt_store *store;
    struct lt_arena *arena;
    int64_t site_id;
    const struct lt_fixture_options *options;
    const struct lt_workflow_set *set; /* what the site has */
    struct lt_workflow_set next;       /* the same with the file's prompts */
    struct lt_scope_set *scopes;
    struct lt_fixture fixture;
    struct lt_fixture_report *report;
    struct keys prompts, prompt_slugs, profiles, profile_slugs, profile_numbers, scope_ids, file_profiles;
    struct lt_problems *missing, *problems; /* of the object that is checked */
    struct lt_tx *tx;
    bool has_scopes;
    struct lt_error *err;
};

/* ---- finding ---- */

static int by_text(const void *a, const void *b)
{
    const struct key *x = a, *y = b;
    size_t n = x->text.n < y->text.n ? x->text.n : y->text.n;
    int c = n > 0 ? memcmp(x->text.p, y->text.p, n) : 0;
    return c ? c : x->text.n < y->text.n ? -1 : x->text.n > y->text.n;
}

static struct keys new_keys(struct import *m, size_t max)
{
    return (struct keys){.items = LT_NEW_ARRAY(m->arena, struct key, max)};
}

static void add_key(struct keys *keys, struct lt_str text, const void *row)
{
    keys->items[keys->n++] = (struct key){text, row};
}

static void sort_keys(struct keys *keys)
{
    if (keys->n > 1)
        qsort(keys->items, keys->n, sizeof(*keys->items), by_text);
}

static const void *find(const struct keys *keys, struct lt_str text)
{
    struct key key = {.text = text}, *found = keys->n ? bsearch(&key, keys->items, keys->n, sizeof(key), by_text) : NULL;
    return found ? found->row : NULL;
}

static struct lt_str uuid_text(struct import *m, struct lt_uuid id)
{
    char text[37];
    lt_uuid_format(id, text);
    return lt_str_copy(m->arena, lt_str(text));
}

static void index_site(struct import *m)
{
    size_t n;
    const struct lt_prompt *prompts = lt_prompt_list(m->set, m->site_id, &n);
    m->prompts = new_keys(m, n);
    m->prompt_slugs = new_keys(m, n);
    for (size_t i = 0; i < n; i++) {
        add_key(&m->prompts, uuid_text(m, prompts[i].uuid), &prompts[i]);
        add_key(&m->prompt_slugs, prompts[i].slug, &prompts[i]);
    }
    const struct lt_profile *profiles = lt_profile_list(m->set, m->site_id, &n);
    m->profiles = new_keys(m, n);
    m->profile_slugs = new_keys(m, n);
    m->profile_numbers = new_keys(m, n);
    for (size_t i = 0; i < n; i++) {
        add_key(&m->profiles, uuid_text(m, profiles[i].uuid), &profiles[i]);
        add_key(&m->profile_slugs, profiles[i].slug, &profiles[i]);
        add_key(&m->profile_numbers, lt_printf(m->arena, "%lld", (long long)profiles[i].id), &profiles[i]);
    }
    const struct lt_scope *scopes = lt_scope_set_site(m->scopes, m->site_id, &n);
    m->scope_ids = new_keys(m, n);
    for (size_t i = 0; i < n; i++)
        add_key(&m->scope_ids, scopes[i].uuid, &scopes[i]);
    struct keys *all[] = {&m->prompts, &m->prompt_slugs, &m->profiles, &m->profile_slugs, &m->profile_numbers, &m->scope_ids};
    for (size_t i = 0; i < LT_COUNT(all); i++)
        sort_keys(all[i]);
}

/* ---- what is said of an object ---- */

static void refuse(struct import *m, const struct lt_fixture_object *o, const char *field, struct lt_str reason)
{
    lt_fixture_refuse(m->arena, m->report, o, lt_str(field), reason);
}

static void note(struct import *m, const struct lt_fixture_object *o, struct lt_str text)
{
    struct lt_fixture_report *r = m->report;
    struct lt_str name = o->kind == LT_FIXTURE_PROFILE ? o->profile.slug : o->pk;
    if (!r->notes)
        r->notes = LT_NEW_ARRAY(m->arena, struct lt_str, LT_FIXTURE_LISTED_MAX);
    if (r->notes_n < LT_FIXTURE_LISTED_MAX)
        r->notes[r->notes_n++] = lt_printf(m->arena, "%.*s: %.*s", LT_FMT(name), LT_FMT(text));
    r->notes_total++;
}

static void refuse_all(struct import *m, const struct lt_fixture_object *o, const struct lt_problems *problems)
{
    for (size_t i = 0; i < problems->n; i++)
        lt_fixture_refuse(m->arena, m->report, o, problems->items[i].path, problems->items[i].text);
}

/* ---- the file in itself ---- */

static void check_doubles(struct import *m, enum lt_fixture_kind kind, bool slugs)
{
    struct keys keys = new_keys(m, m->fixture.n);
    for (size_t i = 0; i < m->fixture.n; i++) {
        const struct lt_fixture_object *o = &m->fixture.objects[i];
        if (o->kind == kind)
            add_key(&keys, !slugs ? o->pk : kind == LT_FIXTURE_PROMPT ? o->prompt.slug : o->profile.slug, o);
    }
    sort_keys(&keys);
    for (size_t i = 1; i < keys.n; i++)
        if (lt_str_eq(keys.items[i].text, keys.items[i - 1].text)) {
            const struct lt_fixture_object *a = keys.items[i - 1].row, *b = keys.items[i].row, *later = a->at < b->at ? b : a;
            refuse(m, later, slugs ? "slug" : "pk", lt_printf(m->arena, "object %zu of the file has the same", later == a ? b->at : a->at));
        }
}

/* Prompts as they will be: the site's that the file does not name, and the file's. Profiles of the file are found by their UUID. */
static void look_ahead(struct import *m)
{
    size_t n;
    const struct lt_prompt *prompts = lt_prompt_list(m->set, m->site_id, &n);
    struct keys named = new_keys(m, m->fixture.n);
    m->next = (struct lt_workflow_set){.prompts = LT_NEW_ARRAY(m->arena, struct lt_prompt, n + m->fixture.n)};
    if (m->set) {
        m->next.templates = m->set->templates;
        m->next.instances = m->set->instances;
        m->next.instances_n = m->set->instances_n;
    }
    m->file_profiles = new_keys(m, m->fixture.n);
    for (size_t i = 0; i < m->fixture.n; i++) {
        struct lt_fixture_object *o = &m->fixture.objects[i];
        m->has_scopes |= o->kind == LT_FIXTURE_SCOPE;
        if (o->kind == LT_FIXTURE_PROFILE)
            add_key(&m->file_profiles, o->pk, o);
        if (o->kind != LT_FIXTURE_PROMPT)
            continue;
        struct lt_prompt *p = &m->next.prompts[m->next.prompts_n++];
        *p = (struct lt_prompt){.id = -1, .site_id = m->site_id, .slug = o->prompt.slug, .body = o->prompt.body};
        lt_uuid_parse(o->pk, &p->uuid);
        add_key(&named, o->pk, o);
    }
    sort_keys(&named);
    sort_keys(&m->file_profiles);
    for (size_t i = 0; i < n; i++)
        if (!find(&named, uuid_text(m, prompts[i].uuid)))
            m->next.prompts[m->next.prompts_n++] = prompts[i];
}

/* ---- objects against the site ---- */

static void count(struct import *m, enum lt_fixture_kind kind, bool is_new)
{
    (is_new ? m->report->added : m->report->changed)[kind]++;
}

static void taken(struct import *m, const struct lt_fixture_object *o, struct lt_uuid id)
{
    refuse(m, o, "slug", lt_printf(m->arena, "the site has %.*s with this slug already", LT_FMT(uuid_text(m, id))));
}

static void take_prompt(struct import *m, struct lt_fixture_object *o)
{
    struct lt_prompt_row *row = &o->prompt;
    const struct lt_prompt *old = find(&m->prompts, o->pk), *other = find(&m->prompt_slugs, row->slug);
    if (old && lt_str_eq(old->slug, row->slug) && lt_str_eq(old->body, row->body)) {
        m->report->unchanged[o->kind]++;
        return;
    }
    lt_prompt_check(row, m->problems);
    if (other && other != old)
        taken(m, o, other->uuid);
    refuse_all(m, o, m->problems);
    int64_t now = lt_now_ms();
    row->id = old ? old->id : 0;
    row->site_id = m->site_id;
    row->version = old ? old->version + 1 : 1;
    row->created_at = row->created_at ? row->created_at : now;
    row->updated_at = row->updated_at ? row->updated_at : now;
    count(m, o->kind, !old);
    lt_prompt_tx_put(m->tx, row, m->options->who);
}

/* Ours that do what the plugin's own do, with steps and components of the same names, so that patches fit. */
static const struct {
    const char *theirs, *ours;
} templates[] = {
    {"base/blank.json", "base/blank.json5"},
    {"base/summary.json", "base/summary.json5"},
    {"base/custom_prompt.json", "base/custom_prompt.json5"},
    {"base/library_questions_creator.json", "base/question_builder.json5"},
    {"base/library_questions_assistant.json", "base/question_builder.json5"},
    {"base/mocked_llm_completion.json", "mock/mock.json5"},
    {"base/mocked_llm_streaming.json", "mock/mock_streaming.json5"},
    {"examples/openai/chat.json", "vendors/openai_chat.json5"},
    {"examples/anthropic/chat.json", "vendors/anthropic_chat.json5"},
    {"examples/openai/chat_functions.json", "base/chat_with_tools.json5"},
    {"examples/anthropic/chat_functions.json", "base/chat_with_tools.json5"},
    {"experimental/flashcards.json", "base/flash_cards.json5"},
};

/* Our template for one of theirs that is not here; NULL: none. */
static const char *our_template(struct import *m, struct lt_str path)
{
    const struct lt_template *t;
    for (size_t i = 0; i < LT_COUNT(templates); i++)
        if (lt_str_is(path, templates[i].theirs) && lt_template_find(lt_workflow_templates(m->set), path, &t, NULL) &&
            !lt_template_find(lt_workflow_templates(m->set), lt_str(templates[i].ours), &t, NULL))
            return templates[i].ours;
    return NULL;
}

static void map_template(struct import *m, struct lt_fixture_object *o)
{
    const char *ours = m->options->map_templates ? our_template(m, o->profile.base_filepath) : NULL;
    if (!ours)
        return;
    note(m, o, lt_printf(m->arena, "%s takes the place of %.*s", ours, LT_FMT(o->profile.base_filepath)));
    o->profile.base_filepath = lt_str(ours);
}

/* What is not here yet: allowed and noted, or refused with a way out. */
static void tell_missing(struct import *m, const struct lt_fixture_object *o)
{
    for (size_t i = 0; i < m->missing->n; i++) {
        const struct lt_problem *p = &m->missing->items[i];
        bool base = lt_str_is(p->path, "base_filepath");
        const char *ours = base ? our_template(m, o->profile.base_filepath) : NULL;
        if (m->options->allow_missing)
            note(m, o, lt_printf(m->arena, "%.*s; the profile does not run until that is mended", LT_FMT(p->text)));
        else if (ours)
            lt_fixture_refuse(m->arena, m->report, o, p->path,
                              lt_printf(m->arena, "%.*s (--map-templates takes %s, or name the plugin's folder of templates in template_dirs)",
                                        LT_FMT(p->text), ours));
        else
            lt_fixture_refuse(m->arena, m->report, o, p->path,
                              base ? lt_printf(m->arena, "%.*s (name the plugin's folder of templates in template_dirs)", LT_FMT(p->text)) : p->text);
    }
}

static bool has_secret(const struct lt_json *v, struct lt_str *ret)
{
    bool object = lt_json_is(v, LT_JSON_OBJECT);
    for (size_t i = 0; (object || lt_json_is(v, LT_JSON_ARRAY)) && i < lt_json_len(v); i++) {
        const struct lt_json *item = lt_json_at(v, i);
        if (object && lt_secret_looking(lt_json_key_at(v, i)) && lt_json_str(item).n > 0) {
            *ret = lt_json_key_at(v, i);
            return true;
        }
        if (has_secret(item, ret))
            return true;
    }
    return false;
}

/* The plugin takes keys from patches; here they belong to provider instances, where they are sealed. */
static void tell_secrets(struct import *m, const struct lt_fixture_object *o)
{
    const struct lt_json *patch = NULL;
    struct lt_str key;
    if (!lt_json_parse(m->arena, o->profile.content_patch, LT_JSON_JSON5, &patch, NULL) && has_secret(patch, &key))
        note(m, o, lt_printf(m->arena, "content_patch holds %.*s in clear, which is not used here: give the key to a provider instance",
                             (int)(key.n < 64 ? key.n : 64), key.p));
}

static bool same_profile(const struct lt_profile *old, const struct lt_profile_row *row)
{
    return lt_str_eq(old->slug, row->slug) && !old->description.p == !row->description.p && lt_str_eq(old->description, row->description) &&
           lt_str_eq(old->base_filepath, row->base_filepath) && lt_str_eq(old->content_patch, row->content_patch);
}

static void take_profile(struct import *m, struct lt_fixture_object *o)
{
    struct lt_profile_row *row = &o->profile;
    const struct lt_profile *old = find(&m->profiles, o->pk), *other = find(&m->profile_slugs, row->slug);
    map_template(m, o);
    if (old && same_profile(old, row)) {
        m->report->unchanged[o->kind]++;
        return;
    }
    row->id = old ? old->id : 0;
    row->site_id = m->site_id;
    row->version = old ? old->version + 1 : 1;
    lt_profile_check(&m->next, row, !old || !lt_str_eq(old->base_filepath, row->base_filepath), m->missing, m->problems);
    if (other && other != old)
        taken(m, o, other->uuid);
    refuse_all(m, o, m->problems);
    tell_missing(m, o);
    tell_secrets(m, o);
    count(m, o->kind, !old);
    lt_profile_tx_put(m->tx, row, m->options->who);
}

/* The mistakes of a scope come in one text: "course_id: …; location_regex: …". */
static void check_scope(struct import *m, const struct lt_fixture_object *o)
{
    struct lt_error why;
    if (!lt_scope_check(&o->scope.scope, &why))
        return;
    struct lt_str field = lt_str(why.field + 1), reason = lt_str(why.detail);
    if (lt_str_starts(reason, field) && reason.n > field.n + 2)
        reason = (struct lt_str){reason.p + field.n + 2, reason.n - field.n - 2};
    lt_fixture_refuse(m->arena, m->report, o, field, reason);
}

static bool same_scope(struct import *m, const struct lt_scope *a, const struct lt_fixture_object *o)
{
    const struct lt_scope *b = &o->scope.scope;
    const struct lt_profile *profile = find(&m->profile_numbers, lt_printf(m->arena, "%lld", (long long)a->profile_id));
    return profile && profile == find(&m->profiles, o->scope.profile) && lt_str_eq(a->course_id, b->course_id) &&
           lt_str_eq(a->location_regex, b->location_regex) && lt_str_eq(a->ui_slot_selector_id, b->ui_slot_selector_id) &&
           a->service_variant == b->service_variant && a->enabled == b->enabled;
}

static void take_scope(struct import *m, struct lt_fixture_object *o)
{
    const struct lt_scope *old = find(&m->scope_ids, o->pk);
    if (old && same_scope(m, old, o)) {
        m->report->unchanged[o->kind]++;
        return;
    }
    check_scope(m, o);
    if (!find(&m->profiles, o->scope.profile) && !find(&m->file_profiles, o->scope.profile))
        refuse(m, o, "profile", LT_STR("neither the site nor the file has a profile with this id"));
    o->scope.scope.id = old ? old->id : 0;
    o->scope.scope.site_id = m->site_id;
    count(m, o->kind, !old);
    lt_scope_tx_put(m->tx, &o->scope.scope, o->scope.profile);
}

/* Prompts first, scopes last: each finds what it names. */
static void take_all(struct import *m)
{
    static void (*const take[LT_FIXTURE_KINDS])(struct import *, struct lt_fixture_object *) = {take_prompt, take_profile, take_scope};
    for (int kind = 0; kind < LT_FIXTURE_KINDS; kind++) {
        check_doubles(m, (enum lt_fixture_kind)kind, false);
        if (kind != LT_FIXTURE_SCOPE)
            check_doubles(m, (enum lt_fixture_kind)kind, true);
        for (size_t i = 0; i < m->fixture.n; i++) {
            m->missing->n = m->problems->n = 0;
            if ((int)m->fixture.objects[i].kind == kind)
                take[kind](m, &m->fixture.objects[i]);
        }
    }
}

/* ---- the unit ---- */

static enum lt_code match_slots_as_they_do(struct import *m)
{
    struct lt_rows r;
    const struct lt_json *settings, *wildcard = NULL;
    if (!m->has_scopes)
        return LT_OK;
    if (LT_QUERY(m->store, m->arena, &r, m->err, "SELECT settings FROM site WHERE id = $1", LT_INT(m->site_id)))
        return m->err->code;
    if (r.rows == 0)
        return lt_fail(m->err, LT_ENOT_FOUND, "the site was removed meanwhile");
    if (lt_json_parse(m->arena, lt_rows_str(&r, 0, 0), LT_JSON_STRICT, &settings, m->err))
        return lt_error_wrap(m->err, "settings of the site");
    if (lt_str_is(lt_json_str(lt_json_get(settings, "slot_matching")), "wildcard"))
        return LT_OK;
    lt_json_parse(m->arena, LT_STR("{\"slot_matching\":\"wildcard\"}"), LT_JSON_STRICT, &wildcard, NULL);
    LT_TX(m->tx, "UPDATE site SET settings = $1 WHERE id = $2", LT_TEXT(lt_json_text(m->arena, lt_merge_patch(m->arena, settings, wildcard))),
          LT_INT(m->site_id));
    m->report->slot_matching_set = true;
    return LT_OK;
}

static bool anything_to_write(const struct lt_fixture_report *r)
{
    size_t n = r->slot_matching_set;
    for (int i = 0; i < LT_FIXTURE_KINDS; i++)
        n += r->added[i] + r->changed[i];
    return n > 0;
}

static enum lt_code write_unit(struct import *m)
{
    struct lt_tx *tx = m->tx;
    m->tx = NULL;
    enum lt_code rc = lt_store_write(m->store, tx, m->err);
    if (rc == LT_ECONFLICT)
        return lt_fail(m->err, rc, "the configuration was changed by somebody else just now; nothing is imported, import again");
    m->report->written = rc == LT_OK;
    return rc;
}

static enum lt_code import(struct import *m, const struct lt_config *config, struct lt_str text)
{
    if (lt_fixture_read(m->arena, text, m->options->kinds, &m->fixture, m->report, m->err) ||
        lt_scope_set_load(m->store, NULL, &m->scopes, m->err))
        return m->err->code;
    /* What was checked is what is there: otherwise nothing is written. */
    lt_tx_hint(m->tx);
    LT_TX(m->tx, "UPDATE meta SET value = value + 1 WHERE name = 'generation' AND value = $1", LT_INT(config->generation));
    lt_tx_expect(m->tx, 1);
    index_site(m);
    look_ahead(m);
    take_all(m);
    if (match_slots_as_they_do(m))
        return m->err->code;
    if (m->report->refused_total > 0)
        return lt_fail(m->err, LT_EINVALID_INPUT, "%zu mistake%s; nothing is imported", m->report->refused_total,
                       m->report->refused_total == 1 ? "" : "s");
    return m->options->dry_run || !anything_to_write(m->report) ? LT_OK : write_unit(m);
}

enum lt_code lt_fixture_import(struct lt_store *store, const struct lt_config *config, const struct lt_site *site, struct lt_str text,
                               const struct lt_fixture_options *options, struct lt_arena *arena, struct lt_fixture_report *ret,
                               struct lt_error *err)
{
    struct lt_error own;
    *ret = (struct lt_fixture_report){0};
    struct import m = {.store = store, .arena = arena, .site_id = site->id, .options = options, .set = lt_workflows(config), .report = ret,
                       .missing = LT_NEW(arena, struct lt_problems), .problems = LT_NEW(arena, struct lt_problems), .tx = lt_tx_new(),
                       .err = err ? err : &own};
    m.missing->arena = m.problems->arena = arena;
    enum lt_code rc = import(&m, config, text);
    lt_scope_set_unref(m.scopes);
    lt_tx_discard(m.tx);
    return rc;
}

/* ---- the report ---- */

static void write_counts(struct lt_jw *w, const struct lt_fixture_report *r, enum lt_fixture_kind kind, const char *key)
{
    lt_jw_key(w, key);
    lt_jw_obj(w);
    lt_jw_kint(w, "added", (int64_t)r->added[kind]);
    lt_jw_kint(w, "changed", (int64_t)r->changed[kind]);
    lt_jw_kint(w, "unchanged", (int64_t)r->unchanged[kind]);
    lt_jw_end(w);
}

static void write_refusal(struct lt_jw *w, const struct lt_fixture_refusal *x)
{
    lt_jw_obj(w);
    lt_jw_kint(w, "at", (int64_t)x->at);
    lt_jw_kstr(w, "model", x->model);
    lt_jw_kstr(w, "pk", x->pk);
    lt_jw_kstr(w, "field", x->field);
    lt_jw_kstr(w, "reason", x->reason);
    lt_jw_end(w);
}

void lt_fixture_report_write(struct lt_jw *w, const struct lt_fixture_report *r)
{
    lt_jw_obj(w);
    lt_jw_kbool(w, "written", r->written);
    lt_jw_key(w, "refused");
    lt_jw_arr(w);
    for (size_t i = 0; i < r->refused_n; i++)
        write_refusal(w, &r->refused[i]);
    lt_jw_end(w);
    lt_jw_kint(w, "refused_total", (int64_t)r->refused_total);
    write_counts(w, r, LT_FIXTURE_PROMPT, "prompts");
    write_counts(w, r, LT_FIXTURE_PROFILE, "profiles");
    write_counts(w, r, LT_FIXTURE_SCOPE, "scopes");
    lt_jw_key(w, "ignored");
    lt_jw_arr(w);
    for (size_t i = 0; i < r->ignored_n; i++) {
        lt_jw_obj(w);
        lt_jw_kstr(w, "name", r->ignored[i].name);
        lt_jw_kint(w, "count", (int64_t)r->ignored[i].count);
        lt_jw_end(w);
    }
    lt_jw_end(w);
    lt_jw_key(w, "notes");
    lt_jw_arr(w);
    for (size_t i = 0; i < r->notes_n; i++)
        lt_jw_str(w, r->notes[i]);
    lt_jw_end(w);
    lt_jw_kint(w, "notes_total", (int64_t)r->notes_total);
    lt_jw_kbool(w, "slot_matching_set", r->slot_matching_set);
    lt_jw_end(w);
}
