/* Flash cards as the server keeps them: one stack for each user, profile and course. When a card comes again is the server's to say (SM-2). */
import { type Answer, type Api, Problem, problemOf } from "./api.js";
import type { WorkflowCall } from "./conversation.js";
import { WORKFLOW_PATH } from "./run.js";

export interface Card {
    id: string;
    /** Front and back, as Markdown. */
    question: string;
    answer: string;
    /** ms since 1970; 0: at once. */
    nextReviewTime: number;
    /** Minutes, ease and so on: the server's, kept as they came and sent back with the card. */
    interval?: number;
    easeFactor?: number;
    repetitions?: number;
    lastReviewedAt?: number | null;
}

export interface CardSet {
    cards: Card[];
    /** Another one as soon as anything of the cards has changed. */
    version: string;
    /** Of the session that keeps them; "" = there is none. */
    session: string;
}

const NUMBERS = ["interval", "easeFactor", "repetitions", "lastReviewedAt"] as const;

/** The cards of an answer; what is none is left out. */
export function readCards(value: unknown): Card[] {
    if (!Array.isArray(value)) return [];
    return (value as Record<string, unknown>[]).flatMap((raw): Card[] => {
        const { id, question, answer, nextReviewTime } = raw ?? {};
        if (typeof id !== "string" || typeof question !== "string" || typeof answer !== "string" || !id) return [];
        const card: Card = { id, question, answer, nextReviewTime: typeof nextReviewTime === "number" ? nextReviewTime : 0 };
        for (const name of NUMBERS) if (typeof raw[name] === "number") card[name] = raw[name];
        return [card];
    });
}

/** What the workflow says, as far as it is an object. */
function said(answer: Answer): Record<string, unknown> {
    return (answer.response ?? {}) as Record<string, unknown>;
}

function act(api: Api, call: WorkflowCall, action: string, input: object, headers?: Record<string, string>): Promise<Answer> {
    return api.call<Answer>("POST", WORKFLOW_PATH, { ...call, action, user_input: input, stream: false }, headers);
}

export async function loadCards(api: Api, call: WorkflowCall): Promise<CardSet> {
    const answer = await act(api, call, "get_current_session_response", { with_version: true });
    const { cards, version } = said(answer);
    return { cards: readCards(cards), version: typeof version === "string" ? version : "", session: answer.session_id ?? "" };
}

/** The card as it then is, and the days until it comes again. The same key: the same review, however often it is sent. */
export async function reviewCard(api: Api, call: WorkflowCall, id: string, quality: number, key: string): Promise<{ card: Card; days: number }> {
    const answer = said(await act(api, call, "review", { card_id: id, quality }, { "Idempotency-Key": key }));
    const [card] = readCards([answer["response"]]);
    if (!card) throw new Problem("upstream_invalid");
    return { card, days: Number(answer["interval_days"]) || 0 };
}

/** Puts these cards in the place of those that were read; Problem "precondition_failed" when others are there now. False: nothing is kept here. */
export async function saveCards(api: Api, call: WorkflowCall, cards: Card[], version: string): Promise<boolean> {
    const answer = said(await act(api, call, "save", { cards, version }));
    return answer["status"] === "saved";
}

/** The cards as a file for Anki and spreadsheets. */
export async function downloadCards(api: Api, session: string): Promise<Blob> {
    const response = await api.send("GET", `/v1/sessions/${encodeURIComponent(session)}/collection?format=csv`);
    if (!response.ok) throw await problemOf(response);
    return response.blob();
}
