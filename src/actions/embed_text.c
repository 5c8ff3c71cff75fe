/* embed_text: a vector for each of some texts, for search by meaning. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/action.h"

enum { BYTES_MAX = 1024 * 1024 /* of all texts together */ };

static enum lt_code compile(const struct lt_action_call *call, struct lt_neutral_call *ret, struct lt_error *err)
{
    const struct lt_json *list = lt_json_get(call->input, "texts");
    size_t n = lt_json_len(list), bytes = 0;
    struct lt_str *texts = LT_NEW_ARRAY(call->arena, struct lt_str, n);
    for (size_t i = 0; i < n; i++) {
        char where[32];
        snprintf(where, sizeof(where), "/texts/%zu", i);
        texts[i] = lt_json_str(lt_json_at(list, i));
        bytes += texts[i].n;
        if (lt_str_trim(texts[i]).n == 0)
            return lt_fail_field(err, LT_EINVALID_INPUT, where, "must hold something other than white space");
    }
    if (bytes > BYTES_MAX)
        return lt_fail_field(err, LT_EINVALID_INPUT, "/texts", "must hold at most %d bytes, holds %zu", BYTES_MAX, bytes);
    *ret = (struct lt_neutral_call){.kind = LT_NEUTRAL_EMBEDDING,
                                    .texts = texts,
                                    .texts_n = n,
                                    .dimensions = lt_json_int64_or(lt_json_get(call->input, "dimensions"), 0)};
    return LT_OK;
}

/* A vector with a NaN, or of no length, would poison every comparison with it. */
static enum lt_code check(const struct lt_action_call *call, const struct lt_neutral_result *result, struct lt_error *err)
{
    size_t n = lt_json_len(lt_json_get(call->input, "texts"));
    if (result->vectors_n != n || result->dimensions == 0)
        return lt_fail(err, LT_EUPSTREAM_INVALID, "%zu vectors of %zu dimensions came for %zu texts", result->vectors_n, result->dimensions, n);
    for (size_t i = 0; i < n; i++) {
        double length = 0;
        for (size_t k = 0; k < result->dimensions; k++)
            length += (double)result->vectors[i * result->dimensions + k] * (double)result->vectors[i * result->dimensions + k];
        if (!isfinite(length) || length == 0)
            return lt_fail(err, LT_EUPSTREAM_INVALID, "vector %zu has no direction", i);
    }
    return LT_OK;
}

/* The shortest form that reads back as the same float: half of what the double would take. */
static void write_float(struct lt_jw *w, float v)
{
    char text[32];
    int n = 0;
    for (int digits = 6; digits <= 9; digits++) {
        n = snprintf(text, sizeof(text), "%.*g", digits, (double)v);
        if (strtof(text, NULL) == v)
            break;
    }
    lt_jw_raw(w, (struct lt_str){text, (size_t)n});
}

static enum lt_code finish(const struct lt_action_call *call, const struct lt_neutral_result *result, struct lt_jw *response, struct lt_error *err)
{
    if (check(call, result, err))
        return err->code;
    lt_jw_obj(response);
    lt_jw_key(response, "embeddings");
    lt_jw_arr(response);
    for (size_t i = 0; i < result->vectors_n; i++) {
        lt_jw_arr(response);
        for (size_t k = 0; k < result->dimensions; k++)
            write_float(response, result->vectors[i * result->dimensions + k]);
        lt_jw_end(response);
    }
    lt_jw_end(response);
    lt_jw_kint(response, "dimensions", (int64_t)result->dimensions);
    lt_jw_end(response);
    return LT_OK;
}

/* The texts are what can be asked about later; the vectors can be made again. */
static void store(const struct lt_action_call *call, const struct lt_neutral_result *result, struct lt_value *values)
{
    values[0] = LT_TEXT(lt_json_text(call->arena, lt_json_get(call->input, "texts")));
    values[1] = LT_TEXT(lt_printf(call->arena, "%zu", result->dimensions));
}

static const char *const columns[] = {"texts", "dimensions", NULL};

extern const struct lt_action lt_action_embed_text;
const struct lt_action lt_action_embed_text = {
    .name = "embed_text",
    .title = "Embed text",
    .description = "Gives a vector for each text, so that texts of like meaning can be found.",
    .kind = LT_NEUTRAL_EMBEDDING,
    .input_schema = "{\"type\":\"object\",\"required\":[\"texts\"],\"additionalProperties\":false,\"properties\":{"
                    "\"texts\":{\"type\":\"array\",\"minItems\":1,\"maxItems\":128,"
                    "\"items\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":100000}},"
                    "\"dimensions\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":16384}}}",
    .response_schema = "{\"type\":\"object\",\"required\":[\"embeddings\",\"dimensions\"],\"additionalProperties\":false,"
                       "\"properties\":{\"embeddings\":{\"type\":\"array\",\"items\":{\"type\":\"array\","
                       "\"items\":{\"type\":\"number\"}}},\"dimensions\":{\"type\":\"integer\",\"minimum\":1}}}",
    .instruction = "",
    .columns = columns,
    .compile = compile,
    .finish = finish,
    .store = store,
};
