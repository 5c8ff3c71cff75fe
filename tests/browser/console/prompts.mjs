/* Prompts in the console. */
import assert from "node:assert/strict";
import { eventually, FAILED_REQUEST, network } from "../harness.mjs";
import { stage } from "../widgets/stage.mjs";
import { consoleTest, lookAt } from "./desk.mjs";
import { fresh, makeProfile, makePrompt } from "./workflows.mjs";

const dialog = (page) => page.getByRole("dialog");
const shown = fresh("calm-tutor");
let looked;

async function look() {
    looked ??= (async () => {
        const prompt = await makePrompt(shown, "You are a patient tutor.");
        await stage.api("PATCH", `/v1/prompts/${shown}`, { body: "You are a patient tutor.\nAnswer in three sentences at most, and ask back when a question is not clear.\n" });
        await makeProfile(fresh("tutored"), `{processor_config: {LLMProcessor: {prompt_template: "${shown}"}}}`);
        return prompt;
    })();
    return looked;
}

const at = (path) => async () => `prompts/${(await look()).id}${path}`;

lookAt("the prompts", async () => (await look(), "prompts"), { ready: "[role=cell]" });
lookAt("a new prompt", "prompts/new", { ready: "form .buttons" });
lookAt("a prompt", at(""), { ready: "form .buttons" });
lookAt("a prompt in use", at(""), { ready: "form .buttons", prepare: async (page) => {
    await page.getByRole("button", { name: "Remove", exact: true }).click();
    await dialog(page).waitFor();
} });
lookAt("the history of a prompt", at("/history?from=1&to=2"), { ready: ".diff" });

consoleTest("a prompt is made, changed, its versions compared, and an old one restored", "prompts/new", async (page) => {
    const slug = fresh("made");
    await page.getByLabel("Name").fill(`${slug} !`);
    await page.getByLabel("Text").fill("Sei kürzer. 🙂");
    await page.getByText("13 characters").waitFor();
    await page.getByRole("button", { name: "Make the prompt" }).click();
    await eventually(() => page.getByLabel("Name").getAttribute("aria-invalid"), "true");
    await page.getByLabel("Name").fill(slug);
    await page.getByRole("button", { name: "Make the prompt" }).click();
    await page.getByRole("heading", { name: slug, level: 1 }).waitFor();
    await page.getByLabel("Text").fill("Be brief.");
    await page.getByRole("button", { name: "Save", exact: true }).click();
    await page.getByText("The prompt is saved.").waitFor();
    await page.getByRole("link", { name: "History" }).click();
    await page.getByRole("button", { name: "What changed in version 2" }).click();
    await page.getByText("removed: Sei kürzer. 🙂").waitFor();
    await page.getByText("added: Be brief.").waitFor();
    await page.getByRole("button", { name: "Restore version 1" }).click();
    await dialog(page).getByRole("button", { name: "Restore" }).click();
    await page.getByText("Version 1 is restored.").waitFor();
    const now = await stage.api("GET", `/v1/prompts/${slug}`);
    assert.deepEqual([now.body, now.version], ["Sei kürzer. 🙂", 3]);
}, { expected: [FAILED_REQUEST] });

consoleTest("a prompt in use is not removed, and says by what; then it is", "prompts", async (page) => {
    const prompt = await makePrompt(fresh("needed"));
    const { slug, id } = await makeProfile(fresh("needs"), `{processor_config: {LLMProcessor: {prompt_template: "${prompt.slug}"}}}`);
    await page.goto(`${network.url}/admin/prompts/${prompt.id}`);
    await page.getByRole("button", { name: "Remove", exact: true }).click();
    await dialog(page).getByRole("link", { name: slug }).waitFor();
    await dialog(page).getByRole("button", { name: "Close" }).click();
    assert.equal((await stage.api("GET", `/v1/prompts/${prompt.slug}`)).slug, prompt.slug);
    await stage.api("DELETE", `/v1/profiles/${id}`);
    await page.getByRole("button", { name: "Remove", exact: true }).click();
    await dialog(page).getByRole("button", { name: "Remove" }).click();
    await page.getByRole("heading", { name: "Prompts", level: 1 }).waitFor();
    await assert.rejects(stage.api("GET", `/v1/prompts/${prompt.slug}`), /404/);
});

consoleTest("somebody else's change of a prompt is shown beside one's own", "prompts", async (page) => {
    const prompt = await makePrompt(fresh("shared"));
    await page.goto(`${network.url}/admin/prompts/${prompt.id}`);
    await page.getByLabel("Text").fill("Mine.");
    await stage.api("PATCH", `/v1/prompts/${prompt.id}`, { body: "Theirs." });
    await page.getByRole("button", { name: "Save", exact: true }).click();
    const conflict = page.getByRole("alert", { name: "Changed meanwhile" });
    await conflict.getByText("removed: Theirs.").waitFor();
    await conflict.getByRole("button", { name: "Take these" }).click();
    await page.getByRole("button", { name: "Save", exact: true }).click();
    await page.getByText("The prompt is saved.").waitFor();
    assert.equal((await stage.api("GET", `/v1/prompts/${prompt.id}`)).body, "Mine.");
}, { expected: [FAILED_REQUEST] });
