/* What the user thinks of an answer: thumbs in the chat, in slots and in the assistant. */
import assert from "node:assert/strict";
import { browserTest, eventually, expectNoViolation, FAILED_REQUEST, focused, network, shot } from "../harness.mjs";
import { openChat, picture } from "./chat.mjs";
import { openSlot } from "./slot.mjs";
import { makeGate } from "./model.mjs";
import { stage } from "./stage.mjs";

const { model } = stage;
const CUT = [/ERR_/, FAILED_REQUEST];
const FEEDBACK = /\/v1\/actions\/calls\/[^/]+\/feedback$/;

/** The newest rating that the server has of the demo's learner. */
async function recorded() {
    const { calls } = await stage.api("GET", "/v1/register?user=demo-learner&limit=1");
    return (await stage.api("GET", `/v1/register/${calls[0].id}`)).feedback;
}

const pressed = (button) => button.getAttribute("aria-pressed");

async function answered(page, options) {
    const chat = await openChat(page, options);
    model.answer = "Leaves are green because of chlorophyll.";
    await chat.send("Why are leaves green?");
    await chat.announced("Done");
    const last = chat.root.locator("li.message.assistant").last();
    const button = (name) => last.getByRole("button", { name, exact: true });
    return { ...chat, last, up: button("Good answer"), down: button("Bad answer"), why: last.getByRole("group", { name: "What was wrong? (optional)" }) };
}

browserTest("feedback: a good answer, and taking it back", async (page) => {
    const chat = await answered(page);
    assert.deepEqual([await pressed(chat.up), await pressed(chat.down)], ["false", "false"]);
    await chat.up.click();
    await chat.announced("Thank you.");
    assert.deepEqual([await pressed(chat.up), await pressed(chat.down)], ["true", "false"]);
    assert.equal((await recorded()).rating, "up");
    assert.equal(await chat.why.count(), 0);
    await expectNoViolation(page, "a rated answer");
    await picture(page, "80-feedback-up");
    await chat.up.click();
    await chat.announced("Your rating was taken back.");
    assert.equal(await pressed(chat.up), "false");
    assert.equal(await recorded(), null);
});

browserTest("feedback: a bad answer with a reason, by the keyboard alone, and there again after a reload", async (page) => {
    const chat = await answered(page);
    await chat.down.focus();
    await page.keyboard.press("Enter");
    await chat.announced("Thank you. If you like, say below what was wrong.");
    assert.equal((await recorded()).rating, "down", "it is kept before anything more is said");
    assert.equal(await focused(page), "Bad answer", "the focus stays");
    await expectNoViolation(page, "asking what was wrong");
    await picture(page, "81-feedback-why");
    const select = chat.why.getByRole("combobox");
    await select.selectOption("too_long");
    await chat.why.getByRole("textbox").fill("Half of it would do.");
    await chat.why.getByRole("button", { name: "Send" }).focus();
    await page.keyboard.press("Enter");
    await chat.announced("Thank you.");
    await chat.why.waitFor({ state: "detached" });
    await eventually(() => focused(page), "Bad answer");
    const { rating, reason, comment } = await recorded();
    assert.deepEqual([rating, reason, comment], ["down", "too_long", "Half of it would do."]);
    await page.reload();
    await chat.up.waitFor();
    assert.deepEqual([await pressed(chat.up), await pressed(chat.down)], ["false", "true"]);
    await expectNoViolation(page, "a rating after a reload");
});

browserTest("feedback: Escape leaves the question open, and a good answer afterwards takes its place", async (page) => {
    const chat = await answered(page);
    await chat.down.click();
    await chat.why.waitFor();
    await chat.why.getByRole("textbox").focus();
    await page.keyboard.press("Escape");
    await chat.why.waitFor({ state: "detached" });
    await eventually(() => focused(page), "Bad answer");
    assert.equal((await recorded()).rating, "down");
    await chat.up.click();
    await chat.announced("Thank you.");
    assert.deepEqual([await pressed(chat.up), await pressed(chat.down)], ["true", "false"]);
    assert.equal((await recorded()).rating, "up");
});

browserTest(
    "feedback: what could not be kept is not shown as kept (network: answer replaced)",
    { expected: CUT },
    async (page) => {
        const chat = await answered(page);
        await page.route(FEEDBACK, (route) => route.abort());
        await chat.up.click();
        await chat.announced("Your rating could not be kept. Please try again.");
        assert.equal(await pressed(chat.up), "false");
        await expectNoViolation(page, "a rating that failed");
        await picture(page, "82-feedback-failed");
        await page.unroute(FEEDBACK);
        await chat.up.click();
        await chat.announced("Thank you.");
        assert.equal(await chat.problem.count(), 0);
    },
);

