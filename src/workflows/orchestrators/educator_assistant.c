/*
 * EducatorAssistantOrchestrator: questions for an author, who has single ones worked over, picks among their versions, and saves them. Each
 * question is a slot of the session (question_slots.h).
 */
#include "workflows/export.h"
#include "workflows/input.h"
#include "workflows/orchestrators/question_slots.h"
#include "workflows/question_input.h"

enum {
    COUNT_MAX = 20,                    /* questions that may be asked for at once */
    COUNT_DEFAULT = 5,
    INSTRUCTION_MAX = 4000,            /* bytes */
    WRITTEN_MAX = LT_SLOTS_WRITTEN_MAX,
};
#define DEFAULT_NAME "Questions"
#define WHOSE LT_SLOTS_WHOSE

/* {"response": {"question_slots", "collection_name"}, "status": "completed"} */
static void answer_slots(struct lt_jw *response, const struct lt_json *metadata)
{
    lt_jw_obj(response);
    lt_jw_key(response, "response");
    lt_jw_obj(response);
    lt_jw_kjson(response, "question_slots", lt_json_get(metadata, "question_slots"));
    lt_jw_kstr(response, "collection_name", lt_json_str_or(lt_json_get(metadata, "collection_name"), LT_STR("")));
    lt_jw_end(response);
    lt_jw_kstrz(response, "status", "completed");
    lt_jw_end(response);
}

/* ---- asking for questions ---- */

static enum lt_code make_input(struct lt_workflow_run *run, struct lt_str text, const struct lt_json *revise, const struct lt_json **ret,
                               struct lt_error *err)
{
    static const char *const handed_on[] = {"difficulty", "problem_types"};
    struct lt_str instruction, language;
    struct lt_buf out;
    struct lt_jw w;
    int64_t count;
    if (lt_input_int(run->input, "num_questions", 1, COUNT_MAX, COUNT_DEFAULT, &count, err) ||
        lt_input_text(run->input, "extra_instructions", INSTRUCTION_MAX, &instruction, err) ||
        lt_input_text(run->input, "language", 64, &language, err))
        return lt_error_under(err, "/user_input");
    lt_buf_init(&out, WRITTEN_MAX);
    lt_jw_init(&w, &out);
    lt_jw_obj(&w);
    lt_jw_kstr(&w, "text", text);
    lt_jw_kint(&w, "count", count);
    if (instruction.n > 0)
        lt_jw_kstr(&w, "instruction", instruction);
    if (language.n > 0)
        lt_jw_kstr(&w, "language", language);
    for (size_t i = 0; i < LT_COUNT(handed_on); i++)
        if (lt_input_get(run->input, handed_on[i]))
            lt_jw_kjson(&w, handed_on[i], lt_input_get(run->input, handed_on[i]));
    if (revise) {
        lt_jw_key(&w, "revise");
        lt_question_put(&w, revise);
    }
    lt_jw_end(&w);
    return lt_input_tree(run->request->arena, &out, ret, err);
}

/* *ret: {"collection_name", "problems"} as the action promises. revise: a question to work over, or NULL. */
static enum lt_code ask(struct lt_workflow_run *run, const struct lt_json *revise, const struct lt_json **ret, struct lt_error *err)
{
    static const char *const functions[] = {"generate_quiz_questions", "refine_quiz_question", NULL};
    struct lt_generation generation = {.processor = &lt_educator_processor, .functions = functions, .action = "generate_question"};
    struct lt_str text;
    if (lt_generate_text(run, &text, err) || make_input(run, text, revise, &generation.input, err))
        return err->code;
    lt_run_progress(run, revise ? "Working over the question." : "Writing the questions.", 0.3);
    return lt_generate(run, &generation, ret, err);
}

static struct lt_str short_name(struct lt_str name)
{
    name = lt_str_trim(name);
    return name.n > LT_EXPORT_NAME_MAX ? (struct lt_str){name.p, lt_utf8_whole(name.p, LT_EXPORT_NAME_MAX)} : name;
}

/* What the session keeps of new questions, and what is no longer true of it. */
static enum lt_code make_patch(struct lt_arena *arena, const struct lt_json *answer, const struct lt_json **ret, struct lt_error *err)
{
    struct lt_str name = short_name(lt_json_str(lt_json_get(answer, "collection_name")));
    struct lt_buf out;
    struct lt_jw w;
    lt_buf_init(&out, WRITTEN_MAX);
    lt_jw_init(&w, &out);
    lt_jw_obj(&w);
    lt_jw_key(&w, "question_slots");
    lt_slots_put_new(arena, &w, lt_json_get(answer, "problems"));
    lt_jw_kstr(&w, "collection_name", name.n > 0 ? name : LT_STR(DEFAULT_NAME));
    lt_jw_kjson(&w, "collection", NULL);
    lt_jw_kjson(&w, "collection_url", NULL);
    lt_jw_kjson(&w, "library_id", NULL);
    lt_jw_end(&w);
    return lt_input_tree(arena, &out, ret, err);
}

