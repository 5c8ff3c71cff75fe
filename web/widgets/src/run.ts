/*
 * One streamed call of an action: sends it, reads its events, and takes it up again where it broke off when the connection is
 * lost. Every event is delivered once and in order, whatever the network does; the events' ids see to that.
 */
import { type Answer, type Api, callPath, CONNECTION_LOST, Problem, problemOf } from "./api.js";
import { type SseEvent, SseParser } from "./sse.js";

export interface RunListener {
    /** More text of the answer. */
    text(delta: string): void;
    /** What the server is busy with, in its words. */
    status?(message: string): void;
    /** true: the connection broke and is being restored; false: it is back. */
    reconnecting?(on: boolean): void;
}

export type Outcome = { kind: "done"; answer: Answer } | { kind: "stopped" } | { kind: "failed"; problem: Problem };

/** Milliseconds; tests shorten them. */
export interface Timing {
    /** Until the head of the answer: the server may ask several services first. */
    head: number;
    /** Between two chunks: the server sends a comment every 15 s, so a longer silence is a dead connection. */
    silence: number;
    /** After Stop, for the id of the call to arrive, without which the server cannot be told. */
    stop: number;
    /** Before each try to resume; together they stay inside the server's grace of 5 s. */
    retries: number[];
}

export const TIMING: Timing = { head: 120_000, silence: 45_000, stop: 5_000, retries: [250, 1_000, 2_500] };

export class Run {
    /** Settles once, never rejects. */
    readonly finished: Promise<Outcome>;

    private settle!: (outcome: Outcome) => void;
    private settled = false;
    private id = "";
    private lastEventId = "";
    /** Set when nothing more may be opened. */
    private closed = false;
    private connection = new AbortController();
    private wake: () => void = () => undefined;

    constructor(
        private readonly api: Api,
        private readonly listener: RunListener,
        private readonly timing: Timing = TIMING,
    ) {
        this.finished = new Promise((resolve) => {
            this.settle = (outcome) => {
                this.settled = true;
                resolve(outcome);
            };
        });
    }

    /** Sends the call. `body` is the JSON body without `stream`. */
    start(action: string, body: object): this {
        void this.work(action, JSON.stringify({ ...body, stream: true }));
        return this;
    }

    /** Ends the call here and on the server. Text that is still under way is not delivered any more. */
    stop(): void {
        if (this.settled) return;
        this.settle({ kind: "stopped" });
        if (this.id) this.cancel();
        else setTimeout(() => this.close(), this.timing.stop);
    }

    private close(): void {
        this.closed = true;
        this.connection.abort();
        this.wake();
    }

    private cancel(): void {
        this.close();
        this.api.cancel(this.id);
    }

    private async work(action: string, body: string): Promise<void> {
        try {
            const response = await this.open("POST", "/v1/actions/" + encodeURIComponent(action), {
                body,
                headers: { Accept: "text/event-stream", "Idempotency-Key": randomKey() },
            });
            if (!response.ok) throw await problemOf(response);
            if (!isStream(response)) return this.conclude((await response.json()) as Answer);
            await this.read(response);
            if (!this.settled) await this.resume();
        } catch (error) {
            this.fail(error);
        }
    }

    /** fetch() with a deadline for the head of the answer. */
    private async open(method: string, path: string, init: RequestInit): Promise<Response> {
        const connection = new AbortController();
        this.connection = connection;
        if (this.closed) connection.abort();
        const timer = setTimeout(() => connection.abort(), this.timing.head);
        try {
            return await this.api.send(method, path, { ...init, signal: connection.signal });
        } finally {
            clearTimeout(timer);
        }
    }

