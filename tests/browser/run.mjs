/*
 * Runs the browser tests and prints one line per test and a last line "N passed, N failed, N skipped".
 *
 * BASE_URL   the daemon to test, e.g. http://127.0.0.1:8080 (started with --demo). Or
 * DEMO_JSON  the demo.json that it wrote, which holds its base_url. Without both, the stand-in of mock-server.mjs is used.
 * CHROMIUM   the browser, /usr/bin/chromium when not set.
 * Arguments: files to run, all *.test.mjs when there are none. Exit status 1 when a test failed, 77 when none could be run.
 */
import { spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { startMock } from "./mock-server.mjs";

const HERE = fileURLToPath(new URL(".", import.meta.url));

function skipAll(why) {
    console.log(`browser tests not run: ${why}`);
    process.exit(77);
}

if (!existsSync(process.env.CHROMIUM ?? "/usr/bin/chromium")) skipAll("there is no Chromium");
if (!existsSync(HERE + "../../web/node_modules/playwright-core")) skipAll("web packages are not installed (npm ci in web/)");
if (!existsSync(HERE + "../../web/dist/lectern-widgets.js")) skipAll("the widgets are not built (npm run build in web/)");

const fromFile = process.env.DEMO_JSON && JSON.parse(readFileSync(process.env.DEMO_JSON, "utf8")).base_url;
const given = process.env.BASE_URL || fromFile;
const mock = given ? null : await startMock();
const base = (given || mock.url).replace(/\/+$/, "");
console.log(`browser tests against ${mock ? "the stand-in" : base}`);

/* Pictures of failures of an earlier run would only mislead. */
const shots = HERE + "../../build/screenshots/";
for (const name of existsSync(shots) ? readdirSync(shots) : []) if (name.startsWith("failed-")) rmSync(shots + name);

const totals = { passed: 0, failed: 0, skipped: 0 };

/** What a file's lines say; the details of a failure are the indented lines below it. */
function makeNote() {
    let failing = false;
    return (line) => {
        const match = /^(not )?ok \d+ - (.*?)(?: # (SKIP|TODO)(.*))?$/.exec(line);
        if (!match) {
            if (/^ +(error|code|expected|actual|stack|location|failureType):|^ {4,}\S/.test(line) && failing) console.log(line);
            return;
        }
        const [, not, name, skip, why] = match;
        failing = Boolean(not);
        totals[not ? "failed" : skip ? "skipped" : "passed"]++;
        console.log(`${not ? "FAILED " : skip ? "skipped" : "passed "} ${name}${why ?? ""}`);
    };
}

async function runFile(file) {
    let failed = false;
    const note = makeNote();
    const child = spawn(process.execPath, ["--test-reporter=tap", HERE + file], {
        env: { ...process.env, BASE_URL: base },
        stdio: ["ignore", "pipe", "inherit"],
    });
    createInterface({ input: child.stdout }).on("line", (line) => {
        failed ||= /^not ok /.test(line);
        note(line);
    });
    const status = await new Promise((resolve) => child.on("close", resolve));
    if (status !== 0 && !failed) {
        totals.failed++;
        console.log(`FAILED  ${file} ended with status ${status}`);
    }
}

/*
 * Three at a time on two cores, since they wait a good deal. Files with a daemon of their own run beside others, the longest first; the rest
 * share one daemon and its learner.
 */
const OWN = ["console.test.mjs", "widgets.test.mjs", "authors.test.mjs", "path.test.mjs", "openedx.test.mjs"];
const files = process.argv.length > 2 ? process.argv.slice(2) : readdirSync(HERE).filter((name) => name.endsWith(".test.mjs"));
const waiting = [...OWN.filter((name) => files.includes(name)).map((name) => [name]), files.filter((name) => !OWN.includes(name)).sort()];

async function work() {
    for (let next = waiting.shift(); next; next = waiting.shift()) for (const file of next) await runFile(file);
}

await Promise.all([work(), work(), work()]);
mock?.close();
console.log(`${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped`);
process.exit(totals.failed ? 1 : 0);
