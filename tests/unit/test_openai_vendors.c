/*
 * The vendors of OpenAI's family that have a provider of their own: what each is sent otherwise than OpenAI, and what each answers otherwise. One
 * table of requests for all of them; the double in tests/system refuses what they would refuse.
 */
#include "core/registry.h"
#include "providers/builtin.h"
#include "provider_rig.h"

extern const struct lt_provider lt_provider_azureai, lt_provider_deepseek, lt_provider_huggingface, lt_provider_llamacpp, lt_provider_mistral,
    lt_provider_vllm;

#define M "\"messages\":[{\"role\":\"system\",\"content\":\"Be brief.\"},{\"role\":\"user\",\"content\":\"Hi \\\"you\\\"\"}]"
#define U "\"user\":\"u5e4\","
#define MODEL "\"model\":\"m\","
#define SCHEMA "{\"type\":\"object\"}"
#define SCHEMA_ASKED "{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"n\",\"schema\":" SCHEMA "}}"
#define TOOL "[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"parameters\":{}}}]"
#define BARE_TOOL "[{\"type\":\"function\",\"function\":{\"name\":\"g\",\"strict\":false}}]"
#define GOOD "{\"id\":\"c\",\"choices\":[{\"index\":0,\"finish_reason\":\"stop\",\"message\":{\"content\":\"A\"}}]}"

/* What the call asks for, besides its messages. */
enum wish { PLAIN, STREAM = 1, SEED = 2, LIMIT = 4, FORM = 8, OBJECT = 16, TOOLS = 32, PROBABLE = 64, PARALLEL = 128, KEPT = 256, BARE_TOOLS = 512 };

struct request {
    const struct lt_provider *provider;
    const char *config, *settings;
    int wish;
    const char *body;
};

static void ask_for(int wish)
{
    struct lt_neutral_call *call = &client.call;
    call->seed = wish & SEED ? 7 : -1;
    call->max_tokens = wish & LIMIT ? 99 : 0;
    call->response_format = json(wish & FORM ? SCHEMA_ASKED : wish & OBJECT ? "{\"type\":\"json_object\"}" : NULL);
    call->tools = json(wish & TOOLS ? TOOL : wish & BARE_TOOLS ? BARE_TOOL : NULL);
    call->logprobs = wish & PROBABLE;
    call->top_logprobs = wish & PROBABLE ? 2 : 0;
    call->parallel_tool_calls = json(wish & PARALLEL ? "false" : NULL);
    call->store = wish & KEPT;
}

static void send_one(const struct lt_provider *provider, const char *config, const char *settings, int wish, const char *answer)
{
    server_forget();
    add_play(reply_bytes("200 OK", IS_JSON, answer, false), SIZE_MAX, KEEP);
    server_start();
    client_new_of(provider, config, settings, wish & STREAM);
    ask_for(wish);
    enum lt_code code = client_run();
    server_stop();
    if (code)
        fail_msg("%s %s: %s (%s)", provider->name, config, lt_code_name(code), err.detail);
}

#define IN_WORDS(schema)                                                                                                                        \
    "\"messages\":[{\"role\":\"system\",\"content\":\"Be brief.\"},{\"role\":\"system\",\"content\":\"Answer with one JSON value that is valid " \
    "against the following JSON Schema, and nothing else: no words around it, no Markdown.\\n" schema                                            \
    "\"},{\"role\":\"user\",\"content\":\"Hi \\\"you\\\"\"}]"
#define SCHEMA_QUOTED "{\\\"type\\\":\\\"object\\\"}"
#define USAGE_ASKED ",\"stream\":true,\"stream_options\":{\"include_usage\":true}"

