import { css } from "lit";

/*
 * Pages set the look with custom properties: --lectern-font, -accent, -on-accent, -surface, -text, -muted, -border, -danger,
 * -radius, -panel-width, -z-index. The defaults follow the page's color-scheme and not the system's, so that the widget is
 * not dark on a page that has no dark mode. The names that begin with --_ are our own: a page may well say
 * "--lectern-accent: var(--accent)" on this element, which must not come back to itself.
 */
export const styles = css`
    :host {
        display: block;
        --_font: var(--lectern-font, system-ui, sans-serif);
        --_accent: var(--lectern-accent, #1f5f8b);
        --_on-accent: var(--lectern-on-accent, #fff);
        --_surface: var(--lectern-surface, #fff);
        --_text: var(--lectern-text, #1d2733);
        --_muted: var(--lectern-muted, #55616e);
        --_border: var(--lectern-border, #d5d9de);
        --_danger: var(--lectern-danger, #9c2f16);
        --_radius: var(--lectern-radius, 8px);
    }

    @supports (color: light-dark(#000, #fff)) {
        :host {
            --_accent: var(--lectern-accent, light-dark(#1f5f8b, #8cc4ec));
            --_on-accent: var(--lectern-on-accent, light-dark(#fff, #14181d));
            --_surface: var(--lectern-surface, light-dark(#fff, #1b2027));
            --_text: var(--lectern-text, light-dark(#1d2733, #e4e6e8));
            --_muted: var(--lectern-muted, light-dark(#55616e, #a3adb8));
            --_border: var(--lectern-border, light-dark(#d5d9de, #3a434e));
            --_danger: var(--lectern-danger, light-dark(#9c2f16, #ffab91));
        }
    }

    * {
        box-sizing: border-box;
    }

    [hidden] {
        display: none !important;
    }

    .bar {
        display: flex;
        flex-wrap: wrap;
        gap: 0.6rem;
        font: 1rem/1.4 var(--_font);
    }

    button {
        display: inline-flex;
        align-items: center;
        justify-content: center;
        gap: 0.45em;
        min-block-size: 2.75rem;
        padding: 0.45rem 1rem;
        border: 1px solid var(--_accent);
        border-radius: var(--_radius);
        background: transparent;
        color: var(--_accent);
        font: 600 0.9375rem/1.3 var(--_font);
        cursor: pointer;
    }

    button:hover {
        text-decoration: underline;
        text-underline-offset: 0.2em;
    }

    button:focus-visible,
    section:focus-visible,
    .body:focus-visible {
        outline: 3px solid var(--_accent);
        outline-offset: 2px;
    }

    section:focus-visible,
    .body:focus-visible {
        outline-offset: -3px;
    }

    button[aria-expanded="true"],
    button.primary {
        background: var(--_accent);
        color: var(--_on-accent);
    }

    button[aria-disabled="true"] {
        border-color: var(--_border);
        color: var(--_muted);
        cursor: default;
        text-decoration: none;
    }

    svg {
        inline-size: 1.1em;
        block-size: 1.1em;
        flex: none;
        fill: none;
        stroke: currentColor;
        stroke-width: 2;
        stroke-linecap: round;
        stroke-linejoin: round;
    }

    section {
        position: fixed;
        z-index: var(--lectern-z-index, 1000);
        inset-block: 0;
        inset-inline-end: 0;
        inline-size: min(var(--lectern-panel-width, 26rem), 100vw);
        display: flex;
        flex-direction: column;
        background: var(--_surface);
        color: var(--_text);
        border-inline-start: 1px solid var(--_border);
        box-shadow: 0 0 2.5rem rgb(0 0 0 / 0.18);
        font: 1rem/1.6 var(--_font);
        text-align: start;
        overflow-wrap: break-word;
        animation: arrive 0.18s ease-out;
    }

    @media (max-width: 40rem) {
        section {
            inset-block-start: auto;
            inline-size: auto;
            inset-inline: 0;
            max-block-size: 80vh;
            max-block-size: 80dvh;
            border-inline-start: 0;
            border-block-start: 1px solid var(--_border);
            border-start-start-radius: calc(var(--_radius) * 2);
            border-start-end-radius: calc(var(--_radius) * 2);
        }
    }

    @keyframes arrive {
        from {
            opacity: 0;
            transform: translateY(0.75rem);
        }
    }

    header {
        display: flex;
        align-items: center;
        justify-content: space-between;
        gap: 1rem;
        padding-block: 0.7rem;
        padding-inline: 1.25rem 0.7rem;
        border-block-end: 1px solid var(--_border);
    }

    h2 {
        margin: 0;
        font: 650 1.125rem/1.3 var(--_font);
    }

    button.close {
        min-inline-size: 2.75rem;
        padding: 0;
        border-color: transparent;
        color: var(--_text);
    }

    .body {
        flex: 1 1 auto;
        min-block-size: 6rem;
        overflow-y: auto;
        overscroll-behavior: contain;
        padding: 1.1rem 1.25rem;
    }

    .body p {
        margin: 0 0 0.9em;
        white-space: pre-line;
    }

    .body h3 {
        margin: 0 0 0.6em;
        font: 650 1rem/1.4 var(--_font);
    }

    .state {
        display: flex;
        align-items: center;
        gap: 0.6em;
        color: var(--_muted);
        font-size: 0.9375rem;
    }

    .state.busy::before {
        content: "";
        inline-size: 0.6em;
        block-size: 0.6em;
        border-radius: 50%;
        background: var(--_accent);
        animation: pulse 1.2s ease-in-out infinite alternate;
    }

    @keyframes pulse {
        to {
            opacity: 0.25;
        }
    }

    .body .problem {
        padding-inline-start: 0.8rem;
        border-inline-start: 3px solid var(--_danger);
        color: var(--_danger);
    }

    .body .caution {
        margin: 1.2em 0 0;
        padding-block-start: 0.8em;
        border-block-start: 1px solid var(--_border);
        color: var(--_muted);
        font-size: 0.875rem;
        line-height: 1.5;
        white-space: normal;
    }

    footer {
        display: flex;
        flex-wrap: wrap;
        gap: 0.6rem;
        padding: 0.8rem 1.25rem;
        border-block-start: 1px solid var(--_border);
    }

    .announcer {
        position: absolute;
        inline-size: 1px;
        block-size: 1px;
        margin: -1px;
        overflow: hidden;
        clip-path: inset(50%);
        white-space: nowrap;
    }

    @media (prefers-reduced-motion: reduce) {
        section,
        .state.busy::before {
            animation: none;
        }
    }

    @media print {
        :host {
            display: none;
        }
    }
`;
