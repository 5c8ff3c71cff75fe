import { css } from "lit";

export const gradingStyles = css`
    :host {
        container-type: inline-size;
    }

    .grading {
        border: 1px solid var(--_border);
        border-radius: var(--_radius);
        background: var(--_surface);
        color: var(--_text);
        font: 1rem/1.6 var(--_font);
        text-align: start;
        overflow-wrap: anywhere;
    }

    header {
        padding: 0.7rem 1.25rem;
        border-block-end: 1px solid var(--_border);
    }

    h2,
    h3,
    h4 {
        margin: 0;
        font: 650 1.125rem/1.3 var(--_font);
    }

    h3 {
        margin-block-end: 0.7rem;
        font-size: 1.0625rem;
    }

    h4 {
        font-size: 1rem;
    }

    .middle {
        padding: 1rem 1.25rem;
    }

    .middle > p {
        margin: 0 0 0.8rem;
    }

    .by {
        color: var(--_muted);
        font-size: 0.9375rem;
    }

    .body {
        padding: 1.1rem 1.25rem;
    }

    .body p {
        margin: 0 0 0.9em;
        white-space: pre-line;
    }

    .body h3 {
        margin: 0 0 0.6em;
    }

    .columns {
        display: grid;
        gap: 1.5rem 2rem;
    }

    @container (min-width: 48rem) {
        .columns {
            grid-template-columns: minmax(0, 1fr) minmax(0, 1fr);
            align-items: start;
        }
    }

    .text {
        margin-block-end: 1rem;
        line-height: 1.9;
        white-space: pre-wrap;
        unicode-bidi: plaintext;
    }

    mark {
        padding-block: 0.1em;
        border-block-end: 2px solid var(--_accent);
        background: color-mix(in srgb, var(--_accent) 16%, transparent);
        color: inherit;
        cursor: pointer;
    }

    mark.several {
        border-block-end-style: double;
        border-block-end-width: 4px;
        background: color-mix(in srgb, var(--_accent) 26%, transparent);
    }

    mark.aside {
        border-block-end: 2px dashed var(--_danger);
        background: color-mix(in srgb, var(--_danger) 10%, transparent);
    }

    mark.active {
        outline: 2px solid var(--_accent);
        outline-offset: 1px;
    }

    .number,
    button.ref {
        display: inline-flex;
        align-items: center;
        justify-content: center;
        min-inline-size: 1.5rem;
        min-block-size: 1.5rem;
        padding: 0 0.3rem;
        border: 0;
        border-radius: 0.75rem;
        background: var(--_accent);
        color: var(--_on-accent);
        font: 600 0.8125rem/1 var(--_font);
    }

    div.aside {
        margin-block-end: 1.2rem;
    }

    button.ref.aside {
        background: var(--_danger);
        color: var(--_surface);
    }

    button.ref {
        margin-inline: 0.15em;
        unicode-bidi: isolate;
        vertical-align: 0.1em;
    }

    ol {
        margin: 0;
        padding: 0;
        list-style: none;
    }

    ol > li {
        margin-block-end: 1rem;
        padding: 0.1rem 0.9rem 0.1rem;
        border-inline-start: 3px solid var(--_border);
    }

    ol > li.active {
        border-inline-start-color: var(--_accent);
    }

    .chosen,
    .total {
        margin: 0.2rem 0;
        font-weight: 600;
    }

    .total {
        display: block;
        margin-block-end: 0.8rem;
    }

    .feedback {
        margin-block: 0.4rem 0.8rem;
    }

    .feedback.plain {
        white-space: pre-wrap;
    }

    .places {
        display: flex;
        flex-wrap: wrap;
        align-items: baseline;
        gap: 0.4rem 0.5rem;
        color: var(--_muted);
        font-size: 0.875rem;
    }

    .places ul {
        display: contents;
        list-style: none;
    }

    .places button {
        border-color: var(--_border);
        text-align: start;
        overflow-wrap: anywhere;
    }

    fieldset {
        margin: 0.5rem 0;
        padding: 0;
        border: 0;
        min-inline-size: 0;
    }

    legend,
    .field {
        display: block;
        padding: 0;
        color: var(--_muted);
        font-size: 0.875rem;
    }

    fieldset label {
        display: flex;
        align-items: center;
        gap: 0.5rem;
        padding-block: 0.15rem;
        min-block-size: 1.75rem;
    }

    input[type="radio"] {
        flex: none;
        inline-size: 1.05rem;
        block-size: 1.05rem;
        accent-color: var(--_accent);
    }

    .by-ai {
        padding-inline: 0.4rem;
        border: 1px solid var(--_border);
        border-radius: 1rem;
        color: var(--_muted);
        font-size: 0.8125rem;
        white-space: nowrap;
    }

    textarea {
        display: block;
        inline-size: 100%;
        margin-block: 0.2rem 0.7rem;
        padding: 0.5rem 0.7rem;
        border: 1px solid var(--_muted);
        border-radius: var(--_radius);
        background: var(--_surface);
        color: inherit;
        font: inherit;
        resize: vertical;
    }

    details {
        margin-block: 0.4rem;
        font-size: 0.9375rem;
    }

    summary {
        color: var(--_muted);
        min-block-size: 1.5rem;
        cursor: pointer;
    }

    @media print {
        .grading {
            border: 0;
        }

        button.ref {
            display: inline-flex !important;
            border: 1px solid currentColor;
            background: none;
            color: inherit;
        }

        .number {
            border: 1px solid currentColor;
            background: none;
            color: inherit;
        }

        .places {
            display: none;
        }
    }
`;
