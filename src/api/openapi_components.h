/* What the routes of openapi.json share: headers, parameters, and the forms of errors, one for each family of clients. For openapi.c. */
#pragma once

#define STRING "{\"type\":\"string\"}"
#define REF(kind, name) "{\"$ref\":\"#/components/" kind "/" name "\"}"
#define JSON_OF(type, schema) "\"" type "\":{\"schema\":" REF("schemas", schema) "}"
#define ERROR_HEADERS                                                                                                        \
    "\"headers\":{\"X-Request-Id\":" REF("headers", "RequestId") ",\"Retry-After\":" REF("headers", "RetryAfter") ",\"Allow\":"  \
    REF("headers", "Allow") ",\"WWW-Authenticate\":" REF("headers", "WwwAuthenticate") ",\"Idempotent-Replayed\":"              \
    REF("headers", "IdempotentReplayed") "}"
/* What the server refuses before it knows the address is a problem everywhere. */
#define DOOR_ERROR(name, schema)                                                                                             \
    "\"" name "\":{\"description\":\"What went wrong, in the form that these clients read.\"," ERROR_HEADERS ",\"content\":{" \
    JSON_OF("application/json", schema) "," JSON_OF("application/problem+json", "Problem") "}}"
#define PARAMETER(id, name, in, description, schema)                                                                         \
    "\"" id "\":{\"name\":\"" name "\",\"in\":\"" in "\",\"description\":\"" description "\",\"schema\":" schema "}"
#define HEADER(id, description, schema) "\"" id "\":{\"description\":\"" description "\",\"schema\":" schema "}"

static const char lt_openapi_components[] =
    "{\"securitySchemes\":{\"bearer\":{\"type\":\"http\",\"scheme\":\"bearer\",\"description\":\"A site key (lk_...) or a user's token.\"},"
    "\"console\":{\"type\":\"apiKey\",\"in\":\"cookie\",\"name\":\"lectern_console\",\"description\":\"Of the console's pages: counts at "
    "/v1/ wherever bearer does; changes need X-CSRF-Token too.\"},"
    "\"platformPayload\":{\"type\":\"apiKey\",\"in\":\"cookie\",\"name\":\"edx-jwt-cookie-header-payload\"},"
    "\"platformSignature\":{\"type\":\"apiKey\",\"in\":\"cookie\",\"name\":\"edx-jwt-cookie-signature\"}},"
    "\"parameters\":{"
    PARAMETER("UserId", "user_id", "query", "The user that a site key speaks for.", "{\"type\":\"string\",\"minLength\":1,\"maxLength\":255}") ","
    PARAMETER("Role", "role", "query", "A role of that user; may be repeated.", STRING) ","
    PARAMETER("IdempotencyKey", "Idempotency-Key", "header", "The same key with the same request gives the same answer, for 24 hours.",
              "{\"type\":\"string\",\"minLength\":1,\"maxLength\":255,\"pattern\":\"^[!-~]+$\"}") ","
    PARAMETER("IfMatch", "If-Match", "header", "The change is made only if the present ETag is listed; else 412.", STRING) ","
    PARAMETER("IfNoneMatch", "If-None-Match", "header", "304 if the present ETag is listed.", STRING) ","
    PARAMETER("LastEventId", "Last-Event-ID", "header", "Number of the last event that the client has.",
              "{\"type\":\"integer\",\"minimum\":0,\"maximum\":1073741824}") "},"
    "\"headers\":{"
    HEADER("RequestId", "Names the request in the log.", "{\"type\":\"string\",\"format\":\"uuid\"}") ","
    HEADER("RetryAfter", "Seconds to wait.", "{\"type\":\"integer\",\"minimum\":0}") ","
    HEADER("Allow", "Methods of the address.", STRING) ","
    HEADER("WwwAuthenticate", "How to sign in.", STRING) ","
    HEADER("ETag", "Strong; changes with the resource.", STRING) ","
    HEADER("IdempotentReplayed", "true: this answer was given before.", "{\"type\":\"string\",\"const\":\"true\"}") "},"
    "\"schemas\":{"
    "\"Accepted\":{\"type\":\"object\",\"required\":[\"task_id\",\"state\"],\"properties\":{\"task_id\":{\"type\":\"string\",\"format\":\"uuid\"},"
    "\"state\":" STRING "}},"
    "\"Event\":{\"description\":\"One of the events of the stream; data is JSON.\",\"type\":\"object\",\"required\":[\"data\"],\"properties\":{"
    "\"event\":" STRING ",\"id\":" STRING ",\"data\":" STRING "}},"
    "\"Problem\":{\"type\":\"object\",\"required\":[\"type\",\"title\",\"status\",\"detail\",\"code\",\"request_id\"],\"properties\":{"
    "\"type\":" STRING ",\"title\":" STRING ",\"status\":{\"type\":\"integer\"},\"detail\":" STRING ",\"code\":" STRING ",\"request_id\":" STRING ","
    "\"field\":" STRING ",\"retry_after\":{\"type\":\"integer\"},\"limit\":{\"type\":\"object\"},\"id\":" STRING ",\"errors\":{\"type\":\"array\"}}},"
    "\"OpenEdxError\":{\"type\":\"object\",\"properties\":{\"error\":{\"type\":[\"object\",\"string\"],\"properties\":{\"code\":" STRING ","
    "\"message\":{\"type\":[\"string\",\"array\"]}}},\"status\":" STRING ",\"detail\":" STRING ",\"timestamp\":{\"type\":\"string\","
    "\"format\":\"date-time\"}}},"
    "\"OpenAIError\":{\"type\":\"object\",\"required\":[\"error\"],\"properties\":{\"error\":{\"type\":\"object\","
    "\"required\":[\"message\",\"type\"],"
    "\"properties\":{\"message\":" STRING ",\"type\":" STRING ",\"param\":{\"type\":[\"string\",\"null\"]},\"code\":{\"type\":[\"string\","
    "\"null\"]}}}}},"
    "\"OllamaError\":{\"type\":\"object\",\"required\":[\"error\"],\"properties\":{\"error\":" STRING "}},"
    "\"JsonRpcError\":{\"type\":\"object\",\"required\":[\"jsonrpc\",\"id\",\"error\"],\"properties\":{\"jsonrpc\":" STRING ",\"id\":{\"type\":[\"string\","
    "\"integer\",\"null\"]},\"error\":{\"type\":\"object\",\"required\":[\"code\",\"message\"],\"properties\":{\"code\":{\"type\":\"integer\"},\"message\":" STRING
    ",\"data\":{\"type\":\"object\"}}}}}},"
    "\"responses\":{"
    "\"Problem\":{\"description\":\"What went wrong (RFC 9457).\"," ERROR_HEADERS ","
    "\"content\":{" JSON_OF("application/problem+json", "Problem") "}},"
    DOOR_ERROR("OpenEdxError", "OpenEdxError") "," DOOR_ERROR("OpenAIError", "OpenAIError") "," DOOR_ERROR("OllamaError", "OllamaError") ","
    DOOR_ERROR("JsonRpcError", "JsonRpcError") "}}";
