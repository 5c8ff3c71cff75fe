/* Prompts: texts that profiles use by name. The list, a new one, one to change, its history. */
import { html, nothing, type TemplateResult } from "lit";
import { call, messageOf, Refusal } from "../api.js";
import { go, unguard } from "../navigation.js";
import { ask, openDialog } from "../ui/dialog.js";
import type { Field } from "../ui/fields.js";
import type { ConsoleForm, FormOf, Value } from "../ui/form.js";
import { count } from "../ui/format.js";
import type { ListOf } from "../ui/list.js";
import { Page } from "../ui/page.js";
import { facts, timeView } from "../ui/parts.js";
import { say } from "../ui/toast.js";
import "../ui/versions.js";
import type { Version, VersionsOf } from "../ui/versions.js";

interface Prompt {
    id: string;
    slug: string;
    body: string;
    version: number;
    updated_at: string;
    /** profiles: the first ones' slugs. */
    usage: { profile_count: number; profiles: string[] };
}

/** Bytes of UTF-8, as the server counts. */
const BODY_MAX = 100_000;
const EXCERPT = 90;

const usedBy = ({ profile_count: n }: Prompt["usage"]) => (n === 0 ? "no profile" : n === 1 ? "1 profile" : `${count(n)} profiles`);

const profileLinks = ({ profile_count: n, profiles }: Prompt["usage"]): unknown =>
    n === 0 ? "no profile" : html`${
        profiles.map((slug, i) => html`${i ? ", " : ""}<a href="/admin/profiles/${encodeURIComponent(slug)}">${slug}</a>`)
    }${n > profiles.length ? ` and ${count(n - profiles.length)} more` : ""}`;

const LIST: ListOf<Prompt> = {
    path: "/v1/prompts",
    member: "prompts",
    title: "prompts",
    href: (row) => `prompts/${row.id}`,
    columns: [
        { name: "slug", title: "Name", sort: true },
        { name: "body", title: "Text", cell: (row) => (row.body.length > EXCERPT ? `${row.body.slice(0, EXCERPT)}…` : row.body) },
        { name: "usage", title: "Used by", cell: (row) => usedBy(row.usage) },
        { name: "version", title: "Version", sort: true, end: true },
        { name: "updated_at", title: "Changed", sort: true, cell: (row) => timeView(row.updated_at) },
    ],
    empty: html`<p>There are no prompts yet. A prompt is a text that profiles use by its name, so that it is changed in one place.</p><a
        class="button primary" href="/admin/prompts/new">Make the first one</a>`,
};

class PagePrompts extends Page {
    heading(): string {
        return "Prompts";
    }

    protected override lead(): string {
        return "Texts that profiles use by name, so that each is changed in one place.";
    }

    protected override tools(): TemplateResult {
        return html`<a class="button primary" href="/admin/prompts/new">New prompt</a>`;
    }

    protected async load(): Promise<void> {}

    protected content(): TemplateResult {
        return html`<console-list .of=${LIST}></console-list>`;
    }
}

const FIELDS: Field[] = [
    {
        pointer: "/slug",
        title: "Name",
        kind: "text",
        required: true,
        help: "Letters, digits, “_” and “-”. Profiles name the prompt by it, or by its id.",
    },
    { pointer: "/body", title: "Text", kind: "area", required: true, help: "What the model is told to do." },
];

/** How long the text is, and how much room there is. */
function length(value: Value): TemplateResult {
    const body = String(value["body"] ?? ""), bytes = new TextEncoder().encode(body).length;
    return html`<p class="small ${bytes > BODY_MAX ? "over" : "muted"}">${count([...body].length)}
        characters${bytes > BODY_MAX / 2 ? `, ${count(bytes)} of at most ${count(BODY_MAX)} bytes` : ""}</p>`;
}

class PagePromptNew extends Page {
    private readonly form: FormOf = {
        fields: FIELDS,
        value: {},
        submit: "Make the prompt",
        done: "The prompt is made.",
        save: ({ value }) => call("POST", "/v1/prompts", { body: value }),
        saved: (answer) => void go(`prompts/${(answer as Prompt).id}`),
        extra: length,
    };

    heading(): string {
        return "New prompt";
    }

    protected override above(): [string, string] {
        return ["prompts", "Prompts"];
    }

    protected async load(): Promise<void> {}

    protected content(): TemplateResult {
        return html`<div class="long"><console-form .of=${this.form}></console-form></div>`;
    }
}

const valueOf = ({ slug, body }: Prompt): Value => ({ slug, body });

