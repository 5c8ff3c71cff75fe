/* The demo course itself: its pages, on screens of all widths, in the dark and on paper. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { eventually, expectNoViolation, FAILED_REQUEST, network, openUnit, shot, wholePageTest as browserTest } from "./harness.mjs";

const course = JSON.parse(await readFile(new URL("../../share/demo/course.json", import.meta.url), "utf8"));

/** Follows a link to a unit; the new page is there, whole, before anything is read from it. */
async function follow(page, link, unit, role = "") {
    await link.click();
    await page.waitForURL(`${network.url}/demo/units/${unit.id}${role ? `?role=${role}` : ""}`);
    await eventually(() => page.locator("h1").innerText(), unit.title);
}

browserTest("the front page lists every unit in order, and each can be opened", async (page) => {
    await page.goto(`${network.url}/demo/`);
    assert.deepEqual(
        await page.locator("nav.contents a").allTextContents(),
        course.units.map((unit) => unit.title),
    );
    await shot(page, "20-front-page", { fullPage: true });
    await expectNoViolation(page, "the front page");
    await follow(page, page.locator("nav.contents a").first(), course.units[0]);
});

for (const unit of course.units) {
    browserTest(`unit ${unit.id}: complete, readable, accessible`, async (page) => {
        const answer = await page.goto(`${network.url}/demo/units/${unit.id}`);
        assert.equal(answer.status(), 200);
        assert.match(answer.headers()["content-security-policy"] ?? "", /default-src 'none'/);
        assert.equal(answer.headers()["cache-control"], "no-store", "the page holds a token");
        assert.ok(!(await answer.text()).includes("{{"), "every placeholder is filled");
        await page.locator("lectern-assist button").first().waitFor();
        assert.equal(await page.locator("article").getAttribute("lang"), unit.language);
        assert.equal(await page.locator("nav.units a[aria-current=page]").innerText(), unit.title);
        const words = (await page.locator("article").innerText()).split(/\s+/).length;
        assert.ok(words >= 400 && words <= 750, `${words} words`);
        for (const image of await page.locator("article img").all()) {
            assert.ok((await image.getAttribute("alt")).length > 40, "images are described");
            assert.ok(await image.evaluate((img) => img.decode().then(() => img.naturalWidth > 0)), "images are there");
        }
        await expectNoViolation(page, unit.id);
    });
}

browserTest("pages turn forwards and back", async (page) => {
    await page.goto(`${network.url}/demo/units/${course.units[0].id}`);
    assert.equal(await page.locator("a[rel=prev]").count(), 0);
    for (const unit of course.units.slice(1)) await follow(page, page.locator("a[rel=next]"), unit);
    assert.equal(await page.locator("a[rel=next]").count(), 0);
    await follow(page, page.locator("a[rel=prev]"), course.units.at(-2));
});

const TOOLS = { learner: ["lectern-chat", "lectern-flashcards"], teacher: ["lectern-grading"], author: ["lectern-editor-tools", "lectern-questions"] };
/** The sample submission of the teacher's page was not graded yet, which the browser writes down as a request that failed. */
const NOT_GRADED = { expected: [FAILED_REQUEST] };

const SUBJECTS = { learner: "demo-learner", teacher: "demo-teacher", author: "demo-author" };

browserTest("the switch of roles: each has its own tools and token, and keeps them from page to page", NOT_GRADED, async (page) => {
    await page.goto(`${network.url}/demo/units/plants`);
    for (const role of ["author", "teacher", "learner"]) {
        await page.getByRole("navigation", { name: "View as" }).getByRole("link", { name: role, exact: false }).click();
        await page.waitForURL(`${network.url}/demo/units/plants?role=${role}`);
        const token = await page.locator("meta[name=lectern-token]").getAttribute("content");
        if (token.includes(".")) assert.equal(JSON.parse(Buffer.from(token.split(".")[1], "base64url").toString()).sub, SUBJECTS[role]);
        assert.equal(await page.locator("nav.roles [aria-current=true]").innerText(), role[0].toUpperCase() + role.slice(1));
        for (const [whose, tags] of Object.entries(TOOLS)) for (const tag of tags) assert.equal((await page.locator(tag).count()) > 0, whose === role, tag);
        const kept = role === "learner" ? "" : role;
        await follow(page, page.locator("a[rel=next]"), course.units[1], kept);
        await follow(page, page.locator("a[rel=prev]"), course.units[0], kept);
        await page.locator("a.brand").click();
        await page.waitForURL(`${network.url}/demo/${kept ? `?role=${kept}` : ""}`);
        await follow(page, page.locator("nav.contents a").first(), course.units[0], kept);
    }
});

