/* The widgets of learners, on a stage that has to stand before the harness asks where the daemon is. */
import { test } from "node:test";
import { missing, setUp } from "./widgets/stage.mjs";

if (missing) {
    test("<lectern-chat>, <lectern-slot>, <lectern-flashcards>", { skip: missing }, () => undefined);
} else {
    await setUp();
    await import("./widgets/chat.mjs");
    await import("./widgets/slot.mjs");
    await import("./widgets/flashcards.mjs");
    await import("./widgets/page.mjs");
    await import("./widgets/talk.mjs");
    await import("./widgets/xss.mjs");
}
