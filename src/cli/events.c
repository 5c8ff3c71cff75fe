/* lectern event-destination, events: who is told of what, how that goes, and what was given up. */
#include "cli/on_loop.h"
#include "core/admin_event.h"
#include "events/events.h"

static enum lt_code put_state(struct lt_cli *cli, const struct lt_event_destination *d, struct lt_error *err)
{
    struct lt_event_state state;
    if (lt_events_state(cli->store, cli->arena, d->id, &state, err))
        return err->code;
    lt_event_state_put(&cli->w, &state);
    return LT_OK;
}

static int list(struct lt_cli *cli, bool state, const char *columns)
{
    struct lt_error err;
    const struct lt_site *site = lt_cli_site(cli);
    if (!site)
        return LT_EXIT_FAILED;
    lt_jw_arr(&cli->w);
    for (size_t i = 0; i < site->destinations_n; i++) {
        lt_jw_obj(&cli->w);
        lt_event_destination_write(&cli->w, &site->destinations[i]);
        if (state && put_state(cli, &site->destinations[i], &err))
            return lt_cli_fail(cli, &err);
        lt_jw_end(&cli->w);
    }
    lt_jw_end(&cli->w);
    return lt_cli_print(cli, columns);
}

int lt_cmd_event_destination_list(struct lt_cli *cli)
{
    return list(cli, false, "id,name,kind,url,enabled,events");
}

int lt_cmd_events_list(struct lt_cli *cli)
{
    return list(cli, true, "name,waiting,oldest_at,delivered,dead,dropped,failures,paused_until,last_error");
}

static const struct lt_event_destination *find(struct lt_cli *cli, const struct lt_site *site, struct lt_str name, struct lt_error *err)
{
    const struct lt_event_destination *d = lt_site_destination_named(site, name);
    if (!d)
        lt_fail(err, LT_ENOT_FOUND, "there is no event destination '%.*s'", LT_FMT(name));
    return d;
}

/* The members of a form: operands name, kind and url, then settings. */
static const struct lt_json *form_of(struct lt_cli *cli, const struct lt_json *rest, size_t names_n)
{
    static const char *const names[] = {"name", "kind", "url"};
    const struct lt_json *form = NULL;
    struct lt_buf out;
    struct lt_jw w;
    lt_buf_init(&out, 1 << 20);
    lt_jw_init(&w, &out);
    lt_jw_obj(&w);
    for (size_t i = 0; i < names_n; i++)
        lt_jw_kstr(&w, names[i], cli->operands[i]);
    for (size_t i = 0; i < lt_json_len(rest); i++) {
        struct lt_str key = lt_json_key_at(rest, i), text = lt_json_str(lt_json_at(rest, i));
        lt_jw_key_str(&w, key);
        if (!lt_str_is(key, "events") || !text.p) {
            lt_jw_json(&w, lt_json_at(rest, i));
            continue;
        }
        lt_jw_arr(&w); /* events=a,b */
        while (text.n > 0)
            lt_jw_str(&w, lt_str_cut(&text, ','));
        lt_jw_end(&w);
    }
    lt_jw_end(&w);
    lt_json_parse(cli->arena, lt_str_copy(cli->arena, lt_buf_str(&out)), LT_JSON_STRICT, &form, NULL);
    lt_buf_free(&out);
    return form;
}

int lt_cmd_event_destination_add(struct lt_cli *cli)
{
    struct lt_error err;
    int64_t id;
    struct lt_str secret;
    const struct lt_site *site = lt_cli_site(cli);
    if (!site)
        return LT_EXIT_FAILED;
    const struct lt_json *rest = lt_cli_pairs(cli, 3);
    if (!rest)
        return LT_EXIT_USAGE;
    if (lt_admin_event_add(cli->store, cli->arena, site, form_of(cli, rest, 3), &id, &secret, &err))
        return lt_cli_fail(cli, &err);
    if (secret.n > 0)
        return lt_cli_done(cli, "secret", secret.p, "Destination %lld is told from now on. Its secret, shown once: %s", (long long)id, secret.p);
    return lt_cli_done(cli, NULL, NULL, "Destination %lld is told from now on.", (long long)id);
}

