/* Answers of the Responses API against a real store: whose they are, how long they are kept, threads and where they end. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/clock.h"
#include "core/admin.h"
#include "core/response_store.h"
#include "workflow_rig.h"

static struct lt_response_owner owner(struct rig *r, const char *user, int64_t key)
{
    return (struct lt_response_owner){.site_id = r->site_id, .user_id = lt_str(user), .key_id = key};
}

struct row {
    const char *user;
    int64_t key;
    struct lt_uuid previous;
    const char *status;
    size_t bytes;  /* of the input; 0: "[]" */
    int64_t created_at;
};

static enum lt_code try_add(struct rig *r, struct row row, struct lt_uuid *ret)
{
    struct lt_response_owner o = owner(r, row.user, row.key);
    char *input = lt_alloc(r->arena, row.bytes + 1);
    memset(input, ' ', row.bytes);
    struct lt_stored_response s = {.id = lt_uuid_new(),
                                   .previous_id = row.previous,
                                   .status = lt_str(row.status ? row.status : "completed"),
                                   .model = LT_STR("m"),
                                   .settings = LT_STR("{\"a\":1}"),
                                   .input = row.bytes ? (struct lt_str){input, row.bytes} : LT_STR("[]"),
                                   .output = LT_STR("[]"),
                                   .usage = LT_USAGE_UNKNOWN,
                                   .created_at = row.created_at ? row.created_at : 1000};
    struct lt_tx *tx = lt_tx_new();
    *ret = s.id;
    if (lt_response_tx_add(tx, &o, &s, &r->err)) {
        lt_tx_discard(tx);
        return r->err.code;
    }
    return lt_store_write(r->store, tx, &r->err);
}

static struct lt_uuid add(struct rig *r, struct row row)
{
    struct lt_uuid id;
    rig_ok(r, try_add(r, row, &id));
    return id;
}

static enum lt_code find(struct rig *r, struct lt_response_owner o, struct lt_uuid id)
{
    struct lt_stored_response s;
    return lt_response_find(r->store, r->arena, &o, id, &s, &r->err);
}

/* ---- whose ---- */

static void it_is_there_for_its_user_and_for_its_key_that_names_nobody(void **state)
{
    struct rig *r = *state;
    struct lt_uuid by_key = add(r, (struct row){.user = "", .key = 7}), for_user = add(r, (struct row){.user = "u", .key = 7}),
                   by_token = add(r, (struct row){.user = "u"});
    struct {
        struct lt_uuid id;
        const char *user;
        int64_t key;
        bool there;
    } cases[] = {
        {by_key, "", 7, true},    {by_key, "", 8, false},    {by_key, "", 0, false},   {by_key, "u", 7, false},
        {for_user, "u", 7, true}, {for_user, "u", 8, true},  {for_user, "u", 0, true}, {for_user, "v", 7, false},
        {for_user, "", 7, true},  {for_user, "", 8, false},  {by_token, "u", 0, true}, {by_token, "v", 0, false},
        {by_token, "", 0, false}, {by_token, "", 7, false}, {by_token, "u", 7, true},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        struct lt_response_owner o = owner(r, cases[i].user, cases[i].key), elsewhere = o;
        struct lt_response_thread thread;
        enum lt_code expected = cases[i].there ? LT_OK : LT_ENOT_FOUND;
        assert_int_equal(find(r, o, cases[i].id), expected);
        assert_int_equal(lt_response_read_thread(r->store, r->arena, &o, cases[i].id, &thread, &r->err), expected);
        elsewhere.site_id++;
        assert_int_equal(find(r, elsewhere, cases[i].id), LT_ENOT_FOUND);
        if (!cases[i].there) /* nor can it be removed */
            assert_int_equal(lt_response_remove(r->store, &o, cases[i].id, &r->err), LT_ENOT_FOUND);
    }
}

