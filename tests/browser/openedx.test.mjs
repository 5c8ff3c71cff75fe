/*
 * The Open edX door, as a browser sees it: a client written from the description of that API alone (openedx/client.mjs), signed in by the
 * platform's cookies, under the LMS's host by a reverse proxy and at Lectern's own address.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { DoorError, camelCased, makeSplitter } from "./openedx/client.mjs";
import { maskCsrf } from "./openedx/lms.mjs";
import { PROXIES } from "./openedx/proxies.mjs";
import { COURSE, LEARNER, POLICY, UNIT, cli, doorTest, openWidget, stage, until } from "./openedx/stage.mjs";
import { eventually } from "./waiting.mjs";

const FAILED_REQUEST = /^Failed to load resource/;
const BLOCKED = /has been blocked by CORS policy/;
const DOOR = "/openedx-ai-extensions/v1/";
const CONTEXT = { courseId: COURSE, locationId: UNIT };

/* Where the page comes from, and where the API is. */
const FORMS = {
    "under the LMS's host": () => ({ origin: stage.lms.url, base: "" }),
    "under the LMS's host, called by a micro-frontend": () => ({ origin: stage.mfe.url, base: stage.lms.url }),
    "at its own address": () => ({ origin: stage.lms.url, base: stage.lectern }),
};
for (const [name, { program }] of Object.entries(PROXIES)) {
    if (program) FORMS[`behind ${name}, set up as the guide says`] = () => ({ origin: stage[name], base: "" });
    else doorTest(`behind ${name}, set up as the guide says`, { skip: `there is no ${name}` });
}

/** Texts that the answer area shows, one after the other, from now on. */
async function recordGrowth(page) {
    await page.evaluate(() => {
        const answer = document.getElementById("answer");
        window.growth = [];
        new MutationObserver(() => window.growth.push(answer.textContent)).observe(answer, { childList: true });
    });
    return () => page.evaluate(() => window.growth.filter((text) => text !== ""));
}

/** A POST to workflows/ as the page itself would send it, but with these headers: {status, type, body} or {blocked}. */
function post(page, { base = "", slot = "ask", headers = {}, init = {} }) {
    const query = new URLSearchParams({ context: JSON.stringify({ ...CONTEXT, uiSlotSelectorId: slot }) });
    return page.evaluate(
        async ([url, options]) => {
            try {
                const response = await fetch(url, options);
                return { status: response.status, type: response.headers.get("Content-Type"), body: await response.text() };
            } catch {
                return { blocked: true };
            }
        },
        [
            `${base}${DOOR}workflows/?${query}`,
            {
                method: "POST",
                credentials: "include",
                headers: { "Content-Type": "application/json", "USE-JWT-COOKIE": "true", ...headers },
                body: JSON.stringify({ action: "run", user_input: "Why does it rain?" }),
                ...init,
            },
        ],
    );
}

const words = (n) => Array.from({ length: n }, (_, i) => `word${i + 1}`).join(" ");

/* ---- the client's own parts, in Node ---- */

function split(pieces) {
    const splitter = makeSplitter();
    const shown = pieces.map((piece) => splitter.push(piece)).join("");
    const { rest, error } = splitter.end();
    return { shown: shown + rest, error };
}

test("Open edX client: the error at a text's end is found wherever the pieces are cut", () => {
    const text = 'Rain is || water.||{"error_in_stream": true, "code": "streaming_failed", "message": "Try || again."}||';
    for (let i = 0; i <= text.length; i++)
        for (let j = i; j <= text.length; j++) {
            const { shown, error } = split([text.slice(0, i), text.slice(i, j), text.slice(j)]);
            const expected = ["Rain is || water.", "streaming_failed", "Try || again."];
            assert.deepEqual([shown, error?.code, error?.message], expected, `cut at ${i} and ${j}`);
        }
});

test("Open edX client: a text that only looks as if the error began is shown whole", () => {
    for (const text of ["a||", 'b||{"error_in_stream"', 'c||{"error": 1}||', "||", "|", '||{"error_in_stream|":', ""]) {
        for (let i = 0; i <= text.length; i++) assert.deepEqual(split([text.slice(0, i), text.slice(i)]), { shown: text, error: null });
        assert.deepEqual(split([...text]), { shown: text, error: null });
    }
});

