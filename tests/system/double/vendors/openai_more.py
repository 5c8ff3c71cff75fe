"""POST …/embeddings and GET …/models: platform.openai.com/docs/api-reference."""
import base64
import hashlib
import struct

import check
from vendors.openai_common import frame, key, no_key, problem, wrong_key  # noqa: F401

NAME = "openai"


def route(method, path, headers):
    if method == "POST" and path.endswith("/embeddings"):
        return "embeddings"
    if method == "GET" and path.endswith("/models") and "anthropic-version" not in headers and "/v1beta" not in path:
        return "models"
    return None


def vector(text, n):
    """Numbers that a text always gets, each exact in 32 bits."""
    seed = hashlib.sha256(text.encode()).digest()
    return [(seed[i % 32] + i // 32 - 128) / 128 for i in range(n)]


def check_request(request):
    if request.operation == "models":
        return
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
    texts = request.body["input"] if isinstance(request.body["input"], list) else [request.body["input"]]
    n = request.body.get("dimensions") or 8
    vectors = [vector(t, n) for t in texts]
    if request.body.get("encoding_format") == "base64":
        vectors = [base64.b64encode(struct.pack(f"<{n}f", *v)).decode() for v in vectors]
    return {"model": request.body["model"], "embeddings": [{"object": "embedding", "index": i, "embedding": v} for i, v in enumerate(vectors)]}
