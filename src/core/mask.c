/* Finding secrets in text: a list of byte strings, all looked for at once. */
#include "core/mask.h"

#include <strings.h>

enum { SECRETS_MAX = 1024 };

struct lt_mask {
    struct lt_arena *arena;
    struct lt_str secrets[SECRETS_MAX]; /* not empty */
    size_t n;
    bool full;                          /* there were more: nothing is shown */
    bool begins[256];                   /* some secret begins with this byte */
};

static void add(struct lt_mask *m, struct lt_str secret)
{
    for (size_t i = 0; i < m->n; i++)
        if (lt_str_eq(m->secrets[i], secret))
            return;
    if (m->n == SECRETS_MAX) {
        m->full = true;
        return;
    }
    m->secrets[m->n++] = secret;
    m->begins[(uint8_t)secret.p[0]] = true;
}

static struct lt_str in_json(struct lt_arena *arena, struct lt_str secret)
{
    struct lt_buf b;
    lt_buf_init(&b, 6 * secret.n + 1);
    lt_json_escape(&b, secret);
    struct lt_str text = lt_str_copy(arena, lt_buf_str(&b));
    lt_buf_free(&b);
    return text;
}

/* RFC 3986 §2.3: all but the unreserved characters as %XX. */
static struct lt_str in_address(struct lt_arena *arena, struct lt_str secret)
{
    static const char hex[] = "0123456789ABCDEF";
    char *out = lt_alloc(arena, 3 * secret.n);
    size_t n = 0;
    for (size_t i = 0; i < secret.n; i++) {
        uint8_t c = (uint8_t)secret.p[i];
        bool letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'z', digit = c >= '0' && c <= '9';
        if (letter || digit || (c != '\0' && strchr("-._~", c))) {
            out[n++] = (char)c;
            continue;
        }
        out[n++] = '%';
        out[n++] = hex[c >> 4];
        out[n++] = hex[c & 15];
    }
    return (struct lt_str){out, n};
}

void lt_mask_add(struct lt_mask *mask, struct lt_str secret)
{
    secret = lt_str_trim(secret);
    if (secret.n == 0)
        return;
    add(mask, secret);
    add(mask, in_json(mask->arena, secret));
    add(mask, in_address(mask->arena, secret));
}

/* Texts under a member that is marked, at any depth. */
static void add_all(struct lt_mask *m, const struct lt_json *value)
{
    lt_mask_add(m, lt_json_str(value));
    for (size_t i = 0; i < lt_json_len(value); i++)
        add_all(m, lt_json_at(value, i));
}

static void add_marked(struct lt_mask *m, const struct lt_json *schema, const struct lt_json *value)
{
    if (lt_json_bool_or(lt_json_get(schema, "writeOnly"), false)) {
        add_all(m, value);
        return;
    }
    const struct lt_json *properties = lt_json_get(schema, "properties");
    for (size_t i = 0; lt_json_is(value, LT_JSON_OBJECT) && i < lt_json_len(value); i++)
        add_marked(m, lt_json_get_str(properties, lt_json_key_at(value, i)), lt_json_at(value, i));
}

struct lt_mask *lt_mask_new(struct lt_arena *arena, const struct lt_site *site)
{
    struct lt_mask *m = LT_NEW(arena, struct lt_mask);
    m->arena = arena;
    for (size_t i = 0; i < site->instances_n; i++) {
        const struct lt_provider_instance *p = site->instances[i];
        const struct lt_json *schema = NULL;
        if (p->provider && !lt_json_parse(arena, lt_str(p->provider->settings_schema), LT_JSON_STRICT, &schema, NULL))
            add_marked(m, schema, p->config);
        else
            add_all(m, p->config); /* without the schema nobody knows what is secret */
    }
    return m;
}

/* Length of the longest secret at the beginning of the text; 0: there is none. */
static size_t secret_at(const struct lt_mask *m, const char *p, size_t n)
{
    size_t longest = 0;
    for (size_t i = 0; m->begins[(uint8_t)*p] && i < m->n; i++)
        if (m->secrets[i].n <= n && m->secrets[i].n > longest && memcmp(p, m->secrets[i].p, m->secrets[i].n) == 0)
            longest = m->secrets[i].n;
    return longest;
}

struct lt_str lt_mask_text(const struct lt_mask *mask, struct lt_str text, size_t max, bool *ret_cut)
{
    struct lt_buf out;
    size_t at = 0;
    lt_buf_init(&out, max > 0 ? max : 1);
    while (!mask->full && at < text.n) {
        size_t from = at, room = max - out.n, secret = 0;
        while (at < text.n && at - from < room && (secret = secret_at(mask, text.p + at, text.n - at)) == 0)
            at++;
        lt_buf_put(&out, text.p + from, at - from);
        if (secret == 0 || !lt_buf_put_str(&out, LT_STR(LT_MASKED)))
            break;
        at += secret;
    }
    *ret_cut = at < text.n;
    struct lt_str shown = {out.p, *ret_cut ? lt_utf8_whole(out.p, out.n) : out.n};
    shown = lt_str_copy(mask->arena, shown);
    lt_buf_free(&out);
    return shown;
}

bool lt_mask_name(struct lt_str name)
{
    static const char *const parts[] = {"auth", "key", "token", "secret", "password", "cookie", "credential", "signature"};
    for (size_t i = 0; i < LT_COUNT(parts); i++)
        for (size_t at = 0, n = strlen(parts[i]); at + n <= name.n; at++)
            if (strncasecmp(name.p + at, parts[i], n) == 0)
                return true;
    return false;
}
