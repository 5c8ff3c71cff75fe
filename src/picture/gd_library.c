#include "picture/gd_library.h"

#include <stddef.h>

#include "base/str.h"

static struct lt_gd gd;

static const struct lt_dso_function functions[] = {
#define LT_ROW(name) {#name, offsetof(struct lt_gd, name)},
    LT_GD_FUNCTIONS(LT_ROW)
#undef LT_ROW
};

static struct lt_dso library = {.file = "libgd.so.3",
                                .without = "pictures cannot be drawn",
                                .functions = functions,
                                .n = LT_COUNT(functions),
                                .table = &gd,
                                .mutex = PTHREAD_MUTEX_INITIALIZER};

enum lt_code lt_gd_load(const struct lt_gd **ret, struct lt_error *err)
{
    *ret = &gd;
    return lt_dso_load(&library, err);
}
