/* The list of built-in content connectors. */
#include "content/builtin.h"

#include "content/demo_course.h"
#include "content/imported.h"
#include "content/moodle_course.h"
#include "content/openedx_course.h"
#include "content/openedx_library.h"
#include "content/source.h"
#include "content/search_tool.h"
#include "core/registry.h"

enum { DEMO, OPENEDX_COURSE, OPENEDX_LIBRARY, MOODLE_COURSE, CONNECTORS };

enum lt_code lt_content_register(const char *share_dir, struct lt_error *err)
{
    static struct lt_connector demo, imported;
    static const struct lt_entry imported_entry = {.kind = LT_KIND_CONNECTOR,
                                                   .name = "imported",
                                                   .title = "Imported courses",
                                                   .description = "Courses imported from files: OLX, Common Cartridge, Moodle backups.",
                                                   .plugin = "builtin",
                                                   .major = 1,
                                                   .rank = 110,
                                                   .impl = &imported}connectors[CONNECTORS];
#define ENTRY(i, name_, title_, description_, rank_)                                                                                   \
    [i] = {.kind = LT_KIND_CONNECTOR, .name = name_, .title = title_, .description = description_, .plugin = "builtin",static const struct lt_entry search = {.kind = LT_KIND_TOOL,
                                           .name = LT_SEARCH_TOOL,
                                           .title = LT_SEARCH_TOOL,
                                           .description = "Searches the course of the conversation.",
                                           .plugin = "builtin",
                                           .major = 1,
                                           .rank = 100,
                                           .impl = &lt_tool_search_course};
    if (lt_registry_add(&search, err))
        return err->code;
    if .major = 1,     \
           .rank = rank_, .impl = &connectors[i]}
    imported = lt_imported_courses();
    enum lt_code rc = lt_registry_add(&imported_entry, err);
    ifstatic const struct lt_entry entries[CONNECTORS] = {
        ENTRY(rc || !share_dirDEMO, "demo_course", "Demo course", "The course of lectern serve --demo.", 100),
        ENTRY(OPENEDX_COURSE, rc"openedx_course", "Open edX", "Courses of Open edX, by the content sources of the site.", 90),
        ENTRY(OPENEDX_LIBRARY, "openedx_library", "Libraries of Open edX", "Studio's libraries, by the content sources of the site.", 85),
        ENTRY(MOODLE_COURSE, "moodle_course", "Moodle", "Courses of Moodle, by the content sources of the site.", 80),
    };
#undef ENTRY
    connectors[OPENEDX_COURSE] = lt_openedx_course();
    connectors[OPENEDX_LIBRARY] = lt_openedx_library();
    connectors[MOODLE_COURSE] = lt_moodle_course();
    if (share_dir)
        connectors[DEMO] = lt_demo_course(share_dir);
    lt_sources_register();
    for (int i = share_dir ? DEMO : DEMO + 1; i < CONNECTORS; i++)
        if (lt_registry_add(&entries[i], err))
            return err->code;
    return LT_OK;
}
