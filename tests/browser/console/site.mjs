/* Keys, permissions, roles and privacy. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { browserTest, eventually, expectNoViolation, FAILED_REQUEST, focused, network, shot } from "../harness.mjs";
import { stage } from "../widgets/stage.mjs";
import { consoleTest, lookAt, openConsole, settled } from "./desk.mjs";

const dialog = (page, name) => page.getByRole("dialog", { name });
const button = (page, name) => page.getByRole("button", { name, exact: true });
const row = (page, text) => page.getByRole("row").filter({ hasText: text });
const keyOf = async (name) => (await stage.api("GET", "/v1/keys")).keys.find((key) => key.name === name);
const makeKey = (name, role = "service") => stage.api("POST", "/v1/keys", { role, name });
const copied = (page) => page.evaluate(() => navigator.clipboard.readText());
const works = async (key) => (await fetch(`${stage.url}/v1/actions`, { headers: { Authorization: `Bearer ${key}` } })).status === 200;

lookAt("keys", "keys");
lookAt("new key", "keys/new");
/* Some of them: axe takes long over all. */
lookAt("revoking a key", "keys", { prepare: (page) => button(page, "Revoke demo service").click() });
lookAt("permissions", "permissions", { prepare: (page) => page.getByRole("searchbox", { name: "Search" }).fill("generate_text") });
lookAt("roles", "roles");
lookAt("give a role", "roles/new");
lookAt("import roles", "roles/import");
lookAt("privacy", "privacy");

/* ---- keys ---- */

consoleTest("a key is made by keyboard, shown once, and works", "keys", async (page) => {
    await page.getByRole("link", { name: "New key" }).focus();
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "New key" }).waitFor();
    await button(page, "Make the key").press("Enter");
    await page.getByText("is needed").waitFor();
    await eventually(() => page.evaluate(() => document.activeElement.getAttribute("aria-invalid")), "true", "the field that is wrong has the focus");
    await page.keyboard.type("By keyboard");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "The new key" }).waitFor();
    await button(page, "Copy").click();
    await page.getByRole("status").filter({ hasText: "copied" }).waitFor();
    const key = await copied(page);
    assert.match(key, /^lk_[\w-]{43}$/);
    assert.ok(await works(key));
    await shot(page, "console-the-new-key");
    await expectNoViolation(page, "the new key");
    await page.getByRole("link", { name: "I have kept it" }).click();
    await row(page, "By keyboard").waitFor();
    assert.ok(!(await page.content()).includes(key), "it is shown this once");
    await stage.api("DELETE", `/v1/keys/${(await keyOf("By keyboard")).id}`);
});

consoleTest("what the server says of a new key stands at its field", "keys/new", async (page) => {
    await page.getByLabel("Name").fill("Of the past");
    await page.getByLabel("Ends").fill("2001-01-01T00:00");
    await button(page, "Make the key").click();
    await page.getByText("lies in the past").waitFor();
    await eventually(() => page.evaluate(() => document.activeElement.type), "datetime-local");
    await page.getByLabel("For", { exact: false }).first().selectOption("metrics");
    assert.equal(await page.getByLabel("It may choose the provider of a call").count(), 0);
    await page.getByLabel("Ends").fill("2099-01-01T00:00");
    await button(page, "Make the key").click();
    await page.getByText("Of the past: Metrics. It ends").waitFor();
    await stage.api("DELETE", `/v1/keys/${(await keyOf("Of the past")).id}`);
}, { expected: [FAILED_REQUEST] });

for (const [overlap, old] of [["after 1 hour", true], ["at once", false]])
    consoleTest(`a key is rotated, and the old one ends ${overlap}`, "keys", async (page) => {
        const { key } = await makeKey("To be rotated");
        await page.reload();
        await button(page, "Rotate To be rotated").click();
        await dialog(page, "Rotate To be rotated").getByLabel("The old key ends").selectOption({ label: overlap });
        await expectNoViolation(page, "rotating");
        await shot(page, "console-rotate");
        await button(page, "Make a new key").click();
        const shown = dialog(page, "The new key");
        await shown.getByText(old ? "ends" : "has ended").waitFor();
        await shown.getByRole("button", { name: "Copy" }).click();
        await page.getByRole("status").filter({ hasText: "copied" }).waitFor();
        const fresh = await copied(page);
        assert.notEqual(fresh, key);
        assert.deepEqual([await works(fresh), await works(key)], [true, old]);
        await button(page, "I have kept it").click();
        await eventually(() => row(page, "To be rotated").count(), old ? 2 : 1);
        for (let left; (left = await keyOf("To be rotated")); ) await stage.api("DELETE", `/v1/keys/${left.id}`);
    });

