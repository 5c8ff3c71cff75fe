"""
The clients. Each asks through a balancer of its own: the processes in turn, and the next one where one does not answer. Everything that a client was told is
kept in `Told`, which the checks at the end hold against the register.
"""
import collections
import http.client
import json
import random
import sys
import pathlib
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "system"))
from conftest import read_events  # noqa: E402

COURSE = "course-v1:Cluster+Test+Run"
ASK = "/v1/actions/generate_text"
PATIENCE = 60   # seconds that a client goes on asking for one answer
ANSWER = 20     # seconds that it waits for one process
ENDED = ("completed", "failed", "timeout", "cancelled")


class Told:
    """What clients were told. Lists and counters only grow."""

    def __init__(self):
        self.answers = []       # {id, text, key?, form}: whole answers, of JSON and of streams
        self.tasks = {}         # id → {nonce, state last seen}
        self.turns = []         # (session's user, what was said)
        self.limited = collections.Counter()  # user → 200s
        self.outcomes = collections.Counter()  # (kind, how it ended)
        self.wrong = []         # what no fault excuses: an answer that is not the question's, a stream with a gap
        self.changes = []       # (seconds, process, exempt?, when in the run)
        self.times = []         # seconds that an answer took

    def end(self, kind, how):
        self.outcomes[kind, str(how)] += 1


class Gone(Exception):
    """No answer from this process."""


def exchange(address, method, path, key, body=None, headers=None, timeout=ANSWER):
    """(status, headers, JSON) of one request to one process."""
    connection = http.client.HTTPConnection(*address, timeout=timeout)
    try:
        connection.request(method, path, body=json.dumps(body) if body is not None else None,
                           headers={"Authorization": f"Bearer {key}", "Content-Type": "application/json", **(headers or {})})
        response = connection.getresponse()
        data = response.read()
        return response.status, response.headers, json.loads(data) if data else {}
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise Gone(repr(error)) from error
    finally:
        connection.close()


class Client(threading.Thread):
    """One after the other of one kind of work, until the end is set."""

    def __init__(self, world, number, seed):
        super().__init__(daemon=True, name=f"{self.kind}-{number}")
        self.world, self.told, self.number, self.random = world, world.told, number, random.Random(f"{seed} {self.kind} {number}")
        self.turn, self.count = number, 0

    def address(self):
        self.turn += 1
        return self.world.addresses[self.turn % len(self.world.addresses)]

    def nonce(self):
        self.count += 1
        return f"{self.kind}-{self.number}-{self.count}"

    def run(self):
        while not self.world.ending.is_set():
            nonce = self.nonce()
            try:
                self.work(nonce)
            except Exception as error:  # the harness's own fault: said at the end, and no pass
                self.told.wrong.append(f"{nonce}: {error!r}")
                raise
            time.sleep(self.random.random() * self.world.pause)

    def until_answered(self, kind, *request, again=(409, 429, 500, 502, 503, 504), **options):
        """Asks one process after the other until one has a last word: (status, headers, body), or None when patience is at its end."""
        end, last = time.monotonic() + PATIENCE, "gone"
        while time.monotonic() < end:
            try:
                status, headers, body = exchange(self.address(), *request, **options)
                code = (body or {}).get("code") or ((body or {}).get("error") or {}).get("code")
                last = f"{status} {code}"
                if status < 400 or status not in again or code in ("interrupted", "idempotency_key_reused", "answer_not_kept", "rate_limited"):
                    return status, headers, body
            except Gone:
                last = "gone"
            time.sleep(0.1 + self.random.random() / 5)
        self.told.end(kind, f"gave up: {last}")
        return None


class Json(Client):
    """A call with an Idempotency-Key, repeated elsewhere under that key until there is an answer. Sometimes it asks once more, and must be told the same."""
    kind = "json"

    def work(self, nonce):
        begin = time.monotonic()
        body = {"input": {"prompt": f"say {nonce}"}, "user": {"id": f"u{self.number}", "roles": ["teacher"]}, "context": {"course_id": COURSE}}
        key = {"Idempotency-Key": nonce}
        answer = self.until_answered(self.kind, "POST", ASK, self.world.key, body, key)
        if not answer:
            return
        status, _, told = answer
        if status != 200:
            self.told.end(self.kind, f"{status} {told.get('code')}")
            return
        text = told["response"]["generated_content"]
        self.told.times.append(time.monotonic() - begin)
        if nonce not in text:
            self.told.wrong.append(f"{nonce} was answered with {text!r}")
        self.told.answers.append({"id": told["id"], "text": text, "key": nonce, "form": "json"})
        self.told.end(self.kind, "answered")
        if self.random.random() < 0.2:
            again = self.until_answered(self.kind, "POST", ASK, self.world.key, body, key)
            if again and again[0] == 200 and again[2]["id"] != told["id"]:
                self.told.wrong.append(f"{nonce}: asked again under its key it has another call: {told['id']}, {again[2]['id']}")