static const struct request requests[] = {
    /* Azure: no model in the body; what a version does not know is left out or asked for in words */
    {&lt_provider_azureai, "\"model\":\"m\"", NULL, PLAIN, "{" U M "}"},
    {&lt_provider_azureai, "\"model\":\"m\"", NULL, STREAM | PARALLEL | TOOLS, "{" U M ",\"stream\":true,\"tools\":" TOOL "}"},
    {&lt_provider_azureai, "\"model\":\"m\",\"api_version\":\"2024-10-21\"", NULL, STREAM | PARALLEL | TOOLS,
     "{" U M USAGE_ASKED ",\"tools\":" TOOL ",\"parallel_tool_calls\":false}"},
    {&lt_provider_azureai, "\"model\":\"m\"", NULL, FORM, "{" U IN_WORDS(SCHEMA_QUOTED) ",\"response_format\":{\"type\":\"json_object\"}}"},
    {&lt_provider_azureai, "\"model\":\"m\",\"api_version\":\"2024-08-01-preview\"", NULL, FORM | STREAM,
     "{" U M ",\"stream\":true,\"response_format\":" SCHEMA_ASKED "}"},
    {&lt_provider_azureai, "\"model\":\"m\",\"api_version\":\"2025-04-01-preview\",\"max_tokens_field\":\"max_completion_tokens\",\"user\":false", NULL,
     LIMIT | SEED, "{" M ",\"max_completion_tokens\":99,\"seed\":7}"},
    {&lt_provider_azureai, "\"model\":\"m\"", "{\"temperature\":0.5,\"extra\":{\"data_sources\":[]}}", LIMIT | PROBABLE,
     "{" U M ",\"temperature\":0.5,\"max_tokens\":99,\"logprobs\":true,\"top_logprobs\":2,\"data_sources\":[]}"},
    /* DeepSeek: user_id; JSON objects; thinking where nothing speaks against it */
    {&lt_provider_deepseek, "\"model\":\"deepseek-chat\"", NULL, PROBABLE | LIMIT,
     "{\"user_id\":\"u5e4\",\"model\":\"deepseek-chat\"," M ",\"max_tokens\":99,\"logprobs\":true,\"top_logprobs\":2}"},
    {&lt_provider_deepseek, "\"model\":\"deepseek-reasoner\"", NULL, PROBABLE, "{\"user_id\":\"u5e4\",\"model\":\"deepseek-reasoner\"," M "}"},
    {&lt_provider_deepseek, "\"model\":\"m\",\"thinking\":\"enabled\",\"reasoning_effort\":\"max\"", NULL, PROBABLE | SEED | PARALLEL | KEPT,
     "{\"thinking\":{\"type\":\"enabled\"},\"reasoning_effort\":\"max\",\"user_id\":\"u5e4\"," MODEL M "}"},
    {&lt_provider_deepseek, "\"model\":\"m\",\"thinking\":\"disabled\",\"reasoning_effort\":\"max\"", NULL, PROBABLE,
     "{\"thinking\":{\"type\":\"disabled\"},\"user_id\":\"u5e4\"," MODEL M ",\"logprobs\":true,\"top_logprobs\":2}"},
    {&lt_provider_deepseek, "\"model\":\"m\",\"models\":{\"m\":{\"thinking\":\"disabled\"}}", NULL, PLAIN,
     "{\"thinking\":{\"type\":\"disabled\"},\"user_id\":\"u5e4\"," MODEL M "}"},
    {&lt_provider_deepseek, "\"model\":\"m\",\"thinking\":\"enabled\"", NULL, TOOLS,
     "{\"thinking\":{\"type\":\"disabled\"},\"user_id\":\"u5e4\"," MODEL M ",\"tools\":" TOOL "}"},
    {&lt_provider_deepseek, "\"model\":\"m\",\"body\":{\"thinking\":null,\"user_id\":null}", NULL, TOOLS, "{" MODEL M ",\"tools\":" TOOL "}"},
    {&lt_provider_deepseek, "\"model\":\"m\"", NULL, FORM,
     "{\"user_id\":\"u5e4\"," MODEL IN_WORDS(SCHEMA_QUOTED) ",\"response_format\":{\"type\":\"json_object\"}}"},
    {&lt_provider_deepseek, "\"model\":\"m\"", NULL, OBJECT | STREAM,
     "{\"user_id\":\"u5e4\"," MODEL M USAGE_ASKED ",\"response_format\":{\"type\":\"json_object\"}}"},
    /* Mistral: its own names, and nothing that it does not know */
    {&lt_provider_mistral, "\"model\":\"m\"", NULL, SEED | STREAM | PROBABLE | KEPT | LIMIT,
     "{" MODEL M ",\"stream\":true,\"max_tokens\":99,\"random_seed\":7}"},
    {&lt_provider_mistral, "\"model\":\"m\",\"safe_prompt\":true,\"reasoning_effort\":\"none\"", "{\"prompt_mode\":\"reasoning\"}", FORM | PARALLEL,
     "{" MODEL M ",\"response_format\":" SCHEMA_ASKED
     ",\"parallel_tool_calls\":false,\"safe_prompt\":true,\"reasoning_effort\":\"none\",\"prompt_mode\":\"reasoning\"}"},
    {&lt_provider_mistral, "\"model\":\"m\",\"body\":{\"user\":\"school\",\"safe_prompt\":null},\"safe_prompt\":true", NULL, PLAIN,
     "{" MODEL "\"user\":\"school\"," M "}"},
    {&lt_provider_mistral, "\"model\":\"m\"", NULL, TOOLS, "{" MODEL M ",\"tools\":" TOOL "}"},
    {&lt_provider_mistral, "\"model\":\"m\"", NULL, BARE_TOOLS, "{" MODEL M ",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"g\","
                                                           "\"strict\":false,\"parameters\":{\"type\":\"object\",\"properties\":{}}}}]}"},
    {&lt_provider_vllm, "\"model\":\"m\"", NULL, BARE_TOOLS, "{" MODEL U M ",\"tools\":" BARE_TOOL "}"},
    /* Hugging Face: who runs the model is part of its name */
    {&lt_provider_huggingface, "\"model\":\"m\"", NULL, KEPT | PARALLEL, "{" MODEL M "}"},
    {&lt_provider_huggingface, "\"model\":\"org/m\",\"inference_provider\":\"groq\"", NULL, STREAM, "{\"model\":\"org/m:groq\"," M USAGE_ASKED "}"},
    {&lt_provider_huggingface, "\"model\":\"org/m:together\",\"inference_provider\":\"groq\"", NULL, SEED,
     "{\"model\":\"org/m:together\"," M ",\"seed\":7}"},
    {&lt_provider_huggingface, "\"model\":\"m\",\"inference_provider\":\"groq\",\"models\":{\"m\":{\"inference_provider\":\"cheapest\"}}", NULL, PLAIN,
     "{\"model\":\"m:cheapest\"," M "}"},
    /* vLLM and llama.cpp: settings that become members; the action's go before the instance's, those of a model before all of the instance's */
    {&lt_provider_vllm, "\"model\":\"m\"", NULL, SEED | STREAM, "{" MODEL U M USAGE_ASKED ",\"seed\":7}"},
    {&lt_provider_vllm,
     "\"model\":\"m\",\"top_k\":40,\"min_p\":0.05,\"repetition_penalty\":1.1,\"bad_words\":[\"x\"],\"chat_template_kwargs\":{\"enable_thinking\":false},"
     "\"models\":{\"m\":{\"top_k\":20,\"priority\":-1}}",
     "{\"min_p\":0.1}", PLAIN,
     "{" MODEL U M ",\"top_k\":20,\"min_p\":0.1,\"repetition_penalty\":1.1,\"bad_words\":[\"x\"],\"chat_template_kwargs\":{\"enable_thinking\":false},"
     "\"priority\":-1}"},
    {&lt_provider_vllm, "\"model\":\"m\",\"top_k\":40,\"body\":{\"top_k\":null}", "{\"extra\":{\"min_p\":1}}", PLAIN, "{" MODEL U M ",\"min_p\":1}"},
    {&lt_provider_vllm, "\"model\":\"m\"", NULL, FORM, "{" MODEL U M ",\"response_format\":" SCHEMA_ASKED "}"},
    {&lt_provider_vllm, "\"model\":\"m\",\"schema_as\":\"guided_json\"", NULL, FORM, "{" MODEL U M ",\"guided_json\":" SCHEMA "}"},
    {&lt_provider_vllm, "\"model\":\"m\",\"schema_as\":\"structured_outputs\",\"body\":{\"structured_outputs\":{\"disable_fallback\":true}}", NULL, FORM,
     "{" MODEL U M ",\"structured_outputs\":{\"json\":" SCHEMA ",\"disable_fallback\":true}}"},
    {&lt_provider_vllm, "\"model\":\"m\",\"schema_as\":\"guided_json\"", NULL, OBJECT, "{" MODEL U M ",\"response_format\":{\"type\":\"json_object\"}}"},
    {&lt_provider_llamacpp, "\"top_k\":40", NULL, SEED, "{\"model\":\"default\"," U M ",\"seed\":7,\"top_k\":40}"},
    {&lt_provider_llamacpp, "\"model\":\"m\",\"mirostat\":2,\"mirostat_tau\":5,\"cache_prompt\":false,\"grammar\":\"root ::= \\\"a\\\"\","
                            "\"samplers\":[\"top_k\"],\"timings_per_token\":true", "{\"repeat_penalty\":1.2}", PLAIN,
     "{" MODEL U M ",\"repeat_penalty\":1.2,\"mirostat\":2,\"mirostat_tau\":5,\"samplers\":[\"top_k\"],\"grammar\":\"root ::= \\\"a\\\"\",\"cache_prompt\":"
     "false,\"timings_per_token\":true}"},
    {&lt_provider_llamacpp, "\"model\":\"m\",\"grammar\":\"root ::= \\\"a\\\"\"", NULL, FORM, "{" MODEL U M ",\"response_format\":" SCHEMA_ASKED "}"},
    {&lt_provider_llamacpp, "\"model\":\"m\",\"grammar\":\"root ::= \\\"a\\\"\"", NULL, TOOLS, "{" MODEL U M ",\"tools\":" TOOL "}"},
    {&lt_provider_llamacpp, "\"model\":\"m\",\"schema_as\":\"json_schema\"", NULL, FORM, "{" MODEL U M ",\"json_schema\":" SCHEMA "}"},
};

