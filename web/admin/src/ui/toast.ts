/* What was done, said once: shown for a while and read out. Errors stay until they are closed. */
import { html, render } from "lit";

const SHOWN_MS = 6000;

interface Note {
    id: number;
    text: string;
    failed: boolean;
}

let notes: Note[] = [];
let numbers = 0;

function draw(): void {
    const place = document.getElementById("notes");
    if (!place) return;
    render(
        notes.map((note) => html`<div class="note ${note.failed ? "failed" : ""}"><span>${note.text}</span><button type="button" class="plain"
            aria-label="Close" @click=${() => drop(note.id)}>×</button></div>`),
        place,
    );
}

function drop(id: number): void {
    notes = notes.filter((note) => note.id !== id);
    draw();
}

/** The place is a live region (in the shell): what comes into it is read out. */
export function say(text: string, { failed = false } = {}): void {
    const note = { id: ++numbers, text, failed };
    notes = [...notes.slice(-3), note];
    draw();
    if (!failed) setTimeout(() => drop(note.id), SHOWN_MS);
}
