/* A question as its author changes it, with what is wrong beside each field. */
import { html, nothing, type TemplateResult } from "lit";
import { addChoice, type Draft, type Fault, LIMITS, markRight, removeChoice, setType } from "../client/question_draft.js";
import { type Choice, hasChoices, type Question, type QuestionType, TYPES } from "../client/questions.js";
import type { QuestionWords } from "../words/questions.js";
import type { CardHost } from "./question_card.js";
import { icon } from "./icons.js";

/** What the form needs of its card. */
export interface FormCard {
    readonly index: number;
    readonly draft: Draft | undefined;
    readonly faults: Fault[];
    readonly busy: boolean;
    typed(change: Partial<Draft>): void;
}

interface Field {
    /** As the server names it. */
    field: string;
    label: string;
    value: string;
    max: number;
    rows?: number;
    hint?: string;
    number?: boolean;
    set(value: string): void;
}

class Form {
    readonly draft: Draft;
    private readonly words: QuestionWords;

    constructor(
        private readonly host: CardHost,
        private readonly card: FormCard,
    ) {
        this.draft = card.draft!;
        this.words = host.questionWords;
    }

    private get question(): Question {
        return this.draft.question;
    }

    private set(change: Partial<Question>): void {
        this.card.typed({ question: { ...this.question, ...change } });
    }

    private setChoice(at: number, change: Partial<Choice>): void {
        this.set({ choices: this.question.choices.map((choice, i) => (i === at ? { ...choice, ...change } : choice)) });
    }

    private fault(field: string): TemplateResult | typeof nothing {
        const fault = this.card.faults.find((each) => each.field === field);
        return fault ? html`<p class="fault" id=${this.id(field, "e")}>${this.words.faults[fault.code]}</p>` : nothing;
    }

    private id(field: string, kind = "f"): string {
        return `${kind}${this.card.index}${field.replaceAll("/", "-")}`;
    }

    private described(field: string, hint: string | undefined): string {
        const wrong = this.card.faults.some((each) => each.field === field);
        return [wrong ? this.id(field, "e") : "", hint ? this.id(field, "n") : ""].filter(Boolean).join(" ");
    }

    private input({ field, label, value, max, rows, hint, number, set }: Field): TemplateResult {
        const wrong = this.card.faults.some((each) => each.field === field) ? "true" : "false";
        const describedBy = this.described(field, hint) || nothing;
        const typed = (event: Event) => set((event.target as HTMLInputElement).value);
        /* More than the limit may be typed, and is then told: text that is cut off without a word is lost. */
        const atMost = max * 2;
        return html`<div class="entry">
            <label class="field" for=${this.id(field)}>${label}</label>
            ${rows
                ? html`<textarea
                      id=${this.id(field)}
                      rows=${rows}
                      maxlength=${atMost}
                      dir="auto"
                      aria-invalid=${wrong}
                      aria-describedby=${describedBy}
                      .value=${value}
                      @input=${typed}
                  ></textarea>`
                : html`<input
                      id=${this.id(field)}
                      type="text"
                      inputmode=${number ? "decimal" : "text"}
                      maxlength=${atMost}
                      dir="auto"
                      autocomplete="off"
                      aria-invalid=${wrong}
                      aria-describedby=${describedBy}
                      .value=${value}
                      @input=${typed}
                  />`}
            ${hint ? html`<p class="note" id=${this.id(field, "n")}>${hint}</p>` : nothing} ${this.fault(field)}
        </div>`;
    }

    title(): TemplateResult {
        const set = (display_name: string) => this.set({ display_name });
        return this.input({ field: "/display_name", label: this.words.name, value: this.question.display_name, max: LIMITS.title, set });
    }

    text(): TemplateResult {
        const { draft, words } = this;
        return this.input({
            field: "/question_html",
            label: words.text,
            value: draft.text,
            max: LIMITS.html,
            rows: 4,
            hint: draft.asHtml ? words.htmlHint : words.textHint,
            set: (text) => this.card.typed({ text }),
        });
    }

    type(): TemplateResult {
        const { words, question } = this;
        const set = (event: Event) => this.set(setType(question, (event.target as HTMLSelectElement).value as QuestionType));
        return html`<div class="entry">
            <label class="field" for=${this.id("/problem_type")}>${words.type}</label>
            <select id=${this.id("/problem_type")} @change=${set}>
                ${TYPES.map((type) => html`<option value=${type} ?selected=${type === question.problem_type}>${words.types[type]}</option>`)}
            </select>
        </div>`;
    }

