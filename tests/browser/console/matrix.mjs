/* What is on where: the matrix of actions and placements, switches of courses, the emergency stop. */
import assert from "node:assert/strict";
import { browserTest, eventually, FAILED_REQUEST, network, openUnit } from "../harness.mjs";
import { COURSE, stage } from "../widgets/stage.mjs";
import { consoleTest, lookAt, openConsole, settled } from "./desk.mjs";

const noted = (page, text) => page.locator("#notes").getByText(text).waitFor();
const lift = () => stage.api("DELETE", "/v1/emergency-stop");
const placement = (name) => stage.api("GET", `/v1/placements/${name}`);
const actionOf = async (name, action) => (await placement(name)).actions.find((one) => one.name === action);

lookAt("the matrix", "placements", { ready: ".matrix" });
lookAt("the matrix until a time", "placements", {
    ready: ".matrix",
    prepare: async (page) => {
        await page.getByLabel("until a time").check();
        await page.getByLabel("Until", { exact: true }).fill("2099-12-24T18:00");
        const one = page.getByRole("switch", { name: "Chat in Chat" });
        if ((await one.getAttribute("aria-checked")) === "true") await one.click();
        await page.getByText(/until .*2099/).first().waitFor();
        await page.mouse.move(0, 0);
    },
});
lookAt("the switches", async () => {
    await stage.api("PUT", "/v1/switches", { course_id: "course-v1:Org+Looked+At", enabled: false, until: "2099-12-24T18:00:00Z" });
    await stage.api("PUT", "/v1/switches", { course_id: "course-v1:Org+Looked+At", location_id: "block-v1:Org+Looked+At+type@problem+block@exam", action: "explain_text", enabled: false });
    return "switches";
}, { ready: ".rows" });
lookAt("a new switch", "switches/new", { ready: "console-form form" });
lookAt("the emergency stop", "stop");
lookAt("the question before a stop", "stop", { prepare: (page) => page.getByRole("button", { name: "Stop all AI of this site…" }).click() });

browserTest("console: the look of a page while a stop is in force", async (page) => {
    await stage.api("PUT", "/v1/emergency-stop", { reason: "Wrong answers are looked into." });
    try {
        const { shot, expectNoViolation } = await import("../harness.mjs");
        await openConsole(page, "stop", ".stopped");
        for (const width of [1440, 375])
            for (const colorScheme of ["light", "dark"]) {
                await page.setViewportSize({ width, height: 900 });
                await page.emulateMedia({ colorScheme });
                await expectNoViolation(page, `the stop at ${width} px, ${colorScheme}`);
                assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), "nothing is wider than the screen");
                await shot(page, `console-stopped-${width}-${colorScheme}`, { fullPage: true });
            }
    } finally {
        await lift();
    }
});

consoleTest("a switch says by a word that can be read whether it is on", "placements", async (page) => {
    const look = (one) => one.evaluate((button) => {
        const { color, backgroundColor } = getComputedStyle(button), word = [...button.childNodes].map((node) => node.textContent.trim()).join("");
        return { word, legible: color !== backgroundColor };
    });
    for (const one of await page.getByRole("switch").all())
        assert.deepEqual(await look(one), { word: (await one.getAttribute("aria-checked")) === "true" ? "On" : "Off", legible: true });
});

consoleTest("what is switched off in the matrix is gone from the widget", "placements", async (page) => {
    const summarise = page.getByRole("switch", { name: "Summarise in Course assist" });
    try {
        await summarise.focus();
        await page.keyboard.press("Space");
        await eventually(() => summarise.getAttribute("aria-checked"), "false");
        await noted(page, "Summarise in Course assist: off.");
        assert.equal((await actionOf("course_assist", "summarise_text")).enabled, false);
        const course = await page.context().newPage();
        await openUnit(course, "plants", { buttons: false });
        await course.locator('lectern-assist button[data-action="explain_text"]').waitFor();
        assert.equal(await course.locator('lectern-assist button[data-action="summarise_text"]').count(), 0);
        await course.close();
        await page.keyboard.press("Space");
        await eventually(() => summarise.getAttribute("aria-checked"), "true");
    } finally {
        await stage.api("PUT", "/v1/placements/course_assist", { actions: { summarise_text: true } });
    }
});

