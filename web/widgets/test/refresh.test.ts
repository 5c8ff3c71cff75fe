import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { Refresh } from "../src/client/refresh.js";

const page = Object.assign(new EventTarget(), { hidden: false });
const see = (seen: boolean) => {
    page.hidden = !seen;
    page.dispatchEvent(new Event("visibilitychange"));
};
let asked = 0;
let refresh: Refresh;

beforeEach(() => {
    vi.useFakeTimers();
    asked = 0;
    page.hidden = false;
    refresh = new Refresh(() => asked++, page as unknown as Document, { first: 100, factor: 2, most: 350 });
    refresh.start();
});
afterEach(() => {
    refresh.stop();
    vi.useRealTimers();
});

it("asks after pauses that grow up to a limit", () => {
    for (const pause of [100, 200, 350, 350]) {
        refresh.wait();
        const before = asked;
        vi.advanceTimersByTime(pause - 1);
        expect(asked).toBe(before);
        vi.advanceTimersByTime(1);
        expect(asked).toBe(before + 1);
    }
});

it("does not ask while nobody looks, and at once when somebody does", () => {
    refresh.wait();
    see(false);
    refresh.wait();
    vi.advanceTimersByTime(100_000);
    expect(asked).toBe(0);
    see(true);
    expect(asked).toBe(1);
    refresh.wait();
    vi.advanceTimersByTime(100);
    expect(asked).toBe(2);
});

it("asks no more when what was awaited is there, or the element is gone", () => {
    refresh.wait();
    refresh.settle();
    vi.advanceTimersByTime(100_000);
    expect(asked).toBe(0);
    refresh.wait();
    refresh.stop();
    see(true);
    vi.advanceTimersByTime(100_000);
    expect(asked).toBe(0);
});
