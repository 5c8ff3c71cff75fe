/* Changing the sources of a site. */
#include "content/source.h"

#include "base/clock.h"
#include "core/admin.h"
#include "core/sealed.h"
#include "io/url.h"
#include "text/json_schema.h"
#include "text/merge_patch.h"

#define ADDRESS "{\"type\":\"string\",\"minLength\":1,\"maxLength\":2000}"
#define SECONDS "{\"type\":\"integer\",\"minimum\":0,\"maximum\":86400}"
#define OPTIONS                                                                                                                    \
    "{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{\"studio_url\":" ADDRESS ","                              \
    "\"blocks_version\":{\"type\":\"integer\",\"enum\":[1,2]},\"user_is_username\":{\"type\":\"boolean\"},"                         \
    "\"username_claim\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":64},"                                                   \
    "\"user_field\":{\"type\":\"string\",\"enum\":[\"id\",\"username\",\"idnumber\"]},\"open_courses\":{\"type\":\"boolean\"},"       \
    "\"courses\":{\"type\":\"array\",\"minItems\":1,\"maxItems\":200,\"items\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":255}},"  \
    "\"cache_s\":" SECONDS ",\"stale_s\":" SECONDS ",\"timeout_ms\":{\"type\":\"integer\",\"minimum\":100,\"maximum\":30000}}}"
#define COMMON                                                                                                                     \
    "\"base_url\":" ADDRESS ",\"client_id\":{\"type\":\"string\",\"maxLength\":255},"                                              \
    "\"secret\":{\"type\":\"string\",\"maxLength\":4096,\"writeOnly\":true},\"enabled\":{\"type\":\"boolean\"}"

const char lt_source_schema[] = "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"name\",\"kind\",\"base_url\"],\"properties\":{"
                                "\"name\":{\"type\":\"string\",\"pattern\":\"^[a-z0-9][a-z0-9._-]{0,99}$\"},"
                                "\"kind\":{\"enum\":[\"openedx\",\"moodle\"]}," COMMON ",\"options\":" OPTIONS "}}";
/* Options of a patch may be null; the merged ones are checked. */
const char lt_source_patch_schema[] =
    "{\"type\":\"object\",\"additionalProperties\":false,\"minProperties\":1,\"properties\":{" COMMON ",\"options\":{\"type\":\"object\"}}}";
static const char options_schema[] = OPTIONS;

static const struct {
    const char *option;
    enum lt_source_kind kind;
} of_one_kind[] = {{"studio_url", LT_SOURCE_OPENEDX},       {"blocks_version", LT_SOURCE_OPENEDX}, {"user_is_username", LT_SOURCE_OPENEDX},
                   {"username_claim", LT_SOURCE_OPENEDX}, {"user_field", LT_SOURCE_MOODLE},      {"open_courses", LT_SOURCE_MOODLE}};

struct row {
    int64_t id;
    struct lt_str name, base_url, client_id, secret; /* secret: as it is to be stored */
    enum lt_source_kind kind;
    bool enabled;
    const struct lt_json *options;
};

static enum lt_code check_schema(struct lt_arena *arena, const char *text, const struct lt_json *value, struct lt_error *err)
{
    const struct lt_schema *schema;
    if (lt_schema_compile_text(arena, text, &schema, err))
        return err->code;
    return lt_schema_check(schema, value, err);
}

/* Where it may lead is the outbound rules' to say, when it is asked: the allow-list may change. */
static enum lt_code read_address(struct lt_str given, const char *field, struct lt_str *ret, struct lt_error *err)
{
    struct lt_url url;
    struct lt_error why;
    *ret = lt_str_trim(given);
    while (lt_str_ends(*ret, LT_STR("/")))
        ret->n--;
    if (lt_url_parse(*ret, &url, &why))
        return lt_fail_field(err, LT_EINVALID_INPUT, field, "%s", why.detail);
    if (memchr(ret->p, '?', ret->n))
        return lt_fail_field(err, LT_EINVALID_INPUT, field, "must be an address without a query");
    return LT_OK;
}

