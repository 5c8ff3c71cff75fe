/* From argv to a command: options, help, opening what the command needs. */
#include <stdio.h>
#include <unistd.h>

#include "base/log.h"
#include "cli/cli.h"
#include "cli/engine.h"
#include "io/outbound.h"
#include "plugin/plugin.h"
#include "tools/mcp_hub.h"
#include "workflows/workflow_set.h"

struct option {
    const char *name, *placeholder, *help; /* placeholder NULL: a flag */
};

/* Settings are options too; these are the others. */
static const struct option options[] = {
    {"config", "FILE", "configuration file (of 'provider add': the plugin's settings as JSON)"},
    {"json", NULL, "print one JSON value"},
    {"help", NULL, "print this"},
    {"site", "SLUG", "the site (not needed when there is only one)"},
    {"name", "TEXT", "a name for people"},
    {"choose-provider", NULL, "the key may choose the provider of a call"},
    {"days", "N", "the key ends after so many days"},
    {"language", "TAG", "language of a text, such as en or de-AT"},
    {"policy-version", "TEXT", "version of the policy"},
    {"reason", "TEXT", "why, in words for everybody who is kept from going on"},
    {"overlap", "TIME", "how long the old key goes on, such as 30m or 7d; 0: not at all (24h)"},
    {"secret-file", "FILE", "file with the shared secret, '-' for standard input"},
    {"alg", "NAME", "how tokens are signed: HS256, RS256, RS512 or ES256 (HS256)"},
    {"jwks-file", "FILE", "file with the issuer's public keys (a JSON Web Key Set), '-' for standard input"},
    {"public-key-file", "FILE", "file with the issuer's public key in PEM, '-' for standard input"},
    {"jwks-url", "URL", "where the issuer's public keys are read"},
    {"user-claim", "NAME", "the claim that says who the user is (sub)"},
    {"file", "FILE", "file with the text, '-' for standard input"},
    {"role", "ROLE", "site_admin, service or metrics"},
    {"plugin", "NAME", "kind of provider; see 'lectern provider plugins'"},
    {"json-patch", "JSON", "the changes as one JSON object (RFC 7386)"},
    {"disabled", NULL, "add it switched off"},
    {"input", "TEXT", "the input: text, a JSON object, or '-' for standard input"},
    {"course", "ID", "course"},
    {"location", "ID", "unit or activity"},
    {"placement", "NAME", "where in a page"},
    {"component", "NAME", "who asks, as its manifest is named"},
    {"provider", "NAME", "this provider instance and no other"},
    {"stream", NULL, "print the answer as it comes"},
    {"format", "NAME", "json, olx, moodle_xml or qti for questions, json or csv for flash cards, jsonl or csv for the register"},
    {"output", "FILE", "the file to write (standard output)"},
    {"accept-policy", NULL, "accept the site's policy as user 'cli'"},
    {"action", "NAME", "action"},
    {"user", "ID", "user"},
    {"state", "NAME", "running, completed, failed, refused, cancelled or interrupted"},
    {"model", "NAME", "the model that answered"},
    {"code", "NAME", "the error's name"},
    {"since", "TIME", "at this time or later, such as 2026-11-21T08:00:00Z; of reports also a day (30 days before --until)"},
    {"until", "TIME", "before this time: a switch holds no longer, calls began; of reports also a day, with it (now)"},
    {"content", NULL, "with prompts and answers"},
    {"before", "ID", "older than this one"},
    {"after", "ID", "behind this one"},
    {"by", "NAMES", "what rows are grouped by, such as day,course: provider, model, action, course, placement, user, day, state; none: one row"},
    {"of", "NAME", "call or attempt"},
    {"sort", "COLUMN", "order by this column; -COLUMN: from the greatest"},
    {"replace", NULL, "what the file does not name is taken away"},
    {"limit", "N", "at most so many (50)"},
    {"profile", "ID", "workflow profile, by id or slug"},
    {"profile-id", "N", "only those of this workflow profile"},
    {"scope", "N", "only those of this scope (0: of none)"},
    {"view", "NAME", "local, remote or combined (local)"},
    {"slot", "ID", "UI slot of a widget"},
    {"service-variant", "NAME", "lms or cms (lms)"},
    {"explain", NULL, "list every scope with the reason why it was chosen or passed over"},
    {"dry-run", NULL, "check all and write nothing"},
    {"map-templates", NULL, "take Lectern's own template for a standard one of the plugin that is not here"},
    {"allow-missing", NULL, "import profiles whose template, prompt or provider instance is not here: they do not run until it is"},
    {"price-in", "N", "price of a million tokens that go in"},
    {"price-out", "N", "price of a million tokens that come out"},
    {"destination", "NAME", "only what is for this destination of events"},
    {"again", NULL, "forget what there is and begin anew"},
    {"from", "URL", "the database to move from, sqlite:PATH or postgresql://…"},
    {"to", "URL", "the empty database to move to, sqlite:PATH or postgresql://…"},
    {"id", "COURSE", "the course's id as the LMS names it in contexts, instead of the package's own"},
    {"title", "TEXT", "its title, instead of the package's own"},
    {"blocks", NULL, "with the blocks in units"},
    {"reseal", NULL, "only seal with the first key of the file, which is new already"},
};
static const char common[] = "config json help data database master-key-file template-dirs plugin-dirs";

