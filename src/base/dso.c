/* Dynamic shared objects by dlopen(3). */
#include "base/dso.h"

#include <dlfcn.h>
#include <string.h>

static enum lt_code load(struct lt_dso *d, struct lt_error *err)
{
    void *handle = dlopen(d->file, RTLD_NOW | RTLD_LOCAL);
    if (!handle)
        return lt_fail(err, LT_ECONFIG, "%s: %s", d->without, dlerror());
    for (size_t i = 0; i < d->n; i++) {
        void *function = dlsym(handle, d->functions[i].name);
        if (!function)
            return lt_fail(err, LT_ECONFIG, "%s: %s has no %s", d->without, d->file, d->functions[i].name);
        memcpy((char *)d->table + d->functions[i].offset, &function, sizeof(function));
    }
    d->loaded = true;
    return LT_OK;
}

enum lt_code lt_dso_load(struct lt_dso *d, struct lt_error *err)
{
    pthread_mutex_lock(&d->mutex);
    enum lt_code rc = d->loaded ? LT_OK : load(d, err);
    pthread_mutex_unlock(&d->mutex);
    return rc;
}
