/*
 * <lectern-editor-tools>: buttons beside an editor that have text or an image made in a dialog, and put it in where the caret is, marked as
 * made by a machine. A page with an editor of its own listens to "lectern-insert".
 */
import { html, nothing, type PropertyDeclarations, type PropertyValues, type TemplateResult } from "lit";
import { type ActionInfo, NO_TEXT, Problem } from "../client/api.js";
import { actionPath } from "../client/run.js";
import { imageText, imageToInsert, type Marking, type Marks, markupOf, nodesToInsert, textToInsert } from "../rich/insertion.js";
import { type AnswerHost, AnswerView, type EndButtons } from "../ui/answer_view.js";
import { editorStyles } from "../ui/editor_styles.js";
import { EditorTarget, type Insertable } from "../ui/editor_target.js";
import { LecternElement } from "../ui/element.js";
import { icon } from "../ui/icons.js";
import { imageOf } from "../ui/image_answer.js";
import { boxStyles } from "../ui/panel_styles.js";
import { PolicyGate } from "../ui/policy.js";
import { richStyles } from "../ui/rich_styles.js";
import { styles } from "../ui/styles.js";
import { canAsk, Wishes, wishesView } from "../ui/wishes.js";
import { EDITOR_WORDS, type EditorWords } from "../words/editor_tools.js";
import { languageFor } from "../words/strings.js";

/** Of the event "lectern-insert". */
export interface InsertDetail {
    action: string;
    /** Markdown and markup, both marked as the element is told to. */
    text: string;
    html: string;
    /** Whether it is to stand in the place of what is selected. */
    replace: boolean;
    image?: { url: string; alt: string };
}

export class LecternEditorTools extends LecternElement implements AnswerHost {
    static override styles = [styles, boxStyles, richStyles, editorStyles];

    static override properties: PropertyDeclarations = {
        actions: {},
        target: { attribute: "for" },
        mark: {},
        markText: { attribute: "mark-text" },
        languages: {},
    };

    /** Names of actions, divided by commas, in the order of their buttons. */
    declare actions: string;
    /** CSS selector of the textarea or contenteditable. */
    declare target: string;
    /** How what is inserted is marked: "visible", "data" or "none". */
    declare mark: Marking;
    /** The words of the mark, in the place of the element's own. */
    declare markText: string;
    /** Language tags, divided by commas, that texts can be translated into; the page's own goes last. */
    declare languages: string;

    private offered: ActionInfo[] = [];
    /** What the dialog is about. */
    private action: ActionInfo | undefined;
    private open = false;
    /** There was no editor to insert into. */
    private homeless = false;
    /** Kept until the page is left, by action: closing the dialog loses neither what was typed nor an answer. */
    private readonly wishes = new Map<string, Wishes>();
    private readonly views = new Map<string, AnswerView>();
    readonly gate = new PolicyGate(this);
    private readonly editor = new EditorTarget(() => this.target);

    constructor() {
        super();
        this.placement = "editor";
        this.actions = "generate_text,improve_text,translate_text,summarise_text,explain_text,generate_image";
        this.languages = "en,es,fr,de,pt-BR,it,ca,eu,gl,pl,uk,ar,zh-Hans,zh-Hant";
        this.target = "";
        this.mark = "visible";
        this.markText = "";
    }

    override connectedCallback(): void {
        super.connectedCallback();
        this.editor.watch();
        if (this.offered.length === 0) this.style.visibility = "hidden";
    }

    override disconnectedCallback(): void {
        super.disconnectedCallback();
        this.editor.leave();
    }

    get words(): EditorWords {
        return EDITOR_WORDS[languageFor(this.pageLanguage)];
    }

    get caution(): string {
        return this.words.check;
    }

    /* ---- what may be offered ---- */

    protected override willUpdate(changed: PropertyValues = new Map()): void {
        super.willUpdate();
        const asks = ["baseUrl", "token", "courseId", "locationId", "placement", "actions"];
        if (asks.some((name) => changed.has(name))) void this.offer();
    }

    private async offer(): Promise<void> {
        const offered = await this.askOffered(this.actions.split(",").map((name) => name.trim()));
        if (!offered) return;
        this.offered = offered.filter(canAsk);
        this.style.removeProperty("visibility");
        if (this.offered.length > 0 || this.open || this.absent) this.style.removeProperty("display");
        else this.style.display = "none";
        this.requestUpdate();
    }

