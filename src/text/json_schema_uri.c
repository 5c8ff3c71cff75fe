/*
 * URI references as `$id` and `$ref` hold them: RFC 3986 §5.2, for references that are compared, never fetched.
 * Fuzzed by tests/fuzz/fuzz_schema.c.
 */
#include "text/json_schema_node.h"

/* The parts of a reference. p == NULL: not there (an empty one may be). */
struct uri {
    struct lt_str scheme, authority, path, query, fragment;
};

static size_t until(struct lt_str s, const char *stops)
{
    size_t n = 0;
    while (n < s.n && !memchr(stops, s.p[n], strlen(stops)))
        n++;
    return n;
}

/* Takes the first n bytes off *s. */
static struct lt_str take(struct lt_str *s, size_t n)
{
    struct lt_str head = {s->p, n};
    s->p += n;
    s->n -= n;
    return head;
}

/* RFC 3986, appendix B. */
static struct uri split(struct lt_str s)
{
    struct uri u = {0};
    if (!s.p)
        s.p = "";
    size_t n = until(s, ":/?#");
    if (n > 0 && n < s.n && s.p[n] == ':') {
        u.scheme = take(&s, n);
        take(&s, 1);
    }
    if (lt_str_starts(s, LT_STR("//"))) {
        take(&s, 2);
        u.authority = take(&s, until(s, "/?#"));
    }
    u.path = take(&s, until(s, "?#"));
    if (s.n > 0 && *s.p == '?') {
        take(&s, 1);
        u.query = take(&s, until(s, "#"));
    }
    if (s.n > 0)
        u.fragment = (struct lt_str){s.p + 1, s.n - 1};
    return u;
}

/* §5.2.4, in place of what stands in out from `start` on: `.` and `..` are taken away, the latter with what stands before it. */
static size_t remove_dots(char *out, size_t start, size_t end)
{
    size_t n = start;
    for (size_t at = start; at < end;) {
        size_t next = at + 1;
        while (next < end && out[next] != '/')
            next++;
        struct lt_str segment = {out + at, next - at}; /* with the slash before it */
        bool up = lt_str_is(segment, "/.."), stay = lt_str_is(segment, "/.");
        if (up)
            while (n > start && out[--n] != '/')
                continue;
        if (!up && !stay) {
            memmove(out + n, segment.p, segment.n);
            n += segment.n;
        } else if (next == end) {
            out[n++] = '/';
        }
        at = next;
    }
    return n;
}

static void put(char *out, size_t *n, const char *before, struct lt_str s, const char *behind)
{
    if (!s.p)
        return;
    for (; *before; before++)
        out[(*n)++] = *before;
    memcpy(out + *n, s.p, s.n);
    *n += s.n;
    for (; *behind; behind++)
        out[(*n)++] = *behind;
}

/* The base's path up to its last slash, then the reference's (§5.2.3). */
static void put_path(char *out, size_t *n, const struct uri *base, struct lt_str path)
{
    size_t start = *n, keep = base->path.n;
    if (path.n == 0 || path.p[0] != '/') {
        while (keep > 0 && base->path.p[keep - 1] != '/')
            keep--;
        if (base->authority.p && base->path.n == 0)
            put(out, n, "", LT_STR("/"), "");
        else
            put(out, n, "", (struct lt_str){base->path.p, keep}, "");
    }
    put(out, n, "", path, "");
    if (*n > start && out[start] == '/')
        *n = remove_dots(out, start, *n);
}

struct lt_str lt_schema_uri(struct lt_arena *arena, struct lt_str base, struct lt_str reference)
{
    struct uri b = split(base), r = split(reference);
    char *out = lt_alloc(arena, base.n + reference.n + 8);
    size_t n = 0;
    bool own = r.scheme.p || r.authority.p; /* nothing but the scheme comes from the base */
    put(out, &n, "", r.scheme.p ? r.scheme : b.scheme, ":");
    put(out, &n, "//", own ? r.authority : b.authority, "");
    if (own && r.path.n > 0 && r.path.p[0] != '/') /* urn:… */
        put(out, &n, "", r.path, "");
    else if (own)
        put_path(out, &n, &r, r.path);
    else if (r.path.n == 0)
        put(out, &n, "", b.path, "");
    else
        put_path(out, &n, &b, r.path);
    put(out, &n, "?", own || r.path.n > 0 || r.query.p ? r.query : b.query, "");
    put(out, &n, "#", r.fragment, "");
    return (struct lt_str){out, n};
}
