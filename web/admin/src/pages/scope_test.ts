/* "Why this one?": which scope decides in a place, and why not the others. */
import { html, nothing, type TemplateResult } from "lit";
import { get } from "../api.js";
import { currentQuery, setQuery } from "../navigation.js";
import { count } from "../ui/format.js";
import { Page, troubleView } from "../ui/page.js";
import { badge } from "../ui/parts.js";
import { placeOf, readProfileNames, VARIANTS, type Scope } from "./scope_common.js";

interface Considered {
    id: number;
    reason: string;
    /** The reason in words. */
    text: string;
    scope: Scope;
}

interface Answer {
    scope: Scope | null;
    profile: { id: number; slug: string; description: string } | null;
    considered: Considered[];
    considered_total: number;
}

const CONTEXT = ["course_id", "location_id", "ui_slot_selector_id", "service_variant"] as const;
/** Of those that do not fit the place at all. */
const ELSEWHERE = ["disabled", "other_service_variant", "other_course", "other_slot", "no_slot"];

class PageScopeTest extends Page {
    static override properties = { ...Page.properties, answer: { state: true }, wrong: { state: true }, busy: { state: true }, all: { state: true } };
    declare answer: Answer | null;
    declare wrong: unknown;
    declare busy: boolean;
    /** Whether those that are for other places are shown, too. */
    declare all: boolean;
    private names = new Map<number, string>();

    constructor() {
        super();
        this.answer = null;
        this.wrong = null;
        this.busy = false;
        this.all = false;
    }

    heading(): string {
        return "Why this one?";
    }

    protected override lead(): string {
        return "Say where somebody is, as the element in the page does, and see which scope decides there.";
    }

    protected override above(): [string, string] {
        return ["scopes", "Scopes"];
    }

    protected async load(): Promise<void> {
        const asked = CONTEXT.some((name) => currentQuery().get(name));
        const [names] = await Promise.all([readProfileNames(this.signal), asked ? this.ask() : undefined]);
        this.names = names;
    }

    private async ask(): Promise<void> {
        const query = currentQuery();
        this.busy = true;
        this.wrong = null;
        try {
            this.answer = await get<Answer>("/v1/scopes/resolve", Object.fromEntries(CONTEXT.map((name) => [name, query.get(name)])), this.signal);
        } catch (error) {
            this.answer = null;
            this.wrong = error;
        }
        this.busy = false;
    }

    private readonly submit = async (event: Event): Promise<void> => {
        event.preventDefault();
        const typed = new FormData(event.target as HTMLFormElement);
        setQuery(Object.fromEntries(CONTEXT.map((name) => [name, String(typed.get(name) ?? "").trim()])));
        this.all = false;
        await this.ask();
        await this.updateComplete;
        this.querySelector<HTMLElement>(".result")?.focus();
    };

    protected content(): TemplateResult {
        const query = currentQuery();
        const text =
            (name: string, title: string, help: string) => html`<div class="field"><label class="label" for="context-${name}">${title}</label>
            <input type="text" id="context-${name}" name=${name} .value=${query.get(name) ?? ""} autocomplete="off" spellcheck="false"
                aria-describedby="context-${name}-help" />
            <span class="help" id="context-${name}-help">${help}</span></div>`;
        return html`<form class="card" aria-busy=${this.busy} @submit=${this.submit}>
                <div class="split">
                    ${text("course_id", "Course", "course-id of the element")} ${text("location_id", "Location", "location-id of the element")}
                    ${text("ui_slot_selector_id", "Slot", "ui-slot of the element")}
                    <div class="field"><label class="label" for="context-variant">Server</label><select id="context-variant" name="service_variant">
                        ${VARIANTS.map(
                            ([value, title]) => html`<option value=${value} ?selected=${query.get("service_variant") === value}>${title}</option>`,
                        )}</select></div>
                </div>
                <div class="buttons"><button type="submit" class="primary">Which one decides?</button></div>
            </form>
            ${this.wrong ? troubleView(this.wrong) : this.answer ? this.result(this.answer) : nothing}`;
    }

    private nameOf(id: number): TemplateResult {
        return html`<a href="/admin/profiles/${id}">${this.names.get(id) ?? `Profile ${id}`}</a>`;
    }

    private result({ scope, profile, considered, considered_total: total }: Answer): TemplateResult {
        const asked = considered.find(({ id }) => String(id) === currentQuery().get("scope"));
        const near = considered.filter((one) => !ELSEWHERE.includes(one.reason) || one === asked),
            others = considered.filter((one) => !near.includes(one));
        return html`<section class="result" tabindex="-1" aria-labelledby="result-title" role="status">
                <h2 id="result-title">${scope ? html`Scope ${scope.id} decides: profile
                    ${profile ? html`<a href="/admin/profiles/${profile.id}">${profile.slug}</a>` : scope.profile_id}` : "No scope fits"}</h2>
                <p>${scope
                    ? html`It is for ${placeOf(scope)}.${profile?.description ? ` ${profile.description}` : ""}`
                    : total === 0 ? "There are no scopes at all." : "Nothing is shown there. Below is why not, for each scope."}</p>
                ${asked && asked.reason !== "chosen"
                    ? html`<p>${badge("warning", `Scope ${asked.id} does not decide here`)} ${asked.text}</p>`
                    : nothing}
            </section>
            ${near.length ? html`<h2>Considered, in their order</h2><ol class="considered">${near.map((one) => this.considered(one))}</ol>` : nothing}
            ${others.length ? html`<details ?open=${this.all} @toggle=${(event: Event) => { this.all = (event.target as HTMLDetailsElement).open; }}>
                <summary>${count(others.length)} ${others.length === 1 ? "scope is" : "scopes are"} for other places, or off</summary>
                ${this.all ? html`<ol class="considered">${others.map((one) => this.considered(one))}</ol>` : nothing}
                ${
                    total > considered.length ? html`<p class="muted">and ${count(total - considered.length)} more of the site</p>` : nothing
                }</details>` : nothing}`;
    }

    private considered({ id, reason, text, scope }: Considered): TemplateResult {
        const level = reason === "chosen" ? "ok" : reason.startsWith("pattern") ? "warning" : "off";
        const called = reason === "chosen" ? "Decides" : reason === "less_specific" ? "Fits, comes after" : "Does not fit";
        return html`<li class="card ${reason === "chosen" ? "chosen" : ""}">
            <p><a href="/admin/scopes/${id}">Scope ${id}</a> ${badge(level, called)}</p>
            <p>For ${placeOf(scope)}, to the profile ${this.nameOf(scope.profile_id)}.</p>
            <p class="muted">${text}</p></li>`;
    }
}

customElements.define("page-scope-test", PageScopeTest);
