/* Background tasks: the list, and one of them with what it says while it runs. */
import { html, nothing, type TemplateResult } from "lit";
import { call, get } from "../api.js";
import { ask } from "../ui/dialog.js";
import { duration, pretty, when, words } from "../ui/format.js";
import { type ListOf } from "../ui/list.js";
import { Page } from "../ui/page.js";
import { badge, facts, timeView, type Level } from "../ui/parts.js";
import { say } from "../ui/toast.js";

interface Task {
    id: string;
    number: number;
    state: string;
    progress: { message: string; fraction?: number };
    user_id: string;
    profile: string;
    scope_id: number | null;
    course_id: string | null;
    location_id: string | null;
    action: string;
    attempt: number;
    created_at: string;
    started_at: string | null;
    completed_at: string | null;
    result?: { calls?: string[]; session_id?: string | null };
    error?: { code: string; title: string; detail: string };
}

const STATES = ["queued", "running", "completed", "failed", "timeout", "cancelled"] as const;
const LEVELS: Record<string, Level> = { completed: "ok", failed: "error", timeout: "error", cancelled: "off", queued: "off", running: "off" };
const ended = (task: Task) => !["queued", "running"].includes(task.state);

function stateView(state: string): TemplateResult {
    return badge(LEVELS[state] ?? "off", words(state));
}

function lasted(task: Task): number | undefined {
    return task.started_at && task.completed_at ? Date.parse(task.completed_at) - Date.parse(task.started_at) : undefined;
}

const LIST: ListOf<Task> = {
    path: "/v1/tasks",
    member: "tasks",
    title: "tasks",
    cursor: "before",
    href: (task) => `tasks/${task.id}`,
    filters: [
        { name: "state", title: "State", options: STATES.map((state) => [state, words(state)] as const) },
        { name: "user", title: "User" },
    ],
    columns: [
        { name: "created_at", title: "Asked for", sort: true, cell: (task) => timeView(task.created_at) },
        { name: "state", title: "State", sort: true, cell: (task) => stateView(task.state) },
        { name: "profile", title: "Profile", sort: true },
        { name: "action", title: "Action", sort: true, cell: (task) => words(task.action) },
        { name: "user_id", title: "User", sort: true, cell: (row) => row.user_id || "–" },
        { name: "progress", title: "Last word", cell: (task) => task.error?.title ?? task.progress.message },
        { name: "took", title: "Took", end: true, cell: (task) => duration(lasted(task)) },
    ],
    empty: html`<p>Nothing has run in the background yet. A profile that grades or works for long is run so, and any with <code>async</code>.</p>`,
};

class PageTasks extends Page {
    heading(): string {
        return "Tasks";
    }

    protected override lead(): string {
        return "Workflows that run in the background.";
    }

    protected async load(): Promise<void> {}

    protected content(): TemplateResult {
        return html`<console-list .of=${LIST}></console-list>`;
    }
}

customElements.define("page-tasks", PageTasks);

/* ---- one task ---- */

class PageTask extends Page {
    static override properties = { ...Page.properties, task: { state: true }, events: { state: true }, following: { state: true } };
    declare task: Task | null;
    declare events: string[];
    declare following: boolean;
    private source: EventSource | undefined;

    constructor() {
        super();
        this.task = null;
        this.events = [];
        this.following = false;
    }

    heading(): string {
        return this.task ? `Task ${this.task.number}` : "Task";
    }

    protected override above(): [string, string] {
        return ["tasks", "Tasks"];
    }

    protected override tools(): TemplateResult | typeof nothing {
        return this.task && !ended(this.task) ? html`<button type="button" class="danger" @click=${this.cancel}>Cancel the task</button>` : nothing;
    }

    private get path(): string {
        return `/v1/tasks/${encodeURIComponent(this.params["id"] ?? "")}`;
    }

    protected async load(): Promise<void> {
        this.task = await get<Task>(this.path, {}, this.signal);
        if (!ended(this.task)) this.follow();
    }

    override disconnectedCallback(): void {
        super.disconnectedCallback();
        this.source?.close();
    }

