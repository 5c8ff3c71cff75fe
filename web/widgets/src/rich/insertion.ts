/*
 * An answer as what goes into an editor: Markdown for a text field, markup for one that shows it. Both say that they were made by a
 * machine, in words that readers see and in an attribute that programs see.
 */
import type { Strings } from "../words/strings.js";
import { makeMarked } from "./markdown.js";
import { sanitize } from "./sanitize.js";

/** The attribute of markup that a machine made: "true", and "note" of the words that say so. */
export const MARK = "data-ai-generated";

/** How it is marked: in words and attribute, in the attribute alone, or not at all. */
export type Marking = "visible" | "data" | "none";

export interface Marks {
    marking: Marking;
    /** "AI-generated", or what the page says. */
    note: string;
}

/** Whether this is one run of words, which can stand inside a sentence or a paragraph. */
export function isInline(markdown: string): boolean {
    return !/[\r\n]/.test(markdown.trim()) && !/^\s*(?:#{1,6}\s|[-*+]\s|\d+[.)]\s|>|```|~~~|\||\$\$|\\\[)/.test(markdown);
}

/** As text for between `before` and `after`: words inside a line, or paragraphs of their own with the note in the last. */
export function textToInsert(markdown: string, { marking, note }: Marks, before = "", after = ""): string {
    const text = markdown.trim();
    const inLine = !/(?:^|\n)[ \t]*$/.test(before) && !/^[ \t]*(?:\n|$)/.test(after) && isInline(text);
    if (inLine) {
        const words = marking === "visible" ? `${text} (${note})` : text;
        return (/\S$/.test(before) ? " " : "") + words + (/^[\p{L}\p{N}]/u.test(after) ? " " : "");
    }
    const whole = marking === "visible" ? `${text}\n\n(${note})` : text;
    const lead = before.trim() === "" || /\n[ \t]*\n[ \t]*$/.test(before) ? "" : /\n[ \t]*$/.test(before) ? "\n" : "\n\n";
    const trail = after.trim() === "" || /^[ \t]*\n[ \t]*\n/.test(after) ? "" : /^[ \t]*\n/.test(after) ? "\n" : "\n\n";
    return lead + whole + trail;
}

/** As nodes: one <div>, or, where it is to stand inside a paragraph and can, a <span>. */
export function nodesToInsert(markdown: string, marks: Marks, strings: Strings, inline: boolean): { nodes: DocumentFragment; inline: boolean } {
    const fragment = document.createDocumentFragment();
    const content = contentOf(markdown.trim(), strings);
    const paragraph = content.firstElementChild;
    const inside = inline && content.childElementCount === 1 && paragraph instanceof HTMLParagraphElement && !paragraph.querySelector("br");
    const box = document.createElement(inside ? "span" : "div");
    box.append(...(inside ? paragraph.childNodes : content.childNodes));
    if (marks.marking === "none") fragment.append(...box.childNodes);
    else fragment.append(box);
    if (marks.marking !== "none") box.setAttribute(MARK, "true");
    if (marks.marking === "visible" && inside) fragment.append(" ", noteElement("small", `(${marks.note})`));
    else if (marks.marking === "visible") box.append(noteParagraph(marks.note));
    return { nodes: fragment, inline: inside };
}

/** An image with its description. */
export function imageToInsert(address: string, alt: string, marks: Marks): DocumentFragment {
    const fragment = document.createDocumentFragment();
    const figure = document.createElement("figure");
    const image = document.createElement("img");
    image.src = address;
    image.alt = alt;
    figure.append(image);
    if (marks.marking !== "none") figure.setAttribute(MARK, "true");
    if (marks.marking === "visible") figure.append(noteElement("figcaption", marks.note));
    fragment.append(figure);
    return fragment;
}

/** An image as Markdown. */
export function imageText(address: string, alt: string): string {
    const label = alt.replace(/\s+/g, " ").trim().replace(/[\\[\]]/g, "\\$&");
    return `![${label}](<${address}>)`;
}

export function markupOf(fragment: DocumentFragment): string {
    const box = document.createElement("div");
    box.append(fragment.cloneNode(true));
    return box.innerHTML;
}

function noteElement(tag: string, note: string): HTMLElement {
    const element = document.createElement(tag);
    element.setAttribute(MARK, "note");
    element.textContent = note;
    return element;
}

function noteParagraph(note: string): HTMLElement {
    const paragraph = noteElement("p", "");
    const small = document.createElement("small");
    small.textContent = note;
    paragraph.append(small);
    return paragraph;
}

/** Without what only the widgets' own styles give a meaning: formulas are as TeX reads them, which is what platforms draw. */
function contentOf(markdown: string, strings: Strings): DocumentFragment {
    const fragment = sanitize(makeMarked(strings).parse(markdown, { async: false }));
    for (const node of [...fragment.childNodes]) if (node instanceof Text && node.data.trim() === "") node.remove();
    for (const place of fragment.querySelectorAll<HTMLElement>("[data-math]")) {
        const block = place.dataset["math"] === "block";
        place.replaceWith(`${block ? "\\[" : "\\("}${place.textContent ?? ""}${block ? "\\]" : "\\)"}`);
    }
    for (const element of fragment.querySelectorAll("[data-language], [data-align]")) {
        element.removeAttribute("data-language");
        element.removeAttribute("data-align");
    }
    return fragment;
}
