/* <lectern-assist> on the demo pages. Runs against the daemon or the stand-in; the network in between does the misbehaving. */
import assert from "node:assert/strict";
import {
    browserTest,
    eventually,
    expectNoViolation,
    FAILED_REQUEST,
    focused,
    network,
    openUnit,
    recordAnnouncements,
    recordGrowth,
    recordTexts,
    shot,
    squeeze,
    widget,
} from "./harness.mjs";

const POST = /^\/v1\/actions\/summarise_text$/;
const CALL = /^\/v1\/actions\/calls\/[^/]+$/;
const RESUME = /^\/v1\/actions\/calls\/[^/]+\/stream$/;
const SLOW = { bytes: 60, ms: 25 };
/* Bytes of an event stream: the answer has begun, and is far from its end. */
const BEGUN = 900;

/** Answers the next request of that kind in the server's place. */
async function fake(page, pattern, status, body, headers = {}) {
    await page.route(pattern, (route) =>
        route.fulfill({
            status,
            headers: { "Content-Type": status < 400 ? "application/json" : "application/problem+json", ...headers },
            body: JSON.stringify(body),
        }),
    );
}

/** Waits until something was in a record, be it there still or not. */
const recorded = (states, text) => eventually(async () => (await states()).some((state) => state.trim() === text), true, `'${text}' must be shown`);

/** All that the page has sent so far has come through the network when this returns. */
const sent = (page) => page.evaluate(() => fetch("/demo/").then((response) => response.text()));

const problem = (status, code, more = {}) => ({ type: "about:blank", title: code, status, code, detail: "<img src=x>", ...more });

browserTest("main flow: policy, summary that grows as it is written, done", async (page) => {
    const assist = await openUnit(page, "plants", { policy: false });
    await shot(page, "1-unit");
    await expectNoViolation(page, "the unit");
    await assist.action("summarise_text").click();

    await assist.button("Accept").waitFor();
    assert.ok((await assist.panel.innerText()).includes("Before you begin"));
    assert.equal(network.count("POST", POST), 0, "nothing may be sent before the policy is accepted");
    await shot(page, "2-policy");
    await expectNoViolation(page, "the policy");

    network.slow = SLOW;
    network.hold = BEGUN;
    const growth = await recordGrowth(page);
    await assist.button("Accept").click();
    await assist.announced("Writing…");
    await eventually(async () => (await growth()).at(-1)?.length > 60, true, "the text grows");
    assert.equal(await assist.answer.getAttribute("aria-busy"), "true");
    await shot(page, "3-writing");
    await expectNoViolation(page, "writing");

    network.hold = null;
    await assist.done();
    await assist.announced("Done");
    await eventually(() => assist.answer.getAttribute("aria-busy"), "false");
    await shot(page, "4-done");
    await expectNoViolation(page, "done");

    const steps = await growth();
    assert.ok(steps.length >= 2, `the text must grow, but had ${steps.length} states`);
    for (let i = 1; i < steps.length; i++) {
        assert.ok(squeeze(steps[i]).startsWith(squeeze(steps[i - 1])), `shown text changed: ${steps[i - 1]} -> ${steps[i]}`);
    }
    assert.equal(network.count("PUT", /^\/v1\/policy$/), 1);
    assert.equal(network.count("POST", POST), 1);
});

browserTest("the policy is asked once: a second visit goes straight to the answer", async (page) => {
    let assist = await openUnit(page, "membrane", { policy: false });
    await assist.action("summarise_text").click();
    await assist.button("Accept").click();
    await assist.done();
    await page.goto(`${network.url}/demo/units/plants`);
    assist = widget(page);
    await assist.action("summarise_text").click();
    await assist.done();
    assert.equal(network.count("PUT", /^\/v1\/policy$/), 1);
});

browserTest("'Not now' closes the panel and sends nothing", async (page) => {
    const assist = await openUnit(page, "plants", { policy: false });
    await assist.action("summarise_text").click();
    await assist.button("Not now").click();
    await assist.panel.waitFor({ state: "hidden" });
    await eventually(() => focused(page), "Summarise");
    await sent(page);
    assert.equal(network.count("PUT", /./) + network.count("POST", /./), 0);
});