static void each_is_sent_what_it_takes(void **state)
{
    for (size_t i = 0; i < LT_COUNT(requests); i++) {
        send_one(requests[i].provider, requests[i].config, requests[i].settings, requests[i].wish, GOOD);
        if (strcmp(request_body(0), requests[i].body) != 0)
            fail_msg("%s {%s} %s\nsent     %s\nexpected %s", requests[i].provider->name, requests[i].config,
                     requests[i].settings ? requests[i].settings : "", request_body(0), requests[i].body);
    }
}

/* What of the requests above is not of the schema would be no setting that anybody could make. */
static void the_settings_are_of_their_schemas(void **state)
{
    for (size_t i = 0; i < LT_COUNT(requests); i++) {
        const struct lt_schema *schema = NULL;
        assert_int_equal(lt_schema_compile_text(arena, requests[i].provider->settings_schema, &schema, &err), LT_OK);
        struct lt_str config = lt_printf(arena, "{\"endpoint\":\"https://a.example\",%s}", requests[i].config);
        if (lt_schema_check(schema, json(config.p), &err))
            fail_msg("%s %s: %s %s", requests[i].provider->name, config.p, err.field, err.detail);
    }
    static const struct {
        const struct lt_provider *provider;
        const char *config, *field;
    } wrong[] = {
        {&lt_provider_azureai, "{\"api_key\":\"k\"}", ""},
        {&lt_provider_azureai, "{\"endpoint\":\"https://a.example\",\"api_version\":\"latest\"}", "/api_version"},
        {&lt_provider_azureai, "{\"endpoint\":\"https://a.example\",\"image_family\":\"dall-e\"}", "/image_family"},
        {&lt_provider_deepseek, "{\"thinking\":true}", "/thinking"},
        {&lt_provider_mistral, "{\"safe_prompt\":\"yes\"}", "/safe_prompt"},
        {&lt_provider_mistral, "{\"user\":true}", "/user"},
        {&lt_provider_huggingface, "{\"inference_provider\":\"a:b\"}", "/inference_provider"},
        {&lt_provider_vllm, "{\"endpoint\":\"https://a.example\",\"min_p\":2}", "/min_p"},
        {&lt_provider_vllm, "{\"endpoint\":\"https://a.example\",\"models\":{\"m\":{\"repetition_penalty\":0}}}", "/models/m/repetition_penalty"},
        {&lt_provider_vllm, "{\"endpoint\":\"https://a.example\",\"schema_as\":\"json_schema\"}", "/schema_as"},
        {&lt_provider_llamacpp, "{\"endpoint\":\"https://a.example\",\"mirostat\":3}", "/mirostat"},
        {&lt_provider_llamacpp, "{}", ""},
    };
    for (size_t i = 0; i < LT_COUNT(wrong); i++) {
        const struct lt_schema *schema = NULL;
        assert_int_equal(lt_schema_compile_text(arena, wrong[i].provider->settings_schema, &schema, &err), LT_OK);
        assert_int_equal(lt_schema_check(schema, json(wrong[i].config), &err), LT_EINVALID_INPUT);
        if (strncmp(err.field, wrong[i].field, strlen(wrong[i].field)) != 0)
            fail_msg("%s: %s", wrong[i].config, err.field);
    }
}

