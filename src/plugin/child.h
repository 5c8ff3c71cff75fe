/*
 * A plugin's process, from the outside: started, called over connections of a call's own, ended. What happens in it cannot hurt more than
 * the calls that it had.
 */
#pragma once
#include "base/log.h"
#include "io/loop.h"
#include "plugin/manifest.h"
#include "plugin/service_call.h"

struct lt_plugin_child; /* counted; for a library that may run in the daemon, what is there instead of a process (plugin/inside.h) */

enum { LT_PLUGIN_START_MS = 10000 /* from exec to the word that it is up */, LT_PLUGIN_FILES_MAX = 1024 };
#define LT_PLUGIN_MEMORY_MAX ((uint64_t)4 << 30)

/*
 * Starts `library` (a path: in a process of this program, "lectern plugin host") or, when manifest->command is set, that command, and waits until it
 * says that it is up. With manifest->in_process the library is then opened in this process, and that one ends: it was the trial. Environment:
 * PATH, LANG, TZ and what sanitizers read, nothing else. Its data are at most LT_PLUGIN_MEMORY_MAX bytes (but for a library in a program with
 * AddressSanitizer or ThreadSanitizer), its open files LT_PLUGIN_FILES_MAX; it leaves no core. Blocking: a worker, or outside of loops. The detail of an
 * error says how it went: a signal, an exit code, its own words, no word in time.
 */
enum lt_code lt_plugin_child_start(const char *program, const struct lt_manifest *manifest, const char *library, struct lt_plugin_child **ret,
                                   struct lt_error *err);
struct lt_plugin_child *lt_plugin_child_ref(struct lt_plugin_child *child);
/* Nobody but the caller has it. */
bool lt_plugin_child_idle(struct lt_plugin_child *child);
/* Its process is there no more. */
bool lt_plugin_child_ended(struct lt_plugin_child *child);
/* The last one ends the process: it has two seconds to go by itself. Blocking. NULL is allowed. */
void lt_plugin_child_unref(struct lt_plugin_child *child);

struct lt_plugin_call {
    struct lt_arena *arena;
    enum lt_kind kind;
    struct lt_str name, method;
    struct lt_str request;   /* a JSON object */
    uint64_t deadline_ms;    /* of lt_mono_ms() */
    const struct lt_caller *caller; /* who is served, for services that the plugin asks for; NULL: there is nobody */
    struct lt_place place;
    int depth;               /* services that wait for the answer */
    /* Runs an action for whom the plugin is called; NULL: there is nobody. *ret in the arena. Fiber. */
    enum lt_code (*process_action)(void *ctx, struct lt_arena *arena, struct lt_str action, const struct lt_json *input, struct lt_str *ret,
                                   struct lt_error *err);
    /* As process_action: runs a step of an orchestrator. */
    enum lt_code (*step)(void *ctx, struct lt_arena *arena, struct lt_str name, const struct lt_json *input, struct lt_str *ret,
                         struct lt_error *err);
    /* Takes a piece of the answer's text; what it fails with ends the call. NULL: none is taken. Fiber. */
    enum lt_code (*on_text)(void *ctx, struct lt_str piece, struct lt_error *err);
    void *ctx;
};

/*
 * Fiber. component: of the plugin, whose services it may ask for; or NULL.
 * *ret is the answer. What the plugin failed with, or LT_ETIMEOUT, LT_ECANCELLED, LT_EOVERLOADED. *ret_died: the process ended in the middle of it
 * (LT_EUPSTREAM_UNAVAILABLE).
 */
enum lt_code lt_plugin_child_call(struct lt_plugin_child *child, struct lt_str id, struct lt_component *component, const struct lt_plugin_call *call,
                                  const struct lt_json **ret, bool *ret_died, struct lt_error *err);
/* How it ended, in words; waits a little for the end. Blocking. */
struct lt_str lt_plugin_child_end(struct lt_plugin_child *child, struct lt_arena *arena);
