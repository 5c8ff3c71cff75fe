/* Signing in, and a session that ends while somebody is at work. */
import assert from "node:assert/strict";
import { browserTest, eventually, expectNoViolation, FAILED_REQUEST, focused, network, shot } from "../harness.mjs";
import { stage } from "../widgets/stage.mjs";
import { consoleTest, openConsole, signIn } from "./desk.mjs";

const trouble = (page) => page.getByRole("alert");
const keyField = (page) => page.getByLabel("Site key");
const button = (page, name) => page.getByRole("button", { name, exact: true });
const signedIn = (page) => page.getByRole("button", { name: "Sign out" }).waitFor();

async function openSignIn(page) {
    await page.goto(`${network.url}/admin/`);
    await keyField(page).waitFor();
}

/** A key of the demo's site, made for one test. */
const makeKey = (role = "site_admin", more = {}) => stage.api("POST", "/v1/keys", { role, name: "of a browser test", ...more });

async function tryKey(page, key) {
    await keyField(page).fill(key);
    await page.keyboard.press("Enter");
}

/** Ends the session of the page behind its back. */
async function endSession(page) {
    const session = await (await page.request.get(`${network.url}/v1/console/session`)).json();
    const answer = await page.request.delete(`${network.url}/v1/console/session`, { headers: { "X-CSRF-Token": session.csrf_token } });
    assert.equal(answer.status(), 204);
}

browserTest("console: what is no administrator's key is told apart", { expected: [FAILED_REQUEST] }, async (page) => {
    await openSignIn(page);
    await page.getByRole("button", { name: "Sign in" }).click();
    await trouble(page).filter({ hasText: "Type or paste a key" }).waitFor();
    await tryKey(page, "lk_wrong");
    await trouble(page).filter({ hasText: "not known here" }).waitFor();
    await eventually(() => focused(page), "sign-in-key", "the field has the focus");
    await tryKey(page, "x".repeat(200));
    await trouble(page).filter({ hasText: "This is not a key" }).waitFor();
    await tryKey(page, stage.keys.service_key);
    await trouble(page).filter({ hasText: "not an administrator's" }).waitFor();
    await expectNoViolation(page, "a refused sign-in");
    const { id, key } = await makeKey();
    await stage.api("DELETE", `/v1/keys/${id}`);
    await tryKey(page, key);
    await trouble(page).filter({ hasText: "not known here" }).waitFor();
    await tryKey(page, `  ${stage.keys.admin_key} `);
    await signedIn(page);
});

browserTest("console: too many wrong keys are told to wait, a right one gets in", { expected: [FAILED_REQUEST], extraHTTPHeaders: { "X-Forwarded-For": "198.18.77.1" } }, async (page) => {
    await openSignIn(page);
    for (let i = 0; i <= 20; i++) await page.request.post(`${network.url}/v1/console/session`, { data: { key: `lk_wrong${i}` } });
    await tryKey(page, "lk_wrong");
    await trouble(page).filter({ hasText: /Too many wrong keys came from this address\. Wait \d+ s/ }).waitFor();
    await tryKey(page, stage.keys.admin_key);
    await signedIn(page);
});

browserTest("console: who cannot reach Lectern is told so", { expected: [FAILED_REQUEST] }, async (page) => {
    await openSignIn(page);
    network.down = true;
    await tryKey(page, stage.keys.admin_key);
    await trouble(page).filter({ hasText: "cannot be reached" }).waitFor();
    network.calm();
    await page.keyboard.press("Enter");
    await signedIn(page);
});

browserTest("console: where a key is found, by keyboard", {}, async (page) => {
    await openSignIn(page);
    await page.keyboard.press("Tab");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await page.getByText("lectern key add --site").waitFor();
    for (const [width, colorScheme] of [[1440, "light"], [1440, "dark"], [375, "light"], [375, "dark"]]) {
        await page.setViewportSize({ width, height: 800 });
        await page.emulateMedia({ colorScheme });
        await expectNoViolation(page, `the sign-in at ${width} px, ${colorScheme}`);
        assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
        await shot(page, `console-sign-in-${width}-${colorScheme}`);
    }
});

browserTest("console: the key stays nowhere in the browser", {}, async (page) => {
    await openSignIn(page);
    await tryKey(page, stage.keys.admin_key);
    await signedIn(page);
    const found = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie, document.documentElement.outerHTML]));
    assert.ok(!found.includes(stage.keys.admin_key));
    const [cookie] = await page.context().cookies();
    assert.deepEqual([cookie.name, cookie.httpOnly, cookie.sameSite, cookie.path], ["lectern_console", true, "Strict", "/"]);
    assert.ok(!found.includes(cookie.value));
});

const newRole = async (page) => {
    await page.getByLabel("User").fill("ada-of-the-test");
    await page.getByLabel("Role", { exact: false }).selectOption("teacher");
};

