/* One table of formats; what is written in each stands in formats/. */
#include "workflows/export.h"

#include "text/csv.h"
#include "workflows/formats/archive.h"
#include "workflows/input.h"
#include "workflows/processors/library.h"
#include "workflows/question_input.h"

enum { WRITTEN_MAX = 15 << 20 /* bytes of JSON or CSV; the API's answers are not longer */ };

struct collection {
    struct lt_library_collection library;
    const struct lt_json *list;
};

/* ---- reading ---- */

static enum lt_code read_collection(struct lt_arena *arena, const struct lt_export_questions *q, struct collection *ret, struct lt_error *err)
{
    size_t n = lt_json_len(q->list);
    if (!lt_json_is(q->list, LT_JSON_ARRAY) || n == 0 || n > LT_EXPORT_QUESTIONS_MAX)
        return lt_fail_field(err, LT_EINVALID_INPUT, "/questions", "must be a list of 1 to %d questions", LT_EXPORT_QUESTIONS_MAX);
    struct lt_question *questions = LT_NEW_ARRAY(arena, struct lt_question, n);
    for (size_t i = 0; i < n; i++)
        if (lt_question_input(arena, lt_json_at(q->list, i), &questions[i], err))
            return lt_error_under(err, lt_strz(arena, lt_printf(arena, "/questions/%zu", i)));
    *ret = (struct collection){.library = {.name = q->name, .library_id = q->library_id, .questions = questions, .questions_n = n}, .list = q->list};
    return LT_OK;
}

/* ---- questions ---- */

static enum lt_code written(struct lt_arena *arena, struct lt_buf *out, struct lt_str *ret, struct lt_error *err)
{
    enum lt_code code = out->failed ? lt_fail(err, LT_ETOO_LARGE, "the export is larger than %d bytes", WRITTEN_MAX) : LT_OK;
    if (!code)
        *ret = lt_str_copy(arena, lt_buf_str(out));
    lt_buf_free(out);
    return code;
}

static enum lt_code write_json(struct lt_arena *arena, const struct collection *c, struct lt_str *ret, struct lt_error *err)
{
    struct lt_format_file *files;
    struct lt_buf out;
    struct lt_jw w;
    size_t n;
    if (lt_library_files(arena, &c->library, &files, &n, err))
        return err->code;
    lt_buf_init(&out, WRITTEN_MAX);
    lt_jw_init(&w, &out);
    lt_jw_obj(&w);
    lt_jw_kstr(&w, "name", c->library.name);
    lt_jw_kstr(&w, "library_id", c->library.library_id);
    lt_jw_key(&w, "questions");
    lt_jw_arr(&w);
    for (size_t i = 0; i < lt_json_len(c->list); i++)
        lt_question_put(&w, lt_json_at(c->list, i));
    lt_jw_end(&w);
    lt_jw_key(&w, "files");
    lt_jw_arr(&w);
    for (size_t i = 0; i < n; i++) {
        lt_jw_obj(&w);
        lt_jw_kstr(&w, "path", files[i].path);
        lt_jw_kstr(&w, "text", files[i].text);
        lt_jw_end(&w);
    }
    lt_jw_end(&w);
    lt_jw_end(&w);
    return written(arena, &out, ret, err);
}

static enum lt_code write_olx(struct lt_arena *arena, const struct collection *c, struct lt_str *ret, struct lt_error *err)
{
    struct lt_format_file *files;
    size_t n;
    enum lt_code code = lt_library_files(arena, &c->library, &files, &n, err);
    return code ? code : lt_archive_write(arena, LT_ARCHIVE_TAR_GZ, files, n, ret, err);
}

static enum lt_code write_moodle_xml(struct lt_arena *arena, const struct collection *c, struct lt_str *ret, struct lt_error *err)
{
    return lt_questions_moodle_xml(arena, c->library.questions, c->library.questions_n, c->library.name, ret, err);
}

static enum lt_code write_qti(struct lt_arena *arena, const struct collection *c, struct lt_str *ret, struct lt_error *err)
{
    struct lt_format_file *files;
    size_t n;
    enum lt_code code = lt_questions_qti_package(arena, c->library.questions, c->library.questions_n, &files, &n, err);
    return code ? code : lt_archive_write(arena, LT_ARCHIVE_ZIP, files, n, ret, err);
}

/* ---- cards ---- */

static enum lt_code write_cards_json(struct lt_arena *arena, const struct lt_json *cards, struct lt_str *ret, struct lt_error *err)
{
    struct lt_buf out;
    struct lt_jw w;
    lt_buf_init(&out, WRITTEN_MAX);
    lt_jw_init(&w, &out);
    lt_jw_obj(&w);
    lt_jw_kjson(&w, "cards", cards);
    lt_jw_end(&w);
    return written(arena, &out, ret, err);
}

/* NULL, or why it cannot be written. */
static const char *check_card(const struct lt_json *card)
{
    struct lt_str front = lt_json_str(lt_json_get(card, "question")), back = lt_json_str(lt_json_get(card, "answer"));
    if (!front.p || !back.p)
        return "a card has a question and an answer";
    return memchr(front.p, '\0', front.n) || memchr(back.p, '\0', back.n) ? "must not hold the character NUL" : NULL;
}

