/* GET profile/ and profiles/ of the Open edX door: what a widget shows, and what staff see of a course's profiles. */
#include "api/openedx.h"
#include "workflows/orchestrator.h"

/* ---- profile/ ---- */

/*
 * A widget that could only be refused is not shown: the UI hides itself when nothing is configured, and whoever can mend a profile sees
 * in the console and in profiles/ what is wrong with it. A policy that is still to be accepted hides nothing.
 */
static bool is_usable(struct lt_request *r, const struct lt_scope_context *context, const struct lt_profile *profile)
{
    struct lt_error why = {0};
    struct lt_place place = {context->course_id, context->location_id, LT_STR(LT_OPENEDX_PLACEMENT)};
    if (lt_profile_ready(lt_workflows(r->config), profile, &why) || !lt_orchestrator_find(lt_profile_orchestrator_class(profile)))
        return false;
    if (lt_action_available(r->api->options.manager, r->config, &r->caller, &place, LT_STR("continue_conversation"), &why))
        return true;
    return why.code != LT_ESITE_DISABLED && why.code != LT_ECOURSE_DISABLED && why.code != LT_EPLACEMENT_DISABLED && why.code != LT_EPERMISSION;
}

static void answer_profile(struct lt_request *r, const struct lt_scope_context *context, const struct lt_profile *profile)
{
    struct lt_json_reply j;
    struct lt_jw *w = lt_json_begin(&j);
    lt_jw_obj(w);
    if (!profile) {
        lt_jw_kstrz(w, "status", "no_config");
    } else {
        lt_jw_kstr_nonempty(w, "course_id", context->course_id);
        lt_jw_key(w, "ui_components");
        lt_redact_write(w, lt_profile_ui_components(profile));
    }
    lt_openedx_timestamp(w);
    lt_jw_end(w);
    lt_json_end(r, 200, &j);
}

void lt_openedx_get_profile(struct lt_request *r)
{
    struct lt_error err = {0};
    struct lt_scope_context context;
    const struct lt_scope *scope;
    const struct lt_profile *profile = NULL;
    if (lt_openedx_context(r, &context, &err) ||
        (lt_openedx_resolve(r, &context, &scope, &profile, &err) && err.code != LT_ENO_CONFIG))
        lt_reply_problem(r, &err, NULL);
    else
        answer_profile(r, &context, profile && is_usable(r, &context, profile) ? profile : NULL);
}

/* ---- profiles/ ---- */

static void put_scope(struct lt_jw *w, const struct lt_scope *s)
{
    lt_jw_obj(w);
    lt_jw_kstr(w, "id", s->uuid);
    lt_jw_kstr_nonempty(w, "course_id", s->course_id);
    lt_jw_kstrz(w, "service_variant", lt_service_variant_name(s->service_variant));
    lt_jw_kbool(w, "enabled", s->enabled);
    lt_jw_kstr(w, "ui_slot_selector_id", s->ui_slot_selector_id);
    lt_jw_kstr_nonempty(w, "location_regex", s->location_regex);
    lt_jw_kint(w, "specificity_index", s->specificity_index);
    lt_jw_end(w);
}

static void put_profile(struct lt_jw *w, const struct lt_scope_set *scopes, const struct lt_profile *p, const struct lt_scope_profile *found)
{
    char id[37];
    lt_uuid_format(p->uuid, id);
    lt_jw_obj(w);
    lt_jw_kstrz(w, "id", id);
    lt_jw_kstr(w, "slug", p->slug);
    lt_jw_kstr_or_null(w, "description", p->description);
    lt_jw_key(w, "effective_config");
    lt_redact_write(w, p->effective->config);
    lt_jw_key(w, "scopes");
    lt_jw_arr(w);
    for (size_t i = 0; i < found->matched_scopes_n; i++)
        put_scope(w, found->matched_scopes[i]);
    lt_jw_end(w);
    lt_jw_key(w, "usage");
    lt_jw_obj(w);
    lt_jw_kint(w, "scope_count", (int64_t)lt_scope_count_profile(scopes, p->site_id, p->id));
    lt_jw_end(w);
    lt_jw_end(w);
}

static void answer_profiles(struct lt_request *r, struct lt_scope_set *scopes, const struct lt_scope_context *context)
{
    struct lt_scope_profile *found;
    size_t n, count = 0;
    struct lt_json_reply j;
    lt_scope_list_profiles(scopes, r->arena, context, &found, &n);
    struct lt_jw *w = lt_json_begin(&j);
    lt_jw_obj(w);
    lt_jw_key(w, "profiles");
    lt_jw_arr(w);
    for (size_t i = 0; i < n; i++) {
        const struct lt_profile *p = lt_profile_by_id(lt_workflows(r->config), context->site_id, found[i].profile_id);
        if (!p) /* a scope may be newer than the profiles */
            continue;
        put_profile(w, scopes, p, &found[i]);
        count++;
    }
    lt_jw_end(w);
    lt_jw_kint(w, "count", (int64_t)count);
    lt_openedx_timestamp(w);
    lt_jw_end(w);
    lt_json_end(r, 200, &j);
}

void lt_openedx_get_profiles(struct lt_request *r)
{
    struct lt_error err;
    struct lt_scope_context context;
    struct lt_scope_set *scopes;
    if (lt_openedx_context(r, &context, &err) || lt_openedx_check_staff(r, context.course_id, &err) || lt_request_scopes(r, false, &scopes, &err))
        lt_reply_problem(r, &err, NULL);
    else
        answer_profiles(r, scopes, &context);
}
