/*
 * Events: what other systems are to learn. A row for each destination that wants the event is added to the unit that records what it tells of, so that
 * there is no record without its event and no event without its record. src/events delivers them. Where no destination of a site wants a kind, nothing
 * happens: ask lt_event_wanted() before building anything.
 */
#pragma once
#include "base/uuid.h"
#include "core/caller.h"
#include "core/neutral.h"
#include "store/store.h"

enum lt_event_kind {
    LT_EVENT_CALL_COMPLETED,
    LT_EVENT_CALL_FAILED,          /* also cancelled and interrupted ones: state says which */
    LT_EVENT_WORKFLOW_INITIALIZED, /* first turn of a conversation */
    LT_EVENT_WORKFLOW_INTERACTED,  /* every later one */
    LT_EVENT_WORKFLOW_COMPLETED,   /* any other run that ended well */
    LT_EVENT_GRADING_PROPOSED,
    LT_EVENT_GRADING_DECIDED,
    LT_EVENT_POLICY_ACCEPTED,
    LT_EVENT_POLICY_WITHDRAWN,
    LT_EVENT_KINDS
};
#define LT_EVENT_BIT(kind) (1u << (kind))
/* "call.completed", … */
const char *lt_event_name(enum lt_event_kind kind);
/* -1 when there is none of that name. */
int lt_event_parse(struct lt_str name);

enum lt_destination_kind { LT_DESTINATION_XAPI, LT_DESTINATION_WEBHOOK, LT_DESTINATION_REDIS, LT_DESTINATION_KINDS };
const char *lt_destination_kind_name(enum lt_destination_kind kind);
int lt_destination_kind_parse(struct lt_str name);

/* One receiver of a site, as the snapshot has it. */
struct lt_event_destination {
    int64_t id, site_id;
    struct lt_str name, url;
    enum lt_destination_kind kind;
    bool enabled;
    unsigned events;               /* bits of enum lt_event_kind */
    const struct lt_json *config;  /* of its kind (core/admin_event.h), secrets in clear; NULL: cannot be read */
    int64_t created_at;
};

/* What happened. Texts that do not apply are empty. */
struct lt_event {
    enum lt_event_kind kind;
    const struct lt_site *site;
    struct lt_str user_id;         /* "" = nobody was named */
    struct lt_str subject;         /* id of the call, run or grading, by which events are kept in order; "" = none */
    int64_t at;                    /* ms */
    struct lt_str action, profile, course_id, location_id, placement, model, version;
    const char *state, *code;      /* NULL: none */
    bool in_workflow;              /* a call that is a step of a run: LRSs are told of the run alone */
    struct lt_usage usage;
    int64_t cost;                  /* -1: not known */
    int64_t duration_ms;           /* -1: not known */
};
static inline bool lt_event_wanted(const struct lt_site *site, enum lt_event_kind kind)
{
    return __builtin_expect(site->events_wanted & LT_EVENT_BIT(kind), 0);
}
/* Adds the rows of one event, with a time that no other event of the user has; all texts are copied. Any thread. */
void lt_outbox_add(struct lt_tx *tx, const struct lt_event *event);

/*
 * Reads the destinations of all sites into the snapshot. ring: NULL when there is no master key; a secret that cannot be opened is left out and logged.
 * Fiber or start-up.
 */
struct lt_keyring;
enum lt_code lt_event_load(struct lt_store *store, const struct lt_keyring *ring, struct lt_config *config, struct lt_error *err);
/* Start-up, before there is a snapshot: adds the event of a call that a crash has ended. */
enum lt_code lt_outbox_interrupted(struct lt_store *store, struct lt_tx *tx, struct lt_uuid call, int64_t at, struct lt_error *err);
