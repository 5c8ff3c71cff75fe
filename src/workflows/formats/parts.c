#include "workflows/formats/parts.h"

enum lt_code lt_format_question(struct lt_arena *arena, const struct lt_question *problem, enum lt_html_dialect dialect, struct lt_html_fragment *ret,
                                struct lt_error *err)
{
    if (lt_html_fragment(arena, problem->question_html, dialect, ret, err)) {
        if (err)
            lt_error_under(err, "/question_html");
        return err ? err->code : LT_EINVALID_INPUT;
    }
    return ret->blocks.n > 0 ? LT_OK : lt_fail_field(err, LT_EINVALID_INPUT, "/question_html", "shows nothing");
}

void lt_format_paragraphs(struct lt_xml *xml, struct lt_str text)
{
    while (text.n > 0) {
        struct lt_str line = lt_str_trim(lt_str_cut(&text, '\n'));
        if (line.n > 0)
            lt_xml_element(xml, "p", line);
    }
}

bool lt_format_has_feedback(const struct lt_question *problem)
{
    for (size_t i = 0; i < problem->choices_n; i++)
        if (problem->choices[i].feedback.n > 0)
            return true;
    return false;
}

bool lt_format_is_list(const struct lt_question *problem)
{
    for (size_t i = 0; i < problem->choices_n; i++)
        if (memchr(problem->choices[i].text.p, '\\', problem->choices[i].text.n))
            return false;
    return problem->type == LT_QUESTION_OPTION;
}
