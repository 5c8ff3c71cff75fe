/*
 * liblectern: Lectern inside another program. C99; also good C++.
 *
 * A handle is what `lectern serve` is without its listener: the same sites, providers, gates and register, over the same store. Every action
 * goes the way that it goes behind the HTTP API: site, permission, switches and policy are checked, the call is recorded before anything of its
 * answer is shown, and its end is recorded before it is told. Sites are set up with `lectern site`, `lectern provider`, … on the data
 * directory, or at the first start by lectern_options.setup; changes hold within a second. docs/embedding.md shows how it is used.
 *
 * Rules
 *   - One handle is open in a process at a time; lectern_open() says so when there is one. It serves any number of sites.
 *   - Structs that are given in begin with their size: clear them, then set `size` to sizeof(struct …). They only ever grow at the end. What is
 *     NULL or 0 has the default that stands beside it. They and their texts are copied: they may go when the function has returned.
 *   - Texts are UTF-8 and end with NUL, unless a length stands beside them.
 *   - Functions return LECTERN_DONE, LECTERN_FAILED or LECTERN_PENDING. A `struct lectern_error *` may be NULL.
 *   - Nothing waits without an end: each function says for how long.
 *   - The library has threads of its own, which take no signals. It installs no signal handlers, writes to neither standard output nor standard
 *     error, and never ends the process; only when memory runs out it says so on standard error and aborts.
 *   - After fork() the child must not use the handle. No callback may throw a C++ exception or longjmp() out of itself.
 *
 * Threads. Where nothing else is said, a function may be called on any thread of the program, and on several at once. "The handle's thread" is
 * the one that lectern_open() starts: callbacks that run there must not block and have 64 KiB of stack. On it, functions that wait
 * (lectern_process(), lectern_accept_policy(), lectern_close()) fail with "conflict", and lectern_wait() just asks.
 *
 * Changes
 *   0.1  first form
 */
#ifndef LECTERN_LECTERN_H
#define LECTERN_LECTERN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define LECTERN_API __attribute__((visibility("default")))
#else
#define LECTERN_API
#endif

/* How a function ended. The numbers never change. */
enum {
    LECTERN_DONE = 0,
    LECTERN_FAILED = 1,  /* the error, or the answer's, says why */
    LECTERN_PENDING = 2  /* not yet */
};

/* What went wrong. Set `size`; the rest is filled in. Nothing went wrong: `code` is "". */
struct lectern_error {
    size_t size;
    int http_status;     /* with which the HTTP API answers the same; 0: nothing went wrong */
    int retryable;       /* not 0: the same again may succeed */
    int retry_after_s;   /* seconds to wait before; 0: not said */
    char code[48];       /* one of the HTTP API's names: "invalid_input", "policy_not_accepted", "cancelled", … */
    char field[96];      /* what of the request is wrong, as a JSON Pointer: "/input/text", "/user"; "" = nothing of it */
    char text[200];      /* one calm sentence for whoever asked */
    char detail[400];    /* for administrators and logs: what exactly. Never holds keys or what users wrote */
};

/* "0.1.0". Lives as long as the process. */
LECTERN_API const char *lectern_version(void);

/* ---- opening and closing ---- */

struct lectern;          /* an open handle */

