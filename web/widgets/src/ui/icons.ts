/* Drawings on buttons. They say nothing that the words beside them do not. */
import { html, nothing, svg, type TemplateResult } from "lit";

const ICONS: Record<string, TemplateResult> = {
    summarise_text: svg`<path d="M4 6h16M4 12h10M4 18h6"/>`,
    explain_text: svg`<path d="M9 18h6M10 21h4M8 14a6 6 0 1 1 8 0c-.7.6-1 1.2-1 2H9c0-.8-.3-1.4-1-2z"/>`,
    generate_text: svg`<path d="M4 20h4L19 9l-4-4L4 16zM15 20h5M5 3v4M3 5h4"/>`,
    improve_text: svg`<path d="M4 6h10M4 12h7M4 18h5M13 16l3 3 5-7"/>`,
    translate_text: svg`<path d="M4 6h9M8 4v2M11 6c-1 4-3 6-7 8M6 9c1 2 3 4 5 5M12 20l4-9 4 9M13 17h6"/>`,
    generate_image: svg`<path d="M4 5h16v14H4zM4 16l5-5 4 4 3-3 4 4M15 9h.01"/>`,
    insert: svg`<path d="M12 4v11M7 10l5 5 5-5M5 20h14"/>`,
    close: svg`<path d="M6 6l12 12M18 6L6 18"/>`,
    stop: svg`<path d="M7 7h10v10H7z"/>`,
    retry: svg`<path d="M4 12a8 8 0 1 1 2.5 5.8M4 20v-4h4"/>`,
    copy: svg`<path d="M9 9h11v11H9zM5 15H4V4h11v1"/>`,
    send: svg`<path d="M12 19V5M6 11l6-6 6 6"/>`,
    edit: svg`<path d="M4 20h4L19 9l-4-4L4 16zM13 7l4 4"/>`,
    restart: svg`<path d="M12 5v14M5 12h14"/>`,
    newest: svg`<path d="M12 5v14M6 13l6 6 6-6"/>`,
    up: svg`<path d="M7 11v9H4v-9zM7 11l4-8a2 2 0 0 1 2 2v4h6l-2 11H7z"/>`,
    down: svg`<path d="M7 13V4H4v9zM7 13l4 8a2 2 0 0 0 2-2v-4h6L17 4H7z"/>`,
    previous: svg`<path d="M15 5l-7 7 7 7"/>`,
    next: svg`<path d="M9 5l7 7-7 7"/>`,
    right: svg`<path d="M5 13l4 4L19 7"/>`,
    tool: svg`<path d="M14 6a4 4 0 0 1 5-1l-3 3 1 1 3-3a4 4 0 0 1-5 5l-7 7-2-2 7-7a4 4 0 0 1 1-3z"/>`,
};

export function icon(name: string): TemplateResult | typeof nothing {
    if (!Object.hasOwn(ICONS, name)) return nothing;
    return html`<svg viewBox="0 0 24 24" aria-hidden="true" focusable="false">${ICONS[name]}</svg>`;
}
