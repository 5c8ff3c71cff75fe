/* Gradings as they are shown: to the LMS and staff, and to the learner whose submission it is. */
#include "workflows/grading.h"

static const struct lt_json *criterion_of(const struct lt_json *result, struct lt_str id)
{
    const struct lt_json *criteria = lt_json_get(result, "criteria");
    for (size_t i = 0; i < lt_json_len(criteria); i++)
        if (lt_str_eq(lt_json_str(lt_json_get(lt_json_at(criteria, i), "id")), id))
            return lt_json_at(criteria, i);
    return NULL;
}

/* The places that prove what is said of a criterion: also when staff have left it as the model said it. NULL: none. */
static const struct lt_json *evidence_of(const struct lt_json *c, const struct lt_json *result)
{
    const struct lt_json *said = criterion_of(result, lt_json_str(lt_json_get(c, "id")));
    struct lt_str option = lt_json_str(lt_json_get(said, "option_id")), words = lt_json_str(lt_json_get(said, "feedback"));
    bool same = said && lt_str_eq(words, lt_json_str(lt_json_get(c, "feedback"))) &&
                (option.n == 0 || lt_str_eq(option, lt_json_str(lt_json_get(c, "option_id"))));
    return same ? lt_json_get(said, "evidence") : NULL;
}

static void put_criteria(struct lt_jw *w, const struct lt_json *criteria, const struct lt_json *result, bool with_score)
{
    lt_jw_key(w, "criteria");
    lt_jw_arr(w);
    for (size_t i = 0; i < lt_json_len(criteria); i++) {
        const struct lt_json *c = lt_json_at(criteria, i);
        lt_jw_obj(w);
        lt_jw_kjson(w, "id", lt_json_get(c, "id"));
        lt_jw_kjson(w, "option_id", with_score ? lt_json_get(c, "option_id") : NULL);
        lt_jw_kjson(w, "points", with_score ? lt_json_get(c, "points") : NULL);
        lt_jw_kjson(w, "feedback", lt_json_get(c, "feedback"));
        lt_jw_key(w, "evidence");
        if (evidence_of(c, result))
            lt_jw_json(w, evidence_of(c, result));
        else
            lt_jw_raw(w, LT_STR("[]"));
        lt_jw_end(w);
    }
    lt_jw_end(w);
}

static const struct lt_json *parsed(struct lt_arena *arena, struct lt_str json)
{
    const struct lt_json *v = NULL;
    return json.n > 0 && lt_json_parse(arena, json, LT_JSON_STRICT, &v, NULL) == LT_OK ? v : NULL;
}

/* shown: the model's result itself, or what staff decided. */
static void put_shown(struct lt_jw *w, const struct lt_json *shown, const struct lt_json *result, bool with_score)
{
    put_criteria(w, lt_json_get(shown, "criteria"), result, with_score);
    lt_jw_kstr(w, "overall_feedback", lt_json_str_or(lt_json_get(shown, "overall_feedback"), LT_STR("")));
    lt_jw_kjson(w, "points_earned", with_score ? lt_json_get(shown, "points_earned") : NULL);
    lt_jw_kjson(w, "points_possible", lt_json_get(shown, "points_possible"));
}

static void put_origin(struct lt_jw *w, const struct lt_grading *g, const struct lt_json *result)
{
    static const char *const members[] = {"usage", "model", "schema_hash"};
    char id[37];
    lt_uuid_format(g->call_id, id);
    for (size_t i = 0; i < LT_COUNT(members); i++)
        lt_jw_kjson(w, members[i], lt_json_get(result, members[i]));
    lt_jw_key(w, "profile");
    lt_jw_obj(w);
    lt_jw_kint(w, "id", g->profile_id);
    lt_jw_kint(w, "version", g->profile_version);
    lt_jw_end(w);
    lt_jw_key(w, "audit_id");
    if (lt_uuid_is_null(g->call_id))
        lt_jw_null(w);
    else
        lt_jw_strz(w, id);
}

