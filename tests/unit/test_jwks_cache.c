/* Key sets that are read from an address: who asks, how often, and what counts while nobody answers. */
#include "http_fixture.h"

#include <stdatomic.h>

#include "io/jwks_cache.h"

#define KEY(kid) "{\"kty\":\"EC\",\"kid\":\"" kid "\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\"," \
                 "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}"
#define SET(keys) "{\"keys\":[" keys "]}"

/* The issuer's server. */
static struct {
    struct node node;
    char url[64];
    _Atomic(const char *) text;
    atomic_int status, asked, hold; /* hold: answers wait until it is 0 */
} issuer;

static void answer(struct lt_http_request *req, void *ctx)
{
    atomic_fetch_add(&issuer.asked, 1);
    while (atomic_load(&issuer.hold))
        if (lt_fiber_sleep(2))
            return;
    lt_http_respond(req, atomic_load(&issuer.status), "application/json", NULL, 0, lt_str(atomic_load(&issuer.text)));
}

static struct node clients[2];

static int start(void **state)
{
    struct lt_http_server_options options = {.handler = answer};
    node_start(&issuer.node, 0, &options);
    snprintf(issuer.url, sizeof(issuer.url), "http://127.0.0.1:%d/jwks", lt_http_server_port(issuer.node.server));
    for (int i = 0; i < 2; i++)
        node_start(&clients[i], i + 1, NULL);
    return 0;
}

static void end_client(void *arg)
{
    lt_loop_stop(((struct node *)arg)->loop);
}

static int stop(void **state)
{
    for (int i = 0; i < 2; i++) {
        node_run(&clients[i], end_client, &clients[i]);
        pthread_join(clients[i].thread, NULL);
        sem_destroy(&clients[i].ready);
    }
    node_stop(&issuer.node);
    return 0;
}

/* One question, on a fiber of a client's loop. */
struct question {
    struct lt_jwks_cache *cache;
    struct node *node;
    const char *kid;     /* NULL: none */
    struct lt_fiber *fiber;
    enum lt_code rc;
    struct lt_error err;
    bool found;          /* the set that came has it */
    uint64_t ms;
    sem_t done;
    struct lt_task task;
};

static void ask_now(void *arg)
{
    struct question *q = arg;
    struct lt_arena *arena = lt_arena_new();
    const struct lt_jwks *keys = NULL;
    const struct lt_jwk *fitting[LT_JWKS_TRIED_MAX];
    uint64_t from = lt_mono_ms();
    q->err = (struct lt_error){0};
    q->rc = lt_jwks_cache_get(q->cache, q->node->loop, arena, lt_str(issuer.url), "ES256", lt_str(q->kid), &keys, &q->err);
    q->ms = lt_mono_ms() - from;
    q->found = q->rc == LT_OK && lt_jwks_fitting(keys, "ES256", lt_str(q->kid), fitting) > 0;
    lt_arena_free(arena);
}

static struct question ask(struct lt_jwks_cache *cache, const char *kid)
{
    struct question q = {.cache = cache, .node = &clients[0], .kid = kid};
    node_run(q.node, ask_now, &q);
    return q;
}

static void ask_and_tell(void *arg)
{
    struct question *q = arg;
    ask_now(q);
    sem_post(&q->done);
}

static void begin_task(struct lt_task *task)
{
    struct question *q = (struct question *)((char *)task - offsetof(struct question, task));
    if (lt_fiber_start(q->node->loop, ask_and_tell, q, &q->fiber))
        abort();
}

/* The same without waiting for the answer. */
static void ask_later(struct question *q, struct lt_jwks_cache *cache, struct node *node, const char *kid)
{
    *q = (struct question){.cache = cache, .node = node, .kid = kid, .task = {.fn = begin_task}};
    sem_init(&q->done, 0, 0);
    lt_loop_post(node->loop, &q->task);
}

static void await(struct question *q)
{
    sem_wait(&q->done);
    sem_destroy(&q->done);
}

