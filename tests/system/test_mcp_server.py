"""The MCP server at /mcp on the wire: revisions, faults, who may come, what a call leaves behind. The official clients are in test_mcp_clients.py,
docs/mcp-server.md says what each part does."""
import base64
import http.client
import json

import pytest

from conftest import Daemon, add_vendor, check_end, wait_until
from database import connect
from double.upstream import TEXT, Upstream
from tokens import claims, token

OLD = ["2025-03-26", "2025-06-18", "2025-11-25"]
NEW = "2026-07-28"
VERSIONS = [NEW, *reversed(OLD)]
COURSE = "course-v1:Lectern+Demo+2026"
BOTH = "application/json, text/event-stream"
META = "io.modelcontextprotocol/"
INPUT = {"text": "Plants make sugar from light. They take water."}
SECRET = "a shared secret of the test"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with Upstream() as double:
        daemon = Daemon(tmp_path_factory.mktemp("mcp") / "data")
        daemon.double = double
        add_vendor(daemon, double)
        daemon.accept_policy(daemon.learner)
        daemon.accept_policy(daemon.teacher)
        daemon.cli("issuer", "set", "https://lms.example/oauth2", "mcp", "--site", "demo", "--secret-file", "-", stdin=SECRET)
        daemon.wait_for_config()
        daemon.wait_for_demo_course()
        yield daemon
        check_end(daemon)


@pytest.fixture(autouse=True)
def as_before(site):
    site.double.default, site.double.choose = "ok", None
    site.double.clear()


def message(method, params=None, id=1):
    return {"jsonrpc": "2.0", **({} if id is None else {"id": id}), "method": method, **({} if params is None else {"params": params})}


def post(site, body, key=None, version="2025-11-25", accept="application/json", headers=None):
    given = {"Accept": accept, **({"MCP-Protocol-Version": version} if version else {}), **(headers or {})}
    if isinstance(body, (bytes, str)):
        given["Content-Type"] = "application/json"
    return site.request("POST", "/mcp", key or site.admin_key, body, headers=given)


def stateless(method, params=None, id=1, version=NEW, **meta):
    """A request that stands for itself, and its fields."""
    about = {META + "protocolVersion": version, META + "clientCapabilities": {}, **meta}
    fields = {"Mcp-Method": method, **({"Mcp-Name": params["name"]} if params and "name" in params else {})}
    return message(method, {**(params or {}), "_meta": about}, id), fields


def result(answer):
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json"), answer
    assert answer.json["jsonrpc"] == "2.0" and "error" not in answer.json, answer
    return answer.json["result"]


def call(site, name="summarise_text", arguments=INPUT, key=None, **more):
    return result(post(site, message("tools/call", {"name": name, "arguments": arguments}), key, **more))


def said(found):
    """The sentence of a call that failed."""
    assert found["isError"] is True and [part["type"] for part in found["content"]] == ["text"] and "structuredContent" not in found, found
    return found["content"][0]["text"]


def rows(site):
    return site.request("GET", "/v1/register?limit=200", site.admin_key).json["calls"]


# ---- the beginning ----

@pytest.mark.parametrize("asked, got", [*((v, v) for v in OLD), ("2024-11-05", "2025-11-25"), (NEW, "2025-11-25"), ("1999-01-01", "2025-11-25")])
def test_a_client_and_the_server_agree_on_a_revision(site, asked, got):
    hello = {"protocolVersion": asked, "capabilities": {}, "clientInfo": {"name": "c", "version": "1"}}
    answer = post(site, message("initialize", hello), version=None)
    found = result(answer)
    assert found["protocolVersion"] == got and found["capabilities"] == {"tools": {}} and found["instructions"]
    assert found["serverInfo"]["name"] == "lectern" and ("title" in found["serverInfo"]) == (got >= "2025-06-18")
    other = post(site, message("initialize", {"protocolVersion": asked}), version=None)
    assert answer.headers["Mcp-Session-Id"] != other.headers["Mcp-Session-Id"]


def test_a_server_can_be_asked_what_it_is(site):
    body, fields = stateless("server/discover")
    found = result(post(site, body, version=NEW, headers=fields))
    assert found["supportedVersions"] == VERSIONS and found["resultType"] == "complete" and found["capabilities"] == {"tools": {}}
    assert found["_meta"][META + "serverInfo"]["name"] == "lectern" and found["cacheScope"] == "private" and found["ttlMs"] > 0


