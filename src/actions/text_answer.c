/* The common part of the actions that answer with text. */
#include "actions/text_answer.h"

#include <math.h>

#include "guard/untrusted.h"

const char lt_text_answer_response[] =
    "{\"type\":\"object\",\"required\":[\"generated_content\",\"finish_reason\"],\"additionalProperties\":false,"
    "\"properties\":{\"generated_content\":{\"type\":\"string\",\"minLength\":1,"
    "\"description\":\"The answer, plain text or light Markdown.\"},\"finish_reason\":{\"type\":\"string\",\"minLength\":1,"
    "\"description\":\"Why the answer ended: stop, length, content_filter, or the AI service's own word.\"}}}";

/* `language` becomes part of the prompt, so it is held to the letters of a name or a tag. */
const char lt_text_answer_about_input[] =
    "{\"type\":\"object\",\"required\":[\"text\"],\"additionalProperties\":false,"
    "\"properties\":{\"text\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":400000,\"description\":\"The course text.\"},"
    "\"instruction\":{\"type\":\"string\",\"maxLength\":4000,"
    "\"description\":\"What the reader wants to know or to have stressed.\"},"
    "\"language\":{\"type\":\"string\",\"pattern\":\"^\\\\p{L}[\\\\p{L}\\\\p{M}\\\\p{N} ()_-]{0,62}$\","
    "\"description\":\"Language of the answer, as a tag or a name (es, pt-BR, Spanish). Without it: the language of the "
    "text.\"}}}";

const char *const lt_text_answer_columns[] = {"prompt", "responseid", "fingerprint", "generatedcontent", "finishreason", NULL};

struct lt_neutral_call lt_text_answer_completion(void)
{
    return (struct lt_neutral_call){.kind = LT_NEUTRAL_COMPLETION, .temperature = (double)NAN, .top_p = (double)NAN, .seed = -1};
}

void lt_text_answer_ask(const struct lt_action_call *call, struct lt_str user, struct lt_neutral_call *ret)
{
    *ret = lt_text_answer_completion();
    ret->messages = LT_NEW_ARRAY(call->arena, struct lt_message, 2);
    if (call->instruction.n > 0)
        ret->messages[ret->messages_n++] = (struct lt_message){.role = LT_STR("system"), .content = call->instruction};
    ret->messages[ret->messages_n++] = (struct lt_message){.role = LT_STR("user"), .content = user};
}

/* The pieces one behind the other; not by printf, which ends at a NUL inside a text. */
static struct lt_str join(struct lt_arena *arena, const struct lt_str *pieces, size_t count)
{
    size_t n = 0;
    for (size_t i = 0; i < count; i++)
        n += pieces[i].n;
    char *p = lt_alloc(arena, n), *at = p;
    for (size_t i = 0; i < count; i++)
        if (pieces[i].n > 0)
            at = mempcpy(at, pieces[i].p, pieces[i].n);
    return (struct lt_str){p, n};
}
#define JOIN(arena, ...)                                                                                                     \
    join((arena), (const struct lt_str[]){__VA_ARGS__}, sizeof((const struct lt_str[]){__VA_ARGS__}) / sizeof(struct lt_str))

struct lt_str lt_text_answer_join(struct lt_arena *arena, struct lt_str a, struct lt_str b)
{
    return a.n > 0 && b.n > 0 ? JOIN(arena, a, LT_STR("\n\n"), b) : a.n > 0 ? a : b;
}

static struct lt_str member(const struct lt_action_call *call, const char *key)
{
    return lt_str_trim(lt_json_str(lt_json_get(call->input, key)));
}

enum lt_code lt_text_answer_compile_task(const struct lt_action_call *call, struct lt_str task, struct lt_neutral_call *ret, struct lt_error *err)
{
    struct lt_str text = member(call, "text"), wish = member(call, "instruction"), asked = LT_STR_NULL;
    if (text.n == 0)
        return lt_fail_field(err, LT_EINVALID_INPUT, "/text", "must hold something other than white space");
    struct lt_arena *arena = call->arena;
    if (wish.n > 0)
        asked = JOIN(arena, LT_STR("The reader asks in particular: "), wish, LT_STR("\n"));
    lt_text_answer_ask(call, JOIN(arena, task, LT_STR("\n"), asked, lt_guard_mark_off(arena, text)), ret);
    return LT_OK;
}

enum lt_code lt_text_answer_compile_about(const struct lt_action_call *call, const char *task, struct lt_neutral_call *ret,
                                          struct lt_error *err)
{
    struct lt_str language = member(call, "language"), whole = lt_str(task);
    if (language.n > 0)
        whole = JOIN(call->arena, whole, LT_STR("\nWrite the answer in this language: "), language, LT_STR("."));
    return lt_text_answer_compile_task(call, whole, ret, err);
}

enum lt_code lt_text_answer_empty(const struct lt_neutral_result *result, struct lt_error *err)
{
    if (lt_str_is(result->finish_reason, "content_filter"))
        return lt_fail(err, LT_ECONTENT_REFUSED, "the AI service's content filter withheld the answer");
    if (lt_str_is(result->finish_reason, "length"))
        return lt_fail(err, LT_EUPSTREAM_INVALID,
                       "the answer is empty: the model used up its output tokens before it wrote anything");
    return lt_fail(err, LT_EUPSTREAM_INVALID, "the answer is empty (finish reason \"%.*s\")",
                   LT_FMT(lt_text_answer_finish_reason(result)));
}

struct lt_str lt_text_answer_finish_reason(const struct lt_neutral_result *result)
{
    return result->finish_reason.n > 0 ? result->finish_reason : LT_STR("stop");
}

enum lt_code lt_text_answer_finish(const struct lt_action_call *call, const struct lt_neutral_result *result,
                                   struct lt_jw *response, struct lt_error *err)
{
    if (lt_str_trim(result->text).n == 0)
        return lt_text_answer_empty(result, err);
    lt_jw_obj(response);
    lt_jw_kstr(response, "generated_content", result->text);
    lt_jw_kstr(response, "finish_reason", lt_text_answer_finish_reason(result));
    lt_jw_end(response);
    return LT_OK;
}

static struct lt_value text_or_null(struct lt_str s)
{
    return s.p ? LT_TEXT(s) : LT_NULL;
}

void lt_text_answer_store(struct lt_str prompt, const struct lt_neutral_result *result, struct lt_value *values)
{
    values[0] = text_or_null(prompt);
    values[1] = text_or_null(result->response_id);
    values[2] = text_or_null(result->fingerprint);
    values[3] = text_or_null(result->text);
    values[4] = text_or_null(result->finish_reason);
}

void lt_text_answer_store_about(const struct lt_action_call *call, const struct lt_neutral_result *result,
                                struct lt_value *values)
{
    struct lt_str text = lt_json_str(lt_json_get(call->input, "text")), wish = member(call, "instruction");
    if (wish.n > 0)
        text = JOIN(call->arena, wish, LT_STR("\n\n"), text);
    lt_text_answer_store(text, result, values);
}
