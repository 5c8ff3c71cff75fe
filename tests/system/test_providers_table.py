"""The table vendors × scenarios: every wire format, driven through the real daemon against the double.

    python3 tests/system/test_providers_table.py      prints it; exit code 1 when a cell is not green (LECTERN_BUILD names the build)

A cell is green, or the vendor has no such call.
"""
import json
import pathlib
import sys
import tempfile

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from conftest import Daemon, check_end, wait_until  # noqa: E402
from double.upstream import TEXT, Upstream  # noqa: E402
from vendors.openai_more import vector  # noqa: E402

KEY = "key-of-the-double-7F3A"
USER = "pupil-4711@school.example"
WORD = "lighthouse-keeper"  # an instruction that every vendor must be sent
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
USAGE = {"prompt_tokens": 11, "completion_tokens": 568, "total_tokens": 579}
TOOLS = [{"type": "function", "function": {"name": "find_unit", "description": "Finds a unit by topic.", "parameters": {
             "type": "object", "properties": {"topic": {"type": "string"}}, "required": ["topic"], "additionalProperties": False}}},
         {"type": "function", "function": {"name": "now", "parameters": {"type": "object", "properties": {}}}}]
CALLED = [("find_unit", {"topic": "water"}), ("now", {})]
SCHEMA = {"type": "object", "properties": {"answer": {"type": "string"}, "sure": {"type": "boolean"}}, "required": ["answer", "sure"],
          "additionalProperties": False}


class NoSuchCall(Exception):
    """The vendor's API has none; the message says what."""


class Vendor:
    def __init__(self, name, plugin, path, *, user=None, without=None, key=True, refuses_image=None, **config):
        self.name, self.plugin, self.path, self.config = name, plugin, path, config
        self.user = user          # member of the body that holds the user's hash
        self.without = without or {}  # scenario → why the vendor has no such call
        self.refuses_image = refuses_image  # the double's scenario of an image that is refused; None: the vendor makes none
        self.key = key            # in api_key; otherwise `config` says how to sign


IN_WORDS = "models refuse in words"
VENDORS = [
    Vendor("openai chat", "openai", "/v1", user="user", api="chat", max_tokens_field="max_completion_tokens",
           image_model="gpt-image-1.5", refuses_image="moderation"),
    Vendor("openai responses", "openai", "/v1", user=("user", "safety_identifier"), api="responses", image_model="dall-e-3", refuses_image="refusal"),
    Vendor("openai_compatible", "openai_compatible", "/compatible/v1", user="user", image_model="painter", refuses_image="moderation"),
    Vendor("anthropic", "anthropic", "/v1", user="metadata.user_id",
           without={"embedding": "no vectors", "content filter": "refusal is its only word"}),
    Vendor("gemini", "gemini", "/v1beta", image_model="imagen-4.0-generate-001", refuses_image="refusal"),
    Vendor("ollama", "ollama", "", without={"refusal": IN_WORDS, "content filter": "no filter"}),
    Vendor("azureai", "azureai", "/azure", user="user", without={"models": "a key of the resource lists no deployments"}, api_version="2024-10-21",
           image_model="dall-e-3", refuses_image="refusal"),
    Vendor("deepseek", "deepseek", "/deepseek/v1", user="user_id",
           without={"refusal": IN_WORDS, "embedding": "no vectors", "image input": "models take no images", "describe image": "models take no images"}),
    Vendor("mistral", "mistral", "/mistral/v1", without={"refusal": IN_WORDS, "content filter": "no filter"}),
    Vendor("huggingface", "huggingface", "/huggingface/v1",
           without={"refusal": IN_WORDS, "content filter": "no filter", "embedding": "the router takes chat completions only"}),
    Vendor("vllm", "vllm", "/vllm/v1", user="user", without={"refusal": IN_WORDS, "content filter": "no filter"}, top_k=40, min_p=0.05,
           chat_template_kwargs={"enable_thinking": False}, schema_as="structured_outputs"),
    Vendor("llama.cpp", "llamacpp", "/llamacpp/v1", user="user", without={"refusal": IN_WORDS, "content filter": "no filter"}, mirostat=2, min_p=0.05,
           cache_prompt=True, grammar="root ::= .*", schema_as="json_schema", timings_per_token=True),
    Vendor("awsbedrock", "awsbedrock", "", key=False, region="eu-central-1", access_key_id="AKIDOFTHEDOUBLE", secret_access_key=KEY,
           session_token="token/of+the=double", embedding_model="amazon.titan-embed-text-v2:0",
           image_model="amazon.nova-canvas-v1:0", refuses_image="content_filter"),
]


