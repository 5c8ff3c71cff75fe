/* The services that the host itself provides, for components in the process and for those that ask over HTTP. */
#include "plugin/builtin.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"

enum { MANIFEST_MAX = 64 * 1024 };

static const struct lt_service_offer builtin[] = {
    {.name = "ai", .title = "AI actions", .description = "Run an action of the manager: POST /v1/actions/{name}.", .plugin = "builtin", .major = 1,
     .rank = 100, .state = LT_SERVICE_ACTIVE},
    {.name = "ai.workflows", .title = "AI workflows", .description = "Run the workflow of a profile: POST /v1/workflows/run.", .plugin = "builtin",
     .major = 1, .rank = 100, .state = LT_SERVICE_ACTIVE},
};

enum lt_code lt_services_builtin(struct lt_services *s, struct lt_error *err)
{
    for (size_t i = 0; i < LT_COUNT(builtin); i++)
        if (lt_services_offer(s, &builtin[i], err))
            return err->code;
    return LT_OK;
}

static bool is_manifest(const char *name)
{
    struct lt_str s = lt_str(name);
    return s.n > 5 && name[0] != '.' && lt_str_ends(s, LT_STR(".json"));
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Names in the arena, sorted; those beyond the limit of components are left out. */
static size_t list(struct lt_arena *arena, const char *folder, const char ***ret)
{
    DIR *d = opendir(folder);
    size_t n = 0;
    *ret = LT_NEW_ARRAY(arena, const char *, LT_SERVICE_COMPONENTS_MAX);
    for (struct dirent *e; d && n < LT_SERVICE_COMPONENTS_MAX && (e = readdir(d));)
        if (is_manifest(e->d_name))
            (*ret)[n++] = lt_strz(arena, lt_str(e->d_name));
    if (d)
        closedir(d);
    qsort(*ret, n, sizeof(**ret), by_name);
    return n;
}

static enum lt_code declare_file(struct lt_services *s, struct lt_arena *arena, const char *path, struct lt_error *err)
{
    const struct lt_json *v;
    char *text = lt_alloc(arena, MANIFEST_MAX + 1);
    FILE *f = fopen(path, "re");
    if (!f)
        return lt_fail(err, LT_ECONFIG, "it cannot be opened");
    size_t n = fread(text, 1, MANIFEST_MAX + 1, f);
    bool broken = ferror(f);
    fclose(f);
    if (broken || n > MANIFEST_MAX)
        return lt_fail(err, LT_ECONFIG, broken ? "it cannot be read" : "it has more than %d bytes", MANIFEST_MAX);
    if (lt_json_parse(arena, (struct lt_str){text, n}, LT_JSON_STRICT, &v, err))
        return err->code;
    return lt_services_declare_json(s, arena, v, err);
}

size_t lt_services_declare_folder(struct lt_services *s, const char *folder)
{
    struct lt_arena *arena = lt_arena_new();
    const char **names;
    size_t n = list(arena, folder, &names), good = 0;
    for (size_t i = 0; i < n; i++) {
        struct lt_error err = {0};
        struct lt_arena *file = lt_arena_new();
        if (declare_file(s, file, lt_printf(file, "%s/%s", folder, names[i]).p, &err))
            lt_log(LT_LOG_ERROR, "component.left_out", LT_S("file", names[i]), LT_S("field", err.field), LT_S("detail", err.detail));
        else
            good++;
        lt_arena_free(file);
    }
    lt_arena_free(arena);
    return good;
}
