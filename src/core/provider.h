/*
 * What a provider is: code for one vendor's wire format. It knows no placement, no action's UI, no policy. One file per vendor in
 * src/providers/. call() runs on the request's fiber, straight-line, and may be cancelled in every wait (it then returns LT_ECANCELLED
 * after closing what it opened).
 */
#pragma once
#include "core/neutral.h"
#include "io/loop.h"

struct lt_tls;
struct lt_trace_attempt; /* core/trace.h */

enum { LT_PROVIDER_WHY_MAX = 256 /* bytes of `why` below */ };

/*
 * Members of config that the manager reads, for the settings schema of a provider that asks a network service. What they mean stands
 * in struct lt_provider_instance.
 */
#define LT_PROVIDER_TRY_SETTINGS                                                                                             \
    "\"total_ms\":{\"type\":\"integer\",\"title\":\"Longest whole try (ms)\",\"minimum\":100,\"maximum\":3600000},"              \
    "\"retries\":{\"type\":\"integer\",\"title\":\"Tries after the first\",\"minimum\":0,\"maximum\":5,\"default\":1,"           \
    "\"description\":\"When every service that could answer has failed, and nothing of an answer was shown.\"},"              \
    "\"breaker_faults\":{\"type\":\"integer\",\"title\":\"Faults in a row before it is left alone\",\"minimum\":0,"            \
    "\"maximum\":1000,\"default\":5,\"description\":\"0: never.\"},"                                                        \
    "\"breaker_open_ms\":{\"type\":\"integer\",\"title\":\"How long it is left alone at first (ms)\",\"minimum\":100,"         \
    "\"maximum\":300000,\"default\":10000}"

enum { LT_KEPT_ITEMS_MAX = 4000 /* items of a kept answer's input, and of its output */ };

/* An answer that the vendor keeps, with what was sent with it, shaped as the Responses API shapes them. In the arena of the run. */
struct lt_kept_response {
    struct lt_str id, model, previous_response_id; /* "" = none */
    int64_t created_at;              /* seconds since 1970, 0 = unknown */
    struct lt_usage usage;
    const struct lt_json **input, **output; /* items in their order, oldest first */
    size_t input_n, output_n;
};

/* A configured use of a provider; part of the configuration snapshot, immutable. */
struct lt_provider_instance {
    int64_t id;
    struct lt_str name;
    const struct lt_provider *provider;
    struct lt_str plugin;            /* name of the provider */
    bool enabled;
    uint64_t config_mark;            /* differs when config does */
    int retries;                     /* tries after the first, each only when all eligible instances failed; default 1 */
    uint32_t total_ms;               /* a whole try; 0: only the call's deadline counts */
    int breaker_faults;              /* in a row that open its circuit; default 5, 0: never */
    uint32_t breaker_open_ms;        /* for how long at first; default 10,000 */
    bool configured;                 /* what its provider's configured() said when the snapshot was made, and why not ("" when it is) */
    const char *not_configured;
    const struct lt_json *config;    /* by settings_schema: endpoint, api_key, … (secrets in clear only in memory) */
    const struct lt_json *actions;   /* {name: {enabled, settings{model, instruction, temperature, max_tokens, extra{}}}} */
};

/* One try of one call at one instance. */
struct lt_provider_run {
    struct lt_arena *arena;          /* of the request */
    struct lt_loop *loop;
    const struct lt_provider_instance *instance;
    const struct lt_json *settings;  /* of this action at this instance, or NULL */
    const struct lt_neutral_call *call; /* NULL when the action is served natively */
    struct lt_str action;            /* name; for providers that serve it natively */
    const struct lt_json *input;     /* its input */
    struct lt_str locale;
    char user_hash[65];              /* sha256 of site secret and user id; the raw id never leaves */
    bool stream;                     /* somebody reads deltas: ask the vendor to stream */
    uint64_t deadline_ms;            /* absolute */
    struct lt_tls *tls;              /* client context */
    const char *recordings_dir;      /* the operator's, for `replay`; NULL: none */
    /* The manager's: hands over a piece of the answer (n > 0). A non-zero code (cancelled, store down) must end call() with it. */
    enum lt_code (*on_text)(struct lt_provider_run *run, struct lt_str piece, struct lt_error *err);
    void *ctx;                       /* the manager's */
    struct lt_trace_attempt *trace;  /* takes down what is sent (core/trace.h); NULL: nobody wants to see it */
    /* Filled by call(); `text` only when nothing was given to on_text. Set usage to -1 where unknown. */
    struct lt_neutral_result result;
};

