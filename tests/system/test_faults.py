"""A thousand random sequences of faults over several instances with fallback: each call comes to an end that is true, is recorded with every
attempt, and leaves nothing open. The seed is printed; LECTERN_FAULTS_SEED repeats one, LECTERN_FAULTS_CALLS sets the number of sequences."""
import concurrent.futures
import json
import os
import random
import re
import socket
import threading
import time

import pytest
from conftest import Daemon, check_end, wait_until

from double.upstream import TEXT, Upstream

CALLS = int(os.environ.get("LECTERN_FAULTS_CALLS", 1000))
AT_ONCE = 8
KEY = "key-of-the-double-7F3A"
USER = "pupil-4711@school.example"
WORDS = " ".join(f"word{i}" for i in range(1, 11))
# a scenario that ends well → its text
GOOD = {"ok": TEXT, "chunks": WORDS, "one_byte": TEXT, "together": TEXT, "crlf": TEXT, "comments+crlf": TEXT, "drip?byte_ms=0": WORDS,
        "no_usage": TEXT,
        "think": TEXT, "length": TEXT, "slow?first_ms=20&delay_ms=5": WORDS}
BAD = ["stall", "stall_head", "stall_mid", "reset", "reset_mid", "close", "close_mid", "truncated", "error_mid", "wrong_frame", "wrong_json",
       "wrong_types",
       "not_utf8", "html", "redirect", "empty", "401", "403", "404", "429?retry_after=0", "500", "503", "503?retry_after=0", "504", "529",
       "context_window",
       "status?code=400", "status?code=500&body=%7B", "endless?delay_ms=5", "refusal"]
LOST = ("reset", "close")  # nothing of an answer came: on a kept connection the client sends once more
LATE = ("upstream_timeout", "timeout")
INSTANCES = {  # name → plugin, path, more settings; each has a path of its own, by which the double knows it
    "i0": ("openai", "/i0/v1", {"api": "chat"}), "i1": ("openai", "/i1/v1", {"api": "responses"}), "i2": ("openai_compatible", "/i2/v1", {}),
    "i3": ("anthropic", "/i3/v1", {}), "i4": ("gemini", "/i4/v1beta", {}), "i5": ("ollama", "/i5", {}),
}


class Plan:
    """What the double does to the nth request of a sequence at an instance: a function of the seed alone, whatever the order of calls."""

    def __init__(self, seed):
        self.seed, self.lock, self.asked = seed, threading.Lock(), {}

    def choose(self, request):
        found = re.search(r"sequence (\d+)\.", json.dumps(request.body))
        instance = re.match(r"/(i\d)/", request.path)[1]
        with self.lock:
            nth = self.asked[found[1], instance] = self.asked.get((found[1], instance), -1) + 1
        dice = random.Random(f"{self.seed}/{found[1]}/{instance}/{nth}")
        scenario = dice.choice(list(GOOD)) if dice.random() < 0.3 else dice.choice(BAD)
        return "ok" if scenario in ("refusal", "empty") and instance == "i5" else scenario

    def client(self, number):
        """How the caller behaves: asks for JSON or a stream, and stays, leaves after so many ms, or cancels."""
        dice = random.Random(f"{self.seed}/{number}")
        return dice.random() < 0.6, dice.choices(["stays", "leaves", "cancels"], [80, 14, 6])[0], dice.uniform(0, 300)


