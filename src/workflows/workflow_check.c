/* The rules of a workflow configuration, and the list of what is wrong with one. */
#include <stdarg.h>
#include <stdio.h>

#include "text/json_schema.h"
#include "tools/mcp_tools.h"
#include "core/answer_cache.h"
#include "workflows/approval.h"
#include "workflows/template.h"

static const char schema_text[] =
    "{\"$schema\":\"http://json-schema.org/draft-07/schema#\",\"type\":\"object\","
    "\"required\":[\"schema_version\",\"orchestrator_class\",\"processor_config\",\"actuator_config\"],\"properties\":{"
    "\"schema_version\":{\"const\":\"1.0\"},"
    "\"orchestrator_class\":{\"type\":\"string\",\"minLength\":1},"
    "\"processor_config\":{\"type\":\"object\",\"minProperties\":1},"
    "\"actuator_config\":{\"type\":\"object\",\"required\":[\"UIComponents\"],\"properties\":{"
    "\"UIComponents\":{\"type\":\"object\",\"required\":[\"request\",\"response\"],\"properties\":{"
    "\"request\":{\"type\":\"object\"},\"response\":{\"type\":\"object\"}}}}}}}";

/* ---- the list ---- */

void lt_problem_add(struct lt_problems *problems, struct lt_str path, const char *format, ...)
{
    char text[400];
    va_list args;
    if (problems->n == LT_PROBLEMS_MAX)
        return;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    struct lt_str cut = {text, lt_utf8_whole(text, strlen(text))};
    problems->items[problems->n++] = (struct lt_problem){lt_str_copy(problems->arena, path), lt_str_copy(problems->arena, cut)};
}

/* What a problem says as a whole; the texts about the whole value speak for themselves. */
static void put_problem(struct lt_buf *out, const struct lt_problem *p)
{
    if (p->path.n > 0) {
        lt_buf_put_str(out, p->path);
        lt_buf_put_str(out, LT_STR(": "));
    }
    lt_buf_put_str(out, p->text);
}

void lt_problems_write(struct lt_jw *w, const struct lt_problems *problems)
{
    struct lt_buf line;
    lt_buf_init(&line, 16384);
    lt_jw_arr(w);
    for (size_t i = 0; i < problems->n; i++) {
        lt_buf_reset(&line);
        put_problem(&line, &problems->items[i]);
        lt_jw_str(w, lt_buf_str(&line));
    }
    lt_jw_end(w);
    lt_buf_free(&line);
}

enum lt_code lt_problems_fail(const struct lt_problems *problems, enum lt_code code, const char *field, struct lt_error *err)
{
    struct lt_buf line;
    lt_buf_init(&line, 1 << 20);
    for (size_t i = 0; i < problems->n; i++) {
        if (i > 0)
            lt_buf_put_str(&line, LT_STR("; "));
        put_problem(&line, &problems->items[i]);
    }
    lt_fail_field(err, code, field, "%.*s", LT_FMT(lt_buf_str(&line)));
    lt_buf_free(&line);
    return code;
}

/* ---- the schema ---- */

/* "/a/b~1c" as "a.b/c"; "" as "root". */
static struct lt_str dotted(struct lt_arena *arena, const char *pointer, bool parent)
{
    size_t n = strlen(pointer), out = 0;
    if (parent)
        while (n > 0 && pointer[--n] != '/')
            ;
    if (n == 0)
        return LT_STR("root");
    char *path = lt_alloc(arena, n);
    for (size_t i = 1; i < n; i++) {
        bool escaped = pointer[i] == '~' && i + 1 < n;
        path[out++] = pointer[i] == '/' ? '.' : escaped ? (pointer[++i] == '1' ? '/' : '~') : pointer[i];
    }
    return (struct lt_str){path, out};
}

