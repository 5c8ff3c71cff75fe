/* Writing conversations for Bedrock: the body of Converse and ConverseStream, which are the same. */
#include <math.h>

#include "providers/anthropic.h"
#include "providers/bedrock.h"
#include "providers/turns.h"

enum { ID_MAX = 64 /* characters of a tool call's id and of a tool's name */ };

/* ---- what is known of models ---- */

/* The name that Anthropic gives the model, behind "eu.anthropic."; empty: it is none of theirs. */
static struct lt_str claude(const struct lt_wire *w)
{
    static const char family[] = "anthropic.";
    const char *at = memmem(w->model.p, w->model.n, family, strlen(family));
    if (!at)
        return LT_STR_NULL;
    at += strlen(family);
    return (struct lt_str){at, (size_t)(w->model.p + w->model.n - at)};
}

static bool marks(const struct lt_wire *w)
{
    if (w->run->call->cache != LT_WISH_NONE)
        return w->run->call->cache == LT_WISH_YES;
    return lt_json_bool_or(lt_wire_quirk(w, "prompt_cache"), false);
}

/*
 * The schema that the vendor is given; NULL: JSON, if any is wanted, is asked for in words. That every model understands. outputConfig is refused by
 * most, so it must be switched on; a forced tool is refused by some, would take the place of the caller's tools and bring the answer as arguments.
 */
static const struct lt_json *schema_sent(const struct lt_wire *w)
{
    const struct lt_json *schema = lt_json_at_pointer(w->run->call->response_format, "/json_schema/schema");
    bool can = lt_turns_wants(w->run->call, "json_schema") && lt_json_bool_or(lt_wire_quirk(w, "structured_outputs"), false);
    return can && lt_anthropic_schema_fits(schema) ? schema : NULL;
}

/* ---- blocks ---- */

static void write_text(struct lt_jw *j, struct lt_str text)
{
    lt_jw_obj(j);
    lt_jw_kstr(j, "text", text);
    lt_jw_end(j);
}

static void write_mark(struct lt_jw *j)
{
    lt_jw_obj(j);
    lt_jw_key(j, "cachePoint");
    lt_jw_obj(j);
    lt_jw_kstrz(j, "type", "default");
    lt_jw_end(j);
    lt_jw_end(j);
}

/* Opens {KEY: {. */
static void open_block(struct lt_jw *j, const char *key)
{
    lt_jw_obj(j);
    lt_jw_key(j, key);
    lt_jw_obj(j);
}

static void close_block(struct lt_jw *j)
{
    lt_jw_end(j);
    lt_jw_end(j);
}

/* Letters, digits, '_' and '-' are all that may be in ids and names of tools; other vendors' calls may have others. Long ones differ at their end. */
static void write_word(struct lt_wire *w, const char *key, struct lt_str word)
{
    if (word.n > ID_MAX)
        word = (struct lt_str){word.p + word.n - ID_MAX, ID_MAX};
    char *p = lt_alloc(w->run->arena, word.n);
    for (size_t i = 0; i < word.n; i++) {
        char c = word.p[i];
        bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
        p[i] = good ? c : '_';
    }
    lt_jw_kstr(&w->jw, key, word.n > 0 ? (struct lt_str){p, word.n} : LT_STR("_"));
}

/* By its bytes alone: an address would have to be in S3. */
static enum lt_code write_image(struct lt_jw *j, const struct lt_image *image, struct lt_error *err)
{
    struct lt_str format = image->media_type;
    if (image->url.n > 0)
        return lt_fail(err, LT_EUNSUPPORTED, "Amazon Bedrock fetches no images: they must be sent with the message");
    lt_str_cut(&format, '/');
    open_block(j, "image");
    lt_jw_kstr(j, "format", format);
    lt_jw_key(j, "source");
    lt_jw_obj(j);
    lt_jw_kstr(j, "bytes", image->base64);
    lt_jw_end(j);
    close_block(j);
    return LT_OK;
}

static void write_call(struct lt_wire *w, const struct lt_json *call)
{
    struct lt_jw *j = &w->jw;
    open_block(j, "toolUse");
    write_word(w, "toolUseId", lt_json_str(lt_json_get(call, "id")));
    write_word(w, "name", lt_json_str(lt_json_at_pointer(call, "/function/name")));
    lt_jw_key(j, "input");
    lt_jw_raw(j, lt_turns_arguments(w->run->arena, call));
    close_block(j);
}

/* Blank texts are refused; a tool may have answered nothing. */
static void write_result(struct lt_wire *w, const struct lt_message *m)
{
    struct lt_jw *j = &w->jw;
    open_block(j, "toolResult");
    write_word(w, "toolUseId", m->tool_call_id);
    lt_jw_key(j, "content");
    lt_jw_arr(j);
    write_text(j, lt_str_trim(m->content).n > 0 ? m->content : LT_STR("(nothing)"));
    lt_jw_end(j);
    close_block(j);
}

