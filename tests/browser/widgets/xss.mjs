/*
 * A model that answers with attacks. Every string of xss.txt comes piece by piece as an answer, and again as a whole when the thread is loaded
 * anew. No script may run, nothing may be asked of anybody, and what stands in the page may only be what an answer is made of. Once
 * under the page's own policy, which must find nothing to forbid, and once without any, so that it is not the policy that saves the page.
 */
import assert from "node:assert/strict";
import { browserTest, eventually, network, openUnit, shot } from "../harness.mjs";
import { ATTACKS, strangers, writeDownAttacks } from "./attacks.mjs";
import { COURSE, stage } from "./stage.mjs";

const EXPECTED = [/^\/demo\//, /^\/widgets\//, /^\/v1\/actions\?/, /^\/v1\/policy$/, /^\/v1\/workflows\/run$/, /^\/v1\/roles\/mine/];

for (const guarded of [true, false]) {
    const name = guarded ? "under the page's own policy" : "without a policy of the page";
    browserTest(`attacks in ${ATTACKS.length} answers come to nothing ${name}`, async (page) => {
        assert.ok(ATTACKS.length >= 100);
        await page.addInitScript(writeDownAttacks);
        if (!guarded)
            await page.route("**/demo/units/*", async (route) => {
                const response = await route.fetch();
                const headers = response.headers();
                delete headers["content-security-policy"];
                await route.fulfill({ response, headers });
            });
        const { model } = stage;
        model.calm();
        const opened = [];
        page.context().on("page", (other) => opened.push(other.url()));
        await openUnit(page, "plants");
        const token = await page.locator("meta[name=lectern-token]").getAttribute("content");
        const context = { course_id: COURSE, location_id: "plants", ui_slot_selector_id: "chat" };
        const chat = page.locator("lectern-chat");
        await chat.locator("textarea").waitFor();
        const check = async (what) => {
            assert.deepEqual(await page.evaluate(() => window.attacked), [], what);
            assert.deepEqual(await strangers(page), [], what);
            assert.deepEqual(network.log.filter((entry) => !EXPECTED.some((pattern) => pattern.test(entry.path))).map((entry) => entry.path), [], what);
            assert.deepEqual(opened, [], what);
            assert.ok(page.url().startsWith(network.url), what);
        };

        for (const [i, attack] of ATTACKS.entries()) {
            if (i % 20 === 0) {
                await stage.api("POST", "/v1/workflows/run", { context, action: "clear_session" }, token);
                await page.goto(`${network.url}/demo/units/plants`);
                await chat.locator("textarea").waitFor();
            }
            /* In pieces small enough that every half of a tag is shown for a while. */
            model.answer = async function* () {
                const characters = [..."Before. ", ...attack, ..."\n\nAfter."];
                const size = i % 4 === 0 ? 1 : 5;
                for (let at = 0; at < characters.length; at += size) {
                    yield characters.slice(at, at + size).join("");
                    if (at % 4 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
                }
            };
            await chat.locator("textarea").fill(`Attack ${i}`);
            await page.keyboard.press("Enter");
            const answers = chat.locator("li.message.assistant:not([data-state=writing])");
            await eventually(async () => (await answers.count()) >= (i % 20) + 1, true, attack);
            assert.equal(await answers.last().getAttribute("data-state"), "kept", attack);
            await check(attack);
        }

        /* As history, all at once, and each link followed as far as it goes: nowhere but to addresses of the web. */
        await page.reload();
        await chat.locator("li.message").first().waitFor();
        await check("the thread loaded anew");
        await shot(page, guarded ? "43-chat-attacks" : "43-chat-attacks-unguarded");
    });
}
