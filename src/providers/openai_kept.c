/* An answer that the Responses API keeps (OpenAI's API reference, "Get a model response" and "List input items"). */
#include "providers/openai_family.h"

enum {
    PAGES_MAX = 40, /* of the input */
    PAGE = 100,
    PAGE_BYTES_MAX = 16 * 1024 * 1024,
    BYTES_MAX = 64 * 1024 * 1024, /* of memory in the run's arena: for all answers that are read into it */
};

static bool room(const struct lt_wire *w, struct lt_error *err)
{
    if (lt_arena_used(w->run->arena) <= BYTES_MAX)
        return true;
    lt_fail(err, LT_EUPSTREAM_INVALID, "the kept answers have more than %d bytes", BYTES_MAX);
    return false;
}

/* GET; what is not there is not a fault of the service. */
static enum lt_code get(struct lt_wire *w, struct lt_str id, const char *tail, const char *query, const struct lt_json **ret, struct lt_error *err)
{
    struct lt_arena *arena = w->run->arena;
    if (!room(w, err))
        return err->code;
    struct lt_str path = lt_printf(arena, "/responses/%.*s%s", LT_FMT(lt_wire_escape(arena, id)), tail);
    enum lt_code code = lt_wire_fetch(w, lt_openai_url(w, lt_strz(arena, path), query), &lt_openai_responses_format, PAGE_BYTES_MAX, ret, err);
    if (code == LT_EUPSTREAM_NOT_FOUND)
        code = err->code = LT_ENOT_FOUND;
    return code;
}

/* Puts the array's items behind the list's. */
static enum lt_code add(struct lt_arena *arena, const struct lt_json *array, const struct lt_json ***list, size_t *n, struct lt_error *err)
{
    size_t more = lt_json_is(array, LT_JSON_ARRAY) ? lt_json_len(array) : 0;
    if (more > LT_KEPT_ITEMS_MAX - *n)
        return lt_fail(err, LT_EUPSTREAM_INVALID, "the kept answer has more than %d items", LT_KEPT_ITEMS_MAX);
    const struct lt_json **all = LT_NEW_ARRAY(arena, const struct lt_json *, *n + more);
    for (size_t i = 0; i < *n; i++)
        all[i] = (*list)[i];
    for (size_t i = 0; i < more; i++)
        all[(*n)++] = lt_json_at(array, i);
    *list = all;
    return LT_OK;
}

static enum lt_code get_input(struct lt_wire *w, struct lt_str id, struct lt_kept_response *ret, struct lt_error *err)
{
    struct lt_arena *arena = w->run->arena;
    struct lt_str after = LT_STR_NULL;
    for (int page = 0; page < PAGES_MAX; page++) {
        const struct lt_json *list;
        struct lt_str query = lt_printf(arena, "limit=%d&order=asc%s%.*s", PAGE, after.n > 0 ? "&after=" : "",
                                        LT_FMT(lt_wire_escape(arena, after)));
        if (get(w, id, "/input_items", lt_strz(arena, query), &list, err))
            return err->code;
        const struct lt_json *data = lt_json_get(list, "data");
        if (!lt_json_is(data, LT_JSON_ARRAY))
            return lt_wire_wrong_type(err, "data", data);
        if (add(arena, data, &ret->input, &ret->input_n, err))
            return err->code;
        size_t n = lt_json_len(data);
        after = lt_json_str(lt_json_get(list, "last_id"));
        if (after.n == 0 && n > 0)
            after = lt_json_str(lt_json_get(lt_json_at(data, n - 1), "id"));
        if (!lt_json_bool_or(lt_json_get(list, "has_more"), false) || n == 0 || after.n == 0)
            return LT_OK;
    }
    return lt_fail(err, LT_EUPSTREAM_INVALID, "the kept answer has more than %d pages of input", PAGES_MAX);
}

static enum lt_code read_response(struct lt_wire *w, struct lt_str id, const struct lt_json *response, struct lt_kept_response *ret,
                                  struct lt_error *err)
{
    const struct lt_json *usage = lt_wire_get(response, "usage");
    ret->id = lt_json_str_or(lt_json_get(response, "id"), id);
    ret->model = lt_json_str_or(lt_json_get(response, "model"), LT_STR(""));
    ret->previous_response_id = lt_json_str_or(lt_wire_get(response, "previous_response_id"), LT_STR(""));
    ret->created_at = lt_json_int64_or(lt_json_get(response, "created_at"), 0);
    ret->usage = (struct lt_usage){lt_wire_count(usage, "input_tokens"), lt_wire_count(usage, "output_tokens"),
                                   lt_wire_count(usage, "total_tokens"),
                                   lt_wire_count(lt_wire_get(usage, "input_tokens_details"), "cached_tokens"),
                                   lt_wire_count(lt_wire_get(usage, "output_tokens_details"), "reasoning_tokens")};
    return add(w->run->arena, lt_json_get(response, "output"), &ret->output, &ret->output_n, err);
}

enum lt_code lt_openai_response(struct lt_provider_run *run, struct lt_str response_id, struct lt_kept_response *ret, struct lt_error *err)
{
    struct lt_wire w;
    const struct lt_json *response;
    *ret = (struct lt_kept_response){.usage = LT_USAGE_UNKNOWN};
    if (response_id.n == 0)
        return lt_fail(err, LT_ENOT_FOUND, "no id of an answer was given");
    if (lt_wire_prepare_plain(&w, run, &lt_openai_vendor_of(run->instance)->wire, err) || get(&w, response_id, "", NULL, &response, err) ||
        read_response(&w, response_id, response, ret, err))
        return err->code;
    return get_input(&w, response_id, ret, err);
}

enum lt_code lt_openai_response_before(struct lt_provider_run *run, struct lt_str response_id, struct lt_str *ret, struct lt_error *err)
{
    struct lt_wire w;
    const struct lt_json *response;
    *ret = LT_STR("");
    if (lt_wire_prepare_plain(&w, run, &lt_openai_vendor_of(run->instance)->wire, err) || get(&w, response_id, "", NULL, &response, err))
        return err->code;
    *ret = lt_json_str_or(lt_wire_get(response, "previous_response_id"), LT_STR(""));
    return LT_OK;
}

enum lt_code lt_openai_forget(struct lt_provider_run *run, struct lt_str response_id, struct lt_error *err)
{
    struct lt_wire w;
    const struct lt_json *answer;
    if (lt_wire_prepare_plain(&w, run, &lt_openai_vendor_of(run->instance)->wire, err))
        return err->code;
    w.method = "DELETE";
    return get(&w, response_id, "", NULL, &answer, err);
}
