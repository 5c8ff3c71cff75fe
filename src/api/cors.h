/*
 * Pages of other origins (Fetch Standard §3.2): sites list them as cors_origins. An origin that is not listed gets the same answers
 * without these fields, and its browser keeps them from the page. "*" is never said.
 */
#pragma once
#include "api/request.h"

/* Is the origin on the list? */
bool lt_cors_listed(const struct lt_site *site, struct lt_str origin);
/*
 * Sets the fields of whatever answers the request, by what is known so far: before a caller is, any enabled site's list counts, then
 * its own site's alone. To be called again when route or caller become known.
 */
void lt_cors_apply(struct lt_request *r);
/* Answers a preflight of a listed origin for a path that is there (204). False: it is none; nothing was sent. */
bool lt_cors_preflight(struct lt_request *r);
