/* Threads: every statement of the reference page §1 on the remote and the combined thread, and on the conversion of items. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "workflows/thread.h"

static struct lt_arena *arena;
static struct lt_error err;

static int set_up(void **state)
{
    arena = lt_arena_new();
    err = (struct lt_error){0};
    return 0;
}

static int tear_down(void **state)
{
    lt_arena_free(arena);
    return 0;
}

static const struct lt_json *json(const char *text)
{
    const struct lt_json *v = NULL;
    if (lt_json_parse(arena, lt_str_copy(arena, lt_str(text)), LT_JSON_JSON5, &v, &err))
        fail_msg("%s in %s", err.detail, text);
    return v;
}

static void assert_json(const struct lt_json *got, const char *want)
{
    if (!lt_json_equal(got, json(want)))
        fail_msg("expected %s\n     got %.*s", want, LT_FMT(lt_json_text(arena, got)));
}

/* ---- items ---- */

static const struct lt_json *items(void (*write)(struct lt_jw *w, struct lt_arena *a, const struct lt_json *item), const char *item)
{
    struct lt_buf out;
    struct lt_jw w;
    lt_buf_init(&out, 1 << 20);
    lt_jw_init(&w, &out);
    lt_jw_arr(&w);
    write(&w, arena, json(item));
    lt_jw_end(&w);
    lt_buf_putc(&out, '\0');
    const struct lt_json *v = json(out.p);
    lt_buf_free(&out);
    return v;
}

struct conversion {
    const char *item, *messages;
};

static void convert(void (*write)(struct lt_jw *w, struct lt_arena *a, const struct lt_json *item), const struct conversion *cases, size_t n)
{
    for (size_t i = 0; i < n; i++)
        assert_json(items(write, cases[i].item), cases[i].messages);
}

static void content_lists_are_joined_by_spaces(void **state)
{
    static const struct conversion cases[] = {
        {"{type: 'message', role: 'user', content: [{type: 'input_text', text: 'a'}, {type: 'input_text', text: 'b'}]}",
         "[{type: 'message', role: 'user', content: 'a b'}]"},
        {"{type: 'message', role: 'user', content: 'a'}", "[{type: 'message', role: 'user', content: 'a'}]"},
        {"{role: 'user', content: ['a', 'b']}", "[{type: 'message', role: 'user', content: 'a b'}]"},
        {"{type: 'message', role: 'assistant', content: [{type: 'refusal', refusal: 'No.'}]}",
         "[{type: 'message', role: 'assistant', content: 'No.'}]"},
        {"{type: 'message', role: 'user', content: []}", "[{type: 'message', role: 'user', content: ''}]"},
        {"{type: 'message', role: 'user', content: null}", "[{type: 'message', role: 'user', content: ''}]"},
        {"{type: 'message', role: 'user', content: [{type: 'input_image', image_url: 'u'}]}",
         "[{type: 'message', role: 'user', content: '{\"type\":\"input_image\",\"image_url\":\"u\"}'}]"},
    };
    convert(lt_thread_write_input, cases, LT_COUNT(cases));
}

static void function_call_output_keeps_call_id_and_output(void **state)
{
    static const struct conversion cases[] = {
        {"{type: 'function_call_output', call_id: 'c1', output: '42'}",
         "[{type: 'function_call_output', role: 'function_call_output', content: '42', call_id: 'c1'}]"},
        {"{type: 'function_call_output', call_id: 'c1', output: [{type: 'input_text', text: 'a'}, {type: 'input_text', text: 'b'}]}",
         "[{type: 'function_call_output', role: 'function_call_output', content: 'a b', call_id: 'c1'}]"},
    };
    convert(lt_thread_write_input, cases, LT_COUNT(cases));
}

