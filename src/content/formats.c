/* What the readers of all formats need. */
#include "content/formats.h"

const struct lt_archive_file *lt_course_file(const struct lt_archive *archive, struct lt_str root, struct lt_str name)
{
    struct lt_str plain, whole = lt_printf(archive->arena, "%.*s%.*s", LT_FMT(root), LT_FMT(name));
    const struct lt_archive_file *file = lt_archive_name(archive->arena, whole, &plain) ? lt_archive_find(archive, plain) : NULL;
    return file && file->bytes.p ? file : NULL;
}

enum lt_code lt_course_xml(struct lt_arena *arena, const struct lt_archive *archive, struct lt_str root, struct lt_str name, struct lt_xml_node **ret,
                           struct lt_error *err)
{
    const struct lt_archive_file *file = lt_course_file(archive, root, name);
    struct lt_str shown = {name.p, name.n < 200 ? name.n : lt_utf8_whole(name.p, 200)};
    *ret = NULL;
    if (!file)
        return lt_fail(err, LT_ENOT_FOUND, "%.*s: is not in the archive", LT_FMT(shown));
    return lt_xml_read(arena, file->bytes, ret, err) ? lt_error_wrap(err, "%.*s", LT_FMT(shown)) : LT_OK;
}

enum lt_code lt_course_leaf(struct lt_course_tree *tree, struct lt_arena *arena, const struct lt_archive *archive, struct lt_str root, struct lt_str name,
                            struct lt_xml_node **ret, struct lt_error *err)
{
    struct lt_error own = {0}; /* of what is left out nobody else hears */
    enum lt_code rc = lt_course_xml(arena, archive, root, name, ret, &own);
    if (rc == LT_OK)
        return LT_OK;
    if (rc != LT_ENOT_FOUND && rc != LT_EINVALID_INPUT) {
        *err = own;
        return rc;
    }
    size_t prefix = name.n + 2; /* the file stands in the warning already */
    bool named = strlen(own.detail) > prefix && memcmp(own.detail, name.p, name.n) == 0;
    lt_course_warn(tree, name, "left out: %s", named ? own.detail + prefix : own.detail);
    *ret = NULL;
    return LT_OK;
}

bool lt_course_ends(struct lt_str name, const char *const *endings, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct lt_str ending = lt_str(endings[i]);
        if (name.n > ending.n && lt_str_eq_ci((struct lt_str){name.p + name.n - ending.n, ending.n}, ending))
            return true;
    }
    return false;
}
