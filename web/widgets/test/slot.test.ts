import { describe, expect, it } from "vitest";
import { joinPages, readPage } from "../src/client/conversation.js";
import { type ProfileAnswer, slotOf } from "../src/client/slot.js";

const profile = (request: string, response: string, config: object = {}): ProfileAnswer => ({
    ui_components: { request: { component: request, config: config as Record<string, unknown> }, response: { component: response, config: { titleText: "T" } } },
});

describe("what a profile shows", () => {
    it.each([
        ["AIRequestComponent", "AIResponseComponent", "answer"],
        ["AIRequestComponent", "AISidebarResponse", "chat"],
        ["FlashcardCreator", "FlashcardStudyResponse", "flashcards"],
        ["FlashcardCreator", "AIResponseComponent", "none"],
        ["AIRequestComponent", "FlashcardStudyResponse", "none"],
        ["constructor", "constructor", "none"],
        ["AIRequestComponent", "SomethingElse", "none"],
        ["AIRequestComponent", "constructor", "none"],
        ["LibraryProblemCreator", "LibraryProblemCreatorResponse", "questions"],
        ["LibraryProblemCreator", "AIResponseComponent", "none"],
        ["AIRequestComponent", "LibraryProblemCreatorResponse", "none"],
        ["hasOwnProperty", "AIResponseComponent", "none"],
    ])("%s with %s: %s", (request, response, kind) => {
        expect(slotOf(profile(request, response)).kind).toBe(kind);
    });

    it("its words, and what is run", () => {
        const slot = slotOf(profile("AIRequestComponent", "AIResponseComponent", { buttonText: "B", customMessage: "M", action: "go" }));
        expect(slot).toEqual({ kind: "answer", button: "B", message: "M", title: "T", action: "go" });
    });

    it.each([{}, { status: "no_config" }, { ui_components: {} }, { ui_components: { request: { component: 5 } } }])("nothing from %j", (answer) => {
        expect(slotOf(answer as ProfileAnswer)).toEqual({ kind: "none", button: "", message: "", title: "", action: "run" });
    });
});

describe("pages of a conversation", () => {
    const message = (role: unknown, content: unknown, submission_id = "s1", more: object = {}) => ({ role, content, submission_id, ...more });
    const page = (messages: unknown[], has_more = false) => JSON.stringify({ messages, metadata: { has_more } });

    it("are messages with ids that are the same whoever asks", () => {
        const text = page([message("user", "a"), message("assistant", "b", "s1", { interrupted: true, call_id: "c1", rating: "down" })], true);
        expect(readPage(text)).toEqual({
            messages: [
                { id: "s1 user", role: "user", text: "a", interrupted: false, callId: "", rating: null, citations: [] },
                { id: "s1 assistant", role: "assistant", text: "b", interrupted: true, callId: "c1", rating: "down", citations: [] },
            ],
            more: true,
        });
        expect(readPage(text)).toEqual(readPage(text));
    });

    it("leave out what is no text of the two", () => {
        const text = page([message("system", "x"), message("user", { a: 1 }), message("tool", "y"), null, message("user", "a")]);
        expect(readPage(text).messages.map((each) => each.text)).toEqual(["a"]);
    });

    it("two messages of one role in one turn are two", () => {
        const ids = readPage(page([message("user", "a"), message("user", "b")])).messages.map((each) => each.id);
        expect(new Set(ids).size).toBe(2);
    });

    it.each(["", undefined, "null", "{", "[]", '{"messages": 5}'])("%j is an empty page", (text) => {
        expect(readPage(text)).toEqual({ messages: [], more: false });
    });

    it("are joined without doubles, older first", () => {
        const kept = (id: string) => ({ id, role: "user" as const, text: id, interrupted: false, callId: "", rating: null, citations: [] });
        expect(joinPages([kept("a"), kept("b")], [kept("b"), kept("c")]).map((each) => each.id)).toEqual(["a", "b", "c"]);
    });
});
