/* <lectern-chat> on the demo pages, with a model that says what a test wants. */
import assert from "node:assert/strict";
import { browserTest, eventually, expectNoViolation, FAILED_REQUEST, focused, network, openUnit, shot } from "../harness.mjs";
import { makeGate } from "./model.mjs";
import { COURSE, stage } from "./stage.mjs";

const { model } = stage;
const RUN = /^\/v1\/workflows\/run$/;
const CALL = /^\/v1\/actions\/calls\/[^/]+$/;
const RESUME = /^\/v1\/actions\/calls\/[^/]+\/stream$/;
const CUT = [/ERR_/, FAILED_REQUEST];

/** The parts of the chat, as a person would name them. */
function chatOf(page) {
    const root = page.locator("lectern-chat");
    const button = (name) => root.getByRole("button", { name, exact: true });
    return {
        root,
        button,
        field: root.getByRole("textbox", { name: "Your question" }),
        log: root.locator(".log"),
        messages: root.locator("li.message"),
        answers: root.locator("li.message.assistant .said"),
        questions: root.locator("li.message.user .said"),
        problem: root.locator(".problem"),
        shown: () => root.locator("section").innerText(),
        texts: () => root.locator("li.message .said").allInnerTexts(),
        states: () => root.locator("li.message").evaluateAll((all) => all.map((each) => each.dataset.state)),
        async send(text) {
            await root.getByRole("textbox").fill(text);
            await page.keyboard.press("Enter");
        },
        ended: (n) => eventually(async () => (await root.locator("li.message.assistant:not([data-state=writing])").count()) >= n, true, "the answer ends"),
        announced: (text) =>
            page.waitForFunction((expected) => {
                const status = document.querySelector("lectern-chat")?.shadowRoot?.querySelector("[role=status]");
                return status?.textContent === expected;
            }, text),
    };
}

const tokenOf = async () => /<meta name="lectern-token" content="([^"]+)">/.exec(await (await fetch(`${stage.url}/demo/units/plants`)).text())[1];

/** As a page does whose token is about to end. */
async function renewToken(page) {
    const before = await page.evaluate(() => document.querySelector("meta[name=lectern-token]").content);
    let token;
    await eventually(async () => (token = await tokenOf()) !== before, true, "tokens of different seconds differ");
    await page.evaluate((value) => (document.querySelector("lectern-chat").token = value), token);
    return token;
}

/** Opens a unit with its chat: an empty thread, the policy accepted or not. */
export async function openChat(page, { unit = "plants", slot = "chat", policy = true, shown = true } = {}) {
    model.calm();
    const context = { course_id: COURSE, location_id: unit, ui_slot_selector_id: slot };
    await stage.api("POST", "/v1/workflows/run", { context, action: "clear_session" }, await tokenOf());
    if (slot !== "chat")
        await page.route(`**/demo/units/${unit}`, async (route) => {
            const response = await route.fetch();
            await route.fulfill({ response, body: (await response.text()).replace('ui-slot="chat"', `ui-slot="${slot}"`) });
        });
    await openUnit(page, unit, { policy });
    const chat = chatOf(page);
    if (shown) await chat.field.waitFor();
    network.log.length = 0;
    return chat;
}

/** With the whole of the element in it. */
export async function picture(page, name) {
    await page.locator("lectern-chat").evaluate((element) => element.scrollIntoView({ block: "end" }));
    await shot(page, name);
}

/** A model that says the pieces one by one, each when the test lets it. */
function gated(...pieces) {
    const gates = pieces.map(() => makeGate());
    model.answer = async function* () {
        for (const [i, piece] of pieces.entries()) {
            await gates[i].opened;
            yield piece;
        }
    };
    return gates;
}

/** Writes down every state of what a screen reader is told. */
async function recordAnnouncements(page) {
    await page.evaluate(() => {
        const status = document.querySelector("lectern-chat").shadowRoot.querySelector("[role=status]");
        window.told = [];
        new MutationObserver(() => window.told.push(status.textContent)).observe(status, { subtree: true, childList: true, characterData: true });
    });
    return () => page.evaluate(() => window.told);
}

