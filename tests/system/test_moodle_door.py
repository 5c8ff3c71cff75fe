"""
Moodle's own AI providers against the real daemon, unchanged: what aiprovider_openai, aiprovider_deepseek and aiprovider_ollama send
(reference page, part d), byte for byte where bytes matter, and every member that they read of answers and errors. Once written out here, and
once with Moodle's own HTTP client (moodle_client/moodle.php). The guide for operators: test_moodle_guide.py.
"""
import base64
import hashlib
import http.client
import json
import os
import pathlib
import shutil
import subprocess

import pytest
from conftest import HERE, Daemon, add_vendor, check_end, wait_until
from double.upstream import TEXT, Upstream
from pictures import add_painter, b64, png

USER = "123"
HASH = hashlib.sha256(("site-identifier" + USER).encode()).hexdigest()
PROMPT = "Why does it rain?"
SYSTEM = "You are given a text. " + "Keep to what it says, write plain text, no greeting.\n" * 30  # Moodle's own are about as long
ACTIONS = {"generate_text": "action:generate_text", "summarise_text": "action:summarise_text", "explain_text": "action:explain_text"}
TEXT_SETTINGS = {"top_p": 0.9, "max_completion_tokens": 500, "frequency_penalty": 0.5, "presence_penalty": -0.5}
DEEPSEEK_SETTINGS = {"temperature": 1.3, "logprobs": "1", "top_logprobs": 5.0, "top_p": 0.9, "max_tokens": 500, "frequency_penalty": 0.0,
                     "presence_penalty": 0.5}  # "1": how Moodle sends a ticked box
LLAMA_SETTINGS = {"mirostat": 1, "temperature": 0.7, "seed": 42, "top_k": 40.0, "top_p": 0.9}


@pytest.fixture(scope="module")
def model():
    with Upstream() as double:
        double.forbidden = [HASH]
        yield double


@pytest.fixture(scope="module")
def site(tmp_path_factory, model):
    d = Daemon(tmp_path_factory.mktemp("moodle") / "data")
    add_vendor(d, model)
    d.openai = "/openai/v1/chat/completions" in d.request("GET", "/v1/openapi.json").json["paths"]
    yield d
    check_end(d)


@pytest.fixture(autouse=True)
def as_usual(model):
    model.clear()
    yield
    assert [r["refused"] for r in model.requests() if r["refused"]] == []


# ---- what Moodle sends ----


def openai_job(site, model="action:generate_text", system=SYSTEM, provider="openai", settings=None, org="", path="/openai/v1/chat/completions"):
    if not site.openai:
        pytest.skip("this build has no OpenAI door")
    config = {"apikey": site.service_key, **({} if provider == "deepseek" else {"orgid": org})}
    return {"provider": provider, "config": config, "prompt": PROMPT, "userid": USER, "settings": {
        "model": model, "endpoint": site.base_url + path, "systeminstruction": system, "providerid": 1, **(settings or {})}}


def ollama_job(site, model="action:generate_text", system=SYSTEM, settings=None, basic=True, endpoint=None):
    config = {"endpoint": endpoint or site.base_url + "/ollama", "username": "moodle", "password": site.service_key}
    return {"provider": "ollama", "config": {**config, "basicauthenabled" if basic else "enablebasicauth": 1}, "prompt": PROMPT, "userid": USER,
            "settings": {"model": model, "systeminstruction": system, "providerid": 1, **(settings or {})}}


