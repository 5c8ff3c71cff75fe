/* The widgets of authors and teachers, on a stage of their own, so that they run beside those of learners. */
import { test } from "node:test";
import { missing, setUp } from "./widgets/stage.mjs";

if (missing) {
    test("<lectern-grading>, <lectern-questions>, <lectern-editor-tools>", { skip: missing }, () => undefined);
} else {
    await setUp();
    await import("./widgets/grading.mjs");
    await import("./widgets/questions.mjs");
    await import("./widgets/editor.mjs");
    await import("./widgets/moodle.mjs");
    await import("./widgets/roles.mjs");
}