/* ---- where to ---- */

static void keys_and_addresses_are_the_vendors(void **state)
{
    static const struct {
        const struct lt_provider *provider;
        const char *tail, *config, *target, *header; /* tail: what stands behind the endpoint's /v1 */
    } cases[] = {
        {&lt_provider_azureai, "", "\"model\":\"a b\"", "/v1/openai/deployments/a%20b/chat/completions?api-version=2024-06-01", "api-key: k"},
        {&lt_provider_azureai, "/", "\"model\":\"d\",\"api_version\":\"2024-10-21\"", "/v1/openai/deployments/d/chat/completions?api-version=2024-10-21",
         "api-key: k"},
        {&lt_provider_azureai, "/openai", "\"model\":\"d\"", "/v1/openai/deployments/d/chat/completions?api-version=2024-06-01", "api-key: k"},
        {&lt_provider_azureai, "/openai/deployments/other/chat/completions?api-version=2023-05-15", "\"model\":\"d\"",
         "/v1/openai/deployments/d/chat/completions?api-version=2024-06-01", "api-key: k"},
        {&lt_provider_azureai, "", "\"model\":\"d\",\"api_key_header\":\"authorization\"",
         "/v1/openai/deployments/d/chat/completions?api-version=2024-06-01", "Authorization: Bearer k"},
        {&lt_provider_deepseek, "", "\"model\":\"m\"", "/v1/chat/completions", "Authorization: Bearer k"},
        {&lt_provider_mistral, "/chat/completions", "\"model\":\"m\"", "/v1/chat/completions", "Authorization: Bearer k"},
        {&lt_provider_huggingface, "", "\"model\":\"m\",\"bill_to\":\"school\"", "/v1/chat/completions", "X-HF-Bill-To: school"},
        {&lt_provider_vllm, "", "\"model\":\"m\"", "/v1/chat/completions", "Authorization: Bearer k"},
        {&lt_provider_llamacpp, "", "\"api_key_header\":\"x-api-key\"", "/v1/chat/completions", "x-api-key: k"},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        server_forget();
        add_play(reply_bytes("200 OK", IS_JSON, GOOD, false), SIZE_MAX, KEEP);
        server_start();
        client_new_of(cases[i].provider, "", NULL, false);
        client.instance.config = json(lt_printf(arena, "{\"endpoint\":\"http://127.0.0.1:%d/v1%s\",\"api_key\":\"k\",%s}", server.port, cases[i].tail,
                                                cases[i].config).p);
        assert_int_equal(client_run(), LT_OK);
        server_stop();
        const char *line = lt_printf(arena, "POST %s HTTP/1.1\r\n", cases[i].target).p, *header = lt_printf(arena, "\r\n%s\r\n", cases[i].header).p;
        if (strncmp(server.requests[0], line, strlen(line)) != 0 || !strstr(server.requests[0], header))
            fail_msg("%s, %s: %s", line, header, server.requests[0]);
    }
}

