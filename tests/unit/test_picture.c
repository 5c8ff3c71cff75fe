/* Pictures: read strictly, written anew with their mark. The pictures are libgd's, so that somebody else's writer and reader are the judges. */
#include <gd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

#include <cmocka.h>

#include "base/secret.h"
#include "picture/picture.h"

enum { WIDTH = 40, HEIGHT = 30, OUT_MAX = 1 << 20 };
#define MARK "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"

static struct lt_arena *arena;

static struct lt_str made(enum lt_picture_format format, bool transparent)
{
    gdImagePtr im = gdImageCreateTrueColor(WIDTH, HEIGHT);
    int n = 0;
    gdImageAlphaBlending(im, 0);
    gdImageSaveAlpha(im, transparent);
    for (int x = 0; x < WIDTH; x++)
        for (int y = 0; y < HEIGHT; y++)
            gdImageSetPixel(im, x, y, gdTrueColorAlpha(x * 6, y * 8, 128, transparent ? x : 0));
    void *p = format == LT_PICTURE_PNG ? gdImagePngPtr(im, &n) : format == LT_PICTURE_JPEG ? gdImageJpegPtr(im, &n, 90) : gdImageWebpPtrEx(im, &n, 90);
    struct lt_str bytes = lt_str_copy(arena, (struct lt_str){p, (size_t)n});
    gdFree(p);
    gdImageDestroy(im);
    return bytes;
}

static gdImagePtr seen(struct lt_str bytes, enum lt_picture_format format)
{
    void *p = (void *)(uintptr_t)bytes.p;
    return format == LT_PICTURE_PNG    ? gdImageCreateFromPngPtr((int)bytes.n, p)
           : format == LT_PICTURE_JPEG ? gdImageCreateFromJpegPtr((int)bytes.n, p)
                                       : gdImageCreateFromWebpPtr((int)bytes.n, p);
}

static void same_pixels(struct lt_str a, struct lt_str b, enum lt_picture_format format)
{
    gdImagePtr one = seen(a, format), other = seen(b, format);
    assert_non_null(one);
    assert_non_null(other);
    assert_int_equal(gdImageSX(one), gdImageSX(other));
    for (int x = 0; x < gdImageSX(one); x++)
        for (int y = 0; y < gdImageSY(one); y++)
            assert_int_equal(gdImageGetTrueColorPixel(one, x, y), gdImageGetTrueColorPixel(other, x, y));
    gdImageDestroy(one);
    gdImageDestroy(other);
}

static int times(struct lt_str in, const char *what)
{
    int n = 0;
    for (const char *p = in.p; (p = memmem(p, in.n - (size_t)(p - in.p), what, strlen(what))); p++)
        n++;
    return n;
}

/* What was taken, in the arena. */
static struct lt_str take(struct lt_str bytes, struct lt_picture_head *head, enum lt_code expected)
{
    struct lt_buf out;
    struct lt_error err = {0};
    lt_buf_init(&out, OUT_MAX);
    enum lt_code rc = lt_picture_take(bytes, &out, head, &err);
    if (rc != expected)
        print_error("%s\n", err.detail);
    assert_int_equal(rc, expected);
    assert_true(rc == LT_OK || err.detail[0]);
    struct lt_str text = rc ? LT_STR("") : lt_str_copy(arena, lt_buf_str(&out));
    lt_buf_free(&out);
    return text;
}

static struct lt_str joined(struct lt_str a, struct lt_str b)
{
    char *p = lt_alloc(arena, a.n + b.n + 1);
    memcpy(p, a.p, a.n);
    memcpy(p + a.n, b.p, b.n);
    return (struct lt_str){p, a.n + b.n};
}

static struct lt_str part(struct lt_str s, size_t from, size_t to)
{
    return (struct lt_str){s.p + from, to - from};
}

static struct lt_str chunk(const char *name, struct lt_str body)
{
    char *p = lt_alloc(arena, body.n + 12);
    uint32_t n = (uint32_t)body.n, sum;
    for (int i = 0; i < 4; i++)
        p[i] = (char)(n >> (24 - 8 * i));
    memcpy(p + 4, name, 4);
    memcpy(p + 8, body.p, body.n);
    sum = (uint32_t)crc32(0, (const Bytef *)p + 4, (uInt)body.n + 4);
    for (int i = 0; i < 4; i++)
        p[8 + body.n + (size_t)i] = (char)(sum >> (24 - 8 * i));
    return (struct lt_str){p, body.n + 12};
}

enum { PNG_HEAD = 8 + 25 };

