/*
 * Structured logs: one JSON object a line on standard error (plain text when that is a terminal), or what lt_log_set_sink() says. Any thread.
 * Every value passes one redaction (site keys, bearer tokens, vendor keys) before it is written. Prompts and answers are never
 * logged.
 *
 *     lt_log(LT_LOG_INFO, "http.listen", LT_S("url", url), LT_I("threads", 2));
 */
#pragma once
#include "base/error.h"

enum lt_log_level { LT_LOG_DEBUG, LT_LOG_INFO, LT_LOG_WARN, LT_LOG_ERROR };

struct lt_log_field {
    const char *key; /* NULL ends the list */
    bool is_int;
    int64_t i;
    struct lt_str s;
};

#define LT_S(key_, value_) ((struct lt_log_field){.key = (key_), .s = lt_str(value_)})
#define LT_SS(key_, value_) ((struct lt_log_field){.key = (key_), .s = (value_)})
#define LT_I(key_, value_) ((struct lt_log_field){.key = (key_), .is_int = true, .i = (int64_t)(value_)})

/* event: dotted noun.verb name. At most 24 fields; a line is cut at 8 KiB. */
#define lt_log(level, event, ...)                                                                                            \
    lt_log_fields(level, event, (const struct lt_log_field[]){__VA_ARGS__ __VA_OPT__(, ) {.key = NULL}})
void lt_log_fields(enum lt_log_level level, const char *event, const struct lt_log_field *fields);
/* Logs an error once, at the top: its code, detail, field and vendor status. */
void lt_log_error(const char *event, const struct lt_error *err);
/*
 * From now on lines go to sink(ctx, line), each whole JSON without a line end, on whatever thread logs; NULL: to standard error again. Only
 * while no other thread logs: at start and at the end.
 */
void lt_log_set_sink(void (*sink)(void *ctx, struct lt_str line), void *ctx);
/* Lines below this level are dropped. Default LT_LOG_INFO. */
void lt_log_set_level(enum lt_log_level level);
/* "debug", "info", "warn", "error" → level; false when unknown. */
bool lt_log_level_parse(struct lt_str name, enum lt_log_level *ret);
/* Replaces secrets in s[0..n) by asterisks, in place: lk_…, sk-…, Bearer …, Basic …, JWTs. Exposed for tests. */
void lt_log_redact(char *s, size_t n);
