"""Hostile and broken packages: each is refused with a reason that names it, or imported rightly; the daemon is well afterwards and has not grown."""
import contextlib
import gzip
import http.server
import io
import json
import os
import random
import signal
import struct
import subprocess
import tarfile
import threading
import time
import zipfile
import zlib

import pytest
from conftest import LECTERN, Daemon, check_end, wait_until
from database import connect
from course_packages import (activity_xml, cc_files, module_xml, moodle_files, olx_files, tar_gz, write_cc, write_moodle, write_olx, zipped)
from test_courses import blocks, imported, post, refused

MEMORY_MAX = 450 << 20  # bytes that the daemon may grow by under the sanitizers, which need two to three times as much
KEPT = "kept"           # a course that is there before and must stay as it is


class Listener:
    """A web server that nobody may ask."""

    def __init__(self):
        asked = self.asked = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                asked.append(self.path)
                self.send_response(200)
                self.end_headers()
                self.wfile.write(b"fetched")

            def log_message(self, *args):
                pass

        self.server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/x"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    d = Daemon(tmp_path_factory.mktemp("attacks") / "data")
    d.listener = Listener()
    imported(d, write_cc(), course_id=KEPT)
    d.before = blocks(d, KEPT)
    yield d
    assert not d.listener.asked
    d.listener.server.shutdown()
    d.listener.server.server_close()
    check_end(d)


@pytest.fixture(autouse=True)
def well_afterwards(site):
    peak_reset(site)
    start = memory(site, "VmRSS")
    yield
    assert blocks(site, KEPT) == site.before
    assert site.request("GET", "/readyz").status == 200
    assert not [n for n in os.listdir(site.data) if n.startswith(".course")]
    grown = memory(site, "VmHWM") - start
    assert grown < MEMORY_MAX, f"{grown >> 20} MiB"


def memory(site, name):
    with open(f"/proc/{site.process.pid}/status") as f:
        return next(int(line.split()[1]) * 1024 for line in f if line.startswith(name + ":"))


def peak_reset(site):
    with open(f"/proc/{site.process.pid}/clear_refs", "w") as f:
        f.write("5")


# ---- archives ----

def with_tar(change):
    return tar_gz(olx_files(), change)


def member(name, content=b"x", **more):
    def add(tar):
        info = tarfile.TarInfo(name)
        info.size = len(content)
        for key, value in more.items():
            setattr(info, key, value)
        tar.addfile(info, io.BytesIO(content) if info.isreg() else None)
    return add


def zip_with(name, content="x"):
    return zipped(cc_files() | {name: content})


def tar_bomb():
    """30 GiB of zeros in one entry, said in its head; what is packed is a thousandth of the first of them."""
    out = io.BytesIO()
    info = tarfile.TarInfo("course/static/zeros.bin")
    info.size = 30 << 30
    with gzip.GzipFile(fileobj=out, mode="wb", mtime=0, compresslevel=1) as packed:
        packed.write(info.tobuf(tarfile.GNU_FORMAT))
        for _ in range(200):
            packed.write(bytes(1 << 20))
    return out.getvalue()


def zip_bomb():
    return zipped(cc_files() | {f"web/{n}.html": bytes(15 << 20) for n in range(6)})


def overlapping_zip():
    """Many names for one piece of packed zeros: the directory says hundreds of gigabytes. Of files at one place libarchive takes one."""
    packed = zlib.compressobj(9, zlib.DEFLATED, -15)
    data = packed.compress(bytes(10 << 20)) + packed.flush()
    crc, body, central = zlib.crc32(bytes(10 << 20)), io.BytesIO(), io.BytesIO()
    body.write(struct.pack("<IHHHHHIIIHH", 0x04034b50, 20, 0, 8, 0, 33, crc, len(data), 10 << 20, 5, 0) + b"a.xml" + data)
    for n in range(20000):
        name = f"{n}.xml".encode()
        central.write(struct.pack("<IHHHHHHIIIHHHHHII", 0x02014b50, 20, 20, 0, 8, 0, 33, crc, len(data), 10 << 20, len(name), 0, 0, 0, 0, 0, 0) + name)
    start = body.tell()
    body.write(central.getvalue())
    body.write(struct.pack("<IHHHHIIH", 0x06054b50, 0, 0, 20000, 20000, len(central.getvalue()), start, 0))
    return body.getvalue()


