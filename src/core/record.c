/* The SQL of the register's writes. */
#include "core/record.h"

#include "base/log.h"
#include "core/register_hash.h"

/* The chain of the register will have it (core/register_seal.h). */
static void pend(struct lt_tx *tx, struct lt_uuid id, enum lt_register_kind kind)
{
    LT_TX(tx, "INSERT INTO register_pending (call_id, kind) VALUES ($1, $2)", LT_BLOB(id.b, 16), LT_INT(kind));
}

void lt_record_begin(struct lt_tx *tx, const struct lt_record_begin *b)
{
    LT_TX(tx,
          "INSERT INTO ai_call (id, site_id, user_id, action, course_id, location_id, placement, content_stored, created_at, process)"
          " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
          LT_BLOB(b->id.b, 16), LT_INT(b->caller->site->id), lt_value_text(b->caller->user_id), lt_value_text(b->action),
          lt_value_text(b->place.course_id), lt_value_text(b->place.location_id), lt_value_text(b->place.placement),
          LT_INT(b->caller->site->store_content), LT_INT(b->at), b->process);
    pend(tx, b->id, LT_REGISTER_BEGIN);
}

void lt_record_attempts(struct lt_tx *tx, struct lt_uuid id, const struct lt_attempt *attempts, size_t n, bool with_content)
{
    for (size_t i = 0; i < n; i++) {
        const struct lt_attempt *a = &attempts[i];
        LT_TX(tx,
              "INSERT INTO ai_call_attempt (call_id, n, instance_id, instance, plugin, model, success, code, vendor_status, detail,"
              " prompt_tokens, completion_tokens, duration_ms, cost) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
              LT_BLOB(id.b, 16), LT_INT(i + 1), LT_INT(a->instance->id), lt_value_text(a->instance->name), lt_value_text(a->instance->plugin),
              lt_value_text(a->model), LT_INT(a->success), LT_TEXTZ(a->code == LT_OK ? "" : lt_code_name(a->code)), LT_INT(a->vendor_status),
              with_content ? lt_value_text(a->detail) : LT_TEXT(LT_STR("")), lt_value_known_int(a->usage.prompt_tokens),
              lt_value_known_int(a->usage.completion_tokens), LT_INT(a->duration_ms), lt_value_known_int(a->cost));
    }
}

/* A begin that failed has no end either: the key would be NULL. A count to expect would cost a server's client one more way. */
void lt_record_end(struct lt_tx *tx, struct lt_uuid id, const struct lt_record_end *e)
{
    LT_TX(tx,
          "INSERT INTO ai_call_end (call_id, state, code, detail, instance_id, model, prompt_tokens, completion_tokens, total_tokens,"
          " partial, completed_at, cost) VALUES ((SELECT id FROM ai_call WHERE id = $1), $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
          LT_BLOB(id.b, 16), LT_TEXTZ(e->state), LT_TEXTZ(e->error->code == LT_OK ? "" : lt_code_name(e->error->code)),
          LT_TEXTZ(e->with_content ? e->error->detail : ""), LT_INT(e->instance_id), lt_value_text(e->model),
          lt_value_known_int(e->usage.prompt_tokens), lt_value_known_int(e->usage.completion_tokens), lt_value_known_int(e->usage.total_tokens),
          e->with_content ? lt_value_text(e->partial) : LT_TEXT(LT_STR("")), LT_INT(e->at), lt_value_known_int(e->cost));
    pend(tx, id, LT_REGISTER_END);
}

enum { TOOL_ARGUMENTS_KEPT = 16 * 1024 /* bytes */ };

void lt_record_tools(struct lt_tx *tx, struct lt_uuid id, const struct lt_record_tool *tools, size_t n, bool with_content)
{
    for (size_t i = 0; i < n; i++) {
        const struct lt_record_tool *t = &tools[i];
        struct lt_str arguments = t->arguments;
        if (arguments.n > TOOL_ARGUMENTS_KEPT)
            arguments.n = lt_utf8_whole(arguments.p, TOOL_ARGUMENTS_KEPT);
        LT_TX(tx,
              "INSERT INTO tool_call (call_id, position, name, arguments, state, code, duration_ms, result_bytes)"
              " VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
              LT_BLOB(id.b, 16), LT_INT(i + 1), lt_value_text(with_content || t->known ? t->name : LT_STR("")),
              lt_value_text(with_content ? arguments : LT_STR("")), LT_TEXTZ(t->state), LT_TEXTZ(t->code == LT_OK ? "" : lt_code_name(t->code)),
              LT_INT(t->duration_ms), LT_INT(t->result_bytes));
    }
    if (n > 0)
        pend(tx, id, LT_REGISTER_TOOLS);
}