static void cancel_now(void *arg)
{
    lt_fiber_cancel(((struct question *)arg)->fiber);
}

static struct lt_jwks_cache *fresh_cache(uint32_t fresh_ms, uint32_t stale_ms, uint32_t wait_ms, uint32_t fruitless_ms)
{
    atomic_store(&issuer.text, SET(KEY("a")));
    atomic_store(&issuer.status, 200);
    atomic_store(&issuer.asked, 0);
    atomic_store(&issuer.hold, 0);
    struct lt_jwks_cache_options options = {.fresh_ms = fresh_ms, .stale_ms = stale_ms, .wait_ms = wait_ms, .fruitless_ms = fruitless_ms};
    return lt_jwks_cache_new(&options);
}

static void until_asked(int times)
{
    for (int i = 0; i < WAIT_S * 500 && atomic_load(&issuer.asked) < times; i++)
        usleep(2000);
    assert_int_equal(atomic_load(&issuer.asked), times);
}

/* ---- */

static void many_ask_and_one_goes(void **state)
{
    struct lt_jwks_cache *cache = fresh_cache(0, 0, 0, 0);
    struct question q[40];
    atomic_store(&issuer.hold, 1);
    for (int i = 0; i < 40; i++)
        ask_later(&q[i], cache, &clients[i % 2], i % 3 ? "a" : NULL);
    until_asked(1);
    usleep(100000);
    atomic_store(&issuer.hold, 0);
    for (int i = 0; i < 40; i++) {
        await(&q[i]);
        assert_true(q[i].rc == LT_OK && q[i].found);
    }
    for (int i = 0; i < 10; i++)
        assert_true(ask(cache, "a").found);
    assert_int_equal(atomic_load(&issuer.asked), 1);
    lt_jwks_cache_free(cache);
}

static void an_unknown_name_is_looked_for_once(void **state)
{
    struct lt_jwks_cache *cache = fresh_cache(0, 0, 0, 60000);
    assert_true(ask(cache, "a").found);
    atomic_store(&issuer.text, SET(KEY("a") "," KEY("b")));
    assert_true(ask(cache, "a").found);
    assert_int_equal(atomic_load(&issuer.asked), 1);
    assert_true(ask(cache, "b").found); /* the issuer has changed its keys */
    assert_int_equal(atomic_load(&issuer.asked), 2);
    for (int i = 0; i < 5; i++) { /* a name that nobody has: the fresh set is the answer */
        struct question q = ask(cache, "forged");
        assert_true(q.rc == LT_OK && !q.found);
    }
    assert_int_equal(atomic_load(&issuer.asked), 3);
    assert_true(ask(cache, "a").found && ask(cache, "b").found);
    assert_int_equal(atomic_load(&issuer.asked), 3);
    lt_jwks_cache_free(cache);
}

static void the_next_look_comes_after_a_pause(void **state)
{
    struct lt_jwks_cache *cache = fresh_cache(0, 0, 0, 50);
    assert_true(ask(cache, "a").found && !ask(cache, "b").found);
    int before = atomic_load(&issuer.asked);
    atomic_store(&issuer.text, SET(KEY("b")));
    struct question q = {0};
    for (int i = 0; i < WAIT_S * 100 && !q.found; i++, usleep(10000)) {
        q = ask(cache, "b");
        assert_int_equal(q.rc, LT_OK);
    }
    assert_true(q.found && atomic_load(&issuer.asked) == before + 1);
    assert_false(ask(cache, "a").found); /* taken back by its issuer */
    lt_jwks_cache_free(cache);
}

