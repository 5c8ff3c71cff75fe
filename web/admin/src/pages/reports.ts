/* Reports: sums over the register as plots over days and as a table. What is asked for stands in the address. */
import { html, nothing, type TemplateResult } from "lit";
import { get, withQuery, type Query } from "../api.js";
import { currentQuery, setQuery } from "../navigation.js";
import { session } from "../session.js";
import { type ChartOf, type Line } from "../ui/chart.js";
import { compact, count, duration, money, words } from "../ui/format.js";
import { Page } from "../ui/page.js";
import { timeView } from "../ui/parts.js";

type Row = Record<string, string | number | null>;

interface Report {
    since: string;
    until: string;
    time_zone: string;
    group_by: string[];
    rows: Row[];
    total: Row;
    summarised_calls: number | null;
    rows_total: number;
    next: number | null;
}

type Show = (value: unknown, row: Row) => unknown;

interface Kind {
    name: string;
    title: string;
    lead: string;
    /** What it is grouped by when nothing is chosen. */
    group: string;
    /** Columns of figures and how they are shown. */
    columns: readonly (readonly [name: string, title: string, show: Show])[];
    /** One plot each: its title, and columns that are of one measure. */
    plots: readonly (readonly [title: string, ...columns: string[]])[];
    /** Days without rows are nothing, not zero. */
    gaps?: boolean;
    /** What the plots are narrowed to. */
    days?: Query;
    permission?: string;
}

const number: Show = (value) => count(value);
const time: Show = (value) => duration(value);
const cost: Show = (value, row) => money(value, String(row["currency"] ?? "USD"));

const KINDS: readonly Kind[] = [
    {
        name: "usage",
        title: "Usage",
        lead: "How many calls there were, how they ended, and how many tokens they took.",
        group: "action",
        columns: [
            ["calls", "Calls", number],
            ["succeeded", "Answered", number],
            ["failed", "Failed", number],
            ["refused", "Refused", number],
            ["prompt_tokens", "Tokens in", number],
            ["completion_tokens", "Tokens out", number],
            ["unknown_token_calls", "Calls with tokens unknown", number],
        ],
        plots: [["Calls", "calls", "failed", "refused"], ["Tokens", "prompt_tokens", "completion_tokens"]],
    },
    {
        name: "cost",
        title: "Cost",
        lead: "What calls have cost by the prices of the site; calls without a price are counted apart.",
        group: "model",
        columns: [
            ["cost", "Cost", cost],
            ["calls", "Calls", number],
            ["priced_calls", "With a price", number],
            ["unpriced_calls", "Without", number],
            ["cached_calls", "From the cache", number],
            ["saved_cost", "Saved by it", cost],
        ],
        plots: [["Cost", "cost"]],
        permission: "view_cost",
    },
    {
        name: "errors",
        title: "Errors",
        lead: "What went wrong, in calls and in attempts at providers, with the newest call of each.",
        group: "of,code,provider",
        columns: [
            ["count", "How often", number],
            ["last_seen", "Last", (value) => timeView(value)],
            ["example", "Example", (value) => (value ? html`<a href="/admin/register/${value}">the call</a>` : "–")],
        ],
        plots: [["Calls that went wrong", "count"]],
        days: { of: "call" },
    },
    {
        name: "latency",
        title: "Latency",
        lead: "How long completed calls took: exact percentiles.",
        group: "provider,model",
        columns: [
            ["count", "Calls", number],
            ["p50_ms", "Half are below", time],
            ["p95_ms", "95 % are below", time],
            ["p99_ms", "99 % are below", time],
            ["max_ms", "Longest", time],
        ],
        plots: [["Duration", "p50_ms", "p95_ms"]],
        gaps: true,
    },
    {
        name: "feedback",
        title: "Feedback",
        lead: "How users have rated answers.",
        group: "action",
        columns: [
            ["rated", "Rated", number],
            ["up", "Helpful", number],
            ["down", "Not helpful", number],
            ["comments", "With a comment", number],
        ],
        plots: [["Ratings", "up", "down"]],
    },
];

