/*
 * Memory for things that are kept for about the same time, so that they go in about the order in which they came. They lie one behind
 * the other in chunks apart from malloc's heap, and a chunk goes back to the system with the last thing in it. What is kept for later
 * thus holds none of the pages in which lay what was freed around it.
 */
#pragma once
#include <stddef.h>

struct lt_shelf;

struct lt_shelf *lt_shelf_new(void);
/* What lies on it stays until it is freed. NULL is allowed. */
void lt_shelf_free(struct lt_shelf *shelf);
/* n bytes, aligned to 16, not cleared. Any thread. Never NULL: without memory the process ends with a message. */
void *lt_shelf_put(struct lt_shelf *shelf, size_t n);
/* Any thread, also after lt_shelf_free(). NULL is allowed. */
void lt_shelf_drop(void *p);
