/* Avro of the event bus: whatever comes is read within its bounds or refused; what was read is a JSON object and texts of UTF-8. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "events/avro.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void is_text(struct lt_str s)
{
    if (!lt_utf8_valid(s.p, s.n))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct lt_arena *arena = lt_arena_new();
    struct lt_bus_request q;
    struct lt_error err = {0};
    char *copy = malloc(size + 1); /* so that a read behind its end is seen */
    memcpy(copy, data, size);
    if (lt_avro_read_request(arena, (struct lt_str){copy, size}, &q, &err) == LT_OK) {
        is_text(q.course_id);
        is_text(q.location_id);
        is_text(q.ui_slot_selector_id);
        is_text(q.action);
        if (!lt_json_is(q.user_input, LT_JSON_OBJECT) || lt_json_text(arena, q.user_input).n == 0)
            abort();
    } else if (err.code == LT_OK || err.detail[0] == '\0') {
        abort();
    }
    free(copy);
    lt_arena_free(arena);
    return 0;
}