def message(job):
    """(address, header lines, body) as they are sent."""
    settings, config = dict(job["settings"]), job["config"]
    more = {**{k: v for k, v in settings.items() if k not in ("model", "endpoint", "systeminstruction", "providerid", "modelextraparams")},
            **json.loads(settings.get("modelextraparams") or "{}")}
    headers = ["Content-Type: application/json"]
    if job["provider"] == "ollama":
        body = {"model": settings["model"], "stream": False, "prompt": job["prompt"], "user": HASH, "options": more}
        if settings["systeminstruction"]:
            body["system"] = settings["systeminstruction"]
        if config.get("basicauthenabled"):
            headers.append("Authorization: Basic " + base64.b64encode(f"{config['username']}:{config['password']}".encode()).decode())
        return config["endpoint"].rstrip("/") + "/api/generate", headers, body
    system = [{"role": "system", "content": settings["systeminstruction"]}] if settings["systeminstruction"] else []
    body = {"model": settings["model"], "user": HASH, "messages": [*system, {"role": "user", "content": job["prompt"]}], **more}
    headers.append("Authorization: Bearer " + config["apikey"])
    if "orgid" in config:
        headers.append("OpenAI-Organization: " + config["orgid"])
    return settings["endpoint"], headers, body


def send(site, job):
    """Sends it; (status, reason, content type, body as JSON)."""
    url, headers, body = message(job)
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=60)
    text = json.dumps(body, separators=(",", ":")).replace("/", "\\/").encode()  # as PHP's json_encode does
    connection.putrequest("POST", url[len(site.base_url):], skip_accept_encoding=True)
    for line in [*headers, "User-Agent: MoodleBot/1.0", f"Content-Length: {len(text)}"]:
        connection.putheader(*line.split(": ", 1))
    connection.endheaders(text)
    answer = connection.getresponse()
    try:
        return answer.status, answer.reason, answer.headers["Content-Type"], json.loads(answer.read())
    finally:
        connection.close()


# ---- what Moodle reads ----


def result(job, answer):
    """What Moodle's handle_api_success or handle_api_error makes of it; a member that is not there fails."""
    status, reason, _, body = answer
    if status != 200:
        text = reason if status >= 500 else body["error"] if job["provider"] == "ollama" else body["error"]["message"]
        return {"success": False, "errorcode": status, "errormessage": text}
    if job["provider"] == "ollama":
        return {"success": True, "generatedcontent": body["response"], "finishreason": body["done_reason"],
                "prompttokens": body["prompt_eval_count"], "completiontokens": body["eval_count"], "model": body["model"]}
    choice = body["choices"][0]
    return {"success": True, "id": body["id"], "fingerprint": body["system_fingerprint"], "generatedcontent": choice["message"]["content"],
            "finishreason": choice["finish_reason"], "prompttokens": body["usage"]["prompt_tokens"],
            "completiontokens": body["usage"]["completion_tokens"], "model": body["model"]}


def by_hand(site, jobs):
    return [result(job, send(site, job)) for job in jobs]


