"""How long a start takes with so many records in the register, all of them chained."""
import pathlib
import statistics
import subprocess
import tempfile
import time

import register_seal
import test_kill

TIMES, LIMIT_S = 7, 1.0


def start(data):
    """(seconds until it listens, the process)"""
    begun = time.perf_counter()
    process = subprocess.Popen([test_kill.LECTERN, "serve", "--data", data, "--listen", "127.0.0.1:0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    line = process.stdout.readline()
    assert line.startswith("listening on "), line
    return time.perf_counter() - begun, process


def run(options):
    with tempfile.TemporaryDirectory() as folder:
        data = pathlib.Path(folder)
        subprocess.run([test_kill.LECTERN, "migrate", "--data", data], check=True, capture_output=True)
        database = f"sqlite:{data / 'lectern.db'}"
        db = register_seal.fill(database, options.records, 10)
        register_seal.seal(test_kill.LECTERN, data, database, db)
        db.close()
        took = {}
        for how in ("terminate", "kill"):
            took[how] = []
            for _ in range(TIMES):
                seconds, process = start(data)
                took[how].append(seconds)
                getattr(process, how)()  # the next start comes after this
                process.wait()
        size = (data / "lectern.db").stat().st_size / 2**20
    median = {how: statistics.median(times) for how, times in took.items()}
    worst = max(sum(took.values(), []))
    figures = (f"{options.records:,} calls ({size:,.0f} MiB): start {1000 * median['terminate']:.0f} ms after an end, {1000 * median['kill']:.0f} ms after a kill "
               f"(medians of {TIMES}; longest {1000 * worst:.0f} ms)")
    return figures, max(median.values()) <= LIMIT_S
