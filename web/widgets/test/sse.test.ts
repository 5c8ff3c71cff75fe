import { describe, expect, it } from "vitest";
import { MAX_EVENT_CHARACTERS, type SseEvent, SseParser } from "../src/client/sse.js";

const encoder = new TextEncoder();

function parse(...chunks: (string | Uint8Array)[]): SseEvent[] {
    const events: SseEvent[] = [];
    const parser = new SseParser((event) => events.push(event));
    for (const chunk of chunks) parser.push(typeof chunk === "string" ? encoder.encode(chunk) : chunk);
    return events;
}

const event = (data: string, id = "", name = "message"): SseEvent => ({ name, data, id });

describe("what a stream means", () => {
    const cases: [string, string, SseEvent[]][] = [
        ["one event", "data: a\n\n", [event("a")]],
        ["name and id", "id: 7\nevent: delta\ndata: a\n\n", [event("a", "7", "delta")]],
        ["only one space after the colon is dropped", "data:  a\n\ndata:b\n\n", [event(" a"), event("b")]],
        ["several data lines are joined", "data: a\ndata: b\ndata\n\n", [event("a\nb\n")]],
        ["comments are ignored", ": alive\n\n:\ndata: a\n: x\n\n", [event("a")]],
        ["an event without data is not delivered, its name is forgotten", "event: x\n\ndata: a\n\n", [event("a")]],
        ["an id without data counts", "id: 3\n\ndata: a\n\n", [event("a", "3")]],
        ["the id stays in force", "id: 3\ndata: a\n\ndata: b\n\n", [event("a", "3"), event("b", "3")]],
        ["an empty id resets it", "id: 3\ndata: a\n\nid\ndata: b\n\n", [event("a", "3"), event("b")]],
        ["an id with NUL is ignored", "id: 3\ndata: a\n\nid: 4\0\ndata: b\n\n", [event("a", "3"), event("b", "3")]],
        ["unknown fields are ignored", "retry: 10\nfoo: bar\ndata: a\n\n", [event("a")]],
        ["the last event needs its empty line", "data: a\n\nid: 9\ndata: b\n", [event("a")]],
        ["a byte order mark at the start is dropped", "\ufeffdata: a\n\n", [event("a")]],
        ["CR ends lines", "data: a\rdata: b\r\r", [event("a\nb")]],
        ["CRLF ends lines", "data: a\r\ndata: b\r\n\r\n", [event("a\nb")]],
        ["line ends may be mixed", "data: a\rdata: b\r\ndata: c\n\r\n", [event("a\nb\nc")]],
    ];
    it.each(cases)("%s", (_, stream, expected) => {
        expect(parse(stream)).toEqual(expected);
    });
});

describe("bytes may arrive in any pieces", () => {
    const stream =
        ': ok\r\n\r\nid: 1\r\nevent: start\r\ndata: {"id":"c"}\r\n\r\nid: 2\nevent: delta\ndata: {"text":"fotosíntesis 光合成 🌱"}\n\n' +
        "id: 3\revent: delta\rdata: a\rdata: b\r\rid: 4\r\nevent: done\r\ndata: {}\r\n\n";
    const bytes = encoder.encode(stream);
    const whole = parse(stream);

    it("has four events when whole", () => {
        expect(whole.map((e) => e.id)).toEqual(["1", "2", "3", "4"]);
    });

    it("gives the same events when split at any byte", () => {
        for (let at = 0; at <= bytes.length; at++) expect(parse(bytes.subarray(0, at), bytes.subarray(at)), `split at ${at}`).toEqual(whole);
    });

    it("gives the same events when split at any two bytes", () => {
        for (let a = 0; a <= bytes.length; a++) {
            for (let b = a; b <= bytes.length; b += 3) {
                expect(parse(bytes.subarray(0, a), bytes.subarray(a, b), bytes.subarray(b))).toEqual(whole);
            }
        }
    });

    it("gives the same events byte by byte", () => {
        expect(parse(...Array.from(bytes, (_, i) => bytes.subarray(i, i + 1)))).toEqual(whole);
    });

    it("delivers an event as soon as its empty line is there", () => {
        const events: SseEvent[] = [];
        const parser = new SseParser((e) => events.push(e));
        parser.push(encoder.encode("data: a\r\n\r"));
        expect(events).toEqual([event("a")]);
        parser.push(encoder.encode("\ndata: b\n\n"));
        expect(events).toEqual([event("a"), event("b")]);
    });
});

describe("limits", () => {
    it("refuses an event that is too large, in one line or in many", () => {
        expect(() => parse("data: " + "x".repeat(MAX_EVENT_CHARACTERS + 1))).toThrow(RangeError);
        expect(() => parse(("data: " + "x".repeat(1000) + "\n").repeat(MAX_EVENT_CHARACTERS / 1000 + 1))).toThrow(RangeError);
    });

    it("takes any number of events", () => {
        expect(parse("data: 0123456789\n\n".repeat(200_000)).length).toBe(200_000);
    });
});
