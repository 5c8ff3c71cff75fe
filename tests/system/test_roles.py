"""Course roles against the real daemon: /v1/roles, `lectern role`, and the LMS that is asked what a user is in a course."""
import base64
import hashlib
import hmac
import http.server
import json
import random
import threading
import time
import urllib.parse

import pytest
from conftest import Daemon, add_vendor, check_end, read_events, run_lectern, wait_until
from double.upstream import Upstream
from test_tools import Model, results

SECRET = "a shared secret of the roles test"
COURSE = "course-v1:Org+Course+Run"
ROLES = ["student", "teacher", "editingteacher", "manager", "admin"]


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def token(user="u1", roles=("student",), **claims):
    now = int(time.time())
    body = {"iss": "lms", "aud": "lectern", "sub": user, "roles": list(roles), "iat": now, "exp": now + 86400, **claims}
    head = b64(json.dumps({"alg": "HS256", "typ": "JWT"}).encode()) + "." + b64(json.dumps(body).encode())
    return head + "." + b64(hmac.new(SECRET.encode(), head.encode(), hashlib.sha256).digest())


class Lms:
    """The double of an LMS's roles API: a thread that answers what a test sets, and keeps what it was asked."""

    def __init__(self):
        double = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                url = urllib.parse.urlsplit(self.path)
                double.requests.append({"path": url.path, "query": urllib.parse.parse_qs(url.query), "authorization": self.headers["Authorization"]})
                double.gate.wait(60)
                status, body = double.answer
                try:
                    self.send_response(status)
                    self.send_header("Content-Type", "application/json")
                    self.send_header("Content-Length", str(len(body) + double.missing))
                    self.end_headers()
                    self.wfile.write(body)
                except OSError:
                    pass  # the client has left
                self.close_connection = double.missing > 0

            def log_message(self, *args):
                pass

        self.requests, self.gate, self.missing = [], threading.Event(), 0
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}/api/enrollment/v1/roles/"
        self.says()
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def says(self, *roles, is_staff=False, course=COURSE):
        rows = [{"org": "Org", "course_id": course, "role": role} for role in roles]
        self.answers(200, json.dumps({"roles": rows, "is_staff": is_staff}).encode())

    def answers(self, status, body, missing=0):
        self.answer, self.missing = (status, body), missing
        self.gate.set()

    def stop(self):
        self.gate.set()
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture()
def lms():
    double = Lms()
    yield double
    double.stop()


def take_issuer(daemon, path):
    path.write_text(SECRET)
    daemon.cli("issuer", "set", "lms", "lectern", "--site", "demo", "--secret-file", path)
    wait_until(lambda: daemon.request("GET", "/v1/actions", token()).status == 200, what="the new issuer")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """One loop, so that one table of answers is asked."""
    folder = tmp_path_factory.mktemp("roles")
    d = Daemon(folder / "data", "--threads", "1")
    take_issuer(d, folder / "secret")
    yield d
    check_end(d)


@pytest.fixture()
def clean(site):
    """Without roles, without an LMS."""
    site.cli("site", "set", "demo", "--json-patch", json.dumps({"lms_roles_url": "", "lms_roles_cache_ms": 60000}))
    assert site.request("POST", "/v1/roles/import", site.admin_key, {"rows": [], "replace": True}).json == {"rows": 0}
    return site


def mine(daemon, key, course=COURSE, headers=None):
    answer = daemon.request("GET", "/v1/roles/mine?" + urllib.parse.urlencode({"course_id": course}), key, headers=headers)
    assert answer.status == 200, answer
    return answer.json["roles"]


def ask_lms(daemon, lms, cache_ms=60000):
    """From now on the daemon asks it; the address differs each time, so nothing is known of it."""
    url = lms.url + f"?test={random.getrandbits(64)}"
    daemon.cli("site", "set", "demo", "--json-patch", json.dumps({"lms_roles_url": url, "lms_roles_cache_ms": cache_ms}))
    probe = f"probe{random.getrandbits(64)}"

    def asked():
        mine(daemon, token(probe), f"probe-{random.getrandbits(64)}")
        return lms.requests
    wait_until(asked, what="the daemon asks the LMS")
    lms.requests.clear()


