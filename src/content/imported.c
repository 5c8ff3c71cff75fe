/* Rows of course_block: what lies in a row stands from its position to its ending. */
#include "content/imported.h"

#include "content/course_sight.h"
#include "core/manager_private.h"
#include "text/json.h"

#define COLUMNS                                                                                                              \
    "b.position, b.parent, b.ending, b.kind, b.block_id, b.category, b.display_name, b.hidden, b.visible_from, b.visible_until, b.groups, b.url"
#define TEXTS ", b.text, b.answers, b.showanswer"

enum { TRIES = 3 /* a course may be imported anew between two questions */, OUTLINE_MAX = 10000 /* rows */ };

/* One question about one course. */
struct asked {
    const struct lt_content_query *query;
    struct lt_store *store;
    int64_t course, revision;
    struct lt_str format, title, about;
    struct lt_sight sight;
};

static bool is_kind(const struct lt_rows *r, size_t i, const char *kind)
{
    return lt_str_is(lt_rows_str(r, i, 3), kind);
}

/* May the caller see the row, as far as it speaks for itself? */
static bool visible(const struct asked *a, const struct lt_rows *r, size_t i)
{
    return lt_sight_sees(&a->sight, lt_rows_int(r, i, 7) != 0, lt_rows_int(r, i, 8), lt_rows_int(r, i, 9), lt_rows_str(r, i, 10));
}

static enum lt_code no_place(struct lt_error *err)
{
    return lt_fail(err, LT_ENOT_FOUND, "the imported course has no such place that the user may see");
}

/* ---- the course ---- */

static enum lt_code read_course(struct asked *a, struct lt_error *err)
{
    struct lt_rows r;
    if (LT_QUERY(a->store, a->query->arena, &r, err,
                 "SELECT id, revision, format, title, about FROM course WHERE site_id = $1 AND course_id = $2 AND revision > 0",
                 LT_INT(a->query->caller->site->id), lt_value_text(a->query->course_id)))
        return lt_error_wrap(err, "imported course");
    if (r.rows == 0)
        return lt_fail(err, LT_ENOT_FOUND, "the course was not imported");
    a->course = lt_rows_int(&r, 0, 0);
    a->revision = lt_rows_int(&r, 0, 1);
    a->format = lt_rows_str(&r, 0, 2);
    a->title = lt_rows_str(&r, 0, 3);
    a->about = lt_rows_str(&r, 0, 4);
    return LT_OK;
}

static enum lt_code begin(struct asked *a, const struct lt_content_query *query, struct lt_error *err)
{
    *a = (struct asked){.query = query};
    if (!query->manager)
        return lt_fail(err, LT_ENOT_FOUND, "there is no store to ask");
    a->store = query->manager->store;
    if (read_course(a, err))
        return err->code;
    return lt_sight_of(query->manager, query->arena, query->caller, query->course_id, &a->sight, err);
}

/* ---- a place ---- */

struct place {
    struct lt_rows way; /* the rows that it lies in, from the top, and itself at the end */
    size_t at, unit, sequence; /* in `way`; SIZE_MAX: none */
};

static enum lt_code find_place(const struct asked *a, struct place *ret, struct lt_error *err)
{
    struct lt_rows *way = &ret->way;
    if (LT_QUERY(a->store, a->query->arena, way, err,
                 "SELECT " COLUMNS " FROM course_block b, course_block p WHERE p.course = $1 AND p.revision = $2 AND p.block_id = $3 AND b.course = p.course"
                 " AND b.revision = p.revision AND b.position <= p.position AND b.ending >= p.position ORDER BY b.position LIMIT 100",
                 LT_INT(a->course), LT_INT(a->revision), lt_value_text(a->query->location_id)))
        return lt_error_wrap(err, "place in an imported course");
    ret->unit = ret->sequence = SIZE_MAX;
    if (way->rows == 0)
        return no_place(err);
    for (size_t i = 0; i < way->rows; i++) {
        if (!visible(a, way, i))
            return no_place(err);
        if (is_kind(way, i, "unit"))
            ret->unit = i;
        else if (is_kind(way, i, "sequence"))
            ret->sequence = i;
    }
    ret->at = way->rows - 1;
    return LT_OK;
}

/* ---- location_content ---- */

