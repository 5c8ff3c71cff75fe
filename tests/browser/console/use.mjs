/* What was used: register, reports, tasks, conversations, gradings. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { browserTest, eventually, expectNoViolation, FAILED_REQUEST, network } from "../harness.mjs";
import { COURSE, stage } from "../widgets/stage.mjs";
import { consoleTest, lookAt, openConsole, settled } from "./desk.mjs";

const RUBRIC = {
    criteria: [
        { id: "grounds", name: "Grounds", prompt: "Are there grounds?", feedback: "optional", options: [
            { id: "none", name: "No grounds", points: 0, explanation: "None." }, { id: "good", name: "Good grounds", points: 3, explanation: "Some." }] },
    ],
};
const learner = (id) => ({ id, roles: ["student"] });

let filled;

/** Calls, a conversation, tasks and gradings, made once: {answered, failed, session, done, failedTask, grading}. */
function use() {
    return (filled ??= fill());
}

async function fill() {
    const made = {};
    const { version } = await stage.api("GET", "/v1/policy?user_id=anna");
    for (const id of ["anna", "Ben", "carla", "dora", "emil", "frida"]) await stage.api("PUT", "/v1/policy", { accepted: true, version, user: learner(id) });
    const call = (text, user) => stage.api("POST", "/v1/actions/generate_text", { input: { prompt: text }, provider: "model", user: learner(user), context: { course_id: COURSE } });
    made.answered = await call("Why is the sky blue?", "anna");
    await stage.api("PUT", `/v1/actions/calls/${made.answered.id}/feedback`, { rating: "down", reason: "wrong", comment: "It is green here.", user: learner("anna") });
    stage.model.refuse = { status: 500 };
    await call("Who answers?", "Ben").catch(() => undefined);
    stage.model.calm();
    await fetch(`${stage.url}/v1/actions/generate_text`, { method: "POST", headers: { Authorization: `Bearer ${stage.keys.admin_key}`, "Content-Type": "application/json" }, body: "{\"input\":{}}" });
    const place = { course_id: COURSE, location_id: "talk", ui_slot_selector_id: "pages", content: "Light is fast." };
    for (const user_input of ["What is light?", "And why is it fast?"]) {
        stage.model.answer = `An answer to “${user_input}”, with <b>marks</b>.`;
        await stage.api("POST", "/v1/workflows/run", { context: place, user_input, user: learner("anna") });
    }
    stage.model.calm();
    made.session = (await stage.api("GET", "/v1/sessions?user=anna")).sessions[0];
    const task = async (profile, body = {}) => (await stage.api("POST", "/v1/workflows/run", { profile, async: true, user_input: "Sum it up.", context: { content: "Light is fast." }, ...body })).task_id;
    const ended = (id) => eventually(async () => ["completed", "failed"].includes((await stage.api("GET", `/v1/tasks/${id}`)).state), true, `task ${id} ends`);
    made.done = await task("pages", { user: learner("carla") });
    await ended(made.done);
    made.grading = await abstained();
    return made;
}

/** A submission that the model does not grade, so that a person has to. */
async function abstained() {
    stage.model.answer = "I cannot say.";
    const submission = { parts: [{ prompt: "p0", text: "Because it is so, and was so all along." }] };
    const user_input = { submission_id: "essay-1", rubric: RUBRIC, task: { prompts: [{ id: "p0", text: "Why?" }], language: "en" }, submission };
    await stage.api("POST", "/v1/workflows/run", { profile: "advisory", user_input, user: learner("dora"), context: { course_id: COURSE } }).catch(() => undefined);
    stage.model.calm();
    return (await stage.api("GET", "/v1/gradings")).gradings[0];
}

const rows = (page) => page.locator(".rows [role=row]:has([role=cell])");

/* ---- register ---- */

lookAt("the register", async () => (await use(), "register"), { ready: ".rows" });
lookAt("a register without calls that match", async () => (await use(), "register?q=nothing+like+it"), { ready: ".empty" });
lookAt("a call", async () => `register/${(await use()).answered.id}`, { ready: ".facts" });

browserTest("console: the register is searched, filtered, sorted and saved", {}, async (page) => {
    await use();
    const there = async (query = "") => (await stage.api("GET", `/v1/register?limit=1000&${query}`)).calls.length;
    const shown = (query) => there(query).then((n) => Math.min(n, 50));
    await openConsole(page, "register", ".rows");
    await page.getByRole("searchbox", { name: "Search" }).fill("BEN");
    await eventually(() => rows(page).count(), 1);
    assert.match(await rows(page).innerText(), /Failed/);
    assert.match(page.url(), /q=BEN/);
    await page.getByRole("searchbox", { name: "Search" }).fill("");
    await eventually(() => rows(page).count(), await shown());
    await page.getByLabel("State").selectOption("failed");
    await eventually(() => rows(page).count(), await shown("state=failed"));
    await page.reload();
    await page.locator(".rows").waitFor();
    await settled(page);
    assert.equal(await rows(page).count(), await shown("state=failed"), "the filter stands in the address");
    await page.getByRole("button", { name: "Begun" }).click();
    await eventually(() => page.url().includes("sort=created_at"), true);
    await settled(page);
    const saved = page.waitForEvent("download");
    await page.getByRole("link", { name: "JSON lines" }).click();
    const lines = (await readFile(await (await saved).path(), "utf8")).trim().split("\n").map((line) => JSON.parse(line));
    assert.deepEqual(lines.map((line) => line.state), Array(await there("state=failed")).fill("failed"));
});

