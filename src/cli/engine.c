/* Wiring. */
#include "cli/engine.h"

#include "actions/builtin.h"
#include "base/clock.h"
#include "base/log.h"
#include "cli/data_dir.h"
#include "cli/text_file.h"
#include "content/builtin.h"
#include "content/fulltext.h"
#include "core/master_key.h"
#include "core/placement.h"
#include "core/register_months.h"
#include "core/sealed.h"
#include "guard/guard.h"
#include "io/tls.h"
#include "plugin/builtin.h"
#include "plugin/plugin.h"
#include "providers/builtin.h"
#include "tools/builtin.h"
#include "tools/mcp_hub.h"
#include "workflows/plugins.h"

enum {
    COMMANDS_MAX = 1 << 20, /* bytes of the file */
    SERVER_WAIT_MS = 60000, /* for a database server that starts later than we do */
};

struct lt_plugin_set *lt_engine_plugins(const struct lt_settings *s)
{
    return lt_plugins_scan(&(struct lt_plugins_options){
        .arena = s->arena, .dirs = s->plugin_dirs, .data = s->data, .program = "/proc/self/exe", .in_process = s->plugin_in_process,
        .drain_ms = (uint64_t)s->drain_limit * 1000,
        .add = {[LT_KIND_ORCHESTRATOR] = lt_plugin_add_orchestrator, [LT_KIND_PROCESSOR] = lt_plugin_add_processor}});
}

enum lt_code lt_engine_register(const struct lt_settings *s, struct lt_plugin_set **ret_plugins, struct lt_error *err)
{
    const char *share, *widgets;
    lt_settings_share(s, &share, &widgets);
    if (lt_placements_register(err) || lt_actions_register(err) || lt_providers_register(err) || lt_tools_register(err) ||
        lt_content_register(share, err) || lt_workflows_register(err))
        return err->code;
    *ret_plugins = lt_engine_plugins(s);
    lt_plugins_register(*ret_plugins);
    lt_registry_seal();
    return LT_OK;
}

struct lt_workflow_source *lt_engine_workflows(const struct lt_settings *s)
{
    const char *share, *widgets, *dirs = s->template_dirs;
    lt_settings_share(s, &share, &widgets);
    if (!dirs)
        dirs = share ? lt_printf(s->arena, "%s/templates", share).p : "";
    struct lt_workflow_source *source = lt_workflow_source_new(dirs);
    lt_workflow_source_register(source);
    return source;
}

enum lt_code lt_engine_mcp(const struct lt_settings *s, struct lt_mcp_hub **ret, struct lt_error *err)
{
    struct lt_str text = LT_STR("");
    if (s->mcp_commands && lt_text_file(s->arena, s->mcp_commands, COMMANDS_MAX, &text, err))
        return lt_error_wrap(err, "mcp_commands");
    return lt_mcp_hub_new(text, "/proc/self/exe", ret, err) ? lt_error_wrap(err, "mcp_commands: %s", s->mcp_commands) : LT_OK;
}

static enum lt_code open_store(const struct lt_settings *s, bool read_only, bool patient, uint64_t wait_ms, struct lt_store **ret, struct lt_error *err)
{
    struct lt_store_options options = {.data_dir = s->data, .url = s->database, .direct_url = s->database_direct, .synchronous = s->sqlite_synchronous, .read_only = read_only,
                                       .patient = patient, .master_key_file = s->master_key_file, .wait_ms = wait_ms};
    lt_guard_set(lt_guard_compile_settings); /* before anybody reads a site's settings */
    if (!read_only && lt_data_dir_make(s, err)) /* it holds more than the database, wherever that is */
        return err->code;
    return lt_store_open(&options, ret, err);
}

enum lt_code lt_engine_open_store(const struct lt_settings *s, bool read_only, struct lt_store **ret, struct lt_error *err)
{
    return open_store(s, read_only, true, 0, ret, err);
}

/* What an older program, or a hand, left in clear. The master key must be there before anybody relies on it. */
static enum lt_code seal_secrets(struct lt_store *store, struct lt_error *err)
{
    struct lt_keyring *ring;
    size_t sealed, lost;
    if (lt_secrets_ring(store, true, &ring, err))
        return err->code;
    enum lt_code rc = lt_master_key_check(store, ring, err);
    if (rc == LT_OK)
        rc = lt_secrets_reseal(store, ring, &sealed, &lost, err);
    lt_keyring_free(ring);
    if (rc == LT_OK && (sealed > 0 || lost > 0))
        lt_log(lost > 0 ? LT_LOG_ERROR : LT_LOG_INFO, "secrets.sealed", LT_I("sealed", sealed), LT_I("lost", lost));
    return rc;
}

/* Without them everything works, too: only slower when it is much. */
static void make_months(struct lt_store *store)
{
    struct lt_register_months done;
    struct lt_error err;
    if (lt_register_months(store, lt_now_ms(), lt_now_ms(), &done, &err))
        lt_log_error("register.months", &err);
    else if (done.made > 0)
        lt_log(LT_LOG_INFO, "register.months", LT_I("made", done.made), LT_I("dropped", done.dropped));
}

enum lt_code lt_engine_services(const struct lt_settings *s, struct lt_services **ret, struct lt_error *err)
{
    *ret = lt_services_new();
    if (lt_services_builtin(*ret, err)) {
        lt_services_free(*ret);
        *ret = NULL;
        return err->code;
    }
    lt_services_declare_folder(*ret, lt_printf(s->arena, "%s/components", s->data).p);
    lt_services_bind(*ret);
    return LT_OK;
}

void lt_engine_offer(struct lt_services *services, struct lt_plugin_set *plugins, bool will_start)
{
    lt_plugins_offer(plugins, services, will_start);
    lt_services_bind(services);
}

enum lt_code lt_engine_open(const struct lt_settings *s, enum lt_engine_use use, struct lt_engine *ret, struct lt_error *err)
{
    *ret = (struct lt_engine){0};
    if (open_store(s, false, true, use == LT_ENGINE_DAEMON ? SERVER_WAIT_MS : 0, &ret->store, err))
        return err->code;
    enum lt_code rc = lt_tls_client_new(s->tls_ca, &ret->tls, err);
    if (!rc) {
        ret->manager = lt_manager_new(&(struct lt_manager_options){.store = ret->store, .tls = ret->tls, .recordings_dir = lt_printf(s->arena, "%s/recordings", s->data).p,
            .files_dir = lt_printf(s->arena, "%s/files", s->data).p, .max_running_calls = (int)s->max_running_calls});
        rc = lt_manager_prepare(ret->manager, use == LT_ENGINE_ALONE, err);
    }
    if (!rc)
        rc = lt_fulltext_prepare(ret->store, err);
    if (!rc) {
        make_months(ret->store);
        rc = seal_secrets(ret->store, err);
    }
    if (!rc)
        rc = lt_engine_services(s, &ret->services, err);
    if (rc)
        lt_engine_close(ret);
    return rc;
}

void lt_engine_close(struct lt_engine *e)
{
    lt_services_free(e->services);
    lt_manager_free(e->manager);
    lt_tls_free(e->tls);
    if (e->store)
        lt_store_close(e->store);
    *e = (struct lt_engine){0};
}
