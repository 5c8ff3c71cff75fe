/* Sessions against a real store: AIWorkflowSession and the submissions of the reference page, §1 and §4. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <time.h>

#include <cmocka.h>

#include "base/clock.h"
#include "io/worker.h"
#include "workflow_rig.h"
#include "workflows/session.h"

static int64_t count(struct rig *r, const char *sql)
{
    struct lt_rows rows;
    rig_ok(r, lt_store_query(r->store, r->arena, sql, NULL, 0, 0, &rows, &r->err));
    return lt_rows_int(&rows, 0, 0);
}

static int64_t add_profile(struct rig *r, const char *slug)
{
    struct lt_problems problems = {.arena = r->arena};
    const struct lt_profile *p;
    const char *members = lt_strz(r->arena, lt_printf(r->arena, "{slug: '%s', base_filepath: 'whole.json'}", slug));
    rig_ok(r, lt_profile_add(r->store, r->set, LT_STR("one"), rig_json(r, members), LT_STR("t"), &problems, &r->err));
    rig_load(r);
    rig_ok(r, lt_profile_find(r->set, r->site_id, lt_str(slug), &p, &r->err));
    return p->id;
}

static int64_t add_scope(struct rig *r, const char *slug)
{
    int64_t id;
    const char *members = lt_strz(r->arena, lt_printf(r->arena, "{profile_id: '%s', ui_slot_selector_id: 's'}", slug));
    rig_ok(r, lt_scope_add(r->store, LT_STR("one"), rig_json(r, members), &id, &r->err));
    return id;
}

static struct lt_session_key key_of(struct rig *r, const char *user, int64_t scope, int64_t profile, const char *course, const char *location)
{
    return (struct lt_session_key){r->site_id, lt_str(user), scope, profile, lt_str(course), lt_str(location)};
}

static struct lt_session open_session(struct rig *r, struct lt_session_key key)
{
    struct lt_session s;
    rig_ok(r, lt_session_open(r->store, r->arena, &key, &s, &r->err));
    return s;
}

static struct lt_session again(struct rig *r, const struct lt_session *s)
{
    struct lt_session now;
    rig_ok(r, lt_session_find(r->store, r->arena, r->site_id, s->uuid_text, &now, &r->err));
    return now;
}

/* A turn of a question and an answer; text NULL: none. */
static void add_turn(struct rig *r, const struct lt_session *s, const char *user, const char *assistant)
{
    struct lt_turn_message m[2];
    struct lt_turn turn = {.store_content = true, .messages = m};
    if (user)
        m[turn.messages_n++] = (struct lt_turn_message){.role = LT_STR("user"), .text = lt_str(user), .timestamp = 1000};
    if (assistant)
        m[turn.messages_n++] = (struct lt_turn_message){.role = LT_STR("assistant"), .text = lt_str(assistant), .timestamp = 2000};
    rig_ok(r, lt_session_add_turn(r->store, s, &turn, NULL, &r->err));
}

/* "a b c": the texts of a page, and "+" when there are older ones. */
static const char *page(struct rig *r, const struct lt_session *s, int64_t shown, int max)
{
    struct lt_session_messages m;
    struct lt_str all = LT_STR("");
    rig_ok(r, lt_session_page(r->store, r->arena, s, shown, max, &m, &r->err));
    for (size_t i = 0; i < m.n; i++)
        all = lt_printf(r->arena, "%.*s%s%.*s", LT_FMT(all), i ? " " : "", LT_FMT(m.list[i].text));
    return lt_strz(r->arena, lt_printf(r->arena, "%.*s%s", LT_FMT(all), m.more ? "+" : ""));
}

static struct lt_session new_session(struct rig *r)
{
    return open_session(r, key_of(r, "u", 0, add_profile(r, "p"), "", ""));
}

/* ---- finding and making ---- */

static void a_session_is_unique_over_user_scope_profile_course_and_location(void **state)
{
    struct rig *r = *state;
    int64_t profiles[2] = {add_profile(r, "p"), add_profile(r, "q")}, scopes[2] = {0, add_scope(r, "p")};
    static const char *const users[] = {"u", "v"}, *const courses[] = {"", "c"}, *const locations[] = {"", "l"};
    int64_t ids[32];
    const char *uuids[32];
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 32; i++) {
            struct lt_session s = open_session(
                r, key_of(r, users[i & 1], scopes[i >> 1 & 1], profiles[i >> 2 & 1], courses[i >> 3 & 1], locations[i >> 4 & 1]));
            for (int k = 0; round == 0 && k < i; k++)
                assert_true(ids[k] != s.id);
            if (round == 1) {
                assert_int_equal(ids[i], s.id);
                assert_string_equal(uuids[i], s.uuid_text.p);
            }
            ids[i] = s.id;
            uuids[i] = lt_strz(r->arena, s.uuid_text);
        }
    assert_int_equal(count(r, "SELECT COUNT(*) FROM workflow_session"), 32);
}

struct opener {
    struct rig *r;
    struct lt_session_key key;
    struct lt_arena *arena;
    struct lt_session session;
    enum lt_code rc;
    int *running;
};

static void open_fiber(void *arg)
{
    struct opener *o = arg;
    struct lt_error err;
    o->rc = lt_session_open(o->r->store, o->arena, &o->key, &o->session, &err);
    if (--*o->running == 0)
        lt_loop_stop(lt_loop_self());
}

