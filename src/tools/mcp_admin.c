/* Adding, changing and removing MCP servers of a site. */
#include "base/clock.h"
#include "core/admin.h"
#include "core/sealed.h"
#include "text/merge_patch.h"
#include "tools/mcp_hub.h"
#include "tools/mcp_server.h"

/* ---- checks ---- */

static enum lt_code check_schema(struct lt_arena *arena, const struct lt_json *config, struct lt_error *err)
{
    const struct lt_schema *schema;
    return lt_schema_compile_text(arena, lt_mcp_config_schema, &schema, err) ? err->code : lt_schema_check(schema, config, err);
}

/* What is stored must not be given: it would be another secret's sealed text. And what stands in a head must be fit for it (RFC 9110 §5.5). */
static enum lt_code check_headers(const struct lt_json *headers, struct lt_error *err)
{
    static const char *const ours[] = {"accept", "connection", "content-length", "content-type", "host", "last-event-id", "mcp-protocol-version",
                                       "mcp-session-id", "transfer-encoding"};
    for (size_t i = 0; i < lt_json_len(headers); i++) {
        struct lt_str name = lt_json_key_at(headers, i), value = lt_json_str(lt_json_at(headers, i));
        for (size_t k = 0; k < LT_COUNT(ours); k++)
            if (lt_str_eq_ci(name, lt_str(ours[k])))
                return lt_fail_field(err, LT_EINVALID_INPUT, "/headers", "'%s' is set by Lectern itself", ours[k]);
        if (lt_is_sealed(value))
            return lt_fail_field(err, LT_EINVALID_INPUT, "/headers", "a secret must be given in clear, not sealed");
        for (size_t k = 0; k < value.n; k++)
            if ((unsigned char)value.p[k] < 0x20 || (unsigned char)value.p[k] >= 0x7f)
                return lt_fail_field(err, LT_EINVALID_INPUT, "/headers", "the value of a header must be visible ASCII");
    }
    return LT_OK;
}

static enum lt_code check_transport(const struct lt_config *config, const struct lt_site *site, const struct lt_json *v, struct lt_error *err)
{
    const struct lt_mcp_set *set = lt_mcp_set_of(config);
    struct lt_str transport = lt_json_str(lt_json_get(v, "transport")), url = lt_json_str(lt_json_get(v, "url")),
                  command = lt_json_str(lt_json_get(v, "command"));
    struct lt_error why;
    bool stdio = lt_str_is(transport, "stdio");
    if (transport.n == 0)
        return lt_fail_field(err, LT_EINVALID_INPUT, "/transport", "is missing: \"http\" or \"stdio\"");
    if (stdio ? command.n == 0 || url.n > 0 || lt_json_get(v, "headers") : url.n == 0 || command.n > 0)
        return lt_fail_field(err, LT_EINVALID_INPUT, stdio ? "/command" : "/url",
                             stdio ? "stdio needs the name of a command, and has neither url nor headers" : "http needs a url, and has no command");
    if (!stdio && lt_mcp_host_allowed(site, url, &why))
        return lt_fail_field(err, LT_EINVALID_INPUT, "/url", "%s", why.detail);
    if (!stdio)
        return LT_OK;
    if (!set || !lt_mcp_command_for(lt_mcp_hub_commands(set->hub), command, site->slug))
        return lt_fail_field(err, LT_EINVALID_INPUT, "/command", "the operator allows this site no command '%.*s' (setting mcp_commands)",
                             LT_FMT(command));
    return LT_OK;
}

static enum lt_code check_label(struct lt_store *store, struct lt_arena *arena, const struct lt_site *site, struct lt_str label, int64_t id,
                                struct lt_error *err)
{
    struct lt_rows r;
    int64_t number;
    if (!lt_mcp_label_ok(label) || lt_str_to_int64(label, &number))
        return lt_fail_field(err, LT_EINVALID_INPUT, "/label",
                             "must be 1 to %d small letters, digits, single '-' and '_' between them, and not a number alone", LT_MCP_LABEL_MAX);
    if (LT_QUERY(store, arena, &r, err, "SELECT id FROM mcp_server WHERE site_id = $1", LT_INT(site->id)))
        return err->code;
    if (id == 0 && r.rows >= LT_MCP_SERVERS_MAX)
        return lt_fail(err, LT_ECONFLICT, "a site has at most %d MCP servers", LT_MCP_SERVERS_MAX);
    if (LT_QUERY(store, arena, &r, err, "SELECT 1 FROM mcp_server WHERE site_id = $1 AND label = $2 AND id <> $3", LT_INT(site->id), LT_TEXT(label),
                 LT_INT(id)))
        return err->code;
    return r.rows > 0 ? lt_fail_field(err, LT_ECONFLICT, "/label", "the site has an MCP server '%.*s' already", LT_FMT(label)) : LT_OK;
}

static enum lt_code check_config(struct lt_arena *arena, const struct lt_config *config, const struct lt_site *site, const struct lt_json *v,
                                 struct lt_error *err)
{
    if (check_schema(arena, v, err) || check_transport(config, site, v, err))
        return err->code;
    return LT_OK;
}

/* ---- taking apart and putting together ---- */

