/*
 * Pictures of an answer: what the vendor gave is decoded or fetched, looked at, marked and written to disk, before anybody is told that it is there.
 * The file comes before its row (core/picture_file.h), so a process that dies in between leaves a file that the next start removes.
 */
#include "core/manager_private.h"

#include "base/log.h"
#include "base/secret.h"
#include "core/picture_file.h"
#include "io/address.h"
#include "io/http_client.h"
#include "io/outbound.h"
#include "io/worker.h"
#include "picture/picture.h"

enum {
    ALT_MAX = 500,                   /* bytes: what a screen reader says is to be short */
    REVISED_MAX = 16 * 1024,         /* bytes; four of them fit into what the register keeps, even when each byte is escaped */
    URL_MAX = 8192,                  /* bytes */
    CONNECT_MS = 10000, IDLE_MS = 30000,
    TURN_MS = 20,                    /* between looks whether nobody draws */
};

/* One picture on its way to disk, on a worker. */
struct job {
    const char *dir;
    struct lt_picture_name name;
    struct lt_str base64, bytes;     /* one of them */
    struct lt_str label;
    bool convert;
    enum lt_picture_format want;
    struct lt_picture_head head;
    size_t size;
    char sha256[65];
    struct lt_error err;
};

/* ---- on the worker ---- */

static enum lt_code decode(struct job *j, struct lt_arena *arena)
{
    struct lt_str text = lt_str_trim(j->base64);
    if (!j->base64.p)
        return LT_OK;
    if (lt_str_starts(text, LT_STR("\xEF\xBB\xBF")))
        text = (struct lt_str){text.p + 3, text.n - 3};
    if (text.n > (size_t)LT_IMAGE_MADE_BYTES_MAX / 3 * 4 + (size_t)LT_IMAGE_MADE_BYTES_MAX / 8) /* with line ends */
        return lt_fail(&j->err, LT_EUPSTREAM_INVALID, "the picture has more than %d bytes", LT_IMAGE_MADE_BYTES_MAX);
    return lt_base64_decode(arena, text, &j->bytes) ? LT_OK : lt_fail(&j->err, LT_EUPSTREAM_INVALID, "the picture is not base64");
}

/* Drawn only when there is something to draw; else no pixel is touched. */
static enum lt_code draw(struct job *j, struct lt_arena *arena, struct lt_buf *out)
{
    struct lt_str drawn;
    enum lt_picture_format want = j->convert ? j->want : j->head.format;
    if (j->label.n == 0 && want == j->head.format)
        return LT_OK;
    if (lt_picture_draw(arena, lt_buf_str(out), &j->head, j->label, want, &drawn, &j->err))
        return j->err.code;
    lt_buf_reset(out);
    return lt_picture_take(drawn, out, &j->head, &j->err);
}

static enum lt_code take(struct job *j, struct lt_arena *arena, struct lt_buf *out)
{
    uint8_t digest[32];
    if (decode(j, arena))
        return j->err.code;
    if (j->bytes.n > LT_IMAGE_MADE_BYTES_MAX)
        return lt_fail(&j->err, LT_EUPSTREAM_INVALID, "the picture has more than %d bytes", LT_IMAGE_MADE_BYTES_MAX);
    if (lt_picture_take(j->bytes, out, &j->head, &j->err) || draw(j, arena, out))
        return j->err.code;
    lt_sha256(out->p, out->n, digest);
    lt_hex(digest, sizeof(digest), j->sha256);
    j->size = out->n;
    return lt_picture_file_put(j->dir, j->name, lt_buf_str(out), &j->err);
}

static void work(void *arg)
{
    struct job *j = arg;
    struct lt_arena *arena = lt_arena_new();
    struct lt_buf out;
    lt_buf_init(&out, LT_IMAGE_MADE_BYTES_MAX + 16384);
    j->err = (struct lt_error){0};
    take(j, arena, &out);
    lt_buf_free(&out);
    lt_arena_free(arena);
}

/* ---- fetching ---- */

static bool is_this_machine(const struct lt_url *url)
{
    struct lt_str host = lt_str(url->host);
    struct lt_ip ip;
    return lt_str_is(host, "localhost") || (lt_ip_parse(host, &ip) && lt_ip_kind_of(&ip) == LT_IP_LOOPBACK);
}

/*
 * A vendor's answer names the address, so it may lead to less than an administrator's setting: https to the public, or to the very host that the
 * instance asks anyway.
 */
static enum lt_code check_address(const struct lt_provider_run *run, struct lt_str address, struct lt_error *err)
{
    struct lt_url url, own;
    struct lt_error no_own;
    if (lt_url_parse(address, &url, err))
        return err->code;
    bool has_own = !lt_url_parse(lt_json_str(lt_json_get(run->instance->config, "endpoint")), &own, &no_own);
    if (has_own && url.https == own.https && url.port == own.port && strcmp(url.host, own.host) == 0)
        return LT_OK;
    if (!url.https || is_this_machine(&url))
        return lt_fail(err, LT_EOUTBOUND_REFUSED, "the picture lies at an address that is not asked: only https to others, or the service's own host");
    return LT_OK;
}

