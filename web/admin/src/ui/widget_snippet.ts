/* Which element of the widgets belongs to a workflow, and what to put into a page for it (docs/widgets.md). */
import { html, nothing, type TemplateResult } from "lit";
import { session } from "../session.js";
import { snippet } from "./parts.js";

export interface Widget {
    /** "lectern-chat" */
    element: string;
    /** What a person sees of it. */
    about: string;
    /** It may name a profile, so that no scope is needed. */
    byProfile: boolean;
}

/** The demo course, and its place for a workflow of one's own. */
export const DEMO = { course: "course-v1:Lectern+Demo+2026", slot: "yours" };

const SLOT: Widget = { element: "lectern-slot", about: "a button, with the answer below it or beside the page", byProfile: false };

const WIDGETS: Record<string, Widget> = {
    ThreadedLLMResponse: { element: "lectern-chat", about: "a conversation that is kept for each learner and unit", byProfile: true },
    FlashCardsOrchestrator: { element: "lectern-flashcards", about: "flash cards, repeated with growing pauses", byProfile: true },
    EducatorAssistantOrchestrator: { element: "lectern-questions", about: "questions for authors, who pick and change them", byProfile: true },
    GradingOrchestrator: { element: "lectern-grading", about: "feedback by a rubric beside a submission", byProfile: true },
};

/** The element for a workflow's orchestrator_class. Dotted names of plugins are taken by their last part. */
export function widgetOf(orchestrator: string | null | undefined): Widget {
    return WIDGETS[(orchestrator ?? "").split(".").at(-1)!] ?? SLOT;
}

export interface SnippetOf {
    orchestrator: string | null;
    /** The profile's slug. */
    profile: string;
    /** Of the scope that leads to it; without one the profile is named, where the element can. */
    scope?: { course: string; slot: string } | null;
}

const quoted = (text: string) => text.replace(/&/g, "&amp;").replace(/"/g, "&quot;").replace(/</g, "&lt;");

/** The lines for a page. What the platform has to fill in stands as {{ name }}. */
export function snippetText({ orchestrator, profile, scope }: SnippetOf, origin = location.origin): string {
    const { element, byProfile } = widgetOf(orchestrator);
    const attributes: [string, string][] = [["base-url", origin], ["course-id", scope?.course || "{{ course }}"], ["location-id", "{{ unit }}"]];
    if (element === "lectern-grading")
        attributes.push(["submission-id", "{{ submission }}"], ["for", "#submission"], ["profile", profile], ["task", "#task"]);
    else if (scope || !byProfile) attributes.push(["ui-slot", scope?.slot || "{{ slot }}"]);
    else attributes.push(["profile", profile]);
    const lines = [
        `<meta name="lectern-token" content="{{ token }}">`,
        `<script type="module" src="${origin}/widgets/lectern-widgets.js"></script>`,
    ];
    if (element === "lectern-grading")
        lines.push(
            `<article id="submission">{{ text }}</article>`,
            `<script type="application/json" id="task">{"task": {}, "rubric": {"criteria": []}}</script>`,
        );
    return [...lines, `<${element} ${attributes.map(([name, value]) => `${name}="${quoted(value)}"`).join("\n    ")}></${element}>`].join("\n");
}

/** "Put it into a page": the lines to copy, and what has to be filled in. */
export function widgetSnippet(of: SnippetOf): TemplateResult {
    const widget = widgetOf(of.orchestrator);
    return html`<p>This workflow is shown by <code>&lt;${widget.element}&gt;</code>: ${widget.about}. Copy these lines into the page.</p>
        ${snippet("Lines for the page", snippetText(of))}
        <ul>
            <li><code>{{ token }}</code>: a short token that your platform signs for the person who looks at the page, with the key of an issuer of
                this site. Never put a site key into a page.</li>
            ${of.scope?.course ? nothing : html`<li><code>{{ course }}</code>: the course's id, as scopes name it.</li>`}
            <li><code>{{ unit }}</code>: the id of the unit or page.</li>
            ${widget.byProfile || of.scope?.slot
                ? nothing
                : html`<li><code>{{ slot }}</code>: the place in the page. A scope has to lead from it to the profile.</li>`}
            ${widget.element === "lectern-grading" ? html`<li><code>{{ submission }}</code>: the submission's id; its text is what <code>for</code>
                leads to, and <code>task</code> the task with its rubric.</li>` : nothing}
            <li>A page of another address than <code>${location.origin}</code> must be among the site's CORS origins.</li>
        </ul>
        ${session.current?.demo ? demoLine(widget, of.scope?.course === DEMO.course && of.scope.slot === DEMO.slot) : nothing}`;
}

/** The demo course has a place for any workflow that a slot can show. */
function demoLine({ element }: Widget, here: boolean): TemplateResult {
    const link = (role: string, title: string) => html`<a href="/demo?role=${role}" target="_blank" rel="noopener">${title}</a>`;
    if (element === "lectern-grading")
        return html`<p>The demo course shows one ${link("teacher", "to teachers")}, with the profile <code>demo-grading</code>.</p>`;
    if (here) return html`<p>It is shown ${link("learner", "in the demo course")}, on each of its pages.</p>`;
    return html`<p>To see it at once: a scope for the course <code>${DEMO.course}</code> and the slot <code>${DEMO.slot}</code> shows it
        ${link("learner", "in the demo course")}.</p>`;
}
