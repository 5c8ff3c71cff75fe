/* Adding a limit, and changing one: what it means is said in plain words before it is saved. */
import { html, nothing, type TemplateResult } from "lit";
import { call, get, Refusal } from "../api.js";
import { go } from "../navigation.js";
import type { Field } from "../ui/fields.js";
import type { ConsoleForm, FormOf, Value } from "../ui/form.js";
import { Page } from "../ui/page.js";
import { facts } from "../ui/parts.js";
import { at } from "../ui/pointer.js";
import { limitSentence, spentSentence, type Limit, type LimitForm } from "./limit_words.js";
import { useView } from "./limits.js";
import { providerNames } from "./provider_names.js";

const AMOUNT_MAX = 1e15;
const ROLES = [
    ["student", "Students"], ["teacher", "Teachers"], ["editingteacher", "Editing teachers"], ["manager", "Managers"], ["admin", "Administrators"],
    ["service", "Back ends (service)"],
] as const;
const SECONDS: Record<string, number> = { minutes: 60, hours: 3600, days: 86400 };

const subjectIs = (...subjects: string[]) => (value: unknown) => subjects.includes(at(value, "/subject") as string);
const isMoney = (value: unknown) => at(value, "/unit") === "cost";
const hasLength = (value: unknown) => ["fixed", "sliding"].includes(at(value, "/window") as string);

const spent = (money: boolean): Field => ({
    pointer: "/when_spent",
    title: "When it is used up",
    kind: "select",
    required: true,
    options: [
        ["refuse", "Refuse calls"],
        ...(money ? ([["fallback", "Ask only providers that cost less"]] as const) : []),
        ["notice", "Only give notice"],
    ],
    when: (value) => isMoney(value) === money,
});

const amounts = (currency: string): Field[] => [
    {
        pointer: "/amount",
        title: "Amount",
        kind: "number",
        whole: true,
        min: 0,
        max: AMOUNT_MAX,
        required: true,
        when: (value) => !isMoney(value),
        help: "0: nothing at all.",
    },
    { pointer: "/amount", title: `Amount (${currency})`, kind: "money", max: AMOUNT_MAX, required: true, when: isMoney, help: "As in 25.00. A " +
        "model without a price is not asked under a budget that refuses or falls back." },
];

function newFields(names: Map<string, string>, actions: { name: string; title: string }[], currency: string): Field[] {
    const forThemselves = { pointer: "/per_user", title: "Each user has the amount for themselves", kind: "boolean" } as const;
    return [
        {
            pointer: "/subject",
            title: "For",
            kind: "select",
            required: true,
            options: [["site", "The whole site"], ["course", "Courses"], ["role", "A role"], ["user", "Users"], ["provider", "Providers"]],
        },
        {
            pointer: "/subject_id",
            title: "Course",
            kind: "text",
            maxLength: 255,
            when: subjectIs("course"),
            help: "Left empty: each course has the amount for itself.",
        },
        { pointer: "/subject_id", title: "Role", kind: "select", required: true, options: ROLES, when: subjectIs("role") },
        {
            pointer: "/subject_id",
            title: "User",
            kind: "text",
            maxLength: 255,
            when: subjectIs("user"),
            help: "Left empty: each user has the amount.",
        },
        {
            pointer: "/subject_id",
            title: "Provider",
            kind: "select",
            options: [...names],
            when: subjectIs("provider"),
            none: "Each provider for itself",
        },
        { ...forThemselves, fallback: true, when: subjectIs("role") },
        { ...forThemselves, fallback: false, when: subjectIs("site", "course", "provider") },
        {
            pointer: "/action",
            title: "Action",
            kind: "select",
            options: actions.map((one) => [one.name, one.title] as const),
            none: "All actions together",
        },
        {
            pointer: "/unit",
            title: "Of what",
            kind: "select",
            required: true,
            options: [["requests", "Requests"], ["tokens", "Tokens"], ["cost", "Money"]],
        },
        ...amounts(currency),
        { pointer: "/window", title: "Within", kind: "select", required: true, options: [
            ["day", "A day"], ["week", "A week, from Monday"], ["month", "A calendar month"], ["fixed", "A time from the first use on"],
            ["sliding", "The time that has just passed"],
        ] },
        { pointer: "/length", title: "How long", kind: "number", whole: true, min: 1, required: true, when: hasLength },
        {
            pointer: "/length_in",
            title: "In",
            kind: "select",
            required: true,
            options: Object.keys(SECONDS).map((name) => [name, name] as const),
            when: hasLength,
        },
        spent(false),
        spent(true),
    ];
}

/** As the API takes it. */
function limitOf({ length, length_in, ...rest }: Value): LimitForm {
    const limit = rest as LimitForm;
    return hasLength(rest) && typeof length === "number" ? { ...limit, window_s: length * SECONDS[String(length_in)]! } : limit;
}

class PageLimitNew extends Page {
    private form: FormOf | null = null;
    private names = new Map<string, string>();
    private currency = "USD";
    private previous: Value = {};