def rows(daemon, key=None, query=""):
    answer = daemon.request("GET", "/v1/roles" + query, key or daemon.admin_key)
    assert answer.status == 200, answer
    return [(r["user_id"], r["course_id"], r["role"]) for r in answer.json["roles"]]


def put(daemon, key, user, course, role):
    return daemon.request("PUT", "/v1/roles", key, {"user_id": user, "course_id": course, "role": role})


def refused(answer, status, code, field=None):
    assert (answer.status, answer.json["code"]) == (status, code), answer
    if field:
        assert answer.json["field"] == field, answer
    return answer.json


# ---- the API ----


def test_a_role_is_given_shown_and_taken(clean):
    made = put(clean, clean.admin_key, "u1", COURSE, "teacher")
    assert made.status == 200
    assert made.json == {"id": made.json["id"], "user_id": "u1", "course_id": COURSE, "role": "teacher", "created_at": made.json["created_at"],
                         "created_by": "key " + clean.admin_key[:len(made.json["created_by"]) - 4]}
    assert put(clean, clean.admin_key, "u1", COURSE, "teacher").json == made.json
    assert clean.request("PUT", "/v1/roles", clean.admin_key, {"user_id": "u1", "role": "manager"}).json["course_id"] == ""
    assert clean.request("GET", "/v1/roles", clean.admin_key).json["roles"][0] == made.json
    assert mine(clean, token()) == ["student", "teacher", "manager"]
    assert mine(clean, token(), "other") == ["student", "manager"]
    assert mine(clean, token("u2")) == ["student"]
    assert clean.request("DELETE", f"/v1/roles/{made.json['id']}", clean.admin_key).status == 204
    refused(clean.request("DELETE", f"/v1/roles/{made.json['id']}", clean.admin_key), 404, "not_found")
    assert mine(clean, token()) == ["student", "manager"]


def test_a_back_end_asks_for_its_users(clean):
    put(clean, clean.admin_key, "u1", COURSE, "teacher")
    answer = clean.request("GET", f"/v1/roles/mine?course_id={urllib.parse.quote_plus(COURSE)}&user_id=u1&role=student", clean.service_key)
    assert answer.json["roles"] == ["student", "teacher"]


@pytest.mark.parametrize("change, field", [
    ({"user_id": ""}, "/user_id"), ({"user_id": "a\nb"}, "/user_id"), ({"user_id": "x" * 256}, "/user_id"), ({"course_id": "x" * 256}, "/course_id"),
    ({"role": "service"}, "/role"), ({"role": "king"}, "/role"), ({"role": 7}, "/role"), ({"user_id": None}, "/user_id"), ({"more": 1}, "/more")])
def test_a_role_that_cannot_be_kept_is_refused_by_field(clean, change, field):
    answer = clean.request("PUT", "/v1/roles", clean.admin_key, {"user_id": "u", "course_id": COURSE, "role": "teacher", **change})
    refused(answer, 400, "invalid_input", field)
    assert rows(clean) == []


@pytest.mark.parametrize("method, path, body", [
    ("GET", "/v1/roles", None), ("PUT", "/v1/roles", {"user_id": "u1", "role": "student"}), ("POST", "/v1/roles/import", {"rows": []}),
    ("DELETE", "/v1/roles/1", None)])
def test_only_managers_and_admins_touch_roles(clean, method, path, body):
    put(clean, clean.admin_key, "u1", "", "admin")  # a role of the table does not count for this, only what the token says
    for roles in ([], ["student"], ["teacher"], ["editingteacher"]):
        refused(clean.request(method, path, token(roles=roles), body), 403, "permission_denied")
    refused(clean.request(method, path, clean.service_key, body), 403, "permission_denied")
    refused(clean.request(method, path, None, body), 401, "unauthenticated")
    for roles in (["manager"], ["admin"]):
        assert clean.request(method, path, token(roles=roles), body).status in (200, 204, 404)


