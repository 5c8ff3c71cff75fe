"""Plugins together: services that they offer and use; what changes while the daemon runs; what is refused of their files."""
import concurrent.futures
import json
import os
import shutil
import threading

import pytest
from conftest import ROOT, Daemon, add_vendor, check_end, run_lectern, wait_until
from database import connect
from test_plugins import CONTENT, COURSE, add_profile, compile_plugin, run_profile
from test_tools import Model, marked, once, results

LONG = 60

# One library for all roles: -DID names it, -DBUILD is in its answers.
SOURCE = r"""
#define _POSIX_C_SOURCE 200809L
#include <lectern/plugin.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
static const struct lectern_host *host;

static int32_t answer_text(struct lectern_call *c, const char *text)
{
    struct lectern_str q = host->json_quote(c, text, strlen(text));
    return host->answer(c, q.p, q.n);
}

static int32_t is(struct lectern_str s, const char *text) { return s.n == strlen(text) && memcmp(s.p, text, s.n) == 0; }

/* {"service", "method", "n"?}: asks for the service n times and tells status and answer. */
static int32_t use(void *state, struct lectern_call *c, struct lectern_str r)
{
    struct lectern_lease lease = {sizeof(lease), 0, 0, 0};
    struct lectern_str service, method, arguments, got;
    char name[64], how[64], text[2000];
    int32_t rc;
    (void)state;
    host->json_get(c, r.p, r.n, "/arguments/service", &service);
    host->json_get(c, r.p, r.n, "/arguments/method", &method);
    host->json_get(c, r.p, r.n, "/arguments", &arguments);
    sprintf(name, "%.*s", (int)service.n, service.p);
    sprintf(how, "%.*s", (int)method.n, method.p);
    if (is(method, "leases")) {
        int i, ok = 0;
        for (i = 0; i < 20; i++)
            ok += (rc = host->service_acquire(c, name, &lease)) == LECTERN_SERVICE_OK;
        sprintf(text, "%d %d", ok, (int)rc);
        return answer_text(c, text);
    }
    rc = host->service_acquire(c, name, &lease);
    if (rc != LECTERN_SERVICE_OK) {
        sprintf(text, "status %d", (int)rc);
        return answer_text(c, text);
    }
    rc = host->service_call(c, &lease, how, arguments.p, arguments.n, &got);
    sprintf(text, "%u.%u code %d %.*s", lease.major, lease.minor, (int)rc, (int)got.n, got.p);
    host->service_release(c, &lease);
    if (host->service_call(c, &lease, how, "{}", 2, &got) != LECTERN_EINVALID)
        return host->fail(c, LECTERN_EINTERNAL, "", "a lease that was given back was taken");
    return answer_text(c, text);
}

/* A service: who asks, which build; "crash"; "again" asks the service of the arguments in turn. */
static int32_t serve(void *state, struct lectern_call *c, struct lectern_str r)
{
    struct lectern_str method, user;
    char text[300];
    (void)state;
    host->json_get(c, r.p, r.n, "/method", &method);
    host->json_get(c, r.p, r.n, "/scope/user_id", &user);
    if (is(method, "crash"))
        abort();
    if (is(method, "again"))
        return use(state, c, r);
    if (!is(method, "who"))
        return host->fail(c, LECTERN_EUNSUPPORTED, "", "no such method");
    sprintf(text, BUILD " for %.*s", (int)user.n, user.p);
    return answer_text(c, text);
}

/* BUILD, and what the service says of who asks; as a JSON string. */
static struct lectern_str ask_who(struct lectern_call *c, struct lectern_str service)
{
    struct lectern_lease lease = {sizeof(lease), 0, 0, 0};
    struct lectern_str got = {"", 0};
    char name[64], text[400];
    int32_t rc;
    sprintf(name, "%.*s", (int)service.n, service.p);
    rc = host->service_acquire(c, name, &lease);
    if (rc == LECTERN_SERVICE_OK)
        rc = host->service_call(c, &lease, "who", "{}", 2, &got);
    sprintf(text, BUILD " %d %.*s", (int)rc, (int)got.n, got.p);
    return host->json_quote(c, text, strlen(text));
}

static int32_t conduct(void *state, struct lectern_call *c, struct lectern_str r)
{
    struct lectern_str service;
    char text[600];
    (void)state;
    host->json_get(c, r.p, r.n, "/input", &service);
    service = ask_who(c, service);
    return host->answer(c, text, (size_t)sprintf(text, "{\"response\":%.*s,\"status\":\"completed\"}", (int)service.n, service.p));
}

static int32_t sign(void *state, struct lectern_call *c, struct lectern_str r)
{
    struct lectern_str service;
    (void)state;
    host->json_get(c, r.p, r.n, "/settings/service", &service);
    service = ask_who(c, service);
    return host->answer(c, service.p, service.n);
}

static int32_t compile(void *state, struct lectern_call *c, struct lectern_str r)
{
    static const char q[] = "{\"messages\":[{\"role\":\"user\",\"content\":\"Go.\"}]}";
    (void)state, (void)r;
    return host->answer(c, q, sizeof(q) - 1);
}

static int32_t finish(void *state, struct lectern_call *c, struct lectern_str r)
{
    static const char a[] = "{\"build\":\"" BUILD "\"}";
    struct timespec t = {0, 20000000};
    (void)state, (void)r;
    nanosleep(&t, NULL); /* long enough that some run while the build is replaced */
    return host->answer(c, a, sizeof(a) - 1);
}

static int32_t activate(const struct lectern_host *h, struct lectern_call *c, void **s)
{
    (void)c;
    host = h;
    *s = NULL;
#ifdef BROKEN
    abort();
#endif
    return LECTERN_OK;
}

static const struct lectern_tool tool = {sizeof(tool), 0, use};
static const struct lectern_action action = {sizeof(action), 0, compile, finish, finish};
static const struct lectern_service service = {sizeof(service), 0, serve};
static const struct lectern_orchestrator orchestrator = {sizeof(orchestrator), 0, conduct};
static const struct lectern_processor processor = {sizeof(processor), 0, sign};
static const struct lectern_entry list[] = {
    {sizeof(*list), 0, "tool", ID "_use", &tool}, {sizeof(*list), 0, "action", "try_" ID, &action}, {sizeof(*list), 0, "service", ID ".who", &service},
    {sizeof(*list), 0, "orchestrator", ID "_conduct", &orchestrator}, {sizeof(*list), 0, "processor", ID "_sign", &processor}};
static const struct lectern_entry *const entries[] = {&list[0], &list[1], &list[2], &list[3], &list[4]};
LECTERN_EXPORT const struct lectern_plugin lectern_plugin_v1 = {LECTERN_PLUGIN_MAGIC, sizeof(struct lectern_plugin), LECTERN_ABI_MAJOR, LECTERN_ABI_MINOR,
                                                                5, ID, VERSION, entries, activate, NULL};
"""


