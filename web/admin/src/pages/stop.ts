/* The emergency stop: all AI of the site off, at once. */
import { html, nothing, type TemplateResult } from "lit";
import { messageOf } from "../api.js";
import { emergency, type StopInForce } from "../emergency.js";
import { ask, openDialog } from "../ui/dialog.js";
import { when } from "../ui/format.js";
import { Page } from "../ui/page.js";
import { badge, facts } from "../ui/parts.js";
import { say } from "../ui/toast.js";

const REASON_BYTES = 300;

class PageStop extends Page {
    private readonly changed = () => this.requestUpdate();

    heading(): string {
        return "Emergency stop";
    }

    protected override lead(): string {
        return "One step that ends all AI of this site within a second, and keeps it off until somebody lifts it.";
    }

    override connectedCallback(): void {
        super.connectedCallback();
        emergency.addEventListener("change", this.changed);
    }

    override disconnectedCallback(): void {
        super.disconnectedCallback();
        emergency.removeEventListener("change", this.changed);
    }

    protected async load(): Promise<void> {
        await emergency.refresh();
    }

    protected content(): TemplateResult {
        const { site = null, all_sites = null } = emergency.current ?? {};
        return html`${all_sites ? this.inForce("All sites are stopped", all_sites, html`<p>The operator has stopped all sites on the command line, and
            only there is it lifted: <code>lectern emergency-stop lift</code>.</p>`) : nothing}
            ${site
                ? this.inForce(
                    "This site is stopped",
                    site,
                    html`<div class="buttons"><button type="button" class="primary" @click=${this.lift}>Lift the stop…</button></div>`,
                )
                : html`<section class="card"><h2>${badge(all_sites ? "off" : "ok", all_sites ? "No stop of this site" : "No stop in force")}</h2>
                      ${what()}<div class="buttons"><button type="button" class="danger" @click=${this.stop}>Stop all AI of this
                          site…</button></div></section>`}`;
    }

    private inForce(title: string, stop: StopInForce, rest: TemplateResult): TemplateResult {
        return html`<section class="card"><h2>${badge("error", title)}</h2>
            ${
                facts([["Since", when(stop.since, { seconds: true })], ["By", stop.by], ["Reason", stop.reason || "none was given"]])
            }${rest}</section>`;
    }

    private readonly stop = async (): Promise<void> => {
        const reason = await openDialog<string>("Stop all AI of this site?", (close, update) => reasonView(close, update));
        if (reason === undefined) return;
        await this.change(() => emergency.stop(reason), "All AI of this site is stopped.");
    };

    private readonly lift = async (): Promise<void> => {
        const yes = await ask({
            title: "Lift the stop?",
            text: "New calls are answered again at once. What the stop has ended does not go on: people have to ask again.",
            confirm: "Lift it",
        });
        if (yes) await this.change(() => emergency.lift(), "The stop was lifted.");
    };

    private async change(what: () => Promise<void>, done: string): Promise<void> {
        try {
            await what();
            say(done);
        } catch (error) {
            say(messageOf(error), { failed: true });
        }
        await this.updateComplete;
        this.querySelector<HTMLElement>("#heading")?.focus(); // the button has gone
    }
}

function what(): TemplateResult {
    return html`<ul>
        <li><strong>What runs</strong> is ended within a second: answers that are being written, workflows, background tasks. The AI services are hung
            up on; the register keeps what was said.</li>
        <li><strong>New calls</strong> are refused. People read that AI is stopped for the moment, and your reason.</li>
        <li><strong>Everything else</strong> goes on: reading, the register, this console. Providers cannot be tested meanwhile.</li>
    </ul>`;
}

let typed = "";

/** Closes with the reason, which may be empty. */
function reasonView(close: (reason?: string) => void, update: () => void): TemplateResult {
    const tooLong = new TextEncoder().encode(typed).length > REASON_BYTES;
    const take = (event: Event) => {
        typed = (event.target as HTMLInputElement).value;
        update();
    };
    const done = (reason?: string) => {
        typed = "";
        close(reason);
    };
    return html`<form method="dialog" @submit=${(event: Event) => { event.preventDefault(); if (!tooLong) done(typed.trim()); }}>
        ${what()}
        <label class="field"><span class="label">Reason, which people will read</span><input type="text" autocomplete="off"
            placeholder="We are looking into wrong answers." aria-invalid=${tooLong ? "true" : nothing} @input=${take} />
            ${tooLong ? html`<span class="error">must be at most ${REASON_BYTES} bytes</span>` : nothing}</label>
        <div class="buttons"><button type="button" @click=${() => done()}>Cancel</button><button type="submit" class="danger">Stop all AI
            now</button></div>
    </form>`;
}

customElements.define("page-stop", PageStop);
