"""The double takes what AWS would take: right requests, rightly signed, and none other; its streams hold the same text as its whole answers."""
import datetime
import http.client
import json
import struct
import zlib

import aws
import pytest
from upstream import TEXT, Upstream

ID, SECRET, TOKEN = "AKIDOFTHEDOUBLE", "secret-of-the-double/7F3A+", "token/of+the=double"
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
USE, RESULT = {"toolUseId": "t1", "name": "f", "input": {}}, {"toolUseId": "t1", "content": [{"text": "x"}]}
HI = {"role": "user", "content": [{"text": "Hi"}]}
TOOLS = {"tools": [{"toolSpec": {"name": "f", "inputSchema": {"json": {"type": "object"}}}}]}
GOOD = {
    "converse": ("/model/anthropic.claude-v2%3A1/converse", {
        "system": [{"text": "Be brief."}], "toolConfig": {**TOOLS, "toolChoice": {"auto": {}}},
        "messages": [{"role": "user", "content": [{"text": "Hi"}, {"image": {"format": "png", "source": {"bytes": PNG}}}]},
                     {"role": "assistant", "content": [{"toolUse": USE}]}, {"role": "user", "content": [{"toolResult": RESULT}]}],
        "inferenceConfig": {"temperature": 0, "topP": 1, "maxTokens": 5, "stopSequences": ["x"]}, "additionalModelRequestFields": {"top_k": 5}}),
    "plain": ("/model/m/converse", {"messages": [HI]}),
    "titan": ("/model/amazon.titan-embed-text-v2%3A0/invoke", {"inputText": "a", "dimensions": 4}),
    "cohere": ("/model/cohere.embed-multilingual-v3/invoke", {"texts": ["a", "b"], "input_type": "search_document"}),
    "nova": ("/model/amazon.nova-canvas-v1%3A0/invoke", {
        "taskType": "TEXT_IMAGE", "textToImageParams": {"text": "A hill"}, "imageGenerationConfig": {"numberOfImages": 2, "width": 1024, "height": 592}}),
    "stability": ("/model/stability.sd3-5-large-v1%3A0/invoke", {"prompt": "A hill", "aspect_ratio": "16:9"}),
}
LEAVE_OUT = object()
BAD = {
    "converse": [
        {"messages": LEAVE_OUT}, {"messages": []}, {"model": "m"}, {"stream": True}, {"system": "Be brief."}, {"system": [{"text": " "}]},
        {"toolConfig": LEAVE_OUT}, {"toolConfig": {"tools": []}}, {"toolConfig": {**TOOLS, "toolChoice": {"none": {}}}},
        {"toolConfig": {**TOOLS, "toolChoice": {"tool": {"name": "g"}}}}, {"toolConfig": {"tools": TOOLS["tools"] * 2}},
        {"inferenceConfig": {"temperature": 1.5}}, {"inferenceConfig": {"max_tokens": 5}}, {"inferenceConfig": {"maxTokens": 0}},
        {"inferenceConfig": {"stopSequences": "x"}},
    ],
    "plain": [{"messages": [m]} for m in (
        {"role": "system", "content": [{"text": "x"}]}, {"role": "assistant", "content": [{"text": "x"}]}, {"role": "user", "content": "Hi"},
        {"role": "user", "content": []}, {"role": "user", "content": [{"text": " "}]}, {"role": "user", "content": [{"type": "text", "text": "Hi"}]},
        {"role": "user", "content": [{"toolResult": RESULT}]}, {"role": "user", "content": [{"image": {"format": "png", "source": {"bytes": "aGk="}}}]},
        {"role": "user", "content": [{"image": {"format": "bmp", "source": {"bytes": PNG}}}]},
        {"role": "user", "content": [{"image": {"format": "png", "source": {"url": "https://x/a.png"}}}]})] + [
        {"messages": [HI, HI]}, {"messages": [HI, {"role": "assistant", "content": [{"text": "x"}]}]},
        {"messages": [HI, {"role": "assistant", "content": [{"toolUse": USE}]}, HI], "toolConfig": TOOLS},
        {"messages": [HI, {"role": "assistant", "content": [{"toolUse": {**USE, "toolUseId": "t:1 "}}]},
                      {"role": "user", "content": [{"toolResult": {**RESULT, "toolUseId": "t:1 "}}]}], "toolConfig": TOOLS}],
    "titan": [{"inputText": ""}, {"inputText": LEAVE_OUT}, {"texts": ["a"]}, {"dimensions": 0}],
    "cohere": [{"texts": []}, {"texts": ["a"] * 97}, {"input_type": LEAVE_OUT}, {"input_type": "x"}, {"dimensions": 4}],
    "nova": [{"taskType": "IMAGE"}, {"textToImageParams": {}}, {"prompt": "x"}, {"imageGenerationConfig": {"width": 1000, "height": 592}},
             {"imageGenerationConfig": {"numberOfImages": 6}}, {"imageGenerationConfig": {"quality": "hd"}}],
    "stability": [{"prompt": ""}, {"aspect_ratio": "2:1"}, {"n": 2}],
}


