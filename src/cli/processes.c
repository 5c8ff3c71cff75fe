/* lectern process: the processes on the database. */
#include "cli/cli.h"
#include "core/member.h"

/* Of SQLite nobody is seen again after the start: whoever is written in has the data directory to itself. */
static const char *state_of(const struct lt_cli *cli, const struct lt_member *m, int64_t now)
{
    if (m->dead_at > 0)
        return m->recovered_at > 0 ? "dead" : "recovering";
    if (lt_store_is_postgres(cli->store) && now - m->seen_at >= LT_MEMBER_DEAD_MS)
        return "silent";
    return m->draining ? "draining" : "alive";
}

int lt_cmd_process_list(struct lt_cli *cli)
{
    struct lt_error err;
    struct lt_member *list;
    size_t n;
    int64_t now;
    if (lt_member_list(cli->store, cli->arena, &list, &n, &now, &err))
        return lt_cli_fail(cli, &err);
    struct lt_jw *w = &cli->w;
    lt_jw_obj(w);
    lt_jw_key(w, "processes");
    lt_jw_arr(w);
    for (size_t i = 0; i < n; i++) {
        const struct lt_member *m = &list[i];
        lt_jw_obj(w);
        lt_jw_kint(w, "id", m->id);
        lt_jw_kstrz(w, "state", state_of(cli, m, now));
        lt_jw_kstr(w, "host", m->host);
        lt_jw_kint(w, "pid", m->pid);
        lt_jw_kstr(w, "version", m->version);
        lt_jw_kint(w, "schema", m->schema);
        lt_jw_kstr(w, "advertised", m->advertised);
        lt_jw_ktime(w, "started_at", m->started_at);
        lt_jw_ktime(w, "seen_at", m->seen_at);
        lt_jw_ktime(w, "dead_at", m->dead_at);
        lt_jw_end(w);
    }
    lt_jw_end(w);
    lt_jw_end(w);
    return lt_cli_print(cli, "id,state,host,pid,version,advertised,started_at,seen_at");
}
