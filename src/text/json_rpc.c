/* JSON-RPC 2.0. Fuzzed by tests/fuzz/fuzz_mcp_client.c. */
#include "text/json_rpc.h"

static bool is_id(const struct lt_json *v)
{
    int64_t n;
    return lt_json_is(v, LT_JSON_STRING) || (lt_json_is(v, LT_JSON_NUMBER) && lt_json_int64(v, &n));
}

static enum lt_code read_call(const struct lt_json *v, struct lt_rpc *ret, struct lt_error *err)
{
    const struct lt_json *method = lt_json_get(v, "method"), *params = lt_json_get(v, "params");
    ret->kind = ret->id ? LT_RPC_REQUEST : LT_RPC_NOTIFICATION;
    ret->method = lt_json_str(method);
    ret->params = params;
    if (!lt_json_is(method, LT_JSON_STRING) || ret->method.n == 0 || ret->method.n > LT_RPC_METHOD_MAX)
        return lt_fail_field(err, LT_EINVALID_INPUT, "/method", "must be a string of 1 to %d bytes", LT_RPC_METHOD_MAX);
    if (params && !lt_json_is(params, LT_JSON_OBJECT) && !lt_json_is(params, LT_JSON_ARRAY))
        return lt_fail_field(err, LT_EINVALID_INPUT, "/params", "must be an object or an array, is %s", lt_json_type_name(params));
    return LT_OK;
}

static enum lt_code read_error(const struct lt_json *error, struct lt_rpc *ret, struct lt_error *err)
{
    ret->kind = LT_RPC_ERROR;
    ret->message = lt_json_str_or(lt_json_get(error, "message"), LT_STR(""));
    ret->data = lt_json_get(error, "data");
    if (!lt_json_is(error, LT_JSON_OBJECT) || !lt_json_int64(lt_json_get(error, "code"), &ret->code))
        return lt_fail_field(err, LT_EINVALID_INPUT, "/error", "must be an object with a whole number 'code'");
    return LT_OK;
}

enum lt_code lt_rpc_read(const struct lt_json *v, struct lt_rpc *ret, struct lt_error *err)
{
    const struct lt_json *id = lt_json_get(v, "id"), *result = lt_json_get(v, "result"), *error = lt_json_get(v, "error");
    *ret = (struct lt_rpc){.id = lt_json_is(id, LT_JSON_NULL) ? NULL : id};
    if (!lt_json_is(v, LT_JSON_OBJECT))
        return lt_fail(err, LT_EINVALID_INPUT, "a message must be an object, is %s", lt_json_type_name(v));
    if (!lt_str_is(lt_json_str(lt_json_get(v, "jsonrpc")), "2.0"))
        return lt_fail_field(err, LT_EINVALID_INPUT, "/jsonrpc", "must be \"2.0\"");
    if (ret->id && !is_id(ret->id))
        return lt_fail_field(err, LT_EINVALID_INPUT, "/id", "must be a string or a whole number, is %s", lt_json_type_name(ret->id));
    if ((lt_json_get(v, "method") != NULL) + (result != NULL) + (error != NULL) != 1)
        return lt_fail(err, LT_EINVALID_INPUT, "a message must have one of 'method', 'result' and 'error'");
    if (error)
        return read_error(error, ret, err);
    if (!ret->id && (result || id))
        return lt_fail_field(err, LT_EINVALID_INPUT, "/id", "must be a string or a whole number");
    if (!result)
        return read_call(v, ret, err);
    ret->kind = LT_RPC_RESULT;
    ret->result = result;
    return LT_OK;
}

bool lt_rpc_answers(const struct lt_rpc *m, int64_t id)
{
    int64_t n;
    return (m->kind == LT_RPC_RESULT || m->kind == LT_RPC_ERROR) && lt_json_is(m->id, LT_JSON_NUMBER) && lt_json_int64(m->id, &n) && n == id;
}

static void begin(struct lt_jw *w)
{
    lt_jw_obj(w);
    lt_jw_kstrz(w, "jsonrpc", "2.0");
}

void lt_rpc_request(struct lt_jw *w, int64_t id, const char *method)
{
    begin(w);
    lt_jw_kint(w, "id", id);
    lt_jw_kstrz(w, "method", method);
}

void lt_rpc_notification(struct lt_jw *w, const char *method)
{
    begin(w);
    lt_jw_kstrz(w, "method", method);
}

void lt_rpc_result(struct lt_jw *w, const struct lt_json *id)
{
    begin(w);
    lt_jw_kjson(w, "id", id);
}

void lt_rpc_error(struct lt_jw *w, const struct lt_json *id, int code, struct lt_str message)
{
    begin(w);
    lt_jw_kjson(w, "id", id);
    lt_jw_key(w, "error");
    lt_jw_obj(w);
    lt_jw_kint(w, "code", code);
    lt_jw_kstr(w, "message", message);
}

void lt_rpc_error_end(struct lt_jw *w)
{
    lt_jw_end(w);
    lt_jw_end(w);
}