@pytest.mark.parametrize("version", [None, *OLD])
def test_ping_and_notifications(site, version):
    assert result(post(site, message("ping", id="a"), version=version)) == {}
    for notification in (message("notifications/initialized", id=None), message("notifications/of_the_future", {}, None),
                         {"jsonrpc": "2.0", "id": 4, "result": {}}, {"jsonrpc": "2.0", "id": 4, "error": {"code": 1, "message": "no"}}):
        answer = post(site, notification, version=version)
        assert (answer.status, answer.body) == (202, b"")


# ---- faults: what comes → status, code ----

def modern(change=None, fields=None, method="tools/call", params=None):
    body, head = stateless(method, params if params is not None else {"name": "summarise_text", "arguments": INPUT})
    if change:
        change(body)
    head.update(fields or {})
    return body, {name: value for name, value in head.items() if value is not None}


FAULTS = {
    "no JSON": ("{", {}, 400, -32700), "nothing": ("", {}, 400, -32700), "a text": ('"x"', {}, 400, -32600), "a number": ("1", {}, 400, -32600),
    "bad UTF-8": (b'{"jsonrpc":"2.0","id":1,"method":"\xff"}', {}, 400, -32700),
    "one key twice": ('{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}', {}, 400, -32700),
    "no version of JSON-RPC": ({"id": 1, "method": "ping"}, {}, 400, -32600),
    "another version of it": ({"jsonrpc": "1.0", "id": 1, "method": "ping"}, {}, 400, -32600),
    "an id that is an object": ({"jsonrpc": "2.0", "id": {}, "method": "ping"}, {}, 400, -32600),
    "an id that is null": ({"jsonrpc": "2.0", "id": None, "method": "ping"}, {}, 400, -32600),
    "a fraction as id": ({"jsonrpc": "2.0", "id": 1.5, "method": "ping"}, {}, 400, -32600),
    "a long id": ({"jsonrpc": "2.0", "id": "x" * 300, "method": "ping"}, {}, 400, -32600),
    "no method": ({"jsonrpc": "2.0", "id": 1}, {}, 400, -32600),
    "a method and a result": ({"jsonrpc": "2.0", "id": 1, "method": "ping", "result": {}}, {}, 400, -32600),
    "a method that is a number": ({"jsonrpc": "2.0", "id": 1, "method": 7}, {}, 400, -32600),
    "params in order": (message("ping", [1]), {}, 400, -32602), "params as a text": ({**message("ping"), "params": "x"}, {}, 400, -32600),
    "an unknown method": (message("resources/list"), {}, 200, -32601), "discovery with a session": (message("server/discover"), {}, 200, -32601),
    "initialize without a version": (message("initialize", {}), {}, 400, -32602),
    "an unknown tool": (message("tools/call", {"name": "no_such"}), {}, 200, -32602),
    "a tool that is not for clients": (message("tools/call", {"name": "roll_dice"}), {}, 200, -32602),
    "no tool": (message("tools/call", {}), {}, 200, -32602),
    "arguments in order": (message("tools/call", {"name": "summarise_text", "arguments": []}), {}, 200, -32602),
    "a cursor of somebody else": (message("tools/list", {"cursor": "x"}), {}, 200, -32602),
    "a cursor that is a number": (message("tools/list", {"cursor": 1}), {}, 200, -32602),
    "a token that is an object": (message("tools/call", {"name": "x", "_meta": {"progressToken": {}}}), {}, 400, -32602),
    "a long token": (message("ping", {"_meta": {"progressToken": "x" * 300}}), {}, 400, -32602),
    "an unknown revision": (message("ping"), {"MCP-Protocol-Version": "1999-01-01"}, 400, -32022),
    "a batch": ([message("ping")], {}, 400, -32600), "an empty batch": ([], {"MCP-Protocol-Version": "2025-03-26"}, 400, -32600),
    "a batch of 33": ([message("ping")] * 33, {"MCP-Protocol-Version": "2025-03-26"}, 400, -32600),
    "stateless without a version inside": (message("tools/list", {}), {"MCP-Protocol-Version": NEW, "Mcp-Method": "tools/list"}, 400, -32602),
    "stateless, two versions": (*modern(fields={"MCP-Protocol-Version": "2025-11-25"}), 400, -32020),
    "stateless, no version in the head": (*modern(fields={"MCP-Protocol-Version": ""}), 400, -32020),
    "stateless, no method in the head": (*modern(fields={"Mcp-Method": None}), 400, -32020),
    "stateless, another method in the head": (*modern(fields={"Mcp-Method": "tools/list"}), 400, -32020),
    "stateless, no tool in the head": (*modern(fields={"Mcp-Name": None}), 400, -32020),
    "stateless, another tool in the head": (*modern(fields={"Mcp-Name": "explain_text"}), 400, -32020),
    "stateless, a tool in the head that is no base64": (*modern(fields={"Mcp-Name": "=?base64?%%?="}), 400, -32020),
    "stateless without capabilities": (*modern(lambda b: b["params"]["_meta"].pop(META + "clientCapabilities")), 400, -32602),
    "stateless, a revision to come": (modern(lambda b: b["params"]["_meta"].update({META + "protocolVersion": "2099-01-01"}))[0],
                                      {"MCP-Protocol-Version": "2099-01-01"}, 400, -32022),
    "stateless ping": (*modern(method="ping", params={}), 404, -32601),
    "stateless, an unknown tool": (*modern(params={"name": "no_such"}), 400, -32602),
    "stateless, an answer": ({"jsonrpc": "2.0", "id": 4, "result": {}}, {"MCP-Protocol-Version": NEW}, 400, -32600),
}


