/* The list of built-in content connectors. */
#include "content/builtin.h"

#include "content/demo_course.h"
#include "content/imported.h"
#include "core/registry.h"

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
                                                   .impl = &imported};
    static const struct lt_entry entry = {.kind = LT_KIND_CONNECTOR,
                                          .name = "demo_course",
                                          .title = "Demo course",
                                          .description = "The course of lectern serve --demo.",
                                          .plugin = "builtin",
                                          .major = 1,
                                          .rank = 100,
                                          .impl = &demo};
    imported = lt_imported_courses();
    enum lt_code rc = lt_registry_add(&imported_entry, err);
    if (rc || !share_dir)
        return rc;
    demo = lt_demo_course(share_dir);
    return lt_registry_add(&entry, err);
}