static void a_server_that_is_down_is_asked_after_pauses_only(void **state)
{
    struct lt_jwks_cache *cache = fresh_cache(0, 0, 0, 0);
    uint64_t from = lt_mono_ms();
    atomic_store(&issuer.status, 503);
    for (int i = 0; i < 5; i++) {
        struct question q = ask(cache, "a");
        assert_int_equal(q.rc, LT_EOVERLOADED);
        assert_true(q.err.retry_after_s >= 1 && q.err.retry_after_s <= 60);
        assert_null(strstr(q.err.detail, "127.0.0.1"));
    }
    int asked = atomic_load(&issuer.asked);
    assert_true(asked == 1 || lt_mono_ms() - from >= 1000); /* a busy machine may need longer than the first pause */
    atomic_store(&issuer.status, 200);
    struct question q = {0};
    for (int i = 0; i < WAIT_S * 20 && !q.found; i++, usleep(50000))
        q = ask(cache, "a");
    assert_true(q.found);
    assert_int_equal(atomic_load(&issuer.asked), asked + 1);
    lt_jwks_cache_free(cache);
}

static void what_is_no_key_set_counts_as_a_failure(void **state)
{
    static const struct {
        int status;
        const char *text;
    } cases[] = {{404, SET(KEY("a"))}, {204, ""}, {302, SET(KEY("a"))}, {200, ""}, {200, "<html>"}, {200, SET("")},
                 {200, "{\"keys\":[],\"keys\":[]}"}, {200, SET("{\"kty\":\"EC\",\"d\":\"AAAA\"}")}};
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        struct lt_jwks_cache *cache = fresh_cache(0, 0, 0, 0);
        atomic_store(&issuer.status, cases[i].status);
        atomic_store(&issuer.text, cases[i].text);
        assert_int_equal(ask(cache, "a").rc, LT_EOVERLOADED);
        lt_jwks_cache_free(cache);
    }
    static char large[LT_JWKS_TEXT_MAX + 2];
    struct lt_jwks_cache *cache = fresh_cache(0, 0, 0, 0);
    memset(large, ' ', sizeof(large) - 1);
    memcpy(large, SET(KEY("a")), sizeof(SET(KEY("a"))) - 1);
    atomic_store(&issuer.text, large);
    assert_int_equal(ask(cache, "a").rc, LT_EOVERLOADED);
    lt_jwks_cache_free(cache);
}

static void old_keys_are_used_while_their_server_is_down_but_not_for_ever(void **state)
{
    struct lt_jwks_cache *cache = fresh_cache(50, 3000, 0, 0);
    uint64_t from = lt_mono_ms();
    assert_true(ask(cache, "a").found);
    atomic_store(&issuer.status, 500);
    usleep(60000);
    struct question q = ask(cache, "a");
    assert_true(q.found || lt_mono_ms() - from >= 3000);
    assert_true(atomic_load(&issuer.asked) >= 2); /* it was tried */
    assert_int_equal(ask(cache, "b").rc, LT_EOVERLOADED); /* nobody knows whether there is such a key now */
    while (lt_mono_ms() - from < 3100)
        usleep(10000);
    assert_int_equal(ask(cache, "a").rc, LT_EOVERLOADED);
    lt_jwks_cache_free(cache);
}

static void when_a_look_fails_an_unknown_name_stays_unknown_to_us(void **state)
{
    struct lt_jwks_cache *cache = fresh_cache(0, 0, 0, 0);
    assert_true(ask(cache, "a").found);
    atomic_store(&issuer.status, 500);
    assert_int_equal(ask(cache, "b").rc, LT_EOVERLOADED);
    assert_int_equal(ask(cache, "b").rc, LT_EOVERLOADED);
    assert_int_equal(atomic_load(&issuer.asked), 2);
    assert_true(ask(cache, "a").found); /* those that we have are good as before */
    lt_jwks_cache_free(cache);
}

static void nobody_waits_longer_than_said(void **state)
{
    struct lt_jwks_cache *cache = fresh_cache(0, 0, 300, 0);
    struct question first, second;
    atomic_store(&issuer.hold, 1);
    ask_later(&first, cache, &clients[0], "a");
    until_asked(1);
    ask_later(&second, cache, &clients[1], "a");
    await(&first);
    await(&second);
    assert_true(first.rc == LT_EOVERLOADED && second.rc == LT_EOVERLOADED);
    assert_true(first.ms >= 250 && first.ms < 5000 && second.ms < 5000);
    atomic_store(&issuer.hold, 0);
    lt_jwks_cache_free(cache);
}

