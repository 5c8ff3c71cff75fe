/*
 * What the doors for existing clients share (/openai/v1/, /ollama/): which door a path belongs to, whose call it is and where, what a model
 * name means, running it, and the list of names. A door's own files hold only its wire format.
 *
 *     struct lt_door_target target;
 *     if (lt_door_enter(r, user, &place, err) || lt_door_target_find(r, &place, LT_NEUTRAL_COMPLETION, model, &target, err)) …
 *     lt_door_run(r, &(struct lt_door_run){.target = &target, .place = place, .input = input, …}, &result);
 *
 * All in the request's arena, on the request's fiber.
 */
#pragma once
#include "api/request.h"
#include "core/neutral.h"
#include "workflows/run.h"

enum {
    LT_DOOR_MODEL_MAX = 512,   /* bytes of a model name */
    LT_DOOR_MODELS_MAX = 4096, /* names in a list */
};

/* ---- the doors (door.c) ---- */

/* A door answers every error under its path in a form of its own, also those from before a handler runs. */
struct lt_door {
    const char *prefix;    /* "/openai/v1": the path itself, or followed by '/' */
    const char *stream_type, *error_name; /* for openapi.json: media type of its streams, and its error among the components */
    struct lt_str (*user)(struct lt_request *r); /* whom the body names in the door's own way, "": nobody. NULL: `user` is the native API's object */
    /* Sends the answer for err. call_id: the register row, or NULL. */
    void (*reply_error)(struct lt_request *r, const struct lt_error *err, const char *call_id);
};
/* The door that the path belongs to, whether or not anything is there; NULL: the native API. */
const struct lt_door *lt_door_of(struct lt_str path);

/* ---- who and where (door.c) ---- */

/*
 * Whose call it is, and where. A site key speaks for the user of the field X-Lectern-User, else for `user` (what the door's body says; "" or
 * null: nobody), with the key's own roles. A user's token speaks for its own user: `user` is not looked at, and X-Lectern-User must be that user. The
 * place is that of the fields X-Lectern-Course, X-Lectern-Location (255 bytes each) and X-Lectern-Placement; without the first a token for one
 * course means that, and none but that. LT_EINVALID_INPUT with the field's name, LT_EPERMISSION.
 */
enum lt_code lt_door_enter(struct lt_request *r, struct lt_str user, struct lt_place *ret, struct lt_error *err);

/*
 * For whom a site key would call, before that was checked: X-Lectern-User, else whom the body names. "" when it is no user id, and at a door that
 * has the native API's `user`.
 */
struct lt_str lt_door_user(struct lt_request *r);

/* ---- what a model name means (door_target.c) ---- */

enum lt_door_kind {
    LT_DOOR_ACTION,  /* "action:NAME" */
    LT_DOOR_PROFILE, /* "profile:SLUG" */
    LT_DOOR_VENDOR,  /* "INSTANCE/MODEL", or a vendor's model that an instance is set to */
};

struct lt_door_target {
    enum lt_door_kind kind;
    struct lt_str name;               /* as it was asked for */
    const struct lt_action *action;   /* ACTION; VENDOR: continue_conversation or embed_text */
    const struct lt_profile *profile; /* PROFILE */
    const struct lt_scope *scope;     /* that leads to it, or NULL */
    const struct lt_provider_instance *instance; /* VENDOR */
    struct lt_str model;              /* VENDOR: in the vendor's words */
};

/*
 * kind: what is to be made of it, LT_NEUTRAL_COMPLETION or LT_NEUTRAL_EMBEDDING. Errors have the field "/model": LT_EINVALID_INPUT (empty, too long,
 * an action of another kind), LT_ENOT_FOUND (no such model), LT_EPERMISSION (no scope leads to the profile; a vendor's model
 * without `choose_provider`), and what reading the scopes gives.
 */
enum lt_code lt_door_target_find(struct lt_request *r, const struct lt_place *place, enum lt_neutral_kind kind, struct lt_str name,
                                 struct lt_door_target *ret, struct lt_error *err);

/* ---- running (door_run.c) ---- */

struct lt_door_run {
    const struct lt_door_target *target;
    struct lt_place place;
    /*
     * The input of the action continue_conversation (or of embed_text), in exactly that form: {"messages": [{"role", "content",
     * …}], "tools"?, …}. The manager checks it. Other targets get what they can take of it, see docs/openai-door.md.
     */
    const struct lt_json *input;
    struct lt_uuid id;                /* that the call is to have; all zero: a new one */
    bool stream;                      /* the answer is wanted as it comes: on_text gets all of its text */
    /* As of struct lt_call_request; may be NULL. on_text is called for the whole text at the end when it could not come in pieces. */
    void (*on_start)(void *ctx, struct lt_uuid id);
    enum lt_code (*on_text)(void *ctx, struct lt_str piece);
    void *ctx;
};

struct lt_door_result {
    struct lt_uuid id;
    char id_text[37];                 /* of the register, also of refusals */
    bool recorded;                    /* there is a row of that id */
    struct lt_error error;            /* LT_OK: it ended well. Fields are pointers into `input` or "/model" */
    const struct lt_json *response;   /* what the action or the workflow answered */
    struct lt_str text;               /* of the answer; "" beside tool calls */
    struct lt_str finish_reason;      /* stop, length, tool_calls, content_filter; as the vendor said otherwise */
    const struct lt_json *tool_calls; /* array in OpenAI's shape, or NULL */
    struct lt_str refusal;            /* beside LT_ECONTENT_REFUSED: the model's own words, where there are any */
    struct lt_usage usage;
    struct lt_str model;              /* as the caller may see it: the vendor's word, for a user's token and a profile the name that was asked for */
    struct lt_str fingerprint;        /* the vendor's where the caller may see it; else one of our configuration. Never empty */
    int64_t created_at, completed_at; /* ms */
};

/* Returns ret->error.code; *ret is filled in every case. A fiber that is cancelled (the client left) ends in LT_ECANCELLED. */
enum lt_code lt_door_run(struct lt_request *r, const struct lt_door_run *run, struct lt_door_result *ret);
/* What our configuration is known by, as `fingerprint` above. */
struct lt_str lt_door_fingerprint(struct lt_request *r);
/* What `buf` holds as JSON tree in the arena; frees the buffer. LT_EINVALID_INPUT when it had to hold more than its maximum. */
enum lt_code lt_door_input(struct lt_request *r, struct lt_buf *buf, const struct lt_json **ret, struct lt_error *err);

/* ---- listing (door_models.c) ---- */

struct lt_door_model {
    struct lt_str id, owned_by, title; /* owned_by: "lectern", or the plugin of the instance */
    int64_t created_at;                /* ms; 0: not known */
};
/* The names that the caller may use at the place, of the kinds (or-ed): actions, profiles, vendors' models. Store errors of the scopes. */
enum lt_code lt_door_models(struct lt_request *r, const struct lt_place *place, unsigned kinds, struct lt_door_model **ret, size_t *ret_n,
                            struct lt_error *err);
