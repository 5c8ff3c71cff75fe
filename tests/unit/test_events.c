/* Ids of statements are Open edX's, byte for byte (reference/xblock.md §5.4); signatures are those of Standard Webhooks; pauses grow and end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "events/private.h"
#include "events/webhook.h"
#include "events/xapi.h"

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

static void ids_are_the_golden_ones(void **state)
{
    static const struct {
        const char *verb;
        int64_t at_us;
        const char *time, *id;
    } cases[] = {{"completed", 1730993400123456, "2024-11-07T15:30:00.123456+00:00", "316d8edc-9737-5cee-88b9-8f369710ec21"},
                 {"initialized", 1730993100987654, "2024-11-07T15:25:00.987654+00:00", "8f6fda1d-009e-5755-baf1-f682fb95c2c5"},
                 {"interacted", 1730993280456789, "2024-11-07T15:28:00.456789+00:00", "cd85488b-d40c-5148-a6e2-0e004b8ab971"}};
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        char id[37], time[33];
        struct lt_xapi_event e = {.verb = lt_str(cases[i].verb),
                                  .actor = LT_STR("32e08e30-f8ae-4ce2-94a8-c2bfe38a70cb"),
                                  .home_page = LT_STR("http://localhost:18000"),
                                  .at_us = cases[i].at_us};
        lt_xapi_time(e.at_us, time);
        assert_string_equal(time, cases[i].time);
        lt_xapi_id(&e, id);
        assert_string_equal(id, cases[i].id);
    }
}

static struct lt_str statement(const char *data)
{
    struct lt_buf out;
    struct lt_jw w;
    struct lt_xapi_event e = {.verb = LT_STR("completed"),
                              .actor = LT_STR("32e08e30-f8ae-4ce2-94a8-c2bfe38a70cb"),
                              .home_page = LT_STR("http://localhost:18000"),
                              .at_us = 1730993400123456};
    assert_int_equal(lt_json_parse(arena, lt_str(data), LT_JSON_STRICT, &e.data, NULL), LT_OK);
    lt_buf_init(&out, 65536);
    lt_jw_init(&w, &out);
    lt_xapi_write(&w, &e);
    struct lt_str text = lt_str_copy(arena, lt_buf_str(&out));
    lt_buf_free(&out);
    return text;
}

/* The whole of it: what the plugin's own fixture has, with our name as the transformer's and without its session. */
static void statement_is_the_plugins(void **state)
{
    struct lt_str is = statement("{\"action\":\"summarize\",\"profile\":\"openai_threads\",\"course_id\":\"course-v1:edX+DemoX+Demo_Course\","
                                 "\"location_id\":\"block-v1:edX+DemoX+Demo_Course+type@vertical+block@abc123\"}");
    const char *expected =
        "{\"id\":\"316d8edc-9737-5cee-88b9-8f369710ec21\",\"actor\":{\"objectType\":\"Agent\",\"account\":{\"name\":"
        "\"32e08e30-f8ae-4ce2-94a8-c2bfe38a70cb\",\"homePage\":\"http://localhost:18000\"}},\"verb\":{\"id\":\"http://adlnet.gov/expapi/verbs/completed\","
        "\"display\":{\"en\":\"completed\"}},\"object\":{\"objectType\":\"Activity\",\"id\":\"http://localhost:18000/ai_workflow/openai_threads__summarize\","
        "\"definition\":{\"type\":\"https://w3id.org/xapi/openedx/activity/ai-workflow\",\"name\":{\"en\":\"openai_threads\"},"
        "\"description\":{\"en\":\"AI-powered educational workflow\"},\"extensions\":{"
        "\"https://w3id.org/xapi/openedx/extension/ai-workflow-action\":\"summarize\",\"https://w3id.org/xapi/openedx/extension/location-id\":"
        "\"block-v1:edX+DemoX+Demo_Course+type@vertical+block@abc123\"}}},\"timestamp\":\"2024-11-07T15:30:00.123456+00:00\",\"context\":{"
        "\"contextActivities\":{\"parent\":[{\"id\":\"http://localhost:18000/course/course-v1:edX+DemoX+Demo_Course\",\"objectType\":\"Activity\","
        "\"definition\":{\"name\":{\"en-US\":\"course-v1:edX+DemoX+Demo_Course\"},\"type\":\"http://adlnet.gov/expapi/activities/course\"}}]},"
        "\"extensions\":{\"https://w3id.org/xapi/openedx/extension/transformer-version\":\"lectern@" LECTERN_VERSION "\"}},\"version\":\"1.0.3\"}";
    assert_string_equal(is.p, expected);
}