/** Names that would not do as titles. */
const TITLES: Record<string, string> = { of: "What", "of,code,provider": "Code and provider", "provider,model": "Provider and model" };
const titleOf = (group: string) => TITLES[group] ?? words(group);
const GROUPS = ["day", "action", "provider", "model", "course", "placement", "user", "state"] as const;
const PERIODS = [["7", "7 days"], ["30", "30 days"], ["90", "90 days"], ["366", "A year"]] as const;
const FILTERS = [["course_id", "Course"], ["provider", "Provider"], ["model", "Model"], ["action", "Action"], ["user", "User"]] as const;
const TYPING_MS = 400;
const ROWS = 200;

class PageReports extends Page {
    static override properties = { ...Page.properties, table: { state: true }, days: { state: true }, busy: { state: true } };
    declare table: Report | null;
    declare days: Report | null;
    declare busy: boolean;
    private typing: ReturnType<typeof setTimeout> | undefined;

    constructor() {
        super();
        this.table = null;
        this.days = null;
        this.busy = false;
    }

    heading(): string {
        return "Reports";
    }

    protected override lead(): string {
        return this.kind.lead;
    }

    private get kind(): Kind {
        return KINDS.find(({ name }) => name === currentQuery().get("report")) ?? KINDS[0]!;
    }

    private get group(): string {
        return currentQuery().get("group_by") || this.kind.group;
    }

    /** What is asked of the server, but for how it is grouped. The period begins with a day, so that no day is shown in part. */
    private get query(): Query {
        const query = currentQuery();
        const days = Number(query.get("days")) || 30;
        const since = new Date(Date.now() - (days - 1) * 86_400_000).toISOString().slice(0, 10);
        const chosen: Query = { since };
        for (const [name] of FILTERS) chosen[name] = query.get(name) ?? "";
        if (query.get("course_id")) chosen["view"] = "course";
        return chosen;
    }

    protected async load(): Promise<void> {
        const { kind, group, query, signal } = this;
        const path = `/v1/reports/${kind.name}`;
        const sort = currentQuery().get("sort") ?? "";
        const table = get<Report>(path, { ...query, group_by: group, sort, limit: ROWS }, signal);
        this.days = group === "day" && !sort && !kind.days
            ? await table
            : await get<Report>(path, { ...query, ...this.kind.days, group_by: "day", limit: 400 }, signal);
        this.table = await table;
    }

    private choose(changes: Record<string, string>): void {
        setQuery(changes);
        this.busy = true;
        void this.reload().finally(() => (this.busy = false));
    }

    private typed(name: string, value: string): void {
        clearTimeout(this.typing);
        this.typing = setTimeout(() => this.choose({ [name]: value }), TYPING_MS);
    }

    override disconnectedCallback(): void {
        super.disconnectedCallback();
        clearTimeout(this.typing);
    }

    protected content(): TemplateResult | typeof nothing {
        const { kind, table, days } = this;
        if (!table || !days) return nothing;
        return html`${this.bar()}
            <div aria-busy=${this.busy}>
                ${table.rows.length === 0
                    ? html`<div class="empty" role="status">${kind.name === "errors"
                        ? "Nothing went wrong in this time."
                        : "There is nothing to report of this time."}</div>`
                    : html`<div class=${kind.plots.length > 1 ? "split" : ""}>${
                        kind.plots.map(([title, ...columns]) => html`<console-chart .of=${chartOf(kind, title, columns, days)}></console-chart>`)
                    }</div> ${this.figures(table)}`}
            </div>`;
    }

    private select(
        title: string,
        name: string,
        value: string,
        options: readonly (readonly [string, string])[],
        more: Record<string, string> = {},
    ): TemplateResult {
        return html`<label class="field"><span class="label">${title}</span>
            <select @change=${(event: Event) => this.choose({ ...more, [name]: (event.target as HTMLSelectElement).value })}>
                ${options.map(([one, called]) => html`<option value=${one} ?selected=${one === value}>${called}</option>`)}</select></label>`;
    }

