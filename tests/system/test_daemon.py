"""The life of the daemon: start, one per data directory, changes from outside, drain, stop."""
import base64
import contextlib
import gzip
import hashlib
import json
import pathlib
import signal
import stat
import subprocess
import threading
import time

import pytest
from conftest import LECTERN, Daemon, add_vendor, best_of, check_end, run_lectern, wait_until
from database import connect


def start_refused(*args, timeout=60):
    done = subprocess.run([LECTERN, "serve", *map(str, args)], capture_output=True, text=True, timeout=timeout)
    assert done.returncode == 1 and "listening" not in done.stdout, done
    return done.stderr


def test_the_demo_file_is_for_its_owner_alone_and_keys_live_on(tmp_path):
    daemon = Daemon(tmp_path / "data")
    assert stat.S_IMODE((daemon.data / "demo.json").stat().st_mode) == 0o600
    assert set(daemon.keys) == {"base_url", "admin_key", "service_key", "learner_token", "teacher_token"}
    first = daemon.keys
    assert daemon.stop() == 0
    daemon = Daemon(tmp_path / "data")
    assert (daemon.keys["admin_key"], daemon.keys["service_key"]) == (first["admin_key"], first["service_key"])
    assert daemon.keys["base_url"] == daemon.base_url
    assert len(json.loads(daemon.cli("--json", "key", "list"))) == 2
    assert len(json.loads(daemon.cli("--json", "provider", "list"))) == 1
    for key in daemon.keys.values():
        if key != daemon.base_url:
            assert daemon.request("GET", "/v1/actions", key).status == 200
    assert daemon.request("GET", "/v1/actions", first["learner_token"]).status == 200
    check_end(daemon)


def test_the_demo_listens_on_loopback_alone(tmp_path):
    assert "loopback" in start_refused("--demo", "--listen", "0.0.0.0:0", "--data", tmp_path / "d")
    assert not (tmp_path / "d").exists()


def test_without_demo_there_are_no_pages_and_no_demo_site(tmp_path):
    daemon = Daemon(tmp_path / "data", demo=False)
    assert daemon.request("GET", "/healthz").status == 200
    for path in ("/demo/", "/demo/units/plants", "/demo/static/style.css"):
        assert daemon.request("GET", path).status == 404
    assert json.loads(daemon.cli("--json", "site", "list")) == []
    assert not (daemon.data / "demo.json").exists()
    check_end(daemon)


def test_widgets_are_served_with_and_without_demo_and_kept_by_their_hash(tmp_path):
    manifest = pathlib.Path(__file__).parents[2] / "web/dist/manifest.json"
    if not manifest.exists():
        pytest.skip("the widgets are not built")
    files = json.loads(manifest.read_text())
    daemon = Daemon(tmp_path / "data", demo=False)
    entry = daemon.request("GET", "/widgets/lectern-widgets.js")
    assert (entry.status, entry.headers["Cache-Control"]) == (200, "no-cache")
    assert files["lectern-widgets.js"] in entry.body.decode()
    for name, about in files["files"].items():
        answer = daemon.request("GET", f"/widgets/{name}")
        assert (answer.status, answer.headers["Cache-Control"]) == (200, "public, max-age=31536000, immutable")
        assert answer.headers["Content-Type"].startswith("text/javascript") and len(answer.body) == about["bytes"]
        assert about["integrity"] == "sha384-" + base64.b64encode(hashlib.sha384(answer.body).digest()).decode()
        assert (answer.headers["Vary"], answer.headers["Content-Encoding"]) == ("Accept-Encoding", None)
        for accepted, packed in [("gzip, br", True), ("br;q=1.0, GZIP ; q=0.5", True), ("gzip;q=0", False), ("gzip; q=0.000", False), ("br", False), ("xgzip", False)]:
            other = daemon.request("GET", f"/widgets/{name}", headers={"Accept-Encoding": accepted})
            assert (other.headers["Content-Encoding"] == "gzip", other.headers["Vary"]) == (packed, "Accept-Encoding"), accepted
            assert (gzip.decompress(other.body) if packed else other.body) == answer.body and other.headers["Content-Type"] == answer.headers["Content-Type"]
            again = daemon.request("GET", f"/widgets/{name}", headers={"Accept-Encoding": accepted, "If-None-Match": other.headers["ETag"]})
            assert (again.status, again.body) == (304, b"")
    check_end(daemon)


def test_one_daemon_for_one_data_directory(daemon):
    text = start_refused("--listen", "127.0.0.1:0", "--data", daemon.data)
    assert "in use by another daemon" in text and str(daemon.process.pid) in text
    assert daemon.request("GET", "/healthz").status == 200


def test_a_port_that_is_taken_is_named(daemon, tmp_path):
    assert f"127.0.0.1:{daemon.port}" in start_refused("--listen", f"127.0.0.1:{daemon.port}", "--data", tmp_path / "other")


def test_a_bad_data_directory_is_named(tmp_path):
    (tmp_path / "file").write_text("x")
    assert str(tmp_path / "file") in start_refused("--listen", "127.0.0.1:0", "--data", tmp_path / "file" / "data")


