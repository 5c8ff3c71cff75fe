import { css } from "lit";

export const questionStyles = css`
    .questions {
        border: 1px solid var(--_border);
        border-radius: var(--_radius);
        background: var(--_surface);
        color: var(--_text);
        font: 1rem/1.6 var(--_font);
        text-align: start;
        overflow-wrap: anywhere;
    }

    .head {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        justify-content: space-between;
        gap: 0.3rem 1rem;
    }

    header {
        padding-block: 0.5rem;
        padding-inline: 1.25rem 0.6rem;
        border-block-end: 1px solid var(--_border);
    }

    h2 {
        margin: 0;
        font: 650 1.0625rem/1.3 var(--_font);
    }

    h3 {
        margin: 0;
        font: 650 1rem/1.4 var(--_font);
    }

    h3 .number {
        color: var(--_muted);
        font-weight: 500;
        margin-inline-end: 0.3em;
    }

    .part,
    .body {
        padding: 1rem 1.25rem;
    }

    .body p {
        margin: 0 0 0.9em;
        white-space: pre-line;
    }

    .body h3 {
        margin: 0 0 0.6em;
    }

    .part:has(> .caution) {
        padding-block-end: 0;
    }

    .note,
    .kind,
    .feedback {
        margin: 0;
        color: var(--_muted);
        font-size: 0.875rem;
        line-height: 1.5;
    }

    .kind {
        margin-block-end: 0.4rem;
    }

    .plain {
        white-space: pre-line;
    }

    ol.list {
        margin: 0;
        padding: 0;
        list-style: none;
    }

    .question {
        padding: 1rem 1.25rem;
        border-block-end: 1px solid var(--_border);
    }

    .question[data-left-out="true"] .view {
        border-inline-start: 3px solid var(--_border);
        padding-inline-start: 0.8rem;
    }

    .view {
        margin-block-start: 0.4rem;
    }

    .choices {
        margin: 0.6rem 0;
        padding: 0;
        list-style: none;
    }

    .choices li {
        display: flex;
        gap: 0.8rem;
        padding: 0.4rem 0.7rem;
        border-inline-start: 3px solid var(--_border);
    }

    .choices li + li {
        margin-block-start: 0.3rem;
    }

    .choices li[data-right="true"] {
        border-color: var(--_accent);
        background: var(--_inset);
    }

    .choices .said {
        display: flex;
        flex-direction: column;
        min-inline-size: 0;
    }

    .mark {
        display: inline-flex;
        align-items: center;
        align-self: flex-start;
        gap: 0.3em;
        flex: none;
        inline-size: 6.5rem;
        color: var(--_muted);
        font-size: 0.875rem;
        line-height: 1.8;
    }

    [data-right="true"] > .mark {
        color: var(--_accent);
        font-weight: 600;
    }

    .more {
        margin: 0.5rem 0 0;
        font-size: 0.9375rem;
    }

    .more ul {
        margin: 0;
        padding-inline-start: 1.3rem;
        list-style: disc;
    }

    .tools,
    .row {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: 0.4rem 0.6rem;
    }

    .tools {
        margin-block-start: 0.6rem;
        margin-inline-start: -0.7rem;
    }

    .versions {
        display: inline-flex;
        align-items: center;
        font-size: 0.875rem;
        color: var(--_muted);
    }

    button.icon {
        min-inline-size: 2rem;
        padding: 0.2rem;
    }

    :host(:dir(rtl)) button.icon svg {
        transform: scaleX(-1);
    }

    form {
        display: flex;
        flex-direction: column;
        gap: 0.9rem;
        margin-block-start: 0.8rem;
    }

    .wish {
        margin: 0;
        padding: 1rem 1.25rem;
    }

    .how {
        gap: 0.5rem;
        padding: 0.8rem;
        border-radius: var(--_radius);
        background: var(--_inset);
    }

    .take {
        margin: 0;
        padding: 1rem 1.25rem;
        background: var(--_inset);
        border-end-start-radius: var(--_radius);
        border-end-end-radius: var(--_radius);
    }

    .pair {
        display: grid;
        grid-template-columns: repeat(auto-fit, minmax(min(13rem, 100%), 1fr));
        gap: 0.9rem;
    }

    .entry {
        display: flex;
        flex-direction: column;
        gap: 0.2rem;
        min-inline-size: 0;
    }

    .field {
        padding: 0;
        font-weight: 600;
        font-size: 0.9375rem;
    }

    fieldset {
        min-inline-size: 0;
        margin: 0;
        padding: 0;
        border: 0;
    }

    fieldset ol {
        display: flex;
        flex-direction: column;
        gap: 0.9rem;
        margin: 0.3rem 0;
        padding: 0;
        list-style: none;
    }

    .choice {
        display: grid;
        grid-template-columns: 1fr 1fr auto;
        gap: 0.4rem 0.8rem;
        align-items: start;
        padding-inline-start: 0.8rem;
        border-inline-start: 3px solid var(--_border);
    }

    .choice .field {
        font-weight: 500;
        font-size: 0.875rem;
    }

    .choice .row {
        flex-wrap: nowrap;
        padding-block-start: 1.5rem;
    }

    input[type="text"],
    input[type="number"],
    select,
    textarea {
        inline-size: 100%;
        min-block-size: 2.6rem;
        padding: 0.45rem 0.7rem;
        border: 1px solid var(--_muted);
        border-radius: var(--_radius);
        background: var(--_surface);
        color: var(--_text);
        font: 1rem/1.4 var(--_font);
    }

    textarea {
        max-block-size: 20rem;
        field-sizing: content;
        resize: vertical;
    }

    :is(input, textarea)[aria-invalid="true"] {
        border-color: var(--_danger);
        border-width: 2px;
    }

    .fault {
        margin: 0;
        color: var(--_danger);
        font-size: 0.875rem;
        line-height: 1.4;
    }

    .ticks {
        display: flex;
        flex-wrap: wrap;
        gap: 0.1rem 1.2rem;
    }

    .tick {
        display: inline-flex;
        align-items: center;
        gap: 0.5rem;
        min-block-size: 2rem;
        font-size: 0.9375rem;
        cursor: pointer;
    }

    .tick input {
        inline-size: 1.15rem;
        block-size: 1.15rem;
        margin: 0;
        accent-color: var(--_accent);
    }

    .ask {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: 0.4rem 0.6rem;
        padding: 0.7rem 0.8rem;
        border-inline-start: 3px solid var(--_accent);
        background: var(--_inset);
    }

    .ask p {
        margin: 0;
        flex: 1 1 100%;
    }

    .ask button {
        border-color: var(--_accent);
    }

    .question .problem,
    form .problem {
        margin: 0;
    }

    .question > .problem {
        margin-block-start: 0.6rem;
    }

    @media (max-width: 40rem) {
        .choice {
            grid-template-columns: 1fr;
        }

        .choice .row {
            justify-content: space-between;
            padding-block-start: 0;
        }
    }

    @media (max-width: 30rem) {
        .part,
        .body,
        .wish,
        .take,
        .question,
        header {
            padding-inline: 0.8rem;
        }

        .choices li {
            flex-direction: column;
            gap: 0;
        }
    }

    @media print {
        .questions {
            border: 0;
        }

        .tick,
        .versions,
        .caution {
            display: none;
        }

        .question {
            break-inside: avoid;
        }
    }
`;
