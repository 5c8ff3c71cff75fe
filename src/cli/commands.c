/* The table of commands. */
#include "cli/cli.h"

#define SITE "site"

const struct lt_command lt_commands[] = {
    {"serve", NULL, "", "Run the daemon.", "*", 0, 0, LT_CLI_NO_STORE, NULL},
    {"ask", NULL, "ACTION", "Run one action from the shell.", SITE " input course location placement provider stream accept-policy tls-ca outbound-allow", 1, 1,
     LT_CLI_NO_STORE, lt_cmd_ask},

    {"site", "list", "", "List the sites.", "", 0, 0, LT_CLI_READ, lt_cmd_site_list},
    {"site", "show", "SLUG", "Show a site.", "", 1, 1, LT_CLI_READ, lt_cmd_site_show},
    {"site", "add", "SLUG", "Add a site.", "name", 1, 1, LT_CLI_WRITE, lt_cmd_site_add},
    {"site", "set", "SLUG [KEY=VALUE…]", "Change name, enabled, policy_by_lms, store_content, resume_grace_ms, call_timeout_ms, …", "json-patch", 1,
     LT_CLI_ARGS_MAX, LT_CLI_WRITE, lt_cmd_site_set},
    {"site", "remove", "SLUG", "Remove a site that has no calls.", "", 1, 1, LT_CLI_WRITE, lt_cmd_site_remove},

    {"key", "list", "", "List the keys of a site (never the keys themselves).", SITE, 0, 0, LT_CLI_READ, lt_cmd_key_list},
    {"key", "add", "", "Make a key; it is shown once.", SITE " role name choose-provider days", 0, 0, LT_CLI_WRITE, lt_cmd_key_add},
    {"key", "revoke", "PREFIX", "Revoke the key that begins so.", SITE, 1, 1, LT_CLI_WRITE, lt_cmd_key_revoke},

    {"master-key", "show", "", "Show which master keys there are and what they seal (never the keys).", "", 0, 0, LT_CLI_READ,
     lt_cmd_master_key_show},
    {"master-key", "rotate", "", "Make a new master key and seal every stored secret with it.", "reseal", 0, 0, LT_CLI_WRITE,
     lt_cmd_master_key_rotate},
    {"master-key", "forget", "", "Drop the earlier master keys.", "", 0, 0, LT_CLI_WRITE, lt_cmd_master_key_forget},

    {"issuer", "list", "", "List who may make users' tokens.", SITE, 0, 0, LT_CLI_READ, lt_cmd_issuer_list},
    {"issuer", "set", "ISS AUD", "Take HS256 tokens of this issuer and audience.", SITE " secret-file", 2, 2, LT_CLI_WRITE, lt_cmd_issuer_set},
    {"issuer", "remove", "ISS AUD", "Take its tokens no more.", SITE, 2, 2, LT_CLI_WRITE, lt_cmd_issuer_remove},

    {"provider", "list", "", "List the provider instances, in the order in which they are tried.", SITE " action", 0, 0, LT_CLI_READ, lt_cmd_provider_list},
    {"provider", "show", "NAME", "Show one.", SITE, 1, 1, LT_CLI_READ, lt_cmd_provider_show},
    {"provider", "add", "NAME [KEY=VALUE…]", "Add one, with settings of the plugin (api_key=@FILE reads a file).",
     SITE " plugin config disabled", 1, LT_CLI_ARGS_MAX, LT_CLI_WRITE, lt_cmd_provider_add},
    {"provider", "set", "NAME [KEY=VALUE…]", "Change name=, enabled=, config.KEY=, actions.ACTION.enabled=, actions.ACTION.settings.KEY=.",
     SITE " json-patch", 1, LT_CLI_ARGS_MAX, LT_CLI_WRITE, lt_cmd_provider_set},
    {"provider", "remove", "NAME", "Remove one.", SITE, 1, 1, LT_CLI_WRITE, lt_cmd_provider_remove},
    {"provider", "order", "NAME…", "Try these first, in this order.", SITE, 1, LT_CLI_ARGS_MAX, LT_CLI_WRITE, lt_cmd_provider_order},
    {"provider", "test", "NAME", "Ask it something small, live, whether or not it is enabled.", SITE " tls-ca", 1, 1, LT_CLI_NO_STORE, lt_cmd_provider_test},
    {"provider", "models", "NAME", "List the models that the vendor has now.", SITE " tls-ca", 1, 1, LT_CLI_NO_STORE, lt_cmd_provider_models},
    {"provider", "record", "NAME ACTION", "Ask it and keep the answer as DATA/recordings/--name.json, for the provider 'replay'.", SITE " name input tls-ca", 2, 2,
     LT_CLI_NO_STORE, lt_cmd_provider_record},
    {"provider", "plugins", "", "List the kinds of providers.", "", 0, 0, LT_CLI_NO_STORE, lt_cmd_provider_plugins},

    {"placement", "list", "", "List the placements and what is on in them.", SITE, 0, 0, LT_CLI_READ, lt_cmd_placement_list},
    {"placement", "set", "PLACEMENT[/ACTION] on|off|default", "Switch a placement or one action in it.", SITE, 2, 2, LT_CLI_WRITE, lt_cmd_placement_set},
    {"switch", "list", "", "List the switches of courses and locations.", SITE, 0, 0, LT_CLI_READ, lt_cmd_switch_list},
    {"switch", "set", "COURSE on|off|default", "Switch AI in a course, or at a location in it.", SITE " location action", 2, 2, LT_CLI_WRITE,
     lt_cmd_switch_set},
    {"permission", "list", "", "List the rows that differ from the defaults.", SITE, 0, 0, LT_CLI_READ, lt_cmd_permission_list},
    {"permission", "set", "ROLE PERMISSION on|off|default", "Give or take a permission (action:NAME, action:NAME@PLACEMENT, view_register, …).", SITE,
     3, 3, LT_CLI_WRITE, lt_cmd_permission_set},

    {"policy", "show", "", "Show the policy of a site.", SITE, 0, 0, LT_CLI_READ, lt_cmd_policy_show},
    {"policy", "set", "VERSION", "Set it; everybody is asked again when the version changes.", SITE " file", 1, 1, LT_CLI_WRITE, lt_cmd_policy_set},
    {"policy", "status", "USER", "Has the user accepted it?", SITE, 1, 1, LT_CLI_READ, lt_cmd_policy_status},

    {"register", "list", "", "List calls, newest first.", SITE " user action state course before limit", 0, 0, LT_CLI_READ, lt_cmd_register_list},
    {"register", "show", "ID", "Show a call with its attempts and content.", SITE, 1, 1, LT_CLI_READ, lt_cmd_register_show},

    {"check-config", NULL, "", "Check the configuration without starting.", "*", 0, 0, LT_CLI_NO_STORE, lt_cmd_check_config},
    {"migrate", NULL, "", "Bring the database to this program's version.", "", 0, 0, LT_CLI_NO_STORE, lt_cmd_migrate},
    {"version", NULL, "", "Print the version.", "", 0, 0, LT_CLI_NO_STORE, lt_cmd_version},
};
const size_t lt_commands_n = LT_COUNT(lt_commands);