struct lectern_options {
    size_t size;
    /*
     * The data directory, as of `lectern serve --data`; made when missing. It belongs to one daemon or handle at a time. NULL: a directory of its
     * own below TMPDIR (/tmp), which lectern_close() removes: nothing is kept.
     */
    const char *data_dir;
    /*
     * What to set up when there is no such site yet, else it changes nothing: JSON5, at most 1 MiB:
     * {"site": "school", "name": "School", "settings": {"policy_by_lms": true}, "policy": {"version": "1", "text": "…"},
     *  "providers": [{"name": "writer", "plugin": "openai", "config": {"api_key": "…"}, "actions": {…}}]}
     * Only "site" must be there; settings, config and actions as in the HTTP API. NULL: nothing.
     */
    const char *setup;
    const char *master_key_file; /* keys that seal the stored secrets; NULL: master.key in the data directory */
    const char *tls_ca;          /* file with authorities to check AI services against; NULL: the system's */
    const char *outbound_allow;  /* hosts, addresses and networks that AI services may be at beyond the public Internet; NULL: none */
    /*
     * Not 0: works beside a daemon that has the data directory, as `lectern ask` does. What a crash of this program leaves unfinished is then
     * marked as interrupted at the daemon's next start, not here. With data_dir only.
     */
    int beside_daemon;
    uint32_t open_timeout_ms;    /* how long lectern_open() may take; 0: 60,000 */
    uint32_t max_calls;          /* calls that run at once; 0: 1,000; at most 24,000 */
    /*
     * Log lines, each one JSON object without a line end (keys and tokens are blotted out; prompts and answers are never in it), of the
     * level log_level and above: "debug", "info", "warn", "error"; NULL: "info". On threads of the library and on those that call it,
     * several at once, until lectern_open() has failed or lectern_close() is done; must not block nor call the library. NULL: no log.
     */
    void (*log)(void *log_ctx, const char *line, size_t n);
    void *log_ctx;
    const char *log_level;
    /* 0.1 ends here. */
};

/*
 * Opens the store (and brings it up to date), reads the configuration, starts the threads. Waits at most open_timeout_ms; what still goes on
 * then is undone by itself. LECTERN_DONE: *ret is to be closed by lectern_close(). LECTERN_FAILED: *ret is NULL; "conflict": a handle is open in this
 * process, or another program has the data directory; "invalid_configuration" and "invalid_input" name the option; "store_unavailable"; "timeout".
 */
LECTERN_API int lectern_open(const struct lectern_options *options, struct lectern **ret, struct lectern_error *err);
/*
 * Ends it: nothing new is begun; calls that run have patience_ms to end, then they are cancelled (and recorded so). Waits at most patience_ms and
 * 30 seconds more. LECTERN_DONE: everything is written and closed, and the handle is gone; jobs that are left may still be asked and must be
 * freed. LECTERN_PENDING: the disk does not answer; it ends by itself, the handle may be closed again to wait for it, or be left.
 * LECTERN_FAILED: called on the handle's thread. NULL is allowed. No other thread may be in a function with this handle, or call one later.
 */
LECTERN_API int lectern_close(struct lectern *handle, uint32_t patience_ms);

/* ---- services ---- */

/* What is said of a service. The numbers never change. */
enum {
    LECTERN_SERVICE_OK = 0,
    LECTERN_SERVICE_UNDECLARED = 1, /* the component neither needs nor wants it */
    LECTERN_SERVICE_ABSENT = 2,     /* nobody provides it */
    LECTERN_SERVICE_DISABLED = 3,   /* switched off */
    LECTERN_SERVICE_DENIED = 4,     /* not for this user */
    LECTERN_SERVICE_AMBIGUOUS = 5,  /* several provide it, and the component is strict */
    LECTERN_SERVICE_VERSION = 6,    /* provided in other versions only */
    LECTERN_SERVICE_FAULTED = 7,    /* left alone after faults */
    LECTERN_SERVICE_BUSY = 8,       /* starting, or all leases are taken: later */
    LECTERN_SERVICE_GONE = 9,       /* the lease is no longer good */
    LECTERN_SERVICE_TIMEOUT = 10,   /* it did not answer in time */
    LECTERN_SERVICE_INVALID = 11,   /* the question is not valid: no such site or role, a text that is missing or too long */
    LECTERN_SERVICE_NOMEM = 12
};
/* "ok", "undeclared", …; "unknown" for a number that is none. Lives as long as the process. */
LECTERN_API const char *lectern_service_status_name(int status);

struct lectern_lease;    /* a service for one site, user and place */

