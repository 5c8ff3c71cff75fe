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
 * A library whose manifest says "run": "in_process", and which the operator has named in plugin_in_process, runs in the daemon itself; its crash is
 * then the daemon's. By default ("blocking": true) that is as above: a thread for each call, up to 64. With "blocking": false a function
 * runs on an event loop, which serves nobody else meanwhile: it must give way within 50 ms, that is return or call suspend(), process_action()
 * or piece(); it may run on several loops at once, on a stack of which 128 KiB are its own; whoever is slower three times is moved to
 * threads. It may be activated again after it was deactivated, and both may be called on any thread.
 *
 * Changes
 *   1.0  first form
 *   1.1  lectern_host.piece, .step, .service_acquire, .service_call and .service_release; embeddings and "stream" of providers;
 *        LECTERN_ECANCELLED of suspend(); placements, orchestrators, processors, connectors; "run": "in_process"
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
#define LECTERN_ABI_MINOR 1

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

/* How a service was asked for. The numbers never change. */
enum {
    LECTERN_SERVICE_OK = 0,
    LECTERN_SERVICE_UNDECLARED = 1, /* the plugin's manifest neither needs nor wants it */
    LECTERN_SERVICE_ABSENT = 2,
    LECTERN_SERVICE_DISABLED = 3,
    LECTERN_SERVICE_DENIED = 4,
    LECTERN_SERVICE_AMBIGUOUS = 5,
    LECTERN_SERVICE_VERSION = 6,    /* there in other versions only */
    LECTERN_SERVICE_FAULTED = 7,    /* left alone after faults */
    LECTERN_SERVICE_BUSY = 8,       /* starting */
    LECTERN_SERVICE_GONE = 9,
    LECTERN_SERVICE_TIMEOUT = 10,
    LECTERN_SERVICE_INVALID = 11,   /* there is nobody to ask for in this function */
    LECTERN_SERVICE_NOMEM = 12      /* too many leases at once */
};

/* One call of one function: opaque. It lives from the function's start until its return, and belongs to the thread that runs it. */
struct lectern_call;

/* A run of bytes that somebody else owns. */
struct lectern_str {
    const char *p;
    size_t n;
};

/* A service of another plugin, for the user and the place of the call. */
struct lectern_lease {
    uint32_t size;              /* of the struct, set by the plugin */
    uint32_t id;
    uint32_t major, minor;      /* of the version that was granted */
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
     * where there is a user (tools, orchestrators, services); LECTERN_EUNSUPPORTED elsewhere. Else how the action failed. */
    int32_t (*process_action)(struct lectern_call *call, const char *action, const char *input, size_t n, struct lectern_str *ret);
    /* Milliseconds until the call's deadline, 0 behind it and when nobody waits any more. Its answer is then wanted no more. */
    uint64_t (*remaining_ms)(struct lectern_call *call);
    /* Waits until resume(call) has been called, before or after: LECTERN_OK; LECTERN_ETIMEOUT at the call's deadline; LECTERN_ECANCELLED
     * when nobody waits for the answer any more, which is seen within a second. */
    int32_t (*suspend)(struct lectern_call *call);
    /* Lets suspend() return. Any thread, as long as the function has not returned. */
    void (*resume)(struct lectern_call *call);
    /* 1.0 ends here: look at `size` before what follows is called. */
    /* A piece of the answer's text, as it comes: whole characters, at most 1 MiB. Providers and orchestrators; LECTERN_EUNSUPPORTED elsewhere.
     * Waits while who reads is slower. The pieces together are the text: the "text" of a provider's answer is then not read. Anything but
     * LECTERN_OK ends the call, and the function returns it; LECTERN_ECANCELLED: nobody waits for the answer any more. */
    int32_t (*piece)(struct lectern_call *call, const char *text, size_t n);
    /* Orchestrators only; LECTERN_EUNSUPPORTED elsewhere. Runs a step of the run, *ret is its answer as JSON. Waits. Steps (input → answer):
     *   content   null → the content of the place, a string, as the profile sets it up
     *   llm       {"content"?, "text"?, "history"?: [{"role": "user" or "assistant", "content"}]} → {"text"}: asks the model with the
     *             profile's prompt, tools and options; the text is shown as it comes
     *   progress  {"message", "fraction"? from 0 to 1} → null: tells the user how far the run is */
    int32_t (*step)(struct lectern_call *call, const char *name, const char *input, size_t n, struct lectern_str *ret);
    /* Asks for a service that the manifest needs or wants: LECTERN_SERVICE_OK and a lease, which is good until it is released or the function
     * returns; else why not, at once. In tools, services, orchestrators and processors. */
    int32_t (*service_acquire)(struct lectern_call *call, const char *service, struct lectern_lease *ret);
    /* Calls a method of it with a JSON object: LECTERN_OK and *ret, its answer; LECTERN_EUNAVAILABLE: it crashed, was replaced or switched off;
     * else how it failed. Waits, at most until the call's deadline. */
    int32_t (*service_call)(struct lectern_call *call, const struct lectern_lease *lease, const char *method, const char *arguments, size_t n,
                            struct lectern_str *ret);
    void (*service_release)(struct lectern_call *call, struct lectern_lease *lease);
    /* 1.1 ends here. */
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
 * (names that it serves as they are, without compile()), completion (true: it takes messages), embedding (true: it takes texts).
 * call: {"config": {…}, "settings": {…} or null, "action", "input": {…} or null, "locale", "stream", "call": {"messages", "max_tokens"?,
 * "temperature"?, "tools"?, "tool_choice"?, "response_format"?} or null} → {"text", "finish_reason"?, "model"?, "tool_calls"?, "usage"?:
 * {"prompt_tokens", "completion_tokens"}}. Messages, tools and tool_calls are in OpenAI's shape, but for "images": [{"media_type", "base64" or
 * "url"}] beside a message's content. "stream": somebody reads while the answer comes, so that host->piece() is worth its while; it is allowed
 * always. For embeddings "call" is {"texts": ["…"], "dimensions"?} → {"vectors": [[0.1, …], …], "model"?, "usage"?}, one for each text, all of
 * one length.
 * LECTERN_EUNAVAILABLE and LECTERN_ETIMEOUT let another try follow, as long as no piece was given. The config holds keys: they go to the
 * vendor, and nowhere else.
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

