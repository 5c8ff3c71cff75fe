/* Limits and prices in the store. */
#include "core/admin_limit.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "core/admin_private.h"
#include "core/erased_user.h"

#define AMOUNT "{\"type\":\"integer\",\"minimum\":0,\"maximum\":1000000000000000}"
#define SPENT "{\"enum\":[\"refuse\",\"fallback\",\"notice\"]}"
#define MONEY "{\"type\":\"integer\",\"minimum\":0,\"maximum\":1000000000000}"

const char lt_limit_schema[] =
    "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"subject\",\"unit\",\"amount\",\"window\"],\"properties\":{"
    "\"subject\":{\"enum\":[\"site\",\"course\",\"role\",\"user\",\"provider\"]},"
    "\"subject_id\":{\"type\":[\"string\",\"integer\"],\"maxLength\":255},\"per_user\":{\"type\":\"boolean\"},"
    "\"action\":{\"type\":\"string\",\"maxLength\":64},\"unit\":{\"enum\":[\"requests\",\"tokens\",\"cost\"]},\"amount\":" AMOUNT ","
    "\"window\":{\"enum\":[\"fixed\",\"sliding\",\"day\",\"week\",\"month\"]},"
    "\"window_s\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":31622400},\"when_spent\":" SPENT "}}";
static const char patch_schema[] = "{\"type\":\"object\",\"additionalProperties\":false,\"minProperties\":1,\"properties\":{\"amount\":" AMOUNT
                                   ",\"when_spent\":" SPENT "}}";
const char lt_price_schema[] =
    "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"input\",\"output\"],\"properties\":{"
    "\"provider\":{\"type\":\"string\",\"maxLength\":64},\"model\":{\"type\":\"string\",\"maxLength\":255},\"input\":" MONEY ","
    "\"cached_input\":" MONEY ",\"output\":" MONEY ",\"request\":" MONEY ",\"image\":" MONEY ",\"valid_from\":{\"type\":\"string\",\"format\":\"date-time\"},"
    "\"valid_to\":{\"type\":[\"string\",\"null\"],\"format\":\"date-time\"}}}";

static struct lt_str text_of(const struct lt_json *form, const char *key)
{
    return lt_json_str_or(lt_json_get(form, key), LT_STR(""));
}

/* ---- limits ---- */

/* Texts lie in the form or in the arena. */
static enum lt_code read_subject(struct lt_arena *arena, const struct lt_site *site, const struct lt_json *form, struct lt_limit *l,
                                 struct lt_error *err)
{
    const struct lt_json *id = lt_json_get(form, "subject_id");
    l->subject = (enum lt_limit_subject)lt_limit_subject_parse(text_of(form, "subject"));
    l->subject_id = lt_json_is(id, LT_JSON_STRING) || !id ? text_of(form, "subject_id")
                                                            : lt_printf(arena, "%lld", (long long)lt_json_int64_or(id, 0));
    if (l->subject == LT_LIMIT_SITE && l->subject_id.n > 0)
        return lt_fail_field(err, LT_EINVALID_INPUT, "/subject_id", "a limit of the site names nobody else");
    if (l->subject == LT_LIMIT_ROLE && lt_role_parse(l->subject_id) < 0)
        return lt_fail_field(err, LT_EINVALID_INPUT, "/subject_id", "must be the name of a role");
    if (l->subject_id.n > 0 && !lt_admin_text_ok(l->subject_id, 255))
        return lt_fail_field(err, LT_EINVALID_INPUT, "/subject_id", "must be at most 255 bytes of UTF-8");
    if (l->subject == LT_LIMIT_PROVIDER && l->subject_id.n > 0) {
        const struct lt_provider_instance *instance = lt_site_instance(site, l->subject_id);
        if (!instance)
            return lt_fail_field(err, LT_EINVALID_INPUT, "/subject_id", "there is no provider instance '%.*s'", LT_FMT(l->subject_id));
        l->subject_id = lt_printf(arena, "%lld", (long long)instance->id);
    }
    l->per_user = lt_json_bool_or(lt_json_get(form, "per_user"), l->subject == LT_LIMIT_ROLE || l->subject == LT_LIMIT_USER);
    if (l->subject == LT_LIMIT_USER && !l->per_user)
        return lt_fail_field(err, LT_EINVALID_INPUT, "/per_user", "a limit of users is each user's");
    return LT_OK;
}

