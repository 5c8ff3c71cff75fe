/*
 * A stored thread and what a service keeps, each a JSON value on a line: walked, made messages of, combined. Holds the result against what is
 * said of it: nothing of the output is lost, no input stands twice, what is only stored stands there once.
 */
#include <stdlib.h>

#include "workflows/thread.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds)
        abort();
}

struct kept {
    struct lt_arena *arena;
    const struct lt_json *answers; /* array */
};

static size_t list_of(struct lt_arena *arena, const struct lt_json *array, const struct lt_json ***ret)
{
    size_t n = lt_json_is(array, LT_JSON_ARRAY) ? lt_json_len(array) : 0;
    *ret = LT_NEW_ARRAY(arena, const struct lt_json *, n);
    for (size_t i = 0; i < n; i++)
        (*ret)[i] = lt_json_at(array, i);
    return n;
}

static enum lt_code fetch(void *ctx, struct lt_str id, struct lt_kept_response *ret, struct lt_error *err)
{
    struct kept *k = ctx;
    for (size_t i = 0; i < lt_json_len(k->answers); i++) {
        const struct lt_json *v = lt_json_at(k->answers, i);
        if (!lt_str_eq(lt_json_str(lt_json_get(v, "id")), id))
            continue;
        *ret = (struct lt_kept_response){.id = id, .model = lt_json_str_or(lt_json_get(v, "model"), LT_STR("")), .usage = LT_USAGE_UNKNOWN};
        ret->previous_response_id = lt_json_str_or(lt_json_get(v, "previous_response_id"), LT_STR(""));
        ret->created_at = lt_json_int64_or(lt_json_get(v, "created_at"), 0);
        ret->input_n = list_of(k->arena, lt_json_get(v, "input"), &ret->input);
        ret->output_n = list_of(k->arena, lt_json_get(v, "output"), &ret->output);
        return LT_OK;
    }
    return lt_fail(err, LT_ENOT_FOUND, "gone");
}

static size_t count_source(const struct lt_json *thread, const char *source)
{
    size_t n = 0;
    for (size_t i = 0; i < lt_json_len(thread); i++)
        n += lt_str_is(lt_json_str(lt_json_get(lt_json_at(thread, i), "source")), source);
    return n;
}

/* A line each for what has to hold whatever the two threads are. */
static void check(const struct lt_json *local, const struct lt_json *remote, const struct lt_json *combined)
{
    size_t inputs = 0, outputs = 0, errors = 0, with_tokens = 0;
    for (size_t i = 0; i < lt_json_len(remote); i++) {
        const struct lt_json *r = lt_json_at(remote, i);
        errors += lt_json_get(r, "error") != NULL;
        inputs += lt_json_len(lt_json_get(r, "input"));
        outputs += lt_json_len(lt_json_get(r, "output"));
    }
    for (size_t i = 0; i < lt_json_len(combined); i++) {
        const struct lt_json *m = lt_json_at(combined, i);
        must(lt_json_get(m, "role") && lt_json_get(m, "type") && lt_json_get(m, "content"));
        with_tokens += lt_json_get(m, "tokens") != NULL;
    }
    size_t both = count_source(combined, "both"), here = count_source(combined, "local"), there = count_source(combined, "remote");
    must(with_tokens == outputs);
    must(both + there >= outputs && both + there <= outputs + inputs);
    must(both + here <= lt_json_len(local));
    must(both + here + there + errors == lt_json_len(combined));
}

static void combine(struct lt_arena *arena, const struct lt_json *local, const struct lt_json *remote)
{
    struct lt_buf out;
    struct lt_jw w;
    const struct lt_json *combined;
    lt_buf_init(&out, 64 << 20);
    lt_jw_init(&w, &out);
    lt_thread_combine(arena, local, remote, &w);
    must(!out.failed && lt_json_parse(arena, lt_buf_str(&out), LT_JSON_STRICT, &combined, NULL) == LT_OK);
    check(local, remote, combined);
    lt_buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct lt_arena *arena = lt_arena_new();
    struct lt_str second = {(const char *)data, size}, first = lt_str_cut(&second, '\n'), text;
    const struct lt_json *local, *remote;
    struct kept k = {.arena = arena};
    if (lt_json_parse(arena, first, LT_JSON_STRICT, &local, NULL) == LT_OK && lt_json_is(local, LT_JSON_ARRAY) &&
        lt_json_parse(arena, second, LT_JSON_STRICT, &k.answers, NULL) == LT_OK && lt_json_is(k.answers, LT_JSON_ARRAY)) {
        struct lt_str id = lt_json_str_or(lt_json_get(lt_json_at(k.answers, 0), "id"), LT_STR("r"));
        must(lt_thread_walk(arena, id, fetch, &k, &text, NULL) == LT_OK || size > 4096);
        if (lt_json_parse(arena, text, LT_JSON_STRICT, &remote, NULL) == LT_OK && lt_json_len(remote) > 0)
            combine(arena, local, remote);
    }
    lt_arena_free(arena);
    return 0;
}