static void put_record(struct lt_jw *w, struct lt_arena *arena, const struct lt_grading *g)
{
    lt_jw_kstr(w, "state", g->state);
    lt_jw_kstr(w, "submission_id", g->submission_id);
    lt_jw_kstr(w, "user_id", g->user_id);
    lt_jw_kstr(w, "course_id", g->course_id);
    lt_jw_kstr(w, "location_id", g->location_id);
    lt_jw_kjson(w, "rubric", parsed(arena, g->rubric));
    lt_jw_kjson(w, "model_result", parsed(arena, g->result));
    lt_jw_kstr(w, "staff_user", g->staff_user);
    lt_jw_kint(w, "staff_at", g->staff_at);
    lt_jw_kint(w, "created_at", g->created_at);
    lt_jw_kint(w, "completed_at", g->completed_at);
}

/* For learners: what criteria are called, and of what was to be chosen as much as they see of the choice. */
static void put_names(struct lt_jw *w, const struct lt_json *criteria, bool with_score)
{
    lt_jw_key(w, "rubric");
    lt_jw_obj(w);
    lt_jw_key(w, "criteria");
    lt_jw_arr(w);
    for (size_t i = 0; i < lt_json_len(criteria); i++) {
        const struct lt_json *c = lt_json_at(criteria, i);
        lt_jw_obj(w);
        lt_jw_kjson(w, "id", lt_json_get(c, "id"));
        lt_jw_kjson(w, "name", lt_json_get(c, "name"));
        lt_jw_kjson(w, "options", with_score ? lt_json_get(c, "options") : NULL);
        lt_jw_end(w);
    }
    lt_jw_end(w);
    lt_jw_end(w);
}

static bool shows_score(const struct lt_grading *g, bool with_score)
{
    return g->staff_at > 0 || lt_str_is(g->mode, "scoring") || (with_score && lt_str_is(g->mode, "advisory"));
}

/* The members that all see. */
static void put_members(struct lt_jw *w, const struct lt_grading *g, const struct lt_json *result, const struct lt_json *staff_result, bool with_score)
{
    bool staff = g->staff_at > 0;
    lt_jw_kstrz(w, "id", g->uuid_text);
    lt_jw_kint(w, "number", g->id);
    lt_jw_kstr(w, "status", staff ? LT_STR("ok") : g->state);
    lt_jw_kstr(w, "reason", staff ? LT_STR("none") : g->reason);
    lt_jw_kstr(w, "mode", g->mode);
    lt_jw_kstrz(w, "source", staff ? "staff" : "model");
    put_shown(w, staff ? staff_result : result, result, shows_score(g, with_score));
    lt_jw_kjson(w, "parts", lt_json_get(result, "parts"));
}

void lt_grading_write(struct lt_jw *w, struct lt_arena *arena, const struct lt_grading *g, bool with_score, bool full)
{
    const struct lt_json *result = parsed(arena, g->result);
    lt_jw_obj(w);
    put_members(w, g, result, parsed(arena, g->staff_result), with_score);
    put_origin(w, g, result);
    if (full)
        put_record(w, arena, g);
    lt_jw_end(w);
}

/* What a submission is searched for is not told to whom it is about. */
static struct lt_str own_reason(struct lt_str reason)
{
    static const char *const told[] = {"", "none", "empty", "off_topic", "wrong_language", "needs_attachment"};
    for (size_t i = 0; i < LT_COUNT(told); i++)
        if (lt_str_is(reason, told[i]))
            return reason;
    return LT_STR("other");
}

void lt_grading_write_own(struct lt_jw *w, struct lt_arena *arena, const struct lt_grading *g)
{
    struct lt_grading own = *g;
    own.reason = own_reason(g->reason);
    lt_jw_obj(w);
    put_members(w, &own, parsed(arena, g->result), parsed(arena, g->staff_result), false);
    lt_jw_kstr(w, "submission_id", g->submission_id);
    put_names(w, lt_json_get(parsed(arena, g->rubric), "criteria"), shows_score(g, false));
    lt_jw_end(w);
}