static void two_fibers_at_once_end_with_one_row(void **state)
{
    struct rig *r = *state;
    struct opener openers[8];
    int running = LT_COUNT(openers);
    struct lt_session_key key = key_of(r, "u", 0, add_profile(r, "p"), "c", "l");
    rig_ok(r, lt_workers_start(4, &r->err));
    struct lt_loop *loop = lt_loop_new(0, &r->err);
    for (size_t i = 0; i < LT_COUNT(openers); i++) {
        openers[i] = (struct opener){.r = r, .key = key, .arena = lt_arena_new(), .running = &running};
        assert_int_equal(lt_fiber_start(loop, open_fiber, &openers[i], NULL), LT_OK);
    }
    lt_loop_run(loop);
    for (size_t i = 0; i < LT_COUNT(openers); i++) {
        assert_int_equal(openers[i].rc, LT_OK);
        assert_int_equal(openers[i].session.id, openers[0].session.id);
        assert_true(lt_uuid_eq(openers[i].session.uuid, openers[0].session.uuid));
        assert_false(lt_uuid_is_null(openers[i].session.uuid));
    }
    for (size_t i = 0; i < LT_COUNT(openers); i++) {
        lt_arena_free(openers[i].arena);
    }
    lt_loop_free(loop);
    lt_workers_stop();
    assert_int_equal(count(r, "SELECT COUNT(*) FROM workflow_session"), 1);
}

static void a_session_is_found_by_uuid_and_number_in_its_own_site_alone(void **state)
{
    struct rig *r = *state;
    struct lt_session s = new_session(r), found;
    const char *number = lt_strz(r->arena, lt_printf(r->arena, "%" PRId64, s.id));
    struct lt_str names[] = {s.uuid_text, lt_str(number)};
    for (size_t i = 0; i < LT_COUNT(names); i++) {
        rig_ok(r, lt_session_find(r->store, r->arena, r->site_id, names[i], &found, &r->err));
        assert_int_equal(found.id, s.id);
        assert_true(lt_uuid_eq(found.uuid, s.uuid));
        assert_int_equal(lt_session_find(r->store, r->arena, r->site_id + 1, names[i], &found, &r->err), LT_ENOT_FOUND);
    }
    assert_int_equal(lt_session_find(r->store, r->arena, r->site_id, LT_STR("nothing"), &found, &r->err), LT_ENOT_FOUND);
    assert_int_equal(lt_session_find(r->store, r->arena, r->site_id, LT_STR(""), &found, &r->err), LT_ENOT_FOUND);
}

static void a_session_needs_a_user_and_a_profile_and_a_scope_that_exist(void **state)
{
    struct rig *r = *state;
    struct lt_session s;
    int64_t profile = add_profile(r, "p");
    char *longer = lt_strz(r->arena, LT_STR(""));
    longer = lt_alloc(r->arena, LT_SESSION_PLACE_MAX + 2);
    memset(longer, 'x', LT_SESSION_PLACE_MAX + 1);
    longer[LT_SESSION_PLACE_MAX + 1] = 0;
    const struct {
        struct lt_session_key key;
        enum lt_code code;
        const char *field;
    } cases[] = {
        {key_of(r, "", 0, profile, "", ""), LT_EINVALID_INPUT, "/user_id"},
        {key_of(r, "u", 0, profile, longer, ""), LT_EINVALID_INPUT, "/course_id"},
        {key_of(r, "u", 0, profile, "", longer), LT_EINVALID_INPUT, "/location_id"},
        {key_of(r, "u", 0, profile + 1, "", ""), LT_ENOT_FOUND, ""},
        {key_of(r, "u", 77, profile, "", ""), LT_ENOT_FOUND, ""},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        assert_int_equal(lt_session_open(r->store, r->arena, &cases[i].key, &s, &r->err), cases[i].code);
        assert_string_equal(r->err.field, cases[i].field);
    }
    assert_int_equal(count(r, "SELECT COUNT(*) FROM workflow_session"), 0);
}

