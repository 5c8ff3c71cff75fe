/* Items of the Responses API (OpenAI's API reference): their form, their ids, and what a chat makes of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "api/openai_responses.h"

static struct lt_arena *arena;

static int setup(void **state)
{
    arena = lt_arena_new();
    return 0;
}

static int teardown(void **state)
{
    lt_arena_free(arena);
    return 0;
}

static const struct lt_json *parse(struct lt_str text)
{
    const struct lt_json *v = NULL;
    struct lt_error err;
    if (lt_json_parse(arena, lt_str_copy(arena, text), LT_JSON_JSON5, &v, &err))
        fail_msg("%s: %.*s", err.detail, LT_FMT(text));
    return v;
}

static struct lt_uuid some_id(uint8_t last)
{
    return (struct lt_uuid){{1, 2, 3, 0xfe, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, last}};
}

/* ---- ids ---- */

static void ids_say_where_an_item_stands(void **state)
{
    static const char *const prefixes[] = {"msg", "fc", "fco", "rs"};
    static const unsigned indexes[] = {0, 1, 255, 4095};
    for (size_t i = 0; i < 32; i++) {
        struct lt_item_place place = {.response = some_id((uint8_t)i), .output = i & 1, .index = indexes[i / 8]}, back;
        char text[LT_ITEM_ID_SIZE];
        lt_item_id_format(prefixes[i / 2 % 4], place, text);
        assert_true(lt_item_id_parse(lt_str(text), &back));
        assert_true(lt_uuid_eq(back.response, place.response) && back.output == place.output && back.index == place.index);
    }
}

static void the_id_of_a_response_is_that_of_its_call(void **state)
{
    char text[LT_RESPONSE_ID_SIZE];
    struct lt_uuid back;
    lt_response_id_format(some_id(16), text);
    assert_string_equal(text, "resp_010203fe05060708090a0b0c0d0e0f10");
    assert_true(lt_response_id_parse(lt_str(text), &back) && lt_uuid_eq(back, some_id(16)));
}

static void other_ids_are_none(void **state)
{
    static const char *const bad[] = {"",
                                      "resp_",
                                      "resp_00000000000000000000000000000000",
                                      "resp_010203FE05060708090a0b0c0d0e0f10",
                                      "resp_010203fe05060708090a0b0c0d0e0f1",
                                      "resp_010203fe05060708090a0b0c0d0e0f100",
                                      "resp_010203fe05060708090a0b0c0d0e0f1g",
                                      "rest_010203fe05060708090a0b0c0d0e0f10",
                                      "msg_010203fe05060708090a0b0c0d0e0f102000",
                                      "msg_010203fe05060708090a0b0c0d0e0f10100",
                                      "msg_010203fe05060708090a0b0c0d0e0f10100z",
                                      "m_010203fe05060708090a0b0c0d0e0f101000",
                                      "msgs_010203fe05060708090a0b0c0d0e0f101000",
                                      "_010203fe05060708090a0b0c0d0e0f101000"};
    for (size_t i = 0; i < LT_COUNT(bad); i++) {
        struct lt_uuid id;
        struct lt_item_place place;
        assert_false(lt_response_id_parse(lt_str(bad[i]), &id));
        assert_false(lt_item_id_parse(lt_str(bad[i]), &place));
    }
}

/* ---- items ---- */

/* The item as it is kept, NULL when it is refused. */
static const struct lt_json *kept(const struct lt_json *item, unsigned index, struct lt_error *err)
{
    struct lt_buf out;
    struct lt_jw w;
    const struct lt_json *v = NULL;
    lt_buf_init(&out, 1 << 20);
    lt_jw_init(&w, &out);
    if (lt_item_write(&w, item, (struct lt_item_place){.response = some_id(1), .index = index}, err) == LT_OK)
        v = parse(lt_buf_str(&out));
    lt_buf_free(&out);
    return v;
}

#define PART(text) "{type:'input_text',text:'" text "'}"
#define SAID(text) "{type:'output_text',annotations:[],logprobs:[],text:'" text "'}"
#define ID(prefix) "id:'" prefix "_010203fe05060708090a0b0c0d0e0f010007'"
#define DONE ",status:'completed'"

