/* QTI 2.1 (IMS Question and Test Interoperability, Assessment Test, Section and Item Information Model 2.1): items, and a package of them. */
#include "workflows/formats/parts.h"

#include <stdio.h>

#define ITEM_SCHEMA "http://www.imsglobal.org/xsd/imsqti_v2p1"
#define TEMPLATES "http://www.imsglobal.org/question/qti_v2p1/rptemplates/"

/* ---- small parts ---- */

static void choice_id(char ret[16], size_t i)
{
    snprintf(ret, 16, "C%zu", i + 1);
}

/* <name identifier="…"> and more attributes to come. */
static void open_named(struct lt_xml *xml, const char *name, const char *identifier)
{
    lt_xml_open(xml, name);
    lt_xml_attrz(xml, "identifier", identifier);
}

static void write_empty(struct lt_xml *xml, const char *name, const char *identifier)
{
    open_named(xml, name, identifier);
    lt_xml_close(xml);
}

static bool is_typed(const struct lt_question *p)
{
    return p->type == LT_QUESTION_NUMBER || p->type == LT_QUESTION_STRING;
}

/* ---- declarations ---- */

static void write_correct(struct lt_xml *xml, const struct lt_question *p)
{
    lt_xml_open(xml, "correctResponse");
    if (is_typed(p))
        lt_xml_element(xml, "value", p->answer);
    for (size_t i = 0; i < p->choices_n; i++) {
        char id[16];
        choice_id(id, i);
        if (p->choices[i].is_correct)
            lt_xml_element(xml, "value", lt_str(id));
    }
    lt_xml_close(xml);
}

/* The phrase in any case of letters. */
static void write_mapping(struct lt_xml *xml, const struct lt_question *p)
{
    lt_xml_open(xml, "mapping");
    lt_xml_attrz(xml, "defaultValue", "0");
    lt_xml_open(xml, "mapEntry");
    lt_xml_attr(xml, "mapKey", p->answer);
    lt_xml_attrz(xml, "mappedValue", "1");
    lt_xml_attrz(xml, "caseSensitive", "false");
    lt_xml_close(xml);
    lt_xml_close(xml);
}

static void write_response_declaration(struct lt_xml *xml, const struct lt_question *p)
{
    open_named(xml, "responseDeclaration", "RESPONSE");
    lt_xml_attrz(xml, "cardinality", p->type == LT_QUESTION_CHECKBOXES ? "multiple" : "single");
    lt_xml_attrz(xml, "baseType", p->type == LT_QUESTION_NUMBER ? "float" : p->type == LT_QUESTION_STRING ? "string" : "identifier");
    write_correct(xml, p);
    if (p->type == LT_QUESTION_STRING)
        write_mapping(xml, p);
    lt_xml_close(xml);
}

static void write_outcome(struct lt_xml *xml, const char *name, const char *cardinality, const char *type)
{
    open_named(xml, "outcomeDeclaration", name);
    lt_xml_attrz(xml, "cardinality", cardinality);
    lt_xml_attrz(xml, "baseType", type);
    lt_xml_close(xml);
}

/* ---- the body ---- */

static void write_choice_interaction(struct lt_xml *xml, const struct lt_question *p)
{
    bool list = lt_format_is_list(p);
    if (list)
        lt_xml_open(xml, "p");
    lt_xml_open(xml, list ? "inlineChoiceInteraction" : "choiceInteraction");
    lt_xml_attrz(xml, "responseIdentifier", "RESPONSE");
    lt_xml_attrz(xml, "shuffle", "true");
    if (!list)
        lt_xml_attrz(xml, "maxChoices", p->type == LT_QUESTION_CHECKBOXES ? "0" : "1");
    for (size_t i = 0; i < p->choices_n; i++) {
        char id[16];
        choice_id(id, i);
        lt_xml_element_attr(xml, list ? "inlineChoice" : "simpleChoice", "identifier", id, p->choices[i].text);
    }
    lt_xml_close(xml);
    if (list)
        lt_xml_close(xml);
}

static void write_text_interaction(struct lt_xml *xml)
{
    lt_xml_open(xml, "p");
    lt_xml_open(xml, "textEntryInteraction");
    lt_xml_attrz(xml, "responseIdentifier", "RESPONSE");
    lt_xml_attrz(xml, "expectedLength", "20");
    lt_xml_close(xml);
    lt_xml_close(xml);
}

