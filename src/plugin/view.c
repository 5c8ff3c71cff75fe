/* A plugin as people see it who administer a site, not the machine. */
#include "base/clock.h"
#include "plugin/plugin_private.h"

const char *lt_plugin_state_name(enum lt_plugin_state state)
{
    static const char *const names[] = {"wrong", "disabled", "removed", "quarantined", "starting", "up", "data", "idle"};
    return names[state];
}

static struct lt_str file_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return lt_str(slash ? slash + 1 : path);
}

/* "/srv/plugins/a.json: no id" → "a.json: no id". */
static struct lt_str without_paths(struct lt_arena *arena, struct lt_str text)
{
    char *out = lt_alloc(arena, text.n + 1);
    size_t n = 0, word = 0; /* where the present word began in out */
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        out[n++] = c;
        if (c == '/')
            n = word;
        if (strchr(" \t\n\"'(),;=", c))
            word = n;
    }
    return (struct lt_str){out, n};
}

static void put_provides(struct lt_arena *arena, const struct lt_manifest *m, struct lt_plugin_view *ret)
{
    size_t n = 0;
    for (size_t k = 0; k < lt_manifest_kinds_n; k++)
        n += lt_json_len(lt_manifest_provides(m, lt_manifest_kinds[k].kind));
    ret->provides = LT_NEW_ARRAY(arena, struct lt_str, n);
    for (size_t k = 0; k < lt_manifest_kinds_n; k++) {
        const struct lt_json *list = lt_manifest_provides(m, lt_manifest_kinds[k].kind);
        for (size_t i = 0; i < lt_json_len(list); i++) {
            struct lt_str name = lt_json_str(lt_json_get(lt_json_at(list, i), "name"));
            ret->provides[ret->provides_n++] = lt_printf(arena, "%s/%.*s", lt_kind_name(lt_manifest_kinds[k].kind), LT_FMT(name));
        }
    }
}

static enum lt_plugin_state state_of(struct lt_plugin *p, bool alone)
{
    enum plugin_use use = p->use;
    if (use != PLUGIN_ON)
        return use == PLUGIN_OFF ? LT_PLUGIN_DISABLED : LT_PLUGIN_REMOVED;
    pthread_mutex_lock(&p->lock);
    struct plugin_build *b = p->build;
    enum lt_plugin_state state = b->manifest.data ? LT_PLUGIN_DATA
                                 : b->child       ? LT_PLUGIN_UP
                                 : b->starting    ? LT_PLUGIN_STARTING
                                 : alone          ? LT_PLUGIN_QUARANTINED
                                                  : LT_PLUGIN_IDLE;
    pthread_mutex_unlock(&p->lock);
    return state;
}

void lt_plugin_look(struct lt_plugin *p, struct lt_arena *arena, struct lt_plugin_view *ret)
{
    *ret = (struct lt_plugin_view){.version = LT_STR(""), .title = LT_STR(""), .description = LT_STR(""), .reason = LT_STR("")};
    if (p->err.code) {
        ret->id = file_name(p->path);
        ret->reason = without_paths(arena, lt_str(p->err.detail));
        return;
    }
    struct plugin_build *b = p->build;
    const struct lt_manifest *m = &b->manifest;
    struct lt_quarantine q = lt_plugin_quarantine(p, arena);
    ret->state = state_of(p, q.until > lt_now_ms());
    ret->id = m->id;
    ret->version = m->version;
    ret->title = m->title.n > 0 ? m->title : LT_STR("");
    ret->description = m->description.n > 0 ? m->description : LT_STR("");
    ret->in_process = m->in_process;
    ret->reason = without_paths(arena, q.reason.n > 0 ? q.reason : LT_STR(""));
    ret->faults = q.faults;
    ret->until = q.until;
    ret->since = q.faults > 0 ? q.until - lt_quarantine_pause_s(q.faults) * 1000 : 0;
    put_provides(arena, m, ret);
}