static void sessions_are_listed_newest_first_by_filter_and_cursor(void **state)
{
    struct rig *r = *state;
    enum { N = 60 };
    struct lt_session all[N];
    int64_t profiles[2] = {add_profile(r, "p"), add_profile(r, "q")}, scopes[2] = {0, add_scope(r, "p")};
    static const char *const users[] = {"", "u", "v", "w"}, *const courses[] = {"", "c", "d"};
    for (int i = 0; i < N; i++) {
        const char *location = lt_strz(r->arena, lt_printf(r->arena, "l%d", i));
        all[i] = open_session(r, key_of(r, users[1 + i % 3], scopes[i / 3 % 2], profiles[i / 6 % 2], courses[1 + i / 12 % 2], location));
    }
    int lists = 0;
    for (int f = 0; f < 4 * 3 * 3 * 3; f++) {
        struct lt_session_filter filter = {.site_id = r->site_id,
                                           .user_id = lt_str(users[f % 4]),
                                           .course_id = lt_str(courses[f / 4 % 3]),
                                           .profile_id = f / 12 % 3 == 2 ? -1 : profiles[f / 12 % 3],
                                           .scope_id = f / 36 % 3 == 2 ? -1 : scopes[f / 36 % 3],
                                           .limit = 7};
        int at = N;
        for (;;) {
            struct lt_session *found;
            size_t n, k = 0;
            rig_ok(r, lt_session_list(r->store, r->arena, &filter, &found, &n, &r->err));
            for (; k < n; k++) {
                const struct lt_session_key *want = NULL;
                while (!want && at-- > 0) {
                    want = &all[at].key;
                    if ((filter.user_id.n && !lt_str_eq(want->user_id, filter.user_id)) ||
                        (filter.course_id.n && !lt_str_eq(want->course_id, filter.course_id)) ||
                        (filter.profile_id >= 0 && want->profile_id != filter.profile_id) ||
                        (filter.scope_id >= 0 && want->scope_id != filter.scope_id))
                        want = NULL;
                }
                assert_non_null(want);
                assert_int_equal(found[k].id, all[at].id);
            }
            lists++;
            if (n < 7)
                break;
            filter.before_id = found[n - 1].id;
        }
        for (; at > 0; at--) { /* nothing was left out */
            const struct lt_session_key *k = &all[at - 1].key;
            assert_true((filter.user_id.n && !lt_str_eq(k->user_id, filter.user_id)) ||
                        (filter.course_id.n && !lt_str_eq(k->course_id, filter.course_id)) ||
                        (filter.profile_id >= 0 && k->profile_id != filter.profile_id) ||
                        (filter.scope_id >= 0 && k->scope_id != filter.scope_id));
        }
    }
    assert_true(lists > 108);
    struct lt_session_filter other = {.site_id = r->site_id + 1, .profile_id = -1, .scope_id = -1, .limit = 7};
    struct lt_session *found;
    size_t n;
    rig_ok(r, lt_session_list(r->store, r->arena, &other, &found, &n, &r->err));
    assert_int_equal(n, 0);
}

/* ---- turns ---- */

static void a_turn_is_one_submission_with_its_messages_and_the_sessions_remote_id_in_one_unit(void **state)
{
    struct rig *r = *state;
    struct lt_session s = new_session(r);
    struct lt_uuid call = lt_uuid_new(), id;
    struct lt_turn_message m[] = {{.role = LT_STR("user"), .text = LT_STR("a\"\n\x01"), .timestamp = 1750000000000},
                                  {.role = LT_STR("assistant"), .content = rig_json(r, "[{type: 'image'}]"), .timestamp = 1750000001000}};
    struct lt_turn turn = {.call_id = call, .interrupted = true, .store_content = true, .messages = m, .messages_n = 2,
                           .remote_response_id = LT_STR("r1"), .remote_instance_id = 5};
    rig_ok(r, lt_session_add_turn(r->store, &s, &turn, &id, &r->err));
    struct lt_session now = again(r, &s);
    assert_int_equal(now.turns, 1);
    assert_true(lt_str_is(now.remote_response_id, "r1"));
    assert_int_equal(now.remote_instance_id, 5);
    struct lt_rows rows;
    char text[37];
    rig_ok(r, LT_QUERY(r->store, r->arena, &rows, &r->err,
                       "SELECT uuid, session_id, thread, position, call_id, state, messages FROM workflow_submission"));
    assert_int_equal(rows.rows, 1);
    lt_uuid_format(id, text);
    assert_true(lt_str_is(lt_rows_str(&rows, 0, 0), text));
    assert_int_equal(lt_rows_int(&rows, 0, 1), s.id);
    assert_int_equal(lt_rows_int(&rows, 0, 2), 1);
    assert_int_equal(lt_rows_int(&rows, 0, 3), 1);
    lt_uuid_format(call, text);
    assert_true(lt_str_is(lt_rows_str(&rows, 0, 4), text));
    assert_true(lt_str_is(lt_rows_str(&rows, 0, 5), "interrupted"));
    assert_true(lt_str_is(lt_rows_str(&rows, 0, 6),
                          "[{\"role\":\"user\",\"content\":\"a\\\"\\n\\u0001\",\"timestamp\":\"2025-06-15T15:06:40.000Z\"},"
                          "{\"role\":\"assistant\",\"content\":[{\"type\":\"image\"}],\"timestamp\":\"2025-06-15T15:06:41.000Z\"}]"));
    turn.remote_response_id = LT_STR(""); /* the next service keeps nothing: it cannot be gone on from r1 */
    rig_ok(r, lt_session_add_turn(r->store, &s, &turn, &id, &r->err));
    now = again(r, &s);
    assert_int_equal(now.remote_response_id.n, 0);
    assert_int_equal(now.remote_instance_id, 0);
}

