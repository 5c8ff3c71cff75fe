/* Pieces, terms, the question as the back end is asked it, who sees what, and the index of a course. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "content/chunk.h"
#include "content/fulltext.h"
#include "content/search.h"
#include "content/search_index.h"
#include "content/sources.h"
#include "core/admin.h"

#define OK(call) assert_ok((call), &err, #call)

static void assert_ok(enum lt_code rc, const struct lt_error *err, const char *call)
{
    if (rc)
        fail_msg("%s: %s (%s)", call, err->detail, err->field);
}

/* ---- pieces ---- */

static size_t chars_of(struct lt_str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        n += i == 0 || ((unsigned char)s.p[i] & 0xC0) != 0x80;
    return n;
}

/* Sentences, headings, lists, very long words, and bytes that are no UTF-8. */
static struct lt_str random_text(struct lt_arena *arena, unsigned *seed)
{
    static const char *const parts[] = {"The cell has a wall. ", "# Light and leaves\n\n", "\n\n", "¿Qué pasa en la célula? ", "- a point\n", "Energy ",
                                        "光合作用是植物。", "e.g. ", "3.14 ", "…", "\xff\xfe", "\n", "Overview\n\n", "word"};
    struct lt_buf b;
    lt_buf_init(&b, 1 << 20);
    for (int i = 0, n = rand_r(seed) % 400; i < n; i++) {
        const char *part = parts[(unsigned)rand_r(seed) % LT_COUNT(parts)];
        int times = rand_r(seed) % 40 == 0 ? 600 : 1;
        for (int k = 0; k < times; k++)
            lt_buf_put_str(&b, lt_str(part));
    }
    struct lt_str text = lt_str_copy(arena, lt_buf_str(&b));
    lt_buf_free(&b);
    return text;
}

static void check_chunks(struct lt_str text, const struct lt_chunk *chunks, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct lt_chunk *c = &chunks[i];
        struct lt_str piece = {text.p + c->at, c->n};
        assert_true(c->n > 0 && c->at + c->n <= text.n);
        assert_true(chars_of(piece) <= LT_CHUNK_CHARS_MAX);
        assert_false(((unsigned char)piece.p[0] & 0xC0) == 0x80 && lt_utf8_valid(text.p, text.n));
        assert_true(c->heading.n <= LT_CHUNK_HEADING_MAX);
        if (i == 0)
            continue;
        size_t before = chunks[i - 1].at + chunks[i - 1].n;
        assert_true(c->at > chunks[i - 1].at && c->at + c->n > before);
        if (c->at < before)
            assert_true(chars_of((struct lt_str){text.p + c->at, before - c->at}) <= LT_CHUNK_OVERLAP_CHARS);
    }
}

/* Every sentence lies in a piece, whole unless it is longer than a piece may be. */
static void check_covered(struct lt_arena *arena, struct lt_str text, const struct lt_chunk *chunks, size_t n)
{
    const struct lt_document *d;
    struct lt_error err;
    OK(lt_document_parse(arena, text, NULL, &d, &err));
    for (size_t i = 0; i < d->sentences_n; i++) {
        size_t from = (size_t)(d->sentences[i].text.p - d->text.p), to = from + d->sentences[i].text.n;
        bool long_one = chars_of(d->sentences[i].text) > LT_CHUNK_CHARS_MAX;
        for (size_t k = 0; k < n && from < to; k++)
            if (chunks[k].at <= from && from < chunks[k].at + chunks[k].n && (long_one || to <= chunks[k].at + chunks[k].n))
                from = chunks[k].at + chunks[k].n < to ? chunks[k].at + chunks[k].n : to;
        assert_true(from >= to);
    }
}

