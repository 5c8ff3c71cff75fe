/* Overview, site settings, policy, plugins and services, health. */
import assert from "node:assert/strict";
import { browserTest, eventually, FAILED_REQUEST } from "../harness.mjs";
import { COURSE, stage } from "../widgets/stage.mjs";
import { consoleTest, lookAt, openConsole, settled } from "./desk.mjs";

/* A site in use: calls, one that failed, acceptances, budgets. */
for (let n = 1; n <= 6; n++) {
    const user = { id: `u${n}`, roles: ["student"] };
    const { version } = await stage.api("GET", `/v1/policy?user_id=${user.id}&role=student`, undefined, stage.keys.service_key);
    await stage.api("PUT", "/v1/policy", { accepted: true, version, user }, stage.keys.service_key);
    await stage.api("POST", "/v1/actions/summarise_text", { input: { text: `Water boils at ${90 + n} degrees. Ice melts.` }, user, context: { course_id: COURSE } }, stage.keys.service_key);
}
await stage.api("POST", "/v1/providers", { name: "away", plugin: "openai_compatible", config: { endpoint: "http://127.0.0.1:9/v1", model: "m", retries: 0, breaker_faults: 0 } });
await stage.api("POST", "/v1/actions/generate_text", { input: { prompt: "Hello." }, provider: "away" }).catch(() => undefined);
await stage.api("DELETE", "/v1/providers/away");
await stage.api("POST", "/v1/limits", { subject: "site", unit: "requests", amount: 8, window: "month", when_spent: "notice" });
await stage.api("POST", "/v1/limits", { subject: "site", unit: "cost", amount: 50_000_000, window: "month", when_spent: "notice" });

const health = async (id) => (await stage.api("GET", "/v1/health")).findings.filter((finding) => finding.id === id && finding.level !== "ok");

lookAt("the overview of a site in use", "", { ready: "console-chart canvas" });
lookAt("site settings", "site");
lookAt("the policy", "policy", { ready: "console-list .rows" });
lookAt("a new version of the policy", "policy/new", { ready: ".readable" });
lookAt("plugins and services", "plugins");
lookAt("health", "health", { ready: ".finding" });

/* What this installation does not have: plugins in all states, findings of all levels. */
const plugin = (id, state, more = {}) => ({ id, version: "1.4", title: `Plugin ${id}`, description: "Counts words.", state, runs_in: "process", reason: "", faults: 0, since: null, until: null, provides: [`tool/${id}`], ...more });
const minute = (n) => new Date(Date.now() + n * 60_000).toISOString();
const granted = { status: "ok", version: "1.0", plugin: "acme", reason: "ai.grading 1.0 of acme" };
const PLUGINS = {
    plugins: [
        plugin("acme", "up", { runs_in: "daemon" }),
        plugin("counter", "quarantined", { faults: 3, since: minute(-2), until: minute(18), reason: "ended in the middle of a call: signal 11" }),
        plugin("older", "disabled"),
        plugin("broken.json", "wrong", { version: "", title: "", description: "", runs_in: "nothing", provides: [], reason: "broken.json: version: is required" }),
    ],
    services: [
        { service: "ai.grading", title: "Grading", description: "Grades open answers.", ...granted, candidates: [{ plugin: "acme", version: "1.0", rank: 50, status: "ok", reason: "can be taken" }],
          components: [{ component: "ora", declared: "need", active: true, inactive_because: "", ...granted },
                       { component: "essay", declared: "want", active: false, inactive_because: "essay needs ai.speech, which nobody provides", status: "version", version: null, plugin: null, reason: "provided in 1.0 only, asked for from 2.0 on" }] },
        { service: "ai.speech", title: "", description: "", status: "absent", version: null, plugin: null, reason: "nobody provides it", candidates: [], components: [] },
    ],
};
const HEALTH = { level: "error", findings: [
    { id: "providers", level: "warning", title: "Providers", detail: "Provider 'openai' cannot be used: config.api_key is missing.", advice: "Complete its settings, or switch it off." },
    { id: "disk", level: "error", title: "Space for records", detail: "The data directory has 80 MiB left.", advice: "Make room at once: without it no call can be recorded, and none is made." },
    { id: "register", level: "ok", title: "Chain of the register", detail: "All records are in the chain; `lectern register verify` checks it.", advice: "" },
] };
const instead = (call, json, shown) => ({
    prepare: async (page) => {
        await page.route(`**${call}`, (route) => route.fulfill({ json }));
        await page.reload();
        await page.getByText(shown).first().waitFor();
        await settled(page);
    },
});
lookAt("plugins in all states", "plugins", instead("/v1/plugins", PLUGINS, "in quarantine"));
lookAt("findings of all levels", "health", instead("/v1/health", HEALTH, "must be mended"));

