"""The command line: what it changes, what it prints, how it refuses."""
import datetime
import json
import os
import re
import subprocess

import pytest
from conftest import LECTERN, ROOT, add_vendor, run_lectern, sqlite_only
from database import stored

TEXT = "Plants make sugar from light. They take water from the soil. They take carbon dioxide from the air. Light drives it. Oxygen is left over."


@pytest.fixture()
def data(tmp_path):
    """A data directory with one site and the embedded provider."""
    path = tmp_path / "data"
    run_lectern("migrate", "--data", path)
    run_lectern("site", "add", "one", "--name", "Site Öne", "--data", path)
    run_lectern("provider", "add", "extract", "--plugin", "extract", "--data", path)
    return path


def js(data, *args):
    return json.loads(run_lectern(*args, "--json", "--data", data))


def refused(code, *args, data=None, **options):
    done = run_lectern(*args, *(["--data", data] if data else []), check=False, **options)
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    return done.stderr


# ---- usage ----


def commands():
    listing = run_lectern("--help")
    return [re.split(r"  +", line.strip())[0].split() for line in listing.splitlines() if line.startswith("  ")]


def test_help_lists_every_command_of_the_contract():
    have = {" ".join(c) for c in commands()}
    for group, verbs in {"site": "list show add set remove", "key": "list add rotate revoke", "permission": "list set reset",
                         "provider": "list show add set remove order plugins",
                         "placement": "list set", "policy": "show set status", "register": "list show verify export",
                         "limit": "list set remove notices", "event-destination": "list add set remove", "events": "list test dead retry drop", "price": "list set remove", "privacy": "export erase metadata", "emergency-stop": "set lift show",
                         "report": "usage cost errors latency feedback"}.items():
        assert {f"{group} {verb}" for verb in verbs.split()} <= have
    assert {"serve", "ask", "check-config", "migrate", "version"} <= have


def test_every_command_has_help_with_usage_and_options():
    for command in commands():
        for flag in ("--help", "-h"):
            text = run_lectern(*command, flag)
            assert text.startswith("usage: lectern " + " ".join(command)) and "--json" in text
            listed = re.findall(r"^  (--[a-z0-9-]+)", text, re.MULTILINE)
            assert len(listed) == len(set(listed)), listed


@pytest.mark.parametrize("args, word", [
    ([], "usage"), (["nothing"], "'nothing'"), (["site"], "'site'"), (["site", "fly"], "'site'"), (["site", "add"], "SLUG"),
    (["site", "add", "a", "b"], "'b'"), (["site", "list", "--nope"], "--nope"), (["site", "list", "-x"], "-x"), (["site", "add", "a", "--name"], "--name"),
    (["site", "list", "--json=1"], "--json"), (["key", "add"], "--role"), (["key", "add", "--role", "king"], "king"),
    (["key", "add", "--role", "service", "--days", "x"], "--days"), (["key", "add", "--role", "service", "--days", "0"], "--days"),
    (["provider", "add", "p"], "--plugin"), (["site", "set", "one", "name"], "name"), (["register", "show", "x"], "x"),
    (["register", "list", "--limit", "0"], "--limit"), (["placement", "set", "chat", "maybe"], "maybe"), (["issuer", "set", "a", "b"], "--secret-file"),
    (["permission", "set", "king", "view_register", "on"], "king"), (["ask"], "ACTION"),
    (["mcp", "add", "m", "--json-patch", "[1]"], "--json-patch must be a JSON object"), (["mcp", "add", "m", "label=n"], "label is given twice"),
    (["scope", "add", "--profile", "p", "profile_id=q"], "profile_id is given twice"), (["profile", "add", "p", "slug=q"], "slug is given twice"),
    (["mcp", "add", "m", "--settings", "{}"], "--settings")], ids=lambda v: " ".join(v) if isinstance(v, list) else "")
def test_wrong_usage_is_2_and_names_the_word(data, args, word):
    needs_data = len(args) > 1
    assert word in refused(2, *args, data=data if needs_data else None)


def test_options_may_stand_before_the_command(data):
    assert json.loads(run_lectern("--json", "--data", data, "site", "list"))[0]["slug"] == "one"
    assert json.loads(run_lectern("--json", f"--data={data}", "site", "list"))[0]["slug"] == "one"


def test_version():
    assert re.match(r"^lectern \d+\.\d+\.\d+\n$", run_lectern("version"))
    assert run_lectern("--version") == run_lectern("version")
    assert json.loads(run_lectern("version", "--json"))["schema"] >= 1


@sqlite_only("a server's database is made before anybody looks into it")
def test_without_a_database_reading_says_so_and_makes_none(tmp_path):
    assert "there is no database" in refused(1, "site", "list", data=tmp_path / "none")
    assert not (tmp_path / "none").exists()


