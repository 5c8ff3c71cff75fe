/* Values that go to PostgreSQL and come back are what they were; without a server: its answers are made with libpq. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>
#include <math.h>

#include "store/postgres_server.h"
#include "store/postgres_value.h"

enum { T_BOOL = 16, T_BYTEA = 17, T_INT8 = 20, T_TEXT = 25, T_FLOAT8 = 701, T_NUMERIC = 1700, ROUNDS = 3000, HUGE_N = 3 << 20, NULS_N = 1 << 16 };

static uint64_t seed;
static uint32_t chance(uint32_t below)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)((seed >> 33) % below);
}

/* A server's answer of one field. */
static struct lt_value answered(struct lt_arena *arena, Oid type, const char *text, size_t n)
{
    PGresult *result = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
    PGresAttDesc column = {.name = (char *)"c", .typid = type, .typlen = -1};
    assert_true(PQsetResultAttrs(result, 1, &column));
    assert_true(PQsetvalue(result, 0, 0, (char *)text, text ? (int)n : -1));
    struct lt_value v = lt_pg_value(arena, result, 0, 0);
    PQclear(result);
    return v;
}

static struct lt_pg_values sent(struct lt_arena *arena, struct lt_value v)
{
    struct lt_pg_values values = {.arena = arena};
    lt_pg_value_add(&values, &v);
    assert_int_equal(values.n, 1);
    return values;
}

/* What PostgreSQL would store: text up to its end, which must be where we say. */
static struct lt_value back(struct lt_arena *arena, struct lt_value v)
{
    struct lt_pg_values s = sent(arena, v);
    if (!s.texts[0])
        return answered(arena, T_TEXT, NULL, 0);
    if (s.formats[0] == 0 && v.type == LT_V_TEXT)
        assert_int_equal(strlen(s.texts[0]), s.lengths[0]);
    if (s.formats[0] == 1) { /* bytes; they come back in hex */
        char *hex = lt_alloc(arena, 2 * (size_t)s.lengths[0] + 3), *at = stpcpy(hex, "\\x");
        for (int i = 0; i < s.lengths[0]; i++)
            at += sprintf(at, "%02x", (unsigned char)s.texts[0][i]);
        return answered(arena, s.types[0], hex, (size_t)(at - hex));
    }
    return answered(arena, s.types[0], s.texts[0], strlen(s.texts[0]));
}

static void must_come_back(struct lt_value v)
{
    struct lt_arena *arena = lt_arena_new();
    struct lt_value got = back(arena, v);
    if (got.type != v.type || (v.type == LT_V_INT && got.i != v.i) || (v.type == LT_V_DOUBLE && memcmp(&got.d, &v.d, sizeof(v.d)) != 0) ||
        ((v.type == LT_V_TEXT || v.type == LT_V_BLOB) && (got.s.n != v.s.n || memcmp(got.s.p, v.s.p, v.s.n) != 0)))
        fail_msg("a value of type %d and %zu bytes came back as type %d and %zu bytes", v.type, v.s.n, got.type, got.s.n);
    lt_arena_free(arena);
}

static void what_a_text_of_postgresql_cannot_hold_is_marked_and_comes_back(void **state)
{
    static const struct lt_str texts[] = {
        LT_STR(""), LT_STR("plain"), LT_STR("\0"), LT_STR("a\0b\0"), LT_STR("\xef\xb7\x90"), LT_STR("\xef\xb7\x90" "0"), LT_STR("\xef\xb7\x90" "1\0"),
        LT_STR("\xef\xb7\x90\xef\xb7\x90" "0"), LT_STR("\xef\xb7"), LT_STR("\xef\xb7\0\x90"), LT_STR("\0\xef\xb7\x90"), LT_STR("\xc3\xa4\xf0\x9f\x8e\x93"),
    };
    for (size_t i = 0; i < LT_COUNT(texts); i++)
        must_come_back(LT_TEXT(texts[i]));
}

