/* What the widgets say, in English. The other languages have the same keys, and each key is used (test/words.test.ts). */
import type { Reason } from "../client/feedback.js";
import type { ErrorText, Unavailable } from "./errors.js";

export interface Strings {
    assistant: string;
    actions: Record<string, { button: string; title: string }>;
    loading: string;
    writing: string;
    reconnecting: string;
    done: string;
    stopped: string;
    interrupted: string;
    caution: string;
    chatCaution: string;
    answeredBy: (name: string) => string;
    answer: string;
    policyTitle: string;
    accept: string;
    notNow: string;
    stop: string;
    retry: string;
    copy: string;
    copied: string;
    copyFailed: string;
    copyCode: string;
    code: string;
    close: string;
    linkOpens: string;
    sources: string;
    image: (description: string) => string;
    chat: {
        title: string;
        log: string;
        you: string;
        assistant: string;
        question: string;
        placeholder: string;
        send: string;
        empty: string;
        earlier: string;
        earlierShown: (count: number) => string;
        newest: string;
        again: string;
        edit: string;
        restart: string;
        restartAsk: string;
        restartDo: string;
        restartKeep: string;
        restarted: string;
        historyFailed: string;
        keys: string;
        tool: (name: string) => string;
        toolRunning: string;
        toolDone: string;
        toolFailed: string;
        toolRefused: string;
        toolNames: Record<string, string>;
    };
    slot: { name: string; start: string };
    approval: { asks: string; arguments: string; allow: string; refuse: string };
    feedback: {
        good: string;
        bad: string;
        thanks: string;
        thanksWhy: string;
        takenBack: string;
        failed: string;
        why: string;
        comment: string;
        reasons: Record<Reason, string>;
    };
    errors: Record<ErrorText, string>;
    retryInSeconds: (seconds: number) => string;
    retryAt: (time: string) => string;
    retryNow: string;
    staffNote: (name: string) => string;
    unavailable: Record<Unavailable, string>;
}

export const english: Strings = {
    assistant: "Reading assistant",
    actions: {
        summarise_text: { button: "Summarise", title: "Summary" },
        explain_text: { button: "Explain", title: "Explanation" },
    },
    loading: "One moment…",
    writing: "Writing…",
    reconnecting: "The connection was lost. Reconnecting…",
    done: "Done",
    stopped: "Stopped",
    interrupted: "This answer was interrupted.",
    caution: "Made automatically from this page. It can leave things out or get them wrong, so compare it with the text.",
    chatCaution: "Answers are made automatically and can be wrong. Check what matters.",
    answeredBy: (name) => `Answered by ${name}.`,
    answer: "Answer",
    policyTitle: "Before you begin",
    accept: "Accept",
    notNow: "Not now",
    stop: "Stop",
    retry: "Try again",
    copy: "Copy",
    copied: "Copied",
    copyFailed: "Copying did not work. Select the text and copy it by hand.",
    copyCode: "Copy code",
    code: "Code",
    close: "Close",
    linkOpens: "opens in a new tab",
    sources: "Sources",
    image: (description) => (description ? `Image: ${description}` : "Image"),
    chat: {
        title: "Course assistant",
        log: "Conversation",
        you: "You",
        assistant: "Assistant",
        question: "Your question",
        placeholder: "Ask about this course",
        send: "Send",
        empty: "Ask a question about what you are reading.",
        earlier: "Show earlier messages",
        earlierShown: (count) => (count === 1 ? "1 earlier message is shown." : `${count} earlier messages are shown.`),
        newest: "Newest message",
        again: "Answer again",
        edit: "Edit and ask again",
        restart: "New conversation",
        restartAsk: "Begin a new conversation? What was said so far will no longer be shown.",
        restartDo: "Begin anew",
        restartKeep: "Keep it",
        restarted: "A new conversation has begun.",
        historyFailed: "The earlier messages cannot be shown just now.",
        keys: "Enter sends, Shift and Enter begins a new line.",
        tool: (name) => `Uses ${name}`,
        toolRunning: "under way",
        toolDone: "done",
        toolFailed: "did not work",
        toolRefused: "not allowed",
        toolNames: {
            get_context: "Looks at the page",
            get_location_content: "Reads the unit",
            get_location_link: "Finds the unit's address",
            get_course_info: "Looks up the course",
            roll_dice: "Rolls dice",
        },
    },
    slot: { name: "This place for AI tools", start: "Start" },
    approval: {
        asks: "The assistant asks for your permission:",
        arguments: "With these details",
        allow: "Allow",
        refuse: "Refuse",
    },
    feedback: {
        good: "Good answer",
        bad: "Bad answer",
        thanks: "Thank you.",
        thanksWhy: "Thank you. If you like, say below what was wrong.",
        takenBack: "Your rating was taken back.",
        failed: "Your rating could not be kept. Please try again.",
        why: "What was wrong? (optional)",
        comment: "In your own words (optional)",
        reasons: {
            wrong: "It is not correct",
            off_topic: "It does not answer the question",
            unclear: "It is hard to understand",
            too_long: "It is too long",
            harmful: "It is hurtful or harmful",
            other: "Something else",
        },
    },
    errors: {
        signIn: "Your session has ended. Reload the page and try again.",
        notHere: "The assistant is not available here.",
        paused: "The assistant is paused by the site at the moment.",
        tooMany: "That was a lot in a short time.",
        usedUp: "What may be used of the assistant for now is used up.",
        tooLong: "This text is too long for the assistant.",
        noText: "There is no text to read here.",
        refused: "The assistant cannot answer this.",
        mayNotSend: "This text may not be sent to the assistant here. Change it, for example take out personal data.",
        heldBack: "The answer was held back by a rule of this site. Try asking in another way.",
        busy: "The assistant is busy. Please try again in a moment.",
        tooSlow: "The answer took too long. Please try again.",
        unreachable: "The assistant cannot be reached just now. Please try again in a moment.",
        interrupted: "The answer was interrupted. Please try again.",
        connection: "The connection was lost. Check your network and try again.",
        unexpected: "Something went wrong. Please try again.",
    },
    retryInSeconds: (seconds) => (seconds === 1 ? "You can try again in 1 second." : `You can try again in ${seconds} seconds.`),
    retryAt: (time) => `You can try again at ${time}.`,
    retryNow: "You can try again now.",
    staffNote: (name) => `${name} is not shown here. Only staff see this note.`,
    unavailable: {
        site: "It is switched off for the whole site.",
        course: "It is switched off for this course or unit.",
        placement: "It is switched off for this kind of place.",
        permission: "Your role does not have the permission for it.",
        provider: "No AI service that can do this is set up or reachable.",
        profile: "No profile is set up for this place.",
        other: "The server does not offer it.",
    },
};
