/* The MCP server's address: who may come, what is asked, in which form it is answered. */
#include "api/mcp.h"

#include "api/cors.h"
#include "api/door.h"

/* ---- forms ---- */

/* Who answers is told with each answer where no `initialize` has told it. */
static void put_server(struct lt_jw *w, bool titled)
{
    lt_jw_obj(w);
    lt_jw_kstrz(w, "name", "lectern");
    if (titled)
        lt_jw_kstrz(w, "title", "Lectern");
    lt_jw_kstrz(w, "version", LECTERN_VERSION);
    lt_jw_end(w);
}

void lt_mcp_result(const struct lt_mcp_message *m, struct lt_jw *w)
{
    lt_rpc_result(w, m->rpc.id);
    lt_jw_key(w, "result");
    lt_jw_obj(w);
    if (m->revision >= LT_MCP_FIRST_STATELESS)
        lt_jw_kstrz(w, "resultType", "complete");
}

void lt_mcp_result_meta(const struct lt_mcp_message *m, struct lt_jw *w)
{
    lt_jw_key(w, "_meta");
    lt_jw_obj(w);
    if (m->revision < LT_MCP_FIRST_STATELESS)
        return;
    lt_jw_key(w, "io.modelcontextprotocol/serverInfo");
    put_server(w, true);
}

void lt_mcp_result_end(struct lt_jw *w)
{
    lt_jw_end(w);
    lt_jw_end(w);
}

static void put_versions(struct lt_jw *w)
{
    lt_jw_arr(w);
    for (int i = LT_MCP_REVISIONS - 1; i >= 0; i--)
        lt_jw_strz(w, lt_mcp_revision_name((enum lt_mcp_revision)i));
    lt_jw_end(w);
}

void lt_mcp_write_fault(struct lt_jw *w, const struct lt_mcp_fault *f)
{
    lt_rpc_error(w, f->id, f->code, f->message);
    if (f->code == LT_MCP_UNSUPPORTED_VERSION) {
        lt_jw_key(w, "data");
        lt_jw_obj(w);
        lt_jw_key(w, "supported");
        put_versions(w);
        lt_jw_kstr(w, "requested", f->requested);
        lt_jw_end(w);
    }
    lt_rpc_error_end(w);
}

static void reply_fault(struct lt_request *r, const struct lt_mcp_fault *f)
{
    struct lt_json_reply j;
    lt_mcp_write_fault(lt_json_begin(&j), f);
    lt_json_end(r, f->status, &j);
}

/* What is no matter of the protocol has its HTTP status as code: the numbers that JSON-RPC reserves mean something else. */
void lt_mcp_reply_error(struct lt_request *r, const struct lt_error *err, const char *call_id)
{
    struct lt_http_field extra[LT_PROBLEM_FIELDS_MAX];
    struct lt_json_reply j;
    struct lt_jw *w = lt_json_begin(&j);
    int status = lt_code_status(err->code);
    bool unread = err->code == LT_EINVALID_JSON;
    size_t n = lt_problem_fields(r, err->code, "Bearer", err->retry_after_s, extra);
    lt_rpc_error(w, NULL, unread ? LT_RPC_PARSE_ERROR : err->code == LT_EINVALID_INPUT ? LT_RPC_INVALID_REQUEST : status,
                 lt_str(lt_problem_detail(r, err)));
    lt_jw_key(w, "data");
    lt_problem_write(r, w, err, call_id);
    lt_rpc_error_end(w);
    lt_reply(r, status, "application/json", NULL, extra, n, lt_buf_str(&j.buf));
    lt_buf_free(&j.buf);
}

struct lt_str lt_mcp_user(struct lt_request *r)
{
    (void)r;
    return LT_STR("");
}

/* ---- who may come ---- */

/*
 * Clients are programs, and programs have no origin. A page may come only from where the site lets pages come from: that it was loaded from the
 * address that it asks proves nothing, its name may have been bound to this machine since (DNS rebinding).
 */
static enum lt_code check_origin(struct lt_request *r, struct lt_error *err)
{
    bool twice = false;
    struct lt_str origin = lt_http_field(&r->http->head, "Origin", &twice);
    if (!origin.p || (!twice && lt_cors_listed(r->caller.site, origin)))
        return LT_OK;
    return lt_fail(err, LT_EPERMISSION, "Origin is none of the site's cors_origins");
}

static struct lt_mcp_fields fields_of(struct lt_request *r)
{
    const struct lt_http_head *head = &r->http->head;
    return (struct lt_mcp_fields){lt_http_field(head, "MCP-Protocol-Version", NULL), lt_http_field(head, "Mcp-Method", NULL),
                                  lt_http_field(head, "Mcp-Name", NULL)};
}

static enum lt_code enter(struct lt_request *r, struct lt_mcp *ret, struct lt_error *err)
{
    struct lt_str session = lt_http_field(&r->http->head, "Mcp-Session-Id", NULL);
    *ret = (struct lt_mcp){.r = r, .session = session.p ? session : LT_STR("")};
    if (check_origin(r, err))
        return err->code;
    if (session.n > LT_MCP_WORD_MAX)
        return lt_fail_field(err, LT_EINVALID_INPUT, "Mcp-Session-Id", "must have at most %d bytes", LT_MCP_WORD_MAX);
    return lt_door_enter(r, LT_STR(""), &ret->place, err);
}