consoleTest("revoking a key asks, says when it was used, and leaves the focus in the list", "keys", async (page) => {
    const { key } = await makeKey("To be revoked");
    await page.reload();
    await button(page, "Revoke To be revoked").click();
    await dialog(page, "Revoke To be revoked?").getByText("It was never used").waitFor();
    await shot(page, "console-revoke");
    await expectNoViolation(page, "revoking");
    await page.keyboard.press("Escape");
    assert.ok(await works(key));
    await eventually(() => focused(page), "Revoke To be revoked");
    await page.reload();
    await button(page, "Revoke To be revoked").click();
    await dialog(page, "Revoke To be revoked?").getByText("Last used").waitFor();
    await button(page, "Revoke").click();
    await page.getByRole("status").filter({ hasText: "To be revoked was revoked" }).waitFor();
    assert.ok(!(await works(key)));
    await eventually(() => row(page, "To be revoked").count(), 0);
    await eventually(() => focused(page).then((text) => text === "keys"), true, "the list has the focus");
});

browserTest("console: who revokes their own key is signed out", {}, async (page) => {
    const { key } = await makeKey("My own", "site_admin");
    await page.goto(`${network.url}/admin/keys`);
    await page.getByLabel("Site key").fill(key);
    await page.keyboard.press("Enter");
    await row(page, "My own").getByText("You").waitFor();
    await button(page, "Revoke My own").click();
    await dialog(page, "Revoke My own?").getByText("you are signed out").waitFor();
    await button(page, "Revoke").click();
    await page.getByLabel("Site key").waitFor();
    assert.ok(!(await works(key)));
});

consoleTest("keys are searched, sorted and saved as a table", "keys", async (page) => {
    const names = async () => (await page.getByRole("table", { name: "keys" }).getByRole("row").allTextContents()).map((text) => /demo \w+/.exec(text)?.[0]).filter(Boolean);
    await button(page, "Name").click();
    await eventually(names, ["demo admin", "demo service"]);
    await page.getByRole("button", { name: "Name" }).click();
    await eventually(names, ["demo service", "demo admin"]);
    await page.getByRole("searchbox", { name: "Search" }).fill("ADMIN");
    await eventually(names, ["demo admin"]);
    await page.reload();
    await eventually(names, ["demo admin"]);
    const download = page.waitForEvent("download");
    await page.getByRole("link", { name: "CSV" }).click();
    const lines = (await readFile(await (await download).path(), "utf8")).trim().split(/\r?\n/);
    assert.ok(lines[0].includes("name") && lines[1].includes("demo admin") && !lines.join("").includes("demo service"), lines.join("|"));
});

/* ---- permissions ---- */

const cell = (page, role, title) => page.getByRole("checkbox", { name: `${role}: ${title}`, exact: true });

consoleTest("a permission is given and goes back to the default", "permissions", async (page) => {
    const box = cell(page, "Teacher", "View register");
    assert.equal(await box.isChecked(), false);
    await box.focus();
    await page.keyboard.press("Space");
    await page.getByRole("status").filter({ hasText: "View register: Teacher may." }).waitFor();
    await page.getByText("Only what the site has set").click();
    await eventually(() => row(page, "view_cost").count(), 0);
    await row(page, "view_register").waitFor();
    await shot(page, "console-permissions-set");
    await expectNoViolation(page, "what the site has set");
    await page.getByRole("searchbox", { name: "Search" }).fill("nothing like it");
    await page.getByText("No permissions match").waitFor();
    await page.getByRole("searchbox", { name: "Search" }).fill("view_reg");
    await button(page, "Reset View register for Teacher").press("Enter");
    await page.getByText("No permissions match.").waitFor();
    const { roles } = (await stage.api("GET", "/v1/permissions")).permissions.find((one) => one.permission === "view_register");
    assert.deepEqual(roles.filter((one) => one.by === "site"), []);
});

