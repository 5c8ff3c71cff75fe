"""The double speaks each vendor's format and takes nothing that the vendor would not take."""
import http.client
import json

import pytest

from upstream import TEXT, Upstream
from vendors import VENDORS
from vendors.openai_more import vector

KEY = "key-of-the-double-7F3A"
HASH = "0123456789abcdef" * 4
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
BEARER = {"Authorization": "Bearer " + KEY}
AZURE = {"api-key": KEY}
ANTHROPIC = {"x-api-key": KEY, "anthropic-version": "2023-06-01"}
GEMINI = {"x-goog-api-key": KEY}
FUNCTION = {"name": "find_unit", "parameters": {"type": "object", "properties": {}}}
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": False}
CHAT = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]
CALL = {"id": "c1", "type": "function", "function": {"name": "find_unit", "arguments": "{}"}}
CHAT_ROUND = CHAT + [{"role": "assistant", "content": None, "tool_calls": [CALL]}, {"role": "tool", "tool_call_id": "c1", "content": "x"}]
USE = {"type": "tool_use", "id": "t1", "name": "find_unit", "input": {}}
RESULT = {"type": "tool_result", "tool_use_id": "t1", "content": "x"}
TURNS = [{"role": "user", "content": "Hi"}]
FCALL, FRESULT = {"functionCall": {"name": "f", "args": {}}}, {"functionResponse": {"name": "f", "response": {}}}
G_TURN = {"role": "user", "parts": [{"text": "Hi"}]}
OLLAMA_CALL = {"function": {"name": "f", "arguments": {}}}

