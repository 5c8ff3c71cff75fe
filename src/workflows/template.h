/*
 * Templates: JSON5 files below configured directories, which profiles patch. All of them are one immutable, reference-counted set, read
 * again (only what has changed) when somebody asks; looking one up touches no file. And the rules that a whole workflow configuration,
 * a template or a patched one, must meet.
 */
#pragma once
#include "base/arena.h"
#include "base/error.h"
#include "text/json.h"

enum {
    LT_TEMPLATE_PATH_MAX = 1024,     /* bytes of a relative path */
    LT_TEMPLATE_FILE_MAX = 1 << 20,  /* bytes of a file */
    LT_TEMPLATES_MAX = 2000,         /* in all directories together; more are left out with a warning */
    LT_TEMPLATE_DEPTH = 8,           /* folders in one another */
    LT_TEMPLATE_DIRS_MAX = 16,
    LT_PROBLEMS_MAX = 100,           /* that a check lists */
};

/* ---- what is wrong with a configuration ---- */
struct lt_problem {
    struct lt_str path; /* dotted: "processor_config.LLMProcessor.prompt_template"; "root": the whole */
    struct lt_str text; /* in words */
};
struct lt_problems {
    struct lt_arena *arena; /* of the texts; set by the caller */
    struct lt_problem items[LT_PROBLEMS_MAX];
    size_t n;
};
/* Adds one, as long as there is room. path is copied. */
void lt_problem_add(struct lt_problems *problems, struct lt_str path, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* ["path: text", …] */
void lt_problems_write(struct lt_jw *w, const struct lt_problems *problems);
/* The same in one line, parted by "; ", into err->detail (cut to its room); code and field as given. */
enum lt_code lt_problems_fail(const struct lt_problems *problems, enum lt_code code, const char *field, struct lt_error *err);

/* ---- templates ---- */
/* Where a file was and what it looked like when it was read. */
struct lt_template_stamp {
    uint64_t device, inode;
    int64_t size, changed_ns, mode_changed_ns;
};

struct lt_template {           /* shared by sets as long as its file does not change */
    _Atomic int references;
    struct lt_arena *arena;    /* of itself */
    struct lt_str path;        /* relative to its directory: "base/summary.json5" */
    struct lt_str name;        /* path without suffix, '/' as '.': "base.summary" */
    struct lt_str file;        /* where it lies */
    struct lt_template_stamp stamp;
    struct lt_str text;        /* as written */
    const struct lt_json *json; /* NULL: cannot be used, and err says why */
    struct lt_error err;
};

struct lt_template *lt_template_ref(const struct lt_template *t); /* any thread */
void lt_template_unref(struct lt_template *t);                    /* any thread; NULL allowed */

/* What the comment ("//") at the beginning says, line by line; "" when there is none. In the arena. */
struct lt_str lt_template_description(struct lt_arena *arena, const struct lt_template *t);

struct lt_template_set;

/* Relative, no "..", no empty or "." part, no NUL, at most LT_TEMPLATE_PATH_MAX bytes. LT_EINVALID_INPUT. Touches no file. */
enum lt_code lt_template_path_check(struct lt_str path, struct lt_error *err);
/*
 * Finds every *.json and *.json5 below the directories (the first directory that has a path wins; those that are missing are left out
 * with a warning) and reads those that differ from `previous` (or NULL). A file that is no regular file, larger than the limit,
 * not JSON5, or a link that leads out of its directory stands in the set with its error. When nothing at all has changed the result is `previous`
 * itself. One reference for the caller. Blocking: on a worker when called on a fiber.
 */
struct lt_template_set *lt_template_set_load(const char *const *dirs, size_t dirs_n, struct lt_template_set *previous);
struct lt_template_set *lt_template_set_ref(struct lt_template_set *set); /* any thread */
void lt_template_set_unref(struct lt_template_set *set);                  /* any thread; NULL allowed */
/* Sorted by name. Borrowed from the set, as all that follows. NULL set: none. */
size_t lt_template_count(const struct lt_template_set *set);
const struct lt_template *lt_template_at(const struct lt_template_set *set, size_t i);
/* By path. LT_EINVALID_INPUT for an unsafe one, LT_ENOT_FOUND for none (a folder, too), else what its file suffers from (LT_ECONFIG). */
enum lt_code lt_template_find(const struct lt_template_set *set, struct lt_str path, const struct lt_template **ret, struct lt_error *err);

/* ---- checking ---- */
/*
 * Adds everything that is wrong with a configuration: the schema (schema_version "1.0", orchestrator_class, processor_config, actuator_config with
 * UIComponents.request and .response; more members are allowed everywhere), then what a schema does not say. config NULL: the template
 * is missing. Any thread.
 */
void lt_workflow_check(const struct lt_json *config, struct lt_problems *problems);
