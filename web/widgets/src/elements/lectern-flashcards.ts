/*
 * <lectern-flashcards>: has cards made from a course's texts, shows those that are due, and lets them be edited. The server keeps the stack
 * and says when a card comes again; the element shows one sitting, and takes up what other tabs have changed.
 */
import { html, nothing, type PropertyDeclarations, type PropertyValues, type TemplateResult } from "lit";
import { type ActionInfo, type Answer, Problem } from "../client/api.js";
import { type Card, type CardSet, downloadCards, loadCards, readCards } from "../client/flashcards.js";
import { type Outcome, Run, WORKFLOW_PATH } from "../client/run.js";
import { isDue } from "../client/sitting.js";
import { CardEditor, type EditorHost } from "../ui/card_editor.js";
import { cardsStyles } from "../ui/cards_styles.js";
import { icon } from "../ui/icons.js";
import { type MakeHost, MakeForm } from "../ui/make_form.js";
import { PolicyGate } from "../ui/policy.js";
import { richStyles } from "../ui/rich_styles.js";
import { type StudyHost, StudyView } from "../ui/study_view.js";
import { styles } from "../ui/styles.js";
import { Tabs } from "../ui/tabs.js";
import { Trouble } from "../ui/trouble.js";
import { WorkflowElement } from "../ui/workflow_element.js";
import { FLASHCARD_WORDS, type FlashcardWords } from "../words/flashcards.js";
import { languageFor } from "../words/strings.js";

const ACTION = "generate_flashcard";
const NO_CARDS: CardSet = { cards: [], version: "", session: "" };

export class LecternFlashcards extends WorkflowElement implements StudyHost, EditorHost, MakeHost {
    static override styles = [styles, richStyles, cardsStyles];

    static override properties: PropertyDeclarations = {
        buttonText: { attribute: "button-text" },
    };

    /** What stands on the button that has the first cards made; by default the words for it in the page's language. */
    declare buttonText: string;

    kept = true;

    /** The action that makes cards, when it is offered. */
    private making: ActionInfo | undefined;
    private shown = false;
    private visit = 0;
    private stack: CardSet = NO_CARDS;
    private study = new StudyView(this);
    private editor: CardEditor | undefined;
    private run: Run | undefined;
    private status = "";
    private reconnecting = false;
    /** The policy is being asked for, or cards are being fetched. */
    private waiting = false;
    private readonly form = new MakeForm(this);
    private notice: Trouble | undefined;
    private noticeRetry: (() => void) | undefined;
    private asksPolicy = false;
    private readonly gate = new PolicyGate(this);
    private readonly tabs = new Tabs(
        "lectern-flashcards",
        () => this.sharedKey,
        () => void this.reload(),
    );

    constructor() {
        super();
        this.placement = "openedx_widget";
        this.buttonText = "";
    }

    override connectedCallback(): void {
        super.connectedCallback();
        if (!this.shown) this.style.display = "none";
        this.tabs.connect();
        window.addEventListener("beforeunload", this.leaving);
    }

    override disconnectedCallback(): void {
        super.disconnectedCallback();
        this.tabs.disconnect();
        window.removeEventListener("beforeunload", this.leaving);
        this.gate.refuse();
    }

    protected readonly stop = (): void => {
        this.run?.stop();
    };

    /** What was written and not saved is not left without a question. */
    private readonly leaving = (event: BeforeUnloadEvent): void => {
        if (this.editor?.changed) event.preventDefault();
    };

    get words(): FlashcardWords {
        return FLASHCARD_WORDS[languageFor(this.pageLanguage)];
    }

    get cards(): readonly Card[] {
        return this.stack.cards;
    }

    /* ---- what there is ---- */

    protected override willUpdate(changed: PropertyValues = new Map()): void {
        super.willUpdate();
        const asks = ["baseUrl", "courseId", "locationId", "placement", "uiSlot", "profile"];
        if (asks.some((name) => changed.has(name)) || (changed.has("token") && !this.shown)) void this.arrive();
        else if (changed.has("token")) this.renew();
    }

    /** Tokens are short: a new one ends nothing that is under way, and nothing that was written is lost. */
    private renew(): void {
        this.gate.forget();
        void this.reload();
    }

    /** Cards that were made can be studied also where no more are made now. */
    private async arrive(): Promise<void> {
        const visit = ++this.visit;
        this.stop();
        const offered = await this.askOffered([ACTION]);
        if (visit !== this.visit || !offered) return;
        this.making = offered[0];
        this.form.learn(this.making);
        this.kept = true;
        this.editor = undefined;
        await this.open(visit);
        if (visit !== this.visit) return;
        if (this.shown || this.absent) this.style.removeProperty("display");
        else this.style.display = "none";
        this.requestUpdate();
    }

