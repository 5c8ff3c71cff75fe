/*
 * One question in the making: its versions, an author's changes to it, having it written again. What the server refuses or does not hear stays in
 * the form; what others changed meanwhile is told and not written over.
 */
import { html, nothing, type TemplateResult } from "lit";
import { Problem } from "../client/api.js";
import type { WorkflowCall } from "../client/conversation.js";
import { type Change, changeQuestion, regenerateBody, slotOf } from "../client/question_calls.js";
import { type Draft, type Fault, faultsOf, isDirty, questionOf, startDraft } from "../client/question_draft.js";
import { hasVersion, sameQuestion, selectedOf, type Slot, withVersion } from "../client/questions.js";
import { Run, WORKFLOW_PATH } from "../client/run.js";
import type { QuestionWords } from "../words/questions.js";
import type { LecternElement } from "./element.js";
import { icon } from "./icons.js";
import { questionForm } from "./question_form.js";
import { questionView } from "./question_view.js";
import { Trouble } from "./trouble.js";

export interface CardHost extends LecternElement {
    readonly questionWords: QuestionWords;
    /** Whether the server keeps questions; else they are here alone. */
    readonly keeps: boolean;
    call(): WorkflowCall;
    callWithText(): WorkflowCall;
    /** The policy, where something is written by a model; false: not accepted. */
    policyAccepted(forget?: boolean): Promise<boolean>;
    /** Something was kept: other tabs want to know. */
    changed(): void;
    /** Looks what is kept now. */
    reload(): Promise<void>;
}

export class QuestionCard {
    draft: Draft | undefined;
    faults: Fault[] = [];
    /** The version that the draft was made of does not count any more. */
    conflict = false;
    /** A change is being kept. */
    busy = false;
    run: Run | undefined;
    trouble: Trouble | undefined;

    private refused = false;
    private asksDiscard = false;
    private asksHow = false;
    private status = "";
    private reconnecting = false;

    constructor(
        private readonly host: CardHost,
        /** By which the server knows it. */
        readonly index: number,
        public slot: Slot,
    ) {}

    get dirty(): boolean {
        return this.draft !== undefined && isDirty(this.draft);
    }

    /** Whether this is still the question of that slot, so that what is open here may stay open. */
    belongsTo(slot: Slot | undefined): boolean {
        return hasVersion(slot, this.draft?.base ?? selectedOf(this.slot)) || hasVersion(slot, this.slot.versions[0]!);
    }

    /** What is kept now. */
    take(slot: Slot): void {
        this.slot = slot;
        if (this.draft) this.conflict = !sameQuestion(selectedOf(slot).question, this.draft.base.question);
        if (this.conflict && !this.dirty) this.close();
    }

    stop(): void {
        this.run?.stop();
    }

    /* ---- editing ---- */

    private update(): Promise<boolean> {
        this.host.requestUpdate();
        return this.host.updateComplete;
    }

    private async focus(selector: string): Promise<void> {
        await this.update();
        this.host.shadowRoot?.querySelector<HTMLElement>(`#q${this.index} ${selector}`)?.focus();
    }

    readonly edit = (): void => {
        if (this.busy || this.run) return;
        this.asksHow = false;
        this.trouble = undefined;
        this.draft = startDraft(selectedOf(this.slot));
        void this.focus("form input");
    };

    /** Every change in the form. */
    readonly typed = (change: Partial<Draft>): void => {
        Object.assign(this.draft!, change);
        if (this.faults.length > 0) this.faults = faultsOf(questionOf(this.draft!));
        this.refused = false;
        this.host.requestUpdate();
    };

    private close(): void {
        this.draft = undefined;
        this.faults = [];
        this.conflict = this.asksDiscard = this.refused = false;
        this.trouble = undefined;
    }

    private readonly cancel = (): void => {
        if (this.busy) return;
        if (this.dirty) {
            this.asksDiscard = true;
            void this.focus(".ask button");
        } else {
            this.discard();
        }
    };

    private readonly discard = (): void => {
        this.close();
        void this.focus(".edit");
    };

    private readonly goOn = (): void => {
        this.asksDiscard = false;
        void this.focus("form input");
    };

    private readonly keep = (event: Event): void => {
        event.preventDefault();
        void this.keepDraft(false);
    };

    private readonly keepMine = (): void => {
        void this.keepDraft(true);
    };

    /** `anyhow`: behind the version that others made, which stays. */
    private async keepDraft(anyhow: boolean): Promise<void> {
        const { draft, host } = this;
        if (!draft || this.busy) return;
        const question = questionOf(draft);
        this.faults = faultsOf(question);
        if (this.faults.length > 0) {
            host.announce(host.questionWords.faulty(this.faults.length));
            return this.focus("form :is([aria-invalid=true], [data-wrong=true] .tick input)");
        }
        if (!this.dirty) return this.discard();
        const base = anyhow ? selectedOf(this.slot) : draft.base;
        if (!(await this.change({ question, based_on: base.raw }))) return;
        this.close();
        host.announce(host.questionWords.kept);
        await this.focus(".edit");
    }