/* For whom, and where; members as in struct lectern_request. */
struct lectern_scope {
    size_t size;
    const char *site;
    const char *user;
    const char *roles;
    const char *course_id;
    const char *location_id;
    const char *placement;
    /* 0.1 ends here. */
};

/*
 * Declares a component, as a file in DATA/components/ would: {"component": "my.block", "wants": ["ai"], "needs": [{"service": "…", "min": "1.0"}]};
 * JSON of at most 64 KiB (docs/services.md). Once; what is there already is "conflict". Waits at most ten seconds and ten more.
 */
LECTERN_API int lectern_declare(struct lectern *handle, const char *manifest, struct lectern_error *err);
/*
 * Asks for a service that the component has declared. LECTERN_SERVICE_OK: *ret is a lease for this scope alone, to be given back by
 * lectern_release() before lectern_close(). Any other status: *ret is NULL, and the component goes on without. Never waits.
 */
LECTERN_API int lectern_acquire(struct lectern *handle, const char *component, const char *service, const struct lectern_scope *scope,
                                struct lectern_lease **ret);
/* What lectern_acquire() would say now, without any effect: nothing is started, counted or recorded. */
LECTERN_API int lectern_probe(struct lectern *handle, const char *component, const char *service, const struct lectern_scope *scope);
/* The version that was granted, and the id of the plugin that provides it ("builtin": Lectern itself), which lives as long as the handle. Each may
 * be NULL. */
LECTERN_API void lectern_lease_about(const struct lectern_lease *lease, int *ret_major, int *ret_minor, const char **ret_plugin);
/* Gives it back, once, when no call of it runs. NULL is allowed. */
LECTERN_API void lectern_release(struct lectern_lease *lease);

/* ---- actions ---- */

struct lectern_job;      /* a call that was started */
struct lectern_answer;   /* how a call ended */

struct lectern_request {
    size_t size;
    const char *site;        /* NULL: the only site that there is */
    const char *user;        /* who asks: the program vouches for it. 1 to 255 bytes; never told to AI services */
    const char *roles;       /* what the user is here, parted by spaces: student, teacher, editingteacher, manager, admin. NULL: student */
    const char *locale;      /* of the user: "es-419"; at most 35 bytes; NULL: not known */
    const char *course_id;   /* where: each at most 255 bytes; NULL: not said */
    const char *location_id;
    const char *placement;
    const char *action;      /* "summarise_text", …; at most 64 bytes */
    const char *input;       /* a JSON object as the action's input_schema wants it: {"text": "…"}; at most 8 MiB */
    size_t input_n;          /* its bytes; 0: up to the NUL */
    const char *provider;    /* this provider instance and no other, for those who may choose; NULL: as the site has it */
    int policy_asked;        /* not 0: the program vouches that the user has accepted the site's policy */
    uint32_t timeout_ms;     /* for the whole call; 0: 300,000; at most 3,600,000. The site's own call_timeout_ms holds too */
    /*
     * Streams: called for each piece of the answer's text as it comes, none of which is shown before the call is recorded. p[0..n) is whole
     * UTF-8 and goes with the return. Anything but 0 cancels the call. In lectern_process() it is called on the thread that waits there, and may
     * block (the service is read no further meanwhile); of lectern_start() it is called on the handle's thread. NULL: no stream.
     */
    int (*on_piece)(void *ctx, const char *p, size_t n);
    /* lectern_start() only: the call has ended, lectern_wait(job, 0, …) gives its answer. Once, on the handle's thread. NULL: nobody is told. */
    void (*on_end)(void *ctx, struct lectern_job *job);
    void *ctx;               /* for both */
    /*
     * A lease of the service "ai": the call is made under it, for the site, user, roles and place that it is for, which then are not given here. It
     * must not be released before the call has ended. "not_found" with field "/lease": the lease is gone. NULL: none.
     */
    struct lectern_lease *lease;
    /* 0.1 ends here. */
};

