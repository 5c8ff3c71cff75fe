/* One schema says what a manifest is; what a schema cannot say follows it. */
#include "plugin/manifest.h"

#include <errno.h>
#include <fcntl.h>
#include <lectern/plugin.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "text/json_schema.h"

const struct lt_manifest_kind lt_manifest_kinds[] = {
    {LT_KIND_TOOL, "tools"},           {LT_KIND_ACTION, "actions"},
    {LT_KIND_PROVIDER, "providers"},   {LT_KIND_SERVICE, "services"},
    {LT_KIND_PLACEMENT, "placements"}, {LT_KIND_ORCHESTRATOR, "orchestrators"},
    {LT_KIND_PROCESSOR, "processors"}, {LT_KIND_CONNECTOR, "connectors"},
};
const size_t lt_manifest_kinds_n = LT_COUNT(lt_manifest_kinds);

#define WORDS "\"type\":\"string\",\"minLength\":1,\"maxLength\":"
#define LIST(required, members)                                                                                              \
    "{\"type\":\"array\",\"maxItems\":256,\"items\":{\"type\":\"object\",\"additionalProperties\":false,\"required\":[" required                 \
    "],\"properties\":{" members "}}}"
#define NAME "\"name\":{\"type\":\"string\",\"pattern\":\"^[a-z][a-z0-9_.-]{0,62}$\"},\"title\":{" WORDS "200},\"description\":{" WORDS "4000}"
#define CLASS_NAME "\"class_name\":{\"type\":\"string\",\"pattern\":\"^[A-Z][A-Za-z0-9_]{0,61}$\"}"

static const char manifest_schema[] =
    "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"manifest\",\"id\",\"version\",\"abi\",\"provides\"],\"properties\":{"
    "\"manifest\":{\"const\":1},"
    "\"id\":{\"type\":\"string\",\"pattern\":\"^[a-z][a-z0-9_.-]{0,62}$\",\"not\":{\"const\":\"builtin\"}},"
    "\"version\":{\"type\":\"string\",\"pattern\":\"^[0-9]{1,6}\\\\.[0-9]{1,6}(\\\\.[0-9]{1,6})?$\"},"
    "\"abi\":{\"type\":\"string\",\"pattern\":\"^[0-9]{1,4}\\\\.[0-9]{1,4}$\"},"
    "\"title\":{" WORDS "200},\"description\":{" WORDS "4000},\"license\":{" WORDS "200},"
    "\"run\":{\"enum\":[\"process\",\"in_process\"]},\"blocking\":{\"type\":\"boolean\"},"
    "\"component\":{\"type\":\"string\",\"pattern\":\"^[a-z][a-z0-9_.-]{0,62}$\"}," /* what it needs and wants of others: plugin/service.h reads it */
    "\"extends\":{\"type\":\"array\",\"maxItems\":16},\"needs\":{\"type\":\"array\",\"maxItems\":64},\"wants\":{\"type\":\"array\",\"maxItems\":64},"
    "\"command\":{\"type\":\"array\",\"minItems\":1,\"maxItems\":16,\"items\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":1000}},"
    "\"provides\":{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{"
    "\"tools\":" LIST("\"name\",\"description\",\"parameters\"",
        "\"name\":{\"type\":\"string\",\"pattern\":\"^[a-z][a-z0-9_-]{0,62}$\"},\"title\":{" WORDS "200},\"description\":{" WORDS "4000},"
        "\"parameters\":{\"type\":\"object\"}") ","
    "\"actions\":" LIST("\"name\",\"title\",\"description\",\"input_schema\",\"response_schema\"",
        "\"name\":{\"type\":\"string\",\"pattern\":\"^[a-z][a-z0-9]*(_[a-z0-9]+)+$\",\"maxLength\":48},"
        "\"title\":{" WORDS "200},\"description\":{" WORDS "4000},"
        "\"input_schema\":{\"type\":\"object\"},\"response_schema\":{\"type\":\"object\"},\"instruction\":{\"type\":\"string\",\"maxLength\":20000},"
        "\"columns\":{\"type\":\"array\",\"maxItems\":32,\"uniqueItems\":true,\"items\":{\"type\":\"string\",\"pattern\":\"^[a-z][a-z0-9_]{0,40}$\","
        "\"not\":{\"const\":\"call_id\"}}}") ","
    "\"providers\":" LIST("\"name\",\"title\",\"description\",\"settings_schema\"",
        NAME ",\"settings_schema\":{\"type\":\"object\"},\"completion\":{\"type\":\"boolean\"},\"embedding\":{\"type\":\"boolean\"},"
        "\"actions\":{\"type\":\"array\",\"maxItems\":64,\"uniqueItems\":true,\"items\":{" WORDS "63}}") ","
    "\"placements\":" LIST("\"name\",\"title\",\"description\",\"actions\"",
        NAME ",\"actions\":{\"type\":\"array\",\"minItems\":1,\"maxItems\":64,\"uniqueItems\":true,\"items\":{" WORDS "63}}") ","
    "\"orchestrators\":" LIST("\"name\",\"class_name\",\"title\",\"description\"",
        NAME "," CLASS_NAME ",\"streams\":{\"type\":\"boolean\"},"
        "\"actions\":{\"type\":\"array\",\"minItems\":1,\"maxItems\":64,\"uniqueItems\":true,\"items\":{\"type\":\"string\","
        "\"pattern\":\"^[a-z][a-z0-9_]{0,62}$\"}}") ","
    "\"processors\":" LIST("\"name\",\"class_name\",\"title\",\"description\"", NAME "," CLASS_NAME ",\"settings_schema\":{\"type\":\"object\"}") ","
    "\"connectors\":" LIST("\"name\",\"title\",\"description\"",
        NAME ",\"courses\":{\"type\":\"array\",\"minItems\":1,\"maxItems\":64,\"items\":{" WORDS "255}}") ","
    "\"services\":" LIST("\"name\",\"version\"", NAME ",\"version\":{\"type\":\"string\",\"pattern\":\"^[0-9]{1,6}\\\\.[0-9]{1,6}$\"}")
    "}}}}";

