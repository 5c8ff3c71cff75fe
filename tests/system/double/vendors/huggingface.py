"""The router of Hugging Face's Inference Providers: huggingface.co/docs/inference-providers, "Chat Completion"."""
import re

import check
from vendors.openai_kin import Kin


class HuggingFace(Kin):
    NAME = "huggingface"
    REFUSES = ("user", "parallel_tool_calls", "n")
    VECTORS = None

    def check_own(self, body, request):
        check.need(re.fullmatch(r"[^:\s]+(:[a-z0-9-]+)?", body["model"]) or body["model"].startswith("double:"), f"Model '{body['model']}' not found.",
                   status=404)


VENDOR = HuggingFace()
