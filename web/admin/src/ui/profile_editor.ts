/* The editor of a profile: its template and its patch side by side, checked by the server while one types, and what both make together. */
import { html, nothing, type TemplateResult } from "lit";
import { call, messageOf, type Answer } from "../api.js";
import type { ConsoleCode, Mark } from "./code.js";
import { diffLines, linesView } from "./diff.js";
import type { ConsoleForm, FormOf, Value } from "./form.js";
import { problemsIn, type Problem } from "./json5_places.js";
import { LightElement, troubleView } from "./page.js";
import { badge } from "./parts.js";
import { chooseTemplate, readTemplate, type Template } from "./template_choice.js";
import { say } from "./toast.js";

/** What the server says of a template and a patch. */
export interface Check {
    valid: boolean;
    errors: string[];
    effective_config: unknown;
}

export interface EditorOf {
    /** slug, description?, base_filepath, content_patch. */
    value: Value;
    etag: string;
    submit: string;
    /** What is known of it already. */
    check: Check | null;
    /** Something new: it may be saved as it is. */
    unchanged?: boolean;
    save: FormOf["save"];
    reread?: FormOf["reread"];
    saved: (answer: unknown) => void;
}

const TYPING_MS = 300;
const NO_MARKS: Mark[] = [];

const json = (value: unknown) => (value === undefined || value === null ? "" : JSON.stringify(value, null, 2));

export class ConsoleProfileEditor extends LightElement {
    static override properties =
        { of: { attribute: false }, template: { state: true }, trouble: { state: true }, check: { state: true }, checking: { state: true } };
    declare of: EditorOf;
    declare template: Template | null;
    declare trouble: unknown;
    declare check: Check | null;
    declare checking: boolean;
    private form!: FormOf;
    private problems: Problem[] = [];
    private marks = NO_MARKS;
    private typing: ReturnType<typeof setTimeout> | undefined;
    private asking = new AbortController();
    /** What was last sent to be checked, or is what `check` is about. */
    private asked = "";

    constructor() {
        super();
        this.template = null;
        this.trouble = null;
        this.check = null;
        this.checking = false;
    }

    override willUpdate(changed: Map<string, unknown>): void {
        if (!changed.has("of")) return;
        const { of } = this;
        this.form = {
            fields: [
                {
                    pointer: "/slug",
                    title: "Name",
                    kind: "text",
                    required: true,
                    help: "Letters, digits, “_” and “-”. Scopes, pages and programs name the profile by it.",
                },
                {
                    pointer: "/description",
                    title: "Description",
                    kind: "text",
                    help: "For whom it is and what it does, for those who come after you.",
                },
                { pointer: "/base_filepath", title: "Template", kind: "text", when: () => false },
                { pointer: "/content_patch", title: "Patch", kind: "code", when: () => false },
            ],
            value: of.value,
            etag: of.etag,
            submit: of.submit,
            done: "The profile is saved.",
            ...(of.unchanged && { unchanged: true }),
            save: of.save,
            ...(of.reread && { reread: of.reread }),
            saved: of.saved,
            extra: (value) => this.workflow(value),
        };
        this.asked = this.keyOf(of.value);
        this.told(of.check, of.value);
        void this.readTemplate(of.value);
    }

    override disconnectedCallback(): void {
        super.disconnectedCallback();
        clearTimeout(this.typing);
        this.asking.abort();
    }

    private keyOf = (value: Value) => JSON.stringify([value["base_filepath"], value["content_patch"] ?? ""]);

    private async readTemplate({ base_filepath: path, content_patch: patch }: Value): Promise<void> {
        this.trouble = null;
        try {
            const template = await readTemplate(String(path));
            this.template = template;
            if (!this.check && !patch) this.told({ valid: template.valid, errors: template.errors, effective_config: template.config }, {});
        } catch (error) {
            this.template = null;
            this.trouble = error;
        }
    }

    /* ---- checking ---- */

    private told(check: Check | null, value: Value): void {
        this.check = check;
        this.problems = check ? problemsIn(String(value["content_patch"] ?? ""), check.errors) : [];
        const marks = this.problems.flatMap(({ mark }) => (mark ? [mark] : []));
        this.marks = marks.length ? marks : NO_MARKS;
    }

    /** Every way to another text comes by here: typing, a conflict that was settled, changes that were dropped. */
    private watch(value: Value): void {
        const key = this.keyOf(value);
        if (key === this.asked) return;
        this.asked = key;
        clearTimeout(this.typing);
        this.asking.abort();
        this.typing = setTimeout(() => void this.ask(value), TYPING_MS);
    }