test("Open edX client: an error that cannot be read is an error all the same", () => {
    for (const end of ["", " tru", ' true, "code": "streaming_failed"', " nonsense}||"]) {
        const { shown, error } = split(["Rain", `||{"error_in_stream":${end}`]);
        assert.equal(shown, "Rain");
        assert.ok(error instanceof DoorError && error.message.length > 0);
    }
});

test("Open edX client: keys are camel-cased at every depth, values are not", () => {
    assert.deepEqual(camelCased({ a_b_c: [{ task_status_message: "x_y" }], _own: null, plain: { n_1: 1 } }), {
        aBC: [{ taskStatusMessage: "x_y" }],
        _own: null,
        plain: { n1: 1 },
    });
});

/* ---- in the browser ---- */

for (const [form, place] of Object.entries(FORMS)) {
    doorTest(`${form}: the widget shows what its profile says, and a JSON answer`, {}, async (page) => {
        const w = await openWidget(page, { ...place(), slot: "ask" });
        assert.equal(await w.root.isVisible(), true);
        assert.equal(await w.button.innerText(), "Ask the tutor");
        assert.equal(await w.root.getAttribute("data-component"), "AIResponseComponent");
        await stage.upstream.play("ok?text=It rains because clouds cool.");
        await w.ask("Why does it rain?");
        await w.ended();
        assert.deepEqual([await w.answer.innerText(), await w.problem.innerText()], ["It rains because clouds cool.", ""]);
        const [call] = await stage.upstream.requests();
        assert.ok(JSON.stringify(call.body).includes("Why does it rain?"), "the question reaches the model");
        assert.ok(!JSON.stringify(call).includes(LEARNER), "who asks does not");
    });

    doorTest(`${form}: pieces of an answer are shown before the last one is made`, {}, async (page) => {
        const w = await openWidget(page, { ...place(), slot: "stream" });
        const growth = await recordGrowth(page);
        await stage.upstream.play("chunks?n=12&gate=1");
        await w.ask();
        for (let n = 1, shown = ""; n <= 12; n++) {
            const [call] = await stage.upstream.requests();
            assert.ok(!call?.answered_at, "the AI service is still writing");
            await stage.upstream.let(n);
            const longer = async () => (await w.answer.textContent()).length > shown.length;
            await eventually(longer, true, `piece ${n} is shown before the next is written`);
            shown = await w.answer.textContent();
        }
        await w.ended();
        assert.equal(await w.answer.innerText(), words(12));
        const steps = await growth();
        assert.ok(steps.length >= 12, `twelve pieces, ${steps.length} steps`);
        for (let i = 1; i < steps.length; i++) assert.ok(steps[i].startsWith(steps[i - 1]), "nothing that was shown is taken back");
    });

    doorTest(`${form}: an error in the middle leaves what came before, and a calm word beside it`, {}, async (page) => {
        const w = await openWidget(page, { ...place(), slot: "stream" });
        await stage.upstream.play("error_mid?n=3&delay_ms=50&message=gpu-17 is on fire");
        await w.ask();
        await w.ended();
        assert.equal((await w.answer.innerText()).trim(), words(3));
        assert.equal(await w.code(), "streaming_failed");
        assert.ok((await w.problem.innerText()).length > 0);
        const shown = await page.locator("body").innerText();
        for (const word of ["gpu-17", "error_in_stream", "||"]) assert.ok(!shown.includes(word), `'${word}' is not for learners`);
    });

    doorTest(`${form}: without a profile the widget stays hidden`, {}, async (page) => {
        const w = await openWidget(page, { ...place(), slot: "nowhere" });
        assert.equal(await w.root.isVisible(), false);
        assert.equal(await page.evaluate(() => document.documentElement.dataset.error), undefined, "no_config is no error");
    });

    for (const slot of ["ask", "stream"])
        doorTest(`${form}: a page that is left ends the call to the AI service (${slot})`, {}, async (page) => {
            const w = await openWidget(page, { ...place(), slot });
            await stage.upstream.play(slot === "ask" ? "stall" : "endless?delay_ms=20");
            await w.ask();
            if (slot === "stream") await page.waitForFunction(() => document.getElementById("answer").textContent !== "");
            else await until(async () => (await stage.upstream.requests()).length === 1, "the call");
            assert.equal((await stage.upstream.requests())[0].closed_at, null);
            await page.goto("about:blank");
            await until(async () => (await stage.upstream.requests())[0].closed_early, "the end of the call");
        });

    doorTest(`${form}: a POST without X-CSRFToken is 403, and asks nobody`, { expected: [FAILED_REQUEST] }, async (page) => {
        const { base } = place();
        await openWidget(page, { ...place(), slot: "nowhere" });
        for (const headers of [{}, { "X-CSRFToken": "" }]) assert.equal((await post(page, { base, headers })).status, 403);
        assert.deepEqual(await stage.upstream.requests(), []);
    });

    doorTest(`${form}: a CSRF token may be masked, as the LMS gives it to its micro-frontends`, {}, async (page) => {
        const { base } = place();
        await openWidget(page, { ...place(), slot: "nowhere" });
        const cookie = (await page.context().cookies()).find(({ name }) => name === "csrftoken").value;
        const answer = await post(page, { base, headers: { "X-CSRFToken": maskCsrf(cookie) } });
        assert.deepEqual([answer.status, answer.type.split(";")[0]], [200, "application/json"]);
    });
}

