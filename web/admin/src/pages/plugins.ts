/* Plugins and services: what is loaded and how it stands; who asks for which service, and what they get. To look at: plugins are the machine's. */
import { html, nothing, type TemplateResult } from "lit";
import { get } from "../api.js";
import { count, words } from "../ui/format.js";
import { Page } from "../ui/page.js";
import { badge, timeView, type Level } from "../ui/parts.js";
import { tableView } from "../ui/table.js";

interface Plugin {
    id: string;
    version: string;
    title: string;
    description: string;
    state: string;
    runs_in: "daemon" | "process" | "nothing";
    reason: string;
    faults: number;
    since: string | null;
    until: string | null;
    provides: string[];
}

interface Granted {
    status: string;
    version: string | null;
    plugin: string | null;
    reason: string;
}

interface Candidate {
    plugin: string;
    version: string;
    rank: number;
    status: string;
    reason: string;
}

interface Component extends Granted {
    component: string;
    declared: "want" | "need";
    active: boolean;
    inactive_because: string;
}

interface Service extends Granted {
    service: string;
    title: string;
    description: string;
    candidates: Candidate[];
    components: Component[];
}

const STATES: Record<string, readonly [Level, string]> = {
    up: ["ok", "up"],
    data: ["ok", "data alone"],
    idle: ["off", "not started"],
    starting: ["warning", "starting"],
    quarantined: ["error", "in quarantine"],
    wrong: ["error", "cannot be used"],
    disabled: ["off", "switched off"],
    removed: ["off", "removed"],
};

const PLACES = { daemon: "In the daemon", process: "In a process of its own", nothing: "No code" };

class PagePlugins extends Page {
    static override properties = { ...Page.properties, plugins: { state: true }, services: { state: true } };
    declare plugins: Plugin[];
    declare services: Service[];

    constructor() {
        super();
        this.plugins = [];
        this.services = [];
    }

    heading(): string {
        return "Plugins and services";
    }

    protected override lead(): TemplateResult {
        return html`Plugins are installed, and switched on and off, on the machine:
            <code>lectern plugin</code>. Which of them may provide a service is a <a href="/admin/site">setting of the site</a>.`;
    }

    protected async load(): Promise<void> {
        const answer = await get<{ plugins: Plugin[]; services: Service[] }>("/v1/plugins", {}, this.signal);
        this.plugins = answer.plugins;
        this.services = answer.services;
    }

    protected content(): TemplateResult {
        return html`<section aria-labelledby="plugins-title"><h2 id="plugins-title">Plugins</h2>
                ${this.plugins.length
                    ? html`<div class="cards">${this.plugins.map(pluginView)}</div>`
                    : html`<div class="empty"><p>No plugins are installed. What Lectern brings itself works without.</p><p>An operator installs them
                        in the directories of the setting <code>plugin_dirs</code>.</p></div>`}</section>
            <section aria-labelledby="services-title"><h2 id="services-title">Services</h2>${this.services.map(serviceView)}</section>`;
    }
}

function pluginView(plugin: Plugin): TemplateResult {
    const [level, text] = STATES[plugin.state] ?? ["off", plugin.state];
    return html`<article class="card plugin" aria-label=${plugin.title || plugin.id}>
        <h3>${plugin.title || plugin.id} ${badge(level, text)}</h3>
        <p class="small muted">${plugin.id}${plugin.version ? ` ${plugin.version}` : ""} · ${PLACES[plugin.runs_in]}</p>
        ${plugin.description ? html`<p>${plugin.description}</p>` : nothing}
        ${plugin.faults ? html`<p>${count(plugin.faults)} ${plugin.faults === 1 ? "fault" : "faults"}, the last
            ${timeView(plugin.since)}${plugin.state === "quarantined" ? html`; tried again ${timeView(plugin.until)}` : nothing}.</p>` : nothing}
        ${plugin.reason ? html`<pre class="reason">${plugin.reason}</pre>` : nothing}
        ${plugin.provides.length ? html`<details><summary>Provides ${count(plugin.provides.length)}</summary><ul>${
            plugin.provides.map((name) => html`<li><code>${name}</code></li>`)
        }</ul></details>` : nothing}
    </article>`;
}

const ANSWERS: Record<string, string> = {
    absent: "nobody has it",
    version: "other version",
    disabled: "switched off",
    denied: "not allowed",
    faulted: "at fault",
    ambiguous: "several have it",
};

function status({ status: name }: Granted): TemplateResult {
    return badge(name === "ok" ? "ok" : name === "disabled" ? "off" : name === "busy" ? "warning" : "error", ANSWERS[name] ?? name);
}

function serviceView(service: Service): TemplateResult {
    return html`<article class="card service" aria-label=${service.service}>
        <h3><code>${service.service}</code> ${status(service)}</h3>
        ${service.title ? html`<p>${service.title}. ${service.description}</p>` : nothing}
        <p>${service.reason}.</p>
        ${service.components.length ? tableView(
            `Who asks for ${service.service}`,
            [
                { title: "Component", cell: (one) => html`<strong>${one.component}</strong>` },
                { title: "Asks", cell: (one) => (one.declared === "need" ? "needs" : "wants") },
                {
                    title: "Gets",
                    cell: (one) => html`${status(one)} ${one.plugin ? html`<span class="small">${one.version} of ${one.plugin}</span>` : nothing}`,
                },
                {
                    title: "Why",
                    cell: ({ reason, active, inactive_because: why }) =>
                        html`${reason}${active ? nothing : html` <span class="small">It does not run: ${why}</span>`}`,
                },
            ],
            service.components,
        ) : html`<p class="small muted">No component has declared that it needs or wants it.</p>`}
        ${service.candidates.length ? html`<details><summary>Who could provide it (${count(service.candidates.length)})</summary>${tableView(
            `Candidates for ${service.service}`,
            [
                { title: "Plugin", cell: (one) => one.plugin },
                { title: "Version", cell: (one) => one.version },
                { title: "Rank", cell: (one) => count(one.rank), end: true },
                {
                    title: "Answer",
                    cell: (one) => (one.status === "ok" ? one.reason : html`${ANSWERS[one.status] ?? words(one.status)}: ${one.reason}`),
                },
            ],
            service.candidates,
        )}</details>` : nothing}
    </article>`;
}

customElements.define("page-plugins", PagePlugins);