int lt_cmd_event_destination_set(struct lt_cli *cli)
{
    struct lt_error err;
    const struct lt_site *site = lt_cli_site(cli);
    if (!site)
        return LT_EXIT_FAILED;
    const struct lt_json *patch = lt_cli_pairs(cli, 1);
    if (!patch)
        return LT_EXIT_USAGE;
    const struct lt_event_destination *d = find(cli, site, cli->operands[0], &err);
    if (!d || lt_admin_event_change(cli->store, site, d->id, form_of(cli, patch, 0), &err))
        return lt_cli_fail(cli, &err);
    return lt_cli_done(cli, NULL, NULL, "Done.");
}

int lt_cmd_event_destination_remove(struct lt_cli *cli)
{
    struct lt_error err;
    const struct lt_site *site = lt_cli_site(cli);
    if (!site)
        return LT_EXIT_FAILED;
    const struct lt_event_destination *d = find(cli, site, cli->operands[0], &err);
    if (!d || lt_admin_event_remove(cli->store, site, d->id, &err))
        return lt_cli_fail(cli, &err);
    return lt_cli_done(cli, NULL, NULL, "Done.");
}

static void test(struct lt_cli_run *run, void *arg)
{
    struct lt_error err;
    struct lt_cli *cli = run->cli;
    const struct lt_event_destination *d = find(cli, run->caller.site, cli->operands[0], &err);
    struct lt_event_sender sender = {.store = run->engine.store, .tls = run->engine.tls, .arena = cli->arena, .site = run->caller.site, .to = d};
    run->exit = d && lt_events_test(&sender, &err) == LT_OK ? lt_cli_done(cli, NULL, NULL, "The receiver has taken it.") : lt_cli_fail(cli, &err);
}

int lt_cmd_events_test(struct lt_cli *cli)
{
    return lt_cli_on_loop(cli, NULL, test, NULL);
}

/* --destination, or 0: all. */
static enum lt_code destination_of(struct lt_cli *cli, const struct lt_site *site, int64_t *ret, struct lt_error *err)
{
    const char *name = lt_cli_option(cli, "destination");
    const struct lt_event_destination *d = name ? find(cli, site, lt_str(name), err) : NULL;
    *ret = d ? d->id : 0;
    return name && !d ? err->code : LT_OK;
}

int lt_cmd_events_dead(struct lt_cli *cli)
{
    struct lt_error err;
    struct lt_event_dead *list_of;
    int64_t destination;
    size_t n;
    const struct lt_site *site = lt_cli_site(cli);
    if (!site)
        return LT_EXIT_FAILED;
    if (destination_of(cli, site, &destination, &err) ||
        lt_events_dead(cli->store, cli->arena, site->id, destination, 0, LT_EVENTS_LIST_MAX, &list_of, &n, &err))
        return lt_cli_fail(cli, &err);
    lt_jw_arr(&cli->w);
    for (size_t i = 0; i < n; i++)
        lt_event_dead_write(&cli->w, &list_of[i]);
    lt_jw_end(&cli->w);
    return lt_cli_print(cli, "id,destination,type,created_at,given_up_at,attempts,reason");
}

typedef enum lt_code (*change_fn)(struct lt_store *store, int64_t site_id, int64_t destination_id, int64_t id, int64_t *ret_n, struct lt_error *err);

static int change(struct lt_cli *cli, change_fn fn, const char *done)
{
    struct lt_error err;
    int64_t id = 0, destination, n;
    const struct lt_site *site = lt_cli_site(cli);
    if (!site)
        return LT_EXIT_FAILED;
    if (!lt_str_is(cli->operands[0], "all") && !lt_str_to_int64(cli->operands[0], &id))
        return lt_cli_usage(cli, "'%.*s' is neither a number nor 'all'", LT_FMT(cli->operands[0]));
    if (destination_of(cli, site, &destination, &err) || fn(cli->store, site->id, destination, id, &n, &err))
        return lt_cli_fail(cli, &err);
    return lt_cli_done(cli, "events", lt_printf(cli->arena, "%lld", (long long)n).p, "%lld events %s.", (long long)n, done);
}

int lt_cmd_events_retry(struct lt_cli *cli)
{
    return change(cli, lt_events_retry, "wait again");
}

int lt_cmd_events_drop(struct lt_cli *cli)
{
    return change(cli, lt_events_drop, "are gone");
}
