/* What every test of the console needs: a page that is signed in, and the look at a page in all its forms. */
import assert from "node:assert/strict";
import { browserTest, expectNoViolation, network, shot } from "../harness.mjs";
import { stage } from "../widgets/stage.mjs";

/** Signs the page's browser in with a key of the site (its admin's when none is given). */
export async function signIn(page, key = stage.keys.admin_key) {
    const answer = await page.request.post(`${network.url}/v1/console/session`, { data: { key }, maxRetries: 3 }); // a connection that was kept may have been closed meanwhile
    assert.equal(answer.status(), 200, await answer.text());
    return answer.json();
}

/** Opens a page of the console, signed in, and waits until it shows what it is for. */
export async function openConsole(page, path, ready = "main #heading") {
    await signIn(page);
    await page.goto(`${network.url}/admin/${path}`);
    await page.locator(ready).first().waitFor();
    await settled(page);
}

/** Nothing is being read any more. */
export async function settled(page) {
    await page.waitForFunction(() => document.querySelector("lectern-console") && !document.querySelector(".busy, [aria-busy=true]"));
}

/** A test with a page that is signed in and open at `path`. */
export function consoleTest(name, path, body, options = {}) {
    browserTest(`console: ${name}`, options, async (page, t) => {
        await openConsole(page, path);
        await body(page, t);
    });
}

const FORMS = [
    { width: 1440, colorScheme: "light" },
    { width: 1440, colorScheme: "dark" },
    { width: 375, colorScheme: "light" },
    { width: 375, colorScheme: "dark" },
];

/**
 * The look at one page: at both widths, light and dark, no violation of WCAG A and AA, nothing wider than the screen, a picture (console-NAME-WIDTH-SCHEME.png),
 * and at most five requests to load it. prepare(page) may bring it into a state, e.g. open a dialog; `path` may be a function;
 * `expected` as of browserTest.
 */
export function lookAt(name, path, { ready, prepare, expected = [] } = {}) {
    browserTest(`console: the look of ${name}`, { expected }, async (page) => {
        const address = typeof path === "function" ? await path() : path;
        const requests = [];
        await turnTo(page, FORMS[0]);
        await signIn(page);
        page.on("request", (request) => requests.push(request.url()));
        await openPage(page, address, ready);
        const loaded = requests.filter((url) => !url.startsWith("data:"));
        assert.ok(loaded.length <= 5, `at most five requests: ${loaded.join(" ")}`);
        await prepare?.(page);
        for (const form of FORMS) {
            const where = `${name} at ${form.width} px, ${form.colorScheme}`;
            await turnTo(page, form);
            await expectNoViolation(page, where);
            assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${where}: nothing is wider than the screen`);
            await shot(page, `console-${name.replace(/\W+/g, "-")}-${form.width}-${form.colorScheme}`, { fullPage: true });
        }
    });
}

/** Another screen: drawn, and at its beginning. */
async function turnTo(page, { width, colorScheme }) {
    await page.setViewportSize({ width, height: 900 });
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    await page.evaluate(() => {
        scrollTo(0, 0);
        return new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
    });
}

async function openPage(page, path, ready = "main #heading") {
    await page.goto(`${network.url}/admin/${path}`);
    await page.locator(ready).first().waitFor();
    await settled(page);
}
