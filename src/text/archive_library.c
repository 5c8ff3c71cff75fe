#include "text/archive_library.h"

#include <stddef.h>

#include "base/str.h"

struct lt_la lt_la;

static const struct lt_dso_function functions[] = {
#define LT_ROW(name) {#name, offsetof(struct lt_la, name)},
    LT_LA_FUNCTIONS(LT_ROW)
#undef LT_ROW
};

static struct lt_dso library = {.file = "libarchive.so.13",
                                .without = "archives can be neither read nor written",
                                .functions = functions,
                                .n = LT_COUNT(functions),
                                .table = &lt_la,
                                .mutex = PTHREAD_MUTEX_INITIALIZER};

enum lt_code lt_la_load(struct lt_error *err)
{
    return lt_dso_load(&library, err);
}
