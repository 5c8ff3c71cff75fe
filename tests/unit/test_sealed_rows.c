/* Texts of users that are sealed with the master key, and a new key (core/sealed_rows.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "core/admin.h"
#include "core/sealed_rows.h"

#define A "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define B "ffeeddccbbaa99887766554433221100ffeeddccbbaa99887766554433221100"
#define C "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

enum { VALUES = 2100 /* more than two pages */, ANSWERS = 25, RESPONSES = 3, ALL = VALUES + ANSWERS + 3 * RESPONSES };

static char dir[64];
static struct lt_arena *arena;
static struct lt_store *store;
static struct lt_error err;

static void ok(enum lt_code rc)
{
    if (rc)
        fail_msg("%s: %s", lt_code_name(rc), err.detail);
}

static struct lt_keyring *ring(const char *keys)
{
    struct lt_keyring *r;
    char path[128];
    snprintf(path, sizeof(path), "%s/keys", dir);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(keys, f) >= 0);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(chmod(path, 0600), 0);
    ok(lt_keyring_read(path, &r, &err));
    return r;
}

static int set_up(void **state)
{
    (void)state;
    arena = lt_arena_new();
    strcpy(dir, "/tmp/lectern-rows-XXXXXX");
    assert_non_null(mkdtemp(dir));
    ok(lt_store_open(&(struct lt_store_options){.data_dir = dir}, &store, &err));
    ok(lt_admin_site_add(store, LT_STR("s"), LT_STR("S"), &err));
    return 0;
}

static int tear_down(void **state)
{
    char command[128];
    (void)state;
    lt_store_close(store);
    lt_arena_free(arena);
    snprintf(command, sizeof(command), "rm -rf '%s'", dir);
    return system(command);
}

static struct lt_str user_of(int i)
{
    return lt_printf(arena, "user %d", i % 7);
}

static struct lt_str placeholder_of(int i)
{
    return lt_printf(arena, "[EMAIL_%06d]", i);
}

static struct lt_uuid id_of(int i)
{
    struct lt_uuid id = {0};
    id.b[3] = (uint8_t)(i + 1);
    return id;
}

