/* PNG, third edition (ISO/IEC 15948): chunks in their order, each with its checksum. Fuzzed by tests/fuzz/fuzz_picture.c. */
#include <zlib.h>

#include "picture/xmp.h"

enum { SIGNATURE = 8, CHUNK = 12 /* length, name, checksum */, HEAD = 13 };

struct reader {
    struct lt_str rest;
    struct lt_buf *out;
    bool data, ended; /* IDAT has begun; and was followed by another one */
};

/* What stays beside IHDR, IDAT and IEND: what changes how the pixels look. */
static const char kept[][5] = {"PLTE", "tRNS", "gAMA", "cHRM", "sRGB", "iCCP", "sBIT", "pHYS", "cICP"};

static bool is(const char *name, const char *other)
{
    return memcmp(name, other, 4) == 0;
}

static bool is_kept(const char *name)
{
    for (size_t i = 0; i < LT_COUNT(kept); i++)
        if (is(name, kept[i]))
            return true;
    return false;
}

static void put32(struct lt_buf *out, uint32_t v)
{
    const unsigned char b[4] = {(unsigned char)(v >> 24), (unsigned char)(v >> 16), (unsigned char)(v >> 8), (unsigned char)v};
    lt_buf_put(out, b, sizeof(b));
}

static uint32_t checksum(const char *p, size_t n)
{
    return (uint32_t)crc32(0, (const Bytef *)p, (uInt)n);
}

/* The next chunk, whole and with the right checksum: name and data. */
static enum lt_code next(struct reader *r, struct lt_str *ret, struct lt_error *err)
{
    if (r->rest.n < CHUNK)
        return lt_fail(err, LT_EUPSTREAM_INVALID, "it is cut off");
    uint32_t n = lt_picture_be32(r->rest.p);
    if (n > r->rest.n - CHUNK)
        return lt_fail(err, LT_EUPSTREAM_INVALID, "it is cut off");
    *ret = (struct lt_str){r->rest.p + 4, 4 + (size_t)n};
    if (checksum(ret->p, ret->n) != lt_picture_be32(ret->p + ret->n))
        return lt_fail(err, LT_EUPSTREAM_INVALID, "a part of it has a wrong checksum");
    r->rest = (struct lt_str){r->rest.p + CHUNK + n, r->rest.n - CHUNK - n};
    return LT_OK;
}

static void put_chunk(struct lt_buf *out, struct lt_str chunk)
{
    put32(out, (uint32_t)chunk.n - 4);
    lt_buf_put_str(out, chunk);
    put32(out, checksum(chunk.p, chunk.n));
}

/* iTXt (11.3.3.4): keyword, not compressed, no language, no translated keyword, UTF-8. */
static void put_mark(struct lt_buf *out)
{
    static const struct lt_str head = LT_STR("iTXtXML:com.adobe.xmp\0\0\0\0\0");
    char chunk[2048];
    struct lt_str packet = lt_str(lt_picture_xmp);
    memcpy(chunk, head.p, head.n);
    memcpy(chunk + head.n, packet.p, packet.n);
    put_chunk(out, (struct lt_str){chunk, head.n + packet.n});
}

/* Table 11.1: which depths a colour type may have, a bit for each. */
static bool is_depth_of(unsigned type, unsigned depth)
{
    static const unsigned depths[] = {[0] = 1 | 2 | 4 | 8 | 16, [2] = 8 | 16, [3] = 1 | 2 | 4 | 8, [4] = 8 | 16, [6] = 8 | 16};
    return type < LT_COUNT(depths) && depth > 0 && (depth & (depth - 1)) == 0 && (depths[type] & depth);
}

static enum lt_code read_head(struct reader *r, struct lt_picture_head *ret, struct lt_error *err)
{
    struct lt_str chunk;
    if (next(r, &chunk, err))
        return err->code;
    const unsigned char *p = (const unsigned char *)chunk.p + 4;
    if (chunk.n != 4 + HEAD || !is(chunk.p, "IHDR") || !is_depth_of(p[9], p[8]) || p[10] != 0 || p[11] != 0 || p[12] > 1)
        return lt_fail(err, LT_EUPSTREAM_INVALID, "its head is wrong");
    ret->width = lt_picture_be32(chunk.p + 4);
    ret->height = lt_picture_be32(chunk.p + 8);
    put_chunk(r->out, chunk);
    return lt_picture_check_size(ret->width, ret->height, err);
}

/* Small letter first: it may be left out (5.4). */
static enum lt_code take_chunk(struct reader *r, struct lt_str chunk, struct lt_error *err)
{
    bool data = is(chunk.p, "IDAT"), keep = data || is_kept(chunk.p);
    if (is(chunk.p, "IHDR") || (data && r->ended))
        return lt_fail(err, LT_EUPSTREAM_INVALID, "its parts are in the wrong order");
    if (!keep && !(chunk.p[0] & 0x20))
        return lt_fail(err, LT_EUPSTREAM_INVALID, "it has a part that nobody knows");
    r->ended |= r->data && !data;
    r->data |= data;
    if (keep)
        put_chunk(r->out, chunk);
    return LT_OK;
}

enum lt_code lt_picture_take_png(struct lt_str bytes, struct lt_buf *out, struct lt_picture_head *ret, struct lt_error *err)
{
    struct reader r = {.rest = {bytes.p + SIGNATURE, bytes.n - SIGNATURE}, .out = out};
    lt_buf_put(out, bytes.p, SIGNATURE);
    if (read_head(&r, ret, err))
        return err->code;
    put_mark(out);
    for (;;) {
        struct lt_str chunk;
        if (next(&r, &chunk, err))
            return err->code;
        if (is(chunk.p, "IEND") && !r.data)
            return lt_fail(err, LT_EUPSTREAM_INVALID, "it has no pixels");
        if (is(chunk.p, "IEND")) {
            put_chunk(out, (struct lt_str){chunk.p, 4});
            return LT_OK;
        }
        if (take_chunk(&r, chunk, err))
            return err->code;
    }
}
