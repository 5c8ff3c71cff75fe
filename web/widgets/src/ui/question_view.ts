/* A question as its author reads it: the right choices are marked by words and not by colour alone. */
import { html, nothing, type TemplateResult } from "lit";
import { hasChoices, type Question, type Version } from "../client/questions.js";
import { htmlText, plainText } from "../rich/html_text.js";
import type { CardHost } from "./question_card.js";
import { icon } from "./icons.js";

/** The texts of a version, made once: a version never changes. */
interface Texts {
    stem: HTMLElement;
    choices: { text: HTMLElement; feedback: HTMLElement | undefined }[];
    answer: HTMLElement;
    explanation: HTMLElement | undefined;
    hints: HTMLElement[];
}

const made = new WeakMap<Version, Texts>();

function textsOf(host: CardHost, version: Version): Texts {
    const known = made.get(version);
    if (known) return known;
    const { question } = version;
    const maybe = (text: string) => (text ? plainText(text) : undefined);
    const texts = {
        stem: htmlText(question.question_html, host.strings),
        choices: question.choices.map((choice) => ({ text: plainText(choice.text), feedback: maybe(choice.feedback) })),
        answer: plainText(question.answer_value),
        explanation: maybe(question.explanation),
        hints: question.demand_hints.map(plainText),
    };
    made.set(version, texts);
    return texts;
}

export function questionView(host: CardHost, version: Version): TemplateResult {
    const words = host.questionWords;
    const { question } = version;
    const texts = textsOf(host, version);
    return html`<div class="view">
        <p class="kind">${words.types[question.problem_type]}</p>
        <div dir="auto" lang="">${texts.stem}</div>
        ${hasChoices(question.problem_type) ? choices(host, question, texts) : answer(host, question, texts)}
        ${texts.explanation
            ? html`<p class="more"><strong>${words.explanation}</strong> <span dir="auto" lang="">${texts.explanation}</span></p>`
            : nothing}
        ${texts.hints.length > 0
            ? html`<div class="more">
                  <strong>${words.hints}</strong>
                  <ul>
                      ${texts.hints.map((hint) => html`<li><span dir="auto" lang="">${hint}</span></li>`)}
                  </ul>
              </div>`
            : nothing}
    </div>`;
}

function choices({ questionWords: words }: CardHost, question: Question, texts: Texts): TemplateResult {
    return html`<ul class="choices">
        ${question.choices.map(
            ({ is_correct }, i) => html`<li data-right=${is_correct}>
                <span class="mark">${is_correct ? html`${icon("right")}${words.right}` : words.wrong}</span>
                <span class="said" dir="auto" lang="">
                    ${texts.choices[i]!.text} ${texts.choices[i]!.feedback ? html`<span class="feedback">${texts.choices[i]!.feedback}</span>` : nothing}
                </span>
            </li>`,
        )}
    </ul>`;
}

function answer({ questionWords: words }: CardHost, { tolerance }: Question, texts: Texts): TemplateResult {
    return html`<p class="more"><strong>${words.answer}</strong> <span dir="auto" lang="">${texts.answer}</span>${tolerance ? html` (${words.tolerance}: ${tolerance})` : nothing}</p>`;
}
