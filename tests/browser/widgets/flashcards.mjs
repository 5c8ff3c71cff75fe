/* <lectern-flashcards>: making, studying, editing, with a model that says what a test wants. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { browserTest, eventually, expectNoViolation, FAILED_REQUEST, focused, network, openUnit, shot } from "../harness.mjs";
import { makeGate } from "./model.mjs";
import { COURSE, stage } from "./stage.mjs";

const { model } = stage;
const RUN = /^\/v1\/workflows\/run$/;
const CALL = /^\/v1\/actions\/calls\/[^/]+$/;
const RESUME = /^\/v1\/actions\/calls\/[^/]+\/stream$/;
const CUT = [/ERR_/, FAILED_REQUEST];
const SLOT = "flash-cards";
const DAY = 86_400_000;

const deck = (...names) => names.map((name) => ({ id: name, question: `What is ${name}?`, answer: `It is **${name}**.` }));
const deals = (...names) => JSON.stringify({ cards: deck(...names) });

const tokenOf = async () => /<meta name="lectern-token" content="([^"]+)">/.exec(await (await fetch(`${stage.url}/demo/units/plants`)).text())[1];

/** The workflow's actions as the learner of the demo pages, past the browser. */
async function act(action, user_input = {}, slot = SLOT) {
    const context = { course_id: COURSE, location_id: "plants", ui_slot_selector_id: slot };
    return (await stage.api("POST", "/v1/workflows/run", { context, action, user_input }, await tokenOf())).response;
}

const kept = async (slot = SLOT) => (await act("get_current_session_response", {}, slot)).cards ?? [];

/** The parts of the element, as a person would name them. */
function partsOf(page) {
    const root = page.locator("lectern-flashcards");
    const button = (name) => root.getByRole("button", { name, exact: true });
    return {
        root,
        button,
        grade: (name) => root.locator(`button[data-grade=${name}]`),
        card: root.locator(".card"),
        front: root.locator(".front"),
        back: root.locator(".back"),
        note: root.locator(".note"),
        count: root.locator(".count"),
        problem: root.locator(".problem"),
        progress: root.locator(".progress"),
        rows: root.locator("ol.rows li"),
        question: (i) => root.locator("ol.rows li").nth(i).getByRole("textbox", { name: "Question" }),
        answer: (i) => root.locator("ol.rows li").nth(i).getByRole("textbox", { name: "Answer" }),
        shows: (name) => eventually(async () => (await root.locator(".front").innerText().catch(() => "")).trim(), `What is ${name}?`),
        announced: (text) =>
            page.waitForFunction((expected) => {
                const status = document.querySelector("lectern-flashcards")?.shadowRoot?.querySelector("[role=status]");
                return status?.textContent === expected;
            }, text),
        async went(grade) {
            await button("Show answer").click();
            await root.locator(`button[data-grade=${grade}]`).click();
        },
        inView: () => root.evaluate((element) => element.scrollIntoView({ block: "center" })),
    };
}

const place = (page, slot, tag = "lectern-flashcards") =>
    page.route("**/demo/units/plants", async (route) => {
        const response = await route.fetch();
        const text = await response.text();
        const body = text.replace(/<lectern-chat ([^>]*)ui-slot="chat"><\/lectern-chat>/, `<${tag} $1ui-slot="${slot}"></${tag}>`);
        assert.ok(body.includes(`<${tag}`));
        await route.fulfill({ response, body });
    });

/** A unit of the demo course with the element in the place of its chat, and these cards on the learner's stack. */
async function open(page, { slot = SLOT, cards = [], policy = true, shown = true, tag } = {}) {
    model.calm();
    await act("clear_session", {}, slot);
    if (cards.length > 0) await act("save", { cards }, slot);
    await place(page, slot, tag);
    await openUnit(page, "plants", { policy });
    const parts = partsOf(page);
    if (shown) await parts.root.locator("section").waitFor();
    if (shown) network.log.length = 0;
    return parts;
}

/* ---- making ---- */

