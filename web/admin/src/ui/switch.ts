/* A switch: on or off at once, told by a word and a mark. */
import { html, nothing, type TemplateResult } from "lit";

export interface SwitchOf {
    /** What is switched: "Summarise in Course assist". */
    label: string;
    on: boolean;
    /** Under way: it is not switched again meanwhile. */
    busy?: boolean;
    /** Id of what says more about it. */
    describedBy?: string;
    toggle: (on: boolean) => void;
}

export function switchView({ label, on, busy, describedBy, toggle }: SwitchOf): TemplateResult {
    return html`<button type="button" role="switch" class="switch" aria-checked=${on ? "true" : "false"} aria-label=${label}
        aria-busy=${busy ? "true" : nothing}
        aria-describedby=${describedBy ?? nothing} @click=${() => { if (!busy) toggle(!on); }}><span class="knob" aria-hidden="true"></span><span
            aria-hidden="true">${on ? "On" : "Off"}</span></button>`;
}
