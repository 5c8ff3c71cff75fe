/* The input of an action, from --input or standard input: a JSON object, or plain text. */
#include <unistd.h>

#include "cli/cli.h"
#include "cli/text_file.h"
#include "core/action.h"
#include "core/registry.h"

enum { INPUT_MAX = 8 << 20 };

/* Is the type, or one of the types, string? */
static bool takes_string(const struct lt_json *type)
{
    for (size_t i = 0; i < lt_json_len(type); i++)
        if (lt_str_is(lt_json_str(lt_json_at(type, i)), "string"))
            return true;
    return lt_str_is(lt_json_str(type), "string");
}

/* Which member of the action's input a plain text is: the first required one that may be a string, or a conversation's first message. */
static enum lt_code wrap_text(struct lt_cli *cli, const struct lt_action *action, struct lt_str text, struct lt_str *ret, struct lt_error *err)
{
    const struct lt_json *schema;
    struct lt_buf b;
    struct lt_jw w;
    if (lt_json_parse(cli->arena, lt_str(action->input_schema), LT_JSON_STRICT, &schema, err))
        return err->code;
    struct lt_str member = lt_json_str(lt_json_at(lt_json_get(schema, "required"), 0));
    const struct lt_json *kind = lt_json_get(lt_json_get_str(lt_json_get(schema, "properties"), member), "type");
    lt_buf_init(&b, 6 * INPUT_MAX + 1024);
    lt_jw_init(&w, &b);
    lt_jw_obj(&w);
    if (lt_str_is(member, "messages")) {
        lt_jw_key(&w, "messages");
        lt_jw_arr(&w);
        lt_jw_obj(&w);
        lt_jw_kstrz(&w, "role", "user");
        lt_jw_kstr(&w, "content", text);
        lt_jw_end(&w);
        lt_jw_end(&w);
    } else if (takes_string(kind)) {
        lt_jw_key_str(&w, member);
        lt_jw_str(&w, text);
    }
    lt_jw_end(&w);
    *ret = lt_str_copy(cli->arena, lt_buf_str(&b));
    lt_buf_free(&b);
    return LT_OK;
}

enum lt_code lt_cli_input(struct lt_cli *cli, struct lt_str action, const struct lt_json **ret, struct lt_error *err)
{
    const struct lt_entry *entry = lt_registry_find(LT_KIND_ACTION, action);
    const char *given = lt_cli_option(cli, "input");
    struct lt_str text = lt_str(given);
    if (!entry)
        return lt_fail(err, LT_EUNKNOWN_ACTION, "there is no action '%s'", action.p);
    if (!given && isatty(STDIN_FILENO))
        return lt_fail(err, LT_EINVALID_INPUT, "--input is missing");
    if ((!given || strcmp(given, "-") == 0) && lt_text_file(cli->arena, "-", INPUT_MAX, &text, err))
        return err->code;
    bool object = lt_str_starts(lt_str_trim(text), LT_STR("{"));
    if (!object && wrap_text(cli, entry->impl, text, &text, err))
        return err->code;
    if (lt_json_parse(cli->arena, text, LT_JSON_STRICT, ret, err))
        return lt_error_wrap(err, "input");
    return LT_OK;
}
