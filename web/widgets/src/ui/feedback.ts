/*
 * What the user thinks of one answer: two thumbs, and after "bad" an optional why. A thumb is kept at once; pressed again it is taken back.
 * Nothing moves the focus until the why is sent or left.
 */
import { html, nothing, type TemplateResult } from "lit";
import { COMMENT_MAX, type Kept, rate, type Rating, type Reason, REASONS, takeBack } from "../client/feedback.js";
import type { LecternElement } from "./element.js";
import { icon } from "./icons.js";

export class Feedback {
    private asksWhy = false;
    private failed = false;
    private comments = true;
    private busy = false;

    constructor(
        private readonly host: LecternElement,
        private readonly callId: string,
        private rating: Rating | null = null,
    ) {}

    /** What the server says now; what is just being changed here counts more. */
    known(rating: Rating | null): void {
        if (!this.busy && !this.asksWhy) this.rating = rating;
    }

    /** Shows what was pressed before the server has it, and what was there before when it does not take it. */
    private async keep(rating: Rating | null, send: () => Promise<Kept>, told: string): Promise<boolean> {
        if (this.busy) return false;
        const { host, rating: before } = this;
        this.busy = true;
        this.rating = rating;
        this.failed = false;
        host.requestUpdate();
        try {
            this.comments = (await send()).comments !== false;
            host.announce(told);
            return true;
        } catch {
            this.rating = before;
            this.failed = true;
            host.announce(host.strings.feedback.failed);
            return false;
        } finally {
            this.busy = false;
            host.requestUpdate();
        }
    }

    private async press(rating: Rating): Promise<void> {
        const { host, callId } = this;
        const { feedback } = host.strings;
        const again = this.rating === rating;
        this.asksWhy = false;
        if (again) await this.keep(null, () => takeBack(host.api(), callId), feedback.takenBack);
        else if (rating === "up") await this.keep(rating, () => rate(host.api(), callId, rating), feedback.thanks);
        else this.asksWhy = await this.keep(rating, () => rate(host.api(), callId, rating), feedback.thanksWhy);
        host.requestUpdate();
    }

    private async sendWhy(group: HTMLElement): Promise<void> {
        const { host } = this;
        const reason = group.querySelector("select")!.value as Reason | "";
        const comment = group.querySelector("textarea")?.value.trim() ?? "";
        const more = { ...(reason && { reason }), ...(comment && { comment }) };
        if (await this.keep("down", () => rate(host.api(), this.callId, "down", more), host.strings.feedback.thanks)) this.leave(group);
    }

    private leave(group: HTMLElement): void {
        this.asksWhy = false;
        group.parentElement?.querySelector<HTMLElement>(".down")?.focus();
        this.host.requestUpdate();
    }

    private thumb(rating: Rating): TemplateResult {
        const { feedback } = this.host.strings;
        const pressed = this.rating === rating;
        const label = rating === "up" ? feedback.good : feedback.bad;
        return html`<button
            type="button"
            class="small thumb ${rating}"
            aria-label=${label}
            title=${label}
            aria-pressed=${pressed ? "true" : "false"}
            @click=${() => this.press(rating)}
        >
            ${icon(rating)}
        </button>`;
    }

    /** For the row of buttons of the answer. */
    thumbs(): TemplateResult {
        return html`${this.thumb("up")}${this.thumb("down")}`;
    }

    /** Behind that row. */
    why(): TemplateResult | typeof nothing {
        const { feedback, close, chat } = this.host.strings;
        if (this.failed && !this.asksWhy) return html`<p class="problem">${feedback.failed}</p>`;
        if (!this.asksWhy) return nothing;
        const group = (event: Event) => (event.currentTarget as HTMLElement).closest<HTMLElement>(".why")!;
        const key = (event: KeyboardEvent) => {
            if (event.key !== "Escape" || event.isComposing) return;
            event.preventDefault();
            this.leave(group(event));
        };
        return html`<div class="why box" role="group" aria-label=${feedback.why} @keydown=${key}>
            <label>
                ${feedback.why}
                <select>
                    <option value=""></option>
                    ${REASONS.map((reason) => html`<option value=${reason}>${feedback.reasons[reason]}</option>`)}
                </select>
            </label>
            ${this.comments
                ? html`<label>${feedback.comment}<textarea rows="2" maxlength=${COMMENT_MAX} dir="auto"></textarea></label>`
                : nothing}
            ${this.failed ? html`<p class="problem">${feedback.failed}</p>` : nothing}
            <div class="row">
                <button type="button" class="small tell" @click=${(event: Event) => this.sendWhy(group(event))}>${chat.send}</button>
                <button type="button" class="small" @click=${(event: Event) => this.leave(group(event))}>${close}</button>
            </div>
        </div>`;
    }
}
