/* The models that a vendor lists now, to choose from. */
import { html, type TemplateResult } from "lit";
import { get } from "../api.js";
import { LightElement, troubleView } from "../ui/page.js";

const SHOWN_MAX = 200;

/** Fires "model" with the name that was chosen. */
class ProviderModels extends LightElement {
    static override properties = {
        provider: { attribute: false },
        chosen: { attribute: false },
        models: { state: true },
        busy: { state: true },
        trouble: { state: true },
        search: { state: true },
    };
    declare provider: { id: number; name: string };
    /** The model that stands in the settings. */
    declare chosen: unknown;
    declare models: string[] | null;
    declare busy: boolean;
    declare trouble: unknown;
    declare search: string;

    constructor() {
        super();
        this.models = null;
        this.busy = false;
        this.trouble = null;
        this.search = "";
    }

    private readonly read = async (): Promise<void> => {
        if (this.busy) return;
        this.busy = true;
        this.trouble = null;
        try {
            this.models = (await get<{ models: string[] }>(`/v1/providers/${this.provider.id}/models`)).models;
        } catch (error) {
            this.trouble = error;
        }
        this.busy = false;
    };

    protected override render(): TemplateResult {
        return html`<p>Asks ${this.provider.name} which models it has. That costs nothing.</p>
            <div class="buttons"><button type="button" aria-disabled=${this.busy ? "true" : "false"}
                @click=${this.read}>${this.busy ? "Asking…" : this.models ? "Ask again" : "List its models"}</button></div>
            <div role="status">${this.trouble ? troubleView(this.trouble) : this.models ? this.list(this.models) : ""}</div>`;
    }

    private list(models: string[]): TemplateResult {
        const wanted = this.search.trim().toLowerCase();
        const found = models.filter((model) => model.toLowerCase().includes(wanted));
        return html`<label class="field"><span class="label">Search ${models.length === 1 ? "the one model" : `the ${models.length} models`}</span>
                <input type="search" .value=${this.search}
                    @input=${(event: Event) => { this.search = (event.target as HTMLInputElement).value; }} /></label>
            ${found.length === 0 ? html`<p class="muted">No model of that name.</p>` : ""}
            <ul class="models scroll" tabindex="0"
                aria-label="Models">${found.slice(0, SHOWN_MAX).map((model) => html`<li><code>${model}</code>${model === this.chosen
                ? html`<span class="muted small">in the settings</span>`
                : html`<button type="button" aria-label="Use this model: ${model}"
                    @click=${() => this.dispatchEvent(new CustomEvent("model", { detail: model }))}>Use this model</button>`}</li>`)}</ul>
            ${found.length > SHOWN_MAX ? html`<p class="muted small">${found.length - SHOWN_MAX} more: search for them.</p>` : ""}`;
    }
}

customElements.define("provider-models", ProviderModels);