static void what_was_written_is_read(void **state)
{
    struct rig *r = *state;
    struct lt_response_owner o = owner(r, "u", 0);
    struct lt_stored_response s = {.id = lt_uuid_new(),
                                   .previous_id = lt_uuid_new(),
                                   .status = LT_STR("in_progress"),
                                   .model = LT_STR("m"),
                                   .settings = LT_STR("{\"user\":\"ü\"}"),
                                   .input = LT_STR("[{\"id\":\"msg_1\"}]"),
                                   .output = LT_STR("[]"),
                                   .usage = LT_USAGE_UNKNOWN,
                                   .created_at = 1000},
                              back;
    struct lt_tx *tx = lt_tx_new();
    rig_ok(r, lt_response_tx_add(tx, &o, &s, &r->err));
    rig_ok(r, lt_store_write(r->store, tx, &r->err));
    s.status = LT_STR("failed");
    s.reason = LT_STR("because");
    s.code = LT_STR("server_error");
    s.message = LT_STR("It broke.");
    s.output = LT_STR("[1]");
    s.usage = (struct lt_usage){3, 4, 7, -1, 2};
    s.completed_at = 2000;
    rig_ok(r, lt_response_end(r->store, &o, &s, &r->err));
    for (int again = 0; again < 2; again++) { /* what has ended is not ended again */
        rig_ok(r, lt_response_find(r->store, r->arena, &o, s.id, &back, &r->err));
        assert_true(lt_uuid_eq(back.id, s.id) && lt_uuid_eq(back.previous_id, s.previous_id));
        const struct lt_str pairs[][2] = {{back.status, s.status}, {back.reason, s.reason}, {back.code, s.code},   {back.message, s.message},
                                          {back.model, s.model},   {back.settings, s.settings}, {back.input, s.input}, {back.output, s.output}};
        for (size_t i = 0; i < LT_COUNT(pairs); i++)
            assert_true(lt_str_eq(pairs[i][0], pairs[i][1]));
        assert_int_equal(back.usage.prompt_tokens, 3);
        assert_int_equal(back.usage.completion_tokens, 4);
        assert_int_equal(back.usage.cached_tokens, -1);
        assert_int_equal(back.usage.reasoning_tokens, 2);
        assert_int_equal(back.created_at, 1000);
        assert_int_equal(back.completed_at, 2000);
        struct lt_stored_response late = s;
        late.status = LT_STR("completed");
        rig_ok(r, lt_response_end(r->store, &o, &late, &r->err));
    }
}

/* ---- how long ---- */

static void what_is_too_old_is_not_there_and_is_swept(void **state)
{
    struct rig *r = *state;
    const int64_t day = 24 * 3600 * 1000, now = 100 * day;
    struct lt_site sites[2] = {{.id = r->site_id, .response_keep_days = 30}, {.id = r->site_id + 1, .response_keep_days = 30}};
    struct lt_config config = {.sites = sites, .sites_n = 2};
    struct lt_uuid old[150], young = add(r, (struct row){.user = "u", .created_at = 70 * day});
    for (size_t i = 0; i < LT_COUNT(old); i++)
        old[i] = add(r, (struct row){.user = "u", .created_at = 70 * day - 1});
    struct lt_response_owner o = owner(r, "u", 0);
    o.since = 70 * day;
    assert_int_equal(find(r, o, old[0]), LT_ENOT_FOUND);
    assert_int_equal(lt_response_remove(r->store, &o, old[0], &r->err), LT_ENOT_FOUND);
    rig_ok(r, find(r, o, young));
    bool more = false;
    rig_ok(r, lt_response_sweep(r->store, &config, now, 100, &more, &r->err));
    assert_true(more);
    rig_ok(r, lt_response_sweep(r->store, &config, now, 1000, &more, &r->err));
    assert_false(more);
    o.since = 0;
    for (size_t i = 0; i < LT_COUNT(old); i++)
        assert_int_equal(find(r, o, old[i]), LT_ENOT_FOUND);
    rig_ok(r, find(r, o, young));
}

/* ---- threads ---- */

static struct lt_response_thread thread_of(struct rig *r, struct lt_response_owner o, struct lt_uuid id)
{
    struct lt_response_thread t;
    rig_ok(r, lt_response_read_thread(r->store, r->arena, &o, id, &t, &r->err));
    return t;
}