static void put_block(struct lt_content *ret, const struct lt_rows *r, size_t i)
{
    struct lt_content_unit *unit = &ret->units[ret->units_n - 1];
    struct lt_str text = lt_rows_str(r, i, 12);
    if (text.n == 0 && lt_rows_int(r, i, 2) > lt_rows_int(r, i, 0)) /* it only holds others */
        return;
    unit->blocks[unit->blocks_n++] = (struct lt_content_block){.id = lt_rows_str(r, i, 4), .category = lt_rows_str(r, i, 5),
                                                               .display_name = lt_rows_str(r, i, 6), .text = text,
                                                               .answers = lt_rows_str(r, i, 13), .showanswer = lt_rows_str(r, i, 14)};
}

/* Rows in their order; a hidden one hides what lies in it. */
static void put_rows(const struct asked *a, const struct lt_rows *r, struct lt_content *ret)
{
    struct lt_content_block *blocks = LT_NEW_ARRAY(a->query->arena, struct lt_content_block, r->rows);
    int64_t hidden_to = -1;
    ret->units = LT_NEW_ARRAY(a->query->arena, struct lt_content_unit, r->rows);
    for (size_t i = 0; i < r->rows; i++) {
        if (lt_rows_int(r, i, 0) <= hidden_to)
            continue;
        if (!visible(a, r, i))
            hidden_to = lt_rows_int(r, i, 2);
        else if (is_kind(r, i, "unit"))
            ret->units[ret->units_n++] = (struct lt_content_unit){
                .id = lt_rows_str(r, i, 4), .category = lt_rows_str(r, i, 5), .display_name = lt_rows_str(r, i, 6), .blocks = blocks + i};
        else if (is_kind(r, i, "block") && ret->units_n > 0)
            put_block(ret, r, i);
    }
}

static enum lt_code read_content(const struct asked *a, struct lt_content *ret, struct lt_error *err)
{
    struct place place;
    struct lt_rows r;
    enum lt_content_mode mode = a->query->mode;
    if (find_place(a, &place, err))
        return err->code;
    size_t from = mode == LT_CONTENT_UNIT ? place.unit : place.sequence, to = mode == LT_CONTENT_SEQUENCE ? place.sequence : place.unit;
    if (from == SIZE_MAX || to == SIZE_MAX)
        return lt_fail(err, LT_ENOT_FOUND, "the place in the imported course is no unit%s", mode == LT_CONTENT_UNIT ? "" : " in a sequence");
    *ret = (struct lt_content){.mode = mode};
    if (mode != LT_CONTENT_UNIT) {
        ret->sequence_id = lt_rows_str(&place.way, from, 4);
        ret->sequence_name = lt_rows_str(&place.way, from, 6);
    }
    if (LT_QUERY(a->store, a->query->arena, &r, err,
                 "SELECT " COLUMNS TEXTS " FROM course_block b WHERE b.course = $1 AND b.revision = $2 AND b.position >= $3 AND b.position <= $4"
                 " ORDER BY b.position",
                 LT_INT(a->course), LT_INT(a->revision), LT_INT(lt_rows_int(&place.way, from, 0)), LT_INT(lt_rows_int(&place.way, to, 2))))
        return lt_error_wrap(err, "content of an imported course");
    if (r.rows == 0)
        return no_place(err);
    put_rows(a, &r, ret);
    return LT_OK;
}

/* The rows of a revision may go while they are read: then the course has another one, and the question is asked again. */
static bool was_replaced(struct asked *a)
{
    int64_t before = a->revision;
    struct lt_error err;
    return read_course(a, &err) == LT_OK && a->revision != before;
}

static enum lt_code location_content(const struct lt_connector *self, const struct lt_content_query *query, struct lt_content *ret,
                                     struct lt_error *err)
{
    struct asked a;
    (void)self;
    if (begin(&a, query, err))
        return err->code;
    enum lt_code rc = read_content(&a, ret, err);
    for (int i = 1; i < TRIES && was_replaced(&a); i++)
        rc = read_content(&a, ret, err);
    return rc;
}

/* ---- course_info ---- */

