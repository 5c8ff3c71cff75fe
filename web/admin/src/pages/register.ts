/* The register: what was asked, of whom it was asked, what came back, what it cost. */
import { html, nothing, type TemplateResult } from "lit";
import { get, withQuery, type Query } from "../api.js";
import { count, duration, money, pretty, when, words } from "../ui/format.js";
import { type ListOf } from "../ui/list.js";
import { Page } from "../ui/page.js";
import { badge, facts, timeView, type Level } from "../ui/parts.js";

interface Call {
    id: string;
    user_id: string;
    action: string;
    course_id: string;
    location_id: string;
    placement: string;
    state: string;
    code: string;
    detail: string;
    provider: string;
    plugin: string;
    model: string;
    prompt_tokens: number | null;
    completion_tokens: number | null;
    total_tokens: number | null;
    cost?: number;
    content_stored: boolean;
    created_at: string;
    completed_at: string | null;
}

interface Attempt {
    provider: string;
    plugin: string;
    model: string;
    success: boolean;
    code: string;
    vendor_status: number;
    detail: string;
    prompt_tokens?: number;
    completion_tokens?: number;
    duration_ms: number;
    cost?: number;
}

interface Whole extends Call {
    partial: string;
    attempts: Attempt[];
    tools: { name: string; arguments: string; state: string; code: string; duration_ms: number; result_bytes: number }[];
    approvals: { tool: string; arguments: string; state: string; asked_at: string; decided_at: string | null }[];
    feedback: { rating: string | null; reason: string | null; comment: string; created_at: string } | null;
    content: Record<string, string>;
}

const STATES = ["completed", "failed", "refused", "cancelled", "interrupted", "running"] as const;
const LEVELS: Record<string, Level> =
    { completed: "ok", failed: "error", refused: "warning", interrupted: "error", cancelled: "off", running: "off" };

function stateView(state: string): TemplateResult {
    return badge(LEVELS[state] ?? "off", words(state));
}

/** From begin to end; nothing as long as it runs. */
function lasted(call: Call): number | undefined {
    return call.completed_at ? Date.parse(call.completed_at) - Date.parse(call.created_at) : undefined;
}

/** Without a search the whole register; a search is of the list. */
function exports({ q, sort: _, ...query }: Query): TemplateResult {
    if (q) return html`<a class="button" href=${withQuery("/v1/register", { q, ...query, format: "csv" })} download>CSV</a>`;
    return html`<a class="button" href=${withQuery("/v1/register/export", { ...query, format: "csv" })} download>CSV</a>
        <a class="button" href=${withQuery("/v1/register/export", { ...query, format: "jsonl" })} download>JSON lines</a>`;
}

class PageRegister extends Page {
    private list: ListOf<Call> | null = null;

    heading(): string {
        return "Register";
    }

    protected override lead(): string {
        return "Every call, also those that failed or were refused, newest first.";
    }

