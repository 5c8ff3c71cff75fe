/*
 * <lectern-grading>: what was said about a submission by a rubric, with the evidence marked in its text. Which of its two faces it shows, the server
 * says by what it lets the caller see: a learner reads, staff decide in the model's place.
 */
import { html, nothing, type PropertyDeclarations, type PropertyValues, type TemplateResult } from "lit";
import { type Answer, NO_TEXT, Problem } from "../client/api.js";
import { decide, type Decision, type Grading, judgementOf, loadGrading, type Place } from "../client/grading.js";
import { gradedText, isPlace, countCodePoints } from "../client/marks.js";
import { missing } from "../client/points.js";
import { Refresh } from "../client/refresh.js";
import { WORKFLOW_PATH } from "../client/run.js";
import { type AnswerHost, AnswerView } from "../ui/answer_view.js";
import { type CriteriaHost, decisionForm, type Draft, draftOf, nameOf, targetOf, verdictView } from "../ui/criteria_view.js";
import { LecternElement } from "../ui/element.js";
import { gradingStyles } from "../ui/grading_styles.js";
import { icon } from "../ui/icons.js";
import { PolicyGate } from "../ui/policy.js";
import { richStyles } from "../ui/rich_styles.js";
import { styles } from "../ui/styles.js";
import { type Marked, placesView, submissionView, textOf } from "../ui/submission_view.js";
import { Trouble } from "../ui/trouble.js";
import { GRADING_WORDS, type GradingStrings } from "../words/grading.js";
import { languageFor } from "../words/strings.js";

/** Where what speaks to the grader is listed. */
const ASIDE = "set-aside";

/** Asking for a verdict: what comes of it is read like any other, so its end is told, not shown. */
class GradingRun extends AnswerView {
    constructor(
        host: AnswerHost,
        private readonly ended: (status: string, reason: string) => void,
    ) {
        super(host, "grade");
    }

    protected override finish(answer: Answer): void {
        const { status, reason } = (answer.response ?? {}) as { status?: unknown; reason?: unknown };
        this.ended(String(status ?? ""), String(reason ?? ""));
    }

    override body(): TemplateResult {
        return this.phase === "done" ? html`<p class="state busy body">${this.host.strings.loading}</p>` : super.body();
    }

    override buttons(refuse: () => void, retry: () => void): TemplateResult | typeof nothing {
        return this.phase === "done" ? nothing : super.buttons(refuse, retry);
    }
}

export class LecternGrading extends LecternElement implements AnswerHost, CriteriaHost {
    static override styles = [styles, richStyles, gradingStyles];

    static override properties: PropertyDeclarations = {
        submissionId: { attribute: "submission-id" },
        learnerId: { attribute: "learner-id" },
        target: { attribute: "for" },
        profile: {},
        task: {},
    };

    /** As the platform names it. */
    declare submissionId: string;
    /** Whose it is: for staff who ask for a verdict themselves. */
    declare learnerId: string;
    /** CSS selector of the submission's text: one element for each part, in order. */
    declare target: string;
    /** The profile that grades, where people may ask for it here. */
    declare profile: string;
    /** CSS selector of a <script type="application/json"> with task, rubric, examples and limits. */
    declare task: string;

    readonly gate = new PolicyGate(this);
    active = "";

    private readonly refresh = new Refresh(() => this.lookAgain());
    private visits = 0;
    /** What is shown is of another submission still. */
    private old = false;
    private state: "unknown" | "nothing" | "none" | "there" = "unknown";
    private grading: Grading | undefined;
    private parts: string[] = [];
    private marked: Marked[] = [];
    private note = "";
    private mayAsk = false;
    private view: GradingRun | undefined;
    private trouble: Trouble | undefined;
    private draft: Draft | undefined;
    private dirty = false;
    private saving: "" | "saving" | "saved" | "conflict" | "incomplete" = "";

