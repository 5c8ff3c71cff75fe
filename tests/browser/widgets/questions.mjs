/* <lectern-questions> in the place of a unit's chat, with an author's token and a model that writes the questions a test wants. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { browserTest, eventually, expectNoViolation, FAILED_REQUEST, focused, network, shot } from "../harness.mjs";
import { ATTACKS, strangers, writeDownAttacks } from "./attacks.mjs";
import { makeGate } from "./model.mjs";
import { COURSE, stage } from "./stage.mjs";

const { model } = stage;
const RUN = /^\/v1\/workflows\/run$/;
const EVENTS = /^\/v1\/tasks\/[^/]+\/events$/;
const TASK = /^\/v1\/tasks\/[^/]+$/;
const CONVERT = /^\/v1\/questions\/convert$/;
const CUT = [/ERR_/, FAILED_REQUEST];
const UNIT = "plants";
const CONTEXT = { course_id: COURSE, location_id: UNIT, ui_slot_selector_id: "questions", placement: "author" };
const PLACE = `base-url="" course-id="${COURSE}" location-id="${UNIT}"`;

const author = () => stage.keys.teacher_token;
const asAuthor = (action, user_input) => stage.api("POST", "/v1/workflows/run", { context: CONTEXT, action, ...(user_input && { user_input }) }, author());
const kept = async () => (await asAuthor("get_questions")).response.response.question_slots ?? [];

function problem(name, change = {}) {
    return {
        display_name: name,
        question_html: `<p>Why does <b>${name}</b> need \\(6\\,\\mathrm{CO_2}\\)?</p>`,
        problem_type: "multiplechoiceresponse",
        choices: [
            { text: "To make sugar", is_correct: true, feedback: "Yes: carbon comes from the air." },
            { text: "To breathe at night", is_correct: false, feedback: "That gives it off." },
        ],
        answer_value: "",
        tolerance: "",
        explanation: "Leaves build sugar from carbon dioxide and water.",
        demand_hints: ["Think of where carbon comes from."],
        ...change,
    };
}

const NUMBER = problem("Count", { problem_type: "numericalresponse", choices: [], answer_value: "6", tolerance: "5%", question_html: "<p>How many molecules?</p>" });
const written = (...problems) => JSON.stringify({ collection_name: "Leaves", problems });

/** A model that writes when the test lets it. */
function gated(...problems) {
    const gate = makeGate();
    model.answer = async function* () {
        await gate.opened;
        yield written(...problems);
    };
    return gate;
}

function partsOf(page) {
    const root = page.locator("lectern-questions");
    const card = (n) => root.locator("li.question").nth(n);
    return {
        root,
        card,
        button: (name) => root.getByRole("button", { name, exact: true }),
        of: (n, name) => card(n).getByRole("button", { name, exact: true }),
        field: (n, label) => card(n).getByLabel(label, { exact: true }),
        cards: root.locator("li.question"),
        titles: () => root.locator("li.question h3 span:last-child").allInnerTexts(),
        problem: root.locator(".problem"),
        write: root.locator("form.wish button[type=submit]"),
        announced: (text) =>
            page.waitForFunction((expected) => {
                const status = document.querySelector("lectern-questions")?.shadowRoot?.querySelector("[role=status]");
                return status?.textContent === expected;
            }, text),
    };
}

async function setPolicy(accepted) {
    await stage.api("DELETE", "/v1/policy", undefined, author());
    if (!accepted) return;
    const { version } = await stage.api("GET", "/v1/policy", undefined, author());
    await stage.api("PUT", "/v1/policy", { accepted: true, version }, author());
}

/** The unit with an element in the place of its chat. */
async function putInPage(page, element) {
    await page.route(`**/demo/units/${UNIT}`, async (route) => {
        const response = await route.fetch();
        const body = (await response.text()).replace(/<lectern-chat [^>]*><\/lectern-chat>/, element);
        assert.ok(body.includes(element));
        await route.fulfill({ response, body });
    });
}