consoleTest("the overview has the figures of the register and follows what happens", "", async (page) => {
    const { total } = await stage.api("GET", "/v1/overview");
    const tile = (title) => page.locator(".tiles > div").filter({ has: page.getByText(title, { exact: true }) });
    await tile("Calls").filter({ hasText: String(total.calls) }).waitFor();
    for (const title of ["Calls", "Tokens", "Cost", "Time to the answer"]) assert.ok(await page.getByText(`${title}: figures`).isVisible(), title);
    await page.getByText("Calls: figures").click();
    /* However the times fell into the plot's parts, its figures are those of the register. */
    const figures = page.getByRole("region", { name: "Calls: figures" });
    const succeeded = async () => (await figures.locator("tbody tr td:nth-child(2)").allInnerTexts()).reduce((sum, text) => sum + Number(text.replace(/\D/g, "") || 0), 0);
    await eventually(succeeded, total.succeeded);
    await page.getByRole("table", { name: "Budgets of the site" }).getByText("of 8 calls").waitFor();
    await stage.api("PUT", "/v1/emergency-stop", { reason: "An exam is being written." });
    await page.getByLabel("Period").selectOption({ label: "Last 7 days" });
    await page.getByText("All AI of the site is stopped").waitFor();
    await stage.api("DELETE", "/v1/emergency-stop");
    await page.getByLabel("Period").selectOption({ label: "Last hour" });
    await page.getByText("All AI of the site is stopped").waitFor({ state: "detached" });
});

browserTest("console: a setting is changed by keyboard, a wrong one is told at its field, an empty one is as by default", { expected: [FAILED_REQUEST] }, async (page) => {
    await openConsole(page, "site");
    const zone = page.getByLabel("Time zone", { exact: true });
    assert.equal(await zone.getAttribute("placeholder"), "UTC");
    await zone.focus();
    await page.keyboard.type("Mars/Crater");
    await page.keyboard.press("Enter");
    await page.getByText("must be a time zone such as Europe/Berlin").waitFor();
    assert.equal(await zone.evaluate((field) => field === document.activeElement), true, "the focus is where it is wrong");
    await page.keyboard.press("Control+A");
    await page.keyboard.type("Europe/Berlin");
    await page.keyboard.press("Enter");
    await page.getByText("The settings are saved.").first().waitFor();
    assert.equal((await stage.api("GET", "/v1/site")).settings.time_zone, "Europe/Berlin");
    await settled(page);
    await zone.fill("");
    await page.getByLabel("Users may delete what is kept about them").check();
    await page.getByRole("button", { name: "Save", exact: true }).click();
    await eventually(async () => (await stage.api("GET", "/v1/site")).set.filter((name) => ["time_zone", "users_may_erase"].includes(name)), ["users_may_erase"]);
    await stage.api("PATCH", "/v1/site", { settings: { users_may_erase: null } });
});