    heading(): string {
        return "Add a limit";
    }

    protected override above(): [string, string] {
        return ["limits", "Limits and budgets"];
    }

    protected async load(): Promise<void> {
        const [names, { actions }, { total }] = await Promise.all([
            providerNames(this.signal),
            get<{ actions: { name: string; title: string }[] }>("/v1/actions", {}, this.signal),
            get<{ total: { currency?: string } }>("/v1/reports/cost", { limit: 1 }, this.signal),
        ]);
        this.names = names;
        this.currency = total.currency ?? "USD";
        this.previous = { subject: "user", unit: "requests", window: "day", when_spent: "refuse", length: 1, length_in: "hours" };
        this.form = {
            fields: newFields(names, actions, this.currency),
            value: this.previous,
            submit: "Add",
            unchanged: true,
            done: "The limit was set.",
            changed: (value) => this.changed(value),
            extra: (value) => this.said(value),
            save: ({ value }) => this.send(value),
            saved: () => void go("limits"),
            cancel: () => void go("limits"),
        };
    }

    /** What belongs to another kind of subject or unit goes. */
    private changed(value: Value): void {
        const before = this.previous, form = this.querySelector<ConsoleForm>("console-form");
        this.previous = value;
        if (value["subject"] !== before["subject"]) {
            form?.set("/subject_id", undefined);
            form?.set("/per_user", undefined);
        }
        if ((value["unit"] === "cost") !== (before["unit"] === "cost")) form?.set("/amount", undefined);
        if (value["unit"] !== "cost" && value["when_spent"] === "fallback") form?.set("/when_spent", "refuse");
    }

    private said(value: Value): TemplateResult {
        if (value["amount"] === undefined) return html`<p class="sentence">Say how much: what the limit means is said here then.</p>`;
        const limit = { ...limitOf(value), currency: this.currency };
        const name = limit.subject === "provider" ? this.names.get(limit.subject_id ?? "") : undefined;
        return html`<p class="sentence" role="status"><strong>${limitSentence(limit, name)}</strong> ${spentSentence(limit.when_spent)}</p>`;
    }

    private async send(value: Value) {
        try {
            return await call<Limit>("POST", "/v1/limits", { body: limitOf(value) });
        } catch (error) {
            if (!(error instanceof Refusal)) throw error;
            const fields = error.fields.map((one) => ({ ...one, pointer: one.pointer === "/window_s" ? "/length" : one.pointer }));
            throw new Refusal(error.status, error.code, error.detail, fields, error.retryAfter, error.requestId, error.problem);
        }
    }

    protected content(): TemplateResult | typeof nothing {
        return this.form ? html`<section class="card"><console-form .of=${this.form}></console-form></section>` : nothing;
    }
}

class PageLimit extends Page {
    private limit: Limit | null = null;
    private form: FormOf | null = null;
    private name: string | undefined;

    private get path(): string {
        return `/v1/limits/${encodeURIComponent(this.params["id"]!)}`;
    }

    heading(): string {
        return `Limit ${this.params["id"]}`;
    }

    protected override above(): [string, string] {
        return ["limits", "Limits and budgets"];
    }

    protected override lead(): string | typeof nothing {
        return this.limit ? limitSentence(this.limit, this.name) : nothing;
    }

    protected async load(): Promise<void> {
        const [{ data, etag }, names] = await Promise.all([call<Limit>("GET", this.path, { signal: this.signal }), providerNames(this.signal)]);
        this.limit = data;
        this.name = data.subject === "provider" ? names.get(data.subject_id) : undefined;
        const valueOf = ({ unit, amount, when_spent }: Limit): Value => ({ unit, amount, when_spent });
        this.form = {
            fields: [...amounts(data.currency ?? "USD"), spent(false), spent(true)].filter((field) => field.when!({ unit: data.unit })),
            value: valueOf(data),
            etag,
            done: "The limit was changed.",
            extra: (value) => html`<p class="sentence" role="status"><strong>${
                limitSentence({ ...data, ...(value as LimitForm) }, this.name)
            }</strong> ${spentSentence(value["when_spent"] as Limit["when_spent"])}</p>`,
            save: ({ patch, ifMatch }) => call<Limit>("PATCH", this.path, { body: patch, ifMatch }),
            saved: () => void go("limits"),
            cancel: () => void go("limits"),
            reread: async () => {
                const now = await call<Limit>("GET", this.path);
                return { value: valueOf(now.data), etag: now.etag };
            },
        };
    }

    protected content(): TemplateResult | typeof nothing {
        if (!this.limit || !this.form) return nothing;
        return html`<section class="card">${facts([["Now", useView(this.limit)]])}
            <p class="muted small">Amount and what happens then can be changed; what is used stays used. For anything else add another limit.</p>
            <console-form .of=${this.form}></console-form></section>`;
    }
}

customElements.define("page-limit-new", PageLimitNew);
customElements.define("page-limit", PageLimit);