static void fill(const struct lt_keyring *with)
{
    struct lt_tx *tx = lt_tx_new();
    for (int i = 0; i < VALUES; i++) {
        struct lt_str plain = lt_printf(arena, "value %d", i), place = lt_sealed_place_value(arena, 1, user_of(i), placeholder_of(i));
        LT_TX(tx, "INSERT INTO guard_value (site_id, user_id, placeholder, sealed, used_at) VALUES (1, $1, $2, $3, 1)", LT_TEXT(user_of(i)),
              LT_TEXT(placeholder_of(i)), LT_TEXT(lt_seal(with, arena, plain, place)));
    }
    for (int i = 0; i < ANSWERS; i++) {
        struct lt_str name = lt_printf(arena, "key %d", i);
        struct lt_str text = lt_seal(with, arena, lt_printf(arena, "answer %d", i), lt_sealed_place_answer(arena, 1, LT_STR("user u"), name));
        LT_TX(tx,
              "INSERT INTO idempotency_key (site_id, caller, name, request_hash, state, body, created_at, expires_at)"
              " VALUES (1, 'user u', $1, $2, 'done', $3, 1, 2)",
              LT_TEXT(name), LT_BLOB("hash", 4), LT_BLOB(text.p, text.n));
    }
    for (int i = 0; i < RESPONSES; i++) {
        struct lt_uuid id = id_of(i);
        struct lt_str text[3];
        static const char *const columns[] = {"settings", "input", "output"};
        for (int k = 0; k < 3; k++)
            text[k] = lt_seal(with, arena, lt_printf(arena, "%s %d", columns[k], i), lt_sealed_place_response(arena, id, columns[k]));
        LT_TX(tx,
              "INSERT INTO openai_response (id, site_id, user_id, key_id, call_id, status, model, settings, input, output, bytes, created_at)"
              " VALUES ($1, 1, 'u', 0, $1, 'completed', 'm', $2, $3, $4, 0, 1)",
              LT_BLOB(id.b, sizeof(id.b)), LT_TEXT(text[0]), LT_TEXT(text[1]), LT_TEXT(text[2]));
    }
    LT_TX(tx,
          "INSERT INTO openai_response (id, site_id, user_id, key_id, call_id, status, model, settings, input, output, bytes, created_at)"
          " VALUES ($1, 1, 'u', 0, $1, 'completed', 'm', '{}', '[]', '[]', 0, 1)",
          LT_BLOB("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 16)); /* of a site that replaces nothing */
    ok(lt_store_write(store, tx, &err));
}

static struct lt_str open_one(const struct lt_keyring *with, struct lt_str text, struct lt_str place)
{
    struct lt_str plain;
    ok(lt_unseal(with, arena, text, place, &plain, &err));
    return plain;
}

/* How many of all can be opened with these keys, and are what they were. */
static int right(const struct lt_keyring *with)
{
    struct lt_rows r;
    int n = 0;
    ok(LT_QUERY(store, arena, &r, &err, "SELECT user_id, placeholder, sealed FROM guard_value WHERE site_id = $1 ORDER BY placeholder", LT_INT(1)));
    for (size_t i = 0; i < r.rows; i++)
        n += lt_str_eq(open_one(with, lt_rows_str(&r, i, 2), lt_sealed_place_value(arena, 1, lt_rows_str(&r, i, 0), lt_rows_str(&r, i, 1))),
                       lt_printf(arena, "value %zu", i));
    ok(LT_QUERY(store, arena, &r, &err, "SELECT name, body FROM idempotency_key WHERE site_id = $1 ORDER BY id", LT_INT(1)));
    for (size_t i = 0; i < r.rows; i++)
        n += lt_str_eq(open_one(with, lt_rows_str(&r, i, 1), lt_sealed_place_answer(arena, 1, LT_STR("user u"), lt_rows_str(&r, i, 0))),
                       lt_printf(arena, "answer %zu", i));
    ok(LT_QUERY(store, arena, &r, &err, "SELECT settings, input, output FROM openai_response WHERE site_id = $1 ORDER BY id", LT_INT(1)));
    assert_int_equal(r.rows, RESPONSES + 1);
    for (int i = 0; i < RESPONSES; i++) {
        n += lt_str_eq(open_one(with, lt_rows_str(&r, (size_t)i, 0), lt_sealed_place_response(arena, id_of(i), "settings")), lt_printf(arena, "settings %d", i));
        n += lt_str_eq(open_one(with, lt_rows_str(&r, (size_t)i, 1), lt_sealed_place_response(arena, id_of(i), "input")), lt_printf(arena, "input %d", i));
        n += lt_str_eq(open_one(with, lt_rows_str(&r, (size_t)i, 2), lt_sealed_place_response(arena, id_of(i), "output")), lt_printf(arena, "output %d", i));
    }
    assert_true(lt_str_is(lt_rows_str(&r, RESPONSES, 1), "[]"));
    return n;
}

static struct lt_secrets_view view_with(const struct lt_keyring *with)
{
    struct lt_secrets_view view = {0};
    ok(lt_sealed_rows_look(store, with, &view, &err));
    return view;
}

static void a_new_key_seals_all_of_them_and_the_old_one_is_not_needed(void **state)
{
    struct lt_keyring *old = ring(A "\n"), *both = ring(B "\n" A "\n"), *only = ring(B "\n");
    size_t resealed = 0, lost = 0;
    (void)state;
    fill(old);
    struct lt_secrets_view view = view_with(both);
    assert_true(view.by_key[0] == 0 && view.by_key[1] == ALL && view.lost == 0 && view.plain == 0);
    ok(lt_sealed_rows_reseal(store, both, &resealed, &lost, &err));
    assert_int_equal(resealed, ALL);
    assert_int_equal(lost, 0);
    view = view_with(only);
    assert_true(view.by_key[0] == ALL && view.lost == 0);
    assert_int_equal(right(only), ALL);
    resealed = 0;
    ok(lt_sealed_rows_reseal(store, both, &resealed, &lost, &err)); /* nothing is left to do */
    assert_int_equal(resealed, 0);
    lt_keyring_free(old);
    lt_keyring_free(both);
    lt_keyring_free(only);
}

static void what_no_key_opens_is_counted_and_stays(void **state)
{
    struct lt_keyring *old = ring(A "\n"), *others = ring(B "\n" C "\n");
    size_t resealed = 0, lost = 0;
    (void)state;
    fill(old);
    ok(lt_sealed_rows_reseal(store, others, &resealed, &lost, &err));
    assert_int_equal(resealed, 0);
    assert_int_equal(lost, ALL);
    assert_int_equal(view_with(others).lost, ALL);
    assert_int_equal(right(old), ALL);
    lt_keyring_free(old);
    lt_keyring_free(others);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_new_key_seals_all_of_them_and_the_old_one_is_not_needed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_no_key_opens_is_counted_and_stays, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
