/* The small readers that everything from outside goes through: times, days, ids, base64, hex, numbers, language tags, names of pictures, of answers and
 * of their items, ETags, cursors of lists. What is read is written and read again. */
#include <assert.h>

#include "api/etag.h"
#include "api/list.h"
#include "api/openai_responses.h"
#include "base/clock.h"
#include "base/secret.h"
#include "core/period.h"
#include "core/picture_file.h"
#include "text/language_tag.h"
#include "workflows/prompt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_times(struct lt_str s)
{
    int64_t ms, again, start, end;
    char text[25], day[LT_DAY_TEXT];
    if (lt_time_parse(s, &ms)) {
        lt_time_format(ms, text);
        assert(lt_time_parse(lt_str(text), &again) && again == ms);
    }
    if (lt_day_parse(LT_STR("UTC"), s, &start, &end)) {
        assert(end == start + 86400000);
        lt_day_format(LT_STR("UTC"), start, day);
        assert(lt_str_eq(lt_str(day), s));
    }
    if (lt_day_parse(LT_STR("Europe/Berlin"), s, &start, &end))
        assert(end - start >= 82800000 && end - start <= 90000000);
}

static void check_ids(struct lt_arena *arena, struct lt_str s)
{
    struct lt_uuid id;
    struct lt_picture_name name;
    struct lt_item_place place;
    char text[37];
    if (lt_uuid_parse(s, &id)) {
        lt_uuid_format(id, text);
        assert(lt_str_eq_ci(lt_str(text), s) && lt_uuid_parse_any(s, &id));
    }
    if (lt_uuid_parse_any(s, &id))
        assert(s.n == 36 || s.n == 32);
    if (lt_picture_id_parse(s, &name)) {
        assert(name.n >= 1 && name.n <= LT_IMAGES_MADE_MAX);
        assert(lt_str_eq_ci(lt_picture_id(arena, name), s));
    }
    (void)lt_response_id_parse(s, &id);
    (void)lt_item_id_parse(s, &place);
}

static void check_encodings(struct lt_arena *arena, struct lt_str s)
{
    struct lt_str bytes, again;
    int64_t number;
    uint8_t raw[16];
    char hex[33];
    if (lt_base64url_decode(arena, s, &bytes))
        assert(lt_str_eq(lt_base64url(arena, bytes.p, bytes.n), s));
    if (lt_base64_decode(arena, s, &bytes))
        assert(lt_base64_decode(arena, lt_base64(arena, bytes.p, bytes.n), &again) && lt_str_eq(again, bytes));
    if (lt_str_to_int64(s, &number))
        assert(number >= 0 && s.n > 0);
    if (s.n == 32 && lt_unhex(s, raw, 16)) {
        lt_hex(raw, 16, hex);
        assert(lt_str_eq_ci(lt_str(hex), s));
    }
}

static void check_tag(struct lt_arena *arena, struct lt_str s)
{
    struct lt_language_tag tag, again;
    struct lt_error err;
    if (lt_language_tag_read(arena, s, &tag, &err))
        return;
    assert(tag.tag.n > 0 && tag.tag.n <= LT_LANGUAGE_TAG_MAX && tag.name.n > 0 && lt_utf8_valid(tag.name.p, tag.name.n));
    assert(lt_language_tag_read(arena, tag.tag, &again, &err) == LT_OK && lt_str_eq(again.tag, tag.tag));
}

/* The line is what a client sends: a list of tags, or a cursor of our own under one order or another. */
static void check_fields(struct lt_arena *arena, struct lt_str s)
{
    struct lt_list_row row;
    struct lt_str etag = LT_STR("\"abc\"");
    if (lt_etag_listed(s, etag, false))
        assert(lt_etag_listed(s, etag, true));
    if (s.n < 8000 && lt_list_cursor_read(arena, s, LT_STR("name"), &row)) {
        struct lt_str made = lt_list_cursor(arena, LT_STR("name"), &row);
        assert(lt_list_cursor_read(arena, made, LT_STR("name"), &row) && !lt_list_cursor_read(arena, made, LT_STR("-name"), &row));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct lt_str rest = {(const char *)data, size};
    for (int lines = 0; lines < 64 && rest.n > 0; lines++) {
        struct lt_arena *arena = lt_arena_new();
        struct lt_str line = lt_str_cut(&rest, '\n');
        struct lt_str s = {lt_strz(arena, line), line.n};
        check_times(s);
        check_ids(arena, s);
        check_encodings(arena, s);
        check_tag(arena, s);
        check_fields(arena, s);
        lt_arena_free(arena);
    }
    return 0;
}
