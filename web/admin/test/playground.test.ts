import { expect, test } from "vitest";
import { figuresOf, type Trace } from "../src/pages/playground_run.js";
import { profileOf, promptOf } from "../src/pages/playground_save.js";
import { fieldsFor, pointerOf, queryOf, questionOf, setupOf, setupOfCall, START, type Choices, type Setup } from "../src/pages/playground_setup.js";
import { stepsOf } from "../src/pages/playground_trace.js";

const CHOICES: Choices = {
    actions: [
        { name: "summarise_text", title: "Summarise", description: "", available: true, input_schema: { required: ["text"], properties: { text: { type: "string", maxLength: 5000 }, language: { type: "string" } } } },
        { name: "continue_conversation", title: "Chat", description: "", available: true, input_schema: { required: ["messages"], properties: { messages: { type: "array" }, tools: { type: "array" } } } },
    ],
    providers: [{ name: "a", plugin: "openai", enabled: true }],
    placements: [{ name: "chat", title: "Chat" }],
    profiles: [{ slug: "p", description: null, base_filepath: "base/chat.json5", content_patch: '{"processor_config":{"LLMProcessor":{"provider":"a"}}}', orchestrator_class: null }],
    prompts: [{ slug: "kind", body: "Be kind." }],
};

const shown = (setup: Setup) => fieldsFor(setup, CHOICES).filter((field) => field.when?.(setup) ?? true).map(({ pointer }) => pointer);

test("fields are those of what is run", () => {
    const action = shown(START);
    expect(action).toContain("/input/text");
    expect(action).not.toContain("/input/messages");
    expect(action).not.toContain("/user_input");
    expect(action).not.toContain("/other/provider");
    expect(shown({ ...START, compare: true })).toContain("/other/provider");
    const profile = shown({ ...START, kind: "profile", compare: true });
    expect(profile).toEqual(expect.arrayContaining(["/profile", "/user_input", "/prompt", "/context/content", "/other/profile", "/other/prompt"]));
    expect(profile).not.toContain("/provider");
});

test("an action is asked with its own input alone", () => {
    const setup: Setup = { ...START, input: { text: "T", language: "", messages: "typed before" }, provider: "a", context: { course_id: "c", ui_slot_selector_id: "s" } };
    expect(questionOf(setup, CHOICES)).toEqual({ path: "/v1/actions/summarise_text", body: { input: { text: "T" }, trace: true, context: { course_id: "c" }, provider: "a" } });
});

test("a conversation is typed as text, or as its messages", () => {
    const chat: Setup = { kind: "action", action: "continue_conversation", system: "Be brief.", input: { messages: "Hi" } };
    const messages = (setup: Setup, second = false) => (questionOf(setup, CHOICES, second).body["input"] as { messages: unknown }).messages;
    expect(messages(chat)).toEqual([{ role: "system", content: "Be brief." }, { role: "user", content: "Hi" }]);
    expect(messages({ ...chat, system: "", input: { messages: '[{"role":"user","content":"[x]"}]' } })).toEqual([{ role: "user", content: "[x]" }]);
    expect(messages({ ...chat, input: { messages: "[no JSON" } })).toEqual([{ role: "system", content: "Be brief." }, { role: "user", content: "[no JSON" }]);
    expect(messages({ ...chat, other: { system: "Be long." } }, true)).toEqual([{ role: "system", content: "Be long." }, { role: "user", content: "Hi" }]);
});

test("whoever is asked as has nothing of the key; without a role a user is only named", () => {
    expect(questionOf({ ...START, role: "student" }, CHOICES).body).toMatchObject({ user: { id: "playground", roles: ["student"] }, as_named: true });
    expect(questionOf({ ...START, user: { id: "anna" } }, CHOICES).body).toMatchObject({ user: { id: "anna", roles: [] } });
    expect(questionOf({ ...START, user: { id: "anna" } }, CHOICES).body).not.toHaveProperty("as_named");
});

test("the second run differs in what was said to differ", () => {
    const profile: Setup = { kind: "profile", profile: "p", user_input: '{"a":1}', prompt: "x", compare: true, other: { profile: "q", prompt: "kind" } };
    expect(questionOf(profile, CHOICES).body).toEqual({ profile: "p", trace: true, user_input: { a: 1 }, prompt: "x" });
    expect(questionOf(profile, CHOICES, true).body).toEqual({ profile: "q", trace: true, user_input: { a: 1 }, prompt: "kind" });
    expect(questionOf({ ...START, provider: "a", other: {} }, CHOICES, true).body).not.toHaveProperty("provider");
    expect(pointerOf("/provider", true)).toBe("/other/provider");
    expect(pointerOf("/input/text", true)).toBe("/input/text");
    expect(pointerOf("/user", false)).toBe("/user/id");
});