@pytest.fixture(scope="module")
def model():
    server = Model()
    server.script = lambda body: "An answer"
    yield server
    server.shutdown()


def build(where, id, build="one", version="1.0.0", broken=False, **manifest):
    """Puts ID.so and ID.json there, each at once, as an installer would."""
    where.mkdir(exist_ok=True)
    tmp = where / "tmp"
    tmp.mkdir(exist_ok=True)
    (tmp / "x.c").write_text(SOURCE)
    compile_plugin(tmp / "x.c", tmp / "x.so", f'-DID="{id}"', f'-DBUILD="{build}"', f'-DVERSION="{version}"', *(["-DBROKEN"] if broken else []))
    (tmp / "x.json").write_text(json.dumps({
        "manifest": 1, "id": id, "version": version, "abi": "1.1", "provides": {
            "tools": [{"name": f"{id}_use", "description": "d", "parameters": {"type": "object"}}],
            "actions": [{"name": f"try_{id}", "title": "Try", "description": "d", "input_schema": {"type": "object"}, "response_schema": {"type": "object"},
                         "columns": ["build"]}],
            "orchestrators": [{"name": f"{id}_conduct", "class_name": f"{id.title()}_conduct", "title": "Conduct", "description": "d"}],
            "processors": [{"name": f"{id}_sign", "class_name": f"{id.title()}_sign", "title": "Sign", "description": "d"}],
            "services": [{"name": f"{id}.who", "version": manifest.pop("service", "1.0")}]}, **manifest}))
    os.replace(tmp / "x.so", where / f"{id}.so")
    os.replace(tmp / "x.json", where / f"{id}.json")
    shutil.rmtree(tmp)