consoleTest("a session that ends at work is begun again, and nothing typed is lost", "roles/new", async (page) => {
    await newRole(page);
    await endSession(page);
    await page.getByRole("button", { name: "Give the role" }).click();
    const dialog = page.getByRole("dialog", { name: "Sign in again" });
    await dialog.getByText("What you have typed stays as it is").waitFor();
    await expectNoViolation(page, "signing in again");
    await shot(page, "console-sign-in-again");
    await page.keyboard.press("Escape");
    await tryKey(page, "lk_wrong");
    await dialog.getByRole("alert").filter({ hasText: "not known here" }).waitFor();
    await tryKey(page, stage.keys.admin_key);
    await page.getByRole("heading", { name: "Roles", level: 1 }).waitFor(); // the form was sent, and led to the list
    const { roles } = await stage.api("GET", "/v1/roles?user=ada-of-the-test");
    assert.equal(roles.length, 1);
    await stage.api("DELETE", `/v1/roles/${roles[0].id}`);
}, { expected: [FAILED_REQUEST] });

consoleTest("signing out asks about what was not saved, and ends the session", "roles/new", async (page) => {
    await newRole(page);
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByRole("button", { name: "Stay here" }).click();
    assert.equal(await page.getByLabel("User").inputValue(), "ada-of-the-test");
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByRole("button", { name: "Leave without saving" }).click();
    await keyField(page).waitFor();
    assert.equal((await page.request.get(`${network.url}/v1/console/session`)).status(), 401);
    assert.deepEqual(await page.context().cookies(), []);
});

consoleTest("signing out of a session that has ended is signing out", "", async (page) => {
    await endSession(page);
    await page.getByRole("button", { name: "Sign out" }).click();
    await keyField(page).waitFor();
}, { expected: [FAILED_REQUEST] });

/** A session of another tab, or of another site. */
const sessionOf = async (page) => (await page.request.get(`${network.url}/v1/console/session`)).json();
const OTHER = { slug: "other", name: "Other school" };

consoleTest("signing in again with a key of another site does nothing there", "roles/new", async (page) => {
    await newRole(page);
    const session = await sessionOf(page);
    await endSession(page);
    await button(page, "Give the role").click();
    await page.route("**/v1/console/session", (route) => (route.request().method() === "POST" ? route.fulfill({ json: { ...session, site: OTHER } }) : route.continue()));
    await tryKey(page, "lk_of_another_site");
    await trouble(page).filter({ hasText: "This key is for the site Other school" }).waitFor();
    assert.deepEqual((await stage.api("GET", "/v1/roles?user=ada-of-the-test")).roles, []);
    await page.unroute("**/v1/console/session");
    await tryKey(page, stage.keys.admin_key);
    await page.getByRole("heading", { name: "Roles", level: 1 }).waitFor();
    for (const { id } of (await stage.api("GET", "/v1/roles?user=ada-of-the-test")).roles) await stage.api("DELETE", `/v1/roles/${id}`);
}, { expected: [FAILED_REQUEST] });

consoleTest("a page goes on with the session that another tab has begun, unless it is of another site", "roles/new", async (page) => {
    await newRole(page);
    await signIn(page); // what another tab does: the cookie is another now
    await page.route("**/v1/console/session", async (route) => {
        const answer = await route.fetch();
        await route.fulfill({ json: { ...(await answer.json()), site: OTHER } });
    });
    await button(page, "Give the role").click();
    await trouble(page).filter({ hasText: "Another tab has signed in to the site Other school" }).waitFor();
    assert.deepEqual((await stage.api("GET", "/v1/roles?user=ada-of-the-test")).roles, []);
    await page.unroute("**/v1/console/session");
    await button(page, "Give the role").click();
    await page.getByRole("heading", { name: "Roles", level: 1 }).waitFor();
    for (const { id } of (await stage.api("GET", "/v1/roles?user=ada-of-the-test")).roles) await stage.api("DELETE", `/v1/roles/${id}`);
}, { expected: [FAILED_REQUEST] });

browserTest("console: who comes by a link of another site is signed in all the same", {}, async (page) => {
    await signIn(page);
    const other = network.url.replace("127.0.0.1", "localhost"); // another site, as browsers see it
    await page.goto(`${network.url}/healthz`);
    await page.goto(`${network.url}/admin/`, { referer: `${other}/page` });
    await signedIn(page);
});

browserTest("console: a page without the right to a list says so", { expected: [FAILED_REQUEST] }, async (page) => {
    await openConsole(page, "keys");
    await page.route("**/v1/keys?*", (route) => route.fulfill({ status: 403, contentType: "application/problem+json", body: JSON.stringify({ code: "permission_denied", detail: "no role of the caller has the permission 'manage_keys'", status: 403 }) }));
    await page.reload();
    await page.getByRole("alert").filter({ hasText: "manage_keys" }).waitFor();
    await page.unroute("**/v1/keys?*");
    await page.getByRole("button", { name: "Try again" }).click();
    await page.getByRole("table", { name: "keys" }).waitFor();
});