/** An author's page, with questions by these names, or with none. */
async function openQuestions(page, { policy = true, have = [], token = author(), slot = "questions", shown = true } = {}) {
    model.calm();
    await setPolicy(true);
    await asAuthor("clear_session");
    if (have.length > 0) {
        model.answer = written(...have.map((each) => (typeof each === "string" ? problem(each) : each)));
        await asAuthor("run", { num_questions: have.length });
        model.requests.length = 0;
    }
    await setPolicy(policy);
    await putInPage(page, `<lectern-questions ${PLACE} token="${token}" ui-slot="${slot}" for="main article"></lectern-questions>`);
    await page.goto(`${network.url}/demo/units/${UNIT}`);
    const parts = partsOf(page);
    if (!shown) return parts;
    if (have.length > 0) await eventually(() => parts.cards.count(), have.length);
    else await parts.write.waitFor();
    network.log.length = 0;
    return parts;
}

async function picture(page, name, selector = "section.questions", block = "start") {
    await page.locator("lectern-questions").locator(selector).first().evaluate((element, where) => element.scrollIntoView({ block: where }), block);
    await shot(page, name);
}

browserTest("questions: policy, what is wanted, how far it is, the questions", async (page) => {
    const q = await openQuestions(page, { policy: false });
    await expectNoViolation(page, "the form for new questions");
    await picture(page, "60-questions-wish");
    await q.root.getByLabel("How many").fill("2");
    await q.root.getByLabel("Level").selectOption("hard");
    await q.root.getByLabel("A number", { exact: true }).check();
    await q.root.getByLabel("One of several", { exact: true }).check();
    await q.root.getByLabel("What else matters").fill("Stress the causes.");
    const gate = gated(problem("Leaf"), NUMBER);
    await q.write.click();
    await q.button("Accept").waitFor();
    assert.equal(model.requests.length, 0, "nothing is asked before the policy is accepted");
    await expectNoViolation(page, "the policy of questions");
    await q.button("Accept").click();
    await eventually(() => model.requests.length, 1);
    const asked = JSON.stringify(model.requests[0].body);
    for (const part of ["Write 2 questions", "hard", "Stress the causes.", "carbon dioxide"]) assert.ok(asked.includes(part), part);
    await q.root.locator(".progress .state").filter({ hasText: /Writing the questions|Asking/ }).waitFor();
    await expectNoViolation(page, "questions being written");
    await picture(page, "61-questions-progress");
    gate.open();
    await eventually(q.titles, ["Leaf", "Count"]);
    await q.announced("Done. 2 questions are here.");
    assert.match(await q.card(0).innerText(), /One of several[^]*Why does Leaf need[^]*Right\s+To make sugar[^]*Wrong\s+To breathe at night[^]*Explanation/);
    await eventually(() => q.card(0).locator("math").count(), 1, "formulas are drawn");
    assert.match(await q.card(1).innerText(), /Right answer 6 \(Tolerance: 5%\)/);
    await expectNoViolation(page, "questions");
    await picture(page, "62-questions-list");
});

browserTest("questions: they are written on while the page is left, and found again", async (page) => {
    const q = await openQuestions(page);
    const gate = gated(problem("Leaf"));
    await q.write.click();
    await eventually(() => model.requests.length, 1);
    await page.reload();
    await q.root.locator(".progress .stop").waitFor();
    assert.equal(network.count("DELETE", TASK), 0);
    gate.open();
    await eventually(q.titles, ["Leaf"]);
    assert.equal(model.requests.length, 1, "written once");
    await page.reload();
    await eventually(q.titles, ["Leaf"]);
});

browserTest("questions: a connection lost while they are written is taken up again", { expected: CUT }, async (page) => {
    const q = await openQuestions(page);
    network.cuts = [0, 40];
    const gate = gated(problem("Leaf"));
    await q.write.click();
    await eventually(() => network.count("GET", EVENTS) >= 3, true);
    gate.open();
    await eventually(q.titles, ["Leaf"]);
    assert.equal(model.requests.length, 1);
    assert.equal(await q.problem.count(), 0);
});

browserTest("questions: Stop ends it at once, also at the model; nothing is kept", async (page) => {
    const q = await openQuestions(page);
    gated(problem("Leaf"));
    await q.write.click();
    await eventually(() => model.requests.length, 1);
    await q.button("Stop").click();
    await q.write.waitFor();
    await q.announced("Stopped");
    await eventually(() => network.count("DELETE", TASK), 1);
    await eventually(() => model.requests[0].left, true);
    assert.deepEqual(await kept(), []);
});