static void outputs_of_type_message_give_one_item_per_output_text(void **state)
{
    static const struct conversion cases[] = {
        {"{type: 'message', content: [{type: 'output_text', text: 'a'}, {type: 'refusal', refusal: 'r'}, {type: 'output_text', text: 'b'}]}",
         "[{type: 'message', role: 'assistant', content: 'a'}, {type: 'message', role: 'assistant', content: 'b'}]"},
        {"{type: 'message', content: []}", "[]"},
        {"{type: 'web_search_call', id: 'x'}", "[]"},
        {"'x'", "[]"},
    };
    convert(lt_thread_write_output, cases, LT_COUNT(cases));
}

static void function_call_becomes_role_tool_call_with_content_name_and_arguments(void **state)
{
    static const struct conversion cases[] = {
        {"{type: 'function_call', name: 'f', arguments: '{\"a\":1}', call_id: 'c1'}",
         "[{type: 'function_call', role: 'tool_call', content: 'f({\"a\":1})', name: 'f', arguments: '{\"a\":1}', call_id: 'c1'}]"},
    };
    convert(lt_thread_write_output, cases, LT_COUNT(cases));
    convert(lt_thread_write_input, cases, LT_COUNT(cases)); /* as it comes back in the next input */
}

static void reasoning_is_its_summary_texts_joined_and_omitted_when_empty(void **state)
{
    static const struct conversion cases[] = {
        {"{type: 'reasoning', summary: [{type: 'summary_text', text: 'a'}, {type: 'summary_text', text: 'b'}]}",
         "[{type: 'reasoning', role: 'reasoning', content: 'a b'}]"},
        {"{type: 'reasoning', summary: []}", "[]"},
        {"{type: 'reasoning'}", "[]"},
    };
    convert(lt_thread_write_output, cases, LT_COUNT(cases));
    convert(lt_thread_write_input, cases, LT_COUNT(cases));
}

/* ---- the walk ---- */

/* What a service keeps: answer i knows answer i - 1. */
struct kept {
    int newest, oldest;      /* what is older is gone */
    bool ring;               /* the oldest knows the newest */
    enum lt_code code;       /* of what is gone */
    int fetched;
};

static enum lt_code fetch(void *ctx, struct lt_str id, struct lt_kept_response *ret, struct lt_error *e)
{
    struct kept *k = ctx;
    int64_t n = 0;
    struct lt_str digits = {id.p + 1, id.n - 1};
    assert_true(lt_str_to_int64(digits, &n));
    k->fetched++;
    if (n < k->oldest)
        return lt_fail(e, k->code, "it is gone");
    const struct lt_json *in = json(lt_strz(arena, lt_printf(arena, "[{role: 'user', content: 'q%lld'}]", (long long)n)));
    const struct lt_json *out =
        json(lt_strz(arena, lt_printf(arena, "[{type: 'message', content: [{type: 'output_text', text: 'a%lld'}]}]", (long long)n)));
    const struct lt_json **lists = LT_NEW_ARRAY(arena, const struct lt_json *, 2);
    lists[0] = lt_json_at(in, 0);
    lists[1] = lt_json_at(out, 0);
    *ret = (struct lt_kept_response){.id = id, .model = LT_STR("m"), .created_at = 1750000000 + n, .usage = LT_USAGE_UNKNOWN,
                                     .input = &lists[0], .input_n = 1, .output = &lists[1], .output_n = 1};
    ret->usage.total_tokens = n == 2 ? -1 : 10 + n;
    ret->previous_response_id = n > 1 ? lt_printf(arena, "r%lld", (long long)n - 1) : k->ring ? LT_STR("r3") : LT_STR("");
    return LT_OK;
}

static const struct lt_json *walk(struct kept *k)
{
    struct lt_str text;
    const struct lt_json *v;
    if (lt_thread_walk(arena, lt_printf(arena, "r%d", k->newest), fetch, k, &text, &err))
        fail_msg("%s", err.detail);
    assert_int_equal(lt_json_parse(arena, text, LT_JSON_STRICT, &v, &err), LT_OK);
    return v;
}

