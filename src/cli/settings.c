/* One table of settings; every source of values goes through the same check. */
#include "cli/settings.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "cli/text_file.h"
#include "io/fiber.h"
#include "io/outbound.h"
#include "io/url.h"
#include "text/json.h"

#define AT(member) offsetof(struct lt_settings, member)
const struct lt_setting lt_setting_table[] = {
    {"listen", LT_SETTING_TEXT, AT(listen), "HOST:PORT", "address of the API (127.0.0.1:8080; port 0 takes a free one)"},
    {"advertise", LT_SETTING_TEXT, AT(advertise), "URL",
     "at which other processes on a PostgreSQL database reach this one (that of listen, unless it is loopback or any address)"},
    {"data", LT_SETTING_TEXT, AT(data), "DIR", "data directory (./var)"},
    {"database", LT_SETTING_TEXT, AT(database), "URL", "database (SQLite in the data directory)"},
    {"database_direct", LT_SETTING_TEXT, AT(database_direct), "URL", "PostgreSQL without the pooler, to hear of changes at once (database)"},
    {"threads", LT_SETTING_INT, AT(threads), "N", "event loops (one a core)"},
    {"max_connections", LT_SETTING_INT, AT(max_connections), "N", "connections of the process (20,000, or what descriptors allow)"},
    {"max_connections_per_address", LT_SETTING_INT, AT(max_connections_per_address), "N",
     "connections from one client address (1000; 0: no limit)"},
    {"trusted_proxies", LT_SETTING_TEXT, AT(trusted_proxies), "LIST",
     "proxies whose X-Forwarded-For, -Host and -Proto count, with any number of connections (127.0.0.1,::1; none)"},
    {"sign_in_failures", LT_SETTING_INT, AT(sign_in_failures), "N", "attempts to sign in that one client address may fail at once (20; 0: no limit)"},
    {"sign_in_pause", LT_SETTING_INT, AT(sign_in_pause), "SECONDS", "then it may fail once more each so many seconds (3)"},
    {"max_running_calls", LT_SETTING_INT, AT(max_running_calls), "N", "AI calls that run at once (24,000)"},
    {"task_workers", LT_SETTING_INT, AT(task_workers), "N", "background tasks that run at once (16; 0: none)"},
    {"events_pace", LT_SETTING_INT, AT(events_pace), "N", "pauses between attempts to deliver events are so many times shorter, for tests (1)"},
    {"drain_delay", LT_SETTING_INT, AT(drain_delay), "SECONDS", "when stopping: not ready, but still working, so long (0)"},
    {"drain_limit", LT_SETTING_INT, AT(drain_limit), "SECONDS", "when stopping: what running calls then have to end (10)"},
    {"start_wait", LT_SETTING_INT, AT(start_wait), "SECONDS", "when starting: how long to wait for a daemon that still has the data directory (0)"},
    {"outbound_allow", LT_SETTING_TEXT, AT(outbound_allow), "LIST",
     "hosts, addresses and networks that AI services may be at beyond the public Internet"},
    {"log_level", LT_SETTING_TEXT, AT(log_level), "LEVEL", "debug, info, warn or error (info)"},
    {"tls_cert", LT_SETTING_TEXT, AT(tls_cert), "FILE", "certificate chain in PEM: serve HTTPS"},
    {"tls_key", LT_SETTING_TEXT, AT(tls_key), "FILE", "its private key in PEM"},
    {"tls_ca", LT_SETTING_TEXT, AT(tls_ca), "FILE", "authorities to check AI services against (the system's)"},
    {"master_key_file", LT_SETTING_TEXT, AT(master_key_file), "FILE", "keys that seal stored secrets (master.key beside the database)"},
    {"sqlite_synchronous", LT_SETTING_TEXT, AT(sqlite_synchronous), "MODE", "FULL, NORMAL or OFF (FULL; OFF loses records when power fails)"},
    {"share_dir", LT_SETTING_TEXT, AT(share_dir), "DIR", "where demo/ and widgets/ are"},
    {"core_dumps", LT_SETTING_BOOL, AT(core_dumps), NULL, "let a crash leave a core file, which holds secrets in clear"},
    {"template_dirs", LT_SETTING_TEXT, AT(template_dirs), "LIST", "directories of workflow templates, parted by ':' (templates/ in share_dir)"},
    {"plugin_dirs", LT_SETTING_TEXT, AT(plugin_dirs), "LIST", "directories of plugins, parted by ':' (none)"},
    {"plugin_in_process", LT_SETTING_TEXT, AT(plugin_in_process), "LIST",
     "plugins, parted by ':', that are trusted to run in the daemon's process where they ask for it (none)"},
    {"otlp_endpoint", LT_SETTING_TEXT, AT(otlp_endpoint), "URL", "collector of traces, OTLP/HTTP with JSON (none)"},
    {"otlp_headers_file", LT_SETTING_TEXT, AT(otlp_headers_file), "FILE", "header fields for it, name=value a line"},
    {"otlp_sample_ratio", LT_SETTING_TEXT, AT(otlp_sample_ratio), "RATIO", "share of the traces that begin here, 0 to 1 (1)"},
    {"access_log", LT_SETTING_TEXT, AT(access_log), "FILE", "one line for each request; - is standard output (none)"},
    {"access_log_format", LT_SETTING_TEXT, AT(access_log_format), "FORMAT", "json or combined (json)"},
    {"access_log_users", LT_SETTING_BOOL, AT(access_log_users), NULL, "put a keyed hash of the user into the access log"},
    {"metrics_all_sites", LT_SETTING_BOOL, AT(metrics_all_sites), NULL, "/metrics shows the figures of all sites, whichever site's key reads it"},
    {"mcp_commands", LT_SETTING_TEXT, AT(mcp_commands), "FILE", "commands that sites may start as MCP servers (none)"},
    {"demo", LT_SETTING_BOOL, AT(demo), NULL, "make the site 'demo' and serve its course at /demo/ (loopback only)"},
};
const size_t lt_settings_n = LT_COUNT(lt_setting_table);

