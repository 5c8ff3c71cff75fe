/*
 * WebP (RFC 9649): a RIFF file with one still picture. Written in its extended form, which alone can hold a mark.
 * Fuzzed by tests/fuzz/fuzz_picture.c.
 */
#include "picture/xmp.h"

enum { RIFF = 12, CHUNK = 8, ICC = 0x20, ALPHA = 0x10, XMP = 0x04, ANIMATION = 0x02 };

struct parts {
    struct lt_str profile, alpha, pixels; /* bodies; p NULL: not there */
    const char *name;                     /* of the chunk of pixels */
    bool extended, transparent;
    uint32_t canvas_width, canvas_height;
};

static enum lt_code wrong(struct lt_error *err, const char *what)
{
    return lt_fail(err, LT_EUPSTREAM_INVALID, "%s", what);
}

static void put_le(struct lt_buf *out, uint32_t v, int bytes)
{
    for (int i = 0; i < bytes; i++)
        lt_buf_putc(out, (char)(v >> 8 * i & 0xFF));
}

static void put_chunk(struct lt_buf *out, const char *name, struct lt_str body)
{
    lt_buf_put(out, name, 4);
    put_le(out, (uint32_t)body.n, 4);
    lt_buf_put_str(out, body);
    if (body.n & 1)
        lt_buf_putc(out, '\0');
}

/* RFC 6386, 9.1: a key frame with its size. */
static enum lt_code read_lossy(struct lt_str b, struct lt_picture_head *ret, struct lt_error *err)
{
    if (b.n < 10 || (b.p[0] & 1) || memcmp(b.p + 3, "\x9d\x01\x2a", 3) != 0)
        return wrong(err, "its head is wrong");
    ret->width = (lt_picture_le24(b.p + 6) & 0x3FFF);
    ret->height = (lt_picture_le24(b.p + 7) >> 8 & 0x3FFF);
    uint32_t first = (lt_picture_le24(b.p) >> 5); /* the first partition's bytes */
    return first > b.n - 10 ? wrong(err, "it is cut off") : LT_OK;
}

/* RFC 9649, 3.4 */
static enum lt_code read_lossless(struct lt_str b, struct lt_picture_head *ret, bool *ret_alpha, struct lt_error *err)
{
    if (b.n < 6 || b.p[0] != 0x2f)
        return wrong(err, "its head is wrong");
    uint32_t bits = lt_picture_le32(b.p + 1);
    ret->width = (bits & 0x3FFF) + 1;
    ret->height = (bits >> 14 & 0x3FFF) + 1;
    *ret_alpha = bits >> 28 & 1;
    return bits >> 29 ? wrong(err, "its head is wrong") : LT_OK;
}

static enum lt_code take_chunk(struct parts *p, const char *name, struct lt_str body, bool first, struct lt_error *err)
{
    bool pixels = memcmp(name, "VP8 ", 4) == 0 || memcmp(name, "VP8L", 4) == 0;
    if (memcmp(name, "VP8X", 4) == 0) {
        if (!first || body.n != 10)
            return wrong(err, "its parts are in the wrong order");
        if (body.p[0] & ANIMATION)
            return wrong(err, "it moves: only still pictures are taken");
        p->extended = true;
        p->canvas_width = lt_picture_le24(body.p + 4) + 1;
        p->canvas_height = (lt_picture_le24(body.p + 6) >> 8 | (uint32_t)(unsigned char)body.p[9] << 16) + 1;
    } else if (pixels && p->pixels.p) {
        return wrong(err, "it holds more than one picture");
    } else if (pixels) {
        p->pixels = body;
        p->name = name;
    } else if (memcmp(name, "ICCP", 4) == 0 && p->extended && !p->profile.p && !p->pixels.p) {
        p->profile = body;
    } else if (memcmp(name, "ALPH", 4) == 0 && p->extended && !p->alpha.p && !p->pixels.p) {
        p->alpha = body;
    }
    return LT_OK;
}

/* What RIFF's size leaves out is not read. */
static enum lt_code read_parts(struct lt_str bytes, struct parts *p, struct lt_error *err)
{
    uint32_t size = lt_picture_le32(bytes.p + 4);
    if (size < 4 || size > bytes.n - 8)
        return wrong(err, "it is cut off");
    struct lt_str rest = {bytes.p + RIFF, size - 4};
    for (bool first = true; rest.n > 0; first = false) {
        if (rest.n < CHUNK)
            return wrong(err, "it is cut off");
        uint32_t n = lt_picture_le32(rest.p + 4);
        size_t whole = CHUNK + (size_t)n + (n & 1);
        if (whole > rest.n)
            return wrong(err, "it is cut off");
        if (take_chunk(p, rest.p, (struct lt_str){rest.p + CHUNK, n}, first, err))
            return err->code;
        rest = (struct lt_str){rest.p + whole, rest.n - whole};
    }
    return p->pixels.p ? LT_OK : wrong(err, "it has no pixels");
}

static void write_parts(struct lt_buf *out, const struct parts *p, const struct lt_picture_head *head)
{
    size_t start = out->n;
    char extended[10] = {(char)(XMP | (p->profile.p ? ICC : 0) | (p->transparent ? ALPHA : 0))};
    uint32_t sides[2] = {head->width - 1, head->height - 1};
    for (int i = 0; i < 6; i++)
        extended[4 + i] = (char)(sides[i / 3] >> 8 * (i % 3) & 0xFF);
    lt_buf_put_str(out, LT_STR("RIFF\0\0\0\0WEBP"));
    put_chunk(out, "VP8X", (struct lt_str){extended, sizeof(extended)});
    if (p->profile.p)
        put_chunk(out, "ICCP", p->profile);
    if (p->alpha.p)
        put_chunk(out, "ALPH", p->alpha);
    put_chunk(out, p->name, p->pixels);
    put_chunk(out, "XMP ", lt_str(lt_picture_xmp));
    for (int i = 0; !out->failed && i < 4; i++)
        out->p[start + 4 + (size_t)i] = (char)((out->n - start - 8) >> 8 * i & 0xFF);
}

enum lt_code lt_picture_take_webp(struct lt_str bytes, struct lt_buf *out, struct lt_picture_head *ret, struct lt_error *err)
{
    struct parts p = {0};
    if (read_parts(bytes, &p, err))
        return err->code;
    bool lossy = p.name[3] == ' ';
    if (lossy ? read_lossy(p.pixels, ret, err) : read_lossless(p.pixels, ret, &p.transparent, err))
        return err->code;
    if (!lossy)
        p.alpha = LT_STR_NULL;
    p.transparent |= p.alpha.p != NULL;
    if (p.extended && (p.canvas_width != ret->width || p.canvas_height != ret->height))
        return wrong(err, "it says two sizes");
    if (lt_picture_check_size(ret->width, ret->height, err))
        return err->code;
    write_parts(out, &p, ret);
    return LT_OK;
}