static void items_are_kept_in_one_form(void **state)
{
    static const char *const rows[][2] = {
        {"{role:'user',content:'a'}", "{" ID("msg") ",type:'message'" DONE ",role:'user',content:[" PART("a") "]}"},
        {"{type:'message',role:'developer',content:[" PART("a") "," PART("") "]}",
         "{" ID("msg") ",type:'message'" DONE ",role:'developer',content:[" PART("a") "," PART("") "]}"},
        {"{role:'assistant',content:'a',status:'incomplete',id:'x'}",
         "{" ID("msg") ",type:'message'" DONE ",role:'assistant',content:[" SAID("a") "]}"},
        {"{role:'assistant',content:[" PART("a") ",{type:'refusal',refusal:'n'}]}",
         "{" ID("msg") ",type:'message'" DONE ",role:'assistant',content:[" SAID("a") "," SAID("n") "]}"},
        {"{role:'user',content:[{type:'input_image',image_url:'u',detail:'high'}]}",
         "{" ID("msg") ",type:'message'" DONE ",role:'user',content:[{type:'input_image',detail:'high',file_id:null,image_url:'u'}]}"},
        {"{type:'function_call',id:'fc_1',call_id:'c',name:'f',arguments:'{}',status:'completed'}",
         "{" ID("fc") ",type:'function_call'" DONE ",call_id:'c',name:'f',arguments:'{}'}"},
        {"{type:'function_call_output',call_id:'c',output:'o'}", "{" ID("fco") ",type:'function_call_output'" DONE ",call_id:'c',output:'o'}"},
        {"{type:'function_call_output',call_id:'c',output:[" PART("o") "]}",
         "{" ID("fco") ",type:'function_call_output'" DONE ",call_id:'c',output:[" PART("o") "]}"},
        {"{type:'reasoning',id:'rs_1',summary:[{type:'summary_text',text:'t'}],encrypted_content:'z'}",
         "{" ID("rs") ",type:'reasoning',summary:[{type:'summary_text',text:'t'}]}"},
        {"{type:'reasoning'}", "{" ID("rs") ",type:'reasoning',summary:[]}"},
    };
    for (size_t i = 0; i < LT_COUNT(rows); i++) {
        struct lt_error err = {0};
        const struct lt_json *first = kept(parse(lt_str(rows[i][0])), 7, &err);
        if (!first)
            fail_msg("%s: %s %s", rows[i][0], err.field, err.detail);
        if (!lt_json_equal(first, parse(lt_str(rows[i][1]))))
            fail_msg("%s became %.*s", rows[i][0], LT_FMT(lt_json_text(arena, first)));
        assert_true(lt_json_equal(kept(first, 7, &err), first)); /* what was kept is kept as it is */
    }
}

static void what_is_no_item_is_refused_at_its_place(void **state)
{
    static const char *const rows[][2] = {
        {"7", ""},
        {"{}", "/role"},
        {"{role:'robot',content:'a'}", "/role"},
        {"{role:'user'}", "/content"},
        {"{role:'user',content:null}", "/content"},
        {"{role:'user',content:[]}", "/content"},
        {"{role:'user',content:['a']}", "/content/0/type"},
        {"{role:'user',content:[" PART("a") ",{type:'input_text'}]}", "/content/1/text"},
        {"{role:'user',content:[{type:'refusal',refusal:'n'}]}", "/content/0/type"},
        {"{role:'user',content:[{type:'input_audio'}]}", "/content/0/type"},
        {"{role:'assistant',content:[{type:'input_image',image_url:'u'}]}", "/content/0/type"},
        {"{role:'user',content:[{type:'input_image'}]}", "/content/0/image_url"},
        {"{role:'user',content:[{type:'input_image',image_url:''}]}", "/content/0/image_url"},
        {"{role:'user',content:[{type:'input_image',image_url:'u',detail:'huge'}]}", "/content/0/detail"},
        {"{role:'user',content:[{type:'input_image',image_url:'u',file_id:'f'}]}", "/content/0/file_id"},
        {"{type:'function_call',name:'f',arguments:''}", "/call_id"},
        {"{type:'function_call',call_id:'c',arguments:''}", "/name"},
        {"{type:'function_call',call_id:'c',name:'f'}", "/arguments"},
        {"{type:'function_call',call_id:'',name:'f',arguments:''}", "/call_id"},
        {"{type:'function_call_output',output:'o'}", "/call_id"},
        {"{type:'function_call_output',call_id:'c'}", "/output"},
        {"{type:'function_call_output',call_id:'c',output:[]}", "/output"},
        {"{type:'computer_call'}", "/type"},
    };
    for (size_t i = 0; i < LT_COUNT(rows); i++) {
        struct lt_error err = {0};
        assert_null(kept(parse(lt_str(rows[i][0])), 0, &err));
        assert_int_equal(err.code, LT_EINVALID_INPUT);
        assert_string_equal(err.field, rows[i][1]);
    }
}

