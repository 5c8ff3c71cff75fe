/* The cache of content sources, with a scripted source: whose answer is whose, how much is kept, what stands in, who asks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "content/source_cache.h"
#include "io/fiber.h"
#include "io/loop.h"

enum { LARGE = 1 << 20 };

static struct {
    int asked;
    enum lt_code rc;
    int status;
    size_t size; /* of the answer; 0: the viewer's name */
    bool saw_etag;
} script;

static enum lt_code send_scripted(const struct lt_source_question *q, const struct lt_source_answer *kept, struct lt_source_answer *ret, struct lt_error *err)
{
    script.asked++;
    script.saw_etag = kept && lt_str_is(kept->etag, "\"t\"");
    lt_fiber_yield();
    if (script.rc)
        return lt_fail(err, script.rc, "scripted");
    char *large = script.size > 0 ? lt_zalloc(q->arena, script.size) : NULL;
    *ret = (struct lt_source_answer){.status = script.status, .fresh_ms = -1, .etag = LT_STR("\"t\""), .last_modified = LT_STR("")};
    ret->body = large ? (struct lt_str){large, script.size} : q->viewer;
    return LT_OK;
}

static void on_fiber(void *arg)
{
    ((void (*)(void))arg)();
    lt_loop_stop(lt_loop_self());
}

static void in_loop(void (*body)(void))
{
    struct lt_error err;
    struct lt_loop *loop = lt_loop_new(0, &err);
    memset(&script, 0, sizeof(script));
    script.status = 200;
    assert_int_equal(lt_fiber_start(loop, on_fiber, body, NULL), LT_OK);
    lt_loop_run(loop);
    lt_loop_free(loop);
}

static struct lt_source_state state;
static struct lt_content_source source_of(uint64_t mark, int64_t fresh_ms)
{
    return (struct lt_content_source){.id = 1, .site_id = 1, .mark = mark, .fresh_ms = fresh_ms, .stale_ms = 1000000, .state = &state};
}

static struct lt_source_answer ask(struct lt_arena *arena, const struct lt_content_source *source, const char *viewer, const char *url, enum lt_code expected)
{
    struct lt_error err;
    struct lt_source_answer answer = {0};
    struct lt_source_question q = {.arena = arena, .source = source, .viewer = lt_str(viewer), .url = lt_str(url), .deadline_ms = LT_NEVER};
    assert_int_equal(lt_source_cached(&q, send_scripted, &answer, &err), expected);
    return answer;
}

static void isolation(void)
{
    struct lt_arena *arena = lt_arena_new();
    struct lt_content_source one = source_of(1, 1000000), changed = source_of(2, 1000000), other = one;
    other.site_id = 2;
    for (int i = 0; i < 3; i++) {
        assert_true(lt_str_is(ask(arena, &one, "ada", "u", LT_OK).body, "ada"));
        assert_true(lt_str_is(ask(arena, &one, "ben", "u", LT_OK).body, "ben"));
        assert_true(lt_str_is(ask(arena, &one, "a", "dau", LT_OK).body, "a")); /* the same bytes in other parts */
        assert_true(lt_str_is(ask(arena, &changed, "ada", "u", LT_OK).body, "ada"));
        assert_true(lt_str_is(ask(arena, &other, "ada", "u", LT_OK).body, "ada"));
    }
    assert_int_equal(script.asked, 5);
    lt_arena_free(arena);
}

static void bounds(void)
{
    struct lt_content_source source = source_of(1, 1000000);
    size_t n, bytes;
    char url[32];
    script.size = LARGE;
    for (int i = 0; i < 40; i++) {
        struct lt_arena *arena = lt_arena_new();
        snprintf(url, sizeof(url), "u%d", i);
        ask(arena, &source, "", url, LT_OK);
        ask(arena, &source, "", "u0", LT_OK); /* used all the time: stays */
        lt_source_cache_counts(&n, &bytes);
        assert_true(bytes <= LT_SOURCE_CACHE_BYTES && n <= LT_SOURCE_CACHE_BYTES / LARGE);
        lt_arena_free(arena);
    }
    assert_int_equal(script.asked, 40);
    script.size = LT_SOURCE_CACHE_ENTRY + 1;
    for (int i = 0; i < 2; i++) {
        struct lt_arena *arena = lt_arena_new();
        assert_int_equal(ask(arena, &source, "", "large", LT_OK).body.n, LT_SOURCE_CACHE_ENTRY + 1);
        lt_arena_free(arena);
    }
    assert_int_equal(script.asked, 42);
}

static void standing_in(void)
{
    static const enum lt_code faults[] = {LT_EUPSTREAM_UNAVAILABLE, LT_EUPSTREAM_TIMEOUT, LT_EUPSTREAM_RATE_LIMITED};
    static const enum lt_code ours[] = {LT_EUPSTREAM_UNAUTHORIZED, LT_EOUTBOUND_REFUSED, LT_ECANCELLED, LT_EUPSTREAM_BAD_REQUEST};
    struct lt_arena *arena = lt_arena_new();
    struct lt_content_source source = source_of(1, 0);
    assert_false(ask(arena, &source, "ada", "u", LT_OK).stale);
    for (size_t i = 0; i < LT_COUNT(faults); i++) {
        script.rc = faults[i];
        struct lt_source_answer a = ask(arena, &source, "ada", "u", LT_OK);
        assert_true(a.stale && lt_str_is(a.body, "ada") && script.saw_etag);
        ask(arena, &source, "ben", "u", faults[i]); /* of whom nothing is known */
    }
    for (size_t i = 0; i < LT_COUNT(ours); i++) {
        script.rc = ours[i];
        ask(arena, &source, "ada", "u", ours[i]);
    }
    script.rc = LT_OK;
    script.status = 304;
    struct lt_source_answer a = ask(arena, &source, "ada", "u", LT_OK);
    assert_true(a.status == 200 && !a.stale && lt_str_is(a.body, "ada"));
    script.status = 404; /* taken away: nothing stands in */
    assert_int_equal(ask(arena, &source, "ada", "u", LT_OK).status, 404);
    script.rc = LT_EUPSTREAM_UNAVAILABLE;
    ask(arena, &source, "ada", "u", LT_EUPSTREAM_UNAVAILABLE);
    lt_arena_free(arena);
}

static void views_of_users_sites_and_configurations_are_apart(void **state_)
{
    (void)state_;
    in_loop(isolation);
}

static void what_is_kept_is_bounded_and_the_least_used_goes_first(void **state_)
{
    (void)state_;
    in_loop(bounds);
}

static void an_old_answer_stands_in_for_faults_of_the_source_alone(void **state_)
{
    (void)state_;
    in_loop(standing_in);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(views_of_users_sites_and_configurations_are_apart),
        cmocka_unit_test(what_is_kept_is_bounded_and_the_least_used_goes_first),
        cmocka_unit_test(an_old_answer_stands_in_for_faults_of_the_source_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
