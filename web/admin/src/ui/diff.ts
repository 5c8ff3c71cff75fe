/* Two texts, line by line: what went, what came. */
import { html, type TemplateResult } from "lit";

export interface DiffLine {
    kind: "same" | "gone" | "new";
    text: string;
}

/** Lines of a table for the longest common subsequence; beyond it, all is shown as gone and new. */
const LINES_MAX = 2000;

/** The longest common subsequence of lines decides what stayed. */
export function diffLines(before: string, after: string): DiffLine[] {
    const a = before.split("\n"), b = after.split("\n");
    const all = (kind: DiffLine["kind"], lines: string[]) => lines.map((text) => ({ kind, text }));
    if (a.length > LINES_MAX || b.length > LINES_MAX) return [...all("gone", a), ...all("new", b)];
    const width = b.length + 1;
    const common = new Uint16Array((a.length + 1) * width);
    for (let i = a.length - 1; i >= 0; i--)
        for (let j = b.length - 1; j >= 0; j--)
            common[i * width + j] = a[i] === b[j]
                ? common[(i + 1) * width + j + 1]! + 1
                : Math.max(common[(i + 1) * width + j]!, common[i * width + j + 1]!);
    const lines: DiffLine[] = [];
    let i = 0, j = 0;
    while (i < a.length || j < b.length) {
        if (i < a.length && j < b.length && a[i] === b[j]) lines.push({ kind: "same", text: a[i++]! }), j++;
        else if (i < a.length && (j >= b.length || common[(i + 1) * width + j]! >= common[i * width + j + 1]!))
            lines.push({ kind: "gone", text: a[i++]! });
        else lines.push({ kind: "new", text: b[j++]! });
    }
    return lines;
}

const SIGNS = { same: " ", gone: "−", new: "+" };
const SPOKEN = { same: "", gone: "removed: ", new: "added: " };

export function diffView(title: string, before: string, after: string): TemplateResult {
    const lines = diffLines(before, after);
    return lines.every((line) => line.kind === "same") ? html`<p class="muted">${title}: nothing differs.</p>` : linesView(title, lines);
}

/** The lines as they are, also where nothing differs. */
export function linesView(title: string, lines: readonly DiffLine[]): TemplateResult {
    return html`<div class="diff" role="region" aria-label=${title} tabindex="0">${lines.map(
        (line) => html`<div class=${line.kind}><span aria-hidden="true">${SIGNS[line.kind]}</span><span
            class="hidden">${SPOKEN[line.kind]}</span><code>${line.text}</code></div>`,
    )}</div>`;
}