@pytest.mark.parametrize("name", FAULTS)
def test_faults_have_the_number_that_the_protocol_gives_them(site, name):
    body, fields, status, code = FAULTS[name]
    fields = {"MCP-Protocol-Version": NEW if name.startswith("stateless") else "2025-11-25", **fields}
    answer = post(site, body, version=None, headers=fields)
    assert (answer.status, answer.headers["Content-Type"]) == (status, "application/json"), answer
    found = answer.json
    assert set(found) == {"jsonrpc", "id", "error"} and found["error"]["code"] == code and found["error"]["message"], found
    readable = isinstance(body, dict) and not isinstance(body.get("id"), (dict, float)) and len(str(body.get("id"))) < 256
    assert found["id"] == (body["id"] if readable else None)
    if code == -32022:
        assert found["error"]["data"] == {"supported": VERSIONS, "requested": fields["MCP-Protocol-Version"]}
    assert not site.double.requests()


def test_a_name_may_come_in_base64(site):
    body, fields = modern(fields={"Mcp-Name": "=?base64?" + base64.b64encode(b"summarise_text").decode() + "?="})
    assert result(post(site, body, version=NEW, headers=fields))["structuredContent"]["generated_content"] == TEXT


# ---- who may come ----

def test_without_a_key_it_is_said_how_to_sign_in(site):
    for key in (None, "lk_nobody"):
        answer = site.request("POST", "/mcp", key, message("ping"))
        assert answer.status == 401 and answer.headers["WWW-Authenticate"] == 'Bearer realm="lectern"'
        assert answer.json["error"]["code"] == 401 and answer.json["error"]["data"]["code"] == "unauthenticated" and answer.json["id"] is None


def test_pages_come_only_from_where_the_site_lets_them(site):
    for origin in ("https://evil.example", f"http://127.0.0.1:{site.port}", "null"):
        for method in ("POST", "GET"):
            answer = site.request(method, "/mcp", site.admin_key, message("ping") if method == "POST" else None, headers={"Origin": origin})
            assert answer.status == 403 and answer.json["error"]["data"]["code"] == "permission_denied", answer
    site.cli("site", "set", "demo", "--json-patch", json.dumps({"cors_origins": ["https://apps.example"]}))
    site.wait_for_config()
    try:
        answer = post(site, message("ping"), headers={"Origin": "https://apps.example"})
        assert result(answer) == {} and "Mcp-Session-Id" in answer.headers["Access-Control-Expose-Headers"]
        asked = {"Origin": "https://apps.example", "Access-Control-Request-Method": "POST"}
        allowed = site.request("OPTIONS", "/mcp", headers=asked).headers["Access-Control-Allow-Headers"]
        assert {"mcp-protocol-version", "mcp-session-id", "mcp-method", "mcp-name", "last-event-id", "authorization"} <= set(allowed.split(", "))
        assert post(site, message("ping"), headers={"Origin": "https://evil.example"}).status == 403
    finally:
        site.cli("site", "set", "demo", "--json-patch", json.dumps({"cors_origins": []}))
        site.wait_for_config()


def test_other_methods_and_types(site):
    for method in ("GET", "DELETE", "PUT"):
        answer = site.request(method, "/mcp", site.admin_key)
        assert answer.status == 405 and "POST" in answer.headers["Allow"] and answer.json["error"]["code"] == 405
    answer = site.request("POST", "/mcp", site.admin_key, "{}", headers={"Content-Type": "text/plain"})
    assert answer.status == 415 and answer.json["error"]["data"]["code"] == "unsupported_media_type"


