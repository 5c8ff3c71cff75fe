"""/metrics: both formats as Prometheus' own parsers read them, the table of docs/metrics.md, figures equal to the register, bounded labels, whose
figures are told to whom; and every figure that the dashboard and the rules ask for exists."""
import collections
import contextlib
import json
import os
import pathlib
import random
import re
import shutil
import socket
import subprocess

import pytest
from conftest import ROOT, Daemon, add_vendor, check_end, read_events, wait_until
from database import connect
from openai_packages import install_python

SAMPLE = re.compile(r'^([a-z_]+)(?:\{(.*)\})? (\S+)$')
LABEL = re.compile(r'([a-z_]+)="((?:[^"\\]|\\.)*)"')
OPEN = "application/openmetrics-text; version=1.0.0"
SEED = int(os.environ.get("LECTERN_METRICS_SEED", random.randrange(1 << 32)))


def read(text):
    """{(name, labels as a sorted tuple): value}, and {family: (type, help)}."""
    samples, families = {}, {}
    for line in text.splitlines():
        if line.startswith("# HELP "):
            name, words = line[7:].split(" ", 1)
            families[name] = [None, words]
        elif line.startswith("# TYPE "):
            name, kind = line[7:].split(" ")
            families[name][0] = kind
        elif line != "# EOF":
            name, labels, value = SAMPLE.match(line).groups()
            key = name, tuple(sorted(LABEL.findall(labels or "")))
            assert key not in samples, f"{line} stands twice"
            samples[key] = float(value)
    return samples, {k: tuple(v) for k, v in families.items()}


def metrics(daemon, key=None, accept=None):
    answer = daemon.request("GET", "/metrics", key or daemon.admin_key, headers={"Accept": accept} if accept else {})
    assert answer.status == 200, answer
    return answer.body.decode()


def documented():
    rows = re.findall(r"^\| `([a-z_]+)` \| (\w+) \| ([^|]*) \| (.*) \|$", (ROOT / "docs/metrics.md").read_text(), re.M)
    assert len(rows) > 40
    return {name: (kind, tuple(re.findall(r"`([a-z_]+)`", labels)), words) for name, kind, labels, words in rows}


def base(name):
    return re.sub(r"_(bucket|sum|count)$", "", name)


def test_the_table_of_the_documentation_is_what_the_program_tells(shared):
    shared.request("POST", "/v1/actions/summarise_text", shared.learner, {"input": {"text": "Water moves. It rains. It flows."}})
    samples, families = read(metrics(shared))
    table = documented()
    assert {name: (kind, words) for name, (kind, _, words) in table.items()} == families
    assert list(families) == list(table), "in the same order"
    for name, labels in samples:
        family = name if name in table else base(name)
        assert {k for k, _ in labels} - {"le"} == set(table[family][1]), (name, labels)
    for name, (kind, _, words) in table.items():
        assert (kind == "counter") == name.endswith("_total") and words.endswith("."), name


PARSE = """
import json, sys
from prometheus_client import parser
from prometheus_client.openmetrics import parser as open_parser
out = {}
for name, parse in (("text", parser), ("open", open_parser)):
    families = list(parse.text_string_to_metric_families(open(sys.argv[1] + "." + name).read()))
    out[name] = {"families": len(families), "samples": sorted([s.name, sorted(s.labels.items()), s.value] for f in families for s in f.samples)}
print(json.dumps(out))
"""