#define R(n, previous, time, tokens)                                                                                         \
    "{id: 'r" #n "', created_at: '" time "', model: 'm', previous_response_id: " previous ", tokens: " tokens ", "           \
    "input: [{type: 'message', role: 'user', content: 'q" #n "'}], output: [{type: 'message', role: 'assistant', content: 'a" #n "'}]}"
#define R1 R(1, "null", "2025-06-15T15:06:41.000Z", "11")
#define R2 R(2, "'r1'", "2025-06-15T15:06:42.000Z", "null")
#define R3 R(3, "'r2'", "2025-06-15T15:06:43.000Z", "13")

static void the_remote_thread_walks_previous_response_id_and_is_oldest_first(void **state)
{
    assert_json(walk(&(struct kept){.newest = 3}), "[" R1 "," R2 "," R3 "]");
}

static void a_failed_fetch_appends_id_and_error_and_stops(void **state)
{
    struct kept k = {.newest = 3, .oldest = 2, .code = LT_ENOT_FOUND};
    assert_json(walk(&k), "[{id: 'r1', error: 'not_found: it is gone'}," R2 "," R3 "]");
    assert_int_equal(k.fetched, 3);
    struct kept none = {.newest = 3, .oldest = 4, .code = LT_EUPSTREAM_TIMEOUT};
    assert_json(walk(&none), "[{id: 'r3', error: 'upstream_timeout: it is gone'}]");
    assert_int_equal(none.fetched, 1);
}

static void a_ring_and_a_thread_without_end_stop_with_an_error(void **state)
{
    struct kept ring = {.newest = 3, .ring = true};
    const struct lt_json *v = walk(&ring);
    assert_int_equal(lt_json_len(v), 4);
    assert_non_null(lt_json_at_pointer(v, "/0/error"));
    assert_int_equal(ring.fetched, 3);
    struct kept endless = {.newest = 1000};
    v = walk(&endless);
    assert_int_equal(lt_json_len(v), LT_THREAD_RESPONSES_MAX + 1);
    assert_non_null(lt_json_at_pointer(v, "/0/error"));
    assert_int_equal(endless.fetched, LT_THREAD_RESPONSES_MAX);
}

static void a_walk_ends_when_it_is_cancelled(void **state)
{
    struct kept k = {.newest = 3, .oldest = 3, .code = LT_ECANCELLED};
    struct lt_str text;
    assert_int_equal(lt_thread_walk(arena, LT_STR("r3"), fetch, &k, &text, &err), LT_ECANCELLED);
}

static void the_remote_thread_is_null_without_a_remote_id_and_the_local_one_without_a_submission(void **state)
{
    struct lt_session session = {.remote_response_id = LT_STR("")};
    struct lt_thread_request request = {.arena = arena, .session = &session};
    struct lt_str text;
    bool complete;
    assert_int_equal(lt_thread_remote(&request, &text, &err), LT_OK);
    assert_true(lt_str_is(text, "null"));
    assert_int_equal(lt_thread_local(&request, &text, &complete, &err), LT_OK);
    assert_true(lt_str_is(text, "null"));
    assert_true(complete);
}

/* ---- the combined thread ---- */

static const struct lt_json *combine(const char *local, const char *remote)
{
    struct lt_buf out;
    struct lt_jw w;
    lt_buf_init(&out, 8 << 20);
    lt_jw_init(&w, &out);
    lt_thread_combine(arena, json(local), json(remote), &w);
    assert_false(out.failed);
    lt_buf_putc(&out, '\0');
    const struct lt_json *v = json(out.p);
    lt_buf_free(&out);
    return v;
}

/* "source role:content@submission …" of each item. */
static const char *told(const struct lt_json *thread)
{
    struct lt_str all = LT_STR("");
    for (size_t i = 0; i < lt_json_len(thread); i++) {
        const struct lt_json *m = lt_json_at(thread, i);
        all = lt_printf(arena, "%.*s%s%.*s %.*s:%.*s", LT_FMT(all), i ? ", " : "",
                        LT_FMT(lt_json_str_or(lt_json_get(m, "source"), LT_STR("-"))), LT_FMT(lt_json_str(lt_json_get(m, "role"))),
                        LT_FMT(lt_json_str(lt_json_get(m, "content"))));
        if (lt_json_get(m, "submission_id"))
            all = lt_printf(arena, "%.*s@%.*s", LT_FMT(all), LT_FMT(lt_json_str(lt_json_get(m, "submission_id"))));
    }
    return lt_strz(arena, all);
}