/* Chapters, sequences and units, each as deep as it lies. */
static enum lt_code read_outline(const struct asked *a, struct lt_course_info *ret, struct lt_error *err)
{
    struct lt_rows r;
    int64_t open[64], hidden_to = -1; /* endings of those that the present one lies in */
    int depth = 0;
    if (lt_store_query(a->store, a->query->arena,
                       "SELECT " COLUMNS " FROM course_block b WHERE b.course = $1 AND b.revision = $2 AND b.kind <> 'block' ORDER BY b.position",
                       (const struct lt_value[]){LT_INT(a->course), LT_INT(a->revision)}, 2, OUTLINE_MAX, &r, err))
        return lt_error_wrap(err, "outline of an imported course");
    ret->outline = LT_NEW_ARRAY(a->query->arena, struct lt_outline_item, r.rows);
    ret->outline_n = 0;
    for (size_t i = 0; i < r.rows; i++) {
        int64_t position = lt_rows_int(&r, i, 0);
        if (position <= hidden_to)
            continue;
        if (!visible(a, &r, i)) {
            hidden_to = lt_rows_int(&r, i, 2);
            continue;
        }
        while (depth > 0 && open[depth - 1] < position)
            depth--;
        ret->outline[ret->outline_n++] = (struct lt_outline_item){
            .id = lt_rows_str(&r, i, 4), .category = lt_rows_str(&r, i, 5), .display_name = lt_rows_str(&r, i, 6), .depth = depth};
        if (depth < (int)LT_COUNT(open))
            open[depth++] = lt_rows_int(&r, i, 2);
    }
    return LT_OK;
}

static enum lt_code read_info(const struct asked *a, struct lt_course_info *ret, struct lt_error *err)
{
#define X(symbol, name) name,
    static const char *const names[LT_COURSE_FIELDS_N] = {LT_COURSE_FIELDS(X)};
#undef X
    const struct lt_json *about;
    if (lt_json_parse(a->query->arena, a->about, LT_JSON_STRICT, &about, err))
        return lt_error_wrap(err, "imported course");
    for (int i = 0; i < LT_COURSE_TEXTS; i++)
        ret->texts[i] = lt_json_str(lt_json_get(about, names[i]));
    if (!ret->texts[LT_COURSE_TITLE].p)
        ret->texts[LT_COURSE_TITLE] = a->title;
    return a->query->fields & 1u << LT_COURSE_OUTLINE ? read_outline(a, ret, err) : LT_OK;
}

static enum lt_code course_info(const struct lt_connector *self, const struct lt_content_query *query, struct lt_course_info *ret,
                                struct lt_error *err)
{
    struct asked a;
    (void)self;
    if (begin(&a, query, err))
        return err->code;
    enum lt_code rc = read_info(&a, ret, err);
    for (int i = 1; i < TRIES && was_replaced(&a); i++)
        rc = read_info(&a, ret, err);
    return rc;
}

/* ---- location_link ---- */

/* Open edX packages do not say where they are from; the site says where its LMS is. */
static struct lt_str address(const struct asked *a, struct lt_str location)
{
    const struct lt_site *site = a->query->caller->site;
    if (!lt_str_is(a->format, "olx") || site->lms_hosts_n == 0)
        return LT_STR("");
    return lt_printf(a->query->arena, location.n > 0 ? "https://%.*s/courses/%.*s/jump_to/%.*s" : "https://%.*s/courses/%.*s/course/%.*s",
                     LT_FMT(site->lms_hosts[0]), LT_FMT(a->query->course_id), LT_FMT(location));
}

static enum lt_code location_link(const struct lt_connector *self, const struct lt_content_query *query, struct lt_str *ret, struct lt_error *err)
{
    struct asked a;
    struct place place;
    (void)self;
    *ret = LT_STR("");
    if (begin(&a, query, err) || (query->location_id.n > 0 && find_place(&a, &place, err)))
        return err->code;
    for (size_t i = query->location_id.n > 0 ? place.at + 1 : 0; i > 0 && ret->n == 0; i--) /* its own, or that of what it lies in */
        *ret = lt_rows_str(&place.way, i - 1, 11);
    if (ret->n == 0)
        *ret = address(&a, query->location_id);
    return ret->n > 0 ? LT_OK : lt_fail(err, LT_ENOT_FOUND, "the imported course does not say where that is");
}

struct lt_connector lt_imported_courses(void)
{
    return (struct lt_connector){.location_content = location_content, .course_info = course_info, .location_link = location_link};
}
