/* What all databases share. */
#include "store/db.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"

enum lt_code lt_db_int(struct lt_db *db, const char *sql, const struct lt_value *values, size_t n, int64_t *ret, struct lt_error *err)
{
    struct lt_arena *arena = lt_arena_new();
    struct lt_rows rows;
    enum lt_code code = lt_db_query(db, arena, sql, values, n, 1, &rows, err);
    *ret = code == LT_OK && rows.rows > 0 ? lt_rows_int(&rows, 0, 0) : 0;
    lt_arena_free(arena);
    return code;
}

uint64_t lt_db_key(const char *sql)
{
    enum { TWIST = 32 };
    static const uint64_t odd = 0x9e3779b97f4a7c15u; /* 2⁶⁴ / the golden ratio (Knuth, TAOCP 3, 6.4) */
    size_t n = strlen(sql);
    uint64_t h = n * odd;
    for (; n > 0;) {
        uint64_t word = 0;
        size_t part = n < sizeof(word) ? n : sizeof(word);
        memcpy(&word, sql, part);
        h = (h ^ word) * odd;
        h ^= h >> TWIST;
        sql += part;
        n -= part;
    }
    return h;
}

static size_t count(const char *sql, const char *word)
{
    size_t n = 0;
    for (const char *p = strstr(sql, word); p; p = strstr(p + 1, word))
        n++;
    return n;
}

char *lt_db_expand(const char *sql, const struct lt_db_word *words, size_t n)
{
    size_t found = 0, longest = 0;
    for (size_t w = 0; w < n; w++) {
        found += count(sql, words[w].word);
        if (strlen(words[w].text) > longest)
            longest = strlen(words[w].text);
    }
    if (found == 0)
        return NULL;
    char *text = malloc(strlen(sql) + found * longest + 1), *out = text;
    if (!text)
        lt_out_of_memory(0);
    while (*sql) {
        size_t w = 0;
        while (w < n && strncmp(sql, words[w].word, strlen(words[w].word)) != 0)
            w++;
        if (w == n) {
            *out++ = *sql++;
        } else {
            out = mempcpy(out, words[w].text, strlen(words[w].text));
            sql += strlen(words[w].word);
        }
    }
    *out = '\0';
    return text;
}
