/* A limit in plain words. */
import { count, money, words } from "../ui/format.js";

export interface Limit {
    id: number;
    subject: "site" | "course" | "role" | "user" | "provider";
    subject_id: string;
    per_user: boolean;
    action: string;
    unit: "requests" | "tokens" | "cost";
    amount: number;
    window: "fixed" | "sliding" | "day" | "week" | "month";
    window_s: number | null;
    when_spent: "refuse" | "fallback" | "notice";
    currency?: string;
    used?: number | null;
    left?: number | null;
    resets_at?: string | null;
}

export type LimitForm = Partial<Omit<Limit, "id" | "used" | "left">>;

const CALENDAR: Record<string, string> = { day: "a day", week: "a week (from Monday)", month: "a calendar month" };
const SPENT: Record<string, string> = {
    refuse: "Then calls are refused until there is some left again.",
    fallback: "Then only providers that cost less, or nothing, are still asked.",
    notice: "Then nothing is refused; a notice is given.",
};

const LENGTHS: [string, number][] = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];

/** 5400 as "90 minutes". */
export function lengthText(seconds: number): string {
    const [name, size] = LENGTHS.find(([, one]) => seconds % one === 0) ?? ["second", 1];
    return seconds === size ? `one ${name}` : `${count(seconds / size)} ${name}s`;
}

export function amountOf(unit: Limit["unit"], amount: unknown, currency = "USD"): string {
    if (unit === "cost") return money(amount, currency);
    return typeof amount === "number" ? `${count(amount)} ${amount === 1 ? unit.slice(0, -1) : unit}` : `– ${unit}`;
}

/** Who has the amount. */
export function whoText({ subject, subject_id, per_user }: LimitForm, name?: string): string {
    const called = name ?? subject_id ?? "";
    switch (subject) {
        case "course":
            return called ? `${per_user ? "each user of the" : "the"} course ${called}` : per_user ? "each user in each course" : "each course";
        case "role":
            return `${per_user === false ? "all" : "each"} of the role ${called || "…"}${per_user === false ? " together" : ""}`;
        case "user":
            return called ? `the user ${called}` : "each user";
        case "provider":
            return `${per_user ? "each user of " : ""}${called ? `the provider ${called}` : "each provider"}`;
        default:
            return per_user ? "each user of the site" : "the whole site together";
    }
}

function windowText({ window, window_s }: LimitForm): string {
    if (window === "sliding") return `within any ${window_s ? lengthText(window_s) : "…"}`;
    if (window === "fixed") return `within ${window_s ? lengthText(window_s) : "…"} from the first use`;
    return window ? CALENDAR[window]! : "…";
}

/** "At most 50 requests a day for each user." */
export function limitSentence(limit: LimitForm, name?: string): string {
    const action = limit.action ? ` of ${words(limit.action)}` : "";
    if (limit.amount === 0) return `Nothing at all${action} for ${whoText(limit, name)}.`;
    return `At most ${amountOf(limit.unit ?? "requests", limit.amount, limit.currency)}${action} ${windowText(limit)} for ${whoText(limit, name)}.`;
}

export const spentSentence = (when: Limit["when_spent"] | undefined): string => SPENT[when ?? "refuse"]!;
