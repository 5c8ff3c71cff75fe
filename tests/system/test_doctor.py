"""/v1/health and `lectern doctor`: each check finds what it is for, and nothing when there is nothing."""
import contextlib
import http.server
import json
import os
import re
import threading
import time

import pytest
from conftest import Daemon, check_end, sqlite_only, wait_until
from database import SERVER, connect

DAY = 86400000
DEPLOYMENT = ["files", "storage", "database", "network", "rules"]  # what only the operator is told, at the command line
VENDOR = {"endpoint": "http://127.0.0.1:9/v1", "model": "m", "api_key": "sk-very-secret"}


@pytest.fixture(scope="module")
def daemon(tmp_path_factory):
    d = Daemon(tmp_path_factory.mktemp("doctor") / "data")
    yield d
    d.process.terminate()
    d.process.wait(60)


def health(daemon, key=None):
    answer = daemon.request("GET", "/v1/health", key or daemon.admin_key)
    assert answer.status == 200, answer
    return answer.json


def findings(daemon, check):
    return [(f["level"], f["detail"]) for f in health(daemon)["findings"] if f["id"] == check]


def doctor(daemon):
    done = daemon.cli("--json", "doctor", "--site", "demo", check=False)
    return done.returncode, [(f["id"], f["level"], f["detail"]) for f in json.loads(done.stdout)]


def sql(daemon, *statements):
    with contextlib.closing(connect(daemon.data / "lectern.db", timeout=60)) as db, db:
        for text, *values in statements:
            db.execute(text, values)


def put_setting(daemon, **members):
    """Settings that the API would refuse; None takes one away."""
    with contextlib.closing(connect(daemon.data / "lectern.db", timeout=60)) as db:
        settings = json.loads(db.execute("SELECT settings FROM site WHERE id = 1").fetchone()[0]) | members
    sql(daemon, ("UPDATE site SET settings = ? WHERE id = 1", json.dumps({k: v for k, v in settings.items() if v is not None})), CHANGED)


def now():
    return int(time.time() * 1000)


def call_of(number, ms, model="m-new", state="completed"):
    id = (ms << 80 | 7 << 76 | 2 << 62 | number).to_bytes(16, "big")
    begin = ("INSERT INTO ai_call (id, site_id, user_id, action, course_id, location_id, placement, created_at) VALUES (?, 1, 'u', 'generate_text', '', '', '', ?)", id, ms)
    end = ("INSERT INTO ai_call_end (call_id, state, code, detail, model, completed_at) VALUES (?, ?, '', '', ?, ?)", id, state, model, ms)
    return begin, end


def test_all_is_well_at_first_and_each_check_says_so(daemon):
    answer = health(daemon)
    ids = [f["id"] for f in answer["findings"]]
    assert ids == ["store", "disk", "clock", "master_key", "listener", "providers", "circuits", "prices", "stop", "policy", "limits", "keys", "profiles", "register",
                   "tasks", "queues", "events", "time_zone", "plugins"]
    for f in answer["findings"]:
        assert set(f) == {"id", "level", "title", "detail", "advice"} and f["title"] and f["detail"]
        assert f["level"] == "ok" or f["id"] == "disk", f  # how much room the machine has is its own affair
    code, told = doctor(daemon)
    assert code == (1 if any(level == "error" for _, level, _ in told) else 0)
    assert list(dict.fromkeys(id for id, _, _ in told)) == ids + DEPLOYMENT
    assert {level for id, level, _ in told if id in DEPLOYMENT} <= {"ok", "warning"}, told  # tests may lie on a disk of no use for a database


def provider(daemon, **more):
    body = {"name": "vendor", "plugin": "openai", "config": VENDOR, **more}
    assert daemon.request("POST", "/v1/providers", daemon.admin_key, body).status == 201


def remove_provider(daemon):
    assert daemon.request("DELETE", "/v1/providers/vendor", daemon.admin_key).status == 204


def patch_site(daemon, **settings):
    assert daemon.request("PATCH", "/v1/site", daemon.admin_key, {"settings": settings}).status == 200


def task(state, **columns):
    row = {"uuid": "t", "site_id": 1, "user_id": "u", "roles": "", "locale": "", "only_course": "", "is_user": 0, "key_id": 0, "policy_by_lms": 0, "profile_id": 1,
           "profile_slug": "p", "scope_id": 0, "course_id": "", "location_id": "", "ui_slot_selector_id": "", "placement": "", "action": "", "idempotency_key": "",
           "request_hash": b"", "state": state, "not_before": 1, "created_at": 1, **columns}
    return f"INSERT INTO workflow_task ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})", *row.values()


