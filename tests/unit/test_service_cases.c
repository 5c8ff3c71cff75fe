/*
 * The conformance cases of services (reference: xblock.md §1.6 D, L, P; §2.3 ISO; §4.2 R), each with its id; where that page says "ours", ours.
 * The program prints the whole table.
 */
#include "service_rig.h"

#include <pthread.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "plugin/host.h"

#define DECLARE(r, text) CHECK(declare((r), (text)) == LT_OK)
#define GIVE(r, ...) CHECK(lt_services_offer((r)->s, &OFFER(__VA_ARGS__), &(r)->err) == LT_OK)
#define BIND(r) lt_services_bind((r)->s)
#define WANT LT_STRENGTH_WANT
#define NEED LT_STRENGTH_NEED
#define NONE LT_STRENGTH_NONE
#define ST(name) LT_SERVICE_##name

/* What every XBlock needs without saying so. */
#define BLOCK(r) DECLARE(r, "{'component':'xblock','needs':['field-data']}")

/* ---- D: declarations ---- */

static const char *d1(struct rig *r)
{
    BLOCK(r);
    DECLARE(r, "{'component':'c','extends':['xblock']}");
    BIND(r);
    CHECK(says(r, "c", "field-data") == NEED);
    CHECK(lt_component_declares_itself(comp(r, "c"), LT_STR("field-data")) == NONE);
    return NULL;
}

static const char *d2(struct rig *r)
{
    DECLARE(r, "{'component':'c','needs':['n'],'wants':['w']}");
    BIND(r);
    CHECK(says(r, "c", "n") == NEED && says(r, "c", "w") == WANT);
    return NULL;
}

static const char *d3(struct rig *r)
{
    BLOCK(r);
    DECLARE(r, "{'component':'sub','extends':['base'],'needs':['n2'],'wants':['w2']}");
    DECLARE(r, "{'component':'base','extends':['xblock'],'needs':['n1'],'wants':['w1']}");
    BIND(r);
    CHECK(says(r, "sub", "n1") == NEED && says(r, "sub", "n2") == NEED && says(r, "sub", "field-data") == NEED);
    CHECK(says(r, "sub", "w1") == WANT && says(r, "sub", "w2") == WANT && says(r, "sub", "xx") == NONE);
    return NULL;
}

static const char *d4(struct rig *r)
{
    DECLARE(r, "{'component':'base','needs':['n'],'wants':['w']}");
    DECLARE(r, "{'component':'sub','extends':['base']}");
    BIND(r);
    CHECK(says(r, "sub", "n") == NEED && says(r, "sub", "w") == WANT);
    return NULL;
}

static const char *d5(struct rig *r)
{
    DECLARE(r, "{'component':'base','needs':['x']}");
    DECLARE(r, "{'component':'sub','extends':['base'],'wants':['x']}");
    BIND(r);
    CHECK(says(r, "sub", "x") == WANT);
    return NULL;
}

static const char *d6(struct rig *r)
{
    DECLARE(r, "{'component':'base','wants':['x']}");
    DECLARE(r, "{'component':'sub','extends':['base'],'needs':['x']}");
    BIND(r);
    CHECK(says(r, "sub", "x") == NEED);
    return NULL;
}

static const char *d7(struct rig *r)
{
    DECLARE(r, "{'component':'n','needs':['x']}");
    DECLARE(r, "{'component':'w','wants':['x']}");
    DECLARE(r, "{'component':'nw','extends':['n','w']}");
    DECLARE(r, "{'component':'wn','extends':['w','n']}");
    BIND(r);
    CHECK(says(r, "nw", "x") == NEED && says(r, "wn", "x") == WANT);
    return NULL;
}

static const char *d8(struct rig *r)
{
    DECLARE(r, "{'component':'a','wants':['x'],'needs':['x']}");
    DECLARE(r, "{'component':'b','needs':['x'],'wants':['x']}");
    BIND(r);
    CHECK(says(r, "a", "x") == NEED && says(r, "b", "x") == WANT);
    return NULL;
}

static const char *d9(struct rig *r)
{
    DECLARE(r, "{'component':'c','needs':[]}");
    BIND(r);
    CHECK(says(r, "c", "x") == NONE);
    return NULL;
}

static const char *d10(struct rig *r)
{
    DECLARE(r, "{'component':'c'}");
    BIND(r);
    CHECK(says(r, "c", "x") == NONE);
    CHECK(declare(r, "{'component':'c','needs':['x']}") == LT_ECONFLICT);
    BIND(r);
    CHECK(says(r, "c", "x") == NONE);
    return NULL;
}

static const char *d11(struct rig *r)
{
    DECLARE(r, "{'component':'other'}");
    BIND(r);
    DECLARE(r, "{'component':'c','needs':['x']}");
    BIND(r);
    CHECK(says(r, "c", "x") == NEED);
    return NULL;
}

static const char *d12(struct rig *r)
{
    DECLARE(r, "{'component':'base'}");
    DECLARE(r, "{'component':'sub','extends':['base'],'needs':['x']}");
    BIND(r);
    CHECK(says(r, "base", "x") == NONE);
    return NULL;
}