def test_prometheus_own_parsers_read_both_formats_and_find_the_same(shared, tmp_path_factory):
    python = install_python(tmp_path_factory.mktemp("prometheus"), "prometheus_client==0.21.1")
    for _ in range(3):
        shared.request("POST", "/v1/actions/summarise_text", shared.learner, {"input": {"text": "Water moves. It rains. It flows."}})
    folder = tmp_path_factory.mktemp("figures")
    (folder / "m.text").write_text(metrics(shared))
    (folder / "m.open").write_text(metrics(shared, accept=OPEN))
    found = json.loads(subprocess.run([python, "-c", PARSE, folder / "m"], capture_output=True, text=True, check=True).stdout)
    assert found["text"]["families"] == found["open"]["families"] == len(documented())
    names = {what: {(name, json.dumps(labels)) for name, labels, _ in found[what]["samples"]} for what in found}
    assert names["text"] == names["open"]
    calls = {what: [s for s in found[what]["samples"] if s[0] in ("lectern_calls_total", "lectern_attempts_total", "lectern_tokens_total")] for what in found}
    assert calls["text"] == calls["open"] and calls["text"]


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not installed")
def test_promtool_finds_nothing_wrong(shared):
    done = subprocess.run(["promtool", "check", "metrics"], input=metrics(shared), capture_output=True, text=True)
    complaints = [line for line in (done.stdout + done.stderr).splitlines() if "microseconds" not in line and "_total" not in line]
    assert done.returncode in (0, 3) and not [c for c in complaints if "error" in c.lower()], complaints
    assert subprocess.run(["promtool", "check", "rules", ROOT / "share/prometheus/alerts.yml"], capture_output=True).returncode == 0


@pytest.mark.parametrize("accept, open_format", [
    (None, False), ("*/*", False), ("text/plain", False), ("text/plain;version=0.0.4", False), (OPEN, True), ("application/openmetrics-text", True),
    ("application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1", True),
    ("application/openmetrics-text;q=0, text/plain", False), ("application/openmetrics-text;q=0.3,text/plain;q=0.8", False),
    ("APPLICATION/OpenMetrics-Text; Q=0.9, text/plain; q=0.9", True), ("application/openmetrics-textual", False), ("application/openmetrics-text;q=x", False)])
def test_the_accept_field_decides_the_format(shared, accept, open_format):
    answer = shared.request("GET", "/metrics", shared.admin_key, headers={"Accept": accept} if accept else {})
    assert answer.body.endswith(b"# EOF\n") == open_format
    assert answer.headers["Content-Type"] == (f"{OPEN}; charset=utf-8" if open_format else "text/plain; version=0.0.4; charset=utf-8")
    assert (b"# TYPE lectern_calls counter" in answer.body) == open_format


# ---- the register ----

SCENARIOS = ["ok", "ok", "chunks", "no_usage", "think", "401", "429?retry_after=0", "500", "wrong_json", "context_window", "refusal", "reset", "close_mid", "html", "truncated"]


def register(daemon):
    with contextlib.closing(connect(f"file:{daemon.data / 'lectern.db'}?mode=ro", uri=True, timeout=60)) as db:
        calls = db.execute("SELECT b.action, e.state, e.code FROM ai_call b JOIN ai_call_end e ON e.call_id = b.id").fetchall()
        attempts = db.execute("SELECT a.instance, b.action, a.success, a.code, COALESCE(a.prompt_tokens, 0), COALESCE(a.completion_tokens, 0), a.cost"
                              " FROM ai_call_attempt a JOIN ai_call b ON b.id = a.call_id").fetchall()
    return calls, attempts


def of(samples, name, *labels):
    """{values of these labels: value} of a figure, summed over the others."""
    out = collections.Counter()
    for (found, pairs), value in samples.items():
        if found == name:
            out[tuple(dict(pairs)[k] for k in labels)] += value
    return {k: v for k, v in out.items() if v}