/* Whoever asks may leave: one of those who wait goes on. */
static void a_client_that_leaves_takes_nothing_from_the_others(void **state)
{
    struct lt_jwks_cache *cache = fresh_cache(0, 0, 0, 0);
    struct question first, second, third;
    atomic_store(&issuer.hold, 1);
    ask_later(&first, cache, &clients[0], "a");
    until_asked(1);
    ask_later(&second, cache, &clients[1], "a");
    ask_later(&third, cache, &clients[0], "a");
    usleep(50000);
    node_run(&clients[0], cancel_now, &third); /* one that waits */
    await(&third);
    assert_int_equal(third.rc, LT_ECANCELLED);
    node_run(&clients[0], cancel_now, &first); /* the one that asks */
    await(&first);
    assert_int_equal(first.rc, LT_ECANCELLED);
    until_asked(2);
    atomic_store(&issuer.hold, 0);
    await(&second);
    assert_true(second.rc == LT_OK && second.found);
    lt_jwks_cache_free(cache);
}

static void where_we_may_not_ask_is_a_failure_too(void **state)
{
    struct lt_jwks_cache *cache = fresh_cache(0, 0, 0, 0);
    char was[sizeof(issuer.url)];
    memcpy(was, issuer.url, sizeof(was));
    static const char *const urls[] = {"http://lms.example/jwks", "https://169.254.169.254/", "http://10.0.0.1/", "ftp://a/", ""};
    for (size_t i = 0; i < LT_COUNT(urls); i++) {
        snprintf(issuer.url, sizeof(issuer.url), "%s", urls[i]);
        assert_int_equal(ask(cache, "a").rc, LT_EOVERLOADED);
    }
    memcpy(issuer.url, was, sizeof(was));
    lt_jwks_cache_free(cache);
}

/* ---- a wrong signature ---- */

/* The question is put once more, as after a signature that none of the keys has made. */
struct second_look {
    struct question q;
    const struct lt_jwks *had; /* of the first look; the arena keeps it */
    struct lt_arena *arena;
    const char *kid;
    enum lt_code rc;
    bool other;
};

static void look_again(void *arg)
{
    struct second_look *l = arg;
    struct lt_error err;
    const struct lt_jwks *now = NULL;
    struct lt_loop *loop = l->q.node->loop;
    if (!l->had)
        l->rc = lt_jwks_cache_get(l->q.cache, loop, l->arena, lt_str(issuer.url), "ES256", lt_str(l->kid), &l->had, &err);
    else
        l->rc = lt_jwks_cache_newer(l->q.cache, loop, l->arena, lt_str(issuer.url), "ES256", lt_str(l->kid), l->had, &now, &err);
    l->other = l->rc == LT_OK && now && now != l->had;
}

static struct lt_jwks_cache *impatient_cache(uint32_t again_ms)
{
    lt_jwks_cache_free(fresh_cache(0, 0, 0, 0));
    return lt_jwks_cache_new(&(struct lt_jwks_cache_options){.again_ms = again_ms, .fruitless_ms = 60000});
}

#define UNNAMED(y) "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\",\"y\":\"" y "\"}"
#define Y1 "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
#define Y2 "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a4"

static void nameless_keys_are_read_once_more_after_a_wrong_signature(void **state)
{
    struct lt_jwks_cache *cache = impatient_cache(1);
    atomic_store(&issuer.text, SET(UNNAMED(Y1)));
    struct second_look l = {.q = {.cache = cache, .node = &clients[0]}, .arena = lt_arena_new(), .kid = "any"};
    node_run(&clients[0], look_again, &l);
    assert_int_equal(l.rc, LT_OK);
    usleep(5000);
    atomic_store(&issuer.text, SET(UNNAMED(Y2)));
    node_run(&clients[0], look_again, &l); /* the issuer has changed its key */
    assert_true(l.other);
    assert_int_equal(atomic_load(&issuer.asked), 2);
    for (int i = 0; i < 5; i++) { /* forged ones: one look in vain, then a pause */
        struct second_look forged = l;
        forged.had = NULL;
        node_run(&clients[0], look_again, &forged);
        usleep(5000);
        node_run(&clients[0], look_again, &forged);
    }
    assert_int_equal(atomic_load(&issuer.asked), 3);
    lt_arena_free(l.arena);
    lt_jwks_cache_free(cache);
}

