/* Health: what the doctor finds, the worst first, with what to do and where. */
import { html, nothing, type TemplateResult } from "lit";
import { get } from "../api.js";
import { Page } from "../ui/page.js";
import { badge, type Level } from "../ui/parts.js";
import { say } from "../ui/toast.js";

interface Finding {
    id: string;
    level: "ok" | "warning" | "error";
    title: string;
    detail: string;
    advice: string;
}

/** Where a finding is mended. */
const PLACES: Record<string, readonly [path: string, title: string]> = {
    providers: ["providers", "Providers"],
    circuits: ["providers", "Providers"],
    prices: ["prices", "Prices"],
    policy: ["policy", "Policy"],
    limits: ["limits", "Limits"],
    keys: ["keys", "Keys"],
    profiles: ["profiles", "Profiles"],
    register: ["register", "Register"],
    tasks: ["tasks", "Tasks"],
    plugins: ["plugins", "Plugins and services"],
};

const WORDS: Record<Finding["level"], readonly [Level, string]> =
    { error: ["error", "must be mended"], warning: ["warning", "look at it"], ok: ["ok", "well"] };
const ORDER = ["error", "warning", "ok"];

class PageHealth extends Page {
    static override properties = { ...Page.properties, findings: { state: true }, looking: { state: true } };
    declare findings: Finding[];
    declare looking: boolean;

    constructor() {
        super();
        this.findings = [];
        this.looking = false;
    }

    heading(): string {
        return "Health";
    }

    protected override lead(): string {
        return "What is wrong with the installation as far as it touches this site, and what to do about it.";
    }

    protected override tools(): TemplateResult {
        return html`<button type="button" aria-disabled=${this.looking ? "true" : nothing}
            @click=${() => this.lookAgain()}>${this.looking ? "Looking…" : "Look again"}</button>`;
    }

    protected async load(): Promise<void> {
        const { findings } = await get<{ findings: Finding[] }>("/v1/health", {}, this.signal);
        this.findings = [...findings].sort((a, b) => ORDER.indexOf(a.level) - ORDER.indexOf(b.level));
    }

    private async lookAgain(): Promise<void> {
        if (this.looking) return;
        this.looking = true;
        await this.reload();
        this.looking = false;
        if (!this.trouble) say(this.summary());
    }

    private summary(): string {
        const errors = this.findings.filter((one) => one.level === "error").length,
            warnings = this.findings.filter((one) => one.level === "warning").length;
        if (errors + warnings === 0) return "All is well.";
        return [errors && `${errors} to be mended`, warnings && `${warnings} to be looked at`].filter(Boolean).join(", ") + ".";
    }

    protected content(): TemplateResult {
        const wrong = this.findings.filter((one) => one.level !== "ok"), well = this.findings.filter((one) => one.level === "ok");
        return html`<p class="summary"><strong>${this.summary()}</strong></p>
            <ul class="findings">${wrong.map(findingView)}</ul>
            ${well.length ? html`<h2>What is well</h2><ul class="findings well">${well.map(findingView)}</ul>` : nothing}`;
    }
}

/** What stands between backticks is a command. */
const sentence = (text: string) => text.split("`").map((part, i) => (i % 2 ? html`<code>${part}</code>` : part));

function findingView({ id, level, title, detail, advice }: Finding): TemplateResult {
    const place = level === "ok" ? undefined : PLACES[id];
    return html`<li class="card finding ${level}"><h3>${title} ${badge(...WORDS[level])}</h3>
        <p>${sentence(detail)}</p>
        ${advice
            ? html`<p class="advice">${sentence(advice)}${place ? html` <a href="/admin/${place[0]}">${place[1]}</a>` : nothing}</p>`
            : nothing}</li>`;
}

customElements.define("page-health", PageHealth);
