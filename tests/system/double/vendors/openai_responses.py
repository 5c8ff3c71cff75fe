"""The Responses API with its memory: platform.openai.com/docs/api-reference/responses."""
import re
import time
import urllib.parse

import check
from vendors.openai_common import FORMATS, frame, function, image_url, json_schema, key, no_key, problem, sampling, wrong_key  # noqa: F401

NAME = "openai_responses"
KNOWN = """background conversation include input instructions max_output_tokens max_tool_calls metadata model parallel_tool_calls
previous_response_id prompt prompt_cache_key prompt_cache_retention reasoning safety_identifier service_tier store stream stream_options
temperature text tool_choice tools top_logprobs top_p truncation user""".split()
PARTS = {"user": ("input_text", "input_image", "input_file"), "system": ("input_text",), "developer": ("input_text",),
         "assistant": ("output_text", "refusal")}


def route(method, path, headers):
    if method == "POST" and path.endswith("/responses"):
        return "responses"
    found = re.search(r"/responses/([^/]+)(/input_items)?$", path)
    if found and method == "GET":
        return "input_items" if found[2] else "retrieve"
    return "delete" if found and method == "DELETE" and not found[2] else None


def message(item, at):
    role = check.one_of(item.get("role"), list(PARTS), at + ".role")
    check.members(item, ["type", "role", "content", "id", "status"], ["role", "content"], at)
    if isinstance(item["content"], str):
        return
    for i, part in enumerate(check.items(item["content"], at + ".content", 1)):
        name = f"{at}.content[{i}]"
        check.typed(part, dict, name)
        kind = check.one_of(part.get("type"), PARTS[role], name + ".type")
        if kind in ("input_text", "output_text"):
            check.text(part.get("text"), name + ".text", empty=True)
        if kind == "input_image":
            check.members(part, ["type", "image_url", "detail", "file_id"], ["image_url"], name)
            image_url(part["image_url"], name + ".image_url")


def check_items(request, before):
    """`before`: the items of the thread up to here. Each output answers a call, each call has its output."""
    calls = {i["call_id"] for i in before if i["type"] == "function_call"}
    answered = {i["call_id"] for i in before if i["type"] == "function_call_output"}
    for i, item in enumerate(as_items(request.body["input"])):
        at = f"input[{i}]"
        kind = item.get("type", "message")
        if kind == "message":
            message(item, at)
        elif kind == "function_call":
            check.members(item, ["type", "id", "call_id", "name", "arguments", "status"], ["call_id", "name", "arguments"], at)
            check.text(item["arguments"], at + ".arguments", empty=True)
            calls.add(check.text(item["call_id"], at + ".call_id"))
        elif kind == "function_call_output":
            check.members(item, ["type", "id", "call_id", "output", "status"], ["call_id", "output"], at)
            check.text(item["output"], at + ".output", empty=True)
            check.need(item["call_id"] in calls, f"No tool call found for function call output with call_id {item['call_id']}.", "input")
            answered.add(item["call_id"])
        else:
            check.need(kind in ("reasoning", "item_reference"), f"Invalid value: '{kind}'.", at + ".type", code="invalid_value")
    for missing in calls - answered:
        check.need(False, f"No tool output found for function call {missing}.", "input")


def as_items(given):
    return [{"type": "message", "role": "user", "content": given}] if isinstance(given, str) else given


def check_tools(body):
    names = []
    for i, tool in enumerate(check.items(body.get("tools") or [], "tools", 0, 128)):
        check.members(tool, ["type", "name", "description", "parameters", "strict"], ["type", "name", "parameters"], f"tools[{i}]")
        check.one_of(tool["type"], ["function"], f"tools[{i}].type")
        function(tool, f"tools[{i}]")
        names.append(tool["name"])
    choice = body.get("tool_choice")
    if isinstance(choice, dict):
        check.members(choice, ["type", "name"], ["type", "name"], "tool_choice")
        check.need(choice["type"] == "function" and choice["name"] in names, f"Tool choice '{choice['name']}' not found in 'tools' parameter.",
                   "tool_choice")
    elif choice is not None:
        check.one_of(choice, ["none", "auto", "required"], "tool_choice")