consoleTest("the matrix is saved as CSV as it is shown", "permissions", async (page) => {
    await page.getByRole("searchbox", { name: "Search" }).fill("view_register");
    const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "CSV" }).click()]);
    const { permissions } = await stage.api("GET", "/v1/permissions"), { roles } = permissions.find((one) => one.permission === "view_register");
    assert.equal(download.suggestedFilename(), "permissions-demo.csv");
    assert.equal(await readFile(await download.path(), "utf8"), [
        ["permission", ...roles.map(({ role }) => role), "set_by_site"],
        ["view_register", ...roles.map(({ allowed }) => (allowed ? "yes" : "no")), roles.filter(({ by }) => by === "site").map(({ role }) => role).join(" ")],
    ].map((line) => line.join(",") + "\r\n").join(""));
    await page.getByRole("searchbox", { name: "Search" }).fill("no such permission");
    await page.getByText("No permissions match.").waitFor();
    assert.ok(await page.getByRole("button", { name: "CSV" }).isDisabled(), "there is nothing to save");
});

consoleTest("what is set for an action shows in its places", "permissions", async (page) => {
    await cell(page, "Student", "Summarise text").click();
    await page.getByRole("status").filter({ hasText: "Summarise text: Student may not." }).waitFor();
    await eventually(() => cell(page, "Student", "Summarise text, in course assist").isChecked(), false);
    await page.getByText("set for all places").first().waitFor();
    await button(page, "Reset Summarise text for Student").click();
    await eventually(() => cell(page, "Student", "Summarise text, in course assist").isChecked(), true);
});

consoleTest("what the server does not allow is as it was, and taking from admins asks", "permissions", async (page) => {
    const box = cell(page, "Admin", "Manage permissions");
    await box.click();
    await button(page, "Cancel").click();
    assert.equal(await box.isChecked(), true);
    await box.click();
    await button(page, "Take it").click();
    await page.locator(".note.failed").waitFor();
    await eventually(() => box.isChecked(), true);
}, { expected: [FAILED_REQUEST] });

/* ---- roles ---- */

/* The tests before may have left some. */
async function takeAll(page) {
    for (const { id } of (await stage.api("GET", "/v1/roles")).roles) await stage.api("DELETE", `/v1/roles/${id}`);
    await page.reload();
}

consoleTest("a role is given, found and taken", "roles", async (page) => {
    await takeAll(page);
    await page.getByText("No roles were given here").waitFor();
    await page.getByRole("link", { name: "Give a role" }).click();
    await page.getByLabel("User").fill("ada");
    await page.getByLabel("Role", { exact: false }).selectOption("editingteacher");
    await page.getByLabel("Course").fill("course-v1:A+B+C");
    await page.keyboard.press("Enter");
    await row(page, "ada").getByText("Editing teacher").waitFor();
    await page.getByLabel("User").fill("grace");
    await page.getByText("No roles match").waitFor();
    await page.getByLabel("User").fill("ada");
    await row(page, "course-v1:A+B+C").waitFor();
    await button(page, "Take Editing teacher from ada").click();
    await expectNoViolation(page, "taking a role");
    await button(page, "Take it").click();
    await page.getByRole("status").filter({ hasText: "ada is Editing teacher no more" }).waitFor();
    assert.deepEqual((await stage.api("GET", "/v1/roles")).roles, []);
});

