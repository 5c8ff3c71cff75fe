/*
 * A text taken apart for ranking: sentences, their words, and the stems of the words that carry meaning. Sentence and word
 * boundaries are those of Unicode (UAX #29) by ICU, with CLDR's abbreviations; stems are Snowball's. Pure computation: no clock,
 * no locale of the process, no random numbers; the same bytes give the same document. Any thread; a document is read-only.
 */
#pragma once
#include "base/arena.h"
#include "base/error.h"

/* Longest text taken, bytes. 400 KB is about 65,000 words, a book of 200 pages; it is taken apart in well under a second. */
enum { LT_DOCUMENT_MAX = 400 * 1000 };
/* A run of words without an end mark (captions, transcripts) is cut into pieces of at most this many words. */
enum { LT_SENTENCE_WORDS_MAX = 80 };

struct lt_language {
    const char *code;                 /* ISO 639-1 */
    const char *stemmer;              /* Snowball's name for it, NULL: words are only case-folded */
    const char *const *stop_words;    /* sorted by bytes, case-folded, NFC */
    size_t stop_words_n;              /* 0: known by name only, never guessed */
    const char *const *abbreviations; /* besides CLDR's; without the full stop, NULL-terminated */
    /* Phrases that tell a sentence which leans on the one before (struct lt_sentence); folded as words are, NULL-terminated. */
    const char *const *openers;    /* at its very beginning: connectives */
    const char *const *pointers;   /* among its first words: third-person pronouns and possessives, demonstratives */
    const char *const *impersonal; /* look like one of those and point to nothing: "il faut", "es gibt" */
};

enum lt_sentence_kind {
    LT_SENTENCE_PROSE,
    LT_SENTENCE_ITEM,    /* belongs to a list; the first one of an item begins with the item's marker */
    LT_SENTENCE_ROW,     /* a line of a table */
    LT_SENTENCE_HEADING, /* a short line of its own without an end mark, or a Markdown heading */
};

struct lt_sentence {
    struct lt_str text;   /* lies in the document's copy of the text, without white space at its ends */
    uint32_t words;       /* words and numbers in it, stop words too */
    uint32_t block;       /* which paragraph, item, row or heading it belongs to, counted from 0 */
    uint32_t terms_at;    /* its terms are document->terms[terms_at … terms_at + terms_n) */
    uint32_t terms_n;
    enum lt_sentence_kind kind;
    bool whole;           /* says something by itself: not a question, no colon at its end */
    bool leans;           /* begins with a word that points to the sentence before ("But …", "For years he …") */
};

struct lt_document {
    struct lt_str text;                 /* the document's copy: byte for byte as long as what was given, with other line ends */
    const struct lt_language *language; /* never NULL; code "" when it is not known */
    struct lt_sentence *sentences;      /* in the order of the text; only those with at least one word */
    size_t sentences_n;
    uint32_t *terms;                    /* ids of stems, 0 … vocabulary_n − 1; stop words and single letters have none */
    size_t terms_n;
    uint32_t vocabulary_n;
};

/* The language of a BCP 47 tag ("es", "es-419", "ES_ar"); NULL when it is not in the table or the tag is empty. */
const struct lt_language *lt_language_find(struct lt_str tag);
/* Is the word (case-folded) one of the language's stop words? */
bool lt_language_is_stop_word(const struct lt_language *language, struct lt_str word);

/*
 * Takes a text apart. Any bytes are taken: what is not UTF-8 counts as U+FFFD, which is no letter. Line ends inside a paragraph
 * (hard-wrapped text) become spaces in the document's copy. The language is found by counting stop words of English, Spanish,
 * French and German; when that leaves doubt it is `fallback` (NULL: unknown), since what a caller can name is often the reader's
 * language and not the text's. Everything lies in the arena. LT_ECONTEXT_WINDOW above LT_DOCUMENT_MAX bytes;
 * LT_EINTERNAL when ICU's data is missing.
 */
enum lt_code lt_document_parse(struct lt_arena *arena, struct lt_str text, const struct lt_language *fallback,
                               const struct lt_document **ret, struct lt_error *err);

enum { LT_TERM_MAX = 192 };             /* bytes of a search term */
/*
 * The words of a text as they are searched by, in their order: folded, stemmed by the language, without accents, of lower-case letters and digits only
 * (ASCII ones, and bytes above 0x7F of UTF-8). Stop words have none. Where the text is plainly in another language than this one, a word gives the stem
 * of that one too, so that a page and a question in it meet whatever language their course is in. language: NULL when it is not known. Everything lies
 * in the arena. LT_EINTERNAL when ICU's data is missing. Any thread.
 */
enum lt_code lt_text_terms(struct lt_arena *arena, struct lt_str text, const struct lt_language *language, struct lt_str **ret, size_t *ret_n,
                           struct lt_error *err);
