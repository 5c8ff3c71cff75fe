/*
 * What all widgets share: where they are and who asks, the language of the page, what a screen reader is told, what can be used here and
 * why not, leaving the page, and a clock for "you can try again in …".
 */
import { html, LitElement, nothing, type PropertyDeclarations, type TemplateResult } from "lit";
import { type ActionInfo, Api, type Place } from "../client/api.js";
import { type Strings, stringsFor } from "../words/strings.js";
import { unavailable } from "../words/errors.js";
import { copyText } from "./clipboard.js";
import type { Trouble } from "./trouble.js";

const STAFF = ["teacher", "editingteacher", "manager", "admin"];

/** How long a button says "Copied". */
const COPIED_MS = 2000;

export abstract class LecternElement extends LitElement {
    static override properties: PropertyDeclarations = {
        baseUrl: { attribute: "base-url" },
        token: {},
        courseId: { attribute: "course-id" },
        locationId: { attribute: "location-id" },
        placement: {},
    };

    /** Where the daemon is; empty for the page's own origin. */
    declare baseUrl: string;
    /** The user's token; when empty, the content of <meta name="lectern-token">. */
    declare token: string;
    declare courseId: string;
    declare locationId: string;
    declare placement: string;

    /** What a screen reader was told last. */
    protected announcement = "";
    /** Why nothing was offered, as a code of the error table. */
    protected reason = "";
    /** Why the element is not shown, as such a code; told to staff only. */
    protected absent = "";
    /** Whether the focus was in the element before the last update. */
    protected hadFocus = false;

    private questions = 0;
    private tick: ReturnType<typeof setTimeout> | undefined;
    private copiedTimer: ReturnType<typeof setTimeout> | undefined;
    private copiedWhat: unknown;

    constructor() {
        super();
        this.baseUrl = "";
        this.token = "";
        this.courseId = "";
        this.locationId = "";
        this.placement = "";
    }

    override connectedCallback(): void {
        super.connectedCallback();
        window.addEventListener("pagehide", this.stop);
    }

    override disconnectedCallback(): void {
        super.disconnectedCallback();
        window.removeEventListener("pagehide", this.stop);
        this.stop();
        clearTimeout(this.tick);
        clearTimeout(this.copiedTimer);
    }

    /** Ends what is running, here and on the server; what has arrived stays. */
    protected abstract stop: () => void;

    /* ---- who asks, and where ---- */

    api(): Api {
        const meta = document.querySelector<HTMLMetaElement>('meta[name="lectern-token"]');
        return new Api(this.baseUrl, () => this.token || meta?.content || "");
    }

    place(): Place {
        const place: Place = { placement: this.placement };
        if (this.courseId) place.course_id = this.courseId;
        if (this.locationId) place.location_id = this.locationId;
        return place;
    }

    get pageLanguage(): string {
        return this.closest<HTMLElement>("[lang]")?.lang || document.documentElement.lang || "en";
    }

    get strings(): Strings {
        return stringsFor(this.pageLanguage).strings;
    }

    get language(): string {
        return stringsFor(this.pageLanguage).language;
    }

    /* ---- what can be used here ---- */

    /**
     * The wanted actions that are offered here, in the order wanted; undefined when the server cannot be asked or was asked again meanwhile.
     * When there is none, `absent` has the reason if the caller is staff.
     */
    protected async askOffered(wanted: string[]): Promise<ActionInfo[] | undefined> {
        const question = ++this.questions;
        const known = await this.api()
            .actions(this.place())
            .catch(() => undefined);
        if (!known || question !== this.questions) return undefined;
        const actions = wanted.flatMap((name) => known.find((action) => action.name === name) ?? []);
        const offered = actions.filter(isOffered);
        const reason = offered.length > 0 ? "" : (actions[0]?.reason ?? "unknown_action");
        const absent = reason && (await this.isStaff()) ? reason : "";
        if (question !== this.questions) return undefined;
        this.reason = reason;
        this.absent = absent;
        return offered;
    }

    protected async isStaff(): Promise<boolean> {
        const roles = await this.api()
            .roles(this.courseId)
            .catch(() => []);
        return roles.some((role) => STAFF.includes(role));
    }

    /** For staff: why learners do not see the element here. */
    protected staffNote(name: string): TemplateResult | typeof nothing {
        if (!this.absent) return nothing;
        const { strings, language } = this;
        return html`<p class="staff-note" lang=${language} role="note">
            ${strings.staffNote(name)} ${strings.unavailable[unavailable(this.absent)]}
        </p>`;
    }

    /* ---- screen readers, focus, time ---- */

    announce(text: string): void {
        this.announcement = text;
        this.requestUpdate();
    }

    protected announcer(text = this.announcement): TemplateResult {
        return html`<div class="announcer" role="status" aria-live="polite">${text}</div>`;
    }

    protected override willUpdate(): void {
        this.hadFocus = this.shadowRoot?.activeElement != null;
    }

    /** A button that vanishes (Accept, Stop) would drop the focus to the top of the page: it goes to `to` instead. */
    protected keepFocus(to: HTMLElement | null | undefined): void {
        if (this.hadFocus && !this.shadowRoot?.activeElement) to?.focus();
    }

    /** Keeps what is said about a wait true, and tells when it is over. */
    protected follow(trouble: Trouble | undefined): void {
        clearTimeout(this.tick);
        const wait = trouble?.nextTick ?? 0;
        if (wait === 0) return;
        this.tick = setTimeout(() => {
            if (!trouble!.early) this.announcement = this.strings.retryNow;
            this.requestUpdate();
        }, wait);
    }

    /* ---- copying ---- */

    /** `what` names the thing whose button says "Copied" for a while. */
    async copy(text: string, what: unknown): Promise<void> {
        const worked = await copyText(text, this.shadowRoot!);
        this.copiedWhat = worked ? what : undefined;
        this.announce(worked ? this.strings.copied : this.strings.copyFailed);
        clearTimeout(this.copiedTimer);
        this.copiedTimer = setTimeout(() => {
            this.copiedWhat = undefined;
            this.requestUpdate();
        }, COPIED_MS);
    }

    copyLabel(what: unknown): string {
        return this.copiedWhat !== undefined && this.copiedWhat === what ? this.strings.copied : this.strings.copy;
    }
}

/** An action that waits only for the policy is offered: using it is how a learner gets to see the policy. */
export function isOffered(action: ActionInfo): boolean {
    return action.available === true || action.reason === "policy_not_accepted";
}
