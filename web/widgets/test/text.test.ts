import { describe, expect, it } from "vitest";
import { paragraphs } from "../src/text.js";
import { canRetry, errorText, LANGUAGES, stringsFor } from "../src/strings.js";

describe("paragraphs", () => {
    it.each([
        ["", []],
        ["one", ["one"]],
        ["one\ntwo", ["one\ntwo"]],
        ["one\n\ntwo", ["one", "two"]],
        ["one\r\n\r\ntwo", ["one", "two"]],
        ["one\n \t\n\n two\n", ["one", "two"]],
        ["\n\n<b>one</b>\n\n\n", ["<b>one</b>"]],
    ])("%j", (text, expected) => {
        expect(paragraphs(text)).toEqual(expected);
    });

    it("of a growing text only ever changes the last one", () => {
        const text = "First line.\n\nSecond one.\n\n\nThird, 光.";
        let before: string[] = [];
        for (let i = 1; i <= text.length; i++) {
            const now = paragraphs(text.slice(0, i));
            expect(now.slice(0, Math.max(0, before.length - 1))).toEqual(before.slice(0, -1));
            before = now;
        }
        expect(before).toHaveLength(3);
    });
});

describe("languages", () => {
    const shape = (value: unknown): unknown =>
        value && typeof value === "object" ? Object.fromEntries(Object.entries(value).map(([k, v]) => [k, shape(v)])) : typeof value;

    it("all say the same things, and none says nothing", () => {
        for (const strings of Object.values(LANGUAGES)) {
            expect(shape(strings)).toEqual(shape(LANGUAGES["en"]));
            expect(JSON.stringify(strings)).not.toContain('""');
        }
    });

    it.each([
        ["es", "es"],
        ["es-MX", "es"],
        ["EN-gb", "en"],
        ["fr", "en"],
        ["", "en"],
        ["constructor", "en"],
    ])("%j is served in %s", (tag, expected) => {
        expect(stringsFor(tag).language).toBe(expected);
    });
});

describe("errors", () => {
    it("have a text whatever the code", () => {
        expect(errorText("rate_limited")).toBe("tooMany");
        expect(errorText("upstream_unavailable")).toBe("unreachable");
        expect(errorText("toString")).toBe("unexpected");
    });

    it("offer another try only where it can help", () => {
        expect(canRetry(errorText("upstream_timeout"))).toBe(true);
        expect(canRetry(errorText("course_disabled"))).toBe(false);
        expect(canRetry(errorText("body_too_large"))).toBe(false);
    });
});
