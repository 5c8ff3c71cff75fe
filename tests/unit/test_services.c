/* Services beyond the numbered cases: order of loading, statuses, manifests, changes. */
#include "service_rig.h"

#include "plugin/service_private.h"

#include <stdio.h>
#include <time.h>

#define EVERY_STATUS_NAMED(X) \
    X(OK) X(UNDECLARED) X(ABSENT) X(DISABLED) X(DENIED) X(AMBIGUOUS) X(VERSION) X(FAULTED) X(BUSY) X(GONE) X(TIMEOUT) X(INVALID) X(NOMEM)

static int open_rig(void **state)
{
    static struct rig r;
    rig_open(&r);
    *state = &r;
    return 0;
}

static int close_rig(void **state)
{
    rig_close(*state);
    return 0;
}

static void every_status_has_a_name(void **state)
{
    const char *all = "";
#define X(symbol) all = lt_printf(((struct rig *)*state)->arena, "%s%s ", all, lt_service_status_name(LT_SERVICE_##symbol)).p;
    EVERY_STATUS_NAMED(X)
#undef X
    assert_string_equal(all, "ok undeclared absent disabled denied ambiguous version faulted busy gone timeout invalid nomem ");
}

/* ---- the order of loading ---- */

static const char *const manifests[] = {
    "{'component':'a','needs':['base']}",
    "{'component':'b','wants':['sa'],'needs':['base']}",
    "{'component':'ora','extends':['grader','block'],'wants':['sb']}",
    "{'component':'grader','extends':['block'],'needs':['sa']}",
    "{'component':'block','wants':['sa','base']}",
};
static const struct lt_service_offer offers[] = {
    {.name = "base", .plugin = "builtin", .major = 1, .rank = 10, .state = LT_SERVICE_ACTIVE},
    {.name = "base", .plugin = "z", .major = 3, .rank = 900, .state = LT_SERVICE_ACTIVE},
    {.name = "sa", .plugin = "a", .major = 1, .minor = 2, .rank = 100, .state = LT_SERVICE_ACTIVE},
    {.name = "sa", .plugin = "c", .major = 1, .minor = 2, .rank = 100, .state = LT_SERVICE_ACTIVE},
    {.name = "sb", .plugin = "c", .major = 1, .rank = 100, .state = LT_SERVICE_STARTING},
    {.name = "sb", .plugin = "b", .major = 1, .rank = 50, .state = LT_SERVICE_ACTIVE},
};
enum { THINGS = LT_COUNT(manifests) + LT_COUNT(offers) };

static void load(struct rig *r, size_t thing)
{
    if (thing < LT_COUNT(manifests))
        assert_int_equal(declare(r, manifests[thing]), LT_OK);
    else
        assert_int_equal(lt_services_offer(r->s, &offers[thing - LT_COUNT(manifests)], &r->err), LT_OK);
}

/* All that can be asked, as one text. */
static void answers(struct rig *r, struct lt_buf *out)
{
    static const char *const components[] = {"a", "b", "block", "grader", "ora"}, *const services[] = {"base", "sa", "sb", "none"};
    for (size_t c = 0; c < LT_COUNT(components); c++) {
        lt_buf_printf(out, "%s active=%d:", components[c], lt_component_active(comp(r, components[c]), NULL, r->why));
        for (size_t s = 0; s < LT_COUNT(services); s++) {
            struct lt_service_answer a = explained(r, components[c], services[s]);
            enum lt_service_status status = ask(r, components[c], services[s]);
            assert_int_equal(status, a.status); /* explain, probe and acquire say the same */
            lt_buf_printf(out, " %s=%d/%s/%s/%d", services[s], (int)a.strength, lt_service_status_name(status),
                          r->lease.build ? r->lease.entry->plugin : "", (int)a.candidates_n);
        }
        lt_buf_printf(out, "\n");
    }
}

