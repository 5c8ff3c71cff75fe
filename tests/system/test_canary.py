"""
A secret of its own in every place where one can be given, and a word of its own in every prompt: then all that the daemon writes, says, passes on and starts
is searched for them. Whatever it is told to speak with answers with all that it was sent, so that nothing can hide behind services that say little.
"""
import concurrent.futures
import http.server
import json
import os
import pathlib
import re
import resource
import secrets
import signal
import subprocess
import sys
import threading

import pytest
from conftest import LECTERN, ROOT, Daemon, check_end, contents, sqlite_only, wait_until
from double.lms import OpenEdx
from double.upstream import Upstream
from routes import fill, least, routes
from test_plugins import compile_plugin
from tokens import claims, token

MCP_SERVER = """
import json, sys
for line in sys.stdin:
    m = json.loads(line)
    result = {"initialize": {"protocolVersion": "2025-11-25", "capabilities": {"tools": {}}, "serverInfo": {"name": "s", "version": "1"}}, "tools/list": {"tools": []}}.get(m.get("method"))
    if result is not None:
        print(json.dumps({"jsonrpc": "2.0", "id": m["id"], "result": result}), flush=True)
"""
# Answers that give a secret out, once, to who has just made it.
GIVEN_OUT = {("POST", "/v1/keys"), ("POST", "/v1/keys/{id}/rotate"), ("POST", "/v1/event-destinations")}
NO_CORE = "Max core file size +0 "


class Echo:
    """Whatever is asked of it, it refuses, and says all that it was sent."""

    def __init__(self):
        self.heard = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode("utf-8", "replace")
                said = f"{self.command} {self.path} {dict(self.headers)} {body}"
                outer.heard.append(said)
                text = json.dumps({"error": {"message": said, "type": "invalid_request_error", "code": "invalid_api_key"}}).encode()
                self.send_response(401, "Unauthorized")
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST = do_PUT = do_DELETE = answer

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def secret_members(schema):
    """Those of a plugin's settings that are written and not read."""
    return [name for name, member in schema.get("properties", {}).items() if member.get("writeOnly")]


