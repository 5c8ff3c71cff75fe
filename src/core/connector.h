/*
 * Content connectors: where the text of a course comes from (an LMS, an imported package, the demo course). Entries of the registry (kind
 * connector). Whoever needs course text asks lt_content_*(), which ask the connectors in the registry's order until one knows the course.
 * What they give is others' text: it enters prompts through guard/ only.
 */
#pragma once
#include "core/manager.h"

enum {
    LT_CONTENT_TEXT_MAX = 4 << 20,     /* bytes of what is written of one answer; above it LT_ETOO_LARGE */
    LT_CONTENT_TIME_MS = 30000,        /* for one question */
    LT_CONTENT_OUTLINE_DEPTH = 8,      /* levels of an outline that is shown; what is deeper stands at the last one */
    LT_CONTENT_TOKEN_BYTES = 4,        /* of text for a token of token_limit: a guess, as expense.c makes one where the vendor counts nothing */
    LT_CONTENT_LEFT_OUT_SHOWN = 100,   /* ids of blocks that did not fit */
};

enum lt_content_mode {
    LT_CONTENT_UNIT,                   /* "unit": the unit at the location */
    LT_CONTENT_UP_TO_CURRENT_UNIT,     /* "up_to_current_unit": its sequence, from the first unit to this one */
    LT_CONTENT_SEQUENCE,               /* "sequence": its whole sequence */
    LT_CONTENT_MODES
};
const char *lt_content_mode_name(enum lt_content_mode mode);
int lt_content_mode_parse(struct lt_str name); /* -1: there is none of that name */

/* What a course says about itself. Names in profiles, tools and answers. */
#define LT_COURSE_FIELDS(X)                                                                                                  \
    X(TITLE, "title") X(SUBTITLE, "subtitle") X(SHORT_DESCRIPTION, "short_description") X(DESCRIPTION, "description")          \
    X(OVERVIEW, "overview") X(SYLLABUS, "syllabus") X(DURATION, "duration") X(OUTLINE, "outline")
enum lt_course_field {
#define X(symbol, name) LT_COURSE_##symbol,
    LT_COURSE_FIELDS(X)
#undef X
        LT_COURSE_FIELDS_N,
    LT_COURSE_TEXTS = LT_COURSE_OUTLINE, /* those before are texts */
};
/* Bits of a JSON array of names; NULL or null: all but the outline. LT_EINVALID_INPUT names one that there is not. */
enum lt_code lt_course_fields_parse(const struct lt_json *names, unsigned *ret, struct lt_error *err);

struct lt_content_query {
    struct lt_arena *arena;            /* for everything that is given */
    struct lt_manager *manager;        /* by whose store and TLS a connector asks; NULL: there is none (tests) */
    const struct lt_caller *caller;    /* for whom: what the source does not show this user is not given */
    struct lt_str course_id;           /* never "" when a connector is asked */
    struct lt_str location_id;         /* in that course: one of another course is LT_ENOT_FOUND; "" = not given */
    enum lt_content_mode mode;         /* of location_content */
    int64_t char_limit;                /* of location_content: characters of all blocks together; 0: no limit */
    int64_t token_limit;               /* of location_content: tokens of all blocks together, guessed; 0: no limit */
    unsigned fields;                   /* of course_info: bits of enum lt_course_field */
    uint64_t deadline_ms;              /* of the loop's clock: every wait ends by then */
};

struct lt_content_block {
    struct lt_str id, category, display_name;
    struct lt_str text;                /* plain (html_text.h) */
    struct lt_str answers;             /* of a problem: what is right, and why; plain; apart from `text`, and "" = none */
    struct lt_str showanswer;          /* of a problem: when its platform shows them to learners; "always" alone lets them into `text` */
    bool cut;                          /* the end of its text is left out; set by lt_content_location() */
};
struct lt_content_unit {
    struct lt_str id, category, display_name;
    struct lt_content_block *blocks;
    size_t blocks_n;
};
struct lt_content {
    enum lt_content_mode mode;         /* LT_CONTENT_UNIT: exactly one unit and no sequence */
    struct lt_str sequence_id, sequence_name;
    struct lt_content_unit *units;     /* in the order of the course */
    size_t units_n;
    bool stale;                        /* the source did not answer: this is what it said a while ago; set by connectors */
    /* Set by lt_content_location(): how many blocks did not fit into token_limit, and which (the first LT_CONTENT_LEFT_OUT_SHOWN of them). */
    size_t left_out_n;
    struct lt_str *left_out;
};

