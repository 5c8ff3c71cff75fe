/* The overview: the site at a glance, in one call that is made again every few seconds while somebody looks. */
import { html, nothing, type TemplateResult } from "lit";
import { get } from "../api.js";
import type { ChartOf } from "../ui/chart.js";
import { compact, count, duration, money, when, words } from "../ui/format.js";
import { Page } from "../ui/page.js";
import "../ui/first_run.js";
import type { FirstRun } from "../ui/first_run.js";
import { badge, meter, timeView } from "../ui/parts.js";
import { tableView } from "../ui/table.js";

interface Figures {
    calls: number;
    succeeded: number;
    failed: number;
    refused: number;
    prompt_tokens: number;
    completion_tokens: number;
    total_tokens: number;
    p50_ms: number | null;
    p95_ms: number | null;
    p99_ms: number | null;
    cost?: number;
    unpriced_calls?: number;
}

interface Stop {
    reason: string;
    by: string;
    since: string;
}

interface Provider {
    id: number;
    name: string;
    plugin: string;
    enabled: boolean;
    configured: boolean;
    circuit: { state: string; faults: number; cause?: string; retry_in_ms?: number };
}

interface Budget {
    limit: number;
    action: string;
    unit: "requests" | "tokens" | "cost";
    amount: number;
    used: number;
    left: number;
    window: string;
    resets_at: string | null;
}

interface Overview {
    since: string;
    until: string;
    step_s: number;
    currency: string;
    series: (Figures & { at: string })[];
    total: Figures;
    errors: { provider: string; code: string; count: number; last_seen: string }[];
    stop: { stopped: boolean; site: Stop | null; all_sites: Stop | null };
    providers: Provider[];
    budgets: Budget[];
    now: { calls_running: number; streams_running: number; tasks_queued: number; tasks_running: number };
    counts: { profiles: number; scopes: number; placements_on: number };
}

const PERIODS: readonly (readonly [hours: number, title: string])[] =
    [[1, "Last hour"], [24, "Last 24 hours"], [168, "Last 7 days"], [720, "Last 30 days"]];
const BUCKETS = 30;
const AGAIN_MS = 15_000;
const SAMPLES = 120;

class PageStart extends Page {
    static override properties = { ...Page.properties, overview: { state: true }, hours: { state: true }, stale: { state: true } };
    declare overview: Overview | null;
    declare hours: number;
    /** The last attempt to read it again has failed. */
    declare stale: boolean;
    private timer: ReturnType<typeof setInterval> | undefined;
    /** What ran, each time it was looked at. */
    private readonly samples: { at: number; streams: number; calls: number }[] = [];
    private charts: ChartOf[] = [];
    private drawn = "";

    constructor() {
        super();
        this.overview = null;
        this.hours = 24;
        this.stale = false;
    }

    heading(): string {
        return "Overview";
    }

    override connectedCallback(): void {
        super.connectedCallback();
        this.timer = setInterval(() => document.visibilityState === "visible" && !this.loading && void this.again(), AGAIN_MS);
    }

    override disconnectedCallback(): void {
        super.disconnectedCallback();
        clearInterval(this.timer);
    }

    protected async load(): Promise<void> {
        const since = new Date(Date.now() - this.hours * 3_600_000).toISOString();
        const overview = await get<Overview>("/v1/overview", { since, buckets: BUCKETS }, this.signal);
        this.samples.push({ at: Date.parse(overview.until) / 1000, streams: overview.now.streams_running, calls: overview.now.calls_running });
        this.samples.splice(0, this.samples.length - SAMPLES);
        this.draw(overview);
        this.overview = overview;
        this.stale = false;
    }

    /** Quietly: what is shown stays until there is something newer. */
    private async again(): Promise<void> {
        try {
            await this.load();
        } catch {
            this.stale = !this.signal.aborted;
        }
    }