/* ---- options ---- */

static bool in_list(const char *list, const char *name)
{
    struct lt_str rest = lt_str(list);
    while (rest.n > 0)
        if (lt_str_is(lt_str_cut(&rest, ' '), name))
            return true;
    return false;
}

/* The setting that is spelt so as a flag. */
static const struct lt_setting *setting_of(const char *name)
{
    for (size_t i = 0; i < lt_settings_n; i++) {
        const char *key = lt_setting_table[i].key;
        size_t k = 0;
        if (strcmp(key, "share_dir") == 0)
            key = "share";
        while (key[k] && (key[k] == '_' ? '-' : key[k]) == name[k])
            k++;
        if (!key[k] && !name[k])
            return &lt_setting_table[i];
    }
    return NULL;
}

/* What an option is called and takes, when the command has it. */
static bool known_option(const struct lt_command *command, const char *name, struct option *ret)
{
    const struct lt_setting *setting = setting_of(name);
    bool every_setting = strcmp(command->options, "*") == 0;
    if (!in_list(common, name) && !in_list(command->options, name) && !(every_setting && setting))
        return false;
    if (setting) {
        *ret = (struct option){name, setting->placeholder, setting->help};
        return true;
    }
    for (size_t i = 0; i < LT_COUNT(options); i++)
        if (strcmp(options[i].name, name) == 0) {
            *ret = options[i];
            return true;
        }
    return false;
}

const char *lt_cli_option(const struct lt_cli *cli, const char *name)
{
    for (size_t i = cli->options_n; i-- > 0;) /* the last one counts */
        if (strcmp(cli->option_names[i], name) == 0)
            return cli->option_texts[i];
    return NULL;
}

/* Where a setting of this process may stand on the command line. `--config` of some commands is their own. */
static const char *flag(void *ctx, const char *name)
{
    const struct lt_cli *cli = ctx;
    return in_list(cli->command->options, name) && !setting_of(name) ? NULL : lt_cli_option(cli, name);
}

/* One "--name", "--name=text" or "--name text"; *i moves on. */
static int take_option(struct lt_cli *cli, int argc, char **argv, int *i)
{
    struct lt_str text = lt_str(argv[*i] + 2), name = lt_str_cut(&text, '=');
    const char *name_z = lt_strz(cli->arena, name);
    bool has_text = argv[*i][2 + name.n] == '=';
    struct option option;
    if (!known_option(cli->command, name_z, &option))
        return lt_cli_usage(cli, "there is no option --%s here", name_z);
    if (!option.placeholder && has_text)
        return lt_cli_usage(cli, "--%s takes no value", name_z);
    if (option.placeholder && !has_text && (*i + 1 >= argc || strncmp(argv[*i + 1], "--", 2) == 0)) /* such a value goes behind '=' */
        return lt_cli_usage(cli, "--%s needs a value (%s)", name_z, option.placeholder);
    if (cli->options_n == LT_CLI_OPTIONS_MAX)
        return lt_cli_usage(cli, "more than %d options", LT_CLI_OPTIONS_MAX);
    cli->option_names[cli->options_n] = name_z;
    cli->option_texts[cli->options_n++] = !option.placeholder ? "" : has_text ? argv[*i] + 3 + name.n : argv[++*i];
    return LT_EXIT_OK;
}

