"""What those have in common who speak OpenAI's API and differ in this and that: addresses, the key, and the checks of what all of them share."""
import check
from vendors import openai_chat, openai_more
from vendors.openai_common import frame, no_key, problem, wrong_key

SHARED = """messages model frequency_penalty logprobs max_tokens n parallel_tool_calls presence_penalty response_format seed stop stream stream_options
temperature tool_choice tools top_logprobs top_p user""".split()


class Kin:
    """A vendor below the address /NAME."""
    LIKE = ("openai_chat", "openai")
    KEY_OPTIONAL = False
    REFUSES = ()      # of what OpenAI takes in chat completions
    MORE = ()         # that OpenAI does not know
    VECTORS = ("input", "model", "encoding_format", "dimensions", "user")  # None: no embeddings
    frame, problem = staticmethod(frame), staticmethod(problem)
    no_key, wrong_key = staticmethod(no_key), staticmethod(wrong_key)

    def route(self, method, path, headers):
        if not path.startswith(f"/{self.NAME}/"):
            return None
        return {("POST", "chat/completions"): "chat", ("POST", "embeddings"): "embeddings" if self.VECTORS else None, ("GET", "models"): "models"}.get(
            (method, path.removeprefix(f"/{self.NAME}/v1/")))

    def key(self, headers):
        return check.bearer(headers)

    def check_request(self, request):
        if request.operation == "chat":
            self.check_chat(request.body, request)
        if request.operation == "embeddings":
            self.check_vectors(request.body, request)

    def check_names(self, body, known, needed):
        check.members(body, known, needed)

    def check_chat(self, body, request):
        self.check_names(body, [m for m in (*SHARED, *self.MORE) if m not in self.REFUSES], ["model", "messages"])
        check.text(body["model"], "model")
        self.check_own(body, request)
        openai_chat.check_body({k: v for k, v in body.items() if k not in self.MORE})

    def check_own(self, body, request):
        """What only this vendor asks for."""

    def check_vectors(self, body, request):
        self.check_names(body, self.VECTORS, ["model", "input"])
        texts = body["input"] if isinstance(body["input"], list) else [body["input"]]
        for one in check.items(texts, "input", 1, 2048):
            check.text(one, "input")
        check.one_of(body.get("encoding_format", "float"), ["float", "base64"], "encoding_format")

    def streamed(self, request):
        return request.operation == "chat" and openai_chat.streamed(request)

    def variables(self, request):
        return openai_chat.variables(request) if request.operation == "chat" else openai_more.variables(request)


def parts(body):
    """The parts of all contents that are lists."""
    return [p for m in body["messages"] if isinstance(m.get("content"), list) for p in m["content"]]


def at_most_one(body, names):
    there = [n for n in names if body.get(n) is not None]
    check.need(len(there) <= 1, f"Only one of {', '.join(there)} can be used.")
