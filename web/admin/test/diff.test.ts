import { expect, test } from "vitest";
import { diffLines } from "../src/ui/diff.js";

test.each([
    ["a\nb\nc", "a\nB\nc\nd", "=a -b +B =c +d"],
    ["a", "a", "=a"],
    ["", "x", "- +x"],
    ["a\nb", "b\na", "-a =b +a"],
])("the difference of %j and %j", (before, after, expected) => {
    const signs = { same: "=", gone: "-", new: "+" };
    expect(diffLines(before, after).map(({ kind, text }) => signs[kind] + text).join(" ")).toBe(expected);
});

test("what stayed and went is the first text, what stayed and came the second", () => {
    const text = (n: number, step: number) => Array.from({ length: n }, (_, i) => `line ${(i * step) % 7}`).join("\n");
    const before = text(60, 3), after = text(50, 5), lines = diffLines(before, after);
    const without = (kind: string) => lines.filter((line) => line.kind !== kind).map((line) => line.text).join("\n");
    expect(without("new")).toBe(before);
    expect(without("gone")).toBe(after);
});
