"""Live streams: what Lectern adds to the delay of each event, what a stream costs, whether anything is lost. See load.h."""
import json
import subprocess
import sys
import time

from servers import Lectern, Nginx, cpu_seconds, free_port, memory_kib, memory_parts_kib, start, writer_figures, writer_text

RECOVER_S = 10
HEAD = (f"{'streams':>8} {'way':10}{'p50 ms':>9}{'p99':>9}{'p99.9':>9}{'max':>9}{'slowest p50':>12}{'gap':>8}{'>5 ms':>7}{'38-48':>6}"
        f"{'lost':>6}{'twice':>6}{'order':>6}{'µs/event':>10}{'KiB/stream':>11}")


class Load:
    """stream_load, stepped from phase to phase."""

    def __init__(self, args, port, upstream_port, streams, seconds, *more):
        self.process = start([str(args.build / "stream_load"), "--port", str(port), "--upstream-port", str(upstream_port),
                              "--streams", str(streams), "--rate", str(args.rate), "--seconds", str(seconds),
                              "--ramp", str(args.ramp), "--stepped", *more],
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def phases(self):
        """Yields each phase; goes on when asked for the next."""
        for line in self.process.stdout:
            yield json.loads(line)
            self.process.stdin.write("\n")
            self.process.stdin.flush()
        self.process.wait()


def note(server, figures, name):
    """Time, memory and CPU of a server at the beginning or end of a phase."""
    figures[name] = {"kib": memory_kib(server.pids), "cpu": cpu_seconds(server.pids)}
    if isinstance(server, Lectern):
        figures[name]["parts_kib"] = memory_parts_kib(server.process.pid)
        figures[name]["metrics"] = server.metrics()


def measure(args, server, port, upstream_port, streams, seconds, *more):
    """One load. With a server: what it needed. Returns stream_load's figures with ours added."""
    figures, result, load = {}, None, Load(args, port, upstream_port, streams, seconds, *more)
    if server:
        note(server, figures, "idle")
    for phase in load.phases():
        if phase["phase"] == "left":
            time.sleep(0.7)
        if phase["phase"] == "done":
            result = phase
            time.sleep(0.3)
        if server:
            note(server, figures, phase["phase"])
    if not result:
        sys.exit(f"stream_load ended with {load.process.returncode}")
    result["server"] = figures
    if server and "ran" in figures:
        result["us_per_event"] = (figures["ran"]["cpu"] - figures["live"]["cpu"]) / max(result["events"], 1) * 1e6
        result["kib_per_stream"] = (figures["ran"]["kib"] - figures["idle"]["kib"]) / streams
    return result


def print_row(way, r):
    if not r["events"]:
        print(f"{r['streams']:8} {way:10}{r['opened']} streams opened: {r['why']}")
        return
    d = r["delay_ms"]
    cost = f"{r['us_per_event']:10.1f}{r['kib_per_stream']:11.1f}" if "us_per_event" in r else ""
    print(f"{r['streams']:8} {way:10}{d['p50']:9.3f}{d['p99']:9.3f}{d['p999']:9.3f}{d['max']:9.2f}{r['stream_p50_ms']['slowest']:12.3f}"
          f"{r['longest_gap_ms']:8.1f}{r['late']['above_5ms']:7}{r['late']['from_38_to_48ms']:6}{r['missing']:6}{r['doubled']:6}"
          f"{r['disordered'] + r['foreign']:6}{cost}" + (f"  {r['failed']} failed: {r['why']}" if r["failed"] else ""), flush=True)


def start_lectern(args, folder, name, upstream_port):
    return Lectern(args.lectern, folder / name, f"http://127.0.0.1:{upstream_port}/v1", ("--threads", str(args.threads)))


def direct(args, streams):
    port = free_port()
    return measure(args, None, port, port, streams, min(args.stream_seconds, 5))


def through_nginx(args, folder, streams):
    upstream_port = free_port()
    proxy = Nginx(folder, "stream-proxy", "server {{ listen 127.0.0.1:{port} backlog=4096; "
                  f"location / {{{{ proxy_pass http://127.0.0.1:{upstream_port}; "
                  'proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off; }} }}')
    result = measure(args, proxy, proxy.port, upstream_port, streams, min(args.stream_seconds, 5))
    proxy.stop()
    return result


def through_lectern(args, folder, streams):
    upstream_port = free_port()
    lectern = start_lectern(args, folder, f"streams-{streams}", upstream_port)
    result = measure(args, lectern, lectern.port, upstream_port, streams, args.stream_seconds, "--key", lectern.key)
    if not args.quick:
        time.sleep(RECOVER_S)
        note(lectern, result["server"], "recovered")
        if "idle" in result["server"]:
            result["kib_kept"] = (result["server"]["recovered"]["kib"] - result["server"]["idle"]["kib"]) / streams
    lectern.stop()
    return result


def parked(args, folder, streams):
    """The readers hang up and the calls go on for the site's grace time: what each holds then."""
    upstream_port = free_port()
    lectern = start_lectern(args, folder, "parked", upstream_port)
    result = measure(args, lectern, lectern.port, upstream_port, streams, 2, "--key", lectern.key, "--leave")
    lectern.stop()
    s = result["server"]
    result["kib_parked"] = (s["left"]["kib"] - s["idle"]["kib"]) / streams if "left" in s else None
    return result


def memory_text(r):
    s = r["server"]

    def each(phase, part):
        return (s[phase]["parts_kib"][part] - s["idle"]["parts_kib"][part]) / r["streams"]
    text = (f"{r['streams']:6} streams: idle {s['idle']['kib'] / 1024:.1f} MiB, begun {s['live']['kib'] / 1024:.1f}, after the events "
            f"{s['ran']['kib'] / 1024:.1f}, all ended {s['done']['kib'] / 1024:.1f}")
    if "recovered" in s:
        text += f", {RECOVER_S} s later {s['recovered']['kib'] / 1024:.1f}"

    def split(phase):
        return f"stacks {each(phase, 'stacks'):.1f} KiB + heap {each(phase, 'heap'):.1f} KiB"
    return text + f"\n        a stream: begun, {split('live')}; with {r['events'] / r['streams']:.0f} events, {split('ran')}"


def best_of(rounds):
    """The round with the lowest p99: what the program does when the machine does nothing else."""
    good = [r for r in rounds if r["events"]]
    return min(good, key=lambda r: r["delay_ms"]["p99"]) if good else rounds[0]


def run(args, folder):
    results = {"direct": {}, "nginx": {}, "lectern": {}}
    print(f"\nStreams, {args.rate} events/s in all, {args.stream_seconds} s; delay = read by the client - sent by the upstream; best of "
          f"{args.stream_rounds} round(s)\n{HEAD}")
    for streams in args.streams:
        rounds = []
        results["direct"][streams] = direct(args, streams)
        print_row("direct", results["direct"][streams])
        if streams == args.nginx_streams:
            results["nginx"][streams] = through_nginx(args, folder, streams)
            print_row("nginx", results["nginx"][streams])
        for i in range(args.stream_rounds):
            (folder / f"round-{streams}-{i}").mkdir()
            rounds.append(through_lectern(args, folder / f"round-{streams}-{i}", streams))
        results["lectern"][streams] = dict(best_of(rounds), p99_of_rounds=[r["delay_ms"]["p99"] for r in rounds])
        print_row("lectern", results["lectern"][streams])
    print("\nMemory (Pss)")
    for r in results["lectern"].values():
        if r["events"]:
            print(memory_text(r))
    for r in results["lectern"].values():
        s = r["server"]
        if r["events"]:
            r["writer"] = writer_figures(s["live"]["metrics"], s["ran"]["metrics"], r["seconds"])
            print(f"{r['streams']:6} streams: register writer during the events: {writer_text(r['writer'])}")
    p = results["parked"] = parked(args, folder, min(1000, max(args.streams)))
    if p["kib_parked"] is not None:
        print(f"Parked (client gone, call goes on, can be resumed), {p['streams']} streams: {p['kib_parked']:.1f} KiB each")
    results["above_direct_p50_ms"] = {n: r["delay_ms"]["p50"] - results["direct"][n]["delay_ms"]["p50"]
                                      for n, r in results["lectern"].items() if r["events"]}
    return results