browserTest("questions: 'Not now' sends nothing and keeps the form", async (page) => {
    const q = await openQuestions(page, { policy: false });
    await q.root.getByLabel("What else matters").fill("Causes.");
    await q.write.click();
    await q.button("Not now").click();
    await q.write.waitFor();
    assert.equal(await q.root.getByLabel("What else matters").inputValue(), "Causes.");
    assert.equal(model.requests.length + network.count("PUT", /policy/), 0);
});

browserTest("questions: a service that fails is told calmly, and can be tried again", { expected: [FAILED_REQUEST] }, async (page) => {
    const q = await openQuestions(page);
    model.answer = async function* () {
        yield "no questions at all";
    };
    await q.write.click();
    await q.problem.waitFor();
    assert.equal(await q.problem.innerText(), "The assistant cannot be reached just now. Please try again in a moment.");
    await expectNoViolation(page, "questions that could not be written");
    await picture(page, "63-questions-failed");
    model.answer = written(problem("Leaf"));
    await q.button("Try again").click();
    await eventually(q.titles, ["Leaf"]);
    assert.equal(await q.problem.count(), 0);
});

browserTest("questions: another version by an instruction; versions back and forth; left out and taken in", async (page) => {
    const q = await openQuestions(page, { have: ["Leaf", "Root"] });
    await q.of(1, "Another version").click();
    await q.field(1, "What should be different?").fill("Ask about water.");
    await expectNoViolation(page, "asking for another version");
    await picture(page, "64-questions-how", "#q1");
    const gate = gated(problem("Water"));
    await q.of(1, "Write it").click();
    await eventually(() => model.requests.length, 1);
    assert.match(JSON.stringify(model.requests[0].body), /Ask about water\.[^]*|Root/);
    await eventually(() => focused(page), "Stop");
    gate.open();
    await eventually(q.titles, ["Leaf", "Water"]);
    await q.announced("Version 2 of 2");
    await eventually(() => focused(page), "Another version");
    assert.equal(await q.of(1, "Next version").getAttribute("aria-disabled"), "true");
    await q.of(1, "Previous version").click();
    await eventually(q.titles, ["Leaf", "Root"]);
    await q.announced("Version 1 of 2");
    await eventually(async () => (await kept()).map((slot) => slot.selected), [0, 0]);
    await q.card(0).getByRole("checkbox", { name: "Take along" }).uncheck();
    await eventually(async () => (await kept()).map((slot) => slot.left_out ?? false), [true, false]);
    await q.root.getByText("1 of 2 questions", { exact: true }).waitFor();
    await page.reload();
    await eventually(q.titles, ["Leaf", "Root"]);
    assert.equal(await q.card(0).getByRole("checkbox", { name: "Take along" }).isChecked(), false);
    await expectNoViolation(page, "questions with versions");
    await picture(page, "65-questions-versions", "#q1");
});

browserTest("questions: having one written again can be stopped, fails calmly, and is taken up after a cut", { expected: CUT }, async (page) => {
    const q = await openQuestions(page, { have: ["Leaf"] });
    await q.of(0, "Another version").click();
    const never = gated(problem("Never"));
    await q.field(0, "What should be different?").fill("Shorter.");
    await q.of(0, "Write it").click();
    await eventually(() => model.requests.length, 1);
    await q.of(0, "Stop").click();
    await q.announced("Stopped");
    await eventually(() => model.requests[0].left, true);
    never.open();
    assert.equal(await q.field(0, "What should be different?").inputValue(), "Shorter.");
    model.answer = "no question";
    await q.of(0, "Write it").click();
    await q.problem.waitFor();
    assert.equal(await q.field(0, "What should be different?").inputValue(), "Shorter.");
    await expectNoViolation(page, "another version that could not be written");
    const gate = gated(problem("Short"));
    model.requests.length = 0;
    network.cuts = [150];
    await q.of(0, "Write it").click();
    await eventually(() => network.count("GET", /^\/v1\/actions\/calls\/[^/]+\/stream$/) > 0, true);
    gate.open();
    await eventually(q.titles, ["Short"]);
    assert.equal(model.requests.length, 1);
    assert.deepEqual((await kept()).map((slot) => slot.versions.length), [2]);
});