def start(tmp_path, model, *options, **more):
    d = Daemon(tmp_path / "data", "--plugin-dirs", tmp_path / "plugins", "--drain-limit", "1", *options, **more)
    d.cli("site", "set", "demo", "policy_by_lms=true", "tool_time_ms=20000")
    for key in (d.learner, d.teacher):
        d.accept_policy(key)
    add_vendor(d, model)
    answer = d.request("POST", "/v1/profiles", d.admin_key, {"slug": "p", "base_filepath": "base/blank.json5", "content_patch": {
        "processor_config": {"LLMProcessor": {"enabled_tools": "__all__"}}}})
    assert answer.status == 201, answer
    return d


def tool(site, model, name, **arguments):
    """What a model is told that calls the tool."""
    model.bodies.clear()
    model.script = once([(name, arguments)], "Done")
    answer = site.request("POST", "/v1/workflows/run", site.admin_key, {
        "profile": "p", "user_input": "Go.", "context": {"course_id": COURSE}, "user": {"id": "u1", "roles": ["student"]}}, timeout=LONG)
    assert answer.status == 200, answer
    told = results(model.bodies[-1])[0]
    return marked(told) if "<text-" in told else told


def act(site, id):
    return site.request("POST", f"/v1/actions/try_{id}", site.service_key, {"input": {}, "user": {"id": "u1", "roles": ["teacher"]}}, timeout=LONG)


def service(site, name, query=""):
    return site.request("GET", f"/v1/services/{name}{query}", site.admin_key).json


def status(site, name, query=""):
    return service(site, name, query)["status"]


def reload(site):
    before = site.log().count("plugin.reload")
    site.cli("plugin", "reload")
    wait_until(lambda: site.log().count("plugin.reload") > before, timeout=LONG, what="the reload")


# ---- services ----

@pytest.mark.parametrize("manifest", [{"run": "process"}, {"run": "in_process"}, {"run": "in_process", "blocking": False}], ids=["process", "threads", "fibers"])
def test_plugins_use_services_of_others_by_what_their_manifests_say(tmp_path, model, manifest):
    build(tmp_path / "plugins", "alpha", service="1.4")
    build(tmp_path / "plugins", "beta", wants=[{"service": "alpha.who", "min": "1.2", "max_major": 1}, {"service": "gamma.who"}, "beta.who", "ai"], **manifest)
    build(tmp_path / "plugins", "delta", wants=[{"service": "alpha.who", "min": "2.0"}])
    d = start(tmp_path, model, "--plugin-in-process", "beta" if manifest["run"] == "in_process" else "nobody")
    assert tool(d, model, "beta_use", service="alpha.who", method="who") == '1.4 code 0 "one for u1"'
    assert tool(d, model, "beta_use", service="alpha.who", method="what").startswith("1.4 code 6 ")  # LECTERN_EUNSUPPORTED
    assert tool(d, model, "beta_use", service="gamma.who", method="who") == "status 2"               # absent
    assert tool(d, model, "beta_use", service="delta.who", method="who") == "status 1"               # undeclared, although it is there
    assert tool(d, model, "delta_use", service="alpha.who", method="who") == "status 6"              # version
    assert tool(d, model, "alpha_use", service="beta.who", method="who") == "status 1"               # it has declared nothing
    assert tool(d, model, "beta_use", service="ai", method="who").startswith("1.0 code 6 ")          # announced only
    assert tool(d, model, "beta_use", service="beta.who", method="again") .count("code 0") == 4      # itself, until it is too deep
    assert tool(d, model, "beta_use", service="alpha.who", method="leases") == "16 12"               # no more at once
    assert service(d, "alpha.who", "?component=beta")["granted"]["plugin"] == "alpha"
    assert status(d, "alpha.who", "?component=delta") == "version" and status(d, "alpha.who", "?component=alpha") == "undeclared"
    assert d.log().count("service.undeclared") == 1 and "service.acquired" in d.log() and "service.denied" in d.log()
    d.cli("site", "set", "demo", 'services={"alpha.who":["none"]}')
    wait_until(lambda: tool(d, model, "beta_use", service="alpha.who", method="who") == "status 3" or None, timeout=LONG, what="the site's choice")
    check_end(d)


