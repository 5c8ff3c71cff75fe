/* The list of built-in content connectors, and the tool that searches what they know. */
#include "content/builtin.h"

#include "content/demo_course.h"
#include "content/imported.h"
#include "content/moodle_course.h"
#include "content/openedx_course.h"
#include "content/openedx_library.h"
#include "content/search_tool.h"
#include "content/source.h"
#include "core/registry.h"

enum { DEMO, IMPORTED, OPENEDX_COURSE, OPENEDX_LIBRARY, MOODLE_COURSE, CONNECTORS };

enum lt_code lt_content_register(const char *share_dir, struct lt_error *err)
{
    static struct lt_connector connectors[CONNECTORS];
#define ENTRY(i, name_, title_, description_, rank_)                                                                                   \
    [i] = {.kind = LT_KIND_CONNECTOR, .name = name_, .title = title_, .description = description_, .plugin = "builtin", .major = 1,     \
           .rank = rank_, .impl = &connectors[i]}
    static const struct lt_entry entries[CONNECTORS] = {
        ENTRY(DEMO, "demo_course", "Demo course", "The course of lectern serve --demo.", 100),
        ENTRY(IMPORTED, "imported", "Imported courses", "Courses imported from files: OLX, Common Cartridge, Moodle backups.", 110),
        ENTRY(OPENEDX_COURSE, "openedx_course", "Open edX", "Courses of Open edX, by the content sources of the site.", 90),
        ENTRY(OPENEDX_LIBRARY, "openedx_library", "Libraries of Open edX", "Studio's libraries, by the content sources of the site.", 85),
        ENTRY(MOODLE_COURSE, "moodle_course", "Moodle", "Courses of Moodle, by the content sources of the site.", 80),
    };
#undef ENTRY
    static const struct lt_entry search = {.kind = LT_KIND_TOOL,
                                           .name = LT_SEARCH_TOOL,
                                           .title = LT_SEARCH_TOOL,
                                           .description = "Searches the course of the conversation.",
                                           .plugin = "builtin",
                                           .major = 1,
                                           .rank = 100,
                                           .impl = &lt_tool_search_course};
    if (share_dir)
        connectors[DEMO] = lt_demo_course(share_dir);
    connectors[IMPORTED] = lt_imported_courses();
    connectors[OPENEDX_COURSE] = lt_openedx_course();
    connectors[OPENEDX_LIBRARY] = lt_openedx_library();
    connectors[MOODLE_COURSE] = lt_moodle_course();
    lt_sources_register();
    for (int i = share_dir ? DEMO : DEMO + 1; i < CONNECTORS; i++)
        if (lt_registry_add(&entries[i], err))
            return err->code;
    return lt_registry_add(&search, err);
}