browserTest("console: a call is read by keyboard, from the list", {}, async (page) => {
    const { answered } = await use();
    await openConsole(page, "register?q=anna&action=generate_text", ".rows");
    const link = rows(page).first().getByRole("link");
    await link.focus();
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "Attempts" }).waitFor();
    assert.ok(page.url().endsWith(answered.id));
    const main = await page.locator("main").innerText();
    for (const part of ["Why is the sky blue?", "Yes.", "It is green here.", "Not helpful", "Answered"]) assert.ok(main.includes(part), part);
});

browserTest("console: a call that is not there, and a register without calls that match", { expected: [FAILED_REQUEST] }, async (page) => {
    await use();
    await openConsole(page, "register/00000000-0000-7000-8000-000000000000", "[role=alert]");
    await page.getByRole("button", { name: "Try again" }).waitFor();
    await expectNoViolation(page, "a call that is not there");
    await openConsole(page, "register?q=nothing+like+it", ".empty");
    assert.match(await page.locator(".empty").innerText(), /No calls match/);
});

/* ---- reports ---- */

for (const report of ["usage", "cost", "errors", "latency", "feedback"])
    lookAt(`the report of ${report}`, async () => (await use(), `reports?report=${report}`), { ready: ".bar" });

browserTest("console: a report is chosen, sorted and saved", {}, async (page) => {
    await use();
    await openConsole(page, "reports", "console-chart");
    await page.getByRole("combobox", { name: "Report" }).selectOption("errors");
    await page.getByRole("link", { name: "the call" }).first().waitFor();
    await page.getByLabel("For each").selectOption("action");
    await eventually(() => page.url().includes("group_by=action"), true);
    await page.getByRole("columnheader", { name: "Action" }).waitFor();
    await page.getByRole("button", { name: "How often" }).click();
    await page.locator("th[aria-sort=descending]").waitFor();
    const saved = page.waitForEvent("download");
    await page.getByRole("link", { name: "CSV" }).click();
    assert.match(await readFile(await (await saved).path(), "utf8"), /^action,count,/);
    await page.getByText("More filters").click();
    await page.getByRole("textbox", { name: "Course" }).fill("no such course");
    await page.getByText("Nothing went wrong in this time.").waitFor();
});

/* ---- tasks ---- */

lookAt("tasks", async () => (await use(), "tasks"), { ready: ".rows" });
lookAt("a task", async () => `tasks/${(await use()).done}`, { ready: ".facts" });

browserTest("console: a task that runs says what it does, and is cancelled after a question", {}, async (page) => {
    await use();
    let go;
    stage.model.answer = async function* () {
        yield "One ";
        await new Promise((resolve) => (go = resolve));
        yield "two.";
    };
    const { task_id } = await stage.api("POST", "/v1/workflows/run", { profile: "pages", async: true, user_input: "Take your time.", context: { content: "Light is fast." }, user: learner("emil") });
    await openConsole(page, `tasks/${task_id}`, ".facts");
    await page.getByRole("progressbar").waitFor();
    await expectNoViolation(page, "a task that runs");
    await page.getByRole("button", { name: "Cancel the task" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Let it run" }).click();
    await page.getByRole("button", { name: "Cancel the task" }).click();
    await expectNoViolation(page, "the question before a task is cancelled");
    await page.getByRole("dialog").getByRole("button", { name: "Cancel the task" }).click();
    await page.locator(".badge", { hasText: "Cancelled" }).waitFor();
    await eventually(() => page.getByRole("button", { name: "Cancel the task" }).count(), 0);
    go?.();
    stage.model.calm();
});

/* ---- conversations ---- */

lookAt("conversations", async () => (await use(), "sessions"), { ready: ".rows" });
lookAt("a conversation", async () => `sessions/${(await use()).session.id}`, { ready: ".thread" });

browserTest("console: a conversation is begun anew and removed, each after a question", {}, async (page) => {
    await use();
    const context = { course_id: COURSE, location_id: "gone", ui_slot_selector_id: "pages", content: "Light is fast." };
    await stage.api("POST", "/v1/workflows/run", { context, user_input: "Forget me.", user: learner("frida") });
    await openConsole(page, "sessions?q=frida", ".rows");
    await rows(page).first().getByRole("link").click();
    await page.getByText("Forget me.").waitFor();
    await page.getByRole("button", { name: "Begin anew" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Begin anew" }).click();
    await page.getByText("Nothing was said since it was begun anew.").waitFor();
    await page.getByRole("button", { name: "Remove" }).click();
    await expectNoViolation(page, "the question before a conversation is removed");
    await page.getByRole("dialog").getByRole("button", { name: "Remove" }).click();
    await page.getByRole("heading", { name: "Conversations", level: 1 }).waitFor();
    assert.equal((await stage.api("GET", "/v1/sessions?user=frida")).sessions.length, 0);
});

/* ---- gradings ---- */

lookAt("gradings", async () => (await use(), "gradings"), { ready: ".rows" });
lookAt("a grading", async () => `gradings/${(await use()).grading.id}`, { ready: ".facts" });

consoleTest("a grading that waits is decided by a person", "gradings?state=queue", async (page) => {
    await use();
    await page.reload();
    await rows(page).first().getByRole("link").click();
    await page.getByLabel("Choice").selectOption({ label: "Good grounds (3)" });
    await page.getByLabel("Feedback", { exact: true }).fill("Well said.");
    await page.getByRole("button", { name: "Decide so" }).click();
    await page.getByText("Your decision stands.").waitFor();
    await page.getByRole("button", { name: "Change the decision" }).waitFor();
    assert.equal((await stage.api("GET", "/v1/gradings")).gradings[0].points_earned, 3);
});