# ---- tools ----

def tools(site, key=None, **more):
    return {tool["name"]: tool for tool in result(post(site, message("tools/list"), key, **more))["tools"]}


def test_the_tools_are_the_actions_that_the_caller_may_use(site):
    actions = {a["name"]: a for a in site.request("GET", "/v1/actions", site.admin_key).json["actions"]}
    found = tools(site)
    assert "get_course_info" in set(found) - set(actions) and "roll_dice" not in found
    assert {name for name, action in actions.items() if action["available"]} <= set(found)
    for name, tool in found.items():
        places = {"course_id", "location_id"}
        assert places <= set(tool["inputSchema"]["properties"]) and tool["inputSchema"]["type"] == "object" and tool["title"] and tool["description"]
        assert tool["annotations"]["readOnlyHint"] is True and tool["annotations"]["openWorldHint"] == (name in actions)
        if name in actions:
            theirs = actions[name]["input_schema"]
            assert {k: v for k, v in tool["inputSchema"]["properties"].items() if k not in places} == theirs["properties"]
            assert {k: v for k, v in tool["inputSchema"].items() if k != "properties"} == {k: v for k, v in theirs.items() if k != "properties"}
            assert tool["outputSchema"] == actions[name]["response_schema"]
    assert all("outputSchema" not in t and "title" not in t for t in tools(site, version="2025-03-26").values())
    assert list(found) == list(tools(site))


def test_pages_of_tools_follow_one_another(site):
    found = list(tools(site))
    readers = {name for name, tool in tools(site).items() if "outputSchema" not in tool}
    for i, name in enumerate(found):
        cursor = ("tool:" if name in readers else "action:") + name
        page = result(post(site, message("tools/list", {"cursor": cursor})))
        assert [tool["name"] for tool in page["tools"]] == found[i + 1:] and "nextCursor" not in page


def test_each_caller_sees_and_does_what_is_theirs(site):
    student = token(SECRET, "HS256", claims(aud="mcp", sub="mcp-student", roles=["student"]))
    site.accept_policy(student)
    mine, all_of_them = set(tools(site, student)), set(tools(site))
    allowed = {a["name"] for a in site.request("GET", "/v1/actions", student).json["actions"] if a["available"]}
    readers = {name for name, tool in tools(site).items() if "outputSchema" not in tool}
    assert mine == allowed | readers - {"search_course"} and mine < all_of_them
    hidden = sorted(all_of_them - mine)[0]
    found = call(site, hidden, {"text": "x"} if hidden != "generate_image" else {"prompt": "x"}, student)
    assert said(found) and found["_meta"]["lectern/code"] in ("permission_denied", "invalid_input")
    other = token(SECRET, "HS256", claims(aud="mcp", sub="mcp-bound", roles=["teacher"], course_id=COURSE))
    site.accept_policy(other)
    assert call(site, arguments=INPUT, key=other)["isError"] is False
    assert "the token is for course" in said(call(site, arguments={**INPUT, "course_id": "course-v1:Org+Other+Run"}, key=other))
    assert "the token is for course" in said(call(site, "get_course_info", {"course_id": "course-v1:Org+Other+Run"}, other))


def test_a_call_is_one_of_the_register(site):
    found = call(site, arguments={**INPUT, "course_id": COURSE, "location_id": "unit-7"}, key=site.teacher)
    assert found["structuredContent"]["generated_content"] == TEXT and json.loads(found["content"][0]["text"]) == found["structuredContent"]
    row = site.request("GET", f"/v1/register/{found['_meta']['lectern/call']}", site.admin_key).json
    assert (row["state"], row["action"], row["course_id"], row["location_id"]) == ("completed", "summarise_text", COURSE, "unit-7"), row
    assert "structuredContent" not in call(site, version="2025-03-26") and "_meta" in call(site)


def test_a_key_speaks_for_the_user_of_the_field(site):
    version = site.request("GET", "/v1/policy", site.teacher).json["version"]
    fields = {"X-Lectern-User": "mcp-author", "X-Lectern-Course": COURSE}
    assert "/v1/policy" in said(call(site, headers=fields))
    assert site.request("PUT", "/v1/policy", site.admin_key, {"accepted": True, "version": version, "user": {"id": "mcp-author"}}).status == 200
    found = call(site, headers=fields)
    row = site.request("GET", f"/v1/register/{found['_meta']['lectern/call']}", site.admin_key).json
    assert (row["user_id"], row["course_id"], row["state"]) == ("mcp-author", COURSE, "completed")
    answer = post(site, message("ping"), site.teacher, headers={"X-Lectern-User": "mcp-author"})
    assert answer.status == 403 and answer.json["error"]["data"]["field"] == "X-Lectern-User"