def test_after_random_calls_the_figures_are_what_the_register_says(tmp_path, upstream):
    print(f"seed {SEED}")
    dice = random.Random(SEED)
    d = Daemon(tmp_path / "data", "--threads", "2")
    d.accept_policy(d.teacher)
    d.request("PATCH", "/v1/site", d.admin_key, {"settings": {"refusals_per_second": 1000}})
    for name in ("one", 'two "quoted" \\ back'):
        add_vendor(d, upstream, name, first=False)
    d.request("POST", "/v1/prices", d.admin_key, {"model": "*", "input": 3, "output": 7})
    d.wait_for_config()
    upstream.choose = lambda request: dice.choice(SCENARIOS)
    actions = {"generate_text": {"prompt": "What is water?"}, "summarise_text": {"text": "Water moves. It rains. It flows."}, "explain_text": {"text": "Osmosis."}}
    for _ in range(150):
        action, chance = dice.choice(list(actions)), dice.random()
        body, key, path = {"input": actions[action]}, d.teacher, f"/v1/actions/{action}"
        if chance < 0.05:
            body["input"] = {}
        elif chance < 0.1:
            key = d.learner  # has not accepted the policy
        elif chance < 0.15:
            path = "/v1/actions/make_" + dice.choice("abcdef") * 20
        elif chance < 0.2:
            body["context"] = {"placement": "nowhere"}
        elif chance < 0.5:
            body["stream"] = True
        d.request("POST", path, key, body)
    # A refusal is recorded without waiting: its row may come after its answer, and after the answer to who asks for the figures.
    wait_until(lambda: len(register(d)[0]) == 150, what="the rows of 150 calls")

    def equal():
        calls, attempts = register(d)
        samples, _ = read(metrics(d))
        known = collections.Counter((a if a in actions else "other", state, code or "ok") for a, state, code in calls)
        assert of(samples, "lectern_calls_total", "action", "outcome", "code") == known
        assert of(samples, "lectern_calls_total", "site") == {("demo",): len(calls)}
        assert sum(of(samples, "lectern_call_refusals_total", "gate").values()) == sum(1 for c in calls if c[1] == "refused")
        ended = collections.Counter((a,) for a, state, _ in calls if state != "refused")
        assert of(samples, "lectern_call_duration_seconds_count", "action") == ended
        names = {'two "quoted" \\ back': 'two \\"quoted\\" \\\\ back'}
        tried = collections.Counter((names.get(i, i), a, code or "ok") for i, a, _, code, *_ in attempts)
        assert of(samples, "lectern_attempts_total", "provider", "action", "code") == tried
        assert of(samples, "lectern_attempt_duration_seconds_count", "provider") == collections.Counter((names.get(a[0], a[0]),) for a in attempts)
        tokens = of(samples, "lectern_tokens_total", "kind")
        assert tokens.get(("prompt",), 0) == sum(a[4] for a in attempts) and tokens.get(("completion",), 0) == sum(a[5] for a in attempts)
        cost = sum(of(samples, "lectern_cost_total", "site").values())
        assert round(cost * 1e6) == sum(a[6] or 0 for a in attempts)
        assert sum(of(samples, "lectern_cost_unknown_total", "site").values()) == sum(1 for a in attempts if a[2] and a[6] is None)
        return len(calls), len(attempts)

    calls, attempts = equal()
    print(f"{calls} calls, {attempts} attempts")
    assert calls == 150 and attempts > 50
    check_end(d)


# ---- whose, and how many ----

def test_a_site_reads_its_own_figures_and_all_only_where_the_operator_says_so(tmp_path):
    for all_sites in (False, True):
        d = Daemon(tmp_path / f"data{all_sites}", *(["--metrics-all-sites"] if all_sites else []))
        d.cli("site", "add", "b")
        other = json.loads(d.cli("--json", "key", "add", "--site", "b", "--role", "site_admin"))["key"]
        wait_until(lambda: d.request("GET", "/v1/health", other).status == 200, what="the key of b")
        for key in (d.admin_key, other):
            d.request("POST", "/v1/actions/summarise_text", key, {"input": {"text": "Water moves. It rains. It flows."}})
        for key, own in ((d.admin_key, "demo"), (other, "b")):
            samples, _ = read(metrics(d, key))
            sites = {dict(labels)["site"] for _, labels in samples if "site" in dict(labels)}
            assert sites == ({"demo", "b"} if all_sites else {own}), sites
        check_end(d)


