/* One sitting with flash cards as it is shown: front, back, grades, and what stands there when all are through. */
import { html, nothing, type TemplateResult } from "lit";
import { CONNECTION_LOST, Problem } from "../client/api.js";
import type { WorkflowCall } from "../client/conversation.js";
import { type Card, reviewCard } from "../client/flashcards.js";
import { randomKey } from "../client/run.js";
import { begin, type Grade, graded, GRADES, isRemembered, type Item, type Sitting } from "../client/sitting.js";
import { type Key, keyDeed, nextDue, refreshed, wait } from "../client/sitting.js";
import { codeToCopy, RichText } from "../rich/rich_text.js";
import type { FlashcardWords } from "../words/flashcards.js";
import type { LecternElement } from "./element.js";
import { icon } from "./icons.js";
import { Trouble } from "./trouble.js";

const DAY = 86_400_000;

/** What a sitting needs of its element. */
export interface StudyHost extends LecternElement {
    readonly words: FlashcardWords;
    readonly cards: readonly Card[];
    /** False: nothing is kept here, so nobody is told how well a card was remembered. */
    readonly kept: boolean;
    call(): WorkflowCall;
    /** The server has put the card off. */
    reviewed(card: Card): void;
    /** Reads the cards again, and refreshes the sitting. */
    reload(): Promise<unknown>;
    focusOn(selector: string): Promise<void>;
}

/** A card as it is drawn. */
interface Face {
    card: Card;
    front: RichText;
    back: RichText;
}

export class StudyView {
    trouble: Trouble | undefined;

    private sitting: Sitting;
    private answerShown = false;
    private busy = false;
    private stale = false;
    /** When the card before this one comes again. */
    private note = "";
    private face: Face | undefined;
    /** What was not told to the server yet, and under which key. */
    private untold: { id: string; grade: Grade; key: string } | undefined;

    constructor(private readonly host: StudyHost) {
        this.sitting = begin(host.cards, Date.now());
    }

    get ended(): boolean {
        return this.sitting.queue.length === 0;
    }

    private get item(): Item | undefined {
        return this.sitting.queue[0];
    }

    /** The element's cards have changed. */
    refresh(): void {
        if (this.busy) {
            this.stale = true;
            return;
        }
        const before = this.item?.id;
        this.sitting = refreshed(this.sitting, this.host.cards, Date.now());
        if (this.item?.id !== before) this.turnOver();
    }

    private turnOver(): void {
        this.answerShown = false;
        this.trouble = undefined;
        this.untold = undefined;
    }

    private readonly studyAll = (): void => {
        this.sitting = begin(this.host.cards, Date.now(), true);
        this.note = "";
        this.turnOver();
        this.host.requestUpdate();
        void this.host.focusOn(".card");
    };

    /* ---- one card ---- */

    private readonly show = (): void => {
        if (this.answerShown || this.ended) return;
        this.answerShown = true;
        this.note = "";
        this.host.announce("");
        void this.host.focusOn(".back");
    };

    private async grade(grade: Grade): Promise<void> {
        const { host, item } = this;
        if (!item || !this.answerShown || this.busy || this.trouble?.early) return;
        const remembered = isRemembered(grade);
        if (!item.counts || !host.kept) return this.next(remembered, remembered ? "" : host.words.nextAgain);
        this.busy = true;
        this.trouble = undefined;
        host.requestUpdate();
        try {
            const days = await this.tell(item, grade);
            const when = this.when(days * DAY);
            this.busy = false;
            this.next(remembered, remembered ? host.words.next(when) : host.words.nextForgotten(when));
        } catch (error) {
            this.busy = false;
            await this.fail(error);
        }
        if (this.stale) this.refresh();
        this.stale = false;
        host.requestUpdate();
    }

    /** As long as nobody knows whether the server has it, the same key says that it is the same review. */
    private async tell(item: Item, grade: Grade): Promise<number> {
        const same = this.untold?.id === item.id && this.untold.grade === grade;
        this.untold = { id: item.id, grade, key: same ? this.untold!.key : randomKey() };
        const { card, days } = await reviewCard(this.host.api(), this.host.call(), item.id, grade.quality, this.untold.key);
        this.untold = undefined;
        this.host.reviewed(card);
        return days;
    }

    private async fail(error: unknown): Promise<void> {
        const { host } = this;
        const code = error instanceof Problem ? error.code : CONNECTION_LOST;
        if (code === "not_found") {
            this.sitting = { ...this.sitting, queue: this.sitting.queue.slice(1) };
            this.turnOver();
            this.note = host.words.gone;
            host.announce(this.note);
            await host.reload();
            return host.focusOn(this.ended ? ".end" : ".card");
        }
        if (this.untold && code !== CONNECTION_LOST && code !== "idempotency_key_in_use") this.untold.key = randomKey();
        this.trouble = new Trouble(new Problem(code, error instanceof Problem ? error.retryAfter : 0));
        host.announce(this.trouble.text(host.pageLanguage));
    }