static void a_picture_keeps_its_pixels_and_gets_one_mark(void **state)
{
    for (int transparent = 0; transparent < 2; transparent++)
        for (int f = 0; f < LT_PICTURE_FORMATS; f++) {
            struct lt_picture_head head, again;
            struct lt_str bytes = made((enum lt_picture_format)f, transparent), out = take(bytes, &head, LT_OK);
            assert_int_equal(head.format, f);
            assert_int_equal(head.width, WIDTH);
            assert_int_equal(head.height, HEIGHT);
            assert_int_equal(times(out, MARK), 1);
            same_pixels(bytes, out, head.format);
            struct lt_str twice = take(out, &again, LT_OK); /* the old mark goes, the new one comes */
            assert_true(lt_str_eq(twice, out));
        }
}

static void whatever_is_cut_off_is_refused(void **state)
{
    for (int f = 0; f < LT_PICTURE_FORMATS; f++) {
        struct lt_picture_head head;
        struct lt_str bytes = made((enum lt_picture_format)f, false), marked = take(bytes, &head, LT_OK);
        const struct lt_str wholes[] = {bytes, marked};
        for (size_t k = 0; k < 2; k++)
            for (size_t n = 0; n < wholes[k].n; n++) {
                char *exact = malloc(n ? n : 1); /* so that reading behind it is seen */
                memcpy(exact, wholes[k].p, n);
                take((struct lt_str){exact, n}, &head, LT_EUPSTREAM_INVALID);
                free(exact);
            }
    }
}

static void what_stands_behind_the_end_is_left_out(void **state)
{
    for (int f = 0; f < LT_PICTURE_FORMATS; f++) {
        struct lt_picture_head head;
        struct lt_str bytes = made((enum lt_picture_format)f, false);
        struct lt_str out = take(joined(bytes, LT_STR("<script>alert(1)</script>")), &head, LT_OK);
        assert_true(lt_str_eq(out, take(bytes, &head, LT_OK)));
    }
}

static void metadata_of_others_goes(void **state)
{
    struct lt_picture_head head;
    struct lt_str png = made(LT_PICTURE_PNG, false), jpeg = made(LT_PICTURE_JPEG, false);
    static const char *const names[] = {"tEXt", "zTXt", "iTXt", "eXIf", "caBX", "tIME", "acTL"};
    for (size_t i = 0; i < LT_COUNT(names); i++) {
        struct lt_str more = joined(joined(part(png, 0, PNG_HEAD), chunk(names[i], LT_STR("canary <script>"))), part(png, PNG_HEAD, png.n));
        assert_int_equal(times(take(more, &head, LT_OK), "canary"), 0);
    }
    static const struct lt_str segments[] = {LT_STR("\xFF\xE1\0\x0E""Exif\0\0canary"), LT_STR("\xFF\xFE\0\x08""canary"), LT_STR("\xFF\xEB\0\x08""canary")};
    for (size_t i = 0; i < LT_COUNT(segments); i++)
        assert_int_equal(times(take(joined(joined(part(jpeg, 0, 2), segments[i]), part(jpeg, 2, jpeg.n)), &head, LT_OK), "canary"), 0);
}

static void what_is_no_picture_is_refused(void **state)
{
    static const struct lt_str others[] = {
        LT_STR(""), LT_STR("\x89PNG\r\n\x1a\n"), LT_STR("\xFF\xD8\xFF"), LT_STR("RIFF\x04\0\0\0WEBP"), LT_STR("GIF89a\1\0\1\0\0\0\0;"),
        LT_STR("<svg xmlns=\"http://www.w3.org/2000/svg\"><script>alert(1)</script></svg>"), LT_STR("<!DOCTYPE html><p>"), LT_STR("BM6\0\0\0"),
        LT_STR("RIFF\x10\0\0\0WAVEfmt "), LT_STR("\0\0\0\x1c""ftypavif"), LT_STR("%PDF-1.7"), LT_STR("\xFF\xD8\xFF\xE0\0\x01"), LT_STR("\xFF\xD8\xFF\xD9"),
        LT_STR("RIFF\xFF\xFF\xFF\xFFWEBPVP8 \xFF\xFF\xFF\xFF"), LT_STR("\xFF\xD8\xFF\xC0\0\x0B\x08\0\x10\0\x10\x01\x11\0\xFF\xD9"),
    };
    struct lt_picture_head head;
    for (size_t i = 0; i < LT_COUNT(others); i++)
        take(others[i], &head, LT_EUPSTREAM_INVALID);
}