class School:
    def __init__(self, folder, breaker_faults):
        self.double = Upstream().start()
        self.double.api_key, self.double.forbidden = KEY, [USER]
        self.daemon = Daemon(folder / "data", "--threads", "2")
        self.daemon.cli("site", "set", "demo", "--json-patch", json.dumps({"resume_grace_ms": 100, "policy_by_lms": True}))
        ids = []
        for name, (plugin, path, more) in INSTANCES.items():
            config = {"endpoint": self.double.root + path, "model": "m", "api_key": KEY, "first_byte_ms": 500, "idle_ms": 500, "total_ms": 1500,
                      "breaker_faults": breaker_faults, "breaker_open_ms": 100, **more}
            answer = self.daemon.request("POST", "/v1/providers", self.daemon.admin_key, {"name": name, "plugin": plugin, "config": config})
            assert answer.status == 201, answer
            ids.append(answer.json["id"])
        for provider in self.daemon.request("GET", "/v1/providers", self.daemon.admin_key).json["providers"]:
            if provider["id"] not in ids:
                assert self.daemon.request("DELETE", f"/v1/providers/{provider['id']}", self.daemon.admin_key).status == 204

    def call(self, number, stream, behaviour, after_ms):
        """What the caller got at the end; None when it left."""
        body = {"user": {"id": USER, "roles": ["student"]}, "stream": stream,
                "input": {"messages": [{"role": "user", "content": f"This is sequence {number}."}]}}
        connection, lines = None, []
        try:
            raw = json.dumps(body).encode()
            connection = socket.create_connection(("127.0.0.1", self.daemon.port), timeout=60)
            connection.sendall(b"POST /v1/actions/continue_conversation HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                               b"Content-Type: application/json\r\n"
                               b"Authorization: Bearer " + self.daemon.admin_key.encode() + b"\r\nContent-Length: %d\r\n\r\n" % len(raw) + raw)
            if behaviour == "leaves":
                time.sleep(after_ms / 1000)
                return None
            if behaviour == "cancels" and stream:
                data = connection.recv(65536)
                found = re.search(rb'event: start\nid: 1\ndata: {"id":"([0-9a-f-]+)"', data)
                lines.append(data)
                if found:
                    time.sleep(after_ms / 1000)
                    answer = self.daemon.request("DELETE", f"/v1/actions/calls/{found[1].decode()}", self.daemon.admin_key)
                    assert answer.status == 200, answer
            while data := connection.recv(65536):
                lines.append(data)
        finally:
            if connection:
                connection.close()
        return final(b"".join(lines))

    def close(self):
        try:
            check_end(self.daemon)
        finally:
            self.double.stop()


def final(raw):
    """The object at the end of an answer, be it JSON or a stream; an answer that just stops is a failure."""
    head, _, body = raw.partition(b"\r\n\r\n")
    if b"chunked" in head.lower():
        plain = b""
        while body:
            size, _, body = body.partition(b"\r\n")
            n = int(size, 16)
            plain, body = plain + body[:n], body[n + 2:]
            if n == 0:
                break
        else:
            raise AssertionError(f"the answer was cut: {raw[-300:]!r}")
        body = plain
    if b"text/event-stream" not in head:
        return json.loads(body)
    last = [block for block in body.decode().split("\n\n") if "event: " in block][-1]
    kind, data = re.search(r"event: (\w+)", last)[1], json.loads(re.search(r"data: (.*)", last)[1])
    assert kind in ("done", "error"), last
    if kind == "done":
        shown = "".join(json.loads(d)["text"] for d in re.findall(r"event: delta\n(?:id: \d+\n)?data: (.*)", body.decode()))
        assert shown == data["response"]["generated_content"], (shown, data)
    return data


def calls_of(school):
    """Every call of the register with its attempts, by the number of its sequence."""
    found, before = {}, ""
    while before is not None:
        page = school.daemon.request("GET", "/v1/register?limit=1000" + (f"&before={before}" if before else ""), school.daemon.admin_key).json
        before = page["next"]
        for call in page["calls"]:
            shown = school.daemon.request("GET", f"/v1/register/{call['id']}", school.daemon.admin_key).json
            number = re.search(r"sequence (\d+)\.", json.dumps(shown["content"]))
            found[int(number[1]) if number else call["id"]] = shown
    return found


