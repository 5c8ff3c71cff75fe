/* The inventory, for people and for the test that compares it with the database. */
#include "privacy/inventory.h"
#include "privacy/privacy.h"
#include "text/json.h"

static void put_words(struct lt_jw *w, const char *key, const char *words)
{
    struct lt_str rest = lt_str(words);
    lt_jw_key(w, key);
    lt_jw_arr(w);
    while (rest.n > 0)
        lt_jw_str(w, lt_str_cut(&rest, ' '));
    lt_jw_end(w);
}

/* "detail = '', partial = ''": the names. */
static void put_blanked(struct lt_jw *w, const char *set)
{
    struct lt_str rest = lt_str(set);
    lt_jw_key(w, "blanked");
    lt_jw_arr(w);
    while (rest.n > 0) {
        struct lt_str one = lt_str_trim(lt_str_cut(&rest, ','));
        lt_jw_str(w, lt_str_cut(&one, ' '));
    }
    lt_jw_end(w);
}

void lt_privacy_metadata(struct lt_jw *w)
{
    lt_jw_arr(w);
    for (size_t i = 0; i < lt_privacy_tables_n; i++) {
        const struct lt_privacy_table *t = &lt_privacy_tables[i];
        lt_jw_obj(w);
        lt_jw_kstrz(w, "table", t->table);
        lt_jw_kbool(w, "personal", t->of != LT_OF_NOBODY);
        lt_jw_kstrz(w, "what", t->what);
        lt_jw_kstr_nonempty(w, "kept", lt_str(t->kept ? t->kept : ""));
        lt_jw_kstrz(w, "erasure", lt_privacy_erasure(t));
        lt_jw_kbool(w, "exported", t->of != LT_OF_NOBODY && !t->only_erased);
        if (t->set) {
            put_blanked(w, t->set);
            put_words(w, "stays", t->stays);
        }
        put_words(w, "not_exported", t->hidden);
        lt_jw_end(w);
    }
    lt_jw_end(w);
}
