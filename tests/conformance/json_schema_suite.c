/*
 * Runs the official tests of JSON Schema: json_schema_suite DRAFT FOLDER SKIPS [REMOTES], where DRAFT is 2020-12 or draft-07, FOLDER holds
 * the suite's files, SKIPS lists what is left out and why, and REMOTES holds the documents of http://localhost:1234/. Prints the results of
 * each file and the totals. Exit 77 (skipped) when the folder is not there; 1 when a test that is not listed fails, a listed one is not
 * there, or one listed by its name passes.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "text/json_schema.h"

enum { MAX_FILE = 4 << 20, MAX_SKIPS = 200, MAX_DOCUMENTS = 100 };

struct skip {
    struct lt_str file, group, test, why; /* test "*": all of the group; group "*": all of the file */
    bool used;
};

static struct {
    struct lt_arena *arena;
    const char *draft_name;
    struct lt_schema_options options;
    struct lt_schema_document documents[MAX_DOCUMENTS];
    struct skip skips[MAX_SKIPS];
    size_t skip_count;
    int passed, failed, skipped;
} run;

static struct lt_str read_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    char *p = lt_alloc(run.arena, MAX_FILE);
    if (!f) {
        fprintf(stderr, "cannot read %s\n", path);
        exit(1);
    }
    size_t n = fread(p, 1, MAX_FILE, f);
    fclose(f);
    return (struct lt_str){p, n};
}

/* The next field of a line, without the spaces around it. */
static struct lt_str field(struct lt_str *line)
{
    return lt_str_trim(lt_str_cut(line, '|'));
}

static void read_skips(const char *path)
{
    struct lt_str text = read_file(path);
    while (text.n > 0 && run.skip_count < MAX_SKIPS) {
        struct lt_str line = lt_str_trim(lt_str_cut(&text, '\n'));
        if (line.n == 0 || line.p[0] == '#')
            continue;
        struct lt_str draft = field(&line);
        struct skip s = {.file = field(&line), .group = field(&line), .test = field(&line), .why = lt_str_trim(line)};
        if (s.why.n == 0) {
            fprintf(stderr, "%s: a line without reason\n", path);
            exit(1);
        }
        if (lt_str_is(draft, run.draft_name))
            run.skips[run.skip_count++] = s;
    }
}

static bool covers(struct lt_str pattern, struct lt_str name)
{
    return lt_str_is(pattern, "*") || lt_str_eq(pattern, lt_str_trim(name));
}

static struct skip *find_skip(struct lt_str file, struct lt_str group, struct lt_str test)
{
    for (size_t i = 0; i < run.skip_count; i++)
        if (lt_str_eq(run.skips[i].file, file) && covers(run.skips[i].group, group) && covers(run.skips[i].test, test))
            return &run.skips[i];
    return NULL;
}

/* Whether the verdict is the right one, by both ways of checking; says what is not. */
static bool verdict_is_right(const struct lt_schema *schema, const struct lt_json *test, struct lt_error *why)
{
    const struct lt_json *data = lt_json_get(test, "data");
    const struct lt_schema_error *list;
    size_t n;
    bool valid = lt_json_bool_or(lt_json_get(test, "valid"), false);
    bool is = lt_schema_check(schema, data, why) == LT_OK;
    bool all = lt_schema_check_all(schema, data, run.arena, 20, &list, &n) == LT_OK;
    if (is == all && all == (n == 0))
        return is == valid;
    lt_fail(why, LT_EINTERNAL, "the list of errors (%zu) says something else than the verdict", n);
    return false;
}

static void run_test(struct lt_str file, struct lt_str group, const struct lt_schema *schema, struct lt_error *why, const struct lt_json *test)
{
    struct lt_str name = lt_json_str(lt_json_get(test, "description"));
    struct skip *skip = find_skip(file, group, name);
    bool ok = schema && verdict_is_right(schema, test, why);
    if (skip) {
        skip->used = true;
        run.skipped++;
        if (!ok || lt_str_is(skip->group, "*") || lt_str_is(skip->test, "*"))
            return;
    }
    run.passed += ok;
    run.failed += !ok || skip;
    if (!ok || skip)
        printf("FAILED: %.*s | %.*s | %.*s | %s%s %s\n", LT_FMT(file), LT_FMT(group), LT_FMT(name), skip ? "passes, but is listed as skipped" : "",
               schema ? why->detail : "not compiled:", schema ? "" : why->detail);
}

