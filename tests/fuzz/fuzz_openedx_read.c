/*
 * What Open edX answers: any bytes through every reader. No more units and blocks than the answer has, every text is UTF-8 and within the maximum, an answer
 * that cannot be read is LT_EUPSTREAM_INVALID or too large.
 */
#include <stdlib.h>

#include "content/block_olx.h"
#include "content/openedx_read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(struct lt_str text)
{
    if (text.n > 0 && !lt_utf8_valid(text.p, text.n))
        abort();
}

static void check_code(enum lt_code rc)
{
    if (rc && rc != LT_EUPSTREAM_INVALID && rc != LT_ETOO_LARGE && rc != LT_ENOT_FOUND)
        abort();
}

static void check_content(struct lt_arena *arena, const struct lt_edx_tree *tree, enum lt_content_mode mode, struct lt_str location)
{
    struct lt_content content;
    struct lt_error err;
    size_t blocks = 0;
    enum lt_code rc = lt_edx_content(arena, tree, mode, location, &content, &err);
    check_code(rc);
    if (rc)
        return;
    for (size_t i = 0; i < content.units_n; i++) {
        blocks += content.units[i].blocks_n;
        for (size_t k = 0; k < content.units[i].blocks_n; k++)
            check_text(content.units[i].blocks[k].text);
    }
    if ((mode == LT_CONTENT_UNIT && content.units_n > 1) || blocks > lt_json_len(tree->blocks) + content.units_n)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct lt_arena *arena = lt_arena_new();
    struct lt_str body = {(const char *)data, size};
    struct lt_error err;
    struct lt_edx_tree tree;
    struct lt_course_info info = {0};
    struct lt_content_block block = {0};
    bool more;
    enum lt_code rc = lt_edx_tree_read(arena, body, &tree, &err);
    check_code(rc);
    if (rc == LT_OK) {
        for (enum lt_content_mode mode = LT_CONTENT_UNIT; mode < LT_CONTENT_MODES; mode++)
            check_content(arena, &tree, mode, LT_STR("u"));
        lt_edx_outline(arena, &tree, &info);
        lt_edx_sequence_of(&tree, LT_STR("u"));
        if (info.outline_n > lt_json_len(tree.blocks))
            abort();
    }
    check_code(lt_edx_course_read(arena, body, &info, &err));
    check_code(lt_edx_library_read(arena, body, &info, &err));
    info.outline = LT_NEW_ARRAY(arena, struct lt_outline_item, 100);
    info.outline_n = 0;
    check_code(lt_edx_library_blocks_read(arena, body, 100, &info, &more, &err));
    check_code(lt_edx_library_block_read(arena, body, &block, &err));
    block = (struct lt_content_block){0};
    check_code(lt_edx_olx_read(arena, body, LT_STR(""), &block, &err));
    check_code(lt_edx_olx_read(arena, body, LT_STR("u"), &block, &err));
    block = (struct lt_content_block){0};
    if (lt_block_olx(arena, body, &block, &err) == LT_OK) {
        check_text(block.text);
        check_text(block.answers);
    }
    lt_arena_free(arena);
    return 0;
}
