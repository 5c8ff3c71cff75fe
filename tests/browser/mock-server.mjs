/*
 * A stand-in for the daemon, for working on the widget alone: the demo pages and the part of the native API (docs: API) that
 * the widget uses, behaving well. What a bad network does is the business of network.mjs, so that the same tests run
 * against the daemon itself.
 *
 * node mock-server.mjs [PORT]       prints "listening on http://127.0.0.1:PORT"
 */
import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const DEMO = join(ROOT, "share/demo");
const WIDGETS = join(ROOT, "web/dist");
const TOKEN = "mock-learner";
const WORD_MS = 12;
const RESUME_GRACE_MS = 5000;
const BODY_LIMIT = 1 << 20;

const CSP =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; " +
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types lit-html lectern";
const TYPES = { ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml" };
const STATUS = {
    invalid_json: 400,
    invalid_input: 400,
    unauthenticated: 401,
    policy_not_accepted: 403,
    not_found: 404,
    unknown_action: 404,
    conflict: 409,
    body_too_large: 413,
};
const POLICY = {
    version: "1",
    text:
        "Answers here are made by software from the text of the page.\n\nThe text is sent to the service that your school has " +
        "chosen. <b>Your name is not.</b>\n\nWhat you ask and what is answered is recorded.",
};
const INPUT_SCHEMA = {
    type: "object",
    required: ["text"],
    properties: { text: { type: "string", minLength: 1, maxLength: 400000 }, language: { type: "string" } },
};
const ACTIONS = {
    summarise_text: { title: "Summarise text", answer: (text) => pick(text, [0, 1]) },
    explain_text: { title: "Explain text", answer: (text) => pick(text, [2, 0]) },
};

const calls = new Map();
let accepted = null;

/** The first sentence of some paragraphs, so that the answer depends on what was sent. */
function pick(text, which) {
    const long = text.split("\n\n").filter((paragraph) => paragraph.length > 120);
    const two = (paragraph) => paragraph.split(/(?<=[.!?]) /).slice(0, 2).join(" ");
    return which.map((i) => two(long[i % long.length] ?? text.slice(0, 200))).join("\n\n");
}

class Refusal extends Error {
    constructor(code, detail) {
        super(detail);
        this.code = code;
    }
}

function problem(code, detail) {
    return { type: `urn:lectern:problem:${code}`, title: code, status: STATUS[code], detail, code, request_id: randomUUID() };
}

/* ---- calls and their streams ---- */

function startCall(action, text) {
    const id = randomUUID();
    const call = { id, action, log: [], followers: new Set(), ended: false, state: "running", timers: [] };
    calls.set(id, call);
    append(call, "start", { id });
    const content = ACTIONS[action].answer(text);
    const words = content.split(/(?<=\s)(?=\S)/);
    call.answer = { id, action, success: true, response: { generated_content: content, finish_reason: "stop" } };
    words.forEach((word, i) => call.timers.push(setTimeout(() => append(call, "delta", { text: word }), (i + 1) * WORD_MS)));
    call.timers.push(setTimeout(() => endCall(call, "completed"), (words.length + 1) * WORD_MS));
    return call;
}

function endCall(call, state) {
    if (call.ended) return;
    call.timers.forEach(clearTimeout);
    call.state = state;
    call.completed_at = new Date().toISOString();
    append(
        call,
        state === "completed" ? "done" : "error",
        state === "completed" ? { ...call.answer, completed_at: call.completed_at } : { ...problem("conflict", "Cancelled."), status: 499, code: "cancelled" },
    );
    call.ended = true;
    for (const response of call.followers) response.end();
    call.followers.clear();
}

function append(call, name, data) {
    const event = { id: call.log.length + 1, text: `id: ${call.log.length + 1}\nevent: ${name}\ndata: ${JSON.stringify(data)}\n\n` };
    call.log.push(event);
    for (const response of call.followers) response.write(event.text);
}

function follow(call, response, after) {
    response.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Request-Id": randomUUID() });
    response.write(": hello\n\n");
    for (const event of call.log) if (event.id > after) response.write(event.text);
    if (call.ended) return response.end();
    clearTimeout(call.grace);
    call.followers.add(response);
    response.on("close", () => {
        call.followers.delete(response);
        if (!call.ended && call.followers.size === 0) call.grace = setTimeout(() => endCall(call, "cancelled"), RESUME_GRACE_MS);
    });
}

/* ---- the API ---- */

function authenticate(request) {
    if (request.headers.authorization !== `Bearer ${TOKEN}`) throw new Refusal("unauthenticated", "Sign in first.");
}

async function body(request) {
    let text = "";
    for await (const chunk of request.setEncoding("utf8")) {
        text += chunk;
        if (text.length > BODY_LIMIT) throw new Refusal("body_too_large", "The body is larger than 1 MiB.");
    }
    try {
        return JSON.parse(text);
    } catch {
        throw new Refusal("invalid_json", "The body is not JSON.");
    }
}

function findCall(id) {
    const call = calls.get(id);
    if (!call) throw new Refusal("not_found", "There is no such call.");
    return call;
}

function policyState() {
    return { accepted: accepted !== null, ...POLICY, ...(accepted && { accepted_at: accepted }) };
}

function listActions() {
    return Object.entries(ACTIONS).map(([name, { title }]) => ({
        name,
        title,
        description: title,
        input_schema: INPUT_SCHEMA,
        response_schema: {},
        available: accepted !== null,
        ...(accepted === null && { reason: "policy_not_accepted" }),
    }));
}

async function runAction(request, response, name) {
    const { input, stream } = await body(request);
    if (!ACTIONS[name]) throw new Refusal("unknown_action", `There is no action ${name}.`);
    if (typeof input?.text !== "string" || input.text === "") throw new Refusal("invalid_input", "/input/text is missing.");
    if (!accepted) throw new Refusal("policy_not_accepted", "Accept the AI policy first.");
    if (!stream) throw new Refusal("invalid_input", "This stand-in only streams.");
    follow(startCall(name, input.text), response, 0);
}

const ROUTES = [
    /* The learner's flash cards, of which there are none. */
    ["POST", /^\/v1\/workflows\/run$/, (_, response) => json(response, 200, { id: randomUUID(), success: true, response: { response: null } })],
    ["GET", /^\/v1\/actions$/, (_, response) => json(response, 200, { actions: listActions() })],
    ["GET", /^\/v1\/policy$/, (_, response) => json(response, 200, policyState())],
    [
        "PUT",
        /^\/v1\/policy$/,
        async (request, response) => {
            const put = await body(request);
            if (put.accepted !== true) throw new Refusal("invalid_input", "/accepted must be true.");
            if (put.version !== POLICY.version) throw new Refusal("conflict", "The policy has another version by now.");
            accepted ??= new Date().toISOString();
            json(response, 200, policyState());
        },
    ],
    [
        "DELETE",
        /^\/v1\/policy$/,
        (_, response) => {
            accepted = null;
            json(response, 200, policyState());
        },
    ],
    [
        "GET",
        /^\/v1\/actions\/calls\/([^/]+)$/,
        (_, response, id) => {
            const call = findCall(id);
            json(response, 200, { ...call.answer, success: call.state === "completed", state: call.state, completed_at: call.completed_at });
        },
    ],
    [
        "GET",
        /^\/v1\/actions\/calls\/([^/]+)\/stream$/,
        (request, response, id) => follow(findCall(id), response, Number(request.headers["last-event-id"] ?? 0)),
    ],
    ["GET", /^\/v1\/roles\/mine$/, (_, response) => json(response, 200, { course_id: "", roles: ["student"] })],
    [
        "DELETE",
        /^\/v1\/actions\/calls\/([^/]+)$/,
        (_, response, id) => {
            const call = findCall(id);
            const running = !call.ended;
            endCall(call, "cancelled");
            json(response, 200, { id, cancelled: running, state: call.state });
        },
    ],
    ["POST", /^\/v1\/actions\/([^/]+)$/, runAction],
];

function json(response, status, value, type = "application/json") {
    response.writeHead(status, { "Content-Type": type, "X-Request-Id": randomUUID(), "Cache-Control": "no-store" });
    response.end(JSON.stringify(value));
}

/* ---- the pages ---- */

const escape = (text) => text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);

