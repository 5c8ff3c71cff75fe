#include "workflows/orchestrators/question_slots.h"

#include "workflows/formats/formats.h"
#include "workflows/input.h"
#include "workflows/question_input.h"

/* ---- one version ---- */

/* With "olx": {"category", "data"}; without it when no format can hold the question as it is: its author may mend it. */
static void put_version(struct lt_arena *arena, struct lt_jw *w, const struct lt_json *problem)
{
    struct lt_question question;
    struct lt_error err;
    struct lt_str olx;
    lt_jw_obj(w);
    for (size_t i = 0; i < lt_json_len(problem); i++) {
        lt_jw_key_str(w, lt_json_key_at(problem, i));
        lt_jw_json(w, lt_json_at(problem, i));
    }
    if (lt_question_input(arena, problem, &question, &err) == LT_OK && lt_question_olx(arena, &question, &olx, &err) == LT_OK) {
        lt_jw_key(w, "olx");
        lt_jw_obj(w);
        lt_jw_kstrz(w, "category", "problem");
        lt_jw_kstr(w, "data", olx);
        lt_jw_end(w);
    }
    lt_jw_end(w);
}

/* Its members alone, by their names here. */
static enum lt_code plain(struct lt_arena *arena, const struct lt_json *question, const struct lt_json **ret, struct lt_error *err)
{
    struct lt_buf out;
    struct lt_jw w;
    lt_buf_init(&out, LT_SLOTS_WRITTEN_MAX);
    lt_jw_init(&w, &out);
    lt_question_put(&w, question);
    return lt_input_tree(arena, &out, ret, err);
}

/* ---- slots ---- */

void lt_slots_put_new(struct lt_arena *arena, struct lt_jw *w, const struct lt_json *problems)
{
    lt_jw_arr(w);
    for (size_t i = 0; i < lt_json_len(problems); i++) {
        lt_jw_obj(w);
        lt_jw_key(w, "versions");
        lt_jw_arr(w);
        put_version(arena, w, lt_json_at(problems, i));
        lt_jw_end(w);
        lt_jw_kint(w, "selected", 0);
        lt_jw_end(w);
    }
    lt_jw_end(w);
}

const struct lt_json *lt_slot_at(const struct lt_json *metadata, int64_t index)
{
    const struct lt_json *slots = lt_json_get(metadata, "question_slots");
    return lt_json_is(slots, LT_JSON_ARRAY) && index >= 0 && (uint64_t)index < lt_json_len(slots) ? lt_json_at(slots, (size_t)index) : NULL;
}

const struct lt_json *lt_slot_selected(const struct lt_json *slot)
{
    const struct lt_json *versions = lt_json_get(slot, "versions");
    int64_t selected = lt_json_int64_or(lt_json_get(slot, "selected"), 0);
    return selected >= 0 && (uint64_t)selected < lt_json_len(versions) ? lt_json_at(versions, (size_t)selected) : NULL;
}

bool lt_slot_left_out(const struct lt_json *slot)
{
    return lt_json_bool_or(lt_json_get(slot, "left_out"), false);
}

static void put_changed(struct lt_jw *w, const struct lt_json *versions, size_t from, struct lt_str added, const struct lt_slot_change *change)
{
    size_t n = lt_json_len(versions), selected = added.n > 0 ? n - from : (size_t)change->selected;
    lt_jw_obj(w);
    lt_jw_key(w, "question");
    if (added.n > 0)
        lt_jw_raw(w, added);
    else
        lt_jw_json(w, lt_json_at(versions, selected));
    lt_jw_key(w, "history");
    lt_jw_arr(w);
    for (size_t i = from; i < n; i++)
        lt_jw_json(w, lt_json_at(versions, i));
    if (added.n > 0)
        lt_jw_raw(w, added);
    lt_jw_end(w);
    lt_jw_kint(w, "selected", (int64_t)selected);
    if (change->left_out)
        lt_jw_kbool(w, "left_out", true);
    lt_jw_end(w);
}

enum lt_code lt_slot_change(struct lt_arena *arena, const struct lt_json *slot, const struct lt_slot_change *change, const struct lt_json **ret,
                            struct lt_error *err)
{
    const struct lt_json *versions = lt_json_get(slot, "versions");
    size_t n = lt_json_len(versions);
    struct lt_buf out, version;
    struct lt_jw w, v;
    lt_buf_init(&version, LT_SLOTS_WRITTEN_MAX);
    lt_jw_init(&v, &version);
    if (change->problem)
        put_version(arena, &v, change->problem);
    lt_buf_init(&out, LT_SLOTS_WRITTEN_MAX);
    lt_jw_init(&w, &out);
    put_changed(&w, versions, change->problem && n >= LT_SLOT_VERSIONS_MAX ? n - LT_SLOT_VERSIONS_MAX + 1 : 0, lt_buf_str(&version), change);
    out.failed |= version.failed;
    lt_buf_free(&version);
    return lt_input_tree(arena, &out, ret, err);
}

static void put_slot(struct lt_jw *w, const struct lt_json *changed)
{
    lt_jw_obj(w);
    lt_jw_kjson(w, "versions", lt_json_get(changed, "history"));
    lt_jw_kjson(w, "selected", lt_json_get(changed, "selected"));
    if (lt_slot_left_out(changed))
        lt_jw_kbool(w, "left_out", true);
    lt_jw_end(w);
}