static void answers_do_not_depend_on_the_order_of_loading(void **state)
{
    struct rig *r = *state;
    unsigned seed = (unsigned)time(NULL);
    struct lt_buf first, now;
    size_t order[THINGS];
    print_message("seed %u\n", seed);
    srand(seed);
    lt_buf_init(&first, 65536);
    for (int round = 0; round < 300; round++) {
        rig_again(r);
        for (size_t i = 0; i < THINGS; i++)
            order[i] = i;
        for (size_t i = round ? THINGS - 1 : 0; i > 0; i--) {
            size_t k = (size_t)rand() % (i + 1), other = order[i];
            order[i] = order[k];
            order[k] = other;
        }
        size_t late = (size_t)rand() % THINGS; /* some come after a first binding */
        for (size_t i = 0; i < THINGS; i++) {
            if (i == late)
                lt_services_bind(r->s);
            load(r, order[i]);
        }
        lt_services_bind(r->s);
        lt_buf_init(&now, 65536);
        answers(r, round ? &now : &first);
        if (round)
            assert_string_equal(lt_strz(r->arena, lt_buf_str(&now)), lt_strz(r->arena, lt_buf_str(&first)));
        lt_buf_free(&now);
    }
    lt_buf_free(&first);
}

/* ---- statuses ---- */

static void permission_decides_who(void **state)
{
    struct rig *r = *state;
    assert_int_equal(give(r, OFFER("x", "p", 1, 0, 100, .permission = "manage_site")), LT_OK);
    declare(r, "{'component':'c','wants':['x']}");
    lt_services_bind(r->s);
    assert_int_equal(ask(r, "c", "x"), LT_SERVICE_DENIED);
    r->alice.roles = 1u << LT_ROLE_ADMIN;
    assert_int_equal(ask(r, "c", "x"), LT_SERVICE_OK);
}

static void switched_off_in_a_course(void **state)
{
    static const struct {
        const char *course, *location, *action;
        enum lt_service_status expected;
    } table[] = {
        {"course", "", "", LT_SERVICE_DISABLED},          {"course", "unit", "", LT_SERVICE_DISABLED},
        {"course", "", "service:x", LT_SERVICE_DISABLED}, {"course", "unit", "service:x", LT_SERVICE_DISABLED},
        {"other", "", "", LT_SERVICE_OK},                 {"course", "elsewhere", "", LT_SERVICE_OK},
        {"course", "", "service:y", LT_SERVICE_OK},       {"course", "", "generate_text", LT_SERVICE_OK},
    };
    struct rig *r = *state;
    assert_int_equal(give(r, OFFER("x", "p", 1, 0, 100)), LT_OK);
    declare(r, "{'component':'c','wants':['x']}");
    lt_services_bind(r->s);
    for (size_t i = 0; i < LT_COUNT(table); i++) {
        struct lt_place_switch off = {lt_str(table[i].course), lt_str(table[i].location), lt_str(table[i].action), false};
        r->t1.place_switches = &off;
        r->t1.place_switches_n = 1;
        if (ask(r, "c", "x") != table[i].expected)
            fail_msg("row %zu", i);
        assert_int_equal(ask_as(r, &r->bob, "c", "x"), LT_SERVICE_OK);
    }
}

static void quarantine_ends_leases_and_is_taken_back(void **state)
{
    struct rig *r = *state;
    assert_int_equal(give(r, OFFER("x", "p", 1, 0, 100)), LT_OK);
    declare(r, "{'component':'c','needs':['x']}");
    lt_services_bind(r->s);
    assert_int_equal(ask(r, "c", "x"), LT_SERVICE_OK);
    lt_services_quarantine(r->s, "p", INT64_MAX, "crashed at start");
    assert_int_equal(lt_lease_enter(&r->lease), LT_SERVICE_GONE);
    assert_int_equal(ask(r, "c", "x"), LT_SERVICE_FAULTED);
    assert_false(lt_component_active(comp(r, "c"), NULL, r->why));
    assert_string_equal(r->why, "c needs x: faulted (in quarantine: crashed at start)");
    lt_services_quarantine(r->s, "p", 0, NULL);
    assert_int_equal(ask(r, "c", "x"), LT_SERVICE_OK);
    assert_true(lt_component_active(comp(r, "c"), NULL, r->why));
}

