/*
 * The mark that a picture was made by a model: an XMP packet (ISO 16684-1) with IPTC's DigitalSourceType of the value trainedAlgorithmicMedia, as
 * IPTC's photo metadata and search engines know it. Where it stands in a file: XMP specification, part 3. Private to src/picture.
 */
#pragma once
#include "picture/picture.h"

extern const char lt_picture_xmp[];

/* The formats' own readers: `bytes` begins with the format's signature. */
enum lt_code lt_picture_take_png(struct lt_str bytes, struct lt_buf *out, struct lt_picture_head *ret, struct lt_error *err);
enum lt_code lt_picture_take_jpeg(struct lt_str bytes, struct lt_buf *out, struct lt_picture_head *ret, struct lt_error *err);
enum lt_code lt_picture_take_webp(struct lt_str bytes, struct lt_buf *out, struct lt_picture_head *ret, struct lt_error *err);

/* LT_EUPSTREAM_INVALID when they are not within what picture.h allows. */
enum lt_code lt_picture_check_size(uint32_t width, uint32_t height, struct lt_error *err);

static inline uint32_t lt_picture_be32(const char *p)
{
    const unsigned char *b = (const unsigned char *)p;
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

static inline uint32_t lt_picture_be16(const char *p)
{
    const unsigned char *b = (const unsigned char *)p;
    return (uint32_t)b[0] << 8 | b[1];
}

static inline uint32_t lt_picture_le24(const char *p)
{
    const unsigned char *b = (const unsigned char *)p;
    return (uint32_t)b[2] << 16 | (uint32_t)b[1] << 8 | b[0];
}

static inline uint32_t lt_picture_le32(const char *p)
{
    return (uint32_t)(unsigned char)p[3] << 24 | lt_picture_le24(p);
}