def encrypted_zip():
    """The mark of encryption on every file."""
    package = bytearray(write_cc())
    for magic, at in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        place = package.find(magic)
        while place >= 0:
            package[place + at] |= 1
            place = package.find(magic, place + 4)
    return bytes(package)


def many_entries():
    out = io.BytesIO()
    with gzip.GzipFile(fileobj=out, mode="wb", mtime=0, compresslevel=1) as packed, tarfile.open(fileobj=packed, mode="w") as tar:
        for n in range(100000):
            tar.addfile(tarfile.TarInfo(f"course/static/{n}"))
    return out.getvalue()


ARCHIVES = {
    "zip slip in a tar": (lambda: with_tar(member("course/../../../tmp/evil.xml")), "leads out of it"),
    "zip slip in a zip": (lambda: zip_with("web/../../evil.html"), "leads out of it"),
    "an absolute name": (lambda: with_tar(member("/etc/cron.d/evil")), "leads out of it"),
    "a drive": (lambda: zip_with("C:/evil.html"), "leads out of it"),
    "a backslash": (lambda: zip_with("web\\..\\evil.html"), "leads out of it"),
    "a name twice": (lambda: with_tar(member("course/./html//hello.html")), "twice"),
    "a name of 2000 bytes": (lambda: with_tar(member("course/" + "n" * 2000)), "more than 1024 bytes"),
    "a tar bomb": (tar_bomb, "200 times"),
    "a zip bomb": (zip_bomb, "200 times"),
    "a zip whose files overlap": (overlapping_zip, "no imsmanifest.xml"),
    "an encrypted zip": (encrypted_zip, "is encrypted"),
    "a cut tar.gz": (lambda: write_olx(50)[:-2000], "damaged"),
    "a cut zip": (lambda: write_cc(50)[:-2000], "cut off"),
    "a zip with a broken file": (lambda: write_cc(50)[:3000] + b"\xff" * 200 + write_cc(50)[3200:], "damaged|cut off|no element|not in the archive|well-formed"),
    "100,000 files": (many_entries, "more than 60000 files"),
    "a file of 20 MiB of text": (lambda: zipped(cc_files() | {"web/x.html": random.Random(1).randbytes(10 << 20).hex()}), "web/x.html: is larger than"),
    "nothing at all": (lambda: b"", "no zip or tar.gz"),
    "no archive": (lambda: b"hello" * 1000, "no zip or tar.gz"),
    "random bytes": (lambda: random.Random(7).randbytes(100000), "no zip or tar.gz"),
    "a gzip of text": (lambda: gzip.compress(b"hello" * 1000), "no zip or tar.gz"),
    "an empty zip": (lambda: zipped({}), "holds no files|no zip or tar.gz"),
    "no course": (lambda: zipped({"readme.txt": "hello"}), "no imsmanifest.xml"),
    "a package in a package": (lambda: zipped({"inner.imscc": write_cc()}), "no imsmanifest.xml"),
}


@pytest.mark.parametrize("name", ARCHIVES)
def test_a_hostile_archive_is_refused_with_a_reason(site, name):
    make, reason = ARCHIVES[name]
    detail = refused(site, make(), course_id="attack")
    assert any(part in detail for part in reason.split("|")), detail
    assert "/tmp" not in detail or "evil" in detail
    assert site.request("GET", "/v1/courses/attack", site.admin_key).status == 404


@pytest.mark.parametrize("add", [member("course/html/link.html", type=tarfile.SYMTYPE, linkname="/etc/passwd"),
                                 member("course/html/hard.html", type=tarfile.LNKTYPE, linkname="course/html/hello.html"),
                                 member("course/device", type=tarfile.CHRTYPE)], ids=["a symbolic link", "a hard link", "a device"])
def test_links_and_devices_are_left_out(site, add):
    files = {k: v for k, v in olx_files().items()}
    files["course/html/hello.xml"] = '<html filename="link" display_name="Hello"/>'
    shown = imported(site, tar_gz(files, add), course_id="links")
    assert any("1 links and devices" in w["reason"] for w in shown["warnings"])
    assert "root:" not in json.dumps(blocks(site, "links"), default=str)