static void every_sentence_lies_in_a_piece_of_limited_size(void **state)
{
    unsigned seed = (unsigned)time(NULL);
    (void)state;
    print_message("seed %u\n", seed);
    for (int i = 0; i < 300; i++) {
        struct lt_arena *arena = lt_arena_new();
        struct lt_error err;
        struct lt_str text = random_text(arena, &seed);
        struct lt_chunk *chunks, *again;
        size_t n, again_n;
        OK(lt_chunk_text(arena, text, NULL, &chunks, &n, &err));
        check_chunks(text, chunks, n);
        check_covered(arena, text, chunks, n);
        OK(lt_chunk_text(arena, text, NULL, &again, &again_n, &err));
        assert_int_equal(n, again_n);
        for (size_t k = 0; k < n; k++)
            assert_true(chunks[k].at == again[k].at && chunks[k].n == again[k].n && lt_str_eq(chunks[k].heading, again[k].heading));
        lt_arena_free(arena);
    }
}

static void a_heading_begins_a_piece_and_names_those_under_it(void **state)
{
    struct lt_arena *arena = lt_arena_new();
    struct lt_error err;
    struct lt_buf b;
    struct lt_chunk *chunks;
    size_t n;
    (void)state;
    lt_buf_init(&b, 1 << 16);
    lt_buf_put_str(&b, LT_STR("# Roots\n\n"));
    for (int i = 0; i < 40; i++)
        lt_buf_printf(&b, "Roots take up water number %d from the soil. ", i);
    lt_buf_put_str(&b, LT_STR("\n\n# Leaves\n\nLeaves take up light.\n"));
    OK(lt_chunk_text(arena, lt_buf_str(&b), lt_language_find(LT_STR("en")), &chunks, &n, &err));
    assert_true(n >= 3);
    for (size_t i = 0; i + 1 < n; i++)
        assert_non_null(memmem(chunks[i].heading.p, chunks[i].heading.n, "Roots", 5));
    assert_non_null(memmem(chunks[n - 1].heading.p, chunks[n - 1].heading.n, "Leaves", 6));
    assert_null(memmem(b.p + chunks[n - 1].at, chunks[n - 1].n, "soil", 4));
    assert_true(chunks[1].at < chunks[0].at + chunks[0].n); /* a sentence stands in both */
    lt_buf_free(&b);
    lt_arena_free(arena);
}

/* ---- terms and the question ---- */

static struct lt_str terms_of(struct lt_arena *arena, const char *text, const char *language)
{
    struct lt_error err;
    struct lt_str *terms, joined = LT_STR("");
    size_t n;
    OK(lt_search_terms(arena, lt_str(text), lt_str(language), &terms, &n, &err));
    for (size_t i = 0; i < n; i++)
        joined = lt_printf(arena, "%.*s%s%.*s", LT_FMT(joined), i ? " " : "", LT_FMT(terms[i]));
    return joined;
}

static void words_become_the_same_terms_however_they_are_written(void **state)
{
    static const struct {
        const char *text, *language, *terms;
    } cases[] = {
        {"The plants' LEAVES", "en", "plant leav"},
        {"a leaf, or leaves?", "en", "leaf leav"},
        {"don't", "en", ""},
        {"the p-value of 0.05", "en", "p valu 005"},
        {"Cómo obtienen energía las células", "es", "obtien energ celul"},
        {"CELULA célula", "es", "celul celul"},
        {"what who and the", "en", ""},
        {"Straße strasse", "de", "strass strass"},
        {"l'eau", "fr", "eau"},
        {"x AND (y OR \"z\") NEAR* NOT ^a {b} col:c -- ';", "en", "x y z near b col c"},
        {"", "en", ""},
    };
    struct lt_arena *arena = lt_arena_new();
    (void)state;
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        struct lt_str terms = terms_of(arena, cases[i].text, cases[i].language);
        if (!lt_str_is(terms, cases[i].terms))
            fail_msg("%s (%s): '%.*s', not '%s'", cases[i].text, cases[i].language, LT_FMT(terms), cases[i].terms);
    }
    lt_arena_free(arena);
}

static void a_page_in_another_language_meets_questions_in_it(void **state)
{
    struct lt_arena *arena = lt_arena_new();
    (void)state;
    struct lt_str page = terms_of(arena, "Las células obtienen la energía que necesitan de los alimentos en la respiración.", "en");
    struct lt_str question = terms_of(arena, "¿De dónde obtiene una célula la energía?", "en");
    assert_non_null(memmem(page.p, page.n, "celul", 5));
    assert_non_null(memmem(question.p, question.n, "celul", 5));
    lt_arena_free(arena);
}

