/* What an author wants to have written. */
import { html, type TemplateResult } from "lit";
import type { Wish } from "../client/question_calls.js";
import { TYPES } from "../client/questions.js";
import type { QuestionWords } from "../words/questions.js";

export const COUNT_MAX = 20;
const COUNT_DEFAULT = 5;
const INSTRUCTION_MAX = 1000;

const LEVELS = ["any", "easy", "medium", "hard"] as const;

/** Every kind chosen is the same as none. */
export function wishOf(data: { get(name: string): unknown; getAll(name: string): unknown[] }): Wish {
    const count = Math.round(Number(data.get("count")));
    const kinds = data.getAll("kind").map(String);
    const level = String(data.get("level") ?? "any");
    const instruction = String(data.get("instruction") ?? "").trim();
    return {
        num_questions: Number.isFinite(count) && count >= 1 ? Math.min(count, COUNT_MAX) : COUNT_DEFAULT,
        ...(kinds.length > 0 && kinds.length < TYPES.length && { problem_types: kinds }),
        ...(level !== "any" && { difficulty: level }),
        ...(instruction && { extra_instructions: instruction }),
    };
}

export function wishForm(words: QuestionWords, hidden: boolean, submit: (event: Event) => void, buttons: TemplateResult): TemplateResult {
    return html`<form class="wish" ?hidden=${hidden} @submit=${submit}>
        <p class="note">${words.intro}</p>
        <div class="pair">
            <div class="entry short">
                <label class="field" for="count">${words.count}</label>
                <input id="count" name="count" type="number" min="1" max=${COUNT_MAX} value=${COUNT_DEFAULT} required />
            </div>
            <div class="entry short">
                <label class="field" for="level">${words.difficulty}</label>
                <select id="level" name="level">
                    ${LEVELS.map((level) => html`<option value=${level}>${words.levels[level]}</option>`)}
                </select>
            </div>
        </div>
        <fieldset aria-describedby="kinds-note">
            <legend class="field">${words.kinds}</legend>
            <div class="ticks">
                ${TYPES.map((type) => html`<label class="tick"><input type="checkbox" name="kind" value=${type} />${words.types[type]}</label>`)}
            </div>
            <p class="note" id="kinds-note">${words.kindsHint}</p>
        </fieldset>
        <div class="entry">
            <label class="field" for="instruction">${words.instruction}</label>
            <textarea id="instruction" name="instruction" rows="2" maxlength=${INSTRUCTION_MAX} dir="auto" aria-describedby="instruction-note"></textarea>
            <p class="note" id="instruction-note">${words.instructionHint}</p>
        </div>
        ${buttons}
    </form>`;
}
