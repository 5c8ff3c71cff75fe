/* What an author asks of an action: a prompt, a text that goes along, choices. And the form for it. */
import { html, nothing, type TemplateResult } from "lit";
import type { ActionInfo } from "../client/api.js";
import type { EditorWords } from "../words/editor_tools.js";

export type Source = "none" | "selected" | "whole";

/** Choices that an action may take, in their order; what there is to choose its schema says, but of languages the page. */
const CHOICES = ["aspect_ratio", "quality", "style"];
const LANGUAGE = "target_language";

/** Whether there is anything here that the action could be asked about: of an image, say, there is not. */
export function canAsk({ input_schema }: ActionInfo): boolean {
    const properties = input_schema?.properties ?? {};
    return "prompt" in properties || "text" in properties;
}

/** A language's name in another one; its tag where the browser has none. */
function languageName(tag: string, language: string): string {
    try {
        return new Intl.DisplayNames([language], { type: "language" }).of(tag) ?? tag;
    } catch {
        return tag;
    }
}

export class Wishes {
    prompt = "";
    /** The prompt is asked for and not there. */
    missing = false;
    source: Source = "none";
    selected = "";
    whole = "";
    readonly chosen: Record<string, string> = {};
    /** Of an image that was made: what its description is to be. */
    alt: string | undefined;

    private readonly properties: Record<string, { maxLength?: number; enum?: unknown[] }>;

    constructor(
        private readonly action: ActionInfo,
        /** Tags that a text can be translated into, the likeliest first. */
        private readonly languages: string[] = [],
    ) {
        this.properties = action.input_schema?.properties ?? {};
    }

    get asksPrompt(): boolean {
        return "prompt" in this.properties;
    }

    get makesImage(): boolean {
        return this.action.name === "generate_image";
    }

    /** What there is to choose, and of which values. */
    get choices(): [string, string[]][] {
        const found = CHOICES.flatMap((name): [string, string[]][] => {
            const values = (this.properties[name]?.enum ?? []).filter((value) => typeof value === "string");
            return values.length > 1 ? [[name, values]] : [];
        });
        if (LANGUAGE in this.properties) found.push([LANGUAGE, this.languages]);
        return found;
    }

    /** The texts that can go along, the likeliest first chosen: what an author selects is meant. */
    look(selected: string, whole: string): void {
        const other = selected !== this.selected;
        this.selected = selected;
        this.whole = whole;
        const otherwise: Source = this.asksPrompt || !whole ? "none" : "whole";
        if (selected && (other || this.source === "none")) this.source = "selected";
        else if (!this.sources.includes(this.source)) this.source = otherwise;
        if (this.makesImage) this.source = "none";
    }

    get sources(): Source[] {
        const sources: Source[] = this.asksPrompt ? ["none"] : [];
        if (this.makesImage) return sources;
        if (this.selected) sources.push("selected");
        if (this.whole && this.whole !== this.selected) sources.push("whole");
        return sources;
    }

    private get text(): string {
        return { none: "", selected: this.selected, whole: this.whole }[this.source];
    }

    /** The action's input; undefined when there is no text to work on. */
    input(head: string, language: string): Record<string, string> | undefined {
        const { text } = this;
        const input: Record<string, string> = {};
        if (this.asksPrompt) input["prompt"] = text ? `${this.prompt.trim()}\n\n${head}\n\n${text}` : this.prompt.trim();
        else if (!text) return undefined;
        else input["text"] = text;
        for (const [name, values] of this.choices) input[name] = this.chosen[name] ?? values[0]!;
        if ("language" in this.properties) input["language"] = language;
        return input;
    }

    tooLong(input: Record<string, string>): boolean {
        return Object.entries(input).some(([name, value]) => [...value].length > (this.properties[name]?.maxLength ?? Infinity));
    }
}

const count = (text: string) => text.split(/\s+/).filter(Boolean).length;

export function wishesView(wishes: Wishes, words: EditorWords, problem: string, language: string, changed: () => void, send: (event: Event) => void): TemplateResult {
    return html`<form class="wishes" @submit=${send}>
        ${wishes.asksPrompt ? promptField(wishes, words, language, changed) : nothing} ${sourceField(wishes, words, changed)}
        ${wishes.choices.length > 0
            ? html`<div class="row">
                  ${wishes.choices.map(([name, values]) => choiceField(wishes, words, name, values, language))}
              </div>`
            : nothing}
        ${problem ? html`<p class="problem">${problem}</p>` : nothing}
    </form>`;
}

function promptField(wishes: Wishes, words: EditorWords, language: string, changed: () => void): TemplateResult {
    return html`<label class="field">
            <span class="name">${wishes.makesImage ? words.promptImage : words.prompt}</span>
            <textarea
                id="prompt"
                rows="3"
                dir="auto"
                lang=${language}
                .value=${wishes.prompt}
                aria-invalid=${wishes.missing ? "true" : "false"}
                aria-describedby=${wishes.missing ? "missing" : nothing}
                @input=${(event: Event) => {
                    wishes.prompt = (event.target as HTMLTextAreaElement).value;
                    if (wishes.missing) changed();
                    wishes.missing = false;
                }}
            ></textarea>
        </label>
        ${wishes.missing ? html`<p class="problem" id="missing">${words.promptMissing}</p>` : nothing}`;
}

function sourceField(wishes: Wishes, words: EditorWords, changed: () => void): TemplateResult | typeof nothing {
    const { sources } = wishes;
    if (sources.length === 0 || sources.every((source) => source === "none")) return nothing;
    const names = {
        none: words.contextNone,
        selected: words.contextSelected(count(wishes.selected)),
        whole: words.contextWhole(count(wishes.whole)),
    };
    return html`<fieldset>
        <legend>${words.context}</legend>
        <div class="row">
            ${sources.map(
                (source) => html`<label class="choice">
                    <input
                        type="radio"
                        name="source"
                        value=${source}
                        .checked=${wishes.source === source}
                        @change=${() => {
                            wishes.source = source;
                            changed();
                        }}
                    />
                    ${names[source]}
                </label>`,
            )}
        </div>
    </fieldset>`;
}

function choiceField(wishes: Wishes, words: EditorWords, name: string, values: string[], language: string): TemplateResult {
    const otherwise = (key: string) => (name === LANGUAGE ? languageName(key, language) : key);
    const word = (key: string) => (Object.hasOwn(words.options, key) ? words.options[key] : otherwise(key));
    return html`<label class="field">
        <span class="name">${word(name)}</span>
        <select @change=${(event: Event) => (wishes.chosen[name] = (event.target as HTMLSelectElement).value)}>
            ${values.map((value) => html`<option value=${value} ?selected=${(wishes.chosen[name] ?? values[0]) === value}>${word(value)}</option>`)}
        </select>
    </label>`;
}