static enum lt_code read_limit(struct lt_arena *arena, const struct lt_site *site, const struct lt_json *form, struct lt_limit *l,
                               struct lt_error *err)
{
    struct lt_str spent = text_of(form, "when_spent");
    *l = (struct lt_limit){.action = text_of(form, "action"),
                           .unit = (enum lt_limit_unit)lt_limit_unit_parse(text_of(form, "unit")),
                           .amount = lt_json_int64_or(lt_json_get(form, "amount"), 0),
                           .window = (enum lt_limit_window)lt_limit_window_parse(text_of(form, "window")),
                           .window_s = lt_json_int64_or(lt_json_get(form, "window_s"), 0),
                           .when_spent = spent.n > 0 ? (enum lt_limit_spent)lt_limit_spent_parse(spent) : LT_SPENT_REFUSE};
    bool length = l->window == LT_WINDOW_FIXED || l->window == LT_WINDOW_SLIDING;
    if (read_subject(arena, site, form, l, err))
        return err->code;
    if (l->action.n > 0 && !lt_registry_find(LT_KIND_ACTION, l->action))
        return lt_fail_field(err, LT_EINVALID_INPUT, "/action", "there is no action '%.*s'", LT_FMT(l->action));
    if (length != (l->window_s > 0))
        return lt_fail_field(err, LT_EINVALID_INPUT, "/window_s",
                             length ? "says how many seconds the window has" : "is for fixed and sliding windows");
    if (l->when_spent == LT_SPENT_FALLBACK && l->unit != LT_LIMIT_COST)
        return lt_fail_field(err, LT_EINVALID_INPUT, "/when_spent", "only money can be spared by asking another instance");
    return LT_OK;
}

/* How many there are of one subject and action, and which is the same but for amount and when_spent. */
static const struct lt_limit *same_as(const struct lt_site *site, const struct lt_limit *as, size_t *ret_alike)
{
    size_t n;
    const struct lt_limit *all = lt_limit_index_all(site->limits, &n), *found = NULL;
    *ret_alike = 0;
    for (size_t i = 0; i < n; i++) {
        const struct lt_limit *l = &all[i];
        if (l->subject != as->subject || !lt_str_eq(l->subject_id, as->subject_id) || !lt_str_eq(l->action, as->action))
            continue;
        ++*ret_alike;
        if (l->per_user == as->per_user && l->unit == as->unit && l->window == as->window && l->window_s == as->window_s)
            found = l;
    }
    return found;
}

static enum lt_code set_limit(struct lt_store *store, struct lt_arena *arena, const struct lt_site *site, const struct lt_json *form,
                              int64_t *ret_id, bool *ret_new, struct lt_error *err)
{
    struct lt_limit l;
    struct lt_rows r;
    size_t alike;
    if (lt_admin_check(arena, lt_limit_schema, form, err) || read_limit(arena, site, form, &l, err))
        return err->code;
    *ret_new = !same_as(site, &l, &alike);
    if (*ret_new && alike >= LT_LIMITS_ALIKE_MAX)
        return lt_fail_field(err, LT_EINVALID_INPUT, "/subject", "there are %d limits of this subject and action already", LT_LIMITS_ALIKE_MAX);
    struct lt_tx *tx = lt_tx_new();
    LT_TX(tx,
          "INSERT INTO usage_limit (site_id, subject, subject_id, per_user, action, unit, amount, period, period_s, when_spent, created_at)"
          " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"
          " ON CONFLICT (site_id, subject, subject_id, action, per_user, unit, period, period_s)"
          " DO UPDATE SET amount = excluded.amount, when_spent = excluded.when_spent",
          LT_INT(site->id), LT_TEXTZ(lt_limit_subject_name(l.subject)), LT_TEXT(l.subject_id), LT_INT(l.per_user), LT_TEXT(l.action),
          LT_TEXTZ(lt_limit_unit_name(l.unit)), LT_INT(l.amount), LT_TEXTZ(lt_limit_window_name(l.window)), LT_INT(l.window_s),
          LT_TEXTZ(lt_limit_spent_name(l.when_spent)), LT_INT(lt_now_ms()));
    if (lt_admin_commit(store, tx, err))
        return err->code;
    if (LT_QUERY(store, arena, &r, err,
                 "SELECT id FROM usage_limit WHERE site_id = $1 AND subject = $2 AND subject_id = $3 AND action = $4 AND per_user = $5"
                 " AND unit = $6 AND period = $7 AND period_s = $8",
                 LT_INT(site->id), LT_TEXTZ(lt_limit_subject_name(l.subject)), LT_TEXT(l.subject_id), LT_TEXT(l.action), LT_INT(l.per_user),
                 LT_TEXTZ(lt_limit_unit_name(l.unit)), LT_TEXTZ(lt_limit_window_name(l.window)), LT_INT(l.window_s)))
        return err->code;
    *ret_id = r.rows > 0 ? lt_rows_int(&r, 0, 0) : 0;
    return LT_OK;
}

