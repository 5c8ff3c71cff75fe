/* What a vendor's fault comes to. Fuzzed by tests/fuzz/fuzz_openai.c, tests/fuzz/fuzz_anthropic.c and tests/fuzz/fuzz_ollama.c. */
#include <strings.h>
#include <time.h>

#include "providers/wire_answer.h"

enum { MESSAGE_MAX = 2000, RETRY_AFTER_MAX = 86400 };

/* The vendors' words for what only words tell, in `code`, `type` or `status` of an error. */
static const struct lt_wire_word common_words[] = {
    /* OpenAI ("Error codes") and servers that speak as it does */
    {"context_length_exceeded", LT_ECONTEXT_WINDOW},
    {"context_window_exceeded", LT_ECONTEXT_WINDOW},
    {"model_context_window_exceeded", LT_ECONTEXT_WINDOW},
    {"exceed_context_size_error", LT_ECONTEXT_WINDOW},
    {"string_above_max_length", LT_ECONTEXT_WINDOW},
    {"content_filter", LT_ECONTENT_REFUSED},
    {"content_policy_violation", LT_ECONTENT_REFUSED},
    {"rate_limit_exceeded", LT_EUPSTREAM_RATE_LIMITED},
    {"rate_limit_error", LT_EUPSTREAM_RATE_LIMITED},
    {"insufficient_quota", LT_EUPSTREAM_RATE_LIMITED},
    {"invalid_api_key", LT_EUPSTREAM_UNAUTHORIZED},
    {"authentication_error", LT_EUPSTREAM_UNAUTHORIZED},
    {"permission_error", LT_EUPSTREAM_UNAUTHORIZED},
    {"model_not_found", LT_EUPSTREAM_NOT_FOUND},
    {"not_found_error", LT_EUPSTREAM_NOT_FOUND},
    {"invalid_request_error", LT_EUPSTREAM_BAD_REQUEST},
    {"timeout", LT_EUPSTREAM_TIMEOUT},
    {"timeout_error", LT_EUPSTREAM_TIMEOUT},
    {"server_error", LT_EUPSTREAM_UNAVAILABLE},
    {"image_content_policy_violation", LT_ECONTENT_REFUSED},
    {"moderation_blocked", LT_ECONTENT_REFUSED},
    {"contentFilter", LT_ECONTENT_REFUSED}, /* Azure's image deployments */
    {"bio_policy", LT_ECONTENT_REFUSED},
    {"previous_response_not_found", LT_ENOT_FOUND},
    /* Anthropic ("Errors") */
    {"request_too_large", LT_ECONTEXT_WINDOW},
    {"billing_error", LT_EUPSTREAM_RATE_LIMITED},
    {"overloaded_error", LT_EUPSTREAM_UNAVAILABLE},
    {"api_error", LT_EUPSTREAM_UNAVAILABLE},
    /* Google (google.rpc.Code) */
    {"INVALID_ARGUMENT", LT_EUPSTREAM_BAD_REQUEST},
    {"FAILED_PRECONDITION", LT_EUPSTREAM_BAD_REQUEST},
    {"UNAUTHENTICATED", LT_EUPSTREAM_UNAUTHORIZED},
    {"PERMISSION_DENIED", LT_EUPSTREAM_UNAUTHORIZED},
    {"NOT_FOUND", LT_EUPSTREAM_NOT_FOUND},
    {"RESOURCE_EXHAUSTED", LT_EUPSTREAM_RATE_LIMITED},
    {"DEADLINE_EXCEEDED", LT_EUPSTREAM_TIMEOUT},
    {NULL, LT_OK},
};

static const struct lt_wire_word common_phrases[] = {
    {"context length", LT_ECONTEXT_WINDOW},
    {"context window", LT_ECONTEXT_WINDOW},
    {"context size", LT_ECONTEXT_WINDOW},
    {NULL, LT_OK},
};

/* "37s" or "36.5s" in one of the details (google.rpc.RetryInfo): whole seconds, upwards. */
static int retry_delay(const struct lt_json *details)
{
    for (size_t i = 0; i < lt_json_len(details); i++) {
        struct lt_str rest = lt_json_str(lt_json_get(lt_json_at(details, i), "retryDelay"));
        struct lt_str seconds = lt_str_cut(&rest, rest.n > 0 && memchr(rest.p, '.', rest.n) ? '.' : 's');
        int64_t n;
        if (lt_str_to_int64(seconds, &n))
            return n >= RETRY_AFTER_MAX ? RETRY_AFTER_MAX : (int)n + (rest.n > 0);
    }
    return 0;
}