static void numbers_are_exact(void **state)
{
    static const int64_t ints[] = {0, 1, -1, INT64_MAX, INT64_MIN, 9007199254740993};
    static const double doubles[] = {0, -0.0, 0.1, 1e308, 5e-324, 1.0 / 3, 123456789.123456789, INFINITY, -INFINITY};
    for (size_t i = 0; i < LT_COUNT(ints); i++)
        must_come_back(LT_INT(ints[i]));
    for (size_t i = 0; i < LT_COUNT(doubles); i++)
        must_come_back(LT_DOUBLE(doubles[i]));
    must_come_back(LT_NULL);
}

static void each_type_of_an_answer_is_read_as_it_is_meant(void **state)
{
    static const struct {
        Oid type;
        const char *text;
        struct lt_value value;
    } cases[] = {
        {T_BOOL, "t", {.type = LT_V_INT, .i = 1}},
        {T_BOOL, "f", {.type = LT_V_INT, .i = 0}},
        {T_NUMERIC, "12", {.type = LT_V_INT, .i = 12}},                                       /* a sum of integers */
        {T_NUMERIC, "9223372036854775807", {.type = LT_V_INT, .i = INT64_MAX}},
        {T_NUMERIC, "9223372036854775808", {.type = LT_V_DOUBLE, .d = 9223372036854775808.0}}, /* beyond them */
        {T_NUMERIC, "0.25", {.type = LT_V_DOUBLE, .d = 0.25}},
        {T_NUMERIC, "NaN", {.type = LT_V_DOUBLE, .d = NAN}},
        {T_FLOAT8, "Infinity", {.type = LT_V_DOUBLE, .d = INFINITY}},
        {T_BYTEA, "\\x", {.type = LT_V_BLOB}},
        {T_BYTEA, "\\x00FFab", {.type = LT_V_BLOB, .s = {"\0\xff\xab", 3}}},
        {T_BYTEA, "a\\000\\\\b", {.type = LT_V_BLOB, .s = {"a\0\\b", 4}}},                    /* bytea_output = escape */
        {1043, "of a type that we do not know", {.type = LT_V_TEXT, .s = {"of a type that we do not know", 29}}},
    };
    struct lt_arena *arena = lt_arena_new();
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        struct lt_value v = answered(arena, cases[i].type, cases[i].text, strlen(cases[i].text)), want = cases[i].value;
        bool same = v.type == want.type && v.s.n == want.s.n && (v.s.n == 0 || memcmp(v.s.p, want.s.p, v.s.n) == 0) && v.i == want.i;
        if (!same || (v.type == LT_V_DOUBLE && !(v.d == want.d || (isnan(v.d) && isnan(want.d)))))
            fail_msg("%s, of type %u, was read as something else", cases[i].text, cases[i].type);
    }
    lt_arena_free(arena);
}

static void random_values_come_back(void **state)
{
    static const char *const parts[] = {"\xef", "\xb7", "\x90", "\xef\xb7\x90", "0", "1", "\xc3\xa4", "x"};
    seed = getenv("LECTERN_TEST_SEED") ? strtoull(getenv("LECTERN_TEST_SEED"), NULL, 10) : (uint64_t)time(NULL);
    print_message("seed %llu\n", (unsigned long long)seed);
    for (int round = 0; round < ROUNDS; round++) {
        char bytes[400];
        size_t n = 0, pieces = chance(40);
        for (size_t i = 0; i < pieces; i++) {
            const char *part = parts[chance(LT_COUNT(parts))];
            if (chance(5) == 0)
                bytes[n++] = '\0';
            else
                n = (size_t)(stpcpy(bytes + n, part) - bytes);
        }
        uint64_t bits = (uint64_t)chance(UINT32_MAX) << 33 ^ (uint64_t)chance(UINT32_MAX) << 2 ^ chance(4);
        double d;
        memcpy(&d, &bits, sizeof(d));
        must_come_back(LT_TEXT(((struct lt_str){bytes, n})));
        must_come_back(LT_BLOB(bytes, n));
        must_come_back(LT_INT(bits));
        if (!isnan(d))
            must_come_back(LT_DOUBLE(d));
    }
}