static void check_schema(const struct lt_json *config, struct lt_problems *problems)
{
    const struct lt_schema *schema;
    const struct lt_schema_error *errors;
    size_t n;
    struct lt_error err;
    if (lt_schema_compile_text(problems->arena, schema_text, &schema, &err)) {
        lt_problem_add(problems, LT_STR("root"), "the schema of templates: %s", err.detail);
        return;
    }
    lt_schema_check_all(schema, config, problems->arena, LT_PROBLEMS_MAX, &errors, &n);
    for (size_t i = 0; i < n; i++) {
        struct lt_str rule = lt_str(errors[i].rule);
        const char *name = strrchr(errors[i].at, '/');
        if (lt_str_ends(rule, LT_STR("/required")) && name)
            lt_problem_add(problems, dotted(problems->arena, errors[i].at, true), "'%s' is required", name + 1);
        else
            lt_problem_add(problems, dotted(problems->arena, errors[i].at, false), "%s", errors[i].words);
    }
}

/* ---- what a schema does not say ---- */

static bool class_name(struct lt_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.'))
            return false;
    }
    return true;
}

static const struct lt_json *processors_of(const struct lt_json *config)
{
    const struct lt_json *processors = lt_json_get(config, "processor_config");
    return lt_json_is(processors, LT_JSON_OBJECT) ? processors : NULL;
}

static struct lt_str processor_path(struct lt_arena *arena, struct lt_str name, const char *member)
{
    return lt_printf(arena, "processor_config.%.*s%s", LT_FMT(name), member);
}

void lt_workflow_check(const struct lt_json *config, struct lt_problems *problems)
{
    if (!config || lt_json_is(config, LT_JSON_NULL)) {
        lt_problem_add(problems, LT_STR(""), "config is null (base template missing or failed to load)");
        return;
    }
    if (!lt_json_is(config, LT_JSON_OBJECT)) {
        lt_problem_add(problems, LT_STR(""), "config must be an object/dict, got %s", lt_json_type_name(config));
        return;
    }
    check_schema(config, problems);
    if (!class_name(lt_json_str(lt_json_get(config, "orchestrator_class"))))
        lt_problem_add(problems, LT_STR("orchestrator_class"), "may hold letters, digits, '_' and '.' only");
    const struct lt_json *allow = lt_json_get(config, "allow_prompt");
    if (allow && !lt_json_is(allow, LT_JSON_BOOL))
        lt_problem_add(problems, LT_STR("allow_prompt"), "must be true or false, is %s", lt_json_type_name(allow));
    const struct lt_json *processors = processors_of(config);
    for (size_t i = 0; i < lt_json_len(processors); i++) {
        const struct lt_json *v = lt_json_at(processors, i), *prompt = lt_json_get(v, "prompt_template"), *provider = lt_json_get(v, "provider");
        struct lt_str name = lt_json_key_at(processors, i);
        if (!lt_json_is(v, LT_JSON_OBJECT))
            lt_problem_add(problems, processor_path(problems->arena, name, ""), "must be an object, is %s", lt_json_type_name(v));
        else if (prompt && !lt_json_is(prompt, LT_JSON_STRING) && !lt_json_is(prompt, LT_JSON_NULL))
            lt_problem_add(problems, processor_path(problems->arena, name, ".prompt_template"), "must be a slug or an id, is %s",
                           lt_json_type_name(prompt));
        if (provider && !lt_json_is(provider, LT_JSON_STRING) && !lt_json_is(provider, LT_JSON_NULL))
            lt_problem_add(problems, processor_path(problems->arena, name, ".provider"), "must be the name of a provider instance, is %s",
                           lt_json_type_name(provider));
        const char *wrong = lt_approval_rule_wrong(lt_json_get(v, "tool_approval"));
        if (wrong)
            lt_problem_add(problems, processor_path(problems->arena, name, ".tool_approval"), "%s", wrong);
        wrong = lt_mcp_configs_wrong(lt_json_get(v, "mcp_configs"));
        if (wrong)
            lt_problem_add(problems, processor_path(problems->arena, name, ".mcp_configs"), "%s", wrong);
        wrong = lt_answer_cache_rule_wrong(lt_json_get(v, "response_cache"));
        if (wrong)
            lt_problem_add(problems, processor_path(problems->arena, name, ".response_cache"), "%s", wrong);
    }
}
