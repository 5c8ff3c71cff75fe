/*
 * The passages that one answer was given, numbered from 1 on, and which of them it names. A number means the same passage in all rounds of a run.
 * An answer cites by [n] or [n, m]; what names no passage is taken out, and what is left becomes the list of citations.
 */
#pragma once
#include "content/search.h"

enum { LT_SOURCES_MAX = 64 };

struct lt_source {
    struct lt_str course_id;
    struct lt_search_hit hit;
    bool cited;
};
struct lt_sources {
    struct lt_source list[LT_SOURCES_MAX];
    size_t n;
};

/* The number of the passage; one that is there already keeps its own. 0: there is no room. */
int lt_sources_add(struct lt_sources *sources, struct lt_str course_id, const struct lt_search_hit *hit);
/*
 * What a search found, as text for a model: each passage under its number and where it stands. char_limit: characters of all passages, of which those
 * that do not fit are left out, but the first is cut; 0: no limit. Goes into prompts through guard/ only. In the arena.
 */
struct lt_str lt_sources_text(struct lt_arena *arena, struct lt_sources *sources, struct lt_str course_id, const struct lt_search_result *found,
                              int64_t char_limit);
/* For the model, in words of ours: how to cite. */
extern const char lt_sources_rule[];

/* [{"n", "course_id", "unit_id", "unit_name", "block_id", "block_name", "url", "quote"}] of those that were cited. */
void lt_sources_write(struct lt_jw *w, const struct lt_sources *sources);
/* The same as Markdown that people read under an answer, beginning with an empty line; "" when nothing was cited. In the arena. */
struct lt_str lt_sources_markdown(struct lt_arena *arena, const struct lt_sources *sources);

/* ---- the answer ---- */
enum { LT_CITE_PENDING_MAX = 40 };     /* bytes of a marker, with a space before it */

/* Looks through an answer that comes in pieces of any length. Markers in code (`a[1]`) are left as they are. All zero but for sources at the start. */
struct lt_cite {
    struct lt_sources *sources;
    char pending[LT_CITE_PENDING_MAX];
    size_t pending_n;
    size_t ticks, open_ticks;          /* of the run of ` under way; of the one that the code began with, 0: no code */
    bool line_empty;                   /* since the last line end there was nothing */
};
/* Appends to out what can be shown. */
void lt_cite_feed(struct lt_cite *cite, struct lt_str piece, struct lt_buf *out);
/* The rest, at the end. */
void lt_cite_end(struct lt_cite *cite, struct lt_buf *out);
/* A whole answer; in the arena. */
struct lt_str lt_cite_text(struct lt_arena *arena, struct lt_sources *sources, struct lt_str text);
