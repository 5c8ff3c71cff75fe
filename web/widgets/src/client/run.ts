/*
 * One streamed call of an action or a workflow: sends it, reads its events, and takes it up again where it broke off when the connection is
 * lost. Every event is delivered once and in order, whatever the network does; the events' ids see to that.
 */
import { type Answer, type Api, callPath, CONNECTION_LOST, Problem, problemOf, taskPath } from "./api.js";
import { MAX_EVENT_CHARACTERS, type SseEvent, SseParser } from "./sse.js";

/** A tool that waits for the user's word, or waited: pending, approved, refused, expired. */
export interface Approval {
    id: string;
    tool: string;
    /** As the model wrote them; of a pending one. */
    arguments: string;
    state: string;
}

/** Sends the user's word. Rejects when the server does not have it. */
export type Decide = (approve: boolean) => Promise<unknown>;

export interface RunListener {
    /** More text of the answer. */
    text(delta: string): void;
    /** What the server is busy with, in its words. */
    status?(message: string): void;
    /** A tool that the model uses: its name, and "running", "done", "failed" or "refused". */
    tool?(name: string, state: string): void;
    /** A tool asks for the user's word, or has it. */
    approval?(approval: Approval, decide: Decide): void;
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

/** A task goes on whether anybody follows it or not, so there is no hurry. */
export const TASK_TIMING: Timing = { ...TIMING, retries: [250, 1_000, 2_500, 5_000, 10_000, 15_000] };

/** Where an action is run, for Run.start(). */
export function actionPath(name: string): string {
    return "/v1/actions/" + encodeURIComponent(name);
}

/** Where a workflow is run. */
export const WORKFLOW_PATH = "/v1/workflows/run";

export class Run {
    /** Settles once, never rejects. */
    readonly finished: Promise<Outcome>;

    private settle!: (outcome: Outcome) => void;
    private settled = false;
    private id = "";
    /** Of the call, or of the task that is followed. */
    private path = "";
    private streamPath = "";
    private lastEventId = "";
    /** Set when nothing more may be opened. */
    private closed = false;
    private connection = new AbortController();
    private wake: () => void = () => undefined;

    constructor(
        private readonly api: Api,
        private readonly listener: RunListener,
        private readonly timing: Timing = TIMING,
        /** Characters of one event. */
        private readonly eventMax = MAX_EVENT_CHARACTERS,
    ) {
        this.finished = new Promise((resolve) => {
            this.settle = (outcome) => {
                this.settled = true;
                resolve(outcome);
            };
        });
    }

    /** Sends the call to an address that streams. `body` is the JSON body without `stream`. */
    start(path: string, body: object): this {
        const init = { body: JSON.stringify({ ...body, stream: true }), headers: { Accept: "text/event-stream", "Idempotency-Key": randomKey() } };
        void this.work(() => this.open("POST", path, init));
        return this;
    }

    /** Follows a task that runs in the background, from its beginning. Its answer has the task's result as `result`. */
    follow(task: string): this {
        this.is(task, taskPath(task), "/events");
        void this.work(() => this.open("GET", this.streamPath, { headers: { Accept: "text/event-stream" } }));
        return this;
    }

    private is(id: string, path: string, stream: string): void {
        this.id = id;
        this.path = path;
        this.streamPath = path + stream;
    }

    /** Ends the call here and on the server. Text that is still under way is not delivered any more. */
    stop(): void {
        if (this.settled) return;
        this.settle({ kind: "stopped" });
        if (this.id) this.cancel();
        else setTimeout(() => this.close(), this.timing.stop);
    }

    /** Ends it here alone: a task goes on. */
    leave(): void {
        if (this.settled) return;
        this.settle({ kind: "stopped" });
        this.close();
    }

    private close(): void {
        this.closed = true;
        this.connection.abort();
        this.wake();
    }

    private cancel(): void {
        this.close();
        this.api.cancel(this.path);
    }

    private async work(begin: () => Promise<Response>): Promise<void> {
        try {
            const response = await begin().catch((error) => {
                if (this.id) return undefined; /* a task is there whether it can be reached just now or not */
                throw error;
            });
            if (!response) return await this.resume();
            if (response.status === 204) return await this.lookUp();
            if (!response.ok) throw await problemOf(response);
            if (!isStream(response)) return this.conclude((await response.json()) as Answer);
            await this.read(response);
            await this.resume();
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
        }, this.eventMax);
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
        if (this.settled) return;
        if (!this.id) throw new Problem(CONNECTION_LOST);
        this.listener.reconnecting?.(true);
        for (let attempt = 0; attempt < this.timing.retries.length && !this.settled; attempt++) {
            await this.pause(this.timing.retries[attempt]!);
            if (this.settled) return;
            let response: Response;
            try {
                response = await this.open("GET", this.streamPath, {
                    headers: { Accept: "text/event-stream", "Last-Event-ID": this.lastEventId },
                });
            } catch {
                continue;
            }
            if (response.status === 204 || response.status === 404 || response.status === 410) return this.lookUp();
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
        const answer = await this.api.state(this.path).catch((error: unknown) => {
            const lost = error instanceof Problem && error.code === "not_found"; // its server went before it had begun
            throw lost ? new Problem(CONNECTION_LOST) : error;
        });
        if (!answer.completed_at) throw new Problem(CONNECTION_LOST);
        if (answer.error) throw Problem.from(answer.error, "internal_error");
        this.conclude(answer);
    }

    /** Returns false for an event that was seen before. */
    private take(event: SseEvent): boolean {
        if (event.id && !isLater(event.id, this.lastEventId)) return false;
        if (event.id) this.lastEventId = event.id;
        const data = parse(event.data);
        if (event.name === "start" && typeof data["id"] === "string") {
            this.is(data["id"], callPath(data["id"]), "/stream");
            if (this.settled) this.cancel();
        }
        if (this.settled) return true;
        if (event.name === "delta" && typeof data["text"] === "string") this.listener.text(data["text"]);
        else if (event.name === "status" && typeof data["message"] === "string") this.listener.status?.(data["message"]);
        else if (event.name === "tool" && typeof data["name"] === "string") this.listener.tool?.(data["name"], String(data["state"]));
        else if (event.name === "approval" && typeof data["id"] === "string") this.ask(data["id"], data);
        else if (event.name === "done") this.conclude(data as Answer);
        else if (event.name === "error") this.fail(Problem.from(data, "internal_error"));
        return true;
    }

    private ask(id: string, { tool, arguments: given, state }: Record<string, unknown>): void {
        const path = `${callPath(this.id)}/approvals/${encodeURIComponent(id)}`;
        const approval = { id, tool: String(tool), arguments: String(given ?? ""), state: String(state) };
        this.listener.approval?.(approval, (approve) => this.api.call("POST", path, { approve }));
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
export function randomKey(): string {
    return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
