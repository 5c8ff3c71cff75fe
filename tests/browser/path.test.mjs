/*
 * The way of an administrator who has never seen the console, from signing in to a budget that stops calls: by what its pages suggest, and by nothing
 * else. On a stage of its own, where only the demo is set up.
 */
import { test } from "node:test";
import { missing, setUp } from "./widgets/stage.mjs";

if (missing) {
    test("the way of an administrator", { skip: missing }, () => undefined);
} else {
    await setUp({ bare: true });
    await import("./console/path.mjs");
}