    /** Nobody writes in a language in order to have it translated into the same. */
    private get targets(): string[] {
        const tags = this.languages.split(",").map((tag) => tag.trim());
        const own = (tag: string) => tag.split("-")[0] === this.pageLanguage.split("-")[0];
        return [...tags.filter((tag) => tag && !own(tag)), ...tags.filter((tag) => tag && own(tag))];
    }

    private names({ name, title }: ActionInfo): { button: string; title: string } {
        const own = Object.hasOwn(this.words.actions, name) ? this.words.actions[name] : undefined;
        return own ?? { button: title || name, title: title || name };
    }

    /* ---- the dialog ---- */

    private get view(): AnswerView | undefined {
        return this.action && this.views.get(this.action.name);
    }

    private get dialog(): HTMLDialogElement | null {
        return this.shadowRoot?.querySelector("dialog") ?? null;
    }

    private async press(action: ActionInfo): Promise<void> {
        const wishes = this.wishes.get(action.name) ?? new Wishes(action, this.targets);
        wishes.look(this.editor.selected, this.editor.whole);
        this.wishes.set(action.name, wishes);
        this.action = action;
        this.open = true;
        this.homeless = false;
        this.announcement = "";
        this.requestUpdate();
        await this.updateComplete;
        if (!this.open || this.dialog?.open) return;
        this.dialog?.showModal();
        const first = [".wishes textarea", ".wishes input:checked", ".all"].map((part) => this.shadowRoot?.querySelector<HTMLElement>(part));
        first.find(Boolean)?.focus();
    }

    private readonly close = (): void => this.dialog?.close();

    /** However it was closed. The browser gives the focus back to the button. */
    private readonly closed = (): void => {
        this.open = false;
        this.stop();
        if (this.view?.phase === "loading") this.refuse();
        if (this.announcement !== this.words.inserted) this.announcement = "";
        this.requestUpdate();
    };

    protected readonly stop = (): void => {
        this.view?.stop();
    };

    /* ---- one answer ---- */

    private readonly generate = (event?: Event): void => {
        event?.preventDefault();
        const { action } = this;
        const wishes = action && this.wishes.get(action.name);
        if (!wishes || this.view?.busy || this.view?.trouble?.early) return;
        wishes.missing = wishes.asksPrompt && wishes.prompt.trim() === "";
        this.requestUpdate();
        if (wishes.missing) {
            this.announce(this.words.promptMissing);
            this.shadowRoot?.querySelector<HTMLElement>("#prompt")?.focus();
            return;
        }
        wishes.alt = undefined;
        const view = new AnswerView(this, action.name);
        this.views.set(action.name, view);
        void view.begin();
    };

    shows(view: AnswerView): boolean {
        return this.open && this.view === view;
    }

    /** Only when the policy is accepted does the server tell whether anything else stands in the way. */
    async checkAgain(view: AnswerView): Promise<void> {
        await this.offer();
        if (!this.offered.some((each) => each.name === view.subject)) throw new Problem("permission_denied");
    }

    request({ subject }: AnswerView): { path: string; body: object } {
        const wishes = this.wishes.get(subject)!;
        const input = wishes.input(this.words.contextHead, this.pageLanguage);
        if (!input) throw new Problem(NO_TEXT);
        if (wishes.tooLong(input)) throw new Problem("body_too_large");
        return { path: actionPath(subject), body: { context: this.place(), input } };
    }

    /** "Not now": back to what was typed. */
    private readonly refuse = (): void => {
        this.gate.refuse();
        if (this.action) this.views.delete(this.action.name);
        this.requestUpdate();
    };

    /* ---- into the editor ---- */

    private get marks(): Marks {
        const marking = this.mark === "data" || this.mark === "none" ? this.mark : "visible";
        return { marking, note: this.markText || this.words.mark };
    }

    /** What can be inserted now. */
    private made(): (Insertable & { image?: InsertDetail["image"] }) | undefined {
        const { view, marks, strings } = this;
        if (!view || (view.phase !== "done" && view.phase !== "stopped")) return undefined;
        const image = imageOf(view.answer, this.baseUrl);
        if (image) {
            const { address } = image;
            const wishes = this.wishes.get(view.subject)!;
            const alt = (wishes.alt ?? (image.description || wishes.prompt)).trim();
            return {
                text: (before, after) => textToInsert(imageText(address, alt), marks, before, after),
                html: () => ({ markup: markupOf(imageToInsert(address, alt, marks)), inline: false }),
                image: { url: address, alt },
            };
        }
        const { text } = view.rich;
        if (!text.trim()) return undefined;
        return {
            text: (before, after) => textToInsert(text, marks, before, after),
            html: (wanted) => {
                const { nodes, inline } = nodesToInsert(text, marks, strings, wanted);
                return { markup: markupOf(nodes), inline };
            },
        };
    }

