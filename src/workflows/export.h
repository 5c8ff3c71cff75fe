/*
 * Questions and flash cards as files that somebody takes away: for Open edX, Moodle, whatever reads QTI 2.1, Anki. The same content gives the
 * same bytes. Any thread; large collections are for workers (io/worker.h). Results lie in the arena.
 */
#pragma once
#include "workflows/formats/question.h"
#include "workflows/session.h"

enum {
    LT_EXPORT_QUESTIONS_MAX = 100,     /* in one collection */
    LT_EXPORT_NAME_MAX = 255,          /* bytes of a collection's name and a library's key */
};

enum lt_export_format {
    LT_EXPORT_JSON,
    LT_EXPORT_OLX,                     /* questions: a library of Open edX as .tar.gz, which Studio imports */
    LT_EXPORT_MOODLE_XML,              /* questions */
    LT_EXPORT_QTI,                     /* questions: a QTI 2.1 content package as .zip */
    LT_EXPORT_CSV,                     /* cards: Front, Back, with the lines that tell Anki how to read it */
    LT_EXPORT_FORMATS,
};
/* -1 when there is none of that name. */
int lt_export_format_parse(struct lt_str name);
/* "json, olx, moodle_xml, qti or csv" */
#define LT_EXPORT_FORMAT_NAMES "json, olx, moodle_xml, qti or csv"

struct lt_export {
    struct lt_str name;                /* of what was exported, as its author wrote it; "" = none */
    const char *media_type, *extension; /* ".tar.gz" */
    struct lt_str bytes;
};

struct lt_export_questions {
    struct lt_str name, library_id;    /* library_id: "lib:ORG:NAME"; both may be "" */
    const struct lt_json *list;        /* as lt_question_input() takes each */
};
/*
 * JSON: {"name", "library_id", "questions", "files": [{"path", "text"}]}, the files being those of the OLX library. LT_EINVALID_INPUT with
 * a pointer that begins with /questions: one that cannot be written, none, too many, or a format that is for cards; LT_ETOO_LARGE.
 */
enum lt_code lt_export_questions(struct lt_arena *arena, const struct lt_export_questions *questions, enum lt_export_format format,
                                 struct lt_export *ret, struct lt_error *err);
/* cards: a list of {"question", "answer", …}. JSON: {"cards"}. LT_EINVALID_INPUT with /cards or /format. */
enum lt_code lt_export_cards(struct lt_arena *arena, const struct lt_json *cards, enum lt_export_format format, struct lt_export *ret,
                             struct lt_error *err);
/*
 * What a session holds to be taken away: the questions that were saved in it, or its cards. format -1: olx or csv, as it fits.
 * LT_ENOT_FOUND: nothing.
 */
enum lt_code lt_export_session(struct lt_arena *arena, const struct lt_session *session, int format, struct lt_export *ret, struct lt_error *err);
