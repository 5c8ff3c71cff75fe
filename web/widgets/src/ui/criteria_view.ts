/* What was said about a submission, criterion by criterion: as it is read, and as staff decide. */
import { html, nothing, type TemplateResult } from "lit";
import { type Grading, type Judgement, judgementOf, type Verdict } from "../client/grading.js";
import { type Choice, mostPoints, type Option, optionOf, pointsEarned, pointsPossible, type RubricCriterion } from "../client/points.js";
import { RichText } from "../rich/rich_text.js";
import type { Strings } from "../words/strings.js";
import { type Marked, placesView, type SubmissionHost } from "./submission_view.js";

export interface Draft {
    selected: Choice;
    feedback: Record<string, string>;
    overall: string;
}

export interface CriteriaHost extends SubmissionHost {
    readonly strings: Strings;
    readonly pageLanguage: string;
    marksOf(target: string): readonly Marked[];
}

export const targetOf = (index: number): string => `criterion-${index + 1}`;

export function nameOf(host: SubmissionHost, criterion: RubricCriterion, index: number): string {
    return criterion.name || host.words.criterion(index + 1);
}

/* ---- reading ---- */

/** Made once for each text: an element of its own stands in it. */
const shown = new WeakMap<object, Map<string, RichText>>();

/** What a model wrote is Markdown; what people wrote stays as they wrote it. */
function feedbackView(host: CriteriaHost, owner: object, key: string, text: string, byStaff: boolean): TemplateResult | typeof nothing {
    if (!text.trim()) return nothing;
    if (byStaff) return html`<div class="feedback plain" lang="" dir="auto">${text}</div>`;
    const texts = shown.get(owner) ?? new Map<string, RichText>();
    shown.set(owner, texts);
    const rich = texts.get(key) ?? new RichText(host.strings, text);
    texts.set(key, rich);
    return html`<div class="feedback" lang=${host.pageLanguage} dir="auto">${rich.element}</div>`;
}

function chosenView(host: CriteriaHost, criterion: RubricCriterion, said: Judgement | undefined): TemplateResult | typeof nothing {
    const option = said && optionOf(criterion, said.optionId);
    if (!option) return nothing;
    return html`<p class="chosen"><bdi>${option.name || option.id}</bdi> · <bdi>${host.words.points(option.points, mostPoints(criterion))}</bdi></p>`;
}

function heading(host: CriteriaHost, criterion: RubricCriterion, index: number): TemplateResult {
    return html`<h4 id=${targetOf(index)} tabindex="-1" @focus=${() => host.point(targetOf(index))}>
        <span class="number">${index + 1}</span> <bdi lang="">${nameOf(host, criterion, index)}</bdi>
    </h4>`;
}

function places(host: CriteriaHost, said: Judgement | undefined, index: number): TemplateResult | typeof nothing {
    return placesView(host, host.marksOf(targetOf(index)), said?.evidence.filter((place) => place.part === undefined) ?? []);
}

export function verdictView(host: CriteriaHost, grading: Grading): TemplateResult {
    const { words } = host;
    const { verdict, byStaff, rubric } = grading;
    return html`<div class="criteria" role="group" aria-labelledby="criteria-title">
        <h3 id="criteria-title">${words.criteria}</h3>
        ${verdict.earned === null || verdict.possible === null ? nothing : html`<p class="total">${words.total(verdict.earned, verdict.possible)}</p>`}
        <ol>
            ${rubric.map((criterion, index) => {
                const said = judgementOf(verdict, criterion.id);
                return html`<li class=${host.active === targetOf(index) ? "active" : ""}>
                    ${heading(host, criterion, index)} ${chosenView(host, criterion, said)}
                    ${feedbackView(host, grading, criterion.id, said?.feedback ?? "", byStaff)} ${places(host, said, index)}
                </li>`;
            })}
        </ol>
        ${verdict.overall.trim()
            ? html`<h4>${words.overall}</h4>
                  ${feedbackView(host, grading, "", verdict.overall, byStaff)}`
            : nothing}
    </div>`;
}

