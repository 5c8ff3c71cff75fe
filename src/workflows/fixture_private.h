/* Shared by fixture*.c, their tests and fuzz target only. */
#pragma once
#include "workflows/fixture.h"
#include "workflows/workflow_private.h"

struct lt_fixture_object {
    enum lt_fixture_kind kind;
    size_t at;                      /* place in the list, from 1 */
    struct lt_str pk;               /* 36 characters, small letters */
    union {
        struct lt_prompt_row prompt;   /* times 0: the file has none */
        struct lt_profile_row profile;
        struct {
            struct lt_scope scope;
            struct lt_str profile;     /* UUID like pk */
        } scope;
    };
};

struct lt_fixture {
    struct lt_fixture_object *objects;
    size_t n;
};

extern const char *const lt_fixture_models[LT_FIXTURE_KINDS];

/*
 * The objects of the given kinds that have the form of their model; those that have not are refusals in the report, everything else is
 * counted there as ignored: for each element of the list one of the three. The result points into the text. LT_EINVALID_JSON,
 * LT_EINVALID_INPUT (no list, too long).
 */
enum lt_code lt_fixture_read(struct lt_arena *arena, struct lt_str text, unsigned kinds, struct lt_fixture *ret, struct lt_fixture_report *report,
                             struct lt_error *err);
/* Adds a refusal; field and reason are copied. */
void lt_fixture_refuse(struct lt_arena *arena, struct lt_fixture_report *report, const struct lt_fixture_object *object, struct lt_str field,
                       struct lt_str reason);
