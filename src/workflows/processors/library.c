/*
 * Questions as a collection of a content library: the files of an OLX library, as Studio writes and reads them in a package. Whoever has no
 * way into a library takes them from the session.
 */
#include "workflows/processors/library.h"

#include "base/secret.h"
#include "text/xml_write.h"
#include "workflows/orchestrator.h"

const struct lt_processor lt_library_processor = {"ContentLibraryProcessor", NULL};

/* What Open edX takes in a key (opaque keys: Locator.ALLOWED_ID_CHARS), of ASCII. */
static bool is_name(struct lt_str s)
{
    bool ok = s.n > 0;
    for (size_t i = 0; i < s.n && ok; i++)
        ok = s.p[i] && strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-~.", s.p[i]);
    return ok;
}

/* "lib:ORG:NAME", as keys of libraries are written; what is none of these names no organisation. */
static void split_key(struct lt_str key, struct lt_str *ret_org, struct lt_str *ret_name)
{
    struct lt_str kind = lt_str_cut(&key, ':'), org = lt_str_cut(&key, ':');
    bool whole = lt_str_is(kind, "lib") && is_name(org) && is_name(key);
    *ret_org = whole ? org : LT_STR("lectern");
    *ret_name = whole ? key : LT_STR("questions");
}

/*
 * 32 hexadecimal digits, as Studio names its blocks, of the question itself: importing a collection again gives the same blocks, and another
 * question never takes the place of one. n: how many such questions stand before it.
 */
static struct lt_str block_name(struct lt_arena *arena, struct lt_str olx, size_t n)
{
    uint8_t hash[32];
    char *name = lt_alloc(arena, 33);
    struct lt_str text = n > 0 ? lt_printf(arena, "%zu %.*s", n, LT_FMT(olx)) : olx;
    lt_sha256(text.p, text.n, hash);
    lt_hex(hash, 16, name);
    return (struct lt_str){name, 32};
}

static size_t count_same(const struct lt_format_file *files, size_t n)
{
    size_t same = 0;
    for (size_t i = 0; i < n; i++)
        same += lt_str_eq(files[i].text, files[n].text);
    return same;
}

static enum lt_code write_index(struct lt_arena *arena, const struct lt_library_collection *c, const struct lt_str *names, struct lt_str *ret,
                                struct lt_error *err)
{
    struct lt_str org, name;
    struct lt_xml xml;
    split_key(c->library_id, &org, &name);
    lt_xml_begin(&xml, arena);
    lt_xml_open(&xml, "library");
    lt_xml_attrz(&xml, "xblock-family", "xblock.v1");
    lt_xml_attr(&xml, "display_name", c->name);
    lt_xml_attr(&xml, "org", org);
    lt_xml_attr(&xml, "library", name);
    for (size_t i = 0; i < c->questions_n; i++) {
        lt_xml_open(&xml, "problem");
        lt_xml_attr(&xml, "url_name", names[i]);
        lt_xml_close(&xml);
    }
    lt_xml_close(&xml);
    return lt_xml_end(&xml, ret, err);
}

enum lt_code lt_library_files(struct lt_arena *arena, const struct lt_library_collection *c, struct lt_format_file **ret, size_t *ret_n,
                              struct lt_error *err)
{
    struct lt_format_file *files = LT_NEW_ARRAY(arena, struct lt_format_file, c->questions_n + 2);
    struct lt_str *names = LT_NEW_ARRAY(arena, struct lt_str, c->questions_n);
    for (size_t i = 0; i < c->questions_n; i++) {
        if (lt_question_olx(arena, &c->questions[i], &files[i + 1].text, err))
            return lt_error_under(err, lt_strz(arena, lt_printf(arena, "/%zu", i)));
        names[i] = block_name(arena, files[i + 1].text, count_same(files + 1, i));
        files[i + 1].path = lt_printf(arena, "library/problem/%.*s.xml", LT_FMT(names[i]));
    }
    files[0].path = LT_STR("library/library.xml");
    files[c->questions_n + 1] = (struct lt_format_file){LT_STR("library/policies/assets.json"), LT_STR("{}")};
    *ret = files;
    *ret_n = c->questions_n + 2;
    return write_index(arena, c, names, &files[0].text, err);
}
