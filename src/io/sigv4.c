/* Canonical request → string to sign → signature. */
#include "io/sigv4.h"

#include <stdlib.h>
#include <time.h>

#include "base/buf.h"
#include "base/secret.h"

enum { CANONICAL_MAX = 1024 * 1024 };

void lt_sigv4_hash(struct lt_str body, char out[LT_SIGV4_HASH])
{
    uint8_t hash[32];
    lt_sha256(body.p ? body.p : "", body.n, hash);
    lt_hex(hash, sizeof(hash), out);
}

/* ---- the path ---- */

/* All but the unreserved characters of RFC 3986 as %XX. */
static void put_encoded(struct lt_buf *out, struct lt_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        bool letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'z', digit = c >= '0' && c <= '9';
        if (letter || digit || (c != '\0' && strchr("-._~", c)))
            lt_buf_putc(out, (char)c);
        else
            lt_buf_printf(out, "%%%02X", c);
    }
}

/* Back to the slash before the last segment. */
static void drop_segment(struct lt_buf *out, size_t start)
{
    while (out->n > start && out->p[out->n - 1] != '/')
        out->n--;
    if (out->n > start)
        out->n--;
}

/* Segments one by one: empty ones and "." are passed over, ".." takes back the one before. */
static void put_path(struct lt_buf *out, struct lt_str path)
{
    size_t start = out->n;
    bool slash = true; /* the path ends in one */
    while (path.n > 0) {
        struct lt_str segment = lt_str_cut(&path, '/');
        slash = segment.n == 0 || lt_str_is(segment, ".") || lt_str_is(segment, "..");
        if (lt_str_is(segment, ".."))
            drop_segment(out, start);
        if (slash)
            continue;
        lt_buf_putc(out, '/');
        put_encoded(out, segment);
        slash = path.p && path.n == 0;
    }
    if (slash || out->n == start)
        lt_buf_putc(out, '/');
}

/* ---- the query ---- */

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10 : -1;
}

static struct lt_str decoded(struct lt_arena *arena, struct lt_str s)
{
    char *p = lt_alloc(arena, s.n);
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        int high = s.p[i] == '%' && i + 2 < s.n ? hex_digit(s.p[i + 1]) : -1, low = high >= 0 ? hex_digit(s.p[i + 2]) : -1;
        p[n++] = low >= 0 ? (char)(high << 4 | low) : s.p[i];
        i += low >= 0 ? 2 : 0;
    }
    return (struct lt_str){p, n};
}

static struct lt_str encoded(struct lt_arena *arena, struct lt_str s)
{
    struct lt_buf out;
    lt_buf_init(&out, 3 * s.n + 1);
    put_encoded(&out, decoded(arena, s));
    struct lt_str text = lt_str_copy(arena, lt_buf_str(&out));
    lt_buf_free(&out);
    return text;
}

struct pair {
    struct lt_str name, value;
    size_t place; /* keeps the order of equal ones */
};

static int by_name_and_value(const void *a, const void *b)
{
    const struct pair *x = a, *y = b;
    int order = lt_str_compare(x->name, y->name);
    return order ? order : lt_str_compare(x->value, y->value);
}

static void put_query(struct lt_arena *arena, struct lt_buf *out, struct lt_str query)
{
    size_t most = 1, n = 0;
    for (size_t i = 0; i < query.n; i++)
        most += query.p[i] == '&';
    struct pair *pairs = LT_NEW_ARRAY(arena, struct pair, most);
    while (query.n > 0) {
        struct lt_str value = lt_str_cut(&query, '&'), name = lt_str_cut(&value, '=');
        if (name.n > 0 || value.n > 0) {
            pairs[n] = (struct pair){encoded(arena, name), encoded(arena, value), n};
            n++;
        }
    }
    qsort(pairs, n, sizeof(*pairs), by_name_and_value);
    for (size_t i = 0; i < n; i++)
        lt_buf_printf(out, "%s%.*s=%.*s", i > 0 ? "&" : "", LT_FMT(pairs[i].name), LT_FMT(pairs[i].value));
}

/* ---- the headers ---- */

static struct lt_str lower(struct lt_arena *arena, struct lt_str s)
{
    char *p = lt_alloc(arena, s.n);
    for (size_t i = 0; i < s.n; i++)
        p[i] = (char)(s.p[i] >= 'A' && s.p[i] <= 'Z' ? s.p[i] | 0x20 : s.p[i]);
    return (struct lt_str){p, s.n};
}

/* Without white space around it, with one space for each run inside. */
static struct lt_str single_spaced(struct lt_arena *arena, struct lt_str s)
{
    char *p = lt_alloc(arena, s.n);
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        bool space = s.p[i] == ' ' || s.p[i] == '\t' || s.p[i] == '\r' || s.p[i] == '\n';
        if (!space)
            p[n++] = s.p[i];
        else if (n > 0 && p[n - 1] != ' ')
            p[n++] = ' ';
    }
    n -= n > 0 && p[n - 1] == ' ';
    return (struct lt_str){p, n};
}

static int by_name(const void *a, const void *b)
{
    const struct pair *x = a, *y = b;
    int order = lt_str_compare(x->name, y->name);
    return order ? order : (x->place > y->place) - (x->place < y->place);
}