    solution(): TemplateResult {
        return hasChoices(this.question.problem_type) ? this.choices() : this.answer();
    }

    private answer(): TemplateResult {
        const { words, question } = this;
        const number = question.problem_type === "numericalresponse";
        const value = { field: "/answer_value", label: words.answer, value: question.answer_value, max: LIMITS.answer, number };
        const tolerance = { field: "/tolerance", label: words.tolerance, value: question.tolerance, max: LIMITS.tolerance, number };
        return html`${this.input({ ...value, set: (answer_value) => this.set({ answer_value }) })}
        ${number ? this.input({ ...tolerance, set: (text) => this.set({ tolerance: text }) }) : nothing}`;
    }

    private choices(): TemplateResult {
        const { words, question } = this;
        const wrong = this.described("/choices", undefined);
        return html`<fieldset aria-describedby=${wrong || nothing} data-wrong=${wrong !== ""}>
            <legend class="field">${words.choices}</legend>
            ${this.fault("/choices")}
            <ol>
                ${question.choices.map((choice, i) => this.choice(choice, i))}
            </ol>
            ${question.choices.length < LIMITS.choices
                ? html`<button type="button" class="small add" @click=${this.add}>${icon("restart")}${words.add}</button>`
                : nothing}
        </fieldset>`;
    }

    private choice(choice: Choice, i: number): TemplateResult {
        const { words, question } = this;
        const several = question.problem_type === "choiceresponse";
        const mark = (event: Event) => this.set(markRight(question, i, (event.target as HTMLInputElement).checked));
        const text = { field: `/choices/${i}/text`, label: words.choice(i + 1), value: choice.text, max: LIMITS.choice, rows: 1 };
        const feedback = { field: `/choices/${i}/feedback`, label: words.feedback(i + 1), value: choice.feedback, max: LIMITS.text, rows: 1 };
        return html`<li class="choice">
            ${this.input({ ...text, set: (value) => this.setChoice(i, { text: value }) })}
            ${this.input({ ...feedback, set: (value) => this.setChoice(i, { feedback: value }) })}
            <div class="row">
                <label class="tick">
                    <input
                        type=${several ? "checkbox" : "radio"}
                        name="right${this.card.index}"
                        aria-label=${words.isRight(i + 1)}
                        .checked=${choice.is_correct}
                        @change=${mark}
                    />${words.right}
                </label>
                <button type="button" class="small" aria-label=${words.remove(i + 1)} @click=${() => this.remove(i)}>${icon("close")}</button>
            </div>
        </li>`;
    }

    private async focus(field: string): Promise<void> {
        await this.host.updateComplete;
        this.host.shadowRoot?.getElementById(this.id(field))?.focus();
    }

    private readonly add = (): void => {
        this.set(addChoice(this.question));
        void this.focus(`/choices/${this.question.choices.length - 1}/text`);
    };

    /** The choice that comes up in its place has the focus then, else the one before. */
    private remove(at: number): void {
        this.set(removeChoice(this.question, at));
        const left = this.question.choices.length;
        void this.focus(left > 0 ? `/choices/${Math.min(at, left - 1)}/text` : "/problem_type");
    }

    rest(): TemplateResult {
        const { words, draft } = this;
        const explanation = { field: "/explanation", label: words.explanation, value: this.question.explanation, max: LIMITS.text, rows: 2 };
        const hints = { field: "/demand_hints", label: words.hints, value: draft.hints, max: LIMITS.text, rows: 2, hint: words.oneALine };
        return html`${this.input({ ...explanation, set: (text) => this.set({ explanation: text }) })}
        ${this.input({ ...hints, set: (text) => this.card.typed({ hints: text }) })}`;
    }
}

export interface FormDeeds {
    keep(event: Event): void;
    cancel(): void;
    /** What stands above the buttons. */
    parts: TemplateResult;
}

export function questionForm(host: CardHost, card: FormCard, { keep, cancel, parts }: FormDeeds): TemplateResult {
    const form = new Form(host, card);
    const { questionWords: words } = host;
    return html`<form novalidate @submit=${keep}>
        ${form.title()} ${form.text()} ${form.type()} ${form.solution()} ${form.rest()}
        ${card.faults.length > 0 ? html`<p class="problem">${words.faulty(card.faults.length)}</p>` : nothing} ${parts}
        <div class="row">
            <button type="submit" class="primary" aria-disabled=${card.busy ? "true" : "false"}>${words.keep}</button>
            <button type="button" class="cancel" @click=${cancel}>${words.cancel}</button>
        </div>
    </form>`;
}