static enum lt_code check_row(struct lt_arena *arena, struct row *row, struct lt_error *err)
{
    struct lt_str studio = lt_json_str(lt_json_get(row->options, "studio_url")), checked;
    if (read_address(row->base_url, "/base_url", &row->base_url, err))
        return err->code;
    if (check_schema(arena, options_schema, row->options, err))
        return lt_error_under(err, "/options");
    if (studio.n > 0 && read_address(studio, "/options/studio_url", &checked, err))
        return err->code;
    if (studio.n > 0 && checked.n < studio.n)
        return lt_fail_field(err, LT_EINVALID_INPUT, "/options/studio_url", "must not end with '/'");
    for (size_t i = 0; i < LT_COUNT(of_one_kind); i++)
        if (of_one_kind[i].kind != row->kind && lt_json_get(row->options, of_one_kind[i].option)) {
            char field[64];
            snprintf(field, sizeof(field), "/options/%s", of_one_kind[i].option);
            return lt_fail_field(err, LT_EINVALID_INPUT, field, "is for sources of kind %s", lt_source_kind_name(of_one_kind[i].kind));
        }
    if (row->kind == LT_SOURCE_OPENEDX && row->secret.n > 0 && row->client_id.n == 0)
        return lt_fail_field(err, LT_EINVALID_INPUT, "/client_id", "the secret of an Open edX client needs its client id");
    return LT_OK;
}

/* No secret in the patch: the stored one stays. "": there is none any more. */
static enum lt_code seal_secret(struct lt_store *store, struct lt_arena *arena, int64_t site_id, const struct lt_json *form, struct row *row,
                                struct lt_error *err)
{
    const struct lt_json *given = lt_json_get(form, "secret");
    struct lt_keyring *ring;
    if (!given)
        return LT_OK;
    struct lt_str secret = lt_json_str(given);
    if (lt_is_sealed(secret) || memchr(secret.p ? secret.p : "", '\0', secret.n))
        return lt_fail_field(err, LT_EINVALID_INPUT, "/secret", "must be the secret itself, without NUL");
    row->secret = secret;
    if (secret.n == 0)
        return LT_OK;
    if (lt_secrets_ring(store, true, &ring, err))
        return err->code;
    row->secret = lt_seal(ring, arena, secret, lt_secret_place_source(arena, site_id, row->name));
    lt_keyring_free(ring);
    return LT_OK;
}

static enum lt_code count_of(struct lt_store *store, struct lt_arena *arena, int64_t site_id, struct lt_str name, struct lt_error *err)
{
    struct lt_rows r;
    if (LT_QUERY(store, arena, &r, err, "SELECT name FROM content_source WHERE site_id = $1", LT_INT(site_id)))
        return err->code;
    if (r.rows >= LT_SOURCES_MAX)
        return lt_fail_field(err, LT_EINVALID_INPUT, "", "a site has at most %d content sources", LT_SOURCES_MAX);
    for (size_t i = 0; i < r.rows; i++)
        if (lt_str_eq(lt_rows_str(&r, i, 0), name))
            return lt_fail_field(err, LT_ECONFLICT, "/name", "there is a content source '%.*s' already", LT_FMT(name));
    return LT_OK;
}

static enum lt_code add(struct lt_store *store, struct lt_arena *arena, int64_t site_id, const struct lt_json *form, int64_t *ret_id,
                        struct lt_error *err)
{
    struct lt_rows r;
    if (check_schema(arena, lt_source_schema, form, err))
        return err->code;
    struct row row = {.name = lt_json_str(lt_json_get(form, "name")),
                      .kind = (enum lt_source_kind)lt_source_kind_parse(lt_json_str(lt_json_get(form, "kind"))),
                      .base_url = lt_json_str(lt_json_get(form, "base_url")),
                      .client_id = lt_json_str_or(lt_json_get(form, "client_id"), LT_STR("")),
                      .secret = LT_STR(""),
                      .enabled = lt_json_bool_or(lt_json_get(form, "enabled"), true),
                      .options = lt_json_get(form, "options")};
    int64_t digits;
    if (lt_str_to_int64(row.name, &digits))
        return lt_fail_field(err, LT_EINVALID_INPUT, "/name", "must not be a number");
    if (!row.options && lt_json_parse(arena, LT_STR("{}"), LT_JSON_STRICT, &row.options, err))
        return err->code;
    if (count_of(store, arena, site_id, row.name, err) || seal_secret(store, arena, site_id, form, &row, err) || check_row(arena, &row, err))
        return err->code;
    struct lt_tx *tx = lt_tx_new();
    LT_TX(tx,
          "INSERT INTO content_source (site_id, name, kind, enabled, base_url, client_id, secret, options, created_at, updated_at)"
          " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)",
          LT_INT(site_id), LT_TEXT(row.name), LT_TEXTZ(lt_source_kind_name(row.kind)), LT_INT(row.enabled), LT_TEXT(row.base_url),
          LT_TEXT(row.client_id), LT_TEXT(row.secret), LT_TEXT(lt_json_text(arena, row.options)), LT_INT(lt_now_ms()));
    lt_admin_touch(tx);
    if (lt_store_write(store, tx, err) ||
        LT_QUERY(store, arena, &r, err, "SELECT id FROM content_source WHERE site_id = $1 AND name = $2", LT_INT(site_id), LT_TEXT(row.name)))
        return err->code;
    *ret_id = r.rows > 0 ? lt_rows_int(&r, 0, 0) : 0;
    return LT_OK;
}

