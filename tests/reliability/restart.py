"""How soon a daemon with a full register serves again: from its start to the answer of /readyz, after a stop in peace and after SIGKILL.

The register is filled as bench/register_seal.py does, with prompts of 600 and answers of 1,200 bytes, and chained by a daemon before the first start that counts.
Its calls are made within the last N milliseconds, which is the worst there is: a start looks for calls without an end among those of the last two hours alone.
"""
import contextlib
import http.client
import pathlib
import signal
import subprocess
import tempfile
import time

import register_seal

STARTS = 5  # of each kind
LIMIT_S = 1.0


def cpu_ms(pid):
    """What all threads of a process have used."""
    return sum(int(path.read_text().split()[0]) for path in pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat")) / 1e6


def start(lectern, data):
    """A daemon that is ready, and how long that took: (process, (seconds, milliseconds of CPU))."""
    begun = time.perf_counter()
    with open(pathlib.Path(data) / "log", "ab") as log:
        process = subprocess.Popen([lectern, "serve", "--listen", "127.0.0.1:0", "--data", data], stdout=subprocess.PIPE, stderr=log, text=True)
    line = process.stdout.readline()
    if not line.startswith("listening on "):
        process.kill()
        raise RuntimeError(f"the daemon did not start: {line!r}")
    port = int(line.split()[-1].rsplit(":", 1)[1].strip("/"))
    while time.perf_counter() - begun < 600:
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
            connection.request("GET", "/readyz")
            if connection.getresponse().status == 200:
                return process, (time.perf_counter() - begun, cpu_ms(process.pid))
        time.sleep(0.002)
    process.kill()
    raise RuntimeError("the daemon did not become ready")


def starts(lectern, data, ending):
    """(seconds, milliseconds of CPU) of each start that follows such an end."""
    process, _ = start(lectern, data)
    took = []
    for _ in range(STARTS):
        process.send_signal(ending)
        process.wait(600)
        process.stdout.close()
        process, spent = start(lectern, data)
        took.append(spent)
    process.terminate()
    process.wait(600)
    process.stdout.close()
    return took


def said(took):
    seconds, cpu = sorted(s for s, _ in took), sorted(ms for _, ms in took)
    return f"in {seconds[len(took) // 2] * 1000:.0f} ms (at most {seconds[-1] * 1000:.0f}; CPU {cpu[len(took) // 2]:.0f} ms)"


def run(options):
    lectern = options.build / "src/daemon/lectern"
    with tempfile.TemporaryDirectory(prefix="lectern-restart-") as data:
        database = f"sqlite:{data}/lectern.db"
        subprocess.run([lectern, "migrate", "--data", data, "--database", database], check=True, capture_output=True)
        with contextlib.closing(register_seal.fill(database, options.records, 1)) as db:
            register_seal.seal(lectern, pathlib.Path(data), database, db)
            records = db.execute("SELECT count(*) FROM ai_call").fetchone()[0]
        peace, killed = starts(lectern, data, signal.SIGTERM), starts(lectern, data, signal.SIGKILL)
        size = (pathlib.Path(data) / "lectern.db").stat().st_size
    figures = f"{records:,} calls, {size / 1e9:.2f} GB; ready after SIGTERM {said(peace)}, after SIGKILL {said(killed)}"
    return figures, records == options.records and max(peace + killed)[0] <= LIMIT_S
