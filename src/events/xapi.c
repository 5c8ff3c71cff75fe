/* Statements, and sending them to an LRS. */
#include "events/xapi.h"

#include <stdio.h>
#include <time.h>

#include "base/secret.h"
#include "events/private.h"
#include "io/http1.h"

enum { BODY_MAX = 4 << 20 };

#define VERBS "http://adlnet.gov/expapi/verbs/"
#define COURSE_TYPE "http://adlnet.gov/expapi/activities/course"
#define WORKFLOW_TYPE "https://w3id.org/xapi/openedx/activity/ai-workflow"
#define OPENEDX "https://w3id.org/xapi/openedx/extension/"
#define OWN "urn:lectern:xapi:"
#define DIRECT "ai_action" /* in the place of a profile, for what was asked without one */

/* ---- ids ---- */

void lt_xapi_time(int64_t us, char out[33])
{
    time_t s = (time_t)(us / 1000000);
    struct tm tm;
    gmtime_r(&s, &tm);
    size_t n = strftime(out, 33, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(out + n, 33 - n, ".%06d+00:00", (int)(us % 1000000));
}

/* RFC 9562 §5.5. */
static struct lt_uuid uuid5(struct lt_uuid space, struct lt_str name)
{
    uint8_t hash[20];
    struct lt_buf text;
    struct lt_uuid id;
    lt_buf_init(&text, name.n + 16);
    lt_buf_put(&text, space.b, 16);
    lt_buf_put_str(&text, name);
    lt_sha1(text.p, text.n, hash);
    lt_buf_free(&text);
    memcpy(id.b, hash, 16);
    id.b[6] = (uint8_t)(0x50 | (id.b[6] & 0x0F));
    id.b[8] = (uint8_t)(0x80 | (id.b[8] & 0x3F));
    return id;
}

void lt_xapi_id(const struct lt_xapi_event *e, char out[37])
{
    struct lt_uuid space;
    struct lt_buf text;
    char time[33];
    lt_uuid_parse(LT_STR("6ba7b810-9dad-11d1-80b4-00c04fd430c8"), &space);
    lt_xapi_time(e->at_us, time);
    lt_buf_init(&text, 8192);
    lt_buf_printf(&text, "{\"id\": \"" VERBS "%.*s\", \"display\": {\"en\": \"%.*s\"}}", LT_FMT(e->verb), LT_FMT(e->verb));
    space = uuid5(space, lt_buf_str(&text));
    lt_buf_reset(&text);
    lt_buf_put_str(&text, LT_STR("{\"objectType\": \"Agent\", \"account\": {\"name\": \""));
    lt_json_escape(&text, e->actor);
    lt_buf_put_str(&text, LT_STR("\", \"homePage\": \""));
    lt_json_escape(&text, e->home_page);
    lt_buf_printf(&text, "\"}}-%s", time);
    lt_uuid_format(uuid5(space, lt_buf_str(&text)), out);
    lt_buf_free(&text);
}

/* ---- statements ---- */

struct lt_str lt_xapi_verb(struct lt_str kind)
{
    static const struct {
        const char *kind, *verb;
    } verbs[] = {{"workflow.initialized", "initialized"}, {"workflow.interacted", "interacted"}, {"workflow.completed", "completed"}, {"call.completed", "completed"}};
    for (size_t i = 0; i < LT_COUNT(verbs); i++)
        if (lt_str_is(kind, verbs[i].kind))
            return lt_str(verbs[i].verb);
    return LT_STR("");
}

static struct lt_str member(const struct lt_json *object, const char *key)
{
    return lt_json_str_or(lt_json_get(object, key), LT_STR(""));
}

static void put_named(struct lt_jw *w, const char *key, const char *language, struct lt_str text)
{
    lt_jw_key(w, key);
    lt_jw_obj(w);
    lt_jw_kstr(w, language, text);
    lt_jw_end(w);
}

static void put_if(struct lt_jw *w, const char *key, struct lt_str text)
{
    if (text.n > 0)
        lt_jw_kstr(w, key, text);
}

static void put_actor(struct lt_jw *w, const struct lt_xapi_event *e)
{
    lt_jw_key(w, "actor");
    lt_jw_obj(w);
    lt_jw_kstrz(w, "objectType", "Agent");
    lt_jw_key(w, "account");
    lt_jw_obj(w);
    lt_jw_kstr(w, "name", e->actor);
    lt_jw_kstr(w, "homePage", e->home_page);
    lt_jw_end(w);
    lt_jw_end(w);
}

static void put_verb(struct lt_jw *w, const struct lt_xapi_event *e)
{
    char id[64];
    snprintf(id, sizeof(id), VERBS "%.*s", LT_FMT(e->verb));
    lt_jw_key(w, "verb");
    lt_jw_obj(w);
    lt_jw_kstrz(w, "id", id);
    put_named(w, "display", "en", e->verb);
    lt_jw_end(w);
}

/* Costs are in the site's currency there, and in millionths of it here. */
static void put_usage(struct lt_jw *w, const struct lt_json *usage)
{
    lt_jw_key(w, OPENEDX "ai-usage");
    lt_jw_obj(w);
    for (size_t i = 0; i < lt_json_len(usage); i++) {
        struct lt_str key = lt_json_key_at(usage, i);
        lt_jw_key_str(w, key);
        if (lt_str_is(key, "cost"))
            lt_jw_double(w, lt_json_double_or(lt_json_at(usage, i), 0) / 1e6);
        else
            lt_jw_json(w, lt_json_at(usage, i));
    }
    lt_jw_end(w);
}

static void put_object(struct lt_jw *w, const struct lt_xapi_event *e)
{
    struct lt_str action = member(e->data, "action"), profile = member(e->data, "profile");
    const struct lt_json *usage = lt_json_get(e->data, "usage");
    struct lt_buf id;
    if (action.n == 0)
        action = LT_STR("unknown-action");
    if (profile.n == 0)
        profile = LT_STR(DIRECT);
    lt_buf_init(&id, 8192);
    lt_buf_printf(&id, "%.*s/ai_workflow/%.*s__%.*s", LT_FMT(e->home_page), LT_FMT(profile), LT_FMT(action));
    lt_jw_key(w, "object");
    lt_jw_obj(w);
    lt_jw_kstrz(w, "objectType", "Activity");
    lt_jw_kstr(w, "id", lt_buf_str(&id));
    lt_jw_key(w, "definition");
    lt_jw_obj(w);
    lt_jw_kstrz(w, "type", WORKFLOW_TYPE);
    put_named(w, "name", "en", profile);
    put_named(w, "description", "en", LT_STR("AI-powered educational workflow"));
    lt_jw_key(w, "extensions");
    lt_jw_obj(w);
    lt_jw_kstr(w, OPENEDX "ai-workflow-action", action);
    put_if(w, OPENEDX "location-id", member(e->data, "location_id"));
    if (lt_json_len(usage) > 0)
        put_usage(w, usage);
    lt_jw_end(w);
    lt_jw_end(w);
    lt_jw_end(w);
    lt_buf_free(&id);
}

static void put_course(struct lt_jw *w, const struct lt_xapi_event *e, struct lt_str course)
{
    struct lt_buf id;
    lt_buf_init(&id, 8192);
    lt_buf_printf(&id, "%.*s/course/%.*s", LT_FMT(e->home_page), LT_FMT(course));
    lt_jw_key(w, "contextActivities");
    lt_jw_obj(w);
    lt_jw_key(w, "parent");
    lt_jw_arr(w);
    lt_jw_obj(w);
    lt_jw_kstr(w, "id", lt_buf_str(&id));
    lt_jw_kstrz(w, "objectType", "Activity");
    lt_jw_key(w, "definition");
    lt_jw_obj(w);
    put_named(w, "name", "en-US", course);
    lt_jw_kstrz(w, "type", COURSE_TYPE);
    lt_jw_end(w);
    lt_jw_end(w);
    lt_jw_end(w);
    lt_jw_end(w);
    lt_buf_free(&id);
}

static void put_context(struct lt_jw *w, const struct lt_xapi_event *e)
{
    struct lt_str course = member(e->data, "course_id");
    lt_jw_key(w, "context");
    lt_jw_obj(w);
    if (course.n > 0)
        put_course(w, e, course);
    lt_jw_key(w, "extensions");
    lt_jw_obj(w);
    lt_jw_kstrz(w, OPENEDX "transformer-version", "lectern@" LECTERN_VERSION);
    put_if(w, OWN "record", member(e->data, "id"));
    put_if(w, OWN "model", member(e->data, "model"));
    put_if(w, OWN "outcome", member(e->data, "state"));
    put_if(w, OWN "placement", member(e->data, "placement"));
    lt_jw_end(w);
    lt_jw_end(w);
}

void lt_xapi_write(struct lt_jw *w, const struct lt_xapi_event *e)
{
    char id[37], time[33];
    lt_xapi_id(e, id);
    lt_xapi_time(e->at_us, time);
    lt_jw_obj(w);
    lt_jw_kstrz(w, "id", id);
    put_actor(w, e);
    put_verb(w, e);
    put_object(w, e);
    lt_jw_kstrz(w, "timestamp", time);
    put_context(w, e);
    lt_jw_kstrz(w, "version", "1.0.3");
    lt_jw_end(w);
}

/* ---- sending ---- */

/* Where the actors' accounts are: what the destination says, else the LRS's own address up to its path would be wrong, so the site's LMS. */
static struct lt_str home_page(const struct lt_event_sender *s)
{
    struct lt_str page = member(s->to->config, "home_page");
    if (page.n == 0 && s->site->lms_hosts_n > 0)
        page = lt_printf(s->arena, "https://%.*s", LT_FMT(s->site->lms_hosts[0]));
    if (page.n == 0)
        page = lt_printf(s->arena, "urn:lectern:site:%.*s", LT_FMT(s->site->slug));
    while (page.n > 0 && page.p[page.n - 1] == '/')
        page.n--;
    return page;
}

static struct lt_str body_of(const struct lt_event_sender *s, const struct lt_event_row *rows, size_t n)
{
    struct lt_buf out;
    struct lt_jw w;
    lt_buf_init(&out, BODY_MAX);
    lt_jw_init(&w, &out);
    lt_jw_arr(&w);
    for (size_t i = 0; i < n; i++) {
        struct lt_xapi_event e = {.verb = lt_xapi_verb(rows[i].kind), .actor = rows[i].actor, .home_page = home_page(s), .at_us = rows[i].at_us};
        lt_json_parse(s->arena, rows[i].data, LT_JSON_STRICT, &e.data, NULL);
        lt_xapi_write(&w, &e);
    }
    lt_jw_end(&w);
    struct lt_str text = out.failed ? LT_STR("[]") : lt_str_copy(s->arena, lt_buf_str(&out)); /* rows are small and few: it fits */
    lt_buf_free(&out);
    return text;
}

static enum lt_code post(const struct lt_event_sender *s, const struct lt_event_row *rows, size_t n, int *ret_status, struct lt_event_sent *ret)
{
    struct lt_str user = member(s->to->config, "username"), password = member(s->to->config, "password"), url = s->to->url;
    struct lt_str credentials = lt_printf(s->arena, "%.*s:%.*s", LT_FMT(user), LT_FMT(password));
    struct lt_http_field fields[3] = {{LT_STR("Content-Type"), LT_STR("application/json")}, {LT_STR("X-Experience-API-Version"), LT_STR("1.0.3")}};
    size_t fields_n = 2;
    if (user.n + password.n > 0)
        fields[fields_n++] = (struct lt_http_field){LT_STR("Authorization"),
                                                    lt_printf(s->arena, "Basic %.*s", LT_FMT(lt_base64(s->arena, credentials.p, credentials.n)))};
    while (url.n > 0 && url.p[url.n - 1] == '/')
        url.n--;
    if (!lt_str_ends(url, LT_STR("/statements")))
        url = lt_printf(s->arena, "%.*s/statements", LT_FMT(url));
    const struct lt_event_post request = {.url = url, .body = body_of(s, rows, n), .fields = fields, .fields_n = fields_n};
    return lt_events_post(s, &request, ret_status, ret, &ret->error);
}

/* 409 of one: the LRS has a statement of this id, which is ours of an attempt whose answer was lost. */
static enum lt_event_fate judge(int status, bool alone, struct lt_event_sent *ret)
{
    return alone && status == 409 ? LT_EVENT_DELIVERED : lt_events_judge(status, ret);
}

void lt_xapi_send(const struct lt_event_sender *s, const struct lt_event_row *rows, size_t n, struct lt_event_sent *ret)
{
    int status;
    for (size_t i = 0; i < n; i++)
        if (lt_xapi_verb(rows[i].kind).n == 0 || rows[i].actor.n == 0) { /* the user was erased meanwhile, or it never was for an LRS */
            lt_fail(&ret->error, LT_EUNSUPPORTED, "there is no statement for %.*s", LT_FMT(rows[i].kind));
            ret->fates[i] = LT_EVENT_REFUSED;
            return;
        }
    if (post(s, rows, n, &status, ret))
        return;
    enum lt_event_fate all = judge(status, n == 1, ret);
    for (size_t i = 0; i < n && (all == LT_EVENT_DELIVERED || n == 1); i++)
        ret->fates[i] = all;
    if (all == LT_EVENT_UNWANTED)
        ret->fates[0] = all; /* each in its turn, should it last */
    if (all != LT_EVENT_REFUSED || n == 1)
        return;
    for (size_t i = 0; i < n; i++) { /* one of them is at fault, and an LRS takes all of a batch or nothing */
        if (post(s, &rows[i], 1, &status, ret))
            return;
        ret->fates[i] = judge(status, true, ret);
        if (ret->trouble)
            return;
        ret->reasons[i] = lt_str_copy(s->arena, lt_str(ret->error.detail));
    }
}
