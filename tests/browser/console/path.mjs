/* One long walk: each step begins where the guide on the overview leads. */
import assert from "node:assert/strict";
import { browserTest, eventually, network, shot } from "../harness.mjs";
import { COURSE, stage } from "../widgets/stage.mjs";

const FAILED = [/^Failed to load resource/];
const heading = (page, name) => page.getByRole("heading", { name, level: 1 }).waitFor();

/** Back to the overview by the menu, and from the guide to a step. */
async function step(page, link) {
    await page.getByRole("link", { name: "Overview" }).click();
    await heading(page, "Overview");
    const guide = page.getByRole("region", { name: "First steps" });
    const show = page.getByRole("button", { name: /^Show the first steps/ });
    await guide.or(show).first().waitFor();
    if (await show.isVisible()) await show.click();
    await guide.getByRole("link", { name: link, exact: true }).click();
}

/** The first unit of the demo course, in a window of its own, as its learner. */
async function openDemo(page) {
    await page.getByRole("link", { name: "Overview" }).click();
    await heading(page, "Overview");
    const show = page.getByRole("button", { name: /^Show the first steps/ });
    const link = page.getByRole("link", { name: "Open the demo course" });
    await link.or(show).first().waitFor();
    if (await show.isVisible()) await show.click();
    const [course] = await Promise.all([page.context().waitForEvent("page"), link.click()]);
    await course.getByRole("link", { name: "Photosynthesis" }).or(course.locator('a[href^="/demo/units/"]')).first().click();
    const slot = course.locator('lectern-slot[ui-slot="yours"]');
    return { course, slot, start: slot.locator(".start") };
}

browserTest("console: from the first sign-in to a budget that stops", { whole: true, expected: FAILED }, async (page) => {
    await page.goto(`${network.url}/admin/`);
    await page.getByLabel("Site key").fill(stage.keys.admin_key);
    await page.getByRole("button", { name: "Sign in" }).click();
    await heading(page, "Overview");
    await page.getByRole("region", { name: "First steps" }).getByText("next").waitFor();
    await shot(page, "console-first-steps", { fullPage: true });

    await step(page, "Add a provider");
    await page.getByRole("link", { name: "OpenAI-compatible service" }).click();
    await page.getByLabel(/^Endpoint/).fill(`${stage.model.url}/v1`);
    await page.getByLabel(/^Name \(needed\)/).fill("campus");
    await page.getByLabel("Model", { exact: true }).first().fill("m");
    await page.getByRole("button", { name: "Add", exact: true }).click();
    await heading(page, "campus");
    stage.model.answer = "Plants make sugar.";
    await page.getByRole("button", { name: "Test now" }).click();
    await page.getByText("It works").waitFor();
    await page.getByRole("link", { name: "← Providers" }).click();
    await page.getByRole("button", { name: "Earlier: campus" }).click();
    await page.locator("#notes").getByText("campus is now number 1").waitFor();

    await step(page, "Actions and placements");
    await page.getByText("Summarise", { exact: true }).first().waitFor();

    await step(page, "Make a profile");
    await page.getByRole("button", { name: "Begin with this summary", exact: true }).click();
    await page.getByLabel("Name").fill("my-summary");
    await page.getByRole("button", { name: "Make the profile" }).click();
    await heading(page, "my-summary");

    await step(page, "Add a scope");
    await page.getByLabel("Profile").selectOption("my-summary");
    await page.getByLabel("Course").fill(COURSE);
    await page.getByLabel("Slot").fill("yours");
    await page.getByRole("button", { name: "Make the scope" }).click();
    await page.getByText("lectern-slot").first().waitFor();

    const first = await openDemo(page);
    await first.start.click();
    await first.slot.getByRole("button", { name: "Accept", exact: true }).click();
    await first.slot.locator(".answer").getByText("Plants make sugar.").waitFor();
    await first.slot.scrollIntoViewIfNeeded();
    await shot(first.course, "console-path-widget");
    await first.course.close();

    await step(page, "Open the register");
    const row = page.getByRole("row").filter({ hasText: "demo-learner" }).first();
    await row.getByRole("link").first().click();
    await page.getByText("campus").first().waitFor();
    await page.getByText("Plants make sugar.").first().waitFor();

    await step(page, "Say what models cost");
    await page.getByLabel(/^Model/).fill("m");
    await page.getByLabel("Input, a million tokens (USD) (needed)", { exact: true }).fill("0");
    await page.getByLabel(/^Output, a million tokens/).fill("0");
    await page.getByLabel("Each request (USD)").fill("1.00");
    await page.getByRole("button", { name: "Add", exact: true }).click();
    await heading(page, "Prices");

    await step(page, "Set a limit");
    await page.getByLabel("For (needed)").selectOption("site");
    await page.getByLabel("Of what (needed)").selectOption("cost");
    await page.getByLabel("Within (needed)").selectOption("month");
    await page.getByLabel("Amount (USD) (needed)").fill("1.00");
    await page.getByRole("button", { name: "Add", exact: true }).click();
    await page.getByText("US$0.00 used, US$1.00 left").waitFor();

    const second = await openDemo(page);
    await second.start.click();
    await second.slot.locator(".answer").getByText("Plants make sugar.").waitFor();
    const asked = stage.model.requests.length;
    await second.course.reload();
    await second.start.click();
    await second.slot.locator(".problem").waitFor();
    assert.equal(stage.model.requests.length, asked, "the model was not asked again");
    await shot(second.course, "console-path-stopped");
    await second.course.close();

    await page.getByRole("link", { name: "Limits and budgets" }).click();
    await page.getByText("US$1.00 used, US$0.00 left").waitFor();
    await page.getByRole("link", { name: "Register" }).click();
    await eventually(async () => (await page.getByRole("row").filter({ hasText: /refused/i }).count()) > 0, true, "the refusal is in the register");
});
