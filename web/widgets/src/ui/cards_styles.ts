import { css } from "lit";

/* Flash cards: one at a time, its grades, and the list in which they are edited. */
export const cardsStyles = css`
    .cards {
        border: 1px solid var(--_border);
        border-radius: var(--_radius);
        background: var(--_surface);
        color: var(--_text);
        font: 1rem/1.6 var(--_font);
        text-align: start;
        overflow: clip;
        overflow-wrap: anywhere;
    }

    header {
        display: flex;
        flex-wrap: wrap;
        align-items: baseline;
        justify-content: space-between;
        gap: 0.2rem 1rem;
        padding: 0.7rem 1.25rem;
        border-block-end: 1px solid var(--_border);
    }

    h2 {
        margin: 0;
        font: 650 1.0625rem/1.3 var(--_font);
    }

    h3 {
        margin: 0 0 0.3rem;
        color: var(--_muted);
        font: 600 0.8125rem/1.4 var(--_font);
    }

    p {
        margin: 0;
    }

    .count,
    .progress,
    .note,
    .hint {
        color: var(--_muted);
        font-size: 0.875rem;
    }

    .hint {
        font-size: 0.8125rem;
        line-height: 1.45;
    }

    .cards > .hint {
        padding: 0.5rem 1.25rem 0.8rem;
    }

    .body {
        display: flex;
        flex-direction: column;
        gap: 0.8rem;
        padding: 1rem 1.25rem;
    }

    .body[role="group"] {
        max-block-size: 24rem;
        overflow-y: auto;
    }

    .body[role="group"] p {
        white-space: pre-line;
    }

    .body[role="group"] h3,
    .end h3 {
        color: var(--_text);
        font-size: 1rem;
    }

    .card {
        display: flex;
        flex-direction: column;
        gap: 1rem;
        min-block-size: 9rem;
        padding: 1.1rem 1.25rem;
        border: 1px solid var(--_border);
        border-radius: var(--_radius);
        background: var(--_inset);
    }

    .card .rich {
        --_inset: var(--_surface);
    }

    .front {
        font-size: 1.125rem;
    }

    .back {
        padding-block-start: 1rem;
        border-block-start: 1px solid var(--_border);
    }

    .end,
    .trouble {
        display: flex;
        flex-direction: column;
        align-items: flex-start;
        gap: 0.3rem;
    }

    .problem {
        margin: 0;
    }

    .deeds {
        display: flex;
        flex-wrap: wrap;
        gap: 0.6rem;
    }

    .grades {
        display: grid;
        grid-template-columns: repeat(auto-fit, minmax(6.5rem, 1fr));
    }

    .key {
        padding-inline: 0.4em;
        border: 1px solid currentColor;
        border-radius: 4px;
        font-size: 0.75rem;
        line-height: 1.4;
    }

    .notice {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: 0.6rem 1rem;
        margin: 0 1.25rem 0.8rem;
    }

    .body .notice {
        margin-inline: 0;
    }

    form:not(.editor) {
        display: flex;
        flex-wrap: wrap;
        align-items: end;
        gap: 0.6rem;
    }

    .more-form {
        padding: 0.8rem 1.25rem;
        border-block-start: 1px solid var(--_border);
    }

    .more-form p {
        flex: 1 0 100%;
    }

    label {
        display: block;
        color: var(--_muted);
        font: 600 0.8125rem/1.4 var(--_font);
    }

    label.count-field {
        color: var(--_text);
        font-size: 0.9375rem;
    }

    input,
    textarea {
        display: block;
        padding: 0.5rem 0.7rem;
        border: 1px solid var(--_muted);
        border-radius: var(--_radius);
        background: var(--_surface);
        color: var(--_text);
        font: 1rem/1.4 var(--_font);
    }

    input {
        inline-size: 100%;
        min-inline-size: 6rem;
        min-block-size: 2.75rem;
        margin-block-start: 0.2rem;
    }

    textarea {
        inline-size: 100%;
        max-block-size: 12rem;
        margin-block: 0.1rem 0.5rem;
        field-sizing: content;
        resize: vertical;
    }

    [aria-invalid="true"] {
        border-color: var(--_danger);
        box-shadow: 0 0 0 1px var(--_danger);
    }

    .ask {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: 0.6rem;
        padding: 0.7rem 1.25rem;
        border-block: 1px solid var(--_border);
        background: var(--_inset);
    }

    .ask p {
        flex: 1 0 100%;
    }

    .ask button {
        border-color: var(--_border);
        background: var(--_surface);
    }

    .tools {
        display: flex;
        flex-wrap: wrap;
        gap: 0.2rem 0.4rem;
        padding: 0 0.6rem;
    }

    .editor > .deeds {
        padding: 0.8rem 1.25rem 0;
    }

    .foot > .notice {
        margin-inline: 1.25rem;
    }

    .foot > .ask {
        border-block-end: 0;
    }

    ol.rows {
        display: flex;
        flex-direction: column;
        gap: 0.8rem;
        margin: 0;
        padding: 0.8rem 1.25rem;
        list-style: none;
    }

    .row {
        padding: 0.8rem;
        border: 1px solid var(--_border);
        border-radius: var(--_radius);
        background: var(--_inset);
    }

    .row textarea,
    .row button {
        scroll-margin-block: 1rem 6rem; /* not behind what sticks to the end */
    }

    .row.removed {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        justify-content: space-between;
        background: transparent;
        border-style: dashed;
    }

    /* Saving is at hand however long the list is. */
    .foot {
        position: sticky;
        inset-block-end: 0;
        background: var(--_surface);
    }

    @media (max-width: 30rem) {
        header,
        .body,
        .more-form,
        .ask,
        footer,
        ol.rows,
        .editor > .deeds,
        .cards > .hint {
            padding-inline: 0.8rem;
        }

        .card {
            padding: 0.9rem;
        }

        .tools {
            padding-inline: 0.2rem;
        }
    }

    @media print {
        .cards {
            border: 0;
            overflow: visible;
        }

        .hint,
        .tools,
        .deeds {
            display: none;
        }
    }
`;