static void the_back_end_is_asked_for_plain_terms_only(void **state)
{
    struct lt_arena *arena = lt_arena_new();
    const struct lt_str terms[] = {LT_STR("leaf"), LT_STR("a\"b"), LT_STR("x y"), LT_STR("NEAR"), LT_STR("caf\xc3\xa9"), LT_STR("a*"), LT_STR("")};
    (void)state;
    struct lt_str ret = lt_fulltext_expression(arena, 7, terms, LT_COUNT(terms));
    assert_true(lt_str_is(ret, "course : \"7\" AND {names terms} : (\"leaf\" OR \"caf\xc3\xa9\")"));
    assert_int_equal(lt_fulltext_expression(arena, 7, terms + 1, 1).n, 0);
    lt_arena_free(arena);
}

/* ---- a stored course ---- */

#define COURSE "course-v1:S+E+A"

struct world {
    char dir[64];
    struct lt_arena *arena;
    struct lt_store *store;
    struct lt_manager *manager;
    struct lt_site site, other;
    struct lt_caller learner, teacher;
};

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof(*w));
    struct lt_error err;
    w->arena = lt_arena_new();
    strcpy(w->dir, "/tmp/lectern-search-XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    OK(lt_store_open(&(struct lt_store_options){.data_dir = w->dir}, &w->store, &err));
    OK(lt_admin_site_add(w->store, LT_STR("one"), LT_STR("One"), &err));
    OK(lt_admin_site_add(w->store, LT_STR("two"), LT_STR("Two"), &err));
    OK(lt_fulltext_prepare(w->store, &err));
    OK(lt_fulltext_prepare(w->store, &err)); /* it is there already */
    w->manager = lt_manager_new(&(struct lt_manager_options){.store = w->store});
    w->site = (struct lt_site){.id = 1, .slug = LT_STR("one"), .enabled = true};
    w->other = (struct lt_site){.id = 2, .slug = LT_STR("two"), .enabled = true};
    w->learner = (struct lt_caller){.site = &w->site, .user_id = LT_STR("lea"), .roles = 1u << LT_ROLE_STUDENT, .is_user = true};
    w->teacher = (struct lt_caller){.site = &w->site, .user_id = LT_STR("tom"), .roles = 1u << LT_ROLE_TEACHER, .is_user = true};
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    char command[128];
    lt_clock_freeze(0);
    lt_manager_free(w->manager);
    lt_store_close(w->store);
    lt_arena_free(w->arena);
    snprintf(command, sizeof(command), "rm -r %s", w->dir);
    assert_int_equal(system(command), 0);
    free(w);
    return 0;
}

struct part {
    const char *kind, *id, *name, *text;
    int parent;
    bool hidden;
    int64_t from, until;
    const char *groups;
    const char *sha256;
};

static void put_course(struct world *w, int64_t site, int64_t revision, const struct part *parts, size_t n)
{
    struct lt_error err;
    struct lt_tx *tx = lt_tx_new();
    LT_TX(tx,
          "INSERT INTO course (site_id, course_id, title, language, format, sha256, revision, imported_at) VALUES ($1, $2, 'T', 'en', 'olx', '', 0, 1) "
          "ON CONFLICT (site_id, course_id) DO NOTHING",
          LT_INT(site), LT_TEXTZ(COURSE));
    for (size_t i = 0; i < n; i++)
        LT_TX(tx,
              "INSERT INTO course_block (course, revision, position, parent, kind, block_id, category, display_name, text, url, hidden, visible_from, "
              "visible_until, groups, sha256) SELECT id, $1, $2, $3, $4, $5, 'html', $6, $7, '', $8, $9, $10, $11, $12 FROM course WHERE site_id = $13",
              LT_INT(revision), LT_INT(i), LT_INT(parts[i].parent), LT_TEXTZ(parts[i].kind), LT_TEXTZ(parts[i].id), LT_TEXTZ(parts[i].name),
              LT_TEXTZ(parts[i].text ? parts[i].text : ""), LT_INT(parts[i].hidden), LT_INT(parts[i].from), LT_INT(parts[i].until),
              LT_TEXTZ(parts[i].groups ? parts[i].groups : ""), LT_TEXTZ(parts[i].sha256 ? parts[i].sha256 : parts[i].id), LT_INT(site));
    LT_TX(tx, "UPDATE course SET revision = $1 WHERE site_id = $2", LT_INT(revision), LT_INT(site));
    OK(lt_store_write(w->store, tx, &err));
}