    constructor() {
        super();
        this.placement = "grading";
        this.submissionId = "";
        this.learnerId = "";
        this.target = "";
        this.profile = "";
        this.task = "";
    }

    get words(): GradingStrings {
        return GRADING_WORDS[languageFor(this.pageLanguage)];
    }

    override connectedCallback(): void {
        super.connectedCallback();
        this.refresh.start();
        if (this.state === "unknown") this.style.display = "none";
    }

    override disconnectedCallback(): void {
        super.disconnectedCallback();
        this.refresh.stop();
        this.gate.refuse();
    }

    protected readonly stop = (): void => {
        this.view?.stop();
    };

    /* ---- what there is ---- */

    protected override willUpdate(changed: PropertyValues = new Map()): void {
        super.willUpdate();
        const another = ["baseUrl", "courseId", "submissionId", "learnerId"].some((name) => changed.has(name));
        if (another) this.turn();
        if (another || ["token", "locationId", "target", "profile", "task"].some((name) => changed.has(name))) void this.load();
    }

    /** It is about another submission. A new token alone changes nothing of what somebody is doing. */
    private turn(): void {
        this.stop();
        this.view = undefined;
        this.old = true;
        this.forgetDraft();
    }

    /** Somebody looks at the page again, or what is awaited may have come. */
    private lookAgain(): void {
        if (!this.view && !this.dirty && this.saving !== "saving") void this.load();
        else if (this.grading?.status === "pending") this.refresh.wait();
    }

    private async load(): Promise<void> {
        const visit = ++this.visits;
        const before = this.grading;
        try {
            if (!this.submissionId) return this.show("nothing", undefined);
            const { submissionId: id, courseId, learnerId } = this;
            const grading = await loadGrading(this.api(), { id, courseId, learnerId });
            if (visit !== this.visits) return;
            const offered = grading ? [] : await this.askOffered(["grade_response"]);
            if (visit !== this.visits) return;
            this.trouble = undefined;
            this.mayAsk = !grading && (offered?.length ?? 0) > 0 && this.profile !== "" && this.readTask() !== undefined;
            if (grading) this.show("there", grading);
            else this.show(this.reason && this.reason !== "permission_denied" ? "nothing" : "none", undefined);
            if (before?.status === "pending" && grading && grading.status !== "pending") this.announce(this.words.ready);
        } catch (error) {
            if (visit === this.visits) this.failed(error);
        }
    }

    /** Who may not see anything here sees nothing; what cannot be had just now is told, unless it stands there already. */
    private failed(error: unknown): void {
        const trouble = new Trouble(error);
        if (trouble.code === "permission_denied") return this.show("nothing", undefined);
        if (this.grading && !this.old) {
            if (this.grading.status === "pending") this.refresh.wait();
            return;
        }
        this.trouble = trouble;
        this.show("none", undefined);
    }

    private show(state: "nothing" | "none" | "there", grading: Grading | undefined): void {
        this.state = state;
        this.grading = grading;
        this.old = false;
        if (grading) this.absent = "";
        this.mark();
        if (grading?.staff && !this.dirty) this.draft = draftOf(grading);
        if (grading?.status === "pending") this.refresh.wait();
        else this.refresh.settle();
        if (state !== "nothing" || this.absent) this.style.removeProperty("display");
        else this.style.display = "none";
        this.requestUpdate();
    }

    private forgetDraft(): void {
        this.draft = undefined;
        this.dirty = false;
        this.saving = "";
    }

    /* ---- the text, and what is marked in it ---- */

    private pageParts(): string[] {
        try {
            return this.target ? [...document.querySelectorAll(this.target)].map(textOf) : [];
        } catch {
            return []; /* no selector */
        }
    }