/* An operator's mixin stands behind the block: {"extends": [block, mixin]}. */
static const char *mixin(struct rig *r, const char *block, const char *mix, enum lt_strength expected)
{
    DECLARE(r, block);
    DECLARE(r, mix);
    DECLARE(r, "{'component':'mixed','extends':['block','mixin']}");
    BIND(r);
    CHECK(says(r, "mixed", "x") == expected);
    return NULL;
}

static const char *d13(struct rig *r)
{
    return mixin(r, "{'component':'block'}", "{'component':'mixin','needs':['x']}", NEED);
}

static const char *d14(struct rig *r)
{
    return mixin(r, "{'component':'block','wants':['x']}", "{'component':'mixin','needs':['x']}", WANT);
}

static const char *d15(struct rig *r)
{
    return mixin(r, "{'component':'block','needs':['x']}", "{'component':'mixin','wants':['x']}", NEED);
}

static const char *d16(struct rig *r)
{
    BLOCK(r);
    DECLARE(r, "{'component':'c','extends':['xblock'],'wants':['field-data']}");
    BIND(r);
    CHECK(says(r, "c", "field-data") == WANT);
    return NULL;
}

/* ---- L: lookup ---- */

/* "want" and "need" each declare x; "none" nothing. */
static const char *three(struct rig *r)
{
    DECLARE(r, "{'component':'none'}");
    DECLARE(r, "{'component':'want','wants':['x']}");
    DECLARE(r, "{'component':'need','needs':['x']}");
    BIND(r);
    return NULL;
}
#define THREE(r) CHECK(three(r) == NULL)

static const char *l1(struct rig *r)
{
    GIVE(r, "x", "builtin", 1, 0, 100);
    THREE(r);
    CHECK(ask(r, "none", "x") == ST(UNDECLARED));
    CHECK(ask(r, "want", "x") == ST(OK));
    return NULL;
}

static const char *l2(struct rig *r)
{
    THREE(r);
    CHECK(ask(r, "want", "x") == ST(ABSENT) && !r->lease.build);
    return NULL;
}

static const char *l3(struct rig *r)
{
    THREE(r);
    CHECK(comp(r, "need") != NULL && says(r, "need", "x") == NEED);
    return NULL;
}

static const char *l4(struct rig *r)
{
    THREE(r);
    CHECK(ask(r, "need", "x") == ST(ABSENT));
    CHECK(!lt_component_active(comp(r, "need"), NULL, r->why) && strstr(r->why, "x"));
    return NULL;
}

static const char *l5(struct rig *r)
{
    THREE(r);
    CHECK(lt_services_host_null(r->s, "x", true, &r->err) == LT_OK);
    CHECK(ask(r, "want", "x") == ST(DISABLED) && ask(r, "need", "x") == ST(DISABLED));
    return NULL;
}

static const char *l6(struct rig *r)
{
    GIVE(r, "x", "builtin", 1, 0, 100, .ctx = NULL);
    THREE(r);
    CHECK(ask(r, "need", "x") == ST(OK) && lt_lease_instance(&r->lease) == NULL);
    return NULL;
}

static const char *l7(struct rig *r)
{
    GIVE(r, "x", "builtin", 1, 0, 100);
    THREE(r);
    CHECK(ask(r, "want", "X") == ST(UNDECLARED));
    return NULL;
}

static const char *l8(struct rig *r)
{
    static int nothing;
    GIVE(r, "i18n", "builtin", 1, 0, 100, .ctx = &nothing);
    DECLARE(r, "{'component':'c','needs':['i18n']}");
    BIND(r);
    CHECK(ask(r, "c", "i18n") == ST(OK) && lt_lease_instance(&r->lease) == &nothing);
    return NULL;
}

static const char *l9(struct rig *r)
{
    CHECK(lt_services_host_null(r->s, "i18n", true, &r->err) == LT_OK);
    CHECK(l8(r) != NULL);
    CHECK(ask(r, "c", "i18n") == ST(DISABLED));
    return NULL;
}

static const char *l10(struct rig *r)
{
    GIVE(r, "i18n", "builtin", 1, 0, 100);
    DECLARE(r, "{'component':'c'}");
    BIND(r);
    CHECK(ask(r, "c", "i18n") == ST(UNDECLARED));
    return NULL;
}

static const char *l11(struct rig *r)
{
    int one = 1, two = 2;
    struct lt_service_offer table = OFFER("x", "builtin", 1, 0, 100, .ctx = &one);
    CHECK(lt_services_offer(r->s, &table, &r->err) == LT_OK);
    table.ctx = &two; /* the giver's table is not ours */
    THREE(r);
    CHECK(ask(r, "want", "x") == ST(OK) && lt_lease_instance(&r->lease) == &one);
    return NULL;
}

static enum lt_code open_new(void *ctx, struct lt_str site, void **ret, struct lt_error *err)
{
    (*(int *)ctx)++;
    *ret = malloc(1);
    return *ret ? LT_OK : LT_EINTERNAL;
}

static void close_new(void *ctx, void *instance)
{
    free(instance);
}

static const char *l12(struct rig *r)
{
    int opened = 0;
    GIVE(r, "x", "p", 1, 0, 100, .ctx = &opened, .open = open_new, .close = close_new);
    THREE(r);
    CHECK(ask(r, "want", "x") == ST(OK));
    void *first = lt_lease_instance(&r->lease);
    CHECK(ask(r, "want", "x") == ST(OK) && lt_lease_instance(&r->lease) == first && opened == 1);
    return NULL;
}

