/* Finding routes, the table of streams, lists of tags. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "api/etag.h"
#include "api/list.h"
#include "api/routes.h"
#include "core/permission.h"

/* ---- routes ---- */

struct fixture {
    struct lt_arena *arena;
};

static int setup(void **state)
{
    static struct fixture f;
    f.arena = lt_arena_new();
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    lt_arena_free(((struct fixture *)*state)->arena);
    return 0;
}

static void a_path_finds_its_route(void **state)
{
    static const struct {
        const char *method, *path;
        enum lt_code code;
        const char *pattern, *param;
    } cases[] = {
        {"GET", "/v1/actions", LT_OK, "/v1/actions", NULL},
        {"GET", "/v1/actions/", LT_OK, "/v1/actions", NULL},
        {"POST", "/v1/actions/generate_text", LT_OK, "/v1/actions/{name}", "generate_text"},
        {"POST", "/v1/actions/a%20b", LT_OK, "/v1/actions/{name}", "a b"},
        {"POST", "/v1/actions/%zz", LT_ENOT_FOUND, NULL, NULL},
        {"POST", "/v1/actions/%00", LT_ENOT_FOUND, NULL, NULL},
        {"POST", "/v1/actions/%ff", LT_ENOT_FOUND, NULL, NULL},
        {"GET", "/v1/actions/calls/1/stream", LT_OK, "/v1/actions/calls/{id}/stream", "1"},
        {"GET", "/v1/actions/calls//stream", LT_ENOT_FOUND, NULL, NULL},
        {"GET", "/v1/actions/generate_text", LT_EMETHOD, "/v1/actions/{name}", NULL},
        {"PUT", "/v1/providers/order", LT_OK, "/v1/providers/order", NULL},
        {"GET", "/v1/providers/order", LT_EMETHOD, "/v1/providers/order", NULL},
        {"PATCH", "/v1/providers/7", LT_OK, "/v1/providers/{id}", "7"},
        {"GET", "/demo/", LT_OK, "/demo", NULL},
        {"GET", "/demo/static/images/a.svg", LT_OK, "/demo/static/{path*}", "images/a.svg"},
        {"GET", "/demo/static/", LT_ENOT_FOUND, NULL, NULL},
        {"GET", "/", LT_ENOT_FOUND, NULL, NULL},
        {"GET", "/v1/ACTIONS", LT_ENOT_FOUND, NULL, NULL},
        {"get", "/v1/actions", LT_EMETHOD, "/v1/actions", NULL},
        {"GET", "/v1/actionsx", LT_ENOT_FOUND, NULL, NULL},
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        const struct lt_route *route = NULL;
        struct lt_str params[LT_PARAMS_MAX] = {0};
        print_message("%s %s\n", cases[i].method, cases[i].path);
        assert_int_equal(lt_route_match(f->arena, lt_str(cases[i].method), lt_str(cases[i].path), &route, params), cases[i].code);
        if (cases[i].pattern)
            assert_string_equal(route->path, cases[i].pattern);
        if (cases[i].param)
            assert_true(lt_str_is(params[0], cases[i].param));
    }
}

/* POSTs whose path says all: they take no body, nor a type of one. */
static bool is_bodiless(const char *path)
{
    static const char *const paths[] = {"/openai/v1/responses/{id}/cancel", "/v1/event-destinations/{id}/test", "/v1/events/dead/retry",
                                        "/v1/events/dead/{id}/retry"};
    for (size_t i = 0; i < LT_COUNT(paths); i++)
        if (strcmp(path, paths[i]) == 0)
            return true;
    return false;
}

