"""DeepSeek: api-docs.deepseek.com, "Create Chat Completion", "Thinking Mode", "JSON Output"."""
import re

import check
from vendors.openai_kin import Kin, parts


class DeepSeek(Kin):
    NAME = "deepseek"
    MORE = ("thinking", "reasoning_effort", "user_id")
    REFUSES = ("user", "seed", "parallel_tool_calls", "n")
    VECTORS = None

    def check_own(self, body, request):
        thinking = body.get("thinking")
        if thinking is not None:
            check.members(thinking, ["type"], ["type"], "thinking")
            check.one_of(thinking["type"], ["enabled", "disabled"], "thinking.type")
        if "reasoning_effort" in body:
            check.one_of(body["reasoning_effort"], ["minimal", "low", "medium", "high", "xhigh", "max"], "reasoning_effort")
        if "user_id" in body:
            check.user_hash(body["user_id"], "user_id")
        for m in body["messages"]:
            check.need(m.get("role") != "developer", "Failed to deserialize the JSON body into the target type: unknown variant `developer`, expected "
                       "one of `system`, `user`, `assistant`, `tool`, `latest_reminder`")
        check.need(all(p.get("type") == "text" for p in parts(body)), "unknown variant `image_url`, expected `text`")
        check.need((body.get("response_format") or {}).get("type") in (None, "text", "json_object"), "This response_format type is unavailable now")
        if thinking["type"] == "enabled" if thinking else not re.search("deepseek-chat", body["model"]):
            self.check_thinking(body)

    def check_thinking(self, body):
        check.need(body.get("tool_choice") in (None, "auto", "none"), "Thinking mode does not support this tool_choice")
        check.need(not body.get("logprobs") and body.get("top_logprobs") is None, "Thinking mode does not support logprobs")
        check.need(all("reasoning_content" in m for m in body["messages"] if m.get("tool_calls")),
                   "The `reasoning_content` in the thinking mode must be passed back to the API.")


VENDOR = DeepSeek()