for (const [where, base] of Object.entries({ "at its own address": () => stage.lectern, "under the LMS's host": () => stage.lms.url })) {
    const expected = [BLOCKED, FAILED_REQUEST];
    doorTest(`${where}: an origin that the site does not list gets nothing, and asks nobody`, { expected }, async (page, session) => {
        const w = await openWidget(page, { origin: stage.stranger.url, base: base(), slot: "ask" });
        assert.equal(await w.root.isVisible(), false);
        assert.equal(await page.evaluate(() => document.documentElement.dataset.error), "TypeError", "the browser keeps the answer from the page");
        /* Same host, another port: the cookies go along and can be read, so all that stands between is the origin. */
        const token = await page.evaluate(() => /csrftoken=(\w+)/.exec(document.cookie)[1]);
        assert.deepEqual(await post(page, { base: base(), headers: { "X-CSRFToken": token } }), { blocked: true });
        await post(page, { base: base(), init: { mode: "no-cors", headers: { "Content-Type": "text/plain" } } });
        const query = new URLSearchParams({ context: JSON.stringify({ ...CONTEXT, uiSlotSelectorId: "ask" }) });
        const past = await session.request.post(`${base()}${DOOR}workflows/?${query}`, {
            headers: { Origin: stage.stranger.url, "USE-JWT-COOKIE": "true", "X-CSRFToken": token },
            data: { action: "run", user_input: "Why?" },
        });
        assert.equal(past.status(), 403, "also where no browser stands guard");
        assert.equal(past.headers()["access-control-allow-origin"], undefined);
        assert.deepEqual(await stage.upstream.requests(), []);
    });
}

doorTest("somebody who is not signed in is refused", { expected: [FAILED_REQUEST] }, async (page, session) => {
    await page.goto(`${stage.lms.url}/`);
    await session.clearCookies({ name: "edx-jwt-cookie-signature" });
    const token = await page.evaluate(() => /csrftoken=(\w+)/.exec(document.cookie)[1]);
    const answer = await post(page, { headers: { "X-CSRFToken": token } });
    assert.ok([401, 403].includes(answer.status), `answered ${answer.status}`);
    assert.deepEqual(await stage.upstream.requests(), []);
});

