/* The inventory. Rows that hang on others stand before them. */
#include "privacy/inventory.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/log.h"

#define OF_SESSION "session_id IN (SELECT id FROM workflow_session WHERE site_id = {site} AND user_id = {user} AND created_at <= {cut})"
#define OF_TASK "task_id IN (SELECT id FROM workflow_task WHERE site_id = {site} AND user_id = {user} AND created_at <= {cut})"
#define OF_LIMIT "limit_id IN (SELECT id FROM usage_limit WHERE site_id = {site})"
#define OF_COUNTER OF_LIMIT " AND substr(counter_key, length(counter_key) - length({user})) = '\n' || {user}"
#define BY(column) "site_id = {site} AND " column " = {user}"
#define OF_PROFILE(column) "profile_id IN (SELECT id FROM workflow_profile WHERE site_id = {site}) AND " column " = {user}"
#define OF_PROMPT(column) "prompt_id IN (SELECT id FROM workflow_prompt WHERE site_id = {site}) AND " column " = {user}"
#define NOTHING(table_, why) {table_, LT_OF_NOBODY, why}

const struct lt_privacy_table lt_privacy_tables[] = {
    /* a call's own; the register itself comes last, so that a call that is half erased is still found */
    {"ai_action_*", LT_OF_CALL, "Inputs and answers of calls.", "As long as the register.", "call_id", "call_id = {call}", .as = "content"},
    {"image_file", LT_OF_CALL, "Pictures that were made, which lie in files beside the database: what they show, and their hashes.",
     "As long as contents; an hour at most where a site keeps none.", "call_id, n", "call_id = {call}", "alt = '', sha256 = '', delete_at = 1",
     .as = "pictures", .stays = "call_id n site_id media_type bytes width height created_at", .hidden = "call_id site_id delete_at"},
    {"ai_call_checkpoint", LT_OF_CALL, "What was shown of an answer, second by second.", "As long as the register.", "call_id, n",
     "call_id = {call}", .as = "checkpoints"},
    {"ai_call_attempt", LT_OF_CALL, "What each AI service that was asked came to; errors may quote the input.", "As long as the register.",
     "call_id, n", "call_id = {call}", "detail = ''", .as = "attempts",
     .stays = "call_id n instance_id instance plugin model success code vendor_status prompt_tokens completion_tokens duration_ms cost",
     .hidden = "call_id cost"},
    {"tool_call", LT_OF_CALL, "Tools that a model asked for, with what it wrote for them.", "As long as the register.", "call_id, position",
     "call_id = {call}", "name = '', arguments = ''", .as = "tools", .stays = "call_id position state code duration_ms result_bytes"},
    {"tool_approval", LT_OF_CALL, "Tools that the user was asked about, with what the model wrote for them, and what the user said.",
     "As long as the register; arguments as long as contents.", "id", "call_id = {call}", "user_id = {name}, arguments = ''", .as = "approvals",
     .stays = "id run_id call_id site_id tool state asked_at expires_at decided_at process", .hidden = "call_id process"},
    {"guard_verdict", LT_OF_CALL, "What guards have found in a call: kinds and numbers, never a text.", "As long as the register.", "call_id, n",
     "call_id = {call}", "counts = 'null'", .as = "guards", .stays = "call_id n site_id action guard rule stage mode verdict checked_by created_at",
     .hidden = "call_id site_id checked_by"},
    {"ai_call_feedback", LT_OF_CALL, "What the user thought of an answer: a rating, a reason and a comment. After an erasure the rating stays.",
     "As long as the register; comments as long as contents.", "call_id", "call_id = {call}", "user_id = {name}, comment = ''", .as = "feedback",
     .stays = "call_id site_id rating reason created_at changed_at", .hidden = "call_id"},
    {"answer_cache_hit", LT_OF_CALL, "That a call was answered from the response cache, and by which call's answer.", "As long as the register.",
     "call_id", "call_id = {call}", "site_id = site_id", .as = "cached", .stays = "call_id site_id source_call_id saved_cost",
     .hidden = "call_id source_call_id saved_cost"},
    {"ai_call_end", LT_OF_CALL, "How a call ended, with tokens and cost; errors may quote the input, answers that broke off are kept.",
     "As long as the register.", "call_id", "call_id = {call}", "detail = '', partial = ''", .as = "end",
     .stays = "call_id state code instance_id model prompt_tokens completion_tokens total_tokens completed_at cost", .hidden = "call_id cost"},
    {"register_seal", LT_OF_CALL, "Hashes of calls; a salt makes that of the content one that nobody can guess.", "As long as the register.",
     "site_id, seq", "call_id = {call}", "salt = NULL", .stays = "site_id seq kind call_id through meta_hash content_hash hash"},
    {"ai_call", LT_OF_CALL, "The register: who asked for what action, where and when. After an erasure under a pseudonym.",
     "As the site sets it; without a setting for good.", "id", "id = {call}", "user_id = {name}",
     .stays = "id site_id action course_id location_id placement content_stored created_at process",
     .before = "INSERT INTO register_erasure (site_id, call_id, erased_at) SELECT {site}, {call}, {now} FROM meta WHERE name = 'generation'"
               " ON CONFLICT (call_id) DO NOTHING"},

    /* a user's own */
    {"policy_acceptance", LT_OF_USER, "What the user decided about the AI policy, when and where.", "Until it is erased.", "id", BY("user_id")},
    {"event_outbox", LT_OF_USER, "What other systems are to be told, until they are; and what could not be delivered.",
     "Until it is delivered: 3 days at most, then 30 days among what was given up.", "id", BY("user_id")},
    {"event_actor", LT_OF_USER, "The name under which other systems know the user.", "Until it is erased.", "site_id, user_id", BY("user_id")},
    {"workflow_submission", LT_OF_USER, "Turns of conversations.", "As long as the conversation.", "id", OF_SESSION},
    {"workflow_session", LT_OF_USER, "Conversations: what is remembered of them, and where an AI service keeps them.",
     "Until the user, or who removes the profile, removes it.", "id", BY("user_id") " AND created_at <= {cut}"},
    {"workflow_task_input", LT_OF_USER, "What background tasks work on.", "Until the task has ended.", "task_id", OF_TASK},
    {"workflow_task_result", LT_OF_USER, "Results of background tasks.", "As the site sets it: 7 days.", "task_id", OF_TASK},
    {"workflow_task_event", LT_OF_USER, "How far background tasks are.", "As long as the task.", "task_id, number", OF_TASK},
    {"workflow_task", LT_OF_USER, "Background tasks.", "As the site sets it: 7 days after their end.", "id", BY("user_id") " AND created_at <= {cut}",
     .hidden = "request_hash process claim"},
    {"guard_value", LT_OF_USER, "Personal data that stand behind placeholders in what is kept, sealed with the master key.",
     "As long as contents, from their last use.", "placeholder", BY("user_id") " AND used_at <= {cut}", .hidden = "sealed"},
    {"openai_response", LT_OF_USER, "Answers of the Responses API with what was asked.", "As the site sets it: 30 days.", "id",
     BY("user_id") " AND created_at <= {cut}"},
    {"grading", LT_OF_USER, "Gradings of submissions, and what people decided in their place.", "As the site sets it: 365 days.", "id",
     BY("user_id") " AND created_at <= {cut}", .hidden = "claim"},
    {"idempotency_key", LT_OF_USER, "Answers kept for a client that asks again with the same key.", "As the site sets it: 24 hours.", "id",
     "site_id = {site} AND caller IN (SELECT 'user ' || {user} UNION ALL SELECT 'key' || id || ' ' || {user} FROM site_key"
     " WHERE site_id = {site}) AND created_at <= {cut}", .hidden = "request_hash process"},
    {"answer_cache", LT_OF_USER, "Answers that are given again to calls that are the same.", "As the profile sets it: a week at most.", "cache_key",
     BY("user_id") " AND created_at <= {cut}", .hidden = "cache_key"},
    {"course_role", LT_OF_USER, "Roles in courses that this program was told of.", "Until they are taken.", "id", BY("user_id")},
    {"usage_notice", LT_OF_USER, "That a limit of the user's was used to 80 and 100 %.", "As long as the limit.", "id", OF_COUNTER},
    {"usage_lease", LT_OF_USER, "Which part of a limit a process holds.", "Until the limit's window is over, or the process has ended.",
     "process, limit_id, counter_key, slot", OF_COUNTER,
     .before = "UPDATE usage_counter SET used = used - COALESCE((SELECT SUM(l.taken - l.spent) FROM usage_lease l WHERE l.limit_id ="
               " usage_counter.limit_id AND l.counter_key = usage_counter.counter_key AND l.slot = usage_counter.slot), 0) WHERE " OF_COUNTER},
    {"usage_counter", LT_OF_USER,
     "How much of the limits was used. After an erasure under a keyed hash, so that the rest of a limit is no other by it.",
     "Until the limit's window is over.", "limit_id, counter_key, slot", OF_COUNTER,
     .before = "INSERT INTO usage_counter (limit_id, counter_key, slot, ends_at, used)"
               " SELECT limit_id, substr(counter_key, 1, length(counter_key) - length({user})) || {key}, slot, ends_at, used FROM usage_counter"
               " WHERE " OF_COUNTER " ON CONFLICT (limit_id, counter_key, slot) DO UPDATE SET used = usage_counter.used + excluded.used"},
    {"usage_limit", LT_OF_USER, "Limits that an administrator has set for this user alone.", "Until they are removed.", "id",
     BY("subject = 'user' AND subject_id"),
     .before = "DELETE FROM usage_counter WHERE limit_id IN (SELECT id FROM usage_limit WHERE site_id = {site} AND subject = 'user'"
               " AND subject_id = {user})"},

    /* who did something to what is others' */
    {"grading", LT_OF_USER, "Who decided in the place of a model.", NULL, "id", BY("staff_user"), "staff_user = {name}", .only_erased = true},
    {"course_role", LT_OF_USER, "Who gave a role.", NULL, "id", BY("created_by"), "created_by = {name}", .only_erased = true},
    {"workflow_profile_version", LT_OF_USER, "Who changed a profile.", "As long as the profile.", "profile_id, version", OF_PROFILE("changed_by"),
     "changed_by = {name}", .only_erased = true, .stays = "profile_id version slug description base_filepath content_patch changed_at"},
    {"workflow_prompt_version", LT_OF_USER, "Who changed a prompt.", "As long as the prompt.", "prompt_id, version", OF_PROMPT("changed_by"),
     "changed_by = {name}", .only_erased = true, .stays = "prompt_id version slug body changed_at"},
    {"policy_text", LT_OF_USER, "Who set a text of the policy.", "For good: it is what people accepted.", "id", BY("created_by"),
     "created_by = {name}",
     .only_erased = true, .stays = "id site_id version language text created_at"},
    {"emergency_stop", LT_OF_USER, "Who stopped the site's AI.", "For good.", "id", "site_id IN (0, {site}) AND stopped_by = {user}",
     "stopped_by = {name}", .only_erased = true, .stays = "id site_id reason stopped_at lifted_by lifted_at"},
    {"emergency_stop", LT_OF_USER, "Who let it go on.", "For good.", "id", "site_id IN (0, {site}) AND lifted_by = {user}", "lifted_by = {name}",
     .only_erased = true, .stays = "id site_id reason stopped_by stopped_at lifted_at"},
    {"privacy_job", LT_OF_USER, "Exports and erasures: who asked, when, what came of it. The user only while an erasure runs.", "For good.", "id",
     BY("asked_by"), "asked_by = {name}", .only_erased = true,
     .stays = "id uuid site_id kind user_id user_hash pseudonym state code calls records created_at completed_at"},

    /* nothing of users */
    NOTHING("privacy_vendor_deletion", "What AI services are to delete, by the numbers that they gave it."),
    NOTHING("register_pending", "Which calls the chain does not have yet."),
    NOTHING("register_erasure", "Which calls were erased, and when."),
    NOTHING("register_head", "The end of the register's chain."),
    NOTHING("register_anchor", "Its beginning."),
    NOTHING("register_summary", "Sums of calls by day."),
    NOTHING("usage_day", "Sums of calls by day."),
    NOTHING("lease", "Which process does what one at a time may do."),
    NOTHING("register_place", "Where files with the ends of chains lie."),
    NOTHING("store_writer", "Which batches a writer of PostgreSQL has committed."),
    NOTHING("usage_process", "Which processes hold parts of limits."),
    NOTHING("meta", "Numbers of this program."),
    NOTHING("process", "The processes on the database."),
    NOTHING("process_message", "What one process asks of another: numbers of calls, for a second or so."),
    NOTHING("master_key", "What master keys are called that secrets were sealed with."),
    NOTHING("schema_migration", "Which changes the database has had."),
    NOTHING("site", "Settings of sites."),
    NOTHING("site_key", "Keys of back ends, as hashes."),
    NOTHING("console_session", "Which keys are signed in to the console, as hashes."),
    NOTHING("jwt_issuer", "Who may make tokens."),
    NOTHING("provider_instance", "Which AI services are used, and how."),
    NOTHING("mcp_server", "Which servers' tools models may call."),
    NOTHING("role_permission", "What roles may do."),
    NOTHING("placement_switch", "What is on where."),
    NOTHING("place_switch", "What is on where."),
    NOTHING("workflow_profile", "Settings of workflows."),
    NOTHING("workflow_prompt", "Texts of workflows."),
    NOTHING("workflow_scope", "Where workflows apply."),
    NOTHING("event_destination", "Who is told of what happens."),
    NOTHING("event_delivery", "How that goes."),
    NOTHING("course", "Courses imported from files."),
    NOTHING("course_block", "What is in imported courses."),
    NOTHING("course_chunk", "Pieces of imported courses, for searching."),
    NOTHING("course_vector", "Vectors of these pieces."),
    NOTHING("course_fulltext*", "The words of these pieces."),
    NOTHING("course_index", "How far a course can be searched."),
    NOTHING("model_price", "What models cost."),
    NOTHING("content_source", "LMSs that course text is asked for, their secrets sealed."),
};
const size_t lt_privacy_tables_n = LT_COUNT(lt_privacy_tables);