    /* ---- what is kept ---- */

    private async change(change: Change): Promise<boolean> {
        const { host } = this;
        this.busy = true;
        this.trouble = undefined;
        host.requestUpdate();
        try {
            const slot = host.keeps ? await changeQuestion(host.api(), host.call(), this.index, change) : this.changeHere(change);
            if (slot) this.slot = slot;
            host.changed();
            return true;
        } catch (error) {
            await this.failed(error);
            return false;
        } finally {
            this.busy = false;
            host.requestUpdate();
        }
    }

    private changeHere({ question, selected, left_out }: Change): Slot {
        if (question) return withVersion(this.slot, question);
        return { ...this.slot, selected: selected ?? this.slot.selected, leftOut: left_out ?? this.slot.leftOut };
    }

    private async failed(error: unknown): Promise<void> {
        const { host } = this;
        const problem = error instanceof Problem ? error : new Problem("internal_error");
        if (problem.code === "conflict" || problem.code === "not_found") {
            this.conflict = this.draft !== undefined;
            host.announce(host.questionWords.conflict);
            await host.reload();
        } else if (problem.code === "invalid_input" && this.draft) {
            this.refused = true;
            host.announce(host.questionWords.notTaken);
        } else {
            this.trouble = new Trouble(problem);
            host.announce(this.trouble.text(host.pageLanguage));
        }
    }

    private async select(by: number): Promise<void> {
        const selected = this.slot.selected + by;
        if (this.busy || this.run || selected < 0 || selected >= this.slot.versions.length) return;
        if (!(await this.change({ selected, based_on: selectedOf(this.slot).raw }))) return;
        const { selected: now, versions } = this.slot;
        this.host.announce(this.host.questionWords.version(now + 1, versions.length));
    }

    private readonly include = async (event: Event): Promise<void> => {
        const box = event.target as HTMLInputElement;
        if (this.busy || !(await this.change({ left_out: !box.checked }))) box.checked = !this.slot.leftOut;
    };

    /* ---- another version by a model ---- */

    private readonly askHow = (): void => {
        if (this.busy || this.run) return;
        this.asksHow = !this.asksHow;
        this.trouble = undefined;
        void this.focus(this.asksHow ? ".how textarea" : ".regenerate");
    };

    private readonly regenerate = (event: Event): void => {
        event.preventDefault();
        const field = (event.currentTarget as HTMLFormElement).querySelector("textarea");
        void this.write(field?.value.trim() ?? "");
    };

    private async write(instruction: string, again = false): Promise<void> {
        const { host } = this;
        if (this.run || this.busy || this.trouble?.early) return;
        if (!(await host.policyAccepted(again))) return;
        this.trouble = undefined;
        this.status = "";
        const run = new Run(host.api(), {
            text: () => undefined,
            status: (message) => {
                this.status = message;
                host.requestUpdate();
            },
            reconnecting: (on) => {
                this.reconnecting = on;
                host.announce(on ? host.strings.reconnecting : host.strings.writing);
            },
        });
        this.run = run;
        host.announce(host.strings.writing);
        void this.focus(".stop");
        const outcome = await run.start(WORKFLOW_PATH, regenerateBody(host.callWithText(), this.index, instruction)).finished;
        this.run = undefined;
        this.reconnecting = false;
        if (outcome.kind === "failed") return this.notWritten(outcome.problem, instruction, again);
        if (outcome.kind === "done") {
            const slot = slotOf(outcome.answer);
            if (slot) this.take(slot);
            this.asksHow = false;
            host.changed();
        }
        host.announce(outcome.kind === "done" ? host.questionWords.version(this.slot.selected + 1, this.slot.versions.length) : host.strings.stopped);
        await this.focus(this.asksHow ? ".how textarea" : ".regenerate");
    }

    private async notWritten(problem: Problem, instruction: string, again: boolean): Promise<void> {
        const { host } = this;
        if (problem.code === "policy_not_accepted" && !again) return this.write(instruction, true);
        if (problem.code === "not_found") {
            host.announce(host.questionWords.conflict);
            return host.reload();
        }
        this.trouble = new Trouble(problem);
        host.announce(this.trouble.text(host.pageLanguage));
        await this.focus(".how textarea");
    }

