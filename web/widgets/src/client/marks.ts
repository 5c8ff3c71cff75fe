/*
 * Marks in a text that may overlap, as pieces that do not: each piece has the marks that cover it. Places count code points, as the server does;
 * a mark that would cut a character that people see as one (a letter with its accents, an emoji of several parts) grows to the whole of it.
 */

/** From the code point `start` up to, not with, `end`. */
export interface Mark {
    start: number;
    end: number;
}

export interface Piece {
    text: string;
    /** Which marks cover it: indices, ascending. */
    marks: number[];
    /** Those of them that begin here. */
    begins: number[];
}

export function countCodePoints(text: string): number {
    let count = 0;
    for (const _ of text) count++;
    return count;
}

/** Whether it is a place of a text of that many code points. */
export function isPlace(mark: Mark, length: number): boolean {
    const { start, end } = mark;
    return Number.isInteger(start) && Number.isInteger(end) && start >= 0 && start < end && end <= length;
}

/** Where the code points at `points` (ascending) begin in the text as JavaScript counts it. */
function toUnits(text: string, points: number[]): Map<number, number> {
    const units = new Map<number, number>();
    let point = 0;
    let unit = 0;
    for (const wanted of points) {
        while (point < wanted) {
            unit += text.codePointAt(unit)! > 0xffff ? 2 : 1;
            point++;
        }
        units.set(wanted, unit);
    }
    return units;
}

/** Where the character that people see begins in which `unit` stands, and where it ends; the unit itself where it is the first of one. */
function wholeCharacter(text: string): (unit: number) => { start: number; end: number } {
    if (typeof Intl.Segmenter !== "function") return (unit) => ({ start: unit, end: unit });
    const characters = new Intl.Segmenter(undefined, { granularity: "grapheme" }).segment(text);
    return (unit) => {
        const found = characters.containing(unit);
        return found && found.index < unit ? { start: found.index, end: found.index + found.segment.length } : { start: unit, end: unit };
    };
}

/** The text in pieces, none empty; together they are the text. Marks that are no places of it cover nothing. */
export function pieces(text: string, marks: readonly Mark[]): Piece[] {
    const length = countCodePoints(text);
    const valid = marks.flatMap((mark, index) => (isPlace(mark, length) ? [{ ...mark, index }] : []));
    const points = [...new Set(valid.flatMap(({ start, end }) => [start, end]))].sort((a, b) => a - b);
    const units = toUnits(text, points);
    const whole = wholeCharacter(text);
    const grown = valid.map(({ start, end, index }) => ({ index, start: whole(units.get(start)!).start, end: whole(units.get(end)!).end }));
    const cuts = [...new Set([0, text.length, ...grown.flatMap(({ start, end }) => [start, end])])].sort((a, b) => a - b);
    const found: Piece[] = [];
    let covering: typeof grown = [];
    const byStart = [...grown].sort((a, b) => a.start - b.start);
    for (let i = 0, next = 0; i + 1 < cuts.length; i++) {
        const at = cuts[i]!;
        covering = covering.filter((mark) => mark.end > at);
        const before = next;
        while (next < byStart.length && byStart[next]!.start === at) next++;
        const begun = byStart.slice(before, next);
        covering.push(...begun);
        const indices = (list: typeof grown) => list.map((mark) => mark.index).sort((a, b) => a - b);
        found.push({ text: text.slice(at, cuts[i + 1]), marks: indices(covering), begins: indices(begun) });
    }
    return found;
}

/**
 * A page's text as it was when it was graded, which was `length` code points long; undefined when it is another one. White space around it comes from
 * markup, and where a platform keeps the line ends of forms (CR LF) browsers have made them plain.
 */
export function gradedText(text: string, length: number | undefined): string | undefined {
    if (length === undefined) return text;
    const plain = text.replace(/\r\n?/g, "\n");
    const forms = [text, text.trim(), plain.replace(/\n/g, "\r\n"), plain.trim().replace(/\n/g, "\r\n"), plain, plain.trim()];
    return forms.find((form) => countCodePoints(form) === length);
}
