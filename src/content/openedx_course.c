/* Asking Open edX for a course. */
#include "content/openedx_course.h"

#include "content/openedx_read.h"
#include "content/source_connector.h"
#include "io/jwt.h"
#include "io/url.h"
#include "io/worker.h"

enum { STUDIO_BLOCKS_MAX = 200 /* asked of Studio for one question */ };

static const char fields[] = "children,type,display_name,student_view_data,showanswer,show_correctness";

/* ---- whose view ---- */

struct viewer {
    struct lt_str key;                /* of the cache */
    struct lt_str username;
    bool all;                         /* of nobody: a site's administrator by key, whom the course's rules do not bind */
};

static struct lt_str claim_of(struct lt_arena *arena, struct lt_str token, struct lt_str claim)
{
    const struct lt_json *header, *claims;
    struct lt_error err;
    if (token.n == 0 || lt_jwt_peek(arena, token, &header, &claims, &err)) /* it was verified when it came */
        return LT_STR("");
    return lt_json_str_or(lt_json_get_str(claims, claim), LT_STR(""));
}

/* Whom the LMS is to be asked for. A user whose name there is not known sees nothing: an id that happens to be somebody else's name must not do. */
static enum lt_code viewer_of(const struct lt_source_call *call, struct viewer *ret, struct lt_error *err)
{
    const struct lt_caller *caller = call->query->caller;
    struct lt_arena *arena = call->query->arena;
    *ret = (struct viewer){.username = LT_STR("")};
    if (call->source->user_is_username)
        ret->username = caller->user_id;
    else if (caller->user_id.n > 0)
        ret->username = claim_of(arena, caller->token, call->source->username_claim);
    ret->all = caller->user_id.n == 0 && !caller->is_user && caller->key && caller->key->role == LT_KEY_SITE_ADMIN;
    if (ret->username.n == 0 && !ret->all)
        return lt_fail(err, LT_ENOT_FOUND, "content source '%.*s': the user's name at the LMS is not known (user_is_username, username_claim)",
                       LT_FMT(call->source->name));
    ret->key = ret->all ? LT_STR("all") : lt_printf(arena, "user:%.*s", LT_FMT(ret->username));
    return LT_OK;
}

/* ---- places ---- */

/* "course-v1:ORG+COURSE+RUN", and ccx-v1: for coaches' own runs. */
static bool is_course_key(struct lt_str id)
{
    return lt_str_starts(id, LT_STR("course-v1:")) || lt_str_starts(id, LT_STR("ccx-v1:"));
}

/* Is it a block of this course? "block-v1:ORG+COURSE+RUN+type@T+block@ID" */
static bool in_course(struct lt_arena *arena, struct lt_str course, struct lt_str location)
{
    bool ccx = lt_str_starts(course, LT_STR("ccx-v1:"));
    size_t prefix = ccx ? sizeof("ccx-v1:") - 1 : sizeof("course-v1:") - 1;
    struct lt_str run = {course.p + prefix, course.n - prefix};
    return lt_str_starts(location, lt_printf(arena, "%s%.*s+type@", ccx ? "ccx-block-v1:" : "block-v1:", LT_FMT(run)));
}

/* Do units lie above it? Then three levels of a course are not enough to find it. */
static bool below_units(struct lt_str location)
{
    static const char *const types[] = {"+type@vertical+", "+type@sequential+", "+type@chapter+", "+type@course+"};
    for (size_t i = 0; i < LT_COUNT(types); i++)
        if (memmem(location.p, location.n, types[i], strlen(types[i])))
            return false;
    return true;
}

static struct lt_str blocks_url(const struct lt_source_call *call, const struct viewer *viewer, struct lt_str usage, const char *depth, bool texts)
{
    struct lt_arena *arena = call->query->arena;
    struct lt_str url = lt_printf(arena, "%.*s/api/courses/v%d/blocks/", LT_FMT(call->source->base_url), call->source->blocks_version);
    if (usage.n > 0)
        url = lt_printf(arena, "%.*s%.*s/", LT_FMT(url), LT_FMT(lt_url_escape(arena, usage)));
    else
        url = lt_source_param(arena, url, "course_id", call->query->course_id);
    url = viewer->all ? lt_source_param(arena, url, "all_blocks", LT_STR("true")) : lt_source_param(arena, url, "username", viewer->username);
    url = lt_source_param(arena, url, "depth", lt_str(depth));
    url = lt_source_param(arena, url, "requested_fields", texts ? lt_str(fields) : LT_STR("children,type,display_name"));
    return texts ? lt_source_param(arena, url, "student_view_data", LT_STR("html,video,problem")) : url;
}