browserTest("cards: how many, policy, cards that appear, each studied, the end", async (page) => {
    const cards = await open(page, { policy: false });
    await cards.inView();
    await expectNoViolation(page, "no cards yet");
    await shot(page, "60-cards-none");
    model.answer = deals("osmosis", "turgor", "a stoma");
    await cards.root.getByRole("spinbutton", { name: "How many cards" }).fill("3");
    await cards.button("Make cards").click();
    await cards.button("Accept").waitFor();
    assert.equal(network.count("POST", RUN), 0, "nothing is sent before the policy is accepted");
    await expectNoViolation(page, "the policy of cards");
    await cards.button("Accept").click();
    await cards.shows("osmosis");
    assert.ok(model.requests[0].body.messages.some((message) => message.content.includes("Make 3 cards")), "the model is told how many");
    assert.equal(await cards.count.innerText(), "3 cards, 3 due");
    assert.equal(await cards.progress.innerText(), "3 cards to go");
    await cards.announced("3 new cards.");
    await expectNoViolation(page, "the front of a card");
    await shot(page, "61-cards-front");
    await cards.button("Show answer").click();
    await eventually(async () => (await cards.back.innerText()).replace(/\s+/g, " ").trim(), "Answer It is osmosis.");
    assert.equal(await cards.back.locator("strong").innerText(), "osmosis", "cards are Markdown");
    await cards.inView();
    await expectNoViolation(page, "the back of a card");
    await shot(page, "62-cards-back");
    await cards.grade("good").click();
    await cards.shows("turgor");
    assert.equal(await cards.note.innerText(), "Comes again tomorrow.");
    await cards.went("again");
    await cards.shows("a stoma");
    assert.equal(await cards.note.innerText(), "Comes once more at the end, then again tomorrow.");
    await cards.inView();
    await expectNoViolation(page, "a card with a note");
    await shot(page, "63-cards-note");
    await cards.went("easy");
    await cards.shows("turgor");
    assert.equal(await cards.progress.innerText(), "1 card to go · once more");
    const before = network.count("POST", RUN);
    await cards.went("good");
    await cards.root.locator(".end").waitFor();
    assert.equal(network.count("POST", RUN), before, "what was forgotten is not told a second time");
    const end = "Done for now You went through 3 cards, 1 of them more than once. The next card comes tomorrow.";
    assert.equal((await cards.root.locator(".end").innerText()).replace(/\s+/g, " ").trim(), end);
    assert.equal(await cards.count.innerText(), "3 cards, 0 due");
    await cards.inView();
    await expectNoViolation(page, "the end of a sitting");
    await shot(page, "64-cards-end");
    const stack = await kept();
    assert.deepEqual(
        stack.map((card) => [card.id, card.repetitions]),
        [
            ["osmosis", 1],
            ["turgor", 0],
            ["a stoma", 1],
        ],
    );
    await page.reload();
    await cards.root.locator(".end").waitFor();
    assert.match(await cards.root.locator(".end").innerText(), /No card is due now\.\s+The next card comes tomorrow\./);
    await cards.button("Study all anyway").click();
    await cards.card.waitFor();
    assert.match(await cards.progress.innerText(), /practice/);
    await cards.went("good");
    await eventually(() => cards.progress.innerText(), "2 cards to go · practice: when it comes again stays as it is");
    assert.deepEqual(await kept(), stack, "practice changes no times");
});

browserTest("cards: 'Not now' sends nothing", async (page) => {
    const cards = await open(page, { policy: false });
    await cards.button("Make cards").click();
    await cards.button("Not now").click();
    await cards.button("Make cards").waitFor();
    assert.equal(network.count("POST", RUN), 0);
});

browserTest("cards: a policy withdrawn elsewhere is asked for again, and the cards are made", { expected: [FAILED_REQUEST] }, async (page) => {
    const cards = await open(page, { policy: true });
    model.answer = deals("a");
    await cards.button("Make cards").click();
    await cards.shows("a");
    await stage.api("DELETE", "/v1/policy", undefined, await tokenOf());
    model.answer = deals("b");
    await cards.button("More cards").click();
    await cards.button("Add to my cards").click();
    await cards.button("Accept").click();
    await eventually(() => cards.count.innerText(), "2 cards, 2 due");
});

