/* Keys at the Ollama door. First line a path, the rest Basic credentials. */
#include <assert.h>
#include <stdlib.h>

#include "api/ollama_key.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A path that had a key has it no more, but for what the client wrote behind it. */
static void check_path(struct lt_arena *arena, struct lt_str path)
{
    struct lt_str cut = path, key;
    if (!lt_ollama_cut_key(arena, &cut, &key)) {
        assert(cut.p == path.p && cut.n == path.n);
        return;
    }
    assert(lt_ollama_is_path(path) && lt_ollama_is_path(cut) && key.n > 0);
    assert(cut.n < path.n - 1 && memcmp(path.p + path.n - (cut.n - 7), cut.p + 7, cut.n - 7) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *copy = malloc(size + 1);
    memcpy(copy, data, size);
    copy[size] = '\0';
    struct lt_arena *arena = lt_arena_new();
    struct lt_str credentials = {copy, size}, path = lt_str_cut(&credentials, '\n'), password;
    struct lt_error err;
    if (path.n > 0 && !memchr(path.p, '\0', path.n)) /* as lt_http1_read_request() gives it */
        check_path(arena, path);
    enum lt_code rc = lt_basic_password(arena, credentials, &password, &err);
    assert(rc == LT_OK || (rc == LT_EUNAUTHENTICATED && err.detail[0]));
    if (rc == LT_OK) {
        assert(password.n > 0 && password.n < credentials.n && lt_utf8_valid(password.p, password.n));
        for (size_t i = 0; i < password.n; i++)
            assert((unsigned char)password.p[i] >= 0x20 && password.p[i] != 0x7F);
    }
    lt_arena_free(arena);
    free(copy);
    return 0;
}