@pytest.fixture(scope="module")
def upstream():
    with Upstream() as double:
        double.api_key = SECRET
        yield double


def signed(upstream, method, target, raw, secret=SECRET, at=None, region="eu-central-1", service="bedrock", leave_out=(), **more):
    """Headers of a request, signed."""
    at = at or datetime.datetime.now(datetime.timezone.utc)
    date = at.strftime("%Y%m%dT%H%M%SZ")
    headers = {"host": f"{upstream.host}:{upstream.port}", "x-amz-date": date, **({"content-type": "application/json"} if raw else {}), **more}
    names = sorted(set(headers) - set(leave_out))
    mac = aws.signature(secret, date, region, service, aws.canonical_request(method, target, headers, names, raw))
    headers["authorization"] = (f"AWS4-HMAC-SHA256 Credential={ID}/{date[:8]}/{region}/{service}/aws4_request, SignedHeaders={';'.join(names)}, "
                                f"Signature={mac}")
    return headers


def send(upstream, method, target, headers, raw):
    connection = http.client.HTTPConnection(upstream.host, upstream.port, timeout=10)
    try:
        connection.request(method, target, raw or None, {k: v for k, v in headers.items() if k != "host"})
        answer = connection.getresponse()
        body = answer.read()
        return answer, json.loads(body) if answer.headers["Content-Type"] == "application/json" else body
    finally:
        connection.close()


def post(upstream, target, body, **how):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return send(upstream, "POST", target, signed(upstream, "POST", target, raw, **how), raw)


@pytest.mark.parametrize("name", GOOD)
def test_a_right_request_is_taken(upstream, name):
    answer, body = post(upstream, *GOOD[name])
    assert answer.status == 200 and upstream.requests()[-1]["refused"] is None, body
    assert post(upstream, *GOOD[name], **{"x-amz-security-token": TOKEN})[0].status == 200


@pytest.mark.parametrize("name,change", [(name, change) for name in BAD for change in BAD[name]])
def test_a_wrong_request_is_not(upstream, name, change):
    target, body = GOOD[name]
    answer, body = post(upstream, target, {k: v for k, v in {**body, **change}.items() if v is not LEAVE_OUT})
    assert answer.status == 400 and set(body) == {"message"}, (answer.status, body)
    assert answer.headers["x-amzn-ErrorType"].startswith("ValidationException:") and upstream.requests()[-1]["refused"]


