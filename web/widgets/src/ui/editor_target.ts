/*
 * The text field that an author writes in, a <textarea> or what is contenteditable: what is selected there, also while a dialog has the focus,
 * and putting something into it as if it were typed, so that it can be undone and whoever listens to the field notices.
 */
import { type Frame, sanitizeMarkup } from "../rich/sanitize.js";

export type Field = HTMLTextAreaElement | HTMLElement;

/** What insert() is given: text by what stands before and after it, markup by whether it is to stand inside a paragraph, and does. */
export interface Insertable {
    text(before: string, after: string): string;
    html(inline: boolean): { markup: string; inline: boolean };
}

export class EditorTarget {
    /** Where the caret was last, in a contenteditable. */
    private range: Range | undefined;
    private visited: Field | undefined;

    constructor(private readonly selector: () => string) {}

    watch(): void {
        document.addEventListener("selectionchange", this.remember);
        document.addEventListener("focusin", this.visit);
    }

    leave(): void {
        document.removeEventListener("selectionchange", this.remember);
        document.removeEventListener("focusin", this.visit);
    }

    /** undefined: there is none that can be written in. */
    get field(): Field | undefined {
        const selector = this.selector();
        const field = selector ? document.querySelector<HTMLElement>(selector) : null;
        if (field instanceof HTMLTextAreaElement) return field.readOnly || field.disabled ? undefined : field;
        return field?.isContentEditable ? field : undefined;
    }

    private readonly remember = (): void => {
        const { field } = this;
        const selection = document.getSelection();
        if (!field || field instanceof HTMLTextAreaElement || !selection || selection.rangeCount === 0) return;
        const range = selection.getRangeAt(0);
        if (field.contains(range.commonAncestorContainer)) this.range = range.cloneRange();
    };

    private readonly visit = (event: FocusEvent): void => {
        if (event.target === this.field) this.visited = this.field;
    };

    get whole(): string {
        const { field } = this;
        return (field instanceof HTMLTextAreaElement ? field.value : (field?.innerText ?? "")).trim();
    }

    get selected(): string {
        const { field } = this;
        if (!field) return "";
        if (field instanceof HTMLTextAreaElement) return field.value.slice(field.selectionStart, field.selectionEnd).trim();
        return this.rangeIn(field)?.toString().trim() ?? "";
    }

    private rangeIn(field: HTMLElement): Range | undefined {
        return this.range && field.contains(this.range.commonAncestorContainer) ? this.range : undefined;
    }

    /** Puts it behind the selection (at the caret, at the end where there was none), or in its place. The field has the focus then. */
    insert(what: Insertable, replace: boolean): boolean {
        const { field } = this;
        if (!field) return false;
        if (field instanceof HTMLTextAreaElement) insertText(field, what, replace, this.visited === field);
        else insertNodes(field, what, replace, this.rangeIn(field));
        return true;
    }
}

function insertText(field: HTMLTextAreaElement, what: Insertable, replace: boolean, visited: boolean): void {
    const end = visited ? field.selectionEnd : field.value.length;
    const start = replace && visited ? field.selectionStart : end;
    const text = what.text(field.value.slice(0, start), field.value.slice(end));
    field.focus();
    field.setSelectionRange(start, end);
    if (document.execCommand("insertText", false, text)) return;
    field.setRangeText(text, start, end, "end"); /* cannot be undone, but is there */
    tell(field, "insertText", text);
}

function insertNodes(field: HTMLElement, what: Insertable, replace: boolean, last: Range | undefined): void {
    const range = last?.cloneRange() ?? endOf(field);
    if (!replace) range.collapse(false);
    const before = wordsOf(field, range, true);
    const after = wordsOf(field, range, false);
    const { markup, inline } = what.html(before.trim() !== "" && after.trim() !== "");
    field.focus();
    const selection = document.getSelection()!;
    selection.removeAllRanges();
    selection.addRange(range);
    try {
        if (document.execCommand("insertHTML", false, sanitizeMarkup(spaced(markup, inline, before), frameOf(inline, before, after)))) {
            if (inline && !beginsWord(after)) selection.modify("move", "forward", "character");
            return;
        }
    } catch {
        /* the page's policy does not allow it: as text */
    }
    const text = what.text(before, after);
    if (document.execCommand("insertText", false, text)) return;
    range.deleteContents();
    range.insertNode(document.createTextNode(text));
    tell(field, "insertText", text);
}

function frameOf(inline: boolean, before: string, after: string): Frame {
    if (inline) return beginsWord(after) ? "words before words" : "words";
    return before.trim() ? "paragraphs behind words" : "paragraphs";
}

const beginsWord = (text: string) => /^[\p{L}\p{N}]/u.test(text);

function spaced(markup: string, inline: boolean, before: string): string {
    return inline && /\S$/.test(before) ? " " + markup : markup;
}

/** Behind the last words of a field. */
function endOf(field: HTMLElement): Range {
    let node: Node = field;
    while (node.lastChild) node = node.lastChild;
    const range = document.createRange();
    if (node instanceof Text) range.setStart(node, node.data.length);
    else range.selectNodeContents(node instanceof HTMLBRElement ? node.parentNode! : node);
    range.collapse(node instanceof HTMLBRElement);
    return range;
}

/** What stands before or behind a range in its paragraph. */
function wordsOf(field: HTMLElement, { startContainer, startOffset, endContainer, endOffset }: Range, before: boolean): string {
    let block: Node = before ? startContainer : endContainer;
    if (block === field) return "";
    while (block.parentNode !== field) block = block.parentNode!;
    const words = document.createRange();
    words.selectNodeContents(block);
    if (before) words.setEnd(startContainer, startOffset);
    else words.setStart(endContainer, endOffset);
    return words.toString();
}

function tell(field: Field, inputType: string, data: string): void {
    field.dispatchEvent(new InputEvent("input", { bubbles: true, composed: true, inputType, data }));
    field.dispatchEvent(new Event("change", { bubbles: true }));
}