static void a_thread_is_read_from_its_beginning_and_may_branch(void **state)
{
    struct rig *r = *state;
    struct lt_response_owner o = owner(r, "u", 0);
    struct lt_uuid a = add(r, (struct row){.user = "u"}), b = add(r, (struct row){.user = "u", .previous = a}),
                   c = add(r, (struct row){.user = "u", .previous = b}), d = add(r, (struct row){.user = "u", .previous = b});
    struct lt_uuid ends[] = {c, d};
    for (size_t i = 0; i < 2; i++) {
        struct lt_response_thread t = thread_of(r, o, ends[i]);
        assert_int_equal(t.n, 3);
        assert_int_equal(t.before, LT_RESPONSE_WHOLE);
        assert_true(lt_uuid_eq(t.turns[0].id, a) && lt_uuid_eq(t.turns[1].id, b) && lt_uuid_eq(t.turns[2].id, ends[i]));
    }
}

static void a_thread_ends_where_one_was_removed_is_too_old_or_is_anothers(void **state)
{
    struct rig *r = *state;
    struct lt_response_owner o = owner(r, "u", 0);
    struct lt_uuid removed = add(r, (struct row){.user = "u"}), old = add(r, (struct row){.user = "u", .created_at = 1}),
                   others = add(r, (struct row){.user = "v"});
    struct lt_uuid before[] = {removed, old, others};
    rig_ok(r, lt_response_remove(r->store, &o, removed, &r->err));
    o.since = 2;
    for (size_t i = 0; i < LT_COUNT(before); i++) {
        struct lt_uuid next = add(r, (struct row){.user = "u", .previous = before[i]});
        struct lt_response_thread t = thread_of(r, o, next);
        assert_int_equal(t.n, 1);
        assert_int_equal(t.before, LT_RESPONSE_GONE);
    }
}

static void a_thread_is_read_as_far_as_its_limits(void **state)
{
    struct rig *r = *state;
    struct lt_response_owner o = owner(r, "u", 0);
    struct lt_uuid last = {0};
    for (int i = 1; i <= LT_RESPONSE_THREAD_MAX + 1; i++) {
        last = add(r, (struct row){.user = "u", .previous = last});
        if (i >= LT_RESPONSE_THREAD_MAX) {
            struct lt_response_thread t = thread_of(r, o, last);
            assert_int_equal(t.n, LT_RESPONSE_THREAD_MAX);
            assert_int_equal(t.before, i > LT_RESPONSE_THREAD_MAX ? LT_RESPONSE_LONG : LT_RESPONSE_WHOLE);
            assert_true(lt_uuid_eq(t.turns[t.n - 1].id, last));
        }
    }
    struct lt_uuid large = {0};
    for (int i = 0; i < 3; i++)
        large = add(r, (struct row){.user = "u", .previous = large, .bytes = LT_RESPONSE_THREAD_BYTES_MAX / 2 - 2});
    struct lt_response_thread t = thread_of(r, o, large);
    assert_int_equal(t.n, 2);
    assert_int_equal(t.before, LT_RESPONSE_LONG);
}

static void what_is_too_large_is_refused(void **state)
{
    struct rig *r = *state;
    struct lt_uuid id;
    assert_int_equal(try_add(r, (struct row){.user = "u", .bytes = LT_RESPONSE_BYTES_MAX}, &id), LT_OK);
    assert_int_equal(try_add(r, (struct row){.user = "u", .bytes = LT_RESPONSE_BYTES_MAX + 1}, &id), LT_ETOO_LARGE);
    assert_string_equal(r->err.field, "/input");
}

static void they_go_with_their_site(void **state)
{
    struct rig *r = *state;
    add(r, (struct row){.user = "u"});
    rig_ok(r, lt_admin_site_remove(r->store, LT_STR("one"), &r->err));
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)
    const struct CMUnitTest tests[] = {
        CASE(it_is_there_for_its_user_and_for_its_key_that_names_nobody),
        CASE(what_was_written_is_read),
        CASE(what_is_too_old_is_not_there_and_is_swept),
        CASE(a_thread_is_read_from_its_beginning_and_may_branch),
        CASE(a_thread_ends_where_one_was_removed_is_too_old_or_is_anothers),
        CASE(a_thread_is_read_as_far_as_its_limits),
        CASE(what_is_too_large_is_refused),
        CASE(they_go_with_their_site),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
