/*
 * Courses imported from files: /v1/courses. A package comes as the body, goes to a file without a name in the data directory, is read by a worker and
 * written to the store in portions. A process imports one at a time, as each may take memory.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "api/list.h"
#include "api/request.h"
#include "content/course_read.h"
#include "content/course_store.h"
#include "io/worker.h"

enum { WRITE_MAX = 256 * 1024 /* bytes that are gathered before a worker writes them */, RETRY_S = 15 };

/* ---- the body, to a file ---- */

struct upload {
    int fd;
    struct lt_buf waiting;
    int why; /* errno of what failed, or 0 */
};

static void write_waiting(void *arg)
{
    struct upload *u = arg;
    for (size_t at = 0; at < u->waiting.n && !u->why;) {
        ssize_t n = write(u->fd, u->waiting.p + at, u->waiting.n - at);
        if (n < 0 && errno != EINTR)
            u->why = errno;
        at += n > 0 ? (size_t)n : 0;
    }
    lt_buf_reset(&u->waiting);
}

static enum lt_code flush(struct upload *u, struct lt_error *err)
{
    enum lt_code rc = u->waiting.n > 0 ? lt_work(write_waiting, u) : LT_OK;
    if (rc)
        return lt_fail(err, rc, "writing the package");
    return u->why ? lt_fail(err, LT_EIO, "writing the package: %s", strerror(u->why)) : LT_OK;
}

static enum lt_code take(void *ctx, struct lt_str piece, struct lt_error *err)
{
    struct upload *u = ctx;
    if (u->waiting.n + piece.n > WRITE_MAX && flush(u, err))
        return err->code;
    lt_buf_put_str(&u->waiting, piece);
    return LT_OK;
}

/* It has no name from the beginning, so it goes with the process whatever happens. */
static int open_file(struct lt_request *r)
{
    const char *dir = r->api->options.data_dir;
    char *path = lt_strz(r->arena, lt_printf(r->arena, "%s/.course-XXXXXX", dir ? dir : "/tmp"));
    int fd = mkostemp(path, O_CLOEXEC);
    if (fd >= 0)
        unlink(path);
    return fd;
}

static enum lt_code receive(struct lt_request *r, struct upload *u, struct lt_error *err)
{
    lt_buf_init(&u->waiting, 2 * WRITE_MAX);
    u->fd = open_file(r);
    if (u->fd < 0)
        return lt_fail(err, LT_EIO, "making a file for the package: %s", strerror(errno));
    enum lt_code rc = lt_http_read_body_to(r->http, r->route->body_max, take, u, err);
    if (rc == LT_OK)
        rc = flush(u, err);
    lt_buf_free(&u->waiting);
    return rc;
}

/* ---- importing ---- */

static enum lt_code check_type(struct lt_request *r, struct lt_error *err)
{
    static const char *const types[] = {"application/octet-stream", "application/zip", "application/gzip", "application/x-gzip", "application/x-tar"};
    struct lt_str rest = lt_http_field(&r->http->head, "Content-Type", NULL), type = lt_str_trim(lt_str_cut(&rest, ';'));
    for (size_t i = 0; i < LT_COUNT(types); i++)
        if (lt_str_eq_ci(type, lt_str(types[i])))
            return LT_OK;
    return lt_fail(err, LT_EMEDIA_TYPE, "the body must be the package itself, as application/octet-stream");
}

/* A key stands for one body, and this one is never kept whole in memory to be compared. */
static enum lt_code check_key(struct lt_request *r, struct lt_error *err)
{
    if (!lt_http_field(&r->http->head, "Idempotency-Key", NULL).p)
        return LT_OK;
    return lt_fail(err, LT_EINVALID_INPUT, "Idempotency-Key is not taken here: importing the same file again leaves the course as it is");
}

static enum lt_code check_names(const struct lt_course_read *read, struct lt_error *err)
{
    if (read->course_id.n > LT_COURSE_ID_MAX)
        return lt_fail_field(err, LT_EINVALID_INPUT, "/course_id", "must be at most %d bytes", LT_COURSE_ID_MAX);
    if (read->title.n > LT_COURSE_NAME_MAX)
        return lt_fail_field(err, LT_EINVALID_INPUT, "/title", "must be at most %d bytes", LT_COURSE_NAME_MAX);
    return LT_OK;
}

