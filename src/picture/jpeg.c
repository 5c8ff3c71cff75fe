/* JPEG (ITU-T T.81, annex B): segments in their order, and the coded data between them, which is not decoded. Fuzzed by tests/fuzz/fuzz_picture.c. */
#include "picture/xmp.h"

enum {
    SOI = 0xD8, EOI = 0xD9, SOS = 0xDA, DQT = 0xDB, DHT = 0xC4, DRI = 0xDD, SOF0 = 0xC0, SOF1 = 0xC1, SOF2 = 0xC2, APP0 = 0xE0, APP2 = 0xE2,
    APP14 = 0xEE, APP15 = 0xEF, COM = 0xFE, RST0 = 0xD0, RST7 = 0xD7, FILL = 0xFF,
};

struct reader {
    struct lt_str rest;
    struct lt_buf *out;
    struct lt_picture_head *head;
    bool marked, framed;
    int scans;
};

/* Encoders write about ten, twice as many for four colours; each costs a decoder a pass over all pixels, however few bytes it has. */
enum { SCANS_MAX = 64 };

static enum lt_code cut_off(struct lt_error *err)
{
    return lt_fail(err, LT_EUPSTREAM_INVALID, "it is cut off");
}

static void skip(struct reader *r, size_t n)
{
    r->rest = (struct lt_str){r->rest.p + n, r->rest.n - n};
}

static void put_marker(struct lt_buf *out, unsigned marker)
{
    lt_buf_putc(out, (char)FILL);
    lt_buf_putc(out, (char)marker);
}

static void put_segment(struct lt_buf *out, unsigned marker, struct lt_str body)
{
    put_marker(out, marker);
    lt_buf_putc(out, (char)((body.n + 2) >> 8));
    lt_buf_putc(out, (char)((body.n + 2) & 0xFF));
    lt_buf_put_str(out, body);
}

/* APP1 with XMP's name space; behind JFIF's own segment, which must be the first. */
static void put_mark(struct reader *r)
{
    static const struct lt_str name = LT_STR("http://ns.adobe.com/xap/1.0/\0");
    char body[2048];
    struct lt_str packet = lt_str(lt_picture_xmp);
    memcpy(body, name.p, name.n);
    memcpy(body + name.n, packet.p, packet.n);
    put_segment(r->out, 0xE1, (struct lt_str){body, name.n + packet.n});
    r->marked = true;
}

/* Any number of fill bytes may stand before a marker. */
static enum lt_code next_marker(struct reader *r, unsigned *ret, struct lt_error *err)
{
    if (r->rest.n < 2)
        return cut_off(err);
    if ((unsigned char)r->rest.p[0] != FILL)
        return lt_fail(err, LT_EUPSTREAM_INVALID, "it has bytes where a marker must be");
    while (r->rest.n >= 2 && (unsigned char)r->rest.p[1] == FILL)
        skip(r, 1);
    if (r->rest.n < 2)
        return cut_off(err);
    *ret = (unsigned char)r->rest.p[1];
    skip(r, 2);
    return LT_OK;
}

static enum lt_code next_body(struct reader *r, struct lt_str *ret, struct lt_error *err)
{
    uint32_t n = r->rest.n < 2 ? 0 : lt_picture_be16(r->rest.p);
    if (n < 2 || n > r->rest.n)
        return cut_off(err);
    *ret = (struct lt_str){r->rest.p + 2, n - 2};
    skip(r, n);
    return LT_OK;
}

/* B.2.2 */
static enum lt_code read_frame(struct reader *r, struct lt_str body, struct lt_error *err)
{
    unsigned components = body.n >= 6 ? (unsigned char)body.p[5] : 0;
    if (r->framed || body.n != 6 + 3 * (size_t)components || body.p[0] != 8 || (components != 1 && components != 3 && components != 4))
        return lt_fail(err, LT_EUPSTREAM_INVALID, "its head is wrong");
    r->framed = true;
    r->head->height = lt_picture_be16(body.p + 1);
    r->head->width = lt_picture_be16(body.p + 3);
    return lt_picture_check_size(r->head->width, r->head->height, err);
}

/* Coded data ends at the first marker that is not a restart; FF 00 is a byte of data. */
static enum lt_code copy_data(struct reader *r, struct lt_error *err)
{
    size_t n = 0;
    for (;; n++) {
        const char *at = n < r->rest.n ? memchr(r->rest.p + n, FILL, r->rest.n - n) : NULL;
        if (!at || at + 1 == r->rest.p + r->rest.n)
            return cut_off(err);
        n = (size_t)(at - r->rest.p);
        unsigned char marker = (unsigned char)at[1];
        if (marker != 0 && (marker < RST0 || marker > RST7))
            break;
    }
    lt_buf_put(r->out, r->rest.p, n);
    skip(r, n);
    r->scans++;
    return LT_OK;
}

static enum lt_code take_segment(struct reader *r, unsigned marker, struct lt_error *err)
{
    struct lt_str body;
    if (next_body(r, &body, err))
        return err->code;
    bool application = marker >= APP0 && marker <= APP15, frame = marker == SOF0 || marker == SOF1 || marker == SOF2;
    bool keep = frame || marker == DQT || marker == DHT || marker == DRI || marker == SOS ||
                (marker == APP0 && lt_str_starts(body, LT_STR("JFIF\0")) && !r->marked) ||
                (marker == APP2 && lt_str_starts(body, LT_STR("ICC_PROFILE\0"))) || (marker == APP14 && lt_str_starts(body, LT_STR("Adobe")));
    if (!keep && !application && marker != COM)
        return lt_fail(err, LT_EUPSTREAM_INVALID, "it is of a kind that is not taken (marker %02X)", marker);
    if (!r->marked && !(keep && marker == APP0))
        put_mark(r);
    if (keep)
        put_segment(r->out, marker, body);
    if (frame)
        return read_frame(r, body, err);
    if (marker == SOS && !r->framed)
        return lt_fail(err, LT_EUPSTREAM_INVALID, "its parts are in the wrong order");
    if (marker == SOS && r->scans == SCANS_MAX)
        return lt_fail(err, LT_EUPSTREAM_INVALID, "it has more than %d scans", SCANS_MAX);
    return marker == SOS ? copy_data(r, err) : LT_OK;
}

enum lt_code lt_picture_take_jpeg(struct lt_str bytes, struct lt_buf *out, struct lt_picture_head *ret, struct lt_error *err)
{
    struct reader r = {.rest = {bytes.p + 2, bytes.n - 2}, .out = out, .head = ret};
    put_marker(out, SOI);
    for (;;) {
        unsigned marker = 0;
        if (next_marker(&r, &marker, err))
            return err->code;
        if (marker == EOI && r.scans == 0)
            return lt_fail(err, LT_EUPSTREAM_INVALID, "it has no pixels");
        if (marker == EOI) {
            put_marker(out, EOI);
            return LT_OK;
        }
        if (take_segment(&r, marker, err))
            return err->code;
    }
}