def rotten_profile(daemon):
    sql(daemon, ("INSERT INTO workflow_profile (site_id, uuid, slug, base_filepath, content_patch, version, created_at, updated_at)"
                 " VALUES (1, 'rotten', 'rotten', 'nowhere/at_all.json5', '{}', 1, 1, 1)",), ("UPDATE meta SET value = value + 1 WHERE name = 'generation'",))


def expiring_key(daemon):
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 5 * 86400))
    answer = daemon.request("POST", "/v1/keys", daemon.admin_key, {"role": "service", "name": "soon", "expires_at": at})
    assert answer.status == 201, answer
    return answer.json["id"]


CHANGED = ("UPDATE meta SET value = value + 1 WHERE name = 'generation'",)


def destination(daemon, **more):
    """A receiver at an address where nobody listens; something for it to be told."""
    answer = daemon.request("POST", "/v1/event-destinations", daemon.admin_key, {"name": "own", "kind": "webhook", "url": "http://127.0.0.1:9", "events": ["call.completed"], **more})
    assert answer.status == 201, answer
    daemon.accept_policy(daemon.teacher)
    assert daemon.request("POST", "/v1/actions/summarise_text", daemon.teacher, {"input": {"text": "Plants make sugar. Leaves are green."}}).status == 200


def no_destination(daemon):
    [own] = daemon.request("GET", "/v1/event-destinations", daemon.admin_key).json["destinations"]
    assert daemon.request("DELETE", f"/v1/event-destinations/{own['id']}", daemon.admin_key).status == 204


def given_up(n):
    return [("INSERT INTO event_outbox (destination_id, site_id, user_id, event_id, kind, subject, at_us, data, dead_at, reason)"
             " SELECT id, 1, 'u', 'e', 'call.failed', 'c', 1, '{}', ?, 'no' FROM event_destination WHERE name = 'own'", now())] * n