struct lt_provider {
    const char *name, *title, *description;
    const char *settings_schema;     /* JSON Schema of config; secret members carry "writeOnly": true */
    const void *vendor;              /* for the provider's own functions, where several share them: what is fixed of this one; or NULL */
    unsigned neutral;                /* enum lt_neutral_kind, or-ed: what it can translate */
    const char *const *actions;      /* served natively, NULL-terminated, or NULL */
    /* Whether config and actions hold what is needed (an API key, …); `why` (LT_PROVIDER_WHY_MAX) says what is missing. Asked once a snapshot. */
    bool (*configured)(const struct lt_provider_instance *instance, char *why);
    /*
     * What a configured instance lacks for calls of this kind, which the provider can translate, given the action's settings: a literal; NULL:
     * nothing. NULL as function: whoever is configured can do all of them.
     */
    const char *(*lacks)(const struct lt_provider_instance *instance, enum lt_neutral_kind kind, const struct lt_json *settings);
    /*
     * Success: LT_OK with run->result filled and the whole answer given to on_text (streamed or in one piece). Vendor faults are
     * LT_EUPSTREAM_*, LT_ECONTEXT_WINDOW, LT_ECONTENT_REFUSED with vendor_status, retry_after_s and the vendor's own words in
     * detail (without the key). A stream that ends without its end mark is LT_EUPSTREAM_INVALID.
     */
    enum lt_code (*call)(struct lt_provider_run *run, struct lt_error *err);
    /*
     * Does the instance keep answers for a later call to go on from (call->store, call->previous_response_id), given the action's settings?
     * NULL: the vendor keeps none. An id that it does not know (any more) makes call() fail with LT_ENOT_FOUND.
     */
    bool (*keeps_threads)(const struct lt_provider_instance *instance, const struct lt_json *settings);
    /*
     * The rest may be NULL where the vendor has no such call. They get a run without call, action, input and on_text.
     * models: the names that the vendor lists now, at most 1,000, as text in run->arena. response: an answer that the vendor keeps, with
     * all of its input items (LT_EUPSTREAM_INVALID above LT_KEPT_ITEMS_MAX); LT_ENOT_FOUND when it keeps nothing under that id.
     */
    enum lt_code (*models)(struct lt_provider_run *run, struct lt_str **ret, size_t *ret_n, struct lt_error *err);
    enum lt_code (*response)(struct lt_provider_run *run, struct lt_str response_id, struct lt_kept_response *ret, struct lt_error *err);
    /* Of whoever keeps answers: which one came before (""= none), and having one deleted. LT_ENOT_FOUND as above. */
    enum lt_code (*response_before)(struct lt_provider_run *run, struct lt_str response_id, struct lt_str *ret, struct lt_error *err);
    enum lt_code (*forget)(struct lt_provider_run *run, struct lt_str response_id, struct lt_error *err);
};

/* Can the provider serve this action: natively, or by a neutral call of this kind? */
bool lt_provider_serves(const struct lt_provider *provider, struct lt_str action, unsigned neutral_kind, bool *ret_native);
/* {enabled, settings} of an action at an instance, NULL when nothing is set. */
const struct lt_json *lt_provider_action_entry(const struct lt_provider_instance *instance, const char *action);
/*
 * A member of an action's settings at an instance: settings[key], else settings.models[MODEL][key], what is kept for the model in
 * force; NULL when neither is set. `model` empty: the action's own or the instance's.
 */
const struct lt_json *lt_provider_setting(const struct lt_provider_instance *instance, const struct lt_json *settings, struct lt_str model,
                                          const char *key);
