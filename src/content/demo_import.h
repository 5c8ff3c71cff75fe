/* The demo course as an imported one, so that the demo site can be searched from the first command on. */
#pragma once
#include "core/connector.h"

/*
 * Reads the units by the demo connector and stores them as a revision of the site `demo`, unless the store holds the same already. Start-up: outside of
 * loops. LT_ENOT_FOUND: there is no demo course.
 */
enum lt_code lt_demo_import(struct lt_store *store, struct lt_site *site, struct lt_str course_id, struct lt_error *err);
