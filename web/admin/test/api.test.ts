import { expect, test } from "vitest";
import { refusalFrom } from "../src/api.js";

test("errors as lines stand at the members that they name", () =>
    expect(refusalFrom({ detail: "d", code: "invalid_input", field: "/slug", errors: ["slug: is taken", "content_patch: line 1, column 2: x", "all of it"] }, 400).fields).toEqual([
        { pointer: "/slug", message: "is taken" }, { pointer: "/content_patch", message: "line 1, column 2: x" }, { pointer: "", message: "all of it" }]));