static void a_young_set_and_a_named_key_are_not_read_once_more(void **state)
{
    static const struct {
        uint32_t again_ms;
        const char *text, *kid;
    } cases[] = {{60000, SET(UNNAMED(Y1)), NULL}, {1, SET(KEY("a")), "a"}};
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        struct lt_jwks_cache *cache = impatient_cache(cases[i].again_ms);
        atomic_store(&issuer.text, cases[i].text);
        struct second_look l = {.q = {.cache = cache, .node = &clients[0]}, .arena = lt_arena_new(), .kid = cases[i].kid};
        node_run(&clients[0], look_again, &l);
        usleep(5000);
        node_run(&clients[0], look_again, &l);
        assert_int_equal(l.rc, LT_ENOT_FOUND);
        assert_int_equal(atomic_load(&issuer.asked), 1);
        lt_arena_free(l.arena);
        lt_jwks_cache_free(cache);
    }
}

static void when_the_second_look_fails_the_first_verdict_stands(void **state)
{
    struct lt_jwks_cache *cache = impatient_cache(1);
    atomic_store(&issuer.text, SET(UNNAMED(Y1)));
    struct second_look l = {.q = {.cache = cache, .node = &clients[0]}, .arena = lt_arena_new()};
    node_run(&clients[0], look_again, &l);
    usleep(5000);
    atomic_store(&issuer.status, 500);
    for (int i = 0; i < 3; i++) {
        node_run(&clients[0], look_again, &l);
        assert_int_equal(l.rc, LT_ENOT_FOUND);
    }
    assert_int_equal(atomic_load(&issuer.asked), 2);
    lt_arena_free(l.arena);
    lt_jwks_cache_free(cache);
}

/* More addresses than are kept: the oldest go, none is lost that is asked for again. */
static void addresses_take_each_others_place(void **state)
{
    struct lt_jwks_cache *cache = fresh_cache(0, 0, 0, 0);
    char was[sizeof(issuer.url)];
    memcpy(was, issuer.url, sizeof(was));
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 300; i++) {
            snprintf(issuer.url, sizeof(issuer.url), "%s/%d", was, i);
            assert_true(ask(cache, "a").found);
        }
    assert_int_equal(atomic_load(&issuer.asked), 600);
    memcpy(issuer.url, was, sizeof(was));
    lt_jwks_cache_free(cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_ask_and_one_goes),
        cmocka_unit_test(an_unknown_name_is_looked_for_once),
        cmocka_unit_test(the_next_look_comes_after_a_pause),
        cmocka_unit_test(a_server_that_is_down_is_asked_after_pauses_only),
        cmocka_unit_test(what_is_no_key_set_counts_as_a_failure),
        cmocka_unit_test(old_keys_are_used_while_their_server_is_down_but_not_for_ever),
        cmocka_unit_test(when_a_look_fails_an_unknown_name_stays_unknown_to_us),
        cmocka_unit_test(nobody_waits_longer_than_said),
        cmocka_unit_test(a_client_that_leaves_takes_nothing_from_the_others),
        cmocka_unit_test(where_we_may_not_ask_is_a_failure_too),
        cmocka_unit_test(nameless_keys_are_read_once_more_after_a_wrong_signature),
        cmocka_unit_test(a_young_set_and_a_named_key_are_not_read_once_more),
        cmocka_unit_test(when_the_second_look_fails_the_first_verdict_stands),
        cmocka_unit_test(addresses_take_each_others_place),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