browserTest("questions: an edit is checked beside its fields and kept as another version", async (page) => {
    const q = await openQuestions(page, { have: [problem("Leaf", { question_html: "<p>Why?</p><p>Say &lt;why&gt;.</p>" })] });
    await q.of(0, "Edit").click();
    await eventually(() => focused(page), "f0-display_name");
    assert.equal(await q.field(0, "Question text").inputValue(), "Why?\n\nSay <why>.");
    await q.field(0, "Title").fill(" ");
    await q.field(0, "Choice 2").fill("To make sugar");
    await q.of(0, "Add a choice").click();
    await eventually(() => focused(page), "f0-choices-2-text");
    await q.of(0, "Keep this version").click();
    await eventually(() => focused(page), "f0-display_name", "the first that is wrong");
    const faults = () => q.card(0).locator(".fault").allInnerTexts();
    assert.deepEqual(await faults(), ["This is missing.", "This says the same as another choice.", "This is missing."]);
    await q.announced("3 fields need a look.");
    assert.equal(network.count("POST", RUN), 0, "nothing is sent");
    await expectNoViolation(page, "an edit with faults");
    await picture(page, "66-questions-edit", "#q0");
    await q.field(0, "Title").fill("Sugar");
    await q.field(0, "Choice 2").fill("To store water");
    await q.of(0, "Remove choice 3").click();
    await eventually(faults, []);
    await q.field(0, "Choice 2 is right").check();
    await q.field(0, "Question text").fill("What for?\n\nOne & only.");
    await q.of(0, "Keep this version").click();
    await eventually(q.titles, ["Sugar"]);
    await eventually(() => focused(page), "Edit");
    const [slot] = await kept();
    assert.equal(slot.versions.length, 2);
    const { olx, ...own } = slot.versions[1];
    assert.ok(olx.data.startsWith("<problem"));
    assert.equal(own.question_html, "<p>What for?</p>\n<p>One &amp; only.</p>");
    assert.deepEqual(own.choices.map(({ text, is_correct }) => [text, is_correct]), [["To make sugar", false], ["To store water", true]]);
    assert.equal(own.explanation, problem("x").explanation, "what was not touched is as it was");
});

browserTest("questions: kinds change in the form, and what was typed stays", async (page) => {
    const q = await openQuestions(page, { have: ["Leaf"] });
    await q.of(0, "Edit").click();
    assert.equal(await q.field(0, "Question text").inputValue(), problem("Leaf").question_html, "markup is edited as HTML");
    await q.field(0, "Kind").selectOption("A number");
    await q.field(0, "Right answer").fill("six");
    await q.of(0, "Keep this version").click();
    await q.card(0).getByText("This is not a number.").waitFor();
    await q.field(0, "Kind").selectOption("Any number of several");
    assert.equal(await q.field(0, "Choice 1").inputValue(), "To make sugar");
    await q.field(0, "Choice 2 is right").check();
    await q.of(0, "Keep this version").click();
    await eventually(async () => (await kept())[0].versions.length, 2);
    const [slot] = await kept();
    assert.deepEqual([slot.versions[1].problem_type, slot.versions[1].answer_value], ["choiceresponse", ""]);
    assert.deepEqual(slot.versions[1].choices.map((choice) => choice.is_correct), [true, true]);
});

browserTest("questions: changes that are not kept are asked about before they are lost", async (page) => {
    const q = await openQuestions(page, { have: ["Leaf"] });
    const asks = () => page.evaluate(() => !window.dispatchEvent(new Event("beforeunload", { cancelable: true })));
    assert.equal(await asks(), false);
    await q.of(0, "Edit").click();
    assert.equal(await asks(), false, "nothing was changed yet");
    await q.field(0, "Title").fill("Mine");
    await eventually(asks, true);
    await page.keyboard.press("Escape");
    await q.card(0).getByText("Discard your changes to this question?").waitFor();
    await eventually(() => focused(page), "Discard");
    await expectNoViolation(page, "asking before changes are lost");
    await q.of(0, "Go on editing").click();
    assert.equal(await q.field(0, "Title").inputValue(), "Mine");
    await q.of(0, "Cancel").click();
    await q.of(0, "Discard").click();
    await eventually(q.titles, ["Leaf"]);
    await eventually(asks, false);
    await eventually(() => focused(page), "Edit");
    assert.equal((await kept())[0].versions.length, 1);
});

browserTest("questions: keeping that fails loses nothing", { expected: CUT }, async (page) => {
    const q = await openQuestions(page, { have: ["Leaf"] });
    await q.of(0, "Edit").click();
    await q.field(0, "Title").fill("Mine");
    network.down = true;
    await q.of(0, "Keep this version").click();
    await q.problem.waitFor();
    assert.equal(await q.problem.innerText(), "The connection was lost. Check your network and try again.");
    assert.equal(await q.field(0, "Title").inputValue(), "Mine");
    network.down = false;
    await q.of(0, "Keep this version").click();
    await eventually(q.titles, ["Mine"]);
    assert.equal((await kept())[0].versions.length, 2);
});

