/* A component's manifest as JSON. */
#include <stdio.h>

#include "plugin/service_private.h"

static bool parse_number(struct lt_str s, int *ret)
{
    int64_t n;
    if (!lt_str_to_int64(s, &n) || n > 9999)
        return false;
    *ret = (int)n;
    return true;
}

/* "1.2" or "1". */
static bool parse_version(struct lt_str s, struct lt_requirement *r)
{
    struct lt_str minor = s, major = lt_str_cut(&minor, '.');
    return parse_number(major, &r->min_major) && (major.n == s.n || parse_number(minor, &r->min_minor));
}

static enum lt_code read_item(struct lt_arena *arena, const struct lt_json *v, struct lt_requirement *r, struct lt_error *err)
{
    struct lt_str name = lt_json_is(v, LT_JSON_STRING) ? lt_json_str(v) : lt_json_str(lt_json_get(v, "service"));
    const struct lt_json *min = lt_json_get(v, "min"), *max = lt_json_get(v, "max_major"), *strict = lt_json_get(v, "strict");
    if (!lt_registry_name_ok(name))
        return lt_fail_field(err, LT_EINVALID_INPUT, "/service", "'%.*s' is not a valid service name", LT_FMT(name));
    for (size_t i = 0; lt_json_is(v, LT_JSON_OBJECT) && i < lt_json_len(v); i++) {
        struct lt_str key = lt_json_key_at(v, i);
        if (!lt_str_is(key, "service") && !lt_str_is(key, "min") && !lt_str_is(key, "max_major") && !lt_str_is(key, "strict"))
            return lt_fail_field(err, LT_EINVALID_INPUT, "", "service '%.*s' has an unknown member '%.*s'", LT_FMT(name), LT_FMT(key));
    }
    r->service = lt_strz(arena, name);
    if (min && !parse_version(lt_json_str(min), r))
        return lt_fail_field(err, LT_EINVALID_INPUT, "/min", "must be \"MAJOR.MINOR\", each 0 to 9999");
    int64_t highest = lt_json_int64_or(max, max ? -1 : min ? r->min_major : 0);
    if (highest < r->min_major || highest > 9999)
        return lt_fail_field(err, LT_EINVALID_INPUT, "/max_major", "must be an integer from the major of min to 9999");
    r->max_major = (int)highest;
    if (strict && !lt_json_is(strict, LT_JSON_BOOL))
        return lt_fail_field(err, LT_EINVALID_INPUT, "/strict", "must be true or false");
    r->strict = lt_json_bool_or(strict, false);
    return LT_OK;
}

static enum lt_code read_list(struct lt_arena *arena, const struct lt_json *list, enum lt_strength strength, struct lt_requirement *out, size_t *n,
                              struct lt_error *err)
{
    if (!lt_json_is(list, LT_JSON_ARRAY))
        return lt_fail_field(err, LT_EINVALID_INPUT, "", "must be an array");
    for (size_t i = 0; i < lt_json_len(list); i++) {
        char at[32];
        if (*n == LT_SERVICE_REQUIRES_MAX)
            return lt_fail_field(err, LT_EINVALID_INPUT, "", "more than %d services", LT_SERVICE_REQUIRES_MAX);
        out[*n] = (struct lt_requirement){.strength = strength};
        if (read_item(arena, lt_json_at(list, i), &out[*n], err)) {
            snprintf(at, sizeof(at), "/%zu", i);
            return lt_error_under(err, at);
        }
        (*n)++;
    }
    return LT_OK;
}

static enum lt_code read_extends(struct lt_arena *arena, const struct lt_json *list, const char **out, struct lt_error *err)
{
    size_t n = lt_json_len(list);
    if (!lt_json_is(list, LT_JSON_ARRAY) || n > LT_SERVICE_EXTENDS_MAX)
        return lt_fail_field(err, LT_EINVALID_INPUT, "/extends", "must be an array of at most %d names", LT_SERVICE_EXTENDS_MAX);
    for (size_t i = 0; i < n; i++) {
        if (!lt_registry_name_ok(lt_json_str(lt_json_at(list, i))))
            return lt_fail_field(err, LT_EINVALID_INPUT, "/extends", "has what is no name of a component");
        out[i] = lt_strz(arena, lt_json_str(lt_json_at(list, i)));
    }
    return LT_OK;
}

static enum lt_code read_manifest(struct lt_arena *arena, const struct lt_json *v, struct lt_component_manifest *m, struct lt_requirement *list,
                                  const char **extends, struct lt_error *err)
{
    for (size_t i = 0; i < lt_json_len(v); i++) { /* in the order of the text: of two for one service the later wins */
        struct lt_str key = lt_json_key_at(v, i);
        const struct lt_json *value = lt_json_at(v, i);
        enum lt_code rc = LT_OK;
        if (lt_str_is(key, "needs") || lt_str_is(key, "wants")) {
            bool needs = lt_str_is(key, "needs");
            rc = read_list(arena, value, needs ? LT_STRENGTH_NEED : LT_STRENGTH_WANT, list, &m->requires_n, err);
            if (rc)
                return lt_error_under(err, needs ? "/needs" : "/wants");
        } else if (lt_str_is(key, "extends"))
            rc = read_extends(arena, value, extends, err);
        else if (!lt_str_is(key, "component"))
            rc = lt_fail_field(err, LT_EINVALID_INPUT, "", "unknown member '%.*s'", LT_FMT(key));
        if (rc)
            return rc;
    }
    return LT_OK;
}

enum lt_code lt_services_declare_json(struct lt_services *s, struct lt_arena *arena, const struct lt_json *v, struct lt_error *err)
{
    struct lt_requirement list[LT_SERVICE_REQUIRES_MAX];
    const char *extends[LT_SERVICE_EXTENDS_MAX + 1] = {NULL};
    struct lt_str name = lt_json_str(lt_json_get(v, "component"));
    struct lt_component_manifest m = {.extends = extends, .requires = list};
    if (!lt_json_is(v, LT_JSON_OBJECT) || !lt_registry_name_ok(name))
        return lt_fail_field(err, LT_EINVALID_INPUT, "/component", "must be a name (lower-case letter, then letters, digits, _ . -, at most 63)");
    m.name = lt_strz(arena, name);
    return read_manifest(arena, v, &m, list, extends, err) ? err->code : lt_services_declare(s, &m, err);
}