static void a_turn_above_its_limits_is_refused_and_nothing_is_stored(void **state)
{
    struct rig *r = *state;
    struct lt_session s = new_session(r);
    static struct lt_turn_message m[LT_TURN_MESSAGES_MAX + 1];
    struct lt_turn turn = {.store_content = true, .messages = m, .messages_n = LT_TURN_MESSAGES_MAX + 1, .remote_response_id = LT_STR("r1")};
    for (size_t i = 0; i < LT_COUNT(m); i++)
        m[i] = (struct lt_turn_message){.role = LT_STR("user"), .text = LT_STR("x")};
    assert_int_equal(lt_session_add_turn(r->store, &s, &turn, NULL, &r->err), LT_ETOO_LARGE);
    char *large = lt_alloc(r->arena, LT_TURN_BYTES_MAX);
    memset(large, 'x', LT_TURN_BYTES_MAX);
    m[0].text = (struct lt_str){large, LT_TURN_BYTES_MAX};
    turn.messages_n = 1;
    assert_int_equal(lt_session_add_turn(r->store, &s, &turn, NULL, &r->err), LT_ETOO_LARGE);
    struct lt_session now = again(r, &s);
    assert_int_equal(now.turns, 0);
    assert_int_equal(now.remote_response_id.n, 0);
    turn.messages_n = LT_TURN_MESSAGES_MAX;
    m[0].text = (struct lt_str){large, LT_TURN_BYTES_MAX / 2};
    rig_ok(r, lt_session_add_turn(r->store, &s, &turn, NULL, &r->err));
}

static void two_turns_that_went_on_from_one_answer_leave_no_remote_id(void **state)
{
    struct rig *r = *state;
    struct lt_session first = new_session(r);
    struct lt_turn_message m = {.role = LT_STR("user"), .text = LT_STR("x")};
    struct lt_turn turn = {.store_content = true, .messages = &m, .messages_n = 1, .remote_response_id = LT_STR("r1"), .remote_instance_id = 5};
    rig_ok(r, lt_session_add_turn(r->store, &first, &turn, NULL, &r->err));
    struct lt_session read = again(r, &first);
    turn.remote_response_id = LT_STR("r2");
    rig_ok(r, lt_session_add_turn(r->store, &read, &turn, NULL, &r->err));
    assert_true(lt_str_is(again(r, &first).remote_response_id, "r2"));
    turn.remote_response_id = LT_STR("r3"); /* begun when r1 was the last */
    rig_ok(r, lt_session_add_turn(r->store, &read, &turn, NULL, &r->err));
    struct lt_session now = again(r, &first);
    assert_int_equal(now.turns, 3);
    assert_int_equal(now.remote_response_id.n, 0);
    assert_int_equal(now.remote_instance_id, 0);
}

/* "n" grows by one. The first time somebody else is faster, when `rival` says how. */
struct counting {
    struct rig *r;
    const struct lt_session *session;
    const char *rival;
    int asked;
};

static enum lt_code count_up(void *ctx, struct lt_arena *arena, const struct lt_json *metadata, const struct lt_json **ret_patch,
                             struct lt_error *err)
{
    struct counting *c = ctx;
    if (c->asked++ == 0 && c->rival)
        rig_ok(c->r, lt_session_merge_metadata(c->r->store, c->session, rig_json(c->r, c->rival), &c->r->err));
    int64_t n = lt_json_int64_or(lt_json_get(metadata, "n"), 0);
    return lt_json_parse(arena, lt_printf(arena, "{\"n\":%" PRId64 "}", n + 1), LT_JSON_STRICT, ret_patch, err);
}

/* What goes with a change: asked so many times, it says yes or no and adds a statement that fits or does not. */
struct company {
    int asked;
    bool no, misfit;
};

static bool add_company(void *ctx, struct lt_tx *tx)
{
    struct company *c = ctx;
    c->asked++;
    LT_TX(tx, "UPDATE site SET name = 'with it' WHERE slug = $1", LT_TEXTZ(c->misfit ? "none" : "one"));
    lt_tx_expect(tx, 1);
    return !c->no;
}

static void what_goes_with_a_turn_or_a_change_is_stored_with_it_or_neither_is(void **state)
{
    struct rig *r = *state;
    struct lt_session s = new_session(r);
    struct company no = {.no = true}, misfit = {.misfit = true}, yes = {0};
    struct lt_session_with with_no = {add_company, &no}, with_misfit = {add_company, &misfit}, with_yes = {add_company, &yes};
    struct counting counting = {.r = r, .session = &s};
    struct lt_turn_message m = {.role = LT_STR("user"), .text = LT_STR("x")};
    struct lt_turn turn = {.store_content = true, .messages = &m, .messages_n = 1, .with = &with_no};
    assert_int_equal(lt_session_add_turn(r->store, &s, &turn, NULL, &r->err), LT_ECANCELLED);
    assert_int_equal(lt_session_change_metadata(r->store, &s, count_up, &counting, &with_no, &r->err), LT_ECANCELLED);
    turn.with = &with_misfit;
    assert_int_equal(lt_session_add_turn(r->store, &s, &turn, NULL, &r->err), LT_ENOT_FOUND);
    assert_int_equal(lt_session_change_metadata(r->store, &s, count_up, &counting, &with_misfit, &r->err), LT_ECONFLICT);
    assert_int_equal(again(r, &s).turns, 0);
    assert_true(lt_str_is(again(r, &s).metadata, "{}"));
    assert_int_equal(count(r, "SELECT COUNT(*) FROM site WHERE name = 'with it'"), 0);
    turn.with = &with_yes;
    rig_ok(r, lt_session_add_turn(r->store, &s, &turn, NULL, &r->err));
    assert_int_equal(count(r, "SELECT COUNT(*) FROM site WHERE name = 'with it'"), 1);
    rig_ok(r, lt_session_change_metadata(r->store, &s, count_up, &counting, &with_yes, &r->err));
    assert_int_equal(again(r, &s).turns, 1);
    assert_true(lt_str_is(again(r, &s).metadata, "{\"n\":1}"));
    assert_int_equal(no.asked + yes.asked, 4);
}

