"""A site that floods at ten times its limit leaves the calls of another as they were: p99 at most twice the calm one, or 5 ms more.

Two sites in one daemon, an AI service that answers at once (bench/upstream). Calm and flooded rounds take turns, and the times of all rounds of a kind are
taken together, so that a machine which is slower for a while is so for both.
"""
import collections
import contextlib
import json
import pathlib
import socket
import subprocess
import sys
import tempfile
import time

from conftest import Daemon

LIMIT = 50  # calls a second that the flooding site may make
FLOOD = 10 * LIMIT
CALM = 50  # calls a second of the other
ROUND_S = 10
FLOOD_CONNECTIONS, CALM_CONNECTIONS = 200, 50
PACE = pathlib.Path(__file__).with_name("pace.py")


@contextlib.contextmanager
def service(options):
    """The address of an AI service that answers at once."""
    with contextlib.closing(socket.socket()) as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    process = subprocess.Popen([options.build / "bench/upstream", "--port", str(port)], stdout=subprocess.DEVNULL)
    try:
        for _ in range(500):
            with contextlib.suppress(OSError), contextlib.closing(socket.create_connection(("127.0.0.1", port), 1)):
                break
            time.sleep(0.02)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.kill()
        process.wait()


def site(daemon, name, endpoint):
    """A new site's key."""
    daemon.cli("site", "add", name)
    daemon.cli("provider", "add", f"{name}-vendor", "--plugin", "openai", "--site", name, "--config", json.dumps({"endpoint": endpoint, "model": "m", "api_key": "test-key-123"}))
    return json.loads(daemon.cli("--json", "key", "add", "--site", name, "--role", "service", "--name", "load"))["key"]


def begin(daemon, key, rate, connections):
    return subprocess.Popen([sys.executable, "-B", PACE, str(daemon.port), key, str(rate), str(ROUND_S), str(connections)], stdout=subprocess.PIPE, text=True)


def result(process):
    said, _ = process.communicate(timeout=ROUND_S + 120)
    return json.loads(said)


def p99(ms):
    return sorted(ms)[max(0, -(-len(ms) * 99 // 100) - 1)]


def measure(daemon, quiet, loud, rounds):
    """All rounds: times of the other site when calm and when flooded, its statuses, those of the site that floods."""
    calm, flooded, others, floods = [], [], collections.Counter(), collections.Counter()
    for _ in range(rounds):
        answer = result(begin(daemon, quiet, CALM, CALM_CONNECTIONS))
        calm += answer["ms"]
        others.update(answer["statuses"], unsent=answer["unsent"])
        flood = begin(daemon, loud, FLOOD, FLOOD_CONNECTIONS)
        answer = result(begin(daemon, quiet, CALM, CALM_CONNECTIONS))
        flooded += answer["ms"]
        others.update(answer["statuses"], unsent=answer["unsent"])
        answer = result(flood)
        floods.update(answer["statuses"], unsent=answer["unsent"])
    return calm, flooded, +others, +floods


def run(options):
    with tempfile.TemporaryDirectory(prefix="lectern-fairness-") as folder, service(options) as endpoint:
        daemon = Daemon(pathlib.Path(folder) / "data", demo=False)
        try:
            quiet, loud = site(daemon, "quiet", endpoint), site(daemon, "loud", endpoint)
            daemon.cli("limit", "set", "--site", "loud", "subject=site", "unit=requests", f"amount={LIMIT}", "window=fixed", "window_s=1")
            time.sleep(2)  # until the daemon has read all of it
            calm, flooded, others, floods = measure(daemon, quiet, loud, options.rounds)
        finally:
            daemon.stop()
    before, after, most = p99(calm), p99(flooded), options.rounds * (ROUND_S + 2) * LIMIT
    sent, served = sum(floods.values()) - floods["unsent"], floods["200"]
    # The flood must have been one, it must have been held to its limit, and nobody else refused.
    fair = after <= max(2 * before, before + 5)
    real = sent >= 0.9 * options.rounds * ROUND_S * FLOOD and 0 < served <= most and set(floods) <= {"200", "429", "unsent"} and set(others) == {"200"}
    if not real:
        print(f"no valid run: the flood got {dict(floods)}, the other site {dict(others)}", file=sys.stderr)
    figures = (f"p99 of {CALM} calls/s: calm {before:.1f} ms ({len(calm):,} calls), flooded {after:.1f} ms ({len(flooded):,}); the flood: {sent / options.rounds / ROUND_S:.0f} calls/s, "
               f"{served / options.rounds / ROUND_S:.0f}/s served, the rest refused")
    return figures, fair and real
