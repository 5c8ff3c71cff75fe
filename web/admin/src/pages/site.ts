/* Settings of the site: a form of the schema that the server has, group by group. What is not set shows what is taken instead. */
import { html, nothing, type TemplateResult } from "lit";
import { call, type Answer } from "../api.js";
import { fieldsOf, type Field, type Schema } from "../ui/fields.js";
import type { FormOf, Value } from "../ui/form.js";
import { Page } from "../ui/page.js";
import { badge, facts } from "../ui/parts.js";

interface Site {
    slug: string;
    name: string;
    enabled: boolean;
    settings: Value;
    set: string[];
    settings_schema: Schema & { properties: Record<string, Schema & { "x-group"?: string }> };
}

/** What is set; a box that is ticked by default shows as it is in force. */
function valueOf({ name, settings, set, settings_schema }: Site): Value {
    const shown =
        Object.entries(settings).filter(([key, value]) => set.includes(key) || (typeof value === "boolean" && settings_schema.properties[key]));
    return { name, settings: Object.fromEntries(shown) };
}

function fields(site: Site): Field[] {
    const { properties } = site.settings_schema;
    const name: Field = {
        pointer: "/name",
        title: "Name",
        kind: "text",
        help: "As people read it, also in the console.",
        required: true,
        maxLength: 255,
        group: "General",
    };
    return [name, ...fieldsOf(site.settings_schema, "/settings").map((field) => ({
        ...field,
        kind: field.kind === "area" ? "text" as const : field.kind,
        group: properties[field.pointer.slice("/settings/".length)]?.["x-group"] ?? "Other",
    }))];
}

class PageSite extends Page {
    static override properties = { ...Page.properties, form: { state: true }, site: { state: true } };
    declare form: FormOf | null;
    declare site: Site | null;

    constructor() {
        super();
        this.form = null;
        this.site = null;
    }

    heading(): string {
        return "Site settings";
    }

    protected override lead(): string {
        return "What holds for the whole site. An empty field is as by default.";
    }

    protected async load(): Promise<void> {
        this.take(await call<Site>("GET", "/v1/site", { signal: this.signal }));
    }

    private take({ data, etag }: Answer<Site>): void {
        this.site = data;
        this.form = {
            fields: fields(data),
            value: valueOf(data),
            etag,
            done: "The settings are saved.",
            save: async ({ patch, ifMatch }) => {
                const answer = await call<Site>("PATCH", "/v1/site", { body: patch, ifMatch });
                queueMicrotask(() => this.take(answer));
                return answer;
            },
            reread: async () => {
                const answer = await call<Site>("GET", "/v1/site");
                return { value: valueOf(answer.data), etag: answer.etag };
            },
        };
    }

    protected content(): TemplateResult | typeof nothing {
        if (!this.form || !this.site) return nothing;
        return html`${facts([["Site", this.site.slug], ["State", this.site.enabled ? badge("ok", "on") : badge("off", "off")]])}
            <console-form class="grouped" .of=${this.form}></console-form>`;
    }
}

customElements.define("page-site", PageSite);
