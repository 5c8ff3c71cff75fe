/*
 * Every list of the console: search, filters, sorting, pages by cursor and CSV, all done by the server; what is chosen stands in the address.
 * On a narrow screen each row is a card, so roles say what a table's display would no longer.
 */
import { html, nothing, type TemplateResult } from "lit";
import { get, withQuery, type Query } from "../api.js";
import { currentQuery, setQuery } from "../navigation.js";
import { LightElement, troubleView } from "./page.js";

export interface Column<Row> {
    /** Member of the row, and name to sort by. */
    name: string;
    title: string;
    /** What is shown; the member as text when there is none. */
    cell?: (row: Row) => unknown;
    /** The server can sort by it. */
    sort?: boolean;
    /** Figures stand at the end. */
    end?: boolean;
}

export interface Filter {
    /** Name of the query parameter. */
    name: string;
    title: string;
    /** value → what it is called; a text field when there are none. */
    options?: readonly (readonly [value: string, title: string])[];
    type?: "text" | "date" | "datetime-local";
    /** Folded away below "More filters" as long as nothing is chosen there. */
    more?: boolean;
}

export interface ListOf<Row> {
    /** "/v1/profiles" */
    path: string;
    /** Member of the answer that holds the rows. */
    member: string;
    /** What the rows are called, for the caption and empty lists: "profiles". */
    title: string;
    columns: readonly Column<Row>[];
    filters?: readonly Filter[];
    /** The address of a row's own page, "profiles/3"; put on its first column. */
    href?: (row: Row) => string;
    /** Buttons of a row. */
    buttons?: (row: Row) => unknown;
    /** Name of the cursor's parameter: "after", or "before" for lists that go down. */
    cursor?: "after" | "before";
    /** Query parameters that are always sent. */
    query?: Query;
    /** What is said when there are none at all, with what to do about it. */
    empty?: unknown;
    /** False where the list has no search. */
    search?: boolean;
    /** False where there is no CSV. */
    csv?: boolean;
    /** Links beside the CSV, for what is chosen now. */
    links?: (query: Query) => unknown;
    /** Rows of a page. */
    limit?: number;
}

const PAGE = 50;
const TYPING_MS = 250;

export class ConsoleList<Row = Record<string, unknown>> extends LightElement {
    static override properties =
        { of: { attribute: false }, rows: { state: true }, busy: { state: true }, trouble: { state: true }, next: { state: true } };
    declare of: ListOf<Row>;
    declare rows: Row[] | null;
    declare busy: boolean;
    declare trouble: unknown;
    declare next: string | number | null;
    private cursors: (string | number)[] = [];
    private chosen: Record<string, string> = {};
    private reading?: AbortController;
    private typing: ReturnType<typeof setTimeout> | undefined;

    constructor() {
        super();
        this.rows = null;
        this.busy = false;
        this.trouble = null;
        this.next = null;
    }

    override connectedCallback(): void {
        super.connectedCallback();
        const query = currentQuery();
        for (const name of ["q", "sort", ...(this.of.filters ?? []).map((filter) => filter.name)]) this.chosen[name] = query.get(name) ?? "";
        void this.read();
    }

    override disconnectedCallback(): void {
        super.disconnectedCallback();
        this.reading?.abort();
        clearTimeout(this.typing);
    }

    /** Reads the page that is shown again, e.g. after a change. */
    async read(): Promise<void> {
        this.reading?.abort();
        const reading = (this.reading = new AbortController());
        const { path, member, cursor = "after", limit = PAGE } = this.of;
        this.busy = true;
        try {
            let from = this.cursors.at(-1), rows: Row[], next: string | number | null;
            do {
                const answer = await get<Record<string, unknown>>(path, { ...this.query(), limit, [cursor]: from }, reading.signal);
                rows = (answer[member] ?? []) as Row[];
                next = (answer["next"] ?? null) as string | number | null;
                from = next ?? undefined;
            } while (rows.length === 0 && next !== null); // the server looks for a second at a time: there may be more behind
            this.rows = rows;
            this.next = next;
            this.trouble = null;
        } catch (error) {
            if (reading.signal.aborted) return;
            this.trouble = error;
        }
        this.busy = false;
        this.dispatchEvent(new CustomEvent("rows", { detail: this.rows }));
    }

    /** What is asked for, without the place in it. */
    private query(): Query {
        const query: Query = { ...this.of.query };
        for (const [name, value] of Object.entries(this.chosen)) {
            const filter = this.of.filters?.find((one) => one.name === name);
            query[name] =
                filter?.type === "datetime-local" && value ? new Date(value).toISOString() : filter?.type === "date" && value ? value : value;
        }
        return query;
    }

    private choose(name: string, value: string): void {
        this.chosen[name] = value;
        this.cursors = [];
        setQuery({ [name]: value });
        void this.read();
    }

    private typed(name: string, value: string): void {
        clearTimeout(this.typing);
        this.typing = setTimeout(() => this.choose(name, value), TYPING_MS);
    }

