import { describe, expect, it } from "vitest";
import { imageText, isInline, type Marks, textToInsert } from "../src/rich/insertion.js";
import { canAsk, Wishes } from "../src/ui/wishes.js";

const marks: Marks = { marking: "visible", note: "AI-generated" };
const bare: Marks = { marking: "none", note: "AI-generated" };

describe("text between other text", () => {
    it.each([
        ["", "", "One.", "One.\n\n(AI-generated)"],
        ["Before.", "", "One.\n\nTwo.", "\n\nOne.\n\nTwo.\n\n(AI-generated)"],
        ["Before.\n", "\nAfter.", "One.\n\nTwo.", "\nOne.\n\nTwo.\n\n(AI-generated)\n"],
        ["Before.\n\n", "\n\nAfter.", "# Title\n\nTwo.", "# Title\n\nTwo.\n\n(AI-generated)"],
        ["A sentence", " goes on.", "and this", " and this (AI-generated)"],
        ["A sentence ", "goes on.", "and this", "and this (AI-generated) "],
        ["A sentence.", "", "One.", "\n\nOne.\n\n(AI-generated)"],
        ["", "A sentence.", "One.", "One.\n\n(AI-generated)\n\n"],
        ["A list ", "here", "- one\n- two", "\n\n- one\n- two\n\n(AI-generated)\n\n"],
    ])("%j | %j: %j", (before, after, markdown, expected) => {
        expect(textToInsert(markdown, marks, before, after)).toBe(expected);
    });

    it("is not marked where nobody wants it", () => {
        expect(textToInsert(" One. ", bare)).toBe("One.");
        expect(textToInsert("One.", { ...bare, marking: "data" })).toBe("One.");
    });

    it.each(["- a", "1. a", "# a", "> a", "```\na", "| a |", "$$a$$", "a\nb"])("%j is no run of words", (markdown) => {
        expect(isInline(markdown)).toBe(false);
    });

    it("an image's description cannot end it", () => {
        expect(imageText("https://a.example/b.png", "a ](x)\n\n# b")).toBe("![a \\](x) # b](<https://a.example/b.png>)");
    });
});

describe("what an author asks for", () => {
    const text = { name: "generate_text", available: true, input_schema: { properties: { prompt: { maxLength: 18 }, instruction: {} } } };
    const improve = { name: "improve_text", available: true, input_schema: { properties: { text: {}, language: {} } } };
    const image = {
        name: "generate_image",
        available: true,
        input_schema: { properties: { prompt: {}, aspect_ratio: { enum: ["square", "landscape"] }, quality: { enum: ["standard"] }, count: {} } },
    };

    it("a prompt, with the text that was selected", () => {
        const wishes = new Wishes(text);
        wishes.prompt = " Write. ";
        wishes.look("", "the whole");
        expect(wishes.sources).toEqual(["none", "whole"]);
        expect(wishes.input("About:", "en")).toEqual({ prompt: "Write." });
        wishes.look("the", "the whole");
        expect(wishes.source).toBe("selected");
        expect(wishes.input("About:", "en")).toEqual({ prompt: "Write.\n\nAbout:\n\nthe" });
        expect(wishes.tooLong(wishes.input("About:", "en")!)).toBe(true);
        wishes.source = "whole";
        wishes.look("the", "the whole");
        expect(wishes.source).toBe("whole");
        wishes.look("", "");
        expect([wishes.source, wishes.sources]).toEqual(["none", ["none"]]);
    });

    it("a text to work on, the whole of it where nothing is selected", () => {
        const wishes = new Wishes(improve);
        wishes.look("", "");
        expect(wishes.input("", "en")).toBeUndefined();
        wishes.look("", "the whole");
        expect(wishes.input("", "es")).toEqual({ text: "the whole", language: "es" });
    });

    it("a text in another language, the first of those that there are unless another is chosen", () => {
        const translate = { name: "translate_text", available: true, input_schema: { properties: { text: {}, target_language: {} } } };
        const wishes = new Wishes(translate, ["es", "de"]);
        wishes.look("", "the whole");
        expect(wishes.choices).toEqual([["target_language", ["es", "de"]]]);
        expect(wishes.input("", "en")).toEqual({ text: "the whole", target_language: "es" });
        wishes.chosen["target_language"] = "de";
        expect(wishes.input("", "en")).toEqual({ text: "the whole", target_language: "de" });
    });

    it("nothing of an action that takes neither prompt nor text", () => {
        expect([text, improve, image].every(canAsk)).toBe(true);
        expect(canAsk({ name: "describe_image", available: true, input_schema: { properties: { image: {}, language: {} } } })).toBe(false);
        expect(canAsk({ name: "x", available: true })).toBe(false);
    });

    it("an image, with what there is to choose and no text", () => {
        const wishes = new Wishes(image);
        wishes.look("selected", "the whole");
        wishes.prompt = "A leaf";
        expect(wishes.choices).toEqual([["aspect_ratio", ["square", "landscape"]]]);
        wishes.chosen["aspect_ratio"] = "landscape";
        expect(wishes.input("About:", "en")).toEqual({ prompt: "A leaf", aspect_ratio: "landscape" });
    });
});