static void configured_says_what_is_missing(void **state)
{
    static const struct {
        const struct lt_provider *provider;
        const char *config, *why; /* why NULL: configured */
    } cases[] = {
        {&lt_provider_azureai, "{\"endpoint\":\"https://a.example\",\"api_key\":\"k\",\"model\":\"m\"}", NULL},
        {&lt_provider_azureai, "{\"endpoint\":\"https://a.example\",\"api_key\":\"k\",\"image_model\":\"m\"}", NULL},
        {&lt_provider_azureai, "{\"endpoint\":\"https://a.example\",\"model\":\"m\"}", "api_key is missing"},
        {&lt_provider_azureai, "{\"api_key\":\"k\",\"model\":\"m\"}", "endpoint is missing"},
        {&lt_provider_azureai, "{\"endpoint\":\"https://a.example\",\"api_key\":\"k\"}", "model is missing"},
        {&lt_provider_deepseek, "{\"api_key\":\"k\",\"model\":\"deepseek-chat\"}", NULL},
        {&lt_provider_deepseek, "{\"model\":\"deepseek-chat\"}", "api_key is missing"},
        {&lt_provider_deepseek, "{\"api_key\":\"k\"}", "model is missing"},
        {&lt_provider_mistral, "{\"api_key\":\"k\"}", NULL},
        {&lt_provider_mistral, "{}", "api_key is missing"},
        {&lt_provider_huggingface, "{\"api_key\":\"k\",\"model\":\"m\"}", NULL},
        {&lt_provider_huggingface, "{\"model\":\"m\"}", "api_key is missing"},
        {&lt_provider_vllm, "{\"endpoint\":\"http://127.0.0.1:8000/v1\",\"model\":\"m\"}", NULL},
        {&lt_provider_vllm, "{\"endpoint\":\"http://127.0.0.1:8000/v1\"}", "model is missing"},
        {&lt_provider_llamacpp, "{\"endpoint\":\"http://127.0.0.1:8080/v1\"}", NULL},
        {&lt_provider_llamacpp, "{}", "endpoint is missing"},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        char why[LT_PROVIDER_WHY_MAX] = "";
        struct lt_provider_instance instance = {.provider = cases[i].provider, .config = json(cases[i].config)};
        bool good = cases[i].provider->configured(&instance, why);
        if (good != !cases[i].why || (!good && !strstr(why, cases[i].why)))
            fail_msg("%s %s: %d %s", cases[i].provider->name, cases[i].config, good, why);
    }
}

/* ---- conversations ---- */

#define CALL(id) "{\"id\":\"" id "\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}"

/* Mistral takes ids of nine letters and digits; a call and its result keep theirs together. DeepSeek has no thoughts to be given back. */
static void tool_conversations_have_ids_and_thoughts_as_the_vendor_wants(void **state)
{
    static const struct {
        const struct lt_provider *provider;
        const char *id;
        bool kept;
    } cases[] = {
        {&lt_provider_mistral, "call_1", false},      {&lt_provider_mistral, "aB3dE6gH9", true},
        {&lt_provider_mistral, "toolu_01-x", false},  {&lt_provider_mistral, "abcdefgh-", false},
        {&lt_provider_vllm, "call_1", true},          {&lt_provider_deepseek, "call_00_x", true},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        server_forget();
        add_play(reply_bytes("200 OK", IS_JSON, GOOD, false), SIZE_MAX, KEEP);
        server_start();
        client_new_of(cases[i].provider, "\"model\":\"m\"", NULL, false);
        client.messages[0] = (struct lt_message){.role = LT_STR("assistant"),
                                                 .tool_calls = json(lt_printf(arena, "[" CALL("%s") "]", cases[i].id).p)};
        client.messages[1] = (struct lt_message){.role = LT_STR("tool"), .tool_call_id = lt_str(cases[i].id), .content = LT_STR("x")};
        assert_int_equal(client_run(), LT_OK);
        server_stop();
        const struct lt_json *body = json(request_body(0));
        struct lt_str call = lt_json_str(lt_json_at_pointer(body, "/messages/0/tool_calls/0/id"));
        struct lt_str result = lt_json_str(lt_json_at_pointer(body, "/messages/1/tool_call_id"));
        assert_true(lt_str_eq(call, result));
        assert_int_equal(lt_str_is(call, cases[i].id), cases[i].kept);
        if (cases[i].provider == &lt_provider_mistral)
            for (size_t k = 0; k < call.n; k++)
                assert_true(call.n == 9 && strchr("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", call.p[k]));
        assert_text(lt_json_str(lt_json_at_pointer(body, "/messages/0/tool_calls/0/function/arguments")), "{}");
        assert_text(lt_json_str(lt_json_at_pointer(body, "/thinking/type")), cases[i].provider == &lt_provider_deepseek ? "disabled" : "");
    }
}

