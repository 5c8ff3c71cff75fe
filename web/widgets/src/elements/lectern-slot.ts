/*
 * <lectern-slot>: a place in a page whose content the server decides. It asks profile/, as the widgets of Open edX do, and shows what the
 * components named there mean: a button with an answer below it, a conversation beside the page, flash cards, or an author's questions below a button.
 */
import { html, nothing, type PropertyDeclarations, type PropertyValues, type TemplateResult } from "lit";
import { Problem } from "../client/api.js";
import type { WorkflowPlace } from "../client/conversation.js";
import { WORKFLOW_PATH } from "../client/run.js";
import { readSlot, type Slot } from "../client/slot.js";
import { load } from "../on_demand.js";
import { visibleText } from "../rich/page_text.js";
import { answerStyles } from "../ui/answer_styles.js";
import { type AnswerHost, AnswerView } from "../ui/answer_view.js";
import { LecternElement } from "../ui/element.js";
import { icon } from "../ui/icons.js";
import { panelStyles } from "../ui/panel_styles.js";
import { PolicyGate } from "../ui/policy.js";
import { richStyles } from "../ui/rich_styles.js";
import { slotStyles } from "../ui/slot_styles.js";
import { styles } from "../ui/styles.js";

/** Characters of the page that go along; the server takes a MiB. */
const CONTENT_MAX = 200_000;

export class LecternSlot extends LecternElement implements AnswerHost {
    static override styles = [styles, panelStyles, richStyles, slotStyles, answerStyles];

    static override properties: PropertyDeclarations = {
        uiSlot: { attribute: "ui-slot" },
        target: { attribute: "for" },
    };

    /** Names the place in the page; a scope leads from it to a profile. */
    declare uiSlot: string;
    /** CSS selector of a text that goes along, for courses that the server does not know. */
    declare target: string;

    private slotted: Slot | undefined;
    private visit = 0;
    private view: AnswerView | undefined;
    private open = false;
    /** What was begun in a tool stays while it is closed. */
    private begun = false;
    readonly gate = new PolicyGate(this);

    constructor() {
        super();
        this.placement = "openedx_widget";
        this.uiSlot = "";
        this.target = "";
    }

    override connectedCallback(): void {
        super.connectedCallback();
        if (!this.slotted) this.style.display = "none";
    }

    protected readonly stop = (): void => {
        this.view?.stop();
    };

    protected override willUpdate(changed: PropertyValues = new Map()): void {
        super.willUpdate();
        const asks = ["baseUrl", "courseId", "locationId", "uiSlot"];
        if (asks.some((name) => changed.has(name)) || (changed.has("token") && !this.slotted)) void this.arrive();
        else if (changed.has("token")) this.gate.forget();
    }

    /** When the server cannot be asked the page stays as it is. */
    private async arrive(): Promise<void> {
        const visit = ++this.visit;
        this.close();
        const slot = await readSlot(this.api(), this.call()).catch(() => undefined);
        const staff = slot?.kind === "none" && (await this.isStaff());
        if (visit !== this.visit || !slot) return;
        this.slotted = slot.kind === "none" ? undefined : slot;
        this.absent = staff ? "no_config" : "";
        if (this.slotted || this.absent) this.style.removeProperty("display");
        else this.style.display = "none";
        this.requestUpdate();
    }

    private call(): WorkflowPlace {
        return { ...this.place(), ui_slot_selector_id: this.uiSlot };
    }

    /* ---- the answer ---- */

    shows(view: AnswerView): boolean {
        return this.view === view;
    }

    async checkAgain(): Promise<void> {
        const slot = await readSlot(this.api(), this.call());
        if (slot.kind === "none") throw new Problem("permission_denied");
    }

    request(): { path: string; body: object } {
        const context = this.call();
        const page = this.target ? document.querySelector(this.target) : null;
        if (page) context.content = visibleText(page).slice(0, CONTENT_MAX);
        return { path: WORKFLOW_PATH, body: { context, action: this.slotted!.action } };
    }

    private readonly press = async (): Promise<void> => {
        if (this.open) return this.close();
        this.open = true;
        if (this.slotted!.kind === "answer") this.begin();
        if (this.slotted!.kind === "questions") load("lectern-questions").catch(this.close);
        this.begun = true;
        this.requestUpdate();
        await this.updateComplete;
        this.shadowRoot?.querySelector<HTMLElement>("#content")?.focus();
    };