void lt_record_content(struct lt_tx *tx, const struct lt_action_state *state, const struct lt_action_call *call,
                       const struct lt_neutral_result *result)
{
    struct lt_value values[1 + 32];
    values[0] = LT_BLOB(call->id.b, 16);
    for (size_t i = 0; i < state->columns_n; i++)
        values[1 + i] = LT_TEXT(LT_STR(""));
    state->action->store(call, result, values + 1);
    for (size_t i = 1; i <= state->columns_n; i++) /* a call that failed has not everything to tell */
        if (values[i].type == LT_V_NULL || (values[i].type == LT_V_TEXT && !values[i].s.p))
            values[i] = LT_TEXT(LT_STR(""));
    lt_tx_add(tx, state->insert_sql, values, 1 + state->columns_n);
}

/* Who takes a process for dead changes its row and waits for who holds it here; so no checkpoint joins a call whose end was sealed without it. */
void lt_record_checkpoint(struct lt_tx *tx, struct lt_uuid id, int n, struct lt_str piece, int64_t process)
{
    if (process == 0)
        LT_TX(tx, "INSERT INTO ai_call_checkpoint (call_id, n, text, created_at) VALUES ($1, $2, $3, $4)", LT_BLOB(id.b, 16), LT_INT(n),
              LT_TEXT(piece), LT_INT(lt_now_ms()));
    else
        LT_TX(tx,
              "INSERT INTO ai_call_checkpoint (call_id, n, text, created_at) SELECT $1, CAST($2 AS BIGINT), $3, CAST($4 AS BIGINT)"
              " FROM process WHERE id = $5 AND dead_at = 0 FOR SHARE",
              LT_BLOB(id.b, 16), LT_INT(n), LT_TEXT(piece), LT_INT(lt_now_ms()), LT_INT(process));
}

static bool has_column(struct lt_store *store, struct lt_arena *arena, const char *action, const char *column)
{
    struct lt_rows r;
    struct lt_error err;
    const char *sql = lt_printf(arena, "SELECT t.\"%s\" FROM ai_action_%s t WHERE 1 = 0", column, action).p;
    return lt_store_query(store, arena, sql, NULL, 0, 0, &r, &err) == LT_OK;
}

static enum lt_code add_columns(struct lt_store *store, struct lt_arena *arena, const struct lt_action *action, struct lt_error *err)
{
    for (const char *const *c = action->columns; *c; c++) {
        const char *sql = lt_printf(arena, "ALTER TABLE ai_action_%s ADD COLUMN \"%s\" TEXT NOT NULL DEFAULT ''", action->name, *c).p;
        if (!has_column(store, arena, action->name, *c) && lt_store_create(store, sql, err))
            return lt_error_wrap(err, "column '%s'", *c);
    }
    return LT_OK;
}

enum lt_code lt_record_create_table(struct lt_store *store, const struct lt_action *action, struct lt_error *err)
{
    struct lt_arena *arena = lt_arena_new();
    struct lt_buf sql;
    lt_buf_init(&sql, 8192);
    lt_buf_printf(&sql, "CREATE TABLE IF NOT EXISTS ai_action_%s (call_id {blob} PRIMARY KEY", action->name);
    for (const char *const *c = action->columns; *c; c++)
        lt_buf_printf(&sql, ", \"%s\" TEXT NOT NULL DEFAULT ''", *c);
    lt_buf_put_str(&sql, LT_STR(")")); /* not {clustered}: long texts make such a tree slow */
    enum lt_code rc = lt_store_create(store, lt_strz(arena, lt_buf_str(&sql)), err);
    if (!rc)
        rc = add_columns(store, arena, action, err);
    lt_buf_free(&sql);
    lt_arena_free(arena);
    return rc;
}

const char *lt_record_insert_sql(struct lt_arena *arena, const struct lt_action *action)
{
    struct lt_str names = LT_STR("call_id"), values = LT_STR("$1");
    int n = 1;
    for (const char *const *c = action->columns; *c; c++) {
        names = lt_printf(arena, "%.*s, \"%s\"", LT_FMT(names), *c);
        values = lt_printf(arena, "%.*s, $%d", LT_FMT(values), ++n);
    }
    return lt_printf(arena, "INSERT INTO ai_action_%s (%.*s) VALUES (%.*s)", action->name, LT_FMT(names), LT_FMT(values)).p;
}
