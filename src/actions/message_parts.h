/*
 * The content of a message as text or as a list of parts, text and images, in the shape of OpenAI's API ("Create chat completion",
 * content parts): {"type":"text","text"} and {"type":"image_url","image_url":{"url"}}, where the address is https:// or data:.
 * Pure but for the arena.
 */
#pragma once
#include "core/action.h"

enum {
    LT_IMAGES_MAX = 16,                        /* in one conversation */
    LT_IMAGES_BYTES_MAX = 6 * 1024 * 1024,     /* of base64, together */
};

/* JSON Schema of a content: text, null, or parts. */
#define LT_MESSAGE_CONTENT_SCHEMA                                                                                            \
    "{\"type\":[\"string\",\"null\",\"array\"],\"maxLength\":400000,\"minItems\":1,\"maxItems\":64,"                         \
    "\"items\":{\"oneOf\":[{\"type\":\"object\",\"required\":[\"type\",\"text\"],\"additionalProperties\":false,"            \
    "\"properties\":{\"type\":{\"const\":\"text\"},\"text\":{\"type\":\"string\",\"maxLength\":400000}}},"                   \
    "{\"type\":\"object\",\"required\":[\"type\",\"image_url\"],\"additionalProperties\":false,"                             \
    "\"properties\":{\"type\":{\"const\":\"image_url\"},\"image_url\":{\"type\":\"object\",\"required\":[\"url\"],"          \
    "\"additionalProperties\":false,\"properties\":{\"url\":{\"type\":\"string\",\"minLength\":1},"                          \
    "\"detail\":{\"enum\":[\"auto\",\"low\",\"high\"]}}}}}]}}"

/*
 * Reads a content that is valid against the schema: its text (parts joined by line ends) and its images. LT_EINVALID_INPUT with the
 * field below the content ("/2/image_url/url") when an image is of another type than PNG, JPEG, WebP or GIF, is not base64, or is at
 * an address that is not https.
 */
enum lt_code lt_message_content_read(struct lt_arena *arena, const struct lt_json *content, struct lt_message *ret, struct lt_error *err);

/* JSON Schema of an image by itself: an address as in a part, or {"media_type","base64"}. */
#define LT_IMAGE_SCHEMA                                                                                                      \
    "{\"type\":[\"string\",\"object\"],\"minLength\":1,\"maxLength\":6291500,\"required\":[\"media_type\",\"base64\"],"         \
    "\"additionalProperties\":false,\"properties\":{\"media_type\":{\"enum\":[\"image/png\",\"image/jpeg\",\"image/webp\",\"image/gif\"]}," \
    "\"base64\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":6291456}}}"
/*
 * Reads an image that is valid against it. LT_EINVALID_INPUT with the field below the image, "" or "/base64", for the same reasons as with parts, and
 * above LT_IMAGES_BYTES_MAX bytes of base64.
 */
enum lt_code lt_image_read(const struct lt_json *image, struct lt_image *ret, struct lt_error *err);
/* What the register keeps of it: its address, or "data:image/png;… (1234 bytes)". */
struct lt_str lt_image_for_record(struct lt_arena *arena, const struct lt_image *image);

/* The messages as JSON with "data:image/png;… (1234 bytes)" in the place of each image's bytes: what the register keeps. */
struct lt_str lt_messages_for_record(struct lt_arena *arena, const struct lt_json *messages);