def test_course_tools_read(site):
    found = call(site, "get_course_info", {"course_id": COURSE, "fields": ["title"]})
    assert found["isError"] is False and "title" in found["content"][0]["text"], found
    assert "structuredContent" not in found and not site.double.requests()
    assert "fields" in said(call(site, "get_course_info", {"fields": "title"}))


# ---- search_course ----

OWN = "course-v1:Org+Own+2026"


def put_course(daemon, blocks, slug="demo", course=OWN):
    """Rows as an import writes them: (kind, id, parent, hidden, text)."""
    with connect(daemon.data / "lectern.db", timeout=60) as db:
        (id_,) = db.execute("INSERT INTO course (site_id, course_id, title, language, format, sha256, revision, imported_at) SELECT id, ?, 'T', 'en', 'olx', '', 1, 1 "
                            "FROM site WHERE slug = ? RETURNING id", (course, slug)).fetchone()
        db.executemany("INSERT INTO course_block (course, revision, position, parent, kind, block_id, category, display_name, text, hidden, sha256) "
                       "VALUES (?, 1, ?, ?, ?, ?, 'html', ?, ?, ?, ?)",
                       [(id_, i, parent, kind, name, name, text, hidden, f"{slug} {name}") for i, (kind, name, parent, hidden, text) in enumerate(blocks)])

    def pieces():
        with connect(f"file:{daemon.data}/lectern.db?mode=ro", uri=True, timeout=60) as db:
            return db.execute("SELECT count(DISTINCT block_id) FROM course_chunk WHERE course = ?", (id_,)).fetchone()[0]

    wait_until(lambda: pieces() == sum(kind == "block" for kind, *_ in blocks), what="the index")


@pytest.fixture(scope="module")
def own(site):
    """A course with a hidden unit, one of the same name on another site, and who teaches and learns there by the site's table alone."""
    put_course(site, [("unit", "open", -1, 0, ""), ("block", "b-open", 0, 0, "The zebra stands in the open field."),
                      ("unit", "shut", -1, 1, ""), ("block", "b-shut", 2, 0, "The zebra password is swordfish-7.")])
    site.cli("site", "add", "elsewhere")
    put_course(site, [("block", "b-else", -1, 0, "The zebra of the other site is a tapir.")], "elsewhere")
    keys = {name: token(SECRET, "HS256", claims(aud="mcp", sub=f"mcp-{name}", roles=[])) for name in ("teaches", "teaches-another", "learns")}
    for user, course, role in (("teaches", OWN, "teacher"), ("teaches-another", COURSE, "teacher"), ("learns", OWN, "student")):
        assert site.request("PUT", "/v1/roles", site.admin_key, {"user_id": f"mcp-{user}", "course_id": course, "role": role}).status in (200, 201, 204)
    return keys


def search(site, key, q="zebra", course=OWN, **more):
    arguments = {"query": q, **({"course_id": course} if course else {}), **more}
    return call(site, "search_course", arguments, key)


def test_a_course_is_searched_with_numbers_that_say_where_they_stand(site):
    found = search(site, site.teacher, "Why do leaves look green to us?", COURSE, top_k=2)
    assert found["isError"] is False, found
    text, passages = found["content"][0]["text"].split("\n\nPassages: ")
    assert text.startswith("[1] How plants make food from light\n")
    first, second = json.loads(passages)
    assert (first["n"], first["course_id"], first["unit_id"], first["block_id"], first["url"]) == (1, COURSE, "plants", "plants-text", "/demo/units/plants")
    assert second["n"] == 2
    narrow = search(site, site.teacher, "Why do leaves look green to us?", COURSE, location_id="membrane", search_in="location")
    assert {p["unit_id"] for p in json.loads(narrow["content"][0]["text"].split("Passages: ")[1])} == {"membrane"}
    assert not rows(site) or rows(site)[0]["action"] != "search_course"


def test_who_teaches_finds_what_is_hidden(site, own):
    found = search(site, own["teaches"])["content"][0]["text"]
    assert "b-open" in found and "swordfish-7" in found and "tapir" not in found


