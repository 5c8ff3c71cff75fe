/* Flash cards: reading in both spellings, writing, what a review changes. Fuzzed by tests/fuzz/fuzz_question.c. */
#include "workflows/card.h"

#include "workflows/input.h"

#define DAY_MS INT64_C(86400000)
#define TIME_MAX INT64_C(9007199254740991) /* the largest number that a browser holds exactly */
enum { DAY_MINUTES = 24 * 60 };
static const double INTERVAL_MAX = (double)LT_SM2_INTERVAL_MAX * DAY_MINUTES, EASE_MAX = 1000;

struct lt_card lt_card_new(struct lt_str id, struct lt_str question, struct lt_str answer)
{
    return (struct lt_card){
        .id = id, .question = question, .answer = answer, .interval = 1, .ease_factor = LT_SM2_EASE_START, .last_reviewed_at = -1};
}

static enum lt_code read_number(const struct lt_json *json, const char *name, const char *field, double min, double max, double *io,
                                struct lt_error *err)
{
    const struct lt_json *v = lt_input_get(json, name);
    if (!v)
        return LT_OK;
    *io = lt_json_double_or(v, -1);
    if (!lt_json_is(v, LT_JSON_NUMBER) || !(*io >= min && *io <= max))
        return lt_fail_field(err, LT_EINVALID_INPUT, field, "must be a number from %g to %g", min, max);
    return LT_OK;
}

/* Whole milliseconds; clients whose clock is finer lose what is below. */
static enum lt_code read_time(const struct lt_json *json, const char *name, const char *field, int64_t *io, struct lt_error *err)
{
    double ms = (double)*io;
    if (lt_input_get(json, name) && read_number(json, name, field, 0, (double)TIME_MAX, &ms, err))
        return err->code;
    *io = (int64_t)ms;
    return LT_OK;
}

static enum lt_code read_texts(const struct lt_json *json, struct lt_card *ret, struct lt_error *err)
{
    struct lt_str id, question, answer;
    if (!lt_json_is(json, LT_JSON_OBJECT))
        return lt_fail_field(err, LT_EINVALID_INPUT, "", "a card is an object, this is %s", lt_json_type_name(json));
    if (lt_input_text(json, "id", LT_CARD_ID_MAX, &id, err) || lt_input_text(json, "question", LT_CARD_QUESTION_MAX, &question, err) ||
        lt_input_text(json, "answer", LT_CARD_ANSWER_MAX, &answer, err))
        return err->code;
    if (id.n == 0 || question.n == 0 || answer.n == 0)
        return lt_fail_field(err, LT_EINVALID_INPUT, id.n == 0 ? "/id" : question.n == 0 ? "/question" : "/answer", "must not be empty");
    *ret = lt_card_new(id, question, answer);
    return LT_OK;
}

enum lt_code lt_card_read(const struct lt_json *json, struct lt_card *ret, struct lt_error *err)
{
    if (read_texts(json, ret, err) || read_time(json, "next_review_time", "/nextReviewTime", &ret->next_review_time, err) ||
        read_number(json, "interval", "/interval", 0, INTERVAL_MAX, &ret->interval, err) ||
        read_number(json, "ease_factor", "/easeFactor", LT_SM2_EASE_MIN, EASE_MAX, &ret->ease_factor, err) ||
        lt_input_int(json, "repetitions", 0, LT_SM2_REPETITIONS_MAX, 0, &ret->repetitions, err) ||
        read_time(json, "last_reviewed_at", "/lastReviewedAt", &ret->last_reviewed_at, err))
        return err->code;
    return LT_OK;
}

static void put_number(struct lt_jw *w, const char *key, double v)
{
    lt_jw_key(w, key);
    if (v == (double)(int64_t)v)
        lt_jw_int(w, (int64_t)v);
    else
        lt_jw_double(w, v);
}

void lt_card_write(struct lt_jw *w, const struct lt_card *card)
{
    lt_jw_obj(w);
    lt_jw_kstr(w, "id", card->id);
    lt_jw_kstr(w, "question", card->question);
    lt_jw_kstr(w, "answer", card->answer);
    lt_jw_kint(w, "nextReviewTime", card->next_review_time);
    put_number(w, "interval", card->interval);
    put_number(w, "easeFactor", card->ease_factor);
    lt_jw_kint(w, "repetitions", card->repetitions);
    lt_jw_kcount(w, "lastReviewedAt", card->last_reviewed_at);
    lt_jw_end(w);
}

void lt_card_review(struct lt_card *card, int quality, int64_t now, int64_t *ret_days)
{
    struct lt_sm2 after = lt_sm2_review((struct lt_sm2){card->repetitions, card->interval / DAY_MINUTES, card->ease_factor}, quality);
    *ret_days = (int64_t)after.interval;
    card->repetitions = after.repetitions;
    card->interval = after.interval * DAY_MINUTES;
    card->ease_factor = after.ease;
    card->last_reviewed_at = now;
    card->next_review_time = now + *ret_days * DAY_MS;
}
