/* Limits: which count for whom, what is left of them in every kind of window, exactly, also after a restart and with many at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "core/ledger.h"
#include "core/price.h"

#define SECOND INT64_C(1000)
#define HOUR (3600 * SECOND)
#define START INT64_C(1795000000000) /* in November 2026 */
#define UTC LT_STR("UTC")

/* ---- Moodle's cases 41 to 45 (reference/moodle.md): a provider instance's limits for each user and for all, an hour from the first use on ---- */

struct hour {
    struct lt_arena *arena;
    struct lt_ledger *ledger;
    const struct lt_limit_index *index;
    int64_t now;
};

static struct hour hour_of(int64_t per_user, int64_t for_all)
{
    struct hour h = {lt_arena_new(), lt_ledger_new(), NULL, START};
    struct lt_limit *list = LT_NEW_ARRAY(h.arena, struct lt_limit, 2);
    size_t n = 0;
    if (for_all > 0)
        list[n++] = (struct lt_limit){1, LT_LIMIT_PROVIDER, LT_STR("9"), false, LT_STR(""), LT_LIMIT_REQUESTS, for_all, LT_WINDOW_FIXED, 3600, 0};
    if (per_user > 0)
        list[n++] = (struct lt_limit){2, LT_LIMIT_PROVIDER, LT_STR("9"), true, LT_STR(""), LT_LIMIT_REQUESTS, per_user, LT_WINDOW_FIXED, 3600, 0};
    h.index = lt_limit_index_new(h.arena, list, n);
    return h;
}

static void hour_end(struct hour *h)
{
    lt_ledger_free(h->ledger);
    lt_arena_free(h->arena);
}

/* "" when it is let through, else whose limit is reached. */
static const char *ask_at(struct hour *h, const char *user, int64_t instance)
{
    const struct lt_limit *matched[LT_LIMITS_OF_CALL_MAX];
    struct lt_limit_call call = {LT_STR("c"), lt_str(user), NULL, 0, LT_STR("generate_text")};
    struct lt_ask asks[2];
    struct lt_hold holds[2];
    struct lt_denial denial;
    char keys[2][64];
    size_t n = lt_limit_match(h->index, &call, instance, matched);
    for (size_t i = 0; i < n; i++)
        asks[i] = (struct lt_ask){matched[i], lt_limit_key(matched[i], &call, instance, keys[i], 64), 1, false};
    if (lt_ledger_reserve(h->ledger, 1, UTC, h->now, asks, n, holds, &denial))
        return matched[denial.at]->per_user ? "user" : "site";
    for (size_t i = 0; i < n; i++)
        assert_int_equal(lt_ledger_settle(h->ledger, 1, matched[i], &holds[i], 1, NULL), 0);
    return "";
}

static const char *ask(struct hour *h, const char *user)
{
    return ask_at(h, user, 9);
}

static void test_moodle_case_41_and_42(void **state)
{
    struct hour h = hour_of(3, 5);
    for (int i = 0; i < 3; i++)
        assert_string_equal(ask(&h, "1"), "");
    assert_string_equal(ask(&h, "1"), "user");
    assert_string_equal(ask(&h, "2"), "");
    assert_string_equal(ask(&h, "2"), "");
    assert_string_equal(ask(&h, "2"), "site"); /* its own third was not spent by that */
    assert_string_equal(ask_at(&h, "1", 8), ""); /* another instance counts for itself */
    hour_end(&h);
}

static void test_moodle_case_43(void **state)
{
    struct hour h = hour_of(1, 0);
    assert_string_equal(ask(&h, "1"), "");
    h.now += 3590 * SECOND;
    assert_string_equal(ask(&h, "1"), "user");
    assert_string_equal(ask(&h, "2"), "");
    h.now += 11 * SECOND;
    assert_string_equal(ask(&h, "1"), "");
    hour_end(&h);
}

static void test_moodle_case_44(void **state)
{
    struct hour h = hour_of(0, 1);
    assert_string_equal(ask(&h, "1"), "");
    h.now += 3590 * SECOND;
    assert_string_equal(ask(&h, "1"), "site");
    assert_string_equal(ask(&h, "2"), "site");
    h.now += 11 * SECOND;
    assert_string_equal(ask(&h, "2"), "");
    hour_end(&h);
}

