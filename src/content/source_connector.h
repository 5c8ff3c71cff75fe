/* What the connectors of all sources share. */
#pragma once
#include "content/source_ask.h"

/* One question of one source. */
struct lt_source_call {
    const struct lt_content_query *query;
    const struct lt_content_source *source;
    bool stale;                       /* some answer was one that stands in */
};

/* Asks one source; `ret` is of the kind that the question wants. */
typedef enum lt_code (*lt_source_fn)(struct lt_source_call *call, void *ret, struct lt_error *err);

/*
 * Asks the site's sources of this kind that are enabled and have the course, by name, until one knows it. The configuration is held meanwhile.
 * LT_ENOT_FOUND when none does; outside fibers too.
 */
enum lt_code lt_source_each(const struct lt_content_query *query, enum lt_source_kind kind, lt_source_fn fn, void *ret, struct lt_error *err);
/*
 * GET (form.p NULL) or POST to the source in the viewer's name. *ret_body is the answer; LT_ENOT_FOUND for 403 and 404: it does not know the
 * thing, or the viewer may not see it.
 */
enum lt_code lt_source_fetch(struct lt_source_call *call, struct lt_str viewer, struct lt_str url, struct lt_str form, struct lt_str *ret_body,
                             struct lt_error *err);
/* The same question's answer cannot be used (err is why): it is not kept, and may be a fault of the source. Returns err->code. */
enum lt_code lt_source_bad_answer(struct lt_source_call *call, struct lt_str viewer, struct lt_str url, struct lt_str form, struct lt_error *err);
/* "…?a=b", "…&c=d": adds a parameter, its value escaped. */
struct lt_str lt_source_param(struct lt_arena *arena, struct lt_str url, const char *name, struct lt_str value);
