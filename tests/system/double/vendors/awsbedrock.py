"""model/ID/converse, converse-stream and invoke, foundation-models, inference-profiles: docs.aws.amazon.com/bedrock/latest/APIReference. Each
request must be signed (or carry an API key): the server's `api_key` is the secret access key, or that API key."""
import re
import urllib.parse

import aws
import check

NAME = "awsbedrock"
STREAM_TYPE = "application/vnd.amazon.eventstream"
BINARY = True
TYPES = {400: "ValidationException", 403: "AccessDeniedException", 404: "ResourceNotFoundException", 408: "ModelTimeoutException",
         424: "ModelErrorException", 429: "ThrottlingException", 500: "InternalServerException", 503: "ServiceUnavailableException"}
KNOWN = """messages system inferenceConfig toolConfig guardrailConfig additionalModelRequestFields promptVariables
additionalModelResponseFieldPaths requestMetadata performanceConfig serviceTier outputConfig""".split()
IMAGES = {"png": "image/png", "jpeg": "image/jpeg", "gif": "image/gif", "webp": "image/webp"}
SIZES = {"nova": {(1024, 1024), (1024, 592), (592, 1024), (1792, 1792), (1792, 1024), (1024, 1792)},
         "titan": {(768, 768), (1173, 640), (384, 704), (1024, 1024), (768, 1408)}}
RATIOS = "16:9 1:1 21:9 2:3 3:2 4:5 5:4 9:16 9:21".split()


def model_of(path):
    return urllib.parse.unquote(re.search(r"/model/([^/]+)/[a-z-]+$", path)[1])


def route(method, path, headers):
    found = re.search(r"/model/([^/]+)/(converse|converse-stream|invoke)$", path)
    if method == "POST" and found:
        model = urllib.parse.unquote(found[1])
        made = "embed" if ".embed" in model or "titan-embed" in model else "make_image"
        return {"converse": "converse", "converse-stream": "converse_stream"}.get(found[2], made)
    return {"foundation-models": "models", "inference-profiles": "profiles"}.get(path.rpartition("/")[2]) if method == "GET" else None


# ---- keys ----
def check_key(request, target, secret, head, raw):
    """A signature over all that AWS wants signed, made less than five minutes ago; or an API key. The secret itself is sent nowhere."""
    authorization, bearer = request.headers.get("authorization"), check.bearer(request.headers)
    if authorization is None:
        raise check.Refuse("Missing Authentication Token", status=403)
    if secret and len(secret) >= 8 and (secret.encode() in raw or head.count(secret) > (1 if bearer else 0)):
        raise check.Refuse("The key stands elsewhere too.")
    if bearer is not None:
        check.need(secret is None or bearer == secret, "Authentication failed: Please make sure your API Key is valid.", status=403)
        return
    try:
        aws.verify(request.method, target, request.headers, raw, "bedrock", secret)
    except aws.WrongSignature as wrong:
        raise check.Refuse(str(wrong), status=403) from None


def problem(refuse):
    return {"message": refuse.message}


def fault_headers(status):
    return [f"x-amzn-ErrorType: {TYPES.get(status, 'InternalServerException')}:http://internal.amazon.com/coral/com.amazon.bedrock/"]


# ---- streams ----
def frame(event):
    (kind, name), value = next((k, v) for k, v in event.items() if k != "data"), event["data"]
    return (aws.exception if kind == "exception" else aws.event)(name, value)


def broken_frame():
    """A message whose checksum is wrong."""
    return aws.event("messageStop", {"stopReason": "end_turn"})[:-1] + b"\0"


# ---- requests ----
def members(value, known, needed, at="#"):
    check.typed(value, dict, at)
    for name in value:
        check.need(name in known, f"Malformed input request: {at}: extraneous key [{name}] is not permitted, please reformat your input and try again.")
    for name in needed:
        check.need(name in value, f"Malformed input request: {at}: required key [{name}] not found, please reformat your input and try again.")
    return value


def words(text, at):
    check.typed(text, str, at)
    check.need(text.strip(), f"The text field in the ContentBlock object at {at} is blank. Add text to the text field, and try again.")


def identifier(text, at):
    check.need(isinstance(text, str) and re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", text), f"Value at '{at}' failed to satisfy constraint: Member must satisfy "
               "regular expression pattern: [a-zA-Z0-9_-]+")
    return text


def union(value, known, at):
    """An object with exactly one of the known members; (its name, its value)."""
    members(value, known, [], at)
    check.need(len(value) == 1, f"Malformed input request: {at}: exactly one subtype must match")
    return next(iter(value.items()))