# path, headers, a body that is taken
GOOD = {
    "openai chat": ("/v1/chat/completions", BEARER, {
        "model": "m", "messages": CHAT_ROUND, "user": HASH, "tools": [{"type": "function", "function": FUNCTION}], "tool_choice": "auto",
        "temperature": 0,
        "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA, "strict": True}}, "max_tokens": 5, "stop": ["x"],
        "seed": 1}),
    "openai responses": ("/v1/responses", BEARER, {
        "model": "m", "instructions": "Be brief.", "user": HASH, "tools": [{"type": "function", "strict": False, **FUNCTION}],
        "input": [{"role": "user", "content": [{"type": "input_text", "text": "Hi"},
                                               {"type": "input_image", "image_url": "data:image/png;base64," + PNG}]},
                  {"type": "function_call", "call_id": "c1", "name": "find_unit", "arguments": "{}"},
                  {"type": "function_call_output", "call_id": "c1", "output": "x"}],
        "text": {"format": {"type": "json_schema", "name": "n", "schema": SCHEMA, "strict": True}}, "max_output_tokens": 16, "store": True}),
    "embeddings": ("/v1/embeddings", BEARER, {"model": "e", "input": ["a", "b"], "user": HASH, "dimensions": 4}),
    "anthropic": ("/v1/messages", ANTHROPIC, {
        "model": "m", "max_tokens": 5, "metadata": {"user_id": HASH}, "temperature": 1, "stop_sequences": ["x"],
        "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
        "tools": [{"name": "find_unit", "input_schema": FUNCTION["parameters"]}], "tool_choice": {"type": "tool", "name": "find_unit"},
        "messages": [{"role": "user", "content": [{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
                                                  {"type": "text", "text": "Hi"}]},
                     {"role": "assistant", "content": [{"type": "text", "text": "Let me see."}, USE]}, {"role": "user", "content": [RESULT]}]}),
    "gemini": ("/v1beta/models/m:generateContent", GEMINI, {
        "systemInstruction": {"parts": [{"text": "Be brief."}]}, "tools": [{"functionDeclarations": [{"name": "f", "parametersJsonSchema": SCHEMA}]}],
        "contents": [{"role": "user", "parts": [{"text": "Hi"}, {"inlineData": {"mimeType": "image/png", "data": PNG}}]},
                     {"role": "model", "parts": [FCALL]}, {"role": "user", "parts": [FRESULT]}],
        "generationConfig": {"temperature": 0, "maxOutputTokens": 5, "stopSequences": ["x"], "seed": 1, "responseMimeType": "application/json",
                             "responseJsonSchema": SCHEMA}}),
    "gemini embed": ("/v1beta/models/e:batchEmbedContents", GEMINI, {
        "requests": [{"model": "models/e", "content": {"parts": [{"text": "a"}]}, "outputDimensionality": 4}]}),
    "gemini predict": ("/v1beta/models/imagen-4.0-generate-001:predict", GEMINI, {
        "instances": [{"prompt": "Hi"}],
        "parameters": {"sampleCount": 2, "aspectRatio": "9:16", "imageSize": "2k", "sampleImageSize": "2K", "includeRaiReason": True}}),
    "gemini draw": ("/v1beta/models/gemini-3.1-flash-image:generateContent", GEMINI, {
        "contents": [G_TURN], "generationConfig": {"responseModalities": ["IMAGE"], "imageConfig": {"aspectRatio": "16:9", "imageSize": "2K"}}}),
    "ollama": ("/api/chat", {}, {
        "model": "m", "stream": False, "format": SCHEMA, "options": {"temperature": 0.5, "num_predict": 5, "stop": ["x"], "seed": 1},
        "tools": [{"type": "function", "function": FUNCTION}],
        "messages": [{"role": "user", "content": "Hi", "images": [PNG]}, {"role": "assistant", "content": "", "tool_calls": [OLLAMA_CALL]},
                     {"role": "tool", "content": "x", "tool_name": "f"}]}),
    "ollama generate": ("/api/generate", {}, {"model": "m", "prompt": "Hi", "system": "Be brief.", "stream": False}),
    "ollama embed": ("/api/embed", {}, {"model": "m", "input": ["a", "b"], "truncate": False}),
    "openai images dall-e-3": ("/v1/images/generations", BEARER, {
        "model": "dall-e-3", "prompt": "Hi", "n": 1, "quality": "hd", "size": "1792x1024", "style": "natural", "response_format": "b64_json", "user": HASH}),
    "openai images gpt": ("/v1/images/generations", BEARER, {
        "model": "gpt-image-1.5", "prompt": "Hi", "n": 4, "quality": "high", "size": "1536x1024", "output_format": "png", "user": HASH}),
    "azureai": ("/openai/deployments/d/chat/completions?api-version=2024-06-01", AZURE, {
        "messages": CHAT_ROUND, "user": HASH, "tools": [{"type": "function", "function": FUNCTION}], "max_tokens": 5, "seed": 1, "logprobs": True}),
    "azureai 2024-10": ("/openai/deployments/d/chat/completions?api-version=2024-10-21", AZURE, {
        "messages": CHAT, "stream_options": {"include_usage": True}, "stream": True,
        "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA, "strict": True}}}),
    "azureai embed": ("/gateway/openai/deployments/e/embeddings?api-version=2024-06-01", AZURE, {"input": ["a", "b"], "dimensions": 4, "user": HASH}),
    "azureai images": ("/openai/deployments/p/images/generations?api-version=2024-06-01", AZURE, {
        "prompt": "Hi", "n": 1, "quality": "standard", "size": "1024x1024", "style": "vivid", "user": HASH}),
    "deepseek": ("/deepseek/v1/chat/completions", BEARER, {
        "model": "m", "messages": CHAT_ROUND, "user_id": HASH, "thinking": {"type": "disabled"}, "logprobs": True,
        "tools": [{"type": "function", "function": FUNCTION}], "tool_choice": "required"}),
    "deepseek thinking": ("/deepseek/v1/chat/completions", BEARER, {
        "model": "m", "messages": [{"role": "user", "content": "Hi, in json"}], "reasoning_effort": "max", "response_format": {"type": "json_object"}}),
    "huggingface": ("/huggingface/v1/chat/completions", BEARER, {"model": "org/m:groq", "messages": CHAT, "seed": 1, "stop": ["x"]}),
    "mistral": ("/mistral/v1/chat/completions", BEARER, {
        "model": "m", "messages": json.loads(json.dumps(CHAT_ROUND).replace('"c1"', '"aB3dE6gH9"')), "random_seed": 1, "safe_prompt": True,
        "tools": [{"type": "function", "function": FUNCTION}], "temperature": 1.5}),
    "mistral embed": ("/mistral/v1/embeddings", BEARER, {"model": "e", "input": ["a", "b"], "output_dimension": 4, "encoding_format": "float"}),
    "vllm": ("/vllm/v1/chat/completions", BEARER, {
        "model": "m", "messages": CHAT, "user": HASH, "top_k": 40, "min_p": 0.05, "repetition_penalty": 1.1, "bad_words": ["x"],
        "structured_outputs": {"json": SCHEMA}, "chat_template_kwargs": {"enable_thinking": False}}),
    "llamacpp": ("/llamacpp/v1/chat/completions", BEARER, {
        "model": "m", "messages": CHAT, "user": HASH, "mirostat": 2, "grammar": "root ::= [a-z]+", "cache_prompt": True, "samplers": ["top_k"]}),
}
LEAVE_OUT = object()
# what is changed in the good body; a path of members → the new value
BAD = {
    "openai chat": [
        {"model": LEAVE_OUT}, {"messages": LEAVE_OUT}, {"messages": []}, {"messages": "Hi"}, {"nonsense": 1}, {"user": "pupil-4711"},
        {"user": HASH.upper()},
        {"messages": [{"content": "Hi"}]}, {"messages": [{"role": "teacher", "content": "Hi"}]}, {"messages": [{"role": "user", "content": None}]},
        {"messages": CHAT_ROUND[:-1]}, {"messages": CHAT_ROUND[:2] + CHAT_ROUND[3:]}, {"messages": CHAT_ROUND + CHAT_ROUND[-1:]},
        {"messages": CHAT_ROUND[:3] + [{"role": "user", "content": "?"}] + CHAT_ROUND[3:]},
        {"messages": [{"role": "user", "content": "Hi", "tool_calls": [CALL]}]},
        {"messages": [{"role": "user", "content": [{"type": "image", "url": "x"}]}]},
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}]}]},
        {"messages": [{"role": "system", "content": [{"type": "image_url", "image_url": {"url": "https://x/a.png"}}]}]},
        {"temperature": 3}, {"temperature": "0"}, {"top_p": 2}, {"max_tokens": 0}, {"max_completion_tokens": 5}, {"seed": 0.5}, {"stop": ["a"] * 5},
        {"stream": 1}, {"stream_options": {"include_usage": True}}, {"metadata": {"a": "b"}}, {"tools": LEAVE_OUT}, {"tools": [FUNCTION]},
        {"tool_choice": {"type": "function", "function": {"name": "other"}}}, {"response_format": {"type": "json"}},
        {"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object", "properties": {}}, "strict": True}}},
        {"response_format": {"type": "json_schema", "json_schema": {"schema": SCHEMA}}}, {"response_format": {"type": "json_object"}},
    ],
    "openai responses": [
        {"model": LEAVE_OUT}, {"input": LEAVE_OUT}, {"input": []}, {"stop": ["x"]}, {"seed": 1}, {"messages": CHAT}, {"user": "pupil-4711"},
        {"input": CHAT_ROUND}, {"input": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}]},
        {"input": [{"role": "assistant", "content": [{"type": "input_text", "text": "Hi"}]}]},
        {"input": [{"type": "function_call_output", "call_id": "c1", "output": "x"}]},
        {"input": [{"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"}]},
        {"input": [{"role": "user", "content": [{"type": "input_image", "image_url": {"url": "https://x/a.png"}}]}]},
        {"previous_response_id": "resp_0"}, {"max_output_tokens": 15}, {"max_tokens": 16}, {"response_format": {"type": "text"}},
        {"tools": [{"type": "function", "function": FUNCTION}]}, {"tool_choice": {"type": "function", "function": {"name": "find_unit"}}},
        {"text": {"format": {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA}}}}, {"store": "yes"}, {"temperature": 2.5},
    ],
    "embeddings": [{"model": LEAVE_OUT}, {"input": []}, {"input": [""]}, {"input": [1]}, {"texts": ["a"]}, {"user": "u"},
                   {"encoding_format": "float32"}],
    "anthropic": [
        {"model": LEAVE_OUT}, {"max_tokens": LEAVE_OUT}, {"max_tokens": 0}, {"messages": []}, {"nonsense": 1}, {"user": HASH}, {"seed": 1},
        {"stop": ["x"]},
        {"metadata": {"user_id": "pupil-4711"}}, {"metadata": {"other": "x"}}, {"temperature": 1.5}, {"top_p": 0.5}, {"stop_sequences": [" "]},
        {"messages": [{"role": "system", "content": "x"}]}, {"messages": [{"role": "assistant", "content": "x"}]}, {"messages": TURNS * 2},
        {"messages": [{"role": "user", "content": ""}]}, {"messages": [{"role": "user", "content": []}]},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": " "}]}]}, {"messages": TURNS + [{"role": "assistant", "content": [USE]}]},
        {"messages": TURNS + [{"role": "assistant", "content": [USE]}, {"role": "user", "content": "x"}]},
        {"messages": TURNS + [{"role": "assistant", "content": "x"}, {"role": "user", "content": [RESULT]}]},
        {"messages": TURNS + [{"role": "assistant", "content": [USE]}, {"role": "user", "content": [{"type": "text", "text": "x"}, RESULT]}]},
        {"messages": TURNS + [{"role": "assistant", "content": "trailing "}]}, {"messages": [{"role": "user", "content": [USE]}]},
        {"messages": [{"role": "user", "content": [{"type": "image", "source": {"type": "base64", "media_type": "image/jpeg", "data": PNG}}]}]},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": str(i), "cache_control": {"type": "ephemeral"}} for i in range(4)]}]},
        {"system": [{"type": "image"}]}, {"system": [{"type": "text", "text": "x", "cache_control": {"type": "eternal"}}]}, {"tools": LEAVE_OUT},
        {"tools": [{"type": "function", "function": FUNCTION}]}, {"tool_choice": "auto"}, {"tool_choice": {"type": "tool", "name": "other"}},
        {"response_format": {"type": "json_object"}}, {"output_config": {"format": {"type": "json_schema", "schema": {"type": "string"}}}},
    ],
    "gemini": [
        {"contents": LEAVE_OUT}, {"contents": []}, {"nonsense": 1}, {"user": HASH}, {"messages": CHAT}, {"contents": G_TURN},
        {"contents": [{"role": "assistant", "parts": [{"text": "x"}]}]}, {"contents": [{"role": "system", "parts": [{"text": "x"}]}]},
        {"contents": [{"role": "user", "parts": []}]}, {"contents": [{"role": "user", "parts": [{}]}]},
        {"contents": [{"role": "user", "parts": [{"text": 1}]}]},
        {"contents": [G_TURN, {"role": "model", "parts": [FCALL]}]}, {"contents": [G_TURN, {"role": "user", "parts": [FRESULT]}]},
        {"contents": [G_TURN, {"role": "model", "parts": [FCALL, FCALL]}, {"role": "user", "parts": [FRESULT]}]},
        {"contents": [G_TURN, {"role": "model", "parts": [FCALL]}, G_TURN]},
        {"contents": [{"role": "model", "parts": [FCALL]}, {"role": "user", "parts": [FRESULT]}]},
        {"contents": [{"role": "user", "parts": [{"inlineData": {"mimeType": "image/webp", "data": PNG}}]}]},
        {"contents": [{"role": "user", "parts": [{"functionResponse": {"name": "f", "response": "x"}}]}]},
        {"systemInstruction": {"parts": []}}, {"generationConfig": {"maxTokens": 5}}, {"generationConfig": {"temperature": 3}},
        {"generationConfig": {"stopSequences": list("abcdef")}}, {"generationConfig": {"responseSchema": {"type": "object"}}},
        {"generationConfig": {"responseMimeType": "application/json", "responseSchema": SCHEMA}}, {"generationConfig": {"seed": 2**31}},
        {"tools": [{"type": "function", "function": FUNCTION}]}, {"tools": [{"functionDeclarations": [{"name": "f", "parameters": SCHEMA}]}]},
        {"toolConfig": {"functionCallingConfig": {"mode": "required"}}}, {"toolConfig": {"functionCallingConfig": {"mode": "AUTO",
            "allowedFunctionNames": ["f"]}}},
    ],
    "gemini embed": [{"requests": []}, {"requests": [{"content": {"parts": [{"text": "a"}]}}]},
                     {"requests": [{"model": "e", "content": {"parts": [{"text": "a"}]}}]},
                     {"requests": [{"model": "models/e", "content": {"parts": [{"text": ""}]}}]}],
    "gemini predict": [{"instances": LEAVE_OUT}, {"instances": []}, {"instances": [{"prompt": ""}]}, {"instances": [{"prompt": "a"}, {"prompt": "b"}]},
                       {"parameters": {"sampleCount": 5}}, {"parameters": {"aspectRatio": "2:3"}}, {"parameters": {"imageSize": "4K"}},
                       {"parameters": {"size": "1024x1024"}}, {"contents": [G_TURN]}],
    "gemini draw": [{"generationConfig": {"responseModalities": ["PICTURE"]}}, {"generationConfig": {"imageConfig": {"imageSize": "2k"}}},
                    {"generationConfig": {"imageConfig": {"aspectRatio": "1:2"}}}, {"generationConfig": {"imageConfig": {"count": 2}}}],
    "ollama": [
        {"model": LEAVE_OUT}, {"messages": LEAVE_OUT}, {"messages": "Hi"}, {"messages": [{"role": "developer", "content": "x"}]}, {"stream": "no"},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}]},
        {"messages": [{"role": "user", "content": "x", "images": ["https://x/a.png"]}]},
        {"messages": [{"role": "user", "content": "x", "images": ["data:image/png;base64," + PNG]}]},
        {"messages": [{"role": "tool", "content": "x"}]},
        {"messages": [{"role": "assistant", "content": "", "tool_calls": [CALL]}]}, {"format": "yaml"}, {"format": {"type": "json_object"}},
        {"options": {"temperature": "0.5"}}, {"options": {"num_predict": 0.5}}, {"options": {"stop": "x"}}, {"tools": [FUNCTION]},
        {"user": "pupil-4711"},
    ],
    "ollama generate": [{"prompt": LEAVE_OUT}, {"system": 1}, {"images": ["x"]}],
    "ollama embed": [{"input": LEAVE_OUT}, {"input": []}, {"input": [""]}, {"truncate": 0}, {"dimensions": 0}],
    "openai images dall-e-3": [{"model": LEAVE_OUT}, {"prompt": LEAVE_OUT}, {"prompt": ""}, {"n": 2}, {"quality": "high"}, {"size": "1536x1024"},
                               {"style": "sober"}, {"output_format": "png"}, {"user": "pupil-4711"}, {"response_format": "png"}],
    "openai images gpt": [{"n": 11}, {"quality": "hd"}, {"size": "1792x1024"}, {"style": "vivid"}, {"response_format": "b64_json"}, {"output_format": "gif"}],
    "azureai": [{"messages": LEAVE_OUT}, {"stream_options": {"include_usage": True}, "stream": True}, {"max_completion_tokens": 5, "max_tokens": LEAVE_OUT},
                {"parallel_tool_calls": False}, {"nonsense": 1}, {"user": "pupil-4711"},
                {"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA}}}],
    "azureai 2024-10": [{"stream": False}, {"top_k": 1}], "azureai embed": [{"input": []}, {"texts": ["a"]}],
    "azureai images": [{"n": 2}, {"quality": "medium"}, {"size": "1536x1024"}, {"output_format": "png"}],
    "deepseek": [{"user": HASH}, {"user_id": "pupil-4711"}, {"seed": 1}, {"thinking": {"type": "enabled"}}, {"thinking": LEAVE_OUT},
                 {"thinking": {"type": "off"}}, {"messages": [{"role": "developer", "content": "x"}]},
                 {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://x/a.png"}}]}]},
                 {"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA}}}],
    "deepseek thinking": [{"logprobs": True}, {"reasoning_effort": "much"}, {"messages": TURNS}],
    "huggingface": [{"user": HASH}, {"parallel_tool_calls": False}, {"input": "x"}],
    "mistral": [{"messages": CHAT_ROUND}, {"random_seed": -1}, {"temperature": 1.6}, {"safe_prompt": 1}, {"messages": [{"role": "developer", "content": "x"}]},
                {"messages": CHAT + [{"role": "assistant", "content": "x"}]}],
    "vllm": [{"top_k": -2}, {"min_p": 2}, {"repetition_penalty": 0}, {"bad_words": [1]}, {"guided_json": SCHEMA},
             {"response_format": {"type": "text"}}, {"chat_template_kwargs": "x"}, {"reasoning_effort": "much"}, {"topk": 1}],
    "llamacpp": [{"mirostat": 3}, {"grammar": 1}, {"json_schema": SCHEMA}, {"tools": [{"type": "function", "function": FUNCTION}]}, {"cache_prompt": 1},
                 {"mirostatt": 1}],
}


@pytest.fixture(scope="module")
def upstream():
    with Upstream() as double:
        yield double


def post(upstream, path, headers, body, method="POST"):
    connection = http.client.HTTPConnection(upstream.host, upstream.port, timeout=10)
    try:
        connection.request(method, path, body if body is None or isinstance(body, (str, bytes)) else json.dumps(body),
                           {"Content-Type": "application/json", **headers})
        answer = connection.getresponse()
        raw = answer.read()
        return answer.status, json.loads(raw) if answer.headers["Content-Type"] == "application/json" else raw.decode("latin-1")
    finally:
        connection.close()


def error_form(name, answer):
    """Whether the answer has the vendor's form of an error."""
    if name.startswith(("openai", "embeddings", "deepseek", "huggingface")):
        return set(answer["error"]) == {"message", "type", "param", "code"}
    if name.startswith(("azureai", "vllm", "llamacpp")):
        return "message" in answer["error"]
    if name.startswith("mistral"):
        return answer.keys() in ({"detail"}, {"object", "message", "type", "param", "code"})
    if name.startswith("anthropic"):
        return answer["type"] == "error" and set(answer["error"]) == {"type", "message"}
    if name.startswith("gemini"):
        return {"code", "message", "status"} <= set(answer["error"])
    return isinstance(answer["error"], str)


@pytest.mark.parametrize("name", GOOD)
def test_a_right_request_is_taken(upstream, name):
    status, answer = post(upstream, *GOOD[name])
    assert status == 200, answer
    assert upstream.requests()[-1]["refused"] is None


@pytest.mark.parametrize("name,change", [(name, change) for name in BAD for change in BAD[name]])
def test_a_wrong_request_is_not(upstream, name, change):
    path, headers, body = GOOD[name]
    body = {k: v for k, v in {**body, **change}.items() if v is not LEAVE_OUT}
    status, answer = post(upstream, path, headers, body)
    assert status == 400 and error_form(name, answer), (status, answer)
    assert upstream.requests()[-1]["refused"]


@pytest.mark.parametrize("name", GOOD)
def test_what_is_no_json_object_is_not_taken(upstream, name):
    path, headers, _ = GOOD[name]
    for body in ("", "{", "[]", '{"model":"m","model":"m"}'):
        status, answer = post(upstream, path, headers, body)
        assert status == 400 and error_form(name, answer), (body, status, answer)
    assert post(upstream, path, {**headers, "Content-Type": "text/plain"}, GOOD[name][2])[0] == 400


@pytest.mark.parametrize("name", GOOD)
def test_the_key_stands_in_its_header_and_nowhere_else(upstream, name):
    path, headers, body = GOOD[name]
    own = headers if headers else BEARER
    upstream.api_key = KEY
    try:
        assert post(upstream, path, own, body)[0] == 200
        missing = {k: v for k, v in own.items() if KEY not in v}
        for wrong in (missing, {k: v.replace(KEY, "another-key-1") for k, v in own.items()}):
            status, answer = post(upstream, path, wrong, body)
            assert status in (400, 401, 403) and error_form(name, answer), (status, answer)
        for elsewhere in ({**own, "X-Note": KEY}, {**own, "x-api-key" if "x-api-key" not in own else "Authorization": "Bearer other-key-2"}):
            assert post(upstream, path, elsewhere, body)[0] == 400
        assert post(upstream, path + ("&" if "?" in path else "?") + "key=" + KEY, own, body)[0] == 400
        assert post(upstream, path, own, {**body, "model": KEY})[0] == 400
    finally:
        upstream.api_key = None


@pytest.mark.parametrize("name", GOOD)
def test_no_user_is_named(upstream, name):
    path, headers, body = GOOD[name]
    upstream.forbidden = ["pupil-4711"]
    try:
        assert post(upstream, path, {**headers, "X-User": "pupil-4711"}, body)[0] == 400
        assert post(upstream, path, headers, json.dumps(body).replace("Hi", "Hi pupil-4711").replace('"a"', '"pupil-4711"'))[0] == 400
        assert post(upstream, path, headers, body)[0] == 200
    finally:
        upstream.forbidden = []


def test_anthropic_wants_its_version(upstream):
    path, headers, body = GOOD["anthropic"]
    for version in ({}, {"anthropic-version": "2024-01-01"}):
        assert post(upstream, path, {"x-api-key": KEY, **version}, body)[0] == 400


def test_lists(upstream):
    assert "double" in [m["id"] for m in post(upstream, "/v1/models", BEARER, None, "GET")[1]["data"]]
    assert "double" in [m["id"] for m in post(upstream, "/v1/models", ANTHROPIC, None, "GET")[1]["data"]]
    assert "models/double" in [m["name"] for m in post(upstream, "/v1beta/models", GEMINI, None, "GET")[1]["models"]]
    assert "double" in [m["name"] for m in post(upstream, "/api/tags", {}, None, "GET")[1]["models"]]


@pytest.mark.parametrize("name", ["user", "seed", "stream_options", "logprobs", "store", "nonsense"])
def test_mistral_names_the_member_that_it_does_not_know(upstream, name):
    path, headers, body = GOOD["mistral"]
    status, answer = post(upstream, path, headers, {**body, name: HASH})
    assert status == 422 and answer["detail"][0]["loc"] == ["body", name]


def test_mistral_wants_parameters_of_each_tool(upstream):
    path, headers, body = GOOD["mistral"]
    status, answer = post(upstream, path, headers, {**body, "tools": [{"type": "function", "function": {"name": "find_unit"}}]})
    assert status == 422 and answer["detail"][0]["loc"] == ["body", "parameters"]


def test_azure_wants_a_version(upstream):
    path, headers, body = GOOD["azureai"]
    for query in ("", "?api-version=", "?api-version=latest"):
        assert post(upstream, path.partition("?")[0] + query, headers, body)[0] == 404


def test_images_are_made(upstream):
    status, answer = post(upstream, *GOOD["openai images gpt"])
    assert status == 200 and [i["b64_json"] for i in answer["data"]] == [PNG] * 4 and answer["usage"]["output_tokens"] == 568
    answer = post(upstream, *GOOD["openai images dall-e-3"])[1]
    assert answer["data"] == [{"b64_json": PNG, "revised_prompt": "Hi In watercolours."}]
    answer = post(upstream, *GOOD["azureai images"])[1]
    address = answer["data"][0]["url"]
    assert post(upstream, address.removeprefix(upstream.root), {}, None, "GET")[0] == 200
    for scenario, code in (("refusal", "content_policy_violation"), ("moderation", "moderation_blocked")):
        path, headers, body = GOOD["openai images gpt"]
        status, answer = post(upstream, path, {**headers, "X-Double-Scenario": scenario}, body)
        assert status == 400 and answer["error"]["code"] == code


def test_vectors_depend_on_the_text_alone(upstream):
    assert [d["embedding"] for d in post(upstream, *GOOD["embeddings"])[1]["data"]] == [vector("a", 4), vector("b", 4)]
    assert [d["values"] for d in post(upstream, *GOOD["gemini embed"])[1]["embeddings"]] == [vector("a", 4)]
    assert post(upstream, *GOOD["ollama embed"])[1]["embeddings"] == [vector("a", 8), vector("b", 8)]
    for name in ("azureai embed", "mistral embed"):
        assert [d["embedding"] for d in post(upstream, *GOOD[name])[1]["data"]] == [vector("a", 4), vector("b", 4)]


def test_images_are_as_many_as_were_asked_for_or_refused_with_a_reason(upstream):
    def refused(name):
        path, headers, body = GOOD[name]
        return post(upstream, path, {**headers, "X-Double-Scenario": "refusal"}, body)[1]

    assert [p["bytesBase64Encoded"] for p in post(upstream, *GOOD["gemini predict"])[1]["predictions"]] == [PNG, PNG]
    assert [p["inlineData"]["data"] for p in post(upstream, *GOOD["gemini draw"])[1]["candidates"][0]["content"]["parts"] if "inlineData" in p] == [PNG]
    assert "blocked" in refused("gemini predict")["predictions"][0]["raiFilteredReason"]
    assert refused("gemini draw")["candidates"][0]["finishReason"] == "IMAGE_SAFETY"
    for model, wanted in (("gemini-2.5-flash-image", 400), ("gemini-3-pro-image", 200)):
        assert post(upstream, f"/v1beta/models/{model}:generateContent", *GOOD["gemini draw"][1:])[0] == wanted
    for model, wanted in (("imagen-4.0-fast-generate-001", 400), ("imagen-4.0-ultra-generate-001", 200)):
        assert post(upstream, f"/v1beta/models/{model}:predict", *GOOD["gemini predict"][1:])[0] == wanted


def text_of(name, whole):
    if name == "openai chat":
        return whole["choices"][0]["message"]["content"]
    if name == "openai responses":
        return whole["output"][0]["content"][0]["text"]
    if name == "anthropic":
        return whole["content"][0]["text"]
    if name == "gemini":
        return whole["candidates"][0]["content"]["parts"][0]["text"]
    return whole["response"] if "generate" in name else whole["message"]["content"]


def pieces_of(name, raw):
    """The text in a stream, and whether the vendor's end mark is there."""
    lines = [line.removeprefix("data: ") for line in raw.replace("\r\n", "\n").split("\n") if line.startswith(("data: ", "{"))]
    data = [json.loads(line) for line in lines if line != "[DONE]"]
    if name == "openai chat":
        return "".join(c["delta"].get("content") or "" for d in data for c in d["choices"]), lines[-1] == "[DONE]"
    if name == "openai responses":
        return "".join(d["delta"] for d in data if d["type"] == "response.output_text.delta"), data[-1]["type"] == "response.completed"
    if name == "anthropic":
        return "".join(d["delta"]["text"] for d in data if d["type"] == "content_block_delta"), data[-1]["type"] == "message_stop"
    if name == "gemini":
        return "".join(p["text"] for d in data for p in d["candidates"][0]["content"]["parts"]), "finishReason" in data[-1]["candidates"][0]
    return "".join(d["response"] if "generate" in name else d["message"]["content"] for d in data), data[-1]["done"]


@pytest.mark.parametrize("name", ["openai chat", "openai responses", "anthropic", "gemini", "ollama", "ollama generate"])
def test_the_same_text_whole_and_in_pieces_however_cut(upstream, name):
    path, headers, body = GOOD[name]
    body = {k: v for k, v in body.items() if k not in ("tools", "tool_choice")}
    assert text_of(name, post(upstream, path, headers, body)[1]) == TEXT
    if name == "gemini":
        path = path.replace("generateContent", "streamGenerateContent?alt=sse")
    else:
        body = {**body, "stream": True}
    for way in ("ok", "one_byte", "together", "crlf", "comments", "slow?first_ms=0&delay_ms=1&text=" + TEXT.replace(" ", "%20")):
        status, raw = post(upstream, path, {**headers, "X-Double-Scenario": way}, body)
        assert status == 200 and pieces_of(name, raw) == (TEXT, True), (way, raw)
    text, whole = pieces_of(name, post(upstream, path, {**headers, "X-Double-Scenario": "truncated"}, body)[1])
    assert text and not whole


@pytest.mark.parametrize("name", ["openai chat", "openai responses", "anthropic", "gemini", "ollama"])
@pytest.mark.parametrize("code", [400, 401, 403, 404, 429, 500, 503, 529])
def test_every_vendor_words_its_faults(upstream, name, code):
    path, headers, body = GOOD[name]
    status, answer = post(upstream, path, {**headers, "X-Double-Scenario": str(code)}, body)
    assert status == code and error_form(name, answer), (status, answer)


def test_each_vendor_has_the_common_scenarios():
    from answers import load
    for vendor in VENDORS:
        names = ["ok", "tool_calls", "schema", "image", "think", "length", "empty", "no_usage", "context_window", "wrong_types", "errors"]
        for name in ["embeddings", "images", "models", "errors"] if vendor.NAME == "openai" else names:
            assert any(load(folder, name) for folder in (vendor.NAME, *getattr(vendor, "LIKE", ()))), (vendor.NAME, name)