static void an_output_is_a_message_and_calls(void **state)
{
    const struct lt_json *calls = parse(LT_STR("[{id:'c1',type:'function',function:{name:'f',arguments:'{}'}}]"));
    const struct {
        struct lt_str text;
        const struct lt_json *calls;
        const char *types;
    } rows[] = {{LT_STR("a"), NULL, "message "},
                {LT_STR(""), NULL, "message "},
                {LT_STR(""), calls, "function_call "},
                {LT_STR("a"), calls, "message function_call "},
                {LT_STR_NULL, NULL, ""}};
    for (size_t i = 0; i < LT_COUNT(rows); i++) {
        char types[64] = "";
        const struct lt_json *output = parse(lt_output_text(arena, some_id(2), rows[i].text, rows[i].calls, "completed"));
        for (size_t k = 0; k < lt_json_len(output); k++) {
            struct lt_item_place place;
            assert_true(lt_item_id_parse(lt_json_str(lt_json_get(lt_json_at(output, k), "id")), &place));
            assert_true(place.output && place.index == k && lt_uuid_eq(place.response, some_id(2)));
            snprintf(types + strlen(types), sizeof(types) - strlen(types), "%.*s ", LT_FMT(lt_json_str(lt_json_get(lt_json_at(output, k), "type"))));
        }
        assert_string_equal(types, rows[i].types);
    }
}

static void a_refusal_is_a_message_that_goes_back_as_text(void **state)
{
    const struct lt_json *output = parse(lt_output_refusal(arena, some_id(2), LT_STR("No.")));
    struct lt_buf out;
    struct lt_jw w;
    struct lt_error err;
    assert_true(lt_json_equal(lt_json_at_pointer(output, "/0/content"), parse(LT_STR("[{type:'refusal',refusal:'No.'}]"))));
    struct lt_item_list items = {.list = (const struct lt_json *[]){lt_json_at(output, 0)}, .n = 1};
    struct lt_chat chat;
    assert_int_equal(lt_chat_read(arena, &items, LT_STR(""), false, &chat, &err), LT_OK);
    lt_buf_init(&out, 4096);
    lt_jw_init(&w, &out);
    lt_chat_write(&w, &chat);
    assert_true(lt_json_equal(parse(lt_buf_str(&out)), parse(LT_STR("[{role:'assistant',content:'No.'}]"))));
    lt_buf_free(&out);
}

/* ---- chats ---- */

/* Items in JSON5, the first `before` of them of earlier turns. */
static struct lt_item_list list_of(const char *text, size_t before)
{
    const struct lt_json *items = parse(lt_str(text));
    struct lt_item_list list = {.list = LT_NEW_ARRAY(arena, const struct lt_json *, lt_json_len(items)), .before = before};
    struct lt_error err;
    for (size_t i = 0; i < lt_json_len(items); i++)
        if (!(list.list[list.n++] = kept(lt_json_at(items, i), (unsigned)i, &err)))
            fail_msg("%s: %s", err.field, err.detail);
    return list;
}

static const struct lt_json *messages_of(const struct lt_chat *chat)
{
    struct lt_buf out;
    struct lt_jw w;
    lt_buf_init(&out, 64 << 20);
    lt_jw_init(&w, &out);
    lt_chat_write(&w, chat);
    const struct lt_json *v = parse(lt_buf_str(&out));
    lt_buf_free(&out);
    return v;
}