def test_nobody_gives_or_takes_a_role_above_their_own(clean):
    manager = token("m", ["manager"])
    boss = put(clean, clean.admin_key, "boss", COURSE, "admin").json
    for role in ROLES:
        answer = put(clean, manager, "u", COURSE, role)
        if role == "admin":
            refused(answer, 403, "permission_denied", "/role")
        else:
            assert (answer.status, answer.json["created_by"]) == (200, "m")
    refused(clean.request("DELETE", f"/v1/roles/{boss['id']}", manager), 403, "permission_denied", "/role")
    body = refused(clean.request("POST", "/v1/roles/import", manager, {"rows": [{"user_id": "m", "role": "admin"}]}), 403, "permission_denied")
    assert body["errors"][0]["field"] == "/rows/0/role"
    assert clean.request("POST", "/v1/roles/import", manager, {"rows": [], "replace": True}).status == 200
    assert rows(clean) == [("boss", COURSE, "admin")]
    # an editor who may manage roles raises nobody above editors
    clean.cli("permission", "set", "editingteacher", "manage_roles", "on", "--site", "demo")
    try:
        editor = token("e", ["editingteacher"])
        wait_until(lambda: put(clean, editor, "e", COURSE, "editingteacher").status == 200, what="the permission")
        refused(put(clean, editor, "e", COURSE, "manager"), 403, "permission_denied", "/role")
    finally:
        clean.cli("permission", "set", "editingteacher", "manage_roles", "default", "--site", "demo")


def test_a_role_in_a_course_gives_its_permissions_there_and_nowhere_else(clean):
    """generate_question is for authors; nobody serves it here, which is said only to who may."""
    def ask(course):
        body = {"input": {"text": "Water rises."}, "context": {"course_id": course} if course else {}}
        return clean.request("POST", "/v1/actions/generate_question", token("author"), body).json["code"]

    def offered(course):
        actions = clean.request("GET", f"/v1/actions?course_id={urllib.parse.quote(course)}", token("author")).json["actions"]
        return next(a["reason"] for a in actions if a["name"] == "generate_question")

    clean.accept_policy(token("author"))
    assert [ask(COURSE), ask("other"), ask(None)] == ["permission_denied"] * 3
    assert put(clean, clean.admin_key, "author", COURSE, "editingteacher").status == 200
    assert [ask(COURSE), ask("other"), ask(None)] == ["no_provider", "permission_denied", "permission_denied"]
    assert (offered(COURSE), offered("other")) == ("no_provider", "permission_denied")


def test_a_token_for_one_course_manages_that_course_alone(clean):
    key = token("m", ["manager"], course_id=COURSE)
    other = put(clean, clean.admin_key, "u", "other", "teacher").json
    assert put(clean, key, "u", COURSE, "teacher").status == 200
    for course in ("other", ""):
        refused(put(clean, key, "u", course, "teacher"), 403, "permission_denied", "/course_id")
    assert rows(clean, key) == [("u", COURSE, "teacher")]
    refused(clean.request("GET", "/v1/roles?course_id=other", key), 403, "permission_denied", "/course_id")
    refused(clean.request("DELETE", f"/v1/roles/{other['id']}", key), 404, "not_found")
    assert clean.request("POST", "/v1/roles/import", key, {"rows": [], "replace": True}).status == 200
    assert rows(clean) == [("u", "other", "teacher")]


def test_an_import_is_all_or_nothing_and_names_every_bad_row(clean):
    put(clean, clean.admin_key, "kept", COURSE, "teacher")
    good = {"user_id": "u1", "course_id": COURSE, "role": "teacher"}
    body = {"replace": True, "rows": [good, {**good, "user_id": ""}, good, {**good, "role": "king"}]}
    answer = refused(clean.request("POST", "/v1/roles/import", clean.admin_key, body), 400, "invalid_input", "/rows")
    assert [e["field"] for e in answer["errors"]] == ["/rows/1/user_id", "/rows/3/role"]
    assert all(e["detail"] for e in answer["errors"]) and answer["detail"] == "2 rows are wrong; nothing was saved"
    assert rows(clean) == [("kept", COURSE, "teacher")]
    assert clean.request("POST", "/v1/roles/import", clean.admin_key, {"rows": [good]}).json == {"rows": 1}
    assert rows(clean) == [("kept", COURSE, "teacher"), ("u1", COURSE, "teacher")]
    assert clean.request("POST", "/v1/roles/import", clean.admin_key, {"rows": [good], "replace": True}).json == {"rows": 1}
    assert rows(clean) == [("u1", COURSE, "teacher")]


