/* src/text/json_rpc: what a message says, and that what is written reads back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "text/json_rpc.h"

static struct lt_arena *arena;

static int set_up(void **state)
{
    arena = lt_arena_new();
    return 0;
}

static int tear_down(void **state)
{
    lt_arena_free(arena);
    return 0;
}

static const struct lt_json *value(struct lt_str text)
{
    const struct lt_json *v;
    struct lt_error err;
    if (lt_json_parse(arena, text, LT_JSON_STRICT, &v, &err))
        fail_msg("%.*s: %s", LT_FMT(text), err.detail);
    return v;
}

/* As the specification's examples have them, and their neighbours. field NULL: it is a message. */
static void messages_are_read_or_refused(void **state)
{
    static const struct {
        const char *text, *field;
        enum lt_rpc_kind kind;
    } cases[] = {
        {"{\"jsonrpc\":\"2.0\",\"method\":\"subtract\",\"params\":[42,23],\"id\":1}", NULL, LT_RPC_REQUEST},
        {"{\"jsonrpc\":\"2.0\",\"method\":\"subtract\",\"params\":{\"a\":1},\"id\":\"x\"}", NULL, LT_RPC_REQUEST},
        {"{\"jsonrpc\":\"2.0\",\"method\":\"update\"}", NULL, LT_RPC_NOTIFICATION},
        {"{\"jsonrpc\":\"2.0\",\"result\":null,\"id\":1}", NULL, LT_RPC_RESULT},
        {"{\"jsonrpc\":\"2.0\",\"error\":{\"code\":-32601,\"message\":\"m\"},\"id\":\"1\"}", NULL, LT_RPC_ERROR},
        {"{\"jsonrpc\":\"2.0\",\"error\":{\"code\":-32700,\"message\":\"m\"},\"id\":null}", NULL, LT_RPC_ERROR},
        {"{\"jsonrpc\":\"2.0\",\"error\":{\"code\":-32700},\"extra\":1}", NULL, LT_RPC_ERROR},
        {"[]", "", 0},
        {"1", "", 0},
        {"{}", "/jsonrpc", 0},
        {"{\"jsonrpc\":\"1.0\",\"method\":\"m\"}", "/jsonrpc", 0},
        {"{\"jsonrpc\":2.0,\"method\":\"m\"}", "/jsonrpc", 0},
        {"{\"jsonrpc\":\"2.0\",\"method\":\"m\",\"id\":1.5}", "/id", 0},
        {"{\"jsonrpc\":\"2.0\",\"method\":\"m\",\"id\":{}}", "/id", 0},
        {"{\"jsonrpc\":\"2.0\",\"method\":\"m\",\"id\":null}", "/id", 0},
        {"{\"jsonrpc\":\"2.0\",\"result\":1}", "/id", 0},
        {"{\"jsonrpc\":\"2.0\",\"id\":1}", "", 0},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"m\",\"result\":1}", "", 0},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":1},\"result\":1}", "", 0},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\"}", "/method", 0},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":5}", "/method", 0},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"m\",\"params\":5}", "/params", 0},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":5}", "/error", 0},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":\"x\"}}", "/error", 0},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        struct lt_rpc m;
        struct lt_error err;
        enum lt_code rc = lt_rpc_read(value(lt_str(cases[i].text)), &m, &err);
        if ((rc == LT_OK) != !cases[i].field)
            fail_msg("%s: %s", cases[i].text, rc ? err.detail : "read");
        if (rc == LT_OK)
            assert_int_equal(m.kind, cases[i].kind);
        else
            assert_string_equal(err.field, cases[i].field);
    }
}

static struct lt_rpc read_back(struct lt_buf *out)
{
    struct lt_rpc m;
    struct lt_error err;
    assert_int_equal(lt_rpc_read(value(lt_str_copy(arena, lt_buf_str(out))), &m, &err), LT_OK);
    lt_buf_free(out);
    return m;
}

static void what_is_written_reads_back(void **state)
{
    struct lt_buf out;
    struct lt_jw w;
    lt_buf_init(&out, 4096);
    lt_jw_init(&w, &out);
    lt_rpc_request(&w, 7, "ping");
    lt_jw_end(&w);
    struct lt_rpc m = read_back(&out);
    assert_int_equal(m.kind, LT_RPC_REQUEST);
    assert_true(lt_str_is(m.method, "ping"));
    const struct lt_json *id = m.id;
    lt_jw_init(&w, &out);
    lt_rpc_notification(&w, "done");
    lt_jw_end(&w);
    assert_int_equal(read_back(&out).kind, LT_RPC_NOTIFICATION);
    lt_jw_init(&w, &out);
    lt_rpc_result(&w, id);
    lt_jw_kstrz(&w, "result", "pong");
    lt_jw_end(&w);
    m = read_back(&out);
    assert_true(lt_rpc_answers(&m, 7));
    assert_false(lt_rpc_answers(&m, 8));
    assert_true(lt_str_is(lt_json_str(m.result), "pong"));
    lt_jw_init(&w, &out);
    lt_rpc_error(&w, NULL, LT_RPC_PARSE_ERROR, LT_STR("not \"JSON\""));
    lt_rpc_error_end(&w);
    m = read_back(&out);
    assert_int_equal(m.code, LT_RPC_PARSE_ERROR);
    assert_true(lt_str_is(m.message, "not \"JSON\"") && !m.id && !lt_rpc_answers(&m, 7));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {TEST(messages_are_read_or_refused), TEST(what_is_written_reads_back)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