def test_labels_are_bounded_whatever_sites_come(tmp_path):
    """More sites than have figures of their own: the rest is counted as one."""
    d = Daemon(tmp_path / "data", "--metrics-all-sites", demo=True)
    keys = []
    for i in range(70):
        d.cli("site", "add", f"s{i}")
        keys.append(json.loads(d.cli("--json", "key", "add", "--site", f"s{i}", "--role", "site_admin"))["key"])
    wait_until(lambda: d.request("GET", "/v1/health", keys[-1]).status == 200, what="the last key")
    for key in keys:
        d.request("POST", "/v1/actions/generate_text", key, {"input": {"prompt": "x"}})
    samples, _ = read(metrics(d))
    counted = of(samples, "lectern_calls_total", "site")
    assert len(counted) == 65 and counted[("other",)] == 6 and sum(counted.values()) == 70
    assert sum(of(samples, "lectern_call_refusals_total", "site").values()) == sum(of({k: v for k, v in samples.items() if ("outcome", "refused") in k[1]}, "lectern_calls_total", "site").values())
    check_end(d)


# ---- one by one ----

def test_cancelled_calls_say_why_and_gauges_tell_what_runs(daemon, upstream):
    daemon.accept_policy(daemon.teacher)
    daemon.request("PATCH", "/v1/site", daemon.admin_key, {"settings": {"resume_grace_ms": 0}})
    add_vendor(daemon, upstream)
    upstream.default = "stall_mid"
    body = {"input": {"prompt": "x"}, "stream": True}

    def running():
        return read(metrics(daemon))[0]["lectern_site_calls_running", (("site", "demo"),)]

    def begin():
        connection, response = daemon.open("POST", "/v1/actions/generate_text", daemon.teacher, body)
        assert response.status == 200
        wait_until(lambda: running() == 1, what="the call")
        return connection, response

    def cancelled():
        return {k[0]: v for k, v in of(read(metrics(daemon))[0], "lectern_calls_cancelled_total", "reason").items()}

    connection, response = begin()
    assert daemon.figure("lectern_streams_running") == 1
    response.close()
    connection.close()
    wait_until(lambda: cancelled() == {"client_left": 1}, what="the reason of who left")
    connection, response = begin()
    call = next(read_events(response)).data["id"]
    assert daemon.request("DELETE", f"/v1/actions/calls/{call}", daemon.teacher).status in (200, 202, 204)
    wait_until(lambda: cancelled() == {"client_left": 1, "asked": 1}, what="the reason of DELETE")
    response.close()
    connection.close()
    connection, response = begin()
    daemon.request("PUT", "/v1/emergency-stop", daemon.admin_key, {"reason": "Test."})
    wait_until(lambda: cancelled() == {"client_left": 1, "asked": 1, "emergency_stop": 1}, what="the reason of a stop")
    samples, _ = read(metrics(daemon))
    assert samples["lectern_site_stopped", (("site", "demo"),)] == 1 and running() == 0
    response.close()
    connection.close()