const char *lt_privacy_erasure(const struct lt_privacy_table *t)
{
    return t->of == LT_OF_NOBODY ? "nothing" : t->set ? "blanked" : "deleted";
}

/* ---- statements ---- */

enum word { WORD_SITE, WORD_USER, WORD_CALL, WORD_NAME, WORD_KEY, WORD_CUT, WORD_JOB, WORD_NOW, WORDS };
static const char *const word_names[WORDS] = {"site", "user", "call", "name", "key", "cut", "job", "now"};

static enum word word_of(struct lt_str name)
{
    int i = 0;
    while (i < WORDS && !lt_str_is(name, word_names[i]))
        i++;
    if (i == WORDS) {
        lt_log(LT_LOG_ERROR, "privacy.inventory", LT_SS("word", name));
        abort();
    }
    return (enum word)i;
}

/* Each use of a word is a parameter of its own. */
struct lt_privacy_sql lt_privacy_compile(struct lt_arena *arena, const char *text)
{
    struct lt_privacy_sql sql = {0};
    struct lt_buf out;
    struct lt_str rest = lt_str(text);
    lt_buf_init(&out, 65536);
    while (rest.n > 0) {
        lt_buf_put_str(&out, lt_str_cut(&rest, '{'));
        if (rest.n == 0)
            break;
        if (sql.n == LT_PRIVACY_VALUES_MAX)
            abort();
        sql.words[sql.n++] = (unsigned char)word_of(lt_str_cut(&rest, '}'));
        lt_buf_printf(&out, "$%zu", sql.n);
    }
    sql.text = lt_strz(arena, lt_buf_str(&out));
    lt_buf_free(&out);
    return sql;
}