browserTest("feedback: an answer that was stopped or is being written has no thumbs", async (page) => {
    const chat = await openChat(page);
    model.answer = async function* () {
        yield "Leaves ";
        await new Promise(() => undefined);
    };
    await chat.send("Why?");
    await eventually(async () => (await chat.answers.first().innerText()).trim(), "Leaves");
    assert.equal(await chat.root.locator(".thumb").count(), 0);
    await chat.button("Stop").click();
    await chat.announced("Stopped");
    assert.equal(await chat.root.locator(".thumb").count(), 0);
});

browserTest("feedback: below the answer of a slot", async (page) => {
    const slot = await openSlot(page, "summary");
    await slot.start.click();
    const down = slot.button("Bad answer");
    await down.click();
    const why = slot.root.getByRole("group", { name: "What was wrong? (optional)" });
    await why.waitFor();
    await expectNoViolation(page, "a slot that asks what was wrong");
    await why.scrollIntoViewIfNeeded();
    await shot(page, "83-feedback-slot");
    await why.getByRole("combobox").focus();
    await page.keyboard.press("Escape");
    await why.waitFor({ state: "detached" });
    assert.equal(await slot.content.isVisible(), true, "Escape closes only what is innermost");
    assert.equal(await pressed(down), "true");
    assert.equal((await recorded()).rating, "down");
});

browserTest("feedback: right to left, at 320 px, dark, in Spanish", { viewport: { width: 320, height: 640 }, colorScheme: "dark" }, async (page) => {
    const chat = await openChat(page);
    await page.evaluate(() => Object.assign(document.documentElement, { dir: "rtl", lang: "es" }));
    await page.evaluate(() => document.querySelector("lectern-chat").requestUpdate());
    await chat.root.getByRole("textbox", { name: "Tu pregunta" }).fill("¿Por qué?");
    await page.keyboard.press("Enter");
    await chat.announced("Listo");
    await chat.root.getByRole("button", { name: "Mala respuesta" }).click();
    await chat.announced("Gracias. Si quieres, di abajo qué ha estado mal.");
    await expectNoViolation(page, "feedback, right to left and narrow");
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), "nothing scrolls sideways");
    await picture(page, "84-feedback-narrow-rtl-dark");
});

/* ---- tools that wait for the user's word ---- */

const APPROVAL = /\/v1\/actions\/calls\/[^/]+\/approvals\//;

/** Asks the model's tool once, and says what came of it. */
function asksForDice(arguments_ = { n_dice: 2 }) {
    model.answer = async function* (body) {
        const told = body.messages.filter((message) => message.role === "tool").map((message) => message.content);
        if (told.length === 0) yield { tool: "roll_dice", arguments: arguments_ };
        else yield told[0].startsWith("Error") ? "Then I will not." : "I have rolled them.";
    };
}

async function asked(page, options = {}) {
    const chat = await openChat(page, { slot: "consent", ...options });
    asksForDice(options.arguments);
    await chat.send("Roll two dice.");
    const question = chat.root.getByRole("group", { name: "The assistant asks for your permission:" });
    await question.waitFor();
    return { ...chat, question, allow: question.getByRole("button", { name: "Allow" }), refuse: question.getByRole("button", { name: "Refuse" }) };
}

const toolLines = (chat) => chat.root.locator("ul.tools li").allInnerTexts();

browserTest("approval: a tool that is allowed", async (page) => {
    const chat = await asked(page);
    await chat.announced("The assistant asks for your permission: Rolls dice");
    assert.match(await chat.question.innerText(), /Rolls dice\s+\{\s+"n_dice": 2\s+\}/);
    assert.equal(model.requests.length, 1, "the model waits");
    await expectNoViolation(page, "a question for consent");
    await picture(page, "85-approval");
    await chat.allow.click();
    await chat.announced("Done");
    assert.equal(await chat.question.count(), 0);
    assert.deepEqual(await toolLines(chat), ["Rolls dice: done"]);
    assert.equal((await chat.answers.last().innerText()).trim(), "I have rolled them.");
    await eventually(() => focused(page), "Your question");
});

browserTest("approval: a tool that is refused, by the keyboard alone", async (page) => {
    const chat = await asked(page);
    await eventually(() => page.evaluate(() => document.querySelector("lectern-chat").shadowRoot.activeElement?.classList[0]), "approval");
    await page.keyboard.press("Tab"); /* the details, which may be long */
    await page.keyboard.press("Tab");
    await eventually(() => focused(page), "Allow");
    await page.keyboard.press("Tab");
    await eventually(() => focused(page), "Refuse");
    await page.keyboard.press("Enter");
    await chat.announced("Done");
    assert.deepEqual(await toolLines(chat), ["Rolls dice: not allowed"]);
    assert.equal((await chat.answers.last().innerText()).trim(), "Then I will not.");
    await eventually(() => focused(page), "Your question");
    await expectNoViolation(page, "a refused tool");
    await picture(page, "86-approval-refused");
});