class Bench:
    """A daemon with an instance of each vendor, and another one of each with short waits."""

    def __init__(self, folder):
        self.double = Upstream().start()
        self.double.api_key, self.double.forbidden = KEY, [USER]
        self.daemon = Daemon(pathlib.Path(folder) / "data")
        self.daemon.cli("site", "set", "demo", "policy_by_lms=true")
        self.daemon.cli("course", "remove", "course-v1:Lectern+Demo+2026")  # else an instance that can make vectors is asked for its own
        self.missing = {}
        for vendor in VENDORS:
            self.add(vendor, vendor.name)
            self.add(vendor, vendor.name + " hasty", first_byte_ms=400, idle_ms=400)
            self.add(vendor, vendor.name + " bound", total_ms=800)

    def add(self, vendor, name, **more):
        config = {"endpoint": self.double.root + vendor.path, "model": "m", "retries": 0, "breaker_faults": 0, **vendor.config, **more}
        if vendor.key:
            config["api_key"] = KEY
        answer = self.daemon.request("POST", "/v1/providers", self.daemon.admin_key, {"name": name, "plugin": vendor.plugin, "config": config})
        if answer.status != 201:
            self.missing[vendor.name] = f"{answer.status} {answer.body[:300]!r}"

    def close(self):
        try:
            check_end(self.daemon)
        finally:
            self.double.stop()


class Cell:
    """One vendor's turn in a scenario."""

    def __init__(self, bench, vendor):
        self.bench, self.vendor = bench, vendor
        assert vendor.name not in bench.missing, bench.missing[vendor.name]
        bench.double.queue.clear()
        bench.double.default = bench.double.default_get = "ok"
        bench.double.records.clear()

    def ask(self, scenario, stream=False, action="continue_conversation", kind="", **more):
        """The answer, or the list of events of a stream. What the double refused is an error of ours."""
        double, daemon = self.bench.double, self.bench.daemon
        double.default = scenario
        messages = [{"role": "system", "content": f"You are a {WORD}."}, {"role": "user", "content": "Why does it rain?"}]
        body = {"provider": self.vendor.name + kind, "user": {"id": USER, "roles": ["student"]}, "input": {"messages": messages, **more}}
        if action != "continue_conversation":
            body["input"] = more
        if stream:
            body["stream"] = True
            connection, response = daemon.open("POST", f"/v1/actions/{action}", daemon.admin_key, body)
            raw = response.read().decode()
            connection.close()
            answer = events(raw) if response.status == 200 else [("error", json.loads(raw))]
        else:
            answer = daemon.request("POST", f"/v1/actions/{action}", daemon.admin_key, body)
        refused = [r["refused"] for r in double.requests() if r["refused"]]
        assert not refused, f"the vendor would refuse: {refused}"
        return answer

    def request(self):
        """What the double got last."""
        return self.bench.double.requests()[-1]

    # ---- what must hold ----
    def good(self, answer, text=TEXT, reason="stop", usage=USAGE):
        assert answer.status == 200, answer
        self.whole(answer.json, text, reason, usage)

    def whole(self, got, text=TEXT, reason="stop", usage=USAGE):
        assert got["success"] is True, got
        assert got["response"]["generated_content"] == text and got["response"]["finish_reason"] == reason, got
        assert {k: got["usage"][k] for k in USAGE} == usage, got["usage"]
        assert got["model"] == "m", got
        assert [a["success"] for a in got["attempts"]] == [True], got

    def good_stream(self, answer, text=TEXT, reason="stop", usage=USAGE):
        assert answer[0][0] == "start" and answer[-1][0] == "done", answer
        assert "".join(data["text"] for kind, data in answer if kind == "delta") == text, answer
        self.whole(answer[-1][1], text, reason, usage)

    def bad(self, answer, code, retry_after=None):
        """A problem as JSON, or as the last event of a stream."""
        got = answer[-1][1] if isinstance(answer, list) else answer.json
        if isinstance(answer, list):
            assert answer[-1][0] == "error", answer
        assert got["code"] == code, got
        assert KEY not in json.dumps(got)
        if retry_after is not None:
            assert got["retry_after"] == retry_after, got

    def both(self, scenario, code, **more):
        self.bad(self.ask(scenario, **more), code)
        self.bad(self.ask(scenario, stream=True, **more), code)

    def idle(self):
        """What the double has open is nothing but kept connections: no answer is still waited for."""
        wait_until(lambda: all(r["closed_at"] or r["answered_at"] for r in self.bench.double.requests()), what="the end of every exchange")