browserTest("questions: a change made in another tab is told and not written over", { expected: [FAILED_REQUEST] }, async (page) => {
    const q = await openQuestions(page, { have: ["Leaf", "Root"] });
    const other = await page.context().newPage();
    await putInPage(other, `<lectern-questions ${PLACE} token="${author()}" ui-slot="questions" for="main article"></lectern-questions>`);
    await other.goto(`${network.url}/demo/units/${UNIT}`);
    const second = partsOf(other);
    await eventually(() => second.cards.count(), 2);
    /* What is not being changed is taken up. */
    await second.of(1, "Edit").click();
    await second.field(1, "Title").fill("Roots");
    await second.of(1, "Keep this version").click();
    await eventually(q.titles, ["Leaf", "Roots"]);
    /* What is being changed stays, and is told. */
    await q.of(0, "Edit").click();
    await q.field(0, "Title").fill("Mine");
    await second.of(0, "Edit").click();
    await second.field(0, "Title").fill("Theirs");
    await second.of(0, "Keep this version").click();
    await q.of(0, "Keep mine as the newest version").waitFor();
    assert.equal(await q.field(0, "Title").inputValue(), "Mine");
    await expectNoViolation(page, "a change in another tab");
    await picture(page, "67-questions-conflict", "#q0 .ask", "end");
    await q.of(0, "Keep this version").click();
    await q.announced("This question was changed in another tab or on another device meanwhile. Nothing was overwritten, and your changes are still here.");
    assert.equal((await kept())[0].versions.length, 2);
    await q.of(0, "Keep mine as the newest version").click();
    await eventually(q.titles, ["Mine", "Roots"]);
    await eventually(second.titles, ["Mine", "Roots"]);
    assert.deepEqual((await kept())[0].versions.map((version) => version.display_name), ["Leaf", "Theirs", "Mine"]);
    await other.close();
});

browserTest("questions: a change from another device, of which nobody told, is a conflict and not written over", { expected: [FAILED_REQUEST] }, async (page) => {
    const q = await openQuestions(page, { have: ["Leaf"] });
    await q.of(0, "Edit").click();
    await q.field(0, "Title").fill("Mine");
    await asAuthor("change_question", { question_index: 0, question: problem("Theirs"), based_on: (await kept())[0].versions[0] });
    await q.of(0, "Keep this version").click();
    await q.of(0, "Discard mine and show the other").waitFor();
    assert.equal(await q.field(0, "Title").inputValue(), "Mine");
    await q.of(0, "Discard mine and show the other").click();
    await eventually(q.titles, ["Theirs"]);
});

browserTest("questions: replaced elsewhere while one is being changed: nothing goes before it was seen", { expected: [FAILED_REQUEST] }, async (page) => {
    const q = await openQuestions(page, { have: ["Leaf"] });
    await q.of(0, "Edit").click();
    await q.field(0, "Title").fill("Mine");
    model.answer = written(problem("New"), problem("Newer"));
    await asAuthor("run", { num_questions: 2 });
    await q.of(0, "Keep this version").click();
    await q.button("Discard mine and show the new ones").waitFor();
    assert.equal(await q.field(0, "Title").inputValue(), "Mine");
    await expectNoViolation(page, "questions that were replaced");
    assert.deepEqual((await kept()).map((slot) => slot.versions.map((version) => version.display_name)), [["New"], ["Newer"]]);
    await q.button("Discard mine and show the new ones").click();
    await eventually(q.titles, ["New", "Newer"]);
});

browserTest("questions: new ones in their place, after a question", async (page) => {
    const q = await openQuestions(page, { have: ["Leaf"] });
    await q.button("Write new questions").click();
    await eventually(() => focused(page), "count");
    await q.write.click();
    await q.root.getByText("They take the place of the ones that are here.").waitFor();
    await expectNoViolation(page, "asking before questions are replaced");
    await q.button("Keep these").click();
    assert.equal(model.requests.length, 0);
    model.answer = written(problem("New"));
    await q.write.click();
    await q.button("Write new ones").click();
    await eventually(q.titles, ["New"]);
});

