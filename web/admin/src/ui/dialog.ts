/*
 * Dialogs: questions before something is done, and forms of a few lines. All are <dialog>s, so Escape, focus and the rest of the page are the
 * browser's care.
 */
import { html, nothing, render, type TemplateResult } from "lit";

export interface Question {
    title: string;
    text?: string | TemplateResult;
    confirm: string;
    cancel?: string;
    /** What goes with it if it is done, e.g. the scopes of a profile. */
    depends?: string[];
    /** It cannot be undone. */
    danger?: boolean;
    /** Must be typed first, for what is really gone then. */
    type?: string;
}

let numbers = 0;

/** Shows content in a dialog until close() was called with a value, or Escape pressed (undefined). The focus goes back to where it was. */
export function openDialog<T>(
    title: string,
    content: (close: (value?: T) => void, update: () => void) => TemplateResult,
    { wide = false } = {},
): Promise<T | undefined> {
    return new Promise((resolve) => {
        const before = document.activeElement;
        const dialog = document.createElement("dialog");
        const id = `dialog-title-${++numbers}`;
        let value: T | undefined;
        dialog.setAttribute("aria-labelledby", id);
        dialog.classList.toggle("wide", wide);
        const close = (chosen?: T) => {
            value = chosen;
            dialog.close();
        };
        const update = () => render(html`<h2 id=${id}>${title}</h2>${content(close, update)}`, dialog);
        dialog.addEventListener("close", () => {
            dialog.remove();
            if (before instanceof HTMLElement && before.isConnected) before.focus();
            resolve(value);
        });
        update();
        document.body.append(dialog);
        dialog.showModal();
    });
}

/** True when the person said yes. */
export async function ask(question: Question): Promise<boolean> {
    let typed = "";
    const yes = await openDialog<boolean>(question.title, (close, update) => {
        const ready = !question.type || typed.trim() === question.type;
        return html`
            ${question.text ? html`<div class="text">${question.text}</div>` : nothing}
            ${question.depends?.length
                ? html`<p>This goes with it:</p><ul class="depends">${question.depends.map((line) => html`<li>${line}</li>`)}</ul>`
                : nothing}
            ${question.type
                ? html`<label class="field"><span class="label">Type <strong>${question.type}</strong> to go on</span>
                      <input type="text" autocomplete="off" spellcheck="false"
                          @input=${(event: Event) => { typed = (event.target as HTMLInputElement).value; update(); }} /></label>`
                : nothing}
            <div class="buttons">
                <button type="button" ?autofocus=${question.danger && !question.type}
                    @click=${() => close(false)}>${question.cancel ?? "Cancel"}</button>
                <button type="button" class=${question.danger ? "danger" : "primary"} ?disabled=${!ready}
                    @click=${() => close(true)}>${question.confirm}</button>
            </div>`;
    });
    return yes === true;
}