@pytest.mark.parametrize("manifest", [{"run": "process"}, {"run": "in_process"}, {"run": "in_process", "blocking": False}], ids=["process", "threads", "fibers"])
def test_orchestrators_and_processors_use_services_for_who_runs_the_workflow(tmp_path, model, manifest):
    build(tmp_path / "plugins", "alpha")
    build(tmp_path / "plugins", "beta", "two", wants=["alpha.who"], **manifest)
    d = start(tmp_path, model, "--plugin-in-process", "beta" if manifest["run"] == "in_process" else "nobody")
    add_profile(d, "conduct", orchestrator_class="Beta_conduct")
    for name, expected in [("alpha.who", 'two 0 "one for u1"'), ("gamma.who", "two 1 ")]:  # the second is undeclared
        assert run_profile(d, "conduct", name).json["response"] == {"response": expected, "status": "completed"}
    add_profile(d, "sign", processor_config={**CONTENT, "Beta_sign": {"service": "alpha.who"}})
    model.bodies.clear()
    model.script = lambda body: "Good."
    assert run_profile(d, "sign", content="Some text.").status == 200
    assert 'two 0 "one for u1"' in [line for m in model.bodies[-1]["messages"] for line in m["content"].splitlines()]
    check_end(d)


def test_what_a_plugin_needs_decides_whether_it_runs(tmp_path, model):  # R2
    build(tmp_path / "plugins", "beta", needs=[{"service": "alpha.who", "min": "1.2"}])
    d = start(tmp_path, model)
    line = "plugin 'beta' is not active: beta needs alpha.who >= 1.2 < 2: absent (nobody provides it)"
    assert d.log().count(line) == 1 and line in tool(d, model, "beta_use", service="alpha.who", method="who")
    assert status(d, "beta.who") == "absent" and "its plugin lacks what it needs" in service(d, "beta.who")["candidates"][0]["reason"]
    build(tmp_path / "plugins", "alpha", service="1.2")
    reload(d)
    wait_until(lambda: status(d, "beta.who") == "ok", timeout=LONG, what="the plugin that has what it needs")
    assert tool(d, model, "beta_use", service="alpha.who", method="who") == '1.2 code 0 "one for u1"'
    d.cli("plugin", "disable", "alpha", "--plugin-dirs", tmp_path / "plugins")
    wait_until(lambda: status(d, "beta.who") == "absent", timeout=LONG, what="the plugin that lacks something")
    check_end(d)


def test_a_service_that_crashes_is_faulted_and_comes_back_by_itself(tmp_path, model):  # R15, R16
    build(tmp_path / "plugins", "alpha")
    build(tmp_path / "plugins", "beta", wants=["alpha.who"])
    build(tmp_path / "plugins", "gamma", needs=["alpha.who"])
    d = start(tmp_path, model)
    assert status(d, "gamma.who") == "ok"
    assert tool(d, model, "beta_use", service="alpha.who", method="crash").startswith("1.0 code 7 ")
    answer = service(d, "alpha.who")
    assert answer["status"] == "faulted" and "signal 6" in answer["reason"] and answer["retry_at"], answer
    assert status(d, "gamma.who") == "absent" and status(d, "beta.who") == "ok"
    assert tool(d, model, "beta_use", service="alpha.who", method="who") == "status 7"
    wait_until(lambda: status(d, "gamma.who") == "ok", timeout=LONG, what="the end of the quarantine")  # nobody has called meanwhile
    assert tool(d, model, "beta_use", service="alpha.who", method="who") == '1.0 code 0 "one for u1"'
    check_end(d)


def test_a_process_that_ends_although_nobody_calls_is_noticed(tmp_path, model):
    build(tmp_path / "plugins", "alpha")
    d = start(tmp_path, model)
    [child] = children(d.process.pid)
    os.kill(int(child), 9)
    wait_until(lambda: status(d, "alpha.who") == "faulted", timeout=LONG, what="the fault")
    wait_until(lambda: status(d, "alpha.who") == "ok", timeout=LONG, what="its return")
    check_end(d)


def children(pid):
    found = []
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/children") as f:
            found += f.read().split()
    return found


# ---- changes ----

