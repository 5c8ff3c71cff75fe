/* One run of the playground: asks with a trace, takes the answer as it comes, and says how it ended. */
import { call, refusalFrom, type Refusal } from "../api.js";
import { session } from "../session.js";
import type { Fetch } from "../../../widgets/src/client/api.js";
import type { Run } from "../../../widgets/src/client/run.js";
import type { RichText } from "../../../widgets/src/rich/rich_text.js";
import type { Question } from "./playground_setup.js";

/* ---- what the server says of how a call was made (docs/trace.md) ---- */

export interface TraceRequest {
    method: string;
    url: string;
    fields: { name: string; value: string }[];
    body: string;
    body_bytes: number;
    body_cut: boolean;
    status: number | null;
    timings: Record<"began_ms" | "connected_ms" | "sent_ms" | "first_byte_ms" | "last_byte_ms", number | null> & { connection_reused: boolean };
}

export interface TraceAttempt {
    provider: { id: number; name: string; plugin: string };
    began_ms: number;
    success?: boolean;
    code?: string;
    detail?: string;
    vendor_status?: number;
    duration_ms?: number;
    model?: string;
    usage?: Record<string, number | string | null>;
    settings?: unknown;
    neutral?: { kind: string; messages?: { role: string; content: string; [name: string]: unknown }[]; [name: string]: unknown };
    native?: { action: string; input: unknown };
    requests: TraceRequest[];
    requests_n: number;
}

export interface TraceCall {
    id: string;
    action: string;
    timings: Record<"gates_ms" | "begin_queued_ms" | "first_text_ms" | "begin_awaited_ms" | "asked_ms" | "recorded_ms", number | null>;
    attempts: TraceAttempt[];
}

export interface Trace {
    calls: TraceCall[];
    profile?: { slug: string; version: number; effective_config: unknown };
    left_out?: boolean;
}

/* ---- the run ---- */

const DEADLINE_MS = 300_000;
/** A trace may be a MiB of text, and more as JSON. */
const EVENT_MAX = 16 << 20;

/** As the console asks: signed in by its cookie, with the token against forgery. */
const ours: Fetch = async (path, init) => {
    for (;;) {
        const headers = { ...(init?.headers as Record<string, string>), "X-CSRF-Token": session.current?.csrf_token ?? "" };
        const response = await fetch(path, { ...init, headers, credentials: "same-origin" });
        if (response.status !== 401 || !session.current) return response;
        await session.again();
    }
};

export class PlayRun {
    state: "running" | "done" | "failed" | "stopped" = "running";
    /** The whole answer. */
    answer: Record<string, unknown> = {};
    refusal: Refusal | null = null;
    readonly rich: RichText;
    status = "";
    private run: Run | null = null;
    private readonly leave = new AbortController();

    constructor(
        readonly question: Question,
        private readonly changed: () => void,
        readonly widgets: typeof import("../ui/answer.js"),
    ) {
        this.rich = new widgets.RichText(widgets.english);
    }

    /** Settles when it has ended; never rejects. */
    async start(stream: boolean): Promise<void> {
        try {
            await (stream ? this.streamed() : this.whole());
        } catch (error) {
            this.state = this.leave.signal.aborted ? "stopped" : "failed";
            this.refusal = error as Refusal;
        }
        const { text } = this;
        if (this.state === "done" && text !== null) this.rich.finish(text);
        this.changed();
    }

    stop(): void {
        this.leave.abort();
        this.run?.stop();
    }

    private async whole(): Promise<void> {
        const { path, body } = this.question;
        this.done((await call<Record<string, unknown>>("POST", path, {
            body: { ...body, stream: false },
            deadline: DEADLINE_MS,
            signal: this.leave.signal,
        })).data);
    }

    private async streamed(): Promise<void> {
        const listener = {
            text: (piece: string) => { this.status = ""; this.rich.push(piece); this.changed(); },
            status: (message: string) => { this.status = message; this.changed(); },
            tool: (name: string, state: string) => { this.status = `Tool ${name}: ${state}`; this.changed(); },
        };
        const { Api, Run, TIMING } = this.widgets;
        this.run = new Run(new Api("", () => "", ours), listener, TIMING, EVENT_MAX);
        const outcome = await this.run.start(this.question.path, this.question.body).finished;
        if (outcome.kind === "done") this.done(outcome.answer as Record<string, unknown>);
        else if (outcome.kind === "stopped") this.state = "stopped";
        else {
            const { problem } = outcome, status = Number(problem.whole["status"]) || 0;
            throw status ? refusalFrom(problem.whole, status) : refusalFrom({ code: problem.code, detail: "The connection to Lectern was lost." }, 0);
        }
    }

    private done(answer: Record<string, unknown>): void {
        this.answer = answer;
        this.state = "done";
    }

    /** The answer's text; null when it is something else. */
    get text(): string | null {
        const response = this.answer["response"] as Record<string, unknown> | undefined;
        const text = response?.["generated_content"] ?? response?.["response"];
        return typeof text === "string" ? text : null;
    }

    /** As text to be compared. */
    get plain(): string {
        return this.state === "done" ? (this.text ?? JSON.stringify(this.answer["response"], null, 2)) : this.rich.text;
    }

    get trace(): Trace | null {
        const trace = this.answer["trace"] ?? this.refusal?.problem["trace"];
        return (trace as Trace | undefined) ?? null;
    }

    get callId(): string {
        return String(this.trace?.calls[0]?.id ?? this.answer["id"] ?? this.refusal?.problem["id"] ?? "");
    }
}

/* ---- in figures ---- */

export interface Figures {
    provider: string;
    model: string;
    calls: number;
    attempts: number;
    total_ms: number | null;
    first_ms: number | null;
    prompt_tokens: number | null;
    completion_tokens: number | null;
    cost: number | null;
    currency: string;
}

const sum = (values: (number | null | undefined)[]) => (values.length && values.every((value) => typeof value === "number")
    ? values.reduce<number>((all, value) => all + value!, 0)
    : null);

/** What a run took and cost, over all its calls and attempts; null where one of them is not known. */
export function figuresOf(trace: Trace): Figures {
    const attempts = trace.calls.flatMap((one) => one.attempts), last = attempts.at(-1);
    const figure = (name: string) => sum(attempts.map(({ usage }) => usage?.[name] as number | null | undefined));
    const answered = attempts.filter(({ success }) => success);
    const tokens = (name: string) => sum(answered.map(({ usage }) => usage?.[name] as number | null | undefined));
    return {
        provider: last?.provider.name ?? "",
        model: last?.model ?? "",
        calls: trace.calls.length,
        attempts: attempts.length,
        total_ms: sum(trace.calls.map(({ timings }) => timings.recorded_ms)),
        first_ms: trace.calls[0]?.timings.first_text_ms ?? null,
        prompt_tokens: tokens("prompt_tokens"),
        completion_tokens: tokens("completion_tokens"),
        cost: figure("cost"),
        currency: String(attempts.find(({ usage }) => usage?.["currency"])?.usage?.["currency"] ?? "USD"),
    };
}