static void without_store_content_only_metadata_are_kept(void **state)
{
    struct rig *r = *state;
    struct lt_session s = new_session(r);
    struct lt_turn_message m = {.role = LT_STR("user"), .text = LT_STR("SECRET")};
    struct lt_turn turn = {.store_content = false, .messages = &m, .messages_n = 1, .remote_response_id = LT_STR("r1"), .remote_instance_id = 2};
    struct lt_uuid id = lt_uuid_new();
    rig_ok(r, lt_session_add_turn(r->store, &s, &turn, &id, &r->err));
    assert_true(lt_uuid_is_null(id));
    rig_ok(r, lt_session_merge_metadata(r->store, &s, rig_json(r, "{task: 1}"), &r->err));
    struct lt_session now = again(r, &s);
    assert_int_equal(now.turns, 0);
    assert_int_equal(now.remote_response_id.n, 0);
    assert_int_equal(now.remote_instance_id, 0);
    assert_true(lt_str_is(now.metadata, "{\"task\":1}"));
    assert_int_equal(count(r, "SELECT COUNT(*) FROM workflow_submission"), 0);
}

static void clearing_begins_a_new_thread_and_the_old_turns_are_shown_nowhere_but_counted(void **state)
{
    struct rig *r = *state;
    struct lt_session s = new_session(r);
    add_turn(r, &s, "a", "b");
    add_turn(r, &s, "c", "d");
    rig_ok(r, lt_session_merge_metadata(r->store, &s, rig_json(r, "{x: 1}"), &r->err));
    struct lt_session before = again(r, &s);
    assert_string_equal(page(r, &before, 0, 10), "a b c d");
    rig_ok(r, lt_session_clear(r->store, &before, &r->err));
    struct lt_session now = again(r, &s);
    assert_int_equal(now.thread, before.thread + 1);
    assert_int_equal(now.turns, 0);
    assert_int_equal(now.turns_cleared, 2);
    assert_true(lt_str_is(now.metadata, "{}"));
    assert_int_equal(now.remote_response_id.n, 0);
    assert_string_equal(page(r, &now, 0, 10), "");
    add_turn(r, &now, "e", "f");
    assert_string_equal(page(r, &now, 0, 10), "e f");
    assert_int_equal(count(r, "SELECT COUNT(*) FROM workflow_submission"), 3);
}

static void a_turn_that_began_before_a_clear_belongs_to_the_cleared_thread(void **state)
{
    struct rig *r = *state;
    struct lt_session s = new_session(r);
    rig_ok(r, lt_session_clear(r->store, &s, &r->err));
    struct lt_turn_message m = {.role = LT_STR("user"), .text = LT_STR("late")};
    struct lt_turn turn = {.store_content = true, .messages = &m, .messages_n = 1, .remote_response_id = LT_STR("r1"), .remote_instance_id = 1};
    rig_ok(r, lt_session_add_turn(r->store, &s, &turn, NULL, &r->err));
    struct lt_session now = again(r, &s);
    assert_int_equal(now.turns, 0);
    assert_int_equal(now.turns_cleared, 1);
    assert_int_equal(now.remote_response_id.n, 0);
}

static void removing_a_session_removes_its_turns_and_a_late_turn_is_not_found(void **state)
{
    struct rig *r = *state;
    struct lt_session s = new_session(r), other = open_session(r, key_of(r, "v", 0, s.key.profile_id, "", ""));
    add_turn(r, &s, "a", "b");
    add_turn(r, &other, "c", "d");
    rig_ok(r, lt_session_remove(r->store, &s, &r->err));
    assert_int_equal(count(r, "SELECT COUNT(*) FROM workflow_submission"), 1);
    struct lt_turn_message m = {.role = LT_STR("user"), .text = LT_STR("late")};
    struct lt_turn turn = {.store_content = true, .messages = &m, .messages_n = 1};
    assert_int_equal(lt_session_add_turn(r->store, &s, &turn, NULL, &r->err), LT_ENOT_FOUND);
    assert_int_equal(lt_session_clear(r->store, &s, &r->err), LT_ENOT_FOUND);
    assert_int_equal(lt_session_remove(r->store, &s, &r->err), LT_ENOT_FOUND);
    assert_int_equal(lt_session_merge_metadata(r->store, &s, rig_json(r, "{}"), &r->err), LT_ENOT_FOUND);
    assert_int_equal(count(r, "SELECT COUNT(*) FROM workflow_submission"), 1);
}

