"""models/X:generateContent and its kin (ai.google.dev/api/generate-content), and Imagen's models/X:predict (ai.google.dev/gemini-api/docs/imagen).
The API takes members in camelCase and in snake_case."""
import json
import re
import urllib.parse

import check

NAME = "gemini"
STATUSES = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND", 429: "RESOURCE_EXHAUSTED", 499: "CANCELLED",
            500: "INTERNAL", 503: "UNAVAILABLE", 504: "DEADLINE_EXCEEDED"}
KNOWN = "contents systemInstruction tools toolConfig safetySettings generationConfig cachedContent model store serviceTier".split()
GENERATION = """stopSequences responseMimeType responseSchema responseJsonSchema responseModalities candidateCount maxOutputTokens
temperature topP topK seed presencePenalty frequencyPenalty responseLogprobs logprobs thinkingConfig mediaResolution speechConfig
imageConfig""".split()
PART = ["text", "thought", "thoughtSignature", "inlineData", "functionCall", "functionResponse", "fileData"]
OPERATIONS = {"generateContent": "generate", "streamGenerateContent": "stream", "batchEmbedContents": "embed", "embedContent": "embed_one",
              "predict": "predict"}
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
RATIOS = "1:1 2:3 3:2 3:4 4:3 4:5 5:4 9:16 16:9 21:9".split()
PARAMETERS = """sampleCount aspectRatio imageSize sampleImageSize includeRaiReason personGeneration safetySetting guidanceScale language
outputOptions""".split()


def route(method, path, headers):
    found = re.search(r"/models/([^/]+):(\w+)$", path)
    if method == "POST" and found:
        return OPERATIONS.get(found[2])
    return "models" if method == "GET" and path.endswith("/v1beta/models") else None


def key(headers):
    return headers.get("x-goog-api-key")


def no_key():
    return check.Refuse("Method doesn't allow unregistered callers (callers without established identity). Please use API Key or other form of "
                        "identity to call this API.", status=403)


def wrong_key():
    return check.Refuse("API key not valid. Please pass a valid API key.", status=400, code="API_KEY_INVALID")


def problem(refuse):
    error = {"code": refuse.status, "message": refuse.message, "status": refuse.kind or STATUSES.get(refuse.status, "UNKNOWN")}
    if refuse.code:
        error["details"] = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": refuse.code, "domain": "googleapis.com"}]
    return {"error": error}


def frame(event):
    return b"data: " + json.dumps(event).encode() + b"\r\n\r\n"


def camel(value):
    """snake_case members as camelCase ones, except inside what is the caller's own: schemas, arguments, responses."""
    own = ("parameters", "parametersJsonSchema", "responseSchema", "responseJsonSchema", "args", "response")
    if isinstance(value, list):
        return [camel(v) for v in value]
    if not isinstance(value, dict):
        return value
    out = {}
    for k, v in value.items():
        k = re.sub(r"_(\w)", lambda m: m[1].upper(), k)
        out[k] = v if k in own else camel(v)
    return out


def members(value, known, needed, at=""):
    check.typed(value, dict, at or "body")
    for name in value:
        check.need(name in known, f"Invalid JSON payload received. Unknown name \"{name}\"{f' at {at!r}' if at else ''}: Cannot find field.")
    for name in needed:
        check.need(name in value, f"* {at}{'.' if at else ''}{name}: is not specified")
    return value


def part(p, at):
    members(p, PART, [], at)
    kinds = [k for k in PART if k in p and k not in ("thought", "thoughtSignature")]
    check.need(len(kinds) == 1, f"* {at}: required oneof field 'data' must have one initialized field")
    if kinds[0] == "text":
        check.text(p["text"], at + ".text", empty=True)
    elif kinds[0] == "inlineData":
        members(p["inlineData"], ["mimeType", "data", "displayName"], ["mimeType", "data"], at + ".inlineData")
        check.image_bytes(p["inlineData"]["data"], p["inlineData"]["mimeType"], at + ".inlineData.data")
    elif kinds[0] == "functionCall":
        members(p["functionCall"], ["id", "name", "args"], ["name"], at + ".functionCall")
        check.typed(p["functionCall"].get("args", {}), dict, at + ".functionCall.args")
    elif kinds[0] == "functionResponse":
        members(p["functionResponse"], ["id", "name", "response", "willContinue", "scheduling"], ["name", "response"], at + ".functionResponse")
        check.typed(p["functionResponse"]["response"], dict, at + ".functionResponse.response")
    return kinds[0]


