/*
 * The text that was graded, with the evidence marked in it, and the ways between a mark and its criterion. A submission is a stranger's text: it becomes
 * text nodes and nothing else.
 */
import { html, nothing, type TemplateResult } from "lit";
import type { Place } from "../client/grading.js";
import { type Piece, pieces } from "../client/marks.js";
import type { GradingStrings } from "../words/grading.js";

/** A piece of evidence in the text. */
export interface Marked extends Place {
    /** Of its number in the text. */
    id: string;
    /** What stands in the text. */
    label: string;
    /** Of the criterion, as people see it. */
    name: string;
    /** The element with what is said about it. */
    target: string;
    /** What it says. */
    quote: string;
    aside: boolean;
}

export interface SubmissionHost {
    readonly words: GradingStrings;
    /** The target whose marks stand out. */
    readonly active: string;
    go(id: string): void;
    point(target: string): void;
}

/** The text of an element of the page, as it was written there. */
export function textOf(element: Element): string {
    if (element instanceof HTMLTextAreaElement) return element.value;
    if (element instanceof HTMLTemplateElement) return element.content.textContent ?? "";
    return element.textContent ?? "";
}

function pieceView(host: SubmissionHost, piece: Piece, marked: Marked[]): TemplateResult | string {
    const text = piece.text.replaceAll("\r", "");
    if (piece.marks.length === 0) return text;
    const here = piece.marks.map((index) => marked[index]!);
    const begins = piece.begins.map((index) => marked[index]!);
    /* The innermost one is meant. */
    const least = here.reduce((a, b) => (b.end - b.start < a.end - a.start ? b : a));
    const classes = [
        here.length > 1 ? "several" : "",
        here.every((mark) => mark.aside) ? "aside" : "",
        here.some((mark) => mark.target === host.active) ? "active" : "",
    ];
    const press = () => {
        if (getSelection()?.isCollapsed !== false) host.go(least.target);
    };
    // prettier-ignore
    return html`${begins.map((mark) => ref(host, mark))}<mark class=${classes.join(" ").trim()} data-for=${here.map((mark) => mark.label).join(" ")} @click=${press}>${text}</mark>`;
}

function ref(host: SubmissionHost, mark: Marked): TemplateResult {
    // prettier-ignore
    return html`<button type="button" class=${mark.aside ? "ref aside" : "ref"} id=${mark.id} aria-label=${host.words.toFeedback(mark.label, mark.name)} @click=${() => host.go(mark.target)} @focus=${() => host.point(mark.target)}>${mark.label}</button>`;
}

/** One part of a submission. White space is the text's own. */
function partView(host: SubmissionHost, text: string, marked: Marked[]): TemplateResult {
    // prettier-ignore
    return html`<div class="text" lang="">${pieces(text, marked).map((piece) => pieceView(host, piece, marked))}</div>`;
}

export function submissionView(host: SubmissionHost, parts: readonly string[], marked: readonly Marked[], note: string): TemplateResult {
    const { words } = host;
    return html`<div class="submission" role="group" aria-labelledby="submission-title">
        <h3 id="submission-title">${words.submission}</h3>
        ${note ? html`<p class="state">${note}</p>` : nothing}
        ${parts.map(
            (text, part) =>
                html`${parts.length > 1 ? html`<h4>${words.part(part + 1)}</h4>` : nothing}
                ${partView(
                    host,
                    text,
                    marked.filter((mark) => mark.part === part),
                )}`,
        )}
    </div>`;
}

const QUOTE_MAX = 60;

/** Below a criterion: its places, each a way into the text. */
export function placesView(host: SubmissionHost, marked: readonly Marked[], elsewhere: readonly Place[]): TemplateResult | typeof nothing {
    const { words } = host;
    const attachments = [...new Set(elsewhere.flatMap((place) => place.attachment ?? []))];
    if (marked.length === 0 && attachments.length === 0) return nothing;
    return html`<div class="places">
        <span>${words.places}</span>
        <ul>
            ${marked.map(
                (mark) =>
                    html`<li>
                        <button type="button" class="small" title=${words.place(mark.name)} @click=${() => host.go(mark.id)}>
                            <q lang="" dir="auto">${short(mark.quote)}</q>
                        </button>
                    </li>`,
            )}
            ${attachments.map((index) => html`<li>${words.inAttachment(index + 1)}</li>`)}
        </ul>
    </div>`;
}

function short(quote: string): string {
    const text = quote.replace(/\s+/g, " ").trim();
    const characters = [...text];
    return characters.length > QUOTE_MAX ? characters.slice(0, QUOTE_MAX).join("").trimEnd() + "…" : text;
}
