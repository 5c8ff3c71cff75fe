/* What each role may do: the matrix of permissions, with what the site has set over the defaults. */
import { html, nothing, type TemplateResult } from "lit";
import { call, get, messageOf } from "../api.js";
import { session } from "../session.js";
import { ask } from "../ui/dialog.js";
import { words } from "../ui/format.js";
import { Page } from "../ui/page.js";
import { saveFile } from "../ui/save.js";
import { say } from "../ui/toast.js";
import { permissionsCsv, type Cell, type Row } from "./permissions_csv.js";

const ROLES: Record<string, string> =
    { student: "Student", teacher: "Teacher", editingteacher: "Editing teacher", manager: "Manager", admin: "Admin", service: "Back end" };
const GROUPS = ["Pages and tools", "Actions", "Actions in one place"] as const;

function groupOf({ permission }: Row): (typeof GROUPS)[number] {
    return !permission.startsWith("action:") ? GROUPS[0] : permission.includes("@") ? GROUPS[2] : GROUPS[1];
}

/** "action:generate_text@chat" as "Generate text, in chat". */
function titleOf(permission: string): string {
    const [name = "", place] = permission.replace(/^action:/, "").split("@");
    return words(name) + (place ? `, in ${words(place).toLowerCase()}` : "");
}

export class PagePermissions extends Page {
    static override properties =
        { ...Page.properties, rows: { state: true }, search: { state: true }, onlySet: { state: true }, saving: { state: true } };
    declare rows: Row[];
    declare search: string;
    declare onlySet: boolean;
    /** "permission role" that is being saved. */
    declare saving: string;

    constructor() {
        super();
        this.rows = [];
        this.search = "";
        this.onlySet = false;
        this.saving = "";
    }

    heading(): string {
        return "Permissions";
    }

    protected override lead(): string {
        return "What each role may do in this site. A tick is a yes; what the site has set stands out and can go back to the default.";
    }

    protected async load(): Promise<void> {
        this.rows = (await get<{ permissions: Row[] }>("/v1/permissions", {}, this.signal)).permissions;
    }

    /** null: as by default. One cell changes others that follow it, so all are read again. */
    private async put(permission: string, role: string, allowed: boolean | null, box?: HTMLInputElement): Promise<void> {
        this.saving = `${permission} ${role}`;
        try {
            await call("PUT", "/v1/permissions", { body: { permission, role, allowed } });
            await this.load();
            say(allowed === null
                ? `${titleOf(permission)}: as by default for ${ROLES[role] ?? role}.`
                : `${titleOf(permission)}: ${ROLES[role] ?? role} ${allowed ? "may" : "may not"}.`);
        } catch (error) {
            if (box) box.checked = !box.checked;
            say(messageOf(error), { failed: true });
        }
        this.saving = "";
    }

    private async change(row: Row, cell: Cell, box: HTMLInputElement): Promise<void> {
        const allowed = box.checked;
        if (!allowed && cell.role === "admin") {
            const yes = await ask({
                title: `Take ${titleOf(row.permission)} from admins?`,
                text: "Administrators cannot do it any more from then on, neither here nor by their keys. Who may manage permissions can give it " +
                    "back only while they have it themselves.",
                confirm: "Take it",
                danger: true,
            });
            if (!yes) {
                box.checked = true;
                return;
            }
        }
        await this.put(row.permission, cell.role, allowed, box);
    }

    private async reset(row: Row, cell: Cell, event: Event): Promise<void> {
        const place = (event.target as HTMLElement).closest("[role=cell]");
        await this.put(row.permission, cell.role, null);
        await this.updateComplete;
        place?.querySelector<HTMLElement>("input")?.focus();
    }

    private shown(): Row[] {
        const wanted = this.search.trim().toLowerCase();
        return this.rows.filter((row) => (!this.onlySet || row.roles.some((cell) => cell.by === "site")) &&
            (row.permission.toLowerCase().includes(wanted) || titleOf(row.permission).toLowerCase().includes(wanted)));
    }

    /** What is shown, as it is now. */
    private save(shown: readonly Row[]): void {
        saveFile(`permissions-${session.current?.site.slug ?? "site"}.csv`, permissionsCsv(shown), "text/csv;charset=utf-8");
    }

    protected content(): TemplateResult {
        const shown = this.shown(), set = this.rows.flatMap((row) => row.roles).filter((cell) => cell.by === "site").length;
        return html`<form class="bar" role="search" aria-label="Permissions" @submit=${(event: Event) => event.preventDefault()}>
                <label class="field"><span class="label">Search</span>
                    <input type="search" .value=${this.search}
                        @input=${(event: Event) => { this.search = (event.target as HTMLInputElement).value; }} /></label>
                <div class="field check"><label><input type="checkbox" .checked=${this.onlySet} @change=${
                    (event: Event) => { this.onlySet = (event.target as HTMLInputElement).checked; }
                } />
                    <span>Only what the site has set (${set})</span></label></div>
                <button type="button" ?disabled=${shown.length === 0} @click=${() => this.save(shown)}>CSV</button>
            </form>
            ${shown.length ? nothing : html`<div class="empty"
                role="status">${this.onlySet && !this.search ? "The site has set nothing: the defaults hold." : "No permissions match."}</div>`}
            ${GROUPS.map((group) => this.group(group, shown.filter((row) => groupOf(row) === group)))}`;
    }

    private group(title: string, rows: Row[]): TemplateResult | typeof nothing {
        if (rows.length === 0) return nothing;
        return html`<h2>${title}</h2>
            <div class="rows matrix" role="table" aria-label=${title}>
                <div role="rowgroup" class="head"><div role="row">
                    <div role="columnheader">Permission</div>
                    ${rows[0]!.roles.map((cell) => html`<div role="columnheader">${ROLES[cell.role] ?? cell.role}</div>`)}
                </div></div>
                <div role="rowgroup">${rows.map((row) => html`<div role="row">
                    <div role="rowheader">${titleOf(row.permission)}<br /><code class="muted">${row.permission}</code></div>
                    ${row.roles.map((cell) => this.cell(row, cell))}
                </div>`)}</div>
            </div>`;
    }

    private cell(row: Row, cell: Cell): TemplateResult {
        const role = ROLES[cell.role] ?? cell.role, site = cell.by === "site", own = site && cell.of === row.permission;
        const busy = this.saving === `${row.permission} ${cell.role}`;
        return html`<div role="cell" data-title=${role} class=${site ? "set" : ""}>
            <label><span class="hidden">${role}: ${titleOf(row.permission)}</span>
                <input type="checkbox" .checked=${cell.allowed} ?disabled=${busy}
                    @change=${(event: Event) => this.change(row, cell, event.target as HTMLInputElement)} /></label>
            ${own ? html`<button type="button" class="plain" aria-label="Reset ${titleOf(row.permission)} for ${role}" title="Back to the default"
                ?disabled=${busy} @click=${(event: Event) => this.reset(row, cell, event)}>Reset</button>` : nothing}
            ${site && !own ? html`<span class="small muted" title="By ${cell.of}">set for all places</span>` : nothing}
        </div>`;
    }
}

customElements.define("page-permissions", PagePermissions);
