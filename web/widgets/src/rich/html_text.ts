/* Texts of questions as they are shown: HTML as far as it can be read safely, or plain text; formulas in both. Nothing is loaded. */
import type { Strings } from "../words/strings.js";
import { drawMath } from "./math.js";
import { sanitize } from "./sanitize.js";

/** Characters above which HTML is shown as it is written. */
const HTML_MAX = 100_000;

const FORMULA = /\\\(((?:(?!\\\))[^])+)\\\)|\\\[((?:(?!\\\])[^])+)\\\]|\$\$((?:(?!\$\$)[^])+)\$\$/g;

export interface Part {
    /** As written, with its marks. */
    source: string;
    /** Of a formula. */
    math?: string;
    display?: boolean;
}

/** Text and formulas in turn, as MathJax finds them in Open edX and Moodle: \(…\), \[…\], $$…$$. */
export function formulaParts(text: string): Part[] {
    const parts: Part[] = [];
    let at = 0;
    for (const match of text.matchAll(FORMULA)) {
        if (match.index > at) parts.push({ source: text.slice(at, match.index) });
        const display = match[1] === undefined;
        parts.push({ source: match[0], math: (match[1] ?? match[2] ?? match[3]!).trim(), display });
        at = match.index + match[0].length;
    }
    if (at < text.length) parts.push({ source: text.slice(at) });
    return parts;
}

function nodeOf({ source, math, display }: Part): Node {
    if (math === undefined) return document.createTextNode(source);
    const place = document.createElement("span");
    place.dataset["math"] = display ? "block" : "inline";
    place.textContent = math;
    return place;
}

function markFormulas(root: Node): void {
    const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    const texts: Text[] = [];
    while (walker.nextNode()) texts.push(walker.currentNode as Text);
    for (const text of texts) {
        if (text.parentElement?.closest("code, pre, [data-math]")) continue;
        const parts = formulaParts(text.data);
        if (parts.some((part) => part.math !== undefined)) text.replaceWith(...parts.map(nodeOf));
    }
}

/** What a text of a question is made of. */
const SHOWN = /^(?:p|br|hr|h[1-6]|strong|b|em|i|sub|sup|del|code|pre|blockquote|ul|ol|li|table|thead|tbody|tr|th|td)$/i;

const MARKUP = /<!--[^]*?(?:-->|$)|<(script|style|template)\b[^]*?(?:<\/\1\s*>|$)|<(\/?)([a-z][a-z0-9]*)([^<>]*)>|</gi;

/**
 * Known tags alone, without attributes, so that a page's policy finds nothing to complain of when it is read; what makes it safe is sanitize().
 * Pictures are not loaded: their description stands in their place.
 */
export function simpleHtml(html: string, words: Pick<Strings, "image">): string {
    return html.replace(MARKUP, (found, hidden?: string, end?: string, name?: string, attributes?: string) => {
        if (found === "<") return "&lt;";
        if (hidden || !name) return "";
        if (SHOWN.test(name)) return `<${end}${name}>`;
        if (name.toLowerCase() !== "img") return end && /^(?:div|section|article)$/i.test(name) ? "<br>" : "";
        const alt = /\balt\s*=\s*(?:"([^"]*)"|'([^']*)')/i.exec(attributes ?? "");
        return words.image(alt?.[1] ?? alt?.[2] ?? "");
    });
}

function made(name: string, fill: (element: HTMLElement) => void): HTMLElement {
    const element = document.createElement(name);
    element.className = "rich";
    fill(element);
    markFormulas(element);
    drawMath(element, element);
    return element;
}

export function htmlText(html: string, strings: Strings): HTMLElement {
    return made("div", (element) => {
        try {
            if (html.length > HTML_MAX) throw new RangeError("too long");
            element.append(sanitize(simpleHtml(html, strings)));
        } catch {
            element.className += " plain";
            element.textContent = html.replace(/<[^<>]*>/g, "");
        }
    });
}

export function plainText(text: string): HTMLElement {
    return made("span", (element) => {
        element.className += " plain";
        element.textContent = text;
    });
}
