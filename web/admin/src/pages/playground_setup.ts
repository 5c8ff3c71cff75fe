/* What is asked in the playground: its fields, and what they are sent as. Pure. */
import { fieldsOf, type Field, type Schema } from "../ui/fields.js";
import { words } from "../ui/format.js";
import { at, withAt } from "../ui/pointer.js";

export interface ActionInfo {
    name: string;
    title: string;
    description: string;
    input_schema: Schema;
    available: boolean;
    message?: string;
    detail?: string;
}

export interface ProfileInfo {
    slug: string;
    description: string | null;
    base_filepath: string;
    content_patch: string;
    orchestrator_class: string | null;
}

/** What there is to choose from. */
export interface Choices {
    actions: ActionInfo[];
    providers: { name: string; plugin: string; enabled: boolean }[];
    placements: { name: string; title: string }[];
    profiles: ProfileInfo[];
    prompts: { slug: string; body: string }[];
}

export const ROLES = ["student", "teacher", "editingteacher", "manager", "admin"];
const CHAT = "continue_conversation";

/** The values of the form. Pointers are those of the request's body where it has them, so that the server's errors find their fields. */
export interface Setup {
    kind: "action" | "profile";
    action?: string;
    profile?: string;
    /** The system message of a conversation. */
    system?: string;
    input?: Record<string, unknown>;
    user_input?: unknown;
    prompt?: string;
    context?: Record<string, string>;
    /** "": as the key itself. */
    role?: string;
    user?: { id?: string };
    provider?: string;
    stream?: boolean;
    compare?: boolean;
    /** What differs in the second run. */
    other?: { provider?: string; profile?: string; prompt?: string; system?: string };
    [name: string]: unknown;
}

export const START: Setup = { kind: "action", action: "summarise_text", stream: true };

const isAction = (value: unknown) => (value as Setup).kind === "action";
const isProfile = (value: unknown) => (value as Setup).kind === "profile";
const isChat = (value: unknown) => isAction(value) && (value as Setup).action === CHAT;
const compares = (value: unknown) => (value as Setup).compare === true;

/** Members of an action's input; those that are seldom needed come under "More settings". Conversations are typed as text. */
function inputFields(action: ActionInfo | undefined): Field[] {
    if (!action) return [];
    const needed = new Set(action.input_schema.required ?? []);
    return fieldsOf(action.input_schema, "/input")
        .filter((field) => action.name !== CHAT || field.pointer === "/input/messages")
        .map((field) => {
            const name = field.pointer.split("/")[2]!;
            const own: Field = { ...field, when: isAction, more: !needed.has(name) };
            if (action.name !== CHAT) return own;
            return {
                ...own,
                title: "What the user says",
                kind: "area",
                help: "Or the messages of a conversation, as a JSON array of {role, content}.",
            };
        });
}

/** With what an address named though the list does not have it. */
function withChosen(options: (readonly [string, string])[], chosen: string | undefined): (readonly [string, string])[] {
    return !chosen || options.some(([value]) => value === chosen) ? options : [...options, [chosen, chosen]];
}

function providers(choices: Choices, chosen: string | undefined): (readonly [string, string])[] {
    return withChosen(
        choices.providers.map(({ name, plugin, enabled }) => [name, `${name} (${plugin})${enabled ? "" : ", switched off"}`] as const),
        chosen,
    );
}

/** What an action does, and why it could not be run by whom and where the form says. */
function about(action: ActionInfo | undefined): string | undefined {
    return action && !action.available ? `${action.description} Not available here: ${action.detail || action.message}` : action?.description;
}

