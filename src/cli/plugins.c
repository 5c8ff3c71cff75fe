/* lectern plugin: what is there, whether one comes up, on and off, a skeleton for a new one. */
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "cli/cli.h"
#include "cli/engine.h"
#include "cli/text_file.h"
#include "plugin/host.h"
#include "plugin/plugin.h"

enum { SKELETON_MAX = 1 << 20 };

/* ---- list ---- */

static void put_provides(struct lt_arena *arena, struct lt_jw *w, const struct lt_manifest *m)
{
    lt_jw_key(w, "provides");
    lt_jw_arr(w);
    for (size_t k = 0; k < lt_manifest_kinds_n; k++) {
        const struct lt_json *list = lt_manifest_provides(m, lt_manifest_kinds[k].kind);
        for (size_t i = 0; i < lt_json_len(list); i++) {
            struct lt_str name = lt_json_str(lt_json_get(lt_json_at(list, i), "name"));
            lt_jw_str(w, lt_printf(arena, "%s/%.*s", lt_kind_name(lt_manifest_kinds[k].kind), LT_FMT(name)));
        }
    }
    lt_jw_end(w);
}

static void put_plugin(struct lt_cli *cli, const struct lt_plugin *p)
{
    const struct lt_error *err;
    const struct lt_manifest *m = lt_plugin_manifest(p, &err);
    struct lt_quarantine q = lt_plugin_quarantine(p, cli->arena);
    bool alone = q.until > lt_now_ms();
    lt_jw_obj(&cli->w);
    lt_jw_kstr(&cli->w, "id", m ? m->id : LT_STR(""));
    lt_jw_kstr(&cli->w, "version", m ? m->version : LT_STR(""));
    lt_jw_kstrz(&cli->w, "state", !m ? "wrong" : lt_plugin_is_off(p) ? "disabled" : alone ? "quarantined" : "ok");
    lt_jw_kstr(&cli->w, "reason", m ? q.reason : lt_str(err->detail));
    lt_jw_kint(&cli->w, "faults", q.faults);
    lt_cli_put_time(&cli->w, "until", q.until);
    lt_jw_kstrz(&cli->w, "manifest", lt_plugin_path(p));
    if (m)
        put_provides(cli->arena, &cli->w, m);
    lt_jw_end(&cli->w);
}

int lt_cmd_plugin_list(struct lt_cli *cli)
{
    lt_jw_arr(&cli->w);
    for (size_t i = 0; i < lt_plugins_count(cli->plugins); i++)
        put_plugin(cli, lt_plugins_at(cli->plugins, i));
    lt_jw_end(&cli->w);
    return lt_cli_print(cli, "id,version,state,reason,manifest");
}

/* ---- check ---- */

int lt_cmd_plugin_check(struct lt_cli *cli)
{
    struct lt_error err;
    struct lt_manifest m;
    struct lt_plugin_child *child = NULL;
    const char *path = lt_strz(cli->arena, cli->operands[0]);
    const char *manifest = lt_str_ends(cli->operands[0], LT_STR(".json")) ? path : lt_manifest_beside(cli->arena, path);
    if (lt_manifest_read(cli->arena, manifest, &m, &err))
        return lt_cli_fail(cli, &err);
    m.in_process = false;
    if (!m.data && lt_plugin_child_start("/proc/self/exe", &m, m.file, &child, &err)) {
        lt_error_wrap(&err, "%s", m.file);
        return lt_cli_fail(cli, &err);
    }
    lt_plugin_child_unref(child);
    lt_jw_obj(&cli->w);
    lt_jw_kbool(&cli->w, "ok", true);
    lt_jw_kstr(&cli->w, "id", m.id);
    lt_jw_kstr(&cli->w, "version", m.version);
    put_provides(cli->arena, &cli->w, &m);
    lt_jw_end(&cli->w);
    return lt_cli_print(cli, NULL);
}

int lt_cmd_plugin_host(struct lt_cli *cli)
{
    return lt_plugin_host(lt_strz(cli->arena, cli->operands[0]));
}

/* ---- on and off ---- */

int lt_cmd_plugin_reload(struct lt_cli *cli)
{
    struct lt_error err;
    if (lt_plugins_ask_reload(cli->settings.data, &err))
        return lt_cli_fail(cli, &err);
    return lt_cli_done(cli, NULL, NULL, "A running daemon reads plugins and components again within a second; its log says what has changed.");
}

static int set_on(struct lt_cli *cli, bool on)
{
    struct lt_error err;
    struct lt_str id = cli->operands[0];
    bool known = false;
    for (size_t i = 0; i < lt_plugins_count(cli->plugins); i++) {
        const struct lt_manifest *m = lt_plugin_manifest(lt_plugins_at(cli->plugins, i), NULL);
        known = known || (m && lt_str_eq(m->id, id));
    }
    if (!lt_registry_name_ok(id) || (!on && !known)) {
        lt_fail(&err, LT_ENOT_FOUND, "there is no plugin '%.*s' in plugin_dirs", LT_FMT(id));
        return lt_cli_fail(cli, &err);
    }
    if (lt_plugins_switch(cli->settings.data, id, on, &err) || lt_plugins_ask_reload(cli->settings.data, &err))
        return lt_cli_fail(cli, &err);
    return lt_cli_done(cli, NULL, NULL, "Plugin %.*s is switched %s; a running daemon does so within a second.", LT_FMT(id), on ? "on" : "off");
}

