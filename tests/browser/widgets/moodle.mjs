/*
 * Reference cases 74 to 78, restated for the widgets: what stands between an action and its button. The table of all cases is in
 * tests/system/test_moodle_cases.py. Where Lectern does otherwise on purpose, a comment says what differs.
 */
import assert from "node:assert/strict";
import { browserTest, eventually, network, openUnit, widget } from "../harness.mjs";
import { openEditors } from "./editor.mjs";
import { COURSE, stage } from "./stage.mjs";

const placement = (name, change) => stage.api("PUT", `/v1/placements/${name}`, change);
const provider = (name, change) => stage.api("PATCH", `/v1/providers/${name}`, change);
const permission = (role, name, allowed) => stage.api("PUT", "/v1/permissions", { role, permission: name, allowed });
const courseSwitch = (enabled, place = { course_id: COURSE }) => stage.api("PUT", "/v1/switches", { ...place, enabled });

/** Changes, and takes them back when the test has ended, however it did. */
async function during(changes, body) {
    const undo = [];
    try {
        for (const [there, back] of changes) {
            undo.unshift(back);
            await there();
        }
        await body();
    } finally {
        for (const back of undo) await back();
    }
}

const off = {
    placement: (name) => [() => placement(name, { enabled: false }), () => placement(name, { enabled: true })],
    action: (name, action) => [() => placement(name, { actions: { [action]: false } }), () => placement(name, { actions: { [action]: true } })],
    provider: (name) => [() => provider(name, { enabled: false }), () => provider(name, { enabled: true })],
    providerAction: (name, action) => [
        () => provider(name, { actions: { [action]: { enabled: false } } }),
        () => provider(name, { actions: { [action]: { enabled: true } } }),
    ],
    permission: (role, name) => [() => permission(role, name, false), () => permission(role, name, null)],
    course: () => [() => courseSwitch(false), () => courseSwitch(null)],
    unit: () => [() => courseSwitch(false, { course_id: COURSE, location_id: "plants" }), () => courseSwitch(null, { course_id: COURSE, location_id: "plants" })],
};

/** The names of an element's buttons, once it has asked what there is; the page is loaded anew for it. */
async function buttonsAfterReload(page, selector) {
    network.log.length = 0;
    await page.reload();
    const element = page.locator(selector);
    await page.waitForFunction((which) => {
        const found = document.querySelector(which);
        return found?.shadowRoot && found.style.visibility === "";
    }, selector);
    return element.evaluate(async (found) => {
        await found.updateComplete;
        return getComputedStyle(found).display === "none" ? [] : [...found.shadowRoot.querySelectorAll("button[data-action]")].map((each) => each.textContent.trim());
    });
}

const EDITOR = "#tools-plain";
/** Moodle's editor neither improves nor translates. */
const WRITES = { attributes: 'actions="generate_text"' };
const ASSIST = "lectern-assist";

browserTest("case 74: the editor's tools are there when placement, provider, permission and the placement's action all are", async (page) => {
    await openEditors(page, WRITES);
    /* Every one of the four alone takes them away, and together they bring them back. */
    const ways = [off.provider("model"), off.permission("editingteacher", "action:generate_text"), off.action("editor", "generate_text"), off.placement("editor")];
    for (let n = ways.length; n >= 0; n--)
        await during(ways.slice(0, n), async () => assert.deepEqual(await buttonsAfterReload(page, EDITOR), n === 0 ? ["Generate text"] : [], `${n} of four are missing`));
    for (const way of ways) await during([way], async () => assert.deepEqual(await buttonsAfterReload(page, EDITOR), []));
});

