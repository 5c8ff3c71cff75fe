/* Changing the destinations of events. As core/admin.h: each change is one unit and raises the generation of the configuration. */
#pragma once
#include "core/outbox.h"
#include "text/json.h"

enum { LT_DESTINATIONS_MAX = 20 /* of a site */ };

/* {"<kind>": {its settings}} as it is stored, and a whole destination as it is given, as JSON Schema. */
extern const char lt_event_config_schema[], lt_event_destination_schema[], lt_event_destination_patch_schema[];

/*
 * {name, kind, url, events?, enabled?, config?}. Without `events` those that its kind is for. A webhook without a secret gets one. *ret_id: which it is.
 * ret_secret (may be NULL): the secret that was made, "" when none was; in the arena.
 */
enum lt_code lt_admin_event_add(struct lt_store *store, struct lt_arena *arena, const struct lt_site *site, const struct lt_json *form, int64_t *ret_id,
                                struct lt_str *ret_secret, struct lt_error *err);
/*
 * {name?, url?, events?, enabled?, config?}: config is merged (RFC 7386), secrets that are left out stay. A new secret of a webhook makes the one before it
 * `old_secret`, unless the patch says what that is to be. LT_ENOT_FOUND.
 */
enum lt_code lt_admin_event_change(struct lt_store *store, const struct lt_site *site, int64_t id, const struct lt_json *patch, struct lt_error *err);
/* With all that waits for it and what was given up. LT_ENOT_FOUND. */
enum lt_code lt_admin_event_remove(struct lt_store *store, const struct lt_site *site, int64_t id, struct lt_error *err);
/* The site's destination of this id, or of this name or id; NULL: none. */
const struct lt_event_destination *lt_site_destination(const struct lt_site *site, int64_t id);
const struct lt_event_destination *lt_site_destination_named(const struct lt_site *site, struct lt_str name_or_id);
/* "id", "name", "kind", "url", "enabled", "events", "config", "created_at" as members of the present object: secrets are "***". */
void lt_event_destination_write(struct lt_jw *w, const struct lt_event_destination *d);
