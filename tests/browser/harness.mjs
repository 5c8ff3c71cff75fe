/* What every browser test needs: Chromium, the network in between, a page that keeps an eye on itself, axe, pictures. */
import assert from "node:assert/strict";
import { mkdir, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { slowDown, STEP_DEADLINE, TEST_DEADLINE } from "./waiting.mjs";
import { STREAM, startNetwork } from "./network.mjs";

export { eventually } from "./waiting.mjs";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const require = createRequire(join(ROOT, "web/package.json"));
const { chromium } = require("playwright-core");

export const BASE_URL = process.env.BASE_URL;
assert.ok(BASE_URL, "BASE_URL is not set: start the tests with run.mjs");

const FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
];
const STANDARDS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];
export const SHOTS = join(ROOT, "build/screenshots");

export let network;
let browser;
let axeSource;

before(async () => {
    network = await startNetwork(BASE_URL);
    browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", headless: true, args: FLAGS, timeout: TEST_DEADLINE });
    axeSource = await readFile(require.resolve("axe-core/axe.min.js"), "utf8");
    await mkdir(SHOTS, { recursive: true });
});

after(async () => {
    await browser?.close();
    network?.close();
});

/**
 * A test with a page of its own on a calm network. When it ends, the page must not have complained on its console (except for
 * `expected` lines) and must not have asked anything of another host. Unless it is to be the `whole` page, a learner's unit is without its flash
 * cards and the place for a workflow of one's own, whose calls a test of another element would find among those that it counts.
 */
export function browserTest(name, options, body) {
    if (typeof options === "function") [options, body] = [{}, options];
    const { expected = [], whole = false, ...context } = options;
    test(name, { timeout: TEST_DEADLINE }, async (t) => {
        network.calm();
        const session = await browser.newContext({
            viewport: { width: 1280, height: 800 },
            reducedMotion: "reduce",
            locale: "en-GB",
            permissions: ["clipboard-read", "clipboard-write"],
            ...context,
        });
        const page = await session.newPage();
        page.setDefaultTimeout(STEP_DEADLINE);
        await slowDown(page);
        await page.addInitScript(countReads, STREAM);
        if (!whole) await page.addInitScript(leaveOut);
        network.read = (...passed) => page.waitForFunction(([stream, bytes]) => (window.streamBytesRead[stream] ?? 0) >= bytes, passed);
        const complaints = [];
        const strangers = [];
        page.on("console", (message) => {
            if (["error", "warning"].includes(message.type())) complaints.push(message.text());
        });
        page.on("pageerror", (error) => complaints.push(String(error)));
        page.on("request", (request) => {
            if (!request.url().startsWith(network.url + "/") && !request.url().startsWith("data:")) strangers.push(request.url());
        });
        try {
            await body(page, t);
            assert.deepEqual(
                complaints.filter((line) => !expected.some((pattern) => pattern.test(line))),
                [],
                "the console must stay quiet",
            );
            assert.deepEqual(strangers, [], "nothing may be asked of another host");
        } catch (error) {
            await page.screenshot({ path: join(SHOTS, `failed-${name.replace(/\W+/g, "-").slice(0, 60)}.png`) }).catch(() => undefined);
            throw error;
        } finally {
            await session.close();
        }
    });
}

export const wholePageTest = (name, ...rest) => browserTest(name, { whole: true, ...(rest.length > 1 ? rest[0] : {}) }, rest.at(-1));

/** In the page: before modules run, which they do when all has been read. */
function leaveOut() {
    const others = 'lectern-flashcards[ui-slot="cards"], lectern-slot[ui-slot="yours"]';
    document.addEventListener("readystatechange", () => document.querySelectorAll(others).forEach((element) => element.remove()), { once: true });
}

/** In the page: how much of each streamed answer its scripts have read, and how many JSON answers they have read and dealt with. */
function countReads(header) {
    window.streamBytesRead = {};
    window.jsonAnswersRead = 0;
    const numbers = new WeakMap(); // of bodies and their readers
    const { fetch } = window;
    window.fetch = async (...args) => {
        const answer = await fetch(...args);
        const number = answer.headers.get(header);
        if (number) numbers.set(answer.body, number);
        return answer;
    };
    const { getReader } = ReadableStream.prototype;
    ReadableStream.prototype.getReader = function (...args) {
        const reader = getReader.apply(this, args);
        numbers.set(reader, numbers.get(this));
        return reader;
    };
    const { read } = ReadableStreamDefaultReader.prototype;
    ReadableStreamDefaultReader.prototype.read = async function (...args) {
        const result = await read.apply(this, args);
        const number = numbers.get(this);
        if (number) window.streamBytesRead[number] = (window.streamBytesRead[number] ?? 0) + (result.value?.length ?? 0);
        return result;
    };
    const { json } = Response.prototype;
    Response.prototype.json = function () {
        return json.call(this).finally(() => setTimeout(() => window.jsonAnswersRead++));
    };
}

