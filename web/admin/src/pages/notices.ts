/* Notices of budgets: the last ones on the page of limits, and all of them on a page of their own. */
import { html, type TemplateResult } from "lit";
import { get } from "../api.js";
import type { ListOf } from "../ui/list.js";
import { Page } from "../ui/page.js";
import { badge, timeView } from "../ui/parts.js";
import { limitSentence, type Limit } from "./limit_words.js";
import { providerNames } from "./provider_names.js";

export interface Notice {
    id: number;
    limit: number;
    of: string;
    user_id: string;
    percent: number;
    created_at: string;
}

/** Of which limit a notice is, in words: those that are there, and the names of providers by their number as text. */
export class NoticeWords {
    constructor(
        private readonly limits: readonly Limit[] = [],
        private readonly names: ReadonlyMap<string, string> = new Map(),
    ) {}

    level({ percent }: Notice): TemplateResult {
        return badge(percent >= 100 ? "error" : "warning", percent >= 100 ? "Used up" : `${percent} % used`);
    }

    sentence(limit: Limit): string {
        return limitSentence(limit, limit.subject === "provider" ? this.names.get(limit.subject_id) : undefined);
    }

    /** A limit that is gone has its number alone. */
    limit({ limit }: Notice): TemplateResult {
        const known = this.limits.find((one) => one.id === limit);
        return html`<a href="/admin/limits/${limit}">${known ? this.sentence(known) : `Limit ${limit}`}</a>`;
    }

    /** Whose use it was, where each has the amount for itself; "" where the limit is one for all. */
    whose({ limit, of, user_id }: Notice): string {
        const provider = this.limits.find((one) => one.id === limit)?.subject === "provider";
        return [provider ? (this.names.get(of) ?? of) : of, user_id].filter(Boolean).join(", ");
    }
}

const LIMITS = 1000;

class PageLimitNotices extends Page {
    private list: ListOf<Notice> | undefined;

    heading(): string {
        return "Budget notices";
    }

    protected override above(): [string, string] {
        return ["limits", "Limits and budgets"];
    }

    protected override lead(): string {
        return "When 80 and when 100 % of a budget were used, newest first: one notice of each in each of its windows.";
    }

    protected async load(): Promise<void> {
        const [names, { limits }] = await Promise.all([
            providerNames(this.signal),
            get<{ limits: Limit[] }>("/v1/limits", { limit: LIMITS }, this.signal),
        ]);
        const words = new NoticeWords(limits, names);
        this.list = {
            path: "/v1/limits/notices",
            member: "notices",
            title: "notices",
            cursor: "before",
            columns: [
                { name: "percent", title: "What", sort: true, cell: (row) => words.level(row) },
                { name: "limit", title: "Budget", sort: true, cell: (row) => words.limit(row) },
                { name: "of", title: "Of", sort: true, cell: (row) => words.whose(row) },
                { name: "created_at", title: "When", sort: true, cell: (row) => timeView(row.created_at) },
            ],
            empty: "No budget has come near its end yet.",
        };
    }

    protected content(): TemplateResult {
        return html`<console-list .of=${this.list!}></console-list>`;
    }
}

customElements.define("page-limit-notices", PageLimitNotices);
