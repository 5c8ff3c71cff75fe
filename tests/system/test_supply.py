"""What a build is made of, and what is known of that: script/sbom and script/advisories."""
import json
import re
import subprocess

import pytest
from conftest import BUILD, ROOT


def run(*command):
    return subprocess.run([ROOT / "script" / command[0], *command[1:]], capture_output=True, text=True, timeout=120)


@pytest.fixture(scope="module")
def sbom():
    done = run("sbom", BUILD)
    assert done.returncode == 0, done.stderr
    assert run("sbom", BUILD).stdout == done.stdout  # the same input, the same text
    return json.loads(done.stdout)


def test_it_is_spdx_and_every_part_hangs_on_the_program(sbom):
    ids = [p["SPDXID"] for p in sbom["packages"]]
    assert sbom["spdxVersion"] == "SPDX-2.3" and len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"SPDXRef-[A-Za-z0-9.-]+", id) for id in ids)
    assert {r["relatedSpdxElement"] for r in sbom["relationships"]} == set(ids)


def test_it_names_each_library_that_the_build_file_asks_for(sbom):
    names = " ".join(p["name"] for p in sbom["packages"])
    for wanted in ("libssl3", "libsodium23", "libsqlite3-0", "libevent-core", "libpcre2-8-0", "libxml2", "libarchive13", "libcmark", "libcjose0", "libicu72",
                   "libgd3", "libhiredis", "libseccomp2", "libstemmer0d", "zlib1g", "lit"):
        assert wanted in names, wanted


def test_an_advisory_that_meets_it_is_told(tmp_path, sbom):
    versions = {p["name"]: p["versionInfo"] for p in sbom["packages"]}
    cases = [("CVE-1", "deb", "openssl", "99", f"CVE-1: libssl3 {versions['libssl3']} is older than 99"), ("CVE-2", "deb", "libssl3", versions["libssl3"], None),
             ("CVE-3", "npm", "lit", "99.0.0", f"CVE-3: lit {versions['lit']} is older than 99.0.0"), ("CVE-4", "npm", "lit", versions["lit"], None),
             ("CVE-5", "deb", "libsqlite3-0", None, f"CVE-5: libsqlite3-0 {versions['libsqlite3-0']} has no fix yet"), ("CVE-6", "deb", "no-such-thing", None, None)]
    file = tmp_path / "advisories.json"
    file.write_text(json.dumps([{"id": id, "type": kind, "package": package, "fixed": fixed} for id, kind, package, fixed, _ in cases]))
    done = run("advisories", file, BUILD)
    assert done.returncode == 1 and done.stdout.splitlines()[:-1] == [line for *_, line in cases if line]
    file.write_text("[]")
    assert run("advisories", file, BUILD).returncode == 0
    file.write_text(json.dumps([{"id": "CVE-7", "package": "lit"}]))
    assert "fixed, type missing" in run("advisories", file, BUILD).stderr