def test_connections_say_why_they_ended(daemon):
    def closed():
        return {k[0]: v for k, v in of(read(metrics(daemon))[0], "lectern_http_connections_closed_total", "reason").items()}

    def raw(data, wait=True):
        with socket.create_connection(("127.0.0.1", daemon.port)) as s:
            s.sendall(data)
            while wait and s.recv(65536):
                pass

    before = closed()

    def more(reason):
        return closed().get(reason, 0) > before.get(reason, 0)

    raw(b"NONSENSE\r\n\r\n")
    wait_until(lambda: more("bad_request"), what="bad_request")
    raw(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    wait_until(lambda: more("answered"), what="answered")
    raw(b"", wait=False)
    wait_until(lambda: more("client_closed"), what="client_closed")
    assert set(closed()) <= {"bad_request", "answered", "client_closed", "client_left"}


def test_limits_circuits_and_the_process_are_told(daemon, upstream):
    add_vendor(daemon, upstream, breaker_faults=1, breaker_open_ms=300000)
    daemon.accept_policy(daemon.teacher)
    made = daemon.request("POST", "/v1/limits", daemon.admin_key, {"subject": "site", "unit": "requests", "amount": 100, "window": "day"})
    assert made.status == 201, made
    upstream.default = "500"
    daemon.request("POST", "/v1/actions/generate_text", daemon.teacher, {"input": {"prompt": "x"}})
    samples, _ = read(metrics(daemon))
    limit = (("action", ""), ("limit", str(made.json["id"])), ("site", "demo"), ("unit", "requests"), ("window", "day"))
    assert samples["lectern_limit_amount", limit] == 100 and samples["lectern_limit_used", limit] == 1
    assert samples["lectern_provider_circuit_state", (("provider", "vendor"), ("site", "demo"))] == 2
    assert samples["lectern_provider_usable", (("provider", "vendor"), ("site", "demo"))] == 1
    one = {name: value for (name, labels), value in samples.items() if not labels}
    stat = pathlib.Path(f"/proc/{daemon.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    assert abs(one["process_start_time_seconds"] - (os.stat(f"/proc/{daemon.process.pid}").st_mtime)) < 600 and one["process_cpu_seconds_total"] <= (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")
    assert one["process_resident_memory_bytes"] > 1 << 20 and 3 < one["process_open_fds"] <= one["process_max_fds"]
    assert one["lectern_store_commits_total"] == samples["lectern_store_commit_duration_seconds_count", ()] > 0


# ---- dashboard and rules ----

def queried(expression):
    """The metrics that an expression names."""
    bare = re.sub(r'"(?:[^"\\]|\\.)*"', "", expression)
    return set(re.findall(r"\b((?:lectern|process)_[a-z_]+)\b", bare))


def exists(name):
    table = documented()
    return name in table and table[name][0] != "histogram" or name != base(name) and table.get(base(name), "-")[0] == "histogram"


def labels_of(expression):
    return re.findall(r"\b((?:lectern|process)_[a-z_]+)\{([^}]*)\}", expression)


def check_expression(expression):
    names = queried(expression) - {"process_"}
    assert names or expression.startswith("up{"), expression
    for name in names:
        assert exists(name), f"{expression} asks for {name}, which is not told"
    for name, inside in labels_of(expression):
        known = set(documented()[name if name in documented() else base(name)][1]) | {"le", "job", "instance"}
        assert set(re.findall(r"(\w+)(?:=|!=|=~|!~)\"", inside)) <= known, expression


def test_the_dashboard_asks_for_figures_that_exist():
    board = json.loads((ROOT / "share/grafana/lectern.json").read_text())
    assert board["title"] and board["uid"] == "lectern" and board["schemaVersion"] >= 36 and not board.get("id")
    ids, seen, asked = set(), set(), set()
    variables = {v["name"] for v in board["templating"]["list"]}
    for panel in board["panels"]:
        place = panel["gridPos"]
        assert panel["id"] not in ids and panel["title"] and 0 <= place["x"] and place["x"] + place["w"] <= 24
        ids.add(panel["id"])
        cells = {(x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])}
        assert not cells & seen, f"{panel['title']} lies over another"
        seen |= cells
        assert panel["type"] == "row" or panel["targets"], panel["title"]
        for target in panel.get("targets", []):
            check_expression(target["expr"])
            asked |= queried(target["expr"])
            assert set(re.findall(r"\$(\w+)", target["expr"])) - {"__rate_interval"} <= variables
    for variable in board["templating"]["list"]:
        if variable["type"] == "query":
            check_expression(variable["definition"])
    assert len(asked) > 25


def test_the_rules_ask_for_figures_that_exist():
    text = (ROOT / "share/prometheus/alerts.yml").read_text()
    rules = re.split(r"^      - alert: ", text, flags=re.M)[1:]
    assert len(rules) >= 10 and len({r.split()[0] for r in rules}) == len(rules)
    for rule in rules:
        expression = re.search(r"expr: (?:\|\n((?: {10}.*\n)+)|(.*)\n)", rule)
        check_expression(" ".join((expression[1] or expression[2]).split()))
        assert re.search(r"severity: (critical|warning)", rule) and "summary:" in rule and "description:" in rule, rule
