/* What pages about providers share: how the API tells of them, in words. */
import { html, nothing, type TemplateResult } from "lit";
import { ago, words } from "../ui/format.js";
import type { Schema } from "../ui/fields.js";
import { badge } from "../ui/parts.js";

export interface Circuit {
    state: "closed" | "half_open" | "open";
    faults: number;
    cause?: string;
    retry_in_ms?: number;
}

export interface ActionOfProvider {
    enabled?: boolean;
    settings?: Record<string, unknown>;
}

export interface Provider {
    id: number;
    name: string;
    plugin: string;
    enabled: boolean;
    configured: boolean;
    reason: string | null;
    circuit: Circuit;
    config: Record<string, unknown>;
    actions: Record<string, ActionOfProvider>;
    /** Profiles that name it, in words. */
    used_by?: string | null;
}

export interface Plugin {
    name: string;
    title: string;
    description: string;
    settings_schema: Schema;
    serves: string[];
}

export const FALLBACK =
    "An action goes to the first provider of this list that serves it. If that one fails, the next one is asked, and so on. One that is off, not " +
        "set up, or left alone after faults is passed over.";

const CAUSES: Record<string, string> = {
    upstream_unavailable: "it cannot be reached or answers with errors",
    upstream_timeout: "it does not answer in time",
    upstream_rate_limited: "it says that it was asked too often",
    upstream_unauthorized: "it refuses the key",
    upstream_not_found: "it does not know the model, or the address is wrong",
    upstream_invalid: "its answers cannot be read",
};

export const causeText = (code: string): string => CAUSES[code] ?? words(code).toLowerCase();

/** On, set up, and whether it is asked at the moment. */
export function stateView(provider: Provider): TemplateResult {
    if (!provider.configured) return html`${badge("error", "Not set up")} <span class="small">${provider.reason}</span>`;
    if (!provider.enabled) return badge("off", "Off");
    return circuitView(provider.circuit);
}

export function circuitView({ state, faults, cause, retry_in_ms }: Circuit): TemplateResult {
    const why = cause ? `: ${causeText(cause)}` : "";
    if (state === "closed") return html`${badge("ok", "Ready")}${
        faults > 0 ? html` <span class="small">${faults === 1 ? "The last try failed" : `The last ${faults} tries failed`}${why}.</span>` : nothing
    }`;
    const next = retry_in_ms ? ago(new Date(Date.now() + retry_in_ms).toISOString()) : "now";
    return html`${badge(state === "open" ? "error" : "warning", state === "open" ? "Left alone" : "On trial")}
        <span class="small">${faults} faults in a row${why}. ${state === "open" ? `Asked again ${next}.` : "The next call decides."}</span>`;
}
