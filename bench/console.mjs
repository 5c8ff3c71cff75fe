/*
 * How soon a page of the console shows something, and with how many requests: every page of the menu, signed in, on a daemon with the demo.
 * What is measured: from the start of the navigation, in a browser that has nothing of the console in its cache, to the First Contentful Paint, or
 * to the moment that the page's own heading is there, whichever is later: a frame or an empty box would not count. Beside it, as a busy machine
 * changes that figure and hardly this one: the processor time that the page's main thread spent on scripts and in all, until nothing was asked any more.
 * usage: node bench/console.mjs [build/release/src/daemon/lectern] [rounds]   (after `npm run build` in web/; needs Chromium)
 * Ends with status 1 when a page misses a target.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../", import.meta.url));
const { chromium } = createRequire(join(ROOT, "web/package.json"))("playwright-core");
const LECTERN = process.argv[2] ?? join(ROOT, "build/release/src/daemon/lectern");
const ROUNDS = Number(process.argv[3] ?? 7);
const LIMIT_MS = 300, LIMIT_REQUESTS = 5;

const data = await mkdtemp(join(tmpdir(), "lectern-bench-"));
const daemon = spawn(LECTERN, ["serve", "--demo", "--listen", "127.0.0.1:0", "--data", join(data, "var")], { stdio: ["ignore", "pipe", "ignore"] });
const [line] = await once(createInterface({ input: daemon.stdout }), "line");
const url = line.replace("listening on ", "").trim();
const { admin_key: key } = JSON.parse(await readFile(join(data, "var/demo.json"), "utf8"));
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu"] });

/** One load in a browser that has only signed in: nothing is in its cache. */
async function load(path) {
    const context = await browser.newContext({ viewport: { width: 1440, height: 900 } });
    await context.request.post(`${url}/v1/console/session`, { data: { key } });
    const page = await context.newPage();
    const tools = await context.newCDPSession(page);
    await tools.send("Performance.enable", { timeDomain: "threadTicks" });
    await page.addInitScript(noteHeading);
    let requests = 0;
    page.on("request", (request) => (requests += request.url().startsWith("data:") ? 0 : 1));
    await page.goto(`${url}/admin/${path}`);
    await page.locator("main #heading").waitFor();
    await page.waitForLoadState("networkidle");
    const first = await page.evaluate(() => Math.max(performance.getEntriesByName("first-contentful-paint")[0].startTime, window.headingAt));
    const { metrics } = await tools.send("Performance.getMetrics");
    const spent = (name) => metrics.find((one) => one.name === name).value * 1000;
    const menu = await page.locator("#menu a").evaluateAll((links) => links.map((link) => link.getAttribute("href").replace("/admin/", "")));
    await context.close();
    return { first, requests, menu, script: spent("ScriptDuration"), thread: spent("TaskDuration") };
}

/** In the page: when its heading was put there. */
function noteHeading() {
    window.headingAt = Infinity;
    const observer = new MutationObserver(() => {
        if (!document.querySelector("main #heading")?.textContent.trim()) return;
        window.headingAt = performance.now();
        observer.disconnect();
    });
    observer.observe(document, { subtree: true, childList: true, characterData: true });
}

const middle = (figures) => [...figures].sort((a, b) => a - b)[Math.floor(figures.length / 2)];
const { menu } = await load("");
const pages = [...menu, "providers/new", "profiles/new", "scopes/new", "prompts/new", "limits/new", "keys/new"];
const results = [];
for (const path of pages) {
    const loads = [];
    for (let round = 0; round < ROUNDS; round++) loads.push(await load(path));
    const of = (name) => loads.map((one) => one[name]);
    results.push({
        page: path || "(overview)",
        first_ms: middle(of("first")),
        worst_ms: Math.max(...of("first")),
        script_cpu_ms: middle(of("script")),
        thread_cpu_ms: middle(of("thread")),
        requests: Math.max(...of("requests")),
    });
}
await browser.close();
daemon.kill();
await once(daemon, "exit");
await rm(data, { recursive: true, force: true });

const ms = (value) => `${value.toFixed(0).padStart(5)} ms`;
console.log(`of ${ROUNDS} loads each   first content: middle, worst   processor: scripts, all   requests`);
for (const { page, first_ms, worst_ms, script_cpu_ms, thread_cpu_ms, requests } of results)
    console.log(`  ${page.padEnd(22)} ${ms(first_ms)} ${ms(worst_ms)}   ${ms(script_cpu_ms)} ${ms(thread_cpu_ms)} ${String(requests).padStart(6)}`);
await mkdir(join(ROOT, "build/bench"), { recursive: true });
await writeFile(join(ROOT, "build/bench/console.json"), JSON.stringify(results, null, 2) + "\n");
const missed = results.filter((one) => one.first_ms > LIMIT_MS || one.requests > LIMIT_REQUESTS);
console.log(missed.length ? `missed: ${missed.map((one) => one.page).join(", ")}` : `all within ${LIMIT_MS} ms and ${LIMIT_REQUESTS} requests`);
process.exit(missed.length ? 1 : 0);