    private mark(): void {
        const { grading, words } = this;
        const page = this.pageParts();
        const lengths = grading?.parts;
        const graded = page.map((text, part) => gradedText(text, lengths?.[part]));
        const other = page.length > 0 && lengths !== undefined && (lengths.length !== page.length || graded.includes(undefined));
        this.parts = page.map((text, part) => (other ? undefined : graded[part]) ?? text);
        this.note = other ? words.otherText : "";
        this.marked = [];
        if (!grading || other) return;
        const suggestion = grading.staff?.suggestion ?? grading.verdict;
        for (const [index, criterion] of grading.rubric.entries()) {
            const name = nameOf(this, criterion, index);
            this.addMarks(judgementOf(suggestion, criterion.id)?.evidence ?? [], { label: String(index + 1), name, target: targetOf(index), aside: false });
        }
        this.addMarks(grading.staff?.setAside ?? [], { label: "!", name: words.setAside, target: ASIDE, aside: true });
    }

    private addMarks(places: Place[], of: Pick<Marked, "label" | "name" | "target" | "aside">): void {
        for (const [k, place] of places.entries()) {
            const text = place.part === undefined ? undefined : this.parts[place.part];
            if (text === undefined || !isPlace(place, countCodePoints(text))) continue;
            const quote = [...text].slice(place.start, place.end).join("");
            this.marked.push({ ...of, ...place, quote, id: `place-${of.target}-${k}` });
        }
    }

    marksOf(target: string): readonly Marked[] {
        return this.marked.filter((mark) => mark.target === target);
    }

    /** From a mark to what is said about it, and back. */
    go(id: string): void {
        const to = this.shadowRoot?.getElementById(id);
        to?.scrollIntoView({ block: "center" });
        to?.focus({ preventScroll: true });
    }

    point(target: string): void {
        if (this.active === target) return;
        this.active = target;
        this.requestUpdate();
    }

    /* ---- asking for a verdict ---- */

    shows(view: AnswerView): boolean {
        return this.view === view;
    }

    async checkAgain(): Promise<void> {
        const offered = await this.askOffered(["grade_response"]);
        if (offered?.length === 0) throw new Problem(this.reason || "permission_denied");
    }

    private readTask(): Record<string, unknown> | undefined {
        try {
            const task: unknown = JSON.parse(document.querySelector(this.task)?.textContent ?? "");
            return task && typeof task === "object" ? (task as Record<string, unknown>) : undefined;
        } catch {
            return undefined;
        }
    }

    request(): { path: string; body: object } {
        const texts = this.pageParts().map((text) => text.trim());
        if (texts.every((text) => text === "")) throw new Problem(NO_TEXT);
        const { task, rubric, examples, limits } = this.readTask() ?? {};
        const prompts = ((task as { prompts?: { id?: string }[] } | undefined)?.prompts ?? []).map((prompt) => prompt?.id);
        const parts = texts.map((text, index) => ({ text, ...(prompts[index] !== undefined && { prompt: prompts[index] }) }));
        const learner = this.learnerId && { learner_id: this.learnerId };
        const input = { submission_id: this.submissionId, ...learner, task, rubric, examples, limits, submission: { parts } };
        return { path: WORKFLOW_PATH, body: { profile: this.profile, context: this.place(), user_input: input } };
    }

    private readonly ask = (): void => {
        this.view = new GradingRun(this, this.asked);
        void this.view.begin();
        void this.updateComplete.then(() => this.shadowRoot?.querySelector<HTMLElement>(".body")?.focus());
    };

    /** The answer has come: what is kept is what counts, and `unavailable` keeps nothing. */
    private readonly asked = (status: string, reason: string): void => {
        if (status === "unavailable") throw new Problem(reason === "deadline" ? "timeout" : reason);
        void this.load().then(async () => {
            this.view = undefined;
            this.requestUpdate();
            await this.updateComplete;
            this.shadowRoot?.querySelector<HTMLElement>("h2")?.focus();
        });
    };

    private readonly notNow = (): void => {
        this.gate.refuse();
        this.view = undefined;
        this.requestUpdate();
        void this.updateComplete.then(() => this.shadowRoot?.querySelector<HTMLElement>(".start")?.focus());
    };

