/*
 * Bodies of the door /openai/v1/ as JSON Schema, for routes.c: what OpenAI's clients send, as far as its form is read here. Members that are not
 * named are taken and ignored; null is as absent.
 */
#pragma once

#define LT_OPENAI_NULLABLE(type) "{\"type\":[\"" type "\",\"null\"]}"
#define LT_OPENAI_OBJECTS "{\"type\":[\"array\",\"null\"],\"items\":{\"type\":\"object\"}}"

#define LT_OPENAI_MESSAGE                                                                                                    \
    "{\"type\":\"object\",\"required\":[\"role\"],\"properties\":{"                                                          \
    "\"role\":{\"enum\":[\"system\",\"developer\",\"user\",\"assistant\",\"tool\"]},"                                        \
    "\"content\":{\"type\":[\"string\",\"array\",\"null\"],\"items\":{\"type\":\"object\",\"required\":[\"type\"],"          \
    "\"properties\":{\"type\":{\"type\":\"string\"},\"text\":{\"type\":\"string\"},\"refusal\":{\"type\":\"string\"},"       \
    "\"image_url\":{\"type\":\"object\",\"required\":[\"url\"],\"properties\":{\"url\":{\"type\":\"string\"},"               \
    "\"detail\":" LT_OPENAI_NULLABLE("string") "}}}}},"                                                                      \
    "\"name\":" LT_OPENAI_NULLABLE("string") ",\"refusal\":" LT_OPENAI_NULLABLE("string") ","                                \
    "\"tool_call_id\":" LT_OPENAI_NULLABLE("string") ",\"tool_calls\":" LT_OPENAI_OBJECTS "}}"

#define LT_OPENAI_CHAT_REQUEST                                                                                               \
    "{\"type\":\"object\",\"required\":[\"model\",\"messages\"],\"properties\":{\"model\":{\"type\":\"string\"},"            \
    "\"messages\":{\"type\":\"array\",\"minItems\":1,\"maxItems\":200,\"items\":" LT_OPENAI_MESSAGE "},"                     \
    "\"stream\":" LT_OPENAI_NULLABLE("boolean") ",\"stream_options\":{\"type\":[\"object\",\"null\"],\"properties\":{"       \
    "\"include_usage\":" LT_OPENAI_NULLABLE("boolean") "}},"                                                                 \
    "\"n\":" LT_OPENAI_NULLABLE("integer") ",\"seed\":" LT_OPENAI_NULLABLE("integer") ","                                    \
    "\"max_tokens\":" LT_OPENAI_NULLABLE("integer") ",\"max_completion_tokens\":" LT_OPENAI_NULLABLE("integer") ","          \
    "\"temperature\":" LT_OPENAI_NULLABLE("number") ",\"top_p\":" LT_OPENAI_NULLABLE("number") ","                           \
    "\"frequency_penalty\":" LT_OPENAI_NULLABLE("number") ",\"presence_penalty\":" LT_OPENAI_NULLABLE("number") ","          \
    "\"logprobs\":{\"enum\":[true,false,null,\"0\",\"1\"]},\"top_logprobs\":" LT_OPENAI_NULLABLE("integer") ","             \
    "\"stop\":{\"type\":[\"string\",\"array\",\"null\"],\"items\":{\"type\":\"string\"}},"                                   \
    "\"tools\":" LT_OPENAI_OBJECTS ",\"tool_choice\":{\"type\":[\"string\",\"object\",\"null\"]},"                           \
    "\"parallel_tool_calls\":" LT_OPENAI_NULLABLE("boolean") ","                                                             \
    "\"response_format\":{\"type\":[\"object\",\"null\"],\"required\":[\"type\"],\"properties\":{\"type\":{\"type\":\"string\"},"  \
    "\"json_schema\":" LT_OPENAI_NULLABLE("object") "}},"                                                                    \
    "\"modalities\":{\"type\":[\"array\",\"null\"],\"items\":{\"type\":\"string\"}},"                                        \
    "\"user\":" LT_OPENAI_NULLABLE("string") ",\"safety_identifier\":" LT_OPENAI_NULLABLE("string") "}}"

#define LT_OPENAI_USAGE                                                                                                      \
    "{\"type\":\"object\",\"required\":[\"prompt_tokens\",\"total_tokens\"],\"properties\":{\"prompt_tokens\":{\"type\":\"integer\"},"  \
    "\"completion_tokens\":{\"type\":\"integer\"},\"total_tokens\":{\"type\":\"integer\"}}}"