enum lt_code lt_admin_limit_set(struct lt_store *store, const struct lt_site *site, const struct lt_json *form, int64_t *ret_id, bool *ret_new,
                                struct lt_error *err)
{
    struct lt_arena *arena = lt_arena_new();
    enum lt_code rc = set_limit(store, arena, site, form, ret_id, ret_new, err);
    lt_arena_free(arena);
    return rc;
}

const struct lt_limit *lt_site_limit(const struct lt_site *site, int64_t id)
{
    size_t n;
    const struct lt_limit *all = lt_limit_index_all(site->limits, &n);
    for (size_t i = 0; i < n; i++)
        if (all[i].id == id)
            return &all[i];
    return NULL;
}

static enum lt_code no_limit(int64_t id, struct lt_error *err)
{
    return lt_fail(err, LT_ENOT_FOUND, "there is no limit %lld", (long long)id);
}

enum lt_code lt_admin_limit_change(struct lt_store *store, const struct lt_site *site, int64_t id, const struct lt_json *patch, struct lt_error *err)
{
    const struct lt_limit *l = lt_site_limit(site, id);
    struct lt_arena *arena = lt_arena_new();
    struct lt_str spent = text_of(patch, "when_spent");
    enum lt_code rc = !l ? no_limit(id, err) : lt_admin_check(arena, patch_schema, patch, err);
    lt_arena_free(arena);
    if (rc)
        return rc;
    if (lt_str_is(spent, "fallback") && l->unit != LT_LIMIT_COST)
        return lt_fail_field(err, LT_EINVALID_INPUT, "/when_spent", "only money can be spared by asking another instance");
    struct lt_tx *tx = lt_tx_new();
    LT_TX(tx, "UPDATE usage_limit SET amount = $1, when_spent = $2 WHERE id = $3 AND site_id = $4",
          LT_INT(lt_json_int64_or(lt_json_get(patch, "amount"), l->amount)),
          spent.n > 0 ? LT_TEXT(spent) : LT_TEXTZ(lt_limit_spent_name(l->when_spent)), LT_INT(id), LT_INT(site->id));
    lt_tx_expect(tx, 1);
    return lt_admin_commit(store, tx, err);
}

enum lt_code lt_admin_limit_remove(struct lt_store *store, const struct lt_site *site, int64_t id, struct lt_error *err)
{
    if (!lt_site_limit(site, id))
        return no_limit(id, err);
    struct lt_tx *tx = lt_tx_new();
    LT_TX(tx, "DELETE FROM usage_lease WHERE limit_id = $1", LT_INT(id));
    LT_TX(tx, "DELETE FROM usage_counter WHERE limit_id = $1", LT_INT(id));
    LT_TX(tx, "DELETE FROM usage_limit WHERE id = $1 AND site_id = $2", LT_INT(id), LT_INT(site->id));
    lt_tx_expect(tx, 1);
    return lt_admin_commit(store, tx, err);
}

/* ---- notices ---- */

/* The other way round than lt_limit_key() does it. */
static void read_key(struct lt_str key, struct lt_limit_notice *ret)
{
    const char *end = key.n > 0 ? memchr(key.p, '\n', key.n) : NULL;
    size_t n = end ? (size_t)(end - key.p) : key.n;
    ret->of = (struct lt_str){key.p, n};
    ret->user_id = end ? (struct lt_str){end + 1, key.n - n - 1} : LT_STR("");
    if (ret->user_id.n > 0 && ret->user_id.p[0] == LT_ERASED_MARK)
        ret->user_id = LT_STR("erased");
}

enum lt_code lt_limit_notices(struct lt_store *store, struct lt_arena *arena, int64_t site_id, int64_t before, int limit,
                              struct lt_limit_notice **ret, size_t *ret_n, struct lt_error *err)
{
    struct lt_rows r;
    if (LT_QUERY(store, arena, &r, err,
                 "SELECT id, limit_id, counter_key, percent, created_at FROM usage_notice WHERE site_id = $1 AND ($2 = 0 OR id < $2)"
                 " ORDER BY id DESC LIMIT $3",
                 LT_INT(site_id), LT_INT(before), LT_INT(limit)))
        return lt_error_wrap(err, "notices of limits");
    *ret = LT_NEW_ARRAY(arena, struct lt_limit_notice, r.rows + 1);
    *ret_n = r.rows;
    for (size_t i = 0; i < r.rows; i++) {
        struct lt_limit_notice *notice = &(*ret)[i];
        *notice = (struct lt_limit_notice){lt_rows_int(&r, i, 0), lt_rows_int(&r, i, 1), lt_rows_int(&r, i, 3), lt_rows_int(&r, i, 4),
                                           LT_STR_NULL, LT_STR_NULL};
        read_key(lt_rows_str(&r, i, 2), notice);
    }
    return LT_OK;
}

