/* For good, or until a time: what the next switch is to be. */
import { html, nothing, type TemplateResult } from "lit";
import { fromLocal } from "./format.js";

export interface Until {
    /** RFC 3339; "" for good. */
    until: string;
    timed: boolean;
}

export const FOR_GOOD: Until = { until: "", timed: false };

/** Two choices and a time. `set` is called with what is chosen then. */
export function untilView(legend: string, { until, timed }: Until, set: (chosen: Until) => void): TemplateResult {
    const choice = (value: boolean, title: string) =>
        html`<label class="choice"><input type="radio" name="until" .checked=${timed === value} @change=${() => set({ until: "", timed: value })} />
            <span>${title}</span></label>`;
    return html`<fieldset class="until"><legend>${legend}</legend>
        ${choice(false, "for good")} ${choice(true, "until a time")}
        ${timed ? html`<input type="datetime-local" aria-label="Until"
            @change=${(event: Event) => set({ until: fromLocal((event.target as HTMLInputElement).value), timed: true })} />` : nothing}
        ${timed && !until ? html`<span class="help">Choose the time first.</span>` : nothing}
    </fieldset>`;
}