browserTest("cards: a service that fails is told calmly, without its words, and can be tried again", { expected: [FAILED_REQUEST] }, async (page) => {
    const cards = await open(page);
    model.refuse = { status: 503 };
    await cards.button("Make cards").click();
    await cards.problem.waitFor();
    assert.equal(await cards.problem.innerText(), "The assistant cannot be reached just now. Please try again in a moment.");
    assert.ok(!(await cards.root.locator("section").innerText()).includes("gpu-17"));
    await cards.inView();
    await expectNoViolation(page, "cards that could not be made");
    await shot(page, "65-cards-failed");
    model.refuse = null;
    model.answer = deals("a");
    await cards.button("Try again").click();
    await cards.shows("a");
    assert.equal(await cards.problem.count(), 0);
});

for (const [name, end] of [
    ["Stop", (cards) => cards.button("Stop").click()],
    ["Escape", (cards, page) => page.keyboard.press("Escape")],
])
    browserTest(`cards: ${name} ends the making at once, here, on the server and at the model`, async (page) => {
        const cards = await open(page);
        const gate = makeGate();
        model.answer = async function* () {
            await gate.opened;
            yield deals("a");
        };
        await cards.button("Make cards").click();
        await eventually(() => model.requests.length, 1);
        await cards.button("Stop").waitFor();
        await cards.inView();
        await expectNoViolation(page, "cards that are being made");
        await end(cards, page);
        await cards.button("Make cards").waitFor();
        await cards.announced("Stopped");
        await eventually(() => model.requests[0].left, true, "the model is left");
        assert.equal(network.count("DELETE", CALL), 1);
        gate.open();
        assert.deepEqual(await kept(), []);
    });

browserTest("cards: a connection cut while they are made is taken up again", { expected: CUT }, async (page) => {
    const cards = await open(page);
    network.cuts = [150];
    model.answer = deals("a", "b");
    await cards.button("Make cards").click();
    await cards.shows("a");
    assert.ok(network.count("GET", RESUME) >= 1);
    assert.equal((await kept()).length, 2);
});

browserTest("cards: a connection that stays down: calm words, and another try", { expected: CUT }, async (page) => {
    const cards = await open(page);
    const gate = makeGate();
    model.answer = async function* () {
        await gate.opened;
        yield deals("a");
    };
    await cards.button("Make cards").click();
    await eventually(() => model.requests.length, 1);
    network.down = true;
    network.cuts = [0];
    await eventually(async () => {
        if (network.log.some((entry) => entry.method === "POST" && !entry.ended)) gate.open();
        return (await cards.problem.count()) > 0;
    }, true);
    assert.equal(await cards.problem.innerText(), "The connection was lost. Check your network and try again.");
    network.calm();
    model.answer = deals("b");
    await cards.button("Try again").click();
    await cards.card.waitFor();
    assert.ok((await kept()).some((card) => card.id === "b"));
});

/* ---- studying ---- */

browserTest("cards: a review that does not arrive loses nothing, and the same one is told once", { expected: CUT }, async (page) => {
    const cards = await open(page, { cards: deck("a", "b") });
    await cards.shows("a");
    await cards.button("Show answer").click();
    /* The server has it, and its answer does not come. */
    await page.route("**/v1/workflows/run", async (route) => {
        await page.unroute("**/v1/workflows/run");
        await route.fetch();
        await route.abort();
    });
    await cards.grade("good").click();
    await cards.problem.waitFor();
    assert.equal(await cards.problem.innerText(), "The connection was lost. Check your network and try again.");
    assert.equal(await cards.back.count(), 1, "the card is still there");
    await cards.inView();
    await expectNoViolation(page, "a review that failed");
    await shot(page, "66-cards-review-failed");
    await cards.button("Try again").click();
    await cards.shows("b");
    assert.deepEqual((await kept()).map((card) => card.repetitions), [1, 0], "once, not twice");
});