def by_guzzle(site, jobs):
    autoload = pathlib.Path(os.environ.get("GUZZLE", "/usr/share/php/GuzzleHttp/autoload.php"))
    if not shutil.which("php") or not autoload.exists():
        pytest.skip("php-cli, php-curl and php-guzzlehttp-guzzle are not installed")
    done = subprocess.run(["php", HERE / "moodle_client/moodle.php"], input=json.dumps(jobs), capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr + done.stdout
    results = json.loads(done.stdout)
    assert all(r["user"] == HASH for r in results)
    return [r["result"] for r in results]


SENDERS = pytest.mark.parametrize("ask", [by_hand, by_guzzle], ids=["by hand", "with Guzzle"])


def check_success(job, got):
    """The columns of Moodle's tables hold it."""
    assert got["success"] is True, got
    assert got["generatedcontent"] == TEXT and got["finishreason"] == "stop"
    assert got["prompttokens"] > 0 and got["completiontokens"] > 0
    assert isinstance(got["model"], str) and 0 < len(got["model"]) <= 50
    if job["provider"] != "ollama":
        assert 0 < len(got["id"]) <= 128 and isinstance(got["fingerprint"], str) and len(got["fingerprint"]) <= 128


# ---- every form that they send ----


def openai_forms(site):
    return [openai_job(site, model) for model in ACTIONS.values()] + [
        openai_job(site, system=""), openai_job(site, settings=TEXT_SETTINGS), openai_job(site, org="org-123"),
        openai_job(site, settings={"modelextraparams": json.dumps({"temperature": 0.5, "max_completion_tokens": 100})}),
        openai_job(site, provider="openai45"), openai_job(site, provider="openai45", system="", org="org-123")]


def deepseek_forms(site):
    return [openai_job(site, model, provider="deepseek") for model in ACTIONS.values()] + [
        openai_job(site, provider="deepseek", settings=DEEPSEEK_SETTINGS), openai_job(site, provider="deepseek", system=""),
        openai_job(site, provider="deepseek", settings={"modelextraparams": json.dumps({"max_tokens": 100, "temperature": 0.5})})]


def ollama_forms(site):
    return [ollama_job(site, model) for model in ACTIONS.values()] + [
        ollama_job(site, system=""), ollama_job(site, settings=LLAMA_SETTINGS), ollama_job(site, endpoint=site.base_url + "/ollama/"),
        ollama_job(site, settings={"modelextraparams": json.dumps({"num_ctx": 4096, "temperature": 0.5, "a_setting_to_come": True})}),
        ollama_job(site, basic=False, endpoint=f"{site.base_url}/ollama/{site.service_key}"),
        ollama_job(site, basic=False, endpoint=f"{site.base_url}/ollama/{site.service_key}/")]


@SENDERS
@pytest.mark.parametrize("forms", [openai_forms, deepseek_forms, ollama_forms], ids=["openai", "deepseek", "ollama"])
def test_every_request_that_a_provider_sends_is_answered_with_all_that_it_reads(site, model, ask, forms):
    jobs = forms(site)
    for job, got in zip(jobs, ask(site, jobs), strict=True):
        check_success(job, got)
    assert len(model.requests()) == len(jobs)


@pytest.mark.parametrize("make", [openai_job, ollama_job], ids=["openai", "ollama"])
def test_the_model_says_which_action_it_is_and_the_hash_which_user(site, make):
    for action, name in ACTIONS.items():
        job = make(site, name)
        before = {c["id"] for c in site.request("GET", "/v1/register?limit=100", site.admin_key).json["calls"]}
        check_success(job, result(job, send(site, job)))
        (call,) = [c for c in site.request("GET", "/v1/register?limit=100", site.admin_key).json["calls"] if c["id"] not in before]
        assert (call["action"], call["user_id"], call["state"]) == (action, HASH, "completed")


# ---- errors ----


@SENDERS
@pytest.mark.parametrize("make", [openai_job, ollama_job], ids=["openai", "ollama"])
def test_errors_are_what_moodle_can_show(site, model, ask, make):
    """Below 500 Moodle shows our text (in debug mode; 4.5 and 5.0 always), from 500 on the reason phrase."""
    wrong = make(site)
    wrong["config"]["apikey" if "apikey" in wrong["config"] else "password"] = "lk_" + "0" * 40
    for job, scenario, status in [(wrong, "ok", 401), (make(site, "action:no_such"), "ok", 404), (make(site, "gpt-4o"), "ok", 403),
                                  (make(site), "429", 429),
                                  (make(site), "500", 502 if make is ollama_job else 503)]:
        model.default = scenario
        (got,) = ask(site, [job])
        assert got["success"] is False and got["errorcode"] == status and got["errormessage"], (scenario, got)
        assert "lk_" not in got["errormessage"]
    model.default = "ok"


# ---- images ----


@pytest.fixture(scope="module")
def painter(site):
    add_painter(site, {"base64": b64(png(30, 20)), "revised_prompt": "A white cloud over a lake"})
    return site


def image_body(model="action:generate_image", aspect="landscape", quality="hd", dall_e=False, **extra):
    """As aiprovider_openai builds it: with the sizes of dall-e-3, or of gpt-image-1.5 and of models that it does not know."""
    sizes = {"square": "1024x1024", "landscape": "1792x1024" if dall_e else "1536x1024", "portrait": "1024x1792" if dall_e else "1024x1536"}
    form = {"response_format": "b64_json"} if dall_e else {"output_format": "png"}
    words = quality if dall_e else {"standard": "medium", "hd": "high"}[quality]
    return {"prompt": PROMPT, "model": model, "n": 1, "quality": words, "size": sizes[aspect], "user": HASH, **form, **extra}


def image_result(answer):
    """What process_generate_image and ai_image make of it: (bytes, ending, revised prompt)."""
    assert answer.status == 200, answer
    data = answer.json["data"][0]
    return base64.b64decode(data["b64_json"], validate=True), answer.json.get("output_format", "png"), data.get("revised_prompt", "")


@pytest.mark.parametrize("dall_e", [True, False], ids=["dall-e-3", "gpt-image-1.5"])
@pytest.mark.parametrize("aspect", ["square", "landscape", "portrait"])
@pytest.mark.parametrize("quality", ["standard", "hd"])
def test_cases_54_to_57_an_image_for_moodle(painter, dall_e, aspect, quality):
    body = image_body(aspect=aspect, quality=quality, dall_e=dall_e)
    answer = painter.request("POST", "/openai/v1/images/generations", painter.service_key, body, headers={"OpenAI-Organization": ""})
    data, ending, revised = image_result(answer)
    assert data.startswith(b"\x89PNG") and (ending, revised) == ("png", "A white cloud over a lake")
    (call,) = painter.request("GET", "/v1/register?limit=1", painter.admin_key).json["calls"]
    assert (call["action"], call["user_id"], call["state"]) == ("generate_image", HASH, "completed")
    content = json.loads(json.dumps(painter.request("GET", f"/v1/register/{call['id']}", painter.admin_key).json))["content"]
    assert (content["prompt"], content["numberimages"], content["quality"], content["aspectratio"]) == (PROMPT, "1", quality, aspect)


def test_case_57_a_missing_revised_prompt_is_empty(site, painter):
    recording = site.data / "recordings/painter.json"
    kept = recording.read_text()
    recording.write_text(kept.replace("A white cloud over a lake", ""))
    try:
        answer = site.request("POST", "/openai/v1/images/generations", site.service_key, image_body())
        assert image_result(answer)[2] == ""
    finally:
        recording.write_text(kept)


def test_case_54_another_size_is_an_error_that_moodle_reads(painter):
    for wrong, param in [({"size": "round"}, "size"), ({"quality": "best"}, "quality"), ({"n": 5}, "n"), ({"model": "gpt-image-1.5"}, "model")]:
        answer = painter.request("POST", "/openai/v1/images/generations", painter.service_key, {**image_body(), **wrong})
        assert 400 <= answer.status < 500 and answer.json["error"]["message"], answer
        assert answer.json["error"]["param"] == param


# ---- who has asked the user ----


@pytest.mark.parametrize("make", [openai_job, ollama_job], ids=["openai", "ollama"])
def test_moodle_has_asked_its_users_unless_the_site_says_otherwise(site, make):
    job = make(site)
    check_success(job, result(job, send(site, job)))
    site.cli("site", "set", "demo", "door_policy=lectern")
    try:
        refused = wait_until(lambda: (lambda a: a if a[0] == 403 else None)(send(site, job)), what="the policy gate")
        text = result(job, refused)["errormessage"]
        assert "policy" in text.lower()
        version = site.request("GET", f"/v1/policy?user_id={HASH}&role=student", site.service_key).json["version"]
        body = {"accepted": True, "version": version, "user": {"id": HASH, "roles": ["student"]}}
        assert site.request("PUT", "/v1/policy", site.service_key, body).status == 200
        check_success(job, result(job, send(site, job)))
        assert site.request("DELETE", f"/v1/policy?user_id={HASH}&role=student", site.service_key).status == 200
    finally:
        site.cli("site", "set", "demo", "door_policy=lms")
        wait_until(lambda: send(site, job)[0] == 200, what="the open gate")
