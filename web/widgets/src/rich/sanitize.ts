/*
 * HTML as nodes that can do nothing but be read: DOMPurify with a list of what Markdown and the texts of questions need, under a Trusted Types policy of our own, whose
 * one use this is. Where a page's policy does not allow it, or nothing but text is safe, the caller shows text.
 */
import createDOMPurify from "dompurify";

const CONFIG = {
    ALLOWED_TAGS: [
        ...["p", "br", "hr", "h4", "h5", "h6", "strong", "b", "em", "i", "sub", "sup", "del", "code", "pre", "blockquote", "ul", "ol", "li", "a", "span"],
        ...["table", "thead", "tbody", "tr", "th", "td", "#text"],
    ],
    ALLOWED_ATTR: ["href", "start", "scope", "data-language", "data-math", "data-align"],
    ADD_URI_SAFE_ATTR: ["start", "scope", "data-language", "data-math", "data-align"],
    ALLOW_DATA_ATTR: false,
    ALLOW_ARIA_ATTR: false,
    ALLOWED_URI_REGEXP: /^(?:https?:\/\/|mailto:)/i,
    SANITIZE_DOM: true,
};

interface TrustedPolicy {
    createHTML(html: string): string;
}

const factory = (globalThis as { trustedTypes?: { createPolicy(name: string, rules: object): TrustedPolicy } }).trustedTypes;

let purify: ReturnType<typeof createDOMPurify> | undefined;
let policy: TrustedPolicy | undefined;

/** Throws where the page's policy forbids ours. */
function prepare(): void {
    if (purify) return;
    /* The string goes only into DOMPurify's own, inert document. */
    const rules = { createHTML: (html: string) => html, createScriptURL: () => "" };
    if (factory) policy = factory.createPolicy("lectern", rules);
    purify = createDOMPurify(window);
}

export function sanitize(html: string): DocumentFragment {
    prepare();
    const config = { ...CONFIG, RETURN_DOM_FRAGMENT: true as const, ...(policy && { TRUSTED_TYPES_POLICY: policy as never }) };
    return document.importNode(purify!.sanitize(html, config), true);
}

/* What an editor gets besides: what marks it as made by a machine, and the image that was asked for. */
const EDITOR_CONFIG = {
    ...CONFIG,
    ALLOWED_TAGS: [...CONFIG.ALLOWED_TAGS, "div", "small", "figure", "figcaption", "img"],
    ALLOWED_ATTR: [...CONFIG.ALLOWED_ATTR, "data-ai-generated", "src", "alt"],
    ADD_URI_SAFE_ATTR: [...CONFIG.ADD_URI_SAFE_ATTR, "data-ai-generated", "alt"],
};

/* What stands around it, so that Chromium neither joins its ends with the paragraphs there nor what is typed next with it. */
const FRAMES = {
    words: ["", ""],
    "words before words": ["", "&nbsp;"],
    paragraphs: ["", "<p><br></p>"],
    "paragraphs behind words": ['<br class="Apple-interchange-newline">', "<p><br></p>"],
};

export type Frame = keyof typeof FRAMES;

/** Markup for an editor's command insertHTML, which undoing needs: a TrustedHTML where there are such. */
export function sanitizeMarkup(html: string, frame: Frame): string {
    prepare();
    const clean = purify!.sanitize(html, { ...EDITOR_CONFIG, ...(policy && { TRUSTED_TYPES_POLICY: policy as never }) });
    const markup = FRAMES[frame].join(String(clean));
    return policy ? policy.createHTML(markup) : markup;
}
