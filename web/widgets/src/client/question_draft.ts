/* A question while its author changes it, and what is still wrong with it. Pure. The limits are those of the server (src/workflows/formats/question.h). */
import { type Choice, hasChoices, type Question, type QuestionType, sameQuestion, type Version } from "./questions.js";

export const LIMITS = { title: 255, html: 400_000, choice: 4_000, text: 20_000, answer: 500, tolerance: 70, choices: 20, hints: 10 };

export interface Draft {
    /** What it was made of. */
    readonly base: Version;
    /** As typed; `question_html` is not looked at here. */
    question: Question;
    /** The question itself: paragraphs, or HTML where it has more than those. */
    text: string;
    readonly asHtml: boolean;
    /** Hints as typed, one a line. */
    hints: string;
}

export type FaultCode = "missing" | "tooLong" | "twoAtLeast" | "tooMany" | "noneRight" | "moreRight" | "same" | "noNumber" | "noTolerance";

/** `field` as the server names it: "/choices/1/text". */
export interface Fault {
    field: string;
    code: FaultCode;
}

/* ---- paragraphs and HTML ---- */

const ENTITIES: Record<string, string> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'", nbsp: "\u00a0" };

function decode(html: string): string | undefined {
    let whole = true;
    const text = html.replace(/&(?:#(\d{1,7})|#[xX]([\da-fA-F]{1,6})|([a-zA-Z]+));/g, (entity, decimal?: string, hex?: string, name?: string) => {
        const code = decimal ? Number(decimal) : hex ? parseInt(hex, 16) : -1;
        if (code > 0 && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff)) return String.fromCodePoint(code);
        if (name && Object.hasOwn(ENTITIES, name)) return ENTITIES[name]!;
        whole = false;
        return entity;
    });
    return whole ? text : undefined;
}

const lines = (html: string) =>
    html
        .split(/<br\s*\/?>/i)
        .map((line) => line.replace(/[ \t\r\n]+/g, " ").trim())
        .join("\n");

/** The text of HTML that is nothing but paragraphs, with a blank line between them; undefined when it is more. */
export function paragraphsOf(html: string): string | undefined {
    const trimmed = html.trim();
    const bare = !/<p>/i.test(trimmed);
    const inside = bare ? [trimmed] : trimmed.split(/<\/p>/i).map((part) => part.trim());
    if (!bare && inside.pop() !== "") return undefined;
    const found: string[] = [];
    for (const part of inside) {
        if (!bare && !/^<p>/i.test(part)) return undefined;
        const content = bare ? part : part.slice(3);
        if (/<(?!br\s*\/?>)/i.test(content)) return undefined;
        const decoded = decode(lines(content));
        if (decoded === undefined) return undefined;
        if (decoded.trim()) found.push(decoded.trim());
    }
    return found.join("\n\n");
}

const escape = (text: string) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");

export function htmlOf(text: string): string {
    return text
        .replace(/\r\n?/g, "\n")
        .split(/\n[ \t]*(?:\n[ \t]*)+/)
        .map((part) => part.trim())
        .filter(Boolean)
        .map((part) => `<p>${part.split("\n").map((line) => escape(line.trim())).join("<br/>")}</p>`)
        .join("\n");
}

/* ---- a draft ---- */

export function startDraft(base: Version): Draft {
    const { question } = base;
    const text = paragraphsOf(question.question_html);
    return {
        base,
        question: { ...question, choices: question.choices.map((choice) => ({ ...choice })) },
        text: text ?? question.question_html,
        asHtml: text === undefined,
        hints: question.demand_hints.join("\n"),
    };
}

/** What would be kept: what does not belong to the type is not there, and what was not touched is as it was. */
export function questionOf(draft: Draft): Question {
    const { question, base } = draft;
    const choices = hasChoices(question.problem_type);
    const first = startDraftText(base);
    return {
        ...question,
        display_name: question.display_name.trim(),
        question_html: draft.text === first ? base.question.question_html : draft.asHtml ? draft.text.trim() : htmlOf(draft.text),
        choices: choices ? question.choices.map(trimmed) : [],
        answer_value: choices ? "" : question.answer_value.trim(),
        tolerance: question.problem_type === "numericalresponse" ? question.tolerance.trim() : "",
        explanation: question.explanation.trim(),
        demand_hints: draft.hints
            .split("\n")
            .map((hint) => hint.trim())
            .filter(Boolean),
    };
}

const startDraftText = ({ question }: Version) => paragraphsOf(question.question_html) ?? question.question_html;
const trimmed = (choice: Choice): Choice => ({ ...choice, text: choice.text.trim(), feedback: choice.feedback.trim() });

