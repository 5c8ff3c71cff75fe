import { describe, expect, it } from "vitest";
import { Api, type Fetch } from "../src/client/api.js";
import { actionPath, type Outcome, Run, type Timing } from "../src/client/run.js";

const encoder = new TextEncoder();
const WORDS = "Plants take carbon dioxide from the air, agua y luz, und 光 🌱 and make sugar.".split(/(?<= )/);
const TEXT = WORDS.join("");
const TIMING: Timing = { head: 500, silence: 500, stop: 200, retries: [1, 2, 3] };

interface Logged {
    id: number;
    bytes: Uint8Array;
}

const sse = (id: number, name: string, data: unknown): Logged => ({
    id,
    bytes: encoder.encode(`id: ${id}\nevent: ${name}\ndata: ${JSON.stringify(data)}\n\n`),
});

const DONE = { id: "call-1", success: true, response: { generated_content: TEXT, finish_reason: "stop" }, completed_at: "now" };

const LOG: Logged[] = [
    sse(1, "start", { id: "call-1" }),
    sse(2, "status", { message: "reading" }),
    ...WORDS.map((word, i) => sse(i + 3, "delta", { text: word })),
    sse(WORDS.length + 3, "done", DONE),
];

const join = (events: Logged[]) => new Uint8Array(events.flatMap((event) => Array.from(event.bytes)));
const after = (id: number) => join(LOG.filter((event) => event.id > id));

/** A body that gives the bytes in pieces and then ends, breaks or stays silent. */
function body(bytes: Uint8Array, end: "end" | "break" | "silent" = "end", piece = 7): Response {
    let at = 0;
    const stream = new ReadableStream<Uint8Array>({
        pull(controller) {
            if (at < bytes.length) return controller.enqueue(bytes.subarray(at, (at += piece)));
            if (end === "end") controller.close();
            else if (end === "break") controller.error(new TypeError("network"));
            else return new Promise(() => undefined);
        },
    });
    return new Response(stream, { headers: { "Content-Type": "text/event-stream" } });
}

const problem = (status: number, code: string, extra: object = {}, headers: Record<string, string> = {}) =>
    new Response(JSON.stringify({ type: "about:blank", title: code, status, code, ...extra }), {
        status,
        headers: { "Content-Type": "application/problem+json", ...headers },
    });

interface Request {
    method: string;
    path: string;
    headers: Record<string, string>;
    init: RequestInit;
}

/** Runs one call against answers made by `answer`, and notes everything that was asked and shown. */
function play(answer: (request: Request, count: number) => Response | Promise<Response>, timing = TIMING, task = "") {
    const requests: Request[] = [];
    const shown: string[] = [];
    const states: string[] = [];
    const fetcher: Fetch = async (url, init = {}) => {
        const request = { method: init.method!, path: url, headers: init.headers as Record<string, string>, init };
        requests.push(request);
        if (request.method === "DELETE") return new Response(null, { status: 204 });
        return answer(request, requests.filter((r) => r.method !== "DELETE").length);
    };
    const run = new Run(
        new Api("", () => "token", fetcher),
        {
            text: (delta) => shown.push(delta),
            status: (message) => states.push(message),
            reconnecting: (on) => states.push(on ? "lost" : "back"),
        },
        timing,
    );
    if (task) run.follow(task);
    else run.start(actionPath("summarise_text"), { input: { text: "x" } });
    return { run, requests, shown, states, deleted: () => requests.filter((r) => r.method === "DELETE").map((r) => r.path) };
}

const code = (outcome: Outcome) => (outcome.kind === "failed" ? outcome.problem.code : outcome.kind);

describe("an undisturbed call", () => {
    it("sends the token, a key of its own and stream:true, and shows the words in order", async () => {
        const { run, requests, shown, states } = play(() => body(after(0)));
        const outcome = await run.finished;
        expect(outcome).toEqual({ kind: "done", answer: DONE });
        expect(shown).toEqual(WORDS);
        expect(states).toEqual(["reading"]);
        expect(requests).toHaveLength(1);
        expect(requests[0]!.path).toBe("/v1/actions/summarise_text");
        expect(requests[0]!.headers["Authorization"]).toBe("Bearer token");
        expect(requests[0]!.headers["Idempotency-Key"]).toMatch(/^[0-9a-f]{32}$/);
        expect(JSON.parse(requests[0]!.init.body as string)).toEqual({ input: { text: "x" }, stream: true });
    });

    it("takes a plain JSON answer too", async () => {
        const { run } = play(() => new Response(JSON.stringify(DONE), { headers: { "Content-Type": "application/json" } }));
        expect(await run.finished).toEqual({ kind: "done", answer: DONE });
    });
});