    /** Its events; where the connection breaks the browser comes back by itself. */
    private follow(): void {
        this.source?.close();
        const source = (this.source = new EventSource(`${this.path}/events`));
        this.following = true;
        source.addEventListener("status", (event) => this.told(event.data, ({ state, message, fraction }) => {
            if (this.task) this.task = {
                ...this.task,
                state: String(state),
                progress: { message: String(message ?? ""), ...(typeof fraction === "number" && { fraction }) },
            };
            return String(message || words(String(state)));
        }));
        source.addEventListener("tool", (event) => this.told(event.data, ({ name, state }) => `Tool ${String(name)}: ${String(state)}`));
        for (const last of ["done", "error"])
            source.addEventListener(last, (event) => {
                if (!(event instanceof MessageEvent)) return; // the connection: it comes back
                source.close();
                this.following = false;
                void this.reload();
            });
    }

    private told(data: string, text: (event: Record<string, unknown>) => string): void {
        this.events = [...this.events, text(JSON.parse(data) as Record<string, unknown>)].slice(-200);
    }

    private readonly cancel = async (): Promise<void> => {
        const task = this.task;
        if (!task) return;
        const yes = await ask({
            title: "Cancel this task?",
            text: `“${task.profile}” of ${task.user_id || "a back end"} ends without a result. What it has cost so far stays counted.`,
            confirm: "Cancel the task",
            cancel: "Let it run",
            danger: true,
        });
        if (!yes) return;
        try {
            const { data } = await call<{ cancelled: boolean; state: string }>("DELETE", this.path);
            say(data.cancelled ? "The task is being cancelled." : `It had ended already: ${data.state}.`);
            await this.reload();
        } catch (error) {
            say(error instanceof Error ? error.message : String(error), { failed: true });
        }
        document.getElementById("heading")?.focus();
    };

    protected content(): TemplateResult | typeof nothing {
        const { task } = this;
        if (!task) return nothing;
        return html`
            <section class="card" aria-label="The task">${this.facts(task)}${this.progress(task)}</section>
            ${task.error ? html`<div class="trouble"><p><strong>${task.error.title}</strong>
                <code>${task.error.code}</code></p><p>${task.error.detail}</p></div>` : nothing}
            ${this.events.length
                ? html`<section><h2>What it said</h2><ol class="events">${this.events.map((line) => html`<li>${line}</li>`)}</ol></section>`
                : nothing}
            ${task.result === undefined ? nothing : html`<section class="record"><h2>Result</h2><pre tabindex="0"
                aria-label="Result">${pretty(JSON.stringify(task.result))}</pre></section>`}`;
    }

    private facts(task: Task): TemplateResult {
        return facts([
            ["State", stateView(task.state)],
            ["Profile", task.profile],
            ["Action", words(task.action)],
            ["User", task.user_id || "–"],
            ["Course", task.course_id ?? undefined],
            ["Location", task.location_id ?? undefined],
            ["Asked for", when(task.created_at, { seconds: true })],
            ["Begun", when(task.started_at, { seconds: true })],
            ["Took", duration(lasted(task))],
            ["Attempt", task.attempt],
            ["Calls", task.result?.calls?.length ? html`${
                task.result.calls.map((id, i) => html`${i ? ", " : ""}<a href="/admin/register/${id}">${i + 1}</a>`)
            } <span class="muted">in the register</span>` : undefined],
            ["Conversation", task.result?.session_id ? html`<a href="/admin/sessions/${task.result.session_id}">what was said</a>` : undefined],
            ["Id", html`<code>${task.id}</code>`],
        ]);
    }

    private progress(task: Task): TemplateResult | typeof nothing {
        if (ended(task)) return nothing;
        const { message, fraction } = task.progress;
        return html`<p role="status">${message || "It waits for its turn."}</p>
            ${fraction === undefined
                ? html`<progress aria-label="Progress"></progress>`
                : html`<progress max="1" value=${fraction} aria-label="Progress"></progress>`}`;
    }
}

customElements.define("page-task", PageTask);
