"""A vLLM server: docs.vllm.ai, "OpenAI-Compatible Server" and "Structured Outputs"."""
import check
from vendors.openai_kin import Kin, at_most_one

NUMBERS = {"top_k": (-1, 10**6, True), "min_p": (0, 1, False), "repetition_penalty": (1e-9, 10, False), "min_tokens": (0, 10**6, True),
           "truncate_prompt_tokens": (-1, 10**7, True), "thinking_token_budget": (0, 10**6, True), "priority": (-2**63, 2**63 - 1, True)}


class Vllm(Kin):
    NAME = "vllm"
    KEY_OPTIONAL = True
    MORE = (*NUMBERS, "stop_token_ids", "bad_words", "reasoning_effort", "chat_template_kwargs", "structured_outputs", "guided_json",
            "max_completion_tokens")

    def check_own(self, body, request):
        for name, (low, high, whole) in NUMBERS.items():
            if body.get(name) is not None:
                check.number(body[name], name, low, high, whole)
        for name, kind in (("stop_token_ids", int), ("bad_words", str)):
            for one in check.items(body.get(name, []), name):
                check.typed(one, kind, name)
        for name in ("chat_template_kwargs", "structured_outputs", "guided_json"):
            if body.get(name) is not None:
                check.typed(body[name], dict, name)
        if "reasoning_effort" in body:
            check.one_of(body["reasoning_effort"], ["none", "minimal", "low", "medium", "high", "xhigh", "max"], "reasoning_effort")
        at_most_one(body.get("structured_outputs") or {}, ["json", "regex", "choice", "grammar", "json_object"])
        at_most_one(body, ["structured_outputs", "guided_json", "response_format"])


VENDOR = Vllm()
