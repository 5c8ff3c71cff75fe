"""generate_image: what a service makes is looked at, marked, kept, served by links that end, and erased. The service is a recording of whatever bytes."""
import concurrent.futures
import hashlib
import http.server
import json
import os
import random
import re
import shutil
import signal
import struct
import subprocess
import threading
import time
import urllib.parse
import zlib

import pytest
from conftest import Daemon, check_end, contents, wait_until
from database import allow, connect, refuse
from pictures import add_painter, b64, chunk, png

MARK = b"http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
MIB = 1024 * 1024


def noise(n):
    """A PNG of more than n bytes."""
    side = int((n / 3) ** 0.5) + 2
    raw = random.Random(7).randbytes(side * side * 3)
    rows = b"".join(b"\0" + raw[i * side * 3:(i + 1) * side * 3] for i in range(side))
    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows, 0)) + chunk(b"IEND", b"")


def independent(data):
    """(media type, width, height, XMP) as a reader of ours that is not Lectern's finds them."""
    if data.startswith(b"\x89PNG"):
        at, packets = 8, []
        while at < len(data):
            n, name = struct.unpack(">I4s", data[at:at + 8])
            if name == b"iTXt":
                packets.append(data[at + 8:at + 8 + n].split(b"\0", 5)[-1])
            at += 12 + n
        return ("image/png", *struct.unpack(">II", data[16:24]), packets)
    if data.startswith(b"\xff\xd8"):
        at, packets, size = 2, [], None
        while data[at + 1] != 0xDA:
            marker, n = data[at + 1], struct.unpack(">H", data[at + 2:at + 4])[0]
            body = data[at + 4:at + 2 + n]
            if marker == 0xE1:
                assert body.startswith(b"http://ns.adobe.com/xap/1.0/\0")
                packets.append(body[29:])
            if marker in (0xC0, 0xC1, 0xC2):
                size = struct.unpack(">HH", body[1:5])
            at += 2 + n
        return "image/jpeg", size[1], size[0], packets
    assert data[:4] == b"RIFF" and data[8:12] == b"WEBP" and struct.unpack("<I", data[4:8])[0] == len(data) - 8
    at, packets, size, flags = 12, [], None, 0
    while at < len(data):
        name, n = data[at:at + 4], struct.unpack("<I", data[at + 4:at + 8])[0]
        body = data[at + 8:at + 8 + n]
        if name == b"VP8X":
            flags, size = body[0], (int.from_bytes(body[4:7], "little") + 1, int.from_bytes(body[7:10], "little") + 1)
        if name == b"XMP ":
            packets.append(body)
        at += 8 + n + n % 2
    assert flags & 4, "the extended header says that there is XMP"
    return "image/webp", *size, packets


class Pictures(http.server.ThreadingHTTPServer):
    """Where a service keeps what it made."""

    def __init__(self):
        self.asked, self.release, self.waiting = [], threading.Event(), threading.Event()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *arguments):
                pass

            def do_GET(self):
                outer.asked.append(self.path)
                kind, body, status = "image/png", png(), 200
                if self.path.startswith("/redirect"):
                    self.send_response(302)
                    self.send_header("Location", "/ok.png")
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                if self.path == "/html":
                    body = b"<!doctype html><script>alert(1)</script>"
                if self.path == "/liar":
                    kind = "text/html"
                if self.path == "/big":
                    body = noise(17 * MIB)
                if self.path == "/missing":
                    status = 404
                if self.path == "/stall":
                    outer.waiting.set()
                    outer.release.wait(60)
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body[:100] if self.path == "/cut" else body)

        super().__init__(("127.0.0.1", 0), Handler)
        self.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def __exit__(self, *arguments):
        self.release.set()
        self.shutdown()
        super().__exit__(*arguments)


@pytest.fixture(scope="module")
def pictures():
    with Pictures() as server:
        yield server


def tape(daemon, pictures, **images):
    """Makes the recording: the prompt NAME is answered with images[NAME]. {wishes} of an input are not part of it."""
    folder = daemon.data / "recordings"
    folder.mkdir(exist_ok=True)
    daemon.tape = getattr(daemon, "tape", {})
    for name, answer in images.items():
        inputs = [{"prompt": name, **wishes} for wishes in ({}, {"count": 2}, {"count": 3}, {"count": 4}, {"format": "png"}, {"format": "jpeg"}, {"format": "webp"})]
        inputs.append({"prompt": name, "count": 2, "quality": "hd", "aspect_ratio": "landscape", "style": "vivid"})
        inputs = inputs[:1] if name == "huge" else inputs
        daemon.tape[name] = [{"action": "generate_image", "input": i, "images": answer, "model": "painter"} for i in inputs]
    recording = {"recording": 1, "exchanges": [e for exchanges in daemon.tape.values() for e in exchanges]}
    (folder / "images.json").write_text(json.dumps(recording))