static enum lt_code as_made(void *ctx, struct lt_arena *arena, const struct lt_json *metadata, const struct lt_json **ret_patch,
                            struct lt_error *err)
{
    (void)arena;
    (void)metadata;
    (void)err;
    *ret_patch = ctx;
    return LT_OK;
}

static void answer_made(void *ctx, bool kept, struct lt_jw *response)
{
    (void)kept;
    answer_slots(response, ctx);
}

static enum lt_code write_questions(struct lt_workflow_run *run, struct lt_jw *response, struct lt_error *err)
{
    struct lt_kept kept;
    const struct lt_json *answer, *patch;
    if (lt_kept_open(run, WHOSE, &kept, err) || ask(run, NULL, &answer, err) || make_patch(run->request->arena, answer, &patch, err))
        return err->code;
    return lt_kept_change(&kept, &(struct lt_kept_change){as_made, answer_made, (void *)patch}, response, err);
}

/* ---- another version ---- */

struct revision {
    struct lt_arena *arena;            /* of the run */
    int64_t index;
    const struct lt_json *first;       /* version of the slot, by which it is known again */
    const struct lt_json *problem;     /* as the model gave it */
    const struct lt_json *answer;      /* {"question", "history", "selected"} */
};

static enum lt_code no_question(struct lt_error *err, enum lt_code code)
{
    return lt_fail_field(err, code, "/user_input/question_index", "there is no such question");
}

/* Only that slot changes; the others stay as they are now, because several may be worked over at once. */
static enum lt_code revise_slot(void *ctx, struct lt_arena *arena, const struct lt_json *metadata, const struct lt_json **ret_patch,
                                struct lt_error *err)
{
    struct revision *r = ctx;
    const struct lt_json *slot = lt_slot_at(metadata, r->index), *versions = lt_json_get(slot, "versions");
    if (lt_json_len(versions) == 0)
        return no_question(err, LT_ENOT_FOUND);
    if (!lt_json_equal(lt_json_at(versions, 0), r->first) && lt_json_len(versions) < LT_SLOT_VERSIONS_MAX)
        return lt_fail_field(err, LT_ENOT_FOUND, "/user_input/question_index", "there is another question in its place");
    struct lt_slot_change change = {.problem = r->problem, .left_out = lt_slot_left_out(slot)};
    if (lt_slot_change(r->arena, slot, &change, &r->answer, err))
        return err->code;
    return lt_slots_with(arena, metadata, r->index, r->answer, ret_patch, err);
}

static void answer_revised(void *ctx, bool kept, struct lt_jw *response)
{
    const struct revision *r = ctx;
    (void)kept;
    lt_slot_answer(response, r->answer);
}

static enum lt_code regenerate_question(struct lt_workflow_run *run, struct lt_jw *response, struct lt_error *err)
{
    struct revision revision = {.arena = run->request->arena};
    const struct lt_json *answer;
    struct lt_kept kept;
    if (lt_input_int(run->input, "question_index", 0, INT32_MAX, -1, &revision.index, err))
        return lt_error_under(err, "/user_input");
    if (lt_kept_open(run, WHOSE, &kept, err))
        return err->code;
    const struct lt_json *slot = lt_slot_at(kept.metadata, revision.index), *version = lt_slot_selected(slot);
    if (!version)
        return no_question(err, LT_EINVALID_INPUT);
    revision.first = lt_json_at(lt_json_get(slot, "versions"), 0);
    if (ask(run, version, &answer, err))
        return err->code;
    revision.problem = lt_json_at(lt_json_get(answer, "problems"), 0);
    return lt_kept_change(&kept, &(struct lt_kept_change){revise_slot, answer_revised, &revision}, response, err);
}

/* ---- saving ---- */

struct saving {
    struct lt_kept *kept;
    struct lt_str name, library_id;
    const struct lt_json *questions[LT_EXPORT_QUESTIONS_MAX]; /* checked */
    size_t questions_n;
    const struct lt_json *collection;  /* {"name", "library_id", "questions"}: what the session keeps */
    const struct lt_json *shown;       /* the same with "files" */
    struct lt_str url;                 /* where the session gives it: relative, as clients put an origin before it */
};