    private choose(hours: number): void {
        this.hours = hours;
        void this.again();
    }

    /** Plots are drawn anew only when a figure of them has changed. */
    private draw(o: Overview): void {
        const drawn = JSON.stringify([o.series, this.samples.at(-1)?.streams, this.samples.at(-1)?.calls, this.samples.length]);
        if (drawn === this.drawn) return;
        this.drawn = drawn;
        const times = o.series.map((part) => Date.parse(part.at) / 1000);
        const line = (title: string, name: keyof Figures, show: (value: number) => string) =>
            ({ title, values: o.series.map((part) => part[name] ?? null), show });
        this.charts = [
            {
                title: "Calls",
                times,
                atLeast: 4,
                lines: [line("Succeeded", "succeeded", compact), line("Failed", "failed", compact), line("Refused", "refused", compact)],
            },
            { title: "Tokens", times, atLeast: 100, lines: [line("Sent", "prompt_tokens", compact), line("Received", "completion_tokens", compact)] },
            ...(o.total.cost === undefined ? [] : [{
                title: "Cost",
                times,
                atLeast: 1_000_000,
                kind: "bars" as const,
                lines: [line("Cost", "cost", (value) => money(value, o.currency))],
            }]),
            {
                title: "Time to the answer",
                times,
                atLeast: 100,
                lines: [
                    line("Half of them within", "p50_ms", duration),
                    line("95 % within", "p95_ms", duration),
                    line("99 % within", "p99_ms", duration),
                ],
            },
            {
                title: "Running, since this page is open",
                times: [this.samples[0]!.at - AGAIN_MS / 1000, ...this.samples.map((sample) => sample.at)], // one moment has no length
                atLeast: 4,
                lines: [
                    { title: "Live streams", values: [null, ...this.samples.map((sample) => sample.streams)], show: count },
                    { title: "Calls", values: [null, ...this.samples.map((sample) => sample.calls)], show: count },
                ],
            },
        ];
    }

    private get have(): FirstRun | null {
        const { overview } = this;
        if (!overview) return null;
        const { profiles, scopes, placements_on: placements } = overview.counts;
        return {
            providers: overview.providers.filter((one) => one.plugin !== "extract").length,
            placements,
            profiles,
            scopes,
            calls: overview.total.calls,
            budgets: overview.budgets.length,
        };
    }

    protected override tools(): TemplateResult {
        return html`<label class="field inline"><span class="hidden">Period</span><select
            @change=${(event: Event) => this.choose(Number((event.target as HTMLSelectElement).value))}>
            ${PERIODS.map(([hours, title]) => html`<option value=${hours} ?selected=${hours === this.hours}>${title}</option>`)}</select></label>`;
    }

    protected content(): TemplateResult | typeof nothing {
        const o = this.overview;
        if (!o) return nothing;
        return html`
            ${this.stale ? html`<p class="small" role="status">${badge("warning", "not up to date")} Lectern could not be asked; these figures are of
                ${when(o.until)}.</p>` : nothing}
            ${[o.stop.all_sites, o.stop.site].map((stop, i) => (stop ? stopView(stop, i === 0) : nothing))}
            <console-first-run .have=${this.have}></console-first-run>
            ${tiles(o)}
            <h2 class="hidden">Over time</h2>
            <div class="plots">${this.charts.map((chart) => html`<console-chart .of=${chart}></console-chart>`)}</div>
            <section aria-labelledby="errors-title"><h2 id="errors-title">Errors of providers</h2>${errorsView(o)}</section>
            <div class="split">
                <section aria-labelledby="providers-title"><h2 id="providers-title">Providers</h2>${providersView(o.providers)}</section>
                <section aria-labelledby="budgets-title"><h2 id="budgets-title">Budgets of the site</h2>${budgetsView(o)}</section>
            </div>`;
    }
}

