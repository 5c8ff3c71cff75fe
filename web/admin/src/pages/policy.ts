/*
 * The policy: its versions with their texts, a new one (with how users see it and what it brings, before it is in force), and who has accepted which.
 */
import { html, nothing, type TemplateResult } from "lit";
import { call, get, messageOf, Refusal, withQuery } from "../api.js";
import { go } from "../navigation.js";
import { ask, openDialog } from "../ui/dialog.js";
import type { Field } from "../ui/fields.js";
import type { FormOf, Value } from "../ui/form.js";
import { count } from "../ui/format.js";
import type { ListOf } from "../ui/list.js";
import { Page } from "../ui/page.js";
import { badge, facts, timeView } from "../ui/parts.js";
import { tableView } from "../ui/table.js";
import { say } from "../ui/toast.js";

interface Text {
    id: number;
    version: string;
    major: string;
    language: string;
    in_force: boolean;
    created_at: string;
    by: string;
    text: string;
}

interface Texts {
    version: string;
    asked_by_lms: boolean;
    site_language: string;
    holders: number;
    counts: Record<string, { accepted: number; withdrawn: number }>;
    texts: Text[];
    next: number | null;
}

interface Effect {
    version: string;
    language: string;
    asks_again: boolean;
    users_asked_again: number;
    html: string;
}

interface Acceptance {
    user_id: string;
    version: string;
    language: string;
    state: "accepted" | "withdrawn";
    holds: boolean;
    accepted_at: string | null;
    withdrawn_at: string | null;
}

const ACCEPTANCES: ListOf<Acceptance> = {
    path: "/v1/reports/policy",
    member: "acceptances",
    title: "acceptances",
    cursor: "before",
    columns: [
        { name: "user_id", title: "User", sort: true },
        { name: "version", title: "Version", sort: true },
        { name: "language", title: "Language", sort: true },
        { name: "state", title: "Decision", cell: (row) => (row.holds
            ? badge("ok", "accepted")
            : row.state === "accepted"
            ? badge("off", "accepted, holds no more")
            : badge("warning", "taken back")) },
        { name: "accepted_at", title: "Accepted", sort: true, cell: (row) => timeView(row.accepted_at) },
        { name: "withdrawn_at", title: "Taken back", sort: true, cell: (row) => timeView(row.withdrawn_at) },
    ],
    filters: [
        { name: "state", title: "Decision", options: [["accepted", "Accepted"], ["withdrawn", "Taken back"]] },
        { name: "version", title: "Version" },
        { name: "since", title: "Since", type: "datetime-local" },
    ],
    empty: "Nobody has accepted or taken back anything yet.",
};

/** A page of texts, which may be long. */
const TEXTS = 20;

/** The newest texts, and older ones until they are enough: what is in force may be an old one. The ETag is that of the first page. */
async function readTexts(signal: AbortSignal, enough: (answer: Texts) => boolean): Promise<{ data: Texts; etag: string }> {
    const { data, etag } = await call<Texts>("GET", withQuery("/v1/policy/texts", { limit: TEXTS }), { signal });
    while (data.next !== null && !enough(data)) await readOlder(data, signal);
    return { data, etag };
}

async function readOlder(texts: Texts, signal: AbortSignal): Promise<void> {
    const older = await get<Texts>("/v1/policy/texts", { limit: TEXTS, before: texts.next }, signal);
    texts.texts = [...texts.texts, ...older.texts];
    texts.next = older.next;
}

const hasInForce = ({ version, texts }: Texts) => version === "" || texts.some((text) => text.in_force);

const attempt = (body: Value) => call<Effect>("PUT", "/v1/policy/texts", { body: { ...body, dry_run: true } });

/** The text as users read it. Its headings are below those of the page, as in the widgets. */
async function readable(markup: string): Promise<DocumentFragment> {
    const { sanitize } = await import("../ui/answer.js");
    return sanitize(markup.replace(/<(\/?)h[1-3]>/g, "<$1h4>"));
}

function brings({ asks_again, users_asked_again }: Effect): string {
    if (!asks_again) return "Who has accepted is not asked again.";
    if (users_asked_again === 0) return "Every user is asked; nobody has an acceptance now that would end.";
    return users_asked_again === 1
        ? "Every user is asked again: the acceptance of 1 user does not hold any more."
        : `Every user is asked again: the acceptances of ${count(users_asked_again)} users do not hold any more.`;
}

/** Asks with what it brings, then does it. True when it is in force. */
async function putInForce(body: Value, ifMatch: string): Promise<boolean> {
    const { data: effect } = await attempt(body);
    const none = effect.version === "";
    const yes = await ask({
        title: none ? "Have no policy any more?" : `Put version ${effect.version} in force?`,
        text: none ? "Nobody is asked before AI is used. The texts and what users have accepted stay." : brings(effect),
        confirm: none ? "No policy" : "Put in force",
        danger: none || effect.asks_again,
    });
    if (!yes) return false;
    await call("PUT", "/v1/policy/texts", { body, ifMatch });
    say(none ? "The site has no policy any more." : `Version ${effect.version} is in force.`);
    return true;
}