enum lt_code lt_source_add(struct lt_store *store, int64_t site_id, const struct lt_json *form, int64_t *ret_id, struct lt_error *err)
{
    struct lt_arena *arena = lt_arena_new();
    enum lt_code rc = add(store, arena, site_id, form, ret_id, err);
    lt_arena_free(arena);
    return rc;
}

static enum lt_code find(struct lt_store *store, struct lt_arena *arena, int64_t site_id, struct lt_str name_or_id, struct row *ret,
                         struct lt_error *err)
{
    struct lt_rows r;
    int64_t id = 0;
    lt_str_to_int64(name_or_id, &id);
    if (LT_QUERY(store, arena, &r, err,
                 "SELECT id, name, kind, enabled, base_url, client_id, secret, options FROM content_source WHERE site_id = $1 AND"
                 " (name = $2 OR id = $3)",
                 LT_INT(site_id), LT_TEXT(name_or_id), LT_INT(id)))
        return err->code;
    int kind = r.rows > 0 ? lt_source_kind_parse(lt_rows_str(&r, 0, 2)) : -1;
    if (kind < 0)
        return lt_fail(err, LT_ENOT_FOUND, "the site has no content source '%.*s'", LT_FMT(name_or_id));
    *ret = (struct row){.id = lt_rows_int(&r, 0, 0),
                        .name = lt_rows_str(&r, 0, 1),
                        .kind = (enum lt_source_kind)kind,
                        .enabled = lt_rows_int(&r, 0, 3) != 0,
                        .base_url = lt_rows_str(&r, 0, 4),
                        .client_id = lt_rows_str(&r, 0, 5),
                        .secret = lt_rows_str(&r, 0, 6)};
    return lt_json_parse(arena, lt_rows_str(&r, 0, 7), LT_JSON_STRICT, &ret->options, err);
}

static enum lt_code change(struct lt_store *store, struct lt_arena *arena, int64_t site_id, struct lt_str name_or_id, const struct lt_json *patch,
                           struct lt_error *err)
{
    struct row row;
    if (check_schema(arena, lt_source_patch_schema, patch, err) || find(store, arena, site_id, name_or_id, &row, err))
        return err->code;
    row.enabled = lt_json_bool_or(lt_json_get(patch, "enabled"), row.enabled);
    row.base_url = lt_json_str_or(lt_json_get(patch, "base_url"), row.base_url);
    row.client_id = lt_json_str_or(lt_json_get(patch, "client_id"), row.client_id);
    row.options = lt_merge_patch(arena, row.options, lt_json_get(patch, "options"));
    if (seal_secret(store, arena, site_id, patch, &row, err) || check_row(arena, &row, err))
        return err->code;
    struct lt_tx *tx = lt_tx_new();
    LT_TX(tx,
          "UPDATE content_source SET enabled = $1, base_url = $2, client_id = $3, secret = $4, options = $5, updated_at = $6"
          " WHERE id = $7 AND site_id = $8",
          LT_INT(row.enabled), LT_TEXT(row.base_url), LT_TEXT(row.client_id), LT_TEXT(row.secret), LT_TEXT(lt_json_text(arena, row.options)),
          LT_INT(lt_now_ms()), LT_INT(row.id), LT_INT(site_id));
    lt_tx_expect(tx, 1);
    lt_admin_touch(tx);
    return lt_store_write(store, tx, err);
}

enum lt_code lt_source_change(struct lt_store *store, int64_t site_id, struct lt_str name_or_id, const struct lt_json *patch, struct lt_error *err)
{
    struct lt_arena *arena = lt_arena_new();
    enum lt_code rc = change(store, arena, site_id, name_or_id, patch, err);
    lt_arena_free(arena);
    return rc;
}

enum lt_code lt_source_remove(struct lt_store *store, int64_t site_id, struct lt_str name_or_id, struct lt_error *err)
{
    struct row row;
    struct lt_arena *arena = lt_arena_new();
    enum lt_code rc = find(store, arena, site_id, name_or_id, &row, err);
    if (rc == LT_OK) {
        struct lt_tx *tx = lt_tx_new();
        LT_TX(tx, "DELETE FROM content_source WHERE id = $1 AND site_id = $2", LT_INT(row.id), LT_INT(site_id));
        lt_tx_expect(tx, 1);
        lt_admin_touch(tx);
        rc = lt_store_write(store, tx, err);
    }
    lt_arena_free(arena);
    return rc;
}
