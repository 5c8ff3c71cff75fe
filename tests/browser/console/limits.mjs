/* Limits, budgets and prices. */
import assert from "node:assert/strict";
import { eventually, FAILED_REQUEST } from "../harness.mjs";
import { stage } from "../widgets/stage.mjs";
import { consoleTest, lookAt } from "./desk.mjs";

const noted = (page, text) => page.locator("#notes").getByText(text).waitFor();
const limits = async () => (await stage.api("GET", "/v1/limits")).limits;
const add = (form) => stage.api("POST", "/v1/limits", { unit: "requests", amount: 50, window: "day", ...form });
const remove = async (fits) => {
    for (const one of (await limits()).filter(fits)) await stage.api("DELETE", `/v1/limits/${one.id}`);
};
const ask = (course_id = "course-v1:Org+Budget+1") => stage.api("POST", "/v1/actions/generate_text", { input: { prompt: "Why?" }, context: { course_id } });

lookAt("the limits", async () => {
    await stage.api("POST", "/v1/prices", { model: "m", input: 150000, output: 600000, request: 900000 });
    await add({ subject: "user" });
    await add({ subject: "role", subject_id: "student", window: "sliding", window_s: 3600, amount: 20 });
    await add({ subject: "site", unit: "cost", amount: 200000000, window: "month", when_spent: "notice" });
    const { id } = await add({ subject: "course", subject_id: "course-v1:Org+Budget+1", unit: "cost", amount: 1000000, window: "month", when_spent: "notice" });
    await ask();
    await eventually(async () => (await stage.api("GET", "/v1/limits/notices")).notices.some((one) => one.limit === id), true);
    return "limits";
}, { ready: "console-list .rows" });
lookAt("all notices of budgets", "limits/notices", { ready: "console-list .rows" });
lookAt("a new limit", "limits/new", { ready: "console-form form", prepare: (page) => page.getByLabel("Of what (needed)").selectOption("cost") });
lookAt("a limit", async () => `limits/${(await limits()).find((one) => one.unit === "cost").id}`, { ready: "console-form form" });
lookAt("the removal of a limit", "limits", { ready: "console-list .rows", prepare: (page) => page.getByRole("button", { name: /^Remove limit/ }).first().click() });
lookAt("the prices", async () => {
    await stage.api("POST", "/v1/prices", { model: "m", input: 150000, output: 600000, request: 900000 });
    await stage.api("PATCH", "/v1/providers/model", { config: { model: "unpriced-model" } });
    await ask();
    await stage.api("PATCH", "/v1/providers/model", { config: { model: "m" } });
    await eventually(async () => (await stage.api("GET", "/v1/reports/cost?group_by=provider,model")).rows.some((row) => row.model === "unpriced-model"), true);
    return "prices";
}, { ready: "console-list .rows" });
lookAt("a new price", "prices/new?provider=model&model=unpriced-model", { ready: "console-form form" });

consoleTest("a budget is made in the currency, said in plain words, and changed", "limits", async (page) => {
    const course = "course-v1:Org+Money+1", own = (one) => one.subject_id === course;
    try {
        await page.getByRole("link", { name: "Add a limit" }).first().click();
        await page.getByLabel("For (needed)").selectOption("course");
        await page.getByLabel("Course", { exact: true }).fill(course);
        await page.getByLabel("Of what (needed)").selectOption("cost");
        await page.getByLabel("Within (needed)").selectOption("month");
        const amount = page.getByLabel("Amount (USD) (needed)");
        await amount.fill("12,50");
        await page.getByRole("button", { name: "Add", exact: true }).click();
        await page.getByText("must be an amount like 25.00").waitFor();
        await amount.fill("12.5");
        await amount.press("Tab");
        await page.getByText(`At most US$12.50 a calendar month for the course ${course}.`).waitFor();
        await page.getByText("Then calls are refused").waitFor();
        await page.getByRole("button", { name: "Add", exact: true }).click();
        const row = page.getByRole("row").filter({ hasText: course });
        await row.getByText("US$0.00 used, US$12.50 left").waitFor();
        const [limit] = (await limits()).filter(own);
        assert.deepEqual([limit.unit, limit.amount, limit.window, limit.when_spent], ["cost", 12500000, "month", "refuse"]);
        await row.getByRole("link", { name: `Change limit ${limit.id}` }).click();
        await amount.fill("25.00");
        await page.getByLabel("When it is used up (needed)").selectOption("notice");
        await page.getByRole("button", { name: "Save", exact: true }).click();
        await noted(page, "The limit was changed.");
        const [changed] = (await limits()).filter(own);
        assert.deepEqual([changed.id, changed.amount, changed.when_spent], [limit.id, 25000000, "notice"]);
        await row.getByText("US$25.00 left").waitFor();
        await page.getByRole("button", { name: `Remove limit ${limit.id}` }).click();
        await page.getByRole("dialog").getByRole("button", { name: "Remove" }).click();
        await noted(page, "The limit was removed.");
        await eventually(async () => (await limits()).filter(own), []);
    } finally {
        await remove(own);
    }
});