    protected async load(): Promise<void> {
        const { actions } = await get<{ actions: { name: string; title: string }[] }>("/v1/actions", {}, this.signal);
        this.list = {
            path: "/v1/register",
            member: "calls",
            title: "calls",
            cursor: "before",
            csv: false,
            links: exports,
            href: (call) => `register/${call.id}`,
            filters: [
                { name: "state", title: "State", options: STATES.map((state) => [state, words(state)] as const) },
                { name: "action", title: "Action", options: actions.map(({ name, title }) => [name, title || words(name)] as const) },
                { name: "since", title: "Since", type: "datetime-local" },
                { name: "user", title: "User", more: true },
                { name: "course_id", title: "Course", more: true },
                { name: "provider", title: "Provider", more: true },
                { name: "model", title: "Model", more: true },
                { name: "code", title: "Code", more: true },
                { name: "placement", title: "Placement", more: true },
                { name: "until", title: "Until", type: "datetime-local", more: true },
            ],
            columns: [
                { name: "created_at", title: "Begun", sort: true, cell: (call) => timeView(call.created_at) },
                { name: "action", title: "Action", cell: (call) => words(call.action) },
                { name: "user_id", title: "User", cell: (call) => call.user_id || "–" },
                {
                    name: "state",
                    title: "State",
                    cell: (call) => html`<span>${stateView(call.state)}${call.code ? html` <code>${call.code}</code>` : nothing}</span>`,
                },
                { name: "provider", title: "Provider", cell: (call) => (call.provider
                    ? html`<span>${call.provider}${call.model ? html` <span class="muted">${call.model}</span>` : nothing}</span>`
                    : "–") },
                { name: "total_tokens", title: "Tokens", end: true, cell: (call) => count(call.total_tokens) },
                { name: "duration", title: "Took", end: true, cell: (call) => duration(lasted(call)) },
                { name: "cost", title: "Cost", end: true, cell: (call) => money(call.cost) },
            ],
            empty: html`<p>Nobody has called anything yet. What is asked on a course page, by a back end or in the playground appears here.</p>`,
        };
    }

    protected content(): TemplateResult {
        return html`<console-list .of=${this.list}></console-list>`;
    }
}

customElements.define("page-register", PageRegister);

/* ---- one call ---- */

/** What columns of content are called; each action has its own. */
const CONTENTS: Record<string, string> =
    { generatedcontent: "Answer", prompt: "Asked", prompttext: "Asked", sourcetext: "Source", partial_answer: "Answer, as far as it came" };
/** Short ones that are rather facts. */
const CONTENT_FACTS: Record<string, string> = { finishreason: "Why it ended", responseid: "Id at the service" };

/** A table of an attempt, a tool or the like for each row; on a narrow screen it scrolls by itself. */
function tableView(title: string, heads: readonly (string | readonly [string, "end"])[], rows: readonly (readonly unknown[])[]): TemplateResult {
    const end = heads.map((head) => typeof head !== "string");
    return html`<div class="wide-table" tabindex="0" role="region" aria-label=${title}><table>
        <thead><tr>${
            heads.map((head, i) => html`<th scope="col" class=${end[i] ? "end" : ""}>${typeof head === "string" ? head : head[0]}</th>`)
        }</tr></thead>
        <tbody>${rows.map((row) => html`<tr>${row.map((value, i) => html`<td class=${end[i] ? "end" : ""}>${value}</td>`)}</tr>`)}</tbody>
    </table></div>`;
}

class PageCall extends Page {
    private call: Whole | null = null;

    heading(): string {
        return this.call ? words(this.call.action) : "Call";
    }

    protected override above(): [string, string] {
        return ["register", "Register"];
    }

    protected async load(): Promise<void> {
        this.call = await get<Whole>(`/v1/register/${encodeURIComponent(this.params["id"] ?? "")}`, {}, this.signal);
    }

    protected content(): TemplateResult | typeof nothing {
        const { call } = this;
        if (!call) return nothing;
        return html`
            <section class="card" aria-label="The call">${this.facts(call)}${call.detail ? html`<p>${call.detail}</p>` : nothing}</section>
            ${this.attempts(call)} ${this.toolUse(call)} ${this.approvals(call)} ${this.feedback(call)} ${this.texts(call)}`;
    }

    private facts(call: Whole): TemplateResult {
        return facts([
            ["State", html`${stateView(call.state)}${call.code ? html` <code>${call.code}</code>` : nothing}`],
            ["Begun", when(call.created_at, { seconds: true })],
            ["Took", duration(lasted(call))],
            ["User", call.user_id ? html`<a href="/admin/register?user=${encodeURIComponent(call.user_id)}">${call.user_id}</a>` : "–"],
            ["Provider", call.provider || "–"],
            ["Model", call.model || "–"],
            ["Tokens", `${count(call.prompt_tokens)} in, ${count(call.completion_tokens)} out`],
            ["Cost", call.cost === undefined ? undefined : money(call.cost)],
            ["Course", call.course_id || undefined],
            ["Location", call.location_id || undefined],
            ["Placement", call.placement || undefined],
            ...Object
                .entries(CONTENT_FACTS)
                .map(([name, title]) => [title, call.content[name] ? html`<code>${call.content[name]}</code>` : undefined] as const),
            ["Id", html`<code>${call.id}</code>`],
        ]);
    }

