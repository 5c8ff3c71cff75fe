/* Opaque keys and contexts: any bytes. What is taken must be whole parts of the text, in order, and must be taken again. */
#include <stdlib.h>

#include "workflows/opaque_key.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool right)
{
    if (!right)
        abort();
}

static void check_part(struct lt_str text, struct lt_str part)
{
    check(part.n == 0 || (part.p >= text.p && part.p + part.n <= text.p + text.n));
    check(part.n == 0 || lt_utf8_valid(part.p, part.n));
    check(part.n == 0 || (!memchr(part.p, '+', part.n) && !memchr(part.p, '@', part.n) && !memchr(part.p, '/', part.n) && !memchr(part.p, 0, part.n)));
}

static void check_key(struct lt_str text, const struct lt_opaque_key *k)
{
    const struct lt_str parts[] = {k->org, k->course, k->run, k->branch, k->version, k->block_type, k->block_id};
    for (size_t i = 0; i < LT_COUNT(parts); i++)
        check_part(text, parts[i]);
    bool block = k->kind == LT_OPAQUE_USAGE || k->kind == LT_OPAQUE_LIBRARY_USAGE;
    check(block == (k->block_type.n > 0) && block == (k->block_id.n > 0));
    check((k->org.n > 0 && k->course.n > 0) || k->version.n == 24);
    check(text.n <= LT_OPAQUE_KEY_MAX);
    check((lt_course_key_parse(text, NULL, NULL) == LT_OK) != (lt_usage_key_parse(text, NULL, NULL) == LT_OK));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *copy = malloc(size + 1); /* of its own, so that a byte too far is seen */
    if (!copy)
        abort();
    memcpy(copy, data, size);
    struct lt_str text = {copy, size};
    struct lt_opaque_key key;
    struct lt_error err = {0};
    if (lt_opaque_key_parse(text, &key, &err) == LT_OK)
        check_key(text, &key);
    else
        check(err.code == LT_EINVALID_INPUT && err.detail[0]);

    struct lt_arena *arena = lt_arena_new();
    const struct lt_json *json = NULL;
    struct lt_opaque_context context;
    if (lt_json_parse(arena, text, LT_JSON_STRICT, &json, NULL) == LT_OK && lt_opaque_context_read(json, true, &context, &err) == LT_OK) {
        check(context.course_id.n == 0 || lt_course_key_parse(context.course_id, NULL, NULL) == LT_OK);
        check(context.location_id.n == 0 || lt_usage_key_parse(context.location_id, NULL, NULL) == LT_OK);
    }
    lt_arena_free(arena);
    free(copy);
    return 0;
}
