"""python cases.py URL CONTROL: OpenAI's own client of PyPI against the door at URL. As run.mjs, for one file of cases: this one."""
import base64
import json
import sys
import time
import traceback
import urllib.request

import httpx
import openai

URL, CONTROL = sys.argv[1:]
KEYS = json.load(sys.stdin)
TEXT = "The water cycle moves water between sea, air and land."
USER = [{"role": "user", "content": "Why does it rain?"}]
TOOLS = [{"type": "function", "function": {"name": "find_unit", "parameters": {"type": "object", "properties": {"topic": {"type": "string"}}}}},
         {"type": "function", "function": {"name": "now"}}]
CALLS = []


def client(key):
    return openai.OpenAI(base_url=URL, api_key=key, max_retries=0, timeout=30,
                         http_client=httpx.Client(event_hooks={"request": [lambda request: CALLS.append(request.url)]}))


AI = client(KEYS["admin"])


def chat(scenario, **more):
    return AI.chat.completions.create(**{"model": f"vendor/double:{scenario}", "messages": USER, **more})


def asked():
    with urllib.request.urlopen(f"{CONTROL}/control/requests") as response:
        records = json.load(response)["requests"]
    urllib.request.urlopen(urllib.request.Request(f"{CONTROL}/control/requests", method="DELETE")).close()
    return records


def state(id_):
    address = URL.replace("/openai/v1", "/v1/actions/calls/") + id_.removeprefix("chatcmpl-")
    with urllib.request.urlopen(urllib.request.Request(address, headers={"Authorization": f"Bearer {KEYS['admin']}"})) as response:
        return json.load(response)["state"]


def throws(kind, run, status=None):
    try:
        run()
    except kind as error:
        assert status is None or error.status_code == status, error
        return error
    raise AssertionError(f"no {kind.__name__}")


def case_chat():
    got = chat("ok", user="u-1")
    assert (got.object, got.choices[0].message.content, got.choices[0].finish_reason) == ("chat.completion", TEXT, "stop")
    assert (got.model, got.system_fingerprint, got.usage.total_tokens) == ("double:ok", "fp_double", 579)
    assert got.usage.prompt_tokens_details.cached_tokens == 4 and got._request_id
    assert state(got.id) == "completed"


def case_headers():
    raw = AI.chat.completions.with_raw_response.create(model="action:continue_conversation", messages=USER)
    assert raw.headers["openai-processing-ms"].isdigit() and raw.request_id == raw.headers["x-request-id"]
    assert raw.parse().choices[0].message.content == TEXT


def case_actions_and_profiles():
    for model in ("action:summarise_text", "action:explain_text", "action:generate_text", "profile:demo-summary"):
        assert AI.chat.completions.create(model=model, messages=USER).choices[0].message.content


def case_stream():
    for way in ("ok", "one_byte", "together", "crlf", "comments"):
        chunks = list(chat(way, stream=True, stream_options={"include_usage": True}))
        assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == TEXT, way
        assert chunks[0].choices[0].delta.role == "assistant" and chunks[-2].choices[0].finish_reason == "stop"
        assert chunks[-1].choices == [] and chunks[-1].usage.total_tokens == 579


def case_stream_helper():
    with AI.chat.completions.stream(model="vendor/double:ok", messages=USER) as stream:
        assert stream.get_final_completion().choices[0].message.content == TEXT


def case_tools():
    for streamed in (False, True):
        if streamed:
            with AI.chat.completions.stream(model="vendor/double:tool_calls", messages=USER, tools=TOOLS) as stream:
                first = stream.get_final_completion()
        else:
            first = chat("tool_calls", tools=TOOLS, parallel_tool_calls=True)
        message = first.choices[0].message
        assert first.choices[0].finish_reason == "tool_calls"
        assert [(t.function.name, json.loads(t.function.arguments)) for t in message.tool_calls] == [("find_unit", {"topic": "water"}), ("now", {})]
        said = {"role": "assistant", "content": None, "tool_calls": [
            {"id": t.id, "type": "function", "function": {"name": t.function.name, "arguments": t.function.arguments}} for t in message.tool_calls]}
        answers = [{"role": "tool", "tool_call_id": t.id, "content": "Unit 3"} for t in message.tool_calls]
        assert chat("tool_calls", tools=TOOLS, messages=[*USER, said, *answers]).choices[0].message.content == TEXT