/* ---- deciding ---- */

/** What a person starts from: what was decided, else what the model suggests. */
export function draftOf({ verdict, rubric }: Grading): Draft {
    const choices = rubric.flatMap((criterion): [string, string][] => {
        const option = optionOf(criterion, judgementOf(verdict, criterion.id)?.optionId);
        return option ? [[criterion.id, option.id]] : [];
    });
    const feedback = rubric.map((criterion) => [criterion.id, judgementOf(verdict, criterion.id)?.feedback ?? ""]);
    return { selected: Object.fromEntries(choices) as Choice, feedback: Object.fromEntries(feedback) as Record<string, string>, overall: verdict.overall };
}

/** `change` is called after each change of the draft. */
export function decisionForm(host: CriteriaHost, grading: Grading, draft: Draft, change: () => void): TemplateResult {
    const { words } = host;
    const { rubric } = grading;
    const suggestion = grading.staff!.suggestion;
    return html`<div class="criteria" role="group" aria-labelledby="criteria-title">
        <h3 id="criteria-title">${words.decision}</h3>
        <ol>
            ${rubric.map((criterion, index) => {
                const said = judgementOf(suggestion, criterion.id);
                return html`<li class=${host.active === targetOf(index) ? "active" : ""}>
                    ${heading(host, criterion, index)} ${options(host, criterion, index, draft, said, change)}
                    ${textField(words.feedback(nameOf(host, criterion, index)), `feedback-${index + 1}`, draft.feedback[criterion.id] ?? "", (value) => {
                        draft.feedback[criterion.id] = value;
                        change();
                    })}
                    ${places(host, said, index)} ${grading.byStaff && said ? suggestionView(host, suggestion, criterion, said) : nothing}
                </li>`;
            })}
        </ol>
        ${textField(words.overall, "overall", draft.overall, (value) => {
            draft.overall = value;
            change();
        })}
        <output class="total">${words.total(pointsEarned(rubric, draft.selected), pointsPossible(rubric))}</output>
    </div>`;
}

function options(
    host: CriteriaHost,
    criterion: RubricCriterion,
    index: number,
    draft: Draft,
    said: Judgement | undefined,
    change: () => void,
): TemplateResult | typeof nothing {
    if (criterion.options.length === 0) return nothing;
    const row = (option: Option) => html`<label>
        <input
            type="radio"
            name=${`option-${index + 1}`}
            .value=${option.id}
            .checked=${draft.selected[criterion.id] === option.id}
            @change=${() => {
                draft.selected[criterion.id] = option.id;
                change();
            }}
        />
        <span><bdi lang="">${option.name || option.id}</bdi> · <bdi>${host.words.optionPoints(option.points)}</bdi></span>
        ${said?.optionId === option.id ? html`<span class="by-ai">${host.words.suggested}</span>` : nothing}
    </label>`;
    return html`<fieldset id=${`options-${index + 1}`}>
        <legend>${host.words.option(nameOf(host, criterion, index))}</legend>
        ${criterion.options.map(row)}
    </fieldset>`;
}

/** As many characters as the server takes of one text. */
const TEXT_MAX = 100_000;

function textField(label: string, id: string, value: string, input: (value: string) => void): TemplateResult {
    return html`<label class="field" for=${id}>${label}</label>
        <textarea
            id=${id}
            rows="3"
            dir="auto"
            maxlength=${TEXT_MAX}
            .value=${value}
            @input=${(event: Event) => input((event.target as HTMLTextAreaElement).value)}
        ></textarea>`;
}

function suggestionView(host: CriteriaHost, suggestion: Verdict, criterion: RubricCriterion, said: Judgement): TemplateResult {
    return html`<details>
        <summary>${host.words.suggestion}</summary>
        ${chosenView(host, criterion, said)}
        ${said.feedback.trim() ? feedbackView(host, suggestion, criterion.id, said.feedback, false) : html`<p>${host.words.noFeedback}</p>`}
    </details>`;
}