static enum lt_code import(struct lt_request *r, struct lt_course_read *read, struct lt_course_saved *saved, struct lt_course_row *row,
                           struct lt_error *err)
{
    struct upload upload = {.fd = -1};
    int64_t site = r->caller.site->id;
    struct lt_store *store = r->api->options.store;
    if (check_type(r, err) || check_key(r, err) || check_names(read, err))
        return err->code;
    enum lt_code rc = receive(r, &upload, err);
    if (rc == LT_OK) {
        lt_http_on_client_gone(r->http, NULL, NULL); /* what was sent whole is imported, whether somebody waits for the answer or not */
        read->source.fd = upload.fd;
        rc = lt_course_read_work(read, err);
    }
    if (upload.fd >= 0)
        close(upload.fd);
    if (rc == LT_OK)
        rc = lt_course_save(store, site, read->tree, read->sha256, saved, err);
    return rc ? rc : lt_course_get(store, r->arena, site, read->tree->course_id, row, err);
}

static void reply(struct lt_request *r, const struct lt_course_row *row, const struct lt_course_saved *saved)
{
    struct lt_json_reply j;
    struct lt_jw *w = lt_json_begin(&j);
    lt_jw_obj(w);
    lt_course_put(w, row);
    lt_jw_key(w, "about");
    lt_jw_raw(w, row->about);
    if (saved)
        lt_course_put_saved(w, saved);
    lt_jw_key(w, "warnings");
    lt_jw_raw(w, row->warnings);
    lt_jw_end(w);
    lt_json_end(r, saved ? 201 : 200, &j);
}

void lt_post_course(struct lt_request *r)
{
    struct lt_error err = {0};
    struct lt_course_saved saved;
    struct lt_course_row row;
    struct lt_course_read read = {.arena = lt_arena_new(), .course_id = lt_query(r, "course_id"), .title = lt_query(r, "title")};
    enum lt_code rc;
    if (atomic_fetch_add(&r->api->imports, 1) > 0) {
        rc = lt_fail(&err, LT_EOVERLOADED, "another course is being imported");
        err.retry_after_s = RETRY_S;
    } else {
        rc = import(r, &read, &saved, &row, &err);
    }
    atomic_fetch_sub(&r->api->imports, 1);
    if (rc)
        lt_reply_problem(r, &err, NULL);
    else
        reply(r, &row, &saved);
    lt_arena_free(read.arena);
}

/* ---- looking, removing ---- */

void lt_get_courses(struct lt_request *r)
{
    struct lt_error err;
    struct lt_str after;
    struct lt_course_row *rows;
    size_t n;
    int limit;
    bool more;
    if (lt_query_cursor_text(r, "after", &after, &err) || lt_query_limit(r, LT_LIST_LIMIT, LT_COURSE_PAGE_MAX, &limit, &err) ||
        lt_course_list(r->api->options.store, r->arena, r->caller.site->id, after, limit, &rows, &n, &more, &err)) {
        lt_reply_problem(r, &err, NULL);
        return;
    }
    struct lt_json_reply j;
    struct lt_jw *w = lt_json_begin(&j);
    lt_jw_obj(w);
    lt_jw_key(w, "courses");
    lt_jw_arr(w);
    for (size_t i = 0; i < n; i++) {
        lt_jw_obj(w);
        lt_course_put(w, &rows[i]);
        lt_jw_end(w);
    }
    lt_jw_end(w);
    lt_jw_next_text(w, more, more ? rows[n - 1].course_id : LT_STR(""));
    lt_jw_end(w);
    lt_json_end(r, 200, &j);
}

void lt_get_course(struct lt_request *r)
{
    struct lt_error err;
    struct lt_course_row row;
    if (lt_course_get(r->api->options.store, r->arena, r->caller.site->id, r->params[0], &row, &err))
        lt_reply_problem(r, &err, NULL);
    else
        reply(r, &row, NULL);
}

void lt_delete_course(struct lt_request *r)
{
    struct lt_error err;
    if (lt_course_remove(r->api->options.store, r->arena, r->caller.site->id, r->params[0], &err))
        lt_reply_problem(r, &err, NULL);
    else
        lt_reply(r, 204, NULL, NULL, NULL, 0, LT_STR_NULL);
}
