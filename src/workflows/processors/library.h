/* Questions as a collection of a content library. Any thread; results lie in the arena. */
#pragma once
#include "workflows/formats/formats.h"

struct lt_library_collection {
    struct lt_str name;
    struct lt_str library_id;          /* "lib:ORG:NAME"; "" = none in particular */
    const struct lt_question *questions;
    size_t questions_n;
};

/*
 * The files of an OLX library that holds them, each under a name made from what it says: library/library.xml, library/problem/….xml,
 * library/policies/assets.json. Packed as .tar.gz they are what Studio imports as a library. Errors: those of lt_question_olx(), with the
 * question's index as pointer.
 */
enum lt_code lt_library_files(struct lt_arena *arena, const struct lt_library_collection *collection, struct lt_format_file **ret, size_t *ret_n,
                              struct lt_error *err);
