/*
 * Writing XML: libxml2's xmlTextWriter with our strings. Well-formed whatever the texts hold: what XML 1.0 has no form for is cleaned away,
 * everything else is escaped. UTF-8, no declaration, no white space of its own. One thread at a time; calls do not block.
 */
#pragma once
#include "base/arena.h"
#include "base/error.h"

enum { LT_XML_TEXT_MAX = 16 << 20 }; /* longest text written, bytes */

/*
 * The text with nothing in it that XML 1.0 §2.2 cannot hold: bytes that are not UTF-8 become U+FFFD; control characters, U+FFFE and U+FFFF
 * go, but a form feed and a vertical tab become a space. Points into `s` when there was nothing to do.
 */
struct lt_str lt_xml_clean(struct lt_arena *arena, struct lt_str s);

/* A writer; failures are remembered and told by lt_xml_end(). Nothing else of it is for others than xml_write.c. */
struct lt_xml {
    struct lt_arena *arena; /* of cleaned texts and of the result */
    struct _xmlBuffer *buffer;
    struct _xmlTextWriter *writer;
    bool failed;
};

/* Begins. Each writer must be ended. */
void lt_xml_begin(struct lt_xml *x, struct lt_arena *arena);
void lt_xml_declaration(struct lt_xml *x); /* first, where a file begins with it */
void lt_xml_open(struct lt_xml *x, const char *name);
void lt_xml_attr(struct lt_xml *x, const char *name, struct lt_str value);
void lt_xml_attrz(struct lt_xml *x, const char *name, const char *value);
void lt_xml_text(struct lt_xml *x, struct lt_str text);
void lt_xml_raw(struct lt_xml *x, struct lt_str xml); /* well-formed content already */
void lt_xml_close(struct lt_xml *x);                  /* <a/> when nothing stands inside */
void lt_xml_close_tag(struct lt_xml *x);              /* always </a>, as HTML needs it */
/* One element with text in it; with an attribute when `attr` is not NULL. */
void lt_xml_element(struct lt_xml *x, const char *name, struct lt_str text);
void lt_xml_element_attr(struct lt_xml *x, const char *name, const char *attr, const char *value, struct lt_str text);
/* Releases the writer. The result lies in the arena. Errors: LT_ETOO_LARGE above the maximum, LT_EINTERNAL. */
enum lt_code lt_xml_end(struct lt_xml *x, struct lt_str *ret, struct lt_error *err);