/* "name:value" lines; those of one name are joined. *ret_names: "a;b". */
static void put_headers(struct lt_arena *arena, struct lt_buf *out, struct pair *headers, size_t n, struct lt_str *ret_names)
{
    struct lt_buf names;
    lt_buf_init(&names, CANONICAL_MAX);
    qsort(headers, n, sizeof(*headers), by_name);
    for (size_t i = 0; i < n; i++) {
        bool again = i > 0 && lt_str_eq(headers[i].name, headers[i - 1].name);
        if (again)
            lt_buf_printf(out, ",%.*s", LT_FMT(headers[i].value));
        else
            lt_buf_printf(out, "%s%.*s:%.*s", i > 0 ? "\n" : "", LT_FMT(headers[i].name), LT_FMT(headers[i].value));
        if (!again)
            lt_buf_printf(&names, "%s%.*s", i > 0 ? ";" : "", LT_FMT(headers[i].name));
    }
    lt_buf_putc(out, '\n');
    *ret_names = lt_str_copy(arena, lt_buf_str(&names));
    lt_buf_free(&names);
}

static size_t take_headers(struct lt_arena *arena, const struct lt_sigv4_key *key, const struct lt_sigv4_request *request, const char *date,
                           struct pair *ret)
{
    size_t n = 0;
    for (; n < request->fields_n; n++)
        ret[n] = (struct pair){lower(arena, request->fields[n].name), single_spaced(arena, request->fields[n].value), n};
    ret[n] = (struct pair){LT_STR("x-amz-date"), lt_str(date), n};
    n++;
    if (key->token.n > 0) {
        ret[n] = (struct pair){LT_STR("x-amz-security-token"), single_spaced(arena, key->token), n};
        n++;
    }
    return n;
}

/* ---- the signature ---- */

/* Day, region, service and a word, one after the other, make the key of the secret. */
static void sign(struct lt_str secret, const char *date, const struct lt_sigv4_request *request, struct lt_str text, char out[LT_SIGV4_HASH])
{
    struct lt_str parts[] = {{date, 8}, lt_str(request->region), lt_str(request->service), LT_STR("aws4_request"), text};
    uint8_t key[32], next[32];
    struct lt_buf first;
    lt_buf_init(&first, secret.n + 5);
    lt_buf_put_str(&first, LT_STR("AWS4"));
    lt_buf_put_str(&first, secret);
    lt_hmac_sha256(first.p, first.n, parts[0].p, parts[0].n, key);
    lt_wipe(first.p, first.n);
    lt_buf_free(&first);
    for (size_t i = 1; i < LT_COUNT(parts); i++) {
        lt_hmac_sha256(key, sizeof(key), parts[i].p, parts[i].n, next);
        memcpy(key, next, sizeof(key));
    }
    lt_hex(key, sizeof(key), out);
    lt_wipe(key, sizeof(key));
}

enum lt_code lt_sigv4_sign(struct lt_arena *arena, const struct lt_sigv4_key *key, const struct lt_sigv4_request *request, struct lt_sigv4 *ret,
                           struct lt_error *err)
{
    struct pair *headers = LT_NEW_ARRAY(arena, struct pair, LT_SIGV4_FIELDS_MAX + 2);
    char hash[LT_SIGV4_HASH], signature[LT_SIGV4_HASH];
    struct lt_str names;
    struct lt_buf out;
    struct tm tm;
    time_t now = (time_t)request->now_s;
    *ret = (struct lt_sigv4){0};
    if (request->fields_n > LT_SIGV4_FIELDS_MAX)
        return lt_fail(err, LT_EINVALID_INPUT, "more than %d fields cannot be signed", LT_SIGV4_FIELDS_MAX);
    gmtime_r(&now, &tm);
    strftime(ret->date, sizeof(ret->date), "%Y%m%dT%H%M%SZ", &tm);
    lt_buf_init(&out, CANONICAL_MAX);
    lt_buf_printf(&out, "%s\n", request->method);
    put_path(&out, request->path);
    lt_buf_putc(&out, '\n');
    put_query(arena, &out, request->query);
    lt_buf_putc(&out, '\n');
    put_headers(arena, &out, headers, take_headers(arena, key, request, ret->date, headers), &names);
    lt_buf_printf(&out, "\n%.*s\n%s", LT_FMT(names), request->body_hash);
    bool failed = out.failed;
    ret->canonical = lt_str_copy(arena, lt_buf_str(&out));
    lt_buf_free(&out);
    if (failed)
        return lt_fail(err, LT_EINVALID_INPUT, "a request of more than %d bytes beside its body cannot be signed", CANONICAL_MAX);
    struct lt_str scope = lt_printf(arena, "%.8s/%s/%s/aws4_request", ret->date, request->region, request->service);
    lt_sigv4_hash(ret->canonical, hash);
    ret->to_sign = lt_printf(arena, "AWS4-HMAC-SHA256\n%s\n%.*s\n%s", ret->date, LT_FMT(scope), hash);
    sign(key->secret, ret->date, request, ret->to_sign, signature);
    ret->authorization = lt_printf(arena, "AWS4-HMAC-SHA256 Credential=%.*s/%.*s, SignedHeaders=%.*s, Signature=%s", LT_FMT(key->id), LT_FMT(scope),
                                   LT_FMT(names), signature);
    return LT_OK;
}
