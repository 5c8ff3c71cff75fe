/* Text out of pages and text into paragraphs. */

/** Parts of a page that are not its reading text. */
const SKIPPED =
    "script, style, noscript, template, nav, button, input, select, textarea, dialog, svg, math annotation, iframe, object, " +
    "video, audio, canvas, lectern-assist, lectern-chat, lectern-editor-tools, lectern-flashcards, lectern-grading, lectern-questions, lectern-slot, " +
    "[hidden], [aria-hidden='true'], [data-lectern-skip]";

/** The visible text below an element: white space collapsed, one paragraph per block, cells of a table row divided by bars. */
export function visibleText(root: Element): string {
    const blocks: string[] = [];
    let current = "";
    const flush = () => {
        const text = current.replace(/\s+/g, " ").trim();
        if (text) blocks.push(text);
        current = "";
    };
    const walk = (element: Element) => {
        if (element.matches(SKIPPED)) return;
        const style = getComputedStyle(element);
        if (style.display === "none") return;
        const isCell = style.display === "table-cell";
        const isBlock = !isCell && !/^(inline|contents|ruby)/.test(style.display);
        if (isBlock) flush();
        const closed = element instanceof HTMLDetailsElement && !element.open;
        for (const child of element.childNodes) {
            if (child instanceof Text) {
                if (style.visibility === "visible" && !closed) current += child.data;
            } else if (child instanceof HTMLBRElement) {
                current += " ";
            } else if (child instanceof Element && (!closed || child.localName === "summary")) {
                walk(child);
            }
        }
        if (isCell && element.nextElementSibling) current += " | ";
        if (isBlock) flush();
    };
    walk(root);
    flush();
    return blocks.join("\n\n");
}

/** Splits an answer or a policy at its blank lines. */
export function paragraphs(text: string): string[] {
    return text
        .split(/(?:\r\n|\r|\n)[ \t]*(?:(?:\r\n|\r|\n)[ \t]*)+/)
        .map((paragraph) => paragraph.trim())
        .filter(Boolean);
}