function stopView({ reason, by, since }: Stop, all: boolean): TemplateResult {
    return html`<div class="trouble" role="status"><p><strong>All AI of ${all ? "all sites" : "the site"} is stopped</strong>, by ${by},
        ${timeView(since)}. ${reason || "No reason was given."}</p></div>`;
}

function tiles(o: Overview): TemplateResult {
    const { now, total } = o;
    const shown: [string, string, string?][] = [
        ["Live streams", count(now.streams_running)],
        ["Calls under way", count(now.calls_running)],
        ["Tasks under way", count(now.tasks_running), now.tasks_queued ? `${count(now.tasks_queued)} waiting` : ""],
        ["Calls", compact(total.calls), total.calls ? `${count(total.failed)} failed, ${count(total.refused)} refused` : ""],
        ["Tokens", compact(total.total_tokens)],
        ["95 % answered within", duration(total.p95_ms ?? undefined)],
    ];
    if (total.cost !== undefined)
        shown.push(["Cost", money(total.cost, o.currency), total.unpriced_calls ? `${count(total.unpriced_calls)} calls have no price` : ""]);
    return html`<dl class="tiles">${shown.map(([title, value, more]) =>
        html`<div><dt>${title}</dt><dd>${value}${more ? html` <span class="small muted">${more}</span>` : nothing}</dd></div>`)}</dl>`;
}

function errorsView(o: Overview): TemplateResult {
    const most = Math.max(1, ...o.errors.map((error) => error.count));
    const link = (error: Overview["errors"][number]) => `/admin/register?${new URLSearchParams({ provider: error.provider })}`;
    return tableView(
        "Errors of providers",
        [
            { title: "Provider", cell: (error) => html`<a href=${link(error)}>${error.provider}</a>` },
            { title: "Error", cell: (error) => words(error.code) },
            {
                title: "How often",
                cell: ({ count: times }) =>
                    html`<span class="share"><progress max=${most} value=${times} aria-hidden="true"></progress> ${count(times)}</span>`,
            },
            { title: "Last", cell: (error) => timeView(error.last_seen) },
        ],
        o.errors,
        "No provider has failed in this time.",
    );
}

function circuit({ enabled, configured, circuit: { state, cause } }: Provider): TemplateResult {
    if (!enabled) return badge("off", "off");
    if (!configured) return badge("error", "not set up");
    if (state === "open") return badge("error", `left alone: ${words(cause ?? "faults").toLowerCase()}`);
    return state === "half_open" ? badge("warning", "tried again") : badge("ok", "in use");
}

function providersView(providers: readonly Provider[]): TemplateResult {
    return tableView(
        "Providers",
        [
            { title: "Provider", cell: (one) => html`<a href="/admin/providers/${one.id}">${one.name}</a>` },
            { title: "State", cell: circuit },
        ],
        providers,
        html`There is no provider: every call fails. <a href="/admin/providers/new">Add one</a>.`,
    );
}

const UNITS = { requests: "calls", tokens: "tokens", cost: "cost" };

function budgetsView(o: Overview): TemplateResult {
    const amount = (budget: Budget, value: number) => (budget.unit === "cost" ? money(value, o.currency) : `${compact(value)} ${UNITS[budget.unit]}`);
    const name =
        (budget: Budget) => `${words(UNITS[budget.unit])} in a ${budget.window}${budget.action ? `, ${words(budget.action).toLowerCase()}` : ""}`;
    return tableView(
        "Budgets of the site",
        [
            { title: "Budget", cell: (budget) => html`<a href="/admin/limits/${budget.limit}">${name(budget)}</a>` },
            { title: "Used", cell: (budget) =>
                meter(name(budget), budget.used, budget.amount, `${amount(budget, budget.used)} of ${amount(budget, budget.amount)}`) },
        ],
        o.budgets,
        html`The site as a whole has no limit. <a href="/admin/limits/new">Set one</a>.`,
    );
}

customElements.define("page-start", PageStart);
