/*
 * quiz.xml says in which slot stands which question: by its id (Moodle up to 3.11), or by an entry of the question bank and a version of it (from 4.0 on).
 * Fuzzed by tests/fuzz/fuzz_moodle_backup.c.
 */
#include "content/moodle_quiz.h"

#include <stdlib.h>

#include "base/buf.h"

enum { LINES_MAX = 256 * 1024 };

struct question {
    struct lt_str id, entry;      /* entry "": none */
    int64_t version;
    const struct lt_xml_node *node;
};
struct lt_moodle_questions {
    struct lt_arena *arena;
    struct question *by_id, *by_entry;
    size_t n, room;
};

/* ---- all of them ---- */

static int compare_ids(const void *a, const void *b)
{
    return lt_str_compare(((const struct question *)a)->id, ((const struct question *)b)->id);
}

/* Of one entry the newest comes last. */
static int compare_entries(const void *a, const void *b)
{
    const struct question *x = a, *y = b;
    int order = lt_str_compare(x->entry, y->entry);
    return order ? order : (x->version > y->version) - (x->version < y->version);
}

static int64_t number_of(struct lt_arena *arena, const struct lt_xml_node *node, const char *name)
{
    int64_t v = 0;
    return lt_str_to_int64(lt_xml_string_of(arena, node, name), &v) ? v : 0;
}

static void collect(struct lt_moodle_questions *q, const struct lt_xml_node *node, struct lt_str entry, int64_t version)
{
    for (; node; node = node->next) { /* as deep as LT_XML_DEPTH_MAX */
        if (lt_xml_is(node, "question") && lt_xml_value(node, "id").p) {
            if (q->n < q->room)
                q->by_id[q->n++] = (struct question){lt_xml_value(node, "id"), entry, version, node};
            else
                q->n++;
            continue;
        }
        bool is_entry = lt_xml_is(node, "question_bank_entry"), is_version = lt_xml_is(node, "question_versions");
        collect(q, node->first, is_entry ? lt_xml_value(node, "id") : entry, is_version ? number_of(q->arena, node, "version") : version);
    }
}

struct lt_moodle_questions *lt_moodle_questions_new(struct lt_arena *arena, const struct lt_xml_node *document)
{
    struct lt_moodle_questions *q = LT_NEW(arena, struct lt_moodle_questions);
    q->arena = arena;
    collect(q, document, LT_STR(""), 0);
    q->room = q->n;
    q->n = 0;
    q->by_id = LT_NEW_ARRAY(arena, struct question, q->room);
    q->by_entry = LT_NEW_ARRAY(arena, struct question, q->room);
    if (q->room == 0)
        return q;
    collect(q, document, LT_STR(""), 0);
    memcpy(q->by_entry, q->by_id, q->n * sizeof(q->by_id[0]));
    qsort(q->by_id, q->n, sizeof(q->by_id[0]), compare_ids);
    qsort(q->by_entry, q->n, sizeof(q->by_id[0]), compare_entries);
    return q;
}

static const struct lt_xml_node *by_id(const struct lt_moodle_questions *q, struct lt_str id)
{
    struct question key = {.id = id};
    const struct question *found = q->n > 0 ? bsearch(&key, q->by_id, q->n, sizeof(key), compare_ids) : NULL;
    return found ? found->node : NULL;
}

/* version 0: the newest. */
static const struct lt_xml_node *by_entry(const struct lt_moodle_questions *q, struct lt_str entry, int64_t version)
{
    struct question key = {.entry = entry, .version = version ? version : INT64_MAX};
    size_t low = 0, high = q->n; /* behind the last one that is not above the key */
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (compare_entries(&q->by_entry[mid], &key) <= 0)
            low = mid + 1;
        else
            high = mid;
    }
    const struct question *found = low > 0 ? &q->by_entry[low - 1] : NULL;
    bool right = found && entry.n > 0 && lt_str_eq(found->entry, entry) && (version == 0 || found->version == version);
    return right ? found->node : NULL;
}

/* ---- texts ---- */

struct lt_str lt_moodle_string(struct lt_course_tree *tree, const struct lt_xml_node *parent, const char *path)
{
    struct lt_str text = lt_xml_string_of(tree->arena, parent, path);
    return lt_str_is(text, "$@NULL@$") ? LT_STR("") : text;
}

struct lt_str lt_moodle_html(struct lt_course_tree *tree, struct lt_str file, const struct lt_xml_node *parent, const char *path)
{
    static const struct lt_str own = LT_STR("@@PLUGINFILE@@/");
    struct lt_str html = lt_moodle_string(tree, parent, path);
    char *out = lt_alloc(tree->arena, html.n);
    size_t n = 0;
    for (size_t i = 0; i < html.n;) {
        if (html.n - i >= own.n && memcmp(html.p + i, own.p, own.n) == 0)
            i += own.n;
        else
            out[n++] = html.p[i++];
    }
    return n > 0 ? lt_course_html(tree, file, (struct lt_str){out, n}) : LT_STR("");
}

/* ---- one question ---- */

/* The element that the plugin of the question's type has written, "plugin_qtype_TYPE_question". */
static const struct lt_xml_node *plugin_of(const struct lt_xml_node *question)
{
    for (const struct lt_xml_node *n = question->first; n; n = n->next)
        if (n->name.p && lt_str_starts(n->name, LT_STR("plugin_qtype_")))
            return n;
    return NULL;
}

static bool is_choice(struct lt_str type)
{
    return lt_str_is(type, "multichoice") || lt_str_is(type, "truefalse");
}

struct lines {
    struct lt_course_tree *tree;
    struct lt_str file;
    struct lt_buf asked, right;
};

