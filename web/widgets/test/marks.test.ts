import { describe, expect, it } from "vitest";
import { countCodePoints, gradedText, isPlace, type Mark, pieces } from "../src/client/marks.js";

const cover = (text: string, marks: Mark[]) => pieces(text, marks).map(({ text, marks }) => [text, marks]);

describe("pieces of a text with marks", () => {
    it.each<[string, Mark[], unknown]>([
        ["", [], []],
        ["abc", [], [["abc", []]]],
        ["abcdef", [{ start: 1, end: 3 }], [["a", []], ["bc", [0]], ["def", []]]],
        ["abcdef", [{ start: 0, end: 4 }, { start: 2, end: 6 }], [["ab", [0]], ["cd", [0, 1]], ["ef", [1]]]],
        ["abcdef", [{ start: 0, end: 6 }, { start: 2, end: 3 }], [["ab", [0]], ["c", [0, 1]], ["def", [0]]]],
        ["abcd", [{ start: 0, end: 2 }, { start: 2, end: 4 }, { start: 0, end: 2 }], [["ab", [0, 2]], ["cd", [1]]]],
        ["😀a😀", [{ start: 1, end: 2 }], [["😀", []], ["a", [0]], ["😀", []]]],
        ["𝒳𝒳𝒳", [{ start: 1, end: 3 }], [["𝒳", []], ["𝒳𝒳", [0]]]],
        ["abc", [{ start: 2, end: 9 }, { start: -1, end: 2 }, { start: 2, end: 2 }, { start: 0.5, end: 2 }, { start: NaN, end: 2 }], [["abc", []]]],
    ])("%j %j", (text, marks, expected) => expect(cover(text, marks)).toEqual(expected));

    it("never cut what people see as one character", () => {
        expect(cover("ae\u0301b", [{ start: 2, end: 3 }])).toEqual([["a", []], ["e\u0301", [0]], ["b", []]]);
        expect(cover("ae\u0301b", [{ start: 0, end: 2 }])).toEqual([["ae\u0301", [0]], ["b", []]]);
        expect(cover("x👩\u200d🏫y", [{ start: 1, end: 2 }])).toEqual([["x", []], ["👩\u200d🏫", [0]], ["y", []]]);
    });
});

/** mulberry32: the same numbers for the same seed */
function random(seed: number): () => number {
    return () => {
        seed = (seed + 0x6d2b79f5) | 0;
        let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
        t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
        return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
    };
}

const ALPHABET = ["a", "b", " ", "\n", "\r\n", "é", "e\u0301", "\u0301", "😀", "👩\u200d🏫", "🇪🇸", "ש", "ك", "漢", "𝒳", "\u200b", "<b>", "&amp;", "\ud800"];

describe("in any text with any marks", () => {
    const seed = 20260101;
    const cases = Array.from({ length: 400 }, (_, n) => n);

    it(`seed ${seed}`, () => {
        for (const n of cases) {
            const next = random(seed + n);
            const below = (limit: number) => Math.floor(next() * limit);
            const text = Array.from({ length: below(40) }, () => ALPHABET[below(ALPHABET.length)]).join("");
            const length = countCodePoints(text);
            const marks = Array.from({ length: below(7) }, () => ({ start: below(length + 4) - 2, end: below(length + 4) - 1 }));
            const found = pieces(text, marks);
            const where = `seed ${seed + n}: ${JSON.stringify(text)} ${JSON.stringify(marks)}`;
            expect(found.map((piece) => piece.text).join(""), where).toBe(text);
            expect(found.every((piece) => piece.text !== ""), where).toBe(true);
            /* Each code point of a mark is covered by it, and of others at most those of a character that is only in part of it. */
            let at = 0;
            const begun = new Map<number, number>();
            for (const piece of found) {
                const end = at + countCodePoints(piece.text);
                for (const [index, mark] of marks.entries()) {
                    const inside = isPlace(mark, length) && mark.start < end && mark.end > at;
                    const covers = piece.marks.includes(index);
                    if (inside) expect(covers, where).toBe(true);
                    if (covers && !inside) expect(graphemesTouch(text, at, end, mark), where).toBe(true);
                }
                for (const index of piece.begins) {
                    expect(piece.marks, where).toContain(index);
                    begun.set(index, (begun.get(index) ?? 0) + 1);
                }
                expect([...piece.marks].sort((a, b) => a - b), where).toEqual(piece.marks);
                at = end;
            }
            for (const [index, mark] of marks.entries()) expect(begun.get(index) ?? 0, where).toBe(isPlace(mark, length) ? 1 : 0);
        }
    });
});

/** Whether a character that people see reaches from the piece into the mark. */
function graphemesTouch(text: string, start: number, end: number, mark: Mark): boolean {
    let at = 0;
    for (const { segment } of new Intl.Segmenter(undefined, { granularity: "grapheme" }).segment(text)) {
        const next = at + countCodePoints(segment);
        if (at < end && next > start && at < mark.end && next > mark.start) return true;
        at = next;
    }
    return false;
}

describe("the text that was graded", () => {
    it.each([
        ["as it is", "abc", 3, "abc"],
        ["between markup", "\n  abc\n", 3, "abc"],
        ["with the line ends of a form", "a\nb", 4, "a\r\nb"],
        ["with the line ends of a form, between markup", "\n a\nb\n", 4, "a\r\nb"],
        ["of emoji", " 😀😀 ", 2, "😀😀"],
        ["whose length nobody knows", " abc", undefined, " abc"],
        ["that is another one", "abcd", 3, undefined],
    ])("%s", (_, text, length, expected) => expect(gradedText(text, length)).toBe(expected));
});
