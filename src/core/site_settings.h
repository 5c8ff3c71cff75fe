/* What can be set for a site, said once: the schema that changes are checked against, forms are made of and the command line lists. */
#pragma once
#include "core/site.h"
#include "text/json.h"

/*
 * JSON Schema (2020-12) of an object of settings: of each its title, a description, its default and, as "x-group", where a form has it. A
 * literal. Name and state of a site are no settings.
 */
extern const char lt_site_settings_schema[];
/* Its `properties`, by name; in the arena. Any thread. */
const struct lt_json *lt_site_settings_properties(struct lt_arena *arena);
/* Writes all settings of the site as members of the present object: what is in force, be it set or the default. Any thread. */
void lt_site_settings_put(struct lt_jw *w, struct lt_arena *arena, const struct lt_site *site);
