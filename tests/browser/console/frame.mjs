/* What stands around every page: signing in and out, the menu, a session that ends. */
import assert from "node:assert/strict";
import { browserTest, expectNoViolation, FAILED_REQUEST, network, shot } from "../harness.mjs";
import { stage } from "../widgets/stage.mjs";
import { consoleTest, lookAt, openConsole } from "./desk.mjs";

lookAt("the overview", "");

browserTest("console: a key signs in, a wrong one is told, signing out ends it", { expected: [FAILED_REQUEST] }, async (page) => {
    await page.goto(`${network.url}/admin/`);
    const key = page.getByLabel("Site key");
    await key.waitFor();
    await expectNoViolation(page, "the sign-in");
    await shot(page, "console-sign-in");
    await key.fill("lk_wrong");
    await page.keyboard.press("Enter");
    await page.getByRole("alert").filter({ hasText: "not known" }).waitFor();
    await key.fill(stage.keys.admin_key);
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "Overview", level: 1 }).waitFor();
    await page.getByRole("button", { name: "Sign out" }).click();
    await key.waitFor();
    await page.reload();
    await key.waitFor();
});

consoleTest("an address without a page says so", "no/such/page", async (page) => {
    await page.getByRole("heading", { name: "Not found" }).waitFor();
    await page.getByRole("link", { name: "To the overview" }).click();
    await page.getByRole("heading", { name: "Overview", level: 1 }).waitFor();
    assert.equal(new URL(page.url()).pathname, "/admin/");
});

/* ---- the picture of the README: `cp build/screenshots/console-profile.png docs/` ---- */

browserTest("console: picture of the README: a profile", { viewport: { width: 1280, height: 800 } }, async (page) => {
    const patch = "{\n  // Short answers, and a longer memory.\n  processor_config: {\n    LLMProcessor: { options: { max_tokens: 300 } },\n    SubmissionProcessor: { max_context_messages: 20 },\n  },\n}";
    const { id } = await stage.api("POST", "/v1/profiles", { slug: "biology-tutor", base_filepath: "base/chat.json5", content_patch: patch, description: "Talks about a unit of Biology 101" });
    await openConsole(page, `profiles/${id}`, ".verdict .badge");
    await page.locator(".cm-content").first().waitFor();
    await shot(page, "console-profile");
    await stage.api("DELETE", `/v1/profiles/${id}`);
});