# ---- settings ----


def test_the_example_is_a_valid_configuration():
    assert "valid" in run_lectern("check-config", "--config", ROOT / "share/lectern.json.example")


def test_flags_win_over_environment_over_file_over_defaults(tmp_path):
    def listen(*flags, **env):
        done = subprocess.run([LECTERN, "check-config", "--json", *flags], env={**os.environ, **env}, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)["listen"]

    file = tmp_path / "c.json"
    file.write_text('{listen: "127.0.0.1:1001", /* JSON5 */ threads: 2,}')
    assert listen() == "127.0.0.1:8080"
    assert listen("--config", file) == listen(LECTERN_CONFIG=str(file)) == "127.0.0.1:1001"
    assert listen("--config", file, LECTERN_LISTEN="127.0.0.1:1002") == "127.0.0.1:1002"
    assert listen("--config", file, "--listen", "[::1]:1003", LECTERN_LISTEN="127.0.0.1:1002") == "[::1]:1003"


@pytest.mark.parametrize("content, words", [
    ('{"bogus": 1}', "'bogus'"), ('{"threads": "two"}', "'threads' must be a whole number, is string"), ('{"threads": 1.5}', "threads"),
    ('{"threads": 1000}', "threads"), ('{"demo": 1}', "demo"), ('{"listen": "nowhere"}', "HOST:PORT"), ('{"listen": "127.0.0.1:70000"}', "65535"),
    ('{"listen": "example.org:80"}', "IP address"), ('{"log_level": "loud"}', "log_level"), ('{"tls_cert": "x"}', "tls_key"),
    ('{"sqlite_synchronous": "MAYBE"}', "sqlite_synchronous"), ('{"data": ""}', "empty"), ("[]", "object"), ("{", "line 1"), ('{"listen": "0.0.0.0:1", "demo": true}', "loopback"),
    ('{"tls_ca": "/nowhere"}', "/nowhere")])
def test_a_bad_configuration_is_refused_by_name(tmp_path, content, words):
    file = tmp_path / "c.json"
    file.write_text(content)
    assert words in refused(1, "check-config", "--config", file)
    assert words in refused(1, "serve", "--config", file, "--data", tmp_path / "d") or words == "empty"


def test_a_missing_configuration_file_is_named(tmp_path):
    assert "/nowhere.json" in refused(1, "check-config", "--config", "/nowhere.json")


# ---- administration ----


def test_sites(data):
    run_lectern("site", "add", "two", "--data", data)
    assert [s["slug"] for s in js(data, "site", "list")] == ["one", "two"]
    run_lectern("site", "set", "two", "name=Zwei", "resume_grace_ms=0", "enabled=false", 'cors_origins=["https://lms.example"]', "--data", data)
    two = js(data, "site", "show", "two")
    assert (two["name"], two["resume_grace_ms"], two["enabled"], two["cors_origins"]) == ("Zwei", 0, False, ["https://lms.example"])
    run_lectern("site", "set", "two", "--json-patch", '{"enabled": true}', "--data", data)
    assert js(data, "site", "show", "two")["enabled"] is True
    assert "/nope" in refused(1, "site", "set", "two", "nope=1", data=data)
    assert "exists" in refused(1, "site", "add", "two", data=data)
    assert "/slug" in refused(1, "site", "add", "Not A Slug", data=data)
    assert "2 sites" in refused(1, "key", "list", data=data)
    assert "no site 'three'" in refused(1, "key", "list", "--site", "three", data=data)
    run_lectern("site", "remove", "two", "--data", data)
    assert [s["slug"] for s in js(data, "site", "list")] == ["one"]


def test_keys_are_shown_once(data):
    key = js(data, "key", "add", "--role", "service", "--name", "lms", "--choose-provider", "--days", "30")["key"]
    assert re.fullmatch(r"lk_[A-Za-z0-9_-]{43}", key)
    listing = js(data, "key", "list")
    assert [(k["role"], k["name"], k["choose_provider"]) for k in listing] == [("service", "lms", True)] and listing[0]["expires_at"]
    assert key not in run_lectern("key", "list", "--data", data) and key.startswith(listing[0]["prefix"])
    assert key.encode() not in stored(data)
    run_lectern("key", "revoke", listing[0]["prefix"], "--data", data)
    assert js(data, "key", "list") == []
    assert "not_found" in refused(1, "key", "revoke", "lk_nothing", data=data)


