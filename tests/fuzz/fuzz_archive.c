/* Packages before their content is looked at: any bytes. What is given has plain names, each once, and is within the bounds. */
#include <stdlib.h>

#include "base/clock.h"
#include "content/archive.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool right)
{
    if (!right)
        abort();
}

static bool every(void *arg, struct lt_str name)
{
    (void)arg, (void)name;
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct lt_arena *arena = lt_arena_new();
    struct lt_archive_source source = {.bytes = {(const char *)data, size}};
    struct lt_archive archive;
    struct lt_error err = {0};
    struct lt_str again;
    if (lt_archive_read(arena, &source, every, NULL, lt_mono_ms() + 60000, &archive, &err)) {
        check(err.code != LT_OK && err.detail[0] != 0 && lt_utf8_valid(err.detail, strlen(err.detail)));
    } else {
        check(archive.n > 0 && archive.n <= LT_ARCHIVE_FILES_MAX && archive.kept <= LT_ARCHIVE_KEPT_MAX);
        for (size_t i = 0; i < archive.n; i++) {
            const struct lt_archive_file *file = &archive.files[i];
            check(file->bytes.p && file->bytes.n <= LT_ARCHIVE_FILE_MAX && lt_utf8_valid(file->name.p, file->name.n));
            check(lt_archive_name(arena, file->name, &again) && lt_str_eq(again, file->name) && lt_archive_find(&archive, file->name) == file);
        }
    }
    lt_arena_free(arena);
    return 0;
}