browserTest("cards: keyboard only", async (page) => {
    const cards = await open(page, { cards: deck("a", "b", "c") });
    await cards.shows("a");
    await cards.card.focus();
    await page.keyboard.press("3");
    assert.equal(await cards.back.count(), 0, "a grade before the answer is none");
    await page.keyboard.press(" ");
    await cards.back.waitFor();
    assert.match(await focused(page), /^Answer\s+It is a\.$/);
    await page.keyboard.press("3");
    await cards.shows("b");
    await eventually(() => page.evaluate(() => document.activeElement.shadowRoot.activeElement.className), "card");
    await page.keyboard.press("Enter");
    await cards.back.waitFor();
    await page.keyboard.press("1");
    await cards.shows("c");
    await cards.button("Show answer").focus();
    await page.keyboard.press("Enter");
    await cards.back.waitFor();
    await page.keyboard.press("Tab");
    assert.equal(await focused(page), "1Again");
    await page.keyboard.press("4");
    await cards.shows("b");
    await page.keyboard.press(" ");
    await page.keyboard.press("2");
    await cards.root.locator(".end").waitFor();
    await eventually(() => page.evaluate(() => document.activeElement.shadowRoot.activeElement.className), "end");
    assert.deepEqual((await kept()).map((card) => card.repetitions), [1, 0, 1]);
});

browserTest("cards: two tabs share one stack: what was graded or deleted in one does not come in the other", async (page) => {
    const cards = await open(page, { cards: deck("a", "b", "c") });
    await cards.shows("a");
    const other = await page.context().newPage();
    await place(other, SLOT);
    await other.goto(page.url());
    const there = partsOf(other);
    await there.shows("a");
    await there.went("good");
    await there.shows("b");
    await cards.shows("b");
    await there.button("Edit cards").click();
    await there.rows.nth(1).getByRole("button", { name: "Delete: Card 2" }).click();
    await there.button("Save").click();
    await cards.shows("c");
    await eventually(() => cards.count.innerText(), "2 cards, 1 due");
    await other.close();
});

browserTest("cards: formulas, code and attacks on cards", async (page) => {
    const question = "What is $\\frac{1}{2}$ of `x`?<img src=x onerror=window.attacked=1>";
    const cards = await open(page, { cards: [{ id: "m", question, answer: "| a | b |\n|---|---|\n| 1 | 2 |\n\n```js\nlet x;\n```" }] });
    await cards.front.locator("math").waitFor();
    assert.equal(await cards.front.locator("code").innerText(), "x");
    assert.equal(await cards.front.locator("img").count(), 0);
    assert.equal(await page.evaluate(() => window.attacked), undefined);
    await cards.button("Show answer").click();
    await cards.back.locator("table").waitFor();
    await cards.inView();
    await expectNoViolation(page, "a card with a formula and a table");
    await shot(page, "67-cards-rich");
});

/* ---- editing ---- */

browserTest("cards: change, add, delete, save", async (page) => {
    const cards = await open(page, { cards: deck("a", "b", "c") });
    await cards.went("good");
    await cards.shows("b");
    await cards.button("Edit cards").click();
    await cards.question(0).fill("What else is a?");
    await cards.rows.nth(1).getByRole("button", { name: "Delete: Card 2" }).click();
    await cards.button("Add a card").click();
    await eventually(() => cards.rows.count(), 4);
    await eventually(() => page.evaluate(() => document.activeElement.shadowRoot.activeElement.localName), "textarea");
    await page.keyboard.type("What is new?");
    await cards.button("Save").click();
    await eventually(() => cards.problem.innerText(), "A card needs both sides. Write them, or delete the card.");
    assert.equal(await cards.answer(0).getAttribute("aria-invalid"), "true");
    await cards.inView();
    await expectNoViolation(page, "cards that are edited");
    await shot(page, "68-cards-edit", { fullPage: true });
    await cards.answer(0).fill("It is new.");
    await cards.button("Save").click();
    await cards.announced("Saved: 3 cards.");
    const stack = await kept();
    const texts = stack.map((card) => [card.question, card.repetitions]);
    assert.deepEqual(texts, [["What is new?", 0], ["What else is a?", 1], ["What is c?", 0]]);
    await eventually(() => cards.count.innerText(), "3 cards, 2 due");
});

browserTest("cards: saving that fails loses nothing that was written", { expected: CUT }, async (page) => {
    const cards = await open(page, { cards: deck("a") });
    await cards.button("Edit cards").click();
    await cards.question(0).fill("What else is a?");
    network.down = true;
    await cards.button("Save").click();
    const told = "Not saved. What you wrote is still here. The connection was lost. Check your network and try again.";
    await eventually(() => cards.problem.innerText(), told);
    assert.equal(await cards.question(0).inputValue(), "What else is a?");
    await expectNoViolation(page, "cards that were not saved");
    network.calm();
    await cards.button("Save").click();
    await cards.announced("Saved: 1 card.");
    assert.equal((await kept())[0].question, "What else is a?");
});