static void index_it(struct world *w, struct lt_site *site)
{
    struct lt_error err;
    struct lt_stored_course course;
    const struct lt_index_work work = {.store = w->store, .site = site};
    OK(lt_stored_course_find(w->store, w->arena, site->id, LT_STR(COURSE), &course, &err));
    OK(lt_index_course(&work, &course, &err));
}

/* Ids of the blocks that are found, in their order, with spaces between. */
static const char *found(struct world *w, const struct lt_caller *caller, const char *question, const char *location, int limit)
{
    struct lt_error err;
    struct lt_search_result result;
    struct lt_str ids = LT_STR("");
    const struct lt_search search = {.arena = w->arena, .store = w->store, .manager = w->manager, .caller = caller, .course_id = LT_STR(COURSE),
                                     .location_id = lt_str(location), .placement = LT_STR(""), .text = lt_str(question), .limit = limit};
    enum lt_code rc = lt_search_course(&search, &result, &err);
    if (rc)
        return lt_code_name(rc);
    for (size_t i = 0; i < result.n; i++)
        ids = lt_printf(w->arena, "%.*s%s%.*s", LT_FMT(ids), i ? " " : "", LT_FMT(result.hits[i].block_id));
    return lt_strz(w->arena, ids);
}

static int64_t count(struct world *w, const char *sql)
{
    struct lt_error err;
    struct lt_rows r;
    OK(lt_store_query(w->store, w->arena, sql, NULL, 0, 0, &r, &err));
    return lt_rows_int(&r, 0, 0);
}

static const struct part garden[] = {
    {"sequence", "s1", "Green", NULL, -1, false, 0, 0, NULL, NULL},
    {"unit", "u1", "Plants", NULL, 0, false, 0, 0, NULL, NULL},
    {"block", "b1", "Leaves", "A leaf catches light with chlorophyll.", 1, false, 0, 0, NULL, NULL},
    {"block", "b2", "Roots", "Roots take water from the soil. They hold the plant.", 1, false, 0, 0, NULL, NULL},
    {"unit", "u2", "Teachers only", NULL, 0, true, 0, 0, NULL, NULL},
    {"block", "b3", "Key", "The answer key: chlorophyll is green.", 4, false, 0, 0, NULL, NULL},
    {"unit", "u3", "Later", NULL, 0, false, 2000, 3000, NULL, NULL},
    {"block", "b4", "Exam", "In the exam chlorophyll is asked for.", 6, false, 0, 0, NULL, NULL},
    {"unit", "u4", "Group A", NULL, 0, false, 0, 0, NULL, NULL},
    {"block", "b5", "Extra", "Chlorophyll for group A alone.", 8, false, 0, 0, "[\"A\"]", NULL},
};

static void nobody_finds_what_they_may_not_see(void **state)
{
    struct world *w = *state;
    struct lt_caller elsewhere = w->learner, bound = w->learner;
    elsewhere.site = &w->other;
    bound.only_course = LT_STR("course-v1:An+Other+One");
    put_course(w, 1, 1, garden, LT_COUNT(garden));
    index_it(w, &w->site);
    lt_clock_freeze(1000);
    assert_string_equal(found(w, &w->learner, "What does chlorophyll do?", "", 10), "b1");
    assert_string_equal(found(w, &w->learner, "chlorophyll", "", 1), "b1"); /* what is hidden takes no place */
    lt_clock_freeze(2000);
    const char *during = found(w, &w->learner, "chlorophyll", "", 10);
    assert_true(strstr(during, "b4") && strstr(during, "b1") && !strstr(during, "b3") && !strstr(during, "b5"));
    lt_clock_freeze(3000);
    assert_string_equal(found(w, &w->learner, "chlorophyll", "", 10), "b1");
    const char *all = found(w, &w->teacher, "chlorophyll", "", 10);
    for (const char *const *id = (const char *const[]){"b1", "b3", "b4", "b5", NULL}; *id; id++)
        assert_non_null(strstr(all, *id));
    assert_string_equal(found(w, &w->learner, "chlorophyll", "u2", 10), "not_found"); /* a hidden place is none */
    assert_string_equal(found(w, &w->learner, "chlorophyll roots", "u3", 10), "not_found");
    assert_string_equal(found(w, &elsewhere, "chlorophyll", "", 10), "not_found");
    assert_string_equal(found(w, &bound, "chlorophyll", "", 10), "not_found");
}