browserTest("keyboard only, with the focus always somewhere sensible", async (page) => {
    const assist = await openUnit(page, "plants", { policy: false });
    await page.keyboard.press("Tab");
    await eventually(() => focused(page), "Skip to the unit");
    await page.keyboard.press("Enter");
    await eventually(() => focused(page), "content", "the link leads into the unit");
    await page.keyboard.press("Tab");
    await eventually(() => focused(page), "Summarise");
    assert.equal(await assist.action("summarise_text").getAttribute("aria-expanded"), "false");
    await page.keyboard.press("Enter");
    await assist.button("Accept").waitFor();
    await eventually(() => focused(page), "panel", "opening moves the focus into the panel");
    await eventually(() => assist.action("summarise_text").getAttribute("aria-expanded"), "true");

    for (const stop of ["Close", "policy-title", "Accept"]) {
        await page.keyboard.press("Tab");
        if (stop !== "policy-title") await eventually(() => focused(page), stop);
    }
    network.hold = BEGUN;
    await page.keyboard.press("Space");
    await assist.button("Stop").waitFor();
    await eventually(() => focused(page), "panel", "the focus does not fall out when Accept goes away");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Tab");
    await eventually(() => focused(page), "Stop");
    network.hold = null;
    await assist.done();
    await eventually(() => focused(page), "panel", "the focus does not fall out when Stop goes away");
    await page.keyboard.press("Escape");
    await assist.panel.waitFor({ state: "hidden" });
    await eventually(() => focused(page), "Summarise", "closing gives the focus back");

    await page.keyboard.press("Space");
    await assist.done();
    assert.equal(network.count("POST", POST), 1, "an answer that is there already is shown again, not made again");
});

browserTest("Stop tells the server and stops", async (page) => {
    const assist = await openUnit(page, "plants");
    network.hold = BEGUN;
    await assist.action("summarise_text").click();
    await page.locator("lectern-assist .answer p").first().waitFor();
    await assist.button("Stop").click();
    await assist.announced("Stopped");
    const stopped = await assist.text();
    assert.ok(stopped.length > 0, "what has arrived stays");
    network.hold = null;
    const ofKind = (kind) => network.log.filter(({ method }) => method === kind);
    await eventually(() => ofKind("POST").map(({ ended }) => ended), [true], "the stream is left");
    await eventually(() => ofKind("DELETE").map(({ path, status }) => [CALL.test(path), status]), [[true, 200]], "the server is told once");
    await sent(page);
    assert.equal(await assist.text(), stopped, "nothing more arrives");
    assert.equal(network.count("DELETE", CALL), 1);
    await shot(page, "5-stopped");
    await expectNoViolation(page, "stopped");
});

browserTest("Try again makes a new call", async (page) => {
    const assist = await openUnit(page, "plants");
    await assist.action("summarise_text").click();
    await assist.done();
    const first = await assist.text();
    const again = page.waitForResponse((response) => response.request().method() === "POST");
    await assist.button("Try again").click();
    await again;
    await assist.done();
    assert.equal(network.count("POST", POST), 2);
    assert.ok(first.length > 0 && (await assist.text()).length > 0);
});

browserTest("Copy puts the answer on the clipboard and says so", async (page) => {
    const assist = await openUnit(page, "plants");
    await assist.action("summarise_text").click();
    await assist.done();
    const labels = await recordTexts(page, ".copy");
    await assist.button("Copy").click();
    await assist.announced("Copied");
    await recorded(labels, "Copied");
    const clipboard = await page.evaluate(() => navigator.clipboard.readText());
    assert.equal(squeeze(clipboard), squeeze(await assist.text()));
    await assist.button("Copy").waitFor();
});

for (const cuts of [[150], [400], [260, 90, 300], [333]]) {
    browserTest(`a connection cut after ${cuts.join(", ")} bytes: no word is lost, none comes twice`, { expected: [/ERR_/] }, async (page) => {
        const assist = await openUnit(page, "plants");
        await assist.action("summarise_text").click();
        await assist.done();
        const whole = await assist.text();

        /* The second answer is cut. Only the deltas are watched: the last event brings the whole text and could hide a fault. */
        const growth = await recordGrowth(page);
        network.log.length = 0;
        network.slow = { bytes: 120, ms: 10 };
        network.cuts = [...cuts];
        await assist.button("Try again").click();
        await assist.done();
        assert.equal(await assist.text(), whole);
        const steps = (await growth()).filter((step) => squeeze(step) !== "");
        for (const step of steps.slice(1)) assert.ok(squeeze(whole).startsWith(squeeze(step)), `lost or doubled: ${step}`);
        assert.equal(network.count("GET", RESUME), cuts.length);
        assert.equal(network.count("POST", POST), 1);
        const asked = network.log.filter((entry) => RESUME.test(entry.path)).map((entry) => Number(entry.headers["last-event-id"]));
        assert.ok(asked.every((id) => id >= 1), `Last-Event-ID: ${asked}`);
    });
}

