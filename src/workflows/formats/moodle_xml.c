/* Moodle XML (Moodle documentation, "Moodle XML format"). Texts are HTML inside XML, so that filters such as MathJax's see them. */
#include "workflows/formats/parts.h"

#include <float.h>
#include <math.h>
#include <stdio.h>

/* ---- texts ---- */

static void write_text(struct lt_xml *xml, const char *name, const char *format, struct lt_str text)
{
    lt_xml_open(xml, name);
    if (format)
        lt_xml_attrz(xml, "format", format);
    lt_xml_element(xml, "text", text);
    lt_xml_close(xml);
}

/* Plain text as HTML, escaped; as paragraphs when it may have several lines. */
static struct lt_str html_of(struct lt_arena *arena, struct lt_str text, bool paragraphs)
{
    struct lt_xml xml;
    struct lt_str ret = LT_STR("");
    lt_xml_begin(&xml, arena);
    if (paragraphs)
        lt_format_paragraphs(&xml, text);
    else
        lt_xml_text(&xml, text);
    lt_xml_end(&xml, &ret, NULL); /* a text is far below the maximum; what failed for want of memory fails the whole, too */
    return ret;
}

static void write_html(struct lt_xml *xml, const char *name, struct lt_str text, bool paragraphs)
{
    write_text(xml, name, "html", html_of(xml->arena, text, paragraphs));
}

/* ---- answers ---- */

static void write_answer(struct lt_xml *xml, const char *fraction, const char *format, struct lt_str text, struct lt_str feedback,
                         const char *tolerance)
{
    lt_xml_open(xml, "answer");
    lt_xml_attrz(xml, "fraction", fraction);
    lt_xml_attrz(xml, "format", format);
    lt_xml_element(xml, "text", text);
    write_html(xml, "feedback", feedback, true);
    if (tolerance)
        lt_xml_element(xml, "tolerance", lt_str(tolerance));
    lt_xml_close(xml);
}

/*
 * The i-th of n equal parts of 100. Moodle takes only fractions of its own list: of one part in eleven to nineteen there is none, so
 * there some get 10 and the rest 5, which makes 100 again.
 */
static const char *part_of_hundred(size_t i, size_t n)
{
    static const char *const parts[] = {"0", "100", "50", "33.33333", "25", "20", "16.66667", "14.28571", "12.5", "11.11111", "10"};
    if (n < LT_COUNT(parts))
        return parts[n];
    return i < 20 - n ? "10" : "5";
}

static void write_choices(struct lt_xml *xml, const struct lt_question *p)
{
    bool several = p->type == LT_QUESTION_CHECKBOXES;
    size_t right = 0, at[2] = {0, 0};
    for (size_t i = 0; i < p->choices_n; i++)
        right += p->choices[i].is_correct;
    lt_xml_element(xml, "single", several ? LT_STR("false") : LT_STR("true"));
    lt_xml_element(xml, "shuffleanswers", LT_STR("true"));
    lt_xml_element(xml, "answernumbering", p->type == LT_QUESTION_OPTION ? LT_STR("none") : LT_STR("abc"));
    for (size_t i = 0; i < p->choices_n; i++) {
        const struct lt_question_choice *c = &p->choices[i];
        char fraction[16] = "0";
        if (c->is_correct || several) /* wrong ones take away as much as right ones give: who ticks all gets nothing */
            snprintf(fraction, sizeof(fraction), "%s%s", c->is_correct ? "" : "-",
                     part_of_hundred(at[c->is_correct]++, c->is_correct ? right : p->choices_n - right));
        write_answer(xml, fraction, "html", html_of(xml->arena, c->text, false), c->feedback, NULL);
    }
}

static void write_number(struct lt_xml *xml, const struct lt_question *p)
{
    char tolerance[40];
    double off = p->tolerance_percent ? fabs(p->number) * p->tolerance / 100 : p->tolerance;
    snprintf(tolerance, sizeof(tolerance), "%.15g", isfinite(off) ? off : DBL_MAX);
    write_answer(xml, "100", "moodle_auto_format", p->answer, LT_STR(""), tolerance);
}