static void a_success_forgets_faults(void **state)
{
    struct rig *r = *state;
    assert_int_equal(give(r, OFFER("x", "p", 1, 0, 100)), LT_OK);
    declare(r, "{'component':'c','wants':['x']}");
    lt_services_bind(r->s);
    for (int i = 0; i < 9; i++) {
        assert_int_equal(ask(r, "c", "x"), LT_SERVICE_OK);
        assert_int_equal(lt_lease_enter(&r->lease), LT_SERVICE_OK);
        lt_lease_leave(&r->lease, i % 3 == 2 ? LT_SERVICE_OK : LT_SERVICE_TIMEOUT, "slow");
    }
}

static void what_does_not_fit_a_lease_is_not_valid(void **state)
{
    struct rig *r = *state;
    char text[1025];
    memset(text, 'x', sizeof(text));
    assert_int_equal(give(r, OFFER("x", "p", 1, 0, 100)), LT_OK);
    declare(r, "{'component':'c','wants':['x']}");
    lt_services_bind(r->s);
    r->place = (struct lt_place){0};
    r->alice.user_id = (struct lt_str){text, 1022};
    assert_int_equal(ask(r, "c", "x"), LT_SERVICE_OK);
    r->alice.user_id.n = 1023; /* and "t1" */
    assert_int_equal(ask(r, "c", "x"), LT_SERVICE_INVALID);
}

/* ---- manifests ---- */

static void manifests_that_are_not_right_say_where(void **state)
{
    static const struct {
        const char *text, *field;
    } table[] = {
        {"{}", "/component"},
        {"[]", "/component"},
        {"{'component':'C'}", "/component"},
        {"{'component':'c','needs':'x'}", "/needs"},
        {"{'component':'c','needs':[1]}", "/needs/0/service"},
        {"{'component':'c','wants':['x',{'service':'X'}]}", "/wants/1/service"},
        {"{'component':'c','wants':[{'service':'x','min':1.2}]}", "/wants/0/min"},
        {"{'component':'c','wants':[{'service':'x','min':'1.2.3'}]}", "/wants/0/min"},
        {"{'component':'c','wants':[{'service':'x','min':'10000.0'}]}", "/wants/0/min"},
        {"{'component':'c','wants':[{'service':'x','min':'2.0','max_major':1}]}", "/wants/0/max_major"},
        {"{'component':'c','wants':[{'service':'x','max_major':'1'}]}", "/wants/0/max_major"},
        {"{'component':'c','wants':[{'service':'x','strict':1}]}", "/wants/0/strict"},
        {"{'component':'c','wants':[{'service':'x','rank':1}]}", "/wants/0"},
        {"{'component':'c','extends':'b'}", "/extends"},
        {"{'component':'c','extends':['B']}", "/extends"},
        {"{'component':'c','nedes':['b']}", ""},
    };
    struct rig *r = *state;
    for (size_t i = 0; i < LT_COUNT(table); i++) {
        assert_int_equal(declare(r, table[i].text), LT_EINVALID_INPUT);
        assert_string_equal(r->err.field, table[i].field);
    }
}

static void extending_what_cannot_be_is_said(void **state)
{
    static const struct {
        const char *component, *why;
    } table[] = {
        {"orphan", "orphan extends 'nobody', which is not there"},
        {"x", "x extends components in orders that contradict each other"},
    };
    struct rig *r = *state;
    declare(r, "{'component':'orphan','extends':['nobody']}");
    declare(r, "{'component':'o'}");
    declare(r, "{'component':'p'}");
    declare(r, "{'component':'op','extends':['o','p']}");
    declare(r, "{'component':'po','extends':['p','o']}");
    declare(r, "{'component':'x','extends':['op','po']}");
    declare(r, "{'component':'tail','extends':['head']}");
    declare(r, "{'component':'head','extends':['tail']}");
    lt_services_bind(r->s);
    for (size_t i = 0; i < LT_COUNT(table); i++) {
        assert_false(lt_component_active(comp(r, table[i].component), NULL, r->why));
        assert_string_equal(r->why, table[i].why);
    }
    assert_false(lt_component_active(comp(r, "head"), NULL, r->why));
    assert_true(lt_component_active(comp(r, "op"), NULL, r->why));
}

