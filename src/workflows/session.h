/*
 * Sessions: a user's conversation with a profile at one place, unique per (site, user, scope, profile, course, location). Its turns are
 * immutable submissions; clearing begins a new thread, and the turns of earlier ones stay in the store, shown nowhere but counted.
 *
 * A site that stores no content (store_content: false) cannot keep a conversation, because a conversation is its content: no turn is
 * written then, AI services are not asked to keep a thread in its place, and the session keeps only what names it and its metadata.
 * Orchestrators put no content into metadata there.
 *
 * Everything here: fiber, or outside loops. Results lie in the arena of the call.
 */
#pragma once
#include "base/uuid.h"
#include "store/store.h"
#include "text/json.h"

enum {
    LT_SESSION_PLACE_MAX = 255,          /* bytes of course_id and location_id */
    LT_SESSION_METADATA_MAX = 1 << 20,   /* bytes of JSON */
    LT_SESSION_REMOTE_ID_MAX = 512,      /* bytes of an id that a service has given */
    LT_TURN_MESSAGES_MAX = 200,
    LT_TURN_BYTES_MAX = 4 << 20,         /* of a turn's messages as JSON */
    LT_THREAD_TURNS_MAX = 1000,          /* that are read of a thread: the newest */
    LT_THREAD_BYTES_MAX = 4 << 20,       /* of their JSON */
    LT_SESSION_PAGE_DEFAULT = 3,         /* messages: max_context_messages when neither profile nor site sets it */
    LT_SESSION_PAGE_FALLBACK = 10,       /* when what is set is not a whole number from 1 on */
    LT_SESSION_PAGE_MAX = 100,
};

struct lt_session_key {
    int64_t site_id;
    struct lt_str user_id;
    int64_t scope_id;                    /* 0 = none */
    int64_t profile_id;
    struct lt_str course_id, location_id; /* "" = none */
};

struct lt_session {
    int64_t id;
    struct lt_uuid uuid;
    struct lt_str uuid_text;
    struct lt_session_key key;
    int64_t thread;                      /* number of the present one */
    struct lt_str remote_response_id;    /* "" = the service keeps nothing of this thread */
    int64_t remote_instance_id;          /* whose id that is */
    struct lt_str metadata;              /* JSON object */
    int64_t turns, turns_cleared;        /* of the present thread, of earlier ones */
    int64_t created_at, updated_at;      /* ms */
};

/*
 * The session of that key, made when there is none; two that ask at once get the same. LT_EINVALID_INPUT when a part is too long or the
 * user is not named, LT_ENOT_FOUND when its profile, scope or site has gone meanwhile.
 */
enum lt_code lt_session_open(struct lt_store *store, struct lt_arena *arena, const struct lt_session_key *key, struct lt_session *ret,
                             struct lt_error *err);
/* The same, but none is made: LT_ENOT_FOUND. */
enum lt_code lt_session_lookup(struct lt_store *store, struct lt_arena *arena, const struct lt_session_key *key, struct lt_session *ret,
                               struct lt_error *err);
/* By number or UUID. LT_ENOT_FOUND, also when it is another site's. */
enum lt_code lt_session_find(struct lt_store *store, struct lt_arena *arena, int64_t site_id, struct lt_str name, struct lt_session *ret,
                             struct lt_error *err);

struct lt_session_filter {
    int64_t site_id;
    struct lt_str user_id, course_id;    /* "" = any */
    int64_t profile_id, scope_id;        /* -1 = any */
    int64_t before_id;                   /* cursor: older than this one; 0 = from the newest on */
    int limit;                           /* 1 to 1000 */
};
/* Newest first. */
enum lt_code lt_session_list(struct lt_store *store, struct lt_arena *arena, const struct lt_session_filter *filter, struct lt_session **ret,
                             size_t *ret_n, struct lt_error *err);

/* How many there are of a profile, with all users. */
enum lt_code lt_session_count_profile(struct lt_store *store, int64_t profile_id, int64_t *ret, struct lt_error *err);

/*
 * What is to be stored in one unit with a change of a session, or not at all: adds its statements. May be asked several times, each time with a
 * new unit. False: nothing is to be stored.
 */
struct lt_session_with {
    bool (*add)(void *ctx, struct lt_tx *tx);
    void *ctx;
};

/* One message of a turn: text, or what a content is when it is not text. */
struct lt_turn_message {
    struct lt_str role, text;
    const struct lt_json *content;       /* instead of text, or NULL */
    int64_t timestamp;                   /* ms */
};

struct lt_turn {
    struct lt_uuid call_id;              /* of the register: the run's first call; all zero: none */
    bool interrupted;                    /* the user left before the answer's end: it is what was received */
    bool store_content;                  /* of the site; false: neither submission nor remote id is written */
    const struct lt_turn_message *messages;
    size_t messages_n;
    struct lt_str remote_response_id;    /* "" when the service keeps nothing: then the thread cannot go on there */
    int64_t remote_instance_id;
    const struct lt_session_with *with;  /* NULL: nothing */
};
/*
 * Adds a turn to the thread that `session` was read with, in one unit with the session's remote ids; durable when it returns. When the
 * thread was cleared meanwhile, the turn belongs to the cleared one, and the remote ids of the new one stay. When another turn has moved them
 * since `session` was read, they are dropped: neither answer at the service knows of the other. LT_ETOO_LARGE, LT_ENOT_FOUND
 * when the session was removed meanwhile, LT_ECANCELLED when `with` says no. *ret (may be NULL): the submission's id, all zero when none was written.
 */
