/* One message of a conversation, and what it looks like. */
import { html, nothing, type TemplateResult } from "lit";
import type { Citation } from "../client/citations.js";
import type { RichText } from "../rich/rich_text.js";
import type { Strings } from "../words/strings.js";
import type { Approvals } from "./approvals.js";
import type { LecternElement } from "./element.js";
import type { Feedback } from "./feedback.js";
import { icon } from "./icons.js";
import { sourcesView } from "./sources.js";
import type { Trouble } from "./trouble.js";

export interface Tool {
    name: string;
    state: string;
}

export interface Message {
    id: string;
    role: "user" | "assistant";
    text: string;
    /** Of an assistant's message. */
    rich: RichText | undefined;
    state: "kept" | "writing" | "stopped" | "interrupted" | "failed";
    status: string;
    reconnecting: boolean;
    tools: Tool[];
    trouble: Trouble | undefined;
    /** What it asks the user; of an answer that is being written. */
    approvals: Approvals | undefined;
    /** Of an answer that has a call of the server's register. */
    feedback: Feedback | undefined;
    citations: readonly Citation[];
}

/** What can be done with a message now; undefined: not that. */
export interface MessageDeeds {
    again: ((message: Message) => void) | undefined;
    edit: ((message: Message) => void) | undefined;
}

export function messageView(host: LecternElement, message: Message, deeds: MessageDeeds): TemplateResult {
    const { chat } = host.strings;
    const user = message.role === "user";
    return html`<li class="message ${message.role}" data-state=${message.state}>
        <h3>${user ? chat.you : chat.assistant}</h3>
        ${user ? html`<div class="said" dir="auto" lang="">${message.text}</div>` : answer(host, message)} ${buttons(host, message, deeds)}
        ${message.feedback?.why() ?? nothing}
    </li>`;
}

function answer(host: LecternElement, message: Message): TemplateResult {
    const { strings } = host;
    return html`${message.tools.length > 0
            ? html`<ul class="tools">
                  ${message.tools.map((tool) => toolLine(strings, tool))}
              </ul>`
            : nothing}
        <div class="said" dir="auto" lang="" aria-busy=${message.state === "writing" ? "true" : "false"}>${message.rich!.element}</div>
        ${sourcesView(strings, message.citations)}
        ${message.approvals?.view() ?? nothing} ${message.approvals?.waits ? nothing : stateLine(host, message)}`;
}

/** What a tool does, in words. */
export function toolName({ chat }: Strings, name: string): string {
    return Object.hasOwn(chat.toolNames, name) ? chat.toolNames[name]! : chat.tool(name);
}

function toolLine(strings: Strings, tool: Tool): TemplateResult {
    const { chat } = strings;
    const state = { running: chat.toolRunning, done: chat.toolDone, failed: chat.toolFailed, refused: chat.toolRefused }[tool.state] ?? tool.state;
    return html`<li data-state=${tool.state}>${icon("tool")}${toolName(strings, tool.name)}: ${state}</li>`;
}

function stateLine({ strings, pageLanguage }: LecternElement, message: Message): TemplateResult | typeof nothing {
    switch (message.state) {
        case "writing":
            return html`<p class="state busy">${message.reconnecting ? strings.reconnecting : message.status || strings.writing}</p>`;
        case "stopped":
            return html`<p class="state">${strings.stopped}</p>`;
        case "interrupted":
            return html`<p class="state">${strings.interrupted}</p>`;
        case "failed":
            return html`<p class="problem">${message.trouble!.text(pageLanguage)}</p>`;
        default:
            return nothing;
    }
}

function buttons(host: LecternElement, message: Message, { again, edit }: MessageDeeds): TemplateResult | typeof nothing {
    const { strings } = host;
    const copy = message.role === "assistant" && message.text !== "" && message.state !== "writing";
    if (!copy && !again && !edit && !message.feedback) return nothing;
    return html`<div class="row">
        ${copy
            ? html`<button type="button" class="small copy" @click=${() => host.copy(message.text, message)}>
                  ${icon("copy")}${host.copyLabel(message)}
              </button>`
            : nothing}
        ${message.feedback?.thumbs() ?? nothing}
        ${edit
            ? html`<button type="button" class="small edit" @click=${() => edit(message)}>${icon("edit")}${strings.chat.edit}</button>`
            : nothing}
        ${again
            ? html`<button
                  type="button"
                  class="small again"
                  aria-disabled=${message.trouble?.early ? "true" : "false"}
                  @click=${() => again(message)}
              >
                  ${icon("retry")}${message.state === "failed" ? strings.retry : strings.chat.again}
              </button>`
            : nothing}
    </div>`;
}
