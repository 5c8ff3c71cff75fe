/*
 * A reader of server-sent events for fetch() bodies (the browser's EventSource can neither POST nor send a token).
 * Follows the WHATWG HTML standard, section "Server-sent events": lines end in CR, LF or CRLF, also when the bytes arrive
 * split anywhere; an event that was not closed by an empty line is not delivered, and its id does not count.
 */

export interface SseEvent {
    /** Name of the event, "message" when the server gave none. */
    name: string;
    data: string;
    /** The id in force when the event was closed, "" when the server never gave one. */
    id: string;
}

/** Characters that one event may have before the stream is given up as broken. */
export const MAX_EVENT_CHARACTERS = 1 << 20;

export class SseParser {
    private readonly decoder = new TextDecoder();
    private line = "";
    private skipNewline = false;
    private name = "";
    private data: string[] = [];
    private size = 0;
    private id = "";

    constructor(
        private readonly onEvent: (event: SseEvent) => void,
        private readonly max = MAX_EVENT_CHARACTERS,
    ) {}

    /** Takes the next bytes and delivers every event that they complete. Throws RangeError when an event is too large. */
    push(bytes: Uint8Array): void {
        const text = this.decoder.decode(bytes, { stream: true });
        let from = 0;
        for (let at = 0; at < text.length; at++) {
            const character = text.charCodeAt(at);
            if (character !== 10 && character !== 13) {
                this.skipNewline = false;
                continue;
            }
            /* The LF of a CRLF ends nothing; its CR did, perhaps in an earlier chunk. */
            if (character === 10 && this.skipNewline) {
                this.skipNewline = false;
                from = at + 1;
                continue;
            }
            this.skipNewline = character === 13;
            const line = this.line + text.slice(from, at);
            this.line = "";
            from = at + 1;
            this.take(line);
        }
        this.line += text.slice(from);
        if (this.line.length + this.size > this.max) throw new RangeError("event too large");
    }

    private take(line: string): void {
        if (line === "") return this.deliver();
        const colon = line.indexOf(":");
        if (colon === 0) return;
        const field = colon < 0 ? line : line.slice(0, colon);
        let value = colon < 0 ? "" : line.slice(colon + 1);
        if (value.startsWith(" ")) value = value.slice(1);
        if (field === "event") {
            this.name = value;
        } else if (field === "data") {
            this.data.push(value);
            this.size += value.length + 1;
            if (this.size > this.max) throw new RangeError("event too large");
        } else if (field === "id" && !value.includes("\0")) {
            this.id = value;
        }
    }

    private deliver(): void {
        const { name, data } = this;
        this.name = "";
        this.data = [];
        this.size = 0;
        if (data.length > 0) this.onEvent({ name: name || "message", data: data.join("\n"), id: this.id });
    }
}
