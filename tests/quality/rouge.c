/*
 * Is the extractive summariser better than taking the first sentences? For twelve course texts with reference summaries this
 * prints ROUGE-1 F of the summariser and of lead-3 (the first three sentences) at equal word counts, and fails when the
 * summariser is not better by the margin asked for. The last two columns are for information: both at the reference's length.
 *
 * ROUGE-1 (Lin 2004): overlap of single words with the reference, as often as they occur in both; F = harmonic mean of precision
 * and recall. Words are Unicode's, lower-cased; no stemming, no stop-word removal. The budget of a text is the number of words of
 * its lead-3 (headings are not sentences of it). The summariser is asked for the least budget with which it gives at least as
 * many words, and is cut to that number.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unicode/ubrk.h>
#include <unicode/ustring.h>

#include "text/rank.h"

static const char *const names[] = {
    "01-en-tides", "02-en-blackdeath", "03-en-hashing", "04-es-masamadre", "05-es-contrato", "06-es-bayes",
    "07-fr-canalsuez", "08-fr-immunite", "09-fr-inflation", "10-de-akustik", "11-de-grundrechte", "12-de-suchbaum",
};
static const double MARGIN = 0.03;
enum { WINS = 9, WORDS_MAX = 4000 };

struct words {
    struct lt_str word[WORDS_MAX];
    size_t n;
};

static void die(const char *what, const char *about)
{
    fprintf(stderr, "%s: %s\n", what, about);
    exit(2);
}

static struct lt_str read_file(struct lt_arena *arena, const char *folder, const char *name, const char *ending)
{
    struct lt_str path = lt_printf(arena, "%s/%s%s", folder, name, ending);
    FILE *f = fopen(path.p, "rb");
    if (!f)
        die("cannot read", path.p);
    char *bytes = lt_alloc(arena, LT_DOCUMENT_MAX);
    size_t n = fread(bytes, 1, LT_DOCUMENT_MAX, f);
    fclose(f);
    return (struct lt_str){bytes, n};
}

/* Appends the lower-cased words of a text. Its own tokeniser, so that the judge shares no code with the judged. */
static void add_words(struct lt_arena *arena, struct lt_str text, struct words *out)
{
    UErrorCode status = U_ZERO_ERROR;
    int32_t cap = (int32_t)text.n * 2 + 16, n = 0, lower_n;
    UChar *units = LT_NEW_ARRAY(arena, UChar, cap), *lower = LT_NEW_ARRAY(arena, UChar, cap);
    u_strFromUTF8(units, cap, &n, text.p, (int32_t)text.n, &status);
    lower_n = u_strToLower(lower, cap, units, n, "", &status);
    UBreakIterator *breaks = ubrk_open(UBRK_WORD, "", lower, lower_n, &status);
    if (U_FAILURE(status))
        die("ICU", u_errorName(status));
    int32_t at = ubrk_first(breaks);
    for (int32_t end; (end = ubrk_next(breaks)) != UBRK_DONE; at = end) {
        if (ubrk_getRuleStatus(breaks) < UBRK_WORD_NUMBER)
            continue;
        if (out->n == WORDS_MAX)
            die("too many words", "raise WORDS_MAX");
        int32_t bytes_n = 0;
        char *bytes = lt_alloc(arena, (size_t)(end - at) * 3 + 1);
        u_strToUTF8(bytes, (end - at) * 3 + 1, &bytes_n, lower + at, end - at, &status);
        out->word[out->n++] = (struct lt_str){bytes, (size_t)bytes_n};
    }
    ubrk_close(breaks);
}

static struct words *words_of(struct lt_arena *arena, const struct lt_document *d, const uint32_t *chosen, size_t n)
{
    struct words *words = LT_NEW(arena, struct words);
    for (size_t i = 0; i < n; i++)
        add_words(arena, d->sentences[chosen[i]].text, words);
    return words;
}

