import { describe, expect, it } from "vitest";
import { paragraphs } from "../src/rich/page_text.js";

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
