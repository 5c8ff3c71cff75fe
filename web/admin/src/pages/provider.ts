/* One provider: how it is, its settings, its models, a test, and its removal. */
import { html, nothing, type TemplateResult } from "lit";
import { call, get, messageOf, type Answer } from "../api.js";
import { go, unguard } from "../navigation.js";
import { ask, openDialog } from "../ui/dialog.js";
import type { ConsoleForm, FormOf } from "../ui/form.js";
import { words } from "../ui/format.js";
import { Page } from "../ui/page.js";
import { facts } from "../ui/parts.js";
import { say } from "../ui/toast.js";
import { limitSentence, type Limit } from "./limit_words.js";
import { stateView, type Plugin, type Provider } from "./provider_data.js";
import { editFields, foldNotes, valueOf } from "./provider_form.js";
import "./provider_models.js";
import "./provider_test.js";

class PageProvider extends Page {
    static override properties = { ...Page.properties, provider: { state: true }, model: { state: true } };
    declare provider: Provider | null;
    /** As it stands in the form. */
    declare model: unknown;
    private plugin: Plugin | undefined;
    private form: FormOf | null = null;

    constructor() {
        super();
        this.provider = null;
    }

    private get path(): string {
        return `/v1/providers/${encodeURIComponent(this.params["id"]!)}`;
    }

    heading(): string {
        return this.provider?.name ?? "Provider";
    }

    protected override above(): [string, string] {
        return ["providers", "Providers"];
    }

    protected override lead(): string | typeof nothing {
        return this.plugin?.description ?? nothing;
    }

    protected override tools(): TemplateResult | typeof nothing {
        return this.provider ? html`<button type="button" class="danger" @click=${this.removeIt}>Remove…</button>` : nothing;
    }

    protected async load(): Promise<void> {
        const [answer, { plugins }] = await Promise.all([
            call<Provider>("GET", this.path, { signal: this.signal }),
            get<{ plugins: Plugin[] }>("/v1/provider-plugins", {}, this.signal),
        ]);
        this.plugin = plugins.find((one) => one.name === answer.data.plugin);
        this.take(answer);
    }

    private take({ data, etag }: Answer<Provider>): void {
        const { plugin } = this;
        this.provider = data;
        this.model = data.config["model"];
        if (!plugin) return;
        this.form = {
            fields: editFields(plugin),
            folds: foldNotes(plugin),
            value: valueOf(data, plugin),
            etag,
            done: "The provider was saved.",
            changed: (value) => { this.model = (value["config"] as Record<string, unknown> | undefined)?.["model"]; },
            save: ({ patch, ifMatch }) => call<Provider>("PATCH", this.path, { body: patch, ifMatch }),
            saved: () => void this.again(),
            reread: async () => {
                const now = await call<Provider>("GET", this.path);
                return { value: valueOf(now.data, plugin), etag: now.etag };
            },
        };
    }

    /** After a change; what is wrong with the reading says the page. */
    private async again(): Promise<void> {
        try {
            this.take(await call<Provider>("GET", this.path));
        } catch (error) {
            this.trouble = error;
        }
    }

    /** After a test: what is being typed stays. */
    private readonly tested = async (): Promise<void> => {
        try {
            this.provider = await get<Provider>(this.path);
        } catch (error) {
            say(messageOf(error), { failed: true });
        }
    };

    protected content(): TemplateResult {
        const provider = this.provider!, kind = this.plugin;
        return html`<section class="card">
                ${facts([
                    ["Kind", kind?.title ?? provider.plugin],
                    ["State", stateView(provider)],
                    ["Used by", provider.used_by ?? "no profile by its name"],
                    ["Serves", kind?.serves.map(words).join(" · ")],
                ])}
                ${kind ? nothing : html`<p>The plugin ${provider.plugin} is not installed: there is nothing to set.</p>`}
            </section>
            <div class="split">
                <section class="card" aria-labelledby="settings"><h2
                    id="settings">Settings</h2>${this.form ? html`<console-form .of=${this.form}></console-form>` : nothing}</section>
                <div>
                    <section class="card" aria-labelledby="test"><h2 id="test">Test</h2><provider-test .provider=${provider}
                        @tested=${this.tested}></provider-test></section>
                    ${kind?.settings_schema.properties?.["model"]
                        ? html`<section class="card" aria-labelledby="models"><h2 id="models">Models</h2><provider-models .provider=${provider}
                            .chosen=${this.model} @model=${this.use}></provider-models></section>`
                        : nothing}
                </div>
            </div>`;
    }

    private readonly use = (event: CustomEvent<string>): void => {
        const form = this.querySelector<ConsoleForm>("console-form");
        form?.set("/config/model", event.detail);
        say(`${event.detail} stands in the settings now. Save them.`);
        void form?.updateComplete.then(() => form.querySelector<HTMLElement>('button[type="submit"]')?.focus());
    };

    /* ---- removal ---- */

    private readonly removeIt = async (): Promise<void> => {
        try {
            const [provider, limits, prices] = await Promise.all([
                get<Provider>(this.path),
                get<{ limits: Limit[] }>("/v1/limits"),
                get<{ prices: { provider: string; model: string }[] }>("/v1/prices"),
            ]);
            if (provider.used_by) return void (await this.refuse(provider));
            const own = limits.limits.filter((limit) => limit.subject === "provider" && limit.subject_id === String(provider.id));
            const priced = prices.prices.filter((price) => price.provider === provider.name);
            const yes = await ask({
                title: `Remove ${provider.name}?`,
                text: html`<p>It is asked no more, and its key is deleted. What it answered stays in the register.</p>
                    ${priced.length ? html`<p>${priced.length === 1 ? "One price names" : `${priced.length} prices name`} it (${
                        [...new Set(priced.map((price) => price.model || "any model"))].join(", ")
                    }): they stay, and count again if a provider of this name is added.</p>` : nothing}`,
                depends: own.map((limit) => `the limit: ${limitSentence(limit, provider.name)}`),
                confirm: "Remove",
                danger: true,
            });
            if (!yes) return;
            await call("DELETE", this.path);
            const form = this.querySelector<ConsoleForm>("console-form");
            if (form) unguard(form); // what was typed about it is gone with it
            say(`${provider.name} was removed.`);
            await go("providers");
        } catch (error) {
            say(messageOf(error), { failed: true });
        }
    };

    private refuse(provider: Provider): Promise<unknown> {
        return openDialog(`${provider.name} cannot be removed yet`, (close) =>
            html`<p>It is used by ${provider.used_by}. Let these use another provider, or the order of the list, first.</p>
            <div class="buttons"><button type="button" @click=${() => close()}>Close</button></div>`);
    }
}

customElements.define("page-provider", PageProvider);
