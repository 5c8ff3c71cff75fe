/* The conformance cases of services that need plugins: real manifests, real libraries, real processes. */
#include "service_rig.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "io/worker.h"
#include "plugin/library.h"
#include "plugin/plugin.h"
#include "plugin/service_call.h"

enum { LONG_MS = 60000 };

/* ---- directories of plugins ---- */

struct home {
    struct lt_arena *arena;
    const char *dir;
};

static void home_open(struct home *h)
{
    char name[] = "/tmp/lectern-cases-XXXXXX";
    h->arena = lt_arena_new();
    assert_non_null(mkdtemp(name));
    h->dir = lt_strz(h->arena, lt_str(name));
}

static void home_close(struct home *h)
{
    assert_int_equal(system(lt_printf(h->arena, "rm -rf %s", h->dir).p), 0);
    lt_arena_free(h->arena);
}

/* DIR/NAME.so, which is the library `build` of this build, with a manifest; "": a plugin of that id with its service. */
static const char *put(struct home *h, const char *dir, const char *build, const char *id, const char *manifest)
{
    const char *libraries = getenv("LECTERN_CASE_PLUGINS");
    const char *where = lt_printf(h->arena, "%s/%s", h->dir, dir).p, *stem = lt_printf(h->arena, "%s/%s", where, id).p;
    if (!*manifest)
        manifest = lt_printf(h->arena, "{\"manifest\":1,\"id\":\"%s\",\"version\":\"1.0.0\",\"abi\":\"1.0\",\"provides\":{\"services\":"
                                       "[{\"name\":\"s-%s\",\"version\":\"1.0\"}]}}", id, id).p;
    mkdir(where, 0700);
    assert_non_null(libraries);
    assert_int_equal(symlink(lt_printf(h->arena, "%s/case_%s.so", libraries, build).p, lt_printf(h->arena, "%s.so", stem).p), 0);
    assert_int_equal(lt_file_put(lt_printf(h->arena, "%s.json", stem).p, lt_str(manifest), false, NULL), LT_OK);
    return lt_printf(h->arena, "%s.json", stem).p;
}

static struct lt_plugin_set *scan(struct home *h, const char *dirs)
{
    lt_log_set_level((enum lt_log_level)(LT_LOG_ERROR + 1)); /* what is wrong is what we want */
    return lt_plugins_scan(&(struct lt_plugins_options){
        .arena = h->arena, .dirs = dirs, .data = h->dir, .program = "/proc/self/exe", .drain_ms = 1000});
}

static const char *why(struct lt_plugin_set *set, size_t i)
{
    const struct lt_error *err;
    return lt_plugin_manifest(lt_plugins_at(set, i), &err) ? "" : err->detail;
}

/* ---- R15 ---- */

struct talk {
    struct rig *r;
    struct lt_plugin_set *set;
    const char *wrong;
    int others, left;            /* calls to the other plugin that were answered; fibers that still call it */
};

static enum lt_code call(struct rig *r, struct lt_lease *l, const char *method, uint64_t ms)
{
    const struct lt_json *arguments, *answer;
    struct lt_service_question q = {.arena = r->arena, .method = lt_str(method), .deadline_ms = lt_mono_ms() + ms, .caller = &r->alice};
    lt_json_parse(r->arena, LT_STR("{\"n\":1}"), LT_JSON_STRICT, &arguments, NULL);
    q.arguments = arguments;
    enum lt_code rc = lt_lease_call(l, &q, &answer, &r->err);
    return rc ? rc : lt_json_int64_or(lt_json_get(lt_json_get(answer, "arguments"), "n"), 0) == 1 ? LT_OK : LT_EINTERNAL;
}

static void call_the_other(void *arg)
{
    struct talk *t = arg;
    struct lt_lease lease = {0};
    for (int i = 0; i < 25; i++) {
        if (lt_service_acquire(comp(t->r, "c"), LT_STR("s-b"), &t->r->alice, NULL, &lease) == LT_SERVICE_OK)
            t->others += call(t->r, &lease, "echo", LONG_MS) == LT_OK;
        lt_service_release(&lease);
    }
    t->left--;
}

static const char *crash(struct talk *t)
{
    struct rig *r = t->r;
    struct lt_lease kept = {0};
    CHECK(ask(r, "c", "s-a") == LT_SERVICE_OK && call(r, &r->lease, "echo", LONG_MS) == LT_OK);
    CHECK(call(r, &r->lease, "hang", 200) == LT_ETIMEOUT);
    CHECK(lt_service_acquire(comp(r, "c"), LT_STR("s-a"), &r->alice, NULL, &kept) == LT_SERVICE_OK);
    uint64_t deadline = lt_mono_ms() + LONG_MS;
    CHECK(call(r, &kept, "crash", LONG_MS) == LT_EUPSTREAM_UNAVAILABLE && lt_mono_ms() < deadline);
    CHECK(lt_lease_enter(&kept) == LT_SERVICE_GONE && ask(r, "c", "s-a") == LT_SERVICE_FAULTED);
    lt_service_release(&kept);
    CHECK(strstr(explained(r, "c", "s-a").reason, "signal 6"));
    CHECK(!lt_component_active(comp(r, "needy"), NULL, r->why) && strstr(r->why, "needy needs s-a: faulted (in quarantine: its process ended"));
    CHECK(ask(r, "c", "s-b") == LT_SERVICE_OK && call(r, &r->lease, "echo", LONG_MS) == LT_OK);
    lt_service_release(&r->lease);
    return NULL;
}

