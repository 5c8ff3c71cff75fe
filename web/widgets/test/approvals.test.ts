import { describe, expect, it } from "vitest";
import { shownArguments } from "../src/ui/approvals.js";

describe("arguments that a person is to check", () => {
    it("are written one below the other", () => expect(shownArguments('{"to":"a","n":2}')).toBe('{\n  "to": "a",\n  "n": 2\n}'));
    it("are nothing when there are none", () => expect(shownArguments("{}")).toBe(""));
    it("stay as they are when they are no JSON", () => expect(shownArguments("{broken")).toBe("{broken"));
    it.each(["\u202e", "\u2066", "\u200b", "\u0007", "\u2028", "\ufeff"])("show the character %j, which turns or hides others", (hidden) => {
        const shown = shownArguments(JSON.stringify({ file: `a${hidden}b` }));
        expect(shown).not.toContain(hidden);
        expect(shown).toMatch(/a\\u/);
    });
    it("keep letters of all scripts", () => expect(shownArguments('{"a":"Grüße, שלום, 你好 😀"}')).toContain("Grüße, שלום, 你好 😀"));
});