static const char *l13(struct rig *r)
{
    THREE(r);
    CHECK(lt_service_acquire(comp(r, "want"), LT_STR_NULL, &r->alice, NULL, &r->lease) == ST(UNDECLARED));
    return NULL;
}

static const char *settings_or(struct rig *r, const char *otherwise)
{
    return ask(r, "want", "x") == ST(OK) ? lt_lease_instance(&r->lease) : otherwise;
}

static const char *l14(struct rig *r)
{
    static char given[] = "given";
    THREE(r);
    CHECK(strcmp(settings_or(r, "default"), "default") == 0);
    GIVE(r, "x", "p", 1, 0, 100, .ctx = given);
    CHECK(strcmp(settings_or(r, "default"), "given") == 0);
    return NULL;
}

/* ---- P: provided by plugins ---- */

static const char *p1(struct rig *r)
{
    int opened = 0;
    GIVE(r, "x", "p", 1, 0, 100, .ctx = &opened, .open = open_new, .close = close_new);
    THREE(r);
    CHECK(ask(r, "want", "x") == ST(OK) && opened == 1);
    CHECK(lt_str_is(r->lease.site, "t1") && lt_str_is(r->lease.user_id, "alice") && lt_str_is(r->lease.location_id, "unit"));
    return NULL;
}

static const char *p2(struct rig *r)
{
    GIVE(r, "x", "p", 9, 0, 1000);
    GIVE(r, "x", "builtin", 1, 0, 100);
    THREE(r);
    CHECK(ask(r, "want", "x") == ST(OK) && from(r, "builtin"));
    return NULL;
}

static const char *p3(struct rig *r)
{
    GIVE(r, "x", "p", 1, 0, 100);
    return l5(r);
}

static const char *p4(struct rig *r)
{
    THREE(r);
    CHECK(ask(r, "want", "x") == ST(ABSENT) && ask(r, "need", "x") == ST(ABSENT));
    return NULL;
}

static const char *p5(struct rig *r)
{
    GIVE(r, "x", "p", 1, 0, 100);
    THREE(r);
    CHECK(ask(r, "none", "x") == ST(UNDECLARED));
    return NULL;
}

static const char *p6(struct rig *r)
{
    GIVE(r, "x", "p", 1, 0, 100);
    GIVE(r, "x", "override", 1, 0, 200);
    THREE(r);
    CHECK(ask(r, "want", "x") == ST(OK) && from(r, "override"));
    return NULL;
}

static const char *p7(struct rig *r)
{
    GIVE(r, "x", "b", 1, 0, 100);
    GIVE(r, "x", "a", 1, 0, 100);
    DECLARE(r, "{'component':'strict','wants':[{'service':'x','strict':true}]}");
    THREE(r);
    CHECK(ask(r, "want", "x") == ST(OK) && from(r, "a"));
    CHECK(ask(r, "need", "x") == ST(OK) && from(r, "a"));
    CHECK(ask(r, "strict", "x") == ST(AMBIGUOUS));
    choose(r, &r->t1, "x", (const char *[]){"b"}, 1, false);
    CHECK(ask(r, "strict", "x") == ST(OK) && from(r, "b"));
    return NULL;
}

static enum lt_code open_fails(void *ctx, struct lt_str site, void **ret, struct lt_error *err)
{
    (*(int *)ctx)++;
    return lt_fail(err, LT_EINTERNAL, "no luck");
}

static const char *p8(struct rig *r)
{
    int tried = 0;
    GIVE(r, "x", "p", 1, 0, 100, .ctx = &tried, .open = open_fails);
    THREE(r);
    CHECK(ask(r, "want", "x") == ST(FAULTED) && ask(r, "need", "x") == ST(FAULTED) && ask(r, "need", "x") == ST(FAULTED));
    struct lt_service_answer a = explained(r, "want", "x");
    CHECK(a.status == ST(FAULTED) && strstr(a.reason, "no luck") && a.retry_after_ms > 0);
    return NULL;
}

static const char *p9(struct rig *r)
{
    GIVE(r, "x", "override", 1, 0, 0); /* there to be named, and nobody has */
    THREE(r);
    CHECK(ask(r, "want", "x") == ST(ABSENT) && ask(r, "need", "x") == ST(ABSENT));
    return NULL;
}

static const char *p10(struct rig *r)
{
    GIVE(r, "ai", "p", 1, 0, 100);
    CHECK(declare(r, "{'component':'c','wants':['AI']}") == LT_EINVALID_INPUT);
    return NULL;
}

static const char *p11(struct rig *r)
{
    THREE(r);
    CHECK(ask(r, "want", "x") == ST(ABSENT) && ask(r, "want", "x") == ST(ABSENT));
    GIVE(r, "x", "p", 1, 0, 100);
    CHECK(ask(r, "want", "x") == ST(OK));
    return NULL;
}

static const char *p12(struct rig *r)
{
    int opened = 0;
    GIVE(r, "x", "p", 1, 0, 100, .ctx = &opened, .open = open_new, .close = close_new);
    THREE(r);
    CHECK(ask(r, "want", "x") == ST(OK) && ask(r, "want", "x") == ST(OK) && opened == 1);
    CHECK(ask_as(r, &r->bob, "want", "x") == ST(OK) && opened == 2);
    return NULL;
}