def set_up(daemon, pictures):
    body = {"name": "tape", "plugin": "replay", "config": {"recording": "images", "speed": 0, "retries": 0, "breaker_faults": 0, "endpoint": pictures.url}}
    assert daemon.request("POST", "/v1/providers", daemon.admin_key, body).status == 201
    daemon.accept_policy(daemon.teacher)
    tape(daemon, pictures, leaf=[{"base64": b64(png()), "revised_prompt": "A green leaf in the sun."}])


@pytest.fixture(scope="module")
def site(tmp_path_factory, pictures):
    d = Daemon(tmp_path_factory.mktemp("images") / "data")
    set_up(d, pictures)
    yield d
    check_end(d)


def ask(daemon, prompt="leaf", key=None, **wishes):
    return daemon.request("POST", "/v1/actions/generate_image", key or daemon.teacher, {"input": {"prompt": prompt, **wishes}})


def made(daemon, prompt="leaf", **wishes):
    answer = ask(daemon, prompt, **wishes)
    assert answer.status == 200, answer
    return answer.json["response"]


def files(daemon):
    return {path.name: content for path, content in contents(daemon.data) if path.parent.parent.name == "files"}


def query(daemon, sql, *values):
    with connect(f"file:{daemon.data / 'lectern.db'}?mode=ro", uri=True) as db:
        return db.execute(sql, values).fetchall()


# ---- what an answer has ----


def test_a_picture_is_kept_described_and_served(site):
    answer = ask(site)
    response = answer.json["response"]
    file = response["draft_file"]
    assert (response["revised_prompt"], response["source_url"], "images" in response) == ("A green leaf in the sun.", "", False)
    assert (file["media_type"], file["width"], file["height"], file["alt"]) == ("image/png", 64, 48, "A green leaf in the sun.")
    assert file["id"] == answer.json["id"] + "-1" and file["url"].startswith("/v1/files/" + file["id"] + "?")
    got = site.request("GET", file["url"])
    assert (got.status, got.headers["Content-Type"], len(got.body)) == (200, "image/png", file["bytes"])
    assert hashlib.sha256(got.body).hexdigest() == file["sha256"]
    media_type, width, height, packets = independent(got.body)
    assert (media_type, width, height, len(packets)) == ("image/png", 64, 48, 1) and MARK in packets[0]


def test_the_schema_of_the_answer_holds_and_says_what_is_asked(site):
    (action,) = [a for a in site.request("GET", "/v1/actions?placement=editor", site.teacher).json["actions"] if a["name"] == "generate_image"]
    assert action["available"] and set(action["input_schema"]["properties"]) == {"prompt", "quality", "aspect_ratio", "style", "count", "format"}
    schema, response = action["response_schema"], made(site)
    assert set(schema["required"]) <= set(response) and set(schema["properties"]["draft_file"]["required"]) == set(response["draft_file"])


def test_headers_let_nothing_run_and_caches_keep_it_until_the_link_ends(site):
    file = made(site)["draft_file"]
    got = site.request("GET", file["url"])
    assert got.headers["X-Content-Type-Options"] == "nosniff" and "sandbox" in got.headers["Content-Security-Policy"]
    assert got.headers["Content-Disposition"] == f'inline; filename="{file["id"]}.png"'
    assert got.headers["ETag"] == f'"{file["sha256"]}"' and got.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    age = int(re.fullmatch(r"private, max-age=(\d+), immutable", got.headers["Cache-Control"])[1])
    assert 0 < age <= 86400
    again = site.request("GET", file["url"], headers={"If-None-Match": got.headers["ETag"]})
    assert (again.status, again.body) == (304, b"")


def test_without_a_revised_prompt_the_prompt_describes_it_and_is_cut_at_a_word(site, pictures):
    long = "A very long wish about a landscape " * 40
    tape(site, pictures, plain=[{"base64": b64(png())}], **{long: [{"base64": b64(png())}]})
    assert (made(site, "plain")["revised_prompt"], made(site, "plain")["draft_file"]["alt"]) == ("", "plain")
    alt = made(site, long)["draft_file"]["alt"]
    assert len(alt) <= 500 and long.startswith(alt + " ")


def test_several_pictures_come_as_a_list(site, pictures):
    tape(site, pictures, three=[{"base64": b64(png(10 + i, 10)), "revised_prompt": f"Number {i}"} for i in range(3)])
    response = made(site, "three", count=3)
    assert [(i["draft_file"]["width"], i["revised_prompt"]) for i in response["images"]] == [(10, "Number 0"), (11, "Number 1"), (12, "Number 2")]
    assert response["draft_file"] == response["images"][0]["draft_file"]
    assert len({i["draft_file"]["id"] for i in response["images"]}) == 3
    assert all(site.request("GET", i["draft_file"]["url"]).status == 200 for i in response["images"])