def test_who_may_search_but_not_see_hidden_parts_does_not_find_them(site, own):
    body = {"role": "student", "permission": "search_course", "allowed": True}
    assert site.request("PUT", "/v1/permissions", site.admin_key, body).status == 200
    try:
        site.wait_for_config()
        found = search(site, own["learns"], "zebra password swordfish")
        text = found["content"][0]["text"]
        assert found["isError"] is False and "b-open" in text and "swordfish" not in text and "shut" not in text, found
    finally:
        assert site.request("PUT", "/v1/permissions", site.admin_key, {**body, "allowed": None}).status == 200
        site.wait_for_config()


@pytest.mark.parametrize("who, course", [("learns", OWN), ("teaches-another", OWN), ("teaches", COURSE), ("teaches", "course-v1:No+Such+One")])
def test_who_may_not_search_finds_nothing_and_is_not_told_whether_the_course_is_there(site, own, who, course):
    found = search(site, own[who], course=course)
    assert found["_meta"]["lectern/code"] == "permission_denied" and "zebra" not in said(found) and "search_course" in said(found), found


def test_the_other_site_has_its_own_course_of_that_name(site, own):
    key = json.loads(site.cli("--json", "key", "add", "--site", "elsewhere", "--role", "site_admin"))["key"]
    site.wait_for_config()
    found = search(site, key)["content"][0]["text"]
    assert "tapir" in found and "b-open" not in found and "swordfish" not in found
    assert search(site, key, course=COURSE)["_meta"]["lectern/code"] == "not_found"


def test_a_bound_token_searches_its_own_course(site, own):
    bound = token(SECRET, "HS256", claims(aud="mcp", sub="mcp-teaches", roles=["teacher"], course_id=COURSE))
    assert "the token is for course" in said(search(site, bound))


def test_search_is_listed_for_who_may_search_where_the_client_is_set(site, own):
    def listed(who, course=None):
        headers = {"X-Lectern-Course": course} if course else {}
        return "search_course" in {t["name"] for t in result(post(site, message("tools/list"), who, headers=headers))["tools"]}

    assert listed(site.admin_key) and listed(site.teacher)
    assert not listed(site.learner) and not listed(own["teaches"]) and not listed(own["learns"], OWN)
    assert listed(own["teaches"], OWN) and not listed(own["teaches"], COURSE)


def test_what_is_wrong_with_a_search_is_said(site):
    assert said(search(site, site.teacher, course=None)).startswith("course_id: ")
    assert said(search(site, site.teacher, q="")).startswith("query: ")
    assert said(search(site, site.teacher, top_k=21)).startswith("top_k: ")
    assert said(search(site, site.teacher, course=COURSE, search_in="location")).startswith("search_in: ")


# ---- what the gates say, in words ----

def test_refusals_are_sentences(site):
    fresh = token(SECRET, "HS256", claims(aud="mcp", sub="mcp-fresh", roles=["editingteacher"]))
    assert set(tools(site, fresh)) == set(tools(site, site.teacher))  # hidden tools could not say what to do
    found = call(site, key=fresh)
    assert "/v1/policy" in said(found) and found["_meta"]["lectern/code"] == "policy_not_accepted"
    assert said(call(site, arguments={})).startswith("text: ")
    assert said(call(site, arguments={**INPUT, "course_id": 7})).startswith("course_id: ")
    site.double.default = "status?code=500"
    broken = call(site, "generate_text", {"prompt": "x"}, site.teacher)
    assert broken["_meta"]["lectern/code"] == "upstream_unavailable" and site.double.url not in said(broken)
    site.double.default = "ok"
    limit = {"subject": "user", "subject_id": "mcp-limited", "unit": "requests", "amount": 1, "window": "day"}
    assert site.request("POST", "/v1/limits", site.admin_key, limit).status == 201
    limited = token(SECRET, "HS256", claims(aud="mcp", sub="mcp-limited", roles=["teacher"]))
    site.accept_policy(limited)
    assert call(site, key=limited)["isError"] is False
    found = call(site, key=limited)
    assert found["_meta"]["lectern/code"] == "rate_limited" and "(in " in said(found)


# ---- batches ----

@pytest.mark.parametrize("version", [None, "2025-03-26"])
def test_a_batch_is_answered_as_one(site, version):
    batch = [message("ping", id=1), message("notifications/initialized", id=None), {"id": 2},
             message("initialize", {"protocolVersion": "2025-03-26"}, 3),
             message("tools/call", {"name": "summarise_text", "arguments": INPUT}, "four"), message("x", id=5)]
    answer = post(site, batch, version=version)
    assert answer.status == 200
    codes = [(part["id"], part.get("error", {}).get("code")) for part in answer.json]
    assert codes == [(1, None), (2, -32600), (3, -32600), ("four", None), (5, -32601)]
    assert answer.json[3]["result"]["content"][0]["text"]
    assert post(site, [message("notifications/initialized", id=None)], version=version).status == 202