/* ---- ISO: nobody acts as another ---- */

static const char *iso1(struct rig *r)
{
    struct lt_lease other = {0};
    char actor[] = "alice";
    struct lt_caller caller = r->alice;
    caller.user_id = (struct lt_str){actor, 5};
    GIVE(r, "x", "p", 1, 0, 100);
    THREE(r);
    CHECK(ask_as(r, &caller, "want", "x") == ST(OK));
    memcpy(actor, "bobby", 5); /* the host's buffer is somebody else's now */
    CHECK(lt_service_acquire(comp(r, "want"), LT_STR("x"), &caller, &r->place, &other) == ST(OK));
    CHECK(lt_lease_enter(&r->lease) == ST(OK) && lt_str_is(r->lease.user_id, "alice"));
    CHECK(lt_str_is(other.user_id, "bobby"));
    lt_lease_leave(&r->lease, ST(OK), NULL);
    lt_service_release(&other);
    return NULL;
}

static const char *iso2(struct rig *r)
{
    static int old, new;
    GIVE(r, "x", "p", 1, 0, 100, .ctx = &old);
    THREE(r);
    CHECK(ask(r, "want", "x") == ST(OK));
    GIVE(r, "x", "p", 1, 0, 100, .ctx = &new);
    GIVE(r, "x", "builtin", 1, 0, 100, .ctx = &new);
    CHECK(lt_lease_enter(&r->lease) == ST(OK) && lt_lease_instance(&r->lease) == &old);
    lt_lease_leave(&r->lease, ST(OK), NULL);
    CHECK(ask(r, "want", "x") == ST(OK) && lt_lease_instance(&r->lease) == &new);
    return NULL;
}

static const char *iso3(struct rig *r)
{
    GIVE(r, "x", "a", 1, 0, 100);
    GIVE(r, "x", "own", 1, 0, 0);
    THREE(r);
    choose(r, &r->t1, "x", (const char *[]){"own"}, 1, false);
    CHECK(ask(r, "want", "x") == ST(OK) && from(r, "own"));
    CHECK(ask_as(r, &r->bob, "want", "x") == ST(OK) && from(r, "a"));
    return NULL;
}

/* ---- R: the registry ---- */

static const char *r1(struct rig *r)
{
    DECLARE(r, "{'component':'c','needs':['x']}");
    GIVE(r, "x", "p", 1, 0, 100);
    BIND(r);
    CHECK(lt_component_active(comp(r, "c"), NULL, r->why) && ask(r, "c", "x") == ST(OK));
    return NULL;
}

static const char *r2(struct rig *r)
{
    DECLARE(r, "{'component':'c','needs':[{'service':'x','min':'1.2','max_major':1}]}");
    BIND(r);
    CHECK(!lt_component_active(comp(r, "c"), NULL, r->why));
    CHECK(strcmp(r->why, "c needs x >= 1.2 < 2: absent (nobody provides it)") == 0);
    return NULL;
}

/* Locks that were taken: the linker puts this in their place. */
static _Thread_local long locks;
int __real_pthread_mutex_lock(pthread_mutex_t *mutex);
int __wrap_pthread_mutex_lock(pthread_mutex_t *mutex);

int __wrap_pthread_mutex_lock(pthread_mutex_t *mutex)
{
    locks++;
    return __real_pthread_mutex_lock(mutex);
}

/* Who takes no lock waits for nobody; bench/service_lookup.c measures. */
static const char *r3(struct rig *r)
{
    THREE(r);
    struct lt_component *want = comp(r, "want");
    CHECK(lt_component_active(want, NULL, r->why));
    long before = locks;
    CHECK(before > 0);
    for (int i = 0; i < 1000; i++)
        CHECK(lt_service_acquire(want, LT_STR("x"), &r->alice, &r->place, &r->lease) == ST(ABSENT));
    CHECK(locks == before);
    return NULL;
}

static const char *r4(struct rig *r)
{
    struct lt_service_offer o = OFFER("x", "p", 1, 0, 100);
    o.state = LT_SERVICE_STARTING;
    CHECK(lt_services_offer(r->s, &o, &r->err) == LT_OK);
    THREE(r);
    uint64_t before = lt_services_changed_at(r->s, LT_STR("x"));
    CHECK(ask(r, "want", "x") == ST(BUSY));
    CHECK(lt_services_set_state(r->s, "p", "x", LT_SERVICE_ACTIVE) == 1);
    CHECK(lt_services_changed_at(r->s, LT_STR("x")) > before && ask(r, "want", "x") == ST(OK));
    return NULL;
}

static const char *r5(struct rig *r)
{
    GIVE(r, "x", "p", 1, 4, 100);
    GIVE(r, "x", "p", 2, 0, 100);
    DECLARE(r, "{'component':'c','wants':[{'service':'x','min':'1.2','max_major':1}]}");
    BIND(r);
    CHECK(ask(r, "c", "x") == ST(OK) && r->lease.entry->major == 1 && r->lease.entry->minor == 4);
    return NULL;
}

