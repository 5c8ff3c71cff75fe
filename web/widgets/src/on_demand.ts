/* Elements that few pages have: the code of each comes when the first one stands in the page, so that others do not pay for it. */

const LOADERS: Record<string, () => Promise<CustomElementConstructor>> = {
    "lectern-editor-tools": async () => (await import("./elements/lectern-editor-tools.js")).LecternEditorTools,
    "lectern-flashcards": async () => (await import("./elements/lectern-flashcards.js")).LecternFlashcards,
    "lectern-grading": () => import("./elements/lectern-grading.js").then((module) => module.LecternGrading),
    "lectern-questions": async () => (await import("./elements/lectern-questions.js")).LecternQuestions,
};

/** Tags of the elements that come on demand. */
export const ON_DEMAND: readonly string[] = Object.keys(LOADERS);

/**
 * Defines an element of this list; its class. Rejects when the code cannot be had, and may be called again then.
 * Whoever puts such an element into a shadow root calls this: watch() does not look in there.
 */
export async function load(tag: string): Promise<CustomElementConstructor> {
    const element = await LOADERS[tag]!();
    if (!customElements.get(tag)) customElements.define(tag, element);
    return element;
}

function loadIn(node: Element | Document): void {
    for (const tag of ON_DEMAND) {
        const here = node instanceof Element && node.localName === tag;
        if (!customElements.get(tag) && (here || node.querySelector(tag))) load(tag).catch(() => undefined);
    }
}

/** Loads what is in the page, and what comes into it later. */
export function watch(page: Document): void {
    if (ON_DEMAND.length === 0) return;
    loadIn(page);
    new MutationObserver((changes) => {
        for (const { addedNodes } of changes) for (const node of addedNodes) if (node instanceof Element) loadIn(node);
    }).observe(page, { childList: true, subtree: true });
}
