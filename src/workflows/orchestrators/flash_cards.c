/*
 * FlashCardsOrchestrator: cards from a course's texts, to be repeated with growing pauses. A user has one stack in a course: new cards go to
 * those that are there, whatever unit they come from.
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/secret.h"
#include "workflows/card.h"
#include "workflows/input.h"
#include "workflows/orchestrators/kept.h"

enum {
    CARDS_MAX = 1000,                  /* in a stack */
    AT_ONCE_MAX = 50,                  /* that may be asked for */
    BY_CHANCE_MAX = 25,                /* so many at most when nobody says how many */
    EXISTING_MAX = 500,                /* of the newest go along, so that nothing is asked twice */
    ID_SENT = 100,                     /* bytes of an id, and of a question, that go along */
    QUESTION_SENT = 4000,
    INSTRUCTION_MAX = 4000,            /* bytes */
    LANGUAGE_MAX = 64,
    WRITTEN_MAX = 8 << 20,             /* bytes of JSON made here */
    VERSION_HEX = 32,
};

/* ---- the stack ---- */

struct stack {
    struct lt_card *list;
    size_t n;
};

static enum lt_code read_list(struct lt_arena *arena, const struct lt_json *list, struct stack *ret, struct lt_error *err)
{
    *ret = (struct stack){.list = LT_NEW_ARRAY(arena, struct lt_card, lt_json_len(list)), .n = lt_json_len(list)};
    for (size_t i = 0; i < ret->n; i++)
        if (lt_card_read(lt_json_at(list, i), &ret->list[i], err))
            return lt_error_under(err, lt_strz(arena, lt_printf(arena, "/%zu", i)));
    return LT_OK;
}

static enum lt_code read_kept(struct lt_arena *arena, const struct lt_json *metadata, struct stack *ret, struct lt_error *err)
{
    const struct lt_json *list = lt_json_get(metadata, "cards");
    return read_list(arena, lt_json_is(list, LT_JSON_ARRAY) ? list : NULL, ret, err);
}

static struct lt_card *find_card(const struct stack *stack, struct lt_str id)
{
    for (size_t i = 0; i < stack->n; i++)
        if (lt_str_eq(stack->list[i].id, id))
            return &stack->list[i];
    return NULL;
}

static void write_list(struct lt_jw *w, const struct stack *stack)
{
    lt_jw_arr(w);
    for (size_t i = 0; i < stack->n; i++)
        lt_card_write(w, &stack->list[i]);
    lt_jw_end(w);
}

/* Names the cards as they are kept: another one as soon as anything of them has changed. */
static struct lt_str version_of(struct lt_arena *arena, const struct lt_json *metadata)
{
    const struct lt_json *list = lt_json_get(metadata, "cards");
    struct lt_str text = lt_json_is(list, LT_JSON_ARRAY) ? lt_json_text(arena, list) : LT_STR("");
    uint8_t hash[32];
    char hex[VERSION_HEX + 1];
    lt_sha256(text.p, text.n, hash);
    lt_hex(hash, VERSION_HEX / 2, hex);
    return lt_str_copy(arena, lt_str(hex));
}

static enum lt_code read_flag(const struct lt_json *input, const char *name, const char *field, bool *ret, struct lt_error *err)
{
    const struct lt_json *v = lt_input_get(input, name);
    *ret = lt_json_bool_or(v, false);
    return v && !lt_json_is(v, LT_JSON_BOOL) ? lt_fail_field(err, LT_EINVALID_INPUT, field, "must be true or false") : LT_OK;
}

/* {"cards", "location_id"?}: what the session keeps. location NULL: as it was. */
static enum lt_code make_patch(struct lt_arena *arena, const struct stack *stack, const struct lt_str *location, const struct lt_json **ret,
                               struct lt_error *err)
{
    struct lt_buf out;
    struct lt_jw w;
    lt_buf_init(&out, WRITTEN_MAX);
    lt_jw_init(&w, &out);
    lt_jw_obj(&w);
    lt_jw_key(&w, "cards");
    write_list(&w, stack);
    if (location)
        lt_jw_kstr(&w, "location_id", *location);
    lt_jw_end(&w);
    return lt_input_tree(arena, &out, ret, err);
}

/* ---- making cards ---- */

struct wish {
    int64_t count;
    struct lt_str instruction, language; /* "" = none */
    bool replace;                      /* what is there goes when the new cards come */
};