/* In a short answer "*" stands for anything, unless a backslash stands before it. */
static void write_phrase(struct lt_xml *xml, const struct lt_question *p)
{
    struct lt_buf pattern;
    lt_buf_init(&pattern, 2 * p->answer.n + 1);
    for (size_t i = 0; i < p->answer.n; i++) {
        if (p->answer.p[i] == '*')
            lt_buf_putc(&pattern, '\\');
        lt_buf_putc(&pattern, p->answer.p[i]);
    }
    lt_xml_element(xml, "usecase", LT_STR("0"));
    write_answer(xml, "100", "moodle_auto_format", lt_buf_str(&pattern), LT_STR(""), NULL);
    lt_buf_free(&pattern);
}

/* ---- questions ---- */

static const struct {
    const char *type;
    void (*write)(struct lt_xml *xml, const struct lt_question *p);
} types[] = {
    [LT_QUESTION_MULTIPLE_CHOICE] = {"multichoice", write_choices}, [LT_QUESTION_OPTION] = {"multichoice", write_choices},
    [LT_QUESTION_CHECKBOXES] = {"multichoice", write_choices},      [LT_QUESTION_NUMBER] = {"numerical", write_number},
    [LT_QUESTION_STRING] = {"shortanswer", write_phrase},
};

static enum lt_code write_question(struct lt_xml *xml, const struct lt_question *p, struct lt_error *err)
{
    struct lt_html_fragment question;
    if (lt_format_question(xml->arena, p, LT_HTML_XHTML, &question, err))
        return err ? err->code : LT_EINVALID_INPUT;
    lt_xml_text(xml, LT_STR("\n"));
    lt_xml_open(xml, "question");
    lt_xml_attrz(xml, "type", types[p->type].type);
    write_text(xml, "name", NULL, p->display_name);
    write_text(xml, "questiontext", "html", question.blocks);
    write_html(xml, "generalfeedback", p->explanation, true);
    lt_xml_element(xml, "defaultgrade", LT_STR("1"));
    lt_xml_element(xml, "penalty", LT_STR("0.3333333"));
    lt_xml_element(xml, "hidden", LT_STR("0"));
    types[p->type].write(xml, p);
    for (size_t i = 0; i < p->hints_n; i++)
        write_html(xml, "hint", p->hints[i], true);
    lt_xml_close(xml);
    return LT_OK;
}

/* "/" parts categories in Moodle; a doubled one is the character. */
static void write_category(struct lt_xml *xml, struct lt_str name)
{
    struct lt_buf path;
    lt_buf_init(&path, 2 * name.n + 32);
    lt_buf_put_str(&path, LT_STR("$course$/top/"));
    for (size_t i = 0; i < name.n; i++) {
        if (name.p[i] == '/')
            lt_buf_putc(&path, '/');
        lt_buf_putc(&path, name.p[i]);
    }
    lt_xml_text(xml, LT_STR("\n"));
    lt_xml_open(xml, "question");
    lt_xml_attrz(xml, "type", "category");
    write_text(xml, "category", NULL, lt_buf_str(&path));
    lt_xml_close(xml);
    lt_buf_free(&path);
}

enum lt_code lt_questions_moodle_xml(struct lt_arena *arena, const struct lt_question *problems, size_t n, struct lt_str category, struct lt_str *ret,
                                    struct lt_error *err)
{
    struct lt_xml xml;
    struct lt_str text;
    enum lt_code code = LT_OK;
    lt_xml_begin(&xml, arena);
    lt_xml_declaration(&xml);
    lt_xml_open(&xml, "quiz");
    if (category.n > 0)
        write_category(&xml, category);
    for (size_t i = 0; i < n && !code; i++) {
        code = write_question(&xml, &problems[i], err);
        if (code && err)
            lt_error_under(err, lt_strz(arena, lt_printf(arena, "/%zu", i)));
    }
    lt_xml_close(&xml);
    enum lt_code ended = lt_xml_end(&xml, &text, code ? NULL : err);
    if (!code && !ended)
        *ret = text;
    return code ? code : ended;
}