    private bar(): TemplateResult {
        const { kind, group } = this;
        const query = currentQuery();
        const kinds = KINDS.filter(({ permission }) => !permission || session.can(permission)).map(({ name, title }) => [name, title] as const);
        const groups = [kind.group, ...GROUPS].filter((name, i, all) => all.indexOf(name) === i).map((name) => [name, titleOf(name)] as const);
        return html`<form class="bar" aria-label="What is reported" @submit=${(event: Event) => event.preventDefault()}>
            ${this.select("Report", "report", kind.name, kinds, { group_by: "", sort: "" })}
            ${this.select("For each", "group_by", group, groups, { sort: "" })}
            ${this.select("Time", "days", query.get("days") ?? "30", PERIODS)}
            <a class="button" href=${withQuery(`/v1/reports/${kind.name}`, { ...this.query, group_by: group, format: "csv" })} download>CSV</a>
            <details class="more" ?open=${FILTERS.some(([name]) => query.get(name))}><summary>More filters</summary><div class="bar">
                ${FILTERS.map(([name, title]) => html`<label class="field"><span class="label">${title}</span>
                    <input type="text" .value=${query.get(name) ?? ""}
                        @input=${(event: Event) => this.typed(name, (event.target as HTMLInputElement).value)} /></label>`)}
            </div></details>
        </form>`;
    }

    private figures(table: Report): TemplateResult {
        const { kind } = this;
        const { group_by, rows, total, rows_total } = table;
        return html`<h2>Figures</h2><div class="wide-table" tabindex="0" role="region" aria-label="Figures"><table>
                <thead><tr>
                    ${group_by.map((name) => this.head(name, titleOf(name), false))}
                    ${kind.columns.map(([name, title]) => this.head(name, title, true))}
                </tr></thead>
                <tbody>${rows.map((row) => html`<tr>
                    ${group_by.map((name) => html`<th scope="row">${["action", "state", "of"].includes(name)
                        ? words(String(row[name] ?? ""))
                        : (row[name] ?? "") === ""
                        ? html`<span class="muted">none</span>`
                        : row[name]}</th>`)}
                    ${kind.columns.map(([name, , show]) => html`<td class="end">${show(row[name], row)}</td>`)}</tr>`)}</tbody>
                <tfoot><tr><th scope="row" colspan=${group_by.length || 1}>All together</th>
                    ${kind.columns.map(([name, , show]) =>
                        html`<td class="end">${name === "example" || name === "last_seen" ? nothing : show(total[name], total)}</td>`)}</tr></tfoot>
            </table></div>
            ${rows_total > rows.length
                ? html`<p class="muted">${count(rows.length)} of ${count(rows_total)} rows. The CSV has them all.</p>`
                : nothing}
            ${table.summarised_calls
                ? html`<p class="muted">${count(table.summarised_calls)} of these calls were removed by age; their sums were kept.</p>`
                : nothing}`;
    }

    private head(name: string, title: string, end: boolean): TemplateResult {
        const sort = currentQuery().get("sort") ?? "";
        const up = sort === name, down = sort === `-${name}`;
        if (name === "example") return html`<th scope="col" class=${end ? "end" : ""}>${title}</th>`;
        return html`<th scope="col" class=${end ? "end" : ""} aria-sort=${up ? "ascending" : down ? "descending" : nothing}>
            <button type="button" class="plain" @click=${() => this.choose({ sort: down ? name : up ? "" : `-${name}` })}>${title}<span
                aria-hidden="true">${up ? " ▲" : down ? " ▼" : ""}</span></button></th>`;
    }
}

/** Every day of the time, also those without rows. */
function chartOf(kind: Kind, title: string, columns: readonly string[], days: Report): ChartOf {
    const rows = new Map(days.rows.map((row) => [String(row["day"]), row]));
    const times: number[] = [];
    for (let at = Date.parse(days.since.slice(0, 10)); at <= Date.parse(days.until) && times.length < 400; at += 86_400_000) times.push(at / 1000);
    const of = (name: string) => kind.columns.find(([column]) => column === name);
    const currency = String(days.rows[0]?.["currency"] ?? "USD");
    const unit = (name: string) => (name === "cost" ? 1e6 : 1); // of money whole ones, so that the marks are round
    const cost = (value: number) => money(value * 1e6, currency);
    const show = (name: string) => (name === "cost" ? cost : name.endsWith("_ms") ? duration : compact);
    const lines: Line[] = columns.map((name) => ({
        title: of(name)?.[1] ?? words(name),
        show: show(name),
        values: times.map((at) => {
            const value = rows.get(new Date(at * 1000).toISOString().slice(0, 10))?.[name];
            return typeof value === "number" ? value / unit(name) : kind.gaps ? null : 0;
        }),
    }));
    return { title: `${title} by day`, times, lines };
}

customElements.define("page-reports", PageReports);