def test_nothing_is_lost_while_builds_are_replaced(tmp_path, model):  # R18
    builds = []
    for i in range(4):
        build(tmp_path / f"b{i}", "alpha", f"build{i}", service=f"1.{i}" if i else "1.0", version=f"1.{i // 2}.0")  # every second one has another manifest
        builds.append(tmp_path / f"b{i}")
    shutil.copytree(builds[0], tmp_path / "plugins")
    d = start(tmp_path, model)
    model.script = lambda body: "An answer"
    assert act(d, "alpha").json["response"] == {"build": "build0"}
    answers, replaced = [], threading.Event()

    def call_on():
        while not replaced.is_set():
            answers.append(act(d, "alpha"))

    with concurrent.futures.ThreadPoolExecutor(40) as pool:
        callers = [pool.submit(call_on) for _ in range(40)]
        try:
            for i in (1, 2, 3):
                wait_until(lambda: len(answers) >= i * 200, timeout=300, what="calls")
                for name in ("alpha.so", "alpha.json"):
                    shutil.copy(builds[i] / name, tmp_path / "new")
                    os.replace(tmp_path / "new", tmp_path / "plugins" / name)
                reload(d)
                assert act(d, "alpha").json["response"] == {"build": f"build{i}"}
            behind = len(answers)
            wait_until(lambda: len(answers) >= behind + 200, timeout=300, what="calls of the last build")
        finally:
            replaced.set()
        for caller in callers:
            caller.result()
    assert {a.status for a in answers} == {200}, next(a for a in answers if a.status != 200)
    seen = {a.json["response"]["build"] for a in answers}
    assert len({a.json["id"] for a in answers}) == len(answers) and len(seen) == 4, seen
    made = len(answers) + 4
    with connect(f"file:{d.data}/lectern.db?mode=ro", uri=True) as db:
        assert db.execute("SELECT count(*), count(DISTINCT call_id) FROM ai_action_try_alpha WHERE build LIKE 'build%'").fetchone() == (made, made)
        assert db.execute("SELECT state, count(*) FROM ai_call JOIN ai_call_end ON call_id = id WHERE action = 'try_alpha' GROUP BY state").fetchall() == [("completed", made)]
    wait_until(lambda: len(children(d.process.pid)) == 1, timeout=LONG, what="the end of the old processes")
    wait_until(lambda: len(list((d.data / "plugins").glob("alpha-*.so"))) == 2, timeout=LONG, what="the end of old copies")  # the one that runs, and the last one
    check_end(d)


def test_a_new_major_version_takes_the_place_of_the_old(tmp_path, model):
    build(tmp_path / "plugins", "alpha", "old")
    build(tmp_path / "plugins", "beta", wants=["alpha.who"])
    d = start(tmp_path, model)
    assert tool(d, model, "beta_use", service="alpha.who", method="who") == '1.0 code 0 "old for u1"'
    build(tmp_path / "plugins", "alpha", "new", version="2.0.0", service="2.0")
    reload(d)
    assert tool(d, model, "beta_use", service="alpha.who", method="who") == '2.0 code 0 "new for u1"'
    rows = {c["version"]: c["status"] for c in service(d, "alpha.who")["candidates"]}
    assert rows == {"2.0": "ok", "1.0": "disabled"}, rows  # what the new build has no more is drained
    check_end(d)


def test_a_build_that_does_not_come_up_changes_nothing(tmp_path, model):  # R14
    build(tmp_path / "plugins", "alpha", "good")
    d = start(tmp_path, model)
    build(tmp_path / "plugins", "alpha", "bad", broken=True)
    reload(d)
    assert "the new build did not come up; the old one stays" in d.log()
    model.script = lambda body: "An answer"
    assert act(d, "alpha").json["response"] == {"build": "good"} and status(d, "alpha.who") == "ok"
    (tmp_path / "plugins/alpha.json").write_text("{broken")
    reload(d)
    assert act(d, "alpha").json["response"] == {"build": "good"} and "alpha.json" in d.log()
    build(tmp_path / "plugins", "alpha", "better")
    reload(d)
    assert act(d, "alpha").json["response"] == {"build": "better"}
    check_end(d)