/*
 * An orchestrator: what a workflow does. Manifest: class_name (as profiles write it in orchestrator_class), name (the same in small letters), title,
 * description, actions (that may be asked of it; without it: run), streams (true: its answer is text, given to host->piece()).
 * run: {"action", "input": whatever the user sent or null, "settings": processor_config of the profile, "context": {"course_id", "location_id",
 * "ui_slot_selector_id", "content", "locale"}, "stream"} → the response, an object: {"response": "…", "status": "completed"} by custom. It
 * asks models by host->step() and host->process_action(): each call is recorded and counted. When the last of them failed and run fails, too,
 * the user is told why that one failed. Ten minutes. It keeps nothing between two runs.
 */
struct lectern_orchestrator {
    uint32_t size;
    uint32_t flags;             /* 0 */
    lectern_fn run;
};

/*
 * A processor: works over the content of the place before a model gets it. Manifest: class_name, name (the same in small letters), title,
 * description, settings_schema (of its member of processor_config). A profile that has the class name in processor_config uses it, those
 * that have several in the order in which they stand there.
 * process: {"text": "…", "" when there is none, "settings": {…}, "context": as above} → the new text, a string. Thirty seconds.
 */
struct lectern_processor {
    uint32_t size;
    uint32_t flags;             /* 0 */
    lectern_fn process;
};

/*
 * A connector: where the text of courses comes from. Manifest: name, title, description, courses (beginnings of the ids of courses that it is asked
 * for; without it: all). Requests have {"course_id", "location_id" ("" = none), "user": {"id", "locale", "roles": ["student", …]}}; what that
 * user may not see is not given. LECTERN_ENOT_FOUND: it does not know the course or the place, or the user may not see it; the next connector is
 * asked. Each may be NULL. Thirty seconds.
 */
struct lectern_connector {
    uint32_t size;
    uint32_t flags;             /* 0 */
    /* {…, "mode": "unit" or "up_to_current_unit" or "sequence"} → {"sequence_id"?, "sequence_name"?, "units": [{"id", "category"?, "display_name"?,
     * "blocks": [{"id", "category"?, "display_name"?, "text": plain, "answers"?: what is right, "showanswer"?: "always" lets it be shown}]}]};
     * exactly one unit for the mode unit. */
    lectern_fn location_content;
    /* {…, "fields": ["title", …]} → {"title"?, "subtitle"?, "short_description"?, "description"?, "overview"?, "syllabus"?, "duration"?, "outline"?:
     * [{"id", "category"?, "display_name"?, "depth": 0 at the top}]}. */
    lectern_fn course_info;
    /* → an http address, or a path on this server; a string. */
    lectern_fn location_link;
};

/* Placements are data: they stand in the manifest alone (name, title, description, actions), without an entry here. A plugin with nothing else
 * needs no library. */

/* One thing that the plugin adds, as its manifest says. Lives as long as the process. */
struct lectern_entry {
    uint32_t size;
    uint32_t flags;             /* 0 */
    const char *kind;           /* "tool", "action", "provider", "service", "orchestrator", "processor", "connector" */
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
    /* Once, before any other function, on the process's first thread; five seconds. Keeps `host`, sets *ret_state. call: for log, alloc and
     * fail. Must be there. */
    int32_t (*activate)(const struct lectern_host *host, struct lectern_call *call, void **ret_state);
    /* Once, behind the last call, on the process's first thread. Not after a crash. May be NULL. */
    void (*deactivate)(void *state);
};

/* The one symbol. Define it so: LECTERN_EXPORT const struct lectern_plugin lectern_plugin_v1 = {LECTERN_PLUGIN_MAGIC, …}; */
extern LECTERN_EXPORT const struct lectern_plugin lectern_plugin_v1;
#define LECTERN_PLUGIN_SYMBOL "lectern_plugin_v1"

#ifdef __cplusplus
}
#endif
#endif