for (const role of ["teacher", "author"]) {
    browserTest(`a unit as ${role}: accessible, also in the dark and 320 px wide`, role === "teacher" ? NOT_GRADED : {}, async (page) => {
        for (const [colorScheme, width] of [["light", 1280], ["dark", 1280], ["light", 320]]) {
            await page.emulateMedia({ colorScheme });
            await page.setViewportSize({ width, height: 900 });
            await page.goto(`${network.url}/demo/units/plants?role=${role}`);
            await page.locator("lectern-assist button").first().waitFor();
            await expectNoViolation(page, `${role} ${colorScheme} ${width}`);
            assert.ok((await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)) <= 0, "nothing scrolls sideways");
            await page.locator(".work").evaluate((work) => work.scrollIntoView());
            await shot(page, `24-${role}-${colorScheme}-${width}`);
        }
    });
}

browserTest("a role that does not exist is refused", { expected: [/400/] }, async (page) => {
    assert.equal((await page.goto(`${network.url}/demo/units/plants?role=admin`)).status(), 400);
});

browserTest("a unit that does not exist is a 404", { expected: [/404/] }, async (page) => {
    assert.equal((await page.goto(`${network.url}/demo/units/nowhere`)).status(), 404);
});

for (const width of [320, 480, 768, 1024, 1440]) {
    browserTest(`${width} px wide: nothing scrolls sideways`, { viewport: { width, height: 900 } }, async (page) => {
        for (const path of ["", ...course.units.map((unit) => `units/${unit.id}`)]) {
            await page.goto(`${network.url}/demo/${path}`);
            if (path) await page.locator("lectern-assist button").first().waitFor();
            const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
            assert.ok(overflow <= 0, `/demo/${path} is ${overflow} px too wide`);
        }
        await openUnit(page, "centre");
        await shot(page, `21-width-${width}`, { fullPage: true });
    });
}

browserTest("in the dark", { colorScheme: "dark" }, async (page) => {
    await page.goto(`${network.url}/demo/`);
    await expectNoViolation(page, "the front page in the dark");
    await openUnit(page, "centre");
    await expectNoViolation(page, "a unit in the dark");
    await shot(page, "22-dark", { fullPage: true });
});

browserTest("on paper there is only the text", async (page) => {
    await openUnit(page, "centre");
    await page.emulateMedia({ media: "print" });
    for (const selector of ["nav.units", "nav.turn", "nav.roles", "lectern-assist", "header.site"]) assert.equal(await page.locator(selector).isVisible(), false);
    assert.ok(await page.locator("article table").isVisible());
    await shot(page, "23-paper", { fullPage: true });
});

browserTest("without the widgets the text can be read, and a note says what is missing (network: answer replaced)", { expected: [/./] }, async (page) => {
    await page.route("**/widgets/*", (route) => route.fulfill({ status: 404, body: "" }));
    await page.goto(`${network.url}/demo/units/plants`);
    await page.waitForFunction(() => getComputedStyle(document.querySelector("lectern-assist")).opacity === "1");
    assert.match(await page.locator("lectern-assist").innerText(), /not available/);
});

browserTest("without scripts the text can be read", { javaScriptEnabled: false }, async (page) => {
    await page.goto(`${network.url}/demo/units/plants`);
    assert.ok(await page.locator("article h2").first().isVisible());
});
