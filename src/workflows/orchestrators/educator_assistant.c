/*
 * EducatorAssistantOrchestrator: questions for an author, who has single ones worked over, picks among their versions, and saves them. Each
 * question is a slot of the session: {"versions": [question with its OLX, …], "selected": index}.
 */
#include "workflows/input.h"
#include "workflows/orchestrators/kept.h"
#include "workflows/processors/library.h"

enum {
    COUNT_MAX = 20,                    /* questions that may be asked for at once */
    COUNT_DEFAULT = 5,
    SAVED_MAX = 100,                   /* that are saved at once */
    VERSIONS_MAX = 20,                 /* of a question; then the oldest goes */
    INSTRUCTION_MAX = 4000,            /* bytes */
    NAME_MAX_ = 255,                   /* bytes of a collection's name and a library's key */
    WRITTEN_MAX = 8 << 20,             /* bytes of JSON made here */
};
#define DEFAULT_NAME "Questions"
#define WHOSE "questions in the making are"

/* ---- one question ---- */

static const char *const members[] = {"display_name", "question_html", "problem_type", "answer_value", "tolerance", "explanation", "demand_hints"};
static const char *const choice_members[] = {"text", "is_correct", "feedback"};

static void put_members(struct lt_jw *w, const struct lt_json *object, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (lt_input_get(object, names[i]))
            lt_jw_kjson(w, names[i], lt_input_get(object, names[i]));
}

/* As an object of its own: names with underscores, nothing but what makes a question. */
static void put_question(struct lt_jw *w, const struct lt_json *question)
{
    const struct lt_json *choices = lt_input_get(question, "choices");
    lt_jw_obj(w);
    put_members(w, question, members, LT_COUNT(members));
    if (choices && !lt_json_is(choices, LT_JSON_ARRAY))
        lt_jw_kjson(w, "choices", choices);
    if (lt_json_is(choices, LT_JSON_ARRAY)) {
        lt_jw_key(w, "choices");
        lt_jw_arr(w);
        for (size_t i = 0; i < lt_json_len(choices); i++) {
            lt_jw_obj(w);
            put_members(w, lt_json_at(choices, i), choice_members, LT_COUNT(choice_members));
            lt_jw_end(w);
        }
        lt_jw_end(w);
    }
    lt_jw_end(w);
}

static enum lt_code read_question(struct lt_arena *arena, const struct lt_json *json, struct lt_question *ret, struct lt_error *err)
{
    const struct lt_json *plain;
    struct lt_buf out;
    struct lt_jw w;
    if (!lt_json_is(json, LT_JSON_OBJECT))
        return lt_fail_field(err, LT_EINVALID_INPUT, "", "a question is an object, this is %s", lt_json_type_name(json));
    lt_buf_init(&out, WRITTEN_MAX);
    lt_jw_init(&w, &out);
    put_question(&w, json);
    if (lt_input_tree(arena, &out, &plain, err))
        return err->code;
    return lt_question_read(arena, plain, ret, err);
}

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
    if (read_question(arena, problem, &question, &err) == LT_OK && lt_question_olx(arena, &question, &olx, &err) == LT_OK) {
        lt_jw_key(w, "olx");
        lt_jw_obj(w);
        lt_jw_kstrz(w, "category", "problem");
        lt_jw_kstr(w, "data", olx);
        lt_jw_end(w);
    }
    lt_jw_end(w);
}

/* ---- slots ---- */

static const struct lt_json *slot_at(const struct lt_json *metadata, int64_t i)
{
    const struct lt_json *slots = lt_json_get(metadata, "question_slots");
    return lt_json_is(slots, LT_JSON_ARRAY) && i >= 0 && (uint64_t)i < lt_json_len(slots) ? lt_json_at(slots, (size_t)i) : NULL;
}

/* NULL when there is no such slot. */
static const struct lt_json *selected_version(const struct lt_json *slot)
{
    const struct lt_json *versions = lt_json_get(slot, "versions");
    int64_t selected = lt_json_int64_or(lt_json_get(slot, "selected"), 0);
    return selected >= 0 && (uint64_t)selected < lt_json_len(versions) ? lt_json_at(versions, (size_t)selected) : NULL;
}

static void put_slots(struct lt_arena *arena, struct lt_jw *w, const struct lt_json *problems)
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
    put_members(&w, run->input, (const char *const[]){"difficulty", "problem_types"}, 2);
    if (revise) {
        lt_jw_key(&w, "revise");
        put_question(&w, revise);
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
    lt_run_progress(run, "Reading the course text.", 0.1);
    if (lt_generate_text(run, &text, err) || make_input(run, text, revise, &generation.input, err))
        return err->code;
    lt_run_progress(run, revise ? "Working over the question." : "Writing the questions.", 0.3);
    return lt_generate(run, &generation, ret, err);
}

