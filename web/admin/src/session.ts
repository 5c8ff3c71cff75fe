/* Who is signed in. The page brings it along; signing in again over a page keeps what that page holds. */
import type { EmergencyStop } from "./emergency.js";

export interface Session {
    site: { slug: string; name: string };
    key: { id: number; prefix: string; name: string; role: string };
    permissions: string[];
    /** Goes with every change; worth nothing without the cookie. */
    csrf_token: string;
    expires_at: string;
    /** Whether the demo course is there. */
    demo: boolean;
    version: string;
    /** Whether all AI is stopped; left out where the key may not know. */
    emergency_stop?: EmergencyStop;
}

/** Fires "change" whenever `current` or `ended` has changed. */
class SessionState extends EventTarget {
    current: Session | null = null;
    /** It has ended while a page was open: calls wait until somebody signs in again. */
    ended = false;
    private waiting: (() => void)[] = [];

    set(session: Session | null): void {
        this.current = session;
        this.ended = false;
        for (const go of this.waiting.splice(0)) go();
        this.dispatchEvent(new Event("change"));
    }

    /** Is it for the site of which this page shows things? What was begun for one must not be done in another. */
    fits(session: Session): boolean {
        return !this.current || session.site.slug === this.current.site.slug;
    }

    /** Resolves when somebody has signed in again. */
    again(): Promise<void> {
        this.ended = true;
        this.dispatchEvent(new Event("change"));
        return new Promise((resolve) => this.waiting.push(resolve));
    }

    can(permission: string): boolean {
        return this.current?.permissions.includes(permission) ?? false;
    }
}

export const session = new SessionState();

/** The session that the page brought along. */
export function readSession(): Session | null {
    try {
        return JSON.parse(document.getElementById("session")?.textContent ?? "null") as Session | null;
    } catch {
        return null;
    }
}
