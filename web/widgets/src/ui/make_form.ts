/* How many cards are to be made: the first ones, more of them, or others in the place of all, which is asked about first. */
import { html, nothing, type TemplateResult } from "lit";
import type { ActionInfo } from "../client/api.js";
import type { Card } from "../client/flashcards.js";
import type { FlashcardWords } from "../words/flashcards.js";
import type { LecternElement } from "./element.js";

/** Cards at once, where the server does not say. */
const AT_ONCE = { minimum: 1, maximum: 50, usual: 10 };

export interface MakeHost extends LecternElement {
    readonly words: FlashcardWords;
    readonly cards: readonly Card[];
    /** What stands on the button that has the first cards made; "": the usual words. */
    readonly buttonText: string;
    make(replace: boolean): Promise<void>;
    focusOn(selector: string): Promise<void>;
}

export class MakeForm {
    /** How many are wanted. */
    count = AT_ONCE.usual;
    /** It is shown although there are cards. */
    open = false;

    private limits = AT_ONCE;
    private asksReplace = false;

    constructor(private readonly host: MakeHost) {}

    /** What the server says of the action that makes cards. */
    learn(action: ActionInfo | undefined): void {
        const { minimum = AT_ONCE.minimum, maximum = AT_ONCE.maximum, default: usual } = action?.input_schema?.properties?.["count"] ?? {};
        this.limits = { minimum, maximum, usual: typeof usual === "number" ? usual : AT_ONCE.usual };
        this.count = this.limits.usual;
    }

    close(): void {
        this.open = false;
        this.asksReplace = false;
    }

    readonly toggle = (): void => {
        this.open = !this.open;
        void this.host.focusOn(this.open ? "form input" : ".tools .more");
    };

    /** True when there was something to leave. */
    escape(): boolean {
        if (this.asksReplace) this.keep();
        else if (this.open) this.toggle();
        else return false;
        return true;
    }

    private readonly submit = (event: Event): void => {
        event.preventDefault();
        void this.host.make(false);
    };

    private readonly replace = (): void => {
        this.asksReplace = false;
        void this.host.make(true);
    };

    private readonly askReplace = (): void => {
        this.asksReplace = true;
        void this.host.focusOn(".ask .stay");
    };

    private readonly keep = (): void => {
        this.asksReplace = false;
        void this.host.focusOn("form .replace");
    };

    private readonly counted = (event: Event): void => {
        const field = event.target as HTMLInputElement;
        const { minimum, maximum } = this.limits;
        this.count = Math.min(maximum, Math.max(minimum, Math.round(Number(field.value) || this.count)));
        field.value = String(this.count);
    };

    /* ---- what it looks like ---- */

    private field(): TemplateResult {
        const { minimum, maximum } = this.limits;
        return html`<label class="count-field">
            ${this.host.words.howMany}
            <input type="number" inputmode="numeric" min=${minimum} max=${maximum} .value=${String(this.count)} @change=${this.counted} />
        </label>`;
    }

    first(): TemplateResult {
        return html`<form @submit=${this.submit} novalidate>
            ${this.field()}
            <button type="submit" class="primary make">${this.host.buttonText || this.host.words.make}</button>
        </form>`;
    }

    more(): TemplateResult | typeof nothing {
        const { words, cards } = this.host;
        if (!this.open) return nothing;
        if (this.asksReplace)
            return html`<div class="ask" role="group" aria-labelledby="ask">
                <p id="ask">${words.replaceAsk(cards.length)}</p>
                <button type="button" class="small" @click=${this.replace}>${words.replaceDo}</button>
                <button type="button" class="small stay" @click=${this.keep}>${words.keep}</button>
            </div>`;
        return html`<form class="more-form" @submit=${this.submit} novalidate>
            <p>${words.moreIntro}</p>
            ${this.field()}
            <button type="submit" class="primary add-cards">${words.add}</button>
            <button type="button" class="replace" @click=${this.askReplace}>${words.replace}</button>
            <button type="button" class="cancel" @click=${this.toggle}>${words.cancel}</button>
        </form>`;
    }
}
