/*
 * Every form of the console: errors of the server at the fields that they are about, a question before changes are lost, and when somebody else has
 * saved meanwhile, both side by side.
 */
import { html, nothing, type TemplateResult } from "lit";
import { messageOf, Refusal, type Answer, type FieldError } from "../api.js";
import { guard, unguard, type Guarded } from "../navigation.js";
import { diffView } from "./diff.js";
import { fieldView, shownValue, type Field } from "./fields.js";
import { LightElement } from "./page.js";
import { at, patchOf, same, withAt } from "./pointer.js";
import { say } from "./toast.js";

export type Value = Record<string, unknown>;

export interface FormOf {
    fields: readonly Field[];
    /** What is there now; {} for something new. */
    value: Value;
    etag?: string;
    /** "Save" when not given. */
    submit?: string;
    /** What the button says meanwhile; "Saving…" when not given. */
    sending?: string;
    /** Nothing is saved by it: what was typed may be left without a question. */
    passing?: boolean;
    /** Said when it is done. */
    done?: string;
    /** Sends it. `patch` is what has changed (RFC 7386), `value` the whole. */
    save: (change: { value: Value; patch: Value; ifMatch: string }) => Promise<Answer<unknown> | void>;
    /** Reads it again, for a form that somebody else may change meanwhile. */
    reread?: () => Promise<{ value: Value; etag: string }>;
    /** After it was saved, with what the server answered. */
    saved?: (answer: unknown) => void;
    cancel?: () => void;
    /** Something new may be sent though nothing was typed. */
    unchanged?: boolean;
    /** What stands beside the title of a fold, of the values as they are now. */
    folds?: Record<string, (value: Value) => unknown>;
    /** More, below the fields, of the values as they are now. */
    extra?: (value: Value) => unknown;
    /** While something is typed. */
    changed?: (value: Value) => void;
}

interface Conflict {
    theirs: Value;
    etag: string;
    fields: Field[];
    /** pointer → whether ours is taken */
    ours: Record<string, boolean>;
}

let numbers = 0;

export class ConsoleForm extends LightElement implements Guarded {
    static override properties = {
        of: { attribute: false },
        busy: { state: true },
        errors: { state: true },
        general: { state: true },
        conflict: { state: true },
        now: { state: true },
    };
    declare of: FormOf;
    declare busy: boolean;
    declare errors: Record<string, string>;
    declare general: string;
    declare conflict: Conflict | null;
    /** The values as they stand in the fields. */
    declare now: Value;
    private base: Value = {};
    private etag = "";
    private readonly idBase = `form-${++numbers}`;

    constructor() {
        super();
        this.busy = false;
        this.errors = {};
        this.general = "";
        this.conflict = null;
        this.now = {};
    }

    override connectedCallback(): void {
        super.connectedCallback();
        guard(this);
    }

    override disconnectedCallback(): void {
        super.disconnectedCallback();
        unguard(this);
    }

    /** Another thing to edit: begins anew. The same thing drawn again keeps what was typed. */
    override willUpdate(changed: Map<string, unknown>): void {
        const before = changed.get("of") as FormOf | undefined;
        if (!changed.has("of") || (before && before.value === this.of.value)) return;
        this.reset(this.of.value, this.of.etag ?? "");
    }

    private reset(value: Value, etag: string): void {
        this.base = this.now = value;
        this.etag = etag;
        this.errors = {};
        this.general = "";
        this.conflict = null;
    }

    dirty(): boolean {
        return !this.of.passing && !same(this.base, this.now);
    }

    /** Sets a value as if it had been typed. */
    set(pointer: string, value: unknown): void {
        this.now = withAt(this.now, pointer, value);
        const { [pointer]: _, ...others } = this.errors;
        this.errors = others;
        this.of.changed?.(this.now);
    }

    private idOf(field: Field): string {
        return this.idBase + field.pointer.replace(/[^\w]+/g, "-");
    }

