/*
 * Reading entries of streams. What a Redis says is from outside: nothing is taken for granted but that hiredis has parsed it.
 * Fuzzed by tests/fuzz/fuzz_stream_entry.c.
 */
#include "events/entry.h"

#include "base/secret.h"

static struct lt_str text_of(const redisReply *r)
{
    return r && r->type == REDIS_REPLY_STRING ? (struct lt_str){r->str, (size_t)r->len} : LT_STR_NULL;
}

static bool is_list(const redisReply *r, size_t least)
{
    return r && r->type == REDIS_REPLY_ARRAY && r->elements >= least;
}

bool lt_stream_entry_read(const redisReply *r, struct lt_stream_entry *ret)
{
    *ret = (struct lt_stream_entry){0};
    if (!is_list(r, 2) || r->elements != 2 || !text_of(r->element[0]).p)
        return false;
    ret->id = text_of(r->element[0]);
    const redisReply *fields = r->element[1];
    for (size_t i = 0; is_list(fields, i + 2) && ret->n < LT_COUNT(ret->names); i += 2) {
        ret->names[ret->n] = text_of(fields->element[i]);
        ret->values[ret->n++] = text_of(fields->element[i + 1]);
    }
    return true;
}

struct lt_str lt_stream_entry_get(const struct lt_stream_entry *e, const char *name)
{
    for (size_t i = 0; i < e->n; i++)
        if (lt_str_is(e->names[i], name))
            return e->values[i];
    return LT_STR("");
}

enum lt_code lt_stream_entry_check(const struct lt_stream_entry *e, struct lt_uuid *ret_id, struct lt_error *err)
{
    if (e->n > LT_STREAM_FIELDS_MAX)
        return lt_fail(err, LT_EINVALID_INPUT, "it has more than %d fields", LT_STREAM_FIELDS_MAX);
    if (!lt_uuid_parse(lt_stream_entry_get(e, "id"), ret_id))
        return lt_fail(err, LT_EINVALID_INPUT, "id: must be a UUID");
    return LT_OK;
}

/* An object has each name once, and what is no UTF-8 cannot be kept as it is. */
static bool can_be_kept(const struct lt_stream_entry *e, size_t i)
{
    if (!lt_utf8_valid(e->names[i].p, e->names[i].n) || lt_str_is(e->names[i], "event_data"))
        return false;
    for (size_t k = 0; k < i; k++)
        if (lt_str_eq(e->names[k], e->names[i]))
            return false;
    return true;
}

void lt_stream_entry_keep(struct lt_jw *w, struct lt_arena *arena, const struct lt_stream_entry *e)
{
    struct lt_str body = lt_stream_entry_get(e, "event_data");
    lt_jw_obj(w);
    lt_jw_kstr(w, "entry", e->id);
    lt_jw_key(w, "headers");
    lt_jw_obj(w);
    for (size_t i = 0; i < e->n; i++)
        if (can_be_kept(e, i)) {
            lt_jw_key_str(w, e->names[i]);
            lt_jw_str(w, e->values[i]);
        }
    lt_jw_end(w);
    if (body.n <= LT_STREAM_KEPT_MAX)
        lt_jw_kstr(w, "event_data", lt_base64(arena, body.p, body.n));
    lt_jw_end(w);
}

const redisReply *lt_stream_entries_read(const redisReply *r)
{
    bool one = is_list(r, 1) && r->elements == 1 && is_list(r->element[0], 2) && r->element[0]->elements == 2;
    return one && is_list(r->element[0]->element[1], 1) ? r->element[0]->element[1] : NULL;
}

const redisReply *lt_stream_entries_claimed(const redisReply *r)
{
    return is_list(r, 2) && is_list(r->element[1], 1) ? r->element[1] : NULL;
}
