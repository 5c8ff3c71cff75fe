/*
 * The playground: any action or profile in any place, as any role, with how it was made beside the answer; two runs side by side. Nothing is
 * different from a call of a page: it is recorded and counts for limits.
 */
import { html, nothing, type TemplateResult } from "lit";
import { get, messageOf, Refusal } from "../api.js";
import { currentQuery, setQuery } from "../navigation.js";
import { pageAt } from "../pages.js";
import { session } from "../session.js";
import { diffView } from "../ui/diff.js";
import type { FormOf, Value } from "../ui/form.js";
import { count, duration, money, words } from "../ui/format.js";
import { Page } from "../ui/page.js";
import { badge } from "../ui/parts.js";
import { same } from "../ui/pointer.js";
import { say } from "../ui/toast.js";
import { figuresOf, PlayRun, type Figures } from "./playground_run.js";
import { profileOf, promptOf, savePrompt, saveProfile } from "./playground_save.js";
import {
    availabilityQuery,
    fieldsFor,
    pointerOf,
    queryOf,
    questionOf,
    setupOf,
    setupOfCall,
    START,
    type Choices,
    type Setup,
} from "./playground_setup.js";
import { traceView } from "./playground_trace.js";

/** Above this, an answer's JSON is cut where it is shown: vectors are long. */
const JSON_MAX = 20_000;
const LOOK_AFTER_MS = 300;

class PagePlayground extends Page {
    static override properties = { ...Page.properties, runs: { state: true }, form: { state: true } };
    declare runs: PlayRun[];
    declare form: FormOf;
    private choices: Choices = { actions: [], providers: [], placements: [], profiles: [], prompts: [] };
    private setup: Setup = START;
    /** What the runs that are shown were asked with. */
    private asked: Setup = START;
    private withProfiles = false;
    private timer: ReturnType<typeof setTimeout> | undefined;

    constructor() {
        super();
        this.runs = [];
    }

    heading(): string {
        return "Playground";
    }

    protected override lead(): string {
        return "Try an action or a profile as a page would use it, and see how the call is made. Calls are recorded and cost what they cost.";
    }

    override disconnectedCallback(): void {
        super.disconnectedCallback();
        clearTimeout(this.timer);
        for (const run of this.runs) run.stop();
    }

    protected async load(): Promise<void> {
        const query = currentQuery(), { signal } = this, asked = setupOf(query);
        const [actions, providers, placements] = await Promise.all([
            get<{ actions: Choices["actions"] }>("/v1/actions", availabilityQuery(asked), signal),
            session.can("manage_providers") ? get<{ providers: Choices["providers"] }>("/v1/providers", {}, signal) : { providers: [] },
            get<{ placements: Choices["placements"] }>("/v1/placements", {}, signal),
        ]);
        this.choices = { ...this.choices, actions: actions.actions, providers: providers.providers, placements: placements.placements };
        const call = query.get("call");
        const setup =
            call ? setupOfCall(await get<Record<string, unknown>>(`/v1/register/${encodeURIComponent(call)}`, {}, signal), this.choices) : asked;
        if (setup.kind === "profile") await this.loadProfiles();
        this.begin(setup);
        if (call) this.lookSoon();
    }

    /** Asked for when the first profile is wanted. */
    private async loadProfiles(): Promise<void> {
        if (this.withProfiles) return;
        this.withProfiles = true;
        const [profiles, prompts] = await Promise.all([
            get<{ profiles: Choices["profiles"] }>("/v1/profiles", { limit: 100 }, this.signal),
            get<{ prompts: Choices["prompts"] }>("/v1/prompts", { limit: 100 }, this.signal),
        ]);
        this.choices = { ...this.choices, profiles: profiles.profiles, prompts: prompts.prompts };
    }

    /* ---- what is asked ---- */

    private begin(setup: Setup): void {
        this.setup = setup;
        this.form = {
            fields: fieldsFor(setup, this.choices),
            value: setup as Value,
            submit: "Run",
            sending: "Running…",
            passing: true,
            unchanged: true,
            save: () => this.run(),
            changed: (value) => void this.changed(value as unknown as Setup),
        };
    }