browserTest("console: an overview that cannot be read again keeps what it shows and says of when it is", { expected: [FAILED_REQUEST] }, async (page) => {
    await openConsole(page, "");
    await page.route("**/v1/overview*", (route) => route.fulfill({ status: 503, json: { code: "store_unavailable", detail: "The store is away." } }), { times: 1 });
    await page.getByLabel("Period").selectOption({ label: "Last hour" });
    await page.getByText("these figures are of").waitFor();
    await page.getByText("Live streams", { exact: true }).first().waitFor();
    await page.getByLabel("Period").selectOption({ label: "Last 24 hours" });
    await page.getByText("these figures are of").waitFor({ state: "detached" });
});

browserTest("console: who saves settings that somebody else has saved meanwhile sees both", { expected: [FAILED_REQUEST] }, async (page) => {
    await openConsole(page, "site");
    await page.getByLabel("Currency", { exact: true }).fill("CHF");
    await stage.api("PATCH", "/v1/site", { settings: { currency: "EUR" } });
    await page.getByRole("button", { name: "Save", exact: true }).click();
    const conflict = page.getByRole("alert", { name: "Changed meanwhile" });
    await conflict.getByText("EUR").waitFor();
    await conflict.getByText("CHF").waitFor();
    await conflict.getByRole("button", { name: "Take these" }).click();
    await page.getByRole("button", { name: "Save", exact: true }).click();
    await eventually(async () => (await stage.api("GET", "/v1/site")).settings.currency, "CHF");
    await stage.api("PATCH", "/v1/site", { settings: { currency: null } });
});

