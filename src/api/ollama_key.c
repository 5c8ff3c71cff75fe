/* Keys of the Ollama door: in the path, and as password of HTTP Basic. No I/O. Fuzzed by tests/fuzz/fuzz_ollama_key.c. */
#include "api/ollama.h"

#include "base/secret.h"
#include "io/http1.h"

static const struct lt_str door = LT_STR("/ollama");

bool lt_ollama_is_path(struct lt_str path)
{
    return lt_str_starts(path, door) && (path.n == door.n || path.p[door.n] == '/');
}

bool lt_ollama_cut_key(struct lt_arena *arena, struct lt_str *path, struct lt_str *ret_key)
{
    if (!lt_ollama_is_path(*path) || path->n == door.n)
        return false;
    struct lt_str rest = {path->p + door.n + 1, path->n - door.n - 1};
    const char *slash = rest.n > 0 ? memchr(rest.p, '/', rest.n) : NULL;
    struct lt_str key = {rest.p, slash ? (size_t)(slash - rest.p) : rest.n};
    if (key.n == 0 || lt_str_is(key, "api"))
        return false;
    rest = (struct lt_str){key.p + key.n, rest.n - key.n};
    if (!lt_percent_decode(arena, key, false, ret_key))
        *ret_key = key;
    *path = lt_printf(arena, "%.*s%.*s", LT_FMT(door), LT_FMT(rest));
    return true;
}

/* To the alphabet that lt_base64url_decode() knows, without padding; false when the text is not base64 with padding. */
static bool to_base64url(struct lt_arena *arena, struct lt_str s, struct lt_str *ret)
{
    size_t n = s.n;
    if (n == 0 || n % 4 != 0)
        return false;
    while (s.n - n < 2 && s.p[n - 1] == '=')
        n--;
    char *out = lt_alloc(arena, n);
    for (size_t i = 0; i < n; i++) {
        if (s.p[i] == '-' || s.p[i] == '_')
            return false;
        out[i] = s.p[i] == '+' ? '-' : s.p[i] == '/' ? '_' : s.p[i];
    }
    *ret = (struct lt_str){out, n};
    return true;
}

static bool has_controls(struct lt_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7F)
            return true;
    return false;
}

enum lt_code lt_basic_password(struct lt_arena *arena, struct lt_str credentials, struct lt_str *ret, struct lt_error *err)
{
    struct lt_str text, pair;
    if (!to_base64url(arena, credentials, &text) || !lt_base64url_decode(arena, text, &pair))
        return lt_fail(err, LT_EUNAUTHENTICATED, "the Basic credentials are not base64 (RFC 7617)");
    if (!lt_utf8_valid(pair.p, pair.n) || has_controls(pair))
        return lt_fail(err, LT_EUNAUTHENTICATED, "the Basic credentials must be UTF-8 without control characters");
    const char *colon = pair.n > 0 ? memchr(pair.p, ':', pair.n) : NULL;
    if (!colon)
        return lt_fail(err, LT_EUNAUTHENTICATED, "the Basic credentials must be a user name, a colon and a password");
    *ret = (struct lt_str){colon + 1, (size_t)(pair.p + pair.n - colon - 1)};
    return ret->n > 0 ? LT_OK : lt_fail(err, LT_EUNAUTHENTICATED, "the password of the Basic credentials must be a site key, and is empty");
}

/* ---- of a request ---- */

void lt_ollama_take_key(struct lt_request *r)
{
    lt_ollama_cut_key(r->arena, &r->http->head.path, &r->path_key);
}

enum lt_code lt_ollama_key(struct lt_request *r, struct lt_str *ret, struct lt_error *err)
{
    bool twice = false;
    *ret = r->path_key;
    if (ret->p || !lt_ollama_is_path(r->http->head.path))
        return LT_OK;
    struct lt_str credentials = lt_http_field(&r->http->head, "Authorization", &twice), scheme = lt_str_cut(&credentials, ' ');
    if (twice || !lt_str_eq_ci(scheme, LT_STR("Basic")))
        return LT_OK;
    return lt_basic_password(r->arena, lt_str_trim(credentials), ret, err);
}