#define L(role, content, time, id) "{role: '" role "', content: '" content "', timestamp: '2025-06-15T15:" time "Z', submission_id: '" id "'}"
#define IN(role, content) "{type: 'message', role: '" role "', content: '" content "'}"
#define ANSWER(id, time, input, output)                                                                                      \
    "{id: '" id "', created_at: '2025-06-15T15:" time "Z', model: 'm', previous_response_id: null, tokens: 7, "                        \
    "input: [" input "], output: [" output "]}"

static void without_remote_the_combined_thread_is_the_local_one(void **state)
{
    static const char local[] = "[" L("user", "a", "00:00", "s1") "]";
    assert_json(combine(local, "null"), local);
    assert_json(combine(local, "[]"), local);
    assert_json(combine("null", "null"), "null");
}

static void each_remote_item_has_role_type_content_source_response_id_created_at_and_model_and_outputs_tokens(void **state)
{
    assert_json(combine("null", "[" ANSWER("r1", "00:00", IN("user", "a"), IN("assistant", "b")) "]"),
                "[{role: 'user', type: 'message', content: 'a', source: 'remote', response_id: 'r1', created_at: '2025-06-15T15:00:00Z', model: 'm'},"
                "{role: 'assistant', type: 'message', content: 'b', source: 'remote', response_id: 'r1', created_at: '2025-06-15T15:00:00Z',"
                " model: 'm', tokens: 7}]");
}

static void tool_calls_keep_name_arguments_and_call_id(void **state)
{
    const struct lt_json *v = combine(
        "null", "[" ANSWER("r1", "00:00", "{type: 'function_call_output', role: 'function_call_output', content: '42', call_id: 'c0'}",
                           "{type: 'function_call', role: 'tool_call', content: 'f({})', name: 'f', arguments: '{}', call_id: 'c1'}") "]");
    assert_json(lt_json_at_pointer(v, "/0/call_id"), "'c0'");
    assert_json(lt_json_at_pointer(v, "/1/name"), "'f'");
    assert_json(lt_json_at_pointer(v, "/1/arguments"), "'{}'");
    assert_json(lt_json_at_pointer(v, "/1/call_id"), "'c1'");
    assert_json(lt_json_at_pointer(v, "/1/type"), "'function_call'");
}

static void input_items_already_seen_are_dropped_since_each_response_replays_the_history(void **state)
{
    const char *remote = "[" ANSWER("r1", "00:00", IN("system", "s") "," IN("user", "a"), IN("assistant", "b")) ","
                             ANSWER("r2", "01:00", IN("system", "s") "," IN("user", "a") "," IN("assistant", "b") "," IN("user", "c"),
                                    IN("assistant", "d")) "]";
    assert_string_equal(told(combine("null", remote)), "remote system:s, remote user:a, remote assistant:b, remote user:c, remote assistant:d");
}

static void outputs_are_never_dropped(void **state)
{
    const char *remote = "[" ANSWER("r1", "00:00", IN("user", "a"), IN("assistant", "b")) ","
                             ANSWER("r2", "01:00", IN("user", "c"), IN("assistant", "b")) "]";
    assert_string_equal(told(combine("null", remote)), "remote user:a, remote assistant:b, remote user:c, remote assistant:b");
}