    private readonly insert = (replace: boolean): void => {
        const { action } = this;
        const made = this.made();
        if (!action || !made) return;
        const detail: InsertDetail = { action: action.name, text: made.text("", ""), html: made.html(false).markup, replace };
        if (made.image) detail.image = made.image;
        const event = new CustomEvent<InsertDetail>("lectern-insert", { detail, bubbles: true, composed: true, cancelable: true });
        const ours = this.dispatchEvent(event);
        this.homeless = ours && !this.editor.field;
        if (this.homeless) return this.announce(this.words.noEditor);
        this.close();
        if (ours) this.editor.insert(made, replace);
        this.announce(this.words.inserted);
    };

    /* ---- what it looks like ---- */

    protected override updated(): void {
        if (this.open) this.keepFocus(this.shadowRoot?.querySelector<HTMLElement>(".body") ?? this.shadowRoot?.querySelector<HTMLElement>(".all"));
        this.follow(this.view?.trouble);
    }

    protected override render(): TemplateResult | typeof nothing {
        const { action, words, offered, open } = this;
        if (offered.length === 0 && !open) return this.staffNote(words.name);
        return html`
            <div lang=${this.language}>
                <div class="bar" role="group" aria-label=${words.name}>
                    ${offered.map((each) => this.actionButton(each))}
                </div>
                <dialog aria-labelledby="title" @close=${this.closed}>
                    ${action ? this.content(action) : nothing} ${this.announcer(open ? this.announcement : "")}
                </dialog>
                ${this.announcer(open ? "" : this.announcement)}
            </div>
        `;
    }

    private actionButton(action: ActionInfo): TemplateResult {
        return html`<button type="button" data-action=${action.name} aria-haspopup="dialog" @click=${() => this.press(action)}>
            ${icon(action.name)}${this.names(action).button}
        </button>`;
    }

    private content(action: ActionInfo): TemplateResult {
        const { view, words, strings } = this;
        const wishes = this.wishes.get(action.name)!;
        const asks = view?.asksPolicy === true;
        const problem = this.homeless ? words.noEditor : "";
        const redraw = () => this.requestUpdate();
        return html`
            <header>
                <h2 id="title">${this.names(action).title}</h2>
                <button type="button" class="close" aria-label=${strings.close} @click=${this.close}>${icon("close")}</button>
            </header>
            <div class="all" tabindex="-1">
                ${asks ? nothing : wishesView(wishes, words, problem, this.pageLanguage, redraw, this.generate)}
                ${view ? this.picture(view, wishes) : nothing} ${view?.body()}
            </div>
            ${view?.buttons(this.refuse, this.generate, this.endButtons(wishes)) ?? this.firstButtons()}
        `;
    }

    private firstButtons(): TemplateResult {
        return html`<footer>
            <button type="button" class="primary" @click=${this.generate}>${this.words.generate}</button>
        </footer>`;
    }

    private endButtons(wishes: Wishes): EndButtons {
        const { words } = this;
        const first = !this.made()
            ? nothing
            : html`<button type="button" class="primary insert" @click=${() => this.insert(false)}>${icon("insert")}${words.insert}</button>
                  ${wishes.selected
                      ? html`<button type="button" class="replace" @click=${() => this.insert(true)}>${words.replace}</button>`
                      : nothing}`;
        return { first, again: words.regenerate };
    }

    private picture(view: AnswerView, wishes: Wishes): TemplateResult | typeof nothing {
        const image = view.phase === "done" ? imageOf(view.answer, this.baseUrl) : undefined;
        if (!image) return nothing;
        const alt = wishes.alt ?? (image.description || wishes.prompt);
        return html`<div class="body">
            <div class="picture">
                <img src=${image.address} alt=${alt} />
                <label class="field">
                    <span class="name">${this.words.alt}</span>
                    <input
                        type="text"
                        dir="auto"
                        .value=${alt}
                        @change=${(event: Event) => {
                            wishes.alt = (event.target as HTMLInputElement).value;
                            this.requestUpdate();
                        }}
                    />
                </label>
            </div>
        </div>`;
    }
}