static void what_a_model_does_not_take_is_refused_without_asking(void **state)
{
    static const struct lt_image image = {.url = LT_STR("https://a.example/a.png")};
    static const struct {
        const struct lt_provider *provider;
        const char *config;
        enum lt_code code;
    } cases[] = {
        {&lt_provider_deepseek, "\"model\":\"m\"", LT_EUNSUPPORTED},
        {&lt_provider_deepseek, "\"model\":\"m\",\"models\":{\"m\":{\"images\":true}}", LT_OK},
        {&lt_provider_mistral, "\"model\":\"m\"", LT_OK},
        {&lt_provider_mistral, "\"model\":\"m\",\"images\":false", LT_EUNSUPPORTED},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        server_forget();
        add_play(reply_bytes("200 OK", IS_JSON, GOOD, false), SIZE_MAX, KEEP);
        server_start();
        client_new_of(cases[i].provider, cases[i].config, NULL, false);
        client.messages[1].images = &image;
        client.messages[1].images_n = 1;
        assert_int_equal(client_run(), cases[i].code);
        server_stop();
        assert_int_equal(server.played, cases[i].code ? 0 : 1);
    }
    static const struct lt_provider *const keep_nothing[] = {&lt_provider_azureai, &lt_provider_deepseek, &lt_provider_huggingface,
                                                             &lt_provider_llamacpp, &lt_provider_mistral, &lt_provider_vllm};
    for (size_t i = 0; i < LT_COUNT(keep_nothing); i++) {
        client_new_of(keep_nothing[i], "\"model\":\"m\",\"api_key\":\"k\"", NULL, false);
        client.call.previous_response_id = LT_STR("resp_1");
        assert_int_equal(client_run(), LT_EUNSUPPORTED);
        assert_null(keep_nothing[i]->keeps_threads);
    }
}

/* ---- answers ---- */

#define CHOICE(message, reason) "\"choices\":[{\"index\":0,\"message\":{" message "},\"finish_reason\":\"" reason "\"}]"
#define PIECE(delta, reason) "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{" delta "},\"finish_reason\":" reason "}]"