# check: what brings it about, what takes it away, level, what is said of it
CASES = {
    "an unfinished provider": ("providers", lambda d: provider(d, config={}), remove_provider, "warning", "'vendor' cannot be used"),
    "no provider": ("providers", lambda d: d.request("PATCH", "/v1/providers/extract", d.admin_key, {"enabled": False}),
                    lambda d: d.request("PATCH", "/v1/providers/extract", d.admin_key, {"enabled": True}), "error", "no provider that can be used"),
    "no budget": ("limits", provider, remove_provider, "warning", "no limit on what AI may cost"),
    "a stop": ("stop", lambda d: d.request("PUT", "/v1/emergency-stop", d.admin_key, {"reason": "Exam week."}),
               lambda d: d.request("DELETE", "/v1/emergency-stop", d.admin_key), "warning", "Exam week."),
    "no policy": ("policy", lambda d: d.request("PUT", "/v1/policy/texts", d.admin_key, {"version": ""}),
                  lambda d: d.request("PUT", "/v1/policy/texts", d.admin_key, {"version": "1"}), "warning", "nobody is asked"),
    "a version without text": ("policy", lambda d: sql(d, ("UPDATE site SET policy_version = '7' WHERE id = 1",), ("UPDATE meta SET value = value + 1 WHERE name = 'generation'",)),
                               lambda d: d.request("PUT", "/v1/policy/texts", d.admin_key, {"version": "1"}), "error", "'7' is in force and has no text"),
    "a key that expires": ("keys", expiring_key, lambda d: [d.request("DELETE", f"/v1/keys/{k['id']}", d.admin_key)
                                                            for k in d.request("GET", "/v1/keys", d.admin_key).json["keys"] if k["name"] == "soon"],
                           "warning", "'soon'"),
    "a model without a price": ("prices", lambda d: sql(d, *call_of(1, now() - DAY)), lambda d: sql(d, ("UPDATE ai_call_end SET cost = 0",)), "warning",
                                "'m-new' has no price; 1 calls"),
    "an old price": ("prices", lambda d: d.request("POST", "/v1/prices", d.admin_key, {"model": "old", "input": 1, "output": 1, "valid_from": "2020-01-01T00:00:00Z"}),
                     lambda d: d.request("DELETE", f"/v1/prices/{d.request('GET', '/v1/prices', d.admin_key).json['prices'][0]['id']}", d.admin_key), "warning",
                     "1 prices are older than a year"),
    "a clock that is behind": ("clock", lambda d: sql(d, *call_of(2, now() + DAY)), lambda d: sql(d, ("DELETE FROM ai_call WHERE created_at > ?", now() + DAY // 2)), "error",
                               "behind the newest call"),
    "a profile that cannot run": ("profiles", rotten_profile, lambda d: sql(d, ("DELETE FROM workflow_profile WHERE slug = 'rotten'",),
                                                                           ("UPDATE meta SET value = value + 1 WHERE name = 'generation'",)), "warning", "'rotten' cannot run"),
    "tasks that run too long": ("tasks", lambda d: sql(d, task("running", attempt=1, started_at=1)), lambda d: sql(d, ("DELETE FROM workflow_task",)), "warning",
                                "run for longer than they may"),
    "a receiver that is away": ("events", destination, no_destination, "warning", "'own' has taken nothing in "),
    "events that were given up": ("events", lambda d: (destination(d, enabled=False), sql(d, *given_up(3))), no_destination, "warning",
                                  "3 events for destination 'own' were given up"),
    "a time zone that is not there": ("time_zone", lambda d: put_setting(d, time_zone="Mars/Base"),
                                      lambda d: put_setting(d, time_zone=None), "error",
                                      "does not know the site's time zone 'Mars/Base'"),
    "deletions at vendors that failed": ("queues", lambda d: sql(d, ("INSERT INTO privacy_vendor_deletion (site_id, job_id, instance_id, response_id, state, not_before,"
                                                                     " give_up_at, created_at) VALUES (1, 0, 1, 'r', 'failed', 1, 1, 1)",)),
                                         lambda d: sql(d, ("DELETE FROM privacy_vendor_deletion",)), "warning", "have failed for good"),
}


@pytest.mark.parametrize("case", CASES)
def test_a_check_finds_what_it_is_for_and_forgets_it_when_it_is_mended(daemon, case):
    check, bring, mend, level, words = CASES[case]
    before = findings(daemon, check)
    bring(daemon)
    wait_until(lambda: any(l == level and words in detail for l, detail in findings(daemon, check)), what=case)
    code, told = doctor(daemon)
    assert any(id == check and l == level and words in detail for id, l, detail in told), told
    assert code == (1 if any(l == "error" for _, l, _ in told) else 0)
    mend(daemon)
    wait_until(lambda: findings(daemon, check) == before, what=f"the end of {case}")


def test_a_provider_that_is_left_alone_is_named(daemon):
    provider(daemon, config={**VENDOR, "breaker_faults": 1, "breaker_open_ms": 300000, "retries": 0})
    patch_site(daemon, policy_by_lms=True)
    daemon.request("POST", "/v1/actions/generate_text", daemon.admin_key, {"input": {"prompt": "x"}, "provider": "vendor"})
    wait_until(lambda: any("'vendor' is left alone" in detail for _, detail in findings(daemon, "circuits")), what="the open circuit")
    patch_site(daemon, policy_by_lms=None)
    remove_provider(daemon)


def test_it_tells_no_paths_no_secrets_and_nothing_of_another_site(daemon):
    provider(daemon)
    daemon.cli("site", "add", "b")
    key = json.loads(daemon.cli("--json", "key", "add", "--site", "b", "--role", "site_admin"))["key"]
    wait_until(lambda: daemon.request("GET", "/v1/health", key).status == 200, what="the key of b")
    own, other = json.dumps(health(daemon)), json.dumps(health(daemon, key))
    for text in (own, other):
        assert str(daemon.data) not in text and "sk-very-secret" not in text and not re.search(r'[" ]/(tmp|home|root|usr|var)\b', text)
    assert "vendor" not in other
    remove_provider(daemon)


def test_without_a_daemon_tasks_wait_and_records_are_not_chained_and_the_doctor_says_so(tmp_path):
    d = Daemon(tmp_path / "data")
    assert d.stop() == 0
    sql(d, task("queued"), *call_of(3, now() - DAY), ("INSERT INTO register_pending (call_id, kind) SELECT id, 1 FROM ai_call",))
    told = doctor(d)[1]
    assert ("tasks", "warning", "1 tasks wait for more than 10 minutes.") in told
    assert ("register", "warning", "1 records older than 10 minutes are not in the chain yet.") in told


def test_a_master_key_that_is_gone_is_an_error(tmp_path):
    d = Daemon(tmp_path / "data")
    provider(d)
    assert d.stop() == 0
    (d.data / "master.key").rename(tmp_path / "away")
    code, told = doctor(d)
    assert code == 1 and any(id == "master_key" and level == "error" for id, level, _ in told), told


def test_for_people_it_is_a_table(daemon):
    text = daemon.cli("doctor", "--site", "demo", check=False).stdout
    assert "Emergency stop" in text and "Nothing is stopped." in text and "{" not in text


def test_plugins_that_cannot_be_used_are_named_without_their_path(tmp_path):
    folder = tmp_path / "plugins"
    folder.mkdir()
    (folder / "bad.json").write_text('{"manifest": 1, "id": "Bad id"}')
    d = Daemon(tmp_path / "data", "--plugin-dirs", folder)
    [(level, detail)] = findings(d, "plugins")
    assert level == "error" and "'bad.json'" in detail and str(tmp_path) not in detail
    assert health(d)["level"] == "error"
    check_end(d)


# ---- the machine and the network: at the command line alone ----

class Server(http.server.BaseHTTPRequestHandler):
    """An AI service whose clock is an hour behind."""

    def do_GET(self):
        self.send_response_only(404)
        self.send_header("Date", time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + self.server.skew)))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def serving(skew):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
    server.skew = skew
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()
    server.server_close()