export function fieldsFor(setup: Setup, choices: Choices): Field[] {
    const action = choices.actions.find(({ name }) => name === setup.action);
    const profiles =
        withChosen(choices.profiles.map(({ slug, description }) => [slug, description ? `${slug}: ${description}` : slug] as const), setup.profile);
    const prompt = { title: "Prompt in place of the profile's", kind: "area" as const, suggestions: choices.prompts.map(({ slug }) => slug) };
    return [
        { pointer: "/kind", title: "Run", kind: "select", required: true, options: [["action", "An action"], ["profile", "A workflow profile"]] },
        {
            pointer: "/action",
            title: "Action",
            kind: "select",
            required: true,
            when: isAction,
            help: about(action),
            options: choices.actions.map(({ name, title, available }) => [name, available ? title : `${title} (not available here)`]),
        },
        { pointer: "/profile", title: "Profile", kind: "select", required: true, when: isProfile, options: profiles },
        { pointer: "/system", title: "System prompt", kind: "area", when: isChat },
        ...inputFields(action),
        {
            pointer: "/user_input",
            title: "What the user says",
            kind: "area",
            when: isProfile,
            help: "A text, or JSON where the workflow wants more.",
        },
        {
            pointer: "/context/content",
            title: "Text of the place",
            kind: "area",
            when: isProfile,
            more: true,
            help: "What the page would send along.",
        },
        { ...prompt, pointer: "/prompt", when: isProfile, more: true, help: "Slug of a saved prompt, or a text where the profile allows one." },
        { pointer: "/context/course_id", title: "Course", kind: "text", more: true, maxLength: 255 },
        { pointer: "/context/location_id", title: "Location in the course", kind: "text", more: true, maxLength: 255 },
        {
            pointer: "/context/placement",
            title: "Placement",
            kind: "select",
            more: true,
            options: choices.placements.map(({ name, title }) => [name, title]),
        },
        { pointer: "/context/ui_slot_selector_id", title: "Slot of the page", kind: "text", more: true, when: isProfile },
        {
            pointer: "/provider",
            title: "Provider",
            kind: "select",
            when: isAction,
            none: "The first that can",
            options: providers(choices, setup.provider),
        },
        {
            pointer: "/role",
            title: "Ask as",
            kind: "select",
            none: "Your key",
            options: ROLES.map((role) => [role, words(role)]),
            help: "A role: with its permissions, policy and limits, and nothing of your key's.",
        },
        {
            pointer: "/user/id",
            title: "User",
            kind: "text",
            maxLength: 255,
            placeholder: setup.role ? "playground" : "nobody",
            help: "Whose policy and limits count, and under whom the register has the call. Conversations need one.",
        },
        { pointer: "/stream", title: "Show the answer as it comes", kind: "boolean" },
        { pointer: "/compare", title: "Compare with a second run", kind: "boolean" },
        {
            pointer: "/other/provider",
            title: "Second run: provider",
            kind: "select",
            when: (value) => compares(value) && isAction(value),
            none: "The first that can",
            options: providers(choices, setup.other?.provider),
        },
        {
            pointer: "/other/system",
            title: "Second run: system prompt",
            kind: "area",
            when: (value) => compares(value) && isChat(value),
            help: "Empty: the same.",
        },
        {
            pointer: "/other/profile",
            title: "Second run: profile",
            kind: "select",
            when: (value) => compares(value) && isProfile(value),
            none: "The same",
            options: profiles,
        },
        {
            ...prompt,
            pointer: "/other/prompt",
            title: "Second run: prompt in place of the profile's",
            when: (value) => compares(value) && isProfile(value),
            help: "Empty: the same.",
        },
    ];
}

