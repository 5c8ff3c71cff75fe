/* GET /openai/v1/models and /openai/v1/models/ID: the names that the caller may ask for. */
#include "api/openai.h"

enum { KINDS = LT_NEUTRAL_COMPLETION | LT_NEUTRAL_EMBEDDING | LT_NEUTRAL_IMAGE };

static void put_model(struct lt_jw *w, const struct lt_door_model *model)
{
    lt_jw_obj(w);
    lt_jw_kstr(w, "id", model->id);
    lt_jw_kstrz(w, "object", "model");
    lt_jw_kint(w, "created", model->created_at / 1000);
    lt_jw_kstr(w, "owned_by", model->owned_by);
    lt_jw_end(w);
}

static enum lt_code list(struct lt_request *r, struct lt_place *place, struct lt_door_model **ret, size_t *ret_n, struct lt_error *err)
{
    return lt_door_enter(r, LT_STR(""), place, err) ? err->code : lt_door_models(r, place, KINDS, ret, ret_n, err);
}

void lt_openai_get_models(struct lt_request *r)
{
    struct lt_error err;
    struct lt_place place;
    struct lt_door_model *models;
    size_t n;
    if (list(r, &place, &models, &n, &err)) {
        lt_reply_problem(r, &err, NULL);
        return;
    }
    struct lt_json_reply j;
    struct lt_jw *w = lt_json_begin(&j);
    lt_jw_obj(w);
    lt_jw_kstrz(w, "object", "list");
    lt_jw_key(w, "data");
    lt_jw_arr(w);
    for (size_t i = 0; i < n; i++)
        put_model(w, &models[i]);
    lt_jw_end(w);
    lt_jw_end(w);
    lt_openai_json_end(r, &j, NULL);
}

/* A vendor's model that no list has (it was named without its instance) is one all the same. */
static enum lt_code find(struct lt_request *r, struct lt_door_model *ret, struct lt_error *err)
{
    static const enum lt_neutral_kind kinds[] = {LT_NEUTRAL_COMPLETION, LT_NEUTRAL_EMBEDDING, LT_NEUTRAL_IMAGE};
    struct lt_str id = r->params[0];
    struct lt_place place;
    struct lt_door_model *models;
    struct lt_door_target target;
    size_t n;
    if (list(r, &place, &models, &n, err))
        return err->code;
    for (size_t i = 0; i < n; i++)
        if (lt_str_eq(models[i].id, id)) {
            *ret = models[i];
            return LT_OK;
        }
    for (size_t i = 0; lt_permitted(&r->caller, "choose_provider", LT_STR_NULL) && i < LT_COUNT(kinds); i++)
        if (lt_door_target_find(r, &place, kinds[i], id, &target, err) == LT_OK && target.kind == LT_DOOR_VENDOR) {
            *ret = (struct lt_door_model){.id = target.name, .owned_by = target.instance->plugin};
            return LT_OK;
        }
    return lt_fail_field(err, LT_ENOT_FOUND, "/model", "there is no model '%.*s' for this caller", LT_FMT(id));
}

void lt_openai_get_model(struct lt_request *r)
{
    struct lt_error err;
    struct lt_door_model model;
    if (find(r, &model, &err)) {
        lt_reply_problem(r, &err, NULL);
        return;
    }
    struct lt_json_reply j;
    put_model(lt_json_begin(&j), &model);
    lt_openai_json_end(r, &j, NULL);
}
