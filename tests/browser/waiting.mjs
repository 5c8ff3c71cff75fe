/*
 * Waiting for what a page comes to. After an action whose effect takes time (a page that is turned, a request, a render) a test never reads
 * once, it waits until what it reads is what it expects. The deadlines are for a loaded machine: they say how long until a test gives up,
 * not how fast the page has to be.
 */
import assert from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";

/** For one step, in ms. */
export const STEP_DEADLINE = 45_000;
/** For a whole test, in ms. */
export const TEST_DEADLINE = 300_000;

const POLL_MS = 20;
const CPU_SLOWDOWN = Number(process.env.CPU_SLOWDOWN || 1);

/** Reads until the value is the expected one; its last value is in the error. */
export async function eventually(read, expected, why) {
    const end = Date.now() + STEP_DEADLINE;
    for (;;) {
        const value = await read();
        if (isDeepStrictEqual(value, expected)) return;
        if (Date.now() > end) assert.deepEqual(value, expected, why ? `${why} (waited ${STEP_DEADLINE} ms)` : undefined);
        await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
}

/** The page's own work takes CPU_SLOWDOWN times as long, to see whether a test would also pass on a slower machine. */
export async function slowDown(page) {
    if (CPU_SLOWDOWN <= 1) return;
    const session = await page.context().newCDPSession(page);
    await session.send("Emulation.setCPUThrottlingRate", { rate: CPU_SLOWDOWN });
}