    private get shown(): Field[] {
        return this.of.fields.filter((field) => field.when?.(this.now) ?? true);
    }

    protected override render(): TemplateResult {
        const { of: form } = this;
        const foldOf = (field: Field) => field.fold ?? (field.more ? "More settings" : "");
        const folds = [...new Set(this.shown.map(foldOf))].filter(Boolean);
        const inFold = (fold: string) => this.shown.filter((field) => foldOf(field) === fold);
        return html`<form novalidate @submit=${this.submit} aria-busy=${this.busy}>
            ${this.general ? html`<div class="trouble" role="alert" tabindex="-1">${this.general}</div>` : nothing}
            ${this.conflict ? this.conflictView(this.conflict) : nothing}
            ${inFold("").map((field, i, all) =>
                html`${field.group && field.group !== all[i - 1]?.group ? html`<h2>${field.group}</h2>` : nothing}${this.field(field)}`)}
            ${folds.map((fold) => html`<details ?open=${inFold(fold).some((field) => this.errorAt(field))}><summary>${fold}
                ${form.folds?.[fold]?.(this.now) ?? nothing}</summary>
                ${inFold(fold).map((field) => this.field(field))}</details>`)}
            ${form.extra?.(this.now) ?? nothing}
            <div class="buttons">
                <button class="primary" type="submit" aria-disabled=${
                    this.busy || (!this.dirty() && !form.unchanged) ? "true" : nothing
                }>${this.busy ? (form.sending ?? "Saving…") : (form.submit ?? "Save")}</button>
                ${form.cancel ? html`<button type="button" @click=${form.cancel}>Cancel</button>` : nothing}
                ${this.dirty() && !form.cancel
                    ? html`<button type="button" @click=${() => this.reset(this.base, this.etag)}>Discard changes</button>`
                    : nothing}
                ${this.dirty() ? html`<span class="small muted">Not saved yet</span>` : nothing}
            </div>
        </form>`;
    }

    private errorAt(field: Field): string {
        return this.errors[field.pointer] ?? "";
    }

    private field(field: Field): TemplateResult {
        return fieldView(field, {
            id: this.idOf(field),
            value: at(this.now, field.pointer),
            error: this.errorAt(field),
            set: (value) => this.set(field.pointer, value),
            invalid: (why) => { this.errors = { ...this.errors, [field.pointer]: why }; },
        });
    }

    private readonly submit = async (event: Event): Promise<void> => {
        event.preventDefault();
        if (this.busy || (!this.dirty() && !this.of.unchanged)) return;
        const missing = this.shown.filter((field) =>
            field.required && field.kind !== "boolean" && [undefined, null, ""].includes(at(this.now, field.pointer) as never));
        if (missing.length) this.errors = { ...Object.fromEntries(missing.map((field) => [field.pointer, "is needed"])), ...this.errors };
        if (Object.keys(this.errors).some((pointer) => this.shown.some((field) => field.pointer === pointer))) return this.focusError();
        await this.send();
    };

    private async send(again = false): Promise<void> {
        this.busy = true;
        this.general = "";
        const sent = this.now;
        try {
            const answer = await this.of.save({ value: sent, patch: (patchOf(this.base, sent) ?? {}) as Value, ifMatch: this.etag });
            this.base = sent;
            this.etag = answer?.etag ?? "";
            this.conflict = null;
            if (this.of.done) say(this.of.done);
            this.of.saved?.(answer?.data);
        } catch (error) {
            await this.refused(error, again);
        }
        this.busy = false;
    }

    private async refused(error: unknown, again: boolean): Promise<void> {
        if (error instanceof Refusal && error.status === 412 && this.of.reread) return this.meet(await this.of.reread(), again);
        if (!(error instanceof Refusal) || error.fields.length === 0) {
            this.general = messageOf(error);
            await this.updateComplete;
            this.querySelector<HTMLElement>(".trouble")?.focus();
            return;
        }
        const others = error.fields.filter((one) => !this.place(one));
        this.errors =
            Object.fromEntries(error.fields.flatMap((one) => { const field = this.place(one); return field ? [[field.pointer, one.message]] : []; }));
        this.general = others.map((one) => (one.pointer ? `${one.pointer}: ${one.message}` : one.message)).join("\n");
        await this.focusError();
    }