enum { THREADS_MAX = 256, CONFIG_MAX = 1 << 20, CONNECTIONS_MAX = 1000000, CALLS_MAX = LT_FIBER_MAX, DRAIN_MAX_S = 3600, TASK_WORKERS_MAX = 1024, PACE_MAX = 100000 };
enum { FAILURES_MAX = 100000, PAUSE_MAX_S = 3600 }; /* of attempts to sign in */

/* ---- one value ---- */

static enum lt_code set(struct lt_settings *s, const struct lt_setting *setting, struct lt_str text, const char *source, struct lt_error *err)
{
    void *at = (char *)s + setting->offset;
    int64_t number = 0;
    switch (setting->type) {
    case LT_SETTING_TEXT:
        if (text.n == 0 || memchr(text.p, '\0', text.n))
            return lt_fail(err, LT_ECONFIG, "%s: '%s' must not be empty", source, setting->key);
        *(const char **)at = lt_strz(s->arena, text);
        return LT_OK;
    case LT_SETTING_INT:
        if (!lt_str_to_int64(text, &number))
            return lt_fail(err, LT_ECONFIG, "%s: '%s' must be a whole number, is '%.*s'", source, setting->key, LT_FMT(text));
        *(int64_t *)at = number;
        return LT_OK;
    case LT_SETTING_BOOL:
        if (lt_str_is(text, "true") || lt_str_is(text, "1") || lt_str_is(text, ""))
            *(bool *)at = true;
        else if (lt_str_is(text, "false") || lt_str_is(text, "0"))
            *(bool *)at = false;
        else
            return lt_fail(err, LT_ECONFIG, "%s: '%s' must be true or false, is '%.*s'", source, setting->key, LT_FMT(text));
        return LT_OK;
    }
    return LT_OK;
}

static const struct lt_setting *find(struct lt_str key)
{
    for (size_t i = 0; i < lt_settings_n; i++)
        if (lt_str_is(key, lt_setting_table[i].key))
            return &lt_setting_table[i];
    return NULL;
}

/* ---- the file ---- */