#define LT_OPENAI_CHAT_ANSWER                                                                                                \
    "{\"type\":\"object\",\"required\":[\"id\",\"object\",\"created\",\"model\",\"choices\",\"usage\"],\"properties\":{"    \
    "\"id\":{\"type\":\"string\"},\"object\":{\"const\":\"chat.completion\"},\"created\":{\"type\":\"integer\"},"            \
    "\"model\":{\"type\":\"string\"},\"system_fingerprint\":{\"type\":\"string\"},\"choices\":{\"type\":\"array\",\"minItems\":1,"  \
    "\"maxItems\":1,\"items\":{\"type\":\"object\",\"required\":[\"index\",\"message\",\"finish_reason\"],\"properties\":{"  \
    "\"index\":{\"const\":0},\"message\":{\"type\":\"object\",\"required\":[\"role\",\"content\",\"refusal\"],\"properties\":{"  \
    "\"role\":{\"const\":\"assistant\"},\"content\":" LT_OPENAI_NULLABLE("string") ",\"refusal\":" LT_OPENAI_NULLABLE("string") ","  \
    "\"tool_calls\":{\"type\":\"array\"}}},\"logprobs\":" LT_OPENAI_NULLABLE("object") ",\"finish_reason\":{\"enum\":[\"stop\","  \
    "\"length\",\"tool_calls\",\"content_filter\"]}}}},\"usage\":" LT_OPENAI_USAGE "}}"

#define LT_OPENAI_EMBEDDINGS_REQUEST                                                                                         \
    "{\"type\":\"object\",\"required\":[\"model\",\"input\"],\"properties\":{\"model\":{\"type\":\"string\"},"               \
    "\"input\":{\"type\":[\"string\",\"array\"],\"minItems\":1},"                                                            \
    "\"encoding_format\":{\"enum\":[\"float\",\"base64\",null]},\"dimensions\":" LT_OPENAI_NULLABLE("integer") ","           \
    "\"user\":" LT_OPENAI_NULLABLE("string") "}}"
#define LT_OPENAI_EMBEDDINGS_ANSWER                                                                                          \
    "{\"type\":\"object\",\"required\":[\"object\",\"data\",\"model\",\"usage\"],\"properties\":{\"object\":{\"const\":\"list\"},"  \
    "\"data\":{\"type\":\"array\",\"items\":{\"type\":\"object\",\"required\":[\"object\",\"index\",\"embedding\"],\"properties\":{"  \
    "\"object\":{\"const\":\"embedding\"},\"index\":{\"type\":\"integer\"},\"embedding\":{\"type\":[\"array\",\"string\"]}}}},"  \
    "\"model\":{\"type\":\"string\"},\"usage\":" LT_OPENAI_USAGE "}}"

#define LT_OPENAI_IMAGES_REQUEST                                                                                             \
    "{\"type\":\"object\",\"required\":[\"prompt\"],\"properties\":{\"prompt\":{\"type\":\"string\"},\"model\":" LT_OPENAI_NULLABLE("string") ","  \
    "\"n\":" LT_OPENAI_NULLABLE("integer") ",\"size\":" LT_OPENAI_NULLABLE("string") ",\"quality\":" LT_OPENAI_NULLABLE("string") ","  \
    "\"style\":{\"enum\":[\"vivid\",\"natural\",null]},\"response_format\":{\"enum\":[\"url\",\"b64_json\",null]},"             \
    "\"output_format\":{\"enum\":[\"png\",\"jpeg\",\"webp\",null]},\"output_compression\":" LT_OPENAI_NULLABLE("integer") ","   \
    "\"background\":" LT_OPENAI_NULLABLE("string") ",\"stream\":" LT_OPENAI_NULLABLE("boolean") ","                            \
    "\"user\":" LT_OPENAI_NULLABLE("string") "}}"
#define LT_OPENAI_IMAGES_ANSWER                                                                                              \
    "{\"type\":\"object\",\"required\":[\"created\",\"output_format\",\"size\",\"data\"],\"properties\":{\"created\":{\"type\":\"integer\"},"  \
    "\"output_format\":{\"type\":\"string\"},\"size\":{\"type\":\"string\"},\"data\":{\"type\":\"array\",\"minItems\":1,"       \
    "\"items\":{\"type\":\"object\",\"required\":[\"revised_prompt\"],\"properties\":{\"b64_json\":{\"type\":\"string\"},"       \
    "\"url\":{\"type\":\"string\"},\"revised_prompt\":{\"type\":\"string\"}}}}}}"

#define LT_OPENAI_MODEL                                                                                                      \
    "{\"type\":\"object\",\"required\":[\"id\",\"object\",\"created\",\"owned_by\"],\"properties\":{\"id\":{\"type\":\"string\"},"  \
    "\"object\":{\"const\":\"model\"},\"created\":{\"type\":\"integer\"},\"owned_by\":{\"type\":\"string\"}}}"
#define LT_OPENAI_MODELS                                                                                                     \
    "{\"type\":\"object\",\"required\":[\"object\",\"data\"],\"properties\":{\"object\":{\"const\":\"list\"},"               \
    "\"data\":{\"type\":\"array\",\"items\":" LT_OPENAI_MODEL "}}}"
