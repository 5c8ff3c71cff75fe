/*
 * <lectern-assist>: buttons above a text that have it summarised or explained in a panel beside it.
 *
 * The element never puts markup from the server or the page into its own: all texts become text nodes. It tells screen
 * readers the few turns of an answer (writing, done, stopped, a problem) and not each word.
 */
import { html, LitElement, nothing, type PropertyValues, svg, type TemplateResult } from "lit";
import { type ActionInfo, type Answer, Api, NO_TEXT, type Place, type Policy, Problem } from "./api.js";
import { Run } from "./run.js";
import { canRetry, errorText, type Strings, stringsFor } from "./strings.js";
import { styles } from "./styles.js";
import { paragraphs, visibleText } from "./text.js";

type Phase = "loading" | "policy" | "writing" | "done" | "stopped" | "failed";

/** What the panel shows for one action. Kept until the page is left, so that closing the panel does not lose an answer. */
interface View {
    action: ActionInfo;
    source: string;
    phase: Phase;
    text: string;
    status: string;
    reconnecting: boolean;
    policy?: Policy;
    problem?: Problem;
    /** Time (ms) from which another try makes sense, 0 = at once. */
    retryFrom: number;
    answeredBy: string;
    /** The server refused for want of the policy once already; a second time it is shown as a problem. */
    askedAgain: boolean;
}

const ICONS: Record<string, TemplateResult> = {
    summarise_text: svg`<path d="M4 6h16M4 12h10M4 18h6"/>`,
    explain_text: svg`<path d="M9 18h6M10 21h4M8 14a6 6 0 1 1 8 0c-.7.6-1 1.2-1 2H9c0-.8-.3-1.4-1-2z"/>`,
    close: svg`<path d="M6 6l12 12M18 6L6 18"/>`,
    stop: svg`<path d="M7 7h10v10H7z"/>`,
    retry: svg`<path d="M4 12a8 8 0 1 1 2.5 5.8M4 20v-4h4"/>`,
    copy: svg`<path d="M9 9h11v11H9zM5 15H4V4h11v1"/>`,
};

export class LecternAssist extends LitElement {
    static override styles = styles;

    static override properties = {
        baseUrl: { attribute: "base-url" },
        token: {},
        courseId: { attribute: "course-id" },
        locationId: { attribute: "location-id" },
        placement: {},
        actions: {},
        target: { attribute: "for" },
    };

    /** Where the daemon is; empty for the page's own origin. */
    declare baseUrl: string;
    /** The user's token; when empty, the content of <meta name="lectern-token">. */
    declare token: string;
    declare courseId: string;
    declare locationId: string;
    declare placement: string;
    /** Names of actions, divided by commas, in the order of their buttons. */
    declare actions: string;
    /** CSS selector of the text. */
    declare target: string;

    private offered: ActionInfo[] = [];
    private questions = 0;
    private readonly views = new Map<string, View>();
    private view: View | undefined;
    private run: Run | undefined;
    private policyAccepted = false;
    private announcement = "";
    private copyLabel = "";
    private copyTimer: ReturnType<typeof setTimeout> | undefined;
    private waitTimer: ReturnType<typeof setTimeout> | undefined;
    private hadFocus = false;

    constructor() {
        super();
        this.baseUrl = "";
        this.token = "";
        this.courseId = "";
        this.locationId = "";
        this.placement = "course_assist";
        this.actions = "summarise_text,explain_text";
        this.target = "main article";
    }

    override connectedCallback(): void {
        super.connectedCallback();
        if (this.offered.length === 0) this.style.display = "none";
        window.addEventListener("pagehide", this.stop);
    }

    override disconnectedCallback(): void {
        super.disconnectedCallback();
        window.removeEventListener("pagehide", this.stop);
        this.stop();
        clearTimeout(this.copyTimer);
        clearTimeout(this.waitTimer);
    }

    /* ---- what may be offered ---- */

    protected override willUpdate(changed: PropertyValues): void {
        this.hadFocus = this.shadowRoot?.activeElement != null;
        /* For the page, which may want to make room for the panel. */
        this.toggleAttribute("open", this.view !== undefined);
        const asks = ["baseUrl", "token", "courseId", "locationId", "placement", "actions"];
        if (asks.some((name) => changed.has(name))) void this.offer();
    }

    /** Asks which actions the caller has here. When the server cannot be asked the page stays as it is. */
    private async offer(): Promise<void> {
        const wanted = this.actions.split(",").map((name) => name.trim());
        const question = ++this.questions;
        const known = await this.api()
            .actions(this.place())
            .catch(() => undefined);
        if (question !== this.questions || !known) return;
        this.offered = wanted.flatMap((name) => known.find((action) => action.name === name && isOffered(action)) ?? []);
        this.showOrHide();
    }

