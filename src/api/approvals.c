/* /v1/actions/calls/{id}/approvals/{approval}: the user's word on a tool that waits for it. */
#include "workflows/approval.h"

#include "api/request.h"

void lt_post_approval(struct lt_request *r)
{
    struct lt_error err;
    struct lt_uuid run_id, id;
    struct lt_approval a;
    enum lt_code rc = lt_param_uuid(r, &run_id, &err);
    if (!rc && !lt_uuid_parse(r->params[1], &id))
        rc = lt_fail(&err, LT_ENOT_FOUND, "no such approval");
    if (!rc)
        rc = lt_approval_decide(r->api->options.store, r->api->options.manager, r->arena, &r->caller, run_id, id,
                                lt_json_bool_or(lt_json_get(r->body, "approve"), false), &a, &err);
    if (rc) {
        lt_reply_problem(r, &err, NULL);
        return;
    }
    struct lt_json_reply j;
    lt_approval_write(lt_json_begin(&j), &a);
    lt_json_end(r, 200, &j);
}