static void answers_are_read_in_the_vendors_words(void **state)
{
    static const struct {
        const char *answer;
        bool stream;
        enum lt_code code;
        const char *text, *reason; /* or what the error's detail says */
        struct lt_usage usage;
    } cases[] = {
        /* thoughts beside the text */
        {"{" CHOICE("\"reasoning_content\":\"secret\",\"content\":\"A\"", "stop")
         ",\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":48,\"total_tokens\":58,\"completion_tokens_details\":{\"reasoning_tokens\":38},"
         "\"prompt_cache_hit_tokens\":4,\"prompt_cache_miss_tokens\":6}}", false, LT_OK, "A", "stop", {10, 48, 58, 4, 38}},
        {PIECE("\"reasoning_content\":\"secret\",\"content\":null", "null") "}\n\n" PIECE("\"reasoning\":\"secret\"", "null") "}\n\n"
         PIECE("\"content\":\"A\"", "\"stop\"") "}\n\ndata: [DONE]\n\n", true, LT_OK, "A", "stop", LT_USAGE_UNKNOWN},
        {"{" CHOICE("\"content\":[{\"type\":\"thinking\",\"thinking\":[{\"type\":\"text\",\"text\":\"secret\"}]},{\"type\":\"text\",\"text\":\"A\"}]", "stop")
         "}", false, LT_OK, "A", "stop", LT_USAGE_UNKNOWN},
        /* ends */
        {"{" CHOICE("\"content\":\"A\"", "model_length") "}", false, LT_OK, "A", "length", LT_USAGE_UNKNOWN},
        {"{" CHOICE("\"content\":\"A\"", "eos_token") "}", false, LT_OK, "A", "stop", LT_USAGE_UNKNOWN},
        {"{" CHOICE("\"content\":\"A\"", "error") "}", false, LT_EUPSTREAM_UNAVAILABLE, NULL, "broke the answer off (error)", {0}},
        {PIECE("\"content\":\"A\"", "\"insufficient_system_resource\"") "}\n\ndata: [DONE]\n\n", true, LT_EUPSTREAM_UNAVAILABLE, NULL,
         "insufficient_system_resource", {0}},
        /* counts */
        {"{" CHOICE("\"content\":\"A\"", "stop") ",\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":2,\"total_tokens\":12,\"num_cached_tokens\":8}}", false,
         LT_OK, "A", "stop", {10, 2, 12, 8, -1}},
        {"{" CHOICE("\"content\":\"A\"", "stop") ",\"timings\":{\"cache_n\":236,\"prompt_n\":1,\"prompt_ms\":30.9,\"predicted_n\":35}}", false, LT_OK, "A",
         "stop", {237, 35, 272, 236, -1}},
        {"{" CHOICE("\"content\":\"A\"", "stop") ",\"timings\":{\"prompt_n\":1,\"predicted_n\":35},\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4}}", false,
         LT_OK, "A", "stop", {3, 4, 7, -1, -1}},
        {"{" CHOICE("\"content\":\"A\"", "stop") ",\"timings\":{\"prompt_n\":-1,\"predicted_n\":\"x\"}}", false, LT_OK, "A", "stop", LT_USAGE_UNKNOWN},
        {PIECE("\"content\":\"A\"", "null") ",\"timings\":{\"prompt_n\":5,\"predicted_n\":1}}\n\n" PIECE("\"content\":\"B\"", "\"stop\"")
         ",\"timings\":{\"prompt_n\":5,\"predicted_n\":2}}\n\ndata: [DONE]\n\n", true, LT_OK, "AB", "stop", {5, 2, 7, -1, -1}},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        server_forget();
        add_play(reply_bytes("200 OK", cases[i].stream ? IS_STREAM : IS_JSON, cases[i].answer, false), 7, KEEP);
        server_start();
        client_new_of(&lt_provider_deepseek, "\"model\":\"m\"", NULL, cases[i].stream);
        enum lt_code code = client_run();
        server_stop();
        if (code != cases[i].code)
            fail_msg("%s: %s (%s)", cases[i].answer, lt_code_name(code), err.detail);
        if (code) {
            assert_non_null(strstr(err.detail, cases[i].reason));
            continue;
        }
        assert_shown(cases[i].text);
        assert_text(client.run.result.finish_reason, cases[i].reason);
        assert_memory_equal(&client.run.result.usage, &cases[i].usage, sizeof(cases[i].usage));
    }
}

/* Whatever a server calls what it does not take, the administrator reads which member it was. */
static void faults_name_the_member(void **state)
{
    static const struct {
        const char *status, *answer;
        enum lt_code code;
        const char *detail;
    } cases[] = {
        {"422 Unprocessable Entity", "{\"detail\":[{\"type\":\"extra_forbidden\",\"loc\":[\"body\",\"user\"],\"msg\":\"Extra inputs are not permitted\","
                                     "\"input\":\"u5e4\"}]}", LT_EUPSTREAM_BAD_REQUEST, "user: Extra inputs are not permitted"},
        {"422 Unprocessable Entity", "{\"object\":\"error\",\"message\":{\"detail\":[{\"loc\":[\"body\",\"seed\"],\"msg\":\"No\"}]},\"type\":\"invalid_request_error\"}",
         LT_EUPSTREAM_BAD_REQUEST, "seed: No"},
        {"422 Unprocessable Entity", "{\"detail\":[{\"msg\":\"No\"}]}", LT_EUPSTREAM_BAD_REQUEST, "No"},
        {"422 Unprocessable Entity", "{\"detail\":[]}", LT_EUPSTREAM_BAD_REQUEST, "HTTP 422 Unprocessable Entity"},
        {"422 Unprocessable Entity", "{\"detail\":[7],\"message\":{}}", LT_EUPSTREAM_BAD_REQUEST, "HTTP 422 Unprocessable Entity"},
        {"400 Bad Request", "{\"object\":\"error\",\"message\":\"Invalid model: m\",\"type\":\"invalid_model\",\"param\":null,\"code\":\"1500\"}",
         LT_EUPSTREAM_BAD_REQUEST, "Invalid model: m"},
        {"402 Payment Required", "{\"error\":{\"message\":\"Insufficient Balance\",\"type\":\"unknown_error\",\"param\":null,\"code\":\"invalid_request_error\"}}",
         LT_EUPSTREAM_RATE_LIMITED, "Insufficient Balance"},
        {"503 Service Unavailable", "{\"error\":{\"code\":503,\"message\":\"Loading model\",\"type\":\"unavailable_error\"}}", LT_EUPSTREAM_UNAVAILABLE,
         "Service Unavailable: Loading model"},
        {"400 Bad Request", "{\"error\":{\"code\":400,\"message\":\"the request exceeds the available context size\",\"type\":\"exceed_context_size_error\","
                            "\"n_prompt_tokens\":9001,\"n_ctx\":4096}}", LT_ECONTEXT_WINDOW, "the request exceeds the available context size"},
        {"400 Bad Request", "{\"error\":{\"message\":\"Filtered\",\"type\":null,\"param\":\"prompt\",\"code\":\"content_filter\",\"status\":400,"
                            "\"innererror\":{\"code\":\"ResponsibleAIPolicyViolation\"}}}", LT_ECONTENT_REFUSED, "Filtered"},
        {"404 Not Found", "{\"error\":{\"code\":\"DeploymentNotFound\",\"message\":\"The API deployment for this resource does not exist.\"}}",
         LT_EUPSTREAM_NOT_FOUND, "The API deployment for this resource does not exist."},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        server_forget();
        add_play(reply_bytes(cases[i].status, IS_JSON, cases[i].answer, false), SIZE_MAX, KEEP);
        server_start();
        client_new_of(&lt_provider_mistral, "\"model\":\"m\"", NULL, false);
        enum lt_code code = client_run();
        server_stop();
        if (code != cases[i].code || strcmp(err.detail, cases[i].detail) != 0)
            fail_msg("%s: %s (%s)", cases[i].answer, lt_code_name(code), err.detail);
    }
}

