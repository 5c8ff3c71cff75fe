/* Profiles and templates in the console. */
import assert from "node:assert/strict";
import { eventually, FAILED_REQUEST, focused, network } from "../harness.mjs";
import { stage } from "../widgets/stage.mjs";
import { consoleTest, lookAt, settled } from "./desk.mjs";
import { fresh, makeProfile, makeScope, patchField, typePatch, valid } from "./workflows.mjs";

const PATCH = `{
  // Short answers only.
  processor_config: {
    LLMProcessor: { options: { max_tokens: 300 } },
    SubmissionProcessor: null,
  },
}`;

const dialog = (page) => page.getByRole("dialog");
const pathOf = async (page) => new URL(page.url()).pathname;

/* ---- how they look ---- */

const shown = fresh("tutor");
let looked;

async function look() {
    looked ??= (async () => {
        const profile = await makeProfile(shown, "{}", undefined, { description: "Answers questions about a unit, in few words." });
        await stage.api("PATCH", `/v1/profiles/${shown}`, { content_patch: PATCH });
        await makeScope(shown);
        await makeScope(shown, { location_regex: "unit7$", enabled: false });
        return profile;
    })();
    return looked;
}

const at = (path) => async () => `profiles/${(await look()).id}${path}`;

lookAt("the profiles", async () => (await look(), "profiles"), { ready: "[role=cell]" });
lookAt("the templates to begin with", "profiles/new", { ready: ".cards" });
lookAt("a new profile", "profiles/new?template=base/chat.json5", { ready: ".verdict .badge", prepare: patchField });
lookAt("a profile", at(""), { ready: ".verdict", prepare: async (page) => {
    await patchField(page);
    await page.getByText("Effective configuration").click();
} });
lookAt("a profile with problems", at(""), { ready: ".verdict", prepare: async (page) => {
    await typePatch(page, "{\n  processor_config: {\n    LLMProcessor: {provider: 'nobody', prompt_template: 'none'},\n  },\n}");
    await page.getByText("2 problems").waitFor();
} });
lookAt("another template for a profile", at(""), { ready: ".verdict", prepare: async (page) => {
    await page.locator("details", { hasText: "Template" }).first().evaluate((details) => { details.open = true; });
    await page.getByRole("button", { name: "Use another template" }).click();
    await dialog(page).waitFor();
} });
lookAt("where a profile applies", at("/scopes"), { ready: ".snippet" });
lookAt("the history of a profile", at("/history?from=1&to=2"), { ready: ".diff" });
lookAt("restoring a version", at("/history"), { ready: "[role=cell]", prepare: async (page) => {
    await page.getByRole("button", { name: "Restore version 1" }).click();
    await dialog(page).waitFor();
} });
lookAt("removing a profile", at(""), { ready: ".verdict", prepare: async (page) => {
    await page.getByRole("button", { name: "Remove", exact: true }).click();
    await dialog(page).waitFor();
} });
lookAt("the templates", "templates", { ready: "[role=cell]" });
lookAt("a template", "templates/text?path=base/chat.json5", { ready: ".facts", prepare: (page) => page.locator(".cm-content").waitFor() });

/* ---- what is done with them ---- */

consoleTest("a profile that cannot run says so in the list, with the reason", "profiles/new", async (page) => {
    await page.route("**/v1/profiles?*", async (route) => {
        const response = await route.fetch();
        const answer = await response.json();
        Object.assign(answer.profiles[0], { valid: false, errors: ["base_filepath: there is no template 'own/gone.json5'"] });
        await route.fulfill({ response, json: answer });
    });
    await page.getByRole("link", { name: "Profiles" }).first().click();
    const first = page.getByRole("row").nth(1);
    await first.getByText("Cannot run").waitFor();
    await first.getByText("there is no template 'own/gone.json5'").waitFor();
});

consoleTest("a profile is made by typing a patch, its mistake is marked and mended", "profiles/new", async (page) => {
    const slug = fresh("made");
    await page.getByRole("button", { name: "Begin with this chat", exact: true }).click();
    await page.getByLabel("Name").fill(slug);
    await typePatch(page, "{\n  processor_config: {\n    LLMProcessor: {provider: 'nobody'},\n  },\n}");
    await page.getByText("1 problem").waitFor();
    await page.locator(".cm-lintRange-error").waitFor();
    await page.getByText("processor_config.LLMProcessor.provider:").waitFor();
    await page.getByRole("button", { name: "Line 3" }).click();
    await eventually(() => focused(page), "Patch");
    await typePatch(page, "{a: }");
    await page.getByRole("button", { name: "Line 1" }).waitFor();
    await typePatch(page, PATCH);
    await valid(page);
    assert.equal(await page.locator(".cm-lintRange-error").count(), 0);
    await page.getByText("Effective configuration").click();
    await page.locator(".effective .new", { hasText: '"max_tokens": 300' }).waitFor();
    await page.locator(".effective .gone", { hasText: "SubmissionProcessor" }).waitFor();
    await page.getByRole("button", { name: "Make the profile" }).click();
    await page.getByRole("heading", { name: slug, level: 1 }).waitFor();
    const made = await stage.api("GET", `/v1/profiles/${slug}`);
    assert.equal(made.content_patch, PATCH);
    assert.equal(await pathOf(page), `/admin/profiles/${made.id}`);
});

