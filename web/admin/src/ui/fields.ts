/* Fields of forms: what each kind looks like, and fields made of a JSON Schema (settings of providers, of the site, inputs of actions). */
import { html, noChange, nothing, type TemplateResult } from "lit";
import { Directive, directive, type ElementPart } from "lit/directive.js";
import { amountText, amountTyped, fromLocal, toLocal, words } from "./format.js";
import { escape } from "./pointer.js";

export type Kind = "text" | "area" | "number" | "boolean" | "select" | "lines" | "secret" | "time" | "json" | "code" | "money" | "yesno";

export interface Field {
    /** JSON pointer of the value in what the form sends: "/name", "/config/endpoint". Also where the server says that something is wrong. */
    pointer: string;
    title: string;
    kind: Kind;
    help?: string | TemplateResult | undefined;
    required?: boolean;
    /** Cannot be changed (any more). */
    fixed?: boolean;
    options?: readonly (readonly [value: string, title: string])[];
    /** Suggestions of a text field. */
    suggestions?: readonly string[];
    min?: number;
    max?: number;
    maxLength?: number;
    whole?: boolean;
    placeholder?: string;
    /** What a choice of nothing is called. */
    none?: string;
    /** Shown under "More settings". */
    more?: boolean;
    /** A heading above the first field of it; fields of a group stand together. */
    group?: string;
    /** Shown under this title, which opens. */
    fold?: string;
    /** What a boolean is that is not there. */
    fallback?: boolean;
    /** Shown only while this holds. */
    when?: (value: unknown) => boolean;
}

export interface Schema {
    type?: string | string[];
    title?: string;
    description?: string;
    properties?: Record<string, Schema>;
    required?: string[];
    enum?: unknown[];
    items?: Schema;
    minimum?: number;
    maximum?: number;
    maxLength?: number;
    default?: unknown;
    writeOnly?: boolean;
    format?: string;
    additionalProperties?: unknown;
    const?: unknown;
}

function kindOf(schema: Schema): Kind {
    const types = [schema.type ?? []].flat().filter((type) => type !== "null");
    if (schema.writeOnly) return "secret";
    if (schema.enum) return "select";
    if (types.length === 1 && types[0] === "boolean") return schema.default === undefined ? "yesno" : "boolean";
    if (types.length === 1 && (types[0] === "integer" || types[0] === "number")) return "number";
    if (types.length === 1 && types[0] === "array" && [schema.items?.type].flat().includes("string")) return "lines";
    if (types.length === 1 && types[0] === "string") return schema.format === "date-time" ? "time" : (schema.maxLength ?? 0) > 1000 ? "area" : "text";
    return "json";
}

/** A field for each member, below `prefix`; nested objects with known members become their fields. */
export function fieldsOf(schema: Schema, prefix = ""): Field[] {
    const required = new Set(schema.required ?? []);
    return Object.entries(schema.properties ?? {}).flatMap(([name, member]) => {
        const pointer = `${prefix}/${escape(name)}`;
        if (member.properties && !member.writeOnly) return fieldsOf(member, pointer);
        const field: Field =
            { pointer, title: member.title ?? words(name), kind: kindOf(member), help: member.description, required: required.has(name) };
        if (member.enum) field.options = member.enum.filter((value) => value !== null).map((value) => [String(value), words(String(value))] as const);
        if (member.minimum !== undefined) field.min = member.minimum;
        if (member.maximum !== undefined) field.max = member.maximum;
        if (member.maxLength !== undefined) field.maxLength = member.maxLength;
        if ([member.type].flat().includes("integer")) field.whole = true;
        if (typeof member.default === "boolean") field.fallback = member.default;
        if (member.default !== undefined && typeof member.default !== "object") field.placeholder = String(member.default);
        return [field];
    });
}

export interface FieldState {
    id: string;
    value: unknown;
    error: string;
    set: (value: unknown) => void;
    /** A value that cannot be one yet, e.g. "12x" as a number: the form is not sent. */
    invalid: (why: string) => void;
}