class Planted:
    def __init__(self, folder, upstream, lms, echo):
        self.folder, self.upstream, self.lms, self.echo = folder, upstream, lms, echo
        self.secrets, self.prompts, self.bodies, self.given_out = {}, {}, [], []
        (folder / "server.py").write_text(MCP_SERVER)
        (folder / "commands.json").write_text(json.dumps({"own": {"command": [sys.executable, str(folder / "server.py")], "env": {"TOKEN": self.secret("MCP command")}}}))
        (folder / "otlp").write_text(f"Authorization=Bearer {self.secret('OTLP header')}\n")
        (folder / "plugins").mkdir()
        compile_plugin(ROOT / "plugins/example/example.c", folder / "plugins/example.so")
        (folder / "plugins/example.json").write_bytes((ROOT / "plugins/example/example.json").read_bytes())
        self.daemon = Daemon(folder / "data", "--log-level", "debug", "--access-log", folder / "access.log", "--otlp-endpoint", echo.url, "--otlp-headers-file", folder / "otlp",
                             "--mcp-commands", folder / "commands.json", "--plugin-dirs", folder / "plugins",
                             env={"SOME_SECRET": self.secret("environment"), "HTTPS_PROXY": f"http://proxy:{self.secret('proxy')}@127.0.0.1:9"})
        self.secrets |= {f"demo: {name}": value for name, value in self.daemon.keys.items() if name != "base_url"}
        self.secrets["master key"] = (folder / "data/master.key").read_text().split()[0]
        self.configure()

    def secret(self, of, form="canary{}"):
        self.secrets[of] = form.format(secrets.token_hex(16))
        return self.secrets[of]

    def prompt(self, of):
        self.prompts[of] = f"promptcanary{secrets.token_hex(12)}"
        return self.prompts[of]

    def ask(self, method, path, body=None, key=None, headers=None, route=None, status=None):
        answer = self.daemon.request(method, path, key or self.daemon.admin_key, body, headers, timeout=120)
        (self.given_out if (method, route or path) in GIVEN_OUT else self.bodies).append((f"{method} {path}", answer.body + str(answer.headers).encode()))
        assert status is None or answer.status == status, answer
        return answer

    def configure(self):
        d, ask = self.daemon, self.ask
        d.cli("issuer", "set", "https://lms.example/oauth2", "canary", "--site", "demo", "--secret-file", "-", stdin=self.secret("issuer"))
        ask("PATCH", "/v1/site", {"settings": {"policy_by_lms": True, "mcp_hosts": ["127.0.0.1"], "lms_roles_url": self.echo.url + "/roles/"}}, status=200)
        self.secret("provider openai of the double")
        vendor = ask("POST", "/v1/providers", {"name": "vendor", "plugin": "openai", "config": {
            "endpoint": self.upstream.url, "model": "m", "retries": 0, "breaker_faults": 0, "api_key": self.secrets["provider openai of the double"]}}, status=201).json["id"]
        self.upstream.api_key = self.secrets["provider openai of the double"]
        self.providers = [self.add_provider(plugin) for plugin in ask("GET", "/v1/provider-plugins").json["plugins"] if secret_members(plugin["settings_schema"])]
        ask("PUT", "/v1/providers/order", {"ids": [vendor]}, status=200)
        for role in ("service", "site_admin", "metrics"):
            made = ask("POST", "/v1/keys", {"role": role, "name": role}, status=201).json
            self.secrets[f"key {role}"] = made["key"]
        rotated = ask("POST", f"/v1/keys/{made['id']}/rotate", {}, route="/v1/keys/{id}/rotate")
        self.secrets["key rotated"] = rotated.json["key"]
        ask("POST", "/v1/content-sources", {"name": "edx", "kind": "openedx", "base_url": self.lms.url, "client_id": "lectern", "secret": self.secret("OAuth of the LMS")}, status=201)
        ask("POST", "/v1/content-sources", {"name": "edx-echo", "kind": "openedx", "base_url": self.echo.url, "client_id": "lectern", "secret": self.secret("OAuth of the echo")}, status=201)
        ask("POST", "/v1/content-sources", {"name": "moodle", "kind": "moodle", "base_url": self.echo.url, "secret": self.secret("Moodle's token")}, status=201)
        self.lms.client = ("lectern", self.secrets["OAuth of the LMS"])
        hook = ask("POST", "/v1/event-destinations", {"name": "hook", "kind": "webhook", "url": self.echo.url}, status=201).json
        self.secrets["webhook, made"] = hook["secret"]
        mine = self.secret("webhook, given", "whsec_{}")
        ask("PATCH", f"/v1/event-destinations/{hook['id']}", {"config": {"secret": mine}}, status=200)
        ask("POST", "/v1/event-destinations", {"name": "lrs", "kind": "xapi", "url": self.echo.url, "config": {
            "username": "u", "password": self.secret("password of the LRS"), "home_page": "https://lms.example"}}, status=201)
        ask("POST", "/v1/event-destinations", {"name": "redis", "kind": "redis", "url": self.echo.url.replace("http", "redis"), "config": {"password": self.secret("password of Redis")}}, status=201)
        ask("POST", "/v1/mcp-servers", {"label": "http", "transport": "http", "url": self.echo.url, "connect_ms": 5000,
                                        "headers": {"Authorization": "Bearer " + self.secret("MCP header"), "X-Key": self.secret("MCP header, other")}}, status=201)
        ask("POST", "/v1/mcp-servers", {"label": "own", "transport": "stdio", "command": "own", "connect_ms": 60000}, status=201)
        self.user = token(self.secrets["issuer"], "HS256", claims(aud="canary", roles=["teacher"]))
        self.secrets["JWT"] = self.user
        d.wait_for_config()
        wait_until(lambda: d.request("GET", "/v1/actions", self.user).status == 200, what="the issuer")

    def add_provider(self, plugin):
        schema, name = plugin["settings_schema"], plugin["name"]
        config = least({**schema, "required": schema.get("required", [])})
        config |= {member: self.secret(f"provider {name}: {member}") for member in secret_members(schema)}
        if "endpoint" in schema["properties"]:
            config["endpoint"] = self.echo.url
        if "model" in schema["properties"]:
            config["model"] = "m"
        for member, value in (("region", "eu-central-1"), ("access_key_id", "AKIDEXAMPLE"), ("username", "u"), ("deployment", "m")):
            if member in schema["properties"] and member not in secret_members(schema):
                config[member] = value
        return self.ask("POST", "/v1/providers", {"name": f"of-{name}", "plugin": name, "config": config}, status=201).json["id"]

    def call(self, of, key=None, **more):
        body = {"input": {"prompt": self.prompt(of)}, **more}
        if key != self.user:
            body["user"] = {"id": "canary-user", "roles": ["teacher"]}
        return self.ask("POST", "/v1/actions/generate_text", body, key)

    def work(self):
        """Calls that succeed and fail, at every door to the outside that has a secret."""
        assert self.call("of a token", self.user).status == 200
        assert self.call("of a key", self.secrets["key service"]).status == 200
        self.daemon.stream("POST", "/v1/actions/generate_text", self.user, {"input": {"prompt": self.prompt("streamed")}, "stream": True})
        self.upstream.default = "401"
        self.call("refused by the service", self.secrets["key service"])
        self.upstream.default = "ok"
        paths = [f"/v1/providers/{id}/test" for id in self.providers] + [f"/v1/mcp-servers/{label}/test" for label in ("http", "own")]
        paths += [f"/v1/content-sources/{name}/test" for name in ("edx", "edx-echo", "moodle")]
        paths += [f"/v1/event-destinations/{d['id']}/test" for d in self.ask("GET", "/v1/event-destinations").json["destinations"]]
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda path: self.ask("POST", path, {}), paths))
        assert self.lms.tokens, "the LMS was signed in to"
        self.secrets |= {f"token of the LMS {n}": t for n, t in enumerate(self.lms.tokens)}

    def misuse(self):
        """Secrets at wrong places, and wrong ones: error bodies repeat none."""
        d = self.daemon
        for name, value in list(self.secrets.items()):
            self.ask("GET", "/v1/site", key=value if len(value) < 4000 and "\n" not in value and not name.startswith(("demo", "key", "JWT")) else value[:-1] + "~")
            self.ask("GET", f"/v1/keys?limit={value}")
            self.ask("GET", f"/v1/register/{value}")
            self.ask("POST", "/v1/providers", {"name": "x" * 300, "plugin": "openai", "config": {"api_key": value, "endpoint": "ftp://x"}})
            self.ask("POST", "/v1/mcp-servers", {"label": "bad label", "transport": "http", "url": "http://x", "headers": {"X-Key": value}})
        self.ask("POST", "/v1/providers", None, headers={"Content-Type": "application/json"})
        answer = d.request("POST", "/v1/console/session", None, {"key": d.admin_key}, headers={"Origin": f"http://127.0.0.1:{d.port}"})
        for cookie in re.findall(r"=([^;=]{20,})(?:;|$)", answer.headers.get("Set-Cookie", "")):
            self.secrets["session of the console"] = cookie

    def look(self):
        """Everything that can be read, by an administrator and by a learner."""
        for (method, path), operation in routes(self.daemon).items():
            if method == "GET" and "events" not in path and "stream" not in path:
                for key in (self.daemon.admin_key, self.user):
                    for value in ("1", "vendor", "http", "edx"):
                        self.ask("GET", fill(path, id=value, name=value, path=value), key=key)
                        if "{" not in path:
                            break
        calls = self.ask("GET", "/v1/register?limit=100").json["calls"]
        assert len(calls) >= 4
        for call in calls:
            self.content = [*getattr(self, "content", []), self.daemon.request("GET", f"/v1/register/{call['id']}", self.daemon.admin_key).body]
        for path in ("/v1/providers", "/v1/register", "/v1/tasks"):
            self.ask("GET", path + "?format=csv")


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    echo = Echo()
    with Upstream() as upstream, OpenEdx() as lms:
        p = Planted(tmp_path_factory.mktemp("canary"), upstream, lms, echo)
        p.work()
        p.misuse()
        p.look()
        yield p
        check_end(p.daemon)
    echo.close()


