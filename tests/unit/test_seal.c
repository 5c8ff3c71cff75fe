/* Sealing: what is sealed opens with the right key at the right place and in no other way; the file of keys is private and whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/seal.h"

static struct lt_arena *arena;
static struct lt_error err;
static char dir[40], path[64];

static int set_up(void **state)
{
    arena = lt_arena_new();
    err = (struct lt_error){0};
    snprintf(dir, sizeof(dir), "/tmp/lectern-seal-XXXXXX");
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/master.key", dir);
    return 0;
}

static int tear_down(void **state)
{
    lt_arena_free(arena);
    unlink(path);
    rmdir(dir);
    return 0;
}

static void write_keys(const char *text, mode_t mode)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    assert_int_equal(chmod(path, mode), 0);
}

static struct lt_keyring *ring(void)
{
    struct lt_keyring *r = NULL;
    if (lt_keyring_read(path, &r, &err))
        fail_msg("%s", err.detail);
    return r;
}

#define A "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define B "ffeeddccbbaa99887766554433221100ffeeddccbbaa99887766554433221100"

static void what_is_sealed_opens_at_its_place(void **state)
{
    static const char *const plains[] = {"", "sk-1", "a secret with spaces and \xc3\xa9", "sealed:1:looks:sealed"};
    write_keys(A "\n", 0600);
    struct lt_keyring *r = ring();
    for (size_t i = 0; i < LT_COUNT(plains); i++) {
        struct lt_str sealed = lt_seal(r, arena, lt_str(plains[i]), LT_STR("place")), plain;
        assert_true(lt_is_sealed(sealed) && lt_is_sealed_with_first(r, sealed));
        assert_true(plains[i][0] == '\0' || !memmem(sealed.p, sealed.n, plains[i], strlen(plains[i])));
        assert_int_equal(lt_unseal(r, arena, sealed, LT_STR("place"), &plain, &err), LT_OK);
        assert_true(lt_str_is(plain, plains[i]));
        struct lt_str again = lt_seal(r, arena, lt_str(plains[i]), LT_STR("place"));
        assert_false(lt_str_eq(sealed, again)); /* a nonce is never used twice */
        assert_int_equal(lt_unseal(r, arena, sealed, LT_STR("another place"), &plain, &err), LT_ECONFIG);
    }
    lt_keyring_free(r);
}

static void no_changed_character_goes_unseen(void **state)
{
    write_keys(A "\n", 0600);
    struct lt_keyring *r = ring();
    struct lt_str sealed = lt_seal(r, arena, LT_STR("sk-secret"), LT_STR("p")), plain;
    for (size_t i = 0; i < sealed.n; i++) {
        char *changed = lt_strz(arena, sealed);
        changed[i] = changed[i] == 'A' ? 'B' : 'A';
        assert_int_equal(lt_unseal(r, arena, (struct lt_str){changed, sealed.n}, LT_STR("p"), &plain, &err), LT_ECONFIG);
        assert_int_equal(lt_unseal(r, arena, (struct lt_str){sealed.p, i}, LT_STR("p"), &plain, &err), LT_ECONFIG);
        assert_null(strstr(err.detail, "sk-secret"));
    }
    lt_keyring_free(r);
}

static void earlier_keys_open_and_the_first_seals(void **state)
{
    struct lt_str plain;
    write_keys(A "\n", 0600);
    struct lt_keyring *one = ring();
    struct lt_str old = lt_seal(one, arena, LT_STR("x"), LT_STR("p"));
    lt_keyring_free(one);
    assert_int_equal(lt_keyring_add(path, &err), LT_OK);
    struct lt_keyring *two = ring();
    assert_int_equal(lt_keyring_count(two), 2);
    assert_false(lt_is_sealed_with_first(two, old));
    assert_int_equal(lt_unseal(two, arena, old, LT_STR("p"), &plain, &err), LT_OK);
    struct lt_str fresh = lt_seal(two, arena, LT_STR("x"), LT_STR("p"));
    lt_keyring_free(two);
    assert_int_equal(lt_keyring_forget_old(path, &err), LT_OK);
    struct lt_keyring *three = ring();
    assert_int_equal(lt_keyring_count(three), 1);
    assert_int_equal(lt_unseal(three, arena, fresh, LT_STR("p"), &plain, &err), LT_OK);
    assert_int_equal(lt_unseal(three, arena, old, LT_STR("p"), &plain, &err), LT_ECONFIG);
    lt_keyring_free(three);
}

