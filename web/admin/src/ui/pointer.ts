/* JSON pointers (RFC 6901) into plain values, and merge patches (RFC 7386): what forms read, write and send. */

const unescape = (part: string) => part.replace(/~1/g, "/").replace(/~0/g, "~");
export const escape = (part: string) => part.replace(/~/g, "~0").replace(/\//g, "~1");

const parts = (pointer: string) => pointer.split("/").slice(1).map(unescape);

export function at(value: unknown, pointer: string): unknown {
    let here = value;
    for (const part of parts(pointer)) {
        if (here === null || typeof here !== "object") return undefined;
        here = (here as Record<string, unknown>)[part];
    }
    return here;
}

/** A copy with another value there; undefined takes the member away. */
export function withAt<T>(value: T, pointer: string, set: unknown): T {
    const [first, ...rest] = parts(pointer);
    if (first === undefined) return set as T;
    const copy = { ...((value ?? {}) as Record<string, unknown>) };
    const inner = rest.length ? withAt(copy[first] ?? {}, "/" + rest.map(escape).join("/"), set) : set;
    if (inner === undefined) delete copy[first];
    else copy[first] = inner;
    return copy as T;
}

export function same(a: unknown, b: unknown): boolean {
    if (a === b) return true;
    if (a === null || b === null || typeof a !== "object" || typeof b !== "object" || Array.isArray(a) !== Array.isArray(b)) return false;
    const left = a as Record<string, unknown>, right = b as Record<string, unknown>;
    const names = Object.keys(left);
    return names.length === Object.keys(right).length && names.every((name) => Object.hasOwn(right, name) && same(left[name], right[name]));
}

const isObject = (value: unknown): value is Record<string, unknown> => value !== null && typeof value === "object" && !Array.isArray(value);

/** The patch that makes `to` of `from`; members that went away are null. Undefined when nothing has changed. */
export function patchOf(from: unknown, to: unknown): unknown {
    if (same(from, to)) return undefined;
    if (!isObject(from) || !isObject(to)) return to;
    const patch: Record<string, unknown> = {};
    for (const name of Object.keys(to)) {
        const part = patchOf(from[name], to[name]);
        if (part !== undefined) patch[name] = part;
    }
    for (const name of Object.keys(from)) if (!Object.hasOwn(to, name)) patch[name] = null;
    return patch;
}