def test_the_register_has_what_was_asked_and_hashes_of_what_came(site, pictures):
    tape(site, pictures, forest=[{"base64": b64(png(8, 8)), "revised_prompt": "R"}, {"base64": b64(png(9, 9)), "revised_prompt": "S"}])
    answer = ask(site, "forest", count=2, quality="hd", aspect_ratio="landscape", style="vivid")
    (row,) = query(site, "SELECT prompt, numberimages, quality, aspectratio, style, sourceurl, revisedprompt, draftfile FROM ai_action_generate_image"
                         " WHERE call_id = ?", bytes.fromhex(answer.json["id"].replace("-", "")))
    assert row[:7] == ("forest", "2", "hd", "landscape", "vivid", "", "R")
    assert [i["draft_file"]["sha256"] for i in json.loads(row[7])] == [i["draft_file"]["sha256"] for i in answer.json["response"]["images"]]
    assert "signature" not in row[7]
    wait_until(lambda: "0 calls pending" in site.cli("register", "verify", check=False).stdout or site.cli("register", "verify", check=False).returncode == 0,
               what="the register to be whole")


def test_a_call_that_is_asked_for_again_has_a_new_link(site):
    answer = ask(site)
    again = site.request("GET", "/v1/actions/calls/" + answer.json["id"], site.teacher).json["response"]
    assert {k: v for k, v in again["draft_file"].items() if k not in ("url", "expires_at")} == \
        {k: v for k, v in answer.json["response"]["draft_file"].items() if k not in ("url", "expires_at")}
    assert site.request("GET", again["draft_file"]["url"]).status == 200


@pytest.mark.parametrize("wishes, field", [({"count": 5}, "/input/count"), ({"count": 0}, "/input/count"), ({"quality": "best"}, "/input/quality"),
                                           ({"aspect_ratio": "round"}, "/input/aspect_ratio"), ({"style": "baroque"}, "/input/style"),
                                           ({"format": "svg"}, "/input/format")])
def test_a_wish_that_nobody_can_fulfil_is_named(site, wishes, field):
    answer = ask(site, **wishes)
    assert answer.status == 400 and field in answer.body.decode()


@pytest.mark.parametrize("plugin, config, why", [
    ("openai_compatible", {"endpoint": "http://127.0.0.1:9/v1", "model": "m"}, "image_model"),
    ("openai_compatible", {"endpoint": "http://127.0.0.1:9/v1", "model": "m", "image_model": "painter"}, None),
    ("openai", {"endpoint": "http://127.0.0.1:9/v1", "model": "m"}, "image_model"), ("openai", {"api_key": "k"}, None),
    ("azureai", {"endpoint": "http://127.0.0.1:9", "api_key": "k", "model": "m"}, "image_model"), ("gemini", {"api_key": "k"}, None),
    ("awsbedrock", {"region": "eu-central-1", "api_key": "k", "model": "m"}, "image_model")])
def test_who_has_no_model_for_images_is_not_asked_for_any(site, plugin, config, why):
    site.request("POST", "/v1/providers", site.admin_key, {"name": "asked", "plugin": plugin, "config": config})
    for settings, wanted in ((None, why), ({"model": "painter"}, None)):
        if settings:
            changed = site.request("PATCH", "/v1/providers/asked", site.admin_key, {"actions": {"generate_image": {"settings": settings}}})
            assert changed.status == 200, changed
        shown = site.request("GET", "/v1/providers?action=generate_image", site.admin_key).json["providers"]
        reason = next(p for p in shown if p["name"] == "asked")["excluded_because"]
        assert (wanted in (reason or "")) if wanted else reason is None, reason
    assert site.request("DELETE", "/v1/providers/asked", site.admin_key).status in (200, 204)


def test_students_may_not(site):
    site.accept_policy(site.learner)
    assert ask(site, key=site.learner).status == 403


# ---- formats ----


@pytest.mark.parametrize("wanted", ["png", "jpeg", "webp"])
def test_another_format_is_made_and_marked(site, wanted):
    file = made(site, format=wanted)["draft_file"]
    data = site.request("GET", file["url"]).body
    media_type, width, height, packets = independent(data)
    assert (media_type, width, height) == ("image/" + wanted, 64, 48) == (file["media_type"], file["width"], file["height"])
    assert len(packets) == 1 and MARK in packets[0]