    private attempts({ attempts }: Whole): TemplateResult {
        if (!attempts.length) return html`<section><h2>Attempts</h2><p class="muted">No provider was asked.</p></section>`;
        return html`<section><h2>Attempts</h2>${tableView(
            "Attempts",
            ["Provider", "Model", "Result", ["Took", "end"], ["Tokens in", "end"], ["Tokens out", "end"], ["Cost", "end"]],
            attempts.map((one) => [
                one.provider,
                one.model || "–",
                html`${one.success ? badge("ok", "Answered") : html`${badge("error", "Failed")}
                    <code>${one.code}</code>${one.vendor_status ? html` <span class="muted">HTTP ${one.vendor_status}</span>` : nothing}`}
                    ${one.detail ? html`<div class="small">${one.detail}</div>` : nothing}`,
                duration(one.duration_ms),
                count(one.prompt_tokens),
                count(one.completion_tokens),
                money(one.cost),
            ]),
        )}</section>`;
    }

    private toolUse({ tools }: Whole): TemplateResult | typeof nothing {
        if (!tools.length) return nothing;
        return html`<section><h2>Tools that the model used</h2>${tableView(
            "Tools",
            ["Tool", "State", "Arguments", ["Took", "end"], ["Result", "end"]],
            tools.map((one) => [
                one.name,
                html`${words(one.state)}${one.code ? html` <code>${one.code}</code>` : nothing}`,
                html`<code>${one.arguments}</code>`,
                duration(one.duration_ms),
                `${count(one.result_bytes)} B`,
            ]),
        )}</section>`;
    }

    private approvals({ approvals }: Whole): TemplateResult | typeof nothing {
        if (!approvals.length) return nothing;
        return html`<section><h2>Tools that the user was asked about</h2>${tableView(
            "Approvals",
            ["Tool", "Word of the user", "Arguments", "Asked", "Decided"],
            approvals.map((one) =>
                [one.tool, words(one.state), html`<code>${one.arguments}</code>`, timeView(one.asked_at), timeView(one.decided_at)]),
        )}</section>`;
    }

    private feedback({ feedback }: Whole): TemplateResult | typeof nothing {
        if (!feedback?.rating) return nothing;
        return html`<section class="card"><h2>What the user thought of it</h2>
            ${facts([
                ["Rating", badge(feedback.rating === "up" ? "ok" : "warning", feedback.rating === "up" ? "Helpful" : "Not helpful")],
                ["Reason", feedback.reason ? words(feedback.reason) : undefined],
                ["Said", timeView(feedback.created_at)],
            ])}
            ${feedback.comment ? html`<p class="said">${feedback.comment}</p>` : nothing}</section>`;
    }

    private texts(call: Whole): TemplateResult {
        const shown = Object.entries(call.content).filter(([name, text]) => text !== "" && !CONTENT_FACTS[name]);
        if (call.partial) shown.push(["partial_answer", call.partial]);
        return html`<section class="record"><h2>Content</h2>
            ${call.content_stored ? nothing : html`<p class="muted">The site keeps neither what was asked nor what was answered in this call.</p>`}
            ${call.content_stored && !shown.length ? html`<p class="muted">There is none.</p>` : nothing}
            ${shown.map(([name, text]) => html`<h3>${CONTENTS[name] ?? words(name)}</h3><pre tabindex="0"
                aria-label=${CONTENTS[name] ?? words(name)}>${pretty(text)}</pre>`)}</section>`;
    }
}

customElements.define("page-call", PageCall);
