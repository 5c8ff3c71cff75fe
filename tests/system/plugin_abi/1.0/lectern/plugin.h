/*
 * The plugin ABI of Lectern: all that a plugin needs. C99; also good C++.
 *
 * A plugin is a shared library NAME.so with a manifest NAME.json beside it. The manifest says what the plugin adds, with names and schemas, and
 * is read without running any of the plugin's code. The library exports one symbol, lectern_plugin_v1, which holds the functions behind
 * those names. All data go over this border as JSON text: what each function is asked and answers stands at its struct.
 *
 * Rules of the border
 *   - Structs begin with their size. They only ever grow at the end; a member behind the size that the other side gives is absent.
 *   - A change that breaks this raises LECTERN_ABI_MAJOR, an addition LECTERN_ABI_MINOR. A plugin of the same major and a lower or equal
 *     minor is loaded.
 *   - Texts are UTF-8. With a length they need no NUL; `const char *` alone ends with NUL.
 *   - Memory belongs to who made it. What a host function returns lives until the function that was called returns. Nothing is freed by
 *     the other side.
 *   - No FILE *, errno, locale, longjmp or C++ exception crosses the border.
 *   - A library is never unloaded while its process runs.
 *
 * Threads. By default Lectern runs a plugin in a process of the plugin's own ("run": "process" in the manifest): its crash is not the daemon's,
 * and it may block. There every call has a thread of its own, and up to 64 run at once: what the plugin keeps beside the call must be
 * guarded by it. A stack has 256 KiB at least.
 *
 * Changes
 *   1.0  first form
 */
#ifndef LECTERN_PLUGIN_H
#define LECTERN_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define LECTERN_PLUGIN_MAGIC 0x4c54504cu /* read as another number: built for the other byte order */
#define LECTERN_ABI_MAJOR 1
#define LECTERN_ABI_MINOR 0

#if defined(__GNUC__)
#define LECTERN_EXPORT __attribute__((visibility("default")))
#else
#define LECTERN_EXPORT
#endif

/* How a function ended. The numbers never change. */
enum {
    LECTERN_OK = 0,
    LECTERN_EINVALID = 1,       /* the input makes no sense, beyond what its schema says */
    LECTERN_ENOT_FOUND = 2,
    LECTERN_EPERMISSION = 3,
    LECTERN_ETIMEOUT = 4,
    LECTERN_ECANCELLED = 5,     /* nobody waits for the answer any more */
    LECTERN_EUNSUPPORTED = 6,   /* there is no such function, or not here */
    LECTERN_EUNAVAILABLE = 7,   /* something that the plugin asks is down: another try may help */
    LECTERN_EUNUSABLE = 8,      /* something that the plugin asked gave what cannot be used */
    LECTERN_ETOO_LARGE = 9,
    LECTERN_EINTERNAL = 10
};

enum { LECTERN_LOG_DEBUG = 0, LECTERN_LOG_INFO = 1, LECTERN_LOG_WARN = 2, LECTERN_LOG_ERROR = 3 };

/* What lectern_host.json_get found. */
enum { LECTERN_JSON_ABSENT = 0, LECTERN_JSON_NULL = 1, LECTERN_JSON_BOOL = 2, LECTERN_JSON_NUMBER = 3, LECTERN_JSON_STRING = 4,
       LECTERN_JSON_ARRAY = 5, LECTERN_JSON_OBJECT = 6 };

/* One call of one function: opaque. It lives from the function's start until its return, and belongs to the thread that runs it. */
struct lectern_call;

/* A run of bytes that somebody else owns. */
struct lectern_str {
    const char *p;
    size_t n;
};

/*
 * What Lectern does for a plugin. The table lives as long as the process. Where nothing else is said: to be called on the thread that runs the
 * call, while it runs.
 */
struct lectern_host {
    uint32_t size;              /* of the table that the host has */
    uint16_t abi_major, abi_minor;
    /* One line for the log, at most 4,096 bytes; keys and tokens are blotted out. Never what users wrote. */
    void (*log)(struct lectern_call *call, int32_t level, const char *text, size_t n);
    /* n bytes, cleared, aligned to 16, until the function returns. NULL above 64 MiB in one call. */
    void *(*alloc)(struct lectern_call *call, size_t n);
    /* The answer: one JSON value, copied at once; the last one counts. LECTERN_EINVALID: no JSON. LECTERN_ETOO_LARGE: above 16 MiB. */
    int32_t (*answer)(struct lectern_call *call, const char *json, size_t n);
    /* Says why the function fails, and returns `code`: `return host->fail(call, LECTERN_EINVALID, "/n", "must be even");`. field: JSON Pointer of
     * what is wrong in the input, or "". Both are copied, detail up to 400 bytes; administrators read it. */
    int32_t (*fail)(struct lectern_call *call, int32_t code, const char *field, const char *detail);
    /* The value at a JSON Pointer (RFC 6901; "" is the whole) of a JSON text: its LECTERN_JSON_ type. *ret: a string's characters, anything
     * else as JSON. LECTERN_JSON_ABSENT also when `json` is none. ret may be NULL. */
    int32_t (*json_get)(struct lectern_call *call, const char *json, size_t n, const char *pointer, struct lectern_str *ret);
    /* The text as a JSON string, with its quotes; what is not UTF-8 becomes U+FFFD. */
    struct lectern_str (*json_quote)(struct lectern_call *call, const char *text, size_t n);
    /* Runs an action for the user of the call, at its place, by all the rules that hold for the user: *ret is its response. Waits. Only
     * where there is a user (tools, services); LECTERN_EUNSUPPORTED elsewhere. Else how the action failed. */
    int32_t (*process_action)(struct lectern_call *call, const char *action, const char *input, size_t n, struct lectern_str *ret);
    /* Milliseconds until the call's deadline, 0 behind it. Its answer is then wanted no more. */
    uint64_t (*remaining_ms)(struct lectern_call *call);
    /* Waits until resume(call) has been called, before or after: LECTERN_OK; LECTERN_ETIMEOUT at the call's deadline. */
    int32_t (*suspend)(struct lectern_call *call);
    /* Lets suspend() return. Any thread, as long as the function has not returned. */
    void (*resume)(struct lectern_call *call);
    /* 1.0 ends here. */
};

