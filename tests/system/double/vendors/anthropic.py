"""POST /v1/messages and GET /v1/models: docs.anthropic.com/en/api/messages. Stricter than the vendor in one thing: turns must alternate."""
import json

import check

NAME = "anthropic"
KNOWN = """model messages max_tokens cache_control container inference_geo metadata output_config service_tier stop_sequences stream system
temperature thinking tool_choice tools top_k top_p""".split()
KINDS = {400: "invalid_request_error", 401: "authentication_error", 403: "permission_error", 404: "not_found_error", 413: "request_too_large",
         429: "rate_limit_error", 529: "overloaded_error"}
IMAGES = ["image/jpeg", "image/png", "image/gif", "image/webp"]


def route(method, path, headers):
    if method == "POST" and path.endswith("/messages"):
        return "messages"
    return "models" if method == "GET" and path.endswith("/models") and "anthropic-version" in headers else None


def key(headers):
    return headers.get("x-api-key")


def no_key():
    return check.Refuse("x-api-key header is required", status=401)


def wrong_key():
    return check.Refuse("invalid x-api-key", status=401)


def problem(refuse):
    return {"type": "error", "error": {"type": refuse.kind or KINDS.get(refuse.status, "api_error"), "message": refuse.message},
            "request_id": "req_double"}


def frame(event):
    return f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode()


def cached(block, marks, at):
    if block.get("cache_control") is not None:
        check.need(block["cache_control"].get("type") == "ephemeral", f"{at}.cache_control.type: Input should be 'ephemeral'")
        marks.append(at)


def image(source, at):
    kind = check.one_of(source.get("type"), ["base64", "url"], at + ".type")
    if kind == "url":
        check.members(source, ["type", "url"], ["url"], at)
        check.need(source["url"].startswith("https://"), f"{at}.url: Only HTTPS URLs are supported.")
    else:
        check.members(source, ["type", "media_type", "data"], ["media_type", "data"], at)
        check.image_bytes(source["data"], check.one_of(source["media_type"], IMAGES, at + ".media_type"), at + ".data")


def block(b, role, marks, at):
    check.typed(b, dict, at)
    kinds = ["text", "image", "tool_result", "document"] if role == "user" else ["text", "tool_use", "thinking", "redacted_thinking"]
    kind = check.one_of(b.get("type"), kinds, at + ".type")
    cached(b, marks, at)
    if kind == "text":
        check.members(b, ["type", "text", "cache_control", "citations"], ["text"], at)
        check.need(check.text(b["text"], at + ".text", empty=True).strip(), f"{at}: text content blocks must contain non-whitespace text")
    elif kind == "image":
        check.members(b, ["type", "source", "cache_control"], ["source"], at)
        image(b["source"], at + ".source")
    elif kind == "tool_use":
        check.members(b, ["type", "id", "name", "input", "cache_control"], ["id", "name", "input"], at)
        check.typed(b["input"], dict, at + ".input")
    elif kind == "tool_result":
        check.members(b, ["type", "tool_use_id", "content", "is_error", "cache_control"], ["tool_use_id"], at)


def check_messages(body, marks):
    waiting, last = set(), None
    for i, m in enumerate(check.items(body["messages"], "messages", 1)):
        at = f"messages.{i}"
        check.members(m, ["role", "content"], ["role", "content"], at)
        role = check.one_of(m["role"], ["user", "assistant"], at + ".role")
        check.need(role != last, f"{at}: roles must alternate between \"user\" and \"assistant\", but found multiple \"{role}\" roles in a row")
        check.need(i > 0 or role == "user", "messages: first message must use the \"user\" role")
        last = role
        blocks = m["content"] if isinstance(m["content"], list) else [{"type": "text", "text": check.text(m["content"], at + ".content")}]
        check.need(blocks, f"{at}: all messages must have non-empty content")
        for k, b in enumerate(blocks):
            block(b, role, marks, f"{at}.content.{k}")
        results = [b["tool_use_id"] for b in blocks if b["type"] == "tool_result"]
        check.need(set(results) <= waiting and len(set(results)) == len(results),
                   f"{at}.content: unexpected `tool_use_id` found in `tool_result` blocks")
        check.need(not waiting - set(results),
                   f"{at}: `tool_use` ids were found without `tool_result` blocks immediately after: {', '.join(sorted(waiting))}")
        check.need([b["type"] for b in blocks[:len(results)]] == ["tool_result"] * len(results), f"{at}: tool_result blocks must come first")
        waiting = {b["id"] for b in blocks if b["type"] == "tool_use"}
    check.need(not waiting, "messages: `tool_use` ids were found without `tool_result` blocks immediately after")
    if last == "assistant":
        final = body["messages"][-1]["content"]
        final = final if isinstance(final, str) else final[-1].get("text", "x")
        check.need(final == final.rstrip(), "messages: final assistant content cannot end with trailing whitespace")