    /** Reads events until the body ends, breaks, or falls silent. Returns true when it delivered at least one event. */
    private async read(response: Response): Promise<boolean> {
        let delivered = false;
        const parser = new SseParser((event) => {
            if (this.take(event)) delivered = true;
        });
        const reader = response.body!.getReader();
        let timer: ReturnType<typeof setTimeout> | undefined;
        const end = () => void reader.cancel().catch(() => undefined);
        const { signal } = this.connection;
        signal.addEventListener("abort", end);
        try {
            for (;;) {
                clearTimeout(timer);
                timer = setTimeout(end, this.timing.silence);
                const { done, value } = await reader.read();
                if (done) break;
                parser.push(value);
            }
        } catch {
            end();
        } finally {
            clearTimeout(timer);
            signal.removeEventListener("abort", end);
        }
        return delivered;
    }

    /** Opens the rest of the stream. The count of tries starts again after each one that brought something. */
    private async resume(): Promise<void> {
        if (!this.id) throw new Problem(CONNECTION_LOST);
        this.listener.reconnecting?.(true);
        for (let attempt = 0; attempt < this.timing.retries.length && !this.settled; attempt++) {
            await this.pause(this.timing.retries[attempt]!);
            if (this.settled) return;
            let response: Response;
            try {
                response = await this.open("GET", callPath(this.id) + "/stream", {
                    headers: { Accept: "text/event-stream", "Last-Event-ID": this.lastEventId },
                });
            } catch {
                continue;
            }
            if (response.status === 404 || response.status === 410) return this.lookUp();
            if (response.status === 401 || response.status === 403) throw await problemOf(response);
            if (!response.ok || !isStream(response)) continue;
            if (this.settled) return;
            this.listener.reconnecting?.(false);
            if (await this.read(response)) attempt = -1;
            if (!this.settled) this.listener.reconnecting?.(true);
        }
        if (!this.settled) throw new Problem(CONNECTION_LOST);
    }

    /** The stream is gone from the server, but the call may have ended well: its record tells. */
    private async lookUp(): Promise<void> {
        const answer = await this.api.state(this.id);
        if (!answer.completed_at) throw new Problem(CONNECTION_LOST);
        this.conclude(answer);
    }

    /** Returns false for an event that was seen before. */
    private take(event: SseEvent): boolean {
        if (event.id && !isLater(event.id, this.lastEventId)) return false;
        if (event.id) this.lastEventId = event.id;
        const data = parse(event.data);
        if (event.name === "start" && typeof data["id"] === "string") {
            this.id = data["id"];
            if (this.settled) this.cancel();
        }
        if (this.settled) return true;
        if (event.name === "delta" && typeof data["text"] === "string") this.listener.text(data["text"]);
        else if (event.name === "status" && typeof data["message"] === "string") this.listener.status?.(data["message"]);
        else if (event.name === "done") this.conclude(data as Answer);
        else if (event.name === "error") this.fail(Problem.from(data, "internal_error"));
        return true;
    }

    private conclude(answer: Answer): void {
        if (this.settled) return;
        if (answer.success === false) this.fail(Problem.from(answer.error, "internal_error"));
        else this.settle({ kind: "done", answer });
    }

    private fail(error: unknown): void {
        if (this.settled) return;
        const problem = error instanceof Problem ? error : new Problem(CONNECTION_LOST);
        this.settle(problem.code === "cancelled" ? { kind: "stopped" } : { kind: "failed", problem });
    }

    private pause(milliseconds: number): Promise<void> {
        return new Promise((resolve) => {
            const timer = setTimeout(resolve, milliseconds);
            this.wake = () => {
                clearTimeout(timer);
                resolve();
            };
        });
    }
}

function isStream(response: Response): boolean {
    return (response.headers.get("Content-Type") ?? "").startsWith("text/event-stream") && response.body !== null;
}

/** Ids are increasing numbers; should a server use anything else, only an exact repetition counts as old. */
function isLater(id: string, than: string): boolean {
    return /^\d+$/.test(id) && /^\d+$/.test(than) ? Number(id) > Number(than) : id !== than;
}

function parse(data: string): Record<string, unknown> {
    try {
        const value: unknown = JSON.parse(data);
        return value && typeof value === "object" ? (value as Record<string, unknown>) : {};
    } catch {
        return {};
    }
}

/** One key per call, so that a request which the browser repeats on its own is not paid twice. Works without a secure context. */
function randomKey(): string {
    return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