static int take_arguments(struct lt_cli *cli, int i, int argc, char **argv)
{
    static char long_help[] = "--help", *help = long_help;
    bool only_operands = false;
    for (; i < argc; i++) {
        int rc = LT_EXIT_OK;
        if (!only_operands && strcmp(argv[i], "--") == 0)
            only_operands = true;
        else if (!only_operands && strcmp(argv[i], "-h") == 0)
            rc = take_option(cli, 1, &help, &(int){0});
        else if (!only_operands && strncmp(argv[i], "--", 2) == 0)
            rc = take_option(cli, argc, argv, &i);
        else if (!only_operands && argv[i][0] == '-' && argv[i][1])
            rc = lt_cli_usage(cli, "there is no option %s", argv[i]);
        else if (cli->operands_n == LT_CLI_ARGS_MAX)
            rc = lt_cli_usage(cli, "more than %d operands", LT_CLI_ARGS_MAX);
        else
            cli->operands[cli->operands_n++] = lt_str(argv[i]);
        if (rc)
            return rc;
    }
    return LT_EXIT_OK;
}

/* ---- help ---- */

static void print_name(FILE *out, const struct lt_command *c)
{
    fprintf(out, "lectern %s%s%s%s%s", c->group, c->verb ? " " : "", c->verb ? c->verb : "", *c->operands ? " " : "", c->operands);
}

static void print_option(const struct option *o)
{
    char left[40];
    snprintf(left, sizeof(left), "--%s%s%s", o->name, o->placeholder ? " " : "", o->placeholder ? o->placeholder : "");
    printf("  %-28s %s\n", left, o->help);
}

static int print_command_help(const struct lt_command *c)
{
    struct option o;
    printf("usage: ");
    print_name(stdout, c);
    printf(" [options]\n\n%s\n\noptions:\n", c->summary);
    for (size_t i = 0; i < LT_COUNT(options); i++)
        if (known_option(c, options[i].name, &o))
            print_option(&o);
    for (size_t i = 0; i < lt_settings_n; i++) {
        char name[64];
        const char *key = strcmp(lt_setting_table[i].key, "share_dir") == 0 ? "share" : lt_setting_table[i].key;
        snprintf(name, sizeof(name), "%s", key);
        for (char *p = name; *p; p++)
            *p = *p == '_' ? '-' : *p;
        if (known_option(c, name, &o))
            print_option(&o);
    }
    return LT_EXIT_OK;
}

static int print_help(FILE *out, const char *group)
{
    fprintf(out, "usage: lectern COMMAND [options]\n\n");
    for (size_t i = 0; i < lt_commands_n; i++) {
        const struct lt_command *c = &lt_commands[i];
        char left[80];
        if (group && strcmp(c->group, group) != 0)
            continue;
        snprintf(left, sizeof(left), "%s%s%s", c->group, c->verb ? " " : "", c->verb ? c->verb : "");
        fprintf(out, "  %-25s %s\n", left, c->summary);
    }
    fprintf(out, "\n'lectern COMMAND --help' tells the options. Exit codes: 0 done, 1 refused or failed, 2 wrong usage.\n");
    return out == stdout ? LT_EXIT_OK : LT_EXIT_USAGE;
}

int lt_cli_usage(struct lt_cli *cli, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(stderr, "lectern: ");
    vfprintf(stderr, format, args);
    fprintf(stderr, "\nusage: ");
    va_end(args);
    print_name(stderr, cli->command);
    fprintf(stderr, " [options]   (--help tells more)\n");
    return LT_EXIT_USAGE;
}

/* ---- running ---- */

static int open_store(struct lt_cli *cli)
{
    struct lt_error err;
    if (cli->command->store == LT_CLI_NO_STORE)
        return LT_EXIT_OK;
    if (lt_engine_open_store(&cli->settings, cli->command->store == LT_CLI_READ, &cli->store, &err) ||
        lt_config_load(cli->store, &cli->config, &err))
        return lt_cli_fail(cli, &err);
    return LT_EXIT_OK;
}

