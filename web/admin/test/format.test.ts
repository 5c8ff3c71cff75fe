import { expect, test } from "vitest";
import { ago, bytes, duration, fromLocal, money, pretty, toLocal, words } from "../src/ui/format.js";

test("figures as people read them", () => {
    expect([duration(12.4), duration(1234), duration(90 * 60_000)]).toEqual(["12 ms", "1.23 s", "90 min"]);
    expect([bytes(10), bytes(1536), bytes(5 * 2 ** 30)]).toEqual(["10 B", "1.5 KiB", "5.0 GiB"]);
    expect(money(1_500_000, "USD")).toMatch(/1\.50/);
    expect(money(1_500, "USD")).toMatch(/0\.0015/);
    expect(money(2_000_000, "no currency")).toBe("2.00 no currency");
    expect(words("summarise_text")).toBe("Summarise text");
    expect(ago("2026-01-01T00:00:00Z", Date.parse("2026-01-01T03:00:00Z"))).toBe("3 hours ago");
});

test("a time goes into a field and comes out again, to the minute", () => {
    expect(fromLocal(toLocal("2026-03-29T10:15:00.000Z"))).toBe("2026-03-29T10:15:00.000Z");
    expect([fromLocal(""), toLocal(null), toLocal("x")]).toEqual(["", "", ""]);
});

test("JSON gets line ends, all other text stays as it is", () => {
    expect(pretty('{"a":[1]}')).toBe('{\n  "a": [\n    1\n  ]\n}');
    for (const text of ["", "plain", "[not json", "{\"a\":1} and more", "1"]) expect(pretty(text)).toBe(text);
});