/* ---- prices ---- */

static enum lt_code read_time(const struct lt_json *form, const char *key, int64_t otherwise, int64_t *ret, struct lt_error *err)
{
    char field[32];
    struct lt_str text = text_of(form, key);
    *ret = otherwise;
    snprintf(field, sizeof(field), "/%s", key);
    if (text.n > 0 && !lt_time_parse(text, ret))
        return lt_fail_field(err, LT_EINVALID_INPUT, field, "must be a time such as 2026-11-21T00:00:00Z");
    return LT_OK;
}

static enum lt_code set_price(struct lt_store *store, struct lt_arena *arena, const struct lt_site *site, const struct lt_json *form,
                              int64_t *ret_id, struct lt_error *err)
{
    struct lt_rows r;
    int64_t from, to, input = lt_json_int64_or(lt_json_get(form, "input"), 0);
    struct lt_str provider = text_of(form, "provider"), model = text_of(form, "model");
    if (lt_admin_check(arena, lt_price_schema, form, err) || read_time(form, "valid_from", lt_now_ms(), &from, err) ||
        read_time(form, "valid_to", 0, &to, err))
        return err->code;
    if (to != 0 && to <= from)
        return lt_fail_field(err, LT_EINVALID_INPUT, "/valid_to", "must be after valid_from");
    if (site->prices_n >= LT_PRICES_MAX)
        return lt_fail_field(err, LT_EINVALID_INPUT, "", "a site has at most %d prices", LT_PRICES_MAX);
    struct lt_tx *tx = lt_tx_new();
    LT_TX(tx,
          "INSERT INTO model_price (site_id, provider, model, input, cached_input, output, request, image, valid_from, valid_to, created_at)"
          " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (site_id, provider, model, valid_from) DO UPDATE SET"
          " input = excluded.input, cached_input = excluded.cached_input, output = excluded.output, request = excluded.request,"
          " image = excluded.image, valid_to = excluded.valid_to",
          LT_INT(site->id), LT_TEXT(provider), LT_TEXT(model), LT_INT(input), LT_INT(lt_json_int64_or(lt_json_get(form, "cached_input"), input)),
          LT_INT(lt_json_int64_or(lt_json_get(form, "output"), 0)), LT_INT(lt_json_int64_or(lt_json_get(form, "request"), 0)),
          LT_INT(lt_json_int64_or(lt_json_get(form, "image"), 0)), LT_INT(from), LT_INT(to), LT_INT(lt_now_ms()));
    if (lt_admin_commit(store, tx, err) ||
        LT_QUERY(store, arena, &r, err, "SELECT id FROM model_price WHERE site_id = $1 AND provider = $2 AND model = $3 AND valid_from = $4",
                 LT_INT(site->id), LT_TEXT(provider), LT_TEXT(model), LT_INT(from)))
        return err->code;
    *ret_id = r.rows > 0 ? lt_rows_int(&r, 0, 0) : 0;
    return LT_OK;
}

enum lt_code lt_admin_price_set(struct lt_store *store, const struct lt_site *site, const struct lt_json *form, int64_t *ret_id,
                                struct lt_error *err)
{
    struct lt_arena *arena = lt_arena_new();
    enum lt_code rc = set_price(store, arena, site, form, ret_id, err);
    lt_arena_free(arena);
    return rc;
}

enum lt_code lt_admin_price_remove(struct lt_store *store, const struct lt_site *site, int64_t id, struct lt_error *err)
{
    bool found = false;
    for (size_t i = 0; i < site->prices_n; i++)
        found = found || site->prices[i].id == id;
    if (!found)
        return lt_fail(err, LT_ENOT_FOUND, "there is no price %lld", (long long)id);
    struct lt_tx *tx = lt_tx_new();
    LT_TX(tx, "DELETE FROM model_price WHERE id = $1 AND site_id = $2", LT_INT(id), LT_INT(site->id));
    lt_tx_expect(tx, 1);
    return lt_admin_commit(store, tx, err);
}
