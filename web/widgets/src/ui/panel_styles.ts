import { css } from "lit";

/* The bar of buttons, and the parts of what opens: head, body, what is said below an answer. */
export const boxStyles = css`
    .bar {
        display: flex;
        flex-wrap: wrap;
        gap: 0.6rem;
        font: 1rem/1.4 var(--_font);
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

    .body .caution {
        margin: 1.2em 0 0;
        padding-block-start: 0.8em;
        border-block-start: 1px solid var(--_border);
        color: var(--_muted);
        font-size: 0.875rem;
        line-height: 1.5;
        white-space: normal;
    }

    @media print {
        :host {
            display: none;
        }
    }
`;

/* The panel beside the page. */
export const panelStyles = css`
    ${boxStyles}

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
`;
