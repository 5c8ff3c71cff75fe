/* Reading requests and writing events. Fuzzed by tests/fuzz/fuzz_avro.c. */
#include "events/avro.h"

/* ---- reading ---- */

struct reader {
    struct lt_str rest;
    const char *field;
    struct lt_error *err;
};

static bool bad(struct reader *r, const char *what)
{
    lt_fail(r->err, LT_EINVALID_INPUT, "%s: %s", r->field, what);
    return false;
}

/* Zigzag, seven bits a byte, at most ten bytes. */
static bool read_long(struct reader *r, int64_t *ret)
{
    uint64_t n = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
        if (r->rest.n == 0)
            return bad(r, "the message ends too early");
        uint8_t b = (uint8_t)*r->rest.p;
        if (shift == 63 && b > 1)
            return bad(r, "the number is too large");
        r->rest.p++;
        r->rest.n--;
        n |= (uint64_t)(b & 0x7F) << shift;
        if (!(b & 0x80)) {
            *ret = (int64_t)(n >> 1) ^ -(int64_t)(n & 1);
            return true;
        }
    }
    return bad(r, "the number is too long");
}

static bool read_string(struct reader *r, struct lt_str *ret)
{
    int64_t n;
    if (!read_long(r, &n))
        return false;
    if (n < 0 || (uint64_t)n > r->rest.n)
        return bad(r, "the text is longer than the message");
    *ret = (struct lt_str){r->rest.p, (size_t)n};
    r->rest.p += n;
    r->rest.n -= (size_t)n;
    return lt_utf8_valid(ret->p, ret->n) || bad(r, "the text is not UTF-8");
}

/* ["null", "string"] */
static bool read_optional(struct reader *r, struct lt_str *ret)
{
    int64_t branch;
    *ret = LT_STR("");
    if (!read_long(r, &branch))
        return false;
    if (branch != 0 && branch != 1)
        return bad(r, "the union has no such branch");
    return branch == 0 || read_string(r, ret);
}

/* Blocks of members until an empty one; a block with a negative count says its bytes, which nobody needs. */
static bool read_map(struct reader *r, struct lt_jw *w)
{
    int64_t total = 0, n, bytes;
    struct lt_str key, value;
    lt_jw_obj(w);
    for (;;) {
        if (!read_long(r, &n))
            return false;
        if (n == 0)
            break;
        if (n < 0 && (n < -LT_AVRO_MEMBERS_MAX || !read_long(r, &bytes)))
            return n < -LT_AVRO_MEMBERS_MAX ? bad(r, "it has too many members") : false;
        n = n < 0 ? -n : n;
        if (n > LT_AVRO_MEMBERS_MAX || (total += n) > LT_AVRO_MEMBERS_MAX)
            return bad(r, "it has too many members");
        for (int64_t i = 0; i < n; i++) {
            if (!read_string(r, &key) || !read_string(r, &value))
                return false;
            lt_jw_key_str(w, key);
            lt_jw_str(w, value);
        }
    }
    lt_jw_end(w);
    return true;
}

/* The second byte behind a length is '{' where it is JSON text; a member's name would have a negative length there. */
static bool is_text(const struct reader *r)
{
    struct reader look = *r;
    struct lt_error err;
    int64_t n;
    look.err = &err;
    return read_long(&look, &n) && n > 1 && look.rest.n > 0 && *look.rest.p == '{';
}

static bool read_input(struct reader *r, struct lt_arena *arena, struct lt_buf *out, const struct lt_json **ret)
{
    struct lt_str text;
    struct lt_jw w;
    struct lt_error why;
    if (is_text(r)) {
        if (!read_string(r, &text))
            return false;
    } else {
        lt_jw_init(&w, out);
        if (!read_map(r, &w))
            return false;
        if (out->failed)
            return bad(r, "it is too large");
        text = lt_str_copy(arena, lt_buf_str(out));
    }
    if (lt_json_parse(arena, text, LT_JSON_STRICT, ret, &why) || !lt_json_is(*ret, LT_JSON_OBJECT))
        return bad(r, "it is no JSON object with each name once");
    return true;
}

static bool field(struct reader *r, const char *name)
{
    r->field = name;
    return true;
}

enum lt_code lt_avro_read_request(struct lt_arena *arena, struct lt_str message, struct lt_bus_request *ret, struct lt_error *err)
{
    struct reader r = {.rest = message, .err = err, .field = "event_data"};
    struct lt_buf out;
    *ret = (struct lt_bus_request){0};
    if (message.n > LT_AVRO_MAX)
        return lt_fail(err, LT_EINVALID_INPUT, "event_data: at most %d bytes are read, these are %zu", LT_AVRO_MAX, message.n);
    lt_buf_init(&out, 8 * LT_AVRO_MAX); /* a byte may take six as JSON */
    bool ok = field(&r, "user_id") && read_long(&r, &ret->user_id) && field(&r, "course_id") && read_optional(&r, &ret->course_id) &&
              field(&r, "location_id") && read_optional(&r, &ret->location_id) && field(&r, "ui_slot_selector_id") &&
              read_optional(&r, &ret->ui_slot_selector_id) && field(&r, "user_input") && read_input(&r, arena, &out, &ret->user_input) &&
              field(&r, "action") && read_string(&r, &ret->action);
    lt_buf_free(&out);
    if (ok && r.rest.n > 0)
        return lt_fail(err, LT_EINVALID_INPUT, "event_data: %zu bytes stand behind the record: it is of another schema", r.rest.n);
    return ok ? LT_OK : err->code;
}

/* ---- writing ---- */

static void put_long(struct lt_buf *out, int64_t v)
{
    uint64_t n = ((uint64_t)v << 1) ^ (v < 0 ? UINT64_MAX : 0);
    for (; n > 0x7F; n >>= 7)
        lt_buf_putc(out, (char)(n | 0x80));
    lt_buf_putc(out, (char)n);
}

static void put_string(struct lt_buf *out, struct lt_str s)
{
    put_long(out, (int64_t)s.n);
    lt_buf_put_str(out, s);
}

static void put_optional(struct lt_buf *out, const struct lt_json *v)
{
    struct lt_str s = lt_json_str_or(v, LT_STR(""));
    put_long(out, s.n > 0);
    if (s.n > 0)
        put_string(out, s);
}

static void put_optional_long(struct lt_buf *out, const struct lt_json *v)
{
    int64_t n;
    bool there = lt_json_int64(v, &n);
    put_long(out, there);
    if (there)
        put_long(out, n);
}

void lt_avro_write_event(struct lt_buf *out, const struct lt_bus_event *e)
{
    static const char *const texts[] = {"id", "action", "profile", "course_id", "location_id", "placement", "state", "code", "model", "version"};
    static const char *const figures[] = {"prompt_tokens", "completion_tokens", "total_tokens", "cost"};
    put_string(out, e->site);
    put_string(out, e->user_id);
    put_string(out, e->actor);
    for (size_t i = 0; i < LT_COUNT(texts); i++)
        put_optional(out, lt_json_get(e->data, texts[i]));
    put_optional_long(out, lt_json_get(e->data, "duration_ms"));
    for (size_t i = 0; i < LT_COUNT(figures); i++)
        put_optional_long(out, lt_json_get(lt_json_get(e->data, "usage"), figures[i]));
}
