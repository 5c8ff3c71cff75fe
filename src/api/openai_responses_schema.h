/* What the routes of the Responses API take and answer, for routes.c alone. Unknown members are left alone: the vendor adds some each month. */
#pragma once

#define ID_TEXT "{\"type\":[\"string\",\"null\"],\"maxLength\":256}"
#define FLAG "{\"type\":[\"boolean\",\"null\"]}"
#define NAMED "{\"type\":\"object\",\"required\":[\"type\"],\"properties\":{\"type\":{\"type\":\"string\"},\"name\":{\"type\":\"string\"}}}"

static const char openai_responses_post[] =
    "{\"type\":\"object\",\"required\":[\"model\",\"input\"],\"properties\":{\"model\":{\"type\":\"string\"},"
    "\"input\":{\"type\":[\"string\",\"array\"],\"minLength\":1,\"maxLength\":400000,\"minItems\":1,\"maxItems\":400,"
    "\"items\":{\"type\":\"object\"}},"
    "\"instructions\":{\"type\":[\"string\",\"null\"],\"maxLength\":400000},\"previous_response_id\":" ID_TEXT ","
    "\"store\":" FLAG ",\"stream\":" FLAG ",\"background\":" FLAG ",\"parallel_tool_calls\":" FLAG ","
    "\"max_output_tokens\":{\"type\":[\"integer\",\"null\"],\"minimum\":1,\"maximum\":1000000},"
    "\"temperature\":{\"type\":[\"number\",\"null\"],\"minimum\":0,\"maximum\":2},"
    "\"top_p\":{\"type\":[\"number\",\"null\"],\"minimum\":0,\"maximum\":1},"
    "\"top_logprobs\":{\"type\":[\"integer\",\"null\"],\"minimum\":0,\"maximum\":20},"
    "\"max_tool_calls\":{\"type\":[\"integer\",\"null\"],\"minimum\":0},"
    "\"metadata\":{\"type\":[\"object\",\"null\"],\"maxProperties\":16,\"propertyNames\":{\"maxLength\":64},"
    "\"additionalProperties\":{\"type\":\"string\",\"maxLength\":512}},"
    "\"user\":{\"type\":[\"string\",\"null\"]},\"safety_identifier\":" ID_TEXT ",\"prompt_cache_key\":" ID_TEXT ","
    "\"truncation\":{\"enum\":[\"auto\",\"disabled\",null]},\"service_tier\":{\"type\":[\"string\",\"null\"]},"
    "\"include\":{\"type\":[\"array\",\"null\"],\"maxItems\":20,\"items\":{\"type\":\"string\"}},"
    "\"reasoning\":{\"type\":[\"object\",\"null\"]},\"stream_options\":{\"type\":[\"object\",\"null\"]},"
    "\"text\":{\"type\":[\"object\",\"null\"],\"properties\":{\"verbosity\":{\"type\":[\"string\",\"null\"]},"
    "\"format\":{\"type\":[\"object\",\"null\"],\"required\":[\"type\"],\"properties\":{\"type\":{\"type\":\"string\"}}}}},"
    "\"tools\":{\"type\":[\"array\",\"null\"],\"maxItems\":128,\"items\":" NAMED "},"
    "\"tool_choice\":{\"type\":[\"string\",\"object\",\"null\"],\"required\":[\"type\"],\"properties\":{\"type\":{\"type\":\"string\"},"
    "\"mode\":{\"enum\":[\"auto\",\"required\"]},\"tools\":{\"type\":\"array\",\"maxItems\":128,\"items\":" NAMED "}}}}}";

#define RESPONSE_ITEMS "{\"type\":\"array\",\"items\":{\"type\":\"object\",\"required\":[\"id\",\"type\"]}}"
static const char openai_response[] =
    "{\"type\":\"object\",\"required\":[\"id\",\"object\",\"created_at\",\"status\",\"error\",\"incomplete_details\",\"instructions\",\"model\","
    "\"output\","
    "\"parallel_tool_calls\",\"previous_response_id\",\"temperature\",\"tool_choice\",\"tools\",\"top_p\",\"usage\",\"metadata\"],\"properties\":{"
    "\"id\":{\"type\":\"string\"},\"object\":{\"const\":\"response\"},\"created_at\":{\"type\":\"integer\"},"
    "\"status\":{\"enum\":[\"completed\",\"failed\",\"in_progress\",\"cancelled\",\"incomplete\"]},\"error\":{\"type\":[\"object\",\"null\"]},"
    "\"incomplete_details\":{\"type\":[\"object\",\"null\"]},\"model\":{\"type\":\"string\"},\"output\":" RESPONSE_ITEMS ","
    "\"previous_response_id\":" ID_TEXT ",\"usage\":{\"type\":[\"object\",\"null\"]},\"tools\":{\"type\":\"array\"},"
    "\"text\":{\"type\":\"object\"},\"store\":{\"type\":\"boolean\"}}}";
static const char openai_response_deleted[] =
    "{\"type\":\"object\",\"required\":[\"id\",\"object\",\"deleted\"],\"properties\":{"
    "\"id\":{\"type\":\"string\"},\"object\":{\"const\":\"response\"},\"deleted\":{\"const\":true}}}";
static const char openai_input_items[] =
    "{\"type\":\"object\",\"required\":[\"object\",\"data\",\"first_id\",\"last_id\",\"has_more\"],\"properties\":{\"object\":{\"const\":\"list\"},"
    "\"data\":" RESPONSE_ITEMS ",\"first_id\":" ID_TEXT ",\"last_id\":" ID_TEXT ",\"has_more\":{\"type\":\"boolean\"}}}";

#undef ID_TEXT
#undef FLAG
#undef NAMED
#undef RESPONSE_ITEMS