def test_a_list_is_chosen_and_paged(clean):
    wanted = [(f"u{i}", COURSE if i % 2 else "", ROLES[i % 5]) for i in range(23)]
    clean.request("POST", "/v1/roles/import", clean.admin_key, {"rows": [{"user_id": u, "course_id": c, "role": r} for u, c, r in wanted]})
    seen, after = [], 0
    while after is not None:
        page = clean.request("GET", f"/v1/roles?limit=5&after={after}", clean.admin_key).json
        assert len(page["roles"]) <= 5
        seen += [(r["user_id"], r["course_id"], r["role"]) for r in page["roles"]]
        after = page["next"]
    assert seen == wanted
    assert rows(clean, query="?user=u3") == [wanted[3]]
    assert rows(clean, query="?course_id=" + urllib.parse.quote_plus(COURSE)) == wanted[1::2]
    assert rows(clean, query="?course_id=") == wanted[0::2]
    for query in ("limit=0", "limit=10001", "after=x"):
        refused(clean.request("GET", "/v1/roles?" + query, clean.admin_key), 400, "invalid_input")


def test_sites_see_nothing_of_each_other(clean):
    put(clean, clean.admin_key, "u1", COURSE, "teacher")
    clean.cli("site", "add", "other")
    try:
        key = json.loads(clean.cli("key", "add", "--site", "other", "--role", "site_admin", "--json"))["key"]
        wait_until(lambda: clean.request("GET", "/v1/roles", key).status == 200, what="the new key")
        assert rows(clean, key) == []
        put(clean, key, "u9", COURSE, "admin")
        ids = [r["id"] for r in clean.request("GET", "/v1/roles", clean.admin_key).json["roles"]]
        refused(clean.request("DELETE", f"/v1/roles/{ids[0]}", key), 404, "not_found")
        clean.request("POST", "/v1/roles/import", key, {"rows": [], "replace": True})
        assert rows(clean) == [("u1", COURSE, "teacher")]
        put(clean, key, "u9", COURSE, "admin")
    finally:
        clean.cli("site", "remove", "other")  # its roles go with it


# ---- the command line ----


@pytest.fixture()
def data(tmp_path):
    path = tmp_path / "data"
    run_lectern("migrate", "--data", path)
    run_lectern("site", "add", "one", "--data", path)
    return path


def cli(data, *args, **options):
    return run_lectern(*args, "--data", data, **options)


def export(data):
    return cli(data, "role", "export")


def test_the_command_line_gives_lists_and_takes(data):
    cli(data, "role", "add", "u1", "teacher", "--course", COURSE)
    cli(data, "role", "add", "u1", "manager")
    listed = json.loads(cli(data, "role", "list", "--json"))
    assert [(r["user_id"], r["course_id"], r["role"], r["created_by"]) for r in listed["roles"]] == [
        ("u1", COURSE, "teacher", "cli"), ("u1", "", "manager", "cli")] and listed["next"] is None
    assert "teacher" in cli(data, "role", "list") and "manager" not in cli(data, "role", "list", "--course", COURSE)
    assert json.loads(cli(data, "role", "list", "--limit", "1", "--json"))["next"] == listed["roles"][0]["id"]
    assert len(json.loads(cli(data, "role", "list", "--after", listed["roles"][0]["id"], "--json"))["roles"]) == 1
    assert json.loads(cli(data, "role", "list", "--user", "u2", "--json"))["roles"] == []
    cli(data, "role", "remove", "u1", "teacher", "--course", COURSE)
    assert export(data) == "user_id,course_id,role\nu1,,manager\n"
    gone = cli(data, "role", "remove", "u1", "teacher", "--course", COURSE, check=False)
    assert gone.returncode == 1 and "not_found" in gone.stderr
    wrong = cli(data, "role", "add", "u1", "king", check=False)
    assert wrong.returncode == 1 and "/role: must be student" in wrong.stderr


