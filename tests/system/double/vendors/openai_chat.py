"""POST …/chat/completions: platform.openai.com/docs/api-reference/chat."""
import check
from vendors.openai_common import FORMATS, frame, function, image_url, json_schema, key, no_key, problem, sampling, wrong_key  # noqa: F401

NAME = "openai_chat"
KNOWN = """messages model audio frequency_penalty function_call functions logit_bias logprobs max_completion_tokens max_tokens metadata
modalities n parallel_tool_calls prediction presence_penalty prompt_cache_key prompt_cache_retention reasoning_effort response_format
safety_identifier seed service_tier stop store stream stream_options temperature tool_choice tools top_logprobs top_p user verbosity
web_search_options""".split()


def route(method, path, headers):
    return "chat" if method == "POST" and path.endswith("/chat/completions") else None


def content(value, role, name):
    if isinstance(value, str):
        return
    for i, part in enumerate(check.items(value, name, 1)):
        at = f"{name}[{i}]"
        check.typed(part, dict, at)
        kind = part.get("type")
        check.one_of(kind, ["text"] if role != "user" else ["text", "image_url", "input_audio", "file"], at + ".type")
        if kind == "text":
            check.text(part.get("text"), at + ".text", empty=True)
        if kind == "image_url":
            check.members(part.get("image_url"), ["url", "detail"], ["url"], at + ".image_url")
            image_url(part["image_url"]["url"], at + ".image_url.url")


def call(value, name):
    check.members(value, ["id", "type", "function"], ["id", "type", "function"], name)
    check.text(value["id"], name + ".id")
    check.one_of(value["type"], ["function"], name + ".type")
    check.members(value["function"], ["name", "arguments"], ["name", "arguments"], name + ".function")
    check.text(value["function"]["name"], name + ".function.name")
    check.text(value["function"]["arguments"], name + ".function.arguments", empty=True)


def messages(body):
    waiting, since = [], 0  # tool calls without an answer
    for i, m in enumerate(check.items(body["messages"], "messages", 1)):
        at = f"messages[{i}]"
        check.members(m, ["role", "content", "name", "tool_calls", "tool_call_id", "refusal", "audio"], ["role"], at)
        role = check.one_of(m["role"], ["system", "developer", "user", "assistant", "tool"], at + ".role")
        if role == "tool":
            check.need(m.get("tool_call_id") in waiting, "Invalid parameter: messages with role 'tool' must be a response to a preceding message "
                       "with 'tool_calls'.", at)
            waiting.remove(m["tool_call_id"])
        else:
            check.need(not waiting, "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. "
                       f"The following tool_call_ids did not have response messages: {', '.join(waiting)}", f"messages[{since}]")
            check.need("tool_call_id" not in m, f"Unknown parameter: '{at}.tool_call_id'.", at)
        if m.get("tool_calls") is not None:
            check.need(role == "assistant", f"Unknown parameter: '{at}.tool_calls'.", at)
            for k, one in enumerate(check.items(m["tool_calls"], at + ".tool_calls", 1, 128)):
                call(one, f"{at}.tool_calls[{k}]")
            waiting, since = [c["id"] for c in m["tool_calls"]], i
        if m.get("content") is None:
            check.need(role == "assistant" and (m.get("tool_calls") or m.get("refusal")),
                       "Invalid value for 'content': expected a string, got null.", at + ".content")
        else:
            content(m["content"], role, at + ".content")
    check.need(not waiting, "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'.", "messages")


def check_tools(body):
    names = []
    for i, tool in enumerate(check.items(body.get("tools") or [], "tools", 0, 128)):
        check.members(tool, ["type", "function"], ["type", "function"], f"tools[{i}]")
        check.one_of(tool["type"], ["function"], f"tools[{i}].type")
        check.members(tool["function"], ["name", "description", "parameters", "strict"], ["name"], f"tools[{i}].function")
        function(tool["function"], f"tools[{i}].function")
        names.append(tool["function"]["name"])
    choice = body.get("tool_choice")
    if choice is None:
        return
    check.need(names, "Invalid value for 'tool_choice': 'tool_choice' is only allowed when 'tools' are specified.", "tool_choice")
    if isinstance(choice, str):
        check.one_of(choice, ["none", "auto", "required"], "tool_choice")
    else:
        check.need(choice.get("type") == "function" and choice.get("function", {}).get("name") in names, "Invalid value for 'tool_choice'.",
                   "tool_choice")


def check_request(request):
    body = check.members(request.body, request.more_members + KNOWN, ["model", "messages"])
    check.text(body["model"], "model")
    check_body(body)


def check_body(body):
    """All but its members' names, which differ among those who speak this format."""
    messages(body)
    check_tools(body)
    sampling(body)
    check.need("max_tokens" not in body or "max_completion_tokens" not in body,
               "Setting 'max_tokens' and 'max_completion_tokens' at the same time is "
               "not supported.", "max_tokens")
    for name in ("max_tokens", "max_completion_tokens"):
        if body.get(name) is not None:
            check.number(body[name], name, 1, 10**7, whole=True)
    if body.get("seed") is not None:
        check.number(body["seed"], "seed", -2**63, 2**63 - 1, whole=True)
    if isinstance(body.get("stop"), list):
        for stop in check.items(body["stop"], "stop", 1, 4):
            check.text(stop, "stop")
    if "stream" in body:
        check.typed(body["stream"], bool, "stream")
    if body.get("stream_options") is not None:
        check.need(body.get("stream"), "The 'stream_options' parameter is only allowed when 'stream' is enabled.", "stream_options")
        check.members(body["stream_options"], ["include_usage", "include_obfuscation"], [], "stream_options")
    check.need(not body.get("metadata") or body.get("store"), "The 'metadata' parameter is only allowed when 'store' is enabled.", "metadata")
    if body.get("response_format") is not None:
        form = body["response_format"]
        check.members(form, ["type", "json_schema"], ["type"], "response_format")
        if check.one_of(form["type"], FORMATS, "response_format.type") == "json_schema":
            check.members(form.get("json_schema"), ["name", "description", "schema", "strict"], ["name"], "response_format.json_schema")
            json_schema(form["json_schema"], "response_format.json_schema")
        if form["type"] == "json_object":
            check.need("json" in str(body["messages"]).lower(), "'messages' must contain the word 'json' in some form, to use 'response_format' of "
                       "type 'json_object'.", "messages")


def streamed(request):
    return request.body.get("stream") is True


def images(body):
    """The images of a request, as they came."""
    return [p["image_url"]["url"] for m in body["messages"] if isinstance(m.get("content"), list) for p in m["content"] if p["type"] == "image_url"]


def said(value):
    return value if isinstance(value, str) else "".join(p.get("text", "") for p in value or [])


def variables(request):
    body = request.body
    users = [m for m in body["messages"] if m["role"] == "user"]
    include = bool((body.get("stream_options") or {}).get("include_usage"))
    return {"model": body["model"], "id": f"chatcmpl-{request.number}", "echo": said(users[-1]["content"]) if users else "", "include_usage": include,
            "without": [] if include or not streamed(request) else ["usage"], "tools_asked": bool(body.get("tools")),
            "answered": any(m["role"] == "tool" for m in body["messages"]), "images": len(images(body)),
            "schema_asked": (body.get("response_format") or {}).get("type") == "json_schema"}