def test_a_wrong_signature_is_not_taken(upstream):
    target, body = GOOD["plain"]
    raw = json.dumps(body).encode()
    now = datetime.datetime.now(datetime.timezone.utc)
    right = signed(upstream, "POST", target, raw)
    cases = {
        "another secret": (target, signed(upstream, "POST", target, raw, secret="another"), raw),
        "another body": (target, right, raw + b" "),
        "another path": (target.replace("/m/", "/n/"), right, raw),
        "a query": (target + "?a=b", right, raw),
        "another method": (target, signed(upstream, "PUT", target, raw), raw),
        "another type": (target, {**right, "content-type": "application/json; charset=utf-8"}, raw),
        "a token that is not signed": (target, {**right, "x-amz-security-token": TOKEN}, raw),
        "a type that is not signed": (target, signed(upstream, "POST", target, raw, leave_out=["content-type"]), raw),
        "no date": (target, {k: v for k, v in right.items() if k != "x-amz-date"}, raw),
        "an old date": (target, signed(upstream, "POST", target, raw, at=now - datetime.timedelta(minutes=6)), raw),
        "a date to come": (target, signed(upstream, "POST", target, raw, at=now + datetime.timedelta(minutes=6)), raw),
        "another service": (target, signed(upstream, "POST", target, raw, service="bedrock-runtime"), raw),
        "none": (target, {k: v for k, v in right.items() if k != "authorization"}, raw),
        "another scheme": (target, {**right, "authorization": "Basic eDp5"}, raw),
        "an API key that is wrong": (target, {"content-type": "application/json", "authorization": "Bearer another-key"}, raw),
    }
    assert send(upstream, "POST", target, right, raw)[0].status == 200
    assert send(upstream, "POST", target, {"content-type": "application/json", "authorization": f"Bearer {SECRET}"}, raw)[0].status == 200
    for name, case in cases.items():
        answer, got = send(upstream, "POST", *case)
        assert answer.status == 403 and set(got) == {"message"}, (name, answer.status, got)
    for name, (more, sent) in {"header": ({"x-note": SECRET}, raw), "body": ({}, json.dumps({**body, "note": SECRET}).encode())}.items():
        answer, got = send(upstream, "POST", target, signed(upstream, "POST", target, sent, **more), sent)
        assert answer.status == 400 and "elsewhere" in got["message"], name


def messages_of(raw):
    """Headers and payload of each message; both checksums are looked at."""
    while raw:
        total, headers = struct.unpack(">II", raw[:8])
        assert struct.unpack(">I", raw[8:12])[0] == zlib.crc32(raw[:8]) and struct.unpack(">I", raw[total - 4:total])[0] == zlib.crc32(raw[:total - 4])
        block, found = raw[12:12 + headers], {}
        while block:
            n = block[0]
            size = struct.unpack(">H", block[n + 2:n + 4])[0]
            assert block[n + 1] == 7
            found[block[1:n + 1].decode()] = block[n + 4:n + 4 + size].decode()
            block = block[n + 4 + size:]
        yield found, raw[12 + headers:total - 4]
        raw = raw[total:]


@pytest.mark.parametrize("way", ["ok", "one_byte", "together", "crlf", "comments", "odd_type"])
def test_the_same_text_whole_and_in_pieces_however_cut(upstream, way):
    target, body = GOOD["plain"]
    assert post(upstream, target, body)[1]["output"]["message"]["content"] == [{"text": TEXT}]
    answer, raw = post(upstream, target + "-stream", body, **{"x-double-scenario": way})
    assert answer.status == 200 and (answer.headers["Content-Type"] == "application/vnd.amazon.eventstream") == (way != "odd_type")
    got = [(h[":event-type"], json.loads(p)) for h, p in messages_of(raw) if h[":message-type"] == "event"]
    assert "".join(v["delta"]["text"] for name, v in got if name == "contentBlockDelta") == TEXT
    assert [name for name, _ in got][-2:] == ["messageStop", "metadata"]


def test_faults_inside_a_stream_are_exceptions(upstream):
    target, body = GOOD["plain"]
    last = list(messages_of(post(upstream, target + "-stream", body, **{"x-double-scenario": "error_mid"})[1]))[-1]
    assert last[0][":message-type"] == "exception" and last[0][":exception-type"] == "internalServerException"


def test_lists(upstream):
    for target, members, name in [("/foundation-models", "modelSummaries", "modelId"),
                                  ("/inference-profiles?maxResults=1000", "inferenceProfileSummaries", "inferenceProfileId")]:
        answer, body = send(upstream, "GET", target, signed(upstream, "GET", target, b""), b"")
        assert answer.status == 200 and all(one[name] for one in body[members]), body


@pytest.mark.parametrize("code", [400, 403, 404, 408, 429, 500, 503])
def test_faults_have_a_type(upstream, code):
    answer, body = post(upstream, *GOOD["plain"], **{"x-double-scenario": str(code)})
    assert answer.status == code and set(body) == {"message"} and "Exception" in answer.headers["x-amzn-ErrorType"]
