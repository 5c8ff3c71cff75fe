/* The demo course as other people see it, with a model; and the pictures of the README, which are taken here. */
import assert from "node:assert/strict";
import { browserTest, eventually, expectNoViolation, FAILED_REQUEST, network, openUnit, shot } from "../harness.mjs";
import { setPolicy } from "./editor.mjs";
import { COURSE, stage } from "./stage.mjs";

const LIMIT = 100_000;

const tokenOf = async (page) => await page.locator("meta[name=lectern-token]").getAttribute("content");

/** A unit as somebody else; they have accepted the policy. */
async function openAs(page, role, unit = "plants") {
    stage.model.calm();
    const html = await (await fetch(`${stage.url}/demo/units/${unit}?role=${role}`)).text();
    await setPolicy(/<meta name="lectern-token" content="([^"]+)">/.exec(html)[1], true);
    await page.goto(`${network.url}/demo/units/${unit}?role=${role}`);
    await page.locator("lectern-assist button").first().waitFor();
}

browserTest("demo: an author writes into both fields of a unit", async (page) => {
    await openAs(page, "author");
    for (const [field, read] of [["#description", (element) => element.value], ["#draft", (element) => element.innerText]]) {
        const tools = page.locator(`lectern-editor-tools[for="${field}"]`);
        await tools.getByRole("button", { name: "Generate text" }).click();
        stage.model.answer = "One of them stands in the dark.";
        await tools.locator("#prompt").fill("Go on.");
        await tools.getByRole("button", { name: "Generate", exact: true }).click();
        await tools.getByRole("button", { name: "Insert", exact: true }).click();
        await eventually(async () => (await page.locator(field).evaluate(read)).includes("One of them stands in the dark."), true);
    }
    await expectNoViolation(page, "an author's unit");
});

for (const role of ["teacher", "author"])
    /* The teacher's submission was not graded yet, which the browser writes down as a request that failed. */
    browserTest(`demo: a unit as ${role}: at most ${LIMIT} bytes of widgets, and nothing moves`, { expected: role === "teacher" ? [FAILED_REQUEST] : [] }, async (page) => {
        await page.addInitScript(() => {
            window.shifts = [];
            new PerformanceObserver((list) => {
                for (const entry of list.getEntries()) window.shifts.push([entry.value, ...entry.sources.map((source) => source.node?.nodeName)]);
            }).observe({ type: "layout-shift", buffered: true });
        });
        await openAs(page, role, "selection");
        if (role === "author") await page.locator("lectern-editor-tools button").first().waitFor();
        await page.waitForLoadState("networkidle");
        await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
        assert.deepEqual(await page.evaluate(() => window.shifts), [], "no layout shift");
        const bytes = await page.evaluate(() =>
            performance
                .getEntriesByType("resource")
                .filter((each) => each.name.includes("/widgets/"))
                .reduce((sum, each) => sum + each.transferSize, 0),
        );
        assert.ok(bytes > 1000 && bytes <= LIMIT, `${bytes} bytes`);
    });

/* ---- the pictures of the README: `cp build/screenshots/widgets-{chat,author}.png docs/` ---- */

browserTest("picture of the README: a conversation", async (page) => {
    await openUnit(page, "plants");
    const context = { course_id: COURSE, location_id: "plants", ui_slot_selector_id: "chat" };
    await stage.api("POST", "/v1/workflows/run", { context, action: "clear_session" }, await tokenOf(page));
    stage.model.calm();
    stage.model.answer =
        "Because of **chlorophyll**. It takes in red and blue light and leaves the green, which is what we see.\n\n" +
        "In one line, the plant makes sugar from what it finds around it:\n\n$$6\\,CO_2 + 6\\,H_2O \\to C_6H_{12}O_6 + 6\\,O_2$$\n\n" +
        "| What | From where |\n|---|---|\n| light | the sun |\n| carbon dioxide | the air |\n| water | the soil |";
    await page.reload();
    const chat = page.locator("lectern-chat");
    await chat.getByRole("textbox").fill("Why are leaves green, and what do they make of the light?");
    await page.keyboard.press("Enter");
    await chat.locator("li.message.assistant[data-state=kept]").waitFor();
    await chat.locator("math").first().waitFor();
    await chat.evaluate((element) => {
        element.shadowRoot.activeElement?.blur();
        element.shadowRoot.querySelector(".log").scrollTop = 0;
        element.scrollIntoView({ block: "end" });
    });
    await shot(page, "widgets-chat");
});

browserTest("picture of the README: an author's dialog", async (page) => {
    await openAs(page, "author");
    stage.model.answer =
        "## Try it yourself\n\n1. Put two bean plants of the same age beside each other.\n2. Cover one with a box for **nine days**.\n3. Water both alike, and write down each day what you see.\n\nWhich of the two has grown more, and which is greener?";
    const tools = page.locator('lectern-editor-tools[for="#draft"]');
    await tools.evaluate((element) => element.scrollIntoView({ block: "center" }));
    await tools.getByRole("button", { name: "Generate text" }).click();
    await tools.locator("#prompt").fill("An experiment with beans for the kitchen, in three steps, with a question at the end.");
    await tools.getByRole("radio", { name: /The whole text/ }).check();
    await tools.getByRole("button", { name: "Generate", exact: true }).click();
    await tools.getByRole("button", { name: "Insert", exact: true }).waitFor();
    await shot(page, "widgets-author");
});