browserTest("chat: policy, a question, an answer that grows, done", async (page) => {
    const chat = await openChat(page, { policy: false });
    await expectNoViolation(page, "the empty chat");
    await picture(page, "30-chat-empty");
    await chat.send("Why are leaves green?");
    await chat.button("Accept").waitFor();
    assert.equal(model.requests.length, 0, "nothing is asked before the policy is accepted");
    await expectNoViolation(page, "the chat's policy");
    await picture(page, "31-chat-policy");
    const told = await recordAnnouncements(page);
    const gates = gated("Leaves hold ", "**chlorophyll**, ", "which takes in red and blue light.\n\n- green ", "is left over\n- so we see it");
    await chat.button("Accept").click();
    await chat.announced("Writing…");
    gates[0].open();
    gates[1].open();
    await eventually(async () => (await chat.answers.first().innerText()).trim(), "Leaves hold chlorophyll,");
    assert.equal(await chat.answers.locator("strong").innerText(), "chlorophyll");
    assert.equal(await chat.answers.first().getAttribute("aria-busy"), "true");
    await expectNoViolation(page, "an answer being written");
    await picture(page, "32-chat-writing");
    gates[2].open();
    gates[3].open();
    await chat.announced("Done");
    assert.equal(await chat.answers.locator("li").count(), 2);
    assert.deepEqual(await chat.questions.allInnerTexts(), ["Why are leaves green?"]);
    assert.deepEqual(await told(), ["", "Writing…", "Done"].slice((await told())[0] === "" ? 0 : 1), "turns are told, not words");
    await eventually(() => focused(page), "Your question", "the focus is where the next question goes");
    await expectNoViolation(page, "an answer");
    await picture(page, "33-chat-done");
});

browserTest("chat: 'Not now' sends nothing and keeps what was typed", async (page) => {
    const chat = await openChat(page, { policy: false });
    await chat.send("What is light?");
    await chat.button("Not now").click();
    await eventually(() => chat.field.inputValue(), "What is light?");
    await eventually(() => focused(page), "Your question");
    assert.equal(network.count("POST", RUN) + network.count("PUT", /policy/), 0);
    assert.equal(await chat.messages.count(), 0);
});

browserTest("chat: a policy withdrawn elsewhere is asked for again, and the question goes on", { expected: [FAILED_REQUEST] }, async (page) => {
    const chat = await openChat(page);
    await chat.send("One?");
    await chat.ended(1);
    await stage.api("DELETE", "/v1/policy", undefined, await tokenOf());
    await chat.send("Two?");
    await chat.button("Accept").click();
    await chat.ended(2);
    assert.deepEqual(await chat.texts(), ["One?", "Yes.", "Two?", "Yes."]);
});

browserTest("chat: the thread is there after a reload, page by page", async (page) => {
    const chat = await openChat(page, { slot: "pages" });
    for (let n = 1; n <= 5; n++) {
        model.answer = `Answer ${n}.`;
        await chat.send(`Question ${n}?`);
        await chat.ended(n);
    }
    await page.reload();
    await chat.field.waitFor();
    const all = [1, 2, 3, 4, 5].flatMap((n) => [`Question ${n}?`, `Answer ${n}.`]);
    await eventually(chat.texts, all.slice(-4));
    await expectNoViolation(page, "a thread with earlier messages");
    await chat.button("Show earlier messages").click();
    await eventually(chat.texts, all.slice(-8));
    await picture(page, "34-chat-history");
    await chat.button("Show earlier messages").click();
    await eventually(chat.texts, all);
    await eventually(() => chat.button("Show earlier messages").count(), 0);
    await eventually(() => focused(page), "Conversation", "the button is gone, the focus is not");
});

