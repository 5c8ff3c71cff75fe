"""ETag, If-None-Match and If-Match on configuration: what was changed meanwhile is not written over, by whomever it was changed."""
import concurrent.futures
import itertools

import pytest

COURSE = "course-v1:Org+Course+Run"


@pytest.fixture(scope="module")
def site(shared):
    admin = shared.admin_key
    for name in ("one", "two", "three"):
        made = shared.request("POST", "/v1/providers", admin, {"name": name, "plugin": "openai", "config": {
            "endpoint": "http://127.0.0.1:9/v1", "model": "m", "api_key": "secret-one"}})
        assert made.status == 201, made
    for body in ({"slug": "p", "base_filepath": "mock/mock.json5"}, {"slug": "q", "base_filepath": "mock/mock.json5"}):
        assert shared.request("POST", "/v1/profiles", admin, body).status == 201
    scope = shared.request("POST", "/v1/scopes", admin, {"profile_id": "p", "course_id": COURSE})
    assert scope.status == 201, scope
    assert shared.request("POST", "/v1/prompts", admin, {"slug": "hello", "body": "Hello."}).status == 201
    shared.scope = scope.json["id"]
    return shared


ORDERS = list(itertools.permutations(["one", "two", "three"]))
# Where it is read, where it is changed, and the n-th change of it: no four that follow each other are the same.
RESOURCES = {
    "provider": ("/v1/providers/one", "PATCH", "/v1/providers/one", lambda n: {"config": {"model": f"m{n}"}}),
    "secret": ("/v1/providers/one", "PATCH", "/v1/providers/one", lambda n: {"config": {"api_key": f"secret-{n}"}}),
    "order": ("/v1/providers", "PUT", "/v1/providers/order", lambda n: {"ids": ORDERS[n % 6]}),
    "placement": ("/v1/placements/chat", "PUT", "/v1/placements/chat",
                  lambda n: {"enabled": n % 2 == 0, "actions": {"continue_conversation": n % 4 < 2}}),
    "switch": ("/v1/switches?course_id=course-v1%3AOrg%2BCourse%2BRun", "PUT", "/v1/switches",
               lambda n: {"course_id": COURSE, "location_id": f"l{n}", "enabled": False}),
    "profile": ("/v1/profiles/p", "PATCH", "/v1/profiles/p", lambda n: {"description": f"d{n}"}),
    "scope": ("/v1/scopes/{scope}", "PATCH", "/v1/scopes/{scope}", lambda n: {"location_regex": f"l{n}"}),
    "site": ("/v1/site", "PATCH", "/v1/site", lambda n: {"settings": {"task_kept_s": 1000 + n}}),
    "prompt": ("/v1/prompts/hello", "PATCH", "/v1/prompts/hello", lambda n: {"body": f"Hello {n}."}),
}
counters = {}


@pytest.fixture(params=RESOURCES)
def resource(request, site):
    read, method, changed, change = RESOURCES[request.param]
    numbers = counters.setdefault(read, itertools.count(1))
    return read.format(scope=site.scope), method, changed.format(scope=site.scope), lambda: change(next(numbers))


def tag(site, path):
    answer = site.request("GET", path, site.admin_key)
    assert answer.status == 200, answer
    etag = answer.headers["ETag"]
    assert etag.startswith('"') and etag.endswith('"') and len(etag) > 10, etag
    return etag


def change(site, method, path, body, etag):
    return site.request(method, path, site.admin_key, body, {} if etag is None else {"If-Match": etag})


def test_the_tag_stays_until_something_changes(site, resource):
    read, method, path, body = resource
    first = tag(site, read)
    assert tag(site, read) == first
    assert change(site, method, path, body(), None).status == 200
    assert tag(site, read) != first


def test_what_the_client_has_is_not_sent_again(site, resource):
    read = resource[0]
    etag = tag(site, read)
    for wish, status in ((etag, 304), (f'"other", W/{etag}', 304), ("*", 304), ('"other"', 200), (etag.strip('"'), 200), ("", 200)):
        answer = site.request("GET", read, site.admin_key, headers={"If-None-Match": wish})
        assert answer.status == status and answer.headers["ETag"] == etag, (wish, answer)
        assert (answer.body == b"") == (status == 304)


def test_a_change_is_made_while_the_tag_is_right(site, resource):
    read, method, path, body = resource
    answer = change(site, method, path, body(), tag(site, read))
    assert answer.status == 200, answer
    assert answer.headers["ETag"] == tag(site, read)
    assert change(site, method, path, body(), f'"other", {answer.headers["ETag"]}').status == 200
    assert change(site, method, path, body(), "*").status == 200


