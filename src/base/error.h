/*
 * One table of errors: the enum, the names in the API, the HTTP statuses, the texts and the documentation come from it.
 * A function that can fail returns an enum lt_code (0 = LT_OK) and fills a struct lt_error; callers may add context; the top
 * logs once. Add a row at the end of its group; a name in the API is never changed.
 */
#pragma once
#include "base/str.h"

/* X(symbol, name in the API, HTTP status, may be tried again, calm text for learners) */
#define LT_ERRORS(X)                                                                                                         \
    X(OK, "ok", 200, 0, "Done.")                                                                                             \
    /* what the caller sent */                                                                                               \
    X(EINVALID_JSON, "invalid_json", 400, 0, "The request is not valid JSON.")                                               \
    X(EINVALID_INPUT, "invalid_input", 400, 0, "The request has a field that is not valid.")                                 \
    X(EBAD_HTTP, "bad_http", 400, 0, "The request is not valid HTTP.")                                                       \
    X(EUNAUTHENTICATED, "unauthenticated", 401, 0, "Sign in first: the key or token is missing, wrong or expired.")          \
    X(EPERMISSION, "permission_denied", 403, 0, "You are not allowed to do this here.")                                      \
    X(ENOT_FOUND, "not_found", 404, 0, "There is no such thing here.")                                                       \
    X(EUNKNOWN_ACTION, "unknown_action", 404, 0, "There is no such action.")                                                 \
    X(EMETHOD, "method_not_allowed", 405, 0, "This address does not take that method.")                                      \
    X(EMULTIPLE, "multiple_found", 409, 0, "More than one thing has that name.")                                             \
    X(ECONFLICT, "conflict", 409, 0, "This was changed or exists already.")                                                  \
    X(ETOO_LARGE, "body_too_large", 413, 0, "The request is too large.")                                                     \
    X(EURI_TOO_LONG, "uri_too_long", 414, 0, "The address is too long.")                                                     \
    X(EMEDIA_TYPE, "unsupported_media_type", 415, 0, "Send application/json.")                                               \
    X(EHEAD_TOO_LARGE, "head_too_large", 431, 0, "The request head is too large.")                                           \
    X(EREQUEST_TIMEOUT, "request_timeout", 408, 1, "The request did not arrive in time.")                                    \
    X(ENO_CONFIG, "no_config", 404, 0, "No AI feature is set up here.")                                                      \
    X(EPRECONDITION, "precondition_failed", 412, 0, "This was changed since it was read. Read it again.")                    \
    X(EKEY_REUSED, "idempotency_key_reused", 409, 0, "This Idempotency-Key came before with another request.")               \
    X(EKEY_RUNNING, "idempotency_key_in_use", 409, 1, "The first request with this Idempotency-Key is still under way.")     \
    X(ENOT_KEPT, "answer_not_kept", 409, 0, "This was done already; its answer was not kept.")                               \
    /* what the gates say */                                                                                                 \
    X(ESITE_DISABLED, "site_disabled", 403, 0, "AI is switched off for this site.")                                          \
    X(ECOURSE_DISABLED, "course_disabled", 403, 0, "AI is switched off in this course or activity.")                         \
    X(EPLACEMENT_DISABLED, "placement_disabled", 403, 0, "AI is switched off in this part of the page.")                     \
    X(EPOLICY, "policy_not_accepted", 403, 0, "Accept the AI policy first.")                                                 \
    X(ERATE_LIMITED, "rate_limited", 429, 1, "Too many requests. Try again later.")                                          \
    X(ENO_PROVIDER, "no_provider", 503, 0, "No AI service is set up for this action.")                                       \
    X(ESITE_BUSY, "site_busy", 429, 1, "Too many people are asking at once. Try again in a moment.")                         \
    X(EBUDGET, "budget_exceeded", 429, 1, "The budget for AI is used up for now. Try again later.")                           \
    X(ESTOPPED, "emergency_stopped", 503, 0, "AI is stopped for the moment. Try again later.")                               \
    X(EINPUT_BLOCKED, "input_blocked", 422, 0, "This cannot be sent to the AI service here. Change the text and try again.") \
    X(EANSWER_BLOCKED, "answer_blocked", 422, 0, "The answer was held back by a rule of this site. Try asking otherwise.")   \
    /* what a vendor did */                                                                                                  \
    X(EUPSTREAM_BAD_REQUEST, "upstream_bad_request", 502, 0, "The AI service did not accept the request.")                   \
    X(EUPSTREAM_UNAUTHORIZED, "upstream_unauthorized", 502, 0, "The AI service does not let us in just now. Try again later.")      \
    X(EUPSTREAM_NOT_FOUND, "upstream_not_found", 502, 0, "The AI service cannot be asked just now. Try again later.")      \
    X(EUPSTREAM_RATE_LIMITED, "upstream_rate_limited", 429, 1, "The AI service has reached its limit. Try again later.")     \
    X(ECONTEXT_WINDOW, "context_window_exceeded", 400, 0, "The text is too long for the AI service.")                        \
    X(ECONTENT_REFUSED, "content_refused", 422, 0, "The AI service declined to answer this.")                                \
    X(EUPSTREAM_TIMEOUT, "upstream_timeout", 504, 1, "The AI service did not answer in time. Try again later.")              \
    X(EUPSTREAM_UNAVAILABLE, "upstream_unavailable", 502, 1, "The AI service is not available. Try again later.")            \
    X(EUPSTREAM_INVALID, "upstream_invalid", 502, 1, "The AI service gave an answer that cannot be used. Try again later.")  \
    X(EUNSUPPORTED, "not_supported", 422, 0, "The AI service that is set up cannot do this.")                                \
    /* what happened here */                                                                                                 \
    X(ECANCELLED, "cancelled", 499, 0, "Cancelled.")                                                                         \
    X(EINTERRUPTED, "interrupted", 500, 1, "The answer was interrupted. Try again.")                                         \
    X(ETIMEOUT, "timeout", 504, 1, "This took too long. Try again later.")                                                   \
    X(EOVERLOADED, "overloaded", 503, 1, "Too busy just now. Try again in a moment.")                                        \
    X(ESTORE, "store_unavailable", 503, 1, "Records cannot be written just now. Try again later.")                           \
    X(EIO, "io_error", 502, 1, "A connection broke.")                                                                        \
    X(ECONFIG, "invalid_configuration", 500, 0, "The configuration is not valid.")                                           \
    X(EAGAIN, "again", 500, 1, "More data is needed.")                                                                       \
    X(EINTERNAL, "internal_error", 500, 0, "Something went wrong. Try again later.")                                         \
    X(EOUTBOUND_REFUSED, "outbound_refused", 502, 0, "The AI service is not set up correctly.")                              \
    X(EPROFILE_INVALID, "profile_invalid", 500, 0, "This AI feature is not set up correctly.")

