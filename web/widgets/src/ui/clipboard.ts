/* Copying, also where the clipboard may not be used. */

/** The clipboard needs a secure page; on a plain http page of an intranet a selected text field does the same. */
export async function copyText(text: string, root: ShadowRoot): Promise<boolean> {
    try {
        await navigator.clipboard.writeText(text);
        return true;
    } catch {
        const focused = root.activeElement;
        const field = document.createElement("textarea");
        field.value = text;
        field.className = "announcer";
        field.readOnly = true;
        root.append(field);
        field.select();
        const worked = document.execCommand("copy");
        field.remove();
        if (focused instanceof HTMLElement) focused.focus();
        return worked;
    }
}