def case_schema():
    schema = {"type": "object", "properties": {"answer": {"type": "string"}, "sure": {"type": "boolean"}}, "required": ["answer", "sure"],
              "additionalProperties": False}
    form = {"type": "json_schema", "json_schema": {"name": "reply", "schema": schema, "strict": True}}
    assert json.loads(chat("schema", response_format=form).choices[0].message.content) == {"answer": "rain", "sure": True}
    pieces = [c.choices[0].delta.content or "" for c in chat("schema", response_format=form, stream=True)]
    assert json.loads("".join(pieces)) == {"answer": "rain", "sure": True}


def case_wishes():
    asked()
    chat("ok", temperature=0.5, top_p=0.9, seed=7, stop=["END"], max_completion_tokens=50, frequency_penalty=-0.5, presence_penalty=1, logprobs=True,
         top_logprobs=2, n=1, metadata={"a": "b"}, store=False)
    body = asked()[0]["body"]
    assert [body.get(k) for k in ("temperature", "top_p", "seed", "stop", "frequency_penalty", "presence_penalty", "logprobs", "top_logprobs")] == \
        [0.5, 0.9, 7, ["END"], -0.5, 1, True, 2]


def case_endings():
    assert chat("length").choices[0].finish_reason == "length"
    assert throws(openai.BadRequestError, lambda: chat("content_filter")).code == "content_filter"
    assert chat("refusal").choices[0].message.refusal == "I cannot help with that."
    assert chat("think").choices[0].message.content == TEXT


def case_errors():
    for code, kind, status in ((401, openai.InternalServerError, 500), (429, openai.RateLimitError, 429), (503, openai.InternalServerError, 503),
                               (404, openai.NotFoundError, 404)):
        for stream in (False, True):
            throws(kind, lambda: chat(f"status?code={code}", stream=stream), status)
    assert throws(openai.RateLimitError, lambda: chat("429")).response.headers["retry-after"] == "7"
    assert throws(openai.BadRequestError, lambda: chat("context_window")).code == "context_length_exceeded"
    assert throws(openai.BadRequestError, lambda: chat("ok", n=2)).param == "n"
    assert throws(openai.BadRequestError, lambda: chat("ok", temperature=9)).param == "temperature"
    error = throws(openai.NotFoundError, lambda: AI.chat.completions.create(model="nowhere:latest", messages=USER))
    assert (error.code, error.param) == ("model_not_found", "model")
    throws(openai.AuthenticationError, lambda: client("lk_wrong").models.list(), 401)
    throws(openai.PermissionDeniedError, lambda: client(KEYS["learner"]).chat.completions.create(model="m", messages=USER), 403)


def case_error_in_the_middle():
    throws(openai.APIError, lambda: list(chat("error_mid", stream=True)))


def case_abort():
    with chat("endless", stream=True) as stream:
        for chunk in stream:
            if chunk.choices[0].delta.content:
                break
    end = time.time() + 60
    while state(chunk.id) != "cancelled":
        assert time.time() < end
        time.sleep(0.02)


def case_embeddings():
    packed = AI.embeddings.create(model="action:embed_text", input=["Rain falls.", "La lluvia cae."])  # asks for base64 and unpacks it
    plain = AI.embeddings.create(model="vendor/e", input=["Rain falls.", "La lluvia cae."], encoding_format="float")
    assert [list(d.embedding) for d in packed.data] == [d.embedding for d in plain.data]
    assert (packed.usage.prompt_tokens, len(AI.embeddings.create(model="e", input="x", encoding_format="float", dimensions=16).data[0].embedding)) == (8, 16)
    assert throws(openai.BadRequestError, lambda: AI.embeddings.create(model="e", input=[[1, 2]])).param == "input"