static const char *r6(struct rig *r)
{
    GIVE(r, "x", "p", 2, 0, 100);
    DECLARE(r, "{'component':'w','wants':[{'service':'x','min':'1.0'}]}");
    DECLARE(r, "{'component':'n','needs':[{'service':'x','min':'1.0'}]}");
    BIND(r);
    CHECK(ask(r, "w", "x") == ST(VERSION) && strstr(explained(r, "w", "x").reason, "2.0"));
    CHECK(!lt_component_active(comp(r, "n"), NULL, r->why) && strstr(r->why, "version") && strstr(r->why, "2.0"));
    return NULL;
}

static int say_7(void *instance)
{
    return 7;
}

static int later_or(const struct greeter *g, int otherwise)
{
    return LT_SERVICE_HAS(struct greeter, g, later) ? g->later(NULL) : otherwise;
}

static const char *r7(struct rig *r)
{
    static const struct {
        struct greeter old;
        int (*newest)(void *);
    } larger = {{sizeof(larger), say_7, say_7}, say_7};
    GIVE(r, "x", "p", 1, 0, 100, .vtable = &larger);
    THREE(r);
    CHECK(ask(r, "want", "x") == ST(OK));
    const struct greeter *g = lt_lease_vtable(&r->lease);
    CHECK(LT_SERVICE_HAS(struct greeter, g, hello) && g->hello(NULL) == 7);
    return NULL;
}

struct first_greeter {
    uint32_t size;
    int (*hello)(void *instance);
};

static const char *r8(struct rig *r)
{
    struct first_greeter *smaller = malloc(sizeof(*smaller)); /* exactly: ASan sees a read behind it */
    *smaller = (struct first_greeter){sizeof(*smaller), say_7};
    GIVE(r, "x", "p", 1, 0, 100, .vtable = smaller);
    THREE(r);
    CHECK(ask(r, "want", "x") == ST(OK));
    CHECK(later_or(lt_lease_vtable(&r->lease), -1) == -1);
    const struct greeter *g = lt_lease_vtable(&r->lease);
    CHECK(LT_SERVICE_HAS(struct greeter, g, hello) && g->hello(NULL) == 7);
    free(smaller);
    return NULL;
}

static const char *r9(struct rig *r)
{
    static const char *const plugins[] = {"a", "b", "c", "d", "e"};
    unsigned seed = (unsigned)time(NULL);
    printf("R9: seed %u\n", seed);
    srand(seed);
    for (int round = 0; round < 1000; round++) {
        rig_again(r);
        for (size_t i = 0, k = (size_t)rand(); i < LT_COUNT(plugins); i++)
            GIVE(r, "x", plugins[(i * 2 + k) % LT_COUNT(plugins)], 1, 0, 100);
        THREE(r);
        CHECK(ask(r, "want", "x") == ST(OK) && from(r, "a"));
    }
    return NULL;
}

static const char *r10(struct rig *r)
{
    GIVE(r, "x", "a", 1, 0, 200);
    GIVE(r, "x", "b", 1, 0, 100);
    THREE(r);
    choose(r, &r->t1, "x", (const char *[]){"b"}, 1, false);
    CHECK(ask(r, "want", "x") == ST(OK) && from(r, "b"));
    CHECK(ask_as(r, &r->bob, "want", "x") == ST(OK) && from(r, "a"));
    return NULL;
}

static const char *r11(struct rig *r)
{
    GIVE(r, "x", "a", 1, 0, 100);
    THREE(r);
    choose(r, &r->t1, "x", (const char *[]){"gone"}, 1, false);
    CHECK(ask(r, "want", "x") == ST(ABSENT) && strstr(explained(r, "want", "x").reason, "pinned to gone"));
    choose(r, &r->t1, "x", (const char *[]){"gone"}, 1, true);
    CHECK(ask(r, "want", "x") == ST(OK) && from(r, "a"));
    return NULL;
}

static const char *r12(struct rig *r)
{
    GIVE(r, "x", "a", 1, 0, 100);
    THREE(r);
    choose(r, &r->t1, "x", NULL, 0, false); /* none */
    CHECK(ask(r, "want", "x") == ST(DISABLED) && ask_as(r, &r->bob, "want", "x") == ST(OK));
    CHECK(!lt_component_active(comp(r, "need"), &r->t1, r->why) && lt_component_active(comp(r, "need"), &r->t2, r->why));
    r->t1.service_choices_n = 0;
    r->t1.enabled = false;
    CHECK(ask(r, "want", "x") == ST(DISABLED) && ask_as(r, &r->bob, "want", "x") == ST(OK));
    return NULL;
}

static const char *r13(struct rig *r)
{
    GIVE(r, "x", "quiet", 9, 0, 0);
    THREE(r);
    CHECK(ask(r, "want", "x") == ST(ABSENT));
    choose(r, &r->t1, "x", (const char *[]){"quiet"}, 1, false);
    CHECK(ask(r, "want", "x") == ST(OK) && from(r, "quiet"));
    return NULL;
}

static const char *r14(struct rig *r)
{
    int tried = 0;
    GIVE(r, "x", "best", 1, 0, 200, .ctx = &tried, .open = open_fails);
    GIVE(r, "x", "next", 1, 0, 100);
    THREE(r);
    for (int i = 0; i < 10; i++)
        CHECK(ask(r, "want", "x") == ST(OK) && from(r, "next"));
    struct lt_service_answer a = explained(r, "want", "x");
    CHECK(tried == 3 && a.candidates_n == 2 && a.candidates[0].status == ST(FAULTED) && strstr(a.candidates[0].reason, "no luck"));
    return NULL;
}

