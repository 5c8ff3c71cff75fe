/* Profiles: the list, and a new one: of a template, or of another profile. */
import { html, nothing, type TemplateResult } from "lit";
import { call, get } from "../api.js";
import { currentQuery, go, setQuery } from "../navigation.js";
import type { ListOf } from "../ui/list.js";
import { Page } from "../ui/page.js";
import { badge, timeView } from "../ui/parts.js";
import { editable, type EditorOf, type SavedProfile } from "../ui/profile_editor.js";
import { readTemplates, shortName, templateCards, type TemplateRow } from "../ui/template_choice.js";
import type { Profile } from "./profile_common.js";

const LIST: ListOf<Profile> = {
    path: "/v1/profiles",
    member: "profiles",
    title: "profiles",
    href: (row) => `profiles/${row.id}`,
    columns: [
        { name: "slug", title: "Name", sort: true },
        { name: "description", title: "Description", sort: true, cell: (row) => row.description ?? "" },
        { name: "base_filepath", title: "Template", sort: true, cell: (row) => html`<code>${row.base_filepath}</code>` },
        { name: "valid", title: "State", sort: true, cell: (row) => (row.valid
            ? badge("ok", "Valid")
            : html`<div class="stack">${badge("error", "Cannot run")}<span class="small">${row.errors[0] ?? ""}</span></div>`) },
        { name: "usage", title: "Used by", cell: (row) => (row.usage.scope_count === 0
            ? "no scope"
            : html`<a href="/admin/profiles/${row.id}/scopes">${row.usage.scope_count === 1 ? "1 scope" : `${row.usage.scope_count} scopes`}</a>`) },
        { name: "version", title: "Version", sort: true, end: true },
        { name: "updated_at", title: "Changed", sort: true, cell: (row) => timeView(row.updated_at) },
    ],
    empty: html`<p>There are no profiles yet. A profile is a template, and what you want to differ from it.</p><a class="button primary"
        href="/admin/profiles/new">Make the first one</a>`,
};

class PageProfiles extends Page {
    heading(): string {
        return "Profiles";
    }

    protected override lead(): string {
        return "Workflows: each is a template with a patch over it. Scopes say where one applies.";
    }

    protected override tools(): TemplateResult {
        return html`<a class="button primary" href="/admin/profiles/new">New profile</a>`;
    }

    protected async load(): Promise<void> {}

    protected content(): TemplateResult {
        return html`<console-list .of=${LIST}></console-list>`;
    }
}

class PageProfileNew extends Page {
    private templates: TemplateRow[] | null = null;
    private editor: EditorOf | null = null;

    heading(): string {
        return "New profile";
    }

    protected override above(): [string, string] {
        return ["profiles", "Profiles"];
    }

    protected override lead(): string | typeof nothing {
        return this.editor || this.loading ? nothing : "Choose what it begins with. You can change everything about it afterwards.";
    }

    protected async load(): Promise<void> {
        const query = currentQuery();
        const template = query.get("template"), from = query.get("from");
        if (template) this.begin({ slug: shortName(template), base_filepath: template, content_patch: "" }, null);
        else if (from) {
            const profile = await get<Profile>(`/v1/profiles/${encodeURIComponent(from)}`, {}, this.signal);
            this.begin({ ...editable(profile), slug: `${profile.slug}-copy` }, profile);
        } else this.templates = await readTemplates(this.signal);
    }

    private begin(value: EditorOf["value"], check: EditorOf["check"]): void {
        this.editor = {
            value,
            etag: "",
            submit: "Make the profile",
            check,
            unchanged: true,
            save: ({ value: sent }) => call("POST", "/v1/profiles", { body: sent }),
            saved: (answer) => void go(`profiles/${(answer as SavedProfile["data"]).id}`),
        };
    }

    private choose({ path }: TemplateRow): void {
        setQuery({ template: path });
        this.begin({ slug: shortName(path), base_filepath: path, content_patch: "" }, null);
        this.requestUpdate();
        void this.updateComplete.then(() => this.querySelector<HTMLElement>("#heading")?.focus());
    }

    protected content(): TemplateResult {
        if (this.editor) return html`<console-profile-editor .of=${this.editor}></console-profile-editor>`;
        return templateCards(this.templates ?? [], (template) =>
            html`<button type="button" ?disabled=${!template.valid} @click=${() => this.choose(template)}>Begin with this<span class="hidden">
                ${shortName(template.path)}</span></button>`);
    }
}

customElements.define("page-profiles", PageProfiles);
customElements.define("page-profile-new", PageProfileNew);
