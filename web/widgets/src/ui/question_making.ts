/* Having questions written: what is wanted, the task in the background, and how it comes out. */
import { html, nothing, type TemplateResult } from "lit";
import { type Answer, Problem } from "../client/api.js";
import { beginQuestions, type Wish } from "../client/question_calls.js";
import { type Outcome, Run, TASK_TIMING } from "../client/run.js";
import { icon } from "./icons.js";
import type { CardHost } from "./question_card.js";
import { wishForm, wishOf } from "./question_wish.js";
import { Trouble } from "./trouble.js";

export interface MakingHost extends CardHost {
    readonly cards: readonly unknown[];
    /** What a task came to. */
    made(answer: Answer): Promise<void>;
    focusOn(selector: string): Promise<void>;
}

export class QuestionMaking {
    trouble: Trouble | undefined;

    private run: Run | undefined;
    private waiting = false;
    private status = "";
    private reconnecting = false;
    private wish: Wish = { num_questions: 5 };
    private asksReplace = false;
    /** What is done when the user tries again. */
    private again: (() => void) | undefined;

    constructor(private readonly host: MakingHost) {}

    get busy(): boolean {
        return this.run !== undefined || this.waiting;
    }

    /** The task goes on. */
    leave(): void {
        this.run?.leave();
    }

    /** As if nothing had been asked for: in another place. */
    forget(): void {
        this.leave();
        this.run = this.trouble = this.again = undefined;
        this.waiting = this.reconnecting = this.asksReplace = false;
    }

    /* ---- asking ---- */

    private readonly submit = (event: Event): void => {
        event.preventDefault();
        if (this.busy || this.trouble?.early) return;
        this.wish = wishOf(new FormData(event.currentTarget as HTMLFormElement));
        if (this.host.cards.length === 0) return void this.write();
        this.asksReplace = true;
        void this.host.focusOn(".replace button");
    };

    private readonly replace = (): void => {
        this.asksReplace = false;
        void this.write();
    };

    private readonly keepOld = (): void => {
        this.asksReplace = false;
        void this.host.focusOn(".wish button");
    };

    /** For Escape: true when there was a question, which is answered with no. */
    refuse(): boolean {
        if (!this.asksReplace) return false;
        this.keepOld();
        return true;
    }

    private async write(again = false): Promise<void> {
        const { host } = this;
        if (this.busy || !(await host.policyAccepted(again))) return;
        this.waiting = true;
        this.trouble = undefined;
        host.announce(host.strings.writing);
        try {
            const task = await beginQuestions(host.api(), host.callWithText(), this.wish);
            this.waiting = false;
            host.changed();
            void this.attend(task);
        } catch (error) {
            this.waiting = false;
            if (error instanceof Problem && error.code === "policy_not_accepted" && !again) return this.write(true);
            this.fail(error, () => void this.write());
        }
    }

    /* ---- under way ---- */

    async attend(task: string): Promise<void> {
        const { host } = this;
        if (this.run) return;
        const run = new Run(
            host.api(),
            {
                text: () => undefined,
                status: (message) => {
                    this.status = message;
                    host.requestUpdate();
                },
                reconnecting: (on) => {
                    this.reconnecting = on;
                    host.announce(on ? host.strings.reconnecting : host.strings.writing);
                },
            },
            TASK_TIMING,
        );
        this.run = run;
        this.status = "";
        this.trouble = undefined;
        host.announce(host.strings.writing);
        const outcome = await run.follow(task).finished;
        if (this.run !== run) return;
        this.run = undefined;
        this.reconnecting = false;
        await this.end(outcome, task);
    }

    private async end(outcome: Outcome, task: string): Promise<void> {
        const { host } = this;
        if (outcome.kind === "done") {
            await host.made(outcome.answer);
        } else if (outcome.kind === "stopped") {
            host.announce(host.strings.stopped);
        } else {
            const lost = outcome.problem.code === "connection_lost";
            this.fail(outcome.problem, () => void (lost ? this.attend(task) : this.write()));
        }
    }

    fail(error: unknown, again: (() => void) | undefined): void {
        this.trouble = new Trouble(error);
        this.again = again;
        this.host.announce(this.trouble.text(this.host.pageLanguage));
    }

    private readonly retry = (): void => {
        const { again, trouble } = this;
        if (!again || trouble?.early) return;
        this.trouble = this.again = undefined;
        again();
        this.host.requestUpdate();
    };

    /* ---- what it looks like ---- */

    render(hidden: boolean): TemplateResult {
        return html`${wishForm(this.host.questionWords, hidden || this.busy, this.submit, this.buttons())} ${this.busy ? this.progress() : nothing}
        ${this.problem()}`;
    }

    private buttons(): TemplateResult {
        const { questionWords: words } = this.host;
        if (!this.asksReplace) return html`<div class="row"><button type="submit" class="primary">${words.write}</button></div>`;
        return html`<div class="ask replace" role="group" aria-labelledby="replace-ask">
            <p id="replace-ask">${words.replaceAsk}</p>
            <button type="button" class="small" @click=${this.replace}>${words.replaceDo}</button>
            <button type="button" class="small" @click=${this.keepOld}>${words.keepOld}</button>
        </div>`;
    }

    private progress(): TemplateResult {
        const { run } = this;
        const { strings } = this.host;
        return html`<div class="part progress">
            <p class="state busy">${this.reconnecting ? strings.reconnecting : this.status || strings.writing}</p>
            ${run ? html`<button type="button" class="stop" @click=${() => run.stop()}>${icon("stop")}${strings.stop}</button>` : nothing}
        </div>`;
    }

    private problem(): TemplateResult | typeof nothing {
        const { trouble, host } = this;
        if (!trouble) return nothing;
        return html`<div class="part">
            <p class="problem">${trouble.text(host.pageLanguage)}</p>
            ${trouble.canRetry && this.again
                ? html`<button type="button" class="retry" aria-disabled=${trouble.early ? "true" : "false"} @click=${this.retry}>
                      ${icon("retry")}${host.strings.retry}
                  </button>`
                : nothing}
        </div>`;
    }
}