describe("a connection that breaks", () => {
    it.each(["end", "break", "silent"] as const)("at any byte after the start (%s): no word is lost, none comes twice", async (end) => {
        const bytes = after(0);
        const first = LOG[0]!.bytes.length;
        const timing = { ...TIMING, silence: 5 };
        const cuts = Array.from({ length: bytes.length - first }, (_, i) => first + i);
        for (const cut of end === "silent" ? cuts.filter((_, i) => i % 40 === 0) : cuts) {
            const { run, shown } = play((request, count) => {
                if (count === 1) return body(bytes.subarray(0, cut), end);
                expect(request.path).toBe("/v1/actions/calls/call-1/stream");
                return body(after(Number(request.headers["Last-Event-ID"])));
            }, timing);
            expect((await run.finished).kind, `cut at ${cut}`).toBe("done");
            expect(shown.join(""), `cut at ${cut}`).toBe(TEXT);
        }
    });

    it("again and again, as long as each piece brings something", async () => {
        const { run, shown, requests, states } = play((request, count) => {
            const from = count === 1 ? 0 : Number(request.headers["Last-Event-ID"]);
            const rest = LOG.filter((event) => event.id > from);
            return rest.length > 1 ? body(join(rest.slice(0, 1)), "break") : body(join(rest));
        });
        expect((await run.finished).kind).toBe("done");
        expect(shown).toEqual(WORDS);
        expect(requests).toHaveLength(LOG.length);
        expect(states.filter((s) => s === "lost").length).toBe(states.filter((s) => s === "back").length);
    });

    it("ignores events that a server repeats", async () => {
        const { run, shown } = play((_, count) => (count === 1 ? body(join(LOG.slice(0, 8)), "break") : body(after(0))));
        expect((await run.finished).kind).toBe("done");
        expect(shown).toEqual(WORDS);
    });

    it("gives up after three tries that bring nothing, and keeps what was shown", async () => {
        const { run, shown, requests } = play((_, count) => {
            if (count === 1) return body(join(LOG.slice(0, 6)), "break");
            if (count === 3) return problem(503, "overloaded");
            throw new TypeError("network");
        });
        expect(code(await run.finished)).toBe("connection_lost");
        expect(shown).toEqual(WORDS.slice(0, 4));
        expect(requests).toHaveLength(4);
    });

    it("fails at once when it broke before the call had an id", async () => {
        const { run, requests } = play(() => body(new Uint8Array(), "break"));
        expect(code(await run.finished)).toBe("connection_lost");
        expect(requests).toHaveLength(1);
    });

    it("asks for the record when the stream is gone", async () => {
        const { run, requests } = play((_, count) => {
            if (count === 1) return body(join(LOG.slice(0, 6)), "break");
            if (count === 2) return problem(404, "not_found");
            return new Response(JSON.stringify(DONE), { headers: { "Content-Type": "application/json" } });
        });
        expect(await run.finished).toEqual({ kind: "done", answer: DONE });
        expect(requests[2]!.path).toBe("/v1/actions/calls/call-1");
    });

    it("is a failure when the record says that the call did not end", async () => {
        const { run } = play((_, count) => {
            if (count === 1) return body(join(LOG.slice(0, 6)), "break");
            if (count === 2) return problem(410, "not_found");
            return new Response(JSON.stringify({ id: "call-1", success: false }), { headers: { "Content-Type": "application/json" } });
        });
        expect(code(await run.finished)).toBe("connection_lost");
    });
});

describe("refusals and failures", () => {
    it.each([
        ["a problem", () => problem(403, "course_disabled"), "course_disabled", 0],
        ["retry_after in the body", () => problem(429, "rate_limited", { retry_after: 12 }), "rate_limited", 12],
        ["Retry-After in the head", () => problem(429, "rate_limited", {}, { "Retry-After": "7" }), "rate_limited", 7],
        ["a proxy's page", () => new Response("<h1>Bad gateway</h1>", { status: 502 }), "upstream_unavailable", 0],
        ["a status alone", () => new Response("", { status: 401 }), "unauthenticated", 0],
        ["an error in the stream", () => body(join([LOG[0]!, sse(2, "error", { code: "upstream_timeout" })])), "upstream_timeout", 0],
        ["an error inside `problem`", () => body(join([sse(1, "error", { problem: { code: "overloaded" } })])), "overloaded", 0],
        ["JSON that is not", () => new Response("{", { headers: { "Content-Type": "application/json" } }), "connection_lost", 0],
        [
            "success false",
            () => body(join([sse(1, "done", { success: false, error: { code: "content_refused" } })])),
            "content_refused",
            0,
        ],
    ])("%s", async (_, response, expected, seconds) => {
        const outcome = await play(response).run.finished;
        expect(code(outcome)).toBe(expected);
        expect(outcome.kind === "failed" && outcome.problem.retryAfter).toBe(seconds);
    });

    it("no network", async () => {
        expect(code(await play(() => Promise.reject(new TypeError("offline"))).run.finished)).toBe("connection_lost");
    });

    it("a server that never answers", async () => {
        const never = (request: Request) =>
            new Promise<Response>((_, reject) => request.init.signal!.addEventListener("abort", () => reject(new Error("aborted"))));
        expect(code(await play(never, { ...TIMING, head: 5 }).run.finished)).toBe("connection_lost");
    });

    it("a call cancelled elsewhere counts as stopped", async () => {
        const { run } = play(() => body(join([LOG[0]!, sse(2, "error", { code: "cancelled" })])));
        expect(await run.finished).toEqual({ kind: "stopped" });
    });
});

