/* One connection to Redis. */
#include "events/redis.h"

#include <stdlib.h>

#include "base/memory.h"
#include "events/redis_reader.h"
#include "io/loop.h"
#include "io/outbound.h"
#include "text/json.h"

enum { ARGS_MAX = 64, PORT = 6379 };

struct lt_redis {
    struct lt_conn *conn;
    redisReader *reader;
    uint64_t deadline_ms; /* of writes */
    char buf[16384];
};

static struct lt_str setting(const struct lt_event_destination *to, const char *key)
{
    return lt_json_str_or(lt_json_get(to->config, key), LT_STR(""));
}

/* redis:// as http://, rediss:// as https://: the same rules for where it may go. */
static enum lt_code parse(struct lt_arena *arena, struct lt_str url, struct lt_url *ret, struct lt_error *err)
{
    bool tls = lt_str_starts(url, LT_STR("rediss://"));
    size_t skip = 5 + tls;
    if (!tls && !lt_str_starts(url, LT_STR("redis://")))
        return lt_fail(err, LT_EINVALID_INPUT, "the address must begin with redis:// or rediss://");
    if (lt_url_parse(lt_printf(arena, "%s%.*s", tls ? "https" : "http", (int)(url.n - skip), url.p + skip), ret, err))
        return err->code;
    struct lt_str port = ret->authority;
    if (port.n == 0 || !memchr(port.p, ':', port.n) || port.p[port.n - 1] == ']')
        ret->port = PORT;
    return lt_outbound_check(ret, err);
}

static enum lt_code simple(struct lt_redis *r, const struct lt_str *argv, size_t n, struct lt_error *err)
{
    redisReply *reply = NULL;
    enum lt_code rc = lt_redis_ask(r, argv, n, r->deadline_ms, &reply, err);
    freeReplyObject(reply);
    return rc;
}

static enum lt_code sign_in(struct lt_redis *r, const struct lt_event_destination *to, const struct lt_url *url, struct lt_error *err)
{
    struct lt_str user = setting(to, "username"), password = setting(to, "password");
    struct lt_str db = url->path.n > 1 ? (struct lt_str){url->path.p + 1, url->path.n - 1} : LT_STR("");
    const struct lt_str both[] = {LT_STR("AUTH"), user, password}, alone[] = {LT_STR("AUTH"), password}, choose[] = {LT_STR("SELECT"), db};
    enum lt_code rc = password.n > 0 ? simple(r, user.n > 0 ? both : alone, user.n > 0 ? 3 : 2, err) : LT_OK;
    if (rc == LT_EUPSTREAM_INVALID) /* its words may quote the command, and with it the password */
        return lt_fail(err, rc, "Redis does not take the user name and password");
    if (rc)
        return lt_error_wrap(err, "signing in");
    if (db.n > 0 && simple(r, choose, 2, err))
        return lt_error_wrap(err, "choosing the database");
    return LT_OK;
}

enum lt_code lt_redis_open(const struct lt_event_destination *to, struct lt_tls *tls, uint64_t deadline_ms, struct lt_redis **ret, struct lt_error *err)
{
    struct lt_arena *arena = lt_arena_new();
    struct lt_url url;
    struct lt_conn *conn;
    enum lt_code rc = parse(arena, to->url, &url, err);
    *ret = NULL;
    if (rc == LT_OK)
        rc = lt_outbound_connect(lt_loop_self(), &url, tls, deadline_ms, &conn, err);
    if (rc == LT_OK) {
        struct lt_redis *r = malloc(sizeof(*r));
        if (!r)
            lt_out_of_memory(sizeof(*r));
        r->conn = conn;
        r->reader = lt_redis_reader_new();
        r->deadline_ms = deadline_ms;
        rc = sign_in(r, to, &url, err);
        if (rc)
            lt_redis_close(r);
        else
            *ret = r;
    }
    lt_arena_free(arena);
    return rc;
}

void lt_redis_close(struct lt_redis *r)
{
    if (!r)
        return;
    lt_conn_close(r->conn, false);
    redisReaderFree(r->reader);
    free(r);
}

static enum lt_code broken(struct lt_error *err, enum lt_code rc, const char *doing)
{
    if (rc == LT_ECANCELLED)
        return lt_fail(err, rc, "cancelled while %s Redis", doing);
    return lt_fail(err, rc == LT_ETIMEOUT ? LT_EUPSTREAM_TIMEOUT : LT_EUPSTREAM_UNAVAILABLE, "%s while %s Redis",
                   rc == LT_ETIMEOUT ? "timed out" : "the connection broke", doing);
}

enum lt_code lt_redis_send(struct lt_redis *r, const struct lt_str *argv, size_t n, struct lt_error *err)
{
    const char *texts[ARGS_MAX];
    size_t lengths[ARGS_MAX];
    char *command;
    if (n > ARGS_MAX)
        return lt_fail(err, LT_ETOO_LARGE, "a command of more than %d words", ARGS_MAX);
    for (size_t i = 0; i < n; i++) {
        texts[i] = argv[i].p ? argv[i].p : "";
        lengths[i] = argv[i].n;
    }
    int bytes = redisFormatCommandArgv(&command, (int)n, texts, lengths);
    if (bytes < 0)
        lt_out_of_memory(0);
    enum lt_code rc = lt_conn_write(r->conn, command, (size_t)bytes, lt_loop_now(lt_loop_self()) + 10000);
    redisFreeCommand(command);
    return rc ? broken(err, rc, "writing to") : LT_OK;
}

enum lt_code lt_redis_read(struct lt_redis *r, uint64_t deadline_ms, redisReply **ret, struct lt_error *err)
{
    size_t fed = 0, n;
    void *reply = NULL;
    *ret = NULL;
    for (;;) {
        if (redisReaderGetReply(r->reader, &reply) != REDIS_OK)
            return lt_fail(err, LT_EUPSTREAM_INVALID, "this is not Redis: %.100s", r->reader->errstr);
        if (reply)
            break;
        enum lt_code rc = lt_conn_read(r->conn, r->buf, sizeof(r->buf), deadline_ms, &n);
        if (rc || n == 0)
            return broken(err, rc ? rc : LT_EIO, "reading from");
        if ((fed += n) > LT_REDIS_REPLY_MAX)
            return lt_fail(err, LT_EUPSTREAM_INVALID, "an answer of Redis is larger than %d bytes", LT_REDIS_REPLY_MAX);
        redisReaderFeed(r->reader, r->buf, n);
    }
    redisReply *got = reply;
    if (got->type != REDIS_REPLY_ERROR) {
        *ret = got;
        return LT_OK;
    }
    lt_fail(err, LT_EUPSTREAM_INVALID, "Redis says: %.*s", (int)(got->len < 200 ? got->len : 200), got->str);
    freeReplyObject(got);
    return err->code;
}

enum lt_code lt_redis_ask(struct lt_redis *r, const struct lt_str *argv, size_t n, uint64_t deadline_ms, redisReply **ret, struct lt_error *err)
{
    *ret = NULL;
    if (lt_redis_send(r, argv, n, err))
        return err->code;
    return lt_redis_read(r, deadline_ms, ret, err);
}