browserTest("cards: a save whose answer is lost is a save", { expected: CUT }, async (page) => {
    const cards = await open(page, { cards: deck("a") });
    await cards.button("Edit cards").click();
    await cards.question(0).fill("What else is a?");
    await page.route("**/v1/workflows/run", async (route) => {
        await page.unroute("**/v1/workflows/run");
        await route.fetch();
        await route.abort();
    });
    await cards.button("Save").click();
    await cards.problem.waitFor();
    await cards.button("Save").click();
    await cards.announced("Saved: 1 card.");
});

browserTest("cards: leaving changes asks first, also by Escape", async (page) => {
    const cards = await open(page, { cards: deck("a") });
    await cards.button("Edit cards").click();
    await cards.question(0).fill("Changed?");
    await page.evaluate((token) => (document.querySelector("lectern-flashcards").token = token), await tokenOf());
    await page.evaluate(() => document.querySelector("lectern-flashcards").updateComplete);
    assert.equal(await cards.question(0).inputValue(), "Changed?", "a new token takes nothing away");
    await page.keyboard.press("Escape");
    await cards.button("Discard changes").waitFor();
    await eventually(() => focused(page), "Go on editing");
    await expectNoViolation(page, "a question before changes are discarded");
    await page.keyboard.press("Escape");
    await cards.button("Discard changes").waitFor({ state: "detached" });
    assert.equal(await cards.question(0).inputValue(), "Changed?");
    await cards.button("Cancel").click();
    await cards.button("Discard changes").click();
    await cards.shows("a");
    assert.equal(network.log.some((entry) => entry.path.includes("save")), false);
    assert.equal((await kept())[0].question, "What is a?");
});

browserTest("cards: what another tab has changed is not overwritten unasked", { expected: [FAILED_REQUEST] }, async (page) => {
    const cards = await open(page, { cards: deck("a", "b") });
    await cards.button("Edit cards").click();
    await cards.question(0).fill("Mine?");
    await act("review", { card_id: "b", quality: 4 });
    await cards.button("Save").click();
    await cards.announced("Saved: 2 cards.");
    assert.deepEqual((await kept()).map((card) => [card.question, card.repetitions]), [["Mine?", 0], ["What is b?", 1]]);
    for (const [button, question] of [["Save mine in their place", "Mine again?"], ["Discard mine and load the others", "Theirs?"]]) {
        await cards.button("Edit cards").click();
        await cards.question(0).fill("Mine again?");
        if (question === "Theirs?") await cards.question(0).fill("Mine, a third time?");
        await act("save", { cards: [{ ...(await kept())[0], question: "Theirs?" }] });
        await cards.button("Save").click();
        await cards.button(button).waitFor();
        assert.match(await cards.root.locator(".ask").innerText(), /were changed elsewhere/);
        assert.equal((await kept())[0].question, "Theirs?");
        await cards.root.locator(".ask").evaluate((element) => element.scrollIntoView({ block: "center" }));
        await expectNoViolation(page, "cards that were changed elsewhere");
        await shot(page, "69-cards-changed-elsewhere");
        await cards.button(button).click();
        if (question === "Theirs?") {
            await eventually(() => cards.question(0).inputValue(), "Theirs?");
            await cards.button("Cancel").click();
        }
        await cards.card.waitFor();
        assert.equal((await kept())[0].question, question);
    }
});

browserTest("cards: more are added, or take the place of all, after a question", async (page) => {
    const cards = await open(page, { cards: deck("a", "b") });
    await cards.button("More cards").click();
    await cards.inView();
    await expectNoViolation(page, "more cards");
    await shot(page, "70-cards-more");
    model.answer = deals("c");
    await cards.button("Add to my cards").click();
    await eventually(() => cards.count.innerText(), "3 cards, 3 due");
    await cards.button("More cards").click();
    await cards.button("Replace my cards").click();
    assert.match(await cards.root.locator(".ask").innerText(), /all your 3 cards/);
    await eventually(() => focused(page), "Keep my cards");
    await expectNoViolation(page, "a question before cards are replaced");
    await shot(page, "71-cards-replace");
    await page.keyboard.press("Escape");
    await cards.button("Replace my cards").waitFor();
    await cards.button("Replace my cards").click();
    model.answer = deals("new");
    await cards.button("Replace", { exact: true }).click();
    await cards.shows("new");
    assert.deepEqual((await kept()).map((card) => card.id), ["new"]);
});