def check_contents(body):
    calls, last = [], None
    for i, c in enumerate(check.items(body["contents"], "contents", 1)):
        at = f"contents[{i}]"
        members(c, ["role", "parts"], ["parts"], at)
        role = c.get("role", "user")
        check.need(role in ("user", "model"), "Please use a valid role: user, model.")
        kinds = [part(p, f"{at}.parts[{k}]") for k, p in enumerate(check.items(c["parts"], at + ".parts", 1))]
        responses = [p["functionResponse"]["name"] for p in c["parts"] if "functionResponse" in p]
        check.need(not responses or sorted(responses) == sorted(calls),
                   "Please ensure that the number of function response parts is equal to the number of "
                   "function call parts of the function call turn.")
        check.need(not calls or responses, "Please ensure that function response turn comes immediately after a function call turn.")
        calls = [p["functionCall"]["name"] for p in c["parts"] if "functionCall" in p]
        check.need(not calls or role == "model", "Function calls belong to the model's turns.")
        check.need(not calls or last == "user",
                   "Please ensure that function call turn comes immediately after a user turn or after a function response turn.")
        check.need("text" in kinds or "inlineData" in kinds or responses or calls, f"* {at}.parts: must not be empty")
        last = role
    check.need(not calls, "Please ensure that function response turn comes immediately after a function call turn.")


def check_tools(body):
    names = []
    for i, tool in enumerate(check.items(body.get("tools") or [], "tools")):
        members(tool, ["functionDeclarations", "googleSearch", "codeExecution", "urlContext"], [], f"tools[{i}]")
        for f in tool.get("functionDeclarations", []):
            members(f, ["name", "description", "parameters", "parametersJsonSchema", "response", "responseJsonSchema", "behavior"], ["name"],
                    "function_declarations")
            check.need(re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.:-]{0,63}", f["name"]), "Invalid function name.")
            check.need("parameters" not in f or "parametersJsonSchema" not in f, "parameters and parameters_json_schema exclude each other")
            if "parameters" in f:
                google_schema(f["parameters"], "parameters")
            names.append(f["name"])
    config = (body.get("toolConfig") or {}).get("functionCallingConfig")
    if config is not None:
        members(config, ["mode", "allowedFunctionNames"], [], "tool_config.function_calling_config")
        check.one_of(config.get("mode", "AUTO"), ["AUTO", "ANY", "NONE", "VALIDATED"], "mode")
        check.need(set(config.get("allowedFunctionNames", [])) <= set(names), "allowed_function_names must be declared")
        check.need(not config.get("allowedFunctionNames") or config.get("mode") in ("ANY", "VALIDATED"), "allowed_function_names needs mode ANY")


SCHEMA = """type format title description nullable enum maxItems minItems properties required minProperties maxProperties minLength maxLength pattern
example anyOf propertyOrdering default items minimum maximum""".split()


def google_schema(schema, at):
    """The subset of OpenAPI's schema that `parameters` and `responseSchema` take; JSON Schema has members of its own."""
    members(schema, SCHEMA, [], at)
    if "type" in schema:
        check.one_of(str(schema["type"]).upper(), ["STRING", "NUMBER", "INTEGER", "BOOLEAN", "ARRAY", "OBJECT", "NULL"], at + ".type")
    for p in [*schema.get("properties", {}).values(), *schema.get("anyOf", []), *([schema["items"]] if "items" in schema else [])]:
        google_schema(p, at)


def check_image_config(config, model):
    members(config, ["aspectRatio", "imageSize", "personGeneration"], [], "image_config")
    check.one_of(config.get("aspectRatio", "1:1"), RATIOS, "aspect_ratio")
    check.need("imageSize" not in config or not model.startswith("gemini-2"), "image_size is not supported by this model")
    check.one_of(config.get("imageSize", "1K"), ["512", "1K", "2K", "4K"], "image_size")  # a small k is refused here


def check_predict(body, model):
    members(body, ["instances", "parameters"], ["instances"])
    check.need(len(check.items(body["instances"], "instances", 1)) == 1, "Only one instance is supported.")
    members(body["instances"][0], ["prompt"], ["prompt"], "instances[0]")
    check.text(body["instances"][0]["prompt"], "instances[0].prompt")
    parameters = members(body.get("parameters", {}), PARAMETERS, [], "parameters")
    check.number(parameters.get("sampleCount", 4), "sampleCount", 1, 4, whole=True)
    check.one_of(parameters.get("aspectRatio", "1:1"), ["1:1", "3:4", "4:3", "9:16", "16:9"], "aspectRatio")
    sizes = [parameters[name] for name in ("imageSize", "sampleImageSize") if name in parameters]
    check.need(not sizes or not ("-fast" in model or model.startswith("imagen-3")), "imageSize is not supported by this model")
    for size in sizes:
        check.one_of(size, ["1k", "2k", "1K", "2K"], "imageSize")


