"""What the OpenAI calls share: the key, the error object, tools, event frames."""
import json

import check

FORMATS = ("text", "json_object", "json_schema")


def key(headers):
    return check.bearer(headers) or headers.get("api-key") or headers.get("x-api-key")


def problem(refuse):
    kind = refuse.kind or ("invalid_request_error" if refuse.status < 500 else "server_error")
    return {"error": {"message": refuse.message, "type": kind, "param": refuse.param, "code": refuse.code}}


def wrong_key():
    return check.Refuse("Incorrect API key provided.", status=401, code="invalid_api_key")


def no_key():
    return check.Refuse("You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth.", status=401)


def frame(event):
    """Chunks have no name; the events of the Responses API carry theirs in `type`."""
    if isinstance(event, str):
        return f"data: {event}\n\n".encode()
    name = f"event: {event['type']}\n" if "type" in event else ""
    return f"{name}data: {json.dumps(event)}\n\n".encode()


def function(value, name):
    """{name, description?, parameters?, strict?} of a tool."""
    check.text(value.get("name"), name + ".name")
    check.need(all(c.isalnum() or c in "_-" for c in value["name"]) and len(value["name"]) <= 64, f"Invalid '{name}.name'.", name)
    if value.get("parameters") is not None:
        check.schema(value["parameters"], name + ".parameters")
    if value.get("strict"):
        check.need(value.get("parameters", {}).get("additionalProperties") is False,
                   f"Invalid schema for function '{value['name']}': 'additionalProperties' is required to be supplied and to be false.", name)


def json_schema(value, name):
    """{name, schema, strict?, description?} of a response format."""
    check.text(value.get("name"), name + ".name")
    check.need("schema" in value, f"Missing required parameter: '{name}.schema'.", name + ".schema")
    check.schema(value["schema"], name + ".schema")
    if value.get("strict"):
        strict_object(value["schema"], name)


def strict_object(schema, name):
    """Structured outputs: every object closed, every property required."""
    if not isinstance(schema, dict):
        return
    if schema.get("type") == "object":
        check.need(schema.get("additionalProperties") is False, f"Invalid schema for response_format '{name}': 'additionalProperties' is required "
                   "to be supplied and to be false.", name)
        check.need(sorted(schema.get("required", [])) == sorted(schema.get("properties", {})), f"Invalid schema for response_format '{name}': "
                   "'required' is required to be supplied and to be an array including every key in properties.", name)
    for part in [*schema.get("properties", {}).values(), schema.get("items")]:
        strict_object(part, name)


def image_url(url, name):
    check.text(url, name)
    if url.startswith("data:"):
        head, _, data = url[5:].partition(",")
        check.need(head.endswith(";base64"), f"Invalid '{name}': expected a base64-encoded data URL.", name, code="invalid_image_url")
        check.image_bytes(data, head[:-7], name)
    else:
        check.need(url.startswith(("https://", "http://")), f"Invalid '{name}': not a URL.", name, code="invalid_image_url")


def sampling(body):
    for name, low, high in (("temperature", 0, 2), ("top_p", 0, 1), ("frequency_penalty", -2, 2), ("presence_penalty", -2, 2)):
        if body.get(name) is not None:
            check.number(body[name], name, low, high)
    for name in ("user", "safety_identifier"):
        if body.get(name) is not None:
            check.user_hash(body[name], name)
    if body.get("metadata") is not None:
        check.metadata(body["metadata"])