browserTest("questions: as files, and saved as a collection", async (page) => {
    const q = await openQuestions(page, { have: ["Leaf", "Root", NUMBER] });
    await q.card(1).getByRole("checkbox", { name: "Take along" }).uncheck();
    await q.root.getByText("2 of 3 questions", { exact: true }).waitFor();
    assert.equal(await q.root.getByLabel("Name", { exact: true }).inputValue(), "Leaves");
    await q.root.getByLabel("Name", { exact: true }).fill("My leaves");
    for (const [format, file, begin] of [
        ["Open edX library (OLX)", "My-leaves.tar.gz", "\x1f"],
        ["Moodle XML", "My-leaves.xml", "<?xml"],
        ["QTI 2.1 package", "My-leaves.zip", "PK"],
    ]) {
        await q.root.getByLabel("Format").selectOption(format);
        const [download] = await Promise.all([page.waitForEvent("download"), q.button("Download").click()]);
        assert.equal(download.suggestedFilename(), file);
        const bytes = await readFile(await download.path());
        assert.ok(bytes.toString("latin1").startsWith(begin), format);
        if (file.endsWith(".xml")) {
            const text = bytes.toString("utf8");
            assert.ok(text.includes("Leaf") && text.includes("Count") && !text.includes("Root"), "those that are taken along");
        }
    }
    assert.equal(network.count("POST", CONVERT), 3);
    await q.root.getByLabel("Library key (optional)").fill("lib:Org:leaves");
    await q.button("Save collection").click();
    await q.root.getByText("2 questions are saved as “My leaves”.").first().waitFor();
    await expectNoViolation(page, "saved questions");
    await picture(page, "68-questions-take", "form.take");
    const { saved } = (await asAuthor("get_questions")).response.response;
    assert.deepEqual([saved.name, saved.library_id, saved.questions], ["My leaves", "lib:Org:leaves", 2]);
    await page.reload();
    await eventually(q.titles, ["Leaf", "Root", "Count"], "they can be gone on with");
    await q.root.locator(".saved").waitFor();
});

browserTest("questions: a file that does not come is told, and nothing is lost; what no format can hold is named", { expected: CUT }, async (page) => {
    const twins = problem("Twins").choices.map((choice) => ({ ...choice, text: "The same" }));
    const q = await openQuestions(page, { have: ["Leaf", problem("Twins", { choices: twins })] });
    await q.button("Download").click();
    await eventually(() => q.problem.allInnerTexts(), ["No format can hold these as they are; edit them or leave them out: 2."]);
    assert.equal(network.count("POST", CONVERT), 0);
    await expectNoViolation(page, "questions that no format can hold");
    await q.card(1).getByRole("checkbox", { name: "Take along" }).uncheck();
    await q.root.getByText("1 of 2 questions", { exact: true }).waitFor();
    network.down = true;
    await q.button("Download").click();
    await eventually(() => q.problem.allInnerTexts(), ["The connection was lost. Check your network and try again."]);
    network.down = false;
    const [download] = await Promise.all([page.waitForEvent("download"), q.button("Download").click()]);
    assert.equal(download.suggestedFilename(), "Leaves.tar.gz");
    assert.equal(await q.problem.count(), 0);
});

browserTest("questions: without the permission there is nothing; staff are told why", { expected: [FAILED_REQUEST] }, async (page) => {
    const q = await openQuestions(page, { token: stage.keys.learner_token, shown: false });
    await eventually(() => network.log.some((entry) => /roles\/mine/.test(entry.path) && entry.ended), true);
    assert.equal(await q.root.isVisible(), false);
    assert.equal(network.count("POST", RUN), 0);
    await page.evaluate((token) => {
        const element = document.querySelector("lectern-questions");
        element.uiSlot = "nowhere";
        element.token = token;
    }, author());
    await q.root.getByRole("note").waitFor();
    assert.match(await q.root.getByRole("note").innerText(), /Questions is not shown here[^]*No profile is set up/);
    await expectNoViolation(page, "the note for staff");
});

