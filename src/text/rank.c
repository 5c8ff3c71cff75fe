/* LexRank without a matrix, and the choice of sentences. See rank.h. Fuzzed by tests/fuzz/fuzz_sentences.c. */
#include "text/rank.h"

#include <math.h>
#include <stdlib.h>

/*
 * Chance of a jump away from the graph's links; 0.15 is what Erkan and Radev took over from PageRank. It makes the walk converge.
 */
static const double DAMPING = 0.15;
/*
 * Such a jump lands more often on sentences with the words of the headings, at most twice as often as on others: authors put into
 * headings what a text is about. There is no bonus for standing first, in the text or in a paragraph: course texts begin with a
 * story or a question, and their key sentences stand anywhere.
 */
static const double HEADING_BONUS = 1;
/* Importance against novelty in maximal marginal relevance (Carbonell and Goldstein 1998): the customary 0.7 to 0.3. */
static const double IMPORTANCE = 0.7;
/* Above this cosine two sentences say the same in other words, and one of them is enough, however important. */
static const double SAME = 0.7;
/* Stems a sentence needs to say something by itself: who, does what, to what. "Unfortunately not." stays out. */
enum { STEMS_MIN = 3 };
/* With the damping above the error after 60 rounds is below 0.85^60, less than one in ten thousand. */
enum { ROUNDS = 60 };

/* One sentence as a vector over stems: tf · idf, of length 1 (or 0 when it has no term). */
struct vector {
    uint32_t *terms;
    double *weights;
    uint32_t n;
};

struct graph {
    const struct lt_document *document;
    struct vector *vectors; /* per sentence */
    bool *nodes;            /* per sentence: takes part in the ranking */
    double *idf;            /* per term */
    double *sums;           /* per term: scratch */
};