function fill(template, values) {
    return template.replace(/\{\{(\w+)\}\}/g, (whole, name) => values[name] ?? whole);
}

const ROLES = { learner: "Learner", teacher: "Teacher", author: "Author" };

/** It has one token; roles other than a learner's are there to be looked at. */
function roleLinks(role) {
    const links = Object.entries(ROLES).map(([name, title]) => `<a href="?role=${name}"${name === role ? ' aria-current="true"' : ""}>${title}</a>`);
    return `<nav class="roles" aria-label="View as"><span aria-hidden="true">View as</span>\n${links.join("\n")}</nav>`;
}

function link(unit, query, attribute) {
    return unit ? `<a ${attribute}href="/demo/units/${unit.id}${query}" lang="${unit.language}">${escape(unit.title)}</a>` : "";
}

async function page(response, role, id) {
    if (!Object.hasOwn(ROLES, role)) throw new Refusal("invalid_input", "There is no such role.");
    const query = role === "learner" ? "" : `?role=${role}`;
    const course = JSON.parse(await readFile(join(DEMO, "course.json"), "utf8"));
    const at = course.units.findIndex((unit) => unit.id === id);
    if (id !== undefined && at < 0) throw new Refusal("not_found", "There is no such unit.");
    const unit = course.units[at];
    const nav = course.units.map(
        (each) => `<li data-subject="${escape(each.subject)}">${link(each, query, each === unit ? 'aria-current="page" ' : "")}</li>`,
    );
    const values = { course_title: escape(course.title), course_id: escape(course.id), nav: nav.join("\n"), roles: roleLinks(role), query };
    if (unit) {
        Object.assign(values, {
            title: escape(unit.title),
            lang: unit.language,
            unit_id: unit.id,
            body: await readFile(join(DEMO, unit.file), "utf8"),
            prev: link(course.units[at - 1], query, 'rel="prev" '),
            next: link(course.units[at + 1], query, 'rel="next" '),
            token: TOKEN,
            /* It knows no workflows, for which a place of them would ask at once. */
            tools: fill(await readFile(join(DEMO, "roles", `${role}.html`), "utf8"), { course_id: escape(course.id), unit_id: unit.id })
                .replace(/<lectern-slot[^>]*><\/lectern-slot>/g, ""),
            widget: "/widgets/lectern-widgets.js",
        });
    }
    const template = await readFile(join(DEMO, unit ? "page.html" : "index.html"), "utf8");
    response.writeHead(200, { "Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": CSP, "Cache-Control": "no-store" });
    response.end(fill(template, values));
}

