/*
 * Items of the Responses API: their ids, and the form in which they are kept and shown.
 * Fuzzed by tests/fuzz/fuzz_responses.c and tests/fuzz/fuzz_values.c.
 */
#include "api/openai_responses.h"

#include <stdio.h>

enum { ARGUMENTS_MAX = 400000, TEXT_MAX = 400000, PARTS_MAX = 64, CALL_ID_MAX = 256, NAME_MAX_BYTES = 128 };

/* ---- ids ---- */

static void put_digits(struct lt_uuid id, char out[32])
{
    static const char digits[] = "0123456789abcdef";
    for (int i = 0; i < 16; i++) {
        out[2 * i] = digits[id.b[i] >> 4];
        out[2 * i + 1] = digits[id.b[i] & 15];
    }
}

static int digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool read_digits(const char *p, struct lt_uuid *ret)
{
    for (int i = 0; i < 16; i++) {
        int high = digit(p[2 * i]), low = digit(p[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        ret->b[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

void lt_response_id_format(struct lt_uuid id, char out[LT_RESPONSE_ID_SIZE])
{
    memcpy(out, "resp_", 5);
    put_digits(id, out + 5);
    out[LT_RESPONSE_ID_SIZE - 1] = '\0';
}

bool lt_response_id_parse(struct lt_str s, struct lt_uuid *ret)
{
    return s.n == LT_RESPONSE_ID_SIZE - 1 && lt_str_starts(s, LT_STR("resp_")) && read_digits(s.p + 5, ret) && !lt_uuid_is_null(*ret);
}

void lt_item_id_format(const char *prefix, struct lt_item_place place, char out[LT_ITEM_ID_SIZE])
{
    char digits[33] = "";
    put_digits(place.response, digits);
    snprintf(out, LT_ITEM_ID_SIZE, "%.3s_%s%c%03x", prefix, digits, place.output ? '1' : '0', place.index & 0xfff);
}

bool lt_item_id_parse(struct lt_str s, struct lt_item_place *ret)
{
    struct lt_str prefix = lt_str_cut(&s, '_');
    *ret = (struct lt_item_place){0};
    if (prefix.n < 2 || prefix.n > 3 || s.n != 36 || !read_digits(s.p, &ret->response) || (s.p[32] != '0' && s.p[32] != '1'))
        return false;
    ret->output = s.p[32] == '1';
    for (int i = 33; i < 36; i++) {
        if (digit(s.p[i]) < 0)
            return false;
        ret->index = ret->index << 4 | (unsigned)digit(s.p[i]);
    }
    return true;
}

/* ---- reading members ---- */

static struct lt_str member(const struct lt_json *object, const char *name)
{
    return lt_json_str_or(lt_json_get(object, name), LT_STR(""));
}

static bool absent(const struct lt_json *v)
{
    return !v || lt_json_is(v, LT_JSON_NULL);
}

/* A text that must be there. min: its least bytes. */
static enum lt_code text_of(const struct lt_json *object, const char *name, size_t min, size_t max, struct lt_str *ret, struct lt_error *err)
{
    char pointer[64];
    const struct lt_json *v = lt_json_get(object, name);
    snprintf(pointer, sizeof(pointer), "/%s", name);
    if (!lt_json_is(v, LT_JSON_STRING))
        return lt_fail_field(err, LT_EINVALID_INPUT, pointer, "must be a string, is %s", lt_json_type_name(v));
    *ret = lt_json_str(v);
    if (ret->n < min || ret->n > max)
        return lt_fail_field(err, LT_EINVALID_INPUT, pointer, "must have %zu to %zu bytes, has %zu", min, max, ret->n);
    return LT_OK;
}

/* ---- parts of a content ---- */

void lt_item_write_part(struct lt_jw *w, struct lt_str text)
{
    lt_jw_obj(w);
    lt_jw_kstrz(w, "type", "output_text");
    lt_jw_key(w, "annotations");
    lt_jw_arr(w);
    lt_jw_end(w);
    lt_jw_key(w, "logprobs");
    lt_jw_arr(w);
    lt_jw_end(w);
    lt_jw_kstr(w, "text", text);
    lt_jw_end(w);
}

void lt_item_write_refusal(struct lt_jw *w, struct lt_str refusal)
{
    lt_jw_obj(w);
    lt_jw_kstrz(w, "type", "refusal");
    lt_jw_kstr(w, "refusal", refusal);
    lt_jw_end(w);
}

static void write_input_text(struct lt_jw *w, struct lt_str text)
{
    lt_jw_obj(w);
    lt_jw_kstrz(w, "type", "input_text");
    lt_jw_kstr(w, "text", text);
    lt_jw_end(w);
}

static enum lt_code write_image(struct lt_jw *w, const struct lt_json *part, struct lt_error *err)
{
    struct lt_str url, detail = lt_json_str_or(lt_json_get(part, "detail"), LT_STR("auto"));
    if (!absent(lt_json_get(part, "file_id")))
        return lt_fail_field(err, LT_EINVALID_INPUT, "/file_id", "files are not kept here; send the image as image_url");
    if (!lt_str_is(detail, "auto") && !lt_str_is(detail, "low") && !lt_str_is(detail, "high"))
        return lt_fail_field(err, LT_EINVALID_INPUT, "/detail", "must be auto, low or high");
    if (text_of(part, "image_url", 1, LT_RESPONSE_BYTES_MAX, &url, err))
        return err->code;
    lt_jw_obj(w);
    lt_jw_kstrz(w, "type", "input_image");
    lt_jw_kstr(w, "detail", detail);
    lt_jw_key(w, "file_id");
    lt_jw_null(w);
    lt_jw_kstr(w, "image_url", url);
    lt_jw_end(w);
    return LT_OK;
}

/* A text of the assistant is output_text, whatever it was called. */
static enum lt_code write_part(struct lt_jw *w, const struct lt_json *part, bool assistant, struct lt_error *err)
{
    struct lt_str type = member(part, "type"), text;
    if (lt_str_is(type, "input_image") && !assistant)
        return write_image(w, part, err);
    bool refusal = assistant && lt_str_is(type, "refusal");
    if (!refusal && !lt_str_is(type, "input_text") && !lt_str_is(type, "output_text"))
        return lt_fail_field(err, LT_EINVALID_INPUT, "/type", "must be %s; '%.*s' cannot be sent here",
                             assistant ? "output_text or refusal" : "input_text or input_image", (int)(type.n < 64 ? type.n : 64), type.p);
    if (text_of(part, refusal ? "refusal" : "text", 0, TEXT_MAX, &text, err))
        return err->code;
    if (assistant)
        lt_item_write_part(w, text);
    else
        write_input_text(w, text);
    return LT_OK;
}

static enum lt_code write_parts(struct lt_jw *w, const struct lt_json *content, bool assistant, struct lt_error *err)
{
    char pointer[32];
    size_t n = lt_json_len(content);
    if (n == 0 || n > PARTS_MAX)
        return lt_fail_field(err, LT_EINVALID_INPUT, "", "must have 1 to %d parts, has %zu", PARTS_MAX, n);
    for (size_t i = 0; i < n; i++)
        if (write_part(w, lt_json_at(content, i), assistant, err)) {
            snprintf(pointer, sizeof(pointer), "/%zu", i);
            return lt_error_under(err, pointer);
        }
    return LT_OK;
}

/* A content, text or parts, as a list of parts. */
static enum lt_code write_content(struct lt_jw *w, const struct lt_json *item, const char *name, bool assistant, struct lt_error *err)
{
    char pointer[32];
    const struct lt_json *content = lt_json_get(item, name);
    struct lt_str text;
    enum lt_code rc = LT_OK;
    snprintf(pointer, sizeof(pointer), "/%s", name);
    lt_jw_key(w, name);
    lt_jw_arr(w);
    if (lt_json_is(content, LT_JSON_ARRAY)) {
        rc = write_parts(w, content, assistant, err);
        if (rc)
            lt_error_under(err, pointer);
    } else if ((rc = text_of(item, name, 0, TEXT_MAX, &text, err)) == LT_OK) {
        if (assistant)
            lt_item_write_part(w, text);
        else
            write_input_text(w, text);
    }
    lt_jw_end(w);
    return rc;
}

/* ---- items ---- */

static void begin(struct lt_jw *w, const char *prefix, struct lt_item_place place, const char *type, const char *status)
{
    char id[LT_ITEM_ID_SIZE];
    lt_item_id_format(prefix, place, id);
    lt_jw_obj(w);
    lt_jw_kstrz(w, "id", id);
    lt_jw_kstrz(w, "type", type);
    if (status)
        lt_jw_kstrz(w, "status", status);
}

void lt_item_write_text(struct lt_jw *w, struct lt_str text, struct lt_item_place place)
{
    begin(w, "msg", place, "message", "completed");
    lt_jw_kstrz(w, "role", "user");
    lt_jw_key(w, "content");
    lt_jw_arr(w);
    write_input_text(w, text);
    lt_jw_end(w);
    lt_jw_end(w);
}

void lt_item_write_answer(struct lt_jw *w, struct lt_item_place place, struct lt_str text, const char *status)
{
    begin(w, "msg", place, "message", status);
    lt_jw_kstrz(w, "role", "assistant");
    lt_jw_key(w, "content");
    lt_jw_arr(w);
    if (text.p)
        lt_item_write_part(w, text);
    lt_jw_end(w);
    lt_jw_end(w);
}

void lt_item_write_refused(struct lt_jw *w, struct lt_item_place place, struct lt_str refusal)
{
    begin(w, "msg", place, "message", "completed");
    lt_jw_kstrz(w, "role", "assistant");
    lt_jw_key(w, "content");
    lt_jw_arr(w);
    lt_item_write_refusal(w, refusal);
    lt_jw_end(w);
    lt_jw_end(w);
}

static void write_function_call(struct lt_jw *w, struct lt_item_place place, struct lt_str call_id, struct lt_str name, struct lt_str arguments,
                                const char *status)
{
    begin(w, "fc", place, "function_call", status);
    lt_jw_kstr(w, "call_id", call_id);
    lt_jw_kstr(w, "name", name);
    lt_jw_kstr(w, "arguments", arguments);
    lt_jw_end(w);
}

void lt_item_write_call(struct lt_jw *w, struct lt_item_place place, const struct lt_json *tool_call, struct lt_str arguments, const char *status)
{
    write_function_call(w, place, member(tool_call, "id"), member(lt_json_get(tool_call, "function"), "name"), arguments, status);
}

static enum lt_code write_message(struct lt_jw *w, const struct lt_json *item, struct lt_item_place place, struct lt_error *err)
{
    struct lt_str role = member(item, "role");
    bool assistant = lt_str_is(role, "assistant");
    if (!assistant && !lt_str_is(role, "user") && !lt_str_is(role, "system") && !lt_str_is(role, "developer"))
        return lt_fail_field(err, LT_EINVALID_INPUT, "/role", "must be user, assistant, system or developer");
    begin(w, "msg", place, "message", "completed");
    lt_jw_kstr(w, "role", role);
    enum lt_code rc = write_content(w, item, "content", assistant, err);
    lt_jw_end(w);
    return rc;
}

static enum lt_code write_call(struct lt_jw *w, const struct lt_json *item, struct lt_item_place place, struct lt_error *err)
{
    struct lt_str call_id, name, arguments;
    if (text_of(item, "call_id", 1, CALL_ID_MAX, &call_id, err) || text_of(item, "name", 1, NAME_MAX_BYTES, &name, err) ||
        text_of(item, "arguments", 0, ARGUMENTS_MAX, &arguments, err))
        return err->code;
    write_function_call(w, place, call_id, name, arguments, "completed");
    return LT_OK;
}

/* The output of a function is text; parts of text are joined when it is sent to a model. */
static enum lt_code write_call_output(struct lt_jw *w, const struct lt_json *item, struct lt_item_place place, struct lt_error *err)
{
    struct lt_str call_id, output;
    if (text_of(item, "call_id", 1, CALL_ID_MAX, &call_id, err))
        return err->code;
    begin(w, "fco", place, "function_call_output", "completed");
    lt_jw_kstr(w, "call_id", call_id);
    enum lt_code rc = LT_OK;
    if (lt_json_is(lt_json_get(item, "output"), LT_JSON_ARRAY)) {
        rc = write_content(w, item, "output", false, err);
    } else {
        rc = text_of(item, "output", 0, TEXT_MAX, &output, err);
        if (rc == LT_OK)
            lt_jw_kstr(w, "output", output);
    }
    lt_jw_end(w);
    return rc;
}

/* What a model thought is kept for who lists the items; no other vendor could read it. */
static void write_reasoning(struct lt_jw *w, const struct lt_json *item, struct lt_item_place place)
{
    const struct lt_json *summary = lt_json_get(item, "summary");
    begin(w, "rs", place, "reasoning", NULL);
    lt_jw_key(w, "summary");
    if (lt_json_is(summary, LT_JSON_ARRAY)) {
        lt_jw_json(w, summary);
    } else {
        lt_jw_arr(w);
        lt_jw_end(w);
    }
    lt_jw_end(w);
}

enum lt_code lt_item_write(struct lt_jw *w, const struct lt_json *item, struct lt_item_place place, struct lt_error *err)
{
    struct lt_str type = lt_json_str_or(lt_json_get(item, "type"), LT_STR("message"));
    if (!lt_json_is(item, LT_JSON_OBJECT))
        return lt_fail_field(err, LT_EINVALID_INPUT, "", "must be an object, is %s", lt_json_type_name(item));
    if (lt_str_is(type, "message"))
        return write_message(w, item, place, err);
    if (lt_str_is(type, "function_call"))
        return write_call(w, item, place, err);
    if (lt_str_is(type, "function_call_output"))
        return write_call_output(w, item, place, err);
    if (!lt_str_is(type, "reasoning"))
        return lt_fail_field(err, LT_EINVALID_INPUT, "/type",
                             "items of the type '%.*s' cannot be sent here; message, function_call, function_call_output, reasoning and "
                             "item_reference can",
                             (int)(type.n < 64 ? type.n : 64), type.p);
    write_reasoning(w, item, place);
    return LT_OK;
}

static struct lt_str take(struct lt_arena *arena, struct lt_buf *out)
{
    struct lt_str s = out->failed ? LT_STR_NULL : lt_str_copy(arena, lt_buf_str(out));
    lt_buf_free(out);
    return s;
}

struct lt_str lt_output_refusal(struct lt_arena *arena, struct lt_uuid response, struct lt_str refusal)
{
    struct lt_buf out;
    struct lt_jw w;
    lt_buf_init(&out, 4 * LT_RESPONSE_BYTES_MAX);
    lt_jw_init(&w, &out);
    lt_jw_arr(&w);
    lt_item_write_refused(&w, (struct lt_item_place){.response = response, .output = true}, refusal);
    lt_jw_end(&w);
    return take(arena, &out);
}

struct lt_str lt_output_text(struct lt_arena *arena, struct lt_uuid response, struct lt_str text, const struct lt_json *tool_calls,
                             const char *status)
{
    struct lt_buf out;
    struct lt_jw w;
    struct lt_item_place place = {.response = response, .output = true};
    size_t calls = lt_json_len(tool_calls);
    lt_buf_init(&out, 4 * LT_RESPONSE_BYTES_MAX);
    lt_jw_init(&w, &out);
    lt_jw_arr(&w);
    if (text.p && (text.n > 0 || calls == 0)) {
        lt_item_write_answer(&w, place, text, status);
        place.index++;
    }
    for (size_t i = 0; i < calls; i++, place.index++) {
        const struct lt_json *call = lt_json_at(tool_calls, i);
        lt_item_write_call(&w, place, call, member(lt_json_get(call, "function"), "arguments"), "completed");
    }
    lt_jw_end(&w);
    return take(arena, &out);
}
