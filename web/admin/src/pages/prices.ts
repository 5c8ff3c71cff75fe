/* What models cost, and which were used without a price. */
import { html, nothing, type TemplateResult } from "lit";
import { call, get, messageOf, withQuery } from "../api.js";
import { currentQuery, go } from "../navigation.js";
import { session } from "../session.js";
import { ask } from "../ui/dialog.js";
import type { Field } from "../ui/fields.js";
import type { FormOf } from "../ui/form.js";
import { count, money, when } from "../ui/format.js";
import type { ConsoleList, ListOf } from "../ui/list.js";
import { Page } from "../ui/page.js";
import { say } from "../ui/toast.js";

interface Price {
    id: number;
    provider: string;
    model: string;
    input: number;
    cached_input: number;
    output: number;
    request: number;
    image: number;
    currency: string;
    valid_from: string;
    valid_to: string | null;
}

interface Unpriced {
    provider: string | null;
    model: string | null;
    unpriced_calls: number;
}

const MAX = 1e12;
const ROWS = 1000;
const nameOf = (price: Pick<Price, "provider" | "model">) => `${price.model || "any model"} of ${price.provider || "any provider"}`;

class PagePrices extends Page {
    private unpriced: Unpriced[] = [];
    private readonly list: ListOf<Price> = {
        path: "/v1/prices",
        member: "prices",
        title: "prices",
        columns: [
            { name: "model", title: "Model", sort: true, cell: (row) => row.model || "any" },
            { name: "provider", title: "Provider", sort: true, cell: (row) => row.provider || "any" },
            { name: "input", title: "Input", end: true, sort: true, cell: (row) => money(row.input, row.currency) },
            { name: "cached_input", title: "Cached", end: true, sort: true, cell: (row) => money(row.cached_input, row.currency) },
            { name: "output", title: "Output", end: true, sort: true, cell: (row) => money(row.output, row.currency) },
            { name: "request", title: "Each request", end: true, sort: true, cell: (row) => money(row.request, row.currency) },
            { name: "image", title: "Each picture", end: true, sort: true, cell: (row) => money(row.image, row.currency) },
            { name: "valid_from", title: "From", sort: true, cell: (row) => when(row.valid_from) },
            { name: "valid_to", title: "To", sort: true, cell: (row) => (row.valid_to ? when(row.valid_to) : "open") },
        ],
        buttons: (row) =>
            html`<button type="button" aria-label="Remove the price of ${nameOf(row)}" @click=${() => void this.removeRow(row)}>Remove…</button>`,
        empty: html`<p>There are no prices: what calls cost is not known, and budgets have nothing to count.
            <a href="/admin/prices/new">Add a price</a> for the models that you use.</p>`,
    };

    heading(): string {
        return "Prices";
    }

    protected override lead(): string {
        return `What a million tokens cost, each request, and each picture that is made. What was charged stays as it was: another price counts
            from its date on.`;
    }

    protected override above(): [string, string] {
        return ["limits", "Limits and budgets"];
    }

    protected override tools(): TemplateResult {
        return html`<a class="button primary" href="/admin/prices/new">Add a price</a>`;
    }

    protected async load(): Promise<void> {
        if (!session.can("view_cost")) return;
        const { rows } = await get<{ rows: Unpriced[] }>("/v1/reports/cost", { group_by: "provider,model", limit: ROWS }, this.signal);
        this.unpriced = rows.filter((row) => row.unpriced_calls > 0 && row.model);
    }

    protected content(): TemplateResult {
        return html`${this.unpriced.length ? this.without() : nothing}<console-list .of=${this.list}></console-list>`;
    }

