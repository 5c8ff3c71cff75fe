/* The writer: one thread, one queue, one connection; many units in one transaction. Private to store/. */
#pragma once
#include <pthread.h>

#include "store/db.h"

struct lt_writer;

/* Takes the connection over and starts the thread. */
enum lt_code lt_writer_start(struct lt_db *db, struct lt_writer **ret, struct lt_error *err);
/* Writes what is queued, moves the WAL into the database, closes the connection. NULL is allowed. */
void lt_writer_stop(struct lt_writer *w);
/* Any thread. Takes the unit over, also when it is refused: LT_EOVERLOADED, LT_ETOO_LARGE. */
enum lt_code lt_writer_queue(struct lt_writer *w, struct lt_tx *tx, struct lt_error *err);
/* Any thread. Somebody waits now for a unit that was queued as patient. */
void lt_writer_hurry(struct lt_writer *w);
/* See lt_store_delay_ms(). */
uint32_t lt_writer_delay_ms(struct lt_writer *w);
/* Can the database, another machine's perhaps, not be written to just now? Any thread, cheap. Of SQLite: false. */
bool lt_writer_broken(struct lt_writer *w);
/* When it has next been idle for 2 s it gives up the pages that it keeps in memory. Any thread. */
void lt_writer_rest(struct lt_writer *w);
/*
 * From now on what was deleted in commits that are durable is to be in no file: any thread; returns the number for lt_writer_scrubbed(). Tried
 * between batches until no reader is in the way.
 */
uint64_t lt_writer_scrub(struct lt_writer *w);
bool lt_writer_scrubbed(struct lt_writer *w, uint64_t number);
void lt_writer_stats(struct lt_writer *w, struct lt_store_stats *ret);
/* Blocks until a commit that belongs to no loop is done. */
void lt_writer_block(struct lt_commit *commit);