int lt_cmd_plugin_enable(struct lt_cli *cli)
{
    return set_on(cli, true);
}

int lt_cmd_plugin_disable(struct lt_cli *cli)
{
    return set_on(cli, false);
}

/* ---- new ---- */

/* @ID@ becomes the id, @NAME@ what of it may stand in a name. */
static struct lt_str fill(struct lt_arena *arena, struct lt_str text, struct lt_str id)
{
    struct lt_buf out;
    char *name = lt_strz(arena, id);
    for (char *p = name; *p; p++)
        *p = *p == '.' || *p == '-' ? '_' : *p;
    lt_buf_init(&out, 2 * SKELETON_MAX);
    while (text.n > 0) {
        bool is_id = lt_str_starts(text, LT_STR("@ID@")), is_name = lt_str_starts(text, LT_STR("@NAME@"));
        if (is_id || is_name)
            lt_buf_put_str(&out, is_id ? id : lt_str(name));
        else
            lt_buf_putc(&out, *text.p);
        size_t n = is_id ? 4 : is_name ? 6 : 1;
        text = (struct lt_str){text.p + n, text.n - n};
    }
    struct lt_str ret = lt_str_copy(arena, lt_buf_str(&out));
    lt_buf_free(&out);
    return ret;
}

static enum lt_code write_one(struct lt_cli *cli, const char *from, const char *to, struct lt_error *err)
{
    struct lt_str text;
    if (lt_text_file(cli->arena, from, SKELETON_MAX, &text, err))
        return err->code;
    return lt_file_put(to, fill(cli->arena, text, cli->operands[0]), true, err);
}

/* The header that this program was built with: PREFIX/include, beside share/ in a source tree or above share/lectern. */
static const char *find_header(struct lt_arena *arena, const char *share)
{
    const char *near = lt_printf(arena, "%s/../include/lectern/plugin.h", share).p;
    return access(near, R_OK) == 0 ? near : lt_printf(arena, "%s/../../include/lectern/plugin.h", share).p;
}

static bool id_ok(struct lt_str id)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789_.-";
    bool ok = id.n > 0 && id.n <= 40 && id.p[0] >= 'a' && id.p[0] <= 'z' && !lt_str_is(id, "builtin");
    for (size_t i = 0; ok && i < id.n; i++)
        ok = memchr(letters, id.p[i], sizeof(letters) - 1) != NULL;
    return ok;
}

static enum lt_code write_skeleton(struct lt_cli *cli, const char *share, const char *dir, struct lt_error *err)
{
    struct lt_arena *a = cli->arena;
    if (mkdir(dir, 0777) != 0 || mkdir(lt_printf(a, "%s/include", dir).p, 0777) != 0 || mkdir(lt_printf(a, "%s/include/lectern", dir).p, 0777) != 0)
        return lt_fail(err, LT_ECONFIG, "%s cannot be made: %s", dir, strerror(errno));
    const char *id = lt_strz(a, cli->operands[0]);
    const char *const files[][2] = {
        {lt_printf(a, "%s/plugin/plugin.c", share).p, lt_printf(a, "%s/%s.c", dir, id).p},
        {lt_printf(a, "%s/plugin/plugin.json", share).p, lt_printf(a, "%s/%s.json", dir, id).p},
        {lt_printf(a, "%s/plugin/meson.build", share).p, lt_printf(a, "%s/meson.build", dir).p},
        {lt_printf(a, "%s/plugin/README.md", share).p, lt_printf(a, "%s/README.md", dir).p},
        {find_header(a, share), lt_printf(a, "%s/include/lectern/plugin.h", dir).p},
    };
    for (size_t i = 0; i < LT_COUNT(files); i++)
        if (write_one(cli, files[i][0], files[i][1], err))
            return err->code;
    return LT_OK;
}

int lt_cmd_plugin_new(struct lt_cli *cli)
{
    struct lt_error err;
    const char *share, *widgets, *dir = lt_strz(cli->arena, cli->operands[0]);
    lt_settings_share(&cli->settings, &share, &widgets);
    if (!id_ok(cli->operands[0]))
        return lt_cli_usage(cli, "'%s' is no id (lower-case letter, then letters, digits, _ . -, at most 40)", dir);
    if (!share) {
        lt_fail(&err, LT_ECONFIG, "the directory with the skeleton was not found; give it with --share");
        return lt_cli_fail(cli, &err);
    }
    if (write_skeleton(cli, share, dir, &err))
        return lt_cli_fail(cli, &err);
    return lt_cli_done(cli, "dir", dir, "%s/ is there. Next: cd %s && meson setup build && ninja -C build && lectern plugin check build/%s.so",
                       dir, dir, dir);
}
