/* An image that was made, as its answer tells of it. */
import type { Answer } from "../client/api.js";

export interface MadeImage {
    address: string;
    /** What it shows, for who cannot see it. */
    description: string;
}

/** undefined: there is none, or it is not where the daemon is; images of others are never loaded. */
export function imageOf(answer: Answer | undefined, baseUrl: string): MadeImage | undefined {
    const { url, alt } = (answer?.response?.draft_file ?? {}) as { url?: unknown; alt?: unknown };
    if (typeof url !== "string" || !url) return undefined;
    try {
        const base = new URL(baseUrl || "/", location.href);
        const address = new URL(url, base);
        if (address.origin !== base.origin || !/^https?:$/.test(address.protocol)) return undefined;
        return { address: address.href, description: typeof alt === "string" ? alt : "" };
    } catch {
        return undefined;
    }
}