enum lt_code {
#define X(symbol, name, status, retryable, text) LT_##symbol,
    LT_ERRORS(X)
#undef X
        LT_CODE_COUNT
};

struct lt_error {
    enum lt_code code;
    int retry_after_s;  /* seconds to wait, 0 = not said */
    int vendor_status;  /* HTTP status of the vendor, 0 = none */
    int64_t limit_id;   /* of the limit that refuses, 0 = none */
    char field[96];     /* JSON Pointer of the input that is wrong, "" = none */
    char detail[400];   /* for admins and logs: what exactly, with context; never holds keys or prompts */
};

const char *lt_code_name(enum lt_code code);
/* The code of that name. */
enum lt_code lt_code_parse(struct lt_str name, enum lt_code otherwise);
int lt_code_status(enum lt_code code);
bool lt_code_retryable(enum lt_code code);
const char *lt_code_text(enum lt_code code);

/* Fills *err (may be NULL) and returns the code, so that `return lt_fail(err, LT_EIO, "read: %s", …);` reads well. */
enum lt_code lt_fail(struct lt_error *err, enum lt_code code, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* The same with the JSON Pointer of the field that is wrong ("" = the whole). */
enum lt_code lt_fail_field(struct lt_error *err, enum lt_code code, const char *pointer, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* Puts a JSON Pointer before the field's: an error found inside a part is one of the whole. Returns err->code. */
enum lt_code lt_error_under(struct lt_error *err, const char *pointer);
/* Puts "context: " before the detail; returns err->code. */
enum lt_code lt_error_wrap(struct lt_error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));