consoleTest("an import says which lines are wrong, and saves all or nothing", "roles/import", async (page) => {
    await takeAll(page);
    const lines = page.getByLabel("Lines");
    await button(page, "Import").click();
    await page.getByText("There are no lines to import").waitFor();
    await lines.fill('user_id,course_id,role\nada,c1,teacher\n\ngrace,c1,headmaster\n"o""hara",c1,manager\nx,c1');
    await button(page, "Import 3").click();
    await page.getByText("Line 6: 2 fields, not 3.").waitFor();
    await lines.fill('user_id,course_id,role\nada,c1,teacher\n\ngrace,c1,headmaster\n"o""hara",c1,manager');
    await button(page, "Import 3").click();
    await page.getByText("Line 4, role:").waitFor();
    await eventually(() => page.evaluate(() => document.activeElement.getAttribute("role")), "alert");
    await shot(page, "console-import-refused");
    await expectNoViolation(page, "an import that was refused");
    assert.deepEqual((await stage.api("GET", "/v1/roles")).roles, []);
    await lines.fill('user_id,course_id,role\nada,c1,teacher\n"o""hara",,manager');
    await button(page, "Import 2").click();
    await page.getByRole("status").filter({ hasText: "2 roles were given" }).waitFor();
    await row(page, 'o"hara').getByText("The whole site").waitFor();
    await shot(page, "console-roles-given");
    await page.getByRole("link", { name: "Import" }).click();
    await lines.fill("lin,c2,teacher");
    await page.getByText("Replace all roles that there are").click();
    await button(page, "Import 1").click();
    const question = dialog(page, "Replace all roles?");
    await question.getByLabel("Type replace to go on").fill("replace");
    await button(page, "Replace them").click();
    await row(page, "lin").waitFor();
    const { roles } = await stage.api("GET", "/v1/roles");
    assert.deepEqual(roles.map((one) => one.user_id), ["lin"]);
    await stage.api("DELETE", `/v1/roles/${roles[0].id}`);
}, { expected: [FAILED_REQUEST] });

consoleTest("an import that was begun is not lost by a click", "roles/import", async (page) => {
    await page.getByLabel("Lines").fill("ada,c1,teacher");
    await page.getByRole("link", { name: "Keys" }).click();
    await button(page, "Stay here").click();
    assert.equal(await page.getByLabel("Lines").inputValue(), "ada,c1,teacher");
    await page.getByRole("link", { name: "Keys" }).click();
    await button(page, "Leave without saving").click();
    await page.getByRole("heading", { name: "Keys" }).waitFor();
});

/* ---- privacy ---- */

const cards = (page) => ({
    copy: page.locator("form.card").filter({ hasText: "A copy for a user" }),
    erase: page.locator("form.card").filter({ hasText: "Erase a user" }),
});
/** A call of a user who has accepted the policy. */
const live = async (id) => {
    const user = { id, roles: ["teacher"] };
    const { version } = await stage.api("GET", `/v1/policy?user_id=${id}&role=teacher`, undefined, stage.keys.service_key);
    await stage.api("PUT", "/v1/policy", { accepted: true, version, user }, stage.keys.service_key);
    return stage.api("POST", "/v1/actions/summarise_text", { input: { text: "Plants make sugar from light." }, user }, stage.keys.service_key);
};

consoleTest("a copy of what is kept of a user is saved as a file", "privacy", async (page) => {
    await live("ada");
    const { copy } = cards(page);
    await copy.getByRole("button").click();
    await copy.getByText("Type the user's id").waitFor();
    const download = page.waitForEvent("download");
    await copy.getByLabel("User").fill("ada");
    await page.keyboard.press("Enter");
    const file = await download;
    assert.equal(file.suggestedFilename(), "lectern-user-ada.jsonl");
    const lines = (await readFile(await file.path(), "utf8")).trim().split("\n").map((line) => JSON.parse(line));
    assert.ok(lines.some((line) => line.kind === "call" && line.content) && lines.at(-1).kind === "end");
    await page.getByRole("status").filter({ hasText: "saved" }).waitFor();
});

consoleTest("a copy that was cut off is told, not saved", "privacy", async (page) => {
    await page.route("**/v1/privacy/export", (route) => route.fulfill({ status: 200, contentType: "application/x-ndjson", body: '{"kind":"export"}\n{"kind":"call"}\n' }));
    const { copy } = cards(page);
    await copy.getByLabel("User").fill("ada");
    await page.keyboard.press("Enter");
    await copy.getByRole("alert").filter({ hasText: "cut off" }).waitFor();
});

