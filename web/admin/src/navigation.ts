/* Where in the console one is: addresses below /admin/, links that do not load the page anew, and a question before what was typed is lost. */
import { ask } from "./ui/dialog.js";

export const BASE = "/admin/";

/** Something that would lose what somebody has typed. */
export interface Guarded {
    dirty(): boolean;
}

const guarded = new Set<Guarded>();

export function guard(one: Guarded): void {
    guarded.add(one);
}

export function unguard(one: Guarded): void {
    guarded.delete(one);
}

const anyDirty = () => [...guarded].some((one) => one.dirty());

/** Fires "change" when the address has changed. */
export const navigation = new EventTarget();

/** "providers/3" of /admin/providers/3. */
export function currentPath(): string {
    return decodeURI(location.pathname).slice(BASE.length).replace(/\/+$/, "");
}

export function currentQuery(): URLSearchParams {
    return new URLSearchParams(location.search);
}

let shown = location.href;

/** Asks where changes would be lost; true when the page may go. */
export async function mayLeave(): Promise<boolean> {
    if (!anyDirty()) return true;
    const leave = await ask({
        title: "Leave without saving?",
        text: "There are changes on this page that were not saved.",
        confirm: "Leave without saving",
        cancel: "Stay here",
        danger: true,
    });
    if (leave) guarded.clear();
    return leave;
}

function changed(): void {
    shown = location.href;
    navigation.dispatchEvent(new Event("change"));
}

/** Goes to another page of the console: "providers/3", with a query if need be. Asks first where changes would be lost. */
export async function go(path: string, { replace = false } = {}): Promise<void> {
    if (!(await mayLeave())) return;
    history[replace ? "replaceState" : "pushState"](null, "", BASE + path);
    changed();
}

/** Writes into the address what the page shows (filters, a search), so that it can be shared and reloaded. The page stays. */
export function setQuery(changes: Record<string, string>): void {
    const url = new URL(location.href);
    for (const [name, value] of Object.entries(changes)) {
        if (value) url.searchParams.set(name, value);
        else url.searchParams.delete(name);
    }
    history.replaceState(null, "", url);
    shown = location.href;
}

/** Once, at the beginning. */
export function startNavigation(): void {
    document.addEventListener("click", (event) => {
        const link = event.composedPath().find((part): part is HTMLAnchorElement => part instanceof HTMLAnchorElement);
        if (!link || event.defaultPrevented || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
        if (link.target || link.hasAttribute("download") || link.origin !== location.origin || !link.pathname.startsWith(BASE)) return;
        event.preventDefault();
        if (link.hash && link.pathname === location.pathname) document.getElementById(link.hash.slice(1))?.focus();
        else void go(link.pathname.slice(BASE.length) + link.search);
    });
    addEventListener("popstate", () => {
        const wanted = location.href;
        if (!anyDirty()) return changed();
        history.pushState(null, "", shown); // back on the page that has the changes, until somebody has answered
        void mayLeave().then((leave) => {
            if (!leave) return;
            history.replaceState(null, "", wanted);
            changed();
        });
    });
    addEventListener("beforeunload", (event) => {
        if (anyDirty()) event.preventDefault();
    });
}