class Stream(Client):
    """A stream that is resumed at another process when it breaks off; now and then the client itself leaves."""
    kind = "stream"

    def read(self, address, method, path, body, last, leave, got):
        """Follows a stream to its end or to where it breaks. Returns the number of the last event that came."""
        headers = {"Authorization": f"Bearer {self.world.key}", "Content-Type": "application/json"}
        if last is not None:
            headers["Last-Event-ID"] = str(last)
        connection = http.client.HTTPConnection(*address, timeout=ANSWER)
        try:
            connection.request(method, path, body=json.dumps(body) if body else None, headers=headers)
            response = connection.getresponse()
            if response.status != 200:
                got["status"] = (response.status, response.read().decode("utf-8", "replace")[:200])
                return last
            for n, event in enumerate(read_events(response)):
                if last is not None and event.id is not None and event.id <= last:
                    self.told.wrong.append(f"{got['nonce']}: event {event.id} came after {last}")
                last = event.id if event.id is not None else last
                if event.kind == "start":
                    got["id"] = event.data["id"]
                elif event.kind == "delta":
                    got["text"] += event.data["text"]
                elif event.kind in ("done", "error"):
                    got["end"], got["last"] = event.kind, event.data
                    return last
                if leave and n >= leave:
                    return last
        except (OSError, http.client.HTTPException, ValueError):
            pass
        finally:
            connection.close()
        return last

    def work(self, nonce):
        body = {"input": {"prompt": f"tell {nonce} " + "and more " * 6}, "user": {"id": f"s{self.number}", "roles": ["teacher"]}, "stream": True}
        got = {"nonce": nonce, "text": ""}
        begin, end, last = time.monotonic(), time.monotonic() + PATIENCE, None
        last = self.read(self.address(), "POST", ASK, body, None, self.random.choice([0, 0, 0, 3]), got)
        while "end" not in got and got.get("id") and time.monotonic() < end:
            got.pop("status", None)
            time.sleep(0.2)
            last = self.read(self.address(), "GET", f"/v1/actions/calls/{got['id']}/stream?user_id=s{self.number}&role=teacher", None, last, 0, got)
            if got.get("status", (0,))[0] == 410:  # its events are gone, the end is not
                last, got["text"] = None, ""
            elif got.get("status", (0,))[0] == 404:  # its process was lost before the call was in the register, so nothing of it can have been shown
                break
        if got.get("end") == "done":
            text = got["last"]["response"]["generated_content"]
            self.told.times.append(time.monotonic() - begin)
            if nonce not in text:
                self.told.wrong.append(f"{nonce} was answered with {text!r}")
            if not text.startswith(got["text"]):  # of an answer that has ended another process gives the whole in its last event, and no more pieces
                self.told.wrong.append(f"{nonce}: the pieces make {got['text']!r}, the answer is {text!r}")
            self.told.answers.append({"id": got["id"], "text": text, "form": "stream"})
            self.told.end(self.kind, "answered")
        elif got.get("end") == "error":
            self.told.end(self.kind, f"error {got['last'].get('code')}")
        elif got.get("status", (0,))[0] == 404:
            if got["text"]:
                self.told.wrong.append(f"{nonce}: {got['text']!r} was shown of call {got['id']}, which is not there: {got['status'][1]}")
            self.told.end(self.kind, "is to be begun again: 404")
        else:
            self.told.end(self.kind, f"gave up: {got.get('status', ('gone',))[0]}" if got.get("id") else f"not begun: {got.get('status', ('gone',))[0]}")


class Task(Client):
    """A workflow in the background, asked for under a key and followed at whichever process is next."""
    kind = "task"

    def work(self, nonce):
        body = {"context": {"course_id": COURSE, "ui_slot_selector_id": "summary", "content": f"Material {nonce}. Water rises."}, "action": "run",
                "user": {"id": f"t{self.number}", "roles": ["teacher"]}, "user_input": nonce, "async": True}
        answer = self.until_answered(self.kind, "POST", "/v1/workflows/run", self.world.key, body, {"Idempotency-Key": nonce})
        if not answer:
            return
        if answer[0] != 202:
            self.told.end(self.kind, f"{answer[0]} {answer[2].get('code')}")
            return
        number = answer[2]["task_id"]
        if number in self.told.tasks:
            self.told.wrong.append(f"{nonce} was given the task of {self.told.tasks[number]['nonce']}")
        task = self.told.tasks[number] = {"nonce": nonce, "state": "queued"}
        end = time.monotonic() + PATIENCE
        while task["state"] not in ENDED and time.monotonic() < end and not self.world.ending.is_set():
            time.sleep(0.5)
            seen = self.until_answered(self.kind, "GET", f"/v1/tasks/{number}?user_id=t{self.number}&role=teacher", self.world.key)
            if seen and seen[0] == 200:
                task["state"] = seen[2]["state"]
            elif seen:
                self.told.wrong.append(f"{nonce}: task {number} was accepted and is {seen[0]} {seen[2].get('code')}")
                return
        self.told.end(self.kind, task["state"])