/* The body without what has columns of its own. */
static const struct lt_json *config_of(struct lt_arena *arena, const struct lt_json *body)
{
    static const char without[] = "{\"label\":null,\"enabled\":null}";
    const struct lt_json *patch = NULL;
    lt_json_parse(arena, LT_STR(without), LT_JSON_STRICT, &patch, NULL);
    return lt_merge_patch(arena, body, patch);
}

static enum lt_code check_enabled(const struct lt_json *body, struct lt_error *err)
{
    const struct lt_json *v = lt_json_get(body, "enabled");
    return !v || lt_json_is(v, LT_JSON_BOOL) ? LT_OK : lt_fail_field(err, LT_EINVALID_INPUT, "/enabled", "must be true or false");
}

static enum lt_code seal(struct lt_store *store, struct lt_arena *arena, const struct lt_site *site, const struct lt_json *v, struct lt_str *ret,
                         struct lt_error *err)
{
    struct lt_keyring *ring;
    if (lt_secrets_ring(store, true, &ring, err))
        return err->code;
    *ret = lt_config_seal(ring, arena, lt_mcp_config_schema, site->id, v);
    lt_keyring_free(ring);
    return LT_OK;
}

static enum lt_code commit(struct lt_store *store, struct lt_tx *tx, struct lt_error *err)
{
    lt_admin_touch(tx);
    return lt_store_write(store, tx, err);
}

/* ---- doing it ---- */

static enum lt_code add(struct lt_store *store, struct lt_arena *arena, const struct lt_config *config, const struct lt_site *site,
                        const struct lt_json *body, int64_t *ret_id, struct lt_error *err)
{
    const struct lt_json *v = config_of(arena, body);
    struct lt_str label = lt_json_str_or(lt_json_get(body, "label"), LT_STR("")), sealed;
    struct lt_rows r;
    if (check_label(store, arena, site, label, 0, err) || check_enabled(body, err) || check_config(arena, config, site, v, err) ||
        check_headers(lt_json_get(v, "headers"), err) || seal(store, arena, site, v, &sealed, err))
        return err->code;
    struct lt_tx *tx = lt_tx_new();
    LT_TX(tx, "INSERT INTO mcp_server (site_id, label, enabled, config, created_at) VALUES ($1, $2, $3, $4, $5)", LT_INT(site->id), LT_TEXT(label),
          LT_INT(lt_json_bool_or(lt_json_get(body, "enabled"), true)), LT_TEXT(sealed), LT_INT(lt_now_ms()));
    if (commit(store, tx, err) ||
        LT_QUERY(store, arena, &r, err, "SELECT id FROM mcp_server WHERE site_id = $1 AND label = $2", LT_INT(site->id), LT_TEXT(label)))
        return err->code;
    if (ret_id)
        *ret_id = r.rows > 0 ? lt_rows_int(&r, 0, 0) : 0;
    return LT_OK;
}

enum lt_code lt_mcp_add(struct lt_store *store, const struct lt_config *config, const struct lt_site *site, const struct lt_json *body, int64_t *ret_id,
                        struct lt_error *err)
{
    struct lt_arena *arena = lt_arena_new();
    enum lt_code rc = add(store, arena, config, site, body, ret_id, err);
    lt_arena_free(arena);
    return rc;
}

/* With a secret that cannot be opened the server can only be set anew: its header counts as taken out. */
static enum lt_code set(struct lt_store *store, struct lt_arena *arena, const struct lt_config *config, const struct lt_site *site,
                        const struct lt_mcp_server *server, const struct lt_json *patch, struct lt_error *err)
{
    const struct lt_json *merged = config_of(arena, lt_merge_patch(arena, server->config, patch)), *label = lt_json_get(patch, "label");
    struct lt_str name = label ? lt_json_str_or(label, LT_STR("")) : server->label, sealed;
    if (check_label(store, arena, site, name, server->id, err) || check_enabled(patch, err) || check_config(arena, config, site, merged, err) ||
        check_headers(lt_json_get(patch, "headers"), err) || seal(store, arena, site, merged, &sealed, err))
        return err->code;
    struct lt_tx *tx = lt_tx_new();
    LT_TX(tx, "UPDATE mcp_server SET label = $1, enabled = $2, config = $3 WHERE id = $4", LT_TEXT(name),
          LT_INT(lt_json_bool_or(lt_json_get(patch, "enabled"), server->enabled)), LT_TEXT(sealed), LT_INT(server->id));
    lt_tx_expect(tx, 1);
    return commit(store, tx, err);
}

enum lt_code lt_mcp_set_server(struct lt_store *store, const struct lt_config *config, const struct lt_site *site, const struct lt_mcp_server *server,
                               const struct lt_json *patch, struct lt_error *err)
{
    struct lt_arena *arena = lt_arena_new();
    enum lt_code rc = set(store, arena, config, site, server, patch, err);
    lt_arena_free(arena);
    return rc;
}

enum lt_code lt_mcp_remove(struct lt_store *store, const struct lt_mcp_server *server, struct lt_error *err)
{
    struct lt_tx *tx = lt_tx_new();
    LT_TX(tx, "DELETE FROM mcp_server WHERE id = $1", LT_INT(server->id));
    lt_tx_expect(tx, 1);
    return commit(store, tx, err);
}