/* ---- what is asked ---- */

static void put_capabilities(struct lt_jw *w)
{
    lt_jw_key(w, "capabilities");
    lt_jw_obj(w);
    lt_jw_key(w, "tools");
    lt_jw_obj(w);
    lt_jw_end(w);
    lt_jw_end(w);
    lt_jw_kstrz(w, "instructions",
                "AI actions of a learning platform, for people who write courses, and reading tools for its courses. Each action asks the AI "
                "service that the platform has chosen; it is recorded, and counts against the platform's limits. Say which course a text is of "
                "with course_id.");
}

static void initialize(const struct lt_mcp_message *m, struct lt_jw *w)
{
    lt_mcp_result(m, w);
    lt_jw_kstrz(w, "protocolVersion", lt_mcp_revision_name(m->revision));
    put_capabilities(w);
    lt_jw_key(w, "serverInfo");
    put_server(w, m->revision >= LT_MCP_2025_06_18);
    lt_mcp_result_end(w);
}

static void discover(const struct lt_mcp_message *m, struct lt_jw *w)
{
    lt_mcp_result(m, w);
    lt_jw_key(w, "supportedVersions");
    put_versions(w);
    put_capabilities(w);
    lt_jw_kint(w, "ttlMs", 3600000);
    lt_jw_kstrz(w, "cacheScope", "private");
    lt_mcp_result_meta(m, w);
    lt_jw_end(w);
    lt_mcp_result_end(w);
}

static void ping(const struct lt_mcp_message *m, struct lt_jw *w)
{
    lt_mcp_result(m, w);
    lt_mcp_result_end(w);
}

/* One request, whose answer is written as one object. False: the fault, and nothing was written. */
static bool answer(const struct lt_mcp *mcp, const struct lt_mcp_message *m, struct lt_jw *w, struct lt_mcp_fault *f)
{
    struct lt_str method = m->rpc.method;
    bool alone = m->revision >= LT_MCP_FIRST_STATELESS;
    if (lt_str_is(method, "tools/list"))
        return lt_mcp_list(mcp, m, w, f);
    if (lt_str_is(method, "tools/call"))
        return lt_mcp_call(mcp, m, w, f);
    if (!alone && lt_str_is(method, "initialize"))
        return initialize(m, w), true;
    if (!alone && lt_str_is(method, "ping"))
        return ping(m, w), true;
    if (alone && lt_str_is(method, "server/discover"))
        return discover(m, w), true;
    return lt_mcp_refuse(mcp->r->arena, m, f, LT_RPC_METHOD_NOT_FOUND, "Method not found");
}

/* Others tell us nothing that we act on. Who closes the stream instead cancels too, so the newest revision has no such thing. */
static void take_notification(const struct lt_mcp *mcp, const struct lt_mcp_message *m)
{
    if (lt_str_is(m->rpc.method, "notifications/cancelled") && m->revision < LT_MCP_FIRST_STATELESS)
        lt_mcp_cancel(mcp, lt_json_get(m->rpc.params, "requestId"));
}

/* ---- one message ---- */

static void accepted(struct lt_request *r)
{
    lt_reply(r, 202, NULL, NULL, NULL, 0, LT_STR_NULL);
}

static void name_session(struct lt_request *r)
{
    struct lt_http_field *field = LT_NEW(r->arena, struct lt_http_field);
    char *id = lt_alloc(r->arena, 37);
    lt_uuid_format(lt_uuid_new(), id);
    *field = (struct lt_http_field){LT_STR("Mcp-Session-Id"), lt_str(id)};
    lt_request_always(r, field, 1);
}

static void answer_alone(const struct lt_mcp *mcp, const struct lt_mcp_message *m)
{
    struct lt_json_reply j;
    struct lt_mcp_fault f = {0};
    if (lt_str_is(m->rpc.method, "tools/call")) {
        lt_mcp_call_alone(mcp, m);
        return;
    }
    if (lt_str_is(m->rpc.method, "initialize") && m->revision < LT_MCP_FIRST_STATELESS)
        name_session(mcp->r);
    if (answer(mcp, m, lt_json_begin(&j), &f)) {
        lt_json_end(mcp->r, 200, &j);
        return;
    }
    lt_buf_free(&j.buf);
    reply_fault(mcp->r, &f);
}

static void take(const struct lt_mcp *mcp, const struct lt_mcp_fields *fields)
{
    struct lt_mcp_message *m = LT_NEW(mcp->r->arena, struct lt_mcp_message);
    struct lt_mcp_fault f;
    if (!lt_mcp_read(mcp->r->arena, mcp->r->body, fields, m, &f)) {
        reply_fault(mcp->r, &f);
        return;
    }
    if (m->rpc.kind == LT_RPC_REQUEST) {
        answer_alone(mcp, m);
        return;
    }
    take_notification(mcp, m);
    accepted(mcp->r);
}