def test_a_change_of_what_was_changed_meanwhile_is_412_and_changes_nothing(site, resource):
    read, method, path, body = resource
    stale = tag(site, read)
    assert change(site, method, path, body(), None).status == 200
    before, again = site.request("GET", read, site.admin_key), body()
    for wish in (stale, f"W/{before.headers['ETag']}", '"x"', "x", ""):
        answer = change(site, method, path, again, wish)
        assert (answer.status, answer.json["code"]) == (412, "precondition_failed"), (wish, answer)
    after = site.request("GET", read, site.admin_key)
    assert after.headers["ETag"] == before.headers["ETag"]


@pytest.mark.parametrize("query", ["limit=0", "limit=1", "after=x", "action=nothing", "action=generate_text&enabled=true"])
def test_a_query_does_not_change_what_the_order_is_bound_to(site, query):
    before = site.request("GET", "/v1/providers", site.admin_key).json["providers"]
    ids = {"ids": [p["id"] for p in reversed(before)]}
    assert change(site, "PUT", f"/v1/providers/order?{query}", ids, '"x"').status == 412
    assert site.request("GET", "/v1/providers", site.admin_key).json["providers"] == before
    assert change(site, "PUT", f"/v1/providers/order?{query}", ids, tag(site, "/v1/providers")).status == 200


def test_removing_has_conditions_too(site):
    for read, body in (("/v1/prompts/gone", {"slug": "gone", "body": "x"}),
                       ("/v1/profiles/gone", {"slug": "gone", "base_filepath": "mock/mock.json5"}),
                       ("/v1/providers/gone", {"name": "gone", "plugin": "extract"})):
        assert site.request("POST", read.rsplit("/", 1)[0], site.admin_key, body).status == 201
        etag = tag(site, read)
        assert change(site, "DELETE", read, None, '"stale"').status == 412
        assert change(site, "DELETE", read, None, etag).status == 204
        assert change(site, "DELETE", read, None, etag).status == 404


def test_the_tag_tells_nothing_of_a_secret_but_that_it_changed(site):
    """The same secret at another site has another tag; a vendor that fails does not change it."""
    first = tag(site, "/v1/providers/one")
    assert site.request("POST", "/v1/providers/one/test", site.admin_key, {}).status == 200
    assert tag(site, "/v1/providers/one") == first


def test_a_refused_change_says_what_it_says_without_a_condition(site):
    etag = tag(site, "/v1/providers")
    twice = change(site, "PUT", "/v1/providers/order", {"ids": ["one", "one"]}, etag)
    assert (twice.status, twice.json["code"]) == (400, "invalid_input"), twice
    etag = tag(site, "/v1/prompts/hello")
    site.request("POST", "/v1/prompts", site.admin_key, {"slug": "taken", "body": "x"})
    taken = change(site, "PATCH", "/v1/prompts/hello", {"slug": "taken"}, etag)
    assert (taken.status, taken.json["code"]) == (409, "conflict"), taken
    assert change(site, "PATCH", "/v1/prompts/nowhere", {"body": "x"}, etag).status == 404


def test_of_many_who_change_at_once_exactly_one_wins(site, resource):
    """Fifty rounds; in each, two read the same and both write."""
    read, method, path, body = resource
    with concurrent.futures.ThreadPoolExecutor(2) as admins:
        for _ in range(50):
            etag = tag(site, read)
            answers = list(admins.map(lambda b: change(site, method, path, b, etag).status, [body(), body()]))
            assert sorted(answers) == [200, 412], answers


def test_of_fifty_at_once_exactly_one_wins(site):
    etag = tag(site, "/v1/prompts/hello")
    with concurrent.futures.ThreadPoolExecutor(50) as admins:
        answers = list(admins.map(lambda n: change(site, "PATCH", "/v1/prompts/hello", {"body": f"by {n}"}, etag), range(50)))
    won = [a for a in answers if a.status == 200]
    assert len(won) == 1 and {a.status for a in answers} == {200, 412}
    assert site.request("GET", "/v1/prompts/hello", site.admin_key).json["body"] == won[0].json["body"]


def test_what_others_change_elsewhere_does_not_make_a_right_condition_fail(site):
    """One changes a prompt under conditions while another changes placements as fast as it can."""
    with concurrent.futures.ThreadPoolExecutor(2) as admins:
        noise = admins.submit(lambda: [change(site, "PUT", "/v1/placements/chat", {"enabled": n % 2 == 0}, None).status for n in range(60)])
        while not noise.done():
            etag = tag(site, "/v1/prompts/hello")
            answer = change(site, "PATCH", "/v1/prompts/hello", {"body": f"Hello again, {etag}."}, etag)
            assert answer.status == 200, answer
        assert set(noise.result()) == {200}


def test_changes_by_the_command_line_count(site):
    etag = tag(site, "/v1/providers/one")
    site.cli("provider", "set", "--site", "demo", "one", "config.model=by-hand")
    assert change(site, "PATCH", "/v1/providers/one", {"config": {"model": "x"}}, etag).status == 412