class PagePolicy extends Page {
    static override properties = { ...Page.properties, texts: { state: true }, reading: { state: true } };
    declare texts: Texts | null;
    /** Older texts are being read. */
    declare reading: boolean;
    private etag = "";

    constructor() {
        super();
        this.texts = null;
        this.reading = false;
    }

    heading(): string {
        return "Policy";
    }

    protected override lead(): string {
        return "What users accept before they use AI. A text that was once given is never changed: a new version takes its place.";
    }

    protected override tools(): TemplateResult {
        return html`<a class="button primary" href="/admin/policy/new">New version</a>`;
    }

    protected async load(): Promise<void> {
        const { data, etag } = await readTexts(this.signal, hasInForce);
        const first = this.texts === null;
        this.texts = data;
        this.etag = etag;
        if (!first) this.querySelector<HTMLElement>("#heading")?.focus();
    }

    /** The focus goes to the first that has come: the button may be gone. */
    private async older(): Promise<void> {
        const { texts } = this, before = texts!.texts.length;
        this.reading = true;
        try {
            await readOlder(texts!, this.signal);
        } catch (error) {
            if (!this.signal.aborted) say(messageOf(error), { failed: true });
        }
        this.reading = false;
        await this.updateComplete;
        this.querySelectorAll<HTMLElement>("[data-do=read]")[before]?.focus();
    }

    private async set(body: Value): Promise<void> {
        try {
            if (await putInForce(body, this.etag)) await this.reload();
        } catch (error) {
            if (error instanceof Refusal && error.status === 412) {
                say("Somebody else has changed the policy meanwhile: here it is as it stands now.", { failed: true });
                await this.reload();
            } else say(messageOf(error), { failed: true });
        }
    }

    private async show(text: Text): Promise<void> {
        try {
            const { data } = await attempt({ version: text.version, language: text.language });
            const shown = await readable(data.html);
            await openDialog(`Version ${text.version}, ${text.language}`, (close) =>
                html`<div class="readable" tabindex="0" lang=${text.language}>${shown}</div>
                <div class="buttons"><button type="button" @click=${() => close()}>Close</button></div>`, { wide: true });
        } catch (error) {
            say(messageOf(error), { failed: true });
        }
    }

    protected content(): TemplateResult | typeof nothing {
        const { texts } = this;
        if (!texts) return nothing;
        return html`
            ${texts.asked_by_lms ? html`<div class="card"><p>${badge("warning", "not asked here")} Users who come through the learning platform are
                not asked: the site says that the platform has done so. <a href="/admin/site">Site settings</a></p></div>` : nothing}
            ${texts.version
                ? facts([
                    ["In force", html`Version <strong>${texts.version}</strong>`],
                    ["Languages", texts.texts.filter((text) => text.in_force).map((text) => text.language).join(", ") || badge("error", "no text")],
                    ["Users whose acceptance holds", count(texts.holders)],
                ])
                : html`<div class="empty"><p>The site has no policy: nobody is asked before AI is used.</p><p><a class="button"
                    href="/admin/policy/new">Write one</a></p></div>`}
            <section aria-labelledby="versions-title"><h2 id="versions-title">Versions</h2>${this.versions(texts)}
                ${texts.next === null
                    ? nothing
                    : html`<p><button type="button" ?disabled=${this.reading} @click=${this.older}>Show older versions</button></p>`}</section>
            ${texts.version
                ? html`<p><button type="button" class="danger" @click=${() => this.set({ version: "" })}>Have no policy any more</button></p>`
                : nothing}
            <section aria-labelledby="acceptances-title"><h2 id="acceptances-title">Who has accepted</h2><console-list
                .of=${ACCEPTANCES}></console-list></section>`;
    }

    private versions({ texts, counts }: Texts): TemplateResult {
        return tableView(
            "Versions",
            [
                { title: "Version", cell: (text) => html`<strong>${text.version}</strong> ${text.in_force ? badge("ok", "in force") : nothing}` },
                { title: "Language", cell: (text) => text.language },
                {
                    title: "Written",
                    cell: (text) => html`${timeView(text.created_at)}${text.by ? html` <span class="small muted">by ${text.by}</span>` : nothing}`,
                },
                { title: "Accepted", cell: (text) => count(counts[text.version]?.accepted ?? 0), end: true },
                { title: "Taken back", cell: (text) => count(counts[text.version]?.withdrawn ?? 0), end: true },
                {
                    title: "",
                    cell: (text) => html`<span class="buttons"><button type="button" data-do="read"
                        aria-label="Read version ${text.version}, ${text.language}" @click=${() => this.show(text)}>Read</button>
                        ${text.in_force
                            ? html`<a class="button" href="/admin/policy/new?version=${encodeURIComponent(text.version)}"
                                aria-label="Add a language to version ${text.version}">Add a language</a>`
                            : html`<button type="button" aria-label="Put version ${text.version} in force"
                                @click=${() => this.set({ version: text.version })}>Put in force</button>`}</span>`,
                },
            ],
            texts,
            "No text was written yet.",
        );
    }
}

