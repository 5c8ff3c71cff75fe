/* Switches of courses and of activities in them. */
import { html, nothing, type TemplateResult } from "lit";
import { call, get, messageOf } from "../api.js";
import { go } from "../navigation.js";
import { ask } from "../ui/dialog.js";
import type { FormOf } from "../ui/form.js";
import { when, words } from "../ui/format.js";
import type { ConsoleList, ListOf } from "../ui/list.js";
import { Page } from "../ui/page.js";
import { badge, timeView } from "../ui/parts.js";
import { say } from "../ui/toast.js";

interface Switch {
    course_id: string;
    location_id: string;
    action: string;
    enabled: boolean;
    until: string | null;
    expired: boolean;
}

const ALL = "everything", OTHERS = "others";

function actionText(action: string): string {
    if (action === "") return "Everything";
    if (action === OTHERS) return "All others";
    return action.startsWith("service:") ? `Service ${action.slice(8)}` : words(action);
}

const placeText = ({ course_id, location_id }: Switch) => (location_id ? `${location_id} in ${course_id}` : course_id);

class PageSwitches extends Page {
    private readonly list: ListOf<Switch> = {
        path: "/v1/switches",
        member: "switches",
        title: "switches",
        columns: [
            { name: "course_id", title: "Course", sort: true },
            { name: "location_id", title: "Activity", sort: true, cell: (row) => row.location_id || "the whole course" },
            { name: "action", title: "What", sort: true, cell: (row) => actionText(row.action) },
            {
                name: "enabled",
                title: "Is",
                sort: true,
                cell: (row) => (row.expired ? badge("off", "Over") : row.enabled ? badge("ok", "On") : badge("error", "Off")),
            },
            { name: "until", title: "Until", sort: true, cell: (row) => (row.until
                ? html`<span>${when(row.until)} <span class="muted small">(${timeView(row.until)})</span></span>`
                : "for good") },
        ],
        filters: [{ name: "course_id", title: "Course" }],
        buttons: (row) => html`<button type="button" aria-label="Remove the switch of ${placeText(row)}, ${actionText(row.action)}"
            @click=${() => void this.removeRow(row)}>Remove…</button>`,
        empty: html`<p>There are no switches: what is on for the site is on in every course. <a href="/admin/switches/new">Add a switch</a>
            to turn AI off, or on again, in a course or in one of its activities.</p>`,
    };

    heading(): string {
        return "Switches";
    }

    protected override lead(): string {
        return "What nobody has switched off is on. A switch turns AI off in a course or an activity, or on again where something wider is off; an " +
            "activity can only narrow what its course allows.";
    }

    protected override tools(): TemplateResult {
        return html`<a class="button primary" href="/admin/switches/new">Add a switch</a>`;
    }

    protected async load(): Promise<void> {}

    protected content(): TemplateResult {
        return html`<console-list .of=${this.list}></console-list>`;
    }

    private async removeRow(row: Switch): Promise<void> {
        const yes = await ask({
            title: "Remove this switch?",
            text: `${actionText(row.action)} in ${placeText(row)} is then as the course, the placements and the site say.`,
            confirm: "Remove",
            danger: true,
        });
        if (!yes) return;
        try {
            const { course_id, location_id, action } = row;
            await call("PUT", "/v1/switches", { body: { course_id, ...(location_id && { location_id }), ...(action && { action }), enabled: null } });
            say("The switch was removed.");
        } catch (error) {
            say(messageOf(error), { failed: true });
        }
        await this.querySelector<ConsoleList>("console-list")?.read();
        this.querySelector<HTMLElement>("#heading")?.focus();
    }
}

class PageSwitchNew extends Page {
    private form: FormOf | null = null;

    heading(): string {
        return "Add a switch";
    }

    protected override above(): [string, string] {
        return ["switches", "Switches"];
    }

    protected async load(): Promise<void> {
        const { actions } = await get<{ actions: { name: string; title: string }[] }>("/v1/actions", {}, this.signal);
        this.form = {
            fields: [
                {
                    pointer: "/course_id",
                    title: "Course",
                    kind: "text",
                    required: true,
                    maxLength: 255,
                    help: "As the learning platform calls it, e.g. course-v1:Org+Course+Run.",
                },
                { pointer: "/location_id", title: "Activity", kind: "text", maxLength: 255, help: "Left empty: the whole course." },
                {
                    pointer: "/action",
                    title: "What",
                    kind: "select",
                    required: true,
                    options: [
                        [ALL, "Everything there"],
                        ...actions.map((one) => [one.name, one.title] as const),
                        [OTHERS, "All actions that have no switch of their own there"],
                    ],
                },
                { pointer: "/enabled", title: "Is to be", kind: "select", required: true, options: [["off", "Off"], ["on", "On"]] },
                {
                    pointer: "/until",
                    title: "Until",
                    kind: "time",
                    help: "Left empty: for good. From then on it is as if the switch were not there.",
                },
            ],
            value: { action: ALL, enabled: "off" },
            submit: "Switch",
            unchanged: true,
            done: "The switch was set.",
            save: ({ value }) => call("PUT", "/v1/switches", {
                body: { ...value, action: value["action"] === ALL ? "" : value["action"], enabled: value["enabled"] === "on" },
            }),
            saved: () => void go("switches"),
            cancel: () => void go("switches"),
        };
    }

    protected content(): TemplateResult | typeof nothing {
        return this.form ? html`<section class="card"><console-form .of=${this.form}></console-form></section>` : nothing;
    }
}

customElements.define("page-switches", PageSwitches);
customElements.define("page-switch-new", PageSwitchNew);
