/*
 * The demo course: share/demo/course.json and the units that it names. Units are known by their id ("plants") and by the key that Open edX
 * would give them (block-v1:…+type@vertical+block@plants). A unit has one block of HTML. Everybody on the demo site may see all of it.
 */
#include "content/demo_course.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/file.h"
#include "io/worker.h"
#include "text/html_text.h"

enum { FILE_MAX = 256 * 1024 };

struct job;
typedef enum lt_code (*work_fn)(struct job *job, struct lt_error *err);

/* One question, worked on by a worker; the asking fiber waits, so that the worker may use its arena. */
struct job {
    const struct lt_content_query *query;
    const char *share_dir;
    work_fn work;
    const struct lt_json *course;
    void *ret;                         /* of the kind that `work` fills */
    enum lt_code rc;
    struct lt_error *err;
};

static struct lt_str member(const struct lt_json *object, const char *key)
{
    return lt_json_str_or(lt_json_get(object, key), LT_STR(""));
}

/* ---- files ---- */

static enum lt_code read_file(struct job *job, struct lt_str name, struct lt_str *ret, struct lt_error *err)
{
    struct lt_arena *arena = job->query->arena;
    const char *path = lt_strz(arena, lt_printf(arena, "%s/demo/%.*s", job->share_dir, LT_FMT(name)));
    char *text = lt_alloc(arena, FILE_MAX);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    long n = fd < 0 ? -1 : lt_fd_read(fd, text, FILE_MAX);
    int why = errno;
    if (fd >= 0)
        close(fd);
    if (n < 0)
        return lt_fail(err, LT_EIO, "%s: %s", path, strerror(why));
    if (n == FILE_MAX)
        return lt_fail(err, LT_ETOO_LARGE, "%s: has %d bytes or more", path, FILE_MAX);
    *ret = (struct lt_str){text, (size_t)n};
    return LT_OK;
}

static enum lt_code read_course(struct job *job, struct lt_error *err)
{
    struct lt_str text;
    if (read_file(job, LT_STR("course.json"), &text, err) || lt_json_parse(job->query->arena, text, LT_JSON_STRICT, &job->course, err))
        return lt_error_wrap(err, "demo course");
    if (!lt_str_eq(member(job->course, "id"), job->query->course_id))
        return lt_fail(err, LT_ENOT_FOUND, "the demo course is another");
    return LT_OK;
}

/* ---- places ---- */

static const struct lt_json *units(const struct job *job)
{
    return lt_json_get(job->course, "units");
}

/* The same unit as Open edX would name it. */
static struct lt_str block_key(const struct job *job, struct lt_str unit_id)
{
    struct lt_str run = member(job->course, "id"), prefix = LT_STR("course-v1:");
    if (lt_str_starts(run, prefix))
        run = (struct lt_str){run.p + prefix.n, run.n - prefix.n};
    return lt_printf(job->query->arena, "block-v1:%.*s+type@vertical+block@%.*s", LT_FMT(run), LT_FMT(unit_id));
}

static enum lt_code find_unit(const struct job *job, size_t *ret, struct lt_error *err)
{
    struct lt_str wanted = job->query->location_id;
    for (size_t i = 0; i < lt_json_len(units(job)); i++) {
        struct lt_str id = member(lt_json_at(units(job), i), "id");
        *ret = i;
        if (lt_str_eq(id, wanted) || lt_str_eq(block_key(job, id), wanted))
            return LT_OK;
    }
    return lt_fail(err, LT_ENOT_FOUND, "the demo course has no such unit");
}

/* ---- location_content ---- */

static enum lt_code read_unit(struct job *job, const struct lt_json *unit, struct lt_content_unit *ret, struct lt_error *err)
{
    struct lt_str html, title = member(unit, "title");
    struct lt_content_block *block = LT_NEW(job->query->arena, struct lt_content_block);
    *ret = (struct lt_content_unit){.id = member(unit, "id"), .category = LT_STR("vertical"), .display_name = title, .blocks = block, .blocks_n = 1};
    *block = (struct lt_content_block){.id = ret->id, .category = LT_STR("html"), .display_name = title};
    if (read_file(job, member(unit, "file"), &html, err) || lt_html_text(job->query->arena, html, &block->text, err))
        return lt_error_wrap(err, "unit '%.*s'", LT_FMT(ret->id));
    return LT_OK;
}

static struct lt_str sequence_name(const struct job *job, struct lt_str id)
{
    const struct lt_json *list = lt_json_get(job->course, "sequences");
    for (size_t i = 0; i < lt_json_len(list); i++)
        if (lt_str_eq(member(lt_json_at(list, i), "id"), id))
            return member(lt_json_at(list, i), "title");
    return LT_STR("");
}