def events(raw):
    found = []
    for block in raw.replace("\r\n", "\n").split("\n\n"):
        lines = [line.partition(":") for line in block.split("\n") if line and not line.startswith(":")]
        if lines:
            members = {name: value.strip() for name, _, value in lines}
            found.append((members["event"], json.loads(members["data"])))
    return found


# ---- the scenarios ----
def plain(c):
    c.good(c.ask("ok"))
    request = c.request()
    assert WORD in json.dumps(request["body"]), "the instruction is not in the request"
    if c.vendor.user:
        names = c.vendor.user if isinstance(c.vendor.user, tuple) else (c.vendor.user,)
        assert any(at(request["body"], name) for name in names), f"no hash of the user in {request['body']}"


def at(value, path):
    for name in path.split("."):
        value = (value or {}).get(name)
    return value


def stream(c):
    c.good_stream(c.ask("chunks?n=7", stream=True), " ".join(f"word{i}" for i in range(1, 8)))
    c.good_stream(c.ask("ok", stream=True))


def parameters(c):
    """What the caller sets arrives. Anthropic's newer models take one of temperature and top_p."""
    both = c.vendor.plugin != "anthropic"
    for asked in ({"temperature": 0.5, "top_p": 0.75, "max_tokens": 77}, {"top_p": 0.75, "max_tokens": 77}):
        c.good(c.ask("ok", **asked))
        sent = json.dumps(c.request()["body"])
        assert all(str(v) in sent for k, v in asked.items() if both or len(asked) == 2 or k != "top_p"), sent


def sent_or_not_there(c, mark, **asked):
    answer = c.ask("ok", **asked)
    if answer.status == 422 and answer.json["code"] == "not_supported":
        raise NoSuchCall(f"no {next(iter(asked))}")
    c.good(answer)
    sent = json.dumps(c.request()["body"])
    if mark not in sent:
        raise NoSuchCall(f"no {next(iter(asked))}; it is left out")


def stop(c):
    sent_or_not_there(c, "ENDMARK", stop=["ENDMARK"])


def seed(c):
    sent_or_not_there(c, "471147", seed=471147)


def length(c):
    c.good(c.ask("length"), reason="length")
    c.good_stream(c.ask("length", stream=True), reason="length")


def think(c):
    c.good(c.ask("think"))
    c.good_stream(c.ask("think", stream=True))


def tools(c):
    for streamed in (False, True):
        got = c.ask("tool_calls", stream=streamed, tools=TOOLS)
        done = got[-1][1] if streamed else got.json
        assert done.get("success") is True, done
        calls = done["response"]["tool_calls"]
        assert [(t["function"]["name"], json.loads(t["function"]["arguments"])) for t in calls] == CALLED, done
        assert done["response"]["finish_reason"] == "tool_calls" and len({t["id"] for t in calls}) == 2, done
        assert {k: done["usage"][k] for k in USAGE} == USAGE, done["usage"]
        messages = [{"role": "system", "content": f"You are a {WORD}."}, {"role": "user", "content": "Why does it rain?"},
                    {"role": "assistant", "content": None, "tool_calls": calls},
                    {"role": "tool", "tool_call_id": calls[0]["id"], "content": "Unit 3, the water cycle"},
                    {"role": "tool", "tool_call_id": calls[1]["id"], "content": "[\"noon\"]"}]
        answer = c.ask("tool_calls", stream=streamed, tools=TOOLS, messages=messages)
        (c.good_stream if streamed else c.good)(answer)
        sent = json.dumps(c.request()["body"])
        assert "Unit 3, the water cycle" in sent and "noon" in sent, sent