static void put_answers(struct lines *l, const struct lt_xml_node *plugin, bool choice)
{
    const struct lt_xml_node *answer = lt_xml_find(plugin, "answers/answer");
    for (; answer; answer = lt_xml_next(answer, "answer")) {
        struct lt_str text = lt_moodle_html(l->tree, l->file, answer, "answertext"), feedback = lt_moodle_html(l->tree, l->file, answer, "feedback");
        double fraction = strtod(lt_strz(l->tree->arena, lt_moodle_string(l->tree, answer, "fraction")), NULL);
        if (choice && text.n > 0)
            lt_buf_printf(&l->asked, "%.*s\n", LT_FMT(text));
        if (fraction > 0)
            lt_buf_printf(&l->right, fraction < 1 ? "Partly correct: %.*s\n" : "Correct: %.*s\n", LT_FMT(text));
        if (fraction > 0 && feedback.n > 0)
            lt_buf_printf(&l->right, "%.*s\n", LT_FMT(feedback));
    }
}

static void put_matches(struct lines *l, const struct lt_xml_node *plugin)
{
    const struct lt_xml_node *match = lt_xml_find(plugin, "matches/match");
    for (; match; match = lt_xml_next(match, "match")) {
        struct lt_str text = lt_moodle_html(l->tree, l->file, match, "questiontext"), answer = lt_moodle_string(l->tree, match, "answertext");
        if (text.n > 0)
            lt_buf_printf(&l->asked, "%.*s\n", LT_FMT(text));
        lt_buf_printf(&l->right, "Correct: %.*s: %.*s\n", LT_FMT(text), LT_FMT(answer));
    }
}

static struct lt_str taken(struct lines *l, struct lt_buf *lines)
{
    struct lt_str text = lt_course_text(l->tree, l->file, lines->n > 0 ? lt_buf_str(lines) : LT_STR(""));
    if (lines->failed)
        lt_course_warn(l->tree, l->file, "cut: the answers of a question are longer than %d bytes", LINES_MAX);
    lt_buf_free(lines);
    return text;
}

static void put_question(struct lines *l, const struct lt_xml_node *question, struct lt_course_node *block)
{
    const struct lt_xml_node *plugin = plugin_of(question);
    struct lt_arena *arena = l->tree->arena;
    lt_buf_init(&l->asked, LINES_MAX);
    lt_buf_init(&l->right, LINES_MAX);
    put_answers(l, plugin, is_choice(lt_moodle_string(l->tree, question, "qtype")));
    put_matches(l, plugin);
    struct lt_str text = lt_moodle_html(l->tree, l->file, question, "questiontext"), asked = taken(l, &l->asked);
    struct lt_str right = taken(l, &l->right), why = lt_moodle_html(l->tree, l->file, question, "generalfeedback");
    block->text = lt_course_join(arena, text, asked);
    block->answers = lt_course_join(arena, right, why);
}

/* ---- a quiz ---- */

/*
 * Bits of the review options (mod/quiz/classes/question/display_options.php): 0x10000 during the attempt, 0x01000 right after it, 0x00100 later while the
 * quiz is open, 0x00010 when it is closed. Never "always": a learner who has not tried yet is shown nothing.
 */
static const char *showanswer(struct lt_course_tree *tree, const struct lt_xml_node *quiz)
{
    int64_t when = number_of(tree->arena, quiz, "reviewrightanswer");
    return when & 0x11100 ? "attempted" : when & 0x00010 ? "closed" : "never";
}

static const struct lt_xml_node *question_of(struct lt_course_tree *tree, const struct lt_xml_node *slot, const struct lt_moodle_questions *questions)
{
    const struct lt_xml_node *reference = lt_xml_child(slot, "question_reference");
    if (!reference)
        return by_id(questions, lt_moodle_string(tree, slot, lt_xml_child(slot, "questionid") ? "questionid" : "question"));
    return by_entry(questions, lt_moodle_string(tree, reference, "questionbankentryid"), number_of(tree->arena, reference, "version"));
}

enum lt_code lt_moodle_quiz(struct lt_course_tree *tree, struct lt_str file, const struct lt_xml_node *quiz, const struct lt_moodle_questions *questions,
                            struct lt_course_node *unit, struct lt_error *err)
{
    struct lines lines = {.tree = tree, .file = file};
    int64_t opens = number_of(tree->arena, quiz, "timeopen");
    bool locked = lt_moodle_string(tree, quiz, "password").n > 0 || lt_moodle_string(tree, quiz, "subnet").n > 0;
    struct lt_course_node *block;
    size_t missing = 0;
    if (locked)
        lt_course_warn(tree, file, "its questions need a password or a certain network, so learners do not see them here");
    const struct lt_xml_node *slot = lt_xml_find(quiz, "question_instances/question_instance");
    for (; slot; slot = lt_xml_next(slot, "question_instance")) {
        const struct lt_xml_node *question = question_of(tree, slot, questions);
        missing += !question;
        if (!question || lt_str_is(lt_moodle_string(tree, question, "qtype"), "random"))
            continue;
        struct lt_str id = lt_printf(tree->arena, "%.*s#question-%.*s", LT_FMT(unit->id), LT_FMT(lt_xml_value(question, "id")));
        if (lt_course_add(tree, unit, LT_COURSE_BLOCK, id, LT_STR("problem"), lt_moodle_string(tree, question, "name"), &block, err))
            return err->code;
        block->hidden = locked;
        block->showanswer = lt_str(showanswer(tree, quiz));
        lt_course_limit_time(block, opens > 0 && opens < INT64_MAX / 1000 ? opens * 1000 : 0, 0);
        put_question(&lines, question, block);
    }
    if (missing > 0)
        lt_course_warn(tree, file, "%zu of its questions were left out: they are drawn by chance, or are not in the archive", missing);
    return LT_OK;
}
