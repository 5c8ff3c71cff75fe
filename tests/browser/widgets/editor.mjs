/* <lectern-editor-tools>: writing with a model that says what a test wants, into a textarea and into what is contenteditable. */
import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { browserTest, eventually, expectNoViolation, FAILED_REQUEST, focused, network, shot, squeeze } from "../harness.mjs";
import { ATTACKS } from "./attacks.mjs";
import { makeGate } from "./model.mjs";
import { COURSE, stage } from "./stage.mjs";

const { model } = stage;
const GENERATE = /^\/v1\/actions\/generate_text$/;
const CALL = /^\/v1\/actions\/calls\/[^/]+$/;
const RESUME = /^\/v1\/actions\/calls\/[^/]+\/stream$/;
const CUT = [/ERR_/, FAILED_REQUEST];

const EDITORS = `<section class="editors"><h2>Editors</h2>
<p><label for="plain">Description</label></p>
<textarea id="plain" rows="6" cols="20">Leaves are green. They take in light.</textarea>
<lectern-editor-tools id="tools-plain" course-id="${COURSE}" location-id="plants" for="#plain" ATTRIBUTES></lectern-editor-tools>
<p id="rich-name">Text</p>
<div id="rich" contenteditable="true" role="textbox" aria-multiline="true" aria-labelledby="rich-name"><p>Leaves are <b>green</b>.</p><p>They take in light.</p></div>
<lectern-editor-tools id="tools-rich" course-id="${COURSE}" location-id="plants" for="#rich" ATTRIBUTES></lectern-editor-tools>
</section>`;

/** Somebody of the demo course: has accepted the policy, or not. */
export async function setPolicy(token, accepted) {
    await stage.api("DELETE", "/v1/policy", undefined, token);
    if (!accepted) return;
    const { version } = await stage.api("GET", "/v1/policy", undefined, token);
    await stage.api("PUT", "/v1/policy", { accepted: true, version }, token);
}

/** A unit of the demo course that an author sees, with two editors in the place of its chat. */
export async function openEditors(page, { policy = true, token = stage.keys.teacher_token, lang = "en", attributes = "", which = "plain", shown = true, dir = "ltr" } = {}) {
    model.calm();
    await setPolicy(token, policy);
    await page.route("**/demo/units/plants", async (route) => {
        const response = await route.fetch();
        const body = (await response.text())
            .replace(/<meta name="lectern-token" content="[^"]*">/, `<meta name="lectern-token" content="${token}">`)
            .replace('<html lang="en">', `<html lang="${lang}" dir="${dir}">`)
            .replace(/<lectern-chat [^>]*><\/lectern-chat>/, EDITORS.replaceAll("ATTRIBUTES", attributes))
            .replace(/<lectern-assist[^]*?<\/lectern-assist>/, "");
        assert.ok(body.includes("<lectern-editor-tools"));
        await route.fulfill({ response, body });
    });
    await page.goto(`${network.url}/demo/units/plants`);
    const tools = toolsOf(page, which);
    if (shown) await tools.start().waitFor();
    network.log.length = 0;
    return tools;
}

/** The parts of the element, as a person would name them. */
function toolsOf(page, which) {
    const root = page.locator(`#tools-${which}`);
    const button = (name) => root.getByRole("button", { name, exact: true });
    const dialog = root.getByRole("dialog");
    return {
        root,
        button,
        dialog,
        field: page.locator(`#${which}`),
        start: (name = "Generate text") => button(name),
        prompt: dialog.locator("#prompt"),
        answer: dialog.locator(".answer"),
        problem: dialog.locator(".problem"),
        choice: (name) => dialog.getByRole("radio", { name }),
        html: () => page.locator(`#${which}`).evaluate((field) => field.innerHTML),
        value: () => page.locator(`#${which}`).inputValue(),
        async open(name) {
            await root.evaluate((element) => element.scrollIntoView({ block: "end" }));
            await button(name ?? "Generate text").click();
            await dialog.waitFor();
        },
        async ask(prompt) {
            await dialog.locator("#prompt").fill(prompt);
            await dialog.locator("footer button.primary, footer button.retry").last().click();
        },
        async done() {
            await button("Insert").waitFor();
        },
        announced: (text) =>
            eventually(
                () => root.evaluate((element) => [...element.shadowRoot.querySelectorAll("[role=status]")].map((each) => each.textContent).join("")),
                text,
            ),
    };
}

