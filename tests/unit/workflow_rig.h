/* A store with one site, a template directory, and workflow sets read from both. For test_profile.c and test_prompt.c. */
#pragma once
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/admin.h"
#include "workflows/workflow_set.h"

#define WHOLE                                                                                                                \
    "{schema_version: '1.0', orchestrator_class: 'MockResponse', processor_config: {P: {a: 1, b: 2}}, "                      \
    "actuator_config: {UIComponents: {request: {x: 1}, response: {}}}}"

struct rig {
    char dir[64];
    struct lt_arena *arena;
    struct lt_store *store;
    struct lt_workflow_source *source;
    struct lt_workflow_set *set;
    struct lt_problems *problems; /* of the last call */
    struct lt_error err;
    int64_t site_id;
};

static void rig_put(struct rig *r, const char *name, const char *text)
{
    char file[256];
    snprintf(file, sizeof(file), "%s/templates/%s", r->dir, name);
    FILE *f = fopen(file, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static void rig_ok(struct rig *r, enum lt_code rc)
{
    if (rc)
        fail_msg("%s: %s (%s)", lt_code_name(rc), r->err.detail, r->err.field);
}

static struct lt_workflow_set *rig_load(struct rig *r)
{
    struct lt_workflow_set *set = NULL, *old = r->set;
    rig_ok(r, lt_workflow_set_load(r->source, r->store, &set, &r->err));
    r->set = set;
    lt_workflow_set_unref(old);
    return set;
}

static __attribute__((unused)) const struct lt_json *rig_json(struct rig *r, const char *text)
{
    const struct lt_json *v = NULL;
    rig_ok(r, lt_json_parse(r->arena, lt_str_copy(r->arena, lt_str(text)), LT_JSON_JSON5, &v, &r->err));
    return v;
}

static int rig_setup(void **state)
{
    struct rig *r = calloc(1, sizeof(*r));
    char templates[128];
    r->arena = lt_arena_new();
    strcpy(r->dir, "/tmp/lectern-workflow-XXXXXX");
    assert_non_null(mkdtemp(r->dir));
    snprintf(templates, sizeof(templates), "%s/templates", r->dir);
    mkdir(templates, 0700);
    rig_put(r, "whole.json", WHOLE);
    rig_ok(r, lt_store_open(&(struct lt_store_options){.data_dir = r->dir}, &r->store, &r->err));
    rig_ok(r, lt_admin_site_add(r->store, LT_STR("one"), LT_STR("One"), &r->err));
    r->site_id = 1;
    r->source = lt_workflow_source_new(templates);
    rig_load(r);
    *state = r;
    return 0;
}

static int rig_teardown(void **state)
{
    struct rig *r = *state;
    char command[128];
    lt_workflow_set_unref(r->set);
    lt_workflow_source_free(r->source);
    lt_store_close(r->store);
    lt_arena_free(r->arena);
    snprintf(command, sizeof(command), "rm -rf '%s'", r->dir);
    assert_int_equal(system(command), 0);
    free(r);
    return 0;
}

/* What a writer wrote, as a value. */
#define RIG_WRITTEN(r, ret, call)                                                                                            \
    do {                                                                                                                     \
        struct lt_buf out_;                                                                                                  \
        struct lt_jw w_, *w = &w_;                                                                                           \
        lt_buf_init(&out_, 8 << 20);                                                                                         \
        lt_jw_init(w, &out_);                                                                                                \
        call;                                                                                                                \
        lt_buf_putc(&out_, '\0');                                                                                            \
        ret = rig_json((r), out_.p);                                                                                         \
        lt_buf_free(&out_);                                                                                                  \
    } while (0)
