/* The calls of Lectern's API as the console makes them: signed in by a cookie that no script reads, each change with the token against forgery. */
import { session, type Session } from "./session.js";

/** One thing that is wrong with what was sent, at a JSON pointer of it. */
export interface FieldError {
    pointer: string;
    message: string;
}

/** A refusal or failure as the server told it (RFC 9457), or that it could not be asked: status 0. */
export class Refusal extends Error {
    constructor(
        readonly status: number,
        readonly code: string,
        readonly detail: string,
        readonly fields: FieldError[] = [],
        readonly retryAfter = 0,
        readonly requestId = "",
        /** The whole problem, for members that only some have. */
        readonly problem: Record<string, unknown> = {},
    ) {
        super(detail);
        this.name = "Refusal";
    }
}

export interface Answer<T> {
    data: T;
    /** The ETag of configuration, "" where there is none. */
    etag: string;
}

export interface CallOptions {
    body?: unknown;
    ifMatch?: string;
    signal?: AbortSignal;
    /** Milliseconds; 30,000 when not given. */
    deadline?: number;
}

export type Query = Record<string, string | number | boolean | readonly string[] | null | undefined>;

const DEADLINE_MS = 30_000;
const SAFE = ["GET", "HEAD"];

/** path?query without the members that are empty. */
export function withQuery(path: string, query: Query = {}): string {
    const search = new URLSearchParams();
    for (const [name, value] of Object.entries(query)) {
        if (value === undefined || value === null || value === "") continue;
        for (const one of Array.isArray(value) ? value : [value]) search.append(name, String(one));
    }
    const text = search.toString();
    return text ? `${path}${path.includes("?") ? "&" : "?"}${text}` : path;
}

/*
 * Another tab may have signed in meanwhile: the cookie is its session's then. For the same site this page goes on with that; for another one
 * it must not, or what is changed here would be changed there.
 */
async function adopted(response: Response): Promise<boolean> {
    const problem = response.status === 403 ? await refusalOf(response.clone()) : null;
    if (!problem?.detail.includes("X-CSRF-Token")) return false;
    const answer = await fetch("/v1/console/session", { cache: "no-store", credentials: "same-origin" }).catch(() => null);
    const other = answer?.ok ? ((await answer.json()) as Session) : null;
    if (!other || other.csrf_token === session.current?.csrf_token) return false;
    if (!session.fits(other))
        throw new Refusal(403, "other_site", `Another tab has signed in to the site ${other.site.name}. Load this page anew to go there.`);
    session.set(other);
    return true;
}

/** The raw call. After the session has ended it waits until somebody has signed in again, and asks once more: what was typed is not lost. */
export async function send(method: string, path: string, { body, ifMatch, signal }: CallOptions = {}): Promise<Response> {
    for (;;) {
        const headers: Record<string, string> = {};
        if (body !== undefined) headers["Content-Type"] = "application/json";
        if (ifMatch) headers["If-Match"] = ifMatch;
        if (!SAFE.includes(method)) headers["X-CSRF-Token"] = session.current?.csrf_token ?? "";
        let response;
        try {
            response = await fetch(path, {
                method,
                headers,
                cache: "no-store",
                credentials: "same-origin",
                ...(signal && { signal }),
                ...(body !== undefined && { body: JSON.stringify(body) }),
            });
        } catch (error) {
            if (signal?.aborted) throw signal.reason ?? error;
            throw new Refusal(0, "connection_lost", "Lectern cannot be reached. Check the connection, and whether the daemon runs.");
        }
        if (!session.current) return response;
        if (response.status === 401) await session.again();
        else if (SAFE.includes(method) || !(await adopted(response))) return response;
    }
}

/** A call that answers in JSON (or not at all). Throws a Refusal for every error. */
export async function call<T = unknown>(method: string, path: string, options: CallOptions = {}): Promise<Answer<T>> {
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(new Refusal(0, "timeout", "Lectern did not answer in time.")), options.deadline ?? DEADLINE_MS);
    const leave = () => late.abort(options.signal?.reason);
    options.signal?.addEventListener("abort", leave, { once: true });
    try {
        const response = await send(method, path, { ...options, signal: late.signal });
        if (!response.ok) throw await refusalOf(response);
        const text = await response.text();
        return { data: (text ? JSON.parse(text) : undefined) as T, etag: response.headers.get("ETag") ?? "" };
    } finally {
        clearTimeout(timer);
        options.signal?.removeEventListener("abort", leave);
    }
}

export async function get<T = unknown>(path: string, query?: Query, signal?: AbortSignal): Promise<T> {
    return (await call<T>("GET", withQuery(path, query), signal ? { signal } : {})).data;
}

/** What an answer that is not 2xx says. */
export async function refusalOf(response: Response): Promise<Refusal> {
    let problem: Record<string, unknown> = {};
    try {
        problem = (await response.json()) as Record<string, unknown>;
    } catch {
        /* Something in between has answered, not Lectern: the status is all that there is. */
    }
    return refusalFrom(problem, response.status);
}

/** "slug: must be …" */
function fieldOf(error: string): FieldError {
    const [, name, message] = /^([^\s:/]+): ([\s\S]*)$/.exec(error) ?? [];
    return name ? { pointer: `/${name.replace(/\./g, "/")}`, message: message! } : { pointer: "", message: error };
}

export function refusalFrom(problem: Record<string, unknown>, status: number): Refusal {
    const text = (name: string) => (typeof problem[name] === "string" ? (problem[name] as string) : "");
    const detail = text("detail") || text("title") || `The server answered ${status}.`;
    const fields: FieldError[] = [];
    if (Array.isArray(problem["errors"])) {
        for (const error of problem["errors"] as (Record<string, unknown> | string)[])
            if (typeof error === "string") fields.push(fieldOf(error));
            else fields.push({
                pointer: String(error["pointer"] ?? error["path"] ?? error["field"] ?? ""),
                message: String(error["message"] ?? error["detail"] ?? ""),
            });
    } else if (text("field")) fields.push({ pointer: text("field"), message: detail });
    return new Refusal(status, text("code") || `http_${status}`, detail, fields, Number(problem["retry_after"]) || 0, text("request_id"), problem);
}

/** What to tell of any error. */
export function messageOf(error: unknown): string {
    return error instanceof Error ? error.message : String(error);
}