    private readonly begin = (): void => {
        this.view = new AnswerView(this, "answer");
        void this.view.begin();
    };

    private readonly close = (): void => {
        if (!this.open) return;
        this.stop();
        this.gate.refuse();
        this.view = undefined;
        this.open = false;
        this.announcement = "";
        this.requestUpdate();
        void this.updateComplete.then(() => this.shadowRoot?.querySelector<HTMLElement>(".start")?.focus());
    };

    private readonly key = (event: KeyboardEvent): void => {
        if (event.key !== "Escape" || !this.open || event.defaultPrevented) return;
        event.preventDefault();
        this.close();
    };

    /* ---- what it looks like ---- */

    protected override updated(): void {
        if (this.open) this.keepFocus(this.shadowRoot?.querySelector<HTMLElement>("#content"));
        this.follow(this.view?.trouble);
    }

    protected override render(): TemplateResult | typeof nothing {
        const { slotted: slot, strings } = this;
        if (!slot) return this.staffNote(strings.slot.name);
        if (slot.kind === "flashcards") return this.flashcards(slot);
        return html`
            <div class="slot" lang=${this.language} @keydown=${this.key}>
                ${slot.message ? html`<p class="message" lang="" dir="auto">${slot.message}</p>` : nothing}
                <button type="button" class="start" aria-expanded=${this.open ? "true" : "false"} aria-controls="content" @click=${this.press}>
                    ${slot.button || strings.slot.start}
                </button>
                ${this.content(slot)} ${this.announcer()}
            </div>
        `;
    }

    /** It has its own button, and stands there itself. */
    private flashcards(slot: Slot): TemplateResult {
        load("lectern-flashcards").catch(() => undefined);
        return html`<div class="slot" lang=${this.language}>
            ${slot.message ? html`<p class="message" lang="" dir="auto">${slot.message}</p>` : nothing}
            <lectern-flashcards
                base-url=${this.baseUrl}
                token=${this.token}
                course-id=${this.courseId}
                location-id=${this.locationId}
                placement=${this.placement}
                ui-slot=${this.uiSlot}
                for=${this.target}
                heading=${slot.title}
                button-text=${slot.button}
            ></lectern-flashcards>
        </div>`;
    }

    private content(slot: Slot): TemplateResult {
        if (slot.kind === "chat") return this.sidebar(slot);
        return slot.kind === "questions" ? this.authorTool(slot) : this.below(slot);
    }

    private authorTool(slot: Slot): TemplateResult {
        return html`<div id="content" class="tool" role="group" aria-label=${slot.title || this.strings.slot.name} tabindex="-1" ?hidden=${!this.open}>
            ${this.begun
                ? html`<lectern-questions
                      base-url=${this.baseUrl}
                      token=${this.token}
                      course-id=${this.courseId}
                      location-id=${this.locationId}
                      placement=${this.placement}
                      ui-slot=${this.uiSlot}
                      for=${this.target}
                      heading=${slot.title}
                  ></lectern-questions>`
                : nothing}
        </div>`;
    }

    private below(slot: Slot): TemplateResult {
        const { view } = this;
        return html`<div id="content" class="inline" role="group" aria-label=${slot.title || this.strings.answer} tabindex="-1" ?hidden=${!view}>
            ${slot.title ? html`<h2>${slot.title}</h2>` : nothing} ${view?.body()} ${view?.buttons(this.close, this.begin)}
        </div>`;
    }

    private sidebar(slot: Slot): TemplateResult {
        const { strings } = this;
        return html`<section id="content" role="region" aria-label=${slot.title || strings.chat.title} tabindex="-1" ?hidden=${!this.open}>
            <header>
                <button type="button" class="close" aria-label=${strings.close} @click=${this.close}>${icon("close")}</button>
            </header>
            ${this.open
                ? html`<lectern-chat
                      base-url=${this.baseUrl}
                      token=${this.token}
                      course-id=${this.courseId}
                      location-id=${this.locationId}
                      placement=${this.placement}
                      ui-slot=${this.uiSlot}
                      for=${this.target}
                      heading=${slot.title}
                  ></lectern-chat>`
                : nothing}
        </section>`;
    }
}
