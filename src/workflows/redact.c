/* What secret-looking members hold is not shown: neither in values nor in text as it was written. */
#include <strings.h>

#include "workflows/profile.h"

#define REDACTED "[REDACTED]"

bool lt_secret_looking(struct lt_str key)
{
    static const char *const names[] = {"api_key", "apikey", "secret", "password", "token", "authorization"};
    for (size_t i = 0; i < LT_COUNT(names); i++) {
        size_t n = strlen(names[i]);
        if (key.n < n || strncasecmp(key.p + key.n - n, names[i], n) != 0)
            continue;
        if (key.n == n || key.p[key.n - n - 1] == '_' || key.p[key.n - n - 1] == '-')
            return true;
    }
    return false;
}

void lt_redact_write(struct lt_jw *w, const struct lt_json *v)
{
    bool object = lt_json_is(v, LT_JSON_OBJECT);
    if (!object && !lt_json_is(v, LT_JSON_ARRAY)) {
        lt_jw_json(w, v);
        return;
    }
    if (object)
        lt_jw_obj(w);
    else
        lt_jw_arr(w);
    for (size_t i = 0; i < lt_json_len(v); i++) {
        if (object)
            lt_jw_key_str(w, lt_json_key_at(v, i));
        if (object && lt_secret_looking(lt_json_key_at(v, i)))
            lt_jw_strz(w, REDACTED);
        else
            lt_redact_write(w, lt_json_at(v, i));
    }
    lt_jw_end(w);
}

/* ---- text ---- */

/* Behind the string that begins at `at`. */
static size_t string_end(struct lt_str text, size_t at)
{
    char quote = text.p[at++];
    while (at < text.n && text.p[at] != quote)
        at += text.p[at] == '\\' ? 2 : 1;
    return at < text.n ? at + 1 : text.n;
}

/* Behind the comment that begins at `at`; `at` itself when none does. */
static size_t comment_end(struct lt_str text, size_t at)
{
    if (at + 1 >= text.n || text.p[at] != '/')
        return at;
    if (text.p[at + 1] == '/') {
        while (at < text.n && text.p[at] != '\n' && text.p[at] != '\r')
            at++;
        return at;
    }
    const char *end = text.p[at + 1] == '*' ? memmem(text.p + at + 2, text.n - at - 2, "*/", 2) : NULL;
    return end ? (size_t)(end - text.p) + 2 : at;
}

/* Behind the value that begins at `at` of a text that was read before. */
static size_t value_end(struct lt_str text, size_t at)
{
    size_t begin = at, depth = 0;
    while (at < text.n) {
        char c = text.p[at];
        size_t behind = comment_end(text, at);
        if (depth == 0 && at > begin && (behind > at || strchr(",]} \t\r\n\v\f", c)))
            break;
        if (behind > at)
            at = behind;
        else if (c == '"' || c == '\'')
            at = string_end(text, at);
        else
            at++;
        depth += c == '{' || c == '[';
        depth -= c == '}' || c == ']';
        if (depth == 0 && (c == '}' || c == ']' || c == '"' || c == '\''))
            break;
    }
    return at;
}

struct redaction {
    struct lt_str text;
    size_t done; /* bytes of it that were copied or left out */
    struct lt_buf out;
};

/* In the order of the text: members of a tree that was read are. */
static void redact(struct redaction *r, const struct lt_json *v)
{
    bool object = lt_json_is(v, LT_JSON_OBJECT);
    for (size_t i = 0; (object || lt_json_is(v, LT_JSON_ARRAY)) && i < lt_json_len(v); i++) {
        const struct lt_json *item = lt_json_at(v, i);
        if (!object || !lt_secret_looking(lt_json_key_at(v, i))) {
            redact(r, item);
            continue;
        }
        size_t at = lt_json_offset(item);
        lt_buf_put(&r->out, r->text.p + r->done, at - r->done);
        lt_buf_put_str(&r->out, LT_STR("\"" REDACTED "\""));
        r->done = value_end(r->text, at);
    }
}

/* Is there a secret-looking name in a text that nobody can read? */
static bool mentions_secret(struct lt_str text)
{
    static const char *const words[] = {"api_key", "apikey", "secret", "password", "token", "authorization"};
    for (size_t i = 0; i < text.n; i++)
        for (size_t k = 0; k < LT_COUNT(words); k++)
            if (text.n - i >= strlen(words[k]) && strncasecmp(text.p + i, words[k], strlen(words[k])) == 0)
                return true;
    return false;
}

struct lt_str lt_redact_text(struct lt_arena *arena, struct lt_str json5)
{
    const struct lt_json *v = NULL;
    struct redaction r = {.text = json5};
    if (lt_str_trim(json5).n == 0)
        return json5;
    if (lt_json_parse(arena, json5, LT_JSON_JSON5, &v, NULL))
        return mentions_secret(json5) ? LT_STR(REDACTED) : json5;
    lt_buf_init(&r.out, 2 * json5.n + 64);
    redact(&r, v);
    if (r.done > 0)
        lt_buf_put(&r.out, json5.p + r.done, json5.n - r.done);
    struct lt_str shown = r.done == 0 ? json5 : r.out.failed ? LT_STR(REDACTED) : lt_str_copy(arena, lt_buf_str(&r.out));
    lt_buf_free(&r.out);
    return shown;
}
