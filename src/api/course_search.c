/* /v1/courses/{id}/search and /index: for who has `search_course`, on the site or by a role in the course. Learners search through workflows. */
#include "content/search.h"

#include "api/request.h"
#include "content/search_index.h"
#include "content/search_tool.h"
#include "core/course_permission.h"

enum { QUERY_MAX = 1000 /* bytes of ?q */ };

/* A course that the caller may not search is told from none by nobody. */
static enum lt_code check(struct lt_request *r, struct lt_error *err)
{
    return lt_course_permitted(r->api->options.manager, r->arena, &r->caller, r->params[0], lt_tool_search_course.client_permission, err);
}

static enum lt_code read_search(struct lt_request *r, struct lt_search *ret, struct lt_error *err)
{
    *ret = (struct lt_search){.arena = r->arena,
                              .store = r->api->options.store,
                              .manager = r->api->options.manager,
                              .config = r->config,
                              .caller = &r->caller,
                              .course_id = r->params[0],
                              .location_id = lt_query(r, "location_id"),
                              .placement = LT_STR(""),
                              .text = lt_str_trim(lt_query(r, "q"))};
    struct lt_stored_course course;
    if (check(r, err) || lt_stored_course_find(ret->store, r->arena, r->caller.site->id, ret->course_id, &course, err))
        return err->code;
    if (ret->text.n == 0)
        return lt_fail_field(err, LT_EINVALID_INPUT, "/q", "must hold a question");
    if (ret->text.n > QUERY_MAX)
        return lt_fail_field(err, LT_EINVALID_INPUT, "/q", "must be at most %d bytes, is %zu", QUERY_MAX, ret->text.n);
    return lt_query_limit(r, LT_SEARCH_HITS, LT_SEARCH_HITS_MAX, &ret->limit, err);
}

void lt_get_course_search(struct lt_request *r)
{
    struct lt_error err;
    struct lt_search search;
    struct lt_search_result result;
    struct lt_json_reply j;
    if (read_search(r, &search, &err) || lt_search_course(&search, &result, &err)) {
        lt_reply_problem(r, &err, NULL);
        return;
    }
    lt_search_write(lt_json_begin(&j), &search, &result);
    lt_json_end(r, 200, &j);
}

void lt_get_course_index(struct lt_request *r)
{
    struct lt_error err;
    struct lt_stored_course course;
    struct lt_index_state state;
    struct lt_json_reply j;
    if (check(r, &err) || lt_stored_course_find(r->api->options.store, r->arena, r->caller.site->id, r->params[0], &course, &err) ||
        lt_index_state(r->api->options.store, r->arena, r->caller.site, &course, &state, &err)) {
        lt_reply_problem(r, &err, NULL);
        return;
    }
    lt_index_write(lt_json_begin(&j), &course, &state);
    lt_json_end(r, 200, &j);
}