def tool_choice(c):
    messages = [{"role": "user", "content": "Why does it rain?"}]
    c.good(c.ask("ok", tools=TOOLS, tool_choice="none", messages=messages))
    answer = c.ask("tool_calls", tools=TOOLS, tool_choice="required", messages=messages)
    if answer.status == 422:
        assert answer.json["code"] == "not_supported", answer
    else:
        assert answer.json["response"]["finish_reason"] == "tool_calls", answer


def schema(c):
    form = {"type": "json_schema", "json_schema": {"name": "reply", "schema": SCHEMA, "strict": True}}
    for streamed in (False, True):
        answer = c.ask("schema", stream=streamed, response_format=form)
        done = answer[-1][1] if streamed else answer.json
        assert done.get("success") is True, done
        assert json.loads(done["response"]["generated_content"]) == {"answer": "rain", "sure": True}, done
        assert '"sure"' in json.dumps(c.request()["body"]).replace('\\"', '"'), "the schema is not in the request"


def image(c):
    parts = [{"type": "text", "text": "What is this?"}, {"type": "image_url", "image_url": {"url": "data:image/png;base64," + PNG}}]
    for streamed in (False, True):
        answer = c.ask("image", stream=streamed, messages=[{"role": "user", "content": parts}])
        (c.good_stream if streamed else c.good)(answer, "A lighthouse on a rock.")
        assert PNG in json.dumps(c.request()["body"])


def describe(c):
    """describe_image: the image as bytes, in whatever way it is given, and as an address where the vendor fetches such."""
    data = "data:image/png;base64," + PNG
    for streamed in (False, True):
        for given in (data, {"media_type": "image/png", "base64": PNG}):
            answer = c.ask("image", stream=streamed, action="describe_image", image=given, language="es")
            (c.good_stream if streamed else c.good)(answer, "A lighthouse on a rock.")
            sent = json.dumps(c.request()["body"])
            assert PNG in sent and "language: Spanish" in sent, sent
    answer = c.ask("ok", action="describe_image", image="https://pictures.example/a.png")
    if c.vendor.plugin in ("ollama", "awsbedrock"):
        c.bad(answer, "not_supported")
    else:
        c.good(answer)
        assert "https://pictures.example/a.png" in json.dumps(c.request()["body"])


def make_image(c):
    """generate_image: as many as were asked for, in whatever number of requests, kept and shown by links; a refusal is one, and is asked once."""
    if not c.vendor.refuses_image:
        raise NoSuchCall("makes no images")
    for count in (1, 2):
        answer = c.ask("ok", action="generate_image", prompt="A leaf in the rain", count=count, aspect_ratio="landscape", quality="hd")
        assert answer.status == 200, answer
        made = answer.json["response"].get("images") or [answer.json["response"]]
        assert len(made) == count and "A leaf in the rain" in json.dumps(c.request()["body"])
        for one in made:
            file = one["draft_file"]
            shown = c.bench.daemon.request("GET", file["url"])
            assert (shown.status, shown.headers["Content-Type"], file["media_type"]) == (200, "image/png", "image/png") and shown.body[1:4] == b"PNG"
    c.bench.double.records.clear()
    c.bad(c.ask(c.vendor.refuses_image, action="generate_image", prompt="A leaf", count=2), "content_refused")
    assert len(c.bench.double.requests()) == 1


def embedding(c):
    texts = ["Rain falls.", "La lluvia cae.", "雨"]
    answer = c.ask("ok", action="embed_text", texts=texts)
    assert answer.status == 200, answer
    assert answer.json["response"]["embeddings"] == [vector(t, 8) for t in texts], answer
    answer = c.ask("ok", action="embed_text", texts=texts[:1], dimensions=16)
    assert answer.json["response"]["dimensions"] == 16, answer


def refusal(c):
    c.both("refusal", "content_refused")


def content_filter(c):
    c.both("content_filter", "content_refused")


def context_window(c):
    c.both("context_window", "context_window_exceeded")


def status(*codes, **expected):
    def scenario(c):
        for code in codes:
            c.both(str(code), expected["code"])
        if "retry_after" in expected:
            c.bad(c.ask(str(codes[0])), expected["code"], expected["retry_after"])
            c.bad(c.ask(f"{codes[0]}?retry_after=3", stream=True), expected["code"], 3)
    return scenario