    private readonly key = (event: KeyboardEvent): void => {
        if (event.key !== "Escape" || !this.gate.policy || event.defaultPrevented) return;
        event.preventDefault();
        this.notNow();
    };

    /* ---- deciding ---- */

    private readonly changed = (): void => {
        this.dirty = true;
        if (this.saving === "saved" || this.saving === "incomplete") this.saving = "";
        this.requestUpdate();
    };

    private readonly save = async (event?: Event): Promise<void> => {
        event?.preventDefault();
        const { grading, draft } = this;
        if (!grading?.staff || !draft || this.saving === "saving") return;
        const open = missing(grading.rubric, draft.selected);
        if (open.length > 0) return this.complain(grading, open);
        const decision: Decision = { selected: draft.selected, feedback: draft.feedback, overall_feedback: draft.overall };
        const sent = JSON.stringify(draft);
        this.trouble = undefined;
        this.saving = "saving";
        this.announce(this.words.saving);
        try {
            const decided = await decide(this.api(), grading.id, decision, grading.staff.decidedAt);
            this.visits++; /* what was asked before is old */
            if (JSON.stringify(draft) === sent) this.forgetDraft(); /* else more was written meanwhile */
            this.saving = "saved";
            this.show("there", decided);
            this.announce(this.words.saved);
        } catch (error) {
            this.trouble = new Trouble(error);
            this.saving = this.trouble.code === "conflict" ? "conflict" : "";
            this.dirty = true; /* what was to be saved is not lost, whatever is loaded */
            if (this.saving) this.trouble = undefined;
            this.announce(this.saving ? this.words.conflict : this.trouble!.text(this.pageLanguage));
        }
    };

    private complain(grading: Grading, open: Grading["rubric"]): void {
        this.saving = "incomplete";
        this.announce(this.incomplete(open));
        this.go(`options-${grading.rubric.indexOf(open[0]!) + 1}`);
        this.shadowRoot?.querySelector<HTMLElement>(`#options-${grading.rubric.indexOf(open[0]!) + 1} input`)?.focus();
    }

    private incomplete(open: Grading["rubric"]): string {
        const names = open.map((criterion) => nameOf(this, criterion, this.grading!.rubric.indexOf(criterion)));
        return this.words.incomplete(names.join(", "));
    }

    private readonly loadTheirs = async (): Promise<void> => {
        this.forgetDraft();
        await this.load();
        this.shadowRoot?.querySelector<HTMLElement>("h2")?.focus();
    };

    /** With their decision seen, and the draft kept. */
    private readonly saveMine = async (): Promise<void> => {
        this.saving = "";
        await this.load();
        await this.save();
    };

    /* ---- what it looks like ---- */

    protected override updated(): void {
        this.keepFocus(this.shadowRoot?.querySelector<HTMLElement>(".body") ?? this.shadowRoot?.querySelector<HTMLElement>("h2"));
        this.follow(this.view?.trouble ?? this.trouble);
    }

    protected override render(): TemplateResult | typeof nothing {
        if (this.state === "unknown" || this.state === "nothing") return this.staffNote(this.words.name);
        return html`<section class="grading" aria-labelledby="title" lang=${this.language} @keydown=${this.key}>
            <header><h2 id="title" tabindex="-1">${this.words.title}</h2></header>
            ${this.view ? html`${this.view.body()} ${this.view.buttons(this.notNow, this.ask)}` : this.content()} ${this.announcer()}
        </section>`;
    }