def block(value, role, at):
    kinds = ["text", "image", "toolResult", "cachePoint"] if role == "user" else ["text", "toolUse", "reasoningContent", "cachePoint"]
    kind, inner = union(value, kinds, at)
    if kind == "text":
        words(inner, at)
    elif kind == "image":
        members(inner, ["format", "source"], ["format", "source"], at)
        check.one_of(inner["format"], list(IMAGES), at + ".format")
        check.image_bytes(union(inner["source"], ["bytes"], at)[1], IMAGES[inner["format"]], at + ".source.bytes")
    elif kind == "toolUse":
        members(inner, ["toolUseId", "name", "input"], ["toolUseId", "name", "input"], at)
        identifier(inner["toolUseId"], at + ".toolUseId")
        identifier(inner["name"], at + ".name")
        check.typed(inner["input"], dict, at + ".input")
    elif kind == "toolResult":
        members(inner, ["toolUseId", "content", "status"], ["toolUseId", "content"], at)
        for part in check.items(inner["content"], at + ".content"):
            if union(part, ["text", "json", "image"], at)[0] == "text":
                words(part["text"], at)
    elif kind == "cachePoint":
        check.need(inner == {"type": "default"}, f"{at}: a cache point is of the type default")
    return kind


def inner_blocks(message, kind):
    return [b[kind] for b in message["content"] if kind in b]


def check_messages(body):
    calls, last = [], None
    for i, m in enumerate(check.items(body["messages"], "messages", 1)):
        at = f"messages.{i}"
        members(m, ["role", "content"], ["role", "content"], at)
        role = check.one_of(m["role"], ["user", "assistant"], at + ".role")
        check.need(i > 0 or role == "user", "A conversation must start with a user message. Try again with a conversation that starts with a user message.")
        check.need(role != last, f"A conversation must alternate between user and assistant roles. Make sure the conversation alternates ({at}).")
        last = role
        for k, b in enumerate(check.items(m["content"], at + ".content", 1)):
            block(b, role, f"{at}.content.{k}")
        results = [r["toolUseId"] for r in inner_blocks(m, "toolResult")]
        check.need(sorted(results) == sorted(calls), f"Expected toolResult blocks at {at}.content for the following Ids: {', '.join(calls)}, but found: "
                   f"{', '.join(results)}")
        calls = [u["toolUseId"] for u in inner_blocks(m, "toolUse")]
        check.need(len(set(calls)) == len(calls), f"{at} has two calls with one id")
    check.need(last == "user", "A conversation must end with a user message.")


def check_tools(body):
    config = body.get("toolConfig")
    used = any("toolUse" in b or "toolResult" in b for m in body["messages"] for b in m["content"])
    check.need(config is not None or not used, "The toolConfig field must be defined when using toolUse and toolResult content blocks.")
    if config is None:
        return
    members(config, ["tools", "toolChoice"], ["tools"], "toolConfig")
    names = []
    for i, tool in enumerate(check.items(config["tools"], "toolConfig.tools", 1)):
        at = f"toolConfig.tools.{i}.toolSpec"
        spec = union(tool, ["toolSpec"], at)[1]
        members(spec, ["name", "description", "inputSchema", "strict"], ["name", "inputSchema"], at)
        names.append(identifier(spec["name"], at + ".name"))
        check.text(spec.get("description", "x"), at + ".description")
        check.schema(union(spec["inputSchema"], ["json"], at)[1], at + ".inputSchema.json")
    check.need(len(set(names)) == len(names), "toolConfig.tools: names must be unique")
    if "toolChoice" in config:
        kind, inner = union(config["toolChoice"], ["auto", "any", "tool"], "toolConfig.toolChoice")
        check.need(inner.get("name") in names if kind == "tool" else inner == {}, "toolConfig.toolChoice names no tool")


def check_inference(config):
    members(config, ["maxTokens", "temperature", "topP", "stopSequences"], [], "inferenceConfig")
    for name in ("temperature", "topP"):
        if name in config:
            check.number(config[name], "inferenceConfig." + name, 0, 1)
    if "maxTokens" in config:
        check.number(config["maxTokens"], "inferenceConfig.maxTokens", 1, 10**6, whole=True)
    for stop in check.items(config.get("stopSequences", []), "inferenceConfig.stopSequences", 0, 2500):
        check.text(stop, "inferenceConfig.stopSequences")