static enum lt_code fetch_body(struct lt_http_reply *reply, struct lt_arena *arena, struct lt_str *ret, struct lt_error *err)
{
    int status = lt_http_reply_head(reply)->status;
    if (status != 200)
        return lt_fail(err, LT_EUPSTREAM_INVALID, "the picture's address answers with status %d", status);
    return lt_http_reply_read_all(reply, arena, ret, err);
}

static enum lt_code fetch(struct lt_provider_run *run, struct lt_str address, struct lt_str *ret, struct lt_error *err)
{
    struct lt_http_field accept = {LT_STR("Accept"), LT_STR("image/png, image/jpeg, image/webp")};
    struct lt_http_call call = {.method = "GET",
                                .url = address,
                                .fields = &accept,
                                .fields_n = 1,
                                .tls = run->tls,
                                .connect_ms = CONNECT_MS,
                                .first_byte_ms = IDLE_MS,
                                .idle_ms = IDLE_MS,
                                .deadline_ms = run->deadline_ms,
                                .max_body = LT_IMAGE_MADE_BYTES_MAX};
    struct lt_http_reply *reply = NULL;
    enum lt_code rc = check_address(run, address, err);
    if (!rc)
        rc = lt_http_send(run->loop, &call, &reply, err);
    if (!rc)
        rc = fetch_body(reply, run->arena, ret, err);
    lt_http_reply_close(reply);
    if (rc == LT_EINVALID_INPUT || rc == LT_EOUTBOUND_REFUSED) /* the vendor's fault, not the caller's, nor the instance's settings' */
        err->code = rc = LT_EUPSTREAM_INVALID;
    return rc ? lt_error_wrap(err, "fetching the picture") : LT_OK;
}

/* ---- one after the other ---- */

/* The first sentences, as far as they are short; else as many words. */
static struct lt_str alt_of(struct lt_str text)
{
    text = lt_str_trim(text);
    if (text.n <= ALT_MAX)
        return text;
    size_t n = lt_utf8_whole(text.p, ALT_MAX), sentence = 0, word = 0;
    for (size_t i = 1; i < n; i++) {
        if (text.p[i] != ' ' && text.p[i] != '\n')
            continue;
        word = i;
        if (strchr(".!?", text.p[i - 1]))
            sentence = i;
    }
    return lt_str_trim((struct lt_str){text.p, sentence > ALT_MAX / 4 ? sentence : word > 0 ? word : n});
}

static struct lt_str prompt_of(const struct lt_provider_run *run)
{
    return run->call ? run->call->image.prompt : lt_json_str_or(lt_json_get(run->input, "prompt"), LT_STR(""));
}

/*
 * Drawing goes one picture at a time. Those that wait for it do so here: on workers they would keep all other work of the process waiting too.
 * LT_ETIMEOUT, LT_ECANCELLED.
 */
static enum lt_code wait_for_turn(const struct lt_provider_run *run, struct lt_error *err)
{
    while (!lt_picture_turn_take()) {
        if (lt_loop_now(run->loop) >= run->deadline_ms)
            return lt_fail(err, LT_ETIMEOUT, "other pictures were being drawn until the call's time was over");
        if (lt_fiber_sleep(TURN_MS))
            return lt_fail(err, LT_ECANCELLED, "the caller left");
    }
    return LT_OK;
}

static enum lt_code do_job(const struct lt_provider_run *run, struct job *job, struct lt_error *err)
{
    bool draws = job->label.n > 0 || job->convert;
    if (draws && wait_for_turn(run, err))
        return err->code;
    enum lt_code rc = lt_work(work, job);
    if (draws)
        lt_picture_turn_give();
    return rc ? lt_fail(err, LT_EOVERLOADED, "no worker is free to take the picture") : LT_OK;
}

/* A fault of this machine, a full disk or a missing font, is none of the service's: no other one would do better, and each would be paid. */
static enum lt_code cannot_take(struct lt_process *c, struct job *job, struct lt_error *err)
{
    *err = job->err;
    c->ours = err->code == LT_EIO || err->code == LT_ECONFIG;
    if (err->code == LT_EIO) { /* it names the path, which callers are not told */
        lt_log_error("image.write", err);
        lt_fail(err, LT_ESTORE, "the picture cannot be written");
    }
    return lt_error_wrap(err, "picture %d", job->name.n);
}