static const char *r16(struct rig *r)
{
    int opened = 0;
    GIVE(r, "x", "p", 1, 0, 100, .ctx = &opened, .open = open_new, .close = close_new);
    GIVE(r, "y", "p", 1, 0, 100);
    DECLARE(r, "{'component':'other','wants':['y']}");
    THREE(r);
    for (int i = 0; i < 3; i++) {
        CHECK(ask(r, "want", "x") == ST(OK) && lt_lease_enter(&r->lease) == ST(OK));
        lt_lease_leave(&r->lease, ST(FAULTED), "crashed");
    }
    CHECK(ask(r, "want", "x") == ST(FAULTED) && opened == 1);
    CHECK(explained(r, "want", "x").retry_after_ms > 0);
    lt_clock_advance(4000); /* of 5 s */
    CHECK(ask(r, "want", "x") == ST(FAULTED));
    lt_clock_advance(1000);
    CHECK(ask(r, "want", "x") == ST(OK) && lt_lease_enter(&r->lease) == ST(OK));
    lt_lease_leave(&r->lease, ST(TIMEOUT), "crashed again"); /* one is enough now, and for twice as long */
    CHECK(ask(r, "want", "x") == ST(FAULTED) && opened == 1);
    CHECK(explained(r, "want", "x").retry_after_ms > 5000);
    lt_clock_advance(10000);
    CHECK(ask(r, "want", "x") == ST(OK) && lt_lease_enter(&r->lease) == ST(OK));
    lt_lease_leave(&r->lease, ST(OK), NULL); /* all is forgotten */
    CHECK(explained(r, "want", "x").status == ST(OK));
    CHECK(ask_as(r, &r->bob, "want", "x") == ST(OK) && ask(r, "other", "y") == ST(OK)); /* nobody else's status changes */
    return NULL;
}

/* Leases in many hands while the plugin is taken out of use. */
struct user {
    struct rig *r;
    pthread_t thread;
    long done, gone, wrong;
};

static atomic_int users_ready;
static atomic_bool users_stop;

static void *use_until_gone(void *arg)
{
    struct user *u = arg;
    struct lt_lease lease = {0};
    if (lt_service_acquire(comp(u->r, "want"), LT_STR("x"), &u->r->alice, NULL, &lease))
        u->wrong++;
    atomic_fetch_add(&users_ready, 1);
    while (!u->wrong && lt_lease_enter(&lease) == ST(OK)) {
        u->done += *(volatile char *)lt_lease_instance(&lease) >= 0; /* freed too early: ASan */
        lt_lease_leave(&lease, ST(OK), NULL);
        usleep(100); /* a hundred of them share few cores */
    }
    u->gone++;
    lt_service_release(&lease);
    return NULL;
}

static enum lt_code open_zero(void *ctx, struct lt_str site, void **ret, struct lt_error *err)
{
    *ret = calloc(1, 1);
    return LT_OK;
}

static const char *r17(struct rig *r)
{
    struct user users[100];
    GIVE(r, "x", "p", 1, 0, 100, .open = open_zero, .close = close_new);
    THREE(r);
    atomic_store(&users_ready, 0);
    for (size_t i = 0; i < LT_COUNT(users); i++) {
        users[i] = (struct user){.r = r};
        pthread_create(&users[i].thread, NULL, use_until_gone, &users[i]);
    }
    while (atomic_load(&users_ready) < (int)LT_COUNT(users))
        usleep(1000);
    size_t leases = lt_services_leases(r->s, "p", NULL);
    lt_services_drain(r->s, "p", NULL, lt_mono_ms() + 100);
    enum lt_service_status meanwhile = ask(r, "want", "x");
    long gone = 0, wrong = 0;
    for (size_t i = 0; i < LT_COUNT(users); i++) {
        pthread_join(users[i].thread, NULL);
        gone += users[i].gone;
        wrong += users[i].wrong;
    }
    CHECK(leases == 100 && meanwhile == ST(DISABLED) && gone == 100 && wrong == 0);
    CHECK(lt_services_leases(r->s, "p", NULL) == 0);
    CHECK(lt_services_set_state(r->s, "p", NULL, LT_SERVICE_ACTIVE) == 1 && ask(r, "want", "x") == ST(OK));
    return NULL;
}

/* Each build counts its own calls and is told once that it is out of use. */
struct counted {
    atomic_long calls;
    atomic_int retired, after; /* calls after it was told */
};

static void count_retired(void *ctx)
{
    atomic_fetch_add(&((struct counted *)ctx)->retired, 1);
}

static void *call_on(void *arg)
{
    struct user *u = arg;
    while (!atomic_load(&users_stop)) {
        struct lt_lease lease = {0};
        if (lt_service_acquire(comp(u->r, "want"), LT_STR("x"), &u->r->alice, NULL, &lease) || lt_lease_enter(&lease)) {
            u->wrong++;
        } else {
            struct counted *build = lt_lease_instance(&lease);
            atomic_fetch_add(&build->after, atomic_load(&build->retired));
            atomic_fetch_add(&build->calls, 1);
            u->done++;
            lt_lease_leave(&lease, ST(OK), NULL);
        }
        lt_service_release(&lease);
    }
    return NULL;
}