static void huge_texts_come_back(void **state)
{
    char *text = malloc(HUGE_N);
    assert_non_null(text);
    memset(text, 'a', HUGE_N);
    must_come_back(LT_TEXT(((struct lt_str){text, HUGE_N})));
    for (size_t i = 0; i < HUGE_N; i += 10000)
        text[i] = '\0';
    must_come_back(LT_TEXT(((struct lt_str){text, HUGE_N})));
    memset(text, 0, HUGE_N);
    must_come_back(LT_TEXT(((struct lt_str){text, NULS_N})));
    must_come_back(LT_BLOB(text, HUGE_N));
    free(text);
}

static void values_of_a_statement_keep_their_places(void **state)
{
    struct lt_arena *arena = lt_arena_new();
    struct lt_pg_values values = {.arena = arena};
    for (int i = 0; i < 100; i++)
        lt_pg_value_add(&values, &(struct lt_value){.type = i % 3 ? LT_V_INT : LT_V_NULL, .i = i});
    assert_int_equal(values.n, 100);
    for (int i = 0; i < 100; i++) {
        if (i % 3)
            assert_int_equal(strtol(values.texts[i], NULL, 10), i);
        else
            assert_null(values.texts[i]);
    }
    lt_arena_free(arena);
}

/* ---- addresses ---- */

static void an_address_is_taken_apart_or_refused_without_a_word_of_its_password(void **state)
{
    static const struct {
        const char *url, *rest; /* rest NULL: refused */
        enum lt_pg_keep keep;
    } cases[] = {
        {"postgresql://u:pw@h/db", "postgresql://u:pw@h/db", LT_PG_KEEP_AUTO},
        {"postgresql://u:pw@h/db?prepare=no", "postgresql://u:pw@h/db", LT_PG_KEEP_NO},
        {"postgresql://u:pw@h/db?prepare=yes&sslmode=require", "postgresql://u:pw@h/db?sslmode=require", LT_PG_KEEP_YES},
        {"postgresql://u:pw@h/db?sslmode=require&prepare=no", "postgresql://u:pw@h/db?sslmode=require", LT_PG_KEEP_NO},
        {"postgresql://u:pw@h/db?application_name=prepare=no", NULL, LT_PG_KEEP_AUTO},
        {"postgres://h1:5432,h2:5433/db?target_session_attrs=read-write", "postgres://h1:5432,h2:5433/db?target_session_attrs=read-write", LT_PG_KEEP_AUTO},
        {"postgresql://u:hush@ed@h/db", NULL, LT_PG_KEEP_AUTO},
        {"postgresql://u:hush/ed@h/db", NULL, LT_PG_KEEP_AUTO},
        {"postgresql://u:hush%zzed@h/db", NULL, LT_PG_KEEP_AUTO},
        {"postgresql://u:a?hush=ed@h/db?b", NULL, LT_PG_KEEP_AUTO},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        struct lt_pg_server *server = NULL;
        struct lt_error err = {0};
        enum lt_code code = lt_pg_server_new(cases[i].url, &server, &err);
        if (cases[i].rest) {
            assert_int_equal(code, LT_OK);
            assert_string_equal(server->url, cases[i].rest);
            assert_int_equal(server->keep, cases[i].keep);
        } else if (code != LT_ECONFIG || strstr(err.detail, "hush") || strstr(err.detail, "ed@")) {
            fail_msg("%s: %d %s", cases[i].url, code, err.detail);
        }
        lt_pg_server_free(server);
    }
}

static int load_libpq(void **state)
{
    (void)state;
    return lt_pq_load(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_text_of_postgresql_cannot_hold_is_marked_and_comes_back),
        cmocka_unit_test(numbers_are_exact),
        cmocka_unit_test(each_type_of_an_answer_is_read_as_it_is_meant),
        cmocka_unit_test(random_values_come_back),
        cmocka_unit_test(huge_texts_come_back),
        cmocka_unit_test(values_of_a_statement_keep_their_places),
        cmocka_unit_test(an_address_is_taken_apart_or_refused_without_a_word_of_its_password),
    };
    return cmocka_run_group_tests(tests, load_libpq, NULL);
}
