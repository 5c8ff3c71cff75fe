/* What the user thinks of an answer, as the server keeps it. */
import { type Api, callPath } from "./api.js";

export type Rating = "up" | "down";

/** The server's names of reasons, in the order in which they are offered. */
export const REASONS = ["wrong", "off_topic", "unclear", "too_long", "harmful", "other"] as const;
export type Reason = (typeof REASONS)[number];

/** Characters; the server takes no more. */
export const COMMENT_MAX = 2000;

export interface Kept {
    rating: Rating | null;
    /** Whether a comment is kept: false where the site stores no texts. */
    comments?: boolean;
}

export function rate(api: Api, id: string, rating: Rating, more: { reason?: Reason; comment?: string } = {}): Promise<Kept> {
    return api.call("PUT", callPath(id) + "/feedback", { rating, ...more });
}

export function takeBack(api: Api, id: string): Promise<Kept> {
    return api.call("DELETE", callPath(id) + "/feedback");
}
