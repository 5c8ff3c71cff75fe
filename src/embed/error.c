/* What crosses the border by itself: texts, structs with a size, errors. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "embed/embed.h"

enum lt_code lt_embed_keep(struct lt_str s, struct lt_embed_text *ret, struct lt_error *err)
{
    char *p = malloc(s.n + 1);
    if (!p)
        return lt_fail(err, LT_EOVERLOADED, "out of memory (%zu bytes)", s.n);
    if (s.n > 0)
        memcpy(p, s.p, s.n);
    p[s.n] = '\0';
    free(ret->p);
    *ret = (struct lt_embed_text){p, s.n};
    return LT_OK;
}

enum lt_code lt_embed_keep_text(const char *p, const char *field, size_t max, bool needed, struct lt_embed_text *ret, struct lt_error *err)
{
    size_t n = p ? strnlen(p, max + 1) : 0;
    if (n == 0 && needed)
        return lt_fail_field(err, LT_EINVALID_INPUT, field, "must be given");
    if (n > max)
        return lt_fail_field(err, LT_EINVALID_INPUT, field, "must be at most %zu bytes", max);
    if (!lt_utf8_valid(p ? p : "", n))
        return lt_fail_field(err, LT_EINVALID_INPUT, field, "must be UTF-8");
    return lt_embed_keep((struct lt_str){p, n}, ret, err);
}

enum lt_code lt_embed_read(const void *given, const char *name, size_t first_size, void *ret, size_t size, struct lt_error *err)
{
    size_t theirs = given ? *(const size_t *)given : 0;
    memset(ret, 0, size);
    if (theirs < first_size)
        return lt_fail_field(err, LT_EINVALID_INPUT, "/size", "%s: size must be sizeof(struct %s), is %zu", name, name, theirs);
    for (size_t i = size; i < theirs; i++)
        if (((const char *)given)[i])
            return lt_fail_field(err, LT_EUNSUPPORTED, "/size", "%s: byte %zu is set, which version %s does not know", name, i, LECTERN_VERSION);
    memcpy(ret, given, theirs < size ? theirs : size);
    return LT_OK;
}

/* Inside requests the place is no object of its own. */
static const char *field_of(const struct lt_error *err)
{
    static const char context[] = "/context/";
    return strncmp(err->field, context, sizeof(context) - 1) == 0 ? err->field + sizeof(context) - 2 : err->field;
}

int lt_embed_report(const struct lt_error *err, struct lectern_error *ret)
{
    struct lectern_error full = {0};
    if (!ret || ret->size < sizeof(ret->size))
        return err ? LECTERN_FAILED : LECTERN_DONE;
    if (err) {
        full.http_status = lt_code_status(err->code);
        full.retryable = lt_code_retryable(err->code);
        full.retry_after_s = err->retry_after_s;
        snprintf(full.code, sizeof(full.code), "%s", lt_code_name(err->code));
        snprintf(full.field, sizeof(full.field), "%s", field_of(err));
        snprintf(full.text, sizeof(full.text), "%s", lt_code_text(err->code));
        snprintf(full.detail, sizeof(full.detail), "%s", err->detail);
    }
    full.size = ret->size;
    memcpy(ret, &full, full.size < sizeof(full) ? full.size : sizeof(full));
    return err ? LECTERN_FAILED : LECTERN_DONE;
}

struct timespec lt_embed_until(uint64_t ms)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += (time_t)(ms / 1000);
    t.tv_nsec += (long)(ms % 1000) * 1000000;
    if (t.tv_nsec >= 1000000000) {
        t.tv_sec++;
        t.tv_nsec -= 1000000000;
    }
    return t;
}

void lt_embed_cond_init(pthread_cond_t *cond)
{
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(cond, &attr);
    pthread_condattr_destroy(&attr);
}