async function file(response, directory, path) {
    const name = normalize(decodeURIComponent(path));
    if (name.startsWith("..")) throw new Refusal("not_found", "There is no such file.");
    const bytes = await readFile(join(directory, name)).catch(() => {
        throw new Refusal("not_found", "There is no such file.");
    });
    response.writeHead(200, { "Content-Type": TYPES[extname(name)] ?? "application/octet-stream", "Cache-Control": "no-cache" });
    response.end(bytes);
}

async function serve(request, response) {
    const { pathname, searchParams } = new URL(request.url, "http://localhost");
    const role = searchParams.get("role") || "learner";
    if (pathname === "/demo/") return page(response, role);
    if (pathname.startsWith("/demo/units/")) return page(response, role, pathname.slice("/demo/units/".length));
    if (pathname.startsWith("/demo/static/")) return file(response, DEMO, pathname.slice("/demo/static/".length));
    if (pathname.startsWith("/widgets/")) return file(response, WIDGETS, pathname.slice("/widgets/".length));
    for (const [method, pattern, handler] of ROUTES) {
        const match = request.method === method && pattern.exec(pathname);
        if (!match) continue;
        authenticate(request);
        return handler(request, response, match[1]);
    }
    throw new Refusal("not_found", "There is no such address.");
}

/** Starts it; resolves to { url, close() }. */
export async function startMock(port = 0) {
    const server = createServer((request, response) => {
        serve(request, response).catch((error) => {
            const code = error instanceof Refusal ? error.code : "internal_error";
            if (!(error instanceof Refusal)) console.error(error);
            if (!response.headersSent) json(response, STATUS[code] ?? 500, problem(code, error.message), "application/problem+json");
            else response.destroy();
        });
    });
    await new Promise((resolve) => server.listen(port, "127.0.0.1", resolve));
    return {
        url: `http://127.0.0.1:${server.address().port}`,
        close() {
            server.close();
            server.closeAllConnections();
        },
    };
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
    const { url } = await startMock(Number(process.argv[2] ?? 0));
    console.log(`listening on ${url}`);
}
