#include "workflows/input.h"

#include <inttypes.h>
#include <stdio.h>

/* "num_cards" → "numCards" */
static const char *camel(const char *name, char out[LT_INPUT_NAME_MAX + 1])
{
    size_t n = 0;
    for (const char *p = name; *p && n < LT_INPUT_NAME_MAX; p++) {
        bool up = *p == '_' && p[1] >= 'a' && p[1] <= 'z';
        p += up;
        out[n++] = (char)(up ? *p - ('a' - 'A') : *p);
    }
    out[n] = 0;
    return out;
}

const struct lt_json *lt_input_get(const struct lt_json *object, const char *name)
{
    char other[LT_INPUT_NAME_MAX + 1];
    const struct lt_json *v = lt_json_get(object, name);
    if (!v)
        v = lt_json_get(object, camel(name, other));
    return lt_json_is(v, LT_JSON_NULL) ? NULL : v;
}

static const char *pointer(const char *name, char out[LT_INPUT_NAME_MAX + 2])
{
    snprintf(out, LT_INPUT_NAME_MAX + 2, "/%s", name);
    return out;
}

enum lt_code lt_input_text(const struct lt_json *object, const char *name, size_t max, struct lt_str *ret, struct lt_error *err)
{
    char field[LT_INPUT_NAME_MAX + 2];
    const struct lt_json *v = lt_input_get(object, name);
    *ret = LT_STR("");
    if (!v)
        return LT_OK;
    *ret = lt_str_trim(lt_json_str_or(v, LT_STR("")));
    if (!lt_json_is(v, LT_JSON_STRING) || ret->n > max)
        return lt_fail_field(err, LT_EINVALID_INPUT, pointer(name, field), "must be text of at most %zu bytes", max);
    return LT_OK;
}

enum lt_code lt_input_int(const struct lt_json *object, const char *name, int64_t min, int64_t max, int64_t otherwise, int64_t *ret,
                          struct lt_error *err)
{
    char field[LT_INPUT_NAME_MAX + 2];
    const struct lt_json *v = lt_input_get(object, name);
    *ret = otherwise;
    if (v && (!lt_json_int64(v, ret) || *ret < min || *ret > max))
        return lt_fail_field(err, LT_EINVALID_INPUT, pointer(name, field), "must be a whole number from %" PRId64 " to %" PRId64, min, max);
    return LT_OK;
}

enum lt_code lt_input_tree(struct lt_arena *arena, struct lt_buf *out, const struct lt_json **ret, struct lt_error *err)
{
    enum lt_code rc = out->failed ? lt_fail(err, LT_ETOO_LARGE, "more than %zu bytes of JSON", out->max)
                                  : lt_json_parse(arena, lt_str_copy(arena, lt_buf_str(out)), LT_JSON_STRICT, ret, err);
    lt_buf_free(out);
    return rc;
}