consoleTest("a placement is switched as a whole, and until a time", "placements", async (page) => {
    try {
        await page.getByRole("switch", { name: "All of Grading" }).click();
        await noted(page, "All of Grading: off.");
        await page.getByText("the placement is off").first().waitFor();
        await page.getByLabel("until a time").check();
        await page.getByRole("switch", { name: "Explain in Course assist" }).click();
        await noted(page, "Choose first until when it holds.");
        await page.getByLabel("Until", { exact: true }).fill("2099-12-24T18:00");
        await page.getByRole("switch", { name: "Explain in Course assist" }).click();
        await noted(page, /Explain in Course assist: off until .*2099/);
        assert.equal((await placement("grading")).enabled, false);
        assert.match((await actionOf("course_assist", "explain_text")).until, /^2099-12-2[45]T/);
    } finally {
        await stage.api("PUT", "/v1/placements/grading", { enabled: true });
        await stage.api("PUT", "/v1/placements/course_assist", { actions: { explain_text: true } });
    }
});

consoleTest("an action that no provider serves says why it is not there", "placements", async (page) => {
    await stage.api("PATCH", "/v1/providers/model", { enabled: false });
    try {
        await page.reload();
        await page.getByText("No provider that is in use and set up serves it.").first().waitFor();
        const explain = page.getByRole("switch", { name: "Explain in Course assist" });
        const why = await explain.getAttribute("aria-describedby");
        assert.match(await page.locator(`#${why}`).innerText(), /No provider/);
    } finally {
        await stage.api("PATCH", "/v1/providers/model", { enabled: true });
    }
});

consoleTest("a switch of a course is set and removed", "switches", async (page) => {
    const course = "course-v1:Org+Switched+1";
    await page.getByRole("link", { name: "Add a switch" }).first().click();
    await page.getByRole("button", { name: "Switch", exact: true }).click();
    await page.getByText("is needed").waitFor();
    await page.getByLabel(/^Course/).fill(course);
    await page.getByLabel("What (needed)").selectOption("explain_text");
    await page.getByLabel("Until", { exact: true }).fill("2020-01-01T10:00");
    await page.getByRole("button", { name: "Switch", exact: true }).click();
    await page.locator(".error").filter({ hasText: /past|time/ }).waitFor();
    await page.getByLabel("Until", { exact: true }).fill("2099-01-01T10:00");
    await page.getByRole("button", { name: "Switch", exact: true }).click();
    const row = page.getByRole("row").filter({ hasText: course });
    await row.getByText("Explain text").waitFor();
    await row.getByRole("button", { name: /^Remove/ }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Remove" }).click();
    await noted(page, "The switch was removed.");
    await eventually(async () => (await stage.api("GET", `/v1/switches?course_id=${encodeURIComponent(course)}`)).switches, []);
}, { expected: [FAILED_REQUEST] });

consoleTest("all AI is stopped from any page, calls are refused, and lifting it lets them go on", "providers", async (page) => {
    const stopped = async () => (await stage.api("GET", "/v1/emergency-stop")).stopped;
    const available = async () => (await stage.api("GET", "/v1/actions")).actions.find((one) => one.name === "summarise_text").available;
    try {
        await page.getByRole("banner").getByRole("link", { name: "Stop AI…" }).click();
        await page.getByRole("button", { name: "Stop all AI of this site…" }).click();
        await page.keyboard.press("Escape");
        assert.equal(await stopped(), false, "nothing is stopped before somebody has said yes");
        await page.getByRole("button", { name: "Stop all AI of this site…" }).click();
        await page.getByLabel("Reason, which people will read").fill("We look into it.");
        await page.getByRole("button", { name: "Stop all AI now" }).click();
        await page.locator(".stopped").getByText("We look into it.").waitFor();
        assert.equal(await stopped(), true);
        assert.equal(await available(), false);
        await page.goto(`${network.url}/admin/placements`);
        await settled(page);
        await page.locator(".stopped").getByRole("link", { name: "Lift it…" }).click();
        await page.getByRole("button", { name: "Lift the stop…" }).click();
        await page.getByRole("dialog").getByRole("button", { name: "Lift it" }).click();
        await page.locator(".stopped").waitFor({ state: "detached" });
        assert.equal(await stopped(), false);
        assert.equal(await available(), true);
    } finally {
        await lift();
    }
});

/* What the looks have left. */
browserTest("console: the switches of the looks are taken away", async () => {
    for (const [course_id, location_id, action] of [["course-v1:Org+Looked+At"], ["course-v1:Org+Looked+At", "block-v1:Org+Looked+At+type@problem+block@exam", "explain_text"]])
        await stage.api("PUT", "/v1/switches", { course_id, ...(location_id && { location_id, action }), enabled: null });
    await stage.api("PUT", "/v1/placements/chat", { actions: { continue_conversation: true } });
    assert.deepEqual((await stage.api("GET", `/v1/switches?course_id=${encodeURIComponent(COURSE)}`)).switches, []);
});
