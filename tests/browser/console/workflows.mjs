/* Profiles, scopes and prompts as the tests of their pages need them, and the editor as a person uses it. */
import { COURSE, stage } from "../widgets/stage.mjs";

let numbers = 0;

/** A name that no other test uses. */
export const fresh = (name) => `${name}-${++numbers}`;

export const makeProfile = (slug, patch = "", base_filepath = "base/chat.json5", more = {}) => stage.api("POST", "/v1/profiles", { slug, base_filepath, content_patch: patch, ...more });

export const makeScope = (profile_id, more = {}) => stage.api("POST", "/v1/scopes", { profile_id, course_id: COURSE, ui_slot_selector_id: profile_id, ...more });

export const makePrompt = (slug, body = "Be brief.") => stage.api("POST", "/v1/prompts", { slug, body });

/** The text field of the patch, once the editor is there. */
export async function patchField(page) {
    const field = page.getByRole("textbox", { name: "Patch" }).and(page.locator(".cm-content"));
    await field.waitFor();
    return field;
}

/** Types over all that is in the patch. */
export async function typePatch(page, text) {
    const field = await patchField(page);
    await field.click();
    await page.keyboard.press("ControlOrMeta+a");
    await page.keyboard.press("Delete");
    await page.keyboard.insertText(text);
}

export const valid = (page) => page.getByText("Template and patch fit together").waitFor();
