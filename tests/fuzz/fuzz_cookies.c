/* Cookie fields, and Django's tokens. First line a name, the rest the field. */
#include <assert.h>
#include <stdlib.h>

#include "api/cookies.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *copy = malloc(size + 1);
    memcpy(copy, data, size);
    copy[size] = '\0';
    struct lt_str field = {copy, size}, first = lt_str_cut(&field, '\n'), value;
    char *name = strndup(first.p ? first.p : "", first.n);
    struct lt_http_field fields[] = {{LT_STR("Cookie"), field}};
    struct lt_http_head head = {.fields = fields, .fields_n = 1};
    struct lt_error err;
    enum lt_code rc = lt_cookie_get(&head, name, &value, &err);
    assert(rc == LT_OK || (rc == LT_EINVALID_INPUT && err.detail[0]));
    if (rc == LT_OK && value.p) {
        assert(value.n <= field.n);
        for (size_t i = 0; i < value.n; i++)
            assert(value.p[i] > 0x20 && value.p[i] < 0x7F && value.p[i] != ';' && value.p[i] != '"');
        if (lt_csrf_same(value, first))
            assert(lt_csrf_same(first, value) && lt_csrf_same(value, value) && (value.n == 32 || value.n == 64));
    }
    free(name);
    free(copy);
    return 0;
}
