"""Mistral: docs.mistral.ai/api and its OpenAPI description. A member too many is refused, whatever it is."""
import re

import check
from vendors.openai_kin import SHARED, Kin

KNOWN = [m for m in SHARED if m not in ("user", "seed", "stream_options", "logprobs", "top_logprobs")] + """guardrails metadata prediction
prompt_cache_key prompt_mode random_seed reasoning_effort safe_prompt""".split()


class Mistral(Kin):
    NAME = "mistral"
    MORE = ("guardrails", "metadata", "prediction", "prompt_cache_key", "prompt_mode", "random_seed", "reasoning_effort", "safe_prompt")
    VECTORS = ("input", "model", "encoding_format", "metadata", "output_dimension", "output_dtype")

    def check_names(self, body, known, needed):
        for name in body:
            if name not in (KNOWN if "messages" in needed else known):
                raise check.Refuse("Extra inputs are not permitted", name, status=422, kind="extra_forbidden")
        for name in needed:
            if name not in body:
                raise check.Refuse("Field required", name, status=422, kind="missing")

    def problem(self, refuse):
        if refuse.status == 422:
            return {"detail": [{"type": refuse.kind, "loc": ["body", refuse.param], "msg": refuse.message}]}
        if refuse.status == 401:
            return {"detail": "Unauthorized"}
        return {"object": "error", "message": refuse.message, "type": "invalid_request_error", "param": refuse.param, "code": "3051"}

    def check_own(self, body, request):
        if body.get("random_seed") is not None:
            check.number(body["random_seed"], "random_seed", 0, 2**63 - 1, whole=True)
        if body.get("safe_prompt") is not None:
            check.typed(body["safe_prompt"], bool, "safe_prompt")
        if body.get("temperature") is not None:
            check.number(body["temperature"], "temperature", 0, 1.5)
        for m in body["messages"]:
            check.one_of(m.get("role"), ["system", "user", "assistant", "tool"], "role")
            for name in [c["id"] for c in m.get("tool_calls") or []] + ([m["tool_call_id"]] if "tool_call_id" in m else []):
                check.need(re.fullmatch("[a-zA-Z0-9]{9}", name), f"Tool call id was {name} but must be a-z, A-Z, 0-9, with a length of 9.")
        for tool in body.get("tools") or []:
            if "parameters" not in tool.get("function", {}):
                raise check.Refuse("Field required", "parameters", status=422, kind="missing")
        check.need(body["messages"][-1]["role"] in ("user", "tool"), "Expected last role User or Tool (or Assistant with prefix True) for serving but got "
                   f"{body['messages'][-1]['role']}")

    def check_vectors(self, body, request):
        super().check_vectors(body, request)
        if body.get("output_dimension") is not None:
            check.number(body["output_dimension"], "output_dimension", 1, 4096, whole=True)

    def variables(self, request):
        if request.operation == "embeddings":
            request.body = {"dimensions": request.body.get("output_dimension"), **request.body}
        v = super().variables(request)
        return {**v, "include_usage": True, "without": []} if request.operation == "chat" else v


VENDOR = Mistral()
