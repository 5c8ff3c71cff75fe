/* The providers in the order in which they are tried. The order is changed by dragging a row, or with its buttons. */
import { html, nothing, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { call, get, messageOf, Refusal, withQuery } from "../api.js";
import { currentQuery, setQuery } from "../navigation.js";
import { openDialog } from "../ui/dialog.js";
import { Page } from "../ui/page.js";
import { switchView } from "../ui/switch.js";
import { say } from "../ui/toast.js";
import { FALLBACK, stateView, type Plugin, type Provider } from "./provider_data.js";
import "./provider_test.js";

const TYPING_MS = 250;

class PageProviders extends Page {
    static override properties =
        { ...Page.properties, rows: { state: true }, busy: { state: true }, dragged: { state: true }, over: { state: true } };
    declare rows: Provider[];
    /** Being changed; its switch waits. */
    declare busy: number | null;
    declare dragged: number | null;
    declare over: number | null;
    private etag = "";
    /** Of kinds. */
    private readonly titles = new Map<string, string>();
    private search = currentQuery().get("q") ?? "";
    private typing: ReturnType<typeof setTimeout> | undefined;

    constructor() {
        super();
        this.rows = [];
        this.busy = this.dragged = this.over = null;
    }

    heading(): string {
        return "Providers";
    }

    protected override lead(): string {
        return FALLBACK;
    }

    protected override tools(): TemplateResult {
        return html`<a class="button primary" href="/admin/providers/new">Add a provider</a>`;
    }

    protected async load(): Promise<void> {
        const [{ data, etag }, plugins] = await Promise.all([
            call<{ providers: Provider[] }>("GET", withQuery("/v1/providers", { q: this.search }), { signal: this.signal }),
            this.titles.size ? null : get<{ plugins: Plugin[] }>("/v1/provider-plugins", {}, this.signal),
        ]);
        for (const plugin of plugins?.plugins ?? []) this.titles.set(plugin.name, plugin.title);
        this.rows = data.providers;
        this.etag = etag;
    }

    private typed(text: string): void {
        clearTimeout(this.typing);
        this.typing = setTimeout(() => {
            this.search = text.trim();
            setQuery({ q: this.search });
            void this.reload();
        }, TYPING_MS);
    }

    protected content(): TemplateResult {
        return html`<form class="bar" role="search" aria-label="providers" @submit=${(event: Event) => event.preventDefault()}>
                <label class="field"><span class="label">Search</span><input type="search" .value=${this.search}
                    @input=${(event: Event) => this.typed((event.target as HTMLInputElement).value)} /></label>
                <a class="button" href=${withQuery("/v1/providers", { q: this.search, format: "csv" })} download>CSV</a>
            </form>
            ${this.rows.length === 0
                ? html`<div class="empty" role="status">${this.search ? "No providers match." : html`There is no provider yet: no action can be
                    answered. <a href="/admin/providers/new">Add one</a>, or begin with “extract”, which needs no key and no network.`}</div>`
                : html`<div class="rows ordered" role="table" aria-label="Providers in the order in which they are tried">
                    <div role="rowgroup" class="head"><div role="row">
                        ${["Order", "Name", "Kind", "State", "In use"].map((title) => html`<div role="columnheader">${title}</div>`)}<div
                            role="columnheader"><span class="hidden">Actions</span></div>
                    </div></div>
                    <div role="rowgroup">${repeat(this.rows, (row) => row.id, (row, i) => this.row(row, i))}</div>
                </div>`}
            ${this.search ? html`<p class="muted small">The order is changed in the whole list, without a search.</p>` : nothing}`;
    }

    private row(row: Provider, i: number): TemplateResult {
        const movable = !this.search && this.rows.length > 1, last = this.rows.length - 1;
        return html`<div role="row" data-id=${row.id} class="${this.dragged === row.id ? "dragged" : ""} ${this.over === row.id ? "over" : ""}"
            draggable=${movable ? "true" : "false"}
            @dragstart=${(event: DragEvent) => this.dragStart(event, row)} @dragover=${(event: DragEvent) => this.dragOver(event, row)}
                @drop=${(event: DragEvent) => this.drop(event, i)}
            @dragend=${() => { this.dragged = this.over = null; }}>
            <div role="cell" data-title="Order">${
                movable ? html`<span class="grip" aria-hidden="true">⠿</span> ` : nothing
            }${this.search ? "–" : i + 1}</div>
            <div role="cell" data-title="Name"><a href="/admin/providers/${row.id}" draggable="false">${row.name}</a></div>
            <div role="cell" data-title="Kind">${this.titles.get(row.plugin) ?? row.plugin}</div>
            <div role="cell" data-title="State"><span>${stateView(row)}</span></div>
            <div role="cell" data-title="In use">${
                switchView({ label: `Use ${row.name}`, on: row.enabled, busy: this.busy === row.id, toggle: (on) => void this.enable(row, on) })
            }</div>
            <div role="cell" class="buttons">
                ${movable
                    ? html`<button type="button" class="earlier" aria-label="Earlier: ${row.name}" aria-disabled=${i === 0 ? "true" : nothing}
                        @click=${() => void this.move(i, i - 1, "earlier")}>↑ Earlier</button>
                          <button type="button" class="later" aria-label="Later: ${row.name}" aria-disabled=${i === last ? "true" : nothing}
                              @click=${() => void this.move(i, i + 1, "later")}>↓ Later</button>`
                    : nothing}
                <button type="button" aria-label="Test ${row.name}" @click=${() => void this.test(row)}>Test…</button>
            </div>
        </div>`;
    }

    /* ---- order ---- */

    private dragStart(event: DragEvent, row: Provider): void {
        this.dragged = row.id;
        event.dataTransfer?.setData("text/plain", row.name);
        if (event.dataTransfer) event.dataTransfer.effectAllowed = "move";
    }

    private dragOver(event: DragEvent, row: Provider): void {
        if (this.dragged === null) return;
        event.preventDefault();
        this.over = row.id;
    }

    private drop(event: DragEvent, to: number): void {
        event.preventDefault();
        const from = this.rows.findIndex((row) => row.id === this.dragged);
        this.dragged = this.over = null;
        if (from >= 0 && from !== to) void this.move(from, to);
    }

    /** Shown at once; when somebody else has changed the list meanwhile, theirs is shown and nothing is changed. */
    private async move(from: number, to: number, button?: "earlier" | "later"): Promise<void> {
        if (to < 0 || to >= this.rows.length) return;
        const before = this.rows, row = before[from]!;
        const rows = before.filter((one) => one !== row);
        rows.splice(to, 0, row);
        this.rows = rows;
        await this.updateComplete;
        if (button) this.querySelector<HTMLElement>(`[data-id="${row.id}"] .${button}`)?.focus();
        try {
            const { data, etag } =
                await call<{ providers: Provider[] }>("PUT", "/v1/providers/order", { body: { ids: rows.map((one) => one.id) }, ifMatch: this.etag });
            this.rows = data.providers;
            this.etag = etag;
            say(`${row.name} is now number ${to + 1} of ${rows.length}.`);
        } catch (error) {
            this.rows = before;
            const changed = error instanceof Refusal && error.status === 412;
            say(changed
                ? "Somebody else has changed the providers meanwhile: this is the list as it is now. Try again."
                : messageOf(error), { failed: true });
            if (changed) await this.reload();
        }
    }

    /* ---- one of them ---- */

    private async enable(row: Provider, enabled: boolean): Promise<void> {
        this.busy = row.id;
        try {
            await call("PATCH", `/v1/providers/${row.id}`, { body: { enabled } });
            say(`${row.name} is ${enabled ? "on" : "off"}.`);
            await this.reload();
        } catch (error) {
            say(messageOf(error), { failed: true });
        }
        this.busy = null;
    }

    private async test(row: Provider): Promise<void> {
        await openDialog<boolean>(`Test ${row.name}`, (close) => html`<provider-test .provider=${row}></provider-test>
            <div class="buttons"><button type="button" @click=${() => close()}>Close</button></div>`);
        await this.reload();
    }
}

customElements.define("page-providers", PageProviders);
