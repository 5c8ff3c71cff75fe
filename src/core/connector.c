/* Asking the content connectors in order, and writing what they give. */
#include "core/connector.h"

#include <limits.h>

#include "core/manager_private.h"
#include "core/registry.h"
#include "io/worker.h"
#include "text/html_text.h"

/* ---- names ---- */

static const char *const modes[LT_CONTENT_MODES] = {"unit", "up_to_current_unit", "sequence"};

const char *lt_content_mode_name(enum lt_content_mode mode)
{
    return modes[mode];
}

int lt_content_mode_parse(struct lt_str name)
{
    for (int i = 0; i < LT_CONTENT_MODES; i++)
        if (lt_str_is(name, modes[i]))
            return i;
    return -1;
}

#define X(symbol, name) name,
static const char *const fields[LT_COURSE_FIELDS_N] = {LT_COURSE_FIELDS(X)};
#undef X

static int field_parse(struct lt_str name)
{
    for (int i = 0; i < LT_COURSE_FIELDS_N; i++)
        if (lt_str_is(name, fields[i]))
            return i;
    return -1;
}

enum lt_code lt_course_fields_parse(const struct lt_json *names, unsigned *ret, struct lt_error *err)
{
    *ret = (1u << LT_COURSE_TEXTS) - 1;
    if (!names || lt_json_is(names, LT_JSON_NULL))
        return LT_OK;
    if (!lt_json_is(names, LT_JSON_ARRAY))
        return lt_fail_field(err, LT_EINVALID_INPUT, "/fields", "must be a list of names");
    *ret = 0;
    for (size_t i = 0; i < lt_json_len(names); i++) {
        struct lt_str name = lt_json_str(lt_json_at(names, i));
        int field = field_parse(name);
        if (field < 0)
            return lt_fail_field(err, LT_EINVALID_INPUT, "/fields", "'%.*s' is none of title, subtitle, short_description, description, overview, "
                                 "syllabus, duration, outline", LT_FMT(lt_content_first(name, 60)));
        *ret |= 1u << field;
    }
    return LT_OK;
}

/* ---- asking ---- */

/* Asks one connector; `ret` is of the kind that the question wants. */
typedef enum lt_code (*ask_fn)(const struct lt_connector *c, const struct lt_content_query *query, void *ret, struct lt_error *err);

static enum lt_code unable(struct lt_error *err)
{
    return lt_fail(err, LT_ENOT_FOUND, "the connector does not tell this");
}

static enum lt_code ask_content(const struct lt_connector *c, const struct lt_content_query *query, void *ret, struct lt_error *err)
{
    return c->location_content ? c->location_content(c, query, ret, err) : unable(err);
}

static enum lt_code ask_info(const struct lt_connector *c, const struct lt_content_query *query, void *ret, struct lt_error *err)
{
    return c->course_info ? c->course_info(c, query, ret, err) : unable(err);
}

static enum lt_code ask_link(const struct lt_connector *c, const struct lt_content_query *query, void *ret, struct lt_error *err)
{
    return c->location_link ? c->location_link(c, query, ret, err) : unable(err);
}

static enum lt_code ask(const struct lt_content_query *query, ask_fn fn, void *ret, struct lt_error *err)
{
    struct lt_str only = query->caller->only_course;
    if (only.n > 0 && !lt_str_eq(only, query->course_id))
        return lt_fail(err, LT_EPERMISSION, "the token is for course '%.*s'", LT_FMT(only));
    for (size_t i = 0; query->course_id.n > 0 && i < lt_registry_count(LT_KIND_CONNECTOR); i++) {
        enum lt_code rc = fn(lt_registry_at(LT_KIND_CONNECTOR, i)->impl, query, ret, err);
        if (rc != LT_ENOT_FOUND)
            return rc;
    }
    return lt_fail(err, LT_ENOT_FOUND, query->course_id.n > 0 ? "no content connector knows this course, or this place in it" : "no course is named");
}

struct lt_str lt_content_first(struct lt_str text, int64_t max)
{
    size_t i = 0;
    for (int64_t n = 0; i < text.n && n < max; n++)
        for (i++; i < text.n && ((unsigned char)text.p[i] & 0xC0) == 0x80; i++)
            ;
    return (struct lt_str){text.p, i};
}

