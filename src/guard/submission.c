/* What of a submission speaks to the grader, and what is left. */
#include "guard/submission.h"

enum { ASSIGNMENT_MAX = 8 << 20 };

/* ---- reading ---- */

static void put_texts(struct lt_buf *out, const struct lt_json *list)
{
    static const char *const members[] = {"name", "label", "prompt", "text"};
    for (size_t i = 0; i < lt_json_len(list); i++)
        for (size_t k = 0; k < LT_COUNT(members); k++) {
            lt_buf_put_str(out, lt_json_str_or(lt_json_get(lt_json_at(list, i), members[k]), LT_STR("")));
            lt_buf_put_str(out, LT_STR("\n"));
        }
}

/* What the learner was asked. Options are not in it: "full marks" may stand there, and nobody's answer has to say it. */
static struct lt_str assignment_of(struct lt_arena *arena, const struct lt_json *input)
{
    struct lt_buf out;
    lt_buf_init(&out, ASSIGNMENT_MAX);
    put_texts(&out, lt_json_at_pointer(input, "/task/prompts"));
    put_texts(&out, lt_json_at_pointer(input, "/rubric/criteria"));
    struct lt_str text = lt_str_copy(arena, lt_buf_str(&out));
    lt_buf_free(&out);
    return text;
}

static void add_texts(struct lt_submission *s, struct lt_address_reader *reader, const struct lt_json *list, const char *kind)
{
    for (size_t i = 0; i < lt_json_len(list); i++) {
        const struct lt_json *v = lt_json_at(list, i);
        struct lt_submission_text *t = &s->texts[s->n++];
        struct lt_stretches name;
        *t = (struct lt_submission_text){.kind = kind, .index = i, .text = lt_json_str_or(lt_json_get(v, "text"), LT_STR(""))};
        lt_address_find(reader, t->text, &t->aside);
        lt_address_find(reader, lt_json_str_or(lt_json_get(v, "name"), LT_STR("")), &name);
        t->name_aside = name.n > 0;
    }
}

void lt_submission_read(struct lt_arena *arena, const struct lt_json *input, struct lt_submission *ret)
{
    const struct lt_json *parts = lt_json_at_pointer(input, "/submission/parts"), *files = lt_json_at_pointer(input, "/submission/attachments");
    struct lt_address_reader *reader = lt_address_reader_new(arena, assignment_of(arena, input));
    *ret = (struct lt_submission){.texts = LT_NEW_ARRAY(arena, struct lt_submission_text, lt_json_len(parts) + lt_json_len(files))};
    add_texts(ret, reader, parts, "part");
    add_texts(ret, reader, files, "attachment");
}

/* ---- setting aside ---- */

static struct lt_submission_text *find(const struct lt_submission *s, struct lt_str kind, size_t index)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->texts[i].index == index && lt_str_is(kind, s->texts[i].kind))
            return &s->texts[i];
    return NULL;
}

struct lt_stretch lt_submission_sentences(struct lt_arena *arena, const struct lt_submission *s, struct lt_str kind, size_t index,
                                          struct lt_stretch place)
{
    const struct lt_submission_text *t = find(s, kind, index);
    return t ? lt_sentences_around(arena, t->text, place) : place;
}

void lt_submission_set_aside(struct lt_arena *arena, struct lt_submission *s, struct lt_str kind, size_t index, struct lt_stretch place)
{
    struct lt_submission_text *t = find(s, kind, index);
    if (t)
        lt_stretches_add(arena, &t->aside, place);
}

bool lt_submission_has_aside(const struct lt_submission *s)
{
    bool has = false;
    for (size_t i = 0; i < s->n; i++)
        has |= s->texts[i].aside.n > 0 || s->texts[i].name_aside;
    return has;
}

/* ---- writing ---- */

static void put_rest_of(struct lt_jw *w, struct lt_arena *arena, const struct lt_json *v, const struct lt_submission_text *t)
{
    lt_jw_obj(w);
    for (size_t i = 0; i < lt_json_len(v); i++) {
        struct lt_str key = lt_json_key_at(v, i);
        lt_jw_key_str(w, key);
        if (lt_str_is(key, "text"))
            lt_jw_str(w, lt_text_without(arena, t->text, &t->aside));
        else if (lt_str_is(key, "name") && t->name_aside)
            lt_jw_strz(w, "");
        else
            lt_jw_json(w, lt_json_at(v, i));
    }
    lt_jw_end(w);
}

void lt_submission_write_rest(struct lt_jw *w, struct lt_arena *arena, const struct lt_json *submission, const struct lt_submission *s)
{
    static const char *const lists[] = {"parts", "attachments"};
    size_t n = 0;
    lt_jw_obj(w);
    for (size_t k = 0; k < LT_COUNT(lists); k++) {
        const struct lt_json *list = lt_json_get(submission, lists[k]);
        lt_jw_key(w, lists[k]);
        lt_jw_arr(w);
        for (size_t i = 0; i < lt_json_len(list); i++)
            put_rest_of(w, arena, lt_json_at(list, i), &s->texts[n++]);
        lt_jw_end(w);
    }
    lt_jw_end(w);
}

void lt_submission_write_aside(struct lt_jw *w, const struct lt_submission *s)
{
    lt_jw_arr(w);
    for (size_t i = 0; i < s->n; i++) {
        const struct lt_submission_text *t = &s->texts[i];
        for (size_t k = 0; k < t->aside.n; k++) {
            lt_jw_obj(w);
            lt_jw_kint(w, t->kind, (int64_t)t->index);
            lt_jw_kint(w, "start", (int64_t)t->aside.list[k].start);
            lt_jw_kint(w, "end", (int64_t)t->aside.list[k].end);
            lt_jw_end(w);
        }
        if (t->name_aside) {
            lt_jw_obj(w);
            lt_jw_kint(w, t->kind, (int64_t)t->index);
            lt_jw_kbool(w, "name", true);
            lt_jw_end(w);
        }
    }
    lt_jw_end(w);
}