static int run(struct lt_cli *cli, int (*serve)(struct lt_cli *cli))
{
    struct lt_error err;
    const struct lt_command *c = cli->command;
    if (lt_cli_option(cli, "help"))
        return print_command_help(c);
    cli->json = lt_cli_option(cli, "json") != NULL;
    if ((int)cli->operands_n < c->min)
        return lt_cli_usage(cli, "%s is missing", c->operands);
    if ((int)cli->operands_n > c->max)
        return lt_cli_usage(cli, "'%.*s' is one word too many", LT_FMT(cli->operands[c->max]));
    if (lt_settings_load(cli->arena, flag, cli, &cli->settings, &err) ||
        lt_outbound_setup(&(struct lt_outbound_options){.allow = cli->settings.outbound_allow, .use_environment = true}, &err) ||
        lt_engine_register(&cli->settings, &cli->plugins, &err) || lt_engine_mcp(&cli->settings, &cli->mcp, &err))
        return lt_cli_fail(cli, &err);
    cli->workflows = lt_engine_workflows(&cli->settings);
    enum lt_log_level level;
    if (lt_log_level_parse(lt_str(cli->settings.log_level), &level))
        lt_log_set_level(c->run ? (level > LT_LOG_WARN ? level : LT_LOG_WARN) : level);
    int rc = open_store(cli);
    if (!rc)
        rc = c->run ? c->run(cli) : serve(cli);
    return rc;
}

/* argv[0] and argv[1] are the words of the command. */
static const struct lt_command *find_command(int argc, char **argv, int *ret_used)
{
    for (size_t i = 0; i < lt_commands_n; i++) {
        const struct lt_command *c = &lt_commands[i];
        bool fits = strcmp(argv[0], c->group) == 0 && (!c->verb || (argc > 1 && strcmp(argv[1], c->verb) == 0));
        if (fits) {
            *ret_used = c->verb ? 2 : 1;
            return c;
        }
    }
    return NULL;
}

static int unknown_command(int argc, char **argv)
{
    for (size_t i = 0; i < lt_commands_n; i++)
        if (strcmp(argv[0], lt_commands[i].group) == 0) {
            bool help = argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0);
            if (!help)
                fprintf(stderr, "lectern: '%s' needs one of these words after it\n", argv[0]);
            return print_help(help ? stdout : stderr, argv[0]);
        }
    fprintf(stderr, "lectern: there is no command '%s'\n", argv[0]);
    return print_help(stderr, NULL);
}

/* The index of the first word that is not an option every command has (`lectern --json site list`). */
static int skip_front_options(int argc, char **argv)
{
    int i = 1;
    while (i < argc && strncmp(argv[i], "--", 2) == 0) {
        size_t n = strcspn(argv[i], "=");
        struct lt_str name = {argv[i] + 2, n - 2};
        bool takes_value = lt_str_is(name, "config") || lt_str_is(name, "data") || lt_str_is(name, "database");
        if (!takes_value && !lt_str_is(name, "json"))
            break;
        i += takes_value && !argv[i][n] ? 2 : 1;
    }
    return i;
}

/* What could not be printed (a full disk behind '>') is not done. */
static int check_output(int rc)
{
    bool failed = fflush(stdout) != 0 || ferror(stdout);
    if (!failed)
        return rc;
    fprintf(stderr, "lectern: standard output cannot be written\n");
    return rc ? rc : LT_EXIT_FAILED;
}

int lt_cli_main(int argc, char **argv, int (*serve)(struct lt_cli *cli))
{
    static char version[] = "version";
    lt_loop_own_process();
    lt_store_own_process();
    int used, first = skip_front_options(argc, argv);
    if (first >= argc)
        return print_help(stderr, NULL);
    if (strcmp(argv[first], "--help") == 0 || strcmp(argv[first], "-h") == 0 || strcmp(argv[first], "help") == 0)
        return print_help(stdout, NULL);
    if (strcmp(argv[first], "--version") == 0)
        argv[first] = version;
    const struct lt_command *command = find_command(argc - first, argv + first, &used);
    if (!command)
        return unknown_command(argc - first, argv + first);
    struct lt_cli cli = {.arena = lt_arena_new(), .command = command};
    lt_buf_init(&cli.out, 64 << 20);
    lt_jw_init(&cli.w, &cli.out);
    int rc = take_arguments(&cli, 1, first, argv);
    if (!rc)
        rc = take_arguments(&cli, first + used, argc, argv);
    if (!rc)
        rc = run(&cli, serve);
    rc = check_output(rc);
    lt_plugins_stop(cli.plugins);
    lt_config_unref(cli.config);
    if (cli.store)
        lt_store_close(cli.store);
    lt_workflow_source_free(cli.workflows);
    lt_mcp_hub_free(cli.mcp);
    lt_buf_free(&cli.out);
    lt_arena_free(cli.arena);
    lt_arena_thread_end();
    return rc;
}