consoleTest("the notices of budgets are all on a page of their own, searched and saved by the server", "limits", async (page) => {
    const course = "course-v1:Org+Noticed+1", other = "course-v1:Org+Noticed+2";
    const made = [];
    try {
        await stage.api("POST", "/v1/prices", { model: "m", input: 150000, output: 600000, request: 900000 });
        for (const subject_id of [course, other]) made.push((await add({ subject: "course", subject_id, unit: "cost", amount: 1, window: "month", when_spent: "notice" })).id);
        for (const course_id of [course, other]) await ask(course_id);
        const noticed = async () => (await stage.api("GET", "/v1/limits/notices")).notices.filter((one) => made.includes(one.limit) && one.percent === 100).length;
        await eventually(noticed, 2);
        await page.reload();
        await page.getByRole("link", { name: "All notices" }).click();
        const row = page.getByRole("row").filter({ hasText: course });
        await row.getByText("Used up").first().waitFor();
        await row.getByRole("link", { name: new RegExp(`for the course ${course.replaceAll("+", "\\+")}`) }).first().waitFor();
        await page.getByRole("searchbox", { name: "Search" }).fill("no such notice");
        await page.getByText("No notices match.").waitFor();
        assert.match(await page.getByRole("link", { name: "CSV" }).getAttribute("href"), /\/v1\/limits\/notices\?.*q=no\+such\+notice.*format=csv/);
    } finally {
        await remove((one) => made.includes(one.id));
    }
});

consoleTest("a limit of requests in a time of its own", "limits/new", async (page) => {
    const own = (one) => one.subject === "user" && one.subject_id === "limited-user";
    try {
        await page.getByLabel("User", { exact: true }).fill("limited-user");
        await page.getByLabel("Amount (needed)").fill("3");
        await page.getByLabel("Within (needed)").selectOption("sliding");
        await page.getByLabel("How long (needed)").fill("9000");
        await page.getByLabel("In (needed)", { exact: true }).selectOption("days");
        await page.getByRole("button", { name: "Add", exact: true }).click();
        await page.locator(".error").filter({ hasText: "must be at most" }).waitFor();
        await page.getByLabel("How long (needed)").fill("2");
        await page.getByText("At most 3 requests within any 2 days for the user limited-user.").waitFor();
        await page.getByRole("button", { name: "Add", exact: true }).click();
        await page.getByRole("row").filter({ hasText: "limited-user" }).waitFor();
        assert.equal((await limits()).find(own).window_s, 172800);
    } finally {
        await remove(own);
    }
}, { expected: [FAILED_REQUEST] });

consoleTest("two who change a limit see both sides", "limits", async (page) => {
    const { id } = await add({ subject: "user", subject_id: "two-changers", unit: "cost", amount: 5000000 });
    try {
        await page.goto(page.url() + `/${id}`);
        const amount = page.getByLabel("Amount (USD) (needed)");
        await amount.fill("6.00");
        await stage.api("PATCH", `/v1/limits/${id}`, { amount: 7000000 });
        await page.getByRole("button", { name: "Save", exact: true }).click();
        const conflict = page.getByRole("alert", { name: "Changed meanwhile" });
        await conflict.getByText("7.00", { exact: true }).waitFor();
        await conflict.getByText("6.00", { exact: true }).waitFor();
        await conflict.getByRole("button", { name: "Take these" }).click();
        await page.getByRole("button", { name: "Save", exact: true }).click();
        await noted(page, "The limit was changed.");
        assert.equal((await stage.api("GET", `/v1/limits/${id}`)).amount, 6000000);
    } finally {
        await stage.api("DELETE", `/v1/limits/${id}`);
    }
}, { expected: [FAILED_REQUEST] });

consoleTest("a model without a price is named, gets one, and the price is removed", "prices", async (page) => {
    await stage.api("PATCH", "/v1/providers/model", { config: { model: "dear-model" } });
    await ask();
    await stage.api("PATCH", "/v1/providers/model", { config: { model: "m" } });
    await eventually(async () => (await stage.api("GET", "/v1/reports/cost?group_by=provider,model")).rows.some((row) => row.model === "dear-model"), true);
    await page.reload();
    await page.getByRole("link", { name: "Add its price (dear-model of model)" }).click();
    await eventually(() => page.getByLabel("Model", { exact: true }).inputValue(), "dear-model");
    await page.getByLabel(/^Input, a million tokens/).fill("2.50");
    await page.getByLabel(/^Output, a million tokens/).fill("10");
    await page.getByLabel(/^Each picture that is made/).fill("0.04");
    await page.getByRole("button", { name: "Add", exact: true }).click();
    const row = page.getByRole("row").filter({ hasText: "dear-model" });
    await row.getByText("US$10.00").waitFor();
    const made = (await stage.api("GET", "/v1/prices")).prices.find((one) => one.model === "dear-model");
    assert.deepEqual([made.provider, made.input, made.cached_input, made.output, made.image], ["model", 2500000, 2500000, 10000000, 40000]);
    await row.getByRole("button", { name: /^Remove the price/ }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Remove" }).click();
    await noted(page, "The price was removed.");
    await eventually(async () => (await stage.api("GET", "/v1/prices")).prices.some((one) => one.model === "dear-model"), false);
});

consoleTest("the limits of the looks are taken away", "limits", async () => {
    await remove(() => true);
    for (const one of (await stage.api("GET", "/v1/prices")).prices) await stage.api("DELETE", `/v1/prices/${one.id}`);
});
