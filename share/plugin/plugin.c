/* @ID@: a plugin for Lectern. What it adds stands in @ID@.json; what each function is asked and answers, in lectern/plugin.h. */
#include <lectern/plugin.h>
#include <stdio.h>
#include <string.h>

static const struct lectern_host *host;

/* {"arguments": {"name": "Ada"}, …} → "Hello, Ada!" */
static int32_t greet(void *state, struct lectern_call *call, struct lectern_str request)
{
    struct lectern_str name, quoted;
    char text[300];
    (void)state;
    if (host->json_get(call, request.p, request.n, "/arguments/name", &name) != LECTERN_JSON_STRING)
        return host->fail(call, LECTERN_EINVALID, "/name", "must be a string");
    snprintf(text, sizeof(text), "Hello, %.*s!", (int)name.n, name.p);
    quoted = host->json_quote(call, text, strlen(text));
    return host->answer(call, quoted.p, quoted.n);
}

static int32_t activate(const struct lectern_host *lectern, struct lectern_call *call, void **ret_state)
{
    (void)call;
    host = lectern;
    *ret_state = NULL;
    return LECTERN_OK;
}

static const struct lectern_tool tool = {sizeof(tool), 0, greet};
static const struct lectern_entry entry = {sizeof(entry), 0, "tool", "@NAME@_greet", &tool};
static const struct lectern_entry *const entries[] = {&entry};

LECTERN_EXPORT const struct lectern_plugin lectern_plugin_v1 = {
    LECTERN_PLUGIN_MAGIC, sizeof(struct lectern_plugin), LECTERN_ABI_MAJOR, LECTERN_ABI_MINOR, 1, "@ID@", "0.1.0", entries, activate, NULL};