def requests_of(school):
    found = {}
    for r in school.double.requests():
        number = int(re.search(r"sequence (\d+)\.", json.dumps(r["body"]))[1])
        found.setdefault(number, []).append((re.match(r"/(i\d)/", r["path"])[1], r["scenario"]))
    return found


def check_call(number, got, recorded, sent, behaviour):
    """What one sequence came to: told truly, and recorded in full."""
    attempts = [(a["provider"], a["code"] or "ok") for a in recorded["attempts"]]
    told = f"sequence {number} ({behaviour}): attempts {attempts}, requests {sent}, answer {str(got)[:300]}"
    assert recorded["state"] in ("completed", "failed", "cancelled"), told
    slack = 0 if behaviour == "stays" else 1  # who left may have done so between the attempt and its request
    for name in INSTANCES:
        made = [code for provider, code in attempts if provider == name]
        late = sum(code in LATE for code in made)  # the double of a busy machine may not have seen these before they were given up
        came = [scenario for instance, scenario in sent if instance == name]
        answered = [s for s in came if s not in LOST]
        assert len(answered) <= len(made) <= len(came) + slack + late, told
    if behaviour != "stays":
        return
    if recorded["state"] == "completed":
        assert got["success"] and got["response"]["generated_content"] == GOOD[sent[-1][1]], told
        assert attempts[-1] == (sent[-1][0], "ok") and got["id"] == recorded["id"], told
    else:
        assert recorded["state"] == "failed" and got["code"] == recorded["code"] != "ok", told
        assert all(code != "ok" for _, code in attempts), told
    for provider, code in attempts[:-1]:
        assert code != "ok", told
    goods = [s for s in sent if s[1] in GOOD]
    assert len(goods) <= 1 or code_of_late(attempts), told


def code_of_late(attempts):
    """A good answer that was not taken can only have come too late (on a machine that is busy)."""
    return any(code in LATE for _, code in attempts)


@pytest.mark.parametrize("breaker_faults", [0, 3], ids=["without breakers", "with breakers"])
def test_random_faults_leave_nothing_behind(tmp_path, breaker_faults):
    seed = os.environ.get("LECTERN_FAULTS_SEED") or str(random.SystemRandom().randrange(10**9))
    print(f"seed {seed}")
    plan, count = Plan(seed), CALLS // 2
    school = School(tmp_path, breaker_faults)
    try:
        school.double.choose = plan.choose
        clients = {n: plan.client(n) for n in range(count)}
        fibers = figure(school, "lectern_fibers")
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            got = dict(zip(clients, pool.map(lambda n: school.call(n, *clients[n]), clients)))
        wait_until(lambda: figure(school, "lectern_calls_running") == 0, what="the end of every call")
        wait_until(lambda: all(r["answered_at"] or r["closed_at"] for r in school.double.requests()), what="the end of every exchange upstream")
        wait_until(lambda: figure(school, "lectern_fibers") <= fibers, what="the end of every fiber")
        refused = [r["refused"] for r in school.double.requests() if r["refused"]]
        assert not refused, refused
        recorded, sent = calls_of(school), requests_of(school)
        assert set(sent) <= set(recorded), "a call that was not recorded reached a vendor"
        for n, (_, behaviour, _) in clients.items():
            if behaviour == "stays" or n in recorded:
                check_call(n, got[n], recorded[n], sent.get(n, []), behaviour)
        states = {c["state"] for c in recorded.values()}
        assert states >= ({"completed", "failed", "cancelled"} if count >= 300 else {"completed", "failed"}), states
        assert len(school.double.open) <= 2 * len(INSTANCES) * AT_ONCE, "connections that nobody uses"
    except AssertionError as error:
        raise AssertionError(f"seed {seed}: {error}") from error
    finally:
        school.close()


def figure(school, name):
    text = school.daemon.request("GET", "/metrics", school.daemon.admin_key).body.decode()
    return int(re.search(rf"^{name} (\d+)", text, re.M)[1])