enum lt_code lt_session_add_turn(struct lt_store *store, const struct lt_session *session, const struct lt_turn *turn, struct lt_uuid *ret,
                                 struct lt_error *err);
/* Merges (RFC 7386) into the metadata as they are now; somebody else's change at the same time is kept. LT_ETOO_LARGE, LT_ENOT_FOUND. */
enum lt_code lt_session_merge_metadata(struct lt_store *store, const struct lt_session *session, const struct lt_json *patch, struct lt_error *err);
/*
 * The metadata as they are → what to merge into them. May be asked several times, when somebody else was faster. Both lie in an arena that
 * goes with the call.
 */
typedef enum lt_code (*lt_session_change_fn)(void *ctx, struct lt_arena *arena, const struct lt_json *metadata, const struct lt_json **ret_patch,
                                             struct lt_error *err);
/*
 * The same with a patch that depends on what is there. Durable when it returns. LT_ETOO_LARGE, LT_ENOT_FOUND when the session was removed or
 * cleared since `session` was read (then `change` was not asked), and what `change` fails with. with: as of a turn; asked after `change`.
 */
enum lt_code lt_session_change_metadata(struct lt_store *store, const struct lt_session *session, lt_session_change_fn change, void *ctx,
                                        const struct lt_session_with *with, struct lt_error *err);
/* Begins a new thread: no turns, no remote ids, no metadata. The session and its id stay. LT_ENOT_FOUND. */
enum lt_code lt_session_clear(struct lt_store *store, const struct lt_session *session, struct lt_error *err);
/* With all turns of all threads. LT_ENOT_FOUND. */
enum lt_code lt_session_remove(struct lt_store *store, const struct lt_session *session, struct lt_error *err);
/* Added to the unit that removes a profile or a scope, before that. */
void lt_session_tx_profile_removed(struct lt_tx *tx, int64_t profile_id);
void lt_session_tx_scope_removed(struct lt_tx *tx, int64_t site_id, int64_t scope_id);

/* ---- reading turns (session_read.c) ---- */

struct lt_stored_message {
    struct lt_str role;
    struct lt_str text;                  /* p == NULL: the content is not text */
    const struct lt_json *content;
    struct lt_str timestamp;             /* RFC 3339 */
    struct lt_str submission_id;
    struct lt_str call_id;               /* of an answer: the call that it came of; "" = none */
    struct lt_str rating;                /* what its user thinks of it, where somebody looked that up; "" = nothing */
    bool interrupted;
};
/* Is it part of the talk: text of the user or of the assistant? The rest is for the debug thread alone. */
bool lt_message_is_talk(const struct lt_stored_message *message);

struct lt_session_messages {
    struct lt_stored_message *list;      /* oldest first */
    size_t n;
    bool more;                           /* there are older ones */
};
/*
 * A page of the present thread's talk: of what is older than the newest `shown` messages, the newest `max`. LT_OK with n == 0 when there is
 * nothing. What is older than the newest LT_THREAD_TURNS_MAX turns, or LT_THREAD_BYTES_MAX, is not reached.
 */
enum lt_code lt_session_page(struct lt_store *store, struct lt_arena *arena, const struct lt_session *session, int64_t shown, int max,
                             struct lt_session_messages *ret, struct lt_error *err);
/* The present thread as far as the limits reach; everything: what is not talk, too. */
enum lt_code lt_session_messages(struct lt_store *store, struct lt_arena *arena, const struct lt_session *session, bool everything,
                                 struct lt_session_messages *ret, struct lt_error *err);
/* max_context_messages: of the profile (SubmissionProcessor in processor_config), else the site's, 0 = not set. 1 to LT_SESSION_PAGE_MAX. */
int lt_session_page_size(const struct lt_json *processor_config, int64_t site_default);

/* ---- showing ---- */
/*
 * {"id": UUID, "number", "user_id", "profile_id", "scope_id", "course_id", "location_id", "turns", "turns_cleared", "created_at",
 * "updated_at"}; everything: "remote_response_id", "remote_instance_id" and "metadata", too. Absent parts are null.
 */
void lt_session_write(struct lt_jw *w, const struct lt_session *session, bool everything);
/* [{"role", "content", "timestamp", "submission_id", "call_id"?, "rating"?, "interrupted"?}, …] */
void lt_session_write_messages(struct lt_jw *w, const struct lt_session_messages *messages);
/*
 * {"messages", "metadata": {"has_more", and the number of messages: "current_count" for the first page, else "new_count"}}
 */
void lt_session_write_page(struct lt_jw *w, const struct lt_session_messages *messages, int64_t shown);