def test_what_is_exported_is_imported_again(data, tmp_path):
    odd = ['a,b', 'say "hi"', ' spaces ', 'ünï', "=1+1", "plain"]
    file = tmp_path / "roles.csv"
    import csv
    with open(file, "w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out)
        writer.writerow(["role", "user_id", "course_id"])
        writer.writerows([["teacher", user, COURSE] for user in odd])
    assert json.loads(cli(data, "role", "import", file, "--json")) == {"ok": True, "rows": len(odd)}
    first = export(data)
    assert [r["user_id"] for r in csv.DictReader(first.splitlines())] == odd
    assert json.loads(cli(data, "role", "export", "--json"))[1]["user_id"] == odd[1]
    cli(data, "role", "add", "more", "admin")
    cli(data, "role", "import", "-", "--replace", stdin=first)
    assert export(data) == first


def test_every_bad_line_is_named_and_nothing_is_saved(data, tmp_path):
    cli(data, "role", "add", "kept", "teacher")
    before = export(data)
    file = tmp_path / "bad.csv"
    file.write_bytes(b"user_id,course_id,role\r\n" b"good,c,teacher\r\n" b",c,teacher\r\n" b"u,c,king\r\n" b"u,c\r\n" b"u,\"c\"x,teacher\r\n"
                     b"\"open,c,teacher\r\n" b"\xff,c,teacher\r\n" b"\r\n" b"good2,,admin\r\n" b"u,c,service")
    for options in ([], ["--replace"]):
        done = cli(data, "role", "import", file, *options, "--json", check=False)
        assert done.returncode == 1
        error = json.loads(done.stdout)["error"]
        assert [line["line"] for line in error["lines"]] == [3, 4, 5, 6, 7, 8, 11]
        for line, reason in zip(error["lines"], ["user_id: ", "role: ", "2 fields", "behind a closing quote", "quote is not closed", "UTF-8", "role: "]):
            assert reason in line["detail"] and f"line {line['line']}: {line['detail']}\n" in done.stderr
        assert error["code"] == "invalid_input" and error["detail"] == "7 lines are wrong; nothing was saved"
        assert export(data) == before


@pytest.mark.parametrize("header", ["", "u,c,teacher\n", "user_id,role\n", "user_id,course_id,role,more\n", "user_id,user_id,role\n", "User_id,course_id,role\n"])
def test_the_first_line_names_the_columns(data, header):
    done = cli(data, "role", "import", "-", stdin=header + "u,c,teacher\n", check=False)
    assert done.returncode == 1 and "line 1: the first line must name the columns user_id,course_id,role" in done.stderr
    assert export(data) == "user_id,course_id,role\n"


def test_a_file_of_the_greatest_size_is_imported_and_a_greater_one_is_not(data, tmp_path):
    file = tmp_path / "many.csv"
    lines = ["user_id,course_id,role"] + [f"user{i},course-v1:Org+Course{i % 100}+Run,teacher" for i in range(50001)]
    file.write_text("\n".join(lines))
    done = cli(data, "role", "import", file, check=False)
    assert done.returncode == 1 and "at most 50000" in done.stderr
    assert export(data) == "user_id,course_id,role\n"
    file.write_text("\n".join(lines[:-1]))
    cli(data, "role", "import", file, "--replace")
    assert export(data).splitlines() == lines[:-1]


def test_a_change_by_the_command_line_holds_at_once(clean):
    clean.cli("role", "add", "u1", "editingteacher", "--course", COURSE, "--site", "demo")
    assert mine(clean, token()) == ["student", "editingteacher"]
    clean.cli("role", "remove", "u1", "editingteacher", "--course", COURSE, "--site", "demo")
    assert mine(clean, token()) == ["student"]


# ---- what the LMS says ----


def test_the_address_of_the_lms_is_checked_set_and_shown(clean):
    for bad in ("ftp://lms/", "https://user:pw@lms/", "https://lms/#x", "lms", "https:///x"):
        done = clean.cli("site", "set", "demo", "--json-patch", json.dumps({"lms_roles_url": bad}), check=False)
        assert done.returncode == 1 and "/lms_roles_url" in done.stderr
    clean.cli("site", "set", "demo", "lms_roles_url=https://lms.example/api/enrollment/v1/roles/", "lms_roles_cache_ms=1000")
    shown = json.loads(clean.cli("site", "show", "demo", "--json"))
    assert (shown["lms_roles_url"], shown["lms_roles_cache_ms"]) == ("https://lms.example/api/enrollment/v1/roles/", 1000)


@pytest.mark.parametrize("roles, is_staff, gives", [
    ([], False, []), (["staff"], False, ["editingteacher"]), (["instructor"], False, ["editingteacher"]), (["limited_staff"], False, ["teacher"]),
    (["beta_testers"], False, []), (["data_researcher", "finance_admin", "library_user", "unheard_of", "admin", "manager"], False, []),
    ([], True, ["manager"]), (["staff", "limited_staff"], True, ["teacher", "editingteacher", "manager"])])
def test_roles_of_open_edx_are_translated(clean, lms, roles, is_staff, gives):
    ask_lms(clean, lms)
    lms.says(*roles, is_staff=is_staff)
    assert mine(clean, token()) == ["student", *gives]


def test_the_users_own_token_is_forwarded_and_never_logged(clean, lms):
    ask_lms(clean, lms)
    lms.says("staff")
    key = token("forwarded")
    assert mine(clean, key, headers={"Authorization": f"JWT {key}"}) == ["student", "editingteacher"]
    assert [(r["path"], r["query"]["course_id"], r["authorization"]) for r in lms.requests] == [
        ("/api/enrollment/v1/roles/", [COURSE], f"JWT {key}")]
    lms.answers(500, key.encode())  # not even when the LMS sends it back
    mine(clean, token("forwarded2"), "other")
    assert key not in clean.log() and key.split(".")[1] not in clean.log()


def test_a_back_ends_key_is_never_sent_to_the_lms(clean, lms):
    ask_lms(clean, lms)
    for key in (clean.service_key, clean.admin_key):
        clean.request("GET", f"/v1/roles/mine?course_id=c&user_id=u1", key)
        clean.request("GET", f"/v1/roles/mine?course_id=c", key)
    assert mine(clean, token(), "") == ["student"]
    assert lms.requests == []


def test_the_answer_is_kept_for_each_user_and_course(clean, lms):
    ask_lms(clean, lms)
    lms.says("staff")
    for _ in range(5):
        assert mine(clean, token()) == ["student", "editingteacher"]
    assert len(lms.requests) == 1
    lms.says()  # is not heard of within the minute
    assert mine(clean, token()) == ["student", "editingteacher"]
    assert mine(clean, token("u2")) == ["student"]
    assert mine(clean, token(), "other") == ["student"]
    assert len(lms.requests) == 3
    clean.cli("role", "add", "u1", "manager", "--course", COURSE, "--site", "demo")  # while the table holds at once
    assert mine(clean, token()) == ["student", "editingteacher", "manager"]
    assert len(lms.requests) == 3


def test_that_there_is_no_role_is_kept_for_a_quarter_of_the_time(clean, lms):
    ask_lms(clean, lms, cache_ms=12000)
    lms.says()
    begin = time.monotonic()
    assert mine(clean, token()) == ["student"]
    lms.says("staff")
    wait_until(lambda: mine(clean, token()) == ["student", "editingteacher"], what="the new role")
    assert 3 <= time.monotonic() - begin < 12
    assert len(lms.requests) == 2


def test_with_several_loops_each_asks_once_at_most(tmp_path, lms):
    daemon = Daemon(tmp_path / "data", "--threads", "3")
    try:
        take_issuer(daemon, tmp_path / "secret")
        ask_lms(daemon, lms)
        lms.says("staff")
        for _ in range(30):
            assert mine(daemon, token()) == ["student", "editingteacher"]
        assert 1 <= len(lms.requests) <= 3
    finally:
        check_end(daemon)


def test_the_same_question_at_the_same_time_is_asked_once(clean, lms):
    ask_lms(clean, lms)
    lms.says("staff")
    lms.gate.clear()
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(mine(clean, token()))) for _ in range(20)]
    for t in threads:
        t.start()
    wait_until(lambda: len(lms.requests) == 1, what="the question")
    time.sleep(0.2)
    lms.gate.set()
    for t in threads:
        t.join(60)
    assert answers == [["student", "editingteacher"]] * 20
    assert len(lms.requests) == 1


