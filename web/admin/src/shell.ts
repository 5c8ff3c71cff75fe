/* What stands around every page: menu, who is signed in, notes, and the page that the address says. */
import { html, nothing, type TemplateResult } from "lit";
import { keyed } from "lit/directives/keyed.js";
import { messageOf } from "./api.js";
import { emergency, stopBanner, stopLink } from "./emergency.js";
import { currentPath, go, mayLeave, navigation } from "./navigation.js";
import { pageAt, pages, type PageRow } from "./pages.js";
import { session } from "./session.js";
import { signOut } from "./sign_in.js";
import { LightElement } from "./ui/page.js";
import { say } from "./ui/toast.js";

export class LecternConsole extends LightElement {
    static override properties = { path: { state: true }, menu: { state: true } };
    declare path: string;
    /** Whether the menu is open, where it is not always there. */
    declare menu: boolean;
    private wasEnded = false;
    private readonly moved = () => {
        this.menu = false;
        this.path = currentPath() + location.search;
        void emergency.refresh();
        void this.updateComplete.then(() => {
            scrollTo(0, 0);
            this.querySelector<HTMLElement>("main #heading")?.focus({ preventScroll: true });
        });
    };
    private readonly signed = () => {
        if (session.current && !emergency.current) void emergency.refresh();
        this.requestUpdate();
    };
    private readonly stopped = () => this.requestUpdate();

    constructor() {
        super();
        this.path = currentPath() + location.search;
        this.menu = false;
    }

    override connectedCallback(): void {
        super.connectedCallback();
        navigation.addEventListener("change", this.moved);
        session.addEventListener("change", this.signed);
        emergency.addEventListener("change", this.stopped);
    }

    override disconnectedCallback(): void {
        super.disconnectedCallback();
        navigation.removeEventListener("change", this.moved);
        session.removeEventListener("change", this.signed);
        emergency.removeEventListener("change", this.stopped);
    }

    protected override updated(): void {
        const dialog = this.querySelector<HTMLDialogElement>("dialog.again");
        if (session.ended && dialog && !dialog.open) dialog.showModal();
        if (!session.ended && this.wasEnded) dialog?.close();
        this.wasEnded = session.ended;
    }

    private readonly signOut = async (): Promise<void> => {
        if (!(await mayLeave())) return;
        try {
            await signOut();
        } catch (error) {
            return say(messageOf(error), { failed: true });
        }
        session.set(null);
        await go("", { replace: true });
    };

    protected override render(): TemplateResult {
        if (!session.current) {
            document.title = "Sign in · Lectern";
            return html`<main><console-sign-in></console-sign-in></main>${this.notes()}`;
        }
        const found = pageAt(currentPath());
        return html`
            <a class="skip" href="#heading" @click=${this.skip}>Skip to the page</a>
            <header class="top">
                <button type="button" class="menu" aria-expanded=${this.menu} aria-controls="menu"
                    @click=${() => { this.menu = !this.menu; }}>Menu</button>
                <a class="brand" href="/admin/">Lectern</a>
                <span class="site">${session.current.site.name}</span>
                <span class="who" title=${session.current.key.prefix}>${session.current.key.name || session.current.key.prefix}</span>
                ${stopLink()}
                <button type="button" class="plain" @click=${this.signOut}>Sign out</button>
            </header>
            ${stopBanner()}
            <div class="body">
                <nav id="menu" aria-label="Console" class=${this.menu ? "open" : ""}>${this.groups(found?.row)}</nav>
                <main>${found ? this.page(found) : html`<h1 id="heading" tabindex="-1">Not found</h1><p>There is no page at this address.
                    <a href="/admin/">To the overview</a></p>`}</main>
            </div>
            ${this.notes()}
            <dialog class="again" aria-label="Sign in again" @cancel=${(event: Event) => event.preventDefault()}>${
                session.ended ? html`<console-sign-in again></console-sign-in>` : nothing
            }</dialog>`;
    }

    private notes(): TemplateResult {
        return html`<div id="notes" role="status"></div>`;
    }

    private readonly skip = (event: Event): void => {
        event.preventDefault();
        this.querySelector<HTMLElement>("main #heading")?.focus();
    };

    /** Another address of the same page is a new element: pages read what they show once. */
    private page({ row, params }: NonNullable<ReturnType<typeof pageAt>>): unknown {
        return keyed(this.path, row.view(params));
    }

    private groups(here: PageRow | undefined): unknown {
        const may = pages.filter((page) => page.group && (!page.permission || session.can(page.permission)));
        const groups = [...new Set(may.map((page) => page.group))];
        return groups.map((group) => html`<div class="group">${group === "Overview" ? nothing : html`<h2>${group}</h2>`}<ul>
            ${may.filter((page) => page.group === group).map(
                (page) => html`<li><a href="/admin/${page.path}" aria-current=${this.isHere(page, here) ? "page" : nothing}>${page.title}</a></li>`,
            )}
        </ul></div>`);
    }

    /** The page itself, or the one of the menu that it is below. */
    private isHere(page: PageRow, here: PageRow | undefined): boolean {
        return here === page || (here?.group === "" && page.path !== "" && here.path.startsWith(page.path + "/"));
    }
}

customElements.define("lectern-console", LecternConsole);