/* ---- the file ---- */

static enum lt_code read_file(struct lt_arena *arena, const char *path, struct lt_str *ret, struct lt_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe must not make us wait */
    if (fd < 0)
        return lt_fail(err, LT_ECONFIG, "%s", strerror(errno));
    char *text = lt_alloc(arena, LT_MANIFEST_MAX + 1);
    long n = lt_fd_read(fd, text, LT_MANIFEST_MAX + 1);
    int why = errno;
    close(fd);
    if (n < 0)
        return lt_fail(err, LT_ECONFIG, "%s", strerror(why));
    if (n > LT_MANIFEST_MAX)
        return lt_fail(err, LT_ECONFIG, "is larger than %d bytes", LT_MANIFEST_MAX);
    *ret = (struct lt_str){text, (size_t)n};
    return LT_OK;
}

const char *lt_manifest_beside(struct lt_arena *arena, const char *library)
{
    struct lt_str stem = lt_str(library);
    if (lt_str_ends(stem, LT_STR(".so")))
        stem.n -= 3;
    return lt_printf(arena, "%.*s.json", LT_FMT(stem)).p;
}

static enum lt_code check_owner(const char *path, struct lt_error *err)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return lt_fail(err, LT_ECONFIG, "%s: %s", path, strerror(errno));
    if (st.st_uid != 0 && st.st_uid != geteuid())
        return lt_fail(err, LT_ECONFIG, "%s: belongs to user %ld, must belong to root or to user %ld", path, (long)st.st_uid, (long)geteuid());
    if ((st.st_mode & S_IWOTH) && !(S_ISDIR(st.st_mode) && (st.st_mode & S_ISVTX)))
        return lt_fail(err, LT_ECONFIG, "%s: every user may write to it (mode %03o)", path, (unsigned)st.st_mode & 0777);
    return LT_OK;
}

/* Who may change what it runs, or put another in its place, is the daemon's user. */
static enum lt_code check_owners(struct lt_arena *arena, const struct lt_manifest *m, struct lt_error *err)
{
    const char *slash = strrchr(m->path, '/');
    const char *dir = !slash ? "." : slash == m->path ? "/" : lt_printf(arena, "%.*s", (int)(slash - m->path), m->path).p;
    if (check_owner(dir, err) || check_owner(m->path, err) || check_owner(m->file, err))
        return err->code;
    for (size_t i = 0; m->command[i]; i++)
        if (strchr(m->command[i], '/') && access(m->command[i], F_OK) == 0 && check_owner(m->command[i], err))
            return err->code;
    return LT_OK;
}