test("an address says what is run, and what is run makes the address", () => {
    const text = "action=continue_conversation&provider=a&role=student&user=anna&course_id=c%2B1&placement=chat";
    const setup = setupOf(new URLSearchParams(text));
    expect(setup).toMatchObject({ kind: "action", action: "continue_conversation", role: "student", user: { id: "anna" }, context: { course_id: "c+1", placement: "chat" } });
    expect(new URLSearchParams(Object.entries(queryOf(setup)).filter(([, value]) => value)).toString()).toBe(text);
    expect(setupOf(new URLSearchParams("profile=p"))).toMatchObject({ kind: "profile", profile: "p" });
});

test("a call of the register is made again with its place and text", () => {
    const call = { action: "summarise_text", user_id: "anna", course_id: "c", location_id: "", placement: "chat", content: { prompt: "The text." } };
    expect(setupOfCall(call, CHOICES)).toMatchObject({ action: "summarise_text", input: { text: "The text." }, context: { course_id: "c", placement: "chat" }, user: { id: "anna" } });
});

const at = (began_ms: number) => ({ began_ms, connected_ms: began_ms + 1, sent_ms: began_ms + 2, first_byte_ms: began_ms + 10, last_byte_ms: began_ms + 30, connection_reused: false });
const request = (began: number) => ({ method: "POST", url: "", fields: [], body: "", body_bytes: 0, body_cut: false, status: 200, timings: at(began) });
const attempt = (name: string, success: boolean, began: number, usage: Record<string, number | string>) => ({
    provider: { id: 1, name, plugin: "openai" }, began_ms: began, success, duration_ms: 30, model: "m", usage, requests: [request(began)], requests_n: 1,
    neutral: { kind: "completion", messages: [{ role: "system", content: "Compiled." }] },
});
const TRACE: Trace = {
    calls: [{
        id: "1", action: "continue_conversation", timings: { gates_ms: 1, begin_queued_ms: 2, first_text_ms: 45, begin_awaited_ms: 46, asked_ms: 70, recorded_ms: 80 },
        attempts: [attempt("a", false, 3, { cost: 5 }), attempt("b", true, 35, { prompt_tokens: 7, completion_tokens: 9, cost: 20, currency: "EUR" })],
    }],
};

test("a trace in figures: tokens of what answered, the cost of all, unknown where one is", () => {
    expect(figuresOf(TRACE)).toMatchObject({ provider: "b", model: "m", attempts: 2, total_ms: 80, first_ms: 45, prompt_tokens: 7, completion_tokens: 9, cost: 25, currency: "EUR" });
    const unknown: Trace = { calls: [{ ...TRACE.calls[0]!, attempts: [attempt("a", true, 3, {})] }] };
    expect(figuresOf(unknown)).toMatchObject({ prompt_tokens: null, cost: null });
});

test("its steps, one after another", () => {
    const steps = stepsOf(TRACE.calls[0]!);
    expect(steps.map(({ title }) => title)).toEqual([
        "Gates", "Begin record handed over", "a: connect", "a: send", "a: wait for the first byte", "a: answer", "b: connect", "b: send", "b: wait for the first byte", "b: answer",
        "First text waits for the begin record", "End record",
    ]);
    expect(steps.every(({ from, to }) => to >= from)).toBe(true);
});

test("what is kept as prompt and as profile", () => {
    const chat: Setup = { kind: "action", action: "continue_conversation", provider: "a", stream: true };
    expect(promptOf(chat, TRACE)).toBe("Compiled.");
    expect(promptOf({ ...chat, system: "Typed." }, TRACE)).toBe("Typed.");
    const made = profileOf({ ...chat, system: "Typed." }, CHOICES, TRACE)!;
    expect(made.base_filepath).toBe("base/blank.json5");
    expect(JSON.parse(made.content_patch)).toEqual({ processor_config: { LLMProcessor: { function: "call_with_custom_prompt", prompt: "Typed.", stream: true, provider: "a" } } });
    const again = profileOf({ kind: "profile", profile: "p", prompt: "kind" }, CHOICES, null)!;
    expect(again.base_filepath).toBe("base/chat.json5");
    expect(JSON.parse(again.content_patch)).toEqual({ processor_config: { LLMProcessor: { provider: "a", prompt_template: "kind" } } });
    expect(profileOf({ kind: "action", action: "embed_text" }, CHOICES, TRACE)).toBeNull();
});
