/* /v1/placements: what is on in which part of a page; /v1/switches: what is on in which course and activity. */
#include <stdio.h>

#include "api/request.h"
#include "base/secret.h"
#include "core/admin.h"

enum { LIST_DEFAULT = 1000, LIST_MAX = 10000 };

/* What is not switched off is on, and until when. action "" = the placement itself. */
static void put_state(struct lt_jw *w, const struct lt_site *site, const char *placement, const char *action)
{
    const struct lt_placement_switch *s = lt_placement_switch_of(site, lt_str(placement), lt_str(action));
    lt_jw_kbool(w, "enabled", !s || s->enabled);
    if (s && s->until_at)
        lt_jw_ktime(w, "until", s->until_at);
}

static void put_placement(struct lt_request *r, struct lt_jw *w, const struct lt_entry *entry)
{
    const struct lt_placement *placement = entry->impl;
    lt_jw_obj(w);
    lt_jw_kstrz(w, "name", entry->name);
    lt_jw_kstrz(w, "title", entry->title);
    lt_jw_kstrz(w, "description", entry->description);
    put_state(w, lt_request_site(r), entry->name, "");
    lt_jw_key(w, "actions");
    lt_jw_arr(w);
    for (const char *const *action = placement->actions; *action; action++) {
        lt_jw_obj(w);
        lt_jw_kstrz(w, "name", *action);
        put_state(w, lt_request_site(r), entry->name, *action);
        lt_jw_end(w);
    }
    lt_jw_end(w);
    lt_jw_end(w);
}

void lt_get_placements(struct lt_request *r)
{
    struct lt_json_reply j;
    struct lt_jw *w = lt_json_begin(&j);
    lt_jw_obj(w);
    lt_jw_key(w, "placements");
    lt_jw_arr(w);
    for (size_t i = 0; i < lt_registry_count(LT_KIND_PLACEMENT); i++)
        put_placement(r, w, lt_registry_at(LT_KIND_PLACEMENT, i));
    lt_jw_end(w);
    lt_jw_end(w);
    lt_json_end(r, 200, &j);
}

static const struct lt_entry *find(struct lt_request *r, struct lt_error *err)
{
    const struct lt_entry *entry = lt_registry_find(LT_KIND_PLACEMENT, r->params[0]);
    if (!entry)
        lt_fail(err, LT_ENOT_FOUND, "there is no placement '%.*s'", LT_FMT(r->params[0]));
    return entry;
}

static void answer_one(struct lt_request *r, const struct lt_entry *entry)
{
    struct lt_json_reply j;
    put_placement(r, lt_json_begin(&j), entry);
    lt_json_end(r, 200, &j);
}

void lt_get_placement(struct lt_request *r)
{
    struct lt_error err;
    const struct lt_entry *entry = find(r, &err);
    if (entry)
        answer_one(r, entry);
    else
        lt_reply_problem(r, &err, NULL);
}

void lt_put_placement(struct lt_request *r)
{
    struct lt_error err;
    int64_t until_at;
    const struct lt_entry *entry = find(r, &err);
    if (!entry || lt_body_time(r, "until", &until_at, &err) ||
        lt_admin_placement_set(r->api->options.store, r->caller.site->slug, entry, lt_json_get(r->body, "enabled"), lt_json_get(r->body, "actions"),
                               until_at, &err) ||
        lt_request_reload(r, &err))
        lt_reply_problem(r, &err, NULL);
    else
        answer_one(r, entry);
}

/* A cursor is a switch's three texts; what is between them occurs in none. */
static struct lt_str cursor_of(struct lt_request *r, const struct lt_place_switch *s)
{
    struct lt_buf b;
    lt_buf_init(&b, 4096);
    lt_buf_put_str(&b, s->course_id);
    lt_buf_putc(&b, '\0');
    lt_buf_put_str(&b, s->location_id);
    lt_buf_putc(&b, '\0');
    lt_buf_put_str(&b, s->action);
    struct lt_str cursor = lt_base64url(r->arena, b.p, b.n);
    lt_buf_free(&b);
    return cursor;
}