/** One field with label, help and error. */
export function fieldView(field: Field, state: FieldState): TemplateResult {
    const { id, error } = state;
    const described = [field.help ? `${id}-help` : "", error ? `${id}-error` : ""].filter(Boolean).join(" ");
    const input = inputOf(field, state, described);
    const help = field.help ? html`<span class="help" id="${id}-help">${field.help}</span>` : nothing;
    const wrong = error ? html`<span class="error" id="${id}-error">${error}</span>` : nothing;
    if (field.kind === "boolean")
        return html`<div class="field check"><label>${input}<span class="label">${field.title}</span></label>${help}${wrong}</div>`;
    return html`<div class="field"><label class="label" for=${id}>${field.title}${
        field.required ? html`<span class="required"> (needed)</span>` : nothing
    }</label>${input}${help}${wrong}</div>`;
}

const target = (event: Event) => event.target as HTMLInputElement;

function inputOf(field: Field, { id, value, error, set, invalid }: FieldState, described: string): TemplateResult {
    const wrong = error ? "true" : nothing, by = described || nothing;
    const text = value === undefined || value === null ? "" : typeof value === "object" ? JSON.stringify(value, null, 2) : String(value);
    const required = field.required ? "true" : nothing;
    switch (field.kind) {
        case "boolean":
            return html`<input type="checkbox" id=${id} .checked=${(value ?? field.fallback) === true} ?disabled=${field.fixed} aria-invalid=${wrong}
                aria-describedby=${by} @change=${(e: Event) => set(target(e).checked)} />`;
        case "number":
            return html`<input type="text" inputmode=${field.whole ? "numeric" : "decimal"} id=${id} .value=${text} ?readonly=${field.fixed}
                placeholder=${field.placeholder ?? nothing} aria-required=${required} aria-invalid=${wrong} aria-describedby=${by}
                @input=${(e: Event) => numberTyped(field, target(e).value, set, invalid)} />`;
        case "select":
            return html`<select id=${id} ?disabled=${field.fixed} aria-required=${required} aria-invalid=${wrong} aria-describedby=${by}
                @change=${(e: Event) => set(target(e).value || undefined)}>
                ${field.required && text
                    ? nothing
                    : html`<option value="">${field.none ?? (field.placeholder ? `As by default (${field.placeholder})` : "–")}</option>`}
                ${(field.options ?? []).map(([one, title]) => html`<option value=${one} ?selected=${one === text}>${title}</option>`)}</select>`;
        case "yesno":
            return html`<select id=${id} ?disabled=${field.fixed} aria-invalid=${wrong} aria-describedby=${by}
                @change=${(e: Event) => set(target(e).value ? target(e).value === "yes" : undefined)}>
                <option value="" ?selected=${typeof value !== "boolean"}>As by default</option>
                <option value="yes" ?selected=${value === true}>Yes</option><option value="no" ?selected=${value === false}>No</option></select>`;
        case "money":
            return html`<input type="text" inputmode="decimal" id=${id} ${amountIn(value)} ?readonly=${field.fixed}
                placeholder=${field.placeholder ?? "0.00"} autocomplete="off" aria-required=${required} aria-invalid=${wrong} aria-describedby=${by}
                @input=${(e: Event) => moneyTyped(field, target(e).value, set, invalid)} />`;
        case "area":
        case "code":
            return html`<textarea id=${id} rows=${field.kind === "code" ? 10 : 5} class=${field.kind} .value=${text} ?readonly=${field.fixed}
                maxlength=${field.maxLength ?? nothing} spellcheck=${field.kind === "code" ? "false" : "true"} aria-required=${required}
                aria-invalid=${wrong} aria-describedby=${by}
                @input=${(e: Event) => set(target(e).value)}></textarea>`;
        case "lines": {
            const lines = Array.isArray(value) ? value.join("\n") : text;
            return html`<textarea id=${id} rows="3" .value=${lines} ?readonly=${field.fixed} aria-invalid=${wrong} aria-describedby=${by}
                placeholder="One on each line"
                @change=${(e: Event) => set(target(e).value.split("\n").map((line) => line.trim()).filter(Boolean))}></textarea>`;
        }
        case "json":
            return html`<textarea id=${id} rows="6" class="code" spellcheck="false" .value=${text} ?readonly=${field.fixed} aria-invalid=${wrong}
                aria-describedby=${by} @change=${(e: Event) => jsonTyped(target(e).value, set, invalid)}></textarea>`;
        case "secret":
            return html`<input type="password" id=${id} autocomplete="new-password" .value=${typeof value === "string" ? value : ""}
                ?readonly=${field.fixed} placeholder=${field.placeholder ?? "Not shown; leave empty to keep it"} aria-invalid=${wrong}
                aria-describedby=${by}
                @input=${(e: Event) => set(target(e).value || undefined)} />`;
        case "time":
            return html`<input type="datetime-local" id=${id} .value=${toLocal(value)} ?readonly=${field.fixed} aria-invalid=${wrong}
                aria-describedby=${by} @change=${(e: Event) => set(fromLocal(target(e).value) || undefined)} />`;
        default:
            return html`<input type="text" id=${id} .value=${text} ?readonly=${field.fixed} maxlength=${field.maxLength ?? nothing}
                placeholder=${field.placeholder ?? nothing} list=${field.suggestions ? `${id}-list` : nothing} autocomplete="off"
                aria-required=${required} aria-invalid=${wrong} aria-describedby=${by}
                    @input=${(e: Event) => set(target(e).value === "" && !field.required ? undefined : target(e).value)} />
                ${field.suggestions
                    ? html`<datalist id="${id}-list">${field.suggestions.map((one) => html`<option value=${one}></option>`)}</datalist>`
                    : nothing}`;
    }
}