static void talk_main(void *arg)
{
    struct talk *t = arg;
    for (t->left = 0; t->left < 4; t->left++)
        lt_fiber_start(lt_loop_self(), call_the_other, t, NULL);
    t->wrong = crash(t);
    while (t->left > 0)
        lt_fiber_sleep(1);
    lt_loop_stop(lt_loop_self());
}

static const char *with_plugins(struct rig *r, struct lt_plugin_set *set)
{
    struct talk t = {.r = r, .set = set};
    CHECK(declare(r, "{'component':'c','wants':['s-a','s-b']}") == LT_OK && declare(r, "{'component':'needy','needs':['s-a']}") == LT_OK);
    lt_plugins_offer(set, r->s, true);
    lt_services_bind(r->s);
    CHECK(ask(r, "c", "s-a") == LT_SERVICE_BUSY); /* R4: declared, not up */
    lt_plugins_start(set);
    CHECK(ask(r, "c", "s-a") == LT_SERVICE_OK && lt_component_active(comp(r, "needy"), NULL, r->why));
    struct lt_loop *loop = lt_loop_new(0, &r->err);
    lt_fiber_start(loop, talk_main, &t, NULL);
    lt_loop_run(loop);
    lt_loop_free(loop);
    CHECK(t.wrong == NULL || !fprintf(stderr, "%s\n", t.wrong));
    CHECK(t.others == 100);
    return NULL;
}

const char *case_r15(struct rig *r)
{
    struct home h;
    home_open(&h);
    put(&h, "p", "a", "a", "");
    put(&h, "p", "b", "b", "");
    struct lt_plugin_set *set = scan(&h, lt_printf(h.arena, "%s/p", h.dir).p);
    assert_int_equal(lt_workers_start(2, &r->err), LT_OK);
    const char *wrong = with_plugins(r, set);
    rig_again(r); /* services go before plugins */
    lt_plugins_stop(set);
    lt_workers_stop();
    home_close(&h);
    return wrong;
}

/* ---- R21 to R23 ---- */

static const char *refused(struct home *h, const char *build, const char *words)
{
    struct lt_manifest m;
    struct lt_library library;
    struct lt_error err = {0};
    const char *manifest = put(h, build, build, "a", "");
    CHECK(lt_manifest_read(h->arena, manifest, &m, &err) == LT_OK);
    CHECK(lt_library_open(m.file, &m, &library, &err) == (*words ? LT_ECONFIG : LT_OK));
    CHECK(strstr(err.detail, words));
    return NULL;
}

const char *case_r21(struct rig *r)
{
    static const struct {
        const char *build, *words;
    } table[] = {
        {"a", ""},
        {"magic", "magic is 0x4c50544c, must be 0x4c54504c"}, /* as on a machine of the other byte order */
        {"size", "size of struct lectern_plugin is 24, must be "},
        {"abi", "abi is 2.0; this program takes 1.0 to 1."},
    };
    struct home h;
    const char *wrong = NULL;
    home_open(&h);
    for (size_t i = 0; !wrong && i < LT_COUNT(table); i++)
        if (refused(&h, table[i].build, table[i].words))
            wrong = table[i].build;
    home_close(&h);
    return wrong;
}

const char *case_r22(struct rig *r)
{
    struct home h;
    home_open(&h);
    const char *first = put(&h, "one", "a", "a", "");
    put(&h, "two", "a", "a", "");
    struct lt_plugin_set *set = scan(&h, lt_printf(h.arena, "%s/one:%s/two", h.dir, h.dir).p);
    bool right = lt_plugins_count(set) == 2 && !*why(set, 0) && strstr(why(set, 1), lt_printf(r->arena, "already loaded from %s", first).p);
    lt_plugins_stop(set);
    home_close(&h);
    CHECK(right);
    return NULL;
}

const char *case_r23(struct rig *r)
{
    struct home h;
    home_open(&h);
    put(&h, "p", "a", "a", "{broken");
    put(&h, "p", "b", "b", "");
    struct lt_plugin_set *set = scan(&h, lt_printf(h.arena, "%s/p", h.dir).p);
    bool right = lt_plugins_count(set) == 2 && strstr(why(set, 0), "a.json: line 1") && !*why(set, 1);
    lt_plugins_offer(set, r->s, false);
    lt_services_bind(r->s);
    right = right && explained(r, NULL, "s-b").status == LT_SERVICE_OK && explained(r, NULL, "s-a").status == LT_SERVICE_ABSENT;
    rig_again(r);
    lt_plugins_stop(set);
    home_close(&h);
    CHECK(right);
    return NULL;
}
