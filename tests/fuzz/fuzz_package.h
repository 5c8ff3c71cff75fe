/* Packages as fuzzers write them: files one behind the other, each under a line "=== NAME", so that the readers see trees without a packer between. */
#pragma once
#include <stdlib.h>

#include "base/clock.h"
#include "content/formats.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline int by_file_name(const void *a, const void *b)
{
    return lt_str_compare(((const struct lt_archive_file *)a)->name, ((const struct lt_archive_file *)b)->name);
}

static inline void package_check(bool right)
{
    if (!right)
        abort();
}

/* The files in the arena, by name; of one name the first of those that the sort leaves. */
static inline struct lt_archive package_of(struct lt_arena *arena, const uint8_t *data, size_t size)
{
    enum { FILES = 200 };
    static const char mark[] = "\n=== ";
    struct lt_str rest = lt_str_copy(arena, (struct lt_str){(const char *)data, size});
    struct lt_archive archive = {.arena = arena, .files = LT_NEW_ARRAY(arena, struct lt_archive_file, FILES), .room = FILES};
    while (rest.n > 0 && archive.n < FILES) {
        const char *next = memmem(rest.p, rest.n, mark, sizeof(mark) - 1);
        struct lt_str one = {rest.p, next ? (size_t)(next - rest.p) : rest.n}, name;
        rest = next ? (struct lt_str){next + sizeof(mark) - 1, rest.n - one.n - (sizeof(mark) - 1)} : LT_STR("");
        name = lt_str_cut(&one, '\n');
        if (lt_archive_name(arena, name, &name) && name.n > 0)
            archive.files[archive.n++] = (struct lt_archive_file){.name = name, .bytes = {one.p ? one.p : "", one.n}};
    }
    qsort(archive.files, archive.n, sizeof(archive.files[0]), by_file_name);
    return archive;
}

/* Reads it; what comes out is a tree as the store takes it. */
static inline int read_package(const struct lt_course_format *format, const uint8_t *data, size_t size)
{
    struct lt_arena *arena = lt_arena_new();
    struct lt_archive archive = package_of(arena, data, size);
    struct lt_course_tree *tree = LT_NEW(arena, struct lt_course_tree);
    struct lt_error err = {0};
    struct lt_str root = LT_STR("");
    int64_t position = -1;
    lt_course_tree_init(tree, arena, lt_mono_ms() + 120000);
    if (format->is(&archive, &root) && format->read(&archive, root, tree, &err) == LT_OK && lt_course_tree_finish(tree, &err) == LT_OK) {
        for (struct lt_course_node *n = lt_course_next(&tree->root); n; n = lt_course_next(n)) {
            package_check(n->position == ++position && n->parent->position < n->position && n->ending >= n->position && n->parent->ending >= n->ending);
            package_check(n->id.n > 0 && n->id.n <= LT_COURSE_ID_MAX && lt_utf8_valid(n->id.p, n->id.n) && lt_course_by_id(tree, n->id) == n);
            package_check(n->text.n <= LT_COURSE_BLOCK_MAX * 3 && lt_utf8_valid(n->text.p, n->text.n) && lt_utf8_valid(n->answers.p, n->answers.n));
            package_check(n->url.n == 0 || lt_course_is_web(n->url));
        }
        package_check((size_t)position + 1 == tree->n && tree->n > 0);
    } else {
        package_check(err.code != LT_OK || !format->is(&archive, &root));
    }
    for (size_t i = 0; i < tree->warnings_n; i++)
        package_check(tree->warnings[i].reason.n > 0);
    lt_arena_free(arena);
    return 0;
}