doorTest("a token of another signer, or one that has expired, signs nobody in", { expected: [FAILED_REQUEST] }, async (page, session) => {
    const whole = stage.issuer.token(LEARNER);
    const other = stage.issuer.token(LEARNER, { preferred_username: "mallory" });
    const expired = stage.issuer.token(LEARNER, { exp: Math.floor(Date.now() / 1000) - 3600 });
    const tokens = [
        [other.split(".").slice(0, 2).join("."), whole.split(".")[2]],
        [expired.split(".").slice(0, 2).join("."), expired.split(".")[2]],
    ];
    await page.goto(`${stage.lms.url}/`);
    for (const [body, signature] of tokens) {
        await session.addCookies([
            { name: "edx-jwt-cookie-header-payload", value: body, url: stage.lms.url },
            { name: "edx-jwt-cookie-signature", value: signature, url: stage.lms.url, httpOnly: true },
        ]);
        const csrf = await page.evaluate(() => /csrftoken=(\w+)/.exec(document.cookie)[1]);
        const answer = await post(page, { headers: { "X-CSRFToken": csrf } });
        assert.ok([401, 403].includes(answer.status), `answered ${answer.status}`);
    }
    assert.deepEqual(await stage.upstream.requests(), []);
});

doorTest("what the client sends is what the API describes", {}, async (page) => {
    const w = await openWidget(page, { slot: "ask" });
    await w.ask("Why?");
    await w.ended();
    const [profile, run] = stage.lms.log;
    assert.deepEqual([profile.method, profile.url.pathname, run.method, run.url.pathname], ["GET", `${DOOR}profile/`, "POST", `${DOOR}workflows/`]);
    for (const { url, headers } of [profile, run]) {
        assert.deepEqual(JSON.parse(url.searchParams.get("context")), { ...CONTEXT, uiSlotSelectorId: "ask" });
        assert.equal(headers["use-jwt-cookie"], "true");
        assert.match(headers.cookie, /edx-jwt-cookie-header-payload=.*edx-jwt-cookie-signature=/);
    }
    assert.equal(run.headers["x-csrftoken"], stage.lms.csrf);
    const body = JSON.parse(run.body);
    assert.deepEqual(Object.keys(body).sort(), ["action", "request_id", "timestamp", "user_input"]);
    assert.deepEqual([body.action, body.user_input], ["run", "Why?"]);
});

doorTest("workflows without a model answer too, whole and in pieces", {}, async (page) => {
    const whole = await openWidget(page, { slot: "mock" });
    await whole.ask();
    await whole.ended();
    assert.match(await whole.answer.innerText(), /^Mock response for run at /);
    const pieces = await openWidget(page, { slot: "mock-stream" });
    const growth = await recordGrowth(page);
    await pieces.ask();
    await pieces.ended();
    const steps = await growth();
    assert.ok(steps.length > 1, "it comes in pieces");
    assert.equal(await pieces.problem.innerText(), "");
    assert.equal(await pieces.answer.innerText(), steps.at(-1).trim());
    assert.deepEqual(await stage.upstream.requests(), []);
});

doorTest("Studio's host gets the profile that is for Studio", {}, async (page) => {
    const studio = await openWidget(page, { origin: stage.studio, slot: "ask" });
    assert.equal(await studio.button.innerText(), "For authors");
    const lms = await openWidget(page, { slot: "ask" });
    assert.equal(await lms.button.innerText(), "Ask the tutor");
});

const REFUSALS = {
    "429?message=gpu-17 is busy": [429, "rate_limit_exceeded"],
    context_window: [400, "context_window_exceeded"],
    "401?message=key sk-17": [500, "invalid_api_key"],
    503: [503, "service_unavailable"],
};
for (const [scenario, [status, code]] of Object.entries(REFUSALS))
    for (const slot of ["ask", "stream"])
        doorTest(`before the first piece, ${code} is an answer of its own (${scenario}, ${slot})`, { expected: [FAILED_REQUEST] }, async (page) => {
            const w = await openWidget(page, { slot });
            await stage.upstream.play(scenario);
            await w.ask();
            await w.ended();
            assert.deepEqual([await w.answer.innerText(), await w.code(), stage.lms.log.at(-1).status], ["", code, status]);
            assert.ok((await w.problem.innerText()).length > 0);
            for (const word of ["gpu-17", "sk-17"]) assert.ok(!(await w.problem.innerText()).includes(word), `'${word}' is not for learners`);
        });