static enum lt_code add_question(struct saving *s, const struct lt_json *json, const char *list, size_t i, struct lt_error *err)
{
    struct lt_arena *arena = s->kept->run->request->arena;
    struct lt_question question;
    if (s->questions_n == LT_EXPORT_QUESTIONS_MAX)
        return lt_fail_field(err, LT_EINVALID_INPUT, list, "must be at most %d questions", LT_EXPORT_QUESTIONS_MAX);
    if (lt_question_input(arena, json, &question, err))
        return lt_error_under(err, lt_strz(arena, lt_printf(arena, "%s/%zu", list, i)));
    s->questions[s->questions_n++] = json;
    return LT_OK;
}

/* user_input.questions; else those of the slots in user_input.selected, a list of indices; else of all slots that are not left out. */
static enum lt_code read_questions(struct saving *s, struct lt_error *err)
{
    const struct lt_json *input = s->kept->run->input, *metadata = s->kept->metadata;
    const struct lt_json *sent = lt_input_get(input, "questions"), *picked = lt_input_get(input, "selected");
    const char *field = sent ? "/user_input/questions" : picked ? "/user_input/selected" : "/user_input/questions";
    const struct lt_json *list = sent ? sent : picked ? picked : lt_json_get(metadata, "question_slots");
    if ((sent || picked) && !lt_json_is(list, LT_JSON_ARRAY))
        return lt_fail_field(err, LT_EINVALID_INPUT, field, "must be a list");
    for (size_t i = 0; i < lt_json_len(list); i++) {
        int64_t index = picked && !sent ? lt_json_int64_or(lt_json_at(list, i), -1) : (int64_t)i;
        if (!sent && !picked && lt_slot_left_out(lt_json_at(list, i)))
            continue;
        const struct lt_json *question = sent ? lt_json_at(list, i) : lt_slot_selected(lt_slot_at(metadata, index));
        if (!question)
            return lt_fail_field(err, LT_EINVALID_INPUT, field, "there is no such question");
        if (add_question(s, question, field, i, err))
            return err->code;
    }
    return s->questions_n > 0 ? LT_OK : lt_fail_field(err, LT_EINVALID_INPUT, field, "there is nothing to save");
}

static enum lt_code read_saving(struct saving *s, struct lt_error *err)
{
    const struct lt_json *input = s->kept->run->input;
    if (lt_input_text(input, "library_id", LT_EXPORT_NAME_MAX, &s->library_id, err) ||
        lt_input_text(input, "collection_name", LT_EXPORT_NAME_MAX, &s->name, err))
        return lt_error_under(err, "/user_input");
    if (s->name.n == 0)
        s->name = lt_json_str_or(lt_json_get(s->kept->metadata, "collection_name"), LT_STR(DEFAULT_NAME));
    return read_questions(s, err);
}

static enum lt_code make_collection(struct saving *s, struct lt_error *err)
{
    struct lt_arena *arena = s->kept->run->request->arena;
    struct lt_export export;
    struct lt_buf out;
    struct lt_jw w;
    lt_buf_init(&out, WRITTEN_MAX);
    lt_jw_init(&w, &out);
    lt_jw_obj(&w);
    lt_jw_kstr(&w, "name", s->name);
    lt_jw_kstr(&w, "library_id", s->library_id);
    lt_jw_key(&w, "questions");
    lt_jw_arr(&w);
    for (size_t i = 0; i < s->questions_n; i++)
        lt_question_put(&w, s->questions[i]);
    lt_jw_end(&w);
    lt_jw_end(&w);
    if (lt_input_tree(arena, &out, &s->collection, err))
        return err->code;
    struct lt_export_questions questions = {s->name, s->library_id, lt_json_get(s->collection, "questions")};
    if (lt_export_questions(arena, &questions, LT_EXPORT_JSON, &export, err))
        return lt_error_under(err, "/user_input");
    return lt_json_parse(arena, export.bytes, LT_JSON_STRICT, &s->shown, err);
}

static enum lt_code keep_collection(void *ctx, struct lt_arena *arena, const struct lt_json *metadata, const struct lt_json **ret_patch,
                                    struct lt_error *err)
{
    struct saving *s = ctx;
    struct lt_buf out;
    struct lt_jw w;
    (void)metadata;
    s->url = lt_printf(s->kept->run->request->arena, "v1/sessions/%.*s/collection", LT_FMT(s->kept->session.uuid_text));
    lt_buf_init(&out, WRITTEN_MAX);
    lt_jw_init(&w, &out);
    lt_jw_obj(&w);
    lt_jw_kjson(&w, "collection", s->collection);
    lt_jw_kstr(&w, "collection_url", s->url);
    lt_jw_kstr(&w, "library_id", s->library_id);
    lt_jw_end(&w);
    return lt_input_tree(arena, &out, ret_patch, err);
}

