/*
 * The command line: one table of commands with their options, from which parsing, checks and --help come.
 * Exit codes: 0 done, 1 refused or failed, 2 wrong usage.
 */
#pragma once
#include "base/buf.h"
#include "cli/settings.h"
#include "core/site.h"
#include "store/store.h"
#include "text/json.h"

enum { LT_EXIT_OK = 0, LT_EXIT_FAILED = 1, LT_EXIT_USAGE = 2, LT_CLI_ARGS_MAX = 64, LT_CLI_OPTIONS_MAX = 48 };

enum lt_cli_store { LT_CLI_NO_STORE, LT_CLI_READ, LT_CLI_WRITE };

struct lt_cli;
struct lt_plugin_set;

struct lt_command {
    const char *group;   /* "site", or the whole name when verb is NULL */
    const char *verb;    /* "add" */
    const char *operands; /* for usage: "SLUG [KEY=VALUE …]" */
    const char *summary;
    const char *options; /* names that it takes beside the common ones, parted by spaces; "*": every setting */
    int min, max;        /* operands */
    enum lt_cli_store store;
    int (*run)(struct lt_cli *cli);
};
extern const struct lt_command lt_commands[];
extern const size_t lt_commands_n;

struct lt_cli {
    struct lt_arena *arena;
    const struct lt_command *command;
    struct lt_settings settings;
    bool json;
    const char *option_names[LT_CLI_OPTIONS_MAX]; /* as given */
    const char *option_texts[LT_CLI_OPTIONS_MAX];
    size_t options_n;
    struct lt_str operands[LT_CLI_ARGS_MAX];
    size_t operands_n;
    struct lt_plugin_set *plugins;
    struct lt_workflow_source *workflows; /* of the configurations that this process loads */
    struct lt_mcp_hub *mcp;   /* the same of their MCP servers */
    struct lt_store *store;   /* by command->store */
    struct lt_config *config; /* read when the store is open */
    struct lt_buf out;        /* JSON that the command prints */
    struct lt_jw w;           /* writes to out */
};

/* Runs a command; serve is the daemon's. Returns the exit code. */
int lt_cli_main(int argc, char **argv, int (*serve)(struct lt_cli *cli));