def found(words, text):
    """Names of those that stand in the text, as they are or as parts of a URL."""
    data = text if isinstance(text, bytes) else text.encode()
    return [name for name, word in words.items() if word.encode() in data]


def test_a_secret_of_every_kind_is_there(planted):
    plugins = {name.split(":")[0] for name in planted.secrets if name.startswith("provider ")}
    assert len(plugins) >= 11 and len(planted.secrets) >= 35, sorted(planted.secrets)
    assert len(set(planted.secrets.values())) == len(planted.secrets)


def test_secrets_have_reached_whom_they_are_for(planted):
    """So that the tests below search for what was in use."""
    heard = "\n".join(planted.echo.heard)
    there = set(found(planted.secrets, heard))
    assert {"OTLP header", "MCP header", "MCP header, other", "OAuth of the echo", "Moodle's token"} <= there, there
    assert len([name for name in there if name.startswith("provider ")]) >= 5, there


def test_nobody_hears_a_secret_that_is_for_another(planted):
    """Services hear the secrets that are theirs, and nothing of callers."""
    of_callers = {name: value for name, value in planted.secrets.items() if name.startswith(("demo", "key", "JWT", "issuer", "master", "session", "environment", "webhook"))}
    assert not found(of_callers, "\n".join(planted.echo.heard))
    told = json.dumps([{k: r.get(k) for k in ("headers", "body", "path")} for r in planted.upstream.requests()], default=str)
    assert found(planted.secrets, told) in ([], ["provider openai of the double"])