browserTest("a connection that stays down: calm words, the text so far, and another try", { expected: [/ERR_/] }, async (page) => {
    const assist = await openUnit(page, "plants");
    network.hold = BEGUN;
    await assist.action("summarise_text").click();
    await page.locator("lectern-assist .answer p").first().waitFor();
    const announcements = await recordAnnouncements(page);
    network.down = true;
    await recorded(announcements, "The connection was lost. Reconnecting…");
    await shot(page, "6-reconnecting");
    await assist.problem.waitFor();
    assert.equal(await assist.problem.innerText(), "The connection was lost. Check your network and try again.");
    assert.ok((await assist.text()).length > 0, "what has arrived stays");
    await shot(page, "7-connection-lost");
    await expectNoViolation(page, "connection lost");
    network.calm();
    await assist.button("Try again").click();
    await assist.done();
});

browserTest("closing the panel while it writes stops the call", async (page) => {
    const assist = await openUnit(page, "plants");
    network.hold = BEGUN;
    await assist.action("summarise_text").click();
    await page.locator("lectern-assist .answer p").first().waitFor();
    await page.keyboard.press("Escape");
    await assist.panel.waitFor({ state: "hidden" });
    await eventually(() => network.count("DELETE", CALL), 1);
});

browserTest("leaving the page stops the call", async (page) => {
    const assist = await openUnit(page, "plants");
    network.hold = BEGUN;
    await assist.action("summarise_text").click();
    await page.locator("lectern-assist .answer p").first().waitFor();
    await page.goto(`${network.url}/demo/`);
    await eventually(() => network.count("DELETE", CALL), 1);
});

browserTest("both actions: one panel, one answer each", async (page, t) => {
    const assist = await openUnit(page, "plants");
    if ((await assist.action("explain_text").count()) === 0) return t.skip("the server offers no explain_text here");
    await assist.action("summarise_text").click();
    await assist.done();
    const summary = await assist.text();
    await assist.action("explain_text").click();
    await assist.panel.getByRole("heading", { name: "Explanation" }).waitFor();
    await assist.done();
    assert.notEqual(await assist.text(), summary);
    await assist.action("summarise_text").click();
    await eventually(() => assist.text(), summary);
    await eventually(() => assist.action("explain_text").getAttribute("aria-expanded"), "false");
});

browserTest("the text that is sent is the visible text of the article, without the widget's own words", async (page) => {
    let sent;
    page.on("request", (request) => {
        if (request.method() === "POST") sent = request.postDataJSON();
    });
    const assist = await openUnit(page, "centre");
    await page.evaluate(() => {
        const hidden = document.createElement("p");
        hidden.textContent = "INVISIBLE";
        hidden.hidden = true;
        document.querySelector("main article").append(hidden);
    });
    await assist.action("summarise_text").click();
    await assist.done();
    assert.equal(sent.stream, true);
    assert.deepEqual(sent.context, { placement: "course_assist", course_id: "course-v1:Lectern+Demo+2026", location_id: "centre" });
    const { text } = sent.input;
    assert.ok(text.startsWith("Centre and spread: describing a set of numbers\n\nEleven students were asked"), text.slice(0, 90));
    assert.ok(text.includes("\n\nMedian | 15.0 | 13.5\n\n"), "table rows stay readable");
    assert.ok(!/INVISIBLE|Summarise|not available/.test(text));
    assert.ok(!/[^\S\n]{2}|\n{3}/.test(text), "white space is collapsed");
});