def figure(daemon, name):
    for line in daemon.request("GET", "/metrics", daemon.admin_key).body.decode().splitlines():
        if line.startswith(name + " "):
            return int(line.split()[1])
    raise AssertionError(f"no figure {name}")


STAFF = json.dumps({"roles": [{"course_id": COURSE, "role": "staff"}], "is_staff": True}).encode()


@pytest.mark.parametrize("status, body, missing", [
    (401, b'{"detail":"no"}', 0), (403, b"", 0), (404, b"", 0), (500, STAFF, 0), (302, STAFF, 0), (204, b"", 0), (200, b"", 0), (200, b"<html>", 0),
    (200, b"[]", 0), (200, b'{"roles":"staff"}', 0), (200, b'{"roles":[],"is_staff":1}', 0), (200, STAFF[:-1], 0), (200, STAFF + STAFF, 0),
    (200, b'{"roles":[' + b"[" * 500, 0), (200, STAFF + b" " * (256 * 1024), 0), (200, STAFF, 10)],
    ids=["401", "403", "404", "500", "302", "204", "empty", "html", "array", "text", "number", "cut JSON", "twice", "deep", "huge", "cut body"])
def test_an_answer_that_cannot_be_used_is_no_role(clean, lms, status, body, missing):
    put(clean, clean.admin_key, "u1", COURSE, "teacher")
    ask_lms(clean, lms)
    failed = figure(clean, "lectern_lms_roles_failed_total")
    lms.answers(status, body, missing)
    for _ in range(3):
        assert mine(clean, token()) == ["student", "teacher"]
    assert len(lms.requests) == 1, "a failure is kept for a while too"
    assert figure(clean, "lectern_lms_roles_failed_total") == failed + 1


