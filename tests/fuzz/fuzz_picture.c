/* Pictures of vendors: what is taken is written so that it can be taken again, and is then the same. */
#include <assert.h>
#include <stdlib.h>

#include "picture/picture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct lt_buf out, again;
    struct lt_picture_head head, same;
    struct lt_error err = {0};
    char *copy = malloc(size ? size : 1);
    if (size > 0)
        memcpy(copy, data, size);
    lt_buf_init(&out, 1 << 20);
    lt_buf_init(&again, 1 << 20);
    enum lt_code rc = lt_picture_take((struct lt_str){copy, size}, &out, &head, &err);
    assert(rc == LT_OK || (rc == LT_EUPSTREAM_INVALID && err.detail[0]));
    if (rc == LT_OK) {
        assert(head.width >= 1 && head.width <= LT_PICTURE_SIDE_MAX && head.height >= 1 && head.height <= LT_PICTURE_SIDE_MAX);
        rc = lt_picture_take(lt_buf_str(&out), &again, &same, &err);
        assert(rc == LT_OK && same.format == head.format && same.width == head.width && same.height == head.height);
        assert(lt_str_eq(lt_buf_str(&out), lt_buf_str(&again)));
    }
    lt_buf_free(&out);
    lt_buf_free(&again);
    free(copy);
    return 0;
}