browserTest("markup in an answer is shown as text (network: answer replaced)", async (page) => {
    const assist = await openUnit(page, "plants");
    const content = '<img src=x onerror="window.pwned=1">\n\n<script>window.pwned=1</script>';
    await fake(page, "**/v1/actions/summarise_text", 200, { success: true, response: { generated_content: content } });
    await assist.action("summarise_text").click();
    await assist.done();
    assert.equal(await assist.text(), content);
    assert.equal(await assist.answer.locator("img, script").count(), 0);
    assert.equal(await page.evaluate(() => window.pwned), undefined);
});

browserTest("nothing is shown when no action is available (network: answer replaced)", async (page) => {
    const actions = ["summarise_text", "explain_text"].map((name) => ({ name, available: false, reason: "permission_denied" }));
    await fake(page, "**/v1/actions?*", 200, { actions });
    const assist = await openUnit(page, "plants", { buttons: false });
    /* Each of the page's two elements asks what there is and, since there is nothing, whether it is for staff to know why. */
    await page.waitForFunction(() => window.jsonAnswersRead >= 4);
    assert.equal(await assist.root.isVisible(), false);
    assert.equal(await assist.root.locator("button").count(), 0);
    await expectNoViolation(page, "a unit without the assistant");
});

browserTest("an action that turns out to be missing once the policy is accepted (network: answer replaced)", async (page) => {
    const list = (names, state) => fake(page, "**/v1/actions?*", 200, { actions: names.map((name) => ({ name, ...state })) });
    await list(["summarise_text", "explain_text"], { available: false, reason: "policy_not_accepted" });
    const assist = await openUnit(page, "plants", { policy: false });
    await assist.action("explain_text").click();
    await assist.button("Accept").waitFor();
    await page.unroute("**/v1/actions?*");
    await list(["summarise_text"], { available: true });
    await assist.button("Accept").click();
    await assist.problem.waitFor();
    assert.equal(await assist.problem.innerText(), "The assistant is not available here.");
    assert.equal(await assist.action("explain_text").count(), 0);
    assert.equal(network.count("POST", /./), 0);
    await page.keyboard.press("Escape");
    await assist.panel.waitFor({ state: "hidden" });
    await eventually(() => focused(page), "Summarise", "the button is gone, so the focus goes to the first one");
});

browserTest("only what is available is shown (network: answer replaced)", async (page) => {
    const actions = [
        { name: "summarise_text", available: true },
        { name: "explain_text", available: false, reason: "placement_disabled" },
    ];
    await fake(page, "**/v1/actions?*", 200, { actions });
    const assist = await openUnit(page, "plants");
    assert.equal(await assist.action("summarise_text").count(), 1);
    assert.equal(await assist.action("explain_text").count(), 0);
});

browserTest("nothing is shown when the server cannot be asked (network: answer replaced)", { expected: [FAILED_REQUEST] }, async (page) => {
    await fake(page, "**/v1/actions?*", 401, problem(401, "unauthenticated"));
    const assist = await openUnit(page, "plants", { buttons: false });
    await page.waitForFunction(() => window.jsonAnswersRead >= 2);
    assert.equal(await assist.root.isVisible(), false);
});

const ERRORS = [
    [502, "upstream_unavailable", "The assistant cannot be reached just now. Please try again in a moment.", true],
    [504, "upstream_timeout", "The answer took too long. Please try again.", true],
    [403, "course_disabled", "The assistant is not available here.", false],
    [401, "unauthenticated", "Your session has ended. Reload the page and try again.", false],
    [413, "body_too_large", "This text is too long for the assistant.", false],
    [500, "something_new", "Something went wrong. Please try again.", true],
];
for (const [status, code, sentence, retry] of ERRORS) {
    browserTest(`${code} is told calmly (network: answer replaced)`, { expected: [FAILED_REQUEST] }, async (page) => {
        const assist = await openUnit(page, "plants");
        await fake(page, "**/v1/actions/summarise_text", status, problem(status, code));
        await assist.action("summarise_text").click();
        await assist.problem.waitFor();
        assert.equal(await assist.problem.innerText(), sentence);
        await assist.announced(sentence);
        assert.equal(await assist.button("Try again").count(), retry ? 1 : 0);
        if (status === 502) {
            await shot(page, "8-problem");
            await expectNoViolation(page, "a problem");
            await page.unroute("**/v1/actions/summarise_text");
            await assist.button("Try again").click();
            await assist.done();
        }
    });
}