#define USER(text) "{role:'user',content:'" text "'}"
#define ASSISTANT(text) "{role:'assistant',content:'" text "'}"
#define CALL(id) "{type:'function_call',call_id:'" id "',name:'f',arguments:'{}'}"
#define OUTPUT(id, text) "{type:'function_call_output',call_id:'" id "',output:'" text "'}"
#define TOOL_CALL(id) "{id:'" id "',type:'function',function:{name:'f',arguments:'{}'}}"
#define TOOL(id, text) "{role:'tool',tool_call_id:'" id "',content:'" text "'}"
#define REASONING "{type:'reasoning',summary:[]}"

static void items_become_messages(void **state)
{
    static const struct {
        const char *items, *instructions, *messages;
        bool cut;
    } rows[] = {
        {"[" USER("a") "]", "", "[" USER("a") "]", false},
        {"[" USER("a") "]", "i", "[{role:'system',content:'i'}," USER("a") "]", false},
        {"[{role:'developer',content:'d'}," USER("a") "]", "", "[{role:'system',content:'d'}," USER("a") "]", false},
        {"[{role:'user',content:[" PART("a") "," PART("b") "]}]", "", "[{role:'user',content:'a\\nb'}]", false},
        {"[{role:'user',content:[" PART("a") ",{type:'input_image',image_url:'u'}]}]", "",
         "[{role:'user',content:[{type:'text',text:'a'},{type:'image_url',image_url:{url:'u',detail:'auto'}}]}]", false},
        {"[" USER("a") "," CALL("1") "," OUTPUT("1", "o") "]", "",
         "[" USER("a") ",{role:'assistant',content:null,tool_calls:[" TOOL_CALL("1") "]}," TOOL("1", "o") "]", false},
        {"[" USER("a") "," ASSISTANT("b") "," REASONING "," CALL("1") "," REASONING "," CALL("2") "," OUTPUT("2", "p") "," OUTPUT("1", "o") "]", "",
         "[" USER("a") ",{role:'assistant',content:'b',tool_calls:[" TOOL_CALL("1") "," TOOL_CALL("2") "]}," TOOL("2", "p") ","
         TOOL("1", "o") "]", false},
        {"[" CALL("1") "," OUTPUT("1", "o") "," CALL("2") "," OUTPUT("2", "p") "]", "",
         "[{role:'assistant',content:null,tool_calls:[" TOOL_CALL("1") "]}," TOOL("1", "o") ",{role:'assistant',content:null,tool_calls:["
         TOOL_CALL("2") "]}," TOOL("2", "p") "]", false},
        {"[" USER("a") "," ASSISTANT("") "," USER("b") "]", "", "[" USER("a") "," USER("b") "]", false},
        {"[" OUTPUT("0", "lost") "," USER("a") "]", "", "[" USER("a") "]", true},
    };
    for (size_t i = 0; i < LT_COUNT(rows); i++) {
        struct lt_item_list items = list_of(rows[i].items, 0);
        struct lt_chat chat;
        struct lt_error err = {0};
        if (lt_chat_read(arena, &items, lt_str(rows[i].instructions), rows[i].cut, &chat, &err))
            fail_msg("%s: %s %s", rows[i].items, err.field, err.detail);
        const struct lt_json *got = messages_of(&chat);
        if (!lt_json_equal(got, parse(lt_str(rows[i].messages))))
            fail_msg("%s became %.*s", rows[i].items, LT_FMT(lt_json_text(arena, got)));
    }
}

static void calls_and_outputs_must_find_each_other(void **state)
{
    static const struct {
        const char *items;
        size_t before;
        bool cut;
        const char *field;
    } rows[] = {
        {"[" USER("a") "," OUTPUT("1", "o") "]", 0, false, "/input/1/call_id"},
        {"[" USER("a") "," ASSISTANT("b") "," OUTPUT("1", "o") "]", 2, false, "/input/0/call_id"},
        {"[" CALL("1") "," OUTPUT("2", "o") "]", 0, false, "/input/1/call_id"},
        {"[" CALL("1") "," OUTPUT("1", "o") "," OUTPUT("1", "again") "]", 0, false, "/input/2/call_id"},
        {"[" CALL("1") "]", 0, false, "/input"},
        {"[" CALL("1") "," USER("a") "," OUTPUT("1", "late") "]", 0, false, "/input"},
        {"[" USER("a") "," OUTPUT("1", "o") "]", 1, true, "/input/0/call_id"},
        {"[" REASONING "]", 0, false, "/input"},
    };
    for (size_t i = 0; i < LT_COUNT(rows); i++) {
        struct lt_item_list items = list_of(rows[i].items, rows[i].before);
        struct lt_chat chat;
        struct lt_error err = {0};
        assert_int_equal(lt_chat_read(arena, &items, LT_STR(""), rows[i].cut, &chat, &err), LT_EINVALID_INPUT);
        assert_string_equal(err.field, rows[i].field);
    }
}

