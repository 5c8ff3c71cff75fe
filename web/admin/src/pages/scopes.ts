/* Scopes: the list, a new one, one to change or remove. */
import { html, nothing, type TemplateResult } from "lit";
import { call, get, messageOf, Refusal } from "../api.js";
import { currentQuery, go, unguard } from "../navigation.js";
import { ask } from "../ui/dialog.js";
import type { Field } from "../ui/fields.js";
import type { ConsoleForm, FormOf, Value } from "../ui/form.js";
import type { ListOf } from "../ui/list.js";
import { Page } from "../ui/page.js";
import { say } from "../ui/toast.js";
import { session } from "../session.js";
import { DEMO, widgetSnippet } from "../ui/widget_snippet.js";
import { placeOf, readProfileNames, stateOf, testAddress, VARIANTS, type Scope } from "./scope_common.js";
import type { Profile } from "./profile_common.js";

class PageScopes extends Page {
    private list: ListOf<Scope> | null = null;

    heading(): string {
        return "Scopes";
    }

    protected override lead(): string {
        return "Where a profile applies. In each place the most specific scope that fits decides.";
    }

    protected override tools(): TemplateResult {
        return html`<a class="button" href="/admin/scopes/test">Why this one?</a><a class="button primary" href="/admin/scopes/new">New scope</a>`;
    }

    protected async load(): Promise<void> {
        const names = await readProfileNames(this.signal);
        this.list = {
            path: "/v1/scopes",
            member: "scopes",
            title: "scopes",
            href: (row) => `scopes/${row.id}`,
            columns: [
                { name: "course_id", title: "Course", sort: true, cell: (row) => row.course_id ?? "Every course" },
                {
                    name: "location_regex",
                    title: "Locations",
                    sort: true,
                    cell: (row) => (row.location_regex ? html`<code>${row.location_regex}</code>` : "all"),
                },
                {
                    name: "ui_slot_selector_id",
                    title: "Slot",
                    sort: true,
                    cell: (row) => (row.ui_slot_selector_id ? html`<code>${row.ui_slot_selector_id}</code>` : "none"),
                },
                { name: "service_variant", title: "In", sort: true, cell: (row) => row.service_variant_label },
                {
                    name: "profile_id",
                    title: "Profile",
                    sort: true,
                    cell: (row) => html`<a href="/admin/profiles/${row.profile_id}">${names.get(row.profile_id) ?? `Profile ${row.profile_id}`}</a>`,
                },
                { name: "enabled", title: "State", sort: true, cell: stateOf },
            ],
            buttons: (row) => html`<a class="button" href=${testAddress(row)}>Test<span class="hidden"> scope ${row.id}</span></a>`,
            empty: html`<p>There are no scopes yet, so no workflow is shown in any page. A scope leads from a course and a slot to a profile.</p><a
                class="button primary" href="/admin/scopes/new">Make the first one</a>`,
        };
    }

    protected content(): TemplateResult {
        return html`<console-list .of=${this.list}></console-list>`;
    }
}

function fieldsOf(names: Map<number, string>): Field[] {
    const demo = session.current?.demo;
    const slot =
        "The place in the page: what stands in the element's ui-slot. Without one it fits no element, unless the site matches slots by wildcard.";
    return [
        {
            pointer: "/profile_id",
            title: "Profile",
            kind: "select",
            required: true,
            options: [...names].map(([id, slug]) => [String(id), slug] as const),
        },
        { pointer: "/course_id", title: "Course", kind: "text", placeholder: "Every course", help: demo
            ? html`The course's id as the platform names it. The demo course is <code>${DEMO.course}</code>.`
            : "The course's id as the platform names it, e.g. course-v1:A+B+C or 42.",
            ...(demo && { suggestions: [DEMO.course] }) },
        {
            pointer: "/location_regex",
            title: "Locations",
            kind: "text",
            placeholder: "All locations",
            help: "A pattern that is found in the location's id, e.g. unit7$ for those that end so. Needs a course.",
        },
        { pointer: "/ui_slot_selector_id", title: "Slot", kind: "text", help: demo
            ? html`${slot} The demo course has one named <code>${DEMO.slot}</code>.`
            : slot,
            ...(demo && { suggestions: [DEMO.slot] }) },
        { pointer: "/service_variant", title: "Server", kind: "select", required: true, options: VARIANTS },
        { pointer: "/enabled", title: "On", kind: "boolean", help: "Off: it stays here, and decides nothing." },
    ];
}

/** All mistakes of a refused scope stand in one line, "course_id: …; location_regex: …": each at its field. */
function save(method: "POST" | "PATCH", path: string, body: Value, ifMatch = ""): ReturnType<FormOf["save"]> {
    return call(method, path, { body, ...(ifMatch && { ifMatch }) }).catch((error: unknown) => {
        if (!(error instanceof Refusal) || !error.fields.length) throw error;
        const fields = error.detail.split(/; (?=\w+: )/).map((one) => {
            const [, name, message] = /^(\w+): ([\s\S]*)$/.exec(one) ?? [];
            return name ? { pointer: `/${name}`, message: message! } : { pointer: error.fields[0]!.pointer, message: one };
        });
        throw new Refusal(error.status, error.code, error.detail, fields, error.retryAfter, error.requestId, error.problem);
    });
}