static void test_moodle_case_45(void **state)
{
    struct hour h = hour_of(1, 0);
    assert_string_equal(ask(&h, "1"), "");
    h.now += 3600 * SECOND;
    assert_string_equal(ask(&h, "1"), "user");
    h.now += 1;
    assert_string_equal(ask(&h, "1"), "");
    hour_end(&h);
}

/* ---- which limits count ---- */

static void test_limits_count_for_whom_they_are_about(void **state)
{
    struct lt_arena *arena = lt_arena_new();
    struct lt_str c1 = LT_STR("course-1"), none = LT_STR(""), text = LT_STR("explain_text"), student = LT_STR("student");
    struct lt_limit list[] = {
        {.id = 1, .subject = LT_LIMIT_SITE, .subject_id = none, .action = none},
        {.id = 2, .subject = LT_LIMIT_SITE, .subject_id = none, .action = text},
        {.id = 3, .subject = LT_LIMIT_COURSE, .subject_id = none, .action = none},
        {.id = 4, .subject = LT_LIMIT_COURSE, .subject_id = c1, .action = none},
        {.id = 5, .subject = LT_LIMIT_ROLE, .subject_id = student, .action = none, .per_user = true},
        {.id = 6, .subject = LT_LIMIT_USER, .subject_id = none, .action = none, .per_user = true},
        {.id = 7, .subject = LT_LIMIT_USER, .subject_id = LT_STR("eve"), .action = text, .per_user = true},
        {.id = 8, .subject = LT_LIMIT_PROVIDER, .subject_id = none, .action = none},
        {.id = 9, .subject = LT_LIMIT_PROVIDER, .subject_id = LT_STR("3"), .action = text, .per_user = true},
        {.id = 10, .subject = LT_LIMIT_SITE, .subject_id = none, .action = none, .per_user = true},
    };
    const struct lt_limit_index *index = lt_limit_index_new(arena, list, LT_COUNT(list));
    static const struct {
        const char *course, *user, *role, *action;
        int64_t instance;
        const char *expected; /* in that order: each user's first */
    } cases[] = {
        {"course-1", "eve", "student", "explain_text", 0, "7 6 5 10 4 3 2 1"},
        {"course-1", "eve", "student", "generate_text", 0, "6 5 10 4 3 1"},
        {"course-2", "ann", "teacher", "explain_text", 0, "6 10 3 2 1"},
        {"", "ann", "", "generate_text", 0, "6 10 1"},
        {"course-1", "", "student", "explain_text", 0, "4 3 2 1"}, /* nobody is named: nobody's own limits */
        {"", "ann", "", "explain_text", 3, "9 8"},
        {"", "ann", "", "explain_text", 4, "8"},
        {"", "", "", "explain_text", 3, "8"},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        const struct lt_limit *found[LT_LIMITS_OF_CALL_MAX];
        struct lt_str role = lt_str(cases[i].role);
        struct lt_limit_call call = {lt_str(cases[i].course), lt_str(cases[i].user), &role, 1, lt_str(cases[i].action)};
        size_t n = lt_limit_match(index, &call, cases[i].instance, found);
        struct lt_str names = LT_STR("");
        for (size_t k = 0; k < n; k++)
            names = lt_printf(arena, "%.*s%s%lld", LT_FMT(names), k ? " " : "", (long long)found[k]->id);
        assert_string_equal(lt_strz(arena, names), cases[i].expected);
    }
    const struct lt_limit *found[LT_LIMITS_OF_CALL_MAX];
    assert_int_equal(lt_limit_match(NULL, &(struct lt_limit_call){.action = text}, 0, found), 0);
    lt_arena_free(arena);
}

/* ---- calendars ---- */

static int64_t time_of(const char *text)
{
    int64_t ms = 0;
    assert_true(lt_time_parse(lt_str(text), &ms));
    return ms;
}

