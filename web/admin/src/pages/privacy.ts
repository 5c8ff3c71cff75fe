/* What is kept of users: a copy of it, its erasure, and the list of all tables. */
import { html, nothing, type TemplateResult } from "lit";
import { call, get, messageOf, refusalOf, send } from "../api.js";
import { currentQuery, setQuery } from "../navigation.js";
import { session } from "../session.js";
import { ask } from "../ui/dialog.js";
import { bytes, count, when } from "../ui/format.js";
import { Page } from "../ui/page.js";
import { badge, facts } from "../ui/parts.js";
import { saveFile } from "../ui/save.js";
import { say } from "../ui/toast.js";

interface Table {
    table: string;
    personal: boolean;
    what: string;
    kept?: string;
    erasure: "deleted" | "blanked" | "nothing";
    exported: boolean;
}

interface Job {
    id: string;
    kind: "export" | "erase";
    state: "running" | "scrubbing" | "done" | "failed";
    code: string | null;
    pseudonym: string | null;
    asked_by: string;
    calls: number;
    records: number;
    vendors: { waiting: number; deleted: number; failed: number };
    created_at: string;
    completed_at: string | null;
}

const LOOK_MS = 1000;
const STATES: Record<Job["state"], TemplateResult> = {
    running: badge("warning", "Erasing"),
    scrubbing: badge("warning", "Cleaning the database's files"),
    done: badge("ok", "Done"),
    failed: badge("error", "Failed"),
};

/** An export without its last line was cut off. */
export function isWhole(text: string): boolean {
    const last = text.trimEnd().split("\n").at(-1) ?? "";
    try {
        return (JSON.parse(last) as { kind?: string }).kind === "end";
    } catch {
        return false;
    }
}

export class PagePrivacy extends Page {
    static override properties = { ...Page.properties, tables: { state: true }, job: { state: true }, busy: { state: true }, wrong: { state: true } };
    declare tables: Table[];
    /** The erasure that is shown. */
    declare job: Job | null;
    declare busy: "" | "export" | "erase";
    /** Which field is wrong, and why. */
    declare wrong: { at: "export" | "erase" | "job"; text: string } | null;

    constructor() {
        super();
        this.tables = [];
        this.job = null;
        this.busy = "";
        this.wrong = null;
    }

    heading(): string {
        return "Privacy";
    }

    protected override lead(): string {
        return "What Lectern keeps of a user, as a copy for them, and its erasure. Users are known by the id that the LMS sends.";
    }

    protected async load(): Promise<void> {
        this.tables = (await get<{ tables: Table[] }>("/v1/privacy/metadata", {}, this.signal)).tables;
        const id = currentQuery().get("job");
        if (id) void this.follow(id);
    }

    /* ---- a copy ---- */

    private readonly exportUser = async (event: Event): Promise<void> => {
        event.preventDefault();
        const user = this.typed("export");
        if (!user || this.busy) return;
        this.busy = "export";
        try {
            const response = await send("POST", "/v1/privacy/export", { body: { user_id: user }, signal: this.signal });
            if (!response.ok) throw await refusalOf(response);
            const text = await response.text();
            if (!isWhole(text)) throw new Error("The copy was cut off on its way. Nothing was saved; try again.");
            const name = `lectern-user-${user.replace(/[^\w.-]+/g, "_").slice(0, 60)}.jsonl`;
            saveFile(name, text, "application/x-ndjson");
            say(`${name}: ${bytes(new Blob([text]).size)} saved.`);
        } catch (error) {
            if (!this.signal.aborted) this.wrong = { at: "export", text: messageOf(error) };
        }
        this.busy = "";
    };

    /* ---- erasure ---- */

    private readonly eraseUser = async (event: Event): Promise<void> => {
        event.preventDefault();
        const user = this.typed("erase");
        if (!user || this.busy) return;
        const yes = await ask({
            title: "Erase this user?",
            text: "What runs of them is cancelled. This cannot be undone, and takes a moment.",
            depends: [
                "Inputs and answers of all their calls; the calls stay in the register under a pseudonym.",
                "Conversations, tasks, gradings, flash cards, answers that were kept, roles, what they decided about the policy.",
                "What AI services keep for Lectern is deleted there, too.",
            ],
            confirm: "Erase for good",
            type: user,
            danger: true,
        });
        if (!yes) return;
        this.busy = "erase";
        try {
            const { data } = await call<Job>("POST", "/v1/privacy/erase", { body: { user_id: user } });
            this.querySelector<HTMLInputElement>("input#privacy-erase")!.value = "";
            setQuery({ job: data.id });
            this.job = data;
            void this.follow(data.id);
        } catch (error) {
            this.wrong = { at: "erase", text: messageOf(error) };
        }
        this.busy = "";
        await this.updateComplete;
        this.querySelector<HTMLElement>("#privacy-state")?.focus();
    };

    /** Asks until it is over, also what AI services still have to delete. */
    private async follow(id: string): Promise<void> {
        const { signal } = this;
        try {
            for (;;) {
                const job = await get<Job>(`/v1/privacy/jobs/${encodeURIComponent(id)}`, {}, signal);
                this.job = job;
                this.wrong = null;
                if (job.completed_at && job.vendors.waiting === 0) return;
                await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
                if (signal.aborted || currentQuery().get("job") !== id) return;
            }
        } catch (error) {
            if (!signal.aborted) this.wrong = { at: "job", text: messageOf(error) };
        }
    }