struct lt_str lt_content_lines(struct lt_str text, int64_t tokens)
{
    if (tokens > (int64_t)(text.n / LT_CONTENT_TOKEN_BYTES))
        return text;
    size_t n = (size_t)tokens * LT_CONTENT_TOKEN_BYTES;
    if (n >= text.n)
        return text;
    while (n > 0 && text.p[n] != '\n')
        n--;
    return (struct lt_str){text.p, n};
}

/* ---- inline ---- */

static const char *const elements[] = {"html", "body", "div", "p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "table", "section", "article", "main",
                                       "span", "strong", "em", "b", "i", "a", "blockquote", "figure", "header", "pre", "iframe", "video", "audio"};

static bool finds_ci(struct lt_str text, const char *part)
{
    size_t n = strlen(part);
    for (size_t i = 0; i + n <= text.n; i++)
        if (text.p[i] == part[0] && lt_str_eq_ci((struct lt_str){text.p + i, n}, lt_str(part)))
            return true;
    return false;
}

static bool looks_like_html(struct lt_str text)
{
    text = lt_str_trim(text);
    if (text.n > 9 && lt_str_eq_ci((struct lt_str){text.p, 9}, LT_STR("<!doctype")))
        return true;
    for (size_t i = 0; text.n > 2 && text.p[0] == '<' && i < LT_COUNT(elements); i++) {
        size_t n = strlen(elements[i]);
        bool begins = text.n > n + 1 && lt_str_eq_ci((struct lt_str){text.p + 1, n}, lt_str(elements[i])) && strchr("> \t\r\n", text.p[n + 1]);
        char end[16];
        snprintf(end, sizeof(end), "</%s", elements[i]);
        if (begins)
            return finds_ci(text, end);
    }
    return false;
}

struct inline_job {
    struct lt_arena *arena;
    struct lt_str html, text;
    enum lt_code rc;
    struct lt_error *err;
};

static void read_inline(void *arg)
{
    struct inline_job *job = arg;
    job->rc = lt_html_text(job->arena, job->html, &job->text, job->err);
}

enum lt_code lt_content_inline(struct lt_arena *arena, struct lt_str content, struct lt_str type, struct lt_str *ret, struct lt_error *err)
{
    struct inline_job job = {.arena = arena, .html = content, .err = err};
    bool said = lt_str_is(type, "text/html");
    *ret = content;
    if (!said && (type.n > 0 || !looks_like_html(content)))
        return LT_OK;
    enum lt_code rc = lt_work(read_inline, &job);
    if (rc)
        return lt_fail(err, rc, "no worker is free to read the content");
    if (job.rc == LT_OK)
        *ret = job.text;
    return said ? job.rc : LT_OK;
}

/* Answers that learners cannot see at any time reach neither them nor a model that talks with them. */
static void add_answers(struct lt_arena *arena, struct lt_content_block *block)
{
    if (block->answers.n > 0 && lt_str_is(block->showanswer, "always"))
        block->text = lt_printf(arena, "%.*s\n%.*s", LT_FMT(block->text), LT_FMT(block->answers));
    block->answers = LT_STR("");
}

static void show_answers(struct lt_arena *arena, struct lt_content *content)
{
    for (size_t i = 0; i < content->units_n; i++)
        for (size_t k = 0; k < content->units[i].blocks_n; k++)
            add_answers(arena, &content->units[i].blocks[k]);
}

static void cut(struct lt_content *content, int64_t limit)
{
    int64_t n = 0;
    for (size_t i = 0; i < content->units_n; i++)
        n += (int64_t)content->units[i].blocks_n;
    for (size_t i = 0; i < content->units_n; i++)
        for (size_t k = 0; k < content->units[i].blocks_n; k++) {
            struct lt_content_block *block = &content->units[i].blocks[k];
            struct lt_str part = lt_content_first(block->text, limit / n);
            block->cut = part.n < block->text.n;
            block->text = part;
        }
}

/* ---- the token budget ---- */

static int64_t tokens_of(const struct lt_content_block *block)
{
    return (int64_t)(block->display_name.n + block->text.n + LT_CONTENT_TOKEN_BYTES - 1) / LT_CONTENT_TOKEN_BYTES;
}