def test_logs_and_traces_hold_neither_secrets_nor_prompts(planted):
    log = planted.daemon.log()
    assert '"level":"debug"' in log, "the log is one of debug level"
    assert not found(planted.secrets | planted.prompts, log)
    assert not found(planted.secrets | planted.prompts, (planted.folder / "access.log").read_bytes())
    spans = [said for said in planted.echo.heard if "/v1/traces" in said]
    own = {name: value for name, value in planted.secrets.items() if name != "OTLP header"}
    assert spans and not found(own | planted.prompts, "\n".join(spans))


def test_answers_repeat_no_secret(planted):
    wrong = [f"{name} in the answer to {asked[:80]}" for asked, body in planted.bodies for name in found(planted.secrets, body)]
    repeated = [w for w in wrong if not re.search(r"GET /v1/(keys\?limit=|register/)", w)]
    assert len(planted.bodies) > 300 and not repeated, "\n".join(repeated[:40])
    assert planted.given_out and found(planted.secrets, planted.given_out[0][1]), "those that give one out are looked at, too"


def test_figures_hold_neither_secrets_nor_prompts(planted):
    for accept in ("text/plain", "application/openmetrics-text"):
        text = planted.daemon.request("GET", "/metrics", planted.daemon.admin_key, headers={"Accept": accept}).body
        assert b"lectern_calls_total" in text and not found(planted.secrets | planted.prompts, text)


def test_exports_hold_no_secrets_and_prompts_where_they_belong(planted):
    for path in ("/v1/register/export", "/v1/privacy/metadata"):
        assert not found(planted.secrets, planted.ask("GET", path).body)
    export = planted.daemon.request("POST", "/v1/privacy/export", planted.daemon.service_key, {"user_id": "canary-user"})
    assert export.status == 200 and found(planted.prompts, export.body) and not found(planted.secrets, export.body)


def test_files_hold_no_secret_in_clear(planted):
    """But those that are made to hold one: the master key, and the demo's keys, which are shown to who tries it."""
    for path, data in contents(planted.daemon.data):
        mine = {"master.key": ["master key"], "demo.json": [name for name in planted.secrets if name.startswith("demo")]}.get(path.name, [])
        assert set(found(planted.secrets, data)) <= set(mine), path


def test_prompts_lie_in_the_database_and_nowhere_else(planted):
    holding = {path.name.split("-")[0] for path, data in contents(planted.daemon.data) if found(planted.prompts, data)}
    assert holding == {"lectern.db"}
    assert set(found(planted.prompts, b"".join(planted.content))) == set(planted.prompts), "an administrator finds them where contents are kept"


def children(pid):
    return [int(n) for task in pathlib.Path(f"/proc/{pid}/task").iterdir() for n in (task / "children").read_text().split()]


def descendants(pid):
    return [each for child in children(pid) for each in (child, *descendants(child))]


