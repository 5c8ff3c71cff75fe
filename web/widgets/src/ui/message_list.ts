/* The messages that a chat shows: what the server keeps, in its order, and behind it questions of which nothing came. */
import type { KeptMessage, Page } from "../client/conversation.js";
import { RichText } from "../rich/rich_text.js";
import type { LecternElement } from "./element.js";
import { Feedback } from "./feedback.js";
import type { Message } from "./message_view.js";

export class MessageList {
    /** Oldest first. */
    all: Message[] = [];
    /** The server has older ones. */
    more = false;

    private counter = 0;

    constructor(private readonly host: LecternElement) {}

    clear(): void {
        this.all = [];
        this.more = false;
    }

    /** A message that the server does not know yet. */
    make(role: Message["role"], text: string, id = `own ${++this.counter}`): Message {
        const rich = role === "assistant" ? new RichText(this.host.strings) : undefined;
        const nothing = { trouble: undefined, approvals: undefined, feedback: undefined };
        return { id, role, text, rich, state: "kept", status: "", reconnecting: false, tools: [], citations: [], ...nothing };
    }

    /** Shows what the server has; a message that is shown already stays the same. */
    take(page: Page): void {
        const before = new Map(this.all.map((message) => [message.id, message]));
        this.all = page.messages.map((kept) => this.again(before.get(kept.id), kept) ?? this.fromKept(kept));
        this.more = page.more;
    }

    /** The same, with the questions of which nothing came behind it. */
    takeAll(page: Page): void {
        const own = this.notKept();
        this.take(page);
        this.all = [...this.all, ...own];
    }

    private again(shown: Message | undefined, kept: KeptMessage): Message | undefined {
        shown?.feedback?.known(kept.rating);
        return shown;
    }

    private fromKept(kept: KeptMessage): Message {
        const message = this.make(kept.role, kept.text, kept.id);
        if (kept.interrupted && kept.role === "assistant") message.state = "interrupted";
        if (kept.callId) message.feedback = new Feedback(this.host, kept.callId, kept.rating);
        message.citations = kept.citations;
        message.rich?.finish(kept.text);
        return message;
    }

    /** Questions of which nothing came, with what they came to: the server has no turn of them. */
    notKept(): Message[] {
        return this.all.flatMap((message, i) => {
            const nothing = message.role === "assistant" && (message.state === "failed" || message.state === "stopped") && !message.text;
            return nothing && i > 0 ? [this.all[i - 1]!, message] : [];
        });
    }

    /** A question with the message in which its answer will be. */
    ask(question: string): Message {
        const answer = this.make("assistant", "");
        this.all = [...this.all, this.make("user", question), answer];
        return answer;
    }

    /** A new message in the place of an answer that failed. */
    replace(failed: Message): Message {
        const answer = this.make("assistant", "");
        this.all = this.all.map((message) => (message === failed ? answer : message));
        return answer;
    }

    questionOf(answer: Message): Message | undefined {
        const before = this.all[this.all.indexOf(answer) - 1];
        return before?.role === "user" ? before : undefined;
    }
}