/* What FastAPI's servers say of a request that is not of the form: a list of {"loc": ["body", "user"], "msg": …}; Mistral's inside `message`. */
static void read_wrong_members(const struct lt_json *error, struct lt_wire_fault *ret)
{
    const struct lt_json *list = lt_json_get(error, "detail");
    if (!list)
        list = lt_json_get(lt_json_get(error, "message"), "detail");
    const struct lt_json *first = lt_json_is(list, LT_JSON_ARRAY) ? lt_json_at(list, 0) : NULL, *loc = lt_json_get(first, "loc");
    ret->message = lt_json_str(lt_json_get(first, "msg"));
    if (lt_json_is(loc, LT_JSON_ARRAY) && lt_json_len(loc) > 0)
        ret->where = lt_json_str(lt_json_at(loc, lt_json_len(loc) - 1));
}

void lt_wire_read_fault(const struct lt_json *body, struct lt_wire_fault *ret)
{
    if (lt_json_is(body, LT_JSON_ARRAY))
        body = lt_json_at(body, 0);
    const struct lt_json *error = lt_json_get(body, "error");
    if (lt_json_is(error, LT_JSON_STRING)) {
        ret->message = lt_json_str(error);
        return;
    }
    if (!lt_json_is(error, LT_JSON_OBJECT)) /* {"object": "error", "message": …} */
        error = body;
    if (lt_json_str(lt_json_get(error, "code")).n > 0)
        ret->code = lt_json_str(lt_json_get(error, "code"));
    ret->type = lt_json_str(lt_json_get(error, "type"));
    if (ret->type.n == 0)
        ret->type = lt_json_str(lt_json_get(error, "status"));
    ret->message = lt_json_str(lt_json_get(error, "message"));
    if (!ret->message.p)
        ret->message = lt_json_str(lt_json_get(error, "detail"));
    if (!ret->message.p)
        read_wrong_members(error, ret);
    if (!ret->message.p)
        ret->message = lt_json_str(lt_json_get(error, "Message")); /* AWS, where its gateway refuses */
    ret->retry_after_s = retry_delay(lt_json_get(error, "details"));
    int64_t number = lt_json_int64_or(lt_json_get(error, "code"), 0);
    if (ret->status == 0 && number >= 400 && number <= 599)
        ret->status = (int)number;
}

static bool contains_ci(struct lt_str s, const char *z)
{
    size_t n = strlen(z);
    for (size_t i = 0; i + n <= s.n; i++)
        if (strncasecmp(s.p + i, z, n) == 0)
            return true;
    return false;
}

static enum lt_code code_of_word(struct lt_str word, const struct lt_wire_word *words)
{
    for (; words && words->word && word.n > 0; words++)
        if (lt_str_is(word, words->word))
            return words->code;
    return LT_OK;
}

static enum lt_code code_of_words(const struct lt_wire_format *format, const struct lt_wire_fault *f)
{
    const struct lt_wire_word *tables[] = {format ? format->words : NULL, common_words};
    struct lt_str words[] = {f->code, f->type};
    for (size_t k = 0; k < LT_COUNT(words); k++)
        for (size_t i = 0; i < LT_COUNT(tables); i++) {
            enum lt_code code = code_of_word(words[k], tables[i]);
            if (code)
                return code;
        }
    return LT_OK;
}

static enum lt_code code_of_phrases(const struct lt_wire_format *format, struct lt_str message)
{
    const struct lt_wire_word *tables[] = {format ? format->phrases : NULL, common_phrases};
    for (size_t i = 0; i < LT_COUNT(tables); i++)
        for (const struct lt_wire_word *w = tables[i]; w && w->word; w++)
            if (contains_ci(message, w->word))
                return w->code;
    return LT_OK;
}

static enum lt_code code_of_status(int status)
{
    switch (status) {
    case 401:
    case 403:
        return LT_EUPSTREAM_UNAUTHORIZED;
    case 404:
    case 410: /* the model was withdrawn */
        return LT_EUPSTREAM_NOT_FOUND;
    case 408:
    case 504:
    case 524: /* a proxy's name for 504 */
        return LT_EUPSTREAM_TIMEOUT;
    case 413:
        return LT_ECONTEXT_WINDOW;
    case 424: /* what stands behind the service failed */
        return LT_EUPSTREAM_UNAVAILABLE;
    case 402: /* the account's balance is used up */
    case 429:
        return LT_EUPSTREAM_RATE_LIMITED;
    default:
        if (status >= 400 && status <= 499)
            return LT_EUPSTREAM_BAD_REQUEST;
        return status >= 500 && status <= 599 ? LT_EUPSTREAM_UNAVAILABLE : LT_EUPSTREAM_INVALID;
    }
}

