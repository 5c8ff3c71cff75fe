/* The attacks of xss.txt, one a line, and how to tell what came of them. */
import { readFileSync } from "node:fs";

export const ATTACKS = readFileSync(new URL("xss.txt", import.meta.url), "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => line.replace(/\\(n|\\|u([0-9a-f]{4}))/g, (_, code, hex) => (hex ? String.fromCharCode(parseInt(hex, 16)) : code === "n" ? "\n" : "\\")));

const TAGS = [
    ...["P", "BR", "HR", "H4", "H5", "H6", "STRONG", "EM", "DEL", "CODE", "PRE", "BLOCKQUOTE", "UL", "OL", "LI", "A", "SPAN", "DIV", "BUTTON"],
    ...["TABLE", "THEAD", "TBODY", "TR", "TH", "TD"],
    ...["math", "semantics", "annotation", "mrow", "mi", "mo", "mn", "mtext", "mstyle", "mspace", "mpadded", "msub", "msup", "mfrac"],
];
const ATTRIBUTES = [
    ...["class", "href", "target", "rel", "title", "tabindex", "role", "type", "start", "scope"],
    ...["data-language", "data-math", "data-drawn", "data-align", "data-unread", "xmlns", "encoding", "display", "mathvariant", "width", "height", "depth", "voffset", "mathcolor"],
    ...["stretchy", "fence", "separator", "form", "accent", "lspace", "rspace", "minsize", "maxsize", "linethickness", "displaystyle", "scriptlevel", "mathbackground"],
];

/** What is in the answers of an element that may not be there. */
export function strangers(page, tag = "lectern-chat", more = []) {
    return page.evaluate(
        ([tags, attributes, element]) => {
            const root = document.querySelector(element).shadowRoot;
            const found = [];
            for (const element of root.querySelectorAll(".rich *")) {
                if (!tags.includes(element.tagName)) found.push(`<${element.tagName}>`);
                for (const { name, value } of element.attributes) {
                    if (!attributes.includes(name)) found.push(`${element.tagName} ${name}=${value}`);
                    if (name === "href" && !/^(https?:\/\/|mailto:)/.test(value)) found.push(`href ${value}`);
                }
                if (element.tagName === "BUTTON" && !element.matches(".copy-code")) found.push("a button");
            }
            return found;
        },
        [[...TAGS, ...more], ATTRIBUTES, tag],
    );
}

/** In the page: `attacked` is what an attack has come to. */
export function writeDownAttacks() {
    window.attacked = [];
    for (const name of ["pwned", "alert", "confirm", "prompt"]) window[name] = (...args) => window.attacked.push(`${name}(${args})`);
    addEventListener("securitypolicyviolation", (event) => window.attacked.push(`${event.violatedDirective} ${event.blockedURI} ${event.sample}`));
}