static void sessions_go_with_their_scope_their_profile_and_their_site(void **state)
{
    struct rig *r = *state;
    int64_t p = add_profile(r, "p"), q = add_profile(r, "q"), scope = add_scope(r, "p");
    struct lt_session of[] = {open_session(r, key_of(r, "u", scope, p, "", "")), open_session(r, key_of(r, "u", 0, p, "", "")),
                              open_session(r, key_of(r, "u", 0, q, "", ""))};
    for (size_t i = 0; i < LT_COUNT(of); i++)
        add_turn(r, &of[i], "a", "b");
    rig_ok(r, lt_scope_remove(r->store, LT_STR("one"), scope, &r->err));
    assert_int_equal(count(r, "SELECT COUNT(*) FROM workflow_session"), 2);
    assert_int_equal(count(r, "SELECT COUNT(*) FROM workflow_submission"), 2);
    rig_ok(r, lt_profile_remove(r->store, LT_STR("one"), LT_STR("p"), &r->err));
    assert_int_equal(count(r, "SELECT COUNT(*) FROM workflow_session"), 1);
    assert_int_equal(count(r, "SELECT COUNT(*) FROM workflow_submission"), 1);
    rig_ok(r, lt_admin_site_remove(r->store, LT_STR("one"), &r->err));
    assert_int_equal(count(r, "SELECT COUNT(*) FROM workflow_session"), 0);
    assert_int_equal(count(r, "SELECT COUNT(*) FROM workflow_submission"), 0);
}

/* ---- metadata ---- */

static void metadata_are_merged_and_null_removes(void **state)
{
    struct rig *r = *state;
    struct lt_session s = new_session(r);
    static const char *const steps[][2] = {
        {"{a: 1, b: {c: 2}}", "{\"a\":1,\"b\":{\"c\":2}}"},
        {"{b: {d: 3}}", "{\"a\":1,\"b\":{\"c\":2,\"d\":3}}"},
        {"{a: null, b: {c: null}}", "{\"b\":{\"d\":3}}"},
        {"{}", "{\"b\":{\"d\":3}}"},
    };
    for (size_t i = 0; i < LT_COUNT(steps); i++) {
        rig_ok(r, lt_session_merge_metadata(r->store, &s, rig_json(r, steps[i][0]), &r->err));
        struct lt_session now = again(r, &s);
        if (!lt_str_is(now.metadata, steps[i][1]))
            fail_msg("%s: %.*s", steps[i][0], LT_FMT(now.metadata));
    }
    assert_int_equal(lt_session_merge_metadata(r->store, &s, rig_json(r, "[1]"), &r->err), LT_EINVALID_INPUT);
    char *large = lt_alloc(r->arena, LT_SESSION_METADATA_MAX + 8);
    memset(large, 'x', LT_SESSION_METADATA_MAX);
    const char *text = lt_strz(r->arena, lt_printf(r->arena, "{x: '%.*s'}", LT_SESSION_METADATA_MAX, large));
    assert_int_equal(lt_session_merge_metadata(r->store, &s, rig_json(r, text), &r->err), LT_ETOO_LARGE);
}

static void a_change_sees_what_is_there_and_is_asked_again_when_somebody_was_faster(void **state)
{
    struct rig *r = *state;
    struct lt_session s = new_session(r);
    struct counting plain = {.r = r, .session = &s}, raced = {.r = r, .session = &s, .rival = "{n: 10, other: true}"};
    rig_ok(r, lt_session_change_metadata(r->store, &s, count_up, &plain, NULL, &r->err));
    assert_true(lt_str_is(again(r, &s).metadata, "{\"n\":1}"));
    rig_ok(r, lt_session_change_metadata(r->store, &s, count_up, &raced, NULL, &r->err));
    assert_int_equal(raced.asked, 2);
    assert_true(lt_str_is(again(r, &s).metadata, "{\"n\":11,\"other\":true}"));
}

static enum lt_code refuse(void *ctx, struct lt_arena *arena, const struct lt_json *metadata, const struct lt_json **ret_patch, struct lt_error *err)
{
    return lt_fail(err, LT_EINVALID_INPUT, "no");
}

static void a_change_that_fails_or_meets_another_thread_or_no_session_changes_nothing(void **state)
{
    struct rig *r = *state;
    struct lt_session s = new_session(r);
    struct counting counting = {.r = r, .session = &s};
    assert_int_equal(lt_session_change_metadata(r->store, &s, refuse, NULL, NULL, &r->err), LT_EINVALID_INPUT);
    rig_ok(r, lt_session_clear(r->store, &s, &r->err));
    assert_int_equal(lt_session_change_metadata(r->store, &s, count_up, &counting, NULL, &r->err), LT_ENOT_FOUND);
    assert_true(lt_str_is(again(r, &s).metadata, "{}"));
    rig_ok(r, lt_session_remove(r->store, &s, &r->err));
    assert_int_equal(lt_session_change_metadata(r->store, &s, count_up, &counting, NULL, &r->err), LT_ENOT_FOUND);
    assert_int_equal(counting.asked, 0);
}

struct merger {
    struct rig *r;
    const struct lt_session *session;
    const struct lt_json *patch;
    enum lt_code rc;
    int *running;
};

static void merge_fiber(void *arg)
{
    struct merger *m = arg;
    struct lt_error err;
    m->rc = lt_session_merge_metadata(m->r->store, m->session, m->patch, &err);
    if (--*m->running == 0)
        lt_loop_stop(lt_loop_self());
}

