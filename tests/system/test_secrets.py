"""Secrets at rest: nothing that was given as a key lies readable in the data directory, and keys can be changed without losing one."""
import json
import os
import pathlib
import re

import pytest
from conftest import Daemon, contents, run_lectern, wait_until
from database import connect

KEY, OTHER, SHARED = "sk-canary-8f3b21aa90", "sk-canary-77c0ffee11", "issuer-canary-0123456789abcdef"


def holding(folder, text):
    """Files below the folder that hold the text."""
    return [path.name for path, content in contents(pathlib.Path(folder)) if text.encode() in content]


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "data"
    run_lectern("migrate", "--data", folder)
    run_lectern("site", "add", "s", "--data", folder)
    return folder


def add_provider(data, name="vendor", key=KEY):
    run_lectern("provider", "add", name, "--plugin", "openai", "--site", "s", "--data", data, "api_key=@-", stdin=key)


def configured(data, name="vendor"):
    shown = json.loads(run_lectern("provider", "show", name, "--json", "--data", data))
    assert "api_key" not in shown["config"]
    return shown["configured"]


def view(data):
    return json.loads(run_lectern("master-key", "show", "--json", "--data", data))


def test_a_key_is_stored_sealed_and_opens_again(data):
    add_provider(data)
    run_lectern("issuer", "set", "https://lms", "lectern", "--secret-file", "-", "--data", data, stdin=SHARED)
    assert holding(data, KEY) == [] and holding(data, SHARED) == []
    assert configured(data)
    seen = view(data)
    assert [k["secrets"] for k in seen["keys"]] == [2] and seen["not_sealed"] == 0 and seen["lost"] == 0
    assert (data / "master.key").stat().st_mode & 0o777 == 0o600
    key = (data / "master.key").read_text().strip()
    assert holding(data, key) == ["master.key"]


def test_changing_another_setting_keeps_the_key(data):
    add_provider(data)
    run_lectern("provider", "set", "vendor", "config.model=gpt-x", "--data", data)
    assert configured(data) and holding(data, KEY) == []
    run_lectern("provider", "set", "vendor", "config.api_key=@-", "--data", data, stdin=OTHER)
    assert configured(data) and holding(data, OTHER) == []


def test_a_rotated_master_key_loses_nothing_and_a_running_daemon_follows(data, tmp_path):
    add_provider(data)
    daemon = Daemon(data, demo=False)
    try:
        first = view(data)["keys"][0]["id"]
        refused = run_lectern("master-key", "forget", "--data", data)  # one key: nothing to forget
        assert "Only the key that seals" in refused
        run_lectern("master-key", "rotate", "--data", data)
        keys = view(data)["keys"]
        assert [k["secrets"] for k in keys] == [1, 0] and keys[1]["id"] == first
        run_lectern("master-key", "forget", "--data", data)
        assert [k["id"] for k in view(data)["keys"]] == [keys[0]["id"]]
        assert configured(data)
        key = json.loads(run_lectern("--json", "key", "add", "--site", "s", "--role", "site_admin", "--data", data))["key"]
        run_lectern("provider", "set", "vendor", "config.model=gpt-y", "--data", data)  # the daemon reads anew
        def read_anew():
            answer = daemon.request("GET", "/v1/providers/vendor", key)
            return answer.json if answer.status == 200 and answer.json["config"].get("model") == "gpt-y" else None
        assert wait_until(read_anew)["configured"]
    finally:
        daemon.stop()
    assert "secret_lost" not in daemon.log()


def test_keys_still_in_use_are_not_forgotten(data):
    add_provider(data)
    new = os.urandom(32).hex()
    path = data / "master.key"
    path.write_text(new + "\n" + path.read_text())
    refused = run_lectern("master-key", "forget", "--data", data, check=False)
    assert refused.returncode == 1 and "still sealed" in refused.stderr
    run_lectern("master-key", "rotate", "--reseal", "--data", data)
    assert [k["secrets"] for k in view(data)["keys"]] == [1, 0]
    run_lectern("master-key", "forget", "--data", data)
    assert path.read_text().strip() == new and configured(data)


def test_without_its_master_key_a_secret_is_lost_loudly_and_can_be_given_anew(data):
    add_provider(data)
    (data / "master.key").write_text(os.urandom(32).hex() + "\n")
    (data / "master.key").chmod(0o600)
    shown = run_lectern("provider", "show", "vendor", "--json", "--data", data, check=False)
    assert not json.loads(shown.stdout)["configured"] and "config.secret_lost" in shown.stderr and KEY not in shown.stderr
    assert view(data)["lost"] == 1
    run_lectern("provider", "set", "vendor", "config.api_key=@-", "--data", data, stdin=OTHER)
    assert configured(data) and view(data)["lost"] == 0