static void a_place_narrows_the_search(void **state)
{
    struct world *w = *state;
    put_course(w, 1, 1, garden, LT_COUNT(garden));
    index_it(w, &w->site);
    assert_string_equal(found(w, &w->teacher, "chlorophyll", "u4", 10), "b5");
    assert_string_equal(found(w, &w->teacher, "chlorophyll", "b3", 10), "b3");
    assert_string_equal(found(w, &w->teacher, "where does water come from", "s1", 10), "b2");
    assert_string_equal(found(w, &w->teacher, "water", "u4", 10), "");
    assert_string_equal(found(w, &w->teacher, "water", "nowhere", 10), "not_found");
    assert_string_equal(found(w, &w->teacher, "?!", "", 10), "");
}

/* Whether or not two courses hold the same words, each search sees its own. */
static struct lt_str chosen(struct world *w, const char *const words[], size_t n)
{
    struct lt_error err;
    struct lt_str terms[LT_FULLTEXT_TERMS_MAX], *ret, text = LT_STR("");
    size_t ret_n;
    for (size_t i = 0; i < n; i++)
        terms[i] = lt_str(words[i]);
    OK(lt_fulltext_choose(w->store, w->arena, 1, terms, n, &ret, &ret_n, &err));
    for (size_t i = 0; i < ret_n; i++)
        text = lt_printf(w->arena, "%.*s%s%.*s", LT_FMT(text), i ? " " : "", LT_FMT(ret[i]));
    return text;
}

/* One piece more than is ranked, all with the words `all` and `every`; one in a hundred has `some`, the last one `last`. */
static void words_that_stand_everywhere_are_passed_over_for_rarer_ones(void **state)
{
    static const char *const words[] = {"all", "last", "nowhere", "every", "some"}, *const common[] = {"all", "every"};
    struct world *w = *state;
    struct lt_error err;
    struct lt_tx *tx = lt_tx_new();
    LT_TX(tx,
          "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i <= $1) "
          "INSERT INTO course_chunk (course, block_id, sha256, unit_name, seq, begins, bytes, heading, names, terms) SELECT 1, 'b' || i, 'x', '', 0, 0, 1, '', '', "
          "'all every' || CASE i % 100 WHEN 0 THEN ' some' ELSE '' END || CASE i WHEN $1 + 1 THEN ' last' ELSE '' END FROM n",
          LT_INT(LT_FULLTEXT_ROWS_MAX));
    LT_TX(tx, "INSERT INTO course_fulltext(rowid, course, names, terms) SELECT id, course, names, terms FROM course_chunk");
    OK(lt_store_write(w->store, tx, &err));
    assert_string_equal(lt_strz(w->arena, chosen(w, words, LT_COUNT(words))), "last some");
    assert_string_equal(lt_strz(w->arena, chosen(w, common, LT_COUNT(common))), "all");

    struct lt_str all = LT_STR("all"), last[] = {LT_STR("all"), LT_STR("last")};
    struct lt_fulltext_hit *hits;
    size_t n;
    OK(lt_fulltext_search(w->store, w->arena, 1, 1, &all, 1, LT_FULLTEXT_ROWS_MAX - 3, 10, &hits, &n, &err));
    assert_int_equal(n, 3); /* no more than so many are ranked */
    OK(lt_fulltext_search(w->store, w->arena, 1, 1, &last[1], 1, 0, 10, &hits, &n, &err));
    assert_int_equal(n, 1);
}