static void two_merges_at_once_are_both_kept(void **state)
{
    struct rig *r = *state;
    struct lt_session s = new_session(r);
    struct merger mergers[4];
    int running = LT_COUNT(mergers);
    rig_ok(r, lt_workers_start(4, &r->err));
    struct lt_loop *loop = lt_loop_new(0, &r->err);
    for (size_t i = 0; i < LT_COUNT(mergers); i++) {
        const char *patch = lt_strz(r->arena, lt_printf(r->arena, "{m%zu: 1}", i));
        mergers[i] = (struct merger){.r = r, .session = &s, .patch = rig_json(r, patch), .running = &running};
        assert_int_equal(lt_fiber_start(loop, merge_fiber, &mergers[i], NULL), LT_OK);
    }
    lt_loop_run(loop);
    lt_loop_free(loop);
    lt_workers_stop();
    const struct lt_json *now = rig_json(r, lt_strz(r->arena, again(r, &s).metadata));
    for (size_t i = 0; i < LT_COUNT(mergers); i++) {
        assert_int_equal(mergers[i].rc, LT_OK);
        assert_non_null(lt_json_get(now, lt_strz(r->arena, lt_printf(r->arena, "m%zu", i))));
    }
}

/* ---- paging ---- */

static void the_newest_n_messages_then_the_next_n_before_those_shown(void **state)
{
    struct rig *r = *state;
    struct lt_session s = new_session(r);
    add_turn(r, &s, "1", "2");
    add_turn(r, &s, NULL, "3");
    add_turn(r, &s, "4", "5");
    static const struct {
        int shown, max;
        const char *page;
    } cases[] = {
        {0, 3, "3 4 5+"}, {3, 3, "1 2"}, {0, 5, "1 2 3 4 5"}, {0, 10, "1 2 3 4 5"}, {4, 1, "1"},
        {3, 1, "2+"}, {5, 3, ""}, {99, 3, ""}, {-1, 2, "4 5+"},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++)
        assert_string_equal(page(r, &s, cases[i].shown, cases[i].max), cases[i].page);
}

static void pages_put_one_before_the_other_are_the_whole_talk(void **state)
{
    struct rig *r = *state;
    unsigned seed = (unsigned)time(NULL);
    print_message("seed %u\n", seed);
    srand(seed);
    struct lt_session s = new_session(r);
    int n = 0;
    for (int turn = 0; turn < 60; turn++) {
        bool user = rand() % 4 != 0;
        const char *a = lt_strz(r->arena, lt_printf(r->arena, "m%d", n)), *b = lt_strz(r->arena, lt_printf(r->arena, "m%d", n + user));
        add_turn(r, &s, user ? a : NULL, b);
        n += 1 + user;
    }
    for (int max = 1; max < 40; max += 1 + rand() % 6) {
        struct lt_session_messages m = {.more = true};
        int shown = 0;
        while (m.more) {
            rig_ok(r, lt_session_page(r->store, r->arena, &s, shown, max, &m, &r->err));
            assert_true(m.n > 0 && m.n <= (size_t)max && (!m.more || m.n == (size_t)max));
            for (size_t i = 0; i < m.n; i++) {
                int number = n - shown - (int)m.n + (int)i;
                assert_true(lt_str_eq(m.list[i].text, lt_printf(r->arena, "m%d", number)));
            }
            shown += (int)m.n;
        }
        assert_int_equal(shown, n);
    }
}

static void system_messages_and_contents_that_are_not_text_are_filtered_but_not_for_the_debug_thread(void **state)
{
    struct rig *r = *state;
    struct lt_session s = new_session(r);
    struct lt_turn_message m[] = {{.role = LT_STR("system"), .text = LT_STR("rules")},
                                  {.role = LT_STR("user"), .text = LT_STR("a")},
                                  {.role = LT_STR("assistant"), .content = rig_json(r, "[{type: 'x'}]")},
                                  {.role = LT_STR("tool"), .text = LT_STR("42")},
                                  {.role = LT_STR("assistant"), .text = LT_STR("b")}};
    struct lt_turn turn = {.store_content = true, .messages = m, .messages_n = LT_COUNT(m)};
    struct lt_session_messages all;
    rig_ok(r, lt_session_add_turn(r->store, &s, &turn, NULL, &r->err));
    assert_string_equal(page(r, &s, 0, 10), "a b");
    assert_string_equal(page(r, &s, 1, 10), "a");
    rig_ok(r, lt_session_messages(r->store, r->arena, &s, false, &all, &r->err));
    assert_int_equal(all.n, 2);
    rig_ok(r, lt_session_messages(r->store, r->arena, &s, true, &all, &r->err));
    assert_int_equal(all.n, LT_COUNT(m));
    for (size_t i = 0; i < all.n; i++)
        assert_true(lt_str_eq(all.list[i].role, m[i].role));
}

