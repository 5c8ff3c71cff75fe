/* Who is what in which course, as far as Lectern was told: the list, giving, taking, and many at once. */
import { html, type TemplateResult } from "lit";
import { call, messageOf, Refusal } from "../api.js";
import { go, guard, unguard } from "../navigation.js";
import { ask } from "../ui/dialog.js";
import type { FormOf } from "../ui/form.js";
import { count } from "../ui/format.js";
import { ConsoleList, type ListOf } from "../ui/list.js";
import { Page } from "../ui/page.js";
import { timeView } from "../ui/parts.js";
import { readRoles, type RoleRow } from "./roles_csv.js";
import { say } from "../ui/toast.js";

interface Role extends RoleRow {
    id: number;
    created_at: string;
    created_by: string;
}

export const ROLE_NAMES =
    [["student", "Student"], ["teacher", "Teacher"], ["editingteacher", "Editing teacher"], ["manager", "Manager"], ["admin", "Admin"]] as const;
const titleOf = (role: string) => ROLE_NAMES.find(([name]) => name === role)?.[1] ?? role;
const placeOf = (course: string) => course || "the whole site";

const LIST: ListOf<Role> = {
    path: "/v1/roles",
    member: "roles",
    title: "roles",
    columns: [
        { name: "user_id", title: "User", sort: true },
        { name: "role", title: "Role", sort: true, cell: (row) => titleOf(row.role) },
        { name: "course_id", title: "Course", sort: true, cell: (row) => row.course_id || html`<span class="muted">The whole site</span>` },
        { name: "created_at", title: "Given", sort: true, cell: (row) => timeView(row.created_at) },
        { name: "created_by", title: "By", sort: true },
    ],
    filters: [{ name: "user", title: "User" }, { name: "course_id", title: "Course" }],
    buttons: (row) => html`<button type="button" class="danger" aria-label="Take ${titleOf(row.role)} from ${row.user_id}"
        @click=${(event: Event) => take(row, event)}>Take</button>`,
    empty: html`<p>No roles were given here.</p><p>An LMS says in its users' tokens what they are; give roles here where it does not, or
        <a href="/admin/roles/import">import many at once</a>.</p>`,
};

async function take(row: Role, event: Event): Promise<void> {
    const list = (event.target as HTMLElement).closest<ConsoleList<Role>>("console-list")!;
    const yes = await ask({
        title: `Take ${titleOf(row.role)} from ${row.user_id}?`,
        text: `In ${placeOf(row.course_id)}. What the LMS says of this user stays as it is.`,
        confirm: "Take it",
        danger: true,
    });
    if (!yes) return;
    try {
        await call("DELETE", `/v1/roles/${row.id}`);
    } catch (error) {
        return say(messageOf(error), { failed: true });
    }
    say(`${row.user_id} is ${titleOf(row.role)} no more in ${placeOf(row.course_id)}.`);
    await list.read();
    await list.updateComplete;
    if (document.activeElement === document.body) (list.querySelector<HTMLElement>(".rows") ?? document.getElementById("heading"))?.focus();
}

export class PageRoles extends Page {
    heading(): string {
        return "Roles";
    }

    protected override lead(): string {
        return "Roles of users in single courses, or in the whole site, that Lectern was told of. They add to what the LMS says.";
    }

    protected override tools(): TemplateResult {
        return html`<a class="button" href="/admin/roles/import">Import</a><a class="button primary" href="/admin/roles/new">Give a role</a>`;
    }

    protected async load(): Promise<void> {}

    protected content(): TemplateResult {
        return html`<console-list .of=${LIST}></console-list>`;
    }
}

export class PageRoleNew extends Page {
    private readonly form: FormOf = {
        fields: [
            { pointer: "/user_id", title: "User", kind: "text", required: true, maxLength: 255, help: "The id that the LMS sends." },
            { pointer: "/role", title: "Role", kind: "select", required: true, options: ROLE_NAMES },
            {
                pointer: "/course_id",
                title: "Course",
                kind: "text",
                maxLength: 255,
                help: "The course's id. Empty: in the whole site.",
                placeholder: "course-v1:Org+Course+Run",
            },
        ],
        value: {},
        submit: "Give the role",
        save: ({ value }) => call("PUT", "/v1/roles", { body: value }),
        done: "The role was given.",
        saved: () => void go("roles"),
        cancel: () => void go("roles"),
    };

    heading(): string {
        return "Give a role";
    }

    protected override above(): [string, string] {
        return ["roles", "Roles"];
    }

    protected async load(): Promise<void> {}

    protected content(): TemplateResult {
        return html`<div class="card"><console-form .of=${this.form}></console-form></div>`;
    }
}

const EXAMPLE = "user_id,course_id,role\nada,course-v1:Org+Course+Run,teacher\ngrace,,manager";
const SHOWN_MAX = 50;

