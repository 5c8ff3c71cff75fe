/* Where personal data stand in a text (guard/pii.h). tests/quality/pii measures how well; here are the borders of each form. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "guard/pii.h"

static struct lt_arena *arena;

static int set_up(void **state)
{
    (void)state;
    arena = lt_arena_new();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    lt_arena_free(arena);
    return 0;
}

/* "kind:text kind:text" of all finds, parted by " | ". */
static const char *found(const char *name, const char *text)
{
    struct lt_pii_options o = {LT_PII_ALL, name ? lt_pii_names_new(arena, lt_str(name)) : NULL};
    struct lt_str t = lt_str(text), list = LT_STR("");
    struct lt_pii_find f;
    for (size_t at = 0; lt_pii_next(&o, t, at, &f); at = f.at + f.n)
        list = lt_printf(arena, "%.*s%s%s:%.*s", LT_FMT(list), list.n ? " | " : "", lt_pii_name(f.kind), (int)f.n, text + f.at);
    return list.p;
}

struct row {
    const char *text, *finds;
};

static void check(const char *name, const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const char *is = found(name, rows[i].text);
        if (strcmp(is, rows[i].finds) != 0)
            print_message("in \"%s\"\n", rows[i].text);
        assert_string_equal(is, rows[i].finds);
    }
}

static void addresses(void **state)
{
    static const struct row rows[] = {
        {"write to anna.meier+kurs@example.co.uk.", "email:anna.meier+kurs@example.co.uk"},
        {"<a@b.de>, (c@d.org); \"e@f.io\"", "email:a@b.de | email:c@d.org | email:e@f.io"},
        {"m\xC3\xBCller@b\xC3\xBC" "cher.example", "email:m\xC3\xBCller@b\xC3\xBC" "cher.example"},
        {"x@xn--bcher-kva.xn--p1ai", "email:x@xn--bcher-kva.xn--p1ai"},
        {"\xE8\xAF\xB7\xE8\x81\x94\xE7\xB3\xBBzhang@example.cn\xE8\xB0\xA2\xE8\xB0\xA2", "email:zhang@example.cn"},
        {"user@localhost @Override a@b .x@y.de.. a..b@c.de git@github.com:x/y.git", "email:x@y.de"},
        {"f@x = 2 and p@q.3", ""},
    };
    (void)state;
    check(NULL, rows, LT_COUNT(rows));
}

static void numbers_of_money(void **state)
{
    static const struct row rows[] = {
        {"4111 1111 1111 1111", "card:4111 1111 1111 1111"},
        {"card 4111111111111111, 12/29", "card:4111111111111111"},
        {"3782-822463-10005 5555 5555 5555 4444", "card:3782-822463-10005 | card:5555 5555 5555 4444"},
        {"4111 1111 1111 1112", ""},
        {"DE89 3704 0044 0532 0130 00, GB82WEST12345698765432", "iban:DE89 3704 0044 0532 0130 00 | iban:GB82WEST12345698765432"},
        {"DE89 3704 0044 0532 0130 01", ""},
        {"es9121000418450200051332", "iban:es9121000418450200051332"},
    };
    (void)state;
    check(NULL, rows, LT_COUNT(rows));
}

static void numbers_of_persons(void **state)
{
    static const struct row rows[] = {
        {"123-45-6789", "national_id:123-45-6789"},
        {"000-45-6789 666-45-6789 123-00-6789 123-45-0000", ""},
        {"12345678Z X1234567L 12345678A", "national_id:12345678Z | national_id:X1234567L"},
        {"RSSMRA85T10A562S", "national_id:RSSMRA85T10A562S"},
        {"86095742719 44051401359 10000000146", "national_id:86095742719 | national_id:44051401359 | national_id:10000000146"},
        {"529.982.247-25", "national_id:529.982.247-25"},
        {"19811218-9876, 811218-9876", "national_id:19811218-9876 | national_id:811218-9876"},
        {"131052-308T", "national_id:131052-308T"},
        {"BSN 111222333. The order 111222333", "national_id:111222333"},
        {"12.345.678-5", "national_id:12.345.678-5"},
        {"756.9217.0769.85", "national_id:756.9217.0769.85"},
        {"1 85 05 78 006 084 91", "national_id:1 85 05 78 006 084 91"},
    };
    (void)state;
    check(NULL, rows, LT_COUNT(rows));
}

static void telephones(void **state)
{
    static const struct row rows[] = {
        {"+49 30 1234567, +1 (212) 555-0123", "phone:+49 30 1234567 | phone:+1 (212) 555-0123"},
        {"0049 171 1234567", "phone:0049 171 1234567"},
        {"(212) 555-0123 or 212-555-0123", "phone:(212) 555-0123 | phone:212-555-0123"},
        {"06 12 34 56 78", "phone:06 12 34 56 78"},
        {"Tel. 030 1234567", "phone:030 1234567"},
        {"tel. 600 123 456; 600 123 456 people", "phone:600 123 456"},
        {"1 000 000 000, 2024-05-12, 12:30, 3.14159265, 10-20-30", ""},
    };
    (void)state;
    check(NULL, rows, LT_COUNT(rows));
}

static void addresses_of_computers(void **state)
{
    static const struct row rows[] = {
        {"192.168.178.23 and 2001:db8::8a2e:370:7334", "ip:192.168.178.23 | ip:2001:db8::8a2e:370:7334"},
        {"version 2.4.10.1, 127.0.0.1, ::1, 1.2.3.4.5, 300.1.1.1, 12:30:45, std::vector", ""},
    };
    (void)state;
    check(NULL, rows, LT_COUNT(rows));
}

static void the_name_of_who_asks(void **state)
{
    static const struct row rows[] = {
        {"I am Ana Mar\xC3\xAD" "a L\xC3\xB3pez-Garc\xC3\xAD" "a.", "name:Ana Mar\xC3\xAD" "a L\xC3\xB3pez-Garc\xC3\xAD" "a"},
        {"ANA MARIA LOPEZ-GARCIA", "name:ANA MARIA LOPEZ-GARCIA"},
        {"Dear Ana, dear Garcia", "name:Ana | name:Garcia"},
        {"Banana, analysis, Anan, ana", ""},
    };
    static const struct row marks[] = {{"mark the answer, Mark", "name:Mark"}, {"will be done by Will", "name:Will"}};
    (void)state;
    check("Ana Mar\xC3\xAD" "a L\xC3\xB3pez-Garc\xC3\xAD" "a", rows, LT_COUNT(rows));
    check("Mark Will", marks, LT_COUNT(marks));
    assert_string_equal(found("\xC5\x81ukasz \xC5\xBB\xC3\xB3\xC5\x82\xC4\x87", "Lukasz, ZOLC"), "name:Lukasz | name:ZOLC");
    assert_string_equal(found(NULL, "Ana"), "");
}

static void placeholders_are_left_alone(void **state)
{
    static const struct row rows[] = {{"[EMAIL_ABCDEF] [PHONE_234567] [EMAIL_ABCDEF]@x.de", ""}};
    (void)state;
    check("Email Phone", rows, LT_COUNT(rows));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses),
        cmocka_unit_test(numbers_of_money),
        cmocka_unit_test(numbers_of_persons),
        cmocka_unit_test(telephones),
        cmocka_unit_test(addresses_of_computers),
        cmocka_unit_test(the_name_of_who_asks),
        cmocka_unit_test(placeholders_are_left_alone),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