static void a_made_file_is_private_random_and_left_alone(void **state)
{
    struct stat st;
    assert_int_equal(lt_keyring_make(path, &err), LT_OK);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(st.st_size, 65);
    struct lt_keyring *r = ring();
    char id[LT_KEY_ID_SIZE];
    memcpy(id, lt_keyring_id(r, 0), sizeof(id));
    lt_keyring_free(r);
    assert_int_equal(lt_keyring_make(path, &err), LT_OK);
    r = ring();
    assert_string_equal(id, lt_keyring_id(r, 0));
    lt_keyring_free(r);
    for (int i = 0; i < 2 * LT_KEYRING_MAX; i++)
        assert_int_equal(lt_keyring_add(path, &err), LT_OK);
    r = ring();
    assert_int_equal(lt_keyring_count(r), LT_KEYRING_MAX); /* the oldest were left out */
    lt_keyring_free(r);
}

static void a_file_that_cannot_be_trusted_is_refused(void **state)
{
    static const struct {
        const char *text;
        mode_t mode;
        const char *said;
    } cases[] = {
        {A "\n", 0604, "others may read it"},
        {A "\n", 0602, "others may read it"},
        {"", 0600, "holds no key"},
        {"# only this\n\n", 0600, "holds no key"},
        {"00112233\n", 0600, "64 hex digits"},
        {A "0\n", 0600, "64 hex digits"},
        {"zz112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n", 0600, "64 hex digits"},
        {A "\n" B "\n" A "\n" B "\n" A "\n" B "\n" A "\n" B "\n" A "\n", 0600, "more than 8 keys"},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        struct lt_keyring *r = NULL;
        write_keys(cases[i].text, cases[i].mode);
        assert_int_equal(lt_keyring_read(path, &r, &err), LT_ECONFIG);
        assert_null(r);
        if (!strstr(err.detail, cases[i].said))
            fail_msg("case %zu: %s", i, err.detail);
        assert_null(strstr(err.detail, "0011")); /* no key in an error */
    }
    unlink(path);
    struct lt_keyring *r = NULL;
    assert_int_equal(lt_keyring_read(path, &r, &err), LT_ECONFIG);
    write_keys("# comment\r\n  " A "  \r\n\n" B, 0640);
    r = ring();
    assert_int_equal(lt_keyring_count(r), 2);
    lt_keyring_free(r);
}

static void what_is_signed_is_of_one_text_one_purpose_and_one_key(void **state)
{
    uint8_t mac[LT_MAC_SIZE];
    bool known;
    write_keys(A "\n" B, 0600);
    struct lt_keyring *r = ring();
    struct lt_str first = lt_str(lt_keyring_id(r, 0)), second = lt_str(lt_keyring_id(r, 1)), as_text = {(char *)mac, sizeof(mac)};
    lt_keyring_mac(r, 0, "heads", LT_STR("text"), mac);
    assert_true(lt_keyring_mac_ok(r, first, "heads", LT_STR("text"), as_text, &known));
    assert_true(known);
    assert_false(lt_keyring_mac_ok(r, first, "heads", LT_STR("texT"), as_text, NULL));
    assert_false(lt_keyring_mac_ok(r, first, "anchors", LT_STR("text"), as_text, NULL));
    assert_false(lt_keyring_mac_ok(r, second, "heads", LT_STR("text"), as_text, &known));
    assert_true(known);
    assert_false(lt_keyring_mac_ok(r, LT_STR("00000000"), "heads", LT_STR("text"), as_text, &known));
    assert_false(known);
    as_text.n--;
    assert_false(lt_keyring_mac_ok(r, first, "heads", LT_STR("text"), as_text, NULL));
    lt_keyring_free(r);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(what_is_sealed_opens_at_its_place),
        T(no_changed_character_goes_unseen),
        T(earlier_keys_open_and_the_first_seals),
        T(a_made_file_is_private_random_and_left_alone),
        T(what_is_signed_is_of_one_text_one_purpose_and_one_key),
        T(a_file_that_cannot_be_trusted_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