static enum lt_code work_content(struct job *job, struct lt_error *err)
{
    struct lt_content *ret = job->ret;
    enum lt_content_mode mode = job->query->mode;
    size_t current, n = lt_json_len(units(job));
    if (find_unit(job, &current, err))
        return err->code;
    struct lt_str sequence = member(lt_json_at(units(job), current), "sequence");
    *ret = (struct lt_content){.mode = mode, .units = LT_NEW_ARRAY(job->query->arena, struct lt_content_unit, n)};
    if (mode != LT_CONTENT_UNIT) {
        ret->sequence_id = sequence;
        ret->sequence_name = sequence_name(job, sequence);
    }
    for (size_t i = mode == LT_CONTENT_UNIT ? current : 0; i < n && (mode == LT_CONTENT_SEQUENCE || i <= current); i++) {
        const struct lt_json *unit = lt_json_at(units(job), i);
        if (lt_str_eq(member(unit, "sequence"), sequence) && read_unit(job, unit, &ret->units[ret->units_n++], err))
            return err->code;
    }
    return LT_OK;
}

/* ---- course_info ---- */

static void put_outline(struct job *job, struct lt_course_info *ret)
{
    const struct lt_json *sequences = lt_json_get(job->course, "sequences");
    ret->outline = LT_NEW_ARRAY(job->query->arena, struct lt_outline_item, lt_json_len(sequences) + lt_json_len(sequences) * lt_json_len(units(job)));
    for (size_t i = 0; i < lt_json_len(sequences); i++) {
        const struct lt_json *sequence = lt_json_at(sequences, i);
        ret->outline[ret->outline_n++] = (struct lt_outline_item){
            .id = member(sequence, "id"), .category = LT_STR("sequential"), .display_name = member(sequence, "title")};
        for (size_t k = 0; k < lt_json_len(units(job)); k++) {
            const struct lt_json *unit = lt_json_at(units(job), k);
            if (lt_str_eq(member(unit, "sequence"), member(sequence, "id")))
                ret->outline[ret->outline_n++] = (struct lt_outline_item){
                    .id = member(unit, "id"), .category = LT_STR("vertical"), .display_name = member(unit, "title"), .depth = 1};
        }
    }
}

static enum lt_code work_info(struct job *job, struct lt_error *err)
{
    static const char *const keys[LT_COURSE_TEXTS] = {"title", "subtitle", "short_description", "description", "overview", "syllabus", "duration"};
    struct lt_course_info *ret = job->ret;
    (void)err;
    for (int i = 0; i < LT_COURSE_TEXTS; i++)
        ret->texts[i] = lt_json_str(lt_json_get(job->course, keys[i]));
    if (job->query->fields & 1u << LT_COURSE_OUTLINE)
        put_outline(job, ret);
    return LT_OK;
}

/* ---- location_link ---- */

static enum lt_code work_link(struct job *job, struct lt_error *err)
{
    size_t i;
    if (find_unit(job, &i, err))
        return err->code;
    *(struct lt_str *)job->ret = lt_printf(job->query->arena, "/demo/units/%.*s", LT_FMT(member(lt_json_at(units(job), i), "id")));
    return LT_OK;
}

/* ---- asking ---- */

static void on_worker(void *arg)
{
    struct job *job = arg;
    job->rc = read_course(job, job->err);
    if (job->rc == LT_OK)
        job->rc = job->work(job, job->err);
}

static enum lt_code ask(const struct lt_connector *self, const struct lt_content_query *query, work_fn work, void *ret, struct lt_error *err)
{
    struct job job = {.query = query, .share_dir = self->arg, .work = work, .ret = ret, .err = err};
    if (!lt_str_is(query->caller->site->slug, "demo"))
        return lt_fail(err, LT_ENOT_FOUND, "the site is not the demo's");
    enum lt_code rc = lt_work(on_worker, &job);
    return rc ? lt_fail(err, rc, "reading the demo course") : job.rc;
}

static enum lt_code location_content(const struct lt_connector *self, const struct lt_content_query *query, struct lt_content *ret,
                                     struct lt_error *err)
{
    return ask(self, query, work_content, ret, err);
}

static enum lt_code course_info(const struct lt_connector *self, const struct lt_content_query *query, struct lt_course_info *ret,
                                struct lt_error *err)
{
    return ask(self, query, work_info, ret, err);
}

static enum lt_code location_link(const struct lt_connector *self, const struct lt_content_query *query, struct lt_str *ret, struct lt_error *err)
{
    return ask(self, query, work_link, ret, err);
}

struct lt_connector lt_demo_course(const char *share_dir)
{
    return (struct lt_connector){
        .location_content = location_content, .course_info = course_info, .location_link = location_link, .arg = share_dir};
}
