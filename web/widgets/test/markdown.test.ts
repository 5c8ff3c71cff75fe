import { describe, expect, it } from "vitest";
import { english } from "../src/words/en.js";
import { makeMarked, safeAddress } from "../src/rich/markdown.js";
import { BlockSplitter, closeOpen } from "../src/rich/splitter.js";

const marked = makeMarked(english);
const html = (markdown: string): string => marked.parse(markdown, { async: false });
const lex = (markdown: string) => marked.lexer(markdown);

/* mulberry32 */
function random(seed: number): () => number {
    return () => {
        seed = (seed + 0x6d2b79f5) | 0;
        let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
        t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
        return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
    };
}

const BLOCKS = [
    "A paragraph with **bold**, *slanted* and `code`.",
    "Two lines\nof one paragraph.",
    "# Heading",
    "Heading\n-------",
    "- one\n- two\n  - inner\n- three",
    "- loose\n\n- list\n\n  with a second paragraph",
    "1. first\n2. second\n\n3. third",
    "> quoted\n> twice\n\n> and again",
    "```python\nprint('a')\n\n\nprint('b')\n```",
    "~~~\n- no list\n~~~",
    "    indented code\n\n    goes on",
    "| a | b |\n|---|--:|\n| 1 | 2 |",
    "---",
    "$$\nx^2\n$$",
    "\\[ a + b \\]",
    "Costs $5 and $10, but $x$ is a formula.",
    "<b>not bold</b> & <script>x</script>",
    "[link](https://example.org/a_b) and ![picture](https://example.org/p.png)",
    "12",
    "2\\. no list",
    "* * *",
    "*starred*",
];

/** What is shown in the end when a text comes in these pieces. */
function streamed(pieces: string[]): { html: string; read: number } {
    const splitter = new BlockSplitter(lex);
    let settled = "";
    for (const piece of pieces) {
        const step = splitter.push(piece);
        if (step.settled) settled += html(step.settled);
    }
    return { html: settled + html(splitter.end()), read: splitter.read };
}

function cut(text: string, next: () => number, most: number): string[] {
    const pieces = [];
    for (let at = 0; at < text.length; ) {
        const size = 1 + Math.floor(next() * most);
        pieces.push(text.slice(at, at + size));
        at += size;
    }
    return pieces;
}

/* Neighbouring lists of one kind are one list when they are read together and may be two when the first was settled: they look the same. */
const squeeze = (text: string) => text.replace(/<p>|<\/p>/g, "").replace(/\s+/g, " ").replace(/> </g, "><").replace(/<\/ol><ol start="\d+">|<\/ul><ul>|<\/blockquote><blockquote>/g, "");

describe("a text that grows", () => {
    const seed = Number((globalThis as { process?: { env: Record<string, string> } }).process?.env["SEED"] ?? Date.now() % 1e9);

    it(`shows in the end what it shows when it comes at once (SEED=${seed})`, () => {
        const next = random(seed);
        for (let round = 0; round < 300; round++) {
            const text = Array.from({ length: 1 + Math.floor(next() * 7) }, () => BLOCKS[Math.floor(next() * BLOCKS.length)]).join("\n\n");
            const pieces = cut(text, next, 1 + Math.floor(next() * 30));
            expect(squeeze(streamed(pieces).html), JSON.stringify(pieces)).toBe(squeeze(html(text)));
        }
    });

    it("also with line ends of another system, cut in two", () => {
        const text = "a\r\n\r\nb\r\n\r\n- c\r\n- d";
        expect(squeeze(streamed([...text]).html)).toBe(squeeze(html(text.replaceAll("\r", ""))));
    });

    it.each([
        ["paragraphs", (n: number) => "A sentence of a paragraph that goes on.\n\n".repeat(n)],
        ["one paragraph", (n: number) => "word and another word, ".repeat(n)],
        ["one list", (n: number) => "- a point of a list\n".repeat(n)],
        ["one table", (n: number) => "| a | b |\n|---|---|\n" + "| cell | cell |\n".repeat(n)],
        ["one code block", (n: number) => "```\n" + "a line of code;\n".repeat(n) + "```"],
    ])("of twice the length takes not much more than twice the work: %s", (_, make) => {
        const work = (n: number) => {
            const text = make(n);
            const pieces = text.match(/[^]{1,40}/g)!;
            const { read } = streamed(pieces);
            return read / text.length;
        };
        /* Characters read for each that is shown: bounded, and not growing with the length. */
        expect(work(2400) / work(1200)).toBeLessThan(1.35);
        expect(work(2400)).toBeLessThan(200);
    });
});

