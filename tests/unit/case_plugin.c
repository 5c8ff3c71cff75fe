/* The plugin of the conformance cases that need a process: right, or wrong in what a -D says. */
#include <lectern/plugin.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef MAGIC
#define MAGIC LECTERN_PLUGIN_MAGIC
#endif
#ifndef SIZE
#define SIZE sizeof(struct lectern_plugin)
#endif
#ifndef MAJOR
#define MAJOR LECTERN_ABI_MAJOR
#endif

static const struct lectern_host *host;

static int32_t call(void *state, struct lectern_call *c, struct lectern_str request)
{
    struct lectern_str method;
    host->json_get(c, request.p, request.n, "/method", &method);
    if (method.n == 5 && memcmp(method.p, "crash", 5) == 0)
        abort();
    while (method.n == 4 && memcmp(method.p, "hang", 4) == 0)
        pause();
    return host->answer(c, request.p, request.n);
}

static int32_t activate(const struct lectern_host *lectern, struct lectern_call *c, void **ret_state)
{
    host = lectern;
    return LECTERN_OK;
}

static const struct lectern_service service = {sizeof(service), 0, call};
static const struct lectern_entry entry = {sizeof(entry), 0, "service", "s-" ID, &service};
static const struct lectern_entry *const entries[] = {&entry};
LECTERN_EXPORT const struct lectern_plugin lectern_plugin_v1 = {MAGIC, SIZE, MAJOR, 0, 1, ID, "1.0.0", entries, activate, NULL};