enum lt_code lt_slots_with(struct lt_arena *arena, const struct lt_json *metadata, int64_t index, const struct lt_json *changed,
                           const struct lt_json **ret, struct lt_error *err)
{
    const struct lt_json *slots = lt_json_get(metadata, "question_slots");
    struct lt_buf out;
    struct lt_jw w;
    lt_buf_init(&out, LT_SLOTS_WRITTEN_MAX);
    lt_jw_init(&w, &out);
    lt_jw_obj(&w);
    lt_jw_key(&w, "question_slots");
    lt_jw_arr(&w);
    for (size_t i = 0; i < lt_json_len(slots); i++)
        if ((int64_t)i == index)
            put_slot(&w, changed);
        else
            lt_jw_json(&w, lt_json_at(slots, i));
    lt_jw_end(&w);
    lt_jw_end(&w);
    return lt_input_tree(arena, &out, ret, err);
}

void lt_slot_answer(struct lt_jw *response, const struct lt_json *changed)
{
    lt_jw_obj(response);
    lt_jw_kjson(response, "response", changed);
    lt_jw_kstrz(response, "status", "completed");
    lt_jw_end(response);
}

/* ---- an author's change ---- */

struct own_change {
    struct lt_arena *arena;            /* of the run */
    int64_t index, selected;           /* selected: -1 = as it is */
    const struct lt_json *question, *based_on; /* plain, or NULL */
    const struct lt_json *left_out;    /* or NULL: as it is */
    const struct lt_json *answer;
};

/* The version that counts is not the one that the author has seen. */
static enum lt_code check_base(const struct own_change *c, const struct lt_json *slot, struct lt_error *err)
{
    const struct lt_json *now;
    if (!c->based_on)
        return LT_OK;
    if (plain(c->arena, lt_slot_selected(slot), &now, err))
        return err->code;
    return lt_json_equal(now, c->based_on) ? LT_OK
                                           : lt_fail_field(err, LT_ECONFLICT, "/user_input/based_on", "the question was changed meanwhile");
}

static enum lt_code change_slot(void *ctx, struct lt_arena *arena, const struct lt_json *metadata, const struct lt_json **ret_patch,
                                struct lt_error *err)
{
    struct own_change *c = ctx;
    const struct lt_json *slot = lt_slot_at(metadata, c->index);
    int64_t versions = (int64_t)lt_json_len(lt_json_get(slot, "versions"));
    if (versions == 0)
        return lt_fail_field(err, LT_ENOT_FOUND, "/user_input/question_index", "there is no such question");
    if (check_base(c, slot, err))
        return err->code;
    if (c->selected >= versions)
        return lt_fail_field(err, LT_EINVALID_INPUT, "/user_input/selected", "there is no such version");
    struct lt_slot_change change = {.problem = c->question,
                                    .selected = c->selected >= 0 ? c->selected : lt_json_int64_or(lt_json_get(slot, "selected"), 0),
                                    .left_out = c->left_out ? lt_json_bool_or(c->left_out, false) : lt_slot_left_out(slot)};
    if (lt_slot_change(c->arena, slot, &change, &c->answer, err))
        return err->code;
    return lt_slots_with(arena, metadata, c->index, c->answer, ret_patch, err);
}

static void answer_changed(void *ctx, bool kept, struct lt_jw *response)
{
    const struct own_change *c = ctx;
    (void)kept;
    lt_slot_answer(response, c->answer);
}

static enum lt_code read_question(struct own_change *c, const struct lt_json *input, struct lt_error *err)
{
    struct lt_question checked;
    const struct lt_json *question = lt_input_get(input, "question"), *based_on = lt_input_get(input, "based_on");
    if (question && lt_question_input(c->arena, question, &checked, err))
        return lt_error_under(err, "/user_input/question");
    if (question && !based_on)
        return lt_fail_field(err, LT_EINVALID_INPUT, "/user_input/based_on", "is missing: the version that was changed");
    if (based_on && !lt_json_is(based_on, LT_JSON_OBJECT))
        return lt_fail_field(err, LT_EINVALID_INPUT, "/user_input/based_on", "must be a question");
    if (question && plain(c->arena, question, &c->question, err))
        return err->code;
    return based_on ? plain(c->arena, based_on, &c->based_on, err) : LT_OK;
}

enum lt_code lt_slot_change_run(struct lt_workflow_run *run, struct lt_jw *response, struct lt_error *err)
{
    struct lt_kept kept;
    struct own_change *c = LT_NEW(run->request->arena, struct own_change);
    c->arena = run->request->arena;
    if (lt_input_int(run->input, "question_index", 0, INT32_MAX, -1, &c->index, err) ||
        lt_input_int(run->input, "selected", 0, INT32_MAX, -1, &c->selected, err))
        return lt_error_under(err, "/user_input");
    c->left_out = lt_input_get(run->input, "left_out");
    if (c->left_out && !lt_json_is(c->left_out, LT_JSON_BOOL))
        return lt_fail_field(err, LT_EINVALID_INPUT, "/user_input/left_out", "must be true or false");
    if (read_question(c, run->input, err) || lt_kept_open(run, LT_SLOTS_WHOSE, &kept, err) ||
        lt_kept_change(&kept, &(struct lt_kept_change){change_slot, answer_changed, c}, response, err))
        return err->code;
    lt_run_start(run);
    return LT_OK;
}