static enum lt_code set_json(struct lt_settings *s, const struct lt_setting *setting, const struct lt_json *v, struct lt_error *err)
{
    static const enum lt_json_type types[] = {LT_JSON_STRING, LT_JSON_NUMBER, LT_JSON_BOOL};
    static const char *const names[] = {"a string", "a whole number", "true or false"};
    if (lt_json_type(v) != types[setting->type])
        return lt_fail(err, LT_ECONFIG, "%s: '%s' must be %s, is %s", s->config, setting->key, names[setting->type], lt_json_type_name(v));
    struct lt_str text = setting->type == LT_SETTING_TEXT  ? lt_json_str(v)
                         : setting->type == LT_SETTING_INT ? lt_json_number_text(v)
                                                           : lt_str(lt_json_bool_or(v, false) ? "true" : "false");
    return set(s, setting, text, s->config, err);
}

static enum lt_code read_config(struct lt_settings *s, struct lt_error *err)
{
    struct lt_str text;
    const struct lt_json *v;
    if (lt_text_file(s->arena, s->config, CONFIG_MAX, &text, err))
        return err->code;
    if (lt_json_parse(s->arena, text, LT_JSON_JSON5, &v, err))
        return lt_error_wrap(err, "%s", s->config);
    if (!lt_json_is(v, LT_JSON_OBJECT))
        return lt_fail(err, LT_ECONFIG, "%s: must hold one object, holds %s", s->config, lt_json_type_name(v));
    for (size_t i = 0; i < lt_json_len(v); i++) {
        const struct lt_setting *setting = find(lt_json_key_at(v, i));
        if (!setting)
            return lt_fail(err, LT_ECONFIG, "%s: there is no setting '%.*s'", s->config, LT_FMT(lt_json_key_at(v, i)));
        if (set_json(s, setting, lt_json_at(v, i), err))
            return err->code;
    }
    return LT_OK;
}

/* ---- what they mean together ---- */

static enum lt_code split_listen(struct lt_settings *s, struct lt_error *err)
{
    struct lt_str text = lt_str(s->listen);
    const char *colon = strrchr(s->listen, ':');
    int64_t port;
    if (!colon || !lt_str_to_int64(lt_str(colon + 1), &port) || port > 65535)
        return lt_fail(err, LT_ECONFIG, "listen: must be HOST:PORT with a port from 0 to 65535, is '%s'", s->listen);
    struct lt_str host = {text.p, (size_t)(colon - text.p)};
    if (host.n > 2 && host.p[0] == '[' && host.p[host.n - 1] == ']')
        host = (struct lt_str){host.p + 1, host.n - 2};
    if (lt_str_is(host, "localhost"))
        host = LT_STR("127.0.0.1");
    unsigned char address[16];
    s->host = lt_strz(s->arena, host);
    s->port = (int)port;
    if (inet_pton(AF_INET, s->host, address) != 1 && inet_pton(AF_INET6, s->host, address) != 1)
        return lt_fail(err, LT_ECONFIG, "listen: the host must be an IP address or 'localhost', is '%s' (IPv6 in brackets)", s->host);
    return LT_OK;
}

bool lt_settings_loopback(const struct lt_settings *s)
{
    return strncmp(s->host, "127.", 4) == 0 || strcmp(s->host, "::1") == 0;
}

static enum lt_code check_advertise(struct lt_settings *s, struct lt_error *err)
{
    struct lt_url url;
    struct lt_str text = lt_str(s->advertise ? s->advertise : "http://localhost");
    if (lt_str_ends(text, LT_STR(":0"))) /* that of the listener */
        text.n -= 2;
    if (lt_url_parse(text, &url, err))
        return lt_error_wrap(err, "advertise");
    if (url.path.n > 0)
        return lt_fail(err, LT_ECONFIG, "advertise: must be http:// or https:// with a host and perhaps a port, and end there, is '%s'", s->advertise);
    return LT_OK;
}

static enum lt_code in_range(const char *key, int64_t value, int64_t max, struct lt_error *err)
{
    if (value >= 0 && value <= max)
        return LT_OK;
    return lt_fail(err, LT_ECONFIG, "%s: must be 0 to %lld, is %lld", key, (long long)max, (long long)value);
}