/* A path of the manifest counts from where the manifest is. */
static const char *from(struct lt_arena *arena, const char *manifest, struct lt_str path)
{
    const char *slash = strrchr(manifest, '/');
    if (!slash || path.p[0] == '/')
        return lt_strz(arena, path);
    return lt_printf(arena, "%.*s/%.*s", (int)(slash - manifest), manifest, LT_FMT(path)).p;
}

static bool only_data(const struct lt_manifest *m)
{
    size_t n = 0;
    for (size_t i = 0; i < lt_manifest_kinds_n; i++)
        if (lt_manifest_kinds[i].kind != LT_KIND_PLACEMENT)
            n += lt_json_len(lt_manifest_provides(m, lt_manifest_kinds[i].kind));
    return n == 0 && lt_manifest_provides(m, LT_KIND_PLACEMENT);
}

/* What it runs: a library beside it, or a command, whose first word with a '/' and whose other words that are files there are paths. */
static void find_program(struct lt_arena *arena, struct lt_manifest *m)
{
    const struct lt_json *command = lt_json_get(m->json, "command");
    struct lt_str path = lt_str(m->path);
    m->data = !command && only_data(m);
    if (m->data)
        m->file = m->path;
    else if (!command)
        m->file = lt_printf(arena, "%.*s.so", (int)(path.n - 5), path.p).p;
    for (size_t i = 0; i < lt_json_len(command); i++) {
        struct lt_str word = lt_json_str(lt_json_at(command, i));
        const char *there = from(arena, m->path, word);
        bool is_file = access(there, F_OK) == 0 && (i > 0 || memchr(word.p, '/', word.n));
        m->command[i] = is_file ? there : lt_strz(arena, word);
        if (is_file && !m->file)
            m->file = there;
    }
}

/* ---- what the schema cannot say ---- */

static enum lt_code check_abi(const struct lt_json *json, struct lt_error *err)
{
    struct lt_str text = lt_json_str(lt_json_get(json, "abi")), rest = text;
    int64_t major, minor;
    lt_str_to_int64(lt_str_cut(&rest, '.'), &major);
    lt_str_to_int64(rest, &minor);
    if (major == LECTERN_ABI_MAJOR && minor <= LECTERN_ABI_MINOR)
        return LT_OK;
    return lt_fail_field(err, LT_ECONFIG, "/abi", "is %.*s; this program takes %d.0 to %d.%d", LT_FMT(text), LECTERN_ABI_MAJOR, LECTERN_ABI_MAJOR,
                         LECTERN_ABI_MINOR);
}

/* A plugin that says what it needs is the component of its own id. */
static enum lt_code check_component(const struct lt_json *json, struct lt_error *err)
{
    const struct lt_json *component = lt_json_get(json, "component"), *id = lt_json_get(json, "id");
    if (!component || lt_json_equal(component, id))
        return LT_OK;
    return lt_fail_field(err, LT_ECONFIG, "/component", "must be the plugin's id, '%.*s'", LT_FMT(lt_json_str(id)));
}

static enum lt_code check_schemas(struct lt_arena *arena, const struct lt_json *entry, struct lt_error *err)
{
    static const char *const members[] = {"parameters", "input_schema", "response_schema", "settings_schema"};
    for (size_t i = 0; i < LT_COUNT(members); i++) {
        const struct lt_schema *schema;
        char at[40];
        const struct lt_json *text = lt_json_get(entry, members[i]);
        snprintf(at, sizeof(at), "/%s", members[i]);
        if (text && lt_schema_compile(arena, text, &schema, err))
            return lt_error_under(err, at);
    }
    return LT_OK;
}

static enum lt_code check_list(struct lt_arena *arena, const struct lt_json *list, struct lt_error *err)
{
    for (size_t i = 0; i < lt_json_len(list); i++) {
        char at[32];
        const struct lt_json *entry = lt_json_at(list, i);
        snprintf(at, sizeof(at), "/%zu", i);
        for (size_t k = 0; k < i; k++)
            if (lt_json_equal(lt_json_get(entry, "name"), lt_json_get(lt_json_at(list, k), "name"))) {
                lt_fail_field(err, LT_ECONFIG, "/name", "'%.*s' is there twice", LT_FMT(lt_json_str(lt_json_get(entry, "name"))));
                return lt_error_under(err, at);
            }
        if (check_schemas(arena, entry, err))
            return lt_error_under(err, at);
    }
    return LT_OK;
}