static int compare_uint32(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static void normalise(struct vector *v)
{
    double square = 0;
    for (uint32_t i = 0; i < v->n; i++)
        square += v->weights[i] * v->weights[i];
    for (uint32_t i = 0; square > 0 && i < v->n; i++)
        v->weights[i] /= sqrt(square);
}

/* The distinct terms of a sentence with how often each occurs. */
static struct vector count_terms(struct lt_arena *arena, const uint32_t *terms, uint32_t n)
{
    struct vector v = {LT_NEW_ARRAY(arena, uint32_t, n), LT_NEW_ARRAY(arena, double, n), 0};
    memcpy(v.terms, terms, sizeof *terms * n);
    qsort(v.terms, n, sizeof *terms, compare_uint32);
    for (uint32_t i = 0; i < n; i++) {
        if (v.n == 0 || v.terms[v.n - 1] != v.terms[i])
            v.terms[v.n++] = v.terms[i];
        v.weights[v.n - 1] += 1;
    }
    return v;
}

static bool is_text(const struct lt_sentence *s)
{
    return s->kind == LT_SENTENCE_PROSE || s->kind == LT_SENTENCE_ITEM;
}

/*
 * The weight of a term is how often it stands in the sentence times idf = log(sentences / sentences with the term), over the
 * sentences of this text: there is no other collection to learn from. Terms that stand in headings only have weight 0.
 */
static struct graph make_graph(struct lt_arena *arena, const struct lt_document *document)
{
    size_t n = document->sentences_n, nodes_n = 0;
    struct graph g = {
        .document = document,
        .vectors = LT_NEW_ARRAY(arena, struct vector, n),
        .nodes = LT_NEW_ARRAY(arena, bool, n),
        .idf = LT_NEW_ARRAY(arena, double, document->vocabulary_n),
        .sums = LT_NEW_ARRAY(arena, double, document->vocabulary_n),
    };
    for (size_t i = 0; i < n; i++) {
        const struct lt_sentence *s = &document->sentences[i];
        g.vectors[i] = count_terms(arena, document->terms + s->terms_at, s->terms_n);
        g.nodes[i] = is_text(s);
        nodes_n += g.nodes[i];
    }
    if (nodes_n == 0) {
        memset(g.nodes, true, sizeof *g.nodes * n);
        nodes_n = n;
    }
    for (size_t i = 0; i < n; i++)
        for (uint32_t t = 0; g.nodes[i] && t < g.vectors[i].n; t++)
            g.idf[g.vectors[i].terms[t]] += 1;
    for (uint32_t t = 0; t < document->vocabulary_n; t++)
        g.idf[t] = g.idf[t] > 0 ? log((double)nodes_n / g.idf[t]) : 0;
    for (size_t i = 0; i < n; i++) {
        for (uint32_t t = 0; t < g.vectors[i].n; t++)
            g.vectors[i].weights[t] *= g.idf[g.vectors[i].terms[t]];
        normalise(&g.vectors[i]);
    }
    return g;
}

/* Product of sentence i's vector with what lies in sums; the cosine when that has length 1. */
static double dot(const struct graph *g, size_t i)
{
    double sum = 0;
    for (uint32_t t = 0; t < g->vectors[i].n; t++)
        sum += g->vectors[i].weights[t] * g->sums[g->vectors[i].terms[t]];
    return sum;
}

static void add_scaled(struct graph *g, size_t i, double factor)
{
    for (uint32_t t = 0; t < g->vectors[i].n; t++)
        g->sums[g->vectors[i].terms[t]] += factor * g->vectors[i].weights[t];
}

static void clear_sums(struct graph *g)
{
    memset(g->sums, 0, sizeof *g->sums * g->document->vocabulary_n);
}

/* Where the walk lands when it jumps: a distribution over the nodes. */
static void make_prior(struct graph *g, double *prior)
{
    size_t n = g->document->sentences_n;
    double total = 0, length = 0;
    clear_sums(g);
    for (size_t i = 0; i < n; i++)
        if (g->document->sentences[i].kind == LT_SENTENCE_HEADING)
            add_scaled(g, i, 1);
    for (uint32_t t = 0; t < g->document->vocabulary_n; t++)
        length += g->sums[t] * g->sums[t];
    for (size_t i = 0; i < n; i++) {
        prior[i] = !g->nodes[i] ? 0 : length > 0 ? 1 + HEADING_BONUS * dot(g, i) / sqrt(length) : 1;
        total += prior[i];
    }
    for (size_t i = 0; i < n; i++)
        prior[i] /= total;
}

/*
 * The continuous LexRank: a walk over the sentences, from each to the others and, as in the paper, to itself, with a chance
 * proportional to the cosine. The matrix of cosines is X·Xᵀ, X being the sentence vectors, so one step is "sum the vectors,
 * weighted, then take the product with the sum": linear in the number of words. So long texts need no sampling: every sentence of
 * 400 KB is ranked. What this gives up is Erkan and Radev's other variant, with a threshold on single cosines.
 */
static void walk(struct lt_arena *arena, struct graph *g, double *scores)
{
    size_t n = g->document->sentences_n;
    double *prior = LT_NEW_ARRAY(arena, double, n), *degree = LT_NEW_ARRAY(arena, double, n);
    make_prior(g, prior);
    clear_sums(g);
    for (size_t i = 0; i < n; i++)
        if (g->nodes[i])
            add_scaled(g, i, 1);
    for (size_t i = 0; i < n; i++)
        degree[i] = g->nodes[i] ? dot(g, i) : 0; /* 0: a sentence without terms, which links to nothing */
    memcpy(scores, prior, sizeof *scores * n);
    for (int round = 0; round < ROUNDS; round++) {
        clear_sums(g);
        for (size_t i = 0; i < n; i++)
            if (degree[i] > 0)
                add_scaled(g, i, scores[i] / degree[i]);
        for (size_t i = 0; i < n; i++)
            scores[i] = g->nodes[i] ? DAMPING * prior[i] + (1 - DAMPING) * dot(g, i) : 0;
    }
    double best = 0;
    for (size_t i = 0; i < n; i++)
        best = fmax(best, scores[i]);
    for (size_t i = 0; i < n; i++)
        scores[i] /= best;
}

void lt_rank_scores(struct lt_arena *arena, const struct lt_document *document, double *scores)
{
    if (document->sentences_n == 0)
        return;
    struct graph g = make_graph(arena, document);
    walk(arena, &g, scores);
}

/* 60 % of the sentences (headings and rows are none), at least two. */
static size_t most_of(const struct graph *g)
{
    size_t nodes_n = 0;
    for (size_t i = 0; i < g->document->sentences_n; i++)
        nodes_n += g->nodes[i];
    size_t most = nodes_n * 6 / 10;
    return most > 2 ? most : 2;
}

/* Which sentences may stand in a summary; when none is good enough, all may. */
static bool *find_candidates(struct lt_arena *arena, const struct lt_document *document)
{
    size_t n = document->sentences_n, candidates_n = 0;
    bool *candidates = LT_NEW_ARRAY(arena, bool, n);
    for (size_t i = 0; i < n; i++) {
        const struct lt_sentence *s = &document->sentences[i];
        candidates[i] = is_text(s) && s->whole && s->terms_n >= STEMS_MIN;
        candidates_n += candidates[i];
    }
    if (candidates_n == 0)
        memset(candidates, true, sizeof *candidates * n);
    return candidates;
}

static size_t shortest(const struct lt_document *document)
{
    size_t found = 0;
    for (size_t i = 1; i < document->sentences_n; i++)
        if (document->sentences[i].words < document->sentences[found].words)
            found = i;
    return found;
}

/* A choice under way; the arrays are per sentence. */
struct choice {
    const struct lt_document *document;
    bool *candidates;
    bool *taken;
    double *scores;
    double *nearest; /* greatest cosine with a sentence taken */
    uint32_t left;   /* words */
};

/*
 * The candidate of the best value that still fits, the first of equals; sentences_n when none does. With `standing` a sentence
 * that leans on the one before must find it taken: a reader has to know who "he" is. Nothing stands before the first one.
 */
static size_t best_fitting(const struct choice *c, bool standing)
{
    size_t best = c->document->sentences_n;
    double best_value = 0;
    bool supported = true; /* was the sentence before taken? */
    for (size_t i = 0; i < c->document->sentences_n; i++) {
        const struct lt_sentence *s = &c->document->sentences[i];
        bool stands = supported || !s->leans;
        if (is_text(s))
            supported = c->taken[i];
        if (!c->candidates[i] || c->nearest[i] > SAME || s->words > c->left || (standing && !stands))
            continue;
        double value = IMPORTANCE * c->scores[i] - (1 - IMPORTANCE) * c->nearest[i];
        if (best == c->document->sentences_n || value > best_value) {
            best = i;
            best_value = value;
        }
    }
    return best;
}

size_t lt_rank_select(struct lt_arena *arena, const struct lt_document *document, uint32_t max_words, uint32_t *chosen)
{
    size_t n = document->sentences_n, chosen_n = 0;
    if (n <= 2) {
        for (size_t i = 0; i < n; i++)
            chosen[i] = (uint32_t)i;
        return n;
    }
    struct choice c = {
        .document = document,
        .candidates = find_candidates(arena, document),
        .taken = LT_NEW_ARRAY(arena, bool, n),
        .scores = LT_NEW_ARRAY(arena, double, n),
        .nearest = LT_NEW_ARRAY(arena, double, n),
        .left = max_words,
    };
    struct graph g = make_graph(arena, document);
    walk(arena, &g, c.scores);
    for (size_t most = most_of(&g); chosen_n < most;) {
        size_t best = best_fitting(&c, true);
        if (best == n && chosen_n == 0)
            best = best_fitting(&c, false);
        if (best == n)
            break;
        c.candidates[best] = false;
        c.taken[best] = true;
        c.left -= document->sentences[best].words;
        chosen[chosen_n++] = (uint32_t)best;
        clear_sums(&g);
        add_scaled(&g, best, 1);
        for (size_t i = 0; i < n; i++)
            c.nearest[i] = fmax(c.nearest[i], dot(&g, i));
    }
    if (chosen_n == 0)
        chosen[chosen_n++] = (uint32_t)shortest(document);
    qsort(chosen, chosen_n, sizeof *chosen, compare_uint32);
    return chosen_n;
}
