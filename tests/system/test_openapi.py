"""openapi.json: it is made from the route table, is valid, says what there is; and what every answer of every route has in its head."""
import http.client
import json
import os
import re
import socket
import subprocess

import pytest
from conftest import ROOT, read_events

SECURITY = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}
METHODS = ("get", "put", "post", "patch", "delete")
FORMS = {"/openedx-ai-extensions/": "OpenEdxError", "/openai/": "OpenAIError", "/ollama": "OllamaError", "/mcp": "JsonRpcError"}


@pytest.fixture(scope="module")
def api(shared):
    return shared.request("GET", "/v1/openapi.json").json


def operations(api):
    return [(method, path, o) for path, item in api["paths"].items() for method, o in item.items() if method in METHODS]


def resolve(api, node):
    if "$ref" in node:
        kind, name = node["$ref"].removeprefix("#/components/").split("/")
        return api["components"][kind][name]
    return node


def parameters(api, operation, where):
    return {p["name"]: p for p in (resolve(api, p) for p in operation["parameters"]) if p["in"] == where}


def address(path):
    """An address of the route that names nothing that exists."""
    return re.sub(r"\{[^}]*\}", "nothing", path)


# ---- the document ----


def test_every_row_of_the_table_is_an_operation(api):
    rows = re.findall(r'^    \{"([A-Z]+)", "([^"]+)",', (ROOT / "src/api/routes.c").read_text(), re.M)
    assert len(rows) > 60
    assert sorted((method.lower(), path.replace("*", "")) for method, path in rows) == sorted((m, p) for m, p, _ in operations(api))