/* ---- reading on a worker ---- */

struct job {
    struct lt_arena *arena;
    struct lt_str body, location;
    enum lt_content_mode mode;
    enum lt_code (*read)(struct job *job, struct lt_error *err);
    void *ret;
    enum lt_code rc;
    struct lt_error *err;
};

static void on_worker(void *arg)
{
    struct job *job = arg;
    job->rc = job->read(job, job->err);
}

static enum lt_code read_sequence_of(struct job *job, struct lt_error *err)
{
    struct lt_edx_tree tree;
    struct lt_str *ret = job->ret;
    if (lt_edx_tree_read(job->arena, job->body, &tree, err))
        return err->code;
    *ret = lt_edx_sequence_of(&tree, job->location);
    return ret->n > 0 ? LT_OK : lt_fail(err, LT_ENOT_FOUND, "the user may not see the place, or it lies in no sequence");
}

static enum lt_code read_content(struct job *job, struct lt_error *err)
{
    struct lt_edx_tree tree;
    if (lt_edx_tree_read(job->arena, job->body, &tree, err))
        return err->code;
    return lt_edx_content(job->arena, &tree, job->mode, job->location, job->ret, err);
}

static enum lt_code read_outline(struct job *job, struct lt_error *err)
{
    struct lt_edx_tree tree;
    if (lt_edx_tree_read(job->arena, job->body, &tree, err))
        return err->code;
    lt_edx_outline(job->arena, &tree, job->ret);
    return LT_OK;
}

static enum lt_code read_link(struct job *job, struct lt_error *err)
{
    struct lt_edx_tree tree;
    struct lt_str *ret = job->ret;
    if (lt_edx_tree_read(job->arena, job->body, &tree, err))
        return err->code;
    *ret = lt_edx_link(&tree, job->location);
    bool web = lt_str_starts(*ret, LT_STR("https://")) || lt_str_starts(*ret, LT_STR("http://"));
    return web ? LT_OK : lt_fail(err, LT_ENOT_FOUND, "the LMS tells no address of the place");
}

static enum lt_code read_course(struct job *job, struct lt_error *err)
{
    return lt_edx_course_read(job->arena, job->body, job->ret, err);
}

static enum lt_code read_olx(struct job *job, struct lt_error *err)
{
    return lt_edx_olx_read(job->arena, job->body, job->location, job->ret, err);
}

/* GET, then `read` over what comes, on a worker. */
static enum lt_code get(struct lt_source_call *call, struct lt_str viewer, struct lt_str url, struct job job, struct lt_error *err)
{
    job.arena = call->query->arena;
    job.err = err;
    if (lt_source_fetch(call, viewer, url, LT_STR_NULL, &job.body, err))
        return err->code;
    enum lt_code rc = lt_work(on_worker, &job);
    if (rc)
        return lt_fail(err, rc, "no worker is free to read the answer");
    return job.rc ? lt_source_bad_answer(call, viewer, url, LT_STR_NULL, err) : LT_OK;
}

/* ---- texts that the LMS does not give ---- */

static bool worth_asking(const struct lt_content_block *block)
{
    return block->text.p == NULL && !lt_str_is(block->category, "discussion");
}

static enum lt_code ask_studio(struct lt_source_call *call, struct lt_content_block *block, struct lt_error *err)
{
    struct lt_arena *arena = call->query->arena;
    struct lt_str url = lt_printf(arena, "%.*s/api/olx-export/v1/xblock/%.*s/", LT_FMT(call->source->studio_url), LT_FMT(lt_url_escape(arena, block->id)));
    /* The text is the same for everybody: who may see the block was the LMS's to say. */
    enum lt_code rc = get(call, LT_STR("studio"), url, (struct job){.location = block->id, .read = read_olx, .ret = block}, err);
    return rc == LT_ENOT_FOUND ? LT_OK : rc;
}

