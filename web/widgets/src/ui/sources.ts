/* The sources of an answer, below it. */
import { html, nothing, type TemplateResult } from "lit";
import type { Citation } from "../client/citations.js";
import type { Strings } from "../words/strings.js";

export function sourcesView({ sources, linkOpens }: Strings, citations: readonly Citation[]): TemplateResult | typeof nothing {
    if (citations.length === 0) return nothing;
    return html`<div class="sources" role="group" aria-label=${sources}>
        <p>${sources}</p>
        <ol>
            ${citations.map(
                ({ n, title, url, quote }) =>
                    html`<li dir="auto" lang="" value=${n || nothing}>
                        ${url ? html`<a href=${url} target="_blank" rel="noopener noreferrer" title=${`${url} (${linkOpens})`}>${title}</a>` : title}
                        ${quote ? html`<q>${quote}</q>` : nothing}
                    </li>`,
            )}
        </ol>
    </div>`;
}
