/* An image that was made, as its answer tells of it. */
import type { Answer } from "../client/api.js";

export interface MadeImage {
    address: string;
    /** What the model was told to draw in the end. */
    description: string;
}

/** undefined: there is none, or it is not where the daemon is; images of others are never loaded. */
export function imageOf(answer: Answer | undefined, baseUrl: string): MadeImage | undefined {
    const { source_url: source, revised_prompt: revised } = answer?.response ?? {};
    if (typeof source !== "string" || !source) return undefined;
    try {
        const base = new URL(baseUrl || "/", location.href);
        const address = new URL(source, base);
        if (address.origin !== base.origin || !/^https?:$/.test(address.protocol)) return undefined;
        return { address: address.href, description: typeof revised === "string" ? revised : "" };
    } catch {
        return undefined;
    }
}
