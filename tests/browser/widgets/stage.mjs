/*
 * The stage of the tests of widgets that need a model: a daemon of its own with the demo, from the build directory LECTERN_BUILD, and behind it
 * model.mjs. Has to be set up before harness.mjs is loaded, which takes the daemon's address from BASE_URL.
 */
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { after } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { startModel } from "./model.mjs";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const BUILD = process.env.LECTERN_BUILD && resolve(ROOT, process.env.LECTERN_BUILD);
const LECTERN = BUILD && join(BUILD, "src/daemon/lectern");

export const COURSE = "course-v1:Lectern+Demo+2026";
export const missing = !LECTERN ? "LECTERN_BUILD is not set" : !existsSync(LECTERN) ? "the build has no daemon" : false;
/** model, url, data (directory), keys (demo.json), api(), set(). */
export const stage = {};

/** slot → patch of base/chat.json5; another template by its name */
const PROFILES = {
    pages: { processor_config: { SubmissionProcessor: { max_context_messages: 4 } } },
    failing: { template: "base/blank.json5" },
    "flash-cards": { template: "base/flash_cards.json5" },
    feedback_only: grading("feedback_only"),
    advisory: grading("advisory"),
    scoring: grading("scoring"),
    questions: { template: "base/question_builder.json5" },
    consent: { processor_config: { LLMProcessor: { enabled_tools: ["get_course_info", "roll_dice"], tool_approval: "always" } } },
    "ask-first": { template: "base/summary.json5", processor_config: { LLMProcessor: { enabled_tools: ["roll_dice"], tool_approval: ["roll_dice"] } } },
    tools: { processor_config: { LLMProcessor: { enabled_tools: ["get_course_info", "roll_dice"] } } },
};

function grading(mode) {
    return { template: "base/grading.json5", processor_config: { GradingProcessor: { mode } } };
}

/** bare: only the demo, without the model as a provider and without more profiles. */
export async function setUp({ bare = false } = {}) {
    const data = await mkdtemp(join(tmpdir(), "lectern-widgets-"));
    const errors = await open(join(data, "log"), "w");
    stage.model = await startModel();
    const child = spawn(LECTERN, ["serve", "--demo", "--listen", "127.0.0.1:0", "--data", join(data, "var")], { stdio: ["ignore", "pipe", errors.fd] });
    after(() => tearDown(child, data));
    await errors.close();
    for await (const line of createInterface({ input: child.stdout })) {
        assert.match(line, /^listening on /);
        stage.url = line.slice("listening on ".length);
        break;
    }
    assert.ok(stage.url, `the daemon did not start\n${readFileSync(join(data, "log"), "utf8")}`);
    stage.keys = JSON.parse(readFileSync(join(data, "var/demo.json"), "utf8"));
    stage.data = join(data, "var");
    process.env.BASE_URL = stage.url;
    if (bare) return;
    const config = { endpoint: `${stage.model.url}/v1`, model: "m", retries: 0, breaker_faults: 0 };
    await stage.api("POST", "/v1/providers", { name: "model", plugin: "openai_compatible", config, actions: { generate_image: { enabled: false } } }); // it only writes
    for (const [slot, { template = "base/chat.json5", ...patch }] of Object.entries(PROFILES)) {
        await stage.api("POST", "/v1/profiles", { slug: slot, base_filepath: template, content_patch: patch });
        await stage.api("POST", "/v1/scopes", { profile_id: slot, course_id: COURSE, ui_slot_selector_id: slot });
    }
}

/** A call as the site's admin, or with another key or token. */
stage.api = async (method, path, body, key = stage.keys.admin_key) => {
    const response = await fetch(stage.url + path, {
        method,
        headers: { Authorization: `Bearer ${key}`, ...(body && { "Content-Type": "application/json" }) },
        ...(body && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    assert.ok(response.ok, `${method} ${path}: ${response.status} ${text}`);
    return text ? JSON.parse(text) : {};
};

/** A setting of the demo's site, "key=value"; the daemon takes it up soon. */
stage.set = (setting) => promisify(execFile)(LECTERN, ["site", "set", "demo", setting, "--data", stage.data]);

async function tearDown(child, data) {
    stage.model.close();
    child.kill("SIGTERM");
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
    const log = readFileSync(join(data, "log"), "utf8");
    await rm(data, { recursive: true, force: true });
    assert.equal(child.exitCode, 0, "the daemon must end well when asked");
    assert.ok(!/Sanitizer|runtime error/.test(log.replace(/.*makecontext.*/g, "")), log.slice(-4000));
}