static double rouge_1_f(const struct words *answer, size_t answer_n, const struct words *reference)
{
    static bool used[WORDS_MAX];
    memset(used, 0, sizeof used);
    size_t common = 0;
    for (size_t i = 0; i < answer_n; i++)
        for (size_t j = 0; j < reference->n; j++)
            if (!used[j] && lt_str_eq(answer->word[i], reference->word[j])) {
                used[j] = true;
                common++;
                break;
            }
    return answer_n + reference->n > 0 ? 2.0 * (double)common / (double)(answer_n + reference->n) : 0;
}

/* The first sentences, headings left out: `sentences` of them, or more until there are at least `words`. */
static struct words *lead(struct lt_arena *arena, const struct lt_document *d, size_t sentences, size_t words)
{
    struct words *out = LT_NEW(arena, struct words);
    size_t taken = 0;
    for (size_t i = 0; i < d->sentences_n && (taken < sentences || out->n < words); i++)
        if (d->sentences[i].kind != LT_SENTENCE_HEADING) {
            add_words(arena, d->sentences[i].text, out);
            taken++;
        }
    return out;
}

static struct words *extract(struct lt_arena *arena, const struct lt_document *d, size_t budget)
{
    uint32_t *chosen = LT_NEW_ARRAY(arena, uint32_t, d->sentences_n);
    for (uint32_t asked = (uint32_t)budget; asked < WORDS_MAX; asked++) {
        size_t n = lt_rank_select(arena, d, asked, chosen);
        struct words *words = words_of(arena, d, chosen, n);
        if (words->n >= budget)
            return words;
    }
    die("no summary of", "the length asked for");
    return NULL;
}

struct row {
    size_t words;
    double extract, lead, long_extract, long_lead;
};

static struct row measure(struct lt_arena *arena, const char *folder, const char *name)
{
    struct lt_str text = read_file(arena, folder, name, ".txt");
    struct words *reference = LT_NEW(arena, struct words);
    add_words(arena, read_file(arena, folder, name, ".ref.txt"), reference);
    const struct lt_document *d;
    struct lt_error err;
    if (lt_document_parse(arena, text, NULL, &d, &err) != LT_OK)
        die(name, err.detail);
    struct words *lead_3 = lead(arena, d, 3, 0);
    size_t n = lead_3->n, long_n = reference->n;
    return (struct row){
        .words = n,
        .extract = rouge_1_f(extract(arena, d, n), n, reference),
        .lead = rouge_1_f(lead_3, n, reference),
        .long_extract = rouge_1_f(extract(arena, d, long_n), long_n, reference),
        .long_lead = rouge_1_f(lead(arena, d, 3, long_n), long_n, reference),
    };
}

int main(int argc, char **argv)
{
    if (argc != 2)
        die("usage", "summary_quality FOLDER");
    struct row sum = {0};
    size_t wins = 0;
    printf("ROUGE-1 F at equal word counts\n%-18s %6s %8s %8s %8s   | %8s %8s\n", "text", "words", "extract", "lead-3", "differ.",
           "extract", "lead");
    for (size_t i = 0; i < LT_COUNT(names); i++) {
        struct lt_arena *arena = lt_arena_new();
        struct row r = measure(arena, argv[1], names[i]);
        printf("%-18s %6zu %8.4f %8.4f %+8.4f   | %8.4f %8.4f\n", names[i], r.words, r.extract, r.lead, r.extract - r.lead,
               r.long_extract, r.long_lead);
        sum.extract += r.extract;
        sum.lead += r.lead;
        sum.long_extract += r.long_extract;
        sum.long_lead += r.long_lead;
        wins += r.extract > r.lead;
        lt_arena_free(arena);
    }
    double n = (double)LT_COUNT(names), margin = (sum.extract - sum.lead) / n;
    printf("%-18s %6s %8.4f %8.4f %+8.4f   | %8.4f %8.4f\nwins %zu of %zu\n", "mean", "", sum.extract / n, sum.lead / n, margin,
           sum.long_extract / n, sum.long_lead / n, wins, LT_COUNT(names));
    bool good = margin >= MARGIN && wins >= WINS;
    printf("%s: difference of means >= %.2f and wins >= %d\n", good ? "passed" : "FAILED", MARGIN, WINS);
    lt_arena_thread_end();
    return good ? 0 : 1;
}