def wrong_key(c):
    """The double itself refuses a key that is not the one it knows."""
    c.bench.double.api_key = "another-key-9C21"
    try:
        c.bench.double.default = "ok"
        body = {"provider": c.vendor.name, "user": {"id": USER, "roles": []}, "input": {"messages": [{"role": "user", "content": "x"}]}}
        answer = c.bench.daemon.request("POST", "/v1/actions/continue_conversation", c.bench.daemon.admin_key, body)
        c.bad(answer, "upstream_unauthorized")
    finally:
        c.bench.double.api_key = KEY


def first_byte(c):
    c.both("stall", "upstream_timeout", kind=" hasty")
    c.idle()


def idle(c):
    c.both("stall_head", "upstream_timeout", kind=" hasty")
    c.both("stall_mid", "upstream_timeout", kind=" hasty")
    c.idle()


def total(c):
    c.bad(c.ask("endless?delay_ms=20", stream=True, kind=" bound"), "upstream_timeout")
    c.bad(c.ask("ok+drip?bytes=1&byte_ms=50", kind=" bound"), "upstream_timeout")
    c.idle()


def cut_stream(c):
    for way in ("truncated", "close_mid", "reset_mid"):
        for streamed in (False, True):
            answer = c.ask(way, stream=streamed)
            got = answer[-1][1] if streamed else answer.json
            assert got["code"] in ("upstream_invalid", "upstream_unavailable"), (way, got)
            assert not streamed or answer[-1][0] == "error", answer
    c.idle()


def broken_connection(c):
    c.both("reset", "upstream_unavailable")
    c.both("close", "upstream_unavailable")


def one_byte(c):
    for way in ("one_byte", "crlf+one_byte"):
        c.good_stream(c.ask(way, stream=True))
    c.good(c.ask("one_byte"))


def cutting(c):
    for way in ("together", "crlf", "comments", "drip?bytes=5&byte_ms=0", "comments+crlf+together", "odd_type",
                "slow?delay_ms=10&text=" + TEXT.replace(" ", "%20")):
        c.good_stream(c.ask(way, stream=True), " ".join(f"word{i}" for i in range(1, 11)) if way.startswith("drip") else TEXT)
    long = "é€😀" * 50
    c.good_stream(c.ask("one_byte?n=40&text=" + "".join(f"%{b:02x}" for b in long.encode()), stream=True), long)


def other_kind(c):
    """JSON although a stream was asked for."""
    if c.vendor.name == "gemini":
        raise NoSuchCall("the address says which")
    c.good_stream(c.ask("json_anyway", stream=True))


def no_usage(c):
    unknown = dict.fromkeys(USAGE)
    c.good(c.ask("no_usage"), usage=unknown)
    c.good_stream(c.ask("no_usage", stream=True), usage=unknown)


def error_mid(c):
    answer = c.ask("error_mid", stream=True)
    c.bad(answer, "upstream_unavailable")
    assert any(kind == "delta" for kind, _ in answer), answer


def wrong_json(c):
    c.both("wrong_json", "upstream_invalid")
    c.both("wrong_types", "upstream_invalid")
    c.both("not_utf8", "upstream_invalid")
    c.bad(c.ask("wrong_frame", stream=True), "upstream_invalid")


def huge(c):
    c.both("huge?mb=17", "upstream_invalid")


def page(c):
    c.both("html", "upstream_unavailable")
    c.both("redirect", "upstream_invalid")


def models(c):
    names = c.bench.daemon.request("GET", "/v1/providers", c.bench.daemon.admin_key).json["providers"]
    number = next(p["id"] for p in names if p["name"] == c.vendor.name)
    answer = c.bench.daemon.request("GET", f"/v1/providers/{number}/models", c.bench.daemon.admin_key)
    assert answer.status == 200, answer
    assert "double" in answer.json["models"] or any(m.get("id") == "double" for m in answer.json["models"] if isinstance(m, dict)), answer
    assert not [r["refused"] for r in c.bench.double.requests() if r["refused"]]


