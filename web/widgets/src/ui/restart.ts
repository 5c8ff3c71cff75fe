/* "Begin a new conversation?" */
import { html, nothing, type TemplateResult } from "lit";
import type { LecternElement } from "./element.js";

export class RestartQuestion {
    asks = false;

    constructor(
        private readonly host: LecternElement,
        private readonly restart: () => Promise<void>,
    ) {}

    readonly ask = async (): Promise<void> => {
        this.asks = true;
        this.host.requestUpdate();
        await this.host.updateComplete;
        this.host.shadowRoot?.querySelector<HTMLElement>(".ask button")?.focus();
    };

    readonly keep = (): void => {
        this.asks = false;
        this.host.requestUpdate();
    };

    private readonly begin = (): void => {
        this.asks = false;
        void this.restart();
    };

    body(): TemplateResult | typeof nothing {
        const { chat } = this.host.strings;
        if (!this.asks) return nothing;
        return html`<div class="ask" role="group" aria-labelledby="restart-ask">
            <p id="restart-ask">${chat.restartAsk}</p>
            <button type="button" class="small" @click=${this.begin}>${chat.restartDo}</button>
            <button type="button" class="small" @click=${this.keep}>${chat.restartKeep}</button>
        </div>`;
    }
}
