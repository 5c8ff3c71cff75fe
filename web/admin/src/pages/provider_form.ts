/* The form of a provider: its settings from the schema of its kind, and what it does for each action. */
import type { Field, Schema } from "../ui/fields.js";
import { fieldsOf } from "../ui/fields.js";
import type { Value } from "../ui/form.js";
import { words } from "../ui/format.js";
import { badge } from "../ui/parts.js";
import { at } from "../ui/pointer.js";
import type { Plugin, Provider } from "./provider_data.js";

/** What stands at once; where a kind has few settings, all do. */
const FIRST = ["endpoint", "api_key", "model", "embedding_model", "username", "password", "recording"];
const TRIES = ["headers", "body", "models", "connect_ms", "first_byte_ms", "idle_ms", "total_ms", "retries", "breaker_faults", "breaker_open_ms"];
const FEW = 6;

const NAME: Field =
    { pointer: "/name", title: "Name", kind: "text", required: true, maxLength: 64, help: "What profiles, limits and the register call it." };

export function settingsFields(schema: Schema): Field[] {
    const fields = fieldsOf(schema, "/config");
    const nameOf = (field: Field) => field.pointer.split("/")[2]!;
    const own = fields.filter((field) => !TRIES.includes(nameOf(field)));
    return fields.map((field) => {
        const first = field.required || field.kind === "secret" || FIRST.includes(nameOf(field)) || (own.length <= FEW && own.includes(field));
        return first ? field : { ...field, more: true };
    });
}

export const newFields = (plugin: Plugin): Field[] =>
    [NAME, ...settingsFields(plugin.settings_schema).map((field) => (field.kind === "secret" ? { ...field, placeholder: "" } : field))];

export function editFields(plugin: Plugin): Field[] {
    const enabled: Field = { pointer: "/enabled", title: "In use", kind: "boolean", help: "Off, it is passed over." };
    return [NAME, enabled, ...settingsFields(plugin.settings_schema), ...plugin.serves.flatMap((action) => actionFields(plugin, action))];
}

function actionFields(plugin: Plugin, action: string): Field[] {
    const fold = foldOf(action), base = `/actions/${action}`;
    const on: Field = { pointer: `${base}/enabled`, title: `Used for ${words(action)}`, kind: "boolean", fold };
    if (Object.keys(plugin.settings_schema.properties ?? {}).every((name) => !name.includes("model"))) return [on];
    return [
        on,
        { pointer: `${base}/settings/model`, title: "Model", kind: "text", fold, maxLength: 255, help: "Another one than above, for this action." },
        {
            pointer: `${base}/settings/instruction`,
            title: "Instruction",
            kind: "area",
            fold,
            maxLength: 100000,
            help: "Stands in the place of Lectern's own instruction to the model.",
        },
        { pointer: `${base}/settings/extra`, title: "More members of the request", kind: "json", fold, help: 'As JSON, e.g. {"temperature": 0.2}.' },
    ];
}

const foldOf = (action: string) => `For ${words(action)}`;

/** On or off beside each action's title, so that they need not be opened. */
export function foldNotes(plugin: Plugin): Record<string, (value: Value) => unknown> {
    return Object.fromEntries(plugin.serves.map((action) =>
        [foldOf(action), (value: Value) => (at(value, `/actions/${action}/enabled`) === false ? badge("off", "Off") : badge("ok", "On"))]));
}

/** What the form is about; an action without a word about it is on. */
export function valueOf({ name, enabled, config, actions }: Provider, plugin: Plugin): Value {
    const all = Object.fromEntries(plugin.serves.map((action) => [action, { enabled: true, ...actions[action] }]));
    return { name, enabled, config, actions: { ...actions, ...all } };
}
