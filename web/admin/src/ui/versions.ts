/* The versions of a profile or a prompt: who changed it and when, what differs between any two, and an old one back again. */
import { html, nothing, type TemplateResult } from "lit";
import { get, messageOf } from "../api.js";
import { currentQuery, setQuery } from "../navigation.js";
import { ask } from "./dialog.js";
import { diffView } from "./diff.js";
import type { ConsoleList, ListOf } from "./list.js";
import { LightElement, troubleView } from "./page.js";
import { timeView } from "./parts.js";
import { say } from "./toast.js";

export interface Version {
    version: number;
    changed_by: string;
    changed_at: string;
    [member: string]: unknown;
}

export interface VersionsOf {
    /** "/v1/profiles/3/history" */
    path: string;
    /** The number of the present one. */
    current: number;
    /** What is compared. */
    text: (version: Version) => string;
    /** Makes the version the present one: a new version with what stands in it. */
    restore: (version: Version) => Promise<void>;
}

export class ConsoleVersions extends LightElement {
    static override properties = { of: { attribute: false }, shown: { state: true }, trouble: { state: true } };
    declare of: VersionsOf;
    /** The two that are compared; no `from`: the first version has nothing before it. */
    declare shown: { from: Version | null; to: Version } | null;
    declare trouble: unknown;
    private list!: ListOf<Version>;
    /** Those of the list, which need not be asked for again. */
    private rows: Version[] = [];
    /** What the address asks for, until the list is there. */
    private asked = { from: Number(currentQuery().get("from")), to: Number(currentQuery().get("to")) };

    constructor() {
        super();
        this.shown = null;
        this.trouble = null;
    }

    override connectedCallback(): void {
        super.connectedCallback();
        this.list = {
            path: this.of.path,
            member: "versions",
            title: "versions",
            cursor: "before",
            search: false,
            csv: false,
            limit: 20,
            columns: [
                { name: "version", title: "Version", cell: (row) => (row.version === this.of.current ? `${row.version} (now)` : row.version) },
                { name: "changed_at", title: "When", cell: (row) => timeView(row.changed_at) },
                { name: "changed_by", title: "Who" },
            ],
            buttons: (row) => html`<button type="button" @click=${() => this.compare(row.version - 1, row.version)}>What changed<span class="hidden">
                in version ${row.version}</span></button>
                ${row.version === this.of.current ? nothing : html`<button type="button" @click=${() => this.restore(row)}>Restore<span
                    class="hidden"> version ${row.version}</span></button>`}`,
        };
    }

    private readonly listed = (event: CustomEvent<Version[] | null>): void => {
        this.rows = event.detail ?? [];
        const { from, to } = this.asked;
        this.asked = { from: 0, to: 0 };
        if (to) void this.compare(from, to);
    };

    private async read(version: number): Promise<Version> {
        const known = this.rows.find((row) => row.version === version);
        if (known) return known;
        const answer = await get<{ versions: Version[] }>(this.of.path, { before: version + 1, limit: 1 });
        const found = answer.versions[0];
        if (found?.version !== version) throw new Error(`There is no version ${version}.`);
        return found;
    }

    private async compare(from: number, to: number): Promise<void> {
        this.trouble = null;
        try {
            this.shown = { from: from > 0 ? await this.read(from) : null, to: await this.read(to) };
        } catch (error) {
            this.shown = null;
            this.trouble = error;
        }
        setQuery({ from: String(from), to: String(to) });
        await this.updateComplete;
        this.querySelector<HTMLElement>(".compared")?.focus();
    }

    private async restore(version: Version): Promise<void> {
        const { text, current } = this.of;
        try {
            const now = await this.read(current);
            const yes = await ask({
                title: `Restore version ${version.version}?`,
                text: html`<p>It becomes version ${current + 1}. Nothing is lost: version ${current}
                    stays in the history.</p>${diffView(`From now to version ${version.version}`, text(now), text(version))}`,
                confirm: "Restore",
            });
            if (yes) await this.of.restore(version);
        } catch (error) {
            say(messageOf(error), { failed: true });
        }
    }

    protected override updated(changed: Map<string, unknown>): void {
        if (changed.get("of")) void this.querySelector<ConsoleList>("console-list")?.read();
    }

    private readonly submit = (event: Event): void => {
        event.preventDefault();
        const chosen = new FormData(event.target as HTMLFormElement);
        void this.compare(Number(chosen.get("from")), Number(chosen.get("to")));
    };

    protected override render(): TemplateResult {
        const { current } = this.of;
        const number = (name: string, title: string, value: number) => html`<label class="field"><span class="label">${title}</span>
            <input type="number" name=${name} min="1" max=${current} required .value=${String(value)} /></label>`;
        const from = this.shown ? (this.shown.from?.version ?? 1) : Math.max(current - 1, 1), to = this.shown?.to.version ?? current;
        return html`<form class="bar" aria-label="Compare two versions" @submit=${this.submit}>
                ${number("from", "From version", from)} ${number("to", "To version", to)} <button type="submit">Compare</button>
            </form>
            ${this.trouble ? troubleView(this.trouble) : nothing} ${this.shown ? this.compared(this.shown) : nothing}
            <console-list .of=${this.list} @rows=${this.listed}></console-list>`;
    }

    private compared({ from, to }: { from: Version | null; to: Version }): TemplateResult {
        const title = from ? `From version ${from.version} to ${to.version}` : `Version ${to.version}, the first one`;
        return html`<section class="compared" tabindex="-1" aria-label=${title}><h2>${title}</h2>
            ${diffView(title, from ? this.of.text(from) : "", this.of.text(to))}</section>`;
    }
}

customElements.define("console-versions", ConsoleVersions);