static struct lt_str short_name(struct lt_str name)
{
    name = lt_str_trim(name);
    return name.n > NAME_MAX_ ? (struct lt_str){name.p, lt_utf8_whole(name.p, NAME_MAX_)} : name;
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
    put_slots(arena, &w, lt_json_get(answer, "problems"));
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

static enum lt_code write_questions(struct lt_workflow_run *run, struct lt_jw *response, struct lt_error *err)
{
    struct lt_kept kept;
    const struct lt_json *answer, *patch;
    if (lt_kept_open(run, WHOSE, &kept, err) || ask(run, NULL, &answer, err) || make_patch(run->request->arena, answer, &patch, err) ||
        lt_kept_change(&kept, as_made, (void *)patch, NULL, err))
        return err->code;
    answer_slots(response, patch);
    return LT_OK;
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

/* Sets r->answer. */
static enum lt_code add_version(struct revision *r, const struct lt_json *versions, struct lt_error *err)
{
    size_t n = lt_json_len(versions), from = n >= VERSIONS_MAX ? n - VERSIONS_MAX + 1 : 0;
    struct lt_buf out, version;
    struct lt_jw w, v;
    lt_buf_init(&version, WRITTEN_MAX);
    lt_jw_init(&v, &version);
    put_version(r->arena, &v, r->problem);
    lt_buf_init(&out, WRITTEN_MAX);
    lt_jw_init(&w, &out);
    lt_jw_obj(&w);
    lt_jw_key(&w, "question");
    lt_jw_raw(&w, lt_buf_str(&version));
    lt_jw_key(&w, "history");
    lt_jw_arr(&w);
    for (size_t i = from; i < n; i++)
        lt_jw_json(&w, lt_json_at(versions, i));
    lt_jw_raw(&w, lt_buf_str(&version));
    lt_jw_end(&w);
    lt_jw_kint(&w, "selected", (int64_t)(n - from));
    lt_jw_end(&w);
    out.failed |= version.failed;
    lt_buf_free(&version);
    return lt_input_tree(r->arena, &out, &r->answer, err);
}

/* The slots with that one changed; the others as they are now, because several may be worked over at once. */
static enum lt_code revise_slot(void *ctx, struct lt_arena *arena, const struct lt_json *metadata, const struct lt_json **ret_patch,
                                struct lt_error *err)
{
    struct revision *r = ctx;
    const struct lt_json *slots = lt_json_get(metadata, "question_slots"), *versions = lt_json_get(slot_at(metadata, r->index), "versions");
    if (lt_json_len(versions) == 0)
        return no_question(err, LT_ENOT_FOUND);
    if (!lt_json_equal(lt_json_at(versions, 0), r->first) && lt_json_len(versions) < VERSIONS_MAX)
        return lt_fail_field(err, LT_ENOT_FOUND, "/user_input/question_index", "there is another question in its place");
    if (add_version(r, versions, err))
        return err->code;
    struct lt_buf out;
    struct lt_jw w;
    lt_buf_init(&out, WRITTEN_MAX);
    lt_jw_init(&w, &out);
    lt_jw_obj(&w);
    lt_jw_key(&w, "question_slots");
    lt_jw_arr(&w);
    for (size_t i = 0; i < lt_json_len(slots); i++) {
        if ((int64_t)i != r->index) {
            lt_jw_json(&w, lt_json_at(slots, i));
            continue;
        }
        lt_jw_obj(&w);
        lt_jw_kjson(&w, "versions", lt_json_get(r->answer, "history"));
        lt_jw_kjson(&w, "selected", lt_json_get(r->answer, "selected"));
        lt_jw_end(&w);
    }
    lt_jw_end(&w);
    lt_jw_end(&w);
    return lt_input_tree(arena, &out, ret_patch, err);
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
    const struct lt_json *slot = slot_at(kept.metadata, revision.index), *version = selected_version(slot);
    if (!version)
        return no_question(err, LT_EINVALID_INPUT);
    revision.first = lt_json_at(lt_json_get(slot, "versions"), 0);
    if (ask(run, version, &answer, err))
        return err->code;
    revision.problem = lt_json_at(lt_json_get(answer, "problems"), 0);
    if (lt_kept_change(&kept, revise_slot, &revision, NULL, err))
        return err->code;
    lt_jw_obj(response);
    lt_jw_kjson(response, "response", revision.answer);
    lt_jw_kstrz(response, "status", "completed");
    lt_jw_end(response);
    return LT_OK;
}

/* ---- saving ---- */

struct saving {
    struct lt_kept *kept;
    struct lt_library_collection collection;
    struct lt_question questions[SAVED_MAX];
    const struct lt_json *shown;       /* {"name", "library_id", "files": [{"path", "text"}]} */
    struct lt_str url;                 /* where the session gives it: relative, as clients put an origin before it */
};

static enum lt_code add_question(struct saving *s, const struct lt_json *json, const char *list, size_t i, struct lt_error *err)
{
    struct lt_arena *arena = s->kept->run->request->arena;
    if (s->collection.questions_n == SAVED_MAX)
        return lt_fail_field(err, LT_EINVALID_INPUT, list, "must be at most %d questions", SAVED_MAX);
    if (read_question(arena, json, &s->questions[s->collection.questions_n], err))
        return lt_error_under(err, lt_strz(arena, lt_printf(arena, "%s/%zu", list, i)));
    s->collection.questions_n++;
    return LT_OK;
}

/* user_input.questions; else those of the slots in user_input.selected, a list of indices; else of all slots. */
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
        const struct lt_json *question = sent ? lt_json_at(list, i) : selected_version(slot_at(metadata, index));
        if (!question)
            return lt_fail_field(err, LT_EINVALID_INPUT, field, "there is no such question");
        if (add_question(s, question, field, i, err))
            return err->code;
    }
    return s->collection.questions_n > 0 ? LT_OK : lt_fail_field(err, LT_EINVALID_INPUT, field, "there is nothing to save");
}

