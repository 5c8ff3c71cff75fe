/* Shared by plugin.c, start.c, offers.c and reload.c only: what a plugin is made of. */
#pragma once
#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>

#include "plugin/plugin.h"

/* What a file was when it was looked at: another time, size or inode may be another build. */
struct plugin_mark {
    dev_t dev;
    ino_t ino;
    off_t size;
    int64_t changed_ns;
};

/* One state of a plugin's files: what its manifest said, and the process that runs it. Stays until the set is stopped. */
struct plugin_build {
    struct plugin_build *next;       /* of the set, the newest first */
    struct lt_plugin *plugin;
    struct lt_arena *arena;          /* the manifest; what the registry has of it */
    struct lt_manifest manifest;
    struct plugin_mark manifest_mark, file_mark;
    char hash[65];                   /* of the file that was started last; "" before */
    const char *copy;                /* of the library, under DATA/plugins; NULL before it was made */
    atomic_int offers;               /* of services that lead here */
    /* ---- under plugin->lock ---- */
    struct lt_plugin_child *child;   /* NULL: not up */
    bool starting;
    bool replaced;                   /* by a newer build: not started any more */
    int late;                        /* calls in a row that had no answer at their deadline */
    int64_t until;                   /* not started before; wall clock */
    char why[200];
};

enum plugin_use { PLUGIN_ON, PLUGIN_OFF /* by the administrator */, PLUGIN_REMOVED /* its manifest is gone */ };

struct lt_plugin {
    struct lt_plugin_set *set;
    const char *path;                /* of the manifest */
    struct lt_str id;
    const char *id_z;                /* the same with a NUL */
    struct lt_error err;             /* code LT_OK: it can be used */
    struct lt_component *_Atomic component; /* what it needs and wants of others, or NULL */
    bool tried;                      /* it was started, or somebody has said why not; by the keeper alone */
    const struct lt_entry **entries; /* what was taken out of the registry when it was switched off */
    size_t entries_n;
    _Atomic uint64_t off_at_ms;      /* when it was switched off or removed: its process goes drain_ms later, when no call is left */
    struct plugin_build *_Atomic build; /* the present one, changed under the lock; NULL with err */
    _Atomic(enum plugin_use) use;
    bool stopped;
    pthread_mutex_t lock;            /* of what builds say is under it */
};

struct lt_plugin_set {
    struct lt_plugins_options options;
    const char *dir;                 /* DATA/plugins */
    struct lt_plugin *plugins[LT_PLUGINS_MAX]; /* never taken out */
    atomic_size_t n;
    struct plugin_build *_Atomic builds; /* only ever grows */
    size_t builds_n;
    struct lt_services *services;    /* NULL: this process has none */
    bool daemon;                     /* libraries may be opened in this process */
    bool running;                    /* lt_plugins_start() was called: services of plugins are there when their plugins are up */
    atomic_bool wanted;              /* somebody asks for a reload */
};

/* ---- plugin.c ---- */
/* Reads a manifest into a new build, which is not the plugin's yet. NULL with err; LT_ENOT_FOUND: some other JSON file. Blocking. */
struct plugin_build *lt_plugin_build_read(struct lt_plugin_set *set, const char *path, struct lt_error *err);
void lt_plugin_build_drop(struct plugin_build *build); /* one that came to nothing */
/* The paths of all JSON files in the set's directories, in order; at most LT_PLUGINS_MAX. Blocking. */
size_t lt_plugins_find(struct lt_plugin_set *set, struct lt_arena *arena, const char **paths);
/* A plugin for the list, with this build. NULL: the list is full. */
struct lt_plugin *lt_plugin_new(struct lt_plugin_set *set, const char *path, struct plugin_build *build);
/* Enters what the manifest of the build adds, but for services; what cannot be entered is logged. */
void lt_plugin_enter(struct plugin_build *build);
/* LT_EUPSTREAM_UNAVAILABLE: it is switched off, was removed, or lacks what it needs. */
enum lt_code lt_plugin_usable(struct lt_plugin *plugin, struct lt_error *err);
/* As lt_plugin_invoke(); build NULL: the present one. */
enum lt_code lt_plugin_invoke_build(struct lt_plugin *plugin, struct plugin_build *build, const struct lt_plugin_call *call,
                                    const struct lt_json **ret, struct lt_error *err);
bool lt_plugin_mark(const char *path, struct plugin_mark *ret);

/* ---- start.c; blocking ---- */
/* Brings it up, unless it is in quarantine. A failure is a fault. */
void lt_plugin_build_start(void *build);
/* One fault more. */
void lt_plugin_build_fault(struct plugin_build *build, const char *why);
/* Lets go of processes that nobody calls any more. */
void lt_plugins_reap(struct lt_plugin_set *set);

/* Starts what is to be up and is not; notices who has ended by itself. */
void lt_plugins_revive(struct lt_plugin_set *set);

/* ---- reload.c ---- */
/* Directories, manifests, switches and components again. The registry has changed: true. Blocking. */
bool lt_plugins_reload(struct lt_plugin_set *set, const struct lt_plugins_keeper *keeper);

/* ---- offers.c ---- */
/* The services of its manifest lead to it from now on; those that the build before had, and it has not, are drained. NULL: there was none. */
void lt_plugin_offer(struct plugin_build *build, const struct plugin_build *before);
/* Takes its services out of use until `use` is on again. */
void lt_plugin_drain(struct lt_plugin *plugin);
/* Its component, for lt_services_bind(). */
void lt_plugin_declare(struct lt_plugin *plugin);
/* Tells the services how the build is: up, starting, or left alone until. */
void lt_plugin_report(struct plugin_build *build);
