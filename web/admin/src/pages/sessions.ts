/* Conversations: the list, and one of them with what was said, here and at the service that keeps a thread of it. */
import { html, nothing, type TemplateResult } from "lit";
import { call, get } from "../api.js";
import { currentQuery, go, setQuery } from "../navigation.js";
import { ask } from "../ui/dialog.js";
import { count, pretty, when, words } from "../ui/format.js";
import { type ListOf } from "../ui/list.js";
import { Page } from "../ui/page.js";
import { badge, facts, timeView } from "../ui/parts.js";
import { say } from "../ui/toast.js";

interface Session {
    id: string;
    number: number;
    user_id: string;
    profile_id: number;
    scope_id: number | null;
    course_id: string | null;
    location_id: string | null;
    turns: number;
    turns_cleared: number;
    created_at: string;
    updated_at: string;
    remote_response_id?: string | null;
}

/** Of the local thread, or of the combined one. */
interface Message {
    role?: string;
    type?: string;
    content?: unknown;
    timestamp?: string;
    created_at?: string;
    source?: string;
    interrupted?: boolean;
    name?: string;
    error?: unknown;
    input?: Message[];
    output?: Message[];
}

interface Thread {
    view: string;
    complete: boolean;
    thread: Message[] | null;
}

const VIEWS = [["combined", "Combined"], ["local", "Kept here"], ["remote", "Kept at the service"]] as const;

const LIST: ListOf<Session> = {
    path: "/v1/sessions",
    member: "sessions",
    title: "conversations",
    cursor: "before",
    href: (session) => `sessions/${session.id}`,
    filters: [
        { name: "user", title: "User" },
        { name: "profile_id", title: "Profile" },
    ],
    columns: [
        { name: "updated_at", title: "Last turn", sort: true, cell: (session) => timeView(session.updated_at) },
        { name: "user_id", title: "User", sort: true, cell: (row) => row.user_id || "–" },
        { name: "profile_id", title: "Profile", sort: true, end: true },
        { name: "course_id", title: "Course", sort: true, cell: (session) => session.course_id ?? "–" },
        { name: "location_id", title: "Location", sort: true, cell: (session) => session.location_id ?? "–" },
        { name: "turns", title: "Turns", sort: true, end: true, cell: (session) => count(session.turns) },
    ],
    empty: html`<p>Nobody has talked to a profile yet. Profiles that remember, such as <code>base/chat.json5</code>, keep conversations.</p>`,
};

class PageSessions extends Page {
    heading(): string {
        return "Conversations";
    }

    protected override lead(): string {
        return "What users have talked about with profiles that remember.";
    }

    protected async load(): Promise<void> {}

    protected content(): TemplateResult {
        return html`<console-list .of=${LIST}></console-list>`;
    }
}

customElements.define("page-sessions", PageSessions);

/* ---- one conversation ---- */

class PageSession extends Page {
    static override properties = { ...Page.properties, session: { state: true }, thread: { state: true } };
    declare session: Session | null;
    declare thread: Thread | null;

    constructor() {
        super();
        this.session = null;
        this.thread = null;
    }

    heading(): string {
        return this.session ? `Conversation ${this.session.number}` : "Conversation";
    }

    protected override above(): [string, string] {
        return ["sessions", "Conversations"];
    }

    protected override tools(): TemplateResult | typeof nothing {
        if (!this.session) return nothing;
        return html`<button type="button" @click=${this.clear} ?disabled=${this.session.turns === 0}>Begin anew</button>
            <button type="button" class="danger" @click=${this.removeAll}>Remove</button>`;
    }

    private get path(): string {
        return `/v1/sessions/${encodeURIComponent(this.params["id"] ?? "")}`;
    }

    /** Without a service that keeps it the combined thread is the one kept here. */
    private get view(): string {
        const chosen = currentQuery().get("view") ?? "combined";
        return this.session?.remote_response_id ? chosen : "local";
    }

    protected async load(): Promise<void> {
        this.session = await get<Session>(this.path, {}, this.signal);
        this.thread = await get<Thread>(`${this.path}/thread`, { view: this.view }, this.signal);
    }

    private choose(view: string): void {
        setQuery({ view });
        void this.reload();
    }

