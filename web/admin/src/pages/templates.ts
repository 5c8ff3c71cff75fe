/* Templates: the files that profiles patch. They are changed on the server's disk, not here. */
import { html, nothing, type TemplateResult } from "lit";
import { currentQuery } from "../navigation.js";
import type { ListOf } from "../ui/list.js";
import { Page } from "../ui/page.js";
import { badge, facts } from "../ui/parts.js";
import { readTemplate, shortName, type Template, type TemplateRow } from "../ui/template_choice.js";
import { widgetOf } from "../ui/widget_snippet.js";

const LIST: ListOf<TemplateRow> = {
    path: "/v1/templates",
    member: "templates",
    title: "templates",
    href: (row) => `templates/text?path=${encodeURIComponent(row.path)}`,
    columns: [
        { name: "path", title: "Template", sort: true },
        { name: "description", title: "What it is for", sort: true, cell: (row) => row.description.split("\n")[0] },
        { name: "orchestrator_class", title: "Run by", sort: true, cell: (row) => html`<code>${row.orchestrator_class ?? "–"}</code>` },
        { name: "valid", title: "State", sort: true, cell: (row) => (row.valid
            ? badge("ok", "Valid")
            : html`<div class="stack">${badge("error", "Cannot be used")}<span class="small">${row.errors[0] ?? ""}</span></div>`) },
    ],
    buttons: (row) => (row.valid ? html`<a class="button" href="/admin/profiles/new?template=${encodeURIComponent(row.path)}">Make a profile<span
        class="hidden"> of ${shortName(row.path)}</span></a>` : nothing),
};

class PageTemplates extends Page {
    heading(): string {
        return "Templates";
    }

    protected override lead(): string {
        return "Files that profiles begin with. They are changed on the server; profiles keep what differs.";
    }

    protected async load(): Promise<void> {}

    protected content(): TemplateResult {
        return html`<console-list .of=${LIST}></console-list>`;
    }
}

class PageTemplate extends Page {
    private template: Template | null = null;

    private get path(): string {
        return currentQuery().get("path") ?? "";
    }

    heading(): string {
        return this.path || "Template";
    }

    protected override above(): [string, string] {
        return ["templates", "Templates"];
    }

    protected override tools(): TemplateResult | typeof nothing {
        return this.template?.valid
            ? html`<a class="button primary" href="/admin/profiles/new?template=${encodeURIComponent(this.path)}">Make a profile of it</a>`
            : nothing;
    }

    protected async load(): Promise<void> {
        this.template = await readTemplate(this.path, this.signal);
    }

    protected content(): TemplateResult {
        const { description, valid, errors, orchestrator_class: by, text } = this.template!;
        return html`${description ? html`<p class="lines">${description}</p>` : nothing}
            ${facts([
                ["State", valid ? badge("ok", "Valid") : badge("error", "Cannot be used")],
                ["Run by", html`<code>${by ?? "–"}</code>`],
                ["Shown by", html`<code>&lt;${widgetOf(by).element}&gt;</code>, ${widgetOf(by).about}`],
            ])}
            ${errors.length ? html`<ul class="problems">${errors.map((error) => html`<li>${error}</li>`)}</ul>` : nothing}
            <console-code readonly label="Text of the template" .value=${text}></console-code>`;
    }
}

customElements.define("page-templates", PageTemplates);
customElements.define("page-template", PageTemplate);