void lt_privacy_values(const struct lt_privacy_sql *sql, const struct lt_privacy_words *w, struct lt_value ret[LT_PRIVACY_VALUES_MAX])
{
    const struct lt_value values[WORDS] = {[WORD_SITE] = LT_INT(w->site_id),
                                           [WORD_USER] = lt_value_text(w->user_id),
                                           [WORD_CALL] = LT_BLOB(w->call_id.p, w->call_id.n),
                                           [WORD_NAME] = lt_value_text(w->pseudonym),
                                           [WORD_KEY] = lt_value_text(w->counter_key),
                                           [WORD_CUT] = LT_INT(w->cut),
                                           [WORD_JOB] = LT_INT(w->job_id),
                                           [WORD_NOW] = LT_INT(w->now)};
    for (size_t i = 0; i < sql->n; i++)
        ret[i] = values[sql->words[i]];
}

void lt_privacy_tx(struct lt_tx *tx, const struct lt_privacy_sql *sql, const struct lt_privacy_words *words)
{
    struct lt_value values[LT_PRIVACY_VALUES_MAX];
    lt_privacy_values(sql, words, values);
    lt_tx_add(tx, sql->text, values, sql->n);
}

enum lt_code lt_privacy_names(struct lt_store *store, struct lt_arena *arena, const struct lt_privacy_table *t, struct lt_str **ret, size_t *ret_n,
                              struct lt_error *err)
{
    struct lt_rows r;
    size_t n = strlen(t->table);
    bool all = t->table[n - 1] == '*';
    struct lt_str name = {t->table, n - all};
    if (lt_store_columns(store, arena, name, &r, err))
        return err->code;
    *ret = LT_NEW_ARRAY(arena, struct lt_str, r.rows + 1);
    *ret_n = 0;
    for (size_t i = 0; i < r.rows; i++) {
        struct lt_str table = lt_rows_str(&r, i, 0);
        bool next = *ret_n == 0 || !lt_str_eq(table, (*ret)[*ret_n - 1]);
        if (next && (all || lt_str_eq(table, name)))
            (*ret)[(*ret_n)++] = table;
    }
    return LT_OK;
}
