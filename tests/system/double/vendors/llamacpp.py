"""llama.cpp's server: its README, "OpenAI-compatible API Endpoints" and the options of /completion."""
import check
from vendors.openai_kin import Kin, at_most_one

NUMBERS = {"top_k": (0, 10**6, True), "min_p": (0, 1, False), "typical_p": (0, 1, False), "repeat_penalty": (0, 10, False),
           "repeat_last_n": (-1, 10**6, True), "mirostat": (0, 2, True), "mirostat_tau": (0, 100, False), "mirostat_eta": (0, 1, False),
           "dry_multiplier": (0, 100, False), "dry_base": (1, 100, False), "dry_allowed_length": (0, 10**6, True), "xtc_probability": (0, 1, False),
           "xtc_threshold": (0, 1, False), "id_slot": (-1, 10**4, True), "n_keep": (-1, 10**7, True), "t_max_predict_ms": (0, 10**7, True)}


class LlamaCpp(Kin):
    NAME = "llamacpp"
    KEY_OPTIONAL = True
    MORE = (*NUMBERS, "samplers", "grammar", "json_schema", "cache_prompt", "timings_per_token", "reasoning_format", "reasoning_effort",
            "chat_template_kwargs")

    def key(self, headers):
        return check.bearer(headers) or headers.get("x-api-key")

    def check_own(self, body, request):
        for name, (low, high, whole) in NUMBERS.items():
            if body.get(name) is not None:
                check.number(body[name], name, low, high, whole)
        for name, kind in (("cache_prompt", bool), ("timings_per_token", bool), ("grammar", str), ("json_schema", dict), ("samplers", list)):
            if body.get(name) is not None:
                check.typed(body[name], kind, name)
        at_most_one(body, ["grammar", "json_schema", "response_format"])
        check.need(not (body.get("grammar") and body.get("tools")), "Cannot use custom grammar constraints with tools.")


VENDOR = LlamaCpp()
