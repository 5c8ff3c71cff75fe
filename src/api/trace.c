/* What is shown of how a call was made, and to whom. */
#include "core/trace.h"

#include "api/request.h"

enum lt_code lt_request_trace(struct lt_request *r, struct lt_error *err)
{
    const struct lt_caller *asker = r->asker ? r->asker : &r->caller;
    if (!lt_json_bool_or(lt_json_get(r->body, "trace"), false))
        return LT_OK;
    if (asker->is_user)
        return lt_fail_field(err, LT_EPERMISSION, "/trace", "a trace is for site keys: it says which service was asked, and how");
    if (!lt_permitted(asker, "view_trace", LT_STR_NULL))
        return lt_fail_field(err, LT_EPERMISSION, "/trace", "no role of the caller has the permission 'view_trace'");
    if (lt_json_bool_or(lt_json_get(r->body, "async"), false))
        return lt_fail_field(err, LT_EINVALID_INPUT, "/trace", "nothing of a trace is stored, so what runs in the background has none");
    r->trace = lt_trace_new(r->arena, r->caller.site, lt_permitted(asker, "view_cost", LT_STR_NULL));
    return LT_OK;
}