const PREVIEW_MS = 400;

class PagePolicyNew extends Page {
    static override properties = { ...Page.properties, form: { state: true }, preview: { state: true }, effect: { state: true } };
    declare form: FormOf | null;
    declare preview: DocumentFragment | null;
    declare effect: Effect | null;
    private typing: ReturnType<typeof setTimeout> | undefined;
    private etag = "";
    private asked = 0;

    constructor() {
        super();
        this.form = null;
        this.preview = null;
        this.effect = null;
    }

    heading(): string {
        return this.version ? `Version ${this.version} in another language` : "New version of the policy";
    }

    private get version(): string {
        return new URLSearchParams(location.search).get("version") ?? "";
    }

    protected override above(): [string, string] {
        return ["policy", "Policy"];
    }

    protected override lead(): TemplateResult {
        return html`Markdown. A version such as 2.1 asks users again only when its first number changes; any other name, such as autumn, asks
            everybody.`;
    }

    override disconnectedCallback(): void {
        super.disconnectedCallback();
        clearTimeout(this.typing);
    }

    protected async load(): Promise<void> {
        const enough = (texts: Texts) => hasInForce(texts) && (!this.version || texts.texts.some((text) => text.version === this.version));
        const { data, etag } = await readTexts(this.signal, enough);
        this.etag = etag;
        const there = data.texts.filter((text) => text.version === this.version).map((text) => text.language);
        const last = data.texts.find((text) => text.in_force && text.language === data.site_language) ?? data.texts[0];
        const fields: Field[] = [
            {
                pointer: "/version",
                title: "Version",
                kind: "text",
                required: true,
                maxLength: 64,
                fixed: this.version !== "",
                ...(data.version && { help: `In force is ${data.version}.` }),
            },
            {
                pointer: "/language",
                title: "Language",
                kind: "text",
                maxLength: 35,
                required: this.version !== "",
                placeholder: data.site_language,
                help: there.length
                    ? `There is already: ${there.join(", ")}. Such as en or de-AT.`
                    : `Such as en or de-AT. Empty: ${data.site_language}, the site's.`,
            },
            { pointer: "/text", title: "Text", kind: "area", required: true, maxLength: 100_000 },
        ];
        this.form = {
            fields,
            value: this.version ? { version: this.version } : { ...(last && { text: last.text }) },
            unchanged: true,
            submit: "Put in force…",
            changed: (value) => this.typed(value),
            cancel: () => void go("policy"),
            save: async ({ value }) => this.save(value),
            extra: () => this.previewView(),
        };
        if (last && !this.version) this.typed({ text: last.text });
    }

    private async save(value: Value): Promise<void> {
        if (!(await putInForce(value, this.etag)))
            throw new Refusal(0, "cancelled", "Not put in force: you have cancelled. What you have written is still here.");
        setTimeout(() => void go("policy"));
    }

    /** The server makes of the text what users read, and says what the version would bring. */
    private typed(value: Value): void {
        clearTimeout(this.typing);
        this.typing = setTimeout(() => void this.ask(value), PREVIEW_MS);
    }

    private async ask(value: Value): Promise<void> {
        const mine = ++this.asked;
        try {
            /* While there is no version, or one whose text differs, the text alone is looked at. */
            const known = typeof value["version"] === "string" && value["version"] !== "";
            const { data } = await attempt(known ? value : { version: `?${Date.now()}`, text: value["text"] ?? "" });
            const preview = await readable(data.html);
            if (mine !== this.asked || this.signal.aborted) return;
            this.effect = known ? data : null;
            this.preview = preview;
        } catch {
            if (mine === this.asked) this.effect = null; /* what is wrong is said when it is sent */
        }
        this.querySelector<import("../ui/form.js").ConsoleForm>("console-form")?.requestUpdate();
    }

    private previewView(): TemplateResult {
        return html`<section class="card" aria-labelledby="preview-title"><h2 id="preview-title">As users read it</h2>
            ${this.preview ? html`<div class="readable" tabindex="0">${this.preview}</div>` : html`<p class="muted">Nothing to read yet.</p>`}
            ${this.effect ? html`<p role="status">${
                badge(this.effect.asks_again ? "warning" : "ok", this.effect.asks_again ? "asks again" : "asks nobody again")
            } ${brings(this.effect)}</p>` : nothing}</section>`;
    }

    protected content(): TemplateResult | typeof nothing {
        return this.form ? html`<console-form class="writing" .of=${this.form}></console-form>` : nothing;
    }
}

customElements.define("page-policy", PagePolicy);
customElements.define("page-policy-new", PagePolicyNew);
