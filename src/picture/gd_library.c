#include "picture/gd_library.h"

#include <dlfcn.h>
#include <stddef.h>
#include <string.h>

static const char file[] = "libgd.so.3";

static const struct {
    const char *name;
    size_t offset;
} functions[] = {
#define LT_GD_ROW(name) {#name, offsetof(struct lt_gd, name)},
    LT_GD_FUNCTIONS(LT_GD_ROW)
#undef LT_GD_ROW
};

enum lt_code lt_gd_load(const struct lt_gd **ret, struct lt_error *err)
{
    static struct lt_gd gd;
    static bool loaded;
    *ret = &gd;
    if (loaded)
        return LT_OK;
    void *library = dlopen(file, RTLD_NOW | RTLD_LOCAL);
    if (!library)
        return lt_fail(err, LT_ECONFIG, "pictures cannot be drawn: %s", dlerror());
    for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
        void *function = dlsym(library, functions[i].name);
        if (!function)
            return lt_fail(err, LT_ECONFIG, "pictures cannot be drawn: %s has no %s", file, functions[i].name);
        memcpy((char *)&gd + functions[i].offset, &function, sizeof(function));
    }
    loaded = true;
    return LT_OK;
}
