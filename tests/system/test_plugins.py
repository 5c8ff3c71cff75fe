"""Plugins as their authors and operators meet them: skeleton, manifests, what is refused, calls, crashes, quarantine."""
import concurrent.futures
import datetime
import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import time

import pytest
from conftest import BUILD, LECTERN, ROOT, Daemon, add_vendor, check_end, read_events, run_lectern, wait_until
from database import connect
from test_tools import Model, marked, once, results

COURSE = "course-v1:Org+Course+Run"
TEXT = "Water boils at 100 degrees. Ice melts at zero degrees. Steam is water as a gas. Clouds are drops of water in the air."


def compile_plugin(source, library, *flags, include=ROOT / "include"):
    subprocess.run(["cc", "-std=c99", "-pedantic", "-Wall", "-Wextra", "-Werror", "-fvisibility=hidden", "-shared", "-fPIC", "-I", include, *flags,
                    "-o", library, source], check=True)


@pytest.fixture(scope="module")
def plugins(tmp_path_factory):
    """A directory with both examples."""
    where = tmp_path_factory.mktemp("plugins")
    compile_plugin(ROOT / "plugins/example/example.c", where / "example.so")
    for path in [ROOT / "plugins/example/example.json", *(ROOT / "plugins/example-python").glob("example-python.*")]:
        shutil.copy(path, where)
    return where


@pytest.fixture(scope="module")
def model():
    server = Model()
    yield server
    server.shutdown()


TOOLS = ["count_words", "ask_summary", "example_fault", "reverse_text", "python_fault"]


def start(tmp, model, dirs, tools=TOOLS, inside=None):
    d = Daemon(tmp / "data", "--plugin-dirs", dirs, *(["--plugin-in-process", inside] if inside else []))
    d.cli("site", "set", "demo", "policy_by_lms=true", "tool_time_ms=5000")
    for key in (d.learner, d.teacher):
        d.accept_policy(key)
    add_vendor(d, model)
    patch = {"processor_config": {"LLMProcessor": {"enabled_tools": tools}}}
    answer = d.request("POST", "/v1/profiles", d.admin_key, {"slug": "plugged", "base_filepath": "base/blank.json5", "content_patch": patch})
    assert answer.status == 201, answer
    return d


@pytest.fixture()
def site(tmp_path, model, plugins):
    d = start(tmp_path, model, plugins)
    yield d
    check_end(d)


WAYS = ["process", "thread", "fiber"]  # that a library's functions can be run in


def set_way(path, way):
    """Makes a manifest say so; what the daemon is to be told for it."""
    manifest = json.loads(path.read_text())
    manifest.update({"run": "process"} if way == "process" else {"run": "in_process", "blocking": way == "thread"})
    path.write_text(json.dumps(manifest))
    return None if way == "process" else manifest["id"]


def runs(d, plugin):
    """How the log says that the plugin is run, at each start."""
    lines = [json.loads(line) for line in d.log().splitlines() if '"plugin.start"' in line]
    return [line["run"] for line in lines if line["plugin"] == plugin]


@pytest.fixture(params=WAYS)
def any_site(request, tmp_path, model, plugins):
    """A daemon in which the example in C runs in one of the ways."""
    where = shutil.copytree(plugins, tmp_path / "plugins")
    d = start(tmp_path, model, where, inside=set_way(where / "example.json", request.param))
    d.way = request.param
    assert runs(d, "example") == ["process" if request.param == "process" else "in_process"]
    yield d
    check_end(d)


def run(site, model, calls):
    """What the model was told of the calls of tools that it made."""
    model.bodies.clear()
    model.script = once(calls, "A title\nand more")
    answer = site.request("POST", "/v1/workflows/run", site.admin_key, {
        "profile": "plugged", "user_input": "Go.", "context": {"course_id": COURSE}, "user": {"id": "u1", "roles": ["student"]}}, timeout=120)
    assert answer.status == 200, answer
    return results(model.bodies[-1])


# ---- authors ----

