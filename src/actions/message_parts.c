/* Contents of messages that are more than one text. Fuzzed by tests/fuzz/fuzz_message_parts.c. */
#include "actions/message_parts.h"

#include <stdio.h>

enum { RECORD_MAX = 64 * 1024 * 1024 };

static const char *const types[] = {"image/png", "image/jpeg", "image/webp", "image/gif"};

static bool is_base64(struct lt_str s)
{
    size_t n = s.n;
    while (n > 0 && s.n - n < 2 && s.p[n - 1] == '=')
        n--;
    for (size_t i = 0; i < n; i++) {
        char c = s.p[i];
        if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/'))
            return false;
    }
    return s.n > 0 && s.n % 4 == 0;
}

/* "data:image/png;base64,…" (RFC 2397) → its type and bytes. */
static enum lt_code read_data_url(struct lt_str url, struct lt_image *ret, struct lt_error *err)
{
    struct lt_str rest = {url.p + 5, url.n - 5};
    struct lt_str head = lt_str_cut(&rest, ','), kind = lt_str_cut(&head, ';');
    for (size_t i = 0; i < LT_COUNT(types); i++)
        if (lt_str_eq_ci(kind, lt_str(types[i])))
            ret->media_type = lt_str(types[i]);
    if (!ret->media_type.p)
        return lt_fail(err, LT_EINVALID_INPUT, "must be an image of type PNG, JPEG, WebP or GIF");
    if (!lt_str_is(head, "base64") || !is_base64(rest))
        return lt_fail(err, LT_EINVALID_INPUT, "must be base64, with padding and without line ends");
    ret->base64 = rest;
    return LT_OK;
}

static enum lt_code read_address(struct lt_str url, struct lt_image *ret, struct lt_error *err)
{
    *ret = (struct lt_image){.url = LT_STR_NULL};
    if (lt_str_starts(url, LT_STR("data:")))
        return read_data_url(url, ret, err);
    if (!lt_str_starts(url, LT_STR("https://")) || url.n > 2000)
        return lt_fail(err, LT_EINVALID_INPUT, "must begin with data: or https:// (at most 2,000 bytes)");
    for (size_t i = 0; i < url.n; i++)
        if (url.p[i] <= 0x20 || url.p[i] >= 0x7f)
            return lt_fail(err, LT_EINVALID_INPUT, "must hold no space, control or non-ASCII character");
    ret->url = url;
    return LT_OK;
}

enum lt_code lt_image_read(const struct lt_json *image, struct lt_image *ret, struct lt_error *err)
{
    struct lt_str bytes = lt_json_str(lt_json_get(image, "base64"));
    enum lt_code code = LT_OK;
    if (!lt_json_is(image, LT_JSON_OBJECT))
        code = read_address(lt_json_str(image), ret, err);
    else if (is_base64(bytes))
        *ret = (struct lt_image){.media_type = lt_json_str(lt_json_get(image, "media_type")), .base64 = bytes};
    else
        code = lt_fail_field(err, LT_EINVALID_INPUT, "/base64", "must be base64, with padding and without line ends");
    if (code)
        return code;
    if (ret->base64.n > LT_IMAGES_BYTES_MAX)
        return lt_fail(err, LT_EINVALID_INPUT, "must hold at most %d bytes of base64, holds %zu", LT_IMAGES_BYTES_MAX, ret->base64.n);
    return LT_OK;
}

static struct lt_str append(struct lt_arena *arena, struct lt_str before, struct lt_str more)
{
    if (before.n == 0)
        return more;
    char *p = lt_alloc(arena, before.n + 1 + more.n);
    memcpy(p, before.p, before.n);
    p[before.n] = '\n';
    memcpy(p + before.n + 1, more.p, more.n);
    return (struct lt_str){p, before.n + 1 + more.n};
}

static enum lt_code read_parts(struct lt_arena *arena, const struct lt_json *parts, struct lt_message *ret, struct lt_error *err)
{
    struct lt_image *images = LT_NEW_ARRAY(arena, struct lt_image, lt_json_len(parts));
    ret->content = LT_STR("");
    ret->images = images;
    for (size_t i = 0; i < lt_json_len(parts); i++) {
        const struct lt_json *part = lt_json_at(parts, i), *url = lt_json_at_pointer(part, "/image_url/url");
        char where[64];
        snprintf(where, sizeof(where), "/%zu/image_url/url", i);
        if (!url)
            ret->content = append(arena, ret->content, lt_json_str(lt_json_get(part, "text")));
        else if (read_address(lt_json_str(url), &images[ret->images_n++], err))
            return lt_error_under(err, where);
    }
    return LT_OK;
}

enum lt_code lt_message_content_read(struct lt_arena *arena, const struct lt_json *content, struct lt_message *ret, struct lt_error *err)
{
    if (lt_json_is(content, LT_JSON_ARRAY))
        return read_parts(arena, content, ret, err);
    ret->content = lt_json_str(content);
    return LT_OK;
}

/* ---- for the record ---- */

struct lt_str lt_image_for_record(struct lt_arena *arena, const struct lt_image *image)
{
    if (image->url.n > 0)
        return image->url;
    return lt_printf(arena, "data:%.*s;… (%zu bytes)", LT_FMT(image->media_type), image->base64.n / 4 * 3);
}

static void write_part(struct lt_arena *arena, struct lt_jw *w, const struct lt_json *part)
{
    struct lt_image image;
    struct lt_str url = lt_json_str(lt_json_at_pointer(part, "/image_url/url"));
    if (!lt_str_starts(url, LT_STR("data:"))) {
        lt_jw_json(w, part);
        return;
    }
    if (read_address(url, &image, NULL))
        image = (struct lt_image){.media_type = LT_STR("?"), .base64 = url};
    lt_jw_obj(w);
    lt_jw_kstrz(w, "type", "image_url");
    lt_jw_kstr(w, "image_url", lt_image_for_record(arena, &image));
    lt_jw_end(w);
}

static void write_message(struct lt_arena *arena, struct lt_jw *w, const struct lt_json *message)
{
    lt_jw_obj(w);
    for (size_t i = 0; i < lt_json_len(message); i++) {
        const struct lt_json *member = lt_json_at(message, i);
        lt_jw_key_str(w, lt_json_key_at(message, i));
        if (!lt_json_is(member, LT_JSON_ARRAY) || !lt_str_is(lt_json_key_at(message, i), "content")) {
            lt_jw_json(w, member);
            continue;
        }
        lt_jw_arr(w);
        for (size_t k = 0; k < lt_json_len(member); k++)
            write_part(arena, w, lt_json_at(member, k));
        lt_jw_end(w);
    }
    lt_jw_end(w);
}

static bool has_parts(const struct lt_json *messages)
{
    for (size_t i = 0; i < lt_json_len(messages); i++)
        if (lt_json_is(lt_json_get(lt_json_at(messages, i), "content"), LT_JSON_ARRAY))
            return true;
    return false;
}

struct lt_str lt_messages_for_record(struct lt_arena *arena, const struct lt_json *messages)
{
    struct lt_buf out;
    struct lt_jw w;
    if (!has_parts(messages))
        return lt_json_text(arena, messages);
    lt_buf_init(&out, RECORD_MAX);
    lt_jw_init(&w, &out);
    lt_jw_arr(&w);
    for (size_t i = 0; i < lt_json_len(messages); i++)
        write_message(arena, &w, lt_json_at(messages, i));
    lt_jw_end(&w);
    struct lt_str text = lt_str_copy(arena, lt_buf_str(&out));
    lt_buf_free(&out);
    return text;
}