    readonly key = (event: KeyboardEvent): void => {
        if (event.key !== "Escape" || event.defaultPrevented) return;
        if (this.run) this.stop();
        else if (this.asksDiscard) this.goOn();
        else if (this.draft) this.cancel();
        else if (this.asksHow) this.askHow();
        else return;
        event.preventDefault();
    };

    /* ---- what it looks like ---- */

    render(number: number): TemplateResult {
        const { host, slot, draft, index } = this;
        const words = host.questionWords;
        const { question } = selectedOf(slot);
        return html`<li id="q${index}" class="question" data-left-out=${slot.leftOut} @keydown=${this.key}>
            <div class="head">
                <h3 id="t${index}"><span class="number">${words.question(number)}</span> <span dir="auto" lang="">${question.display_name}</span></h3>
                <label class="tick">
                    <input
                        type="checkbox"
                        class="include"
                        aria-describedby="t${index}"
                        .checked=${!slot.leftOut}
                        @change=${this.include}
                    />${words.include}</label
                >
            </div>
            ${draft
                ? questionForm(host, this, { keep: this.keep, cancel: this.cancel, parts: this.formParts() })
                : html`${questionView(host, selectedOf(slot))} ${this.tools()} ${this.asksHow ? this.how() : this.problem()}`}
        </li>`;
    }

    private problem(): TemplateResult | typeof nothing {
        return this.trouble ? html`<p class="problem">${this.trouble.text(this.host.pageLanguage)}</p>` : nothing;
    }

    /** Above the buttons of the form: what became of keeping it. */
    private formParts(): TemplateResult {
        const { questionWords: words } = this.host;
        return html`${this.problem()} ${this.refused ? html`<p class="problem">${words.notTaken}</p>` : nothing}
        ${this.conflict
            ? html`<div class="ask">
                  <p>${words.conflict}</p>
                  <button type="button" class="small mine" @click=${this.keepMine}>${words.keepMine}</button>
                  <button type="button" class="small" @click=${this.discard}>${words.showOther}</button>
              </div>`
            : nothing}
        ${this.asksDiscard
            ? html`<div class="ask" role="group" aria-labelledby="d${this.index}">
                  <p id="d${this.index}">${words.discardAsk}</p>
                  <button type="button" class="small" @click=${this.discard}>${words.discard}</button>
                  <button type="button" class="small" @click=${this.goOn}>${words.goOn}</button>
              </div>`
            : nothing}`;
    }

    private tools(): TemplateResult {
        const { slot, host, index } = this;
        const words = host.questionWords;
        const off = (yes: boolean) => (yes || this.busy || this.run ? "true" : "false");
        const step = (name: "previous" | "next", label: string, by: number, end: boolean) =>
            html`<button
                type="button"
                class="small icon ${name}"
                aria-label=${label}
                aria-describedby="t${index}"
                aria-disabled=${off(end)}
                @click=${() => this.select(by)}
            >
                ${icon(name)}
            </button>`;
        return html`<div class="tools">
            ${slot.versions.length > 1
                ? html`<span class="versions"
                      >${step("previous", words.previous, -1, slot.selected === 0)}
                      <span>${words.version(slot.selected + 1, slot.versions.length)}</span>
                      ${step("next", words.next, 1, slot.selected === slot.versions.length - 1)}</span
                  >`
                : nothing}
            <button type="button" class="small edit" aria-describedby="t${index}" aria-disabled=${off(false)} @click=${this.edit}>
                ${icon("edit")}${words.edit}
            </button>
            ${host.keeps
                ? html`<button
                      type="button"
                      class="small regenerate"
                      aria-describedby="t${index}"
                      aria-expanded=${this.asksHow ? "true" : "false"}
                      aria-disabled=${off(false)}
                      @click=${this.askHow}
                  >
                      ${icon("retry")}${words.regenerate}
                  </button>`
                : nothing}
        </div>`;
    }

    private how(): TemplateResult {
        const { host, index } = this;
        const { questionWords: words, strings } = host;
        return html`<form class="how" @submit=${this.regenerate}>
            <label class="field" for="h${index}">${words.regenerateHint}</label>
            <textarea id="h${index}" rows="2" maxlength="2000" dir="auto" ?readonly=${this.run !== undefined}></textarea>
            ${this.problem()}
            ${this.run
                ? html`<p class="state busy">${this.reconnecting ? strings.reconnecting : this.status || strings.writing}</p>`
                : nothing}
            <div class="row">
                ${this.run
                    ? html`<button type="button" class="stop" @click=${() => this.stop()}>${icon("stop")}${strings.stop}</button>`
                    : html`<button type="submit" class="primary" aria-disabled=${this.trouble?.early ? "true" : "false"}>${words.regenerateDo}</button>
                          <button type="button" @click=${this.askHow}>${words.cancel}</button>`}
            </div>
        </form>`;
    }
}