    private async changed(setup: Setup): Promise<void> {
        const before = this.setup;
        this.setup = setup;
        setQuery({ ...queryOf(setup), call: "" });
        if (!same(availabilityQuery(setup), availabilityQuery(before))) this.lookSoon();
        if (setup.kind === before.kind && setup.action === before.action && setup.role === before.role) return;
        if (setup.kind === "profile") {
            try {
                await this.loadProfiles();
            } catch (error) {
                this.withProfiles = false;
                say(messageOf(error), { failed: true });
            }
        }
        this.form = { ...this.form, fields: fieldsFor(this.setup, this.choices) }; // the same value: what was typed stays
    }

    /** What can be run there, when nothing more is typed. What is wrong with the place is said when it is run. */
    private lookSoon(): void {
        clearTimeout(this.timer);
        this.timer = setTimeout(async () => {
            const query = availabilityQuery(this.setup);
            const answer = await get<{ actions: Choices["actions"] }>("/v1/actions", query, this.signal).catch(() => null);
            if (!answer || !same(query, availabilityQuery(this.setup))) return;
            this.choices = { ...this.choices, actions: answer.actions };
            this.form = { ...this.form, fields: fieldsFor(this.setup, this.choices) };
        }, LOOK_AFTER_MS);
    }

    /* ---- running ---- */

    private async run(): Promise<void> {
        const setup = (this.asked = this.setup);
        const missing = setup.kind === "profile" && !setup.profile ? "/profile" : "";
        if (missing) throw new Refusal(400, "invalid_input", "is needed", [{ pointer: missing, message: "is needed" }]);
        const changed = () => this.requestUpdate(), widgets = await import("../ui/answer.js");
        const runs =
            (setup.compare ? [false, true] : [false]).map((second) => new PlayRun(questionOf(setup, this.choices, second), changed, widgets));
        this.runs = runs;
        await Promise.all(runs.map((run) => run.start(setup.stream === true)));
        const fields = runs.flatMap(({ refusal }, i) =>
            (refusal?.fields ?? []).map(({ pointer, message }) => ({ pointer: pointerOf(pointer, i > 0), message })));
        if (fields.length) throw new Refusal(400, "invalid_input", "", fields);
    }

    /* ---- what is shown ---- */

    protected content(): TemplateResult {
        return html`<div class="playground ${this.runs.length > 1 ? "two" : ""}">
            <section class="card" aria-labelledby="asked"><h2 id="asked">What to run</h2><console-form .of=${this.form}></console-form></section>
            <section aria-label="Answers" class="answers">
                ${this.runs.length ? nothing : html`<div class="empty"><p>The answer will be here, with the request as it was compiled, every attempt,
                    times, tokens and cost.</p></div>`}
                <div class=${this.runs.length > 1 ? "split" : ""}>${this.runs.map((run, i) => this.runView(run, i))}</div>
                ${this.comparison()}
            </section>
        </div>`;
    }

    private runView(run: PlayRun, i: number): TemplateResult {
        const several = this.runs.length > 1, title = several ? (i ? "Second run" : "First run") : "Answer";
        return html`<article class="card run" aria-label=${title}>
            <header class="heading"><h2>${title}</h2><div class="tools">${stateView(run)}
                ${
                    run.state === "running" ? html`<button type="button" class="danger" @click=${() => run.stop()}>Stop</button>` : nothing
                }</div></header>
            ${this.answerView(run)}
            ${run.state === "running" ? nothing : this.tools_of(run)}
            ${run.trace ? traceView(run.trace) : nothing}
        </article>`;
    }

    private answerView(run: PlayRun): TemplateResult {
        const copy = (event: Event) => {
            const code = run.widgets.codeToCopy(event);
            if (code !== undefined) void navigator.clipboard.writeText(code).then(() => say("Copied."));
        };
        const other = run.state === "done" && run.text === null;
        return html`<div class="answer" aria-live=${run.state === "running" ? "off" : "polite"} @click=${copy}>
            ${run.refusal && !run.refusal.fields.length ? refusalView(run.refusal) : nothing}
            ${run.refusal?.fields.length ? html`<p class="muted">Not run: see the marked fields.</p>` : nothing}
            ${run.status ? html`<p class="muted" role="status">${run.status}</p>` : nothing}
            ${run.state === "running" && !run.rich.text ? html`<p class="muted">Waiting for the first words…</p>` : nothing}
            ${other ? html`<pre class="scroll" tabindex="0" aria-label="Answer as JSON">${shortened(run.plain)}</pre>` : run.rich.element}
        </div>`;
    }

