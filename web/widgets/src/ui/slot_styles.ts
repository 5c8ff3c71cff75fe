import { css } from "lit";

export const slotStyles = css`
    .slot {
        color: var(--_text);
        font: 1rem/1.6 var(--_font);
    }

    .message {
        margin: 0 0 0.6rem;
    }

    .inline {
        margin-block-start: 0.8rem;
        border: 1px solid var(--_border);
        border-radius: var(--_radius);
        background: var(--_surface);
        overflow: hidden;
    }

    .inline h2 {
        padding: 0.7rem 1.25rem;
        border-block-end: 1px solid var(--_border);
    }

    .inline .body {
        min-block-size: 3rem;
        max-block-size: 30rem;
    }

    .tool {
        margin-block-start: 0.8rem;
    }

    section > header {
        justify-content: flex-end;
        padding-block: 0.3rem;
        border: 0;
    }

    section lectern-chat {
        flex: 1 1 auto;
        min-block-size: 0;
        --lectern-chat-height: calc(100dvh - 4.5rem);
        --lectern-radius: 0;
    }

    @media print {
        :host {
            display: block;
        }

        .start {
            display: none;
        }
    }
`;
