/*
 * A text that grows, as blocks of Markdown: what can no longer change is settled and not read again, the rest is the tail. So the work for an
 * answer is in proportion to its length, however small the pieces are in which it comes.
 */

export interface BlockToken {
    type: string;
    raw: string;
}

/** Until the last block has so many characters or a line, its beginning may still join it to the one before ("2" may become "2."). */
const CLEAR_BEGINNING = 12;
/** Characters of a tail that are read again at every step. A longer one is read again when it has grown by one in so many. */
const SHORT_TAIL = 4096;
const GROWTH = 16;

/** Blocks that nothing behind them can change, even without an empty line between. */
const CLOSED = ["space", "code", "heading", "hr", "dollarBlock", "bracketBlock"];

export interface Step {
    /** Markdown that is settled by this step, "" = nothing. */
    settled: string;
    /** Markdown behind it, which was read. */
    tail: string;
    /** Text behind that, which was not read yet. */
    unread: string;
}

export class BlockSplitter {
    /** Characters given to the reader so far, for tests. */
    read = 0;
    private tail = "";
    private unread = "";

    constructor(private readonly lex: (markdown: string) => BlockToken[]) {}

    push(text: string): Step {
        this.unread += text.replaceAll("\r", "");
        const long = this.tail.length > SHORT_TAIL && this.unread.length < this.tail.length / GROWTH;
        if (long) return { settled: "", tail: this.tail, unread: this.unread };
        this.tail += this.unread;
        this.unread = "";
        this.read += this.tail.length;
        const settled = this.settle(this.lex(this.tail));
        this.tail = this.tail.slice(settled.length);
        return { settled, tail: this.tail, unread: "" };
    }

    /** All that was not settled; nothing comes any more. */
    end(): string {
        const rest = this.tail + this.unread;
        this.tail = this.unread = "";
        return rest;
    }

    private settle(tokens: BlockToken[]): string {
        const last = tokens.at(-1);
        if (!last || last.type === "space" || (last.raw.length < CLEAR_BEGINNING && !last.raw.includes("\n"))) return "";
        let end = tokens.length - 2;
        while (end >= 0 && !CLOSED.includes(tokens[end]!.type)) end--;
        const settled = tokens
            .slice(0, end + 1)
            .map((token) => token.raw)
            .join("");
        return this.tail.startsWith(settled) ? settled : "";
    }
}

/**
 * The end of a text that is being written, with what it has opened closed: so the stars of a bold word are not shown until its second ones come.
 */
export function closeOpen(tail: string): string {
    const at = tail.lastIndexOf("\n\n") + 1;
    const fences = tail.match(/^ {0,3}(?:```|~~~)/gm)?.length ?? 0;
    if (fences % 2 === 1) return tail;
    let last = tail.slice(at).replace(/(?:\*{1,3}|_{1,3}|~{1,2}|`)$/, "");
    const plain = last.replace(/`[^`\n]*`/g, (code) => "x".repeat(code.length));
    const tick = plain.lastIndexOf("`");
    if (tick >= 0) return tail.slice(0, at) + last + "`";
    /* A link whose address is not there yet is its words. */
    const link = /!?\[([^\]\n]*)\]\([^)\n]*$/.exec(plain);
    if (link) last = last.slice(0, link.index) + link[1];
    if ((plain.match(/\*\*/g)?.length ?? 0) % 2 === 1) last = last.trimEnd() + "**";
    return tail.slice(0, at) + last;
}
