/*
 * The plugins of a process: found in directories by their manifests, entered into the registry without running any of their code, started at
 * their first call or by lt_plugins_start(), each in a process of its own. A crash, a hang or a refusal to come up puts the file into quarantine.
 *
 * A plugin has builds: each state of its files that was seen. New calls go to the newest one that has come up; those that run, and leases of
 * its services, stay on theirs.
 */
#pragma once
#include "plugin/child.h"
#include "plugin/quarantine.h"
#include "plugin/service.h"

enum { LT_PLUGINS_MAX = 256, LT_PLUGIN_BUILDS_MAX = 4096 /* seen by one process */, LT_PLUGIN_RANK = 50 /* what is built in, 100, wins */ };

struct lt_plugin;
struct lt_plugin_set;

/* Enters one thing of a manifest into the registry; everything in the arena, which is the build's. */
typedef enum lt_code (*lt_plugin_add_fn)(struct lt_arena *arena, struct lt_plugin *plugin, const struct lt_json *entry, struct lt_error *err);

struct lt_plugins_options {
    struct lt_arena *arena;    /* everything lies in it; freed behind lt_plugins_stop() */
    const char *dirs;          /* parted by ':'; NULL or "": no plugins */
    const char *data;          /* the data directory: copies and quarantine are in its plugins/, components in its components/ */
    const char *program;       /* that knows "plugin host" */
    const char *in_process;    /* ids, parted by ':', of those that lt_plugins_start() may open in this process; NULL: none */
    uint64_t drain_ms;         /* what is taken out of use may still be called for so long */
    lt_plugin_add_fn add[LT_KIND_COUNT]; /* for kinds that are known to folders above this one; NULL: those of here */
};
/* Reads the manifests. One that is wrong is logged, and in the list with its error; the others are not touched by it. Blocking. */
struct lt_plugin_set *lt_plugins_scan(const struct lt_plugins_options *options);
/* Enters what they add into the registry; what cannot be entered is logged. Before lt_registry_seal(). */
void lt_plugins_register(struct lt_plugin_set *set);
/*
 * Offers their services and declares what they need and want, once; then lt_services_bind() follows. will_start: lt_plugins_start() will be
 * called, and a service is there when its plugin is up; else they count as up. Start-up.
 */
void lt_plugins_offer(struct lt_plugin_set *set, struct lt_services *services, bool will_start);
/*
 * The daemon's: counts crashes of its last run, starts each plugin whose needs are met, so that faults are known early; they are logged, and who
 * lacks something in one line. Blocking, outside of loops.
 */
void lt_plugins_start(struct lt_plugin_set *set);
/* Ends their processes; none can be called any more. Blocking, when no fiber is left. NULL is allowed. */
void lt_plugins_stop(struct lt_plugin_set *set);

/*
 * Fiber. Calls a function of a plugin, which is started when it is not up. LT_EUPSTREAM_UNAVAILABLE: it crashed, is in quarantine (the detail
 * says until when and why), is switched off, or lacks what it needs; else what the plugin fails with. The detail names the plugin.
 */
enum lt_code lt_plugin_invoke(struct lt_plugin *plugin, const struct lt_plugin_call *call, const struct lt_json **ret, struct lt_error *err);

/* ---- while the process runs ---- */
struct lt_plugins_keeper {
    /* What has come must be made ready before anybody can find it: actions have tables. May be NULL. Blocking. */
    enum lt_code (*prepare)(void *ctx, const struct lt_entry *entry, struct lt_error *err);
    /* The registry has changed: configurations that were made from it are to be read again. May be NULL. Fiber. */
    void (*changed)(void *ctx);
    void *ctx;
};
/*
 * Fiber, until it is cancelled: twice a second ends quarantines, starts what has what it needs, lets go of processes that nobody calls, and
 * reads directories, manifests and components again when somebody wants that.
 */
void lt_plugins_keep(struct lt_plugin_set *set, const struct lt_plugins_keeper *keeper);
/* Any thread of the process that keeps. */
void lt_plugins_want_reload(struct lt_plugin_set *set);
/* Any process: asks those that keep plugins with this data directory to reload. Blocking. */
enum lt_code lt_plugins_ask_reload(const char *data, struct lt_error *err);
/* Switches a plugin on or off, also for processes to come; takes effect at the next reload. Blocking. */
enum lt_code lt_plugins_switch(const char *data, struct lt_str id, bool on, struct lt_error *err);

/* ---- for lists ---- */
size_t lt_plugins_count(const struct lt_plugin_set *set);
struct lt_plugin *lt_plugins_at(const struct lt_plugin_set *set, size_t i);
/* NULL with *ret_error when its manifest is wrong, or its id is another's. */
const struct lt_manifest *lt_plugin_manifest(const struct lt_plugin *plugin, const struct lt_error **ret_error);
const char *lt_plugin_path(const struct lt_plugin *plugin);
bool lt_plugin_is_off(const struct lt_plugin *plugin);
/* What is known of the file's faults. In the arena. Blocking. */
struct lt_quarantine lt_plugin_quarantine(const struct lt_plugin *plugin, struct lt_arena *arena);


enum lt_plugin_state {
    LT_PLUGIN_WRONG,         /* its manifest is, or its id is another's */
    LT_PLUGIN_DISABLED,      /* by the administrator */
    LT_PLUGIN_REMOVED,       /* its manifest is gone since the start */
    LT_PLUGIN_QUARANTINED,   /* left alone after faults */
    LT_PLUGIN_STARTING,
    LT_PLUGIN_UP,
    LT_PLUGIN_DATA,          /* there is no code to run */
    LT_PLUGIN_IDLE,          /* not up: it is started at its first call, or when what it needs is there */
};
/* What people who may not see the machine may see of a plugin; everything in the arena. */
struct lt_plugin_view {
    enum lt_plugin_state state;
    struct lt_str id, version, title, description; /* of a wrong one: the id is the name of its manifest's file */
    bool in_process;         /* its code runs in the daemon */
    struct lt_str reason;    /* of what is wrong or was; paths are cut to the names of their files. "": nothing */
    int64_t faults, until;   /* of the quarantine; until: ms, 0: none */
    int64_t since;           /* ms of the last fault; 0: none is known */
    struct lt_str *provides; /* "tool/dice" */
    size_t provides_n;
};
const char *lt_plugin_state_name(enum lt_plugin_state state);
/* Blocking: it looks for the plugin's quarantine. */
void lt_plugin_look(struct lt_plugin *plugin, struct lt_arena *arena, struct lt_plugin_view *ret);

/* ---- by kind: enters one thing of a manifest; everything in the arena ---- */
enum lt_code lt_plugin_add_tool(struct lt_arena *arena, struct lt_plugin *plugin, const struct lt_json *entry, struct lt_error *err);
enum lt_code lt_plugin_add_action(struct lt_arena *arena, struct lt_plugin *plugin, const struct lt_json *entry, struct lt_error *err);
enum lt_code lt_plugin_add_provider(struct lt_arena *arena, struct lt_plugin *plugin, const struct lt_json *entry, struct lt_error *err);
enum lt_code lt_plugin_add_placement(struct lt_arena *arena, struct lt_plugin *plugin, const struct lt_json *entry, struct lt_error *err);
enum lt_code lt_plugin_add_connector(struct lt_arena *arena, struct lt_plugin *plugin, const struct lt_json *entry, struct lt_error *err);
/* An entry of the plugin for the registry, but for its impl. */
struct lt_entry *lt_plugin_entry(struct lt_arena *arena, const struct lt_plugin *plugin, enum lt_kind kind, const struct lt_json *entry);
