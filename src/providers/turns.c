/* Two roles, taken from four. */
#include "providers/turns.h"

/* For a request that has no words of the user's: these vendors want at least one message of theirs. */
#define FILLER "Please do what the instructions ask, with what they bring along."
static const struct lt_message filler = {.role = {"user", 4}, .content = {FILLER, sizeof(FILLER) - 1}};

static bool has_text(const struct lt_message *m)
{
    return lt_str_trim(m->content).n > 0;
}

/* Vendors refuse blank texts; what a tool answered may be nothing. */
static bool has_something(const struct lt_message *m)
{
    return has_text(m) || m->images_n > 0 || lt_json_len(m->tool_calls) > 0 || lt_str_is(m->role, "tool");
}

static void add(struct lt_arena *arena, struct lt_turn *turns, size_t *n, const struct lt_message *m, size_t most)
{
    bool user = !lt_str_is(m->role, "assistant");
    if (*n == 0 || turns[*n - 1].user != user)
        turns[(*n)++] = (struct lt_turn){.user = user};
    struct lt_turn *turn = &turns[*n - 1];
    if (!turn->messages)
        turn->messages = LT_NEW_ARRAY(arena, const struct lt_message *, most);
    turn->messages[turn->n++] = m;
}

/* Messages from i on that can stand in one turn: up to the next one of the other side. */
static size_t run_length(const struct lt_neutral_call *call, size_t i)
{
    bool assistant = lt_str_is(call->messages[i].role, "assistant");
    size_t n = 0;
    for (; i < call->messages_n; i++, n++)
        if (has_something(&call->messages[i]) && !lt_str_is(call->messages[i].role, "system") &&
            lt_str_is(call->messages[i].role, "assistant") != assistant)
            break;
    return n;
}

size_t lt_turns_make(struct lt_arena *arena, const struct lt_neutral_call *call, struct lt_turn **ret)
{
    struct lt_turn *turns = LT_NEW_ARRAY(arena, struct lt_turn, call->messages_n + 2);
    size_t n = 0;
    for (size_t i = 0; i < call->messages_n; i++) {
        const struct lt_message *m = &call->messages[i];
        if (lt_str_is(m->role, "system") || !has_something(m))
            continue;
        if (n == 0 && lt_str_is(m->role, "assistant"))
            add(arena, turns, &n, &filler, 1);
        add(arena, turns, &n, m, run_length(call, i));
    }
    if (n == 0 || !turns[n - 1].user)
        add(arena, turns, &n, &filler, 1);
    *ret = turns;
    return n;
}

/* ---- instructions ---- */

bool lt_turns_wants(const struct lt_neutral_call *call, const char *format)
{
    return lt_str_is(lt_json_str(lt_json_get(call->response_format, "type")), format);
}

static struct lt_str format_in_words(struct lt_arena *arena, const struct lt_neutral_call *call)
{
    if (lt_turns_wants(call, "json_object"))
        return LT_STR("Answer with one JSON object and nothing else: no words around it, no Markdown.");
    if (!lt_turns_wants(call, "json_schema"))
        return LT_STR_NULL;
    struct lt_str schema = lt_json_text(arena, lt_json_at_pointer(call->response_format, "/json_schema/schema"));
    return lt_printf(arena, "Answer with one JSON value that is valid against the following JSON Schema, and nothing else: no words around "
                     "it, no Markdown.\n%.*s", LT_FMT(schema));
}

static void join(struct lt_str *all, struct lt_str more)
{
    char *end = (char *)(uintptr_t)all->p + all->n; /* our own bytes */
    if (lt_str_trim(more).n == 0)
        return;
    if (all->n > 0)
        end = mempcpy(end, "\n\n", 2);
    end = mempcpy(end, more.p, more.n);
    all->n = (size_t)(end - all->p);
}

struct lt_str lt_turns_instructions(struct lt_arena *arena, const struct lt_neutral_call *call, bool format)
{
    struct lt_str words = format ? format_in_words(arena, call) : LT_STR_NULL;
    size_t size = words.n;
    for (size_t i = 0; i < call->messages_n; i++)
        size += call->messages[i].content.n + 2;
    struct lt_str all = {lt_alloc(arena, size), 0};
    for (size_t i = 0; i < call->messages_n; i++)
        if (lt_str_is(call->messages[i].role, "system"))
            join(&all, call->messages[i].content);
    join(&all, words);
    return all;
}

/* ---- tools ---- */

struct lt_str lt_turns_arguments(struct lt_arena *arena, const struct lt_json *tool_call)
{
    struct lt_str text = lt_str_trim(lt_json_str(lt_json_at_pointer(tool_call, "/function/arguments")));
    const struct lt_json *json = NULL;
    if (text.n == 0)
        return LT_STR("{}");
    if (lt_json_parse(arena, text, LT_JSON_STRICT, &json, NULL) == LT_OK && lt_json_is(json, LT_JSON_OBJECT))
        return text;
    struct lt_buf out;
    struct lt_jw w;
    lt_buf_init(&out, 6 * text.n + 64);
    lt_jw_init(&w, &out);
    lt_jw_obj(&w);
    lt_jw_kstr(&w, "INVALID_JSON", text);
    lt_jw_end(&w);
    text = lt_str_copy(arena, lt_buf_str(&out));
    lt_buf_free(&out);
    return text;
}

struct lt_str lt_turns_tool_name(const struct lt_neutral_call *call, const struct lt_message *message)
{
    for (const struct lt_message *m = message; m-- > call->messages;)
        for (size_t i = 0; i < lt_json_len(m->tool_calls); i++) {
            const struct lt_json *one = lt_json_at(m->tool_calls, i);
            if (lt_str_eq(lt_json_str(lt_json_get(one, "id")), message->tool_call_id))
                return lt_json_str(lt_json_at_pointer(one, "/function/name"));
        }
    return message->tool_call_id;
}
