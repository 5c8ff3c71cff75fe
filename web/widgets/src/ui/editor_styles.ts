import { css } from "lit";

/* The dialog of an editor's tools: as wide as a text, and on small screens the screen. */
export const editorStyles = css`
    dialog {
        inline-size: min(44rem, 100vw - 2rem);
        max-inline-size: none;
        max-block-size: min(46rem, 100vh - 2rem);
        max-block-size: min(46rem, 100dvh - 2rem);
        padding: 0;
        border: 1px solid var(--_border);
        border-radius: var(--_radius);
        background: var(--_surface);
        color: var(--_text);
        box-shadow: 0 0 2.5rem rgb(0 0 0 / 0.25);
        font: 1rem/1.6 var(--_font);
        text-align: start;
        overflow: hidden;
        overflow-wrap: break-word;
    }

    dialog[open] {
        display: flex;
        flex-direction: column;
    }

    dialog::backdrop {
        background: rgb(0 0 0 / 0.45);
    }

    .all {
        flex: 1 1 auto;
        min-block-size: 0;
        overflow-y: auto;
        overscroll-behavior: contain;
    }

    .all .body {
        min-block-size: 0;
        overflow: visible;
    }

    .wishes {
        display: flex;
        flex-direction: column;
        gap: 0.9rem;
        padding: 1.1rem 1.25rem;
    }

    .wishes + .body {
        border-block-start: 1px solid var(--_border);
    }

    label.field,
    fieldset {
        display: flex;
        flex-direction: column;
        gap: 0.3rem;
        margin: 0;
        padding: 0;
        border: 0;
        min-inline-size: 0;
        font-size: 0.9375rem;
    }

    .name,
    legend {
        padding: 0;
        font-weight: 600;
    }

    legend {
        margin-block-end: 0.3rem;
    }

    .row {
        display: flex;
        flex-wrap: wrap;
        gap: 0.5rem 1.2rem;
    }

    .choice {
        display: flex;
        align-items: center;
        gap: 0.5rem;
        min-block-size: 1.75rem;
        cursor: pointer;
    }

    .choice input {
        inline-size: 1.1rem;
        block-size: 1.1rem;
        margin: 0;
        flex: none;
        accent-color: var(--_accent);
    }

    textarea,
    select,
    input[type="text"] {
        inline-size: 100%;
        padding: 0.6rem 0.8rem;
        border: 1px solid var(--_muted);
        border-radius: var(--_radius);
        background: var(--_surface);
        color: var(--_text);
        font: 1rem/1.4 var(--_font);
    }

    select {
        inline-size: auto;
        min-block-size: 2.75rem;
    }

    textarea {
        min-block-size: 5.5rem;
        max-block-size: 14rem;
        field-sizing: content;
        resize: vertical;
    }

    .wishes .problem {
        margin: 0;
    }

    .picture {
        margin: 0;
        display: grid;
        gap: 0.8rem;
    }

    .picture img {
        display: block;
        max-inline-size: 100%;
        block-size: auto;
        border-radius: var(--_radius);
    }

    button.primary[aria-disabled="true"] {
        background: var(--_inset);
        color: var(--_muted);
    }

    @media (max-width: 40rem) {
        dialog {
            inline-size: 100vw;
            max-block-size: 100vh;
            max-block-size: 100dvh;
            margin-block-end: 0;
            border-inline: 0;
            border-block-end: 0;
            border-end-start-radius: 0;
            border-end-end-radius: 0;
        }

        .wishes,
        header,
        footer,
        .body {
            padding-inline: 0.8rem;
        }

        footer {
            gap: 0.4rem;
            padding-block: 0.5rem;
        }

        footer button {
            padding-inline: 0.7rem;
            font-size: 0.875rem;
        }
    }
`;
