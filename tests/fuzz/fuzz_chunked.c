/* Chunked bodies: the same text and the same end whether fed at once, byte by byte or in runs that the input chooses. */
#include <assert.h>
#include <stdlib.h>

#include "base/buf.h"
#include "io/http1.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct outcome {
    enum lt_code code;
    bool done;
    size_t used;
    struct lt_buf text;
};

/* run 0: all at once. */
static struct outcome decode(const char *p, size_t n, size_t run)
{
    struct lt_chunked c = {0};
    struct outcome o = {.code = LT_OK};
    lt_buf_init(&o.text, n + 1);
    while (o.used < n && !c.done && o.code == LT_OK) {
        size_t take = run > 0 && run < n - o.used ? run : n - o.used, used = 0;
        char *copy = malloc(take);
        struct lt_str piece;
        memcpy(copy, p + o.used, take);
        o.code = lt_chunked_read(&c, copy, take, &piece, &used, NULL);
        if (o.code == LT_OK) {
            assert(used > 0 && used <= take);
            assert(piece.n == 0 || (piece.p >= copy && piece.p + piece.n <= copy + used));
            assert(lt_buf_put_str(&o.text, piece));
            o.used += used;
        }
        free(copy);
    }
    o.done = c.done;
    return o;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    const char *p = (const char *)data + 1;
    struct outcome whole = decode(p, size - 1, 0);
    size_t runs[] = {1, 1u + data[0]};
    for (int i = 0; i < 2; i++) {
        struct outcome parts = decode(p, size - 1, runs[i]);
        assert(parts.code == whole.code && parts.done == whole.done);
        assert(whole.code != LT_OK || parts.used == whole.used);
        assert(lt_str_eq(lt_buf_str(&parts.text), lt_buf_str(&whole.text)));
        lt_buf_free(&parts.text);
    }
    lt_buf_free(&whole.text);
    return 0;
}