/* ret->course_id "": from the first on. */
static enum lt_code read_cursor(struct lt_request *r, struct lt_place_switch *ret, struct lt_error *err)
{
    struct lt_str text, after = lt_query(r, "after");
    *ret = (struct lt_place_switch){0};
    if (after.n == 0)
        return LT_OK;
    if (!lt_base64url_decode(r->arena, after, &text) || !lt_utf8_valid(text.p, text.n))
        return lt_fail_field(err, LT_EINVALID_INPUT, "/after", "must be `next` of the answer before");
    ret->course_id = lt_str_cut(&text, '\0');
    ret->location_id = lt_str_cut(&text, '\0');
    ret->action = text;
    return LT_OK;
}

static void answer_switches(struct lt_request *r, struct lt_str course, const struct lt_place_switch *after, int limit)
{
    const struct lt_site *site = lt_request_site(r);
    const struct lt_place_switch *last = NULL;
    bool more = false;
    struct lt_json_reply j;
    struct lt_jw *w = lt_json_begin(&j);
    lt_jw_obj(w);
    lt_jw_key(w, "switches");
    lt_jw_arr(w);
    for (size_t i = 0; i < site->place_switches_n && !more; i++) {
        const struct lt_place_switch *s = &site->place_switches[i];
        if ((course.n > 0 && !lt_str_eq(s->course_id, course)) || (after && lt_place_switch_compare(s, after) <= 0))
            continue;
        more = limit-- == 0;
        if (more)
            break;
        last = s;
        lt_jw_obj(w);
        lt_jw_kstr(w, "id", cursor_of(r, s));
        lt_jw_kstr(w, "course_id", s->course_id);
        lt_jw_kstr(w, "location_id", s->location_id);
        lt_jw_kstr(w, "action", s->action);
        lt_jw_kbool(w, "enabled", s->enabled);
        lt_jw_ktime(w, "until", s->until_at);
        lt_jw_kbool(w, "expired", lt_switch_over(s->until_at));
        lt_jw_end(w);
    }
    lt_jw_end(w);
    lt_jw_next_text(w, more, last ? cursor_of(r, last) : LT_STR(""));
    lt_jw_end(w);
    lt_json_end(r, 200, &j);
}

/* A token that is bound to a course sees and switches that course alone. */
static enum lt_code check_course(struct lt_request *r, struct lt_str course, struct lt_error *err)
{
    struct lt_str only = r->caller.only_course;
    if (only.n > 0 && !lt_str_eq(only, course))
        return lt_fail_field(err, LT_EPERMISSION, "/course_id", "the token is for course '%.*s'", LT_FMT(only));
    return LT_OK;
}

void lt_get_switches(struct lt_request *r)
{
    struct lt_error err;
    struct lt_str course = lt_query(r, "course_id");
    if (course.n == 0)
        course = r->caller.only_course;
    struct lt_place_switch after;
    int limit;
    if (check_course(r, course, &err) || read_cursor(r, &after, &err) || lt_query_limit(r, LIST_DEFAULT, LIST_MAX, &limit, &err))
        lt_reply_problem(r, &err, NULL);
    else
        answer_switches(r, course, after.course_id.n > 0 ? &after : NULL, limit);
}

void lt_put_switch(struct lt_request *r)
{
    struct lt_error err;
    const struct lt_json *enabled = lt_json_get(r->body, "enabled");
    struct lt_str course = lt_json_str(lt_json_get(r->body, "course_id")), none = LT_STR("");
    struct lt_str action = lt_json_str_or(lt_json_get(r->body, "action"), none);
    int on = lt_json_is(enabled, LT_JSON_BOOL) ? lt_json_bool_or(enabled, false) : -1;
    int64_t until_at = 0;
    enum lt_code rc = check_course(r, course, &err);
    if (!rc)
        rc = lt_body_time(r, "until", &until_at, &err);
    if (!rc && !lt_switchable(action))
        rc = lt_fail_field(&err, LT_EINVALID_INPUT, "/action", "there is no action '%.*s'", LT_FMT(action));
    if (!rc)
        rc = lt_admin_place_switch(r->api->options.store, r->caller.site->slug, course,
                                   lt_json_str_or(lt_json_get(r->body, "location_id"), none), action, on, until_at, &err);
    if (!rc)
        rc = lt_request_reload(r, &err);
    if (rc)
        lt_reply_problem(r, &err, NULL);
    else
        answer_switches(r, course, NULL, LIST_DEFAULT);
}