/* The first lines are Anki's own (Anki manual, "Importing", "File headers"); what begins with "#" otherwise is in quotes, or it would be one. */
static enum lt_code write_csv(struct lt_arena *arena, const struct lt_json *cards, struct lt_str *ret, struct lt_error *err)
{
    struct lt_buf out;
    lt_buf_init(&out, WRITTEN_MAX);
    lt_buf_put_str(&out, LT_STR("#separator:Comma\n#html:false\n#columns:Front,Back\n"));
    for (size_t i = 0; i < lt_json_len(cards); i++) {
        const struct lt_json *card = lt_json_at(cards, i);
        const char *wrong = check_card(card);
        if (wrong) {
            lt_buf_free(&out);
            return lt_fail_field(err, LT_EINVALID_INPUT, lt_strz(arena, lt_printf(arena, "/cards/%zu", i)), "%s", wrong);
        }
        lt_csv_put(&out, lt_json_str(lt_json_get(card, "question")));
        lt_buf_putc(&out, ',');
        lt_csv_put(&out, lt_json_str(lt_json_get(card, "answer")));
        lt_buf_putc(&out, '\n');
    }
    return written(arena, &out, ret, err);
}

/* ---- the table ---- */

static const struct {
    const char *name, *media_type, *extension;
    enum lt_code (*questions)(struct lt_arena *arena, const struct collection *c, struct lt_str *ret, struct lt_error *err); /* NULL: none */
    enum lt_code (*cards)(struct lt_arena *arena, const struct lt_json *cards, struct lt_str *ret, struct lt_error *err);
} formats[LT_EXPORT_FORMATS] = {
    [LT_EXPORT_JSON] = {"json", "application/json", ".json", write_json, write_cards_json},
    [LT_EXPORT_OLX] = {"olx", "application/gzip", ".tar.gz", write_olx, NULL},
    [LT_EXPORT_MOODLE_XML] = {"moodle_xml", "application/xml", ".xml", write_moodle_xml, NULL},
    [LT_EXPORT_QTI] = {"qti", "application/zip", ".zip", write_qti, NULL},
    [LT_EXPORT_CSV] = {"csv", "text/csv; charset=utf-8", ".csv", NULL, write_csv},
};

int lt_export_format_parse(struct lt_str name)
{
    for (int i = 0; i < LT_EXPORT_FORMATS; i++)
        if (lt_str_is(name, formats[i].name))
            return i;
    return -1;
}

enum lt_code lt_export_questions(struct lt_arena *arena, const struct lt_export_questions *questions, enum lt_export_format format,
                                 struct lt_export *ret, struct lt_error *err)
{
    struct collection c;
    *ret = (struct lt_export){.name = questions->name, .media_type = formats[format].media_type, .extension = formats[format].extension};
    if (!formats[format].questions)
        return lt_fail_field(err, LT_EINVALID_INPUT, "/format", "questions are written as json, olx, moodle_xml or qti");
    if (read_collection(arena, questions, &c, err))
        return err->code;
    enum lt_code code = formats[format].questions(arena, &c, &ret->bytes, err);
    return code == LT_EINVALID_INPUT ? lt_error_under(err, "/questions") : code;
}

enum lt_code lt_export_cards(struct lt_arena *arena, const struct lt_json *cards, enum lt_export_format format, struct lt_export *ret,
                             struct lt_error *err)
{
    *ret = (struct lt_export){.name = LT_STR("cards"), .media_type = formats[format].media_type, .extension = formats[format].extension};
    if (!formats[format].cards)
        return lt_fail_field(err, LT_EINVALID_INPUT, "/format", "flash cards are written as json or csv");
    return formats[format].cards(arena, cards, &ret->bytes, err);
}

enum lt_code lt_export_session(struct lt_arena *arena, const struct lt_session *session, int format, struct lt_export *ret, struct lt_error *err)
{
    const struct lt_json *metadata;
    if (lt_json_parse(arena, session->metadata, LT_JSON_STRICT, &metadata, err))
        return err->code;
    const struct lt_json *saved = lt_json_get(metadata, "collection"), *cards = lt_json_get(metadata, "cards");
    if (lt_json_is(saved, LT_JSON_OBJECT)) {
        struct lt_export_questions questions = {.name = lt_json_str_or(lt_json_get(saved, "name"), LT_STR("")),
                                                .library_id = lt_json_str_or(lt_json_get(saved, "library_id"), LT_STR("")),
                                                .list = lt_json_get(saved, "questions")};
        return lt_export_questions(arena, &questions, format < 0 ? LT_EXPORT_OLX : (enum lt_export_format)format, ret, err);
    }
    if (lt_json_is(cards, LT_JSON_ARRAY))
        return lt_export_cards(arena, cards, format < 0 ? LT_EXPORT_CSV : (enum lt_export_format)format, ret, err);
    return lt_fail(err, LT_ENOT_FOUND, "nothing was saved in this session");
}
