/* The list of cards while it is edited: change, delete, add, save. What was written stays until it is saved or given up. */
import { html, nothing, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { Problem } from "../client/api.js";
import { incomplete, isChanged, newRow, rebase, resultOf, type Row, rowsOf, sameTexts, withTimesOf } from "../client/card_draft.js";
import type { WorkflowCall } from "../client/conversation.js";
import { type Card, type CardSet, loadCards, saveCards } from "../client/flashcards.js";
import { randomKey } from "../client/run.js";
import type { FlashcardWords } from "../words/flashcards.js";
import type { LecternElement } from "./element.js";
import { icon } from "./icons.js";
import { Trouble } from "./trouble.js";

/** Rows that are shown at once, and more with each press. */
const ROWS = 50;
/** Characters; the server takes 16,000 and 32,000 bytes. */
const QUESTION_MAX = 4000;
const ANSWER_MAX = 8000;
/** Cards that the server keeps. */
const CARDS_MAX = 1000;
/** Saving is tried so often when cards are studied elsewhere all the while. */
const TRIES = 5;

export interface EditorHost extends LecternElement {
    readonly words: FlashcardWords;
    call(): WorkflowCall;
    /** Editing is over; how many cards were saved, undefined when none. */
    edited(saved: number | undefined): void;
    focusOn(selector: string): Promise<void>;
}

export class CardEditor {
    trouble: Trouble | undefined;

    private rows: readonly Row[];
    private shown = ROWS;
    private saving = false;
    private asksDiscard = false;
    /** Incomplete cards are marked once saving was tried. */
    private marks = false;
    private notKept = false;
    /** What others have made of the cards meanwhile. */
    private theirs: CardSet | undefined;

    constructor(
        private readonly host: EditorHost,
        private base: CardSet,
    ) {
        this.rows = rowsOf(base.cards);
    }

    get changed(): boolean {
        return isChanged(this.rows);
    }

    private put(changed: Row): void {
        this.rows = this.rows.map((row) => (row.id === changed.id ? changed : row));
        this.host.requestUpdate();
    }

    private readonly add = (): void => {
        const row = newRow(`own-${randomKey()}`);
        this.rows = [row, ...this.rows];
        this.shown += 1;
        this.host.requestUpdate();
        void this.host.focusOn("ol.rows li textarea");
    };

    /* ---- leaving ---- */

    readonly leave = (): void => {
        if (this.saving) return;
        if (!this.changed) return this.host.edited(undefined);
        this.asksDiscard = true;
        this.host.requestUpdate();
        void this.host.focusOn(".ask .stay");
    };

    private readonly stay = (): void => {
        this.asksDiscard = false;
        this.host.requestUpdate();
        void this.host.focusOn(".save");
    };

    private readonly discard = (): void => this.host.edited(undefined);

    escape(): void {
        if (this.asksDiscard) this.stay();
        else this.leave();
    }

    /* ---- saving ---- */

    private readonly save = (event: Event): void => {
        event.preventDefault();
        if (this.saving || this.trouble?.early) return;
        this.asksDiscard = false;
        const half = incomplete(this.rows);
        this.marks = half.length > 0;
        if (half.length > 0) return this.showIncomplete(half[0]!);
        if (!this.changed) return this.host.edited(undefined);
        void this.send(resultOf(this.rows), this.base);
    };

    private showIncomplete(row: Row): void {
        this.shown = Math.max(this.shown, this.rows.indexOf(row) + 1);
        this.host.announce(this.host.words.incomplete);
        void this.host.focusOn("[aria-invalid=true]");
    }

    private readonly saveMine = (): void => {
        const { theirs } = this;
        if (!theirs || this.saving) return;
        this.theirs = undefined;
        void this.send(withTimesOf(resultOf(this.rows), theirs.cards), theirs);
    };

    private async send(mine: Card[], base: CardSet): Promise<void> {
        const { host } = this;
        this.saving = true;
        this.trouble = undefined;
        this.theirs = undefined;
        host.announce(host.words.saving);
        try {
            if (await this.tryToSave(mine, base)) return host.edited(mine.length);
            host.announce(this.theirs ? host.words.changed : host.words.notKept);
            if (this.theirs) void host.focusOn(".ask button");
        } catch (error) {
            this.trouble = new Trouble(error);
            host.announce(`${host.words.saveFailed} ${this.trouble.text(host.pageLanguage)}`);
        } finally {
            this.saving = false;
            host.requestUpdate();
        }
    }

    /** Cards that were only studied elsewhere meanwhile keep their new times; cards that were changed are the user's to choose from. */
    private async tryToSave(mine: Card[], base: CardSet): Promise<boolean> {
        const { host } = this;
        let { version } = base;
        for (let left = TRIES; ; left--) {
            try {
                this.notKept = !(await saveCards(host.api(), host.call(), mine, version));
                return !this.notKept;
            } catch (error) {
                if (!(error instanceof Problem) || error.code !== "precondition_failed" || left === 0) throw error;
            }
            const now = await loadCards(host.api(), host.call());
            if (sameTexts(mine, now.cards)) return true; /* an earlier try has come through, and its answer has not */
            const rebased = rebase(mine, base.cards, now.cards);
            if (!rebased) {
                this.theirs = now;
                return false;
            }
            mine = rebased;
            version = now.version;
        }
    }

    private readonly takeTheirs = (): void => {
        this.base = this.theirs!;
        this.rows = rowsOf(this.base.cards);
        this.theirs = undefined;
        this.marks = false;
        this.host.requestUpdate();
        void this.host.focusOn("ol.rows li textarea, .add");
    };

    /* ---- what it looks like ---- */

    body(): TemplateResult {
        const { words } = this.host;
        const full = this.rows.length >= CARDS_MAX;
        const hidden = this.rows.length - this.shown;
        return html`<form class="editor" aria-label=${words.editTitle} @submit=${this.save} novalidate>
            <div class="deeds top">
                <button type="button" class="add" aria-disabled=${full ? "true" : "false"} @click=${() => (full ? undefined : this.add())}>
                    ${icon("restart")}${words.addOne}
                </button>
            </div>
            <ol class="rows" role="list">
                ${repeat(
                    this.rows.slice(0, this.shown),
                    (row) => row.id,
                    (row, i) => this.rowView(row, i + 1),
                )}
            </ol>
            ${hidden > 0
                ? html`<div class="deeds">
                      <button type="button" class="small more-rows" @click=${this.showMore}>${words.showMore(Math.min(hidden, ROWS))}</button>
                  </div>`
                : nothing}
            <div class="foot">
                ${this.messages()}
                <footer>
                    <button type="submit" class="primary save" aria-disabled=${this.saving || this.trouble?.early ? "true" : "false"}>
                        ${this.saving ? words.saving : words.save}
                    </button>
                    <button type="button" class="cancel" @click=${this.leave}>${words.cancel}</button>
                </footer>
            </div>
        </form>`;
    }

    private readonly showMore = (): void => {
        this.shown += ROWS;
        this.host.requestUpdate();
    };

    private rowView(row: Row, number: number): TemplateResult {
        const { words } = this.host;
        const name = row.card ? words.cardNumber(number) : words.newCard;
        return html`<li>
            <div class=${row.removed ? "row removed" : "row"} role="group" aria-label=${name}>
                ${row.removed
                    ? html`<p class="state">${words.removed}</p>`
                    : html`${this.field(row, "question", words.front, QUESTION_MAX)} ${this.field(row, "answer", words.back, ANSWER_MAX)}`}
                <button
                    type="button"
                    class="small remove"
                    aria-label=${`${row.removed ? words.restore : words.remove}: ${name}`}
                    @click=${() => this.put({ ...row, removed: !row.removed })}
                >
                    ${row.removed ? words.restore : words.remove}
                </button>
            </div>
        </li>`;
    }

    private field(row: Row, side: "question" | "answer", label: string, max: number): TemplateResult {
        const invalid = this.marks && !row[side].trim() && incomplete([row]).length > 0;
        return html`<label>
            <span>${label}</span>
            <textarea
                rows="2"
                maxlength=${max}
                dir="auto"
                lang=""
                aria-invalid=${invalid ? "true" : "false"}
                .value=${row[side]}
                @input=${(event: InputEvent) => this.put({ ...row, [side]: (event.target as HTMLTextAreaElement).value })}
            ></textarea>
        </label>`;
    }

    private messages(): TemplateResult | typeof nothing {
        const { words, pageLanguage } = this.host;
        if (this.theirs) return this.question(words.changed, [words.changedLoad, this.takeTheirs, ""], [words.changedSave, this.saveMine, ""]);
        if (this.asksDiscard) return this.question(words.discardAsk, [words.discardDo, this.discard, ""], [words.discardKeep, this.stay, "stay"]);
        if (this.trouble) return html`<p class="problem notice">${words.saveFailed} ${this.trouble.text(pageLanguage)}</p>`;
        if (this.notKept) return html`<p class="problem notice">${words.notKept}</p>`;
        return this.marks && incomplete(this.rows).length > 0 ? html`<p class="problem notice">${words.incomplete}</p>` : nothing;
    }

    private question(text: string, ...choices: [string, () => void, string][]): TemplateResult {
        return html`<div class="ask" role="group" aria-labelledby="ask">
            <p id="ask">${text}</p>
            ${choices.map(([label, deed, name]) => html`<button type="button" class=${`small ${name}`} @click=${deed}>${label}</button>`)}
        </div>`;
    }
}
