/* The site's keys: who has one, when it was last used; new ones, which are shown once, rotating and revoking. */
import { html, nothing, type TemplateResult } from "lit";
import { call, messageOf } from "../api.js";
import { go } from "../navigation.js";
import { session } from "../session.js";
import { ask, openDialog } from "../ui/dialog.js";
import type { Field } from "../ui/fields.js";
import type { FormOf } from "../ui/form.js";
import { ago, when, words } from "../ui/format.js";
import { ConsoleList, type ListOf } from "../ui/list.js";
import { Page } from "../ui/page.js";
import { badge, snippet, timeView } from "../ui/parts.js";
import { say } from "../ui/toast.js";

interface Key {
    id: number;
    prefix: string;
    role: "site_admin" | "service" | "metrics";
    name: string;
    choose_provider: boolean;
    created_at: string;
    expires_at: string | null;
    last_used_at: string | null;
}

/** The key itself is in this answer alone. */
interface NewKey extends Key {
    key: string;
    rotated?: Key;
}

const ROLES: Record<Key["role"], string> = { site_admin: "Administrator", service: "Back end of an LMS", metrics: "Metrics" };
const called = (key: Key) => key.name || `${key.prefix}…`;
const isOwn = (key: Key) => key.id === session.current?.key.id;
const hasEnded = (key: Key) => Boolean(key.expires_at && Date.parse(key.expires_at) <= Date.now());

/** To the hour, as the server knows it. */
function lastUsed(key: Key): string {
    return key.last_used_at ? `Last used ${ago(key.last_used_at)} (${when(key.last_used_at)}).` : "It was never used.";
}

function endsView(key: Key): TemplateResult | string {
    if (!key.expires_at) return "Never";
    return hasEnded(key) ? badge("off", "Expired") : html`${timeView(key.expires_at)}`;
}

const LIST: ListOf<Key> = {
    path: "/v1/keys",
    member: "keys",
    title: "keys",
    columns: [
        { name: "name", title: "Name", sort: true, cell: (key) => html`<span>${called(key)} ${
            isOwn(key) ? badge("ok", "You") : nothing
        }<br /><code class="muted">${key.prefix}…</code></span>` },
        { name: "role", title: "For", sort: true, cell: (key) => html`<span>${ROLES[key.role] ?? words(key.role)}${
            key.choose_provider ? html`<br /><span class="small muted">may choose the provider</span>` : nothing
        }</span>` },
        { name: "created_at", title: "Made", sort: true, cell: (key) => timeView(key.created_at) },
        {
            name: "last_used_at",
            title: "Last used",
            sort: true,
            cell: (key) => (key.last_used_at ? timeView(key.last_used_at) : html`<span class="muted">Never</span>`),
        },
        { name: "expires_at", title: "Ends", sort: true, cell: endsView },
    ],
    buttons: (key) => html`
        ${hasEnded(key) ? nothing : html`<button type="button" data-do="rotate" aria-label="Rotate ${called(key)}"
            @click=${(event: Event) => rotate(key, event)}>Rotate</button>`}
        <button type="button" class="danger" data-do="revoke" aria-label="Revoke ${called(key)}"
            @click=${(event: Event) => revoke(key, event)}>Revoke</button>`,
};

const listOf = (event: Event) => (event.target as HTMLElement).closest<ConsoleList<Key>>("console-list")!;

/** After a row may have gone, with the button that had the focus. */
async function readAgain(list: ConsoleList<Key>): Promise<void> {
    await list.read();
    await list.updateComplete;
    if (document.activeElement === document.body) list.querySelector<HTMLElement>(".rows")?.focus();
}

async function revoke(key: Key, event: Event): Promise<void> {
    const list = listOf(event);
    const yes = await ask({
        title: `Revoke ${called(key)}?`,
        text: html`<p>${lastUsed(key)} What uses it is refused from now on. This cannot be undone.</p>`,
        depends: [
            ...(key.role === "service" ? ["What the LMS asks for with this key: widgets that get their tokens otherwise go on."] : []),
            ...(key.role === "metrics" ? ["What reads /metrics with it."] : []),
            ...(key.role === "site_admin"
                ? [isOwn(key) ? "Your own session: you are signed out." : "Sessions of this console that were begun with it."]
                : []),
        ],
        confirm: "Revoke",
        danger: true,
    });
    if (!yes) return;
    try {
        await call("DELETE", `/v1/keys/${key.id}`);
    } catch (error) {
        return say(messageOf(error), { failed: true });
    }
    say(`${called(key)} was revoked.`);
    if (isOwn(key)) return session.set(null);
    await readAgain(list);
}

const OVERLAPS =
    [[0, "at once"], [3600, "after 1 hour"], [86400, "after 1 day"], [7 * 86400, "after 7 days"], [30 * 86400, "after 30 days"]] as const;
const OVERLAP_DEFAULT = 86400;

