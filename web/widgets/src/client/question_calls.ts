/* What an author asks of the server about questions. */
import { type Answer, type Api, problemOf } from "./api.js";
import type { WorkflowCall } from "./conversation.js";
import { type Question, readKept, readSlot, type Slot, type Version } from "./questions.js";
import { WORKFLOW_PATH } from "./run.js";

/** The action of the manager behind them, by which the server says whether somebody may write questions. */
export const QUESTION_ACTION = "generate_question";

export const FORMATS = ["olx", "moodle_xml", "qti"] as const;
export type Format = (typeof FORMATS)[number];
const EXTENSIONS: Record<Format, string> = { olx: ".tar.gz", moodle_xml: ".xml", qti: ".zip" };

export interface Wish {
    num_questions: number;
    extra_instructions?: string;
    problem_types?: string[];
    difficulty?: string;
}

interface Said {
    status?: string;
    task_id?: string;
    response?: unknown;
}

async function ask(api: Api, call: WorkflowCall, action: string, user_input?: object): Promise<Said> {
    const answer = await api.call<Answer>("POST", WORKFLOW_PATH, { ...call, action, ...(user_input && { user_input }), stream: false });
    return (answer.response ?? {}) as Said;
}

export type Board = ReturnType<typeof readKept>;

export async function loadQuestions(api: Api, call: WorkflowCall): Promise<Board> {
    return readKept((await ask(api, call, "get_questions")).response);
}

export interface Background {
    /** The task that writes questions now. */
    task: string;
    /** What the last one wrote, where the server keeps nothing else of it. */
    board: Board | undefined;
}

export async function background(api: Api, call: WorkflowCall): Promise<Background> {
    const said = await ask(api, call, "get_run_status");
    return {
        task: said.status === "processing" ? (said.task_id ?? "") : "",
        board: said.status === "completed" ? readKept(said.response) : undefined,
    };
}

/** Begins to write questions; the task. */
export async function beginQuestions(api: Api, call: WorkflowCall, wish: Wish): Promise<string> {
    return (await ask(api, call, "run_async", wish)).task_id ?? "";
}

/** The questions in what a task came to. */
export function boardOf(answer: Answer): Board {
    return readKept((answer.result?.response as Said | undefined)?.response);
}

export interface Change {
    question?: Question;
    based_on?: object;
    selected?: number;
    left_out?: boolean;
}

/** The slot after the change. Throws a Problem, `conflict` when another version than `based_on` counts by now. */
export async function changeQuestion(api: Api, call: WorkflowCall, question_index: number, change: Change): Promise<Slot | undefined> {
    return readSlot((await ask(api, call, "change_question", { question_index, ...change })).response);
}

/** For Run.start(): another version of the one that counts. */
export function regenerateBody(call: WorkflowCall, question_index: number, extra_instructions: string): object {
    return { ...call, action: "regenerate_question", user_input: { question_index, extra_instructions } };
}

/** The slot in what a regeneration came to. */
export function slotOf(answer: Answer): Slot | undefined {
    return readSlot((answer.response as Said | undefined)?.response);
}

export async function saveQuestions(api: Api, call: WorkflowCall, questions: Version[], name: string, libraryId: string): Promise<void> {
    const input = { questions: questions.map((each) => each.question), collection_name: name, ...(libraryId && { library_id: libraryId }) };
    await ask(api, call, "save", input);
}

export interface Download {
    blob: Blob;
    file: string;
}

/** A file of them; a Problem's field then names the question: "/questions/3/choices". */
export async function download(api: Api, questions: Version[], format: Format, name: string, libraryId: string): Promise<Download> {
    const body = { questions: questions.map((each) => each.question), format, name, ...(libraryId && { library_id: libraryId }) };
    const response = await api.send("POST", "/v1/questions/convert", { body: JSON.stringify(body) });
    if (!response.ok) throw await problemOf(response);
    return { blob: await response.blob(), file: fileName(name, format) };
}

/** Letters and digits of any language; nothing that a file system or a shell reads otherwise. */
export function fileName(name: string, format: Format): string {
    const plain = name
        .normalize("NFC")
        .replace(/[^\p{L}\p{M}\p{N}]+/gu, "-")
        .replace(/^-+|-+$/g, "");
    return ([...plain].slice(0, 80).join("") || "questions") + EXTENSIONS[format];
}
