/* What the connectors of all sources share. */
#include "content/source_connector.h"

#include "io/fiber.h"
#include "io/loop.h"
#include "io/url.h"

static struct lt_source_question question(const struct lt_source_call *call, struct lt_str viewer, struct lt_str url, struct lt_str form)
{
    const struct lt_content_query *query = call->query;
    return (struct lt_source_question){.arena = query->arena,
                                       .source = call->source,
                                       .tls = lt_content_tls(query),
                                       .viewer = viewer,
                                       .url = url,
                                       .form = form,
                                       .deadline_ms = query->deadline_ms};
}

static enum lt_code each(const struct lt_config *config, const struct lt_content_query *query, enum lt_source_kind kind, lt_source_fn fn, void *ret,
                         struct lt_error *err)
{
    size_t n;
    const struct lt_content_source *list = lt_site_sources(config, query->caller->site->id, &n);
    for (size_t i = 0; i < n; i++) {
        if (list[i].kind != kind || !list[i].enabled || !lt_source_has(&list[i], query->course_id))
            continue;
        struct lt_source_call call = {query, &list[i], false};
        enum lt_code rc = fn(&call, ret, err);
        if (rc != LT_ENOT_FOUND)
            return rc;
    }
    return lt_fail(err, LT_ENOT_FOUND, "no content source knows the place");
}

enum lt_code lt_source_each(const struct lt_content_query *query, enum lt_source_kind kind, lt_source_fn fn, void *ret, struct lt_error *err)
{
    struct lt_config *config = lt_fiber_self() ? lt_config_current() : NULL;
    if (!config)
        return lt_fail(err, LT_ENOT_FOUND, "there are no content sources outside a loop");
    lt_config_ref(config);
    enum lt_code rc = each(config, query, kind, fn, ret, err);
    lt_config_unref(config);
    return rc;
}

enum lt_code lt_source_fetch(struct lt_source_call *call, struct lt_str viewer, struct lt_str url, struct lt_str form, struct lt_str *ret_body,
                             struct lt_error *err)
{
    struct lt_source_question q = question(call, viewer, url, form);
    struct lt_source_answer answer;
    if (lt_source_ask(&q, &answer, err))
        return err->code;
    if (answer.status != 200)
        return lt_fail(err, LT_ENOT_FOUND, "content source '%.*s' answered with status %d", LT_FMT(call->source->name), answer.status);
    call->stale = call->stale || answer.stale;
    *ret_body = answer.body;
    return LT_OK;
}

enum lt_code lt_source_bad_answer(struct lt_source_call *call, struct lt_str viewer, struct lt_str url, struct lt_str form, struct lt_error *err)
{
    struct lt_source_question q = question(call, viewer, url, form);
    if (err->code == LT_EUPSTREAM_INVALID || err->code == LT_EUPSTREAM_UNAVAILABLE)
        lt_source_unreadable(&q);
    else if (err->code != LT_ENOT_FOUND)
        lt_source_forget(&q);
    return lt_error_wrap(err, "content source '%.*s'", LT_FMT(call->source->name));
}

struct lt_str lt_source_param(struct lt_arena *arena, struct lt_str url, const char *name, struct lt_str value)
{
    bool first = url.n > 0 && !memchr(url.p, '?', url.n) && memchr(url.p, '/', url.n);
    return lt_printf(arena, "%.*s%s%s=%.*s", LT_FMT(url), url.n == 0 ? "" : first ? "?" : "&", name, LT_FMT(lt_url_escape(arena, value)));
}
