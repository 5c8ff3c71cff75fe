/* Contents of messages, with pictures as addresses and as data: what passes the schema is taken or refused with a field. The input is JSON. */
#include <assert.h>
#include <stdlib.h>

#include "actions/message_parts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct lt_schema *compiled(const struct lt_schema **schema, const char *text)
{
    if (!*schema && lt_schema_compile_text(lt_arena_new(), text, schema, NULL))
        abort();
    return *schema;
}

static void check_image(struct lt_arena *arena, const struct lt_image *image)
{
    assert(image->base64.n <= LT_IMAGES_BYTES_MAX);
    assert(image->url.n > 0 ? lt_str_starts(image->url, LT_STR("https://")) && image->url.n <= 2000 : image->media_type.n > 0 && image->base64.n > 0);
    struct lt_str kept = lt_image_for_record(arena, image);
    assert(image->base64.n < 100 || kept.n < 100 || image->url.n > 0);
}

static void check_content(struct lt_arena *arena, const struct lt_json *json)
{
    static const struct lt_schema *content, *image;
    struct lt_message message = {.content = LT_STR("")};
    struct lt_image one = {.url = LT_STR_NULL};
    struct lt_error err = {0};
    if (lt_schema_check(compiled(&content, LT_MESSAGE_CONTENT_SCHEMA), json, NULL) == LT_OK) {
        if (lt_message_content_read(arena, json, &message, &err))
            assert(err.code == LT_EINVALID_INPUT && err.field[0] == '/');
        else
            for (size_t i = 0; i < message.images_n; i++)
                check_image(arena, &message.images[i]);
    }
    if (lt_schema_check(compiled(&image, LT_IMAGE_SCHEMA), json, NULL) == LT_OK && lt_image_read(json, &one, &err) == LT_OK)
        check_image(arena, &one);
}

/* As the register keeps them: JSON, and no picture's bytes. */
static void check_record(struct lt_arena *arena, const struct lt_json *json)
{
    const struct lt_json *again;
    struct lt_str kept = lt_messages_for_record(arena, json);
    assert(lt_json_parse(arena, kept, LT_JSON_STRICT, &again, NULL) == LT_OK && lt_json_is(again, LT_JSON_ARRAY) &&
           lt_json_len(again) == lt_json_len(json));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct lt_arena *arena = lt_arena_new();
    const struct lt_json *json;
    if (lt_json_parse(arena, lt_str_copy(arena, (struct lt_str){(const char *)data, size}), LT_JSON_STRICT, &json, NULL) == LT_OK) {
        check_content(arena, json);
        bool objects = lt_json_is(json, LT_JSON_ARRAY);
        for (size_t i = 0; objects && i < lt_json_len(json); i++)
            objects = lt_json_is(lt_json_at(json, i), LT_JSON_OBJECT);
        if (objects)
            check_record(arena, json);
    }
    lt_arena_free(arena);
    return 0;
}
