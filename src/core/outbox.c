/* The rows of events, and the destinations that they are for. */
#include "core/outbox.h"

#include "base/log.h"
#include "core/admin_event.h"
#include "core/sealed.h"

enum { DATA_MAX = 16 * 1024 /* bytes of an event's JSON: ids and names, which are short */ };

static const char *const names[LT_EVENT_KINDS] = {"call.completed",      "call.failed",       "workflow.initialized", "workflow.interacted", "workflow.completed",
                                                  "grading.proposed", "grading.decided", "policy.accepted",   "policy.withdrawn"};
static const char *const kinds[LT_DESTINATION_KINDS] = {"xapi", "webhook", "redis"};

static int index_of(const char *const *list, int n, struct lt_str name)
{
    for (int i = 0; i < n; i++)
        if (lt_str_is(name, list[i]))
            return i;
    return -1;
}

const char *lt_event_name(enum lt_event_kind kind)
{
    return names[kind];
}

int lt_event_parse(struct lt_str name)
{
    return index_of(names, LT_EVENT_KINDS, name);
}

const char *lt_destination_kind_name(enum lt_destination_kind kind)
{
    return kinds[kind];
}

int lt_destination_kind_parse(struct lt_str name)
{
    return index_of(kinds, LT_DESTINATION_KINDS, name);
}

/* ---- writing ---- */

/* Version 4: tells nothing of the user, nor of when. */
static void random_uuid(char out[37])
{
    struct lt_uuid id;
    lt_random(id.b, sizeof(id.b));
    id.b[6] = (uint8_t)(0x40 | (id.b[6] & 0x0F));
    id.b[8] = (uint8_t)(0x80 | (id.b[8] & 0x3F));
    lt_uuid_format(id, out);
}

static void put_text(struct lt_jw *w, const char *key, struct lt_str text)
{
    if (text.n > 0)
        lt_jw_kstr(w, key, text);
}

static void put_usage(struct lt_jw *w, const struct lt_event *e)
{
    if (e->usage.prompt_tokens < 0 && e->usage.completion_tokens < 0 && e->usage.total_tokens < 0 && e->cost < 0)
        return;
    lt_jw_key(w, "usage");
    lt_jw_obj(w);
    if (e->usage.prompt_tokens >= 0)
        lt_jw_kint(w, "prompt_tokens", e->usage.prompt_tokens);
    if (e->usage.completion_tokens >= 0)
        lt_jw_kint(w, "completion_tokens", e->usage.completion_tokens);
    if (e->usage.total_tokens >= 0)
        lt_jw_kint(w, "total_tokens", e->usage.total_tokens);
    if (e->cost >= 0)
        lt_jw_kint(w, "cost", e->cost);
    lt_jw_end(w);
}

static void write_data(struct lt_buf *out, const struct lt_event *e)
{
    struct lt_jw w;
    lt_jw_init(&w, out);
    lt_jw_obj(&w);
    put_text(&w, "id", e->subject);
    put_text(&w, "action", e->action);
    put_text(&w, "profile", e->profile);
    put_text(&w, "course_id", e->course_id);
    put_text(&w, "location_id", e->location_id);
    put_text(&w, "placement", e->placement);
    put_text(&w, "state", lt_str(e->state));
    put_text(&w, "code", lt_str(e->code));
    put_text(&w, "model", e->model);
    put_text(&w, "version", e->version);
    if (e->kind <= LT_EVENT_CALL_FAILED)
        lt_jw_kbool(&w, "in_workflow", e->in_workflow);
    if (e->duration_ms >= 0)
        lt_jw_kint(&w, "duration_ms", e->duration_ms);
    put_usage(&w, e);
    lt_jw_end(&w);
}

static bool takes(const struct lt_event_destination *d, const struct lt_event *e)
{
    return d->enabled && d->events & LT_EVENT_BIT(e->kind) && !(e->in_workflow && d->kind == LT_DESTINATION_XAPI);
}

void lt_outbox_add(struct lt_tx *tx, const struct lt_event *e)
{
    struct lt_buf data;
    char actor[37], id[37];
    bool timed = false;
    lt_buf_init(&data, DATA_MAX);
    write_data(&data, e);
    lt_uuid_format(lt_uuid_new(), id);
    for (size_t i = 0; i < e->site->destinations_n; i++) {
        const struct lt_event_destination *d = &e->site->destinations[i];
        if (!takes(d, e))
            continue;
        if (!timed) { /* later than any event of the user before: ids of statements are made of it */
            random_uuid(actor);
            LT_TX(tx,
                  "INSERT INTO event_actor (site_id, user_id, actor, last_us) VALUES ($1, $2, $3, $4) ON CONFLICT (site_id, user_id) DO UPDATE SET"
                  " last_us = CASE WHEN excluded.last_us > event_actor.last_us THEN excluded.last_us ELSE event_actor.last_us + 1 END",
                  LT_INT(e->site->id), lt_value_text(e->user_id), LT_TEXTZ(actor), LT_INT(e->at * 1000));
            timed = true;
        }
        LT_TX(tx,
              "INSERT INTO event_outbox (destination_id, site_id, user_id, event_id, kind, subject, at_us, data)"
              " SELECT $1, $2, $3, $4, $5, $6, last_us, $7 FROM event_actor WHERE site_id = $2 AND user_id = $3",
              LT_INT(d->id), LT_INT(e->site->id), lt_value_text(e->user_id), LT_TEXTZ(id), LT_TEXTZ(names[e->kind]), lt_value_text(e->subject),
              LT_TEXT(data.failed ? LT_STR("{}") : lt_buf_str(&data)));
    }
    lt_buf_free(&data);
}

