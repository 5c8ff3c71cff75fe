/*
 * MCP servers as sites have set them up, as a part of the snapshot; and the commands that the operator allows to be started. What a site may set is an
 * address, or the name of such a command: never what is run.
 */
#pragma once
#include "core/site.h"
#include "io/http1.h"
#include "tools/mcp_message.h"

enum {
    LT_MCP_SERVERS_MAX = 64,                 /* of a site */
    LT_MCP_COMMANDS_MAX = 64,
    LT_MCP_WORDS_MAX = 64,                   /* of a command */
    LT_MCP_HEADERS_MAX = 16,
    LT_MCP_CONFIGS_MAX = 16,                 /* servers that one step names */
};

struct lt_mcp_hub; /* tools/mcp_hub.h */

/* ---- what the operator allows ---- */

struct lt_mcp_command {
    struct lt_str name;
    struct lt_str *words;                    /* the program, its arguments */
    size_t words_n;
    struct lt_str *env;                      /* "NAME=VALUE": all that it gets */
    struct lt_str *secrets;                  /* values of `env`, which no log shows */
    size_t env_n;
    struct lt_str directory;                 /* it runs in; "": / */
    const struct lt_json *sites;             /* slugs of the sites that may use it; NULL: all */
};
struct lt_mcp_commands {
    struct lt_mcp_command list[LT_MCP_COMMANDS_MAX];
    size_t n;
};
/*
 * {"name": {"command": ["program", "argument"…], "env": {"NAME": "value"}, "pass_env": ["NAME"], "directory": "/path", "sites": ["slug"]}}; JSON5.
 * pass_env: variables of this process that it gets too. LT_ECONFIG names what is wrong, never a value of env. Start-up. In the arena.
 */
enum lt_code lt_mcp_commands_read(struct lt_arena *arena, struct lt_str text, struct lt_mcp_commands *ret, struct lt_error *err);
const struct lt_mcp_command *lt_mcp_command_for(const struct lt_mcp_commands *commands, struct lt_str name, struct lt_str site_slug);

/* ---- what a site has set up ---- */

enum lt_mcp_transport { LT_MCP_HTTP, LT_MCP_STDIO };

struct lt_mcp_server {
    int64_t id, site_id;
    struct lt_str label;
    bool enabled;
    const struct lt_json *config;            /* with its secrets in clear; for lists without them: lt_mcp_server_write() */
    uint64_t mark;                           /* of what is stored: another one is another server */
    enum lt_mcp_transport transport;
    struct lt_str url;                       /* HTTP */
    struct lt_http_field *headers;
    size_t headers_n;
    const struct lt_mcp_command *command;    /* stdio */
    const struct lt_json *tools;             /* own names of those that may be offered; NULL: all */
    bool resources;                          /* its resources are offered too */
    bool asks;                               /* unless said otherwise of a tool, a call waits for the user's word */
    const struct lt_json *tool_approval;     /* own name → "always", "never"; NULL: none */
    uint32_t connect_ms, call_ms, idle_ms;
    size_t max_bytes;                        /* of a message of the server's */
    const char *why;                         /* it cannot be used; NULL: it can */
};

struct lt_mcp_set {                          /* the snapshot's part; immutable */
    struct lt_arena *arena;
    struct lt_mcp_hub *hub;
    struct lt_mcp_server *servers;           /* by site and label */
    size_t n;
};

/* The snapshot's; NULL when this process has none. Borrowed. */
static inline const struct lt_mcp_set *lt_mcp_set_of(const struct lt_config *config)
{
    return config ? config->parts[LT_CONFIG_MCP] : NULL;
}
/* By label, or by id when `key` is a number. NULL: there is none. */
const struct lt_mcp_server *lt_mcp_server_find(const struct lt_mcp_set *set, int64_t site_id, struct lt_str key);
/* The same by id. */
const struct lt_mcp_server *lt_mcp_server_by_id(const struct lt_mcp_set *set, int64_t site_id, int64_t id);
/* May the site reach this address? Its setting mcp_hosts names hosts and host:port. LT_EOUTBOUND_REFUSED. */
enum lt_code lt_mcp_host_allowed(const struct lt_site *site, struct lt_str url, struct lt_error *err);
/* May the tool be offered, and does a call of it wait? By its own name. */
bool lt_mcp_tool_allowed(const struct lt_mcp_server *server, struct lt_str own_name);
bool lt_mcp_tool_asks(const struct lt_mcp_server *server, struct lt_str own_name);

/* JSON Schema of what is stored; secrets are writeOnly. */
extern const char lt_mcp_config_schema[];
struct lt_sealed_table; /* core/sealed.h */
extern const struct lt_sealed_table lt_mcp_sealed_table;
/* Members of an open object: id, label, enabled, usable, reason, and the config without secrets: of a header only that it is set. */
void lt_mcp_server_write(struct lt_jw *w, const struct lt_mcp_server *server);

/* ---- changing them; fiber, or outside loops ---- */
/* body: label, enabled and the config's members. LT_ECONFLICT: the site has that label. *ret_id may be NULL. */
enum lt_code lt_mcp_add(struct lt_store *store, const struct lt_config *config, const struct lt_site *site, const struct lt_json *body, int64_t *ret_id,
                        struct lt_error *err);
/* patch: RFC 7386; null takes a member out; headers that are not named stay. */
enum lt_code lt_mcp_set_server(struct lt_store *store, const struct lt_config *config, const struct lt_site *site, const struct lt_mcp_server *server,
                               const struct lt_json *patch, struct lt_error *err);
enum lt_code lt_mcp_remove(struct lt_store *store, const struct lt_mcp_server *server, struct lt_error *err);

/* Reads the part; registered by lt_mcp_hub_new(). */
enum lt_code lt_mcp_set_load(struct lt_mcp_hub *hub, struct lt_store *store, void **ret, struct lt_error *err);
void lt_mcp_set_free(void *set);