consoleTest("a user is erased after their id was typed once more, and the page follows it", "privacy", async (page) => {
    await live("gone");
    const { erase } = cards(page);
    await erase.getByLabel("User").fill("gone");
    await page.keyboard.press("Enter");
    const question = dialog(page, "Erase this user?");
    const yes = question.getByRole("button", { name: "Erase for good" });
    assert.equal(await yes.isDisabled(), true);
    await question.getByLabel("Type gone to go on").fill("goner");
    assert.equal(await yes.isDisabled(), true);
    await question.getByLabel("Type gone to go on").fill("gone");
    await shot(page, "console-erase");
    await expectNoViolation(page, "erasing");
    await yes.click();
    const state = page.getByRole("region", { name: "Erasure" });
    await state.getByText("Done").waitFor();
    assert.match(await state.textContent(), /erased-/);
    await shot(page, "console-erased", { fullPage: true });
    await page.reload(); // the address has its number
    await page.getByRole("region", { name: "Erasure" }).getByText("Done").waitFor();
    const { calls } = await stage.api("GET", "/v1/register?user=gone");
    assert.deepEqual(calls, []);
});

consoleTest("an erasure that takes its time is followed to its end, also at AI services", "privacy", async (page) => {
    const job = { id: "00000000-0000-7000-8000-000000000001", kind: "erase", state: "running", code: null, pseudonym: null, asked_by: "key lk_x", calls: 0, records: 0,
        vendors: { waiting: 0, deleted: 0, failed: 0 }, created_at: "2026-01-01T00:00:00Z", completed_at: null };
    const over = { ...job, state: "done", calls: 2500, records: 7, pseudonym: "erased-x", completed_at: "2026-01-01T00:00:05Z" };
    let now = { ...job, calls: 1200 };
    await page.route("**/v1/privacy/erase", (route) => route.fulfill({ status: 202, json: job }));
    await page.route("**/v1/privacy/jobs/*", (route) => route.fulfill({ json: now }));
    await cards(page).erase.getByLabel("User").fill("slow");
    await page.keyboard.press("Enter");
    await page.getByLabel("Type slow to go on").fill("slow");
    await button(page, "Erase for good").click();
    const state = page.getByRole("region", { name: "Erasure" });
    await state.getByText("1,200").waitFor();
    await eventually(() => focused(page), "privacy-state", "the erasure has the focus");
    now = { ...job, state: "scrubbing", calls: 2500 };
    await state.getByText("Cleaning the database's files").waitFor();
    now = { ...over, vendors: { waiting: 1, deleted: 2, failed: 0 } };
    await state.getByText("2 deleted, 1 waiting, 0 failed").waitFor();
    now = { ...over, vendors: { waiting: 0, deleted: 2, failed: 1 } };
    await state.getByText("2 deleted, 0 waiting, 1 failed").waitFor();
});

consoleTest("an erasure that there is not is told at its field", "privacy", async (page) => {
    await page.getByText("Look up one").click();
    await page.getByLabel("Number").fill("00000000-0000-7000-8000-000000000000");
    await page.keyboard.press("Enter");
    await page.getByRole("alert").filter({ hasText: "no such" }).waitFor();
    await settled(page);
    await expectNoViolation(page, "an erasure that there is not");
}, { expected: [FAILED_REQUEST] });

/* ---- troubles ---- */

browserTest("console: a page that cannot be read can be tried again", { expected: [FAILED_REQUEST] }, async (page) => {
    for (const [path, address] of [["permissions", "/v1/permissions"], ["privacy", "/v1/privacy/metadata"], ["roles", "/v1/roles?*"], ["keys", "/v1/keys?*"]]) {
        await openConsole(page, path);
        await page.route(`**${address}`, (route) => route.abort());
        await page.reload();
        await page.getByRole("alert").filter({ hasText: "cannot be reached" }).waitFor();
        await expectNoViolation(page, `${path} that cannot be read`);
        await page.unroute(`**${address}`);
        await button(page, "Try again").click();
        await page.locator("main .rows, main .empty").first().waitFor();
        await eventually(() => page.getByRole("alert").count(), 0);
    }
});