def check_tools(body, marks):
    names = []
    for i, tool in enumerate(check.items(body.get("tools") or [], "tools")):
        at = f"tools.{i}"
        check.members(tool, ["name", "description", "input_schema", "cache_control", "type", "strict"], ["name", "input_schema"], at)
        check.schema(tool["input_schema"], at + ".input_schema")
        cached(tool, marks, at)
        names.append(check.text(tool["name"], at + ".name"))
    check.need(len(set(names)) == len(names), "tools: Tool names must be unique.")
    choice = body.get("tool_choice")
    if choice is not None:
        check.need(names, "tool_choice: may only be specified while providing tools.")
        check.members(choice, ["type", "name", "disable_parallel_tool_use"], ["type"], "tool_choice")
        if check.one_of(choice["type"], ["auto", "any", "tool", "none"], "tool_choice.type") == "tool":
            check.need(choice.get("name") in names, "tool_choice.name: Tool not found in provided tools")
    return names


def check_request(request):
    check.need(request.headers.get("anthropic-version") == "2023-06-01", "anthropic-version: header is required")
    if request.operation == "models":
        return
    body = check.members(request.body, KNOWN, ["model", "messages", "max_tokens"])
    marks = []
    check.text(body["model"], "model")
    check.number(body["max_tokens"], "max_tokens", 1, 10**6, whole=True)
    if body.get("system") is not None:
        check.typed(body["system"], (str, list), "system")
        for i, b in enumerate(body["system"] if isinstance(body["system"], list) else []):
            check.need(b.get("type") == "text", f"system.{i}.type: Input should be 'text'")
            check.text(b.get("text"), f"system.{i}.text")
            cached(b, marks, f"system.{i}")
    check_tools(body, marks)
    check_messages(body, marks)
    check.need(len(marks) <= 4, f"A maximum of 4 blocks with cache_control may be provided. Found {len(marks)}.")
    check.need(body.get("temperature") is None or body.get("top_p") is None,
               "`temperature` and `top_p` cannot both be specified for this model. Please use only one.")
    if body.get("temperature") is not None:
        check.number(body["temperature"], "temperature", 0, 1)
    if body.get("top_p") is not None:
        check.number(body["top_p"], "top_p", 0, 1)
    for stop in body.get("stop_sequences") or []:
        check.need(check.text(stop, "stop_sequences").strip(), "stop_sequences: each stop sequence must contain non-whitespace")
    if body.get("metadata") is not None:
        check.members(body["metadata"], ["user_id"], [], "metadata")
        if body["metadata"].get("user_id") is not None:
            check.user_hash(body["metadata"]["user_id"], "metadata.user_id")
    form = (body.get("output_config") or {}).get("format")
    if form is not None:
        check.members(form, ["type", "schema"], ["type", "schema"], "output_config.format")
        check.one_of(form["type"], ["json_schema"], "output_config.format.type")
        check.schema(form["schema"], "output_config.format.schema")


def streamed(request):
    return request.operation == "messages" and request.body.get("stream") is True


def blocks(body, kind):
    return [b for m in body["messages"] if isinstance(m["content"], list) for b in m["content"] if b["type"] == kind]


def images(body):
    return [b["source"].get("data") or b["source"].get("url") for b in blocks(body, "image")]


def variables(request):
    if request.operation == "models":
        return {}
    body = request.body
    users = [m["content"] for m in body["messages"] if m["role"] == "user"]
    said = users[-1] if isinstance(users[-1], str) else "".join(b.get("text", "") for b in users[-1])
    return {"model": body["model"], "id": f"msg_{request.number:024x}", "echo": said, "tools_asked": bool(body.get("tools")),
            "images": len(images(body)),
            "answered": bool(blocks(body, "tool_result")), "schema_asked": bool((body.get("output_config") or {}).get("format"))}