consoleTest("what the server refuses stands at its field", "profiles/new?template=base/chat.json5", async (page) => {
    const { slug } = await makeProfile(fresh("taken"));
    await page.getByLabel("Name").fill(slug);
    await page.getByRole("button", { name: "Make the profile" }).click();
    await page.getByText("there is a profile with this slug already").waitFor();
    await eventually(() => page.getByLabel("Name").evaluate((field) => field === document.activeElement && field.getAttribute("aria-invalid") === "true"), true);
}, { expected: [FAILED_REQUEST] });

consoleTest("only the last answer of the checks counts", "profiles/new?template=base/chat.json5", async (page) => {
    const held = [];
    await page.route("**/v1/profiles/validate", (route) => held.push(route));
    await typePatch(page, "{a: }");
    await eventually(() => held.length, 1);
    await typePatch(page, "{a: 1}");
    await eventually(() => held.length, 2);
    await held[1].continue();
    await valid(page);
    await held[0].continue().catch(() => undefined); // the page has given it up
    await settled(page);
    await page.waitForTimeout(0);
    await valid(page);
});

consoleTest("somebody else's change is shown beside one's own, and one is chosen", "profiles", async (page) => {
    const { id, slug } = await makeProfile(fresh("both"), "{x: 1}", undefined, { description: "first" });
    await page.goto(`${network.url}/admin/profiles/${id}`);
    await typePatch(page, "{x: 'mine'}");
    await valid(page);
    await stage.api("PATCH", `/v1/profiles/${slug}`, { content_patch: "{x: 'theirs'}", description: "theirs" });
    await page.getByRole("button", { name: "Save", exact: true }).click();
    const conflict = page.getByRole("alert", { name: "Changed meanwhile" });
    await conflict.waitFor();
    await conflict.getByText("removed: {x: 'theirs'}").waitFor();
    await conflict.getByText("added: {x: 'mine'}").waitFor();
    await conflict.getByRole("button", { name: "Take these" }).click();
    await page.getByRole("button", { name: "Save", exact: true }).click();
    await page.getByText("The profile is saved.").waitFor();
    const now = await stage.api("GET", `/v1/profiles/${slug}`);
    assert.deepEqual([now.content_patch, now.description, now.version], ["{x: 'mine'}", "theirs", 3]);
}, { expected: [FAILED_REQUEST] });

lookAt("a conflict of profiles", async () => `profiles/${(await makeProfile(fresh("torn"), "{x: 1}")).id}`, { ready: ".verdict", expected: [FAILED_REQUEST], prepare: async (page) => {
    const id = (await pathOf(page)).split("/").at(-1);
    await typePatch(page, `{\n  x: 'mine',\n  y: ${Date.now()},\n}`);
    await valid(page);
    await stage.api("PATCH", `/v1/profiles/${id}`, { content_patch: `{\n  x: 'theirs ${Date.now()}',\n}` });
    await page.getByRole("button", { name: "Save", exact: true }).click();
    await page.getByRole("alert", { name: "Changed meanwhile" }).waitFor();
} });

consoleTest("a scope that came meanwhile is no conflict", "profiles", async (page) => {
    const { id, slug } = await makeProfile(fresh("counted"));
    await page.goto(`${network.url}/admin/profiles/${id}`);
    await page.getByLabel("Description").fill("typed");
    await makeScope(slug);
    await page.getByRole("button", { name: "Save", exact: true }).click();
    await page.getByText("The profile is saved.").waitFor();
    assert.equal((await stage.api("GET", `/v1/profiles/${slug}`)).description, "typed");
}, { expected: [FAILED_REQUEST] });

consoleTest("two versions are compared, and an old one is restored", "profiles", async (page) => {
    const { id, slug } = await makeProfile(fresh("old"), "{v: 1}");
    for (const v of [2, 3]) await stage.api("PATCH", `/v1/profiles/${slug}`, { content_patch: `{v: ${v}}` });
    await page.goto(`${network.url}/admin/profiles/${id}/history`);
    await page.getByLabel("From version").fill("1");
    await page.getByRole("button", { name: "Compare" }).click();
    await page.getByRole("heading", { name: "From version 1 to 3" }).waitFor();
    await page.getByText("removed: {v: 1}").waitFor();
    await page.getByText("added: {v: 3}").waitFor();
    await page.getByRole("button", { name: "What changed in version 2" }).click();
    await page.getByText("added: {v: 2}").waitFor();
    await page.getByRole("button", { name: "Restore version 1" }).click();
    await dialog(page).getByText("It becomes version 4.").waitFor();
    await dialog(page).getByRole("button", { name: "Restore" }).click();
    await page.getByText("Version 1 is restored.").waitFor();
    const now = await stage.api("GET", `/v1/profiles/${slug}`);
    assert.deepEqual([now.content_patch, now.version], ["{v: 1}", 4]);
});

