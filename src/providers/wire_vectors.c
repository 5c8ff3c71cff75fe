/* The numbers of an embedding. Fuzzed by tests/fuzz/fuzz_openai_vectors.c. */
#include <math.h>

#include "providers/wire.h"

enum { DIMENSIONS_MAX = 65536, NUMBERS_MAX = 8 * 1024 * 1024 /* of a whole answer: 32 MiB */ };

static int digit(unsigned char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* RFC 4648 §4, with or without padding. Writes at most 3/4 of the length; false when malformed. */
static bool decode(struct lt_str s, unsigned char *out, size_t *ret_n)
{
    for (int pad = 0; pad < 2 && s.n > 0 && s.p[s.n - 1] == '='; pad++)
        s.n--;
    uint32_t bits = 0;
    int have = 0;
    *ret_n = 0;
    for (size_t i = 0; i < s.n; i++) {
        int d = digit((unsigned char)s.p[i]);
        if (d < 0)
            return false;
        bits = bits << 6 | (uint32_t)d;
        have += 6;
        if (have < 8)
            continue;
        have -= 8;
        out[(*ret_n)++] = (unsigned char)(bits >> have);
    }
    return s.n % 4 != 1 && (bits & ((1u << have) - 1)) == 0;
}

static float little_endian(const unsigned char *p)
{
    uint32_t bits = (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
    float f;
    memcpy(&f, &bits, sizeof(f));
    return f;
}

static enum lt_code invalid(size_t i, const char *what, struct lt_error *err)
{
    return lt_fail(err, LT_EUPSTREAM_INVALID, "vector %zu of the answer %s", i, what);
}

/* The place of vector i; the first one says how long all are. */
static enum lt_code place(struct lt_provider_run *run, size_t i, size_t n, float **ret, struct lt_error *err)
{
    struct lt_neutral_result *r = &run->result;
    size_t texts = run->call->texts_n;
    if (i >= texts)
        return invalid(i, "was not asked for", err);
    if (n == 0 || n > DIMENSIONS_MAX || n > NUMBERS_MAX / texts)
        return invalid(i, "has a length that cannot be", err);
    if (!r->vectors) {
        float *all = LT_NEW_ARRAY(run->arena, float, n * texts);
        for (size_t k = 0; k < n * texts; k++)
            all[k] = NAN; /* not there yet */
        r->vectors = all;
        r->vectors_n = texts;
        r->dimensions = n;
    }
    if (n != r->dimensions)
        return invalid(i, "is not as long as the others", err);
    *ret = (float *)(uintptr_t)r->vectors + i * n;
    return isnan(**ret) ? LT_OK : invalid(i, "came twice", err);
}

static enum lt_code from_base64(struct lt_provider_run *run, size_t i, struct lt_str s, struct lt_error *err)
{
    unsigned char *bytes = lt_alloc(run->arena, s.n / 4 * 3 + 3);
    float *out;
    size_t n;
    if (!decode(s, bytes, &n) || n % 4 != 0)
        return invalid(i, "is not base64 of float32", err);
    enum lt_code code = place(run, i, n / 4, &out, err);
    for (size_t k = 0; !code && k < n / 4; k++) {
        out[k] = little_endian(bytes + 4 * k);
        if (!isfinite(out[k]))
            code = invalid(i, "has a number that is none", err);
    }
    return code;
}

enum lt_code lt_wire_vector(struct lt_provider_run *run, size_t i, const struct lt_json *v, struct lt_error *err)
{
    float *out;
    if (lt_json_is(v, LT_JSON_STRING))
        return from_base64(run, i, lt_json_str(v), err);
    if (!lt_json_is(v, LT_JSON_ARRAY))
        return invalid(i, "is neither a list of numbers nor base64", err);
    enum lt_code code = place(run, i, lt_json_len(v), &out, err);
    for (size_t k = 0; !code && k < lt_json_len(v); k++) {
        out[k] = (float)lt_json_double_or(lt_json_at(v, k), (double)NAN);
        if (!isfinite(out[k]))
            code = invalid(i, "has a number that is none", err);
    }
    return code;
}

enum lt_code lt_wire_vectors_end(struct lt_provider_run *run, struct lt_error *err)
{
    const struct lt_neutral_result *r = &run->result;
    if (!r->vectors)
        return lt_fail(err, LT_EUPSTREAM_INVALID, "the answer has no vectors");
    for (size_t i = 0; i < r->vectors_n; i++)
        if (isnan(r->vectors[i * r->dimensions]))
            return lt_fail(err, LT_EUPSTREAM_INVALID, "the answer has no vector for text %zu", i);
    return LT_OK;
}