static enum lt_code read_saving(struct saving *s, struct lt_error *err)
{
    const struct lt_json *input = s->kept->run->input;
    struct lt_str *name = &s->collection.name;
    if (lt_input_text(input, "library_id", NAME_MAX_, &s->collection.library_id, err) ||
        lt_input_text(input, "collection_name", NAME_MAX_, name, err))
        return lt_error_under(err, "/user_input");
    if (name->n == 0)
        *name = lt_json_str_or(lt_json_get(s->kept->metadata, "collection_name"), LT_STR(DEFAULT_NAME));
    s->collection.questions = s->questions;
    return read_questions(s, err);
}

static enum lt_code make_collection(struct saving *s, struct lt_error *err)
{
    struct lt_arena *arena = s->kept->run->request->arena;
    struct lt_format_file *files;
    struct lt_buf out;
    struct lt_jw w;
    size_t n;
    if (lt_library_files(arena, &s->collection, &files, &n, err))
        return lt_error_under(err, "/user_input/questions");
    lt_buf_init(&out, WRITTEN_MAX);
    lt_jw_init(&w, &out);
    lt_jw_obj(&w);
    lt_jw_kstr(&w, "name", s->collection.name);
    lt_jw_kstr(&w, "library_id", s->collection.library_id);
    lt_jw_key(&w, "files");
    lt_jw_arr(&w);
    for (size_t i = 0; i < n; i++) {
        lt_jw_obj(&w);
        lt_jw_kstr(&w, "path", files[i].path);
        lt_jw_kstr(&w, "text", files[i].text);
        lt_jw_end(&w);
    }
    lt_jw_end(&w);
    lt_jw_end(&w);
    return lt_input_tree(arena, &out, &s->shown, err);
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
    lt_jw_kjson(&w, "collection", s->shown);
    lt_jw_kstr(&w, "collection_url", s->url);
    lt_jw_kstr(&w, "library_id", s->collection.library_id);
    lt_jw_end(&w);
    return lt_input_tree(arena, &out, ret_patch, err);
}

/* {"response": the address, "collection", "status"}; the address is null when nothing is kept to be fetched there. */
static enum lt_code save(struct lt_workflow_run *run, struct lt_jw *response, struct lt_error *err)
{
    struct lt_kept kept;
    struct saving *s = LT_NEW(run->request->arena, struct saving);
    bool is_kept;
    s->kept = &kept;
    if (lt_kept_open(run, WHOSE, &kept, err) || read_saving(s, err) || make_collection(s, err) ||
        lt_kept_change(&kept, keep_collection, s, &is_kept, err))
        return err->code;
    lt_run_start(run);
    lt_jw_obj(response);
    lt_jw_key(response, "response");
    if (is_kept)
        lt_jw_str(response, s->url);
    else
        lt_jw_null(response);
    lt_jw_kjson(response, "collection", s->shown);
    lt_jw_kstrz(response, "status", "completed");
    lt_jw_end(response);
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

static const struct lt_orchestrator_action actions[] = {
    {"run", write_questions},
    {"regenerate_question", regenerate_question},
    {"save", save},
    {"get_current_session_response", show},
    {"clear_session", lt_kept_clear},
    {"run_async", lt_background_run},
    {"get_run_status", lt_background_status},
    {NULL, NULL}};
extern const struct lt_orchestrator lt_educator_assistant;
const struct lt_orchestrator lt_educator_assistant = {.class_name = "EducatorAssistantOrchestrator", .actions = actions};
