/*
 * Decoding, drawing and encoding by libgd: for a label and for another format. Nothing is decoded where neither is asked for.
 * Fuzzed by tests/fuzz/fuzz_picture.c.
 */
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>

#include "picture/gd_library.h"
#include "picture/picture.h"

enum { QUALITY = 92 /* of JPEG and WebP */, COMPRESSION = 6 /* of PNG */, ALPHA_GROUND = 56 /* of 127, 0 is opaque */, LETTERS_MIN = 4 /* points */ };
static const double CLOSER = 0.97;

/* Of the package fonts-dejavu-core. By its path: fontconfig would be asked for no more than this, and keeps memory of its own. */
static const char font_path[] = "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf";

/* One at a time: it bounds the memory, and libgd's font cache and error method are its process's. */
static pthread_mutex_t one = PTHREAD_MUTEX_INITIALIZER;
static atomic_flag turn = ATOMIC_FLAG_INIT;
static const struct lt_gd *gd; /* under `one` */

static void be_silent(int priority, const char *format, va_list arguments)
{
}

static gdImagePtr decode(struct lt_str bytes, enum lt_picture_format format)
{
    void *p = (void *)(uintptr_t)bytes.p; /* it is only read */
    int n = (int)bytes.n;
    return format == LT_PICTURE_PNG ? gd->gdImageCreateFromPngPtr(n, p) : format == LT_PICTURE_JPEG ? gd->gdImageCreateFromJpegPtr(n, p)
                                                                                                : gd->gdImageCreateFromWebpPtr(n, p);
}

/* White letters on a dark ground, a thirtieth of the picture high or as small as they must be to fit, in the lower left corner. */
static enum lt_code draw_label(gdImagePtr im, struct lt_str label, struct lt_arena *arena, struct lt_error *err)
{
    int side = gdImageSX(im) < gdImageSY(im) ? gdImageSX(im) : gdImageSY(im), box[8];
    double size = side / 30.0 < 8 ? 8 : side / 30.0;
    const char *text = lt_strz(arena, label);
    char *font = (char *)(uintptr_t)font_path, *string = (char *)(uintptr_t)text;
    const char *wrong = gd->gdImageStringFT(NULL, box, 0, font, size, 0, 0, 0, string);
    for (int wide; !wrong && size > LETTERS_MIN && (wide = box[2] - box[0] + (int)(size / 2) * 2) >= gdImageSX(im);) {
        size *= CLOSER * gdImageSX(im) / wide; /* letters of whole pixels do not shrink evenly */
        size = size < LETTERS_MIN ? LETTERS_MIN : size;
        wrong = gd->gdImageStringFT(NULL, box, 0, font, size, 0, 0, 0, string);
    }
    if (wrong)
        return lt_fail(err, LT_ECONFIG, "the label cannot be drawn: %s", wrong);
    int pad = (int)(size / 2), bottom = gdImageSY(im) - pad - box[1], left = pad - box[0];
    gd->gdImageAlphaBlending(im, 1);
    gd->gdImageFilledRectangle(im, 0, bottom + box[7] - pad, left + box[2] + pad, gdImageSY(im) - 1, gdTrueColorAlpha(0, 0, 0, ALPHA_GROUND));
    wrong = gd->gdImageStringFT(im, box, gdTrueColor(255, 255, 255), font, size, 0, left, bottom, string);
    return wrong ? lt_fail(err, LT_ECONFIG, "the label cannot be drawn: %s", wrong) : LT_OK;
}

/* JPEG has no transparency. */
static gdImagePtr on_white(gdImagePtr im)
{
    gdImagePtr flat = gd->gdImageCreateTrueColor(gdImageSX(im), gdImageSY(im));
    if (!flat)
        return im;
    gd->gdImageFilledRectangle(flat, 0, 0, gdImageSX(im) - 1, gdImageSY(im) - 1, gdTrueColor(255, 255, 255));
    gd->gdImageAlphaBlending(flat, 1);
    gd->gdImageCopy(flat, im, 0, 0, 0, 0, gdImageSX(im), gdImageSY(im));
    gd->gdImageDestroy(im);
    return flat;
}

static enum lt_code encode(struct lt_arena *arena, gdImagePtr im, enum lt_picture_format want, struct lt_str *ret, struct lt_error *err)
{
    int n = 0;
    gd->gdImageSaveAlpha(im, 1);
    void *p = want == LT_PICTURE_PNG    ? gd->gdImagePngPtrEx(im, &n, COMPRESSION)
              : want == LT_PICTURE_JPEG ? gd->gdImageJpegPtr(im, &n, QUALITY)
                                        : gd->gdImageWebpPtrEx(im, &n, QUALITY);
    if (!p || n <= 0)
        return lt_fail(err, LT_EUPSTREAM_INVALID, "the picture cannot be written as %s", lt_picture_format_name(want));
    *ret = lt_str_copy(arena, (struct lt_str){p, (size_t)n});
    gd->gdFree(p);
    return LT_OK;
}

static enum lt_code draw(struct lt_arena *arena, struct lt_str bytes, const struct lt_picture_head *head, struct lt_str label,
                         enum lt_picture_format want, struct lt_str *ret, struct lt_error *err)
{
    if (lt_gd_load(&gd, err))
        return err->code;
    gd->gdSetErrorMethod(be_silent);
    gdImagePtr im = decode(bytes, head->format);
    enum lt_code rc = LT_OK;
    if (!im || gdImageSX(im) != (int)head->width || gdImageSY(im) != (int)head->height)
        rc = lt_fail(err, LT_EUPSTREAM_INVALID, "the picture's pixels cannot be read");
    if (!rc && !gdImageTrueColor(im) && !gd->gdImagePaletteToTrueColor(im))
        rc = lt_fail(err, LT_EUPSTREAM_INVALID, "the picture's colours cannot be read");
    if (!rc && want == LT_PICTURE_JPEG)
        im = on_white(im);
    if (!rc && label.n > 0)
        rc = draw_label(im, label, arena, err);
    if (!rc)
        rc = encode(arena, im, want, ret, err);
    if (im)
        gd->gdImageDestroy(im);
    return rc;
}

bool lt_picture_turn_take(void)
{
    return !atomic_flag_test_and_set(&turn);
}

void lt_picture_turn_give(void)
{
    atomic_flag_clear(&turn);
}

enum lt_code lt_picture_draw(struct lt_arena *arena, struct lt_str bytes, const struct lt_picture_head *head, struct lt_str label,
                             enum lt_picture_format want, struct lt_str *ret, struct lt_error *err)
{
    pthread_mutex_lock(&one);
    enum lt_code rc = draw(arena, bytes, head, label, want, ret, err);
    pthread_mutex_unlock(&one);
    return rc;
}