static void the_table_is_sound(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < lt_routes_n; i++) {
        const struct lt_route *r = &lt_routes[i];
        const struct lt_schema *schema;
        const struct lt_json *json;
        struct lt_error err;
        bool writes = strcmp(r->method, "GET") != 0 && strcmp(r->method, "DELETE") != 0;
        print_message("%s %s\n", r->method, r->path);
        assert_non_null(r->handle);
        bool anybody = strcmp(r->permission, "public") == 0 || strcmp(r->permission, "caller") == 0;
        bool bodiless = is_bodiless(r->path);
        assert_true(anybody || lt_permission_known(lt_str(r->permission))); /* else nobody could be given it */
        assert_true(r->summary[0]);
        bool file = r->flags & LT_ROUTE_FILE; /* which no schema describes */
        assert_int_equal(writes && !bodiless && !file, r->request_schema != NULL);
        assert_int_equal(writes && !bodiless, r->body_max > 0);
        struct lt_list_spec list;
        assert_true(!r->list || lt_list_spec(r->list, &list));
        if (r->request_schema)
            assert_int_equal(lt_schema_compile_text(f->arena, r->request_schema, &schema, &err), LT_OK);
        if (r->response_schema)
            assert_int_equal(lt_json_parse(f->arena, lt_str(r->response_schema), LT_JSON_STRICT, &json, &err), LT_OK);
        for (size_t k = 0; k < i; k++)
            assert_false(strcmp(r->path, lt_routes[k].path) == 0 && strcmp(r->method, lt_routes[k].method) == 0);
    }
}

/* ---- streams ---- */

static void a_stream_is_found_by_its_site_and_knows_its_owner(void **state)
{
    struct lt_streams *s = lt_streams_new(0);
    struct lt_sse_log *log = lt_sse_log_new(NULL), *found;
    struct lt_uuid id = lt_uuid_new(), other = lt_uuid_new();
    bool owner, running;
    lt_streams_add(s, id, 1, LT_STR("anna"), log);
    assert_int_equal(lt_streams_running(s), 1);

    found = lt_streams_find(s, id, 1, LT_STR("anna"), &owner, &running);
    assert_ptr_equal(found, log);
    assert_true(owner && running);
    lt_sse_log_unref(found);

    found = lt_streams_find(s, id, 1, LT_STR("bert"), &owner, &running);
    assert_ptr_equal(found, log);
    assert_false(owner);
    lt_sse_log_unref(found);

    assert_null(lt_streams_find(s, id, 2, LT_STR("anna"), &owner, &running));
    assert_null(lt_streams_find(s, other, 1, LT_STR("anna"), &owner, &running));

    lt_sse_log_finish(log, LT_SSE_DONE, LT_STR("{}"));
    lt_streams_ended(s, id);
    lt_streams_ended(s, id); /* counts once */
    assert_int_equal(lt_streams_running(s), 0);
    lt_streams_sweep(s);
    lt_sse_log_unref(log);
    found = lt_streams_find(s, id, 1, LT_STR("anna"), &owner, &running);
    assert_non_null(found);
    assert_true(owner && !running);
    lt_streams_free(s);
    assert_in_range(lt_sse_log_size(found), 4, 1024); /* who has it may go on */
    lt_sse_log_unref(found);
}

/* Whatever the ids, what has ended never holds more than its share; what runs is never dropped. */
static void ended_streams_are_bounded(void **state)
{
    enum { STREAMS = 600, BYTES = 256 * 1024 };
    static char data[BYTES];
    static struct lt_uuid ids[STREAMS];
    struct lt_streams *s = lt_streams_new(0);
    struct lt_sse_log *log = lt_sse_log_new(NULL), *large = lt_sse_log_new(NULL), *found;
    struct lt_uuid running_id = lt_uuid_new();
    bool owner, running;
    size_t kept = 0;
    memset(data, 'x', sizeof(data));
    lt_sse_log_finish(large, LT_SSE_DONE, (struct lt_str){data, sizeof(data)});
    lt_streams_add(s, running_id, 1, LT_STR(""), log);
    for (size_t i = 0; i < STREAMS; i++) {
        ids[i] = lt_uuid_new();
        lt_streams_add(s, ids[i], 1, LT_STR("u"), large);
        lt_streams_ended(s, ids[i]);
    }
    for (size_t i = 0; i < STREAMS; i++) {
        found = lt_streams_find(s, ids[i], 1, LT_STR("u"), &owner, &running);
        kept += found != NULL;
        lt_sse_log_unref(found);
    }
    assert_in_range(kept, 1, LT_STREAMS_ENDED_MAX / BYTES);
    found = lt_streams_find(s, running_id, 1, LT_STR(""), &owner, &running);
    assert_ptr_equal(found, log);
    assert_true(running);
    lt_sse_log_unref(found);
    lt_sse_log_unref(log);
    lt_sse_log_unref(large);
    lt_streams_free(s);
}