describe("the end of what is being written", () => {
    it.each([
        ["", ""],
        ["plain", "plain"],
        ["a **bo", "a **bo**"],
        ["a **", "a "],
        ["a *", "a "],
        ["a **bold**", "a **bold**"],
        ["use `co", "use `co`"],
        ["use `", "use "],
        ["see [the page](https://exa", "see the page"],
        ["see [the page](https://example.org)", "see [the page](https://example.org)"],
        ["done.\n\nnow **bo", "done.\n\nnow **bo**"],
        ["```\na ** b", "```\na ** b"],
    ])("%j is read as %j", (tail, expected) => {
        expect(html(closeOpen(tail))).toBe(html(expected));
    });

    it("never shows more than the words", () => {
        const text = "A **bold *and slanted* word**, `code` and [a link](https://example.org/x) at the end.";
        const words = (markdown: string) => html(markdown).replace(/<[^>]*>/g, "").replace(/\s+$/, "");
        for (let at = 0; at <= text.length; at++) expect(words(closeOpen(text.slice(0, at)))).not.toMatch(/\]\(|`/);
    });
});

describe("markup in Markdown is text", () => {
    it.each(["<b>x</b>", "<script>alert(1)</script>", "a <img src=x onerror=alert(1)> b", "<!-- c -->", "<div\nonclick=x>", "<svg/onload=x>", "&lt;b&gt;"])("%s", (text) => {
        const tags = [...html(text).matchAll(/<(\/?\w+)/g)].map((match) => match[1]);
        expect(tags.every((tag) => ["p", "/p", "br"].includes(tag!))).toBe(true);
    });

    it("and Markdown beside it is still Markdown", () => {
        expect(html("<b>x</b> **y**")).toBe("<p>&#60;b&#62;x&#60;/b&#62; <strong>y</strong></p>\n".replaceAll("&#60;", "&lt;").replaceAll("&#62;", "&gt;"));
    });
});

describe("addresses", () => {
    it.each(["https://example.org/a?b=c#d", "http://example.org", "HTTPS://EXAMPLE.org", "mailto:a@example.org"])("%s may be followed", (address) => {
        expect(safeAddress(address)).toBe(address);
    });

    it.each([
        ...["javascript:alert(1)", "JaVaScRiPt:alert(1)", "java\nscript:alert(1)", "\u0001javascript:alert(1)", "data:text/html,x", "vbscript:x", "blob:https://a/b"],
        ...["file:///etc/passwd", "//example.org", "/relative", "#fragment", "?a=b", "example.org", "https:example.org", "https:///x", "mailto:?body=x", "ftp://a/b"],
        ...["https://exa mple.org", "", "&#106;avascript:alert(1)", "javascript&colon;alert(1)"],
    ])("%j may not", (address) => {
        expect(safeAddress(address)).toBeUndefined();
    });
});

describe("formulas", () => {
    const formulas = (text: string) => [...html(text).matchAll(/data-math="(\w+)">([^<]*)</g)].map((match) => `${match[1]} ${match[2]}`);

    it.each([
        ["$x$", ["inline x"]],
        ["it is $5 and $10", []],
        ["$5, $10 and $x$ too", ["inline x"]],
        ["\\(a\\) and \\[b\\]", ["inline a", "block b"]],
        ["$$\na\n$$", ["block a"]],
        ["`$x$` is code", []],
        ["```\n$$a$$\n```", []],
        ["$ x $", []],
        ["\\$x\\$", []],
        ["$a < b$", ["inline a &#60; b"]],
        ["$$ never closed", []],
        ["**$x$**", ["inline x"]],
    ])("%j", (text, expected) => {
        expect(formulas(text)).toEqual(expected);
    });
});
