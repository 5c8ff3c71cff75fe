/*
 * The Avro of Open edX's event bus, for the one family of records that comes and goes here (schemaless binary, Avro 1.11 "Binary Encoding"). Pure.
 *
 * A request is the record {ai_orchestration_request: {user_id: long, course_id, location_id, ui_slot_selector_id: null | string, user_input, action:
 * string}}. What user_input is, the producer's class decides: openedx-events has no schema for the bare `dict` of the plugin's own class, so a producer
 * says Dict[str, str], a map of strings, or gives JSON text as a string. Both are read; which it is, its first byte tells.
 *
 * Ours instead of libavro: that asks malloc() for whatever length a message announces (a message of 7 bytes for 4 GB), knows no maximum, and brings jansson,
 * snappy and lzma along; these records need strings, longs and two-branch unions.
 */
#pragma once
#include "core/outbox.h"
#include "text/json.h"

enum { LT_AVRO_MAX = 1 << 20 /* bytes of a message */, LT_AVRO_MEMBERS_MAX = 1000 /* of a map */ };

struct lt_bus_request {
    int64_t user_id;
    struct lt_str course_id, location_id, ui_slot_selector_id; /* "" = null */
    const struct lt_json *user_input;  /* object */
    struct lt_str action;
};
/* Texts and tree lie in the arena or in the message. LT_EINVALID_INPUT names the field and what is wrong; nothing may stand behind the record. */
enum lt_code lt_avro_read_request(struct lt_arena *arena, struct lt_str message, struct lt_bus_request *ret, struct lt_error *err);

/* What is told: {lectern_event: {…}}; docs/events.md has the class that reads it. `data` as core/outbox.c writes it. */
struct lt_bus_event {
    struct lt_str site, user_id, actor;
    const struct lt_json *data;
};
void lt_avro_write_event(struct lt_buf *out, const struct lt_bus_event *event);
