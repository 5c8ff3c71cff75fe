/*
 * A conversation as the server keeps it: one for each user, profile, course and location. Pages are counted from the newest message,
 * so while others add to the thread a page may bring messages again; their ids tell.
 */
import { type Api, answerText, type Answer, type Place } from "./api.js";
import type { Rating } from "./feedback.js";
import { type Citation, readCitations } from "./citations.js";
import { WORKFLOW_PATH } from "./run.js";

/** Where a workflow runs; the slot or the profile says which. */
export interface WorkflowPlace extends Place {
    ui_slot_selector_id?: string;
    content?: string;
}

export interface WorkflowCall {
    context: WorkflowPlace;
    profile?: string;
}

export interface KeptMessage {
    /** The same for the same message, whoever asks. */
    id: string;
    role: "user" | "assistant";
    text: string;
    /** The answer was broken off; what is there was received. */
    interrupted: boolean;
    /** Of an answer: the call that it came of, "" when the server does not say. */
    callId: string;
    rating: Rating | null;
    citations: Citation[];
}

export interface Page {
    /** Oldest first. */
    messages: KeptMessage[];
    more: boolean;
}

interface RawMessage {
    role?: unknown;
    content?: unknown;
    submission_id?: unknown;
    interrupted?: unknown;
    call_id?: unknown;
    rating?: unknown;
    citations?: unknown;
}

/** What the action's answer holds as JSON text: {messages, metadata {has_more}}. Messages that are not text are left out. */
export function readPage(text: string | undefined): Page {
    let value: { messages?: unknown; metadata?: { has_more?: unknown } } | null = null;
    try {
        value = JSON.parse(text || "null");
    } catch {
        /* an answer that is no page shows none */
    }
    const raw = Array.isArray(value?.messages) ? (value.messages as RawMessage[]) : [];
    const seen = new Map<string, number>();
    const messages = raw.flatMap((message): KeptMessage[] => {
        const { role, content, submission_id: submission } = message ?? {};
        if ((role !== "user" && role !== "assistant") || typeof content !== "string") return [];
        const base = `${String(submission)} ${role}`;
        const count = seen.get(base) ?? 0;
        seen.set(base, count + 1);
        const callId = typeof message.call_id === "string" ? message.call_id : "";
        const rating = message.rating === "up" || message.rating === "down" ? message.rating : null;
        return [{ id: count ? `${base} ${count}` : base, role, text: content, interrupted: message.interrupted === true, callId, rating, citations: readCitations(message.citations) }];
    });
    return { messages, more: value?.metadata?.has_more === true };
}

/** Older messages before newer ones, none twice. */
export function joinPages(older: KeptMessage[], newer: KeptMessage[]): KeptMessage[] {
    const known = new Set(newer.map((message) => message.id));
    return [...older.filter((message) => !known.has(message.id)), ...newer];
}

/** The page before the newest `shown` messages. */
export async function loadPage(api: Api, call: WorkflowCall, shown: number): Promise<Page> {
    const body = { ...call, action: "lazy_load_chat_history", user_input: { shown }, stream: false };
    return readPage(answerText(await api.call<Answer>("POST", WORKFLOW_PATH, body)));
}

/** At least the newest `count` messages, or all that there are. */
export async function loadNewest(api: Api, call: WorkflowCall, count: number): Promise<Page> {
    let page = await loadPage(api, call, 0);
    while (page.more && page.messages.length < count) {
        const older = await loadPage(api, call, page.messages.length);
        if (older.messages.length === 0) return { ...page, more: false };
        page = { messages: joinPages(older.messages, page.messages), more: older.more };
    }
    return page;
}

/** Begins a new thread. */
export async function clear(api: Api, call: WorkflowCall): Promise<void> {
    await api.call("POST", WORKFLOW_PATH, { ...call, action: "clear_session", stream: false });
}