def case_images():
    ask = {"model": "action:generate_image", "prompt": "A cloud", "size": "1536x1024", "quality": "high", "user": "u-1"}
    got = AI.images.generate(**ask, n=2)
    assert [base64.b64decode(image.b64_json, validate=True)[:4] for image in got.data] == [b"\x89PNG"] * 2
    assert ([image.revised_prompt for image in got.data], got.output_format, got.size, got.quality) == (["A white cloud", ""], "png", "30x20", "high")
    link = AI.images.generate(**ask, response_format="url").data[0].url
    with urllib.request.urlopen(link) as picture:
        assert picture.headers["Content-Type"] == "image/png" and picture.read() == base64.b64decode(got.data[0].b64_json)
    webp = AI.images.generate(**ask, output_format="webp")
    assert webp.output_format == "webp" and base64.b64decode(webp.data[0].b64_json)[8:12] == b"WEBP"
    assert throws(openai.BadRequestError, lambda: AI.images.generate(**{**ask, "n": 11})).param == "n"
    assert throws(openai.BadRequestError, lambda: AI.images.generate(**ask, background="transparent")).param == "background"
    throws(openai.BadRequestError, lambda: AI.images.generate(**{**ask, "model": "action:summarise_text"}), 400)
    throws(openai.PermissionDeniedError, lambda: client(KEYS["learner"]).images.generate(model="action:generate_image", prompt="A cloud"), 403)


def case_models():
    names = [model.id for model in AI.models.list()]
    assert {"action:summarise_text", "profile:demo-summary", "vendor/m"} <= set(names)
    assert AI.models.retrieve("vendor/m").owned_by == "openai"
    assert all(not model.id.startswith("vendor/") for model in client(KEYS["learner"]).models.list())
    throws(openai.NotFoundError, lambda: client(KEYS["learner"]).models.retrieve("vendor/m"), 404)


def respond(scenario, **more):
    return AI.responses.create(**{"model": f"vendor/double:{scenario}", "input": "Why does it rain?", **more})


def case_responses():
    made = respond("ok", metadata={"unit": "7"})
    assert (made.object, made.status, made.output_text, made.usage.total_tokens) == ("response", "completed", TEXT, 579)
    got = AI.responses.retrieve(made.id)
    assert got.to_dict() == made.to_dict()
    (item,) = AI.responses.input_items.list(made.id)
    assert (item.role, item.content[0].text) == ("user", "Why does it rain?")
    AI.responses.delete(made.id)
    throws(openai.NotFoundError, lambda: AI.responses.retrieve(made.id), 404)
    assert throws(openai.BadRequestError, lambda: respond("ok", previous_response_id=made.id)).code == "previous_response_not_found"


def case_response_streams():
    with AI.responses.stream(model="vendor/double:chunks?n=5", input="Why does it rain?") as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_response()
    assert kinds.count("response.output_text.delta") == 5 and kinds[-1] == "response.completed" and final.output_text == "word1 word2 word3 word4 word5"
    assert all(event.sequence_number == i for i, event in enumerate(respond("ok", stream=True)))


def case_response_threads():
    function = {"type": "function", "name": "find_unit", "parameters": TOOLS[0]["function"]["parameters"], "strict": False}
    now = {"type": "function", "name": "now", "parameters": {"type": "object", "properties": {}}, "strict": False}
    first = respond("tool_calls", tools=[function, now])
    second = respond("ok", tools=[function, now], previous_response_id=first.id, input=[
        {"type": "function_call_output", "call_id": call.call_id, "output": "7"} for call in first.output])
    asked()
    respond("ok", input="And snow?", previous_response_id=second.id)
    assert [m["role"] for m in asked()[-1]["body"]["messages"]] == ["user", "assistant", "tool", "tool", "assistant", "user"]


results = {}
for name, run in [(name, run) for name, run in list(globals().items()) if name.startswith("case_")]:
    try:
        run()
        results[name] = ""
    except Exception:  # noqa: BLE001: told, not swallowed
        results[name] = traceback.format_exc()[-2000:]
print(json.dumps({"calls": len(CALLS), "results": results}))