browserTest("chat: a question that came to nothing stays at the end, and no message is lost or doubled", { expected: [FAILED_REQUEST] }, async (page) => {
    const chat = await openChat(page, { slot: "pages" });
    for (let n = 1; n <= 3; n++) {
        model.answer = `Answer ${n}.`;
        await chat.send(`Question ${n}?`);
        await chat.ended(n);
    }
    await page.reload();
    await chat.field.waitFor();
    model.refuse = { status: 503 };
    await chat.send("Lost?");
    await chat.problem.waitFor();
    model.refuse = null;
    model.answer = "Answer 4.";
    await chat.send("Question 4?");
    await chat.announced("Done");
    await chat.button("Show earlier messages").click();
    const all = [1, 2, 3, 4].flatMap((n) => [`Question ${n}?`, `Answer ${n}.`]);
    await eventually(async () => (await chat.texts()).map((text) => text.trim()), [...all, "Lost?", ""]);
    await eventually(() => chat.button("Show earlier messages").count(), 0);
});

for (const cuts of [[200], [420, 150], [150, 150, 150]]) {
    browserTest(`chat: a connection cut after ${cuts.join(", ")} bytes: no word is lost, none comes twice`, { expected: CUT }, async (page) => {
        const chat = await openChat(page);
        const text = Array.from({ length: 60 }, (_, i) => `word${i}`).join(" ");
        model.answer = text;
        network.slow = { bytes: 120, ms: 10 };
        network.cuts = [...cuts];
        await page.evaluate(() => {
            const root = document.querySelector("lectern-chat").shadowRoot;
            window.growth = [];
            new MutationObserver(() => {
                const said = root.querySelector("li.assistant .said")?.textContent ?? "";
                if (said !== window.growth.at(-1)) window.growth.push(said);
            }).observe(root, { subtree: true, childList: true, characterData: true });
        });
        await chat.send("Count.");
        await chat.announced("Done");
        assert.equal((await chat.answers.innerText()).trim(), text);
        for (const step of await page.evaluate(() => window.growth)) assert.ok(text.startsWith(step.trim()), `lost or doubled: ${step}`);
        assert.equal(network.count("GET", RESUME), cuts.length);
        assert.equal(model.requests.length, 1);
    });
}

browserTest("chat: a connection that stays down: calm words, what came stays, another try", { expected: CUT }, async (page) => {
    const chat = await openChat(page);
    const gates = gated("Light is ", "never ");
    await chat.send("What is light?");
    gates[0].open();
    await eventually(async () => (await chat.answers.innerText()).trim(), "Light is");
    network.down = true;
    await chat.problem.waitFor();
    assert.equal(await chat.problem.innerText(), "The connection was lost. Check your network and try again.");
    assert.equal((await chat.answers.innerText()).trim(), "Light is");
    await expectNoViolation(page, "a lost connection");
    await picture(page, "35-chat-connection-lost");
    network.calm();
    model.answer = "Light is a wave.";
    await chat.button("Try again").click();
    await chat.announced("Done");
    assert.deepEqual((await chat.texts()).map((text) => text.trim()), ["What is light?", "Light is a wave."]);
});

browserTest("chat: Stop ends it at once, here, on the server and at the model", async (page) => {
    const chat = await openChat(page);
    const gates = gated("Once upon a time ", "never");
    await chat.send("Tell a story.");
    gates[0].open();
    await eventually(async () => (await chat.answers.innerText()).trim(), "Once upon a time");
    await chat.button("Stop").click();
    await chat.announced("Stopped");
    await eventually(() => network.count("DELETE", CALL), 1);
    await eventually(async () => model.requests[0].left, true, "the model is left");
    await expectNoViolation(page, "a stopped answer");
    assert.deepEqual(await chat.states(), ["kept", "stopped"]);
    /* What was received is kept, marked as interrupted. */
    await page.reload();
    await eventually(chat.states, ["kept", "interrupted"]);
    assert.ok((await chat.shown()).includes("This answer was interrupted."));
});

browserTest("chat: Escape stops, too", async (page) => {
    const chat = await openChat(page);
    const gates = gated("Once ", "never");
    await chat.send("Tell a story.");
    gates[0].open();
    await eventually(async () => (await chat.answers.innerText()).trim(), "Once");
    await page.keyboard.press("Escape");
    await chat.announced("Stopped");
    await eventually(() => network.count("DELETE", CALL), 1);
});