static void usage_is_there_only_when_there_is_any(void **state)
{
    assert_null(strstr(statement("{\"action\":\"a\"}").p, "ai-usage"));
    assert_null(strstr(statement("{\"action\":\"a\",\"usage\":{}}").p, "ai-usage"));
    assert_non_null(strstr(statement("{\"action\":\"a\",\"usage\":{\"total_tokens\":0,\"cost\":1500}}").p, "ai-usage\":{\"total_tokens\":0,\"cost\":0.0015}"));
    assert_non_null(strstr(statement("{}").p, "/ai_workflow/ai_action__unknown-action\""));
    assert_null(strstr(statement("{}").p, "contextActivities"));
}

/* The specification's own example. */
static void signature_is_the_specifications(void **state)
{
    struct lt_str is = lt_webhook_sign(arena, LT_STR("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), LT_STR("msg_p5jXN8AQM9LWM0D4loKWxJek"), 1614265330,
                                       LT_STR("{\"test\": 2432232314}"));
    assert_string_equal(is.p, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    assert_int_equal(lt_webhook_sign(arena, LT_STR("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), LT_STR("a"), 1, LT_STR("{}")).n, 0);
    assert_int_equal(lt_webhook_sign(arena, LT_STR("whsec_"), LT_STR("a"), 1, LT_STR("{}")).n, 0);
}

static void pauses_double_with_chance_and_end(void **state)
{
    for (int64_t n = 1; n < 100; n++) {
        int64_t whole = n > 9 ? 300000 : 1000LL << (n - 1);
        whole = whole > 300000 ? 300000 : whole;
        assert_int_equal(lt_events_pause(n, 0), whole / 2);
        assert_in_range(lt_events_pause(n, 0xFFFFFFFF), whole / 2, whole);
    }
}

static void answers_are_judged(void **state)
{
    static const struct {
        int status;
        enum lt_event_fate fate;
        bool trouble;
    } cases[] = {{200, LT_EVENT_DELIVERED, false}, {204, LT_EVENT_DELIVERED, false}, {301, LT_EVENT_UNWANTED, true},
                 {400, LT_EVENT_REFUSED, false},   {401, LT_EVENT_UNWANTED, true},       {403, LT_EVENT_UNWANTED, true},
                 {404, LT_EVENT_UNWANTED, true},       {410, LT_EVENT_UNWANTED, true},       {413, LT_EVENT_REFUSED, false},
                 {422, LT_EVENT_REFUSED, false},   {429, LT_EVENT_AGAIN, true},      {500, LT_EVENT_UNWANTED, true},
                 {503, LT_EVENT_AGAIN, true},      {504, LT_EVENT_AGAIN, true}};
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        struct lt_event_sent sent = {0};
        assert_int_equal(lt_events_judge(cases[i].status, &sent), cases[i].fate);
        assert_int_equal(sent.trouble, cases[i].trouble);
    }
}

/* What is of one user or one call has one lane, whatever else it is; many users have many. */
static void lanes_part_users_and_calls(void **state)
{
    unsigned seen = 0;
    for (unsigned i = 0; i < 200; i++) {
        struct lt_str name = lt_printf(arena, "u%u", i);
        struct lt_event_row of_user = {.user_id = name, .subject = LT_STR("a")}, other = {.user_id = name, .subject = LT_STR("b"), .kind = LT_STR("c")};
        struct lt_event_row of_call = {.user_id = LT_STR(""), .subject = name};
        assert_int_equal(lt_events_lane(&of_user), lt_events_lane(&other));
        assert_int_equal(lt_events_lane(&of_user), lt_events_lane(&of_call));
        seen |= 1U << lt_events_lane(&of_user);
    }
    assert_int_equal(seen, 0xFF);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(ids_are_the_golden_ones, set_up, tear_down),
        cmocka_unit_test_setup_teardown(statement_is_the_plugins, set_up, tear_down),
        cmocka_unit_test_setup_teardown(usage_is_there_only_when_there_is_any, set_up, tear_down),
        cmocka_unit_test_setup_teardown(signature_is_the_specifications, set_up, tear_down),
        cmocka_unit_test_setup_teardown(pauses_double_with_chance_and_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(answers_are_judged, set_up, tear_down),
        cmocka_unit_test_setup_teardown(lanes_part_users_and_calls, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
