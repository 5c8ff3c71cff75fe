/* An answer while it is written into a message of a conversation, and at its end. */
import { answerText } from "../client/api.js";
import { readCitations } from "../client/citations.js";
import type { Outcome, RunListener } from "../client/run.js";
import { Approvals } from "./approvals.js";
import type { LecternElement } from "./element.js";
import { Feedback } from "./feedback.js";
import type { Message } from "./message_view.js";
import { Trouble } from "./trouble.js";

/** Writes what a run says into a message; `wrote`: more of its text is there. */
export function writeInto(answer: Message, host: LecternElement, wrote: () => void): RunListener {
    const approvals = new Approvals(host);
    answer.approvals = approvals;
    return {
        text: (delta) => {
            answer.rich!.push(delta);
            if (answer.status) host.requestUpdate();
            answer.status = "";
            wrote();
        },
        status: (message) => {
            answer.status = message;
            host.requestUpdate();
        },
        tool: (name, state) => {
            const open = answer.tools.find((tool) => tool.name === name && tool.state === "running");
            if (open) open.state = state;
            else answer.tools.push({ name, state });
            host.requestUpdate();
        },
        approval: (approval, decide) => {
            approvals.take(approval, decide);
            wrote();
        },
        reconnecting: (on) => {
            answer.reconnecting = on;
            host.announce(on ? host.strings.reconnecting : host.strings.writing);
        },
    };
}

/** The final answer is what was recorded, and counts more than the sum of the parts. */
export function conclude(answer: Message, outcome: Outcome, host: LecternElement): void {
    const { strings } = host;
    const rich = answer.rich!;
    answer.reconnecting = false;
    answer.approvals = undefined;
    rich.finish(outcome.kind === "done" ? (answerText(outcome.answer) ?? rich.text) : rich.text);
    answer.text = rich.text;
    if (outcome.kind === "done") answer.citations = readCitations(outcome.answer.response?.citations);
    if (outcome.kind === "failed") {
        answer.state = "failed";
        answer.trouble = new Trouble(outcome.problem);
        host.announce(answer.trouble.text(host.pageLanguage));
    } else {
        answer.state = outcome.kind === "done" ? "kept" : "stopped";
        if (outcome.kind === "done" && outcome.answer.id) answer.feedback = new Feedback(host, outcome.answer.id);
        host.announce(outcome.kind === "done" ? strings.done : strings.stopped);
    }
}
