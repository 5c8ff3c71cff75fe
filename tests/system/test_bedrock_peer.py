"""
AWS's own client as the peer: it takes the double for Bedrock, and what the daemon sends it would have signed alike. Both sides of our tests, the
signer in C and the double's verifier, thereby agree with it and not only with each other. A skip where PyPI is out of reach.
"""
import json
import pathlib
import subprocess

import pytest
from conftest import Daemon, check_end
from double.upstream import TEXT, Upstream
from openai_packages import install_python

PACKAGE = "botocore==1.44.5"
ID, SECRET, TOKEN, REGION = "AKIDOFTHEDOUBLE", "secret-of-the-double/7F3A+", "token/of+the=double", "eu-central-1"
MODEL, EMBED, IMAGE = "anthropic.claude-3-haiku-20240307-v1:0", "amazon.titan-embed-text-v2:0", "amazon.nova-canvas-v1:0"
PEER = pathlib.Path(__file__).resolve().parent / "bedrock_peer.py"


@pytest.fixture(scope="module")
def python(tmp_path_factory):
    return install_python(tmp_path_factory.mktemp("venv") / "venv", PACKAGE)


@pytest.fixture(scope="module")
def upstream():
    with Upstream() as double:
        double.api_key = SECRET
        yield double


def peer(python, *arguments, **given):
    done = subprocess.run([python, "-B", PEER, *arguments], input=json.dumps({"id": ID, "secret": SECRET, "token": TOKEN, "region": REGION, **given}),
                          capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(done.stdout)


def test_awss_client_takes_the_double_for_bedrock(python, upstream):
    upstream.clear()
    got = peer(python, "call", endpoint=upstream.root, model=MODEL, embed=EMBED, image=IMAGE)
    refused = [r["refused"] for r in upstream.requests() if r["refused"]]
    assert len(refused) == 1 and "does not match the signature" in refused[0], refused  # the wrong secret's
    assert got["converse"] == [TEXT, "end_turn", 568] and got["stream"] == [TEXT, "end_turn", 568]
    assert got["vector"] == 8 and got["images"] == 1 and "double" in got["models"]
    assert got["throttled"] == ["ThrottlingException", 429] and got["mid"] == "internalServerException"
    assert got["wrong_secret"] == ["AccessDeniedException", 403]


def test_awss_client_would_have_signed_what_the_daemon_sends(python, upstream, tmp_path):
    upstream.clear()
    daemon = Daemon(tmp_path / "data")
    try:
        daemon.cli("site", "set", "demo", "policy_by_lms=true")
        config = {"endpoint": upstream.root + "/a b/./c".replace(" ", "%20"), "model": MODEL, "embedding_model": EMBED, "region": REGION,
                  "access_key_id": ID, "secret_access_key": SECRET, "session_token": TOKEN, "retries": 0}
        assert daemon.request("POST", "/v1/providers", daemon.admin_key, {"name": "aws", "plugin": "awsbedrock", "config": config}).status == 201
        user = {"id": "u", "roles": ["student"]}
        long = [{"role": role, "content": "Why does it rain? é€😀 " * 3000} for role in ("user", "assistant") * 3]  # is hashed on a worker
        for action, given in [("continue_conversation", {"messages": [*long, {"role": "user", "content": "?"}]}),
                              ("embed_text", {"texts": ["a", "b"]})]:
            answer = daemon.request("POST", f"/v1/actions/{action}", daemon.admin_key, {"provider": "aws", "user": user, "input": given})
            assert answer.status == 200, answer
        number = next(p["id"] for p in daemon.request("GET", "/v1/providers", daemon.admin_key).json["providers"] if p["name"] == "aws")
        assert daemon.request("GET", f"/v1/providers/{number}/models", daemon.admin_key).status == 200
        sent = upstream.requests()
        assert len(sent) == 5 and not [r["refused"] for r in sent if r["refused"]]
        lines = [{"method": r["method"], "url": upstream.root + r["path"], "date": r["headers"]["x-amz-date"], "body": r["body"],
                  "type": r["headers"].get("content-type")} for r in sent]
        assert peer(python, "sign", requests=lines) == [r["headers"]["authorization"] for r in sent]
        assert max(len(json.dumps(r["body"], ensure_ascii=False).encode()) for r in sent) > 400_000
        assert SECRET not in daemon.log() and TOKEN not in daemon.log()
    finally:
        check_end(daemon)
