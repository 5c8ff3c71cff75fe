/*
 * How a process is set up: defaults, then the configuration file (--config or LECTERN_CONFIG; JSON5), then LECTERN_* variables, then
 * flags; the later wins. What belongs to a site (keys, providers, policy, …) is in the store, not here.
 */
#pragma once
#include "base/arena.h"
#include "base/error.h"
#include "io/address.h"

enum { LT_TRUSTED_MAX = 64 };

struct lt_settings {
    struct lt_arena *arena;         /* of the strings */
    const char *config;             /* the file that was read, or NULL */
    const char *listen;             /* HOST:PORT */
    const char *advertise;          /* URL at which other processes on the database reach this one; a port 0 is the one that is listened on. NULL: made of
                                       listen */
    const char *data;               /* directory */
    const char *database;           /* URL, NULL: SQLite in data */
    const char *database_direct;    /* URL, NULL: database */
    const char *log_level;
    const char *tls_cert, *tls_key; /* both or neither: HTTPS on the listener */
    const char *tls_ca;             /* authorities for upstreams, NULL: the system's */
    const char *master_key_file;    /* NULL: the systemd credential lectern-master-key, else master.key beside the database */
    const char *sqlite_synchronous; /* FULL, NORMAL or OFF */
    const char *share_dir;          /* NULL: found by lt_settings_share() */
    int64_t threads;                /* loops; 0: one a core */
    int64_t max_connections;        /* of the process; 0: 20,000 or what the descriptors allow */
    int64_t max_connections_per_address; /* 0: no limit */
    int64_t max_running_calls;      /* 0: what the number of fibers allows */
    int64_t sign_in_failures;       /* of one client address at once; 0: no limit */
    int64_t sign_in_pause;          /* seconds until it may fail once more */
    int64_t events_pace;            /* pauses of the delivery of events are so many times shorter; for tests */
    int64_t task_workers;           /* tasks that run at once; 0: none is run by this process */
    int64_t drain_delay, drain_limit; /* seconds */
    int64_t start_wait;             /* seconds until another daemon has left the data directory */
    const char *trusted_proxies;    /* addresses and networks, or "none" */
    const char *outbound_allow;     /* see io/outbound.h; or NULL */
    const char *template_dirs;      /* parted by ':'; NULL: templates/ beside demo/ */
    const char *plugin_dirs;        /* parted by ':'; NULL: no plugins */
    const char *plugin_in_process;  /* ids parted by ':', of plugins whose code may run in the daemon; NULL: none */
    const char *otlp_endpoint;      /* NULL: OTEL_EXPORTER_OTLP_ENDPOINT, or no traces */
    const char *otlp_headers_file;  /* NULL: OTEL_EXPORTER_OTLP_HEADERS */
    const char *otlp_sample_ratio;  /* "0.1"; NULL: OTEL_TRACES_SAMPLER and its ARG, or all */
    const char *access_log;         /* a file, or "-"; NULL: none */
    const char *access_log_format;  /* json or combined */
    bool access_log_users;
    bool metrics_all_sites;         /* /metrics shows the figures of all sites to keys of each */
    const char *mcp_commands;       /* file of commands that MCP servers of sites may be; NULL: none */
    bool demo;
    bool core_dumps;                /* may a crash leave a core file? It would hold the secrets in clear */
    /* made of listen */
    const char *host; /* numeric */
    int port;
    /* made of trusted_proxies */
    struct lt_network *trusted;
    size_t trusted_n;
};

enum lt_setting_type { LT_SETTING_TEXT, LT_SETTING_INT, LT_SETTING_BOOL };
struct lt_setting {
    const char *key;   /* in the file; LECTERN_KEY in the environment; --key with hyphens as a flag */
    enum lt_setting_type type;
    size_t offset;     /* of the member */
    const char *placeholder, *help;
};
extern const struct lt_setting lt_setting_table[];
extern const size_t lt_settings_n;

/*
 * flag(ctx, name) gives the text of a command-line flag ("" for one without a value), NULL when it was not given; name is as on the
 * command line, without the hyphens in front. LT_ECONFIG names the source, the key and what is wrong.
 */
enum lt_code lt_settings_load(struct lt_arena *arena, const char *(*flag)(void *ctx, const char *name), void *ctx, struct lt_settings *ret,
                              struct lt_error *err);
bool lt_settings_loopback(const struct lt_settings *settings);
/*
 * Where demo/ and widgets/ are: the setting, else beside an installed program, else in the source tree of a program that runs from its
 * build directory. *ret_share NULL when there is nothing; *ret_widgets NULL: in share/widgets.
 */
void lt_settings_share(const struct lt_settings *settings, const char **ret_share, const char **ret_widgets);
/* Where the pages of the documentation are: of a program in its build directory what was built with it, else below share; NULL: nowhere. */
const char *lt_settings_docs(const struct lt_settings *settings, const char *share);