def test_names_that_are_no_utf8_are_left_out_and_others_of_all_scripts_are_read(site):
    def add(tar):
        info = tarfile.TarInfo("course/static/plain")
        head = bytearray(info.tobuf(tarfile.USTAR_FORMAT))
        head[:len(b"course/static/plain")] = b"course/static/\xff\xfe.in"
        head[148:156] = b" " * 8
        head[148:156] = b"%06o\0 " % sum(head)
        tar.fileobj.write(bytes(head))
        tar.offset += 512
    files = olx_files()
    files["course/html/hello.xml"] = '<html filename="grüße-雨" display_name="Hello"/>'
    files["course/html/grüße-雨.html"] = files.pop("course/html/hello.html")
    shown = imported(site, tar_gz(files, add), course_id="names")
    assert any("not UTF-8" in w["reason"] for w in shown["warnings"])
    assert "Clouds" in blocks(site, "names")["block-v1:School+Rain+2026+type@html+block@hello"]["text"]


def test_a_nul_in_a_name_ends_it_or_refuses_the_package(site):
    answer = post(site, zip_with("web/evil.html\0.pdf"), course_id="nul")
    assert answer.status in (201, 400), answer
    assert answer.status == 201 or "name" in answer.json["detail"] or "twice" in answer.json["detail"]


# ---- XML ----

LAUGHS = ('<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol "lol">' + "".join(
    f'<!ENTITY lol{n} "{f"&lol{n - 1};" * 10}">' for n in range(1, 10)).replace("&lol0;", "&lol;") + "]>")


def entity(site, what):
    return f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "{what.format(url=site.listener.url)}">]>'


