/*
 * <lectern-chat>: a conversation about the course. The server keeps the thread; the element shows it page by page, adds to it, and takes up what
 * other tabs have added.
 *
 * Screen readers are told the turns (writing, done, stopped, a problem) and not each word; the log itself is no live region.
 */
import { html, nothing, type PropertyValues, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { Problem } from "../client/api.js";
import { clear, loadNewest, loadPage } from "../client/conversation.js";
import { Run, WORKFLOW_PATH } from "../client/run.js";
import { codeToCopy } from "../rich/rich_text.js";
import { answerStyles } from "../ui/answer_styles.js";
import { conclude, writeInto } from "../ui/answering.js";
import { chatStyles } from "../ui/chat_styles.js";
import { EndFollower } from "../ui/end_follower.js";
import { icon } from "../ui/icons.js";
import { MessageList } from "../ui/message_list.js";
import { type Message, messageView } from "../ui/message_view.js";
import { PolicyGate } from "../ui/policy.js";
import { RestartQuestion } from "../ui/restart.js";
import { richStyles } from "../ui/rich_styles.js";
import { styles } from "../ui/styles.js";
import { Tabs } from "../ui/tabs.js";
import { Trouble } from "../ui/trouble.js";
import { WorkflowElement } from "../ui/workflow_element.js";

const ACTION = "continue_conversation";
/** Characters of a question; the server takes 256 KiB. */
const QUESTION_MAX = 60_000;

export class LecternChat extends WorkflowElement {
    static override styles = [styles, richStyles, chatStyles, answerStyles];

    private offered = false;
    private visit = 0;
    private loadingEarlier = false;
    private historyTrouble = false;
    private run: Run | undefined;
    /** A question waits for the policy. */
    private waiting = false;
    private asksPolicy = false;
    /** What went wrong that belongs to no message. */
    private notice: Trouble | undefined;
    private stale = false;
    private readonly tabs = new Tabs(
        "lectern-chat",
        () => this.sharedKey,
        () => void this.refresh(),
    );
    private readonly gate = new PolicyGate(this);
    private readonly messages = new MessageList(this);
    private readonly end = new EndFollower(
        () => this.log,
        () => this.requestUpdate(),
    );
    private readonly restart = new RestartQuestion(this, () => this.beginAnew());

    constructor() {
        super();
        this.placement = "chat";
    }

    override connectedCallback(): void {
        super.connectedCallback();
        if (!this.offered) this.style.display = "none";
        this.tabs.connect();
    }

    override disconnectedCallback(): void {
        super.disconnectedCallback();
        this.tabs.disconnect();
        this.gate.refuse();
    }

    protected readonly stop = (): void => {
        this.run?.stop();
    };

    /* ---- which conversation ---- */

    protected override willUpdate(changed: PropertyValues = new Map()): void {
        super.willUpdate();
        const asks = ["baseUrl", "courseId", "locationId", "placement", "uiSlot", "profile"];
        if (asks.some((name) => changed.has(name)) || (changed.has("token") && !this.offered)) void this.arrive();
        else if (changed.has("token")) this.renew();
    }

    /** A new token ends nothing that is under way; should it be another user's, what they see is theirs. */
    private renew(): void {
        this.gate.forget();
        void this.refresh();
    }

    /** Is there a conversation here, and what was said in it? */
    private async arrive(): Promise<void> {
        const visit = ++this.visit;
        this.stop();
        const offered = await this.askOffered([ACTION]);
        if (visit !== this.visit || !offered) return;
        this.offered = false;
        this.messages.clear();
        if (offered.length > 0) await this.open(visit);
        if (visit !== this.visit) return;
        if (this.offered || this.absent) this.style.removeProperty("display");
        else this.style.display = "none";
        this.requestUpdate();
    }

    /** The profile is only known to the server, so what it says of the history tells whether there is one. */
    private async open(visit: number): Promise<void> {
        try {
            const page = await loadPage(this.api(), this.call(), 0);
            if (visit !== this.visit) return;
            this.messages.take(page);
            this.historyTrouble = false;
            this.offered = true;
        } catch (error) {
            const code = error instanceof Problem ? error.code : "internal_error";
            const staff = await this.isStaff();
            if (visit !== this.visit) return;
            const none = !new Trouble(error).canRetry || code === "profile_invalid";
            this.offered = !none;
            this.historyTrouble = !none;
            this.absent = none && staff ? code : "";
        }
    }

    /* ---- what was said ---- */

    /** Takes up what another tab or device has added. Not while an answer is being written here: then as soon as it has ended. */
    private async refresh(): Promise<void> {
        if (!this.offered || this.run || this.waiting) {
            this.stale = true;
            return;
        }
        this.stale = false;
        await this.load(this.messages.all.length);
    }

    /** The newest `count` messages as the server has them. Counting from the newest on is right whatever was said in other tabs meanwhile. */
    private async load(count: number): Promise<boolean> {
        const visit = this.visit;
        const page = await loadNewest(this.api(), this.call(), count).catch(() => undefined);
        if (!page || visit !== this.visit || this.run || this.waiting) return false;
        this.messages.takeAll(page);
        this.historyTrouble = false;
        this.requestUpdate();
        return true;
    }

    private readonly showEarlier = async (): Promise<void> => {
        if (this.loadingEarlier || this.run || this.waiting) return;
        this.loadingEarlier = true;
        this.requestUpdate();
        const { messages } = this;
        const before = messages.all.length;
        await this.end.hold(async () => {
            const loaded = await this.load(before - messages.notKept().length + 1);
            this.loadingEarlier = false;
            this.announce(loaded ? this.strings.chat.earlierShown(messages.all.length - before) : this.strings.chat.historyFailed);
            await this.updateComplete;
        });
        if (!messages.more) this.log?.focus();
    };

    /* ---- asking ---- */

    private readonly submit = (event: Event): void => {
        event.preventDefault();
        const question = this.field?.value.trim() ?? "";
        if (question && !this.run && !this.waiting) void this.ask(question);
    };

    private readonly key = (event: KeyboardEvent): void => {
        if (event.key === "Enter" && !event.shiftKey && !event.isComposing && event.target === this.field) this.submit(event);
        if (event.key !== "Escape" || event.defaultPrevented) return;
        if (this.gate.policy) this.gate.refuse();
        else if (this.restart.asks) this.restart.keep();
        else if (this.run) this.stop();
        else return;
        event.preventDefault();
    };

    private async ask(question: string): Promise<void> {
        if (!(await this.policyAccepted())) return;
        if (this.field && this.field.value.trim() === question) this.field.value = "";
        this.restart.asks = false;
        this.end.atEnd = true;
        await this.write(question, this.messages.ask(question));
    }

    /** Another try for a question that came to nothing. */
    private async askAgain(failed: Message): Promise<void> {
        const question = this.messages.questionOf(failed);
        if (!question || this.run || this.waiting || failed.trouble?.early) return;
        if (!(await this.policyAccepted())) return;
        this.end.atEnd = true;
        await this.write(question.text, this.messages.replace(failed));
    }

    private async policyAccepted(): Promise<boolean> {
        this.waiting = true;
        this.notice = undefined;
        this.requestUpdate();
        try {
            return (await this.gate.pass()) !== "refused";
        } catch (error) {
            this.complain(error);
            return false;
        } finally {
            this.waiting = false;
            this.requestUpdate();
            void this.updateComplete.then(() => this.field?.focus());
        }
    }

    private async write(question: string, answer: Message, again = false): Promise<void> {
        answer.state = "writing";
        const run = new Run(this.api(), writeInto(answer, this, () => this.end.follow()));
        this.run = run;
        this.announce(this.strings.writing);
        const outcome = await run.start(WORKFLOW_PATH, { ...this.callWithText(), user_input: question }).finished;
        if (this.run === run) this.run = undefined;
        answer.reconnecting = false;
        if (outcome.kind === "failed" && outcome.problem.code === "policy_not_accepted" && !again) {
            this.gate.forget();
            if (await this.policyAccepted()) return this.write(question, answer, true);
        }
        conclude(answer, outcome, this);
        this.tabs.tell();
        if (this.stale) void this.refresh();
    }

    private readonly edit = (message: Message): void => {
        const { field } = this;
        if (!field) return;
        field.value = message.text;
        field.focus();
        field.setSelectionRange(field.value.length, field.value.length);
    };

    /* ---- beginning anew ---- */

    private async beginAnew(): Promise<void> {
        this.notice = undefined;
        try {
            await clear(this.api(), this.call());
            this.messages.clear();
            this.announce(this.strings.chat.restarted);
            this.tabs.tell();
        } catch (error) {
            this.complain(error);
        }
    }

    private complain(error: unknown): void {
        this.notice = new Trouble(error);
        this.announce(this.notice.text(this.pageLanguage));
    }

    /* ---- the log ---- */

    private get log(): HTMLElement | null {
        return this.shadowRoot?.querySelector<HTMLElement>(".log") ?? null;
    }

    private get field(): HTMLTextAreaElement | null {
        return this.shadowRoot?.querySelector<HTMLTextAreaElement>("form textarea") ?? null;
    }

    private readonly pressInside = (event: Event): void => {
        const code = codeToCopy(event);
        if (code !== undefined) void this.copy(code, event.target);
    };

    protected override updated(): void {
        const asks = this.gate.policy !== undefined;
        /* The field is hidden by the policy, which does not take the focus from it at once. */
        if (asks && !this.asksPolicy) this.shadowRoot?.querySelector<HTMLElement>(".body")?.focus();
        else if (!asks) this.keepFocus(this.field);
        this.asksPolicy = asks;
        if (this.end.atEnd) this.end.toEnd();
        this.follow(this.notice ?? this.messages.all.find((message) => message.trouble?.early)?.trouble);
    }

    /* ---- what it looks like ---- */

    private get shownName(): string {
        return this.heading || this.strings.chat.title;
    }

    protected override render(): TemplateResult | typeof nothing {
        if (!this.offered) return this.staffNote(this.shownName);
        const { strings, gate } = this;
        return html`
            <section class="chat" aria-labelledby="title" lang=${this.language} @keydown=${this.key}>
                <header>
                    <h2 id="title">${this.shownName}</h2>
                    ${this.messages.all.length > 0 && !this.run && !this.waiting
                        ? html`<button type="button" class="small restart" @click=${this.restart.ask}>
                              ${icon("restart")}${strings.chat.restart}
                          </button>`
                        : nothing}
                </header>
                ${this.restart.body()}
                ${gate.policy ? html`<div class="middle">${gate.body()}</div>${gate.buttons()}` : this.thread()}
                ${this.notice ? html`<p class="problem notice">${this.notice.text(this.pageLanguage)}</p>` : nothing}
                <form @submit=${this.submit} ?hidden=${gate.policy !== undefined}>
                    <textarea
                        rows="1"
                        maxlength=${QUESTION_MAX}
                        aria-label=${strings.chat.question}
                        aria-describedby="hint"
                        placeholder=${strings.chat.placeholder}
                        dir="auto"
                    ></textarea>
                    ${this.run
                        ? html`<button type="button" class="stop" @click=${this.stop}>${icon("stop")}${strings.stop}</button>`
                        : html`<button type="submit" class="primary send">${icon("send")}${strings.chat.send}</button>`}
                </form>
                <p class="hint" id="hint">${strings.chatCaution} ${strings.chat.keys}</p>
                ${this.announcer()}
            </section>
        `;
    }

    private thread(): TemplateResult {
        const { strings, end } = this;
        const { all, more } = this.messages;
        return html`<div class="middle">
            <div class="log" role="log" aria-live="off" aria-label=${strings.chat.log} tabindex="0" @scroll=${end.scrolled} @click=${this.pressInside}>
                ${more
                    ? html`<button type="button" class="small earlier" aria-disabled=${this.loadingEarlier} @click=${this.showEarlier}>
                          ${strings.chat.earlier}
                      </button>`
                    : nothing}
                ${this.historyTrouble ? html`<p class="problem">${strings.chat.historyFailed}</p>` : nothing}
                ${all.length === 0
                    ? html`<p class="empty">${strings.chat.empty}</p>`
                    : html`<ol class="messages">
                          ${repeat(
                              all,
                              (message) => message.id,
                              (message) => this.message(message),
                          )}
                      </ol>`}
            </div>
            ${end.atEnd || all.length === 0
                ? nothing
                : html`<button type="button" class="small newest" @click=${end.toNewest}>${icon("newest")}${strings.chat.newest}</button>`}
        </div>`;
    }

    /** Only the newest question and answer can be asked again. */
    private message(message: Message): TemplateResult {
        const idle = !this.run && !this.waiting;
        const { all } = this.messages;
        const last = message === all.at(-1);
        const lastQuestion = message === all.filter((each) => each.role === "user").at(-1);
        return messageView(this, message, {
            again: idle && last && message.role === "assistant" && (message.trouble?.canRetry ?? true) ? this.again : undefined,
            edit: idle && lastQuestion ? this.edit : undefined,
        });
    }

    private readonly again = (message: Message): void => {
        if (message.state === "failed") void this.askAgain(message);
        else this.answerAgain(message);
    };

    /** The thread is kept as it was said, so the question is asked once more behind it. */
    private answerAgain(message: Message): void {
        const question = this.messages.questionOf(message);
        if (question && !this.run && !this.waiting) void this.ask(question.text);
    }
}