    private async open(visit: number): Promise<void> {
        try {
            const stack = await loadCards(this.api(), this.call());
            if (visit !== this.visit) return;
            this.stack = stack;
            this.study = new StudyView(this);
            this.shown = this.making !== undefined || stack.cards.length > 0;
            if (this.shown) this.absent = "";
        } catch (error) {
            const code = error instanceof Problem ? error.code : "internal_error";
            const staff = this.making && (await this.isStaff());
            if (visit !== this.visit) return;
            const none = !this.making || !new Trouble(error).canRetry || code === "profile_invalid";
            this.shown = !none;
            if (staff && none) this.absent = code;
            this.stack = NO_CARDS;
            if (!none) this.complain(error, () => void this.arrive());
        }
    }

    /** The cards as the server has them now. */
    async reload(): Promise<boolean> {
        const { visit } = this;
        if (!this.shown || !this.kept || this.run || this.editor) return false;
        const stack = await loadCards(this.api(), this.call()).catch(() => undefined);
        if (!stack || visit !== this.visit || this.run || this.editor) return false;
        this.stack = stack;
        this.study.refresh();
        this.requestUpdate();
        return true;
    }

    reviewed(card: Card): void {
        this.stack = { ...this.stack, cards: this.cards.map((each) => (each.id === card.id ? card : each)) };
        this.tabs.tell();
    }

    /* ---- making cards ---- */

    async make(replace: boolean): Promise<void> {
        if (this.run || this.waiting || this.notice?.early) return;
        if (await this.policyAccepted()) await this.write(replace);
    }

    private async policyAccepted(): Promise<boolean> {
        this.waiting = true;
        this.notice = undefined;
        this.requestUpdate();
        try {
            const policy = await this.gate.pass();
            if (policy !== "accepted") return policy === "known";
            const offered = await this.askOffered([ACTION]);
            if (offered?.length === 0) throw new Problem("permission_denied");
            return true;
        } catch (error) {
            this.complain(error);
            return false;
        } finally {
            this.waiting = false;
            this.requestUpdate();
            void this.focusOn("section");
        }
    }

    private async write(replace: boolean, again = false): Promise<void> {
        const run = new Run(this.api(), {
            text: () => undefined,
            status: (message) => {
                this.status = message;
                this.requestUpdate();
            },
            reconnecting: (on) => {
                this.reconnecting = on;
                this.announce(on ? this.strings.reconnecting : this.strings.writing);
            },
        });
        this.run = run;
        this.announce(this.strings.writing);
        const input = { num_cards: this.form.count, ...(replace && { replace }) };
        const outcome = await run.start(WORKFLOW_PATH, { ...this.callWithText(), action: "run", user_input: input }).finished;
        if (this.run === run) this.run = undefined;
        this.reconnecting = false;
        this.status = "";
        if (outcome.kind === "failed" && outcome.problem.code === "policy_not_accepted" && !again) {
            this.gate.forget();
            if (await this.policyAccepted()) await this.write(replace, true);
            return;
        }
        await this.end(outcome, replace);
    }

    private async end(outcome: Outcome, replace: boolean): Promise<void> {
        if (outcome.kind === "done") return this.take(outcome.answer, replace);
        if (outcome.kind === "failed") this.complain(outcome.problem, () => void this.make(replace));
        else this.announce(this.strings.stopped);
        await this.focusOn(".notice .retry, form input, .tools button");
        await this.reload(); /* what was made before the connection went */
    }

    /** When the server has none of them afterwards, nothing is kept here. */
    private async take(answer: Answer, replace: boolean): Promise<void> {
        const made = readCards(answer.response?.response);
        const before = this.cards;
        const loaded = await this.reload();
        if (loaded) this.kept = made.length === 0 || made.some((card) => this.cards.some((each) => each.id === card.id));
        if (!loaded || !this.kept) this.stack = { ...this.stack, cards: replace ? made : [...before, ...made] };
        this.study = new StudyView(this);
        this.form.close();
        this.announce(this.words.made(made.length));
        this.tabs.tell();
        await this.focusOn(".card");
    }

    private complain(error: unknown, retry?: () => void): void {
        this.notice = new Trouble(error);
        this.noticeRetry = retry;
        this.announce(this.notice.text(this.pageLanguage));
    }

    /* ---- editing, taking away ---- */

    /** Editing begins with the cards as they are now. */
    private readonly edit = async (): Promise<void> => {
        await this.fetching(async () => {
            const visit = this.visit;
            const stack = await loadCards(this.api(), this.call());
            if (visit !== this.visit) return;
            this.stack = stack;
            this.form.close();
            this.editor = new CardEditor(this, stack);
        }, this.edit);
        await this.focusOn("ol.rows textarea, .add");
    };

    edited(saved: number | undefined): void {
        this.editor = undefined;
        this.announce(saved === undefined ? "" : this.words.saved(saved));
        if (saved !== undefined) this.tabs.tell();
        void this.reload().then(() => this.focusOn(".tools .edit, form input"));
    }

    private readonly download = async (): Promise<void> => {
        await this.fetching(async () => {
            const link = document.createElement("a");
            link.href = URL.createObjectURL(await downloadCards(this.api(), this.stack.session));
            link.download = this.words.file;
            link.click();
            setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
        }, this.download);
    };