def test_a_lost_secret_stays_stored_until_it_is_set_or_deleted(data):
    add_provider(data)
    path = data / "master.key"
    right = path.read_text()
    path.write_text(os.urandom(32).hex() + "\n")
    run_lectern("provider", "set", "vendor", "config.model=gpt-x", "--data", data)  # nothing is said of the secret
    run_lectern("provider", "set", "vendor", "enabled=false", "--data", data)
    assert view(data)["lost"] == 1 and not configured(data)
    path.write_text(right)  # the right key is found again, and with it the secret
    assert view(data)["lost"] == 0 and configured(data)
    path.write_text(os.urandom(32).hex() + "\n")
    run_lectern("provider", "set", "vendor", "config.api_key=null", "--data", data)
    assert view(data)["lost"] == 0
    path.write_text(right)
    assert not configured(data)


def test_a_secret_is_given_in_clear(data):
    add_provider(data)
    with connect(data / "lectern.db") as db:
        sealed = json.loads(db.execute("SELECT config FROM provider_instance").fetchone()[0])["api_key"]
    for words in (["set", "vendor", "config.api_key=" + sealed], ["add", "other", "--plugin", "openai", "api_key=" + sealed]):
        refused = run_lectern("provider", *words, "--data", data, check=False)
        assert refused.returncode == 1 and "in clear" in refused.stderr, refused
    assert configured(data)


def test_a_sealed_key_cannot_be_moved_to_another_site(data):
    add_provider(data)
    run_lectern("site", "add", "thief", "--data", data)
    run_lectern("provider", "add", "stolen", "--plugin", "openai", "--site", "thief", "--data", data, "api_key=x")
    db = connect(data / "lectern.db")
    db.execute("UPDATE provider_instance SET config = (SELECT config FROM provider_instance WHERE name = 'vendor') WHERE name = 'stolen'")
    db.commit()
    db.close()
    shown = run_lectern("provider", "show", "stolen", "--site", "thief", "--json", "--data", data, check=False)
    assert not json.loads(shown.stdout)["configured"] and "copied from another place" in shown.stderr


@pytest.mark.parametrize("how", ["flag", "environment", "credential"])
def test_the_master_key_may_come_from_elsewhere(tmp_path, how, monkeypatch):
    folder, elsewhere = tmp_path / "data", tmp_path / "keys"
    elsewhere.mkdir()
    path = elsewhere / "lectern-master-key"
    path.write_text(os.urandom(32).hex() + "\n")
    path.chmod(0o600)
    options = ["--data", folder]
    if how == "flag":
        options += ["--master-key-file", path]
    elif how == "environment":
        monkeypatch.setenv("LECTERN_MASTER_KEY_FILE", str(path))
    else:
        monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(elsewhere))
    run_lectern("migrate", *options)
    run_lectern("site", "add", "s", *options)
    run_lectern("provider", "add", "vendor", "--plugin", "openai", *options, "api_key=@-", stdin=KEY)
    assert not (folder / "master.key").exists() and holding(folder, KEY) == []
    assert json.loads(run_lectern("provider", "show", "vendor", "--json", *options))["configured"]


def test_a_daemon_does_not_start_on_a_master_key_that_others_may_read(data):
    (data / "master.key").chmod(0o644)
    with pytest.raises(AssertionError, match="others may read it"):
        Daemon(data, demo=False)


def test_what_was_stored_in_clear_is_sealed_at_the_next_start(data):
    add_provider(data)
    db = connect(data / "lectern.db")
    db.execute("UPDATE provider_instance SET config = ?", (json.dumps({"api_key": OTHER}),))
    db.commit()
    db.close()
    assert holding(data, OTHER)
    Daemon(data, demo=False).stop()
    assert view(data)["not_sealed"] == 0 and configured(data)


@pytest.mark.parametrize("options,limit", [((), "0"), (("--core-dumps",), None)])
def test_a_crash_leaves_no_core_file_unless_asked_to(data, options, limit):
    """The parent's own limit is what a daemon has that is allowed to dump. Sanitizers would lower it by themselves."""
    ours = re.search(r"Max core file size +(\S+)", pathlib.Path("/proc/self/limits").read_text()).group(1)
    leave = {name: f"{os.environ.get(name, '')}:disable_coredump=0" for name in ("ASAN_OPTIONS", "TSAN_OPTIONS")}
    daemon = Daemon(data, *options, demo=False, env=leave)
    try:
        theirs = re.search(r"Max core file size +(\S+)", pathlib.Path(f"/proc/{daemon.process.pid}/limits").read_text()).group(1)
        assert theirs == (limit or ours)
    finally:
        daemon.stop()
