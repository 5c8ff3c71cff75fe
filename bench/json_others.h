/* Other JSON libraries, those that were found when this was built, behind one face: for scale. */
#pragma once
#include "base/str.h"

struct lt_json_other {
    const char *name;                   /* NULL ends the list */
    void *(*parse)(struct lt_str text); /* NULL: refused */
    size_t (*write)(void *tree);        /* compact, into memory of its own; how many bytes */
    void (*free)(void *tree);
};

extern const struct lt_json_other lt_json_others[];
/* The packages of those that are not here, each with a blank behind it. */
extern const char lt_json_missing[];
