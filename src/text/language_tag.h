/* Language tags (BCP 47; RFC 5646), and what a language is called in English. Any thread. */
#pragma once
#include "base/arena.h"
#include "base/error.h"

enum { LT_LANGUAGE_TAG_MAX = 35 /* bytes: RFC 5646, section 4.4.1 */ };

/* What a tag may look like: letters, digits and hyphens; LMSs write underscores in the place of hyphens. */
#define LT_LANGUAGE_TAG_PATTERN "^[A-Za-z0-9]{1,8}([-_][A-Za-z0-9]{1,8})*$"

struct lt_language_tag {
    struct lt_str tag;  /* canonical: "pt-BR" for "PT_br"; without extensions and private use */
    struct lt_str name; /* in English: "Portuguese (Brazil)"; the tag itself where nobody has named the language */
};

/*
 * Reads a tag; what it gives lies in the arena. Three letters may be any language of ISO 639-3, which has more than there are names for; two
 * letters, and longer words, must be known (CLDR, by ICU). LT_EINVALID_INPUT without a field: it is not well formed, or names no language (und, mul,
 * mis, zxx, private use alone).
 */
enum lt_code lt_language_tag_read(struct lt_arena *arena, struct lt_str given, struct lt_language_tag *ret, struct lt_error *err);
