/*
 * Tools that wait for the user's word, in one answer: what the model wants to do and with what, Allow and Refuse, and what became of it. Who waits
 * for the answer is taken there; who is writing or elsewhere in the page is told and left alone.
 */
import { html, nothing, type TemplateResult } from "lit";
import type { Approval, Decide } from "../client/run.js";
import type { LecternElement } from "./element.js";
import { toolName } from "./message_view.js";

interface Question extends Approval {
    decide: Decide;
    busy: boolean;
    failed: boolean;
}

/** As a person can check it: no character that turns or hides others. */
export function shownArguments(text: string): string {
    let shown = text;
    try {
        shown = JSON.stringify(JSON.parse(text), null, 2);
    } catch {
        /* as the model wrote it */
    }
    return shown === "{}" ? "" : shown.replace(/(?!\n)[\p{Cc}\p{Cf}\u2028\u2029]/gu, (hidden) => `\\u{${hidden.codePointAt(0)!.toString(16)}}`);
}

export class Approvals {
    private questions: Question[] = [];

    constructor(private readonly host: LecternElement) {}

    /** Something of the answer waits now. */
    get waits(): boolean {
        return this.questions.some((question) => question.state === "pending");
    }

    take(approval: Approval, decide: Decide): void {
        const { host } = this;
        const known = this.questions.find((question) => question.id === approval.id);
        if (known) known.state = approval.state;
        else this.questions = [...this.questions, { ...approval, decide, busy: false, failed: false }];
        if (approval.state === "pending") {
            host.announce(`${host.strings.approval.asks} ${toolName(host.strings, approval.tool)}`);
            void host.updateComplete.then(() => this.arrive());
        } else host.announce(host.strings.writing);
    }

    /** The run has ended: nobody waits any more. */
    end(): void {
        this.questions = this.questions.filter((question) => question.state !== "pending");
    }

    private arrive(): void {
        const root = this.host.shadowRoot;
        const active = root?.activeElement;
        const question = root?.querySelector<HTMLElement>(".approval");
        question?.scrollIntoView?.({ block: "nearest" });
        if (active && !(active instanceof HTMLTextAreaElement && active.value)) question?.focus();
    }

    private async say(question: Question, approve: boolean): Promise<void> {
        if (question.busy) return;
        const { host } = this;
        question.busy = true;
        question.failed = false;
        try {
            await question.decide(approve);
            question.state = approve ? "approved" : "refused";
        } catch {
            question.failed = question.state === "pending";
            if (question.failed) host.announce(host.strings.errors.connection);
        } finally {
            question.busy = false;
            host.requestUpdate();
        }
    }

    view(): TemplateResult | typeof nothing {
        const { strings } = this.host;
        const { approval } = strings;
        const open = this.questions.filter((question) => question.state === "pending");
        return open.length === 0
            ? nothing
            : html`${open.map((question) => {
                  const given = shownArguments(question.arguments);
                  return html`<div class="approval box" role="group" tabindex="-1" aria-label=${approval.asks}>
                      <p>${approval.asks} <strong>${toolName(strings, question.tool)}</strong></p>
                      ${given ? html`<pre dir="ltr" tabindex="0" aria-label=${approval.arguments}>${given}</pre>` : nothing}
                      ${question.failed ? html`<p class="problem">${strings.errors.connection}</p>` : nothing}
                      <div class="row">
                          <button type="button" class="allow" @click=${() => this.say(question, true)}>${approval.allow}</button>
                          <button type="button" class="refuse" @click=${() => this.say(question, false)}>${approval.refuse}</button>
                      </div>
                  </div>`;
              })}`;
    }
}