/** Text that is JSON of an object or array is sent as that. */
function textOrJson(value: unknown): unknown {
    if (typeof value !== "string" || !/^\s*[[{]/.test(value)) return value;
    try {
        return JSON.parse(value);
    } catch {
        return value;
    }
}

function messages(said: unknown, system: string | undefined): unknown[] {
    const given = textOrJson(said);
    const talk: unknown[] = Array.isArray(given) ? given : [{ role: "user", content: String(said ?? "") }];
    return system?.trim() ? [{ role: "system", content: system }, ...talk] : talk;
}

/** What only this action's schema knows: other actions' members that were typed before stay behind. */
function inputOf(setup: Setup, schema: Schema | undefined, system: string | undefined): Record<string, unknown> {
    if (setup.action === CHAT) return { messages: messages(setup.input?.["messages"], system) };
    const known = Object.keys(schema?.properties ?? {});
    return Object.fromEntries(Object
        .entries(setup.input ?? {})
        .filter(([name, value]) => known.includes(name) && value !== undefined && value !== ""));
}

export interface Question {
    path: string;
    body: Record<string, unknown>;
}

const PLACE = ["course_id", "location_id", "placement"];

/** The request of the first or the second run, without `stream`. */
export function questionOf(setup: Setup, choices: Choices, second = false): Question {
    const other = (second && setup.other) || {};
    const where =
        Object.fromEntries(Object.entries(setup.context ?? {}).filter(([name, value]) => value && (isProfile(setup) || PLACE.includes(name))));
    const common: Record<string, unknown> = { trace: true };
    if (Object.keys(where).length) common["context"] = where;
    if (!setup.role && setup.user?.id) common["user"] = { id: setup.user.id, roles: [] };
    if (setup.role) Object.assign(common, { user: { id: setup.user?.id || "playground", roles: [setup.role] }, as_named: true });
    if (isProfile(setup)) {
        const prompt = other.prompt?.trim() || setup.prompt?.trim();
        const body: Record<string, unknown> = { profile: other.profile || setup.profile, ...common };
        const said = textOrJson(setup.user_input);
        if (said !== undefined && said !== "") body["user_input"] = said;
        if (prompt) body["prompt"] = prompt;
        return { path: "/v1/workflows/run", body };
    }
    const schema = choices.actions.find(({ name }) => name === setup.action)?.input_schema;
    const provider = second ? other.provider : setup.provider;
    const input = inputOf(setup, schema, other.system?.trim() ? other.system : setup.system);
    return { path: `/v1/actions/${encodeURIComponent(setup.action ?? "")}`, body: { input, ...common, ...(provider && { provider }) } };
}

/** Asks what whoever is asked as could do there. */
export function availabilityQuery(setup: Setup): Record<string, string> {
    const where = Object.fromEntries(PLACE.map((name) => [name, setup.context?.[name] ?? ""]));
    return setup.role ? { ...where, user_id: setup.user?.id || "playground", role: setup.role, as_named: "true" } : where;
}

/** Where in the form an error of the request belongs. */
export function pointerOf(pointer: string, second: boolean): string {
    if (pointer === "/user") return "/user/id";
    if (pointer === "/as_named") return "/role";
    return second && ["/provider", "/profile", "/prompt"].includes(pointer) ? `/other${pointer}` : pointer;
}

/* ---- addresses ---- */

const IN_ADDRESS: [name: string, pointer: string][] = [
    ["action", "/action"], ["profile", "/profile"], ["provider", "/provider"], ["role", "/role"], ["user", "/user/id"],
    [
        "course_id", "/context/course_id",
    ], ["location_id", "/context/location_id"], ["placement", "/context/placement"], ["slot", "/context/ui_slot_selector_id"],
];

/** What an address says: /admin/playground?action=explain_text&course_id=… */
export function setupOf(query: URLSearchParams): Setup {
    let setup = START;
    for (const [name, pointer] of IN_ADDRESS) if (query.get(name)) setup = withAt(setup, pointer, query.get(name));
    return query.get("profile") ? { ...setup, kind: "profile" } : setup;
}

/** The other way; what is empty is taken out of the address. */
export function queryOf(setup: Setup): Record<string, string> {
    const not = setup.kind === "action" ? "profile" : "action";
    return Object.fromEntries(IN_ADDRESS.map(([name, pointer]) => [name, name === not ? "" : String(at(setup, pointer) ?? "")]));
}

/** A call of the register, to be made again: the same action, place and text. Of users their id; their roles are not in the register. */
export function setupOfCall(call: Record<string, unknown>, choices: Choices): Setup {
    const text = (name: string) => (typeof call[name] === "string" ? (call[name] as string) : "");
    const action = choices.actions.find(({ name }) => name === text("action"));
    let setup: Setup = { ...START, action: text("action") };
    for (const name of PLACE) if (text(name)) setup = withAt(setup, `/context/${name}`, text(name));
    if (text("user_id")) setup = withAt(setup, "/user/id", text("user_id"));
    const prompt = (call["content"] as Record<string, unknown> | undefined)?.["prompt"];
    const main = action?.input_schema.required?.[0];
    if (typeof prompt === "string" && main) setup = withAt(setup, `/input/${main}`, prompt);
    return setup;
}