static enum lt_code read_wish(const struct lt_json *input, struct wish *ret, struct lt_error *err)
{
    uint32_t chance;
    lt_random(&chance, sizeof(chance));
    if (lt_input_int(input, "num_cards", 1, AT_ONCE_MAX, 1 + chance % BY_CHANCE_MAX, &ret->count, err) ||
        lt_input_text(input, "extra_instructions", INSTRUCTION_MAX, &ret->instruction, err) ||
        lt_input_text(input, "language", LANGUAGE_MAX, &ret->language, err))
        return lt_error_under(err, "/user_input");
    return read_flag(input, "replace", "/user_input/replace", &ret->replace, err);
}

static void write_existing(struct lt_jw *w, const struct stack *stack)
{
    lt_jw_key(w, "existing");
    lt_jw_arr(w);
    for (size_t i = stack->n > EXISTING_MAX ? stack->n - EXISTING_MAX : 0; i < stack->n; i++) {
        const struct lt_card *card = &stack->list[i];
        size_t n = card->question.n > QUESTION_SENT ? lt_utf8_whole(card->question.p, QUESTION_SENT) : card->question.n;
        lt_jw_obj(w);
        if (card->id.n <= ID_SENT)
            lt_jw_kstr(w, "id", card->id);
        lt_jw_kstr(w, "question", (struct lt_str){card->question.p, n});
        lt_jw_end(w);
    }
    lt_jw_end(w);
}

static enum lt_code make_input(struct lt_arena *arena, struct lt_str text, const struct stack *stack, const struct wish *wish,
                               const struct lt_json **ret, struct lt_error *err)
{
    struct lt_buf out;
    struct lt_jw w;
    lt_buf_init(&out, WRITTEN_MAX);
    lt_jw_init(&w, &out);
    lt_jw_obj(&w);
    lt_jw_kstr(&w, "text", text);
    lt_jw_kint(&w, "count", wish->count);
    if (wish->instruction.n > 0)
        lt_jw_kstr(&w, "instruction", wish->instruction);
    if (wish->language.n > 0)
        lt_jw_kstr(&w, "language", wish->language);
    write_existing(&w, stack);
    lt_jw_end(&w);
    return lt_input_tree(arena, &out, ret, err);
}

struct addition {
    struct lt_arena *arena;            /* of the run */
    const struct lt_json *cards;       /* as the model gave them */
    struct lt_str location;
    bool replaces;
    struct stack added;                /* as they were put on the stack */
};

static struct lt_str text_of(const struct lt_json *card, const char *name)
{
    return lt_str_trim(lt_json_str(lt_json_get(card, name)));
}

/* The id that the model gave, unless the stack has it: then "card-N". */
static struct lt_str free_id(struct lt_arena *arena, const struct stack *stack, struct lt_str id)
{
    for (size_t n = stack->n + 1; id.n == 0 || find_card(stack, id); n++)
        id = lt_printf(arena, "card-%zu", n);
    return id;
}

static enum lt_code add_cards(void *ctx, struct lt_arena *arena, const struct lt_json *metadata, const struct lt_json **ret_patch,
                              struct lt_error *err)
{
    struct addition *a = ctx;
    struct stack before;
    size_t more = lt_json_len(a->cards);
    if (read_kept(arena, metadata, &before, err))
        return lt_error_wrap(err, "cards of the session");
    if (a->replaces)
        before.n = 0;
    if (before.n + more > CARDS_MAX)
        return lt_fail(err, LT_ETOO_LARGE, "a stack has at most %d cards", CARDS_MAX);
    struct stack all = {.list = LT_NEW_ARRAY(a->arena, struct lt_card, before.n + more), .n = before.n};
    for (size_t i = 0; i < before.n; i++)
        all.list[i] = before.list[i];
    for (size_t i = 0; i < more; i++) {
        const struct lt_json *given = lt_json_at(a->cards, i);
        struct lt_card card = lt_card_new(free_id(a->arena, &all, text_of(given, "id")), text_of(given, "question"), text_of(given, "answer"));
        if (card.question.n > 0 && card.answer.n > 0)
            all.list[all.n++] = card;
    }
    a->added = (struct stack){.list = all.list + before.n, .n = all.n - before.n};
    return make_patch(arena, &all, &a->location, ret_patch, err);
}

static void answer_cards(void *ctx, bool kept, struct lt_jw *response)
{
    const struct addition *a = ctx;
    (void)kept;
    lt_jw_obj(response);
    lt_jw_key(response, "response");
    write_list(response, &a->added);
    lt_jw_kstrz(response, "status", "completed");
    lt_jw_end(response);
}

