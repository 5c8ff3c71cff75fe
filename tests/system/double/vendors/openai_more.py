"""POST …/embeddings, POST …/images/generations and GET …/models: platform.openai.com/docs/api-reference."""
import base64
import hashlib
import struct

import check
from vendors.openai_common import frame, key, no_key, problem, wrong_key  # noqa: F401

NAME = "openai"


def route(method, path, headers):
    if method == "POST" and path.endswith("/embeddings"):
        return "embeddings"
    if method == "POST" and path.endswith("/images/generations"):
        return "images"
    if method == "GET" and path.endswith("/models") and "anthropic-version" not in headers and "/v1beta" not in path:
        return "models"
    return None


def vector(text, n):
    """Numbers that a text always gets, each exact in 32 bits."""
    seed = hashlib.sha256(text.encode()).digest()
    return [(seed[i % 32] + i // 32 - 128) / 128 for i in range(n)]


# model → what it takes, besides model, prompt, user and n. "*" stands for a compatible server's.
IMAGE_MODELS = {
    "dall-e-3": {"size": ["1024x1024", "1792x1024", "1024x1792"], "quality": ["standard", "hd"], "style": ["vivid", "natural"],
                 "response_format": ["url", "b64_json"]},
    "dall-e-2": {"size": ["256x256", "512x512", "1024x1024"], "response_format": ["url", "b64_json"]},
    "gpt-image": {"size": ["auto", "1024x1024", "1536x1024", "1024x1536"], "quality": ["auto", "low", "medium", "high"],
                  "output_format": ["png", "jpeg", "webp"], "background": ["auto", "transparent", "opaque"], "moderation": ["auto", "low"]},
    "*": {"size": ["1024x1024", "1536x1024", "1024x1536"], "quality": ["auto", "low", "medium", "high"], "response_format": ["url", "b64_json"]},
}


def check_images(body, more=(), model=None):
    """`model` where the body does not name it."""
    family = next((name for name in IMAGE_MODELS if name in (model or body.get("model", ""))), "*")
    check.members(body, ["model", "prompt", "user", "n", *IMAGE_MODELS[family], *more], ["prompt"] if model else ["model", "prompt"])
    check.text(body["prompt"], "prompt")
    if "model" in body:
        check.text(body["model"], "model")
    if body.get("user") is not None:
        check.user_hash(body["user"], "user")
    check.number(body.get("n", 1), "n", 1, 1 if family == "dall-e-3" else 10, whole=True)
    for name, words in IMAGE_MODELS[family].items():
        if body.get(name) is not None:
            check.one_of(body[name], words, name)


def check_request(request):
    if request.operation == "models":
        return
    if request.operation == "images":
        return check_images(request.body, request.more_members)
    check_vectors(request)


def check_vectors(request):
    body = check.members(request.body, ["input", "model", "encoding_format", "dimensions", "user", *request.more_members], ["input", "model"])
    check.text(body["model"], "model")
    if isinstance(body["input"], list):
        for one in check.items(body["input"], "input", 1, 2048):
            check.text(one, "input")
    else:
        check.text(body["input"], "input")
    if body.get("dimensions") is not None:
        check.number(body["dimensions"], "dimensions", 1, 4096, whole=True)
    if body.get("user") is not None:
        check.user_hash(body["user"], "user")
    check.one_of(body.get("encoding_format", "float"), ["float", "base64"], "encoding_format")


def streamed(request):
    return False


def variables(request):
    if request.operation == "models":
        return {}
    if request.operation == "images":
        return image_variables(request)
    return vector_variables(request)


PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def image_variables(request):
    """n images; at an address of the double where that is asked for, and it is dall-e's default."""
    body = request.body
    named = body.get("model") or request.path
    dall_e = "dall-e" in named
    at_address = body.get("response_format", "url" if dall_e else "b64_json") == "url"
    image = {"url": f"{request.server.root}/made/{request.number}.png"} if at_address else {"b64_json": PNG}
    if "dall-e-3" in named:
        image["revised_prompt"] = f"{body['prompt']} In watercolours."
    usage = {"input_tokens": 11, "output_tokens": 568, "total_tokens": 579, "input_tokens_details": {"text_tokens": 11, "image_tokens": 0}}
    return {"model": named, "images": [image] * body.get("n", 1),
            "usage": usage if "gpt-image" in named else None}


def vector_variables(request):
    texts = request.body["input"] if isinstance(request.body["input"], list) else [request.body["input"]]
    n = request.body.get("dimensions") or 8
    vectors = [vector(t, n) for t in texts]
    if request.body.get("encoding_format") == "base64":
        vectors = [base64.b64encode(struct.pack(f"<{n}f", *v)).decode() for v in vectors]
    return {"model": request.body.get("model"), "embeddings": [{"object": "embedding", "index": i, "embedding": v} for i, v in enumerate(vectors)]}