def test_an_lms_that_does_not_answer_costs_five_seconds_once(clean, lms):
    put(clean, clean.admin_key, "u1", COURSE, "teacher")
    ask_lms(clean, lms)
    lms.says("staff")
    lms.gate.clear()
    begin = time.monotonic()
    assert mine(clean, token()) == ["student", "teacher"]
    assert 4.5 < time.monotonic() - begin < 30
    assert mine(clean, token()) == ["student", "teacher"]
    assert len(lms.requests) == 1  # it was not asked again


# ---- a run that is told of while the LMS is asked ----

@pytest.fixture()
def gated(clean, lms):
    """A workflow that reads a text, and a model that only editing teachers may ask."""
    clean.cli("site", "set", "demo", "policy_by_lms=true")
    clean.cli("permission", "set", "student", "action:continue_conversation", "off", "--site", "demo")
    patch = {"processor_config": {"ContentProcessor": {"function": "get_location_content"}, "LLMProcessor": {"prompt": "Be brief."}}}
    made = clean.request("POST", "/v1/profiles", clean.admin_key, {"slug": "reads", "base_filepath": "base/blank.json5", "content_patch": patch})
    assert made.status == 201, made
    clean.cli("scope", "add", "--site", "demo", "--profile", "reads", "ui_slot_selector_id=reads")
    ask_lms(clean, lms)
    with Upstream() as service:
        vendor = add_vendor(clean, service, name="reader")
        yield clean, service
    assert clean.request("DELETE", f"/v1/providers/{vendor}", clean.admin_key).status == 204
    clean.cli("profile", "remove", "reads", "--site", "demo")
    clean.cli("permission", "set", "student", "action:continue_conversation", "default", "--site", "demo")


def begin(daemon):
    return daemon.open("POST", "/v1/workflows/run", token(f"u{random.getrandbits(64)}"), {
        "context": {"course_id": COURSE, "ui_slot_selector_id": "reads", "content": "Water rises."}, "user_input": "Why?", "stream": True})


@pytest.mark.parametrize("roles, end, asked", [(["staff"], "done", 1), ([], "error", 0)])
def test_a_stream_says_what_goes_on_before_a_model_is_asked(gated, lms, roles, end, asked):
    """The LMS does not answer before the messages were read. Then it is too late for a status of HTTP, and a refusal is the last event."""
    daemon, service = gated
    lms.gate.clear()
    connection, response = begin(daemon)
    assert (response.status, response.headers["Content-Type"].split(";")[0]) == (200, "text/event-stream")
    stream = read_events(response)
    first = [next(stream) for _ in range(3)]
    assert [(e.kind, e.id) for e in first] == [("start", 1), ("status", 2), ("status", 3)] and service.requests() == []
    assert [e.data["message"] for e in first[1:]] == ["Reading the course text.", "Asking the model."]
    lms.says(*roles)
    rest = list(stream)
    connection.close()
    assert rest[-1].kind == end and len(service.requests()) == asked
    if roles:
        assert [e.id for e in first + rest] == list(range(1, len(first) + len(rest) + 1)) and rest[-1].data["id"] == first[0].data["id"]
        again = daemon.stream("GET", f"/v1/actions/calls/{first[0].data['id']}/stream", daemon.admin_key, headers={"Last-Event-ID": "2"})
        assert [(e.kind, e.id) for e in again] == [(e.kind, e.id) for e in first[2:] + rest]
    else:
        assert rest[-1].data["code"] == "permission_denied"


