/* The calls of Lectern's native API that a widget needs, and what their answers look like. */

export interface Place {
    course_id?: string;
    location_id?: string;
    placement?: string;
}

export interface ActionInfo {
    name: string;
    title?: string;
    available: boolean;
    /** Why not, as a code of the error table. */
    reason?: string;
    input_schema?: { properties?: Record<string, { maxLength?: number; minimum?: number; maximum?: number; default?: unknown; enum?: unknown[] }> };
}

export interface Policy {
    accepted: boolean;
    version: string | number;
    text: string;
}

/** The JSON answer of an action, and the data of its `done` event. The server leaves out what the caller may not see. */
export interface Answer {
    id?: string;
    success?: boolean;
    /** Of an action `generated_content`, of a workflow `response`. */
    response?: { generated_content?: unknown; response?: unknown; finish_reason?: unknown; draft_file?: unknown; citations?: unknown };
    /** Of a workflow that keeps a conversation. */
    session_id?: string | null;
    provider?: { name?: string };
    error?: unknown;
    completed_at?: unknown;
    /** Of a task: what its run answered. */
    result?: Answer;
}

/** The text of an answer, undefined when it has none. */
export function answerText(answer: Answer): string | undefined {
    const text = answer.response?.generated_content ?? answer.response?.response;
    return typeof text === "string" ? text : undefined;
}

/** Our own codes, for what happens without the server having said anything. */
export const CONNECTION_LOST = "connection_lost";
export const NO_TEXT = "no_text";

/** A refusal or failure: a code of the server's error table, or one of the two above. */
export class Problem extends Error {
    constructor(
        readonly code: string,
        /** Seconds until another try makes sense, 0 when nobody said. */
        readonly retryAfter = 0,
        /** Pointer to what of the request is wrong, "" when nobody said. */
        readonly field = "",
        /** As it came. */
        readonly whole: Record<string, unknown> = {},
    ) {
        super(code);
        this.name = "Problem";
    }

    /** Reads a problem object as the API sends it, bare or as the member `error` or `problem`. */
    static from(value: unknown, fallback: string): Problem {
        let object = value as Record<string, unknown> | null;
        for (const member of ["problem", "error"]) {
            const inner = object?.[member];
            if (inner && typeof inner === "object") object = inner as Record<string, unknown>;
        }
        const code = object?.["code"];
        const seconds = Number(object?.["retry_after"]);
        const field = object?.["field"];
        return new Problem(typeof code === "string" && code ? code : fallback, seconds > 0 ? seconds : 0, typeof field === "string" ? field : "", object ?? {});
    }
}

export type Fetch = (url: string, init?: RequestInit) => Promise<Response>;

/** Milliseconds that a plain (not streamed) call may take. */
const CALL_DEADLINE = 30_000;

export class Api {
    constructor(
        private readonly baseUrl: string,
        /** Asked before each call: tokens are short, and a page renews its own. */
        private readonly token: () => string,
        private readonly fetcher: Fetch = (url, init) => fetch(url, init),
    ) {}

    /** The raw call: adds the token, turns a network failure into a Problem. HTTP errors are left to the caller. */
    async send(method: string, path: string, init: RequestInit = {}): Promise<Response> {
        const headers: Record<string, string> = { ...(init.headers as Record<string, string>) };
        const token = this.token();
        if (token) headers["Authorization"] = `Bearer ${token}`;
        if (init.body) headers["Content-Type"] = "application/json";
        try {
            return await this.fetcher(this.baseUrl.replace(/\/+$/, "") + path, {
                cache: "no-store",
                credentials: "omit",
                ...init,
                method,
                headers,
            });
        } catch {
            throw new Problem(CONNECTION_LOST);
        }
    }

    /** A call that answers in JSON; throws a Problem for every HTTP error. */
    async call<T>(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<T> {
        const deadline = new AbortController();
        const timer = setTimeout(() => deadline.abort(), CALL_DEADLINE);
        try {
            const init: RequestInit = { signal: deadline.signal, headers };
            if (body !== undefined) init.body = JSON.stringify(body);
            const response = await this.send(method, path, init);
            if (!response.ok) throw await problemOf(response);
            return (await json(response)) as T;
        } finally {
            clearTimeout(timer);
        }
    }

    async actions(place: Place): Promise<ActionInfo[]> {
        const query = new URLSearchParams(place as Record<string, string>).toString();
        const answer = await this.call<{ actions?: ActionInfo[] }>("GET", "/v1/actions" + (query && "?" + query));
        return Array.isArray(answer.actions) ? answer.actions : [];
    }

    /** The names of the roles that the caller has in the course. */
    async roles(courseId: string): Promise<string[]> {
        const query = courseId ? "?" + new URLSearchParams({ course_id: courseId }).toString() : "";
        const answer = await this.call<{ roles?: string[] }>("GET", "/v1/roles/mine" + query);
        return Array.isArray(answer.roles) ? answer.roles : [];
    }

    policy(): Promise<Policy> {
        return this.call("GET", "/v1/policy");
    }

    acceptPolicy(version: Policy["version"], context: Place): Promise<unknown> {
        return this.call("PUT", "/v1/policy", { accepted: true, version, context });
    }

    /** Of a call or task, by its path. */
    state(path: string): Promise<Answer> {
        return this.call("GET", path);
    }

    /** Tells the server to stop a call or task. Works also while the page is being left; nobody waits for the answer. */
    cancel(path: string): void {
        this.send("DELETE", path, { keepalive: true }).catch(() => undefined);
    }
}

export function callPath(id: string): string {
    return "/v1/actions/calls/" + encodeURIComponent(id);
}

export function taskPath(id: string): string {
    return "/v1/tasks/" + encodeURIComponent(id);
}

/** The Problem of an HTTP error, also when a proxy on the way answered instead of the server. */
export async function problemOf(response: Response): Promise<Problem> {
    const fallback =
        { 401: "unauthenticated", 403: "permission_denied", 413: "body_too_large", 429: "rate_limited" }[response.status] ??
        (response.status >= 500 ? "upstream_unavailable" : "internal_error");
    const problem = Problem.from(await response.json().catch(() => null), fallback);
    if (problem.retryAfter) return problem;
    const header = Number(response.headers.get("Retry-After"));
    return header > 0 ? new Problem(problem.code, header, problem.field, problem.whole) : problem;
}

async function json(response: Response): Promise<unknown> {
    if (response.status === 204) return {};
    try {
        return await response.json();
    } catch {
        throw new Problem(CONNECTION_LOST);
    }
}
