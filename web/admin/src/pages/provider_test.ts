/* Asking a provider something small, live. */
import { html, nothing, type TemplateResult } from "lit";
import { call, refusalFrom } from "../api.js";
import { duration } from "../ui/format.js";
import { LightElement, troubleView } from "../ui/page.js";
import { badge } from "../ui/parts.js";

interface Tested {
    success: boolean;
    id: string;
    action: string;
    model: string;
    duration_ms: number;
    response: Record<string, unknown> | null;
    error?: Record<string, unknown>;
}

/** The vendor has at most this long, in ms: longer than any time that a provider may be given for a small answer. */
const DEADLINE = 180_000;
const SHOWN = 400;

class ProviderTest extends LightElement {
    static override properties = { provider: { attribute: false }, busy: { state: true }, result: { state: true }, trouble: { state: true } };
    declare provider: { id: number; name: string };
    declare busy: boolean;
    declare result: Tested | null;
    declare trouble: unknown;

    constructor() {
        super();
        this.busy = false;
        this.result = null;
        this.trouble = null;
    }

    private readonly test = async (): Promise<void> => {
        if (this.busy) return;
        this.busy = true;
        this.result = this.trouble = null;
        try {
            this.result = (await call<Tested>("POST", `/v1/providers/${this.provider.id}/test`, { body: {}, deadline: DEADLINE })).data;
        } catch (error) {
            this.trouble = error;
        }
        this.busy = false;
        this.dispatchEvent(new CustomEvent("tested", { bubbles: true }));
    };

    protected override render(): TemplateResult {
        return html`<p>Asks ${this.provider.name} one short question, live, with what is saved. This is a real call: where the provider charges, it
            costs a little. It counts for no limit.</p>
            <div class="buttons"><button type="button" aria-disabled=${this.busy ? "true" : nothing}
                @click=${this.test}>${this.busy ? "Asking…" : this.result || this.trouble ? "Test again" : "Test now"}</button></div>
            <div class="result" role="status">${this.busy ? nothing : this.resultView()}</div>`;
    }

    private resultView(): unknown {
        if (this.trouble) return troubleView(this.trouble);
        if (!this.result) return nothing;
        const { success, duration_ms, model, response, error } = this.result;
        if (!success)
            return html`<p>${badge("error", "It failed")} after ${duration(duration_ms)}.</p>
                <p class="wrong">${error ? refusalFrom(error, 0).detail : ""}</p>`;
        const text = typeof response?.["generated_content"] === "string" ? (response["generated_content"] as string) : "";
        const by = model ? html`, by the model <code>${model}</code>` : nothing;
        return html`<p>${badge("ok", "It works")} An answer after ${duration(duration_ms)}${by}.</p>
            ${text ? html`<blockquote>${text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text}</blockquote>` : nothing}`;
    }
}

customElements.define("provider-test", ProviderTest);
