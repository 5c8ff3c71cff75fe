/* What all pages share: light DOM, a title, loading its data once, and what it says while loading and when that failed. */
import { html, LitElement, nothing, type PropertyValues, type TemplateResult } from "lit";
import { messageOf, Refusal } from "../api.js";

export class LightElement extends LitElement {
    protected override createRenderRoot(): HTMLElement {
        return this;
    }
}

/** What the address gave: {id} of "providers/{id}". */
export type Params = Record<string, string>;

export abstract class Page extends LightElement {
    static override properties = { params: { attribute: false }, loading: { state: true }, trouble: { state: true } };
    declare params: Params;
    declare loading: boolean;
    declare trouble: unknown;
    /** Aborted when the page goes. */
    private leaving = new AbortController();

    constructor() {
        super();
        this.params = {};
        this.loading = true;
        this.trouble = null;
    }

    protected get signal(): AbortSignal {
        return this.leaving.signal;
    }

    /** What stands as its heading and in the window's title. */
    abstract heading(): string;
    /** Reads what it shows; errors that it throws are shown with "Try again". */
    protected abstract load(): Promise<void>;
    protected abstract content(): TemplateResult | typeof nothing;
    /** A sentence below the heading that says what the page is for. */
    protected lead(): string | TemplateResult | typeof nothing {
        return nothing;
    }
    /** Buttons and links beside the heading. */
    protected tools(): TemplateResult | typeof nothing {
        return nothing;
    }
    /** The page above: its address and name. */
    protected above(): [path: string, title: string] | null {
        return null;
    }

    override connectedCallback(): void {
        super.connectedCallback();
        if (this.leaving.signal.aborted) this.leaving = new AbortController();
        void this.reload();
    }

    override disconnectedCallback(): void {
        super.disconnectedCallback();
        this.leaving.abort();
    }

    async reload(): Promise<void> {
        const { signal } = this;
        this.trouble = null;
        try {
            await this.load();
        } catch (error) {
            if (signal.aborted) return;
            this.trouble = error;
        }
        this.loading = false;
    }

    protected override updated(_: PropertyValues): void {
        document.title = `${this.heading()} · Lectern`;
    }

    protected override render(): TemplateResult {
        const above = this.above();
        return html`
            ${above ? html`<nav class="above" aria-label="Page above"><a href="/admin/${above[0]}">← ${above[1]}</a></nav>` : nothing}
            <header class="heading">
                <h1 id="heading" tabindex="-1">${this.heading()}</h1>
                <div class="tools">${this.trouble ? nothing : this.tools()}</div>
            </header>
            ${this.lead() === nothing ? nothing : html`<p class="lead">${this.lead()}</p>`}
            ${this.trouble
                ? troubleView(this.trouble, () => this.reload())
                : this.loading
                ? html`<p class="busy" role="status">Loading…</p>`
                : this.content()}`;
    }
}

/** An error in the place of what could not be shown. */
export function troubleView(trouble: unknown, retry?: () => void): TemplateResult {
    const refusal = trouble instanceof Refusal ? trouble : null;
    return html`<div class="trouble" role="alert">
        <p>${messageOf(trouble)}</p>
        ${refusal?.requestId ? html`<p class="small">Request <code>${refusal.requestId}</code>, code <code>${refusal.code}</code></p>` : nothing}
        ${retry ? html`<button type="button" @click=${retry}>Try again</button>` : nothing}
    </div>`;
}
