/*
 * HTML as it comes, read by libxml2's forgiving parser into events. Nothing is fetched, no entity but HTML's own characters is expanded, no
 * document type is looked at; the text is UTF-8 whatever it says of itself, and what XML cannot hold is cleaned away before (xml_write.h).
 * The contents of script and style, comments and processing instructions are no events. Any thread; a caller with much text goes to a worker.
 */
#pragma once
#include "base/arena.h"
#include "base/error.h"

enum {
    LT_HTML_BYTES_MAX = 2 << 20,  /* of input */
    LT_HTML_DEPTH_MAX = 500,      /* elements open at once */
    LT_HTML_TAG_PARTS_MAX = 2000, /* blanks, quotes and signs in one tag; behind them it ends */
};

struct lt_html_sink {
    /* An element begins; names in lower case. Attributes are pairs of name and value, ended by NULL; a value may be NULL; so may all. */
    void (*open)(void *arg, const char *name, const char *const *attributes);
    void (*close)(void *arg);                    /* the innermost that is open ends; in the end all are closed */
    void (*text)(void *arg, struct lt_str text); /* a whole text node; borrowed */
    void *arg;
};

/*
 * Goes through the text. html and body are open around everything, whether they are written or not.
 * Errors: LT_ETOO_LARGE (input), LT_EINVALID_INPUT (depth), LT_EINTERNAL; some events may have been given by then.
 */
enum lt_code lt_html_parse(struct lt_arena *arena, struct lt_str html, const struct lt_html_sink *sink, struct lt_error *err);

/* Value of an attribute; p == NULL when it is not there. */
struct lt_str lt_html_attribute(const char *const *attributes, const char *name);