static enum lt_code check_limits(struct lt_settings *s, struct lt_error *err)
{
    if (in_range("max_connections", s->max_connections, CONNECTIONS_MAX, err) ||
        in_range("max_connections_per_address", s->max_connections_per_address, CONNECTIONS_MAX, err) ||
        in_range("max_running_calls", s->max_running_calls, CALLS_MAX, err) || in_range("task_workers", s->task_workers, TASK_WORKERS_MAX, err) ||
        in_range("events_pace", s->events_pace, PACE_MAX, err) ||
        in_range("sign_in_failures", s->sign_in_failures, FAILURES_MAX, err) ||
        in_range("sign_in_pause", s->sign_in_pause, PAUSE_MAX_S, err) || in_range("drain_delay", s->drain_delay, DRAIN_MAX_S, err) ||
        in_range("drain_limit", s->drain_limit, DRAIN_MAX_S, err) || in_range("start_wait", s->start_wait, DRAIN_MAX_S, err))
        return err->code;
    if (s->sign_in_pause == 0)
        return lt_fail(err, LT_ECONFIG, "sign_in_pause: must be 1 to %d, is 0 (sign_in_failures 0 takes the limit away)", PAUSE_MAX_S);
    s->trusted = LT_NEW_ARRAY(s->arena, struct lt_network, LT_TRUSTED_MAX);
    bool nobody = strcmp(s->trusted_proxies, "none") == 0;
    if (!nobody && lt_networks_parse(lt_str(s->trusted_proxies), s->trusted, LT_TRUSTED_MAX, &s->trusted_n, err))
        return lt_error_wrap(err, "trusted_proxies");
    return LT_OK;
}

static enum lt_code check(struct lt_settings *s, struct lt_error *err)
{
    enum lt_log_level level;
    if (split_listen(s, err))
        return err->code;
    if (s->threads < 0 || s->threads > THREADS_MAX)
        return lt_fail(err, LT_ECONFIG, "threads: must be 0 (one a core) to %d, is %lld", THREADS_MAX, (long long)s->threads);
    if (!lt_log_level_parse(lt_str(s->log_level), &level))
        return lt_fail(err, LT_ECONFIG, "log_level: must be debug, info, warn or error, is '%s'", s->log_level);
    if (strcmp(s->access_log_format, "json") != 0 && strcmp(s->access_log_format, "combined") != 0)
        return lt_fail(err, LT_ECONFIG, "access_log_format: must be json or combined, is '%s'", s->access_log_format);
    if (!s->tls_cert != !s->tls_key)
        return lt_fail(err, LT_ECONFIG, "tls_cert and tls_key: give both or neither");
    if (strcmp(s->sqlite_synchronous, "FULL") != 0 && strcmp(s->sqlite_synchronous, "NORMAL") != 0 && strcmp(s->sqlite_synchronous, "OFF") != 0)
        return lt_fail(err, LT_ECONFIG, "sqlite_synchronous: must be FULL, NORMAL or OFF, is '%s'", s->sqlite_synchronous);
    if (check_advertise(s, err) || check_limits(s, err) || lt_outbound_check_allow(s->outbound_allow, err))
        return err->code;
    if (s->demo && !lt_settings_loopback(s))
        return lt_fail(err, LT_ECONFIG, "demo: its pages carry tokens, so it needs a loopback address; listen is '%s'", s->listen);
    return LT_OK;
}

/* "log_level" → "log-level", or "LECTERN_LOG_LEVEL". share_dir is --share and LECTERN_SHARE. */
static void spell(const char *key, bool environment, char out[64])
{
    const char *word = strcmp(key, "share_dir") == 0 ? "share" : key;
    size_t n = (size_t)snprintf(out, 64, "%s%s", environment ? "LECTERN_" : "", word);
    for (size_t i = environment ? 8 : 0; i < n && i < 63; i++)
        out[i] = environment ? (char)toupper((unsigned char)out[i]) : out[i] == '_' ? '-' : out[i];
}