/* A head that promises what no memory holds. */
static void bombs_are_refused_by_their_head(void **state)
{
    static const uint32_t sizes[][2] = {{8193, 1}, {1, 8193}, {8192, 8192}, {0, 5}, {5, 0}, {0xFFFFFFFF, 0xFFFFFFFF}, {65535, 65535}};
    struct lt_str png = made(LT_PICTURE_PNG, false);
    struct lt_picture_head head;
    for (size_t i = 0; i < LT_COUNT(sizes); i++) {
        char body[13];
        memcpy(body, png.p + 16, sizeof(body));
        for (int k = 0; k < 8; k++)
            body[k] = (char)(sizes[i][k / 4] >> (24 - 8 * (k % 4)));
        struct lt_str bomb = joined(joined(part(png, 0, 8), chunk("IHDR", (struct lt_str){body, sizeof(body)})), part(png, PNG_HEAD, png.n));
        take(bomb, &head, LT_EUPSTREAM_INVALID);
    }
    struct lt_str jpeg = made(LT_PICTURE_JPEG, false);
    char *big = lt_alloc(arena, jpeg.n), *frame;
    memcpy(big, jpeg.p, jpeg.n);
    assert_non_null(frame = memmem(big, jpeg.n, "\xFF\xC0", 2));
    memcpy(frame + 5, "\xFF\xFF\xFF\xFF", 4);
    take((struct lt_str){big, jpeg.n}, &head, LT_EUPSTREAM_INVALID);
}

/* A scan of a few bytes costs a decoder a pass over all pixels. */
static void a_jpeg_of_too_many_scans_is_refused(void **state)
{
    gdImagePtr im = gdImageCreateTrueColor(WIDTH, HEIGHT);
    int n = 0;
    gdImageInterlace(im, 1);
    char *p = gdImageJpegPtr(im, &n, 90);
    struct lt_str jpeg = lt_str_copy(arena, (struct lt_str){p, (size_t)n}), out;
    struct lt_picture_head head;
    gdFree(p);
    gdImageDestroy(im);
    assert_true(times(jpeg, "\xFF\xDA") > 1); /* progressive ones of encoders are taken */
    out = take(jpeg, &head, LT_OK);
    same_pixels(jpeg, out, LT_PICTURE_JPEG);
    size_t last = 0;
    for (size_t i = 0; i + 1 < jpeg.n; i++)
        if (memcmp(jpeg.p + i, "\xFF\xDA", 2) == 0)
            last = i;
    struct lt_str bomb = part(jpeg, 0, jpeg.n - 2);
    for (int i = 0; i < 100; i++)
        bomb = joined(bomb, part(jpeg, last, jpeg.n - 2));
    take(joined(bomb, LT_STR("\xFF\xD9")), &head, LT_EUPSTREAM_INVALID);
}

/* Whatever becomes of single bytes: it is refused, or what comes out is a picture of the size that is told. */
static void damage_is_refused_or_harmless(void **state)
{
    unsigned seed = 0;
    lt_random(&seed, sizeof(seed));
    print_message("seed %u\n", seed);
    srand(seed);
    for (int f = 0; f < LT_PICTURE_FORMATS; f++) {
        struct lt_str bytes = made((enum lt_picture_format)f, false);
        for (int i = 0; i < 4000; i++) {
            char *p = malloc(bytes.n);
            struct lt_picture_head head, again;
            struct lt_buf out, second;
            struct lt_error err;
            memcpy(p, bytes.p, bytes.n);
            for (int k = rand() % 3; k >= 0; k--)
                p[(size_t)rand() % bytes.n] = (char)rand();
            lt_buf_init(&out, OUT_MAX);
            lt_buf_init(&second, OUT_MAX);
            if (lt_picture_take((struct lt_str){p, bytes.n}, &out, &head, &err) == LT_OK) {
                assert_true(head.width >= 1 && head.width <= LT_PICTURE_SIDE_MAX && head.height >= 1 && head.height <= LT_PICTURE_SIDE_MAX);
                assert_int_equal(lt_picture_take(lt_buf_str(&out), &second, &again, &err), LT_OK);
                assert_true(lt_str_eq(lt_buf_str(&out), lt_buf_str(&second)));
            }
            lt_buf_free(&out);
            lt_buf_free(&second);
            free(p);
        }
    }
}

static void a_label_is_drawn_and_formats_are_changed(void **state)
{
    for (int from = 0; from < LT_PICTURE_FORMATS; from++)
        for (int to = 0; to < LT_PICTURE_FORMATS; to++) {
            struct lt_picture_head head, drawn;
            struct lt_str out = take(made((enum lt_picture_format)from, true), &head, LT_OK), plain, labelled;
            struct lt_error err;
            assert_int_equal(lt_picture_draw(arena, out, &head, LT_STR(""), (enum lt_picture_format)to, &plain, &err), LT_OK);
            assert_int_equal(lt_picture_draw(arena, out, &head, LT_STR("KI-erzeugt \xC3\xA4"), (enum lt_picture_format)to, &labelled, &err), LT_OK);
            take(plain, &drawn, LT_OK);
            assert_int_equal(drawn.format, to);
            assert_int_equal(drawn.width, WIDTH);
            gdImagePtr a = seen(plain, drawn.format), b = seen(labelled, drawn.format);
            assert_int_not_equal(gdImageGetTrueColorPixel(a, 1, HEIGHT - 2), gdImageGetTrueColorPixel(b, 1, HEIGHT - 2)); /* lower left */
            gdImageDestroy(a);
            gdImageDestroy(b);
        }
}