    private readonly find = (event: Event): void => {
        event.preventDefault();
        const id = this.typed("job");
        if (!id) return;
        setQuery({ job: id });
        this.job = null;
        void this.follow(id);
    };

    /* ---- what is shown ---- */

    private typed(at: "export" | "erase" | "job"): string {
        const input = this.querySelector<HTMLInputElement>(`input#privacy-${at}`)!;
        const text = input.value.trim();
        this.wrong = text ? null : { at, text: at === "job" ? "Type the erasure's number." : "Type the user's id." };
        if (!text) input.focus();
        return text;
    }

    private field(at: "export" | "erase" | "job", label: string): TemplateResult {
        const id = `privacy-${at}`;
        const wrong = this.wrong?.at === at ? this.wrong.text : "";
        return html`<div class="field"><label class="label" for=${id}>${label}</label>
            <input id=${id} type="text" autocomplete="off" spellcheck="false" maxlength="255" aria-invalid=${wrong ? "true" : nothing}
                aria-describedby=${wrong ? `${id}-error` : nothing} />
            ${wrong ? html`<span class="error" id="${id}-error" role="alert">${wrong}</span>` : nothing}</div>`;
    }

    protected content(): TemplateResult {
        const mayExport = session.can("export_user_data"), mayErase = session.can("erase_user_data");
        return html`<div class="split privacy">
                ${mayExport ? html`<form class="card" @submit=${this.exportUser} aria-busy=${this.busy === "export"}>
                    <h2>A copy for a user</h2>
                    <p>All that is kept of them, as lines of JSON: for an access request, or to take it elsewhere.</p>
                    ${this.field("export", "User")}
                    <div class="buttons"><button type="submit" class="primary">${this.busy === "export" ? "Making it…" : "Download"}</button></div>
                </form>` : nothing}
                ${mayErase ? html`<form class="card" @submit=${this.eraseUser} aria-busy=${this.busy === "erase"}>
                    <h2>Erase a user</h2>
                    <p>Deletes what they wrote and got. Counts and costs stay in the register under a pseudonym.</p>
                    ${this.field("erase", "User")}
                    <div class="buttons"><button type="submit" class="danger">${this.busy === "erase" ? "Erasing…" : "Erase…"}</button></div>
                </form>` : nothing}
            </div>
            ${mayErase ? this.jobView() : nothing}
            ${this.tablesView()}`;
    }

    private jobView(): TemplateResult {
        const job = this.job;
        return html`<section class="card" aria-labelledby="privacy-state" aria-live="polite">
            <h2 id="privacy-state" tabindex="-1">${job ? (job.kind === "erase" ? "Erasure" : "Export") : "How far an erasure is"}</h2>
            ${job ? facts([
                ["State", STATES[job.state]],
                ["Calls", count(job.calls)],
                ["Other records", count(job.records)],
                ["At AI services", job.vendors.waiting + job.vendors.deleted + job.vendors.failed === 0 ? "nothing to delete"
                    : `${count(job.vendors.deleted)} deleted, ${count(job.vendors.waiting)} waiting, ${count(job.vendors.failed)} failed`],
                ["Now called", job.pseudonym ? html`<code>${job.pseudonym}</code>` : undefined],
                ["Asked by", job.asked_by],
                ["Asked", when(job.created_at, { seconds: true })],
                ["Over", job.completed_at ? when(job.completed_at, { seconds: true }) : "not yet"],
                ["Number", html`<code>${job.id}</code>`],
                ["Why it failed", job.code ?? undefined],
            ]) : html`<p>An erasure goes on when this page is left. Its number, which is in the address of this page while it is shown, leads back
                to it.</p>`}
            <details ?open=${this.wrong?.at === "job"}><summary>Look up ${job ? "another" : "one"}</summary>
                <form @submit=${this.find}>${this.field("job", "Number")}<div class="buttons"><button type="submit">Look it up</button></div></form>
            </details>
        </section>`;
    }

    private tablesView(): TemplateResult {
        const personal = this.tables.filter((table) => table.personal), others = this.tables.filter((table) => !table.personal);
        return html`<section aria-labelledby="privacy-tables">
            <h2 id="privacy-tables">What is kept</h2>
            <p>Every table of the database that holds something of users, and what an erasure does to it.</p>
            <div class="rows" role="table" aria-label="Tables with something of users">
                <div role="rowgroup" class="head"><div role="row">
                    <div role="columnheader">What</div><div role="columnheader">Kept</div><div role="columnheader">Erasure</div><div
                        role="columnheader">In the copy</div>
                </div></div>
                <div role="rowgroup">${personal.map((table) => html`<div role="row">
                    <div role="cell" data-title="What"><span>${table.what}<br /><code class="muted">${table.table}</code></span></div>
                    <div role="cell" data-title="Kept">${table.kept ?? "–"}</div>
                    <div role="cell" data-title="Erasure">${table.erasure === "blanked" ? "blanked: the row stays without it" : table.erasure}</div>
                    <div role="cell" data-title="In the copy">${table.exported ? "yes" : "no"}</div>
                </div>`)}</div>
            </div>
            <details class="others"><summary>${count(others.length)} tables with nothing of users</summary>
                <ul>${others.map((table) => html`<li>${table.what} <code class="muted">${table.table}</code></li>`)}</ul></details>
        </section>`;
    }
}

customElements.define("page-privacy", PagePrivacy);