    /** Without anything to offer the element is not there at all, unless its panel has something to say. */
    private showOrHide(): void {
        if (this.offered.length > 0 || this.view) this.style.removeProperty("display");
        else this.style.display = "none";
        this.requestUpdate();
    }

    private api(): Api {
        const meta = document.querySelector<HTMLMetaElement>('meta[name="lectern-token"]');
        return new Api(this.baseUrl, this.token || meta?.content || "");
    }

    private place(): Place {
        const place: Place = { placement: this.placement };
        if (this.courseId) place.course_id = this.courseId;
        if (this.locationId) place.location_id = this.locationId;
        return place;
    }

    private get pageLanguage(): string {
        return this.closest<HTMLElement>("[lang]")?.lang || document.documentElement.lang || "en";
    }

    private get strings(): Strings {
        return stringsFor(this.pageLanguage).strings;
    }

    private names(action: ActionInfo): { button: string; title: string } {
        const own = Object.hasOwn(this.strings.actions, action.name) ? this.strings.actions[action.name] : undefined;
        const title = action.title || action.name;
        return own ?? { button: title, title };
    }

    /* ---- the panel ---- */

    private async press(action: ActionInfo): Promise<void> {
        if (this.view?.action.name === action.name) return this.close();
        this.stop();
        this.announcement = "";
        const source = this.readText();
        const earlier = this.views.get(action.name);
        if (earlier?.source === source && (earlier.phase === "done" || earlier.phase === "stopped")) {
            this.view = earlier;
            this.requestUpdate();
        } else {
            void this.begin(action, source);
        }
        await this.updateComplete;
        this.shadowRoot?.querySelector<HTMLElement>("section")?.focus();
    }

    private readonly close = (): void => {
        if (!this.view) return;
        const name = this.view.action.name;
        this.stop();
        this.view = undefined;
        this.announcement = "";
        this.showOrHide();
        void this.updateComplete.then(() => {
            const buttons = [...(this.shadowRoot?.querySelectorAll<HTMLElement>("button[data-action]") ?? [])];
            (buttons.find((button) => button.dataset["action"] === name) ?? buttons[0])?.focus();
        });
    };