static void a_thread_is_read_up_to_its_limits(void **state)
{
    struct rig *r = *state;
    struct lt_session s = new_session(r);
    struct lt_session_messages all;
    enum { LARGE = 3 << 19 };
    char *text = lt_alloc(r->arena, LARGE + 1);
    memset(text, 'x', LARGE);
    text[LARGE] = 0;
    for (int i = 0; i < 3; i++) /* 4.5 MiB of 4 */
        add_turn(r, &s, text, "b");
    rig_ok(r, lt_session_messages(r->store, r->arena, &s, true, &all, &r->err));
    assert_int_equal(all.n, 4);
    assert_true(all.more);
    rig_ok(r, lt_session_page(r->store, r->arena, &s, 0, 10, &all, &r->err));
    assert_int_equal(all.n, 4);
    assert_false(all.more); /* none that could be reached */

    struct lt_session many = open_session(r, key_of(r, "v", 0, s.key.profile_id, "", ""));
    struct lt_tx *tx = lt_tx_new();
    for (int i = 1; i <= LT_THREAD_TURNS_MAX + 1; i++)
        LT_TX(tx,
              "INSERT INTO workflow_submission (uuid, session_id, thread, position, state, messages, created_at)"
              " VALUES ($1, $2, 1, $3, 'completed', $4, 1)",
              LT_TEXT(lt_printf(r->arena, "u%d", i)), LT_INT(many.id), LT_INT(i), LT_TEXTZ("[{\"role\":\"user\",\"content\":\"x\"}]"));
    rig_ok(r, lt_store_write(r->store, tx, &r->err));
    rig_ok(r, lt_session_messages(r->store, r->arena, &many, true, &all, &r->err));
    assert_int_equal(all.n, LT_THREAD_TURNS_MAX);
    assert_true(all.more);
}

static void max_context_messages_is_the_profiles_else_the_sites_else_3_and_10_when_it_is_no_number(void **state)
{
    struct rig *r = *state;
    static const struct {
        const char *config;
        int64_t site;
        int n;
    } cases[] = {
        {"{SubmissionProcessor: {max_context_messages: 5}}", 7, 5},
        {"{SubmissionProcessor: {}}", 7, 7},
        {"{}", 7, 7},
        {"{}", 0, 3},
        {"{SubmissionProcessor: {max_context_messages: 'many'}}", 7, 10},
        {"{SubmissionProcessor: {max_context_messages: 0}}", 7, 10},
        {"{SubmissionProcessor: {max_context_messages: -4}}", 7, 10},
        {"{SubmissionProcessor: {max_context_messages: 2.5}}", 7, 10},
        {"{SubmissionProcessor: {max_context_messages: null}}", 7, 10},
        {"{SubmissionProcessor: {max_context_messages: 100000}}", 7, LT_SESSION_PAGE_MAX},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++)
        assert_int_equal(lt_session_page_size(rig_json(r, cases[i].config), cases[i].site), cases[i].n);
    assert_int_equal(lt_session_page_size(NULL, 0), 3);
}

static void a_page_says_has_more_and_current_count_and_a_later_one_new_count(void **state)
{
    struct rig *r = *state;
    struct lt_session s = new_session(r);
    struct lt_session_messages m;
    const struct lt_json *first, *second;
    add_turn(r, &s, "1", "2");
    rig_ok(r, lt_session_page(r->store, r->arena, &s, 0, 1, &m, &r->err));
    RIG_WRITTEN(r, first, lt_session_write_page(w, &m, 0));
    assert_true(lt_json_equal(lt_json_get(first, "metadata"), rig_json(r, "{has_more: true, current_count: 1}")));
    assert_true(lt_str_is(lt_json_str(lt_json_at_pointer(first, "/messages/0/content")), "2"));
    rig_ok(r, lt_session_page(r->store, r->arena, &s, 1, 1, &m, &r->err));
    RIG_WRITTEN(r, second, lt_session_write_page(w, &m, 1));
    assert_true(lt_json_equal(lt_json_get(second, "metadata"), rig_json(r, "{has_more: false, new_count: 1}")));
    assert_true(lt_str_is(lt_json_str(lt_json_at_pointer(second, "/messages/0/timestamp")), "1970-01-01T00:00:01.000Z"));
}

#define T(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_session_is_unique_over_user_scope_profile_course_and_location),
        T(two_fibers_at_once_end_with_one_row),
        T(a_session_is_found_by_uuid_and_number_in_its_own_site_alone),
        T(a_session_needs_a_user_and_a_profile_and_a_scope_that_exist),
        T(sessions_are_listed_newest_first_by_filter_and_cursor),
        T(a_turn_is_one_submission_with_its_messages_and_the_sessions_remote_id_in_one_unit),
        T(a_turn_above_its_limits_is_refused_and_nothing_is_stored),
        T(two_turns_that_went_on_from_one_answer_leave_no_remote_id),
        T(what_goes_with_a_turn_or_a_change_is_stored_with_it_or_neither_is),
        T(without_store_content_only_metadata_are_kept),
        T(clearing_begins_a_new_thread_and_the_old_turns_are_shown_nowhere_but_counted),
        T(a_turn_that_began_before_a_clear_belongs_to_the_cleared_thread),
        T(removing_a_session_removes_its_turns_and_a_late_turn_is_not_found),
        T(sessions_go_with_their_scope_their_profile_and_their_site),
        T(metadata_are_merged_and_null_removes),
        T(two_merges_at_once_are_both_kept),
        T(a_change_sees_what_is_there_and_is_asked_again_when_somebody_was_faster),
        T(a_change_that_fails_or_meets_another_thread_or_no_session_changes_nothing),
        T(the_newest_n_messages_then_the_next_n_before_those_shown),
        T(pages_put_one_before_the_other_are_the_whole_talk),
        T(system_messages_and_contents_that_are_not_text_are_filtered_but_not_for_the_debug_thread),
        T(a_thread_is_read_up_to_its_limits),
        T(max_context_messages_is_the_profiles_else_the_sites_else_3_and_10_when_it_is_no_number),
        T(a_page_says_has_more_and_current_count_and_a_later_one_new_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