    private tools_of(run: PlayRun): TemplateResult | typeof nothing {
        const setup = this.setupOfRun(run), prompt = promptOf(setup, run.trace), profile = profileOf(setup, this.choices, run.trace);
        const may = session.can("manage_workflows");
        return html`<div class="buttons">
            ${may && prompt ? html`<button type="button" @click=${() => savePrompt(prompt)}>Save as prompt</button>` : nothing}
            ${may && profile && run.trace ? html`<button type="button" @click=${() => saveProfile(profile)}>Save as profile</button>` : nothing}
            ${run.callId && pageAt("register/x") ? html`<a class="button" href="/admin/register/${run.callId}">In the register</a>` : nothing}
        </div>`;
    }

    /** The setup as if the second run had been the only one. */
    private setupOfRun(run: PlayRun): Setup {
        const { asked } = this, other = this.runs.indexOf(run) === 1 ? asked.other : undefined;
        if (!other) return asked;
        const { provider: _, ...rest } = asked;
        const changes = Object.fromEntries(Object.entries(other).filter(([, value]) => value));
        return { ...rest, kind: asked.kind, ...changes };
    }

    /* ---- two runs ---- */

    private comparison(): TemplateResult | typeof nothing {
        const [a, b] = this.runs;
        if (!a || !b || a.state === "running" || b.state === "running") return nothing;
        return html`<section class="card" aria-labelledby="compared"><h2 id="compared">Compared</h2>
            ${a.trace && b.trace ? figuresTable(figuresOf(a.trace), figuresOf(b.trace)) : nothing}
            <h3>Texts</h3>${diffView("The texts", a.plain, b.plain)}
        </section>`;
    }
}

function shortened(text: string): string {
    return text.length > JSON_MAX ? `${text.slice(0, JSON_MAX)}\n… (${count(text.length)} characters in all)` : text;
}

function stateView(run: PlayRun): TemplateResult {
    switch (run.state) {
        case "running":
            return badge("off", "Running");
        case "done":
            return badge("ok", "Answered");
        case "stopped":
            return badge("warning", "Stopped");
        default:
            return badge("error", run.refusal ? words(run.refusal.code) : "Failed");
    }
}

/** What was refused or failed, and what the vendor said, which users are not told. */
function refusalView(refusal: Refusal): TemplateResult {
    return html`<div class="trouble"
        role="alert"><p>${messageOf(refusal)}</p>${refusal.retryAfter ? html`<p>Try again in ${duration(refusal.retryAfter * 1000)}.</p>` : nothing}<p
        class="small">Code <code>${refusal.code}</code>${refusal.requestId ? html`, request <code>${refusal.requestId}</code>` : nothing}</p></div>`;
}

const minus = (a: number | null, b: number | null) => (a === null || b === null ? null : b - a);
const signed = (value: number | null, shown: (value: number) => string) => (value === null
    ? "–"
    : `${value > 0 ? "+" : value < 0 ? "−" : ""}${shown(Math.abs(value))}`);

function figuresTable(a: Figures, b: Figures): TemplateResult {
    const row = (title: string, name: keyof Figures, shown: (value: unknown) => string) => {
        const left = a[name] as number | null, right = b[name] as number | null;
        return html`<tr><th scope="row">${title}</th><td class="end">${shown(left)}</td><td class="end">${shown(right)}</td><td
            class="end">${signed(minus(left, right), shown)}</td></tr>`;
    };
    const currency = a.currency;
    return html`<div class="sideways" role="region" aria-label="Figures of both" tabindex="0"><table>
        <thead><tr><td></td><th scope="col">First</th><th scope="col">Second</th><th scope="col">Difference</th></tr></thead>
        <tbody>
            <tr><th scope="row">Provider</th><td class="end">${a.provider}</td><td class="end">${b.provider}</td><td></td></tr>
            <tr><th scope="row">Model</th><td class="end">${a.model || "–"}</td><td class="end">${b.model || "–"}</td><td></td></tr>
            ${row("All in all", "total_ms", duration)} ${row("First text after", "first_ms", duration)} ${row("Tokens in", "prompt_tokens", count)}
            ${row("Tokens out", "completion_tokens", count)} ${row("Cost", "cost", (value) => money(value, currency))}
        </tbody>
    </table></div>`;
}

customElements.define("page-playground", PagePlayground);
