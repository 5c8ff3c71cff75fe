/* The console, against a daemon of its own. A file for each part in console/. */
import { test } from "node:test";
import { missing, setUp } from "./widgets/stage.mjs";

if (missing) {
    test("the console", { skip: missing }, () => undefined);
} else {
    await setUp();
    await import("./console/frame.mjs");
    await import("./console/sign_in.mjs");
    await import("./console/site.mjs");
    await import("./console/govern.mjs");
    await import("./console/profiles.mjs");
    await import("./console/scopes.mjs");
    await import("./console/prompts.mjs");
    await import("./console/playground.mjs");
    await import("./console/providers.mjs");
    await import("./console/matrix.mjs");
    await import("./console/limits.mjs");
    await import("./console/use.mjs");
}
