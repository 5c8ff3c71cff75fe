/* Rubrics of ORA2: their hashes, and what they are here. Fuzzed by tests/fuzz/fuzz_question.c. */
#include "core/rubric_ora2.h"

#include <stdlib.h>

#include "base/secret.h"
#include "text/json_schema.h"

enum { DUMP_MAX = 8 << 20 };

static const char schema_text[] =
    "{\"type\":\"object\",\"required\":[\"criteria\"],\"properties\":{\"criteria\":{\"type\":\"array\",\"minItems\":1,\"maxItems\":50,\"items\":{"
    "\"type\":\"object\",\"required\":[\"name\",\"options\"],\"properties\":{\"order_num\":{\"type\":\"integer\",\"minimum\":0},"
    "\"name\":{\"type\":\"string\",\"maxLength\":1000},\"label\":{\"type\":\"string\",\"maxLength\":1000},"
    "\"prompt\":{\"type\":\"string\",\"maxLength\":20000},\"feedback\":{\"enum\":[\"disabled\",\"optional\",\"required\"]},"
    "\"options\":{\"type\":\"array\",\"maxItems\":50,\"items\":{\"type\":\"object\",\"required\":[\"name\",\"points\"],\"properties\":{"
    "\"order_num\":{\"type\":\"integer\",\"minimum\":0},\"name\":{\"type\":\"string\",\"maxLength\":1000},"
    "\"label\":{\"type\":\"string\",\"maxLength\":1000},\"explanation\":{\"type\":\"string\",\"maxLength\":20000},"
    "\"points\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":1000000}}}}},"
    "\"if\":{\"properties\":{\"options\":{\"maxItems\":0}}},\"then\":{\"required\":[\"feedback\"],\"properties\":{\"feedback\":{\"const\":\"required\"}}}}}}}";

/* ---- as Python writes JSON ---- */

static uint32_t next_code_point(struct lt_str s, size_t *at)
{
    uint8_t c = (uint8_t)s.p[(*at)++];
    int more = c < 0x80 ? 0 : c < 0xE0 ? 1 : c < 0xF0 ? 2 : 3;
    uint32_t cp = more == 0 ? c : c & (0x3FU >> more);
    while (more-- > 0)
        cp = cp << 6 | ((uint8_t)s.p[(*at)++] & 0x3F);
    return cp;
}

static void dump_code_point(struct lt_buf *out, uint32_t cp)
{
    static const char named[] = "\"\"\\\\\nn\rr\tt\bb\ff";
    for (const char *p = named; *p; p += 2)
        if ((uint32_t)*p == cp) {
            lt_buf_putc(out, '\\');
            lt_buf_putc(out, p[1]);
            return;
        }
    if (cp >= 0x10000)
        lt_buf_printf(out, "\\u%04x\\u%04x", 0xD800 + ((cp - 0x10000) >> 10), 0xDC00 + ((cp - 0x10000) & 0x3FF));
    else if (cp < 0x20 || cp > 0x7E)
        lt_buf_printf(out, "\\u%04x", cp);
    else
        lt_buf_putc(out, (char)cp);
}

static void dump_string(struct lt_buf *out, struct lt_str s)
{
    lt_buf_putc(out, '"');
    for (size_t i = 0; i < s.n;)
        dump_code_point(out, next_code_point(s, &i));
    lt_buf_putc(out, '"');
}

struct member {
    struct lt_str key;
    const struct lt_json *value;
};

/* UTF-8 in the order of bytes is in the order of code points, which is Python's. */
static int compare_members(const void *a, const void *b)
{
    return lt_str_compare(((const struct member *)a)->key, ((const struct member *)b)->key);
}

static void dump(struct lt_arena *arena, struct lt_buf *out, const struct lt_json *v);