browserTest("questions: a site that keeps none: they are here alone, and are asked about before the page is left", async (page) => {
    const q = await openQuestions(page);
    await page.route("**/v1/workflows/run", (route) => {
        if (route.request().postDataJSON().action !== "get_questions") return route.continue();
        return route.fulfill({ json: { response: { response: { question_slots: null, collection_name: "", saved: null }, status: "no_questions" } } });
    });
    const asks = () => page.evaluate(() => !window.dispatchEvent(new Event("beforeunload", { cancelable: true })));
    model.answer = written(problem("Leaf"), problem("Root"));
    await q.write.click();
    await eventually(q.titles, ["Leaf", "Root"]);
    await q.root.getByText("This site keeps no questions: download them before you leave this page.").waitFor();
    assert.equal(await asks(), true);
    assert.equal(await q.of(0, "Another version").count() + (await q.button("Save collection").count()), 0);
    await q.of(0, "Edit").click();
    await q.field(0, "Title").fill("Mine");
    await q.of(0, "Keep this version").click();
    await eventually(q.titles, ["Mine", "Root"]);
    await q.card(0).getByText("Version 2 of 2").waitFor();
    await q.card(1).getByRole("checkbox", { name: "Take along" }).uncheck();
    await q.root.getByText("1 of 2 questions", { exact: true }).waitFor();
    await expectNoViolation(page, "questions that are not kept");
    await Promise.all([page.waitForEvent("download"), q.button("Download").click()]);
    await eventually(asks, false);
    await page.reload();
    await eventually(q.titles, ["Leaf", "Root"], "as long as the task's result is kept");
});

browserTest("questions: another token for the same place leaves what is being changed", async (page) => {
    const q = await openQuestions(page, { have: ["Leaf"] });
    await q.of(0, "Edit").click();
    await q.field(0, "Title").fill("Mine");
    network.log.length = 0;
    await page.evaluate((token) => {
        document.querySelector('meta[name="lectern-token"]').content = token;
        document.querySelector("lectern-questions").token = "";
    }, author());
    await eventually(() => network.log.filter((entry) => RUN.test(entry.path) && entry.ended).length, 2);
    assert.equal(await q.field(0, "Title").inputValue(), "Mine");
    await q.of(0, "Keep this version").click();
    await eventually(q.titles, ["Mine"]);
});

browserTest("questions: keyboard only", async (page) => {
    const q = await openQuestions(page, { have: ["Leaf"] });
    await q.of(0, "Edit").focus();
    await page.keyboard.press("Enter");
    await eventually(() => focused(page), "f0-display_name");
    await page.keyboard.press("End");
    await page.keyboard.type("s");
    await page.keyboard.press("Enter");
    await eventually(q.titles, ["Leafs"]);
    await eventually(() => focused(page), "Edit");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await eventually(() => focused(page), "h0");
    await page.keyboard.press("Escape");
    await eventually(() => focused(page), "Another version");
    await page.keyboard.press("Shift+Tab");
    await page.keyboard.press("Shift+Tab");
    await page.keyboard.press("Shift+Tab");
    await eventually(() => focused(page), "Previous version");
    await page.keyboard.press("Space");
    await eventually(q.titles, ["Leaf"]);
    await page.keyboard.press("Shift+Tab");
    await page.keyboard.press("Space");
    await eventually(async () => (await kept())[0].left_out ?? false, true);
});

for (const [name, options, prepare] of [
    ["320 px wide", { viewport: { width: 320, height: 640 } }],
    ["in the dark", { colorScheme: "dark" }],
    ["from right to left", {}, () => (document.documentElement.dir = "rtl")],
    ["in Spanish", {}, () => (document.documentElement.lang = document.querySelector("article").lang = "es")],
]) {
    browserTest(`questions: ${name}`, options, async (page) => {
        const q = await openQuestions(page, { have: [problem("Leaf", { display_name: "A rather long title of averylongwordthatdoesnotfitonanarrowscreen" }), NUMBER] });
        if (prepare) await page.evaluate(prepare);
        await page.evaluate(() => document.querySelector("lectern-questions").requestUpdate());
        model.answer = written(problem("Water"));
        await q.card(1).locator("button.regenerate").click();
        await q.card(1).locator("form.how button[type=submit]").click();
        await eventually(() => q.card(1).locator(".versions").count(), 1);
        const fits = () => page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth);
        assert.ok(await fits(), "nothing scrolls sideways");
        await expectNoViolation(page, `questions ${name}`);
        await picture(page, `69-questions-list-${name.replace(/\W+/g, "-")}`);
        await q.card(0).locator("button.edit").click();
        await q.card(0).locator("form input").first().fill("");
        await q.card(0).locator("form button[type=submit]").click();
        await q.card(0).locator(".fault").waitFor();
        assert.ok(await fits(), "nothing scrolls sideways while one is changed");
        await expectNoViolation(page, `an edit ${name}`);
        await picture(page, `69-questions-edit-${name.replace(/\W+/g, "-")}`, "#q0");
    });
}

