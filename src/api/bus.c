/* What comes over a platform's event bus: a workflow that its context leads to, run as a task. */
#include "api/request.h"
#include "events/avro.h"
#include "workflows/task_queue.h"

/* As the JSON of the same request over HTTP is checked. */
static enum lt_code check_texts(const struct lt_bus_request *b, struct lt_error *err)
{
    enum { ID_MAX = 255 };
    if (b->course_id.n > ID_MAX || b->location_id.n > ID_MAX || b->ui_slot_selector_id.n > ID_MAX || b->action.n > ID_MAX)
        return lt_fail(err, LT_EINVALID_INPUT, "course_id, location_id, ui_slot_selector_id and action have at most %d bytes", ID_MAX);
    return b->action.n == 0 ? lt_fail(err, LT_EINVALID_INPUT, "action: must name what to do") : LT_OK;
}

static enum lt_code resolve(struct lt_api *api, struct lt_config *config, struct lt_scope_set **ret_set, struct lt_workflow_request *q, struct lt_error *err)
{
    const struct lt_scope_context context = {.site_id = q->caller->site->id,
                                             .service_variant = LT_SERVICE_LMS,
                                             .course_id = q->course_id,
                                             .location_id = q->location_id,
                                             .ui_slot_selector_id = q->ui_slot_selector_id};
    if (lt_scopes_get(api->scopes, config->generation, false, ret_set, err))
        return err->code;
    return lt_workflow_resolve(lt_workflows(config), *ret_set, &context, &q->scope, &q->profile, err);
}

enum lt_code lt_api_bus_request(void *ctx, struct lt_arena *arena, struct lt_config *config, const struct lt_site *site, const struct lt_bus_request *b,
                                struct lt_uuid id, const uint8_t hash[32], struct lt_error *err)
{
    struct lt_api *api = ctx;
    struct lt_scope_set *set = NULL;
    struct lt_workflow_task task;
    char key[37];
    struct lt_caller caller = {.site = lt_config_site(config, site->slug),
                               .user_id = lt_printf(arena, "%lld", (long long)b->user_id),
                               .locale = LT_STR(""),
                               .roles = 1u << LT_ROLE_STUDENT,
                               .only_course = LT_STR("")};
    struct lt_workflow_request q = {.arena = arena,
                                    .store = api->options.store,
                                    .manager = api->options.manager,
                                    .tasks = api->options.tasks,
                                    .config = config,
                                    .caller = &caller,
                                    .course_id = b->course_id,
                                    .location_id = b->location_id,
                                    .ui_slot_selector_id = b->ui_slot_selector_id,
                                    .placement = LT_STR(""),
                                    .content = LT_STR(""),
                                    .action = b->action,
                                    .user_input = b->user_input,
                                    .prompt = LT_STR(""),
                                    .policy_by_lms = !site->openedx_policy_by_lectern};
    lt_uuid_format(id, key);
    enum lt_code rc = check_texts(b, err);
    if (rc == LT_OK)
        rc = resolve(api, config, &set, &q, err);
    if (rc == LT_OK)
        rc = lt_workflow_runnable(&q, err);
    if (rc == LT_OK)
        rc = lt_task_add(&q, lt_str(key), hash, &task, err);
    if (rc == LT_OK)
        lt_task_queue_wake(api->options.tasks);
    lt_scope_set_unref(set);
    return rc;
}