consoleTest("removing asks, and names the scopes and conversations that go with it", "profiles", async (page) => {
    const { id, slug } = await makeProfile(fresh("doomed"));
    await makeScope(slug);
    await page.goto(`${network.url}/admin/profiles/${id}`);
    await page.getByRole("button", { name: "Remove", exact: true }).click();
    await dialog(page).getByText(`slot ${slug}`).waitFor();
    await dialog(page).getByText("Its history").waitFor();
    await page.keyboard.press("Escape");
    await eventually(() => focused(page), "Remove");
    assert.equal((await stage.api("GET", `/v1/profiles/${slug}`)).slug, slug);
    await page.getByLabel("Description").fill("lost with it");
    await page.getByRole("button", { name: "Remove", exact: true }).click();
    await dialog(page).getByRole("button", { name: "Remove" }).click();
    await page.getByRole("heading", { name: "Profiles", level: 1 }).waitFor();
    await assert.rejects(stage.api("GET", `/v1/profiles/${slug}`), /404/);
});

consoleTest("what was typed is not left without a question", "profiles", async (page) => {
    const { id } = await makeProfile(fresh("typed"));
    await page.goto(`${network.url}/admin/profiles/${id}/history`);
    await page.getByRole("link", { name: "Configuration" }).click();
    await typePatch(page, "{x: 1}");
    await page.getByText("Not saved yet").waitFor();
    await page.getByRole("link", { name: "History" }).click();
    await dialog(page).getByRole("button", { name: "Stay here" }).click();
    assert.equal(await pathOf(page), `/admin/profiles/${id}`);
    await page.goBack();
    await dialog(page).getByRole("button", { name: "Stay here" }).click();
    assert.match(await (await patchField(page)).textContent(), /\{x: 1\}/);
    await page.getByRole("link", { name: "History" }).click();
    await dialog(page).getByRole("button", { name: "Leave without saving" }).click();
    await page.getByRole("button", { name: "Compare" }).waitFor();
});

consoleTest("a profile is duplicated, and given another template", "profiles", async (page) => {
    const { id, slug } = await makeProfile(fresh("first"), "{x: 1}");
    await page.goto(`${network.url}/admin/profiles/${id}`);
    await page.getByRole("link", { name: "Duplicate" }).click();
    await page.getByRole("button", { name: "Use another template" }).click();
    await dialog(page).getByRole("button", { name: "Use summary", exact: true }).click();
    await page.getByText("base/summary.json5").waitFor();
    await page.getByRole("button", { name: "Make the profile" }).click();
    await page.getByRole("heading", { name: `${slug}-copy`, level: 1 }).waitFor();
    const copy = await stage.api("GET", `/v1/profiles/${slug}-copy`);
    assert.deepEqual([copy.content_patch, copy.base_filepath], ["{x: 1}", "base/summary.json5"]);
});

consoleTest("a profile is made with the keyboard alone, from its template", "templates/text?path=base/chat.json5", async (page) => {
    const slug = fresh("keys");
    const press = (...keys) => keys.reduce((before, key) => before.then(() => page.keyboard.press(key)), Promise.resolve());
    const tabTo = async (name) => {
        for (let i = 0; i < 60; i++) {
            await press("Tab");
            if ((await focused(page)) === name || (await page.evaluate(() => document.activeElement.labels?.[0]?.textContent.trim())) === name) return;
        }
        assert.fail(`Tab does not come to ${name}`);
    };
    await page.locator(".cm-content").waitFor();
    await page.locator("#heading").focus();
    await tabTo("Make a profile of it");
    await press("Enter");
    await patchField(page);
    await tabTo("Name (needed)");
    await press("ControlOrMeta+a");
    await page.keyboard.type(slug);
    await tabTo("Patch");
    await page.keyboard.type("{x: 1}");
    await valid(page);
    await tabTo("Make the profile");
    await press("Enter");
    await page.getByRole("heading", { name: slug, level: 1 }).waitFor();
});

consoleTest("the lines for a page fit the template", "profiles", async (page) => {
    const { id, slug } = await makeProfile(fresh("cards"), "", "base/flash_cards.json5");
    await page.goto(`${network.url}/admin/profiles/${id}/scopes`);
    const lines = page.locator(".snippet pre");
    await page.getByText("No scope leads here yet").waitFor();
    assert.match(await lines.textContent(), new RegExp(`<lectern-flashcards [^>]*profile="${slug}"`));
    await makeScope(slug);
    await page.reload();
    await page.getByText(`slot ${slug}`).waitFor();
    assert.match(await lines.textContent(), new RegExp(`course-id="course-v1:Lectern\\+Demo\\+2026"[^>]*ui-slot="${slug}"`));
    await page.getByRole("button", { name: "Copy" }).click();
    await eventually(() => page.evaluate(() => navigator.clipboard.readText()), await lines.textContent());
    await page.getByRole("link", { name: "in the demo course" }).waitFor();
});