static void sites_are_apart(void **state)
{
    struct world *w = *state;
    static const struct part other[] = {{"block", "x1", "Page", "Chlorophyll elsewhere.", -1, false, 0, 0, NULL, NULL}};
    struct lt_caller there = w->teacher;
    there.site = &w->other;
    put_course(w, 1, 1, garden, LT_COUNT(garden));
    put_course(w, 2, 1, other, 1);
    index_it(w, &w->site);
    index_it(w, &w->other);
    assert_string_equal(found(w, &there, "chlorophyll", "", 10), "x1");
    assert_null(strstr(found(w, &w->teacher, "chlorophyll", "", 10), "x1"));
}

static void only_what_has_changed_is_indexed_again(void **state)
{
    struct world *w = *state;
    static const struct part next[] = {
        {"unit", "u1", "Plants", NULL, -1, false, 0, 0, NULL, NULL},
        {"block", "b1", "Leaves", "A leaf catches light with chlorophyll.", 0, false, 0, 0, NULL, NULL},
        {"block", "b2", "Roots", "Roots breathe, too.", 0, false, 0, 0, NULL, "changed"},
        {"block", "b6", "Stems", "Stems carry water.", 0, false, 0, 0, NULL, NULL},
    };
    put_course(w, 1, 1, garden, LT_COUNT(garden));
    index_it(w, &w->site);
    assert_int_equal(count(w, "SELECT count(*) FROM course_chunk"), 5);
    int64_t kept = count(w, "SELECT id FROM course_chunk WHERE block_id = 'b1'"), last = count(w, "SELECT max(id) FROM course_chunk");
    put_course(w, 1, 2, next, LT_COUNT(next));
    assert_string_equal(found(w, &w->teacher, "water", "", 10), ""); /* what is no more is not found, also before the index is made */
    assert_string_equal(found(w, &w->teacher, "light", "", 10), "b1");
    index_it(w, &w->site);
    assert_int_equal(count(w, "SELECT id FROM course_chunk WHERE block_id = 'b1'"), kept);
    assert_int_equal(count(w, "SELECT count(*) FROM course_chunk WHERE id > 0"), 3);
    assert_true(count(w, "SELECT min(id) FROM course_chunk WHERE block_id IN ('b2', 'b6')") > last);
    assert_string_equal(found(w, &w->teacher, "water", "", 10), "b6");
    assert_string_equal(found(w, &w->teacher, "breathing", "", 10), "b2");
    assert_int_equal(count(w, "SELECT count(*) FROM course_fulltext WHERE course_fulltext MATCH '\"soil\"'"), 0);
}

static void a_broken_off_index_goes_on(void **state)
{
    struct world *w = *state;
    struct lt_error err;
    put_course(w, 1, 1, garden, LT_COUNT(garden));
    index_it(w, &w->site);
    struct lt_tx *tx = lt_tx_new(); /* as if it had ended behind the first blocks */
    lt_fulltext_remove(w->store, tx, 1, LT_STR("b5"));
    LT_TX(tx, "DELETE FROM course_chunk WHERE block_id = 'b5'");
    LT_TX(tx, "DELETE FROM course_index");
    OK(lt_store_write(w->store, tx, &err));
    int64_t kept = count(w, "SELECT id FROM course_chunk WHERE block_id = 'b4'");
    index_it(w, &w->site);
    assert_int_equal(count(w, "SELECT id FROM course_chunk WHERE block_id = 'b4'"), kept);
    assert_string_equal(found(w, &w->teacher, "group", "", 10), "b5");
}

static void a_forgotten_index_leaves_nothing(void **state)
{
    struct world *w = *state;
    struct lt_error err;
    put_course(w, 1, 1, garden, LT_COUNT(garden));
    index_it(w, &w->site);
    struct lt_tx *tx = lt_tx_new();
    lt_index_forget(w->store, tx, 1);
    OK(lt_store_write(w->store, tx, &err));
    assert_int_equal(count(w, "SELECT count(*) FROM course_fulltext WHERE course_fulltext MATCH '\"chlorophyl\" OR \"water\"'"), 0);
    assert_int_equal(count(w, "SELECT (SELECT count(*) FROM course_chunk) + (SELECT count(*) FROM course_index)"), 0);
    index_it(w, &w->site);
    assert_string_equal(found(w, &w->teacher, "water", "", 10), "b2");
}

