/* Which text of the policy a user reads, and the history of its texts. Fuzzed by tests/fuzz/fuzz_policy.c. */
#include "core/policy_text.h"

#include <stdlib.h>
#include <strings.h>

#include "core/admin_private.h"
#include "core/policy.h"
#include "core/policy_report.h"

enum { RANGES_MAX = 32, QUALITY_ONE = 1000 };

/* ---- choosing ---- */

static bool same_letters(struct lt_str a, struct lt_str b)
{
    return a.n == b.n && strncasecmp(a.p, b.p, a.n) == 0;
}

/* "de-AT" → "de"; "" at the end. */
static struct lt_str shorter(struct lt_str range)
{
    while (range.n > 0 && range.p[range.n - 1] != '-')
        range.n--;
    range.n -= range.n > 0;
    return range;
}

/* Lookup (RFC 4647 §3.4): the range cut shorter and shorter; "de" also finds "de-AT" when nothing else fits. */
static const struct lt_policy_text *find_range(const struct lt_site *site, struct lt_str range)
{
    for (struct lt_str r = range; r.n > 0; r = shorter(r)) {
        for (size_t i = 0; i < site->policy_texts_n; i++)
            if (same_letters(site->policy_texts[i].language, r))
                return &site->policy_texts[i];
        for (size_t i = 0; i < site->policy_texts_n; i++) {
            struct lt_str language = site->policy_texts[i].language;
            if (language.n > r.n && language.p[r.n] == '-' && same_letters((struct lt_str){language.p, r.n}, r))
                return &site->policy_texts[i];
        }
    }
    return NULL;
}

/* "q=0.75" → 750; what is no weight counts as 1. */
static int quality(struct lt_str parameter)
{
    struct lt_str value = lt_str_trim(parameter);
    if (value.n < 3 || (value.p[0] != 'q' && value.p[0] != 'Q') || value.p[1] != '=')
        return QUALITY_ONE;
    int q = value.p[2] == '1' ? QUALITY_ONE : 0;
    for (size_t i = 4, unit = 100; i < value.n && unit > 0; i++, unit /= 10)
        if (value.p[i] >= '0' && value.p[i] <= '9')
            q += (value.p[i] - '0') * (int)unit;
    return q < QUALITY_ONE ? q : QUALITY_ONE;
}

const struct lt_policy_text *lt_policy_text_for(const struct lt_site *site, struct lt_str wanted)
{
    const struct lt_policy_text *best = NULL;
    int best_q = 0;
    for (int i = 0; i < RANGES_MAX && wanted.n > 0; i++) {
        struct lt_str rest = lt_str_cut(&wanted, ','), range = lt_str_trim(lt_str_cut(&rest, ';'));
        int q = quality(rest);
        const struct lt_policy_text *found = q > best_q ? find_range(site, range) : NULL;
        if (found) {
            best = found;
            best_q = q;
        }
    }
    if (!best)
        best = find_range(site, site->language);
    return best ? best : site->policy_texts_n > 0 ? &site->policy_texts[0] : NULL;
}

static bool letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

struct lt_str lt_policy_language(struct lt_arena *arena, struct lt_str language)
{
    char *out = lt_strz(arena, language);
    size_t begin = 0;
    if (language.n < 2 || language.n > LT_POLICY_LANGUAGE_MAX)
        return LT_STR("");
    for (size_t i = 0; i <= language.n; i++) {
        if (i < language.n && out[i] != '-') {
            if (!letter(out[i]) && (begin == 0 || out[i] < '0' || out[i] > '9'))
                return LT_STR("");
            out[i] = letter(out[i]) ? (char)(out[i] | 0x20) : out[i];
            continue;
        }
        size_t n = i - begin;
        if (n < 1 || n > 8 || (begin == 0 && n < 2))
            return LT_STR("");
        if (begin > 0 && n == 2) /* a country */
            for (size_t k = begin; k < i; k++)
                out[k] = letter(out[k]) ? (char)(out[k] & ~0x20) : out[k];
        begin = i + 1;
    }
    return (struct lt_str){out, language.n};
}

