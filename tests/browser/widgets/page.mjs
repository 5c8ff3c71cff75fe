/* What widgets cost a page: bytes, and whether its text moves. */
import assert from "node:assert/strict";
import { eventually, network, openUnit, wholePageTest as browserTest } from "../harness.mjs";

const LIMIT = 100_000;

for (const width of [1280, 320]) {
    browserTest(`a unit with its widgets, ${width} px wide: at most ${LIMIT} bytes, kept for a year, and nothing moves`, { viewport: { width, height: 800 } }, async (page) => {
        await page.addInitScript(() => {
            window.shifts = [];
            new PerformanceObserver((list) => {
                for (const entry of list.getEntries()) window.shifts.push([entry.value, ...entry.sources.map((source) => source.node?.nodeName)]);
            }).observe({ type: "layout-shift", buffered: true });
        });
        /* A unit in which nothing was said: formulas of a thread would bring what draws them. */
        await openUnit(page, "selection");
        await page.locator("lectern-chat textarea").waitFor();
        await page.waitForLoadState("networkidle");
        await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
        assert.deepEqual(await page.evaluate(() => window.shifts), [], "no layout shift");
        const loaded = () => page.evaluate(() => performance.getEntriesByType("resource").filter((each) => each.name.includes("/widgets/")));
        const first = await loaded();
        const bytes = first.reduce((sum, each) => sum + each.transferSize, 0);
        assert.ok(first.length > 0 && bytes > 1000 && bytes <= LIMIT, `${bytes} bytes in ${first.length} files`);
        await page.goto(`${network.url}/demo/units/sampling`);
        await page.locator("lectern-chat textarea").waitFor();
        await eventually(async () => (await loaded()).reduce((sum, each) => sum + each.transferSize, 0), 0, "the next page has them from the browser's cache");
    });
}
