/* The register as a file: JSON lines or CSV, oldest call first, a window at a time, so that neither memory nor a read of the database grows with
   it. */
#pragma once
#include "core/register.h"

struct lt_register_export {
    struct lt_store *store;
    struct lt_register_filter filter; /* before_id and limit do not count */
    bool csv;
    bool content; /* also what was asked and answered: prompts, answers, partial texts, tools */
    bool cost;    /* whether costs may be seen */
    enum lt_code (*write)(void *ctx, struct lt_str text, struct lt_error *err); /* pieces of up to some 100 KB and a line; non-zero ends it */
    void *ctx;
};
/* Fiber or outside loops. LT_ESTORE, LT_EINVALID_INPUT (a state that there is not), and what write() gives. */
enum lt_code lt_register_export(const struct lt_register_export *x, struct lt_error *err);
