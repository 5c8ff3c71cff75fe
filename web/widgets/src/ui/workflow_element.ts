/* What elements share that run the workflow of a place: which one it is, and the page's text for courses that the server does not know. */
import type { PropertyDeclarations } from "lit";
import type { WorkflowCall, WorkflowPlace } from "../client/conversation.js";
import { visibleText } from "../rich/page_text.js";
import { LecternElement } from "./element.js";

/** Characters of the page that go along; the server takes a MiB. */
const CONTENT_MAX = 200_000;

export abstract class WorkflowElement extends LecternElement {
    static override properties: PropertyDeclarations = {
        uiSlot: { attribute: "ui-slot" },
        profile: {},
        heading: {},
        target: { attribute: "for" },
    };

    /** Names the place in the page; a scope leads from it to a profile. */
    declare uiSlot: string;
    /** A profile by name, in place of the one that a scope leads to. */
    declare profile: string;
    /** What stands above the element's content; by default the words for it in the page's language. */
    declare heading: string;
    /** CSS selector of a text that goes along, for courses that the server does not know. */
    declare target: string;

    constructor() {
        super();
        this.uiSlot = "";
        this.profile = "";
        this.heading = "";
        this.target = "";
    }

    call(): WorkflowCall {
        const context: WorkflowPlace = this.place();
        if (this.uiSlot) context.ui_slot_selector_id = this.uiSlot;
        return this.profile ? { context, profile: this.profile } : { context };
    }

    callWithText(): WorkflowCall {
        const call = this.call();
        const page = this.target ? document.querySelector(this.target) : null;
        if (page) call.context.content = visibleText(page).slice(0, CONTENT_MAX);
        return call;
    }

    /** The same in all tabs that show the same. */
    protected get sharedKey(): string {
        return JSON.stringify([this.baseUrl, this.call()]);
    }
}