static void write_hints(struct lt_xml *xml, const struct lt_question *p)
{
    lt_xml_open(xml, "rubricBlock");
    lt_xml_attrz(xml, "view", "author tutor");
    for (size_t i = 0; i < p->hints_n; i++)
        lt_format_paragraphs(xml, p->hints[i]);
    lt_xml_close(xml);
}

static void write_body(struct lt_xml *xml, const struct lt_question *p, struct lt_str question)
{
    lt_xml_open(xml, "itemBody");
    if (p->hints_n > 0)
        write_hints(xml, p);
    lt_xml_raw(xml, question);
    if (is_typed(p))
        write_text_interaction(xml);
    else
        write_choice_interaction(xml, p);
    lt_xml_close(xml);
}

/* ---- marking ---- */

static void write_score(struct lt_xml *xml, const char *value)
{
    open_named(xml, "setOutcomeValue", "SCORE");
    lt_xml_element_attr(xml, "baseValue", "baseType", "float", lt_str(value));
    lt_xml_close(xml);
}

/* The response equals the right one: exactly, or as a number within the tolerance. */
static void write_test(struct lt_xml *xml, const struct lt_question *p)
{
    bool number = p->type == LT_QUESTION_NUMBER;
    lt_xml_open(xml, number ? "equal" : "match");
    if (number && p->tolerance > 0) {
        struct lt_str off = {p->tolerance_text.p, p->tolerance_text.n - p->tolerance_percent};
        lt_xml_attrz(xml, "toleranceMode", p->tolerance_percent ? "relative" : "absolute");
        lt_xml_attr(xml, "tolerance", lt_printf(xml->arena, "%.*s %.*s", LT_FMT(off), LT_FMT(off)));
    } else if (number) {
        lt_xml_attrz(xml, "toleranceMode", "exact");
    }
    write_empty(xml, "variable", "RESPONSE");
    write_empty(xml, "correct", "RESPONSE");
    lt_xml_close(xml);
}

static void write_marking(struct lt_xml *xml, const struct lt_question *p)
{
    if (p->type == LT_QUESTION_STRING) {
        open_named(xml, "setOutcomeValue", "SCORE");
        write_empty(xml, "mapResponse", "RESPONSE");
        lt_xml_close(xml);
        return;
    }
    lt_xml_open(xml, "responseCondition");
    lt_xml_open(xml, "responseIf");
    write_test(xml, p);
    write_score(xml, "1");
    lt_xml_close(xml);
    lt_xml_open(xml, "responseElse");
    write_score(xml, "0");
    lt_xml_close(xml);
    lt_xml_close(xml);
}

/* What is told afterwards. */
struct told {
    bool feedback;    /* of the choices that were taken */
    bool explanation;
};

static void write_processing(struct lt_xml *xml, const struct lt_question *p, struct told told)
{
    lt_xml_open(xml, "responseProcessing");
    if (!told.feedback && !told.explanation && p->type != LT_QUESTION_NUMBER) {
        lt_xml_attrz(xml, "template", p->type == LT_QUESTION_STRING ? TEMPLATES "map_response" : TEMPLATES "match_correct");
    } else {
        write_marking(xml, p);
        if (told.feedback) {
            open_named(xml, "setOutcomeValue", "FEEDBACK");
            write_empty(xml, "variable", "RESPONSE");
            lt_xml_close(xml);
        }
        if (told.explanation) {
            open_named(xml, "setOutcomeValue", "EXPLANATION");
            lt_xml_element_attr(xml, "baseValue", "baseType", "identifier", LT_STR("SHOWN"));
            lt_xml_close(xml);
        }
    }
    lt_xml_close(xml);
}

static void write_modal(struct lt_xml *xml, const char *outcome, const char *identifier, struct lt_str text)
{
    lt_xml_open(xml, "modalFeedback");
    lt_xml_attrz(xml, "outcomeIdentifier", outcome);
    lt_xml_attrz(xml, "identifier", identifier);
    lt_xml_attrz(xml, "showHide", "show");
    lt_format_paragraphs(xml, text);
    lt_xml_close(xml);
}

/* ---- items ---- */

