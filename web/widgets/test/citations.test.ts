import { describe, expect, it } from "vitest";
import { readCitations } from "../src/client/citations.js";
import { readPage } from "../src/client/conversation.js";

describe("citations", () => {
    it.each([undefined, null, "text", {}, [null], [7], [{}], [{ title: " " }], [{ quote: "nothing named" }]])("%j has none", (value) => {
        expect(readCitations(value)).toEqual([]);
    });

    it.each([
        [{ title: "Unit 3", url: "https://lms.example/unit-3", quote: "Plants" }, { n: 0, title: "Unit 3", url: "https://lms.example/unit-3", quote: "Plants" }],
        [{ title: " Unit 3 " }, { n: 0, title: "Unit 3", url: "", quote: "" }],
        [{ url: "https://lms.example/x" }, { n: 0, title: "https://lms.example/x", url: "https://lms.example/x", quote: "" }],
        [{ n: 2, unit_name: "Light", block_name: "Leaves", block_id: "b", url: "/demo/units/plants", quote: "Green" }, { n: 2, title: "Light, Leaves", url: "/demo/units/plants", quote: "Green" }],
        [{ n: 1, unit_name: "Light", block_name: "Light", block_id: "b", url: "" }, { n: 1, title: "Light", url: "", quote: "" }],
        [{ n: -1, unit_name: "", block_name: "", block_id: "b" }, { n: 0, title: "b", url: "", quote: "" }],
    ])("%j", (given, read) => expect(readCitations([given])).toEqual([read]));

    it.each(["javascript:alert(1)", "data:text/html,x", "//elsewhere.example", "/\\\\elsewhere.example", "/a b", "https:///x", "https://a b", "java\nscript:x", "file:///etc/passwd"])(
        "%j is no address to follow",
        (url) => expect(readCitations([{ title: "T", url }])[0]!.url).toBe(""),
    );

    it("are at most 20", () => expect(readCitations(Array.from({ length: 50 }, (_, i) => ({ title: `${i}` }))).length).toBe(20));

    it("come with kept messages, too", () => {
        const kept = { messages: [{ role: "assistant", content: "A", submission_id: "s", citations: [{ title: "Unit 3" }] }] };
        expect(readPage(JSON.stringify(kept)).messages[0]!.citations).toEqual([{ n: 0, title: "Unit 3", url: "", quote: "" }]);
    });
});