browserTest("cards: as a file for Anki", async (page) => {
    const cards = await open(page, { cards: deck("a", "b") });
    const [download] = await Promise.all([page.waitForEvent("download"), cards.button("Download for Anki (CSV)").click()]);
    assert.equal(download.suggestedFilename(), "flash-cards.csv");
    assert.match(await readFile(await download.path(), "utf8"), /What is a\?.*It is \*\*a\*\*/);
});

/* ---- where it is not, and how it looks ---- */

async function withoutPermission(body) {
    const { permissions } = await stage.api("GET", "/v1/permissions");
    const name = permissions.map((each) => each.permission).find((each) => each.includes("generate_flashcard"));
    const set = (role, allowed) => stage.api("PUT", "/v1/permissions", { role, permission: name, allowed });
    try {
        for (const role of ["student", "editingteacher"]) await set(role, false);
        await body();
    } finally {
        for (const role of ["student", "editingteacher"]) await set(role, null);
    }
}

browserTest("cards: without the permission there are none, and staff are told why", async (page) => {
    await withoutPermission(async () => {
        const cards = await open(page, { shown: false });
        await page.reload();
        await eventually(() => network.log.some((entry) => /roles\/mine/.test(entry.path) && entry.ended), true);
        await eventually(() => network.log.some((entry) => RUN.test(entry.path) && entry.ended), true);
        assert.equal(await cards.root.isVisible(), false);
        await page.evaluate((token) => (document.querySelector("lectern-flashcards").token = token), stage.keys.teacher_token);
        const note = cards.root.getByRole("note");
        await note.waitFor();
        assert.match(await note.innerText(), /^Flash cards is not shown here.*permission/s);
        await expectNoViolation(page, "the note of cards for staff");
    });
});

browserTest("cards: what was made can be studied where no more may be made", async (page) => {
    await withoutPermission(async () => {
        const cards = await open(page, { cards: deck("a") });
        await cards.went("good");
        await cards.root.locator(".end").waitFor();
        assert.equal(await cards.button("Edit cards").count(), 1);
        assert.equal(await cards.button("More cards").count(), 0);
    });
});

browserTest("cards: over the limit: when to try again, and not before", { expected: [FAILED_REQUEST] }, async (page) => {
    const now = Date.now();
    await page.clock.setFixedTime(now);
    const cards = await open(page);
    model.refuse = { status: 429, headers: { "Retry-After": "9" } };
    await cards.button("Make cards").click();
    await cards.problem.waitFor();
    assert.match(await cards.problem.innerText(), /^That was a lot in a short time\. You can try again in \d seconds\.$/);
    assert.equal(await cards.button("Try again").getAttribute("aria-disabled"), "true");
    await expectNoViolation(page, "cards over the limit");
    model.refuse = null;
    model.answer = deals("a");
    const asked = model.requests.length;
    await cards.button("Try again").click({ force: true });
    await page.evaluate(() => fetch("/demo/").then((response) => response.text()));
    assert.equal(model.requests.length, asked, "too early sends nothing");
    await page.clock.setFixedTime(now + 9000);
    await cards.announced("You can try again now.");
    await cards.button("Try again").click();
    await cards.shows("a");
});

browserTest("cards: a site that keeps no content: the cards are there, and nobody is told how they went", async (page) => {
    const cards = await open(page);
    const keeps = (status) => eventually(async () => (await act("save", { cards: [] })).status, status);
    await stage.set("store_content=false");
    try {
        await keeps("not_kept");
        model.answer = deals("a", "b");
        await cards.button("Make cards").click();
        await cards.shows("a");
        assert.match(await cards.root.locator("section").innerText(), /Nothing is kept here/);
        assert.equal(await cards.button("Edit cards").count(), 0);
        await cards.inView();
        await expectNoViolation(page, "cards that are not kept");
        await shot(page, "74-cards-not-kept");
        const before = network.count("POST", RUN);
        await cards.went("again");
        await cards.shows("b");
        await cards.went("good");
        await cards.shows("a");
        await cards.went("good");
        await cards.root.locator(".end").waitFor();
        assert.equal(network.count("POST", RUN), before);
    } finally {
        await stage.set("store_content=true");
        await keeps("saved");
    }
});

