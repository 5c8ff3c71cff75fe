/*
 * <lectern-assist>: buttons above a text that have it summarised or explained in a panel beside it.
 *
 * It tells screen readers the few turns of an answer (writing, done, stopped, a problem) and not each word.
 */
import { html, nothing, type PropertyDeclarations, type PropertyValues, type TemplateResult } from "lit";
import { type ActionInfo, NO_TEXT, Problem } from "../client/api.js";
import { actionPath } from "../client/run.js";
import { visibleText } from "../rich/page_text.js";
import { answerStyles } from "../ui/answer_styles.js";
import { type AnswerHost, AnswerView } from "../ui/answer_view.js";
import { LecternElement } from "../ui/element.js";
import { icon } from "../ui/icons.js";
import { panelStyles } from "../ui/panel_styles.js";
import { PolicyGate } from "../ui/policy.js";
import { richStyles } from "../ui/rich_styles.js";
import { styles } from "../ui/styles.js";

export class LecternAssist extends LecternElement implements AnswerHost {
    static override styles = [styles, panelStyles, richStyles, answerStyles];

    static override properties: PropertyDeclarations = {
        actions: {},
        target: { attribute: "for" },
    };

    /** Names of actions, divided by commas, in the order of their buttons. */
    declare actions: string;
    /** CSS selector of the text. */
    declare target: string;

    private offered: ActionInfo[] = [];
    /** Of all actions that were ever offered: a panel may outlive its action. */
    private readonly titles = new Map<string, string>();
    /** Kept until the page is left, so that closing the panel does not lose an answer. */
    private readonly views = new Map<string, AnswerView>();
    private view: AnswerView | undefined;
    readonly gate = new PolicyGate(this);

    constructor() {
        super();
        this.placement = "course_assist";
        this.actions = "summarise_text,explain_text";
        this.target = "main article";
    }

    override connectedCallback(): void {
        super.connectedCallback();
        /* Until the server has said what there is: a page that keeps room for the buttons does not move when they come. */
        if (this.offered.length === 0) this.style.visibility = "hidden";
    }

    /* ---- what may be offered ---- */

    protected override willUpdate(changed: PropertyValues = new Map()): void {
        super.willUpdate();
        /* For the page, which may want to make room for the panel. */
        this.toggleAttribute("open", this.view !== undefined);
        const asks = ["baseUrl", "token", "courseId", "locationId", "placement", "actions"];
        if (asks.some((name) => changed.has(name))) void this.offer();
    }

    /** Asks which actions the caller has here. When the server cannot be asked the page stays as it is. */
    private async offer(): Promise<void> {
        const offered = await this.askOffered(this.actions.split(",").map((name) => name.trim()));
        if (!offered) return;
        this.offered = offered;
        for (const { name, title } of offered) this.titles.set(name, title ?? "");
        this.showOrHide();
    }

    /** Without anything to offer the element is not there at all, unless it has something to say. */
    private showOrHide(): void {
        this.style.removeProperty("visibility");
        if (this.offered.length > 0 || this.view || this.absent) this.style.removeProperty("display");
        else this.style.display = "none";
        this.requestUpdate();
    }

    private names(action: string): { button: string; title: string } {
        const own = Object.hasOwn(this.strings.actions, action) ? this.strings.actions[action] : undefined;
        const title = this.titles.get(action) || action;
        return own ?? { button: title, title };
    }

    /* ---- the panel ---- */

    private async press(action: ActionInfo): Promise<void> {
        if (this.view?.subject === action.name) return this.close();
        this.leave();
        this.announcement = "";
        const source = this.readText();
        const earlier = this.views.get(action.name);
        if (earlier?.source === source && (earlier.phase === "done" || earlier.phase === "stopped")) {
            this.view = earlier;
            this.requestUpdate();
        } else {
            this.begin(action.name, source);
        }
        await this.updateComplete;
        this.shadowRoot?.querySelector<HTMLElement>("section")?.focus();
    }

    private readonly close = (): void => {
        if (!this.view) return;
        const name = this.view.subject;
        this.leave();
        this.view = undefined;
        this.announcement = "";
        this.showOrHide();
        void this.updateComplete.then(() => {
            const buttons = [...(this.shadowRoot?.querySelectorAll<HTMLElement>("button[data-action]") ?? [])];
            (buttons.find((button) => button.dataset["action"] === name) ?? buttons[0])?.focus();
        });
    };

    /** What the panel shows now is no longer wanted. */
    private leave(): void {
        this.stop();
        this.gate.refuse();
    }

    protected readonly stop = (): void => {
        this.view?.stop();
    };

    private readonly key = (event: KeyboardEvent): void => {
        if (event.key !== "Escape" || !this.view || event.defaultPrevented) return;
        event.preventDefault();
        this.close();
    };

    private readText(): string {
        const element = document.querySelector(this.target);
        return element ? visibleText(element) : "";
    }

    /* ---- one answer ---- */

    private begin(action: string, source: string): void {
        this.view = new AnswerView(this, action, source);
        this.views.set(action, this.view);
        void this.view.begin();
    }

    shows(view: AnswerView): boolean {
        return this.view === view;
    }

    /** Only when the policy is accepted does the server tell whether anything else stands in the way. */
    async checkAgain(view: AnswerView): Promise<void> {
        await this.offer();
        if (!this.offered.some((each) => each.name === view.subject)) throw new Problem("permission_denied");
    }

    request(view: AnswerView): { path: string; body: object } {
        const { subject, source } = view;
        if (!source) throw new Problem(NO_TEXT);
        const properties = this.offered.find((each) => each.name === subject)?.input_schema?.properties;
        const limit = properties?.["text"]?.maxLength;
        if (limit !== undefined && [...source].length > limit) throw new Problem("body_too_large");
        const input = { text: source, ...(properties?.["language"] && { language: this.pageLanguage }) };
        return { path: actionPath(subject), body: { context: this.place(), input } };
    }

    private readonly retry = (): void => {
        if (this.view) this.begin(this.view.subject, this.readText());
    };

    /* ---- what it looks like ---- */

    protected override updated(): void {
        if (this.view) this.keepFocus(this.shadowRoot?.querySelector<HTMLElement>("section"));
        this.follow(this.view?.trouble);
    }

    protected override render(): TemplateResult | typeof nothing {
        const { strings, view } = this;
        if (this.offered.length === 0 && !view) return this.staffNote(strings.assistant);
        return html`
            <div lang=${this.language} @keydown=${this.key}>
                <div class="bar" role="group" aria-label=${strings.assistant}>
                    ${this.offered.map((action) => this.actionButton(action))}
                </div>
                <section id="panel" role="region" aria-labelledby="title" tabindex="-1" ?hidden=${!view}>
                    ${view ? this.panel(view) : nothing}
                </section>
                ${this.announcer()}
            </div>
        `;
    }

    private actionButton(action: ActionInfo): TemplateResult {
        const open = this.view?.subject === action.name;
        return html`<button
            type="button"
            data-action=${action.name}
            aria-expanded=${open ? "true" : "false"}
            aria-controls="panel"
            @click=${() => this.press(action)}
        >
            ${icon(action.name)}${this.names(action.name).button}
        </button>`;
    }

    private panel(view: AnswerView): TemplateResult {
        const title = this.names(view.subject).title;
        return html`
            <header>
                <h2 id="title">${title}</h2>
                <button type="button" class="close" aria-label=${this.strings.close} @click=${this.close}>${icon("close")}</button>
            </header>
            ${view.body()} ${view.buttons(this.close, this.retry)}
        `;
    }
}
