/* Building the tree: ids once, bounds, texts, hashes. */
#include "content/course_tree.h"

#include <openssl/evp.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/clock.h"
#include "content/encoding.h"
#include "text/html_text.h"
#include "text/json.h"
#include "text/xml_write.h"

const char *lt_course_kind_name(enum lt_course_kind kind)
{
    static const char *const names[] = {"chapter", "sequence", "unit", "block"};
    return names[kind];
}

void lt_course_tree_init(struct lt_course_tree *tree, struct lt_arena *arena, uint64_t deadline_ms)
{
    *tree = (struct lt_course_tree){.arena = arena, .format = "", .deadline_ms = deadline_ms};
    tree->course_id = tree->title = tree->language = LT_STR("");
}

/* ---- warnings ---- */

void lt_course_warn(struct lt_course_tree *tree, struct lt_str file, const char *format, ...)
{
    char text[400];
    va_list args;
    if (tree->warnings_n == LT_COURSE_WARNINGS_MAX) {
        tree->more_warnings++;
        return;
    }
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    struct lt_str reason = {text, lt_utf8_whole(text, strlen(text))};
    tree->warnings[tree->warnings_n++] = (struct lt_course_warning){lt_str_copy(tree->arena, file), lt_str_copy(tree->arena, reason)};
}

/* ---- ids ---- */

/* Where it stands in the table, or would. */
static struct lt_course_node **place_of(struct lt_course_tree *tree, struct lt_str id)
{
    size_t i = lt_hash64(LT_HASH64_START, id.p, id.n) & (tree->ids_room - 1);
    while (tree->ids[i] && !lt_str_eq(tree->ids[i]->id, id))
        i = (i + 1) & (tree->ids_room - 1);
    return &tree->ids[i];
}

const struct lt_course_node *lt_course_by_id(struct lt_course_tree *tree, struct lt_str id)
{
    return tree->ids_room > 0 ? *place_of(tree, id) : NULL;
}

static void make_room(struct lt_course_tree *tree)
{
    struct lt_course_node **old = tree->ids;
    size_t room = tree->ids_room;
    if (room > 2 * tree->n)
        return;
    tree->ids_room = room ? 2 * room : 1024;
    tree->ids = LT_NEW_ARRAY(tree->arena, struct lt_course_node *, tree->ids_room);
    for (size_t i = 0; i < room; i++)
        if (old[i])
            *place_of(tree, old[i]->id) = old[i];
}

static struct lt_str whole(struct lt_str s, size_t max)
{
    return (struct lt_str){s.p, s.n <= max ? s.n : lt_utf8_whole(s.p, max)};
}

static struct lt_str unused_id(struct lt_course_tree *tree, struct lt_str id)
{
    enum { MORE = 8 };
    struct lt_str wanted = whole(id, LT_COURSE_ID_MAX);
    if (wanted.n > 0 && !*place_of(tree, wanted))
        return lt_str_copy(tree->arena, wanted);
    wanted = whole(id, LT_COURSE_ID_MAX - MORE);
    /* the number goes on from the number of nodes after a few tries, so that many of one name do not cost their square */
    for (size_t n = 2;; n = n < 10 ? n + 1 : tree->n + n) {
        struct lt_str other = lt_printf(tree->arena, "%.*s~%zu", LT_FMT(wanted), n);
        if (!*place_of(tree, other))
            return other;
    }
}

/* ---- nodes ---- */

static int depth_of(const struct lt_course_node *node)
{
    int depth = 0;
    for (; node; node = node->parent)
        depth++;
    return depth;
}

enum lt_code lt_course_add(struct lt_course_tree *tree, struct lt_course_node *parent, enum lt_course_kind kind, struct lt_str id, struct lt_str category,
                           struct lt_str name, struct lt_course_node **ret, struct lt_error *err)
{
    *ret = NULL;
    if (tree->n == LT_COURSE_NODES_MAX)
        return lt_fail(err, LT_ETOO_LARGE, "the course has more than %d parts", LT_COURSE_NODES_MAX);
    if (depth_of(parent) > LT_COURSE_DEPTH_MAX)
        return lt_fail(err, LT_ETOO_LARGE, "the course is nested more than %d deep, at '%.*s'", LT_COURSE_DEPTH_MAX, LT_FMT(whole(id, 100)));
    if (lt_mono_ms() > tree->deadline_ms)
        return lt_fail(err, LT_ETIMEOUT, "reading the course took too long");
    struct lt_course_node *node = LT_NEW(tree->arena, struct lt_course_node);
    make_room(tree);
    *node = (struct lt_course_node){.kind = kind, .id = unused_id(tree, lt_xml_clean(tree->arena, id)), .parent = parent};
    node->category = lt_str_copy(tree->arena, whole(category, 100));
    node->name = lt_str_copy(tree->arena, whole(lt_str_trim(lt_xml_clean(tree->arena, name)), LT_COURSE_NAME_MAX));
    node->text = node->answers = node->showanswer = node->url = node->groups = LT_STR("");
    *place_of(tree, node->id) = node;
    if (parent->last)
        parent->last->next = node;
    else
        parent->first = node;
    parent->last = node;
    tree->n++;
    *ret = node;
    return LT_OK;
}

struct lt_course_node *lt_course_next(const struct lt_course_node *node)
{
    if (node->first)
        return node->first;
    while (node && !node->next)
        node = node->parent;
    return node ? node->next : NULL;
}