describe("stopping", () => {
    const settle = () => new Promise((resolve) => setTimeout(resolve, 20));

    it("tells the server, once, with keepalive, and shows nothing more", async () => {
        const { run, shown, requests, deleted } = play(() => body(join(LOG.slice(0, 6)), "silent"));
        await settle();
        run.stop();
        run.stop();
        expect(await run.finished).toEqual({ kind: "stopped" });
        await settle();
        expect(deleted()).toEqual(["/v1/actions/calls/call-1"]);
        expect(requests.at(-1)!.init.keepalive).toBe(true);
        expect(requests[0]!.init.signal!.aborted).toBe(true);
        expect(shown).toEqual(WORDS.slice(0, 4));
    });

    it("before the id is known: the server is told as soon as it is", async () => {
        let open!: (response: Response) => void;
        const { run, shown, deleted } = play(() => new Promise((resolve) => (open = resolve)));
        await settle();
        run.stop();
        expect(await run.finished).toEqual({ kind: "stopped" });
        expect(deleted()).toEqual([]);
        open(body(after(0), "silent"));
        await settle();
        expect(deleted()).toEqual(["/v1/actions/calls/call-1"]);
        expect(shown).toEqual([]);
    });

    it("while waiting to reconnect", async () => {
        const { run, requests, deleted } = play(() => body(join(LOG.slice(0, 6)), "break"), { ...TIMING, retries: [60_000] });
        await settle();
        run.stop();
        expect(await run.finished).toEqual({ kind: "stopped" });
        await settle();
        expect(deleted()).toHaveLength(1);
        expect(requests).toHaveLength(2);
    });

    it("after the end does nothing", async () => {
        const { run, deleted } = play(() => body(after(0)));
        await run.finished;
        run.stop();
        expect(deleted()).toEqual([]);
    });
});

describe("a task that is followed", () => {
    const result = { response: { status: "completed" } };
    const TASK = [
        sse(1, "status", { state: "queued", message: "" }),
        sse(2, "status", { state: "running", message: "Writing." }),
        sse(3, "done", { id: "t/1", state: "completed", completed_at: "now", result }),
    ];
    const rest = (id: number) => join(TASK.filter((event) => event.id > id));

    it("is taken up wherever it breaks, also at once, and its result comes once", async () => {
        const bytes = rest(0);
        for (let cut = -1; cut < bytes.length; cut += 3) {
            const { run, requests, states } = play(
                (request, count) => {
                    expect([request.method, request.path]).toEqual(["GET", "/v1/tasks/t%2F1/events"]);
                    if (count === 1 && cut < 0) throw new TypeError("network");
                    return count === 1 ? body(bytes.subarray(0, cut), "break") : body(rest(Number(request.headers["Last-Event-ID"])));
                },
                TIMING,
                "t/1",
            );
            const outcome = await run.finished;
            expect(outcome.kind === "done" && outcome.answer.result, `cut at ${cut}`).toEqual(result);
            expect(states.filter((state) => state === "Writing.")).toHaveLength(1);
            expect(requests.length).toBeGreaterThan(0);
        }
    });

    it("that has ended and was seen is looked up", async () => {
        const { run, requests } = play(
            (_, count) => (count === 1 ? new Response(null, { status: 204 }) : new Response(JSON.stringify({ id: "t/1", state: "completed", completed_at: "now", result }))),
            TIMING,
            "t/1",
        );
        const outcome = await run.finished;
        expect(outcome.kind === "done" && outcome.answer.result).toEqual(result);
        expect(requests[1]!.path).toBe("/v1/tasks/t%2F1");
    });

    it.each([
        ["timeout", "timeout"],
        ["cancelled", "stopped"],
    ])("that ended with %s: %s", async (problemCode, expected) => {
        const { run } = play(() => body(sse(1, "error", { code: problemCode }).bytes), TIMING, "t/1");
        expect(code(await run.finished)).toBe(expected);
    });

    it("that is stopped before it was heard of says nothing of a lost connection", async () => {
        const { run, states, deleted } = play(
            (request) => new Promise((_, reject) => request.init.signal!.addEventListener("abort", () => reject(new TypeError("aborted")))),
            TIMING,
            "t/1",
        );
        run.stop();
        expect(code(await run.finished)).toBe("stopped");
        await new Promise((resolve) => setTimeout(resolve));
        expect(states).toEqual([]);
        expect(deleted()).toEqual(["/v1/tasks/t%2F1"]);
    });

    it("goes on when it is left, and ends when it is stopped", async () => {
        const left = play(() => body(rest(0).subarray(0, 40), "silent"), TIMING, "t/1");
        left.run.leave();
        expect(await left.run.finished).toEqual({ kind: "stopped" });
        expect(left.deleted()).toEqual([]);
        const stopped = play(() => body(rest(0).subarray(0, 40), "silent"), TIMING, "t/1");
        stopped.run.stop();
        expect(stopped.deleted()).toEqual(["/v1/tasks/t%2F1"]);
    });
});