abstract class PromptPage extends Page {
    static override properties = { ...Page.properties, prompt: { state: true } };
    declare prompt: Prompt | null;
    protected etag = "";

    constructor() {
        super();
        this.prompt = null;
    }

    protected get address(): string {
        return `/v1/prompts/${encodeURIComponent(this.prompt?.id ?? this.params["id"]!)}`;
    }

    heading(): string {
        return this.prompt?.slug ?? "Prompt";
    }

    protected async load(): Promise<void> {
        const { data, etag } = await call<Prompt>("GET", this.address, { signal: this.signal });
        this.prompt = data;
        this.etag = etag;
    }
}

class PagePrompt extends PromptPage {
    private form: FormOf | null = null;

    protected override above(): [string, string] {
        return ["prompts", "Prompts"];
    }

    protected override tools(): TemplateResult | typeof nothing {
        if (!this.prompt) return nothing;
        return html`<a class="button" href="/admin/prompts/${this.prompt.id}/history">History</a><button type="button" class="danger"
            @click=${this.askRemove}>Remove</button>`;
    }

    protected override async load(): Promise<void> {
        await super.load();
        this.form = {
            fields: FIELDS,
            value: valueOf(this.prompt!),
            etag: this.etag,
            done: "The prompt is saved.",
            save: ({ patch, ifMatch }) => call("PATCH", this.address, { body: patch, ifMatch }),
            reread: async () => {
                const { data, etag } = await call<Prompt>("GET", this.address);
                return { value: valueOf(data), etag };
            },
            saved: (answer) => { this.prompt = answer as Prompt; },
            extra: length,
        };
    }

    private readonly askRemove = async (): Promise<void> => {
        try {
            const { data } = await call<Prompt>("GET", this.address);
            this.prompt = data;
            if (data.usage.profile_count) return await this.inUse(data);
            if (!(await ask({
                title: `Remove the prompt ${data.slug}?`,
                text: "No profile uses it. This cannot be undone.",
                depends: ["Its history"],
                confirm: "Remove",
                danger: true,
            }))) return;
            await call("DELETE", this.address);
            say(`The prompt ${data.slug} is removed.`);
        } catch (error) {
            return say(messageOf(error), { failed: true });
        }
        const form = this.querySelector<ConsoleForm>("console-form");
        if (form) unguard(form);
        await go("prompts");
    };

    private async inUse({ slug, usage }: Prompt): Promise<void> {
        await openDialog(`${slug} is in use`, (close) => html`
            <p>It cannot be removed while a profile uses it. Change these first: <span @click=${() => close()}>${profileLinks(usage)}</span>.</p>
            <div class="buttons"><button type="button" autofocus @click=${() => close()}>Close</button></div>`);
    }

    protected content(): TemplateResult {
        const prompt = this.prompt!;
        return html`${facts([
                ["Used by", profileLinks(prompt.usage)],
                ["Version", html`${count(prompt.version)}, saved ${timeView(prompt.updated_at)}`],
                ["Id", html`<code>${prompt.id}</code>`],
            ])}
            <div class="long"><console-form .of=${this.form}></console-form></div>`;
    }
}

class PagePromptHistory extends PromptPage {
    private versions: VersionsOf | null = null;

    protected override above(): [string, string] {
        return [`prompts/${this.params["id"]}`, this.prompt?.slug ?? "Prompt"];
    }

    override heading(): string {
        return this.prompt ? `History of ${this.prompt.slug}` : "History";
    }

    protected override async load(): Promise<void> {
        await super.load();
        const prompt = this.prompt!;
        this.versions = {
            path: `/v1/prompts/${prompt.id}/history`,
            current: prompt.version,
            text: (version) => `Name: ${version["slug"]}\n\n${version["body"]}`,
            restore: (version) => this.restore(version),
        };
    }

    private async restore(version: Version): Promise<void> {
        try {
            await call("PATCH", this.address, { body: { slug: version["slug"], body: version["body"] }, ifMatch: this.etag });
        } catch (error) {
            if (!(error instanceof Refusal) || error.status !== 412) throw error;
            await this.reload();
            throw new Error("The prompt was changed meanwhile. Look at its history again, then restore.");
        }
        say(`Version ${version.version} is restored.`);
        await go(`prompts/${this.prompt!.id}`);
    }

    protected content(): TemplateResult {
        return html`<console-versions .of=${this.versions}></console-versions>`;
    }
}

customElements.define("page-prompts", PagePrompts);
customElements.define("page-prompt-new", PagePromptNew);
customElements.define("page-prompt", PagePrompt);
customElements.define("page-prompt-history", PagePromptHistory);
