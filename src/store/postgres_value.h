/* Values on their way to PostgreSQL and back: text, but for blobs. Private to store/. */
#pragma once

#include "store/pq_library.h"
#include "store/store.h"

/* What libpq takes of one statement. Grows; the texts that had to be made lie in `arena`. */
struct lt_pg_values {
    struct lt_arena *arena;
    size_t n, cap;
    Oid *types;
    const char **texts;
    int *lengths, *formats;
};

/*
 * Appends one value. A text of PostgreSQL holds no NUL, so one with a NUL is written with a noncharacter in its place (U+FDD0 and a digit), and read back as it
 * was.
 */
void lt_pg_value_add(struct lt_pg_values *values, const struct lt_value *v);
/* A field of a result, in the arena. */
struct lt_value lt_pg_value(struct lt_arena *arena, const PGresult *result, int row, int column);