async function rotate(key: Key, event: Event): Promise<void> {
    const list = listOf(event);
    let overlap = OVERLAP_DEFAULT;
    const yes = await openDialog<boolean>(`Rotate ${called(key)}`, (close) => html`
        <p>You get a new key with the same rights. The old one goes on for a while, so that you can put the new one in its place. ${lastUsed(key)}</p>
        <label class="field"><span class="label">The old key ends</span>
            <select @change=${(change: Event) => { overlap = Number((change.target as HTMLSelectElement).value); }}>
                ${OVERLAPS.map(([seconds, title]) => html`<option value=${seconds} ?selected=${seconds === OVERLAP_DEFAULT}>${title}</option>`)}
            </select></label>
        <div class="buttons">
            <button type="button" @click=${() => close(false)}>Cancel</button>
            <button type="button" class="primary" @click=${() => close(true)}>Make a new key</button>
        </div>`);
    if (!yes) return;
    let made;
    try {
        made = (await call<NewKey>("POST", `/v1/keys/${key.id}/rotate`, { body: { overlap_s: overlap } })).data;
    } catch (error) {
        return say(messageOf(error), { failed: true });
    }
    await openDialog("The new key", (close) => html`${shownOnce(made)}
        <p>${made.rotated?.expires_at
            ? html`The old key <code>${key.prefix}…</code> ends ${when(made.rotated.expires_at)}.`
            : html`The old key <code>${key.prefix}…</code> has ended.`}</p>
        <div class="buttons"><button type="button" class="primary" @click=${() => close()}>I have kept it</button></div>`);
    if (isOwn(key) && overlap === 0) return session.set(null);
    await readAgain(list);
}

function shownOnce(key: NewKey): TemplateResult {
    return html`<p><strong>Copy it now: it is shown this once.</strong> Lectern keeps a hash of it, nobody can show it again.</p>
        ${snippet("Key", key.key)}`;
}

export class PageKeys extends Page {
    heading(): string {
        return "Keys";
    }

    protected override lead(): string {
        return "What programs and administrators of this site sign in with. A key can do what its role may, until it ends or is revoked.";
    }

    protected override tools(): TemplateResult {
        return html`<a class="button primary" href="/admin/keys/new">New key</a>`;
    }

    protected async load(): Promise<void> {}

    protected content(): TemplateResult {
        return html`<console-list .of=${LIST}></console-list>
            <section class="card" aria-labelledby="issuers">
                <h2 id="issuers">Users' tokens</h2>
                <p>Learners and teachers come with tokens that the LMS signs, not with keys. Who may sign them for this site is set on the machine
                    that Lectern runs on:</p>
                ${snippet("Commands for issuers", ISSUERS(session.current?.site.slug ?? "SITE"))}
            </section>`;
    }
}

const ISSUERS = (site: string) => `lectern issuer list --site ${site}
lectern issuer set ISS AUD --site ${site} --secret-file FILE
lectern issuer set ISS AUD --site ${site} --alg RS512 --jwks-url https://lms.example/oauth2/jwks`;

const FIELDS: readonly Field[] = [
    { pointer: "/name", title: "Name", kind: "text", required: true, maxLength: 255, help: "Who or what will use it: the register and histories " +
        "say it.", placeholder: "Moodle of the faculty" },
    {
        pointer: "/role",
        title: "For",
        kind: "select",
        required: true,
        options: (Object.keys(ROLES) as Key["role"][]).map((role) => [role, ROLES[role]] as const),
        help: "An administrator may do everything in this site, also here. A back end speaks for its users. Metrics reads /metrics and nothing else.",
    },
    {
        pointer: "/choose_provider",
        title: "It may choose the provider of a call",
        kind: "boolean",
        when: (value) => (value as Key).role === "service",
    },
    { pointer: "/expires_at", title: "Ends", kind: "time", help: "Leave it empty for a key that goes on until it is revoked." },
];

export class PageKeyNew extends Page {
    static override properties = { ...Page.properties, made: { state: true } };
    declare made: NewKey | null;
    private readonly form: FormOf = {
        fields: FIELDS,
        value: { role: "service" },
        submit: "Make the key",
        unchanged: true,
        save: ({ value }) => call("POST", "/v1/keys", { body: value["role"] === "service" ? value : { ...value, choose_provider: undefined } }),
        saved: (answer) => {
            this.made = answer as NewKey;
            void this.updateComplete.then(() => this.querySelector<HTMLElement>("#heading")?.focus());
        },
        cancel: () => void go("keys"),
    };

    constructor() {
        super();
        this.made = null;
    }

    heading(): string {
        return this.made ? "The new key" : "New key";
    }

    protected override above(): [string, string] {
        return ["keys", "Keys"];
    }

    protected async load(): Promise<void> {}

    protected content(): TemplateResult {
        const key = this.made;
        if (!key) return html`<div class="card"><console-form .of=${this.form}></console-form></div>`;
        return html`<div class="card">
            ${shownOnce(key)}
            <p>${called(key)}: ${ROLES[key.role]}. ${key.expires_at ? `It ends ${when(key.expires_at)}.` : "It goes on until it is revoked."}</p>
            <div class="buttons"><a class="button primary" href="/admin/keys">I have kept it</a></div>
        </div>`;
    }
}

customElements.define("page-keys", PageKeys);
customElements.define("page-key-new", PageKeyNew);
