/* Sentences, words and stems of any bytes, their ranks, the terms of a search, and folding. First line: a language tag. */
#include <assert.h>
#include <math.h>

#include "text/fold.h"
#include "text/rank.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_document(const struct lt_document *d, struct lt_str text)
{
    const char *last = d->text.p;
    assert(d->text.n == text.n && d->language);
    for (size_t i = 0; i < d->sentences_n; i++) {
        const struct lt_sentence *s = &d->sentences[i];
        assert(s->words > 0 && s->words <= LT_SENTENCE_WORDS_MAX && s->terms_n <= s->words);
        assert(s->text.p >= last && s->text.p + s->text.n <= d->text.p + d->text.n && s->text.n > 0);
        assert(s->terms_at + s->terms_n <= d->terms_n);
        last = s->text.p + s->text.n;
    }
    for (size_t i = 0; i < d->terms_n; i++)
        assert(d->terms[i] < d->vocabulary_n);
}

static void check_ranks(struct lt_arena *arena, const struct lt_document *d)
{
    size_t n = d->sentences_n;
    double *scores = LT_NEW_ARRAY(arena, double, n + 1);
    uint32_t *chosen = LT_NEW_ARRAY(arena, uint32_t, n + 1);
    lt_rank_scores(arena, d, scores);
    for (size_t i = 0; i < n; i++)
        assert(isfinite(scores[i]) && scores[i] >= 0 && scores[i] <= 1);
    size_t taken = lt_rank_select(arena, d, 60, chosen);
    assert(taken <= n && (n == 0 || taken > 0));
    for (size_t i = 0; i < taken; i++)
        assert(chosen[i] < n && (i == 0 || chosen[i] > chosen[i - 1]));
}

static void check_fold(struct lt_str text)
{
    struct lt_buf once, twice;
    lt_buf_init(&once, 3 * text.n + 1);
    lt_buf_init(&twice, 9 * text.n + 1);
    lt_fold(&once, text);
    lt_fold(&twice, lt_buf_str(&once));
    assert(!once.failed && once.n <= 3 * text.n && lt_str_eq(lt_buf_str(&once), lt_buf_str(&twice)));
    assert(lt_fold_contains(text, lt_buf_str(&once)));
    lt_buf_free(&once);
    lt_buf_free(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct lt_arena *arena = lt_arena_new();
    struct lt_str text = {(const char *)data, size};
    const struct lt_language *language = lt_language_find(lt_str_cut(&text, '\n'));
    const struct lt_document *document;
    struct lt_error err;
    struct lt_str *terms;
    size_t n;
    if (text.n > 0 && lt_document_parse(arena, text, language, &document, &err) == LT_OK) {
        check_document(document, text);
        check_ranks(arena, document);
    }
    if (lt_text_terms(arena, text, language, &terms, &n, &err) == LT_OK)
        for (size_t i = 0; i < n; i++)
            assert(terms[i].n > 0 && terms[i].n <= LT_TERM_MAX && lt_utf8_valid(terms[i].p, terms[i].n));
    if (text.n > 0 && text.n < 4096)
        check_fold(text);
    lt_arena_free(arena);
    return 0;
}
