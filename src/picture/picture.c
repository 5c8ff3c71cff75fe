/* Which format it is, and what all of them have in common. Fuzzed by tests/fuzz/fuzz_picture.c. */
#include "picture/xmp.h"

static const struct {
    const char *name, *media_type;
} formats[] = {
    [LT_PICTURE_PNG] = {"png", "image/png"}, [LT_PICTURE_JPEG] = {"jpeg", "image/jpeg"}, [LT_PICTURE_WEBP] = {"webp", "image/webp"}};

const char lt_picture_xmp[] =
    "<?xpacket begin=\"\xEF\xBB\xBF\" id=\"W5M0MpCehiHzreSzNTczkc9d\"?>"
    "<x:xmpmeta xmlns:x=\"adobe:ns:meta/\"><rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\">"
    "<rdf:Description rdf:about=\"\" xmlns:Iptc4xmpExt=\"http://iptc.org/std/Iptc4xmpExt/2008-02-29/\""
    " xmlns:xmp=\"http://ns.adobe.com/xap/1.0/\" xmp:CreatorTool=\"Lectern\""
    " Iptc4xmpExt:DigitalSourceType=\"http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia\"/>"
    "</rdf:RDF></x:xmpmeta><?xpacket end=\"r\"?>";

const char *lt_picture_media_type(enum lt_picture_format format)
{
    return formats[format].media_type;
}

const char *lt_picture_format_name(enum lt_picture_format format)
{
    return formats[format].name;
}

bool lt_picture_format_parse(struct lt_str name, enum lt_picture_format *ret)
{
    for (size_t i = 0; i < LT_COUNT(formats); i++)
        if (lt_str_is(name, formats[i].name)) {
            *ret = (enum lt_picture_format)i;
            return true;
        }
    return false;
}

enum lt_code lt_picture_check_size(uint32_t width, uint32_t height, struct lt_error *err)
{
    if (width == 0 || height == 0)
        return lt_fail(err, LT_EUPSTREAM_INVALID, "the picture has no size");
    if (width > LT_PICTURE_SIDE_MAX || height > LT_PICTURE_SIDE_MAX || (uint64_t)width * height > LT_PICTURE_AREA_MAX)
        return lt_fail(err, LT_EUPSTREAM_INVALID, "the picture is said to have %u x %u pixels, which is more than is taken", width, height);
    return LT_OK;
}

static bool is_webp(struct lt_str s)
{
    return s.n >= 12 && memcmp(s.p, "RIFF", 4) == 0 && memcmp(s.p + 8, "WEBP", 4) == 0;
}

enum lt_code lt_picture_take(struct lt_str bytes, struct lt_buf *out, struct lt_picture_head *ret, struct lt_error *err)
{
    *ret = (struct lt_picture_head){0};
    if (lt_str_starts(bytes, LT_STR("\x89PNG\r\n\x1a\n")))
        ret->format = LT_PICTURE_PNG;
    else if (lt_str_starts(bytes, LT_STR("\xFF\xD8\xFF")))
        ret->format = LT_PICTURE_JPEG;
    else if (is_webp(bytes))
        ret->format = LT_PICTURE_WEBP;
    else
        return lt_fail(err, LT_EUPSTREAM_INVALID, "what came is no PNG, JPEG or WebP picture");
    enum lt_code rc = ret->format == LT_PICTURE_PNG    ? lt_picture_take_png(bytes, out, ret, err)
                      : ret->format == LT_PICTURE_JPEG ? lt_picture_take_jpeg(bytes, out, ret, err)
                                                       : lt_picture_take_webp(bytes, out, ret, err);
    if (rc == LT_OK && out->failed)
        rc = lt_fail(err, LT_EUPSTREAM_INVALID, "the picture is too large");
    return rc ? lt_error_wrap(err, "%s", formats[ret->format].name) : LT_OK;
}
