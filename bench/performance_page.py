"""The targets of script/performance, and docs/performance.md with its plots."""
import math
import re

TARGET_HEAD = f"{'':72}{'figure':>10}{'target':>10}"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"


def targets(r):
    """(what, figure or None, limit, unit)"""
    calls, memory, out = r.get("calls", {}), r.get("memory", {}), []

    def us(name):
        return (calls.get(name) or {}).get("us_per_call")

    ours, lean, nginx = us("lectern, content on"), us("lectern, no content"), us("nginx, log off")
    out.append(("CPU per call with content / nginx", ours / nginx if ours and nginx else None, 2.0, "×"))
    out.append(("CPU per call without content / nginx", lean / nginx if lean and nginx else None, 1.7, "×"))
    peers = {name: c["us_per_call"] for name, c in calls.items() if c.get("us_per_call") and not name.startswith(("lectern", "nginx"))}
    if peers and ours:
        best = min(peers, key=peers.get)
        out.append((f"CPU per call / the best peer's ({best})", ours / peers[best], 0.5, "×"))
        for name in peers:
            if name.startswith(("LiteLLM", "Portkey")):
                out.append((f"CPU per call / {name}", ours / peers[name], 1 / 30, "×"))
        of = {name: m.get("idle") for name, m in memory.items() if name in peers and m.get("idle")}
        if of and memory.get("lectern, content on", {}).get("idle"):
            least = min(of, key=of.get)
            out.append((f"memory / the smallest peer's, idle ({least})", memory["lectern, content on"]["idle"] / of[least], 0.2, "×"))
    at = r.get("open", {}).get(1000, {}).get("lectern, content on", {})
    out.append(("added latency at 1,000/s, p99", at["added_us"]["p99_us"] / 1000 if "added_us" in at else None, 0.3 + 2 * r["commit_us"][1] / 1000, "ms"))
    for kind, limit in (("content on", 5), ("no content", 2)):
        row = r.get("prompts", {}).get(f"lectern, {kind}", {})
        out.append((f"prompts of 16 to 100 KiB, {kind}", row.get("per_kib_16_100"), limit, "µs/KiB"))
        if row.get("per_kib_1_16"):
            out.append((f"slope 16 to 100 KiB / slope 1 to 16, {kind}", row["per_kib_16_100"] / row["per_kib_1_16"], 1.2, "×"))
    streams = r.get("streams", {})
    for n, limit in ((16, 50), (256, 200)):
        s, direct = streams.get("lectern, content on", {}).get(n), streams.get("direct", {}).get(n)
        good = s and direct and s["events"] and direct["events"]
        out.append((f"event delay above the AI service's, {n} streams, p50", (s["delay_ms"]["p50"] - direct["delay_ms"]["p50"]) * 1000 if good else None, limit, "µs"))
        out.append((f"events of {n} streams that are missing", s["missing"] if good else None, 0, "events"))
        out.append((f"events of {n} streams that a 40 ms timer held", s["late"]["from_38_to_48ms"] if good else None, 0, "events"))
    m = memory.get("lectern, content on", {})
    for what, limit in (("idle", 10), ("loaded", 25), ("recovered", 15)):
        out.append((f"memory {what}" + (" with 256 streams" if what == "loaded" else ""), m[what] / 1024 if m.get(what) else None, limit, "MiB"))
    start = r.get("start_s", {}).get("lectern, content on")
    out.append(("start to the first answered call", start * 1000 if start else None, 100, "ms"))
    if "parity" in r:
        out.append(("answers without their register record", abs(r["parity"]["answers"] - r["parity"]["records"]), 0, "calls"))
    return out


def verdict(figure, limit):
    return "not measured" if figure is None else "met" if figure <= limit else "MISSED"


def print_targets(r):
    print("\nTargets\n" + TARGET_HEAD)
    for what, figure, limit, unit in targets(r):
        print(f"{what:72}" + (f"{figure:10.3f}" if figure is not None else f"{'':10}") + f"{limit:10.3g} {unit:7}{verdict(figure, limit)}")


def number(value, digits=0, unit=""):
    return "" if value is None else f"{value:,.{digits}f}{unit}"


def table(head, rows):
    return "\n".join(["| " + " | ".join(head) + " |", "|---" * len(head) + "|"] + ["| " + " | ".join(map(str, row)) + " |" for row in rows]) + "\n"


def calls_table(r):
    rows = []
    nginx = (r["calls"].get("nginx, log off") or {}).get("us_per_call")
    for name, c in r["calls"].items():
        m, us = r["memory"].get(name, {}), c.get("us_per_call")
        mib = lambda key: number(m[key] / 1024, 1) if m.get(key) else ""
        rows.append((name, r["versions"].get(name.split(",")[0], ""), number(us, 1), number(us / nginx, 2) if us and nginx else "", number(c.get("per_second")),
                     number(c.get("p50_us")), number(c.get("p99_us")), number(r["start_s"].get(name, 0) * 1000), mib("idle"), mib("loaded"), mib("recovered")))
    return table(("gateway", "version", "CPU µs/call", "× nginx", "calls/s", "p50 µs", "p99 µs", "start ms", "MiB idle", "256 streams", "10 s later"), rows)