    private async ask(value: Value): Promise<void> {
        const asking = (this.asking = new AbortController());
        this.checking = true;
        try {
            const { data } = await call<Check>("POST", "/v1/profiles/validate", {
                body: { base_filepath: value["base_filepath"], content_patch: value["content_patch"] ?? "" }, signal: asking.signal });
            if (asking.signal.aborted) return; // a later one is under way
            this.told(data, value);
        } catch (error) {
            if (asking.signal.aborted) return;
            this.told({ valid: false, errors: [`It cannot be checked now. ${messageOf(error)}`], effective_config: null }, value);
        }
        this.checking = false;
    }

    private readonly another = async (): Promise<void> => {
        const form = this.querySelector<ConsoleForm>("console-form")!;
        try {
            const path = await chooseTemplate();
            if (!path) return;
            form.set("/base_filepath", path);
            await this.readTemplate({ ...form.now, content_patch: "kept" });
        } catch (error) {
            say(messageOf(error), { failed: true });
        }
    };

    /* ---- what is shown ---- */

    protected override render(): TemplateResult {
        return html`<console-form .of=${this.form}></console-form>`;
    }

    protected override updated(): void {
        this.querySelector<ConsoleForm>("console-form")?.requestUpdate(); // the part below its fields is ours
    }

    private workflow(value: Value): TemplateResult {
        this.watch(value);
        const path = String(value["base_filepath"] ?? "");
        return html`<div class="split workflow">
                <details class="card" ?open=${!matchMedia("(max-width: 800px)").matches}><summary>Template <code>${path}</code></summary>
                    ${this.trouble ? troubleView(this.trouble) : nothing}
                    ${this.template
                        ? html`<console-code readonly label="Text of the template" .value=${this.template.text}></console-code>`
                        : nothing}
                    <button type="button" @click=${this.another}>Use another template</button>
                </details>
                <section class="card" aria-labelledby="patch-title"><h2 id="patch-title">Patch</h2>
                    <p class="help">What is to differ from the template, in JSON5: only the members that change. <code>null</code>
                        takes a member away.</p>
                    <console-code label="Patch" .value=${String(value["content_patch"] ?? "")} .marks=${this.marks}
                        @change=${
                            (event: CustomEvent<string>) => this.querySelector<ConsoleForm>("console-form")!.set("/content_patch", event.detail)
                        }></console-code>
                    ${this.verdict()}
                </section>
            </div>
            ${this.effective()}`;
    }

    private verdict(): TemplateResult {
        const { check, problems } = this;
        const count = problems.length === 1 ? "1 problem" : `${problems.length} problems`;
        return html`<div role="status" class="verdict" aria-busy=${this.checking}>
                ${!check ? nothing : check.valid ? badge("ok", "Template and patch fit together") : badge("error", count)}
                ${this.checking ? html`<span class="small muted">Checking…</span>` : nothing}
            </div>
            ${problems.length ? html`<ul class="problems">${problems.map(({ text, mark }) => html`<li>${mark
                ? html`<button type="button" class="link" @click=${
                    () => this.querySelector<ConsoleCode>("section console-code")?.goTo(mark.line, mark.column)
                }>Line ${mark.line}</button>: `
                : nothing}${text}</li>`)}</ul>` : nothing}`;
    }

    private effective(): TemplateResult | typeof nothing {
        const { check, template } = this;
        if (!check?.effective_config) return nothing;
        const lines = diffLines(json(template?.config ?? check.effective_config), json(check.effective_config));
        const added = lines.filter(({ kind }) => kind === "new").length, gone = lines.filter(({ kind }) => kind === "gone").length;
        const what = added + gone === 0 ? "as in the template" : `${added} added, ${gone} removed by the patch`;
        return html`<details class="card effective"><summary>Effective configuration <span class="small muted">(lines: ${what})</span></summary>
            ${linesView("Effective configuration, with what the patch changed marked", lines)}</details>`;
    }
}

customElements.define("console-profile-editor", ConsoleProfileEditor);

/** What the editor edits, of a profile as the server shows it. */
export function editable(profile: { slug: string; description: string | null; base_filepath: string; content_patch: string }): Value {
    const { slug, description, base_filepath, content_patch } = profile;
    return { slug, ...(description && { description }), base_filepath, content_patch };
}

export type SavedProfile = Answer<{ id: number; slug: string; version: number }>;