static void dump_object(struct lt_arena *arena, struct lt_buf *out, const struct lt_json *v, bool whole)
{
    size_t n = 0;
    struct member *members = LT_NEW_ARRAY(arena, struct member, lt_json_len(v));
    for (size_t i = 0; i < lt_json_len(v); i++) {
        struct lt_str key = lt_json_key_at(v, i);
        if (!whole || (!lt_str_is(key, "id") && !lt_str_is(key, "content_hash")))
            members[n++] = (struct member){key, lt_json_at(v, i)};
    }
    if (n > 0)
        qsort(members, n, sizeof(*members), compare_members);
    lt_buf_putc(out, '{');
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            lt_buf_put_str(out, LT_STR(", "));
        dump_string(out, members[i].key);
        lt_buf_put_str(out, LT_STR(": "));
        dump(arena, out, members[i].value);
    }
    lt_buf_putc(out, '}');
}

static void dump(struct lt_arena *arena, struct lt_buf *out, const struct lt_json *v)
{
    switch (lt_json_type(v)) {
    case LT_JSON_OBJECT:
        dump_object(arena, out, v, false);
        break;
    case LT_JSON_ARRAY:
        lt_buf_putc(out, '[');
        for (size_t i = 0; i < lt_json_len(v); i++) {
            if (i > 0)
                lt_buf_put_str(out, LT_STR(", "));
            dump(arena, out, lt_json_at(v, i));
        }
        lt_buf_putc(out, ']');
        break;
    case LT_JSON_STRING:
        dump_string(out, lt_json_str(v));
        break;
    default: /* null, booleans, and numbers as they were written */
        lt_json_write(out, v);
    }
}

/* ---- the hashes ---- */

static void dump_structure(struct lt_arena *arena, struct lt_buf *out, const struct lt_json *criteria)
{
    lt_buf_putc(out, '[');
    for (size_t i = 0; i < lt_json_len(criteria); i++) {
        const struct lt_json *c = lt_json_at(criteria, i), *options = lt_json_get(c, "options");
        lt_buf_printf(out, "%s{\"criterion_name\": ", i > 0 ? ", " : "");
        dump(arena, out, lt_json_get(c, "name"));
        lt_buf_put_str(out, LT_STR(", \"criterion_order\": "));
        dump(arena, out, lt_json_get(c, "order_num"));
        lt_buf_put_str(out, LT_STR(", \"options\": ["));
        for (size_t k = 0; k < lt_json_len(options); k++) {
            const struct lt_json *o = lt_json_at(options, k);
            lt_buf_printf(out, "%s{\"option_name\": ", k > 0 ? ", " : "");
            dump(arena, out, lt_json_get(o, "name"));
            lt_buf_put_str(out, LT_STR(", \"option_order\": "));
            dump(arena, out, lt_json_get(o, "order_num"));
            lt_buf_put_str(out, LT_STR(", \"option_points\": "));
            dump(arena, out, lt_json_get(o, "points"));
            lt_buf_putc(out, '}');
        }
        lt_buf_put_str(out, LT_STR("]}"));
    }
    lt_buf_putc(out, ']');
}

static enum lt_code sha1_of(struct lt_buf *out, char hex[41], struct lt_error *err)
{
    uint8_t hash[20];
    if (out->failed)
        return lt_fail(err, LT_ETOO_LARGE, "the rubric takes more than %d bytes", DUMP_MAX);
    lt_sha1(out->p, out->n, hash);
    lt_hex(hash, sizeof(hash), hex);
    lt_buf_reset(out);
    return LT_OK;
}

static enum lt_code hash(struct lt_arena *arena, const struct lt_json *ora2, struct lt_ora2_hashes *ret, struct lt_error *err)
{
    struct lt_buf out;
    lt_buf_init(&out, DUMP_MAX);
    dump_object(arena, &out, ora2, true);
    enum lt_code rc = sha1_of(&out, ret->content, err);
    if (rc == LT_OK) {
        dump_structure(arena, &out, lt_json_get(ora2, "criteria"));
        rc = sha1_of(&out, ret->structure, err);
    }
    lt_buf_free(&out);
    return rc;
}

