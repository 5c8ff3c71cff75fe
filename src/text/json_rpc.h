/*
 * JSON-RPC 2.0 (jsonrpc.org/specification): one message read or written. Batches are the caller's: an array is no message. Pure; any thread.
 */
#pragma once
#include "text/json.h"

enum {
    LT_RPC_PARSE_ERROR = -32700,
    LT_RPC_INVALID_REQUEST = -32600,
    LT_RPC_METHOD_NOT_FOUND = -32601,
    LT_RPC_INVALID_PARAMS = -32602,
    LT_RPC_INTERNAL_ERROR = -32603,
    LT_RPC_METHOD_MAX = 128, /* bytes of a method's name */
};

enum lt_rpc_kind { LT_RPC_REQUEST, LT_RPC_NOTIFICATION, LT_RPC_RESULT, LT_RPC_ERROR };

struct lt_rpc {
    enum lt_rpc_kind kind;
    const struct lt_json *id;     /* a string or a whole number; NULL: of a notification, and of an error that answers no request that could be read */
    struct lt_str method;         /* of a request or notification */
    const struct lt_json *params; /* an object or an array; NULL: none */
    const struct lt_json *result; /* any value */
    int64_t code;                 /* of an error: */
    struct lt_str message;
    const struct lt_json *data;   /* NULL: none */
};

/*
 * What the value says; *ret points into it. LT_EINVALID_INPUT names the member that is wrong. Members that the specification does not know are passed
 * over. An id of null counts as none, and then only an error may have it.
 */
enum lt_code lt_rpc_read(const struct lt_json *v, struct lt_rpc *ret, struct lt_error *err);
/* Is it an answer to the request of this number? */
bool lt_rpc_answers(const struct lt_rpc *m, int64_t id);

/*
 * Each begins a message, as an object that the caller ends with lt_jw_end(). To a request and a notification the caller writes the member "params" where
 * there are any, to a result the member "result". id: of the request; NULL writes null.
 */
void lt_rpc_request(struct lt_jw *w, int64_t id, const char *method);
void lt_rpc_notification(struct lt_jw *w, const char *method);
void lt_rpc_result(struct lt_jw *w, const struct lt_json *id);
/* The same; nothing but "data" (inside "error") can be added: ended by lt_rpc_error_end(). */
void lt_rpc_error(struct lt_jw *w, const struct lt_json *id, int code, struct lt_str message);
void lt_rpc_error_end(struct lt_jw *w);
