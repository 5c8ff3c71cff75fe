import { css } from "lit";

/* The height of a conversation is the page's to say: --lectern-chat-height. */
export const chatStyles = css`
    .chat {
        display: flex;
        flex-direction: column;
        max-block-size: var(--lectern-chat-height, min(40rem, 85vh));
        border: 1px solid var(--_border);
        border-radius: var(--_radius);
        background: var(--_surface);
        color: var(--_text);
        font: 1rem/1.6 var(--_font);
        text-align: start;
        overflow: hidden;
        overflow-wrap: anywhere;
    }

    header {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        justify-content: space-between;
        gap: 0.3rem 1rem;
        padding-block: 0.5rem;
        padding-inline: 1.25rem 0.6rem;
        border-block-end: 1px solid var(--_border);
    }

    h2 {
        margin: 0;
        font: 650 1.0625rem/1.3 var(--_font);
    }

    .ask {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: 0.6rem;
        padding: 0.7rem 1.25rem;
        border-block-end: 1px solid var(--_border);
        background: var(--_inset);
    }

    .ask p {
        margin: 0;
        flex: 1 1 16rem;
    }

    .middle {
        position: relative;
        display: flex;
        flex-direction: column;
        flex: 1 1 auto;
        min-block-size: 0;
    }

    .log,
    .body {
        flex: 1 1 auto;
        min-block-size: 5rem;
        overflow-y: auto;
        overscroll-behavior: contain;
        padding: 1rem 1.25rem;
    }

    .body p {
        margin: 0 0 0.9em;
        white-space: pre-line;
    }

    .body h3 {
        margin: 0 0 0.6em;
        font: 650 1rem/1.4 var(--_font);
    }

    .earlier {
        display: flex;
        margin-block-end: 0.6rem;
        margin-inline: auto;
    }

    .empty {
        margin: 0;
        color: var(--_muted);
    }

    ol.messages {
        display: flex;
        flex-direction: column;
        gap: 1.1rem;
        margin: 0;
        padding: 0;
        list-style: none;
    }

    .message > h3 {
        margin: 0 0 0.2rem;
        color: var(--_muted);
        font: 600 0.8125rem/1.4 var(--_font);
    }

    .message.user {
        display: flex;
        flex-direction: column;
        align-items: flex-end;
        align-self: flex-end;
        max-inline-size: 85%;
    }

    .message.user > h3 {
        text-align: end;
    }

    .message.user .said {
        padding: 0.55rem 0.9rem;
        border-radius: var(--_radius);
        background: var(--_inset);
        white-space: pre-wrap;
    }

    .message.assistant {
        min-inline-size: 0;
    }

    .message .state,
    .message .problem {
        margin: 0.4rem 0 0;
    }

    .message .row {
        display: flex;
        flex-wrap: wrap;
        gap: 0.2rem 0.4rem;
        margin-block-start: 0.3rem;
        margin-inline-start: -0.7rem;
    }

    .message.user .row {
        justify-content: flex-end;
        margin-inline: 0 -0.7rem;
    }

    ul.tools {
        display: flex;
        flex-direction: column;
        gap: 0.2rem;
        margin: 0 0 0.5rem;
        padding: 0;
        list-style: none;
        color: var(--_muted);
        font-size: 0.875rem;
    }

    ul.tools li {
        display: flex;
        align-items: center;
        gap: 0.5em;
    }

    .newest {
        position: absolute;
        inset-block-end: 0.5rem;
        inset-inline: 0;
        margin-inline: auto;
        inline-size: max-content;
        border-color: var(--_border);
        background: var(--_surface);
    }

    form {
        display: flex;
        align-items: flex-end;
        gap: 0.6rem;
        padding: 0.7rem 1.25rem 0.4rem;
        border-block-start: 1px solid var(--_border);
    }

    textarea {
        flex: 1 1 auto;
        min-inline-size: 0;
        max-block-size: 10rem;
        field-sizing: content;
        padding: 0.6rem 0.8rem;
        border: 1px solid var(--_muted);
        border-radius: var(--_radius);
        background: var(--_surface);
        color: var(--_text);
        font: 1rem/1.4 var(--_font);
        resize: vertical;
    }

    textarea::placeholder {
        color: var(--_muted);
        opacity: 1;
    }

    .notice {
        margin: 0.7rem 1.25rem;
    }

    .hint {
        margin: 0;
        padding: 0 1.25rem 0.7rem;
        color: var(--_muted);
        font-size: 0.8125rem;
        line-height: 1.45;
    }

    form button {
        flex: none;
    }

    @media (max-width: 30rem) {
        header,
        form,
        .ask,
        .hint,
        .log,
        .body {
            padding-inline: 0.8rem;
        }
    }

    @media print {
        .chat,
        .log {
            max-block-size: none;
            overflow: visible;
            border: 0;
        }

        .hint {
            display: none;
        }
    }
`;