/*
 * Every function of a plugin looks so. state: what activate() made. request: a JSON object, until the return. Answers by host->answer(),
 * fails by `return host->fail(…)`. A function that returns LECTERN_OK without an answer answers null.
 */
typedef int32_t (*lectern_fn)(void *state, struct lectern_call *call, struct lectern_str request);

/*
 * A tool that models may call. Manifest: name, description, parameters (JSON Schema of an object).
 * call: {"arguments": {…}, "context": {"course_id", "location_id", "ui_slot_selector_id", "content", "locale"}}, the arguments valid by the
 * schema → a string that the model reads, at most 64 KiB; any other value is given to it as JSON.
 */
struct lectern_tool {
    uint32_t size;
    uint32_t flags;             /* 0 */
    lectern_fn call;
};

/*
 * An action. Manifest: name (verb_noun, singular), title, description, input_schema, response_schema, instruction, columns (names of TEXT columns
 * of its table ai_action_NAME, which the host makes). A question to a model is made by compile(), what it says is read by finish(), and
 * store() says what is kept. All three depend on their request alone.
 */
struct lectern_action {
    uint32_t size;
    uint32_t flags;             /* 0 */
    /* {"input": {…}, "instruction", "locale"} → {"messages": [{"role": "system" or "user" or "assistant", "content"}],
     * "max_tokens"?, "temperature"?, "response_format"?}. */
    lectern_fn compile;
    /* {"input", "instruction", "locale", "result": {"text", "finish_reason", "model"}} → the response, valid by response_schema. LECTERN_EUNUSABLE:
     * the model's answer cannot be used; another service may be tried. */
    lectern_fn finish;
    /* The same request → {"COLUMN": "text" or null, …}. May be NULL: nothing is kept there. Has two seconds. */
    lectern_fn store;
};

/*
 * A provider: one vendor's way to be asked. Manifest: name, title, description, settings_schema (secret members have "writeOnly": true), actions
 * (names that it serves as they are, without compile()), completion (true: it takes messages).
 * call: {"config": {…}, "settings": {…} or null, "action", "input": {…} or null, "locale", "call": {"messages", "max_tokens"?,
 * "temperature"?, "tools"?, "tool_choice"?, "response_format"?} or null} → {"text", "finish_reason"?, "model"?, "tool_calls"?, "usage"?:
 * {"prompt_tokens", "completion_tokens"}}. Messages, tools and tool_calls are in OpenAI's shape, but for "images": [{"media_type", "base64" or
 * "url"}] beside a message's content. LECTERN_EUNAVAILABLE and LECTERN_ETIMEOUT let another try follow. The config holds keys:
 * they go to the vendor, and nowhere else.
 */
struct lectern_provider {
    uint32_t size;
    uint32_t flags;             /* 0 */
    lectern_fn call;
};

/*
 * A service that components may need or want. Manifest: name, title, description, version ("1.2").
 * call: {"method", "arguments": {…}, "scope": {"user_id", "course_id", "location_id", "placement"}} → any JSON value. LECTERN_EUNSUPPORTED:
 * there is no such method.
 */
struct lectern_service {
    uint32_t size;
    uint32_t flags;             /* 0 */
    lectern_fn call;
};

/* One thing that the plugin adds, as its manifest says. Lives as long as the process. */
struct lectern_entry {
    uint32_t size;
    uint32_t flags;             /* 0 */
    const char *kind;           /* "tool", "action", "provider", "service" */
    const char *name;
    const void *functions;      /* struct lectern_tool, lectern_action, … by kind */
};

/* What lectern_plugin_v1 is. Lives as long as the process. */
struct lectern_plugin {
    uint32_t magic;             /* LECTERN_PLUGIN_MAGIC */
    uint32_t size;              /* sizeof(struct lectern_plugin) */
    uint16_t abi_major;         /* LECTERN_ABI_MAJOR */
    uint16_t abi_minor;         /* LECTERN_ABI_MINOR */
    uint32_t entries_n;
    const char *id;             /* as in the manifest */
    const char *version;        /* as in the manifest */
    const struct lectern_entry *const *entries;
    /* Once, before any other function, on the first thread; five seconds. Keeps `host`, sets *ret_state. call: for log, alloc and
     * fail. Must be there. */
    int32_t (*activate)(const struct lectern_host *host, struct lectern_call *call, void **ret_state);
    /* Once, behind the last call, on the first thread. Not after a crash. May be NULL. */
    void (*deactivate)(void *state);
};

/* The one symbol. Define it so: LECTERN_EXPORT const struct lectern_plugin lectern_plugin_v1 = {LECTERN_PLUGIN_MAGIC, …}; */
extern LECTERN_EXPORT const struct lectern_plugin lectern_plugin_v1;
#define LECTERN_PLUGIN_SYMBOL "lectern_plugin_v1"

#ifdef __cplusplus
}
#endif
#endif