static const char *r18(struct rig *r)
{
    static struct counted builds[50];
    struct user users[4];
    long done = 0, wrong = 0, counted = 0, after = 0, retired = 0;
    memset(builds, 0, sizeof(builds));
    GIVE(r, "x", "p", 1, 0, 100, .ctx = &builds[0], .retired = count_retired);
    THREE(r);
    atomic_store(&users_stop, false);
    for (size_t i = 0; i < LT_COUNT(users); i++) {
        users[i] = (struct user){.r = r};
        pthread_create(&users[i].thread, NULL, call_on, &users[i]);
    }
    for (size_t i = 1; i < LT_COUNT(builds); i++) {
        lt_services_offer(r->s, &OFFER("x", "p", 1, (int)i, 100, .ctx = &builds[i], .retired = count_retired), &r->err);
        usleep(1000);
    }
    for (int i = 0; i < 60000 && atomic_load(&builds[LT_COUNT(builds) - 1].calls) == 0; i++)
        usleep(1000);
    atomic_store(&users_stop, true);
    for (size_t i = 0; i < LT_COUNT(users); i++) {
        pthread_join(users[i].thread, NULL);
        done += users[i].done;
        wrong += users[i].wrong;
    }
    for (size_t i = 0; i < LT_COUNT(builds); i++) {
        counted += atomic_load(&builds[i].calls);
        after += atomic_load(&builds[i].after);
        retired += atomic_load(&builds[i].retired);
    }
    CHECK(done > 0 && done == counted && wrong == 0 && after == 0 && retired == 49);
    CHECK(ask(r, "want", "x") == ST(OK) && lt_lease_instance(&r->lease) == &builds[49]);
    return NULL;
}

static const char *two_plugins(struct rig *r, const char *b_uses)
{
    GIVE(r, "sa", "a", 1, 0, 100);
    GIVE(r, "sb", "b", 1, 0, 100);
    DECLARE(r, "{'component':'a','needs':['sb']}");
    DECLARE(r, b_uses);
    BIND(r);
    return NULL;
}

static const char *r19(struct rig *r)
{
    CHECK(two_plugins(r, "{'component':'b','needs':['sa']}") == NULL);
    CHECK(!lt_component_active(comp(r, "b"), NULL, r->why) && !lt_component_active(comp(r, "a"), NULL, r->why));
    CHECK(strcmp(r->why, "needs in a circle: a needs sb of b needs sa of a") == 0);
    return NULL;
}

static const char *r20(struct rig *r)
{
    CHECK(two_plugins(r, "{'component':'b','wants':['sa']}") == NULL);
    CHECK(lt_component_active(comp(r, "b"), NULL, r->why) && lt_component_active(comp(r, "a"), NULL, r->why));
    CHECK(ask(r, "b", "sa") == ST(OK) && ask(r, "a", "sb") == ST(OK));
    return NULL;
}

static const char *r24(struct rig *r)
{
    return l1(r);
}

static void *read_actor(void *arg)
{
    struct lt_lease *lease = arg;
    static char actor[64];
    if (lt_lease_enter(lease))
        return NULL;
    snprintf(actor, sizeof(actor), "%.*s", LT_FMT(lease->user_id));
    lt_lease_leave(lease, ST(OK), NULL);
    return actor;
}

static const char *r25(struct rig *r)
{
    pthread_t thread;
    void *actor = NULL;
    GIVE(r, "x", "p", 1, 0, 100);
    THREE(r);
    CHECK(ask(r, "want", "x") == ST(OK));
    CHECK(pthread_create(&thread, NULL, read_actor, &r->lease) == 0);
    pthread_join(thread, &actor);
    CHECK(actor && strcmp(actor, "alice") == 0);
    return NULL;
}

static const char *r26(struct rig *r)
{
    int opened = 0;
    GIVE(r, "x", "p", 1, 0, 100, .ctx = &opened, .open = open_new, .close = close_new);
    THREE(r);
    uint64_t generation = lt_services_generation(r->s);
    CHECK(lt_service_probe(comp(r, "want"), LT_STR("x"), &r->alice, &r->place) == ST(OK));
    CHECK(lt_service_probe(comp(r, "none"), LT_STR("x"), &r->alice, &r->place) == ST(UNDECLARED));
    CHECK(explained(r, "want", "x").status == ST(OK));
    CHECK(opened == 0 && lt_services_leases(r->s, "p", NULL) == 0 && lt_services_generation(r->s) == generation);
    return NULL;
}

static const char *r27(struct rig *r)
{
    static const char *const wrong[] = {"AI_Extensions", "", "1a", "a b", "-a", "ai/x",
                                        "a234567890123456789012345678901234567890123456789012345678901234"};
    for (size_t i = 0; i < LT_COUNT(wrong); i++) {
        const char *text = lt_printf(r->arena, "{'component':'c','wants':['%s']}", wrong[i]).p;
        CHECK(declare(r, text) == LT_EINVALID_INPUT);
        CHECK(lt_services_offer(r->s, &OFFER(wrong[i], "p", 1, 0, 100), &r->err) == LT_ECONFIG);
        CHECK(explained(r, NULL, wrong[i]).status == ST(INVALID));
    }
    DECLARE(r, "{'component':'c','wants':['ai_extensions']}");
    GIVE(r, "ai_extensions", "p", 1, 0, 100);
    BIND(r);
    CHECK(ask(r, "c", "ai_extensions") == ST(OK) && ask(r, "c", "AI_Extensions") == ST(UNDECLARED));
    return NULL;
}

