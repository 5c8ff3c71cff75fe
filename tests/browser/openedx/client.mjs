/*
 * A client of the REST API of Open edX AI Extensions, as its React services are one: fetch with the platform's cookies, no key of its own.
 * Written from the description of that API alone, so that it says whether ours is the same; it knows nothing of Lectern.
 */
const PREFIX = "/openedx-ai-extensions/v1/";
const MARKER = '||{"error_in_stream":';
const MARKER_END = "||";
const ERROR_MAX = 64 * 1024;
const POLL_MS = 3000;
const RUN_LIMIT_MS = 300_000; /* a background run is given up by the server after this long */
const CALM = "The answer could not be completed.";

/** What the API refused, or what went wrong in the middle of a text. `status` is 200 for the latter. */
export class DoorError extends Error {
    constructor(status, code, message) {
        super(message);
        this.status = status;
        this.code = code;
    }
}

/** Keys in camelCase, at every depth; values as they are. */
export function camelCased(value) {
    if (Array.isArray(value)) return value.map(camelCased);
    if (value === null || typeof value !== "object") return value;
    const camel = (key) => key.replace(/(?!^)_+([a-z0-9])/gi, (_, letter) => letter.toUpperCase());
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [camel(key), camelCased(inner)]));
}

/** How many characters at the end of text may be the beginning of the marker. */
function possibleMarker(text) {
    for (let n = Math.min(text.length, MARKER.length - 1); n > 0; n--) if (MARKER.startsWith(text.slice(-n))) return n;
    return 0;
}

function parseFailure(text) {
    try {
        const { code, message } = JSON.parse(text.slice(MARKER_END.length, text.lastIndexOf(MARKER_END)));
        return new DoorError(200, String(code ?? "streaming_failed"), String(message ?? CALM));
    } catch {
        return new DoorError(200, "streaming_failed", CALM);
    }
}

/** Parts what may be shown from the error at a text's end, however the pieces were cut. */
export function makeSplitter() {
    let held = ""; /* perhaps the beginning of the marker: not shown until we know */
    let failure = null;
    return {
        /** What may be shown now. */
        push(piece) {
            if (failure !== null) {
                failure = (failure + piece).slice(0, ERROR_MAX);
                return "";
            }
            const text = held + piece;
            const at = text.indexOf(MARKER);
            const end = at >= 0 ? at : text.length - possibleMarker(text);
            if (at >= 0) failure = text.slice(at);
            held = at >= 0 ? "" : text.slice(end);
            return text.slice(0, end);
        },
        /** The rest of what may be shown, and the error or null. */
        end: () => ({ rest: held, error: failure === null ? null : parseFailure(failure) }),
    };
}

async function refusal(response) {
    const body = await response.json().catch(() => null);
    const { code, message } = body?.error ?? {};
    const text = Array.isArray(message) ? message.join(" ") : message;
    return new DoorError(response.status, String(code ?? `http_${response.status}`), String(text ?? body?.detail ?? CALM));
}

/** The body of a text answer, piece by piece to onText; the whole text. Throws DoorError when the text ends with an error. */
async function readText(response, onText) {
    const reader = response.body.getReader();
    const decoder = new TextDecoder(); /* a character may be cut too */
    const splitter = makeSplitter();
    let whole = "";
    const show = (text) => {
        if (text === "") return;
        whole += text;
        onText(text, whole);
    };
    for (;;) {
        const { done, value } = await reader.read();
        show(splitter.push(done ? decoder.decode() : decoder.decode(value, { stream: true })));
        if (done) break;
    }
    const { rest, error } = splitter.end();
    show(rest);
    if (error) throw error;
    return whole;
}

function readCookie(cookies, name) {
    const found = cookies.split(/;\s*/).find((pair) => pair.startsWith(`${name}=`));
    return found && decodeURIComponent(found.slice(name.length + 1));
}

const pause = (ms, signal) =>
    new Promise((resolve, reject) => {
        const stop = () => {
            clearTimeout(timer);
            reject(signal.reason);
        };
        const timer = setTimeout(() => {
            signal?.removeEventListener("abort", stop);
            resolve();
        }, ms);
        if (signal?.aborted) stop();
        signal?.addEventListener("abort", stop, { once: true });
    });

/**
 * `base` is the scheme and host of the API ("" for the page's own), `context` is {courseId, locationId, uiSlotSelectorId},
 * `cookies` gives what document.cookie holds.
 */
export function makeClient({ base = "", context, cookies = () => document.cookie, pollMs = POLL_MS }) {
    function send(path, options = {}) {
        const query = new URLSearchParams({ context: JSON.stringify(context) });
        const csrf = options.method === "POST" ? readCookie(cookies(), "csrftoken") : undefined;
        return fetch(`${base}${PREFIX}${path}?${query}`, {
            ...options,
            credentials: "include",
            headers: { "USE-JWT-COOKIE": "true", ...(csrf && { "X-CSRFToken": csrf }), ...options.headers },
        });
    }

    /** One call of workflows/: {json} or {text}. */
    async function call(action, userInput, { onText = () => undefined, signal } = {}) {
        const body = { action, timestamp: new Date().toISOString(), request_id: `${Date.now()}-${Math.random().toString(36).slice(2)}` };
        if (userInput !== undefined) body.user_input = userInput;
        const response = await send("workflows/", {
            method: "POST",
            headers: { "Content-Type": "application/json" },
            body: JSON.stringify(body),
            signal,
        });
        if (!response.ok) throw await refusal(response);
        const type = response.headers.get("Content-Type") ?? "";
        if (/^application\/json\b/i.test(type)) return { json: camelCased(await response.json()) };
        return { text: await readText(response, onText) };
    }

    return {
        /** What to show here, camel-cased; null when nothing is configured. */
        async profile(signal) {
            const response = await send("profile/", { signal });
            if (response.status === 404) return null;
            if (!response.ok) throw await refusal(response);
            const profile = camelCased(await response.json());
            return profile.status === "no_config" ? null : profile;
        },

        /**
         * Runs an action; {json} or {text}. Pieces of a text go to onText(piece, whole so far). A run in the background is asked
         * for until it ends, what it says meanwhile goes to onStatus(message).
         */
        async run(action, userInput, { onText, onStatus = () => undefined, signal } = {}) {
            let result = await call(action, userInput, { onText, signal });
            const end = Date.now() + RUN_LIMIT_MS;
            while (result.json?.status === "processing") {
                onStatus(result.json.message ?? "");
                if (Date.now() > end) throw new DoorError(200, "timeout", CALM);
                await pause(pollMs, signal);
                result = await call("get_run_status", undefined, { onText, signal });
            }
            const { status, error } = result.json ?? {};
            if (status === "error" || status === "timeout") throw new DoorError(200, error?.code ?? status, error?.message ?? error ?? CALM);
            return result;
        },
    };
}