@pytest.mark.skipif(not shutil.which("exiftool"), reason="exiftool is not installed")
@pytest.mark.parametrize("wanted", ["png", "jpeg", "webp"])
def test_the_mark_is_what_others_read(site, tmp_path, wanted):
    path = tmp_path / "picture"
    path.write_bytes(site.request("GET", made(site, format=wanted)["draft_file"]["url"]).body)
    told = json.loads(subprocess.run(["exiftool", "-j", "-n", "-XMP-iptcExt:all", "-ImageSize", "-MIMEType", "-Warning", "-Error", path], capture_output=True, check=True).stdout)[0]
    assert told["DigitalSourceType"] == MARK.decode() and told["MIMEType"] == "image/" + wanted
    assert "Warning" not in told and "Error" not in told


def test_a_jpeg_and_a_webp_of_a_service_are_taken(site, pictures):
    for form in ("jpeg", "webp"):
        data = site.request("GET", made(site, format=form)["draft_file"]["url"]).body
        tape(site, pictures, **{"as " + form: [{"base64": b64(data)}]})
        assert made(site, "as " + form)["draft_file"]["media_type"] == "image/" + form


def test_a_label_is_drawn_when_the_site_wants_one(site, pictures):
    tape(site, pictures, wide=[{"base64": b64(png(400, 300, (255, 255, 255)))}])
    before = made(site, "wide")["draft_file"]
    site.cli("site", "set", "demo", "image_label=KI-erzeugt")
    try:
        after = wait_until(lambda: (lambda f: f if f["sha256"] != before["sha256"] else None)(made(site, "wide")["draft_file"]), what="the label")
        data = site.request("GET", after["url"]).body
        media_type, width, height, packets = independent(data)
        assert (media_type, width, height, len(packets)) == ("image/png", 400, 300, 1)
    finally:
        site.cli("site", "set", "demo", "image_label=")
    wait_until(lambda: made(site, "wide")["draft_file"]["sha256"] == before["sha256"], what="no label")
    assert pixels_differ(site.request("GET", before["url"]).body, data), "words lie in the lower left corner"


def test_many_labels_at_once_are_all_drawn(site, pictures):
    tape(site, pictures, large=[{"base64": b64(png(1500, 1500))}])
    site.cli("site", "set", "demo", "image_label=AI-generated")
    site.wait_for_config()
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: ask(site, "large").status, range(8)))
    site.cli("site", "set", "demo", "image_label=")
    site.wait_for_config()
    assert answers == [200] * 8


def pixels_differ(one, other):
    """Only in the lower left quarter."""
    a, b = rows_of(one), rows_of(other)
    changed = {(x, y) for y, (p, q) in enumerate(zip(a, b)) for x in range(len(p)) if p[x] != q[x]}
    return changed and all(y > len(a) / 2 for _, y in changed) and all(x < len(a[0]) * 0.6 for x, _ in changed)