    /** Stops a running call, here and on the server; what has arrived stays. */
    private readonly stop = (): void => {
        this.run?.stop();
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

    /** Policy first, then the call. Every step looks whether the panel still shows this view. */
    private async begin(action: ActionInfo, source: string, askedAgain = false): Promise<void> {
        const view: View = {
            action,
            source,
            phase: "loading",
            text: "",
            status: "",
            reconnecting: false,
            retryFrom: 0,
            answeredBy: "",
            askedAgain,
        };
        this.view = view;
        this.views.set(action.name, view);
        this.requestUpdate();
        try {
            this.checkLength(action, source);
            if (!this.policyAccepted) {
                const policy = await this.api().policy();
                if (this.view !== view) return;
                if (!policy.accepted) return this.ask(view, policy);
                this.policyAccepted = true;
            }
            await this.write(view);
        } catch (error) {
            this.fail(view, error);
        }
    }

    private checkLength(action: ActionInfo, source: string): void {
        if (!source) throw new Problem(NO_TEXT);
        const limit = action.input_schema?.properties?.["text"]?.maxLength;
        if (limit !== undefined && [...source].length > limit) throw new Problem("body_too_large");
    }

    private ask(view: View, policy: Policy): void {
        view.policy = policy;
        view.phase = "policy";
        this.announce(this.strings.policyTitle);
    }

    private async accept(view: View): Promise<void> {
        const policy = view.policy!;
        view.phase = "loading";
        this.requestUpdate();
        try {
            await this.api().acceptPolicy(policy.version, this.place());
            this.policyAccepted = true;
            /* Only now does the server tell whether anything else stands in the way. */
            await this.offer();
            if (this.view !== view) return;
            if (!this.offered.some((action) => action.name === view.action.name)) throw new Problem("permission_denied");
            await this.write(view);
        } catch (error) {
            this.fail(view, error);
        }
    }

    private async write(view: View): Promise<void> {
        view.phase = "writing";
        this.announce(this.strings.writing);
        const input: Record<string, string> = { text: view.source };
        if (view.action.input_schema?.properties?.["language"]) input["language"] = this.pageLanguage;
        const run = new Run(this.api(), {
            text: (delta) => {
                view.text += delta;
                view.status = "";
                this.requestUpdate();
            },
            status: (message) => {
                view.status = message;
                this.requestUpdate();
            },
            reconnecting: (on) => {
                view.reconnecting = on;
                this.announce(on ? this.strings.reconnecting : this.strings.writing);
            },
        });
        this.run = run;
        const outcome = await run.start(view.action.name, { context: this.place(), input }).finished;
        view.reconnecting = false;
        if (outcome.kind === "failed") return this.fail(view, outcome.problem);
        if (outcome.kind === "done") this.finish(view, outcome.answer);
        view.phase = outcome.kind;
        if (this.view === view) this.announce(outcome.kind === "done" ? this.strings.done : this.strings.stopped);
    }

    /** The final answer is what was recorded, and counts more than the sum of the parts. */
    private finish(view: View, answer: Answer): void {
        const content = answer.response?.generated_content;
        if (typeof content === "string") view.text = content;
        view.answeredBy = answer.provider?.name ?? "";
    }

    private fail(view: View, error: unknown): void {
        const problem = error instanceof Problem ? error : new Problem("internal_error");
        /* The policy changed or was withdrawn elsewhere: ask again instead of complaining. */
        if (problem.code === "policy_not_accepted" && !view.askedAgain && this.view === view) {
            this.policyAccepted = false;
            void this.begin(view.action, view.source, true);
            return;
        }
        view.phase = "failed";
        view.problem = problem;
        view.retryFrom = problem.retryAfter ? Date.now() + problem.retryAfter * 1000 : 0;
        if (this.view === view) this.announce(this.problemText(view));
    }

    private readonly retry = (): void => {
        const view = this.view;
        if (!view || view.retryFrom > Date.now()) return;
        void this.begin(view.action, this.readText());
    };

    private async copy(view: View): Promise<void> {
        const worked = await copyText(view.text, this.shadowRoot!);
        this.copyLabel = worked ? this.strings.copied : "";
        this.announce(worked ? this.strings.copied : this.strings.copyFailed);
        clearTimeout(this.copyTimer);
        this.copyTimer = setTimeout(() => {
            this.copyLabel = "";
            this.requestUpdate();
        }, 2000);
    }

    private announce(text: string): void {
        this.announcement = text;
        this.requestUpdate();
    }

    private problemText(view: View): string {
        const { strings } = this;
        const sentence = strings.errors[errorText(view.problem!.code)];
        if (!view.retryFrom) return sentence;
        const seconds = Math.ceil((view.retryFrom - Date.now()) / 1000);
        if (seconds <= 0) return `${sentence} ${strings.retryNow}`;
        if (seconds < 60) return `${sentence} ${strings.retryInSeconds(seconds)}`;
        const { language } = stringsFor(this.pageLanguage);
        /* Rounded up to the minute, so that the time shown is never too early. */
        const when = new Date(Math.ceil(view.retryFrom / 60_000) * 60_000);
        return `${sentence} ${strings.retryAt(new Intl.DateTimeFormat(language, { timeStyle: "short" }).format(when))}`;
    }

    /* ---- what it looks like ---- */

    protected override updated(): void {
        const section = this.shadowRoot?.querySelector<HTMLElement>("section");
        /* A button that vanishes (Accept, Stop) would drop the focus to the top of the page. */
        if (this.hadFocus && this.view && !this.shadowRoot?.activeElement) section?.focus();
        clearTimeout(this.waitTimer);
        const wait = this.view?.phase === "failed" ? this.view.retryFrom - Date.now() : 0;
        if (wait > 0) this.waitTimer = setTimeout(this.tick, wait % 1000 || 1000);
    }

    private readonly tick = (): void => {
        if (this.view && this.view.retryFrom <= Date.now()) this.announcement = this.strings.retryNow;
        this.requestUpdate();
    };

    protected override render(): TemplateResult | typeof nothing {
        const { strings, view } = this;
        if (this.offered.length === 0 && !view) return nothing;
        return html`
            <div lang=${stringsFor(this.pageLanguage).language} @keydown=${this.key}>
                <div class="bar" role="group" aria-label=${strings.assistant}>
                    ${this.offered.map((action) => this.actionButton(action))}
                </div>
                <section id="panel" role="region" aria-labelledby="title" tabindex="-1" ?hidden=${!view}>
                    ${view ? this.panel(view) : nothing}
                </section>
                <div class="announcer" role="status" aria-live="polite">${this.announcement}</div>
            </div>
        `;
    }

    private actionButton(action: ActionInfo): TemplateResult {
        const open = this.view?.action.name === action.name;
        return html`<button
            type="button"
            data-action=${action.name}
            aria-expanded=${open ? "true" : "false"}
            aria-controls="panel"
            @click=${() => this.press(action)}
        >
            ${icon(action.name)}${this.names(action).button}
        </button>`;
    }

    private panel(view: View): TemplateResult {
        const { strings } = this;
        return html`
            <header>
                <h2 id="title">${this.names(view.action).title}</h2>
                <button type="button" class="close" aria-label=${strings.close} @click=${this.close}>${icon("close")}</button>
            </header>
            ${view.phase === "policy" ? this.policyBody(view) : this.answerBody(view)} ${this.buttons(view)}
        `;
    }

    private policyBody(view: View): TemplateResult {
        return html`<div class="body" role="group" tabindex="0" aria-labelledby="policy-title">
            <h3 id="policy-title">${this.strings.policyTitle}</h3>
            ${paragraphs(view.policy!.text).map((paragraph) => html`<p>${paragraph}</p>`)}
        </div>`;
    }

    private answerBody(view: View): TemplateResult {
        const { strings } = this;
        const busy = view.phase === "loading" || view.phase === "writing";
        return html`<div class="body" role="group" tabindex="0" aria-label=${strings.answer}>
            <div class="answer" lang=${this.pageLanguage} dir="auto" aria-busy=${busy ? "true" : "false"}>
                ${paragraphs(view.text).map((paragraph) => html`<p>${paragraph}</p>`)}
            </div>
            ${this.stateLine(view)}
            ${view.phase === "done"
                ? html`<p class="caution">
                      ${strings.caution}${view.answeredBy ? " " + strings.answeredBy(view.answeredBy) : nothing}
                  </p>`
                : nothing}
        </div>`;
    }

    private stateLine(view: View): TemplateResult | typeof nothing {
        const { strings } = this;
        switch (view.phase) {
            case "loading":
                return html`<p class="state busy">${strings.loading}</p>`;
            case "writing":
                return html`<p class="state busy">${view.reconnecting ? strings.reconnecting : view.status || strings.writing}</p>`;
            case "stopped":
                return html`<p class="state">${strings.stopped}</p>`;
            case "failed":
                return html`<p class="problem">${this.problemText(view)}</p>`;
            default:
                return nothing;
        }
    }

    private buttons(view: View): TemplateResult | typeof nothing {
        const { strings } = this;
        switch (view.phase) {
            case "loading":
                return nothing;
            case "policy":
                return html`<footer>
                    <button type="button" class="primary" @click=${() => this.accept(view)}>${strings.accept}</button>
                    <button type="button" @click=${this.close}>${strings.notNow}</button>
                </footer>`;
            case "writing":
                return html`<footer>
                    <button type="button" class="stop" @click=${this.stop}>${icon("stop")}${strings.stop}</button>
                </footer>`;
            default:
                return this.endButtons(view);
        }
    }

    private endButtons(view: View): TemplateResult | typeof nothing {
        const { strings } = this;
        const retry = view.phase !== "failed" || canRetry(errorText(view.problem!.code));
        if (!view.text && !retry) return nothing;
        const early = view.retryFrom > Date.now();
        return html`<footer>
            ${view.text
                ? html`<button type="button" class="copy" @click=${() => this.copy(view)}>
                      ${icon("copy")}${this.copyLabel || strings.copy}
                  </button>`
                : nothing}
            ${retry
                ? html`<button type="button" class="retry" aria-disabled=${early ? "true" : "false"} @click=${this.retry}>
                      ${icon("retry")}${strings.retry}
                  </button>`
                : nothing}
        </footer>`;
    }
}

/** An action that waits only for the policy is offered: pressing its button is how a learner gets to see the policy. */
function isOffered(action: ActionInfo): boolean {
    return action.available === true || action.reason === "policy_not_accepted";
}

function icon(name: string): TemplateResult | typeof nothing {
    if (!Object.hasOwn(ICONS, name)) return nothing;
    return html`<svg viewBox="0 0 24 24" aria-hidden="true" focusable="false">${ICONS[name]}</svg>`;
}

/** The clipboard needs a secure page; on a plain http page of an intranet a selected text field does the same. */
async function copyText(text: string, root: ShadowRoot): Promise<boolean> {
    try {
        await navigator.clipboard.writeText(text);
        return true;
    } catch {
        const focused = root.activeElement;
        const field = document.createElement("textarea");
        field.value = text;
        field.className = "announcer";
        field.readOnly = true;
        root.append(field);
        field.select();
        const worked = document.execCommand("copy");
        field.remove();
        if (focused instanceof HTMLElement) focused.focus();
        return worked;
    }
}