/* ---- texts ---- */

struct lt_str lt_course_text(struct lt_course_tree *tree, struct lt_str file, struct lt_str text)
{
    struct lt_str clean = lt_str_trim(lt_xml_clean(tree->arena, text)), cut = whole(clean, LT_COURSE_BLOCK_MAX);
    if (tree->text_bytes + cut.n > LT_COURSE_TEXT_MAX) {
        lt_course_warn(tree, file, "left out: the course has more than %d bytes of text", LT_COURSE_TEXT_MAX);
        return LT_STR("");
    }
    if (cut.n < clean.n)
        lt_course_warn(tree, file, "cut: only the first %d bytes of its text were taken", LT_COURSE_BLOCK_MAX);
    tree->text_bytes += cut.n;
    return lt_str_copy(tree->arena, cut);
}

struct lt_str lt_course_html(struct lt_course_tree *tree, struct lt_str file, struct lt_str html)
{
    struct lt_arena *scratch = lt_arena_new();
    struct lt_str utf8, text, ret = LT_STR("");
    struct lt_error err;
    if (lt_html_utf8(scratch, html, &utf8, &err) || lt_html_text(scratch, utf8, &text, &err))
        lt_course_warn(tree, file, "left out: %s", err.detail);
    else
        ret = lt_course_text(tree, file, text);
    lt_arena_free(scratch);
    return ret;
}

struct lt_str lt_course_join(struct lt_arena *arena, struct lt_str a, struct lt_str b)
{
    return a.n == 0 ? b : b.n == 0 ? a : lt_printf(arena, "%.*s\n\n%.*s", LT_FMT(a), LT_FMT(b));
}

bool lt_course_is_web(struct lt_str url)
{
    if (!lt_str_starts(url, LT_STR("http://")) && !lt_str_starts(url, LT_STR("https://")))
        return false;
    for (size_t i = 0; i < url.n; i++)
        if ((unsigned char)url.p[i] <= 0x20 || url.p[i] == 0x7f || url.p[i] == '"' || url.p[i] == '<' || url.p[i] == '>')
            return false;
    return url.n <= 2000;
}

/* ---- who sees it ---- */

void lt_course_limit_time(struct lt_course_node *node, int64_t from, int64_t until)
{
    if (from > node->from)
        node->from = from;
    if (until > 0 && (node->until == 0 || until < node->until))
        node->until = until;
}

void lt_course_limit_groups(struct lt_course_tree *tree, struct lt_course_node *node, const struct lt_str *names, size_t n)
{
    struct lt_buf out;
    struct lt_jw w;
    if (node->groups.n > 0 || n == 0) {
        node->hidden = true;
        return;
    }
    lt_buf_init(&out, 64 * 1024);
    lt_jw_init(&w, &out);
    lt_jw_arr(&w);
    for (size_t i = 0; i < n; i++)
        lt_jw_str(&w, whole(names[i], 200));
    lt_jw_end(&w);
    node->groups = out.failed ? LT_STR("[]") : lt_str_copy(tree->arena, lt_buf_str(&out));
    lt_buf_free(&out);
}

/* ---- the end ---- */

static void add_to_hash(EVP_MD_CTX *ctx, struct lt_str s)
{
    uint64_t n = s.n; /* so that "ab", "c" is not "a", "bc" */
    EVP_DigestUpdate(ctx, &n, sizeof(n));
    EVP_DigestUpdate(ctx, s.p ? s.p : "", s.n);
}

static void hash(struct lt_course_node *node, EVP_MD_CTX *ctx)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    EVP_DigestInit_ex(ctx, EVP_sha256(), NULL);
    add_to_hash(ctx, node->name);
    add_to_hash(ctx, node->text);
    add_to_hash(ctx, node->answers);
    EVP_DigestFinal_ex(ctx, digest, NULL);
    for (int i = 0; i < 32; i++)
        snprintf(node->sha256 + 2 * i, 3, "%02x", digest[i]);
}

/* What a context can name: UTF-8 without control characters. */
static bool is_id(struct lt_str id)
{
    for (size_t i = 0; i < id.n; i++)
        if ((unsigned char)id.p[i] < 0x20 || id.p[i] == 0x7f)
            return false;
    return id.n > 0 && id.n <= LT_COURSE_ID_MAX && lt_utf8_valid(id.p, id.n);
}

enum lt_code lt_course_tree_finish(struct lt_course_tree *tree, struct lt_error *err)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    int64_t position = -1;
    tree->root.position = -1;
    for (struct lt_course_node *node = lt_course_next(&tree->root); node; node = lt_course_next(node)) {
        node->position = ++position;
        for (struct lt_course_node *in = node; in; in = in->parent)
            in->ending = position;
        hash(node, ctx);
    }
    EVP_MD_CTX_free(ctx);
    if (!is_id(tree->course_id))
        return lt_fail(err, LT_EINVALID_INPUT, "the package does not say which course it is, in at most %d bytes without control characters: name one",
                       LT_COURSE_ID_MAX);
    if (tree->n == 0)
        return lt_fail(err, LT_EINVALID_INPUT, "the package holds no content");
    if (tree->title.n == 0)
        tree->title = tree->course_id;
    tree->title = lt_str_copy(tree->arena, whole(lt_str_trim(lt_xml_clean(tree->arena, tree->title)), LT_COURSE_NAME_MAX));
    tree->language = whole(tree->language, 35);
    return LT_OK;
}
