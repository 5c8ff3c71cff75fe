/* Keeping what was tried: a prompt, or a profile that does the same. */
import { html } from "lit";
import { call } from "../api.js";
import { openDialog } from "../ui/dialog.js";
import type { Field } from "../ui/fields.js";
import type { FormOf, Value } from "../ui/form.js";
import type { Trace } from "./playground_run.js";
import type { Choices, Setup } from "./playground_setup.js";

/* ---- pure ---- */

/** The instructions that the model was given: what was typed, else the first system message that was compiled. */
export function promptOf(setup: Setup, trace: Trace | null): string {
    const typed = setup.kind === "action" ? setup.system : setup.prompt;
    const compiled = trace?.calls[0]?.attempts[0]?.neutral?.messages?.find(({ role }) => role === "system")?.content;
    return typed?.trim() || compiled || "";
}

/** Actions that are more than a prompt have a template. */
const TEMPLATES: Record<string, [template: string, processor: string]> = {
    generate_flashcard: ["base/flash_cards.json5", "LLMProcessor"],
    generate_question: ["base/question_builder.json5", "EducatorAssistantProcessor"],
    grade_response: ["base/grading.json5", "GradingProcessor"],
};

function read(patch: string): Record<string, unknown> {
    try {
        return JSON.parse(patch || "{}") as Record<string, unknown>;
    } catch {
        return {}; // with comments: the server keeps them, so this one begins anew
    }
}

/** Template and patch that do what was tried; null where no profile can. */
export function profileOf(setup: Setup, choices: Choices, trace: Trace | null): { base_filepath: string; content_patch: string } | null {
    const written = (patch: unknown) => JSON.stringify(patch, null, 2);
    if (setup.kind === "profile") {
        const base = choices.profiles.find(({ slug }) => slug === setup.profile);
        if (!base) return null;
        const prompt = setup.prompt?.trim();
        if (!prompt) return { base_filepath: base.base_filepath, content_patch: base.content_patch };
        const patch = read(base.content_patch), steps = (patch["processor_config"] ?? {}) as Record<string, Record<string, unknown>>;
        const named = choices.prompts.some(({ slug }) => slug === prompt);
        const step = { ...steps["LLMProcessor"], [named ? "prompt_template" : "prompt"]: prompt };
        return { base_filepath: base.base_filepath, content_patch: written({ ...patch, processor_config: { ...steps, LLMProcessor: step } }) };
    }
    if (setup.action === "embed_text") return null;
    const [template, processor] = TEMPLATES[setup.action ?? ""] ?? ["base/blank.json5", "LLMProcessor"];
    const step: Record<string, unknown> = {};
    const prompt = promptOf(setup, trace);
    if (template === "base/blank.json5") {
        if (setup.action === "summarise_text" && !prompt) step["function"] = "summarize_content";
        else Object.assign(step, { function: "call_with_custom_prompt", prompt: prompt || "Answer shortly and kindly." });
        if (setup.stream) step["stream"] = true;
    }
    if (setup.provider) step["provider"] = setup.provider;
    const steps: Record<string, unknown> = { [processor]: step };
    if (template === "base/blank.json5" && setup.context?.["location_id"]) steps["OpenEdXProcessor"] = { function: "get_location_content" };
    return { base_filepath: template, content_patch: written({ processor_config: steps }) };
}

/* ---- dialogs ---- */

const SLUG: Field =
    { pointer: "/slug", title: "Name", kind: "text", required: true, help: "Small letters, digits and hyphens. Profiles and pages use it." };

/** A form in a dialog; true when it was saved. */
async function saveDialog(title: string, form: Omit<FormOf, "cancel" | "saved">): Promise<boolean> {
    let shown: FormOf | undefined;
    const saved = await openDialog<boolean>(title, (close) => {
        shown ??= { ...form, passing: true, unchanged: true, saved: () => close(true), cancel: () => close(false) };
        return html`<console-form .of=${shown}></console-form>`;
    }, { wide: true });
    return saved === true;
}

export function savePrompt(body: string): Promise<boolean> {
    return saveDialog("Save as prompt", {
        fields: [SLUG, { pointer: "/body", title: "Prompt", kind: "area", required: true }],
        value: { body },
        done: "The prompt is saved.",
        save: ({ value }) => call("POST", "/v1/prompts", { body: value }),
    });
}

export function saveProfile(profile: { base_filepath: string; content_patch: string }): Promise<boolean> {
    return saveDialog("Save as profile", {
        fields: [
            SLUG,
            { pointer: "/description", title: "What it is for", kind: "text" },
            { pointer: "/base_filepath", title: "Template", kind: "text", required: true },
            { pointer: "/content_patch", title: "What differs from the template", kind: "code", help: "JSON5, as it stands in the profile." },
        ],
        value: profile as unknown as Value,
        done: "The profile is saved. Give it a scope, so that pages find it.",
        save: ({ value }) => call("POST", "/v1/profiles", { body: value }),
    });
}