/*
 * Runs an action and waits for its end, at most timeout_ms and ten seconds more. *ret is the answer, to be freed by lectern_answer_free();
 * NULL only where there was no call (below). LECTERN_DONE: it has a response. LECTERN_FAILED: lectern_answer_error() says why: what the gates say
 * ("permission_denied", "policy_not_accepted", "course_disabled", …), what services did ("upstream_unavailable", …), "invalid_input",
 * "invalid_json", "cancelled", "timeout". When there was no call, *ret is NULL and err says why: what was given in is not right, as many calls
 * run as may ("overloaded"), or it was called on the handle's thread.
 */
LECTERN_API int lectern_process(struct lectern *handle, const struct lectern_request *request, struct lectern_answer **ret,
                                struct lectern_error *err);
/*
 * The same without waiting: *ret is the job, to be freed by lectern_job_free(). It is set before a callback can run, and a callback may use
 * it. LECTERN_FAILED: *ret is NULL, and no callback will run.
 */
LECTERN_API int lectern_start(struct lectern *handle, const struct lectern_request *request, struct lectern_job **ret, struct lectern_error *err);
/*
 * Waits until the call has ended, timeout_ms at most; 0: just asks, on any thread. LECTERN_PENDING: not yet, *ret is NULL. LECTERN_DONE and
 * LECTERN_FAILED: as of lectern_process(); each time that *ret is given it is to be freed once. ret may be NULL.
 */
LECTERN_API int lectern_wait(struct lectern_job *job, uint32_t timeout_ms, struct lectern_answer **ret);
/* Ends the call as soon as may be: it fails with "cancelled" unless it has ended before. Does not wait. */
LECTERN_API void lectern_cancel(struct lectern_job *job);
/* Lets go of the job; a call that runs goes on, and its callbacks are still called. NULL is allowed. May be called in a callback. */
LECTERN_API void lectern_job_free(struct lectern_job *job);

/*
 * What an answer says. It is the caller's, belongs to no handle, never changes, and may be read by several threads. What these return lives until
 * lectern_answer_free(); texts end with NUL, and where ret_n is not NULL their length, without the NUL, stands in it.
 */
/* The call's id in the register, 36 characters; "" when there was none. */
LECTERN_API const char *lectern_answer_id(const struct lectern_answer *answer);
/* The response, a JSON object by the action's response_schema; "{}" when it failed. */
LECTERN_API const char *lectern_answer_response(const struct lectern_answer *answer, size_t *ret_n);
/* The text for people: member generated_content of the response; of a call that failed, what of it was shown. "" = none. */
LECTERN_API const char *lectern_answer_text(const struct lectern_answer *answer, size_t *ret_n);
/* Why it failed; `code` is "" when it did not. */
LECTERN_API const struct lectern_error *lectern_answer_error(const struct lectern_answer *answer);
/* For operators: the provider instance that answered and its model; "" = none. */
LECTERN_API const char *lectern_answer_provider(const struct lectern_answer *answer);
LECTERN_API const char *lectern_answer_model(const struct lectern_answer *answer);
/* Tokens of the question and of the answer; -1: not told. Either may be NULL. */
LECTERN_API void lectern_answer_usage(const struct lectern_answer *answer, int64_t *ret_prompt, int64_t *ret_completion);
/* NULL is allowed. */
LECTERN_API void lectern_answer_free(struct lectern_answer *answer);

/* ---- policy ---- */

/*
 * Records that the user has accepted the site's policy of this version. site NULL: the only one. Waits at most timeout_ms (0: 10,000) and ten seconds
 * more. LECTERN_FAILED: "conflict": another version is in force (detail names it); "not_found": no such site; "invalid_input"; "timeout": it may be
 * recorded or not.
 */
LECTERN_API int lectern_accept_policy(struct lectern *handle, const char *site, const char *user, const char *version, uint32_t timeout_ms,
                                      struct lectern_error *err);

#ifdef __cplusplus
}
#endif
#endif