struct lt_outline_item {
    struct lt_str id, category, display_name;
    int depth;                         /* 0: at the top; an item lies in the last one before it that is less deep */
};
struct lt_course_info {
    struct lt_str texts[LT_COURSE_TEXTS]; /* by enum lt_course_field; p == NULL: the course does not say */
    struct lt_outline_item *outline;   /* only when it was asked for */
    size_t outline_n;
};

/*
 * Each function may be NULL: the connector cannot do that. LT_ENOT_FOUND: it does not know the course, or the location in it, or the user may
 * not see it; the next connector is asked. Any other error ends the question. Fiber: what blocks goes to a worker. Strings in query->arena.
 */
struct lt_connector {
    enum lt_code (*location_content)(const struct lt_connector *self, const struct lt_content_query *query, struct lt_content *ret,
                                     struct lt_error *err);
    enum lt_code (*course_info)(const struct lt_connector *self, const struct lt_content_query *query, struct lt_course_info *ret,
                                struct lt_error *err);
    enum lt_code (*location_link)(const struct lt_connector *self, const struct lt_content_query *query, struct lt_str *ret, struct lt_error *err);
    const void *arg;                   /* its own */
};

/* ---- asking. LT_ENOT_FOUND: no connector knows it; LT_EPERMISSION: the caller's token is for another course; a connector's error. Fiber ---- */
/*
 * The content, with the answers of its problems where learners may see them, cut to char_limit (each block gets the same share of it), then to
 * token_limit: blocks that do not fit are left out whole, those of the place's own unit last, then those of the units before it, the nearest
 * last, then of those behind it. A block counts with its name; what is left out is said in *ret.
 */
enum lt_code lt_content_location(const struct lt_content_query *query, struct lt_content *ret, struct lt_error *err);
enum lt_code lt_content_course(const struct lt_content_query *query, struct lt_course_info *ret, struct lt_error *err);
/* An address that a browser can open, or a path on this server. */
enum lt_code lt_content_link(const struct lt_content_query *query, struct lt_str *ret, struct lt_error *err);

/* The client context of the query's manager for https; NULL: there is none. For connectors. */
struct lt_tls *lt_content_tls(const struct lt_content_query *query);

/* ---- writing, in the arena. LT_ETOO_LARGE. Any thread ---- */
/*
 * {"unit_id", "display_name", "category", "blocks": [{"block_id", "display_name", "category", "text", "cut"?: true}]}, or for the other modes
 * {"sequence_id", "display_name", "retrieval_mode", "units": […]}; at its end, when it is so, "left_out": {"count", "block_ids"} and "stale": true
 */
enum lt_code lt_content_json(struct lt_arena *arena, const struct lt_content *content, struct lt_str *ret, struct lt_error *err);
/* The texts alone, each unit under its name, for who wants prose. */
enum lt_code lt_content_plain(struct lt_arena *arena, const struct lt_content *content, struct lt_str *ret, struct lt_error *err);
/* The fields asked for; null: the course does not say. outline: [{"id", "display_name", "category", "children": […]}] */
enum lt_code lt_course_info_json(struct lt_arena *arena, const struct lt_course_info *info, unsigned fields, struct lt_str *ret,
                                 struct lt_error *err);
/* The first lines of a text that are whole and make no more than so many tokens. */
struct lt_str lt_content_lines(struct lt_str text, int64_t tokens);
/*
 * Text that came with a request, as it is used: HTML becomes text with descriptions of what is embedded (html_text.h). type: "text/html", "text/plain", or
 * "": what begins with an element of HTML and ends it again is HTML. Fiber: on a worker. LT_EINVALID_INPUT and LT_ETOO_LARGE only when it was said to be HTML.
 */
enum lt_code lt_content_inline(struct lt_arena *arena, struct lt_str content, struct lt_str type, struct lt_str *ret, struct lt_error *err);
/* The first `max` characters (code points) of a text. */
struct lt_str lt_content_first(struct lt_str text, int64_t max);
