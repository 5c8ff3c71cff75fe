#include "store/pq_library.h"

#include <stddef.h>

#include "base/str.h"

struct lt_pq lt_pq;

static const struct lt_dso_function functions[] = {
#define LT_ROW(name) {#name, offsetof(struct lt_pq, name)},
    LT_PQ_FUNCTIONS(LT_ROW)
#undef LT_ROW
};

static struct lt_dso library = {.file = "libpq.so.5",
                                .without = "PostgreSQL cannot be used",
                                .functions = functions,
                                .n = LT_COUNT(functions),
                                .table = &lt_pq,
                                .mutex = PTHREAD_MUTEX_INITIALIZER};

enum lt_code lt_pq_load(struct lt_error *err)
{
    return lt_dso_load(&library, err);
}
