/* Adding a provider: first its kind, then its settings. */
import { html, type TemplateResult } from "lit";
import { call, get } from "../api.js";
import { currentQuery, go } from "../navigation.js";
import type { FormOf } from "../ui/form.js";
import { words } from "../ui/format.js";
import { Page } from "../ui/page.js";
import type { Plugin, Provider } from "./provider_data.js";
import { newFields } from "./provider_form.js";

class PageProviderNew extends Page {
    private plugins: Plugin[] = [];
    private plugin: Plugin | undefined;
    private form: FormOf | null = null;

    heading(): string {
        return this.plugin ? `Add a provider: ${this.plugin.title}` : "Add a provider";
    }

    protected override above(): [string, string] {
        return this.plugin ? ["providers/new", "Kinds of providers"] : ["providers", "Providers"];
    }

    protected override lead(): string | TemplateResult {
        return this.plugin
            ? this.plugin.description
            : "Choose what kind it is. Of one kind there may be several, with other keys, models or addresses.";
    }

    protected async load(): Promise<void> {
        const kind = currentQuery().get("kind");
        const [plugins, providers] = await Promise.all([
            get<{ plugins: Plugin[] }>("/v1/provider-plugins", {}, this.signal),
            kind ? get<{ providers: Provider[] }>("/v1/providers", {}, this.signal) : null,
        ]);
        this.plugins = plugins.plugins;
        this.plugin = this.plugins.find((one) => one.name === kind);
        if (this.plugin) this.form = this.formOf(this.plugin, new Set(providers?.providers.map((one) => one.name)));
    }

    private formOf(plugin: Plugin, taken: ReadonlySet<string>): FormOf {
        let name = plugin.name;
        for (let number = 2; taken.has(name); number++) name = `${plugin.name}-${number}`;
        return {
            fields: newFields(plugin),
            value: { name, config: {} },
            submit: "Add",
            unchanged: true,
            done: "The provider was added.",
            save: ({ value }) => call<Provider>("POST", "/v1/providers", { body: { config: {}, ...value, plugin: plugin.name } }),
            saved: (provider) => void go(`providers/${(provider as Provider).id}`),
            cancel: () => void go("providers"),
        };
    }

    protected content(): TemplateResult {
        if (this.form) return html`<section class="card"><console-form .of=${this.form}></console-form></section>`;
        return html`<ul class="cards plain-list">${this.plugins.map(
            (plugin) => html`<li class="card kind">
                <h2><a href="/admin/providers/new?kind=${encodeURIComponent(plugin.name)}">${plugin.title}</a></h2>
                <p>${plugin.description}</p>
                <p class="small muted">Serves: ${plugin.serves.map(words).join(" · ") || "nothing that is installed here"}</p>
            </li>`,
        )}</ul>`;
    }
}

customElements.define("page-provider-new", PageProviderNew);