/* ---- a batch: 2025-03-26 alone has them ---- */

/* Writes the message's answer, if it has one. */
static void take_one_of(const struct lt_mcp *mcp, const struct lt_json *v, const struct lt_mcp_fields *fields, struct lt_jw *w)
{
    struct lt_mcp_message *m = LT_NEW(mcp->r->arena, struct lt_mcp_message);
    struct lt_mcp_fault f;
    if (!lt_mcp_read(mcp->r->arena, v, fields, m, &f)) {
        lt_mcp_write_fault(w, &f);
        return;
    }
    if (m->rpc.kind != LT_RPC_REQUEST)
        take_notification(mcp, m);
    else if (lt_str_is(m->rpc.method, "initialize") || m->revision != LT_MCP_2025_03_26)
        lt_mcp_refuse(mcp->r->arena, m, &f, LT_RPC_INVALID_REQUEST, "is no part of a batch"), lt_mcp_write_fault(w, &f);
    else if (!answer(mcp, m, w, &f))
        lt_mcp_write_fault(w, &f);
}

static void take_batch(const struct lt_mcp *mcp, const struct lt_mcp_fields *fields)
{
    struct lt_request *r = mcp->r;
    size_t n = lt_json_len(r->body);
    struct lt_mcp_fault f = {.status = 400, .code = LT_RPC_INVALID_REQUEST};
    f.message = !lt_mcp_may_batch(fields) ? LT_STR("this revision has no batches")
                : n == 0                  ? LT_STR("a batch must hold a message")
                : n > LT_MCP_BATCH_MAX    ? lt_printf(r->arena, "a batch must hold at most %d messages", LT_MCP_BATCH_MAX)
                                          : LT_STR("");
    if (f.message.n > 0) {
        reply_fault(r, &f);
        return;
    }
    struct lt_json_reply j;
    struct lt_jw *w = lt_json_begin(&j);
    lt_jw_arr(w);
    for (size_t i = 0; i < n; i++)
        take_one_of(mcp, lt_json_at(r->body, i), fields, w);
    bool nothing = !w->comma;
    lt_jw_end(w);
    if (!nothing) {
        lt_json_end(r, 200, &j);
        return;
    }
    lt_buf_free(&j.buf);
    accepted(r);
}

void lt_mcp_post(struct lt_request *r)
{
    struct lt_mcp *mcp = LT_NEW(r->arena, struct lt_mcp);
    struct lt_mcp_fields fields = fields_of(r);
    struct lt_error err;
    if (enter(r, mcp, &err))
        lt_reply_problem(r, &err, NULL);
    else if (lt_json_is(r->body, LT_JSON_ARRAY))
        take_batch(mcp, &fields);
    else
        take(mcp, &fields);
}

/* ---- coming back to a stream ---- */

static void no_stream(struct lt_request *r)
{
    static const struct lt_http_field allow = {LT_STR("Allow"), LT_STR("POST")};
    struct lt_mcp_fault f = {.code = 405, .message = LT_STR("nothing is sent here but answers to what is asked by POST")};
    struct lt_json_reply j;
    lt_mcp_write_fault(lt_json_begin(&j), &f);
    lt_reply(r, 405, "application/json", NULL, &allow, 1, lt_buf_str(&j.buf));
    lt_buf_free(&j.buf);
}

/* The newest revision does not come back: its field of an event's id is to be passed over. */
static bool comes_back(struct lt_request *r)
{
    struct lt_mcp_fields fields = fields_of(r);
    return lt_http_field(&r->http->head, "Last-Event-ID", NULL).p &&
           !(fields.version.p && lt_str_is(fields.version, lt_mcp_revision_name(LT_MCP_2026_07_28)));
}

/* LT_ENOT_FOUND: another's, of the native API, or no longer there. */
static enum lt_code follow(struct lt_request *r, struct lt_error *err)
{
    bool owner, running;
    struct lt_uuid id;
    uint64_t after;
    if (!lt_mcp_event_id(lt_http_field(&r->http->head, "Last-Event-ID", NULL), &id, &after))
        return lt_fail_field(err, LT_EINVALID_INPUT, "Last-Event-ID", "must be the id of an event of this address");
    struct lt_sse_log *log = lt_streams_find(r->api->streams, id, r->caller.site->id, r->caller.user_id, &owner, &running);
    enum lt_code rc = log && owner && lt_sse_log_named(log) ? lt_sse_log_follow(log, r->http, after) : LT_ENOT_FOUND;
    lt_sse_log_unref(log);
    return rc == LT_ENOT_FOUND ? lt_fail(err, LT_ENOT_FOUND, "this stream is not here, or no longer") : LT_OK;
}

void lt_mcp_get(struct lt_request *r)
{
    struct lt_mcp mcp;
    struct lt_error err;
    if (enter(r, &mcp, &err))
        lt_reply_problem(r, &err, NULL);
    else if (!comes_back(r))
        no_stream(r);
    else if (follow(r, &err))
        lt_reply_problem(r, &err, NULL);
}
