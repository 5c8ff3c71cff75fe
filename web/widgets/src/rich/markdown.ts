/*
 * Markdown as models write it. Markup in it is text, not markup; images are not loaded, because an address is a way to carry data
 * out of the page; formulas become places that math.ts fills. What comes out here is still a string: sanitize.ts makes nodes of it.
 */
import { Marked, type TokenizerAndRendererExtension, type Token, type Tokens } from "marked";
import type { Strings } from "../words/strings.js";

export type Words = Pick<Strings, "image">;

/** Headings of answers are below those of the element, which end with the third level. */
const HEADING_FROM = 3;

function escape(text: string): string {
    return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** Only addresses that a person may follow knowingly. Anything else, also what a browser would read as such after cleaning it up, is none. */
export function safeAddress(address: string): string | undefined {
    const text = address.trim();
    if (/[\u0000-\u0020\u007f]/.test(text)) return undefined;
    return /^(?:https?:\/\/[^/]|mailto:[^?]+@)/i.test(text) ? text : undefined;
}

interface MathToken extends Tokens.Generic {
    text: string;
    display: boolean;
}

function math(name: string, level: "block" | "inline", pattern: RegExp, display: boolean, start: RegExp): TokenizerAndRendererExtension {
    return {
        name,
        level,
        start: (source: string) => start.exec(source)?.index,
        tokenizer(source: string): MathToken | undefined {
            const match = pattern.exec(source);
            return match ? { type: name, raw: match[0], text: match[1]!.trim(), display } : undefined;
        },
        renderer: (token) => {
            const { text, display: block } = token as MathToken;
            const place = `<span data-math="${block ? "block" : "inline"}">${escape(text)}</span>`;
            return level === "block" ? `<p>${place}</p>\n` : place;
        },
    };
}

/* A dollar opens a formula before a character and closes it behind one, and not before a digit: "$5 and $10" is money. */
const EXTENSIONS = [
    math("dollarBlock", "block", /^ {0,3}\$\$((?:(?!\$\$|\n[ \t]*\n)[^])+)\$\$[ \t]*(?:\n|$)/, true, /(?:^|\n) {0,3}\$\$/),
    math("bracketBlock", "block", /^ {0,3}\\\[((?:(?!\\\]|\n[ \t]*\n)[^])+)\\\][ \t]*(?:\n|$)/, true, /(?:^|\n) {0,3}\\\[/),
    math("dollars", "inline", /^\$\$((?:(?!\$\$)[^])+)\$\$/, true, /\$\$/),
    math("brackets", "inline", /^\\\[((?:(?!\\\])[^])+)\\\]/, true, /\\\[/),
    math("parens", "inline", /^\\\(((?:(?!\\\))[^])+)\\\)/, false, /\\\(/),
    math("dollar", "inline", /^\$(?![\s$])((?:\\[^]|[^\\$\n])*?(?:\\[^\s]|[^\\\s$]))\$(?![\d$])/, false, /\$/),
];

function inlineCell(parser: { parseInline(tokens: Token[]): string }, cell: Tokens.TableCell): string {
    const align = cell.align ? ` data-align="${cell.align}"` : "";
    return cell.header ? `<th scope="col"${align}>${parser.parseInline(cell.tokens)}</th>` : `<td${align}>${parser.parseInline(cell.tokens)}</td>`;
}

export function makeMarked(words: Words): Marked {
    return new Marked({
        gfm: true,
        breaks: true,
        extensions: EXTENSIONS,
        /* Without these two, "<" is a character like any other. */
        tokenizer: { html: () => undefined, tag: () => undefined },
        renderer: {
            html: ({ text }) => escape(text),
            heading({ tokens, depth }) {
                const level = Math.min(depth + HEADING_FROM, 6);
                return `<h${level}>${this.parser.parseInline(tokens)}</h${level}>\n`;
            },
            link({ href, tokens }) {
                const inside = this.parser.parseInline(tokens);
                const address = safeAddress(href);
                return address ? `<a href="${escape(address)}">${inside}</a>` : inside;
            },
            image({ href, text }) {
                const label = escape(words.image(text));
                const address = safeAddress(href);
                return address ? `<a href="${escape(address)}">${label}</a>` : label;
            },
            code({ text, lang }) {
                const language = /^[\w+#.-]{1,24}/.exec(lang ?? "")?.[0] ?? "";
                return `<pre data-language="${escape(language)}"><code>${escape(text)}</code></pre>\n`;
            },
            checkbox: ({ checked }) => (checked ? "☑ " : "☐ "),
            tablecell(cell) {
                return inlineCell(this.parser, cell);
            },
        },
    });
}
