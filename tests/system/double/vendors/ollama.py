"""/api/chat, /api/generate, /api/embed, /api/tags: docs/api.md of ollama. Streams are lines of JSON. Unknown members are ignored, as there."""
import json

import check

NAME = "ollama"
STREAM_TYPE = "application/x-ndjson"
KEY_OPTIONAL = True


def route(method, path, headers):
    for name in ("chat", "generate", "embed"):
        if method == "POST" and path.endswith("/api/" + name):
            return name
    return "tags" if method == "GET" and path.endswith("/api/tags") else None


def key(headers):
    """A server of its own has none; behind a proxy it may be a bearer token or a password."""
    return headers.get("authorization", "").partition(" ")[2] or None


def no_key():
    return check.Refuse("unauthorized", status=401)


wrong_key = no_key


def problem(refuse):
    return {"error": refuse.message}


def frame(event):
    return json.dumps(event).encode() + b"\n"


OPTIONS = {"temperature": (int, float), "top_p": (int, float), "min_p": (int, float), "top_k": int, "seed": int, "num_predict": int, "num_ctx": int,
           "stop": list,
           "repeat_penalty": (int, float), "mirostat": int}


def common(body):
    check.need(isinstance(body, dict), "invalid request")
    check.need(isinstance(body.get("model"), str) and body["model"], "model is required")
    check.typed(body.get("stream", True), bool, "stream")
    for name, value in check.typed(body.get("options") or {}, dict, "options").items():
        if name in OPTIONS:
            check.typed(value, OPTIONS[name], f"options.{name}")
    form = body.get("format")
    if form is not None:
        check.need(form in ("", "json") if isinstance(form, str) else isinstance(form, dict), "invalid format: expected \"json\" or a JSON schema")
        if isinstance(form, dict):
            check.schema(form, "format")
    if body.get("user") is not None:
        check.user_hash(body["user"], "user")


def check_images(value, at):
    for i, one in enumerate(check.items(value or [], at)):
        check.image_bytes(one, None, f"{at}[{i}]")


def check_messages(messages):
    calls = []
    for i, m in enumerate(check.items(messages, "messages", 1)):
        at = f"messages[{i}]"
        check.typed(m, dict, at)
        check.one_of(m.get("role"), ["system", "user", "assistant", "tool"], at + ".role")
        check.typed(m.get("content", ""), str, at + ".content")
        check_images(m.get("images"), at + ".images")
        for c in check.items(m.get("tool_calls") or [], at + ".tool_calls"):
            check.typed(c.get("function"), dict, at + ".function")
            check.text(c["function"].get("name"), at + ".function.name")
            check.typed(c["function"].get("arguments"), dict, at + ".function.arguments")
            calls.append(c["function"]["name"])
        if m["role"] == "tool":
            check.need(m.get("tool_name") in calls, f"{at}: tool_name names no call", at)


def check_request(request):
    body = request.body
    if request.operation == "tags":
        return
    common(body)
    if request.operation == "embed":
        texts = body.get("input")
        for one in check.items(texts if isinstance(texts, list) else [texts], "input", 1):
            check.text(one, "input")
        check.typed(body.get("truncate", True), bool, "truncate")
        if body.get("dimensions") is not None:
            check.number(body["dimensions"], "dimensions", 1, 10**5, whole=True)
    elif request.operation == "generate":
        check.text(body.get("prompt"), "prompt")
        check.typed(body.get("system", ""), str, "system")
        check_images(body.get("images"), "images")
    else:
        check_messages(body.get("messages"))
        for i, tool in enumerate(check.items(body.get("tools") or [], "tools")):
            check.need(tool.get("type") == "function" and isinstance(tool.get("function"), dict), f"tools[{i}] is not a function")
            check.text(tool["function"].get("name"), f"tools[{i}].function.name")
            if tool["function"].get("parameters") is not None:
                check.schema(tool["function"]["parameters"], f"tools[{i}].function.parameters")


def streamed(request):
    return request.operation in ("chat", "generate") and request.body.get("stream", True)


def images(body):
    return [i for m in body.get("messages", [body]) for i in m.get("images") or []]


def variables(request):
    body = request.body
    if request.operation == "tags":
        return {}
    if request.operation == "embed":
        from vendors.openai_more import vector
        texts = body["input"] if isinstance(body["input"], list) else [body["input"]]
        return {"model": body["model"], "embeddings": [vector(t, body.get("dimensions") or 8) for t in texts]}
    users = [m for m in body.get("messages", []) if m["role"] == "user"]
    return {"model": body["model"], "echo": users[-1]["content"] if users else body.get("prompt", ""), "tools_asked": bool(body.get("tools")),
            "images": len(images(body)), "answered": any(m["role"] == "tool" for m in body.get("messages", [])),
            "schema_asked": isinstance(body.get("format"), dict)}
