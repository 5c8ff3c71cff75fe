/* How far the index of a course is, and the fiber that brings it on. See search_index.h. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "content/search_index.h"
#include "core/sole.h"

enum { LOOK_MS = 1000, PAUSE_MS = 30000 /* after a failure */, COURSES_MAX = 10000 };

enum lt_code lt_index_state(struct lt_store *store, struct lt_arena *arena, const struct lt_site *site, const struct lt_stored_course *course,
                            struct lt_index_state *ret, struct lt_error *err)
{
    struct lt_rows r;
    *ret = (struct lt_index_state){.state = "waiting", .vectors = "off", .model = LT_STR(""), .error = LT_STR(""), .detail = LT_STR(""), .source = LT_STR("")};
    if (LT_QUERY(store, arena, &r, err,
                 "SELECT revision, source, model, dimension, embedded_revision, error, why, retry_at, updated_at, "
                 "(SELECT count(*) FROM course_chunk k WHERE k.course = i.course), (SELECT count(*) FROM course_vector v WHERE v.course = i.course) "
                 "FROM course_index i WHERE i.course = $1",
                 LT_INT(course->id)))
        return err->code;
    bool possible = lt_vectors_source_of(arena, site).instance_id != 0;
    if (possible)
        ret->vectors = "waiting";
    if (r.rows == 0)
        return LT_OK;
    ret->revision = lt_rows_int(&r, 0, 0);
    ret->source = lt_rows_str(&r, 0, 1);
    ret->model = lt_rows_str(&r, 0, 2);
    ret->dimension = lt_rows_int(&r, 0, 3);
    ret->embedded_revision = lt_rows_int(&r, 0, 4);
    ret->error = lt_rows_str(&r, 0, 5);
    ret->detail = lt_rows_str(&r, 0, 6);
    ret->retry_at = lt_rows_int(&r, 0, 7);
    ret->updated_at = lt_rows_int(&r, 0, 8);
    ret->chunks = lt_rows_int(&r, 0, 9);
    ret->embedded = lt_rows_int(&r, 0, 10);
    ret->state = ret->revision == course->revision ? "ready" : "waiting";
    if (possible && ret->embedded_revision == course->revision)
        ret->vectors = "ready";
    else if (possible && ret->error.n > 0)
        ret->vectors = "failed";
    return LT_OK;
}

void lt_index_write(struct lt_jw *w, const struct lt_stored_course *course, const struct lt_index_state *s)
{
    lt_jw_obj(w);
    lt_jw_kstr(w, "course_id", course->course_id);
    lt_jw_kstrz(w, "state", s->state);
    lt_jw_kint(w, "chunks", s->chunks);
    lt_jw_kstrz(w, "vectors", s->vectors);
    lt_jw_kint(w, "embedded", s->embedded);
    lt_jw_kstr(w, "model", s->model);
    lt_jw_kint(w, "dimension", s->dimension);
    lt_jw_kstr(w, "error", s->error);
    lt_jw_kstr(w, "detail", s->detail);
    lt_jw_ktime(w, "retry_at", s->retry_at);
    lt_jw_ktime(w, "updated_at", s->updated_at);
    lt_jw_end(w);
}

/* ---- in the background ---- */

struct lt_indexer {
    struct lt_store *store;
    struct lt_manager *manager;
    struct lt_sole lease;              /* one process indexes: vectors cost money */
    bool failed;                       /* a course could not be indexed at the last look */
};

struct lt_indexer *lt_indexer_new(struct lt_store *store, struct lt_manager *manager)
{
    struct lt_indexer *x = calloc(1, sizeof(*x));
    if (!x)
        lt_out_of_memory(0);
    x->store = store;
    x->manager = manager;
    lt_sole_init(&x->lease, store, "course index");
    return x;
}

void lt_indexer_free(struct lt_indexer *x)
{
    free(x);
}

static struct lt_site *site_of(struct lt_config *config, int64_t id)
{
    for (size_t i = 0; i < config->sites_n; i++)
        if (config->sites[i].id == id)
            return &config->sites[i];
    return NULL;
}

