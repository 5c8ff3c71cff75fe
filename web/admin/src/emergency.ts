/* Whether all AI is stopped: what the top bar of each page and the page of the stop show. */
import { html, nothing, type TemplateResult } from "lit";
import { call, get } from "./api.js";
import { session } from "./session.js";
import { timeView } from "./ui/parts.js";

export interface StopInForce {
    reason: string;
    by: string;
    since: string;
}

export interface EmergencyStop {
    stopped: boolean;
    site: StopInForce | null;
    /** Set by the operator, on the command line. */
    all_sites: StopInForce | null;
}

const PATH = "/v1/emergency-stop";

/** Fires "change". */
class Emergency extends EventTarget {
    current: EmergencyStop | null = null;

    private set(current: EmergencyStop): void {
        this.current = current;
        this.dispatchEvent(new Event("change"));
    }

    /** As it is now; what cannot be read is left as it was. */
    async refresh(): Promise<void> {
        if (!session.current || !session.can("manage_emergency_stop")) return;
        try {
            this.set(await get<EmergencyStop>(PATH));
        } catch {
            /* The page that is shown says that Lectern cannot be reached. */
        }
    }

    async stop(reason: string): Promise<void> {
        this.set((await call<EmergencyStop>("PUT", PATH, { body: reason ? { reason } : {} })).data);
    }

    async lift(): Promise<void> {
        this.set((await call<EmergencyStop>("DELETE", PATH)).data);
    }

    /** What the page brought along, so that it needs no call for it. */
    begin(): void {
        const brought = session.current?.emergency_stop;
        if (brought) this.set(brought);
        else void this.refresh();
        document.addEventListener("visibilitychange", () => {
            if (document.visibilityState === "visible") void this.refresh();
        });
    }
}

export const emergency = new Emergency();

/** In the top bar of each page; while a stop is in force the line below it leads to the same place. */
export function stopLink(): TemplateResult | typeof nothing {
    if (!session.can("manage_emergency_stop") || emergency.current?.site) return nothing;
    return html`<a class="button stop" href="/admin/stop">Stop AI…</a>`;
}

/** Below it, while a stop is in force. */
export function stopBanner(): TemplateResult | typeof nothing {
    const stop = emergency.current?.all_sites ?? emergency.current?.site;
    if (!stop) return nothing;
    return html`<div class="stopped" role="status"><strong><span aria-hidden="true">■</span> All AI
        ${emergency.current?.all_sites ? "of all sites" : "of this site"} is stopped</strong>
        <span>since ${timeView(stop.since)}, by ${stop.by}${stop.reason ? html`: “${stop.reason}”` : "."}</span>
            <a href="/admin/stop">${emergency.current?.all_sites ? "More" : "Lift it…"}</a></div>`;
}
