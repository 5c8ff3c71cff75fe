/* What the pages of one profile share: reading it, its tabs, duplicating and removing it. */
import { html, nothing, type TemplateResult } from "lit";
import { call, get, messageOf } from "../api.js";
import { go, unguard } from "../navigation.js";
import { ask } from "../ui/dialog.js";
import type { ConsoleForm } from "../ui/form.js";
import { count } from "../ui/format.js";
import { Page } from "../ui/page.js";
import type { Check } from "../ui/profile_editor.js";
import { say } from "../ui/toast.js";
import { placeOf, type Scope } from "./scope_common.js";

export interface Profile extends Check {
    id: number;
    uuid: string;
    slug: string;
    description: string | null;
    base_filepath: string;
    content_patch: string;
    version: number;
    orchestrator_class: string | null;
    usage: { scope_count: number };
    created_at: string;
    updated_at: string;
}

export interface ProfileUsage {
    scope_count: number;
    session_count: number;
    scopes: Scope[];
}

const NAMED = 10;

/** What goes with a profile. */
export function goesWith({ scope_count, session_count, scopes }: ProfileUsage, versions: number): string[] {
    const lines = scopes.slice(0, NAMED).map((scope) => `Scope ${scope.id}: ${placeOf(scope)}`);
    if (scope_count > NAMED) lines.push(`${count(scope_count - NAMED)} more scopes`);
    if (session_count) lines.push(session_count === 1
        ? "1 conversation, with all that was said in it"
        : `${count(session_count)} conversations, with all that was said in them`);
    lines.push(versions === 1 ? "Its history" : `Its history of ${count(versions)} versions`);
    return lines;
}

export async function removeProfile(profile: { id: number; slug: string; version: number }): Promise<boolean> {
    try {
        const usage = await get<ProfileUsage>(`/v1/profiles/${profile.id}/usage`);
        const yes = await ask({
            title: `Remove the profile ${profile.slug}?`,
            text: "This cannot be undone.",
            depends: goesWith(usage, profile.version),
            confirm: "Remove",
            danger: true,
        });
        if (!yes) return false;
        await call("DELETE", `/v1/profiles/${profile.id}`);
        say(`The profile ${profile.slug} is removed.`);
        return true;
    } catch (error) {
        say(messageOf(error), { failed: true });
        return false;
    }
}

const TABS = [["", "Configuration"], ["/scopes", "Where it applies"], ["/history", "History"]] as const;

export abstract class ProfilePage extends Page {
    static override properties = { ...Page.properties, profile: { state: true } };
    declare profile: Profile | null;
    protected etag = "";
    /** "" | "/scopes" | "/history" */
    protected abstract readonly tab: string;
    protected abstract body(profile: Profile): TemplateResult;

    constructor() {
        super();
        this.profile = null;
    }

    protected get address(): string {
        return `/v1/profiles/${encodeURIComponent(this.profile?.uuid ?? this.params["id"]!)}`; // its name may change
    }

    heading(): string {
        return this.profile?.slug ?? "Profile";
    }

    protected override above(): [string, string] {
        return ["profiles", "Profiles"];
    }

    protected async load(): Promise<void> {
        const { data, etag } = await call<Profile>("GET", this.address, { signal: this.signal });
        this.profile = data;
        this.etag = etag;
    }

    protected override tools(): TemplateResult | typeof nothing {
        if (!this.profile) return nothing;
        const { id } = this.profile;
        return html`<a class="button" href="/admin/profiles/new?from=${id}">Duplicate</a><button type="button" class="danger"
            @click=${this.askRemove}>Remove</button>`;
    }

    private readonly askRemove = async (): Promise<void> => {
        if (!this.profile || !(await removeProfile(this.profile))) return;
        const form = this.querySelector<ConsoleForm>("console-form");
        if (form) unguard(form); // there is nothing left to save it to
        await go("profiles");
    };

    protected content(): TemplateResult {
        const { id } = this.profile!;
        return html`<nav class="tabs" aria-label="Of this profile">${TABS.map(([path, title]) =>
            html`<a href="/admin/profiles/${id}${path}" aria-current=${path === this.tab ? "page" : "false"}>${title}</a>`)}</nav>
            ${this.body(this.profile!)}`;
    }
}