    private without(): TemplateResult {
        return html`<section class="card" aria-labelledby="without"><h2 id="without">Used without a price</h2>
            <p>What these calls of the last 30 days cost is not known, and no budget has counted them.</p>
            <ul class="notices">${this.unpriced.map((row) => html`<li><code>${row.model}</code> ${row.provider ? html`of ${row.provider}` : nothing}:
                ${count(row.unpriced_calls)} ${row.unpriced_calls === 1 ? "call" : "calls"}.
                <a href=${withQuery("/admin/prices/new", { provider: row.provider, model: row.model })}>Add its price<span class="hidden">
                    (${row.model}${row.provider ? ` of ${row.provider}` : ""})</span></a></li>`)}</ul></section>`;
    }

    private async removeRow(row: Price): Promise<void> {
        const yes = await ask({
            title: "Remove this price?",
            text: html`<p>${nameOf(row)}, from ${when(row.valid_from)}.</p><p>What was charged by it stays. If no other price fits, later calls have
                none: their cost is not known, and budgets that refuse let the model not be asked.</p>`,
            confirm: "Remove",
            danger: true,
        });
        if (!yes) return;
        try {
            await call("DELETE", `/v1/prices/${row.id}`);
            say("The price was removed.");
        } catch (error) {
            say(messageOf(error), { failed: true });
        }
        await this.querySelector<ConsoleList>("console-list")?.read();
        this.querySelector<HTMLElement>("#heading")?.focus();
    }
}

class PagePriceNew extends Page {
    private form: FormOf | null = null;

    heading(): string {
        return "Add a price";
    }

    protected override above(): [string, string] {
        return ["prices", "Prices"];
    }

    protected override lead(): string {
        return "The nearest price counts: of the model before any, of the provider before its kind; then the latest that has begun.";
    }

    protected async load(): Promise<void> {
        const [providers, { total }] = await Promise.all([
            session.can("manage_providers")
                ? get<{ providers: { name: string; plugin: string }[] }>("/v1/providers", {}, this.signal)
                : { providers: [] },
            get<{ total: { currency?: string } }>("/v1/reports/cost", { limit: 1 }, this.signal),
        ]);
        const query = currentQuery();
        const value = { provider: query.get("provider") ?? undefined, model: query.get("model") ?? undefined };
        this.form = {
            fields: fields([...new Set(providers.providers.flatMap((one) => [one.name, one.plugin]))], total.currency ?? "USD"),
            value: Object.fromEntries(Object.entries(value).filter(([, one]) => one)),
            submit: "Add",
            unchanged: true,
            done: "The price was set.",
            save: ({ value: price }) => call<Price>("POST", "/v1/prices", { body: price }),
            saved: () => void go("prices"),
            cancel: () => void go("prices"),
        };
    }

    protected content(): TemplateResult | typeof nothing {
        return this.form ? html`<section class="card"><console-form .of=${this.form}></console-form></section>` : nothing;
    }
}

function fields(providers: string[], currency: string): Field[] {
    const of = (name: string, title: string, help: string, required = false): Field =>
        ({ pointer: `/${name}`, title: `${title} (${currency})`, kind: "money", max: MAX, required, help });
    return [
        {
            pointer: "/provider",
            title: "Provider",
            kind: "text",
            maxLength: 64,
            suggestions: providers,
            help: "A provider, or a kind of providers. Left empty: any.",
        },
        { pointer: "/model", title: "Model", kind: "text", maxLength: 255, help: "As the provider calls it. Left empty: any." },
        of("input", "Input, a million tokens", "What is sent.", true),
        of("output", "Output, a million tokens", "What is answered.", true),
        of("cached_input", "Cached input, a million tokens", "Left empty: as the input."),
        of("request", "Each request", "Left empty: nothing."),
        of("image", "Each picture that is made", "Left empty: nothing."),
        { pointer: "/valid_from", title: "From", kind: "time", help: "Left empty: from now on." },
        { pointer: "/valid_to", title: "To", kind: "time", help: "Left empty: until another one takes its place." },
    ];
}

customElements.define("page-prices", PagePrices);
customElements.define("page-price-new", PagePriceNew);
