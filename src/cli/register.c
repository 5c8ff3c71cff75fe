/* lectern register verify and retain. */
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/cli.h"
#include "cli/data_dir.h"
#include "core/register_retain.h"
#include "core/register_verify.h"

enum { TOLD_MAX = 1000, PATIENCE_MS = 10000, POLL_MS = 100 };

struct told {
    struct lt_cli *cli;
    size_t n;
};

static void put_finding(struct lt_jw *w, const struct lt_register_finding *f)
{
    lt_jw_obj(w);
    lt_jw_kstrz(w, "what", f->what);
    if (f->site_id >= 0)
        lt_jw_kint(w, "site", f->site_id);
    if (f->seq >= 0)
        lt_jw_kint(w, "entry", f->seq);
    if (f->call_id[0])
        lt_jw_kstrz(w, "call", f->call_id);
    lt_jw_kstrz(w, "detail", f->detail);
    lt_jw_end(w);
}

/* With --json at the end, a bounded number of them; else as they come. */
static void on_finding(void *ctx, const struct lt_register_finding *f)
{
    struct told *told = ctx;
    if (told->n++ >= TOLD_MAX)
        return;
    if (told->cli->json) {
        put_finding(&told->cli->w, f);
        return;
    }
    printf("%s:", f->what);
    if (f->site_id >= 0)
        printf(" site %lld", (long long)f->site_id);
    if (f->seq >= 0)
        printf(" entry %lld", (long long)f->seq);
    if (f->call_id[0])
        printf(" call %s", f->call_id);
    printf(": %s\n", f->detail);
}

/* A sealer that runs takes the oldest record first: when that one stays, there is none. */
static void check_sealer(struct lt_cli *cli, struct told *told, struct lt_register_verdict *verdict)
{
    uint8_t first[17], now[17];
    bool any;
    int64_t n;
    struct lt_error err;
    if (!lt_data_dir_in_use(&cli->settings) || lt_register_oldest_pending(cli->store, &any, first, &n, &err) || !any)
        return;
    for (uint64_t until = lt_mono_ms() + PATIENCE_MS; lt_mono_ms() < until;) {
        usleep(POLL_MS * 1000);
        if (lt_register_oldest_pending(cli->store, &any, now, &n, &err) || !any || memcmp(first, now, sizeof(now)) != 0)
            return;
    }
    struct lt_register_finding f = {.what = "not_sealing", .site_id = -1, .seq = -1};
    snprintf(f.detail, sizeof(f.detail), "a daemon runs, and %lld records have waited for %d seconds or more to be chained", (long long)n,
             PATIENCE_MS / 1000);
    on_finding(told, &f);
    verdict->findings++;
}

static void put_verdict(struct lt_jw *w, const struct lt_register_verdict *v)
{
    lt_jw_kbool(w, "ok", v->findings == 0);
    lt_jw_kint(w, "findings_n", v->findings);
    lt_jw_kint(w, "sites", v->sites);
    lt_jw_kint(w, "entries", v->entries);
    lt_jw_kint(w, "calls", v->calls);
    lt_jw_kint(w, "erased", v->erased);
    lt_jw_kint(w, "aged", v->aged);
    lt_jw_kint(w, "removed_entries", v->removed);
    lt_jw_kint(w, "removed_calls", v->removed_calls);
    lt_jw_kint(w, "unsealed", v->unsealed);
}

static int print_verdict(struct lt_cli *cli, const struct told *told, const struct lt_register_verdict *v)
{
    if (cli->json) {
        lt_jw_end(&cli->w);
        put_verdict(&cli->w, v);
        lt_jw_end(&cli->w);
        lt_cli_print(cli, NULL);
    } else {
        if (told->n > TOLD_MAX)
            printf("… and %zu more\n", told->n - TOLD_MAX);
        printf("%lld entries of %lld calls in %lld sites were checked: %lld records without content (%lld erased, %lld by age), %lld entries of"
               " %lld calls "
               "removed by age, %lld records not chained yet.\n",
               (long long)v->entries, (long long)v->calls, (long long)v->sites, (long long)v->erased + (long long)v->aged, (long long)v->erased,
               (long long)v->aged, (long long)v->removed, (long long)v->removed_calls, (long long)v->unsealed);
        printf(v->findings ? "%lld findings.\n" : "The register is whole.\n", (long long)v->findings);
    }
    return v->findings ? LT_EXIT_FAILED : LT_EXIT_OK;
}

int lt_cmd_register_verify(struct lt_cli *cli)
{
    struct lt_error err;
    struct lt_register_verdict verdict;
    struct told told = {.cli = cli};
    struct lt_register_check check = {.store = cli->store,
                                      .head_file = lt_printf(cli->arena, "%s/register.head", cli->settings.data).p,
                                      .site_id = -1,
                                      .found = on_finding,
                                      .ctx = &told};
    if (lt_cli_option(cli, "site")) {
        const struct lt_site *site = lt_cli_site(cli);
        if (!site)
            return LT_EXIT_FAILED;
        check.site_id = site->id;
    }
    if (cli->json) {
        lt_jw_obj(&cli->w);
        lt_jw_key(&cli->w, "findings");
        lt_jw_arr(&cli->w);
    }
    if (lt_register_verify(&check, &verdict, &err)) {
        lt_buf_reset(&cli->out);
        lt_jw_init(&cli->w, &cli->out);
        return lt_cli_fail(cli, &err);
    }
    check_sealer(cli, &told, &verdict);
    return print_verdict(cli, &told, &verdict);
}

/* All sites, or one; as the daemon does once an hour. */
int lt_cmd_register_retain(struct lt_cli *cli)
{
    struct lt_error err;
    struct lt_register_retained done;
    int64_t site_id = -1;
    if (lt_cli_option(cli, "site")) {
        const struct lt_site *site = lt_cli_site(cli);
        if (!site)
            return LT_EXIT_FAILED;
        site_id = site->id;
    }
    if (lt_register_retain(cli->store, site_id, lt_now_ms(), LT_NEVER, &done, &err))
        return lt_cli_fail(cli, &err);
    lt_jw_obj(&cli->w);
    lt_jw_kint(&cli->w, "removed_calls", done.calls);
    lt_jw_kint(&cli->w, "removed_contents", done.contents);
    lt_jw_end(&cli->w);
    return lt_cli_print(cli, NULL);
}