browserTest("approval: Escape stops the answer, and nobody waits any more", async (page) => {
    const chat = await asked(page);
    await chat.question.focus();
    await page.keyboard.press("Escape");
    await chat.announced("Stopped");
    await chat.question.waitFor({ state: "detached" });
    const { calls } = await stage.api("GET", "/v1/register?user=demo-learner&limit=1");
    await eventually(async () => (await stage.api("GET", `/v1/register/${calls[0].id}`)).approvals[0]?.state, "cancelled");
    assert.equal(model.requests.length, 1);
});

browserTest("approval: who is writing is left alone", async (page) => {
    const chat = await openChat(page, { slot: "consent" });
    const gate = makeGate();
    model.answer = async function* (body) {
        await gate.opened;
        yield body.messages.some((message) => message.role === "tool") ? "Done." : { tool: "roll_dice", arguments: {} };
    };
    await chat.send("Roll.");
    await chat.announced("Writing…");
    await chat.field.fill("My next question");
    gate.open();
    await chat.announced("The assistant asks for your permission: Rolls dice");
    assert.equal(await focused(page), "Your question");
    assert.equal(await chat.field.inputValue(), "My next question");
});

browserTest("approval: a word that does not get through can be said again (network: answer replaced)", { expected: CUT }, async (page) => {
    const chat = await asked(page);
    await page.route(APPROVAL, (route) => route.abort());
    await chat.allow.click();
    await chat.announced("The connection was lost. Check your network and try again.");
    await expectNoViolation(page, "a decision that failed");
    await picture(page, "87-approval-failed");
    await page.unroute(APPROVAL);
    await chat.allow.click();
    await chat.announced("Done");
    assert.equal((await chat.answers.last().innerText()).trim(), "I have rolled them.");
});

browserTest("approval: a question that was cut in the middle comes again", { expected: CUT }, async (page) => {
    const chat = await openChat(page, { slot: "consent" });
    asksForDice();
    network.cuts = [150, 220];
    await chat.send("Roll two dice.");
    await chat.button("Allow").click();
    await chat.announced("Done");
    assert.equal(network.count("GET", /\/stream$/), 2);
    assert.equal(network.count("POST", APPROVAL), 1);
    assert.deepEqual(await toolLines(chat), ["Rolls dice: done"]);
});

browserTest("approval: long details, right to left, at 320 px, dark", { viewport: { width: 320, height: 640 }, colorScheme: "dark" }, async (page) => {
    await page.addInitScript(() => document.addEventListener("DOMContentLoaded", () => (document.documentElement.dir = "rtl")));
    const chat = await asked(page);
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), "nothing scrolls sideways");
    await expectNoViolation(page, "a question for consent, narrow");
    await picture(page, "88-approval-narrow-rtl-dark");
    await chat.allow.click();
    await chat.announced("Done");
});

browserTest("approval: in a slot below the page", async (page) => {
    const slot = await openSlot(page, "ask-first");
    asksForDice();
    await slot.start.click();
    const question = slot.root.getByRole("group", { name: "The assistant asks for your permission:" });
    await question.waitFor();
    await expectNoViolation(page, "a slot that asks for consent");
    await question.scrollIntoViewIfNeeded();
    await shot(page, "89-approval-slot");
    await question.getByRole("button", { name: "Refuse" }).click();
    await slot.root.locator(".caution").waitFor();
    assert.equal((await slot.root.locator(".answer").innerText()).trim(), "Then I will not.");
});

browserTest("chat: the sources of an answer stand below it (network: answer replaced)", async (page) => {
    const chat = await openChat(page);
    const citations = [
        { title: "How plants make sugar", url: `${network.url}/demo/units/plants`, quote: "Rubisco is slow." },
        { title: "<img src=x onerror=alert(1)>", url: "javascript:alert(1)" },
    ];
    await page.route("**/v1/workflows/run", async (route) => {
        if (!route.request().postDataJSON().user_input) return route.continue();
        await route.fulfill({ json: { id: "", response: { response: "Rubisco is slow.", citations }, session_id: null } });
    });
    await chat.send("Why so much Rubisco?");
    await chat.announced("Done");
    const sources = chat.root.getByRole("group", { name: "Sources" });
    assert.deepEqual(await sources.getByRole("listitem").allInnerTexts(), ["How plants make sugar Rubisco is slow.", citations[1].title]);
    assert.deepEqual(await sources.getByRole("link").evaluateAll((all) => all.map((each) => [each.href, each.target, each.rel])), [
        [citations[0].url, "_blank", "noopener noreferrer"],
    ]);
    await expectNoViolation(page, "an answer with sources");
    await picture(page, "90-sources");
});
