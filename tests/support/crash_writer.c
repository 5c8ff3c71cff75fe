/*
 * For tests/system/test_crash_vfs.py: adds notes until it is killed, and says which are durable.
 *
 *     crash_writer DATA_DIR SYNCHRONOUS [UNITS]
 *
 * adds notes numbered from the highest on, and prints a line with the number of each that was acknowledged.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "store/store.h"

static int die(const char *what, const struct lt_error *err)
{
    fprintf(stderr, "crash_writer: %s: %s\n", what, err->detail);
    return 1;
}

static enum lt_code highest(struct lt_store *store, long *ret, struct lt_error *err)
{
    struct lt_arena *arena = lt_arena_new();
    struct lt_rows rows;
    enum lt_code code = LT_QUERY(store, arena, &rows, err, "SELECT max(id) FROM note");
    *ret = code == LT_OK ? (long)lt_rows_int(&rows, 0, 0) : 0;
    lt_arena_free(arena);
    return code;
}

/* Keeps `AHEAD` units in flight, so that the kill meets batches in every state. */
static int write_units(struct lt_store *store, long units)
{
    enum { AHEAD = 8 };
    static struct lt_commit commits[AHEAD];
    static char text[3000];
    struct lt_error err = {0};
    memset(text, 'x', sizeof(text));
    struct lt_tx *tx = lt_tx_new();
    lt_tx_add(tx, "CREATE TABLE IF NOT EXISTS note (id BIGINT PRIMARY KEY, text TEXT NOT NULL)", NULL, 0);
    if (lt_store_write(store, tx, &err) != LT_OK)
        return die("create", &err);
    long first;
    if (highest(store, &first, &err) != LT_OK)
        return die("read", &err);
    for (long i = first + 1; i <= first + units + AHEAD; i++) {
        struct lt_commit *c = &commits[i % AHEAD];
        if (c->submitted) {
            if (lt_commit_wait(c, &err) != LT_OK)
                return die("commit", &err);
            char line[32];
            int n = snprintf(line, sizeof(line), "%ld\n", i - AHEAD);
            if (write(STDOUT_FILENO, line, (size_t)n) != n)
                return 1;
        }
        c->submitted = false;
        if (i > first + units)
            continue;
        tx = lt_tx_new();
        struct lt_str some = {text, (size_t)(i * 37) % sizeof(text)};
        LT_TX(tx, "INSERT INTO note (id, text) VALUES ($1, $2)", LT_INT(i), LT_TEXT(some));
        if (lt_store_submit(store, tx, c, &err) != LT_OK)
            return die("submit", &err);
    }
    return 0;
}

int main(int argc, char **argv)
{
    if (argc < 3 || argc > 4) {
        fputs("usage: crash_writer DATA_DIR SYNCHRONOUS [UNITS]\n", stderr);
        return 2;
    }
    struct lt_store *store;
    struct lt_error err = {0};
    if (lt_store_open(&(struct lt_store_options){.data_dir = argv[1], .synchronous = argv[2]}, &store, &err) != LT_OK)
        return die("open", &err);
    int status = write_units(store, argc > 3 ? atol(argv[3]) : 100000000);
    lt_store_close(store);
    return status;
}