/* ---- reading ---- */

static unsigned read_events(struct lt_str list)
{
    unsigned bits = 0;
    while (list.n > 0) {
        int kind = lt_event_parse(lt_str_cut(&list, ' '));
        bits |= kind >= 0 ? LT_EVENT_BIT(kind) : 0;
    }
    return bits;
}

static const struct lt_json *open_config(const struct lt_keyring *ring, struct lt_arena *arena, const struct lt_event_destination *d, struct lt_str text)
{
    const struct lt_json *sealed, *config = NULL;
    struct lt_error err;
    if (lt_json_parse(arena, text, LT_JSON_STRICT, &sealed, &err) || lt_config_unseal(ring, arena, lt_event_config_schema, d->site_id, sealed, &config, &err)) {
        lt_error_wrap(&err, "event destination %.*s", LT_FMT(d->name));
        lt_log_error("config.secret_lost", &err);
    }
    return lt_json_get(config, kinds[d->kind]);
}

#define COLUMNS "id, site_id, name, kind, url, enabled, events, config, created_at"

static bool read_row(const struct lt_rows *r, size_t i, struct lt_event_destination *ret)
{
    int kind = lt_destination_kind_parse(lt_rows_str(r, i, 3));
    *ret = (struct lt_event_destination){.id = lt_rows_int(r, i, 0),
                                         .site_id = lt_rows_int(r, i, 1),
                                         .name = lt_rows_str(r, i, 2),
                                         .kind = kind < 0 ? LT_DESTINATION_XAPI : (enum lt_destination_kind)kind,
                                         .url = lt_rows_str(r, i, 4),
                                         .enabled = lt_rows_int(r, i, 5) != 0,
                                         .events = read_events(lt_rows_str(r, i, 6)),
                                         .created_at = lt_rows_int(r, i, 8)};
    return kind >= 0;
}

static void add_to_site(struct lt_config *config, const struct lt_event_destination *d)
{
    for (struct lt_site *s = config->sites; s < config->sites + config->sites_n; s++)
        if (s->id == d->site_id) {
            if (s->destinations_n++ == 0)
                s->destinations = d;
            s->events_wanted |= d->enabled ? d->events : 0;
        }
}

enum lt_code lt_event_load(struct lt_store *store, const struct lt_keyring *ring, struct lt_config *config, struct lt_error *err)
{
    struct lt_rows r;
    size_t n = 0;
    if (LT_QUERY(store, config->arena, &r, err, "SELECT " COLUMNS " FROM event_destination ORDER BY site_id, id"))
        return err->code;
    struct lt_event_destination *list = LT_NEW_ARRAY(config->arena, struct lt_event_destination, r.rows);
    for (size_t i = 0; i < r.rows; i++) {
        if (!read_row(&r, i, &list[n]))
            continue;
        list[n].config = open_config(ring, config->arena, &list[n], lt_rows_str(&r, i, 7));
        add_to_site(config, &list[n++]);
    }
    return LT_OK;
}

enum lt_code lt_outbox_interrupted(struct lt_store *store, struct lt_tx *tx, struct lt_uuid call, int64_t at, struct lt_error *err)
{
    struct lt_arena *arena = lt_arena_new();
    struct lt_rows c, r;
    enum lt_code rc = LT_QUERY(store, arena, &c, err,
                               "SELECT site_id, user_id, action, course_id, location_id, placement, created_at FROM ai_call WHERE id = $1",
                               LT_BLOB(call.b, 16));
    if (rc == LT_OK && c.rows > 0)
        rc = LT_QUERY(store, arena, &r, err, "SELECT " COLUMNS " FROM event_destination WHERE site_id = $1 ORDER BY id", LT_INT(lt_rows_int(&c, 0, 0)));
    if (rc == LT_OK && c.rows > 0 && r.rows > 0) {
        char id[37];
        struct lt_event_destination *list = LT_NEW_ARRAY(arena, struct lt_event_destination, r.rows);
        struct lt_site *site = LT_NEW(arena, struct lt_site);
        *site = (struct lt_site){.id = lt_rows_int(&c, 0, 0), .destinations = list};
        for (size_t i = 0; i < r.rows; i++)
            site->destinations_n += read_row(&r, i, &list[site->destinations_n]);
        lt_uuid_format(call, id);
        lt_outbox_add(tx, &(struct lt_event){.kind = LT_EVENT_CALL_FAILED,
                                             .site = site,
                                             .user_id = lt_rows_str(&c, 0, 1),
                                             .subject = lt_str(id),
                                             .at = at,
                                             .action = lt_rows_str(&c, 0, 2),
                                             .course_id = lt_rows_str(&c, 0, 3),
                                             .location_id = lt_rows_str(&c, 0, 4),
                                             .placement = lt_rows_str(&c, 0, 5),
                                             .state = "interrupted",
                                             .code = lt_code_name(LT_EINTERRUPTED),
                                             .usage = LT_USAGE_UNKNOWN,
                                             .cost = -1,
                                             .duration_ms = -1});
    }
    lt_arena_free(arena);
    return rc;
}