doorTest("an action that the workflow does not offer is refused", { expected: [FAILED_REQUEST] }, async (page) => {
    const w = await openWidget(page, { slot: "ask", action: "delete_everything" });
    await w.ask();
    await w.ended();
    assert.ok(stage.lms.log.at(-1).status >= 400 && stage.lms.log.at(-1).status < 500, `answered ${stage.lms.log.at(-1).status}`);
    assert.notEqual(await w.code(), null);
    assert.deepEqual(await stage.upstream.requests(), []);
});

doorTest("the LMS has asked for the policy, unless Lectern is to ask: then it tells the text", { expected: [FAILED_REQUEST] }, async (page) => {
    const w = await openWidget(page, { slot: "ask" });
    const status = async () => (await post(page, { headers: { "X-CSRFToken": stage.lms.csrf } })).status;
    assert.equal(await status(), 200);
    try {
        cli("site", "set", "lms", "openedx_policy=lectern");
        await until(async () => (await status()) === 403, "the setting");
        await stage.upstream.play("ok");
        await w.ask();
        await w.ended();
        assert.equal(await w.code(), "validation_error");
        assert.ok((await w.problem.innerText()).includes(POLICY));
        assert.deepEqual(await stage.upstream.requests(), []);
    } finally {
        cli("site", "set", "lms", "openedx_policy=lms");
        await until(async () => (await status()) === 200, "the setting");
    }
});

/* ---- answers that the server does not give yet, or cannot be made to give: the platform answers itself ---- */

doorTest("a 404 for the profile hides the widget (answer replaced)", { expected: [FAILED_REQUEST] }, async (page) => {
    stage.lms.instead = (_, response) => response.writeHead(404).end();
    const w = await openWidget(page, { slot: "ask" });
    assert.equal(await w.root.isVisible(), false);
    assert.equal(await page.evaluate(() => document.documentElement.dataset.error), undefined);
});

doorTest("a run in the background is asked for until it ends (answer replaced)", {}, async (page) => {
    const w = await openWidget(page, { slot: "ask", action: "run_async" });
    const answers = [
        { status: "processing", task_id: "t1", message: "Started" },
        { status: "processing", message: "Half way" },
        { response: "Ten cards.", status: "completed" },
    ];
    const asked = [];
    stage.lms.instead = (entry, response) => {
        asked.push(JSON.parse(entry.body).action);
        response.writeHead(200, { "Content-Type": "application/json" }).end(JSON.stringify(answers[asked.length - 1]));
        return true;
    };
    await w.ask();
    await w.ended();
    assert.deepEqual(asked, ["run_async", "get_run_status", "get_run_status"]);
    assert.equal(await w.answer.innerText(), "Ten cards.");
});

doorTest("a run in the background that fails says so (answer replaced)", {}, async (page) => {
    const w = await openWidget(page, { slot: "ask", action: "run_async" });
    const answers = [{ status: "processing", task_id: "t1" }, { status: "timeout", error: "It took too long." }];
    stage.lms.instead = (_, response) => {
        response.writeHead(200, { "Content-Type": "application/json" }).end(JSON.stringify(answers.shift()));
        return true;
    };
    await w.ask();
    await w.ended();
    assert.deepEqual([await w.code(), await w.problem.innerText(), await w.answer.innerText()], ["timeout", "It took too long.", ""]);
});

doorTest("characters and the error mark may arrive byte by byte (answer replaced)", {}, async (page) => {
    const w = await openWidget(page, { slot: "stream" });
    const bytes = Buffer.from('Übung: 水の循環 ☔||{"error_in_stream": true, "code": "streaming_failed", "message": "Später."}||');
    stage.lms.instead = (_, response) => {
        response.writeHead(200, { "Content-Type": "text/plain; charset=utf-8" });
        (async () => {
            for (const byte of bytes) {
                response.write(Buffer.from([byte]));
                await new Promise((resolve) => setTimeout(resolve, 2));
            }
            response.end();
        })();
        return true;
    };
    const growth = await recordGrowth(page);
    await w.ask();
    await w.ended();
    assert.deepEqual([await w.answer.innerText(), await w.problem.innerText()], ["Übung: 水の循環 ☔", "Später."]);
    for (const step of await growth()) assert.ok("Übung: 水の循環 ☔".startsWith(step), `'${step}' was shown`);
});