def test_a_key_is_rotated(data):
    old = js(data, "key", "add", "--role", "service", "--name", "lms", "--choose-provider")["key"]
    new = js(data, "key", "rotate", old[:9], "--overlap", "30m")["key"]
    listing = {k["prefix"]: k for k in js(data, "key", "list")}
    assert set(listing) == {old[:9], new[:9]} and new != old
    assert {m: listing[new[:9]][m] for m in ("role", "name", "choose_provider", "expires_at")} == {
        "role": "service", "name": "lms", "choose_provider": True, "expires_at": ""}
    end = datetime.datetime.fromisoformat(listing[old[:9]]["expires_at"].replace("Z", "+00:00"))
    left = (end - datetime.datetime.now(datetime.timezone.utc)).total_seconds()
    assert 1700 < left <= 1800
    last = js(data, "key", "rotate", str(listing[new[:9]]["id"]), "--overlap", "0")["key"]
    assert {k["prefix"] for k in js(data, "key", "list")} == {old[:9], last[:9]}
    assert "not_found" in refused(1, "key", "rotate", new[:9], data=data)
    for wrong in ("x", "10", "-1h", "1w", "91d", "1h30m", "h"):
        assert "--overlap" in refused(2, "key", "rotate", last[:9], f"--overlap={wrong}", data=data)


