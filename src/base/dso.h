/*
 * Libraries that are loaded when they are first needed: those that bring many others along, which would cost each process some MiB. The functions
 * that are used stand in a list, from which the table of pointers and the rows to fill it by are made:
 *
 *     #define LT_GD_FUNCTIONS(X) X(gdFree) X(gdImageCopy)
 *     struct lt_gd { LT_DSO_MEMBERS(LT_GD_FUNCTIONS) };
 */
#pragma once
#include <pthread.h>

#include "base/error.h"

struct lt_dso_function {
    const char *name;
    size_t offset; /* of its pointer in the table */
};

struct lt_dso {
    const char *file; /* as the linker knows it */
    const char *without; /* what is not possible without it, for an error */
    const struct lt_dso_function *functions;
    size_t n;
    void *table; /* pointers to functions alone; stays as it is once it is filled */
    pthread_mutex_t mutex;
    bool loaded;
};

#define LT_DSO_MEMBER(name) __typeof__(name) *name;
#define LT_DSO_MEMBERS(list) list(LT_DSO_MEMBER)

/*
 * Fills the table when it has not been; the library stays until the process ends. LT_ECONFIG when it or a function of it is not there. Any thread;
 * it reads files the first time.
 */
enum lt_code lt_dso_load(struct lt_dso *d, struct lt_error *err);
