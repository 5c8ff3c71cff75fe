/*
 * Pictures that others made: told apart by their bytes, read strictly, written anew with nothing but what draws them and a mark of where they come
 * from. Nothing that a vendor says of them is believed. Pure; any thread, best a worker.
 */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"

enum lt_picture_format { LT_PICTURE_PNG, LT_PICTURE_JPEG, LT_PICTURE_WEBP, LT_PICTURE_FORMATS };

enum {
    LT_PICTURE_SIDE_MAX = 8192,                 /* pixels */
    LT_PICTURE_AREA_MAX = 32 * 1024 * 1024,     /* pixels: 128 MiB when it is decoded */
    LT_PICTURE_LABEL_MAX = 60,                  /* letters of a label */
};

struct lt_picture_head {
    enum lt_picture_format format;
    uint32_t width, height;                     /* at least 1 */
};

/* image/png, … */
const char *lt_picture_media_type(enum lt_picture_format format);
/* png, jpeg, webp: the name of the format, and the ending of its files. */
const char *lt_picture_format_name(enum lt_picture_format format);
/* By that name. */
bool lt_picture_format_parse(struct lt_str name, enum lt_picture_format *ret);

/*
 * Reads a still picture from its first to its last byte: PNG (ISO/IEC 15948, with its checksums), JPEG (ITU-T T.81, baseline or progressive), WebP
 * (RFC 9649). Writes it to `out` with the XMP packet of picture/xmp.h in the place of all metadata that it had; what stands behind its end is left
 * out. The pixels are not decoded. LT_EUPSTREAM_INVALID says what is wrong; `out` then holds anything.
 */
enum lt_code lt_picture_take(struct lt_str bytes, struct lt_buf *out, struct lt_picture_head *ret, struct lt_error *err);

/*
 * Decodes what lt_picture_take() has written, draws the label (UTF-8; empty: none) into its lower left corner and encodes it as `want`; a format
 * without transparency gets a white ground. One at a time in the process: it may need 300 MiB. *ret lies in the arena and has no mark: it
 * is to be taken again. LT_EUPSTREAM_INVALID: the pixels cannot be read; LT_ECONFIG: the label cannot be drawn (no font).
 */
enum lt_code lt_picture_draw(struct lt_arena *arena, struct lt_str bytes, const struct lt_picture_head *head, struct lt_str label,
                             enum lt_picture_format want, struct lt_str *ret, struct lt_error *err);

/*
 * Whose turn it is to draw, so that fibers wait and not workers: who takes it gives it back once lt_picture_draw() has returned. false: somebody
 * else has it. Any thread.
 */
bool lt_picture_turn_take(void);
void lt_picture_turn_give(void);
