/* Restoring a stream: the first byte says how the rest is cut into pieces; the sum is what the whole gives, and little is held back. */
#include <stdlib.h>

#include "guard/restore.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct lt_str value_of(void *ctx, struct lt_str placeholder)
{
    (void)ctx;
    return placeholder.p[placeholder.n - 2] % 2 ? LT_STR("value") : LT_STR_NULL;
}

static void check(bool right)
{
    if (!right)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct lt_buf whole, sum;
    struct lt_guard_stream s = {0};
    if (size < 1)
        return 0;
    unsigned step = data[0];
    struct lt_str text = {(const char *)data + 1, size - 1};
    lt_buf_init(&whole, 1 << 24);
    lt_buf_init(&sum, 1 << 24);
    check(lt_restore(text, value_of, NULL, &whole));
    for (size_t at = 0; at < text.n;) {
        size_t n = 1 + step % 7;
        step = step * 5 + 3;
        n = n < text.n - at ? n : text.n - at;
        check(lt_restore_piece(&s, (struct lt_str){text.p + at, n}, false, value_of, NULL, &sum));
        check(s.n <= LT_PLACEHOLDER_MAX);
        at += n;
    }
    check(lt_restore_piece(&s, LT_STR(""), true, value_of, NULL, &sum));
    check(sum.n == whole.n && (sum.n == 0 || memcmp(sum.p, whole.p, sum.n) == 0));
    lt_buf_free(&whole);
    lt_buf_free(&sum);
    return 0;
}
