/* Providers: adding, testing, ordering, changing and removing them as an administrator does. */
import assert from "node:assert/strict";
import { eventually, FAILED_REQUEST } from "../harness.mjs";
import { stage } from "../widgets/stage.mjs";
import { consoleTest, lookAt, settled } from "./desk.mjs";

const names = (page) => page.locator('.ordered [data-title="Name"]').allInnerTexts();
const listed = async () => (await stage.api("GET", "/v1/providers")).providers.map((one) => one.name);
const rowOf = (page, name) => page.locator(".ordered [data-id]").filter({ has: page.getByRole("link", { name, exact: true }) });
const noted = (page, text) => page.locator("#notes").getByText(text).waitFor();

/** A provider of the test's own; the others of the site stay where they are. */
async function provider(name, config = {}) {
    await stage.api("POST", "/v1/providers", { name, plugin: "openai_compatible", config: { endpoint: `${stage.model.url}/v1`, model: "m", retries: 0, ...config } });
    const { id } = await stage.api("GET", `/v1/providers/${name}`);
    return { id, name, remove: () => stage.api("DELETE", `/v1/providers/${id}`) };
}

/** Runs body with providers of these names, which are gone afterwards. */
const having = (wanted, body) => async (page, t) => {
    const made = [];
    try {
        for (const name of wanted) made.push(await provider(name));
        await body(page, made, t);
    } finally {
        for (const one of made) await one.remove().catch(() => undefined);
    }
};

lookAt("the providers", "providers", { ready: ".ordered" });
lookAt("the test of a provider", "providers", {
    ready: ".ordered",
    prepare: async (page) => {
        await rowOf(page, "model").getByRole("button", { name: "Test model" }).click();
        await page.getByRole("dialog").getByRole("button", { name: "Test now" }).click();
        await page.getByText("It works").waitFor();
    },
});
lookAt("the kinds of providers", "providers/new", { ready: ".kind" });
lookAt("a new provider", "providers/new?kind=openai_compatible", {
    ready: "console-form form",
    expected: [FAILED_REQUEST],
    prepare: async (page) => {
        await page.getByLabel(/^Endpoint/).fill("nowhere");
        await page.getByRole("button", { name: "Add", exact: true }).click();
        await page.getByText("must match the pattern").waitFor();
    },
});
lookAt("a provider", "providers/model", {
    ready: "console-form form",
    prepare: async (page) => {
        stage.model.models = ["m", "m-large", "vision-xl"];
        await page.getByRole("button", { name: "List its models" }).click();
        await page.getByText("m-large").waitFor();
        await page.locator("summary", { hasText: "For Summarise text" }).click();
    },
});
lookAt("the removal of a provider", "providers/extract", {
    ready: "console-form form",
    prepare: async (page) => {
        const { id } = await stage.api("GET", "/v1/providers/extract");
        await stage.api("POST", "/v1/limits", { subject: "provider", subject_id: id, unit: "requests", amount: 1000, window: "day" });
        await page.getByRole("button", { name: "Remove…" }).click();
        await page.getByRole("dialog").getByText("the limit: At most 1,000 requests a day for the provider extract").waitFor();
    },
});

