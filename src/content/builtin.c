/* The list of built-in content connectors. */
#include "content/builtin.h"

#include "content/demo_course.h"
#include "core/registry.h"

enum lt_code lt_content_register(const char *share_dir, struct lt_error *err)
{
    static struct lt_connector demo;
    static const struct lt_entry entry = {.kind = LT_KIND_CONNECTOR,
                                          .name = "demo_course",
                                          .title = "Demo course",
                                          .description = "The course of lectern serve --demo.",
                                          .plugin = "builtin",
                                          .major = 1,
                                          .rank = 100,
                                          .impl = &demo};
    if (!share_dir)
        return LT_OK;
    demo = lt_demo_course(share_dir);
    return lt_registry_add(&entry, err);
}
