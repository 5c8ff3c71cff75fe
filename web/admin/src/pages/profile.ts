/* One profile: its configuration, where it applies, its history. */
import { html, nothing, type TemplateResult } from "lit";
import { call, get, Refusal } from "../api.js";
import { go } from "../navigation.js";
import { count } from "../ui/format.js";
import { badge, facts, timeView } from "../ui/parts.js";
import { editable, type EditorOf } from "../ui/profile_editor.js";
import { say } from "../ui/toast.js";
import type { Version, VersionsOf } from "../ui/versions.js";
import "../ui/versions.js";
import { widgetSnippet } from "../ui/widget_snippet.js";
import { ProfilePage, type Profile, type ProfileUsage } from "./profile_common.js";
import { placeOf, stateOf, type Scope } from "./scope_common.js";

class PageProfile extends ProfilePage {
    protected readonly tab = "";
    private editor: EditorOf | null = null;

    protected override async load(): Promise<void> {
        await super.load();
        const profile = this.profile!;
        this.editor = {
            value: editable(profile),
            etag: this.etag,
            submit: "Save",
            check: profile,
            save: ({ patch, ifMatch }) => call("PATCH", this.address, { body: patch, ifMatch }),
            reread: async () => {
                const { data, etag } = await call<Profile>("GET", this.address);
                return { value: editable(data), etag };
            },
            saved: (answer) => { this.profile = answer as Profile; },
        };
    }

    protected body(profile: Profile): TemplateResult {
        return html`${facts([
            ["State", profile.valid ? badge("ok", "Valid") : badge("error", "Cannot run")],
            ["Version", html`${count(profile.version)}, saved ${timeView(profile.updated_at)}`],
            ["Used by", profile.usage.scope_count
                ? html`<a href="/admin/profiles/${profile.id}/scopes">${
                    profile.usage.scope_count === 1 ? "1 scope" : `${count(profile.usage.scope_count)} scopes`
                }</a>`
                : html`no scope yet: <a href="/admin/scopes/new?profile_id=${profile.id}">say where it applies</a>`],
        ])}
        <console-profile-editor .of=${this.editor}></console-profile-editor>`;
    }
}

class PageProfileScopes extends ProfilePage {
    static override properties = { ...ProfilePage.properties, chosen: { state: true } };
    protected readonly tab = "/scopes";
    private usage: ProfileUsage | null = null;
    /** The scope whose snippet is shown. */
    declare chosen: number;

    constructor() {
        super();
        this.chosen = 0;
    }

    protected override async load(): Promise<void> {
        const [, usage] = await Promise.all([super.load(), get<ProfileUsage>(`${this.address}/usage`, {}, this.signal)]);
        this.usage = usage;
        this.chosen = usage.scopes.find((scope) => scope.enabled)?.id ?? 0;
    }

    protected body(profile: Profile): TemplateResult {
        const { scopes, session_count, scope_count } = this.usage!;
        const chosen = scopes.find((scope) => scope.id === this.chosen);
        return html`<section class="section"><h2>Scopes</h2>
            ${scopes.length
                ? html`<ul class="plainlist">${scopes.map((scope) => this.scope(scope))}</ul>`
                : html`<div class="empty"><p>No scope leads here yet, so nobody sees it in a page by itself.</p></div>`}
            ${scope_count > scopes.length ? html`<p class="muted">and ${count(scope_count - scopes.length)} more</p>` : nothing}
            <p><a class="button ${scopes.length ? "" : "primary"}" href="/admin/scopes/new?profile_id=${profile.id}">New scope for it</a></p>
            <p class="muted">${
                session_count === 0 ? "No conversation is" : session_count === 1 ? "1 conversation is" : `${count(session_count)} conversations are`
            } kept of it.</p></section>
        <section class="section"><h2>Put it into a page</h2>
            ${scopes.length > 1
                ? html`<label class="field"><span class="label">For the scope</span><select
                    @change=${(event: Event) => { this.chosen = Number((event.target as HTMLSelectElement).value); }}>
                    ${
                        scopes.map((scope) => html`<option value=${scope.id} ?selected=${scope.id === this.chosen}>${placeOf(scope)}</option>`)
                    }</select></label>`
                : nothing}
            ${widgetSnippet({
                orchestrator: profile.orchestrator_class,
                profile: profile.slug,
                scope: chosen ? { course: chosen.course_id ?? "", slot: chosen.ui_slot_selector_id } : null,
            })}</section>`;
    }

    private scope(scope: Scope): TemplateResult {
        return html`<li><a href="/admin/scopes/${scope.id}">${placeOf(scope)}</a> ${stateOf(scope)}</li>`;
    }
}

/** What is compared: all that a version holds, as one text. */
const textOf = (version: Version) =>
    `// name: ${version["slug"]}\n// template: ${version["base_filepath"]}\n// description: ${version["description"] ??
        ""}\n\n${version["content_patch"]}`;

class PageProfileHistory extends ProfilePage {
    protected readonly tab = "/history";
    private versions: VersionsOf | null = null;

    protected override async load(): Promise<void> {
        await super.load();
        const profile = this.profile!;
        this.versions =
            { path: `/v1/profiles/${profile.id}/history`, current: profile.version, text: textOf, restore: (version) => this.restore(version) };
    }

    private async restore(version: Version): Promise<void> {
        const { slug, description, base_filepath, content_patch } = version as unknown as Profile;
        const address = `/v1/profiles/${this.profile!.id}`;
        try {
            await call("PATCH", address, { body: { slug, description, base_filepath, content_patch }, ifMatch: this.etag });
        } catch (error) {
            if (!(error instanceof Refusal) || error.status !== 412) throw error;
            await this.reload();
            throw new Error("The profile was changed meanwhile. Look at its history again, then restore.");
        }
        say(`Version ${version.version} is restored.`);
        await go(`profiles/${this.params["id"]}`);
    }

    protected body(): TemplateResult {
        return html`<console-versions .of=${this.versions}></console-versions>`;
    }
}

customElements.define("page-profile", PageProfile);
customElements.define("page-profile-scopes", PageProfileScopes);
customElements.define("page-profile-history", PageProfileHistory);
