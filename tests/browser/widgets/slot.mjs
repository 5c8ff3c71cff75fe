/* <lectern-slot>: what profile/ says is what is shown. */
import assert from "node:assert/strict";
import { browserTest, eventually, expectNoViolation, FAILED_REQUEST, focused, network, openUnit, shot } from "../harness.mjs";
import { stage } from "./stage.mjs";

const RUN = /^\/v1\/workflows\/run$/;
const PROFILE = /^\/openedx-ai-extensions\/v1\/profile\//;

/** A unit of the demo course with a slot in the place of its chat. */
export async function openSlot(page, slot, { policy = true } = {}) {
    stage.model.calm();
    await page.route("**/demo/units/plants", async (route) => {
        const response = await route.fetch();
        const body = (await response.text()).replace(/<lectern-chat ([^>]*)ui-slot="chat"><\/lectern-chat>/, `<lectern-slot $1ui-slot="${slot}"></lectern-slot>`);
        assert.ok(body.includes("<lectern-slot"));
        await route.fulfill({ response, body });
    });
    await openUnit(page, "plants", { policy });
    const root = page.locator("lectern-slot");
    return { root, start: root.locator(".start"), content: root.locator("#content"), button: (name) => root.getByRole("button", { name, exact: true }) };
}

const inView = (slot) => slot.root.evaluate((element) => element.scrollIntoView({ block: "end" }));

browserTest("slot: a request with an answer below it", async (page) => {
    const slot = await openSlot(page, "summary", { policy: false });
    await slot.start.waitFor();
    assert.equal((await slot.start.innerText()).trim(), "Summarise");
    assert.equal(await slot.root.locator(".message").innerText(), "Get the main points of this unit.");
    await inView(slot);
    await expectNoViolation(page, "a slot");
    await slot.start.click();
    await slot.button("Accept").waitFor();
    assert.equal(network.count("POST", RUN), 0, "nothing is sent before the policy is accepted");
    await expectNoViolation(page, "a slot's policy");
    await slot.button("Accept").click();
    await slot.root.locator(".caution").waitFor();
    assert.ok((await slot.root.locator(".answer").innerText()).length > 80);
    assert.equal(await slot.root.locator("h2").innerText(), "Summary");
    assert.equal(network.count("POST", RUN), 1);
    await inView(slot);
    await expectNoViolation(page, "a slot's answer");
    await shot(page, "50-slot-answer");
    await page.keyboard.press("Escape");
    await slot.content.waitFor({ state: "hidden" });
    await eventually(() => focused(page), "Summarise");
});

browserTest("slot: a request with a conversation beside the page", async (page) => {
    const slot = await openSlot(page, "chat");
    await slot.start.waitFor();
    assert.equal((await slot.start.innerText()).trim(), "Ask a question");
    await slot.start.click();
    const field = slot.root.getByRole("textbox", { name: "Your question" });
    await field.waitFor();
    assert.equal(await slot.root.getByRole("heading", { name: "Course assistant" }).count(), 1);
    stage.model.answer = "From the slot.";
    await field.fill("One?");
    await page.keyboard.press("Enter");
    await eventually(async () => (await slot.root.locator("li.message.assistant .said").last().innerText()).trim(), "From the slot.");
    await expectNoViolation(page, "a slot's conversation");
    await shot(page, "51-slot-chat");
    await slot.button("Close").click();
    await slot.content.waitFor({ state: "hidden" });
    await eventually(() => focused(page), "Ask a question");
});

browserTest("slot: a service that fails is told calmly", { expected: [FAILED_REQUEST] }, async (page) => {
    const slot = await openSlot(page, "failing");
    await slot.start.waitFor();
    stage.model.refuse = { status: 503 };
    await slot.start.click();
    await slot.root.locator(".problem").waitFor();
    assert.equal(await slot.root.locator(".problem").innerText(), "The assistant cannot be reached just now. Please try again in a moment.");
    stage.model.refuse = null;
    await slot.button("Try again").click();
    await slot.root.locator(".caution").waitFor();
    assert.equal((await slot.root.locator(".answer").innerText()).trim(), "Yes.");
});

browserTest("slot: where nothing is set up there is nothing; staff are told", async (page) => {
    const slot = await openSlot(page, "nowhere");
    await page.reload();
    await eventually(() => network.log.some((entry) => PROFILE.test(entry.path) && entry.ended), true);
    await eventually(() => network.log.some((entry) => /roles\/mine/.test(entry.path) && entry.ended), true);
    assert.equal(await slot.root.isVisible(), false);
    await page.evaluate((token) => (document.querySelector("lectern-slot").token = token), stage.keys.teacher_token);
    const note = slot.root.getByRole("note");
    await note.waitFor();
    assert.match(await note.innerText(), /No profile is set up/);
    await expectNoViolation(page, "a slot's note for staff");
});