/* ---- as a rubric of ours ---- */

static void copy_texts(struct lt_jw *w, const struct lt_json *v, const char *const *keys)
{
    for (; *keys; keys++)
        if (lt_json_is(lt_json_get(v, *keys), LT_JSON_STRING))
            lt_jw_kjson(w, *keys, lt_json_get(v, *keys));
}

static enum lt_code check_names(const struct lt_json *options, size_t criterion, struct lt_arena *arena, struct lt_error *err)
{
    for (size_t i = 0; i < lt_json_len(options); i++)
        for (size_t k = 0; k < i; k++)
            if (lt_json_equal(lt_json_get(lt_json_at(options, i), "name"), lt_json_get(lt_json_at(options, k), "name")))
                return lt_fail_field(err, LT_EINVALID_INPUT, lt_printf(arena, "/criteria/%zu/options/%zu/name", criterion, i).p,
                                     "is the name of another option too");
    return LT_OK;
}

static void put_criterion(struct lt_jw *w, struct lt_arena *arena, const struct lt_json *c, size_t at)
{
    static const char *const of_criterion[] = {"name", "label", "prompt", "feedback", NULL}, *const of_option[] = {"name", "label", "explanation", NULL};
    const struct lt_json *options = lt_json_get(c, "options");
    lt_jw_obj(w);
    lt_jw_kstr(w, "id", lt_printf(arena, "c%zu", at));
    copy_texts(w, c, of_criterion);
    if (!lt_json_get(c, "feedback"))
        lt_jw_kstrz(w, "feedback", "disabled"); /* as in ORA2 */
    lt_jw_key(w, "options");
    lt_jw_arr(w);
    for (size_t i = 0; i < lt_json_len(options); i++) {
        lt_jw_obj(w);
        lt_jw_kstr(w, "id", lt_printf(arena, "o%zu", i));
        lt_jw_kjson(w, "points", lt_json_get(lt_json_at(options, i), "points"));
        copy_texts(w, lt_json_at(options, i), of_option);
        lt_jw_end(w);
    }
    lt_jw_end(w);
    lt_jw_end(w);
}

static enum lt_code put_rubric(struct lt_jw *w, struct lt_arena *arena, const struct lt_json *ora2, const struct lt_ora2_hashes *hashes,
                               struct lt_error *err)
{
    const struct lt_json *criteria = lt_json_get(ora2, "criteria");
    lt_jw_obj(w);
    lt_jw_kstrz(w, "content_hash", hashes->content);
    lt_jw_kstrz(w, "structure_hash", hashes->structure);
    lt_jw_key(w, "criteria");
    lt_jw_arr(w);
    for (size_t i = 0; i < lt_json_len(criteria); i++) {
        const struct lt_json *c = lt_json_at(criteria, i);
        if (check_names(lt_json_get(c, "options"), i, arena, err))
            return err->code;
        put_criterion(w, arena, c, i);
    }
    lt_jw_end(w);
    lt_jw_end(w);
    return LT_OK;
}

enum lt_code lt_rubric_from_ora2(struct lt_arena *arena, const struct lt_json *ora2, const struct lt_json **ret, struct lt_ora2_hashes *ret_hashes,
                                 struct lt_error *err)
{
    const struct lt_schema *schema;
    struct lt_buf out;
    struct lt_jw w;
    if (lt_schema_compile_text(arena, schema_text, &schema, err) || lt_schema_check(schema, ora2, err) || hash(arena, ora2, ret_hashes, err))
        return err->code;
    lt_buf_init(&out, DUMP_MAX);
    lt_jw_init(&w, &out);
    enum lt_code rc = put_rubric(&w, arena, ora2, ret_hashes, err);
    if (rc == LT_OK)
        rc = lt_json_parse(arena, lt_str_copy(arena, lt_buf_str(&out)), LT_JSON_STRICT, ret, err);
    lt_buf_free(&out);
    return rc;
}