def test_issuers(data, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("a shared secret of 16 bytes or more\n")
    run_lectern("issuer", "set", "https://lms.example", "lectern", "--secret-file", secret, "--data", data)
    assert js(data, "issuer", "list") == [{"iss": "https://lms.example", "aud": "lectern", "alg": "HS256", "keys": "secret", "user_claim": "sub"}]
    run_lectern("issuer", "remove", "https://lms.example", "lectern", "--data", data)
    assert js(data, "issuer", "list") == []
    assert "not_found" in refused(1, "issuer", "remove", "https://lms.example", "lectern", data=data)
    refused(1, "issuer", "set", "a", "b", "--secret-file", "-", data=data, stdin="short")


def test_providers(data, tmp_path):
    run_lectern("provider", "add", "writer", "--plugin", "openai", "--config",
                '{"endpoint": "http://127.0.0.1:9/v1", "api_key": "sk-secret-0000001", "model": "m"}', "--data", data)
    file = tmp_path / "key"
    file.write_text("sk-secret-0000002\n")
    run_lectern("provider", "add", "second", "--plugin", "openai", f"api_key=@{file}", "endpoint=http://127.0.0.1:9/v1", "model=m", "--disabled", "--data", data)
    assert [p["name"] for p in js(data, "provider", "list")] == ["extract", "writer", "second"]
    run_lectern("provider", "order", "second", "writer", "--data", data)
    assert [p["name"] for p in js(data, "provider", "list")] == ["second", "writer", "extract"]
    run_lectern("provider", "set", "second", "enabled=true", "config.model=m2", "actions.generate_text.settings.temperature=0.5", "--data", data)
    second = js(data, "provider", "show", "second")
    assert second["enabled"] is True and second["config"]["model"] == "m2" and second["actions"]["generate_text"]["settings"]["temperature"] == 0.5
    for command in (["list"], ["show", "second"], ["show", "writer"]):
        assert "sk-secret" not in run_lectern("provider", *command, "--data", data) and "sk-secret" not in json.dumps(js(data, "provider", *command))
    assert [p["reason"] == "" for p in js(data, "provider", "list", "--action", "generate_text")] == [True, True, False]
    assert "nope" in refused(1, "provider", "add", "x", "--plugin", "nope", data=data)
    assert "/config/nope" in refused(1, "provider", "set", "writer", "config.nope=1", data=data)
    refused(2, "provider", "set", "writer", "a=1", "--json-patch", "{}", data=data)
    run_lectern("provider", "remove", "writer", "--data", data)
    assert "not_found" in refused(1, "provider", "show", "writer", data=data)
    assert {p["name"] for p in json.loads(run_lectern("provider", "plugins", "--json"))} == {"anthropic", "awsbedrock", "azureai", "deepseek", "extract", "gemini", "huggingface", "llamacpp", "mistral", "ollama", "openai", "openai_compatible", "replay", "vllm"}


def test_placements_switches_permissions(data):
    run_lectern("placement", "set", "course_assist/summarise_text", "off", "--data", data)
    run_lectern("placement", "set", "chat", "off", "--data", data)
    states = {(p["placement"], p["action"]): p["state"] for p in js(data, "placement", "list")}
    assert states["course_assist", "summarise_text"] == "off" and states["chat", ""] == "off" and states["editor", ""].startswith("on")
    run_lectern("placement", "set", "chat", "default", "--data", data)
    assert "nowhere" in refused(1, "placement", "set", "nowhere", "on", data=data)
    run_lectern("switch", "set", "c1", "off", "--location", "l1", "--action", "summarise_text", "--data", data)
    assert js(data, "switch", "list") == [{"course": "c1", "location": "l1", "action": "summarise_text", "on": False, "until": "", "expired": False}]
    run_lectern("switch", "set", "c1", "default", "--location", "l1", "--action", "summarise_text", "--data", data)
    assert js(data, "switch", "list") == []
    run_lectern("permission", "set", "student", "action:generate_text", "on", "--data", data)
    by_name = {p["permission"]: p for p in js(data, "permission", "list")}
    assert by_name["action:generate_text"]["student"] == "yes (set)" and by_name["action:generate_text@editor"]["student"] == "yes (set)"
    assert (by_name["manage_roles"]["teacher"], by_name["manage_roles"]["manager"]) == ("no", "yes")
    run_lectern("permission", "reset", "student", "action:generate_text", "--data", data)
    assert {p["permission"]: p for p in js(data, "permission", "list")}["action:generate_text"]["student"] == "no"
    assert "there is no permission" in refused(1, "permission", "set", "student", "fly", "on", data=data)
    assert "there is no permission" in refused(1, "permission", "set", "student", "action:generate_text@nowhere", "on", data=data)
    assert "admins keep" in refused(1, "permission", "set", "admin", "manage_permissions", "off", data=data)


def test_policy(data):
    run_lectern("policy", "set", "2026-1", "--file", "-", "--data", data, stdin="Be kind.\nCheck what it says.\n")
    assert js(data, "policy", "show") == {"version": "2026-1", "asked_by_lms": False, "language": "en", "text": "Be kind.\nCheck what it says."}
    assert js(data, "policy", "status", "anna")["accepted"] is False


# ---- ask ----


def ask(data, *args, **options):
    return run_lectern("ask", *args, "--data", data, **options)


def test_ask_prints_the_answer_and_records_the_call(data):
    answer = ask(data, "summarise_text", "--input", TEXT)
    assert answer.strip() and answer.strip().split(". ")[0].rstrip(".") in TEXT
    assert ask(data, "summarise_text", "--input", "-", stdin=TEXT) == answer
    assert ask(data, "summarise_text", stdin=TEXT) == answer
    assert ask(data, "summarise_text", "--input", json.dumps({"text": TEXT})) == answer
    assert ask(data, "summarise_text", "--input", TEXT, "--stream") == answer
    whole = json.loads(ask(data, "summarise_text", "--input", TEXT, "--json", "--course", "c1"))
    assert whole["response"]["generated_content"] == answer.rstrip("\n") and whole["provider"] == "extract"
    calls = js(data, "register", "list")["calls"]
    assert len(calls) == 6 and {c["state"] for c in calls} == {"completed"} and {c["user"] for c in calls} == {"cli"}
    shown = js(data, "register", "show", whole["id"])
    assert shown["course"] == "c1" and shown["attempts"][0]["provider"] == "extract" and shown["content"]["generatedcontent"]
    assert len(js(data, "register", "list", "--limit", "2", "--course", "c1")["calls"]) == 1


def test_ask_refuses_clearly(data, tmp_path):
    assert "unknown_action" in refused(1, "ask", "write_poem", "--input", "x", data=data)
    assert "no_provider" in refused(1, "ask", "generate_text", "--input", "x", data=data)
    assert "/input" in refused(1, "ask", "summarise_text", "--input", "{}", data=data)
    error = json.loads(run_lectern("ask", "generate_text", "--input", "x", "--json", "--data", data, check=False).stdout)
    assert error["error"]["code"] == "no_provider"
    assert "site add" in refused(1, "ask", "summarise_text", "--input", "x", data=tmp_path / "new")


def test_ask_shows_the_policy_until_it_is_accepted(data):
    run_lectern("policy", "set", "1", "--file", "-", "--data", data, stdin="Be kind.")
    text = refused(1, "ask", "summarise_text", "--input", TEXT, data=data)
    assert "Be kind." in text and "--accept-policy" in text
    assert ask(data, "summarise_text", "--input", TEXT, "--accept-policy") == ask(data, "summarise_text", "--input", TEXT)


def test_ask_works_beside_a_running_daemon(daemon, upstream):
    add_vendor(daemon, upstream)
    upstream.default = "echo"
    answer = daemon.cli("ask", "generate_text", "--input", "say this", "--accept-policy", "--stream")
    assert "say this" in answer
    assert daemon.request("GET", "/v1/register?user=cli", daemon.admin_key).json["calls"][0]["state"] == "completed"


def test_ask_interrupted_is_cancelled_and_recorded(daemon, upstream):
    add_vendor(daemon, upstream)
    upstream.default = "stall"
    process = subprocess.Popen([LECTERN, "ask", "generate_text", "--input", "x", "--accept-policy", "--data", daemon.data], stderr=subprocess.PIPE, text=True)
    upstream.wait_for(lambda r: r["path"].endswith("/chat/completions"))
    process.send_signal(2)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1 and "cancelled" in errors
    assert json.loads(daemon.cli("--json", "register", "list", "--limit", "1"))["calls"][0]["state"] == "cancelled"
