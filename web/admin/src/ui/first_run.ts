/*
 * The guide of the first run, at the top of the overview: from a site on which nothing is set up to learners who use it within a budget. Each step
 * says whether it is done and leads to the page that does it. Who knows the way puts it aside.
 */
import { html, nothing, type TemplateResult } from "lit";
import { session } from "../session.js";
import { LightElement } from "./page.js";
import { badge } from "./parts.js";

/** How much of each there is on the site. */
export interface FirstRun {
    /** Without the embedded one. */
    providers: number;
    placements: number;
    profiles: number;
    scopes: number;
    calls: number;
    budgets: number;
}

interface Step {
    title: string;
    text: string;
    done: boolean;
    /** Address in the console, and what the link says. */
    to: [path: string, title: string];
    more?: [path: string, title: string];
    other?: TemplateResult;
}

const ASIDE = "lectern-first-run-aside";

function steps(have: FirstRun): Step[] {
    return [
        {
            title: "Add a provider",
            text: "The AI service that answers. Providers are asked in their order. Until there is one, the embedded provider summarises by " +
                "choosing sentences of the text: nothing leaves this machine, and nothing is written anew.",
            done: have.providers > 0,
            to: ["providers/new", "Add a provider"],
        },
        {
            title: "Choose what learners and authors may use",
            text: "Placements are where AI is offered in the platform; each has its actions.",
            done: have.placements > 0,
            to: ["placements", "Actions and placements"],
        },
        {
            title: "Make a profile",
            text: "A profile says what happens in a place of a course: a template, and your changes to it.",
            done: have.profiles > 0,
            to: ["profiles/new", "Make a profile"],
        },
        {
            title: "Say where it applies",
            text: "A scope leads from a course, a unit or a place in the page to a profile.",
            done: have.scopes > 0,
            to: ["scopes/new", "Add a scope"],
        },
        {
            title: "Put the widget into the course",
            text: "A profile's page has the lines of HTML to copy.",
            done: have.calls > 0,
            to: ["profiles", "Choose a profile"],
            ...(session.current?.demo && { other: html`<a href="/demo" target="_blank" rel="noopener">Open the demo course</a>: it has a place named
                <code>yours</code> for a workflow of yours.` }),
        },
        {
            title: "Read what was asked",
            text: "Each call is in the register, with what it took and what it cost.",
            done: have.calls > 0,
            to: ["register", "Open the register"],
        },
        {
            title: "Set a budget",
            text: "A limit on money, tokens or requests; one on money needs prices. Without a limit, use is bounded by nothing here.",
            done: have.budgets > 0,
            to: ["limits/new", "Set a limit"],
            more: ["prices/new", "Say what models cost"],
        },
    ];
}

export class ConsoleFirstRun extends LightElement {
    static override properties = { have: { attribute: false }, aside: { state: true } };
    declare have: FirstRun | null;
    /** Put aside or taken out again; null: nobody said, so it is there until all is done. */
    declare aside: boolean | null;

    constructor() {
        super();
        this.have = null;
        const said = localStorage.getItem(ASIDE);
        this.aside = said === null ? null : said === "yes";
    }

    private put(aside: boolean): void {
        this.aside = aside;
        localStorage.setItem(ASIDE, aside ? "yes" : "no");
        void this.updateComplete.then(() => this.querySelector<HTMLElement>("button")?.focus());
    }

    protected override render(): TemplateResult | typeof nothing {
        if (!this.have) return nothing;
        const all = steps(this.have), left = all.filter((step) => !step.done);
        if (this.aside ?? left.length === 0)
            return html`<p class="first-run-aside"><button type="button" class="plain" @click=${() => this.put(false)}>Show the first steps
                (${left.length ? `${left.length} left` : "all done"})</button></p>`;
        const next = left[0];
        return html`<section class="card first-run" aria-labelledby="first-run-title">
            <header class="heading"><h2 id="first-run-title">First steps</h2><button type="button" class="plain" @click=${() => this.put(true)}>Put
                aside</button></header>
            <ol>${all.map((step) => html`<li>
                <h3>${step.title} ${step.done ? badge("ok", "done") : step === next ? badge("warning", "next") : nothing}</h3>
                <p>${step.text} ${step.other ?? nothing}</p>
                <p class="buttons"><a class="button ${step === next ? "primary" : ""}" href="/admin/${step.to[0]}">${step.to[1]}</a>
                    ${step.more ? html`<a class="button" href="/admin/${step.more[0]}">${step.more[1]}</a>` : nothing}</p>
            </li>`)}</ol>
        </section>`;
    }
}

customElements.define("console-first-run", ConsoleFirstRun);