    private readonly clear = async (): Promise<void> => {
        const { session } = this;
        if (!session) return;
        const yes = await ask({
            title: "Begin this conversation anew?",
            text: `The ${count(session.turns)} turns of ${session.user_id ||
                "this user"} are no longer shown to them or to the model. They stay in the register.`,
            confirm: "Begin anew",
        });
        if (yes) await this.change("POST", `${this.path}/clear`, {}, "The conversation begins anew.");
    };

    private readonly removeAll = async (): Promise<void> => {
        const { session } = this;
        if (!session) return;
        const yes = await ask({
            title: "Remove this conversation?",
            text: "It cannot be brought back.",
            depends: [
                `${count(session.turns + session.turns_cleared)} turns of ${session.user_id || "this user"}`,
                ...(session.remote_response_id ? ["the thread that the service keeps"] : []),
            ],
            confirm: "Remove",
            danger: true,
        });
        if (yes && (await this.change("DELETE", this.path, undefined, "The conversation was removed."))) await go("sessions");
    };

    private async change(method: string, path: string, body: unknown, done: string): Promise<boolean> {
        try {
            await call(method, path, body === undefined ? {} : { body });
            say(done);
            if (method !== "DELETE") await this.reload();
            return true;
        } catch (error) {
            say(error instanceof Error ? error.message : String(error), { failed: true });
            return false;
        } finally {
            document.getElementById("heading")?.focus();
        }
    }

    protected content(): TemplateResult | typeof nothing {
        const { session, thread } = this;
        if (!session || !thread) return nothing;
        return html`
            <section class="card" aria-label="The conversation">${this.facts(session)}</section>
            <section><h2>What was said</h2>
                ${session.remote_response_id
                    ? html`<label class="field"><span class="label">Thread</span><select
                        @change=${(event: Event) => this.choose((event.target as HTMLSelectElement).value)}>
                          ${
                              VIEWS.map(([name, title]) => html`<option value=${name} ?selected=${name === this.view}>${title}</option>`)
                          }</select></label>`
                    : nothing}
                ${thread.complete ? nothing : html`<p class="muted">Older turns are left out.</p>`}
                ${this.messages(thread)}
            </section>`;
    }

    private facts(session: Session): TemplateResult {
        return facts([
            ["User", session.user_id],
            ["Profile", html`<a href="/admin/profiles/${session.profile_id}">${session.profile_id}</a>`],
            ["Scope", session.scope_id ?? "–"],
            ["Course", session.course_id ?? undefined],
            ["Location", session.location_id ?? undefined],
            ["Turns", session.turns_cleared
                ? `${count(session.turns)}, and ${count(session.turns_cleared)} before it was begun anew`
                : count(session.turns)],
            ["Begun", when(session.created_at)],
            ["Last turn", when(session.updated_at)],
            ["Thread at the service", session.remote_response_id ? html`<code>${session.remote_response_id}</code>` : undefined],
        ]);
    }

    private messages({ thread }: Thread): TemplateResult {
        const list = (thread ?? []).flatMap((one) => (one.input || one.output ? [...(one.input ?? []), ...(one.output ?? [])] : [one]));
        if (!list.length) return html`<div class="empty">Nothing was said since it was begun anew.</div>`;
        return html`<ol class="thread">${list.map((message) => this.message(message))}</ol>`;
    }

    private message(message: Message): TemplateResult {
        if (message.error) return html`<li><div class="who">${badge("error", "The service does not give this part")}</div><p
            class="said">${asText(message.error)}</p></li>`;
        const role = message.role ?? message.type ?? "";
        const who = role === "assistant" ? "Answer" : role === "user" ? "User" : words(role);
        const text = asText(message.content);
        const talk = role === "user" || role === "assistant";
        return html`<li class=${role}>
            <div class="who"><strong>${who}</strong>${message.name ? html`<code>${message.name}</code>` : nothing}
                ${timeView(message.timestamp ?? message.created_at)}
                ${
                    message.source ? html`<span>${words(message.source)}</span>` : nothing
                }${message.interrupted ? badge("warning", "Interrupted") : nothing}</div>
            ${talk
                ? html`<p class="said">${text}</p>`
                : html`<details><summary>What it says</summary><pre tabindex="0" aria-label=${who}>${pretty(text)}</pre></details>`}
        </li>`;
    }
}

function asText(value: unknown): string {
    return typeof value === "string" ? value : JSON.stringify(value ?? "", null, 2);
}

customElements.define("page-session", PageSession);