/* ---- vectors and lists ---- */

static void vectors_are_asked_for_in_the_vendors_words(void **state)
{
    static const struct lt_str texts[] = {LT_STR("a")};
    static const struct {
        const struct lt_provider *provider;
        const char *config, *body, *target;
    } cases[] = {
        {&lt_provider_mistral, "\"embedding_model\":\"e\"", "{\"model\":\"e\",\"input\":[\"a\"],\"encoding_format\":\"float\",\"output_dimension\":2}",
         "/v1/embeddings "},
        {&lt_provider_azureai, "\"embedding_model\":\"e\"",
         "{\"input\":[\"a\"],\"encoding_format\":\"float\",\"dimensions\":2,\"user\":\"u5e4\"}", "/v1/openai/deployments/e/embeddings?api-version=2024-06-01 "},
        {&lt_provider_vllm, "\"model\":\"e\",\"top_k\":40", "{\"model\":\"e\",\"input\":[\"a\"],\"encoding_format\":\"float\",\"dimensions\":2,\"user\":\"u5e4\"}",
         "/v1/embeddings "},
        {&lt_provider_llamacpp, "\"cache_prompt\":true",
         "{\"model\":\"default\",\"input\":[\"a\"],\"encoding_format\":\"float\",\"dimensions\":2,\"user\":\"u5e4\"}", "/v1/embeddings "},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        server_forget();
        add_play(reply_bytes("200 OK", IS_JSON, "{\"data\":[{\"index\":0,\"embedding\":[1,0]}]}", false), SIZE_MAX, KEEP);
        server_start();
        client_new_of(cases[i].provider, cases[i].config, NULL, false);
        client.call = (struct lt_neutral_call){.kind = LT_NEUTRAL_EMBEDDING, .texts = texts, .texts_n = 1, .dimensions = 2};
        assert_int_equal(client_run(), LT_OK);
        server_stop();
        assert_string_equal(request_body(0), cases[i].body);
        assert_non_null(strstr(server.requests[0], cases[i].target));
        assert_int_equal(client.run.result.dimensions, 2);
    }
    assert_int_equal(lt_provider_deepseek.neutral | lt_provider_huggingface.neutral, LT_NEUTRAL_COMPLETION);
}

static void all_are_registered(void **state)
{
    static const char *const names[] = {"azureai", "deepseek", "huggingface", "llamacpp", "mistral", "vllm"};
    lt_registry_reset();
    assert_int_equal(lt_providers_register(&err), LT_OK);
    lt_registry_seal();
    for (size_t i = 0; i < LT_COUNT(names); i++) {
        const struct lt_entry *entry = lt_registry_find(LT_KIND_PROVIDER, lt_str(names[i]));
        assert_non_null(entry);
        assert_string_equal(((const struct lt_provider *)entry->impl)->name, names[i]);
    }
    lt_registry_reset();
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define S(name) cmocka_unit_test_setup_teardown(name, set_up_server, tear_down_server)
    const struct CMUnitTest tests[] = {
        T(all_are_registered),
        T(the_settings_are_of_their_schemas),
        T(configured_says_what_is_missing),
        S(each_is_sent_what_it_takes),
        S(keys_and_addresses_are_the_vendors),
        S(tool_conversations_have_ids_and_thoughts_as_the_vendor_wants),
        S(what_a_model_does_not_take_is_refused_without_asking),
        S(answers_are_read_in_the_vendors_words),
        S(faults_name_the_member),
        S(vectors_are_asked_for_in_the_vendors_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