def test_the_document_is_valid(api, tmp_path):
    validator = os.environ.get("OPENAPI_VALIDATOR")
    if not validator:
        pytest.skip("OPENAPI_VALIDATOR names no openapi-spec-validator (script/api-fuzz installs one)")
    file = tmp_path / "openapi.json"
    file.write_text(json.dumps(api))
    done = subprocess.run([validator, file], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_reference_leads_somewhere(api):
    for name in set(re.findall(r'"\$ref": "([^"]+)"', json.dumps(api))):
        kind, what = name.removeprefix("#/components/").split("/")
        assert what in api["components"][kind], name


def test_operation_ids_are_unique(api):
    ids = [o["operationId"] for _, _, o in operations(api)]
    assert len(ids) == len(set(ids))


def test_path_parameters_are_those_of_the_path(api):
    for _, path, operation in operations(api):
        assert set(parameters(api, operation, "path")) == set(re.findall(r"\{([^}]*)\}", path))


def test_query_parameters_have_a_type_and_are_read_by_the_program(api):
    """A name that no source reads would be a promise that nobody keeps."""
    source = "".join(f.read_text() for f in (ROOT / "src/api").glob("*.c"))
    for _, path, operation in operations(api):
        for name, parameter in parameters(api, operation, "query").items():
            assert parameter["schema"]["type"] in ("string", "integer", ["integer", "string"]), (path, name)
            assert f'"{name}"' in source or f'"/{name}"' in source, (path, name)


def test_permissions_are_told(api):
    for _, path, operation in operations(api):
        assert operation["x-permission"], path
        assert (operation["security"] == []) == (operation["x-permission"] == "public"), path


def test_errors_have_the_form_of_their_door(api):
    for _, path, operation in operations(api):
        form = next((f for prefix, f in FORMS.items() if path.startswith(prefix)), "Problem")
        for status, answer in operation["responses"].items():
            if int(status) >= 400:
                wanted = "Problem" if status in ("408", "414", "431") else form
                assert answer == {"$ref": f"#/components/responses/{wanted}"}, (path, status)


def test_calls_that_cost_money_take_an_idempotency_key(api):
    found = {path for method, path, o in operations(api) if "Idempotency-Key" in parameters(api, o, "header")}
    assert {"/v1/actions/{name}", "/v1/workflows/run", "/v1/providers/{id}/test", "/openedx-ai-extensions/v1/workflows"} <= found


def test_configuration_takes_conditions(api):
    changed = {(m, p) for m, p, o in operations(api) if "If-Match" in parameters(api, o, "header")}
    read = {p for m, p, o in operations(api) if "If-None-Match" in parameters(api, o, "header")}
    assert {("patch", "/v1/providers/{id}"), ("put", "/v1/providers/order"), ("put", "/v1/placements/{name}"), ("put", "/v1/switches"),
            ("delete", "/v1/profiles/{id}"), ("patch", "/v1/scopes/{id}"), ("patch", "/v1/prompts/{id}")} <= changed
    assert {p for _, p in changed} - {"/v1/providers/order"} <= read
    for method, path, operation in operations(api):
        assert ("412" in operation["responses"]) == ((method, path) in changed), path


# ---- what is in every head ----


def check_head(answer, what):
    for name, value in SECURITY.items():
        assert answer.headers.get_all(name) == [value], (what, name, answer.headers.get_all(name))
    assert len(answer.headers.get_all("Content-Security-Policy") or []) == 1, what
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"], what
    assert answer.headers["Cache-Control"], what
    assert len(answer.headers.get_all("X-Request-Id")) == 1, what
    assert answer.headers["Set-Cookie"] is None, what
    assert answer.headers["Access-Control-Allow-Origin"] != "*", what


ORIGIN = {"Origin": "https://evil.example"}


def test_every_route_has_the_security_headers_whatever_it_answers(shared, api):
    """With a key that may, without one, with a learner's, with what is no JSON; none lets another origin in or sets a cookie."""
    seen = set()
    for method, path, _ in operations(api):
        for key in (shared.admin_key, shared.learner, None):
            for body in (None, "{", "{}"):
                if (body is None) != (method in ("get", "delete")):
                    continue
                headers = {**ORIGIN, **({"Content-Type": "application/json"} if body else {})}
                answer = shared.request(method.upper(), address(path), key, body, headers)
                check_head(answer, f"{method} {path} {answer.status}")
                seen.add(answer.status)
    assert {200, 400, 401, 403, 404} <= seen


@pytest.mark.parametrize("path", ["/demo/", "/demo/units/{unit}", "/widgets/lectern-widgets.js", "/demo/static/style.css", "/healthz", "/nowhere"])
def test_pages_and_files_have_them(shared, path):
    unit = re.search(r"/demo/units/([\w-]+)", shared.request("GET", "/demo/").body.decode())[1]
    answer = shared.request("GET", path.format(unit=unit), headers=ORIGIN)
    check_head(answer, f"{path} {answer.status}")


def test_streams_have_them(shared):
    shared.accept_policy(shared.learner)
    body = {"input": {"text": "One sentence. Two sentences. Three sentences."}, "stream": True}
    connection, response = shared.open("POST", "/v1/actions/summarise_text", shared.learner, body, ORIGIN)
    check_head(response, "stream")
    assert response.status == 200, response.read()
    call = next(read_events(response)).data["id"]
    response.read()
    connection.close()
    connection, response = shared.open("GET", f"/v1/actions/calls/{call}/stream", shared.learner, headers=ORIGIN)
    check_head(response, "stream read again")
    response.read()
    connection.close()


@pytest.mark.parametrize("request_bytes, status", [(b"GET / HTTP/3.0\r\n\r\n", 400), (b"GET /" + b"a" * 20000 + b" HTTP/1.1\r\n\r\n", 414),
                                                   (b"GET / HTTP/1.1\r\nHost: h\r\nX: " + b"a" * 200000 + b"\r\n\r\n", 431)])
def test_what_is_refused_before_it_is_understood_has_them(shared, request_bytes, status):
    with socket.create_connection(("127.0.0.1", shared.port), 10) as s:
        try:
            s.sendall(request_bytes)
        except OSError:
            pass
        response = http.client.HTTPResponse(s)
        response.begin()
        assert response.status == status
        check_head(response, request_bytes[:20])


def test_a_preflight_of_a_stranger_gets_nothing(shared, api):
    for path in {p for _, p, _ in operations(api)}:
        answer = shared.request("OPTIONS", address(path), headers={**ORIGIN, "Access-Control-Request-Method": "GET"})
        check_head(answer, path)
        assert not [h for h in answer.headers if h.lower().startswith("access-control-allow")], path