    private turn(forward: boolean): void {
        if (forward && this.next !== null) this.cursors.push(this.next);
        else this.cursors.pop();
        void this.read().then(() => this.querySelector<HTMLElement>(".rows")?.focus());
    }

    private get filtered(): boolean {
        return Object.entries(this.chosen).some(([name, value]) => name !== "sort" && value !== "");
    }

    protected override render(): TemplateResult {
        return html`${this.bar()} ${this.trouble ? troubleView(this.trouble, () => void this.read()) : this.table()}`;
    }

    private bar(): TemplateResult {
        const { title, search = true, csv = true, filters = [], path, links } = this.of;
        const more = filters.filter((filter) => filter.more);
        return html`<form class="bar" role="search" aria-label=${title} @submit=${(event: Event) => event.preventDefault()}>
            ${search
                ? html`<label class="field"><span class="label">Search</span>
                      <input type="search" .value=${this.chosen["q"] ?? ""}
                          @input=${(event: Event) => this.typed("q", (event.target as HTMLInputElement).value)} /></label>`
                : nothing}
            ${filters.filter((filter) => !filter.more).map((filter) => this.filter(filter))}
            ${csv ? html`<a class="button" href=${withQuery(path, { ...this.query(), format: "csv" })} download>CSV</a>` : nothing}
            ${links?.(this.query()) ?? nothing}
            ${more.length
                ? html`<details class="more" ?open=${more.some(({ name }) => this.chosen[name])}><summary>More filters</summary>
                      <div class="bar">${more.map((filter) => this.filter(filter))}</div></details>`
                : nothing}
        </form>`;
    }

    private filter({ name, title, options, type = "text" }: Filter): TemplateResult {
        const value = this.chosen[name] ?? "";
        const changed = (event: Event) => this.choose(name, (event.target as HTMLInputElement).value);
        return html`<label class="field"><span class="label">${title}</span>
            ${options
                ? html`<select @change=${changed}><option value="">All</option>${
                    options.map(([one, called]) => html`<option value=${one} ?selected=${one === value}>${called}</option>`)
                }</select>`
                : type === "text"
                  ? html`<input type="text" .value=${value} @input=${(event: Event) => this.typed(name, (event.target as HTMLInputElement).value)} />`
                  : html`<input type=${type} .value=${value} @change=${changed} />`}</label>`;
    }

    private table(): TemplateResult {
        const { title, columns, buttons, empty } = this.of;
        if (!this.rows) return html`<p class="busy" role="status">Loading…</p>`;
        if (this.rows.length === 0 && this.cursors.length === 0)
            return html`<div class="empty" role="status">${this.filtered ? `No ${title} match.` : (empty ?? `There are no ${title} yet.`)}</div>`;
        return html`<div class="rows" role="table" aria-label=${title} aria-busy=${this.busy} tabindex="-1">
                <div role="rowgroup" class="head"><div role="row">
                    ${columns.map((column) => this.head(column))}
                    ${buttons ? html`<div role="columnheader"><span class="hidden">Actions</span></div>` : nothing}
                </div></div>
                <div role="rowgroup">${this.rows.map((row) => this.row(row))}</div>
            </div>
            ${this.pages()}`;
    }

    private head({ name, title, sort, end }: Column<Row>): TemplateResult {
        const chosen = this.chosen["sort"] ?? "";
        const up = chosen === name, down = chosen === `-${name}`;
        return html`<div role="columnheader" class=${end ? "end" : ""} aria-sort=${up ? "ascending" : down ? "descending" : nothing}>
            ${sort ? html`<button type="button" class="plain" @click=${() => this.choose("sort", up ? `-${name}` : down ? "" : name)}>${title}<span
                aria-hidden="true">${up ? " ▲" : down ? " ▼" : ""}</span></button>` : title}
        </div>`;
    }

    private row(row: Row): TemplateResult {
        const { columns, href, buttons } = this.of;
        return html`<div role="row">
            ${columns.map(({ name, title, cell, end }, i) => {
                const shown = cell ? cell(row) : ((row as Record<string, unknown>)[name] ?? "");
                return html`<div role="cell" class=${end ? "end" : ""}
                    data-title=${title}>${i === 0 && href ? html`<a href="/admin/${href(row)}">${shown}</a>` : shown}</div>`;
            })}
            ${buttons ? html`<div role="cell" class="buttons">${buttons(row)}</div>` : nothing}
        </div>`;
    }

    private pages(): TemplateResult | typeof nothing {
        if (this.next === null && this.cursors.length === 0) return nothing;
        return html`<nav class="pages" aria-label="Pages of ${this.of.title}">
            <button type="button" ?disabled=${this.cursors.length === 0 || this.busy} @click=${() => this.turn(false)}>← Previous</button>
            <span>Page ${this.cursors.length + 1}</span>
            <button type="button" ?disabled=${this.next === null || this.busy} @click=${() => this.turn(true)}>Next →</button>
        </nav>`;
    }
}

customElements.define("console-list", ConsoleList);