/* The status decides; words decide what a bare 400 hides, and everything where there is no status (errors inside a stream). */
static enum lt_code code_of_fault(const struct lt_wire_format *format, const struct lt_wire_fault *f)
{
    bool bare = f->status == 400 || f->status == 404 || f->status == 413 || f->status == 422;
    if (f->status != 0 && !bare)
        return code_of_status(f->status);
    enum lt_code word = code_of_words(format, f);
    if (!word || word == LT_EUPSTREAM_BAD_REQUEST) {
        enum lt_code phrase = code_of_phrases(format, f->message);
        if (phrase)
            return phrase;
    }
    /* a word that is no more exact than the status does not go before it */
    if (word && (f->status == 0 || word < LT_EUPSTREAM_BAD_REQUEST || word > LT_EUPSTREAM_INVALID || word == LT_ECONTEXT_WINDOW ||
                 word == LT_ECONTENT_REFUSED))
        return word;
    return f->status != 0 ? code_of_status(f->status) : LT_EUPSTREAM_UNAVAILABLE;
}

/* Cut before use, so that no half of a secret stays. */
struct lt_str lt_wire_presentable(struct lt_arena *arena, struct lt_str s, struct lt_str secret)
{
    if (s.n > MESSAGE_MAX)
        s.n = lt_utf8_whole(s.p, MESSAGE_MAX);
    if (s.n == 0 || !lt_utf8_valid(s.p, s.n))
        return LT_STR_NULL;
    char *p = lt_alloc(arena, s.n + 3);
    size_t n = 0, i = 0;
    while (i < s.n) {
        if (secret.n >= 3 && s.n - i >= secret.n && memcmp(s.p + i, secret.p, secret.n) == 0) {
            memcpy(p + n, "***", 3);
            n += 3;
            i += secret.n;
        } else {
            unsigned char c = (unsigned char)s.p[i++];
            p[n++] = c < 0x20 || c == 0x7F ? ' ' : (char)c;
        }
    }
    return lt_str_trim((struct lt_str){p, n});
}

enum lt_code lt_wire_fail(const struct lt_wire_format *format, struct lt_arena *arena, const struct lt_wire_fault *f, struct lt_str reason,
                          struct lt_str secret, struct lt_error *err)
{
    enum lt_code code = code_of_fault(format, f);
    struct lt_str said = f->where.n > 0 ? lt_printf(arena, "%.*s: %.*s", LT_FMT(f->where), LT_FMT(f->message)) : f->message;
    struct lt_str message = lt_wire_presentable(arena, said, secret), phrase = lt_wire_presentable(arena, reason, secret);
    if (f->status >= 300 && f->status <= 399)
        lt_fail(err, code, "the AI service redirects (HTTP %d); set the endpoint to the address it moved to", f->status);
    else if (f->status >= 500 && phrase.n > 0)
        lt_fail(err, code, "%.*s%s%.*s", LT_FMT(phrase), message.n > 0 ? ": " : "", LT_FMT(message));
    else if (message.n > 0)
        lt_fail(err, code, "%.*s", LT_FMT(message));
    else if (f->status > 0)
        lt_fail(err, code, "HTTP %d%s%.*s", f->status, phrase.n > 0 ? " " : "", LT_FMT(phrase));
    else
        lt_fail(err, code, "the AI service reported an error without saying which");
    if (err) {
        err->vendor_status = f->status;
        err->retry_after_s = f->retry_after_s;
    }
    return code;
}

enum lt_code lt_wire_fault(const struct lt_wire_format *format, struct lt_arena *arena, int status, struct lt_str reason, struct lt_str body,
                           struct lt_str secret, struct lt_error *err)
{
    struct lt_wire_fault f = {.status = status};
    const struct lt_json *json = NULL;
    if (body.n > 0 && lt_json_parse(arena, body, LT_JSON_STRICT, &json, NULL) == LT_OK)
        lt_wire_read_fault(json, &f);
    return lt_wire_fail(format, arena, &f, reason, secret, err);
}

int lt_wire_retry_after(struct lt_str value, int64_t now_s)
{
    int64_t seconds = 0;
    if (!lt_str_to_int64(value, &seconds)) {
        char date[64];
        struct tm tm = {0};
        if (value.n == 0 || value.n >= sizeof(date))
            return 0;
        memcpy(date, value.p, value.n);
        date[value.n] = '\0';
        const char *end = strptime(date, "%a, %d %b %Y %H:%M:%S GMT", &tm);
        seconds = end && *end == '\0' ? (int64_t)timegm(&tm) - now_s : 0;
    }
    return seconds < 0 ? 0 : seconds > RETRY_AFTER_MAX ? RETRY_AFTER_MAX : (int)seconds;
}
