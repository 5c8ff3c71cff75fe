/*
 * JSON Merge Patch, RFC 7386 §2. Trees are immutable, so what a patch does not touch is shared, not copied.
 * Fuzzed by tests/fuzz/fuzz_merge_patch.c.
 */
#include "text/merge_patch.h"

#include "text/json_tree.h"

static struct lt_json merged(struct lt_arena *arena, const struct lt_json *target, const struct lt_json *patch);

/* Appends what becomes of the target's members. */
static void put_kept(struct lt_arena *arena, const struct lt_json *target, const struct lt_json *patch, struct lt_json_member *out, uint32_t *n)
{
    for (uint32_t i = 0; i < target->n; i++) {
        const struct lt_json_member *m = &target->members[i];
        const struct lt_json *change = lt_json_get_str(patch, m->key);
        if (!change)
            out[(*n)++] = *m;
        else if (change->type != LT_JSON_NULL)
            out[(*n)++] = (struct lt_json_member){m->key, merged(arena, &m->value, change)};
    }
}

/* Appends the patch's members that the target lacks. */
static void put_new(struct lt_arena *arena, const struct lt_json *target, const struct lt_json *patch, struct lt_json_member *out, uint32_t *n)
{
    for (uint32_t i = 0; i < patch->n; i++) {
        const struct lt_json_member *m = &patch->members[i];
        if (m->value.type != LT_JSON_NULL && !lt_json_get_str(target, m->key))
            out[(*n)++] = (struct lt_json_member){m->key, merged(arena, NULL, &m->value)};
    }
}

static struct lt_json merged(struct lt_arena *arena, const struct lt_json *target, const struct lt_json *patch)
{
    if (patch->type != LT_JSON_OBJECT)
        return *patch;
    if (!lt_json_is(target, LT_JSON_OBJECT))
        target = NULL;
    struct lt_json_member *members = LT_NEW_ARRAY(arena, struct lt_json_member, lt_json_len(target) + patch->n);
    struct lt_json v = {.type = LT_JSON_OBJECT, .members = members};
    if (target)
        put_kept(arena, target, patch, members, &v.n);
    put_new(arena, target, patch, members, &v.n);
    if (v.n > LT_JSON_LINEAR)
        lt_json_index(arena, &v);
    return v;
}

const struct lt_json *lt_merge_patch(struct lt_arena *arena, const struct lt_json *target, const struct lt_json *patch)
{
    if (!patch)
        return target;
    struct lt_json *v = LT_NEW(arena, struct lt_json);
    *v = merged(arena, target, patch);
    return v;
}