static enum lt_code write_blocks(struct lt_wire *w, const struct lt_message *m, struct lt_error *err)
{
    enum lt_code code = LT_OK;
    if (lt_str_is(m->role, "tool")) {
        write_result(w, m);
        return LT_OK;
    }
    if (lt_str_trim(m->content).n > 0)
        write_text(&w->jw, m->content);
    for (size_t i = 0; !code && i < m->images_n; i++)
        code = write_image(&w->jw, &m->images[i], err);
    for (size_t i = 0; i < lt_json_len(m->tool_calls); i++)
        write_call(w, lt_json_at(m->tool_calls, i));
    return code;
}

static enum lt_code write_messages(struct lt_wire *w, struct lt_error *err)
{
    struct lt_turn *turns;
    size_t n = lt_turns_make(w->run->arena, w->run->call, &turns);
    struct lt_jw *j = &w->jw;
    enum lt_code code = LT_OK;
    lt_wire_own(w, "messages");
    lt_jw_key(j, "messages");
    lt_jw_arr(j);
    for (size_t i = 0; !code && i < n; i++) {
        lt_jw_obj(j);
        lt_jw_kstrz(j, "role", turns[i].user ? "user" : "assistant");
        lt_jw_key(j, "content");
        lt_jw_arr(j);
        for (size_t k = 0; !code && k < turns[i].n; k++)
            code = write_blocks(w, turns[i].messages[k], err);
        if (i + 1 == n && marks(w))
            write_mark(j);
        lt_jw_end(j);
        lt_jw_end(j);
    }
    lt_jw_end(j);
    return code;
}

/* ---- tools ---- */

static bool forbids_tools(const struct lt_neutral_call *call)
{
    return lt_str_is(lt_json_str(call->tool_choice), "none");
}

/* Does the conversation hold calls? */
static bool called(const struct lt_neutral_call *call)
{
    for (size_t i = 0; i < call->messages_n; i++)
        if (lt_json_len(call->messages[i].tool_calls) > 0)
            return true;
    return false;
}

/* A schema of the arguments must say that they are an object. */
static void write_input_schema(struct lt_jw *j, const struct lt_json *parameters)
{
    lt_jw_key(j, "inputSchema");
    lt_jw_obj(j);
    lt_jw_key(j, "json");
    lt_jw_obj(j);
    if (!lt_json_get(parameters, "type"))
        lt_jw_kstrz(j, "type", "object");
    for (size_t i = 0; i < lt_json_len(parameters); i++) {
        lt_jw_key_str(j, lt_json_key_at(parameters, i));
        lt_jw_json(j, lt_json_at(parameters, i));
    }
    lt_jw_end(j);
    lt_jw_end(j);
}

static void write_tool(struct lt_wire *w, const struct lt_json *function)
{
    struct lt_str description = lt_json_str(lt_json_get(function, "description"));
    open_block(&w->jw, "toolSpec");
    write_word(w, "name", lt_json_str(lt_json_get(function, "name")));
    if (description.n > 0)
        lt_jw_kstr(&w->jw, "description", description);
    write_input_schema(&w->jw, lt_json_get(function, "parameters"));
    close_block(&w->jw);
}

/* Was a tool of this name called before call i of message m? */
static bool named_before(const struct lt_neutral_call *call, size_t m, size_t i, struct lt_str name)
{
    for (size_t k = 0; k <= m; k++)
        for (size_t c = 0; c < (k < m ? lt_json_len(call->messages[k].tool_calls) : i); c++)
            if (lt_str_eq(lt_json_str(lt_json_at_pointer(lt_json_at(call->messages[k].tool_calls, c), "/function/name")), name))
                return true;
    return false;
}

/* Calls in a conversation are refused where no tools are declared: then those that were called are. */
static void write_called(struct lt_wire *w)
{
    const struct lt_neutral_call *call = w->run->call;
    for (size_t m = 0; m < call->messages_n; m++)
        for (size_t i = 0; i < lt_json_len(call->messages[m].tool_calls); i++) {
            const struct lt_json *function = lt_json_get(lt_json_at(call->messages[m].tool_calls, i), "function");
            if (!named_before(call, m, i, lt_json_str(lt_json_get(function, "name"))))
                write_tool(w, function);
        }
}

/* {"auto": {}}, {"any": {}} or {"tool": {"name": …}}; there is no word for "none". */
static void write_choice(struct lt_wire *w, const struct lt_json *choice)
{
    struct lt_str word = lt_json_str(choice), name = lt_json_str(lt_json_at_pointer(choice, "/function/name"));
    if (!choice || forbids_tools(w->run->call))
        return;
    lt_jw_key(&w->jw, "toolChoice");
    open_block(&w->jw, name.n > 0 ? "tool" : lt_str_is(word, "required") ? "any" : "auto");
    if (name.n > 0)
        write_word(w, "name", name);
    close_block(&w->jw);
}