def test_switched_off_and_on_added_and_removed_while_it_runs(tmp_path, model):  # R17
    build(tmp_path / "plugins", "alpha")
    d = start(tmp_path, model)
    model.script = lambda body: "An answer"
    actions = lambda: {a["name"] for a in d.request("GET", "/v1/actions", d.admin_key).json["actions"]}
    state = lambda: {p["id"]: p["state"] for p in json.loads(run_lectern("plugin", "list", "--json", "--plugin-dirs", tmp_path / "plugins", "--data", d.data))}
    disable = ("plugin", "disable", "--plugin-dirs", tmp_path / "plugins")
    assert act(d, "alpha").status == 200 and state() == {"alpha": "ok"}
    refused = d.cli(*disable, "nobody", check=False)
    assert refused.returncode == 1 and "nobody" in refused.stderr
    d.cli(*disable, "alpha")
    wait_until(lambda: "try_alpha" not in actions(), timeout=LONG, what="the end of the action")
    assert act(d, "alpha").status == 404 and status(d, "alpha.who") == "disabled" and state() == {"alpha": "disabled"}
    wait_until(lambda: children(d.process.pid) == [], timeout=LONG, what="the end of its process")
    d.cli("plugin", "enable", "alpha")
    wait_until(lambda: "try_alpha" in actions() and status(d, "alpha.who") == "ok", timeout=LONG, what="its return")
    assert act(d, "alpha").json["response"] == {"build": "one"}
    build(tmp_path / "plugins", "beta", "later")
    (tmp_path / "plugins/alpha.json").rename(tmp_path / "alpha.json")
    os.kill(d.process.pid, 1)  # SIGHUP does it, too
    wait_until(lambda: "try_beta" in actions() and "try_alpha" not in actions(), timeout=LONG, what="the change")
    wait_until(lambda: status(d, "beta.who") == "ok" and status(d, "alpha.who") == "disabled", timeout=LONG, what="the services")
    assert act(d, "beta").json["response"] == {"build": "later"} and act(d, "alpha").status == 404
    (tmp_path / "alpha.json").rename(tmp_path / "plugins/alpha.json")
    reload(d)
    wait_until(lambda: act(d, "alpha").status == 200 and status(d, "alpha.who") == "ok", timeout=LONG, what="its return")
    check_end(d)
    d = Daemon(tmp_path / "data", "--plugin-dirs", tmp_path / "plugins")
    d.cli(*disable, "alpha")
    assert d.stop() == 0
    d = Daemon(tmp_path / "data", "--plugin-dirs", tmp_path / "plugins")  # a start remembers
    assert "try_alpha" not in actions() and "try_beta" in actions()
    check_end(d)


def test_orchestrators_come_change_and_go_while_it_runs(tmp_path, model):
    (tmp_path / "plugins").mkdir()
    d = start(tmp_path, model)
    build(tmp_path / "plugins", "alpha")
    reload(d)
    add_profile(d, "conduct", orchestrator_class="Alpha_conduct")
    assert run_profile(d, "conduct").json["response"]["response"] == "one 1 "
    build(tmp_path / "plugins", "alpha", "two", version="2.0.0")
    reload(d)
    assert run_profile(d, "conduct").json["response"]["response"] == "two 1 "
    (tmp_path / "plugins/alpha.json").unlink()
    reload(d)
    answer = run_profile(d, "conduct")
    assert answer.status >= 400 and "Alpha_conduct" in answer.json["detail"], answer
    check_end(d)


def test_placements_come_change_and_go_while_it_runs(tmp_path, model):
    where = tmp_path / "plugins"
    where.mkdir()
    d = start(tmp_path, model)
    placements = lambda: {p["name"]: p["title"] for p in d.request("GET", "/v1/placements", d.admin_key).json["placements"] if p["name"].startswith("corner")}
    for listed in [{"corner": "One"}, {"corner": "Two"}, {"corner_b": "Two"}, {}]:
        manifest = {"manifest": 1, "id": "corner", "version": "1.0", "abi": "1.1", "provides": {
            "placements": [{"name": name, "title": title, "description": "d", "actions": ["summarise_text"]} for name, title in listed.items()]}}
        (tmp_path / "new").write_text(json.dumps(manifest))
        os.replace(tmp_path / "new", where / "corner.json") if listed else (where / "corner.json").unlink()
        reload(d)
        wait_until(lambda: placements() == listed, timeout=LONG, what=f"{listed}")
    assert "plugin.fault" not in d.log() and "did not come up" not in d.log()
    check_end(d)


def test_components_are_read_again(tmp_path, model):
    (tmp_path / "plugins").mkdir()
    d = start(tmp_path, model)
    folder = d.data / "components"
    folder.mkdir()
    for text, expected in [('{"component": "ora", "wants": ["ai"]}', "ok"), ('{"component": "ora", "wants": [{"service": "ai", "min": "2.0"}]}', "version"),
                           ('{"component": "ora", "wants": []}', "undeclared"), ('{"component": "ora", "needs": ["ai"]}', "ok"), ("{broken", "undeclared"), (None, "undeclared")]:
        if text:
            (folder / "ora.json").write_text(text)
        else:
            (folder / "ora.json").unlink()
        reload(d)
        assert status(d, "ai", "?component=ora") == expected, text
    check_end(d)


