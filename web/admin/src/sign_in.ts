/* Signing in with a site key: as a page of its own, or over the page on which a session has ended. */
import { html, nothing, type TemplateResult } from "lit";
import { messageOf, refusalFrom, refusalOf, Refusal } from "./api.js";
import { session, type Session } from "./session.js";
import { LightElement } from "./ui/page.js";

const ADDRESS = "/v1/console/session";

/** Not by call(): that one waits for a sign-in where this is one. */
async function ask(init: RequestInit): Promise<Response> {
    try {
        return await fetch(ADDRESS, { credentials: "same-origin", cache: "no-store", ...init });
    } catch {
        throw new Refusal(0, "connection_lost", "Lectern cannot be reached. Check the connection, and whether the daemon runs.");
    }
}

async function signIn(key: string): Promise<Session> {
    const response = await ask({ method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ key }) });
    const body = (await response.json().catch(() => ({}))) as Record<string, unknown>;
    if (!response.ok) throw refusalFrom(body, response.status);
    return body as unknown as Session;
}

/** A session that has ended meanwhile is signed out, too. */
export async function signOut(which = session.current): Promise<void> {
    const response = await ask({ method: "DELETE", headers: { "X-CSRF-Token": which?.csrf_token ?? "" } });
    if (!response.ok && response.status !== 401) throw await refusalOf(response);
}

/** Who comes by a link from another site brings no cookie to the page, but to the calls that it makes. */
export async function sessionOfVisitor(): Promise<Session | null> {
    if (!document.referrer || new URL(document.referrer).origin === location.origin) return null;
    const response = await ask({}).catch(() => null);
    return response?.ok ? ((await response.json()) as Session) : null;
}

/** What to do about a refusal, in words for somebody with a key in their hand. */
function adviceOn(error: unknown): string {
    if (!(error instanceof Refusal)) return messageOf(error);
    switch (error.code) {
        case "unauthenticated":
            return error.detail.includes("expired")
                ? "This key has expired. Ask for a new one."
                : "This key is not known here. Was it copied whole? It begins with lk_ and may have been revoked.";
        case "permission_denied":
            return error.fields.length ? "This key is not an administrator's: the console takes keys of role site_admin." : error.detail;
        case "rate_limited":
            return `Too many wrong keys came from this address. Wait ${error.retryAfter || 60} s, then try again.`;
        case "invalid_input":
            return "This is not a key. Keys begin with lk_ and have 46 characters.";
        default:
            return error.detail;
    }
}

export class ConsoleSignIn extends LightElement {
    static override properties = { again: { type: Boolean }, busy: { state: true }, trouble: { state: true } };
    /** Over a page that waits. */
    declare again: boolean;
    declare busy: boolean;
    declare trouble: string;

    constructor() {
        super();
        this.again = false;
        this.busy = false;
        this.trouble = "";
    }

    protected override firstUpdated(): void {
        this.querySelector("input")?.focus();
    }

    private readonly submit = async (event: Event): Promise<void> => {
        event.preventDefault();
        const input = this.querySelector("input")!;
        const key = input.value.trim();
        if (this.busy) return;
        this.trouble = key ? "" : "Type or paste a key.";
        if (!key) return input.focus();
        this.busy = true;
        try {
            const signedIn = await signIn(key);
            if (!session.fits(signedIn)) {
                await signOut(signedIn);
                throw new Error(
                    `This key is for the site ${signedIn.site.name}, this page is of ${session.current?.site.name}.` +
                        " Use a key of this site, or load the page anew to go there.",
                );
            }
            input.value = "";
            session.set(signedIn);
        } catch (error) {
            this.trouble = adviceOn(error);
            input.select();
        }
        this.busy = false;
    };

    protected override render(): TemplateResult {
        return html`<form class="sign-in" @submit=${this.submit} aria-busy=${this.busy}>
            <h1 id="heading" tabindex="-1">${this.again ? "Sign in again" : "Lectern"}</h1>
            <p>${this.again
                ? "The session has ended. What you have typed stays as it is."
                : "Sign in to the console of a site with one of its admin keys."}</p>
            <div class="field"><label class="label" for="sign-in-key">Site key</label>
                <input id="sign-in-key" type="password" autocomplete="current-password" spellcheck="false" placeholder="lk_…"
                    aria-invalid=${this.trouble ? "true" : nothing} aria-describedby=${this.trouble ? "sign-in-trouble" : nothing} />
                ${this.trouble ? html`<span class="error" id="sign-in-trouble" role="alert">${this.trouble}</span>` : nothing}</div>
            <div class="buttons"><button class="primary" type="submit">${this.busy ? "Signing in…" : "Sign in"}</button></div>
            <details><summary>Where do I find a key?</summary>
                <p>An administrator who is signed in makes one for you: Keys, New key. Or make one on the machine that Lectern runs on:</p>
                <pre tabindex="0">lectern key add --site SITE --role site_admin --name "Ada's console"</pre>
                <p>With <code>--demo</code> there is one: <code>admin_key</code> in <code>demo.json</code> of the data directory.</p>
            </details>
        </form>`;
    }
}

customElements.define("console-sign-in", ConsoleSignIn);
