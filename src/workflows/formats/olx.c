/* Open edX: the problem as its course files and libraries keep it (Open edX documentation, "Problem types": the reference of each type's OLX). */
#include "workflows/formats/parts.h"

/* The question: a paragraph is the label of the answer field; more than that stands above, and the title is the label. */
static void write_question(struct lt_xml *xml, const struct lt_question *p, const struct lt_html_fragment *question)
{
    if (!question->paragraph.p)
        lt_xml_raw(xml, question->blocks);
    lt_xml_open(xml, "label");
    if (question->paragraph.p)
        lt_xml_raw(xml, question->paragraph);
    else
        lt_xml_text(xml, p->display_name);
    lt_xml_close(xml);
}

static void write_choices(struct lt_xml *xml, const struct lt_question *p)
{
    for (size_t i = 0; i < p->choices_n; i++) {
        const struct lt_question_choice *c = &p->choices[i];
        lt_xml_open(xml, "choice");
        lt_xml_attrz(xml, "correct", c->is_correct ? "true" : "false");
        lt_xml_text(xml, c->text);
        if (c->feedback.n > 0)
            lt_xml_element_attr(xml, "choicehint", p->type == LT_QUESTION_CHECKBOXES ? "selected" : NULL, "true", c->feedback);
        lt_xml_close(xml);
    }
}

static void write_radio_buttons(struct lt_xml *xml, const struct lt_question *p)
{
    lt_xml_open(xml, "choicegroup");
    lt_xml_attrz(xml, "type", "MultipleChoice");
    write_choices(xml, p);
    lt_xml_close(xml);
}

static void write_checkboxes(struct lt_xml *xml, const struct lt_question *p)
{
    lt_xml_open(xml, "checkboxgroup");
    write_choices(xml, p);
    lt_xml_close(xml);
}

/* On one line, apostrophes as U+2019: Open edX puts the options between apostrophes and splits them again. */
static struct lt_str option_text(struct lt_arena *arena, struct lt_str s)
{
    struct lt_buf out;
    lt_buf_init(&out, 3 * s.n + 1);
    for (size_t i = 0; i < s.n; i++) {
        bool space = s.p[i] == '\n' || s.p[i] == '\r' || s.p[i] == '\t';
        if (s.p[i] == '\'')
            lt_buf_put_str(&out, LT_STR("\u2019"));
        else
            lt_buf_putc(&out, space ? ' ' : s.p[i]);
    }
    struct lt_str ret = lt_str_copy(arena, lt_buf_str(&out));
    lt_buf_free(&out);
    return ret;
}

static void write_options(struct lt_xml *xml, const struct lt_question *p)
{
    lt_xml_open(xml, "optioninput");
    for (size_t i = 0; i < p->choices_n; i++) {
        const struct lt_question_choice *c = &p->choices[i];
        lt_xml_open(xml, "option");
        lt_xml_attrz(xml, "correct", c->is_correct ? "True" : "False");
        lt_xml_text(xml, option_text(xml->arena, c->text));
        if (c->feedback.n > 0)
            lt_xml_element(xml, "optionhint", c->feedback);
        lt_xml_close(xml);
    }
    lt_xml_close(xml);
}

static void write_number_field(struct lt_xml *xml, const struct lt_question *p)
{
    if (p->tolerance_text.n > 0) {
        lt_xml_open(xml, "responseparam");
        lt_xml_attrz(xml, "type", "tolerance");
        lt_xml_attr(xml, "default", p->tolerance_text);
        lt_xml_close(xml);
    }
    lt_xml_element(xml, "formulaequationinput", LT_STR(""));
}

static void write_text_field(struct lt_xml *xml, const struct lt_question *p)
{
    (void)p;
    lt_xml_element_attr(xml, "textline", "size", "20", LT_STR(""));
}

static const struct {
    const char *response;
    void (*write)(struct lt_xml *xml, const struct lt_question *p);
} responses[] = {
    [LT_QUESTION_MULTIPLE_CHOICE] = {"multiplechoiceresponse", write_radio_buttons}, [LT_QUESTION_OPTION] = {"optionresponse", write_options},
    [LT_QUESTION_CHECKBOXES] = {"choiceresponse", write_checkboxes},                 [LT_QUESTION_NUMBER] = {"numericalresponse", write_number_field},
    [LT_QUESTION_STRING] = {"stringresponse", write_text_field},
};

static void write_response(struct lt_xml *xml, const struct lt_question *p, const struct lt_html_fragment *question)
{
    enum lt_question_type type = p->type == LT_QUESTION_OPTION && !lt_format_is_list(p) ? LT_QUESTION_MULTIPLE_CHOICE : p->type;
    lt_xml_open(xml, responses[type].response);
    if (p->answer.n > 0)
        lt_xml_attr(xml, "answer", p->answer);
    if (type == LT_QUESTION_STRING)
        lt_xml_attrz(xml, "type", "ci");
    write_question(xml, p, question);
    responses[type].write(xml, p);
    lt_xml_close(xml);
}

static void write_solution(struct lt_xml *xml, struct lt_str explanation)
{
    lt_xml_open(xml, "solution");
    lt_xml_open(xml, "div");
    lt_xml_attrz(xml, "class", "detailed-solution");
    lt_format_paragraphs(xml, explanation);
    lt_xml_close(xml);
    lt_xml_close(xml);
}

static void write_hints(struct lt_xml *xml, const struct lt_question *p)
{
    lt_xml_open(xml, "demandhint");
    for (size_t i = 0; i < p->hints_n; i++)
        lt_xml_element(xml, "hint", p->hints[i]);
    lt_xml_close(xml);
}

enum lt_code lt_question_olx(struct lt_arena *arena, const struct lt_question *problem, struct lt_str *ret, struct lt_error *err)
{
    struct lt_html_fragment question;
    if (lt_format_question(arena, problem, LT_HTML_XHTML, &question, err))
        return err ? err->code : LT_EINVALID_INPUT;
    struct lt_xml xml;
    lt_xml_begin(&xml, arena);
    lt_xml_open(&xml, "problem");
    lt_xml_attr(&xml, "display_name", problem->display_name);
    write_response(&xml, problem, &question);
    if (problem->explanation.n > 0)
        write_solution(&xml, problem->explanation);
    if (problem->hints_n > 0)
        write_hints(&xml, problem);
    lt_xml_close(&xml);
    return lt_xml_end(&xml, ret, err);
}
