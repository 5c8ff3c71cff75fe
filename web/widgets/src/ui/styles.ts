import { css } from "lit";

/*
 * Pages set the look with custom properties: --lectern-font, -accent, -on-accent, -surface, -inset, -text, -muted, -border, -danger,
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
        --_inset: var(--lectern-inset, #f2f4f6);
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
            --_inset: var(--lectern-inset, light-dark(#f2f4f6, #262d36));
        }
    }

    * {
        box-sizing: border-box;
    }

    [hidden] {
        display: none !important;
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
        overflow-wrap: normal;
        cursor: pointer;
    }

    button:hover {
        text-decoration: underline;
        text-underline-offset: 0.2em;
    }

    :focus-visible {
        outline: 3px solid var(--_accent);
        outline-offset: 2px;
    }

    section:focus-visible,
    .body:focus-visible,
    pre:focus-visible,
    .wide:focus-visible,
    .log:focus-visible {
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

    button.small {
        min-block-size: 2rem;
        padding: 0.2rem 0.7rem;
        border-color: transparent;
        font-weight: 500;
        font-size: 0.875rem;
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

    .problem {
        margin: 0 0 0.9em;
        padding-inline-start: 0.8rem;
        border-inline-start: 3px solid var(--_danger);
        color: var(--_danger);
    }

    footer {
        display: flex;
        flex-wrap: wrap;
        gap: 0.6rem;
        padding: 0.8rem 1.25rem;
        border-block-start: 1px solid var(--_border);
    }

    .staff-note {
        margin: 0;
        padding: 0.7rem 1rem;
        border: 1px dashed var(--_border);
        border-radius: var(--_radius);
        background: var(--_surface);
        color: var(--_muted);
        font: 0.875rem/1.5 var(--_font);
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
        * {
            animation: none !important;
            transition: none !important;
            scroll-behavior: auto !important;
        }
    }

    @media print {
        button,
        footer,
        form,
        .box,
        .staff-note {
            display: none !important;
        }
    }
`;
