/*
 * The stage of the tests of the Open edX door: Chromium, an LMS and its other origins (lms.mjs), a daemon of its own, the double of an AI
 * service behind it. The daemon is that of the build directory LECTERN_BUILD; without one, `missing` says so and the tests are skipped.
 */
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { mkdir, mkdtemp, open, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { slowDown, STEP_DEADLINE, TEST_DEADLINE } from "../waiting.mjs";
import { makeIssuer, startLms } from "./lms.mjs";
import { PROXIES, startProxy } from "./proxies.mjs";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const BUILD = process.env.LECTERN_BUILD && resolve(ROOT, process.env.LECTERN_BUILD);
const LECTERN = BUILD && join(BUILD, "src/daemon/lectern");
const SHOTS = join(ROOT, "build/screenshots");
const FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

export const COURSE = "course-v1:Org+Course+Run";
export const UNIT = "block-v1:Org+Course+Run+type@vertical+block@unit1";
export const LEARNER = "wilhelmina"; /* no hexadecimal word: that could stand in a hash */
export const POLICY = "Answers here are made by software.";

/* slot → template, patch */
const PROFILES = {
    ask: ["base/blank.json5", { actuator_config: { UIComponents: { request: { config: { buttonText: "Ask the tutor" } } } } }],
    stream: ["base/blank.json5", { processor_config: { LLMProcessor: { stream: true } } }],
    mock: ["mock/mock.json5", {}],
    "mock-stream": ["mock/mock_streaming.json5", {}],
};

export const missing = !LECTERN ? "LECTERN_BUILD is not set" : !existsSync(LECTERN) ? "the build has no daemon" : false;

/** What setting up fills: issuer, lms, mfe, stranger, upstream, browser; addresses: studio, lectern, and those of PROXIES that there are. */
export const stage = {};
const processes = [];
let data;

let ready; /* the setting-up, begun by the first test that needs it */

after(tearDown);

async function firstLines(child, n) {
    const lines = [];
    for await (const line of createInterface({ input: child.stdout })) if (lines.push(line) === n) return lines;
    throw new Error(`the process ended after ${lines.length} lines`);
}

async function setUp() {
    data = await mkdtemp(join(tmpdir(), "lectern-openedx-"));
    await mkdir(SHOTS, { recursive: true });
    stage.upstream = await startUpstream();
    await startPlatform();
    await configure();
    stage.lectern = await startDaemon();
    stage.lms.door = stage.lectern;
    for (const name of Object.keys(PROXIES).filter((each) => PROXIES[each].program)) {
        const { url, child } = await startProxy(name, join(data, name), stage.lms.url, stage.lectern);
        stage[name] = url;
        processes.push(child);
    }
    const { chromium } = createRequire(join(ROOT, "web/package.json"))("playwright-core");
    stage.browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", headless: true, args: FLAGS, timeout: TEST_DEADLINE });
}

async function tearDown() {
    await stage.browser?.close();
    for (const name of ["lms", "mfe", "stranger"]) stage[name]?.close();
    for (const child of processes.reverse()) {
        child.kill("SIGTERM");
        if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
        if (child.spawnfile === LECTERN) assert.equal(child.exitCode, 0, "the daemon must end well when asked");
    }
    const log = data && existsSync(join(data, "log")) ? readFileSync(join(data, "log"), "utf8") : "";
    if (data) await rm(data, { recursive: true, force: true });
    assert.ok(!/Sanitizer|runtime error/.test(log.replace(/.*makecontext.*/g, "")), log.slice(-4000));
}

/** The LMS, its micro-frontends at another origin that the site knows, and an origin that nobody knows. One host: they share the cookies. */
async function startPlatform() {
    stage.lms = await startLms({ user: LEARNER });
    stage.issuer = makeIssuer(`${stage.lms.url}/oauth2`);
    stage.lms.issuer = stage.issuer;
    stage.mfe = await startLms();
    stage.stranger = await startLms();
    stage.studio = `http://localhost:${stage.lms.port}`;
}

/** lectern ARGS on the daemon's data, also while it runs: it notices within a second. */
export function cli(...args) {
    return execFileSync(LECTERN, [...args, "--data", join(data, "var")], { encoding: "utf8", timeout: TEST_DEADLINE });
}

/** As the guide in integrations/openedx says, with a course of the tests' own. */
async function configure() {
    const { issuer, lms, mfe, upstream } = stage;
    cli("site", "add", "lms", "--name", "The LMS");
    cli("site", "set", "lms", `lms_hosts=["127.0.0.1:${lms.port}"]`, 'cms_hosts=["localhost"]', `cors_origins=["${mfe.url}","${lms.url}"]`);
    cli("issuer", "set", issuer.iss, issuer.aud, "--site", "lms", "--alg", "RS512", "--jwks-url", `${lms.url}/auth/jwks.json`);
    const config = [`endpoint=${upstream.url}/v1`, "model=m", "api_key=test-key-123", "retries=0", "breaker_faults=0"];
    cli("provider", "add", "double", "--site", "lms", "--plugin", "openai", ...config);
    for (const [slot, [template, patch]] of Object.entries(PROFILES)) {
        cli("profile", "add", slot, "--site", "lms", `base_filepath=${template}`, `content_patch=${JSON.stringify(patch)}`);
        cli("scope", "add", "--site", "lms", "--profile", slot, `course_id=${COURSE}`, `ui_slot_selector_id=${slot}`);
    }
    await writeFile(join(data, "policy"), POLICY);
    cli("policy", "set", "1", "--site", "lms", "--file", join(data, "policy"));
    const forStudio = { actuator_config: { UIComponents: { request: { config: { buttonText: "For authors" } } } } };
    cli("profile", "add", "studio", "--site", "lms", "base_filepath=mock/mock.json5", `content_patch=${JSON.stringify(forStudio)}`);
    cli("scope", "add", "--site", "lms", "--profile", "studio", `course_id=${COURSE}`, "ui_slot_selector_id=ask", "service_variant=cms");
}

async function startDaemon() {
    const errors = await open(join(data, "log"), "w");
    const child = spawn(LECTERN, ["serve", "--listen", "127.0.0.1:0", "--data", join(data, "var"), "--trusted-proxies", "127.0.0.1"], {
        stdio: ["ignore", "pipe", errors.fd],
    });
    processes.push(child);
    const [line] = await firstLines(child, 1).catch((error) => {
        throw new Error(`the daemon did not start: ${error.message}\n${readFileSync(join(data, "log"), "utf8")}`);
    });
    await errors.close();
    assert.match(line, /^listening on /);
    return line.slice("listening on ".length);
}

/* ---- the double of an AI service: tests/system/double/upstream.py ---- */

async function startUpstream() {
    const program = join(ROOT, "tests/system/double/upstream.py");
    const child = spawn("/usr/bin/python3", ["-B", program, "--port", "0"], { stdio: ["ignore", "pipe", "inherit"] });
    processes.push(child);
    const [port] = await firstLines(child, 2);
    const url = `http://127.0.0.1:${port}`;
    const control = async (path, options) => (await fetch(url + path, options)).json();
    return {
        url,
        requests: async () => (await control("/control/requests")).requests,
        /** How many pieces of an answer with gate=1 it writes. */
        let: (pieces) => control("/control", { method: "POST", body: JSON.stringify({ let: pieces }) }),
        /** How it answers from now on, see upstream.py; what it has noted is forgotten. */
        async play(scenario) {
            await control("/control/requests", { method: "DELETE" });
            await control("/control", { method: "POST", body: JSON.stringify({ clear: true, default: scenario }) });
        },
    };
}

/** Asks until it is true; its value. */
export async function until(condition, what) {
    const end = Date.now() + STEP_DEADLINE;
    for (;;) {
        const value = await condition();
        if (value) return value;
        assert.ok(Date.now() < end, `${what} did not become true in ${STEP_DEADLINE} ms`);
        await new Promise((resolve) => setTimeout(resolve, 20));
    }
}

/* ---- tests ---- */

/**
 * A test with a browser of its own, whose visitor the LMS has signed in. When it ends, the page must not have complained on its console,
 * except for `expected` lines.
 */
export function doorTest(name, { expected = [], skip = false }, body) {
    test(`Open edX door: ${name}`, { timeout: TEST_DEADLINE, skip: missing || skip }, async () => {
        await (ready ??= setUp());
        stage.lms.instead = null;
        await stage.upstream.play("ok");
        const session = await stage.browser.newContext({ locale: "en-GB" });
        const page = await session.newPage();
        page.setDefaultTimeout(STEP_DEADLINE);
        await slowDown(page);
        const complaints = [];
        page.on("console", (message) => {
            if (["error", "warning"].includes(message.type())) complaints.push(message.text());
        });
        page.on("pageerror", (error) => complaints.push(String(error)));
        try {
            await page.goto(`${stage.lms.url}/?slot=nowhere&course=${encodeURIComponent(COURSE)}`); /* the visit that sets the cookies */
            await page.waitForFunction(() => document.documentElement.dataset.ready);
            stage.lms.log.length = 0;
            await body(page, session);
            assert.deepEqual(complaints.filter((line) => !expected.some((pattern) => pattern.test(line))), [], "the console must stay quiet");
        } catch (error) {
            await page.screenshot({ path: join(SHOTS, `failed-openedx-${name.replace(/\W+/g, "-").slice(0, 60)}.png`) }).catch(() => undefined);
            throw error;
        } finally {
            await session.close();
        }
    });
}

/** Opens the unit's page at an origin, its widget for a slot calling the API at `base`, and waits until profile/ is answered. */
export async function openWidget(page, { origin = stage.lms.url, base = "", slot, action = "" }) {
    const query = new URLSearchParams({ course: COURSE, location: UNIT, slot, base, ...(action && { action }) });
    await page.goto(`${origin}/?${query}`);
    await page.waitForFunction(() => document.documentElement.dataset.ready);
    return widget(page);
}

export function widget(page) {
    const part = (id) => page.locator(`#${id}`);
    return {
        root: part("assistant"),
        button: part("ask"),
        question: part("question"),
        answer: part("answer"),
        problem: part("problem"),
        ask: async (text = "Why does it rain?") => {
            assert.ok(await part("assistant").isVisible(), "the widget is hidden");
            await part("question").fill(text);
            await part("ask").click();
        },
        /** Waits for the end, good or bad. */
        ended: () => page.waitForFunction(() => !document.getElementById("ask").disabled),
        code: () => part("problem").getAttribute("data-code"),
    };
}