# ---- events ----

def stream(site, version="2025-11-25", token=7, key=None, headers=None, name="generate_text", arguments=None, id=1):
    params = {"name": name, "arguments": arguments or {"prompt": "hello"}}
    if version == NEW:
        body, fields = stateless("tools/call", params, id, progressToken=token)
    else:
        body, fields = message("tools/call", {**params, **({"_meta": {"progressToken": token}} if token is not None else {})}, id), {}
    fields |= {"Accept": BOTH, "MCP-Protocol-Version": version, **(headers or {})}
    return site.open("POST", "/mcp", key or site.admin_key, body, fields)


def parts(raw):
    """(id, data) of each event."""
    found = []
    for block in raw.decode().split("\n\n"):
        lines = [line.split(": ", 1) for line in block.split("\n") if line and not line.startswith(":")]
        if lines:
            assert dict(lines).get("event") == "message", block
            found.append((dict(lines).get("id"), dict(lines)["data"]))
    return found


@pytest.mark.parametrize("version", [*OLD, NEW])
def test_a_stream_tells_progress_and_then_the_answer(site, version):
    site.double.default = "slow"
    connection, response = stream(site, version, token="my token")
    assert response.status == 200 and response.headers["Content-Type"].startswith("text/event-stream")
    assert response.headers["X-Accel-Buffering"] == "no" and response.headers["Cache-Control"] == "no-store"
    found = parts(response.read())
    connection.close()
    messages = [json.loads(data) for _, data in found if data]
    *progress, last = messages
    assert last["id"] == 1 and last["result"]["structuredContent" if version >= "2025-06-18" else "content"]
    assert ("resultType" in last["result"]) == (version == NEW)
    assert len(progress) >= 2 and all(p["method"] == "notifications/progress" and p["params"]["progressToken"] == "my token" for p in progress)
    values = [p["params"]["progress"] for p in progress]
    assert values == sorted(set(values)) and all(TEXT[:10] not in p["params"]["message"] for p in progress)
    call_id = last["result"]["_meta"]["lectern/call"]
    assert [number for number, _ in found] == ([None] * len(found) if version == NEW else [f"{call_id}:{i + 1}" for i in range(len(found))])
    assert (found[0][1] == "") == (version == "2025-11-25")
    assert site.request("GET", f"/v1/actions/calls/{call_id}", site.admin_key).json["state"] == "completed"


def test_without_a_token_nothing_but_the_answer_comes(site):
    connection, response = stream(site, token=None)
    assert [bool(data) for _, data in parts(response.read())] == [False, True]
    connection.close()


def test_what_is_refused_at_once_is_no_stream(site):
    connection, response = stream(site, arguments={"prompt": ""})
    assert (response.status, response.headers["Content-Type"]) == (200, "application/json")
    assert said(json.loads(response.read())["result"]).startswith("prompt: ")
    connection.close()


def begun(site, **more):
    """A call whose answer is on its way and whose row is durable, which may come after its first event: connection, response, its id."""
    connection, response = stream(site, **more)
    first = b""
    while b"\n\n" not in first:
        first += response.read1(4096)
    call_id = parts(first)[0][0].split(":")[0]
    wait_until(lambda: site.request("GET", f"/v1/actions/calls/{call_id}", site.admin_key).status == 200, what="the call's row")
    return connection, response, call_id, first


def state(site, call_id):
    return site.request("GET", f"/v1/actions/calls/{call_id}", site.admin_key).json["state"]


def test_a_client_that_lost_its_stream_comes_back_to_it(site):
    site.double.default = "chunks?n=40&delay_ms=50"
    connection, response, call_id, first = begun(site)
    response.close(), connection.close()
    seen = parts(first)[-1][0]
    connection, response = site.open("GET", "/mcp", site.admin_key, headers={"Last-Event-ID": seen, "Accept": "text/event-stream"})
    assert response.status == 200
    rest = parts(response.read())
    connection.close()
    start = int(seen.split(":")[1])
    assert [number for number, _ in rest] == [f"{call_id}:{start + 1 + i}" for i in range(len(rest))]
    assert json.loads(rest[-1][1])["result"]["isError"] is False and state(site, call_id) == "completed"
    again = site.request("GET", "/mcp", site.admin_key, headers={"Last-Event-ID": f"{call_id}:0"})
    assert [number for number, _ in parts(again.body)] == [f"{call_id}:{i + 1}" for i in range(len(rest) + start)]