static void errors_of_messages_name_the_item(void **state)
{
    static const struct {
        const char *theirs, *ours;
        bool text;
    } rows[] = {{"/messages", "/input", false},
                {"/messages/0/content", "/instructions", false},
                {"/messages/1/content", "/previous_response_id", false},
                {"/messages/2/content", "/input/0/content", false},
                {"/messages/2/content", "/input", true},
                {"/messages/3/content/0/image_url/url", "/input/2/content/0/image_url/url", false},
                {"/messages/2", "/input/0", false},
                {"/messages/9/content", "/previous_response_id", false},
                {"/messages/x", "/messages/x", false},
                {"/temperature", "/temperature", false}};
    struct lt_item_list items = list_of("[" USER("a") "," USER("b") "," REASONING "," USER("c") "]", 1);
    struct lt_chat chat;
    struct lt_error err;
    assert_int_equal(lt_chat_read(arena, &items, LT_STR("i"), false, &chat, &err), LT_OK);
    for (size_t i = 0; i < LT_COUNT(rows); i++) {
        lt_fail_field(&err, LT_EINVALID_INPUT, rows[i].theirs, "x");
        lt_chat_error(&chat, rows[i].text, &err);
        assert_string_equal(err.field, rows[i].ours);
    }
}

/* ---- limits ---- */

static const struct lt_json *random_item(unsigned i, unsigned *calls)
{
    char text[256];
    int kind = rand() % 6;
    struct lt_error err;
    if (kind == 0 || (kind == 1 && *calls > 0))
        snprintf(text, sizeof(text), "{type:'function_call',call_id:'c%u',name:'f',arguments:'{}'}", (*calls)++);
    else
        snprintf(text, sizeof(text), "{role:'%s',content:'%u'}", kind % 2 ? "user" : "assistant", i);
    return kept(parse(lt_str(text)), i, &err);
}

/* A conversation in which every call is answered at once. */
static struct lt_item_list random_list(size_t n)
{
    struct lt_item_list list = {.list = LT_NEW_ARRAY(arena, const struct lt_json *, 2 * n + 2)};
    unsigned calls = 0;
    struct lt_error err;
    while (list.n < n) {
        unsigned first = calls;
        list.list[list.n] = random_item((unsigned)list.n, &calls);
        list.n++;
        for (unsigned c = first; c < calls; c++)
            list.list[list.n++] = kept(parse(lt_printf(arena, "{type:'function_call_output',call_id:'c%u',output:'o'}", c)), 1, &err);
    }
    list.list[list.n++] = kept(parse(LT_STR(USER("last"))), 1, &err);
    return list;
}

static void what_is_cut_fits_and_ends_the_same(void **state)
{
    unsigned seed = (unsigned)time(NULL);
    print_message("seed %u\n", seed);
    srand(seed);
    for (int round = 0; round < 40; round++) {
        struct lt_item_list items = random_list((size_t)(rand() % 600));
        struct lt_chat chat, whole;
        struct lt_error err = {0};
        assert_int_equal(lt_chat_read(arena, &items, LT_STR("i"), false, &chat, &err), LT_OK);
        whole = chat;
        bool fits = chat.n + 1 <= LT_THREAD_MESSAGES_MAX;
        assert_int_equal(lt_chat_fit(&chat, false, &err), fits ? LT_OK : LT_ECONTEXT_WINDOW);
        assert_int_equal(lt_chat_fit(&chat, true, &err), LT_OK);
        assert_true(chat.n + 1 <= LT_THREAD_MESSAGES_MAX && chat.n >= 1);
        assert_true(fits ? chat.n == whole.n : chat.n <= LT_THREAD_MESSAGES_MAX - 1);
        assert_ptr_equal(chat.messages + chat.n, whole.messages + whole.n);
        assert_false(lt_str_is(lt_json_str(lt_json_get(chat.messages[0].item, "type")), "function_call_output"));
        struct lt_item_list again = {.list = items.list + chat.messages[0].at, .n = items.n - chat.messages[0].at};
        assert_int_equal(lt_chat_read(arena, &again, LT_STR(""), false, &whole, &err), LT_OK); /* no output lacks its call */
    }
}