export class PageRoleImport extends Page {
    static override properties =
        { ...Page.properties, text: { state: true }, replace: { state: true }, busy: { state: true }, problems: { state: true } };
    declare text: string;
    declare replace: boolean;
    declare busy: boolean;
    declare problems: string[];
    readonly dirty = (): boolean => this.text.trim() !== "";

    constructor() {
        super();
        this.text = "";
        this.replace = false;
        this.busy = false;
        this.problems = [];
    }

    override connectedCallback(): void {
        super.connectedCallback();
        guard(this);
    }

    override disconnectedCallback(): void {
        super.disconnectedCallback();
        unguard(this);
    }

    heading(): string {
        return "Import roles";
    }

    protected override lead(): string {
        return "One role on each line. All or nothing: while a line is wrong, nothing is saved.";
    }

    protected override above(): [string, string] {
        return ["roles", "Roles"];
    }

    protected async load(): Promise<void> {}

    private readonly pick = async (event: Event): Promise<void> => {
        const file = (event.target as HTMLInputElement).files?.[0];
        if (file) this.text = await file.text();
        this.problems = [];
    };

    private readonly submit = async (event: Event): Promise<void> => {
        event.preventDefault();
        if (this.busy) return;
        const { rows, lines, problems } = readRoles(this.text);
        this.problems = rows.length || problems.length ? problems : ["There are no lines to import."];
        if (this.problems.length) return this.tell();
        if (this.replace && !(await this.mayReplace(rows.length))) return;
        this.busy = true;
        try {
            await call("POST", "/v1/roles/import", { body: { rows, replace: this.replace } });
            this.text = "";
            say(`${count(rows.length)} ${rows.length === 1 ? "role was" : "roles were"} given.`);
            await go("roles");
        } catch (error) {
            this.problems = problemsOf(error, lines);
            await this.tell();
        }
        this.busy = false;
    };

    private mayReplace(rows: number): Promise<boolean> {
        return ask({
            title: "Replace all roles?",
            text: `Every role that Lectern was told of and that is not among these ${count(rows)} is taken.`,
            confirm: "Replace them",
            danger: true,
            type: "replace",
        });
    }

    private async tell(): Promise<void> {
        await this.updateComplete;
        this.querySelector<HTMLElement>(".trouble")?.focus();
    }

    private problemsView(): TemplateResult {
        const shown = this.problems.slice(0, SHOWN_MAX), more = this.problems.length - shown.length;
        const lines = html`<ul>${shown.map((problem) => html`<li>${problem}</li>`)}</ul>`;
        return html`<div class="trouble" role="alert"
            tabindex="-1"><strong>Nothing was saved.</strong>${lines}${more > 0 ? `And ${count(more)} more.` : ""}</div>`;
    }

    protected content(): TemplateResult {
        const { rows } = readRoles(this.text);
        return html`<form class="card" @submit=${this.submit} aria-busy=${this.busy}>
            ${this.problems.length ? this.problemsView() : ""}
            <div class="field"><label class="label" for="import-text">Lines</label>
                <textarea id="import-text" class="code" rows="12" spellcheck="false" placeholder=${EXAMPLE} aria-describedby="import-help"
                    .value=${this.text}
                    @input=${(event: Event) => { this.text = (event.target as HTMLTextAreaElement).value; }}></textarea>
                <span class="help" id="import-help">user_id, course_id, role, parted by commas. Without a course it is for the whole site. Roles:
                    ${ROLE_NAMES.map(([name]) => name).join(", ")}.</span></div>
            <div class="field"><label class="label" for="import-file">Or take them from a CSV file</label><input id="import-file" type="file"
                accept=".csv,text/csv,text/plain" @change=${this.pick} /></div>
            <div class="field check"><label><input type="checkbox" .checked=${this.replace} @change=${
                (event: Event) => { this.replace = (event.target as HTMLInputElement).checked; }
            } />
                <span class="label">Replace all roles that there are</span></label>
                <span class="help">Without this they are added.</span></div>
            <div class="buttons"><button class="primary" type="submit">${this.busy
                ? "Importing…"
                : rows.length
                ? `Import ${count(rows.length)}`
                : "Import"}</button>
                <a class="button" href="/admin/roles">Cancel</a></div>
        </form>`;
    }
}

/** What the server says of rows, by the line that each stood in. */
function problemsOf(error: unknown, lines: number[]): string[] {
    if (!(error instanceof Refusal) || error.fields.length === 0) return [messageOf(error)];
    return error.fields.map(({ pointer, message }) => {
        const row = /^\/rows\/(\d+)(?:\/(\w+))?/.exec(pointer);
        return row ? `Line ${lines[Number(row[1])] ?? "?"}${row[2] ? `, ${row[2]}` : ""}: ${message}` : message;
    });
}

customElements.define("page-roles", PageRoles);
customElements.define("page-role-new", PageRoleNew);
customElements.define("page-role-import", PageRoleImport);