static enum lt_code check_run(const struct lt_json *json, struct lt_error *err)
{
    if (lt_json_get(json, "command") && lt_str_is(lt_json_str(lt_json_get(json, "run")), "in_process"))
        return lt_fail_field(err, LT_ECONFIG, "/run", "a program is in a process of its own: 'in_process' is for libraries");
    return LT_OK;
}

static enum lt_code check(struct lt_arena *arena, const struct lt_manifest *m, struct lt_error *err)
{
    const struct lt_schema *schema;
    if (lt_schema_compile_text(arena, manifest_schema, &schema, err) || lt_schema_check(schema, m->json, err) || check_abi(m->json, err) ||
        check_run(m->json, err) || check_component(m->json, err))
        return err->code;
    for (size_t i = 0; i < lt_manifest_kinds_n; i++) {
        char at[32];
        snprintf(at, sizeof(at), "/provides/%s", lt_manifest_kinds[i].member);
        if (check_list(arena, lt_manifest_provides(m, lt_manifest_kinds[i].kind), err))
            return lt_error_under(err, at);
    }
    return LT_OK;
}

const struct lt_json *lt_manifest_provides(const struct lt_manifest *m, enum lt_kind kind)
{
    for (size_t i = 0; i < lt_manifest_kinds_n; i++)
        if (lt_manifest_kinds[i].kind == kind)
            return lt_json_get(lt_json_get(m->json, "provides"), lt_manifest_kinds[i].member);
    return NULL;
}

/* ---- reading ---- */

static void take_words(struct lt_manifest *m)
{
    struct lt_str rest;
    m->id = lt_json_str(lt_json_get(m->json, "id"));
    m->version = rest = lt_json_str(lt_json_get(m->json, "version"));
    m->title = lt_json_str_or(lt_json_get(m->json, "title"), m->id);
    m->description = lt_json_str_or(lt_json_get(m->json, "description"), LT_STR(""));
    m->in_process = lt_str_is(lt_json_str(lt_json_get(m->json, "run")), "in_process");
    m->license = lt_json_str_or(lt_json_get(m->json, "license"), LT_STR(""));
    lt_str_to_int64(lt_str_cut(&rest, '.'), &m->major);
    lt_str_to_int64(lt_str_cut(&rest, '.'), &m->minor);
}

enum lt_code lt_manifest_read(struct lt_arena *arena, const char *path, struct lt_manifest *ret, struct lt_error *err)
{
    struct lt_str text;
    struct lt_error own;
    if (!err)
        err = &own;
    *ret = (struct lt_manifest){.path = lt_strz(arena, lt_str(path))};
    if (!lt_str_ends(lt_str(path), LT_STR(".json")))
        return lt_fail(err, LT_ECONFIG, "%s: a manifest ends with .json", path);
    bool read = !read_file(arena, path, &text, err) && !lt_json_parse(arena, text, LT_JSON_JSON5_FINITE, &ret->json, err);
    ret->text = read ? text : LT_STR("");
    const char *library = lt_printf(arena, "%.*s.so", (int)strlen(path) - 5, path).p;
    if (read && !lt_json_get(ret->json, "manifest") && access(library, F_OK) != 0)
        return lt_fail(err, LT_ENOT_FOUND, "%s: is no manifest", path);
    if (!read || check(arena, ret, err)) {
        err->code = LT_ECONFIG;
        lt_error_wrap(err, "%s%s%s", path, err->field[0] ? " " : "", err->field);
        err->field[0] = '\0'; /* it is one of the file, not of what somebody has sent */
        return err->code;
    }
    take_words(ret);
    find_program(arena, ret);
    if (!ret->file || access(ret->file, R_OK) != 0)
        return lt_fail(err, LT_ECONFIG, "%s: %s cannot be read", path, ret->file ? ret->file : "no file that its command names");
    return check_owners(arena, ret, err);
}