def check_request(request):
    memory = request.server.memory
    if request.operation != "responses":
        name = urllib.parse.unquote(re.search(r"/responses/([^/]+)", request.path)[1])
        check.need(name in memory, f"Response with id '{name}' not found.", status=404)
        request.response_id = name
        return
    body = check.members(request.body, KNOWN, ["model", "input"])
    check.text(body["model"], "model")
    check.typed(body["input"], (str, list), "input")
    check.need(body["input"], "Invalid 'input': empty.", "input")
    previous = body.get("previous_response_id")
    check.need(not previous or previous in memory, f"Previous response with id '{previous}' not found.", "previous_response_id",
               code="previous_response_not_found")
    check_items(request, thread(memory, previous))
    check_tools(body)
    sampling(body)
    if body.get("max_output_tokens") is not None:
        check.number(body["max_output_tokens"], "max_output_tokens", 16, 10**7, whole=True)
    if body.get("instructions") is not None:
        check.text(body["instructions"], "instructions")
    for name in ("stream", "store", "parallel_tool_calls"):
        if body.get(name) is not None:
            check.typed(body[name], bool, name)
    form = (body.get("text") or {}).get("format")
    if form is not None:
        check.members(form, ["type", "name", "description", "schema", "strict"], ["type"], "text.format")
        if check.one_of(form["type"], FORMATS, "text.format.type") == "json_schema":
            json_schema(form, "text.format")


def streamed(request):
    return request.operation == "responses" and request.body.get("stream") is True


def thread(memory, name):
    """All items up to a response, oldest first."""
    if not name or name not in memory:
        return []
    kept = memory[name]
    return thread(memory, kept["response"]["previous_response_id"]) + kept["input"] + kept["response"]["output"]


def said(content):
    return content if isinstance(content, str) else "".join(p.get("text", "") for p in content)


def images(body):
    return [p["image_url"] for i in as_items(body["input"]) if isinstance(i.get("content"), list) for p in i["content"] if p["type"] == "input_image"]


def variables(request):
    memory = request.server.memory
    if request.operation == "retrieve":
        return {"kept": memory[request.response_id]["response"]}
    if request.operation == "delete":
        del memory[request.response_id]
        return {"kept": {"id": request.response_id, "object": "response", "deleted": True}}
    if request.operation == "input_items":
        return {"kept": page(memory[request.response_id]["input"], request.query)}
    body = request.body
    given = as_items(body["input"])
    users = [i for i in thread(memory, body.get("previous_response_id")) + given if i.get("role") == "user"]
    echoes = {name: body.get(name) for name in ("previous_response_id", "instructions", "max_output_tokens", "metadata", "user")}
    return {"model": body["model"], "id": f"resp_{request.number:024x}", "item": f"msg_{request.number:024x}", "now": int(time.time()), **echoes,
            "tools": body.get("tools") or [], "tool_choice": body.get("tool_choice") or "auto", "temperature": body.get("temperature", 1.0),
            "top_p": body.get("top_p", 1.0), "text_format": body.get("text") or {"format": {"type": "text"}},
            "store": body.get("store", True) is not False,
            "echo": said(users[-1]["content"]) if users else "", "tools_asked": bool(body.get("tools")), "images": len(images(body)),
            "answered": any(i.get("type") == "function_call_output" for i in given),
            "schema_asked": (body.get("text") or {}).get("format", {}).get("type") == "json_schema"}


def remember(request, answer):
    """Kept unless store is false: the answer, and its input as items with ids."""
    if request.operation != "responses" or request.body.get("store") is False:
        return
    items = []
    for i, item in enumerate(as_items(request.body["input"])):
        item = {"type": "message", **item, "id": f"in_{request.number:x}_{i}"}
        if item["type"] == "message":
            if isinstance(item["content"], str):
                item["content"] = [{"type": "output_text" if item["role"] == "assistant" else "input_text", "text": item["content"]}]
            item["status"] = "completed"
        items.append(item)
    request.server.memory[answer["id"]] = {"response": answer, "input": items}


def page(items, query):
    """Newest first unless order=asc; 20 a page unless limit says otherwise."""
    order, limit, after = query.get("order", "desc"), int(query.get("limit", 20)), query.get("after")
    check.one_of(order, ["asc", "desc"], "order")
    check.need(1 <= limit <= 100, "Invalid 'limit'.", "limit")
    items = items if order == "asc" else items[::-1]
    if after:
        ids = [i["id"] for i in items]
        check.need(after in ids, f"No item with id '{after}' found.", "after")
        items = items[ids.index(after) + 1:]
    some = items[:limit]
    return {"object": "list", "data": some, "first_id": some[0]["id"] if some else None, "last_id": some[-1]["id"] if some else None,
            "has_more": len(items) > limit}