/** Chromium itself reports these when a request fails; nothing in the page can prevent it. */
export const FAILED_REQUEST = /^Failed to load resource/;

/** Opens a unit as a learner who has, or has not, accepted the policy, and waits for the widget's buttons. */
export async function openUnit(page, unit, { policy = true, buttons = true } = {}) {
    await setPolicy(unit, policy);
    await page.goto(`${network.url}/demo/units/${unit}`);
    if (buttons) await page.locator("lectern-assist button").first().waitFor();
    network.log.length = 0;
    return widget(page);
}

/** As the learner of the demo pages, past the network and the browser. */
async function setPolicy(unit, accepted) {
    const html = await (await fetch(`${BASE_URL}/demo/units/${unit}`)).text();
    const token = /<meta name="lectern-token" content="([^"]+)">/.exec(html)?.[1];
    assert.ok(token, "the page must carry a token");
    const call = (method, body) =>
        fetch(`${BASE_URL}/v1/policy`, {
            method,
            headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json" },
            ...(body && { body: JSON.stringify(body) }),
        });
    const withdrawn = await call("DELETE");
    assert.ok(withdrawn.ok, `DELETE /v1/policy answered ${withdrawn.status}`);
    if (!accepted) return;
    const { version } = await (await call("GET")).json();
    const put = await call("PUT", { accepted: true, version });
    assert.ok(put.ok, `PUT /v1/policy answered ${put.status}`);
}

/** The parts of the widget, as a person would name them. */
export function widget(page) {
    const root = page.locator("lectern-assist");
    return {
        root,
        action: (name) => root.locator(`button[data-action="${name}"]`),
        panel: root.locator("#panel"),
        answer: root.locator(".answer"),
        announcer: root.locator("[role=status]"),
        problem: root.locator(".problem"),
        button: (name) => root.locator("#panel").getByRole("button", { name, exact: true }),
        text: async () => (await root.locator(".answer p").allTextContents()).join("\n\n"),
        done: () => root.locator(".caution").waitFor(),
        announced: (text) => page.waitForFunction((expected) => {
            const status = document.querySelector("lectern-assist")?.shadowRoot?.querySelector("[role=status]");
            return status?.textContent === expected;
        }, text),
    };
}

/** Writes down every state of the texts of a part of the widget, from now on: what is shown for a moment only is not missed. */
export async function recordTexts(page, selector) {
    await page.evaluate((part) => {
        const root = document.querySelector("lectern-assist").shadowRoot;
        const states = ((window.recorded ??= {})[part] = []);
        new MutationObserver(() => {
            const text = [...root.querySelectorAll(part)].map((element) => element.textContent).join("\n\n");
            if (text !== states.at(-1)) states.push(text);
        }).observe(root, { subtree: true, childList: true, characterData: true });
    }, selector);
    return () => page.evaluate((part) => window.recorded[part], selector);
}

export const recordGrowth = (page) => recordTexts(page, ".answer p");
export const recordAnnouncements = (page) => recordTexts(page, "[role=status]");

/** White space at the end of an unfinished paragraph is not shown, so it is not compared. */
export const squeeze = (text) => text.replace(/\s+/g, " ").trim();

/** All rules of the standards, on the page as it is now. Only what is wrong is described and sent here: the rest is most of the work. */
export async function expectNoViolation(page, where) {
    if (!(await page.evaluate(() => "axe" in window))) await page.evaluate(axeSource);
    const found = await page.evaluate(async (tags) => {
        const { violations, passes } = await window.axe.run(document, { runOnly: tags, resultTypes: ["violations"] });
        if (passes.length === 0) throw new Error("axe has looked at nothing");
        return violations.map((one) => `${one.id}: ${one.nodes.map((node) => node.target.join(" ")).join("; ")}`);
    }, STANDARDS);
    assert.deepEqual(found, [], `accessibility of ${where}`);
}

export async function shot(page, name, options = {}) {
    await page.screenshot({ path: join(SHOTS, `${name}.png`), ...options });
}

/** The text of the element that has the focus, looked up through shadow roots. */
export function focused(page) {
    return page.evaluate(() => {
        let element = document.activeElement;
        while (element?.shadowRoot?.activeElement) element = element.shadowRoot.activeElement;
        return element?.id || element?.getAttribute("aria-label") || element?.textContent?.trim() || "";
    });
}
