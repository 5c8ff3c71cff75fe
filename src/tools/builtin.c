/* The list of built-in tools. */
#include "tools/builtin.h"

#include "core/registry.h"
#include "core/sealed.h"
#include "core/tool.h"
#include "tools/mcp_server.h"

extern const struct lt_tool lt_tool_get_context, lt_tool_get_course_info, lt_tool_get_location_content, lt_tool_get_location_link, lt_tool_roll_dice;

enum lt_code lt_tools_register(struct lt_error *err)
{
    static const struct lt_tool *const tools[] = {&lt_tool_get_context, &lt_tool_get_course_info, &lt_tool_get_location_content,
                                                  &lt_tool_get_location_link, &lt_tool_roll_dice};
    static struct lt_entry entries[LT_COUNT(tools)];
    lt_sealed_table_add(&lt_mcp_sealed_table);
    for (size_t i = 0; i < LT_COUNT(tools); i++) {
        entries[i] = (struct lt_entry){.kind = LT_KIND_TOOL,
                                       .name = tools[i]->name,
                                       .title = tools[i]->name,
                                       .description = tools[i]->description,
                                       .plugin = "builtin",
                                       .major = 1,
                                       .rank = 100,
                                       .impl = tools[i]};
        if (lt_registry_add(&entries[i], err))
            return err->code;
    }
    return LT_OK;
}
