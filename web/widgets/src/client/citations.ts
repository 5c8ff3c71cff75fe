/* Where what an answer says comes from, as the server names it: {"title", "url"?, "quote"?}. */

export interface Citation {
    title: string;
    /** "": it has none that can be followed. */
    url: string;
    quote: string;
}

const CITATIONS_MAX = 20;

const text = (value: unknown): string => (typeof value === "string" ? value.trim() : "");

/** Those that have something to show; an address only when it is of the web. */
export function readCitations(value: unknown): Citation[] {
    const list = Array.isArray(value) ? (value as Record<string, unknown>[]) : [];
    return list
        .map((each) => ({ title: text(each?.["title"]), url: text(each?.["url"]), quote: text(each?.["quote"]) }))
        .map(({ title, url, quote }) => ({ title: title || url, url: /^https?:\/\/[^/\s]\S*$/i.test(url) ? url : "", quote }))
        .filter(({ title }) => title !== "")
        .slice(0, CITATIONS_MAX);
}