consoleTest("a provider is added, wrong fields say so in place, and a test shows its answer", "providers", async (page) => {
    await page.getByRole("link", { name: "Add a provider" }).click();
    await page.getByRole("link", { name: "OpenAI-compatible service" }).click();
    const endpoint = page.getByLabel(/^Endpoint/), name = page.getByLabel(/^Name \(needed\)/);
    await eventually(() => name.inputValue(), "openai_compatible");
    await page.getByRole("button", { name: "Add", exact: true }).click();
    await page.getByText("is needed").waitFor();
    assert.equal(await endpoint.getAttribute("aria-invalid"), "true");
    await endpoint.fill("ftp://nowhere");
    await page.getByRole("button", { name: "Add", exact: true }).click();
    await page.getByText("must match the pattern").waitFor();
    await endpoint.fill(`${stage.model.url}/v1`);
    await name.fill("model");
    await page.getByRole("button", { name: "Add", exact: true }).click();
    await page.getByText("the site has a provider instance 'model' already").waitFor();
    await eventually(() => name.evaluate((field) => field === document.activeElement), true, "the field that is wrong has the focus");
    await name.fill("added");
    await page.getByLabel("API key", { exact: true }).fill("sk-secret");
    await page.getByLabel("Model", { exact: true }).first().fill("m");
    await page.getByRole("button", { name: "Add", exact: true }).click();
    await page.getByRole("heading", { name: "added", level: 1 }).waitFor();
    assert.equal(await page.getByLabel("API key", { exact: true }).inputValue(), "", "a secret is never shown");
    stage.model.answer = "It rains because clouds are heavy.";
    await page.getByRole("button", { name: "Test now" }).click();
    await page.getByText("It works").waitFor();
    await page.getByText(/An answer after [\d.,]+ (ms|s)/).waitFor();
    await page.getByText("It rains because clouds are heavy.").waitFor();
    stage.model.refuse = { status: 401, body: { error: { message: "no such key" } } };
    await page.getByRole("button", { name: "Test again" }).click();
    await page.getByText("It failed").waitFor();
    stage.model.calm();
    await page.getByRole("button", { name: "Remove…" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Cancel" }).click();
    assert.ok((await listed()).includes("added"), "nothing goes before somebody has said yes");
    await page.getByRole("button", { name: "Remove…" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Remove", exact: true }).click();
    await page.getByRole("heading", { name: "Providers", level: 1 }).waitFor();
    await eventually(async () => (await listed()).includes("added"), false);
}, { expected: [FAILED_REQUEST] });

consoleTest("the order is changed by keyboard and by dragging", "providers", having(["first", "second"], async (page) => {
    await page.reload();
    await rowOf(page, "second").waitFor();
    const before = await listed(), last = before.length;
    const earlier = page.getByRole("button", { name: "Earlier: second" });
    await earlier.focus();
    await page.keyboard.press("Enter");
    await noted(page, `second is now number ${last - 1} of ${last}.`);
    await eventually(listed, [...before.slice(0, -2), "second", "first"]);
    await eventually(() => earlier.evaluate((button) => button === document.activeElement), true, "the focus stays on the button");
    await page.getByRole("button", { name: "Later: second" }).focus();
    await page.keyboard.press("Enter");
    await eventually(listed, before);
    await page.keyboard.press("Enter"); // it is the last: nothing happens
    await rowOf(page, "second").dragTo(rowOf(page, before[0]));
    await noted(page, `second is now number 1 of ${last}.`);
    await eventually(listed, ["second", ...before.slice(0, -1)]);
    assert.deepEqual(await names(page), await listed());
}));

consoleTest("who orders a list that somebody else has changed is told", "providers", having(["first", "second"], async (page) => {
    await page.reload();
    await rowOf(page, "second").waitFor();
    await stage.api("PATCH", "/v1/providers/first", { enabled: false });
    await page.getByRole("button", { name: "Earlier: second" }).click();
    await noted(page, "Somebody else has changed the providers meanwhile");
    await rowOf(page, "first").getByText("Off", { exact: true }).first().waitFor();
    await page.getByRole("switch", { name: "Use first" }).click();
    await noted(page, "first is on.");
    assert.equal((await stage.api("GET", "/v1/providers/first")).enabled, true);
}), { expected: [FAILED_REQUEST] });

consoleTest("two who change a provider see both sides", "providers", having(["shared"], async (page, [{ id }]) => {
    await page.goto(page.url() + `/${id}`);
    const model = page.getByLabel("Model", { exact: true }).first();
    await model.fill("ours");
    await stage.api("PATCH", `/v1/providers/${id}`, { config: { model: "theirs", api_key: "sk-2" } });
    await page.getByRole("button", { name: "Save", exact: true }).click();
    const conflict = page.getByRole("alert", { name: "Changed meanwhile" });
    await conflict.getByText("theirs", { exact: true }).waitFor();
    await conflict.getByText("ours", { exact: true }).waitFor();
    await conflict.getByLabel("Theirs, saved now").check();
    await conflict.getByRole("button", { name: "Take these" }).click();
    await eventually(() => model.inputValue(), "theirs");
    await model.fill("both");
    await page.locator("summary", { hasText: "For Summarise text" }).click();
    await page.getByLabel("Used for Summarise text").uncheck();
    await page.getByRole("button", { name: "Save", exact: true }).click();
    await noted(page, "The provider was saved.");
    const saved = await stage.api("GET", `/v1/providers/${id}`);
    assert.equal(saved.config.model, "both");
    assert.equal(saved.actions.summarise_text.enabled, false);
}), { expected: [FAILED_REQUEST] });

consoleTest("a model of the vendor's list is taken", "providers", having(["chooser"], async (page, [{ id }]) => {
    stage.model.models = ["m", "m-large", "vision-xl"];
    await page.goto(page.url() + `/${id}`);
    await page.getByRole("button", { name: "List its models" }).click();
    await page.getByLabel("Search the 3 models").fill("XL");
    await page.getByRole("button", { name: "Use this model: vision-xl" }).click();
    await page.getByRole("button", { name: "Save", exact: true }).click();
    await noted(page, "The provider was saved.");
    assert.equal((await stage.api("GET", `/v1/providers/${id}`)).config.model, "vision-xl");
}));

consoleTest("a provider that faults too often is shown as left alone", "providers", async (page) => {
    const made = await provider("faulty", { breaker_faults: 1, breaker_open_ms: 300000 });
    try {
        stage.model.refuse = { status: 503 };
        await stage.api("PUT", "/v1/providers/order", { ids: ["faulty"] });
        await stage.api("POST", "/v1/actions/generate_text", { input: { prompt: "Why?" } }).catch(() => undefined);
        await page.reload();
        await rowOf(page, "faulty").getByText("Left alone").waitFor();
        await rowOf(page, "faulty").getByText(/Asked again in \d+ (minutes|seconds)/).waitFor();
    } finally {
        stage.model.calm();
        await made.remove();
    }
});

consoleTest("what a profile needs is not removed, and it says which profile", "providers", having(["needed"], async (page, [{ id }]) => {
    const patch = { processor_config: { LLMProcessor: { provider: "needed" } } };
    const profile = await stage.api("POST", "/v1/profiles", { slug: "needs-it", base_filepath: "base/summary.json5", content_patch: patch });
    try {
        await page.goto(page.url() + `/${id}`);
        await page.getByRole("button", { name: "Remove…" }).click();
        await page.getByRole("dialog").getByText("It is used by profile 'needs-it'").waitFor();
        await page.getByRole("dialog").getByRole("button", { name: "Close" }).click();
        await settled(page);
    } finally {
        await stage.api("DELETE", `/v1/profiles/${profile.id}`);
    }
}));
