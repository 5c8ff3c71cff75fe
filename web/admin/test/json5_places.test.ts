import { describe, expect, test } from "vitest";
import { placesOf, problemsIn } from "../src/ui/json5_places.js";

const TEXT = `// why
{
  processor_config: { /* a: 1 */
    'LLM"Processor': {provider: "x: {", "a\\"b": [1, {c: -Infinity}],},
  },
}`;

describe("places in JSON5", () => {
    test.each([
        ["processor_config", 3, 3],
        ["processor_config.LLM\"Processor", 4, 5],
        ["processor_config.LLM\"Processor.provider", 4, 23],
        ["processor_config.LLM\"Processor.a\"b.1.c", 4, 54],
    ])("%s", (path, line, column) => expect(placesOf(TEXT).get(path)).toEqual({ line, column }));

    test("what comes before a mistake is known, nothing hangs", () => {
        expect([...placesOf("{a: 1, b: }").keys()]).toEqual(["a", "b"]);
        for (let i = 0; i <= TEXT.length; i++) placesOf(TEXT.slice(0, i));
    });
});

describe("problems of a patch", () => {
    test("a line and column are taken as they are", () =>
        expect(problemsIn("{\na: }", ["content_patch: line 2, column 4: unexpected '}'"])).toEqual([
            { text: "unexpected '}'", mark: { line: 2, column: 4, message: "unexpected '}'" } }]));
    test("a path is looked up, or the nearest above it", () =>
        expect(problemsIn("{\n processor_config: {P: {}}}", ["content_patch: processor_config.P.provider: is not there"])).toEqual([
            { text: "processor_config.P.provider: is not there", mark: { line: 2, column: 21, message: "is not there" } }]));
    test("what the template is to blame for has no place", () =>
        expect(problemsIn("{}", ["root: 'processor_config' is required", "config is null"])).toEqual([
            { text: "'processor_config' is required", mark: null }, { text: "config is null", mark: null }]));
});