    private content(): TemplateResult {
        const { grading } = this;
        if (!grading) return this.nothingYet();
        const says = this.statusLine(grading);
        if (!grading.staff && grading.status !== "ok") return html`<div class="middle">${says} ${this.text()}</div>`;
        if (!grading.staff) {
            return html`<div class="middle">
                ${says}
                <div class="columns">${this.text()} ${verdictView(this, grading)}</div>
            </div>`;
        }
        return html`<form @submit=${this.save} novalidate>
            <div class="middle">
                ${grading.status === "ok" ? nothing : says} ${this.history(grading)} ${this.asideNote(grading)}
                <div class="columns">${this.text()} ${this.draft ? decisionForm(this, grading, this.draft, this.changed) : nothing}</div>
            </div>
            ${this.saveBar(grading)}
        </form>`;
    }

    private nothingYet(): TemplateResult {
        const { trouble, words, strings } = this;
        const retry = trouble
            ? trouble.canRetry && html`<button type="button" class="retry" @click=${() => (trouble.early ? undefined : void this.load())}>
                  ${icon("retry")}${strings.retry}
              </button>`
            : this.mayAsk && html`<button type="button" class="start primary" @click=${this.ask}>${words.start}</button>`;
        return html`<div class="middle">
                ${trouble ? html`<p class="problem">${trouble.text(this.pageLanguage)}</p>` : html`<p class="state">${words.none}</p>`}
            </div>
            ${retry ? html`<footer>${retry}</footer>` : nothing}`;
    }

    private text(): TemplateResult | typeof nothing {
        return this.parts.length > 0 ? submissionView(this, this.parts, this.marked, this.note) : nothing;
    }

    private statusLine({ status, reason, byStaff }: Grading): TemplateResult {
        const { words } = this;
        if (status === "pending") return html`<p class="state busy">${words.pending}</p>`;
        if (status === "ok") return html`<p class="by">${byStaff ? words.byTeacher : words.byAi}</p>`;
        if (status !== "abstained") return html`<p class="state">${words.unable} ${words.toPerson}</p>`;
        const why = Object.hasOwn(words.reasons, reason) ? words.reasons[reason] : "";
        return html`<p class="state">${words.abstained} ${why} ${words.toPerson}</p>`;
    }

    private history({ staff, status }: Grading): TemplateResult {
        const { words } = this;
        if (!staff!.decidedAt) return html`<p class="by">${words.undecided} ${status === "ok" ? words.onlySuggested : ""}</p>`;
        const when = new Intl.DateTimeFormat(this.language, { dateStyle: "medium", timeStyle: "short" }).format(new Date(staff!.decidedAt));
        return html`<p class="by">${words.decidedBy(staff!.decidedBy, when)}</p>`;
    }

    private asideNote({ staff }: Grading): TemplateResult | typeof nothing {
        if (staff!.setAside.length === 0) return nothing;
        return html`<div class="aside">
            <h3 id=${ASIDE} tabindex="-1" @focus=${() => this.point(ASIDE)}>${this.words.setAside}</h3>
            ${placesView(
                this,
                this.marksOf(ASIDE),
                staff!.setAside.filter((place) => place.part === undefined),
            )}
        </div>`;
    }

    private saveBar(grading: Grading): TemplateResult {
        const { words, saving } = this;
        const open = saving === "incomplete" && this.draft ? missing(grading.rubric, this.draft.selected) : [];
        return html`<footer>
            ${this.trouble ? html`<p class="problem">${this.trouble.text(this.pageLanguage)}</p>` : nothing}
            ${open.length > 0 ? html`<p class="problem">${this.incomplete(open)}</p>` : nothing}
            ${saving === "conflict" ? html`<p class="problem">${words.conflict}</p>` : nothing}
            ${saving === "conflict"
                ? html`<button type="button" class="theirs primary" @click=${this.loadTheirs}>${words.loadTheirs}</button>
                      <button type="button" class="mine" @click=${this.saveMine}>${words.saveMine}</button>`
                : html`<button type="submit" class="save primary" aria-disabled=${saving === "saving" ? "true" : "false"}>${words.save}</button>`}
            ${saving === "saved" ? html`<span class="state">${words.saved}</span>` : nothing}
        </footer>`;
    }
}