static void run_group(struct lt_str file, const struct lt_json *group)
{
    struct lt_error why = {0};
    const struct lt_schema *schema;
    const struct lt_json *tests = lt_json_get(group, "tests");
    lt_schema_compile_with(run.arena, lt_json_get(group, "schema"), &run.options, &schema, &why);
    for (size_t i = 0; i < lt_json_len(tests); i++)
        run_test(file, lt_json_str(lt_json_get(group, "description")), schema, &why, lt_json_at(tests, i));
}

static void run_file(const char *folder, const char *name)
{
    struct lt_error err;
    const struct lt_json *groups;
    int before[] = {run.passed, run.failed, run.skipped};
    struct lt_str path = lt_printf(run.arena, "%s/%s", folder, name), file = {name, strlen(name) - 5};
    if (lt_json_parse(run.arena, read_file(path.p), LT_JSON_STRICT, &groups, &err)) {
        printf("FAILED: %s: %s\n", name, err.detail);
        run.failed++;
        return;
    }
    for (size_t i = 0; i < lt_json_len(groups); i++)
        run_group(file, lt_json_at(groups, i));
    printf("%-26.*s %4d passed %3d failed %3d skipped\n", LT_FMT(file), run.passed - before[0], run.failed - before[1], run.skipped - before[2]);
}

/* Every JSON file of the folder and of those inside it, as what http://localhost:1234/… would answer. */
static void read_documents(const char *folder, const char *uri)
{
    struct dirent **files;
    int n = scandir(folder, &files, NULL, alphasort);
    for (int i = 0; i < n; i++) {
        const char *name = files[i]->d_name;
        const char *path = lt_printf(run.arena, "%s/%s", folder, name).p, *under = lt_printf(run.arena, "%s/%s", uri, name).p;
        struct lt_schema_document *d = &run.documents[run.options.document_count];
        if (files[i]->d_type == DT_DIR && name[0] != '.') {
            read_documents(path, under);
        } else if (lt_str_ends(lt_str(name), LT_STR(".json")) && run.options.document_count < MAX_DOCUMENTS &&
                   lt_json_parse(run.arena, read_file(path), LT_JSON_STRICT, &d->schema, NULL) == LT_OK) {
            d->uri = lt_str(under);
            run.options.document_count++;
        }
        free(files[i]);
    }
    if (n >= 0)
        free(files);
}

static int is_json(const struct dirent *d)
{
    return lt_str_ends(lt_str(d->d_name), LT_STR(".json"));
}

int main(int argc, char **argv)
{
    if (argc != 4 && argc != 5)
        return 2;
    struct dirent **files;
    int n = scandir(argv[2], &files, is_json, alphasort);
    if (n <= 0) {
        printf("the tests are not here: %s\n", argv[2]);
        return 77;
    }
    run.arena = lt_arena_new();
    run.draft_name = argv[1];
    run.options = (struct lt_schema_options){strcmp(argv[1], "draft-07") == 0 ? LT_SCHEMA_DRAFT_07 : LT_SCHEMA_2020_12, true, 0, run.documents};
    if (argc == 5)
        read_documents(argv[4], "http://localhost:1234");
    read_skips(argv[3]);
    for (int i = 0; i < n; i++) {
        run_file(argv[2], files[i]->d_name);
        free(files[i]);
    }
    free(files);
    for (const struct skip *s = run.skips; s < run.skips + run.skip_count; s++)
        if (!s->used) {
            printf("FAILED: skipped, but not there: %.*s | %.*s | %.*s\n", LT_FMT(s->file), LT_FMT(s->group), LT_FMT(s->test));
            run.failed++;
        }
    lt_arena_free(run.arena);
    printf("%s: %d of %d tests pass, %d skipped by name\n", argv[1], run.passed, run.passed + run.failed + run.skipped, run.skipped);
    printf("[  PASSED  ] %d test(s).\n", run.passed);
    if (run.skipped)
        printf("[  SKIPPED ] %d test(s).\n", run.skipped);
    if (run.failed)
        printf("[  FAILED  ] %d test(s).\n", run.failed);
    return run.failed || run.passed == 0;
}