browserTest("cards: leaving the page ends the making", async (page) => {
    const cards = await open(page);
    const gate = makeGate();
    model.answer = async function* () {
        await gate.opened;
        yield deals("a");
    };
    await cards.button("Make cards").click();
    await eventually(() => model.requests.length, 1);
    await cards.button("Stop").waitFor();
    await page.goto(`${network.url}/demo/`);
    await eventually(() => model.requests[0].left, true, "the model is left");
    gate.open();
});

browserTest("cards: a long list is shown in parts, and saved whole", async (page) => {
    const names = Array.from({ length: 120 }, (_, i) => `n${i}`);
    const cards = await open(page, { cards: deck(...names) });
    await cards.button("Edit cards").click();
    await eventually(() => cards.rows.count(), 50);
    await cards.button("Show 50 more").click();
    await cards.button("Show 20 more").click();
    await eventually(() => cards.rows.count(), 120);
    await cards.question(119).fill("The last one?");
    await cards.button("Save").click();
    await cards.announced("Saved: 120 cards.");
    assert.equal((await kept()).at(-1).question, "The last one?");
});

browserTest("cards: on paper there is the card, without its buttons", async (page) => {
    const cards = await open(page, { cards: deck("a") });
    await cards.shows("a");
    await page.emulateMedia({ media: "print" });
    assert.equal(await cards.front.isVisible(), true);
    assert.equal(await cards.root.locator("button:visible, input:visible").count(), 0);
});

browserTest("cards: where no profile leads there are none", { expected: [FAILED_REQUEST] }, async (page) => {
    model.calm();
    await place(page, "nowhere");
    await openUnit(page, "plants");
    await page.reload();
    await eventually(() => network.log.some((entry) => RUN.test(entry.path) && entry.ended), true);
    assert.equal(await partsOf(page).root.isVisible(), false);
});

browserTest("cards: a slot whose profile names FlashcardCreator shows them, with its words", async (page) => {
    const cards = await open(page, { tag: "lectern-slot", cards: deck("a"), shown: false });
    await cards.root.locator("section").waitFor();
    assert.equal(await cards.root.getByRole("heading", { level: 2 }).innerText(), "Flash cards");
    await cards.shows("a");
    await act("clear_session");
    await page.reload();
    await cards.button("Make flash cards").waitFor();
    await cards.inView();
    await expectNoViolation(page, "cards in a slot");
    await shot(page, "72-cards-slot");
});

for (const [name, options, change] of [
    ["320 px wide", { viewport: { width: 320, height: 700 } }, () => undefined],
    ["dark", { colorScheme: "dark" }, () => undefined],
    ["right to left", {}, () => (document.documentElement.dir = "rtl")],
    ["Spanish", {}, () => (document.documentElement.lang = "es")],
])
    browserTest(`cards: ${name}`, options, async (page) => {
        const due = { nextReviewTime: Date.now() + 40 * DAY, repetitions: 2 };
        const long = "a word that is longer than most words, so that it has to be broken somewhere";
        const cards = await open(page, { cards: [...deck("a", long), { ...deck("z")[0], ...due }] });
        await page.evaluate(change);
        await page.evaluate(() => document.querySelector("lectern-flashcards").requestUpdate());
        const wide = () => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
        const look = async (what, part = "section") => {
            await cards.root.locator(part).first().evaluate((element) => element.scrollIntoView({ block: "center" }));
            assert.equal(await wide(), 0, `nothing is wider than the page: ${what}`);
            await expectNoViolation(page, `${what}, ${name}`);
            await shot(page, `73-cards-${what}-${name.replaceAll(" ", "-")}`);
        };
        await cards.root.locator(".show").click();
        await cards.back.waitFor();
        await look("study", ".grades");
        await cards.root.locator(".tools .edit").click();
        await cards.rows.first().waitFor();
        await look("edit");
        await page.keyboard.press("Escape");
        await cards.root.locator(".tools .more").click();
        await look("more", ".more-form");
    });
