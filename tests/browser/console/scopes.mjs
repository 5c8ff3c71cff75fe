/* Scopes in the console, and the tester that says why one decides. */
import assert from "node:assert/strict";
import { eventually, FAILED_REQUEST, network } from "../harness.mjs";
import { COURSE, stage } from "../widgets/stage.mjs";
import { consoleTest, lookAt } from "./desk.mjs";
import { fresh, makeProfile, makeScope } from "./workflows.mjs";

const UNIT = "block-v1:Lectern+Demo+2026+type@vertical+block@unit7";
const dialog = (page) => page.getByRole("dialog");
const shown = fresh("shown");
let looked;

async function look() {
    looked ??= (async () => {
        const { id } = await makeProfile(shown);
        const [unit, course, off] = [await makeScope(shown, { location_regex: "unit7$" }), await makeScope(shown), await makeScope(shown, { enabled: false })];
        return { id, unit, course, off };
    })();
    return looked;
}

const context = (more) => new URLSearchParams({ course_id: COURSE, ui_slot_selector_id: shown, ...more });

lookAt("the scopes", async () => (await look(), "scopes"), { ready: "[role=cell]" });
lookAt("a new scope", async () => `scopes/new?profile_id=${(await look()).id}`, { ready: "form .buttons" });
lookAt("a scope that is refused", async () => `scopes/new?profile_id=${(await look()).id}`, { ready: "form .buttons", expected: [FAILED_REQUEST], prepare: async (page) => {
    await page.getByLabel("Locations").fill("unit(");
    await page.getByRole("button", { name: "Make the scope" }).click();
    await page.locator("[aria-invalid=true]").first().waitFor();
} });
lookAt("a scope", async () => `scopes/${(await look()).unit.id}`, { ready: ".snippet" });
lookAt("removing a scope", async () => `scopes/${(await look()).unit.id}`, { ready: ".snippet", prepare: async (page) => {
    await page.getByRole("button", { name: "Remove", exact: true }).click();
    await dialog(page).waitFor();
} });
lookAt("why this scope", async () => `scopes/test?${context({ location_id: UNIT, scope: (await look()).course.id })}`, { ready: ".considered" });
lookAt("no scope fits", "scopes/test?course_id=other&ui_slot_selector_id=none", { ready: ".result" });

consoleTest("a scope is made, the server's word stands at its field, and the tester says why", "scopes", async (page) => {
    const slug = fresh("scoped");
    await makeProfile(slug);
    await page.getByRole("link", { name: "New scope" }).click();
    await page.getByLabel("Profile").selectOption(slug);
    await page.getByLabel("Course").fill(COURSE);
    await page.getByLabel("Locations").fill("unit(7$");
    await page.getByLabel("Slot").fill(slug);
    await page.getByLabel("Course").fill("course-v1:nonsense");
    await page.getByRole("button", { name: "Make the scope" }).click();
    const pattern = page.getByLabel("Locations");
    await eventually(() => page.getByLabel("Course").getAttribute("aria-invalid"), "true");
    await eventually(() => pattern.getAttribute("aria-invalid"), "true");
    await page.getByText(/^not a regular expression: /).waitFor();
    await page.getByLabel("Course").fill(COURSE);
    await pattern.fill("unit7$");
    await page.getByRole("button", { name: "Make the scope" }).click();
    await page.getByRole("heading", { name: /^Scope \d+$/, level: 1 }).waitFor();
    const made = (await stage.api("GET", "/v1/scopes?limit=10000")).scopes.find((scope) => scope.ui_slot_selector_id === slug);
    assert.deepEqual([made.course_id, made.location_regex, made.enabled, made.service_variant], [COURSE, "unit7$", true, "lms"]);

    await page.getByRole("link", { name: "Test: why this one?" }).click();
    await page.getByRole("heading", { name: `Scope ${made.id} decides: profile ${slug}` }).waitFor();
    await page.getByLabel("Location").fill("unit8");
    await page.getByRole("button", { name: "Which one decides?" }).click();
    await page.getByText(`Scope ${made.id} does not decide here`).waitFor();
    await page.getByRole("heading", { name: "No scope fits" }).waitFor();
    await page.getByText("Its pattern is not found in the location.").first().waitFor();
    await page.getByText(/scopes are for other places, or off/).click();
    await page.getByText("It is for another UI slot.").first().waitFor();
    const wider = await makeScope(slug);
    await page.getByRole("button", { name: "Which one decides?" }).click();
    await page.getByRole("heading", { name: `Scope ${wider.id} decides: profile ${slug}` }).waitFor();
    await page.getByRole("button", { name: "Which one decides?" }).focus();
    await page.reload();
    await page.getByRole("heading", { name: `Scope ${wider.id} decides: profile ${slug}` }).waitFor();
}, { expected: [FAILED_REQUEST] });

consoleTest("a scope is changed, switched off and removed", "scopes", async (page) => {
    const slug = fresh("moved");
    await makeProfile(slug);
    const { id } = await makeScope(slug);
    await page.goto(`${network.url}/admin/scopes/${id}`);
    await page.getByLabel("Course").fill("");
    await page.getByLabel("On", { exact: true }).uncheck();
    await page.getByRole("button", { name: "Save", exact: true }).click();
    await page.getByText("The scope is saved.").waitFor();
    await page.getByText(`For every course, slot ${slug}.`).waitFor();
    const changed = await stage.api("GET", `/v1/scopes/${id}`);
    assert.deepEqual([changed.course_id, changed.enabled], [null, false]);
    await page.getByRole("button", { name: "Remove", exact: true }).click();
    await dialog(page).getByRole("button", { name: "Cancel" }).click();
    await page.getByRole("button", { name: "Remove", exact: true }).click();
    await dialog(page).getByRole("button", { name: "Remove" }).click();
    await page.getByRole("heading", { name: "Scopes", level: 1 }).waitFor();
    await assert.rejects(stage.api("GET", `/v1/scopes/${id}`), /404/);
});

consoleTest("somebody else's change of a scope is shown beside one's own", "scopes", async (page) => {
    const slug = fresh("shared");
    await makeProfile(slug);
    const { id } = await makeScope(slug);
    await page.goto(`${network.url}/admin/scopes/${id}`);
    await page.getByLabel("Slot").fill("mine");
    await stage.api("PATCH", `/v1/scopes/${id}`, { ui_slot_selector_id: "theirs" });
    await page.getByRole("button", { name: "Save", exact: true }).click();
    const conflict = page.getByRole("alert", { name: "Changed meanwhile" });
    await conflict.getByText("theirs", { exact: true }).waitFor();
    await conflict.getByRole("button", { name: "Drop my changes" }).click();
    await eventually(() => page.getByLabel("Slot").inputValue(), "theirs");
}, { expected: [FAILED_REQUEST] });