browserTest("questions: on paper there are the questions, without buttons and forms", async (page) => {
    const q = await openQuestions(page, { have: ["Leaf"] });
    await page.emulateMedia({ media: "print" });
    assert.equal(await q.of(0, "Edit").isVisible(), false);
    assert.equal(await q.root.locator("form.take").isVisible(), false);
    assert.equal(await q.card(0).getByText("To make sugar").isVisible(), true);
});

for (const guarded of [true, false]) {
    browserTest(`questions: attacks in every text of theirs come to nothing ${guarded ? "under the page's own policy" : "without a policy of the page"}`, async (page) => {
        assert.ok(ATTACKS.length >= 100);
        await page.addInitScript(writeDownAttacks);
        const q = await openQuestions(page);
        if (!guarded) {
            await page.unrouteAll();
            await page.route(`**/demo/units/${UNIT}`, async (route) => {
                const response = await route.fetch();
                const headers = response.headers();
                delete headers["content-security-policy"];
                const element = `<lectern-questions ${PLACE} token="${author()}" ui-slot="questions"></lectern-questions>`;
                await route.fulfill({ response, headers, body: (await response.text()).replace(/<lectern-chat [^>]*><\/lectern-chat>/, element) });
            });
        }
        network.log.length = 0;
        for (let from = 0; from < ATTACKS.length; from += 20) {
            const batch = ATTACKS.slice(from, from + 20);
            model.answer = written(
                ...batch.map((attack, i) =>
                    problem(`${i} ${attack}`.slice(0, 255), {
                        question_html: `<p>Before.</p>${attack}<p>After.</p>`,
                        choices: [
                            { text: `a ${attack}`, is_correct: true, feedback: attack },
                            { text: `b ${attack}`, is_correct: false, feedback: attack },
                        ],
                        explanation: attack,
                        demand_hints: [`h ${attack}`],
                    }),
                ),
            );
            await asAuthor("run", { num_questions: batch.length });
            await page.goto(`${network.url}/demo/units/${UNIT}`);
            await eventually(() => q.cards.count(), batch.length);
            await q.of(0, "Edit").click();
            await q.field(0, "Title").fill("x");
            const what = `attacks from ${from}`;
            assert.deepEqual(await page.evaluate(() => window.attacked), [], what);
            assert.deepEqual(await strangers(page, "lectern-questions", ["B", "I", "SUB", "SUP"]), [], what);
            assert.deepEqual(network.log.filter((entry) => !/^\/(demo|widgets|v1)\//.test(entry.path)).map((entry) => entry.path), [], what);
            await q.of(0, "Cancel").click();
            await q.of(0, "Discard").click();
        }
        await shot(page, guarded ? "70-questions-attacks" : "70-questions-attacks-unguarded");
    });
}

browserTest("slot: an author's questions below a button", async (page) => {
    model.calm();
    await setPolicy(true);
    await asAuthor("clear_session");
    await putInPage(page, `<lectern-slot ${PLACE} token="${author()}" ui-slot="questions" for="main article"></lectern-slot>`);
    await page.goto(`${network.url}/demo/units/${UNIT}`);
    const start = page.locator("lectern-slot .start");
    await start.waitFor();
    assert.equal((await start.innerText()).trim(), "Write questions");
    const q = partsOf(page);
    assert.equal(await q.root.count(), 0);
    await start.click();
    await q.write.waitFor();
    assert.equal(await q.root.locator("h2").innerText(), "Questions");
    model.answer = written(problem("Leaf"));
    await q.write.click();
    await eventually(q.titles, ["Leaf"]);
    await expectNoViolation(page, "questions in a slot");
    await page.locator("lectern-slot").evaluate((element) => element.scrollIntoView({ block: "start" }));
    await shot(page, "52-slot-questions");
    await q.of(0, "Edit").click();
    await q.field(0, "Title").fill("Mine");
    await start.click();
    await q.root.waitFor({ state: "hidden" });
    await eventually(() => focused(page), "Write questions");
    await start.click();
    assert.equal(await q.field(0, "Title").inputValue(), "Mine", "closing loses nothing");
});