/** What the form edits of a scope. */
function valueOf(scope: Scope): Value {
    const { profile_id, course_id, location_regex, ui_slot_selector_id, service_variant, enabled } = scope;
    return {
        profile_id: String(profile_id),
        ...(course_id && { course_id }),
        ...(location_regex && { location_regex }),
        ...(ui_slot_selector_id && { ui_slot_selector_id }),
        service_variant,
        enabled,
    };
}

class PageScopeNew extends Page {
    private form: FormOf | null = null;

    heading(): string {
        return "New scope";
    }

    protected override lead(): string {
        return "Say where the profile applies. Without a course it is for every one.";
    }

    protected override above(): [string, string] {
        return ["scopes", "Scopes"];
    }

    protected async load(): Promise<void> {
        const names = await readProfileNames(this.signal);
        const query = currentQuery();
        const value: Value = { service_variant: "lms", enabled: true };
        for (const name of ["profile_id", "course_id", "location_regex", "ui_slot_selector_id"]) if (query.get(name)) value[name] = query.get(name);
        this.form = {
            fields: fieldsOf(names),
            value,
            submit: "Make the scope",
            done: "The scope is made.",
            unchanged: true,
            save: ({ value: sent }) => save("POST", "/v1/scopes", sent),
            saved: (answer) => void go(`scopes/${(answer as Scope).id}`),
        };
        if (names.size === 0) this.form = null;
    }

    protected content(): TemplateResult {
        if (!this.form) return html`<div class="empty"><p>A scope leads to a profile, and there is none yet.</p><a class="button primary"
            href="/admin/profiles/new">Make a profile first</a></div>`;
        return html`<console-form .of=${this.form}></console-form>`;
    }
}

class PageScope extends Page {
    static override properties = { ...Page.properties, scope: { state: true }, profile: { state: true } };
    declare scope: Scope | null;
    declare profile: Profile | null;
    private form: FormOf | null = null;

    constructor() {
        super();
        this.scope = null;
        this.profile = null;
    }

    private get address(): string {
        return `/v1/scopes/${encodeURIComponent(this.params["id"]!)}`;
    }

    heading(): string {
        return this.scope ? `Scope ${this.scope.id}` : "Scope";
    }

    protected override above(): [string, string] {
        return ["scopes", "Scopes"];
    }

    protected override tools(): TemplateResult | typeof nothing {
        if (!this.scope) return nothing;
        return html`<a class="button" href=${testAddress(this.scope)}>Test: why this one?</a><button type="button" class="danger"
            @click=${this.askRemove}>Remove</button>`;
    }

    protected override lead(): TemplateResult | typeof nothing {
        return this.scope ? html`For ${placeOf(this.scope)}.` : nothing;
    }

    protected async load(): Promise<void> {
        const [{ data: scope, etag }, names] =
            await Promise.all([call<Scope>("GET", this.address, { signal: this.signal }), readProfileNames(this.signal)]);
        this.scope = scope;
        this.form = {
            fields: fieldsOf(names),
            value: valueOf(scope),
            etag,
            done: "The scope is saved.",
            save: ({ patch, ifMatch }) => save("PATCH", this.address, patch, ifMatch),
            reread: async () => {
                const now = await call<Scope>("GET", this.address);
                return { value: valueOf(now.data), etag: now.etag };
            },
            saved: (answer) => {
                this.scope = answer as Scope;
                void this.readProfile();
            },
        };
        await this.readProfile();
    }

    private async readProfile(): Promise<void> {
        this.profile = await get<Profile>(`/v1/profiles/${this.scope!.profile_id}`, {}, this.signal);
    }

    private readonly askRemove = async (): Promise<void> => {
        const { id } = this.scope!;
        try {
            const { sessions } = await get<{ sessions: unknown[] }>("/v1/sessions", { scope_id: id, limit: 100 });
            const said = sessions.length === 100
                ? "100 conversations or more"
                : sessions.length === 1
                ? "1 conversation"
                : `${sessions.length} conversations`;
            const yes = await ask({
                title: `Remove scope ${id}?`,
                text: html`<p>Nothing leads from ${placeOf(this.scope!)} to the profile ${this.profile?.slug}
                    any more; the profile stays. This cannot be undone. To keep it for later, switch it off.</p>`,
                ...(sessions.length && { depends: [`${said}, with all that was said`] }),
                confirm: "Remove",
                danger: true,
            });
            if (!yes) return;
            await call("DELETE", this.address);
        } catch (error) {
            return say(messageOf(error), { failed: true });
        }
        say(`Scope ${id} is removed.`);
        const form = this.querySelector<ConsoleForm>("console-form");
        if (form) unguard(form);
        await go("scopes");
    };

    protected content(): TemplateResult {
        const scope = this.scope!;
        return html`<p>${stateOf(scope)}</p>
            <console-form .of=${this.form}></console-form>
            <section class="section"><h2>Put it into a page</h2>
                ${this.profile
                    ? html`<p>It leads to the profile <a href="/admin/profiles/${this.profile.id}">${this.profile.slug}</a>.</p>
                        ${widgetSnippet({
                            orchestrator: this.profile.orchestrator_class,
                            profile: this.profile.slug,
                            scope: { course: scope.course_id ?? "", slot: scope.ui_slot_selector_id },
                        })}`
                    : nothing}</section>`;
    }
}

customElements.define("page-scopes", PageScopes);
customElements.define("page-scope-new", PageScopeNew);
customElements.define("page-scope", PageScope);