browserTest("429 tells when to try again, and waits (network: answer replaced)", { expected: [FAILED_REQUEST] }, async (page) => {
    /* The page's clock stands still, so that early is early however long the steps take. */
    const now = Date.now();
    await page.clock.setFixedTime(now);
    const assist = await openUnit(page, "plants");
    await fake(page, "**/v1/actions/summarise_text", 429, problem(429, "rate_limited", { retry_after: 8 }));
    await assist.action("summarise_text").click();
    await assist.problem.waitFor();
    assert.match(await assist.problem.innerText(), /^That was a lot in a short time\. You can try again in \d+ seconds?\.$/);
    const retry = assist.button("Try again");
    assert.equal(await retry.getAttribute("aria-disabled"), "true");
    await page.unroute("**/v1/actions/summarise_text");
    /* Forced, for Playwright would wait until the button is no longer disabled. */
    await retry.click({ force: true });
    await sent(page);
    assert.equal(await assist.problem.count(), 1, "too early does nothing");
    await shot(page, "9-wait");
    await expectNoViolation(page, "waiting");
    assert.equal(network.count("POST", POST), 0, "too early sends nothing");
    await page.clock.setFixedTime(now + 8000);
    await assist.announced("You can try again now.");
    await retry.click();
    await assist.done();
});

browserTest("429 with a long wait tells the time of day (network: answer replaced)", { expected: [FAILED_REQUEST] }, async (page) => {
    const assist = await openUnit(page, "plants");
    await fake(page, "**/v1/actions/summarise_text", 429, problem(429, "rate_limited"), { "Retry-After": "1800" });
    await assist.action("summarise_text").click();
    await assist.problem.waitFor();
    assert.match(await assist.problem.innerText(), /You can try again at \d?\d:\d\d/);
});

browserTest("a policy withdrawn elsewhere is asked for again", { expected: [FAILED_REQUEST] }, async (page) => {
    const assist = await openUnit(page, "plants");
    await assist.action("summarise_text").click();
    await assist.done();
    const token = await page.locator('meta[name="lectern-token"]').getAttribute("content");
    await fetch(`${network.url}/v1/policy`, { method: "DELETE", headers: { Authorization: `Bearer ${token}` } });
    await assist.button("Try again").click();
    await assist.button("Accept").click();
    await assist.done();
});

browserTest("a Spanish unit speaks Spanish", async (page) => {
    const assist = await openUnit(page, "respiracion", { policy: false });
    assert.equal((await assist.action("summarise_text").innerText()).trim(), "Resumir");
    await assist.action("summarise_text").click();
    await assist.button("Aceptar").click();
    await assist.done();
    assert.equal(await assist.answer.getAttribute("lang"), "es");
    await assist.announced("Listo");
    await assist.button("Copiar").waitFor();
    await assist.button("Reintentar").waitFor();
    await shot(page, "10-spanish");
    await expectNoViolation(page, "the Spanish unit");
});

browserTest("on a narrow screen the panel is a sheet and nothing scrolls sideways", { viewport: { width: 320, height: 640 } }, async (page) => {
    const assist = await openUnit(page, "centre", { policy: false });
    const fits = () => page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth);
    assert.ok(await fits(), "the page fits");
    await assist.action("summarise_text").click();
    await assist.button("Accept").waitFor();
    assert.ok(await fits(), "with the policy");
    await shot(page, "11-narrow-policy");
    await assist.button("Accept").click();
    await assist.done();
    assert.ok(await fits(), "with an answer");
    await shot(page, "12-narrow-done");
    await expectNoViolation(page, "a narrow screen");
});

browserTest("in the dark", { colorScheme: "dark" }, async (page) => {
    const assist = await openUnit(page, "plants", { policy: false });
    await assist.action("summarise_text").click();
    await assist.button("Accept").waitFor();
    await expectNoViolation(page, "the policy in the dark");
    await assist.button("Accept").click();
    await assist.done();
    await shot(page, "13-dark");
    await expectNoViolation(page, "an answer in the dark");
});

browserTest("from right to left the panel is on the left", async (page) => {
    const assist = await openUnit(page, "plants");
    await page.evaluate(() => (document.documentElement.dir = "rtl"));
    await assist.action("summarise_text").click();
    await assist.done();
    const box = await assist.panel.boundingBox();
    assert.equal(box.x, 0);
    await shot(page, "14-right-to-left");
});