/* Lectern has no image yet, so "both" are the two texts of a learner; the editor has one or none. */
browserTest("case 75: as many buttons as actions: both, one, none; none without the permission", async (page) => {
    stage.model.calm();
    await openUnit(page, "plants");
    const [summarise, explain] = [off.action("course_assist", "summarise_text"), off.action("course_assist", "explain_text")];
    assert.deepEqual(await buttonsAfterReload(page, ASSIST), ["Summarise", "Explain"]);
    await during([explain], async () => assert.deepEqual(await buttonsAfterReload(page, ASSIST), ["Summarise"]));
    await during([summarise], async () => assert.deepEqual(await buttonsAfterReload(page, ASSIST), ["Explain"]));
    await during([summarise, explain], async () => assert.deepEqual(await buttonsAfterReload(page, ASSIST), []));
    const prohibited = [off.permission("student", "action:summarise_text"), off.permission("student", "action:explain_text")];
    await during(prohibited, async () => assert.deepEqual(await buttonsAfterReload(page, ASSIST), []));
    await openEditors(page, WRITES);
    assert.deepEqual(await buttonsAfterReload(page, EDITOR), ["Generate text"]);
    await during([off.permission("editingteacher", "action:generate_text")], async () => assert.deepEqual(await buttonsAfterReload(page, EDITOR), []));
});

browserTest("case 76: the placement's switch shows and hides the tools", async (page) => {
    await openEditors(page, WRITES);
    for (const _ of [1, 2]) {
        await during([off.placement("editor")], async () => assert.deepEqual(await buttonsAfterReload(page, EDITOR), []));
        assert.deepEqual(await buttonsAfterReload(page, EDITOR), ["Generate text"]);
    }
});

/* Moodle has no course assist outside of a course. Here the page says where it stands, and what may be used there the rights of the place say. */
browserTest("case 77: course assist stands where a page puts it; what a role of a course gives, it gives in that course", async (page) => {
    const role = await stage.api("PUT", "/v1/roles", { user_id: "demo-learner", course_id: COURSE, role: "editingteacher" });
    try {
        await openEditors(page, { ...WRITES, token: stage.keys.learner_token });
        assert.deepEqual(await buttonsAfterReload(page, EDITOR), ["Generate text"], "in the course");
        await page.locator(EDITOR).evaluate((element) => (element.courseId = ""));
        await eventually(() => page.locator(EDITOR).evaluate((element) => element.style.display), "none", "outside of it");
    } finally {
        await stage.api("DELETE", `/v1/roles/${role.id}`);
    }
    await page.unrouteAll();
    await openUnit(page, "plants");
    assert.deepEqual(await buttonsAfterReload(page, ASSIST), ["Summarise", "Explain"]);
});

/* Moodle has one menu with both; two buttons are one step less. */
browserTest("case 78: two actions are two buttons, one is one", async (page) => {
    stage.model.calm();
    await openUnit(page, "plants");
    assert.deepEqual(await buttonsAfterReload(page, ASSIST), ["Summarise", "Explain"]);
    await during([off.action("course_assist", "explain_text")], async () => assert.deepEqual(await buttonsAfterReload(page, ASSIST), ["Summarise"]));
});

browserTest("case 78: whatever is switched off, there is no button", async (page) => {
    await openUnit(page, "plants");
    const of = (make) => ["summarise_text", "explain_text"].map(make);
    for (const ways of [
        [off.placement("course_assist")],
        of((action) => off.providerAction("model", action)).concat([off.providerAction("extract", "summarise_text")]),
        of((action) => off.permission("student", `action:${action}`)),
        [off.course()],
        [off.unit()],
    ])
        await during(ways, async () => assert.deepEqual(await buttonsAfterReload(page, ASSIST), []));
    assert.deepEqual(await buttonsAfterReload(page, ASSIST), ["Summarise", "Explain"]);
});

browserTest("case 78: the first use opens the panel with the policy", async (page) => {
    await openUnit(page, "plants", { policy: false });
    const assist = widget(page);
    await assist.action("summarise_text").click();
    await assist.button("Accept").waitFor();
    assert.match(await assist.panel.innerText(), /Before you begin/);
});

browserTest("case 78: a course can be switched off before there is any", async (page) => {
    const place = { course_id: "course-v1:Not+Yet+2027" };
    await openUnit(page, "plants");
    const element = page.locator(ASSIST);
    await during([[() => courseSwitch(false, place), () => courseSwitch(null, place)]], async () => {
        await element.evaluate((found, course) => (found.courseId = course), place.course_id);
        await eventually(() => element.evaluate((found) => found.style.display), "none");
    });
});
