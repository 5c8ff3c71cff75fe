/* Small parts that many pages show. */
import { html, nothing, type TemplateResult } from "lit";
import { ago, when } from "./format.js";
import { say } from "./toast.js";

export type Level = "ok" | "warning" | "error" | "off";

/** A state as a word with a mark: never by colour alone. */
export function badge(level: Level, text: string): TemplateResult {
    const mark = { ok: "✓", warning: "!", error: "✗", off: "–" }[level];
    return html`<span class="badge ${level}"><span aria-hidden="true">${mark}</span> ${text}</span>`;
}

/** A time as it is read, and exactly on request. */
export function timeView(value: unknown): TemplateResult | string {
    return typeof value === "string" && value ? html`<time datetime=${value} title=${when(value, { seconds: true })}>${ago(value)}</time>` : "–";
}

/** Names and what they are, in two columns. Rows whose value is undefined are left out. */
export function facts(rows: readonly (readonly [title: string, value: unknown])[]): TemplateResult {
    return html`<dl
        class="facts">${rows.map(([title, value]) => (value === undefined ? nothing : html`<div><dt>${title}</dt><dd>${value}</dd></div>`))}</dl>`;
}

/** A text to be taken along, with a button that copies it. */
export function snippet(title: string, text: string): TemplateResult {
    const copy = async () => {
        try {
            await navigator.clipboard.writeText(text);
            say(`${title}: copied.`);
        } catch {
            say("The browser does not let this page copy. Select the text instead.", { failed: true });
        }
    };
    return html`<div class="snippet"><pre tabindex="0" aria-label=${title}>${text}</pre><button type="button" @click=${copy}>Copy</button></div>`;
}

/** A bar of how much of something is used. */
export function meter(title: string, used: number, amount: number, shown: string): TemplateResult {
    const level = amount > 0 && used >= amount ? "error" : amount > 0 && used >= 0.8 * amount ? "warning" : "ok";
    return html`<span class="meter ${level}"><progress max=${Math.max(amount, 1)} value=${Math.min(used, Math.max(amount, 1))}
        aria-label=${title}></progress> <span>${shown}</span></span>`;
}