class Talk(Client):
    """A session, whose turns are answered by one process after the other."""
    kind = "talk"

    def work(self, nonce):
        user = f"talk-{self.number}-{self.count // 6}"
        body = {"context": {"course_id": COURSE, "ui_slot_selector_id": "chat"}, "action": "run", "user": {"id": user, "roles": ["teacher"]}, "user_input": f"turn {nonce}"}
        answer = self.until_answered(self.kind, "POST", "/v1/workflows/run", self.world.key, body, {"Idempotency-Key": nonce})
        if not answer:
            return
        if answer[0] != 200:
            self.told.end(self.kind, f"{answer[0]} {answer[2].get('code')}")
            return
        text = json.dumps(answer[2])
        if nonce not in text:
            self.told.wrong.append(f"{nonce} was answered with {text[:200]}")
        self.told.turns.append((user, f"turn {nonce}"))
        self.told.end(self.kind, "answered")


class Limited(Client):
    """A user who may ask a few times, and asks all processes at once with other clients of the same user until nobody is let in any more."""
    kind = "limited"
    EACH = 12   # asks of each client for one user

    def work(self, nonce):
        user = f"limited-{(self.count - 1) // self.EACH}"
        body = {"input": {"prompt": f"limit {user} {nonce}"}, "user": {"id": user, "roles": ["teacher"]}}
        try:
            status, _, told = exchange(self.address(), "POST", ASK, self.world.key, body)
        except Gone:
            self.told.end(self.kind, "gone")
            return
        if status == 200:
            self.told.limited[user] += 1
            self.told.answers.append({"id": told["id"], "text": told["response"]["generated_content"], "form": "json"})
        self.told.end(self.kind, "answered" if status == 200 else f"{status} {told.get('code')}")


class Changes(threading.Thread):
    """Changes the configuration at one process after the other, and looks at all of them when they have it."""

    def __init__(self, world):
        super().__init__(daemon=True, name="changes")
        self.world = world

    def generation(self, address):
        connection = http.client.HTTPConnection(*address, timeout=3)
        try:
            connection.request("GET", "/metrics", headers={"Authorization": f"Bearer {self.world.metrics_key}"})
            text = connection.getresponse().read().decode()
            return max((int(float(line.split()[-1])) for line in text.splitlines() if line.startswith("lectern_config_generation ")), default=-1)
        except (OSError, http.client.HTTPException, ValueError):
            return -1
        finally:
            connection.close()

    def look(self, i, target, changed):
        """When a process has a change; one that is in trouble meanwhile, or was just before, is excused."""
        while time.monotonic() < changed + 20:
            asked = time.monotonic()
            if self.generation(self.world.addresses[i]) >= target:
                break
            time.sleep(0.02)
        self.world.told.changes.append((asked - changed, i, self.world.was_in_trouble(i, changed), changed - self.world.begun))

    def run(self):
        number = 0
        while not self.world.ending.is_set():
            number += 1
            by = number % len(self.world.addresses)
            form = {"course_id": COURSE, "action": "explain_text", "enabled": bool(number % 2)}
            try:
                status, _, told = exchange(self.world.addresses[by], "PUT", "/v1/switches", self.world.admin_key, form, timeout=5)
            except Gone:
                self.world.told.end("change", "gone")
                time.sleep(0.5)
                continue
            changed = time.monotonic()
            if status != 200:
                self.world.told.end("change", f"{status} {(told or {}).get('code')}")
                time.sleep(0.5)
                continue
            target = self.world.newest_generation()
            self.world.told.end("change", "made")
            lookers = [threading.Thread(target=self.look, args=(i, target, changed), daemon=True) for i in range(len(self.world.addresses)) if target]
            for looker in lookers:
                looker.start()
            for looker in lookers:
                looker.join()
            time.sleep(1)


KINDS = {"json": (Json, 3), "stream": (Stream, 4), "task": (Task, 3), "talk": (Talk, 2), "limited": (Limited, 3)}