def test_changes_by_commands_are_seen_within_a_second(daemon):
    key = json.loads(daemon.cli("--json", "key", "add", "--role", "site_admin"))["key"]
    wait_until(lambda: daemon.request("GET", "/v1/actions", key).status == 200)

    def until_it_is_seen(role=iter(["metrics", "service"] * 5)):
        new, begin = json.loads(daemon.cli("--json", "key", "add", "--role", next(role)))["key"], time.monotonic()
        wait_until(lambda: daemon.request("GET", "/v1/actions", new).status != 401)
        return time.monotonic() - begin
    best_of(until_it_is_seen, 3)
    daemon.cli("site", "set", "demo", "enabled=false")
    wait_until(lambda: daemon.request("POST", "/v1/actions/summarise_text", key, {"input": {"text": "A text."}}).json.get("code") == "site_disabled")


def test_hangup_reads_the_configuration_and_goes_on(daemon):
    for _ in range(5):
        daemon.process.send_signal(signal.SIGHUP)
        assert daemon.request("GET", "/healthz").status == 200


@pytest.mark.parametrize("threads", [1, 3])
def test_any_number_of_loops(tmp_path, threads):
    daemon = Daemon(tmp_path / "data", "--threads", str(threads))
    assert all(daemon.request("GET", "/healthz").status == 200 for _ in range(20))
    check_end(daemon)


def test_tls_on_the_listener(tmp_path):
    import http.client
    import ssl
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, "-days", "2", "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"], check=True, capture_output=True)
    daemon = Daemon(tmp_path / "data", "--tls-cert", str(cert), "--tls-key", str(key))
    assert daemon.base_url.startswith("https://127.0.0.1:")
    connection = http.client.HTTPSConnection("127.0.0.1", daemon.port, context=ssl.create_default_context(cafile=str(cert)), timeout=60)
    connection.request("GET", "/healthz")
    assert connection.getresponse().status == 200
    connection.close()
    check_end(daemon)


# ---- the end ----


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_at_once_when_nothing_runs(tmp_path, how):
    daemon = Daemon(tmp_path / "data", "--drain-limit", "600")
    connection, response = daemon.open("GET", "/healthz")  # a connection that stays open does not hold it up
    response.read()
    assert daemon.stop(how, timeout=300) == 0
    connection.close()


def ask_in_background(daemon, path="/v1/actions/generate_text", **body):
    answers = []
    thread = threading.Thread(target=lambda: answers.append(daemon.request("POST", path, daemon.admin_key, {"input": {"prompt": "hello"}, **body})))
    thread.start()
    return thread, answers


def states(data):
    connection = connect(pathlib.Path(data) / "lectern.db")
    try:
        return [s for (s,) in connection.execute("SELECT state FROM ai_call_end ORDER BY call_id")]
    finally:
        connection.close()


def test_running_calls_end_well_before_it_stops(daemon, upstream):
    add_vendor(daemon, upstream)
    upstream.default = "ok?first_ms=1500"
    thread, answers = ask_in_background(daemon)
    stream, stream_answers = ask_in_background(daemon, stream=True)
    wait_until(lambda: len(upstream.requests()) == 2)
    assert daemon.stop() == 0
    thread.join()
    stream.join()
    assert answers[0].status == 200 and answers[0].json["success"] is True
    assert b"event: done" in stream_answers[0].body
    assert states(daemon.data) == ["completed", "completed"]


def test_asked_twice_it_cancels_what_runs_and_records_it(tmp_path, upstream):
    daemon = Daemon(tmp_path / "data", "--drain-limit", "600")
    add_vendor(daemon, upstream)
    upstream.default = "stall"
    thread, _ = ask_in_background(daemon, stream=True)
    upstream.wait_for(lambda r: r["path"].endswith("/chat/completions"))
    daemon.process.send_signal(signal.SIGTERM)
    wait_until(daemon.ending, what="the first signal")
    time.sleep(0.5)
    assert daemon.process.poll() is None
    assert daemon.stop(timeout=300) == 0
    thread.join()
    assert states(daemon.data) == ["cancelled"]
    assert upstream.wait_for(lambda r: r["closed_at"])


def test_after_a_kill_nothing_is_running(tmp_path, upstream):
    daemon = Daemon(tmp_path / "data")
    add_vendor(daemon, upstream)
    upstream.default = "endless?delay_ms=20"
    connection, response = daemon.open("POST", "/v1/actions/generate_text", daemon.admin_key, {"input": {"prompt": "x"}, "stream": True})
    shown = response.read1(4096)
    with contextlib.closing(connect(daemon.data / "lectern.db")) as database:  # a checkpoint is written each second
        wait_until(lambda: database.execute("SELECT COUNT(*) FROM ai_call_checkpoint").fetchone()[0] > 0, what="a checkpoint")
    daemon.stop(signal.SIGKILL)
    connection.close()
    daemon = Daemon(tmp_path / "data")
    call = daemon.request("GET", "/v1/register?limit=1", daemon.admin_key).json["calls"][0]
    assert call["state"] == "interrupted" and call["code"] == "interrupted"
    whole = daemon.request("GET", f"/v1/actions/calls/{call['id']}", daemon.admin_key).json
    assert whole["success"] is False and whole["partial"] and whole["error"]["code"] == "interrupted"
    events = daemon.stream("GET", f"/v1/actions/calls/{call['id']}/stream", daemon.admin_key)
    assert [e.kind for e in events] == ["start", "error"] and shown
    check_end(daemon)


def test_libgd_is_not_loaded_before_a_picture_is_drawn(tmp_path):
    """It brings two dozen libraries along, some MiB of each process."""
    daemon = Daemon(tmp_path / "data")
    maps = pathlib.Path(f"/proc/{daemon.process.pid}/maps").read_text()
    check_end(daemon)
    assert "libsqlite3.so" in maps and "libgd.so" not in maps and "libheif.so" not in maps