def open_table(r):
    rows = [(rate, name, *(number(o.get(p)) for p in ("p50_us", "p99_us", "p999_us")), *(number(o.get("added_us", {}).get(p)) for p in ("p50_us", "p99_us", "p999_us")),
             number(o.get("failed"))) for rate, of in r["open"].items() for name, o in of.items()]
    return table(("calls/s", "gateway", "p50 µs", "p99", "p99.9", "added p50", "added p99", "added p99.9", "failed"), rows)


def streams_table(r):
    rows = []
    for name, of in r["streams"].items():
        for n, s in of.items():
            if not s["events"]:
                rows.append((name, n, s.get("why", "no events")[:80], "", "", "", ""))
                continue
            aborts = r.get("aborts", {}).get(name)
            rows.append((name, n, number(s["delay_ms"]["p50"] * 1000), number(s["delay_ms"]["p99"] * 1000), number(s.get("us_per_event"), 1), s["missing"],
                         f"{aborts['seen']} of {aborts['left']}" if aborts else ""))
    return table(("gateway", "streams", "delay p50 µs", "p99 µs", "CPU µs/event", "missing events", "aborts seen upstream"), rows)


def measured(r):
    text = [f"{r['machine']}; {r['took_s'] / 60:.0f} minutes, options {r['options']}. One 4 KiB write and `fdatasync` took {r['commit_us'][0]:.0f} µs (p50), "
            f"{r['commit_us'][1]:.0f} µs (p99).\n", "### Targets\n",
            table(("target", "figure", "at most", ""), [(what, number(f, 2, f" {unit}") if f is not None else "", f"{limit:.3g} {unit}", verdict(f, limit))
                                                     for what, f, limit, unit in targets(r)])]
    for title, part, make in (("Calls and memory", "calls", calls_table), ("Open loop", "open", open_table), ("Streams", "streams", streams_table)):
        if r.get(part):
            text += [f"### {title}\n", make(r)]
    if r.get("prompts"):
        text += ["### Prompts\n", table(("gateway", "1 KiB", "16 KiB", "100 KiB", "µs per KiB, 1 to 16", "16 to 100"),
                 [(name, *(number(p.get(k), 1) for k in (1, 16, 100)), number(p.get("per_kib_1_16"), 2), number(p.get("per_kib_16_100"), 2)) for name, p in r["prompts"].items()])]
    if r.get("parity"):
        text.append(f"Register: {r['parity']['answers']} answers, {r['parity']['records']} records.\n")
    if r.get("growth"):
        text += ["### Growth\n", "CPU per call, of streams per event; the exponent is that of the best power law (0 is flat, 1 is linear).\n",
                 table(("over", "exponent", "µs", ""), [(name, f"{g['exponent']:+.3f}", "; ".join(f"{n:,}: {us:.1f}" for n, us in g["points"]),
                                                        f"![{name}](performance-{slug(name)}.svg)") for name, g in r["growth"].items()])]
    if r["missing"]:
        text += ["### Not measured\n", table(("gateway", "why"), r["missing"].items())]
    if r["failed"]:
        text += ["### Failed\n", table(("part", "why"), r["failed"].items())]
    return "\n".join(text)


def slug(name):
    return re.sub(r"[^a-z]+", "-", name.lower()).strip("-")


def plot(name, growth):
    """A small SVG: logarithmic from left to right, from 0 upwards."""
    points, (w, h, left, low) = growth["points"], (320, 170, 44, 130)
    xs, top = [math.log10(n) for n, _ in points], max(us for _, us in points) * 1.15
    at = lambda n, us: (left + (math.log10(n) - xs[0]) / (xs[-1] - xs[0]) * (w - left - 24), low - us / top * (low - 26))
    places = [at(n, us) for n, us in points]
    dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="#1f5fa8"/>' for x, y in places)
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    below = "".join(f'<text x="{x:.1f}" y="{low + 14}" text-anchor="middle">{n:,}</text>' for (n, _), (x, _) in zip(points, places))
    above = "".join(f'<text x="{x:.1f}" y="{y - 7:.1f}" text-anchor="middle">{us:.0f}</text>' for (_, us), (x, y) in zip(points, places))
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {w} {h}" width="{w}" height="{h}" font-family="sans-serif" font-size="10" role="img" '
            f'aria-label="microseconds over {name}"><rect width="{w}" height="{h}" fill="#fff"/><text x="8" y="14">µs over {name}, exponent {growth["exponent"]:+.2f}</text>'
            f'<path d="M{left - 8} 22V{low}H{w - 8}" fill="none" stroke="#888"/><polyline points="{line}" fill="none" stroke="#1f5fa8" stroke-width="1.5"/>{dots}{below}{above}</svg>\n')


def write(r, docs):
    page = docs / "performance.md"
    text = page.read_text()
    begin, end = text.index(BEGIN) + len(BEGIN), text.index(END)
    page.write_text(text[:begin] + "\n" + measured(r) + text[end:])
    for name, growth in r.get("growth", {}).items():
        (docs / f"performance-{slug(name)}.svg").write_text(plot(name, growth))
