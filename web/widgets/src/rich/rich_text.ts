/*
 * An answer as it is shown: Markdown that may still grow. Owns one element, which the widgets put into their own; nothing else writes into it.
 */
import type { Marked } from "marked";
import type { Strings } from "../words/strings.js";
import { makeMarked } from "./markdown.js";
import { drawMath } from "./math.js";
import { patchChildren } from "./patch.js";
import { sanitize } from "./sanitize.js";
import { BlockSplitter, closeOpen } from "./splitter.js";

/** Characters above which an answer is shown as plain text. */
const MARKDOWN_MAX = 400_000;

export class RichText {
    readonly element: HTMLElement = document.createElement("div");
    /** What was pushed, as Markdown. */
    text = "";

    private readonly marked: Marked;
    private splitter: BlockSplitter;
    /** Nodes of the element that no longer change. */
    private settled = 0;
    private waiting = "";
    private frame = 0;

    constructor(
        private readonly strings: Strings,
        text = "",
    ) {
        this.element.className = "rich";
        this.marked = makeMarked(strings);
        this.splitter = this.newSplitter();
        if (text) this.finish(text);
    }

    /** More text; it is shown with the next frame. */
    push(text: string): void {
        this.text += text;
        this.waiting += text;
        if (this.frame) return;
        this.frame = requestAnimationFrame(() => {
            this.frame = 0;
            this.grow();
        });
    }

    /** The whole text, now. Nothing is made anew when it is what was pushed. */
    finish(text = this.text): void {
        cancelAnimationFrame(this.frame);
        this.frame = 0;
        if (text === this.text && this.settled > 0) {
            this.show(this.splitter.end() + this.waiting.replaceAll("\r", ""));
        } else {
            this.settled = 0;
            this.text = text;
            this.show(text);
        }
        this.waiting = "";
        this.splitter = this.newSplitter();
        this.settled = this.element.childNodes.length;
    }

    private newSplitter(): BlockSplitter {
        return new BlockSplitter((markdown) => {
            try {
                return this.marked.lexer(markdown);
            } catch {
                return []; /* nested deeper than the reader goes: nothing settles */
            }
        });
    }

    private grow(): void {
        const { settled, tail, unread } = this.splitter.push(this.waiting);
        this.waiting = "";
        if (unread) return this.appendPlain(unread);
        const fixed = settled ? this.nodes(settled) : [];
        patchChildren(this.element, this.settled, [...fixed, ...this.nodes(closeOpen(tail))]);
        this.settled += fixed.length;
        drawMath(this.element, this.element);
    }

    private show(markdown: string): void {
        patchChildren(this.element, this.settled, this.nodes(markdown));
        drawMath(this.element, this.element);
    }

    /** What is not read yet stands behind what is, in the same place. */
    private appendPlain(unread: string): void {
        let last: Element = this.element;
        while (last.lastElementChild && last.localName !== "code") last = last.lastElementChild;
        const mark = last.lastChild;
        if (mark instanceof Text && mark.parentElement?.dataset["unread"] !== undefined) {
            mark.data = unread;
            return;
        }
        const span = document.createElement("span");
        span.dataset["unread"] = "";
        span.textContent = unread;
        last.append(span);
    }

    private nodes(markdown: string): Node[] {
        if (!markdown.trim()) return [];
        try {
            if (markdown.length > MARKDOWN_MAX) throw new RangeError("too long");
            const fragment = sanitize(this.marked.parse(markdown, { async: false }));
            this.decorate(fragment);
            return [...fragment.childNodes].filter((node) => !(node instanceof Text) || node.data.trim() !== "");
        } catch {
            const plain = document.createElement("p");
            plain.className = "plain";
            plain.textContent = markdown;
            return [plain];
        }
    }

    /** What may not come from the outside, because it acts. */
    private decorate(fragment: DocumentFragment): void {
        for (const link of fragment.querySelectorAll<HTMLAnchorElement>("a[href]")) {
            link.target = "_blank";
            link.rel = "noopener noreferrer nofollow ugc";
            link.title = `${link.href} (${this.strings.linkOpens})`;
        }
        for (const table of fragment.querySelectorAll("table")) wrap(table, "wide");
        for (const pre of fragment.querySelectorAll("pre")) this.frameCode(pre);
        drawMath(fragment, this.element);
    }

    private frameCode(pre: HTMLPreElement): void {
        const box = wrap(pre, "code");
        const head = document.createElement("div");
        const button = document.createElement("button");
        head.className = "code-head";
        head.textContent = pre.dataset["language"] || this.strings.code;
        button.type = "button";
        button.className = "copy-code small";
        button.textContent = this.strings.copyCode;
        head.append(button);
        box.prepend(head);
    }
}

/** Puts a thing that may be wider than the page into a box of its own that scrolls, also by keyboard. */
function wrap(thing: Element, name: string): HTMLElement {
    const box = document.createElement("div");
    box.className = name;
    thing.replaceWith(box);
    box.append(thing);
    const scrolling = thing instanceof HTMLPreElement ? thing : box;
    scrolling.setAttribute("tabindex", "0");
    if (thing instanceof HTMLTableElement) box.setAttribute("role", "group");
    return box;
}

/** For an element's click listener: the code whose copy button was pressed. */
export function codeToCopy(event: Event): string | undefined {
    const button = event.target instanceof Element ? event.target.closest("button.copy-code") : null;
    return button?.closest(".code")?.querySelector("pre code")?.textContent ?? undefined;
}
