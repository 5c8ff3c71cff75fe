/* Shared by services.c and plugins.c only. */
#pragma once
#include "api/request.h"
#include "plugin/service.h"

/* By enum lt_strength. */
extern const char *const lt_strength_names[];
/* Its version as text, "MAJOR.MINOR", in the arena. */
struct lt_str lt_service_version(struct lt_arena *arena, const struct lt_entry *entry);
/* "candidates": who could provide it, in the order in which they would be asked, and what speaks against each. */
void lt_service_put_candidates(struct lt_request *r, struct lt_jw *w, const struct lt_service_answer *a);