browserTest("chat: leaving the page stops", async (page) => {
    const chat = await openChat(page);
    const gates = gated("Once ", "never");
    await chat.send("Tell a story.");
    gates[0].open();
    await eventually(async () => (await chat.answers.innerText()).trim(), "Once");
    await page.goto(`${network.url}/demo/`);
    await eventually(() => network.count("DELETE", CALL), 1);
    await eventually(async () => model.requests[0].left, true);
});

browserTest("chat: a service that fails is told calmly, without its words, and can be tried again", { expected: [FAILED_REQUEST] }, async (page) => {
    const chat = await openChat(page);
    model.refuse = { status: 503 };
    await chat.send("Hello?");
    await chat.problem.waitFor();
    assert.equal(await chat.problem.innerText(), "The assistant cannot be reached just now. Please try again in a moment.");
    assert.ok(!(await page.content()).includes("gpu-17") && !(await chat.shown()).includes("gpu-17"));
    await expectNoViolation(page, "a failed answer");
    await picture(page, "36-chat-problem");
    model.refuse = null;
    await chat.button("Try again").click();
    await chat.announced("Done");
    assert.deepEqual(await chat.texts(), ["Hello?", "Yes."]);
});

browserTest("chat: over the limit: when to try again, and not before", { expected: [FAILED_REQUEST] }, async (page) => {
    const now = Date.now();
    await page.clock.setFixedTime(now);
    const chat = await openChat(page);
    model.refuse = { status: 429, headers: { "Retry-After": "9" } };
    await chat.send("Hello?");
    await chat.problem.waitFor();
    assert.match(await chat.problem.innerText(), /^That was a lot in a short time\. You can try again in \d seconds\.$/);
    assert.equal(await chat.button("Try again").getAttribute("aria-disabled"), "true");
    await expectNoViolation(page, "over the limit");
    await picture(page, "37-chat-wait");
    model.refuse = null;
    const asked = model.requests.length;
    await chat.button("Try again").click({ force: true });
    await page.evaluate(() => fetch("/demo/").then((response) => response.text()));
    assert.equal(model.requests.length, asked, "too early sends nothing");
    await page.clock.setFixedTime(now + 9000);
    await chat.announced("You can try again now.");
    await chat.button("Try again").click();
    await chat.announced("Done");
});

browserTest("chat: without the permission it is not there; staff are told why", async (page) => {
    const { permissions } = await stage.api("GET", "/v1/permissions");
    const name = permissions.map((each) => each.permission).find((each) => each.includes("continue_conversation"));
    assert.ok(name, "there is a permission of that action");
    const set = (role, allowed) => stage.api("PUT", "/v1/permissions", { role, permission: name, allowed });
    try {
        await set("student", false);
        await set("editingteacher", false);
        const chat = await openChat(page, { shown: false });
        await page.reload();
        await eventually(() => network.count("GET", /roles\/mine/) >= 1, true, "the element asks whether to tell staff");
        assert.equal(await chat.root.isVisible(), false);
        await page.evaluate((token) => (document.querySelector("lectern-chat").token = token), stage.keys.teacher_token);
        const note = chat.root.getByRole("note");
        await note.waitFor();
        assert.match(await note.innerText(), /Course assistant is not shown here.*permission/s);
        await expectNoViolation(page, "the note for staff");
        await picture(page, "38-chat-staff-note");
    } finally {
        await set("student", null);
        await set("editingteacher", null);
    }
});

browserTest("chat: where no profile leads it is not there", { expected: [FAILED_REQUEST] }, async (page) => {
    const chat = await openChat(page);
    await page.evaluate(() => (document.querySelector("lectern-chat").uiSlot = "nowhere"));
    await chat.root.waitFor({ state: "hidden" });
});