def test_nobody_else_comes_back_to_it(site):
    connection, response = stream(site, key=site.teacher)
    found = parts(response.read())
    connection.close()
    for key, fields, status in ((site.learner, {}, 404), (site.admin_key, {}, 404), (site.teacher, {}, 200),
                                (site.teacher, {"MCP-Protocol-Version": NEW}, 405)):
        answer = site.request("GET", "/mcp", key, headers={"Last-Event-ID": found[0][0], **fields})
        assert answer.status == status, answer
    for wrong in ("7", "x:1", found[0][0].split(":")[0], found[0][0] + "x"):
        assert site.request("GET", "/mcp", site.teacher, headers={"Last-Event-ID": wrong}).status == 400
    native = site.stream("POST", "/v1/actions/summarise_text", site.teacher, {"input": INPUT, "stream": True})
    assert site.request("GET", "/mcp", site.teacher, headers={"Last-Event-ID": native[0].data["id"] + ":0"}).status == 404
    followed = site.stream("GET", f"/v1/actions/calls/{found[0][0].split(':')[0]}/stream", site.teacher)
    assert [event.kind for event in followed] == ["start", "done"]  # in the native form, from the register


@pytest.mark.parametrize("version, graced", [("2025-11-25", True), (NEW, False)])
def test_who_leaves_is_cancelled(site, version, graced):
    site.cli("site", "set", "demo", "--json-patch", json.dumps({"resume_grace_ms": 300}))
    site.wait_for_config()
    site.double.default = "endless?delay_ms=20"
    known = len(rows(site))
    connection, response = stream(site, version)
    response.read1(100)
    wait_until(lambda: len(rows(site)) == known + 1 and rows(site)[0]["state"] == "running", what="the call")
    response.close(), connection.close()
    wait_until(lambda: rows(site)[0]["state"] == "cancelled", what="the end of the call")
    site.double.wait_for(lambda r: r["closed_at"])


def test_a_json_call_whose_client_leaves_is_cancelled(site):
    site.double.default = "endless?delay_ms=20"
    known = len(rows(site))
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=60)
    connection.request("POST", "/mcp", json.dumps(message("tools/call", {"name": "generate_text", "arguments": {"prompt": "x"}})),
                       {"Authorization": f"Bearer {site.admin_key}", "Content-Type": "application/json", "Accept": "application/json"})
    wait_until(lambda: len(rows(site)) == known + 1)
    connection.close()
    wait_until(lambda: rows(site)[0]["state"] == "cancelled", what="the end of the call")


def test_a_call_is_cancelled_by_its_own_session_alone(site):
    site.double.default = "endless?delay_ms=20"
    connection, response, call_id, first = begun(site, headers={"Mcp-Session-Id": "mine"}, id=42)

    def cancel(id, key=None, **fields):
        answer = post(site, message("notifications/cancelled", {"requestId": id, "reason": "enough"}, None), key, headers=fields)
        assert answer.status == 202

    cancel(42, **{"Mcp-Session-Id": "another"})
    cancel(42)
    cancel("42", **{"Mcp-Session-Id": "mine"})
    cancel(42, key=site.teacher, **{"Mcp-Session-Id": "mine"})
    cancel(None, **{"Mcp-Session-Id": "mine"})
    body, fields = message("notifications/cancelled", {"requestId": 42}, None), {"Mcp-Session-Id": "mine"}
    assert post(site, body, version=NEW, headers=fields).status == 202
    assert state(site, call_id) == "running"
    cancel(42, **{"Mcp-Session-Id": "mine"})
    last = json.loads(parts(first + response.read())[-1][1])
    connection.close()
    assert last["id"] == 42 and last["result"]["_meta"]["lectern/code"] == "cancelled" and said(last["result"])
    assert state(site, call_id) == "cancelled"


# ---- two sites ----

def test_sites_are_apart(site):
    found = json.loads(site.cli("--json", "site", "add", "other"))
    key = json.loads(site.cli("--json", "key", "add", "--site", "other", "--role", "site_admin"))["key"]
    site.wait_for_config()
    assert found and "summarise_text" not in tools(site, key)  # it has no provider
    connection, response = stream(site)
    events = parts(response.read())
    connection.close()
    assert site.request("GET", "/mcp", key, headers={"Last-Event-ID": events[0][0]}).status == 404
    assert said(call(site, key=key))
