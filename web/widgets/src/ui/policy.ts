/*
 * The policy, asked for at first use. Whoever wants to call waits for pass(); meanwhile the element shows body() and buttons().
 */
import { html, type TemplateResult } from "lit";
import type { Policy } from "../client/api.js";
import { paragraphs } from "../rich/page_text.js";
import type { LecternElement } from "./element.js";

export class PolicyGate {
    /** What is being asked, undefined when nothing is. */
    policy: Policy | undefined;

    private accepted = false;
    private decide: ((accepted: boolean) => void) | undefined;
    private fail: ((error: unknown) => void) | undefined;

    constructor(private readonly host: LecternElement) {}

    /** "known": accepted before; "accepted": just now; "refused": the user does not want to. Rejects with a Problem. */
    async pass(): Promise<"known" | "accepted" | "refused"> {
        if (this.accepted) return "known";
        const policy = await this.host.api().policy();
        if (policy.accepted) {
            this.accepted = true;
            return "known";
        }
        this.refuse();
        this.policy = policy;
        this.host.announce(this.host.strings.policyTitle);
        const accepted = await new Promise<boolean>((resolve, reject) => {
            this.decide = resolve;
            this.fail = reject;
        });
        return accepted ? "accepted" : "refused";
    }

    /** The server says that it is not accepted, whatever was known: pass() asks again. */
    forget(): void {
        this.accepted = false;
    }

    readonly accept = async (): Promise<void> => {
        const { policy, decide, fail } = this;
        if (!policy) return;
        this.policy = undefined;
        this.host.requestUpdate();
        try {
            await this.host.api().acceptPolicy(policy.version, this.host.place());
            this.accepted = true;
            decide?.(true);
        } catch (error) {
            fail?.(error);
        }
    };

    /** Also when the question is no longer shown. */
    readonly refuse = (): void => {
        if (!this.policy) return;
        this.policy = undefined;
        this.decide?.(false);
        this.host.requestUpdate();
    };

    body(): TemplateResult {
        return html`<div class="body" role="group" tabindex="0" aria-labelledby="policy-title">
            <h3 id="policy-title">${this.host.strings.policyTitle}</h3>
            ${paragraphs(this.policy?.text ?? "").map((paragraph) => html`<p>${paragraph}</p>`)}
        </div>`;
    }

    /** `refuse`: what else the element does when the user does not want to. */
    buttons(refuse: () => void = this.refuse): TemplateResult {
        return html`<footer>
            <button type="button" class="primary" @click=${this.accept}>${this.host.strings.accept}</button>
            <button type="button" @click=${refuse}>${this.host.strings.notNow}</button>
        </footer>`;
    }
}