def rows_of(data):
    """The rows of a PNG of 8 bits a channel."""
    at, packed, head = 8, b"", None
    while at < len(data):
        n, name = struct.unpack(">I4s", data[at:at + 8])
        body = data[at + 8:at + 8 + n]
        head, packed = (body if name == b"IHDR" else head), packed + (body if name == b"IDAT" else b"")
        at += 12 + n
    width, height, depth, colour = struct.unpack(">IIBB", head[:10])
    channels = {2: 3, 6: 4}[colour]
    raw, rows, before = zlib.decompress(packed), [], bytearray(width * channels)
    for y in range(height):
        kind, line = raw[y * (width * channels + 1)], bytearray(raw[y * (width * channels + 1) + 1:(y + 1) * (width * channels + 1)])
        for i in range(len(line)):
            left, up, corner = (line[i - channels] if i >= channels else 0), before[i], (before[i - channels] if i >= channels else 0)
            p = left + up - corner
            paeth = min((abs(p - left), 0, left), (abs(p - up), 1, up), (abs(p - corner), 2, corner))[2]
            line[i] = (line[i] + (0, left, up, (left + up) // 2, paeth)[kind]) & 255
        rows.append([tuple(line[i:i + 3]) for i in range(0, len(line), channels)])
        before = line
    return rows


# ---- what a service may send ----


@pytest.mark.parametrize("wrap", [lambda s: "\ufeff" + s, lambda s: "\n".join(s[i:i + 76] for i in range(0, len(s), 76)), lambda s: "  \t" + s + "\r\n"],
                         ids=["byte order mark", "lines", "blanks"])
def test_base64_may_come_with_white_space(site, pictures, wrap):
    tape(site, pictures, wrapped=[{"base64": wrap(b64(png()))}])
    assert made(site, "wrapped")["draft_file"]["width"] == 64


HOSTILE = {
    "nothing": b"", "svg": b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>', "html": b"<!doctype html><script>1</script>",
    "gif": b"GIF89a\x01\x00\x01\x00\x00\x00\x00;", "half": png()[:70], "without an end": png()[:-12], "wrong checksum": png()[:40] + b"\x00" + png()[41:],
    "bomb": png(claimed=(60000, 60000)), "high": png(claimed=(1, 8193)), "no width": png(claimed=(0, 5)), "only a head": png()[:33],
    "pdf": b"%PDF-1.7\n", "jpeg head": b"\xff\xd8\xff\xe0\x00\x10JFIF\x00", "webp head": b"RIFF\xff\xff\xff\x7fWEBPVP8 ", "exe": b"MZ" + b"\0" * 500,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_picture_is_a_fault_of_the_service(site, pictures, name):
    tape(site, pictures, **{"bad " + name: [{"base64": b64(HOSTILE[name]) or "===="}]})
    before = files(site)
    answer = ask(site, "bad " + name)
    assert (answer.status, answer.json["code"]) == (502, "upstream_invalid")
    assert files(site) == before


@pytest.mark.parametrize("text", ["!!!!", "iVBORw0KGgo", b64(png()) + "x", "data:image/png;base64," + b64(png()), b64(png()).replace("A", "-", 1)])
def test_what_is_not_base64_is_refused(site, pictures, text):
    tape(site, pictures, odd=[{"base64": text}])
    assert ask(site, "odd").json["code"] == "upstream_invalid"


def test_what_hides_in_a_picture_does_not_come_out(site, pictures):
    script = b"<script>canary-in-picture</script>"
    data = png(extra=chunk(b"tEXt", b"Comment\0" + script)) + script
    tape(site, pictures, polyglot=[{"base64": b64(data)}])
    assert b"canary" not in site.request("GET", made(site, "polyglot")["draft_file"]["url"]).body


def test_a_picture_of_more_than_16_mib_is_refused(site, pictures):
    tape(site, pictures, huge=[{"base64": b64(noise(17 * MIB))}])
    try:
        answer = ask(site, "huge")
        assert answer.json["code"] == "upstream_invalid", answer
        text = site.request("GET", f"/v1/register/{answer.json['id']}", site.admin_key).json
        assert "more than 16777216 bytes" in json.dumps(text)
    finally:
        site.tape.pop("huge")
        tape(site, pictures)


def test_more_or_no_pictures_than_were_asked_for(site, pictures):
    tape(site, pictures, none=[])
    assert ask(site, "none").json["code"] == "upstream_invalid"


def test_one_bad_picture_of_several_leaves_none(site, pictures):
    tape(site, pictures, mixed=[{"base64": b64(png())}, {"base64": b64(b"<svg/>")}])
    before = files(site)
    assert ask(site, "mixed", count=2).json["code"] == "upstream_invalid"
    assert files(site) == before


def test_what_an_attempt_that_failed_has_written_goes(daemon, pictures):
    set_up(daemon, pictures)
    tape(daemon, pictures, several=[{"base64": b64(png())}, {"base64": b64(png(9, 9))}, {"base64": b64(b"<svg/>")}])
    add_painter(daemon, {"base64": b64(png(7, 7))})
    instances = daemon.request("GET", "/v1/providers", daemon.admin_key).json["providers"]
    tape_first = [p["id"] for p in sorted(instances, key=lambda p: p["name"] != "tape")]
    assert daemon.request("PUT", "/v1/providers/order", daemon.admin_key, {"ids": tape_first}).status == 200
    daemon.wait_for_config()
    response = made(daemon, "several", count=3)
    assert "images" not in response and response["draft_file"]["width"] == 7
    assert set(files(daemon)) == {response["draft_file"]["id"]}


def test_an_end_that_cannot_be_recorded_leaves_no_picture(daemon, pictures):
    set_up(daemon, pictures)
    tape(daemon, pictures, two=[{"base64": b64(png())}, {"base64": b64(png(9, 9))}])
    with connect(daemon.data / "lectern.db", timeout=60) as db:
        refuse(db, "ai_action_generate_image")
    assert ask(daemon, "two", count=2).status >= 400
    wait_until(lambda: query(daemon, "SELECT n, delete_at FROM image_file ORDER BY n") == [(1, 1), (2, 1)] or files(daemon) == {},
               what="both to be told of as left, or gone")
    with connect(daemon.data / "lectern.db", timeout=60) as db:
        allow(db, "ai_action_generate_image")


def test_a_disk_that_cannot_be_written_is_no_fault_of_the_service(tmp_path, pictures):
    d = Daemon(tmp_path / "data")
    set_up(d, pictures)
    tape(d, pictures, leaf=[{"base64": b64(png())}])
    add_painter(d, {"base64": b64(png(7, 7))})
    d.wait_for_config()
    (d.data / "files").rename(d.data / "away") if (d.data / "files").exists() else None
    (d.data / "files").write_bytes(b"")
    answer = ask(d)
    assert answer.json["code"] == "store_unavailable" and str(d.data) not in answer.body.decode(), answer
    assert query(d, "SELECT COUNT(*) FROM ai_call_attempt")[0][0] == 1, "nobody else is asked, and paid, for nothing"
    (d.data / "files").unlink()
    d.stop()


def test_what_a_service_says_beside_a_picture_never_keeps_the_register_from_having_it(site, pictures):
    tape(site, pictures, wordy=[{"base64": b64(png()), "revised_prompt": "\x01" * 65000}] * 4)
    answer = ask(site, "wordy", count=4)
    assert answer.status == 200 and len(answer.json["response"]["images"]) == 4
    ids = [image["draft_file"]["id"] for image in answer.json["response"]["images"]]
    again = site.request("GET", "/v1/actions/calls/" + answer.json["id"], site.teacher).json["response"]
    assert [image["draft_file"]["id"] for image in again["images"]] == ids


# ---- pictures that lie elsewhere ----


def test_a_picture_is_fetched_from_where_the_service_keeps_it(site, pictures):
    tape(site, pictures, fetched=[{"url": pictures.url + "/ok.png?sig=1", "revised_prompt": "F"}], liar=[{"url": pictures.url + "/liar"}])
    response = made(site, "fetched")
    assert response["source_url"] == pictures.url + "/ok.png?sig=1" and response["draft_file"]["url"].startswith("/v1/files/")
    assert made(site, "liar")["draft_file"]["media_type"] == "image/png"  # by its bytes


@pytest.mark.parametrize("path", ["/redirect", "/html", "/missing", "/cut", "/big"])
def test_what_is_not_there_as_a_picture_is_a_fault_of_the_service(site, pictures, path):
    tape(site, pictures, elsewhere=[{"url": pictures.url + path}])
    answer = ask(site, "elsewhere")
    assert (answer.status, answer.json["code"]) == (502, "upstream_invalid"), answer
    assert pictures.asked[-1] == path


@pytest.mark.parametrize("address", ["http://127.0.0.1:1/x.png", "https://localhost/x.png", "https://127.0.0.1/x.png", "https://[::1]/x.png", "https://10.0.0.1/x.png",
                                     "https://169.254.169.254/latest/meta-data", "http://example.org/x.png", "file:///etc/passwd", "ftp://example.org/x",
                                     "https://user:word@example.org/x.png", "//example.org/x.png", "data:image/png;base64,AAAA"])
def test_a_service_does_not_lead_us_where_only_we_can_go(site, pictures, address):
    tape(site, pictures, inside=[{"url": address}])
    before = len(pictures.asked)
    answer = ask(site, "inside")
    assert (answer.status, answer.json["code"]) == (502, "upstream_invalid"), answer
    assert len(pictures.asked) == before


# ---- links ----


def test_a_link_that_was_changed_is_none(site):
    file = made(site)["draft_file"]
    path, text = file["url"].split("?")
    fields = dict(urllib.parse.parse_qsl(text))
    other = made(site)["draft_file"]["id"]
    forged = [{**fields, "expires": str(int(fields["expires"]) + 1)}, {**fields, "signature": fields["signature"][:-2] + "AA"}, {**fields, "signature": ""},
              {k: v for k, v in fields.items() if k != "signature"}, {**fields, "site": "other"}, {**fields, "site": ""}, {**fields, "expires": "-1"},
              {**fields, "expires": "9" * 30}, {**fields, "signature": fields["signature"] + "AAAA"}]
    for wrong in forged:
        assert site.request("GET", f"{path}?{urllib.parse.urlencode(wrong)}").status == 404, wrong
    assert site.request("GET", f"/v1/files/{other}?{text}").status == 404
    assert site.request("GET", f"/v1/files/{file['id'].upper()}?{text}").status == 404
    assert site.request("GET", "/v1/files/..%2F..%2Flectern.db?" + text).status == 404
    assert site.request("GET", path, site.admin_key).status == 404  # only links open it
    assert site.request("GET", file["url"]).status == 200


def test_a_link_ends(site):
    site.cli("site", "set", "demo", "image_link_s=60")
    try:
        wait_until(lambda: "max-age=5" in site.request("GET", made(site)["draft_file"]["url"]).headers["Cache-Control"], what="short links")
        file = made(site)["draft_file"]
        left = int(dict(urllib.parse.parse_qsl(file["url"].split("?")[1]))["expires"]) - time.time()
        assert 0 < left <= 60
    finally:
        site.cli("site", "set", "demo", "image_link_s=86400")
    wait_until(lambda: site.request("GET", file["url"]).status == 403, timeout=90, what="the link to end")


def test_two_sites_see_nothing_of_each_other(site):
    site.cli("site", "add", "other", "--name", "Other")
    key = re.search(r"lk_[A-Za-z0-9_-]+", site.cli("--json", "key", "add", "--site", "other", "--role", "site_admin", "--name", "k"))[0]
    site.wait_for_config()
    answer = ask(site)
    path, text = answer.json["response"]["draft_file"]["url"].split("?")
    assert site.request("GET", f"{path}?{text.replace('site=demo', 'site=other')}").status == 404
    assert site.request("GET", "/v1/actions/calls/" + answer.json["id"], key).status == 404


def test_a_file_that_was_changed_is_not_served(site):
    file = made(site)["draft_file"]
    (path,) = (site.data / "files").glob(f"*/{file['id']}")
    assert path.stat().st_mode & 0o777 == 0o600
    data = path.read_bytes()
    path.write_bytes(data[:-1] + b"\0")
    assert site.request("GET", file["url"]).status == 500
    path.write_bytes(data)
    assert site.request("GET", file["url"]).status == 200
    path.unlink()
    assert site.request("GET", file["url"]).status == 500


# ---- what they cost ----


def test_pictures_have_a_price(site, pictures):
    tape(site, pictures, dear=[{"base64": b64(png())}, {"base64": b64(png())}])
    price = {"provider": "tape", "model": "painter", "input": 0, "output": 0, "image": 40000}
    assert site.request("POST", "/v1/prices", site.admin_key, price).json["image"] == 40000
    body = {"input": {"prompt": "dear", "count": 2}, "user": {"id": "u9", "roles": ["editingteacher"]}}
    site.cli("site", "set", "demo", "policy_by_lms=true")
    try:
        answer = wait_until(lambda: (lambda a: a if a.status == 200 else None)(site.request("POST", "/v1/actions/generate_image", site.admin_key, body)), what="an answer")
    finally:
        site.cli("site", "set", "demo", "policy_by_lms=false")
    assert answer.json["usage"]["cost"] == 80000


def test_a_limit_of_requests_counts_pictures_calls(daemon, pictures):
    set_up(daemon, pictures)
    limit = {"subject": "site", "action": "generate_image", "unit": "requests", "amount": 1, "window": "day"}
    assert daemon.request("POST", "/v1/limits", daemon.admin_key, limit).status == 201
    assert [ask(daemon).status for _ in range(2)] == [200, 429]


# ---- crashes ----


def restarted(daemon):
    daemon.process.send_signal(signal.SIGKILL)
    daemon.process.wait(60)
    for half in daemon.data.glob("files/*/*.new"):
        os.utime(half, (1, 1))  # on a database of several processes, what is young may be another one's who is writing it
    return Daemon(daemon.data)


def rows(daemon):
    return {f"{i[:8]}-{i[8:12]}-{i[12:16]}-{i[16:20]}-{i[20:]}-{n}": sha for i, n, sha in
            [(c.hex(), n, s) for c, n, s in query(daemon, "SELECT call_id, n, sha256 FROM image_file WHERE delete_at = 0")]}


def test_a_process_that_dies_between_file_and_record_leaves_nothing(tmp_path, pictures):
    d = Daemon(tmp_path / "data")
    set_up(d, pictures)
    kept = made(d)["draft_file"]
    tape(d, pictures, two=[{"base64": b64(png(31, 17))}, {"url": pictures.url + "/stall"}])
    pictures.waiting.clear()
    asking = threading.Thread(target=lambda: pytest.raises(Exception, ask, d, "two", count=2), daemon=True)
    asking.start()
    assert pictures.waiting.wait(60)
    assert len(files(d)) == 2, "the first picture lies there, its call has not ended"
    (d.data / "files" / kept["id"][34:36] / (kept["id"] + ".77.new")).write_bytes(b"half")
    again = restarted(d)
    pictures.release.set()
    assert set(files(again)) == {kept["id"]} and again.request("GET", kept["url"]).status == 200
    check_end(again)


def test_whatever_was_answered_is_there_after_a_kill(tmp_path, pictures):
    d = Daemon(tmp_path / "data")
    set_up(d, pictures)
    seed = random.randrange(1 << 30)
    chance, shown = random.Random(seed), []
    for _ in range(3):
        def work():
            while True:
                try:
                    shown.append(made(d)["draft_file"])
                except Exception:
                    return
        threads = [threading.Thread(target=work, daemon=True) for _ in range(4)]
        target = len(shown) + chance.randrange(3, 12)
        for t in threads:
            t.start()
        wait_until(lambda: len(shown) >= target, what="some answers")
        d = restarted(d)
        for t in threads:
            t.join(60)
        known, there = rows(d), {name: hashlib.sha256(data).hexdigest() for name, data in files(d).items()}
        assert known == there, f"seed {seed}: each row has its file and each file its row"
        assert all(known[f["id"]] == f["sha256"] and d.request("GET", f["url"]).status == 200 for f in shown), f"seed {seed}"
    check_end(d)


# ---- going ----


def person(daemon, pictures, name, **more):
    body = {"input": {"prompt": name}, "user": {"id": name, "roles": ["editingteacher"]}, **more}
    answer = daemon.request("POST", "/v1/actions/generate_image", daemon.service_key, body)
    assert answer.status == 200, answer
    return answer.json["response"]["draft_file"]


def test_an_erasure_takes_the_pictures_along(daemon, pictures):
    set_up(daemon, pictures)
    tape(daemon, pictures, **{"mk-ada": [{"base64": b64(png(33, 44)), "revised_prompt": "revised mk-ada-too"}], "mk-bob": [{"base64": b64(png(55, 66))}]})
    daemon.cli("site", "set", "demo", "policy_by_lms=true")
    daemon.wait_for_config()
    hers, his = person(daemon, pictures, "mk-ada"), person(daemon, pictures, "mk-bob")
    export = daemon.request("POST", "/v1/privacy/export", daemon.admin_key, {"user_id": "mk-ada"})
    assert hers["sha256"] in export.body.decode() and his["sha256"] not in export.body.decode()
    job = daemon.request("POST", "/v1/privacy/erase", daemon.admin_key, {"user_id": "mk-ada"})
    assert job.status in (200, 202)
    wait_until(lambda: daemon.request("GET", "/v1/privacy/jobs/" + job.json["id"], daemon.admin_key).json["state"] == "done", what="the erasure")
    assert set(files(daemon)) == {his["id"]}
    assert daemon.request("GET", hers["url"]).status == 404 and daemon.request("GET", his["url"]).status == 200
    (daemon.data / "recordings" / "images.json").unlink()
    found = [path.name for path, data in contents(daemon.data) if b"mk-ada" in data or hers["sha256"].encode() in data or bytes.fromhex(hers["sha256"]) in data]
    assert found == []
    assert daemon.cli("register", "verify", check=False).returncode == 0


def test_an_erasure_is_not_done_while_a_picture_is_there(daemon, pictures):
    set_up(daemon, pictures)
    tape(daemon, pictures, ada=[{"base64": b64(png(33, 44))}, {"base64": b64(png(44, 33))}])
    daemon.cli("site", "set", "demo", "policy_by_lms=true")
    daemon.wait_for_config()
    one, other = [d["draft_file"]["id"] for d in daemon.request(
        "POST", "/v1/actions/generate_image", daemon.service_key,
        {"input": {"prompt": "ada", "count": 2}, "user": {"id": "ada", "roles": ["editingteacher"]}}).json["response"]["images"]]
    stuck = daemon.data / "files" / one[34:36] / one
    stuck.unlink()
    stuck.mkdir()  # no unlink removes it
    job = daemon.request("POST", "/v1/privacy/erase", daemon.admin_key, {"user_id": "ada"})

    def state():
        return daemon.request("GET", "/v1/privacy/jobs/" + job.json["id"], daemon.admin_key).json
    wait_until(lambda: state()["state"] == "done" or state().get("code"), what="the erasure to be told of")
    assert state()["state"] != "done" and not (stuck.parent / other).exists()
    stuck.rmdir()


def test_a_site_that_keeps_no_content_keeps_no_picture(daemon, pictures):
    set_up(daemon, pictures)
    tape(daemon, pictures, secret=[{"base64": b64(png()), "revised_prompt": "canary-revised"}])
    daemon.cli("site", "set", "demo", "store_content=false", "image_link_s=60")
    daemon.wait_for_config()
    file = made(daemon, "secret")["draft_file"]
    (daemon.data / "recordings" / "images.json").unlink()
    assert daemon.request("GET", file["url"]).status == 200 and file["alt"] == "canary-revised"
    assert [p.name for p, data in contents(daemon.data) if b"canary-revised" in data] == []
    assert query(daemon, "SELECT COUNT(*) FROM ai_action_generate_image")[0][0] == 0
    (kept,) = query(daemon, "SELECT delete_at - created_at FROM image_file")
    assert 0 < kept[0] <= 60000
    wait_until(lambda: files(daemon) == {} and query(daemon, "SELECT COUNT(*) FROM image_file")[0][0] == 0, timeout=150, what="the picture to go")


def test_the_sweep_of_old_contents_takes_pictures_along(daemon, pictures):
    set_up(daemon, pictures)
    file = made(daemon)["draft_file"]
    daemon.stop()
    with connect(daemon.data / "lectern.db") as db:
        db.execute("UPDATE image_file SET delete_at = 1")  # as retention and erasure leave it
    again = Daemon(daemon.data)
    wait_until(lambda: files(again) == {}, what="the file to go")
    assert again.request("GET", file["url"]).status == 404
    check_end(again)
