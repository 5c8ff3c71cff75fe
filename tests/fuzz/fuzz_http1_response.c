/* Answer heads, as they come from upstreams. */
#include <assert.h>
#include <stdlib.h>

#include "io/http1.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct lt_http_field fields[2][LT_HTTP_FIELDS_MAX];
    static struct lt_http_head head = {.fields = fields[0]}, part = {.fields = fields[1]};
    struct lt_error err;
    size_t used, some;
    const char *p = (const char *)data;
    enum lt_code rc = lt_http1_read_response(p, size, &head, &used, &err);
    assert(rc == LT_OK || rc == LT_EAGAIN || rc == LT_EBAD_HTTP || rc == LT_EHEAD_TOO_LARGE);
    if (rc != LT_OK)
        return 0;
    assert(used >= 4 && used <= LT_HTTP_HEAD_MAX && memcmp(p + used - 4, "\r\n\r\n", 4) == 0);
    assert(head.status >= 100 && head.status <= 599);
    assert(!(head.chunked && head.content_length >= 0));
    assert(!head.chunked || head.minor == 1);
    enum lt_http_body body = lt_http1_response_body(&head, false);
    assert((body == LT_BODY_LENGTH) <= (head.content_length > 0));
    assert((body == LT_BODY_CHUNKED) <= head.chunked);
    assert(lt_http1_response_body(&head, true) == LT_BODY_NONE);
    for (size_t i = 0; i < head.fields_n; i++)
        assert(head.fields[i].name.p >= p && head.fields[i].value.p + head.fields[i].value.n <= p + used);
    for (size_t n = 0; n < used; n += used < 300 ? 1 : 1 + used / 100) {
        char *copy = malloc(n + 1);
        memcpy(copy, p, n);
        assert(lt_http1_read_response(copy, n, &part, &some, &err) == LT_EAGAIN);
        free(copy);
    }
    return 0;
}