SCENARIOS = {
    "plain": plain, "stream": stream, "parameters": parameters, "stop words": stop, "seed": seed, "tools": tools, "tool choice": tool_choice,
    "schema": schema, "image input": image, "describe image": describe, "make image": make_image, "embedding": embedding,
    "models": models, "length": length, "thinking": think, "refusal": refusal, "content filter": content_filter, "context window": context_window,
    "401": status(401, 403, code="upstream_unauthorized"), "wrong key": wrong_key, "404": status(404, code="upstream_not_found"),
    "429": status(429, code="upstream_rate_limited", retry_after=7), "5xx": status(500, 503, 529, code="upstream_unavailable"),
    "504": status(504, code="upstream_timeout"), "timeout: first byte": first_byte, "timeout: idle": idle, "timeout: total": total,
    "cut stream": cut_stream,
    "broken connection": broken_connection, "one byte at a time": one_byte, "any cutting": cutting, "JSON for a stream": other_kind,
    "no usage": no_usage,
    "error in mid-stream": error_mid, "wrong JSON": wrong_json, "huge": huge, "page, redirect": page,
}


def run(bench, vendor, scenario):
    """None when the cell is green; the reason when the vendor has no such call. Raises when it is red."""
    if scenario in vendor.without:
        return vendor.without[scenario]
    try:
        SCENARIOS[scenario](Cell(bench, vendor))
    except NoSuchCall as reason:
        return str(reason)
    return None


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    b = Bench(tmp_path_factory.mktemp("table"))
    yield b
    b.close()


@pytest.mark.parametrize("vendor", VENDORS, ids=[v.name for v in VENDORS])
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_cell(bench, vendor, scenario):
    reason = run(bench, vendor, scenario)
    assert reason is None or reason


def test_ollama_takes_a_single_question_as_a_prompt(bench):
    vendor = next(v for v in VENDORS if v.plugin == "ollama")
    bench.add(vendor, "ollama prompt", api="generate")
    cell = Cell(bench, vendor)
    for streamed in (False, True):
        answer = cell.ask("ok", stream=streamed, kind=" prompt")
        (cell.good_stream if streamed else cell.good)(answer)
        assert cell.request()["path"] == "/api/generate" and WORD in cell.request()["body"]["system"]
    cell.good(cell.ask("ok", kind=" prompt", tools=TOOLS))
    assert cell.request()["path"] == "/api/chat"


def test_azure_of_an_older_version_is_asked_for_what_it_knows(bench):
    vendor = next(v for v in VENDORS if v.plugin == "azureai")
    bench.add(vendor, "azureai older", api_version="2024-06-01")
    cell = Cell(bench, vendor)
    cell.good_stream(cell.ask("ok", stream=True, kind=" older"), usage=dict.fromkeys(USAGE))
    form = {"type": "json_schema", "json_schema": {"name": "reply", "schema": SCHEMA, "strict": True}}
    answer = cell.ask("schema", kind=" older", response_format=form)
    assert json.loads(answer.json["response"]["generated_content"]) == {"answer": "rain", "sure": True}, answer
    assert cell.request()["path"] == "/azure/openai/deployments/m/chat/completions?api-version=2024-06-01"
    assert cell.request()["body"]["response_format"] == {"type": "json_object"} and cell.request()["headers"]["api-key"] == KEY


def main():
    wide = max(map(len, SCENARIOS)) + 2
    print(" " * wide + "".join(f"{v.name:<19}" for v in VENDORS))
    red, notes = [], []
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(folder)
        for scenario in SCENARIOS:
            print(f"{scenario:<{wide}}", end="", flush=True)
            for vendor in VENDORS:
                try:
                    reason = run(bench, vendor, scenario)
                    mark = "green" if reason is None else "no such call"
                    notes += [f"{scenario} × {vendor.name}: no such call: {reason}"] if reason else []
                except Exception as error:  # a red cell, whatever broke
                    mark = "RED"
                    red.append(f"{scenario} × {vendor.name}: {type(error).__name__}: {str(error)[:600]}")
                print(f"{mark:<19}", end="", flush=True)
            print()
        try:
            bench.close()
        except AssertionError as error:
            red.append(f"the daemon's end: {str(error)[-2000:]}")
    print(*notes, *red, sep="\n")
    return 1 if red else 0


if __name__ == "__main__":
    sys.exit(main())
