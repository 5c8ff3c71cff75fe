/* What the formats have in common. Private to formats/. */
#pragma once
#include "base/buf.h"
#include "text/html_fragment.h"
#include "text/xml_write.h"
#include "workflows/formats/formats.h"

/* The question's HTML. LT_EINVALID_INPUT with /question_html when nothing can be seen in it. */
enum lt_code lt_format_question(struct lt_arena *arena, const struct lt_question *problem, enum lt_html_dialect dialect, struct lt_html_fragment *ret,
                                struct lt_error *err);
/* Plain text as paragraphs of XHTML, one for each line that is not empty. */
void lt_format_paragraphs(struct lt_xml *xml, struct lt_str text);
/* Some choice has feedback. */
bool lt_format_has_feedback(const struct lt_question *problem);
/* An option response that a list without formulas can show. */
bool lt_format_is_list(const struct lt_question *problem);