/* ---- the table ---- */

struct row {
    const char *id;
    const char *(*run)(struct rig *r);
    const char *what;
};

static const struct row rows[] = {
    {"D1", d1, "a component that declares nothing has what it extends"},
    {"D2", d2, "needs and wants are read"},
    {"D3", d3, "declarations of all ancestors"},
    {"D4", d4, "inherited unchanged"},
    {"D5", d5, "the derived may weaken"},
    {"D6", d6, "the derived may strengthen"},
    {"D7", d7, "the leftmost base wins"},
    {"D8", d8, "of two in one manifest the last wins"},
    {"D9", d9, "an empty list is no error"},
    {"D10", d10, "declarations are frozen: a late one is an error"},
    {"D11", d11, "declared before it is bound: effective"},
    {"D12", d12, "the base is not changed by what extends it"},
    {"D13", d13, "a mixin may add a need"},
    {"D14", d14, "the block's want beats a mixin's need"},
    {"D15", d15, "a mixin cannot weaken"},
    {"D16", d16, "even what all need may be wanted only"},
    {"L1", l1, "undeclared, although it is there"},
    {"L2", l2, "wanted and absent is no error"},
    {"L3", l3, "a component with an unmet need can be made"},
    {"L4", l4, "needed and absent"},
    {"L5", l5, "the host's null disables"},
    {"L6", l6, "an instance that is null is one"},
    {"L7", l7, "names are compared byte by byte"},
    {"L8", l8, "the host's default"},
    {"L9", l9, "the default does not undo the host's null"},
    {"L10", l10, "defaults must be declared too"},
    {"L11", l11, "the giver's table is copied"},
    {"L12", l12, "the same instance twice"},
    {"L13", l13, "no name at all"},
    {"L14", l14, "a component goes on without what it wants"},
    {"P1", p1, "a plugin's service, bound to site, user and place"},
    {"P2", p2, "the host goes before plugins"},
    {"P3", p3, "the host's null disables a plugin's service"},
    {"P4", p4, "not installed"},
    {"P5", p5, "installed, undeclared"},
    {"P6", p6, "a higher rank overrides"},
    {"P7", p7, "two as good: one of them always; an error only if strict"},
    {"P8", p8, "an instance that cannot be made is a fault"},
    {"P9", p9, "only what must be named, and is not"},
    {"P10", p10, "one canonical form of names"},
    {"P11", p11, "installed later is seen at once"},
    {"P12", p12, "one instance for plugin and site"},
    {"ISO-1", iso1, "a lease keeps its actor"},
    {"ISO-2", iso2, "a lease keeps its own snapshot"},
    {"ISO-3", iso3, "one site's choice is not another's"},
    {"R1", r1, "the provider comes after its consumer"},
    {"R2", r2, "an unmet need: not activated, and why"},
    {"R3", r3, "an unmet want: active, absent, no wait"},
    {"R4", r4, "starting is busy, then a change"},
    {"R5", r5, "the version in the window"},
    {"R6", r6, "other versions only"},
    {"R7", r7, "a larger vtable serves an old consumer"},
    {"R8", r8, "a smaller vtable: not implemented"},
    {"R9", r9, "the same one whatever the order of loading"},
    {"R10", r10, "pinned for one site"},
    {"R11", r11, "a pin to what is missing does not fall back"},
    {"R12", r12, "disabled for one site"},
    {"R13", r13, "rank 0 only when named"},
    {"R14", r14, "the best fails: the next, and the fault is kept"},
    {"R15", case_r15, "a crash in the middle of a call"},
    {"R16", r16, "after three crashes it is left alone"},
    {"R17", r17, "drained with 100 leases out"},
    {"R18", r18, "a new build under load"},
    {"R19", r19, "a circle of needs"},
    {"R20", r20, "a circle with a want"},
    {"R21", case_r21, "wrong magic, size, ABI"},
    {"R22", case_r22, "a plugin id twice"},
    {"R23", case_r23, "a broken manifest"},
    {"R24", r24, "undeclared, although it is there"},
    {"R25", r25, "a lease in another thread keeps its actor"},
    {"R26", r26, "a probe has no effect"},
    {"R27", r27, "one canonical form, others are not valid"},
};

static void each_case_holds(void **state)
{
    size_t failed = 0;
    for (size_t i = 0; i < LT_COUNT(rows); i++) {
        struct rig r;
        rig_open(&r);
        const char *wrong = rows[i].run(&r);
        rig_close(&r);
        failed += wrong != NULL;
        printf("%-6s %-5s %s%s%s\n", rows[i].id, wrong ? "FAIL" : "ok", rows[i].what, wrong ? ": " : "", wrong ? wrong : "");
    }
    printf("%zu cases, %zu ok, %zu failed\n", LT_COUNT(rows), LT_COUNT(rows) - failed, failed);
    assert_int_equal(failed, 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_case_holds)};
    if (argc == 4 && strcmp(argv[1], "plugin") == 0 && strcmp(argv[2], "host") == 0) /* plugins run in processes of this program */
        return lt_plugin_host(argv[3]);
    setvbuf(stdout, NULL, _IOLBF, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
