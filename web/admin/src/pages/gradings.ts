/* Gradings: those that a person has to look at, all others, and one of them with the decision in the model's place. */
import { html, nothing, type TemplateResult } from "lit";
import { call, get, messageOf } from "../api.js";
import { guard, unguard, type Guarded } from "../navigation.js";
import { count, when, words } from "../ui/format.js";
import { type ListOf } from "../ui/list.js";
import { Page } from "../ui/page.js";
import { badge, facts, timeView, type Level } from "../ui/parts.js";
import { say } from "../ui/toast.js";

interface Criterion {
    id: string;
    option_id: string | null;
    points: number | null;
    feedback: string | null;
    evidence: { quote?: string; text?: string }[];
}

interface Grading {
    id: string;
    number: number;
    status: string;
    state: string;
    reason: string;
    mode: string;
    source: "model" | "staff";
    criteria: Criterion[] | null;
    overall_feedback: string;
    points_earned: number | null;
    points_possible: number | null;
    model: string | null;
    profile: { id: number; version: number };
    audit_id: string | null;
    submission_id: string;
    user_id: string;
    course_id: string;
    location_id: string;
    rubric: { criteria: { id: string; name: string; options: { id: string; name: string; points: number }[] }[] } | null;
    staff_user: string;
    /** Milliseconds, 0: never. */
    staff_at: number;
    created_at: number;
}

const STATES = ["queue", "pending", "ok", "abstained", "rejected", "failed"] as const;
const LEVELS: Record<string, Level> = { ok: "ok", pending: "off", abstained: "warning", rejected: "warning", failed: "error" };
const stateTitle = (state: string) => (state === "ok" ? "Graded" : state === "queue" ? "Waits for a person" : words(state));
const time = (ms: number) => (ms ? new Date(ms).toISOString() : null);

const decider = (grading: Grading) => (grading.source === "staff"
    ? grading.staff_user || "staff"
    : grading.status === "ok"
    ? (grading.model ?? "the model")
    : "–");
const points = ({ points_earned: earned, points_possible: possible }: Grading) => (earned === null ? "–" : `${count(earned)} of ${count(possible)}`);

const LIST: ListOf<Grading> = {
    path: "/v1/gradings",
    member: "gradings",
    title: "gradings",
    cursor: "before",
    href: (grading) => `gradings/${grading.id}`,
    filters: [
        { name: "state", title: "State", options: STATES.map((state) => [state, stateTitle(state)] as const) },
        { name: "course_id", title: "Course" },
    ],
    columns: [
        { name: "created_at", title: "Asked for", sort: true, cell: (grading) => timeView(time(grading.created_at)) },
        { name: "status", title: "State", sort: true, cell: (grading) => badge(LEVELS[grading.status] ?? "off", stateTitle(grading.status)) },
        { name: "source", title: "By", sort: true, cell: (grading) => decider(grading) },
        { name: "user_id", title: "Learner", sort: true },
        { name: "submission_id", title: "Submission", sort: true },
        { name: "points_earned", title: "Points", sort: true, end: true, cell: points },
        { name: "mode", title: "Mode", sort: true, cell: (grading) => words(grading.mode) },
    ],
    empty: html`<p>Nothing was graded yet. A profile of the template <code>base/grading.json5</code> grades what learners hand in.</p>`,
};

class PageGradings extends Page {
    heading(): string {
        return "Gradings";
    }

    protected override lead(): TemplateResult {
        return html`What models made of submissions, and what people decided instead.
            <a href="/admin/gradings?state=queue" @click=${this.queue}>Those that wait for a person</a>`;
    }

    /** The same page with another question: the list reads the address when it comes. */
    private readonly queue = (event: Event): void => {
        const select = this.querySelector<HTMLSelectElement>(".bar select");
        if (!select) return;
        event.preventDefault();
        select.value = "queue";
        select.dispatchEvent(new Event("change"));
    };

    protected async load(): Promise<void> {}

    protected content(): TemplateResult {
        return html`<console-list .of=${LIST}></console-list>`;
    }
}

customElements.define("page-gradings", PageGradings);

/* ---- one grading ---- */

class PageGrading extends Page implements Guarded {
    static override properties = { ...Page.properties, grading: { state: true }, refused: { state: true }, busy: { state: true } };
    declare grading: Grading | null;
    declare refused: string;
    declare busy: boolean;
    private typed = false;

    constructor() {
        super();
        this.grading = null;
        this.refused = "";
        this.busy = false;
    }

    heading(): string {
        return this.grading ? `Grading ${this.grading.number}` : "Grading";
    }