static void quotes_end_at_a_word(void **state)
{
    struct lt_arena *arena = lt_arena_new();
    struct lt_buf b;
    (void)state;
    assert_true(lt_str_is(lt_search_quote(arena, LT_STR("  One\n\ntwo\t three ")), "One two three"));
    lt_buf_init(&b, 4096);
    for (int i = 0; i < 100; i++)
        lt_buf_put_str(&b, LT_STR("größer "));
    struct lt_str quote = lt_search_quote(arena, lt_buf_str(&b));
    assert_true(lt_str_ends(quote, LT_STR("größer…")));
    assert_true(chars_of(quote) <= LT_SEARCH_QUOTE_MAX + 1);
    lt_buf_free(&b);
    lt_arena_free(arena);
}

/* ---- citations ---- */

static struct lt_sources *two_sources(struct lt_arena *arena)
{
    struct lt_sources *s = LT_NEW(arena, struct lt_sources);
    const struct lt_search_hit first = {.chunk = 7, .unit_id = LT_STR("u"), .unit_name = LT_STR("A [unit](x)"), .block_id = LT_STR("b"),
                                        .block_name = LT_STR("Block"), .url = LT_STR("https://lms.example/b"), .quote = LT_STR("Q")};
    struct lt_search_hit second = first;
    second.chunk = 8;
    second.url = LT_STR("javascript:alert(1)");
    assert_int_equal(lt_sources_add(s, LT_STR(COURSE), &first), 1);
    assert_int_equal(lt_sources_add(s, LT_STR(COURSE), &second), 2);
    assert_int_equal(lt_sources_add(s, LT_STR(COURSE), &first), 1); /* it is there already */
    return s;
}

static const struct {
    const char *said, *shown;
    bool cited[2];
} answers[] = {
    {"Leaves are green [1].", "Leaves are green [1].", {true, false}},
    {"Leaves are green [3].", "Leaves are green.", {false, false}},
    {"Both [1, 2] and [2][1].", "Both [1, 2] and [2][1].", {true, true}},
    {"Some [2,9, 77].", "Some [2].", {false, true}},
    {"None [0] [99][100].", "None.", {false, false}},
    {"In [2024] it was.", "In [2024] it was.", {false, false}},
    {"A [link] and [ ] and [x1].", "A [link] and [ ] and [x1].", {false, false}},
    {"Code `a[5]` and [5].", "Code `a[5]` and.", {false, false}},
    {"```\na[5]\n\n[6]\n``` [1]", "```\na[5]\n\n[6]\n``` [1]", {true, false}},
    {"A lone ` here.\n\nThen [9].", "A lone ` here.\n\nThen.", {false, false}},
    {"It ends [", "It ends [", {false, false}},
    {"It ends [1", "It ends [1", {false, false}},
    {"[9]", "", {false, false}},
    {"[ 1 ]", "[1]", {true, false}},
    {"[99999999999999999999999999999999999]", "[99999999999999999999999999999999999]", {false, false}},
    {"[1111111111111111111111111111111111111111111111111111111]", "[1111111111111111111111111111111111111111111111111111111]", {false, false}},
    {"  spaced  [1]  out ", "  spaced  [1]  out ", {true, false}},
};

static struct lt_str in_pieces(struct lt_arena *arena, struct lt_sources *sources, struct lt_str text, unsigned *seed)
{
    struct lt_cite cite = {.sources = sources};
    struct lt_buf out;
    lt_buf_init(&out, 1 << 16);
    while (text.n > 0) {
        size_t n = (unsigned)rand_r(seed) % 4;
        n = n > text.n ? text.n : n;
        lt_cite_feed(&cite, (struct lt_str){text.p, n}, &out);
        text = (struct lt_str){text.p + n, text.n - n};
    }
    lt_cite_end(&cite, &out);
    struct lt_str ret = lt_str_copy(arena, lt_buf_str(&out));
    lt_buf_free(&out);
    return ret;
}

