import { expect, test } from "vitest";
import { fieldsOf } from "../src/ui/fields.js";

test("a schema becomes fields: their kinds, limits and names", () => {
    const fields = fieldsOf({
        required: ["endpoint"],
        properties: {
            endpoint: { type: "string", description: "Where it is.", maxLength: 2048 },
            api_key: { type: "string", writeOnly: true },
            retries: { type: "integer", minimum: 0, maximum: 9, default: 2 },
            mode: { enum: ["a_b", "c"] },
            models: { type: "array", items: { type: "string" } },
            on: { type: ["boolean", "null"] },
            sure: { type: "boolean", default: true },
            until: { type: "string", format: "date-time" },
            free: { type: "object" },
            inner: { type: "object", properties: { "x/y": { type: "number" } } },
        },
    }, "/config");
    expect(fields.map((field) => [field.pointer, field.kind, field.required ?? false])).toEqual([
        ["/config/endpoint", "area", true],
        ["/config/api_key", "secret", false],
        ["/config/retries", "number", false],
        ["/config/mode", "select", false],
        ["/config/models", "lines", false],
        ["/config/on", "yesno", false],
        ["/config/sure", "boolean", false],
        ["/config/until", "time", false],
        ["/config/free", "json", false],
        ["/config/inner/x~1y", "number", false],
    ]);
    expect(fields[2]).toMatchObject({ min: 0, max: 9, whole: true, placeholder: "2", title: "Retries" });
    expect(fields[3]?.options).toEqual([["a_b", "A b"], ["c", "C"]]);
});