def draws(request):
    return "IMAGE" in ((request.body.get("generationConfig") or {}).get("responseModalities") or [])


def check_generation(config, model):
    members(config, GENERATION, [], "generation_config")
    for modality in check.items(config.get("responseModalities") or [], "response_modalities"):
        check.one_of(modality, ["TEXT", "IMAGE", "AUDIO"], "response_modalities")
    check_image_config(config.get("imageConfig") or {}, model)
    for name, low, high in (("temperature", 0, 2), ("topP", 0, 1)):
        if config.get(name) is not None:
            check.number(config[name], name, low, high)
    for name, low in (("maxOutputTokens", 1), ("seed", -2**31), ("topK", 1)):
        if config.get(name) is not None:
            check.number(config[name], name, low, 2**31 - 1, whole=True)
    check.items(config.get("stopSequences") or [], "stopSequences", 0, 5)
    mime = config.get("responseMimeType", "text/plain")
    check.one_of(mime, ["text/plain", "application/json", "text/x.enum"], "response_mime_type")
    asked = [n for n in ("responseSchema", "responseJsonSchema") if n in config]
    check.need(len(asked) < 2, "response_schema and response_json_schema exclude each other")
    check.need(not asked or mime != "text/plain", "Function calling with a response mime type: response_schema needs 'application/json'")
    if "responseSchema" in config:
        google_schema(config["responseSchema"], "response_schema")


def check_request(request):
    check.need("key" not in request.query, "The key is in the address.")
    if request.operation == "models":
        return
    request.model = urllib.parse.unquote(re.search(r"/models/([^/]+):\w+$", request.path)[1])
    request.body = body = camel(request.body)
    if request.operation == "embed":
        members(body, ["requests"], ["requests"])
        for i, one in enumerate(check.items(body["requests"], "requests", 1, 100)):
            members(one, ["model", "content", "taskType", "title", "outputDimensionality"], ["model", "content"], f"requests[{i}]")
            check.need(one["model"] == "models/" + request.model, "* BatchEmbedContentsRequest.model: must match the request's")
            check.need(all(isinstance(p.get("text"), str) and p["text"] for p in check.items(one["content"].get("parts"), "parts", 1)),
                       "content is empty")
        return
    if request.operation == "predict":
        return check_predict(body, request.model)
    members(body, KNOWN, ["contents"])
    check.need(body.get("model", "models/" + request.model) == "models/" + request.model, "model does not match")
    check_contents(body)
    if body.get("systemInstruction") is not None:
        members(body["systemInstruction"], ["role", "parts"], ["parts"], "system_instruction")
        for p in check.items(body["systemInstruction"]["parts"], "system_instruction.parts", 1):
            check.text(p.get("text"), "system_instruction.parts.text")
    check_tools(body)
    check_generation(body.get("generationConfig") or {}, request.model)
    if draws(request):
        request.operation = "draw"


def streamed(request):
    return request.operation == "stream" and request.query.get("alt") == "sse"


def images(body):
    return [p["inlineData"]["data"] for c in body["contents"] for p in c["parts"] if "inlineData" in p]


def variables(request):
    if request.operation == "models":
        return {}
    if request.operation == "embed":
        from vendors.openai_more import vector
        return {"model": request.model, "embeddings": [{"values": vector("".join(p["text"] for p in r["content"]["parts"]),
                                                                         r.get("outputDimensionality") or 8)}
                                                       for r in request.body["requests"]]}
    body = request.body
    if request.operation == "predict":
        image = {"mimeType": "image/png", "bytesBase64Encoded": PNG, "prompt": body["instances"][0]["prompt"] + ", in detail"}
        return {"model": request.model, "predictions": [image] * body.get("parameters", {}).get("sampleCount", 4)}
    users = [c for c in body["contents"] if c.get("role", "user") == "user" and any("text" in p for p in c["parts"])]
    config = body.get("generationConfig") or {}
    return {"model": request.model, "png": PNG, "id": f"resp-{request.number}",
            "echo": "".join(p.get("text", "") for p in users[-1]["parts"]) if users else "",
            "tools_asked": bool(body.get("tools")), "images": len(images(body)),
            "answered": any("functionResponse" in p for c in body["contents"] for p in c["parts"]),
            "schema_asked": config.get("responseMimeType") == "application/json"}
