import { css } from "lit";

/* What stands at an answer: thumbs, the question behind them, and tools that wait. */
export const answerStyles = css`
    button.thumb {
        min-inline-size: 2rem;
        padding-inline: 0.4rem;
    }

    button.thumb[aria-pressed="true"] svg {
        fill: currentColor;
    }

    .sources {
        margin-block: 0.4rem;
        color: var(--_muted);
        font-size: 0.875rem;
    }

    .sources p {
        margin: 0;
        font-weight: 600;
    }

    .sources ol {
        margin: 0;
        padding-inline-start: 1.4rem;
    }

    .sources li {
        overflow-wrap: anywhere;
    }

    .sources a {
        color: var(--_accent);
    }

    .box {
        display: grid;
        gap: 0.6rem;
        max-inline-size: 28rem;
        margin-block: 0.4rem 0.6rem;
        padding: 0.8rem;
        border: 1px solid var(--_border);
        border-radius: var(--_radius);
        font-size: 0.9375rem;
    }

    .approval {
        max-inline-size: none;
        border-color: var(--_accent);
    }

    .box p {
        margin: 0;
    }

    .box .row {
        display: flex;
        flex-wrap: wrap;
        gap: 0.6rem;
        margin: 0;
    }

    .approval pre {
        max-block-size: 10rem;
        margin: 0;
        padding: 0.6rem;
        overflow: auto;
        border-radius: var(--_radius);
        background: var(--_inset);
        white-space: pre-wrap;
        overflow-wrap: anywhere;
    }

    .why label {
        display: grid;
        gap: 0.25rem;
    }

    .why select,
    .why textarea {
        inline-size: 100%;
        min-block-size: 2.5rem;
        padding: 0.4rem 0.6rem;
        border: 1px solid var(--_muted);
        border-radius: var(--_radius);
        background: var(--_surface);
        color: var(--_text);
        font: 1rem/1.4 var(--_font);
    }
`;