function numberTyped(field: Field, text: string, set: (value: unknown) => void, invalid: (why: string) => void): void {
    const trimmed = text.trim();
    if (trimmed === "") return set(undefined);
    const value = Number(trimmed);
    if (!Number.isFinite(value) || (field.whole && !Number.isInteger(value)))
        return invalid(field.whole ? "must be a whole number" : "must be a number");
    if (field.min !== undefined && value < field.min) return invalid(`must be at least ${field.min}`);
    if (field.max !== undefined && value > field.max) return invalid(`must be at most ${field.max}`);
    set(value);
}

/** Writes an amount into its field, unless what is typed there means the same: "6" is not made "6.00" while somebody types "60". */
const amountIn = directive(
    class extends Directive {
        render(_: unknown): unknown {
            return noChange;
        }

        override update(part: ElementPart, [value]: [unknown]): unknown {
            const input = part.element as HTMLInputElement;
            const wrong = input.value.trim() !== "" && amountTyped(input.value) === null;
            if (!(wrong && input === document.activeElement) && amountTyped(input.value) !== (value ?? null)) input.value = amountText(value);
            return noChange;
        }
    },
);

function moneyTyped(field: Field, text: string, set: (value: unknown) => void, invalid: (why: string) => void): void {
    if (text.trim() === "") return set(undefined);
    const millionths = amountTyped(text);
    if (millionths === null) return invalid("must be an amount like 25.00, without signs or commas");
    if (field.max !== undefined && millionths > field.max) return invalid(`must be at most ${amountText(field.max)}`);
    set(millionths);
}

/** A value of a field as people read it. */
export function shownValue(field: Field, value: unknown): string {
    if (value === undefined || value === null || value === "") return "(empty)";
    if (field.kind === "money") return amountText(value);
    if (typeof value === "boolean") return value ? "Yes" : "No";
    return field.options?.find(([one]) => one === value)?.[1] ?? (typeof value === "object" ? JSON.stringify(value, null, 2) : String(value));
}

function jsonTyped(text: string, set: (value: unknown) => void, invalid: (why: string) => void): void {
    if (text.trim() === "") return set(undefined);
    try {
        set(JSON.parse(text));
    } catch (error) {
        invalid(`is not JSON: ${(error as Error).message}`);
    }
}