def test_both_examples_crash_and_a_thousand_calls_to_another_lose_nothing(tmp_path, model):  # R15, R16
    where = tmp_path / "plugins"
    build(where, "alpha")
    compile_plugin(ROOT / "plugins/example/example.c", where / "example.so")
    for path in [ROOT / "plugins/example/example.json", *(ROOT / "plugins/example-python").glob("example-python.*")]:
        shutil.copy(path, where)
    d = start(tmp_path, model)
    crash = [("example_fault", {"how": "crash"}), ("python_fault", {})]
    model.script = lambda body: "An answer" if not body.get("tools") or results(body) else crash  # actions have no tools
    answers, crashed = [], threading.Event()

    def client(_):
        """Calls before, during and after the crashes."""
        made = 0
        while made < 25 or not crashed.is_set():
            answers.append(act(d, "alpha"))
            made += 1
    with concurrent.futures.ThreadPoolExecutor(40) as pool:
        clients = pool.map(client, range(40))
        try:
            wait_until(lambda: len(answers) >= 100, timeout=300, what="calls")
            answer = d.request("POST", "/v1/workflows/run", d.admin_key, {"profile": "p", "user_input": "Go.", "context": {"course_id": COURSE}}, timeout=LONG)
            assert answer.status == 200, answer
        finally:
            crashed.set()
        list(clients)
    assert {a.status for a in answers} == {200} and len({a.json["id"] for a in answers}) == len(answers) >= 1000
    listed = {p["id"]: p["faults"] for p in json.loads(run_lectern("plugin", "list", "--json", "--plugin-dirs", where, "--data", d.data))}
    assert listed == {"alpha": 0, "example": 1, "example-python": 1}
    check_end(d)


# ---- what is refused, and what is limited ----

def test_files_that_others_may_change_are_refused(tmp_path):
    where = tmp_path / "plugins"
    build(where, "alpha")
    first = lambda: json.loads(run_lectern("plugin", "list", "--json", "--plugin-dirs", where, "--data", tmp_path))[0]
    assert first()["state"] == "ok"
    for path, mode in [(where / "alpha.so", 0o757), (where / "alpha.json", 0o646), (where, 0o777)]:
        before = path.stat().st_mode & 0o7777
        path.chmod(mode)
        assert first()["state"] == "wrong" and f"{path}: every user may write to it" in first()["reason"], first()
        path.chmod(before)
    where.chmod(0o1777)  # as /tmp: who owns a file there keeps it
    assert first()["state"] == "ok"
    where.chmod(0o755)
    if os.geteuid() == 0:
        os.chown(where / "alpha.so", 12345, -1)
        assert "belongs to user 12345, must belong to root or to user 0" in first()["reason"]


LIMITS = """
import json, os, resource, socket
control = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET, fileno=3)
control.send(b'{"code":"ok"}')
while True:
    packet, descriptors, _, _ = socket.recv_fds(control, 1, 1)
    if not packet:
        break
    with socket.socket(fileno=descriptors[0]) as connection, connection.makefile("rw") as lines:
        lines.readline()
        limits = {name: resource.getrlimit(getattr(resource, "RLIMIT_" + name))[0] for name in ("CORE", "NOFILE", "DATA")}
        lines.write(json.dumps({"code": "ok", "answer": json.dumps({**limits, "env": sorted(os.environ)})}) + "\\n")
        lines.flush()
"""


def test_a_plugins_process_has_limits_and_no_secrets(tmp_path, model):
    where = tmp_path / "plugins"
    where.mkdir()
    (where / "limits.py").write_text(LIMITS)
    (where / "limits.json").write_text(json.dumps({"manifest": 1, "id": "limits", "version": "1.0", "abi": "1.0", "command": ["python3", "limits.py"],
                                                   "provides": {"tools": [{"name": "limits", "description": "d", "parameters": {"type": "object"}}]}}))
    d = start(tmp_path, model, env={"SECRET_OF_THE_DAEMON": "x"})
    found = json.loads(tool(d, model, "limits"))
    assert (found["CORE"], found["NOFILE"], found["DATA"]) == (0, 1024, 4 << 30)
    assert "PATH" in found["env"] and "SECRET_OF_THE_DAEMON" not in found["env"]
    check_end(d)
