/* Where what an answer says comes from, as the server names it: {"n", "unit_name", "block_name", "block_id", "url", "quote"} (docs/search.md), or
   {"title", "url"?, "quote"?} of a workflow of one's own. */

export interface Citation {
    /** The number that it has in the text, [n]; 0: none. */
    n: number;
    title: string;
    /** "": it has none that can be followed. */
    url: string;
    quote: string;
}

const CITATIONS_MAX = 20;

const text = (value: unknown): string => (typeof value === "string" ? value.trim() : "");

const number = (value: unknown): number => (Number.isSafeInteger(value) && (value as number) > 0 ? (value as number) : 0);

/** Unit and block, or what there is of them. */
function placeName(each: Record<string, unknown>): string {
    const [unit, block] = [text(each["unit_name"]), text(each["block_name"])];
    if (unit && block && unit !== block) return `${unit}, ${block}`;
    return block || unit || text(each["block_id"]);
}

/** Of the web, or a path of the page's own server; nothing that a browser would take for another server. */
const followed = (url: string): boolean => /^(https?:\/\/[^/\s]\S*|\/(?![/\\])[^\s\\]*)$/i.test(url);

/** Those that have something to show. */
export function readCitations(value: unknown): Citation[] {
    const list = Array.isArray(value) ? (value as Record<string, unknown>[]) : [];
    return list
        .map((each) => each ?? {})
        .map((each) => ({ n: number(each["n"]), title: text(each["title"]) || placeName(each), url: text(each["url"]), quote: text(each["quote"]) }))
        .map(({ n, title, url, quote }) => ({ n, title: title || url, url: followed(url) ? url : "", quote }))
        .filter(({ title }) => title !== "")
        .slice(0, CITATIONS_MAX);
}