    private async fetching(fetch: () => Promise<void>, retry: () => void): Promise<void> {
        if (this.waiting || this.run || this.notice?.early) return;
        this.waiting = true;
        this.notice = undefined;
        try {
            await fetch();
        } catch (error) {
            this.complain(error, retry);
        } finally {
            this.waiting = false;
            this.requestUpdate();
        }
    }

    /* ---- keys, focus ---- */

    private readonly key = (event: KeyboardEvent): void => {
        if (event.defaultPrevented) return;
        if (event.key === "Escape" ? this.escape() : this.studyKey(event)) event.preventDefault();
    };

    private escape(): boolean {
        if (this.gate.policy) this.gate.refuse();
        else if (this.run) this.stop();
        else if (this.editor) this.editor.escape();
        else return this.form.escape();
        return true;
    }

    private studyKey(event: KeyboardEvent): boolean {
        if (this.gate.policy || this.run || this.editor || this.cards.length === 0 || !(event.target instanceof Element)) return false;
        if (event.target.closest("input, textarea, select, .ask")) return false;
        /* A button that has the focus takes these two itself. */
        if ((event.key === "Enter" || event.key === " ") && event.target.closest("button, a, pre, .wide, .code")) return false;
        return this.study.key(event);
    }

    /** Only for those who are in the element: nobody is called away from somewhere else. */
    async focusOn(selector: string): Promise<void> {
        const inside = this.shadowRoot?.activeElement != null;
        this.requestUpdate();
        await this.updateComplete;
        if (inside) this.shadowRoot?.querySelector<HTMLElement>(selector)?.focus();
    }

    protected override updated(): void {
        const asks = this.gate.policy !== undefined;
        if (asks && !this.asksPolicy && this.hadFocus) this.shadowRoot?.querySelector<HTMLElement>(".body")?.focus();
        else this.keepFocus(this.shadowRoot?.querySelector<HTMLElement>("section"));
        this.asksPolicy = asks;
        this.follow([this.notice, this.study.trouble, this.editor?.trouble].find((trouble) => trouble?.early));
    }

    /* ---- what it looks like ---- */

    private get shownName(): string {
        return this.heading || this.words.name;
    }

    protected override render(): TemplateResult | typeof nothing {
        if (!this.shown) return this.staffNote(this.shownName);
        const { words, cards } = this;
        const now = Date.now();
        return html`
            <section class="cards" aria-labelledby="title" tabindex="-1" lang=${this.language} @keydown=${this.key}>
                <header>
                    <h2 id="title">${this.shownName}</h2>
                    ${cards.length > 0
                        ? html`<p class="count">${words.count(cards.length, cards.filter((card) => isDue(card, now)).length)}</p>`
                        : nothing}
                </header>
                ${this.middle()} ${this.announcer()}
            </section>
        `;
    }

    private middle(): TemplateResult {
        if (this.gate.policy) return html`${this.gate.body()}${this.gate.buttons()}`;
        if (this.run) return this.progress();
        if (this.editor) return this.editor.body();
        const { words, cards } = this;
        if (cards.length === 0)
            return html`<div class="body">
                <p>${words.intro}</p>
                ${this.noticeLine()} ${this.making ? this.form.first() : nothing}
                <p class="hint">${words.caution}</p>
            </div>`;
        return html`<div class="body">${this.study.body()}</div>
            ${this.noticeLine()} ${this.kept ? nothing : html`<p class="notice">${words.notKept}</p>`}
            ${this.form.open && this.making ? this.form.more() : this.tools()}
            <p class="hint">${words.caution}</p>`;
    }

    private progress(): TemplateResult {
        const { strings } = this;
        return html`<div class="body">
                <p class="state busy">${this.reconnecting ? strings.reconnecting : this.status || strings.writing}</p>
            </div>
            <footer><button type="button" class="stop" @click=${this.stop}>${icon("stop")}${strings.stop}</button></footer>`;
    }

    private noticeLine(): TemplateResult | typeof nothing {
        const { notice } = this;
        if (!notice) return nothing;
        return html`<div class="notice">
            <p class="problem">${notice.text(this.pageLanguage)}</p>
            ${this.noticeRetry && notice.canRetry
                ? html`<button type="button" class="retry" aria-disabled=${notice.early ? "true" : "false"} @click=${this.retry}>
                      ${icon("retry")}${this.strings.retry}
                  </button>`
                : nothing}
        </div>`;
    }

    private readonly retry = (): void => {
        if (!this.notice?.early) this.noticeRetry?.();
    };

    private tools(): TemplateResult {
        const { words } = this;
        return html`<div class="tools" role="group" aria-label=${this.shownName}>
            ${this.kept ? html`<button type="button" class="small edit" @click=${this.edit}>${icon("edit")}${words.edit}</button>` : nothing}
            ${this.making
                ? html`<button type="button" class="small more" @click=${this.form.toggle}>${icon("restart")}${words.more}</button>`
                : nothing}
            ${this.kept && this.stack.session
                ? html`<button type="button" class="small download" @click=${this.download}>${icon("down")}${words.download}</button>`
                : nothing}
        </div>`;
    }
}
