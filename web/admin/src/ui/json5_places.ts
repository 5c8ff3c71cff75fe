/* Where in a JSON5 text a member stands: problems come with line and column, or with a member's path ("processor_config.LLMProcessor.provider"). */
import type { Mark } from "./codemirror.js";

interface Place {
    line: number;
    column: number;
}

const SPACE = /(?:\s|\uFEFF|\/\/[^\n]*|\/\*[\s\S]*?\*\/)+/y;
const STRING = /"(?:[^"\\\n]|\\[\s\S])*"|'(?:[^'\\\n]|\\[\s\S])*'/y;
const WORD = /[^\s{}[\]:,"'/]+/y;

const DEPTH_MAX = 200;

/** path → where its name (of an item: its value) begins. As far as the text can be read: what comes behind a mistake is not in it. */
export function placesOf(text: string): Map<string, Place> {
    const places = new Map<string, Place>();
    let at = 0;
    const take = (pattern: RegExp): string => {
        pattern.lastIndex = at;
        const found = pattern.exec(text)?.[0] ?? "";
        at += found.length;
        return found;
    };
    let line = 1, lineBegin = 0;
    const note = (path: string) => {
        for (let end = text.indexOf("\n", lineBegin); end >= 0 && end < at; end = text.indexOf("\n", lineBegin)) lineBegin = end + 1, line++;
        places.set(path, { line, column: at - lineBegin + 1 });
    };
    const nameOf = (token: string) => (/^["']/.test(token) ? token.slice(1, -1).replace(/\\(.)/g, "$1") : token);
    const below = (path: string, name: string | number) => (path ? `${path}.${name}` : String(name));
    /** False: the text cannot be read any further. */
    const value = (path: string, depth: number): boolean => {
        take(SPACE);
        if (text[at] !== "{" && text[at] !== "[") return take(STRING) !== "" || take(WORD) !== "";
        if (depth === DEPTH_MAX) return false;
        const closing = text[at++] === "{" ? "}" : "]";
        for (let i = 0; ; i++) {
            take(SPACE);
            if (text[at] === closing) return ++at > 0;
            let name: string | number = i;
            if (closing === "}") {
                const begin = at;
                const token = take(STRING) || take(WORD);
                if (!token) return false;
                const end = at;
                name = nameOf(token);
                at = begin;
                note(below(path, name));
                at = end;
                take(SPACE);
                if (text[at++] !== ":") return false;
            } else note(below(path, i));
            if (!value(below(path, name), depth + 1)) return false;
            take(SPACE);
            if (text[at] === ",") at++;
            else if (text[at] !== closing) return false;
        }
    };
    value("", 0);
    return places;
}

/** A problem as the server words it, and where it is if that can be said. */
export interface Problem {
    text: string;
    mark: Mark | null;
}

/** "content_patch: line 2, column 5: …" and "processor_config.X.provider: …" with their places in the patch. */
export function problemsIn(text: string, errors: readonly string[]): Problem[] {
    const places = placesOf(text);
    return errors.map((error) => {
        const [, line, column, message] = /^(?:content_patch: )?line (\d+), column (\d+): ([\s\S]*)$/.exec(error) ?? [];
        if (message) return { text: message, mark: { line: Number(line), column: Number(column), message } };
        const [, path = "", what = error] = /^([^\s:]+): ([\s\S]*)$/.exec(error.replace(/^content_patch: /, "")) ?? [];
        const parts = path.split(".");
        while (parts.length && !places.has(parts.join("."))) parts.pop();
        const place = places.get(parts.join("."));
        return { text: path && path !== "root" ? `${path}: ${what}` : what, mark: place ? { ...place, message: what } : null };
    });
}