/* The unit of the location; the last one of those up to it, else the first, when none bears its name. */
static size_t own_unit(const struct lt_content_query *query, const struct lt_content *content)
{
    for (size_t i = 0; i < content->units_n; i++) {
        const struct lt_content_unit *unit = &content->units[i];
        if (lt_str_eq(unit->id, query->location_id))
            return i;
        for (size_t k = 0; k < unit->blocks_n; k++)
            if (lt_str_eq(unit->blocks[k].id, query->location_id))
                return i;
    }
    return content->mode == LT_CONTENT_UP_TO_CURRENT_UNIT && content->units_n > 0 ? content->units_n - 1 : 0;
}

/* Takes out the blocks that do not fit into what is left. */
static void fit_unit(struct lt_arena *arena, struct lt_content *content, struct lt_content_unit *unit, int64_t *left)
{
    size_t kept = 0;
    for (size_t k = 0; k < unit->blocks_n; k++) {
        int64_t tokens = tokens_of(&unit->blocks[k]);
        if (tokens <= *left) {
            *left -= tokens;
            unit->blocks[kept++] = unit->blocks[k];
            continue;
        }
        if (!content->left_out)
            content->left_out = LT_NEW_ARRAY(arena, struct lt_str, LT_CONTENT_LEFT_OUT_SHOWN);
        if (content->left_out_n < LT_CONTENT_LEFT_OUT_SHOWN)
            content->left_out[content->left_out_n] = unit->blocks[k].id;
        content->left_out_n++;
    }
    unit->blocks_n = kept;
}

static void fit(const struct lt_content_query *query, struct lt_content *content)
{
    int64_t left = query->token_limit;
    size_t own = own_unit(query, content);
    for (size_t i = own + 1; content->units_n > 0 && i-- > 0;) /* the own one, then those before it, the nearest first */
        fit_unit(query->arena, content, &content->units[i], &left);
    for (size_t i = own + 1; i < content->units_n; i++)
        fit_unit(query->arena, content, &content->units[i], &left);
}

struct lt_tls *lt_content_tls(const struct lt_content_query *query)
{
    return query->manager ? query->manager->tls : NULL;
}

enum lt_code lt_content_location(const struct lt_content_query *query, struct lt_content *ret, struct lt_error *err)
{
    *ret = (struct lt_content){0};
    if (ask(query, ask_content, ret, err))
        return err->code;
    show_answers(query->arena, ret);
    if (query->char_limit > 0)
        cut(ret, query->char_limit);
    if (query->token_limit > 0)
        fit(query, ret);
    return LT_OK;
}

enum lt_code lt_content_course(const struct lt_content_query *query, struct lt_course_info *ret, struct lt_error *err)
{
    *ret = (struct lt_course_info){0};
    return ask(query, ask_info, ret, err);
}

enum lt_code lt_content_link(const struct lt_content_query *query, struct lt_str *ret, struct lt_error *err)
{
    *ret = LT_STR("");
    return ask(query, ask_link, ret, err);
}

/* ---- writing ---- */

static enum lt_code written(struct lt_arena *arena, struct lt_buf *out, struct lt_str *ret, struct lt_error *err)
{
    bool failed = out->failed;
    *ret = failed ? LT_STR("") : lt_str_copy(arena, lt_buf_str(out));
    lt_buf_free(out);
    return failed ? lt_fail(err, LT_ETOO_LARGE, "the content is larger than %d bytes", LT_CONTENT_TEXT_MAX) : LT_OK;
}

static void write_block(struct lt_jw *w, const struct lt_content_block *block)
{
    lt_jw_obj(w);
    lt_jw_kstr(w, "block_id", block->id);
    lt_jw_kstr(w, "display_name", block->display_name);
    lt_jw_kstr(w, "category", block->category);
    lt_jw_kstr(w, "text", block->text);
    if (block->cut)
        lt_jw_kbool(w, "cut", true);
    lt_jw_end(w);
}

static void write_state(struct lt_jw *w, const struct lt_content *content)
{
    if (content->left_out_n > 0) {
        lt_jw_key(w, "left_out");
        lt_jw_obj(w);
        lt_jw_kint(w, "count", (int64_t)content->left_out_n);
        lt_jw_key(w, "block_ids");
        lt_jw_arr(w);
        for (size_t i = 0; i < content->left_out_n && i < LT_CONTENT_LEFT_OUT_SHOWN; i++)
            lt_jw_str(w, content->left_out[i]);
        lt_jw_end(w);
        lt_jw_end(w);
    }
    if (content->stale)
        lt_jw_kbool(w, "stale", true);
}

