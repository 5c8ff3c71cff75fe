/* The error table and how a struct lt_error is filled. */
#include "base/error.h"

#include <stdio.h>

static const struct {
    const char *name;
    int status;
    bool retryable;
    const char *text;
} table[] = {
#define X(symbol, name, status, retryable, text) {name, status, retryable, text},
    LT_ERRORS(X)
#undef X
};

static enum lt_code known(enum lt_code code)
{
    return (unsigned)code < LT_CODE_COUNT ? code : LT_EINTERNAL;
}

const char *lt_code_name(enum lt_code code)
{
    return table[known(code)].name;
}

enum lt_code lt_code_parse(struct lt_str name, enum lt_code otherwise)
{
    for (size_t i = 0; i < LT_COUNT(table); i++)
        if (lt_str_is(name, table[i].name))
            return (enum lt_code)i;
    return otherwise;
}

int lt_code_status(enum lt_code code)
{
    return table[known(code)].status;
}

bool lt_code_retryable(enum lt_code code)
{
    return table[known(code)].retryable;
}

const char *lt_code_text(enum lt_code code)
{
    return table[known(code)].text;
}

/* vsnprintf that never leaves half a UTF-8 sequence at the end. */
__attribute__((format(printf, 3, 0))) static void format_whole(char *out, size_t cap, const char *format, va_list args)
{
    int n = vsnprintf(out, cap, format, args);
    if (n >= (int)cap)
        out[lt_utf8_whole(out, cap - 1)] = '\0';
}

/* Arguments may point into *err, so the new error is complete before it takes the place of the old one. */
__attribute__((format(printf, 4, 0))) static enum lt_code fill(struct lt_error *err, enum lt_code code, const char *pointer,
                                                               const char *format, va_list args)
{
    struct lt_error filled = {.code = code};
    snprintf(filled.field, sizeof(filled.field), "%s", pointer);
    filled.field[lt_utf8_whole(filled.field, strlen(filled.field))] = '\0';
    format_whole(filled.detail, sizeof(filled.detail), format, args);
    *err = filled;
    return code;
}

enum lt_code lt_fail(struct lt_error *err, enum lt_code code, const char *format, ...)
{
    if (!err)
        return code;
    va_list args;
    va_start(args, format);
    fill(err, code, "", format, args);
    va_end(args);
    return code;
}

enum lt_code lt_fail_field(struct lt_error *err, enum lt_code code, const char *pointer, const char *format, ...)
{
    if (!err)
        return code;
    va_list args;
    va_start(args, format);
    fill(err, code, pointer, format, args);
    va_end(args);
    return code;
}

enum lt_code lt_error_under(struct lt_error *err, const char *pointer)
{
    char both[2 * sizeof(err->field)];
    int n = snprintf(both, sizeof(both), "%s%s", pointer, err->field);
    size_t keep = n < 0 ? 0 : (size_t)n;
    if (keep > sizeof(err->field) - 1)
        keep = lt_utf8_whole(both, sizeof(err->field) - 1);
    memcpy(err->field, both, keep);
    err->field[keep] = '\0';
    return err->code;
}

enum lt_code lt_error_wrap(struct lt_error *err, const char *format, ...)
{
    char before[sizeof(err->detail)], both[2 * sizeof(err->detail)];
    va_list args;
    va_start(args, format);
    vsnprintf(before, sizeof(before), format, args);
    va_end(args);
    int n = snprintf(both, sizeof(both), "%s: %s", before, err->detail);
    size_t keep = n < 0 ? 0 : (size_t)n;
    if (keep > sizeof(err->detail) - 1)
        keep = lt_utf8_whole(both, sizeof(err->detail) - 1);
    memcpy(err->detail, both, keep);
    err->detail[keep] = '\0';
    return err->code;
}
