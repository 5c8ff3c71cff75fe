"""Azure OpenAI's deployments: learn.microsoft.com, "Azure OpenAI REST API reference", and the published specifications of its versions."""
import re
import urllib.parse

import check
from vendors import openai_chat, openai_more
from vendors.openai_kin import SHARED, Kin

ADDRESS = re.compile(r"/openai/deployments/([^/]+)/(chat/completions|embeddings|images/generations)$")
SINCE = {"2024-08": ["max_completion_tokens", "parallel_tool_calls"], "2024-09": ["stream_options"]}  # what came with a version


class Azure(Kin):
    NAME = "azureai"

    def route(self, method, path, headers):
        found = ADDRESS.search(path)
        operations = {"chat/completions": "chat", "embeddings": "embeddings", "images/generations": "images"}
        return operations[found[2]] if found and method == "POST" else None

    def key(self, headers):
        return headers.get("api-key") or check.bearer(headers)

    def check_request(self, request):
        version = request.query.get("api-version", "")
        if not re.fullmatch(r"20\d\d-\d\d-\d\d(-preview)?", version):
            raise check.Refuse("Resource not found", status=404, code="404")
        body = request.body
        if request.operation == "images":
            return openai_more.check_images(body, model=image_model(request))
        if request.operation == "embeddings":
            return self.check_vectors({"model": "d", **body}, request)
        check.members(body, [*(m for m in SHARED if m not in sum(SINCE.values(), [])), "data_sources", *(m for v, names in SINCE.items() if version >= v
                                                                                                     for m in names)], ["messages"])
        form = (body.get("response_format") or {}).get("type")
        check.need(version >= "2024-08" or form != "json_schema", "response_format value as json_schema is enabled only for api versions "
                   "2024-08-01-preview and later", "response_format")
        openai_chat.check_body({k: v for k, v in body.items() if k != "data_sources"})

    def variables(self, request):
        request.body = {"model": image_model(request) if request.operation == "images" else deployment(request), **request.body}
        return super().variables(request)


def deployment(request):
    return urllib.parse.unquote(ADDRESS.search(request.path)[1])


def image_model(request):
    return deployment(request) if "gpt-image" in deployment(request) else "dall-e-3"


VENDOR = Azure()