static enum lt_code ask_for_cards(struct lt_workflow_run *run, const struct wish *wish, const struct stack *stack, struct addition *ret,
                                  struct lt_error *err)
{
    static const char *const functions[] = {"generate_flashcards", "call_with_custom_prompt", NULL};
    struct lt_generation generation = {.processor = &lt_llm_processor, .functions = functions, .action = "generate_flashcard"};
    const struct lt_json *response;
    struct lt_str text;
    if (lt_generate_text(run, &text, err) || make_input(run->request->arena, text, stack, wish, &generation.input, err))
        return err->code;
    lt_run_progress(run, "Writing the cards.", 0.3);
    if (lt_generate(run, &generation, &response, err))
        return err->code;
    *ret = (struct addition){.arena = run->request->arena,
                             .cards = lt_json_get(response, "cards"),
                             .location = run->request->location_id,
                             .replaces = wish->replace};
    return LT_OK;
}

static enum lt_code make_cards(struct lt_workflow_run *run, struct lt_jw *response, struct lt_error *err)
{
    struct lt_kept kept;
    struct stack stack;
    struct addition addition;
    struct wish wish;
    if (lt_kept_open(run, "flash cards are", &kept, err) || read_wish(run->input, &wish, err) ||
        read_kept(run->request->arena, kept.metadata, &stack, err))
        return err->code;
    if (wish.replace)
        stack.n = 0;
    if (stack.n + (size_t)wish.count > CARDS_MAX)
        return lt_fail_field(err, LT_EINVALID_INPUT, "/user_input/num_cards", "a stack has at most %d cards, and there are %zu", CARDS_MAX, stack.n);
    if (ask_for_cards(run, &wish, &stack, &addition, err))
        return err->code;
    return lt_kept_change(&kept, &(struct lt_kept_change){add_cards, answer_cards, &addition}, response, err);
}

/* ---- saving ---- */

/* user_input.cards, or card_stack: a list, or an object with one. With user_input.version only when they are still those that were read. */
static enum lt_code read_sent(struct lt_workflow_run *run, struct stack *ret, struct lt_error *err)
{
    const struct lt_json *list = lt_input_get(run->input, "cards"), *whole = lt_input_get(run->input, "card_stack");
    const char *field = list || !whole ? "/user_input/cards" : "/user_input/card_stack";
    if (!list)
        list = lt_json_is(whole, LT_JSON_OBJECT) ? lt_input_get(whole, "cards") : whole;
    if (!lt_json_is(list, LT_JSON_ARRAY) || lt_json_len(list) > CARDS_MAX)
        return lt_fail_field(err, LT_EINVALID_INPUT, field, "must be a list of at most %d cards", CARDS_MAX);
    if (read_list(run->request->arena, list, ret, err))
        return lt_error_under(err, field);
    for (size_t i = 0; i < ret->n; i++)
        if (find_card(ret, ret->list[i].id) != &ret->list[i])
            return lt_fail_field(err, LT_EINVALID_INPUT, field, "two cards have the id '%.*s'", LT_FMT(ret->list[i].id));
    return LT_OK;
}

struct saving {
    struct stack stack;
    struct lt_str version;             /* that the sender has read; "" = whatever is there is replaced */
};

static enum lt_code replace_cards(void *ctx, struct lt_arena *arena, const struct lt_json *metadata, const struct lt_json **ret_patch,
                                  struct lt_error *err)
{
    const struct saving *saving = ctx;
    if (saving->version.n > 0 && !lt_str_eq(saving->version, version_of(arena, metadata)))
        return lt_fail_field(err, LT_EPRECONDITION, "/user_input/version", "the cards are not those of that version any more: read them again");
    return make_patch(arena, &saving->stack, NULL, ret_patch, err);
}

static void answer_saved(void *ctx, bool kept, struct lt_jw *response)
{
    const struct saving *saving = ctx;
    char text[64];
    snprintf(text, sizeof(text), "%zu cards saved.", saving->stack.n);
    lt_jw_obj(response);
    lt_jw_kstrz(response, "status", kept ? "saved" : "not_kept");
    lt_jw_kstrz(response, "message", kept ? text : "Nothing was saved: no content is kept here.");
    lt_jw_end(response);
}