/* ---- declared again ---- */

static void declared_again_as_a_whole(void **state)
{
    struct rig *r = *state;
    assert_int_equal(give(r, OFFER("x", "p", 1, 0, 100)), LT_OK);
    declare(r, "{'component':'base','wants':['x']}");
    declare(r, "{'component':'c','extends':['base']}");
    declare(r, "{'component':'lost','wants':['x']}");
    lt_services_bind(r->s);
    struct lt_component *c = comp(r, "c"), *lost = comp(r, "lost");
    size_t used = 0;
    for (int round = 0; round < 3; round++) { /* the same again takes no memory */
        lt_services_redeclare(r->s);
        assert_int_equal(declare(r, "{'component':'base','needs':['y'],'wants':['x']}"), LT_OK);
        assert_int_equal(declare(r, "{'component':'c','extends':['base']}"), LT_OK);
        assert_int_equal(declare(r, "{'component':'c'}"), LT_ECONFLICT); /* once */
        if (round == 0)
            assert_int_equal(lt_component_declares(c, LT_STR("y")), LT_STRENGTH_NONE); /* not before it is bound */
        lt_services_bind(r->s);
        assert_true(round < 2 || used == lt_arena_used(r->s->arena));
        used = lt_arena_used(r->s->arena);
    }
    assert_ptr_equal(comp(r, "c"), c);
    assert_int_equal(lt_component_declares(c, LT_STR("y")), LT_STRENGTH_NEED);
    assert_false(lt_component_active(c, NULL, r->why));
    assert_null(comp(r, "lost"));
    assert_int_equal(lt_service_acquire(lost, LT_STR("x"), &r->alice, &r->place, &r->lease), LT_SERVICE_UNDECLARED); /* who still holds it */
    lt_services_redeclare(r->s);
    declare(r, "{'component':'lost','wants':['x']}");
    lt_services_bind(r->s);
    assert_ptr_equal(comp(r, "lost"), lost);
    assert_int_equal(ask(r, "lost", "x"), LT_SERVICE_OK);
    assert_null(comp(r, "c"));
}

static void one_major_version_is_drained(void **state)
{
    struct rig *r = *state;
    assert_int_equal(give(r, OFFER("x", "p", 1, 0, 100)), LT_OK);
    assert_int_equal(give(r, OFFER("x", "p", 2, 0, 100)), LT_OK);
    declare(r, "{'component':'old','wants':[{'service':'x','min':'1.0'}]}");
    declare(r, "{'component':'new','wants':[{'service':'x','min':'2.0'}]}");
    lt_services_bind(r->s);
    assert_int_equal(lt_services_drain_major(r->s, "p", "x", 1, 0), 1);
    assert_int_equal(ask(r, "old", "x"), LT_SERVICE_DISABLED);
    lt_services_ready(r->s, "p", false);
    assert_int_equal(ask(r, "new", "x"), LT_SERVICE_BUSY);
    assert_int_equal(ask(r, "old", "x"), LT_SERVICE_DISABLED); /* what is taken out of use does not come back with its plugin */
    lt_services_ready(r->s, "p", true);
    assert_int_equal(ask(r, "new", "x"), LT_SERVICE_OK);
    assert_int_equal(ask(r, "old", "x"), LT_SERVICE_DISABLED);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, open_rig, close_rig)
    const struct CMUnitTest tests[] = {
        T(every_status_has_a_name),
        T(answers_do_not_depend_on_the_order_of_loading),
        T(permission_decides_who),
        T(switched_off_in_a_course),
        T(quarantine_ends_leases_and_is_taken_back),
        T(a_success_forgets_faults),
        T(what_does_not_fit_a_lease_is_not_valid),
        T(manifests_that_are_not_right_say_where),
        T(extending_what_cannot_be_is_said),
        T(declared_again_as_a_whole),
        T(one_major_version_is_drained),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