browserTest("chat: two tabs show one thread", async (page) => {
    const chat = await openChat(page);
    const other = await page.context().newPage();
    await other.goto(`${network.url}/demo/units/plants`);
    const second = chatOf(other);
    await second.field.waitFor();
    model.answer = "From the first.";
    await chat.send("One?");
    await chat.ended(1);
    await eventually(second.texts, ["One?", "From the first."]);
    /* Both at once: each sees its own answer grow, and in the end both have both. */
    const gates = gated("Mine.");
    await chat.send("Two?");
    await eventually(() => model.requests.length, 2);
    model.answer = "Other.";
    await second.send("Three?");
    await eventually(async () => (await second.texts()).includes("Other."), true);
    gates[0].open();
    await eventually(async () => [...(await chat.texts())].sort().join(), ["From the first.", "Mine.", "One?", "Other.", "Three?", "Two?"].join());
    await eventually(async () => [...(await second.texts())].sort().join(), ["From the first.", "Mine.", "One?", "Other.", "Three?", "Two?"].join());
    assert.deepEqual(await chat.texts(), await second.texts(), "in the same order");
    await other.close();
});

browserTest("chat: a new token in mid-answer ends nothing, and the next call has it", async (page) => {
    const chat = await openChat(page);
    const gates = gated("First half, ", "second half.");
    await chat.send("One?");
    gates[0].open();
    await eventually(async () => (await chat.texts()).at(-1), "First half,");
    const token = await renewToken(page);
    gates[1].open();
    await chat.ended(1);
    assert.equal((await chat.texts()).at(-1), "First half, second half.");
    const sent = page.waitForRequest((request) => request.url().endsWith("/v1/workflows/run") && request.postData()?.includes("Two?"));
    model.answer = "Fine.";
    await chat.send("Two?");
    assert.equal((await (await sent).allHeaders()).authorization, `Bearer ${token}`);
    await chat.ended(2);
});

browserTest("chat: a tool that the model uses is shown while it is under way and when it is done", async (page) => {
    const chat = await openChat(page, { slot: "tools" });
    const gate = makeGate();
    model.answer = async function* (body) {
        if (body.messages.some((message) => message.role === "tool")) {
            await gate.opened;
            yield "You threw something.";
        } else yield { tool: "roll_dice", arguments: {} };
    };
    await chat.send("Throw the dice.");
    const tools = chat.root.locator("ul.tools li");
    await eventually(() => tools.allInnerTexts(), ["Rolls dice: done"]);
    await expectNoViolation(page, "a tool");
    await picture(page, "39-chat-tool");
    gate.open();
    await chat.announced("Done");
    assert.deepEqual((await chat.texts()).map((text) => text.trim()), ["Throw the dice.", "You threw something."]);
});

browserTest("chat: answer again, edit and ask again, copy, copy code", async (page) => {
    const chat = await openChat(page);
    model.answer = "Use this:\n\n```python\nprint(1 < 2)\n```\n\nDone.";
    await chat.send("How?");
    await chat.ended(1);
    await chat.button("Copy code").click();
    await chat.announced("Copied");
    assert.equal((await page.evaluate(() => navigator.clipboard.readText())).trim(), "print(1 < 2)");
    await chat.button("Copy").click();
    await eventually(() => page.evaluate(() => navigator.clipboard.readText()), model.answer);
    await picture(page, "40-chat-code");
    model.answer = "Otherwise.";
    await chat.button("Answer again").click();
    await chat.ended(2);
    await eventually(async () => (await chat.texts()).slice(2).map((text) => text.trim()), ["How?", "Otherwise."]);
    await chat.button("Edit and ask again").click();
    assert.equal(await chat.field.inputValue(), "How?");
    await eventually(() => focused(page), "Your question");
    await chat.send("How else?");
    await chat.ended(3);
    assert.equal(await chat.questions.last().innerText(), "How else?");
});

browserTest("chat: a new conversation, after a question", async (page) => {
    const chat = await openChat(page);
    await chat.send("One?");
    await chat.ended(1);
    await chat.button("New conversation").click();
    await eventually(() => focused(page), "Begin anew");
    await expectNoViolation(page, "the question before a new conversation");
    await chat.button("Keep it").click();
    await eventually(() => chat.messages.count(), 2);
    await chat.button("New conversation").click();
    await chat.button("Begin anew").click();
    await chat.announced("A new conversation has begun.");
    await eventually(() => chat.messages.count(), 0);
    await eventually(() => focused(page), "Your question");
    await page.reload();
    await chat.field.waitFor();
    assert.equal(await chat.messages.count(), 0);
});