/* ---- for commands ---- */
/* Text of an option, "" for a flag that was given, NULL when absent. */
const char *lt_cli_option(const struct lt_cli *cli, const char *name);
/* --site, or the only site there is; NULL after saying what is wrong. */
const struct lt_site *lt_cli_site(struct lt_cli *cli);
/* Says what went wrong, on standard error (and as JSON on standard output with --json); returns LT_EXIT_FAILED. */
int lt_cli_fail(struct lt_cli *cli, const struct lt_error *err);
/* "usage: …" with the reason; returns LT_EXIT_USAGE. */
int lt_cli_usage(struct lt_cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Number of an option from min to max, `otherwise` when absent; false after saying what is wrong. */
bool lt_cli_number(struct lt_cli *cli, const char *name, int64_t min, int64_t max, int64_t otherwise, int64_t *ret);
/* "on", "off" or "default" → 1, 0, -1; false after saying what is wrong. */
bool lt_cli_switch(struct lt_cli *cli, struct lt_str word, int *ret);
/* RFC 3339 of an option → ms, 0 when absent; false after saying what is wrong. */
bool lt_cli_time(struct lt_cli *cli, const char *name, int64_t *ret);
/*
 * Prints what was written to cli->w: as it is with --json, else a table of the columns ("name,enabled,…") for an array of objects (the
 * first member of an object, or the whole), or with columns == NULL lines "name: value". Returns LT_EXIT_OK.
 */
int lt_cli_print(struct lt_cli *cli, const char *columns);
/* Text as a terminal may have it: control characters are spaces, so that nothing stored can steer it. In the arena. */
struct lt_str lt_cli_plain(struct lt_cli *cli, struct lt_str text, bool keep_lines);
/* One sentence for people, {"ok":true} (and `key`: value when key is not NULL) for --json. */
int lt_cli_done(struct lt_cli *cli, const char *key, const char *value, const char *format, ...) __attribute__((format(printf, 4, 5)));
/*
 * KEY=VALUE operands from index `first` on as one JSON object; dots in KEY make objects; VALUE is JSON if it reads as such (true, 12,
 * {…}), else text; KEY=@FILE takes the text of a file (@- standard input), for secrets. NULL after saying what is wrong.
 */
const struct lt_json *lt_cli_pairs(struct lt_cli *cli, size_t first);
/* The same, or the JSON text of an option when it was given (then there must be no pairs). */
const struct lt_json *lt_cli_json_or_pairs(struct lt_cli *cli, const char *option, size_t first);
/* `form` with one more member, text, in front; NULL after saying that it has it already, or that both are too much. */
const struct lt_json *lt_cli_with(struct lt_cli *cli, const struct lt_json *form, const char *key, struct lt_str value);
/* For `add NAME KEY=VALUE…`: the same behind the first operand, which is the object's member `key`. NULL after saying what is wrong. */
const struct lt_json *lt_cli_named_form(struct lt_cli *cli, const char *option, const char *key);
/*
 * The input for an action: --input, or standard input when it is '-' or absent and no terminal. Text that is no JSON object becomes the
 * action's first text. LT_EUNKNOWN_ACTION, LT_EINVALID_INPUT, LT_EINVALID_JSON.
 */
enum lt_code lt_cli_input(struct lt_cli *cli, struct lt_str action, const struct lt_json **ret, struct lt_error *err);
/* RFC 3339, "" when 0. */
void lt_cli_put_time(struct lt_jw *w, const char *key, int64_t ms);

/* ---- the commands, by file ---- */
int lt_cmd_ask(struct lt_cli *cli);
int lt_cmd_site_list(struct lt_cli *cli);
int lt_cmd_site_show(struct lt_cli *cli);
int lt_cmd_site_settings(struct lt_cli *cli);
int lt_cmd_site_add(struct lt_cli *cli);
int lt_cmd_site_set(struct lt_cli *cli);
int lt_cmd_site_remove(struct lt_cli *cli);
int lt_cmd_emergency_set(struct lt_cli *cli);
int lt_cmd_emergency_lift(struct lt_cli *cli);
int lt_cmd_emergency_show(struct lt_cli *cli);
int lt_cmd_key_list(struct lt_cli *cli);
int lt_cmd_key_add(struct lt_cli *cli);
int lt_cmd_key_rotate(struct lt_cli *cli);
int lt_cmd_key_revoke(struct lt_cli *cli);
int lt_cmd_issuer_list(struct lt_cli *cli);
int lt_cmd_issuer_set(struct lt_cli *cli);
int lt_cmd_issuer_remove(struct lt_cli *cli);
int lt_cmd_provider_list(struct lt_cli *cli);
int lt_cmd_provider_show(struct lt_cli *cli);
int lt_cmd_provider_add(struct lt_cli *cli);
int lt_cmd_provider_set(struct lt_cli *cli);
int lt_cmd_provider_remove(struct lt_cli *cli);
int lt_cmd_provider_order(struct lt_cli *cli);
int lt_cmd_provider_plugins(struct lt_cli *cli);
int lt_cmd_provider_test(struct lt_cli *cli);
int lt_cmd_provider_models(struct lt_cli *cli);
int lt_cmd_provider_record(struct lt_cli *cli);
int lt_cmd_mcp_list(struct lt_cli *cli);
int lt_cmd_mcp_show(struct lt_cli *cli);
int lt_cmd_mcp_add(struct lt_cli *cli);
int lt_cmd_mcp_set(struct lt_cli *cli);
int lt_cmd_mcp_remove(struct lt_cli *cli);
int lt_cmd_mcp_test(struct lt_cli *cli);
int lt_cmd_mcp_tools(struct lt_cli *cli);
int lt_cmd_mcp_host(struct lt_cli *cli);
int lt_cmd_master_key_show(struct lt_cli *cli);
int lt_cmd_master_key_rotate(struct lt_cli *cli);
int lt_cmd_master_key_forget(struct lt_cli *cli);
int lt_cmd_placement_list(struct lt_cli *cli);
int lt_cmd_placement_set(struct lt_cli *cli);
int lt_cmd_switch_list(struct lt_cli *cli);
int lt_cmd_switch_set(struct lt_cli *cli);
int lt_cmd_event_destination_list(struct lt_cli *cli);
int lt_cmd_event_destination_add(struct lt_cli *cli);
int lt_cmd_event_destination_set(struct lt_cli *cli);
int lt_cmd_event_destination_remove(struct lt_cli *cli);
int lt_cmd_events_list(struct lt_cli *cli);
int lt_cmd_events_test(struct lt_cli *cli);
int lt_cmd_events_dead(struct lt_cli *cli);
int lt_cmd_events_retry(struct lt_cli *cli);
int lt_cmd_events_drop(struct lt_cli *cli);
int lt_cmd_limit_list(struct lt_cli *cli);
int lt_cmd_limit_set(struct lt_cli *cli);
int lt_cmd_limit_notices(struct lt_cli *cli);
int lt_cmd_limit_remove(struct lt_cli *cli);
int lt_cmd_content_source_list(struct lt_cli *cli);
int lt_cmd_content_source_show(struct lt_cli *cli);
int lt_cmd_content_source_add(struct lt_cli *cli);
int lt_cmd_content_source_set(struct lt_cli *cli);
int lt_cmd_content_source_remove(struct lt_cli *cli);
int lt_cmd_content_source_test(struct lt_cli *cli);
int lt_cmd_price_list(struct lt_cli *cli);
int lt_cmd_price_set(struct lt_cli *cli);
int lt_cmd_price_remove(struct lt_cli *cli);
int lt_cmd_service_list(struct lt_cli *cli);
int lt_cmd_service_explain(struct lt_cli *cli);
int lt_cmd_permission_list(struct lt_cli *cli);
int lt_cmd_permission_set(struct lt_cli *cli);
int lt_cmd_permission_reset(struct lt_cli *cli);
int lt_cmd_course_import(struct lt_cli *cli);
int lt_cmd_course_list(struct lt_cli *cli);
int lt_cmd_course_show(struct lt_cli *cli);
int lt_cmd_course_outline(struct lt_cli *cli);
int lt_cmd_course_remove(struct lt_cli *cli);
int lt_cmd_role_list(struct lt_cli *cli);
int lt_cmd_role_add(struct lt_cli *cli);
int lt_cmd_role_remove(struct lt_cli *cli);
int lt_cmd_role_import(struct lt_cli *cli);
int lt_cmd_role_export(struct lt_cli *cli);
int lt_cmd_template_list(struct lt_cli *cli);
int lt_cmd_template_show(struct lt_cli *cli);
int lt_cmd_template_validate(struct lt_cli *cli);
int lt_cmd_profile_list(struct lt_cli *cli);
int lt_cmd_profile_show(struct lt_cli *cli);
int lt_cmd_profile_add(struct lt_cli *cli);
int lt_cmd_profile_set(struct lt_cli *cli);
int lt_cmd_profile_remove(struct lt_cli *cli);
int lt_cmd_profile_validate(struct lt_cli *cli);
int lt_cmd_profile_history(struct lt_cli *cli);
int lt_cmd_profile_diff(struct lt_cli *cli);
int lt_cmd_profile_usage(struct lt_cli *cli);
int lt_cmd_prompt_list(struct lt_cli *cli);
int lt_cmd_prompt_show(struct lt_cli *cli);
int lt_cmd_prompt_add(struct lt_cli *cli);
int lt_cmd_prompt_set(struct lt_cli *cli);
int lt_cmd_prompt_remove(struct lt_cli *cli);
int lt_cmd_prompt_history(struct lt_cli *cli);
int lt_cmd_scope_list(struct lt_cli *cli);
int lt_cmd_scope_show(struct lt_cli *cli);
int lt_cmd_scope_add(struct lt_cli *cli);
int lt_cmd_scope_set(struct lt_cli *cli);
int lt_cmd_scope_remove(struct lt_cli *cli);
int lt_cmd_scope_resolve(struct lt_cli *cli);
int lt_cmd_workflow_import(struct lt_cli *cli);
int lt_cmd_workflow_export(struct lt_cli *cli);
int lt_cmd_session_list(struct lt_cli *cli);
int lt_cmd_session_show(struct lt_cli *cli);
int lt_cmd_session_thread(struct lt_cli *cli);
int lt_cmd_session_export(struct lt_cli *cli);
int lt_cmd_session_clear(struct lt_cli *cli);
int lt_cmd_session_remove(struct lt_cli *cli);
int lt_cmd_course_index(struct lt_cli *cli);
int lt_cmd_course_search(struct lt_cli *cli);
int lt_cmd_grading_list(struct lt_cli *cli);
int lt_cmd_grading_queue(struct lt_cli *cli);
int lt_cmd_grading_show(struct lt_cli *cli);
int lt_cmd_grading_override(struct lt_cli *cli);
int lt_cmd_grading_evaluate(struct lt_cli *cli);
int lt_cmd_grading_import_rubric(struct lt_cli *cli);
int lt_cmd_process_list(struct lt_cli *cli);
int lt_cmd_task_list(struct lt_cli *cli);
int lt_cmd_task_show(struct lt_cli *cli);
int lt_cmd_task_cancel(struct lt_cli *cli);
int lt_cmd_policy_show(struct lt_cli *cli);
int lt_cmd_policy_versions(struct lt_cli *cli);
int lt_cmd_policy_report(struct lt_cli *cli);
int lt_cmd_policy_set(struct lt_cli *cli);
int lt_cmd_policy_status(struct lt_cli *cli);
int lt_cmd_register_list(struct lt_cli *cli);
int lt_cmd_register_show(struct lt_cli *cli);
int lt_cmd_register_export(struct lt_cli *cli);
int lt_cmd_register_verify(struct lt_cli *cli);
int lt_cmd_register_retain(struct lt_cli *cli);
int lt_cmd_report_usage(struct lt_cli *cli);
int lt_cmd_report_cost(struct lt_cli *cli);
int lt_cmd_report_errors(struct lt_cli *cli);
int lt_cmd_report_latency(struct lt_cli *cli);
int lt_cmd_report_feedback(struct lt_cli *cli);
int lt_cmd_report_guards(struct lt_cli *cli);
int lt_cmd_privacy_export(struct lt_cli *cli);
int lt_cmd_privacy_erase(struct lt_cli *cli);
int lt_cmd_privacy_show(struct lt_cli *cli);
int lt_cmd_privacy_metadata(struct lt_cli *cli);
int lt_cmd_plugin_list(struct lt_cli *cli);
int lt_cmd_plugin_check(struct lt_cli *cli);
int lt_cmd_plugin_reload(struct lt_cli *cli);
int lt_cmd_plugin_enable(struct lt_cli *cli);
int lt_cmd_plugin_disable(struct lt_cli *cli);
int lt_cmd_plugin_new(struct lt_cli *cli);
int lt_cmd_plugin_host(struct lt_cli *cli);
int lt_cmd_check_config(struct lt_cli *cli);
int lt_cmd_doctor(struct lt_cli *cli);
int lt_cmd_migrate(struct lt_cli *cli);
int lt_cmd_move(struct lt_cli *cli); /* migrate with --from and --to */
int lt_cmd_version(struct lt_cli *cli);
