/* What forms read, write and send. */
import { describe, expect, test } from "vitest";
import { at, patchOf, same, withAt } from "../src/ui/pointer.js";

/** RFC 7386, written down once more for the test: what patchOf() makes must lead from one value to the other. */
function merge(target: unknown, patch: unknown): unknown {
    if (patch === null || typeof patch !== "object" || Array.isArray(patch)) return patch;
    const result = (target !== null && typeof target === "object" && !Array.isArray(target) ? { ...target } : {}) as Record<string, unknown>;
    for (const [name, value] of Object.entries(patch)) {
        if (value === null) delete result[name];
        else result[name] = merge(result[name], value);
    }
    return result;
}

function random(seed: number): () => number {
    let state = seed;
    return () => {
        state = (state * 1103515245 + 12345) & 0x7fffffff;
        return state / 0x7fffffff;
    };
}

/** Objects without null members, which a merge patch cannot say. */
function someObject(next: () => number, depth = 0): Record<string, unknown> {
    const value: Record<string, unknown> = {};
    for (const name of ["a", "b", "c/d", "e~f"]) {
        const kind = next();
        if (kind < 0.3) value[name] = Math.floor(next() * 3);
        else if (kind < 0.5) value[name] = ["x", Math.floor(next() * 2)];
        else if (kind < 0.8 && depth < 3) value[name] = someObject(next, depth + 1);
    }
    return value;
}

describe("pointers and patches", () => {
    test("a value is found where it was put, and nothing else has changed", () => {
        const before = { config: { "a/b": { c: 1 } }, name: "x" };
        const after = withAt(before, "/config/a~1b/c", 2);
        expect(at(after, "/config/a~1b/c")).toBe(2);
        expect(before.config["a/b"].c).toBe(1);
        expect(after.name).toBe("x");
        expect(at(withAt(after, "/config/a~1b/c", undefined), "/config/a~1b")).toEqual({});
        expect(at(before, "/nothing/here")).toBeUndefined();
        expect(withAt({}, "/new/inner", true)).toEqual({ new: { inner: true } });
    });

    test("a patch leads from one value to the other, and is undefined when they are the same", () => {
        const seed = Date.now() & 0xffff;
        const next = random(seed);
        for (let i = 0; i < 500; i++) {
            const from = someObject(next), to = someObject(next);
            const patch = patchOf(from, to);
            expect(merge(from, patch ?? {}), `seed ${seed}, pair ${i}`).toEqual(to);
            expect(patch === undefined, `seed ${seed}, pair ${i}`).toBe(same(from, to));
        }
    });
});
