import { css } from "lit";

/* Answers in Markdown. */
export const richStyles = css`
    .rich {
        overflow-wrap: anywhere;
    }

    .rich > :first-child {
        margin-block-start: 0;
    }

    .rich > :last-child {
        margin-block-end: 0;
    }

    .rich p,
    .rich ul,
    .rich ol,
    .rich blockquote,
    .rich .code,
    .rich .wide {
        margin-block: 0 0.8em;
        margin-inline: 0;
    }

    .rich p {
        white-space: normal;
    }

    .rich .plain {
        white-space: pre-wrap;
    }

    .rich h4,
    .rich h5,
    .rich h6 {
        margin: 1.1em 0 0.5em;
        font: 650 1.05rem/1.35 var(--_font);
    }

    .rich h6 {
        font-size: 0.95rem;
    }

    .rich ul,
    .rich ol {
        padding-inline-start: 1.6em;
    }

    .rich ul {
        list-style: disc;
    }

    /* A list that turns out to be a loose one while it is written must not jump. */
    .rich li > p,
    .rich li > ul,
    .rich li > ol {
        margin: 0;
    }

    .rich li + li {
        margin-block-start: 0.25em;
    }

    .rich blockquote {
        padding-inline-start: 0.9em;
        border-inline-start: 3px solid var(--_border);
        color: var(--_muted);
    }

    .rich a {
        color: var(--_accent);
        text-underline-offset: 0.15em;
    }

    .rich hr {
        margin: 1em 0;
        border: 0;
        border-block-start: 1px solid var(--_border);
    }

    .rich code {
        padding: 0.1em 0.3em;
        border-radius: 4px;
        background: var(--_inset);
        font: 0.9em/1.5 ui-monospace, "Cascadia Mono", "DejaVu Sans Mono", monospace;
    }

    .rich .code {
        border: 1px solid var(--_border);
        border-radius: var(--_radius);
        background: var(--_inset);
        overflow: hidden;
    }

    .rich .code-head {
        display: flex;
        align-items: center;
        justify-content: space-between;
        gap: 1rem;
        padding-inline: 0.9rem 0.2rem;
        border-block-end: 1px solid var(--_border);
        color: var(--_text);
        font-size: 0.8125rem;
    }

    .rich pre {
        margin: 0;
        padding: 0.7rem 0.9rem;
        overflow-x: auto;
        direction: ltr;
        text-align: start;
        overflow-wrap: normal;
    }

    .rich pre code {
        padding: 0;
        background: none;
    }

    .rich .wide {
        overflow-x: auto;
    }

    .rich table {
        border-collapse: collapse;
        font-size: 0.9375rem;
        overflow-wrap: normal;
    }

    .rich th,
    .rich td {
        padding: 0.35rem 0.7rem;
        border: 1px solid var(--_border);
        text-align: start;
    }

    .rich th {
        background: var(--_inset);
    }

    .rich [data-align="center"] {
        text-align: center;
    }

    .rich [data-align="right"] {
        text-align: end;
    }

    .rich [data-math="block"] {
        display: block;
        overflow-x: auto;
        text-align: center;
    }

    @media print {
        .rich pre {
            white-space: pre-wrap;
        }
    }
`;
