/*
 * One answer, from the policy to its end: what is shown of it, and its buttons. An element shows one of them and may keep others; only the
 * one that is shown speaks to screen readers.
 */
import { html, nothing, type TemplateResult } from "lit";
import { type Answer, answerText, Problem } from "../client/api.js";
import { type Citation, readCitations } from "../client/citations.js";
import { Run } from "../client/run.js";
import { codeToCopy, RichText } from "../rich/rich_text.js";
import { Approvals } from "./approvals.js";
import type { LecternElement } from "./element.js";
import { Feedback } from "./feedback.js";
import { icon } from "./icons.js";
import type { PolicyGate } from "./policy.js";
import { sourcesView } from "./sources.js";
import { Trouble } from "./trouble.js";

/** What an answer needs of its element. */
export interface AnswerHost extends LecternElement {
    readonly gate: PolicyGate;
    /** Whether this is what the element shows now. */
    shows(view: AnswerView): boolean;
    /** Called once the policy was accepted here: throws when it turns out that the caller may not after all. */
    checkAgain(view: AnswerView): Promise<void>;
    /** What is sent, and where. Throws a Problem when there is nothing to send. */
    request(view: AnswerView): { path: string; body: object };
    copyLabel(what: unknown): string;
    copy(text: string, what: unknown): Promise<void>;
    /** What is said below an answer; else that it was made from the page. */
    readonly caution?: string;
}

/** Buttons of an element's own at an answer's end. */
export interface EndButtons {
    first: TemplateResult | typeof nothing;
    /** In the place of "Try again" where nothing failed. */
    again: string;
}

type Phase = "loading" | "writing" | "done" | "stopped" | "failed";

export class AnswerView {
    phase: Phase = "loading";
    trouble: Trouble | undefined;
    readonly rich: RichText;
    /** What was recorded, once it is done. */
    answer: Answer | undefined;

    private status = "";
    private reconnecting = false;
    private answeredBy = "";
    private citations: readonly Citation[] = [];
    private run: Run | undefined;
    private askedAgain = false;
    private feedback: Feedback | undefined;
    private readonly approvals: Approvals;

    constructor(
        protected readonly host: AnswerHost,
        /** What it answers: kept for the element. */
        readonly subject: string,
        readonly source = "",
    ) {
        this.rich = new RichText(host.strings);
        this.approvals = new Approvals(host);
    }

    /** The policy waits to be accepted. */
    get asksPolicy(): boolean {
        return this.phase === "loading" && this.host.gate.policy !== undefined;
    }

    get busy(): boolean {
        return this.phase === "loading" || this.phase === "writing";
    }

    stop(): void {
        this.run?.stop();
    }

    /** Policy first, then the call. Every step looks whether the element still shows this. */
    async begin(): Promise<void> {
        const { host } = this;
        this.phase = "loading";
        host.requestUpdate();
        try {
            host.request(this); /* what cannot be sent is told before the policy is asked for */
            const policy = await host.gate.pass();
            if (policy === "refused") return;
            if (policy === "accepted") await host.checkAgain(this);
            if (host.shows(this)) await this.write();
        } catch (error) {
            this.fail(error);
        }
    }

    private async write(): Promise<void> {
        const { host, rich } = this;
        this.phase = "writing";
        host.announce(host.strings.writing);
        this.run = new Run(host.api(), {
            text: (delta) => {
                rich.push(delta);
                if (this.status) host.requestUpdate();
                this.status = "";
            },
            status: (message) => {
                this.status = message;
                host.requestUpdate();
            },
            approval: (approval, decide) => this.approvals.take(approval, decide),
            reconnecting: (on) => {
                this.reconnecting = on;
                host.announce(on ? host.strings.reconnecting : host.strings.writing);
            },
        });
        const { path, body } = host.request(this);
        const outcome = await this.run.start(path, body).finished;
        this.reconnecting = false;
        this.approvals.end();
        if (outcome.kind === "failed") return this.fail(outcome.problem);
        if (outcome.kind === "done") this.finish(outcome.answer);
        else rich.finish();
        this.phase = outcome.kind;
        if (host.shows(this)) host.announce(outcome.kind === "done" ? host.strings.done : host.strings.stopped);
    }

