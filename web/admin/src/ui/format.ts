/* Numbers, times and money as people read them, in the browser's language. */

/** Made when it is first wanted: a browser takes longer for its first formatter than for drawing a page's beginning. */
export function lazy<T>(make: () => T): () => T {
    let made: T | undefined;
    return () => (made ??= make());
}

const number = lazy(() => new Intl.NumberFormat());
const short = lazy(() => new Intl.NumberFormat(undefined, { notation: "compact", maximumFractionDigits: 1 }));
const time = lazy(() => new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" }));
const exact = lazy(() => new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" }));
const relative = lazy(() => new Intl.RelativeTimeFormat(undefined, { numeric: "auto" }));

export const NONE = "–";

export function count(value: unknown): string {
    return typeof value === "number" && Number.isFinite(value) ? number().format(value) : NONE;
}

export function compact(value: unknown): string {
    return typeof value === "number" && Number.isFinite(value) ? short().format(value) : NONE;
}

/** An RFC 3339 time. */
export function when(value: unknown, { seconds = false } = {}): string {
    const date = typeof value === "string" && value ? new Date(value) : null;
    return date && !Number.isNaN(date.getTime()) ? (seconds ? exact() : time()).format(date) : NONE;
}

const STEPS: [Intl.RelativeTimeFormatUnit, number][] = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];

/** "3 hours ago", "in 2 days". */
export function ago(value: unknown, now = Date.now()): string {
    const then = typeof value === "string" ? Date.parse(value) : NaN;
    if (Number.isNaN(then)) return NONE;
    const seconds = Math.round((then - now) / 1000);
    const [unit, size] = STEPS.find(([, one]) => Math.abs(seconds) >= one) ?? ["second", 1];
    return relative().format(Math.trunc(seconds / size), unit);
}

export function duration(ms: unknown): string {
    if (typeof ms !== "number" || !Number.isFinite(ms)) return NONE;
    if (ms < 1000) return `${number().format(Math.round(ms))} ms`;
    return ms < 60_000 ? `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s` : `${number().format(Math.round(ms / 60_000))} min`;
}

export function bytes(value: unknown): string {
    if (typeof value !== "number") return NONE;
    const units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let size = value, unit = 0;
    for (; size >= 1024 && unit < units.length - 1; unit++) size /= 1024;
    return `${size.toFixed(unit && size < 10 ? 1 : 0)} ${units[unit]}`;
}

/** Millionths of a currency. */
export function money(millionths: unknown, currency = "USD"): string {
    if (typeof millionths !== "number" || !Number.isFinite(millionths)) return NONE;
    const value = millionths / 1e6;
    const digits = value !== 0 && Math.abs(value) < 0.01 ? 6 : 2;
    try {
        return new Intl.NumberFormat(undefined, { style: "currency", currency, minimumFractionDigits: 2, maximumFractionDigits: digits }).format(
            value,
        );
    } catch {
        return `${value.toFixed(digits)} ${currency}`;
    }
}

/** Millionths of a currency as a form shows them: "25.00", "0.000125". */
export function amountText(millionths: unknown): string {
    if (typeof millionths !== "number" || !Number.isFinite(millionths)) return "";
    const [whole, part = ""] = (millionths / 1e6).toFixed(6).split(".");
    return `${whole}.${part.replace(/0+$/, "").padEnd(2, "0")}`;
}

/** The other way, exactly; null for what is no amount. A comma would be thousands to one reader and cents to another. */
export function amountTyped(text: string): number | null {
    const parts = /^(\d{1,9})(?:\.(\d{1,6}))?$/.exec(text.trim());
    return parts ? Number(parts[1]) * 1e6 + Number((parts[2] ?? "").padEnd(6, "0")) : null;
}

/** "summarise_text" as "Summarise text". */
export function words(name: string): string {
    const text = name.replace(/[_-]+/g, " ").trim();
    return text.charAt(0).toUpperCase() + text.slice(1);
}

/** What is in a text field for datetime-local, as RFC 3339; "" for none. */
export function fromLocal(value: string): string {
    const date = value ? new Date(value) : null;
    return date && !Number.isNaN(date.getTime()) ? date.toISOString() : "";
}

/** The other way. */
export function toLocal(value: unknown): string {
    const date = typeof value === "string" && value ? new Date(value) : null;
    if (!date || Number.isNaN(date.getTime())) return "";
    return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

/** JSON with line ends, if it is some. */
export function pretty(text: string): string {
    try {
        return /^\s*[[{]/.test(text) ? JSON.stringify(JSON.parse(text), null, 2) : text;
    } catch {
        return text;
    }
}