/* {"response": the address, "collection", "status"}; the address is null when nothing is kept to be fetched there. */
static void answer_saved(void *ctx, bool kept, struct lt_jw *response)
{
    const struct saving *s = ctx;
    lt_jw_obj(response);
    lt_jw_key(response, "response");
    if (kept)
        lt_jw_str(response, s->url);
    else
        lt_jw_null(response);
    lt_jw_kjson(response, "collection", s->shown);
    lt_jw_kstrz(response, "status", "completed");
    lt_jw_end(response);
}

static enum lt_code save(struct lt_workflow_run *run, struct lt_jw *response, struct lt_error *err)
{
    struct lt_kept kept;
    struct saving *s = LT_NEW(run->request->arena, struct saving);
    s->kept = &kept;
    if (lt_kept_open(run, WHOSE, &kept, err) || read_saving(s, err) || make_collection(s, err) ||
        lt_kept_change(&kept, &(struct lt_kept_change){keep_collection, answer_saved, s}, response, err))
        return err->code;
    lt_run_start(run);
    return LT_OK;
}

/* ---- what is there ---- */

/* The address of what was saved, else the questions, else null. */
static enum lt_code show(struct lt_workflow_run *run, struct lt_jw *response, struct lt_error *err)
{
    struct lt_kept kept;
    if (lt_kept_open(run, WHOSE, &kept, err))
        return err->code;
    const struct lt_json *url = lt_json_get(kept.metadata, "collection_url");
    lt_run_start(run);
    if (!url && lt_json_get(kept.metadata, "question_slots")) {
        answer_slots(response, kept.metadata);
        return LT_OK;
    }
    lt_jw_obj(response);
    lt_jw_kjson(response, "response", url);
    lt_jw_kstrz(response, "status", url ? "completed" : "no_questions");
    lt_jw_end(response);
    return LT_OK;
}

/* Where it was saved last; null: nowhere. */
static void put_saved(struct lt_jw *w, const struct lt_json *metadata)
{
    const struct lt_json *url = lt_json_get(metadata, "collection_url"), *collection = lt_json_get(metadata, "collection");
    lt_jw_key(w, "saved");
    if (!url) {
        lt_jw_null(w);
        return;
    }
    lt_jw_obj(w);
    lt_jw_kjson(w, "url", url);
    lt_jw_kjson(w, "name", lt_json_get(collection, "name"));
    lt_jw_kjson(w, "library_id", lt_json_get(collection, "library_id"));
    lt_jw_kint(w, "questions", (int64_t)lt_json_len(lt_json_get(collection, "questions")));
    lt_jw_end(w);
}

/* The questions in the making, also once they were saved: {"response": {"question_slots", "collection_name", "saved"}, "status"}. */
static enum lt_code show_questions(struct lt_workflow_run *run, struct lt_jw *response, struct lt_error *err)
{
    struct lt_kept kept;
    if (lt_kept_open(run, WHOSE, &kept, err))
        return err->code;
    const struct lt_json *slots = lt_json_get(kept.metadata, "question_slots");
    lt_run_start(run);
    lt_jw_obj(response);
    lt_jw_key(response, "response");
    lt_jw_obj(response);
    lt_jw_kjson(response, "question_slots", slots);
    lt_jw_kstr(response, "collection_name", lt_json_str_or(lt_json_get(kept.metadata, "collection_name"), LT_STR("")));
    put_saved(response, kept.metadata);
    lt_jw_end(response);
    lt_jw_kstrz(response, "status", slots ? "completed" : "no_questions");
    lt_jw_end(response);
    return LT_OK;
}

static const struct lt_orchestrator_action actions[] = {
    {"run", write_questions},
    {"regenerate_question", regenerate_question},
    {"change_question", lt_slot_change_run},
    {"save", save},
    {"get_questions", show_questions},
    {"get_current_session_response", show},
    {"clear_session", lt_kept_clear},
    {"run_async", lt_background_run},
    {"get_run_status", lt_background_status},
    {NULL, NULL}};
extern const struct lt_orchestrator lt_educator_assistant;
const struct lt_orchestrator lt_educator_assistant = {.class_name = "EducatorAssistantOrchestrator", .actions = actions};
