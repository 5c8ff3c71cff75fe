/*
 * <lectern-questions>: an author has questions about a text written, picks among their versions, changes them, and takes them along. The server
 * keeps them; they are written in the background, so leaving the page does not stop that, and coming back finds it where it is.
 */
import { html, nothing, type PropertyValues, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { type Answer, Problem } from "../client/api.js";
import { background, type Board, boardOf, loadQuestions, QUESTION_ACTION } from "../client/question_calls.js";
import { icon } from "../ui/icons.js";
import { PolicyGate } from "../ui/policy.js";
import { QuestionCard } from "../ui/question_card.js";
import { type MakingHost, QuestionMaking } from "../ui/question_making.js";
import { questionStyles } from "../ui/question_styles.js";
import { QuestionTake, type TakeHost } from "../ui/question_take.js";
import { richStyles } from "../ui/rich_styles.js";
import { styles } from "../ui/styles.js";
import { Tabs } from "../ui/tabs.js";
import { Trouble } from "../ui/trouble.js";
import { WorkflowElement } from "../ui/workflow_element.js";
import { type QuestionWords, questionWords } from "../words/questions.js";

export class LecternQuestions extends WorkflowElement implements TakeHost, MakingHost {
    static override styles = [styles, richStyles, questionStyles];

    cards: QuestionCard[] = [];
    keeps = true;

    private offered = false;
    private visit = 0;
    /** The form for new questions is shown above the ones that are there. */
    private wishes = false;
    /** Others are kept by now in the place of what is shown, where something is being changed. */
    private replaced: Board | undefined;
    private asksPolicy = false;
    private guarded = false;
    private readonly tabs = new Tabs(
        "lectern-questions",
        () => this.sharedKey,
        () => void this.reload(),
    );
    private readonly gate = new PolicyGate(this);
    private readonly making = new QuestionMaking(this);
    private readonly takes = new QuestionTake(this);

    constructor() {
        super();
        this.placement = "author";
    }

    override connectedCallback(): void {
        super.connectedCallback();
        if (!this.offered) this.style.display = "none";
        this.tabs.connect();
        void this.reload();
    }

    override disconnectedCallback(): void {
        super.disconnectedCallback();
        window.removeEventListener("beforeunload", this.beforeLeaving);
        this.guarded = false;
        this.tabs.disconnect();
        this.gate.refuse();
    }

    /** What is written in the background goes on without this page. */
    protected readonly stop = (): void => {
        this.making.leave();
        for (const card of this.cards) card.stop();
    };

    get questionWords(): QuestionWords {
        return questionWords(this.pageLanguage);
    }

    /* ---- where ---- */

    protected override willUpdate(changed: PropertyValues = new Map()): void {
        super.willUpdate();
        const place = ["baseUrl", "courseId", "locationId", "placement", "uiSlot", "profile"].some((name) => changed.has(name));
        if (place || changed.has("token")) void this.arrive(place);
    }

    /** `anew`: in another place. A token that takes the place of one that ends changes nothing that is being worked on. */
    private async arrive(anew: boolean): Promise<void> {
        const visit = ++this.visit;
        if (anew) {
            this.stop();
            this.making.forget();
        }
        const offered = await this.askOffered([QUESTION_ACTION]);
        if (visit !== this.visit || !offered) return;
        if (!anew && this.offered && offered.length > 0) return this.reload();
        this.offered = false;
        this.cards = [];
        this.replaced = undefined;
        if (offered.length > 0) await this.open(visit);
        if (visit !== this.visit) return;
        if (this.offered || this.absent) this.style.removeProperty("display");
        else this.style.display = "none";
        this.requestUpdate();
    }

    /** The profile is only known to the server, so what it says of the questions tells whether there is one. */
    private async open(visit: number): Promise<void> {
        try {
            await this.look(visit);
            if (visit === this.visit) this.offered = true;
        } catch (error) {
            const code = error instanceof Problem ? error.code : "internal_error";
            const staff = await this.isStaff();
            if (visit !== this.visit) return;
            const none = !new Trouble(error).canRetry || code === "profile_invalid";
            this.offered = !none;
            this.absent = none && staff ? code : "";
            if (!none) this.making.fail(error, () => void this.arrive(true));
        }
    }

    /* ---- what is kept ---- */

    private async look(visit: number): Promise<void> {
        const [board, now] = await Promise.all([loadQuestions(this.api(), this.call()), background(this.api(), this.call())]);
        if (visit !== this.visit) return;
        if (now.task) void this.making.attend(now.task);
        if (board.slots.length > 0) this.keeps = true;
        else if (now.board && now.board.slots.length > 0) return this.cards.length > 0 ? undefined : this.takeHere(now.board);
        this.take(board);
    }

    async reload(): Promise<void> {
        if (!this.offered || !this.keeps) return;
        await this.look(this.visit).catch(() => undefined);
        this.requestUpdate();
    }

    changed(): void {
        this.takes.downloaded = false;
        this.tabs.tell();
    }

    /** Only in this page: the site keeps nothing. */
    private takeHere(board: Board): void {
        this.keeps = false;
        this.show(board);
    }

    /** A card stays as long as its question does; where one that is being changed has gone, all stay, and it is told. */
    private take(board: Board): void {
        const gone = this.cards.some((card) => card.dirty && !card.belongsTo(board.slots[card.index]));
        this.replaced = gone ? board : undefined;
        if (!gone) this.show(board);
    }

    private show(board: Board): void {
        const before = this.cards;
        this.cards = board.slots.flatMap((slot, index) => {
            if (!slot) return [];
            const card = before.find((each) => each.index === index && each.belongsTo(slot));
            card?.take(slot);
            return card ?? new QuestionCard(this, index, slot);
        });
        for (const card of before) if (!this.cards.includes(card)) card.stop();
        this.takes.saved = board.saved;
        this.takes.name ||= board.saved?.name || board.name;
        this.takes.libraryId ||= board.saved?.libraryId ?? "";
    }

    private readonly showNew = (): void => {
        const board = this.replaced;
        if (!board) return;
        this.cards = [];
        this.replaced = undefined;
        this.show(board);
        this.focusList();
    };

    /* ---- writing ---- */

    async policyAccepted(forget = false): Promise<boolean> {
        if (forget) this.gate.forget();
        this.making.trouble = undefined;
        try {
            return (await this.gate.pass()) !== "refused";
        } catch (error) {
            this.making.fail(error, undefined);
            return false;
        }
    }

    async made(answer: Answer): Promise<void> {
        this.wishes = false;
        this.takes.name = this.takes.libraryId = "";
        this.takes.downloaded = false;
        const kept = await loadQuestions(this.api(), this.call()).catch(() => undefined);
        if (kept && kept.slots.length === 0) this.takeHere(boardOf(answer));
        else this.take(kept ?? boardOf(answer));
        this.tabs.tell();
        this.announce(`${this.strings.done}. ${this.questionWords.made(this.cards.length)}`);
        if (this.hadFocus) this.focusList();
    }

    /* ---- keys, focus, leaving ---- */

    private readonly key = (event: KeyboardEvent): void => {
        if (event.key !== "Escape" || event.defaultPrevented) return;
        if (this.gate.policy) this.gate.refuse();
        else if (this.making.refuse()) this.requestUpdate();
        else if (this.wishes) this.toggleWishes();
        else return;
        event.preventDefault();
    };

    async focusOn(selector: string): Promise<void> {
        this.requestUpdate();
        await this.updateComplete;
        this.shadowRoot?.querySelector<HTMLElement>(selector)?.focus();
    }

    private focusList(): void {
        void this.focusOn("ol.list");
    }

    private readonly toggleWishes = (): void => {
        this.wishes = !this.wishes;
        void this.focusOn(this.wishes ? ".wish input" : ".new");
    };

    private readonly beforeLeaving = (event: BeforeUnloadEvent): void => {
        event.preventDefault();
        event.returnValue = true; /* older browsers ask only then */
    };

    /** The browser asks before the page is left, only while something would be lost. */
    private guard(): void {
        const loses = this.cards.some((card) => card.dirty) || (!this.keeps && this.cards.length > 0 && !this.takes.downloaded);
        if (loses === this.guarded) return;
        this.guarded = loses;
        if (loses) window.addEventListener("beforeunload", this.beforeLeaving);
        else window.removeEventListener("beforeunload", this.beforeLeaving);
    }

    protected override updated(): void {
        const asks = this.gate.policy !== undefined;
        if (asks && !this.asksPolicy) this.shadowRoot?.querySelector<HTMLElement>(".body")?.focus();
        else this.keepFocus(this.shadowRoot?.querySelector<HTMLElement>("section"));
        this.asksPolicy = asks;
        this.guard();
        this.follow(this.making.trouble ?? this.takes.trouble ?? this.cards.find((card) => card.trouble?.early)?.trouble);
    }

    /* ---- what it looks like ---- */

    private get shownName(): string {
        return this.heading || this.questionWords.title;
    }

    protected override render(): TemplateResult | typeof nothing {
        if (!this.offered) return this.staffNote(this.shownName);
        const { questionWords: words, gate, cards, making } = this;
        const { busy } = making;
        const asks = gate.policy !== undefined;
        const wished = cards.length > 0 && !this.wishes;
        return html`
            <section class="questions" aria-labelledby="title" tabindex="-1" lang=${this.language} @keydown=${this.key}>
                <header class="head">
                    <h2 id="title">${this.shownName}</h2>
                    ${cards.length > 0 && !busy && !asks
                        ? html`<button type="button" class="small new" aria-expanded=${this.wishes ? "true" : "false"} @click=${this.toggleWishes}>
                              ${icon("restart")}${words.writeNew}
                          </button>`
                        : nothing}
                </header>
                ${asks ? html`${gate.body()}${gate.buttons()}` : nothing}
                ${making.render(asks || wished)}
                ${this.replaced ? this.replacedNote() : nothing}
                ${cards.length > 0 ? this.list() : nothing} ${this.announcer()}
            </section>
        `;
    }

    private replacedNote(): TemplateResult {
        const { questionWords: words } = this;
        return html`<div class="ask replaced" role="group" aria-labelledby="replaced">
            <p id="replaced">${words.replaced}</p>
            <button type="button" class="small" @click=${this.showNew}>${words.showNew}</button>
        </div>`;
    }

    private list(): TemplateResult {
        const { questionWords: words } = this;
        return html`<div class="part"><p class="note caution">${words.caution}</p></div>
            <ol class="list" aria-label=${words.list} tabindex="-1">
                ${repeat(
                    this.cards,
                    (card) => card,
                    (card, i) => card.render(i + 1),
                )}
            </ol>
            ${this.takes.render()}`;
    }
}
