"""liblectern as a program meets it that has only what `meson install` puts there: header, library, lectern.pc, the example."""
import json
import os
import pathlib
import subprocess

import pytest
from conftest import BUILD, HERE, ROOT, Daemon, check_end, run_lectern, sqlite_only, wait_until

pytestmark = sqlite_only("the embedded library keeps its own file, whatever daemons use")
TEXT = ("Rain falls on the land. Rivers carry it to the sea. The sun warms the sea and water rises as vapour. Vapour becomes clouds. "
        "Clouds bring the rain back to the land, and the water cycle begins anew.")
INPUT = json.dumps({"text": TEXT})


def introspect(what):
    return json.loads(subprocess.run(["meson", "introspect", BUILD, what], capture_output=True, text=True, check=True).stdout)


class Installed:
    """What is installed, below a directory of the tests', and programs that are built against it."""

    def __init__(self, where):
        self.root = where / "root"
        done = subprocess.run(["meson", "install", "-C", BUILD, "--no-rebuild", "--destdir", self.root], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        [self.pc] = self.root.rglob("lectern.pc")
        [self.library] = self.root.rglob("liblectern.so.1")
        [self.example] = self.root.rglob("embedding/example.c")
        [self.header] = self.root.rglob("lectern.h")
        sanitizers = next(option["value"] for option in introspect("--buildoptions") if option["name"] == "b_sanitize")
        self.flags = [] if sanitizers == "none" else [f"-fsanitize={sanitizers}", "-fno-omit-frame-pointer"]
        target = next(t for t in introspect("--targets") if t["name"] == "lectern" and t["type"] == "shared library")
        self.compiler = target["target_sources"][0]["compiler"]  # another one's sanitizers would not fit
        self.env = {**os.environ, "LD_LIBRARY_PATH": str(self.library.parent)}

    def pkg_config(self, *what):
        env = {**os.environ, "PKG_CONFIG_PATH": str(self.pc.parent), "PKG_CONFIG_SYSROOT_DIR": str(self.root)}
        return subprocess.run(["pkg-config", *what, "lectern"], env=env, capture_output=True, text=True, check=True).stdout.split()

    def compile(self, source, program, standard):
        subprocess.run([*self.compiler, f"-std={standard}", "-g", "-Wall", "-Wextra", "-Werror", *self.flags, source,
                        *self.pkg_config("--cflags", "--libs"), "-o", program], check=True)
        return program

    def run(self, program, *args, timeout=240):
        done = subprocess.run([program, *map(str, args)], env=self.env, capture_output=True, text=True, timeout=timeout)
        assert done.returncode == 0, f"{args}: {done.returncode}: {done.stdout} {done.stderr}"
        assert done.stderr == "", done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    return Installed(tmp_path_factory.mktemp("installed"))


@pytest.fixture(scope="module")
def program(installed, tmp_path_factory):
    return installed.compile(HERE / "embedding_driver.c", tmp_path_factory.mktemp("driver") / "driver", "gnu99")


@pytest.fixture(scope="module")
def driver(installed, program):
    def run(mode, **members):
        """What the driver prints of that; it must leave the program's signals alone and write nothing else."""
        told = json.loads(installed.run(program, mode, *(f"{key}={value}" for key, value in members.items())))
        assert told["signals"] == 1
        return told

    return run


class Store:
    """A data directory with a site, as an operator makes it."""

    def __init__(self, data):
        self.data = data
        self.cli("site", "add", "school")

    def cli(self, *args, **options):
        return run_lectern(*args, "--data", self.data, **options)

    def add_extract(self):
        self.cli("provider", "add", "extract", "--plugin", "extract")

    def add_vendor(self, upstream):
        self.cli("provider", "add", "vendor", "--plugin", "openai", f"endpoint={upstream.url}", "model=m", "api_key=test-key-123", "retries=0",
                 "breaker_faults=0")

    def calls(self):
        return json.loads(self.cli("register", "list", "--json", "--limit", "1000"))["calls"]

    def call(self, id):
        """What the register holds of it; a refusal is written without waiting, but before the store is closed."""
        return json.loads(self.cli("register", "show", id, "--json"))


@pytest.fixture()
def store(tmp_path):
    return Store(tmp_path / "data")


# ---- what is installed ----

def test_the_example_is_built_and_does_what_it_says(installed, tmp_path):
    """As its head says, first without a trace, then on a directory that `lectern register list` reads."""
    program = installed.compile(installed.example, tmp_path / "example", "c99")
    assert "policy_not_accepted" in installed.run(program)
    lines = installed.run(program, tmp_path / "var").splitlines()
    assert lines[0].startswith("before: policy_not_accepted")
    assert lines[1].startswith("waited: extract says The sun warms the sea")
    recorded = next(line.split()[-1] for line in lines if line.startswith("recorded as "))
    shown = json.loads(run_lectern("register", "show", recorded, "--json", "--data", tmp_path / "var"))
    assert shown["state"] == "completed" and shown["user"] == "42"
    assert lines[-1].startswith("cancelled: ")


def test_the_exported_symbols_are_the_golden_ones(installed):
    """A symbol may be added behind the last of a version, or in a new version; none is ever taken away."""
    listed = subprocess.run(["nm", "-D", "--defined-only", installed.library], capture_output=True, text=True, check=True).stdout.split("\n")
    ours = sorted(line.split()[2] for line in listed if line.split() and line.split()[1] in "TDBRVW" and not line.split()[2].startswith("__"))
    golden = [line for line in (HERE / "embedding_symbols.txt").read_text().splitlines() if line and line[0] != "#"]
    assert ours == golden


@pytest.mark.parametrize("compiler,standard", [("cc", "c99"), ("cc", "c11"), ("c++", "c++98"), ("c++", "c++17")])
def test_the_header_is_plain(tmp_path, compiler, standard):
    source = tmp_path / ("x.cc" if "+" in compiler else "x.c")
    source.write_text("#include <lectern/lectern.h>\n#include <lectern/lectern.h>\nint main(void) { return LECTERN_DONE; }\n")
    subprocess.run([compiler, f"-std={standard}", "-pedantic", "-Wall", "-Wextra", "-Werror", *(["-Wno-long-long"] if standard == "c++98" else []),
                    "-I", ROOT / "include", "-c", "-o", tmp_path / "x.o", source], check=True)


def test_the_library_has_a_soname_and_is_never_unloaded(installed):
    dynamic = subprocess.run(["readelf", "-d", installed.library], capture_output=True, text=True, check=True).stdout
    assert "[liblectern.so.1]" in dynamic and "NODELETE" in dynamic


# ---- an action ----

def test_an_action_that_is_waited_for_is_answered_and_recorded(driver, store):
    store.add_extract()
    told = driver("process", data_dir=store.data, input=INPUT, course_id="c1", location_id="l1", placement="course_assist", roles="student teacher")
    assert told["rc"] == 0 and told["code"] == "" and told["close"] == 0
    assert told["text"] and json.loads(told["response"])["generated_content"] == told["text"] and told["provider"] == "extract"
    kept = store.call(told["id"])
    assert (kept["state"], kept["user"], kept["course"], kept["location"], kept["placement"], kept["action"], kept["provider"]) == (
        "completed", "u1", "c1", "l1", "course_assist", "summarise_text", "extract")
    assert kept["content"]["generatedcontent"] == told["text"]


def test_a_stream_comes_in_pieces_on_the_callers_thread(driver, store, upstream):
    store.add_vendor(upstream)
    upstream.default = "chunks?n=20&delay_ms=50"  # what comes while the machine is busy elsewhere is one piece
    told = driver("process", data_dir=store.data, input=INPUT, stream=1)
    assert told["rc"] == 0 and told["streamed"] == told["text"] and told["pieces"] > 1 and told["my_thread"] == 1
    assert told["prompt_tokens"] > 0 and told["completion_tokens"] > 0 and told["model"]
    assert "u1" not in json.dumps([r["body"] for r in upstream.requests()])  # who asks is not the vendor's to know
    assert store.call(told["id"])["content"]["generatedcontent"] == told["text"]


def test_a_slow_reader_gets_all_of_a_long_stream(driver, store, upstream):
    """More than is kept for a caller who does not take it: the service waits."""
    text = "x" * 200_000
    store.add_vendor(upstream)
    upstream.choose = lambda request: f"chunks?n=400&delay_ms=0&text={text}"
    told = driver("process", data_dir=store.data, input=INPUT, stream=1, slow_ms=30)
    assert told["rc"] == 0 and told["streamed_n"] == len(text) == len(told["text"])


def test_a_callback_ends_the_call(driver, store, upstream):
    store.add_vendor(upstream)
    upstream.default = "endless"
    told = driver("process", data_dir=store.data, input=INPUT, stream=1, stop_after=3)
    assert told["rc"] == 1 and told["code"] == "cancelled" and told["pieces"] == 3
    kept = store.call(told["id"])
    assert kept["state"] == "cancelled" and told["text"].startswith(told["streamed"])
    upstream.wait_for(lambda r: r["closed_early"], timeout=60)


def test_a_started_call_ends_by_itself(driver, store, upstream):
    store.add_vendor(upstream)
    upstream.default = "chunks?n=5&delay_ms=20"
    told = driver("wait", data_dir=store.data, input=INPUT, stream=1)
    assert told["start"] == 0 and told["rc"] == told["again"] == 0 and told["same"] == 1
    assert told["streamed"] == told["text"] and told["my_thread"] == 0
    assert store.call(told["id"])["state"] == "completed"


def test_a_started_call_is_cancelled(driver, store, upstream):
    store.add_vendor(upstream)
    upstream.default = "endless"
    told = driver("cancel", data_dir=store.data, input=INPUT, stream=1)
    assert told["rc"] == 1 and told["code"] == "cancelled" and told["http_status"] == 499
    assert store.call(told["id"])["state"] == "cancelled"
    upstream.wait_for(lambda r: r["closed_early"], timeout=60)


def test_a_call_ends_at_its_time(driver, store, upstream):
    store.add_vendor(upstream)
    upstream.default = "stall"
    told = driver("process", data_dir=store.data, input=INPUT, timeout_ms=3000)
    assert told["rc"] == 1 and told["code"] == "timeout" and told["retryable"] == 1
    assert store.call(told["id"])["state"] == "cancelled"


def test_closing_cancels_what_still_runs(driver, store, upstream):
    store.add_vendor(upstream)
    upstream.default = "endless"
    told = driver("close", data_dir=store.data, input=INPUT, stream=1, patience_ms=50)
    assert told["closed"] == 0 and told["rc"] == 1 and told["code"] == "cancelled"
    assert store.call(told["id"])["state"] == "cancelled"


def test_closing_waits_for_what_ends_in_time(driver, store, upstream):
    store.add_vendor(upstream)
    upstream.default = "chunks?n=10&delay_ms=30"
    told = driver("close", data_dir=store.data, input=INPUT, stream=1, patience_ms=60000)
    assert told["closed"] == 0 and told["rc"] == 0
    assert store.call(told["id"])["state"] == "completed"


def test_a_job_may_be_let_go(driver, store, upstream):
    store.add_vendor(upstream)
    driver("let_go", data_dir=store.data, input=INPUT)
    assert [c["state"] for c in store.calls()] == ["completed"]


def test_callbacks_may_start_calls_but_not_wait(driver, store):
    store.add_extract()
    driver("from_callback", data_dir=store.data, input=INPUT)
    assert [c["state"] for c in store.calls()] == ["completed"] * 2


def test_many_threads_at_once(driver, store, upstream):
    store.add_vendor(upstream)
    upstream.default = "chunks?n=10&delay_ms=2"
    told = driver("crowd", data_dir=store.data, input=INPUT, stream=1, threads=4, calls=12)
    assert told["failed"] == 0 and told["ends"] == 48
    states = [c["state"] for c in store.calls()]
    assert len(states) == 52 and set(states) <= {"completed", "cancelled"} and states.count("cancelled") <= 12


def test_what_a_service_does_is_told_as_it_is_elsewhere(driver, store, upstream):
    store.add_vendor(upstream)
    for scenario, code in [("503", "upstream_unavailable"), ("401", "upstream_unauthorized"), ("refusal", "content_refused")]:
        upstream.default = scenario
        told = driver("process", data_dir=store.data, input=INPUT)
        assert told["rc"] == 1 and told["code"] == code and "test-key-123" not in json.dumps(told)
        assert store.call(told["id"])["state"] == "failed"


# ---- the same gates ----

def site_off(store):
    store.cli("site", "set", "school", "enabled=false")


def course_off(store):
    store.cli("switch", "set", "c1", "off")


def policy(store):
    store.cli("policy", "set", "7", "--file", "-", stdin="Be careful.")


@pytest.mark.parametrize("prepare,members,code,field", [
    (site_off, {}, "site_disabled", ""),
    (course_off, {"course_id": "c1"}, "course_disabled", "/course_id"),
    (policy, {}, "policy_not_accepted", ""),
    (None, {"action": "generate_text", "input": '{"prompt": "Hello"}'}, "permission_denied", ""),
    (None, {"provider": "extract"}, "permission_denied", "/provider"),
    (None, {"placement": "chat"}, "placement_disabled", ""),
    (None, {"placement": "nowhere"}, "invalid_input", "/placement"),
    (None, {"action": "dance"}, "unknown_action", ""),
    (None, {"input": '{"text": 7}'}, "invalid_input", "/input/text"),
    (None, {"input": "[]"}, "invalid_input", "/input"),
    (None, {"action": "generate_text", "input": '{"prompt": "Hello"}', "roles": "teacher"}, "no_provider", ""),
])
def test_the_gates_are_the_same(driver, store, prepare, members, code, field):
    store.add_extract()
    if prepare:
        prepare(store)
    told = driver("process", data_dir=store.data, **{"input": INPUT, **members})
    assert told["rc"] == 1 and (told["code"], told["field"]) == (code, field), told
    assert told["text"] == "" and told["response"] == "{}"
    kept = store.call(told["id"])
    assert kept["state"] in ("refused", "failed") and kept["code"] == code and kept["detail"]


@pytest.mark.parametrize("members,code,field", [
    ({"input": "{"}, "invalid_json", "/input"),
    ({"site": "other"}, "not_found", "/site"),
])
def test_what_cannot_be_a_call_has_an_answer_but_no_record(driver, store, members, code, field):
    store.add_extract()
    told = driver("process", data_dir=store.data, **{"input": INPUT, **members})
    assert told["rc"] == 1 and told["answer"] == 1 and (told["code"], told["field"], told["id"]) == (code, field, "")
    assert store.calls() == []


@pytest.mark.parametrize("members,field", [
    ({"user": ""}, "/user"),
    ({"user": "u" * 256}, "/user"),
    ({"user": b"\xff"}, "/user"),
    ({"action": ""}, "/action"),
    ({"input": ""}, "/input"),
    ({"roles": "student service"}, "/roles"),
    ({"roles": "king"}, "/roles"),
    ({"course_id": "c" * 256}, "/course_id"),
    ({"locale": "l" * 36}, "/locale"),
    ({"timeout_ms": 3600001}, "/timeout_ms"),
])
def test_bad_members_are_named_and_nothing_is_begun(installed, driver, tmp_path, members, field):
    members = {key: value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else value for key, value in members.items()}
    told = driver("process", setup="{site: 'school', providers: [{name: 'e', plugin: 'extract'}]}", **{"input": INPUT, **members})
    assert told["rc"] == 1 and told["answer"] == 0 and (told["code"], told["field"]) == ("invalid_input", field)


def test_input_may_be_counted(driver):
    told = driver("process", setup="{site: 'school', providers: [{name: 'e', plugin: 'extract'}]}", input=INPUT + "and more", input_n=len(INPUT))
    assert told["rc"] == 0


def test_the_policy_is_accepted_once(driver, store):
    store.add_extract()
    policy(store)
    told = driver("process", data_dir=store.data, input=INPUT, policy="6")
    assert told["accept"] == 1 and told["accept_code"] == "conflict" and told["code"] == "policy_not_accepted"
    assert driver("process", data_dir=store.data, input=INPUT, policy="7")["rc"] == 0
    assert driver("process", data_dir=store.data, input=INPUT)["rc"] == 0  # kept
    assert driver("process", data_dir=store.data, input=INPUT, user="u2")["code"] == "policy_not_accepted"
    assert driver("process", data_dir=store.data, input=INPUT, user="u2", policy_asked=1)["rc"] == 0


# ---- services ----

WANTS = json.dumps({"component": "block", "wants": [{"service": "ai", "min": "1.0"}, "nothing"]})


def test_a_call_is_made_under_a_lease(driver, store):
    store.add_extract()
    told = driver("services", data_dir=store.data, input=INPUT, manifest=WANTS, roles="teacher", course_id="c1", placement="course_assist")
    assert (told["declare"], told["probe"], told["acquire"]) == (0, "ok", "ok")
    assert (told["major"], told["minor"], told["plugin"], told["rc"]) == (1, 0, "builtin", 0)
    kept = store.call(told["id"])
    assert (kept["user"], kept["course"], kept["placement"]) == ("u1", "c1", "course_assist")


def disabled(store):
    store.cli("site", "set", "school", 'services={"ai":["none"]}')


@pytest.mark.parametrize("prepare,members,status", [
    (None, {"service": "nothing"}, "absent"),
    (None, {"service": "other"}, "undeclared"),
    (None, {"component": "stranger"}, "undeclared"),
    (None, {"site": "other"}, "invalid"),
    (None, {"user": ""}, "invalid"),
    (None, {"roles": "king"}, "invalid"),
    (None, {"manifest": '{"component": "block", "wants": [{"service": "ai", "min": "2.0"}]}'}, "version"),
    (disabled, {}, "disabled"),
])
def test_without_a_service_there_is_a_status(driver, store, prepare, members, status):
    if prepare:
        prepare(store)
    told = driver("services", data_dir=store.data, **{"input": INPUT, "manifest": WANTS, **members})
    assert (told["declare"], told["probe"], told["acquire"]) == (0, status, status) and "rc" not in told


@pytest.mark.parametrize("manifest,code,field", [
    ("{", "invalid_json", ""), ('{"wants": []}', "invalid_input", "/component"), ("", "invalid_input", "")])
def test_a_manifest_that_is_wrong_is_refused(driver, store, manifest, code, field):
    told = driver("services", data_dir=store.data, input=INPUT, manifest=manifest)
    assert (told["declare"], told["declare_code"], told["declare_field"], told["acquire"]) == (1, code, field, "undeclared")


def test_components_are_read_from_the_data_directory_too(driver, store):
    (store.data / "components").mkdir()
    (store.data / "components/block.json").write_text(WANTS)
    store.add_extract()
    assert driver("services", data_dir=store.data, input=INPUT)["rc"] == 0
    again = driver("services", data_dir=store.data, input=INPUT, manifest=WANTS)
    assert (again["declare"], again["declare_code"], again["rc"]) == (1, "conflict", 0)


def test_a_lease_says_for_whom_it_is(driver, store):
    told = driver("services", data_dir=store.data, input=INPUT, manifest=WANTS, stop_after=1)
    assert (told["answer"], told["code"], told["field"]) == (0, "invalid_input", "/lease")


# ---- handles ----

def test_there_is_one_handle_at_a_time(driver):
    told = driver("second", setup="{site: 'school'}")
    assert told["rc"] == 1 and told["code"] == "conflict" and told["close"] == 0


def test_a_handle_can_be_opened_again(driver, store):
    store.add_extract()
    told = driver("again", data_dir=store.data, calls=5, input=INPUT)
    assert told["rc"] == 0 and len(store.calls()) == 1


def test_a_directory_belongs_to_one_daemon_or_handle(driver, tmp_path):
    d = Daemon(tmp_path / "data")
    d.cli("site", "set", "demo", "policy_by_lms=true")
    told = driver("process", data_dir=d.data, input=INPUT)
    assert told["open"] == 1 and told["code"] == "conflict" and str(d.data) in told["detail"]
    told = driver("process", data_dir=d.data, input=INPUT, beside_daemon=1)
    assert told["rc"] == 0
    assert d.request("GET", f"/v1/actions/calls/{told['id']}", d.admin_key).json["state"] == "completed"
    check_end(d)


def test_what_a_crash_left_is_marked_by_the_next_handle(installed, program, driver, store, upstream):
    store.add_vendor(upstream)
    upstream.default = "stall_mid"
    running = subprocess.Popen([program, "wait", f"data_dir={store.data}", f"input={INPUT}", "stream=1"], env=installed.env,
                               stdout=subprocess.DEVNULL)
    wait_until(lambda: store.calls(), timeout=60, what="a record of the call")
    running.kill()
    running.wait()
    upstream.default = "ok"
    assert driver("process", data_dir=store.data, input=INPUT)["rc"] == 0
    assert sorted(c["state"] for c in store.calls()) == ["completed", "interrupted"]


def test_a_changed_configuration_is_seen_and_logged(installed, program, store, tmp_path):
    """By a handle that is open. Its log lines go where the program says, as JSON, and nowhere else."""
    store.add_extract()
    log = tmp_path / "log"
    running = subprocess.Popen([program, "until", f"data_dir={store.data}", f"input={INPUT}", "until=site_disabled", f"log={log}"], env=installed.env,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_until(lambda: store.calls(), timeout=60, what="a first call")
    store.cli("site", "set", "school", "enabled=false")
    told, errors = running.communicate(timeout=240)
    assert running.returncode == 0 and errors == "" and json.loads(told)["until"] == "site_disabled"
    assert "config.reload" in [json.loads(line)["event"] for line in log.read_text().splitlines()]


def test_who_does_not_wait_for_the_opening_may_open_again(driver, store):
    store.add_extract()
    told = driver("hasty", data_dir=store.data, input=INPUT)
    assert told["hasty_code"] in ("timeout", "") and told["rc"] == 0


def test_setup_is_for_a_site_that_is_not_there(driver, store, tmp_path):
    setup = """{site: 'new', name: 'New', settings: {call_timeout_ms: 5000}, policy: {version: '1', text: 'x'},
               providers: [{name: 'e', plugin: 'extract'}]}"""
    assert driver("process", data_dir=tmp_path / "new", setup=setup, input=INPUT, policy="1")["rc"] == 0
    new = Store.__new__(Store)
    new.data = tmp_path / "new"
    new.cli("provider", "remove", "e")
    assert driver("process", data_dir=new.data, setup=setup, input=INPUT)["code"] == "no_provider"


@pytest.mark.parametrize("setup,code,field", [
    ("{", "invalid_json", "/setup"),
    ("{name: 'x'}", "invalid_input", "/setup/site"),
    ("{site: 'No'}", "invalid_input", "/setup/site"),
    ("{site: 'a', providers: [{name: 'e', plugin: 'extract'}, {name: 'x', plugin: 'nothing'}]}", "invalid_input", "/setup/providers/1/plugin"),
    ("{site: 'a', settings: {call_timeout_ms: 'x'}}", "invalid_input", "/setup/settings/call_timeout_ms"),
    ("{site: 'a', more: 1}", "invalid_input", "/setup/more"),
])
def test_a_setup_that_is_wrong_leaves_no_site(driver, tmp_path, setup, code, field):
    told = driver("process", data_dir=tmp_path / "data", setup=setup, input=INPUT)
    assert told["open"] == 1 and (told["code"], told["field"]) == (code, field), told
    assert json.loads(run_lectern("site", "list", "--json", "--data", tmp_path / "data")) in ([], {"sites": []})


@pytest.mark.parametrize("members,code,field", [
    ({"data_dir": "/proc/nowhere"}, "invalid_configuration", ""),
    ({"data_dir": ""}, "invalid_input", "/data_dir"),
    ({"beside_daemon": 1}, "invalid_input", "/beside_daemon"),
    ({"max_calls": 24001}, "invalid_input", "/max_calls"),
    ({"log_level": "loud"}, "invalid_input", "/log_level"),
    ({"outbound_allow": "10.0.0.0/99"}, "invalid_configuration", "/outbound_allow"),
    ({"tls_ca": "/nowhere"}, "invalid_configuration", ""),
])
def test_bad_options_are_named(driver, members, code, field):
    told = driver("process", input=INPUT, **members)
    assert told["open"] == 1 and (told["code"], told["field"]) == (code, field), told


def test_no_more_calls_run_than_may(driver, store, upstream):
    store.add_vendor(upstream)
    upstream.default = "stall"
    told = driver("flood", data_dir=store.data, input=INPUT, max_calls=3, calls=10)
    assert told["refused"] == 7 and told["code"] == "overloaded"


def test_structs_of_other_versions(driver):
    told = driver("sizes", setup="{site: 'school', providers: [{name: 'e', plugin: 'extract'}]}", input=INPUT)
    assert (told["short"], told["short_field"]) == (1, "/size")
    assert told["longer"] == 0 and (told["newer"], told["newer_code"]) == (1, "not_supported")
    assert (told["small"], told["small_status"], told["small_code"]) == (1, 422, 0)


def test_nothing_is_left_of_a_temporary_store(installed, driver, tmp_path, monkeypatch):
    monkeypatch.setitem(installed.env, "TMPDIR", str(tmp_path))
    assert driver("process", setup="{site: 'school', providers: [{name: 'e', plugin: 'extract'}]}", input=INPUT)["rc"] == 0
    assert list(pathlib.Path(tmp_path).iterdir()) == []