static void texts_and_images_count_too(void **state)
{
    enum { TEXT = 300000 };
    static const struct {
        const char *part;
        size_t times, kept;
    } rows[] = {{"{type:'input_image',image_url:'u'}", LT_THREAD_IMAGES_MAX + 3, LT_THREAD_IMAGES_MAX},
                {NULL, LT_THREAD_CONTENT_MAX / TEXT + 2, LT_THREAD_CONTENT_MAX / TEXT}};
    for (size_t i = 0; i < LT_COUNT(rows); i++) {
        struct lt_item_list list = {.list = LT_NEW_ARRAY(arena, const struct lt_json *, rows[i].times)};
        struct lt_str text = rows[i].part ? lt_printf(arena, "{role:'user',content:[%s]}", rows[i].part)
                                          : lt_printf(arena, "{role:'user',content:'%*s'}", TEXT, "x");
        struct lt_chat chat;
        struct lt_error err = {0};
        while (list.n < rows[i].times)
            list.list[list.n++] = kept(parse(text), 0, &err);
        assert_int_equal(lt_chat_read(arena, &list, LT_STR(""), false, &chat, &err), LT_OK);
        assert_int_equal(lt_chat_fit(&chat, false, &err), LT_ECONTEXT_WINDOW);
        assert_int_equal(lt_chat_fit(&chat, true, &err), LT_OK);
        assert_int_equal(chat.n, rows[i].kept);
    }
}

/* A row can be ended by a text of any length, so that none stays "in_progress". */
static void what_broke_off_can_always_be_kept(void **state)
{
    static const struct {
        size_t n;
        bool whole;
    } rows[] = {{0, false}, {1000, true}, {LT_RESPONSE_BYTES_MAX / 6 - 1000, true}, {LT_RESPONSE_BYTES_MAX / 6, false}, {4 << 20, false}};
    for (size_t i = 0; i < LT_COUNT(rows); i++) {
        struct lt_stored_response s = {.id = some_id(1)};
        struct lt_error why = {.code = LT_EUPSTREAM_INVALID};
        char *controls = lt_alloc(arena, rows[i].n + 1); /* six bytes each as JSON */
        memset(controls, 1, rows[i].n);
        lt_response_break_off(arena, &why, "too long", (struct lt_str){controls, rows[i].n}, &s);
        assert_true(lt_str_is(s.status, "failed") && s.output.n <= LT_RESPONSE_BYTES_MAX);
        assert_int_equal(s.output.n > rows[i].n, rows[i].whole || rows[i].n == 0);
        assert_int_equal(lt_json_len(parse(s.output)), rows[i].whole);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_say_where_an_item_stands),
        cmocka_unit_test(the_id_of_a_response_is_that_of_its_call),
        cmocka_unit_test(other_ids_are_none),
        cmocka_unit_test(items_are_kept_in_one_form),
        cmocka_unit_test(what_is_no_item_is_refused_at_its_place),
        cmocka_unit_test(an_output_is_a_message_and_calls),
        cmocka_unit_test(a_refusal_is_a_message_that_goes_back_as_text),
        cmocka_unit_test(items_become_messages),
        cmocka_unit_test(calls_and_outputs_must_find_each_other),
        cmocka_unit_test(errors_of_messages_name_the_item),
        cmocka_unit_test(what_is_cut_fits_and_ends_the_same),
        cmocka_unit_test(texts_and_images_count_too),
        cmocka_unit_test(what_broke_off_can_always_be_kept),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