consoleTest("a new version of the policy is read as users read it, and what it brings is told before", "policy/new", async (page) => {
    const before = await stage.api("GET", "/v1/policy/texts");
    await page.getByLabel("Version (needed)").fill("7.0");
    await page.getByLabel("Text (needed)").fill("# Our rules\n\nAsk *first*. <script>alert(1)</script>");
    const preview = page.getByRole("region", { name: "As users read it" });
    await preview.locator("em", { hasText: "first" }).waitFor();
    await preview.getByRole("heading", { name: "Our rules" }).waitFor();
    assert.equal(await preview.locator("script").count(), 0);
    await preview.getByText(`the acceptances of ${before.holders} users do not hold any more`).waitFor();
    await page.getByRole("button", { name: "Put in force…" }).click();
    await page.getByRole("dialog").getByText(`the acceptances of ${before.holders} users`).waitFor();
    await page.keyboard.press("Escape");
    await page.getByText("What you have written is still here.").waitFor();
    assert.equal((await stage.api("GET", "/v1/policy/texts")).version, before.version);
    await page.getByRole("button", { name: "Put in force…" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Put in force" }).click();
    const versions = page.getByRole("table", { name: "Versions" });
    await versions.getByRole("row").filter({ hasText: "7.0" }).getByText("in force").waitFor();
    assert.equal((await stage.api("GET", "/v1/policy/texts")).version, "7.0");
    await versions.getByRole("button", { name: "Read version 7.0, en" }).click();
    await page.getByRole("dialog").getByRole("heading", { name: "Our rules" }).waitFor();
    await page.getByRole("dialog").getByRole("button", { name: "Close" }).click();
    await versions.getByRole("button", { name: `Put version ${before.version} in force` }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Put in force" }).click();
    await page.getByRole("definition").filter({ hasText: `Version ${before.version}` }).waitFor();
    await eventually(async () => (await stage.api("GET", "/v1/policy/texts")).holders, before.holders);
});

browserTest("console: a text that users may have accepted is not changed, and the field says so", { expected: [FAILED_REQUEST] }, async (page) => {
    await openConsole(page, "policy/new");
    const { version } = await stage.api("GET", "/v1/policy/texts");
    await page.getByLabel("Version (needed)").fill(version);
    await page.getByLabel("Text (needed)").fill("Other words.");
    await page.getByRole("button", { name: "Put in force…" }).click();
    await page.getByText("which users may have accepted: give a new version").waitFor();
});

browserTest("console: older versions of the policy are read when they are wanted, and what is in force is found among them", async (page) => {
    const call = "**/v1/policy/texts?*", text = (id, in_force) => ({ id, version: `${id}.0`, major: `${id}`, language: "en", in_force, created_at: minute(-id), by: "", text: "Text." });
    const all = Array.from({ length: 50 }, (_, i) => text(50 - i, 50 - i === 15)), asked = [];
    await page.route(call, (route) => {
        const query = new URL(route.request().url()).searchParams, before = Number(query.get("before") ?? 51), limit = Number(query.get("limit"));
        const rest = all.filter((one) => one.id < before), texts = rest.slice(0, limit);
        asked.push(before);
        return route.fulfill({ json: { version: "15.0", asked_by_lms: false, site_language: "en", holders: 3, counts: {}, texts, next: rest.length > limit ? texts.at(-1).id : null } });
    });
    await openConsole(page, "policy", "console-list");
    assert.deepEqual(asked, [51, 31], "until the one in force is there");
    const rows = page.getByRole("table", { name: "Versions" }).getByRole("row");
    assert.equal(await rows.count(), 1 + 40);
    await page.getByRole("button", { name: "Show older versions" }).click();
    await eventually(() => rows.count(), 1 + 50);
    await eventually(() => page.evaluate(() => document.activeElement.getAttribute("aria-label")), "Read version 10.0, en");
    assert.equal(await page.getByRole("button", { name: "Show older versions" }).count(), 0);
});

consoleTest("acceptances are searched and sorted by the server", "policy", async (page) => {
    const list = page.getByRole("table", { name: "acceptances" });
    await list.getByRole("row").filter({ hasText: "u3" }).waitFor();
    await page.getByRole("searchbox", { name: "Search" }).fill("u4");
    await list.getByRole("row").filter({ hasText: "u3" }).waitFor({ state: "detached" });
    await list.getByRole("row").filter({ hasText: "u4" }).waitFor();
});

consoleTest("health leads to where a finding is mended, and looking again says that it is", "health", async (page, t) => {
    const { version } = await stage.api("GET", "/v1/policy/texts");
    await stage.api("PUT", "/v1/policy/texts", { version: "" });
    t.after(() => stage.api("PUT", "/v1/policy/texts", { version }));
    assert.equal((await health("policy")).length, 1);
    await page.getByRole("button", { name: "Look again" }).click();
    const finding = page.locator(".finding").filter({ hasText: "There is no policy" });
    await finding.getByRole("link", { name: "Policy" }).click();
    await page.getByRole("heading", { name: "Policy", level: 1 }).waitFor();
    await page.getByText("The site has no policy").waitFor();
    await page.getByRole("button", { name: "Put version 1 in force" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Put in force" }).click();
    await eventually(async () => (await health("policy")).length, 0);
    await page.goBack();
    await page.getByRole("heading", { name: "Health", level: 1 }).waitFor();
    await page.getByText("Users are asked before AI is used.").waitFor();
});

consoleTest("services say who could provide them, and that no plugins are installed", "plugins", async (page) => {
    await page.getByText("No plugins are installed.").waitFor();
    const service = page.getByRole("article", { name: "ai", exact: true });
    await service.getByText("Who could provide it (1)").click();
    await service.getByRole("table", { name: "Candidates for ai" }).getByText("builtin").waitFor();
});

for (const [path, call] of [["", "/v1/overview*"], ["site", "/v1/site"], ["policy", "/v1/policy/texts*"], ["plugins", "/v1/plugins"], ["health", "/v1/health"]]) {
    browserTest(`console: ${path || "the overview"} says what went wrong and can be read again (network: answer replaced)`, { expected: [FAILED_REQUEST] }, async (page) => {
        await page.route(`**${call}`, (route) => route.fulfill({ status: 503, contentType: "application/problem+json", body: '{"code":"store_unavailable","detail":"The store is away.","request_id":"r1"}' }), { times: 1 });
        await openConsole(page, path, "main .trouble");
        await page.getByText("The store is away.").waitFor();
        await page.getByRole("button", { name: "Try again" }).click();
        await page.locator("main .trouble").waitFor({ state: "detached" });
        await settled(page);
    });
}