static void write_item(struct lt_xml *xml, const struct lt_question *p, const char *identifier, struct lt_str question)
{
    struct told told = {lt_format_has_feedback(p), p->explanation.n > 0};
    open_named(xml, "assessmentItem", identifier);
    lt_xml_attrz(xml, "xmlns", ITEM_SCHEMA);
    lt_xml_attr(xml, "title", p->display_name);
    lt_xml_attrz(xml, "adaptive", "false");
    lt_xml_attrz(xml, "timeDependent", "false");
    write_response_declaration(xml, p);
    write_outcome(xml, "SCORE", "single", "float");
    if (told.feedback)
        write_outcome(xml, "FEEDBACK", p->type == LT_QUESTION_CHECKBOXES ? "multiple" : "single", "identifier");
    if (told.explanation)
        write_outcome(xml, "EXPLANATION", "single", "identifier");
    write_body(xml, p, question);
    write_processing(xml, p, told);
    for (size_t i = 0; i < p->choices_n; i++) {
        char id[16];
        choice_id(id, i);
        if (p->choices[i].feedback.n > 0)
            write_modal(xml, "FEEDBACK", id, p->choices[i].feedback);
    }
    if (told.explanation)
        write_modal(xml, "EXPLANATION", "SHOWN", p->explanation);
    lt_xml_close(xml);
}

enum lt_code lt_question_qti(struct lt_arena *arena, const struct lt_question *problem, const char *identifier, struct lt_str *ret,
                            struct lt_error *err)
{
    struct lt_html_fragment question;
    if (lt_format_question(arena, problem, LT_HTML_QTI, &question, err))
        return err ? err->code : LT_EINVALID_INPUT;
    struct lt_xml xml;
    lt_xml_begin(&xml, arena);
    lt_xml_declaration(&xml);
    write_item(&xml, problem, identifier, question.blocks);
    return lt_xml_end(&xml, ret, err);
}

/* ---- packages (IMS Content Packaging 1.1, as QTI 2.1 uses it) ---- */

static void write_resource(struct lt_xml *xml, const char *identifier, struct lt_str path)
{
    open_named(xml, "resource", identifier);
    lt_xml_attrz(xml, "type", "imsqti_item_xmlv2p1");
    lt_xml_attr(xml, "href", path);
    lt_xml_open(xml, "file");
    lt_xml_attr(xml, "href", path);
    lt_xml_close(xml);
    lt_xml_close(xml);
}

static enum lt_code write_manifest(struct lt_arena *arena, const struct lt_format_file *items, size_t n, struct lt_str *ret, struct lt_error *err)
{
    struct lt_xml xml;
    lt_xml_begin(&xml, arena);
    lt_xml_declaration(&xml);
    open_named(&xml, "manifest", "MANIFEST");
    lt_xml_attrz(&xml, "xmlns", "http://www.imsglobal.org/xsd/imscp_v1p1");
    lt_xml_open(&xml, "metadata");
    lt_xml_element(&xml, "schema", LT_STR("QTIv2.1 Package"));
    lt_xml_element(&xml, "schemaversion", LT_STR("1.0.0"));
    lt_xml_close(&xml);
    lt_xml_element(&xml, "organizations", LT_STR(""));
    lt_xml_open(&xml, "resources");
    for (size_t i = 0; i < n; i++)
        write_resource(&xml, lt_strz(arena, lt_printf(arena, "item-%zu", i + 1)), items[i].path);
    lt_xml_close(&xml);
    lt_xml_close(&xml);
    return lt_xml_end(&xml, ret, err);
}

enum lt_code lt_questions_qti_package(struct lt_arena *arena, const struct lt_question *problems, size_t n, struct lt_format_file **ret, size_t *ret_n,
                                     struct lt_error *err)
{
    struct lt_format_file *files = LT_NEW_ARRAY(arena, struct lt_format_file, n + 1);
    enum lt_code code = LT_OK;
    for (size_t i = 0; i < n && !code; i++) {
        files[i + 1].path = lt_printf(arena, "items/item-%zu.xml", i + 1);
        code = lt_question_qti(arena, &problems[i], lt_strz(arena, lt_printf(arena, "item-%zu", i + 1)), &files[i + 1].text, err);
        if (code && err)
            lt_error_under(err, lt_strz(arena, lt_printf(arena, "/%zu", i)));
    }
    files[0].path = LT_STR("imsmanifest.xml");
    if (!code)
        code = write_manifest(arena, files + 1, n, &files[0].text, err);
    if (!code) {
        *ret = files;
        *ret_n = n + 1;
    }
    return code;
}
