/*
 * xAPI 1.0.3 statements, in the form in which Open edX's AI extensions send them (names, ids and extensions: docs/events.md). Pure.
 */
#pragma once
#include "core/outbox.h"
#include "text/json.h"

struct lt_xapi_event {
    struct lt_str verb;                /* initialized, interacted, completed */
    struct lt_str actor, home_page;    /* account name and its homePage, without a slash at the end */
    int64_t at_us;                     /* since 1970 */
    const struct lt_json *data;        /* as core/outbox.c writes it */
};
/* "2024-11-07T15:30:00.123456+00:00": out holds 33 bytes. */
void lt_xapi_time(int64_t us, char out[33]);
/* uuid5(uuid5(namespace, VERB), ACTOR-TIMESTAMP): the object has no part in it, so no two events of an actor and verb may have one time. */
void lt_xapi_id(const struct lt_xapi_event *event, char out[37]);
void lt_xapi_write(struct lt_jw *w, const struct lt_xapi_event *event);
/* "completed" of "workflow.completed" and "call.completed"; "" when an LRS is told nothing of such an event. */
struct lt_str lt_xapi_verb(struct lt_str kind);
