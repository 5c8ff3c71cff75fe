/*
 * Which sentences of a document matter most, after LexRank (Erkan and Radev, "LexRank: Graph-based Lexical Centrality as Salience
 * in Text Summarization", JAIR 22, 2004), and which of them make a summary. Pure computation, deterministic, any thread.
 */
#pragma once
#include "text/sentences.h"

/*
 * Gives each sentence a score ≥ 0 into scores[0 … sentences_n); the best has 1. Headings and table rows get 0 unless the text has
 * nothing else. Memory for the computation is taken from the arena: O(words), no matrix.
 */
void lt_rank_scores(struct lt_arena *arena, const struct lt_document *document, double *scores);

/*
 * Picks the sentences of a summary of at most max_words words; returns how many, their indices, ascending, in chosen[0 …
 * sentences_n). A document of one or two sentences is taken whole; otherwise at least one sentence and at most 60 % of them (two
 * of three). A sentence that leans on the one before it (headings and rows do not count) is picked only when that one is, unless
 * nothing else fits at all.
 * When not even one sentence fits, the shortest is taken, so that there is always an answer (sentences_n > 0).
 */
size_t lt_rank_select(struct lt_arena *arena, const struct lt_document *document, uint32_t max_words, uint32_t *chosen);
