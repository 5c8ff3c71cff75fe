/*
 * Texts of blocks in pieces that are searched and quoted. A piece is made of whole sentences, never reaches over its block's border, and knows the
 * heading that it stands under. Pure computation, deterministic, any thread.
 */
#pragma once
#include "text/sentences.h"

enum {
    LT_CHUNK_CHARS = 900,              /* code points from which on no sentence is added: about 200 tokens of English */
    LT_CHUNK_CHARS_MAX = 1200,         /* code points of a piece; a sentence that is longer is cut */
    LT_CHUNK_OVERLAP_CHARS = 200,      /* the last sentence stands in the next piece too, when it is no longer than that */
    LT_CHUNK_SECTION_CHARS = 250,      /* a heading begins a new piece when the one before has so many code points */
    LT_CHUNK_HEADING_MAX = 200,        /* bytes of a heading that are kept */
};

struct lt_chunk {
    size_t at, n;                      /* bytes of the text, at borders of code points */
    struct lt_str heading;             /* the last one that begins before the piece ends; "" = none; in the arena */
};

/*
 * Every sentence with a word in it lies in a piece. text: UTF-8 (other bytes count as one code point each). language: as in lt_document_parse().
 * The pieces lie in the arena. LT_EINTERNAL when ICU's data is missing.
 */
enum lt_code lt_chunk_text(struct lt_arena *arena, struct lt_str text, const struct lt_language *language, struct lt_chunk **ret, size_t *ret_n,
                           struct lt_error *err);
