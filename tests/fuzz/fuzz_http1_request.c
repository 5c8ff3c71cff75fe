/*
 * Request heads: whatever the bytes, results point into them; a head is the same however it arrives (a prefix of an accepted head
 * asks for more); what is accepted has none of the forms that let two readers disagree.
 */
#include <assert.h>
#include <stdlib.h>

#include "base/arena.h"
#include "io/http1.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_inside(struct lt_str s, const char *p, size_t n)
{
    assert(s.n == 0 || (s.p >= p && s.p + s.n <= p + n));
}

static void check_accepted(const struct lt_http_head *h, const char *p, size_t used)
{
    bool twice;
    int lengths = 0, codings = 0, hosts = 0;
    assert(used >= 4 && used <= LT_HTTP_HEAD_MAX && memcmp(p + used - 4, "\r\n\r\n", 4) == 0);
    assert(h->method.n > 0 && h->path.n > 0 && h->path.p[0] == '/' && h->path.n + h->query.n < LT_HTTP_URI_MAX);
    assert(h->minor == 0 || h->minor == 1);
    assert(h->fields_n <= LT_HTTP_FIELDS_MAX);
    check_inside(h->method, p, used);
    check_inside(h->path, p, used);
    check_inside(h->query, p, used);
    for (size_t i = 0; i < h->fields_n; i++) {
        struct lt_str name = h->fields[i].name, value = h->fields[i].value;
        check_inside(name, p, used);
        check_inside(value, p, used);
        assert(name.n > 0 && !memchr(name.p, ' ', name.n) && !memchr(name.p, ':', name.n));
        for (size_t k = 0; k < value.n; k++)
            assert(value.p[k] == '\t' || ((uint8_t)value.p[k] >= 0x20 && value.p[k] != 0x7f));
        lengths += lt_str_eq_ci(name, LT_STR("content-length"));
        codings += lt_str_eq_ci(name, LT_STR("transfer-encoding"));
        hosts += lt_str_eq_ci(name, LT_STR("host"));
    }
    assert(lengths + codings <= 1 && (hosts == 1 || (hosts == 0 && h->minor == 0)));
    assert(h->chunked == (codings == 1) && (h->content_length >= 0) == (lengths == 1));
    assert(!h->chunked || h->minor == 1);
    assert(lt_str_eq(lt_http_field(h, "HOST", &twice), h->host) && !twice);
    for (size_t i = 0; i + 1 < used; i++)
        assert(p[i] != '\0' && (p[i] != '\r' || p[i + 1] == '\n') && (p[i + 1] != '\n' || p[i] == '\r'));
}

static void check_query(struct lt_str query)
{
    struct lt_arena *arena = lt_arena_new();
    struct lt_str v;
    for (int i = 0; i < 3; i++)
        if (lt_query_get_at(arena, query, "role", i, &v))
            assert(lt_utf8_valid(v.p, v.n) && !memchr(v.p, '\0', v.n));
    if (lt_percent_decode(arena, query, false, &v))
        assert(v.n <= query.n);
    lt_arena_free(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct lt_http_field fields[2][LT_HTTP_FIELDS_MAX];
    static struct lt_http_head head = {.fields = fields[0]}, part = {.fields = fields[1]};
    struct lt_error err;
    size_t used, some;
    const char *p = (const char *)data;
    enum lt_code rc = lt_http1_read_request(p, size, &head, &used, &err);
    assert(rc == LT_OK || rc == LT_EAGAIN || rc == LT_EBAD_HTTP || rc == LT_EHEAD_TOO_LARGE || rc == LT_EURI_TOO_LONG);
    if (rc != LT_OK)
        return 0;
    check_accepted(&head, p, used);
    check_query(head.query);
    for (size_t n = 0; n < used; n += used < 300 ? 1 : 1 + used / 100) {
        char *copy = malloc(n + 1); /* exactly as long as it says */
        memcpy(copy, p, n);
        assert(lt_http1_read_request(copy, n, &part, &some, &err) == LT_EAGAIN);
        free(copy);
    }
    return 0;
}
