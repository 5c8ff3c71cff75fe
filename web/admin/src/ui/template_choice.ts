/* The templates, each with what it says of itself, to choose one of. */
import { html, nothing, type TemplateResult } from "lit";
import { get } from "../api.js";
import { openDialog } from "./dialog.js";
import { badge } from "./parts.js";

export interface TemplateRow {
    path: string;
    name: string;
    /** Its first comment. */
    description: string;
    orchestrator_class: string | null;
    valid: boolean;
    errors: string[];
}

export interface Template extends TemplateRow {
    text: string;
    config: unknown;
}

export const readTemplates =
    async (signal?: AbortSignal) => (await get<{ templates: TemplateRow[] }>("/v1/templates", { limit: 1000 }, signal)).templates;

export const readTemplate =
    (path: string, signal?: AbortSignal) => get<Template>(`/v1/templates/${path.split("/").map(encodeURIComponent).join("/")}`, {}, signal);

/** "base/chat.json5" → "chat", for the beginning of a slug. */
export const shortName = (path: string) => path.split("/").at(-1)!.replace(/\.\w+$/, "");

/** Cards in the folders that they lie in; those of the site's own directories and base/ first. */
export function templateCards(templates: readonly TemplateRow[], choose: (template: TemplateRow) => TemplateResult): TemplateResult {
    const folderOf = ({ path }: TemplateRow) => path.split("/").slice(0, -1).join("/");
    const isEmpty = ({ path }: TemplateRow) => path === "base/blank.json5"; // the last that a beginner wants
    const order = (folder: string) => ["", "base", "vendors", "mock"].indexOf(folder);
    const folders = [...new Set(templates.map(folderOf))].sort((a, b) => order(a) - order(b) || a.localeCompare(b));
    const titles: Record<string, string> =
        { "": "Without a folder", base: "Base", vendors: "For one vendor", mock: "Without any AI, for trying things out" };
    return html`${folders.map((folder) => html`<h2>${titles[folder] ?? folder}</h2>
        <div class="cards section">${templates
            .filter((template) => folderOf(template) === folder)
            .sort((a, b) => Number(isEmpty(a)) - Number(isEmpty(b))).map((template) => html`<section class="card">
            <h3>${shortName(template.path)}</h3>
            ${template.description ? html`<p class="lines small">${template.description}</p>` : nothing}
            ${template.valid ? nothing : html`<p>${badge("error", "Cannot be used")} <span class="small">${template.errors[0]}</span></p>`}
            <div class="buttons">${choose(template)}</div>
        </section>`)}</div>`)}`;
}

/** Asks for one; undefined when none was chosen. */
export async function chooseTemplate(): Promise<string | undefined> {
    const templates = await readTemplates();
    return openDialog<string>("Choose a template", (close) => html`
        ${templateCards(templates, (template) => html`<button type="button" ?disabled=${!template.valid} @click=${() => close(template.path)}>Use<span
            class="hidden"> ${shortName(template.path)}</span></button>`)}
        <div class="buttons"><button type="button" @click=${() => close()}>Cancel</button></div>`, { wide: true });
}
