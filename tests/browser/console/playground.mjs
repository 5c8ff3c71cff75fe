/* The playground: running anything as anybody, how it was made, keeping it, two runs side by side, and what goes wrong. */
import assert from "node:assert/strict";
import { FAILED_REQUEST, network } from "../harness.mjs";
import { COURSE, stage } from "../widgets/stage.mjs";
import { consoleTest, lookAt, settled } from "./desk.mjs";

const ANSWER = "Water **rises** from the sea.\n\n* It falls as rain.\n* It runs back.\n\n```\nsea -> cloud -> rain\n```\n";
const CHAT = "playground?action=continue_conversation&provider=model";

const answered = (page, name = "Answer") => page.getByRole("article", { name }).filter({ hasText: "Answered" });
const run = (page) => page.getByRole("button", { name: "Run", exact: true }).click();

/** Asks the model behind the daemon, and waits for the answer. */
async function ask(page, text = "Why does it rain?") {
    stage.model.answer = ANSWER;
    await page.getByLabel("What the user says").fill(text);
    await run(page);
    await answered(page).waitFor();
    await settled(page);
}

const openAll = (page) => page.locator(".run details").evaluateAll((all) => all.forEach((one) => (one.open = true)));

lookAt("the playground", "playground");
lookAt("an answer in the playground", CHAT, { prepare: async (page) => { await ask(page); await openAll(page); } });
lookAt("two answers in the playground", CHAT, {
    prepare: async (page) => {
        await page.getByLabel("Compare with a second run").check();
        await page.getByLabel("Second run: provider").selectOption("model");
        stage.model.answer = async function* () { yield stage.model.requests.length % 2 ? ANSWER : "Warm water rises.\n\n* It falls as rain.\n* It runs back.\n"; };
        await page.getByLabel("What the user says").fill("Why does it rain?");
        await run(page);
        await page.getByRole("heading", { name: "Compared" }).waitFor();
        await settled(page);
    },
});
lookAt("a failure in the playground", CHAT, {
    prepare: async (page) => {
        stage.model.refuse = { status: 503 };
        await page.getByLabel("What the user says").fill("Why?");
        await run(page);
        await page.getByRole("alert").waitFor();
        await settled(page);
        stage.model.refuse = null;
    },
});

consoleTest("an action is run, and how it was made is shown", CHAT, async (page) => {
    await ask(page);
    const answer = page.getByRole("article", { name: "Answer" });
    await answer.locator(".rich strong", { hasText: "rises" }).waitFor();
    await answer.getByText("Compiled request").click();
    await answer.getByLabel("Message of user").filter({ hasText: "Why does it rain?" }).waitFor();
    const head = await answer.getByLabel("Head of the request").textContent();
    assert.match(head, /^POST http:\/\/127\.0\.0\.1:\d+\/v1\/chat\/completions\n/);
    assert.match(await answer.getByLabel("Body of the request").textContent(), /"stream": true/);
    await answer.getByText("Times", { exact: true }).click();
    await answer.getByRole("cell", { name: "model: wait for the first byte" }).waitFor();
});

consoleTest("all of it by keyboard alone, and the address opens the same again", CHAT, async (page) => {
    stage.model.answer = "By hand.";
    await page.getByLabel("What the user says").focus();
    await page.keyboard.type("Hello?");
    for (let i = 0; i < 40 && !(await page.getByRole("button", { name: "Run", exact: true }).evaluate((one) => one === document.activeElement)); i++) await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await answered(page).waitFor();
    await page.reload();
    await page.getByLabel("What the user says").waitFor();
    assert.equal(await page.getByLabel("Provider", { exact: true }).inputValue(), "model");
});

consoleTest("an answer that comes is stopped, and the service is told", CHAT, async (page) => {
    let left;
    stage.model.answer = async function* (_, record) {
        left = record;
        for (let i = 0; !record.left; i++) {
            yield `word${i} `;
            await new Promise((resolve) => setTimeout(resolve, 20));
        }
    };
    await page.getByLabel("What the user says").fill("Go on for ever");
    await run(page);
    await page.locator(".rich", { hasText: "word3" }).waitFor();
    await page.getByRole("button", { name: "Stop" }).click();
    await page.getByRole("article").filter({ hasText: "Stopped" }).waitFor();
    await page.waitForFunction(() => !document.querySelector("[aria-busy=true]"));
    for (let i = 0; i < 3000 && !left.left; i++) await new Promise((resolve) => setTimeout(resolve, 20));
    assert.ok(left.left, "the service is not read from any more");
});