static void test_periods_are_the_zone_s(void **state)
{
    static const struct {
        const char *zone, *now, *start, *end;
        enum lt_period period;
    } cases[] = {
        {"UTC", "2026-11-21T20:00:00Z", "2026-11-21T00:00:00Z", "2026-11-22T00:00:00Z", LT_PERIOD_DAY},
        {"UTC", "2026-11-21T20:00:00Z", "2026-11-16T00:00:00Z", "2026-11-23T00:00:00Z", LT_PERIOD_WEEK},
        {"UTC", "2026-11-22T23:59:59Z", "2026-11-16T00:00:00Z", "2026-11-23T00:00:00Z", LT_PERIOD_WEEK}, /* a Sunday */
        {"UTC", "2026-11-21T20:00:00Z", "2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z", LT_PERIOD_MONTH},
        {"UTC", "2026-12-31T20:00:00Z", "2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z", LT_PERIOD_MONTH},
        {"Europe/Berlin", "2026-11-21T23:30:00Z", "2026-11-21T23:00:00Z", "2026-11-22T23:00:00Z", LT_PERIOD_DAY},
        {"Europe/Berlin", "2026-03-29T12:00:00Z", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z", LT_PERIOD_DAY}, /* 23 hours */
        {"Europe/Berlin", "2026-10-25T12:00:00Z", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z", LT_PERIOD_DAY}, /* 25 hours */
        {"Europe/Berlin", "2026-10-05T12:00:00Z", "2026-09-30T22:00:00Z", "2026-10-31T23:00:00Z", LT_PERIOD_MONTH},
        {"America/New_York", "2026-11-01T05:30:00Z", "2026-11-01T04:00:00Z", "2026-11-02T05:00:00Z", LT_PERIOD_DAY},
        {"Asia/Kolkata", "2026-11-21T18:29:59Z", "2026-11-20T18:30:00Z", "2026-11-21T18:30:00Z", LT_PERIOD_DAY},
        {"No/Such", "2026-11-21T20:00:00Z", "2026-11-21T00:00:00Z", "2026-11-22T00:00:00Z", LT_PERIOD_DAY},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        int64_t start, end;
        lt_period_of(lt_str(cases[i].zone), cases[i].period, time_of(cases[i].now), &start, &end);
        assert_int_equal(start, time_of(cases[i].start));
        assert_int_equal(end, time_of(cases[i].end));
    }
    assert_true(lt_zone_known(LT_STR("Europe/Berlin")) && lt_zone_known(UTC));
    assert_false(lt_zone_known(LT_STR("No/Such")) || lt_zone_known(LT_STR("")) || lt_zone_known(LT_STR("Europe/B\xC3\xA4")));
}

/* ---- against a naive model ---- */

enum { LIMITS = 10, KEYS = 3, HELD = 40, STEPS = 200000, USES = 4000, ROWS = 20000 };

struct use { /* one reservation, as the model keeps it: all of them, for ever */
    int limit, key;
    int64_t at, slot, amount;
};
struct row { /* what would be kept on disk */
    int limit, key;
    int64_t slot, ends_at, used;
};
struct held {
    int use[2];      /* in the model */
    struct lt_hold holds[2];
    int limits[2];
    int n;
};

static struct {
    struct lt_limit limits[LIMITS];
    struct lt_ledger *ledger;
    struct use uses[USES];
    size_t uses_n;
    struct row rows[ROWS];
    size_t rows_n;
    struct held held[HELD];
    size_t held_n;
    int64_t window_begun[LIMITS][KEYS]; /* fixed: since when; -1: no window */
    int64_t now;
    unsigned seed;
    size_t let, denied, restarts, full;
} m;

static struct lt_str key_of(int key)
{
    static const char *const names[KEYS] = {"\nann", "\nbob", "course\n"};
    return lt_str(names[key]);
}

static int64_t model_slice(const struct lt_limit *l)
{
    return (l->window_s * 1000 + LT_LEDGER_SLICES - 1) / LT_LEDGER_SLICES;
}

static int64_t model_period(const struct lt_limit *l, int64_t at)
{
    int64_t start, end;
    lt_period_of(UTC, l->window == LT_WINDOW_DAY ? LT_PERIOD_DAY : l->window == LT_WINDOW_WEEK ? LT_PERIOD_WEEK : LT_PERIOD_MONTH, at, &start, &end);
    return start;
}

/* Adds up what still counts, from the list of all uses. */
static int64_t model_used(int limit, int key, int64_t now)
{
    const struct lt_limit *l = &m.limits[limit];
    int64_t used = 0, *begun = &m.window_begun[limit][key];
    int64_t period = l->window >= LT_WINDOW_DAY ? model_period(l, now) : 0;
    if (l->window == LT_WINDOW_FIXED && *begun >= 0 && now - *begun > l->window_s * 1000)
        *begun = -1;
    for (size_t i = 0; i < m.uses_n; i++) {
        const struct use *u = &m.uses[i];
        if (u->limit != limit || u->key != key)
            continue;
        bool counts = l->window == LT_WINDOW_FIXED     ? *begun >= 0 && u->slot == *begun
                      : l->window == LT_WINDOW_SLIDING ? now / model_slice(l) - u->at / model_slice(l) <= LT_LEDGER_SLICES
                                                       : u->slot == period;
        /* never too short: whoever asks within the window is counted */
        assert_true(l->window != LT_WINDOW_SLIDING || counts || now - u->at >= l->window_s * 1000);
        used += counts ? u->amount : 0;
    }
    return used;
}

static int64_t model_reserved(int limit, int key)
{
    int64_t sum = 0;
    for (size_t i = 0; i < m.held_n; i++)
        for (int k = 0; k < m.held[i].n; k++) {
            const struct use *u = m.held[i].use[k] < 0 ? NULL : &m.uses[m.held[i].use[k]];
            sum += u && u->limit == limit && u->key == key ? u->amount : 0;
        }
    return sum;
}

static int64_t model_slot(int limit, int key)
{
    const struct lt_limit *l = &m.limits[limit];
    if (l->window == LT_WINDOW_SLIDING)
        return m.now / model_slice(l) * model_slice(l);
    if (l->window >= LT_WINDOW_DAY)
        return model_period(l, m.now);
    if (m.window_begun[limit][key] < 0)
        m.window_begun[limit][key] = m.now;
    return m.window_begun[limit][key];
}

static void row_add(int limit, int key, int64_t slot, int64_t ends_at, int64_t amount)
{
    for (size_t i = m.rows_n; i-- > 0;)
        if (m.rows[i].limit == limit && m.rows[i].key == key && m.rows[i].slot == slot) {
            m.rows[i].used += amount;
            return;
        }
    assert_true(m.rows_n < ROWS);
    m.rows[m.rows_n++] = (struct row){limit, key, slot, ends_at, amount};
}

static int roll(int n)
{
    return (int)(rand_r(&m.seed) % (unsigned)n);
}

static void step_reserve(void)
{
    if (m.held_n == HELD || m.uses_n + 2 > USES)
        return;
    struct held *h = &m.held[m.held_n];
    struct lt_ask asks[2];
    struct lt_denial denial;
    int keys[2];
    h->n = 1 + roll(2);
    h->limits[0] = roll(LIMITS);
    h->limits[1] = (h->limits[0] + 1 + roll(LIMITS - 1)) % LIMITS;
    size_t wanted = (size_t)h->n;
    for (int i = 0; i < h->n; i++) {
        keys[i] = roll(KEYS);
        asks[i] = (struct lt_ask){&m.limits[h->limits[i]], key_of(keys[i]), roll(4), roll(8) == 0};
        const struct lt_limit *l = asks[i].limit;
        int64_t used = model_used(h->limits[i], keys[i], m.now);
        bool fits = l->when_spent == LT_SPENT_NOTICE || asks[i].amount == 0 || used + asks[i].amount <= l->amount;
        if (!fits && wanted == (size_t)h->n)
            wanted = (size_t)i;
    }
    enum lt_code rc = lt_ledger_reserve(m.ledger, 5, UTC, m.now, asks, (size_t)h->n, h->holds, &denial);
    assert_int_equal(rc, wanted < (size_t)h->n ? LT_ERATE_LIMITED : LT_OK);
    if (rc) {
        m.denied++;
        assert_int_equal(denial.at, wanted);
        const struct lt_limit *l = asks[wanted].limit;
        assert_int_equal(denial.used, model_used(h->limits[wanted], keys[wanted], m.now));
        if (asks[wanted].amount > l->amount) {
            assert_int_equal(denial.retry_ms, 0);
            return;
        }
        int64_t reserved = model_reserved(h->limits[wanted], keys[wanted]);
        assert_true(denial.retry_ms > 0);
        if (denial.used - reserved + asks[wanted].amount <= l->amount) { /* it is in the way only until it is settled */
            assert_true(denial.retry_ms <= LT_LEDGER_SETTLED_MS);
            return;
        }
        /* not before that time, and then it can be had */
        int64_t begun = m.window_begun[h->limits[wanted]][keys[wanted]];
        assert_true(model_used(h->limits[wanted], keys[wanted], m.now + denial.retry_ms - 1) + asks[wanted].amount > l->amount);
        assert_true(model_used(h->limits[wanted], keys[wanted], m.now + denial.retry_ms) + asks[wanted].amount <= l->amount);
        m.window_begun[h->limits[wanted]][keys[wanted]] = begun;
        return;
    }
    m.let++;
    for (int i = 0; i < h->n; i++) {
        h->use[i] = -1;
        if (asks[i].look)
            continue;
        int64_t slot = model_slot(h->limits[i], keys[i]);
        assert_int_equal(h->holds[i].slot, slot);
        h->use[i] = (int)m.uses_n;
        m.uses[m.uses_n++] = (struct use){h->limits[i], keys[i], m.now, slot, asks[i].amount};
        row_add(h->limits[i], keys[i], slot, h->holds[i].ends_at, asks[i].amount);
    }
    m.held_n++;
}

static void step_settle(void)
{
    if (m.held_n == 0)
        return;
    int at = roll((int)m.held_n);
    struct held h = m.held[at];
    m.held[at] = m.held[--m.held_n];
    for (int i = 0; i < h.n; i++) {
        if (h.use[i] < 0)
            continue;
        struct use *u = &m.uses[h.use[i]];
        int64_t real = roll(3) == 0 ? 0 : roll((int)u->amount + 1);
        int64_t used_before = model_used(u->limit, u->key, m.now); /* also ends a window that is over */
        int64_t difference = lt_ledger_settle(m.ledger, 5, &m.limits[u->limit], &h.holds[i], real, NULL);
        assert_int_equal(difference, real - u->amount);
        row_add(u->limit, u->key, u->slot, 0, difference);
        bool present = m.limits[u->limit].window == LT_WINDOW_FIXED && m.window_begun[u->limit][u->key] == u->slot;
        if (present && real == 0 && used_before == u->amount)
            m.window_begun[u->limit][u->key] = -1;
        u->amount = real;
    }
}

/* As after a kill: what is held stays counted; the rows are read in an order of chance. */
static void step_restart(void)
{
    lt_ledger_free(m.ledger);
    m.ledger = lt_ledger_new();
    m.held_n = 0;
    m.restarts++;
    for (size_t i = m.rows_n; i > 1; i--) {
        size_t k = (size_t)roll((int)i);
        struct row other = m.rows[i - 1];
        m.rows[i - 1] = m.rows[k];
        m.rows[k] = other;
    }
    for (size_t i = 0; i < m.rows_n; i++)
        if (m.rows[i].used > 0 && m.rows[i].ends_at > m.now)
            lt_ledger_load(m.ledger, 5, &m.limits[m.rows[i].limit], key_of(m.rows[i].key), m.rows[i].slot, m.rows[i].ends_at, m.rows[i].used);
    for (int limit = 0; limit < LIMITS; limit++)
        for (int key = 0; key < KEYS; key++)
            if (m.limits[limit].window == LT_WINDOW_FIXED && model_used(limit, key, m.now) == 0)
                m.window_begun[limit][key] = -1; /* nothing tells of a window in which nothing was used */
}

/* Uses that cannot count any more are dropped, so that the model stays quick. */
static void forget(void)
{
    size_t n = 0;
    if (m.held_n > 0)
        return;
    for (size_t i = 0; i < m.uses_n; i++) {
        const struct lt_limit *l = &m.limits[m.uses[i].limit];
        int64_t counts_for = l->window <= LT_WINDOW_SLIDING ? 2 * l->window_s * 1000 : 32 * 24 * HOUR;
        if (m.uses[i].at + counts_for >= m.now)
            m.uses[n++] = m.uses[i];
    }
    m.uses_n = n;
    n = 0;
    for (size_t i = 0; i < m.rows_n; i++)
        if (m.rows[i].ends_at > m.now)
            m.rows[n++] = m.rows[i];
    m.rows_n = n;
}

static void compare_all(void)
{
    for (int limit = 0; limit < LIMITS; limit++)
        for (int key = 0; key < KEYS; key++)
            assert_int_equal(lt_ledger_look(m.ledger, 5, UTC, m.now, &m.limits[limit], key_of(key)).used, model_used(limit, key, m.now));
}

static void step(void)
{
    switch (roll(100)) {
    case 0:
        if (roll(4) > 0)
            break;
        m.now += roll(40 * 86400) * SECOND;
        break;
    case 1 ... 10:
        m.now += roll(20 * 1000);
        break;
    case 11 ... 12:
        lt_ledger_sweep(m.ledger, m.now);
        break;
    case 13:
        if (roll(20) == 0)
            step_restart();
        break;
    case 14 ... 40:
        step_settle();
        break;
    default:
        step_reserve();
    }
}

static void test_the_ledger_is_as_a_naive_model_says(void **state)
{
    static const int64_t lengths[] = {5, 60, 3600, 600};
    m.seed = getenv("LECTERN_SEED") ? (unsigned)atoi(getenv("LECTERN_SEED")) : (unsigned)time(NULL);
    print_message("seed %u\n", m.seed);
    m.now = START;
    m.ledger = lt_ledger_new();
    for (int i = 0; i < LIMITS; i++)
        m.limits[i] = (struct lt_limit){.id = i + 1,
                                        .unit = LT_LIMIT_TOKENS,
                                        .amount = 2 + roll(8),
                                        .window = (enum lt_limit_window)(i % LT_WINDOWS),
                                        .window_s = lengths[roll(LT_COUNT(lengths))],
                                        .when_spent = i == 7 ? LT_SPENT_NOTICE : LT_SPENT_REFUSE};
    memset(m.window_begun, 0xFF, sizeof(m.window_begun));
    for (int i = 0; i < STEPS; i++) {
        step();
        if (i % 97 == 0)
            compare_all();
        if (i % 500 == 499) {
            while (m.held_n > 0)
                step_settle();
            forget();
            if (m.uses_n > USES / 2) {
                m.now += 40 * 24 * HOUR;
                m.full++;
                forget();
            }
        }
    }
    print_message("%d steps: %zu let through, %zu denied, %zu restarts\n", STEPS, m.let, m.denied, m.restarts);
    assert_true(m.let > STEPS / 20 && m.denied > STEPS / 20 && m.restarts > 10);
    lt_ledger_free(m.ledger);
}

/* ---- many at once ---- */

enum { THREADS = 8, CALLS = 20000, ROOM = 100 };

static struct {
    struct lt_ledger *ledger;
    struct lt_limit each, all;
    unsigned seed;
    atomic_int running[4], running_all, wrong, let;
} crowd;

/* Reserves one of a user's and one of all's, gives both back or keeps neither: at no time more are out than may be. */
static void *crowd_call(void *arg)
{
    static const char *const users[4] = {"\na", "\nb", "\nc", "\nd"};
    unsigned seed = crowd.seed + (unsigned)(uintptr_t)arg;
    for (int i = 0; i < CALLS; i++) {
        int u = (int)(rand_r(&seed) % 4);
        struct lt_ask asks[2] = {{&crowd.each, lt_str(users[u]), 1, false}, {&crowd.all, LT_STR("\n"), 1, false}};
        struct lt_hold holds[2];
        struct lt_denial denial;
        if (lt_ledger_reserve(crowd.ledger, 1, UTC, START + i, asks, 2, holds, &denial))
            continue;
        atomic_fetch_add(&crowd.let, 1);
        if (atomic_fetch_add(&crowd.running[u], 1) >= crowd.each.amount || atomic_fetch_add(&crowd.running_all, 1) >= crowd.all.amount)
            atomic_fetch_add(&crowd.wrong, 1);
        if (rand_r(&seed) % 64 == 0)
            lt_ledger_sweep(crowd.ledger, START + i);
        atomic_fetch_sub(&crowd.running[u], 1);
        atomic_fetch_sub(&crowd.running_all, 1);
        lt_ledger_settle(crowd.ledger, 1, &crowd.each, &holds[0], 0, NULL);
        lt_ledger_settle(crowd.ledger, 1, &crowd.all, &holds[1], 0, NULL);
    }
    return NULL;
}

static void test_threads_never_exceed_a_limit_and_give_all_of_it_back(void **state)
{
    pthread_t threads[THREADS];
    crowd.seed = (unsigned)time(NULL);
    print_message("seed %u\n", crowd.seed);
    crowd.ledger = lt_ledger_new();
    crowd.each = (struct lt_limit){.id = 1, .amount = 2, .per_user = true, .window = LT_WINDOW_SLIDING, .window_s = 3600};
    crowd.all = (struct lt_limit){.id = 2, .amount = 5, .window = LT_WINDOW_DAY};
    for (uintptr_t i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, crowd_call, (void *)i);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(crowd.wrong, 0);
    assert_true(crowd.let > 0);
    assert_int_equal(lt_ledger_look(crowd.ledger, 1, UTC, START + CALLS, &crowd.all, LT_STR("\n")).used, 0);
    lt_ledger_free(crowd.ledger);
}

static void test_so_many_are_let_through_and_not_one_more(void **state)
{
    struct lt_ledger *ledger = lt_ledger_new();
    struct lt_limit limit = {.id = 1, .amount = ROOM, .window = LT_WINDOW_FIXED, .window_s = 3600};
    struct lt_hold hold;
    struct lt_denial denial;
    int let = 0;
    for (int i = 0; i < 3 * ROOM; i++)
        let += !lt_ledger_reserve(ledger, 1, UTC, START, &(struct lt_ask){&limit, LT_STR("\n"), 1, false}, 1, &hold, &denial);
    assert_int_equal(let, ROOM);
    assert_int_equal(denial.retry_ms, HOUR + 1); /* requests stay as they are */
    assert_int_equal(lt_ledger_counters(ledger), 1);
    lt_ledger_free(ledger);
}

/* ---- marks ---- */

static void test_each_mark_is_told_once_a_window(void **state)
{
    struct lt_ledger *ledger = lt_ledger_new();
    struct lt_limit limit = {.id = 1, .unit = LT_LIMIT_COST, .amount = 1000, .window = LT_WINDOW_DAY, .when_spent = LT_SPENT_NOTICE};
    static const struct {
        int64_t real;
        enum lt_mark mark;
    } steps[] = {{700, LT_MARK_NONE}, {99, LT_MARK_NONE}, {1, LT_MARK_80}, {100, LT_MARK_NONE}, {99, LT_MARK_NONE},
                 {1, LT_MARK_100},   {500, LT_MARK_NONE}};
    for (int day = 0; day < 2; day++)
        for (size_t i = 0; i < LT_COUNT(steps); i++) {
            struct lt_hold hold;
            struct lt_denial denial;
            enum lt_mark mark;
            struct lt_ask want = {&limit, LT_STR("\n"), 300, false};
            assert_int_equal(lt_ledger_reserve(ledger, 1, UTC, START + day * 24 * HOUR, &want, 1, &hold, &denial), LT_OK);
            assert_int_equal(lt_ledger_settle(ledger, 1, &limit, &hold, steps[i].real, &mark), steps[i].real - 300);
            assert_int_equal(mark, steps[i].mark);
        }
    lt_ledger_free(ledger);
}

/* ---- prices ---- */

static void test_the_nearest_price_that_holds_is_taken(void **state)
{
    struct lt_str any = LT_STR(""), openai = LT_STR("openai"), fast = LT_STR("fast"), mini = LT_STR("mini");
    const struct lt_price list[] = {
        {.id = 1, .provider = any, .model = any},
        {.id = 2, .provider = openai, .model = any},
        {.id = 3, .provider = fast, .model = any},
        {.id = 4, .provider = any, .model = mini},
        {.id = 5, .provider = openai, .model = mini, .valid_from = 100},
        {.id = 6, .provider = openai, .model = mini, .valid_from = 200, .valid_to = 300},
        {.id = 7, .provider = LT_STR("other"), .model = mini},
    };
    static const struct {
        const char *instance, *model;
        int64_t at, id;
    } cases[] = {
        {"slow", "maxi", 0, 2},   {"fast", "maxi", 0, 3}, {"slow", "mini", 99, 4}, {"slow", "mini", 100, 5},
        {"slow", "mini", 200, 6}, {"slow", "mini", 299, 6}, {"slow", "mini", 300, 5}, {"other", "mini", 300, 7},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++)
        assert_int_equal(lt_price_find(list, LT_COUNT(list), lt_str(cases[i].instance), openai, lt_str(cases[i].model), cases[i].at)->id,
                         cases[i].id);
    assert_null(lt_price_find(&list[3], 4, LT_STR("x"), LT_STR("y"), LT_STR("maxi"), 0));
    assert_null(lt_price_find(NULL, 0, openai, openai, mini, 0));
}

static void test_costs_are_whole_numbers_rounded_up(void **state)
{
    const struct lt_price p = {.input = 2500000, .cached_input = 1250000, .output = 10000000, .request = 7}, huge = {.input = LT_PRICE_MAX};
    static const struct {
        struct lt_usage usage;
        int64_t cost;
    } cases[] = {
        {{0, 0, 0, -1, -1}, 7},          {{1, 0, 1, -1, -1}, 7 + 3},      {{4, 0, 4, -1, -1}, 7 + 10}, {{4, 0, 4, 4, -1}, 7 + 5},
        {{4, 0, 4, 9, -1}, 7 + 5},       {{1000000, 1000000, 2000000, 0, -1}, 7 + 12500000}, {{10, -1, 10, -1, -1}, 7 + 25},
        {{-1, -1, -1, -1, -1}, -1},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++)
        assert_int_equal(lt_price_cost(&p, &cases[i].usage, 0), cases[i].cost);
    assert_int_equal(lt_price_cost(&huge, &(struct lt_usage){INT64_MAX, 0, INT64_MAX, 0, 0}, 0), -1); /* a vendor may claim any number */
    assert_int_equal(lt_price_cost(&(struct lt_price){.request = 5}, &(struct lt_usage)LT_USAGE_UNKNOWN, 0), 5);
    assert_int_equal(lt_price_cost(&(struct lt_price){.request = 5, .image = 40000}, &(struct lt_usage)LT_USAGE_UNKNOWN, 3), 120005);
    assert_int_equal(lt_price_cost(&(struct lt_price){.image = LT_PRICE_MAX}, &(struct lt_usage)LT_USAGE_UNKNOWN, INT64_MAX), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_moodle_case_41_and_42),
        cmocka_unit_test(test_moodle_case_43),
        cmocka_unit_test(test_moodle_case_44),
        cmocka_unit_test(test_moodle_case_45),
        cmocka_unit_test(test_limits_count_for_whom_they_are_about),
        cmocka_unit_test(test_periods_are_the_zone_s),
        cmocka_unit_test(test_the_ledger_is_as_a_naive_model_says),
        cmocka_unit_test(test_threads_never_exceed_a_limit_and_give_all_of_it_back),
        cmocka_unit_test(test_so_many_are_let_through_and_not_one_more),
        cmocka_unit_test(test_each_mark_is_told_once_a_window),
        cmocka_unit_test(test_the_nearest_price_that_holds_is_taken),
        cmocka_unit_test(test_costs_are_whole_numbers_rounded_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