def test_such_a_stream_can_be_cancelled_before_a_model_is_asked(gated, lms):
    daemon, service = gated
    lms.gate.clear()
    connection, response = begin(daemon)
    stream = read_events(response)
    start = next(stream)
    assert daemon.request("DELETE", f"/v1/actions/calls/{start.data['id']}", daemon.admin_key).json["cancelled"] is True
    last = list(stream)[-1]
    connection.close()
    assert (last.kind, last.data["code"]) == ("error", "cancelled") and service.requests() == []
    lms.says()


def test_a_tool_that_takes_too_long_is_broken_off_and_the_run_goes_on(clean, lms):
    """The LMS does not say what the user is in the other course."""
    clean.cli("site", "set", "demo", "policy_by_lms=true", "tool_time_ms=1500")
    patch = {"processor_config": {"LLMProcessor": {"prompt": "Be brief.", "enabled_tools": ["get_course_info", "roll_dice"]}}}
    made = clean.request("POST", "/v1/profiles", clean.admin_key, {"slug": "slow", "base_filepath": "base/blank.json5", "content_patch": patch})
    assert made.status == 201, made
    clean.cli("scope", "add", "--site", "demo", "--profile", "slow", "ui_slot_selector_id=slow")
    ask_lms(clean, lms)
    lms.gate.clear()
    model = Model()
    model.script = lambda body: "Done." if results(body) else [("get_course_info", {"course_id": "course-v1:Org+Other+Run"}), ("roll_dice", {})]
    vendor = add_vendor(clean, model, name="toolmaker")
    answer = clean.request("POST", "/v1/workflows/run", token(), {"context": {"course_id": COURSE, "ui_slot_selector_id": "slow"}, "user_input": "?"})
    assert answer.status == 200 and answer.json["response"]["response"] == "Done.", answer
    slow, rolled = results(model.bodies[-1])
    assert slow == "Error executing tool: it took longer than 1.5 s" and "<text-" in rolled
    tools = wait_until(lambda: clean.request("GET", f"/v1/register/{answer.json['calls'][0]}", clean.admin_key).json["tools"], what="the register")
    assert [(t["state"], t["code"]) for t in tools] == [("failed", "timeout"), ("done", "")]
    assert clean.request("DELETE", f"/v1/providers/{vendor}", clean.admin_key).status == 204
    clean.cli("profile", "remove", "slow", "--site", "demo")
    clean.cli("site", "set", "demo", "tool_time_ms=30000")
    model.shutdown()


def test_a_refusal_that_comes_at_once_has_its_status(gated, lms):
    daemon, service = gated
    lms.says()

    def refused():
        """Within half a second; a busy machine may take longer, and is then told in the stream."""
        connection, response = begin(daemon)
        status, body = response.status, response.read()
        connection.close()
        assert b'"permission_denied"' in body, body
        return status == 403 and json.loads(body)
    assert wait_until(refused, what="a refusal at once")["code"] == "permission_denied" and service.requests() == []


def test_an_lms_that_is_not_there_is_no_role(clean, lms):
    ask_lms(clean, lms)
    lms.stop()
    assert mine(clean, token()) == ["student"]


def test_outbound_rules_hold_for_the_lms(clean):
    clean.cli("site", "set", "demo", "lms_roles_url=http://169.254.169.254/latest/")
    failed = figure(clean, "lectern_lms_roles_failed_total")
    users = iter(range(1000))
    wait_until(lambda: mine(clean, token(f"x{next(users)}")) and figure(clean, "lectern_lms_roles_failed_total") > failed, what="a refusal")


def test_failures_are_logged_once_a_minute(tmp_path, lms):
    daemon = Daemon(tmp_path / "data", "--threads", "1")
    try:
        take_issuer(daemon, tmp_path / "secret")
        ask_lms(daemon, lms)
        lms.answers(500, b"secret words of the LMS")
        for i in range(10):
            mine(daemon, token(f"u{i}"))
        assert figure(daemon, "lectern_lms_roles_failed_total") == 10
        assert daemon.log().count("lms_roles.failed") == 1
        assert "site demo" in daemon.log() and "status 500" in daemon.log() and "secret words" not in daemon.log()
    finally:
        check_end(daemon)