def test_command_lines_and_environments_of_processes_hold_no_secret(planted):
    """Commands of MCP servers are given what is theirs; plugins nothing."""
    assert planted.ask("POST", "/v1/mcp-servers/own/test", {}).json["success"]
    started, seen = descendants(planted.daemon.process.pid), set()
    for pid in started:
        proc = pathlib.Path(f"/proc/{pid}")
        line = proc.joinpath("cmdline").read_bytes()
        seen |= {what for what in ("server.py", "plugin") if what.encode() in line}
        assert not found(planted.secrets, line), line
        own = ["MCP command"] if b"server.py" in line else []
        assert found(planted.secrets, proc.joinpath("environ").read_bytes()) == own, line
    assert len(started) >= 2 and "server.py" in seen, seen
    assert not found(planted.secrets, pathlib.Path(f"/proc/{planted.daemon.process.pid}/cmdline").read_bytes())


def test_a_site_that_keeps_no_content_has_no_prompt_on_disk(planted):
    d = planted.daemon
    planted.ask("PATCH", "/v1/site", {"settings": {"store_content": False}}, status=200)
    d.wait_for_config()
    before = dict(planted.prompts)
    for n in range(3):
        assert planted.call(f"not kept {n}", planted.user).status == 200
    answer = d.stream("POST", "/v1/actions/generate_text", planted.user, {"input": {"prompt": planted.prompt("not kept, streamed")}, "stream": True})
    assert answer[-1].kind == "done", answer
    fresh = {name: word for name, word in planted.prompts.items() if name not in before}
    assert len(fresh) == 4
    for path, data in contents(d.data.parent):
        assert not found(fresh, data), path
    planted.ask("PATCH", "/v1/site", {"settings": {"store_content": True}}, status=200)
    for name in fresh:
        del planted.prompts[name]


@pytest.fixture
def core_files():
    """As large as they may be, for what is started meanwhile."""
    before = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (before[1], before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_CORE, before)


def test_a_crash_leaves_no_file_with_a_secret(core_files, tmp_path):
    """Where the parent allows core files of any size, an abort writes none, here or where the kernel's pattern says."""
    d = Daemon(tmp_path / "data", "--log-level", "debug")
    pattern = pathlib.Path("/proc/sys/kernel/core_pattern").read_text().strip()
    assert re.search(NO_CORE, pathlib.Path(f"/proc/{d.process.pid}/limits").read_text())
    key = d.admin_key
    assert d.request("GET", "/v1/site", key).status == 200
    places = {tmp_path, pathlib.Path.cwd(), ROOT, *([pathlib.Path(pattern).parent] if pattern.startswith("/") else [])}
    before = {path for place in places for path in place.iterdir()}
    assert d.stop(signal.SIGABRT) == -signal.SIGABRT
    after = {path for place in places for path in place.iterdir()} - before
    assert not [path for path in after if "core" in path.name], after
    for path, data in contents(tmp_path):
        assert path.name == "demo.json" or key.encode() not in data, path


@sqlite_only("a server's password is the operator's there")
@pytest.mark.parametrize("how", ["flag", "environment"])
def test_the_password_of_a_database_server_is_said_nowhere(tmp_path, how):
    word = "canary" + secrets.token_hex(12)
    for url in (f"postgresql://lectern:{word}@127.0.0.1:9/lectern", f"postgresql://lectern:with/a@{word}@127.0.0.1:9/x", f"postgresql://127.0.0.1:9/x?user=l&password={word}"):
        options, env = (["--database", url], {}) if how == "flag" else ([], {"LECTERN_DATABASE": url})
        asked = [["check-config"], ["check-config", "--json"]]
        if "lectern:canary" in url and how == "flag":  # each tries to connect for a while
            asked += [["serve", "--listen", "127.0.0.1:0", "--log-level", "debug"], ["migrate"]]
        for command in asked:
            done = subprocess.run([LECTERN, *command, "--data", tmp_path / "data", *options], env={**os.environ, **env}, capture_output=True, text=True, timeout=120)
            assert word not in done.stdout + done.stderr, done
            assert command[0] != "check-config" or "127.0.0.1:9" in done.stdout, "what is no secret is shown"
    for path, data in contents(tmp_path):
        assert word.encode() not in data, path
