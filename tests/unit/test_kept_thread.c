/* Conversations that a vendor keeps: what of one is sent to which instance. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "core/manager_private.h"

enum { KEEPER = 7, OTHER = 8 };

static bool keeps(const struct lt_provider_instance *instance, const struct lt_json *settings)
{
    (void)instance;
    (void)settings;
    return true;
}

static bool keeps_none(const struct lt_provider_instance *instance, const struct lt_json *settings)
{
    (void)instance;
    (void)settings;
    return false;
}

/* Everything that decides. */
struct situation {
    struct lt_site site;
    struct lt_caller caller;
    struct lt_call_thread thread;
    struct lt_call_profile profile;
    struct lt_call_request request;
    struct lt_provider provider;
    struct lt_provider_instance instance;
    struct lt_process process;
    struct lt_provider_run run;
    struct lt_message messages[16];
    struct lt_neutral_call call;
};

/* messages: a letter for each, s(ystem), u(ser), a(ssistant), t(ool); their contents are their numbers. */
static void begin(struct situation *s, const char *messages, size_t new_n)
{
    static const char numbers[] = "0123456789abcdef";
    static const struct {
        char letter;
        const char *role;
    } roles[] = {{'s', "system"}, {'u', "user"}, {'a', "assistant"}, {'t', "tool"}};
    *s = (struct situation){.site.store_content = true,
                            .thread = {.instance_id = KEEPER, .response_id = LT_STR("resp_1"), .new_n = new_n},
                            .provider.keeps_threads = keeps,
                            .instance.id = KEEPER};
    s->caller.site = &s->site;
    s->profile.thread = &s->thread;
    s->request.caller = &s->caller;
    s->request.profile = &s->profile;
    s->instance.provider = &s->provider;
    s->process.request = &s->request;
    s->run.instance = &s->instance;
    s->call.messages = s->messages;
    for (; messages[s->call.messages_n]; s->call.messages_n++)
        for (size_t i = 0; i < LT_COUNT(roles); i++)
            if (roles[i].letter == messages[s->call.messages_n])
                s->messages[s->call.messages_n] =
                    (struct lt_message){.role = lt_str(roles[i].role), .content = {&numbers[s->call.messages_n], 1}};
}

/* The contents of what is sent, behind the id that it goes on from and a '+' when the answer is to be kept. */
static const char *sent(struct situation *s)
{
    static char text[64];
    lt_process_use_thread(&s->process, &s->run, &s->call);
    assert_int_equal(s->process.thread_sent, s->call.previous_response_id.n > 0);
    int n = snprintf(text, sizeof(text), "%.*s%s ", LT_FMT(s->call.previous_response_id.p ? s->call.previous_response_id : LT_STR("")),
                     s->call.store ? "+" : "");
    for (size_t i = 0; i < s->call.messages_n; i++)
        text[n++] = s->call.messages[i].content.p[0];
    text[n] = '\0';
    return text;
}

static void the_instance_that_has_the_thread_gets_the_instructions_and_what_is_new(void **state)
{
    static const struct {
        const char *messages;
        size_t new_n;
        const char *sent;
    } cases[] = {
        {"u", 1, "resp_1+ 0"},       {"su", 1, "resp_1+ 01"},        {"ssuau", 1, "resp_1+ 014"}, {"uau", 1, "resp_1+ 2"},
        {"sutt", 2, "resp_1+ 023"},  {"ssuattuatt", 2, "resp_1+ 0189"}, {"susu", 1, "resp_1+ 03"},  {"s", 1, "resp_1+ 0"},
        {"suau", 9, "resp_1+ 0123"}, {"suau", 3, "resp_1+ 0123"},
    };
    (void)state;
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        struct situation s;
        begin(&s, cases[i].messages, cases[i].new_n);
        assert_string_equal(sent(&s), cases[i].sent);
    }
}

static void everybody_else_gets_everything(void **state)
{
    struct situation s;
    (void)state;
    begin(&s, "suau", 1);
    s.instance.id = OTHER;
    assert_string_equal(sent(&s), "+ 0123");
    begin(&s, "suau", 1);
    s.thread.response_id = LT_STR("");
    assert_string_equal(sent(&s), "+ 0123");
    begin(&s, "suau", 1);
    s.process.thread_lost = true;
    assert_string_equal(sent(&s), "+ 0123");
    begin(&s, "suau", 1);
    s.provider.keeps_threads = keeps_none;
    assert_string_equal(sent(&s), " 0123");
    begin(&s, "suau", 1);
    s.provider.keeps_threads = NULL;
    assert_string_equal(sent(&s), " 0123");
}

static void nothing_is_kept_of_what_is_no_conversation_nor_for_a_site_that_stores_no_content(void **state)
{
    struct situation s;
    (void)state;
    begin(&s, "suau", 1);
    s.site.store_content = false;
    assert_string_equal(sent(&s), " 0123");
    begin(&s, "suau", 1);
    s.profile.thread = NULL;
    assert_string_equal(sent(&s), " 0123");
    begin(&s, "suau", 1);
    s.request.profile = NULL;
    assert_string_equal(sent(&s), " 0123");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_instance_that_has_the_thread_gets_the_instructions_and_what_is_new),
        cmocka_unit_test(everybody_else_gets_everything),
        cmocka_unit_test(nothing_is_kept_of_what_is_no_conversation_nor_for_a_site_that_stores_no_content),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