def check_converse(body):
    members(body, KNOWN, ["messages"])
    for i, part in enumerate(check.items(body.get("system", []), "system")):
        if union(part, ["text", "cachePoint", "guardContent"], f"system.{i}")[0] == "text":
            words(part["text"], f"system.{i}")
    check_messages(body)
    check_tools(body)
    check_inference(body.get("inferenceConfig", {}))
    form = body.get("outputConfig", {}).get("textFormat")
    if form is not None:
        members(form, ["type", "structure"], ["type", "structure"], "outputConfig.textFormat")
        check.typed(form["structure"]["jsonSchema"]["schema"], str, "outputConfig.textFormat.structure.jsonSchema.schema")


def check_embed(request):
    body = request.body
    if "titan-embed" in request.model:
        members(body, ["inputText", "dimensions", "normalize", "embeddingTypes"], ["inputText"])
        check.text(body["inputText"], "inputText")
        check.number(body.get("dimensions", 8), "dimensions", 1, 1024, whole=True)
        return
    members(body, ["texts", "input_type", "truncate", "embedding_types", "output_dimension"], ["texts", "input_type"])
    for text in check.items(body["texts"], "texts", 1, 96):
        check.text(text, "texts")
    check.one_of(body["input_type"], ["search_document", "search_query", "classification", "clustering"], "input_type")


def check_image(request):
    body = request.body
    if "stability." in request.model:
        members(body, ["prompt", "aspect_ratio", "negative_prompt", "seed", "mode", "output_format"], ["prompt"])
        check.one_of(body.get("aspect_ratio", "1:1"), RATIOS, "aspect_ratio")
        return check.text(body["prompt"], "prompt")
    members(body, ["taskType", "textToImageParams", "imageGenerationConfig"], ["taskType", "textToImageParams"])
    check.one_of(body["taskType"], ["TEXT_IMAGE"], "taskType")
    members(body["textToImageParams"], ["text", "negativeText", "style"], ["text"], "textToImageParams")
    check.need(len(check.text(body["textToImageParams"]["text"], "text")) <= 1024, "text is longer than 1024")
    config = members(body.get("imageGenerationConfig", {}), ["numberOfImages", "width", "height", "quality", "cfgScale", "seed"], [],
                     "imageGenerationConfig")
    check.number(config.get("numberOfImages", 1), "numberOfImages", 1, 5, whole=True)
    check.one_of(config.get("quality", "standard"), ["standard", "premium"], "quality")
    family = "titan" if "titan" in request.model else "nova"
    check.need((config.get("width", 1024), config.get("height", 1024)) in SIZES[family], f"{family} has no images of this size")


def check_request(request):
    if request.operation in ("models", "profiles"):
        return
    request.model = model_of(request.path)
    check.need(re.fullmatch(r"[a-zA-Z0-9:._/-]{1,2048}", request.model), "The provided model identifier is invalid.")
    {"embed": check_embed, "make_image": check_image}.get(request.operation, lambda r: check_converse(r.body))(request)


# ---- answers ----
def streamed(request):
    return request.operation == "converse_stream"


def vectors(request):
    from vendors.openai_more import vector
    body = request.body
    if "inputText" in body:
        return {"embedding": vector(body["inputText"], body.get("dimensions", 8)), "inputTextTokenCount": len(body["inputText"].split())}
    return {"id": f"e{request.number}", "response_type": "embeddings_floats", "texts": body["texts"],
            "embeddings": [vector(t, body.get("output_dimension", 8)) for t in body["texts"]]}


def pictures(request):
    body = request.body
    config = body.get("imageGenerationConfig", {})
    if "prompt" in body:
        return {"images": [aws.picture(64, 64)], "seeds": [7], "finish_reasons": [None]}
    return {"images": [aws.picture(config.get("width", 1024), config.get("height", 1024)) for _ in range(config.get("numberOfImages", 1))],
            "error": None}


def variables(request):
    if request.operation in ("models", "profiles"):
        return {}
    if request.operation == "embed":
        return {"vectors": vectors(request)}
    if request.operation == "make_image":
        return {"pictures": pictures(request)}
    body = request.body
    users = [m for m in body["messages"] if m["role"] == "user"]
    return {"model": request.model, "echo": "".join(inner_blocks(users[-1], "text")), "tools_asked": "toolConfig" in body,
            "images": sum(len(inner_blocks(m, "image")) for m in body["messages"]),
            "answered": any(inner_blocks(m, "toolResult") for m in body["messages"]), "schema_asked": "outputConfig" in body}