static void what_ended_is_kept_for_its_time(void **state)
{
    enum { KEPT_MS = 300 };
    struct lt_streams *s = lt_streams_new(KEPT_MS);
    struct lt_sse_log *log = lt_sse_log_new(NULL), *finished = lt_sse_log_new(NULL), *found;
    struct lt_uuid ended = lt_uuid_new(), runs = lt_uuid_new();
    bool owner, running;
    lt_sse_log_finish(finished, LT_SSE_DONE, LT_STR("{}"));
    lt_streams_add(s, ended, 1, LT_STR("u"), finished);
    lt_sse_log_unref(finished);
    lt_streams_add(s, runs, 1, LT_STR("u"), log);
    lt_streams_ended(s, ended);
    uint64_t start = lt_mono_ms();
    while ((found = lt_streams_find(s, ended, 1, LT_STR("u"), &owner, &running))) {
        lt_sse_log_unref(found);
        assert_true(lt_mono_ms() - start < 10000);
    }
    assert_true(lt_mono_ms() - start >= KEPT_MS - 1);
    lt_streams_sweep(s); /* frees it, not only its name */
    found = lt_streams_find(s, runs, 1, LT_STR("u"), &owner, &running);
    assert_ptr_equal(found, log);
    lt_sse_log_unref(found);
    lt_sse_log_unref(log);
    lt_streams_free(s);
}

/* ---- tags ---- */

static void a_tag_is_found_in_a_list(void **state)
{
    static const struct {
        const char *list, *tag;
        bool strong, weak;
    } cases[] = {
        {"\"a\"", "\"a\"", true, true},
        {" \"b\" ,\t\"a\"", "\"a\"", true, true},
        {"\"b\",\"a\",", "\"a\"", true, true},
        {"W/\"a\"", "\"a\"", false, true},
        {"W/\"b\", \"a\"", "\"a\"", true, true},
        {"*", "\"a\"", true, true},
        {" * ", "\"a\"", true, true},
        {"\"a,b\"", "\"a,b\"", true, true},
        {"\"a,b\"", "\"a\"", false, false},
        {"a", "\"a\"", false, false},
        {"\"a", "\"a\"", false, false},
        {"x, \"a\"", "\"a\"", false, false},
        {"\"b\" x \"a\"", "\"a\"", false, false},
        {"\"b\", *", "\"a\"", false, false},
        {"w/\"a\"", "\"a\"", false, false},
        {"W/", "\"a\"", false, false},
        {"\"", "\"\"", false, false},
        {"", "\"a\"", false, false},
        {",,,", "\"a\"", false, false},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        assert_int_equal(lt_etag_listed(lt_str(cases[i].list), lt_str(cases[i].tag), false), cases[i].strong);
        assert_int_equal(lt_etag_listed(lt_str(cases[i].list), lt_str(cases[i].tag), true), cases[i].weak);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_path_finds_its_route, setup, teardown),
        cmocka_unit_test_setup_teardown(the_table_is_sound, setup, teardown),
        cmocka_unit_test(a_stream_is_found_by_its_site_and_knows_its_owner),
        cmocka_unit_test(ended_streams_are_bounded),
        cmocka_unit_test(what_ended_is_kept_for_its_time),
        cmocka_unit_test(a_tag_is_found_in_a_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