/* Behind are the texts, or the vectors, whose time has come. */
static bool is_due(struct lt_arena *arena, const struct lt_rows *r, size_t i, const struct lt_site *site)
{
    int64_t revision = lt_rows_int(r, i, 2);
    if (lt_rows_int(r, i, 5) != revision)
        return true;
    struct lt_vectors_source source = lt_vectors_source_of(arena, site);
    return source.instance_id && lt_rows_int(r, i, 8) <= lt_now_ms() &&
           (!lt_str_eq(lt_rows_str(r, i, 6), source.name) || lt_rows_int(r, i, 7) != revision);
}

/* Whoever removed the course needs to know nothing of its index. */
static enum lt_code forget_gone(struct lt_indexer *x, struct lt_arena *arena, struct lt_error *err)
{
    struct lt_rows r;
    if (LT_QUERY(x->store, arena, &r, err, "SELECT i.course FROM course_index i WHERE NOT EXISTS (SELECT 1 FROM course c WHERE c.id = i.course)"))
        return err->code;
    for (size_t i = 0; i < r.rows; i++) {
        struct lt_tx *tx = lt_tx_new();
        lt_index_forget(x->store, tx, lt_rows_int(&r, i, 0));
        if (lt_store_write(x->store, tx, err))
            return err->code;
    }
    return LT_OK;
}

static enum lt_code look(struct lt_indexer *x, struct lt_config *config, struct lt_arena *arena, struct lt_error *err)
{
    struct lt_rows r;
    if (lt_store_query(x->store, arena,
                       "SELECT c.id, c.site_id, c.revision, c.course_id, c.language, i.revision, i.source, i.embedded_revision, i.retry_at "
                       "FROM course c LEFT JOIN course_index i ON i.course = c.id WHERE c.revision > 0 ORDER BY c.id",
                       NULL, 0, COURSES_MAX, &r, err))
        return err->code;
    for (size_t i = 0; i < r.rows; i++) {
        struct lt_site *site = site_of(config, lt_rows_int(&r, i, 1));
        if (!site || !site->enabled || !is_due(arena, &r, i, site))
            continue;
        const struct lt_stored_course course = {.id = lt_rows_int(&r, i, 0), .revision = lt_rows_int(&r, i, 2), .course_id = lt_rows_str(&r, i, 3),
                                                .title = LT_STR(""), .language = lt_rows_str(&r, i, 4)};
        const struct lt_index_work work = {.store = x->store, .manager = x->manager, .config = config, .site = site, .lease = &x->lease};
        enum lt_code rc = lt_index_course(&work, &course, err);
        if (rc == LT_ECANCELLED || rc == LT_ESTORE)
            return rc;
        if (rc && rc != LT_ECONFLICT) {
            x->failed = true;
            lt_log_error("course.index", err);
        } else if (rc == LT_OK)
            lt_log(LT_LOG_INFO, "course.indexed", LT_SS("course", course.course_id), LT_I("revision", course.revision));
    }
    return LT_OK;
}

void lt_indexer_run(struct lt_indexer *x)
{
    lt_fiber_set_name("indexer");
    while (lt_fiber_sleep(x->failed ? PAUSE_MS : LOOK_MS) != LT_ECANCELLED) {
        struct lt_error err;
        struct lt_arena *arena = lt_arena_new();
        struct lt_config *config = lt_config_ref(lt_config_current());
        x->failed = false;
        bool held = false;
        enum lt_code rc = lt_sole_take(&x->lease, &held, &err);
        if (rc == LT_OK && held)
            rc = forget_gone(x, arena, &err) ? err.code : look(x, config, arena, &err);
        if (rc && rc != LT_ECANCELLED) {
            x->failed = true;
            lt_log_error("course.index", &err);
        }
        lt_config_unref(config);
        lt_arena_free(arena);
    }
    lt_sole_give_back(&x->lease);
}