/* Characters of two bytes: bytes would cut at 100 of them. */
static void the_key_is_the_role_and_the_first_200_characters_of_the_content(void **state)
{
    struct lt_str start = LT_STR("");
    for (int i = 0; i < 199; i++)
        start = lt_printf(arena, "%.*sé", LT_FMT(start));
    static const struct {
        const char *first, *second;
        bool same;
    } cases[] = {{"user', content: '%.*sxA", "user', content: '%.*sxB", true},
                 {"user', content: '%.*sAx", "user', content: '%.*sBx", false},
                 {"user', content: '%.*sxA", "system', content: '%.*sxA", false}};
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        char items_text[2][2048];
        const char *const which[] = {cases[i].first, cases[i].second};
        for (int k = 0; k < 2; k++) {
            const char *rest = strstr(which[k], "%.*s") + 4;
            snprintf(items_text[k], sizeof(items_text[k]), "{type: 'message', role: '%.*s%.*s%s'}",
                     (int)(strstr(which[k], "%.*s") - which[k]), which[k], LT_FMT(start), rest);
        }
        const char *remote = lt_strz(arena, lt_printf(arena, "[" ANSWER("r1", "00:00", "%s, %s", "") "]", items_text[0], items_text[1]));
        assert_int_equal(lt_json_len(combine("null", remote)), cases[i].same ? 1 : 2);
    }
}

static void a_message_found_locally_too_gets_its_timestamp_and_submission_id_and_source_both(void **state)
{
    const struct lt_json *v = combine("[" L("user", "a", "00:05", "s1") "," L("assistant", "b", "00:09", "s1") "]",
                                      "[" ANSWER("r1", "00:07", IN("system", "s") "," IN("user", "a"), IN("assistant", "b")) "]");
    assert_string_equal(told(v), "remote system:s, both user:a@s1, both assistant:b@s1");
    assert_json(lt_json_at_pointer(v, "/1/timestamp"), "'2025-06-15T15:00:05Z'");
    assert_json(lt_json_at_pointer(v, "/2/timestamp"), "'2025-06-15T15:00:09Z'");
    assert_json(lt_json_at_pointer(v, "/2/created_at"), "'2025-06-15T15:00:07Z'");
    assert_null(lt_json_at_pointer(v, "/0/timestamp"));
}

static void the_same_words_twice_get_their_own_submissions_in_order(void **state)
{
    const char *local = "[" L("user", "a", "00:00", "s1") "," L("assistant", "ok", "00:01", "s1") "," L("user", "b", "01:00", "s2") ","
                            L("assistant", "ok", "01:01", "s2") "]";
    const char *remote = "[" ANSWER("r1", "00:01", IN("user", "a"), IN("assistant", "ok")) ","
                             ANSWER("r2", "01:01", IN("user", "b"), IN("assistant", "ok")) "]";
    assert_string_equal(told(combine(local, remote)), "both user:a@s1, both assistant:ok@s1, both user:b@s2, both assistant:ok@s2");
}

static void local_only_messages_are_inserted_before_the_first_item_with_a_later_time(void **state)
{
    static const char remote[] = "[" ANSWER("r1", "10:00", IN("user", "a"), IN("assistant", "b")) ","
                                   ANSWER("r2", "20:00", IN("user", "c"), IN("assistant", "d")) "]";
    static const struct {
        const char *local, *told;
    } cases[] = {
        {"[" L("user", "x", "05:00", "s") "]", "local user:x@s, remote user:a, remote assistant:b, remote user:c, remote assistant:d"},
        {"[" L("user", "x", "10:00", "s") "]", "remote user:a, remote assistant:b, local user:x@s, remote user:c, remote assistant:d"},
        {"[" L("user", "x", "15:00", "s") "," L("assistant", "y", "15:01", "s") "]",
         "remote user:a, remote assistant:b, local user:x@s, local assistant:y@s, remote user:c, remote assistant:d"},
        {"[" L("user", "x", "15:01", "s") "," L("assistant", "y", "15:00", "s") "]",
         "remote user:a, remote assistant:b, local assistant:y@s, local user:x@s, remote user:c, remote assistant:d"},
        {"[" L("user", "x", "30:00", "s") "]", "remote user:a, remote assistant:b, remote user:c, remote assistant:d, local user:x@s"},
        {"[{role: 'user', content: 'x', submission_id: 's'}]",
         "remote user:a, remote assistant:b, remote user:c, remote assistant:d, local user:x@s"},
        /* an item that is found locally has the local time */
        {"[" L("user", "c", "12:00", "s1") "," L("user", "x", "11:00", "s") "]",
         "remote user:a, remote assistant:b, local user:x@s, both user:c@s1, remote assistant:d"},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++)
        assert_string_equal(told(combine(cases[i].local, remote)), cases[i].told);
    assert_json(lt_json_at(combine(cases[0].local, remote), 0),
                "{role: 'user', type: 'message', content: 'x', source: 'local', timestamp: '2025-06-15T15:05:00Z', submission_id: 's'}");
}