def with_mode(name, mode):
    return lambda d: (d.data / name).chmod(mode)


def vendor_at(url):
    return lambda d: provider(d, config={**VENDOR, "endpoint": url})


def limit(**members):
    return lambda d: d.request("POST", "/v1/limits", d.admin_key, {"subject": "site", "unit": "requests", "window": "day", "amount": 5, **members})


def no_limits(d):
    for found in d.request("GET", "/v1/limits", d.admin_key).json["limits"]:
        assert d.request("DELETE", f"/v1/limits/{found['id']}", d.admin_key).status == 204


DEPLOYMENT_CASES = {
    "a database that others can read": ("files", with_mode("lectern.db", 0o644), with_mode("lectern.db", 0o600), "error", "The database can be read or written by others (mode 644)"),
    "a master key that others can read": ("files", with_mode("master.key", 0o640), with_mode("master.key", 0o600), "error", "The master key file can be read or written by others"),
    "a directory that others can write": ("files", with_mode(".", 0o777), with_mode(".", 0o700), "error", "The data directory can be read or written by others (mode 777)"),
    "a service that is not there": ("network", vendor_at("http://127.0.0.1:9/v1"), remove_provider, "warning", "Provider 'vendor' cannot be reached"),
    "a limit that allows nothing": ("rules", limit(amount=0), no_limits, "warning", "allows nothing at all"),
    "a limit of no provider": ("rules", lambda d: (limit(subject="provider", subject_id="1")(d), sql(d, ("UPDATE usage_limit SET subject_id = '999'",),
                               ("UPDATE meta SET value = value + 1 WHERE name = 'generation'",))), no_limits, "warning", "is of a provider that is not there"),
    "a policy without the site's language": ("rules", lambda d: patch_site(d, language="fi"), lambda d: patch_site(d, language=None), "warning", "no text in the site's language, 'fi'"),
}


@pytest.mark.parametrize("case", DEPLOYMENT_CASES)
def test_the_doctor_finds_what_is_wrong_around_the_daemon(daemon, case):
    check, bring, mend, level, words = DEPLOYMENT_CASES[case]
    if SERVER and case == "a database that others can read":
        pytest.skip("SQLite only: there is no file of a database")
    bring(daemon)
    try:
        wait_until(lambda: any(id == check and l == level and words in detail for id, l, detail in doctor(daemon)[1]), what=case)
        assert doctor(daemon)[0] == (1 if level == "error" else doctor(daemon)[0])
    finally:
        mend(daemon)
    wait_until(lambda: not any(words in detail for _, _, detail in doctor(daemon)[1]), what=f"the end of {case}")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has what root has")
def test_a_daemon_that_has_all_rights(daemon):
    words = "The data directory is root's."
    assert ("files", "warning", words) in doctor(daemon)[1] and '"event":"daemon.root"' in daemon.log()
    os.chown(daemon.data, 65534, 65534)
    try:
        assert words not in [detail for _, _, detail in doctor(daemon)[1]]
    finally:
        os.chown(daemon.data, 0, 0)


@pytest.mark.parametrize("skew, words", [(-3600, "s ahead"), (3600, "s behind"), (0, None)])
def test_a_clock_that_services_do_not_agree_with(daemon, skew, words):
    with serving(skew) as url:
        vendor_at(url)(daemon)
        said = [detail for id, level, detail in doctor(daemon)[1] if id == "network" and level == "error"]
        remove_provider(daemon)
    assert (len(said) == 1 and "the clock here is 3" in said[0] and words in said[0]) if words else not said, said


@sqlite_only("whether PostgreSQL's pages are sound is its own tools' to say (pg_amcheck)")
def test_a_database_that_is_damaged(tmp_path):
    d = Daemon(tmp_path / "data")
    assert d.stop() == 0
    with contextlib.closing(connect(d.data / "lectern.db")) as db:
        size = db.execute("PRAGMA page_size").fetchone()[0]
        page = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'ai_call_attempt'").fetchone()[0]
    with open(d.data / "lectern.db", "r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xff" * 200)
    code, told = doctor(d)
    assert code == 1 and any(id == "database" and level == "error" and "damaged" in detail for id, level, detail in told), told
