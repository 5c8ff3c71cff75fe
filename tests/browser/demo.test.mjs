/* The demo course itself: its pages, on screens of all widths, in the dark and on paper. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { browserTest, expectNoViolation, network, openUnit, shot } from "./harness.mjs";

const course = JSON.parse(await readFile(new URL("../../share/demo/course.json", import.meta.url), "utf8"));

browserTest("the front page lists every unit in order, and each can be opened", async (page) => {
    await page.goto(`${network.url}/demo/`);
    assert.deepEqual(
        await page.locator("nav a").allTextContents(),
        course.units.map((unit) => unit.title),
    );
    await shot(page, "20-front-page", { fullPage: true });
    await expectNoViolation(page, "the front page");
    await page.locator("nav a").first().click();
    assert.equal(await page.locator("h1").innerText(), course.units[0].title);
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
    for (const unit of course.units.slice(1)) {
        await page.locator("a[rel=next]").click();
        assert.equal(await page.locator("h1").innerText(), unit.title);
    }
    assert.equal(await page.locator("a[rel=next]").count(), 0);
    await page.locator("a[rel=prev]").click();
    assert.equal(await page.locator("h1").innerText(), course.units.at(-2).title);
});

browserTest("a unit that does not exist is a 404", { expected: [/404/] }, async (page) => {
    assert.equal((await page.goto(`${network.url}/demo/units/nowhere`)).status(), 404);
});

for (const width of [320, 480, 768, 1024, 1440]) {
    browserTest(`${width} px wide: nothing scrolls sideways`, { viewport: { width, height: 900 } }, async (page) => {
        for (const path of ["", ...course.units.map((unit) => `units/${unit.id}`)]) {
            await page.goto(`${network.url}/demo/${path}`);
            const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
            assert.ok(overflow <= 0, `/demo/${path} is ${overflow} px too wide`);
        }
        await page.goto(`${network.url}/demo/units/centre`);
        await page.locator("lectern-assist button").first().waitFor();
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
    for (const selector of ["nav.units", "nav.turn", "lectern-assist", "header.site"]) assert.equal(await page.locator(selector).isVisible(), false);
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
