/* The JSON writer: escaping, numbers, whole trees, and the state machine of lt_jw_*(). */
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "text/json_plain.h"
#include "text/json_tree.h"

/* How an ASCII byte is written inside a string: 0 as it is, 1 as \u00XX, else \ and this letter. */
static const unsigned char escapes[256] = {
    [0x00 ... 0x07] = 1, ['\b'] = 'b',        ['\t'] = 't', ['\n'] = 'n',  [0x0B] = 1,          ['\f'] = 'f',
    ['\r'] = 'r',        [0x0E ... 0x1F] = 1, ['"'] = '"',  ['\\'] = '\\',
};

static void put_escape(struct lt_buf *out, unsigned char c)
{
    static const char hex[] = "0123456789abcdef";
    if (escapes[c] == 1) {
        char u[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
        lt_buf_put(out, u, sizeof(u));
    } else {
        char two[2] = {'\\', (char)escapes[c]};
        lt_buf_put(out, two, sizeof(two));
    }
}

/* s, whose first byte that is not plain stands at i. */
static void put_escaped(struct lt_buf *out, struct lt_str s, size_t i)
{
    size_t from = 0;
    while (i < s.n) {
        unsigned char c = (unsigned char)s.p[i];
        lt_buf_put(out, s.p + from, i - from);
        if (c >= 0x80)
            lt_buf_put(out, "\xEF\xBF\xBD", 3);
        else
            put_escape(out, c);
        from = ++i;
        i += lt_json_run(s.p + i, s.n - i, '"');
    }
    if (s.n > from)
        lt_buf_put(out, s.p + from, s.n - from);
}

void lt_json_escape(struct lt_buf *out, struct lt_str s)
{
    put_escaped(out, s, lt_json_run(s.p, s.n, '"'));
}

static void put_string(struct lt_buf *out, struct lt_str s)
{
    size_t plain = lt_json_run(s.p, s.n, '"');
    if (plain == s.n && lt_buf_reserve(out, s.n + 2)) { /* nearly always */
        char *p = out->p + out->n;
        *p++ = '"';
        if (s.n > 0)
            memcpy(p, s.p, s.n);
        p[s.n] = '"';
        out->n += s.n + 2;
        return;
    }
    lt_buf_putc(out, '"');
    put_escaped(out, s, plain);
    lt_buf_putc(out, '"');
}

static void put_double(struct lt_buf *out, double v)
{
    if (!isfinite(v)) {
        lt_buf_put(out, "null", 4);
        return;
    }
    char text[32];
    int n = 0;
    locale_t before = uselocale(lt_json_c_locale()); /* a plugin may have set one whose point is a comma */
    for (int digits = 15; digits <= 17; digits++) {
        n = snprintf(text, sizeof(text), "%.*g", digits, v);
        if (strtod(text, NULL) == v)
            break;
    }
    uselocale(before);
    lt_buf_put(out, text, (size_t)n);
}

/* As written, so that no digit is lost; what only JSON5 allows is put in JSON's form. */
static void put_number(struct lt_buf *out, const struct lt_json *v)
{
    if (!(v->flags & LT_JF_LOOSE)) {
        lt_buf_put(out, v->text, v->n);
        return;
    }
    if (v->flags & LT_JF_INT) {
        lt_buf_put_int(out, v->i);
        return;
    }
    if (!isfinite(v->d)) {
        lt_buf_put(out, "null", 4);
        return;
    }
    const char *p = v->text, *end = p + v->n;
    if (*p == '-')
        lt_buf_putc(out, '-');
    p += *p == '-' || *p == '+';
    if (*p == '.')
        lt_buf_putc(out, '0');
    for (; p < end; p++)
        if (*p != '.' || (p + 1 < end && p[1] >= '0' && p[1] <= '9'))
            lt_buf_putc(out, *p);
}

static void put_members(struct lt_buf *out, const struct lt_json *v)
{
    lt_buf_putc(out, '{');
    for (uint32_t i = 0; i < v->n; i++) {
        if (i > 0)
            lt_buf_putc(out, ',');
        put_string(out, v->members[i].key);
        lt_buf_putc(out, ':');
        lt_json_write(out, &v->members[i].value);
    }
    lt_buf_putc(out, '}');
}

static void put_items(struct lt_buf *out, const struct lt_json *v)
{
    lt_buf_putc(out, '[');
    for (uint32_t i = 0; i < v->n; i++) {
        if (i > 0)
            lt_buf_putc(out, ',');
        lt_json_write(out, &v->items[i]);
    }
    lt_buf_putc(out, ']');
}

static void put_bool(struct lt_buf *out, bool v)
{
    lt_buf_put_str(out, v ? LT_STR("true") : LT_STR("false"));
}

void lt_json_write(struct lt_buf *out, const struct lt_json *v)
{
    switch (lt_json_type(v)) {
    case LT_JSON_NULL:
        lt_buf_put(out, "null", 4);
        break;
    case LT_JSON_BOOL:
        put_bool(out, v->b);
        break;
    case LT_JSON_NUMBER:
        put_number(out, v);
        break;
    case LT_JSON_STRING:
        put_string(out, (struct lt_str){v->text, v->n});
        break;
    case LT_JSON_ARRAY:
        put_items(out, v);
        break;
    case LT_JSON_OBJECT:
        put_members(out, v);
        break;
    }
}

struct lt_str lt_json_text(struct lt_arena *arena, const struct lt_json *v)
{
    struct lt_buf b;
    lt_buf_init(&b, (size_t)LT_JSON_TEXT_MAX * 8); /* one byte read becomes at most six, so this is never reached */
    lt_json_write(&b, v);
    struct lt_str text = lt_str_copy(arena, lt_buf_str(&b));
    lt_buf_free(&b);
    return text;
}

/* ---- the state machine ---- */

void lt_jw_init(struct lt_jw *w, struct lt_buf *out)
{
    *w = (struct lt_jw){.out = out};
}

static bool in_object(const struct lt_jw *w)
{
    return w->depth > 0 && (w->stack[(w->depth - 1) / 8] >> ((w->depth - 1) % 8) & 1);
}

/* Before each value: the comma, and the check that a value may stand here. */
static void before_value(struct lt_jw *w)
{
    assert(in_object(w) == w->key);    /* a member needs its key, an element has none */
    assert(w->depth > 0 || !w->comma); /* one value at the top */
    if (w->comma && !w->key)
        lt_buf_putc(w->out, ',');
    w->key = false;
    w->comma = true;
}

static void open_level(struct lt_jw *w, char c, bool object)
{
    before_value(w);
    assert(w->depth < LT_JSON_DEPTH);
    uint8_t bit = (uint8_t)(1u << (w->depth % 8));
    if (object)
        w->stack[w->depth / 8] |= bit;
    else
        w->stack[w->depth / 8] &= (uint8_t)~bit;
    w->depth++;
    w->comma = false;
    lt_buf_putc(w->out, c);
}

void lt_jw_obj(struct lt_jw *w)
{
    open_level(w, '{', true);
}

void lt_jw_arr(struct lt_jw *w)
{
    open_level(w, '[', false);
}

void lt_jw_end(struct lt_jw *w)
{
    assert(w->depth > 0 && !w->key);
    lt_buf_putc(w->out, in_object(w) ? '}' : ']');
    w->depth--;
    w->comma = true;
}

void lt_jw_key_str(struct lt_jw *w, struct lt_str key)
{
    assert(in_object(w) && !w->key);
    if (w->comma)
        lt_buf_putc(w->out, ',');
    put_string(w->out, key);
    lt_buf_putc(w->out, ':');
    w->key = true;
}

void lt_jw_key(struct lt_jw *w, const char *key)
{
    lt_jw_key_str(w, lt_str(key));
}

void lt_jw_str(struct lt_jw *w, struct lt_str s)
{
    before_value(w);
    put_string(w->out, s);
}

void lt_jw_strz(struct lt_jw *w, const char *z)
{
    lt_jw_str(w, lt_str(z));
}

void lt_jw_int(struct lt_jw *w, int64_t v)
{
    before_value(w);
    lt_buf_put_int(w->out, v);
}

void lt_jw_double(struct lt_jw *w, double v)
{
    before_value(w);
    put_double(w->out, v);
}

void lt_jw_bool(struct lt_jw *w, bool v)
{
    before_value(w);
    put_bool(w->out, v);
}

void lt_jw_null(struct lt_jw *w)
{
    before_value(w);
    lt_buf_put(w->out, "null", 4);
}

void lt_jw_json(struct lt_jw *w, const struct lt_json *v)
{
    before_value(w);
    lt_json_write(w->out, v);
}

void lt_jw_raw(struct lt_jw *w, struct lt_str json)
{
    before_value(w);
    lt_buf_put_str(w->out, json);
}

void lt_jw_kstr(struct lt_jw *w, const char *key, struct lt_str s)
{
    lt_jw_key(w, key);
    lt_jw_str(w, s);
}

void lt_jw_kstr_or_null(struct lt_jw *w, const char *key, struct lt_str s)
{
    lt_jw_key(w, key);
    if (s.p)
        lt_jw_str(w, s);
    else
        lt_jw_null(w);
}

void lt_jw_kstr_nonempty(struct lt_jw *w, const char *key, struct lt_str s)
{
    lt_jw_kstr_or_null(w, key, s.n > 0 ? s : LT_STR_NULL);
}

void lt_jw_kstrz(struct lt_jw *w, const char *key, const char *z)
{
    lt_jw_key(w, key);
    lt_jw_strz(w, z);
}

void lt_jw_kint(struct lt_jw *w, const char *key, int64_t v)
{
    lt_jw_key(w, key);
    lt_jw_int(w, v);
}

void lt_jw_kcount(struct lt_jw *w, const char *key, int64_t n)
{
    lt_jw_key(w, key);
    if (n < 0)
        lt_jw_null(w);
    else
        lt_jw_int(w, n);
}

void lt_jw_ktime(struct lt_jw *w, const char *key, int64_t ms)
{
    char text[25];
    lt_jw_key(w, key);
    if (ms <= 0) {
        lt_jw_null(w);
        return;
    }
    lt_time_format(ms, text);
    lt_jw_strz(w, text);
}

void lt_jw_kbool(struct lt_jw *w, const char *key, bool v)
{
    lt_jw_key(w, key);
    lt_jw_bool(w, v);
}

void lt_jw_kjson(struct lt_jw *w, const char *key, const struct lt_json *v)
{
    lt_jw_key(w, key);
    lt_jw_json(w, v);
}