    private next(remembered: boolean, note: string): void {
        const { host } = this;
        this.sitting = graded(this.sitting, remembered);
        this.turnOver();
        this.note = note;
        host.announce(this.ended ? `${note} ${host.words.endTitle}.`.trim() : note);
        void host.focusOn(this.ended ? ".end" : ".card");
    }

    /** True when the key did something. */
    key(event: Key): boolean {
        if (this.ended) return false;
        const deed = keyDeed(event, this.answerShown);
        if (deed === "show") this.show();
        else if (deed) void this.grade(deed);
        return deed !== undefined;
    }

    private when(ms: number): string {
        const { value, unit } = wait(ms);
        return new Intl.RelativeTimeFormat(this.host.language, { numeric: "auto" }).format(value, unit);
    }

    /* ---- what it looks like ---- */

    body(): TemplateResult {
        return this.item ? this.cardView(this.item) : this.end();
    }

    private faceOf(id: string): Face | undefined {
        const card = this.host.cards.find((each) => each.id === id);
        if (!card) return undefined;
        const { face } = this;
        if (face?.card.id !== id || face.card.question !== card.question || face.card.answer !== card.answer) {
            const { strings } = this.host;
            this.face = { card, front: new RichText(strings, card.question), back: new RichText(strings, card.answer) };
        }
        return this.face;
    }

    private readonly pressInside = (event: Event): void => {
        const code = codeToCopy(event);
        if (code !== undefined) void this.host.copy(code, event.target);
    };

    private cardView(item: Item): TemplateResult {
        const { words } = this.host;
        const face = this.faceOf(item.id);
        const about = [words.left(this.sitting.queue.length), item.again ? words.repeated : "", item.counts || item.again ? "" : words.practised];
        return html`<p class="progress" id="progress">${about.filter(Boolean).join(" · ")}</p>
            ${this.noteLine()}
            <div class="card" role="group" aria-labelledby="front-name progress" aria-describedby="front" tabindex="0" @click=${this.pressInside}>
                <div>
                    <h3 id="front-name">${words.front}</h3>
                    <div class="front" id="front" dir="auto" lang="">${face?.front.element}</div>
                </div>
                ${this.answerShown
                    ? html`<div class="back" role="group" aria-labelledby="back-name" tabindex="-1">
                          <h3 id="back-name">${words.back}</h3>
                          <div dir="auto" lang="">${face?.back.element}</div>
                      </div>`
                    : nothing}
            </div>
            ${this.troubleLine()}
            ${this.answerShown
                ? this.gradeButtons()
                : html`<div class="deeds"><button type="button" class="primary show" @click=${this.show}>${words.show}</button></div>`}
            <p class="hint keys">${words.keys}</p>`;
    }

    private noteLine(): TemplateResult | typeof nothing {
        return this.note ? html`<p class="note">${this.note}</p>` : nothing;
    }

    private troubleLine(): TemplateResult | typeof nothing {
        const { trouble, untold, host } = this;
        if (!trouble) return nothing;
        return html`<div class="trouble">
            <p class="problem">${trouble.text(host.pageLanguage)}</p>
            ${untold && trouble.canRetry
                ? html`<button type="button" class="retry" aria-disabled=${trouble.early ? "true" : "false"} @click=${() => this.grade(untold.grade)}>
                      ${icon("retry")}${host.strings.retry}
                  </button>`
                : nothing}
        </div>`;
    }

    private gradeButtons(): TemplateResult {
        const { words } = this.host;
        return html`<div class="deeds grades">
            ${GRADES.map(
                (grade, i) => html`<button
                    type="button"
                    data-grade=${grade.name}
                    aria-keyshortcuts=${i + 1}
                    aria-disabled=${this.busy || this.trouble?.early ? "true" : "false"}
                    @click=${() => this.grade(grade)}
                >
                    <span class="key" aria-hidden="true">${i + 1}</span>${words.grades[grade.name]}
                </button>`,
            )}
        </div>`;
    }

    private end(): TemplateResult {
        const { host, sitting } = this;
        const { words } = host;
        const due = nextDue(host.cards);
        const left = (due ?? 0) - Date.now();
        return html`${this.noteLine()}
            <div class="end" role="group" aria-labelledby="end-title" tabindex="-1">
                <h3 id="end-title">${sitting.graded > 0 ? words.endTitle : words.endNothing}</h3>
                ${sitting.graded > 0 ? html`<p>${words.endCount(sitting.graded, sitting.forgotten)}</p>` : nothing}
                ${left > 0 ? html`<p>${words.endNext(this.when(left))}</p>` : nothing}
            </div>
            <div class="deeds"><button type="button" class="all" @click=${this.studyAll}>${icon("retry")}${words.all}</button></div>`;
    }
}
