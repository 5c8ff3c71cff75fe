/* Questions in the making as the server keeps them: one slot each, with its versions. Pure; what the server says is read here. */

/** In the order in which they are offered. */
export const TYPES = ["multiplechoiceresponse", "optionresponse", "choiceresponse", "numericalresponse", "stringresponse"] as const;
export type QuestionType = (typeof TYPES)[number];

export interface Choice {
    text: string;
    is_correct: boolean;
    feedback: string;
}

export interface Question {
    display_name: string;
    question_html: string;
    problem_type: QuestionType;
    choices: Choice[];
    answer_value: string;
    tolerance: string;
    explanation: string;
    demand_hints: string[];
}

/** A question as it is kept. */
export interface Version {
    question: Question;
    /** As the server sent it: by that it is known again. */
    raw: object;
}

export interface Slot {
    /** At least one, the oldest first. */
    versions: Version[];
    /** Which one counts. */
    selected: number;
    leftOut: boolean;
}

export interface Saved {
    name: string;
    libraryId: string;
    count: number;
}

export interface Kept {
    slots: Slot[];
    name: string;
    saved: Saved | undefined;
}

type Raw = Record<string, unknown>;

const object = (value: unknown): Raw => (value && typeof value === "object" && !Array.isArray(value) ? (value as Raw) : {});
const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);
const text = (value: unknown): string => (typeof value === "string" ? value : "");

export function hasChoices(type: QuestionType): boolean {
    return type !== "numericalresponse" && type !== "stringresponse";
}

/** undefined: no question that these widgets know. */
export function readQuestion(value: unknown): Question | undefined {
    const raw = object(value);
    const type = TYPES.find((each) => each === raw["problem_type"]);
    if (!type) return undefined;
    return {
        display_name: text(raw["display_name"]),
        question_html: text(raw["question_html"]),
        problem_type: type,
        choices: list(raw["choices"]).map((each) => {
            const choice = object(each);
            return { text: text(choice["text"]), is_correct: choice["is_correct"] === true, feedback: text(choice["feedback"]) };
        }),
        answer_value: text(raw["answer_value"]),
        tolerance: text(raw["tolerance"]),
        explanation: text(raw["explanation"]),
        demand_hints: list(raw["demand_hints"]).map(text).filter(Boolean),
    };
}

/** A slot, in either of its forms: {"versions", "selected"} as kept, {"history", "selected"} as an answer. */
export function readSlot(value: unknown): Slot | undefined {
    const raw = object(value);
    const read = list(raw["versions"] ?? raw["history"]).map((each) => ({ question: readQuestion(each), raw: each as object }));
    if (read.length === 0 || read.some((each) => !each.question)) return undefined;
    const selected = Number(raw["selected"]);
    const last = read.length - 1;
    return {
        versions: read as Version[],
        selected: Number.isInteger(selected) && selected >= 0 && selected <= last ? selected : last,
        leftOut: raw["left_out"] === true,
    };
}

/**
 * What is kept. A slot that cannot be read stays in its place as undefined: slots are named by their number, and the others must not get its.
 */
export function readKept(value: unknown): Omit<Kept, "slots"> & { slots: (Slot | undefined)[] } {
    const raw = object(value);
    const saved = object(raw["saved"]);
    return {
        slots: list(raw["question_slots"]).map(readSlot),
        name: text(raw["collection_name"]),
        saved: raw["saved"] ? { name: text(saved["name"]), libraryId: text(saved["library_id"]), count: Number(saved["questions"]) || 0 } : undefined,
    };
}

export function selectedOf(slot: Slot): Version {
    return slot.versions[slot.selected]!;
}

/** The same to an author, whatever form they were kept in. */
export function sameQuestion(a: Question, b: Question): boolean {
    return JSON.stringify(readQuestion(a)) === JSON.stringify(readQuestion(b));
}

/** Another version behind the others, which then counts: what the server does, for sites that keep nothing. */
export function withVersion(slot: Slot, question: Question): Slot {
    const versions = [...slot.versions, { question, raw: question }];
    return { ...slot, versions, selected: versions.length - 1 };
}

/** Whether a slot still has a version: else there is another question in its place. */
export function hasVersion(slot: Slot | undefined, version: Version): boolean {
    return slot?.versions.some((each) => sameQuestion(each.question, version.question)) ?? false;
}
