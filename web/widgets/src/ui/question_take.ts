/* Taking questions along: as a file, or saved as a collection on the server. */
import { html, nothing, type TemplateResult } from "lit";
import { Problem } from "../client/api.js";
import { download, type Format, FORMATS, saveQuestions } from "../client/question_calls.js";
import { faultsOf } from "../client/question_draft.js";
import { type Saved, selectedOf, type Version } from "../client/questions.js";
import type { CardHost, QuestionCard } from "./question_card.js";
import { Trouble } from "./trouble.js";

/** Of a name, of the server's 255 bytes. */
const NAME_MAX = 80;

/** How long the address of a file lives: a browser may ask the user first where it goes. */
const ADDRESS_MS = 60_000;

export interface TakeHost extends CardHost {
    readonly cards: QuestionCard[];
}

export class QuestionTake {
    name = "";
    libraryId = "";
    saved: Saved | undefined;
    /** Everything that is here is in a file, for sites that keep nothing. */
    downloaded = false;
    trouble: Trouble | undefined;

    private format: Format = "olx";
    private busy = false;
    /** Numbers of questions that no format can hold as they are. */
    private broken: number[] = [];

    constructor(private readonly host: TakeHost) {}

    private get chosen(): QuestionCard[] {
        return this.host.cards.filter((card) => !card.slot.leftOut);
    }

    /** Runs something with those that are chosen, once none of them is broken. */
    private async with(work: (versions: Version[], name: string) => Promise<string>): Promise<void> {
        const { host, chosen } = this;
        const words = host.questionWords;
        if (this.busy || chosen.length === 0 || this.trouble?.early) return;
        this.trouble = undefined;
        this.broken = host.cards.flatMap((card, i) => (!card.slot.leftOut && faultsOf(selectedOf(card.slot).question).length > 0 ? [i + 1] : []));
        if (this.broken.length > 0) return host.announce(words.broken(this.broken.join(", ")));
        this.busy = true;
        host.requestUpdate();
        try {
            host.announce(await work(chosen.map((card) => selectedOf(card.slot)), this.name.trim() || words.title));
        } catch (error) {
            this.failed(error, chosen);
        }
        this.busy = false;
        host.requestUpdate();
    }

    private failed(error: unknown, chosen: QuestionCard[]): void {
        const { host } = this;
        const at = error instanceof Problem ? /^(?:\/user_input)?\/questions\/(\d+)/.exec(error.field)?.[1] : undefined;
        const card = at === undefined ? undefined : chosen[Number(at)];
        if (card) this.broken = [host.cards.indexOf(card) + 1];
        else this.trouble = new Trouble(error);
        host.announce(this.trouble?.text(host.pageLanguage) ?? host.questionWords.broken(this.broken.join(", ")));
    }

    private readonly load = (): Promise<void> =>
        this.with(async (versions, name) => {
            const { host } = this;
            const { blob, file } = await download(host.api(), versions, this.format, name, this.libraryId.trim());
            const link = document.createElement("a");
            link.href = URL.createObjectURL(blob);
            link.download = file;
            link.click();
            setTimeout(() => URL.revokeObjectURL(link.href), ADDRESS_MS);
            this.downloaded = true;
            return host.questionWords.downloaded(file);
        });

    private readonly save = (event: Event): Promise<void> => {
        event.preventDefault();
        return this.with(async (versions, name) => {
            const { host } = this;
            const libraryId = this.libraryId.trim();
            await saveQuestions(host.api(), host.call(), versions, name, libraryId);
            this.saved = { name, libraryId, count: versions.length };
            host.changed();
            return host.questionWords.saved(versions.length, name);
        });
    };

    render(): TemplateResult {
        const { host, chosen, saved } = this;
        const words = host.questionWords;
        const none = chosen.length === 0 || this.busy ? "true" : "false";
        return html`<form class="take" aria-labelledby="take" @submit=${this.save}>
            <div class="head">
                <h3 id="take">${words.take}</h3>
                <p class="note">${words.chosen(chosen.length, host.cards.length)}</p>
            </div>
            <div class="pair">
                <div class="entry">
                    <label class="field" for="name">${words.collection}</label>
                    <input id="name" type="text" maxlength=${NAME_MAX} dir="auto" autocomplete="off" .value=${this.name} @input=${this.named} />
                </div>
                <div class="entry">
                    <label class="field" for="library">${words.library}</label>
                    <input
                        id="library"
                        type="text"
                        maxlength="200"
                        dir="ltr"
                        autocomplete="off"
                        spellcheck="false"
                        aria-describedby="library-note"
                        .value=${this.libraryId}
                        @input=${this.addressed}
                    />
                    <p class="note" id="library-note">${words.libraryHint}</p>
                </div>
                <div class="entry">
                    <label class="field" for="format">${words.format}</label>
                    <select id="format" @change=${this.formatted}>
                        ${FORMATS.map((format) => html`<option value=${format} ?selected=${format === this.format}>${words.formats[format]}</option>`)}
                    </select>
                </div>
            </div>
            ${host.cards.some((card) => card.dirty) ? html`<p class="note">${words.openDrafts}</p>` : nothing}
            ${this.broken.length > 0 ? html`<p class="problem">${words.broken(this.broken.join(", "))}</p>` : nothing}
            ${this.trouble ? html`<p class="problem">${this.trouble.text(host.pageLanguage)}</p>` : nothing}
            <div class="row">
                <button type="button" class="primary download" aria-disabled=${none} @click=${this.load}>${words.download}</button>
                ${host.keeps ? html`<button type="submit" class="save" aria-disabled=${none}>${words.save}</button>` : nothing}
            </div>
            ${saved ? html`<p class="note saved">${words.saved(saved.count, saved.name)}</p>` : nothing}
            <p class="note">${host.keeps ? words.saveHint : words.nothingKept}</p>
        </form>`;
    }

    private readonly named = (event: Event): void => {
        this.name = (event.target as HTMLInputElement).value;
    };

    private readonly addressed = (event: Event): void => {
        this.libraryId = (event.target as HTMLInputElement).value;
    };

    private readonly formatted = (event: Event): void => {
        this.format = (event.target as HTMLSelectElement).value as Format;
    };
}