static struct lt_str dot_of_one_pixel(void)
{
    gdImagePtr im = gdImageCreateTrueColor(1, 1);
    int n = 0;
    char *p = gdImagePngPtr(im, &n);
    struct lt_str bytes = lt_str_copy(arena, (struct lt_str){p, (size_t)n});
    gdFree(p);
    gdImageDestroy(im);
    return bytes;
}

static void the_longest_label_is_seen_whole(void **state)
{
    enum { SIDE = 400 };
    gdImagePtr im = gdImageCreateTrueColor(SIDE, SIDE);
    struct lt_str dot = take(dot_of_one_pixel(), &(struct lt_picture_head){0}, LT_OK), drawn;
    gdImageFilledRectangle(im, 0, 0, SIDE - 1, SIDE - 1, gdTrueColor(200, 10, 10));
    int n = 0;
    char *p = gdImagePngPtr(im, &n), words[LT_PICTURE_LABEL_MAX + 1] = {0};
    struct lt_picture_head head;
    struct lt_error err;
    struct lt_str out = take((struct lt_str){p, (size_t)n}, &head, LT_OK), labelled;
    gdFree(p);
    gdImageDestroy(im);
    memset(words, 'W', LT_PICTURE_LABEL_MAX);
    struct lt_picture_head one = {LT_PICTURE_PNG, 1, 1};
    assert_int_equal(lt_picture_draw(arena, dot, &one, lt_str(words), LT_PICTURE_PNG, &drawn, &err), LT_OK);
    assert_int_equal(lt_picture_draw(arena, out, &head, lt_str(words), LT_PICTURE_PNG, &labelled, &err), LT_OK);
    im = seen(labelled, LT_PICTURE_PNG);
    assert_int_not_equal(gdImageGetTrueColorPixel(im, 1, SIDE - 2), gdTrueColor(200, 10, 10));
    assert_int_not_equal(gdImageGetTrueColorPixel(im, SIDE * 9 / 10, SIDE - 2), gdTrueColor(200, 10, 10)); /* as large as can be */
    for (int y = 0; y < SIDE; y++)
        assert_int_equal(gdImageGetTrueColorPixel(im, SIDE - 1, y), gdTrueColor(200, 10, 10)); /* its ground ends before the picture does */
    gdImageDestroy(im);
}

static void one_at_a_time_has_the_turn_to_draw(void **state)
{
    assert_true(lt_picture_turn_take());
    assert_false(lt_picture_turn_take());
    lt_picture_turn_give();
    assert_true(lt_picture_turn_take());
    lt_picture_turn_give();
}

static void pixels_that_cannot_be_read_are_not_drawn_on(void **state)
{
    struct lt_picture_head head;
    struct lt_error err;
    struct lt_str png = made(LT_PICTURE_PNG, false), ret;
    struct lt_str broken = joined(joined(part(png, 0, PNG_HEAD), chunk("IDAT", LT_STR("no deflate"))), chunk("IEND", LT_STR("")));
    struct lt_str out = take(broken, &head, LT_OK); /* its parts are whole */
    assert_int_equal(lt_picture_draw(arena, out, &head, LT_STR("x"), LT_PICTURE_PNG, &ret, &err), LT_EUPSTREAM_INVALID);
}

static int set_up(void **state)
{
    arena = lt_arena_new();
    return 0;
}

static int tear_down(void **state)
{
    lt_arena_free(arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_picture_keeps_its_pixels_and_gets_one_mark, set_up, tear_down),
        cmocka_unit_test_setup_teardown(whatever_is_cut_off_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_stands_behind_the_end_is_left_out, set_up, tear_down),
        cmocka_unit_test_setup_teardown(metadata_of_others_goes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_no_picture_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(bombs_are_refused_by_their_head, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_jpeg_of_too_many_scans_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(damage_is_refused_or_harmless, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_label_is_drawn_and_formats_are_changed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_longest_label_is_seen_whole, set_up, tear_down),
        cmocka_unit_test(one_at_a_time_has_the_turn_to_draw),
        cmocka_unit_test_setup_teardown(pixels_that_cannot_be_read_are_not_drawn_on, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("picture", tests, NULL, NULL);
}
