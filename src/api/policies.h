/* Shared by policy*.c only. */
#pragma once
#include "api/request.h"
#include "core/policy_report.h"

/* The text as HTML that may stand in a page. In the arena; on a worker. LT_EOVERLOADED. */
enum lt_code lt_policy_html(struct lt_request *r, struct lt_str markdown, struct lt_str *ret, struct lt_error *err);
/* "counts": {VERSION: {in_force, accepted, withdrawn}}. */
void lt_policy_put_counts(struct lt_jw *w, const struct lt_site *site, const struct lt_policy_count *counts, size_t n);