/* Times of a service may go back: "the first item with a later time" is found where a plain look from the front finds it. */
static void the_place_of_a_local_message_is_what_a_plain_search_finds(void **state)
{
    unsigned seed = (unsigned)time(NULL);
    print_message("seed %u\n", seed);
    srand(seed);
    for (int round = 0; round < 300; round++) {
        int n = 1 + rand() % 12, times[12], t = rand() % 60, before = 0;
        struct lt_str remote = LT_STR("[");
        for (int i = 0; i < n; i++) {
            times[i] = rand() % 60;
            remote = lt_printf(arena, "%.*s%s" ANSWER("r", "00:%02d", IN("user", "m%d"), ""), LT_FMT(remote), i ? "," : "", times[i], i);
        }
        while (before < n && times[before] <= t)
            before++;
        remote = lt_printf(arena, "%.*s]", LT_FMT(remote));
        struct lt_str local = lt_printf(arena, "[" L("user", "x", "00:%02d", "s") "]", t);
        const struct lt_json *v = combine(lt_strz(arena, local), lt_strz(arena, remote));
        assert_int_equal(lt_json_len(v), n + 1);
        if (!lt_str_is(lt_json_str(lt_json_get(lt_json_at(v, (size_t)before), "source")), "local"))
            fail_msg("%.*s into %.*s", LT_FMT(local), LT_FMT(remote));
    }
}

static void a_response_with_an_error_becomes_an_error_item(void **state)
{
    const struct lt_json *v = combine("null", "[{id: 'r0', error: 'gone'}," ANSWER("r1", "00:00", IN("user", "a"), "") "]");
    assert_json(lt_json_at(v, 0), "{role: 'error', type: 'error', content: 'gone', response_id: 'r0'}");
    assert_int_equal(lt_json_len(v), 2);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(content_lists_are_joined_by_spaces),
        T(function_call_output_keeps_call_id_and_output),
        T(outputs_of_type_message_give_one_item_per_output_text),
        T(function_call_becomes_role_tool_call_with_content_name_and_arguments),
        T(reasoning_is_its_summary_texts_joined_and_omitted_when_empty),
        T(the_remote_thread_walks_previous_response_id_and_is_oldest_first),
        T(a_failed_fetch_appends_id_and_error_and_stops),
        T(a_ring_and_a_thread_without_end_stop_with_an_error),
        T(a_walk_ends_when_it_is_cancelled),
        T(the_remote_thread_is_null_without_a_remote_id_and_the_local_one_without_a_submission),
        T(without_remote_the_combined_thread_is_the_local_one),
        T(each_remote_item_has_role_type_content_source_response_id_created_at_and_model_and_outputs_tokens),
        T(tool_calls_keep_name_arguments_and_call_id),
        T(input_items_already_seen_are_dropped_since_each_response_replays_the_history),
        T(outputs_are_never_dropped),
        T(the_key_is_the_role_and_the_first_200_characters_of_the_content),
        T(a_message_found_locally_too_gets_its_timestamp_and_submission_id_and_source_both),
        T(the_same_words_twice_get_their_own_submissions_in_order),
        T(local_only_messages_are_inserted_before_the_first_item_with_a_later_time),
        T(the_place_of_a_local_message_is_what_a_plain_search_finds),
        T(a_response_with_an_error_becomes_an_error_item),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
