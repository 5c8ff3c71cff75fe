"""A site that asks ten times as often as its limit allows, and what another site feels of it: 50 calls a second, first alone, then beside the flood."""
import asyncio
import json
import multiprocessing
import pathlib
import tempfile
import time

from conftest import Daemon, wait_until

CAP, FLOOD, CALM = 50, 500, 50  # calls a second: what the flooding site may, what it asks for, what the other one asks for
SECONDS, CONNECTIONS = 20, 32
BODY = json.dumps({"input": {"text": "Water rises as vapour. It falls as rain. Rivers bring it back to the sea."}}).encode()


class Line:
    """A kept connection."""

    def __init__(self, port, key):
        self.port, self.writer = port, None
        self.request = (b"POST /v1/actions/summarise_text HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                        b"Authorization: Bearer %s\r\nContent-Length: %d\r\n\r\n%s" % (key.encode(), len(BODY), BODY))

    async def ask(self):
        """The status."""
        if self.writer is None:
            self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
        self.writer.write(self.request)
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = next(int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length"))
        await self.reader.readexactly(length)
        if b"connection: close" in head.lower():
            self.writer.close()
            self.writer = None
        return int(head.split()[1])


async def load(port, key, rate, seconds, answers):
    """Open loop: each call has its moment, and waits from then on, whether a connection is free or not."""
    free = asyncio.Queue()
    for _ in range(CONNECTIONS):
        free.put_nowait(Line(port, key))

    async def one(due):
        line = await free.get()
        try:
            status = await line.ask()
        finally:
            free.put_nowait(line)
        answers.append((status, time.perf_counter() - due))

    begun, asked = time.perf_counter(), []
    for n in range(rate * seconds):
        due = begun + n / rate
        await asyncio.sleep(max(0, due - time.perf_counter()))
        asked.append(asyncio.create_task(one(due)))
    await asyncio.gather(*asked)


def client(port, key, rate, seconds, pipe):
    answers = []
    asyncio.run(load(port, key, rate, seconds, answers))
    pipe.send(answers)


def together(port, *loads):
    """What each of the loads was answered, all at the same time, each from a process of its own."""
    running = []
    for key, rate, seconds in loads:
        here, there = multiprocessing.Pipe()
        process = multiprocessing.Process(target=client, args=(port, key, rate, seconds, there))
        process.start()
        running.append((here, process))
    answers = [here.recv() for here, _ in running]
    for _, process in running:
        process.join()
    return answers


def p99_ms(answers):
    times = sorted(seconds for _, seconds in answers)
    return 1000 * times[len(times) * 99 // 100]


def run(options):
    with tempfile.TemporaryDirectory() as folder:
        daemon = Daemon(pathlib.Path(folder) / "data", demo=False)
        for site in ("calm", "flood"):
            daemon.cli("site", "add", site)
            daemon.cli("site", "set", site, "policy_by_lms=true")
            daemon.cli("provider", "add", "own", "--plugin", "extract", "--site", site)
        keys = {site: json.loads(daemon.cli("--json", "key", "add", "--site", site, "--role", "site_admin"))["key"] for site in ("calm", "flood")}
        daemon.cli("limit", "set", "--site", "flood", "subject=site", "unit=requests", f"amount={CAP}", "window=fixed", "window_s=1")
        for key in keys.values():
            wait_until(lambda: daemon.request("POST", "/v1/actions/summarise_text", key, json.loads(BODY)).status == 200, what="the sites")
        alone, = together(daemon.port, (keys["calm"], CALM, SECONDS))
        beside, flood = together(daemon.port, (keys["calm"], CALM, SECONDS), (keys["flood"], FLOOD, SECONDS))
        again, = together(daemon.port, (keys["calm"], CALM, SECONDS))
        daemon.stop()
    calm = max(p99_ms(alone), p99_ms(again))
    bound = max(2 * calm, calm + 5)
    good = sum(status == 200 for status, _ in beside)
    passed, refused = (sum(status == code for status, _ in flood) for code in (200, 429))
    figures = (f"{good} of {len(beside)} calls at {CALM}/s answered beside a flood of {FLOOD}/s ({passed} passed at a limit of {CAP}/s, {refused} were refused); "
               f"p99 {p99_ms(beside):.1f} ms, alone {calm:.1f} ms, bound {bound:.1f} ms")
    whole = len(flood) == passed + refused and refused > passed and passed <= CAP * (SECONDS + 2)
    return figures, good == len(beside) == CALM * SECONDS and p99_ms(beside) <= bound and whole