static enum lt_code take_one(struct lt_process *c, struct lt_provider_run *run, size_t i, struct lt_picture *ret, struct lt_error *err)
{
    const struct lt_image_made *made = &run->result.images[i];
    const struct lt_site *site = c->request->caller->site;
    struct job job = {.dir = c->manager->files_dir, .name = {c->result->id, (int)i + 1}, .label = site->image_label};
    job.convert = lt_picture_format_parse(lt_json_str(lt_json_get(run->input, "format")), &job.want);
    if (made->url.n > URL_MAX)
        return lt_fail(err, LT_EUPSTREAM_INVALID, "the picture's address has more than %d bytes", URL_MAX);
    if (made->base64.n > 0)
        job.base64 = made->base64;
    else if (fetch(run, made->url, &job.bytes, err))
        return err->code;
    if (do_job(run, &job, err))
        return err->code;
    if (c->files_n < i + 1) /* an earlier attempt may have come further */
        c->files_n = i + 1;
    if (job.err.code)
        return cannot_take(c, &job, err);
    struct lt_str id = lt_picture_id(run->arena, job.name), revised = made->revised_prompt.p ? made->revised_prompt : LT_STR("");
    if (revised.n > REVISED_MAX)
        revised.n = lt_utf8_whole(revised.p, REVISED_MAX);
    *ret = (struct lt_picture){.id = id,
                               .expires_at = lt_now_ms() + lt_picture_link_ms(site),
                               .media_type = lt_str(lt_picture_media_type(job.head.format)),
                               .bytes = (int64_t)job.size,
                               .width = job.head.width,
                               .height = job.head.height,
                               .alt = alt_of(lt_str_trim(revised).n > 0 ? revised : prompt_of(run)),
                               .source_url = made->url.p ? made->url : LT_STR(""),
                               .revised_prompt = revised};
    memcpy(ret->sha256, job.sha256, sizeof(ret->sha256));
    ret->url = lt_picture_link(run->arena, site, id, ret->expires_at);
    return LT_OK;
}

static bool is_text(struct lt_str s)
{
    return lt_utf8_valid(s.p, s.n);
}

enum lt_code lt_process_take_images(struct lt_process *c, struct lt_provider_run *run, struct lt_error *err)
{
    struct lt_neutral_result *r = &run->result;
    size_t wanted = run->call ? (size_t)run->call->image.count : (size_t)lt_json_int64_or(lt_json_get(run->input, "count"), 1);
    if (!c->manager->files_dir)
        return lt_fail(err, LT_ECONFIG, "this process has no directory for pictures");
    if (r->images_n == 0)
        return lt_fail(err, LT_EUPSTREAM_INVALID, "the answer has no picture");
    if (r->images_n > wanted || r->images_n > LT_IMAGES_MADE_MAX)
        return lt_fail(err, LT_EUPSTREAM_INVALID, "the answer has %zu pictures, asked for were %zu", r->images_n, wanted);
    struct lt_picture *pictures = LT_NEW_ARRAY(run->arena, struct lt_picture, r->images_n);
    for (size_t i = 0; i < r->images_n; i++) {
        if (lt_fiber_cancelled())
            return lt_fail(err, LT_ECANCELLED, "the caller left");
        if (!is_text(r->images[i].revised_prompt) || !is_text(r->images[i].url))
            return lt_fail(err, LT_EUPSTREAM_INVALID, "the answer is not UTF-8");
        if (take_one(c, run, i, &pictures[i], err))
            return err->code;
    }
    r->pictures = pictures;
    r->pictures_n = r->images_n;
    return LT_OK;
}

/* ---- at the end of the call ---- */

/* How many pictures the answer has; what lies on disk beyond them is of an attempt that failed. */
static size_t kept(const struct lt_process *c)
{
    return c->result->success && c->answer ? c->answer->pictures_n : 0;
}

void lt_process_record_images(struct lt_process *c, struct lt_tx *tx)
{
    const struct lt_site *site = c->request->caller->site;
    size_t n = kept(c);
    if (n > 0)
        lt_picture_record(tx, site->id, c->result->id, c->answer->pictures, n, site->store_content ? 0 : c->answer->pictures[0].expires_at,
                          site->store_content);
    lt_picture_record_left(tx, site->id, c->result->id, n, c->files_n);
}

void lt_process_leave_images(struct lt_process *c, struct lt_tx *tx)
{
    lt_picture_record_left(tx, c->request->caller->site->id, c->result->id, 0, c->files_n);
}

static void remove_files(void *arg)
{
    struct lt_process *c = arg;
    for (; c->files_n > kept(c); c->files_n--) {
        struct lt_error err;
        if (lt_picture_file_remove(c->manager->files_dir, (struct lt_picture_name){c->result->id, (int)c->files_n}, &err)) {
            lt_log_error("image.remove", &err);
            return;
        }
    }
}

void lt_process_drop_images(struct lt_process *c)
{
    if (c->files_n > kept(c))
        lt_work(remove_files, c); /* what it does not come to is recorded as left */
}
