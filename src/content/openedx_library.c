/* Asking Studio for a library. */
#include "content/openedx_library.h"

#include "content/openedx_read.h"
#include "content/source_connector.h"
#include "io/url.h"
#include "io/worker.h"

enum { PAGES_MAX = 20, PAGE_SIZE = 100, BLOCKS_MAX = PAGES_MAX * PAGE_SIZE };

static bool is_library(struct lt_str id)
{
    return lt_str_starts(id, LT_STR("lib:"));
}

/* Is it a block of this library? */
static bool in_library(struct lt_arena *arena, struct lt_str library, struct lt_str location)
{
    struct lt_str key = {library.p + 4, library.n - 4};
    return lt_str_starts(location, lt_printf(arena, "lb:%.*s:", LT_FMT(key)));
}

static bool is_author(const struct lt_content_query *query)
{
    return lt_permitted(query->caller, "action:generate_question", LT_STR_NULL);
}

static struct lt_str library_url(const struct lt_source_call *call, const char *tail, struct lt_str id, const char *more)
{
    struct lt_arena *arena = call->query->arena;
    return lt_printf(arena, "%.*s/api/libraries/v2/%s%.*s/%s", LT_FMT(call->source->studio_url), tail, LT_FMT(lt_url_escape(arena, id)), more);
}

static enum lt_code get(struct lt_source_call *call, struct lt_str url, struct lt_str *ret, struct lt_error *err)
{
    if (call->source->studio_url.n == 0)
        return lt_fail(err, LT_ENOT_FOUND, "content source '%.*s' has no studio_url", LT_FMT(call->source->name));
    return lt_source_fetch(call, LT_STR("studio"), url, LT_STR_NULL, ret, err);
}

/* ---- location_content ---- */

struct olx_job {
    struct lt_arena *arena;
    struct lt_str body;
    struct lt_content_block *block;
    enum lt_code rc;
    struct lt_error *err;
};

static void read_olx(void *arg)
{
    struct olx_job *job = arg;
    job->rc = lt_edx_olx_read(job->arena, job->body, LT_STR(""), job->block, job->err);
}

static enum lt_code content_of(struct lt_source_call *call, void *ret_content, struct lt_error *err)
{
    const struct lt_content_query *q = call->query;
    struct lt_content *ret = ret_content;
    struct lt_content_unit *unit = LT_NEW(q->arena, struct lt_content_unit);
    struct lt_content_block *block = LT_NEW(q->arena, struct lt_content_block);
    struct lt_str url = library_url(call, "blocks/", q->location_id, ""), body;
    struct olx_job job = {.arena = q->arena, .block = block, .err = err};
    if (get(call, url, &body, err))
        return err->code;
    if (lt_edx_library_block_read(q->arena, body, block, err))
        return lt_source_bad_answer(call, LT_STR("studio"), url, LT_STR_NULL, err);
    url = library_url(call, "blocks/", q->location_id, "olx/");
    if (get(call, url, &job.body, err))
        return err->code;
    enum lt_code rc = lt_work(read_olx, &job);
    if (rc)
        return lt_fail(err, rc, "no worker is free to read the answer");
    if (job.rc)
        return lt_source_bad_answer(call, LT_STR("studio"), url, LT_STR_NULL, err);
    *unit = (struct lt_content_unit){block->id, block->category, block->display_name, block, 1};
    *ret = (struct lt_content){.mode = LT_CONTENT_UNIT, .units = unit, .units_n = 1, .stale = call->stale};
    return LT_OK;
}

/* A block by itself, whatever the mode: a library has no sequences. */
static enum lt_code location_content(const struct lt_connector *self, const struct lt_content_query *query, struct lt_content *ret,
                                     struct lt_error *err)
{
    (void)self;
    if (!is_library(query->course_id) || !in_library(query->arena, query->course_id, query->location_id) || !is_author(query))
        return lt_fail(err, LT_ENOT_FOUND, "not a block of a library that the caller may read");
    return lt_source_each(query, LT_SOURCE_OPENEDX, content_of, ret, err);
}

/* ---- course_info ---- */

static enum lt_code read_blocks(struct lt_source_call *call, struct lt_course_info *ret, struct lt_error *err)
{
    const struct lt_content_query *q = call->query;
    bool more = true;
    ret->outline = LT_NEW_ARRAY(q->arena, struct lt_outline_item, BLOCKS_MAX);
    for (int page = 1; more && page <= PAGES_MAX; page++) {
        struct lt_str body, url = library_url(call, "", q->course_id, "blocks/");
        url = lt_printf(q->arena, "%.*s?pagination=true&page=%d&page_size=%d", LT_FMT(url), page, PAGE_SIZE);
        if (get(call, url, &body, err))
            return err->code;
        if (lt_edx_library_blocks_read(q->arena, body, BLOCKS_MAX, ret, &more, err))
            return lt_source_bad_answer(call, LT_STR("studio"), url, LT_STR_NULL, err);
    }
    return LT_OK;
}

static enum lt_code info_of(struct lt_source_call *call, void *ret, struct lt_error *err)
{
    const struct lt_content_query *q = call->query;
    struct lt_str body, url = library_url(call, "", q->course_id, "");
    if (get(call, url, &body, err))
        return err->code;
    if (lt_edx_library_read(q->arena, body, ret, err))
        return lt_source_bad_answer(call, LT_STR("studio"), url, LT_STR_NULL, err);
    return q->fields & 1u << LT_COURSE_OUTLINE ? read_blocks(call, ret, err) : LT_OK;
}

static enum lt_code course_info(const struct lt_connector *self, const struct lt_content_query *query, struct lt_course_info *ret,
                                struct lt_error *err)
{
    (void)self;
    if (!is_library(query->course_id) || !is_author(query))
        return lt_fail(err, LT_ENOT_FOUND, "not a library that the caller may read");
    return lt_source_each(query, LT_SOURCE_OPENEDX, info_of, ret, err);
}

struct lt_connector lt_openedx_library(void)
{
    return (struct lt_connector){.location_content = location_content, .course_info = course_info};
}
