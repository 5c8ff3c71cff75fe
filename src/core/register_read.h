/* Shared by register_read.c and register_export.c only. */
#pragma once
#include "core/register.h"

/* The id behind which calls of the filter's time lie: ids are older than their begin by as long as a task may wait. */
struct lt_uuid lt_register_first_id(const struct lt_register_filter *filter);
/*
 * Those of the next `size` calls behind *at that pass the filter, oldest first; *at moves on, *ret_more is false at the end. with_content: also
 * partial texts.
 */
enum lt_code lt_register_window(struct lt_store *store, struct lt_arena *arena, const struct lt_register_filter *filter, int size, bool with_content,
                                struct lt_uuid *at, struct lt_register_call **ret, size_t *ret_n, bool *ret_more, struct lt_error *err);
/* JSON array of the tools of a call; JSON object of the columns of its action's table. */
enum lt_code lt_register_tools_json(struct lt_store *store, struct lt_arena *arena, struct lt_uuid id, struct lt_str *ret, struct lt_error *err);
enum lt_code lt_register_content_json(struct lt_store *store, struct lt_arena *arena, struct lt_str action, struct lt_uuid id, struct lt_str *ret,
                                      struct lt_error *err);