static void markers_that_name_no_passage_are_taken_out_however_the_answer_is_cut(void **state)
{
    unsigned seed = (unsigned)time(NULL);
    struct lt_arena *arena = lt_arena_new();
    (void)state;
    print_message("seed %u\n", seed);
    for (size_t i = 0; i < LT_COUNT(answers); i++)
        for (int round = 0; round < 50; round++) {
            struct lt_sources *s = two_sources(arena);
            struct lt_str said = lt_str(answers[i].said), shown = round ? in_pieces(arena, s, said, &seed) : lt_cite_text(arena, s, said);
            if (!lt_str_is(shown, answers[i].shown))
                fail_msg("'%s' became '%.*s', not '%s'", answers[i].said, LT_FMT(shown), answers[i].shown);
            assert_true(s->list[0].cited == answers[i].cited[0] && s->list[1].cited == answers[i].cited[1]);
        }
    lt_arena_free(arena);
}

static void the_list_under_an_answer_holds_what_was_cited(void **state)
{
    struct lt_arena *arena = lt_arena_new();
    struct lt_sources *s = two_sources(arena);
    (void)state;
    assert_int_equal(lt_sources_markdown(arena, s).n, 0);
    lt_cite_text(arena, s, LT_STR("[1]"));
    struct lt_str one = lt_sources_markdown(arena, s);
    assert_true(lt_str_is(one, "\n\n\\[1\\] [A \\[unit\\]\\(x\\), Block](https://lms.example/b)"));
    lt_cite_text(arena, s, LT_STR("[2]"));
    struct lt_str two = lt_sources_markdown(arena, s);
    assert_null(memmem(two.p, two.n, "javascript", 10)); /* no address that a page may not open */
    lt_arena_free(arena);
}

static void passages_are_left_out_whole_where_they_do_not_fit(void **state)
{
    struct lt_arena *arena = lt_arena_new();
    struct lt_search_hit hits[3] = {{.chunk = 1, .block_name = LT_STR("One"), .text = LT_STR("0123456789")},
                                    {.chunk = 2, .block_name = LT_STR("Two"), .text = LT_STR("0123456789")},
                                    {.chunk = 3, .block_name = LT_STR("Three"), .text = LT_STR("0123")}};
    const struct lt_search_result found = {.hits = hits, .n = 3};
    struct lt_sources *s = LT_NEW(arena, struct lt_sources);
    (void)state;
    assert_true(lt_str_is(lt_sources_text(arena, s, LT_STR("c"), &found, 15), "[1] One\n0123456789\n\n[2] Three\n0123"));
    s = LT_NEW(arena, struct lt_sources);
    assert_true(lt_str_is(lt_sources_text(arena, s, LT_STR("c"), &found, 4), "[1] One\n0123"));
    lt_arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_sentence_lies_in_a_piece_of_limited_size),
        cmocka_unit_test(a_heading_begins_a_piece_and_names_those_under_it),
        cmocka_unit_test(words_become_the_same_terms_however_they_are_written),
        cmocka_unit_test(a_page_in_another_language_meets_questions_in_it),
        cmocka_unit_test(the_back_end_is_asked_for_plain_terms_only),
        cmocka_unit_test(quotes_end_at_a_word),
        cmocka_unit_test(markers_that_name_no_passage_are_taken_out_however_the_answer_is_cut),
        cmocka_unit_test(the_list_under_an_answer_holds_what_was_cited),
        cmocka_unit_test(passages_are_left_out_whole_where_they_do_not_fit),
        cmocka_unit_test_setup_teardown(nobody_finds_what_they_may_not_see, setup, teardown),
        cmocka_unit_test_setup_teardown(a_place_narrows_the_search, setup, teardown),
        cmocka_unit_test_setup_teardown(words_that_stand_everywhere_are_passed_over_for_rarer_ones, setup, teardown),
        cmocka_unit_test_setup_teardown(sites_are_apart, setup, teardown),
        cmocka_unit_test_setup_teardown(only_what_has_changed_is_indexed_again, setup, teardown),
        cmocka_unit_test_setup_teardown(a_broken_off_index_goes_on, setup, teardown),
        cmocka_unit_test_setup_teardown(a_forgotten_index_leaves_nothing, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