# where in the package an XML text stands, and how the text around the element is made
PLACES = {
    "olx": ("course/problem/choice.xml", olx_files, tar_gz, '<problem display_name="Choice"><p>{}</p></problem>'),
    "olx course": ("course/course/2026.xml", olx_files, tar_gz, '<course><chapter url_name="week1"/><x>{}</x></course>'),
    "common_cartridge": ("talk.xml", cc_files, zipped, '<topic><title>{}</title></topic>'),
    "common_cartridge manifest": ("imsmanifest.xml", cc_files, zipped, '<manifest identifier="i"><metadata><schema>IMS Common Cartridge</schema></metadata>{}</manifest>'),
    "moodle_backup": ("activities/page_11/page.xml", moodle_files, tar_gz, '<activity><page><content>{}</content></page></activity>'),
    "moodle_backup index": ("moodle_backup.xml", moodle_files, tar_gz, '<moodle_backup><information><name>{}</name></information></moodle_backup>'),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", ["laughs", "file", "http", "parameter"])
def test_entities_are_never_taken(site, place, kind):
    name, files, pack, around = PLACES[place]
    head, use = {"laughs": (LAUGHS, "&lol9;"), "file": (entity(site, "file:///etc/passwd"), "&e;"), "http": (entity(site, "{url}"), "&e;"),
                 "parameter": (f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY % p SYSTEM "{site.listener.url}"> %p;]>', "x")}[kind]
    detail = refused(site, pack(files() | {name: head + around.format(use)}), course_id="entities")
    assert detail.endswith("declares entities, which are not taken") and name.removeprefix("course/") in detail, detail
    assert not site.listener.asked


@pytest.mark.parametrize("place", PLACES)
def test_a_document_type_of_elsewhere_is_not_fetched(site, place):
    name, files, pack, around = PLACES[place]
    head = f'<?xml version="1.0"?><!DOCTYPE x SYSTEM "{site.listener.url}">'
    post(site, pack(files() | {name: head + around.format("x")}), course_id="doctype")
    assert not site.listener.asked


@pytest.mark.parametrize("body,reason", [
    ("<a>" * 5000, "200 deep"), ("<a " + " ".join(f'a{n}="x"' for n in range(600)) + "/>", "500 attributes"),
    (f'<a b="{"x" * (2 << 20)}"/>', "attribute of more than"), ("<b/>" * 600000, "500000 elements"),
    ("<a b='" + "x" * (11 << 20) + "'/>", "not well-formed|attribute of more")], ids=["deep", "attributes", "a huge value", "elements", "a value of 11 MiB"])
def test_xml_beyond_the_bounds_is_refused(site, body, reason):
    files = cc_files()
    files["imsmanifest.xml"] = files["imsmanifest.xml"].replace("<resources>", f"<resources>{body}")
    detail = refused(site, zipped(files), course_id="bounds")
    assert any(part in detail for part in reason.split("|")) and "imsmanifest.xml" in detail, detail


# ---- encodings ----

def manifest(declared, encoding, bom=b""):
    text = cc_files()["imsmanifest.xml"].replace("How rain is made", "Grüße, wie Regen wird").replace('encoding="UTF-8"', f'encoding="{declared}"')
    return bom + text.encode(encoding, "surrogatepass")


ENCODINGS = {
    "UTF-8": ("UTF-8", "utf-8", b"", None), "with a mark": ("UTF-8", "utf-8", b"\xef\xbb\xbf", None),
    "UTF-16 little": ("UTF-16", "utf-16-le", b"\xff\xfe", None), "UTF-16 big": ("UTF-16", "utf-16-be", b"\xfe\xff", None),
    "UTF-16 without a mark": ("UTF-16", "utf-16-le", b"", None),
    "Latin-1": ("ISO-8859-1", "latin-1", b"", None), "windows-1252": ("windows-1252", "cp1252", b"", None),
    "says UTF-8, is Latin-1": ("UTF-8", "latin-1", b"", "is not UTF-8 at byte"),
    "says nothing, is Latin-1": ("", "latin-1", b"", "is not UTF-8 at byte"),
    "says UTF-16, is UTF-8": ("UTF-16", "utf-8", b"", "says that it is UTF-16 and is not"),
    "says UTF-8, is UTF-16": ("UTF-8", "utf-16-le", b"\xff\xfe", None),
    "says ASCII, is UTF-8": ("US-ASCII", "utf-8", b"", "is not US-ASCII"),
    "UTF-7": ("UTF-7", "utf-7", b"", "'UTF-7', which is not taken"),
    "EBCDIC": ("IBM037", "cp037", b"", "not UTF-8"), "none that there is": ("x-none", "utf-8", b"", "'x-none', which is not taken"),
}


@pytest.mark.parametrize("name", ENCODINGS)
def test_an_encoding_is_read_rightly_or_refused_with_the_file_and_the_reason(site, name):
    declared, encoding, bom, reason = ENCODINGS[name]
    xml = manifest(declared, encoding, bom)
    if not declared:
        xml = xml.replace(b' encoding=""', b"")
    package = zipped(cc_files() | {"imsmanifest.xml": xml})
    if reason:
        detail = refused(site, package, course_id="encoding")
        assert "imsmanifest.xml" in detail and reason in detail, detail
    else:
        assert imported(site, package, course_id="encoding")["title"] == "Grüße, wie Regen wird"


def test_html_says_what_it_is_or_is_utf8(site):
    files = cc_files() | {"web/intro page.html": '<meta charset="windows-1252"><p>Grüße</p>'.encode("cp1252"), "web/off.html": "<p>Grüße</p>".encode("cp1252")}
    shown = imported(site, zipped(files), course_id="html")
    assert blocks(site, "html")["r_intro"]["text"] == "Grüße"
    assert {w["file"]: w["reason"] for w in shown["warnings"]}["web/off.html"] == "left out: is not UTF-8 at byte 5"


# ---- structure ----

def test_cycles_of_olx_end(site):
    files = olx_files(extra_chapters='<chapter url_name="ring"/>')
    files["course/chapter/ring.xml"] = '<chapter display_name="Ring"><sequential url_name="ring"/><chapter url_name="ring"/></chapter>'
    files["course/sequential/ring.xml"] = '<sequential display_name="Ring"><vertical url_name="ring"/><sequential url_name="ring"/></sequential>'
    files["course/vertical/ring.xml"] = '<vertical><chapter url_name="ring"/><vertical url_name="ring"/><html url_name="hello"/></vertical>'
    shown = imported(site, tar_gz(files), course_id="cycle")
    assert [w["reason"] for w in shown["warnings"]].count("left out: it stands in the course already, or in itself") == 5
    assert len([b for b in blocks(site, "cycle") if "@ring" in b]) == 3


def test_a_tree_of_olx_that_doubles_at_each_level_is_put_once(site):
    files = olx_files(extra_chapters='<chapter url_name="d0"/>')
    for n in range(25):
        files[f"course/chapter/d{n}.xml"] = "<chapter>" + f'<chapter url_name="d{n + 1}"/>' * 2 + "</chapter>"
    imported(site, tar_gz(files), course_id="double")
    assert len([b for b in blocks(site, "double") if "chapter+block@d" in b]) == 25


def test_olx_that_is_nested_too_deep_is_refused(site):
    files = olx_files(extra_chapters='<chapter url_name="d0"/>')
    for n in range(50):
        files[f"course/chapter/d{n}.xml"] = f'<chapter><chapter url_name="d{n + 1}"/></chapter>'
    assert "nested more than 32 deep" in refused(site, tar_gz(files), course_id="deep")


def section(number, sequence, itemid=None):
    more = f"<component>mod_subsection</component><itemid>{itemid}</itemid>" if itemid else ""
    return f"<name>Sub {number}</name><summary></summary><sequence>{sequence}</sequence><visible>1</visible>{more}"


def subsection(cmid, section_id, instance):
    return cmid, "subsection", section_id, module_xml(cmid, "subsection", section_id), activity_xml(cmid, "subsection", "<name>Sub</name>", instance=instance)


def test_subsections_of_moodle_lie_in_their_sections_and_cycles_end(site):
    page = (60, "page", 61, module_xml(60, "page", 61), activity_xml(60, "page", "<name>Inside</name><intro></intro><content>In a subsection.</content>"))
    files = moodle_files(modules=[subsection(50, 10, 1), page, subsection(51, 61, 1), subsection(52, 62, 3), subsection(53, 63, 2)],
                         sections_more=[(61, 5, section(5, "60,51", 1)), (62, 6, section(6, "52", 2)), (63, 7, section(7, "53", 3))])
    shown = imported(site, tar_gz(files), course_id="subsections")
    rows = blocks(site, "subsections")
    assert rows["section-61"]["parent"] == rows["section-10"]["position"] and rows["60"]["parent"] == rows["section-61"]["position"]
    assert "section-62" not in rows and "section-63" not in rows
    reasons = [w["reason"] for w in shown["warnings"]]
    assert reasons.count("left out: the section stands in the course already, or in itself") == 1
    assert reasons.count("left out: no activity shows this section, or it stands in itself") == 2


@pytest.mark.parametrize("make,hidden", [
    ({"op": "&", "c": []}, False), ({"op": "&", "c": [{"type": "date", "d": ">=", "t": 1000}]}, False), ({"op": "&", "c": [{"type": "date", "d": ">=", "t": "x"}]}, True),
    ({"op": "|", "c": [{"type": "date", "d": "<", "t": 4070908800}]}, False), ({"op": "!&", "c": [{"type": "date", "d": "<", "t": 1000}]}, True),
    ({"op": "&", "c": [{"type": "profile", "sf": "email"}]}, True), ({"op": "&", "c": [{"op": "|", "c": [{"type": "date"}, {"type": "grade"}]}]}, True),
    ({"op": "&", "c": [{"type": "group", "id": 5}, {"type": "group", "id": 6}]}, True), ([1], True), ("{", True)], ids=str)
def test_a_condition_of_moodle_that_cannot_be_decided_hides(site, make, hidden):
    files = moodle_files()
    text = make if isinstance(make, str) else json.dumps(make)
    files["activities/page_11/module.xml"] = module_xml(11, "page", 10, availability=text)
    imported(site, tar_gz(files), course_id="conditions")
    assert blocks(site, "conditions")["11"]["hidden"] == hidden


def test_a_leaf_that_is_damaged_is_left_out_and_the_structure_is_not(site):
    shown = imported(site, tar_gz(olx_files() | {"course/problem/choice.xml": "<problem><p>open"}), course_id="leaf")
    assert any(w["file"] == "problem/choice.xml" and "not well-formed" in w["reason"] for w in shown["warnings"])
    assert "course/2026.xml: is not well-formed" in refused(site, tar_gz(olx_files() | {"course/course/2026.xml": "<course>"}), course_id="leaf")
    assert "policy.json" in refused(site, tar_gz(olx_files() | {"course/policies/2026/policy.json": "{"}), course_id="leaf")
    assert "SCORM" in refused(site, zipped({"imsmanifest.xml": "<manifest><metadata><schema>ADL SCORM</schema></metadata></manifest>"}))
    files = moodle_files()
    files["moodle_backup.xml"] = files["moodle_backup.xml"].replace("<type>course</type>", "<type>activity</type>")
    assert "not of a course" in refused(site, tar_gz(files), course_id="leaf")


# ---- the end of the process in the middle ----

@pytest.mark.parametrize("seed", range(4))
def test_a_killed_import_leaves_the_old_course_whole(tmp_path, seed):
    """The command line imports and is killed at a random moment; then a daemon starts, and another import goes through."""
    rng = random.Random(seed)
    d = Daemon(tmp_path / "data")
    old, new = tmp_path / "old.mbz", tmp_path / "new.mbz"
    old.write_bytes(write_moodle(200, words=60))
    files = {k: v.replace("secret word", "new word") if isinstance(v, str) else v for k, v in moodle_files(1000, words=60).items()}
    new.write_bytes(tar_gz(files))
    imported(d, old.read_bytes())
    before = blocks(d, "7")
    assert len(before) > 400
    began = time.monotonic()
    d.cli("course", "import", new, "--id", "whole", "--site", "demo")
    whole = time.monotonic() - began
    child = subprocess.Popen([LECTERN, "course", "import", new, "--data", d.data, "--site", "demo"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    if seed % 2:  # as soon as rows of the next revision are there
        wait_until(lambda: rows_of_others(d) > 0 or child.poll() is not None, what="rows of the import")
    else:
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(rng.uniform(0, whole))
    child.send_signal(signal.SIGKILL)
    child.wait()
    after = blocks(d, "7")
    print(f"seed {seed}: {len(after)} rows of {len(before)}, {rows_of_others(d)} left over")
    assert after == before or (len(after) > 2000 and all("secret word" not in b["text"] for b in after.values()))
    again = wait_until(lambda: (a := post(d, new.read_bytes())).status == 201 and a.json, what="the lease of the dead import to end")
    assert again["blocks"] > 2000 and rows_of_others(d) == 0
    check_end(d)


def killed_in_an_import(folder, package):
    """A daemon that is gone, with rows of an import that was not over; an import that was faster than the kill is made again, elsewhere."""
    for i in range(50):
        d = Daemon(folder / f"data{i}")
        sender = threading.Thread(target=lambda: quietly(post, d, package))
        sender.start()
        wait_until(lambda: rows_of_others(d) or not sender.is_alive(), what="rows of the import")
        d.stop(signal.SIGKILL)
        sender.join()
        if rows_of_others(d):
            return d
    raise AssertionError("every import was faster than the kill")


def test_a_killed_daemon_sweeps_at_its_start_what_it_left(tmp_path):
    package = write_moodle(1000, words=60)
    data = killed_in_an_import(tmp_path, package).data
    with contextlib.closing(connect(data / "lectern.db", timeout=60)) as database, database:
        database.execute("UPDATE course SET importing_until = 1")  # as if it had been started again later
    d = Daemon(data)
    with contextlib.closing(connect(f"file:{data / 'lectern.db'}?mode=ro", uri=True, timeout=60)) as database:
        assert database.execute("SELECT course_id FROM course").fetchall() == [("course-v1:Lectern+Demo+2026",)]  # the demo's own
    assert rows_of_others(d) == 0
    assert "courses.recovered" in d.log()
    assert post(d, package).status == 201
    d.stop()


def quietly(fn, *args):
    with contextlib.suppress(Exception):
        fn(*args)


def rows_of_others(d):
    """Rows of revisions that no course is at."""
    with contextlib.closing(connect(f"file:{d.data / 'lectern.db'}?mode=ro", uri=True, timeout=60)) as database:
        return database.execute("SELECT COUNT(*) FROM course_block b JOIN course c ON c.id = b.course WHERE b.revision <> c.revision").fetchone()[0]