browserTest("chat: keyboard only", async (page) => {
    const chat = await openChat(page, { policy: false });
    await chat.field.focus();
    await page.keyboard.type("First line");
    await page.keyboard.press("Shift+Enter");
    await page.keyboard.type("second line");
    assert.equal(model.requests.length, 0);
    await page.keyboard.press("Enter");
    await chat.button("Accept").waitFor();
    await eventually(async () => (await focused(page)).startsWith("Before you begin"), true, "the policy has the focus");
    await page.keyboard.press("Tab");
    await eventually(() => focused(page), "Accept");
    await page.keyboard.press("Enter");
    await chat.announced("Done");
    assert.deepEqual(await chat.texts(), ["First line\nsecond line", "Yes."]);
    await eventually(() => focused(page), "Your question");
    for (const stop of ["Answer again", "Bad answer", "Good answer", "Copy", "Edit and ask again"]) {
        await page.keyboard.press("Shift+Tab");
        await eventually(() => focused(page), stop);
    }
});

for (const [name, options, prepare] of [
    ["320 px wide", { viewport: { width: 320, height: 640 } }],
    ["in the dark", { colorScheme: "dark" }],
    ["from right to left", {}, (page) => page.evaluate(() => (document.documentElement.dir = "rtl"))],
    ["in Spanish", {}, (page) => page.evaluate(() => (document.documentElement.lang = "es"))],
]) {
    browserTest(`chat: ${name}`, options, async (page) => {
        const chat = await openChat(page);
        await prepare?.(page);
        model.answer =
            "# Light\n\nA *wave* and a [particle](https://example.org/a):\n\n| colour | nm |\n|---|--:|\n| red | 700 |\n| blue | 450 |\n\n" +
            "> quoted\n\n1. one\n2. two\n\n```c\nint averylongnameofavariablethatwillnotfitonanarrowscreen = 1;\n```\n\n`code` and 5 < 6.";
        await page.evaluate(() => document.querySelector("lectern-chat").requestUpdate());
        await chat.root.locator("textarea").fill("¿Qué es la luz, y por qué las hojas son verdes y no azules?");
        await page.keyboard.press("Enter");
        await chat.ended(1);
        const fits = () => page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth);
        assert.ok(await fits(), "nothing scrolls sideways");
        if (name === "in Spanish") await chat.announced("Listo");
        await expectNoViolation(page, name);
        await picture(page, `41-chat-${name.replace(/\W+/g, "-")}`);
    });
}

browserTest("chat: on paper there is the conversation, without its buttons", async (page) => {
    const chat = await openChat(page);
    await chat.send("One?");
    await chat.ended(1);
    await page.emulateMedia({ media: "print" });
    assert.equal(await chat.questions.first().isVisible(), true);
    assert.equal(await chat.root.locator("button:visible, textarea:visible").count(), 0);
});

browserTest("chat: formulas are drawn by what comes only when there is one", async (page) => {
    const chat = await openChat(page);
    const chunk = /^\/widgets\/katex-/;
    await chat.send("One?");
    await chat.ended(1);
    assert.equal(network.count("GET", chunk), 0, "not without a formula");
    model.answer = "Costs $5 and $10. Here $a^2+b^2=c^2$ and\n\n$$\\int_0^1 x\\,dx = \\tfrac12$$\n\nand \\(\\frac{1}{2}\\), but \\(\\nosuchthing{\\) not.";
    await chat.send("Two?");
    await chat.ended(2);
    await eventually(() => chat.answers.last().locator("math").count(), 3);
    assert.equal(network.count("GET", chunk), 1);
    const text = await chat.answers.last().innerText();
    assert.ok(text.includes("$5 and $10") && text.includes("\\nosuchthing{"), text);
    await expectNoViolation(page, "formulas");
    await picture(page, "42-chat-formulas");
});