export function isDirty(draft: Draft): boolean {
    return !sameQuestion(questionOf(draft), questionOf(startDraft(draft.base)));
}

/** Whatever was typed for another type comes back with it. */
export function setType(question: Question, type: QuestionType): Question {
    const choices = hasChoices(type) && question.choices.length < 2 ? [...question.choices, ...empty(2 - question.choices.length)] : question.choices;
    return oneRight({ ...question, problem_type: type, choices });
}

const empty = (count: number): Choice[] => Array.from({ length: count }, () => ({ text: "", is_correct: false, feedback: "" }));

/** Where only one may be right, the first that is. */
function oneRight(question: Question): Question {
    if (question.problem_type === "choiceresponse") return question;
    const first = question.choices.findIndex((choice) => choice.is_correct);
    return { ...question, choices: question.choices.map((choice, i) => ({ ...choice, is_correct: i === first })) };
}

export function addChoice(question: Question): Question {
    return question.choices.length < LIMITS.choices ? { ...question, choices: [...question.choices, ...empty(1)] } : question;
}

export function removeChoice(question: Question, at: number): Question {
    return { ...question, choices: question.choices.filter((_, i) => i !== at) };
}

/** Where only one may be right, the others are not any more. */
export function markRight(question: Question, at: number, right: boolean): Question {
    const several = question.problem_type === "choiceresponse";
    return {
        ...question,
        choices: question.choices.map((choice, i) => ({ ...choice, is_correct: i === at ? right : several ? choice.is_correct : right ? false : choice.is_correct })),
    };
}

/* ---- what is wrong ---- */

const isNumber = (text: string) => /^[+-]?\d{1,30}(\.\d{1,30})?([eE][+-]?\d{1,3})?$/.test(text) && Number.isFinite(Number(text));
const isTolerance = (text: string) => /^(\d{1,30}(\.\d{1,30})?%?)?$/.test(text);
const plainly = (text: string) => text.trim().replace(/[ \t\r\n]+/g, " ");
const characters = (text: string) => [...text].length;

function needed(field: string, text: string, max: number): Fault[] {
    return text.trim() === "" ? [{ field, code: "missing" }] : optional(field, text, max);
}

function optional(field: string, text: string, max: number): Fault[] {
    return characters(text.trim()) > max ? [{ field, code: "tooLong" }] : [];
}

function checkChoices({ choices, problem_type }: Question): Fault[] {
    const faults = choices.flatMap((choice, i) => [
        ...needed(`/choices/${i}/text`, choice.text, LIMITS.choice),
        ...optional(`/choices/${i}/feedback`, choice.feedback, LIMITS.text),
    ]);
    choices.forEach((choice, i) => {
        const twin = choices.slice(0, i).some((other) => plainly(other.text) === plainly(choice.text));
        if (twin && choice.text.trim()) faults.push({ field: `/choices/${i}/text`, code: "same" });
    });
    const right = choices.filter((choice) => choice.is_correct).length;
    if (choices.length < 2) faults.push({ field: "/choices", code: "twoAtLeast" });
    else if (choices.length > LIMITS.choices) faults.push({ field: "/choices", code: "tooMany" });
    else if (right === 0) faults.push({ field: "/choices", code: "noneRight" });
    else if (right > 1 && problem_type !== "choiceresponse") faults.push({ field: "/choices", code: "moreRight" });
    return faults;
}

function checkAnswer({ problem_type, answer_value, tolerance }: Question): Fault[] {
    const faults = needed("/answer_value", answer_value, LIMITS.answer);
    if (problem_type !== "numericalresponse") return faults;
    if (faults.length === 0 && !isNumber(answer_value.trim())) faults.push({ field: "/answer_value", code: "noNumber" });
    if (!isTolerance(tolerance.trim())) faults.push({ field: "/tolerance", code: "noTolerance" });
    return faults;
}

/** Empty when the server would take it and every format can hold it; in the order of the form. */
export function faultsOf(question: Question): Fault[] {
    const hints = question.demand_hints;
    return [
        ...needed("/display_name", question.display_name, LIMITS.title),
        ...needed("/question_html", question.question_html, LIMITS.html),
        ...(hasChoices(question.problem_type) ? checkChoices(question) : checkAnswer(question)),
        ...optional("/explanation", question.explanation, LIMITS.text),
        ...(hints.length > LIMITS.hints ? [{ field: "/demand_hints", code: "tooMany" as const }] : []),
        ...hints.flatMap((hint) => optional("/demand_hints", hint, LIMITS.text)),
    ];
}
