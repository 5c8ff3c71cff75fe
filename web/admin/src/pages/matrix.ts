/* Actions × placements: what is on in which part of the pages of the LMS. */
import { html, nothing, type TemplateResult } from "lit";
import { call, get, messageOf } from "../api.js";
import { when, words } from "../ui/format.js";
import { Page } from "../ui/page.js";
import { badge } from "../ui/parts.js";
import { switchView } from "../ui/switch.js";
import { say } from "../ui/toast.js";
import { FOR_GOOD, untilView, type Until } from "../ui/until.js";

interface State {
    name: string;
    enabled: boolean;
    until?: string | null;
}

interface Placement extends State {
    title: string;
    description: string;
    actions: State[];
}

interface Action {
    name: string;
    title: string;
    description: string;
    available: boolean;
    reason?: string;
    message?: string;
    detail?: string;
}

class PageMatrix extends Page {
    static override properties = { ...Page.properties, placements: { state: true }, busy: { state: true }, until: { state: true } };
    declare placements: Placement[];
    /** "placement/action" that is being switched. */
    declare busy: string;
    declare until: Until;
    private actions: Action[] = [];
    private missing: string[] = [];

    constructor() {
        super();
        this.placements = [];
        this.busy = "";
        this.until = FOR_GOOD;
    }

    heading(): string {
        return "Actions and placements";
    }

    protected override lead(): string {
        return "What is on in which part of the learning platform's pages, for the whole site. Courses and activities can be switched by " +
            "themselves under Switches.";
    }

    protected async load(): Promise<void> {
        const [{ placements }, { actions }] = await Promise.all([
            get<{ placements: Placement[] }>("/v1/placements", {}, this.signal),
            get<{ actions: Action[] }>("/v1/actions", {}, this.signal),
        ]);
        this.placements = placements;
        const offered = new Set(placements.flatMap((one) => one.actions.map((action) => action.name)));
        this.actions = actions.filter((one) => offered.has(one.name));
        this.missing = [...offered].filter((name) => !actions.some((one) => one.name === name));
    }

    protected content(): TemplateResult {
        return html`<form class="bar" @submit=${(event: Event) => event.preventDefault()}>${
            untilView("What you switch now holds", this.until, (chosen) => { this.until = chosen; })
        }</form>
            <div class="rows matrix" role="table" aria-label="Actions and the placements that they are on in">
                <div role="rowgroup" class="head"><div role="row"><div role="columnheader">Action</div>${
                    this.placements.map((one) => html`<div role="columnheader" title=${one.description}>${one.title}</div>`)
                }</div></div>
                <div role="rowgroup">${this.whole()}${this.actions.map((action) => this.row(action))}</div>
            </div>
            ${this.missing.length ? html`<p class="muted small">Placements also name actions that nothing installed here brings:
                ${this.missing.map(words).join(", ")}.</p>` : nothing}`;
    }

    private whole(): TemplateResult {
        return html`<div role="row" class="whole"><div role="rowheader"><strong>The whole placement</strong><span class="small muted">Off, all its
            actions are off.</span></div>
            ${this.placements.map((one) =>
                html`<div role="cell" data-title=${one.title}><span>${this.switch(one, null, `All of ${one.title}`)}</span></div>`)}</div>`;
    }

    private row(action: Action): TemplateResult {
        return html`<div role="row"><div role="rowheader"><strong>${action.title}</strong><span
            class="small muted">${action.description}</span>${this.why(action)}</div>
            ${this.placements.map((placement) => {
                const state = placement.actions.find((one) => one.name === action.name);
                return state
                    ? html`<div role="cell" data-title=${placement.title}><span>${
                        this.switch(placement, state, `${action.title} in ${placement.title}`, action)
                    }</span></div>`
                    : html`<div role="cell" class="none"><span aria-hidden="true">·</span><span class="hidden">Not offered in
                        ${placement.title}</span></div>`;
            })}</div>`;
    }

    /** Why an action that is on is not there all the same. */
    private why(action: Action): TemplateResult | typeof nothing {
        if (action.available) return nothing;
        if (action.reason === "no_provider") return html`<span class="small" id="why-${action.name}">${badge("warning", "No provider")}
            No provider that is in use and set up serves it. <a href="/admin/providers">Providers</a></span>`;
        return html`<span class="small" id="why-${action.name}">${badge("warning", "Not now")} ${action.message ?? action.detail ?? ""}</span>`;
    }

    /** state null: the placement itself. */
    private switch(placement: Placement, state: State | null, label: string, action?: Action): TemplateResult {
        const one = state ?? placement, key = `${placement.name}/${state?.name ?? ""}`;
        const note = one.until
            ? `until ${when(one.until)}`
            : one.enabled && state && !placement.enabled
            ? "the placement is off"
            : one.enabled && action?.reason === "no_provider"
            ? "no provider"
            : "";
        return html`${switchView({
                label,
                on: one.enabled,
                busy: this.busy === key,
                ...(action && !action.available && { describedBy: `why-${action.name}` }),
                toggle: (on) => void this.toggle(placement, state, on, label),
            })}${note ? html`<span class="note-below small muted">${note}</span>` : nothing}`;
    }

    private async toggle(placement: Placement, state: State | null, on: boolean, label: string): Promise<void> {
        const { timed, until } = this.until;
        if (timed && !until) return say("Choose first until when it holds.", { failed: true });
        this.busy = `${placement.name}/${state?.name ?? ""}`;
        try {
            const body = { ...(state ? { actions: { [state.name]: on } } : { enabled: on }), ...(timed && { until }) };
            const { data } = await call<Placement>("PUT", `/v1/placements/${placement.name}`, { body });
            this.placements = this.placements.map((one) => (one.name === data.name ? data : one));
            say(`${label}: ${on ? "on" : "off"}${timed ? ` until ${when(until)}` : ""}.`);
        } catch (error) {
            say(messageOf(error), { failed: true });
        }
        this.busy = "";
    }
}

customElements.define("page-matrix", PageMatrix);