    protected override above(): [string, string] {
        return ["gradings", "Gradings"];
    }

    private get path(): string {
        return `/v1/gradings/${encodeURIComponent(this.params["id"] ?? "")}`;
    }

    override connectedCallback(): void {
        super.connectedCallback();
        guard(this);
    }

    override disconnectedCallback(): void {
        super.disconnectedCallback();
        unguard(this);
    }

    dirty(): boolean {
        return this.typed;
    }

    protected async load(): Promise<void> {
        this.grading = await get<Grading>(this.path, {}, this.signal);
        this.typed = false;
    }

    private readonly decide = async (event: SubmitEvent): Promise<void> => {
        event.preventDefault();
        const { grading } = this;
        if (!grading || this.busy) return;
        const data = new FormData(event.target as HTMLFormElement);
        const selected: Record<string, string> = {}, feedback: Record<string, string> = {};
        for (const { id } of grading.rubric?.criteria ?? []) {
            selected[id] = String(data.get(`option:${id}`) ?? "");
            const said = String(data.get(`feedback:${id}`) ?? "");
            if (said) feedback[id] = said;
        }
        this.busy = true;
        this.refused = "";
        try {
            const decision = { selected, feedback, overall_feedback: String(data.get("overall") ?? "") };
            await call("PUT", `${this.path}/decision`, { body: { decision, staff_at: grading.staff_at } });
            say("Your decision stands.");
            this.typed = false;
            await this.reload();
            document.getElementById("heading")?.focus();
        } catch (error) {
            this.refused = messageOf(error);
        }
        this.busy = false;
    };

    protected content(): TemplateResult | typeof nothing {
        const { grading } = this;
        if (!grading) return nothing;
        return html`
            <section class="card" aria-label="The grading">${this.facts(grading)}${grading.overall_feedback
                ? html`<p class="said">${grading.overall_feedback}</p>`
                : nothing}</section>
            <section><h2>By criterion</h2>
                <form @submit=${this.decide} @input=${() => (this.typed = true)}>
                    ${(grading.rubric?.criteria ?? []).map((criterion) => this.criterion(grading, criterion))}
                    <label class="field"><span class="label">Feedback on the whole</span><textarea name="overall" rows="3"
                        .value=${grading.overall_feedback}></textarea></label>
                    ${this.refused ? html`<div class="trouble" role="alert">${this.refused}</div>` : nothing}
                    <div class="buttons"><button type="submit" class="primary" ?disabled=${this.busy}>${
                        grading.source === "staff" ? "Change the decision" : "Decide so"
                    }</button></div>
                </form>
            </section>`;
    }

    private facts(grading: Grading): TemplateResult {
        return facts([
            ["State", badge(LEVELS[grading.status] ?? "off", stateTitle(grading.status))],
            ["Why", grading.reason && grading.reason !== "none" ? words(grading.reason) : undefined],
            ["Points", points(grading)],
            ["Mode", words(grading.mode)],
            ["Decided by", grading.source === "staff" ? `${decider(grading)}, ${when(time(grading.staff_at))}` : decider(grading)],
            ["Learner", grading.user_id],
            ["Submission", grading.submission_id],
            ["Course", grading.course_id || undefined],
            ["Model", grading.model ?? undefined],
            ["Asked for", when(time(grading.created_at))],
            ["Call", grading.audit_id ? html`<a href="/admin/register/${grading.audit_id}">in the register</a>` : undefined],
        ]);
    }

    private criterion(grading: Grading, { id, name, options }: NonNullable<Grading["rubric"]>["criteria"][number]): TemplateResult {
        const said = grading.criteria?.find((one) => one.id === id);
        return html`<fieldset><legend>${name || id}</legend>
            <label class="field"><span class="label">Choice</span><select name="option:${id}" required>
                ${said?.option_id ? nothing : html`<option value="">Choose</option>`}
                ${options.map((option) => html`<option value=${option.id} ?selected=${option.id === said?.option_id}>${option.name || option.id}
                    (${count(option.points)})</option>`)}</select></label>
            <label class="field"><span class="label">Feedback</span><textarea name="feedback:${id}" rows="2"
                .value=${said?.feedback ?? ""}></textarea></label>
            ${said?.evidence?.length
                ? html`<p class="small muted">Because of: ${said.evidence.map((one) => html`<q>${one.quote ?? one.text ?? ""}</q> `)}</p>`
                : nothing}
        </fieldset>`;
    }
}

customElements.define("page-grading", PageGrading);
