/* Writing the register: the units of one call. The SQL of all records stands in record.c. */
#pragma once
#include "core/gates.h"

struct lt_record_begin {
    struct lt_uuid id;
    const struct lt_caller *caller;
    struct lt_place place;
    struct lt_str action;
    int64_t at;
    struct lt_value process; /* that runs it (lt_store_process_value) */
};
/* Notes of the site whether content is stored; the other records of the call then follow that. */
void lt_record_begin(struct lt_tx *tx, const struct lt_record_begin *begin);

/* state: completed, failed, refused, cancelled, interrupted */
struct lt_record_end {
    const char *state;
    const struct lt_error *error; /* code LT_OK when completed */
    int64_t instance_id;
    struct lt_str model, partial;
    struct lt_usage usage;
    int64_t cost; /* -1: not known */
    bool with_content; /* else neither `partial` nor the error's detail, which may quote the input, is written */
    int64_t at;
};
void lt_record_attempts(struct lt_tx *tx, struct lt_uuid id, const struct lt_attempt *attempts, size_t n, bool with_content);
void lt_record_end(struct lt_tx *tx, struct lt_uuid id, const struct lt_record_end *end);

/* One call of a tool by the model that answered the call `id`. */
struct lt_record_tool {
    struct lt_str name, arguments; /* the model's; known: the name is that of a tool that it was offered */
    bool known;
    const char *state;             /* done, failed, refused: the user did not allow it */
    enum lt_code code;             /* LT_OK when done */
    int64_t duration_ms, result_bytes;
};
/* In the order in which the model listed them. with_content: else arguments, and names that the model made up, are not written. */
void lt_record_tools(struct lt_tx *tx, struct lt_uuid id, const struct lt_record_tool *tools, size_t n, bool with_content);

/* The row of ai_action_<name>. */
void lt_record_content(struct lt_tx *tx, const struct lt_action_state *action, const struct lt_action_call *call,
                       const struct lt_neutral_result *result);
/* `process`: the one that runs the call, where others may take it for dead and end the call: then nothing is written any more; 0: there are no others. */
void lt_record_checkpoint(struct lt_tx *tx, struct lt_uuid id, int n, struct lt_str text, int64_t process);

/* Start-up: creates missing ai_action_<name> tables (and columns that a newer program added). */
enum lt_code lt_record_create_table(struct lt_store *store, const struct lt_action *action, struct lt_error *err);
/* Text of the INSERT for an action's table, in the arena. */
const char *lt_record_insert_sql(struct lt_arena *arena, const struct lt_action *action);
/* Notes that every call begun before this time (ms) has ended, so that recovery need not look further back. */
void lt_record_mark(struct lt_store *store, int64_t all_ended_before);
/* Every call begun before this time (ms) has ended; 0: nobody has said so yet. */
enum lt_code lt_record_marked(struct lt_store *store, int64_t *ret, struct lt_error *err);
/* The call becomes `interrupted`, with its checkpoints as partial text, and *n one more; unless it has ended: then nothing happens. Fiber, or outside loops. */
enum lt_code lt_record_interrupt(struct lt_store *store, struct lt_uuid id, const char *because, size_t *n, struct lt_error *err);
/*
 * Every begin without an end of a process (or LT_MEMBER_ANY, LT_MEMBER_NONE: core/member.h) becomes `interrupted` with its checkpoints as partial
 * text, and so does what waited for a user's word. What ends by itself meanwhile stays as it is. *ret_n: how many. Fiber, or outside loops.
 */
enum lt_code lt_record_recover(struct lt_store *store, int64_t process, size_t *ret_n, struct lt_error *err);
