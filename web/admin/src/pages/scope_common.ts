/* What the pages of scopes share, and those of profiles that show them. */
import { html, nothing, type TemplateResult } from "lit";
import { get } from "../api.js";
import { badge } from "../ui/parts.js";

export interface Scope {
    id: number;
    profile_id: number;
    course_id: string | null;
    location_regex: string | null;
    ui_slot_selector_id: string;
    service_variant: "lms" | "cms";
    service_variant_label: string;
    enabled: boolean;
    specificity_index: number;
    warnings: string[];
}

export const VARIANTS = [["lms", "LMS: pages for learners"], ["cms", "CMS: pages for authors (Studio)"]] as const;

/** Where it applies, in a line. */
export function placeOf(scope: Scope): string {
    const parts = [scope.course_id ?? "every course"];
    if (scope.location_regex) parts.push(`locations like ${scope.location_regex}`);
    parts.push(scope.ui_slot_selector_id ? `slot ${scope.ui_slot_selector_id}` : "no slot");
    if (scope.service_variant === "cms") parts.push("in Studio");
    return parts.join(", ");
}

const WARNINGS: Record<string, string> = {
    pattern_limit: "Its pattern took too long on a location",
    pattern_invalid: "Its pattern cannot be compiled",
};

export function stateOf(scope: Scope): TemplateResult {
    return html`${
        scope.enabled ? badge("ok", "On") : badge("off", "Off")
    }${scope.warnings.length ? html` ${scope.warnings.map((warning) => badge("warning", WARNINGS[warning] ?? warning))}` : nothing}`;
}

/** id → slug, of as many profiles as one page of the list holds. */
export async function readProfileNames(signal?: AbortSignal): Promise<Map<number, string>> {
    const { profiles } = await get<{ profiles: { id: number; slug: string }[] }>("/v1/profiles", { limit: 1000 }, signal);
    return new Map(profiles.map(({ id, slug }) => [id, slug]));
}

/** A location that a pattern is found in, where it is plain text: "unit7$" → "unit7". "" where one would have to guess. */
export function exampleOf(pattern: string | null): string {
    const text = (pattern ?? "").replace(/^\^/, "").replace(/\$$/, "").replace(/\\([^\w\s])/g, "$1");
    const plain = (pattern ?? "").replace(/\\[^\w\s]/g, "").replace(/^\^/, "").replace(/\$$/, "");
    return /[\\^$.|?*+()[\]{}]/.test(plain) ? "" : text;
}

/** The tester with a scope's context filled in. */
export function testAddress(scope: Scope): string {
    const query = new URLSearchParams({ scope: String(scope.id), course_id: scope.course_id ??
        "", location_id: exampleOf(scope.location_regex), ui_slot_selector_id: scope.ui_slot_selector_id,
        service_variant: scope.service_variant });
    for (const name of [...query.keys()]) if (!query.get(name)) query.delete(name);
    return `/admin/scopes/test?${query}`;
}
