"""Run by test_bedrock_peer.py in an environment that has AWS's client: `call` calls a service at an address, `sign` signs requests."""
import datetime
import json
import sys
from unittest import mock

import botocore.auth
import botocore.session
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError, EventStreamError


def client(given, service, secret=None):
    session = botocore.session.Session()
    return session.create_client(service, region_name=given["region"], endpoint_url=given["endpoint"], aws_access_key_id=given["id"],
                                 aws_secret_access_key=secret or given["secret"], aws_session_token=given["token"],
                                 config=Config(retries={"total_max_attempts": 1}))


def scenario(aws, name):
    """Adds the double's header to each request before it is signed."""
    aws.meta.events.register("before-sign.*", lambda request, **_: request.headers.__setitem__("X-Double-Scenario", name))
    return aws


def text_of(stream):
    events = list(stream)
    return ["".join(e["contentBlockDelta"]["delta"]["text"] for e in events if "contentBlockDelta" in e),
            next(e["messageStop"]["stopReason"] for e in events if "messageStop" in e),
            next(e["metadata"]["usage"]["outputTokens"] for e in events if "metadata" in e)]


def fault(ask):
    try:
        ask()
    except ClientError as error:
        return [error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]]
    return None


def call(given):
    kind = {"contentType": "application/json"}
    aws, question = client(given, "bedrock-runtime"), {"modelId": given["model"], "messages": [{"role": "user", "content": [{"text": "Why?"}]}]}
    whole = aws.converse(**question)
    image = {"taskType": "TEXT_IMAGE", "textToImageParams": {"text": "A hill"}, "imageGenerationConfig": {"numberOfImages": 1}}
    found = {"converse": [whole["output"]["message"]["content"][0]["text"], whole["stopReason"], whole["usage"]["outputTokens"]],
             "stream": text_of(aws.converse_stream(**question)["stream"]),
             "vector": len(json.load(aws.invoke_model(modelId=given["embed"], **kind, body=json.dumps({"inputText": "a"}))["body"])["embedding"]),
             "images": len(json.load(aws.invoke_model(modelId=given["image"], **kind, body=json.dumps(image))["body"])["images"]),
             "models": [m["modelId"] for m in client(given, "bedrock").list_foundation_models()["modelSummaries"]],
             "throttled": fault(lambda: scenario(client(given, "bedrock-runtime"), "429").converse(**question)),
             "wrong_secret": fault(lambda: client(given, "bedrock-runtime", "another").converse(**question))}
    try:
        text_of(scenario(client(given, "bedrock-runtime"), "error_mid").converse_stream(**question)["stream"])
    except EventStreamError as error:
        found["mid"] = error.response["Error"]["Code"]
    return found


def sign(given):
    found = []
    for one in given["requests"]:
        at = datetime.datetime.strptime(one["date"], "%Y%m%dT%H%M%SZ")
        body = json.dumps(one["body"], ensure_ascii=False, separators=(",", ":")).encode() if one["body"] is not None else b""
        request = AWSRequest(one["method"], one["url"], {"Content-Type": one["type"]} if one["type"] else {}, body)
        with mock.patch.object(botocore.auth, "get_current_datetime", lambda *_: at):
            botocore.auth.SigV4Auth(Credentials(given["id"], given["secret"], given["token"]), "bedrock", given["region"]).add_auth(request)
        found.append(request.headers["Authorization"])
    return found


print(json.dumps({"call": call, "sign": sign}[sys.argv[1]](json.load(sys.stdin))))