    /** The field that an error is about: at its pointer or the nearest above it. */
    private place(error: FieldError): Field | undefined {
        return this.shown
            .filter((field) => error.pointer === field.pointer || error.pointer.startsWith(field.pointer + "/"))
            .sort((a, b) => b.pointer.length - a.pointer.length)[0];
    }

    private async focusError(): Promise<void> {
        await this.updateComplete;
        (this.querySelector<HTMLElement>("[aria-invalid=true]") ?? this.querySelector<HTMLElement>(".trouble"))?.focus();
    }

    /* ---- somebody else has saved ---- */

    private async meet({ value, etag }: { value: Value; etag: string }, again: boolean): Promise<void> {
        if (!again && this.of.fields.every((field) => same(at(value, field.pointer), at(this.base, field.pointer)))) {
            this.base = value;
            this.etag = etag; // only what is counted beside it has changed, e.g. what uses it
            return this.send(true);
        }
        const fields = this.of.fields.filter((field) => !same(at(value, field.pointer), at(this.now, field.pointer)) && field.kind !== "secret");
        if (fields.length === 0) return this.reset(value, etag); // the same change
        /* What only they have changed is theirs, what we have changed is ours until somebody says otherwise. */
        const ours = Object.fromEntries(fields.map((field) => [field.pointer, !same(at(this.base, field.pointer), at(this.now, field.pointer))]));
        this.conflict = { theirs: value, etag, fields, ours };
        void this.updateComplete.then(() => this.querySelector<HTMLElement>(".conflict")?.focus());
    }

    private conflictView(conflict: Conflict): TemplateResult {
        return html`<section class="conflict" role="alert" tabindex="-1" aria-label="Changed meanwhile">
            <h2>Somebody else has saved this meanwhile</h2>
            <p>Choose for each field what is to stand. Nothing is saved before you say so.</p>
            ${conflict.fields.map((field) => html`<fieldset><legend>${field.title}</legend><div class="sides">
                ${[true, false].map((ours) => html`<label
                    class="side"><span><input type="radio" name=${this.idOf(field) + "-side"} .checked=${conflict.ours[field.pointer] === ours}
                    @change=${() => { this.conflict = { ...conflict, ours: { ...conflict.ours, [field.pointer]: ours } }; }} />
                        ${ours ? "Yours" : "Theirs, saved now"}</span>
                    <pre>${shownValue(field, at(ours ? this.now : conflict.theirs, field.pointer))}</pre></label>`)}
            </div>${field.kind === "code" || field.kind === "area"
                ? html`<h3>From theirs to yours</h3>${diffView(
                    `${field.title}: from theirs to yours`,
                    String(at(conflict.theirs, field.pointer) ?? ""),
                    String(at(this.now, field.pointer) ?? ""),
                )}`
                : nothing}</fieldset>`)}
            <div class="buttons">
                <button type="button" class="primary" @click=${() => this.settle(conflict)}>Take these</button>
                <button type="button" @click=${() => this.reset(conflict.theirs, conflict.etag)}>Drop my changes</button>
            </div>
        </section>`;
    }

    private settle(conflict: Conflict): void {
        let value = conflict.theirs;
        for (const field of this.of.fields) {
            const chosen = conflict.ours[field.pointer] ?? field.kind === "secret";
            if (chosen) value = withAt(value, field.pointer, at(this.now, field.pointer));
        }
        this.base = conflict.theirs;
        this.etag = conflict.etag;
        this.now = value;
        this.conflict = null;
        void this.updateComplete.then(() => this.querySelector<HTMLElement>("button[type=submit]")?.focus());
    }
}

customElements.define("console-form", ConsoleForm);
