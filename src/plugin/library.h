/*
 * A plugin's library in this process: opened, compared with its manifest, activated, called. Never closed. Who runs this is a process of
 * the plugin's own (plugin/host.h), to which the code in the library may do what it likes, or the daemon for code that is trusted (plugin/inside.h).
 */
#pragma once
#include <lectern/plugin.h>

#include "base/log.h"
#include "plugin/manifest.h"

struct lt_library {
    const struct lectern_plugin *plugin;
    void *state;
};

/* What the host functions of a call end in. A request's thread. */
struct lt_library_user {
    /* Asks the host a question of plugin/ask.h: one JSON object on a line, and the line with "code" that answers. NULL: there is nobody. */
    enum lt_code (*ask)(void *ctx, struct lt_arena *arena, struct lt_str question, const struct lt_json **ret);
    void (*log)(void *ctx, enum lt_log_level level, struct lt_str text);
    /* Hands on a piece of the answer. NULL: nobody takes any. */
    int32_t (*piece)(void *ctx, struct lt_str text);
    /* Has whoever waited for the answer left? NULL: no. */
    bool (*left)(void *ctx);
    /* Waits until resume(), which may be called by any thread. Both NULL: the thread itself waits. */
    int32_t (*suspend)(void *ctx);
    void (*resume)(void *ctx);
    void *ctx;
};

struct lt_library_call {
    struct lt_arena *arena;
    enum lt_kind kind;
    struct lt_str name, method;  /* "tool", "dice", "call" */
    struct lt_str request;       /* a JSON object */
    uint64_t deadline_ms;        /* of lt_mono_ms() */
    const struct lt_library_user *user;
};

/*
 * Opens and checks: LT_ECONFIG says which field of the header is wrong with both values (§R21 of the registry cases), or what the manifest
 * has and the library has not, or the other way round.
 */
enum lt_code lt_library_open(const char *path, const struct lt_manifest *manifest, struct lt_library *ret, struct lt_error *err);
enum lt_code lt_library_activate(struct lt_library *library, const struct lt_library_user *user, struct lt_error *err);
void lt_library_deactivate(struct lt_library *library);
/* Calls a function; the answer is one JSON value in call->arena. Any thread. LT_EUNSUPPORTED: the library has no such function. */
enum lt_code lt_library_call(const struct lt_library *library, const struct lt_library_call *call, struct lt_str *ret, struct lt_error *err);
/* The codes of the border. */
enum lt_code lt_plugin_code(int32_t code);
int32_t lt_plugin_code_of(enum lt_code code);