static enum lt_code save(struct lt_workflow_run *run, struct lt_jw *response, struct lt_error *err)
{
    struct lt_kept kept;
    struct saving saving;
    if (lt_input_text(run->input, "version", VERSION_HEX, &saving.version, err))
        return lt_error_under(err, "/user_input");
    if (lt_kept_open(run, "flash cards are", &kept, err) || read_sent(run, &saving.stack, err) ||
        lt_kept_change(&kept, &(struct lt_kept_change){replace_cards, answer_saved, &saving}, response, err))
        return err->code;
    lt_run_start(run);
    return LT_OK;
}

/* {"with_version"?} → {"cards", "status", "version"?} */
static enum lt_code show(struct lt_workflow_run *run, struct lt_jw *response, struct lt_error *err)
{
    struct lt_kept kept;
    struct stack stack;
    bool versioned;
    if (read_flag(run->input, "with_version", "/user_input/with_version", &versioned, err) ||
        lt_kept_open(run, "flash cards are", &kept, err) || read_kept(run->request->arena, kept.metadata, &stack, err))
        return err->code;
    bool any = lt_json_is(lt_json_get(kept.metadata, "cards"), LT_JSON_ARRAY);
    lt_run_start(run);
    lt_jw_obj(response);
    lt_jw_key(response, "cards");
    if (any)
        write_list(response, &stack);
    else
        lt_jw_null(response);
    lt_jw_kstrz(response, "status", any ? "completed" : "no_flashcards");
    if (versioned)
        lt_jw_kstr(response, "version", version_of(run->request->arena, kept.metadata));
    lt_jw_end(response);
    return LT_OK;
}

/* ---- studying ---- */

struct study {
    struct lt_str card_id;
    int64_t quality, now, days;        /* days: until it comes again */
    struct lt_arena *arena;            /* of the run */
    struct lt_card card;               /* as it then is */
};

static enum lt_code study_card(void *ctx, struct lt_arena *arena, const struct lt_json *metadata, const struct lt_json **ret_patch,
                               struct lt_error *err)
{
    struct study *s = ctx;
    struct stack stack;
    if (read_kept(arena, metadata, &stack, err))
        return lt_error_wrap(err, "cards of the session");
    struct lt_card *card = find_card(&stack, s->card_id);
    if (!card)
        return lt_fail_field(err, LT_ENOT_FOUND, "/user_input/card_id", "there is no such card");
    lt_card_review(card, (int)s->quality, s->now, &s->days);
    s->card = *card;
    s->card.id = s->card_id;
    s->card.question = lt_str_copy(s->arena, card->question);
    s->card.answer = lt_str_copy(s->arena, card->answer);
    return make_patch(arena, &stack, NULL, ret_patch, err);
}

static void answer_studied(void *ctx, bool kept, struct lt_jw *response)
{
    const struct study *s = ctx;
    (void)kept;
    lt_jw_obj(response);
    lt_jw_key(response, "response");
    lt_card_write(response, &s->card);
    lt_jw_kint(response, "interval_days", s->days);
    lt_jw_kstrz(response, "status", "completed");
    lt_jw_end(response);
}

/* {card_id, quality 0 to 5} → {"response": the card, "interval_days", "status"} */
static enum lt_code review(struct lt_workflow_run *run, struct lt_jw *response, struct lt_error *err)
{
    struct lt_kept kept;
    struct study study = {.arena = run->request->arena, .now = lt_now_ms()};
    if (lt_input_text(run->input, "card_id", LT_CARD_ID_MAX, &study.card_id, err) ||
        lt_input_int(run->input, "quality", 0, LT_SM2_QUALITY_MAX, -1, &study.quality, err))
        return lt_error_under(err, "/user_input");
    if (study.quality < 0)
        return lt_fail_field(err, LT_EINVALID_INPUT, "/user_input/quality", "must say how well it was remembered: 0 to %d", LT_SM2_QUALITY_MAX);
    if (lt_kept_open(run, "flash cards are", &kept, err) ||
        lt_kept_change(&kept, &(struct lt_kept_change){study_card, answer_studied, &study}, response, err))
        return err->code;
    lt_run_start(run);
    return LT_OK;
}

static const struct lt_orchestrator_action actions[] = {
    {"run", make_cards},
    {"save", save},
    {"review", review},
    {"get_current_session_response", show},
    {"clear_session", lt_kept_clear},
    {"run_async", lt_background_run},
    {"get_run_status", lt_background_status},
    {NULL, NULL}};
extern const struct lt_orchestrator lt_flash_cards;
const struct lt_orchestrator lt_flash_cards = {.class_name = "FlashCardsOrchestrator", .actions = actions, .session_per_course = true};