/* Tools that must not be called are left out, unless the conversation needs them; then words forbid it (write_system). */
static void write_tools(struct lt_wire *w)
{
    const struct lt_neutral_call *call = w->run->call;
    bool declared = lt_json_len(call->tools) > 0 && (!forbids_tools(call) || called(call)), needed = declared || called(call);
    struct lt_jw *j = &w->jw;
    if (!lt_wire_may(w, "toolConfig", needed) || !needed)
        return;
    lt_jw_key(j, "toolConfig");
    lt_jw_obj(j);
    lt_jw_key(j, "tools");
    lt_jw_arr(j);
    for (size_t i = 0; declared && i < lt_json_len(call->tools); i++)
        write_tool(w, lt_json_get(lt_json_at(call->tools, i), "function"));
    if (!declared)
        write_called(w);
    lt_jw_end(j);
    write_choice(w, declared ? call->tool_choice : NULL);
    lt_jw_end(j);
}

/* ---- the other members ---- */

static void write_system(struct lt_wire *w)
{
    const struct lt_neutral_call *call = w->run->call;
    struct lt_str system = lt_turns_instructions(w->run->arena, call, schema_sent(w) == NULL);
    bool no_calls = called(call) && (forbids_tools(call) || lt_json_len(call->tools) == 0);
    struct lt_jw *j = &w->jw;
    if (!lt_wire_may(w, "system", system.n > 0 || no_calls) || (system.n == 0 && !no_calls))
        return;
    lt_jw_key(j, "system");
    lt_jw_arr(j);
    if (system.n > 0)
        write_text(j, system);
    if (no_calls)
        write_text(j, LT_STR("Answer in words now. Do not call a tool."));
    if (marks(w))
        write_mark(j);
    lt_jw_end(j);
}

/* From 0 to 2 for others, to 1 here. Claude takes temperature or topP, not both: the first one is sent. */
static void write_sampling(struct lt_wire *w)
{
    const struct lt_neutral_call *call = w->run->call;
    struct lt_str name = claude(w);
    if (!lt_json_bool_or(lt_wire_quirk(w, "sampling"), name.n == 0 || lt_anthropic_takes_sampling(name)))
        return;
    size_t before = w->body.n;
    lt_wire_number(w, "temperature", "temperature", call->temperature > 1 ? 1 : call->temperature);
    if (name.n > 0 && w->body.n > before)
        lt_wire_own(w, "topP");
    else
        lt_wire_number(w, "topP", "top_p", call->top_p);
}

static void write_inference(struct lt_wire *w)
{
    const struct lt_neutral_call *call = w->run->call;
    if (!lt_wire_open(w, "inferenceConfig"))
        return;
    lt_wire_int(w, "maxTokens", "max_tokens", call->max_tokens, 1);
    write_sampling(w);
    lt_wire_json(w, "stopSequences", call->stop);
    lt_wire_close(w);
}

static void write_format(struct lt_wire *w)
{
    const struct lt_json *schema = schema_sent(w);
    struct lt_jw *j = &w->jw, inner;
    struct lt_buf text;
    if (!schema || !lt_wire_open(w, "outputConfig")) /* beside `effort` of extra or body */
        return;
    if (lt_wire_may(w, "textFormat", true)) {
        lt_buf_init(&text, LT_WIRE_REQUEST_MAX);
        lt_jw_init(&inner, &text);
        lt_anthropic_schema_write(&inner, schema); /* the same subset as with Anthropic */
        lt_jw_key(j, "textFormat");
        lt_jw_obj(j);
        lt_jw_kstrz(j, "type", "json_schema");
        lt_jw_key(j, "structure");
        open_block(j, "jsonSchema");
        lt_jw_kstr(j, "schema", lt_buf_str(&text));
        close_block(j);
        lt_jw_end(j);
        lt_buf_free(&text);
    }
    lt_wire_close(w);
}

/* What a model takes beyond the common members: extra's and body's are merged. */
static void write_more(struct lt_wire *w)
{
    if (lt_wire_open(w, "additionalModelRequestFields"))
        lt_wire_close(w);
}

/* The model and whether to stream stand in the address. seed, the user's hash and metadata have no place. */
enum lt_code lt_bedrock_body(struct lt_wire *w, struct lt_error *err)
{
    lt_wire_begin(w);
    lt_wire_own(w, "modelId");
    write_system(w);
    enum lt_code code = write_messages(w, err);
    if (code)
        return code;
    write_tools(w);
    write_inference(w);
    write_format(w);
    write_more(w);
    return lt_wire_end(w, err);
}