consoleTest("a profile shows its effective configuration", "playground?profile=failing", async (page) => {
    stage.model.answer = "From the profile.";
    await page.getByLabel("What the user says").fill("Hello");
    await run(page);
    await answered(page).waitFor();
    await page.getByText("Effective configuration of failing").click();
    await page.getByLabel("Effective configuration").filter({ hasText: "Answer shortly and kindly." }).waitFor();
});

consoleTest("as a role: the policy of the user counts, and its permissions", "playground?role=student&user=nobody-has-asked", async (page) => {
    await page.getByLabel("Text", { exact: false }).first().fill("Rain falls. The sea takes it. The sun lifts it up.");
    await run(page);
    await page.getByRole("alert").filter({ hasText: "policy" }).waitFor();
}, { expected: [FAILED_REQUEST] });

consoleTest("as a role: what it may not do is said before it is run", "playground?action=generate_text", async (page) => {
    await page.getByLabel("Ask as").selectOption("student");
    await page.getByText("Not available here: ").waitFor();
    await page.getByLabel("Ask as").selectOption("teacher");
    await page.getByText("Not available here: ").filter({ hasText: "permission" }).waitFor({ state: "detached" });
});

consoleTest("what is wrong is said at its field", CHAT + "&role=student", async (page) => {
    const field = page.getByLabel("Provider", { exact: true });
    await page.getByLabel("What the user says").fill("Hello");
    await run(page);
    await page.locator("[aria-invalid=true]").first().waitFor();
    assert.equal(await field.getAttribute("aria-invalid"), "true");
    await page.getByText("may not choose a provider").waitFor();
    assert.ok(await field.evaluate((one) => one === document.activeElement), "the focus is there");
}, { expected: [FAILED_REQUEST] });

consoleTest("a service that fails: what it said is among the attempts", CHAT, async (page) => {
    stage.model.refuse = { status: 503 };
    await page.getByLabel("What the user says").fill("Hello");
    await run(page);
    await page.getByRole("region", { name: "Attempts" }).filter({ hasText: "gpu-17 is on fire" }).waitFor();
    stage.model.refuse = null;
}, { expected: [FAILED_REQUEST] });

consoleTest("what was tried is kept as a prompt and as a profile that does the same", CHAT, async (page) => {
    const slug = `kept-${Date.now()}`;
    await page.getByLabel("System prompt").fill("Answer as a pirate.");
    await ask(page);
    await page.getByRole("button", { name: "Save as prompt" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Name").fill("not a slug!");
    await dialog.getByRole("button", { name: "Save" }).click();
    await dialog.locator("[aria-invalid=true]").waitFor();
    await dialog.getByLabel("Name").fill(slug);
    await dialog.getByRole("button", { name: "Save" }).click();
    await dialog.waitFor({ state: "detached" });
    assert.equal((await stage.api("GET", `/v1/prompts/${slug}`)).body, "Answer as a pirate.");
    await page.getByRole("button", { name: "Save as profile" }).click();
    await dialog.getByLabel("Name").fill(slug);
    await dialog.getByRole("button", { name: "Save" }).click();
    await dialog.waitFor({ state: "detached" });
    const { effective_config: config } = await stage.api("GET", `/v1/profiles/${slug}`);
    assert.equal(config.processor_config.LLMProcessor.prompt, "Answer as a pirate.");
    assert.equal(config.processor_config.LLMProcessor.provider, "model");
    assert.equal(config.processor_config.LLMProcessor.stream, true);
    stage.model.requests.length = 0;
    await stage.api("POST", "/v1/workflows/run", { profile: slug, context: { course_id: COURSE }, user_input: "Why?" });
    assert.equal(stage.model.requests[0].body.messages[0].content.includes("Answer as a pirate."), true);
    await stage.api("DELETE", `/v1/profiles/${slug}`); // a provider that it names could not be switched off
    await stage.api("DELETE", `/v1/prompts/${slug}`);
}, { expected: [FAILED_REQUEST] });

consoleTest("a call of the register is opened again", "playground", async (page) => {
    const { id } = await stage.api("POST", "/v1/actions/summarise_text", {
        input: { text: "Rain falls on the hills. The river takes it to the sea. The sun lifts it up." }, context: { course_id: COURSE, placement: "course_assist" },
    });
    await page.goto(`${network.url}/admin/playground?call=${id}`);
    await page.getByText("What to run").waitFor();
    await settled(page);
    assert.match(await page.getByLabel("Text", { exact: false }).first().inputValue(), /^Rain falls on the hills/);
    await page.getByText("More settings").click();
    assert.equal(await page.getByLabel("Course", { exact: true }).inputValue(), COURSE);
    assert.equal(await page.getByLabel("Placement").inputValue(), "course_assist");
});