/* ---- setting ---- */

/* What there is of the version: a text in the language (*ret_text, NULL pointer: none), or any at all. */
static enum lt_code find_text(struct lt_store *store, struct lt_arena *arena, int64_t site_id, struct lt_str version, struct lt_str language,
                              struct lt_str *ret_text, bool *ret_any, struct lt_error *err)
{
    struct lt_rows r;
    if (LT_QUERY(store, arena, &r, err, "SELECT language, text FROM policy_text WHERE site_id = $1 AND version = $2", LT_INT(site_id), LT_TEXT(version)))
        return err->code;
    *ret_text = LT_STR_NULL;
    *ret_any = r.rows > 0;
    for (size_t i = 0; i < r.rows; i++)
        if (lt_str_eq(lt_rows_str(&r, i, 0), language))
            *ret_text = lt_rows_str(&r, i, 1);
    return LT_OK;
}

static enum lt_code site_language(struct lt_store *store, struct lt_arena *arena, int64_t site_id, struct lt_str *ret, struct lt_error *err)
{
    struct lt_rows r;
    const struct lt_json *settings;
    if (LT_QUERY(store, arena, &r, err, "SELECT settings FROM site WHERE id = $1", LT_INT(site_id)) ||
        lt_admin_parse(arena, r.rows > 0 ? lt_rows_str(&r, 0, 0) : LT_STR("{}"), &settings, err))
        return err->code;
    *ret = lt_policy_language(arena, lt_json_str_or(lt_json_get(settings, "language"), LT_STR(LT_SITE_LANGUAGE)));
    return LT_OK;
}

static enum lt_code check(struct lt_arena *arena, const struct lt_policy_form *form, struct lt_str *language, struct lt_error *err)
{
    if (form->version.n > LT_POLICY_VERSION_MAX || !lt_utf8_valid(form->version.p, form->version.n))
        return lt_fail_field(err, LT_EINVALID_INPUT, "/version", "must be at most %d bytes of UTF-8 (empty: no policy)", LT_POLICY_VERSION_MAX);
    if (form->text.n > 0 && !lt_admin_text_ok(form->text, LT_POLICY_TEXT_MAX))
        return lt_fail_field(err, LT_EINVALID_INPUT, "/text", "must be 1 to %d bytes of UTF-8", LT_POLICY_TEXT_MAX);
    if (form->language.n > 0)
        *language = lt_policy_language(arena, form->language);
    if (form->language.n > 0 && language->n == 0)
        return lt_fail_field(err, LT_EINVALID_INPUT, "/language", "must be a language such as en or de-AT");
    return LT_OK;
}

struct change { /* what a form comes to */
    struct lt_str language;
    struct lt_str text; /* there is one in the language already; p NULL: none */
};

static enum lt_code plan(struct lt_store *store, struct lt_arena *arena, int64_t site_id, const struct lt_policy_form *form, struct change *ret,
                         struct lt_error *err)
{
    bool any = false;
    ret->text = LT_STR_NULL;
    if (site_language(store, arena, site_id, &ret->language, err) || check(arena, form, &ret->language, err) ||
        (form->version.n > 0 && find_text(store, arena, site_id, form->version, ret->language, &ret->text, &any, err)))
        return err->code;
    if (form->version.n > 0 && form->text.n == 0 && !any)
        return lt_fail_field(err, LT_EINVALID_INPUT, "/text", "there is no version '%.*s' yet: it needs a text", LT_FMT(form->version));
    if (form->text.n > 0 && ret->text.p && !lt_str_eq(ret->text, form->text))
        return lt_fail_field(err, LT_ECONFLICT, "/text", "version '%.*s' has another text in '%.*s', which users may have accepted: give a new version",
                             LT_FMT(form->version), LT_FMT(ret->language));
    return LT_OK;
}