/* whole: the unit alone is the content, and says what is to be said of it; else NULL. */
static void write_unit(struct lt_jw *w, const struct lt_content_unit *unit, const struct lt_content *whole)
{
    lt_jw_obj(w);
    lt_jw_kstr(w, "unit_id", unit->id);
    lt_jw_kstr(w, "display_name", unit->display_name);
    lt_jw_kstr(w, "category", unit->category);
    lt_jw_key(w, "blocks");
    lt_jw_arr(w);
    for (size_t i = 0; i < unit->blocks_n; i++)
        write_block(w, &unit->blocks[i]);
    lt_jw_end(w);
    if (whole)
        write_state(w, whole);
    lt_jw_end(w);
}

static void write_sequence(struct lt_jw *w, const struct lt_content *content)
{
    lt_jw_obj(w);
    lt_jw_kstr(w, "sequence_id", content->sequence_id);
    lt_jw_kstr(w, "display_name", content->sequence_name);
    lt_jw_kstrz(w, "retrieval_mode", lt_content_mode_name(content->mode));
    lt_jw_key(w, "units");
    lt_jw_arr(w);
    for (size_t i = 0; i < content->units_n; i++)
        write_unit(w, &content->units[i], NULL);
    lt_jw_end(w);
    write_state(w, content);
    lt_jw_end(w);
}

enum lt_code lt_content_json(struct lt_arena *arena, const struct lt_content *content, struct lt_str *ret, struct lt_error *err)
{
    struct lt_buf out;
    struct lt_jw w;
    lt_buf_init(&out, LT_CONTENT_TEXT_MAX);
    lt_jw_init(&w, &out);
    if (content->mode == LT_CONTENT_UNIT && content->units_n == 1)
        write_unit(&w, &content->units[0], content);
    else
        write_sequence(&w, content);
    return written(arena, &out, ret, err);
}

static void put_paragraph(struct lt_buf *out, struct lt_str text)
{
    text = lt_str_trim(text);
    if (text.n == 0)
        return;
    if (out->n > 0)
        lt_buf_put_str(out, LT_STR("\n\n"));
    lt_buf_put_str(out, text);
}

enum lt_code lt_content_plain(struct lt_arena *arena, const struct lt_content *content, struct lt_str *ret, struct lt_error *err)
{
    struct lt_buf out;
    lt_buf_init(&out, LT_CONTENT_TEXT_MAX);
    for (size_t i = 0; i < content->units_n; i++) {
        put_paragraph(&out, content->units[i].display_name);
        for (size_t k = 0; k < content->units[i].blocks_n; k++)
            put_paragraph(&out, content->units[i].blocks[k].text);
    }
    return written(arena, &out, ret, err);
}

/* The items from i on that are deeper than `above`; returns the first one that is not. */
static size_t write_outline(struct lt_jw *w, const struct lt_course_info *info, size_t i, int above, int level)
{
    lt_jw_arr(w);
    while (i < info->outline_n && info->outline[i].depth > above) {
        const struct lt_outline_item *item = &info->outline[i];
        lt_jw_obj(w);
        lt_jw_kstr(w, "id", item->id);
        lt_jw_kstr(w, "display_name", item->display_name);
        lt_jw_kstr(w, "category", item->category);
        lt_jw_key(w, "children");
        i = write_outline(w, info, i + 1, level + 1 < LT_CONTENT_OUTLINE_DEPTH ? item->depth : INT_MAX, level + 1);
        lt_jw_end(w);
    }
    lt_jw_end(w);
    return i;
}

enum lt_code lt_course_info_json(struct lt_arena *arena, const struct lt_course_info *info, unsigned wanted, struct lt_str *ret,
                                 struct lt_error *err)
{
    struct lt_buf out;
    struct lt_jw w;
    lt_buf_init(&out, LT_CONTENT_TEXT_MAX);
    lt_jw_init(&w, &out);
    lt_jw_obj(&w);
    for (int i = 0; i < LT_COURSE_TEXTS; i++)
        if (wanted & 1u << i)
            lt_jw_kstr_or_null(&w, fields[i], info->texts[i]);
    if (wanted & 1u << LT_COURSE_OUTLINE) {
        lt_jw_key(&w, fields[LT_COURSE_OUTLINE]);
        write_outline(&w, info, 0, INT_MIN, 0);
    }
    lt_jw_end(&w);
    return written(arena, &out, ret, err);
}