    /** The final answer is what was recorded, and counts more than the sum of the parts. */
    protected finish(answer: Answer): void {
        this.rich.finish(answerText(answer));
        this.answer = answer;
        this.answeredBy = answer.provider?.name ?? "";
        this.citations = readCitations(answer.response?.citations);
        if (answer.id) this.feedback = new Feedback(this.host, answer.id);
    }

    private fail(error: unknown): void {
        const { host } = this;
        /* The policy changed or was withdrawn elsewhere: ask again instead of complaining. */
        if (error instanceof Problem && error.code === "policy_not_accepted" && !this.askedAgain && host.shows(this)) {
            this.askedAgain = true;
            host.gate.forget();
            void this.begin();
            return;
        }
        this.rich.finish();
        this.phase = "failed";
        this.trouble = new Trouble(error);
        if (host.shows(this)) host.announce(this.trouble.text(host.pageLanguage));
    }

    /* ---- what it looks like ---- */

    private readonly pressInside = (event: Event): void => {
        const code = codeToCopy(event);
        if (code !== undefined) void this.host.copy(code, event.target);
    };

    body(): TemplateResult {
        const { host } = this;
        const { strings } = host;
        if (this.asksPolicy) return host.gate.body();
        return html`<div class="body" role="group" tabindex="0" aria-label=${strings.answer}>
            <div class="answer" lang=${host.pageLanguage} dir="auto" aria-busy=${this.busy ? "true" : "false"} @click=${this.pressInside}>
                ${this.rich.element}
            </div>
            ${sourcesView(strings, this.citations)} ${this.approvals.view()} ${this.approvals.waits ? nothing : this.stateLine()}
            ${this.phase === "done"
                ? html`<p class="caution">
                      ${host.caution ?? strings.caution}${this.answeredBy ? " " + strings.answeredBy(this.answeredBy) : nothing}
                  </p>`
                : nothing}
            ${this.feedback ? html`<div class="rating">${this.feedback.thumbs()}${this.feedback.why()}</div>` : nothing}
        </div>`;
    }

    private stateLine(): TemplateResult | typeof nothing {
        const { strings, pageLanguage } = this.host;
        switch (this.phase) {
            case "loading":
                return html`<p class="state busy">${strings.loading}</p>`;
            case "writing":
                return html`<p class="state busy">${this.reconnecting ? strings.reconnecting : this.status || strings.writing}</p>`;
            case "stopped":
                return html`<p class="state">${strings.stopped}</p>`;
            case "failed":
                return html`<p class="problem">${this.trouble!.text(pageLanguage)}</p>`;
            default:
                return nothing;
        }
    }

    /** `refuse`: what the element does when the policy is not accepted; `retry`: when the answer is to be made again. */
    buttons(refuse: () => void, retry: () => void, own?: EndButtons): TemplateResult | typeof nothing {
        const { host } = this;
        if (this.asksPolicy) return host.gate.buttons(refuse);
        if (this.phase === "loading") return nothing;
        if (this.phase !== "writing") return this.endButtons(retry, own);
        return html`<footer>
            <button type="button" class="stop" @click=${() => this.stop()}>${icon("stop")}${host.strings.stop}</button>
        </footer>`;
    }

    private endButtons(again: () => void, own: EndButtons | undefined): TemplateResult | typeof nothing {
        const { host, trouble } = this;
        const retry = !trouble || trouble.canRetry;
        const { text } = this.rich;
        if (!text && !retry) return nothing;
        return html`<footer>
            ${own?.first}
            ${text
                ? html`<button type="button" class="copy" @click=${() => host.copy(text, this)}>
                      ${icon("copy")}${host.copyLabel(this)}
                  </button>`
                : nothing}
            ${retry
                ? html`<button
                      type="button"
                      class="retry"
                      aria-disabled=${trouble?.early ? "true" : "false"}
                      @click=${() => (trouble?.early ? undefined : again())}
                  >
                      ${icon("retry")}${own && !trouble ? own.again : host.strings.retry}
                  </button>`
                : nothing}
        </footer>`;
    }
}
