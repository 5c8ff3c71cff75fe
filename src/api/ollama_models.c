/* GET /ollama/api/tags and POST show: the names that may be asked, as if they were models on this machine. And what clients ask of a server. */
#include "api/door.h"
#include "api/ollama.h"
#include "base/secret.h"

/* Of Ollama's API, as this door speaks it: clients look whether a server knows what they need (thinking, calls of tools while streaming). */
#define API_VERSION "0.9.0"

/* A model has a digest. There is nothing to be hashed but its name. */
static void put_digest(struct lt_jw *w, struct lt_str name)
{
    uint8_t hash[32];
    char text[65];
    lt_sha256(name.p, name.n, hash);
    lt_hex(hash, sizeof(hash), text);
    lt_jw_kstrz(w, "digest", text);
}

static void put_details(struct lt_jw *w, struct lt_str family)
{
    lt_jw_key(w, "details");
    lt_jw_obj(w);
    lt_jw_kstrz(w, "parent_model", "");
    lt_jw_kstrz(w, "format", "");
    lt_jw_kstr(w, "family", family);
    lt_jw_key(w, "families");
    lt_jw_arr(w);
    lt_jw_str(w, family);
    lt_jw_end(w);
    lt_jw_kstrz(w, "parameter_size", "");
    lt_jw_kstrz(w, "quantization_level", "");
    lt_jw_end(w);
}

/* Clients want a time; what is built in has none of its own. */
static void put_time(struct lt_jw *w, int64_t created_at)
{
    lt_jw_ktime(w, "modified_at", created_at > 0 ? created_at : 1);
}

void lt_ollama_get_tags(struct lt_request *r)
{
    struct lt_error err;
    struct lt_place place;
    struct lt_door_model *models;
    size_t n;
    if (lt_door_enter(r, LT_STR(""), &place, &err) || lt_door_models(r, &place, LT_NEUTRAL_COMPLETION | LT_NEUTRAL_EMBEDDING, &models, &n, &err)) {
        lt_reply_problem(r, &err, NULL);
        return;
    }
    struct lt_json_reply j;
    struct lt_jw *w = lt_json_begin(&j);
    lt_jw_obj(w);
    lt_jw_key(w, "models");
    lt_jw_arr(w);
    for (size_t i = 0; i < n; i++) {
        lt_jw_obj(w);
        lt_jw_kstr(w, "name", models[i].id);
        lt_jw_kstr(w, "model", models[i].id);
        put_time(w, models[i].created_at);
        lt_jw_kint(w, "size", 0);
        put_digest(w, models[i].id);
        put_details(w, models[i].owned_by);
        lt_jw_end(w);
    }
    lt_jw_end(w);
    lt_jw_end(w);
    lt_json_end(r, 200, &j);
}

/* What it takes beside text: only conversations take images and tools. */
static void put_capabilities(struct lt_jw *w, const struct lt_door_target *target)
{
    bool all = target->action && strcmp(target->action->name, "continue_conversation") == 0;
    bool vectors = target->action && target->action->kind == LT_NEUTRAL_EMBEDDING;
    lt_jw_key(w, "capabilities");
    lt_jw_arr(w);
    lt_jw_strz(w, vectors ? "embedding" : "completion");
    if (all) {
        lt_jw_strz(w, "tools");
        lt_jw_strz(w, "vision");
    }
    lt_jw_end(w);
}

static void answer_show(struct lt_request *r, const struct lt_door_target *target)
{
    struct lt_json_reply j;
    struct lt_jw *w = lt_json_begin(&j);
    lt_jw_obj(w);
    lt_jw_kstrz(w, "license", "");
    lt_jw_kstrz(w, "modelfile", "");
    lt_jw_kstrz(w, "parameters", "");
    lt_jw_kstrz(w, "template", "");
    put_details(w, target->kind == LT_DOOR_VENDOR ? target->instance->plugin : LT_STR("lectern"));
    lt_jw_key(w, "model_info");
    lt_jw_obj(w);
    lt_jw_end(w);
    put_capabilities(w, target);
    put_time(w, target->kind == LT_DOOR_PROFILE ? target->profile->created_at : 0);
    lt_jw_end(w);
    lt_json_end(r, 200, &j);
}

/* By name, whatever can be made of it: text, else vectors. */
static enum lt_code find(struct lt_request *r, const struct lt_place *place, struct lt_str name, struct lt_door_target *ret, struct lt_error *err)
{
    enum lt_code rc = lt_door_target_find(r, place, LT_NEUTRAL_COMPLETION, name, ret, err);
    bool other = rc == LT_ENOT_FOUND || (rc == LT_EINVALID_INPUT && ret->action && ret->action->kind == LT_NEUTRAL_EMBEDDING);
    return other ? lt_door_target_find(r, place, LT_NEUTRAL_EMBEDDING, name, ret, err) : rc;
}

/* Older clients say `name`. */
void lt_ollama_post_show(struct lt_request *r)
{
    struct lt_error err;
    struct lt_place place;
    struct lt_door_target *target = LT_NEW(r->arena, struct lt_door_target);
    struct lt_str name = lt_json_str_or(lt_json_get(r->body, "model"), lt_json_str(lt_json_get(r->body, "name")));
    if (lt_door_enter(r, LT_STR(""), &place, &err) || find(r, &place, name, target, &err))
        lt_reply_problem(r, &err, NULL);
    else
        answer_show(r, target);
}

/* ---- the server ---- */

void lt_ollama_get_version(struct lt_request *r)
{
    struct lt_json_reply j;
    struct lt_jw *w = lt_json_begin(&j);
    lt_jw_obj(w);
    lt_jw_kstrz(w, "version", API_VERSION);
    lt_jw_end(w);
    lt_json_end(r, 200, &j);
}

/* Nothing is loaded here. */
void lt_ollama_get_ps(struct lt_request *r)
{
    struct lt_json_reply j;
    struct lt_jw *w = lt_json_begin(&j);
    lt_jw_obj(w);
    lt_jw_key(w, "models");
    lt_jw_arr(w);
    lt_jw_end(w);
    lt_jw_end(w);
    lt_json_end(r, 200, &j);
}

/* Clients look here whether there is a server. */
void lt_ollama_get_root(struct lt_request *r)
{
    lt_reply(r, 200, "text/plain; charset=utf-8", NULL, NULL, 0, LT_STR("Ollama is running"));
}
