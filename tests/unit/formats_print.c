/*
 * For formats.py: a JSON document on each line of the input, on each line of the output what comes of it.
 *     {"html": "…"}                              → {"text": "…"}
 *     {"fragment": "…"}                          → {"blocks": "…", "paragraph": "…" or null, "qti": "…"}
 *     {"problems": […], "category": "…"}         → {"olx": […], "moodle": "…", "qti": [{"path", "text"}]}
 * or {"error": …, "field": …, "detail": …}.
 */
#include <stdio.h>
#include <stdlib.h>

#include "text/html_fragment.h"
#include "text/html_text.h"
#include "workflows/formats/formats.h"

static enum lt_code print_text(struct lt_arena *arena, const struct lt_json *in, struct lt_jw *w, struct lt_error *err)
{
    struct lt_str text;
    if (lt_html_text(arena, lt_json_str(lt_json_get(in, "html")), &text, err))
        return err->code;
    lt_jw_kstr(w, "text", text);
    return LT_OK;
}

static enum lt_code print_fragment(struct lt_arena *arena, const struct lt_json *in, struct lt_jw *w, struct lt_error *err)
{
    struct lt_str html = lt_json_str(lt_json_get(in, "fragment"));
    struct lt_html_fragment plain, qti;
    if (lt_html_fragment(arena, html, LT_HTML_XHTML, &plain, err) || lt_html_fragment(arena, html, LT_HTML_QTI, &qti, err))
        return err->code;
    lt_jw_kstr(w, "blocks", plain.blocks);
    lt_jw_key(w, "paragraph");
    if (plain.paragraph.p)
        lt_jw_str(w, plain.paragraph);
    else
        lt_jw_null(w);
    lt_jw_kstr(w, "qti", qti.blocks);
    return LT_OK;
}

static enum lt_code print_problems(struct lt_arena *arena, const struct lt_json *in, struct lt_jw *w, struct lt_error *err)
{
    const struct lt_json *list = lt_json_get(in, "problems");
    size_t n = lt_json_len(list), files_n;
    struct lt_question *problems = LT_NEW_ARRAY(arena, struct lt_question, n);
    struct lt_str *olx = LT_NEW_ARRAY(arena, struct lt_str, n), moodle;
    struct lt_format_file *files;
    for (size_t i = 0; i < n; i++)
        if (lt_question_read(arena, lt_json_at(list, i), &problems[i], err) || lt_question_olx(arena, &problems[i], &olx[i], err))
            return err->code;
    if (lt_questions_moodle_xml(arena, problems, n, lt_json_str(lt_json_get(in, "category")), &moodle, err) ||
        lt_questions_qti_package(arena, problems, n, &files, &files_n, err))
        return err->code;
    lt_jw_key(w, "olx");
    lt_jw_arr(w);
    for (size_t i = 0; i < n; i++)
        lt_jw_str(w, olx[i]);
    lt_jw_end(w);
    lt_jw_kstr(w, "moodle", moodle);
    lt_jw_key(w, "qti");
    lt_jw_arr(w);
    for (size_t i = 0; i < files_n; i++) {
        lt_jw_obj(w);
        lt_jw_kstr(w, "path", files[i].path);
        lt_jw_kstr(w, "text", files[i].text);
        lt_jw_end(w);
    }
    lt_jw_end(w);
    return LT_OK;
}

static void print(struct lt_str line)
{
    struct lt_arena *arena = lt_arena_new();
    struct lt_error err = {0};
    struct lt_buf out;
    struct lt_jw w;
    const struct lt_json *in = NULL;
    lt_buf_init(&out, 64 << 20);
    lt_jw_init(&w, &out);
    lt_jw_obj(&w);
    enum lt_code code = lt_json_parse(arena, line, LT_JSON_STRICT, &in, &err);
    if (!code)
        code = (lt_json_get(in, "html") ? print_text : lt_json_get(in, "fragment") ? print_fragment : print_problems)(arena, in, &w, &err);
    if (code) {
        lt_jw_kstrz(&w, "error", lt_code_name(code));
        lt_jw_kstrz(&w, "field", err.field);
        lt_jw_kstrz(&w, "detail", err.detail);
    }
    lt_jw_end(&w);
    printf("%.*s\n", LT_FMT(lt_buf_str(&out)));
    lt_buf_free(&out);
    lt_arena_free(arena);
}

int main(void)
{
    char *line = NULL;
    size_t cap = 0;
    for (ssize_t n; (n = getline(&line, &cap, stdin)) > 0;)
        print((struct lt_str){line, (size_t)n});
    free(line);
    return 0;
}