static enum lt_code overlay(struct lt_settings *s, const char *(*flag)(void *, const char *), void *ctx, bool environment, struct lt_error *err)
{
    for (size_t i = 0; i < lt_settings_n; i++) {
        char name[64], source[80];
        spell(lt_setting_table[i].key, environment, name);
        const char *text = environment ? getenv(name) : flag(ctx, name);
        snprintf(source, sizeof(source), "%s%s", environment ? "" : "--", name);
        if (text && set(s, &lt_setting_table[i], lt_str(text), source, err))
            return err->code;
    }
    return LT_OK;
}

/* systemd's LoadCredential=lectern-master-key:… (systemd.exec(5)). */
static void find_credential(struct lt_settings *s)
{
    const char *dir = getenv("CREDENTIALS_DIRECTORY");
    if (s->master_key_file || !dir)
        return;
    const char *path = lt_printf(s->arena, "%s/lectern-master-key", dir).p;
    if (access(path, F_OK) == 0)
        s->master_key_file = path;
}

enum lt_code lt_settings_load(struct lt_arena *arena, const char *(*flag)(void *ctx, const char *name), void *ctx, struct lt_settings *ret,
                              struct lt_error *err)
{
    *ret = (struct lt_settings){
        .arena = arena, .listen = "127.0.0.1:8080", .data = "./var", .log_level = "info", .access_log_format = "json", .sqlite_synchronous = "FULL",
        .trusted_proxies = "127.0.0.1,::1", .max_connections_per_address = 1000, .drain_limit = 10, .task_workers = 16, .events_pace = 1,
        .sign_in_failures = 20, .sign_in_pause = 3};
    ret->config = flag(ctx, "config");
    if (!ret->config)
        ret->config = getenv("LECTERN_CONFIG");
    if (ret->config && read_config(ret, err))
        return err->code;
    if (overlay(ret, flag, ctx, true, err) || overlay(ret, flag, ctx, false, err))
        return err->code;
    find_credential(ret);
    return check(ret, err);
}

/* ---- the share directory ---- */

static const char *if_directory(struct lt_arena *arena, struct lt_str path)
{
    struct stat st;
    const char *z = lt_strz(arena, path);
    return stat(z, &st) == 0 && S_ISDIR(st.st_mode) ? z : NULL;
}

/* The build writes the source tree's path into a file beside the program; an installed program has none. */
static struct lt_str source_tree(struct lt_arena *arena, const char *program_dir)
{
    struct lt_str text;
    if (lt_text_file(arena, lt_printf(arena, "%s/lectern.source", program_dir).p, PATH_MAX, &text, NULL))
        return LT_STR_NULL;
    return lt_str_trim(text);
}

void lt_settings_share(const struct lt_settings *s, const char **ret_share, const char **ret_widgets)
{
    char program[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", program, sizeof(program) - 1);
    program[n > 0 ? n : 0] = '\0';
    char *slash = strrchr(program, '/');
    if (slash)
        *slash = '\0';
    *ret_share = s->share_dir;
    *ret_widgets = NULL;
    struct lt_str source = source_tree(s->arena, program);
    if (!*ret_share && source.n > 0)
        *ret_share = if_directory(s->arena, lt_printf(s->arena, "%.*s/share", LT_FMT(source)));
    if (!*ret_share)
        *ret_share = if_directory(s->arena, lt_printf(s->arena, "%s/../share/lectern", program));
    if (!*ret_share)
        *ret_share = if_directory(s->arena, LT_STR(LECTERN_SHARE_DIR));
    if (*ret_share && !if_directory(s->arena, lt_printf(s->arena, "%s/widgets", *ret_share)) && source.n > 0)
        *ret_widgets = lt_strz(s->arena, lt_printf(s->arena, "%.*s/web/dist", LT_FMT(source)));
}

const char *lt_settings_docs(const struct lt_settings *s, const char *share)
{
    char program[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", program, sizeof(program) - 1);
    program[n > 0 ? n : 0] = '\0';
    char *slash = strrchr(program, '/');
    if (slash)
        *slash = '\0';
    const char *built = if_directory(s->arena, lt_printf(s->arena, "%s/../../docs/site", program));
    return built || !share ? built : if_directory(s->arena, lt_printf(s->arena, "%s/site", share));
}
