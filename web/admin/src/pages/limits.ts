/* Limits with what is left of them, and what was told of budgets. */
import { html, nothing, type TemplateResult } from "lit";
import { call, get, messageOf } from "../api.js";
import { ask } from "../ui/dialog.js";
import type { ConsoleList, ListOf } from "../ui/list.js";
import { Page } from "../ui/page.js";
import { meter, timeView } from "../ui/parts.js";
import { say } from "../ui/toast.js";
import { amountOf, type Limit } from "./limit_words.js";
import { NoticeWords, type Notice } from "./notices.js";
import { providerNames } from "./provider_names.js";

const NOTICES = 5;
const SPENT: Record<Limit["when_spent"], string> = { refuse: "calls are refused", fallback: "cheaper providers alone", notice: "only a notice" };

/** What is used, where the limit is one counter for all. */
export function useView(limit: Limit): unknown {
    if (limit.used === null || limit.used === undefined) return html`<span class="muted small">counted for each</span>`;
    const shown = `${amountOf(limit.unit, limit.used, limit.currency)} used, ${amountOf(limit.unit, limit.left, limit.currency)} left`;
    return html`<span class="use">${
        meter(`Used of limit ${limit.id}`, limit.used, limit.amount, shown)
    }${limit.resets_at ? html`<span class="muted small">begins anew ${timeView(limit.resets_at)}</span>` : nothing}</span>`;
}

class PageLimits extends Page {
    private names = new Map<string, string>();
    private notices: Notice[] = [];
    private words = new NoticeWords();
    private readonly list: ListOf<Limit> = {
        path: "/v1/limits",
        member: "limits",
        title: "limits",
        href: (row) => `limits/${row.id}`,
        columns: [
            { name: "id", title: "Limit", sort: true, cell: (row) => this.words.sentence(row) },
            { name: "used", title: "Now", cell: useView },
            { name: "when_spent", title: "When it is used up", sort: true, cell: (row) => SPENT[row.when_spent] },
        ],
        buttons: (row) => html`<a class="button" href="/admin/limits/${row.id}" aria-label="Change limit ${row.id}">Change</a>
            <button type="button" aria-label="Remove limit ${row.id}" @click=${() => void this.removeRow(row)}>Remove…</button>`,
        empty: html`<p>There are no limits: everybody may ask as much as they like. <a href="/admin/limits/new">Add a limit</a>
            of requests, of tokens or of money.</p>`,
    };

    heading(): string {
        return "Limits and budgets";
    }

    protected override lead(): string {
        return "How much of what whom. All limits that fit a call count; one of money is a budget.";
    }

    protected override tools(): TemplateResult {
        return html`<a class="button" href="/admin/prices">Prices</a><a class="button primary" href="/admin/limits/new">Add a limit</a>`;
    }

    protected async load(): Promise<void> {
        const [names, { notices }] =
            await Promise.all([providerNames(this.signal), get<{ notices: Notice[] }>("/v1/limits/notices", { limit: NOTICES }, this.signal)]);
        this.names = names;
        this.words = new NoticeWords([], names);
        this.notices = notices;
    }

    private readonly read = ({ detail }: CustomEvent<Limit[] | null>): void => {
        this.words = new NoticeWords(detail ?? [], this.names);
        this.requestUpdate();
    };

    protected content(): TemplateResult {
        return html`${this.notices.length ? this.noticesView() : nothing}
            <console-list .of=${this.list} @rows=${this.read}></console-list>`;
    }

    private noticesView(): TemplateResult {
        return html`<section class="card" aria-labelledby="near"><h2 id="near">Budgets near their end</h2>
            <ul class="notices">${this.notices.map((notice) => {
                const whose = this.words.whose(notice);
                return html`<li>${this.words.level(notice)} ${this.words.limit(notice)}${whose ? html` <span>(${whose})</span>` : nothing}
                    <span class="muted small">${timeView(notice.created_at)}</span></li>`;
            })}</ul>
            <p><a href="/admin/limits/notices">All notices</a></p></section>`;
    }

    private async removeRow(row: Limit): Promise<void> {
        const yes = await ask({
            title: "Remove this limit?",
            text: html`<p>${this.words.sentence(row)}</p><p>It counts no more, and what was used of it is forgotten. Other limits stay.</p>`,
            confirm: "Remove",
            danger: true,
        });
        if (!yes) return;
        try {
            await call("DELETE", `/v1/limits/${row.id}`);
            say("The limit was removed.");
        } catch (error) {
            say(messageOf(error), { failed: true });
        }
        await this.querySelector<ConsoleList>("console-list")?.read();
        this.querySelector<HTMLElement>("#heading")?.focus();
    }
}

customElements.define("page-limits", PageLimits);