static enum lt_code set_text(struct lt_store *store, struct lt_arena *arena, int64_t site_id, const struct lt_policy_form *form, struct lt_error *err)
{
    struct change change;
    if (plan(store, arena, site_id, form, &change, err))
        return err->code;
    struct lt_tx *tx = lt_tx_new();
    LT_TX(tx, "UPDATE site SET policy_version = $1 WHERE id = $2", LT_TEXT(form->version.p ? form->version : LT_STR("")), LT_INT(site_id));
    lt_tx_expect(tx, 1);
    if (form->version.n > 0 && form->text.n > 0 && !change.text.p)
        LT_TX(tx, "INSERT INTO policy_text (site_id, version, language, text, created_at, created_by) VALUES ($1, $2, $3, $4, $5, $6)", LT_INT(site_id),
              LT_TEXT(form->version), LT_TEXT(change.language), LT_TEXT(form->text), LT_INT(lt_now_ms()),
              LT_TEXT(form->by.p ? form->by : LT_STR("")));
    return lt_admin_commit(store, tx, err);
}

enum lt_code lt_policy_text_try(struct lt_store *store, struct lt_arena *arena, const struct lt_site *site, const struct lt_policy_form *form,
                                struct lt_policy_effect *ret, struct lt_error *err)
{
    struct change change;
    *ret = (struct lt_policy_effect){0};
    if (plan(store, arena, site->id, form, &change, err))
        return err->code;
    ret->language = change.language;
    ret->text = form->text.n > 0 ? form->text : change.text.p ? change.text : LT_STR("");
    ret->asks_again = form->version.n > 0 && !lt_str_eq(lt_policy_major(form->version), lt_policy_major(site->policy_version));
    return ret->asks_again ? lt_policy_holders(store, arena, site, &ret->users, err) : LT_OK;
}

enum lt_code lt_policy_text_set(struct lt_store *store, struct lt_str site, const struct lt_policy_form *form, struct lt_error *err)
{
    int64_t site_id;
    if (lt_admin_find_site(store, site, &site_id, err))
        return err->code;
    struct lt_arena *arena = lt_arena_new();
    enum lt_code rc = set_text(store, arena, site_id, form, err);
    lt_arena_free(arena);
    return rc;
}

enum lt_code lt_admin_policy_set(struct lt_store *store, struct lt_str site, struct lt_str version, struct lt_str text, struct lt_error *err)
{
    return lt_policy_text_set(store, site, &(struct lt_policy_form){.version = version, .text = text}, err);
}

enum lt_code lt_policy_text_list(struct lt_store *store, struct lt_arena *arena, const struct lt_site *site, int64_t before, size_t max,
                                 struct lt_policy_version **ret, size_t *ret_n, struct lt_error *err)
{
    struct lt_rows r;
    if (lt_store_query(store, arena,
                       "SELECT version, language, text, created_at, created_by, id FROM policy_text WHERE site_id = $1 AND (id < $2 OR $2 = 0)"
                       " ORDER BY id DESC",
                       (const struct lt_value[]){LT_INT(site->id), LT_INT(before)}, 2, max, &r, err))
        return lt_error_wrap(err, "policy texts");
    *ret = LT_NEW_ARRAY(arena, struct lt_policy_version, r.rows);
    *ret_n = r.rows;
    for (size_t i = 0; i < r.rows; i++)
        (*ret)[i] = (struct lt_policy_version){.version = lt_rows_str(&r, i, 0),
                                               .language = lt_rows_str(&r, i, 1),
                                               .text = lt_rows_str(&r, i, 2),
                                               .created_at = lt_rows_int(&r, i, 3),
                                               .by = lt_rows_str(&r, i, 4),
                                               .id = lt_rows_int(&r, i, 5),
                                               .in_force = lt_str_eq(lt_rows_str(&r, i, 0), site->policy_version)};
    return LT_OK;
}
