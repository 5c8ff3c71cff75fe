/* The editor of JSON5: CodeMirror, which comes when the first one is shown. Until then, and where it cannot come, a plain text field does. */
import { html, type TemplateResult } from "lit";
import type { CodeEditor, Mark } from "./codemirror.js";
import { LightElement } from "./page.js";

export type { Mark };

export class ConsoleCode extends LightElement {
    static override properties =
        { value: { attribute: false }, label: {}, marks: { attribute: false }, readonly: { type: Boolean }, failed: { state: true } };
    declare value: string;
    /** What the field is called. */
    declare label: string;
    /** What is wrong, shown at its place. */
    declare marks: Mark[];
    declare readonly: boolean;
    declare failed: boolean;
    private editor: CodeEditor | undefined;

    constructor() {
        super();
        this.value = "";
        this.label = "";
        this.marks = [];
        this.readonly = false;
        this.failed = false;
    }

    override disconnectedCallback(): void {
        super.disconnectedCallback();
        this.editor?.destroy();
        this.editor = undefined;
    }

    protected override firstUpdated(): void {
        void this.open();
    }

    protected override updated(): void {
        this.editor?.show(this.value, this.marks);
    }

    /** Puts the caret there, both from 1. */
    goTo(line = 1, column = 1): void {
        if (this.editor) return this.editor.goTo(line, column);
        const field = this.querySelector("textarea");
        const before = this.value.split("\n").slice(0, line - 1).join("\n").length + (line > 1 ? 1 : 0);
        field?.setSelectionRange(before + column - 1, before + column - 1);
        field?.focus();
    }

    private changed(value: string): void {
        this.value = value;
        this.dispatchEvent(new CustomEvent("change", { detail: value }));
    }

    private async open(): Promise<void> {
        try {
            const { openEditor } = await import("./codemirror.js");
            const place = this.querySelector<HTMLElement>(".editor");
            if (!place || !this.isConnected) return;
            this.editor = openEditor(place, { text: this.value, label: this.label, readonly: this.readonly, changed: (text) => this.changed(text) });
            this.querySelector("textarea")?.remove();
            this.editor.show(this.value, this.marks);
        } catch {
            this.failed = true;
        }
    }

    protected override render(): TemplateResult {
        return html`<div class="editor"></div>
            <textarea class="code" rows="12" aria-label=${this.label} .value=${this.value} ?readonly=${this.readonly} spellcheck="false"
                @input=${(event: Event) => this.changed((event.target as HTMLTextAreaElement).value)}></textarea>`;
    }
}

customElements.define("console-code", ConsoleCode);
