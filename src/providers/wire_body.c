/* The request's body, member by member, and its address. */
#include <assert.h>
#include <math.h>

#include "io/url.h"
#include "providers/wire.h"

/* One allocation for most requests: the texts with a little room for escapes, and some for the rest. */
static size_t expected_size(const struct lt_neutral_call *call)
{
    size_t n = 1024;
    for (size_t i = 0; call && i < call->messages_n; i++) {
        n += call->messages[i].content.n + 64;
        for (size_t k = 0; k < call->messages[i].images_n; k++)
            n += call->messages[i].images[k].base64.n + call->messages[i].images[k].url.n + 128;
    }
    for (size_t i = 0; call && i < call->texts_n; i++)
        n += call->texts[i].n + 4;
    n += call ? call->image.prompt.n : 0;
    n += n / 16;
    return n < LT_WIRE_REQUEST_MAX ? n : LT_WIRE_REQUEST_MAX;
}

void lt_wire_begin(struct lt_wire *w)
{
    lt_buf_init(&w->body, LT_WIRE_REQUEST_MAX);
    lt_buf_reserve(&w->body, expected_size(w->run->call));
    w->scope = &w->scopes[0];
    *w->scope = (struct lt_wire_scope){.theirs = {lt_json_get(w->run->settings, "extra"), NULL, lt_json_get(w->config, "body")}};
    const struct lt_json *models = lt_json_get(w->run->settings, "models");
    w->scope->theirs[1] = lt_json_get(lt_json_get_str(models, w->model), "extra");
    lt_jw_init(&w->jw, &w->body);
    lt_jw_obj(&w->jw);
}

void lt_wire_done(struct lt_wire *w)
{
    lt_buf_free(&w->body);
}

static const struct lt_json *their_value(const struct lt_wire_scope *s, struct lt_str key)
{
    for (size_t i = 0; i < LT_COUNT(s->theirs); i++) {
        const struct lt_json *v = lt_json_get_str(s->theirs[i], key);
        if (v)
            return v;
    }
    return NULL;
}

void lt_wire_own(struct lt_wire *w, const char *key)
{
    struct lt_wire_scope *s = w->scope;
    assert(s->written_n < LT_WIRE_WRITTEN_MAX);
    s->written[s->written_n++] = key;
}

static bool is_unknown(const struct lt_wire *w, const char *key)
{
    for (const char *const *name = w->unknown; name && *name; name++)
        if (strcmp(*name, key) == 0)
            return true;
    return false;
}

bool lt_wire_may(struct lt_wire *w, const char *key, bool asked)
{
    const struct lt_json *theirs = their_value(w->scope, lt_str(key));
    bool known = !is_unknown(w, key);
    lt_wire_own(w, key);
    asked &= known;
    if (!theirs)
        return known;
    if (lt_json_type(theirs) == LT_JSON_NULL)
        return false;
    if (!asked)
        lt_jw_kjson(&w->jw, key, theirs);
    return asked;
}

void lt_wire_number(struct lt_wire *w, const char *key, const char *setting, double asked)
{
    if (!lt_wire_may(w, key, !isnan(asked)))
        return;
    double v = isnan(asked) && setting ? lt_json_double_or(lt_wire_setting(w, setting), (double)NAN) : asked;
    if (isnan(v))
        return;
    lt_jw_key(&w->jw, key);
    lt_jw_double(&w->jw, v);
}

void lt_wire_int(struct lt_wire *w, const char *key, const char *setting, int64_t asked, int64_t least)
{
    if (!lt_wire_may(w, key, asked >= least))
        return;
    int64_t v = asked < least && setting ? lt_json_int64_or(lt_wire_setting(w, setting), least - 1) : asked;
    if (v >= least)
        lt_jw_kint(&w->jw, key, v);
}

void lt_wire_json(struct lt_wire *w, const char *key, const struct lt_json *asked)
{
    if (lt_wire_may(w, key, asked) && asked)
        lt_jw_kjson(&w->jw, key, asked);
}

/* The members of extra and body that nobody wrote. */
static void write_rest(struct lt_wire *w)
{
    const struct lt_wire_scope *s = w->scope;
    for (size_t i = 0; i < LT_COUNT(s->theirs); i++)
        for (size_t k = 0; k < lt_json_len(s->theirs[i]); k++) {
            struct lt_str key = lt_json_key_at(s->theirs[i], k);
            const struct lt_json *v = lt_json_at(s->theirs[i], k);
            bool skip = lt_json_type(v) == LT_JSON_NULL || their_value(s, key) != v;
            for (size_t j = 0; !skip && j < s->written_n; j++)
                skip = lt_str_is(key, s->written[j]);
            if (skip)
                continue;
            lt_jw_key_str(&w->jw, key);
            lt_jw_json(&w->jw, v);
        }
}

enum lt_code lt_wire_end(struct lt_wire *w, struct lt_error *err)
{
    write_rest(w);
    lt_jw_end(&w->jw);
    if (w->body.failed)
        return lt_fail(err, LT_ETOO_LARGE, "the request to the AI service would have more than %d bytes", LT_WIRE_REQUEST_MAX);
    return LT_OK;
}

bool lt_wire_open(struct lt_wire *w, const char *key)
{
    const struct lt_json *theirs = their_value(w->scope, lt_str(key));
    assert(w->scope == &w->scopes[0]);
    lt_wire_own(w, key);
    if (lt_json_is(theirs, LT_JSON_NULL))
        return false;
    w->scopes[1] = (struct lt_wire_scope){0};
    for (size_t i = 0; i < LT_COUNT(w->scope->theirs); i++)
        w->scopes[1].theirs[i] = lt_json_get(w->scope->theirs[i], key);
    w->scope = &w->scopes[1];
    w->outer = w->jw;
    w->outer_n = w->body.n;
    lt_jw_key(&w->jw, key);
    lt_jw_obj(&w->jw);
    w->inner_n = w->body.n;
    return true;
}

void lt_wire_close(struct lt_wire *w)
{
    write_rest(w);
    w->scope = &w->scopes[0];
    if (w->body.n == w->inner_n) {
        w->jw = w->outer;
        w->body.n = w->outer_n;
    } else {
        lt_jw_end(&w->jw);
    }
}

/* ---- addresses ---- */

struct lt_str lt_wire_url(const struct lt_wire *w, struct lt_str tail, const char *query)
{
    const struct lt_wire_endpoint *e = &w->endpoint;
    struct lt_str parts[] = {e->path, tail, e->query, LT_STR_NULL, lt_str(query)};
    size_t n = 0;
    if (query && *query)
        parts[3] = e->query.n > 0 ? LT_STR("&") : LT_STR("?");
    for (size_t i = 0; i < LT_COUNT(parts); i++)
        n += parts[i].n;
    char *p = lt_alloc(w->run->arena, n), *at = p;
    for (size_t i = 0; i < LT_COUNT(parts); i++)
        if (parts[i].n > 0)
            at = mempcpy(at, parts[i].p, parts[i].n);
    return (struct lt_str){p, n};
}

struct lt_str lt_wire_escape(struct lt_arena *arena, struct lt_str s)
{
    return lt_url_escape(arena, s);
}