/** Selects text in a field, as a person would. */
function select(page, which, text) {
    return page.locator(`#${which}`).evaluate((field, wanted) => {
        field.focus();
        if (field instanceof HTMLTextAreaElement) {
            const at = field.value.indexOf(wanted);
            return field.setSelectionRange(at, at + wanted.length);
        }
        const walker = document.createTreeWalker(field, NodeFilter.SHOW_TEXT);
        for (let node = walker.nextNode(); node; node = walker.nextNode()) {
            const at = node.data.indexOf(wanted);
            if (at < 0) continue;
            const range = document.createRange();
            range.setStart(node, at);
            range.setEnd(node, at + wanted.length);
            document.getSelection().removeAllRanges();
            return document.getSelection().addRange(range);
        }
        throw new Error(`no '${wanted}'`);
    }, text);
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

const asked = () => model.requests.map(({ body }) => body.messages.at(-1).content);

browserTest("editor: policy, a prompt, an answer that grows, insert, undo", async (page) => {
    const tools = await openEditors(page, { policy: false });
    await expectNoViolation(page, "editors with tools");
    await tools.root.evaluate((element) => element.scrollIntoView({ block: "center" }));
    await shot(page, "60-editor-buttons");
    await tools.open();
    await eventually(() => focused(page), "prompt", "the focus is where the author types");
    await expectNoViolation(page, "the dialog");
    await shot(page, "61-editor-dialog");
    await tools.ask("Two sentences on leaves.");
    await tools.button("Accept").waitFor();
    assert.equal(model.requests.length, 0, "nothing is asked before the policy is accepted");
    await expectNoViolation(page, "the policy in the dialog");
    await shot(page, "62-editor-policy");
    const gates = gated("Leaves hold ", "**chlorophyll**.\n\n", "- green\n- flat");
    await tools.button("Accept").click();
    await tools.announced("Writing…");
    gates[0].open();
    gates[1].open();
    await eventually(async () => (await tools.answer.innerText()).trim(), "Leaves hold chlorophyll.");
    assert.equal(await tools.answer.getAttribute("aria-busy"), "true");
    await expectNoViolation(page, "text being written");
    await shot(page, "63-editor-writing");
    gates[2].open();
    await tools.done();
    await tools.announced("Done");
    assert.equal(await tools.prompt.inputValue(), "Two sentences on leaves.");
    await expectNoViolation(page, "text to insert");
    await shot(page, "64-editor-done");
    await page.evaluate(() => {
        window.told = [];
        document.querySelector("#plain").addEventListener("input", (event) => window.told.push(event.inputType));
    });
    await tools.button("Insert").click();
    await tools.dialog.waitFor({ state: "hidden" });
    const before = "Leaves are green. They take in light.";
    await eventually(tools.value, `${before}\n\nLeaves hold **chlorophyll**.\n\n- green\n- flat\n\n(AI-generated)`);
    assert.deepEqual([...new Set(await page.evaluate(() => window.told))], ["insertText"], "whoever listens to the field notices");
    await tools.announced("Inserted into your text.");
    await eventually(() => focused(page), "plain", "the focus is where the text is");
    await shot(page, "65-editor-inserted");
    await page.keyboard.press("Control+z");
    await eventually(tools.value, before, "one step takes it back");
});

browserTest("editor: into contenteditable as markup, marked, and undone in one step", async (page) => {
    const tools = await openEditors(page, { which: "rich" });
    const before = await tools.html();
    await select(page, "rich", "They");
    model.answer = "## Why\n\nIt is **chlorophyll**, see [this](https://a.example/x) and \\(a<b\\).\n\n| a | b |\n|---|:-:|\n| 1 | 2 |\n\n```js\nlet x;\n```";
    await tools.open();
    await tools.choice("None").check();
    await tools.ask("Say why.");
    await tools.done();
    await page.evaluate(() => {
        window.told = 0;
        document.querySelector("#rich").addEventListener("input", () => window.told++);
    });
    await tools.button("Insert").click();
    await eventually(() => page.locator("#rich [data-ai-generated=true]").count(), 1);
    assert.equal(
        await page.locator("#rich > div[data-ai-generated=true]").evaluate((box) => box.innerHTML.replace(/>\s+</g, "><")),
        '<h5>Why</h5><p>It is <strong>chlorophyll</strong>, see <a href="https://a.example/x">this</a> and \\(a&lt;b\\).</p>' +
            '<table><thead><tr><th scope="col">a</th><th scope="col">b</th></tr></thead><tbody><tr><td>1</td><td>2</td></tr></tbody></table>' +
            "<pre><code>let x;</code></pre>" +
            '<p data-ai-generated="note"><small>AI-generated</small></p>',
    );
    assert.equal(await page.evaluate(() => window.told), 1);
    await expectNoViolation(page, "inserted markup");
    await page.locator("#rich").evaluate((field) => field.scrollIntoView({ block: "center" }));
    await shot(page, "66-editor-rich");
    await page.keyboard.type("Mine.");
    assert.match((await page.locator("#rich p").allInnerTexts()).join("|"), /AI-generated\|Mine\./, "what is typed next is the author's");
    assert.equal(await page.locator("[data-ai-generated]", { hasText: "Mine" }).count(), 0);
    for (let i = 0; i < 10 && (await tools.html()) !== before; i++) await page.keyboard.press("Control+z");
    assert.equal(await tools.html(), before);
});

browserTest("editor: the selected text goes along, and the answer takes its place", async (page) => {
    for (const which of ["plain", "rich"]) {
        const tools = await openEditors(page, { which });
        await select(page, which, "take in light");
        model.answer = "live on light";
        await tools.open();
        assert.ok(await tools.choice("The selected text (3 words)").isChecked());
        await shot(page, `67-editor-selected-${which}`);
        await tools.ask("Say it shorter.");
        await tools.done();
        assert.deepEqual(asked(), ["Say it shorter.\n\nThe text that this is about:\n\ntake in light"]);
        await tools.button("Replace the selection").click();
        if (which === "plain") await eventually(tools.value, "Leaves are green. They live on light (AI-generated).");
        else {
            await eventually(async () => squeeze(await page.locator("#rich p").last().innerText()), "They live on light (AI-generated).");
            assert.equal(await page.locator("#rich p:last-child > span[data-ai-generated=true]").innerText(), "live on light");
        }
        await page.unrouteAll();
    }
});

browserTest("editor: the whole text goes along when it is asked for", async (page) => {
    const tools = await openEditors(page);
    await tools.open();
    assert.ok(await tools.choice("None").isChecked());
    await tools.choice("The whole text (7 words)").check();
    await tools.ask("Translate.");
    await tools.done();
    assert.deepEqual(asked(), ["Translate.\n\nThe text that this is about:\n\nLeaves are green. They take in light."]);
});

browserTest("editor: a provider fails: calm words, the prompt stays, another try, then regenerate and copy", { expected: [FAILED_REQUEST] }, async (page) => {
    const tools = await openEditors(page);
    await tools.open();
    model.refuse = { status: 503 };
    await tools.ask("A line.");
    await tools.problem.waitFor();
    assert.equal(await tools.problem.innerText(), "The assistant cannot be reached just now. Please try again in a moment.");
    assert.equal(await tools.prompt.inputValue(), "A line.");
    assert.equal(await tools.button("Insert").count(), 0);
    await expectNoViolation(page, "a failed answer");
    await shot(page, "68-editor-problem");
    model.refuse = null;
    model.answer = "First.";
    await tools.button("Try again").click();
    await tools.done();
    model.answer = "Second.";
    await tools.button("Generate again").click();
    await eventually(async () => (await tools.answer.innerText()).trim(), "Second.");
    await tools.done();
    await tools.button("Copy").click();
    await eventually(() => page.evaluate(() => navigator.clipboard.readText()), "Second.");
    assert.equal(network.count("POST", GENERATE), 3);
});

browserTest("editor: over the limit: when to try again, and not before", { expected: [FAILED_REQUEST] }, async (page) => {
    await page.clock.setFixedTime(Date.now());
    const tools = await openEditors(page);
    await tools.open();
    model.refuse = { status: 429, headers: { "Retry-After": "9" } };
    await tools.ask("A line.");
    await tools.problem.waitFor();
    assert.match(await tools.problem.innerText(), /^That was a lot in a short time\. You can try again in \d seconds\.$/);
    assert.equal(await tools.button("Try again").getAttribute("aria-disabled"), "true");
    const before = model.requests.length;
    await tools.button("Try again").click({ force: true });
    await page.evaluate(() => fetch("/demo/").then((response) => response.text()));
    assert.equal(model.requests.length, before);
});

browserTest("editor: a connection cut in mid-answer: no word is lost, none comes twice", { expected: CUT }, async (page) => {
    const tools = await openEditors(page);
    const text = Array.from({ length: 60 }, (_, i) => `word${i}`).join(" ");
    model.answer = text;
    network.slow = { bytes: 120, ms: 10 };
    network.cuts = [420, 150];
    await tools.open();
    await tools.ask("Count.");
    await tools.done();
    assert.equal((await tools.answer.innerText()).trim(), text);
    assert.equal(network.count("GET", RESUME), 2);
    assert.equal(model.requests.length, 1);
});

browserTest("editor: a connection that stays down: what came stays, and so does the prompt", { expected: CUT }, async (page) => {
    const tools = await openEditors(page);
    const gates = gated("Light is ", "never");
    await tools.open();
    await tools.ask("What is light?");
    gates[0].open();
    await eventually(async () => (await tools.answer.innerText()).trim(), "Light is");
    network.down = true;
    await tools.problem.waitFor();
    assert.equal(await tools.problem.innerText(), "The connection was lost. Check your network and try again.");
    assert.equal((await tools.answer.innerText()).trim(), "Light is");
    assert.equal(await tools.prompt.inputValue(), "What is light?");
    await expectNoViolation(page, "a lost connection");
});

browserTest("editor: Stop ends it at once; what came can be inserted", async (page) => {
    const tools = await openEditors(page);
    const gates = gated("Once upon a time", " never");
    await tools.open();
    await tools.ask("A story.");
    gates[0].open();
    await eventually(async () => (await tools.answer.innerText()).trim(), "Once upon a time");
    await tools.button("Stop").click();
    await tools.announced("Stopped");
    await eventually(() => network.count("DELETE", CALL), 1);
    await eventually(async () => model.requests[0].left, true, "the model is left");
    await expectNoViolation(page, "a stopped answer");
    await tools.button("Insert").click();
    await eventually(async () => (await tools.value()).includes("Once upon a time"), true);
});

browserTest("editor: Escape closes and stops, and nothing that was typed is lost", async (page) => {
    const tools = await openEditors(page);
    const gates = gated("Once", " never");
    await tools.open();
    await tools.ask("A story.");
    gates[0].open();
    await eventually(async () => (await tools.answer.innerText()).trim(), "Once");
    await page.keyboard.press("Escape");
    await tools.dialog.waitFor({ state: "hidden" });
    await eventually(() => network.count("DELETE", CALL), 1);
    await eventually(() => focused(page), "Generate text", "the focus goes back");
    await tools.open();
    assert.equal(await tools.prompt.inputValue(), "A story.");
    assert.equal((await tools.answer.innerText()).trim(), "Once");
});

browserTest("editor: leaving the page stops", async (page) => {
    const tools = await openEditors(page);
    const gates = gated("Once", " never");
    await tools.open();
    await tools.ask("A story.");
    gates[0].open();
    await eventually(async () => (await tools.answer.innerText()).trim(), "Once");
    await page.unrouteAll(); /* a request of a page that is gone could not be routed */
    await page.goto(`${network.url}/demo/`);
    await eventually(() => network.count("DELETE", CALL), 1);
    await eventually(async () => model.requests[0].left, true);
});

browserTest("editor: 'Not now' sends nothing and leads back to what was typed; Escape does, too", async (page) => {
    const tools = await openEditors(page, { policy: false });
    await tools.open();
    await tools.ask("A line.");
    await tools.button("Not now").click();
    await eventually(() => tools.prompt.inputValue(), "A line.");
    await tools.button("Generate").click();
    await tools.button("Accept").waitFor();
    await page.keyboard.press("Escape");
    await tools.dialog.waitFor({ state: "hidden" });
    await tools.open();
    await eventually(() => tools.prompt.inputValue(), "A line.");
    assert.equal(network.count("POST", GENERATE) + network.count("PUT", /policy/), 0);
});

browserTest("editor: a policy withdrawn elsewhere, as in another tab, is asked for again", { expected: [FAILED_REQUEST] }, async (page) => {
    const tools = await openEditors(page);
    await tools.open();
    await tools.ask("One.");
    await tools.done();
    await stage.api("DELETE", "/v1/policy", undefined, stage.keys.teacher_token);
    await tools.button("Generate again").click();
    await tools.button("Accept").click();
    await tools.done();
    assert.equal(model.requests.length, 2);
});

browserTest("editor: nothing typed: it says so, and asks nothing", async (page) => {
    const tools = await openEditors(page);
    await tools.open();
    await tools.button("Generate").click();
    await eventually(() => tools.problem.innerText(), "Say first what you would like to have.");
    await eventually(() => focused(page), "prompt");
    assert.equal(await tools.prompt.getAttribute("aria-invalid"), "true");
    await expectNoViolation(page, "a prompt that is missing");
    await tools.prompt.fill("A");
    await eventually(() => tools.problem.count(), 0);
    assert.equal(model.requests.length, 0);
});

browserTest("editor: keyboard only, and the focus stays in the dialog", async (page) => {
    const tools = await openEditors(page);
    await page.locator("#plain").focus();
    await page.keyboard.press("Control+End");
    await page.keyboard.press("Tab");
    await eventually(() => focused(page), "Generate text");
    await page.keyboard.press("Enter");
    await eventually(() => focused(page), "prompt");
    await page.keyboard.type("A line.");
    const seen = new Set();
    for (let i = 0; i < 12; i++) {
        await page.keyboard.press("Tab");
        const inside = await page.evaluate(() => {
            const { activeElement } = document;
            return activeElement === document.body || activeElement === document.querySelector("#tools-plain");
        });
        assert.ok(inside, "the page behind cannot be reached");
        seen.add(await focused(page));
    }
    for (const name of ["Close", "prompt", "Generate"]) assert.ok(seen.has(name), name);
    while ((await focused(page)) !== "Generate") await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await tools.done();
    await eventually(() => focused(page), "Answer", "the focus does not fall out when a button goes away");
    for (let i = 0; i < 12 && (await focused(page)) !== "Insert"; i++) await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await eventually(tools.value, "Leaves are green. They take in light.\n\nYes.\n\n(AI-generated)");
    await eventually(() => focused(page), "plain");
});

browserTest("editor: a page's own editor inserts it itself", async (page) => {
    const tools = await openEditors(page, { attributes: 'mark-text="Made by a machine"' });
    await page.evaluate(() =>
        document.addEventListener("lectern-insert", (event) => {
            event.preventDefault();
            window.got = event.detail;
        }),
    );
    model.answer = "One **word**.";
    await tools.open();
    await tools.ask("One.");
    await tools.done();
    await tools.button("Insert").click();
    await tools.dialog.waitFor({ state: "hidden" });
    assert.deepEqual(await page.evaluate(() => window.got), {
        action: "generate_text",
        text: "One **word**.\n\n(Made by a machine)",
        html: '<div data-ai-generated="true"><p>One <strong>word</strong>.</p><p data-ai-generated="note"><small>Made by a machine</small></p></div>',
        replace: false,
    });
    assert.equal(await tools.value(), "Leaves are green. They take in light.");
});

browserTest("editor: how it is marked is the page's to say", async (page) => {
    for (const [mark, html, text] of [
        ["data", '<div data-ai-generated="true"><p>Yes.</p></div>', "Yes."],
        ["none", "<p>Yes.</p>", "Yes."],
    ]) {
        const tools = await openEditors(page, { attributes: `mark="${mark}"` });
        await page.evaluate(() => document.addEventListener("lectern-insert", (event) => (window.got = event.detail)));
        await tools.open();
        await tools.ask("One.");
        await tools.done();
        await tools.button("Insert").click();
        await eventually(() => page.evaluate(() => window.got && [window.got.html, window.got.text]), [html, text]);
        await page.unrouteAll();
    }
});

browserTest("editor: without an editor to insert into it says so, and the text can be copied", async (page) => {
    const tools = await openEditors(page);
    await page.locator("#plain").evaluate((field) => field.remove());
    await tools.open();
    await tools.ask("One.");
    await tools.done();
    await tools.button("Insert").click();
    await eventually(() => tools.problem.innerText(), "There is no editor here to insert this into. You can copy it.");
    assert.ok(await tools.button("Copy").isVisible());
    await expectNoViolation(page, "no editor");
});

browserTest("editor: learners see nothing of what they may not have made; where there is no service, staff see why", async (page) => {
    const learner = stage.keys.learner_token;
    let tools = await openEditors(page, { token: learner, shown: false, attributes: 'actions="generate_text,improve_text"' });
    await eventually(() => network.log.some((entry) => /roles\/mine/.test(entry.path) && entry.ended) || network.log.length, true).catch(() => undefined);
    await eventually(() => tools.root.evaluate((element) => element.style.display), "none");
    assert.equal(await tools.root.isVisible(), false);
    await stage.api("PATCH", "/v1/providers/model", { enabled: false });
    try {
        await page.unrouteAll();
        tools = await openEditors(page, { shown: false });
        const note = tools.root.getByRole("note");
        await note.waitFor();
        assert.match(await note.innerText(), /Writing assistant is not shown here.*No AI service that can do this is set up or reachable\./s);
        await expectNoViolation(page, "a note for staff");
    } finally {
        await stage.api("PATCH", "/v1/providers/model", { enabled: true });
    }
});

browserTest("editor: permission taken away meanwhile is told calmly", { expected: [FAILED_REQUEST] }, async (page) => {
    const tools = await openEditors(page);
    await tools.open();
    await stage.api("PUT", "/v1/permissions", { permission: "action:generate_text", role: "editingteacher", allowed: false });
    try {
        await tools.ask("A line.");
        await tools.problem.waitFor();
        assert.equal(await tools.problem.innerText(), "The assistant is not available here.");
        assert.equal(await tools.button("Try again").count(), 0);
    } finally {
        await stage.api("PUT", "/v1/permissions", { permission: "action:generate_text", role: "editingteacher", allowed: null });
    }
});

browserTest("editor: right-to-left", { locale: "ar" }, async (page) => {
    const tools = await openEditors(page, { dir: "rtl" });
    model.answer = "الأوراق **خضراء** لأنها تحتوي على الكلوروفيل.";
    await tools.open();
    await tools.ask("لماذا؟");
    await tools.done();
    const close = await tools.button("Close").boundingBox();
    const heading = await tools.dialog.locator("h2").boundingBox();
    assert.ok(close.x < heading.x, "Close is at the end of the line, which is left");
    await expectNoViolation(page, "right-to-left");
    await shot(page, "69-editor-rtl");
});

browserTest("editor: in Spanish", async (page) => {
    const tools = await openEditors(page, { lang: "es", shown: false });
    await tools.open("Generar texto");
    model.answer = "Sí.";
    await tools.ask("Una línea.");
    await tools.button("Insertar").click();
    await eventually(tools.value, "Leaves are green. They take in light.\n\nSí.\n\n(Generado por IA)");
});

browserTest("editor: 320 px wide", { viewport: { width: 320, height: 640 } }, async (page) => {
    const tools = await openEditors(page);
    await select(page, "plain", "green");
    model.answer = "# Title\n\nA line that goes on for some time.\n\n- one\n- two";
    await tools.open();
    await tools.ask("A line.");
    await tools.done();
    assert.ok((await page.evaluate(() => document.documentElement.scrollWidth)) <= 320);
    const overflow = await tools.dialog.evaluate((dialog) => [dialog, ...dialog.querySelectorAll("*")].filter((each) => each.getBoundingClientRect().right > 320.5).length);
    assert.equal(overflow, 0);
    await expectNoViolation(page, "320 px");
    await shot(page, "70-editor-320");
});

browserTest("editor: in the dark", { colorScheme: "dark" }, async (page) => {
    const tools = await openEditors(page);
    await tools.open();
    await tools.ask("A line.");
    await tools.done();
    await expectNoViolation(page, "the dialog in the dark");
    await shot(page, "71-editor-dark");
});

/* ---- what is done with a text that is there ---- */

browserTest("editor: a text is improved as it is, and put in its place", async (page) => {
    const tools = await openEditors(page);
    await select(page, "plain", "Leaves are green. They take in light.");
    await tools.open("Improve");
    model.answer = "Leaves are green, because they take in light.";
    assert.equal(await tools.prompt.count(), 0);
    await tools.button("Generate").click();
    await tools.done();
    const { messages } = model.requests.at(-1).body;
    assert.match(messages[0].content, /The meaning stays/);
    assert.match(messages[1].content, /readers' language is en: .*Never translate\.\n.*<text-(\w{16})>\nLeaves are green\. They take in light\.\n<\/text-\1>$/s);
    await expectNoViolation(page, "a text that was improved");
    await shot(page, "73-editor-improve");
    await tools.button("Replace the selection").click();
    await eventually(tools.value, "Leaves are green, because they take in light.\n\n(AI-generated)");
});

browserTest("editor: a text is translated into the language that is chosen", async (page) => {
    const tools = await openEditors(page, { which: "rich", attributes: 'languages="en-GB,es,pt-BR"' });
    await tools.open("Translate");
    const into = tools.dialog.getByRole("combobox", { name: "Into" });
    assert.deepEqual(await into.locator("option").allInnerTexts(), ["Spanish", "Brazilian Portuguese", "British English"]);
    model.answer = "As folhas são **verdes**.";
    await into.selectOption("Brazilian Portuguese");
    await expectNoViolation(page, "a choice of languages");
    await tools.button("Generate").click();
    await tools.done();
    assert.match(model.requests.at(-1).body.messages[1].content, /^Translate the text below into Portuguese \(Brazil\) \(language tag pt-BR\)\..*\nLeaves are green\.\n/s);
    await shot(page, "74-editor-translate");
    await tools.button("Insert").click();
    await page.locator("#rich [data-ai-generated=true] strong", { hasText: "verdes" }).waitFor();
});

browserTest("editor: an action that a dialog cannot ask for has no button", async (page) => {
    const tools = await openEditors(page, { attributes: 'actions="describe_image,generate_text"' });
    const { actions } = await stage.api("GET", "/v1/actions?placement=editor", undefined, stage.keys.teacher_token);
    assert.equal(actions.find(({ name }) => name === "describe_image").available, true);
    assert.deepEqual(await tools.root.getByRole("button").allInnerTexts(), ["Generate text"]);
});

/* ---- images: a recording in the place of a service ---- */

const PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==";
const TEXT_ACTIONS = ["generate_text", "summarise_text", "explain_text", "continue_conversation", "embed_text", "grade_response", "generate_question", "generate_flashcard",
    "translate_text", "improve_text", "moderate_text", "describe_image"];

/** An instance that makes the pixel, whatever it is asked, as long as `run` runs. */
async function withPainter(run) {
    const exchange = { action: "generate_image", input: {}, model: "painter", images: [{ base64: PIXEL, revised_prompt: "A green leaf in the sun" }] };
    await mkdir(join(stage.data, "recordings"), { recursive: true });
    await writeFile(join(stage.data, "recordings/painter.json"), JSON.stringify({ recording: 1, exchanges: [exchange] }));
    const actions = Object.fromEntries(TEXT_ACTIONS.map((name) => [name, { enabled: false }]));
    const { id } = await stage.api("POST", "/v1/providers", { name: "painter", plugin: "replay", config: { recording: "painter", match: "any", speed: 0 }, actions });
    await stage.api("PUT", "/v1/providers/order", { ids: [id] });
    try {
        await run();
    } finally {
        await stage.api("DELETE", `/v1/providers/${id}`);
    }
}

browserTest("editor: an image is made, described and put in where the caret is", async (page) => {
    await withPainter(async () => {
        const tools = await openEditors(page, { which: "rich" });
        await tools.open("Generate image");
        await tools.dialog.getByRole("combobox", { name: "Shape" }).selectOption("Landscape");
        await tools.ask("A leaf");
        await tools.done();
        const image = tools.dialog.getByRole("img", { name: "A green leaf in the sun" });
        await image.waitFor();
        assert.ok(await image.evaluate((img) => img.decode().then(() => img.naturalWidth === 1)), "the picture is shown");
        await expectNoViolation(page, "an image to insert");
        await tools.dialog.getByRole("textbox", { name: "Description for those who cannot see the image" }).fill('A "leaf" <b>');
        await shot(page, "72-editor-image");
        await tools.button("Insert").click();
        const figure = page.locator("#rich figure[data-ai-generated=true]");
        await figure.waitFor();
        const put = figure.locator("img");
        assert.equal(await put.getAttribute("alt"), 'A "leaf" <b>');
        assert.match(await put.getAttribute("src"), new RegExp(`^${network.url}/v1/files/[0-9a-f-]+-1\\?site=demo&expires=[0-9]+&signature=`));
        assert.ok(await put.evaluate((img) => img.decode().then(() => img.naturalWidth === 1)), "and is in the text");
        assert.equal(await figure.locator("figcaption[data-ai-generated=note]").innerText(), "AI-generated");
        const [call] = (await stage.api("GET", "/v1/register?limit=1&action=generate_image")).calls;
        const { content } = await stage.api("GET", `/v1/register/${call.id}`);
        assert.deepEqual([content.prompt, content.aspectratio, content.quality], ["A leaf", "landscape", "standard"]);
    });
});

browserTest("editor: an image of another origin is not shown (network: answer replaced)", async (page) => {
    await withPainter(async () => {
        const asked = [];
        await page.route("https://elsewhere.example/**", (route) => (asked.push(route.request().url()), route.abort()));
        await page.route("**/v1/actions/generate_image", (route) =>
            route.fulfill({ json: { id: "1", success: true, response: { draft_file: { url: "https://elsewhere.example/x.png", alt: "X" }, revised_prompt: "", source_url: "" } } }),
        );
        const tools = await openEditors(page, { which: "rich" });
        await tools.open("Generate image");
        await tools.ask("A leaf");
        await tools.button("Generate again").waitFor();
        assert.equal(await tools.dialog.getByRole("img").count(), 0);
        assert.deepEqual(asked, []);
    });
});

browserTest("editor: no image where the server makes none", async (page) => {
    const tools = await openEditors(page);
    assert.equal(await tools.button("Generate image").count(), 0);
});

/* ---- attacks ---- */

const TAGS = [
    ...["DIV", "SPAN", "P", "BR", "HR", "H4", "H5", "H6", "STRONG", "EM", "B", "DEL", "CODE", "PRE", "BLOCKQUOTE", "UL", "OL", "LI", "A", "SMALL"],
    ...["TABLE", "THEAD", "TBODY", "TR", "TH", "TD"],
];

/* In parts, each with a deadline of its own. */
const PART = 40;
for (let from = 0; from < ATTACKS.length; from += PART) {
    const part = ATTACKS.slice(from, from + PART);
    browserTest(`editor: attacks ${from + 1} to ${from + part.length} of ${ATTACKS.length} in answers come to nothing where they are inserted`, (page) => insertAll(page, part));
}

async function insertAll(page, attacks) {
    assert.ok(ATTACKS.length >= 100);
    await page.addInitScript(() => {
        window.attacked = [];
        for (const name of ["pwned", "alert", "confirm", "prompt"]) window[name] = (...args) => window.attacked.push(`${name}(${args})`);
        addEventListener("securitypolicyviolation", (event) => window.attacked.push(`${event.violatedDirective} ${event.blockedURI} ${event.sample}`));
    });
    const tools = await openEditors(page, { which: "rich" });
    await page.evaluate(() => document.addEventListener("lectern-insert", (event) => (window.html = event.detail.html)));
    await tools.open();
    await tools.ask("Attack.");
    await tools.done();
    for (const attack of attacks) {
        model.answer = async function* () {
            yield attack;
        };
        const before = model.requests.length;
        await tools.button("Generate again").click();
        await eventually(async () => model.requests.length > before && model.requests.at(-1).ended, true, attack);
        await tools.done();
        await tools.button("Insert").click();
        const found = await page.locator("#rich").evaluate((field, tags) => {
            const all = [...field.querySelectorAll("*")];
            return all.flatMap((element) => [
                ...(tags.includes(element.tagName) ? [] : [`<${element.tagName}>`]),
                ...[...element.attributes]
                    .filter(({ name, value }) => !["start", "scope", "data-ai-generated"].includes(name) && !(name === "href" && /^(https?:\/\/|mailto:)/.test(value)))
                    .map(({ name, value }) => `${element.tagName} ${name}=${value}`),
            ]);
        }, TAGS);
        assert.deepEqual(found, [], attack);
        assert.deepEqual(await page.evaluate(() => window.attacked), [], attack);
        assert.ok(page.url().startsWith(network.url), attack);
        await page.locator("#rich").evaluate((field) => field.replaceChildren());
        await tools.open();
    }
}
