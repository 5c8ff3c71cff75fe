/* /v1/mcp-servers: servers whose tools models may call. Secrets go in and never come out. */
#include "api/request.h"
#include "tools/mcp_probe.h"

static const struct lt_mcp_server *find(struct lt_request *r, struct lt_str key, struct lt_error *err)
{
    const struct lt_mcp_server *s = lt_mcp_server_find(lt_mcp_set_of(r->config), lt_request_site(r)->id, key);
    if (!s)
        lt_fail(err, LT_ENOT_FOUND, "there is no MCP server '%.*s'", LT_FMT(key));
    return s;
}

/* The ETag tells of a changed secret too. */
static void put_marked(struct lt_jw *w, const struct lt_mcp_server *s)
{
    lt_jw_obj(w);
    lt_mcp_server_write(w, s);
    lt_jw_kint(w, "mark", (int64_t)s->mark);
    lt_jw_end(w);
}

static void answer_one(struct lt_request *r, int status, const struct lt_mcp_server *s)
{
    struct lt_json_reply j;
    put_marked(lt_json_begin(&j), s);
    r->etag_of = lt_str_copy(r->arena, lt_buf_str(&j.buf));
    lt_buf_free(&j.buf);
    struct lt_jw *w = lt_json_begin(&j);
    lt_jw_obj(w);
    lt_mcp_server_write(w, s);
    lt_jw_end(w);
    lt_json_end(r, status, &j);
}

/* All of them: a site has at most LT_MCP_SERVERS_MAX. */
static void put_all(struct lt_request *r, struct lt_jw *w, bool marked)
{
    const struct lt_mcp_set *set = lt_mcp_set_of(r->config);
    lt_jw_arr(w);
    for (size_t i = 0; set && i < set->n; i++) {
        if (set->servers[i].site_id != lt_request_site(r)->id)
            continue;
        if (marked) {
            put_marked(w, &set->servers[i]);
            continue;
        }
        lt_jw_obj(w);
        lt_mcp_server_write(w, &set->servers[i]);
        lt_jw_end(w);
    }
    lt_jw_end(w);
}

void lt_get_mcp_servers(struct lt_request *r)
{
    struct lt_json_reply j;
    put_all(r, lt_json_begin(&j), true);
    r->etag_of = lt_str_copy(r->arena, lt_buf_str(&j.buf));
    lt_buf_free(&j.buf);
    struct lt_jw *w = lt_json_begin(&j);
    lt_jw_obj(w);
    lt_jw_key(w, "mcp_servers");
    put_all(r, w, false);
    lt_jw_end(w);
    lt_json_end(r, 200, &j);
}

void lt_get_mcp_server(struct lt_request *r)
{
    struct lt_error err;
    const struct lt_mcp_server *s = find(r, r->params[0], &err);
    if (s)
        answer_one(r, 200, s);
    else
        lt_reply_problem(r, &err, NULL);
}

/* What is in force now, after a change of it. */
static void answer_changed(struct lt_request *r, int status, int64_t id)
{
    struct lt_error err;
    const struct lt_mcp_server *s = NULL;
    if (!lt_request_reload(r, &err))
        s = find(r, lt_printf(r->arena, "%lld", (long long)id), &err);
    if (s)
        answer_one(r, status, s);
    else
        lt_reply_problem(r, &err, NULL);
}

void lt_post_mcp_server(struct lt_request *r)
{
    struct lt_error err;
    int64_t id;
    if (lt_mcp_add(r->api->options.store, r->config, lt_request_site(r), r->body, &id, &err))
        lt_reply_problem(r, &err, NULL);
    else
        answer_changed(r, 201, id);
}

void lt_patch_mcp_server(struct lt_request *r)
{
    struct lt_error err;
    const struct lt_mcp_server *s = find(r, r->params[0], &err);
    if (!s || lt_mcp_set_server(r->api->options.store, r->config, lt_request_site(r), s, r->body, &err))
        lt_reply_problem(r, &err, NULL);
    else
        answer_changed(r, 200, s->id);
}

void lt_delete_mcp_server(struct lt_request *r)
{
    struct lt_error err;
    const struct lt_mcp_server *s = find(r, r->params[0], &err);
    if (!s || lt_mcp_remove(r->api->options.store, s, &err) || lt_request_reload(r, &err))
        lt_reply_problem(r, &err, NULL);
    else
        lt_reply(r, 204, NULL, NULL, NULL, 0, LT_STR_NULL);
}

void lt_post_mcp_server_test(struct lt_request *r)
{
    struct lt_error err;
    struct lt_json_reply j;
    const struct lt_mcp_server *s = find(r, r->params[0], &err);
    if (!s) {
        lt_reply_problem(r, &err, NULL);
        return;
    }
    lt_mcp_probe_write(lt_json_begin(&j), r->arena, lt_mcp_set_of(r->config), s);
    lt_json_end(r, 200, &j);
}

void lt_get_mcp_server_tools(struct lt_request *r)
{
    struct lt_error err;
    struct lt_json_reply j;
    const struct lt_mcp_server *s = find(r, r->params[0], &err);
    struct lt_jw *w = lt_json_begin(&j);
    lt_jw_obj(w);
    lt_jw_key(w, "tools");
    lt_jw_arr(w);
    if (!s || lt_mcp_tools_write(w, r->arena, lt_mcp_set_of(r->config), s, &err)) {
        lt_buf_free(&j.buf);
        lt_reply_problem(r, &err, NULL);
        return;
    }
    lt_jw_end(w);
    lt_jw_end(w);
    lt_json_end(r, 200, &j);
}
