/*
 * XML of a package as a small tree: elements by their local names, attributes, text. libxml2 reads it as events; nothing is fetched, no document type is
 * loaded, no entity but XML's five is expanded, and a file that declares any is refused. What cannot be read is refused as a whole.
 */
#pragma once
#include "base/arena.h"
#include "base/error.h"

enum {
    LT_XML_BYTES_MAX = 16 << 20,
    LT_XML_DEPTH_MAX = 200,      /* elements open at once */
    LT_XML_NODES_MAX = 500000,   /* elements and texts of one file */
    LT_XML_VALUE_MAX = 1 << 20,  /* bytes of an attribute's value */
    LT_XML_ATTRIBUTES_MAX = 500, /* of one element */
};

struct lt_xml_attribute {
    struct lt_str name, value;
};
struct lt_xml_node {
    struct lt_str name;                    /* p NULL: a text */
    struct lt_str text;                    /* of a text; such of nothing but white space with a line end in it are left out */
    struct lt_xml_attribute *attributes;
    size_t attributes_n;
    struct lt_xml_node *first, *last, *next, *parent;
};

/*
 * Reads bytes in whatever encoding (encoding.h) into the arena. LT_EINVALID_INPUT: not well-formed, or not in the encoding that it says;
 * LT_ETOO_LARGE: above a bound; LT_EPERMISSION: it declares entities. Any thread; blocking for large ones.
 */
enum lt_code lt_xml_read(struct lt_arena *arena, struct lt_str bytes, struct lt_xml_node **ret, struct lt_error *err);

/* All take NULL. Names are compared with case. */
bool lt_xml_is(const struct lt_xml_node *node, const char *name);
const struct lt_xml_node *lt_xml_child(const struct lt_xml_node *node, const char *name); /* the first of that name */
const struct lt_xml_node *lt_xml_next(const struct lt_xml_node *node, const char *name);  /* the next sibling of that name */
const struct lt_xml_node *lt_xml_find(const struct lt_xml_node *node, const char *path);  /* "a/b/c": a child of a child */
struct lt_str lt_xml_value(const struct lt_xml_node *node, const char *attribute);        /* p NULL: there is none */
/* All text in it, in its order, trimmed. */
struct lt_str lt_xml_string(struct lt_arena *arena, const struct lt_xml_node *node);
struct lt_str lt_xml_string_of(struct lt_arena *arena, const struct lt_xml_node *node, const char *path);
/*
 * What stands in the element written as HTML, without elements that skip(name) names (NULL: none); at most max bytes: false when it is more. For
 * html_text.h.
 */
bool lt_xml_html(struct lt_arena *arena, const struct lt_xml_node *node, bool (*skip)(struct lt_str name), size_t max, struct lt_str *ret);