static enum lt_code fill_texts(struct lt_source_call *call, struct lt_content *content, struct lt_error *err)
{
    int asked = 0;
    for (size_t i = 0; i < content->units_n; i++)
        for (size_t k = 0; k < content->units[i].blocks_n; k++) {
            struct lt_content_block *block = &content->units[i].blocks[k];
            bool ask = call->source->studio_url.n > 0 && worth_asking(block);
            if (ask && asked++ < STUDIO_BLOCKS_MAX && ask_studio(call, block, err))
                return err->code;
            if (!block->text.p)
                block->text = LT_STR("");
        }
    return LT_OK;
}

/* ---- location_content ---- */

static enum lt_code content_of(struct lt_source_call *call, void *ret, struct lt_error *err)
{
    const struct lt_content_query *q = call->query;
    struct viewer viewer;
    struct lt_str top = q->location_id;
    if (viewer_of(call, &viewer, err))
        return err->code;
    if (q->mode != LT_CONTENT_UNIT) {
        struct lt_str url = blocks_url(call, &viewer, LT_STR(""), below_units(q->location_id) ? "all" : "3", false);
        if (get(call, viewer.key, url, (struct job){.location = q->location_id, .read = read_sequence_of, .ret = &top}, err))
            return err->code;
    }
    struct job job = {.location = q->location_id, .mode = q->mode, .read = read_content, .ret = ret};
    if (get(call, viewer.key, blocks_url(call, &viewer, top, "all", true), job, err) || fill_texts(call, ret, err))
        return err->code;
    ((struct lt_content *)ret)->stale = call->stale;
    return LT_OK;
}

static enum lt_code location_content(const struct lt_connector *self, const struct lt_content_query *query, struct lt_content *ret,
                                     struct lt_error *err)
{
    (void)self;
    if (!is_course_key(query->course_id) || !in_course(query->arena, query->course_id, query->location_id))
        return lt_fail(err, LT_ENOT_FOUND, "not a place of a course of Open edX");
    return lt_source_each(query, LT_SOURCE_OPENEDX, content_of, ret, err);
}

/* ---- course_info ---- */

static enum lt_code info_of(struct lt_source_call *call, void *ret, struct lt_error *err)
{
    struct lt_arena *arena = call->query->arena;
    struct viewer viewer;
    if (viewer_of(call, &viewer, err))
        return err->code;
    struct lt_str url =
        lt_printf(arena, "%.*s/api/courses/v1/courses/%.*s", LT_FMT(call->source->base_url), LT_FMT(lt_url_escape(arena, call->query->course_id)));
    if (!viewer.all)
        url = lt_source_param(arena, url, "username", viewer.username);
    if (get(call, viewer.key, url, (struct job){.read = read_course, .ret = ret}, err))
        return err->code;
    if (!(call->query->fields & 1u << LT_COURSE_OUTLINE))
        return LT_OK;
    return get(call, viewer.key, blocks_url(call, &viewer, LT_STR(""), "3", false), (struct job){.read = read_outline, .ret = ret}, err);
}

static enum lt_code course_info(const struct lt_connector *self, const struct lt_content_query *query, struct lt_course_info *ret,
                                struct lt_error *err)
{
    (void)self;
    if (!is_course_key(query->course_id))
        return lt_fail(err, LT_ENOT_FOUND, "not a course of Open edX");
    return lt_source_each(query, LT_SOURCE_OPENEDX, info_of, ret, err);
}

/* ---- location_link ---- */

static enum lt_code link_of(struct lt_source_call *call, void *ret, struct lt_error *err)
{
    struct viewer viewer;
    if (viewer_of(call, &viewer, err))
        return err->code;
    struct lt_str url = blocks_url(call, &viewer, call->query->location_id, "0", false);
    return get(call, viewer.key, url, (struct job){.location = call->query->location_id, .read = read_link, .ret = ret}, err);
}

static enum lt_code location_link(const struct lt_connector *self, const struct lt_content_query *query, struct lt_str *ret, struct lt_error *err)
{
    (void)self;
    if (!is_course_key(query->course_id) || !in_course(query->arena, query->course_id, query->location_id))
        return lt_fail(err, LT_ENOT_FOUND, "not a place of a course of Open edX");
    return lt_source_each(query, LT_SOURCE_OPENEDX, link_of, ret, err);
}

struct lt_connector lt_openedx_course(void)
{
    return (struct lt_connector){.location_content = location_content, .course_info = course_info, .location_link = location_link};
}