def test_a_new_plugin_is_built_and_checked_as_documented(tmp_path):
    env = {**os.environ, "PATH": f"{(BUILD / 'src/daemon').resolve()}:{os.environ['PATH']}"}
    commands = "lectern plugin new hello\ncd hello\nmeson setup build\nninja -C build\nlectern plugin check build/hello.so\n"
    assert commands in (ROOT / "docs/plugins.md").read_text()
    done = subprocess.run(["sh", "-ec", commands], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "tool/hello_greet" in done.stdout
    listed = json.loads(run_lectern("plugin", "list", "--json", "--plugin-dirs", tmp_path / "hello/build"))
    assert [(p["id"], p["state"]) for p in listed] == [("hello", "ok")]  # the build directory has other JSON files, which are none of ours


def test_new_does_not_touch_what_is_there_and_wants_an_id(tmp_path):
    (tmp_path / "hello").mkdir()
    for name, words in [("hello", "cannot be made"), ("Hello", "no id"), ("../x", "no id"), ("builtin", "no id")]:
        done = subprocess.run([LECTERN, "plugin", "new", name], cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode != 0 and words in done.stderr
    assert [p.name for p in tmp_path.rglob("*")] == ["hello"]


def test_the_tool_in_python_of_the_documentation_is_called_by_a_model(tmp_path, model):
    page, where = (ROOT / "docs/write-in-python.md").read_text(), tmp_path / "vowels"
    where.mkdir()
    for kind, name in (("json", "vowels.json"), ("python", "vowels.py")):
        [text] = re.findall(rf"^```{kind}\n(.*?)^```$", page, re.M | re.S)
        (where / name).write_text(text)
    site = start(tmp_path, model, where, ["count_vowels"])
    assert [marked(told) for told in run(site, model, [("count_vowels", {"text": "Queue"}), ("count_vowels", {"text": "Why"})])] == ["4", "0"]
    check_end(site)


def test_the_example_is_built_against_the_installed_header_alone(tmp_path):
    done = subprocess.run(["meson", "install", "-C", BUILD, "--no-rebuild", "--destdir", tmp_path / "root", "--tags", "devel"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    [header] = (tmp_path / "root").rglob("plugin.h")
    shutil.copytree(ROOT / "plugins/example", tmp_path / "example")
    subprocess.run(["meson", "setup", "build", f"-Dc_args=-I{header.parent.parent}"], cwd=tmp_path / "example", check=True, capture_output=True)
    subprocess.run(["ninja", "-C", "build"], cwd=tmp_path / "example", check=True, capture_output=True)
    assert json.loads(run_lectern("plugin", "check", "--json", tmp_path / "example/build/example.so"))["id"] == "example"


@pytest.mark.parametrize("compiler,standard", [("cc", "c99"), ("cc", "c11"), ("c++", "c++98"), ("c++", "c++17")])
def test_the_header_is_plain(tmp_path, compiler, standard):
    source = tmp_path / ("x.cc" if "+" in compiler else "x.c")
    source.write_text("#include <lectern/plugin.h>\n#include <lectern/plugin.h>\nint main(void) { return LECTERN_OK; }\n")
    subprocess.run([compiler, f"-std={standard}", "-pedantic", "-Wall", "-Wextra", "-Werror", *(["-Wno-long-long"] if standard == "c++98" else []),
                    "-I", ROOT / "include", "-c", "-o", tmp_path / "x.o", source], check=True)


def test_the_layout_is_the_one_in_the_golden_file(tmp_path):
    """Members may be added behind the last one, with a new line there; a line never changes."""
    golden = [line for line in (ROOT / "tests/system/plugin_layout.txt").read_text().splitlines() if line and line[0] != "#"]
    header = re.sub(r"/\*.*?\*/", "", (ROOT / "include/lectern/plugin.h").read_text(), flags=re.S)
    prints = ""
    for name, body in re.findall(r"struct (lectern_\w+) \{(.*?)\n\};", header, flags=re.S):
        body = re.sub(r"\(\*(\w+)\)\([^;]*\)", r"\1", re.sub(r"\s+", " ", body))
        members = [m.strip() for part in body.split(";") if part.strip() for m in part.strip().split(",")]
        for member in members:
            member = re.findall(r"\w+", member)[-1]
            prints += f'printf("{name}.{member} %zu %zu\\n", offsetof(struct {name}, {member}), sizeof(((struct {name} *)0)->{member}));\n'
    (tmp_path / "layout.c").write_text(f"#include <stdio.h>\n#include <lectern/plugin.h>\nint main(void) {{ {prints} return 0; }}\n")
    subprocess.run(["cc", "-std=c99", "-I", ROOT / "include", "-o", tmp_path / "layout", tmp_path / "layout.c"], check=True)
    assert subprocess.run([tmp_path / "layout"], capture_output=True, text=True, check=True).stdout.splitlines() == golden


@pytest.mark.parametrize("version", sorted((ROOT / "tests/system/plugin_abi").iterdir()), ids=lambda path: path.name)
def test_a_plugin_built_with_an_earlier_header_works(tmp_path, model, version):  # R7, R8
    """tests/system/plugin_abi has every header that was ever given out, with the example as it was then."""
    where = tmp_path / "plugins"
    where.mkdir()
    compile_plugin(version / "example.c", where / "example.so", include=version)
    shutil.copy(version / "example.json", where)
    assert "tool/count_words" in run_lectern("plugin", "check", where / "example.so")
    d = start(tmp_path, model, where, ["count_words", "ask_summary"])
    told = run(d, model, [("count_words", {"text": "one two"}), ("ask_summary", {"text": TEXT})])
    assert marked(told[0]) == "2" and marked(told[1])
    check_end(d)


# ---- what is refused ----

PLUGIN = r"""
#define _POSIX_C_SOURCE 200809L
#include <lectern/plugin.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
static const struct lectern_host *host;
BEFORE
static int32_t call(void *s, struct lectern_call *c, struct lectern_str r) { (void)s; (void)c; (void)r; CALL; return 0; }
static int32_t activate(const struct lectern_host *h, struct lectern_call *c, void **s) { (void)c; (void)s; host = h; (void)host; ACTIVATE; return LECTERN_OK; }
static const struct lectern_tool tool = {TOOL_SIZE, 0, call};
static const struct lectern_connector connector = {sizeof(connector), 0, call, call, call};
#define TOOL &tool
#define CONNECTOR &connector
static const struct lectern_entry entry = {sizeof(entry), 0, KIND, NAME, FUNCTIONS};
static const struct lectern_entry *const entries[] = {&entry};
const void *const p_unused[] = {&tool, &connector};
LECTERN_EXPORT const struct lectern_plugin lectern_plugin_v1 = {MAGIC, SIZE, MAJOR, MINOR, ENTRIES, ID, VERSION, entries, activate, NULL};
"""
RIGHT = {"MAGIC": "LECTERN_PLUGIN_MAGIC", "SIZE": "sizeof(struct lectern_plugin)", "MAJOR": "1", "MINOR": "0", "ENTRIES": "1", "ID": '"p"', "VERSION": '"1.2.3"',
         "KIND": '"tool"', "NAME": '"p_tool"', "TOOL_SIZE": "sizeof(struct lectern_tool)", "ACTIVATE": "(void)0", "CALL": "(void)0", "BEFORE": "", "FUNCTIONS": "TOOL"}
MANIFEST = {"manifest": 1, "id": "p", "version": "1.2.3", "abi": "1.0", "provides": {"tools": [{"name": "p_tool", "description": "d", "parameters": {"type": "object"}}]}}


def make(where, manifest=None, **wrong):
    """p.so with its manifest, something wrong with it."""
    (where / "p.c").write_text("".join(f"#define {k} {v}\n" for k, v in {**RIGHT, **wrong}.items()) + PLUGIN)
    compile_plugin(where / "p.c", where / "p.so", "-pthread")
    (where / "p.json").write_text(manifest if isinstance(manifest, str) else json.dumps({**MANIFEST, **(manifest or {})}))
    return where / "p.so"


@pytest.mark.parametrize("wrong,words", [
    ({"MAGIC": "0x4c50544cu"}, "magic is 0x4c50544c, must be 0x4c54504c"),
    ({"MAGIC": "__builtin_bswap32(LECTERN_PLUGIN_MAGIC)"}, "magic is 0x4c50544c"),  # the other byte order
    ({"SIZE": "24"}, "size of struct lectern_plugin is 24, must be"),
    ({"MAJOR": "2"}, "abi is 2.0; this program takes 1.0 to 1."),
    ({"MINOR": "900"}, "abi is 1.900; this program takes 1.0 to 1."),
    ({"ID": '"q"'}, "id is 'q' in the library, 'p' in the manifest"),
    ({"VERSION": '"1.2.4"'}, "version is '1.2.4' in the library, '1.2.3' in the manifest"),
    ({"ENTRIES": "0"}, "tool 'p_tool' is in the manifest, and not in the library"),
    ({"NAME": '"other"'}, "tool 'p_tool' is in the manifest, and not in the library"),
    ({"TOOL_SIZE": "8"}, "tool 'p_tool' has no function call()"),  # R8: a struct that ends before the function
    ({"ACTIVATE": "return LECTERN_EUNAVAILABLE"}, "activate() returned 7"),
    ({"ACTIVATE": "abort()"}, "signal 6"),
    ({"ACTIVATE": "_exit(9)"}, "exit code 9"),
    ({"ACTIVATE": "sleep(60)"}, "did not come up in 10 s"),
], ids=lambda v: next(iter(v)) + v[next(iter(v))][:12] if isinstance(v, dict) else "")
def test_a_library_that_is_not_as_it_says_is_refused_with_the_reason(tmp_path, wrong, words):  # R21
    done = run_lectern("plugin", "check", make(tmp_path, **wrong), check=False)
    assert done.returncode == 1 and words in done.stderr, done.stderr


def test_a_right_one_comes_up(tmp_path):
    assert "tool/p_tool" in run_lectern("plugin", "check", make(tmp_path))


def test_a_library_without_the_symbol_and_one_that_is_none_are_refused(tmp_path):
    (tmp_path / "p.json").write_text(json.dumps(MANIFEST))
    (tmp_path / "p.so").write_text("no library")
    assert "p.so" in run_lectern("plugin", "check", tmp_path / "p.so", check=False).stderr
    (tmp_path / "e.c").write_text("int x;\n")
    subprocess.run(["cc", "-shared", "-o", tmp_path / "p.so", tmp_path / "e.c"], check=True)
    assert "does not export lectern_plugin_v1" in run_lectern("plugin", "check", tmp_path / "p.so", check=False).stderr


TOOL = MANIFEST["provides"]["tools"][0]


@pytest.mark.parametrize("manifest,words", [
    ("{broken", "line 1"), ("[]", "must be an object"), ({"id": "AI_Extensions"}, "/id"), ({"id": "builtin"}, "/id"), ({"abi": "2.0"}, "/abi: is 2.0"),  # R27
    ({"version": "1"}, "/version"), ({"surprise": 1}, "surprise"), ({"provides": {"tools": [TOOL, TOOL]}}, "'p_tool' is there twice"),
    ({"provides": {"tools": [{**TOOL, "parameters": {"type": "nothing"}}]}}, "/provides/tools/0/parameters/type"),
    ({"provides": {"actions": [{"name": "do_it", "title": "t", "description": "d", "input_schema": {}, "response_schema": {}, "columns": ["a\" TEXT"]}]}}, "/columns/0"),
    ({"provides": {"actions": [{"name": "do_it", "title": "t", "description": "d", "input_schema": {}, "response_schema": {}, "columns": ["call_id"]}]}}, "/columns/0"),
])
def test_a_manifest_that_is_wrong_is_named_with_the_place_and_the_others_are_there(tmp_path, plugins, manifest, words):  # R23
    make(tmp_path, manifest)
    done = run_lectern("plugin", "check", tmp_path / "p.so", check=False)
    assert done.returncode == 1 and words in done.stderr, done.stderr
    listed = json.loads(run_lectern("plugin", "list", "--json", "--plugin-dirs", f"{tmp_path}:{plugins}"))
    assert [p["state"] for p in listed] == ["wrong", "ok", "ok"] and words in listed[0]["reason"]


def test_the_second_plugin_of_an_id_is_refused(tmp_path):  # R22
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        make(tmp_path / name)
    first, second = json.loads(run_lectern("plugin", "list", "--json", "--plugin-dirs", f"{tmp_path}/one:{tmp_path}/two"))
    assert first["state"] == "ok" and second["state"] == "wrong"
    assert f"already loaded from {tmp_path}/one/p.json" in second["reason"]


# ---- calls ----

def test_tools_of_plugins_are_called_with_arguments_and_answer(any_site, model):
    site = any_site
    told = run(site, model, [("count_words", {"text": "one two\n three"}), ("reverse_text", {"text": "stressed 😀"}), ("count_words", {"text": 7}), ("count_words", {"text": ""})])
    assert marked(told[0]) == "3" and marked(told[1]) == "😀 desserts"
    assert told[2].startswith("Error executing tool: /text") and marked(told[3]) == "0"


def test_a_tool_asks_for_an_action_as_the_user_who_is_served(any_site, model):
    site = any_site
    before = len(site.request("GET", "/v1/register?action=summarise_text", site.admin_key).json["calls"])
    [told] = run(site, model, [("ask_summary", {"text": TEXT})])
    assert marked(told), told
    calls = site.request("GET", "/v1/register?action=summarise_text", site.admin_key).json["calls"]
    assert len(calls) == before + 1 and calls[0]["user_id"] == "u1"


def test_an_action_of_a_plugin_is_an_action(any_site, model):
    site = any_site
    model.script = lambda body: "Of water\nThat is the title."
    answer = site.request("POST", "/v1/actions/suggest_title", site.admin_key, {"input": {"text": TEXT}, "user": {"id": "u2", "roles": ["teacher"]}})
    assert answer.status == 200 and answer.json["response"] == {"title": "Of water"}, answer
    with connect(f"file:{site.data}/lectern.db?mode=ro", uri=True) as db:
        assert db.execute("SELECT text, title FROM ai_action_suggest_title").fetchall() == [(TEXT, "Of water")]
    assert site.request("POST", "/v1/actions/suggest_title", site.admin_key, {"input": {"text": ""}}).status == 400


def test_what_a_plugin_fails_with_is_told_and_is_no_fault(any_site, model):
    hang = [] if any_site.way == "fiber" else [("example_fault", {"how": "hang"})]  # there it would hold the loop for good
    told = run(any_site, model, [("example_fault", {"how": how}) for how in ("fail", "nonsense")] + [("count_words", {"text": "a"})] + hang)
    assert "fails on command" in told[0] and "nonsense was not taken" in told[1] and marked(told[2]) == "1"
    assert not hang or "longer than" in told[3] or "in time" in told[3]


def test_a_provider_of_a_plugin_is_a_provider(site, model):
    for name, key in [("wrong", "polly"), ("right", "cracker")]:
        answer = site.request("POST", "/v1/providers", site.admin_key, {"name": name, "plugin": "parrot", "config": {"api_key": key}})
        assert answer.status == 201 and key not in answer.body.decode(), answer
    body = {"input": {"prompt": "Who are you?"}, "user": {"id": "u3", "roles": ["teacher"]}}
    answer = site.request("POST", "/v1/actions/generate_text", site.admin_key, {**body, "provider": "right"})
    assert answer.status == 200 and "Who are you?" in answer.json["response"]["generated_content"], answer
    assert answer.json["usage"]["prompt_tokens"] == answer.json["usage"]["completion_tokens"] > 0
    answer = site.request("POST", "/v1/actions/generate_text", site.admin_key, {**body, "provider": "wrong"})
    assert (answer.status, answer.json["code"]) == (502, "upstream_unauthorized")
    assert site.request("POST", "/v1/providers", site.admin_key, {"name": "none", "plugin": "parrot", "config": {}}).status in (400, 422)


def add_parrot(site):
    answer = site.request("POST", "/v1/providers", site.admin_key, {"name": "parrot", "plugin": "parrot", "config": {"api_key": "cracker"}})
    assert answer.status == 201, answer


def test_a_provider_of_a_plugin_answers_in_pieces(site):
    add_parrot(site)
    body = {"input": {"prompt": "one two three"}, "provider": "parrot"}
    whole = site.request("POST", "/v1/actions/generate_text", site.admin_key, body).json["response"]
    events = site.stream("POST", "/v1/actions/generate_text", site.admin_key, {**body, "stream": True})
    pieces = [e.data["text"] for e in events if e.kind == "delta"]
    assert len(pieces) >= 3 and "".join(pieces) == whole["generated_content"] == events[-1].data["response"]["generated_content"]
    assert whole["generated_content"].endswith("one two three") and events[-1].kind == "done"


def test_a_provider_of_a_plugin_embeds_texts(site):
    add_parrot(site)
    answer = site.request("POST", "/v1/actions/embed_text", site.admin_key, {"input": {"texts": ["a b c", "abcd"]}, "provider": "parrot"})
    assert answer.status == 200 and [v for v in answer.json["response"]["embeddings"]] == [[5, 2], [4, 0]], answer


# Goes on until it is told that nobody waits, by `how` of its settings; says to MARK what it was told.
TICKER = r"""
#define _POSIX_C_SOURCE 200809L
#include <lectern/plugin.h>
#include <stdio.h>
#include <time.h>
static const struct lectern_host *host;
static int32_t call(void *s, struct lectern_call *c, struct lectern_str r)
{
    struct timespec pause = {0, 10000000};
    struct lectern_str how;
    int32_t rc = LECTERN_OK;
    FILE *f;
    (void)s;
    host->json_get(c, r.p, r.n, "/config/how", &how);
    host->piece(c, "tick ", 5);
    if (how.p[0] == 's')
        rc = host->suspend(c);
    while (how.p[0] == 'r' && host->remaining_ms(c) > 0)
        nanosleep(&pause, NULL);
    while (how.p[0] == 'p' && rc == LECTERN_OK) {
        nanosleep(&pause, NULL);
        rc = host->piece(c, "tick ", 5);
    }
    f = fopen(MARK, "w");
    fprintf(f, "%d", (int)rc);
    fclose(f);
    return rc;
}
static int32_t activate(const struct lectern_host *h, struct lectern_call *c, void **s) { (void)c; (void)s; host = h; return h->size >= sizeof(*h) ? LECTERN_OK : LECTERN_EUNSUPPORTED; }
static const struct lectern_provider provider = {sizeof(provider), 0, call};
static const struct lectern_entry entry = {sizeof(entry), 0, "provider", "ticker", &provider};
static const struct lectern_entry *const entries[] = {&entry};
LECTERN_EXPORT const struct lectern_plugin lectern_plugin_v1 = {LECTERN_PLUGIN_MAGIC, sizeof(lectern_plugin_v1), 1, 1, 1, "ticker", "1.0", entries, activate, NULL};
"""
TICKER_MANIFEST = {"manifest": 1, "id": "ticker", "version": "1.0", "abi": "1.1", "provides": {"providers": [{
    "name": "ticker", "title": "t", "description": "d", "completion": True, "settings_schema": {"type": "object", "properties": {"how": {"type": "string"}}}}]}}


def make_ticker(where):
    where.mkdir()
    (where / "ticker.c").write_text(TICKER)
    compile_plugin(where / "ticker.c", where / "ticker.so", f'-DMARK="{where}/mark"')
    (where / "ticker.json").write_text(json.dumps(TICKER_MANIFEST))


def cancel_ticker(d, how):
    """A call that goes on until it is cancelled; how it ended for who follows it."""
    answer = d.request("POST", "/v1/providers", d.admin_key, {"name": how, "plugin": "ticker", "config": {"how": how}})
    assert answer.status == 201, answer
    connection, response = d.open("POST", "/v1/actions/generate_text", d.admin_key, {"input": {"prompt": "Go."}, "provider": how, "stream": True}, timeout=120)
    events = read_events(response)
    first = next(e for e in events if e.kind == "delta")
    assert first.data["text"].startswith("tick")
    [call] = [c["id"] for c in d.request("GET", "/v1/register?action=generate_text&limit=1", d.admin_key).json["calls"]]
    assert d.request("DELETE", f"/v1/actions/calls/{call}", d.admin_key).json["cancelled"] is True
    last = list(events)[-1]
    connection.close()
    return last.kind, last.data["code"]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("how,told", [("piece", "5"), ("suspend", "5"), ("remaining", "0")])
def test_a_plugin_hears_that_nobody_waits_any_more(tmp_path, model, how, told, way):
    if (way, how) == ("fiber", "remaining"):
        pytest.skip("it would hold the loop on which the cancel comes")
    make_ticker(tmp_path / "plugins")
    d = start(tmp_path, model, tmp_path / "plugins", [], set_way(tmp_path / "plugins/ticker.json", way))
    assert cancel_ticker(d, how) == ("error", "cancelled")
    mark = tmp_path / "plugins/mark"
    wait_until(lambda: mark.exists() and mark.read_text(), timeout=60, what="the plugin's end")
    assert mark.read_text() == told
    assert plugin_state(d, tmp_path / "plugins")["ticker"]["faults"] == 0
    check_end(d)


# ---- orchestrators, processors, connectors, placements ----

NOTES = "course-v1:Example+Notes+2026"


def add_profile(site, slug, **patch):
    answer = site.request("POST", "/v1/profiles", site.admin_key, {"slug": slug, "base_filepath": "base/blank.json5", "content_patch": patch})
    assert answer.status == 201, answer


def run_profile(site, slug, input="Go.", action="run", stream=False, **context):
    body = {"profile": slug, "action": action, "user_input": input, "context": {"course_id": COURSE, **context}, "user": {"id": "u1", "roles": ["student"]}}
    if stream:
        return site.stream("POST", "/v1/workflows/run", site.admin_key, {**body, "stream": True})
    return site.request("POST", "/v1/workflows/run", site.admin_key, body)


CONTENT = {"OpenEdXProcessor": {"function": "get_location_content"}}


def test_an_orchestrator_of_a_plugin_runs_what_a_profile_names(any_site, model):
    site = any_site
    add_profile(site, "place", orchestrator_class="PlaceSummary", processor_config=CONTENT)
    model.script = lambda body: "Water changes."
    model.bodies.clear()
    answer = run_profile(site, "place", content=TEXT)
    assert answer.status == 200 and answer.json["response"] == {"response": "Water changes.", "status": "completed"}, answer
    [call] = answer.json["calls"]
    recorded = site.request("GET", f"/v1/register/{call}", site.admin_key).json
    assert (recorded["action"], recorded["user_id"], recorded["state"]) == ("summarise_text", "u1", "completed")
    assert "100 degrees" in json.dumps(model.bodies[-1]["messages"])
    events = run_profile(site, "place", stream=True, content=TEXT)
    assert "".join(e.data["text"] for e in events if e.kind == "delta") == "Water changes." and events[-1].kind == "done"
    assert "Summing up." in [e.data["message"] for e in events if e.kind == "status"]
    assert run_profile(site, "place", action="dance", content=TEXT).json["code"] == "unknown_action"


def test_an_orchestrator_in_another_language_asks_the_model_step_by_step(site, model):
    add_profile(site, "twice", orchestrator_class="AskTwice")
    model.script = lambda body: f"Of {body['messages'][-1]['content']}"
    for action in ("run", "ask_again"):
        answer = run_profile(site, "twice", "Rain", action=action)
        assert answer.status == 200 and answer.json["response"] == {"response": "Of Of Rain", "status": "completed", "asked": action}, answer
        assert len(answer.json["calls"]) == 2 and answer.json["usage"]["total_tokens"] == 30


def test_why_a_step_failed_is_told_when_the_orchestrator_gives_up(site, model):
    patch = {"processor_config": {"LLMProcessor": {"function": "no_such_function"}}}
    add_profile(site, "direct", **patch)
    add_profile(site, "twice", orchestrator_class="AskTwice", **patch)
    direct, twice = run_profile(site, "direct"), run_profile(site, "twice")
    assert direct.json["code"] == "profile_invalid" and (twice.status, twice.json["code"]) == (direct.status, direct.json["code"]), (direct, twice)


def test_a_processor_of_a_plugin_works_over_the_content_before_the_model_has_it(any_site, model):
    site = any_site
    model.script = lambda body: "Good."
    for slug, settings, expected in [("hash", {}, "### degrees"), ("star", {"with": "*"}, "*** degrees")]:
        add_profile(site, slug, processor_config={**CONTENT, "MaskDigits": settings})
        model.bodies.clear()
        answer = run_profile(site, slug, content=TEXT)
        assert answer.status == 200, answer
        told = json.dumps(model.bodies[-1]["messages"])
        assert expected in told and "100" not in told
    add_profile(site, "wrong", processor_config={**CONTENT, "MaskDigits": {"with": "?"}})
    answer = run_profile(site, "wrong", content=TEXT)
    assert answer.json["code"] == "profile_invalid" and "MaskDigits/with" in answer.json["detail"], answer


def test_a_connector_of_a_plugin_gives_the_text_of_its_courses(site, model):
    tools = ["get_location_content", "get_course_info", "get_location_link"]
    add_profile(site, "notes", processor_config={"LLMProcessor": {"enabled_tools": tools}})
    model.bodies.clear()
    model.script = once([("get_location_content", {}), ("get_location_content", {"retrieval_mode": "sequence"}), ("get_location_content", {"location_id": "hail"}),
                         ("get_course_info", {"fields": ["title", "outline"]}), ("get_location_link", {})])
    answer = run_profile(site, "notes", course_id=NOTES, location_id="snow")
    assert answer.status == 200, answer
    told = results(model.bodies[-1])
    unit, sequence, info = [json.loads(marked(told[i])) for i in (0, 1, 3)]
    assert unit["unit_id"] == "snow" and [b["text"] for b in unit["blocks"]] == ["Snow falls below 0 degrees."]
    assert [u["unit_id"] for u in sequence["units"]] == ["rain", "snow"]
    assert told[2].startswith("Error executing tool") and "no content connector knows" in told[2]
    assert info["title"] == "Notes on water" and [o["display_name"] for o in info["outline"]] == ["Rain", "Snow"]
    assert marked(told[4]) == "https://notes.example/snow"


def test_a_step_of_a_profile_gets_the_text_from_a_plugin_and_another_works_it_over(site, model):
    add_profile(site, "both", processor_config={**CONTENT, "MaskDigits": {}})
    model.bodies.clear()
    model.script = lambda body: "Good."
    answer = run_profile(site, "both", course_id=NOTES, location_id="rain")
    assert answer.status == 200 and "Clouds are drops of water. ## of them" in json.dumps(model.bodies[-1]["messages"]), answer


def test_a_placement_of_a_plugin_is_a_placement(site):
    placements = {p["name"]: p for p in site.request("GET", "/v1/placements", site.admin_key).json["placements"]}
    assert [a["name"] for a in placements["reading_room"]["actions"]] == ["summarise_text", "suggest_title"]
    names = {a["name"]: a["available"] for a in site.request("GET", "/v1/actions?placement=reading_room", site.admin_key).json["actions"]}
    assert names["suggest_title"] and not names["generate_text"]
    assert site.request("PUT", "/v1/placements/reading_room", site.admin_key, {"enabled": False}).status == 200
    body = {"input": {"text": TEXT}, "context": {"placement": "reading_room"}, "user": {"id": "u1", "roles": ["teacher"]}}
    assert site.request("POST", "/v1/actions/suggest_title", site.admin_key, body).json["code"] == "placement_disabled"


def test_a_plugin_of_data_alone_needs_no_library(tmp_path, model):
    where = tmp_path / "plugins"
    where.mkdir()
    placement = {"name": "corner", "title": "Corner", "description": "A corner.", "actions": ["summarise_text"]}
    (where / "corner.json").write_text(json.dumps({"manifest": 1, "id": "corner", "version": "1.0", "abi": "1.1", "provides": {"placements": [placement]}}))
    assert "placement/corner" in run_lectern("plugin", "check", where / "corner.json")
    d = start(tmp_path, model, where)
    assert "corner" in [p["name"] for p in d.request("GET", "/v1/placements", d.admin_key).json["placements"]]
    assert plugin_state(d, where)["corner"]["state"] == "ok" and not log_lines(d, "plugin.fault")
    check_end(d)


@pytest.mark.parametrize("answer,words", [
    ({"units": []}, "/units"), ({"units": [{"id": "a", "blocks": [{"id": "b"}]}]}, "/units/0/blocks/0"), ("text", "must be an object"),
    ({"units": [{"id": "a", "blocks": []}, {"id": "b", "blocks": []}]}, "gives 2 units for one"), ("javascript:alert(1)", "no http address"),
    ("//elsewhere.example", "no http address")], ids=["none", "no text", "text", "two", "script", "host"])
def test_what_a_connector_gives_in_a_wrong_form_is_not_used(tmp_path, model, answer, words):
    where = tmp_path / "plugins"
    where.mkdir()
    quoted = json.dumps(json.dumps(answer))
    make(where, {"provides": {"connectors": [{"name": "p_tool", "title": "t", "description": "d"}]}}, KIND='"connector"', FUNCTIONS="CONNECTOR",
         CALL=f"return host->answer(c, {quoted}, sizeof({quoted}) - 1)")
    tool = "get_location_link" if isinstance(answer, str) and words != "must be an object" else "get_location_content"
    d = start(tmp_path, model, where, [tool])
    model.bodies.clear()
    [told] = run(d, model, [(tool, {})])
    assert told.startswith("Error executing tool") and words in d.log() + told, told
    check_end(d)


def test_a_class_name_that_is_not_the_name_is_refused(tmp_path, model):
    make(tmp_path, {"provides": {"orchestrators": [{"name": "p_tool", "class_name": "Other", "title": "t", "description": "d"}]}}, KIND='"orchestrator"')
    d = start(tmp_path, model, tmp_path)
    [line] = log_lines(d, "plugin.register")
    assert "the name must be that in small letters" in line["detail"], line
    check_end(d)


# ---- crashes ----

def plugin_state(site, plugins):
    return {p["id"]: p for p in json.loads(run_lectern("plugin", "list", "--json", "--plugin-dirs", plugins, "--data", site.data))}


@pytest.mark.parametrize("fault,own,other", [("example_fault", "count_words", "reverse_text"), ("python_fault", "reverse_text", "count_words")])
def test_a_crash_is_quarantined_and_a_thousand_calls_to_others_lose_nothing(site, model, plugins, fault, own, other):  # R15, R16
    id = "example" if own == "count_words" else "example-python"
    model.script = lambda body: "A title"

    def call(i):
        return site.request("POST", "/v1/actions/summarise_text", site.service_key, {"input": {"text": f"{TEXT} {i}"}, "user": {"id": f"s{i % 50}", "roles": ["student"]}}, timeout=120)

    assert marked(run(site, model, [(other, {"text": "a b"})])[0])
    with concurrent.futures.ThreadPoolExecutor(100) as pool:
        calls = [pool.submit(call, i) for i in range(1000)]
        model.script = once([(fault, {"how": "crash"} if fault == "example_fault" else {})], "A title")
        answer = site.request("POST", "/v1/workflows/run", site.admin_key, {"profile": "plugged", "user_input": "Go.", "context": {"course_id": COURSE}}, timeout=120)
        assert answer.status == 200, answer
        answers = [c.result() for c in calls]
    assert {a.status for a in answers} == {200}
    assert len({a.json["id"] for a in answers}) == 1000
    state = plugin_state(site, plugins)[id]
    assert state["faults"] == 1 and ("signal 6" in state["reason"] or "exit code 70" in state["reason"])
    assert marked(run(site, model, [(other, {"text": "a b"})])[0])


def test_who_crashed_is_left_alone_then_tried_again_for_longer_each_time(site, model, plugins):
    for faults in (1, 2):
        told = run(site, model, [("example_fault", {"how": "crash"}), ("count_words", {"text": "a"}), ("reverse_text", {"text": "ab"})])
        assert "ended in the middle of a call" in told[0] and "is left alone until" in told[1] and marked(told[2]) == "ba"
        state = plugin_state(site, plugins)["example"]
        assert (state["faults"], state["state"]) == (faults, "quarantined")
        wait_until(lambda: run(site, model, [("count_words", {"text": "a b"})])[0].endswith(">") or None, what="the plugin's return")


def test_who_hangs_in_three_calls_in_a_row_is_ended(any_site, model, plugins):
    site = any_site
    if site.way == "fiber":
        pytest.skip("what never gives way holds the loop for good")
    # Time enough for a call that is well on a machine with much to do: a late one would count with those that hang.
    site.cli("site", "set", "demo", "tool_time_ms=6000")
    wait_until(lambda: "longer than 6 s" in run(site, model, [("example_fault", {"how": "hang"})])[0], what="the setting")
    hang = ("example_fault", {"how": "hang"})
    told = run(site, model, [("count_words", {"text": "a"}), hang, hang, ("count_words", {"text": "a"}), hang, hang, hang, ("count_words", {"text": "a"})])
    end = time.time()
    assert marked(told[0]) == "1" and marked(told[3]) == "1", told
    state = plugin_state(site, plugins)["example"]
    assert state["faults"] == 1 and "did not answer three calls" in state["reason"], (state, told)
    if end < datetime.datetime.fromisoformat(state["until"]).timestamp():  # a machine that stood still meanwhile may have let it pass
        assert "is left alone until" in told[7] and "did not answer three calls" in told[7], told


def test_a_new_build_is_not_in_quarantine(tmp_path, model):
    where = tmp_path / "plugins"
    where.mkdir()
    make(where, ACTIVATE="abort()")
    d = Daemon(tmp_path / "data", "--plugin-dirs", where)
    assert d.stop() == 0 and "signal 6" in d.log()
    assert json.loads(run_lectern("plugin", "list", "--json", "--plugin-dirs", where, "--data", d.data))[0]["state"] == "quarantined"
    make(where)
    d = Daemon(tmp_path / "data", "--plugin-dirs", where)
    assert json.loads(run_lectern("plugin", "list", "--json", "--plugin-dirs", where, "--data", d.data))[0]["state"] == "ok"
    assert len(list((d.data / "plugins").glob("p-*.so"))) == 2
    check_end(d)


# ---- in the daemon's process ----

def start_p(tmp, model, way, manifest=None, **wrong):
    """A daemon with p.so, which has the one tool p_tool."""
    where = tmp / "plugins"
    where.mkdir()
    make(where, manifest, **wrong)
    return start(tmp, model, where, ["p_tool"], set_way(where / "p.json", way))


def log_lines(d, event):
    return [json.loads(line) for line in d.log().splitlines() if json.loads(line)["event"] == event]


@pytest.mark.parametrize("named,wants,inside", [(True, True, True), (False, True, False), (True, False, False), (False, False, False)])
def test_a_library_is_opened_in_the_daemon_only_when_both_sides_say_so(tmp_path, model, named, wants, inside):
    make(tmp_path, {"run": "in_process"} if wants else None)
    d = start(tmp_path, model, tmp_path, ["p_tool"], "other:p:another" if named else "other")
    assert runs(d, "p") == ["in_process" if inside else "process"]
    assert len(log_lines(d, "plugin.own_process")) == (1 if named != wants else 0)
    maps = pathlib.Path(f"/proc/{d.process.pid}/maps").read_text()
    assert (f"{d.data}/plugins/p-" in maps) == inside
    assert marked(run(d, model, [("p_tool", {})])[0]) == "null"
    check_end(d)


def test_a_program_cannot_be_in_the_daemon(tmp_path):
    make(tmp_path, {"run": "in_process", "command": ["sh"]})
    assert "/run: a program is in a process of its own" in run_lectern("plugin", "check", tmp_path / "p.so", check=False).stderr


def test_a_library_that_crashes_when_it_comes_up_never_reaches_the_daemon(tmp_path, model):
    d = start_p(tmp_path, model, "thread", ACTIVATE="abort()")
    assert "is left alone until" in run(d, model, [("p_tool", {})])[0]
    assert plugin_state(d, tmp_path / "plugins")["p"]["faults"] >= 1  # on a slow machine it may have been tried once more
    check_end(d)


SUSPEND = """static struct lectern_call *waiting;
static void *wake(void *a) { struct timespec t = {0, 20000000}; (void)a; nanosleep(&t, NULL); host->resume(waiting); return NULL; }
static int32_t wait(struct lectern_call *c) { pthread_t t; int32_t rc; waiting = c; host->resume(c); rc = host->suspend(c);
    if (rc == 0 && pthread_create(&t, NULL, wake, NULL) == 0) { rc = host->suspend(c); pthread_join(t, NULL); } return rc; }
"""


def one_line(text):
    return " ".join(text.split())


@pytest.mark.parametrize("way", WAYS)
def test_a_function_waits_until_another_thread_resumes_it(tmp_path, model, way):
    d = start_p(tmp_path, model, way, BEFORE=one_line(SUSPEND), CALL='if (wait(c)) return host->fail(c, 10, "", "not resumed")')
    assert marked(run(d, model, [("p_tool", {})])[0]) == "null"
    check_end(d)


@pytest.mark.parametrize("way", WAYS)
def test_a_function_that_is_not_resumed_waits_until_the_deadline(tmp_path, model, way):
    d = start_p(tmp_path, model, way, CALL='return host->suspend(c) == LECTERN_OK ? LECTERN_OK : host->fail(c, LECTERN_ETIMEOUT, "", "not resumed")')
    [told] = run(d, model, [("p_tool", {})])
    assert "not resumed" in told or "in time" in told or "longer than" in told
    assert plugin_state(d, tmp_path / "plugins")["p"]["faults"] == 0
    check_end(d)


def test_who_holds_the_loop_is_named_and_moved_to_threads(tmp_path, model):
    d = start_p(tmp_path, model, "fiber", CALL="struct timespec t = {0, 200000000}; nanosleep(&t, NULL)")
    assert [marked(told) for told in run(d, model, [("p_tool", {})] * 5)] == ["null"] * 5
    lines = log_lines(d, "plugin.blocked_loop")
    assert [line["times"] for line in lines] == [1, 2, 3]
    assert all((line["plugin"], line["function"], line["limit_ms"]) == ("p", "tool/p_tool.call()", 50) and line["ms"] >= 200 for line in lines)
    assert len(log_lines(d, "plugin.moved")) == 1
    check_end(d)


def test_who_does_not_come_back_is_named_while_it_holds_the_loop(tmp_path, model):
    d = start_p(tmp_path, model, "fiber", CALL="struct timespec t = {4, 0}; nanosleep(&t, NULL)")
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        told = pool.submit(run, d, model, [("p_tool", {})])
        [line] = wait_until(lambda: log_lines(d, "plugin.holds_loop"), timeout=60, what="the log's word")
        told.result()
    assert (line["plugin"], line["function"]) == ("p", "tool/p_tool.call()") and line["ms"] >= 1000
    assert len(log_lines(d, "plugin.holds_loop")) == len(log_lines(d, "plugin.blocked_loop")) == 1
    check_end(d)


CRASHES = {"abort": (6, "abort()"), "null": (11, "*(volatile int *)0 = 1"), "trap": (4, "__builtin_trap()"), "divide": (8, "raise(SIGFPE)"), "bus": (7, "raise(SIGBUS)"),
           "stack": (11, "return dig(c, 1)")}
DIG = "static int32_t dig(struct lectern_call *c, int n) { volatile char room[4096]; room[0] = (char)n; return n < 0 ? 0 : dig(c, n + 1) + room[0]; }"


@pytest.mark.parametrize("way", ["thread", "fiber"])
@pytest.mark.parametrize("how", list(CRASHES))
def test_whatever_crashes_the_daemon_is_known_at_the_next_start(tmp_path, model, how, way):
    number, call = CRASHES[how]
    d = start_p(tmp_path, model, way, CALL=call, BEFORE=DIG if how == "stack" else "")
    with pytest.raises((OSError, http.client.HTTPException)):
        run(d, model, [("p_tool", {})])
    assert d.process.wait(60) != 0
    d.stop()
    pathlib.Path(d.errors.name).unlink()  # a sanitizer has told of the crash there
    d = Daemon(tmp_path / "data", "--plugin-dirs", tmp_path / "plugins", "--plugin-in-process", "p")
    state = plugin_state(d, tmp_path / "plugins")["p"]
    assert (state["faults"], state["state"]) == (1, "quarantined") and f"it crashed the daemon: signal {number} " in state["reason"]
    check_end(d)
    d = Daemon(tmp_path / "data", "--plugin-dirs", tmp_path / "plugins", "--plugin-in-process", "p")
    assert plugin_state(d, tmp_path / "plugins")["p"]["faults"] == 1  # it counts once
    check_end(d)


def test_a_crash_of_the_daemon_loses_nothing_that_is_recorded(tmp_path, model, plugins):  # R15, R16
    model.script = lambda body: "A title"
    d = start(tmp_path, model, plugins, inside="example")
    body = {"profile": "plugged", "user_input": "Go.", "context": {"course_id": COURSE}}

    def call(i):
        try:
            answer = d.request("POST", "/v1/actions/summarise_text", d.service_key,
                               {"input": {"text": f"{TEXT} {i}"}, "user": {"id": f"s{i % 50}", "roles": ["student"]}}, timeout=120)
            return answer.json["id"] if answer.status == 200 else None
        except (OSError, http.client.HTTPException):
            return None

    with concurrent.futures.ThreadPoolExecutor(50) as pool:
        calls = [pool.submit(call, i) for i in range(1000)]
        wait_until(lambda: sum(c.done() for c in calls) >= 200, timeout=120, what="the first calls")
        model.script = once([("example_fault", {"how": "crash"})], "A title")
        with pytest.raises((OSError, http.client.HTTPException)):
            d.request("POST", "/v1/workflows/run", d.admin_key, body, timeout=120)
        answered = [c.result() for c in calls if c.result()]
    assert d.process.wait(60) == -signal.SIGABRT and len(answered) >= 200
    d.stop()
    model.script = lambda body: "A title"
    d = Daemon(d.data, "--plugin-dirs", plugins, "--plugin-in-process", "example")
    state = plugin_state(d, plugins)["example"]
    assert (state["faults"], state["state"]) == (1, "quarantined") and "it crashed the daemon: signal 6" in state["reason"]
    with connect(f"file:{d.data}/lectern.db?mode=ro", uri=True) as db:
        states = dict((id.hex(), state) for id, state in db.execute("SELECT c.id, e.state FROM ai_call c LEFT JOIN ai_call_end e ON e.call_id = c.id"))
    assert {states[id.replace("-", "")] for id in answered} == {"completed"} and None not in states.values()
    wait_until(lambda: run(d, model, [("count_words", {"text": "a b"})])[0].endswith(">") or None, timeout=60, what="the plugin's return")
    assert runs(d, "example") == ["in_process", "process"]  # who has faults is not trusted with the daemon
    check_end(d)
